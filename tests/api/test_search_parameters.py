# SPDX-License-Identifier: GPL-3.0-or-later
"""Search parameters that somebody adds: indexed while work goes on, refused until complete, gone when removed, and after kill -9."""
import json
import os
import signal
import time

import pytest

from conftest import Server, wants, Fhir
from program import load

N = 20000 if os.environ.get("RIHLA_LONG") else 3000


def parameter(code, expression, kind="token", base="Patient", **more):
    return {"resourceType": "SearchParameter", "id": code, "url": f"http://example.org/SearchParameter/{code}", "name": code, "status": "active",
            "description": code, "code": code, "base": [base], "type": kind, "expression": expression, **more}


def ndjson(path, n=N):
    with open(path, "w", encoding="utf-8") as f:
        for i in range(n):
            f.write(json.dumps({"resourceType": "Patient", "id": f"p{i}", "name": [{"family": f"F{i}"}], "maritalStatus": {"coding": [{"code": "MSU"[i % 3]}]},
                                "multipleBirthInteger": i % 5}) + "\n")
    return path


def wait_for(fhir, query, want=None, seconds=60):
    """The answer once the parameter is complete; with `want` once the total is that."""
    until = time.monotonic() + seconds
    while True:
        answer = fhir.get(query)
        done = answer.status_code == 200 and want in (None, answer.json()["total"])
        if done or time.monotonic() > until:
            assert answer.status_code == 200, answer.text
            return answer.json()
        assert answer.status_code in (200, 400, 503), answer.text
        time.sleep(0.05)


def names(fhir):
    rest = fhir.get("/metadata").json()["rest"][0]["resource"]
    return {p["name"] for r in rest if r["type"] == "Patient" for p in r["searchParam"]}


@pytest.fixture
def filled(tmp_path):
    load(tmp_path / "data", ndjson(tmp_path / "p.ndjson"))
    one = Server(tmp_path / "data")
    with one.client() as client:
        yield Fhir(one, client)
    one.stop()


def total(bundle):
    return bundle["total"]


def test_added_changed_removed(filled):
    wants(filled.get("/Patient?marital=M"), 400, "marital")
    filled.create(parameter("marital", "Patient.maritalStatus"))
    assert total(wait_for(filled, "/Patient?marital=M&_summary=count")) == (N + 2) // 3
    assert "marital" in names(filled)
    # what is written from now on has its keys, what changes loses them
    made = filled.create({"resourceType": "Patient", "maritalStatus": {"coding": [{"code": "M"}]}})
    assert total(filled.get("/Patient?marital=M&_summary=count").json()) == (N + 2) // 3 + 1
    made["maritalStatus"]["coding"][0]["code"] = "D"
    assert filled.send("PUT", f"/Patient/{made['id']}", made).status_code == 200
    assert total(filled.get("/Patient?marital=M&_summary=count").json()) == (N + 2) // 3
    assert total(filled.get("/Patient?marital:not=M&_summary=count").json()) == N + 1 - (N + 2) // 3
    assert total(filled.get("/Patient?marital:missing=true&_summary=count").json()) == 0
    # another expression under the same code
    changed = parameter("marital", "Patient.multipleBirth.ofType(integer)", kind="number")
    answer = filled.send("PUT", "/SearchParameter/marital", changed)
    assert answer.status_code in (200, 201)
    assert total(wait_for(filled, "/Patient?marital=gt3&_summary=count", N // 5)) == N // 5  # until then the old one answers
    # removed
    for one in filled.get("/SearchParameter?_count=10").json()["entry"]:
        filled.send("DELETE", f"/SearchParameter/{one['resource']['id']}")
    until = time.monotonic() + 30
    while filled.get("/Patient?marital=gt3").status_code == 200 and time.monotonic() < until:
        time.sleep(0.05)
    wants(filled.get("/Patient?marital=gt3"), 400, "marital")
    assert "marital" not in names(filled)


def test_one_that_cannot_be_used(filled):
    filled.create(parameter("broken", "Patient.maritalStatus.where("))
    filled.create(parameter("strange", "Patient.maritalStatus", kind="special"))
    filled.create({**parameter("draft", "Patient.maritalStatus"), "status": "draft"})
    filled.create(parameter("good", "Patient.maritalStatus"))
    assert total(wait_for(filled, "/Patient?good=U&_summary=count")) == N // 3
    for name in ("broken", "strange", "draft"):
        wants(filled.get(f"/Patient?{name}=M"), 400, name)


def test_killed_while_indexing(tmp_path):
    load(tmp_path / "data", ndjson(tmp_path / "p.ndjson"))
    killed = 0
    for delay in (0.0, 0.01, 0.03, 0.1, 0.3):
        one = Server(tmp_path / "data")
        with one.client() as client:
            fhir = Fhir(one, client)
            if fhir.get("/SearchParameter/marital").status_code != 200:
                assert fhir.send("PUT", "/SearchParameter/marital", parameter("marital", "Patient.maritalStatus")).status_code == 201
            time.sleep(delay)
            killed += fhir.get("/Patient?marital=M").status_code != 200
        one.process.send_signal(signal.SIGKILL)
        one.process.wait(10)
        one.process.stdout.close()
    assert killed > 0, "the parameter was complete before any kill: the test shows nothing"
    one = Server(tmp_path / "data")
    with one.client() as client:
        fhir = Fhir(one, client)
        assert total(wait_for(fhir, "/Patient?marital=S&_summary=count")) == (N + 1) // 3
        assert total(wait_for(fhir, "/Patient?marital:missing=false&_summary=count")) == N
    one.stop()
