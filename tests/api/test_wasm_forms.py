# SPDX-License-Identifier: GPL-3.0-or-later
"""Forms in the clinical core as WebAssembly under Node: the same answers as from the program."""
import gzip
import json
import os
import subprocess
from pathlib import Path

import form_suite as suite
import pytest

ROOT = Path(__file__).resolve().parents[2]
CORE = Path(os.environ.get("RIHLA_CLINICAL_WASM", ROOT / "build" / "wasm" / "clinical.wasm"))
CASES = ROOT / "tests" / "cases" / "forms"
DATA = Path(os.environ.get("RIHLA_TESTDATA", "")) / "12_sdc_forms" / "dev"

pytestmark = pytest.mark.skipif(not CORE.is_file(), reason="no clinical.wasm: it is built where clang has its WebAssembly library")


def calls(*lines):
    done = subprocess.run(["node", ROOT / "tests" / "wasm" / "forms.mjs", CORE], input="\n".join(map(suite.encode, lines)),
                          capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return [json.loads(line, parse_float=suite.decimal.Decimal) for line in done.stdout.splitlines()]


FORM = {"resourceType": "Questionnaire", "status": "active", "item": [
    {"linkId": "a", "type": "decimal", "text": "Weight"},
    {"linkId": "g", "type": "group", "repeats": True, "item": [{"linkId": "b", "type": "string", "extension": [
        {"url": "http://hl7.org/fhir/StructureDefinition/regex", "valueString": "[a-z]+"}]}]}]}


def test_a_form_is_opened_answered_and_read():
    opened, answered, added, refused, response, draft, check, closed, gone = calls(
        ["form.open", {"questionnaire": FORM, "now": "2026-11-24T10:00:00+03:00"}],
        ["form.answer", {"handle": None, "path": "a", "answer": [{"valueDecimal": suite.decimal.Decimal("5.60")}]}],
        ["form.add", {"handle": None, "path": "g#0"}],
        ["form.answer", {"handle": None, "path": "nowhere", "answer": []}],
        ["form.response", {"handle": None}], ["form.draft", {"handle": None}], ["form.check", {"handle": None, "language": "fr"}],
        ["form.close", {"handle": None}], ["form.print", {"handle": None}])
    assert [n["path"] for n in opened["items"]] == ["a", "g#0"] and opened["complete"] is True
    assert str(answered["changed"][0]["answer"][0]["valueDecimal"]) == "5.60"
    assert {n["path"] for n in added["changed"]} == {"g#0", "g#1"}
    assert "nowhere" in refused["error"]
    assert str(response["item"][0]["answer"][0]["valueDecimal"]) == "5.60"
    assert draft["resourceType"] == "QuestionnaireResponse" and check["valid"] is True and closed == {}
    assert "no form is open" in gone["error"]


def test_the_browsers_regular_expressions_decide():
    _, good, bad = calls(["form.open", {"questionnaire": FORM}],
                         ["form.answer", {"handle": None, "path": "g#0/b", "answer": [{"valueString": "abc"}]}],
                         ["form.answer", {"handle": None, "path": "g#0/b", "answer": [{"valueString": "ABC"}]}])
    assert "errors" not in good["changed"][0] and bad["changed"][0]["errors"]


def test_what_is_wrong_is_said():
    answers = calls(["form.nothing", {}], ["form.open", {}], ["form.open", {"questionnaire": {"resourceType": "Patient"}}],
                    ["form.open", {"questionnaire": "http://example.org/none"}], ["form.open", {"questionnaire": FORM, "now": "soon"}],
                    ["form.answer", {"handle": 99}], ["form.answer", {"handle": "x"}])
    assert all(set(a) == {"error", "at"} and len(a["error"]) > 10 for a in answers), answers


@pytest.mark.skipif(not DATA.is_dir(), reason="no outside data 12_sdc_forms")
def test_responses_are_the_same_as_from_the_program():
    cases = [json.loads(line, parse_float=suite.decimal.Decimal)
             for line in (DATA / "expected_lforms.jsonl").read_text(encoding="utf-8").splitlines()]
    loaded = {name: suite.load(DATA / name) for name in {c["form"] for c in cases}}
    # without a response: with one, the command line leaves out what a closed list does not have
    lines = [c for c in cases if c["input"] is None and "answerValueSet" not in c["features"]]
    wasm = calls(*[line for c in lines for line in (
        ["form.open", {"questionnaire": loaded[c["form"]], "now": suite.NOW}],
        ["form.response", {"handle": None}], ["form.close", {"handle": None}])])[1::3]
    program = suite.batch([{"id": i, "questionnaire": loaded[c["form"]]} for i, c in enumerate(lines)])
    assert len(lines) > 20
    assert [(c["form"], p["response"]) for c, p in zip(lines, program)] == [(c["form"], w) for c, w in zip(lines, wasm)]


def test_it_is_small_enough_for_a_slow_link():
    """The size that ./dev keeps."""
    assert len(gzip.compress(CORE.read_bytes(), 9)) <= 400_000
