# SPDX-License-Identifier: GPL-3.0-or-later
"""The resources that the tests of R4's search page search: few, each there for a sentence of it."""
import httpx

MRN, DE, UCUM = "http://example.org/mrn", "http://example.org/de", "http://unitsofmeasure.org"
COLOURS = "http://example.org/CodeSystem/colours"


def reference(target):
    return {"reference": target}


def coded(code, system=COLOURS, **more):
    return {"coding": [{**({"system": system} if system else {}), "code": code, **more}]}


def observation(id_, code="plain", **more):
    return {"resourceType": "Observation", "id": id_, "status": "final", "code": coded(code), **more}


def quantity(value, code=None, unit=None, system=UCUM):
    return {"value": value, **({"system": system, "code": code} if code else {}), **({"unit": unit} if unit else {})}


def organizations():
    yield {"resourceType": "Organization", "id": "o1", "name": "Harbour Clinic", "identifier": [{"system": MRN, "value": "org-1"}]}
    yield {"resourceType": "Organization", "id": "o2", "name": "Harbour Clinic Annex", "partOf": reference("Organization/o1")}
    yield {"resourceType": "Organization", "id": "o3", "name": "Mountain Post", "partOf": reference("Organization/o2")}
    yield {"resourceType": "Practitioner", "id": "joe", "name": [{"given": ["Joe"]}], "address": [{"state": "CA"}]}
    yield {"resourceType": "Practitioner", "id": "jane", "name": [{"given": ["Jane"]}], "address": [{"state": "MN"}]}
    yield {"resourceType": "Location", "id": "geneva", "status": "active", "name": "Geneva", "position": {"longitude": 6.14, "latitude": 46.20}}
    yield {"resourceType": "Location", "id": "cairo", "status": "suspended", "name": "Cairo", "position": {"longitude": 31.24, "latitude": 30.04}}


def patients():
    yield {"resourceType": "Patient", "id": "eve", "active": True, "gender": "female", "birthDate": "1980-05-17",
           "name": [{"use": "official", "family": "Carreno Quinones", "given": ["Eve"]}],
           "identifier": [{"system": MRN, "value": "2345", "type": {"text": "Medical record number", "coding": [{"system": DE, "code": "MR"}]}},
                          {"value": "bare"}],
           "telecom": [{"system": "phone", "value": "+41 22 555 12 34"}, {"system": "email", "value": "eve@example.org"}],
           "address": [{"line": ["Rue de l'Été 7"], "city": "Genève", "country": "CH", "period": {"start": "2001"}}],
           "communication": [{"language": coded("fr", "urn:ietf:bcp:47")}, {"language": coded("en", "urn:ietf:bcp:47")}],
           "generalPractitioner": [reference("Practitioner/joe"), reference("Practitioner/jane")], "managingOrganization": reference("Organization/o3"),
           "meta": {"tag": [{"system": "http://example.org/tags", "code": "needs-review"}], "security": [{"system": DE, "code": "secret"}],
                    "profile": ["http://example.org/StructureDefinition/lipid"]}}
    yield {"resourceType": "Patient", "id": "evelyn", "active": False, "gender": "male", "birthDate": "1980-05", "name": [{"family": "Müller", "given": ["Evelyn"]}],
           "identifier": [{"system": MRN, "value": "77"}], "communication": [{"language": coded("nl", "urn:ietf:bcp:47")}],
           "managingOrganization": reference("Organization/o1"), "generalPractitioner": [reference("Practitioner/joe")]}
    yield {"resourceType": "Patient", "id": "severine", "name": [{"given": ["Severine"], "family": "O'Brien-Smith"}], "birthDate": "1981",
           "_gender": {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}]},
           "identifier": [{"system": DE, "value": "2345"}], "communication": [{"language": coded("fr", "urn:ietf:bcp:47")}, {"language": coded("nl", "urn:ietf:bcp:47")}]}
    yield {"resourceType": "Patient", "id": "lower", "name": [{"given": ["eve"], "family": "Zoe"}], "gender": "other", "birthDate": "1979-12-31", "active": True}
    yield {"resourceType": "Group", "id": "shared", "type": "person", "actual": True, "member": [{"entity": reference("Patient/eve")}],
           "characteristic": [{"code": coded("gender"), "valueCodeableConcept": coded("mixed"), "exclude": False},
                              {"code": coded("owner"), "valueCodeableConcept": coded("Eve"), "exclude": False}]}
    yield {"resourceType": "Patient", "id": "shared", "name": [{"family": "Shared"}]}


def dates():
    for id_, more in {"day": {"effectiveDateTime": "2013-01-14"}, "midnight": {"effectiveDateTime": "2013-01-14T00:00:00Z"},
                      "ten": {"effectiveDateTime": "2013-01-14T10:00:00Z"}, "next": {"effectiveDateTime": "2013-01-15T00:00:00Z"},
                      "month": {"effectiveDateTime": "2013-01"}, "year": {"effectiveDateTime": "2013"}, "instant": {"effectiveInstant": "2013-01-14T05:00:00Z"},
                      "offset": {"effectiveDateTime": "2013-01-14T23:30:00-05:00"}, "from": {"effectivePeriod": {"start": "2013-01-21"}},
                      "until": {"effectivePeriod": {"end": "2013-01-21"}}, "later": {"effectivePeriod": {"start": "2013-03-15"}},
                      "timing": {"effectiveTiming": {"event": ["2012-12-01", "2012-12-20"]}}, "undated": {}}.items():
        yield observation(f"d-{id_}", "dated", **more)


def numbers():
    for id_, value in {"a": 0.7, "b": 0.8, "c": 0.85, "d": 0.9}.items():
        yield {"resourceType": "RiskAssessment", "id": f"r-{id_}", "status": "final", "subject": reference("Patient/eve"),
               "prediction": [{"probabilityDecimal": value}]}
    for n in (2, 3, 20):
        yield {"resourceType": "ImmunizationRecommendation", "id": f"i-{n}", "date": "2020-01-01", "patient": reference("Patient/eve"),
               "recommendation": [{"forecastStatus": coded("due"), "doseNumberPositiveInt": n, "vaccineCode": [coded("v")]}]}
    for value in (99.4, 99.5, 100, 100.004, 100.5, 104, 106):
        yield observation(f"n-{value}", "number", valueQuantity=quantity(value))
    for id_, more in {"mg": quantity(5.40, "mg", "mg"), "g": quantity(0.0054, "g", "g"), "unit": quantity(5.4, unit="mg"),
                      "other": quantity(5.4, "mmol/L", "mmol/L"), "far": quantity(9, "mg", "mg"), "near": quantity(5.7, "mg", "mg")}.items():
        yield observation(f"q-{id_}", "quantity", valueQuantity=more)


def codes():
    yield {"resourceType": "CodeSystem", "id": "colours", "url": COLOURS, "status": "active", "content": "complete", "caseSensitive": True, "hierarchyMeaning": "is-a",
           "concept": [{"code": "warm", "display": "Warm", "concept": [{"code": "red", "display": "Red"}, {"code": "orange", "display": "Orange"}]},
                       {"code": "blue", "display": "Blue"}]}
    yield {"resourceType": "ValueSet", "id": "warm", "url": "http://example.org/fhir/ValueSet/warm", "version": "1.0", "status": "active",
           "compose": {"include": [{"system": COLOURS, "filter": [{"property": "concept", "op": "is-a", "value": "warm"}]}]}}
    yield {"resourceType": "ValueSet", "id": "five", "url": "http://example.org/fhir/ValueSet/warm/_history/5", "status": "active"}
    yield {"resourceType": "ValueSet", "id": "oid", "url": "urn:oid:1.2.3.4.5", "status": "active"}
    for id_, code in {"red": coded("red", display="Bright red"), "orange": coded("orange"), "warm": coded("warm"), "blue": coded("blue"),
                      "bare": coded("red", None), "text": {"text": "Severe headache"}, "both": {"coding": [{"system": COLOURS, "code": "blue"}, {"system": DE, "code": "red"}]},
                      "comma": coded("a,b"), "dollar": coded("x$x"), "pipe": coded("p|q"), "slash": coded("y\\y")}.items():
        yield {"resourceType": "Condition", "id": f"c-{id_}", "subject": reference("Patient/eve" if id_ != "blue" else "Patient/evelyn"), "code": code,
               **({"severity": coded("red")} if id_ == "text" else {}), **({"clinicalStatus": coded("active", "http://terminology.hl7.org/CodeSystem/condition-clinical")})}
    yield {"resourceType": "Composition", "id": "sections", "status": "final", "type": coded("doc"), "date": "2020-01-01", "author": [reference("Practitioner/joe")],
           "title": "T", "section": [{"code": coded("one")}, {"code": coded("two")}]}
    yield {"resourceType": "Composition", "id": "section", "status": "final", "type": coded("doc"), "date": "2021-01-01", "author": [reference("Practitioner/joe")],
           "title": "U", "section": [{"code": coded("two")}]}
    for id_, type_ in {"xml": "text/xml", "xml-utf8": "text/xml; charset=UTF-8", "pdf": "application/pdf"}.items():
        yield {"resourceType": "DocumentReference", "id": id_, "status": "current", "content": [{"attachment": {"contentType": type_}}]}


def links():
    yield observation("eve-plain", subject=reference("Patient/eve"))
    yield observation("local", "linked", subject=reference("Patient/eve"), valueQuantity=quantity(6.1, "mmol/L"), performer=[reference("Practitioner/joe")])
    yield observation("absolute", "linked", subject=reference("http://elsewhere.example.org/fhir/Patient/eve"))
    yield observation("group", "linked", subject=reference("Group/shared"))
    yield observation("person", "linked", subject=reference("Patient/shared"))
    yield observation("logical", "linked", subject={"identifier": {"system": MRN, "value": "2345"}})
    yield observation("versioned", "linked", subject=reference("Patient/eve/_history/1"))
    yield observation("member", "linked", hasMember=[reference("Observation/local")], subject=reference("Patient/evelyn"))
    yield observation("grandmember", "linked", hasMember=[reference("Observation/member")])
    yield observation("lost", "linked", subject=reference("Patient/not-here"))
    yield observation("pressure", "bp", component=[{"code": coded("sys"), "valueQuantity": quantity(55)}, {"code": coded("dia"), "valueQuantity": quantity(120)}])
    yield observation("pressure2", "bp", component=[{"code": coded("sys"), "valueQuantity": quantity(120)}, {"code": coded("dia"), "valueQuantity": quantity(55)}])
    yield {"resourceType": "DiagnosticReport", "id": "report", "status": "final", "code": coded("lab"), "subject": reference("Patient/eve"), "result": [reference("Observation/local")]}
    yield {"resourceType": "DiagnosticReport", "id": "report2", "status": "final", "code": coded("lab"), "subject": reference("Patient/evelyn")}
    yield {"resourceType": "AuditEvent", "id": "audit", "type": {"code": "rest"}, "recorded": "2020-01-01T00:00:00Z", "source": {"observer": reference("Organization/o1")},
           "agent": [{"requestor": True, "who": reference("Practitioner/joe")}], "entity": [{"what": reference("Observation/local")}]}
    yield {"resourceType": "Provenance", "id": "prov", "target": [reference("MedicationRequest/rx")], "recorded": "2020-01-01T00:00:00Z", "agent": [{"who": reference("Practitioner/joe")}]}
    yield {"resourceType": "MedicationRequest", "id": "rx", "status": "active", "intent": "order", "subject": reference("Patient/eve"), "requester": reference("Practitioner/joe"),
           "medicationReference": reference("#m1"), "contained": [{"resourceType": "Medication", "id": "m1", "code": coded("pill"), "ingredient": [{"itemCodeableConcept": coded("abc")}]}]}
    yield {"resourceType": "MedicationDispense", "id": "given", "status": "completed", "authorizingPrescription": [reference("MedicationRequest/rx")], "subject": reference("Patient/eve"),
           "medicationCodeableConcept": coded("pill")}
    yield {"resourceType": "Medication", "id": "free", "ingredient": [{"itemCodeableConcept": coded("abc")}]}
    yield {"resourceType": "List", "id": "ward", "status": "current", "mode": "working", "entry": [{"item": reference("Patient/eve")}, {"item": reference("Patient/lower")},
                                                                                                   {"item": reference("Observation/local")}]}
    yield {"resourceType": "Condition", "id": "words", "subject": reference("Patient/evelyn"), "code": {"text": "growth"},
           "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">A <b>bone</b> with metastases</div>'}, "note": [{"text": "seen by the harbour"}]}
    yield {"resourceType": "QuestionnaireResponse", "id": "v10", "status": "completed", "questionnaire": "http://example.org/form|1.0"}
    yield {"resourceType": "QuestionnaireResponse", "id": "v11", "status": "completed", "questionnaire": "http://example.org/form|1.1"}
    yield {"resourceType": "QuestionnaireResponse", "id": "v20", "status": "completed", "questionnaire": "http://example.org/form|2.0"}
    yield {"resourceType": "Bundle", "id": "document", "type": "document", "entry": [
        {"fullUrl": "urn:uuid:11111111-1111-4111-8111-111111111111", "resource": {
            "resourceType": "Composition", "id": "inside", "status": "final", "type": coded("doc"), "date": "2020-01-01", "title": "Inside", "author": [{"display": "x"}]}}]}


def load(server):
    """Everything, by one batch."""
    with httpx.Client(base_url=server.fhir, timeout=60, trust_env=False) as http:
        resources = [r for part in (organizations, patients, dates, numbers, codes, links) for r in part()]
        bundle = {"resourceType": "Bundle", "type": "batch", "entry": [
            {"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}} for r in resources]}
        answer = http.post("", json=bundle, headers={"Content-Type": "application/fhir+json"})
        assert answer.status_code == 200, answer.text
        for sent, got in zip(resources, answer.json()["entry"]):
            assert got["response"]["status"][:3] == "201", (sent, got)
