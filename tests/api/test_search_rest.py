# SPDX-License-Identifier: GPL-3.0-or-later
"""Searches as they are sent and answered: addresses, links, modes of entries, subsets, what is left out, plans."""
import json
import time
import uuid

import pytest
from conftest import FHIR_JSON, wants
from program import rihla

FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def tag(server):
    """A word of its own for this module's resources: 3 people with an organization, 30 observations of the first."""
    tag = "T" + uuid.uuid4().hex[:10]
    entries = [{"resourceType": "Organization", "id": f"{tag}-org", "name": f"{tag} House"}]
    entries += [{"resourceType": "Patient", "id": f"{tag}-{n}", "name": [{"family": tag, "given": [f"Given{n}"]}], "birthDate": f"200{n}-01-01",
                 "managingOrganization": {"reference": f"Organization/{tag}-org"}} for n in range(3)]
    entries += [{"resourceType": "Observation", "id": f"{tag}-o{n}", "status": "final", "code": {"coding": [{"system": "urn:t", "code": tag}]},
                 "subject": {"reference": f"Patient/{tag}-0"}, "effectiveDateTime": f"2026-01-{n + 1:02}",
                 "valueQuantity": {"value": n, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}} for n in range(30)]
    entries += [{"resourceType": "Encounter", "id": f"{tag}-e", "status": "finished", "class": {"code": "AMB"}, "subject": {"reference": f"Patient/{tag}-0"},
                 "participant": [{"individual": {"reference": f"Practitioner/{tag}-d"}}]},
                {"resourceType": "Practitioner", "id": f"{tag}-d", "name": [{"family": "Doctor"}]},
                {"resourceType": "Condition", "id": f"{tag}-c", "subject": {"reference": f"Patient/{tag}-0"}, "encounter": {"reference": f"Encounter/{tag}-e"}}]
    bundle = {"resourceType": "Bundle", "type": "transaction",
              "entry": [{"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}} for r in entries]}
    with server.client() as client:
        answer = client.post("", json=bundle, headers={"Content-Type": FHIR_JSON})
        assert answer.status_code == 200, answer.text
    return tag


def ids(bundle, mode="match"):
    return [e["resource"].get("id") for e in bundle.get("entry", []) if e["search"]["mode"] == mode]


def link(bundle, relation):
    return next((row["url"] for row in bundle["link"] if row["relation"] == relation), None)


def get(fhir, path, **headers):
    answer = fhir.get(path, **headers)
    assert answer.status_code == 200, answer.text
    bundle = answer.json()
    assert bundle["resourceType"] == "Bundle" and bundle["type"] == "searchset"
    return bundle


# --- links and pages ---------------------------------------------------------------------------------


def test_a_page_has_self_and_next_and_no_previous(fhir, tag):
    first = get(fhir, f"/Observation?code={tag}&_count=12&_sort=date")
    assert [row["relation"] for row in first["link"]] == ["self", "first", "next"]
    second = get(fhir, link(first, "next"))
    third = get(fhir, link(second, "next"))
    assert link(third, "next") is None and link(third, "previous") is None
    assert link(second, "first") == link(first, "self") == link(first, "first")
    assert link(second, "self") == link(first, "next")
    assert ids(first) + ids(second) + ids(third) == [f"{tag}-o{n}" for n in range(30)]


def test_self_leads_to_the_same_page(fhir, tag):
    second = get(fhir, link(get(fhir, f"/Observation?code={tag}&_count=12"), "next"))
    assert ids(get(fhir, link(second, "self"))) == ids(second)


def test_the_total_of_a_whole_answer_and_of_a_count(fhir, tag):
    assert get(fhir, f"/Patient?name={tag}")["total"] == 3
    counted = get(fhir, f"/Observation?code={tag}&_summary=count")
    assert counted["total"] == 30 and "entry" not in counted
    assert get(fhir, f"/Observation?code={tag}&_count=0")["total"] == 30
    assert get(fhir, f"/Observation?code={tag}&_count=5&_total=accurate")["total"] == 30
    assert "total" not in get(fhir, f"/Observation?code={tag}&_count=5&_total=none")


def test_nothing_found_is_an_empty_bundle(fhir, tag):
    bundle = get(fhir, f"/Patient?name={tag}nobody")
    assert bundle["total"] == 0 and "entry" not in bundle and [row["relation"] for row in bundle["link"]] == ["self"]


def test_entries_have_full_urls_that_can_be_read(fhir, tag):
    entry = get(fhir, f"/Patient?_id={tag}-1")["entry"][0]
    assert entry["fullUrl"] == f"{fhir.base}/Patient/{tag}-1"
    assert fhir.get(entry["fullUrl"]).json() == entry["resource"]


# --- modes, subsets ----------------------------------------------------------------------------------


def test_included_resources_have_their_mode_and_come_once(fhir, tag):
    bundle = get(fhir, f"/Patient?name={tag}&_include=Patient:organization")
    assert len(ids(bundle)) == 3 and ids(bundle, "include") == [f"{tag}-org"]
    assert bundle["total"] == 3  # included ones do not count


def test_what_refers_to_a_match_is_included(fhir, tag):
    bundle = get(fhir, f"/Patient?_id={tag}-0&_revinclude=Encounter:subject&_revinclude=Condition:patient")
    assert ids(bundle) == [f"{tag}-0"] and sorted(ids(bundle, "include")) == [f"{tag}-c", f"{tag}-e"]


def test_a_match_that_is_included_too_stays_a_match(fhir, tag):
    bundle = get(fhir, f"/?_type=Patient,Organization&_id={tag}-0,{tag}-org&_include=Patient:organization")
    assert sorted(ids(bundle)) == [f"{tag}-0", f"{tag}-org"] and ids(bundle, "include") == []


def test_elements_are_of_matches_and_included_ones_come_whole(fhir, tag):
    bundle = get(fhir, f"/Patient?_id={tag}-0&_elements=birthDate&_include=Patient:organization")
    match, included = (e["resource"] for e in bundle["entry"])
    assert set(match) == {"resourceType", "id", "meta", "birthDate"} and match["meta"]["tag"][0]["code"] == "SUBSETTED"
    assert included["name"] == f"{tag} House" and "tag" not in included["meta"]


def test_a_summary_is_marked(fhir, tag):
    resource = get(fhir, f"/Patient?_id={tag}-0&_summary=true")["entry"][0]["resource"]
    assert resource["meta"]["tag"][0]["code"] == "SUBSETTED" and "name" in resource


# --- addresses ----------------------------------------------------------------------------------------


def test_post_takes_the_form_and_the_query_together(fhir, tag):
    answer = fhir.http.post(f"/Observation/_search?code={tag}", content="date=ge2026-01-28&_sort=date", headers={"Content-Type": FORM})
    assert answer.status_code == 200 and ids(answer.json()) == [f"{tag}-o27", f"{tag}-o28", f"{tag}-o29"]
    only_query = fhir.http.post(f"/Observation/_search?code={tag}&_summary=count")
    assert only_query.status_code == 200 and only_query.json()["total"] == 30
    wants(fhir.http.post("/Observation/_search", content="{}", headers={"Content-Type": FHIR_JSON}), 415, "form")


def test_get_search_is_the_same(fhir, tag):
    assert ids(get(fhir, f"/Patient/_search?name={tag}")) == ids(get(fhir, f"/Patient?name={tag}"))


def test_a_search_over_all_types(fhir, tag):
    bundle = get(fhir, f"/?_type=Patient,Practitioner&_id={tag}-0,{tag}-d,{tag}-org")
    assert sorted(ids(bundle)) == [f"{tag}-0", f"{tag}-d"]
    posted = fhir.http.post("/_search", content=f"_type=Patient&_id={tag}-0", headers={"Content-Type": FORM})
    assert ids(posted.json()) == [f"{tag}-0"]
    assert link(bundle, "self").startswith(f"{fhir.base}?_")
    wants(fhir.get("/?_type=Patient,Nothing"), 400, "Nothing")
    wants(fhir.get(f"/?_type=Patient,Practitioner&birthdate=2000"), 400, "birthdate")


def test_compartments(fhir, tag):
    inside = get(fhir, f"/Patient/{tag}-0/Observation?date=ge2026-01-29&_sort=date")
    assert ids(inside) == [f"{tag}-o28", f"{tag}-o29"]
    assert link(inside, "self").startswith(f"{fhir.base}/Patient/{tag}-0/Observation?")
    assert get(fhir, f"/Patient/{tag}-1/Observation")["total"] == 0
    posted = fhir.http.post(f"/Patient/{tag}-0/Observation/_search", content="_summary=count", headers={"Content-Type": FORM})
    assert posted.json()["total"] == 30
    everything = get(fhir, f"/Patient/{tag}-0/*?_count=100")
    assert {e["resource"]["resourceType"] for e in everything["entry"]} >= {"Observation", "Encounter", "Condition"}
    assert ids(get(fhir, f"/Encounter/{tag}-e/Condition")) == [f"{tag}-c"]
    assert ids(get(fhir, f"/Practitioner/{tag}-d/Encounter")) == [f"{tag}-e"]


def test_what_is_no_compartment_is_refused(fhir, tag):
    wants(fhir.get(f"/Organization/{tag}-org/Patient"), 404, "compartment")
    wants(fhir.get(f"/Patient/{tag}-0/Nothing"), 404, "Nothing")
    wants(fhir.get(f"/Patient/{tag}-0/Observation?wrong=1"), 400, "wrong")
    assert fhir.send("PUT", f"/Patient/{tag}-0/Observation", {}).status_code == 405


def test_a_batch_with_searches(fhir, tag):
    urls = [("GET", f"Patient?name={tag}"), ("GET", f"Patient/{tag}-0/Observation?_summary=count"), ("POST", f"Patient/_search?name={tag}"),
            ("GET", f"?_type=Patient&_id={tag}-0"), ("GET", "Patient?wrong=1"), ("GET", f"Patient/{tag}-0/$everything")]
    for kind in ("batch", "transaction"):
        some = [u for u in urls if kind == "batch" or "wrong" not in u[1]]
        answer = fhir.send("POST", "", {"resourceType": "Bundle", "type": kind, "entry": [{"request": {"method": m, "url": u}} for m, u in some]})
        assert answer.status_code == 200, answer.text
        rows = answer.json()["entry"]
        assert rows[0]["response"]["status"].startswith("200") and rows[0]["resource"]["total"] == 3
        assert rows[1]["resource"]["total"] == 30 and rows[2]["resource"]["total"] == 3 and ids(rows[3]["resource"]) == [f"{tag}-0"]
        assert len(rows[-1]["resource"]["entry"]) == 35
        if kind == "batch":
            assert rows[4]["response"]["status"].startswith("400") and "wrong" in json.dumps(rows[4]["response"]["outcome"])


# --- handling ----------------------------------------------------------------------------------------


def test_strict_refuses_and_lenient_says_what_it_left_out(fhir, tag):
    wants(fhir.get(f"/Patient?name={tag}&wrong=1"), 400, "wrong", "birthdate")
    wants(fhir.get(f"/Patient?name={tag}&wrong=1", Prefer="handling=strict"), 400, "wrong")
    bundle = get(fhir, f"/Patient?name={tag}&wrong=1", Prefer="handling=lenient")
    assert len(ids(bundle)) == 3 and bundle["total"] == 3
    outcome = bundle["entry"][-1]
    assert outcome["search"]["mode"] == "outcome" and outcome["resource"]["issue"][0]["severity"] == "warning"
    assert "wrong" in outcome["resource"]["issue"][0]["diagnostics"] and "wrong" not in link(bundle, "self")


def test_a_plan_is_an_outcome(fhir, tag):
    bundle = get(fhir, f"/Observation?code={tag}&date=ge2026-01-20&_explain=true")
    plan = json.loads([e for e in bundle["entry"] if e["search"]["mode"] == "outcome"][-1]["resource"]["issue"][0]["diagnostics"])
    assert plan["plans"] and plan["microseconds"] >= 0


def test_explain_on_the_command_line_through_the_server(server, tag):
    said = json.loads(rihla("explain", "--json", "--data", server.data, f"Observation?code={tag}&_sort=-date&_count=5").stdout)
    assert said["matches"] == 5 and said["more"] is True and said["explain"]["plans"]
    text = rihla("explain", "--data", server.data, f"{server.fhir}/Patient/{tag}-0/Observation?code={tag}").stdout
    assert "Observation" in text and "matches" in text and "ms" in text
    assert "Nothing" in rihla("explain", "--data", server.data, "Nothing?x=1", code=3).stderr
    assert "wrong" in rihla("explain", "--data", server.data, "Patient?wrong=1", code=3).stderr


# --- forms of answers --------------------------------------------------------------------------------


def test_head_and_xml(fhir, tag):
    head = fhir.http.head(f"/Patient?name={tag}")
    assert head.status_code == 200 and head.content == b"" and int(head.headers["Content-Length"]) > 0
    xml = fhir.http.get(f"/Patient?name={tag}&_format=xml&_count=1")
    assert xml.headers["Content-Type"].startswith("application/fhir+xml") and '<mode value="match"/>' in xml.text
    assert "_format=xml" in xml.text.split('<relation value="next"/>')[1].split("/>")[0]


def test_long_addresses(fhir):
    assert fhir.get("/Patient?_id=" + ",".join(["x" * 60] * 100)).status_code == 200
    for size in (20_000, 30_000, 64_000):
        assert fhir.http.get("/Patient?_id=" + "x" * size).status_code == 414, size


# --- value sets --------------------------------------------------------------------------------------


def test_value_sets_and_hierarchies(fhir):
    tag = "V" + uuid.uuid4().hex[:8]
    system = f"urn:t:{tag}"
    fhir.create({"resourceType": "CodeSystem", "url": system, "status": "active", "content": "complete", "hierarchyMeaning": "is-a",
                 "concept": [{"code": "animal", "concept": [{"code": "dog", "concept": [{"code": "puppy"}]}, {"code": "cat"}]}, {"code": "stone"}]})
    fhir.create({"resourceType": "ValueSet", "url": f"urn:vs:{tag}", "status": "active",
                 "compose": {"include": [{"system": system, "concept": [{"code": "dog"}, {"code": "stone"}]}]}})
    made = {code: fhir.create({"resourceType": "Observation", "status": "final", "code": {"coding": [{"system": system, "code": code}]}})["id"]
            for code in ("animal", "dog", "puppy", "cat", "stone")}

    def found(query):
        return {code for code, one in made.items() if one in ids(get(fhir, f"/Observation?code{query}&_count=1000"))}

    assert found(f":in=urn:vs:{tag}") == {"dog", "stone"}
    assert found(f":not-in=urn:vs:{tag}") == {"animal", "puppy", "cat"}
    assert found(f":below={system}|dog") == {"dog", "puppy"}
    assert found(f":above={system}|puppy") == {"animal", "dog", "puppy"}
    wants(fhir.get("/Observation?code:in=urn:vs:nobody"), 400, "urn:vs:nobody")
    wants(fhir.get(f"/Observation?code:below=urn:nobody|x"), 400)


# --- the statement -----------------------------------------------------------------------------------


def test_the_statement_says_what_can_be_searched(fhir):
    rest = fhir.get("/metadata").json()["rest"][0]
    patient = next(r for r in rest["resource"] if r["type"] == "Patient")
    params = {p["name"]: p for p in patient["searchParam"]}
    assert params["birthdate"]["type"] == "date" and params["_id"]["type"] == "token" and params["name"]["type"] == "string"
    assert params["organization"]["definition"] == "http://hl7.org/fhir/SearchParameter/Patient-organization"
    assert {"*", "Patient:organization"} <= set(patient["searchInclude"])
    assert {"Observation:subject", "Observation:patient", "Condition:patient"} <= set(patient["searchRevInclude"])
    assert "Observation:encounter" not in patient["searchRevInclude"]
    assert {i["code"] for i in rest["interaction"]} >= {"transaction", "batch", "search-system", "history-system"}
    assert len(rest["compartment"]) == 5
    assert {o["name"] for o in patient["operation"]} >= {"everything", "meta", "meta-add", "meta-delete", "expunge", "validate"}
    assert {o["name"] for o in rest["operation"]} >= {"meta", "expunge"}
    # what is promised is kept
    for name, p in params.items():
        if p["type"] in ("token", "string", "reference", "uri"):
            assert fhir.get(f"/Patient?{name}=x").status_code in (200, 404), name


def test_a_summary_of_texts_is_not_mixed_with_included_resources(fhir, tag):
    wants(fhir.get(f"/Patient?name={tag}&_summary=text&_include=Patient:organization"), 400, "_summary=text")


def test_the_statement_is_the_same_in_every_form(fhir):
    plain = fhir.http.get("/metadata", headers={"Accept-Encoding": "identity"})
    packed = fhir.http.get("/metadata", headers={"Accept-Encoding": "gzip"})
    assert packed.headers["Content-Encoding"] == "gzip" and "Content-Encoding" not in plain.headers
    assert packed.json() == plain.json() == fhir.http.get("/metadata?_pretty=true", headers={"Accept-Encoding": "gzip"}).json()
    assert packed.headers["ETag"] == plain.headers["ETag"]
    assert fhir.http.get("/metadata", headers={"If-None-Match": plain.headers["ETag"]}).status_code == 304
    assert fhir.http.get("/metadata?_format=xml", headers={"Accept-Encoding": "gzip"}).text.startswith("<")
    batch = fhir.send("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": [{"request": {"method": "GET", "url": "metadata"}}]}, Accept_Encoding="gzip")
    assert batch.json()["entry"][0]["resource"] == plain.json()


def test_an_added_parameter_is_in_the_statement_when_it_can_be_used(fhir):
    code = "x" + uuid.uuid4().hex[:8]

    def stated():
        patient = next(r for r in fhir.get("/metadata").json()["rest"][0]["resource"] if r["type"] == "Patient")
        return {p["name"]: p for p in patient["searchParam"]}

    assert code not in stated()
    made = fhir.create({"resourceType": "Patient", "maritalStatus": {"coding": [{"code": code}]}})
    fhir.create({"resourceType": "SearchParameter", "url": f"urn:sp:{code}", "name": "Marital", "status": "active", "description": "by marital status",
                 "code": code, "base": ["Patient"], "type": "token", "expression": "Patient.maritalStatus"})
    for _ in range(100):
        if code in stated():
            break
        time.sleep(0.1)
    assert stated()[code]["type"] == "token" and stated()[code]["definition"] == f"urn:sp:{code}"
    assert ids(get(fhir, f"/Patient?{code}={code}")) == [made["id"]]
