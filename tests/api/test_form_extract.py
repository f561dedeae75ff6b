# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers become resources: rihla form extract, QuestionnaireResponse/$extract, POST /clinical/answers."""
import copy
import json
import subprocess

import pytest
from conftest import BIN, wants

SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"
R4 = "http://hl7.org/fhir/StructureDefinition/"
OURS = "https://rihla.example/fhir/StructureDefinition/"
OBSERVE = {"url": SDC + "observationExtract", "valueBoolean": True}
URL = "http://example.org/fhir/Questionnaire/"


def code(name):
    return [{"system": "http://example.org/codes", "code": name}]


def item(link, kind, *extensions, **more):
    return {"linkId": link, "type": kind, **({"extension": list(extensions)} if extensions else {}), **more}


def answered(link, *values, **more):
    return {"linkId": link, **more, "answer": [v if isinstance(v, dict) and ("extension" in v or any(k.startswith("value") for k in v)) else v for v in values]}


def form(*items, extensions=(), name="q", contained=()):
    return {"resourceType": "Questionnaire", "id": name, "url": URL + name, "status": "active",
            **({"contained": list(contained)} if contained else {}), **({"extension": list(extensions)} if extensions else {}), "item": list(items)}


def response(*items, status="completed", name="q", **more):
    return {"resourceType": "QuestionnaireResponse", "id": "r1", "questionnaire": URL + name, "status": status,
            "subject": {"reference": "Patient/p"}, "authored": "2026-11-24T10:00:00Z", "author": {"reference": "Practitioner/d"},
            **more, "item": list(items)}


def extract(tmp_path, questionnaire, answers, previous=None, code=0):
    files = []
    for name, resource in (("q", questionnaire), ("r", answers), ("p", previous)):
        if resource:
            files.append(tmp_path / f"{name}.json")
            files[-1].write_text(json.dumps(resource), encoding="utf-8")
    done = subprocess.run([BIN, "form", "extract", *files], capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stderr
    return (json.loads(done.stdout)["entry"] if not code else None), done.stderr


def test_each_answer_to_an_item_with_a_code_is_an_observation(tmp_path):
    questionnaire = form(
        item("w", "decimal", OBSERVE, {"url": R4 + "questionnaire-unit", "valueCoding": {"system": "http://unitsofmeasure.org", "code": "kg", "display": "kilogram"}},
             {"url": SDC + "observation-extract-category", "valueCodeableConcept": {"coding": [{"code": "vital-signs"}]}}, code=code("weight")),
        item("s", "choice", OBSERVE, code=code("symptom"), repeats=True), item("no", "string", code=code("unmarked")), item("d", "date", OBSERVE, code=code("day")))
    entries, _ = extract(tmp_path, questionnaire, response(
        answered("w", {"valueDecimal": 70.50}), answered("s", {"valueCoding": {"code": "cough", "display": "Cough"}}, {"valueCoding": {"code": "fever"}}),
        answered("no", {"valueString": "x"}), answered("d", {"valueDate": "2026-01"})))
    bodies = [e["resource"] for e in entries]
    assert [b["code"]["coding"][0]["code"] for b in bodies] == ["weight", "symptom", "symptom", "day"]
    weight = bodies[0]
    assert weight["valueQuantity"] == {"value": 70.5, "unit": "kilogram", "system": "http://unitsofmeasure.org", "code": "kg"}
    assert weight["status"] == "final" and weight["subject"] == {"reference": "Patient/p"} and weight["performer"] == [{"reference": "Practitioner/d"}]
    assert weight["effectiveDateTime"] == weight["issued"] == "2026-11-24T10:00:00Z"
    assert weight["derivedFrom"] == [{"reference": "QuestionnaireResponse/r1"}] and weight["category"][0]["coding"][0]["code"] == "vital-signs"
    assert [b["valueCodeableConcept"]["coding"][0]["code"] for b in bodies[1:3]] == ["cough", "fever"]
    assert bodies[3]["valueDateTime"] == "2026-01"
    assert all(e["request"] == {"method": "PUT", "url": f"Observation/{e['resource']['id']}"} for e in entries)
    assert len({e["resource"]["id"] for e in entries}) == 4


def test_components_and_members_belong_to_the_observation_above(tmp_path):
    component, member = ({"url": SDC + "observationExtract", "valueCode": c} for c in ("component", "member"))
    questionnaire = form(item("bp", "group", OBSERVE, code=code("bp"), item=[
        item("g", "group", item=[item("sys", "integer", component, code=code("sys"))]), item("dia", "integer", component, code=code("dia")),
        item("cuff", "string", member, code=code("cuff"))]), item("alone", "integer", component, code=code("alone")))
    entries, errors = extract(tmp_path, questionnaire, response(
        {"linkId": "bp", "item": [{"linkId": "g", "item": [answered("sys", {"valueInteger": 120})]}, answered("dia", {"valueInteger": 80}),
                                  answered("cuff", {"valueString": "large"})]}, answered("alone", {"valueInteger": 1})))
    by = {e["resource"]["code"]["coding"][0]["code"]: e["resource"] for e in entries}
    assert set(by) == {"bp", "cuff", "alone"}
    assert [(c["code"]["coding"][0]["code"], c["valueInteger"]) for c in by["bp"]["component"]] == [("sys", 120), ("dia", 80)]
    assert by["bp"]["hasMember"] == [{"reference": f"Observation/{by['cuff']['id']}"}]
    assert "stands alone" in errors


def test_an_answer_that_is_absent_says_why(tmp_path):
    questionnaire = form(item("a", "string", OBSERVE, code=code("a")))
    entries, _ = extract(tmp_path, questionnaire, response(answered("a", {"extension": [
        {"url": R4 + "data-absent-reason", "valueCode": "asked-declined"}, {"url": OURS + "absent-reason", "valueString": "too private"}]})))
    body = entries[0]["resource"]
    assert body["dataAbsentReason"] == {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/data-absent-reason", "code": "asked-declined"}], "text": "too private"}
    assert not [k for k in body if k.startswith("value")]


def test_labels_of_items_go_to_what_follows_from_them(tmp_path):
    label = {"url": OURS + "label", "valueCoding": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "PSY"}}
    template = {"resourceType": "Flag", "id": "t", "status": "active", "code": {"text": "x"}}
    questionnaire = form(item("g", "group", label, item=[item("a", "boolean", OBSERVE, code=code("a"))]), item("b", "boolean", OBSERVE, code=code("b")),
                         item("h", "group", {"url": SDC + "templateExtract", "extension": [{"url": "template", "valueReference": {"reference": "#t"}}]},
                              item=[item("c", "boolean", label)]), contained=[template])
    entries, _ = extract(tmp_path, questionnaire, response({"linkId": "g", "item": [answered("a", {"valueBoolean": True})]}, answered("b", {"valueBoolean": True}),
                                                           {"linkId": "h", "item": [answered("c", {"valueBoolean": True})]}))
    assert [[s["code"] for s in e["resource"].get("meta", {}).get("security", [])] for e in entries] == [["PSY"], [], ["PSY"]]


def test_the_same_response_again_changes_nothing_and_an_amended_one_the_same_resources(tmp_path):
    questionnaire = form(item("a", "integer", OBSERVE, code=code("a")), item("b", "integer", OBSERVE, code=code("b")), item("c", "integer", OBSERVE, code=code("c")))
    first = response(*(answered(x, {"valueInteger": 1}) for x in "abc"))
    ids = {e["resource"]["code"]["coding"][0]["code"]: e["resource"]["id"] for e in extract(tmp_path, questionnaire, first)[0]}
    assert extract(tmp_path, questionnaire, first, first)[0] == []
    second = response(answered("a", {"valueInteger": 1}), answered("b", {"valueInteger": 2}), status="amended", authored="2026-11-25T10:00:00Z")
    entries, _ = extract(tmp_path, questionnaire, second, first)
    assert [(e["resource"]["id"], e["resource"]["status"], e["resource"]["valueInteger"]) for e in entries] == [
        (ids["b"], "amended", 2), (ids["c"], "entered-in-error", 1)]


def test_a_choice_that_goes_moves_no_other(tmp_path):
    questionnaire = form(item("s", "choice", OBSERVE, code=code("symptom"), repeats=True))
    first = response(answered("s", {"valueCoding": {"code": "cough"}}, {"valueCoding": {"code": "fever"}}))
    entries, _ = extract(tmp_path, questionnaire, response(answered("s", {"valueCoding": {"code": "fever"}}), status="amended"), first)
    assert [(e["resource"]["valueCodeableConcept"]["coding"][0]["code"], e["resource"]["status"]) for e in entries] == [("cough", "entered-in-error")]


def test_definitions_fill_the_entries_that_belong_together(tmp_path):
    def at(path):
        return {"definition": f"{R4}Patient#Patient.{path}"}

    def fixed(path, **value):
        return {"url": SDC + "definitionExtractValue", "extension": [{"url": "definition", "valueUri": f"{R4}Patient#Patient.{path}"}, {"url": "fixed-value", **value}]}
    questionnaire = form(
        item("p", "group", {"url": SDC + "definitionExtract", "extension": [{"url": "definition", "valueCanonical": R4 + "Patient"}]}, item=[
            item("n", "group", repeats=True, **at("name"), item=[item("g", "string", repeats=True, **at("name.given")), item("f", "string", **at("name.family"))]),
            item("phone", "string", fixed("telecom.system", valueCode="phone"), **at("telecom.value")),
            item("mail", "string", fixed("telecom.system", valueCode="email"), **at("telecom.value")),
            item("sex", "choice", **at("gender")), item("dead", "boolean", **at("deceased[x]")), item("lang", "choice", **at("communication.language"))]))
    entries, _ = extract(tmp_path, questionnaire, response({"linkId": "p", "item": [
        {"linkId": "n", "item": [answered("g", {"valueString": "Ann"}, {"valueString": "Eve"}), answered("f", {"valueString": "Doe"})]},
        {"linkId": "n", "item": [answered("f", {"valueString": "Roe"})]},
        answered("phone", {"valueString": "1"}), answered("mail", {"valueString": "a@b"}), answered("sex", {"valueCoding": {"code": "female"}}),
        answered("dead", {"valueBoolean": False}), answered("lang", {"valueCoding": {"system": "urn:ietf:bcp:47", "code": "ar"}})]}))
    body = entries[0]["resource"]
    assert body["name"] == [{"given": ["Ann", "Eve"], "family": "Doe"}, {"family": "Roe"}]
    assert body["telecom"] == [{"system": "phone", "value": "1"}, {"system": "email", "value": "a@b"}]
    assert (body["gender"], body["deceasedBoolean"]) == ("female", False)
    assert body["communication"] == [{"language": {"coding": [{"system": "urn:ietf:bcp:47", "code": "ar"}]}}]


def test_templates_are_filled_and_what_has_no_value_is_left_out(tmp_path):
    def value(expression):
        return {"extension": [{"url": SDC + "templateExtractValue", "valueString": expression}]}

    def context(expression):
        return [{"url": SDC + "templateExtractContext", "valueString": expression}]
    template = {"resourceType": "Patient", "id": "t", "active": True,
                "name": [{"extension": context("item.where(linkId='n')"), "_family": value("item.where(linkId='f').answer.value"),
                          "_given": [value("item.where(linkId='g').answer.value")]}],
                "telecom": [{"extension": context("item.where(linkId='phone').answer.value"), "system": "phone", "_value": value("$this")}],
                "gender": "unknown", "_gender": value("item.where(linkId='sex').answer.value.code"), "_birthDate": value("item.where(linkId='dob').answer.value"),
                "managingOrganization": value("%org")}
    where = {"url": SDC + "templateExtract", "extension": [{"url": "template", "valueReference": {"reference": "#t"}}, {"url": "fullUrl", "valueString": "%new"}]}
    questionnaire = form(item("p", "group", where, repeats=True, item=[
        item("n", "group", repeats=True, item=[item("g", "string", repeats=True), item("f", "string")]), item("phone", "string", repeats=True), item("sex", "choice"), item("dob", "date")]),
        contained=[template], extensions=[{"url": SDC + "extractAllocateId", "valueString": "new"},
                                          {"url": R4 + "variable", "valueExpression": {"name": "org", "language": "text/fhirpath", "expression": "'Organization/1'"}}])
    one = {"linkId": "p", "item": [{"linkId": "n", "item": [answered("g", {"valueString": "A"}, {"valueString": "B"}), answered("f", {"valueString": "C"})]},
                                   {"linkId": "n", "item": [answered("f", {"valueString": "D"})]}, answered("phone", {"valueString": "1"}, {"valueString": "2"}),
                                   answered("sex", {"valueCoding": {"code": "male"}})]}
    entries, _ = extract(tmp_path, questionnaire, response(one, {"linkId": "p", "item": [answered("dob", {"valueDate": "2000-01-01"})]}, {"linkId": "p"}))
    assert len(entries) == 2  # an item without answers gives nothing
    body = entries[0]["resource"]
    assert body["name"] == [{"family": "C", "given": ["A", "B"]}, {"family": "D"}]
    assert [t["value"] for t in body["telecom"]] == ["1", "2"] and body["gender"] == "male" and "birthDate" not in body
    assert body["managingOrganization"] == {"reference": "Organization/1"} and entries[0]["fullUrl"].startswith("urn:uuid:")
    assert entries[1]["resource"]["birthDate"] == "2000-01-01" and "gender" not in entries[1]["resource"] and "name" not in entries[1]["resource"]
    assert entries[0]["resource"]["id"] != entries[1]["resource"]["id"] and entries[0]["fullUrl"] != entries[1]["fullUrl"]


def test_a_template_that_is_a_bundle(tmp_path):
    template = {"resourceType": "Bundle", "id": "t", "type": "transaction", "entry": [
        {"fullUrl": "urn:uuid:6f6177d2-13ee-4d27-b0e8-3eaf663dd031", "request": {"method": "POST", "url": "Flag"}, "resource": {
            "resourceType": "Flag", "status": "active", "code": {"_text": {"extension": [{"url": SDC + "templateExtractValue", "valueString": "item.where(linkId='a').answer.value"}]}}}}]}
    questionnaire = form(item("a", "string"), contained=[template], extensions=[{"url": SDC + "templateExtractBundle", "valueReference": {"reference": "#t"}}])
    entries, _ = extract(tmp_path, questionnaire, response(answered("a", {"valueString": "note"})))
    assert entries[0]["resource"]["code"] == {"text": "note"}
    other, _ = extract(tmp_path, questionnaire, {**response(answered("a", {"valueString": "note"})), "id": "r2"})
    assert entries[0]["resource"]["id"] != other[0]["resource"]["id"]  # of another response, so another resource


def test_only_what_is_completed_is_extracted(tmp_path):
    _, errors = extract(tmp_path, form(item("a", "string")), response(status="in-progress"), code=3)
    assert "Only a response that is completed or amended" in errors


def test_an_expression_that_cannot_be_computed_is_said_and_the_rest_goes_on(tmp_path):
    template = {"resourceType": "Flag", "id": "t", "status": "active", "code": {"text": "x"}, "subject": {
        "extension": [{"url": SDC + "templateExtractValue", "valueString": "%nobody"}]}}
    questionnaire = form(item("a", "string", {"url": SDC + "templateExtract", "extension": [{"url": "template", "valueReference": {"reference": "#t"}}]}), contained=[template])
    entries, errors = extract(tmp_path, questionnaire, response(answered("a", {"valueString": "x"})))
    assert entries[0]["resource"]["status"] == "active" and "subject" not in entries[0]["resource"]
    assert "nobody here knows %nobody" in errors


# --- over HTTP -------------------------------------------------------------------------------------------------


@pytest.fixture
def filled(fresh):
    """A server with a form, a person and a physician."""
    questionnaire = form(item("a", "integer", OBSERVE, code=code("a"), required=True), item("b", "string", OBSERVE, code=code("b")))
    for resource in (questionnaire, {"resourceType": "Patient", "id": "p", "gender": "female"}, {"resourceType": "Practitioner", "id": "d"}):
        assert fresh.send("PUT", f"/{resource['resourceType']}/{resource['id']}", resource).status_code == 201
    return fresh


def save(fhir, resource, **headers):
    return fhir.http.post(fhir.server.url + "/clinical/answers", json=resource, headers={"Content-Type": "application/fhir+json", **headers})


def observations(fhir):
    return {b["resource"]["code"]["coding"][0]["code"]: b["resource"] for b in fhir.get("/Observation?subject=Patient/p").json().get("entry", [])}


def test_answers_and_what_follows_are_stored_together_and_amended_together(filled):
    answer = save(filled, response(answered("a", {"valueInteger": 1}), answered("b", {"valueString": "x"})))
    assert answer.status_code == 201, answer.text
    assert answer.json()["resourceType"] == "QuestionnaireResponse" and answer.headers["ETag"]
    before = observations(filled)
    assert before["a"]["valueInteger"] == 1 and before["b"]["valueString"] == "x"
    amended = response(answered("a", {"valueInteger": 2}), status="amended", authored="2026-11-25T10:00:00Z")
    assert save(filled, amended).status_code == 200
    after = observations(filled)
    assert (after["a"]["id"], after["a"]["valueInteger"], after["a"]["status"]) == (before["a"]["id"], 2, "amended")
    assert after["b"]["status"] == "entered-in-error" and len(after) == 2
    history = filled.get("/QuestionnaireResponse/r1/_history").json()
    assert [e["resource"]["status"] for e in history["entry"]] == ["amended", "completed"]
    versions = filled.get(f"/Observation/{after['b']['id']}/_history").json()
    assert [e["resource"]["status"] for e in versions["entry"]] == ["entered-in-error", "final"]


def test_what_does_not_fit_the_form_is_refused_with_its_place_and_nothing_is_stored(filled):
    sequence = filled.sequence()
    wants(save(filled, response(answered("a", {"valueString": "one"}))), 422, "of type integer", "QuestionnaireResponse.item[0].answer[0].value.ofType(string)")
    wants(save(filled, response(answered("b", {"valueString": "x"}))), 422, "must be answered", "linkId \"a\"")
    wants(save(filled, response(answered("b", {"valueString": "x"})), **{"Accept-Language": "ar-EG, en;q=0.5"}), 422, "يجب الإجابة عن هذا السؤال.")
    wants(save(filled, response(name="unknown")), 404, "neither in a package nor in the record")
    wants(save(filled, {"resourceType": "Patient"}), 422, "The body is a QuestionnaireResponse")
    nameless = response(answered("a", {"valueInteger": 1}))
    del nameless["id"]
    wants(save(filled, nameless), 422, "needs an id")
    assert filled.sequence() == sequence and not observations(filled)


def test_answers_stay_with_their_person_and_ids_are_ids(filled):
    assert filled.send("PUT", "/Patient/q", {"resourceType": "Patient", "id": "q"}).status_code == 201
    given = response(answered("a", {"valueInteger": 1}))
    assert save(filled, given).status_code == 201
    sequence = filled.sequence()
    wants(save(filled, {**given, "status": "amended", "subject": {"reference": "Patient/q"}}), 409, "does not change")
    wants(save(filled, {**given, "id": "r2", "subject": {"reference": "Patient/nobody"}}), 422, "is not in the record")
    wants(save(filled, {**given, "id": "r2", "status": "done"}), 422, "The status is")
    same = {**given, "status": "amended", "subject": {"reference": f"{filled.base}/Patient/p"}}
    wants(save(filled, {**given, "id": "r3", "authored": "yesterday"}), 422, "QuestionnaireResponse.authored")
    wants(save(filled, {**given, "id": 'x","method":"DELETE","url":"Patient/q'}), 422, "An id has")
    assert filled.sequence() == sequence and filled.get("/Patient/q").status_code == 200
    assert save(filled, same).status_code == 200, "the same person by this server's own whole address"


def test_an_answer_in_an_id_that_is_none_leaves_the_id_to_us(tmp_path):
    template = {"resourceType": "Basic", "id": "t", "code": {"text": "x"}}
    questionnaire = form(item("a", "string", {"url": SDC + "templateExtract", "extension": [
        {"url": "template", "valueReference": {"reference": "#t"}}, {"url": "resourceId", "valueString": "item.answer.value"}]}), contained=[template])
    for text in ("good-id", 'x","method":"DELETE","url":"Patient/1'):
        entries, _ = extract(tmp_path, questionnaire, response(answered("a", {"valueString": text})))
        assert entries[0]["request"]["method"] == "PUT" and set(entries[0]["request"]) == {"method", "url"}
        assert "Patient" not in entries[0]["request"]["url"]


def test_a_part_of_the_answers_is_saved_without_consequences_until_it_is_completed(filled):
    draft = response(answered("b", {"valueString": "so far"}), status="in-progress")
    assert filled.send("PUT", "/QuestionnaireResponse/r1", draft).status_code == 201
    assert save(filled, response(answered("b", {"valueString": "x"}), status="in-progress")).status_code == 200
    assert not observations(filled)
    assert save(filled, response(answered("a", {"valueInteger": 1}))).status_code == 200
    assert set(observations(filled)) == {"a"}
    wants(save(filled, draft), 422, "status amended")


def test_an_older_page_does_not_overwrite_what_is_newer(filled):
    tag = save(filled, response(answered("a", {"valueInteger": 1}))).headers["ETag"]
    assert save(filled, response(answered("a", {"valueInteger": 2}), status="amended"), **{"If-Match": tag}).status_code == 200
    wants(save(filled, response(answered("a", {"valueInteger": 3}), status="amended"), **{"If-Match": tag}), 412)
    assert observations(filled)["a"]["valueInteger"] == 2


def test_extract_answers_a_transaction_and_stores_nothing(filled):
    done = response(answered("a", {"valueInteger": 1}))
    assert filled.send("PUT", "/QuestionnaireResponse/r1", done).status_code == 201
    sequence = filled.sequence()
    for answer in (filled.get("/QuestionnaireResponse/r1/$extract"), filled.send("POST", "/QuestionnaireResponse/r1/$extract"),
                   filled.send("POST", "/QuestionnaireResponse/$extract", done),
                   filled.send("POST", "/QuestionnaireResponse/$extract", {"resourceType": "Parameters", "parameter": [{"name": "questionnaire-response", "resource": done}]})):
        assert answer.status_code == 200, answer.text
        bundle = next(p["resource"] for p in answer.json()["parameter"] if p["name"] == "return")
        assert bundle["type"] == "transaction" and bundle["entry"][0]["resource"]["valueInteger"] == 1
    assert filled.sequence() == sequence
    once = filled.send("POST", "/", copy.deepcopy(bundle))
    again = filled.send("POST", "/", bundle)
    assert (once.status_code, again.status_code) == (200, 200) and len(observations(filled)) == 1
    wants(filled.get("/QuestionnaireResponse/nowhere/$extract"), 404)
    wants(filled.send("POST", "/QuestionnaireResponse/$extract"), 400, "needs a QuestionnaireResponse")
    wants(filled.send("POST", "/QuestionnaireResponse/$extract", response(status="in-progress")), 422, "Only a response that is completed")


@pytest.mark.parametrize("way", ["context", "id"])
def test_a_person_who_is_known_keeps_what_the_form_does_not_ask(tmp_path, way):
    if way == "context":
        opening = {"url": SDC + "itemExtractionContext", "valueExpression": {"language": "text/fhirpath", "expression": "%patient"}}
    else:
        opening = {"url": SDC + "definitionExtract", "extension": [{"url": "definition", "valueCanonical": R4 + "Patient"}]}
    questionnaire = form(item("g", "group", opening, item=[
        item("id", "string", definition=R4 + "Patient#Patient.id"), item("sex", "choice", definition=R4 + "Patient#Patient.gender"),
        item("phone", "string", repeats=True, definition=R4 + "Patient#Patient.telecom.value")]))
    person = {"resourceType": "Patient", "id": "p", "meta": {"versionId": "1-1", "lastUpdated": "2026-01-01T00:00:00Z"}, "birthDate": "1990-01-01", "gender": "unknown",
              "telecom": [{"value": "old"}, {"value": "older"}]}
    for name, resource in (("q", questionnaire), ("p", person), ("r", response({"linkId": "g", "item": [
            *([answered("id", {"valueString": "p"})] if way == "id" else []), answered("sex", {"valueCoding": {"code": "male"}}), answered("phone", {"valueString": "new"})]}))):
        (tmp_path / name).write_text(json.dumps(resource), encoding="utf-8")
    done = subprocess.run([BIN, "form", "extract", "--context", f"patient={tmp_path}/p", tmp_path / "q", tmp_path / "r"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    entry = json.loads(done.stdout)["entry"][0]
    assert entry["request"] == {"method": "PUT", "url": "Patient/p"}
    body = entry["resource"]
    assert (body["birthDate"], body["gender"], body["telecom"]) == ("1990-01-01", "male", [{"value": "new"}]) and "meta" not in body


def test_a_response_that_was_an_error_takes_all_of_it_back(filled):
    first = response(answered("a", {"valueInteger": 1}), answered("b", {"valueString": "x"}))
    assert save(filled, first).status_code == 201
    assert save(filled, {**first, "status": "entered-in-error"}).status_code == 200
    assert {o["status"] for o in observations(filled).values()} == {"entered-in-error"} and len(observations(filled)) == 2
    assert save(filled, first).status_code == 200  # completed again after all
    assert {o["status"] for o in observations(filled).values()} == {"final"} and len(observations(filled)) == 2
