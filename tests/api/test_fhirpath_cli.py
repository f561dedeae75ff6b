# SPDX-License-Identifier: GPL-3.0-or-later
"""rihla fhirpath: one expression, its checks and its tree, and batches of lines."""
import json
import subprocess

import pytest
from conftest import BIN
from program import rihla

PATIENT = {"resourceType": "Patient", "id": "p", "gender": "female", "birthDate": "1980-05-04",
           "name": [{"use": "official", "family": "Haddad", "given": ["Samira", "Leila"]}, {"use": "usual", "given": ["Sam"]}]}


@pytest.fixture
def patient(tmp_path):
    path = tmp_path / "patient.json"
    path.write_text(json.dumps(PATIENT), encoding="utf-8")
    return path


def answer(*arguments, code=0, **more):
    return json.loads(rihla("fhirpath", *arguments, code=code, **more).stdout)


def batch(lines, *options, code=0):
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    return [json.loads(x) for x in rihla("fhirpath", "--batch", *options, input=text, code=code).stdout.splitlines()]


def test_prints_a_json_array(patient):
    assert answer("name.where(use='official').given", patient) == ["Samira", "Leila"]
    assert answer("name.count() + 1", patient) == [3]
    assert answer("contact", patient) == []
    assert answer("1 + 1") == [2]


def test_reads_standard_input_and_xml(tmp_path):
    assert answer("gender", "-", input=json.dumps(PATIENT)) == ["female"]
    xml = tmp_path / "p.xml"
    xml.write_text('<Patient xmlns="http://hl7.org/fhir"><active value="true"/><birthDate value="1980-05"/></Patient>', encoding="utf-8")
    assert answer("active | birthDate", xml, "--types") == [{"type": "boolean", "value": True}, {"type": "date", "value": "1980-05"}]


def test_xml_in_the_wrong_order_is_read_with_a_warning(tmp_path):
    xml = tmp_path / "p.xml"
    xml.write_text('<Patient xmlns="http://hl7.org/fhir"><birthDate value="1980"/><active value="true"/></Patient>', encoding="utf-8")
    done = rihla("fhirpath", "active", xml)
    assert json.loads(done.stdout) == [True] and "out of order" in done.stderr


def test_a_base_path_and_variables(patient):
    assert answer("given.first()", patient, "--base", "name") == ["Samira", "Sam"]
    assert answer("%x + 1", "--var", "x=41") == [42]
    assert answer("%who & '!'", "--var", "who=Sam") == ["Sam!"]
    assert answer("%list.count() + %n", "--var", "list=[1,2,3]", "--var", "n=1") == [4]
    assert "NAME=VALUE" in rihla("fhirpath", "1", "--var", "x", code=3).stderr


def test_a_model_of_plain_json(patient):
    assert answer("gender.type().name", patient) == ["code"]
    assert answer("gender.type().name", patient, "--model", "none") == ["String"]
    assert "r4 or none" in rihla("fhirpath", "1", "--model", "r5", code=2).stderr


def test_what_is_wrong_is_said_with_its_place(patient):
    assert "1:6: " in rihla("fhirpath", "name.givn", patient, code=3).stderr
    assert answer("name.givn", patient, "--lenient") == []
    done = rihla("fhirpath", "name.where(", patient, code=3)
    assert "1:12" in done.stderr and done.stdout == ""
    assert "shout" in rihla("fhirpath", "'a'.shout()", code=3).stderr
    outcome = json.loads(rihla("fhirpath", "name.givn", patient, "--json", code=3).stdout)
    assert outcome["resourceType"] == "OperationOutcome" and "givn" in json.dumps(outcome)
    assert "2:1" in rihla("fhirpath", "1 +\n)", code=3).stderr


def test_checks_without_evaluating():
    assert rihla("fhirpath", "--check", "Patient", "name.given").stdout == "string\n"
    assert json.loads(rihla("fhirpath", "--check", "Patient", "name.exists()", "--json").stdout) == {"valid": True, "type": "System.Boolean"}
    done = rihla("fhirpath", "--check", "Patient", "name.givn", code=1)
    assert "givn" in done.stderr and "given" in done.stderr
    assert "no type" in rihla("fhirpath", "--check", "Pasient", "name", code=2).stderr


def test_prints_the_tree():
    tree = json.loads(rihla("fhirpath", "--ast", "name.given + 'x'").stdout)
    assert {"op", "at", "args"} <= set(tree)
    assert "given" in json.dumps(tree)
    rihla("fhirpath", "--ast", "1 +", code=1)


@pytest.mark.parametrize("arguments", [(), ("--batch", "1"), ("--ast", "--check", "Patient", "1"), ("--ast", "1", "file.json"),
                                       ("1", "2", "3"), ("1", "--nothing")])
def test_wrong_usage(arguments):
    assert rihla("fhirpath", *arguments, code=2).stderr


def test_files_that_cannot_be_read(tmp_path):
    assert "nowhere.json" in rihla("fhirpath", "1", tmp_path / "nowhere.json", code=3).stderr
    bad = tmp_path / "bad.json"
    bad.write_text('{"resourceType":"Patient",}', encoding="utf-8")
    assert rihla("fhirpath", "1", bad, code=3).stderr
    bad.write_text("[1]", encoding="utf-8")
    assert "object" in rihla("fhirpath", "1", bad, code=3).stderr


def test_a_batch_keeps_ids_of_any_kind_and_goes_on_after_errors():
    got = batch([{"id": "a", "expr": "1"}, {"id": 2, "expr": "1 +"}, {"id": {"x": [1]}, "expr": "2.50"}, {"expr": "name.givn", "resource": PATIENT}])
    assert got[0] == {"id": "a", "result": [{"type": "integer", "value": 1}]}
    assert got[1]["id"] == 2 and got[1]["at"] == "1:4" and got[1]["error"]
    assert got[2]["id"] == {"x": [1]} and got[2]["result"][0]["type"] == "decimal"
    assert got[3]["line"] == 4 and got[3]["at"] == "1:6"


def test_a_line_that_is_not_json_is_answered_and_the_exit_code_says_so():
    got = batch([{"id": 1, "expr": "1"}, "{not json", '{"id":2,"expr":"2"}', "", "[]"], code=1)
    assert [g.get("id") for g in got] == [1, None, 2, None]
    assert got[1]["line"] == 2 and got[1]["error"] and got[3]["line"] == 5


def test_digits_come_out_as_they_went_in():
    line = '{"id":1,"expr":"value.value","resource":{"resourceType":"Observation","valueQuantity":{"value":170.100}}}'
    done = rihla("fhirpath", "--batch", input=line + "\n")
    assert '"value":170.100' in done.stdout


def test_resources_that_repeat_or_resemble_each_other_do_not_mix():
    one, other = dict(PATIENT, id="1"), dict(PATIENT, id="1", active=True)
    rows = []
    for i in range(60):
        resource = (one, other, {"resourceType": "Patient", "id": str(i)}, None)[i % 4]
        rows.append({"id": i, "expr": "id | active"} | ({"resource": resource} if resource else {}))
    got = batch(rows)
    for row, g in zip(rows, got):
        resource = row.get("resource") or {}
        assert [x["value"] for x in g["result"]] == [v for v in (resource.get("id"), resource.get("active")) if v is not None]
    # The resource at other places of the line, and one in a string.
    got = batch([{"resource": one, "expr": "id"}, {"expr": "id", "resource": one}, {"expr": "'\"resource\":{}'", "resource": one},
                 {"id": {"resource": 5}, "expr": "id", "resource": one}])
    assert [g["result"][0]["value"] for g in got] == ["1", "1", '"resource":{}', "1"]


def test_two_resources_in_one_line_are_refused_also_when_one_is_kept():
    text = json.dumps({"expr": "id", "resource": PATIENT})
    twice = text[:-1] + ',"resource":{"resourceType":"Patient","id":"q"}}'
    got = batch([text, twice], code=1)
    assert got[0]["result"] and got[1]["error"]


def test_answers_come_while_more_lines_may_follow():
    with subprocess.Popen([BIN, "fhirpath", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as p:
        for n in range(3):
            p.stdin.write(json.dumps({"id": n, "expr": f"{n} + 1"}) + "\n")
            p.stdin.flush()
            assert json.loads(p.stdout.readline())["result"][0]["value"] == n + 1
        p.stdin.close()
        assert p.wait(10) == 0


def test_a_runaway_expression_is_stopped():
    expression = "(1|2|3|4|5|6|7|8|9|10)" + ".select((1|2|3|4|5|6|7|8|9|10))" * 9 + ".count()"
    got = batch([{"id": 1, "expr": expression}, {"id": 2, "expr": "1"}])
    assert "error" in got[0] and got[1]["result"]


def test_definitions_are_known_when_an_expression_asks_for_them():
    expression = "gender.memberOf('http://hl7.org/fhir/ValueSet/administrative-gender')"
    got = batch([{"id": 1, "expr": expression, "resource": PATIENT}, {"id": 2, "expr": expression, "resource": dict(PATIENT, gender="x")}])
    assert [g["result"][0]["value"] for g in got] == [True, False]


def test_help_says_it_all():
    text = rihla("fhirpath", "--help").stdout
    for word in ("--batch", "--ast", "--check TYPE", "--base PATH", "--var NAME=VALUE", "--lenient", "LINE:COLUMN"):
        assert word in text
