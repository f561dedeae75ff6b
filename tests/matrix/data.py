# SPDX-License-Identifier: GPL-3.0-or-later
"""The data set of the comparison: made by code, always the same, and nasty on purpose.

Every form a search parameter can meet stands here: partial dates, zones, open periods, comparators, ranges, units of four kinds,
codes with a system, with another, with none, names in several scripts, texts with commas, bars and dollars, references of all forms.
"""
import random

from reference import span

LOINC, SNOMED, LOCAL = "http://loinc.org", "http://snomed.info/sct", "http://example.org/codes"
UCUM = "http://unitsofmeasure.org"
IDS = "http://example.org/ids"
V2 = "http://terminology.hl7.org/CodeSystem/"
CODES = [(LOINC, "8480-6", "Systolic pressure"), (LOINC, "8462-4", "Diastolic pressure"), (SNOMED, "8480-6", "Another meaning"),
         (LOCAL, "Fever", "Fiévre élevée"), (LOCAL, "fever", "fever, low"), (None, "fever", None), (LOCAL, "a|b", "bar in a code"),
         (LOCAL, "a,b", "comma in a code"), (LOCAL, "a$b", "dollar in a code"), (LOCAL, "b", "Bee"), (SNOMED, "386661006", "Fever (finding)"),
         (LOINC, "29463-7", "Body weight"), (LOINC, "8302-2", "Body height"), (None, "29463-7", "weight without a system")]
TEXTS = ["High fever since Monday", "fièvre", "Straße des Übels", "ضغط الدم", "blood pressure, sitting", "Łódź sample", "weight"]
FAMILY = ["Hassan", "Al-Hassan", "O'Brien", "Müller", "Muller", "Şahin", "حسن", "محمود", "Łukasz", "van der Berg", "Ng", "García", "De"]
GIVEN = ["Ali", "Alice", "Amina", "Åsa", "José", "Jose", "علي", "فاطمة", "Mary Jane", "Olena", "Li", "Zoë", "X"]
CITIES = ["Kraków", "Krakow", "Amman", "عمّان", "Al Zarqa", "São Paulo", "Saint-Denis", "amman"]
DATES = ["2018", "2019", "2019-12", "2020-01", "2020-02", "2020-01-01", "2020-01-15", "2020-01-31", "2020-02-29", "2019-12-31",
         "2020-01-15T10:00:00Z", "2020-01-15T10:00:00.500Z", "2020-01-15T10:00:01Z", "2020-01-15T23:59:59Z", "2020-01-15T23:59:59.999Z",
         "2020-01-16T00:00:00Z", "2020-01-16T01:30:00+05:30", "2020-01-15T22:00:00-05:00", "2020-01-31T23:59:59.999Z",
         "2020-02-01T00:00:00Z", "1969-12-31T23:59:59Z", "1900-02-28", "0001-01-01", "9999-12-31", "2021-06-15", "2021"]
UNITS = [("mg", UCUM, "mg"), ("g", UCUM, "g"), ("kg", UCUM, "kg"), ("mm[Hg]", UCUM, "mm[Hg]"), ("kPa", UCUM, "kPa"), ("cm", UCUM, "cm"),
         ("m", UCUM, "m"), ("Cel", UCUM, "Cel"), ("[degF]", UCUM, "[degF]"), ("mmol/L", UCUM, "mmol/L"), ("mol/L", UCUM, "mol/L"),
         ("milligram", UCUM, "mg"), ("tablets", LOCAL, "TAB"), ("mg", LOCAL, "mg"), ("drops", None, None), ("mg", None, None), (None, None, None),
         ("/min", UCUM, "/min"), ("beats/min", UCUM, "{beats}/min")]
NUMBERS = ["5.4", "5.40", "5.39", "5.45", "5.35", "5.449", "5", "5.0", "5.5", "4.5", "100", "100.0", "99.5", "100.5", "0", "-1.5", "0.0054",
           "0.1", "37", "37.0", "98.6", "310.15", "1000", "1e3", "2.5E-3", "120", "16", "123456789.123", "0.000000001", "5400"]


class Number(str):
    """A JSON number whose digits are kept: written as it stands."""


class Maker:
    def __init__(self, seed):
        self.r = random.Random(seed)
        self.resources = []
        self.ids = {}

    def maybe(self, p=0.5):
        return self.r.random() < p

    def pick(self, things):
        return self.r.choice(things)

    def some(self, things, most=3):
        return self.r.sample(things, self.r.randint(1, min(most, len(things))))

    def add(self, kind, body, name=None):
        names = self.ids.setdefault(kind, [])
        name = name or f"{kind[:2].lower()}{len(names)}"
        names.append(name)
        body = {k: v for k, v in body.items() if v not in (None, [], {})}
        meta = {}
        if self.maybe(0.25):
            meta["tag"] = [self.coding()]
        if self.maybe(0.15):
            meta["security"] = [{"system": V2 + "v3-Confidentiality", "code": self.pick("NRV")}]
        if self.maybe(0.2):
            meta["profile"] = [self.pick(["http://example.org/fhir/StructureDefinition/a", "http://example.org/fhir/StructureDefinition/a/b",
                                          "http://example.org/fhir/StructureDefinition/c"])]
        if self.maybe(0.1):
            meta["source"] = self.pick(["http://example.org/src", "http://example.org/src/1"])
        self.resources.append({"resourceType": kind, "id": name, **({"meta": meta} if meta else {}), **body})
        return name

    # ---- data types -------------------------------------------------------------------------

    def coding(self):
        system, code, display = self.pick(CODES)
        one = {"system": system, "code": code, "display": display if self.maybe(0.7) else None}
        return {k: v for k, v in one.items() if v is not None}

    def concept(self, most=2):
        one = {}
        if self.maybe(0.9):
            one["coding"] = [self.coding() for _ in range(self.r.randint(1, most))]
        if self.maybe(0.4) or not one:
            one["text"] = self.pick(TEXTS)
        return one

    def identifier(self):
        one = {"value": self.pick(["1", "12", "A-1", "a-1", "x|y", "p,q", "d$e", "back\\slash", "7 8"]) + self.pick(["", "", "0", "5"])}
        if self.maybe(0.8):
            one["system"] = self.pick([IDS, IDS + "/mrn", "urn:oid:1.2.3"])
        if self.maybe(0.5):
            one["type"] = {"coding": [{"system": V2 + "v2-0203", "code": self.pick(["MR", "PPN"])}], "text": self.pick(["Medical record", "Passport"])}
        return one

    def identifiers(self):
        return [self.identifier() for _ in range(self.r.randint(0, 2))]

    def date(self, full=False):
        return self.pick([d for d in DATES if not full or len(d) == 10])

    def moment(self):
        return self.pick([d for d in DATES if "T" in d])

    def period(self):
        first, last = sorted([self.pick(DATES[:22]), self.pick(DATES[:22])], key=span)
        if span(first)[0] > span(last)[0] or span(first)[1] > span(last)[1]:
            last = "2021-06-15"  # one lies in the other
        form = self.pick(["both", "both", "start", "end", "same"])
        if form == "same":
            return {"start": first, "end": first}
        return {k: v for k, v in (("start", first), ("end", last)) if form in ("both", k)}

    def quantity(self, comparator=True, units=None):
        unit, system, code = self.pick(units or UNITS)
        one = {"value": Number(self.pick(NUMBERS)), "unit": unit, "system": system, "code": code}
        if comparator and self.maybe(0.12):
            one["comparator"] = self.pick(["<", "<=", ">", ">="])
        return {k: v for k, v in one.items() if v is not None}

    def range(self, units):
        low, high = sorted(self.r.sample(range(1, 90), 2))
        unit, system, code = self.pick(units)
        end = {"unit": unit, "system": system, "code": code}
        form = self.pick(["both", "both", "low", "high"])
        return {k: {"value": v, **end} for k, v in (("low", low), ("high", high)) if form in ("both", k)}

    def name(self):
        one = {"family": self.pick(FAMILY), "given": self.some(GIVEN, 2)}
        if self.maybe(0.2):
            one["prefix"] = [self.pick(["Dr.", "Prof"])]
        if self.maybe(0.2):
            one["text"] = self.pick(["Free Text Name", "نص حر"])
        if self.maybe(0.1):
            del one["family"]
        return one

    def address(self):
        one = {"use": self.pick(["home", "work", "temp"]), "line": [self.pick(["12 Rue d'Été", "1, Main St.", "شارع الملك"])], "city": self.pick(CITIES),
               "state": self.pick(["NSW", "Śląsk", None]), "postalCode": self.pick(["00-950", "00950", "11118"]), "country": self.pick(["PL", "JO", "Jordan"])}
        return {k: v for k, v in one.items() if v is not None}

    def telecom(self):
        return [{"system": self.pick(["phone", "email"]), "value": self.pick(["+962 6 123", "0048-22", "a@example.org", "A@example.org"]),
                 "use": self.pick(["home", "mobile"])} for _ in range(self.r.randint(0, 2))]

    # ---- references -------------------------------------------------------------------------

    def to(self, *kinds, odd=0.15):
        kind = self.pick(kinds)
        name = self.pick(self.ids.get(kind) or ["nobody"])
        if not self.maybe(odd):
            return {"reference": f"{kind}/{name}"}
        return self.pick([{"reference": f"{kind}/missing"}, {"reference": f"http://other.example/fhir/{kind}/{name}"}, {"reference": f"{kind}/{name}/_history/1"},
                          {"identifier": self.identifier()}, {"reference": f"{kind}/{name}", "identifier": self.identifier(), "display": "shown"},
                          {"display": "only shown"}])

    def patient_to(self, odd=0.15):
        return self.to("Patient", odd=odd)


def make(seed=5, size=1.0):
    """Resources, each stored under its own id, in an order in which what is referred to comes first."""
    m = Maker(seed)
    for kind, count, function in KINDS:
        for i in range(max(2, int(count * size))):
            function(m, i)
    return m.resources


def organization(m, i):
    m.add("Organization", {"active": m.pick([True, False, None]), "name": m.pick(["Clinic Łódź", "clinic lodz", "Klinik Müller", "مستشفى", "A & B, Ltd."]) + m.pick(["", " 2"]),
                           "alias": [m.pick(["CL", "Old Clinic"])] if m.maybe(0.3) else None, "identifier": m.identifiers(), "type": [m.concept()] if m.maybe() else None,
                           "partOf": m.to("Organization") if i and m.maybe(0.7) else None, "address": [m.address()] if m.maybe() else None})


def practitioner(m, _):
    m.add("Practitioner", {"active": m.pick([True, False, None]), "name": [m.name()], "identifier": m.identifiers(), "gender": m.pick(["male", "female", None]),
                           "telecom": m.telecom(), "address": [m.address()] if m.maybe() else None, "communication": [m.concept()] if m.maybe(0.3) else None})


def location(m, i):
    m.add("Location", {"status": m.pick(["active", "suspended", None]), "name": m.pick(["Ward 7", "ward 70", "Aéroport", "معبر"]), "identifier": m.identifiers(),
                       "type": [m.concept()] if m.maybe() else None, "address": m.address() if m.maybe() else None, "managingOrganization": m.to("Organization") if m.maybe() else None,
                       "position": {"latitude": Number(m.pick(["31.95", "-33.5", "0", "89.9"])), "longitude": Number(m.pick(["35.91", "151", "179.99", "-179.99"]))} if m.maybe(0.7) else None,
                       "partOf": m.to("Location") if i and m.maybe() else None})


def patient(m, i):
    dead = m.pick([{"deceasedBoolean": True}, {"deceasedBoolean": False}, {"deceasedDateTime": m.date()}, {}, {}])
    m.add("Patient", {"active": m.pick([True, False, None]), "name": [m.name() for _ in range(m.r.randint(0 if i % 9 == 8 else 1, 2))], "identifier": m.identifiers(),
                      "gender": m.pick(["male", "female", "other", "unknown", None]), "birthDate": m.pick([d for d in DATES if "T" not in d] + [None, None]),
                      "telecom": m.telecom(), "address": [m.address() for _ in range(m.r.randint(0, 2))], "managingOrganization": m.to("Organization") if m.maybe(0.7) else None,
                      "generalPractitioner": [m.to("Practitioner", "Organization") for _ in range(m.r.randint(0, 2))],
                      "communication": [{"language": m.concept()}] if m.maybe(0.3) else None,
                      "link": [{"other": m.to("Patient", odd=0), "type": "seealso"}] if i > 3 and m.maybe(0.2) else None, **dead})


def group(m, i):
    value = m.pick([{"valueCodeableConcept": m.concept()}, {"valueBoolean": m.maybe()}, {"valueQuantity": m.quantity(False)}])
    m.add("Group", {"active": True, "type": "person", "actual": m.maybe(), "code": m.concept() if m.maybe() else None, "identifier": m.identifiers(),
                    "characteristic": [{"code": m.concept(), "exclude": m.maybe(), **value}] if m.maybe(0.8) else None,
                    "member": [{"entity": m.to("Patient")} for _ in range(m.r.randint(0, 3))], "managingEntity": m.to("Organization", "Practitioner") if m.maybe() else None},
          name="pa0" if i == 0 else None)  # the same id as a Patient


def encounter(m, i):
    m.add("Encounter", {"status": m.pick(["planned", "finished", "in-progress"]), "class": m.coding(), "type": [m.concept()] if m.maybe() else None, "identifier": m.identifiers(),
                        "subject": m.to("Patient", "Patient", "Patient", "Group") if m.maybe(0.9) else None, "period": m.period() if m.maybe(0.8) else None,
                        "length": m.quantity(units=[("d", UCUM, "d"), ("h", UCUM, "h"), ("min", UCUM, "min"), ("wk", UCUM, "wk")]) if m.maybe() else None,
                        "participant": [{"individual": m.to("Practitioner"), "type": [m.concept()]}] if m.maybe() else None, "serviceProvider": m.to("Organization") if m.maybe() else None,
                        "location": [{"location": m.to("Location"), "period": m.period()} for _ in range(m.r.randint(0, 2))], "reasonCode": [m.concept()] if m.maybe() else None,
                        "partOf": m.to("Encounter") if i > 2 and m.maybe(0.3) else None})


def condition(m, _):
    age = [("a", UCUM, "a"), ("mo", UCUM, "mo"), ("wk", UCUM, "wk")]
    onset = m.pick([{"onsetDateTime": m.date()}, {"onsetPeriod": m.period()}, {"onsetAge": m.quantity(units=age)}, {"onsetRange": m.range(age)},
                    {"onsetString": m.pick(TEXTS)}, {}])
    end = m.pick([{"abatementDateTime": m.date()}, {"abatementPeriod": m.period()}, {"abatementAge": m.quantity(units=age)}, {"abatementRange": m.range(age)},
                  {"abatementString": m.pick(TEXTS)}, {}, {}])
    m.add("Condition", {"subject": m.to("Patient", "Patient", "Group"), "code": m.concept() if m.maybe(0.9) else None, "identifier": m.identifiers(),
                        "clinicalStatus": {"coding": [{"system": V2 + "condition-clinical", "code": m.pick(["active", "resolved"])}]},
                        "category": [m.concept()] if m.maybe() else None, "severity": m.concept() if m.maybe(0.3) else None, "recordedDate": m.date() if m.maybe() else None,
                        "encounter": m.to("Encounter") if m.maybe() else None, "asserter": m.to("Practitioner", "Patient") if m.maybe() else None, **onset, **end})


def specimen(m, i):
    when = m.pick([{"collectedDateTime": m.date()}, {"collectedPeriod": m.period()}, {}])
    m.add("Specimen", {"status": m.pick(["available", "unavailable", None]), "type": m.concept() if m.maybe() else None, "subject": m.patient_to() if m.maybe(0.8) else None,
                       "accessionIdentifier": m.identifier() if m.maybe() else None, "parent": [m.to("Specimen")] if i and m.maybe(0.4) else None,
                       "collection": {"collector": m.to("Practitioner"), "bodySite": m.concept(), **when} if m.maybe(0.8) else None,
                       "container": [{"identifier": [m.identifier()], "type": m.concept()}] if m.maybe() else None})


def observation_value(m):
    return m.pick([{"valueQuantity": m.quantity()}, {"valueQuantity": m.quantity()}, {"valueQuantity": m.quantity()}, {"valueCodeableConcept": m.concept()},
                   {"valueString": m.pick(TEXTS)}, {"valueDateTime": m.date()}, {"valuePeriod": m.period()}, {"valueBoolean": True}, {"valueInteger": 7},
                   {"valueTime": "10:00:00"}, {"valueRange": m.range(UNITS[:3])}, {"valueRatio": {"numerator": m.quantity(False), "denominator": m.quantity(False)}},
                   {"valueSampledData": {"origin": m.quantity(False, UNITS[:3]), "period": 10, "dimensions": 1, "data": "1 2 3"}},
                   {"dataAbsentReason": m.concept()}, {}])


def observation(m, i):
    component = m.pick(["code", "value", "none"])
    when = m.pick([{"effectiveDateTime": m.date()}, {"effectiveDateTime": m.date()}, {"effectivePeriod": m.period()}, {"effectiveInstant": m.moment()},
                   {"effectiveTiming": {"event": m.some([d for d in DATES if len(d) >= 10], 3)}}, {}])
    parts = [{"code": m.concept(), **observation_value_of_component(m)} for _ in range(m.r.randint(1, 3))] if component != "none" else None
    m.add("Observation", {"status": m.pick(["final", "amended", "preliminary"]), "code": m.concept(), "category": [m.concept()] if m.maybe() else None, "identifier": m.identifiers(),
                          "subject": m.to("Patient", "Patient", "Patient", "Group", "Location") if m.maybe(0.93) else None, "encounter": m.to("Encounter") if m.maybe(0.4) else None,
                          "focus": [m.to("Patient", "Condition", "Location")] if m.maybe(0.2) else None,
                          "performer": [m.to("Practitioner", "Organization", "Patient") for _ in range(m.r.randint(0, 2))], "method": m.concept() if m.maybe(0.2) else None,
                          "specimen": m.to("Specimen") if m.maybe(0.2) else None, "component": parts,
                          "hasMember": [m.to("Observation")] if i > 5 and m.maybe(0.2) else None, "derivedFrom": [m.to("Observation")] if i > 5 and m.maybe(0.2) else None,
                          **when, **observation_value(m)})


def observation_value_of_component(m):
    value = observation_value(m)
    return value


def medication_request(m, _):
    drug = m.pick([{"medicationCodeableConcept": m.concept()}, {"medicationReference": m.to("Medication")}])
    m.add("MedicationRequest", {"status": m.pick(["active", "stopped", "on-hold"]), "intent": m.pick(["order", "plan"]), "priority": m.pick(["routine", "urgent", None]),
                                "subject": m.to("Patient", "Patient", "Group"), "encounter": m.to("Encounter") if m.maybe() else None, "authoredOn": m.date() if m.maybe(0.8) else None,
                                "requester": m.to("Practitioner", "Organization", "Patient") if m.maybe() else None, "identifier": m.identifiers(), "category": [m.concept()] if m.maybe() else None,
                                "dosageInstruction": [{"timing": {"event": m.some(DATES, 2)}}] if m.maybe() else None,
                                "dispenseRequest": {"performer": m.to("Organization")} if m.maybe(0.3) else None, **drug})


def immunization(m, _):
    when = m.pick([{"occurrenceDateTime": m.date()}, {"occurrenceString": "as a child"}])
    m.add("Immunization", {"status": m.pick(["completed", "not-done"]), "vaccineCode": m.concept(), "patient": m.patient_to(), "lotNumber": m.pick(["L1", "l10", "Łot-2", None]),
                           "location": m.to("Location") if m.maybe() else None, "manufacturer": m.to("Organization") if m.maybe() else None, "identifier": m.identifiers(),
                           "performer": [{"actor": m.to("Practitioner", "Organization")}] if m.maybe() else None,
                           "reaction": [{"date": m.date(), "detail": m.to("Observation")}] if m.maybe(0.3) else None,
                           "protocolApplied": [{"series": m.pick(["Primary", "booster"]), "targetDisease": [m.concept()], "doseNumberPositiveInt": m.r.randint(1, 3)}] if m.maybe() else None, **when})


def diagnostic_report(m, _):
    when = m.pick([{"effectiveDateTime": m.date()}, {"effectivePeriod": m.period()}, {}])
    m.add("DiagnosticReport", {"status": m.pick(["final", "partial"]), "code": m.concept(), "category": [m.concept()] if m.maybe() else None, "subject": m.to("Patient", "Patient", "Group", "Location"),
                               "issued": m.moment() if m.maybe() else None, "result": [m.to("Observation") for _ in range(m.r.randint(0, 3))], "specimen": [m.to("Specimen")] if m.maybe(0.4) else None,
                               "performer": [m.to("Practitioner", "Organization")] if m.maybe() else None, "conclusionCode": [m.concept()] if m.maybe(0.4) else None,
                               "encounter": m.to("Encounter") if m.maybe(0.4) else None, **when})


def risk_assessment(m, _):
    chance = m.pick([{"probabilityDecimal": Number(m.pick(["0.5", "0.50", "0.05", "0.055", "0.045", "1", "0.95"]))},
                     {"probabilityRange": {"low": {"value": Number("0.2")}, "high": {"value": Number(m.pick(["0.5", "0.7"]))}}},
                     {"probabilityRange": {"low": {"value": Number("0.4")}}}, {"probabilityRange": {"high": {"value": Number("0.4")}}}, {}])
    when = m.pick([{"occurrenceDateTime": m.date()}, {"occurrencePeriod": m.period()}, {}])
    m.add("RiskAssessment", {"status": "final", "subject": m.to("Patient", "Patient", "Group"), "encounter": m.to("Encounter") if m.maybe(0.4) else None, "condition": m.to("Condition") if m.maybe() else None,
                             "method": m.concept() if m.maybe() else None, "prediction": [{"outcome": m.concept(), "qualitativeRisk": m.concept(), **chance}] if m.maybe(0.9) else None,
                             "identifier": m.identifiers(), **when})


def charge_item(m, _):
    when = m.pick([{"occurrenceDateTime": m.date()}, {"occurrencePeriod": m.period()},
                   {"occurrenceTiming": {"event": m.some([d for d in DATES if len(d) >= 10], 3)}},
                   {"occurrenceTiming": {"repeat": {"boundsPeriod": m.period(), "frequency": 1, "period": 1, "periodUnit": "d"}}}, {}])
    m.add("ChargeItem", {"status": "billable", "code": m.concept(), "subject": m.to("Patient", "Group"), "context": m.to("Encounter") if m.maybe() else None,
                         "quantity": m.quantity(False) if m.maybe(0.8) else None, "factorOverride": Number(m.pick(NUMBERS)) if m.maybe(0.8) else None,
                         "priceOverride": {"value": Number(m.pick(NUMBERS)), "currency": m.pick(["EUR", "USD"])} if m.maybe(0.7) else None,
                         "performer": [{"function": m.concept(), "actor": m.to("Practitioner", "Organization")}] if m.maybe() else None,
                         "enterer": m.to("Practitioner") if m.maybe(0.3) else None, "enteredDate": m.date() if m.maybe() else None, **when})


def invoice(m, _):
    money = lambda: {"value": Number(m.pick(NUMBERS)), "currency": m.pick(["EUR", "USD", "JOD"])}  # noqa: E731
    m.add("Invoice", {"status": m.pick(["issued", "draft"]), "subject": m.to("Patient", "Group"), "date": m.date() if m.maybe(0.8) else None, "totalNet": money() if m.maybe(0.8) else None,
                      "totalGross": money() if m.maybe(0.5) else None, "issuer": m.to("Organization") if m.maybe() else None, "type": m.concept() if m.maybe() else None,
                      "participant": [{"role": m.concept(), "actor": m.to("Practitioner", "Organization", "Patient")}] if m.maybe() else None})


def appointment(m, _):
    moment = m.moment() if m.maybe(0.8) else None
    m.add("Appointment", {"status": m.pick(["booked", "cancelled", "fulfilled"]) if moment else "proposed", "start": moment, "end": moment, "identifier": m.identifiers(),
                          "participant": [{"actor": m.to("Patient", "Practitioner", "Location"), "status": m.pick(["accepted", "declined"])} for _ in range(m.r.randint(1, 3))],
                          "serviceType": [m.concept()] if m.maybe() else None, "reasonCode": [m.concept()] if m.maybe(0.4) else None, "reasonReference": [m.to("Condition", "Observation")] if m.maybe(0.4) else None})


def document_reference(m, i):
    m.add("DocumentReference", {"status": "current", "type": m.concept() if m.maybe() else None, "subject": m.to("Patient", "Practitioner", "Group") if m.maybe(0.8) else None,
                                "masterIdentifier": m.identifier() if m.maybe(0.3) else None, "identifier": m.identifiers(), "date": m.moment() if m.maybe(0.7) else None,
                                "description": m.pick(TEXTS) if m.maybe() else None, "author": [m.to("Practitioner", "Organization", "Patient")] if m.maybe() else None,
                                "custodian": m.to("Organization") if m.maybe() else None,
                                "relatesTo": [{"code": m.pick(["replaces", "appends", "signs"]), "target": m.to("DocumentReference")} for _ in range(m.r.randint(0, 2))] if i else None,
                                "content": [{"attachment": {"contentType": m.pick(["application/pdf", "text/plain"]), "language": m.pick(["en", "ar", None]) or "fr",
                                                            "url": m.pick(["http://example.org/doc", "http://example.org/doc/1", "http://example.org/doc/1/a?b=c", "urn:oid:1.2.3.4", "http://example.org/Doc/1"])}}],
                                "context": {"period": m.period(), "related": [m.to("Condition", "Observation")], "encounter": [m.to("Encounter")]} if m.maybe() else None})


def use_context(m):
    value = m.pick([{"valueCodeableConcept": m.concept()}, {"valueQuantity": m.quantity(False, UNITS[:3])}, {"valueRange": m.range([("a", UCUM, "a"), ("mo", UCUM, "mo")])}])
    return [{"code": {"system": V2 + "usage-context-type", "code": m.pick(["age", "venue"])}, **value}]


def value_set(m, i):
    m.add("ValueSet", {"url": f"http://example.org/fhir/ValueSet/{m.pick(['a', 'b', 'a/c', 'A'])}{i}", "version": m.pick(["1", "1.0", None]), "name": f"Set{i}", "title": m.pick(TEXTS),
                       "status": m.pick(["draft", "active"]), "date": m.date() if m.maybe(0.8) else None, "publisher": m.pick(["Rihla", "rıhla", None]), "description": m.pick(TEXTS),
                       "identifier": m.identifiers(), "useContext": use_context(m) if m.maybe() else None, "jurisdiction": [m.concept()] if m.maybe(0.3) else None,
                       "compose": {"include": [{"system": m.pick(["http://example.org/codes", "http://example.org/codes/x"]), "concept": [{"code": m.pick(["a", "b", "Fever"])}]}]}})


def structure_definition(m, i):
    m.add("StructureDefinition", {"url": f"http://example.org/fhir/StructureDefinition/{m.pick(['a', 'b'])}{i}", "name": f"Shape{i}", "status": m.pick(["draft", "active"]), "kind": "resource",
                                  "abstract": False, "type": m.pick(["Patient", "Observation"]), "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient", "derivation": "constraint",
                                  "experimental": m.pick([True, False, None]), "date": m.date() if m.maybe() else None, "keyword": [m.coding()] if m.maybe() else None,
                                  "useContext": use_context(m) if m.maybe() else None,
                                  "differential": {"element": [{"id": "Patient", "path": "Patient"}, {"id": "Patient.gender", "path": "Patient.gender",
                                                   "binding": {"strength": "required", "valueSet": m.pick(["http://example.org/vs/1|2", "http://example.org/vs/1"])}}]}})


# Only kinds without a good reason for more have few.
KINDS = [("Organization", 16, organization), ("Practitioner", 16, practitioner), ("Location", 16, location), ("Patient", 50, patient), ("Group", 12, group),
         ("Encounter", 36, encounter), ("Condition", 40, condition), ("Specimen", 24, specimen), ("Observation", 110, observation), ("MedicationRequest", 24, medication_request),
         ("Immunization", 24, immunization), ("DiagnosticReport", 24, diagnostic_report), ("RiskAssessment", 28, risk_assessment), ("ChargeItem", 36, charge_item), ("Invoice", 24, invoice),
         ("Appointment", 24, appointment), ("DocumentReference", 28, document_reference), ("ValueSet", 14, value_set), ("StructureDefinition", 10, structure_definition)]


def text_of(thing):
    """JSON in which a Number stands as it is written."""
    import json
    if isinstance(thing, Number):
        return str(thing)
    if isinstance(thing, dict):
        return "{" + ",".join(json.dumps(k) + ":" + text_of(v) for k, v in thing.items()) + "}"
    if isinstance(thing, list):
        return "[" + ",".join(map(text_of, thing)) + "]"
    return json.dumps(thing, ensure_ascii=False)
