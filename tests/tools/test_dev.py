# SPDX-License-Identifier: GPL-3.0-or-later
"""The front door: its words, its refusals, and the two commands that the README promises."""
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
WORDS = ["setup", "build", "run", "test", "check", "bench", "fuzz", "fmt"]


def dev(*words):
    return subprocess.run([str(ROOT / "dev"), *words], capture_output=True, text=True, cwd="/")


def test_alone_it_prints_every_word_with_what_it_does():
    run = dev()
    assert run.returncode == 0
    assert re.findall(r"^  \./dev (\w+)", run.stdout, re.M) == WORDS


@pytest.mark.parametrize("word", WORDS)
def test_every_word_explains_itself(word):
    run = dev(word, "--help")
    assert run.returncode == 0 and run.stdout.startswith(word) and run.stdout.count("\n") == 1


def test_refuses_an_unknown_word_and_lists_the_known_ones():
    run = dev("tset")
    assert run.returncode == 2
    assert "there is no word 'tset'" in run.stderr and "./dev test" in run.stderr


@pytest.mark.parametrize("words, reason", [
    (["setup", "everything"], "no group 'everything'"),
    (["fuzz", "long"], "SECONDS is a number"),
    (["test", "--lnog"], "unknown option --lnog"),
])
def test_refuses_wrong_use_and_closes_with_a_line(words, reason):
    run = dev(*words)
    assert run.returncode == 1
    assert reason in run.stderr
    assert re.search(rf"^{words[0]}: failed after \d+ s", run.stdout, re.M)


def test_every_row_of_the_package_table_can_be_looked_for():
    for row in (ROOT / "tools/deps/apt.txt").read_text().splitlines():
        if not row.startswith("#"):
            assert re.fullmatch(r"(build|test|check|bench) +[a-z0-9.+-]+ +(rt|wasm|(cmd|tool|pkg|deb|py) \S+)", row), row


def test_the_source_of_yyjson_is_pinned_by_its_hash():
    assert re.search(r"^yyjson==[\d.]+ --hash=sha256:[0-9a-f]{64}$", (ROOT / "tools/deps/yyjson.txt").read_text(), re.M)


def test_the_readme_shows_exactly_two_commands():
    blocks = re.findall(r"^```\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)
    commands = [line.split("#")[0].strip() for block in blocks for line in block.splitlines() if line.strip()]
    assert commands == ["./dev run", "./dev test"]
