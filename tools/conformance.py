#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""conformance.py [ROOT] - checks docs/conformance.md; prints one line a finding, exit 1 when there is one.

Every row is `| number | asks | sentence | verdict | proof |`. A row of verdict "yes" names tests that exist
(file::function, files of tests/api); "no" and "n/a" give the reason and may name a test; "not yet" says what is missing.
Numbers are unique and rise within a page. Every test of tests/api/test_spec_*.py is called test_LNNN_… after one of the
rows that name it, so no sentence loses its test unseen, and no test its sentence.
"""
import ast
import re
import sys
from pathlib import Path

ROW = re.compile(r"^\| ([HSBO]\d{3}) \|([^|]*)\|((?:[^|`]|`[^`]*`|\\\|)*)\|([^|]*)\|((?:[^|`]|`[^`]*`|\\\|)*)\|$")
TEST = re.compile(r"`(test_\w+\.py)::(test_\w+)`")
SPEC_TEST = re.compile(r"^test_([hsbo]\d{3})_\w+$")
ASKS = {"SHALL", "SHALL NOT", "SHOULD", "SHOULD NOT", "MAY", "is"}
VERDICTS = {"yes", "no", "n/a", "not yet"}


def tests_of(folder):
    """File name -> names of its test functions."""
    found = {}
    for path in sorted(folder.glob("test_*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        found[path.name] = {n.name for n in tree.body if isinstance(n, ast.FunctionDef) and n.name.startswith("test_")}
    return found


def rows_of(page):
    """(line, number, asks, sentence, verdict, proof) of each row; findings about lines that want to be rows."""
    rows, findings = [], []
    for line, text in enumerate(page.read_text(encoding="utf-8").split("\n"), 1):
        match = ROW.match(text)
        if match:
            rows.append((line, *(part.strip() for part in match.groups())))
        elif re.match(r"^\| [HSBO]\d+", text):
            findings.append((line, "is no row of five columns | number | asks | sentence | verdict | proof |"))
    return rows, findings


def check_row(row, known, named):
    line, number, asks, sentence, verdict, proof = row
    tests = TEST.findall(proof)
    if asks not in ASKS:
        yield line, f"{number} asks \"{asks}\"; one of {', '.join(sorted(ASKS))}"
    if verdict not in VERDICTS:
        yield line, f"{number} has the verdict \"{verdict}\"; one of {', '.join(sorted(VERDICTS))}"
    if not sentence:
        yield line, f"{number} has no sentence"
    for file, test in tests:
        if test not in known.get(file, ()):
            yield line, f"{number} names {file}::{test}, which does not exist"
        named.setdefault(test, set()).add(number.lower())
    if verdict == "yes" and not tests:
        yield line, f"{number} is \"yes\" without a test"
    if verdict != "yes" and not re.search(r"\w", TEST.sub("", proof)):
        yield line, f"{number} is \"{verdict}\" without a reason"


def check(root):
    page = Path(root) / "docs" / "conformance.md"
    if not page.exists():
        return ["docs/conformance.md: is missing"]
    known, named = tests_of(Path(root) / "tests" / "api"), {}
    rows, findings = rows_of(page)
    last = {}
    for row in rows:
        number = row[1]
        if number <= last.get(number[0], ""):
            findings.append((row[0], f"{number} does not rise"))
        last[number[0]] = number
        findings += check_row(row, known, named)
    ret = [f"docs/conformance.md:{line}: {what}" for line, what in sorted(findings)]
    for file, tests in known.items():
        for test in sorted(tests) if file.startswith("test_spec_") else ():
            match = SPEC_TEST.match(test)
            if not match:
                ret.append(f"tests/api/{file}: {test} is not called after a row: test_s001_…")
            elif match.group(1) not in named.get(test, ()):
                ret.append(f"tests/api/{file}: {test} is named by no row {match.group(1).upper()} of docs/conformance.md")
    return ret


def summary(root):
    rows, _ = rows_of(Path(root) / "docs" / "conformance.md")
    counts = {v: sum(row[4] == v for row in rows) for v in ("yes", "no", "n/a", "not yet")}
    return f"{len(rows)} sentences: " + ", ".join(f"{n} {v}" for v, n in counts.items())


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent
    findings = check(root)
    for finding in findings:
        print(finding)
    print(f"conformance: {len(findings)} findings" if findings else f"conformance: {summary(root)}")
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
