# SPDX-License-Identifier: GPL-3.0-or-later
"""Searches and histories as Bundles: links, totals, paging while others write, what is refused."""
from threading import Event, Thread
from uuid import uuid4

from conftest import wants


def walk(fhir, path):
    """All entries, following the next links as they are."""
    entries, pages = [], 0
    while path:
        bundle = fhir.get(path).json()
        assert bundle["resourceType"] == "Bundle", bundle
        entries += bundle.get("entry", [])
        pages += 1
        path = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)
    return entries, pages


def family(fhir, n):
    name = "Fam" + uuid4().hex[:12]
    for i in range(n):
        fhir.create({"resourceType": "Patient", "name": [{"family": name, "given": [f"P{i}"]}]})
    return name


def test_a_searchset_has_links_total_and_modes(fhir):
    name = family(fhir, 3)
    bundle = fhir.get(f"/Patient?name={name}").json()
    assert bundle["type"] == "searchset" and bundle["total"] == 3
    assert [link["relation"] for link in bundle["link"]] == ["self"]
    assert bundle["link"][0]["url"].startswith(f"{fhir.base}/Patient?") and name in bundle["link"][0]["url"]
    for entry in bundle["entry"]:
        assert entry["search"] == {"mode": "match"}
        assert entry["fullUrl"] == f"{fhir.base}/Patient/{entry['resource']['id']}"
        assert fhir.get(entry["fullUrl"]).json() == entry["resource"]


def test_nothing_found_is_an_empty_searchset(fhir):
    bundle = fhir.get(f"/Patient?name=Nobody{uuid4().hex}").json()
    assert bundle["total"] == 0 and "entry" not in bundle


def test_a_write_is_found_by_the_next_search_and_a_deletion_is_not(fhir):
    value = uuid4().hex
    body = fhir.create({"resourceType": "Patient", "identifier": [{"value": value}]})
    path = f"/Patient?identifier={value}"
    assert fhir.get(path).json()["total"] == 1
    fhir.send("DELETE", f"/Patient/{body['id']}")
    assert fhir.get(path).json()["total"] == 0


def test_post_search_takes_form_and_address_together(fhir):
    name = family(fhir, 2)
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = fhir.http.post("/Patient/_search", content=f"name={name}", headers=form)
    assert answer.json()["total"] == 2
    answer = fhir.http.post("/Patient/_search?_count=1", content=f"name={name}&_pretty=true", headers=form)
    assert len(answer.json()["entry"]) == 1 and "\n  " in answer.text
    assert fhir.http.post("/Patient/_search", content="", headers=form).status_code == 200
    wants(fhir.http.post("/Patient/_search", content="nmae=x", headers=form), 400, "nmae")
    wants(fhir.http.post("/Patient/_search", content="{}", headers={"Content-Type": "application/fhir+json"}), 415, "form")
    wants(fhir.http.post("/Patient/_search", content="_format=ttl", headers=form), 406, "JSON")


def test_count_and_totals(fhir):
    name = family(fhir, 5)
    count = fhir.get(f"/Patient?name={name}&_summary=count").json()
    assert count["total"] == 5 and "entry" not in count
    zero = fhir.get(f"/Patient?name={name}&_count=0").json()
    assert zero["total"] == 5 and "entry" not in zero
    page = fhir.get(f"/Patient?name={name}&_count=2&_total=accurate").json()
    assert page["total"] == 5 and len(page["entry"]) == 2
    assert "total" not in fhir.get(f"/Patient?name={name}&_count=2&_total=none").json()


def test_paging_gives_each_once_in_any_order(fhir):
    name = family(fhir, 25)
    for sort in ("", "&_sort=_id", "&_sort=_lastUpdated", "&_sort=-_lastUpdated"):
        entries, pages = walk(fhir, f"/Patient?name={name}&_count=4{sort}")
        ids = [e["resource"]["id"] for e in entries]
        assert len(ids) == len(set(ids)) == 25 and pages == 7, sort
        if sort.endswith("=_id"):
            assert ids == sorted(ids)
        if "lastUpdated" in sort:
            times = [e["resource"]["meta"]["lastUpdated"] for e in entries]
            assert times == sorted(times, reverse="-" in sort)


def test_paging_stays_whole_while_others_write(fhir, server):
    name = family(fhir, 30)
    wanted = {e["resource"]["id"] for e in walk(fhir, f"/Patient?name={name}")[0]}
    stop = Event()

    def write():
        with server.client() as http:
            while not stop.is_set():
                http.post("/Patient", json={"resourceType": "Patient", "name": [{"family": name, "given": ["Late"]}]},
                          headers={"Content-Type": "application/fhir+json"})

    thread = Thread(target=write)
    thread.start()
    try:
        for _ in range(3):
            ids = []
            path = f"/Patient?name={name}&_count=3"
            for _page in range(400):  # those who come meanwhile may be seen or not; the walk ends all the same
                bundle = fhir.get(path).json()
                ids += [e["resource"]["id"] for e in bundle.get("entry", [])]
                path = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None)
                if not path or wanted <= set(ids):
                    break
            assert len(ids) == len(set(ids)), "somebody came twice"
            assert wanted <= set(ids), "somebody was missed"
    finally:
        stop.set()
        thread.join()


def test_unknown_parameters_are_refused_or_said(fhir):
    name = family(fhir, 1)
    wants(fhir.get(f"/Patient?nmae={name}"), 400, "nmae", "name", "birthdate")
    wants(fhir.get("/Patient?birthdate=soon"), 400, "soon")
    wants(fhir.get("/Patient?name:near=x"), 400, "near")
    wants(fhir.get("/Patient?_sort=colour"), 400, "colour")
    wants(fhir.get("/Patient?_count=many"), 400, "many")
    wants(fhir.get("/Patient?_cursor=%21%21"), 400, "cursor")
    answer = fhir.get(f"/Patient?nmae=x&name={name}", Prefer="handling=lenient")
    entries = answer.json()["entry"]
    assert [e["search"]["mode"] for e in entries] == ["match", "outcome"]
    assert entries[1]["resource"]["issue"][0]["severity"] == "warning"
    assert "nmae" not in answer.json()["link"][0]["url"]


def test_a_search_over_all_types(fresh):
    made = [fresh.create({"resourceType": "Patient"}), fresh.create({"resourceType": "Basic", "code": {"text": "x"}})]
    for path in ("?_lastUpdated=gt2020", ""):
        bundle = fresh.get(path).json()
        assert bundle["type"] == "searchset" and {e["resource"]["id"] for e in bundle["entry"]} == {m["id"] for m in made}
    wants(fresh.get("?birthdate=2000"), 400, "birthdate")


def test_summary_and_elements_cut_search_results(fhir):
    name = family(fhir, 1)
    entry = fhir.get(f"/Patient?name={name}&_elements=name").json()["entry"][0]["resource"]
    assert set(entry) == {"resourceType", "id", "meta", "name"} and entry["meta"]["tag"][0]["code"] == "SUBSETTED"
    entry = fhir.get(f"/Patient?name={name}&_summary=text").json()["entry"][0]["resource"]
    assert "name" not in entry and entry["meta"]["tag"][0]["code"] == "SUBSETTED"


def test_names_are_found_in_any_script(fhir):
    given = fhir.create({"resourceType": "Patient", "name": [{"text": "محمد حداد"}, {"given": ["Mohamed"], "family": "Haddad"}]})
    for spelling in ("محمد", "Mohamed", "mohammed", "MUHAMMAD"):
        ids = {e["resource"]["id"] for e in walk(fhir, f"/Patient?name={spelling}&_count=500")[0]}
        assert given["id"] in ids, spelling


def test_a_longer_name_is_not_found_by_the_place_where_keys_are_cut(fhir):
    """Keys are cut at 96 bytes: one byte that says the kind, and 95 of the word. Digits have no sound to be found by."""
    digits = str(uuid4().int).rjust(95, "7")
    patient = fhir.create({"resourceType": "Patient", "name": [{"family": digits}]})
    longer = fhir.create({"resourceType": "Patient", "name": [{"family": digits + "8"}]})
    found = lambda asked: {e["resource"]["id"] for e in walk(fhir, f"/Patient?name={asked}")[0]}
    assert found(digits) == {patient["id"], longer["id"]}
    assert found(digits + "8") == {longer["id"]}
    assert found(digits + "9") == set()


def test_history_of_an_instance(fhir):
    body = fhir.create({"resourceType": "Patient", "gender": "male"})
    path = f"/Patient/{body['id']}"
    fhir.send("PUT", path, {"resourceType": "Patient", "id": body["id"], "gender": "female"})
    fhir.send("DELETE", path)
    bundle = fhir.get(path + "/_history").json()
    assert bundle["type"] == "history" and bundle["total"] == 3
    methods = [e["request"]["method"] for e in bundle["entry"]]
    assert methods == ["DELETE", "PUT", "POST"]
    assert "resource" not in bundle["entry"][0] and bundle["entry"][1]["resource"]["gender"] == "female"
    assert bundle["entry"][2]["response"]["etag"] == f'W/"{body["meta"]["versionId"]}"'
    assert bundle["entry"][2]["request"]["url"] == "Patient" and bundle["entry"][1]["request"]["url"] == path[1:]
    entries, pages = walk(fhir, path + "/_history?_count=1")
    assert [e["request"]["method"] for e in entries] == methods and pages == 3
    other = fhir.create({"resourceType": "Patient"})["id"]
    cursor = fhir.get(path + "/_history?_count=1").json()["link"][1]["url"].split("_cursor=")[1]
    wants(fhir.get(f"/Patient/{other}/_history?_cursor={cursor}"), 400, "another list")
    wants(fhir.get("/Patient/never-there/_history"), 404, "never-there")


def test_history_of_a_type_and_of_the_system(fresh):
    one = fresh.create({"resourceType": "Patient"})
    fresh.create({"resourceType": "Basic", "code": {"text": "x"}})
    two = fresh.create({"resourceType": "Patient"})
    ids = [e["resource"]["id"] for e in fresh.get("/Patient/_history").json()["entry"]]
    assert ids == [two["id"], one["id"]]
    system, pages = walk(fresh, "/_history?_count=2")
    assert len(system) == 3 and pages == 2
    since = fresh.get(f"/_history?_since={two['meta']['lastUpdated']}").json()["entry"]
    assert [e["resource"]["id"] for e in since] == [two["id"]]
    at = fresh.get(f"/Patient/{one['id']}/_history?_at={one['meta']['lastUpdated']}").json()["entry"]
    assert len(at) == 1
    wants(fresh.get("/_history?_since=yesterday"), 400, "yesterday")
    wants(fresh.get("/_history?name=x"), 400, "name")


def test_a_reference_to_this_server_itself_becomes_relative_and_is_found(fhir):
    patient = fhir.create({"resourceType": "Patient"})["id"]
    base = str(fhir.http.base_url).rstrip("/")
    stored = fhir.create({"resourceType": "Observation", "status": "final", "code": {"text": "x"},
                          "subject": {"reference": f"{base}/Patient/{patient}"}, "performer": [{"reference": "http://example.org/fhir/Patient/1"}]})
    assert stored["subject"]["reference"] == f"Patient/{patient}"
    assert stored["performer"][0]["reference"] == "http://example.org/fhir/Patient/1"
    for asked in (patient, f"Patient/{patient}"):
        found = fhir.get(f"/Observation?patient={asked}").json()
        assert [e["resource"]["id"] for e in found["entry"]] == [stored["id"]]
