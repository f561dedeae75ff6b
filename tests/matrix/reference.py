# SPDX-License-Identifier: GPL-3.0-or-later
"""Search as the R4 specification states it, over all resources, without an index: slow, plain, and independent of the program's search.

Only the values of the parameters come from the program: its FHIRPath evaluates the official expressions. What they mean is decided here.
A condition gives two sets: what must match and what may (they differ where a server has a choice: names that sound alike, `ap`).
"""
import json
import math
import re
import subprocess
import unicodedata
from collections import namedtuple
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from urllib.parse import parse_qsl

INF = float("inf")
Token = namedtuple("Token", "system code texts type implied")
Quantity = namedtuple("Quantity", "lo hi system code unit")
Ref = namedtuple("Ref", "type id url identifier")
Both = namedtuple("Both", "sure may")


class Unsupported(Exception):
    """A query that this reference does not judge."""


# ---- text ------------------------------------------------------------------------------------

LETTERS = {"ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i", "ـ": "", "ء": "", "ى": "ي", "ة": "ه", "'": "", "’": ""}


def fold(text):
    """Case, diacritics and runs of blanks do not count; one alef, yeh and heh."""
    text = "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if unicodedata.category(c) != "Mn")
    text = "".join(LETTERS.get(c, c) for c in text.casefold())
    return " ".join(text.split())


def words(text):
    return re.findall(r"\w+", fold(text))


# ---- time ------------------------------------------------------------------------------------

MOMENT = re.compile(r"^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d):(\d\d)(?::(\d\d)(?:\.(\d+))?)?(Z|[+-]\d\d:\d\d)?)?)?)?$")
DAY = 86_400_000_000


def span(text):
    """[lo, hi) in microseconds of what a date of stated precision covers; without a zone: UTC."""
    match = MOMENT.match(text)
    if not match:
        raise ValueError(text)
    year, month, day, hour, minute, second, fraction, zone = match.groups()
    days = date(int(year), int(month or 1), int(day or 1)).toordinal()
    if hour is None:
        if day:
            after = days + 1
        elif month:
            after = days + [31, 29 if leap(int(year)) else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][int(month) - 1]
        else:
            after = days + 365 + leap(int(year))
        return days * DAY, after * DAY
    at = ((days * 24 + int(hour)) * 60 + int(minute)) * 60_000_000
    width = 60_000_000
    if second:
        at, width = at + int(second) * 1_000_000, 1_000_000
    if fraction:
        width = 10 ** (6 - len(fraction))
        at += int(fraction) * width
    if zone and zone != "Z":
        shift = int(zone[1:3]) * 60 + int(zone[4:])
        at -= (shift if zone[0] == "+" else -shift) * 60_000_000
    return at, at + width


def leap(year):
    return int(year % 4 == 0 and (year % 100 != 0 or year % 400 == 0))


def period_span(period):
    lo = span(period["start"])[0] if period.get("start") else -INF
    hi = span(period["end"])[1] if period.get("end") else INF
    return lo, hi


def time_spans(kind, value):
    if kind in ("date", "dateTime", "instant"):
        return [span(value)]
    if kind == "Period":
        return [period_span(value)]
    if kind == "Timing":
        bounds = value.get("repeat", {}).get("boundsPeriod")
        parts = [span(e) for e in value.get("event", [])] + ([period_span(bounds)] if bounds else [])
        return [(min(p[0] for p in parts), max(p[1] for p in parts))] if parts else []
    return []


def compare_span(prefix, value, asked):
    """The rules of the search page: value and asked are [lo, hi)."""
    (vl, vh), (sl, sh) = value, asked
    inside = sl <= vl and vh <= sh
    if prefix == "ap":  # how near is near is the server's choice; what overlaps is
        return True if vl < sh and sl < vh else "may"
    return {"eq": inside, "ne": not inside, "gt": vh > sh, "lt": vl < sl, "ge": vh > sh or inside, "le": vl < sl or inside,
            "sa": vl >= sh, "eb": vh <= sl}[prefix]


# ---- numbers ---------------------------------------------------------------------------------

def number_asked(text):
    """The number, and half a unit of its last digit."""
    if not re.match(r"^[+-]?\d+(\.\d+)?([eE][+-]?\d+)?$", text):
        raise Unsupported(f"number {text}")
    value = Decimal(text)
    return Fraction(value), Fraction(Decimal((0, (5,), value.as_tuple().exponent - 1)))


def compare_number(prefix, lo, hi, x, half):
    inside = x - half <= lo and hi < x + half
    if prefix == "ap":
        return about(lo, hi, x, half)
    return {"eq": inside, "ne": not inside, "gt": hi > x, "lt": lo < x, "ge": hi >= x, "le": lo <= x, "sa": lo > x, "eb": hi < x}[prefix]


def about(lo, hi, x, half):
    """Within a tenth: surely when half as far, not when twice as far, else the rounding decides."""
    near, far = abs(x) / 20, abs(x) / 5 + half
    return True if x - near <= lo and hi <= x + near else "may" if lo <= x + far and hi >= x - far else False


# UCUM: dimension, factor and offset to its base: base = (value + offset) * factor
F = Fraction
UNITS = {"g": ("mass", F(1), 0), "mg": ("mass", F(1, 1000), 0), "kg": ("mass", F(1000), 0), "ug": ("mass", F(1, 10**6), 0),
         "m": ("length", F(1), 0), "cm": ("length", F(1, 100), 0), "mm": ("length", F(1, 1000), 0), "[in_i]": ("length", F(254, 10000), 0),
         "s": ("time", F(1), 0), "min": ("time", F(60), 0), "h": ("time", F(3600), 0), "d": ("time", F(86400), 0), "wk": ("time", F(604800), 0),
         "a": ("time", F(31557600), 0), "mo": ("time", F(31557600, 12), 0),
         "mm[Hg]": ("pressure", F(133322, 1000), 0), "kPa": ("pressure", F(1000), 0), "Pa": ("pressure", F(1), 0),
         "mmol/L": ("molar", F(1, 1000), 0), "mol/L": ("molar", F(1), 0), "umol/L": ("molar", F(1, 10**6), 0),
         "pg": ("mass", F(1, 10**12), 0), "ng": ("mass", F(1, 10**9), 0),
         "g/L": ("density", F(1), 0), "g/dL": ("density", F(10), 0), "mg/dL": ("density", F(1, 100), 0), "ug/dL": ("density", F(1, 10**5), 0),
         "Cel": ("heat", F(1), F(27315, 100)), "K": ("heat", F(1), 0), "[degF]": ("heat", F(5, 9), F(45967, 100)),
         "/min": ("rate", F(1, 60), 0), "{beats}/min": ("rate", F(1, 60), 0), "/s": ("rate", F(1), 0)}
UCUM = "http://unitsofmeasure.org"


def to_base(unit, x):
    return x if x in (INF, -INF) else (x + UNITS[unit][2]) * UNITS[unit][1]


def quantity_values(kind, value):
    if kind in ("Quantity", "Age", "Duration", "Count", "Distance", "SimpleQuantity", "MoneyQuantity"):
        if "value" not in value:
            return []
        x = Fraction(value["value"])
        lo = -INF if value.get("comparator") in ("<", "<=") else x
        hi = INF if value.get("comparator") in (">", ">=") else x
        return [Quantity(lo, hi, value.get("system"), value.get("code"), value.get("unit"))]
    if kind == "Money":
        return [Quantity(Fraction(value["value"]), Fraction(value["value"]), "urn:iso:std:iso:4217", value.get("currency"), value.get("currency"))] if "value" in value else []
    if kind == "Range":
        low, high = value.get("low", {}), value.get("high", {})
        one = low or high
        return [Quantity(Fraction(low["value"]) if low else -INF, Fraction(high["value"]) if high else INF, one.get("system"), one.get("code"), one.get("unit"))]
    return []


def match_quantity(q, prefix, asked):
    parts = split_escaped(asked, "|")
    x, half = number_asked(parts[0])
    system, unit = (parts[1], parts[2]) if len(parts) == 3 else ("", "")
    if len(parts) not in (1, 3):
        raise Unsupported(asked)
    if not unit and not system:
        return compare_number(prefix, q.lo, q.hi, x, half)
    if not system:
        return unit in (q.code, q.unit) and compare_number(prefix, q.lo, q.hi, x, half)
    if q.system != system or q.code is None:
        return False
    if system != UCUM or q.code == unit:
        return q.code == unit and compare_number(prefix, q.lo, q.hi, x, half)
    if unit not in UNITS or q.code not in UNITS:
        return "may"  # units that this table does not know
    if UNITS[unit][0] != UNITS[q.code][0]:
        return False
    low, high, at = to_base(unit, x - half), to_base(unit, x + half), to_base(unit, x)
    lo, hi = to_base(q.code, q.lo), to_base(q.code, q.hi)
    inside = low <= lo and hi < high
    if prefix == "ap":
        return about(lo, hi, at, high - at) if UNITS[unit][2] == 0 else "may"
    return {"eq": inside, "ne": not inside, "gt": hi > at, "lt": lo < at, "ge": hi >= at, "le": lo <= at, "sa": lo > at, "eb": hi < at}[prefix]


# ---- tokens, references, strings -------------------------------------------------------------

IMPLIED = {"Observation.status": "http://hl7.org/fhir/observation-status", "Patient.gender": "http://hl7.org/fhir/administrative-gender",
           "Practitioner.gender": "http://hl7.org/fhir/administrative-gender", "Encounter.status": "http://hl7.org/fhir/encounter-status"}


def tokens(parameter, kind, value):
    def coding(c):
        return Token(c.get("system"), c.get("code"), (c.get("display"),), None, False)
    if kind == "Coding":
        return [coding(value)]
    if kind == "CodeableConcept":
        found = [coding(c) for c in value.get("coding", [])]
        return found + ([Token(None, None, (value["text"],), None, False)] if value.get("text") else [])
    if kind == "Identifier":
        types = [(c.get("system"), c.get("code")) for c in value.get("type", {}).get("coding", [])]
        return [Token(value.get("system"), value.get("value"), (value.get("type", {}).get("text"),), types, False)]
    if kind == "ContactPoint":
        return [Token(None, value.get("value"), (), None, True)]
    if kind == "boolean":
        return [Token(None, "true" if value else "false", (), None, True)]
    if isinstance(value, str):
        return [Token(IMPLIED.get(f"{parameter.type}.{parameter.name}"), value, (), None, True)]
    return []


def match_token(t, asked):
    parts = split_escaped(asked, "|")
    if len(parts) == 1:
        return t.code is not None and t.code == parts[0]
    if len(parts) != 2:
        raise Unsupported(asked)
    system, code = parts
    if t.implied and (not system or not t.system):
        raise Unsupported("an element whose system is implied")
    if t.code is None and not (system and not code):
        return False
    if not system:
        return not t.system and t.code == code
    return t.system == system and (not code or t.code == code)


def match_of_type(t, asked):
    parts = split_escaped(asked, "|")
    if len(parts) != 3:
        raise Unsupported(asked)
    return bool(t.type) and t.code == parts[2] and (parts[0], parts[1]) in t.type


def match_text(t, asked):
    """Each word asked begins a word of one text."""
    return any(text and all(any(w.startswith(a) for w in words(text)) for a in words(asked)) for text in t.texts)


REFERENCE = re.compile(r"^(?:(https?://.*)/)?([A-Z][A-Za-z]+)/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]+)?$")


def reference_value(kind, value, base):
    if kind in ("canonical", "uri", "url"):
        return Ref(None, None, value, None)
    text = value.get("reference")
    if not text:
        return Ref(None, None, None, value.get("identifier"))
    match = REFERENCE.match(text)
    if match and match[1] in (None, base):
        return Ref(match[2], match[3], None, value.get("identifier"))
    return Ref(match[2] if match else None, None, text, value.get("identifier"))


def elements(kind, value):
    """The element strings of what a string parameter finds."""
    if kind == "HumanName":
        names = ("text", "family", "given", "prefix", "suffix")
    elif kind == "Address":
        names = ("text", "line", "city", "district", "state", "postalCode", "country")
    else:
        return [value] if isinstance(value, str) else []
    found = []
    for name in names:
        part = value.get(name, [])
        found += part if isinstance(part, list) else [part]
    return found


def split_escaped(text, mark):
    r"""Cuts at a mark without a backslash before it, and takes the backslashes away when nothing is left to cut."""
    parts, one, i = [], "", 0
    while i < len(text):
        if text[i] == "\\" and i + 1 < len(text):
            one += text[i:i + 2]
            i += 2
        elif text[i] == mark:
            parts.append(one)
            one = ""
            i += 1
        else:
            one += text[i]
            i += 1
    parts.append(one)
    if mark in ",$":
        return parts
    return [re.sub(r"\\(.)", r"\1", p) for p in parts]


def plain(text):
    return re.sub(r"\\(.)", r"\1", text)


def prefix_of(text):
    match = re.match(r"^(eq|ne|gt|lt|ge|le|sa|eb|ap)(.*)$", text, re.S)
    return match.groups() if match else ("eq", text)


# ---- the resources and their values ----------------------------------------------------------

class Reference:
    """`resources`: {(type, id): resource as parsed}; `bin`: the program whose FHIRPath is asked; `base`: the server's address."""

    def __init__(self, resources, parameters, program, base):
        self.all, self.parameters, self.base = resources, parameters, base
        self.by_type = {}
        for kind, name in resources:
            self.by_type.setdefault(kind, []).append(name)
        self.values = self._evaluate(program)
        self.memory, self.atoms_memory = {}, {}

    def _evaluate(self, program):
        lines, places = [], []
        for (kind, name), (resource, text) in self.all.items():
            asked = {}
            for p in self.parameters[kind].values():
                if p.kind == "special" and p.name != "near":
                    continue
                if not p.components:
                    asked[(p.name, None, None)] = p.expression
                    continue
                for i in range(4 if "component" in p.expression or "|" in p.expression or "." in p.expression else 1):
                    for c, (expression, _, _) in enumerate(p.components):
                        asked[(p.name, i, c)] = f"({p.expression})[{i}].select({expression})"
            for place, expression in asked.items():
                lines.append('{"id":"%d","expr":%s,"resource":%s}\n' % (len(places), json.dumps(expression), text))
                places.append((kind, name, *place))
        done = subprocess.run([program, "fhirpath", "--batch"], input="".join(lines), capture_output=True, text=True, timeout=300)
        values = {}
        for line in done.stdout.splitlines():
            answer = json.loads(line, parse_float=Decimal, parse_int=Decimal)
            place = places[int(answer["id"])]
            assert "error" not in answer, (place, lines[int(answer["id"])][:300], answer)
            values[place] = [(r["type"], r["value"]) for r in answer["result"]]
        assert len(values) == len(places), done.stderr[:500]
        return values

    def raw(self, kind, name, parameter):
        """(type, value) of each thing found, references filtered by what they point to."""
        found = self.values.get((kind, name, parameter.name, None, None), [])
        if parameter.only:
            found = [(t, v) for t, v in found if reference_value(t, v, self.base).type == parameter.only]
        return found

    def atoms(self, kind, name, parameter):
        key = (kind, name, parameter.name)
        if key not in self.atoms_memory:
            self.atoms_memory[key] = self._atoms(kind, name, parameter)
        return self.atoms_memory[key]

    def _atoms(self, kind, name, parameter):
        if not parameter.components:
            return [a for t, v in self.raw(kind, name, parameter) for a in self.atoms_of(parameter, parameter.kind, t, v)]
        found = []
        for i in range(4):
            sides = [[a for t, v in self.values.get((kind, name, parameter.name, i, c), []) for a in self.atoms_of(parameter, k, t, v)]
                     for c, (_, k, _) in enumerate(parameter.components)]
            if all(sides):
                found.append(sides)
        return found

    def atoms_of(self, parameter, kind, t, v):
        if kind == "token":
            return tokens(parameter, t, v)
        if kind == "date":
            return time_spans(t, v)
        if kind == "number":
            if t == "Range":
                return [(q.lo, q.hi) for q in quantity_values(t, v)]
            return [(Fraction(v), Fraction(v))] if isinstance(v, Decimal) else []
        if kind == "quantity":
            return quantity_values(t, v)
        if kind == "reference":
            return [reference_value(t, v, self.base)]
        if kind == "uri":
            return [v]
        if kind == "string":
            return elements(t, v)
        return [(float(v["latitude"]), float(v["longitude"]))] if parameter.name == "near" else []

    # ---- conditions ----------------------------------------------------------------------------

    def condition(self, kind, key, value):
        """Both sets of ids of a type for one `key=value`."""
        place = (kind, key, value)
        if place not in self.memory:
            self.memory[place] = self._condition(kind, key, value)
        return self.memory[place]

    def _condition(self, kind, key, value):
        names = self.by_type.get(kind, [])
        if key.startswith("_has:"):
            _, source, name, rest = key.split(":", 3)
            inner = self.condition(source, rest, value)
            parameter = self.parameters[source][name]
            return Both(*({r.id for s in found for r in self.atoms(source, s, parameter) if r.type == kind and r.id in names} for found in inner))
        head, _, rest = key.partition(".")
        name, _, modifier = head.partition(":")
        if rest:
            return self._chain(kind, name, modifier, rest, value)
        if name == "_id":
            found = set(split_escaped(value, ",")) & set(names)
            return Both(found, found)
        parameter = self.parameters[kind][name]
        if modifier == "missing":
            found = {n for n in names if bool(self.raw(kind, n, parameter)) != (value == "true")}
            return Both(found, found)
        tests = [self._test(parameter, modifier, one) for one in split_escaped(value, ",")]
        if modifier == "not":
            found = {n for n in names if not any(t(n) for t in tests)}
            return Both(found, found)
        sure = {n for n in names if any(t(n) is True for t in tests)}
        if modifier == "identifier" and parameter.only:  # who is meant by an identifier alone is not known: may be of the type
            wide = replace(parameter, only="", name=parameter.name + " of any type")
            for n in names:
                self.values[(kind, n, wide.name, None, None)] = self.values[(kind, n, parameter.name, None, None)]
            tests = [self._test(wide, modifier, one) for one in split_escaped(value, ",")]
        return Both(sure, sure | {n for n in names if any(t(n) for t in tests)})

    def _chain(self, kind, name, modifier, rest, value):
        parameter = self.parameters[kind][name]
        targets = [modifier] if modifier else [t for t in (parameter.targets or self.by_type) if t in self.parameters]
        sets = {t: self.condition(t, rest, value) for t in targets if rest.startswith("_has:") or rest.split(":")[0].split(".")[0] in self.parameters[t] or rest == "_id"}
        return Both(*({n for n in self.by_type.get(kind, []) if any(r.id and r.type in sets and r.id in sets[r.type][side] for r in self.atoms(kind, n, parameter))}
                      for side in (0, 1)))

    def _test(self, p, modifier, text):
        """A function of an id: True, False, or "may"."""
        kind = p.type
        if p.components:
            parts = split_escaped(text, "$")
            checks = [self._atom_test(k, "", part, p) for (_, k, _), part in zip(p.components, parts)]
            if p.name == "code-value-string":  # its component is defined as value-string, texts of concepts too, but its expression has strings only
                named = [(check, self.parameters[kind][c[2]]) for check, c in zip(checks, p.components)]
                wide = lambda n: all(any(check(a) for a in self.atoms(kind, n, q)) for check, q in named)  # noqa: E731
            else:
                wide = lambda n: False  # noqa: E731
            exact = lambda n: some(every(some(check(a) for a in side) for check, side in zip(checks, one)) for one in self.atoms(kind, n, p))  # noqa: E731
            return lambda n: exact(n) or (wide(n) and "may")
        if p.kind == "string" and not modifier and p.name in ("name", "phonetic") and any(t == "HumanName" for n in self.by_type[kind] for t, _ in self.raw(kind, n, p)):
            return self._name_test(p, plain(text))
        if p.name == "phonetic":
            raise Unsupported("what sounds alike")
        check = self._atom_test(p.kind, modifier, text, p)
        return lambda n: some(check(a) for a in self.atoms(kind, n, p))

    def _name_test(self, p, text):
        """Each word asked begins a word of one name, or sounds like it: then it may match."""
        asked = words(text)
        sounding = any(len(w) > 2 and not any(c.isdigit() for c in w) for w in asked)

        def test(n):
            raw = self.raw(p.type, n, p)
            for _, name in raw:
                have = [w for e in elements("HumanName", name) for w in words(e)]
                have += [fold(e) for e in elements("HumanName", name)]
                if all(any(w.startswith(a) for w in have) for a in asked):
                    return True
            return "may" if sounding and raw else False
        return test

    def _atom_test(self, kind, modifier, text, p):
        if kind == "token":
            if modifier == "text":
                return lambda a: match_text(a, plain(text))
            if modifier == "of-type":
                return lambda a: match_of_type(a, text)
            return lambda a: match_token(a, text)
        if kind == "string":
            return string_test(modifier, plain(text), p.name == "family")
        if kind in ("date", "number", "quantity"):
            prefix, rest = prefix_of(text)
            if kind == "date":
                asked = span(rest)
                return lambda a: compare_span(prefix, a, asked)
            if kind == "number":
                x, half = number_asked(rest)
                return lambda a: compare_number(prefix, *a, x, half)
            return lambda a: match_quantity(a, prefix, rest)
        if kind == "uri":
            return uri_test(modifier, plain(text))
        if kind == "reference":
            return self._reference_test(modifier, text)
        if p.name == "near":
            return near_test(text)
        raise Unsupported(kind)

    def _reference_test(self, modifier, text):
        if modifier == "identifier":
            return lambda a: a.identifier is not None and any(match_token(t, text) for t in tokens(None, "Identifier", a.identifier))
        text = plain(text)
        match = REFERENCE.match(text)
        if match and match[1] in (None, self.base):
            kind, name = match[2], match[3]
            return lambda a: a.type == kind and a.id == name and modifier in ("", kind)
        if "/" in text or ":" in text:
            return lambda a: a.url is not None and (a.url == text or ("|" not in text and a.url.split("|")[0] == text))
        return lambda a: a.id == text and modifier in ("", a.type)

    # ---- whole queries -------------------------------------------------------------------------

    def search(self, kind, query):
        """Both sets of ids for `name=value&…`; what begins with _ and shapes only the answer is passed over."""
        names = set(self.by_type.get(kind, []))
        sure, may = names, names
        for key, value in parse_qsl(query, keep_blank_values=True):
            if key.split(":")[0] in ("_sort", "_count", "_total", "_summary", "_include", "_revinclude", "_elements"):
                continue
            one = self.condition(kind, key, value)
            sure, may = sure & one.sure, may & one.may
        return Both(sure, may)

    def included(self, kind, query, matches):
        """What `_include` and `_revinclude` add to these matches: {(type, id)}."""
        start = {(kind, m) for m in matches}
        found, asked = set(), [(k, v) for k, v in parse_qsl(query) if k.split(":")[0] in ("_include", "_revinclude")]
        for key, value in asked:
            found |= self._step(key, value, start)
        again = [(k, v) for k, v in asked if k.endswith(":iterate")]
        edge = found - start
        while edge and again:
            more = set().union(*(self._step(k, v, edge) for k, v in again)) - found - start
            found |= more
            edge = more
        return found - start

    def _step(self, key, value, of):
        source, name, target = (value.split(":") + ["", ""])[:3]
        parameters = [p for p in self.parameters[source].values() if p.kind == "reference" and name in ("*", p.name)]
        found = set()
        if key.startswith("_include"):
            for kind, n in of:
                if kind == source:
                    for p in parameters:
                        found |= {(r.type, r.id) for r in self.atoms(kind, n, p) if r.id and target in ("", r.type)}
        else:
            for n in self.by_type.get(source, []):
                for p in parameters:
                    if any(r.id and (r.type, r.id) in of and target in ("", r.type) for r in self.atoms(source, n, p)):
                        found.add((source, n))
        return {f for f in found if f in self.all}

    # ---- order ---------------------------------------------------------------------------------

    def sort_key(self, kind, name, parameter, descending):
        """None without a value; else (value to compare, all that would have to be equal for a true tie)."""
        if parameter.name == "_id":
            return by_id(name), name
        keys = [k for a in self.atoms(kind, name, parameter) for k in self._order(parameter, a)]
        if not keys:
            return None
        best = (max if descending else min)(k[0] for k in keys)
        return best, {k[1] for k in keys if k[0] == best}

    def _order(self, parameter, a):
        kind = parameter.kind
        if kind == "string":
            return [(fold(a).encode(), fold(a))] if fold(a) else []
        if kind == "token":
            if a.code is None:
                return []
            # what stands in the place of a ContactPoint's system is the server's choice
            return [(by_id(a.code), object() if parameter.name in ("telecom", "phone", "email") else a.system)]
        if kind == "date":
            return [((a[0], a[1]), None)]
        if kind == "number":
            return [((a[0], a[1]), None)]
        if kind == "quantity":
            return [(((a.code or a.unit or "").encode(), a.system or "", a.lo, a.hi), None)]
        if kind == "reference":
            return [((a.type, by_id(a.id)), None)] if a.id else [(("~", ""), a.url)] if a.url else []
        if kind == "uri":
            return [(a.encode(), None)]
        return []

    def misplaced(self, kind, sort, names):
        """The first pair that stands in the wrong order, or None. Where an order is ours alone (systems, units), no pair is wrong."""
        rules = [(self.parameters[kind].get(s.lstrip("-")), s.startswith("-")) for s in sort.split(",")]
        keys = {n: [self.sort_key(kind, n, p, d) for p, d in rules] for n in names}
        for a, b in zip(names, names[1:]):
            for (p, descending), x, y in zip(rules, keys[a], keys[b]):
                if x is None and y is None:
                    continue
                if x is None:
                    return a, b, p.name
                if y is None:
                    break
                if x[0] == y[0]:
                    if x[1] == y[1] or (len(x[1]) == 1 and x[1] == {None} == y[1]):
                        continue
                    break
                if p.kind == "reference" and "~" in (x[0][0], y[0][0]):
                    break
                if p.kind == "quantity" and x[0][0] == y[0][0] and x[0][1] != y[0][1]:
                    break
                if (x[0] < y[0]) == descending:
                    return a, b, p.name
                break
        return None


def some(answers):
    """True, else "may", else False."""
    answers = set(answers)
    return True if True in answers else "may" if "may" in answers else False


def every(answers):
    answers = set(answers)
    return False if False in answers else "may" if "may" in answers else True


def by_id(name):
    """Words that are UUIDs are kept as 16 bytes and stand behind the others: an order of ours."""
    return bool(re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", name)), name.encode()


def string_test(modifier, text, family=False):
    if modifier == "exact":
        return lambda a: a == text
    asked = fold(text)
    if modifier == "contains":
        return lambda a: asked in fold(a)
    if family:  # its parts are searched independently
        return lambda a: " " + " ".join(words(asked)) in " " + " ".join(words(a))
    return lambda a: fold(a).startswith(asked)


def near_test(text):
    """Great circles; a tenth of a percent of the distance is left to the server's model of the earth."""
    latitude, longitude, distance, unit = split_escaped(text, "|")
    want = float(distance) * {"km": 1, "m": 0.001}[unit]

    def test(a):
        p, q = math.radians(float(latitude)), math.radians(a[0])
        half = math.sin((q - p) / 2) ** 2 + math.cos(p) * math.cos(q) * math.sin(math.radians(a[1] - float(longitude)) / 2) ** 2
        away = 2 * 6371.0088 * math.asin(min(1, math.sqrt(half)))
        return "may" if abs(away - want) <= want * 0.005 else away < want
    return test


def uri_test(modifier, text):
    if modifier == "below":
        return lambda a: a == text or a.startswith(text if text.endswith("/") else text + "/")
    if modifier == "above":
        return lambda a: a == text or text.startswith(a if a.endswith("/") else a + "/")
    return lambda a: a == text

