# SPDX-License-Identifier: GPL-3.0-or-later
"""A real server on a real directory, for tests that hurt it."""
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = os.environ.get("RIHLA_BIN", str(ROOT / "build" / "rihla"))
LONG = os.environ.get("RIHLA_LONG") == "1"


class Server:
    """`rihla serve` in a process of its own; start again after it was killed."""

    def __init__(self, data, log, env=None):
        self.env = dict(os.environ, **(env or {}))
        self.data, self.log, self.proc, self.base = Path(data), open(log, "ab"), None, None

    def start(self, timeout=30):
        begin = time.monotonic()
        self.proc = subprocess.Popen([BIN, "serve", "--data", str(self.data), "--listen", "127.0.0.1:0"],
                                     stdout=subprocess.PIPE, stderr=self.log, text=True, env=self.env)
        line = self.proc.stdout.readline()
        assert line.startswith("listening on http://"), f"no ready line but {line!r}; see {self.log.name}"
        self.base = line.split()[-1].strip().rstrip("/") + "/fhir"
        assert time.monotonic() - begin < timeout
        return time.monotonic() - begin

    def kill(self):
        self.proc.send_signal(signal.SIGKILL)
        self.proc.wait()
        self.proc.stdout.close()

    def stop(self):
        if self.proc and self.proc.poll() is None:
            self.proc.send_signal(signal.SIGTERM)
            self.proc.wait(60)
            self.proc.stdout.close()
        return self.proc.returncode if self.proc else None

    def client(self, **kw):
        return httpx.Client(base_url=self.base, timeout=60, headers={"Content-Type": "application/fhir+json"}, **kw)


@pytest.fixture
def server(tmp_path):
    s = Server(tmp_path / "data", tmp_path / "server.log")
    yield s
    s.stop()
    s.log.close()


def rihla(*args, code=0, **kw):
    """One command; its standard output."""
    done = subprocess.run([BIN, *map(str, args)], capture_output=True, text=True, timeout=600, **kw)
    assert done.returncode == code, f"rihla {' '.join(map(str, args))}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done.stdout
