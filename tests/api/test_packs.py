# SPDX-License-Identifier: GPL-3.0-or-later
"""The packs of this tree: each is complete, and each of its cases passes."""
import json
import shutil
from pathlib import Path

import pytest

from program import rihla

PACKS = sorted(p for p in (Path(__file__).resolve().parents[2] / "packs").iterdir() if (p / "package").is_dir())


@pytest.mark.parametrize("pack", PACKS, ids=lambda p: p.name)
def test_is_complete(pack):
    done = rihla("pack", "check", "--quiet", pack, code=None)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("pack", [p for p in PACKS if (p / "cases").is_dir()], ids=lambda p: p.name)
def test_cases_pass(pack):
    done = rihla("pack", "test", "--quiet", pack, code=None)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = json.loads(rihla("pack", "test", "--json", pack).stdout.splitlines()[-1])
    assert counts["cases"] == counts["passed"] > 0


def test_all_packs_are_built_and_known_together(tmp_path):
    packages = []
    for pack in PACKS:
        rihla("pack", "build", pack, tmp_path / f"{pack.name}.tgz")
        packages += ["--package", tmp_path / f"{pack.name}.tgz"]
    # As packages, without folders beside them: dependencies are found among the packages themselves.
    for pack in PACKS:
        shutil.rmtree(tmp_path / pack.name, ignore_errors=True)
        done = rihla("pack", "check", "--quiet", tmp_path / f"{pack.name}.tgz", code=None)
        assert done.returncode == 0, done.stdout + done.stderr
