# SPDX-License-Identifier: GPL-3.0-or-later
"""kill -9 at random moments under sixteen writers: what was acknowledged is there, nothing is half there.

The short form kills 25 times, the long one (RIHLA_LONG=1) 1,000 times, in rounds of several on one directory.
"""
import json
import random
import threading
import time

import httpx

from conftest import LONG, rihla

WRITERS = 16
KILLS = 1000 if LONG else 25
SEED = 20261124


def bundle(group, n):
    """A transaction of three resources that belong together: one Patient and two Observations of it."""
    patient = f"urn:uuid:00000000-0000-4000-8000-{n:012x}"
    observation = lambda k: {
        "resource": {"resourceType": "Observation", "status": "final", "code": {"text": f"part {k}"},
                     "identifier": [{"system": "urn:test:group", "value": group}], "subject": {"reference": patient}},
        "request": {"method": "POST", "url": "Observation"}}
    return {"resourceType": "Bundle", "type": "transaction", "entry": [
        observation(1),
        {"fullUrl": patient, "resource": {"resourceType": "Patient", "identifier": [{"system": "urn:test:group", "value": group}]},
         "request": {"method": "POST", "url": "Patient"}},
        observation(2)]}


class Writer(threading.Thread):
    """Creates, updates and sends transactions until the server is gone; keeps what was acknowledged."""

    def __init__(self, base, name):
        super().__init__(daemon=True)
        self.base, self.name_, self.singles, self.groups, self.sent = base, name, {}, [], []

    def run(self):
        try:
            with httpx.Client(base_url=self.base, timeout=20, headers={"Content-Type": "application/fhir+json"}) as c:
                n = 0
                while True:
                    n += 1
                    id_ = f"{self.name_}-{n}"
                    body = {"resourceType": "Basic", "id": id_, "code": {"text": "first"}}
                    r = c.put(f"/Basic/{id_}", content=json.dumps(body))
                    assert r.status_code == 201, r.text
                    self.singles[id_] = "first"
                    body["code"]["text"] = "second"
                    r = c.put(f"/Basic/{id_}", content=json.dumps(body))
                    assert r.status_code == 200, r.text
                    self.singles[id_] = "second"
                    self.sent.append(id_)
                    r = c.post("", content=json.dumps(bundle(id_, n)))
                    assert r.status_code == 200, r.text
                    self.groups.append(id_)
        except httpx.TransportError:
            pass  # the server was killed


def check_round(client, writers):
    for w in writers:
        for id_, text in w.singles.items():
            r = client.get(f"/Basic/{id_}")
            assert r.status_code == 200, f"an acknowledged write is lost: Basic/{id_}"
            assert r.json()["code"]["text"] in (text, "second"), f"an acknowledged update is lost: Basic/{id_}"
        for group in w.sent[-2:] + w.groups[:2]:
            found = sum(client.get(f"/{t}", params={"identifier": f"urn:test:group|{group}", "_summary": "count"}).json()["total"]
                        for t in ("Patient", "Observation"))
            assert found in ((3,) if group in w.groups else (0, 3)), f"half a transaction: {found} of 3 of {group}"


def test_nothing_acknowledged_is_lost_by_kill_9(server, tmp_path):
    rnd = random.Random(SEED)
    starts, acknowledged = [], 0
    for kill in range(KILLS):
        starts.append(server.start())
        if kill and kill % 100 == 0:  # the directory is not to grow without end
            rihla("check", "--data", server.data)
        writers = [Writer(server.base, f"k{kill}w{i}") for i in range(WRITERS)]
        for w in writers:
            w.start()
        time.sleep(rnd.uniform(0.02, 0.6))
        server.kill()
        for w in writers:
            w.join(30)
            assert not w.is_alive()
        server.start()
        with server.client() as c:
            check_round(c, writers)
        acknowledged += sum(len(w.singles) + len(w.groups) for w in writers)
        if rnd.random() < 0.5:
            server.kill()  # also at rest
        else:
            assert server.stop() == 0
    out = rihla("check", "--data", server.data)
    print(f"{KILLS} kills, {acknowledged} acknowledged resources and transactions, slowest restart {max(starts):.2f} s; {out.splitlines()[0]}")
    assert acknowledged > KILLS
