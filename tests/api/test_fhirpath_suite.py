# SPDX-License-Identifier: GPL-3.0-or-later
"""Suites of FHIRPath through `rihla fhirpath --batch`: HL7's in both forms, and our own samples."""
import os
from pathlib import Path

import fhirpath_suite as suite
import pytest

CASES = Path(__file__).resolve().parents[1] / "cases" / "fhirpath"
DATA = Path(os.environ.get("RIHLA_TESTDATA", "")) / "01_fhirpath"
KNOWN = [line.split("\t") for line in (CASES / "known.tsv").read_text(encoding="utf-8").splitlines()
         if line and not line.startswith("#")]

here = pytest.mark.skipif(not DATA.is_dir(), reason="no outside data 01_fhirpath")


def stem(path):
    return getattr(path, "stem", "none")


def check(name, cases):
    """Every case passes, but for those on the list, which do not: the list must not rot."""
    assert cases, f"no case in {name}"
    known = {row[1]: row[2] for row in KNOWN if row[0] == name}
    wrong = {case.name: said for case, answer in zip(cases, suite.run(cases)) if (said := suite.judge(case, answer))}
    shown = [f"{c.name}: {c.line['expr']!r}: {wrong[c.name]}" for c in cases if c.name in wrong and c.name not in known]
    print(f"{name}: {len(cases) - len(wrong)} of {len(cases)} pass, {len(known)} on the list")
    assert not shown, f"{len(shown)} of {len(cases)} cases fail:\n" + "\n".join(shown)
    assert not known.keys() - wrong.keys(), "on the list in known.tsv, but passed or not there"


@here
@pytest.mark.parametrize("path", sorted(DATA.glob("*/official_xml/tests-*.xml")), ids=stem)
def test_the_xml_form_of_the_suite(path):
    check("xml", suite.xml_suite(path))


@here
@pytest.mark.parametrize("path", sorted(DATA.glob("*/official_json/*.yaml")), ids=stem)
def test_the_yaml_form_of_the_suite(path):
    check("yaml", suite.yaml_suite(path))


@pytest.mark.parametrize("path", sorted(CASES.glob("*.json")), ids=stem)
def test_our_own_cases(path):
    check(path.stem, suite.own_suite(path))


def test_every_row_of_the_list_gives_its_reason():
    for row in KNOWN:
        assert len(row) == 3 and len(row[2]) > 30, row
