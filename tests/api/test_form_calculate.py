# SPDX-License-Identifier: GPL-3.0-or-later
"""rihla form calculate: one form, or a batch of them."""
import json
import subprocess

import pytest
from conftest import BIN

SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"


def run(*arguments, stdin="", code=0):
    done = subprocess.run([BIN, "form", *map(str, arguments)], input=stdin, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
    return done


def expression(kind, text):
    return [{"url": SDC + kind, "valueExpression": {"language": "text/fhirpath", "expression": text}}]


def questionnaire(*items, **more):
    return {"resourceType": "Questionnaire", "status": "active", **more, "item": list(items)}


BMI = questionnaire(
    {"linkId": "height", "type": "decimal", "initial": [{"valueDecimal": 1.80}]}, {"linkId": "weight", "type": "decimal"},
    {"linkId": "bmi", "type": "decimal", "extension": expression("calculatedExpression", (
        "(%resource.item.where(linkId='weight').answer.value / "
        "%resource.item.where(linkId='height').answer.value.power(2)).round(1)"))},
    {"linkId": "high", "type": "string", "enableWhen": [{"question": "bmi", "operator": ">", "answerDecimal": 30}]},
    url="http://example.org/Questionnaire/bmi", version="2")


def response(**answers):
    return {"resourceType": "QuestionnaireResponse", "status": "in-progress",
            "item": [{"linkId": k, "answer": [v]} for k, v in answers.items()]}


def answered(text):
    return {i["linkId"]: [next(v for k, v in a.items() if k.startswith("value")) for a in i["answer"]]
            for i in json.loads(text).get("item", [])}


@pytest.fixture
def file(tmp_path):
    def write(name, resource):
        path = tmp_path / name
        path.write_text(json.dumps(resource), encoding="utf-8")
        return path
    return write


def test_initial_values_without_a_response(file):
    done = run("calculate", file("q.json", BMI))
    assert answered(done.stdout) == {"height": [1.8]}
    assert json.loads(done.stdout)["questionnaire"] == "http://example.org/Questionnaire/bmi|2"
    assert done.stderr == ""


def test_calculated_values_and_nothing_that_is_not_enabled(file):
    answers = response(height={"valueDecimal": 1.80}, weight={"valueDecimal": 81}, high={"valueString": "why"})
    done = run("calculate", file("q.json", BMI), file("r.json", answers))
    assert answered(done.stdout) == {"height": [1.8], "weight": [81], "bmi": [25]}
    answers["item"][1]["answer"][0]["valueDecimal"] = 120
    done = run("calculate", file("q.json", BMI), file("r.json", answers))
    assert answered(done.stdout)["bmi"] == [37.0] and answered(done.stdout)["high"] == ["why"]


def test_digits_stay_as_they_were_typed(file, tmp_path):
    path = tmp_path / "r.json"
    path.write_text(json.dumps(response(weight={"valueDecimal": 0})).replace("0}", "81.50}"), encoding="utf-8")
    assert "81.50" in run("calculate", file("q.json", BMI), path).stdout


def test_a_form_in_xml_and_from_standard_input(file):
    xml = ('<Questionnaire xmlns="http://hl7.org/fhir"><status value="active"/><item><linkId value="a"/><type value="integer"/>'
           '<initial><valueInteger value="4"/></initial></item></Questionnaire>')
    assert answered(run("calculate", "-", stdin=xml).stdout) == {"a": [4]}


def test_the_context_of_the_launch(file):
    form = questionnaire({"linkId": "sex", "type": "string", "extension": expression("initialExpression", "%patient.gender")},
                         extension=[{"url": SDC + "launchContext", "extension": [
                             {"url": "name", "valueCoding": {"code": "patient"}}, {"url": "type", "valueCode": "Patient"}]}])
    patient = file("p.json", {"resourceType": "Patient", "gender": "female"})
    assert answered(run("calculate", file("q.json", form), "--context", f"patient={patient}").stdout) == {"sex": ["female"]}
    done = run("calculate", file("q.json", form))
    assert answered(done.stdout) == {} and "patient" in done.stderr
    assert "NAME=FILE" in run("calculate", file("q.json", form), "--context", "patient", code=3).stderr


def test_the_stated_time_is_now(file):
    form = questionnaire({"linkId": "d", "type": "date", "extension": expression("calculatedExpression", "today()")})
    for now, day in (("2024-02-29T12:00:00Z", "2024-02-29"), ("2026-01-01", "2026-01-01")):
        assert answered(run("calculate", file("q.json", form), "--now", now).stdout) == {"d": [day]}
    assert "--now" in run("calculate", file("q.json", form), "--now", "soon", code=2).stderr


def test_a_form_of_a_package_by_its_address(tmp_path):
    folder = tmp_path / "pack" / "package"
    folder.mkdir(parents=True)
    (folder / "package.json").write_text(json.dumps({"name": "x", "version": "1.0.0", "fhirVersions": ["4.0.1"]}))
    (folder / "Questionnaire-bmi.json").write_text(json.dumps({**BMI, "id": "bmi"}))
    for canonical in (BMI["url"], BMI["url"] + "|2"):
        done = run("calculate", canonical, "--package", tmp_path / "pack")
        assert answered(done.stdout) == {"height": [1.8]}
    [answer] = [json.loads(line) for line in run("calculate", "--batch", "--package", tmp_path / "pack", stdin=json.dumps(
        {"id": 1, "questionnaire": BMI["url"], "response": response(weight={"valueDecimal": 81}, height={"valueDecimal": 1.8})})).stdout.splitlines()]
    assert answered(json.dumps(answer["response"]))["bmi"] == [25]


@pytest.mark.parametrize("arguments, words", [
    ((), "needs"), (("compute", "x"), "no such verb"), (("calculate",), "too few"),
    (("calculate", "a", "b", "c"), "too"), (("calculate", "x", "--batch"), "standard input"),
])
def test_wrong_usage_is_said(arguments, words):
    done = subprocess.run([BIN, "form", *arguments], input="", capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and words in done.stderr, done.stderr


@pytest.mark.parametrize("form, answers, words", [
    ({"resourceType": "Patient"}, None, "not a Questionnaire"),
    (questionnaire({"type": "string"}), None, "has no linkId"),
    (questionnaire({"linkId": "a", "type": "colour"}), None, "does not know"),
    (BMI, {"resourceType": "Patient"}, "not a QuestionnaireResponse"),
    (BMI, response(nowhere={"valueString": "x"}), "does not have"),
    (BMI, {"resourceType": "QuestionnaireResponse", "item": [{"linkId": "weight", "answer": {"valueDecimal": 1}}]}, "array"),
])
def test_what_is_wrong_is_said(file, form, answers, words):
    arguments = [file("q.json", form)] + ([file("r.json", answers)] if answers else [])
    done = run("calculate", *arguments, code=3)
    assert words in done.stderr and done.stdout == ""


def test_a_file_that_is_not_there(tmp_path):
    assert "nowhere.json" in run("calculate", tmp_path / "nowhere.json", code=3).stderr


def test_a_batch_answers_every_line_in_order():
    lines = [{"id": "a", "questionnaire": BMI, "response": response(weight={"valueDecimal": 81}, height={"valueDecimal": 1.8})},
             {"id": "b", "questionnaire": {"resourceType": "Patient"}},
             {"id": {"any": 1}, "questionnaire": BMI, "response": None},
             {"id": "d", "questionnaire": "http://example.org/none"},
             {"id": "e"},
             {"id": "f", "questionnaire": BMI}]
    done = run("calculate", "--batch", stdin="\n".join(map(json.dumps, lines)) + "\n\n")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [a["id"] for a in answers] == [line["id"] for line in lines]
    assert ["error" in a for a in answers] == [False, True, False, True, True, False]
    assert all(set(a) == {"id", "error" if "error" in a else "response"} for a in answers)
    assert "not loaded" in answers[3]["error"]


def test_a_line_that_is_not_json_stops_nothing():
    done = run("calculate", "--batch", stdin='{"id":1,\n[]\n' + json.dumps({"id": 2, "questionnaire": BMI}), code=1)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [a.get("line", a.get("id")) for a in answers] == [1, 2, 2]
    assert "error" in answers[0] and "error" in answers[1] and "response" in answers[2]


def test_expressions_without_end_are_ended():
    heavy = "(1 | 2 | 3).repeatAll($this + 1).count()"
    form = questionnaire(*[{"linkId": f"x{i}", "type": "integer", "extension": expression("calculatedExpression", heavy)} for i in range(5)])
    done = run("calculate", "--batch", stdin=json.dumps({"id": 1, "questionnaire": form}))
    [answer] = [json.loads(line) for line in done.stdout.splitlines()]
    assert "response" in answer or "limits" in answer["error"]
