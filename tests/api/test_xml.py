# SPDX-License-Identifier: GPL-3.0-or-later
"""FHIR XML in and out."""
import gzip
import json
import uuid
import xml.etree.ElementTree as ElementTree

import pytest

from conftest import wants

XML = "application/fhir+xml"
F = "{http://hl7.org/fhir}"
H = "{http://www.w3.org/1999/xhtml}"
DIV = '<div xmlns="http://www.w3.org/1999/xhtml"><p>سليم &amp; <b>well</b></p></div>'


def xml_patient(family="Noor", inside=""):
    return (f'<?xml version="1.0" encoding="UTF-8"?><Patient xmlns="http://hl7.org/fhir"><text><status value="generated"/>{DIV}</text>'
            f'<name><family value="{family}"/><given value="Ana"/></name><birthDate value="1980-02-03"/>{inside}</Patient>')


def post(fhir, body, path="/Patient", **headers):
    return fhir.http.post(path, content=body.encode() if isinstance(body, str) else body,
                          headers={"Content-Type": XML, **{k.replace("_", "-"): v for k, v in headers.items()}})


def tree(answer, status=200):
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] in (f"{name};charset=utf-8" for name in (XML, "text/xml", "application/xml"))
    return ElementTree.fromstring(answer.content)


def value(element, path):
    found = element.find("/".join(F + step for step in path.split("/")))
    return None if found is None else found.get("value")


def outcome(answer, status, *fragments):
    root = tree(answer, status)
    assert root.tag == F + "OperationOutcome"
    text = " ".join(e.get("value") for e in root.iter(F + "diagnostics")) + " ".join(e.get("value") for e in root.iter(F + "expression"))
    for fragment in fragments:
        assert fragment in text, f"{fragment!r} is not in {text!r}"


def test_what_comes_as_xml_is_what_comes_as_json(fhir):
    answer = post(fhir, xml_patient())
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert body["name"] == [{"family": "Noor", "given": ["Ana"]}] and body["birthDate"] == "1980-02-03"
    assert body["text"] == {"status": "generated", "div": DIV}
    assert fhir.get(f"/Patient/{body['id']}").json() == body


@pytest.mark.parametrize("kind", ["application/xml", "text/xml; charset=utf-8", "Application/FHIR+XML; fhirVersion=4.0"])
def test_takes_xml_by_its_names(fhir, kind):
    assert post(fhir, xml_patient(), Content_Type=kind).status_code == 201


@pytest.mark.parametrize("how", [{"headers": {"Accept": XML}}, {"headers": {"Accept": "text/xml"}}, {"headers": {"Accept": f"{XML}, */*;q=0.5"}},
                                 {"params": {"_format": "xml"}}, {"params": {"_format": "application/fhir+xml"}}])
def test_answers_in_xml_when_asked(fhir, how):
    made = post(fhir, xml_patient()).json()
    root = tree(fhir.http.get(f"/Patient/{made['id']}", **how))
    assert root.tag == F + "Patient" and value(root, "id") == made["id"] and value(root, "meta/versionId") == made["meta"]["versionId"]
    assert root.find(f"{F}text/{H}div/{H}p/{H}b").text == "well"
    assert [e.tag[len(F):] for e in root] == ["id", "meta", "text", "name", "birthDate"]


def test_the_whole_life_of_a_resource_in_xml(fhir):
    accept = {"Accept": XML}
    made = tree(post(fhir, xml_patient(), **accept), 201)
    id_ = value(made, "id")
    text = xml_patient("Haddad").replace("<text>", f'<id value="{id_}"/><text>', 1)
    answer = fhir.http.put(f"/Patient/{id_}", content=text.encode(), headers={"Content-Type": XML, **accept})
    assert value(tree(answer), "name/family") == "Haddad"
    assert answer.headers["etag"] == f'W/"{value(tree(answer), "meta/versionId")}"'
    history = tree(fhir.http.get(f"/Patient/{id_}/_history", headers=accept))
    assert value(history, "type") == "history" and [value(e, "resource/Patient/name/family") for e in history.findall(F + "entry")] == ["Haddad", "Noor"]
    vid = value(made, "meta/versionId")
    assert value(tree(fhir.http.get(f"/Patient/{id_}/_history/{vid}", headers=accept)), "name/family") == "Noor"
    outcome(fhir.http.get(f"/Patient/{uuid.uuid4()}", headers=accept), 404)
    assert fhir.http.delete(f"/Patient/{id_}", headers=accept).status_code == 204
    outcome(fhir.http.get(f"/Patient/{id_}", headers=accept), 410)


def test_search_and_metadata_in_xml(fhir):
    family = "X" + uuid.uuid4().hex
    for _ in range(2):
        post(fhir, xml_patient(family))
    found = tree(fhir.http.get(f"/Patient?name={family}&_count=1&_format=xml"))
    assert value(found, "type") == "searchset" and value(found, "entry/resource/Patient/name/family") == family
    links = {value(link, "relation"): value(link, "url") for link in found.findall(F + "link")}
    again = tree(fhir.http.get(links["next"]))
    assert value(again, "entry/resource/Patient/name/family") == family and value(again, "entry/fullUrl") != value(found, "entry/fullUrl")
    form = fhir.http.post("/Patient/_search", data={"name": family, "_format": "xml"})
    assert value(tree(form), "entry/resource/Patient/name/family") == family
    statement = tree(fhir.http.get("/metadata", headers={"Accept": XML}))
    assert {e.get("value") for e in statement.findall(F + "format")} == {XML, "application/fhir+json", "json", "xml"}


def test_bundles_in_xml(fhir):
    bundle = ('<Bundle xmlns="http://hl7.org/fhir"><type value="batch"/><entry><resource>' + xml_patient().split("?>", 1)[1] +
              '</resource><request><method value="POST"/><url value="Patient"/></request></entry>'
              '<entry><request><method value="GET"/><url value="metadata"/></request></entry></Bundle>')
    answer = tree(post(fhir, bundle, "", Accept=XML))
    assert value(answer, "type") == "batch-response"
    assert [value(e, "response/status")[:3] for e in answer.findall(F + "entry")] == ["201", "200"]
    assert answer.find(f"{F}entry/{F}resource/{F}CapabilityStatement") is not None


def test_validates_xml_with_its_lines(fhir):
    text = '<Patient xmlns="http://hl7.org/fhir">\n <nam/>\n <gender value="x"/>\n</Patient>'
    answer = post(fhir, text, "/Patient/$validate")
    assert answer.status_code == 200, answer.text
    issues = answer.json()["issue"]
    assert any("line 2, column 8" in i["diagnostics"] and i["expression"] == ["Patient.nam"] for i in issues), issues
    assert any("line 3, column 21" in i["diagnostics"] and i["expression"] == ["Patient.gender"] for i in issues), issues


def test_gzip_and_head(fhir):
    answer = post(fhir, gzip.compress(xml_patient().encode()), Content_Encoding="gzip")
    assert answer.status_code == 201, answer.text
    path = f"/Patient/{answer.json()['id']}"
    head = fhir.http.head(path, headers={"Accept": XML, "Accept-Encoding": "identity"})
    assert head.headers["content-type"].startswith(XML)
    assert int(head.headers["content-length"]) == len(fhir.http.get(path, headers={"Accept": XML, "Accept-Encoding": "identity"}).content)


# --- refusals ---

ENTITIES = "".join(f'<!ENTITY e{i} "{"&e%d;" % (i - 1) * 10}">' for i in range(1, 12))


@pytest.mark.parametrize("body, status, fragments", [
    ("<Patient xmlns='http://hl7.org/fhir'>\n<name></Patient>", 400, ["line 2", "not well-formed"]),
    ("<Patient xmlns='http://hl7.org/fhir'><nam/></Patient>", 422, ["Patient.nam", "no element <nam>"]),
    ("<Patient/>", 422, ["http://hl7.org/fhir"]),
    ("<Patient xmlns='http://hl7.org/fhir'><birthDate>1980</birthDate></Patient>", 422, ["attribute value"]),
    ("<Patient xmlns='http://hl7.org/fhir'><birthDate value='soon'/></Patient>", 422, ["Patient.birthDate"]),
    (f"<!DOCTYPE Patient [<!ENTITY e0 'lol'>{ENTITIES}]><Patient xmlns='http://hl7.org/fhir'><id value='&e11;'/></Patient>", 400, ["document type"]),
    ("<!DOCTYPE Patient [<!ENTITY e SYSTEM 'file:///etc/passwd'>]><Patient xmlns='http://hl7.org/fhir'><language value='&e;'/></Patient>", 400,
     ["document type"]),
    ("<Patient xmlns='http://hl7.org/fhir' xmlns:i='http://www.w3.org/2001/XInclude'><i:include href='file:///etc/passwd' parse='text'/></Patient>",
     422, ["no element <include>"]),
    ("<?xml version='1.0' encoding='UTF-16'?><Patient xmlns='http://hl7.org/fhir'/>", 400, ["encoding"]),
    ("<Patient xmlns='http://hl7.org/fhir'>" + "<contact>" * 100000, 400, ["nested too deeply"]),
    ("<Patient xmlns='http://hl7.org/fhir' " + " ".join(f"a{i}='1'" for i in range(100000)) + "/>", 400, ["too many attributes"]),
    ('{"resourceType": "Patient"}', 400, ["not well-formed"]),
    ("  ", 400, ["empty"]),
    (b"<Patient xmlns='http://hl7.org/fhir'><language value='\xff'/></Patient>", 400, ["UTF-8"]),
], ids=lambda v: str(v)[:40] if not isinstance(v, (list, int)) else "")
def test_refuses(fhir, body, status, fragments):
    before = fhir.sequence()
    wants(post(fhir, body), status, *fragments)
    outcome(post(fhir, body, Accept=XML), status, *fragments)
    assert fhir.sequence() == before


def test_refuses_more_than_the_limit(fhir):
    wants(post(fhir, "<Patient xmlns='http://hl7.org/fhir'><!--" + "x" * (4 << 20) + "--></Patient>"), 413)


def test_refuses_what_has_no_xml(fhir):
    bad = fhir.create({"resourceType": "Basic", "code": {"text": "x"}, "text": {"status": "generated", "div": "<div>a<br></div>"}})
    answer = fhir.http.get(f"/Basic/{bad['id']}", headers={"Accept": XML})
    outcome(answer, 406, "Basic.text.div", "not well-formed", "application/fhir+json")
    assert fhir.get(f"/Basic/{bad['id']}").status_code == 200
    # A write that was done stays done, and says so.
    before = fhir.sequence()
    answer = fhir.http.post("/Basic", content=json.dumps({k: v for k, v in bad.items() if k not in ("id", "meta")}),
                            headers={"Content-Type": "application/fhir+json", "Accept": XML})
    root = tree(answer, 201)
    assert root.tag == F + "OperationOutcome" and {e.get("value") for e in root.iter(F + "severity")} == {"warning"}
    assert fhir.sequence() == before + 1 and answer.headers["location"]


def test_a_browser_still_gets_json(fhir):
    accept = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"
    assert fhir.http.get("/metadata", headers={"Accept": accept}).headers["content-type"].startswith("application/fhir+json")
