# SPDX-License-Identifier: GPL-3.0-or-later
"""Import: everything that was sent is there, to the digit; what cannot be taken is said and nothing else is lost.

What was sent and what is stored are compared as graphs: a resource's colour is the hash of its content, with each reference replaced by the colour
of what it points to (colour refinement, three rounds). Equal multisets of colours mean that every resource is there once, unchanged, and
that its references lead to the right ones, whatever ids were given.
"""
import collections
import datetime
import gzip
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import tarfile
import time
import uuid
from pathlib import Path

import pytest

from conftest import BIN, ROOT, Server
from program import check, exported, lines, load, rihla

OUTSIDE = os.environ.get("RIHLA_TESTDATA")
ROUNDS = 3


def parse(text):
    """JSON with numbers as their text, marked so that they differ from strings."""
    return json.loads(text, parse_float=lambda s: "\x01" + s, parse_int=lambda s: "\x01" + s)


def digest(*pieces):
    h = hashlib.blake2b(digest_size=16)
    for piece in pieces:
        h.update(piece if isinstance(piece, bytes) else piece.encode())
        h.update(b"\0")
    return h.digest()


class Graph:
    """Resources by key, their content without references, and the references in order."""

    def __init__(self):
        self.content, self.references, self.alias = {}, {}, {}

    def add(self, key, resource, base=None):
        resource = dict(resource)
        meta = dict(resource.pop("meta", {}))
        resource.pop("id", None)
        meta.pop("versionId", None)
        meta.pop("lastUpdated", None)
        found = []
        self._take(resource, found, base)
        assert key not in self.content, f"{key} twice"
        self.content[key] = digest(json.dumps(resource), json.dumps(meta))
        self.references[key] = found

    def _take(self, value, found, base):
        if isinstance(value, dict):
            target = value.get("reference")
            if isinstance(target, str) and not target.startswith("#"):
                found.append((base, target))
                value["reference"] = "\x02"
            for inner in value.values():
                self._take(inner, found, base)
        elif isinstance(value, list):
            for inner in value:
                self._take(inner, found, base)

    def _target(self, reference):
        base, text = reference
        key = self.alias.get((base, text), self.alias.get((None, text), text))
        return key if key in self.content else None

    def colours(self):
        colour = dict(self.content)
        for _ in range(ROUNDS):
            colour = {key: digest(self.content[key], *(colour[t] if (t := self._target(r)) else r[1] for r in self.references[key]))
                      for key in self.content}
        return colour


def sent(bundles):
    """The graph of what the files say, and an independent count by type."""
    graph, counts = Graph(), collections.Counter()
    for path in bundles:
        for i, entry in enumerate(parse(path.read_text("utf-8"))["entry"]):
            resource = entry["resource"]
            counts[resource["resourceType"]] += 1
            put = entry.get("request", {}).get("method") == "PUT"
            key = f"{resource['resourceType']}/{resource['id']}" if put else (path.name, i)
            graph.alias[(path.name, entry.get("fullUrl"))] = key
            graph.add(key, resource, path.name)
    return graph, counts


def stored(data, out, *options):
    graph, counts = Graph(), collections.Counter()
    for kind, line in exported(data, out, *options):
        resource = parse(line)
        assert resource["resourceType"] == kind
        assert resource["meta"]["versionId"] and resource["meta"]["lastUpdated"]
        counts[kind] += 1
        graph.add(f"{kind}/{resource['id']}", resource)
    return graph, counts


def compare(want, have):
    """No resource is missing, changed, or there twice, and each reference leads where it should."""
    want, have = want.colours(), have.colours()
    missing = collections.Counter(want.values()) - collections.Counter(have.values())
    extra = collections.Counter(have.values()) - collections.Counter(want.values())
    assert not missing and not extra, (
        f"{sum(missing.values())} differ from what was sent: {[k for k, c in want.items() if c in missing][:5]}, "
        f"stored as {[k for k, c in have.items() if c in extra][:5]}")


def takes_all(bundles, tmp_path):
    data = tmp_path / "rihla"
    want, counts = sent(bundles)
    result, said = load(data, bundles[0].parent)
    assert result == {"files": len(bundles), "created": sum(counts.values()), "updated": 0, "unchanged": 0, "refused": 0}, said[:10]
    assert said == []
    have, found = stored(data, tmp_path / "out")
    assert found == counts
    unresolved = [(k, r[1]) for k, refs in have.references.items() for r in refs if r[1].startswith("urn:") or "?" in r[1]]
    assert unresolved == []
    dangling = [(k, r[1]) for k, refs in have.references.items() for r in refs if not have._target(r)]
    assert dangling == [], f"{len(dangling)} references lead nowhere"
    compare(want, have)
    read_over_http(data, have)
    result, said = load(data, bundles[0].parent)
    assert result == {"files": len(bundles), "created": 0, "updated": 0, "unchanged": sum(counts.values()), "refused": 0}, said[:10]
    report = check(data)
    assert report["entries"] == report["resources"] == sum(counts.values()), "a second import makes no versions"


def read_over_http(data, have):
    """A sample read one by one is the same as in the export."""
    server = Server(data)
    sample = random.Random(1).sample(sorted(have.content), min(200, len(have.content)))
    with server.client() as http:
        for key in sample:
            answer = http.get("/" + key)
            assert answer.status_code == 200
            one = Graph()
            one.add(key, parse(answer.text))
            assert (one.content[key], [r[1] for r in one.references[key]]) == (have.content[key], [r[1] for r in have.references[key]])
    server.stop()


# --- what others made ------------------------------------------------------------------------------


def test_all_outside_bundles_are_there_to_the_digit(tmp_path):
    archives = sorted(Path(OUTSIDE, "05_patients/dev").glob("*.tar.xz")) if OUTSIDE else []
    if not archives:
        reason = f"no 05_patients/dev/*.tar.xz in RIHLA_TESTDATA ({OUTSIDE or 'not set'}): bundles of another generator are not tried"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    folder = tmp_path / "bundles"
    folder.mkdir()
    for archive in archives:
        with tarfile.open(archive) as tar:
            for member in tar:
                if member.isfile() and member.name.endswith(".json"):
                    (folder / Path(member.name).name).write_bytes(tar.extractfile(member).read())
    takes_all(sorted(folder.glob("*.json")), tmp_path)


# --- our own ------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """Some thirty people of the demo generator, one resource a line, on a day that never changes."""
    out = tmp_path_factory.mktemp("demo") / "demo.ndjson"
    subprocess.run([sys.executable, ROOT / "tools" / "demo.py", "--people", "30", "--today", "2026-05-04", "--out", out], check=True, timeout=120,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return out


def bundle_of(entries, kind="transaction"):
    return {"resourceType": "Bundle", "type": kind, "entry": entries}


def post(resource, full_url, **request):
    resource = {k: v for k, v in resource.items() if k != "id"}
    return {"fullUrl": full_url, "resource": resource, "request": {"method": "POST", "url": resource["resourceType"], **request}}


def put(resource, full_url=None):
    url = f"{resource['resourceType']}/{resource['id']}"
    return {**({"fullUrl": full_url} if full_url else {}), "resource": resource, "request": {"method": "PUT", "url": url}}


def linked(value, names):
    """A copy whose references to what is in `names` are urn:uuid."""
    if isinstance(value, dict):
        return {k: names.get(v, v) if k == "reference" else linked(v, names) for k, v in value.items()}
    return [linked(v, names) for v in value] if isinstance(value, list) else value


def person_of(resource):
    for name in ("subject", "patient", "beneficiary"):
        reference = resource.get(name, {}).get("reference", "")
        if reference.startswith("Patient/"):
            return reference
    return f"Patient/{resource['id']}" if resource["resourceType"] == "Patient" else None


def test_own_bundles_are_there_to_the_digit(demo, tmp_path):
    """Places by PUT; each person one transaction in any order, linked by urn:uuid; people refer to each other by their own ids."""
    order = random.Random(7)
    groups = collections.defaultdict(list)
    for line in lines(demo):
        resource = json.loads(line)
        groups[person_of(resource) or "places"].append(resource)
    folder = tmp_path / "bundles"
    folder.mkdir()
    for i, (person, resources) in enumerate(groups.items()):
        names = {f"{r['resourceType']}/{r['id']}": f"urn:uuid:{uuid.UUID(int=order.getrandbits(128))}" for r in resources}
        order.shuffle(resources)
        if person == "places":
            entries = [put(r) for r in resources]
        else:
            entries = [(put if r["resourceType"] == "Patient" else post)(linked(r, names), names[f"{r['resourceType']}/{r['id']}"]) for r in resources]
        (folder / f"{i:03}.json").write_text(json.dumps(bundle_of(entries), ensure_ascii=False, indent=1), "utf-8")
    assert len(groups) > 30
    takes_all(sorted(folder.glob("*.json")), tmp_path)


def test_the_comparison_sees_a_digit_a_lost_twin_and_a_wrong_link():
    def graph(*resources):
        g = Graph()
        for r in resources:
            g.add(f"{r['resourceType']}/{r['id']}", parse(json.dumps(r)))
        return g

    a, b = [{"resourceType": "Patient", "id": i, "active": i == "a"} for i in "ab"]
    weight = {"resourceType": "Observation", "id": "w", "subject": {"reference": "Patient/a"}, "valueQuantity": {"value": 1.5}}
    compare(graph(a, b, weight), graph(b, a, {**weight, "id": "other", "meta": {"versionId": "1"}}))
    for other in ([a, b], [a, a | {"id": "c"}, b, weight], [a, b, weight | {"subject": {"reference": "Patient/b"}}], [a, b, weight | {"valueQuantity": {"value": 1}}]):
        with pytest.raises(AssertionError):
            compare(graph(a, b, weight), graph(*other))
