# SPDX-License-Identifier: GPL-3.0-or-later
"""$export as Bulk Data Access 2.0 wants it: https://hl7.org/fhir/uv/bulkdata/STU2/export.html"""
import email.utils
import json
import os
import threading
import time
import uuid

import pytest
from conftest import Server, wants
from program import load, rihla

ASYNC = {"Prefer": "respond-async"}


def put(fhir, *resources):
    bundle = {"resourceType": "Bundle", "type": "transaction",
              "entry": [{"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}} for r in resources]}
    answer = fhir.send("POST", "", bundle)
    assert answer.status_code == 200, answer.text


def person(n, **more):
    return {"resourceType": "Patient", "id": f"p{n}", "name": [{"family": f"Family{n}"}], "birthDate": "1990-01-01", **more}


def observation(name, patient, **more):
    return {"resourceType": "Observation", "id": name, "status": "final", "code": {"text": "x"}, "subject": {"reference": f"Patient/{patient}"}, **more}


def group(name, *members, **more):
    return {"resourceType": "Group", "id": name, "type": "person", "actual": True,
            **({"member": [m if isinstance(m, dict) else {"entity": {"reference": m}} for m in members]} if members else {}), **more}


def accepted(answer):
    """Address of the job's status."""
    assert answer.status_code == 202, answer.text
    assert answer.json()["resourceType"] == "OperationOutcome"
    location = answer.headers["Content-Location"]
    assert location.startswith("http://127.0.0.1:"), "absolute"
    return location


def finished(http, status, seconds=60):
    """The answer that is not 202."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        answer = http.get(status, headers={"Accept": "application/json"})
        if answer.status_code != 202:
            return answer
        assert "X-Progress" in answer.headers and int(answer.headers["Retry-After"]) >= 1
        time.sleep(0.05)
    raise AssertionError(f"{status} is not done: {answer.headers.get('X-Progress')}")


def fetched(http, manifest, list_name="output"):
    """{type: [resource…]} of the files."""
    found = {}
    for f in manifest[list_name]:
        answer = http.get(f["url"], headers={"Accept": "application/fhir+ndjson"})
        assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("application/fhir+ndjson")
        rows = [json.loads(line) for line in answer.text.splitlines()]
        assert len(rows) == f["count"] and {r["resourceType"] for r in rows} == {f["type"]}
        found.setdefault(f["type"], []).extend(rows)
    return found


def export(fhir, path, body=None, **headers):
    """The manifest and what its files hold."""
    answer = fhir.send("POST" if body else "GET", path, body, **{**ASYNC, **headers})
    done = finished(fhir.http, accepted(answer))
    assert done.status_code == 200, done.text
    return done.json(), fetched(fhir.http, done.json())


def ids(found):
    return {f"{t}/{r['id']}" for t, rows in found.items() for r in rows}


def parameters(*pairs):
    return {"resourceType": "Parameters", "parameter": [{"name": n, k: v} for n, k, v in pairs]}


@pytest.fixture
def few(fresh):
    """Two people with observations, one about the other; what belongs to nobody; groups."""
    put(fresh, person(1), person(2), person(3),
        observation("o1", "p1"), observation("o2", "p2", status="amended"), observation("o3", "p2", performer=[{"reference": "Patient/p1"}]),
        {"resourceType": "Organization", "id": "org", "name": "House"},
        group("one", "Patient/p1"), group("none"), group("nested", {"entity": {"reference": "Group/one"}}, "Patient/p3", {"entity": {"reference": "Patient/p2"}, "inactive": True}),
        group("round", "Group/round", "Patient/p2", "Group/gone"))
    return fresh


def test_a_system_export_has_everything_once_and_says_when_it_was_true(few):
    before = time.time()
    manifest, found = export(few, "/$export")
    assert ids(found) == {"Patient/p1", "Patient/p2", "Patient/p3", "Observation/o1", "Observation/o2", "Observation/o3", "Organization/org",
                          "Group/one", "Group/none", "Group/nested", "Group/round"}
    assert sum(f["count"] for f in manifest["output"]) == 11
    assert manifest["requiresAccessToken"] is False and manifest["error"] == [] and manifest["deleted"] == []
    assert manifest["request"] == few.base + "/$export"
    assert manifest["transactionTime"].endswith("Z") and manifest["transactionTime"][:4] == time.strftime("%Y", time.gmtime(before))
    one = next(r for r in found["Patient"] if r["id"] == "p1")
    assert one == few.get("/Patient/p1").json(), "as a read gives it"


def test_headers_of_the_status(few):
    status = accepted(few.get("/$export", **ASYNC))
    done = finished(few.http, status)
    assert done.headers["Content-Type"] == "application/json"
    expires = email.utils.parsedate_to_datetime(done.headers["Expires"]).timestamp()
    assert expires > time.time() + 3600
    assert few.http.head(status).status_code == 200
    assert "GET" in few.http.options(status).headers["Allow"] and "DELETE" in few.http.options(status).headers["Allow"]


def test_files_are_sent_compressed_when_asked_for(few):
    manifest, _ = export(few, "/$export?_type=Patient")
    plain = few.http.get(manifest["output"][0]["url"], headers={"Accept-Encoding": "identity"})
    packed = few.http.get(manifest["output"][0]["url"], headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in plain.headers and packed.headers["Content-Encoding"] == "gzip" and plain.text == packed.text


def test_without_prefer_it_is_asynchronous_all_the_same(few):
    assert finished(few.http, accepted(few.get("/$export"))).status_code == 200


def test_a_patient_export_has_what_belongs_to_people(few):
    _, found = export(few, "/Patient/$export")
    assert ids(found) == {"Patient/p1", "Patient/p2", "Patient/p3", "Observation/o1", "Observation/o2", "Observation/o3", "Group/one", "Group/nested", "Group/round"}


def test_a_group_export_has_the_compartments_of_its_members(few):
    _, found = export(few, "/Group/one/$export")
    assert ids(found) == {"Patient/p1", "Observation/o1", "Observation/o3", "Group/one"}, "o3 stands in another's record"
    _, found = export(few, "/Group/nested/$export?_type=Patient")
    assert ids(found) == {"Patient/p1", "Patient/p3"}, "of groups inside, without who is inactive"
    _, found = export(few, "/Group/round/$export?_type=Patient")
    assert ids(found) == {"Patient/p2"}, "one that contains itself, and one that is not there"


def test_a_group_without_members_is_an_export_without_files(few):
    manifest, _ = export(few, "/Group/none/$export")
    assert manifest["output"] == []


def test_named_patients(few):
    _, found = export(few, "/Patient/$export", parameters(("patient", "valueReference", {"reference": "Patient/p1"}), ("_type", "valueString", "Patient,Observation")))
    assert ids(found) == {"Patient/p1", "Observation/o1", "Observation/o3"}
    _, found = export(few, "/Group/nested/$export", parameters(("patient", "valueReference", {"reference": "Patient/p3"})))
    assert "Patient/p3" in ids(found) and "Patient/p1" not in ids(found)
    wants(few.send("POST", "/Group/one/$export", parameters(("patient", "valueReference", {"reference": "Patient/p2"}))), 400, "Patient/p2", "not a member")
    wants(few.send("POST", "/Patient/$export", parameters(("patient", "valueReference", {"reference": "Patient/p99"}))), 400, "Patient/p99")
    wants(few.send("POST", "/$export", parameters(("patient", "valueReference", {"reference": "Patient/p1"}))), 400, "patient")


def test_types(few):
    _, found = export(few, "/$export?_type=Patient&_type=Organization,Device")
    assert set(found) == {"Patient", "Organization"}
    _, found = export(few, "/$export", parameters(("_type", "valueString", "Organization"), ("_outputFormat", "valueString", "ndjson")))
    assert ids(found) == {"Organization/org"}


def test_since_with_what_was_deleted(few):
    manifest, _ = export(few, "/$export")
    since = manifest["transactionTime"]
    put(few, observation("o4", "p1"), person(2, active=True))
    for gone in ("Observation/o1", "Organization/org"):
        assert few.http.delete("/" + gone).status_code in (200, 204)
    manifest, found = export(few, f"/$export?_since={since}&_type=Patient,Observation")
    assert ids(found) == {"Observation/o4", "Patient/p2"}
    bundles = fetched(few.http, manifest, "deleted")["Bundle"]
    assert all(b["type"] == "transaction" for b in bundles)
    assert [e["request"] for b in bundles for e in b["entry"]] == [{"method": "DELETE", "url": "Observation/o1"}]
    later, found = export(few, f"/$export?_since={manifest['transactionTime']}")
    assert found == {} and later["deleted"] == []


def test_type_filters_are_alternatives_and_leave_other_types_whole(few):
    _, found = export(few, "/$export?_type=Observation,Patient&_typeFilter=Observation%3Fstatus%3Damended&_typeFilter=Observation%3F_id%3Do1,o2")
    assert ids(found) == {"Observation/o1", "Observation/o2", "Patient/p1", "Patient/p2", "Patient/p3"}
    assert len(found["Observation"]) == 2, "o2 is found twice and given once"
    _, found = export(few, "/Group/one/$export?_typeFilter=Observation%3Fstatus%3Dfinal%2CPatient%3Fname%3DFamily1")
    assert ids(found) == {"Patient/p1", "Observation/o1", "Observation/o3", "Group/one"}
    _, found = export(few, "/Patient/$export?_type=Observation&_typeFilter=" + "Observation%3Fsubject%3APatient.name%3DFamily2")
    assert ids(found) == {"Observation/o2", "Observation/o3"}


def test_a_type_filter_may_ask_for_a_value_set(few):
    put(few, observation("tall", "p1", code={"coding": [{"system": "http://example.org/codes", "code": "height"}]}),
        {"resourceType": "ValueSet", "id": "vs", "url": "http://example.org/vs", "status": "active",
         "compose": {"include": [{"system": "http://example.org/codes", "concept": [{"code": "height"}]}]}})
    _, found = export(few, "/$export?_type=Observation&_typeFilter=Observation%3Fcode%3Ain%3Dhttp%3A%2F%2Fexample.org%2Fvs")
    assert ids(found) == {"Observation/tall"}
    wants(few.get("/$export?_typeFilter=Observation%3Fcode%3Ain%3Dhttp%3A%2F%2Fexample.org%2Fnone"), 400, "http://example.org/none")


def test_elements(few):
    _, found = export(few, "/$export?_type=Patient,Observation&_elements=Patient.birthDate,id")
    one = found["Patient"][0]
    assert "birthDate" in one and "name" not in one and one["meta"]["tag"][0]["code"] == "SUBSETTED"
    _, found = export(few, "/$export?_type=Patient,Observation&_elements=Patient.birthDate")
    assert "name" not in found["Patient"][0] and "code" in found["Observation"][0] and "tag" not in found["Observation"][0]["meta"]


@pytest.mark.parametrize("path, fragments", [
    ("/$export?_type=Dragon", ["Dragon", "_type"]),
    ("/$export?_since=yesterday", ["yesterday", "_since"]),
    ("/$export?_since=2026-01-01", ["_since"]),
    ("/$export?_outputFormat=application/fhir%2Bparquet", ["_outputFormat", "parquet"]),
    ("/$export?_typo=1", ["_typo", "_typeFilter"]),
    ("/$export?_typeFilter=status%3Dfinal", ["_typeFilter"]),
    ("/$export?_typeFilter=Observation%3Fstatus%3Dfinal%26_count%3D3", ["_count"]),
    ("/$export?_typeFilter=Observation%3Fsttus%3Dfinal", ["sttus"]),
    ("/$export?_type=Patient&_typeFilter=Observation%3Fstatus%3Dfinal", ["Observation", "_type"]),
    ("/$export?_elements=Patient..name", ["_elements"]),
    ("/$export?includeAssociatedData=LatestProvenanceResources", ["includeAssociatedData"]),
    ("/$export?allowPartialManifests=true", ["allowPartialManifests"]),
])
def test_what_is_refused(few, path, fragments):
    wants(few.get(path, **ASYNC), 400, *fragments)


def test_lenient_leaves_out_what_is_unknown(few):
    answer = few.get("/$export?includeAssociatedData=x&_typo=1", Prefer="respond-async, handling=lenient")
    accepted(answer)
    assert "includeAssociatedData" in answer.text and "_typo" in answer.text


def test_a_group_that_is_not_there(few):
    wants(few.get("/Group/dragon/$export", **ASYNC), 404, "dragon")


def test_addresses_of_no_job(few):
    wants(few.http.get("/$export-status/" + "0" * 32), 404, "no such export")
    wants(few.http.get("/$export-status/../../etc"), 404)
    wants(few.http.delete("/$export-status/" + "0" * 32), 404)
    status = accepted(few.get("/$export"))
    finished(few.http, status)
    base = status.replace("$export-status", "$export-file")
    for name in ("Dragon.1.ndjson", "..%2F..%2Frihla.db", ".", "%2e%2e"):
        assert few.http.get(f"{base}/{name}").status_code in (400, 404), name
    wants(few.http.get(status.replace("$export-status", "$import-status")), 404)


def test_delete_ends_it_and_removes_the_files(few):
    status = accepted(few.get("/$export"))
    manifest = finished(few.http, status).json()
    folder = few.server.data / "export" / status.rsplit("/", 1)[1]
    assert folder.is_dir()
    assert few.http.delete(status).status_code == 202
    wants(few.http.get(status), 404)
    wants(few.http.delete(status), 404)
    wants(few.http.get(manifest["output"][0]["url"]), 404)
    assert not folder.exists()


def test_metrics_and_capabilities(few):
    export(few, "/$export")
    assert 'rihla_jobs{kind="export",state="done"} 1' in few.http.get(few.server.url + "/metrics").text
    rest = few.get("/metadata").json()["rest"][0]
    assert "export" in {o["name"] for o in rest["operation"]}
    for kind in ("Patient", "Group"):
        assert "export" in {o["name"] for r in rest["resource"] if r["type"] == kind for o in r["operation"]}


# --- many resources ------------------------------------------------------------------------------------

MANY = 30000


@pytest.fixture(scope="module")
def seed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("many")
    with open(folder / "in.ndjson", "w") as f:
        for i in range(MANY // 10):
            f.write(json.dumps(person(i)) + "\n")
            for k in range(9):
                f.write(json.dumps(observation(f"o{i}-{k}", f"p{i}", note=[{"text": "x" * 300}])) + "\n")
    load(folder / "data", folder / "in.ndjson")
    return folder / "data"


@pytest.fixture
def many(seed, tmp_path):
    import shutil
    shutil.copytree(seed, tmp_path / "data", ignore=shutil.ignore_patterns("control.sock", "lock"))
    return tmp_path / "data"


def whole(http, status):
    """Nothing twice, nothing missing."""
    done = finished(http, status)
    assert done.status_code == 200, done.text
    found = fetched(http, done.json())
    rows = [f"{t}/{r['id']}" for t, rs in found.items() for r in rs]
    assert len(rows) == len(set(rows)) == MANY
    return done.json()


def test_an_export_that_is_done_is_there_after_a_restart(many):
    server = Server(many)
    with server.client() as http:
        path = accepted(http.get("/$export")).split("/fhir", 1)[1]
        whole(http, path)
    server.stop()
    server = Server(many)
    with server.client() as http:
        whole(http, path)
        assert server.fhir in http.get(path).json()["output"][0]["url"]
    server.stop()


@pytest.mark.parametrize("wait", [0.0, 0.05, 0.15])
def test_an_export_goes_on_after_kill(many, wait):
    server = Server(many)
    with server.client() as http:
        path = accepted(http.get("/$export")).split("/fhir", 1)[1]
        time.sleep(wait)
    server.process.kill()
    server.process.wait(10)
    server = Server(many)
    with server.client() as http:
        whole(http, path)
    server.stop()


def test_an_export_goes_on_at_its_kept_position_and_cuts_off_what_is_behind(many):
    """The state as a crash leaves it: the files are longer than the kept position says."""
    server = Server(many)
    with server.client() as http:
        path = accepted(http.get("/$export")).split("/fhir", 1)[1]
        whole(http, path)
    server.stop()
    job = many / "jobs" / (path.rsplit("/", 1)[1] + ".json")
    folder = many / "export" / job.stem
    state = json.loads(job.read_text())
    last = [json.loads(line) for line in (folder / "Observation.1.ndjson").read_text().splitlines()]
    # a position at the end of a person: his rows are whole
    half = next(i for i in range(len(last) // 2, len(last)) if last[i]["subject"] != last[i - 1]["subject"])
    people = [json.loads(line)["id"] for line in (folder / "Patient.1.ndjson").read_text().splitlines()]
    n = people.index(last[half - 1]["subject"]["reference"].split("/")[1]) + 1
    ordinals = sorted(int(p) for p in (1, 2))  # the first person's ordinal is found below
    for first in ordinals:
        at = (first + n) << 28
        files = []
        for name, count in (("Patient", n), ("Observation", half)):
            lines = (folder / f"{name}.1.ndjson").read_bytes().splitlines(keepends=True)
            files.append([name, 1, count, sum(map(len, lines[:count]))])
        state.update(state="active", ended=0, expires=0)
        state.pop("result", None)
        state["position"] = {"newest": 1 << 40, "time": state["asked"], "at": at, "walked": False, "filter": 0, "done": n + half, "cursor": "", "files": files}
        break
    job.write_text(json.dumps(state))
    (folder / "Organization.1.ndjson").write_text("begun behind the position\n")
    with open(folder / "Observation.1.ndjson", "a") as f:
        f.write("half a li")
    server = Server(many)
    with server.client() as http:
        done = finished(http, path)
        found = fetched(http, done.json())
        assert set(found) == {"Patient", "Observation"}
        rows = [f"{t}/{r['id']}" for t, rs in found.items() for r in rs]
        assert len(rows) == len(set(rows))
        assert MANY - 20 <= len(rows) <= MANY, "at most the person at the edge"
    assert not (folder / "Organization.1.ndjson").exists()
    server.stop()


def test_a_job_can_be_cancelled_while_it_waits_or_runs(many):
    server = Server(many)
    with server.client() as http:
        jobs = [accepted(http.get("/$export")) for _ in range(6)]
        for status in reversed(jobs):
            assert http.delete(status).status_code == 202
            assert http.get(status).status_code == 404
        until = time.monotonic() + 20
        while time.monotonic() < until and any((many / "export").glob("*")):
            time.sleep(0.05)
        assert list((many / "export").glob("*")) == []
        wanted = [accepted(http.get("/$export?_type=Device")) for _ in range(3)]
        assert all(finished(http, status).status_code == 200 for status in wanted)
    server.stop()


def test_more_jobs_than_may_wait_are_refused(many):
    server = Server(many)
    with server.client() as http:
        answers = [http.get("/$export") for _ in range(40)]
        codes = {a.status_code for a in answers}
        assert codes == {202, 503}
        wants(next(a for a in answers if a.status_code == 503), 503, "wait already")
    server.stop()


def test_an_export_is_of_one_moment_while_others_write(many):
    server = Server(many)
    stop, written = threading.Event(), []

    def write():
        with server.client() as http:
            n = 0
            while not stop.is_set():
                body = observation(f"o{n % 3000}-0", f"p{n % 3000}", note=[{"text": f"changed {n}"}])
                answer = http.put(f"/Observation/{body['id']}", json=body, headers={"Content-Type": "application/fhir+json"})
                written.append((answer.json()["meta"]["lastUpdated"], body["id"]))
                new = person(f"new{n}")
                http.put(f"/Patient/{new['id']}", json=new, headers={"Content-Type": "application/fhir+json"})
                n += 1

    thread = threading.Thread(target=write)
    thread.start()
    try:
        with server.client() as http:
            for _ in range(3):
                done = finished(http, accepted(http.get("/$export"))).json()
                found = fetched(http, done)
                rows = [r for rs in found.values() for r in rs]
                names = [f"{r['resourceType']}/{r['id']}" for r in rows]
                assert len(names) == len(set(names)) >= MANY
                assert max(r["meta"]["lastUpdated"] for r in rows) <= done["transactionTime"]
                by_id = {r["id"]: r for r in found["Observation"]}
                before = dict((i, t) for t, i in written if t < done["transactionTime"])
                assert all(by_id[i]["meta"]["lastUpdated"] >= t for i, t in before.items()), "what was committed before is in it"
    finally:
        stop.set()
        thread.join()
    server.stop()
