# SPDX-License-Identifier: GPL-3.0-or-later
"""Malformed requests by class (JSON, FHIR, search, HTTP, limits): each gets its 4xx with a text that helps, and the log does not move.

Rows are generated from tables. `test_there_are_enough_rows_of_each_class` holds the promise of their number.
"""
import gzip
import json
import re
import socket

import pytest

from conftest import FHIR_JSON, wants

JSON = {"Content-Type": FHIR_JSON}
PATCH = {"Content-Type": "application/json-patch+json"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module", autouse=True)
def log_does_not_move(server):
    """After all of them the log ends where it ended before, entry and hash."""
    with server.client() as http:
        before = http.get(server.url + "/health").json()
        yield
        after = http.get(server.url + "/health").json()
    assert after["status"] == "ok"
    assert (after["sequence"], after["head"]) == (before["sequence"], before["head"])
    assert re.fullmatch(r"[0-9a-f]{64}", after["head"])


# --- JSON ------------------------------------------------------------------------------------------------------------
P = b'{"resourceType":"Patient",'
NOT_JSON = {
    "nothing": b"", "blanks": b"  \n ", "open object": b"{", "open array": b"[", "close only": b"}", "half a name": b'{"resourceTy',
    "no colon": b'{"resourceType" "Patient"}', "no value": b'{"resourceType":}', "no comma": P + b'"active":true "gender":"male"}',
    "comma at the end": P + b'"active":true,}', "comma at the begin": b'{,"resourceType":"Patient"}', "two commas": P + b',"active":true}',
    "comma in array": P + b'"name":[{},]}', "single quotes": b"{'resourceType':'Patient'}", "bare name": b'{resourceType:"Patient"}',
    "line comment": P + b'"active":true} // yes', "block comment": b'/* yes */' + P + b'"active":true}', "hash comment": b'# x\n{}',
    "True": P + b'"active":True}', "tru": P + b'"active":tru}', "NULL": P + b'"active":NULL}', "undefined": P + b'"active":undefined}',
    "NaN": P + b'"multipleBirthInteger":NaN}', "Infinity": P + b'"multipleBirthInteger":Infinity}',
    "minus Infinity": P + b'"multipleBirthInteger":-Infinity}', "leading zero": P + b'"multipleBirthInteger":01}',
    "plus": P + b'"multipleBirthInteger":+1}', "point first": P + b'"multipleBirthInteger":.5}', "point last": P + b'"multipleBirthInteger":1.}',
    "no exponent": P + b'"multipleBirthInteger":1e}', "signed no exponent": P + b'"multipleBirthInteger":1e+}', "hex": P + b'"multipleBirthInteger":0x10}',
    "minus alone": P + b'"multipleBirthInteger":-}', "minus zero one": P + b'"multipleBirthInteger":-01}', "underscore": P + b'"multipleBirthInteger":1_0}',
    "two points": P + b'"multipleBirthInteger":1.2.3}', "two values": b'{"resourceType":"Patient"} {"resourceType":"Patient"}',
    "rubbish behind": b'{"resourceType":"Patient"}x', "comma behind": b'{"resourceType":"Patient"},', "NUL behind": b'{"resourceType":"Patient"}\0',
    "open string": P + b'"language":"en}', "newline in string": P + b'"language":"e\nn"}', "tab in string": P + b'"language":"e\tn"}',
    "NUL in string": P + b'"language":"e\0n"}', "bad escape": P + b'"language":"\\x41"}', "short escape": P + b'"language":"\\u12"}',
    "escape not hex": P + b'"language":"\\u12G4"}', "lone high surrogate": P + b'"language":"\\ud800"}', "lone low surrogate": P + b'"language":"\\udc00"}',
    "surrogates reversed": P + b'"language":"\\udc00\\ud800"}', "escaped NUL": P + b'"language":"\\u0000"}', "backslash at end": P + b'"language":"\\',
    "byte ff": P + b'"language":"\xff"}', "cut utf-8": P + b'"language":"\xc3"}', "overlong": P + b'"language":"\xc0\xaf"}',
    "surrogate in utf-8": P + b'"language":"\xed\xa0\x80"}', "above 10ffff": P + b'"language":"\xf4\x90\x80\x80"}', "latin-1": P + b'"language":"\xe9"}',
    "utf-16": '{"resourceType":"Patient"}'.encode("utf-16"), "utf-16 without mark": '{"resourceType":"Patient"}'.encode("utf-16-le"),
    "name twice": P + b'"active":true,"active":false}', "name twice below": P + b'"name":[{"family":"a","family":"b"}]}',
    "name twice by escape": P + b'"active":true,"\\u0061ctive":false}', "resourceType twice": b'{"resourceType":"Patient","resourceType":"Patient"}',
    "65 deep arrays": P + b'"name":' + b"[" * 65 + b"]" * 65 + b"}", "65 deep objects": P + b'"name":' + b'{"a":' * 65 + b"1" + b"}" * 65 + b"}",
    "100000 deep": b"[" * 100000, "closed wrongly": P + b'"name":[}]}', "xml": b'<Patient xmlns="http://hl7.org/fhir"/>', "yaml": b"resourceType: Patient",
    "form": b"resourceType=Patient", "vertical tab": b'\x0b{"resourceType":"Patient"}', "no-break space": b'\xc2\xa0{"resourceType":"Patient"}',
}
NOT_A_RESOURCE = {"null": b"null", "true": b"true", "number": b"1", "string": b'"Patient"', "array": b'[{"resourceType":"Patient"}]', "empty object": b"{}",
                  "type null": b'{"resourceType":null}', "type number": b'{"resourceType":1}', "type list": b'{"resourceType":["Patient"]}',
                  "type empty": b'{"resourceType":""}', "type unknown": b'{"resourceType":"Patent"}', "type of case": b'{"resourceType":"patient"}',
                  "data type": b'{"resourceType":"HumanName"}', "abstract": b'{"resourceType":"DomainResource"}', "abstract 2": b'{"resourceType":"Resource"}'}

# --- FHIR ------------------------------------------------------------------------------------------------------------
BASE = {
    "Patient": {"resourceType": "Patient"},
    "Observation": {"resourceType": "Observation", "status": "final", "code": {"text": "x"}},
    "Questionnaire": {"resourceType": "Questionnaire", "status": "draft"},
}
# type, element (dots go down, lists are made), values that are no value of it
BAD_VALUES = [
    ("Patient", "birthDate", ["", "80", "1980-1-1", "1980-13", "1980-00", "1980-02-30", "1900-02-29", "1980-02-03T10:00:00Z", "03.02.1980", "0000-01-01",
                              " 1980-02-03", "1980-02-03 ", 1980, True, [], {}, ["1980"], "١٩٨٠"]),
    ("Patient", "deceasedDateTime", ["1980-02-03T10:00:00", "1980-02-03T10:00Z", "1980-02-03T24:00:00Z", "1980-02-03T10:60:00Z", "1980-02-03 10:00:00Z",
                                     "1980-02-03T10:00:00+25:00", "now", "", 0]),
    ("Observation", "issued", ["1980", "1980-02-03", "1980-02-03T10:00:00", "1980-02-03T10:00Z", "", 5]),
    ("Patient", "active", ["true", "", 1, 0, [], {}, [True]]),
    ("Patient", "gender", [" male", "male ", "", "a  b", 5, True, {}, ["male"]]),
    ("Patient", "implicitRules", ["a b", "", 5, {}]),
    ("Patient", "name.family", ["", 5, True, [], {}, ["x"]]),
    ("Patient", "name.given", ["x", [""], [5], [], [{}], [["x"]]]),
    ("Patient", "multipleBirthInteger", ["1", 1.5, 2147483648, -2147483649, True, 1e400, []]),
    ("Patient", "telecom.rank", [0, -1, "1", 1.5]),
    ("Patient", "photo.size", [-1, "5", 1.5]),
    ("Patient", "photo.data", ["a", "a=bc", "***", 5, ""]),
    ("Patient", "photo.url", ["a b", 5]),
    ("Patient", "text", [{"status": "generated"}, {"div": "<div/>"}, "x", [], {}]),
    ("Observation", "valueQuantity.value", ["1", True, "1.0", [], {}]),
    ("Observation", "valueTime", ["24:00:00", "10:00", "10:00:00Z", "10:61:00", 5]),
    ("Observation", "valueBoolean", ["no", 0]),
    ("Observation", "status", ["", 5, ["final"]]),
    ("Observation", "code", ["x", [], [{"text": "x"}], {}]),
    ("Observation", "subject", ["Patient/1", [{"reference": "Patient/1"}], {"reference": 5}, {"ref": "Patient/1"}]),
    ("Questionnaire", "item.linkId", ["", 5]),
    ("Patient", "extension", [{}, [{}], [{"valueString": "x"}], [{"url": "u", "valueString": "x", "extension": [{"url": "v", "valueCode": "c"}]}],
                              [{"url": "u", "valueString": "x", "valueCode": "c"}], [{"url": "u", "valueNothing": 1}], "x"]),
    ("Patient", "contained", [{}, [{}], [{"resourceType": "Patent"}], ["x"], [{"resourceType": "Observation"}]]),
    ("Patient", "meta", [[], "x", {"tag": {}}, {"profile": "x"}, {"versionId": 5}, {"lastUpdated": "x"}]),
    ("Patient", "_birthDate", ["x", [], {}, {"value": 1}, {"extension": {}}]),
    ("Patient", "link", [[{"type": "refer"}], [{"other": {"reference": "Patient/1"}}], {}]),
    ("Patient", "contact", [[None], None]),
]
UNKNOWN = [("Patient", e) for e in ("nmae", "Name", "valueString", "resource_type", "patient", "birthdate", "deceased", "multipleBirth", "name.fmaily",
                                    "contact.birthDate", "_nmae", "name._fmaily", "$ref", "@type")] + \
          [("Observation", e) for e in ("value", "valueMoney", "component.valueUri", "code.coding.value", "effective")]
TWO_CHOICES = [("Patient", {"deceasedBoolean": True, "deceasedDateTime": "2020"}), ("Patient", {"multipleBirthBoolean": True, "multipleBirthInteger": 1}),
               ("Observation", {"valueString": "x", "valueInteger": 1}), ("Observation", {"effectiveDateTime": "2020", "effectiveInstant": "2020-01-01T00:00:00Z"})]
# types that cannot stand with a resourceType alone
NEED_MORE = ["AllergyIntolerance", "Appointment", "AuditEvent", "CarePlan", "Claim", "Communication", "Composition", "Condition", "Consent", "Coverage",
             "DeviceRequest", "DiagnosticReport", "Encounter", "Flag", "Goal", "Group", "ImagingStudy", "Immunization", "List", "Measure",
             "MedicationRequest", "MedicationStatement", "Observation", "Procedure", "Provenance", "Questionnaire", "QuestionnaireResponse", "RelatedPerson",
             "ServiceRequest", "Task"]


CHOICES = re.compile("(deceased|multipleBirth|value)(?:DateTime|Integer|Quantity|Time|Boolean)$")


def put_in(resource, path, value):
    ret = json.loads(json.dumps(resource))
    at = ret
    *way, last = path.split(".")
    for step in way:
        many = step in ("name", "telecom", "photo", "contact", "item", "component", "coding")
        below = {"linkId": "1", "type": "group"} if step == "item" else {"code": {"text": "x"}} if step == "component" else {}
        at[step] = [below] if many else below
        at = below
    at[last] = value
    return ret


def structure_rows():
    for type_, path, values in BAD_VALUES:
        for value in values:
            text = json.dumps(put_in(BASE[type_], path, value)).replace("Infinity", "1e400")
            first = CHOICES.sub(r"\1", path.split(".")[0].lstrip("_"))
            yield f"{path}={json.dumps(value, ensure_ascii=True)[:40]}", type_, text, first
    for type_, path in UNKNOWN:
        yield f"unknown {path}", type_, json.dumps(put_in(BASE[type_], path, "x")), path.split(".")[-1].lstrip("_")
    for type_, more in TWO_CHOICES:
        yield f"two of {list(more)}", type_, json.dumps({**BASE[type_], **more}), type_
    for type_ in NEED_MORE:
        yield f"{type_} alone", type_, json.dumps({"resourceType": type_}), type_
    for type_ in ("Patient", "Observation"):
        yield f"null in {type_}", type_, json.dumps({**BASE[type_], "language": None}), "language"


STRUCTURE = list(structure_rows())

# name: method, path, headers, body, status, fragment
ADDRESS = {
    "unknown type": ("GET", "/Patent/1", {}, None, 404, '"Patient"'),
    "type in lower case": ("GET", "/observation", {}, None, 404, '"Observation"'),
    "a data type": ("GET", "/HumanName/1", {}, None, 404, "HumanName"),
    "post to unknown type": ("POST", "/Patent", JSON, b"{}", 404, "Patent"),
    "id with underscore": ("PUT", "/Patient/a_b", JSON, b'{"resourceType":"Patient","id":"a_b"}', 400, "a_b"),
    "id too long": ("PUT", "/Patient/" + "a" * 65, JSON, b"{}", 400, "64"),
    "id with blank": ("PUT", "/Patient/a%20b", JSON, b"{}", 400, "id"),
    "id with slash": ("PUT", "/Patient/a%2Fb", JSON, b"{}", 400, "id"),
    "id empty": ("PUT", "/Patient//", JSON, b"{}", 400, "id"),
    "id of other script": ("PUT", "/Patient/%D9%85", JSON, b"{}", 400, "id"),
    "read of an impossible id": ("GET", "/Patient/a_b", {}, None, 404, "a_b"),
    "id missing in body": ("PUT", "/Patient/a", JSON, b'{"resourceType":"Patient"}', 400, "id"),
    "id differs": ("PUT", "/Patient/a", JSON, b'{"resourceType":"Patient","id":"b"}', 400, '"b"'),
    "id not a string": ("PUT", "/Patient/a", JSON, b'{"resourceType":"Patient","id":5}', 422, "id"),
    "id in body impossible": ("POST", "/Patient", JSON, b'{"resourceType":"Patient","id":"a_b"}', 422, "id"),
    "type differs on create": ("POST", "/Patient", JSON, b'{"resourceType":"Basic","code":{"text":"x"}}', 400, "Basic"),
    "type differs on update": ("PUT", "/Patient/a", JSON, b'{"resourceType":"Basic","id":"a","code":{"text":"x"}}', 400, "Basic"),
    "create with id in address": ("POST", "/Patient/a", JSON, b'{"resourceType":"Patient"}', 405, "PUT"),
    "operation": ("POST", "/Patient/$match", JSON, b"{}", 404, "$match"),
    "system operation": ("GET", "/$everything", {}, None, 404, "/fhir/Patient/$everything"),
    "instance operation": ("GET", "/Group/1/$everything", {}, None, 404, "/fhir/Patient/[id]/$everything"),
    "compartment": ("GET", "/Group/1/Observation", {}, None, 404, "compartment"),
    "too many parts": ("GET", "/Patient/1/_history/1/2", {}, None, 404, ""),
    "very many parts": ("GET", "/a/b/c/d/e/f/g/h/i/j", {}, None, 404, "parts"),
    "version that is none": ("GET", "/Patient/1/_history/1", {}, None, 404, "version"),
    "write to a version": ("PUT", "/Patient/1/_history/1", JSON, b"{}", 405, "GET"),
    "delete a history": ("DELETE", "/Patient/1/_history", {}, None, 405, "GET"),
    "put to the base": ("PUT", "", JSON, b"{}", 405, "POST"),
    "delete the base": ("DELETE", "", {}, None, 405, "POST"),
    "post metadata": ("POST", "/metadata", JSON, b"{}", 405, "GET"),
    "system search": ("GET", "?birthdate=2000", {}, None, 400, "birthdate"),
    "system search by post": ("POST", "/_search", FORM, b"birthdate=2000", 400, "birthdate"),
    "escape cut": ("GET", "/Patient/%4", {}, None, 400, "percent"),
    "escape not hex": ("GET", "/Patient/%zz", {}, None, 400, "percent"),
    "escaped NUL": ("GET", "/Patient/a%00b", {}, None, 400, "percent"),
    "escaped bad utf-8": ("GET", "/Patient/%ff", {}, None, 400, "percent"),
    "If-Match list": ("PUT", "/Patient/a", {**JSON, "If-Match": 'W/"1", W/"2"'}, b'{"resourceType":"Patient","id":"a"}', 400, "one version"),
    "If-Match empty": ("PUT", "/Patient/a", {**JSON, "If-Match": ""}, b'{"resourceType":"Patient","id":"a"}', 400, "If-Match"),
    "If-Match of nothing": ("PUT", "/Patient/never-there", {**JSON, "If-Match": 'W/"a-1"'}, b'{"resourceType":"Patient","id":"never-there"}', 412, ""),
    "If-Match on create": ("POST", "/Patient", {**JSON, "If-Match": 'W/"a-1"'}, b'{"resourceType":"Patient"}', 400, "If-Match"),
    "If-None-Match on create": ("POST", "/Patient", {**JSON, "If-None-Match": "*"}, b'{"resourceType":"Patient"}', 400, "If-None-Exist"),
    "If-None-Match tag on update": ("PUT", "/Patient/a", {**JSON, "If-None-Match": '"1"'}, b'{"resourceType":"Patient","id":"a"}', 400, "*"),
    "If-None-Exist empty": ("POST", "/Patient", {**JSON, "If-None-Exist": "?"}, b'{"resourceType":"Patient"}', 400, "If-None-Exist"),
    "If-None-Exist unknown": ("POST", "/Patient", {**JSON, "If-None-Exist": "nmae=x"}, b'{"resourceType":"Patient"}', 400, "nmae"),
    "If-None-Exist all": ("POST", "/Patient", {**JSON, "If-None-Exist": "_count=1"}, b'{"resourceType":"Patient"}', 400, "parameter"),
    "update without condition": ("PUT", "/Patient", JSON, b'{"resourceType":"Patient"}', 400, "condition"),
    "update of all": ("PUT", "/Patient?_count=1", JSON, b'{"resourceType":"Patient"}', 400, "parameter"),
    "delete without condition": ("DELETE", "/Patient", {}, None, 400, "condition"),
    "delete of all": ("DELETE", "/Patient?_sort=_id", {}, None, 400, "parameter"),
    "delete by unknown": ("DELETE", "/Patient?nmae=x", {}, None, 400, "nmae"),
    "patch without condition": ("PATCH", "/Patient", PATCH, b"[]", 400, "condition"),
    "patch not a list": ("PATCH", "/Patient/never-there", PATCH, b"{}", 422, "array"),
    "patch not JSON": ("PATCH", "/Patient/a", PATCH, b"[", 400, "line"),
    "patch empty": ("PATCH", "/Patient/a", PATCH, b"", 400, "empty"),
    "patch as FHIR": ("PATCH", "/Patient/a", JSON, b"{}", 400, "Parameters"),
    "patch as merge": ("PATCH", "/Patient/a", {"Content-Type": "application/merge-patch+json"}, b"{}", 415, "json-patch"),
    "parameters on create": ("POST", "/Patient?name=x", JSON, b'{"resourceType":"Patient"}', 400, "name=x"),
    "elements on write": ("PUT", "/Patient/a?_elements=name", JSON, b'{"resourceType":"Patient","id":"a"}', 400, "_elements"),
    "bundle of another type": ("POST", "", JSON, b'{"resourceType":"Bundle","type":"searchset"}', 400, "Bundle.type"),
    "bundle without type": ("POST", "", JSON, b'{"resourceType":"Bundle"}', 400, "Bundle.type"),
    "no bundle": ("POST", "", JSON, b'{"resourceType":"Patient"}', 400, "Bundle"),
    "bundle is a list": ("POST", "", JSON, b"[]", 400, "Bundle"),
    "bundle not JSON": ("POST", "", JSON, b'{"resourceType":"Bundle",}', 400, "line"),
    "bundle empty body": ("POST", "", JSON, b"", 400, "empty"),
    "transaction entry without request": ("POST", "", JSON, b'{"resourceType":"Bundle","type":"transaction","entry":[{"resource":{"resourceType":"Patient"}}]}',
                                          422, "Bundle.entry[0]"),
    "transaction with bad method": ("POST", "", JSON, b'{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"MAKE","url":"Patient"}}]}',
                                    400, "MAKE"),
    "transaction with bad url": ("POST", "", JSON, b'{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":"Patent/1"}}]}',
                                 404, "Patent"),
    "transaction without resource": ("POST", "", JSON, b'{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"POST","url":"Patient"}}]}',
                                     422, "Bundle.entry[0].resource"),
}

SEARCH = {q: f for q, f in [
    ("nmae=x", "name"), ("Name=x", "Name"), ("name:near=x", "near"), ("name:exact:contains=x", ""), ("birthdate=soon", "soon"), ("birthdate=xx2020", "xx2020"),
    ("birthdate=2020-13", "2020-13"), ("birthdate=gt", ""), ("birthdate:missing=maybe", ""), ("identifier:exact=x", "exact"), ("_count=-1", "-1"),
    ("_count=x", "x"), ("_count=1.5", "1.5"), ("_sort=colour", "colour"), ("_sort=--_id", ""), ("_summary=some", "some"), ("_summary=TRUE", "TRUE"), ("_total=all", "all"),
    ("_cursor=x", "cursor"), ("_cursor=AAAA", "cursor"), ("name=%zz", ""), ("name=%f", ""), ("name=%00", ""), ("name=%ff", ""), ("name=%", ""),
    ("_lastUpdated=soon", "soon"), ("_lastUpdated=gt", ""), ("_include=Patient:name", "_include"), ("_revinclude=Observation:code", "_revinclude"),
    ("_has:Observation:patient=x", "_has"), ("_has:Observation:code:code=x", "code"), ("_has:Thing:patient:code=x", "Thing"), ("_filter=x", "_filter"), ("_query=x", "_query"), ("_text:exact=x", "_text"), ("_content:not=x", "_content"),
    ("_list=x", "_list"), ("_contained=maybe", "_contained"), ("organization.nmae=x", "nmae"), ("birthdate.name=x", "birthdate"), ("_pretty=maybe", "_pretty"),
    ("_format=json&_format=json", "_format"), ("_elements=name&_elements=id", "_elements"), ("name=x&&&=", ""), ("=x", ""),
    ("&".join("name=a" for _ in range(100)), ""), ("_id=" + ",".join("a" * 3 for _ in range(600)), ""), ("_security:exact=x", "_security"),
]}
# --- HTTP, raw -------------------------------------------------------------------------------------------------------
H = b"Host: localhost\r\n"
GET = b"GET /fhir/metadata HTTP/1.1\r\n"
POST = b"POST /fhir/Patient HTTP/1.1\r\n" + H + b"Content-Type: application/fhir+json\r\n"
BODY = b'{"resourceType":"Patient"}'
RAW = {
    # name: bytes, statuses (None: closed without an answer is right, too), fragment
    "no host": (GET + b"\r\n", 400, "Host"),
    "two hosts": (GET + H + H + b"\r\n", 400, "Host"),
    "foreign host": (GET + b"Host: evil.example\r\n\r\n", 403, "evil.example"),
    "host with path": (GET + b"Host: localhost/x\r\n\r\n", 403, ""),
    "blank in address": (b"GET /fhir/Pati ent HTTP/1.1\r\n" + H + b"\r\n", 400, "position"),
    "raw utf-8 in address": ("GET /fhir/Patient?name=محمد HTTP/1.1\r\n".encode() + H + b"\r\n", (200, 400), ""),
    "control character in address": (b"GET /fhir/Pat\x01ient HTTP/1.1\r\n" + H + b"\r\n", 400, "position"),
    "quote in address": (b'GET /fhir/Patient?name="x" HTTP/1.1\r\n' + H + b"\r\n", 400, "position"),
    "fragment in address": (b"GET /fhir/Patient#x HTTP/1.1\r\n" + H + b"\r\n", 400, "position"),
    "address without slash": (b"GET fhir/Patient HTTP/1.1\r\n" + H + b"\r\n", 400, "'/'"),
    "address of another server": (b"GET http://localhost/fhir/metadata HTTP/1.1\r\n" + H + b"\r\n", 400, "'/'"),
    "authority form": (b"CONNECT localhost:80 HTTP/1.1\r\n" + H + b"\r\n", (400, 405), ""),
    "unknown method": (b"BREW /fhir/Patient HTTP/1.1\r\n" + H + b"\r\n", 405, "GET"),
    "method in lower case": (b"get /fhir/Patient HTTP/1.1\r\n" + H + b"\r\n", 405, "GET"),
    "trace": (b"TRACE /fhir/Patient HTTP/1.1\r\n" + H + b"\r\n", 405, "GET"),
    "no version": (b"GET /fhir/metadata\r\n\r\n", (400, 505, None), ""),
    "version 2": (b"GET /fhir/metadata HTTP/2.0\r\n" + H + b"\r\n", (400, 505, None), ""),
    "version nonsense": (b"GET /fhir/metadata HTTQ/1.1\r\n" + H + b"\r\n", (400, 505, None), ""),
    "tls hello": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 40 + b"\r\n\r\n", (400, None), ""),
    "binary": (bytes(range(128, 256)) + b"\r\n\r\n", (400, None), ""),
    "header without colon": (GET + H + b"nonsense\r\n\r\n", 400, ""),
    "header name with blank": (GET + H + b"Bad Name: x\r\n\r\n", 400, ""),
    "header name with bracket": (GET + H + b"Bad(Name: x\r\n\r\n", 400, "name of a header"),
    "header with control character": (GET + H + b"X-A: a\x01b\r\n\r\n", 400, "control character"),
    "header with DEL": (GET + H + b"X-A: a\x7fb\r\n\r\n", 400, "control character"),
    "length and chunked": (POST + b"Content-Length: 26\r\nTransfer-Encoding: chunked\r\n\r\n" + BODY, 400, ""),
    "two lengths": (POST + b"Content-Length: 26\r\nContent-Length: 26\r\n\r\n" + BODY, 400, "Content-Length"),
    "two different lengths": (POST + b"Content-Length: 26\r\nContent-Length: 5\r\n\r\n" + BODY, 400, "Content-Length"),
    "length list": (POST + b"Content-Length: 26, 26\r\n\r\n" + BODY, 400, ""),
    "length negative": (POST + b"Content-Length: -1\r\n\r\n", 400, ""),
    "length with plus": (POST + b"Content-Length: +26\r\n\r\n" + BODY, 400, ""),
    "length hex": (POST + b"Content-Length: 0x1a\r\n\r\n" + BODY, 400, ""),
    "length words": (POST + b"Content-Length: many\r\n\r\n" + BODY, 400, ""),
    "length empty": (POST + b"Content-Length: \r\n\r\n" + BODY, 400, ""),
    "length beyond all": (POST + b"Content-Length: 99999999999999999999999\r\n\r\n", (400, 413), ""),
    "length of a terabyte": (POST + b"Content-Length: 1099511627776\r\n\r\n", 413, "4194304"),
    "gzip transfer": (POST + b"Transfer-Encoding: gzip\r\n\r\n" + BODY, 400, "chunked"),
    "gzip and chunked transfer": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n" + BODY, 400, "chunked"),
    "chunked twice": (POST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n" + BODY, 400, ""),
    "chunked in 1.0": (b"POST /fhir/Patient HTTP/1.0\r\n" + H + JSON["Content-Type"].join(["Content-Type: ", "\r\n"]).encode() +
                       b"Transfer-Encoding: chunked\r\n\r\n1a\r\n" + BODY + b"\r\n0\r\n\r\n", 400, "1.1"),
    "chunk size not hex": (POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n" + BODY + b"\r\n0\r\n\r\n", (400, None), ""),
    "chunk too long": (POST + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n" + BODY + b"\r\n0\r\n\r\n", (400, 413, None), ""),
    "chunk without end": (POST + b"Transfer-Encoding: chunked\r\n\r\n1a\r\n" + BODY + b"XX0\r\n\r\n", (400, None), ""),
    "expect nonsense": (POST + b"Content-Length: 26\r\nExpect: a-miracle\r\n\r\n" + BODY, 400, "100-continue"),
    "two content types": (POST + b"Content-Type: text/plain\r\nContent-Length: 26\r\n\r\n" + BODY, 400, "Content-Type"),
    "two preconditions": (POST + b"If-None-Exist: _id=1\r\nIf-None-Exist: _id=2\r\nContent-Length: 26\r\n\r\n" + BODY, 400, "If-None-Exist"),
    "body on get": (GET + H + b"Content-Length: 26\r\n\r\n" + BODY, 413, "no body"),
    "body on delete": (b"DELETE /fhir/Patient/x HTTP/1.1\r\n" + H + b"Content-Length: 26\r\n\r\n" + BODY, 413, "no body"),
    "no content type": (b"POST /fhir/Patient HTTP/1.1\r\n" + H + b"Content-Length: 26\r\n\r\n" + BODY, 415, "Content-Type"),
    "no body": (POST + b"\r\n", 400, "empty"),
    "length zero": (POST + b"Content-Length: 0\r\n\r\n", 400, "empty"),
    "purpose not a code": (GET + H + b"X-Purpose-Of-Use: because\r\n\r\n", 400, "TREAT"),
}
LIMITS = {
    "address of 17000 bytes": (b"GET /fhir/Patient?name=" + b"x" * 17000 + b" HTTP/1.1\r\n" + H + b"\r\n", 414, "_search"),
    "address of 100000 bytes": (b"GET /fhir/Patient?name=" + b"x" * 100000 + b" HTTP/1.1\r\n" + H + b"\r\n", (414, 431, None), ""),
    "method of 50000 bytes": (b"G" * 50000 + b" / HTTP/1.1\r\n" + H + b"\r\n", (400, 405, 414, 431, None), ""),
    "header of 17000 bytes": (GET + H + b"X-A: " + b"x" * 17000 + b"\r\n\r\n", 431, "16384"),
    "headers of 17000 bytes": (GET + H + b"X-A: 1234567890\r\n" * 1000 + b"\r\n", 431, ""),
    "header of 100000 bytes": (GET + H + b"X-A: " + b"x" * 100000 + b"\r\n\r\n", (413, 431, None), ""),
    "101 headers": (GET + H + b"".join(b"X-%d: x\r\n" % i for i in range(101)) + b"\r\n", 431, "100"),
    "body of 4 MiB and one": (POST + b"Content-Length: 4194305\r\n\r\n" + b" " * 4194305, 413, "4194304"),
    "bundle of 16 MiB and one": (POST.replace(b"/Patient", b"") + b"Content-Length: 16777217\r\n\r\n" + b" " * 16777217, 413, "16777216"),
    "form of 64 KiB and one": (b"POST /fhir/Patient/_search HTTP/1.1\r\n" + H + b"Content-Type: application/x-www-form-urlencoded\r\n"
                              b"Content-Length: 65537\r\n\r\n" + b"x" * 65537, 413, "65536"),
}
PACKED = {
    "gzip bomb": (gzip.compress(b" " * (8 << 20), 9), 413, ""), "gzip cut": (gzip.compress(BODY)[:-4], 400, "gzip"),
    "gzip damaged": (gzip.compress(BODY * 50)[:30] + b"\xff" * 20, 400, "gzip"), "not gzip": (BODY, 400, "gzip"), "empty gzip": (gzip.compress(b""), 400, "empty"),
    "gzip with rubbish": (gzip.compress(BODY) + b"rubbish", 400, "gzip"), "zlib": (b"\x78\x9c\x4b\x4c\x04\x02\x00\x05\xae\x02\xf3", 400, "gzip"),
}


def test_there_are_enough_rows_of_each_class():
    classes = {"JSON": len(NOT_JSON) + len(NOT_A_RESOURCE), "FHIR": len(STRUCTURE) + len(ADDRESS) + len(SEARCH), "HTTP": len(RAW),
               "limits": len(LIMITS) + len(PACKED)}
    assert sum(classes.values()) >= 300, classes
    assert min(classes.values()) >= 15, classes


@pytest.mark.parametrize("name", NOT_JSON)
def test_not_json(fhir, name):
    text = wants(fhir.http.post("/Patient", content=NOT_JSON[name], headers=JSON), 400)["issue"][0]["diagnostics"]
    assert "line" in text or "empty" in text or "UTF-8" in text, text


@pytest.mark.parametrize("name", NOT_A_RESOURCE)
def test_json_but_no_resource(fhir, name):
    text = wants(fhir.http.post("/Patient", content=NOT_A_RESOURCE[name], headers=JSON), 422)["issue"][0]["diagnostics"]
    assert "resource" in text, text


@pytest.mark.parametrize("row", STRUCTURE, ids=[r[0] for r in STRUCTURE])
def test_not_of_the_structure_of_its_type(fhir, row):
    _, type_, text, fragment = row
    wants(fhir.http.post(f"/{type_}", content=text.encode(), headers=JSON), 422, fragment)


@pytest.mark.parametrize("name", ADDRESS)
def test_address_and_preconditions(fhir, name):
    method, path, headers, body, status, fragment = ADDRESS[name]
    wants(fhir.http.request(method, fhir.base + path, headers=headers, content=body), status, fragment)


@pytest.mark.parametrize("query", SEARCH, ids=[q[:40] for q in SEARCH])
def test_search(fhir, query):
    too_many = query.count("name=a") > 32 or query.count(",") > 500
    wants(fhir.http.get(f"{fhir.base}/Patient?{query}"), 413 if too_many else 400, SEARCH[query])


@pytest.mark.parametrize("name", PACKED)
def test_compressed_bodies(fhir, name):
    body, status, fragment = PACKED[name]
    wants(fhir.http.post("/Patient", content=body, headers={**JSON, "Content-Encoding": "gzip"}), status, fragment)


def whole(answer):
    head, _, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
    return length is not None and len(body) >= int(length.group(1))


def raw(port, data, half_close):
    """What comes back for these bytes, as (status or None, body). With half_close the server knows that no more will come."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as s:
        try:
            s.sendall(data)
            if half_close:
                s.shutdown(socket.SHUT_WR)
        except OSError:
            pass  # the answer may lie there already
        try:
            while not whole(answer) and (piece := s.recv(65536)):
                answer += piece
        except ConnectionResetError:
            pass
    match = re.match(rb"HTTP/1\.[01] (\d{3}) ", answer)
    return (int(match.group(1)), answer.split(b"\r\n\r\n", 1)[-1].decode("utf-8", "replace")) if match else (None, answer.decode("latin-1"))


@pytest.mark.parametrize("name", {**RAW, **LIMITS})
def test_on_the_wire(server, name):
    data, wanted, fragment = {**RAW, **LIMITS}[name]
    status, body = raw(server.port, data, None in wanted if isinstance(wanted, tuple) else False)
    assert status in (wanted if isinstance(wanted, tuple) else (wanted,)), (status, body[:300])
    assert fragment in body, body[:500]
    if fragment:
        assert json.loads(body)["resourceType"] == "OperationOutcome"
    with server.client() as http:
        assert http.get("/metadata").status_code == 200


def test_a_connection_goes_on_after_a_refusal(server):
    """Twenty refusals and a good answer on one connection: a refusal must not put the next request out of step."""
    bad, good = b'{"resourceType":"Patient","nmae":1}', b"GET /fhir/metadata HTTP/1.1\r\n" + H + b"Connection: close\r\n\r\n"
    request = POST + b"Content-Length: %d\r\n\r\n" % len(bad) + bad
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as s:
        s.sendall(request * 20 + good)
        answer = b""
        while piece := s.recv(65536):
            answer += piece
    assert re.findall(rb"HTTP/1\.1 (\d{3}) ", answer) == [b"422"] * 20 + [b"200"]
