# SPDX-License-Identifier: GPL-3.0-or-later
"""Questionnaires of others (RIHLA_TESTDATA/12_sdc_forms): they load, keep every answer, and are computed as another implementation does."""
import json
import os
from pathlib import Path

import form_suite as suite
import pytest

DATA = Path(os.environ.get("RIHLA_TESTDATA", "")) / "12_sdc_forms"
SETS = sorted(p.parent for p in DATA.glob("*/expected_lforms.jsonl")) if os.environ.get("RIHLA_TESTDATA") else []
CASES = Path(__file__).resolve().parents[1] / "cases" / "forms"
AGREE = 0.9  # of the cases; each of the others has its reason in lforms-differences.tsv

pytestmark = pytest.mark.skipif(not SETS, reason="no outside data 12_sdc_forms")


def reasons():
    rows = [line.split("\t") for line in (CASES / "lforms-differences.tsv").read_text(encoding="utf-8").splitlines()
            if line and not line.startswith("#")]
    assert all(len(row) == 4 and len(row[3]) > 20 for row in rows)
    return [(form, seeds.split(","), links.split(","), reason) for form, seeds, links, reason in rows]


def forms(folder):
    """(path, resource) of every Questionnaire below a folder."""
    for path in sorted(folder.rglob("*.json")):
        resource = suite.load(path)
        if isinstance(resource, dict) and resource.get("resourceType") == "Questionnaire":
            yield path, resource


@pytest.mark.parametrize("folder", SETS, ids=lambda p: p.name)
def test_every_questionnaire_loads_or_is_refused_with_a_reason(folder):
    all_forms = list(forms(folder))
    assert len(all_forms) > 100
    answers = suite.batch([{"id": str(p), "questionnaire": q} for p, q in all_forms])
    refused = {a["id"]: a["error"] for a in answers if "error" in a}
    assert all(len(reason) > 20 for reason in refused.values()), refused
    assert len(refused) <= len(all_forms) // 50, refused


@pytest.mark.parametrize("folder", SETS, ids=lambda p: p.name)
def test_responses_are_computed_as_another_implementation_does(folder):
    cases = [json.loads(line, parse_float=suite.decimal.Decimal)
             for line in (folder / "expected_lforms.jsonl").read_text(encoding="utf-8").splitlines()]
    loaded = {name: suite.load(folder / name) for name in {c["form"] for c in cases}}
    got = suite.batch([{"id": i, "questionnaire": loaded[c["form"]], "response": c["input"]} for i, c in enumerate(cases)])
    assert len(got) == len(cases)
    known, used, unexplained, different, agree = reasons(), set(), [], 0, {}
    for case, answer in zip(cases, got):
        assert "error" not in answer, f"{case['form']} {case['seed']}: {answer}"
        found = suite.differences(answer["response"], case["expected"])
        different += bool(found)
        for feature in case["features"]:
            good, count = agree.get(feature, (0, 0))
            agree[feature] = (good + (not found), count + 1)
        for text in found:
            link = text.split(": got ")[0]
            rows = [i for i, (form, seeds, links, _) in enumerate(known)
                    if form == case["form"] and case["seed"] in seeds and (link in links or links == ["*"])]
            used.update(rows)
            if not rows:
                unexplained.append(f"{case['form']} {case['seed']} {text}")
    print(f"{len(cases) - different} of {len(cases)} cases agree")
    for feature in sorted(agree):
        print(f"  {feature}: {agree[feature][0]} of {agree[feature][1]}")
    assert different <= (1 - AGREE) * len(cases)
    if folder.name == "dev":
        assert not unexplained, "\n".join(unexplained)
        assert len(used) == len(known), [row for i, row in enumerate(known) if i not in used]


@pytest.mark.parametrize("folder", SETS, ids=lambda p: p.name)
def test_what_was_computed_once_stays_when_it_is_computed_again(folder):
    """A response that the program wrote is one that it reads, and gives back: nothing is lost on the way."""
    cases = [json.loads(line, parse_float=suite.decimal.Decimal)
             for line in (folder / "expected_lforms.jsonl").read_text(encoding="utf-8").splitlines()]
    loaded = {name: suite.load(folder / name) for name in {c["form"] for c in cases}}
    lines = [{"id": i, "questionnaire": loaded[c["form"]], "response": c["input"]} for i, c in enumerate(cases)]
    first = suite.batch(lines)
    second = suite.batch([{**line, "response": a["response"]} for line, a in zip(lines, first)])
    lost = [(c["form"], c["seed"], d) for c, a, b in zip(cases, first, second)
            if (d := suite.differences(b["response"], a["response"]))]
    assert not lost, lost
