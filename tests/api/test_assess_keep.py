# SPDX-License-Identifier: GPL-3.0-or-later
"""What is kept of an evaluation: nothing that nobody can say ends a hold or a task, and two at once keep one."""
import concurrent.futures
import datetime
import json

import pytest
from conftest import Fhir, Server

BASE = "https://rihla.example/fhir"
HOLD = f"{BASE}/hold"


def rule(i, expression, **more):
    return {"id": i, "title": i, "condition": [{"kind": "applicability", "expression": {"language": "text/fhirpath", "expression": expression}}], **more}


def group(part, *rules):
    return {"id": part, "code": [{"coding": [{"system": f"{BASE}/CodeSystem/protocol-part", "code": part}]}], "action": list(rules)}


def fact(name, code):
    return {"id": name, "type": "Observation", "codeFilter": [{"path": "code", "code": [{"system": "http://example.org/c", "code": code}]}]}


@pytest.fixture(scope="module")
def fhir(tmp_path_factory):
    """A protocol with one hold and one item: both follow from the answer a (yes, no, none). The item is done when d is there."""
    folder = tmp_path_factory.mktemp("pack") / "p"
    folder.mkdir()
    files = [
        {"resourceType": "Library", "id": "facts", "url": "http://example.org/facts", "status": "active", "type": {"coding": [{"code": "logic-library"}]},
         "dataRequirement": [fact("a", "a"), fact("d", "d")]},
        {"resourceType": "ActivityDefinition", "id": "test", "url": "http://example.org/test", "status": "active", "title": "Test"},
        {"resourceType": "PlanDefinition", "id": "p", "url": "http://example.org/p", "version": "1", "status": "active", "title": "P",
         "type": {"coding": [{"code": "clinical-protocol"}]}, "library": ["http://example.org/facts"],
         "extension": [{"url": f"{BASE}/StructureDefinition/reads", "valueId": n} for n in ("a", "d")],
         "action": [
             group("items", rule("i", "%a.first().value", definitionCanonical="http://example.org/test")),
             group("holds", rule("h", "%a.first().value", code=[{"coding": [{"system": f"{BASE}/CodeSystem/hold-reason", "code": "missing-result"}]}]))]}]
    files[-1]["action"][0]["action"][0]["condition"].append(
        {"kind": "stop", "expression": {"language": "text/fhirpath", "expression": "%d.first().value"}})
    for r in files:
        (folder / f"{r['resourceType']}-{r['id']}.json").write_text(json.dumps(r))
    server = Server(tmp_path_factory.mktemp("keep") / "rihla", "--package", str(folder))
    with server.client() as client:
        yield Fhir(server, client)
    server.stop()


def day(n):
    return str(datetime.date(2026, 3, n))


def answer(fhir, patient, code, value, on):
    return fhir.create({"resourceType": "Observation", "status": "final", "code": {"coding": [{"system": "http://example.org/c", "code": code}]},
                        "subject": {"reference": f"Patient/{patient}"}, "effectiveDateTime": on, "valueBoolean": value})


def keep(fhir, patient, on, status=201):
    got = fhir.http.post(f"{fhir.server.url}/clinical/assess", params={"patient": patient, "protocol": "p", "date": on})
    assert got.status_code == status, got.text[:2000]
    return got.json()


def found(fhir, type_, patient):
    return [e["resource"] for e in fhir.get(f"/{type_}?patient=Patient/{patient}&_count=100").json().get("entry", [])]


def one(fhir, type_, patient):
    (r,) = found(fhir, type_, patient)
    return r


def test_what_cannot_be_computed_ends_no_hold_and_no_task(fhir):
    patient = fhir.create({"resourceType": "Patient", "birthDate": "1990-01-01"})["id"]
    yes = answer(fhir, patient, "a", True, day(2))
    keep(fhir, patient, day(2))
    assert one(fhir, "Flag", patient)["status"] == "active" and one(fhir, "Task", patient)["status"] == "requested"
    fhir.send("PUT", f"/Observation/{yes['id']}", {**yes, "status": "entered-in-error"})
    (p,) = keep(fhir, patient, day(3))["protocols"]
    assert p["clearance"]["status"] == "cannot-compute"
    assert one(fhir, "Flag", patient)["status"] == "active", "unknown is not no"
    assert one(fhir, "Task", patient)["status"] == "requested", "unknown is not done"


def test_a_hold_keeps_its_first_day_and_ends_when_its_reason_does(fhir):
    patient = fhir.create({"resourceType": "Patient", "birthDate": "1990-01-01"})["id"]
    answer(fhir, patient, "a", True, day(2))
    keep(fhir, patient, day(2))
    first = one(fhir, "Flag", patient), one(fhir, "Task", patient)
    keep(fhir, patient, day(5))
    assert (one(fhir, "Flag", patient), one(fhir, "Task", patient)) == first, "nothing has changed, so no version is made"
    answer(fhir, patient, "a", False, day(6))
    keep(fhir, patient, day(7))
    flag, task = one(fhir, "Flag", patient), one(fhir, "Task", patient)
    assert flag["status"] == "inactive" and flag["period"] == {"start": day(2), "end": day(7)}
    assert task["status"] == "cancelled", "it was not done: it is not asked any more"


def test_a_task_at_work_stays_so_and_is_completed_when_it_is_done(fhir):
    patient = fhir.create({"resourceType": "Patient", "birthDate": "1990-01-01"})["id"]
    answer(fhir, patient, "a", True, day(2))
    keep(fhir, patient, day(2))
    task = one(fhir, "Task", patient)
    fhir.send("PUT", f"/Task/{task['id']}", {**task, "status": "in-progress"})
    keep(fhir, patient, day(3))
    assert one(fhir, "Task", patient)["status"] == "in-progress"
    answer(fhir, patient, "d", True, day(4))
    keep(fhir, patient, day(4))
    assert one(fhir, "Task", patient)["status"] == "completed"


def test_an_evaluation_of_the_past_ends_nothing_that_holds_now(fhir):
    patient = fhir.create({"resourceType": "Patient", "birthDate": "1990-01-01"})["id"]
    answer(fhir, patient, "a", False, day(2))
    answer(fhir, patient, "a", True, day(9))
    keep(fhir, patient, day(10))
    refused = keep(fhir, patient, day(3), 409)["issue"][0]["diagnostics"]
    assert day(10) in refused and day(3) in refused and "GET" in refused
    assert one(fhir, "Flag", patient)["status"] == "active" and len(found(fhir, "ClinicalImpression", patient)) == 1
    keep(fhir, patient, day(10))


def test_evaluations_at_once_make_one_hold(fhir):
    patient = fhir.create({"resourceType": "Patient", "birthDate": "1990-01-01"})["id"]
    answer(fhir, patient, "a", True, day(2))
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: keep(fhir, patient, day(2)), range(8)))
    assert len(found(fhir, "Flag", patient)) == 1 and len(found(fhir, "Task", patient)) == 1
    assert len(found(fhir, "ClinicalImpression", patient)) == 8


def test_the_household_is_found_among_many_groups(fhir):
    patient = fhir.create({"resourceType": "Patient", "birthDate": "1990-01-01"})["id"]
    for _ in range(25):
        fhir.create({"resourceType": "Group", "type": "person", "actual": True, "code": {"text": "campaign"}, "member": [{"entity": {"reference": f"Patient/{patient}"}}]})
    many = {"resourceType": "Group", "type": "person", "actual": True, "code": {"coding": [{"code": "household"}]},
            "member": [{"entity": {"reference": f"Patient/{patient}"}}] + [{"entity": {"reference": f"Patient/m{i}"}} for i in range(31)]}
    for i in range(31):
        fhir.send("PUT", f"/Patient/m{i}", {"resourceType": "Patient", "id": f"m{i}"})
    fhir.create(many)
    got = fhir.http.get(f"{fhir.server.url}/clinical/assess", params={"patient": patient, "protocol": "p", "date": day(2)})
    assert got.status_code >= 400 and "household" in got.text and "m30" not in got.text, "nobody is left out in silence"
