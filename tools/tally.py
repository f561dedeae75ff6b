#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""tally.py FOLDER - adds up what the test suites wrote there and prints `N passed, N failed`.

Reads *.json (meson's testlog, one object a line, cmocka's text inside), *.xml (pytest's JUnit
report) and browser.log (node's test runner; browser.failed beside it when it exited non-zero).
Exit 0 when something passed and nothing failed, else 1: a run without a test is a failure. With
CI=true a skipped test counts as shown, but a suite that was skipped whole is a failure.
"""
import json
import os
import re
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

CMOCKA = {
    "run": re.compile(r"^\[==========\] .*?(\d+) test\(s\) run", re.M),
    "passed": re.compile(r"^\[  PASSED  \] (\d+) test\(s\)", re.M),
    "failed": re.compile(r"^\[  FAILED  \] .*?(\d+) test\(s\), listed below", re.M),
    "skipped": re.compile(r"^\[  SKIPPED \] .*?(\d+) test\(s\), listed below", re.M),
}
NODE = re.compile(r"^(?:#|\u2139) (pass|fail|cancelled|skipped|todo) (\d+)\s*$", re.M)


def total(pattern, text):
    return sum(int(n) for n in pattern.findall(text))


def unit(path):
    """One line a test program; a program that died before its summary is one failure."""
    passed = failed = skipped = 0
    names = []
    for line in path.read_text(encoding="utf-8").splitlines():
        program = json.loads(line)
        text = program.get("stdout", "") + "\n" + program.get("stderr", "")
        good, bad, left = (total(CMOCKA[k], text) for k in ("passed", "failed", "skipped"))
        if program["result"] == "SKIP":
            left = max(left, 1)
        elif program["result"] in ("OK", "EXPECTEDFAIL"):
            good = max(good, 0 if left else 1)
        else:
            bad = max(bad, 1)
            names.append(f"{program['name']} ({program['result'].lower()})")
        passed, failed, skipped = passed + good, failed + bad, skipped + left
    return passed, failed, skipped, names


def junit(path):
    try:
        cases = list(xml.parse(path).getroot().iter("testcase"))
    except xml.ParseError as error:
        return 0, 1, 0, [f"{path.name} is cut off: {error}"]
    failed = [c for c in cases if c.find("failure") is not None or c.find("error") is not None]
    skipped = [c for c in cases if c.find("skipped") is not None and c not in failed]
    names = [f"{c.get('classname')}.{c.get('name')}" for c in failed]
    return len(cases) - len(failed) - len(skipped), len(failed), len(skipped), names


def browser(path):
    text = path.read_text(encoding="utf-8", errors="replace")
    count = {word: 0 for word in ("pass", "fail", "cancelled", "skipped", "todo")}
    for word, number in NODE.findall(text):
        count[word] += int(number)
    names = re.findall(r"^\s*(?:not ok \d+ - |\u2716 )(.*?)(?: \([\d.]+ms\))?$", text, re.M)
    failed = count["fail"] + count["cancelled"]
    if path.with_suffix(".failed").exists() and not failed:
        failed, names = 1, ["the runner itself failed; see " + str(path)]
    return count["pass"], failed, count["skipped"] + count["todo"], sorted(set(names))


def line(passed, failed, skipped):
    return f"{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "")


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: tally.py FOLDER")
    folder = Path(sys.argv[1])
    sums = [0, 0, 0]
    broken = []
    suites = [(p, unit) for p in sorted(folder.glob("*.json"))]
    suites += [(p, junit) for p in sorted(folder.glob("*.xml"))]
    suites += [(p, browser) for p in sorted(folder.glob("browser.log"))]
    for path, read in suites:
        passed, failed, skipped, names = read(path)
        print(f"  {path.stem}: {line(passed, failed, skipped)}")
        for name in names:
            print(f"    failed: {name}")
        if os.environ.get("CI") == "true" and skipped and not passed:
            broken.append(f"{path.stem}: every test was skipped")
        sums = [a + b for a, b in zip(sums, (passed, failed, skipped))]
    if not sums[0] and not sums[1]:
        broken.append("no test was run")
    for reason in broken:
        print(f"  not accepted: {reason}")
    sums[1] += len(broken)
    print(line(*sums), flush=True)
    sys.exit(1 if sums[1] else 0)


if __name__ == "__main__":
    main()
