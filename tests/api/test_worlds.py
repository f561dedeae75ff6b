# SPDX-License-Identifier: GPL-3.0-or-later
"""The definitions in force while they change: many clients that write, expand, translate and validate at once in JSON
and XML, each of whom must find exactly what it has stored; sizes; and what the tools on files know of a directory."""
import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import Fhir, Server, wants
from program import rihla
from test_operations import BASE, PATIENT, codes, concept_map, findings, folder, parameters, profile, put, system, value_set, values

XML = {"Content-Type": "application/fhir+xml", "Accept": "application/fhir+xml"}
TURNS = 6


def turn(fhir, me, n):
    """One client's round: everything that it reads back is its own, so there is one right answer."""
    cs = system(me, {f"{me}-{i}": f"Code {i}" for i in range(n + 1)})
    vs = value_set(me, {"system": cs["url"]})
    sd = profile(me, min=n % 2)
    cm = concept_map(me, cs, cs, [(f"{me}-0", f"{me}-{n}")])
    put(fhir, cs, vs, sd, cm)
    assert codes(fhir.get(f"/ValueSet/$expand?url={vs['url']}")) == sorted(f"{me}-{i}" for i in range(n + 1))
    last = fhir.get(f"/ValueSet/{me}/$expand?offset={n}&count=1&_format=xml")
    assert last.status_code == 200 and last.text.count("<contains>") == 1 and f'"{me}-{n}"' in last.text
    assert f"{me}-{n}" in fhir.get(f"/ConceptMap/$translate?url={cm['url']}&system={cs['url']}&code={me}-0").text
    naked = {"resourceType": "Patient", "gender": "male"}
    assert len(findings(fhir.send("POST", f"/Patient/$validate?profile={sd['url']}", naked))) == n % 2
    text = '<Patient xmlns="http://hl7.org/fhir"><gender value="x"/></Patient>'
    wrong = fhir.http.post("/Patient/$validate", content=text, headers=XML)
    assert wrong.status_code == 200 and "Patient.gender" in wrong.text
    bundle = {"resourceType": "Bundle", "type": "transaction",
              "entry": [{"resource": {**vs, "id": f"{me}-t", "url": vs["url"] + "-t"}, "request": {"method": "PUT", "url": f"ValueSet/{me}-t"}},
                        {"resource": {**PATIENT, "id": me}, "request": {"method": "PUT", "url": f"Patient/{me}"}}]}
    assert fhir.send("POST", "/", bundle).status_code == 200
    assert len(codes(fhir.get(f"/ValueSet/$expand?url={vs['url']}-t"))) == n + 1
    patch = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": [
        {"name": "type", "valueCode": "replace"}, {"name": "path", "valueString": "Patient.birthDate"},
        {"name": "value", "valueDate": f"19{n + 10}-05-06"}]}]}
    patched = fhir.send("PATCH", f"/Patient/{me}", patch, Content_Type="application/fhir+json")
    assert patched.status_code == 200 and patched.json()["birthDate"] == f"19{n + 10}-05-06", patched.text
    assert fhir.send("DELETE", f"/ValueSet/{me}-t").status_code == 204
    wants(fhir.get(f"/ValueSet/{me}-t/$expand"), 410)
    assert fhir.get(f"/ValueSet/$expand?url={vs['url']}-t").status_code == 404
    assert fhir.get("/metadata?mode=terminology").json()["resourceType"] == "TerminologyCapabilities"


@pytest.mark.parametrize("mode", ["structure", "full"])
def test_definitions_change_under_many_clients_and_each_finds_its_own(tmp_path, mode):
    server = Server(tmp_path / "rihla", "--validate", mode)

    def work(number):
        with server.client() as client:
            fhir = Fhir(server, client)
            for n in range(TURNS):
                turn(fhir, f"client{number}", n)
        return number
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(8))) == list(range(8))
    server.stop()
    rihla("check", "--quiet", "--data", tmp_path / "rihla")


# --- sizes

def test_a_system_of_many_codes_without_a_hierarchy_is_listed_page_by_page(fhir):
    cs = system("flat", {f"c{i:05}": f"Code {i}" for i in range(30000)})
    vs = value_set("flat", {"system": cs["url"]})
    put(fhir, cs, vs)
    for offset in (0, 15000, 29998):
        answer = fhir.get(f"/ValueSet/$expand?url={vs['url']}&offset={offset}&count=5")
        assert codes(answer) == [f"c{i:05}" for i in range(offset, min(offset + 5, 30000))]
        assert answer.json()["expansion"]["total"] == 30000


def test_a_value_set_that_takes_too_much_work_is_refused_in_time(fhir):
    cs = system("much", {f"c{i:05}": "x" for i in range(30000)})
    vs = value_set("much", {"system": cs["url"]})
    vs["compose"]["exclude"] = [{"system": cs["url"], "filter": [{"property": "code", "op": "regex", "value": f"z{i}.*"}]} for i in range(300)]
    put(fhir, cs, vs)
    answer = fhir.get(f"/ValueSet/$expand?url={vs['url']}")
    assert answer.status_code == 413, answer.text
    (issue,) = answer.json()["issue"]
    assert issue["code"] == "too-costly" and "fewer includes" in issue["details"]["text"]


def test_as_many_packages_as_a_world_holds_and_one_more(tmp_path):
    kept = tmp_path / "rihla" / "packages"
    kept.mkdir(parents=True)
    for n in range(252):  # with what is built in and what is stored: 256
        (kept / f"p{n:03}.json").write_text(json.dumps(value_set(f"p{n}", {"system": "http://example.org/none", "concept": [{"code": "a"}]})))
    server = Server(tmp_path / "rihla")
    with server.client() as client:
        fhir = Fhir(server, client)
        put(fhir, system("beside", {"b": "B"}))
        assert values(fhir.get(f"/CodeSystem/$lookup?system={BASE}/CodeSystem/beside&code=b"))["display"] == "B"
        assert codes(fhir.get(f"/ValueSet/$expand?url={BASE}/ValueSet/p251")) == ["a"]
    server.stop()
    (kept / "p252.json").write_text(json.dumps(value_set("p252")))
    done = rihla("serve", "--data", tmp_path / "rihla", code=3)
    assert "More than 252 packages" in done.stderr


# --- addresses and words

def test_the_mode_of_metadata_is_one_that_exists(fhir):
    for mode in ("full", "normative"):
        assert fhir.get(f"/metadata?mode={mode}").json()["resourceType"] == "CapabilityStatement"
    wants(fhir.get("/metadata?mode=terminolgy"), 400, "full, normative or terminology", "terminolgy")


def test_options_says_how_each_operation_is_called(fhir):
    def allowed(path):
        answer = fhir.send("OPTIONS", path)
        assert answer.status_code == 204
        return set(answer.headers["Allow"].split(", "))
    assert allowed("/ValueSet/$expand") == allowed("/Patient/x/$validate") == {"GET", "HEAD", "POST", "OPTIONS"}
    assert allowed("/ValueSet/$batch-validate-code") == {"POST", "OPTIONS"}


def test_a_refused_input_is_no_search(fhir):
    for path in ("/ValueSet/$expand?colour=red", "/ValueSet/$expand?url=a&count=-1", "/Patient/$validate?mode=some"):
        outcome = wants(fhir.get(path), 400)
        assert outcome["issue"][0]["details"]["text"] == "the request cannot be understood"


def test_a_value_that_an_input_cannot_have_is_refused_and_not_taken_for_another(fhir):
    url = "http://hl7.org/fhir/ValueSet/administrative-gender"
    for name, value in (("activeOnly", "maybe"), ("excludeNested", ""), ("count", "few")):
        sent = {"resourceType": "Parameters", "parameter": [{"name": "url", "valueUri": url}, {"name": name, "valueString": value}]}
        answer = fhir.send("POST", "/ValueSet/$expand", sent)
        assert answer.status_code == 400 and name in answer.json()["issue"][0]["details"]["text"], answer.text


# --- tools on files, and what a directory keeps

@pytest.fixture
def kept(tmp_path):
    """A directory that keeps a package with a profile, and a resource that it is about."""
    import tarfile
    sd = profile("kept", min=1)
    cs = system("keptcodes", {"k": "Kept"})
    pack = folder(tmp_path / "pack", sd, cs, value_set("keptcodes", {"system": cs["url"]}), name="example.kept")
    with tarfile.open(tmp_path / "kept.tgz", "w:gz") as tar:
        tar.add(pack / "package", "package")
    rihla("pack", "add", "--data", tmp_path / "rihla", tmp_path / "kept.tgz")
    (tmp_path / "p.json").write_text(json.dumps({"resourceType": "Patient", "gender": "male", "meta": {"profile": [sd["url"]]}}))
    return tmp_path


def test_the_tools_know_what_the_directory_of_data_keeps(kept):
    url = f"{BASE}/StructureDefinition/kept"
    done = rihla("validate", "--data", kept / "rihla", kept / "p.json", code=1)
    assert "birthDate" in done.stdout
    done = rihla("validate", "--profile", url, kept / "p.json", code=3, cwd=kept)  # not named: not known
    assert url in done.stderr
    done = rihla("terminology", "lookup", "--data", kept / "rihla", "--param", f"system={BASE}/CodeSystem/keptcodes", "--param", "code=k")
    assert "Kept" in done.stdout
    done = rihla("fhirpath", "--data", kept / "rihla", f"'k'.memberOf('{BASE}/ValueSet/keptcodes')")
    assert json.loads(done.stdout) == [True]


def test_doctor_names_the_packages_and_says_when_one_is_damaged(kept):
    told = json.loads(rihla("doctor", "--json", "--data", kept / "rihla").stdout)
    assert told["definitions"] == {"value": "FHIR R4 built in, example.kept 1.0.0", "advice": None}
    (kept / "rihla" / "packages" / "worse.tgz").write_bytes(b"no package")
    told = json.loads(rihla("doctor", "--json", "--data", kept / "rihla", code=1).stdout)
    assert "worse.tgz" in told["definitions"]["value"] and "take it out" in told["definitions"]["advice"]
    done = rihla("serve", "--data", kept / "rihla", code=3)
    assert "worse.tgz" in done.stderr and "neither gzip nor tar" in done.stderr


def test_a_newer_package_in_the_place_of_one_that_is_needed_is_no_fault(kept):
    import tarfile
    cs = system("needs", {"a": "A"})
    old = folder(kept / "old", cs, name="example.needs", dependencies={"example.kept": "0.9.0"})
    rihla("pack", "check", old, "--package", kept / "kept.tgz")
    done = rihla("pack", "check", folder(kept / "new", cs, name="example.newer", dependencies={"example.kept": "2.0.0"}),
                 "--package", kept / "kept.tgz", code=1)
    assert "example.kept 2.0.0" in done.stdout
    with tarfile.open(kept / "needs.tgz", "w:gz") as tar:
        tar.add(old / "package", "package")
    rihla("pack", "add", "--data", kept / "rihla", kept / "needs.tgz")
    assert json.loads(rihla("doctor", "--json", "--data", kept / "rihla").stdout)["definitions"]["advice"] is None


def test_wrong_usage_shows_where_help_is():
    for call in (["validate"], ["pack"], ["validate", "--colour", "x"], ["terminology", "--param"]):
        assert f"see rihla {call[0]} --help" in rihla(*call, code=2).stderr
