# SPDX-License-Identifier: GPL-3.0-or-later
"""Paging while others write: nothing twice, nothing left out that was there from start to end."""
import http.client
import json
import os
import random
import threading
from urllib.parse import urlsplit

from conftest import FHIR_JSON

LONG = bool(os.environ.get("RIHLA_LONG"))
STAY = 4000 if LONG else 1200  # resources that are there all the time
WRITES = 200000 if LONG else 12000
READERS = 50 if LONG else 12
WRITERS = 4
BATCH = 100
QUERIES = (
    "/Observation?code=stay&_count=37",
    "/Observation?code=stay&_sort=-date&_count=53",
    "/Observation?code=stay&_sort=date,_id&_count=61",
    "/Observation?status=final,amended&_count=97",
    "/Observation?date=ge2019&_count=80",
    "/Observation?code=stay&_sort=_lastUpdated&_count=45",
    "/Patient?name=sta&_count=7",
    "/Observation?subject:Patient.gender=female&code=stay&_sort=-value-quantity&_count=50",
)


def patient(n):
    return {"resourceType": "Patient", "id": f"p{n}", "gender": ("female", "male")[n % 2], "name": [{"family": f"Stay{n}"}]}


def observation(identity, code, n, rnd):
    return {"resourceType": "Observation", "id": identity, "status": ("final", "amended")[n % 2], "code": {"coding": [{"system": "urn:t", "code": code}]},
            "subject": {"reference": f"Patient/p{n % 40}"}, "effectiveDateTime": f"20{18 + n % 5}-{1 + n % 12:02}-{1 + n % 28:02}",
            "valueQuantity": {"value": rnd.randrange(1000), "unit": "cm", "system": "http://unitsofmeasure.org", "code": "cm"}}


class Connection:
    def __init__(self, base):
        self.base = urlsplit(base)
        self.http = http.client.HTTPConnection(self.base.hostname, self.base.port, timeout=120)

    def call(self, method, path, body=None):
        self.http.request(method, self.base.path + path, body and json.dumps(body), {"Accept": FHIR_JSON, "Content-Type": FHIR_JSON})
        answer = self.http.getresponse()
        text = answer.read()
        assert answer.status in (200, 201), f"{method} {path}: {answer.status} {text[:300]}"
        return json.loads(text)

    def put(self, resources):
        entries = [{"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}} for r in resources]
        return self.call("POST", "/", {"resourceType": "Bundle", "type": "batch", "entry": entries})


def pages(connection, query, prefix):
    """Every id of a search, page by page."""
    path, ids = query, []
    while path:
        bundle = connection.call("GET", path)
        ids += [e["resource"]["id"] for e in bundle.get("entry", []) if e["search"]["mode"] == "match"]
        following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
        path = following[0][len(prefix):] if following else None
    return ids


def test_paging_while_others_write(fresh):
    base, stop, failures, done = fresh.base, threading.Event(), [], []
    first = Connection(base)
    rnd = random.Random(5)
    first.put([patient(n) for n in range(40)])
    for start in range(0, STAY, BATCH):
        first.put([observation(f"s{n}", "stay", n, rnd) for n in range(start, min(start + BATCH, STAY))])
    whole = {q: set(pages(first, q, base)) for q in QUERIES}
    assert len(whole[QUERIES[0]]) == STAY and len(whole[QUERIES[6]]) == 40

    def write(number):
        try:
            mine, rnd = Connection(base), random.Random(number)
            for start in range(0, WRITES // WRITERS, BATCH):
                # new ones, changed ones, and changes of those that stay which keep what the searches ask; a person is never corrected
                coming = rnd.sample(range(3000), BATCH - 10)
                rows = [observation(f"w{number}-{n}", "come", n, rnd) for n in coming]
                stay = rnd.sample(range(STAY), 10)
                again = [observation(f"s{n}", "stay", n, random.Random(5)) for n in stay]
                for n, r in zip(stay, again):
                    r["note"] = [{"text": f"{number} {start}"}]
                    r["valueQuantity"]["value"] = n
                mine.put(list({r["id"]: r for r in rows + again}.values()))
                if stop.is_set():
                    return
        except Exception as e:  # noqa: BLE001 - told by the test
            failures.append(f"writer {number}: {e!r}")
        finally:
            done.append(number)

    # values of those that stay are set once before the readers start, so that sorts by them are stable
    for start in range(0, STAY, BATCH):
        rows = [observation(f"s{n}", "stay", n, rnd) for n in range(start, min(start + BATCH, STAY))]
        for n, r in enumerate(rows, start):
            r["valueQuantity"]["value"] = n
        first.put(rows)

    def read(number):
        try:
            mine, turn = Connection(base), number
            while len(done) < WRITERS:
                query = QUERIES[turn % len(QUERIES)]
                if "_lastUpdated" in query:  # what is changed meanwhile moves behind, and may be met again there
                    ids = pages(mine, query, base)
                    if missing := whole[query] - set(ids):
                        failures.append(f"{query}: {len(missing)} left out, e.g. {sorted(missing)[:3]}")
                else:
                    ids = pages(mine, query, base)
                    if len(ids) != len(set(ids)):
                        failures.append(f"{query}: {len(ids) - len(set(ids))} twice")
                    if missing := whole[query] - set(ids):
                        failures.append(f"{query}: {len(missing)} left out, e.g. {sorted(missing)[:3]}")
                turn += 1
                if failures:
                    return
        except Exception as e:  # noqa: BLE001
            failures.append(f"reader {number}: {e!r}")

    threads = [threading.Thread(target=write, args=(n,)) for n in range(WRITERS)] + [threading.Thread(target=read, args=(n,)) for n in range(READERS)]
    for t in threads:
        t.start()
    for t in threads:
        t.join(1100)
    stop.set()
    assert not failures, failures[:5]
