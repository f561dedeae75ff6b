# SPDX-License-Identifier: GPL-3.0-or-later
"""Verdicts beside those of HL7's own validator, on resources and summaries that other people made.

A place is compared as it is meant: the official validator writes what an XML parser finds as XPath ("/f:Patient/f:id"), and counts the
entries and items that it looks for in a document from 1, those that are relative addresses always as entry 0. What only it can find
because it has no terminology server (slices that only LOINC tells apart: Validation_VAL_Profile_MatchMultiple) is left out.
"""
import json
import os
import re
import subprocess
from pathlib import Path

import pytest
from conftest import BIN, ROOT

DATA = Path(os.environ.get("RIHLA_TESTDATA", ""))
PACKAGES = ROOT / "build" / "deps" / "fhir-test"
CASES = Path(__file__).resolve().parents[1] / "cases" / "validate"
IPS = "http://hl7.org/fhir/uv/ips/StructureDefinition/Bundle-uv-ips"
ARTEFACT = "Validation_VAL_Profile_MatchMultiple"
FROM_ONE = re.compile(r"BUNDLE_BUNDLE_ENTRY_NOTFOUND|Bundle_BUNDLE_Entry_NotFound|Bundle_BUNDLE_Entry_Orphan", re.I)


def known():
    """differences.tsv: set, file, what (verdict or place), reason."""
    lines = (CASES / "differences.tsv").read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return {(r[0], r[1], r[2]): r[3] for r in rows}


def sets(name):
    return sorted(p.parent for p in (DATA / name).glob("*/verdicts.jsonl")) if str(DATA) != "." else []


def verdicts(folder):
    with open(folder / "verdicts.jsonl", encoding="utf-8") as f:
        return {row["file"]: row for row in map(json.loads, f)}


def is_error(issue):
    return issue["severity"] in ("error", "fatal")


def place(issue):
    """The oracle's expression in our notation."""
    text = re.sub(r"/\*.*?\*/", "", issue.get("expression") or "").rstrip(".")
    if text in ("", "(xml)"):
        return None
    if "f:" in text:
        text = re.sub(r"/?f:", ".", text).lstrip(".").replace("/", "")
    if FROM_ONE.search(issue.get("messageId") or ""):
        text = re.sub(r"\[(\d+)\]", lambda m: f"[{max(int(m[1]) - 1, 0)}]", text)
    return re.sub(r"\[url='[^']*'\]", "", text)


def near(wanted, ours):
    """The same place, or of what the XML has too much the member itself."""
    return wanted in ours or (wanted is not None and any(o and o.startswith(wanted + ".") for o in ours))


def run(folder, rows, *options):
    done = subprocess.run([BIN, "validate", "--json", *map(str, options), *[str(folder / name) for name in rows]], capture_output=True, text=True,
                          timeout=600)
    assert done.returncode in (0, 1), done.stderr
    ours = {str(Path(x["file"]).relative_to(folder)): x for x in map(json.loads, done.stdout.splitlines())}
    assert ours.keys() == rows.keys(), done.stderr
    return ours


def compare(name, folder, *options):
    rows = verdicts(folder)
    ours = run(folder, rows, *options)
    listed, verdict, places, invalid = known(), [], [], 0
    for file, row in rows.items():
        wanted = [i for i in row["issues"] if is_error(i) and i.get("messageId") != ARTEFACT]
        valid = row.get("valid", row.get("ips_valid"))
        errors = [i for i in ours[file]["issues"] if is_error(i)]
        if ours[file]["valid"] != valid:
            verdict.append((file, valid))
        if valid or not wanted:
            continue
        invalid += 1
        first = place(wanted[0])
        if not errors or (first is not None and not near(first, [i["expression"] for i in errors])):
            places.append((file, first))
    print(f"{name}: same verdict {len(rows) - len(verdict)} of {len(rows)}, same place {invalid - len(places)} of {invalid}")
    unexplained = [f"{file}: valid should be {valid}" for file, valid in verdict if (name, file, "verdict") not in listed]
    unexplained += [f"{file}: no error at {first}" for file, first in places
                    if (name, file, "place") not in listed and (name, file, "verdict") not in listed]
    return len(rows), verdict, invalid, places, unexplained


@pytest.mark.skipif(not sets("14_validation"), reason="no outside data 14_validation")
@pytest.mark.parametrize("folder", sets("14_validation"), ids=lambda p: p.name)
def test_resources_get_the_verdict_of_the_official_validator(folder):
    """97 of 100 verdicts, nothing rejected that is valid, 90 of 100 first errors at their place, the rest with a reason."""
    n, verdict, invalid, places, unexplained = compare("14_validation", folder)
    assert not [file for file, valid in verdict if valid], "rejected though valid"
    assert len(verdict) <= 0.03 * n, verdict
    assert len(places) <= 0.10 * invalid, places
    assert folder.name != "dev" or not unexplained, "\n".join(unexplained)


@pytest.mark.skipif(not sets("09_ips") or not list(PACKAGES.glob("hl7.fhir.uv.ips-2.0.0.tgz")),
                    reason="no outside data 09_ips, or no hl7.fhir.uv.ips-2.0.0.tgz (./dev setup test)")
@pytest.mark.parametrize("folder", sets("09_ips"), ids=lambda p: p.name)
def test_summaries_get_the_verdict_of_the_official_validator(folder):
    package = PACKAGES / "hl7.fhir.uv.ips-2.0.0.tgz"
    n, verdict, invalid, places, unexplained = compare("09_ips", folder, "--package", package, "--profile", IPS)
    assert not [file for file, valid in verdict if valid], "rejected though valid"
    assert len(verdict) <= 0.10 * n, verdict  # slices that only LOINC tells apart: see differences.tsv
    assert len(places) <= 0.15 * invalid, places
    assert folder.name != "dev" or not unexplained, "\n".join(unexplained)


def test_every_difference_has_its_reason():
    assert all(len(reason) > 30 for reason in known().values())
