# SPDX-License-Identifier: GPL-3.0-or-later
"""Small builders of FHIR R4 JSON, and the one way it is written.

Decimals are text with their digits kept: dec("37.0") is written as the JSON number 37.0. A plain
Python float would lose trailing zeros, which are part of what was measured.
"""

import csv
import hashlib
import json
import os
import re

LOINC = "http://loinc.org"
SNOMED = "http://snomed.info/sct"
ICD10 = "http://hl7.org/fhir/sid/icd-10"
ATC = "http://www.whocc.no/atc"
CVX = "http://hl7.org/fhir/sid/cvx"
UCUM = "http://unitsofmeasure.org"
COUNTRY = "urn:iso:std:iso:3166"
TERMINOLOGY = "http://terminology.hl7.org/CodeSystem/"
CORE = "http://hl7.org/fhir/StructureDefinition/"
CASE_NUMBER = "https://example.org/rihla/case-number"

# Synthetic data is marked as such in every resource.
META = {
    "tag": [
        {"system": TERMINOLOGY + "v3-ActReason", "code": "HTEST", "display": "test health data"}
    ]
}

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode
_DECIMAL = re.compile(r'"\\u0001(-?[0-9]+(?:\.[0-9]+)?)"')


def dumps(resource):
    """One line of minified JSON."""
    text = _encode(resource)
    return _DECIMAL.sub(r"\1", text) if "\\u0001" in text else text


def dec(value, digits=None):
    """A decimal to be written with exactly these digits."""
    return "\x01" + (value if digits is None else f"{value:.{digits}f}")


def uid(*parts):
    """A UUID (version 8) that depends on nothing but the parts."""
    h = hashlib.blake2b("/".join(map(str, parts)).encode(), digest_size=16).hexdigest()
    return f"{h[:8]}-{h[8:12]}-8{h[13:16]}-a{h[17:20]}-{h[20:]}"


def resource(kind, id_, **elements):
    r = {"resourceType": kind, "id": id_, "meta": META}
    for name, value in elements.items():
        if value is not None:
            r[name.rstrip("_")] = value
    return r


def coding(system, code, display=None):
    c = {"system": system, "code": code}
    if display and display != "-":
        c["display"] = display
    return c


def concept(system, code, display=None, text=None):
    c = {"coding": [coding(system, code, display)]}
    if text:
        c["text"] = text
    return c


def quantity(value, unit, ucum):
    return {"value": value, "unit": unit, "system": UCUM, "code": ucum}


def ref(kind, id_, display=None):
    r = {"reference": kind + "/" + id_}
    if display:
        r["display"] = display
    return r


def table(name):
    """Rows of a table beside this file, as dictionaries; lines that begin with '#' are notes."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), name)
    with open(path, encoding="utf-8", newline="") as f:
        lines = [line for line in f if not line.startswith("#")]
    return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


class Dice:
    """Random choices that come out the same with every version of Python: only random() is used."""

    def __init__(self, seed):
        import random

        self.random = random.Random(seed).random

    def below(self, n):
        return int(self.random() * n)

    def between(self, low, high):
        return low + int(self.random() * (high - low + 1))

    def pick(self, rows):
        return rows[int(self.random() * len(rows))]

    def chance(self, percent):
        return self.random() * 100 < percent

    def around(self, mean, spread):
        """Roughly normal, never further away than three spreads."""
        r = self.random
        return mean + spread * 2 * (r() + r() + r() - 1.5)
