# SPDX-License-Identifier: GPL-3.0-or-later
"""The sentences of FHIR R4's page operations, each test under the number of its row in docs/conformance.md."""
import pytest

from conftest import FHIR_JSON, wants

PATIENT = {"resourceType": "Patient", "gender": "female"}
GENDERS = "http://hl7.org/fhir/ValueSet/administrative-gender"
SYSTEM = "http://hl7.org/fhir/administrative-gender"
VALUE_SET = {"resourceType": "ValueSet", "status": "active", "compose": {"include": [{"system": SYSTEM}]}}


def parameters(*rows):
    return {"resourceType": "Parameters", "parameter": [{"name": name, kind: value} for name, kind, value in rows]}


def contained(answer):
    assert answer.status_code == 200, answer.text
    return sorted(c["code"] for c in answer.json()["expansion"]["contains"])


def test_o005_an_operation_is_called_by_its_name_behind_a_dollar_sign(fhir):
    assert fhir.get(f"/ValueSet/$expand?url={GENDERS}").status_code == 200
    wants(fhir.get(f"/ValueSet/expand?url={GENDERS}"), 400, "url")
    wants(fhir.get(f"/ValueSet/$expanse?url={GENDERS}"), 404, "$expanse")


def test_o006_get_is_enough_where_nothing_changes(fhir):
    def bare(answer):  # an expansion has an identifier and a time of its own
        return {k: v for k, v in answer.json()["expansion"].items() if k not in ("identifier", "timestamp")}
    by_get = fhir.get(f"/ValueSet/$expand?url={GENDERS}&filter=fe")
    by_post = fhir.send("POST", "/ValueSet/$expand", parameters(("url", "valueUri", GENDERS), ("filter", "valueString", "fe")))
    assert bare(by_get) == bare(by_post)


def test_o007_head_where_get_is(fhir):
    path = f"/ValueSet/$expand?url={GENDERS}"
    head = fhir.send("HEAD", path)
    assert head.status_code == 200 and head.content == b"" and head.headers["content-type"] == fhir.get(path).headers["content-type"]


def test_o008_on_the_system_on_types_and_instances(fhir):
    made = fhir.create(PATIENT)
    assert fhir.send("POST", "/Patient/$validate", PATIENT).json()["resourceType"] == "OperationOutcome"
    assert fhir.get(f"/Patient/{made['id']}/$validate").json()["resourceType"] == "OperationOutcome"
    wants(fhir.get("/Patient/nobody-here/$validate"), 404, "nobody-here")
    for path in ("/$meta", "/Patient/$meta", f"/Patient/{made['id']}/$meta"):
        assert fhir.get(path).json()["parameter"][0]["name"] == "return", path
    wants(fhir.get("/CodeSystem/x/$lookup?code=a"), 404, "/fhir/CodeSystem/$lookup")


def test_o010_the_body_is_a_parameters_resource(fhir):
    assert contained(fhir.send("POST", "/ValueSet/$expand", parameters(("url", "valueUri", GENDERS)))) == ["female", "male", "other", "unknown"]
    wants(fhir.send("POST", "/ValueSet/$expand", PATIENT), 400, "Parameters")
    answer = fhir.http.post("/ValueSet/$expand", content="[]", headers={"Content-Type": FHIR_JSON})
    assert answer.status_code in (400, 422)


def test_o011_the_answer_is_always_a_resource(fhir):
    for answer in (fhir.get(f"/CodeSystem/$lookup?system={SYSTEM}&code=male"), fhir.get(f"/CodeSystem/$lookup?system={SYSTEM}&code=no-such"),
                   fhir.get(f"/ValueSet/$expand?url={GENDERS}"), fhir.send("POST", "/Patient/$validate", PATIENT)):
        assert answer.json()["resourceType"] in ("Parameters", "OperationOutcome", "ValueSet")


def test_o012_what_is_no_simple_value_needs_a_post(fhir):
    wants(fhir.get(f"/CodeSystem/$lookup?coding={SYSTEM}%7Cmale"), 400, "coding")
    wants(fhir.get(f"/ValueSet/$expand?valueSet=x"), 400, "valueSet is no simple value")
    refused = fhir.get("/ValueSet/$batch-validate-code")
    wants(refused, 405, "POST")
    assert "GET" not in refused.headers["allow"]


def test_o014_a_bundle_with_pages_is_a_searchset(fhir):
    made = fhir.create(PATIENT)
    answer = fhir.get(f"/Patient/{made['id']}/$everything").json()
    assert answer["resourceType"] == "Bundle" and answer["type"] == "searchset" and answer["entry"][0]["resource"]["id"] == made["id"]


def test_o015_an_empty_body_where_there_are_no_inputs(fhir):
    stored = fhir.create(VALUE_SET)
    answer = fhir.http.post(f"/ValueSet/{stored['id']}/$expand", content=b"")
    assert contained(answer) == ["female", "male", "other", "unknown"]
    assert contained(fhir.get(f"/ValueSet/{stored['id']}/$expand")) == ["female", "male", "other", "unknown"]


def test_o017_the_capability_statement_names_each_definition(fhir):
    rest = fhir.get("/metadata").json()["rest"][0]
    operations = [o for r in rest["resource"] for o in r.get("operation", [])] + rest.get("operation", [])
    assert {"expand", "validate", "lookup", "translate", "subsumes"} <= {o["name"] for o in operations}
    assert all(o["definition"].startswith("http") and not o["name"].startswith("$") for o in operations)


def test_o021_inputs_that_are_not_defined_are_refused(fhir):
    wants(fhir.get(f"/ValueSet/$expand?url={GENDERS}&x-colour=red"), 400, "x-colour")
    assert fhir.get(f"/ValueSet/$expand?url={GENDERS}&x-colour=red", Prefer="handling=lenient").status_code == 200


@pytest.mark.parametrize("accept", ["application/fhir+json", "application/fhir+xml"])
def test_o027_forms_as_everywhere(fhir, accept):
    answer = fhir.get(f"/CodeSystem/$lookup?system={SYSTEM}&code=male", Accept=accept)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith(accept)
    text = (f'<Parameters xmlns="http://hl7.org/fhir"><parameter><name value="system"/><valueUri value="{SYSTEM}"/></parameter>'
            '<parameter><name value="code"/><valueCode value="male"/></parameter></Parameters>')
    answer = fhir.http.post("/CodeSystem/$lookup", content=text, headers={"Content-Type": "application/fhir+xml", "Accept": accept})
    assert answer.status_code == 200 and answer.headers["content-type"].startswith(accept)
    wants(fhir.get(f"/CodeSystem/$lookup?system={SYSTEM}&code=male", Accept="text/turtle"), 406)


def test_o029_a_parameter_that_repeats_is_given_again(fhir):
    def properties(answer):
        assert answer.status_code == 200, answer.text
        return [p for p in answer.json()["parameter"] if p["name"] == "property"]
    system = {"resourceType": "CodeSystem", "url": "http://example.org/spec/props", "status": "active", "content": "complete",
              "property": [{"code": c, "type": "string"} for c in "abc"],
              "concept": [{"code": "x", "property": [{"code": c, "valueString": c} for c in "abc"]}]}
    fhir.create(system)
    asked = properties(fhir.get(f"/CodeSystem/$lookup?system={system['url']}&code=x&property=a&property=c"))
    codes = {part["valueCode"] for p in asked for part in p["part"] if part["name"] == "code"}
    assert {"a", "c"} <= codes and "b" not in codes


def test_o030_the_one_resource_among_the_inputs_may_be_the_body(fhir):
    assert contained(fhir.send("POST", "/ValueSet/$expand", VALUE_SET)) == ["female", "male", "other", "unknown"]
    assert fhir.send("POST", "/Patient/$validate", {**PATIENT, "gender": "unheard of"}).json()["issue"][0]["severity"] == "error"
    wants(fhir.send("POST", f"/ValueSet/$expand?filter=x", VALUE_SET), 400, "query")
    wants(fhir.send("POST", "/CodeSystem/$lookup", VALUE_SET), 400, "Parameters")


def test_o033_a_failure_is_4xx_with_an_outcome(fhir):
    assert wants(fhir.get("/ValueSet/$expand?url=http://example.org/nowhere"), 404)["issue"][0]["severity"] == "error"
    wants(fhir.get(f"/ValueSet/$expand?url={GENDERS}&count=two"), 400, "count")


def test_o034_several_outputs_are_parameters(fhir):
    answer = fhir.get(f"/CodeSystem/$validate-code?url={SYSTEM}&code=male").json()
    assert answer["resourceType"] == "Parameters" and {"result", "display"} <= {p["name"] for p in answer["parameter"]}
    single = fhir.get(f"/CodeSystem/$subsumes?system={SYSTEM}&codeA=male&codeB=male").json()
    assert single["resourceType"] == "Parameters" and single["parameter"][0]["name"] == "outcome"


def test_o035_one_output_called_return_is_the_answer_itself(fhir):
    assert fhir.get(f"/ValueSet/$expand?url={GENDERS}").json()["resourceType"] == "ValueSet"
    assert fhir.send("POST", "/Patient/$validate", PATIENT).json()["resourceType"] == "OperationOutcome"


def test_o038_what_is_not_kept_has_no_id(fhir):
    before = fhir.sequence()
    answer = fhir.send("POST", "/ValueSet/$expand", parameters(("url", "valueUri", GENDERS))).json()
    assert "id" not in answer and fhir.sequence() == before
    assert "id" not in fhir.send("POST", "/Patient/$validate", PATIENT).json()
