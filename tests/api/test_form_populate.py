# SPDX-License-Identifier: GPL-3.0-or-later
"""Forms filled in from what is known: rihla form populate, Questionnaire/$populate."""
import json
import subprocess

import pytest
from conftest import BIN, wants

SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"
R4 = "http://hl7.org/fhir/StructureDefinition/"
FROM = "https://rihla.example/fhir/StructureDefinition/populated-from"
PATIENT = {"resourceType": "Patient", "id": "p", "birthDate": "1990-05-01", "gender": "female",
           "name": [{"family": "Doe", "given": ["Ann", "Eve"]}, {"family": "Roe"}]}


def expression(text, language="text/fhirpath", **more):
    return {"language": language, "expression": text, **more}


def initial(text):
    return {"url": SDC + "initialExpression", "valueExpression": expression(text)}


def item(link, kind, *extensions, **more):
    return {"linkId": link, "type": kind, **({"extension": list(extensions)} if extensions else {}), **more}


def launch(name, kind):
    return {"url": SDC + "launchContext", "extension": [{"url": "name", "valueCoding": {"code": name}}, {"url": "type", "valueCode": kind}]}


def form(*items, extensions=()):
    return {"resourceType": "Questionnaire", "id": "q", "url": "http://example.org/fhir/Questionnaire/q", "status": "active",
            "extension": [launch("patient", "Patient"), *extensions], "item": list(items)}


def populate(tmp_path, questionnaire, code=0, **context):
    (tmp_path / "q.json").write_text(json.dumps(questionnaire), encoding="utf-8")
    options = []
    for name, resource in context.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(resource), encoding="utf-8")
        options += ["--context", f"{name}={tmp_path / name}.json"]
    done = subprocess.run([BIN, "form", "populate", "--now", "2026-11-24T10:00:00Z", *options, tmp_path / "q.json"], capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout) if not code else None, done.stderr


def values(owner):
    """{linkId: [values]}, groups below as lists of the same."""
    out = {}
    for i in owner.get("item", []):
        if "answer" in i:
            out.setdefault(i["linkId"], []).extend(next(v for k, v in a.items() if k.startswith("value")) for a in i["answer"])
        else:
            out.setdefault(i["linkId"], []).append(values(i))
    return out


def test_initial_values_come_from_the_launch_context_and_say_so(tmp_path):
    questionnaire = form(item("born", "date", initial("%patient.birthDate")), item("sex", "choice", initial("%patient.gender"), answerValueSet=R4.replace("StructureDefinition", "ValueSet") + "administrative-gender"),
                         item("year", "string", initial("%patient.birthDate.toString().substring(0, 4)")), item("today", "date", initial("today()")),
                         item("unknown", "string", initial("%patient.telecom.value")), item("fixed", "integer", initial=[{"valueInteger": 3}]))
    answer, _ = populate(tmp_path, questionnaire, patient=PATIENT)
    assert answer["status"] == "in-progress" and answer["subject"] == {"reference": "Patient/p"}
    got = values(answer)
    assert got["born"] == ["1990-05-01"] and got["sex"][0]["code"] == "female" and got["year"] == ["1990"]
    assert got["today"] == ["2026-11-24"] and got["fixed"] == [3] and "unknown" not in got
    marked = {i["linkId"]: [e["valueReference"]["reference"] for x in i["answer"][0].get("extension", []) if x["url"] == FROM for e in x["extension"] if e["url"] == "source"]
              for i in answer["item"]}
    assert marked == {"born": ["Patient/p"], "sex": ["Patient/p"], "year": ["Patient/p"], "today": [], "fixed": []}


def test_a_group_repeats_for_each_result_of_its_population_context(tmp_path):
    context = {"url": SDC + "itemPopulationContext", "valueExpression": expression("%patient.name", name="one")}
    questionnaire = form(item("names", "group", context, repeats=True, item=[
        item("family", "string", initial("%one.family")), item("given", "string", initial("%one.given"), repeats=True),
        item("inner", "group", item=[item("both", "string", initial("%one.given.first() & ' ' & %one.family"))])]))
    answer, _ = populate(tmp_path, questionnaire, patient=PATIENT)
    assert values(answer)["names"] == [{"family": ["Doe"], "given": ["Ann", "Eve"], "inner": [{"both": ["Ann Doe"]}]}, {"family": ["Roe"], "inner": [{"both": [" Roe"]}]}]
    empty, _ = populate(tmp_path, questionnaire, patient={"resourceType": "Patient", "id": "p"})
    assert "names" not in values(empty)


def test_what_cannot_be_asked_is_said_and_stays_open(tmp_path):
    query = {"url": R4 + "variable", "valueExpression": expression("Condition?patient={{%patient.id}}", "application/x-fhir-query", name="conditions")}
    questionnaire = form(item("n", "integer", initial("%conditions.entry.count()")), item("c", "string", initial("%conditions.entry.resource.code.text")), extensions=[query])
    answer, errors = populate(tmp_path, questionnaire, patient=PATIENT)
    assert "c" not in values(answer) and "no record to ask" in errors
    _, errors = populate(tmp_path, questionnaire)
    assert "nobody knows %patient.id" in errors


def test_what_is_answered_already_stays(tmp_path):
    questionnaire = form(item("a", "string", initial("'new'")), item("b", "string", initial("'new'")))
    (tmp_path / "q.json").write_text(json.dumps(questionnaire))
    (tmp_path / "r.json").write_text(json.dumps({"resourceType": "QuestionnaireResponse", "id": "r", "status": "in-progress", "item": [{"linkId": "a", "answer": [{"valueString": "mine"}]}]}))
    done = subprocess.run([BIN, "form", "populate", tmp_path / "q.json", tmp_path / "r.json"], capture_output=True, text=True, timeout=60)
    assert values(json.loads(done.stdout)) == {"a": ["mine"], "b": ["new"]} and json.loads(done.stdout)["id"] == "r"


# --- over HTTP -------------------------------------------------------------------------------------------------


@pytest.fixture
def known(fresh):
    """A server that knows a person, her observations and a relative."""
    code = {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]}

    def weight(name, value, day, unit="kg", **more):
        return {"resourceType": "Observation", "id": name, "status": "final", "code": code, "subject": {"reference": "Patient/p"}, "effectiveDateTime": day,
                "valueQuantity": {"value": value, "unit": unit, "system": "http://unitsofmeasure.org", "code": unit}, **more}
    for resource in (PATIENT, {"resourceType": "Patient", "id": "other"}, weight("old", 60, "2020-01-01"), weight("new", 71500, "2026-11-20", "g"),
                     weight("wrong", 99, "2026-11-23", status="entered-in-error"), weight("theirs", 50, "2026-11-23", subject={"reference": "Patient/other"}),
                     {"resourceType": "RelatedPerson", "id": "mum", "patient": {"reference": "Patient/p"}, "name": [{"text": "Mum"}]}):
        assert fresh.send("PUT", f"/{resource['resourceType']}/{resource['id']}", resource).status_code == 201
    return fresh


PERIOD = {"url": SDC + "observationLinkPeriod", "valueDuration": {"value": 20, "unit": "a", "system": "http://unitsofmeasure.org", "code": "a"}}
KG = {"url": R4 + "questionnaire-unit", "valueCoding": {"system": "http://unitsofmeasure.org", "code": "kg"}}


def call(fhir, questionnaire, *more, status=200):
    answer = fhir.send("POST", "/Questionnaire/$populate", {"resourceType": "Parameters", "parameter": [{"name": "questionnaire", "resource": questionnaire}, *more]})
    assert answer.status_code == status, answer.text
    if status != 200:
        return answer
    out = {p["name"]: p["resource"] for p in answer.json()["parameter"]}
    return out["response"], out.get("issues")


SUBJECT = {"name": "subject", "valueReference": {"reference": "Patient/p"}}


def test_the_record_is_asked_so_that_nothing_is_asked_twice(known):
    relatives = {"url": SDC + "itemPopulationContext", "valueExpression": expression("RelatedPerson?patient={{%patient.id}}", "application/x-fhir-query", name="relative")}
    query = {"url": R4 + "variable", "valueExpression": expression("Observation?patient={{%patient.id}}&status=final", "application/x-fhir-query", name="found")}
    questionnaire = form(
        item("w", "decimal", PERIOD, KG, code=[{"system": "http://loinc.org", "code": "29463-7"}]),
        item("q", "quantity", PERIOD, code=[{"system": "http://loinc.org", "code": "29463-7"}]),
        item("none", "decimal", PERIOD, code=[{"system": "http://loinc.org", "code": "8302-2"}]),
        item("short", "decimal", {**PERIOD, "valueDuration": {"value": 1, "code": "s"}}, code=[{"system": "http://loinc.org", "code": "29463-7"}]),
        item("n", "integer", initial("%found.entry.count()")),
        item("rel", "group", relatives, repeats=True, item=[item("who", "string", initial("%relative.name.text"))]), extensions=[query])
    response, issues = call(known, questionnaire, SUBJECT)
    got = values(response)
    assert [float(v) for v in got["w"]] == [71.5] and got["q"][0]["value"] == 71500 and "none" not in got and "short" not in got
    assert got["n"] == [2] and got["rel"] == [{"who": ["Mum"]}] and not issues
    mark = response["item"][0]["answer"][0]["extension"][0]
    assert mark["url"] == FROM and mark["extension"] == [{"url": "source", "valueReference": {"reference": "Observation/new"}}, {"url": "date", "valueDateTime": "2026-11-20"}]
    assert response["subject"] == {"reference": "Patient/p"} and response["questionnaire"].endswith("Questionnaire/q")


def test_a_stored_form_by_its_address_and_context_by_name(known):
    assert known.send("PUT", "/Questionnaire/q", form(item("born", "date", initial("%patient.birthDate")), item("me", "string", initial("%user.name.text")))).status_code == 201
    assert known.send("PUT", "/Practitioner/d", {"resourceType": "Practitioner", "id": "d", "name": [{"text": "Dr D"}]}).status_code == 201
    context = {"name": "context", "part": [{"name": "name", "valueString": "user"}, {"name": "content", "valueReference": {"reference": "Practitioner/d"}}]}
    for first in ({"name": "canonical", "valueCanonical": "http://example.org/fhir/Questionnaire/q"}, {"name": "questionnaire", "valueUri": "http://example.org/fhir/Questionnaire/q"},
                  {"name": "questionnaireRef", "valueReference": {"reference": "Questionnaire/q"}}):
        answer = known.send("POST", "/Questionnaire/$populate", {"resourceType": "Parameters", "parameter": [first, SUBJECT, context]})
        assert answer.status_code == 200, answer.text
        assert values(answer.json()["parameter"][0]["resource"]) == {"born": ["1990-05-01"], "me": ["Dr D"]}
    answer = known.get("/Questionnaire/q/$populate?subject=Patient/p")
    assert values(answer.json()["parameter"][0]["resource"]) == {"born": ["1990-05-01"]}


def test_a_resource_that_has_a_patient_of_its_own_is_not_the_patient(known):
    dose = {"resourceType": "Immunization", "status": "completed", "vaccineCode": {"text": "x"}, "patient": {"reference": "Patient/p"}, "occurrenceString": "once"}
    context = {"name": "context", "part": [{"name": "name", "valueString": "dose"}, {"name": "content", "resource": dose}]}
    response, _ = call(known, form(item("born", "date", initial("%patient.birthDate")), item("v", "string", initial("%dose.vaccineCode.text"))), SUBJECT, context)
    assert values(response) == {"born": ["1990-05-01"], "v": ["x"]}


def test_refuses_what_it_cannot_find(known):
    questionnaire = form(item("a", "string"))
    wants(call(known, questionnaire, {"name": "subject", "valueReference": {"reference": "Patient/nobody"}}, status=404), 404, "Patient/nobody is not in the record")
    wants(known.send("POST", "/Questionnaire/$populate", {"resourceType": "Parameters", "parameter": [SUBJECT]}), 400, "needs a Questionnaire")
    wants(known.get("/Questionnaire/$populate?questionnaire=http://nowhere.test/q"), 404, "neither in a package nor in the record")
    wants(known.get("/Questionnaire/$populate?colour=red"), 400, "has no input")


def test_what_was_filled_in_can_be_completed_and_given_back(known):
    questionnaire = form(item("w", "decimal", PERIOD, KG, {"url": SDC + "observationExtract", "valueBoolean": True}, code=[{"system": "http://loinc.org", "code": "29463-7"}]))
    assert known.send("PUT", "/Questionnaire/q", questionnaire).status_code == 201
    response, _ = call(known, questionnaire, SUBJECT)
    done = {**response, "id": "r1", "status": "completed", "authored": "2026-11-24T10:00:00Z"}
    answer = known.http.post(known.server.url + "/clinical/answers", json=done, headers={"Content-Type": "application/fhir+json"})
    assert answer.status_code == 201, answer.text
