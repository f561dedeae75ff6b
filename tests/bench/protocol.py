#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""protocol.py [--bin build/rihla] [--people 10000] - how long three protocols take for so many people, on one core.

The protocols are uk-tb, us-immigrant and a copy of uk-tb under another name, so that a third set of rules is computed. Each person has
40 to 60 resources: 25 that no protocol reads, the rest answers and results as the test's oracle writes them. The time is that of the
whole command: reading lines, parsing, computing, printing all items with sources.
"""
import argparse
import datetime
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
os.environ.setdefault("RIHLA_BIN", str(ROOT / "build" / "rihla"))
sys.path.insert(0, str(ROOT / "tests" / "api"))
from protocol_oracle import LOINC, STATES, observation, resources, sputum_results  # noqa: E402

DAY = datetime.date(2026, 11, 20)


def person(dice):
    p = {"birth": datetime.date(dice.randrange(1950, 2025), dice.randrange(1, 13), dice.randrange(1, 28)), "sex": dice.choice(["male", "female"]),
         "pregnant": dice.choice([True, False, False, None]), "contact": dice.choice([True, False, False, None]),
         "symptoms": dice.choice([True, False, False, None]), "signs": False, "hiv": dice.choice([True, False, None]),
         "film": dice.choice(["normal", "normal", "old-or-active-tb", None]), "igra": dice.choice(["positive", "negative", None]),
         "country": dice.choice(["YE", "ET", "FR", "SD", "SY"])}
    made = resources(p, DAY)
    if dice.random() < 0.4:
        days = [DAY - datetime.timedelta(k) for k in (3, 2, 1)]
        made += sputum_results([dice.choice(STATES) for _ in range(3)], [dice.choice(STATES) for _ in range(3)], dice.choice(STATES), days)
    for _ in range(25):
        made.append({**observation(LOINC, dice.choice(["8867-4", "8480-6", "8462-4", "29463-7", "8302-2", "718-7"]), DAY - datetime.timedelta(dice.randrange(1000))),
                     "valueQuantity": {"value": dice.randrange(40, 180), "unit": "1"}})
    return made


def third(folder):
    """uk-tb once more, as a package of its own."""
    inside = folder / "package"
    inside.mkdir(parents=True)
    p = json.loads((ROOT / "packs/uk-tb/package/PlanDefinition-uk-tb.json").read_text())
    p.update(id="third", url=p["url"] + "-third", name="Third")
    (inside / "PlanDefinition-third.json").write_text(json.dumps(p))
    (inside / "package.json").write_text(json.dumps({"name": "third", "version": "1.0.0", "fhirVersions": ["4.0.1"], "license": "GPL-3.0-or-later"}))
    return folder


def main():
    a = argparse.ArgumentParser(description=__doc__)
    a.add_argument("--bin", default=os.environ["RIHLA_BIN"])
    a.add_argument("--people", type=int, default=10000)
    o = a.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        scratch = Path(scratch)
        dice, lines, n = random.Random(3), scratch / "people.ndjson", 0
        with lines.open("w") as f:
            for i in range(o.people):
                made = person(dice)
                n += len(made)
                f.write(json.dumps({"id": i, "resources": made}) + "\n")
        packages = [x for p in ("rihla-base", "assessment-common", "uk-tb", "us-immigrant") for x in ("--package", str(ROOT / "packs" / p))]
        command = [o.bin, "protocol", "apply", *packages, "--package", str(third(scratch / "third")), "--pack", "uk-tb", "--pack", "us-immigrant", "--pack",
                   "third", "--date", "2026-11-24", "--json", "--batch", str(lines)]
        with open(os.devnull, "wb") as out:
            done = subprocess.run(command, stdout=out)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = used.ru_utime + used.ru_stime
        print(f"{o.people} people, {n / o.people:.0f} resources each, three protocols: {seconds:.2f} s of one core, {seconds / o.people * 1e6:.0f} us a person, "
              f"{used.ru_maxrss // 1024} MiB, exit {done.returncode}")


if __name__ == "__main__":
    main()
