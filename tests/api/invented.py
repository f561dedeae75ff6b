# SPDX-License-Identifier: GPL-3.0-or-later
"""A pack without medicine: two protocols over a few facts, one of which is labelled."""
import json

BASE = "https://rihla.example/fhir"
EXT, PART = BASE + "/StructureDefinition/", BASE + "/CodeSystem/protocol-part"
CODE, ACT = "urn:example:code", "http://terminology.hl7.org/CodeSystem/v3-ActCode"
LABEL = "SEALED"
DATE = "2026-11-24"


def fhirpath(text):
    return {"language": "text/fhirpath", "expression": text}


def extension(name, **value):
    return {"url": EXT + name, **value}


def fact(name, *, type_="Observation", label=None, household=False, limit=1, **more):
    marks = [extension("title", valueString=f"Title of {name}")]
    if label:
        marks.append(extension("label", valueCoding={"system": ACT, "code": label}))
    if household:
        marks.append(extension("household", valueBoolean=True))
    made = {"id": name, "extension": marks, "type": type_, "codeFilter": [{"path": "code", "code": [{"system": CODE, "code": name}]}], **more}
    return made if household or not limit else {**made, "limit": limit}


def variable(name, text, evidence=None):
    marks = {"extension": [extension("evidence", valueCode=evidence)]} if evidence else {}
    return extension("variable", valueExpression={**marks, "name": name, "description": f"Value of {name}", **fhirpath(text)})


def lookup(name, table, key, prop):
    return {"url": EXT + "lookup", "extension": [{"url": "name", "valueId": name}, {"url": "table", "valueCanonical": table},
                                                 {"url": "key", "valueString": key}, {"url": "property", "valueCode": prop}]}


def library(name, facts, variables, **more):
    return {"resourceType": "Library", "id": name, "url": f"{BASE}/Library/{name}", "version": "1", "name": name, "status": "active",
            "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/library-type", "code": "logic-library"}]},
            "dataRequirement": facts, "extension": variables, **more}


def rule(name, when=None, *, stop=None, definition=None, date=None, after=(), code=None, evidence="verified", source=None):
    made = {"id": name, "title": f"Rule {name}", "description": f"Because of {name}", "extension": [extension("evidence", valueCode=evidence)],
            "documentation": [{"type": "citation", "display": source or f"Book of {name}", "label": "page 1"}]}
    conditions = [{"kind": k, "expression": fhirpath(e)} for k, e in (("applicability", when), ("stop", stop)) if e]
    if conditions:
        made["condition"] = conditions
    if definition:
        made["definitionCanonical"] = f"{BASE}/ActivityDefinition/{definition}"
    if date:
        made["dynamicValue"] = [{"path": date[0], "expression": fhirpath(date[1])}]
    if after:
        made["relatedAction"] = [{"actionId": a, "relationship": "after"} for a in after]
    if code:
        made["code"] = [{"coding": [{"system": CODE, "code": code}]}]
    return made


def group(part, name, *rules):
    return {"id": name, "code": [{"coding": [{"system": PART, "code": part}]}], "action": list(rules)}


def plan(name, libraries, reads, *groups, version="1", period=None, status="active"):
    return {"resourceType": "PlanDefinition", "id": name, "url": f"{BASE}/PlanDefinition/{name}", "version": version, "name": name,
            "title": f"Protocol {name}", "status": status, "effectivePeriod": period or {"start": "2000-01-01"},
            "type": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/plan-definition-type", "code": "clinical-protocol"}]},
            "library": [f"{BASE}/Library/{x}" for x in libraries], "extension": [extension("reads", valueId=r) for r in reads],
            "action": list(groups)}


def activity(name, invasiveness=1):
    return {"resourceType": "ActivityDefinition", "id": name, "url": f"{BASE}/ActivityDefinition/{name}", "version": "1", "name": name,
            "title": f"Activity {name}", "status": "active", "extension": [extension("invasiveness", valueInteger=invasiveness)]}


def table(name, rows):
    return {"resourceType": "CodeSystem", "id": name, "url": f"{BASE}/CodeSystem/{name}", "version": "1", "name": name, "status": "active",
            "content": "complete", "property": [{"code": "figure", "type": "decimal"}, {"code": "figure-year", "type": "integer"},
                                                {"code": "figure-source", "type": "string"}],
            "concept": [{"code": c, "property": [{"code": "figure", "valueDecimal": f}, {"code": "figure-year", "valueInteger": 2024},
                                                 {"code": "figure-source", "valueString": f"Tables of {c}"}] if f is not None else []}
                        for c, f in rows.items()]}


def write(folder, resources, name="invented"):
    inside = folder / "package"
    inside.mkdir(parents=True)
    (inside / "package.json").write_text(json.dumps({"name": name, "version": "1.0.0", "fhirVersions": ["4.0.1"], "license": "GPL-3.0-or-later"}))
    for r in resources:
        (inside / f"{r['resourceType']}-{r['id']}-{r['version']}.json").write_text(json.dumps(r, indent=2))
    return folder


# --- people

def patient(birth="1990-01-01", margin=None, **more):
    made = {"resourceType": "Patient", "id": "p", "birthDate": birth, "gender": "female", **more}
    if margin:
        made["_birthDate"] = {"extension": [extension("birth-date-margin", valuePeriod={"start": margin[0], "end": margin[1]})]}
    return made


def observation(code, value=None, day="2026-11-01", label=None, subject="p", **more):
    made = {"resourceType": "Observation", "status": "final", "code": {"coding": [{"system": CODE, "code": code}]},
            "subject": {"reference": f"Patient/{subject}"}, "effectiveDateTime": day, **more}
    if isinstance(value, bool):
        made["valueBoolean"] = value
    elif value is not None:
        made["valueString"] = value
    return labelled(made, label) if label else made


def labelled(resource, label):
    return {**resource, "meta": {"security": [{"system": ACT, "code": label}]}}


def household(*members):
    return {"resourceType": "Group", "type": "person", "actual": True, "code": {"coding": [{"code": "household"}]},
            "member": [{"entity": {"reference": f"Patient/{m}"}} for m in ("p", *members)]}


def flag(subject, code="held", status="active"):
    return {"resourceType": "Flag", "status": status, "code": {"coding": [{"system": CODE, "code": code}]},
            "subject": {"reference": f"Patient/{subject}"}}
