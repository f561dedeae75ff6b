# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: help, usage, doctor, export, check; and commands that do their work through a server that runs."""
import base64
import gzip
import json
import os
import shutil
import signal
import subprocess
import time

import pytest

from conftest import BIN, Server
from program import check, exported, lines, load, rihla

COMMANDS = {
    "serve": ["--listen", "--web-dir", "--package", "--validate"],
    "import": ["--package", "--validate"],
    "export": ["--type", "--gzip"],
    "backup": [],
    "restore": [],
    "check": ["--rebuild"],
    "explain": [],
    "job": [],
    "validate": ["--profile", "--package", "--level", "--extensions"],
    "fhirpath": ["--batch", "--ast", "--check", "--base", "--var", "--model", "--lenient", "--types", "--package"],
    "terminology": ["--package", "--param", "--batch"],
    "pack": ["--package"],
    "doctor": [],
    "version": [],
    "completion": [],
    "man": [],
}
COMMON = ["--data", "--json", "--quiet", "--help"]


def people(path, numbers, **more):
    path.write_text("".join(json.dumps({"resourceType": "Patient", "id": f"p{n}", "name": [{"family": f"Family{n}"}], **more}) + "\n" for n in numbers))
    return path


@pytest.fixture
def data(tmp_path):
    """A directory with 40 people, 7 weights and a place."""
    observations = [{"resourceType": "Observation", "id": f"o{n}", "status": "final", "code": {"text": "weight"}, "subject": {"reference": f"Patient/p{n}"},
                     "valueQuantity": {"value": 60.50}} for n in range(7)]
    places = [{"resourceType": "Location", "id": "l1", "name": "Harbour"}]
    file = people(tmp_path / "some.ndjson", range(40))
    with open(file, "a") as f:
        f.writelines(json.dumps(r) + "\n" for r in observations + places)
    assert load(tmp_path / "rihla", file)[0]["created"] == 48
    return tmp_path / "rihla"


# --- help and usage --------------------------------------------------------------------------------


def test_help_names_every_command():
    for call in (["help"], ["--help"], ["-h"]):
        out = rihla(*call).stdout
        for name in COMMANDS:
            assert f"  {name}" in out
    done = rihla(code=2)
    assert done.stdout == "" and "import" in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_each_command_names_its_options(command):
    out = rihla(command, "--help").stdout
    assert out.startswith(f"rihla {command}")
    for option in COMMANDS[command] + COMMON:
        assert option in out
    assert rihla("help", command).stdout == out == rihla(command, "-h").stdout
    assert "Exit codes" in out


@pytest.mark.parametrize("call, hint", [
    (["emport"], "emport"),
    (["help", "emport"], "emport"),
    (["import"], "PATH"),
    (["import", "--fast", "x"], "--fast"),
    (["import", "-f", "x"], "-f"),
    (["export"], "OUT"),
    (["export", "a", "b"], "b"),
    (["export", "a", "--type"], "--type"),
    (["export", "a", "--gzip=yes"], "--gzip=yes"),
    (["check", "--data"], "--data"),
    (["version", "please"], "please"),
])
def test_wrong_usage_is_2_with_a_hint(call, hint):
    done = rihla(*call, code=2)
    assert done.stdout == ""
    assert hint in done.stderr and "--help" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_wrong_setting_is_said():
    assert "RIHLA_LOG" in rihla("version", code=2, env={**os.environ, "RIHLA_LOG": "loud"}).stderr


def test_an_argument_that_begins_with_dashes_stands_behind_two(tmp_path, data):
    rihla("export", "--quiet", "--data", data, "--", "--out", cwd=tmp_path)
    assert (tmp_path / "--out" / "manifest.json").exists()


def test_version():
    assert rihla("version").stdout.startswith("rihla ") and rihla("--version").stdout == rihla("version").stdout
    told = json.loads(rihla("version", "--json").stdout)
    assert told["fhirVersion"] == "4.0.1" and told["version"] in rihla("version").stdout


def complete(script, *words):
    """What bash offers behind the words."""
    call = f'{script}\nCOMP_WORDS=({" ".join(repr(w) for w in words)}); COMP_CWORD={len(words) - 1}; _rihla; printf "%s\\n" "${{COMPREPLY[@]}}"'
    return subprocess.run(["bash", "-c", call], capture_output=True, text=True, check=True, timeout=20).stdout.split()


def test_completion_completes(tmp_path):
    script = rihla("completion").stdout
    assert subprocess.run(["bash", "-n"], input=script, text=True, capture_output=True, timeout=20).stderr == ""
    assert set(COMMANDS) <= set(complete(script, "rihla", ""))
    assert complete(script, "rihla", "ex") == ["export", "explain"]
    assert complete(script, "rihla", "export", "--g") == ["--gzip"]
    assert {"--rebuild", "--data"} <= set(complete(script, "rihla", "check", "--"))
    (tmp_path / "deep").mkdir()
    assert complete(script, "rihla", "check", "--data", str(tmp_path / "de")) == [str(tmp_path / "deep")]
    assert complete(script, "rihla", "import", str(tmp_path / "de")) == [str(tmp_path / "deep")]


def test_the_manual_page_has_every_command_and_option():
    page = rihla("man").stdout
    assert page.startswith(".TH RIHLA 1")
    for name, options in COMMANDS.items():
        assert f".SS {name}" in page
        for option in options + COMMON:
            assert option.replace("-", "\\-") in page
    for line in page.splitlines():
        assert not line.startswith("'") and (not line.startswith(".") or line.split()[0] in {".TH", ".SH", ".SS", ".PP", ".TP", ".B"}), line
    if shutil.which("man"):
        done = subprocess.run(["man", "--warnings", "-l", "-"], input=page, text=True, capture_output=True, timeout=60, env={**os.environ, "MANPAGER": "cat", "MANWIDTH": "80"})
        assert done.returncode == 0 and "RIHLA_DATA" in done.stdout and done.stderr == ""


# --- doctor --------------------------------------------------------------------------------------------


def test_doctor_tells_what_there_is(data):
    done = subprocess.run([BIN, "doctor", "--data", data], capture_output=True, text=True, timeout=60)
    assert done.returncode in (0, 1)
    for row in ("rihla", "definitions", "SQLite", "system", "settings", "data directory", "file system", "free space", "sync"):
        assert any(line.startswith(row + " ") for line in done.stdout.splitlines()), row
    assert str(data) in done.stdout and " ms a 4 KiB write" in done.stdout and " GiB" in done.stdout
    assert (done.returncode == 1) == ("->" in done.stdout), "the exit code says whether there is advice"
    assert not [f for f in data.iterdir() if "doctor" in f.name]


def test_doctor_in_json(data):
    done = subprocess.run([BIN, "doctor", "--json", "--data", data], capture_output=True, text=True, timeout=60)
    told = json.loads(done.stdout)
    assert {"rihla", "SQLite", "data directory", "file system", "free space", "sync"} <= set(told)
    assert all(set(row) == {"value", "advice"} and row["value"] for row in told.values())
    assert done.returncode == (1 if any(row["advice"] for row in told.values()) else 0)


def test_doctor_looks_at_the_folder_above_one_that_is_not_there_and_makes_nothing(tmp_path):
    done = subprocess.run([BIN, "doctor", "--json", "--data", tmp_path / "a" / "b"], capture_output=True, text=True, timeout=60)
    told = json.loads(done.stdout)
    assert "does not exist yet" in told["data directory"]["value"] and " ms " in told["sync"]["value"]
    assert list(tmp_path.iterdir()) == []


# --- export --------------------------------------------------------------------------------------------


def test_export_writes_a_file_for_each_type_and_the_manifest_last(data, tmp_path):
    said = rihla("export", "--data", data, tmp_path / "out").stdout
    assert "exported 48 resources in 3 files" in said
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert {(f["type"], f["count"]) for f in manifest["output"]} == {("Patient", 40), ("Observation", 7), ("Location", 1)}
    newest = 0
    for f in manifest["output"]:
        path = tmp_path / "out" / f["file"]
        rows = [json.loads(line) for line in lines(path)]
        assert len(rows) == len({r["id"] for r in rows}) == f["count"] and {r["resourceType"] for r in rows} == {f["type"]}
        newest = max(newest, path.stat().st_mtime_ns)
    assert (tmp_path / "out" / "manifest.json").stat().st_mtime_ns >= newest
    assert '"value":60.5' in (tmp_path / "out" / "Observation.ndjson").read_text()
    again = tmp_path / "again"
    assert load(again, tmp_path / "out")[0]["created"] == 48, "an export can be imported; its manifest is no resource"


def test_export_of_one_type_packed(data, tmp_path):
    rihla("export", "--data", data, "--gzip", "--type", "Observation", "--type=Location", tmp_path / "out")
    assert sorted(f.name for f in (tmp_path / "out").iterdir()) == ["Location.ndjson.gz", "Observation.ndjson.gz", "manifest.json"]
    assert len(gzip.decompress((tmp_path / "out" / "Observation.ndjson.gz").read_bytes()).splitlines()) == 7


def test_export_leaves_out_what_was_deleted(data, tmp_path):
    server = Server(data)
    with server.client() as http:
        assert http.delete("/Patient/p39").status_code in (200, 204)
    server.stop()
    assert len(list(exported(data, tmp_path / "out", "--type", "Patient"))) == 39


def test_large_resources_do_not_hinder_a_start_nor_an_export(tmp_path):
    """Their text does not become smaller by packing; the last of them is the end of the log."""
    server = Server(tmp_path / "d")
    with server.client() as http:
        for i in range(14):
            body = {"resourceType": "Binary", "id": f"b{i}", "contentType": "application/octet-stream",
                    "data": base64.b64encode(os.urandom(2_700_000)).decode()}
            assert http.put(f"/Binary/b{i}", json=body, headers={"Content-Type": "application/fhir+json"}).status_code == 201
    server.process.kill()
    server.process.wait(10)
    server = Server(tmp_path / "d")
    server.stop()
    assert len(list(exported(tmp_path / "d", tmp_path / "out"))) == 14


def test_export_refuses_a_folder_with_something_in_it_and_a_type_that_is_none(data, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "keep.txt").write_text("mine")
    assert "not empty" in rihla("export", "--data", data, tmp_path / "full", code=3).stderr
    assert [f.name for f in (tmp_path / "full").iterdir()] == ["keep.txt"]
    assert "Dragon" in rihla("export", "--data", data, "--type", "Dragon", tmp_path / "out", code=3).stderr
    assert not (tmp_path / "out").exists()


def test_export_of_nothing_is_a_manifest_without_files(tmp_path):
    Server(tmp_path / "d").stop()
    rihla("export", "--data", tmp_path / "d", tmp_path / "out")
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["output"] == []


@pytest.mark.parametrize("call", [["export", "{}/out"], ["backup", "{}/out"], ["check"]])
def test_commands_that_read_make_no_directory(call, tmp_path):
    done = rihla(*(c.format(tmp_path) for c in call), "--data", tmp_path / "none", code=3)
    assert str(tmp_path / "none") in done.stderr
    assert not (tmp_path / "none").exists()


# --- progress ------------------------------------------------------------------------------------------


def test_progress_in_json_is_a_line_each(data, tmp_path):
    file = people(tmp_path / "many.ndjson", range(100, 3000))
    done = rihla("import", "--json", "--data", data, file)
    assert json.loads(done.stdout)["created"] == 2900
    told = [json.loads(line) for line in done.stderr.splitlines()]
    assert told and all(isinstance(t, dict) for t in told)
    for call in (["check"], ["export", tmp_path / "o"], ["backup", tmp_path / "b"]):
        done = rihla(*call, "--json", "--data", data)
        json.loads(done.stdout)
        assert [json.loads(line) for line in done.stderr.splitlines()]


def test_errors_in_json_are_an_outcome(tmp_path):
    told = json.loads(rihla("check", "--json", "--quiet", "--data", tmp_path / "none", code=3).stdout)
    assert told["resourceType"] == "OperationOutcome" and told["issue"][0]["diagnostics"]


def test_refusals_of_an_import_in_json_are_lines_too(tmp_path):
    (tmp_path / "a.ndjson").write_text('{"resourceType":"Patient","nickname":1}\n{"resourceType":"Patient","id":"ok"}\n')
    done = rihla("import", "--json", "--quiet", "--data", tmp_path / "d", tmp_path / "a.ndjson", code=1)
    assert json.loads(done.stdout)["refused"] == 1
    (line,) = done.stderr.splitlines()
    told = json.loads(line)["refused"]
    assert told["line"] == 1 and told["file"].endswith("a.ndjson") and "nickname" in told["expression"] and told["text"]


# --- check ---------------------------------------------------------------------------------------------

SEARCHES = ["/Patient?name=family1&_sort=_id", "/Patient?_sort=_id&_count=50", "/Observation?patient=Patient/p3", "/Patient?_id=p1,p2", "/Location"]


def answers(data):
    server = Server(data)
    with server.client() as http:
        found = [[e["resource"] for e in http.get(url).json().get("entry", [])] for url in SEARCHES]
    server.stop()
    return found


def test_a_rebuild_makes_the_same_indexes(data):
    before, report = answers(data), check(data)
    assert [len(a) for a in before] == [11, 40, 1, 2, 1], "family1, family10 to family19; all; …"
    out = rihla("check", "--rebuild", "--data", data).stdout
    assert "48 resources" in out and f"{report['keys']} search keys" in out
    assert answers(data) == before and check(data) == report


# --- while a server runs -------------------------------------------------------------------------------


def test_import_through_a_server_is_visible_at_once(fresh, tmp_path):
    data = fresh.server.data
    file = people(tmp_path / "a.ndjson", range(500))
    assert load(data, file)[0]["created"] == 500
    assert fresh.get("/Patient/p499").status_code == 200
    assert [e["resource"]["id"] for e in fresh.get("/Patient?name=family77").json()["entry"]] == ["p77"]
    assert fresh.get("/Patient?_summary=count").json()["total"] == 500
    with open(file, "a") as f:
        f.write('{"resourceType":"Patient","id":"p1","active":"yes"}\n')
    counts, said = load(data, file, code=1)
    assert (counts["unchanged"], counts["refused"]) == (500, 1)
    assert len(said) == 1 and said[0].startswith(f"{file}:501: Patient.active: ")


def test_import_through_a_server_takes_paths_of_the_caller(fresh, tmp_path):
    people(tmp_path / "here.ndjson", range(3))
    assert load(fresh.server.data, "here.ndjson", cwd=tmp_path)[0]["created"] == 3
    assert "missing" in rihla("import", "--data", fresh.server.data, "missing.ndjson", code=3, cwd=tmp_path).stderr


def test_export_backup_and_check_through_a_server(fresh, tmp_path):
    data = fresh.server.data
    load(data, people(tmp_path / "a.ndjson", range(300)))
    assert len(list(exported(data, tmp_path / "out"))) == 300
    rihla("backup", "--quiet", "--data", data, tmp_path / "copy")
    assert check(data)["resources"] == 300
    done = rihla("check", "--json", "--data", data)
    assert all(json.loads(line) for line in done.stderr.splitlines())
    assert fresh.create({"resourceType": "Patient"})["id"], "the server goes on"
    rihla("restore", "--quiet", "--data", tmp_path / "restored", tmp_path / "copy")
    assert check(tmp_path / "restored")["resources"] == 300


def test_a_rebuild_is_refused_while_a_server_runs(fresh):
    fresh.create({"resourceType": "Patient"})
    done = rihla("check", "--rebuild", "--data", fresh.server.data, code=3)
    assert "stop the server first" in done.stderr
    assert check(fresh.server.data)["resources"] == 1


def test_a_second_server_is_refused(fresh):
    done = rihla("serve", "--data", fresh.server.data, "--listen", "127.0.0.1:0", code=3)
    assert str(fresh.server.data) in done.stderr or "in use" in done.stderr


def test_writes_go_on_while_an_import_runs_and_an_interruption_stops_only_the_import(fresh, tmp_path):
    data = fresh.server.data
    filler = "the same again " * 1400
    file = people(tmp_path / "big.ndjson", range(10000), photo=[{"title": filler}])
    process = subprocess.Popen([BIN, "import", "--quiet", "--data", data, file], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    written = 0
    while process.poll() is None and fresh.get("/Patient?_summary=count").json()["total"] <= written:
        fresh.create({"resourceType": "Patient", "active": True})
        written += 1
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 3 and "start it again" in errors, (process.returncode, out, errors)
    assert written > 0 and fresh.create({"resourceType": "Patient"})
    counts, _ = load(data, file)
    assert counts["refused"] == 0
    assert fresh.get("/Patient?_summary=count").json()["total"] == 10000 + written + 1
    check(data)


def test_a_server_that_stops_ends_an_import_in_order(tmp_path):
    server = Server(tmp_path / "d")
    filler = "the same again " * 1400
    file = people(tmp_path / "big.ndjson", range(5000), photo=[{"title": filler}])
    process = subprocess.Popen([BIN, "import", "--quiet", "--data", server.data, file], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    time.sleep(0.3)
    server.stop()
    out, errors = process.communicate(timeout=60)
    assert process.returncode in (0, 3), (out, errors)
    assert process.returncode == 0 or errors.startswith("rihla: ")
    load(server.data, file)
    assert check(server.data)["resources"] == 5000


def test_explain_says_how_a_search_is_done(data):
    said = json.loads(rihla("explain", "--json", "--data", data, "Observation?patient=p3").stdout)
    assert said["matches"] == 1 and said["more"] is False and said["explain"]["plans"][0]["type"] == "Observation"
    text = rihla("explain", "--data", data, "/fhir/Patient?name=Family1&_sort=birthdate")
    assert "Patient: " in text.stdout and "name=Family1" in text.stdout and " matches" in text.stdout and text.stderr == ""
    assert "wrong" in rihla("explain", "--data", data, "Patient?wrong=1", code=3).stderr
    assert "is no search" in rihla("explain", "--data", data, "Patient/1", code=3).stderr
