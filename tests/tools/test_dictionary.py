# SPDX-License-Identifier: GPL-3.0-or-later
"""tools/dictionary.c and the skeletons it learns from."""
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
BOILERPLATE = TOOLS / "dictionary" / "boilerplate.py"


@pytest.fixture(scope="module")
def trainer(tmp_path_factory):
    cc = os.environ.get("CC") or shutil.which("cc") or shutil.which("gcc")
    out = tmp_path_factory.mktemp("trainer") / "dictionary"
    subprocess.run([*cc.split(), "-O1", "-D_GNU_SOURCE", "-o", str(out), str(TOOLS / "dictionary.c"), "-lzstd"], check=True)
    return out


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    path = tmp_path_factory.mktemp("samples") / "boilerplate.ndjson"
    path.write_bytes(subprocess.run([sys.executable, str(BOILERPLATE)], capture_output=True, check=True).stdout)
    return path


def train(trainer, *args):
    return subprocess.run([str(trainer), *map(str, args)], capture_output=True, text=True)


def test_skeletons_are_json_without_leftover_placeholders(samples):
    text = samples.read_text()
    assert "$" not in text and len(text.splitlines()) > 1000
    kinds = {json.loads(line)["resourceType"] for line in text.splitlines()}
    assert {"Observation", "Encounter", "Claim", "ExplanationOfBenefit", "Composition"} <= kinds


def test_skeletons_come_out_the_same_again(samples):
    again = subprocess.run([sys.executable, str(BOILERPLATE)], capture_output=True, check=True).stdout
    assert again == samples.read_bytes()


def test_trains_the_same_dictionary_again(trainer, samples, tmp_path):
    for name in ("a", "b"):
        done = train(trainer, tmp_path / name, samples)
        assert done.returncode == 0, done.stderr
    one = (tmp_path / "a").read_bytes()
    assert one == (tmp_path / "b").read_bytes()
    assert one[:4] == b"\x37\xa4\x30\xec"  # RFC 8878, 5: magic number of a dictionary
    assert 10_000 < len(one) <= 64 * 1024
    assert b"http://loinc.org" in one


def test_writes_the_same_bytes_as_c_source(trainer, samples, tmp_path):
    assert train(trainer, tmp_path / "a", samples).returncode == 0
    assert train(trainer, tmp_path / "a.c", samples).returncode == 0
    source = (tmp_path / "a.c").read_text()
    numbers = re.search(r"rh_dictionary_data\[\] = \{(.*?)\}", source, re.S).group(1)
    assert bytes(int(n) for n in re.findall(r"\d+", numbers)) == (tmp_path / "a").read_bytes()
    assert "rh_dictionary_size" in source


def test_refuses_and_leaves_no_file(trainer, samples, tmp_path):
    few = tmp_path / "few.ndjson"
    few.write_text('{"resourceType":"Patient"}\n' * 5)
    assert train(trainer).returncode == 2
    for args, why in (((few,), "too few"), ((tmp_path / "none",), "No such file"), ((tmp_path,), "directory")):
        bad = train(trainer, tmp_path / "out", *args)
        assert bad.returncode == 3 and why in bad.stderr, bad.stderr
    assert not (tmp_path / "out").exists()
    bad = train(trainer, tmp_path / "no" / "out", samples)
    assert bad.returncode == 3 and "cannot write" in bad.stderr
