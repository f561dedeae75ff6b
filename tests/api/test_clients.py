# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that others wrote, each against the real program: create, read, page, search, update with a version, subscribe."""
import importlib.util
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from conftest import ROOT, Server

CLIENTS = Path(__file__).resolve().parents[1] / "clients"
HOOK = "127.0.0.1:9"  # nobody listens there: what is subscribed is not what is tested here


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    one = Server(tmp_path_factory.mktemp("clients") / "rihla", "--hook", HOOK)
    yield one
    one.stop()


def run(served, command, folder=CLIENTS, timeout=120):
    tag = "client" + uuid.uuid4().hex[:8]
    done = subprocess.run([*command, served.fhir, tag, f"http://{HOOK}/hook"], cwd=folder, capture_output=True, text=True, timeout=timeout)
    assert done.returncode == 0 and done.stdout.strip().endswith("done"), (done.stdout + done.stderr)[-3000:]


@pytest.mark.skipif(not (CLIENTS / "node_modules").is_dir() or not shutil.which("node"), reason="npm packages of tests/clients are not installed")
@pytest.mark.parametrize("script", ["kit.mjs", "smart.mjs"])
def test_clients_of_npm(served, script):
    run(served, ["node", script])


@pytest.mark.skipif(not importlib.util.find_spec("fhirpy"), reason="PyPI fhirpy is not installed")
def test_fhirpy(served):
    run(served, [sys.executable, "person.py"])


def java():
    """The class path of HAPI's client, compiled in build/; None: it cannot be had here."""
    if not shutil.which("java") or not shutil.which("mvn"):
        return None
    build = ROOT / "build" / "hapi"
    shutil.copytree(CLIENTS / "hapi", build, dirs_exist_ok=True)
    done = subprocess.run(["mvn", "-q", "-B", "compile", "dependency:build-classpath", "-Dmdep.outputFile=classpath"], cwd=build,
                          capture_output=True, text=True, timeout=900)
    return f"target/classes:{(build / 'classpath').read_text().strip()}" if done.returncode == 0 else None


def test_hapi(served):
    classes = java()
    if not classes:
        pytest.skip("no Java, no Maven, or Maven cannot reach its repository: HAPI's client was not run")
    run(served, ["java", "-cp", classes, "Client"], folder=ROOT / "build" / "hapi", timeout=300)
