# SPDX-License-Identifier: GPL-3.0-or-later
"""The sentences of FHIR R4's page http, each test under the number of its row in docs/conformance.md."""
import base64
import json
import re
import time
from email.utils import parsedate_to_datetime
from uuid import uuid4

from conftest import FHIR_JSON, wants

ISO = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")


def patient(**more):
    return {"resourceType": "Patient", "name": [{"family": "Noor"}], **more}


def ident(value):
    return [{"system": "http://example.org/mrn", "value": value}]


def entry(method, url, resource=None, full_url=None, **request):
    return {**({"fullUrl": full_url} if full_url else {}), **({"resource": resource} if resource else {}),
            "request": {"method": method, "url": url, **request}}


def bundle(type_, *entries):
    return {"resourceType": "Bundle", "type": type_, "entry": list(entries)}


def post(fhir, type_, *entries, **headers):
    answer = fhir.send("POST", "", bundle(type_, *entries), **headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["entry"]


def test_h003_what_takes_long_is_done_beside(fhir):
    started = fhir.get("/$export?_type=Basic", Prefer="respond-async")
    assert started.status_code == 202, started.text
    where, deadline = started.headers["content-location"], time.time() + 30
    answer = fhir.http.get(where)
    while answer.status_code == 202 and time.time() < deadline:
        time.sleep(0.1)
        answer = fhir.http.get(where)
    assert answer.status_code == 200 and "transactionTime" in answer.json()


# --- addresses

def test_h004_addresses_are_percent_encoded_utf8(fhir):
    name = f"Жã-{uuid4().hex}"
    made = fhir.create(patient(name=[{"family": name}]))
    found = fhir.http.get("/Patient", params={"name": name}).json()
    assert [e["resource"]["id"] for e in found["entry"]] == [made["id"]]
    wants(fhir.get("/Patient?name=%FF%FE"), 400, "UTF-8")


def test_h006_types_and_ids_are_case_sensitive(fhir):
    id_ = f"Abc-{uuid4()}"
    assert fhir.send("PUT", f"/Patient/{id_}", patient(id=id_)).status_code == 201
    wants(fhir.get(f"/patient/{id_}"), 404, "Patient")
    wants(fhir.get(f"/Patient/{id_.lower()}"), 404)
    wants(fhir.get(f"/Patient/{id_}/_HISTORY"), 404)


def test_h008_http_and_https_are_never_two_things(fhir):
    """One port serves one record: there is no https twin that could differ; every address we give is of the base asked for."""
    made = fhir.create(patient())
    entry_ = fhir.get(f"/Patient?_id={made['id']}").json()["entry"][0]
    assert entry_["fullUrl"] == f"{fhir.base}/Patient/{made['id']}"


def test_h010_id_version_and_time_are_in_the_headers(fhir):
    made = fhir.create(patient())
    answer = fhir.get(f"/Patient/{made['id']}")
    assert answer.headers["etag"] == f'W/"{made["meta"]["versionId"]}"'
    assert parsedate_to_datetime(answer.headers["last-modified"]).strftime("%Y-%m-%dT%H:%M:%S") == made["meta"]["lastUpdated"][:19]


# --- contents

def test_h021_return_preference_counts_only_for_success(fhir):
    for prefer in ("return=minimal", "return=representation", "return=OperationOutcome"):
        wants(fhir.send("PUT", "/Patient/x", patient(id="y"), Prefer=prefer), 400, "x")


def test_h022_without_a_preference_no_outcome_is_returned(fhir):
    assert fhir.send("POST", "/Patient", patient()).json()["resourceType"] == "Patient"
    assert post(fhir, "transaction", entry("POST", "Patient", patient()))[0].keys() == {"response"}
    with_body = post(fhir, "transaction", entry("POST", "Patient", patient()), Prefer="return=representation")
    assert with_body[0]["resource"]["resourceType"] == "Patient"


def test_h027_the_form_says_what_it_is(fhir):
    made = fhir.create(patient())
    assert fhir.get(f"/Patient/{made['id']}").headers["content-type"].split(";")[0] == "application/fhir+json"
    xml = fhir.get(f"/Patient/{made['id']}", Accept="application/fhir+xml")
    assert xml.headers["content-type"].split(";")[0] == "application/fhir+xml" and xml.text.lstrip().startswith("<")


def test_h032_format_does_not_say_what_the_body_is(fhir):
    text = f'<Patient xmlns="http://hl7.org/fhir"><gender value="male"/></Patient>'
    answer = fhir.http.post("/Patient?_format=json", content=text, headers={"Content-Type": "application/fhir+xml"})
    assert answer.status_code == 201 and answer.json()["gender"] == "male"


def test_h035_letters_beyond_ascii_come_back_as_utf8(fhir):
    made = fhir.create(patient(name=[{"family": "Ångström حداد 李"}]))
    answer = fhir.get(f"/Patient/{made['id']}")
    assert "Ångström حداد 李".encode() in answer.content and "utf-8" in answer.headers["content-type"].lower()


def test_h037_the_older_names_of_the_forms_are_taken(fhir):
    answer = fhir.http.post("/Patient", content=json.dumps(patient()), headers={"Content-Type": "application/json+fhir"})
    assert answer.status_code == 201, answer.text
    text = '<Patient xmlns="http://hl7.org/fhir"/>'
    assert fhir.http.post("/Patient", content=text, headers={"Content-Type": "application/xml+fhir"}).status_code == 201
    xml = fhir.get(f"/Patient/{answer.json()['id']}", Accept="application/xml+fhir")
    assert xml.status_code == 200 and xml.text.lstrip().startswith("<")


def test_h038_two_versions_of_fhir_are_not_mixed(fhir):
    for accept, kind in (("3.0", "4.0"), ("4.0", "3.0"), ("5.0", "5.0")):
        answer = fhir.http.post("/Patient", content=json.dumps(patient()), headers={
            "Content-Type": f"{FHIR_JSON}; fhirVersion={kind}", "Accept": f"{FHIR_JSON}; fhirVersion={accept}"})
        assert answer.status_code in (406, 415), (accept, kind, answer.text)


def test_h034_who_names_a_general_media_type_gets_it(fhir):
    path = f"/Patient/{fhir.create(patient())['id']}"
    for accept in ("application/json", "text/json", "application/xml", "text/xml"):
        answer = fhir.get(path, Accept=accept)
        assert answer.status_code == 200 and answer.headers["content-type"].split(";")[0] == accept
    for accept in ("application/json, */*", "application/fhir+json, application/json", "*/*"):
        assert fhir.get(path, Accept=accept).headers["content-type"].split(";")[0] == FHIR_JSON
    assert fhir.get(path + "?_format=json", Accept="application/json").headers["content-type"].split(";")[0] == FHIR_JSON


def test_h043_every_answer_has_a_date(fhir):
    assert parsedate_to_datetime(fhir.get("/metadata").headers["date"]).tzinfo is not None


# --- read, vread

def test_h046_the_id_is_that_of_the_address(fhir):
    made = fhir.create(patient())
    body = fhir.get(f"/Patient/{made['id']}").json()
    assert body["id"] == made["id"]
    old = fhir.get(f"/Patient/{made['id']}/_history/{made['meta']['versionId']}").json()
    assert old["id"] == made["id"] and old["meta"]["versionId"] == made["meta"]["versionId"]


def test_h056_a_version_that_is_a_deletion_is_410(fhir):
    id_ = fhir.create(patient())["id"]
    gone = fhir.send("DELETE", f"/Patient/{id_}").headers["etag"][3:-1]
    wants(fhir.get(f"/Patient/{id_}/_history/{gone}"), 410, id_)


def test_h055_version_ids_have_the_form_of_ids(fhir):
    made = fhir.create(patient())
    assert re.fullmatch(r"[A-Za-z0-9.-]{1,64}", made["meta"]["versionId"])


# --- update

def test_h063_version_and_time_that_are_sent_are_ignored(fhir):
    id_ = f"m-{uuid4()}"
    meta = {"versionId": "99", "lastUpdated": "2001-01-01T00:00:00Z", "profile": ["http://example.org/profile"],
            "tag": [{"system": "http://example.org/tags", "code": "t"}]}
    body = fhir.send("PUT", f"/Patient/{id_}", patient(id=id_, meta=meta)).json()
    assert body["meta"]["versionId"] != "99" and ISO.match(body["meta"]["lastUpdated"]) and body["meta"]["lastUpdated"] > "2020"
    assert body["meta"]["profile"] == meta["profile"] and body["meta"]["tag"] == meta["tag"]
    made = fhir.create(patient(meta=meta))
    assert made["meta"]["versionId"] != "99" and made["meta"]["lastUpdated"] > "2020" and made["meta"]["tag"] == meta["tag"]


def test_h065_past_versions_cannot_be_changed(fhir):
    made = fhir.create(patient())
    path = f"/Patient/{made['id']}/_history/{made['meta']['versionId']}"
    for method, body in (("PUT", patient(id=made["id"])), ("PATCH", []), ("DELETE", None), ("POST", patient())):
        wants(fhir.send(method, path, body), 405, "GET")
    assert fhir.get(path).json() == made


def test_h066_what_was_accepted_is_what_is_read(fhir):
    sent = {"resourceType": "Observation", "status": "final", "code": {"text": "x", "extension": [{"url": "http://example.org/e", "valueDecimal": 1.50}]},
            "_status": {"extension": [{"url": "http://example.org/s", "valueCode": "a"}]}, "effectiveDateTime": "2020-02-30T10:00:00+14:00"[:10].replace("30", "28"),
            "contained": [{"resourceType": "Patient", "id": "p"}], "subject": {"reference": "#p"}, "valueQuantity": {"value": 1.000, "unit": "g"}}
    made = fhir.create(sent)
    read = fhir.get(f"/Observation/{made['id']}").json()
    for name in ("id", "meta"):
        read.pop(name)
    assert read == sent


def test_h070_a_version_header_is_that_of_the_body(fhir):
    answer = fhir.send("POST", "/Patient", patient())
    assert answer.headers["etag"] == f'W/"{answer.json()["meta"]["versionId"]}"'
    assert "location" in answer.headers and "last-modified" in answer.headers


def test_h076_each_refusal_has_its_status_and_an_outcome(fhir):
    wants(fhir.http.post("/Patient", content="{", headers={"Content-Type": FHIR_JSON}), 400, "JSON")
    wants(fhir.send("PUT", "/Spaceship/1", {"resourceType": "Spaceship", "id": "1"}), 404, "Spaceship")
    wants(fhir.send("POST", "/Spaceship", {"resourceType": "Spaceship"}), 404, "Spaceship")
    wants(fhir.send("PUT", "/Patient/v", patient(id="v", birthDate="1980-13-40")), 422, "Patient.birthDate")


def test_h080_a_conditional_update_by_the_number_of_matches(fhir):
    value, other = str(uuid4()), str(uuid4())
    where = f"/Patient?identifier=http://example.org/mrn%7C{value}"
    made = fhir.send("PUT", where, patient(identifier=ident(value)))
    assert made.status_code == 201 and made.headers["location"]
    id_ = made.json()["id"]
    assert fhir.send("PUT", where, patient(identifier=ident(value), active=True)).status_code == 200
    assert fhir.send("PUT", where, patient(id=id_, identifier=ident(value), active=False)).status_code == 200
    wants(fhir.send("PUT", where, patient(id="other", identifier=ident(value))), 400, "other", id_)
    with_id = f"c-{uuid4()}"
    new = fhir.send("PUT", f"/Patient?identifier=http://example.org/mrn%7C{other}", patient(id=with_id, identifier=ident(other)))
    assert new.status_code == 201 and new.json()["id"] == with_id
    fhir.create(patient(identifier=ident(value)))
    wants(fhir.send("PUT", where, patient(identifier=ident(value))), 412, "more than one")


def test_h083_a_conditional_update_never_overwrites_what_did_not_match(fhir):
    id_ = fhir.create(patient(active=True))["id"]
    wants(fhir.send("PUT", f"/Patient?identifier={uuid4()}", patient(id=id_, active=False)), 409, id_)
    assert fhir.get(f"/Patient/{id_}").json()["active"] is True


def test_h092_versions_in_a_bundle_are_in_the_resources(fhir):
    made = fhir.create(patient())
    resource = fhir.get(f"/Patient?_id={made['id']}").json()["entry"][0]["resource"]
    assert resource["meta"]["versionId"] == made["meta"]["versionId"]


# --- patch

def test_h097_xml_patch_is_refused_and_the_others_named(fhir):
    made = fhir.create(patient())
    answer = fhir.http.request("PATCH", f"/Patient/{made['id']}", content="<diff/>", headers={"Content-Type": "application/xml-patch+xml"})
    wants(answer, 415, "application/json-patch+json", "FHIRPath Patch")


def test_h099_a_patch_is_processed_like_an_update(fhir):
    made = fhir.create(patient(active=True))
    path = f"/Patient/{made['id']}"
    change = [{"op": "replace", "path": "/active", "value": False}]
    minimal = fhir.send("PATCH", path, change, Prefer="return=minimal")
    assert minimal.status_code == 200 and minimal.content == b"" and minimal.headers["etag"] != f'W/"{made["meta"]["versionId"]}"'
    wants(fhir.send("PATCH", path, [{"op": "add", "path": "/birthDate", "value": "soon"}]), 422, "birthDate")
    history = fhir.get(path + "/_history").json()["entry"]
    assert [e["request"]["method"] for e in history] == ["PUT", "POST"]


def test_h107_a_patched_narrative_stays_a_whole(fhir):
    """The server changes the narrative only when the patch does, and then checks it as any."""
    text = {"status": "additional", "div": '<div xmlns="http://www.w3.org/1999/xhtml">male</div>'}
    made = fhir.create(patient(gender="male", text=text))
    answer = fhir.send("PATCH", f"/Patient/{made['id']}", [{"op": "remove", "path": "/text"}, {"op": "replace", "path": "/gender", "value": "female"}])
    assert answer.status_code == 200 and "text" not in answer.json()
    wants(fhir.send("PATCH", f"/Patient/{made['id']}", [{"op": "add", "path": "/text", "value": {"status": "generated"}}]), 422, "text")


# --- delete, create

def test_h113_what_is_deleted_is_not_found_and_can_come_back(fhir):
    value = str(uuid4())
    id_ = fhir.create(patient(identifier=ident(value)))["id"]
    assert fhir.send("DELETE", f"/Patient/{id_}").status_code == 204
    wants(fhir.get(f"/Patient/{id_}"), 410)
    assert "entry" not in fhir.get(f"/Patient?identifier={value}").json()
    back = fhir.send("PUT", f"/Patient/{id_}", patient(id=id_, identifier=ident(value)))
    assert back.status_code == 201
    assert len(fhir.get(f"/Patient?identifier={value}").json()["entry"]) == 1
    methods = [e["request"]["method"] for e in fhir.get(f"/Patient/{id_}/_history").json()["entry"]]
    assert len(methods) == 3 and methods[1:] == ["DELETE", "POST"]


def test_h122_a_conditional_delete_deletes_one_or_nothing(fhir):
    value = str(uuid4())
    ids = [fhir.create(patient(identifier=ident(value)))["id"] for _ in range(2)]
    wants(fhir.send("DELETE", f"/Patient?identifier={value}"), 412, "more than one")
    wants(fhir.send("DELETE", f"/Patient?identifier={value}&_id="), 400, "has no value")
    wants(fhir.send("DELETE", "/Patient?_count=1"), 400, "would match everything")
    assert all(fhir.get(f"/Patient/{i}").status_code == 200 for i in ids)
    fhir.send("DELETE", f"/Patient/{ids[0]}")
    assert fhir.send("DELETE", f"/Patient/?identifier={value}").status_code == 204
    assert fhir.get(f"/Patient/{ids[1]}").status_code == 410
    assert fhir.send("DELETE", f"/Patient?identifier={value}").status_code == 204


def test_h137_a_conditional_create_answers_like_a_create(fhir):
    value = str(uuid4())
    first = fhir.send("POST", "/Patient", patient(identifier=ident(value)), If_None_Exist=f"identifier=http://example.org/mrn|{value}")
    assert first.status_code == 201
    again = fhir.send("POST", "/Patient", patient(identifier=ident(value)), If_None_Exist=f"identifier=http://example.org/mrn|{value}")
    assert again.status_code == 200 and again.headers["location"] == first.headers["location"] and again.headers["etag"] == first.headers["etag"]
    minimal = fhir.send("POST", "/Patient", patient(), If_None_Exist=f"identifier={value}", Prefer="return=minimal")
    assert minimal.status_code == 200 and minimal.content == b""
    fhir.create(patient(identifier=ident(value)))
    wants(fhir.send("POST", "/Patient", patient(), If_None_Exist=f"identifier={value}"), 412, "more than one")


# --- search, capabilities

def test_h141_both_ways_to_search_say_the_same(fhir):
    value = str(uuid4())
    made = fhir.create(patient(identifier=ident(value)))
    for answer in (fhir.get(f"/Patient?identifier={value}"), fhir.get(f"/Patient/_search?identifier={value}"),
                   fhir.http.post("/Patient/_search", data={"identifier": value}), fhir.http.post(f"/Patient/_search?identifier={value}", data={"_id": made["id"]})):
        assert answer.status_code == 200 and answer.json()["type"] == "searchset"
        assert [e["resource"]["id"] for e in answer.json()["entry"]] == [made["id"]]


def test_h147_a_failed_search_is_an_error_with_an_outcome(fhir):
    wants(fhir.get("/Patient?_lastUpdated=yesterday"), 400, "yesterday")
    wants(fhir.get("/Patient?nmae=x"), 400, "nmae")
    assert fhir.get(f"/Patient?identifier={uuid4()}").status_code == 200


def test_h160_the_capability_statement_has_an_etag(fhir):
    answer = fhir.get("/metadata")
    tag = answer.headers["etag"]
    assert re.fullmatch(r'W/"[^"]+"', tag) and fhir.get("/metadata").headers["etag"] == tag
    not_modified = fhir.get("/metadata", If_None_Match=tag)
    assert not_modified.status_code == 304 and not_modified.content == b"" and not_modified.headers["etag"] == tag
    assert fhir.get("/metadata", If_None_Match='W/"other"').status_code == 200
    assert fhir.get("/metadata", Host="localhost:7").headers["etag"]


def test_h162_metadata_takes_the_modes(fhir):
    assert fhir.get("/metadata?mode=full").json()["resourceType"] == "CapabilityStatement"
    assert fhir.get("/metadata?mode=normative").json()["resourceType"] == "CapabilityStatement"
    assert fhir.get("/metadata?mode=terminology").json()["resourceType"] == "TerminologyCapabilities"
    wants(fhir.get("/metadata?mode=whole"), 400, "mode")


# --- batch, transaction

def test_h172_every_entry_has_a_request(fhir):
    for type_, status in (("transaction", 422), ("batch", 200)):
        answer = fhir.send("POST", "", bundle(type_, {"resource": patient()}))
        assert answer.status_code == status and "needs a request" in answer.text


def test_h173_a_write_needs_a_resource(fhir):
    for method in ("POST", "PUT"):
        wants(fhir.send("POST", "", bundle("transaction", entry(method, "Patient" if method == "POST" else "Patient/1"))), 422, "Bundle.entry[0]", "resource")


def test_h175_meta_and_if_match_work_in_entries(fhir):
    made = fhir.create(patient())
    url = f"Patient/{made['id']}"
    stale = entry("PUT", url, patient(id=made["id"], active=True), ifMatch='W/"stale"')
    assert post(fhir, "batch", stale)[0]["response"]["status"].startswith("412")
    right = entry("PUT", url, patient(id=made["id"], active=True, meta={"versionId": "7"}), ifMatch=f'W/"{made["meta"]["versionId"]}"')
    done = post(fhir, "batch", right)[0]["response"]
    assert done["status"].startswith("200") and done["etag"] != 'W/"7"' and ISO.match(done["lastModified"])


def test_h177_one_change_of_a_batch_does_not_alter_another(fhir):
    id_ = fhir.create(patient())["id"]
    entries = post(fhir, "batch", entry("PUT", f"Patient/{id_}", patient(id=id_, active=True), ifMatch='W/"no"'),
                   entry("POST", "Patient", patient()), entry("DELETE", "Patient/not-there-at-all"), entry("POST", "Patient", patient(x=1)))
    assert [e["response"]["status"][:3] for e in entries] == ["412", "201", "204", "422"]
    assert "outcome" in entries[0]["response"] and "outcome" in entries[3]["response"]


def test_h179_entries_of_a_batch_do_not_refer_to_what_others_create(fhir):
    url = f"urn:uuid:{uuid4()}"
    observation = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": url}}
    entries = post(fhir, "batch", entry("POST", "Patient", patient(), url), entry("POST", "Observation", observation))
    assert [e["response"]["status"][:3] for e in entries] == ["201", "422"]
    assert "transaction" in entries[1]["response"]["outcome"]["issue"][0]["diagnostics"]


def test_h180_all_or_nothing(fhir):
    before = fhir.sequence()
    answer = fhir.send("POST", "", bundle("transaction", entry("POST", "Patient", patient()), entry("PUT", "Patient/zz", patient(id="zz"), ifMatch='W/"1"')))
    assert wants(answer, 412)["issue"] and fhir.sequence() == before
    assert fhir.send("POST", "", {"resourceType": "Bundle", "type": "transaction"}).json()["type"] == "transaction-response"


def test_h184_the_order_of_actions_is_fixed(fhir):
    value, id_ = str(uuid4()), f"o-{uuid4()}"
    old = fhir.create(patient(identifier=ident(value)))["id"]
    entries = [entry("GET", f"Patient/{id_}"), entry("PUT", f"Patient/{id_}", patient(id=id_)), entry("POST", "Patient", patient(identifier=ident(value))),
               entry("DELETE", f"Patient/{old}"), entry("GET", f"Patient?identifier={value}")]
    answers = post(fhir, "transaction", *entries)
    assert [e["response"]["status"][:3] for e in answers] == ["200", "201", "201", "204", "200"]
    found = answers[4]["resource"]["entry"]
    assert len(found) == 1 and found[0]["resource"]["id"] != old


def test_h185_one_resource_appears_once_in_a_transaction(fhir):
    value, id_ = str(uuid4()), f"r-{uuid4()}"
    made = fhir.create(patient(identifier=ident(value)))["id"]
    before = fhir.sequence()
    for pair in ((entry("PUT", f"Patient/{id_}", patient(id=id_)), entry("DELETE", f"Patient/{id_}")),
                 (entry("PUT", f"Patient/{made}", patient(id=made)), entry("PUT", f"Patient?identifier={value}", patient(identifier=ident(value)))),
                 (entry("DELETE", f"Patient?identifier={value}"), entry("PATCH", f"Patient/{made}", {"resourceType": "Parameters"}))):
        wants(fhir.send("POST", "", bundle("transaction", *pair)), 422, "two entries")
        wants(fhir.send("POST", "", bundle("transaction", *reversed(pair))), 422, "two entries")
    assert fhir.sequence() == before


def test_h186_references_follow_the_ids_that_are_given(fhir):
    """Also where resources refer to each other, in contained resources, extensions, uris and narratives; not in canonicals."""
    a, b = f"urn:uuid:{uuid4()}", f"urn:uuid:{uuid4()}"
    one = {"resourceType": "Patient", "link": [{"other": {"reference": b}, "type": "seealso"}],
           "extension": [{"url": "http://example.org/u", "valueUri": b}, {"url": "http://example.org/c", "valueCanonical": b},
                         {"url": "http://example.org/r", "valueReference": {"reference": b}}],
           "contained": [{"resourceType": "Basic", "id": "c", "code": {"text": "x"}, "subject": {"reference": b}}],
           "text": {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{b}</p><a href="{b}">b</a><img alt="i" src="{b}#page"/></div>'}}
    two = {"resourceType": "Patient", "link": [{"other": {"reference": a}, "type": "seealso"}]}
    entries = post(fhir, "transaction", entry("POST", "Patient", one, a), entry("POST", "Patient", two, b), Prefer="return=representation")
    first, second = (e["resource"] for e in entries)
    there = f"Patient/{second['id']}"
    assert first["link"][0]["other"]["reference"] == there and second["link"][0]["other"]["reference"] == f"Patient/{first['id']}"
    assert first["extension"][0]["valueUri"] == there and first["extension"][2]["valueReference"]["reference"] == there
    assert first["extension"][1]["valueCanonical"] == b, "canonicals are not replaced"
    assert first["contained"][0]["subject"]["reference"] == there
    div = first["text"]["div"]
    assert f'href="{there}"' in div and f'src="{there}#page"' in div and f"<p>{b}</p>" in div
    assert fhir.get(there.join(["/", ""])).status_code == 200


def test_h188_references_to_others_are_left_as_they_are(fhir):
    url = f"urn:uuid:{uuid4()}"
    observation = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": url},
                   "performer": [{"reference": "Practitioner/elsewhere/_history/3"}, {"reference": "http://example.org/fhir/Organization/1"}]}
    made = post(fhir, "transaction", entry("POST", "Patient", patient(), url), entry("POST", "Observation", observation), Prefer="return=representation")
    assert [p["reference"] for p in made[1]["resource"]["performer"]] == [p["reference"] for p in observation["performer"]]


def test_h191_a_full_url_of_elsewhere_stands_for_its_entry(fhir):
    id_, base = f"f-{uuid4()}", "http://example.org/another/base"
    observation = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": f"Patient/{id_}"},
                   "focus": [{"reference": f"{base}/Patient/{id_}"}, {"reference": "Patient/7"}]}
    entries = post(fhir, "transaction", entry("PUT", f"Patient/{id_}", patient(id=id_), f"{base}/Patient/{id_}"),
                   entry("POST", "Patient", patient(id="7"), f"{base}/Patient/7"),
                   entry("POST", "Observation", observation, f"{base}/Observation/9"), Prefer="return=representation")
    created = entries[1]["resource"]["id"]
    assert created != "7" and entries[2]["resource"]["id"] != "9"
    assert entries[2]["resource"]["subject"]["reference"] == f"Patient/{id_}"
    assert [f["reference"] for f in entries[2]["resource"]["focus"]] == [f"Patient/{id_}", f"Patient/{created}"]


def test_h195_conditional_references(fhir):
    value, other = str(uuid4()), str(uuid4())
    made = fhir.create(patient(identifier=ident(value)))["id"]
    for _ in range(2):
        fhir.create(patient(identifier=ident(other)))

    def observation(reference):
        return entry("POST", "Observation", {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": reference}})
    done = post(fhir, "transaction", observation(f"Patient?identifier=http://example.org/mrn|{value}"), Prefer="return=representation")
    assert done[0]["resource"]["subject"]["reference"] == f"Patient/{made}"
    before = fhir.sequence()
    wants(fhir.send("POST", "", bundle("transaction", observation(f"Patient?identifier={uuid4()}"))), 412, "matches no resource")
    wants(fhir.send("POST", "", bundle("transaction", observation(f"Patient?identifier={other}"))), 412, "more than one")
    wants(fhir.send("POST", "", bundle("transaction", observation("Patient?nmae=x"))), 400, "nmae")
    wants(fhir.send("POST", "", bundle("transaction", observation("Patient?identifier="))), 400, "has no value")
    wants(fhir.send("POST", "", bundle("transaction", observation("Patient?_count=1"))), 400, "would match everything")
    assert fhir.sequence() == before


def test_h198_an_answer_for_each_entry_in_its_place(fhir):
    made = fhir.create(patient())
    url = f"Patient/{made['id']}"
    entries = post(fhir, "batch", entry("GET", url), entry("HEAD", url), entry("POST", "Patient", patient()), entry("GET", "Patient/nobody"),
                   entry("GET", f"{url}/_history/{made['meta']['versionId']}"))
    etag = f'W/"{made["meta"]["versionId"]}"'
    read, head, created, missing, version = entries
    assert read["resource"]["id"] == made["id"] and read["response"]["etag"] == etag and read["response"]["lastModified"] == made["meta"]["lastUpdated"]
    assert "resource" not in head and head["response"]["etag"] == etag and head["response"]["status"].startswith("200")
    assert created["response"]["location"].startswith("Patient/") and created["response"]["etag"]
    assert missing["response"]["outcome"]["issue"] and version["response"]["etag"] == etag


def test_h199_the_types_of_the_answers(fhir):
    for type_ in ("batch", "transaction"):
        answer = fhir.send("POST", "", bundle(type_, entry("POST", "Patient", patient()))).json()
        assert answer["resourceType"] == "Bundle" and answer["type"] == type_ + "-response" and len(answer["entry"]) == 1


def test_h203_other_kinds_of_bundles_are_refused(fhir):
    for type_ in ("history", "collection", "document", "message", "searchset", "batch-response"):
        wants(fhir.send("POST", "", {"resourceType": "Bundle", "type": type_}), 400, "Bundle.type", type_)


def test_h170_operations_are_entries_too(fhir):
    entries = post(fhir, "batch", entry("POST", "Patient/$validate", patient(gender="none of these")), entry("GET", "Patient/$validate"),
                   entry("POST", "Patient/$nothing", patient()), entry("PUT", "Patient/$validate", patient()))
    assert entries[0]["response"]["status"].startswith("200") and entries[0]["resource"]["resourceType"] == "OperationOutcome"
    assert any("gender" in str(i.get("expression")) for i in entries[0]["resource"]["issue"])
    assert [e["response"]["status"][:3] for e in entries[1:]] == ["400", "404", "400"]
    made = fhir.create(patient())
    everything = post(fhir, "batch", entry("GET", f"Patient/{made['id']}/$everything"), entry("POST", f"Patient/{made['id']}/$meta-add", {"resourceType": "Parameters"}))
    assert [e["resource"]["id"] for e in everything[0]["resource"]["entry"]] == [made["id"]] and everything[1]["response"]["status"].startswith("4")
    whole = post(fhir, "transaction", entry("POST", "Patient", patient()), entry("POST", "Patient/$validate", patient()))
    assert [e["response"]["status"][:3] for e in whole] == ["201", "200"]


# --- history

def test_h208_a_history_entry_has_request_and_response(fhir):
    made = fhir.create(patient())
    path = f"/Patient/{made['id']}"
    fhir.send("PUT", path, patient(id=made["id"], active=True))
    fhir.send("PATCH", path, [{"op": "remove", "path": "/active"}])
    fhir.send("DELETE", path)
    entries = fhir.get(path + "/_history").json()["entry"]
    assert [e["request"]["method"] for e in entries] == ["DELETE", "PUT", "PUT", "POST"], "newest first"
    for e in entries:
        assert ("resource" in e) == (e["request"]["method"] != "DELETE") and e["fullUrl"] == f"{fhir.base}{path}"
        assert e["response"]["status"] and e["response"]["etag"] and ISO.match(e["response"]["lastModified"])
        assert e["response"]["location"] == f"Patient/{made['id']}/_history/{e['response']['etag'][3:-1]}"


def test_h212_conditional_changes_are_plain_ones_in_a_history(fhir):
    value = str(uuid4())
    where = f"/Patient?identifier={value}"
    id_ = fhir.send("PUT", where, patient(identifier=ident(value))).json()["id"]
    fhir.send("PUT", where, patient(identifier=ident(value), active=True))
    fhir.send("DELETE", where)
    entries = fhir.get(f"/Patient/{id_}/_history").json()["entry"]
    assert [(e["request"]["method"], e["request"]["url"]) for e in entries] == [("DELETE", f"Patient/{id_}"), ("PUT", f"Patient/{id_}"), ("POST", "Patient")]


def test_h213_what_an_operation_changes_is_in_the_history(fhir):
    made = fhir.create(patient())
    meta = {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": {"tag": [{"system": "http://example.org/tags", "code": "seen"}]}}]}
    assert fhir.send("POST", f"/Patient/{made['id']}/$meta-add", meta).status_code == 200
    newest, first = fhir.get(f"/Patient/{made['id']}/_history").json()["entry"]
    assert (newest["request"]["method"], first["request"]["method"]) == ("PUT", "POST")
    assert newest["resource"]["meta"]["tag"][0]["code"] == "seen" and "tag" not in first["resource"]["meta"]


def test_h214_history_takes_count_since_and_at(fhir):
    made = fhir.create(patient())
    path = f"/Patient/{made['id']}"
    second = fhir.send("PUT", path, patient(id=made["id"], active=True)).json()
    third = fhir.send("PUT", path, patient(id=made["id"], active=False)).json()

    def versions(query):
        return [e["resource"]["meta"]["versionId"] for e in fhir.http.get(f"{path}/_history", params=query).json().get("entry", [])]
    ids = [r["meta"]["versionId"] for r in (third, second, made)]
    assert versions({}) == ids and versions({"_count": 2}) == ids[:2]
    assert versions({"_since": second["meta"]["lastUpdated"]}) == ids[:2]
    assert versions({"_at": second["meta"]["lastUpdated"]})[-1] in ids[1:] and ids[0] not in versions({"_at": "2001-01-01"})
    wants(fhir.get(f"{path}/_history?_since=soon"), 400, "soon")
    wants(fhir.get(f"{path}/_history?_at=gt2020"), 400, "gt2020")


def test_h219_pages_of_a_history_keep_the_count(fhir):
    made = fhir.create(patient())
    path = f"/Patient/{made['id']}"
    for i in range(6):
        fhir.send("PUT", path, patient(id=made["id"], multipleBirthInteger=i))
    url, seen = f"{path}/_history?_count=3", []
    while url:
        page = fhir.get(url).json()
        assert len(page["entry"]) <= 3
        seen += [e["response"]["etag"] for e in page["entry"]]
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), None)
    assert len(seen) == len(set(seen)) == 7


def test_h226_a_history_that_never_was_is_404(fhir):
    wants(fhir.get("/Patient/never-there/_history"), 404, "never-there")


# --- the rest

def test_h236_paging_links(fhir):
    family = "P" + uuid4().hex[:10]
    for _ in range(5):
        fhir.create(patient(name=[{"family": family}]))
    page = fhir.get(f"/Patient?name={family}&_count=2").json()
    links = {link["relation"]: link["url"] for link in page["link"]}
    assert {"self", "next"} <= set(links) and all(u.startswith(fhir.base) for u in links.values())
    assert "previous" not in links and "prev" not in links
    last = fhir.get(fhir.get(links["next"]).json()["link"][-1]["url"]).json()
    assert "next" not in {link["relation"] for link in last["link"]} and len(last["entry"]) == 1


def test_h240_head_wherever_get_is(fhir):
    made = fhir.create(patient())
    for path in (f"/Patient/{made['id']}", f"/Patient/{made['id']}/_history", f"/Patient/{made['id']}/_history/{made['meta']['versionId']}",
                 f"/Patient?_id={made['id']}", "/metadata", "/_history?_count=1"):
        get, head = fhir.get(path), fhir.send("HEAD", path)
        assert head.status_code == get.status_code == 200 and head.content == b"", path
        assert head.headers["content-type"] == get.headers["content-type"]


def test_h242_request_ids(fhir):
    assert fhir.get("/metadata", X_Request_Id="mine-1").headers["x-request-id"] == "mine-1"
    assert "x-correlation-id" not in fhir.get("/metadata", X_Request_Id="mine-1").headers
    strange = fhir.get("/metadata", X_Request_Id="{of/mine}")
    assert strange.headers["x-request-id"] != "{of/mine}" and strange.headers["x-correlation-id"] == "{of/mine}"
    assert "x-correlation-id" not in fhir.get("/metadata").headers


def test_h245_what_intermediaries_say_changes_nothing(fhir):
    made = fhir.create(patient())
    plain = fhir.get(f"/Patient/{made['id']}")
    told = fhir.get(f"/Patient/{made['id']}", X_Intermediary="engine.example.org", X_Forwarded_For="10.0.0.1", X_Forwarded_Host="evil.example")
    assert told.status_code == 200 and told.json() == plain.json()
    assert fhir.get(f"/Patient?_id={made['id']}", X_Forwarded_Host="evil.example").json()["entry"][0]["fullUrl"].startswith(fhir.base)
