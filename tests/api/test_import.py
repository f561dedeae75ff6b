# SPDX-License-Identifier: GPL-3.0-or-later
"""Import: everything that was sent is there, to the digit; what cannot be taken is said and nothing else is lost.

What was sent and what is stored are compared as graphs: a resource's colour is the hash of its content, with each reference replaced by the colour
of what it points to (colour refinement, three rounds). Equal multisets of colours mean that every resource is there once, unchanged, and
that its references lead to the right ones, whatever ids were given.
"""
import collections
import contextlib
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
from program import check, counts_of, exported, lines, load, rihla

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


# --- again, and what is not right ---------------------------------------------------------------------


def patient(n, **more):
    return {"resourceType": "Patient", "id": f"p{n}", "active": True, **more}


def write_lines(path, resources):
    text = "".join((r if isinstance(r, str) else json.dumps(r, ensure_ascii=False)) + "\n" for r in resources)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def bodies(data, out, *options):
    return {f"{kind}/{r['id']}": r for kind, line in exported(data, out, *options) for r in [json.loads(line)]}


def test_a_changed_resource_is_updated_and_the_rest_stays(tmp_path):
    data, file = tmp_path / "d", tmp_path / "a.ndjson"
    write_lines(file, [patient(n) for n in range(50)])
    assert load(data, file)[0]["created"] == 50
    write_lines(file, [patient(n, **({"gender": "female"} if n == 7 else {})) for n in range(50)])
    counts, _ = load(data, file)
    assert (counts["created"], counts["updated"], counts["unchanged"]) == (0, 1, 49)
    assert bodies(data, tmp_path / "o")["Patient/p7"]["gender"] == "female"
    assert check(data)["entries"] == 51


def test_bad_lines_are_said_with_file_and_line_and_the_rest_goes_on(tmp_path):
    data, file = tmp_path / "d", tmp_path / "bad.ndjson"
    write_lines(file, [
        patient(1),
        '{"resourceType":"Patient","id":',
        patient(3, nickname="x"),
        "",
        {"resourceType": "Patient", "active": False},
        {"resourceType": "Patient", "id": "p6", "birthDate": "1990-13-01"},
        {"resourceType": "Dragon", "id": "p7"},
        {"resourceType": "Observation", "id": "o8"},
        {"resourceType": "Patient", "id": "not an id"},
        '{"resourceType":"Patient","id":"p10","id":"p11"}',
        "[1,2]",
        {"resourceType": "Patient", "id": "p12", "active": "yes"},
        patient(13),
    ])
    counts, said = load(data, file, code=1)
    assert counts == {"files": 1, "created": 3, "updated": 0, "unchanged": 0, "refused": 9}, said
    wanted = {2: "", 3: "Patient.nickname", 6: "Patient.birthDate", 7: "Dragon", 8: "Observation.", 9: "id", 10: "id", 11: "", 12: "Patient.active"}
    assert len(said) == len(wanted), said
    for line, place in wanted.items():
        told = [s for s in said if s.startswith(f"{file}:{line}: ")]
        assert len(told) == 1 and place in told[0], f"line {line}: {said}"
        assert len(told[0]) > len(f"{file}:{line}: ") + 10
    have = bodies(data, tmp_path / "o")
    assert len(have) == 3 and {"Patient/p1", "Patient/p13"} < set(have), "a resource without an id gets one"
    counts, again = load(data, file, code=1)
    assert (counts["created"], counts["unchanged"], counts["refused"]) == (0, 3, 9) and sorted(again) == sorted(said)
    assert check(data)["entries"] == 3


def test_a_bad_entry_of_a_transaction_stores_nothing_of_it_and_of_a_collection_only_itself(tmp_path):
    good, bad = patient(1), patient(2, nickname="x")
    (tmp_path / "t.json").write_text(json.dumps(bundle_of([put(good), put(bad)])))
    (tmp_path / "c.json").write_text(json.dumps(bundle_of([{"resource": patient(3)}, {"resource": bad}], "collection")))
    counts, said = load(tmp_path / "d", tmp_path / "t.json", tmp_path / "c.json", code=1)
    assert (counts["created"], counts["refused"]) == (1, 3), said
    assert len(said) == 2 and all("Bundle.entry[1].resource.nickname" in s for s in said)
    assert list(bodies(tmp_path / "d", tmp_path / "o")) == ["Patient/p3"]


@pytest.mark.parametrize("kind", ["collection", "batch", "searchset", "document", "history"])
def test_every_kind_of_bundle_is_taken(kind, tmp_path):
    urn = f"urn:uuid:{uuid.UUID(int=5)}"
    observation = {"resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "x"}, "subject": {"reference": urn}}
    (tmp_path / "b.json").write_text(json.dumps(bundle_of([{"resource": observation}, {"fullUrl": urn, "resource": patient(1)}], kind)))
    assert load(tmp_path / "d", tmp_path / "b.json")[0]["created"] == 2
    have = bodies(tmp_path / "d", tmp_path / "o")
    assert have["Observation/o1"]["subject"]["reference"] == "Patient/p1"


def test_entries_with_one_full_url_are_told_of_and_linked_all_the_same(tmp_path):
    urn = f"urn:uuid:{uuid.UUID(int=6)}"
    observation = {"resourceType": "Observation", "id": "o1", "status": "final", "code": {"text": "x"}, "subject": {"reference": urn}}
    (tmp_path / "b.json").write_text(json.dumps(bundle_of([{"resource": observation}, {"fullUrl": urn, "resource": patient(1)},
                                                           {"fullUrl": urn, "resource": patient(1)}], "history")))
    counts, said = load(tmp_path / "d", tmp_path / "b.json")
    assert counts["created"] == 2 and "two entries have the fullUrl" in said[0]
    assert bodies(tmp_path / "d", tmp_path / "o")["Observation/o1"]["subject"]["reference"] == "Patient/p1"


def test_conditions_of_bundles_are_kept(tmp_path):
    """ifNoneExist finds what an earlier file or an earlier bundle brought; a conditional reference as well."""
    identifier = [{"system": "urn:x", "value": "1"}]
    practitioner = {"resourceType": "Practitioner", "identifier": identifier}
    urn = "urn:uuid:11111111-2222-4333-8444-555555555555"

    def visit(name, reference):
        return post({"resourceType": "Observation", "status": "final", "code": {"text": name}, "performer": [{"reference": reference}]}, None)

    write_lines(tmp_path / "b.ndjson", [
        bundle_of([visit("one", urn), post(practitioner, urn, ifNoneExist="identifier=urn:x|1")]),
        bundle_of([post(practitioner, urn, ifNoneExist="identifier=urn:x|1"), visit("two", urn)]),
        bundle_of([visit("three", "Practitioner?identifier=urn:x|1")]),
        bundle_of([visit("four", "Practitioner?identifier=urn:x|none")]),
    ])
    counts, said = load(tmp_path / "d", tmp_path / "b.ndjson", code=1)
    assert (counts["created"], counts["unchanged"], counts["refused"]) == (4, 1, 1), said
    assert len(said) == 1 and ":4: Bundle.entry[0].resource: " in said[0] and "urn:x|none" in said[0]
    have = bodies(tmp_path / "d", tmp_path / "o")
    (practitioner_key,) = [k for k in have if k.startswith("Practitioner/")]
    assert [r["performer"][0]["reference"] for r in have.values() if r["resourceType"] == "Observation"] == [practitioner_key] * 3
    counts, _ = load(tmp_path / "d", tmp_path / "b.ndjson", code=1)
    assert (counts["created"], counts["unchanged"]) == (0, 5)
    check(tmp_path / "d")


def test_a_bad_entry_of_a_batch_with_conditions_refuses_only_itself(tmp_path):
    practitioner = {"resourceType": "Practitioner", "identifier": [{"system": "urn:x", "value": "1"}]}
    urn = "urn:uuid:11111111-2222-4333-8444-666666666666"
    visit = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "performer": [{"reference": urn}]}
    entries = [post(visit, None), post(practitioner, urn, ifNoneExist="identifier=urn:x|1"), put(patient(2, nickname="x"))]
    (tmp_path / "b.json").write_text(json.dumps(bundle_of(entries, "batch")))
    counts, said = load(tmp_path / "d", tmp_path / "b.json", code=1)
    assert (counts["created"], counts["refused"]) == (2, 1), said
    assert len(said) == 1 and "Bundle.entry[2].resource.nickname" in said[0]
    (tmp_path / "t.json").write_text(json.dumps(bundle_of(entries)))
    counts, _ = load(tmp_path / "e", tmp_path / "t.json", code=1)
    assert (counts["created"], counts["refused"]) == (0, 3)


def test_two_versions_in_one_file_are_two_versions(tmp_path):
    write_lines(tmp_path / "a.ndjson", [patient(1, gender="male"), patient(2), patient(1, gender="female"), patient(1, gender="other"), patient(2)])
    counts, _ = load(tmp_path / "d", tmp_path / "a.ndjson")
    assert (counts["created"], counts["updated"], counts["unchanged"]) == (2, 2, 1)
    server = Server(tmp_path / "d")
    with server.client() as http:
        history = http.get("/Patient/p1/_history").json()
    server.stop()
    assert [e["resource"]["gender"] for e in history["entry"]] == ["other", "female", "male"]
    check(tmp_path / "d")


def test_folders_packed_files_and_other_names(tmp_path):
    inner = tmp_path / "in" / "deeper"
    inner.mkdir(parents=True)
    write_lines(inner / "a.ndjson.gz", [patient(1)])
    write_lines(inner / "b.jsonl", [patient(2), patient(3)])
    (inner / "c.json.gz").write_bytes(gzip.compress(json.dumps(patient(4)).encode()))
    (tmp_path / "in" / "d.json").write_text(json.dumps(patient(5), indent=2))
    (tmp_path / "in" / "notes.txt").write_text("not for us")
    (tmp_path / "plain").write_text(json.dumps(patient(6)))
    (inner / "e.ndjson.gz").write_bytes(gzip.compress(json.dumps(patient(7)).encode() + b"\n") + gzip.compress(json.dumps(patient(8)).encode()))
    counts, said = load(tmp_path / "d", tmp_path / "in", tmp_path / "plain")
    assert (counts["files"], counts["created"]) == (6, 8), said
    assert set(bodies(tmp_path / "d", tmp_path / "o")) == {f"Patient/p{n}" for n in range(1, 9)}


def test_damaged_gzip_is_said_and_the_other_files_are_loaded(tmp_path):
    whole = gzip.compress("".join(json.dumps(patient(n, name=[{"text": os.urandom(40).hex()}])) + "\n" for n in range(20000)).encode())
    (tmp_path / "a.ndjson.gz").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(json.dumps(patient(1)).encode())[:-12])
    broken = bytearray(whole)
    broken[len(broken) // 2] ^= 0xFF
    (tmp_path / "c.ndjson.gz").write_bytes(broken)
    write_lines(tmp_path / "d.ndjson", [patient(99999)])
    counts, said = load(tmp_path / "d", *(tmp_path / n for n in ("a.ndjson.gz", "b.json.gz", "c.ndjson.gz", "d.ndjson")), code=1)
    assert counts["files"] == 4
    for name in ("a.ndjson.gz", "b.json.gz", "c.ndjson.gz"):
        assert len([s for s in said if f"{name}:" in s and "the gzip data are damaged" in s]) == 1, said[:10]
    assert counts["refused"] == len(said) and 5000 < counts["created"] < 20000
    assert "Patient/p99999" in bodies(tmp_path / "d", tmp_path / "o")


def test_a_path_that_is_not_there_loads_nothing(tmp_path):
    write_lines(tmp_path / "a.ndjson", [patient(1)])
    done = rihla("import", "--data", tmp_path / "d", tmp_path / "a.ndjson", tmp_path / "missing", code=3)
    assert "missing" in done.stderr and not (tmp_path / "d").exists()
    assert load(tmp_path / "d", tmp_path / "a.ndjson")[0]["created"] == 1


def test_a_folder_without_anything_to_load_is_said(tmp_path):
    (tmp_path / "empty").mkdir()
    assert ".ndjson" in rihla("import", "--data", tmp_path / "d", tmp_path / "empty", code=3).stderr


def test_a_line_that_is_too_long_is_said(tmp_path):
    file = write_lines(tmp_path / "a.ndjson", [patient(1), patient(2, name=[{"text": "x" * (17 << 20)}]), patient(3)])
    counts, said = load(tmp_path / "d", file, code=1)
    assert any(s.startswith(f"{file}:2: ") for s in said), said
    assert counts["created"] >= 1


# --- interrupted -----------------------------------------------------------------------------------------


def big_file(path, n):
    """Bodies so large that a batch of the load is full after about 4,800 of them."""
    filler = "the same again " * 1400
    with open(path, "w", encoding="utf-8") as f:
        for i in range(n):
            f.write(json.dumps({"resourceType": "Patient", "id": f"p{i}", "name": [{"family": f"Family{i % 977}", "given": [f"Given{i}"], "text": filler}],
                                "birthDate": f"{1940 + i % 80}-0{1 + i % 9}-1{i % 10}", "identifier": [{"system": "urn:x", "value": f"{i:09}"}]}) + "\n")
    return path


def stored_bytes(data):
    """What is on the disk already, seen from outside while a load runs."""
    total = 0
    for name in ("rihla.db", "rihla.db-wal"):
        with contextlib.suppress(FileNotFoundError):  # a journal comes and goes
            total += (data / name).stat().st_size
    return total


def start_import(data, file):
    return subprocess.Popen([BIN, "import", "--quiet", "--data", data, file], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_import_goes_on_and_nothing_is_twice(how, tmp_path):
    n, data = 10000, tmp_path / "d"
    file = big_file(tmp_path / "big.ndjson", n)
    process = start_import(data, file)
    until = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until and stored_bytes(data) < 1 << 20:
        time.sleep(0.01)
    assert process.poll() is None, "the file was loaded before it could be interrupted"
    process.send_signal(how)
    out, errors = process.communicate(timeout=120)
    assert process.returncode == (3 if how == signal.SIGINT else -signal.SIGKILL), out + errors
    before = check(data)
    assert before["entries"] == before["resources"] < n
    done = rihla("import", "--data", data, file)
    counts = counts_of(done)
    assert counts["refused"] == counts["updated"] == 0
    assert counts["created"] == n - before["resources"]
    if how == signal.SIGINT:
        assert "start it again" in errors and before["resources"] > 0
        assert f"{file}: going on where the last import stopped" in done.stderr and counts["unchanged"] == 0
    after = check(data)
    assert after["entries"] == after["resources"] == n
    counts, said = load(data, file)
    assert (counts["created"], counts["updated"], counts["unchanged"]) == (0, 0, n), "marks are gone once a load is complete"


def test_files_done_before_an_interruption_are_read_again_after_the_load_is_complete(tmp_path):
    """A mark that stayed behind would hide that a resource was deleted since."""
    data = tmp_path / "d"
    small, big = write_lines(tmp_path / "a.ndjson", [patient(f"small{n}") for n in range(3)]), big_file(tmp_path / "big.ndjson", 10000)
    process = subprocess.Popen([BIN, "import", "--quiet", "--data", data, small, big], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and stored_bytes(data) < 1 << 20:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.wait(60) == 3
    process.communicate()
    load(data, small, big)
    counts, said = load(data, small)
    assert counts["unchanged"] == 3, (counts, said)
