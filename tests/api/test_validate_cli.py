# SPDX-License-Identifier: GPL-3.0-or-later
"""rihla validate, terminology and pack on plain files, without a server."""
import gzip
import json
import subprocess
import tarfile

import pytest
from conftest import BIN
from program import rihla
from test_operations import BASE, PATIENT, folder, parameters, profile, system, value_set

BAD = {**PATIENT, "gender": "f"}
XML = '<Patient xmlns="http://hl7.org/fhir">\n  <gender value="{}"/>\n</Patient>\n'


def write(path, *resources):
    path.write_text("\n".join(json.dumps(r) for r in resources))
    return path


def told(done):
    return [json.loads(line) for line in done.stdout.splitlines()]


def batch(*lines, code=0, options=()):
    done = subprocess.run([BIN, "terminology", "--batch", *map(str, options)], input="".join(json.dumps(x) + "\n" for x in lines),
                          capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


# --- validate

def test_says_file_line_column_severity_text_and_expression(tmp_path):
    file = tmp_path / "a.json"
    file.write_text('{\n  "resourceType": "Patient",\n  "gender": "f"\n}\n')
    done = rihla("validate", file, code=1)
    (line,) = [x for x in done.stdout.splitlines() if ": error: " in x]
    assert line.startswith(f"{file}:3:") and line.endswith("(Patient.gender)")
    assert "1 resources: 0 valid, 1 invalid" in done.stderr


def test_json_has_a_line_for_each_file_in_order(tmp_path):
    names = [tmp_path / f"{n:03}.json" for n in range(60)]
    for n, name in enumerate(names):
        write(name, BAD if n % 7 == 3 else PATIENT)
    rows = told(rihla("validate", "--json", tmp_path, code=1))
    assert [r["file"] for r in rows] == [str(n) for n in names]
    assert [r["valid"] for r in rows] == [n % 7 != 3 for n in range(60)]
    assert set(rows[3]) == {"file", "valid", "issues"}
    assert set(rows[3]["issues"][0]) == {"severity", "code", "expression", "line", "column", "text"}
    summary = json.loads(rihla("validate", "--json", tmp_path, code=1).stderr.splitlines()[-1])
    assert (summary["resources"], summary["invalid"]) == (60, 9)


def test_lines_folders_gzip_xml_and_standard_input(tmp_path):
    write(tmp_path / "lines.ndjson", *[PATIENT] * 400, BAD, *[PATIENT] * 400)
    with gzip.open(tmp_path / "packed.ndjson.gz", "wt") as f:
        f.write(json.dumps(BAD) + "\n\n" + json.dumps(PATIENT))
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "x.xml").write_text(XML.format("f"))
    (tmp_path / "deep" / "y.xml").write_text(XML.format("female"))
    (tmp_path / "deep" / "other.txt").write_text("no resource")
    (tmp_path / "deep" / "package.json").write_text("{}")
    rows = told(rihla("validate", "--json", "--level", "error", tmp_path, code=1))
    wrong = [(r["file"].rsplit("/", 1)[1], r.get("line")) for r in rows if not r["valid"]]
    assert wrong == [("x.xml", None), ("lines.ndjson", 401), ("packed.ndjson.gz", 1)]
    assert len(rows) == 2 + 801 + 2
    assert [r["line"] for r in rows if r["file"].endswith("lines.ndjson")] == list(range(1, 802))
    issue = next(r for r in rows if r.get("line") == 401)["issues"][0]
    assert issue["line"] == 401 and issue["expression"] == "Patient.gender"
    issue = next(r for r in rows if r["file"].endswith("x.xml"))["issues"][0]
    assert issue["line"] == 2
    for text, wanted in ((json.dumps(PATIENT), [True]), (json.dumps(BAD, indent=1), [False]), (XML.format("male"), [True]),
                         (json.dumps(PATIENT) + "\n" + json.dumps(BAD) + "\n", [True, False])):
        done = subprocess.run([BIN, "validate", "--json", "-"], input=text, capture_output=True, text=True, timeout=60)
        assert [r["valid"] for r in told(done)] == wanted, done.stderr


@pytest.mark.parametrize("text, word", [
    ("", "nothing"), ("{", "early"), ('{"a":1,}', ""), ("[]", ""), ("5", ""), ('{"resourceType":"Human"}', "resourceType"),
    ("<Patient>", ""), ("<Patient xmlns='http://hl7.org/fhir'><colour value='a'/></Patient>", "colour"),
    ('<!DOCTYPE a [<!ENTITY b "c">]><Patient xmlns="http://hl7.org/fhir"/>', ""), ("\0\1", ""), ("[" * 100000, ""),
])
def test_what_cannot_be_read_is_not_valid(tmp_path, text, word):
    (tmp_path / "file.json").write_text(text)
    (row,) = told(rihla("validate", "--json", tmp_path / "file.json", code=1))
    assert row["valid"] is False
    assert row["issues"] and row["issues"][0]["severity"] in ("error", "fatal")
    assert word in " ".join(i["text"] for i in row["issues"])


def test_what_is_not_there_is_a_failure_and_not_a_verdict(tmp_path):
    good = write(tmp_path / "a.json", PATIENT)
    done = rihla("validate", good, tmp_path / "none.json", code=3)
    assert "none.json" in done.stderr and done.stdout == ""
    (tmp_path / "empty").mkdir()
    assert "there is no" in rihla("validate", tmp_path / "empty", code=3).stderr
    assert "not loaded" in rihla("validate", good, "--profile", f"{BASE}/none", code=3).stderr
    assert "none.tgz" in rihla("validate", good, "--package", tmp_path / "none.tgz", code=3).stderr
    assert "--level" in rihla("validate", good, "--level", "loud", code=2).stderr
    rihla("validate", code=2)


def test_profiles_of_packages(tmp_path):
    here = folder(tmp_path / "one", profile("Strict", min=1))
    file = write(tmp_path / "a.json", {k: v for k, v in PATIENT.items() if k != "birthDate"})
    rihla("validate", file)
    rihla("validate", file, "--package", here)
    strict = f"{BASE}/StructureDefinition/Strict"
    done = rihla("validate", file, "--package", here, "--profile", strict, code=1)
    assert "birthDate" in done.stdout
    claimed = write(tmp_path / "b.json", {"resourceType": "Patient", "meta": {"profile": [strict]}})
    assert "birthDate" in rihla("validate", claimed, "--package", here, code=1).stdout
    done = rihla("validate", claimed)  # cannot be known: said, and no refusal
    assert strict in done.stdout and ": warning: " in done.stdout
    assert rihla("validate", claimed, "--level", "error").stdout == ""


def test_extensions_that_are_not_known(tmp_path):
    file = write(tmp_path / "a.json", {**PATIENT, "extension": [{"url": "https://guide.test/unknown", "valueString": "a"}]})
    (row,) = told(rihla("validate", "--json", "--extensions", "any", file))
    assert row["valid"] is True
    (row,) = told(rihla("validate", "--json", file, code=1))
    assert row["issues"][0]["expression"] == "Patient.extension[0]"
    # who asks about a profile hears of it, and it is no error of that profile unless that is wanted
    base = ("--profile", "http://hl7.org/fhir/StructureDefinition/Patient")
    (row,) = told(rihla("validate", "--json", *base, file))
    assert row["valid"] is True and row["issues"][0]["severity"] == "information"
    (row,) = told(rihla("validate", "--json", *base, "--extensions", "known", file, code=1))
    assert row["valid"] is False
    assert "known or any" in rihla("validate", "--extensions", "some", file, code=2).stderr


# --- terminology

CS = system("cli", {"warm": ("Warm", {"red": "Red"}), "blue": "Blue"})
VS = value_set("cli", {"system": CS["url"]})


def test_operations_on_the_command_line(tmp_path):
    here = folder(tmp_path / "one", CS, VS)
    def ask(operation, *given, code=0):
        options = [x for g in given for x in ("--param", g)]
        return rihla("terminology", operation, "--package", here, *options, code=code)
    answer = json.loads(ask("expand", f"url={VS['url']}", "filter=re").stdout)
    assert [c["code"] for c in answer["expansion"]["contains"]] == ["red"]
    given = [f"url={VS['url']}", f"system={CS['url']}"]
    assert '"result"' in ask("validate-code", *given, "code=red").stdout
    ask("ValueSet/$validate-code", *given, "code=green", code=1)
    ask("CodeSystem/validate-code", f"url={CS['url']}", "code=red")
    assert "Blue" in ask("$lookup", f"system={CS['url']}", "code=blue").stdout
    assert "subsumes" in ask("subsumes", f"system={CS['url']}", "codeA=warm", "codeB=red").stdout
    assert "nowhere" in ask("expand", f"url={BASE}/nowhere", code=3).stderr
    assert "Patient" not in ask("expand", f"url={BASE}/nowhere", "colour=a", code=2).stdout
    assert "translate" in ask("transmute", code=2).stderr
    assert "NAME=VALUE" in ask("expand", "url", code=2).stderr
    file = write(tmp_path / "p.json", parameters(url=VS["url"]))
    assert len(rihla("terminology", "expand", file, "--package", here, "--json").stdout.splitlines()) == 1
    rihla("terminology", code=2)


def test_required_bindings_of_r4_need_no_package():
    given = ["--param", "url=http://hl7.org/fhir/ValueSet/administrative-gender",
             "--param", "system=http://hl7.org/fhir/administrative-gender"]
    rihla("terminology", "validate-code", *given, "--param", "code=female")
    rihla("terminology", "validate-code", *given, "--param", "code=f", code=1)


def test_a_batch_of_lines_shares_what_was_set_up():
    call = {"operation": "ValueSet/$expand", "parameters": parameters(url=VS["url"])}
    rows = batch({"id": "s", "resources": [CS, VS]}, {"id": 1, "setup": "s", **call}, {"id": 2, "resources": [CS, VS], **call},
                 {"id": 3, **call}, {"id": 4, "setup": "t", **call}, {"id": 5, "operation": "fly", "parameters": {}},
                 {"id": 6, "operation": "expand"}, {"id": 7, "setup": "s", "operation": "expand", "parameters": {"resourceType": "Parameters"},
                                                    "instance": VS})
    assert [r["id"] for r in rows] == ["s", 1, 2, 3, 4, 5, 6, 7]
    assert rows[0]["result"] is None
    assert rows[1]["result"]["expansion"]["contains"] == rows[2]["result"]["expansion"]["contains"]
    assert rows[7]["result"]["resourceType"] == "ValueSet"
    for row in rows[3:7]:
        assert row["outcome"]["resourceType"] == "OperationOutcome" and "result" not in row
    assert rows[3]["outcome"]["issue"][0]["code"] == "not-found"


def test_a_line_that_is_not_json_is_answered_and_the_rest_goes_on():
    done = subprocess.run([BIN, "terminology", "--batch"], input='{"id":\n{"id":2,"operation":"fly","parameters":{}}\n',
                          capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert [json.loads(x)["id"] for x in done.stdout.splitlines()] == [None, 2]


# --- pack

def test_lists_and_checks_a_package(tmp_path):
    here = folder(tmp_path / "one", CS, VS)
    out = rihla("pack", "list", here).stdout
    assert out.startswith("example.pack 1.0.0: 2 resources") and VS["url"] in out
    listed = json.loads(rihla("pack", "list", "--json", here).stdout)
    assert {r["type"] for r in listed["resources"]} == {"CodeSystem", "ValueSet"}
    with tarfile.open(tmp_path / "one.tgz", "w:gz") as tar:
        tar.add(here / "package", "package")
    assert rihla("pack", "list", tmp_path / "one.tgz").stdout == out
    assert "2 resources, 0 errors" in rihla("pack", "check", here).stderr


def test_check_finds_what_is_wrong(tmp_path):
    loinc = value_set("digits", {"system": "http://loinc.org", "concept": [{"code": "8867-4"}, {"code": "8867-5"}]})
    done = rihla("pack", "check", folder(tmp_path / "one", loinc), code=1)
    assert "8867-5" in done.stdout and "8867-4" not in done.stdout and "check digit" in done.stdout
    assert "ValueSet.compose.include[0].concept[1].code" in done.stdout
    done = rihla("pack", "check", folder(tmp_path / "two", {**CS, "status": "maybe"}), code=1)
    assert "CodeSystem/cli: error" in done.stdout
    done = rihla("pack", "check", folder(tmp_path / "three", CS, dependencies={"example.other": "2.0.0"}), code=1)
    assert "example.other" in done.stdout
    rows = told(rihla("pack", "check", "--json", tmp_path / "three", code=1))
    assert rows[0]["issue"]["severity"] == "error"
    other = folder(tmp_path / "four", name="example.other")
    (other / "package" / "package.json").write_text(json.dumps({"name": "example.other", "version": "2.0.1"}))
    write(other / "package" / "a.json", system("a", {"a": "A"}))
    rihla("pack", "check", tmp_path / "three", "--package", other)


def test_kept_packages_go_into_a_backup_and_back(tmp_path):
    here = folder(tmp_path / "one", CS, VS)
    with tarfile.open(tmp_path / "one.tgz", "w:gz") as tar:
        tar.add(here / "package", "package")
    write(tmp_path / "a.json", PATIENT)
    rihla("import", "--quiet", "--data", tmp_path / "d", tmp_path / "a.json")
    told_path = rihla("pack", "add", "--json", "--data", tmp_path / "d", tmp_path / "one.tgz").stdout
    assert json.loads(told_path)["package"] == str(tmp_path / "d" / "packages" / "example.pack-1.0.0.tgz")
    rihla("backup", "--quiet", "--data", tmp_path / "d", tmp_path / "backup")
    rihla("restore", "--quiet", "--data", tmp_path / "new", tmp_path / "backup")
    kept = tmp_path / "new" / "packages" / "example.pack-1.0.0.tgz"
    assert kept.read_bytes() == (tmp_path / "one.tgz").read_bytes()


def test_keeps_only_what_can_be_read(tmp_path):
    (tmp_path / "broken.tgz").write_bytes(b"\x1f\x8b broken")
    assert "broken.tgz" in rihla("pack", "add", "--data", tmp_path / "d", tmp_path / "broken.tgz", code=3).stderr
    plain = tmp_path / "plain"
    plain.mkdir()
    write(plain / "a.json", CS)
    assert "no package file" in rihla("pack", "add", "--data", tmp_path / "d", plain, code=3).stderr
    assert not (tmp_path / "d").exists()
    assert "list, check, test, build, add or remove" in rihla("pack", "burn", tmp_path, code=2).stderr
