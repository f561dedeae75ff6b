# SPDX-License-Identifier: GPL-3.0-or-later
"""PATCH with a Parameters resource: FHIRPath Patch over HTTP."""
import base64
import json
import uuid

import pytest

from conftest import FHIR_JSON, wants

XML = "application/fhir+xml"


def operation(type_, path, **more):
    parts = [{"name": "type", "valueCode": type_}, {"name": "path", "valueString": path}]
    for name, v in more.items():
        parts.append({"name": name, **(v if isinstance(v, dict) else {"valueInteger" if isinstance(v, int) else "valueString": v})})
    return {"name": "operation", "part": parts}


def patch(*operations):
    return {"resourceType": "Parameters", "parameter": list(operations)}


def send(fhir, path, body, kind=FHIR_JSON, **headers):
    return fhir.http.patch(path, content=body if isinstance(body, (str, bytes)) else json.dumps(body),
                           headers={"Content-Type": kind, **{k.replace("_", "-"): v for k, v in headers.items()}})


def someone(fhir, **more):
    return fhir.create({"resourceType": "Patient", "name": [{"family": "Noor"}], "birthDate": "1980-02-03", **more})


def test_changes_what_the_paths_name(fhir):
    p = someone(fhir)
    answer = send(fhir, f"/Patient/{p['id']}", patch(
        operation("replace", "Patient.birthDate", value={"valueDate": "1981"}),
        operation("add", "Patient.name[0]", name="given", value={"valueString": "Ana"}),
        operation("add", "Patient", name="contact", value={"part": [{"name": "gender", "valueCode": "female"}]})))
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["birthDate"] == "1981" and body["name"] == [{"family": "Noor", "given": ["Ana"]}] and body["contact"] == [{"gender": "female"}]
    assert body["meta"]["versionId"] != p["meta"]["versionId"]
    assert fhir.get(f"/Patient/{p['id']}").json() == body
    assert fhir.get("/Patient?birthdate=1981&_id=" + p["id"]).json()["entry"][0]["resource"] == body


def test_takes_xml(fhir):
    p = someone(fhir)
    text = ('<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="operation"/><part><name value="type"/><valueCode value="delete"/></part>'
            '<part><name value="path"/><valueString value="Patient.birthDate"/></part></parameter></Parameters>')
    answer = send(fhir, f"/Patient/{p['id']}", text, XML)
    assert answer.status_code == 200 and "birthDate" not in answer.json()


def test_an_error_leaves_nothing_half_done(fhir):
    p = someone(fhir)
    before = fhir.sequence()
    wants(send(fhir, f"/Patient/{p['id']}", patch(operation("replace", "Patient.birthDate", value={"valueDate": "1981"}),
                                                  operation("replace", "Patient.gender", value={"valueCode": "male"}))),
          422, "Parameters.parameter[1].part[1]", "nothing at")
    wants(send(fhir, f"/Patient/{p['id']}", patch(operation("replace", "Patient.birthDate", value={"valueDate": "soon"}))), 422, "Patient.birthDate")
    wants(send(fhir, f"/Patient/{p['id']}", patch(operation("replace", "Patient.id", value={"valueId": "x"}))), 422, "neither the id")
    wants(send(fhir, f"/Patient/{p['id']}", patch(operation("remove", "Patient.birthDate"))), 400, "add, insert, delete, replace or move")
    wants(send(fhir, f"/Patient/{p['id']}", patch(operation("delete", "Patient.birthDate"), {"name": "x"})), 400, "Parameters.parameter[1]")
    assert fhir.sequence() == before and fhir.get(f"/Patient/{p['id']}").json() == p


def test_a_required_element_cannot_be_deleted(fhir):
    o = fhir.create({"resourceType": "Observation", "status": "final", "code": {"text": "x"}})
    wants(send(fhir, f"/Observation/{o['id']}", patch(operation("delete", "Observation.status"))), 422, "Observation.status")


def test_preconditions_hold(fhir):
    p = someone(fhir)
    change = patch(operation("delete", "Patient.birthDate"))
    wants(send(fhir, f"/Patient/{p['id']}", change, If_Match='W/"0-1"'), 412)
    assert send(fhir, f"/Patient/{p['id']}", change, If_Match=f'W/"{p["meta"]["versionId"]}"').status_code == 200
    same = send(fhir, f"/Patient/{p['id']}", change)  # nothing to delete: nothing changes
    assert same.status_code == 200 and same.json()["meta"]["versionId"] == fhir.get(f"/Patient/{p['id']}").json()["meta"]["versionId"]
    wants(send(fhir, f"/Patient/{uuid.uuid4()}", change), 404)


def test_conditional_patch(fhir):
    value = uuid.uuid4().hex
    p = someone(fhir, identifier=[{"system": "urn:x", "value": value}])
    change = patch(operation("replace", "Patient.birthDate", value={"valueDate": "1982"}))
    answer = send(fhir, f"/Patient?identifier=urn:x|{value}", change)
    assert answer.status_code == 200 and answer.json()["id"] == p["id"] and answer.json()["birthDate"] == "1982"
    wants(send(fhir, f"/Patient?identifier=urn:x|{uuid.uuid4().hex}", change), 404)
    someone(fhir, identifier=[{"system": "urn:x", "value": value}])
    wants(send(fhir, f"/Patient?identifier=urn:x|{value}", change), 412)


def test_in_a_transaction(fhir):
    p = someone(fhir)

    def bundle(resource):
        return {"resourceType": "Bundle", "type": "transaction", "entry": [
            {"resource": resource, "request": {"method": "PATCH", "url": f"Patient/{p['id']}"}}]}
    answer = fhir.send("POST", "", bundle(patch(operation("replace", "Patient.birthDate", value={"valueDate": "1983"}))))
    assert answer.status_code == 200, answer.text
    assert fhir.get(f"/Patient/{p['id']}").json()["birthDate"] == "1983"
    wants(fhir.send("POST", "", bundle(patch(operation("replace", "Patient.gender", value={"valueCode": "male"})))), 422, "nothing at")
    wants(fhir.send("POST", "", bundle({"resourceType": "Basic", "code": {"text": "x"}})), 400, "Parameters")
    data = base64.b64encode(json.dumps([{"op": "remove", "path": "/birthDate"}]).encode()).decode()
    binary = {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data}
    assert fhir.send("POST", "", bundle(binary)).status_code == 200
    assert "birthDate" not in fhir.get(f"/Patient/{p['id']}").json()


@pytest.mark.parametrize("body, kind, status, fragments", [
    ([{"op": "remove", "path": "/birthDate"}], FHIR_JSON, 415, ["application/json-patch+json"]),
    (patch(), "application/json-patch+json", 422, ["application/fhir+json"]),
    ({"resourceType": "Patient"}, FHIR_JSON, 400, ["Parameters resource"]),
    ("", FHIR_JSON, 400, ["empty"]),
    ("<Parameters", XML, 400, ["not well-formed"]),
    (patch(operation("delete", "Patient.name[")), FHIR_JSON, 400, ["the path cannot be used"]),
    (patch(*[operation("delete", "Patient.birthDate")] * 1001), FHIR_JSON, 400, ["at most 1000"]),
], ids=["json patch as fhir", "parameters as json patch", "another resource", "empty", "broken xml", "broken path", "too many"])
def test_refuses(fhir, body, kind, status, fragments):
    p = someone(fhir)
    wants(send(fhir, f"/Patient/{p['id']}", body, kind), status, *fragments)
    assert fhir.get(f"/Patient/{p['id']}").json() == p


def test_the_statement_names_both_kinds(fhir):
    assert fhir.get("/metadata").json()["patchFormat"] == ["application/json-patch+json", FHIR_JSON, XML]
