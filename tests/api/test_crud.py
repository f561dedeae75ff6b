# SPDX-License-Identifier: GPL-3.0-or-later
"""create, read, vread, update, delete, patch: what succeeds, what is refused, and that a refusal changes nothing."""
import re
from email.utils import formatdate, parsedate_to_datetime
from threading import Thread
from uuid import uuid4

from conftest import wants


def patient(**more):
    return {"resourceType": "Patient", "name": [{"family": "Noor", "given": ["Ana"]}], "birthDate": "1980-02-03", **more}


def test_create_answers_201_with_the_resource_and_where_it_is(fhir):
    answer = fhir.send("POST", "/Patient", patient())
    body = answer.json()
    assert answer.status_code == 201
    assert answer.headers["content-type"].startswith("application/fhir+json")
    assert answer.headers["location"] == f"{fhir.base}/Patient/{body['id']}/_history/{body['meta']['versionId']}"
    assert answer.headers["etag"] == f'W/"{body["meta"]["versionId"]}"'
    assert re.fullmatch(r"[0-9a-f-]{36}", body["id"])
    assert parsedate_to_datetime(answer.headers["last-modified"]).isoformat()[:19] == body["meta"]["lastUpdated"][:19]
    assert fhir.get(f"/Patient/{body['id']}").json() == body


def test_create_gives_an_id_of_its_own_even_when_one_is_sent(fhir):
    body = fhir.create(patient(id="mine"))
    assert body["id"] != "mine"


def test_numbers_and_the_order_of_members_stay_as_they_were(fhir):
    raw = ('{"resourceType":"Observation","status":"final","valueQuantity":{"value":170.10,"unit":"cm"},'
           '"code":{"text":"height"},"component":[{"code":{"text":"a"},"valueQuantity":{"value":1.0e-3}}]}')
    answer = fhir.http.post("/Observation", content=raw, headers={"Content-Type": "application/fhir+json"})
    assert answer.status_code == 201, answer.text
    text = fhir.get(f"/Observation/{answer.json()['id']}").text
    assert '"value":170.10,' in text and '"value":1.0e-3' in text
    assert text.index('"valueQuantity"') < text.index('"code"')


def test_prefer_decides_what_comes_back(fhir):
    minimal = fhir.send("POST", "/Patient", patient(), Prefer="return=minimal")
    assert minimal.status_code == 201 and minimal.content == b"" and minimal.headers["location"]
    outcome = fhir.send("POST", "/Patient", patient(), Prefer="return=OperationOutcome")
    assert outcome.status_code == 201 and outcome.json()["resourceType"] == "OperationOutcome"
    assert outcome.json()["issue"][0]["severity"] == "information"
    whole = fhir.send("POST", "/Patient", patient(), Prefer="return=representation; x=y, handling=strict")
    assert whole.json()["resourceType"] == "Patient"


def test_update_makes_a_version_and_update_as_create_a_resource(fhir):
    id_ = f"u-{uuid4()}"
    first = fhir.send("PUT", f"/Patient/{id_}", patient(id=id_))
    assert first.status_code == 201 and first.headers["location"].startswith(f"{fhir.base}/Patient/{id_}/_history/")
    second = fhir.send("PUT", f"/Patient/{id_}", patient(id=id_, gender="female"))
    assert second.status_code == 200
    assert second.json()["meta"]["versionId"] != first.json()["meta"]["versionId"]
    old = fhir.get(f"/Patient/{id_}/_history/{first.json()['meta']['versionId']}")
    assert "gender" not in old.json() and old.headers["etag"] == first.headers["etag"]
    assert fhir.get(f"/Patient/{id_}").json()["gender"] == "female"


def test_an_update_that_changes_nothing_makes_no_version(fhir):
    id_ = f"u-{uuid4()}"
    first = fhir.send("PUT", f"/Patient/{id_}", patient(id=id_))
    again = fhir.send("PUT", f"/Patient/{id_}", patient(id=id_))
    assert again.status_code == 200 and again.headers["etag"] == first.headers["etag"]


def test_update_refuses_a_body_that_is_not_what_the_address_says(fhir):
    before = fhir.sequence()
    wants(fhir.send("PUT", "/Patient/a1", patient(id="a2")), 400, "a2", "a1")
    wants(fhir.send("PUT", "/Patient/a1", patient()), 400, "id")
    wants(fhir.send("PUT", "/Patient/a1", {"resourceType": "Practitioner", "id": "a1"}), 400, "Practitioner")
    wants(fhir.send("PUT", "/Patient/a_1", patient(id="a_1")), 400, "id")
    wants(fhir.send("POST", "/Patient", {"resourceType": "Practitioner"}), 400, "Practitioner")
    assert fhir.sequence() == before


def test_structure_is_checked_and_the_place_named(fhir):
    before = fhir.sequence()
    wants(fhir.send("POST", "/Patient", patient(nmae=[])), 422, "nmae")
    wants(fhir.send("POST", "/Patient", patient(birthDate="1980-13-01")), 422, "Patient.birthDate")
    wants(fhir.send("POST", "/Patient", patient(name={"family": "x"})), 422, "Patient.name")
    wants(fhir.send("POST", "/Observation", {"resourceType": "Observation", "status": "final"}), 422, "Observation.code")
    wants(fhir.send("POST", "/Patient", patient(name=[{"given": ["a", 7]}])), 422, "Patient.name[0].given[1]")
    assert fhir.sequence() == before


def test_read_tells_never_there_from_deleted(fhir):
    wants(fhir.get("/Patient/never-there"), 404, "never-there")
    id_ = fhir.create(patient())["id"]
    gone = fhir.send("DELETE", f"/Patient/{id_}")
    assert gone.status_code == 204 and gone.content == b""
    answer = fhir.get(f"/Patient/{id_}")
    wants(answer, 410, id_)
    assert answer.headers["etag"] == gone.headers["etag"]
    again = fhir.send("DELETE", f"/Patient/{id_}")
    assert again.status_code == 204
    assert fhir.send("DELETE", "/Patient/never-there").status_code == 204
    told = fhir.send("DELETE", f"/Patient/{id_}", Prefer="return=OperationOutcome")
    assert told.status_code == 200 and told.json()["resourceType"] == "OperationOutcome"
    assert len(fhir.get(f"/Patient/{id_}/_history").json()["entry"]) == 2
    back = fhir.send("PUT", f"/Patient/{id_}", patient(id=id_))
    assert back.status_code == 201 and fhir.get(f"/Patient/{id_}").status_code == 200


def test_vread_refuses_versions_of_others(fhir):
    one, two = fhir.create(patient()), fhir.create(patient())
    assert fhir.get(f"/Patient/{one['id']}/_history/{one['meta']['versionId']}").status_code == 200
    wants(fhir.get(f"/Patient/{one['id']}/_history/{two['meta']['versionId']}"), 404, one["id"])
    wants(fhir.get(f"/Patient/{one['id']}/_history/1"), 404, "version")
    wants(fhir.get(f"/Patient/{one['id']}/_history/%00"), 400)


def test_conditional_read_answers_304(fhir):
    body = fhir.create(patient())
    path, etag = f"/Patient/{body['id']}", f'W/"{body["meta"]["versionId"]}"'
    for tag in (etag, etag[2:], f'"x", {etag}', "*"):
        answer = fhir.get(path, If_None_Match=tag)
        assert answer.status_code == 304 and answer.content == b"" and answer.headers["etag"] == etag
    assert fhir.get(path, If_None_Match='W/"other"').status_code == 200
    date = fhir.get(path).headers["last-modified"]
    assert fhir.get(path, If_Modified_Since=date).status_code == 304
    assert fhir.get(path, If_Modified_Since=formatdate(86400, usegmt=True)).status_code == 200
    assert fhir.get(path, If_Modified_Since="yesterday").status_code == 200
    assert fhir.get(path, If_None_Match='W/"other"', If_Modified_Since=date).status_code == 200


def test_if_match_guards_update_patch_and_delete(fhir):
    body = fhir.create(patient())
    path, etag = f"/Patient/{body['id']}", f'W/"{body["meta"]["versionId"]}"'
    new = fhir.send("PUT", path, patient(id=body["id"], active=True), If_Match=etag)
    assert new.status_code == 200
    wants(fhir.send("PUT", path, patient(id=body["id"], active=False), If_Match=etag), 412)
    wants(fhir.send("DELETE", path, If_Match=etag), 412)
    wants(fhir.send("PATCH", path, [{"op": "add", "path": "/active", "value": False}], If_Match=etag), 412)
    wants(fhir.send("PUT", path, patient(id=body["id"]), If_Match='W/"a", W/"b"'), 400, "one version")
    assert fhir.get(path).headers["etag"] == new.headers["etag"]
    assert fhir.send("DELETE", path, If_Match=new.headers["etag"]).status_code == 204


def test_if_none_match_star_refuses_to_overwrite(fhir):
    id_ = f"n-{uuid4()}"
    assert fhir.send("PUT", f"/Patient/{id_}", patient(id=id_), If_None_Match="*").status_code == 201
    wants(fhir.send("PUT", f"/Patient/{id_}", patient(id=id_, active=True), If_None_Match="*"), 412)
    wants(fhir.send("PUT", f"/Patient/{id_}", patient(id=id_, active=True), If_None_Match='W/"1"'), 400, "*")


def test_no_increment_is_lost_when_sixteen_race_with_if_match(fhir, server):
    per_thread, threads = 8, 16
    body = fhir.create({"resourceType": "Basic", "code": {"text": "0"}})
    path = f"/Basic/{body['id']}"
    refused = []

    def increment():
        with server.client() as http:
            for _ in range(per_thread):
                while True:
                    now = http.get(path)
                    next_ = {**now.json(), "code": {"text": str(int(now.json()["code"]["text"]) + 1)}}
                    next_.pop("meta")
                    answer = http.put(path, json=next_, headers={"If-Match": now.headers["etag"],
                                                                  "Content-Type": "application/fhir+json"})
                    if answer.status_code == 200:
                        break
                    assert answer.status_code == 412, answer.text
                    refused.append(1)

    all_ = [Thread(target=increment) for _ in range(threads)]
    for t in all_:
        t.start()
    for t in all_:
        t.join()
    assert fhir.get(path).json()["code"]["text"] == str(per_thread * threads)
    assert len(fhir.get(f"{path}/_history?_count=1000").json()["entry"]) == per_thread * threads + 1
    assert refused, "nobody was refused: the threads did not race"


def test_json_patch(fhir):
    body = fhir.create(patient(gender="female"))
    path = f"/Patient/{body['id']}"
    answer = fhir.send("PATCH", path, [{"op": "test", "path": "/gender", "value": "female"},
                                       {"op": "replace", "path": "/birthDate", "value": "1981-01-01"},
                                       {"op": "add", "path": "/name/0/given/-", "value": "Lea"},
                                       {"op": "remove", "path": "/gender"}])
    assert answer.status_code == 200, answer.text
    now = fhir.get(path).json()
    assert now["birthDate"] == "1981-01-01" and now["name"][0]["given"] == ["Ana", "Lea"] and "gender" not in now
    before = fhir.sequence()
    wants(fhir.send("PATCH", path, [{"op": "test", "path": "/birthDate", "value": "1900-01-01"}]), 422, "birthDate")
    wants(fhir.send("PATCH", path, [{"op": "replace", "path": "/nothing", "value": 1}]), 422, "/nothing")
    wants(fhir.send("PATCH", path, [{"op": "add", "path": "/birthDate", "value": "soon"}]), 422, "birthDate")
    wants(fhir.send("PATCH", path, [{"op": "replace", "path": "/id", "value": "x"}]), 422)
    wants(fhir.send("PATCH", path, {"op": "remove", "path": "/name"}), 422)
    wants(fhir.send("PATCH", "/Patient/never-there", [{"op": "remove", "path": "/name"}]), 404)
    wants(fhir.send("PATCH", path, [], Content_Type="application/fhir+json"), 415, "application/json-patch+json")
    assert fhir.sequence() == before


def test_conditional_create_update_patch_delete(fhir):
    value = str(uuid4())
    ident = [{"system": "http://example.org/mrn", "value": value}]
    query = f"identifier=http://example.org/mrn%7C{value}"
    first = fhir.send("POST", "/Patient", patient(identifier=ident), If_None_Exist=query)
    assert first.status_code == 201
    again = fhir.send("POST", "/Patient", patient(identifier=ident, active=True), If_None_Exist="Patient?" + query)
    assert again.status_code == 200 and again.json()["id"] == first.json()["id"] and "active" not in again.json()
    update = fhir.send("PUT", f"/Patient?{query}", patient(identifier=ident, active=True))
    assert update.status_code == 200 and update.json()["id"] == first.json()["id"]
    patch = fhir.send("PATCH", f"/Patient?{query}", [{"op": "replace", "path": "/active", "value": False}])
    assert patch.status_code == 200 and patch.json()["active"] is False
    new = f"identifier=http://example.org/mrn%7C{uuid4()}"
    made = fhir.send("PUT", f"/Patient?{new}", patient(identifier=[{"system": "http://example.org/mrn", "value": new[-36:]}]))
    assert made.status_code == 201
    twin = fhir.create(patient(identifier=ident))
    before = fhir.sequence()
    wants(fhir.send("PUT", f"/Patient?{query}", patient(identifier=ident)), 412)
    wants(fhir.send("DELETE", f"/Patient?{query}"), 412)
    wants(fhir.send("PATCH", f"/Patient?{query}", [{"op": "remove", "path": "/active"}]), 412)
    wants(fhir.send("POST", "/Patient", patient(), If_None_Exist=query), 412)
    wants(fhir.send("PATCH", "/Patient?identifier=nobody", [{"op": "remove", "path": "/active"}]), 404)
    wants(fhir.send("PUT", "/Patient", patient()), 400, "condition")
    wants(fhir.send("DELETE", "/Patient"), 400, "condition")
    wants(fhir.send("DELETE", "/Patient?nmae=x"), 400, "nmae")
    wants(fhir.send("POST", "/Patient", patient(), If_None_Exist="nmae=x"), 400, "nmae")
    assert fhir.sequence() == before
    fhir.send("DELETE", f"/Patient/{twin['id']}")
    assert fhir.send("DELETE", f"/Patient?{query}").status_code == 204
    wants(fhir.get(f"/Patient/{first.json()['id']}"), 410)
    assert fhir.send("DELETE", f"/Patient?{query}").status_code == 204


def test_head_is_get_without_the_body(fhir):
    path = f"/Patient/{fhir.create(patient())['id']}"
    get, head = fhir.get(path), fhir.send("HEAD", path)
    assert head.status_code == 200 and head.content == b""
    for name in ("content-length", "etag", "last-modified", "content-type"):
        assert head.headers[name] == get.headers[name]
    assert fhir.send("HEAD", "/Patient/never-there").status_code == 404


def test_summary_and_elements_cut_and_say_so(fhir):
    body = fhir.create(patient(gender="female", text={"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'},
                               meta={"tag": [{"system": "http://example.org/tags", "code": "HTEST"}]}))
    path = f"/Patient/{body['id']}"

    def tags(resource):
        return [t["code"] for t in resource["meta"]["tag"]]

    some = fhir.get(path + "?_elements=gender,name").json()
    assert set(some) == {"resourceType", "id", "meta", "gender", "name"} and tags(some) == ["HTEST", "SUBSETTED"]
    assert some["meta"]["versionId"] == body["meta"]["versionId"]
    data = fhir.get(path + "?_summary=data").json()
    assert "text" not in data and data["name"] and "SUBSETTED" in tags(data)
    text = fhir.get(path + "?_summary=text").json()
    assert set(text) == {"resourceType", "id", "meta", "text"}
    short = fhir.get(path + "?_summary=true").json()
    assert set(short) == {"resourceType", "id", "meta", "name", "gender", "birthDate"} and "SUBSETTED" in tags(short)
    assert tags(fhir.get(path + "?_summary=false").json()) == ["HTEST"]
    observation = fhir.create({"resourceType": "Observation", "status": "final", "code": {"text": "c"}, "valueString": "v"})
    cut = fhir.get(f"/Observation/{observation['id']}?_elements=value").json()
    assert cut["status"] == "final" and cut["code"] and cut["valueString"] == "v", "mandatory elements always stay"
    wants(fhir.get(path + "?_summary=count"), 400, "count")
    wants(fhir.get(path + "?_summary=some"), 400, "some")
    wants(fhir.get(path + "?nmae=x"), 400, "nmae")
    assert fhir.get(path + "?nmae=x", Prefer="handling=lenient").status_code == 200


def test_pretty(fhir):
    path = f"/Patient/{fhir.create(patient())['id']}"
    plain, pretty = fhir.get(path), fhir.get(path + "?_pretty=true")
    assert "\n" not in plain.text and "\n  " in pretty.text and plain.json() == pretty.json()
    assert "\n  " in fhir.get("/Patient/never-there?_pretty=true").text
    wants(fhir.get(path + "?_pretty=maybe"), 400, "_pretty")
