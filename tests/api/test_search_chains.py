# SPDX-License-Identifier: GPL-3.0-or-later
"""Chains into what a resource contains, searches for contained resources, and references by whole addresses of this server."""
import json

import pytest
from conftest import FHIR_JSON, Fhir, Server, wants
from program import rihla


def reference(target):
    return {"reference": target}


def coded(code):
    return {"coding": [{"system": "urn:c", "code": code}]}


def medication(id_, code, status="active", **more):
    return {"resourceType": "Medication", "id": id_, "status": status, "code": coded(code), **more}


def order(id_, medication_, *contained):
    return {"resourceType": "MedicationRequest", "id": id_, "status": "active", "intent": "order", "subject": reference("Patient/p1"),
            "medicationReference": reference(medication_), **({"contained": list(contained)} if contained else {})}


def observation(id_, subject, code="seen"):
    return {"resourceType": "Observation", "id": id_, "status": "final", "code": coded(code), "subject": subject}


def resources(base):
    yield {"resourceType": "Organization", "id": "maker", "name": "Maker"}
    yield medication("abc", "abc")
    yield medication("xyz", "xyz")
    yield order("stored", "Medication/abc")
    yield order("whole", f"{base}/Medication/abc")
    yield order("inside", "#m1", medication("m1", "abc", manufacturer=reference("Organization/maker"), amount={"numerator": {"value": 1}}))
    yield order("beside", "#m2", medication("m1", "abc"), medication("m2", "xyz", "inactive"))
    for n in range(1, 90):
        yield {"resourceType": "Patient", "id": f"p{n}", "active": n != 3, "name": [{"family": "Many" if n < 80 else "Few"}]}
        yield observation(f"o{n}", reference(f"Patient/p{n}"))
    yield observation("whole", reference(f"{base}/Patient/p1"), "whole")
    yield observation("other", reference("http://other.example/fhir/Patient/p1"), "other")
    yield {**observation("within", reference("#p"), "within"), "contained": [{"resourceType": "Patient", "id": "p", "name": [{"family": "Many"}], "gender": "female"}]}
    yield observation("untyped", {"identifier": {"system": "urn:i", "value": "7"}}, "named")
    yield observation("patient", {"type": "Patient", "identifier": {"system": "urn:i", "value": "7"}}, "named")
    yield observation("group", {"type": "Group", "identifier": {"system": "urn:i", "value": "7"}}, "named")
    title = {"resourceType": "Composition", "id": "first", "status": "final", "type": coded("t"), "date": "2020-01-01", "author": [{"display": "x"}], "title": "Inside"}
    yield {"resourceType": "Bundle", "id": "document", "type": "document", "timestamp": "2020-01-01T00:00:00Z", "identifier": {"value": "1"},
           "entry": [{"fullUrl": "urn:uuid:3fa85f64-5717-4562-b3fc-2c963f66afa6", "resource": title}]}


@pytest.fixture(scope="module")
def chains(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("chains") / "rihla")
    with server.client() as client:
        entries = [{"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}} for r in resources(server.fhir)]
        answer = client.post("", json={"resourceType": "Bundle", "type": "batch", "entry": entries}, headers={"Content-Type": FHIR_JSON})
        assert answer.status_code == 200, answer.text
        assert all(e["response"]["status"].startswith("201") for e in answer.json()["entry"]), answer.text
        yield Fhir(server, client)
    server.stop()


def found(chains, path, mode="match"):
    answer = chains.get(f"{path}{'&' if '?' in path else '?'}_count=500&_total=accurate")
    assert answer.status_code == 200, answer.text
    bundle = answer.json()
    rows = [e for e in bundle.get("entry", []) if e["search"]["mode"] == mode]
    if mode == "match" and "_containedType=contained" not in path:
        assert bundle["total"] == len(rows)
    return sorted(e["resource"]["id"] for e in rows)


@pytest.mark.parametrize("query, want", [
    ("medication.code=abc", ["inside", "stored", "whole"]), ("medication.code=urn:c|abc", ["inside", "stored", "whole"]), ("medication:Medication.code=xyz", ["beside"]),
    ("medication.code:not=abc", ["beside"]), ("medication.status=inactive", ["beside"]), ("medication.code=none", []),
    ("medication.manufacturer.name=maker", ["inside"]), ("medication._id=m2", ["beside"]), ("medication.code=abc&patient.family=many", ["inside", "stored", "whole"]),
    ("medication.code=abc&_sort=-_id", ["inside", "stored", "whole"]),
])
def test_a_chain_goes_into_what_is_contained(chains, query, want):
    assert found(chains, f"/MedicationRequest?{query}") == want


def test_a_chain_to_many_patients_goes_into_what_is_contained_and_over_whole_addresses(chains):
    many = sorted([f"o{n}" for n in range(1, 80)] + ["whole", "within"])
    assert found(chains, "/Observation?patient.family=many") == many
    assert found(chains, "/Observation?subject:Patient.family=many") == many
    assert found(chains, "/Observation?patient.family=many&code=whole") == ["whole"]
    assert found(chains, "/Observation?patient.gender=female") == ["within"]
    assert found(chains, "/Observation?patient.active=false") == ["o3"]


def test_references_by_whole_address_are_found_from_both_sides(chains):
    assert found(chains, "/Observation?patient=p1") == ["o1", "whole"]
    assert found(chains, "/Patient?_has:Observation:patient:code=whole") == ["p1"]
    assert found(chains, "/Patient?_has:Observation:patient:code=other") == []
    assert "p1" in found(chains, "/Patient?_has:Observation:patient:code=whole,seen")
    assert len(found(chains, "/Patient?_has:Observation:patient:code=whole,seen")) == 89
    assert found(chains, "/Medication?_has:MedicationRequest:medication:status=active") == ["abc"]
    assert found(chains, "/Patient?_id=p1&_revinclude=Observation:patient", "include") == ["o1", "whole"]
    assert found(chains, "/Observation?code=whole&_include=Observation:patient", "include") == ["p1"]


def test_a_document_is_found_by_its_first_entry(chains):
    assert found(chains, "/Bundle?composition.title=inside") == ["document"]
    assert found(chains, "/Bundle?composition.title=outside") == []


def test_conditions_are_met_by_one_contained_resource(chains):
    assert found(chains, "/Medication?code=abc&_contained=true") == ["beside", "inside"]
    assert found(chains, "/Medication?code=abc&status=inactive&_contained=true") == []
    assert found(chains, "/Medication?code=xyz&status=inactive&_contained=true") == ["beside"]
    assert found(chains, "/Medication?code=abc&status=active&_contained=both") == ["abc", "beside", "inside"]
    assert found(chains, "/Medication?status=active&code:not=abc&_contained=both") == ["xyz"]
    assert found(chains, "/Medication?code=abc&_lastUpdated=gt2020&_contained=true") == ["beside", "inside"]
    assert found(chains, "/Medication?code=abc&_lastUpdated=lt2020&_contained=true") == []
    assert found(chains, "/Medication?code=abc,xyz&_sort=status&_contained=both") == ["abc", "beside", "inside", "xyz"]
    assert found(chains, "/Medication?code=abc&_contained=true&_containedType=contained") == ["m1", "m1"]
    assert found(chains, "/Medication?status=inactive&code=xyz&_contained=true&_containedType=contained") == ["m2"]
    assert found(chains, "/Medication?code=abc,xyz&status=active&_contained=both&_containedType=contained") == ["abc", "m1", "m1", "xyz"]


def test_contained_resources_are_not_listed_without_what_they_have_to_match(chains):
    for query in ("_contained=true", "_contained=both", "code:not=abc&_contained=true", "code:missing=true&_contained=true", "_id=m1&_contained=true",
                  "_lastUpdated=gt2020&_contained=true"):
        wants(chains.get(f"/Medication?{query}"), 400, "name a parameter that they have to match")
    for query in ("manufacturer.name=maker", "_has:MedicationRequest:medication:status=active", "_list=x"):
        wants(chains.get(f"/Medication?{query}&_contained=true"), 400, "are not answered for contained resources")


def test_an_identifier_of_another_type_is_not_a_patients(chains):
    assert found(chains, "/Observation?patient:identifier=urn:i|7") == ["patient", "untyped"]
    assert found(chains, "/Observation?subject:identifier=7") == ["group", "patient", "untyped"]
    assert found(chains, "/Observation?patient:identifier=8") == []


def test_imported_references_by_whole_address_are_followed(tmp_path):
    """Over HTTP they become relative; an import does not know under which address it will be asked."""
    base = "http://localhost:9/fhir"
    rows = [{"resourceType": "Patient", "id": f"p{n}", "name": [{"family": "Many"}]} for n in range(1, 90)]
    rows += [observation(f"o{n}", reference(f"Patient/p{n}")) for n in range(2, 90)]
    rows += [observation("whole", reference(f"{base}/Patient/p1"), "whole"), observation("other", reference("http://other.example/fhir/Patient/p1"), "other"),
             {"resourceType": "Medication", "id": "abc", "code": coded("abc")}, order("m", f"{base}/Medication/abc")]
    (tmp_path / "all.ndjson").write_text("".join(json.dumps(r) + "\n" for r in rows))
    rihla("import", "--data", tmp_path / "rihla", tmp_path / "all.ndjson")
    server = Server(tmp_path / "rihla")
    with server.client() as client:
        client.headers["Host"] = "localhost:9"
        here = Fhir(server, client)
        stored = here.get("/Observation/whole").json()
        assert stored["subject"]["reference"] == f"{base}/Patient/p1"
        assert found(here, "/Observation?patient=p1") == ["whole"] == found(here, "/Observation?patient._id=p1")
        assert found(here, "/Observation?patient.name=many&code=whole,other") == ["whole"]
        assert len(found(here, "/Observation?patient.name=many")) == 89
        assert found(here, "/Patient?_has:Observation:patient:code=whole,other") == ["p1"]
        assert len(found(here, "/Patient?_has:Observation:patient:code=whole,seen")) == 89
        assert found(here, "/MedicationRequest?medication.code=abc") == ["m"]
        assert found(here, "/Medication?_has:MedicationRequest:medication:status=active") == ["abc"]
        assert found(here, "/Patient?_id=p1&_revinclude=Observation:patient", "include") == ["whole"]
        assert found(here, "/Observation?code=whole&_include=Observation:patient", "include") == ["p1"]
        assert found(here, "/Patient/p1/Observation") == ["whole"]
        assert sorted(e["resource"]["id"] for e in here.get("/Patient/p1/$everything").json()["entry"]) == ["m", "p1", "whole"]
    server.stop()


def test_contained_ones_are_asked_one_type_at_a_time(fhir):
    for path in ("/?_type=Medication&code=a&_contained=true", "/Patient/p/Medication?code=a&_contained=true", "/?_id=a&_contained=both"):
        wants(fhir.get(path), 400, "_contained")
