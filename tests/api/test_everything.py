# SPDX-License-Identifier: GPL-3.0-or-later
"""$everything of a person and an encounter; $meta and its changes; $expunge."""
import json
import threading
import uuid

import pytest
from conftest import FHIR_JSON, wants
from program import check, rihla


def put(fhir, *resources):
    bundle = {"resourceType": "Bundle", "type": "transaction",
              "entry": [{"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}} for r in resources]}
    answer = fhir.send("POST", "", bundle)
    assert answer.status_code == 200, answer.text


def person(t, n, **more):
    return {"resourceType": "Patient", "id": f"{t}-{n}", "name": [{"family": t}], "birthDate": "1990-01-01", **more}


def observation(t, name, patient, **more):
    return {"resourceType": "Observation", "id": f"{t}-{name}", "status": "final", "code": {"text": "x"}, "subject": {"reference": f"Patient/{t}-{patient}"}, **more}


@pytest.fixture
def t(fhir):
    """Two people with a doctor, a house, an encounter."""
    t = "E" + uuid.uuid4().hex[:10]
    put(fhir, person(t, 1, managingOrganization={"reference": f"Organization/{t}-org"}), person(t, 2),
        {"resourceType": "Organization", "id": f"{t}-org", "name": "House", "partOf": {"reference": f"Organization/{t}-above"}},
        {"resourceType": "Organization", "id": f"{t}-above", "name": "Above"},
        {"resourceType": "Practitioner", "id": f"{t}-doctor"}, {"resourceType": "Practitioner", "id": f"{t}-nobody"},
        {"resourceType": "Encounter", "id": f"{t}-enc", "status": "finished", "class": {"code": "AMB"}, "subject": {"reference": f"Patient/{t}-1"},
         "period": {"start": "2026-02-01", "end": "2026-02-03"}, "participant": [{"individual": {"reference": f"Practitioner/{t}-doctor"}}]},
        observation(t, "old", 1, effectiveDateTime="2020-05-05"),
        observation(t, "new", 1, effectiveDateTime="2026-02-02", encounter={"reference": f"Encounter/{t}-enc"}, performer=[{"reference": f"Practitioner/{t}-doctor"}],
                    note=[{"text": f'said "reference":"Practitioner/{t}-nobody" aloud'}]),
        observation(t, "undated", 1),
        observation(t, "other", 2, performer=[{"reference": f"Patient/{t}-1"}], effectiveDateTime="2026-02-02"),
        observation(t, "others", 2, effectiveDateTime="2026-02-02"))
    return t


def rows(answer):
    assert answer.status_code == 200, answer.text
    bundle = answer.json()
    assert bundle["resourceType"] == "Bundle" and bundle["type"] == "searchset"
    return bundle


def names(bundle, t):
    return [e["resource"]["id"].removeprefix(t + "-") for e in bundle.get("entry", [])]


ALL = {"1", "enc", "old", "new", "undated", "other", "org", "doctor"}


def test_all_of_a_person_and_what_that_refers_to(fhir, t):
    bundle = rows(fhir.get(f"/Patient/{t}-1/$everything"))
    assert names(bundle, t)[0] == "1" and len(names(bundle, t)) == 8
    assert set(names(bundle, t)) == ALL  # not the house above (one level), not who only stands in a text, not the other person
    modes = {e["resource"]["id"].removeprefix(t + "-"): e["search"]["mode"] for e in bundle["entry"]}
    assert {n for n, m in modes.items() if m == "include"} == {"org", "doctor"} and bundle["total"] == 6
    for entry in bundle["entry"]:
        assert fhir.get(entry["fullUrl"]).json() == entry["resource"]
    assert bundle["link"] == [{"relation": "self", "url": f"{fhir.base}/Patient/{t}-1/$everything"}]


def test_post_is_the_same(fhir, t):
    empty = fhir.http.post(f"/Patient/{t}-1/$everything")
    assert set(names(rows(empty), t)) == ALL
    inputs = {"resourceType": "Parameters", "parameter": [{"name": "_type", "valueString": "Observation"}, {"name": "start", "valueDate": "2026-01-01"}]}
    some = fhir.send("POST", f"/Patient/{t}-1/$everything", inputs)
    assert set(names(rows(some), t)) == {"new", "undated", "other"}


def test_dates_of_care(fhir, t):
    assert set(names(rows(fhir.get(f"/Patient/{t}-1/$everything?start=2026-01-01")), t)) == ALL - {"old"}
    assert set(names(rows(fhir.get(f"/Patient/{t}-1/$everything?end=2025")), t)) == {"1", "old", "undated", "org"}
    assert set(names(rows(fhir.get(f"/Patient/{t}-1/$everything?start=2026-02-03&end=2026-02-03")), t)) == {"1", "enc", "undated", "org", "doctor"}


def test_types_and_since(fhir, t):
    assert set(names(rows(fhir.get(f"/Patient/{t}-1/$everything?_type=Encounter,Practitioner")), t)) == {"enc", "doctor"}
    assert set(names(rows(fhir.get(f"/Patient/{t}-1/$everything?_type=Encounter&_type=Organization")), t)) == {"enc", "org"}
    changed = fhir.get(f"/Practitioner/{t}-doctor").json() | {"active": True}
    since = fhir.send("PUT", f"/Practitioner/{t}-doctor", changed).json()["meta"]["lastUpdated"]
    assert names(rows(fhir.http.get(f"/Patient/{t}-1/$everything", params={"_since": since})), t) == ["doctor"]


@pytest.mark.parametrize("count", [1, 3, 7, 8, 100])
def test_pages_give_each_once(fhir, t, count):
    found, page, pages = [], rows(fhir.get(f"/Patient/{t}-1/$everything?_count={count}")), 1
    while True:
        found += names(page, t)
        assert len(page["entry"]) <= count and "total" not in page
        link = [row["url"] for row in page["link"] if row["relation"] == "next"]
        if not link:
            break
        page, pages = rows(fhir.get(link[0])), pages + 1
    assert len(found) == 8 and set(found) == ALL and pages == -(-8 // count)


def test_what_is_deleted_is_not_given(fhir, t):
    fhir.http.delete(f"/Observation/{t}-old")
    fhir.http.delete(f"/Practitioner/{t}-doctor")
    assert set(names(rows(fhir.get(f"/Patient/{t}-1/$everything")), t)) == ALL - {"old", "doctor"}


def test_of_all_people(fresh):
    t = "p"
    put(fresh, *[person(t, n, generalPractitioner=[{"reference": f"Practitioner/{t}-d{n % 3}"}]) for n in range(200)],
        *[{"resourceType": "Practitioner", "id": f"{t}-d{n}"} for n in range(5)], *[observation(t, f"o{n}", n % 200) for n in range(400)])
    bundle = rows(fresh.get("/Patient/$everything"))
    found = [e["resource"]["resourceType"] + "/" + e["resource"]["id"] for e in bundle["entry"]]
    assert len(found) == len(set(found)) == 603 and bundle["total"] == 600
    assert sum(f.startswith("Practitioner/") for f in found) == 3
    paged, page = [], rows(fresh.get("/Patient/$everything?_count=250"))
    while True:
        paged += [e["resource"]["resourceType"] + "/" + e["resource"]["id"] for e in page["entry"]]
        link = [row["url"] for row in page["link"] if row["relation"] == "next"]
        if not link:
            break
        page = rows(fresh.get(link[0]))
    assert paged == found


def test_of_an_encounter(fhir, t):
    bundle = rows(fhir.get(f"/Encounter/{t}-enc/$everything"))
    assert set(names(bundle, t)) == {"enc", "new", "1", "doctor"} and names(bundle, t)[0] == "enc"


def test_a_large_record_is_streamed_whole(fhir):
    t = "L" + uuid.uuid4().hex[:8]
    put(fhir, person(t, 1), *[observation(t, f"o{n}", 1, note=[{"text": "é" * 4000}]) for n in range(600)])
    with fhir.http.stream("GET", f"/Patient/{t}-1/$everything", headers={"Accept-Encoding": "identity"}) as answer:
        text = b"".join(answer.iter_bytes())
    bundle = json.loads(text)
    assert len(text) > 4 << 20 and bundle["total"] == 601 and len({e["fullUrl"] for e in bundle["entry"]}) == 601
    packed = fhir.http.get(f"/Patient/{t}-1/$everything", headers={"Accept-Encoding": "gzip"})
    assert packed.json() == bundle
    xml = fhir.http.get(f"/Patient/{t}-1/$everything?_format=xml")
    assert xml.status_code == 200 and xml.text.count("<entry>") == 601
    head = fhir.http.head(f"/Patient/{t}-1/$everything")
    assert head.status_code == 200 and not head.content


def test_what_everything_refuses(fhir, t):
    wants(fhir.get(f"/Patient/{t}-nobody/$everything"), 404, f"{t}-nobody")
    wants(fhir.get(f"/Patient/{t}-1/$everything?start=soon"), 400, "start")
    wants(fhir.get(f"/Patient/{t}-1/$everything?_type=Nothing"), 400, "Nothing")
    wants(fhir.get(f"/Patient/{t}-1/$everything?_count=0"), 400, "_count")
    wants(fhir.get(f"/Patient/{t}-1/$everything?wrong=1"), 400, "wrong", "_since")
    wants(fhir.get(f"/Encounter/{t}-enc/$everything?start=2026"), 400, "start")
    wants(fhir.get(f"/Patient/{t}-1/$everything?_elements=id"), 400, "_elements")
    wants(fhir.get(f"/Patient/{t}-1/$everything?_cursor=AAAA"), 400, "_cursor")
    wants(fhir.get(f"/Observation/{t}-old/$everything"), 404, "/fhir/Patient/[id]/$everything")
    other = rows(fhir.get(f"/Patient/{t}-1/$everything?_count=3"))["link"][-1]["url"].replace(f"{t}-1", f"{t}-2")
    wants(fhir.get(other), 400, "_cursor")
    fhir.http.delete(f"/Patient/{t}-2")
    wants(fhir.get(f"/Patient/{t}-2/$everything"), 410, "deleted")


# --- $meta -------------------------------------------------------------------------------------------


def meta_of(answer):
    assert answer.status_code == 200, answer.text
    parameter, = answer.json()["parameter"]
    assert parameter["name"] == "return"
    return parameter["valueMeta"]


def meta(**what):
    return {"resourceType": "Parameters", "parameter": [{"name": "meta", "valueMeta": what}]}


TAG = {"system": "urn:tags", "code": "a"}


def test_meta_is_added_and_taken_away(fhir):
    made = fhir.create({"resourceType": "Patient", "meta": {"source": "urn:here", "profile": ["urn:p1"]}, "active": True})
    at = f"/Patient/{made['id']}"
    added = fhir.send("POST", at + "/$meta-add", meta(tag=[TAG], profile=["urn:p1", "urn:p2"], security=[{"system": "urn:s", "code": "R"}]))
    now = meta_of(added)
    assert now["profile"] == ["urn:p1", "urn:p2"] and now["tag"] == [TAG] and now["source"] == "urn:here"
    assert added.headers["ETag"] == f'W/"{now["versionId"]}"' and now["versionId"] != made["meta"]["versionId"]
    again = meta_of(fhir.send("POST", at + "/$meta-add", meta(tag=[TAG | {"display": "another word"}])))
    assert again == now  # nothing changed: no new version
    less = meta_of(fhir.send("POST", at + "/$meta-delete", meta(tag=[TAG], profile=["urn:p1"], security=[{"system": "urn:s", "code": "other"}])))
    assert less["profile"] == ["urn:p2"] and "tag" not in less and less["security"] == [{"system": "urn:s", "code": "R"}]
    assert meta_of(fhir.get(at + "/$meta")) == less == fhir.get(at).json()["meta"]
    assert meta_of(fhir.get(f"{at}/_history/{now['versionId']}/$meta")) == now
    assert fhir.get(at).json()["active"] is True


def test_meta_of_a_type_and_of_all(fresh):
    for n in range(5):
        fresh.create({"resourceType": "Patient", "meta": {"tag": [TAG, {"code": f"t{n % 2}"}], "profile": ["urn:p" + "x" * 120 + str(n)]}})
    fresh.create({"resourceType": "Basic", "code": {"text": "x"}, "meta": {"security": [{"system": "urn:s", "code": "R"}]}})
    of_type = meta_of(fresh.get("/Patient/$meta"))
    assert sorted(c["code"] for c in of_type["tag"]) == ["a", "t0", "t1"] and len(of_type["profile"]) == 5 and "security" not in of_type
    of_all = meta_of(fresh.get("/$meta"))
    assert of_all["security"] == [{"system": "urn:s", "code": "R"}] and len(of_all["tag"]) == 3
    assert meta_of(fresh.get("/Observation/$meta")) == {}


def test_changes_of_meta_are_refused(fhir):
    made = fhir.create({"resourceType": "Patient"})
    at, version = f"/Patient/{made['id']}", made["meta"]["versionId"]
    wants(fhir.send("POST", at + "/$meta-add", meta(tag=[TAG]), If_Match='W/"0-1"'), 412)
    wants(fhir.send("POST", at + "/$meta-add", {"resourceType": "Parameters"}), 422, "meta")
    wants(fhir.send("POST", at + "/$meta-add", {"resourceType": "Patient"}), 400, "Parameters")
    wants(fhir.send("POST", "/Patient/nobody/$meta-add", meta(tag=[TAG])), 404)
    wants(fhir.get(at + "/$meta-add"), 405, "POST")
    changed = meta_of(fhir.send("POST", f"{at}/_history/{version}/$meta-add", meta(tag=[TAG])))
    assert changed["tag"] == [TAG]
    wants(fhir.send("POST", f"{at}/_history/{version}/$meta-add", meta(tag=[{"code": "b"}])), 422, "never change")
    fhir.http.delete(at)
    wants(fhir.send("POST", at + "/$meta-add", meta(tag=[TAG])), 410)
    wants(fhir.get("/Patient/nobody/$meta"), 404)


# --- $expunge ----------------------------------------------------------------------------------------


def expunge(fhir, at, **inputs):
    kind = {bool: "valueBoolean", int: "valueInteger"}
    answer = fhir.send("POST", at + "/$expunge", {"resourceType": "Parameters", "parameter": [{"name": n, kind[type(v)]: v} for n, v in inputs.items()]})
    assert answer.status_code == 200, answer.text
    return answer.json()["parameter"][0]["valueInteger"]


def versions(fhir, at):
    return fhir.get(at + "/_history").json()["entry"]


def test_versions_are_erased_and_the_log_stays_whole(fresh):
    made = fresh.create({"resourceType": "Patient", "name": [{"family": "Secretname"}]})
    at = f"/Patient/{made['id']}"
    for n in range(3):
        fresh.send("PUT", at, {"resourceType": "Patient", "id": made["id"], "multipleBirthInteger": n})
    assert expunge(fresh, at, expungePreviousVersions=True) == 3
    rows = versions(fresh, at)
    assert len(rows) == 4 and ["resource" in e for e in rows] == [True, False, False, False]
    wants(fresh.get(f"{at}/_history/{made['meta']['versionId']}"), 410, "erased")
    assert fresh.get(at).json()["multipleBirthInteger"] == 2
    assert expunge(fresh, at, expungePreviousVersions=True) == 0
    fresh.http.delete(at)
    assert expunge(fresh, at, expungeDeletedResources=True) == 1
    wants(fresh.get(at), 410, "deleted")
    fresh.server.stop()
    check(fresh.server.data)
    rihla("check", "--rebuild", "--data", fresh.server.data)
    assert b"Secretname" not in b"".join(p.read_bytes() for p in fresh.server.data.rglob("*") if p.is_file())


def test_of_a_type_and_of_all_up_to_a_limit(fresh):
    for n in range(10):
        kind = "Patient" if n % 2 else "Group"
        more = {} if n % 2 else {"type": "person", "actual": True}
        for active in (True, False):
            fresh.send("PUT", f"/{kind}/x{n}", {"resourceType": kind, "id": f"x{n}", "active": active, **more})
    fresh.http.delete("/Group/x0")
    assert expunge(fresh, "/Group", expungeDeletedResources=True) == 2
    assert expunge(fresh, "/Patient", expungePreviousVersions=True, limit=2) == 2
    assert expunge(fresh, "", expungePreviousVersions=True) == 3 + 4
    assert fresh.get("/Patient/x1").json()["active"] is False
    assert expunge(fresh, "", expungePreviousVersions=True, expungeDeletedResources=True) == 0


def test_one_version(fhir):
    made = fhir.create({"resourceType": "Patient"})
    at, version = f"/Patient/{made['id']}", made["meta"]["versionId"]
    wants(fhir.send("POST", f"{at}/_history/{version}/$expunge"), 409, "current")
    fhir.send("PUT", at, made | {"active": True})
    assert expunge(fhir, f"{at}/_history/{version}") == 1
    wants(fhir.get(f"{at}/_history/{version}"), 410, "erased")


def test_what_expunge_refuses(fhir):
    made = fhir.create({"resourceType": "Patient"})
    at = f"/Patient/{made['id']}"
    wants(fhir.send("POST", at + "/$expunge"), 400, "expungePreviousVersions")
    wants(fhir.send("POST", at + "/$expunge", {"resourceType": "Parameters", "parameter": [{"name": "expungeEverything", "valueBoolean": True}]}), 400, "expungeEverything")
    wants(fhir.send("POST", at + "/$expunge", {"resourceType": "Parameters", "parameter": [{"name": "expungePreviousVersions", "valueString": "perhaps"}]}), 400, "true or false")
    wants(fhir.get(at + "/$expunge"), 405)
    wants(fhir.send("POST", "/Patient/nobody/$expunge?expungePreviousVersions=true"), 404)


# --- while others work -------------------------------------------------------------------------------


def test_everything_while_others_write_and_clients_go_away(fhir, server):
    t = "W" + uuid.uuid4().hex[:8]
    put(fhir, person(t, 1), *[observation(t, f"o{n}", 1, note=[{"text": "x" * 4000}]) for n in range(500)])
    stop = threading.Event()

    def write():
        with server.client() as http:
            n = 0
            while not stop.is_set():
                http.put(f"/Observation/{t}-n{n % 50}", json=observation(t, f"n{n % 50}", 1, valueInteger=n), headers={"Content-Type": FHIR_JSON})
                http.delete(f"/Observation/{t}-d{n % 50}")
                n += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(8):
            with fhir.http.stream("GET", f"/Patient/{t}-1/$everything") as answer:
                next(answer.iter_bytes(1000))  # and no more is read
            found = names(rows(fhir.get(f"/Patient/{t}-1/$everything")), t)
            assert len(found) == len(set(found)) and {f"o{n}" for n in range(500)} <= set(found)
    finally:
        stop.set()
        writer.join()
    assert fhir.http.get(server.url + "/health").status_code == 200
