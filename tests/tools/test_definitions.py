# SPDX-License-Identifier: GPL-3.0-or-later
"""tools/definitions.py: what is taken from packages, what is left out, and what must stay to the letter."""
import io
import json
import subprocess
import sys
import tarfile
from pathlib import Path

TOOL = Path(__file__).resolve().parents[2] / "tools" / "definitions.py"

VALUE_SET = {"resourceType": "ValueSet", "id": "v", "url": "http://hl7.org/fhir/ValueSet/v", "version": "1", "name": "V", "text": {"div": "long"},
             "status": "active", "description": "prose", "compose": {"include": [{"system": "urn:x"}]}, "expansion": {"total": 1}}
PROFILE = {"resourceType": "StructureDefinition", "id": "P", "url": "http://hl7.org/fhir/StructureDefinition/P", "type": "Patient", "mapping": [{}],
           "differential": {"element": []}, "snapshot": {"element": [
               {"id": "P", "path": "P", "short": "s", "definition": "prose", "comment": "prose", "min": 0, "max": "*", "mapping": [{}],
                "constraint": [{"key": "k", "human": "h", "xpath": "x"}], "binding": {"strength": "required", "description": "prose", "valueSet": "v"},
                "extension": [{"url": "http://x/structuredefinition-wg"}, {"url": "http://x/kept"}]}]}}
SYSTEM = {"resourceType": "CodeSystem", "id": "c", "url": "http://example.org/c", "supplements": "urn:y", "concept": [
    {"code": "a", "definition": "stays", "property": [{"code": "p", "valueDecimal": "@"}]}]}


def package(path, resources, manifest=None):
    with tarfile.open(path, "w:gz") as tar:
        files = {"package/package.json": json.dumps(manifest or {"name": "given", "version": "1.0.0"})}
        for r in resources:
            text = json.dumps(r) if isinstance(r, dict) else r
            name = json.loads(text.replace("@", "0"))
            files[f"package/{name['resourceType']}-{name.get('id', 'none')}.json"] = text.replace('"@"', "1.500")
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            tar.addfile(info, io.BytesIO(text.encode()))
    return path


def run(tmp_path, *arguments, code=0):
    done = subprocess.run([sys.executable, TOOL, tmp_path / "out", *map(str, arguments)], capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stderr
    if code:
        return done.stderr
    return (tmp_path / "out.index").read_text().splitlines(), (tmp_path / "out.ndjson").read_text().splitlines()


def test_the_specification_is_told_from_its_examples(tmp_path):
    example = dict(VALUE_SET, id="e", url="http://acme.com/ValueSet/e")
    path = package(tmp_path / "p.tgz", [VALUE_SET, example, {"resourceType": "Patient", "id": "x"}, dict(VALUE_SET, id="n", url="")])
    index, bodies = run(tmp_path, f"{path}=hl7.fhir.r4.core#4.0.1")
    assert index == ["=\thl7.fhir.r4.core\t4.0.1", "ValueSet\thttp://hl7.org/fhir/ValueSet/v\t1\tv\tV\t\t0"]
    assert len(bodies) == 1
    index, bodies = run(tmp_path, path)
    assert index[0] == "=\tgiven\t1.0.0" and len(bodies) == 2


def test_prose_is_left_out_and_what_decides_stays(tmp_path):
    _, bodies = run(tmp_path, package(tmp_path / "p.tgz", [PROFILE, VALUE_SET]))
    profile, values = map(json.loads, bodies)
    assert values == {k: VALUE_SET[k] for k in ("resourceType", "id", "url", "version", "name", "status", "compose")}
    assert "mapping" not in profile and "differential" not in profile
    assert profile["snapshot"]["element"] == [
        {"id": "P", "path": "P", "short": "s", "min": 0, "max": "*", "constraint": [{"key": "k", "human": "h"}],
         "binding": {"strength": "required", "valueSet": "v"}, "extension": [{"url": "http://x/kept"}]}]


def test_decimals_and_definitions_of_codes_stay_to_the_letter(tmp_path):
    index, bodies = run(tmp_path, package(tmp_path / "p.tgz", [json.dumps(SYSTEM)]))
    assert index[1].split("\t")[5] == "urn:y"
    assert '"valueDecimal":1.500' in bodies[0] and '"definition":"stays"' in bodies[0]


def test_a_name_that_would_break_the_index_is_refused(tmp_path):
    bad = dict(VALUE_SET, name="a\tb")
    assert "a tab" in run(tmp_path, package(tmp_path / "p.tgz", [bad]), code=1)


def test_the_source_changes_with_the_bytes(tmp_path):
    data = tmp_path / "data.bin"
    texts = []
    for content in (b"one", b"two"):
        data.write_bytes(content)
        subprocess.run([sys.executable, TOOL, "--source", data, tmp_path / "out.S"], check=True, timeout=60)
        texts.append((tmp_path / "out.S").read_text())
    assert texts[0] != texts[1] and "rh_builtin_data" in texts[0]
