# SPDX-License-Identifier: GPL-3.0-or-later
"""The core as WebAssembly under Node: FHIRPath's suites get the same answers, to the letter, as from the program."""
import gzip
import json
import os
import subprocess
from pathlib import Path

import fhirpath_suite as suite
import pytest

ROOT = Path(__file__).resolve().parents[2]
CASES = ROOT / "tests" / "cases" / "fhirpath"
DATA = Path(os.environ.get("RIHLA_TESTDATA", "")) / "01_fhirpath"
CORE = Path(os.environ.get("RIHLA_WASM", ROOT / "build" / "wasm" / "core.wasm"))
DEFINITIONS = sorted((ROOT / "build" / "deps" / "fhir").glob("*.tgz"))

pytestmark = pytest.mark.skipif(not CORE.is_file(), reason="no core.wasm: it is built where clang has its WebAssembly library")


def of_wasm(lines, packages=()):
    done = subprocess.run(["node", ROOT / "tests" / "wasm" / "batch.mjs", CORE, *packages], input="\n".join(lines),
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line, parse_float=str) for line in done.stdout.splitlines()]


def of_program(lines):
    done = subprocess.run([suite.BIN, "fhirpath", "--batch"], input="\n".join(lines), capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line, parse_float=str) for line in done.stdout.splitlines()]


def compare(cases):
    assert cases
    lines = [json.dumps({"id": i, **case.line}, cls=suite.Encoder) for i, case in enumerate(cases)]
    wasm, program = of_wasm(lines, DEFINITIONS), of_program(lines)
    assert len(wasm) == len(program) == len(cases)
    different = [f"{case.line['expr']!r}\n  wasm    {w}\n  program {p}" for case, w, p in zip(cases, wasm, program) if w != p]
    assert not different, f"{len(different)} of {len(cases)} answers differ:\n" + "\n".join(different)


@pytest.mark.skipif(not DATA.is_dir(), reason="no outside data 01_fhirpath")
@pytest.mark.parametrize("form", ["xml", "yaml"])
def test_the_official_suite_gets_the_same_answers(form):
    read, pattern = {"xml": (suite.xml_suite, "*/official_xml/tests-*.xml"),
                     "yaml": (suite.yaml_suite, "*/official_json/*.yaml")}[form]
    compare([case for path in sorted(DATA.glob(pattern)) for case in read(path)])


def test_our_own_cases_get_the_same_answers():
    compare([case for path in sorted(CASES.glob("*.json")) for case in suite.own_suite(path)])


def test_what_the_core_cannot_know_is_said():
    """Without definitions it does not guess."""
    line = json.dumps({"id": 1, "expr": "gender.memberOf('http://hl7.org/fhir/ValueSet/administrative-gender')",
                       "resource": {"resourceType": "Patient", "gender": "female"}})
    [answer] = of_wasm([line])
    assert "cannot be known" in answer["error"]
    [answer] = of_wasm([line], DEFINITIONS[:1])
    assert answer["result"] == [{"type": "boolean", "value": True}]


def test_a_bad_line_is_refused_and_the_next_one_answered():
    answers = of_wasm(["{", '{"id":1}', '{"id":2,"expr":"1 +"}', '{"id":3,"expr":"\'a\'.matches(\'(\')"}', '{"id":4,"expr":"1+1"}'])
    assert all("error" in a for a in answers[:4])
    assert answers[4] == {"id": 4, "result": [{"type": "integer", "value": 2}]}


def test_a_large_text_and_a_deep_expression_end():
    resource = {"resourceType": "Patient", "name": [{"given": ["x" * 1000] * 1000}]}
    lines = [json.dumps({"id": 1, "expr": "name.given.join('').length()", "resource": resource}),
             json.dumps({"id": 2, "expr": "(" * 5000 + "1" + ")" * 5000}),
             json.dumps({"id": 3, "expr": "iif(" * 100 + "true" + ",1)" * 100}),
             json.dumps({"id": 4, "expr": "repeat(name | $this)", "resource": resource})]
    answers = of_wasm(lines)
    assert answers[0]["result"][0]["value"] == 1000000
    assert "error" in answers[1]
    assert len(answers) == 4


def test_it_is_small_enough_for_a_slow_link():
    assert len(gzip.compress(CORE.read_bytes(), 9)) <= 250_000
