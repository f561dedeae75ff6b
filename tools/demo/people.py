# SPDX-License-Identifier: GPL-3.0-or-later
"""Households: who they are, who belongs to whom, and where they went.

A person is a `Person`; only `patient` makes a FHIR resource. Days are counted backwards from today,
so a record is as fresh on every day it is made.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from . import sites
from .fhir import CASE_NUMBER, CORE, Dice, TERMINOLOGY, coding, concept, resource, table, uid

ORIGINS = {row["key"]: row for row in table("origins.tsv")}
NAMES = {}
for _row in table("names.tsv"):
    NAMES.setdefault((_row["pool"], _row["kind"]), []).append((_row["latin"], _row["own"] or ""))
# No extension of FHIR R4 says that a date of birth is an estimate, so the demo has one of its own.
ESTIMATED = "https://example.org/rihla/fhir/StructureDefinition/estimated"
_DRAWN = [key for key, row in ORIGINS.items() for _ in range(int(row["weight"]))]


@dataclass
class Leg:
    site: str
    arrived: int  # days ago
    left: int  # days ago; 0: still there


@dataclass
class Person:
    key: str
    sex: str  # m or f
    age: int  # days
    origin: str
    names: list  # of (given list, family or "", own script?)
    number: int = 0
    precision: str = "day"  # day, month, year, or january: "1 January" of an estimated year
    legs: list = field(default_factory=list)
    role: str = "head"  # head, spouse, child, sibling
    conditions: list = None  # ICD-10 codes; None: drawn
    phone: str = ""
    birth: tuple = None  # (years ago, month, day) where the cast needs a fixed birthday
    found_at: int = None  # number of the visit at which the conditions are found; None: drawn
    tests: tuple = ()  # keys of tests.tsv that are done whatever the dice say
    renewed_at: int = None  # number of the visit at which the prescriptions are written again

    @property
    def years(self):
        return self.age // 365

    def display(self):
        given, family, _ = self.names[0]
        return " ".join(given + [family]).strip()


@dataclass
class Household:
    key: str
    people: list
    named: bool = False  # ids are readable


def _given(dice, pool, sex, other=()):
    names = NAMES[(pool, sex)]
    for _ in range(8):
        name = dice.pick(names)
        if name not in other:
            break
    return name


def _latin_and_own(parts):
    """[(given list, family)] of the Latin and, when every part has one, of the own spelling."""
    given, family = parts
    both = [([g[0] for g in given], family[0], False)]
    words = given + ([family] if family[0] else [])
    if all(w[1] for w in words):
        both.append(([g[1] for g in given], family[1], True))
    return both


def _names(dice, naming, pool, given, line):
    """Names of one member; `line` is what the household shares."""
    if naming == "father":
        return _latin_and_own(([given], line["father"]))
    if naming == "lineage":
        return _latin_and_own(([given, line["father"]], line["grandfather"]))
    if naming == "given":
        extra = [dice.pick(NAMES[(pool, "f" if dice.chance(50) else "m")]) for _ in range(2)]
        return _latin_and_own(([given] + extra, ("", "")))
    return _latin_and_own(([given], line["family"]))


def _line(dice, naming, pool):
    line = {"father": _given(dice, pool, "m"), "grandfather": _given(dice, pool, "m")}
    if naming == "family":
        line["family"] = dice.pick(NAMES[(pool, "l")])
    if naming == "double":
        first, second = dice.pick(NAMES[(pool, "l")]), dice.pick(NAMES[(pool, "l")])
        line["family"] = (first[0] + " " + second[0], "")
    return line


def journey(dice, route, ended=None):
    """Legs along a route, the last one still going on unless `ended` days ago."""
    stays = [dice.between(25, 160) for _ in route]
    day = (ended or 0) + sum(stays) + dice.between(3, 40)
    legs = []
    for i, site in enumerate(route):
        left = day - stays[i]
        last = i == len(route) - 1
        legs.append(Leg(site, day, 0 if last and not ended else max(left, 1)))
        day = left - (0 if last else min(dice.between(1, 6), max(left - 2, 0)))
    return legs


def _members(dice):
    """Roles and ages (years) of a drawn household."""
    kind = dice.below(100)
    if kind < 44:
        return [("head", dice.pick("mmmff"), dice.between(18, 62))]
    if kind < 50:
        return [("head", dice.pick("mmf"), dice.between(14, 17))]
    if kind < 60:
        return [
            ("head", dice.pick("mf"), dice.between(19, 30)),
            ("sibling", dice.pick("mf"), dice.between(8, 17)),
        ]
    mother = dice.between(21, 43)
    children = [
        ("child", dice.pick("mf"), dice.between(0, min(17, mother - 18)))
        for _ in range(dice.between(1, 4))
    ]
    children.sort(key=lambda c: -c[2])
    if kind < 72:
        return [("head", "f", mother)] + children
    couple = [("head", "m", mother + dice.between(0, 8)), ("spouse", "f", mother)]
    if kind < 80:
        return couple
    grandmother = [("parent", "f", mother + dice.between(19, 26))] if dice.chance(12) else []
    return couple + children + grandmother


def household(seed, index):
    """The index-th drawn household."""
    dice = Dice(f"{seed}/household/{index}")
    origin = dice.pick(_DRAWN)
    row = ORIGINS[origin]
    naming, pool = row["naming"], row["pool"]
    line = _line(dice, naming, pool)
    legs = journey(dice, dice.pick(row["routes"].split("|")).split())
    home = Household(uid(seed, "household", index), [])
    used, father = [], None
    for i, (role, sex, years) in enumerate(_members(dice)):
        given = _given(dice, pool, sex, used)
        used.append(given)
        own_line = line if role in ("head", "sibling") else _line(dice, naming, pool)
        if role == "child" and father:
            own_line = {
                "father": father,
                "grandfather": line["father"],
                "family": line.get("family"),
            }
        elif role == "child":
            own_line["family"] = line.get("family")
        elif role == "spouse" and naming == "family" and dice.chance(60):
            own_line["family"] = line["family"]
        if role == "head" and sex == "m":
            father = given
        person = Person(
            uid(seed, "person", index, i), sex, years * 365 + dice.below(365), origin, []
        )
        person.names = _names(dice, naming, pool, given, own_line)
        person.role, person.legs = role, legs
        person.precision = _precision(dice, years)
        person.phone = (
            f"+000 55{dice.between(10000, 99999)}" if years > 15 and dice.chance(60) else ""
        )
        if dice.chance(6) and len(person.names) == 2:
            person.names.pop(dice.below(2))  # a clerk wrote one spelling only
        home.people.append(person)
    return home


def _precision(dice, years):
    if years < 5:
        return "day"
    n = dice.below(100)
    return "year" if n < 7 else "month" if n < 10 else "january" if n < 22 else "day"


def birth_date(person, today):
    """As written: YYYY, YYYY-MM or YYYY-MM-DD."""
    if person.birth:
        years, month, day = person.birth
        text = f"{today.year - years:04d}-{month:02d}-{day:02d}"
    else:
        text = (today - timedelta(days=person.age)).isoformat()
    if person.precision == "year":
        return text[:4]
    if person.precision == "month":
        return text[:7]
    return text[:4] + "-01-01" if person.precision == "january" else text


def check_digit(number):
    """ISO 7064 MOD 97-10 of the digits of a case number."""
    return f"{98 - number * 100 % 97:02d}"


def case_number(person):
    return f"RH-{person.number:07d}-{check_digit(person.number)}"


def birth_place(person):
    """City and country: of the origin, or of the centre where the household was."""
    row = ORIGINS[person.origin]
    for leg in person.legs:
        if person.age <= leg.arrived:
            row = sites.SITES[leg.site]
    return {"city": row["city"], "country": row["country"]}


def _addresses(person, today):
    rows = []
    date = lambda day: (today - timedelta(days=day)).isoformat()
    if person.age > person.legs[0].arrived:
        rows.append(
            {
                "use": "old",
                **birth_place(person),
                "period": {"end": date(person.legs[0].arrived)[:7]},
            }
        )
    for leg in person.legs:
        if leg.left and leg.left >= person.age:
            continue  # not yet born
        site = sites.SITES[leg.site]
        period = {"start": date(min(leg.arrived, person.age))}
        if leg.left:
            period["end"] = date(leg.left)
        use = "old" if leg.left else "temp"
        rows.append(
            {"use": use, "city": site["city"], "country": site["country"], "period": period}
        )
    return rows


def _human_names(person):
    rows = []
    for i, (given, family, _own) in enumerate(person.names):
        name = {
            "use": "official" if i == 0 else "usual",
            "text": " ".join(given + [family]).strip(),
        }
        if family:
            name["family"] = family
        if given:
            name["given"] = given
        rows.append(name)
    return rows


def _contact(home, person):
    """Whom to call: the head of the household, or for the head the spouse."""
    others = [
        p for p in home.people if p is not person and p.years >= 15 and p.role in ("head", "spouse")
    ]
    if not others:
        return None
    other = others[0]
    given, family, _ = other.names[0]
    name = {"text": other.display()}
    if family:
        name["family"] = family
    if given:
        name["given"] = given
    contact = {"relationship": [concept(TERMINOLOGY + "v2-0131", "N", "Next-of-Kin")], "name": name}
    if other.phone:
        contact["telecom"] = [{"system": "phone", "value": other.phone, "use": "mobile"}]
    contact["gender"] = "male" if other.sex == "m" else "female"
    return [contact]


def _marital(home, person):
    if person.years < 18:
        return None
    married = person.role == "spouse" or (
        person.role == "head" and any(p.role == "spouse" for p in home.people)
    )
    code = (
        ("M", "Married")
        if married
        else ("W", "Widowed") if person.role == "parent" else ("U", "unmarried")
    )
    return concept(TERMINOLOGY + "v3-MaritalStatus", *code)


def patient(home, person, today):
    row = ORIGINS[person.origin]
    nation = {"coding": [coding("urn:iso:std:iso:3166", row["country"])]}
    estimated = {"extension": [{"url": ESTIMATED, "valueBoolean": True}]}
    phone = [{"system": "phone", "value": person.phone, "use": "mobile"}] if person.phone else None
    language = concept("urn:ietf:bcp:47", row["language"], row["language_name"])
    return resource(
        "Patient",
        person.key,
        extension=[
            {
                "url": CORE + "patient-birthPlace",
                "valueAddress": birth_place(person),
            },
            {
                "url": CORE + "patient-nationality",
                "extension": [{"url": "code", "valueCodeableConcept": nation}],
            },
        ],
        identifier=[
            {
                "use": "usual",
                "type": concept(TERMINOLOGY + "v2-0203", "MR", "Medical record number"),
                "system": CASE_NUMBER,
                "value": case_number(person),
                "assigner": {"reference": f"Organization/org-{person.legs[0].site}"},
            }
        ],
        active=True,
        name=_human_names(person),
        telecom=phone,
        gender="male" if person.sex == "m" else "female",
        birthDate=birth_date(person, today),
        _birthDate_=estimated if person.precision in ("january", "year") else None,
        address=_addresses(person, today),
        maritalStatus=_marital(home, person),
        contact=_contact(home, person),
        communication=[{"language": language, "preferred": True}],
        managingOrganization=sites.organization(person.legs[-1].site),
    )
