# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk that is full or read-only: clear refusals, nothing lost, and it goes on when there is room again.

Needs the right to mount a small file system of its own (root); says so and skips otherwise.
"""
import json
import os
import subprocess

import pytest

from conftest import Server, rihla

# While $RIHLA_TEST_READONLY exists, pwrite and syncs fail with EROFS: a mounted disk with open files cannot be made read-only.
READ_ONLY_SHIM = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/types.h>
#include <unistd.h>

static int read_only(void)
{
    const char *path = getenv("RIHLA_TEST_READONLY");
    int error = errno, there = path && access(path, F_OK) == 0;
    errno = there ? EROFS : error;
    return there;
}

ssize_t pwrite64(int fd, const void *data, size_t n, off64_t at)
{
    ssize_t (*next)(int, const void *, size_t, off64_t) = (ssize_t (*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
    return read_only() ? -1 : next(fd, data, n, at);
}

ssize_t pwrite(int fd, const void *data, size_t n, off_t at)
{
    return pwrite64(fd, data, n, at);
}

int fdatasync(int fd)
{
    int (*next)(int) = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    return read_only() ? -1 : next(fd);
}
"""
NOISE = os.urandom(48_000).hex()


@pytest.fixture
def small_disk(tmp_path):
    where = tmp_path / "disk"
    where.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(where)], capture_output=True, text=True)
    if done.returncode:
        assert os.environ.get("CI") != "true", f"mount: {done.stderr}"
        pytest.skip(f"cannot mount a small disk: {done.stderr.strip()}")
    yield where
    subprocess.run(["umount", "-l", str(where)], check=True)


def basic(n, text=NOISE):
    return {"resourceType": "Basic", "id": f"b{n}", "code": {"text": text[n % 1000:]}}


def fill(client):
    """Writes until the disk is full; ids that were acknowledged, and the refusal."""
    kept = []
    for n in range(2000):
        r = client.put(f"/Basic/b{n}", content=json.dumps(basic(n)))
        if r.status_code != 201:
            return kept, r
        kept.append(n)
    raise AssertionError("the disk never became full")


def test_a_full_disk_is_507_and_nothing_is_lost(small_disk, tmp_path):
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 8_000_000)
    server = Server(small_disk / "data", tmp_path / "server.log")
    server.start()
    try:
        with server.client() as c:
            kept, refusal = fill(c)
            assert refusal.status_code == 507, refusal.text
            assert refusal.json()["resourceType"] == "OperationOutcome"
            assert "full" in refusal.text
            assert len(kept) > 10
            for n in kept[:: max(1, len(kept) // 20)]:
                assert c.get(f"/Basic/b{n}").json()["code"]["text"] == basic(n)["code"]["text"]
            ballast.unlink()  # room again: the same process goes on
            r = c.put("/Basic/after", content=json.dumps({"resourceType": "Basic", "id": "after", "code": {"text": "room"}}))
            assert r.status_code == 201, r.text
            for n in kept:
                assert c.get(f"/Basic/b{n}").status_code == 200
    finally:
        assert server.stop() == 0
    rihla("check", "--data", server.data)


def test_a_disk_that_becomes_read_only_is_503_and_reads_go_on(tmp_path):
    shim, flag = tmp_path / "readonly.so", tmp_path / "read-only-now"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(shim), "-x", "c", "-", "-ldl"], input=READ_ONLY_SHIM, text=True, check=True)
    server = Server(tmp_path / "data", tmp_path / "server.log",
                    {"LD_PRELOAD": str(shim), "RIHLA_TEST_READONLY": str(flag),
                     "ASAN_OPTIONS": "verify_asan_link_order=0:" + os.environ.get("ASAN_OPTIONS", "")})
    server.start()
    try:
        with server.client() as c:
            assert c.put("/Basic/a", content=json.dumps(basic(1) | {"id": "a"})).status_code == 201
            flag.touch()
            for _ in range(3):
                r = c.put("/Basic/b", content=json.dumps(basic(2) | {"id": "b"}))
                assert r.status_code == 503, r.text
                assert r.json()["resourceType"] == "OperationOutcome"
            assert c.get("/Basic/a").status_code == 200
            flag.unlink()
            assert c.get("/Basic/b").status_code == 404
            assert c.put("/Basic/b", content=json.dumps(basic(2) | {"id": "b"})).status_code == 201
    finally:
        assert server.stop() == 0
    rihla("check", "--data", server.data)


def test_a_read_only_directory_is_refused_with_a_reason(small_disk, tmp_path):
    rihla("import", "--data", small_disk / "data", one_file(tmp_path))
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    done = subprocess.run([os.environ.get("RIHLA_BIN", "build/rihla"), "check", "--data", str(small_disk / "data")], capture_output=True, text=True)
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    assert done.returncode == 3
    assert "read-only" in done.stderr.lower() or "cannot be written" in done.stderr.lower(), done.stderr
    rihla("check", "--data", small_disk / "data")


def one_file(tmp_path):
    path = tmp_path / "one.ndjson"
    path.write_text(json.dumps({"resourceType": "Basic", "id": "one", "code": {"text": "one"}}) + "\n")
    return path
