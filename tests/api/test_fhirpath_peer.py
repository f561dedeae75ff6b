# SPDX-License-Identifier: GPL-3.0-or-later
"""Generated expressions answer as npm fhirpath (model r4) does, or the difference is on a list with its reason.

tests/peers/differences.tsv: shape (or *), a regular expression of the expression, of our answer and of theirs, why.
RIHLA_LONG=1 asks 10,000 expressions, else 2,000; RIHLA_SEED another seed.
"""
import decimal
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import fhirpath_suite as suite
import pytest

PEERS = Path(__file__).resolve().parents[1] / "peers"
sys.path.insert(0, str(PEERS))
import expressions  # noqa: E402

pytestmark = [pytest.mark.skipif(not (PEERS / "node_modules" / "fhirpath").is_dir() or not shutil.which("node"),
                                 reason="npm packages of tests/peers are not installed"),
              pytest.mark.skipif(not expressions.EXAMPLES.exists(), reason="no FHIR R4 examples in build/deps")]


def peer(cases):
    lines, before = [], None
    for i, case in enumerate(cases):
        resource = case.line["resource"]
        row = {"id": i, "expr": case.line["expr"]} | ({"same": True} if resource is before else {"resource": resource})
        before = resource
        lines.append(json.dumps(row) + "\n")
    done = subprocess.run(["node", "evaluate.mjs"], cwd=PEERS, input="".join(lines), capture_output=True, text=True,
                          timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


class Quantity(dict):
    """A value of the language, which fhirpath.js gives as text."""


def plain(item):
    """A value of ours in the form in which fhirpath.js gives it."""
    value = item["value"]
    return Quantity(value) if item["type"] == "Quantity" and isinstance(value, dict) else value


def near(a, b):
    """fhirpath.js computes with doubles here and there."""
    a, b = decimal.Decimal(str(a)), decimal.Decimal(str(b))
    return a == b or abs(a - b) <= abs(a) * decimal.Decimal("1e-12")


def equal(ours, theirs):
    if isinstance(ours, bool) or isinstance(theirs, bool):
        return ours is theirs
    if isinstance(ours, (int, decimal.Decimal)) and isinstance(theirs, (int, float)):
        return near(ours, theirs)
    if isinstance(ours, Quantity) and not isinstance(theirs, dict):
        m = re.fullmatch(r"(\S+) '?(.*?)'?", str(theirs))
        return bool(m) and near(ours["value"], m.group(1)) and m.group(2).rstrip("s") == ours.get("unit", "1").rstrip("s")
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return ours.keys() == theirs.keys() and all(equal(v, theirs[k]) for k, v in ours.items())
    if isinstance(ours, list) and isinstance(theirs, list):
        return len(ours) == len(theirs) and all(map(equal, ours, theirs))
    if isinstance(ours, decimal.Decimal) and isinstance(theirs, str):
        return str(ours) == theirs
    if isinstance(ours, str) and isinstance(theirs, str) and ours.endswith("Z"):
        return theirs in (ours, ours[:-1] + "-00:00", ours[:-1] + "+00:00")
    return ours == theirs


def shown(answer):
    if "error" in answer:
        return "error: " + str(answer["error"])
    return json.dumps([i["value"] if isinstance(i, dict) and set(i) == {"type", "value"} else i
                       for i in answer["result"]], default=str)


def differences():
    rows = []
    for line in (PEERS / "differences.tsv").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            shape, expression, ours, theirs, why = line.split("\t")
            rows.append((shape, re.compile(expression, re.S), re.compile(ours, re.S), re.compile(theirs, re.S), why))
    return rows


def test_generated_expressions_answer_as_another_engine():
    count, seed = (10000 if os.environ.get("RIHLA_LONG") else 2000), int(os.environ.get("RIHLA_SEED", "1"))
    pool = expressions.resources()
    rows = sorted(expressions.make(seed, count, pool), key=lambda r: r[0])
    cases = [suite.Case(shape, str(i), {"expr": text, "resource": pool[index], "strict": False})
             for i, (index, shape, text) in enumerate(rows)]
    listed, known, wrong, same = differences(), {}, [], 0
    for case, ours, theirs in zip(cases, suite.run(cases), peer(cases), strict=True):
        if "error" in ours and "error" in theirs:
            same += 1
            continue
        if "result" in ours and "result" in theirs and \
                equal([plain(i) for i in ours["result"]], theirs["result"]):
            same += 1
            continue
        a, b = shown(ours), shown(theirs)
        row = next((r for r in listed if r[0] in ("*", case.suite) and r[1].search(case.line["expr"]) and
                    r[2].search(a) and r[3].search(b)), None)
        if row:
            known[row[4]] = known.get(row[4], 0) + 1
        else:
            wrong.append(f"{case.suite}: {case.line['resource']['resourceType']} {case.line['expr']}\n    ours   {a[:300]}"
                         f"\n    theirs {b[:300]}")
    print(f"{same} of {count} agree, {sum(known.values())} differ for a reason on the list, {len(wrong)} for none")
    for why, n in sorted(known.items(), key=lambda x: -x[1]):
        print(f"  {n:5} {why}")
    assert not wrong, f"{len(wrong)} of {count} differ without a reason:\n" + "\n".join(wrong[:int(os.environ.get("RIHLA_SHOW", "40"))])
