# SPDX-License-Identifier: GPL-3.0-or-later
"""Clients that are slow on purpose lose their connection; the others notice nothing. Waits for real time limits: RIHLA_LONG=1."""
import os
import socket
import time

import pytest

pytestmark = pytest.mark.skipif(os.environ.get("RIHLA_LONG") != "1", reason="waits half a minute; set RIHLA_LONG=1")


def until_closed(s, feed, seconds):
    """Feeds a byte a second; how long until the other side ends it, and what it said."""
    started, said = time.time(), b""
    s.settimeout(1)
    while time.time() - started < seconds:
        try:
            if feed:
                s.sendall(feed)
            piece = s.recv(4000)
            if not piece:
                return time.time() - started, said
            said += piece
        except TimeoutError:
            continue
        except OSError:
            return time.time() - started, said
    return None, said


@pytest.mark.parametrize("begin, feed, least, most", [
    (b"GET /fhir/metadata HTTP/1.1\r\nHost: localhost\r\n", b"X", 8, 15),
    (b"GET /fhir/metadata HTTP/1.1\r\nHost: localhost\r\nX-A: ", b"", 8, 15),
    (b"POST /fhir/Patient HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/fhir+json\r\nContent-Length: 100000\r\n\r\n", b"", 15, 30),
    (b"POST /fhir/Patient HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/fhir+json\r\nContent-Length: 100000\r\n\r\n", b" ", 8, 30),
], ids=["headers trickle", "headers stop", "body stops", "body trickles"])
def test_slow_clients_are_cut_off(server, begin, feed, least, most):
    with socket.create_connection(("127.0.0.1", server.port)) as s:
        s.sendall(begin)
        took, said = until_closed(s, feed, most + 5)
    assert took is not None and least <= took <= most, (took, said)
    if said:
        assert b" 408 " in said.split(b"\r\n")[0] and b"too slowly" in said
    with server.client() as http:
        assert http.get("/metadata").status_code == 200
