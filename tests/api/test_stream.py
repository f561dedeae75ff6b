# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that are made while they are sent: GET /fhir/$events, as a browser's EventSource reads it."""
import json
import os
import socket
import threading
import time
import urllib.parse

import pytest
from conftest import Fhir, wants


class Events:
    """One open stream. `events` are (event, id, data); `last` is the last id seen."""

    def __init__(self, fhir, *criteria, last=None, **more):
        query = urllib.parse.urlencode([("criteria", one) for one in criteria] + list(more.items()))
        self.socket = socket.create_connection(("127.0.0.1", fhir.server.port))
        head = f"GET /fhir/$events{'?' if query else ''}{query} HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n"
        if last is not None:
            head += f"Last-Event-ID: {last}\r\n"
        self.socket.sendall((head + "\r\n").encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = {}
        while (line := self.file.readline().strip()):
            name, value = line.decode().split(": ", 1)
            self.headers[name.lower()] = value
        self.events, self.last, self.ended, self.whole = [], None, False, False
        self.begun = threading.Event()
        threading.Thread(target=self._read, daemon=True).start()

    def _chunks(self):
        while (size := int(self.file.readline() or b"-1", 16)) > 0:
            yield self.file.read(size)
            self.file.readline()
        self.whole = size == 0

    def _lines(self):
        rest = b""
        for chunk in self._chunks():
            *lines, rest = (rest + chunk).split(b"\n")
            yield from (line.decode() for line in lines)

    def _read(self):
        event, data = "message", None
        try:
            for line in self._lines():
                name, _, value = line.partition(": ")
                if not line:
                    if data is not None:
                        self.events.append((event, self.last, json.loads(data)))
                    event, data = "message", None
                    self.begun.set()
                elif name == "event":
                    event = value
                elif name == "id":
                    self.last = int(value)
                elif name == "data":
                    data = value
        except (OSError, ValueError):
            pass
        self.ended = True

    def wait(self, n, seconds=15):
        end = time.time() + seconds
        while len(self.events) < n:
            assert time.time() < end, f"{len(self.events)} of {n} events came"
            time.sleep(0.01)
        return self.events

    def close(self):
        self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


def observation(code="1975-2", **more):
    return {"resourceType": "Observation", "status": "final", "code": {"coding": [{"code": code}]}, **more}


def opened(fhir, *criteria, **more):
    stream = Events(fhir, *criteria, **more)
    assert stream.status == 200 and stream.begun.wait(10)
    return stream


def streams(fhir):
    text = fhir.http.get(fhir.server.url + "/metrics").text
    return int(next(line.split()[1] for line in text.splitlines() if line.startswith("rihla_event_streams ")))


def test_create_update_delete(fhir):
    stream = opened(fhir, "Observation?code=1975-2")
    assert stream.headers["content-type"] == "text/event-stream" and stream.headers["cache-control"] == "no-store"
    fhir.create(observation("other"))
    one = fhir.create(observation())
    stream.wait(1)
    two = fhir.send("PUT", f"/Observation/{one['id']}", observation(id=one["id"], note=[{"text": "a"}])).json()
    stream.wait(2)
    fhir.send("DELETE", f"/Observation/{one['id']}")
    events = stream.wait(3)
    assert [e[0] for e in events] == ["create", "update", "delete"]
    assert events[1][2] == {"type": "Observation", "id": one["id"], "versionId": two["meta"]["versionId"],
                         "lastUpdated": two["meta"]["lastUpdated"]}
    assert events[2][2]["id"] == one["id"] and events[2][2]["versionId"] not in json.dumps(events[:2])
    stream.close()


def test_several_criteria_and_none(fhir):
    two, every = opened(fhir, "Observation?code=1975-2", "Patient?gender=female"), opened(fhir)
    fhir.create({"resourceType": "Patient", "gender": "male"})
    fhir.create({"resourceType": "Patient", "gender": "female"})
    fhir.create(observation())
    assert [e[2]["type"] for e in two.wait(2)] == ["Patient", "Observation"]
    assert [e[2]["type"] for e in every.wait(3)] == ["Patient", "Patient", "Observation"]
    two.close()
    every.close()


def test_a_value_set_as_criteria_that_goes_away(fhir):
    codes = {"resourceType": "ValueSet", "id": "sse", "url": "http://example.org/sse", "status": "active", "compose": {
        "include": [{"system": "http://loinc.org", "concept": [{"code": "in-it"}]}]}}
    assert fhir.send("PUT", "/ValueSet/sse", codes).status_code in (200, 201)
    stream = opened(fhir, "Observation?code:in=http://example.org/sse")
    fhir.create(observation("not-in-it"))
    one = fhir.create({**observation(), "code": {"coding": [{"system": "http://loinc.org", "code": "in-it"}]}})
    assert stream.wait(1)[0][2]["id"] == one["id"]
    fhir.send("DELETE", "/ValueSet/sse")
    fhir.create(observation())
    assert stream.wait(2)[1][0] == "error" and stream.events[1][2]["resourceType"] == "OperationOutcome"
    wants(fhir.get("/$events?criteria=Observation%3Fcode:in%3Dhttp://example.org/sse"), 400, "http://example.org/sse")
    stream.close()


def test_who_comes_back_misses_nothing(fhir):
    stream = opened(fhir, "Observation?code=1975-2")
    fhir.create(observation())
    stream.wait(1)
    last = stream.events[-1][1]
    stream.close()
    made = [fhir.create(observation())["id"] for _ in range(120)]
    for how in ({"last": last}, {"after": last}):
        again = opened(fhir, "Observation?code=1975-2", **how)
        assert [e[2]["id"] for e in again.wait(120)] == made
        again.close()


def test_a_number_beyond_the_log_is_told(fhir):
    stream = opened(fhir, last=10**12)
    assert stream.events[0][0] == "reset" and stream.last < 10**12
    stream.close()


@pytest.mark.parametrize("query, status, fragment", [
    ("criteria=Observation%3Fnonsense%3D1", 400, "nonsense"),
    ("criteria=Nonsense%3F", 400, "not a resource type"),
    ("criteria=", 400, "not a resource type"),
    ("criteria", 400, "not a resource type"),
    ("criteria=Observation%3F_count%3D1", 400, "_count"),
    ("criteria=%FF", 400, "UTF-8"),
    ("after=-1", 400, "number of the log"),
    ("after=1e3", 400, "number of the log"),
    ("nonsense=1", 400, "takes criteria and after"),
    ("&".join(["criteria=Patient"] * 11), 400, "more than 10"),
])
def test_refuses(fhir, query, status, fragment):
    wants(fhir.get("/$events?" + query), status, fragment)


def test_refuses_other_methods(fhir):
    answer = fhir.send("POST", "/$events", {"resourceType": "Parameters"})
    wants(answer, 405)
    assert "GET" in answer.headers["Allow"]


def test_head_has_no_body(fhir):
    with socket.create_connection(("127.0.0.1", fhir.server.port)) as one:
        one.sendall(b"HEAD /fhir/$events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        one.settimeout(10)
        answer = b""
        while data := one.recv(10000):
            answer += data
    assert answer.startswith(b"HTTP/1.1 200") and b"Content-Type: text/event-stream" in answer
    assert answer.endswith(b"\r\n\r\n") and answer.count(b"\r\n\r\n") == 1


def test_a_hundred_clients(fresh):
    all_ = [opened(fresh, "Observation?code=1975-2") for _ in range(100)]
    assert streams(fresh) == 100
    begin = time.time()
    made = [fresh.create(observation())["id"] for _ in range(30)]
    for stream in all_:
        assert [e[2]["id"] for e in stream.wait(30)] == made
    assert time.time() - begin < 15
    for stream in all_:
        stream.close()
    end = time.time() + 10
    while streams(fresh) and time.time() < end:
        time.sleep(0.1)
    assert streams(fresh) == 0


def test_too_many_are_refused(fresh):
    all_ = [Events(fresh) for _ in range(503)]
    assert sorted(one.status for one in all_)[-4:] == [200, 503, 503, 503]
    for one in all_:
        one.close()


def test_the_end_of_the_server_ends_them_whole(tmp_path, fresh):
    stream = opened(fresh)
    begin = time.time()
    fresh.server.stop()
    assert time.time() - begin < 5
    end = time.time() + 5
    while not stream.ended and time.time() < end:
        time.sleep(0.01)
    assert stream.ended and stream.whole
    stream.close()


def test_a_client_that_does_not_read_keeps_nobody_waiting(fresh):
    lazy = socket.create_connection(("127.0.0.1", fresh.server.port))
    lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    lazy.sendall(b"GET /fhir/$events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    stream = opened(fresh)
    for i in range(20):
        entries = [{"resource": {"resourceType": "Patient"}, "request": {"method": "POST", "url": "Patient"}}] * 100
        fresh.send("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
    stream.wait(2000)
    lazy.close()
    stream.close()


# --- long answers: everything of a person ---

@pytest.fixture(scope="module")
def person(server):
    """A person with 4,000 observations, about 3 MB."""
    with server.client() as client:
        fhir = Fhir(server, client)
        who = fhir.create({"resourceType": "Patient"})["id"]
        for first in range(0, 4000, 1000):
            entries = [{"resource": observation(subject={"reference": f"Patient/{who}"}, note=[{"text": f"n{i} " + "x" * 400}]),
                        "request": {"method": "POST", "url": "Observation"}} for i in range(first, first + 1000)]
            answer = fhir.send("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
            assert answer.status_code == 200
    return who


def test_a_long_answer_packed_or_not(fhir, person):
    path = f"/Patient/{person}/$everything"
    plain = fhir.get(path, Accept_Encoding="identity")
    packed = fhir.get(path, Accept_Encoding="gzip")
    assert plain.headers["Transfer-Encoding"] == packed.headers["Transfer-Encoding"] == "chunked"
    assert "Content-Encoding" not in plain.headers and packed.headers["Content-Encoding"] == "gzip"
    assert packed.headers["Vary"] == "Accept-Encoding"
    assert len(plain.content) > 2_000_000 and plain.json()["entry"] == packed.json()["entry"]
    assert {e["resource"]["id"] for e in plain.json()["entry"]} >= {person} and len(plain.json()["entry"]) == 4001


def test_head_of_a_long_answer(fhir, person):
    answer = fhir.send("HEAD", f"/Patient/{person}/$everything")
    assert answer.status_code == 200 and not answer.content
    assert fhir.get("/Patient?_id=" + person).status_code == 200  # on the same connection


def test_who_goes_away_in_the_middle_leaves_nothing_behind(fhir, person):
    def in_flight():
        text = fhir.http.get(fhir.server.url + "/metrics").text
        return int(next(line.split()[1] for line in text.splitlines() if line.startswith("rihla_http_in_flight ")))
    for _ in range(20):
        one = socket.create_connection(("127.0.0.1", fhir.server.port))
        one.sendall(f"GET /fhir/Patient/{person}/$everything HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        one.recv(1000)
        one.close()
    end = time.time() + 10
    while in_flight() > 1 and time.time() < end:
        time.sleep(0.05)
    assert in_flight() == 1


def test_long_answers_do_not_keep_short_ones_waiting(fhir, person):
    stop, counts = threading.Event(), []

    def read_on():
        with fhir.server.client() as client:
            n = 0
            while not n or not stop.is_set():
                n += len(client.get(f"/Patient/{person}/$everything").json()["entry"])
            counts.append(n)
    threads = [threading.Thread(target=read_on) for _ in range(4)]
    for thread in threads:
        thread.start()
    times = []
    for _ in range(200):
        begin = time.time()
        assert fhir.get("/Patient?_id=" + person).status_code == 200  # a worker's work, as the parts are
        times.append(time.time() - begin)
    stop.set()
    for thread in threads:
        thread.join()
    assert sorted(times)[100] < 1 and len(counts) == 4


# --- limits of time ---

long = pytest.mark.skipif(os.environ.get("RIHLA_LONG") != "1", reason="waits for minutes; set RIHLA_LONG=1")


def large(fhir):
    """A person whose record, 20 MB, does not fit into the buffers of a connection."""
    who = fhir.create({"resourceType": "Patient"})["id"]
    note = [{"text": "x" * 9000}]
    for _ in range(4):
        entries = [{"resource": observation(subject={"reference": f"Patient/{who}"}, note=note),
                    "request": {"method": "POST", "url": "Observation"}}] * 500
        assert fhir.send("POST", "", {"resourceType": "Bundle", "type": "transaction", "entry": entries}).status_code == 200
    return who


def begun(fhir, who):
    one = socket.create_connection(("127.0.0.1", fhir.server.port))
    one.sendall(f"GET /fhir/Patient/{who}/$everything HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert one.recv(1000).startswith(b"HTTP/1.1 200")
    return one


@long
def test_who_reads_nothing_is_dropped(fresh):
    one = begun(fresh, large(fresh))
    begin, end = time.time(), time.time() + 200
    text = ""
    while "rihla_http_in_flight 1\n" not in text and time.time() < end:
        time.sleep(1)
        text = fresh.http.get(fresh.server.url + "/metrics").text
    assert 50 < time.time() - begin < 200
    one.close()


@long
def test_the_end_of_the_server_waits_ten_seconds_for_who_reads(fresh):
    one = begun(fresh, large(fresh))
    begin = time.time()
    fresh.server.stop()
    assert 9 < time.time() - begin < 20
    one.close()
