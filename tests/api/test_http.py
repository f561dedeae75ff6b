# SPDX-License-Identifier: GPL-3.0-or-later
"""What is HTTP rather than FHIR: negotiation, compression, limits, headers, health, metrics, start and stop."""
import gzip
import json
import os
import re
import signal
import socket
import stat
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from conftest import BIN, FHIR_JSON, Server, wants

PATIENT = {"resourceType": "Patient", "name": [{"text": "x" * 3000}]}


def test_metadata_says_what_there_is(fhir):
    statement = fhir.get("/metadata").json()
    assert statement["resourceType"] == "CapabilityStatement" and statement["fhirVersion"] == "4.0.1"
    assert statement["implementation"]["url"] == fhir.base and statement["software"]["name"] == "Rihla"
    rest = statement["rest"][0]
    assert len(rest["resource"]) == 146 and {i["code"] for i in rest["interaction"]} == {"transaction", "batch", "history-system", "search-system"}
    patient = next(r for r in rest["resource"] if r["type"] == "Patient")
    assert {i["code"] for i in patient["interaction"]} == {"read", "vread", "update", "patch", "delete", "history-instance",
                                                          "history-type", "create", "search-type"}
    assert {p["name"] for p in patient["searchParam"]} >= {"_id", "_lastUpdated", "identifier", "birthdate", "name"}
    for parameter in patient["searchParam"]:
        assert fhir.get(f"/Patient?{parameter['name']}=2020").status_code == 200, parameter
    created = fhir.create(statement)  # it must pass our own check
    assert created["resourceType"] == "CapabilityStatement"


@pytest.mark.parametrize("accept", ["application/fhir+json", "application/json", "*/*", "application/*", "",
                                    "text/html,application/xhtml+xml,*/*;q=0.8", "application/fhir+xml;q=0.9, application/fhir+json;q=0.1",
                                    "application/fhir+json; fhirVersion=4.0"])
def test_accepts(fhir, accept):
    assert fhir.get("/metadata", Accept=accept).status_code == 200


@pytest.mark.parametrize("accept", ["application/fhir+turtle", "text/html", "application/fhir+json;q=0", "application/fhir+json; fhirVersion=5.0",
                                    "image/*", "*/*;q=0"])
def test_refuses_what_it_cannot_write(fhir, accept):
    wants(fhir.get("/metadata", Accept=accept), 406, "application/fhir+json")


def test_format_wins_over_accept(fhir):
    for format_ in ("json", "application/json", "application/fhir%2Bjson", "application/fhir+json"):
        assert fhir.get(f"/metadata?_format={format_}", Accept="text/html").status_code == 200
    wants(fhir.get("/metadata?_format=ttl"), 406, "XML")
    wants(fhir.get("/metadata?_format=json&_format=json"), 400, "_format")


@pytest.mark.parametrize("kind", ["", "text/plain", "application/fhir+turtle", "application/fhir+xml; charset=latin1", "application/fhir+json; charset=latin1",
                                  "application/fhir+json; fhirVersion=3.0", "application/json-patch+json"])
def test_refuses_bodies_of_other_kinds(fhir, kind):
    headers = {"Content-Type": kind} if kind else {}
    wants(fhir.http.post("/Patient", content=json.dumps(PATIENT), headers=headers), 415, "application/fhir+json")


@pytest.mark.parametrize("kind", ["application/json", "application/fhir+json;charset=UTF-8", "Application/FHIR+JSON; fhirVersion=4.0"])
def test_takes_json_by_its_names(fhir, kind):
    assert fhir.http.post("/Patient", content=json.dumps(PATIENT), headers={"Content-Type": kind}).status_code == 201


def test_gzip_both_ways(fhir):
    packed = gzip.compress(json.dumps(PATIENT).encode())
    answer = fhir.http.post("/Patient", content=packed, headers={"Content-Type": FHIR_JSON, "Content-Encoding": "gzip"})
    assert answer.status_code == 201, answer.text
    path = f"/Patient/{answer.json()['id']}"
    small = fhir.get(path, Accept_Encoding="gzip")
    assert small.headers["content-encoding"] == "gzip" and small.json()["name"] == PATIENT["name"]
    assert int(small.headers["content-length"]) < 1500
    for encoding in ("identity", "gzip;q=0", "br"):
        assert "content-encoding" not in fhir.get(path, Accept_Encoding=encoding).headers
    assert fhir.get(path, Accept_Encoding="*").headers["content-encoding"] == "gzip"
    before = fhir.sequence()
    headers = {"Content-Type": FHIR_JSON, "Content-Encoding": "gzip"}
    wants(fhir.http.post("/Patient", content=packed[:-20], headers=headers), 400, "gzip")
    wants(fhir.http.post("/Patient", content=b"{}", headers=headers), 400, "gzip")
    wants(fhir.http.post("/Patient", content=gzip.compress(b" " * 3_000_000), headers=headers), 413, "100 times")
    wants(fhir.http.post("/Patient", content=packed, headers={**headers, "Content-Encoding": "br"}), 415, "gzip")
    assert fhir.sequence() == before


def test_chunked_bodies_are_taken_and_limited(fhir):
    text = json.dumps(PATIENT).encode()

    def pieces(data, size):
        for at in range(0, len(data), size):
            yield data[at:at + size]

    headers = {"Content-Type": FHIR_JSON}
    assert fhir.http.post("/Patient", content=pieces(text, 100), headers=headers).status_code == 201
    wants(fhir.http.post("/Patient", content=pieces(b" " * (4 << 20) + text, 65536), headers=headers), 413, "4194304")


def test_too_large_is_said_before_and_after_the_body(fhir):
    before = fhir.sequence()
    headers = {"Content-Type": FHIR_JSON}
    wants(fhir.http.post("/Patient", content=b" " * ((4 << 20) + 1), headers=headers), 413, "4194304")
    wants(fhir.http.post("", content=b" " * ((16 << 20) + 1), headers=headers), 413, "16777216")
    with socket.create_connection(("127.0.0.1", fhir.server.port)) as s:  # one that asks first hears it before it sends
        s.sendall(b"POST /fhir/Patient HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/fhir+json\r\n"
                  b"Content-Length: 999999999\r\nExpect: 100-continue\r\n\r\n")
        assert s.recv(20).startswith(b"HTTP/1.1 413")
    assert fhir.sequence() == before


def test_long_addresses_and_headers(fhir):
    wants(fhir.get("/Patient?name=" + "x" * 16400), 414, "_search")
    wants(fhir.get("/metadata", X_Long="x" * 17000), 431, "16384")
    assert fhir.get("/metadata", X_Long="x" * 8000).status_code == 200


def test_wrong_methods_say_the_right_ones(fhir):
    answer = fhir.send("DELETE", "/metadata")
    wants(answer, 405, "GET")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    assert fhir.send("PATCH", "/Patient/1/_history").headers["allow"] == "GET, HEAD, OPTIONS"
    answer = fhir.send("OPTIONS", "/Patient/1")
    assert answer.status_code == 204 and set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"}
    wants(fhir.send("BREW", "/Patient/1"), 405)


def test_unknown_addresses_help(fhir):
    wants(fhir.get("/Patent/1"), 404, '"Patient"')
    wants(fhir.get("/patient/1"), 404, '"Patient"')
    wants(fhir.get("/Patient/1/$everyting"), 404, "$everyting")
    wants(fhir.get("/Group/1/Observation"), 404, "compartment")
    wants(fhir.http.get(fhir.server.url + "/nothing"), 404, "/fhir")
    assert fhir.get("/metadata/").status_code == 200


def test_headers_of_safety(fhir):
    answer = fhir.get("/metadata")
    assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["cache-control"] == "no-store"
    assert re.fullmatch(r"[0-9a-f]{16}", answer.headers["x-request-id"])
    assert fhir.get("/metadata", X_Request_Id="abc-1.2_x").headers["x-request-id"] == "abc-1.2_x"
    assert fhir.get("/metadata", X_Request_Id="<script>").headers["x-request-id"] != "<script>"
    page = fhir.http.get(fhir.server.url + "/")
    assert page.status_code == 200 and "text/html" in page.headers["content-type"]
    policy = page.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy.replace("'wasm-unsafe-eval'", ""), "compiled code of our own may run (the clinical core), text may not"
    assert fhir.http.get(fhir.server.url + "/", headers={"If-None-Match": page.headers["etag"]}).status_code == 304
    wants(fhir.http.get(fhir.server.url + "/..%2f..%2fetc%2fpasswd"), 404)


def test_answers_only_to_names_of_this_machine(fhir):
    for host in ("localhost", "127.0.0.1:80", "[::1]:80", "LOCALHOST:1"):
        assert fhir.get("/metadata", Host=host).status_code == 200
    for host in ("evil.example", "127.0.0.1.evil.example", "10.0.0.1", "localhost.evil"):
        wants(fhir.get("/metadata", Host=host), 403, host)
    assert fhir.create(PATIENT)["id"]
    answer = fhir.send("POST", "/Patient", PATIENT, Host="localhost:99")
    assert answer.headers["location"].startswith("http://localhost:99/fhir/Patient/")


def test_health_and_metrics(fhir):
    before = fhir.sequence()
    body = fhir.create(PATIENT)
    health = fhir.http.get(fhir.server.url + "/health")
    assert health.json()["status"] == "ok" and health.json()["sequence"] == before + 1
    assert body["meta"]["versionId"] == f"{health.json()['origin']}-{before + 1}"
    text = fhir.http.get(fhir.server.url + "/metrics").text
    for name in ('rihla_info{version="', 'rihla_http_requests_total{route="create",method="POST",status="2xx"}',
                 'rihla_http_request_seconds_bucket{route="create",le="+Inf"}', "rihla_commits_total", "rihla_store_bytes",
                 "process_resident_memory_bytes", "rihla_http_in_flight 1\n"):
        assert name in text, name
    for line in text.splitlines():
        assert line.startswith("# ") or re.fullmatch(r'[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? [0-9.e+-]+', line), line
    assert float(re.search(r"\nprocess_resident_memory_bytes (\S+)", text).group(1)) > 1e6


def test_many_at_once_and_keep_alive(server):
    def one(i):
        with server.client() as http:
            for _ in range(20):
                answer = http.post("/Basic", json={"resourceType": "Basic", "code": {"text": str(i)}}, headers={"Content-Type": FHIR_JSON})
                assert answer.status_code == 201
                assert http.get(f"/Basic/{answer.json()['id']}").json()["code"]["text"] == str(i)
        return True

    with ThreadPoolExecutor(24) as pool:
        assert all(pool.map(one, range(24)))


def test_more_connections_than_allowed_hear_503(server):
    open_ones = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(1000)]
    try:
        deadline = time.time() + 10
        while time.time() < deadline:
            with socket.create_connection(("127.0.0.1", server.port), timeout=5) as s:
                s.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n")
                head = s.recv(4000)
            if b" 503 " in head.split(b"\r\n")[0]:
                break
        assert b"Retry-After: 1" in head and b" 503 " in head
    finally:
        for s in open_ones:
            s.close()
    deadline = time.time() + 10
    with server.client() as http:
        while time.time() < deadline and http.get("/metadata").status_code != 200:
            time.sleep(0.05)
        assert http.get("/metadata").status_code == 200


def test_stops_in_order_and_keeps_what_it_acknowledged(tmp_path):
    one = Server(tmp_path / "d")
    socket_file = tmp_path / "d" / "control.sock"
    assert stat.S_IMODE(os.stat(socket_file).st_mode) == 0o600
    with one.client() as http:
        made = http.post("/Basic", json={"resourceType": "Basic", "code": {"text": "kept"}}, headers={"Content-Type": FHIR_JSON}).json()
    one.stop()
    assert not socket_file.exists()
    again = Server(tmp_path / "d")
    with again.client() as http:
        assert http.get(f"/Basic/{made['id']}").json() == made
    again.stop()


def test_finishes_what_is_in_flight_when_asked_to_stop(tmp_path):
    one = Server(tmp_path / "d")
    codes = []

    def write(i):
        with one.client() as http:
            try:
                while True:
                    answer = http.post("/Basic", json={"resourceType": "Basic", "code": {"text": "x"}}, headers={"Content-Type": FHIR_JSON})
                    codes.append(answer.json()["id"])
            except httpx.TransportError:
                return

    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(write, i) for i in range(8)]
        time.sleep(0.5)
        one.stop()
        for f in futures:
            f.result()
    again = Server(tmp_path / "d")
    with again.client() as http:
        assert codes and all(http.get(f"/Basic/{id_}").status_code == 200 for id_ in codes)
    again.stop()


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "[::]:0", "192.168.1.1:0"])
def test_refuses_to_listen_where_others_could_reach_it(tmp_path, listen):
    done = subprocess.run([BIN, "serve", "--data", str(tmp_path / "d"), "--listen", listen], capture_output=True, text=True, timeout=30)
    assert done.returncode == 3 and "only this machine" in done.stderr
    assert not (tmp_path / "d").exists()


def test_refuses_a_port_in_use_and_a_directory_in_use(server, tmp_path):
    done = subprocess.run([BIN, "serve", "--data", str(tmp_path / "d"), "--listen", f"127.0.0.1:{server.port}"], capture_output=True,
                          text=True, timeout=30)
    assert done.returncode == 3 and str(server.port) in done.stderr
    done = subprocess.run([BIN, "serve", "--data", str(server.data), "--listen", "127.0.0.1:0"], capture_output=True, text=True, timeout=30)
    assert done.returncode == 3 and str(server.process.pid) in done.stderr


def test_ends_on_interrupt_too(tmp_path):
    one = Server(tmp_path / "d")
    one.process.send_signal(signal.SIGINT)
    assert one.process.wait(30) == 0
    assert not (tmp_path / "d" / "control.sock").exists()


def test_clients_that_go_away_in_the_middle_harm_nobody(tmp_path):
    one = Server(tmp_path / "d")
    body = b'{"resourceType":"Basic","code":{"text":"gone"}}'
    post = (b"POST /fhir/Basic HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/fhir+json\r\nContent-Length: %d\r\n\r\n" % len(body)) + body
    search = b"GET /fhir/Basic?_count=100 HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for request in (post, search, post[:60], post[:-10], post * 5, search * 5):
        for linger in (False, True):
            for _ in range(30):
                with socket.create_connection(("127.0.0.1", one.port)) as s:
                    if linger:  # the close is a reset
                        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                    s.sendall(request)
    with one.client() as http:
        made = http.post("/Basic", content=body, headers={"Content-Type": FHIR_JSON}).json()
        assert http.get(f"/Basic/{made['id']}").status_code == 200
        deadline = time.time() + 10
        while time.time() < deadline and "rihla_http_connections 1\n" not in http.get(one.url + "/metrics").text:
            time.sleep(0.05)
        assert "rihla_http_connections 1\n" in http.get(one.url + "/metrics").text
    one.stop()
