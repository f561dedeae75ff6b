# SPDX-License-Identifier: GPL-3.0-or-later
"""People with fixed ids: the cast (CAST.md says why each is there) and the name pairs."""

from .fhir import Dice, table
from .people import ORIGINS, Household, Leg, Person, journey


def _legs(text):
    """ "athens 150-40, ljubljana 38": site, days ago of arrival and of leaving."""
    legs = []
    for part in text.split(","):
        site, _, days = part.strip().partition(" ")
        arrived, _, left = days.partition("-")
        legs.append(Leg(site, int(arrived), int(left or 0)))
    return legs


def _person(key, sex, years, origin, names, legs, **more):
    person = Person("cast-" + key, sex, years * 365 + 40, origin, names, legs=_legs(legs), **more)
    if person.conditions is None:
        person.conditions = []
    return person


def _both(given, family, own_given, own_family):
    return [([given], family, False), ([own_given], own_family, True)]


def _haddad():
    way = "beirut 420-260, athens 255-130, belgrade 125-70, ljubljana 65"
    row = lambda n, sex, years, name, own, **more: _person(
        f"haddad-{n}", sex, years, "syria", _both(name, "Haddad", own, "حداد"), way, **more
    )
    return [
        row(
            1,
            "m",
            41,
            "Khaled",
            "خالد",
            role="head",
            conditions=["I10"],
            birth=(41, 3, 9),
            phone="+000 5510001",
        ),
        row(
            2,
            "f",
            36,
            "Rima",
            "ريما",
            role="spouse",
            conditions=["Z34"],
            birth=(36, 8, 22),
            phone="+000 5510002",
        ),
        row(3, "f", 12, "Layla", "ليلى", role="child", conditions=["J45"], birth=(12, 5, 17)),
        row(4, "m", 8, "Yusuf", "يوسف", role="child", conditions=["K02"], birth=(8, 11, 3)),
        row(5, "f", 2, "Nour", "نور", role="child", conditions=["D50"]),
    ]


def _twins():
    way = "addis 310-240, kassala 236-170, tripoli 160-90, lampedusa 85"
    same = dict(birth=(22, 7, 30), phone="+000 5520001")
    row = lambda n, given, role, **more: _person(
        f"twin-{n}",
        "m",
        22,
        "somalia",
        [([given, "Osman"], "Abdi", False)],
        way,
        role=role,
        **same,
        **more,
    )
    return [
        row(1, "Hassan", "head", conditions=["B86"]),
        row(2, "Hussein", "sibling", conditions=["J06.9"]),
    ]


def _mohameds():
    one = [(["Mohamed"], "Al Ahmad", False)]
    two = [(["محمد"], "الأحمد", True)]
    three = [(["mohammed"], "ahmed", False)]
    same = dict(conditions=["E11"], phone="+000 5530001", birth=(36, 1, 1))
    return [
        _person(
            "mohamed-1",
            "m",
            36,
            "syria",
            one,
            "gaziantep 500-390, samos 385-300, athens 295-200",
            precision="january",
            **same,
        ),
        _person(
            "mohamed-2",
            "m",
            36,
            "syria",
            two,
            "presevo 180-150, belgrade 148-60, ljubljana 55",
            precision="year",
            **same,
        ),
        _person(
            "mohammed-3",
            "m",
            24,
            "sudan",
            three,
            "kassala 200-150, tripoli 140-80, lampedusa 70-50, rome 45",
            birth=(24, 6, 14),
        ),
    ]


def _alone():
    noorullah = [([], "Noorullah", False), ([], "نورالله", True)]
    miner = [(["Armando"], "Macuácua", False)]
    return [
        _person(
            "noorullah",
            "m",
            28,
            "afghanistan",
            noorullah,
            "tehran 700-520, gaziantep 500-400, lesvos 390-300, athens 295-150, belgrade 140",
            precision="january",
            birth=(28, 1, 1),
            conditions=["F43.1"],
        ),
        _person(
            "selam",
            "f",
            27,
            "eritrea",
            _both("Selam", "Tesfay", "ሰላም", "ተስፋይ"),
            "kassala 330-250, athens 150-45, ljubljana 38",
            birth=(27, 2, 11),
            conditions=["R76.1"],
            found_at=2,
            tests=("igra", "alt"),
            renewed_at=3,
            phone="+000 5540001",
        ),
        _person(
            "alcantar",
            "f",
            33,
            "guatemala",
            [(["María", "José"], "Alcántar Núñez", False)],
            "guatemala 260-200, tapachula 190-90, boston 80",
            birth=(33, 12, 8),
        ),
        _person(
            "muller",
            "m",
            58,
            "germany",
            [(["Jürgen"], "Müller", False)],
            "berlin 400-300, ljubljana 290-100, athens 95",
            birth=(58, 4, 2),
            conditions=["I10", "E11"],
        ),
        _person(
            "thor",
            "m",
            44,
            "iceland",
            [(["Þór"], "Björnsson", False)],
            "malmo 350-250, berlin 240-120, athens 110",
            birth=(44, 10, 19),
        ),
        _person(
            "macuacua",
            "m",
            47,
            "mozambique",
            miner,
            "maputo 900-600, johannesburg 590-120, maputo 110",
            birth=(47, 9, 5),
            conditions=["I10"],
        ),
    ]


def households(seed):
    """The cast, then the name pairs, each a household of its own."""
    yield Household("cast-haddad", _haddad(), named=True)
    yield Household("cast-twins", _twins(), named=True)
    for person in _mohameds() + _alone():
        yield Household(person.key + "-household", [person], named=True)
    for row in table("pairs.tsv"):
        for which in ("own", "latin"):
            yield _pair(seed, row, which)


def _pair(seed, row, which):
    key = f"pair-{row['nn']}-{which}"
    dice = Dice(f"{seed}/{key}")
    given, family = (row[which], row[{"own": "own_family", "latin": "latin_family"}[which]])
    person = Person(
        key,
        row["sex"],
        dice.between(18 * 365, 60 * 365),
        row["origin"],
        [([given], family, which == "own")],
    )
    person.legs = journey(dice, dice.pick(ORIGINS[row["origin"]]["routes"].split("|")).split())
    return Household(key + "-household", [person], named=True)
