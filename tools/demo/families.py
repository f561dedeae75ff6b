# SPDX-License-Identifier: GPL-3.0-or-later
"""What binds a household: RelatedPerson both ways, and one Group of those who travel together."""

from datetime import timedelta

from .fhir import CASE_NUMBER, TERMINOLOGY, concept, ref, resource, uid
from .people import case_number

# (role of one, role of the other) -> what the other is to the one: as a man, as a woman.
_MOTHER_FATHER = (("FTH", "father"), ("MTH", "mother"))
_SPOUSE = (("HUSB", "husband"), ("WIFE", "wife"))
_CHILD = (("SON", "natural son"), ("DAU", "natural daughter"))
_BONDS = {
    ("head", "spouse"): _SPOUSE,
    ("spouse", "head"): _SPOUSE,
    ("child", "head"): _MOTHER_FATHER,
    ("child", "spouse"): _MOTHER_FATHER,
    ("head", "child"): _CHILD,
    ("spouse", "child"): _CHILD,
    ("sibling", "head"): (("SIB", "sibling"), ("SIB", "sibling")),
    ("head", "sibling"): (("SIB", "sibling"), ("SIB", "sibling")),
}


def related(home):
    for person in home.people:
        n = 0
        for other in home.people:
            codes = _BONDS.get((person.role, other.role))
            if other is person or codes is None:
                continue
            n += 1
            id_ = f"{person.key}-related-{n}" if home.named else uid(person.key, "related", n)
            given, family, _ = other.names[0]
            name = {"use": "official", "text": other.display()}
            if family:
                name["family"] = family
            if given:
                name["given"] = given
            yield resource(
                "RelatedPerson",
                id_,
                identifier=[{"system": CASE_NUMBER, "value": case_number(other)}],
                active=True,
                patient=ref("Patient", person.key),
                relationship=[
                    concept(TERMINOLOGY + "v3-RoleCode", *codes[0 if other.sex == "m" else 1])
                ],
                name=[name],
                gender="male" if other.sex == "m" else "female",
            )


def group(home, today):
    if len(home.people) < 2:
        return
    joined = lambda p: (today - timedelta(days=min(p.legs[0].arrived, p.age))).isoformat()
    yield resource(
        "Group",
        home.key,
        active=True,
        type="person",
        actual=True,
        code={"text": "Household travelling together"},
        name="Household of " + home.people[0].display(),
        quantity=len(home.people),
        member=[
            {"entity": ref("Patient", p.key, p.display()), "period": {"start": joined(p)}}
            for p in home.people
        ],
    )
