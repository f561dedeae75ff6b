#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same FHIRPath expressions over the same resources: rihla and npm fhirpath (model r4), one core each.

  fhirpath.py [--bin build/rihla] [--engine bench_fhirpath] [--count 2000] [--seconds 4]

"engine": compiled expressions over parsed resources in one process, again and again. "program": lines of
JSON in, lines out, start to end. Expressions that one of the two refuses are left out.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PEERS = ROOT / "tests" / "peers"
sys.path.insert(0, str(PEERS))
import expressions  # noqa: E402

OFFICIAL = "name.where(use='official').given"
PATIENT = {"resourceType": "Patient", "id": "a", "active": True, "birthDate": "1980-05-04", "gender": "female",
           "name": [{"use": "usual", "given": ["Sam"]}, {"use": "official", "family": "Haddad", "given": ["Samira", "Leila"]}],
           "telecom": [{"system": "phone", "value": "+961 1 000000"}], "address": [{"city": "Beirut", "country": "LB"}]}


def one_core(command):
    return ["taskset", "-c", "0", *map(str, command)] if shutil.which("taskset") else list(map(str, command))


def run(command, text, **more):
    began = time.monotonic()
    done = subprocess.run(one_core(command), input=text, capture_output=True, text=True, timeout=500, **more)
    if done.returncode != 0:
        sys.exit(f"{command[0]}: exit {done.returncode}: {done.stderr[-500:]}")
    return done.stdout, time.monotonic() - began


def lines(rows, pool, same):
    out, before = [], None
    for i, (index, _, text) in enumerate(rows):
        row = {"id": i, "expr": text, "strict": False}
        if same and index == before:
            row["same"] = True
        else:
            row["resource"] = pool[index]
        before = index
        out.append(json.dumps(row) + "\n")
    return "".join(out)


def ratio(binary, count, seconds):
    """What `rihla` and node need for the same: a dict of figures."""
    pool = expressions.resources()
    rows = sorted(expressions.make(7, count, pool), key=lambda r: r[0])
    node = ["node", "evaluate.mjs"]
    theirs, _ = run(node, lines(rows, pool, True), cwd=PEERS)
    ours, _ = run([binary, "fhirpath", "--batch"], lines(rows, pool, False))
    good = [r for r, a, b in zip(rows, theirs.splitlines(), ours.splitlines()) if '"error"' not in a and '"error":' not in b]
    text, full = lines(good, pool, True), lines(good, pool, False)
    _, node_seconds = run(node, text, cwd=PEERS)
    rihla_seconds = min(run([binary, "fhirpath", "--batch"], full)[1] for _ in range(3))
    out, _ = run([*node, "--time", seconds], text, cwd=PEERS)
    peer = json.loads(out)
    return {"expressions": len(good), "node_per_second": peer["evaluations"] / peer["seconds"],
            "program_node_seconds": node_seconds, "program_rihla_seconds": rihla_seconds,
            "program_ratio": node_seconds / rihla_seconds, "lines": text}


def engine(timer, figures):
    out, _ = run([timer, "--lines"], figures["lines"])
    figures["rihla_per_second"] = json.loads(out)["per_second"]
    figures["engine_ratio"] = figures["rihla_per_second"] / figures["node_per_second"]
    patient = ROOT / "build" / "bench-patient.json"
    patient.parent.mkdir(exist_ok=True)
    patient.write_text(json.dumps(PATIENT))
    out, _ = run([timer, patient, OFFICIAL], "")
    figures["official_ns"] = float(out.split()[0])
    row = json.dumps({"id": 0, "expr": OFFICIAL, "resource": PATIENT}) + "\n"
    peer = json.loads(run(["node", "evaluate.mjs", "--time", "2"], row * 100, cwd=PEERS)[0])
    figures["official_node_ns"] = 1e9 * peer["seconds"] / peer["evaluations"]


def built(folder=ROOT / "build" / "release"):
    """The timer, from the optimised build."""
    target = "tests/bench/bench_fhirpath"
    if (folder / "build.ninja").exists():
        subprocess.run(["ninja", "-C", str(folder), target], capture_output=True, check=False)
    return folder / target


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bin", default=str(ROOT / "build" / "rihla"))
    p.add_argument("--engine", default="")
    p.add_argument("--count", type=int, default=2000)
    p.add_argument("--seconds", type=int, default=4)
    o = p.parse_args()
    figures = ratio(os.path.abspath(o.bin), o.count, o.seconds)
    engine(os.path.abspath(o.engine) if o.engine else built(), figures)
    del figures["lines"]
    print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
