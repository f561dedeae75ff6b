# SPDX-License-Identifier: GPL-3.0-or-later
"""The sentences of FHIR R4's page bundle, each test under the number of its row in docs/conformance.md."""
from uuid import uuid4

import pytest

from conftest import wants


def patient(**more):
    return {"resourceType": "Patient", **more}


def observation(subject):
    return {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": subject}}


def entry(method, url, resource=None, full_url=None):
    return {**({"fullUrl": full_url} if full_url else {}), **({"resource": resource} if resource else {}), "request": {"method": method, "url": url}}


def bundle(type_, *entries, **more):
    return {"resourceType": "Bundle", "type": type_, "entry": list(entries), **more}


def errors(fhir, resource):
    answer = fhir.send("POST", "/Bundle/$validate", resource)
    assert answer.status_code == 200, answer.text
    return [i.get("diagnostics", "") + str(i.get("details", "")) for i in answer.json()["issue"] if i["severity"] in ("error", "fatal")]


def test_b005_what_we_send_is_a_valid_bundle(fhir):
    """Searchset, history and both responses, by every rule of the page (total, search, request, response, fullUrl)."""
    made = fhir.create(patient())
    fhir.send("PUT", f"/Patient/{made['id']}", patient(id=made["id"], active=True))
    for sent in (fhir.get(f"/Patient?_id={made['id']}"), fhir.get(f"/Patient?_id={uuid4()}"), fhir.get(f"/Patient/{made['id']}/_history"),
                 fhir.send("POST", "", bundle("batch", entry("GET", f"Patient/{made['id']}"), entry("GET", "Patient/none"), entry("POST", "Patient", patient()))),
                 fhir.send("POST", "", bundle("transaction", entry("POST", "Patient", patient())), Prefer="return=representation")):
        assert errors(fhir, sent.json()) == []


def test_b008_a_search_result_has_a_mode_and_a_resource(fhir):
    made = fhir.create(patient())
    result = fhir.get(f"/Patient?_id={made['id']}").json()
    assert result["type"] == "searchset" and result["total"] == 1
    assert [e["search"]["mode"] for e in result["entry"]] == ["match"] and result["entry"][0]["resource"]["id"] == made["id"]


def test_b011_a_history_has_requests_responses_and_a_total(fhir):
    made = fhir.create(patient())
    fhir.send("DELETE", f"/Patient/{made['id']}")
    history = fhir.get(f"/Patient/{made['id']}/_history").json()
    assert history["type"] == "history" and history["total"] == 2
    assert all({"request", "response"} <= e.keys() for e in history["entry"])
    assert [("resource" in e) for e in history["entry"]] == [False, True]


def test_b014_a_response_for_each_entry(fhir):
    for type_ in ("batch", "transaction"):
        answer = fhir.send("POST", "", bundle(type_, *[entry("POST", "Patient", patient(multipleBirthInteger=i)) for i in range(4)],
                                              entry("GET", "metadata")), Prefer="return=representation").json()
        assert len(answer["entry"]) == 5 and all("response" in e for e in answer["entry"])
        assert [e["resource"].get("multipleBirthInteger") for e in answer["entry"][:4]] == [0, 1, 2, 3]


def test_b017_every_entry_with_an_identity_has_a_full_url(fhir):
    made = fhir.create(patient())
    for path in (f"/Patient?_id={made['id']}", f"/Patient/{made['id']}/_history", "/_history?_count=5"):
        for e in fhir.get(path).json()["entry"]:
            name = e["request"]["url"] if "resource" not in e else f"{e['resource']['resourceType']}/{e['resource']['id']}"
            assert e["fullUrl"] == f"{fhir.base}/{name}" and "_history" not in e["fullUrl"]


@pytest.mark.parametrize("broken, rule", [
    (bundle("collection", {"fullUrl": "urn:uuid:11111111-1111-4111-8111-111111111111", "resource": patient()}, total=1), "bdl-1"),
    (bundle("collection", {"fullUrl": "urn:uuid:11111111-1111-4111-8111-111111111111", "resource": patient(), "search": {"mode": "match"}}), "bdl-2"),
    (bundle("batch", {"resource": patient()}), "bdl-3"),
    (bundle("batch-response", {"resource": patient()}), "bdl-4"),
    (bundle("collection", {"fullUrl": "urn:uuid:11111111-1111-4111-8111-111111111111"}), "bdl-5"),
    (bundle("collection", *[{"fullUrl": "urn:uuid:11111111-1111-4111-8111-111111111111", "resource": patient()}] * 2), "bdl-7"),
    (bundle("collection", {"fullUrl": "http://example.org/fhir/Patient/1/_history/2", "resource": patient(id="1")}), "bdl-8"),
    (bundle("document", {"fullUrl": "urn:uuid:11111111-1111-4111-8111-111111111111", "resource": patient()}), "bdl-9"),
    (bundle("document", {"fullUrl": "urn:uuid:11111111-1111-4111-8111-111111111111", "resource": patient()}), "bdl-10"),
    (bundle("document", {"fullUrl": "urn:uuid:11111111-1111-4111-8111-111111111111", "resource": patient()}), "bdl-11"),
    (bundle("message", {"fullUrl": "urn:uuid:11111111-1111-4111-8111-111111111111", "resource": patient()}), "bdl-12"),
])
def test_b020_the_rules_of_bundles_are_checked(fhir, broken, rule):
    assert any(rule in e for e in errors(fhir, broken)), errors(fhir, broken)


def test_b024_a_full_url_may_be_missing_where_there_is_no_identity(fhir):
    answer = fhir.send("POST", "", bundle("transaction", entry("POST", "Patient", patient()), entry("POST", "Patient", patient())))
    assert [e["response"]["status"][:3] for e in answer.json()["entry"]] == ["201", "201"]


def test_b027_two_versions_of_one_resource_are_refused(fhir):
    id_, url = f"b-{uuid4()}", f"urn:uuid:{uuid4()}"
    before = fhir.sequence()
    twice = [entry("PUT", f"Patient/{id_}", patient(id=id_, active=a)) for a in (True, False)]
    wants(fhir.send("POST", "", bundle("transaction", *twice)), 422, id_)
    wants(fhir.send("POST", "", bundle("transaction", *[entry("POST", "Patient", patient(), url)] * 2)), 422, "fullUrl")
    assert fhir.sequence() == before


def test_b031_relative_references_are_seen_from_the_entry(fhir):
    one, two = "http://one.example.org/fhir", "http://two.example.org/fhir"
    entries = [entry("POST", "Patient", patient(active=True), f"{one}/Patient/1"), entry("POST", "Patient", patient(active=False), f"{two}/Patient/1"),
               entry("POST", "Observation", observation("Patient/1"), f"{one}/Observation/5"), entry("POST", "Observation", observation("Patient/1"), f"{two}/Observation/5"),
               entry("POST", "Observation", observation(f"{two}/Patient/1"), f"{one}/Observation/6"), entry("POST", "Observation", observation("Patient/1"), f"urn:uuid:{uuid4()}")]
    answer = fhir.send("POST", "", bundle("transaction", *entries), Prefer="return=representation")
    assert answer.status_code == 200, answer.text
    p1, p2, o1, o2, o3, o4 = (e["resource"] for e in answer.json()["entry"])
    assert o1["subject"]["reference"] == f"Patient/{p1['id']}" and o2["subject"]["reference"] == f"Patient/{p2['id']}"
    assert o3["subject"]["reference"] == f"Patient/{p2['id']}"
    assert o4["subject"]["reference"] == "Patient/1", "what no fullUrl means is left as it is"


def test_b036_contained_resources_resolve_like_their_container(fhir):
    base = "http://one.example.org/fhir"
    holder = {**observation("#s"), "contained": [{"resourceType": "Specimen", "id": "s1", "subject": {"reference": "Patient/1"}},
                                                 {"resourceType": "Patient", "id": "s"}], "specimen": {"reference": "#s1"}}
    answer = fhir.send("POST", "", bundle("transaction", entry("POST", "Patient", patient(), f"{base}/Patient/1"),
                                          entry("POST", "Observation", holder, f"{base}/Observation/1")), Prefer="return=representation")
    made, stored = (e["resource"] for e in answer.json()["entry"])
    assert stored["contained"][0]["subject"]["reference"] == f"Patient/{made['id']}"
    assert stored["subject"]["reference"] == "#s" and stored["specimen"]["reference"] == "#s1"


@pytest.mark.parametrize("type_", ["batch", "transaction", "message", "document", "collection", "history", "searchset"])
def test_b041_at_its_own_address_a_bundle_is_only_stored(fhir, type_):
    before = fhir.sequence()
    inner = entry("POST", "Patient", patient()) if type_ in ("batch", "transaction", "history") else {"resource": patient()}
    made = fhir.create(bundle(type_, inner))
    assert fhir.sequence() == before + 1 and made["type"] == type_ and made["entry"] == [inner]
    assert fhir.get(f"/Bundle/{made['id']}").json() == made
    changed = fhir.send("PUT", f"/Bundle/{made['id']}", {**made, "timestamp": "2020-01-01T00:00:00Z"})
    assert changed.status_code == 200 and fhir.send("DELETE", f"/Bundle/{made['id']}").status_code == 204
