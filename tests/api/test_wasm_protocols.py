# SPDX-License-Identifier: GPL-3.0-or-later
"""Protocols in the clinical core as WebAssembly under Node: the same answers, to the letter, as from the program."""
import itertools
import json
import os
import subprocess
from datetime import date
from pathlib import Path

import pytest
from program import rihla
from protocol_oracle import resources, sputum_results

ROOT = Path(__file__).resolve().parents[2]
CORE = Path(os.environ.get("RIHLA_CLINICAL_WASM", ROOT / "build" / "wasm" / "clinical.wasm"))
PACKS = [ROOT / "packs" / p for p in ("rihla-base", "assessment-common", "uk-tb", "us-immigrant")]
NAMES = ["uk-tb", "us-immigrant"]

pytestmark = pytest.mark.skipif(not CORE.is_file(), reason="no clinical.wasm: it is built where clang has its WebAssembly library")


def people():
    day = date(2026, 11, 1)
    for n, (born, film, contact, country) in enumerate(itertools.product(("1990-05-05", "2011", "2020-01-01"), ("normal", "old-or-active-tb", None),
                                                                         (True, None), ("YE", "FR"))):
        p = {"birth": born, "sex": "female", "pregnant": False, "contact": contact, "symptoms": None, "signs": False, "hiv": n % 2 == 0, "film": film,
             "igra": "positive", "country": country}
        yield resources(p, day) + sputum_results(("negative", None, "ntm"), ("negative", "positive", None), "negative", (day, day, day))[:n % 6]


def test_the_same_answers_as_from_the_program(tmp_path):
    everybody, lines = list(people()), tmp_path / "people.ndjson"
    lines.write_text("".join(json.dumps({"id": n, "resources": r}) + "\n" for n, r in enumerate(everybody)))
    packages = [x for p in PACKS for x in ("--package", p)]
    done = rihla("protocol", "apply", *packages, "--pack", "uk-tb", "--pack", "us-immigrant", "--date", "2026-11-24", "--json", "--batch", lines)
    program = [line.split(",", 1)[1] for line in done.stdout.splitlines()]
    asked = "\n".join(json.dumps({"resources": r, "protocols": NAMES, "date": "2026-11-24"}) for r in everybody)
    node = subprocess.run(["node", ROOT / "tests" / "wasm" / "protocols.mjs", CORE, *PACKS], input=asked, capture_output=True, text=True, timeout=300)
    assert node.returncode == 0, node.stderr[-2000:]
    wasm = [line[1:] for line in node.stdout.splitlines()]
    assert len(program) == len(everybody) and "repeat" in "".join(program) and "either" in "".join(program)
    assert wasm == program


def test_what_is_wrong_is_said():
    asked = "\n".join(map(json.dumps, ({"resources": [], "protocols": NAMES, "date": "2026-11-24"}, {"resources": [], "protocols": ["none"], "date": "2026-11-24"},
                                       {"resources": [{"resourceType": "Patient", "id": "p"}], "protocols": NAMES, "date": "soon"})))
    node = subprocess.run(["node", ROOT / "tests" / "wasm" / "protocols.mjs", CORE, *PACKS], input=asked, capture_output=True, text=True, timeout=300)
    answers = [json.loads(line)["error"] for line in node.stdout.splitlines()]
    assert "no Patient" in answers[0] and "none" in answers[1] and "must be a day" in answers[2]
