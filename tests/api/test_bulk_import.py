# SPDX-License-Identifier: GPL-3.0-or-later
"""$import as a job: files of an allowed folder, servers of an allow-list; and jobs on the command line."""
import gzip
import http.server
import json
import os
import threading
import time

import pytest
from conftest import FHIR_JSON, Server, wants
from program import check, rihla
from test_bulk import accepted, finished, observation, person


def lines(*resources):
    return "".join(json.dumps(r) + "\n" for r in resources)


@pytest.fixture
def inbox(tmp_path):
    folder = tmp_path / "inbox"
    folder.mkdir()
    (folder / "Patient.ndjson").write_text(lines(*(person(i) for i in range(20))))
    (folder / "Observation.ndjson.gz").write_bytes(gzip.compress(lines(*(observation(f"o{i}", f"p{i}") for i in range(30))).encode()))
    (folder / "bad.ndjson").write_text(lines(person(50), {"resourceType": "Patient", "id": "bad", "birthDate": "soon"}) + "{half a line\n" + lines(person(51)))
    (tmp_path / "secret.ndjson").write_text(lines(person(99)))
    (folder / "out.ndjson").symlink_to(tmp_path / "secret.ndjson")
    return folder


class Files(http.server.BaseHTTPRequestHandler):
    """Serves self.server.files: {path: (status, headers, body)}."""

    def do_GET(self):
        self.server.asked.append(self.path)
        status, headers, body = self.server.files.get(self.path, (404, {}, b""))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def remote():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Files)
    server.files, server.asked = {}, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    server.place = f"127.0.0.1:{server.server_port}"
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def at(tmp_path, inbox, remote):
    server = Server(tmp_path / "data", "--import-dir", str(inbox), "--import-host", remote.place)
    with server.client() as client:
        yield client
    server.stop()


def ask(http, *urls, **more):
    return http.post("/$import", json={"inputFormat": "application/fhir+ndjson", "inputSource": "https://example.org", "storageDetail": {"type": "https"},
                                       "input": [{"type": "Patient", "url": u} for u in urls], **more}, headers={"Content-Type": "application/json", "Prefer": "respond-async"})


def imported(http, *urls):
    done = finished(http, accepted(ask(http, *urls)))
    assert done.status_code == 200, done.text
    assert "Expires" in done.headers and done.headers["Content-Type"] == "application/json"
    return done.json()


def test_files_of_the_allowed_folder(at, inbox):
    manifest = imported(at, "Patient.ndjson", f"file://{inbox}/Observation.ndjson.gz")
    assert manifest["extension"] == {"created": 50, "updated": 0, "unchanged": 0, "refused": 0} and manifest["error"] == []
    assert manifest["request"].endswith("/fhir/$import") and manifest["requiresAccessToken"] is False
    assert at.get("/Patient?_summary=count").json()["total"] == 20 and at.get("/Observation/o29").status_code == 200
    assert imported(at, str(inbox / "Patient.ndjson"))["extension"]["unchanged"] == 20


def test_what_is_refused_stands_in_a_file_with_its_place(at):
    manifest = imported(at, "bad.ndjson")
    assert manifest["extension"]["created"] == 2 and manifest["extension"]["refused"] == 2
    [error] = manifest["error"]
    answer = at.get(error["url"])
    outcomes = [json.loads(line) for line in answer.text.splitlines()]
    assert len(outcomes) == error["count"] == 2 and {o["resourceType"] for o in outcomes} == {"OperationOutcome"} == {error["type"]}
    text = " ".join(i["diagnostics"] for o in outcomes for i in o["issue"])
    assert "bad.ndjson, line 2: " in text and "bad.ndjson, line 3: " in text


def test_a_parameters_resource_is_taken_too(at):
    body = {"resourceType": "Parameters", "parameter": [
        {"name": "inputFormat", "valueCode": "application/fhir+ndjson"}, {"name": "inputSource", "valueUri": "https://example.org"},
        {"name": "storageDetail", "part": [{"name": "type", "valueCode": "file"}]},
        {"name": "input", "part": [{"name": "type", "valueCode": "Patient"}, {"name": "url", "valueUrl": "Patient.ndjson"}]}]}
    answer = at.post("/$import", json=body, headers={"Content-Type": FHIR_JSON, "Prefer": "respond-async"})
    assert finished(at, accepted(answer)).json()["extension"]["created"] == 20


def test_files_from_a_server_that_is_allowed(at, remote):
    remote.files["/a?x=1"] = (200, {}, lines(*(person(i) for i in range(7))).encode())
    remote.files["/b.gz"] = (200, {}, gzip.compress(lines(*(observation(f"r{i}", "p1") for i in range(8))).encode()))
    manifest = imported(at, f"http://{remote.place}/a?x=1", f"http://{remote.place}/b.gz")
    assert manifest["extension"]["created"] == 15
    assert remote.asked == ["/a?x=1", "/b.gz"]


def test_what_a_server_answers_otherwise_ends_the_job(at, remote):
    remote.files["/moved"] = (302, {"Location": f"http://{remote.place}/elsewhere"}, b"")
    remote.files["/elsewhere"] = (200, {}, lines(person(1)).encode())
    wants(finished(at, accepted(ask(at, f"http://{remote.place}/moved"))), 404, "302", "/moved")
    assert remote.asked == ["/moved"], "redirects are not followed"
    wants(finished(at, accepted(ask(at, f"http://{remote.place}/none"))), 404, "404")
    assert at.get("/Patient/p1").status_code == 404


def test_what_signs_an_address_is_in_no_message(at, remote):
    address = f"http://{remote.place}/gone?signature=open-sesame"
    answer = finished(at, accepted(ask(at, address)))
    wants(answer, 404, f"http://{remote.place}/gone answers 404")
    assert "open-sesame" not in answer.text
    refused = wants(ask(at, "http://example.org/x?signature=open-sesame#open-sesame"), 403, "example.org:80")
    assert "open-sesame" not in json.dumps(refused)


def test_only_files_themselves_are_read(at, inbox, tmp_path):
    """A link in a folder leads out of it; a pipe that nobody writes to is never read to its end."""
    (inbox / "folder.ndjson").mkdir()
    (inbox / "folder.ndjson" / "inner.ndjson").symlink_to(tmp_path / "secret.ndjson")
    os.mkfifo(inbox / "pipe.ndjson")
    wants(ask(at, "folder.ndjson"), 400, "not a file")
    wants(ask(at, "folder.ndjson/inner.ndjson"), 404, "no file")
    wants(ask(at, "pipe.ndjson"), 400, "not a file")


@pytest.mark.parametrize("url", [
    "http://{place}@example.org/x", "http://example.org#@{place}/x", "http://example.org\\@{place}/x", "http://{place}.example.org/x", "http://{host}.:{port}/x",
    "http://{host}:{port}0/x", "http://{host}/x", "http://[::ffff:127.0.0.1]:{port}/x", "http://[::1]:{port}/x", "http://localhost:{port}/x",
    "http://{place}\r\nX: y/", "http://example.org%23@{place}/x", "file://{place}/x", "http://user@{place}/x", "http://:word@{place}/x", "http:example.org",
])
def test_addresses_that_only_look_like_one_that_is_allowed(at, remote, url):
    host, port = remote.place.split(":")
    answer = ask(at, url.format(place=remote.place, host=host, port=port))
    assert answer.status_code in (400, 403, 404), answer.text
    assert remote.asked == []


def test_the_errors_of_what_was_fetched_name_its_address(tmp_path, remote):
    remote.files["/a"] = (200, {}, lines(person(1), {"resourceType": "Patient", "id": "bad", "birthDate": "soon"}).encode())
    server = Server(os.path.relpath(tmp_path / "data"), "--import-host", remote.place)
    with server.client() as http:
        manifest = imported(http, f"http://{remote.place}/a")
        [error] = manifest["error"]
        text = http.get(error["url"]).json()["issue"][0]["diagnostics"]
        assert f"http://{remote.place}/a, line 2" in text and str(tmp_path) not in text
    server.stop()


def test_an_import_that_was_cut_off_at_its_very_end_is_not_done_again(tmp_path, inbox):
    """Between the last resource and the state `done`: what has changed since must not be overwritten."""
    data = tmp_path / "data"
    server = Server(data, "--import-dir", str(inbox))
    with server.client() as http:
        status = accepted(ask(http, "Patient.ndjson"))
        finished(http, status)
        assert http.put("/Patient/p7", json=person(7, gender="other"), headers={"Content-Type": FHIR_JSON}).status_code == 200
    server.stop()
    state = data / "jobs" / (status.rsplit("/", 1)[1] + ".json")
    job = json.loads(state.read_text())
    del job["result"]
    job.update(state="active", position={"fetched": 0, "refused": 0, "errors": 0, "loaded": {"created": 20, "updated": 0, "unchanged": 0}})
    state.write_text(json.dumps(job))
    (inbox / "Patient.ndjson").unlink()
    server = Server(data, "--import-dir", str(inbox))
    with server.client() as http:
        done = finished(http, status.split("/fhir", 1)[1])
        assert done.status_code == 200 and done.json()["extension"]["created"] == 20
        assert http.get("/Patient/p7").json()["gender"] == "other"
    server.stop()


@pytest.mark.parametrize("url, status, fragment", [
    ("http://127.0.0.1:1/x.ndjson", 403, "--import-host"),
    ("https://example.org/x.ndjson", 403, "example.org:443"),
    ("http://user:word@example.org/x", 400, "not an address"),
    ("ftp://example.org/x", 404, "no file"),
    ("../secret.ndjson", 404, "no file"),
    ("out.ndjson", 404, "no file"),
    ("/etc/passwd", 404, "no file"),
    ("none.ndjson", 404, "no file"),
    ("", 400, "url"),
])
def test_places_that_are_refused(at, url, status, fragment):
    wants(ask(at, url), status, fragment)


@pytest.mark.parametrize("more, fragment", [
    ({"inputFormat": "text/csv"}, "text/csv"), ({"storageDetail": {"type": "aws-s3"}}, "aws-s3"), ({"input": []}, "no input"),
    ({"input": [{"type": "Dragon", "url": "Patient.ndjson"}]}, "Dragon"), ({"mode": "x"}, "mode"),
])
def test_requests_that_are_refused(at, more, fragment):
    wants(ask(at, "Patient.ndjson", **more), 400, fragment)


def test_nothing_is_read_unless_the_operator_says_so(fresh, inbox):
    wants(ask(fresh.http, str(inbox / "Patient.ndjson")), 403, "--import-dir")
    wants(ask(fresh.http, "http://127.0.0.1:80/x"), 403, "--import-host")
    assert fresh.http.get("/$import").status_code == 405


def test_an_import_goes_on_after_kill(tmp_path, inbox):
    n = 20000
    (inbox / "many.ndjson").write_text(lines(*(person(i) for i in range(n))))
    data = tmp_path / "data"
    for wait in (0.0, 0.3, 0.6):
        server = Server(data, "--import-dir", str(inbox))
        with server.client() as http:
            if wait == 0.0:
                path = accepted(ask(http, "many.ndjson")).split("/fhir", 1)[1]
            time.sleep(wait)
        server.process.kill()
        server.process.wait(10)
    server = Server(data, "--import-dir", str(inbox))
    with server.client() as http:
        done = finished(http, path, 120)
        assert done.status_code == 200 and done.json()["extension"]["refused"] == 0
        assert http.get("/Patient?_summary=count").json()["total"] == n
        assert http.get("/Patient/p7/_history").json()["total"] == 1, "stored once"
    server.stop()
    check(data)


def test_an_import_is_cancelled_and_stays_so(tmp_path, inbox):
    (inbox / "many.ndjson").write_text(lines(*(person(i) for i in range(40000))))
    data = tmp_path / "data"
    server = Server(data, "--import-dir", str(inbox))
    with server.client() as http:
        status = accepted(ask(http, "many.ndjson"))
        assert http.delete(status).status_code == 202
        assert http.get(status).status_code == 404
        path = status.split("/fhir", 1)[1]
    server.stop()
    server = Server(data, "--import-dir", str(inbox))
    with server.client() as http:
        assert http.get(path).status_code == 404
        assert http.get("/Patient?_summary=count").json()["total"] < 40000
        assert 'rihla_jobs{kind="import",state="cancelled"} 1' in http.get(server.url + "/metrics").text
    server.stop()


# --- the command line ----------------------------------------------------------------------------------

def test_jobs_on_the_command_line(tmp_path, inbox):
    data = tmp_path / "data"
    server = Server(data, "--import-dir", str(inbox))
    with server.client() as http:
        assert "no jobs" in rihla("job", "list", "--data", data).stdout
        one = accepted(ask(http, "Patient.ndjson"))
        finished(http, one)
        two = accepted(http.get("/$export"))
        finished(http, two)
        rows = json.loads(rihla("job", "list", "--json", "--data", data).stdout)
        assert [(j["kind"], j["state"]) for j in rows["jobs"]] == [("import", "done"), ("export", "done")] and rows["indexing"]["building"] == 0
        assert [j["id"] for j in rows["jobs"]] == [s.rsplit("/", 1)[1] for s in (one, two)]
        said = rihla("job", "list", "--data", data).stdout
        assert "export" in said and "done" in said and "20 of 20" in said
        name = rows["jobs"][1]["id"]
        assert json.loads(rihla("job", "show", name, "--json", "--data", data).stdout)["result"]["files"] == [["Patient", 1, 20, (data / "export" / name / "Patient.1.ndjson").stat().st_size]]
        assert "cancelled" in rihla("job", "cancel", name, "--data", data).stdout
        assert http.get(two).status_code == 404
        assert name in rihla("job", "cancel", name, "--data", data, code=3).stderr
    server.stop()
    rows = json.loads(rihla("job", "list", "--json", "--data", data).stdout)["jobs"]
    assert [(j["kind"], j["state"]) for j in rows] == [("import", "done"), ("export", "cancelled")], "also without a server"
    assert "no job" in rihla("job", "show", "0" * 32, "--data", data, code=3).stderr
    for wrong in (["show"], ["list", "x"], ["dance"]):
        rihla("job", *wrong, "--data", data, code=2)
