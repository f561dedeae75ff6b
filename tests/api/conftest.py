# SPDX-License-Identifier: GPL-3.0-or-later
"""The real program, serving a directory of its own: RIHLA_BIN (default build/rihla), stopped by SIGTERM."""
import os
import re
import signal
import subprocess
import threading
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
BIN = os.environ.get("RIHLA_BIN", str(ROOT / "build" / "rihla"))
FHIR_JSON = "application/fhir+json"


class Server:
    """One `rihla serve`. `url` is http://127.0.0.1:PORT, `fhir` its FHIR base, `port` the port."""

    def __init__(self, data, *arguments, environment=None):
        self.data = data
        self.errors = []
        self.process = subprocess.Popen([BIN, "serve", "--data", str(data), "--listen", "127.0.0.1:0", *arguments],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                        env={**os.environ, **(environment or {})})
        threading.Thread(target=self._drain, daemon=True).start()
        line = self.process.stdout.readline()
        match = re.search(r"listening on (http://127\.0\.0\.1:(\d+))", line)
        if not match:
            self.process.wait(10)
            raise RuntimeError(f"rihla serve did not start: {line!r} {''.join(self.errors)}")
        self.url, self.port = match.group(1), int(match.group(2))
        self.fhir = self.url + "/fhir"

    def _drain(self):
        for line in self.process.stderr:
            self.errors.append(line)

    def client(self, **more):
        return httpx.Client(base_url=self.fhir, headers={"Accept": FHIR_JSON}, timeout=60, trust_env=False, **more)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(30)
        self.process.stdout.close()
        assert code == 0, f"exit code {code}: {''.join(self.errors)}"


class Fhir:
    """Requests with the right Content-Type; `new` gives resources that belong together a name of their own."""

    def __init__(self, server, client):
        self.server, self.http, self.base = server, client, server.fhir

    def send(self, method, path, body=None, **headers):
        headers = {k.replace("_", "-"): v for k, v in headers.items()}
        if body is not None:
            headers.setdefault("Content-Type", "application/json-patch+json" if method == "PATCH" else FHIR_JSON)
        return self.http.request(method, path, headers=headers, **({"json": body} if body is not None else {}))

    def get(self, path, **headers):
        return self.send("GET", path, **headers)

    def create(self, resource, **headers):
        answer = self.send("POST", "/" + resource["resourceType"], resource, **headers)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def sequence(self):
        return self.http.get(self.server.url + "/health").json()["sequence"]


@pytest.fixture(scope="session")
def server(tmp_path_factory):
    one = Server(tmp_path_factory.mktemp("data") / "rihla")
    yield one
    one.stop()


@pytest.fixture
def fhir(server):
    with server.client() as client:
        yield Fhir(server, client)


@pytest.fixture
def fresh(tmp_path):
    """A server with an empty directory, for tests that count everything."""
    one = Server(tmp_path / "rihla")
    with one.client() as client:
        yield Fhir(one, client)
    one.stop()


def wants(answer, status, *fragments):
    """The status, and an OperationOutcome whose diagnostics hold the fragments."""
    assert answer.status_code == status, f"{answer.status_code}: {answer.text[:500]}"
    outcome = answer.json()
    assert outcome["resourceType"] == "OperationOutcome", outcome
    text = " ".join(i.get("diagnostics", "") + " " + " ".join(i.get("expression", [])) for i in outcome["issue"])
    for fragment in fragments:
        assert fragment in text, f"{fragment!r} is not in {text!r}"
    return outcome
