# SPDX-License-Identifier: GPL-3.0-or-later
"""tools/tally.py adds the suites up, and never calls a run green that was not."""
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def tally(folder, ci="false"):
    run = subprocess.run([sys.executable, str(ROOT / "tools" / "tally.py"), str(folder)], capture_output=True,
                         text=True, env={**os.environ, "CI": ci})
    return run.returncode, run.stdout.strip().split("\n")[-1]


def program(name, result, text):
    return json.dumps({"name": name, "result": result, "stdout": text, "stderr": ""}) + "\n"


GOOD = "[==========] tests: 3 test(s) run.\n[  PASSED  ] 3 test(s).\n"
BAD = "[==========] tests: 3 test(s) run.\n[  PASSED  ] 2 test(s).\n[  FAILED  ] tests: 1 test(s), listed below:\n"


def test_adds_up_all_suites(tmp_path):
    (tmp_path / "unit.json").write_text(program("a", "OK", GOOD) + program("b", "OK", GOOD))
    (tmp_path / "api.xml").write_text(
        '<testsuites><testsuite><testcase name="x"/><testcase name="y"><skipped/></testcase></testsuite></testsuites>')
    (tmp_path / "browser.log").write_text("\u2139 tests 4\n\u2139 pass 4\n\u2139 fail 0\n\u2139 cancelled 0\n")
    assert tally(tmp_path) == (0, "11 passed, 0 failed, 1 skipped")


def test_a_failed_unit_test_fails_the_run(tmp_path):
    (tmp_path / "unit.json").write_text(program("a", "FAIL", BAD))
    assert tally(tmp_path) == (1, "2 passed, 1 failed")


def test_a_program_that_died_without_a_summary_is_one_failure(tmp_path):
    (tmp_path / "unit.json").write_text(program("a", "OK", GOOD) + program("b", "FAIL", "[ RUN      ] one\n"))
    assert tally(tmp_path) == (1, "3 passed, 1 failed")


def test_an_error_in_pytest_is_a_failure(tmp_path):
    (tmp_path / "api.xml").write_text(
        '<testsuites><testsuite><testcase name="x"><error/></testcase><testcase name="y"><failure/></testcase>'
        "</testsuite></testsuites>")
    assert tally(tmp_path) == (1, "0 passed, 2 failed")


def test_a_browser_run_that_died_is_a_failure(tmp_path):
    (tmp_path / "browser.log").write_text("npm: cannot find chromium\n")
    (tmp_path / "browser.failed").write_text("")
    assert tally(tmp_path) == (1, "0 passed, 1 failed")


def test_a_cut_off_report_is_a_failure(tmp_path):
    (tmp_path / "api.xml").write_text("<testsuites><testsuite><testcase")
    assert tally(tmp_path) == (1, "0 passed, 1 failed")


def test_a_run_without_a_test_is_a_failure(tmp_path):
    assert tally(tmp_path) == (1, "0 passed, 1 failed")


def test_a_suite_skipped_whole_is_a_failure_only_in_ci(tmp_path):
    (tmp_path / "unit.json").write_text(program("a", "OK", GOOD))
    (tmp_path / "api.xml").write_text(
        '<testsuites><testsuite><testcase name="y"><skipped/></testcase></testsuite></testsuites>')
    assert tally(tmp_path) == (0, "3 passed, 0 failed, 1 skipped")
    assert tally(tmp_path, ci="true") == (1, "3 passed, 1 failed, 1 skipped")
