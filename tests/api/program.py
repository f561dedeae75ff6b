# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands of the real program, and what they leave behind."""
import gzip
import json
import re
import subprocess

from conftest import BIN

COUNTS = re.compile(r"imported (\d+) files: (\d+) created, (\d+) updated, (\d+) unchanged, (\d+) refused")


def rihla(*arguments, code=0, timeout=300, **more):
    """One command that must end with this exit code (None: with any)."""
    done = subprocess.run([BIN, *map(str, arguments)], capture_output=True, text=True, timeout=timeout, **more)
    assert code is None or done.returncode == code, f"rihla {' '.join(map(str, arguments))}: exit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def counts_of(done):
    match = COUNTS.search(done.stdout)
    assert match, done.stdout + done.stderr
    return dict(zip(("files", "created", "updated", "unchanged", "refused"), map(int, match.groups())))


def load(data, *paths, code=0, **more):
    """Imports; what was created, updated, unchanged, refused, and the lines about refusals."""
    done = rihla("import", "--quiet", "--data", data, *paths, code=code, **more)
    return counts_of(done), done.stderr.splitlines()


def lines(path):
    with (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8") as f:
        yield from f


def exported(data, out, *options):
    """Every resource of the directory as (type, text)."""
    rihla("export", "--quiet", "--data", data, *options, out)
    for file in sorted(out.glob("*.ndjson*")):
        for line in lines(file):
            yield file.name.split(".")[0], line


def check(data):
    answer = json.loads(rihla("check", "--quiet", "--json", "--data", data).stdout)
    assert answer["problems"] == 0
    return answer
