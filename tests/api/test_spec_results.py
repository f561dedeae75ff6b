# SPDX-License-Identifier: GPL-3.0-or-later
"""The sentences of FHIR R4's search page about what comes back: order, totals, pages, included and contained resources,
summaries; each test under the number of its row in docs/conformance.md."""
import pytest

from conftest import Fhir, Server, wants
from spec_search_data import load


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    one = Server(tmp_path_factory.mktemp("spec") / "rihla")
    load(one)
    yield one
    one.stop()


@pytest.fixture
def fhir(served):
    with served.client() as client:
        yield Fhir(served, client)


@pytest.fixture
def search(fhir):
    def find(path, *pairs):
        answer = fhir.http.get(path, params=list(pairs) or None)
        assert answer.status_code == 200, f"{answer.request.url}: {answer.status_code} {answer.text[:600]}"
        return answer.json()
    return find


def matches(bundle, mode="match"):
    return [e["resource"]["id"] for e in bundle.get("entry", []) if e["search"]["mode"] == mode]


def links(bundle):
    return {link["relation"]: link["url"] for link in bundle["link"]}


# --- order

def test_s160_sorted_by_several_rules(search):
    assert matches(search("/Patient?_sort=family")) == ["eve", "evelyn", "severine", "shared", "lower"]
    assert matches(search("/Patient?_sort=-family")) == ["lower", "shared", "severine", "evelyn", "eve"]
    assert matches(search("/Composition?_sort=date")) == ["sections", "section"] and matches(search("/Composition?_sort=-date")) == ["section", "sections"]
    ordered = matches(search("/Patient?active:missing=false&_sort=-active,family"))
    assert ordered == ["eve", "lower", "evelyn"]


def test_s161_of_several_values_the_one_that_comes_first_counts(search):
    up = matches(search("/Patient?language:missing=false&_sort=language"))
    down = matches(search("/Patient?language:missing=false&_sort=-language"))
    assert up == ["eve", "severine", "evelyn"], "en, fr, nl"
    assert down[-1] == "eve", "nl, nl, fr"


def test_s162_strings_are_sorted_whatever_their_case(search):
    given = matches(search("/Patient?given:missing=false&_sort=given,_id"))
    assert given == ["eve", "lower", "evelyn", "severine"]


def test_s163_the_order_stands_in_the_self_link(search):
    assert "_sort=-family" in links(search("/Patient?_sort=-family"))["self"]


def test_s164_what_cannot_be_sorted_by_is_refused(fhir):
    wants(fhir.get("/Patient?_sort=_score"), 400, "score")
    wants(fhir.get("/Patient?_sort=colour"), 400, "colour")


# --- totals and pages

def test_s165_the_total_is_of_all_pages(search):
    page = search("/Patient?_count=2&_total=accurate")
    assert page["total"] == 5 and len(page["entry"]) == 2
    assert search(links(page)["next"]).get("total", 5) == 5


def test_s166_the_three_wishes_for_a_total(fhir, search):
    assert "total" not in search("/Patient?_total=none") and search("/Patient?_total=accurate")["total"] == 5
    assert search("/Patient?_total=estimate").get("total", 5) >= 0
    wants(fhir.get("/Patient?_total=perhaps"), 400, "_total")


def test_s168_a_page_never_has_more_than_was_asked_for(fhir, search):
    page, seen = search("/Patient?_count=2"), []
    while True:
        assert len(page["entry"]) <= 2
        seen += matches(page)
        if "next" not in links(page):
            break
        assert "_count=2" in links(page)["next"]
        page = search(links(page)["next"])
    assert sorted(seen) == ["eve", "evelyn", "lower", "severine", "shared"]
    wants(fhir.get("/Patient?_count=few"), 400, "_count")
    assert len(fhir.get("/_history?_count=3").json()["entry"]) == 3


def test_s169_the_newest_by_sort_and_count(search):
    assert matches(search("/Composition?_sort=-date&_count=1")) == ["section"]


def test_s170_a_count_of_nothing_is_the_number_alone(search):
    zero, count = search("/Patient?_count=0"), search("/Patient?_summary=count")
    for bundle in (zero, count):
        assert bundle["total"] == 5 and "entry" not in bundle and "next" not in links(bundle) and "last" not in links(bundle)


def test_s171_included_resources_are_not_counted(search):
    page = search("/Patient?active=true&_include=Patient:organization&_include=Patient:general-practitioner&_total=accurate&_count=2")
    assert page["total"] == 2 and len(matches(page)) == 2 and set(matches(page, "include")) == {"o3", "joe", "jane"}


# --- included

def test_s175_include(search):
    found = search("/MedicationRequest?_include=MedicationRequest:subject")
    assert matches(found) == ["rx"] and matches(found, "include") == ["eve"]
    assert matches(search("/MedicationRequest?_include=MedicationRequest:patient"), "include") == ["eve"]


def test_s176_revinclude(search):
    found = search("/MedicationRequest?_revinclude=Provenance:target")
    assert matches(found) == ["rx"] and matches(found, "include") == ["prov"]


def test_s177_the_type_of_the_target(fhir, search):
    assert matches(search("/Observation?_id=person,group&_include=Observation:subject:Group"), "include") == ["shared"]
    both = search("/Observation?_id=person,group&_include=Observation:subject")
    assert sorted(e["resource"]["resourceType"] for e in both["entry"] if e["search"]["mode"] == "include") == ["Group", "Patient"]
    wants(fhir.get("/Observation?_include=Observation:no-such"), 400, "no-such")
    wants(fhir.get("/Observation?_include=Observation:code"), 400, "code")


def test_s178_includes_are_marked_and_what_is_not_there_is_left_out(search):
    found = search("/Observation?_id=lost,absolute&_include=Observation:subject")
    assert sorted(matches(found)) == ["absolute", "lost"] and matches(found, "include") == []


def test_s179_iteration_only_where_it_is_asked_for(search):
    path = "/MedicationDispense?_include=MedicationDispense:prescription"
    assert set(matches(search(path + "&_include=MedicationRequest:requester"), "include")) == {"rx"}
    assert set(matches(search(path + "&_include:iterate=MedicationRequest:requester"), "include")) == {"rx", "joe"}
    assert set(matches(search("/Observation?_id=grandmember&_include=Observation:has-member"), "include")) == {"member"}
    assert set(matches(search("/Observation?_id=grandmember&_include:iterate=Observation:has-member"), "include")) == {"member", "local"}


def test_s180_all_references(search):
    assert {"eve", "joe"} <= set(matches(search("/Observation?_id=local&_include=Observation:*"), "include"))
    assert {"eve", "joe"} <= set(matches(search("/Observation?_id=local&_include=*"), "include"))
    assert {"report", "audit", "member"} <= set(matches(search("/Observation?_id=local&_revinclude=*"), "include"))


def test_s182_each_page_stands_alone(search):
    page, pages = search("/Condition?patient=eve&_count=3&_include=Condition:patient"), 0
    while True:
        assert matches(page, "include") == ["eve"]
        pages += 1
        if "next" not in links(page):
            break
        page = search(links(page)["next"])
    assert pages >= 3


def test_s183_one_that_is_both_comes_once_as_a_match(search):
    found = search("/Observation?_id=member,local&_include=Observation:has-member")
    assert sorted(matches(found)) == ["local", "member"] and matches(found, "include") == []


# --- contained

def test_s185_contained_ones_are_not_found_by_themselves(search):
    assert matches(search("/Medication?ingredient-code=abc")) == ["free"] == matches(search("/Medication"))


def test_s186_contained_ones_when_asked(search):
    only = search("/Medication?ingredient-code=abc&_contained=true")
    assert matches(only) == ["rx"] and only["entry"][0]["resource"]["resourceType"] == "MedicationRequest"
    assert sorted(matches(search("/Medication?ingredient-code=abc&_contained=both"))) == ["free", "rx"]
    assert matches(search("/Medication?ingredient-code=abc&_contained=false")) == ["free"]


def test_s187_the_container_or_the_contained(fhir, search):
    container = search("/Medication?ingredient-code=abc&_contained=true&_containedType=container")["entry"][0]
    assert container["search"]["mode"] == "match" and container["fullUrl"] == f"{fhir.base}/MedicationRequest/rx"
    contained = search("/Medication?ingredient-code=abc&_contained=true&_containedType=contained")["entry"][0]
    assert contained["resource"]["resourceType"] == "Medication" and contained["resource"]["id"] == "m1"
    assert contained["search"]["mode"] == "match" and contained["fullUrl"] == f"{fhir.base}/MedicationRequest/rx#m1"


# --- less of each

def subsetted(resource):
    return "SUBSETTED" in [t["code"] for t in resource.get("meta", {}).get("tag", [])]


def test_s192_summaries(fhir, search):
    one = "/Condition?_id=words&_summary="
    short, text, data, whole = (search(one + s)["entry"][0]["resource"] for s in ("true", "text", "data", "false"))
    assert subsetted(short) and "text" not in short and "note" not in short and "code" in short
    assert subsetted(text) and set(text) == {"resourceType", "id", "meta", "text", "subject"}, "mandatory ones stay"
    assert subsetted(data) and "text" not in data and "note" in data
    assert not subsetted(whole) and "note" in whole and "text" in whole
    wants(fhir.get(one + "brief"), 400, "brief")


def test_s193_the_self_link_is_always_there(search):
    for summary in ("true", "text", "data", "count", "false"):
        assert f"_summary={summary}" in links(search(f"/Condition?_id=words&_summary={summary}"))["self"]


def test_s194_includes_do_not_go_with_a_summary_of_the_text(fhir):
    wants(fhir.get("/Condition?_include=Condition:subject&_summary=text"), 400, "_summary")


def test_s196_elements(search):
    some = search("/Condition?_id=words&_elements=code,note&_include=Condition:subject")["entry"]
    assert set(some[0]["resource"]) == {"resourceType", "id", "meta", "code", "note", "subject"} and subsetted(some[0]["resource"])
    assert some[1]["resource"]["id"] == "evelyn" and not subsetted(some[1]["resource"]) and "birthDate" in some[1]["resource"]
