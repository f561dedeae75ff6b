# SPDX-License-Identifier: GPL-3.0-or-later
"""A second reading of the sources of the protocols uk-tb and us-immigrant, written without looking at the packs.

Each function answers from the sentences of the sources alone: ASKED, NOT (not asked), CANNOT (an input is missing), or
SILENT where the sources (or those of them that could be read) do not say. The sources, in short:

  UK   UKHSA pre-entry TB screening (application text and questionnaire annexes F, G): film from 11 years; reasons for no film:
       child, pregnant, other; questions on symptoms, history, household, contact for everyone, on pregnancy for women;
       three sputum samples, each with smear and culture, complete when all six are in; certificate from the date of the
       film, else of the screening, for 6 months, 3 for a close contact.
  US   CDC panel TB flowchart, low burden (< 20/100,000): < 2 years IGRA or TST, film and sputum only with signs, symptoms or known
       HIV; 2-14 the same with IGRA; from 15 film for all, sputum if the film suggests it, signs, symptoms or known HIV. High burden:
       2-14 IGRA for all, from 15 film for all (CDC domestic guidance, Minnesota health department). CDC syphilis and gonorrhoea
       instructions: all from 15 in 2016/2018; 18-44 and 18-24 now (civil surgeon rule).
"""
import calendar
import datetime
import json
import subprocess
import tempfile

from conftest import BIN, ROOT

ASKED, NOT, CANNOT, SILENT = "asked", "not", "cannot", "silent"
YES, NO, MISSING = True, False, None


def back(date, years):
    """The day on which somebody who is exactly `years` old on `date` was born (29 February: the last day of the month)."""
    year = date.year - years
    return date.replace(year=year, day=min(date.day, calendar.monthrange(year, date.month)[1]))


def is_at_least(birth, date, years):
    """Whole years by the calendar: the birthday itself counts, and 29 February comes on 1 March in other years."""
    return (date.year - birth.year) - ((date.month, date.day) < (birth.month, birth.day)) >= years


def months_later(date, months):
    at = date.year * 12 + date.month - 1 + months
    year, month = divmod(at, 12)
    return datetime.date(year, month + 1, min(date.day, calendar.monthrange(year, month + 1)[1]))


# --- three values

def any_of(*values):
    return YES if YES in values else MISSING if MISSING in values else NO


def verdict(value):
    return {YES: ASKED, NO: NOT, MISSING: CANNOT}[value]


# --- one person: a dict with birth, sex, pregnant, contact, symptoms, signs, hiv, film, igra, burden (True high, False low, None no figure)

def uk_film(p, date):
    if not is_at_least(p["birth"], date, 11):
        return NOT  # "not taken: child"
    if p["sex"] == "female" and p["pregnant"] is not NO:
        return SILENT  # "not taken: pregnant" is allowed, a film is not forbidden; without an answer the text does not say
    return ASKED


def us_triggers(p):
    # *Known* HIV: that nobody has tested is no trigger; symptoms that nobody has asked about are missing.
    return any_of(p["symptoms"], p["signs"], p["hiv"] is YES)


def us_igra(p, date):
    if is_at_least(p["birth"], date, 15):
        return SILENT  # the present instruction is said to ask all from 2 years; could not be read
    if not is_at_least(p["birth"], date, 2):
        if p["contact"] is not NO or p["burden"] is not NO:
            return SILENT  # contacts, and the youngest in a high burden country: only from memory
        return SILENT if us_triggers(p) is YES else verdict(us_triggers(p))  # "IGRA or TST": either will do
    if p["contact"] is not NO and p["burden"] is not YES:
        return SILENT  # "contacts tested" is not in the text that was read
    return verdict(any_of(p["burden"], us_triggers(p)))


def us_film(p, date):
    pregnant = p["sex"] == "female" and p["pregnant"] is not NO and is_at_least(p["birth"], date, 10)
    if pregnant:
        return SILENT  # the text that was read says nothing of pregnancy
    if is_at_least(p["birth"], date, 15):
        return ASKED
    triggers = us_triggers(p)
    if triggers is YES:
        return ASKED
    if p["burden"] is NO and is_at_least(p["birth"], date, 2):
        return verdict(triggers)
    return SILENT if p["igra"] != "negative" or p["burden"] is not YES else verdict(triggers)


def us_sputum(p, date):
    triggers = us_triggers(p)
    if p["sex"] == "female" and p["pregnant"] is not NO and triggers is not YES:
        return SILENT  # whether sputum takes the place of the film: not in the text that was read
    if triggers is YES:
        return ASKED if is_at_least(p["birth"], date, 2) else SILENT
    if p["film"] == "old-or-active-tb":
        return ASKED if is_at_least(p["birth"], date, 15) else SILENT
    if p["film"] is MISSING:
        return SILENT if not is_at_least(p["birth"], date, 15) else CANNOT
    return verdict(triggers)


def us_syphilis(p, date):
    if is_at_least(p["birth"], date, 45):
        return NOT
    if is_at_least(p["birth"], date, 18):
        return ASKED
    return SILENT if is_at_least(p["birth"], date, 15) else NOT


def us_gonorrhoea(p, date):
    if is_at_least(p["birth"], date, 25):
        return NOT
    if is_at_least(p["birth"], date, 18):
        return ASKED
    return SILENT if is_at_least(p["birth"], date, 15) else NOT


# --- sputum: three smears, three cultures, the molecular test on the first sample

STATES = ("positive", "negative", "contaminated", "ntm", "inconclusive", None)  # None: missing


def sputum(smears, cultures, molecular, wants_molecular):
    """positive, negative, ntm or incomplete.

    Any positive is positive, with one exception that the sources name: a positive smear with a negative molecular test, cultures
    all final, none of them positive and one of them NTM, is NTM. A set is negative only when it is complete and every result is. What is
    missing, contaminated or inconclusive leaves it incomplete.
    """
    six = [*smears, *cultures]
    final_cultures = all(c in ("negative", "ntm") for c in cultures)
    some_ntm = "ntm" in cultures or "ntm" in smears or molecular == "ntm"
    if "positive" in cultures or molecular == "positive":
        return "positive"
    if "positive" in smears:
        if molecular != "negative" or not final_cultures or "ntm" not in cultures:
            return "positive"
        return "incomplete" if any(r in (None, "contaminated", "inconclusive") for r in smears) else "ntm"
    if any(r in (None, "contaminated", "inconclusive") for r in six):
        return "incomplete"
    if molecular in ("contaminated", "inconclusive") or (molecular is None and wants_molecular):
        return "incomplete"
    return "ntm" if some_ntm else "negative"


# --- expiry of a UK certificate

def uk_expiry(film, screening, contact):
    return months_later(film or screening, 3 if contact else 6)


# --- a person as resources, with the codes that the packs name

BASE = "https://rihla.example/fhir"
LOINC, SNOMED, LOCAL, COUNTRY = "http://loinc.org", "http://snomed.info/sct", BASE + "/CodeSystem/assessment", "urn:iso:std:iso:3166"
SYMPTOMS = ("49727002", "284523002", "66857006", "42984000", "816160009", "386661006", "29857009")
RESULT = {"positive": (SNOMED, "10828004"), "negative": (SNOMED, "260385009"), "inconclusive": (SNOMED, "419984006"),
          "contaminated": (LOCAL, "contaminated"), "ntm": (LOCAL, "ntm"), "indeterminate": (SNOMED, "82334004")}
MOLECULAR = {**RESULT, "positive": (SNOMED, "260373001"), "negative": (SNOMED, "260415000"), "inconclusive": (SNOMED, "82334004")}
HIV = {"positive": (SNOMED, "165816005"), "negative": (SNOMED, "165815009")}


def concept(system, code):
    return {"coding": [{"system": system, "code": code}]}


def observation(system, code, day, value=None, component=None, label=None):
    made = {"resourceType": "Observation", "status": "final", "code": concept(system, code), "subject": {"reference": "Patient/p"},
            "effectiveDateTime": str(day)}
    if isinstance(value, bool):
        made["valueBoolean"] = value
    elif value:
        made["valueCodeableConcept"] = concept(*value)
    if component:
        made["component"] = component
    if label:
        made["meta"] = {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": label}]}
    return made


def sample(n):
    return [{"code": concept(LOCAL, "sample-number"), "valueInteger": n}]


def sputum_results(smears, cultures, molecular, days):
    """The observations of one set; the three samples are taken on `days`."""
    made = []
    for code, results in (("72357-7", smears), ("543-9", cultures)):
        made += [observation(LOINC, code, days[i], RESULT[r], sample(i + 1)) for i, r in enumerate(results) if r]
    if molecular:
        made.append(observation(LOINC, "85362-2", days[0], MOLECULAR[molecular], sample(1)))
    return made


def resources(p, day):
    """The record of a person (see above) as known on `day`; a member that is None leaves no trace."""
    made = [{"resourceType": "Patient", "id": "p", "birthDate": str(p["birth"]), "gender": p["sex"]}]
    if p["symptoms"] is not MISSING:
        made += [observation(SNOMED, code, day, p["symptoms"] and code == SYMPTOMS[0]) for code in SYMPTOMS]
    for key, system, code in (("contact", SNOMED, "1431000119101"), ("signs", LOCAL, "tb-signs"), ("household", LOCAL, "tb-household-2y"),
                              ("previous", LOCAL, "tb-previous")):
        if p.get(key, NO) is not MISSING:
            made.append(observation(system, code, day, bool(p.get(key, NO))))
    if p["sex"] == "female" and p["pregnant"] is not MISSING:
        made.append(observation(LOINC, "82810-3", day, (SNOMED, "77386006" if p["pregnant"] else "60001007")))
    if p["hiv"] is not MISSING:
        made.append(observation(LOINC, "55277-8", day, HIV["positive" if p["hiv"] else "negative"], label="HIV"))
    if p["film"]:
        made.append(observation(LOINC, "36643-5", day, (BASE + "/CodeSystem/film-result", p["film"])))
    if p["igra"]:
        made.append(observation(LOINC, "71773-6", day, RESULT[p["igra"]]))
    if p.get("country"):
        made.append(observation(LOCAL, "examination-country", day, (COUNTRY, p["country"])))
    return made


# --- asking the program

PACKS = [x for name in ("rihla-base", "assessment-common", "uk-tb", "us-immigrant") for x in ("--package", str(ROOT / "packs" / name))]


def apply(file, date, protocols, packages=PACKS):
    """`rihla protocol apply --batch`: one answer for each Bundle of the file, one after the other: they are long."""
    names = [x for name in protocols for x in ("--pack", name)]
    with tempfile.TemporaryFile("w+") as said:
        with subprocess.Popen([BIN, "protocol", "apply", *map(str, packages), *names, "--date", str(date), "--json", "--batch", str(file)],
                              stdout=subprocess.PIPE, stderr=said, text=True) as done:
            for line in done.stdout:
                yield json.loads(line)
        said.seek(0)
        assert done.returncode in (0, 1), said.read()[-2000:]
