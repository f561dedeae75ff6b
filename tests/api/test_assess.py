# SPDX-License-Identifier: GPL-3.0-or-later
"""/clinical/…: what is loaded, what protocols ask of a person of the record, proposals that are kept and signed."""
import datetime
import json

import pytest
from conftest import ROOT, Fhir, Server
from program import rihla
from protocol_oracle import BASE, observation, resources

DAY = datetime.date(2026, 3, 2)
PACKS = [x for name in ("rihla-base", "assessment-common", "uk-tb", "us-immigrant", "ephr-core") for x in ("--package", str(ROOT / "packs" / name))]
PERSON = {"birth": datetime.date(1990, 5, 5), "sex": "male", "pregnant": None, "contact": False, "symptoms": False, "signs": False, "hiv": None,
          "film": "normal", "igra": None, "country": "PH"}


@pytest.fixture(scope="module")
def fhir(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("assess") / "rihla", *PACKS)
    with server.client() as client:
        yield Fhir(server, client)
    server.stop()


def clinical(fhir, method, path, status=200, **query):
    answer = fhir.http.request(method, f"{fhir.server.url}/clinical/{path}", params=query)
    assert answer.status_code == status, answer.text[:2000]
    return answer.json()


def person(fhir, label=None, **more):
    """A Patient with his record, under an id of his own."""
    rows = resources({**PERSON, **more}, DAY)
    patient = fhir.create({k: v for k, v in rows[0].items() if k != "id"})["id"]
    for r in rows[1:]:
        r["subject"] = {"reference": f"Patient/{patient}"}
        fhir.create(r)
    return patient


def assess(fhir, patient, method="GET", protocols=("uk-tb", "us-immigrant"), **query):
    return clinical(fhir, method, "assess", 201 if method == "POST" else 200, patient=patient, protocol=",".join(protocols), date=str(DAY), **query)


def found(fhir, path):
    return [e["resource"] for e in fhir.get(path).json().get("entry", [])]


def test_what_is_loaded_by_language(fhir):
    protocols = clinical(fhir, "GET", "protocols", language="fr")["protocols"]
    assert {"uk-tb", "us-immigrant"} <= {p["name"] for p in protocols} and not [p for p in protocols if "error" in p]
    english = {p["name"]: p["title"] for p in clinical(fhir, "GET", "protocols")["protocols"]}
    assert all(p["title"] and p["title"] != english[p["name"]] for p in protocols)
    forms = {f["name"]: f for f in clinical(fhir, "GET", "forms")["forms"]}
    assert "ephr-core" in forms
    assert any(f"{BASE}/ActivityDefinition/chest-film" in f.get("resultOf", []) for f in forms.values())


def test_one_list_of_what_is_missing_and_who_asks(fhir):
    answer = assess(fhir, person(fhir, film=None))
    items = {i["definition"].rsplit("/", 1)[-1]: i for i in answer["items"]}
    film = items["chest-film"]
    assert film["status"] == "required" and {a["protocol"] for a in film["askedBy"]} == {"uk-tb", "us-immigrant"}
    assert all(a["why"] and a["source"] for a in film["askedBy"])
    assert [p["clearance"]["status"] for p in answer["protocols"]] == ["not-cleared", "not-cleared"]


def test_a_receiving_state_sees_its_own_protocol_only(fhir):
    text = str(assess(fhir, person(fhir), **{"for": "uk-tb"}))
    assert "us-immigrant" not in text and "uk-tb" in text


def test_proposals_are_kept_and_a_later_evaluation_names_the_one_before(fhir):
    patient = person(fhir, film=None)
    first = assess(fhir, patient, "POST", ["uk-tb"])
    impression = first["protocols"][0]["impression"]
    kept = fhir.get(f"/ClinicalImpression/{impression}").json()
    assert kept["status"] == "in-progress" and kept["protocol"] == [f"{first['protocols'][0]['url']}|{first['protocols'][0]['version']}"]
    tasks = found(fhir, f"/Task?patient=Patient/{patient}&status=requested")
    assert any(t["instantiatesCanonical"].endswith("chest-film") for t in tasks)
    second = assess(fhir, patient, "POST", ["uk-tb"])
    assert second["protocols"][0]["impression"] != impression
    later = fhir.get(f"/ClinicalImpression/{second['protocols'][0]['impression']}").json()
    assert later["previous"] == {"reference": f"ClinicalImpression/{impression}"}
    assert len(found(fhir, f"/Task?patient=Patient/{patient}&_count=100")) == len(tasks), "nothing is asked twice"
    assert fhir.get(f"/ClinicalImpression/{impression}").json()["status"] == "in-progress", "both results are kept"


def test_what_is_done_is_no_task_any_more(fhir):
    patient = person(fhir, film=None)
    assess(fhir, patient, "POST", ["uk-tb"])
    film = observation("http://loinc.org", "36643-5", DAY, (BASE + "/CodeSystem/film-result", "normal"))
    fhir.create({**film, "subject": {"reference": f"Patient/{patient}"}})
    assess(fhir, patient, "POST", ["uk-tb"])
    (task,) = [t for t in found(fhir, f"/Task?patient=Patient/{patient}&_count=100") if t["instantiatesCanonical"].endswith("chest-film")]
    assert task["status"] == "completed"


def test_holds_are_flags_and_end_with_their_reason(fhir):
    patient = person(fhir)
    positive = observation("http://loinc.org", "543-9", DAY, ("http://snomed.info/sct", "10828004"),
                           [{"code": {"coding": [{"system": BASE + "/CodeSystem/assessment", "code": "sample-number"}]}, "valueInteger": 1}])
    made = fhir.create({**positive, "subject": {"reference": f"Patient/{patient}"}})
    assess(fhir, patient, "POST")
    active = found(fhir, f"/Flag?patient=Patient/{patient}")
    assert [f for f in active if f["status"] == "active"]
    fhir.send("PUT", f"/Observation/{made['id']}", {**made, "status": "entered-in-error"})
    assess(fhir, patient, "POST")
    codes = {f["code"]["coding"][0]["code"]: f["status"] for f in found(fhir, f"/Flag?patient=Patient/{patient}")}
    assert codes["tb-treatment"] == "inactive"


def test_a_named_physician_signs_the_last_proposal_once(fhir):
    patient = person(fhir)
    who = fhir.create({"resourceType": "Practitioner", "name": [{"family": "Okello"}]})["id"]
    first = assess(fhir, patient, "POST", ["uk-tb"])["protocols"][0]["impression"]
    last = assess(fhir, patient, "POST", ["uk-tb"])["protocols"][0]["impression"]
    refused = clinical(fhir, "POST", "sign", 409, impression=first, practitioner=who, drafts="true")
    assert last in refused["issue"][0]["diagnostics"]
    clinical(fhir, "POST", "sign", 404, impression=last, practitioner="nobody", drafts="true")
    signed = clinical(fhir, "POST", "sign", impression=last, practitioner=who, drafts="true")
    assert signed["status"] == "completed" and signed["assessor"] == {"reference": f"Practitioner/{who}"}
    clinical(fhir, "POST", "sign", 409, impression=last, practitioner=who, drafts="true")


def test_what_rests_on_drafts_is_signed_knowingly(fhir):
    patient = person(fhir)
    who = fhir.create({"resourceType": "Practitioner", "name": [{"family": "Okello"}]})["id"]
    made = assess(fhir, patient, "POST", ["us-immigrant"])["protocols"][0]
    assert made["clearance"]["draft"]
    refused = clinical(fhir, "POST", "sign", 422, impression=made["impression"], practitioner=who)
    assert "drafts=true" in refused["issue"][0]["diagnostics"]


def test_a_hold_in_the_household_names_nobody(fhir):
    patient, brother = person(fhir), person(fhir)
    fhir.create({"resourceType": "Group", "type": "person", "actual": True, "code": {"coding": [{"code": "household"}]},
                 "member": [{"entity": {"reference": f"Patient/{p}"}} for p in (patient, brother)]})
    before = assess(fhir, patient)
    fhir.create({"resourceType": "Flag", "status": "active", "subject": {"reference": f"Patient/{brother}"},
                 "code": {"coding": [{"system": BASE + "/CodeSystem/hold-reason", "code": "tb-treatment"}]}})
    after = assess(fhir, patient)
    held = [h for p in after["protocols"] for h in p["holds"] if h["code"] == "household"]
    assert held and not [h for p in before["protocols"] for h in p["holds"] if h["code"] == "household"]
    assert brother not in str(after) and "tb-treatment" not in str(held)


@pytest.mark.parametrize("query, status, says", [
    ({"patient": "x"}, 400, "at least one protocol"), ({"protocol": "uk-tb"}, 400, "needs patient"),
    ({"patient": "nobody", "protocol": "uk-tb"}, 404, "nobody"), ({"patient": "x", "protocol": "mars"}, 404, "mars"),
    ({"patient": "x", "protocol": "uk-tb", "date": "2026-3"}, 422, "date"), ({"patient": "x", "protocol": "uk-tb", "when": "now"}, 400, "when"),
    ({"patient": "x", "protocol": "uk-tb", "all": "maybe"}, 400, "true or false"), ({"patient": "x", "protocol": "uk-tb", "date": "1999-01-01"}, 404, "1999-01-01"),
])
def test_refusals_say_what_is_wrong(fhir, query, status, says):
    answer = clinical(fhir, "GET", "assess", status, **query)
    assert says in str(answer), answer


def test_a_parameter_that_stands_for_one_thing_stands_once(fhir):
    answer = fhir.http.get(f"{fhir.server.url}/clinical/assess?patient=a&patient=b&protocol=uk-tb")
    assert answer.status_code == 400 and "patient is given twice" in answer.text


def test_a_narrowed_evaluation_is_not_kept_and_addresses_are_named(fhir):
    answer = fhir.http.post(f"{fhir.server.url}/clinical/assess", params={"patient": "x", "protocol": "uk-tb", "may-see": "HIV"})
    assert answer.status_code == 400 and "may-see" in answer.text
    assert clinical(fhir, "GET", "nothing", 404)["resourceType"] == "OperationOutcome"


def test_a_site_activates_a_rule_by_a_pack_of_its_own(tmp_path):
    """The validity of an otherwise confirmed protocol rests on a restated rule: a draft, until the site takes it over."""
    plan = {"resourceType": "PlanDefinition", "id": "p", "url": "http://example.org/p", "version": "1", "status": "active",
            "type": {"coding": [{"code": "clinical-protocol"}]},
            "action": [{"id": "validity", "code": [{"coding": [{"system": BASE + "/CodeSystem/protocol-part", "code": "validity"}]}], "action": [
                {"id": "six", "extension": [{"url": BASE + "/StructureDefinition/evidence", "valueCode": "restated"}],
                 "condition": [{"kind": "applicability", "expression": {"language": "text/fhirpath", "expression": "true"}}],
                 "dynamicValue": [{"path": "expires", "expression": {"language": "text/fhirpath", "expression": "%date + 6 months"}}]}]}]}

    def draft(*rules):
        folder = tmp_path / f"pack{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        library = {"resourceType": "Library", "id": "ours", "url": "http://example.org/ours", "status": "active", "type": {"text": "decisions"},
                   "extension": [{"url": BASE + "/StructureDefinition/activates", "valueUri": r} for r in rules]}
        for r in (plan, library) if rules else (plan,):
            (folder / f"{r['resourceType']}.json").write_text(json.dumps(r))
        person_file = tmp_path / "person.json"
        person_file.write_text(json.dumps({"resourceType": "Patient", "id": "p", "birthDate": "1990-01-01"}))
        (answer,) = json.loads(rihla("protocol", "apply", "--package", folder, "--pack", "p", "--date", DAY, "--json", person_file).stdout)["protocols"]
        return answer["clearance"]["status"], answer["clearance"]["draft"], answer["expiryParts"][0]["draft"]

    assert draft() == ("cleared", True, True)
    assert draft("http://example.org/p#six") == ("cleared", False, False)
    assert draft("http://example.org/p|1#six") == ("cleared", False, False)
    for other in ("http://example.org/p|2#six", "http://example.org/p#seven", "http://example.org/q#six", "http://example.org/p"):
        assert draft(other) == ("cleared", True, True), other
