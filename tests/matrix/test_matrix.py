# SPDX-License-Identifier: GPL-3.0-or-later
"""The program's search against a slow one: thousands of generated queries, every parameter with every prefix and modifier, sorted and paged.

About 3,000 queries; RIHLA_LONG=1 asks 24,000. RIHLA_SEED: others. RIHLA_MATRIX_N: so many. RIHLA_MATRIX_QUERY='Patient?family=x&_sort=birthdate': this one only.
"""
import http.client
import json
import lzma
import os
import random
import subprocess
import tarfile
import threading
import time
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlsplit

import pytest

import data
import definitions
from api_conftest import BIN, ROOT, Server
from generate import Generator, Query
from reference import Reference, Unsupported

LONG = bool(os.environ.get("RIHLA_LONG"))
SEED = int(os.environ.get("RIHLA_SEED", "1"))
COUNT = int(os.environ.get("RIHLA_MATRIX_N", "24000" if LONG else "3000"))
ONE = os.environ.get("RIHLA_MATRIX_QUERY")
TYPES = [kind for kind, _, _ in data.KINDS]
CASES = ROOT / "tests" / "cases" / "matrix"
pytestmark = pytest.mark.skipif(not definitions.PACKAGE.exists(), reason="no FHIR definitions in build/deps/fhir: ./dev setup brings them")


class Connection:
    """One connection that stays open; answers as (status, parsed body)."""

    def __init__(self, server):
        self.http, self.base = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60), server.fhir

    def ask(self, method, path, body=None, kind="application/fhir+json"):
        headers = {"Accept": "application/fhir+json", **({"Content-Type": kind} if body is not None else {})}
        self.http.request(method, "/fhir" + path, body=body.encode() if body is not None else None, headers=headers)
        answer = self.http.getresponse()
        text = answer.read()
        return answer.status, json.loads(text) if text else None


# ---- loading -----------------------------------------------------------------------------------

def load(folder, resources, texts):
    """A server that holds these resources, come by every way: bulk load, bundles, single writes over older versions; others were deleted."""
    r = random.Random(SEED)
    ways = [r.choice("iiiibup") for _ in resources]
    others = {(x["resourceType"], x["id"]): x for x in data.make(seed=77)}
    gone = list(others.values())[::9]
    with open(folder / "first.ndjson", "w", encoding="utf-8") as f:
        for one, text, way in zip(resources, texts, ways):
            other = others.get((one["resourceType"], one["id"]))
            if way == "i":
                f.write(text + "\n")
            elif way in "bp" and other:  # an older version that says something else
                f.write(data.text_of(other) + "\n")
        for x in gone:
            f.write(data.text_of({**x, "id": "gone-" + x["id"]}) + "\n")
    subprocess.run([BIN, "import", "--quiet", "--data", str(folder / "rihla"), str(folder / "first.ndjson")], check=True, timeout=120, capture_output=True)
    server = Server(folder / "rihla")
    http = Connection(server)
    bundle = []
    for one, text, way in zip(resources, texts, ways):
        place = f"{one['resourceType']}/{one['id']}"
        if way == "b":
            bundle.append('{"resource":%s,"request":{"method":"PUT","url":"%s"}}' % (text, place))
        elif way in "up":
            status, answer = http.ask("PUT", "/" + place, text)
            assert status in (200, 201), (place, answer)
    for i in range(0, len(bundle), 20):
        status, answer = http.ask("POST", "", '{"resourceType":"Bundle","type":"transaction","entry":[%s]}' % ",".join(bundle[i:i + 20]))
        assert status == 200, answer
    for x in gone:
        status, answer = http.ask("DELETE", f"/{x['resourceType']}/gone-{x['id']}")
        assert status in (200, 204), answer
    return server


def stamped(server, resources, texts):
    """{(type, id): (resource, text)} with the lastUpdated that the server gave."""
    http, found = Connection(server), {}
    for one, text in zip(resources, texts):
        status, answer = http.ask("GET", f"/{one['resourceType']}/{one['id']}")
        assert status == 200, answer
        one = {**one, "meta": {**one.get("meta", {}), "lastUpdated": answer["meta"]["lastUpdated"]}}
        found[(one["resourceType"], one["id"])] = one, data.text_of(one)
    return found


def outside(count=2):
    """Resources of bundles of test patients from outside, as (resource, text), of types that the comparison knows."""
    folder = Path(os.environ.get("RIHLA_TESTDATA", "/nonexistent")) / "05_patients" / "dev"
    archive = folder / "synthea_r4_100.tar.xz"
    if not archive.exists():
        return []
    found, bundles = [], 0
    with lzma.open(archive) as packed, tarfile.open(fileobj=packed) as tar:
        for member in tar:
            if not member.isfile() or not member.name.endswith(".json") or member.size > 2_000_000:
                continue
            text = tar.extractfile(member).read().decode()
            bundle = json.loads(text, parse_float=data.Number)
            if bundle.get("resourceType") != "Bundle" or not any(e["resource"]["resourceType"] == "Patient" for e in bundle["entry"]):
                continue
            local = {e["fullUrl"]: f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in bundle["entry"]}
            for entry in bundle["entry"]:
                one = entry["resource"]
                if one["resourceType"] in TYPES and not one.get("contained"):
                    localize(one, local)
                    one.pop("text", None)
                    found.append(one)
            bundles += 1
            if bundles == count:
                break
    return found


def localize(thing, local):
    """urn:uuid references of a bundle become the addresses they get."""
    if isinstance(thing, dict):
        for key, value in thing.items():
            if key == "reference" and isinstance(value, str) and value in local:
                thing[key] = local[value]
            else:
                localize(value, local)
    elif isinstance(thing, list):
        for one in thing:
            localize(one, local)


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """The server and the reference over the same resources."""
    resources = data.make()
    resources += outside()
    texts = [data.text_of(one) for one in resources]
    server = load(tmp_path_factory.mktemp("matrix"), resources, texts)
    yield server, Reference(stamped(server, resources, texts), definitions.read(TYPES), BIN, server.fhir)
    server.stop()


# ---- one query ---------------------------------------------------------------------------------

class Answer:
    """All pages: `matches` in order, `pages` as (matches, included), `total` of the first page."""

    def __init__(self, http, url, post=False):
        self.matches, self.pages, self.total, self.status, self.says = [], [], None, 200, ""
        at = "/" + url
        for _ in range(2000):
            if post and not self.pages:
                kind, _, form = url.partition("?")
                status, bundle = http.ask("POST", f"/{kind}/_search", form, "application/x-www-form-urlencoded")
            else:
                status, bundle = http.ask("GET", at)
            if status != 200:
                self.status, self.says = status, json.dumps(bundle)[:600]
                return
            if not self.pages:
                self.total = bundle.get("total")
            entries = bundle.get("entry", [])
            matches = [e["resource"]["id"] for e in entries if e["search"]["mode"] == "match"]
            self.matches += matches
            self.pages.append((matches, [(e["resource"]["resourceType"], e["resource"]["id"]) for e in entries if e["search"]["mode"] == "include"]))
            after = [x["url"] for x in bundle.get("link", []) if x["relation"] == "next"]
            if not after:
                return
            place = urlsplit(after[0])
            at = place.path[len("/fhir"):] + "?" + place.query
        self.status, self.says = 200, "more than 2000 pages"


def differences(ref, http, query):
    """What is wrong with the answer, as lines; none when all is well."""
    expected = ref.search(query.kind, query.text)
    got = Answer(http, query.url(), query.post)
    if got.status != 200 or got.says:
        return [f"status {got.status}: {got.says}"]
    if "_summary=count" in query.shape:
        ok = len(expected.sure) <= (got.total or 0) <= len(expected.may) and got.total is not None and not got.matches
        return [] if ok else [f"total {got.total}, {len(expected.sure)} match, {len(got.matches)} entries"]
    wrong, have = [], set(got.matches)
    if len(have) != len(got.matches):
        wrong.append(f"twice: {sorted({m for m in have if got.matches.count(m) > 1})[:5]}")
    for word, ids in (("missing", expected.sure - have), ("too many", have - expected.may)):
        if ids:
            wrong.append(f"{word} ({len(ids)} of {len(expected.sure)}): {sorted(ids)[:5]}")
            wrong += [f"    {i}: {shown(ref, query, i)}" for i in sorted(ids)[:2]]
    if got.total is None and "_total=accurate" in query.shape:
        wrong.append("no total")
    if got.total is not None and not len(expected.sure) <= got.total <= len(expected.may):
        wrong.append(f"total {got.total}, {len(expected.sure)} match")
    if query.count and any(len(p[0]) > query.count for p in got.pages):
        wrong.append("a page is longer than _count")
    if query.sort and not wrong:
        place = ref.misplaced(query.kind, query.sort, got.matches)
        if place:
            wrong.append(f"order by {place[2]}: {place[0]} stands before {place[1]}")
            p = ref.parameters[query.kind].get(place[2])
            wrong += [f"    {i}: {[v for _, v in ref.raw(query.kind, i, p)]}" for i in place[:2]]
    if "nclude" in query.shape and not wrong:
        for matches, included in got.pages:
            want = ref.included(query.kind, query.shape, matches)
            if want != set(included) or len(set(included)) != len(included):
                wrong.append(f"included: missing {sorted(want - set(included))[:5]}, too many {sorted(set(included) - want)[:5]}"
                             + (", some twice" if len(set(included)) != len(included) else "") + f" beside {matches[:5]}")
                break
    return wrong


def shown(ref, query, name):
    """The values that a person needs to judge a difference."""
    found = []
    for key, _ in parse_qsl(query.text, keep_blank_values=True):
        parameter = ref.parameters[query.kind].get(key.split(":")[0].split(".")[0])
        if parameter:
            values = [v for _, v in ref.raw(query.kind, name, parameter)] or ref.atoms(query.kind, name, parameter)
            found.append(f"{parameter.name}={values}")
    return "; ".join(found)[:700]


def compare(world, queries, connections=3):
    """Asks all; (how many were compared, how many were not judged, the failures)."""
    server, ref = world
    done, failures, lock, todo = [0, 0], [], threading.Lock(), iter(queries)

    def work():
        http = Connection(server)
        while True:
            with lock:
                query = next(todo, None)
                if query is None or len(failures) >= 200:
                    return
            try:
                wrong = differences(ref, http, query)
            except Unsupported:
                with lock:
                    done[1] += 1
                continue
            except Exception as problem:  # a broken connection or a fault of the reference is a failure with a name, too
                wrong, http = [f"{type(problem).__name__}: {problem}"], Connection(server)
            with lock:
                done[0] += 1
                if wrong:
                    failures.append((query, wrong))
    threads = [threading.Thread(target=work) for _ in range(connections)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return done[0], done[1], failures


def report(failures):
    lines = []
    for query, wrong in failures[:40]:
        lines += ["", ("POST " if query.post else "GET ") + query.url(), *("  " + w for w in wrong), f"  again: RIHLA_MATRIX_QUERY='{query.url()}' RIHLA_SEED={SEED} pytest tests/matrix"]
    return f"{len(failures)} queries differ" + (" or more" if len(failures) >= 200 else "") + "\n".join(lines)


def parsed(url):
    """A Query from its text."""
    kind, _, text = url.partition("?")
    query, rest = Query(kind, ""), []
    shape = []
    for part in text.split("&"):
        name, _, value = part.partition("=")
        if name == "_sort":
            query.sort = value
        elif name == "_count":
            query.count = int(value)
        elif name.split(":")[0] in ("_total", "_summary", "_include", "_revinclude"):
            shape.append(part)
        else:
            rest.append(part)
    query.text, query.shape = "&".join(rest), "&".join(shape)
    return query


# ---- the tests ---------------------------------------------------------------------------------

@pytest.mark.skipif(not ONE, reason="RIHLA_MATRIX_QUERY names one query")
def test_one_query(world):
    server, ref = world
    query = parsed(ONE)
    expected, got = ref.search(query.kind, query.text), Answer(Connection(server), query.url())
    print(f"sure {len(expected.sure)}: {sorted(expected.sure)}\nmay {sorted(expected.may - expected.sure)}\ngot {len(got.matches)}: {got.matches}\n{got.says}")
    for name in sorted(expected.sure | set(got.matches)):
        print(f"  {name}: {shown(ref, query, name)}")
    assert not differences(ref, Connection(server), query), report([(query, differences(ref, Connection(server), query))])


@pytest.mark.skipif(bool(ONE), reason="one query is asked for")
def test_every_parameter_prefix_and_modifier_sorted_and_paged(world):
    _, ref = world
    generator = Generator(ref, SEED)
    start = time.monotonic()
    compared, unjudged, failures = compare(world, generator.queries(COUNT))
    print(f"{compared} queries compared, {unjudged} not judged, {len(generator.cells())} cells, {time.monotonic() - start:.1f} s")
    assert not failures, report(failures)
    assert compared >= 0.9 * COUNT and COUNT >= 1


def test_several_ranges_of_one_common_date(tmp_path):
    """So many matches that they are walked by their keys: a resource that lies in several ranges comes once."""
    resources = [{"resourceType": "Observation", "id": f"x{i}", "status": "final", "code": {"text": "a"}, "effectiveDateTime": f"2020-01-{i % 28 + 1:02}"} for i in range(700)]
    (tmp_path / "all.ndjson").write_text("".join(json.dumps(r) + "\n" for r in resources))
    subprocess.run([BIN, "import", "--quiet", "--data", str(tmp_path / "rihla"), str(tmp_path / "all.ndjson")], check=True, timeout=120, capture_output=True)
    server = Server(tmp_path / "rihla")
    try:
        http = Connection(server)
        for query in ("_lastUpdated=ge2020,ge2021", "_lastUpdated=ne2020,ne2021-05", "_lastUpdated=lt2020,ge2021", "_lastUpdated=ap2020,ge2019", "date=ge2020,ge2020-01-01",
                      "date=ne2019,ne2020-02", "date=lt2020-01-15,ge2020-01-10"):
            found = Answer(http, f"Observation?{query}&_count=50&_total=accurate")
            assert not found.says and found.total == 700 and len(found.matches) == len(set(found.matches)) == 700, query
    finally:
        server.stop()


def cases():
    for number, line in enumerate((CASES / "queries.tsv").read_text(encoding="utf-8").splitlines(), 1):
        if line and not line.startswith("#"):
            kind, query, ids = line.split("\t")
            yield pytest.param(kind, query, set(ids.split()), id=f"{number}-{kind}-{query}")


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """The resources of the cases by hand."""
    texts = (CASES / "resources.ndjson").read_text(encoding="utf-8").splitlines()
    resources = [json.loads(t, parse_float=data.Number) for t in texts]
    server = load(tmp_path_factory.mktemp("small"), resources, texts)
    yield Connection(server), Reference(stamped(server, resources, texts), definitions.read(TYPES), BIN, server.fhir)
    server.stop()


@pytest.mark.parametrize("kind, query, ids", cases())
def test_by_hand(small, kind, query, ids):
    http, ref = small
    found = ref.search(kind, query)
    assert found.sure <= ids <= found.may and (found.sure == ids or "name" in query), f"the reference says {sorted(found.sure)}"
    answer = Answer(http, f"{kind}?{quote(query, safe='=&:/.-_')}")
    assert answer.status == 200, answer.says
    assert set(answer.matches) == ids and len(answer.matches) == len(ids)
