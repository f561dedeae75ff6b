#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The figures of the record server, each beside a ceiling probed in the same run.

Machines are noisy: a row is a ratio first, a rate second. Nothing here asserts a time. Needs nginx, wrk and strace, and nothing outside
Python's library. All load goes to 127.0.0.1.

  bench.py [--bin build/rihla] [--data FOLDER] [--million] [--peers FHIRLOAD.py] [--out FILE.json] [--only WORD]
"""
import argparse
import collections
import contextlib
import glob
import http.client
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LUA = Path(__file__).with_name("requests.lua")
SECONDS = 5


def sh(*args, **kw):
    return subprocess.run([str(a) for a in args], capture_output=True, text=True, **kw)


def wrk(port, clients, lines, method="GET", seconds=SECONDS):
    with tempfile.NamedTemporaryFile("w", suffix=".txt") as f:
        f.write("\n".join(lines) + "\n")
        f.flush()
        out = sh("wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "30s", "-s", LUA, f"http://127.0.0.1:{port}", "--", method, f.name)
    try:
        return json.loads(out.stdout.strip().splitlines()[-1])
    except (IndexError, ValueError):
        sys.exit(f"wrk failed: {out.stdout[-500:]} {out.stderr[-500:]}")


# --- ceilings -------------------------------------------------------------------------------------

def ceiling_nginx(folder):
    """A static file of 2 KB, one worker, the same loader."""
    port = 18099
    (folder / "www").mkdir(exist_ok=True)
    (folder / "www" / "2k.json").write_text("x" * 2048)
    folder.chmod(0o755)
    (folder / "nginx.conf").write_text(
        f"worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/err;\nevents {{ worker_connections 256; }}\n"
        f"http {{ access_log off; sendfile on; keepalive_requests 10000000; server {{ listen 127.0.0.1:{port}; root {folder}/www; }} }}\n")
    proc = subprocess.Popen(["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf")], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    time.sleep(0.7)
    try:
        return wrk(port, 16, ["/2k.json"])
    finally:
        proc.terminate()
        proc.wait()


def ceiling_sync(folder, seconds=2):
    """4 KiB appended and made durable, one after the other."""
    fd, n, begin = os.open(folder / "sync", os.O_CREAT | os.O_WRONLY), 0, time.monotonic()
    while time.monotonic() - begin < seconds:
        os.pwrite(fd, b"x" * 4096, n * 4096)
        os.fdatasync(fd)
        n += 1
    os.close(fd)
    return n / (time.monotonic() - begin)


# --- the server -----------------------------------------------------------------------------------

class Server:
    def __init__(self, binary, data, prefix=()):
        begin = time.monotonic()
        self.proc = subprocess.Popen([*prefix, binary, "serve", "--data", str(data), "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
        line = self.proc.stdout.readline()
        if "listening on" not in line:
            sys.exit(f"the server did not start: {line!r}")
        self.port = int(line.strip().rstrip("/").rsplit(":", 1)[1])
        self.get("/fhir/metadata")
        self.start_s = time.monotonic() - begin

    def call(self, method, path, body=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        c.request(method, path, body, {"Content-Type": "application/fhir+json"} if body else {})
        r = c.getresponse()
        out = r.status, r.read()
        c.close()
        return out

    def get(self, path):
        status, body = self.call("GET", path)
        if status != 200:
            sys.exit(f"GET {path}: {status} {body[:300]!r}")
        return json.loads(body)

    def memory(self, field="VmRSS"):
        text = Path(f"/proc/{self.proc.pid}/status").read_text()
        return int(re.search(rf"{field}:\s+(\d+)", text).group(1)) / 1024

    def cpu(self):
        f = Path(f"/proc/{self.proc.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(f[11]) + int(f[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self):
        self.proc.send_signal(signal.SIGTERM)
        self.proc.wait(120)
        self.proc.stdout.close()


@contextlib.contextmanager
def serving(binary, data):
    s = Server(binary, data)
    try:
        yield s
    finally:
        s.stop()


# --- data -----------------------------------------------------------------------------------------

def bundles(o, folder):
    """Synthea bundles where they are at hand, else bundles made of our own demo people."""
    out = folder / "bundles"
    out.mkdir()
    source = Path(o.data) / "05_patients" / "dev"
    for archive in sorted(source.glob("*.tar.xz")):
        with tarfile.open(archive) as t:
            t.extractall(out, filter="data") if hasattr(tarfile, "data_filter") else t.extractall(out)
    files = sorted(out.rglob("*.json"))
    if files:
        return files, f"{len(files)} Synthea bundles"
    demo = folder / "demo.ndjson"
    sh(sys.executable, ROOT / "tools" / "demo.py", "--people", "300", "--out", demo, check=True)
    groups = collections.defaultdict(list)
    for n, line in enumerate(demo.read_text().splitlines()):
        groups[n // 250].append(json.loads(line))
    for k, resources in groups.items():
        entry = [{"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}} for r in resources]
        (out / f"{k}.json").write_text(json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entry}))
    return sorted(out.glob("*.json")), "our demo people in bundles of 250"


def ndjson(files, path, copies):
    """The resources of all bundles, `copies` times with ids and references of their own."""
    n = 0
    text = [f.read_text() for f in files]
    with open(path, "w") as out:
        for copy in range(copies):
            for t in text:
                resources = [e["resource"] for e in json.loads(t)["entry"]]
                lines = "\n".join(json.dumps(r, separators=(",", ":"), ensure_ascii=False) for r in resources)
                types = {r["id"]: r["resourceType"] for r in resources if "id" in r}
                lines = re.sub(r"urn:uuid:([0-9a-f-]{36})", lambda m: f"{types.get(m[1], 'Basic')}/{m[1]}", lines)
                if copy:
                    tag = f"{copy:04x}"
                    lines = re.sub(r"\b([0-9a-f]{4})([0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})\b", lambda m: tag + m[2], lines)
                out.write(lines + "\n")
                n += len(resources)
    return n


def observation(patient, n):
    return json.dumps({
        "resourceType": "Observation", "status": "final",
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs", "display": "Vital Signs"}]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "8302-2", "display": "Body height"}], "text": "Body height"},
        "subject": {"reference": f"Patient/{patient}"}, "effectiveDateTime": f"2019-{n % 12 + 1:02}-{n % 28 + 1:02}T08:{n % 60:02}:00+01:00",
        "valueQuantity": {"value": 140 + n % 600 / 10, "unit": "cm", "system": "http://unitsofmeasure.org", "code": "cm"},
        "note": [{"text": "Measured at the pre-departure health assessment, without shoes, on a wall-mounted stadiometer."}]}, separators=(",", ":"))


def disk(folder):
    return sum(f.stat().st_size for f in Path(folder).rglob("*") if f.is_file())


# --- rows -----------------------------------------------------------------------------------------

class Table:
    def __init__(self):
        self.rows = []

    def add(self, name, value, unit, ceiling=None, want="", note=""):
        self.rows.append({"name": name, "value": value, "unit": unit, "ceiling": ceiling, "ratio": value / ceiling if ceiling else None, "want": want, "note": note})
        r = self.rows[-1]
        ratio = f"{r['ratio']:6.2f} x ceiling" if ceiling else ""
        print(f"{name:<38}{value:>12,.1f} {unit:<12}{ratio:<18} {want:<26} {note}", flush=True)


def do_import(binary, data, paths):
    begin = time.monotonic()
    done = sh("/usr/bin/env", "time", "-f", "%M", binary, "import", "--json", "--quiet", "--data", data, *paths) if shutil.which("time") else \
        sh(binary, "import", "--json", "--quiet", "--data", data, *paths)
    took = time.monotonic() - begin
    if done.returncode:
        sys.exit(f"import: exit {done.returncode}\n{done.stdout[-800:]}\n{done.stderr[-800:]}")
    answer = json.loads(done.stdout.strip().splitlines()[-1])
    peak = re.search(r"^(\d+)$", done.stderr, re.M)
    return took, answer, int(peak[1]) / 1024 if peak else None


def bench_import(o, t, folder, files):
    data = folder / "bundled"
    took, answer, peak = do_import(o.bin, data, [files[0].parent])
    t.add("import of bundles", answer["created"] / took, "resources/s", note=f"{answer['created']} resources, {answer['refused']} refused")
    lines = folder / "lines.ndjson"
    n = ndjson(files, lines, 4)
    took, answer, peak = do_import(o.bin, folder / "lines", [lines])
    t.add("import of NDJSON", n / took, "resources/s", want=">= 15,000/s", note=f"{n} resources; peak {peak:.0f} MiB" if peak else f"{n} resources")
    t.add("disk with history and keys", disk(folder / "lines") / n, "B/resource", want="<= 1,536 B", note=f"NDJSON itself {lines.stat().st_size / n:.0f} B")
    first = n / took
    if o.million:
        copies = -(-1_000_000 // (n // 4))
        big = folder / "big.ndjson"
        total = ndjson(files, big, copies)
        marks, rate = [], None
        began = time.monotonic()
        proc = subprocess.Popen([o.bin, "import", "--json", "--data", str(folder / "million"), str(big)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for line in proc.stderr:
            with contextlib.suppress(ValueError, KeyError, TypeError):
                p = json.loads(line)
                marks.append((time.monotonic() - began, p.get("items") or p["progress"]["items"]))
        proc.wait()
        took = time.monotonic() - began
        t.add("import of 1 M resources", total / took, "resources/s", want=">= 15,000/s", note=f"{total} resources; whole run")
        early = next((s for s, k in marks if k and k >= 100_000), None)
        late = next((s for s, k in marks if k and k >= total - 200_000), None)
        if early and late:
            a, b = 100_000 / early, 200_000 / max(took - late, 0.001)
            t.add("last 200 k against first 100 k", b / a, "x", want=">= 0.8 x", note=f"{b:,.0f}/s against {a:,.0f}/s")
        t.add("disk at 1 M", disk(folder / "million") / total, "B/resource", want="<= 1,536 B")
        big.unlink()
        with serving(o.bin, folder / "million") as s:
            t.add("start on 1 M resources", 1000 * s.start_s, "ms", want="<= 100 ms")
            t.add("idle memory on 1 M", s.memory(), "MiB", want="<= 25 MiB")
            ids = [e["resource"]["id"] for e in s.get("/fhir/Observation?_count=1000")["entry"]]
            r = wrk(s.port, 16, [f"/fhir/Observation/{i}" for i in ids])
            t.add("read by id on 1 M, 16 clients", r["req_s"], "req/s", note=f"p99 {r['p99_ms']:.1f} ms, bad {r['bad']}")
            t.add("memory after it", s.memory("VmHWM"), "MiB", want="<= 128 MiB")
    return data, first


def bench_export(o, t, folder, data):
    """All of it as NDJSON, made durable; the ceiling unpacks and copies the same bodies on all cores (ninja tests/bench/bench_export)."""
    timer = Path(o.bin).parent / "tests" / "bench" / "bench_export"
    if timer.exists():
        answer = json.loads(sh(timer, data, folder / "exported").stdout)
        took, ceiling = answer["export_s"], answer["resources"] / answer["ceiling_s"]
    else:
        began = time.monotonic()
        answer = json.loads(sh(o.bin, "export", "--json", "--quiet", "--data", data, folder / "exported").stdout)
        took, ceiling = time.monotonic() - began, None
    t.add("export to NDJSON", answer["resources"] / took, "resources/s", ceiling, ">= 100,000/s", f"{answer['resources']} resources, {answer['bytes'] / took / 1e6:.0f} MB/s, with the sync of the files")
    shutil.rmtree(folder / "exported")


def bench_start(o, t, folder, data):
    s = Server(o.bin, folder / "fresh")
    t.add("first start, empty directory", 1000 * s.start_s, "ms", want="<= 500 ms")
    t.add("idle memory, empty", s.memory(), "MiB", want="<= 25 MiB")
    s.stop()
    s = Server(o.bin, data)
    t.add("start, loaded", 1000 * s.start_s, "ms", want="<= 100 ms")
    t.add("idle memory, loaded", s.memory(), "MiB", want="<= 25 MiB")
    s.stop()


def ids_of(s, type_, count=1000):
    return [e["resource"]["id"] for e in s.get(f"/fhir/{type_}?_count={count}")["entry"]]


def bench_read(o, t, folder, data):
    with serving(o.bin, data) as s:
        for type_ in ("Patient", "Observation"):
            lines = [f"/fhir/{type_}/{i}" for i in ids_of(s, type_)]
            wrk(s.port, 16, lines, seconds=1)
            ceiling = ceiling_nginx(folder)
            cpu = s.cpu()
            r = wrk(s.port, 16, lines)
            t.add(f"read {type_} by id, 16 clients", r["req_s"], "req/s", ceiling["req_s"], ">= 0.6 x, p99 <= 5 ms",
                  f"p99 {r['p99_ms']:.1f} ms, nginx p99 {ceiling['p99_ms']:.1f}; {1e6 * (s.cpu() - cpu) / max(r['requests'], 1):.0f} us CPU a read; bad {r['bad']}")
        patients = [s.get(f"/fhir/Patient/{i}") for i in ids_of(s, "Patient", 100)]
        names = sorted({n["family"] for p in patients for n in p.get("name", []) if n.get("family")})
        r = wrk(s.port, 16, [f"/fhir/Patient?name={n}&_count=20" for n in map(quote, names)], seconds=3)
        t.add("search by name, 16 clients", r["req_s"], "req/s", note=f"p99 {r['p99_ms']:.1f} ms, {r['bytes'] // max(r['requests'], 1)} B a reply, bad {r['bad']}")
        r = wrk(s.port, 16, [f"/fhir/Observation?patient={p['id']}&_count=20" for p in patients], seconds=3)
        t.add("Observations of a patient, 16 clients", r["req_s"], "req/s", note=f"p99 {r['p99_ms']:.1f} ms, bad {r['bad']}")
        t.add("memory under load", s.memory("VmHWM"), "MiB", want="<= 128 MiB")


def quote(text):
    from urllib.parse import quote as q
    return q(text)


def bench_create(o, t, folder, data):
    with serving(o.bin, data) as s:
        patients = ids_of(s, "Patient", 100)
        rnd = random.Random(1)
        bodies = [observation(rnd.choice(patients), n) for n in range(2000)]
        lines = [f"/fhir/Observation {b}" for b in bodies]
        for clients, want in ((1, ">= 0.4 x"), (16, ""), (32, ">= 5,000/s, p99 <= 25 ms")):
            ceiling = ceiling_sync(folder)
            r = wrk(s.port, clients, lines, "POST")
            t.add(f"durable create, {clients} client{'s' if clients > 1 else ''}", r["req_s"], "req/s", ceiling, want,
                  f"p50 {r['p50_ms']:.2f} p99 {r['p99_ms']:.1f} ms, bad {r['bad']}; ceiling {ceiling:,.0f} syncs/s")
        t.add("memory under load of writes", s.memory("VmHWM"), "MiB", want="<= 128 MiB")


def bench_transactions(o, t, folder, data):
    with serving(o.bin, data) as s:
        patients = ids_of(s, "Patient", 100)
        rnd = random.Random(2)
        lines = []
        for k in range(100):
            entry = [{"fullUrl": f"urn:uuid:00000000-0000-4000-8000-{i:012x}", "resource": json.loads(observation(rnd.choice(patients), i)),
                      "request": {"method": "POST", "url": "Observation"}} for i in range(100)]
            lines.append("/fhir " + json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entry}, separators=(",", ":")))
        for clients in (1, 4):
            r = wrk(s.port, clients, lines, "POST")
            t.add(f"transactions of 100, {clients} client{'s' if clients > 1 else ''}", 100 * r["req_s"], "resources/s", want=">= 8,000/s",
                  note=f"p99 {r['p99_ms']:.0f} ms, bad {r['bad']}")


def bench_strace(o, t, folder):
    """Every 201 is sent after the sync that makes it durable: seen from outside, in the order of system calls."""
    if not shutil.which("strace"):
        return
    log = folder / "strace.log"
    s = Server(o.bin, folder / "traced", ("strace", "-f", "-o", str(log), "-e", "trace=fdatasync,fsync,sendto,send,sendmsg,write,writev,sendfile"))
    for n in range(50):
        status, _ = s.call("POST", "/fhir/Basic", json.dumps({"resourceType": "Basic", "code": {"text": f"n{n}"}}))
        if status != 201:
            sys.exit(f"create under strace: {status}")
    subprocess.run(["pkill", "-TERM", "-P", str(s.proc.pid)])
    s.proc.wait(60)
    synced, early, replies = False, 0, 0
    for line in log.read_text(errors="replace").splitlines():
        if re.search(r"\b(fdatasync|fsync)\(.*= 0|<\.\.\. (fdatasync|fsync) resumed.*= 0", line):
            synced = True
        elif "201 Created" in line:
            replies += 1
            early += not synced
            synced = False
    t.add("201 replies before their sync", early, f"of {replies}", want="0", note="strace, one client")


def bench_fhirpath(o, t):
    """Expressions: this program and npm fhirpath, one core each."""
    import fhirpath
    if not (fhirpath.PEERS / "node_modules" / "fhirpath").is_dir() or not fhirpath.expressions.EXAMPLES.exists():
        print("expressions: npm packages of tests/peers or the FHIR R4 examples are not there (./dev setup test)")
        return
    f = fhirpath.ratio(o.bin, 2000, SECONDS)
    fhirpath.engine(fhirpath.built(), f)
    n = f["expressions"]
    t.add("expressions, engine", f["rihla_per_second"], "a second", ceiling=f["node_per_second"], want="50 times npm fhirpath",
          note=f"{f['engine_ratio']:.0f} times; {n} expressions over example resources, one core")
    t.add("expressions, program", n / f["program_rihla_seconds"], "a second", ceiling=n / f["program_node_seconds"],
          note=f"{f['program_ratio']:.0f} times; lines in, lines out, start to end")
    t.add(fhirpath.OFFICIAL, f["official_ns"], "ns", ceiling=f["official_node_ns"], want="1000", note="ceiling: npm fhirpath")


def timed(*args):
    """Runs a command on one core: exit code, seconds of processor, MiB at most (nan where there is no time program)."""
    measure = ["/usr/bin/env", "time", "-f", "used %U %S %M"] if shutil.which("time") else []
    before = os.times()
    done = subprocess.run([*measure, "taskset", "-c", "0", *map(str, args)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    after = os.times()
    used = re.search(r"^used ([\d.]+) ([\d.]+) (\d+)$", done.stderr, re.M)
    seconds = after.children_user + after.children_system - before.children_user - before.children_system
    return done.returncode, seconds, int(used[3]) / 1024 if used else float("nan")


def bench_validate(o, t, folder, files):
    """All rules of base R4, beside the structural check that every write passes (its lines are read and written the same way)."""
    lines = folder / "resources.ndjson"
    count = ndjson(files, lines, 1)
    checker = ROOT / "build" / "release" / "tests" / "bench" / "bench_check"
    sh("ninja", "-C", checker.parents[2], "tests/bench/bench_check")
    steps = dict(re.findall(r"^(\w+) .*?([\d.]+) us a resource", sh(checker, *files).stdout, re.M))
    ceiling = 1e6 / (float(steps["parse"]) + float(steps["check"])) if steps else None
    for level in ("error", "all"):
        code, seconds, memory = timed(o.bin, "validate", "--quiet", "--json", *(["--level", level] if level != "all" else []), lines)
        if code not in (0, 1):
            sys.exit(f"validate ended with {code}")
        t.add(f"validate base R4, one core, {level} findings", count / seconds, "resources/s", ceiling=ceiling,
              want=">= 20,000/s, <= 64 MB", note=f"{memory:.0f} MiB; ceiling: parsing and the structural check alone")


def peers(o, folder, files):
    """The driver that measured HAPI, WSO2 and Helios, on ours."""
    data = folder / "peer"
    port = 18098
    out = folder / "peers.json"
    subprocess.run([sys.executable, o.peers, "--name", "rihla", "--base", f"http://127.0.0.1:{port}/fhir", "--bundles", str(files[0].parent), "--rounds", "1",
                    "--out", str(out), "--start", f"{o.bin} serve --data {data} --listen 127.0.0.1:{port}", "--wipe", f"rm -rf {data}",
                    "--disk", f"du -sb {data} | cut -f1", "--log", str(folder / "peer.log")])
    return json.loads(out.read_text()) if out.exists() else None


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bin", default=str(ROOT / "build" / "rihla"))
    p.add_argument("--data", default=os.environ.get("RIHLA_TESTDATA", str(ROOT.parent / "shared" / "data")))
    p.add_argument("--million", action="store_true", help="also at 1 M resources (needs about 4 GB of disk and some minutes)")
    p.add_argument("--peers", help="also run this load driver (fhirload.py)")
    p.add_argument("--out", default=str(ROOT / "build" / "bench.json"))
    p.add_argument("--only", default="", help="fhirpath, import, export, start, read, create, transaction, validate, strace")
    p.add_argument("--scratch", help="folder for the data directories (default: a temporary one)")
    o = p.parse_args()
    o.bin = os.path.abspath(o.bin)
    table, result = Table(), {}
    if o.only in "fhirpath":
        bench_fhirpath(o, table)
    if o.only == "fhirpath":
        return
    with tempfile.TemporaryDirectory(dir=o.scratch, prefix="rihla-bench-") as name:
        folder = Path(name)
        files, what = bundles(o, folder)
        print(f"data: {what}; {os.cpu_count()} cores; server and loader share them\n")
        data, _ = bench_import(o, table, folder, files)
        for word, run in (("export", bench_export), ("start", bench_start), ("read", bench_read), ("create", bench_create), ("transaction", bench_transactions)):
            if o.only in word:
                run(o, table, folder, data)
        if o.only in "validate":
            bench_validate(o, table, folder, files)
        if o.only in "strace":
            bench_strace(o, table, folder)
        if o.peers:
            result["peers"] = peers(o, folder, files)
    result["rows"] = table.rows
    result["machine"] = {"cores": os.cpu_count(), "kernel": os.uname().release, "data": what}
    Path(o.out).parent.mkdir(parents=True, exist_ok=True)
    Path(o.out).write_text(json.dumps(result, indent=1))
    print(f"\n{len(table.rows)} rows; JSON in {o.out}")


if __name__ == "__main__":
    main()
