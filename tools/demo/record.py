# SPDX-License-Identifier: GPL-3.0-or-later
"""The record of one person: encounters on the way, and what was found, measured and given there."""

from datetime import timedelta

from . import sites
from .fhir import (
    ATC,
    CORE,
    CVX,
    ICD10,
    LOINC,
    SNOMED,
    TERMINOLOGY,
    Dice,
    coding,
    concept,
    dec,
    quantity,
    ref,
    resource,
    table,
    uid,
)

CONDITIONS = {row["icd10"]: row for row in table("conditions.tsv")}
MEDICINES = {row["atc"]: row for row in table("medicines.tsv")}
TESTS = {row["key"]: row for row in table("tests.tsv")}
VACCINES = {row["key"]: row for row in table("vaccines.tsv")}

_CATEGORY = {
    "vital": [concept(TERMINOLOGY + "observation-category", "vital-signs", "Vital Signs")],
    "lab": [concept(TERMINOLOGY + "observation-category", "laboratory", "Laboratory")],
    "social": [concept(TERMINOLOGY + "observation-category", "social-history", "Social History")],
}
_AMBULATORY = coding(TERMINOLOGY + "v3-ActCode", "AMB", "ambulatory")
_FIELD = coding(TERMINOLOGY + "v3-ActCode", "FLD", "field")
_ATTENDER = concept(TERMINOLOGY + "v3-ParticipationType", "ATND", "attender")
_RADIOLOGY = concept(TERMINOLOGY + "v2-0074", "RAD", "Radiology")
_LABORATORY = concept(TERMINOLOGY + "v2-0074", "LAB", "Laboratory")
_FILM = concept(LOINC, "36643-5", "XR Chest 2 Views", "Chest X-ray")
_POSITIVE = coding(SNOMED, "10828004", "Positive")
_NEGATIVE = coding(SNOMED, "260385009", "Negative")
_ROUTES = {
    "IM": concept(TERMINOLOGY + "v3-RouteOfAdministration", "IM", "Injection, intramuscular"),
    "SC": concept(TERMINOLOGY + "v3-RouteOfAdministration", "SQ", "Injection, subcutaneous"),
    "ID": concept(TERMINOLOGY + "v3-RouteOfAdministration", "IDINJ", "Injection, intradermal"),
    "PO": concept(TERMINOLOGY + "v3-RouteOfAdministration", "PO", "Swallow, oral"),
}
_ALLERGIES = [
    ("91936005", "Allergy to penicillin", "medication", "Rash", "mild"),
    ("91936005", "Allergy to penicillin", "medication", "Swelling of the face", "severe"),
    ("91935009", "Allergy to peanut", "food", "Hives", "moderate"),
]
_FILMS = [
    (90, "Normal chest radiograph. No sign of active or past tuberculosis."),
    (
        94,
        "Calcified nodule in the right upper lobe, typical of an old lesion. No active disease seen.",
    ),
    (96, "Blunted left costophrenic angle. Advise lateral view and clinical correlation."),
    (
        98,
        "Patchy opacity in the left upper zone, suggestive of tuberculosis. Sputum tests advised.",
    ),
    (100, "Enlarged cardiac silhouette; lungs clear. Refer for assessment."),
]
_SMOKING = [
    (70, "266919005", "Never smoked tobacco"),
    (85, "77176002", "Smoker"),
    (100, "8517006", "Ex-smoker"),
]
# Ages in years, length in cm, weight in kg, and straight lines between: not a growth standard.
_GROWTH = [
    (0, 50, 3.4),
    (1, 74, 9.2),
    (2, 86, 11.8),
    (5, 108, 18),
    (8, 126, 25),
    (12, 148, 39),
    (15, 163, 53),
    (18, 167, 63),
]


class Visit:
    def __init__(self, n, site, day, kind):
        self.n, self.site, self.day, self.kind = n, site, day, kind


def plan(home, seed):
    """Visits of a household, oldest first: on arrival at each centre, some again, one assessment."""
    dice = Dice(f"{seed}/plan/{home.key}")
    legs, visits = home.people[0].legs, []
    assessed = max(len(legs) - 2, 0)
    for i, leg in enumerate(legs):
        stay = max(leg.arrived - leg.left, 1)
        visits.append((leg.site, leg.arrived - min(dice.between(0, 3), stay // 2), "arrival"))
        if i == assessed:
            visits.append((leg.site, leg.arrived - stay // 2, "assessment"))
        elif dice.chance(30):
            visits.append((leg.site, leg.arrived - stay * 3 // 4, "follow-up"))
    return [Visit(n, site, max(day, 1), kind) for n, (site, day, kind) in enumerate(visits)]


class Record:
    def __init__(self, home, person, seed, today):
        self.home, self.person, self.seed, self.today = home, person, seed, today
        self.dice = Dice(f"{seed}/record/{person.key}")
        self.subject = ref("Patient", person.key)
        self.count = {}
        self.out = []
        years = min(person.years, 18)
        self.tall = self.dice.around(1.0, 0.03) * (1.0 if person.sex == "m" or years < 13 else 0.95)
        self.heavy = self.dice.around(1.0, 0.12)
        self.systolic = self.dice.around(118 if person.years < 40 else 128, 8)
        self.minute = self.dice.between(0, 479)

    # --- small things ---------------------------------------------------------------------

    def id(self, kind):
        n = self.count[kind] = self.count.get(kind, 0) + 1
        if self.home.named:
            return f"{self.person.key}-{kind}-{n}"
        return uid(self.person.key, kind, n)

    def add(self, type_, kind, **elements):
        r = resource(type_, self.id(kind), **elements)
        self.out.append(r)
        return r

    def date(self, day):
        return (self.today - timedelta(days=day)).isoformat()

    def time(self, visit, minutes=0):
        m = 8 * 60 + (self.minute + minutes) % 540
        clock = f"{m // 60:02d}:{m % 60:02d}:00"
        return f"{self.date(visit.day)}T{clock}{sites.SITES[visit.site]['offset']}"

    def age_at(self, day):
        """Days lived `day` days ago; below 0: not yet born."""
        return self.person.age - day

    # --- encounters -----------------------------------------------------------------------

    def encounter(self, visit):
        named = {
            "arrival": "First visit at this centre",
            "assessment": "Health assessment before departure",
        }
        reasons = [self.condition_concept(c) for c, v in self.problems if v is visit]
        self.encounter_id = self.id("encounter")
        self.here = ref("Encounter", self.encounter_id)
        doctor = {"type": [_ATTENDER], "individual": sites.staff(visit.site, "doctor")}
        self.out.append(
            resource(
                "Encounter",
                self.encounter_id,
                status="finished",
                class_=(
                    _FIELD
                    if visit.kind == "arrival" and visit.site in ("lesvos", "lampedusa")
                    else _AMBULATORY
                ),
                type=[{"text": named.get(visit.kind, "Follow-up visit")}],
                subject=self.subject,
                participant=[doctor],
                period={"start": self.time(visit), "end": self.time(visit, 25)},
                reasonCode=reasons or None,
                location=[{"location": sites.at(visit.site)}],
                serviceProvider=sites.organization(visit.site),
            )
        )

    def observe(self, visit, kind, code, **value):
        return self.add(
            "Observation",
            "observation",
            status="final",
            category=_CATEGORY[kind],
            code=code,
            subject=self.subject,
            encounter=self.here,
            effectiveDateTime=self.time(visit, 5),
            performer=[sites.staff(visit.site, "nurse")],
            **value,
        )

    # --- vital signs ----------------------------------------------------------------------

    def size(self, day):
        """Height and weight on a day."""
        years = max(self.age_at(day), 0) / 365
        for (y0, h0, w0), (y1, h1, w1) in zip(_GROWTH, _GROWTH[1:]):
            if years < y1:
                part = (years - y0) / (y1 - y0)
                return (h0 + (h1 - h0) * part) * self.tall, (w0 + (w1 - w0) * part) * self.heavy
        grown = _GROWTH[-1]
        return grown[1] * self.tall, (grown[2] + min(years - 18, 25) * 0.4) * self.heavy

    def vitals(self, visit):
        child = max(0.0, 12 - self.age_at(visit.day) / 365)
        for key in ("temp", "pulse", "resp", "spo2"):
            row = TESTS[key]
            if not self.dice.chance(int(row["share"])):
                continue
            mean = float(row["mean"]) + {"pulse": 4.5, "resp": 1.6}.get(key, 0) * child
            value = self.dice.around(mean, float(row["spread"]))
            if key == "temp" and any(v is visit for c, v in self.problems if c in ("J06.9", "B54")):
                value += 1.4
            self.number(visit, "vital", row, min(value, 100) if key == "spo2" else value)
        if child == 0.0 and (visit.kind != "follow-up" or "I10" in self.person.conditions):
            self.blood_pressure(visit)
        height, weight = self.size(visit.day)
        weight *= self.dice.around(1.0, 0.008)
        body = lambda code, display, v, digits, unit: self.observe(
            visit,
            "vital",
            concept(LOINC, code, display),
            valueQuantity=quantity(dec(v, digits), unit, unit),
        )
        body("29463-7", "Body weight", weight, 1 if weight >= 10 else 2, "kg")
        if visit.kind == "assessment" or visit.n == 0 or child > 7:
            body("8302-2", "Body height", height, 1, "cm")
        if visit.kind == "assessment":
            body(
                "39156-5", "Body mass index (BMI) [Ratio]", weight / (height / 100) ** 2, 1, "kg/m2"
            )

    def blood_pressure(self, visit):
        high = 18 if "I10" in self.person.conditions else 0
        upper = self.dice.around(self.systolic + high, 6)
        part = lambda code, display, v: {
            "code": concept(LOINC, code, display),
            "valueQuantity": quantity(dec(v, 0), "mmHg", "mm[Hg]"),
        }
        self.observe(
            visit,
            "vital",
            concept(
                LOINC,
                "85354-9",
                "Blood pressure panel with all children optional",
                "Blood pressure",
            ),
            component=[
                part("8480-6", "Systolic blood pressure", upper),
                part("8462-4", "Diastolic blood pressure", upper * 0.62 + self.dice.around(4, 2)),
            ],
        )

    def number(self, visit, kind, row, value):
        value = max(value, float(row["low"]) * 0.5 if row["low"] != "-" else 0.0)
        text = f"{value:.{int(row['digits'])}f}"
        more = {}
        if row["low"] != "-":
            flag = ("L", "Low") if float(text) < float(row["low"]) else ("H", "High")
            if float(row["low"]) <= float(text) <= float(row["high"]):
                flag = ("N", "Normal")
            more["interpretation"] = [concept(TERMINOLOGY + "v3-ObservationInterpretation", *flag)]
            low, high = (quantity(dec(row[k]), row["unit"], row["ucum"]) for k in ("low", "high"))
            more["referenceRange"] = [{"low": low, "high": high}]
        code = concept(LOINC, row["loinc"], row["display"], row["text"])
        value = quantity(dec(text), row["unit"], row["ucum"])
        return self.observe(visit, kind, code, valueQuantity=value, **more)

    # --- laboratory and film --------------------------------------------------------------

    def finding(self, visit, row, positive):
        code = concept(LOINC, row["loinc"], row["display"], row["text"])
        flag = ("POS", "Positive") if positive else ("NEG", "Negative")
        return self.observe(
            visit,
            "lab",
            code,
            valueCodeableConcept={
                "coding": [_POSITIVE if positive else _NEGATIVE],
                "text": flag[1],
            },
            interpretation=[concept(TERMINOLOGY + "v3-ObservationInterpretation", *flag)],
        )

    def laboratory(self, visit):
        years, done = self.age_at(visit.day) // 365, []
        for row in TESTS.values():
            if row["kind"] != "lab" or not int(row["min"]) <= years <= int(row["max"]):
                continue
            drawn = self.dice.chance(int(row["share"])) or row["key"] in self.person.tests
            if row["sex"] not in ("b", self.person.sex) or not drawn:
                continue
            if row["value"] == "number":
                done.append(self.number(visit, "lab", row, self.lab_value(row)))
            else:
                done.append(self.finding(visit, row, self.positive(row)))
        if not done:
            return
        self.add(
            "DiagnosticReport",
            "report",
            status="final",
            category=[_LABORATORY],
            code=concept(LOINC, "11502-2", "Laboratory report"),
            subject=self.subject,
            encounter=self.here,
            effectiveDateTime=self.time(visit, 5),
            issued=self.time(visit, 200),
            performer=[sites.organization(visit.site)],
            result=[ref("Observation", o["id"], o["code"]["text"]) for o in done],
        )

    def lab_value(self, row):
        mean = float(row["mean"])
        if row["key"] == "hb":
            mean += 1.3 if self.person.sex == "m" and self.person.years > 14 else -0.6
            mean -= 2.6 if "D50" in self.person.conditions else 0
        if "E11" in self.person.conditions:
            mean *= {"glucose": 1.6, "hba1c": 1.4}.get(row["key"], 1)
        return self.dice.around(mean, float(row["spread"]))

    def positive(self, row):
        drawn = self.dice.chance(float(row["mean"]))
        known = {"hbsag": "B18.1", "malaria": "B54", "igra": "R76.1", "pregnancy": "Z34"}.get(
            row["key"]
        )
        return drawn if known is None else known in self.person.conditions

    def film(self, visit, conclusion=None):
        n = self.dice.below(100)
        text = conclusion or next(text for limit, text in _FILMS if n < limit)
        order = self.add(
            "ServiceRequest",
            "request",
            status="completed",
            intent="order",
            code=_FILM,
            subject=self.subject,
            encounter=self.here,
            authoredOn=self.time(visit, 10),
            requester=sites.staff(visit.site, "doctor"),
            performer=[sites.organization(visit.site)],
        )
        self.add(
            "DiagnosticReport",
            "report",
            basedOn=[ref("ServiceRequest", order["id"])],
            status="final",
            category=[_RADIOLOGY],
            code=_FILM,
            subject=self.subject,
            encounter=self.here,
            effectiveDateTime=self.time(visit, 30),
            issued=self.time(visit, 180),
            performer=[sites.staff(visit.site, "doctor")],
            conclusion=text,
        )

    # --- vaccination ----------------------------------------------------------------------

    def doses(self, visits):
        """(vaccine, number, days ago, visit or None for a dose told from before)."""
        start, rows = visits[0].day, []
        for row in VACCINES.values():
            if not self.dice.chance(int(row["share"])) or (
                self.person.years > 15 and row["adults"] == "0"
            ):
                continue
            gap = int(row["gap_days"])
            at = self.person.age - int(row["age_days"])  # days ago of the earliest first dose
            if self.person.years > 15:
                at = min(at, visits[self.dice.below(len(visits))].day)
            for n in range(int(row["doses"])):
                day = at - n * gap - self.dice.between(0, 14)
                visit = None
                if day <= start:
                    later = [v for v in visits if v.day <= day]
                    if not later:
                        break
                    visit = later[0]
                    at, day = visit.day + n * gap, visit.day
                if rows and rows[-1][0] is row and rows[-1][2] - day < 21:
                    break
                rows.append((row, n + 1, day, visit))
        return rows

    def immunization(self, row, n, day, visit, of=None):
        code = [coding(CVX, row["cvx"], row["display"])]
        if row["atc"] != "-":
            code.append(coding(ATC, row["atc"], row["atc_display"]))
        protocol = {"targetDisease": [{"text": row["disease"]}], "doseNumberPositiveInt": n}
        if visit is None:
            years = self.person.years
            when = {
                "occurrenceDateTime": self.date(day)[: 4 if years > 15 else 7 if years > 8 else 10]
            }
            origin = (
                ("record", "Written Record")
                if years < 9
                else ("recall", "Parent/Guardian/Patient Recall")
            )
            more = {"reportOrigin": concept(TERMINOLOGY + "immunization-origin", *origin)}
        else:
            when = {"occurrenceDateTime": self.time(visit, 15)}
            lot = (
                f"{row['key'].upper()}{self.dice.between(100, 999)}{'ABCDEFGH'[self.dice.below(8)]}"
            )
            dose = quantity(dec(row["dose"]), "mL", "mL")
            arm = (
                concept(TERMINOLOGY + "v3-ActSite", "LA", "left arm")
                if row["route"] != "PO"
                else None
            )
            more = {
                "location": sites.at(visit.site),
                "lotNumber": lot,
                "expirationDate": self.date(day - 300),
                "site": arm,
                "route": _ROUTES[row["route"]],
                "doseQuantity": dose,
            }
            nurse = {
                "function": concept(TERMINOLOGY + "v2-0443", "AP", "Administering Provider"),
                "actor": sites.staff(visit.site, "nurse"),
            }
            more["performer"] = [nurse]
            more["encounter"] = self.at_visit[visit.n]
        self.add(
            "Immunization",
            "immunization",
            status="completed",
            vaccineCode={"coding": code, "text": row["display"]},
            patient=self.subject,
            **when,
            primarySource=visit is not None,
            **more,
            protocolApplied=[protocol],
        )

    # --- problems, medicines, allergies ---------------------------------------------------

    def choose_problems(self, visits):
        """Conditions and the visit at which each was found."""
        person, dice = self.person, self.dice
        if person.conditions is None:
            person.conditions = []
            fits = [
                (code, int(row["weight"]))
                for code, row in CONDITIONS.items()
                if int(row["min"]) <= person.years <= int(row["max"])
                and row["sex"] in ("b", person.sex)
            ]
            for code, weight in fits:
                if dice.chance(weight) and len(person.conditions) < 4:
                    person.conditions.append(code)
        born = [v for v in visits if self.age_at(v.day) >= 0] or visits[-1:]
        if person.found_at is not None:
            born = [visits[min(person.found_at, len(visits) - 1)]]
        self.problems = [(code, dice.pick(born)) for code in person.conditions]

    def condition_concept(self, code):
        row = CONDITIONS[code]
        c = concept(ICD10, code, row["display"], row["display"])
        if row["snomed"] != "-":
            c["coding"].append(coding(SNOMED, row["snomed"], row["snomed_display"]))
        return c

    def condition(self, code, visit):
        row = CONDITIONS[code]
        chronic = row["course"] == "chronic"
        over = not chronic and visit.day > 45
        years = max(self.person.years - 3, 0)
        onset = (
            self.date(visit.day + 400 + 365 * self.dice.below(min(years, 6) + 1))[:4]
            if chronic and years > 3
            else None
        )
        status = ("resolved", "Resolved") if over else ("active", "Active")
        found = (
            ("problem-list-item", "Problem List Item")
            if chronic
            else ("encounter-diagnosis", "Encounter Diagnosis")
        )
        r = self.add(
            "Condition",
            "condition",
            clinicalStatus=concept(TERMINOLOGY + "condition-clinical", *status),
            verificationStatus=concept(
                TERMINOLOGY + "condition-ver-status", "confirmed", "Confirmed"
            ),
            category=[concept(TERMINOLOGY + "condition-category", *found)],
            code=self.condition_concept(code),
            subject=self.subject,
            encounter=self.here,
            onsetDateTime=onset
            or self.date(min(visit.day + self.dice.between(0, 9), self.person.age)),
            abatementDateTime=self.date(visit.day - 30) if over else None,
            recordedDate=self.time(visit, 12),
            recorder=sites.staff(visit.site, "doctor"),
        )
        if row["medicines"] != "-":
            order = row["medicines"].split()[0], ref("Condition", r["id"], row["display"])
            self.orders.append(order)
            self.prescribe(order[0], visit, order[1])

    def dosage(self, row):
        per_day = int(row["per_day"])
        dose = float(row["dose"]) * (1 if self.person.years >= 12 else 0.5)
        return {
            "text": (
                row["instruction"]
                if self.person.years >= 12
                else "half of the adult dose: " + row["instruction"]
            ),
            "timing": {"repeat": {"frequency": per_day, "period": dec("1"), "periodUnit": "d"}},
            "doseAndRate": [{"doseQuantity": quantity(dec(f"{dose:g}"), row["unit"], row["unit"])}],
        }

    def prescribe(self, atc, visit, reason, renewed=False):
        row = MEDICINES[atc]
        days = int(row["days"])
        supply = days or 90
        ended = 0 < days < visit.day
        medicine = concept(ATC, atc, row["name"], f"{row['name']} {row['form']}")
        dosage = self.dosage(row)
        self.add(
            "MedicationRequest",
            "prescription",
            status="completed" if ended else "active",
            intent="order",
            medicationCodeableConcept=medicine,
            subject=self.subject,
            encounter=self.here,
            authoredOn=self.time(visit, 20),
            requester=sites.staff(visit.site, "doctor"),
            reasonReference=[reason],
            dosageInstruction=[dosage],
            dispenseRequest={"expectedSupplyDuration": quantity(supply, "days", "d")},
        )
        if (days == 0 or days >= 90) and not renewed:
            self.statement(medicine, dosage, visit, reason, ended, days)

    def statement(self, medicine, dosage, visit, reason, ended, days):
        period = {"start": self.date(visit.day)}
        if ended:
            period["end"] = self.date(visit.day - days)
        self.add(
            "MedicationStatement",
            "medicine",
            status="completed" if ended else "active",
            medicationCodeableConcept=medicine,
            subject=self.subject,
            effectivePeriod=period,
            dateAsserted=self.time(visit, 22),
            informationSource=self.subject,
            reasonReference=[reason],
            dosage=[dosage],
        )

    def allergy(self, visit):
        n = self.dice.below(100)
        if n >= 62:
            return
        known = self.dice.pick(_ALLERGIES) if n < 8 else None
        code, display = known[:2] if known else ("716186003", "No known allergy")
        reaction = (
            [{"manifestation": [{"text": known[3]}], "severity": known[4]}] if known else None
        )
        self.add(
            "AllergyIntolerance",
            "allergy",
            clinicalStatus=concept(TERMINOLOGY + "allergyintolerance-clinical", "active", "Active"),
            verificationStatus=concept(
                TERMINOLOGY + "allergyintolerance-verification", "confirmed", "Confirmed"
            ),
            type="allergy" if known else None,
            category=[known[2]] if known else None,
            code=concept(SNOMED, code, display),
            patient=self.subject,
            encounter=self.here,
            recordedDate=self.time(visit, 8),
            recorder=sites.staff(visit.site, "nurse"),
            reaction=reaction,
        )

    def habits(self, visit):
        n = self.dice.below(100)
        _, code, display = next(row for row in _SMOKING if n < row[0])
        answer = concept(SNOMED, code, display)
        self.observe(
            visit,
            "social",
            concept(LOINC, "72166-2", "Tobacco smoking status"),
            valueCodeableConcept=answer,
        )

    def consent(self, visit):
        self.add(
            "Consent",
            "consent",
            status="active",
            scope=concept(TERMINOLOGY + "consentscope", "patient-privacy", "Privacy Consent"),
            category=[concept(LOINC, "59284-0")],
            patient=self.subject,
            dateTime=self.time(visit, 2),
            organization=[sites.organization(visit.site)],
            policyRule=concept(TERMINOLOGY + "v3-ActCode", "OPTIN", "opt-in"),
            provision={"type": "permit", "period": {"start": self.date(visit.day)}},
        )

    def referral(self, visit, onward):
        self.add(
            "ServiceRequest",
            "request",
            status="active",
            intent="order",
            category=[{"text": "Referral"}],
            priority="routine",
            code={"text": "Continue care after arrival"},
            subject=self.subject,
            encounter=self.here,
            authoredOn=self.time(visit, 40),
            requester=sites.staff(visit.site, "doctor"),
            performer=[sites.organization(onward.site)],
            reasonCode=[self.condition_concept(c) for c in self.person.conditions],
        )

    # --- all of it ------------------------------------------------------------------------

    def write(self, visits):
        """Appends the person's resources to self.out, encounters in the order of time."""
        last = visits[-1]
        visits = [v for v in visits if self.age_at(v.day) > 3]
        if not visits:  # born after the last one: seen within the first days
            visits = [Visit(last.n + 1, last.site, max(self.person.age - 2, 0), "arrival")]
        self.choose_problems(visits)
        self.at_visit, self.orders = {}, []
        doses = self.doses(visits)
        for row, n, day, visit in doses:
            if visit is None:
                self.immunization(row, n, day, None)
        for visit in visits:
            self.encounter(visit)
            self.at_visit[visit.n] = self.here
            self.vitals(visit)
            for row, n, day, given in doses:
                if given is visit:
                    self.immunization(row, n, day, visit)
            for code, found in self.problems:
                if found is visit:
                    self.condition(code, visit)
            if visit.n == self.person.renewed_at:
                for atc, reason in self.orders:
                    self.prescribe(atc, visit, reason, renewed=True)
            if visit is visits[0]:
                self.consent(visit)
                self.allergy(visit)
            if visit.kind == "assessment":
                self.assessment(visit, visits[-1])
        return self.out

    def assessment(self, visit, last):
        if self.person.years >= 15:
            self.habits(visit)
        self.laboratory(visit)
        if self.person.years >= 11 and "Z34" not in self.person.conditions:
            self.film(visit)
        chronic = any(CONDITIONS[c]["course"] == "chronic" for c in self.person.conditions)
        if (chronic or self.person.renewed_at) and last is not visit:
            self.referral(visit, last)
