# SPDX-License-Identifier: GPL-3.0-or-later
"""Terminology operations, $validate and validation on write, over HTTP: success and refusal of each route, and that
what is stored counts for the very next request."""
import copy
import itertools
import json
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
from conftest import FHIR_JSON, Fhir, Server, wants
from program import rihla

BASE = "http://example.org/operations"
NUMBERS = itertools.count(1)


def system(name, codes, **more):
    """A CodeSystem; `codes` maps a code to its display, or to (display, {children})."""
    def concepts(tree):
        return [{"code": code, "display": value[0] if isinstance(value, tuple) else value,
                 **({"concept": concepts(value[1])} if isinstance(value, tuple) else {})} for code, value in tree.items()]
    return {"resourceType": "CodeSystem", "id": name, "url": f"{BASE}/CodeSystem/{name}", "status": "active",
            "content": "complete", "caseSensitive": True, "hierarchyMeaning": "is-a", "concept": concepts(codes), **more}


def value_set(name, *includes, **more):
    return {"resourceType": "ValueSet", "id": name, "url": f"{BASE}/ValueSet/{name}", "status": "active",
            "compose": {"include": list(includes)}, **more}


def concept_map(name, source, target, pairs):
    return {"resourceType": "ConceptMap", "id": name, "url": f"{BASE}/ConceptMap/{name}", "status": "active",
            "sourceUri": source["url"], "targetUri": target["url"],
            "group": [{"source": source["url"], "target": target["url"],
                       "element": [{"code": a, "target": [{"code": b, "equivalence": "equivalent"}]} for a, b in pairs]}]}


def parameters(**values):
    rows = []
    for name, value in values.items():
        for one in value if isinstance(value, list) else [value]:
            key = ("resource" if isinstance(one, dict) and "resourceType" in one else "valueCoding" if isinstance(one, dict)
                   else "valueBoolean" if isinstance(one, bool) else "valueInteger" if isinstance(one, int)
                   else "valueUri" if name in ("url", "system", "source", "target") else
                   "valueCode" if name.startswith("code") else "valueString")
            rows.append({"name": name.replace("_", "-"), key: one})
    return {"resourceType": "Parameters", "parameter": rows}


def values(answer):
    """The parameters of an answer as a dictionary."""
    assert answer.status_code == 200, answer.text
    found = {}
    for row in answer.json().get("parameter", []):
        found[row["name"]] = next((v for k, v in row.items() if k.startswith("value") or k == "resource"), row.get("part"))
    return found


def codes(answer):
    assert answer.status_code == 200, answer.text
    def flat(rows):
        for row in rows:
            yield row["code"]
            yield from flat(row.get("contains", []))
    return sorted(flat(answer.json()["expansion"].get("contains", [])))


def put(fhir, *resources):
    for resource in resources:
        answer = fhir.send("PUT", f"/{resource['resourceType']}/{resource['id']}", resource)
        assert answer.status_code in (200, 201), answer.text
    return resources


@pytest.fixture
def colours(fhir):
    """A code system with a hierarchy, a value set of it, stored under names of their own."""
    name = f"colours{next(NUMBERS)}"
    cs = system(name, {"warm": ("Warm", {"red": "Red", "orange": "Orange"}), "blue": "Blue"})
    vs = value_set(name, {"system": cs["url"]})
    put(fhir, cs, vs)
    return cs, vs


# --- expand

def test_expands_a_stored_value_set_by_address_and_by_id(fhir, colours):
    cs, vs = colours
    everything = ["blue", "orange", "red", "warm"]
    assert codes(fhir.get(f"/ValueSet/$expand?url={vs['url']}")) == everything
    assert codes(fhir.get(f"/ValueSet/{vs['id']}/$expand")) == everything
    assert codes(fhir.send("POST", "/ValueSet/$expand", parameters(url=vs["url"]))) == everything
    assert codes(fhir.send("POST", f"/ValueSet/{vs['id']}/$expand", parameters())) == everything
    assert codes(fhir.send("POST", f"/ValueSet/{vs['id']}/$expand?filter=re")) == ["red"]


def test_expands_a_value_set_that_is_sent(fhir, colours):
    cs, _ = colours
    sent = value_set("sent", {"system": cs["url"], "filter": [{"property": "concept", "op": "is-a", "value": "warm"}]})
    assert codes(fhir.send("POST", "/ValueSet/$expand", parameters(valueSet=sent))) == ["orange", "red", "warm"]


def test_takes_typed_inputs_from_the_query(fhir, colours):
    _, vs = colours
    assert len(codes(fhir.get(f"/ValueSet/$expand?url={vs['url']}&count=2&offset=0"))) == 2
    wants(fhir.get(f"/ValueSet/$expand?url={vs['url']}&count=two"), 400, "count is a whole number", "two")
    wants(fhir.get(f"/ValueSet/$expand?url={vs['url']}&activeOnly=1"), 400, "activeOnly is true or false")
    wants(fhir.get(f"/ValueSet/$expand?url={vs['url']}&colour=red"), 400, 'no input "colour"', "filter")
    assert codes(fhir.get(f"/ValueSet/$expand?url={vs['url']}&colour=red", Prefer="handling=lenient"))
    wants(fhir.get(f"/ValueSet/$expand?url={vs['url']}&valueSet=x"), 400, "valueSet is no simple value")
    wants(fhir.get(f"/ValueSet/$expand?url=%ff"), 400, "percent-encoded")
    answer = fhir.get(f"/ValueSet/$expand?url={vs['url']}&_pretty=true&_format=json")
    assert answer.status_code == 200 and "\n  " in answer.text


def test_refuses_what_it_does_not_know(fhir):
    wants(fhir.get(f"/ValueSet/$expand?url={BASE}/ValueSet/nowhere"), 404)
    wants(fhir.get("/ValueSet/nowhere/$expand"), 404, "nowhere")
    wants(fhir.send("POST", "/ValueSet/$expand", {"resourceType": "Patient"}), 400, "Parameters")
    wants(fhir.send("POST", f"/ValueSet/$expand?url={BASE}", parameters(url=BASE)), 400, "none into the query")
    answer = fhir.http.post("/ValueSet/$expand", content='{"resourceType":', headers={"Content-Type": FHIR_JSON})
    wants(answer, 400, "line 1")
    answer = fhir.http.post("/ValueSet/$expand", content="a=b", headers={"Content-Type": "text/plain"})
    wants(answer, 415)


def test_a_stored_value_set_counts_at_once_and_so_do_its_change_and_its_deletion(fhir):
    name = f"swift{next(NUMBERS)}"
    for turn in range(20):
        cs, vs = put(fhir, system(name, {f"a{turn}": "A", f"b{turn}": "B"}),
                     value_set(name, {"system": f"{BASE}/CodeSystem/{name}"}))
        assert codes(fhir.get(f"/ValueSet/$expand?url={vs['url']}")) == [f"a{turn}", f"b{turn}"]
        vs["compose"]["include"][0]["concept"] = [{"code": f"b{turn}"}]
        put(fhir, vs)
        assert codes(fhir.get(f"/ValueSet/$expand?url={vs['url']}")) == [f"b{turn}"]
        assert fhir.send("DELETE", f"/ValueSet/{name}").status_code == 204
        wants(fhir.get(f"/ValueSet/$expand?url={vs['url']}"), 404)


def test_a_value_set_of_a_transaction_counts_at_once_and_one_of_a_refused_transaction_does_not(fhir):
    name = f"whole{next(NUMBERS)}"
    cs = system(name, {"x": "X"})
    vs = value_set(name, {"system": cs["url"]})
    def entry(r):
        return {"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry(cs), entry(vs)]}
    bad = json.loads(json.dumps(bundle))
    bad["entry"].append({"resource": {"resourceType": "Patient", "id": "p", "nothing": 1},
                         "request": {"method": "PUT", "url": "Patient/p"}})
    assert fhir.send("POST", "/", bad).status_code == 422
    wants(fhir.get(f"/ValueSet/$expand?url={vs['url']}"), 404)
    assert fhir.send("POST", "/", bundle).status_code == 200
    assert codes(fhir.get(f"/ValueSet/$expand?url={vs['url']}")) == ["x"]


def test_each_of_many_clients_finds_what_it_has_just_stored(server):
    def work(n):
        with server.client() as client:
            fhir = Fhir(server, client)
            for turn in range(15):
                name = f"many{n}"
                put(fhir, system(name, {f"t{turn}": "T"}), value_set(name, {"system": f"{BASE}/CodeSystem/{name}"}))
                assert codes(fhir.get(f"/ValueSet/$expand?url={BASE}/ValueSet/{name}")) == [f"t{turn}"]
                assert not findings(fhir.send("POST", "/Patient/$validate", PATIENT))
        return n
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(work, range(6))) == list(range(6))


def test_an_expansion_can_be_an_entry_of_a_batch(fhir, colours):
    _, vs = colours
    bundle = {"resourceType": "Bundle", "type": "batch",
              "entry": [{"request": {"method": "GET", "url": f"ValueSet/$expand?url={vs['url']}"}},
                        {"request": {"method": "GET", "url": f"ValueSet/{vs['id']}/$expand?filter=blue"}},
                        {"request": {"method": "GET", "url": "ValueSet/$expand?url=http://example.org/none"}}]}
    answer = fhir.send("POST", "/", bundle)
    assert answer.status_code == 200, answer.text
    first, second, third = answer.json()["entry"]
    assert len(first["resource"]["expansion"]["contains"]) > 0 and first["response"]["status"].startswith("200")
    assert [c["code"] for c in second["resource"]["expansion"]["contains"]] == ["blue"]
    assert third["response"]["status"].startswith("404")


# --- codes

def test_validates_codes_of_value_sets(fhir, colours):
    cs, vs = colours
    query = f"url={vs['url']}&system={cs['url']}"
    assert values(fhir.get(f"/ValueSet/$validate-code?{query}&code=red"))["result"] is True
    assert values(fhir.get(f"/ValueSet/$validate-code?{query}&code=green"))["result"] is False
    assert values(fhir.get(f"/ValueSet/{vs['id']}/$validate-code?system={cs['url']}&code=blue"))["result"] is True
    coding = {"system": cs["url"], "code": "red", "display": "Rot"}
    answer = values(fhir.send("POST", "/ValueSet/$validate-code", parameters(url=vs["url"], coding=coding)))
    assert answer["result"] is False and answer["display"] == "Red"
    wants(fhir.get(f"/ValueSet/$validate-code?url={BASE}/none&system={cs['url']}&code=red"), 404)
    assert fhir.get(f"/ValueSet/$validate-code?url={vs['url']}").status_code == 400


def test_validates_and_looks_up_codes_of_systems(fhir, colours):
    cs, _ = colours
    assert values(fhir.get(f"/CodeSystem/$validate-code?url={cs['url']}&code=red"))["result"] is True
    assert values(fhir.get(f"/CodeSystem/$validate-code?url={cs['url']}&code=green"))["result"] is False
    assert values(fhir.get(f"/CodeSystem/{cs['id']}/$validate-code?code=red"))["result"] is True
    assert values(fhir.get(f"/CodeSystem/$lookup?system={cs['url']}&code=red"))["display"] == "Red"
    answer = fhir.send("POST", "/CodeSystem/$lookup", parameters(coding={"system": cs["url"], "code": "blue"}))
    assert values(answer)["display"] == "Blue"
    wants(fhir.get(f"/CodeSystem/$lookup?system={cs['url']}&code=green"), 404)
    wants(fhir.get(f"/CodeSystem/$lookup?system={BASE}/none&code=green"), 404)


def test_subsumption(fhir, colours):
    cs, _ = colours
    def outcome(a, b, where="/CodeSystem/$subsumes", more=f"&system={cs['url']}"):
        return values(fhir.get(f"{where}?codeA={a}&codeB={b}{more}"))["outcome"]
    assert outcome("warm", "red") == "subsumes"
    assert outcome("red", "warm") == "subsumed-by"
    assert outcome("red", "red") == "equivalent"
    assert outcome("red", "blue") == "not-subsumed"
    assert outcome("warm", "red", f"/CodeSystem/{cs['id']}/$subsumes", "") == "subsumes"
    assert fhir.get(f"/CodeSystem/$subsumes?codeA=warm&codeB=green&system={cs['url']}").status_code in (400, 404)


def test_translation(fhir, colours):
    cs, vs = colours
    name = f"farben{next(NUMBERS)}"
    target, target_set = put(fhir, system(name, {"rot": "Rot"}), value_set(name, {"system": f"{BASE}/CodeSystem/{name}"}))
    (cm,) = put(fhir, {**concept_map(name, cs, target, [("red", "rot")]), "sourceUri": vs["url"], "targetUri": target_set["url"]})
    for answer in (fhir.get(f"/ConceptMap/$translate?url={cm['url']}&system={cs['url']}&code=red"),
                   fhir.get(f"/ConceptMap/{cm['id']}/$translate?system={cs['url']}&code=red"),
                   fhir.send("POST", "/ConceptMap/$translate",
                             parameters(url=cm["url"], coding={"system": cs["url"], "code": "red"}))):
        found = values(answer)
        assert found["result"] is True
        assert "rot" in json.dumps(found["match"])
    assert values(fhir.get(f"/ConceptMap/$translate?url={cm['url']}&system={cs['url']}&code=blue"))["result"] is False
    wants(fhir.get(f"/ConceptMap/$translate?url={BASE}/none&system={cs['url']}&code=red"), 404)


def test_a_batch_of_validations(fhir, colours):
    cs, vs = colours
    one = parameters(url=vs["url"], coding={"system": cs["url"], "code": "red"})
    two = parameters(url=vs["url"], coding={"system": cs["url"], "code": "green"})
    body = {"resourceType": "Parameters", "parameter": [{"name": "validation", "resource": one},
                                                        {"name": "validation", "resource": two}]}
    answer = fhir.send("POST", "/ValueSet/$batch-validate-code", body)
    assert answer.status_code == 200, answer.text
    results = [[p["valueBoolean"] for p in row["resource"]["parameter"] if p["name"] == "result"]
               for row in answer.json()["parameter"] if row["name"] == "validation"]
    assert results == [[True], [False]]
    refused = fhir.get("/ValueSet/$batch-validate-code")
    wants(refused, 405, "POST")
    assert refused.headers["Allow"] == "POST, OPTIONS"


def test_displays_follow_accept_language(fhir):
    name = f"tongues{next(NUMBERS)}"
    cs = system(name, {"red": "Red"}, language="en")
    cs["concept"][0]["designation"] = [{"language": "fr", "value": "Rouge"}]
    vs = value_set(name, {"system": cs["url"]})
    put(fhir, cs, vs)
    def display(**headers):
        return fhir.get(f"/ValueSet/$expand?url={vs['url']}", **headers).json()["expansion"]["contains"][0]["display"]
    assert display() == "Red"
    assert display(Accept_Language="fr") == "Rouge"
    answer = fhir.get(f"/ValueSet/$expand?url={vs['url']}&displayLanguage=en", Accept_Language="fr")
    assert answer.json()["expansion"]["contains"][0]["display"] == "Red"


# --- addresses

def test_an_operation_is_refused_where_it_is_not_called(fhir):
    wants(fhir.get("/$expand"), 404, "/fhir/ValueSet/$expand")
    wants(fhir.get("/Patient/$expand"), 404, "/fhir/ValueSet/[id]/$expand")
    wants(fhir.get("/CodeSystem/x/$lookup?code=a"), 404, "/fhir/CodeSystem/$lookup")
    wants(fhir.get("/Patient/$everyone"), 404, "does not exist here")
    wants(fhir.get("/ValueSet/a/b/$expand"), 404)
    wants(fhir.send("PUT", "/ValueSet/$expand", parameters()), 405, "GET", "POST")
    wants(fhir.send("DELETE", "/ValueSet/x/$expand"), 405)


def test_the_capability_statement_names_the_operations(fhir):
    rest = fhir.get("/metadata").json()["rest"][0]
    found = {r["type"]: {o["name"]: o["definition"] for o in r.get("operation", [])} for r in rest["resource"]}
    general = {"validate", "meta", "meta-add", "meta-delete", "expunge"}
    assert set(found["ValueSet"]) == {"expand", "validate-code", "batch-validate-code"} | general
    assert set(found["CodeSystem"]) == {"validate-code", "lookup", "subsumes"} | general
    assert set(found["ConceptMap"]) == {"translate"} | general
    assert set(found["Encounter"]) == {"everything"} | general
    assert found["Basic"]["validate"] == "http://hl7.org/fhir/OperationDefinition/Resource-validate"


def test_the_terminology_capabilities_name_the_systems(fhir, colours):
    cs, _ = colours
    answer = fhir.get("/metadata?mode=terminology")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["resourceType"] == "TerminologyCapabilities" and body["kind"] == "instance"
    uris = [s["uri"] for s in body["codeSystem"]]
    assert cs["url"] in uris and "http://hl7.org/fhir/administrative-gender" in uris
    assert len(uris) == len(set(uris)), "each system once"
    assert "displayLanguage" in [p["name"] for p in body["expansion"]["parameter"]]
    assert fhir.get("/metadata?mode=full").json()["resourceType"] == "CapabilityStatement"


def test_what_the_server_says_is_valid_itself(fhir, colours):
    cs, vs = colours
    house = fhir.create({"resourceType": "Organization", "name": "House"})["id"]
    one = fhir.create({"resourceType": "Patient", "active": True, "managingOrganization": {"reference": f"Organization/{house}"}})["id"]
    for path in ("/metadata", "/metadata?mode=terminology", f"/ValueSet/$expand?url={vs['url']}", "/ValueSet/$expand?url=none",
                 f"/CodeSystem/$lookup?system={cs['url']}&code=red", f"/Patient?_id={one}&_include=Patient:organization&_explain=true",
                 f"/Patient?_id={one}&_summary=true", f"/Patient/{one}/$everything", f"/Patient/{one}/$meta", f"/Patient/{one}/_history", "/Patient/nobody",
                 f"/ValueSet/$validate-code?url={vs['url']}&system={cs['url']}&code=green"):
        said = fhir.get(path).json()
        assert findings(fhir.send("POST", f"/{said['resourceType']}/$validate", parameters(resource=said))) == [], path


# --- $validate

def findings(answer):
    assert answer.status_code == 200, answer.text
    return [i for i in answer.json()["issue"] if i["severity"] in ("fatal", "error")]


PATIENT = {"resourceType": "Patient", "gender": "female", "birthDate": "1984-05-06"}


def test_validates_a_resource_that_is_not_stored(fhir):
    before = fhir.sequence()
    assert findings(fhir.send("POST", "/Patient/$validate", PATIENT)) == []
    (wrong,) = findings(fhir.send("POST", "/Patient/$validate", {**PATIENT, "gender": "f"}))
    assert wrong["expression"] == ["Patient.gender"] and "line 1" in wrong["diagnostics"]
    assert findings(fhir.send("POST", "/Patient/$validate", parameters(resource={**PATIENT, "gender": "f"})))
    assert findings(fhir.send("POST", "/Patient/$validate", {**PATIENT, "colour": "red", "birthDate": "x"}))[1:]
    assert fhir.sequence() == before, "nothing is stored"


def test_validates_what_is_stored(fhir):
    made = fhir.create(PATIENT)
    assert findings(fhir.get(f"/Patient/{made['id']}/$validate")) == []
    assert findings(fhir.send("POST", f"/Patient/{made['id']}/$validate", {**made, "gender": "f"}))
    assert findings(fhir.send("POST", f"/Patient/{made['id']}/$validate", {**made, "id": "other"}))
    wants(fhir.get("/Patient/nobody/$validate"), 404, "nobody")
    assert findings(fhir.send("POST", f"/Patient/{made['id']}/$validate?mode=delete")) == []
    wants(fhir.send("POST", "/Patient/nobody/$validate?mode=delete"), 404)


def test_refuses_calls_of_validate_that_say_nothing(fhir):
    wants(fhir.send("POST", "/Patient/$validate"), 400, "no resource to validate")
    wants(fhir.get("/Patient/$validate"), 400, "no resource to validate")
    wants(fhir.send("POST", "/Patient/$validate?mode=maybe", PATIENT), 400, "mode is create")
    wants(fhir.send("POST", "/Patient/$validate?mode=profile", PATIENT), 400, "needs the profile")
    wants(fhir.send("POST", "/Patient/$validate?mode=delete", PATIENT), 400, "[id]/$validate")
    wants(fhir.send("POST", "/Patient/$validate?colour=red", PATIENT), 400, "colour")
    wants(fhir.send("POST", f"/Patient/$validate?profile={BASE}/none", PATIENT), 404, "not known here")
    answer = fhir.http.post("/Patient/$validate", content='{"resourceType":"Patient",\n', headers={"Content-Type": FHIR_JSON})
    wants(answer, 400, "line 2")


def test_the_mode_asks_for_more(fhir):
    assert findings(fhir.send("POST", "/Patient/$validate?mode=create", PATIENT)) == []
    assert "id" in findings(fhir.send("POST", "/Patient/$validate?mode=update", PATIENT))[0]["diagnostics"]
    assert findings(fhir.send("POST", "/Patient/$validate?mode=update", {**PATIENT, "id": "a"})) == []
    assert "address is one of Observation" in findings(fhir.send("POST", "/Observation/$validate", PATIENT))[0]["diagnostics"]


def profile(name, **element):
    return {"resourceType": "StructureDefinition", "id": name, "url": f"{BASE}/StructureDefinition/{name}", "name": name,
            "status": "active", "fhirVersion": "4.0.1", "kind": "resource", "abstract": False, "type": "Patient",
            "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient", "derivation": "constraint",
            "differential": {"element": [{"id": "Patient", "path": "Patient"},
                                         {"id": "Patient.birthDate", "path": "Patient.birthDate", **element}]}}


def test_a_stored_profile_counts_at_once_and_so_do_its_change_and_its_deletion(fhir):
    name = f"Strict{next(NUMBERS)}"
    (one,) = put(fhir, profile(name, min=1))
    address = f"/Patient/$validate?profile={one['url']}"
    without = {k: v for k, v in PATIENT.items() if k != "birthDate"}
    assert findings(fhir.send("POST", address, PATIENT)) == []
    assert "birthDate" in json.dumps(findings(fhir.send("POST", address, without)))
    body = parameters(resource=without)
    body["parameter"].append({"name": "profile", "valueUri": one["url"]})
    assert findings(fhir.send("POST", "/Patient/$validate", body))
    put(fhir, profile(name, max="0"))
    assert findings(fhir.send("POST", address, without)) == []
    assert findings(fhir.send("POST", address, PATIENT))
    assert fhir.send("DELETE", f"/StructureDefinition/{name}").status_code == 204
    wants(fhir.send("POST", address, PATIENT), 404, one["url"])


# --- validation on write

BAD_CODE = {**PATIENT, "gender": "f", "communication": [{"preferred": True}]}
BAD_SHAPE = {**PATIENT, "colour": "red"}


@pytest.fixture
def serve(tmp_path):
    """Starts a server with options of its own."""
    running = []

    def start(*options):
        server = Server(tmp_path / "rihla", *options)
        client = server.client()
        running.append((server, client))
        return Fhir(server, client)
    yield start
    for server, client in running:
        client.close()
        server.stop()


def test_structure_is_what_is_checked_by_default(fhir):
    assert fhir.send("POST", "/Patient", {**PATIENT, "gender": "f"}).status_code == 201
    wants(fhir.send("POST", "/Patient", BAD_SHAPE), 422, "colour")


def test_full_validation_refuses_every_kind_of_write_and_names_everything(serve):
    fhir = serve("--validate", "full")
    before = fhir.sequence()
    refused = wants(fhir.send("POST", "/Patient", BAD_CODE), 422, "Patient.gender", "Patient.communication")
    assert all(i["severity"] != "warning" for i in refused["issue"])
    wants(fhir.send("POST", "/Patient", {**BAD_SHAPE, "gender": "f"}), 422, "colour", "Patient.gender")
    wants(fhir.send("PUT", "/Patient/a", {**BAD_CODE, "id": "a"}), 422, "Patient.gender")
    entries = [{"resource": r, "request": {"method": "POST", "url": "Patient"}} for r in (PATIENT, BAD_CODE)]
    wants(fhir.send("POST", "/", {"resourceType": "Bundle", "type": "transaction", "entry": entries}), 422,
          "Bundle.entry[1].resource.gender")
    assert fhir.sequence() == before, "nothing was stored"
    made = fhir.create(PATIENT)
    wants(fhir.send("PATCH", f"/Patient/{made['id']}", [{"op": "replace", "path": "/gender", "value": "f"}]), 422, "gender")
    batch = fhir.send("POST", "/", {"resourceType": "Bundle", "type": "batch", "entry": entries}).json()
    assert [e["response"]["status"][:3] for e in batch["entry"]] == ["201", "422"]


def test_full_validation_knows_what_was_just_stored(serve):
    fhir = serve("--validate", "full")
    put(fhir, profile("Meta", min=1))
    claimed = {**PATIENT, "meta": {"profile": [f"{BASE}/StructureDefinition/Meta"]}}
    made = fhir.create(claimed)
    del claimed["birthDate"]
    wants(fhir.send("POST", "/Patient", claimed), 422, "birthDate")
    wants(fhir.send("PATCH", f"/Patient/{made['id']}", [{"op": "remove", "path": "/birthDate"}]), 422, "birthDate")
    put(fhir, profile("Meta", min=0))
    assert fhir.send("PATCH", f"/Patient/{made['id']}", [{"op": "remove", "path": "/birthDate"}]).status_code == 200


def test_without_validation_only_a_resource_is_asked_for(serve):
    fhir = serve("--validate", "off")
    made = fhir.send("POST", "/Patient", BAD_SHAPE)
    assert made.status_code == 201 and made.json()["colour"] == "red"
    assert fhir.get(f"/Patient/{made.json()['id']}").json()["colour"] == "red"
    for shape in ({"name": 5}, {"name": [[{"family": []}]]}, {"identifier": "x"}, {"birthDate": {"a": 1}}, {"contained": 1},
                  {"managingOrganization": {"reference": ["Organization/1"]}}, {"_birthDate": [None, 4]}, {"extension": None},
                  {"identifier": {"value": 5, "system": 7}}, {"link": [{"other": "Patient/1"}]}):
        answer = fhir.send("POST", "/Patient", {"resourceType": "Patient", **shape})
        assert answer.status_code == 201, answer.text
        assert fhir.get(f"/Patient/{answer.json()['id']}?_summary=true").status_code == 200
        assert fhir.get(f"/Patient/{answer.json()['id']}/$validate").status_code == 200
    wants(fhir.send("POST", "/Patient", {"resourceType": "Human"}), 422, "Human")
    wants(fhir.send("POST", "/Patient", {"name": []}), 422, "resourceType")
    wants(fhir.send("POST", "/Patient", {"resourceType": "Patient", "meta": []}), 422, "meta")
    wants(fhir.send("PUT", "/Patient/a", {"resourceType": "Patient", "id": 5}), 422, "id")
    put(fhir, {"resourceType": "ValueSet", "id": "odd", "url": 5}, {"resourceType": "CodeSystem", "id": "odd", "concept": 1,
                                                                    "url": f"{BASE}/odd", "content": "complete"})
    assert fhir.get(f"/CodeSystem/$validate-code?url={BASE}/odd&code=a").status_code < 500
    assert fhir.get("/Patient?name=x").status_code == 200


def test_a_wrong_mode_is_refused_before_anything_is_made(tmp_path):
    done = rihla("serve", "--data", tmp_path / "none", "--validate", "much", code=2)
    assert "off, structure or full" in done.stderr
    assert not (tmp_path / "none").exists()


# --- packages

def folder(path, *resources, name="example.pack", dependencies=None):
    (path / "package").mkdir(parents=True)
    head = {"name": name, "version": "1.0.0", "fhirVersions": ["4.0.1"], "dependencies": dependencies or {}}
    (path / "package" / "package.json").write_text(json.dumps(head))
    for r in resources:
        (path / "package" / f"{r['resourceType']}-{r['id']}.json").write_text(json.dumps(r))
    return path


def test_packages_of_the_command_line_and_of_the_directory_are_known_and_stored_ones_win(serve, tmp_path):
    cs = system("packed", {"a": "A"})
    here = folder(tmp_path / "one", cs, value_set("packed", {"system": cs["url"]}))
    kept = folder(tmp_path / "two", system("kept", {"k": "K"}), name="example.kept")
    import tarfile
    with tarfile.open(tmp_path / "kept.tgz", "w:gz") as tar:
        tar.add(kept / "package", "package")
    rihla("pack", "add", "--data", tmp_path / "rihla", tmp_path / "kept.tgz")
    fhir = serve("--package", str(here))
    assert codes(fhir.get(f"/ValueSet/$expand?url={BASE}/ValueSet/packed")) == ["a"]
    assert values(fhir.get(f"/CodeSystem/$lookup?system={BASE}/CodeSystem/kept&code=k"))["display"] == "K"
    put(fhir, system("packed", {"b": "B"}))
    assert codes(fhir.get(f"/ValueSet/$expand?url={BASE}/ValueSet/packed")) == ["b"]
    assert fhir.send("DELETE", "/CodeSystem/packed").status_code == 204
    assert codes(fhir.get(f"/ValueSet/$expand?url={BASE}/ValueSet/packed")) == ["a"]


def test_a_package_that_cannot_be_read_stops_the_start(tmp_path):
    (tmp_path / "broken.tgz").write_bytes(b"no package")
    done = rihla("serve", "--data", tmp_path / "data", "--package", tmp_path / "broken.tgz", code=3)
    assert "broken.tgz" in done.stderr
    done = rihla("serve", "--data", tmp_path / "data", "--package", tmp_path / "missing.tgz", code=3)
    assert "missing.tgz" in done.stderr


def test_stored_definitions_beyond_the_limit_are_not_known_and_that_is_said(serve, tmp_path):
    (tmp_path / "in").mkdir()
    for n in range(20):  # 3.6 MB each
        big = system(f"big{n:02}", {f"c{i}": "x" * 60 for i in range(40000)})
        (tmp_path / "in" / f"{n:02}.json").write_text(json.dumps(big, separators=(",", ":")))
    rihla("import", "--quiet", "--data", tmp_path / "rihla", tmp_path / "in")
    fhir = serve()
    def lookup(n):
        return fhir.get(f"/CodeSystem/$lookup?system={BASE}/CodeSystem/big{n:02}&code=c5")
    assert lookup(0).status_code == lookup(16).status_code == 200
    wants(lookup(19), 404, "beyond the limit of 64 MiB", "big19")
    assert fhir.send("DELETE", "/CodeSystem/big00").status_code == 204
    assert fhir.send("DELETE", "/CodeSystem/big01").status_code == 204
    assert fhir.send("DELETE", "/CodeSystem/big02").status_code == 204
    assert lookup(19).status_code == 200
    wants(lookup(0), 404)
    assert any("beyond the limit" in line for line in fhir.server.errors)


def test_an_import_validates_as_it_is_told(serve, tmp_path):
    (tmp_path / "in.ndjson").write_text("\n".join(json.dumps(r) for r in (PATIENT, {**PATIENT, "gender": "f"})))
    (tmp_path / "odd.ndjson").write_text(json.dumps(BAD_SHAPE))
    done = rihla("import", "--quiet", "--data", tmp_path / "a", "--validate", "full", tmp_path / "in.ndjson", code=1)
    assert "1 created" in done.stdout and "1 refused" in done.stdout and "gender" in done.stderr
    rihla("import", "--quiet", "--data", tmp_path / "b", tmp_path / "in.ndjson")
    rihla("import", "--quiet", "--data", tmp_path / "b", "--validate", "off", tmp_path / "odd.ndjson")
    rihla("check", "--quiet", "--data", tmp_path / "b")
    done = rihla("import", "--data", tmp_path / "c", "--validate", "some", tmp_path / "in.ndjson", code=2)
    assert "off, structure or full" in done.stderr
    fhir = serve()  # the server does the work, with its own definitions
    done = rihla("import", "--quiet", "--data", fhir.server.data, "--validate", "full", tmp_path / "in.ndjson", code=1)
    assert "1 created" in done.stdout and "gender" in done.stderr


# --- hostile input

JUNK = [None, True, 0, -1, 1e9, "", "x", [], {}, [[]], [None], {"a": 1}, "|", "#", "a|b|c"]


def places(value, path=()):
    if path:
        yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*path, key))


def spoiled(chance, value):
    """A copy in which a few values are replaced, removed or repeated."""
    value = copy.deepcopy(value)
    for _ in range(chance.randint(1, 3)):
        *way, last = chance.choice(list(places(value)) or [("x",)])
        holder = value
        for key in way:
            holder = holder[key]
        act = chance.random()
        if act < 0.6:
            holder[last] = copy.deepcopy(chance.choice(JUNK))
        elif act < 0.8 and last in (holder if isinstance(holder, dict) else range(len(holder))):
            del holder[last]
        elif isinstance(holder, list):
            holder.append(copy.deepcopy(holder[last]))
    return value


def test_spoiled_input_and_spoiled_definitions_are_never_an_error_of_the_server(serve):
    fhir = serve("--validate", "off")
    chance = random.Random(20)
    cs, vs = system("z", {"warm": ("Warm", {"red": "Red"})}), value_set("z", {"system": f"{BASE}/CodeSystem/z"})
    definitions = [cs, vs, concept_map("z", cs, cs, [("red", "warm")]), profile("Q", min=1)]
    coding = {"system": cs["url"], "code": "red", "display": "x"}
    calls = [("ValueSet/$expand", parameters(url=vs["url"], filter="r", count=3)), ("ValueSet/$expand", parameters(valueSet=vs)),
             ("ValueSet/$validate-code", parameters(url=vs["url"], coding=coding)),
             ("CodeSystem/$lookup", parameters(coding=coding)),
             ("CodeSystem/$subsumes", parameters(system=cs["url"], codeA="warm", codeB="red")),
             ("ConceptMap/$translate", parameters(url=definitions[2]["url"], coding=coding)),
             ("ValueSet/$batch-validate-code", parameters(validation=parameters(url=vs["url"], coding=coding))),
             ("Patient/$validate", PATIENT), ("Patient/$validate", parameters(resource=PATIENT, mode="create"))]
    claimed = {**PATIENT, "meta": {"profile": [f"{BASE}/StructureDefinition/Q"]}}
    for turn in range(400):
        path, body = chance.choice(calls)
        if turn % 4 == 0:
            one = chance.choice(definitions)
            put(fhir, {**spoiled(chance, one), **{k: one[k] for k in ("resourceType", "id", "url")}, "meta": {}})
            path, body = chance.choice([*calls, ("Patient/$validate", claimed)])
        else:
            body = spoiled(chance, body)
        answer = fhir.send("POST", f"/{path}", body)
        assert answer.status_code < 500, f"{path} {json.dumps(body)}: {answer.text}"
        answer.json()
