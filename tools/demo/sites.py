# SPDX-License-Identifier: GPL-3.0-or-later
"""Centres on the way: one Organization, Location and two Practitioners with their roles each."""

from .fhir import COUNTRY, TERMINOLOGY, coding, concept, dec, ref, resource, table

HEAD = "org-programme"
SITES = {row["key"]: row for row in table("sites.tsv")}


def centre(key):
    return f"Migration Health Centre {SITES[key]['city']}"


def staff(key, role):
    return ref("Practitioner", f"staff-{key}-{role}", SITES[key][role])


def at(key):
    return ref("Location", f"site-{key}", centre(key))


def organization(key):
    return ref("Organization", f"org-{key}", centre(key))


def _address(site):
    return {"type": "physical", "city": site["city"], "country": site["country"]}


def _organization(key, site):
    return resource(
        "Organization",
        f"org-{key}",
        active=True,
        type=[concept(TERMINOLOGY + "organization-type", "prov", "Healthcare Provider")],
        name=centre(key),
        telecom=[{"system": "email", "value": f"{key}@clinics.example.org", "use": "work"}],
        address=[_address(site)],
        partOf=ref("Organization", HEAD),
    )


def _location(key, site):
    return resource(
        "Location",
        f"site-{key}",
        status="active",
        name=centre(key),
        mode="instance",
        type=[concept(TERMINOLOGY + "v3-RoleCode", "OF", "Outpatient facility")],
        address=_address(site),
        position={"longitude": dec(site["lon"]), "latitude": dec(site["lat"])},
        managingOrganization=ref("Organization", f"org-{key}"),
    )


def _name(text):
    given, _, family = text.partition(" ")
    return [{"use": "official", "text": text, "family": family, "given": [given]}]


def _staff(key, site, role):
    id_ = f"staff-{key}-{role}"
    title = {"doctor": ("doctor", "Doctor"), "nurse": ("nurse", "Nurse")}[role]
    yield resource("Practitioner", id_, active=True, name=_name(site[role]))
    yield resource(
        "PractitionerRole",
        f"role-{key}-{role}",
        active=True,
        practitioner=ref("Practitioner", id_, site[role]),
        organization=organization(key),
        code=[concept(TERMINOLOGY + "practitioner-role", *title)],
        location=[at(key)],
    )


def resources():
    yield resource(
        "Organization",
        HEAD,
        active=True,
        type=[concept(TERMINOLOGY + "organization-type", "govt", "Government")],
        name="Migration Health Programme (synthetic data)",
        address=[{"country": "SI"}],
    )
    for key, site in SITES.items():
        yield _organization(key, site)
    for key, site in SITES.items():
        yield _location(key, site)
    for key, site in SITES.items():
        for role in ("doctor", "nurse"):
            yield from _staff(key, site, role)


def country(code):
    return {"coding": [coding(COUNTRY, code)]}
