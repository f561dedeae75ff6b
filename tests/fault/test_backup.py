# SPDX-License-Identifier: GPL-3.0-or-later
"""Backup while writing, restore, and the logs agree."""
import json
import re
import shutil
import threading

from conftest import Server, rihla


def write_until(base_client, stop, acknowledged):
    n = 0
    while not stop.is_set():
        n += 1
        r = base_client.put(f"/Basic/w{n}", content=json.dumps({"resourceType": "Basic", "id": f"w{n}", "code": {"text": "x" * 500}}))
        assert r.status_code == 201, r.text
        acknowledged.append((n, r.headers["etag"]))


def origins(text):
    return dict((o, (int(seq), hash_)) for o, seq, hash_ in re.findall(r"^([0-9a-f]+) (\d+) ([0-9a-f]{64})$", text, re.M))


def test_a_backup_made_under_load_is_restored_whole(server, tmp_path):
    server.start()
    stop, acknowledged = threading.Event(), []
    with server.client() as c, server.client() as reader:
        writer = threading.Thread(target=write_until, args=(c, stop, acknowledged))
        writer.start()
        while len(acknowledged) < 200:
            stop.wait(0.01)
        before = list(acknowledged)
        out = rihla("backup", "--data", server.data, tmp_path / "copy")
        assert "restore" in out
        stop.set()
        writer.join()
        assert reader.get("/Basic/w1").status_code == 200
    assert server.stop() == 0

    rihla("restore", "--data", tmp_path / "restored", tmp_path / "copy")
    manifest = json.loads((tmp_path / "copy" / "rihla-backup.json").read_text())
    copied = origins(manifest["origins"])
    checked = origins(rihla("check", "--data", tmp_path / "restored"))
    assert copied and all(checked[o] == copied[o] for o in copied)
    original = origins(rihla("check", "--data", server.data))
    (origin, (seq, _)), = copied.items()
    assert original[origin][0] >= seq >= len(before)

    again = Server(tmp_path / "restored", tmp_path / "again.log")
    again.start()
    with again.client() as c:
        for n, etag in before:
            r = c.get(f"/Basic/w{n}")
            assert r.status_code == 200 and r.headers["etag"] == etag
        r = c.put("/Basic/new", content=json.dumps({"resourceType": "Basic", "id": "new", "code": {"text": "n"}}))
        assert origin not in r.headers["etag"], "a restored directory must write under an origin of its own"
    assert again.stop() == 0
    rihla("check", "--data", tmp_path / "restored")


def test_a_damaged_backup_is_refused(server, tmp_path):
    server.start()
    with server.client() as c:
        for n in range(50):
            c.put(f"/Basic/d{n}", content=json.dumps({"resourceType": "Basic", "id": f"d{n}", "code": {"text": "x" * 500}}))
    server.stop()
    rihla("backup", "--data", server.data, tmp_path / "copy")
    shutil.copytree(tmp_path / "copy", tmp_path / "cut")
    (tmp_path / "cut" / "rihla-backup.json").unlink()
    rihla("restore", "--data", tmp_path / "r1", tmp_path / "cut", code=3)
    assert not (tmp_path / "r1").exists()
    shutil.copytree(tmp_path / "copy", tmp_path / "changed")
    manifest = json.loads((tmp_path / "changed" / "rihla-backup.json").read_text())
    manifest["origins"] = manifest["origins"].replace(" 50 ", " 51 ")
    (tmp_path / "changed" / "rihla-backup.json").write_text(json.dumps(manifest))
    rihla("restore", "--data", tmp_path / "r2", tmp_path / "changed", code=3)
    rihla("backup", "--data", server.data, tmp_path / "copy", code=3)  # never over another backup


def test_a_body_that_was_changed_behind_our_back_is_found(server, tmp_path):
    import sqlite3
    server.start()
    with server.client() as c:
        for n in range(20):
            c.put(f"/Basic/d{n}", content=json.dumps({"resourceType": "Basic", "id": f"d{n}", "code": {"text": f"text {n}"}}))
    server.stop()
    rihla("check", "--data", server.data)
    db = sqlite3.connect(server.data / "rihla.db")
    db.execute("UPDATE log SET time_us = time_us + 1 WHERE number = 7")
    db.commit()
    db.close()
    rihla("check", "--data", server.data, code=1)
