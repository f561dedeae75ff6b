# SPDX-License-Identifier: GPL-3.0-or-later
"""tools/conformance.py finds each offence in a small page, and nothing in a good one; the real page is good."""
import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SPEC = importlib.util.spec_from_file_location("conformance", ROOT / "tools" / "conformance.py")
conformance = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(conformance)

GOOD = ["| H001 | SHALL | a thing with `a|b` in it | yes | `test_a.py::test_one` |", "| H002 | MAY | another | n/a | we have no such thing |",
        "| S010 | is | third | yes | `test_spec_x.py::test_s010_third`, `test_a.py::test_one` |", "| S011 | SHOULD | fourth | not yet | chains of chains |"]


def findings(tmp_path, rows, spec="def test_s010_third():\n    pass\n"):
    (tmp_path / "docs").mkdir()
    (tmp_path / "tests" / "api").mkdir(parents=True)
    (tmp_path / "docs" / "conformance.md").write_text("# Page\n\n| nr | asks | sentence | verdict | proof |\n|---|---|---|---|---|\n" + "\n".join(rows) + "\n")
    (tmp_path / "tests" / "api" / "test_a.py").write_text("def test_one():\n    pass\n\n\ndef helper():\n    pass\n")
    (tmp_path / "tests" / "api" / "test_spec_x.py").write_text(spec)
    return conformance.check(tmp_path)


def test_a_good_page_has_no_finding(tmp_path):
    assert findings(tmp_path, GOOD) == []
    assert conformance.summary(tmp_path) == "4 sentences: 2 yes, 0 no, 1 n/a, 1 not yet"


@pytest.mark.parametrize("row, fragment", [
    ("| S012 | SHALL | x | yes | `test_a.py::test_two` |", "test_two, which does not exist"),
    ("| S012 | SHALL | x | yes | `test_b.py::test_one` |", "does not exist"),
    ("| S012 | SHALL | x | yes | `test_a.py::helper` |", "without a test"),
    ("| S012 | SHALL | x | yes | because |", "without a test"),
    ("| S012 | SHALL | x | no | |", "without a reason"),
    ("| S012 | SHALL | x | no | `test_a.py::test_one` |", "without a reason"),
    ("| S012 | MUST | x | n/a | reason |", "MUST"),
    ("| S012 | SHALL | x | perhaps | reason |", "perhaps"),
    ("| S012 | SHALL | | n/a | reason |", "no sentence"),
    ("| S011 | SHALL | x | n/a | reason |", "does not rise"),
    ("| S012 | SHALL | x | n/a |", "five columns"),
])
def test_each_offence_is_found(tmp_path, row, fragment):
    found = findings(tmp_path, [*GOOD, row])
    assert len(found) == 1 and fragment in found[0], found


def test_a_test_without_a_row_and_one_under_another_number_are_found(tmp_path):
    spec = "def test_s010_third():\n    pass\n\n\ndef test_s099_lost():\n    pass\n\n\ndef test_nameless():\n    pass\n"
    found = findings(tmp_path, GOOD, spec)
    assert len(found) == 2 and "test_nameless" in found[0] and "test_s099_lost" in found[1], found


def test_the_page_of_this_house():
    assert conformance.check(ROOT) == []
