# SPDX-License-Identifier: GPL-3.0-or-later
"""Months are added by the calendar: 400 days x 3, 6 and 12 months against a calculation of this file's own."""
import datetime
import json
import random

from protocol_oracle import BASE, apply, months_later

PART = BASE + "/CodeSystem/protocol-part"
TERMS = (3, 6, 12)


def plan(months):
    return {"resourceType": "PlanDefinition", "id": f"months-{months}", "url": f"{BASE}/PlanDefinition/months-{months}", "version": "1", "name": f"months-{months}",
            "title": f"Valid for {months} months", "status": "active", "effectivePeriod": {"start": "1990-01-01"}, "library": [f"{BASE}/Library/day"],
            "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/plan-definition-type", "code": "clinical-protocol"}]},
            "extension": [{"url": f"{BASE}/StructureDefinition/reads", "valueId": "film"}, {"url": f"{BASE}/StructureDefinition/reads", "valueId": "filmDate"}],
            "action": [{"id": "validity", "code": [{"coding": [{"system": PART, "code": "validity"}]}], "action": [
                {"id": "film", "title": "From the film", "condition": [
                    {"kind": "applicability", "expression": {"language": "text/fhirpath", "expression": "%film.exists()"}}],
                 "dynamicValue": [{"path": "expires", "expression": {"language": "text/fhirpath", "expression": f"%filmDate + {months} months"}}]}]}]}


def pack(folder):
    """A pack of three protocols that differ in their term only."""
    inside = folder / "package"
    inside.mkdir(parents=True)
    library = {"resourceType": "Library", "id": "day", "url": f"{BASE}/Library/day", "version": "1", "name": "Day", "status": "active",
               "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/library-type", "code": "logic-library"}]},
               "dataRequirement": [{"id": "film", "type": "Observation", "codeFilter": [
                   {"path": "code", "code": [{"system": "http://loinc.org", "code": "36643-5"}]}], "limit": 1}],
               "extension": [{"url": "http://hl7.org/fhir/StructureDefinition/variable", "valueExpression": {
                   "name": "filmDate", "description": "Date of the film", "language": "text/fhirpath", "expression": "%film.effective"}}]}
    (inside / "package.json").write_text(json.dumps({"name": "months", "version": "1.0.0", "fhirVersions": ["4.0.1"], "license": "GPL-3.0-or-later"}))
    for r in (library, *map(plan, TERMS)):
        (inside / f"{r['resourceType']}-{r['id']}.json").write_text(json.dumps(r))
    return folder


def days():
    dice = random.Random(29)
    ends = [datetime.date(y, m, d) for y in (2023, 2024, 2100) for m in range(1, 13) for d in (28, 29, 30, 31, 1)
            if d <= (datetime.date(y + m // 12, m % 12 + 1, 1) - datetime.timedelta(1)).day]
    more = [datetime.date(1999, 1, 1) + datetime.timedelta(dice.randrange(20000)) for _ in range(400 - len(ends))]
    return ends + more


def film(day):
    return {"resourceType": "Bundle", "type": "collection", "id": str(day), "entry": [{"resource": r} for r in (
        {"resourceType": "Patient", "id": "p", "birthDate": "1990-01-01", "gender": "female"},
        {"resourceType": "Observation", "status": "final", "code": {"coding": [{"system": "http://loinc.org", "code": "36643-5"}]},
         "subject": {"reference": "Patient/p"}, "effectiveDateTime": str(day)})]}


def test_the_expiry_of_400_days_and_three_terms(tmp_path):
    folder, lines = pack(tmp_path / "pack"), tmp_path / "people.ndjson"
    all_days = days()
    assert len(all_days) == 400
    lines.write_text("".join(json.dumps(film(d)) + "\n" for d in all_days))
    answers = list(apply(lines, "2199-12-31", [f"months-{t}" for t in TERMS], ["--package", folder]))
    assert len(answers) == 400
    wrong = []
    for day, answer in zip(all_days, answers):
        for term, protocol in zip(TERMS, answer["protocols"]):
            assert protocol["protocol"] == f"months-{term}"
            if protocol["expires"] != str(months_later(day, term)):
                wrong.append(f"{day} + {term} months: {protocol['expires']}, not {months_later(day, term)}")
    assert not wrong, wrong[:10]
