# SPDX-License-Identifier: GPL-3.0-or-later
"""HL7's terminology test cases, and what the comparison itself must see."""
import os
from pathlib import Path

import pytest
import terminology_suite as suite

DATA = Path(os.environ.get("RIHLA_TESTDATA", "")) / "13_terminology"
FOLDERS = sorted(p.parent for p in DATA.glob("*/*/test-cases.json"))
KNOWN = dict(line.split("\t") for line in
             (Path(__file__).resolve().parents[1] / "cases" / "terminology" / "known.tsv").read_text(encoding="utf-8").splitlines()
             if line and not line.startswith("#"))


@pytest.mark.skipif(not FOLDERS, reason="no outside data 13_terminology")
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_the_suites_of_the_terminology_ecosystem(folder):
    """95 of 100 cases pass at least, and those that do not are on the list with a reason."""
    cases = list(suite.cases(folder))
    assert len(cases) > 50
    wrong = {case.name: said for case, answer in zip(cases, suite.run(cases)) if (said := suite.judge(case, answer))}
    print(f"{len(cases) - len(wrong)} of {len(cases)} cases pass")
    unexplained = [f"{name}: {said}" for name, said in wrong.items() if name not in KNOWN]
    assert len(wrong) <= 0.05 * len(cases), "\n".join(f"{name}: {said}" for name, said in wrong.items())
    assert not unexplained, "\n".join(unexplained)


def test_every_row_of_the_list_gives_its_reason():
    assert all(len(reason) > 30 for reason in KNOWN.values())


@pytest.mark.parametrize("want, got, same", [
    ({"a": 1}, {"a": 1}, True),
    ({"a": 1}, {"a": 2}, False),
    ({"a": 1}, {"a": True}, False),
    ({"a": 1}, {}, False),
    ({"a": 1, "$optional-properties$": ["a"]}, {}, True),
    ({"a": 1}, {"a": 1, "b": 2}, False),
    ({"a": "$choice:x|y$"}, {"a": "y"}, True),
    ({"a": "$choice:x|y$"}, {"a": "z"}, False),
    ({"a": "$uuid$"}, {"a": "urn:uuid:00000000-0000-7000-8000-000000000000"}, True),
    ({"a": "$uuid$"}, {"a": "1"}, False),
    ({"a": [{"code": "x"}, {"code": "y"}]}, {"a": [{"code": "y"}, {"code": "x"}]}, True),
    ({"a": [{"code": "x"}, {"code": "y"}]}, {"a": [{"code": "x"}]}, False),
    ({"a": [{"code": "x"}, {"code": "y", "$optional$": True}]}, {"a": [{"code": "x"}]}, True),
    ({"a": [{"code": "x"}]}, {"a": [{"code": "x"}, {"code": "x"}]}, False),
    ({"severity": "error", "details": {"text": "one"}}, {"severity": "error", "details": {"text": "two"}}, True),
    ({"severity": "error"}, {"severity": "warning"}, False),
    ({"name": "message", "valueString": "one"}, {"name": "message", "valueString": "two"}, True),
    ({"name": "display", "valueString": "one"}, {"name": "display", "valueString": "two"}, False),
])
def test_the_comparison_sees_what_it_must(want, got, same):
    assert (suite.difference(want, got) is None) == same
