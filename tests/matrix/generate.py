# SPDX-License-Identifier: GPL-3.0-or-later
"""Queries for the comparison: every parameter with every prefix and modifier in turn, beside others, sorted, paged, chained, counted.

A *cell* is (type, parameter, prefix or modifier). All cells come before one comes again, so a short run covers the matrix once.
Values are taken from the resources and bent: cut, in other case, of other precision, in another unit.
"""
import random
import unicodedata
from dataclasses import dataclass
from fractions import Fraction
from urllib.parse import quote

import reference
from data import DATES, NUMBERS

PREFIXES = ("", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap")
FORMS = {"string": ("", "exact", "contains"), "token": ("", "not", "text"), "date": PREFIXES, "number": PREFIXES, "quantity": PREFIXES,
         "reference": ("", "type", "identifier", "chain"), "uri": ("", "below", "above"), "composite": ("",), "special": ("",)}
MORE_DATES = ["2020", "2020-01-15T10:00", "2020-01-15T10:00:00.250Z", "2020-01-15T20:00:00Z", "2019-02", "2022", "1950-05-05", "2020-02-28", "2020-01-16T00:00:00+00:00"]


@dataclass
class Query:
    """`text` is what stands behind `?`, without sort and count; `sort`, `shape` (includes, total, summary) and `count` are apart."""
    kind: str
    text: str
    sort: str = ""
    shape: str = ""
    count: int = 0
    post: bool = False

    def url(self):
        parts = [self.text, f"_sort={quote(self.sort, safe=',-')}" if self.sort else "", self.shape, f"_count={self.count}" if self.count else ""]
        return self.kind + "?" + "&".join(p for p in parts if p)


def escape(text):
    for c in "\\,|$":
        text = text.replace(c, "\\" + c)
    return text


class Generator:
    def __init__(self, ref, seed):
        self.ref, self.r = ref, random.Random(seed)
        self.having = {}  # (type, parameter) -> ids with a value
        for kind, parameters in ref.parameters.items():
            for p in parameters.values():
                have = [n for n in ref.by_type.get(kind, []) if ref.atoms(kind, n, p)]
                if have:
                    self.having[(kind, p.name)] = have
        self.pointing = {}  # type -> [(source, parameter)] whose references point there
        self.heads = {}  # (type, parameter) -> [types pointed to]
        for (kind, name), have in self.having.items():
            p = ref.parameters[kind][name]
            if p.kind == "reference":
                types = sorted({a.type for n in have for a in ref.atoms(kind, n, p) if a.id and a.type in ref.by_type})
                if types:
                    self.heads[(kind, name)] = types
                for t in types:
                    self.pointing.setdefault(t, []).append((kind, name))

    def cells(self):
        found = []
        for (kind, name), have in sorted(self.having.items()):
            p = self.ref.parameters[kind][name]
            forms = list(FORMS[p.kind])
            if p.kind == "token" and any(a.type for n in have for a in self.ref.atoms(kind, n, p)):
                forms.append("of-type")
            if p.kind == "reference" and (kind, name) not in self.heads:
                forms = ["", "identifier"]
            if not p.components and name not in ("_id", "_lastUpdated", "near"):
                forms.append("missing")
            if name == "phonetic" or name == "_id":
                forms = [f for f in forms if f in (["missing"] if name == "phonetic" else [""])]
            found += [(kind, name, form) for form in forms]
        return found + [(kind, "_has", "") for kind in sorted(self.pointing)]

    def queries(self, count):
        cells = self.cells()
        order = []
        while len(order) < count:
            again = cells[:]
            self.r.shuffle(again)
            order += again
        return [self.query(cell) for cell in order[:count]]

    def query(self, cell):
        kind = cell[0]
        conditions = [self.condition(*cell)]
        others = [c for c in self.cells_of(kind)]
        while self.r.random() < 0.3 and len(conditions) < 4:
            conditions.append(self.condition(*self.r.choice(others)))
        self.r.shuffle(conditions)
        text = "&".join(f"{quote(k, safe=':-_.')}={quote(v, safe='')}" for k, v in conditions)
        sort = ",".join(self.r.choice(["", "-"]) + s for s in self.r.sample(self.sorts_of(kind), self.r.choice([0, 0, 1, 1, 1, 2, 3])))
        return Query(kind, text, sort, self.shape(kind), self.r.choice([0, 0, 1, 3, 7, 20, 50, 500]),
                     self.r.random() < 0.1)

    def cells_of(self, kind):
        if not hasattr(self, "_by_kind"):
            self._by_kind = {}
            for c in self.cells():
                self._by_kind.setdefault(c[0], []).append(c)
        return self._by_kind[kind]

    def sorts_of(self, kind):
        return [n for (k, n) in sorted(self.having) if k == kind and not self.ref.parameters[k][n].components and n not in ("phonetic", "near")]

    def shape(self, kind):
        p = self.r.random()
        if p < 0.2:
            return "_total=accurate"
        if p < 0.25:
            return "_summary=count"
        if p < 0.4:
            parts = [x for x in (self.include(kind), self.revinclude(kind)) if x and self.r.random() < 0.7]
            return "&".join(parts)
        return ""

    def include(self, kind):
        names = [n for k, n in self.heads if k == kind]
        if not names:
            return ""
        name = self.r.choice(names)
        parts = [f"_include={kind}:{self.r.choice([name, name, name, '*'])}"]
        if self.r.random() < 0.4 and not parts[0].endswith("*"):
            parts[0] += ":" + self.r.choice(self.heads[(kind, name)])
        if self.r.random() < 0.5:
            k = self.r.choice(self.heads[(kind, name)])
            again = [(a, b) for a, b in self.heads if a == k]
            if again:
                parts.append("_include:iterate=%s:%s" % self.r.choice(again))
        return "&".join(parts)

    def revinclude(self, kind):
        if kind not in self.pointing:
            return ""
        source, name = self.r.choice(self.pointing[kind])
        parts = [f"_revinclude={source}:{name}"]
        if self.r.random() < 0.3 and source in self.pointing:
            parts.append("_revinclude:iterate=%s:%s" % self.r.choice(self.pointing[source]))
        return "&".join(parts)

    # ---- one condition -------------------------------------------------------------------------

    def condition(self, kind, name, form, depth=0):
        if name == "_has":
            source, through = self.r.choice(self.pointing[kind])
            inner = self.inner(source, depth)
            return f"_has:{source}:{through}:{inner[0]}", inner[1]
        if form == "missing":
            return f"{name}:missing", self.r.choice(["true", "false"])
        p = self.ref.parameters[kind][name]
        if form == "chain":
            target = self.r.choice(self.heads[(kind, name)])
            inner = self.inner(target, depth)
            plain = (p.targets == (target,) or p.only == target) and self.r.random() < 0.6
            return f"{name}{'' if plain else ':' + target}.{inner[0]}", inner[1]
        values = [self.value(kind, p, form) for _ in range(self.r.choice([1, 1, 1, 1, 2, 3]))]
        if form == "type":
            target = values[0][0]
            return f"{name}:{target}", ",".join(escape(v) for t, v in values if t == target)
        if p.kind in ("date", "number", "quantity"):
            return name, ",".join(form + v for v in values)
        return name + (":" + form if form else ""), ",".join(values)

    def inner(self, kind, depth):
        cells = self.cells_of(kind)
        if depth >= 2:
            cells = [c for c in cells if c[1] != "_has" and c[2] != "chain"]
        return self.condition(*self.r.choice(cells), depth + 1)

    def value(self, kind, p, form):
        """The text of one value, escaped; a type and an id for the form `type`."""
        n = self.r.choice(self.having[(kind, p.name)])
        if p.components:
            one = self.r.choice(self.ref.atoms(kind, n, p))
            return "$".join(self.atom_text(p, k, "", self.r.choice(side)) for (_, k, _), side in zip(p.components, one))
        return self.atom_text(p, p.kind, form, self.r.choice(self.ref.atoms(kind, n, p)))

    def atom_text(self, p, kind, form, atom):
        if kind == "date" and form == "" and self.r.random() < 0.3 and p.components:
            return self.r.choice(["gt", "le"]) + self.date(p)
        return getattr(self, kind)(p, form, atom)

    def string(self, p, form, text):
        if form == "exact":
            return escape(self.r.choice([text, text, text.lower(), text + " "]).strip())
        start = self.r.randint(0, len(text) // 2) if form == "contains" else 0
        found = text[start:start + self.r.randint(1, len(text))]
        found = found.strip(" ,.'’-&/+$|\\()")
        while found and not found[-1].isalnum():
            found = found[:-1]
        if form == "contains":
            while found and not found[0].isalnum():
                found = found[1:]
        if self.r.random() < 0.3:
            found = found.swapcase()
        if self.r.random() < 0.3:
            found = "".join(c for c in unicodedata.normalize("NFKD", found) if unicodedata.category(c) != "Mn")
        return escape(found or text.strip() or "x")

    def token(self, p, form, t):
        if form == "text":
            texts = [x for x in t.texts if x] or ["fever"]
            found = self.r.choice(reference.words(self.r.choice(texts)) or ["fever"])
            return escape(found[:self.r.randint(2, max(2, len(found)))])
        if form == "of-type":
            system, code = self.r.choice(t.type) if t.type else ("http://example.org/none", "X")
            return f"{escape(system)}|{escape(code)}|{escape(t.code)}"
        if t.code is None:
            return escape(self.r.choice(["fever", "none"]))
        if t.implied:
            return f"{escape(t.system)}|{escape(t.code)}" if t.system and self.r.random() < 0.3 else escape(t.code)
        code, system = escape(t.code), escape(t.system or "")
        return self.r.choice([code, code, f"{system}|{code}", f"{system}|{code}", f"|{code}", f"{system}|" if system else code,
                              f"http://loinc.org|{code}", escape(t.code.swapcase())])

    def date(self, p, form="", atom=None):
        if p.name == "_lastUpdated":
            kind, n = self.r.choice([k for k in self.ref.all])
            stamp = self.ref.all[(kind, n)][0]["meta"]["lastUpdated"]
            return self.r.choice([stamp, stamp, stamp[:10], stamp[:4]])
        return self.r.choice(DATES + MORE_DATES)

    def number(self, p, form, atom):
        if self.r.random() < 0.6:
            return decimal(self.r.choice([x for x in atom if abs(x) != reference.INF] or [1]), self.r.randint(1, 4))
        return self.r.choice([n for n in NUMBERS if "e" not in n.lower()])

    def quantity(self, p, form, q):
        x = self.r.choice([v for v in (q.lo, q.hi) if abs(v) != reference.INF] or [Fraction(1)])
        code = q.code
        if q.system == reference.UCUM and code in reference.UNITS and self.r.random() < 0.5:
            code = self.r.choice([u for u in reference.UNITS if reference.UNITS[u][0] == reference.UNITS[code][0]])
            _, factor, offset = reference.UNITS[code]
            x = reference.to_base(q.code, x) / factor - offset
        number = decimal(x, self.r.randint(1, 5))
        if not q.code and not q.unit or self.r.random() < 0.2:
            return number
        if q.system and code and self.r.random() < 0.7:
            return f"{number}|{q.system}|{code}"
        return f"{number}||{escape(self.r.choice([u for u in (q.code, q.unit) if u]))}"

    def reference(self, p, form, a):
        if form == "identifier":
            one = a.identifier or {"system": "http://example.org/ids", "value": "1"}
            system, value = escape(one.get("system", "")), escape(one["value"])
            return self.r.choice([value, f"{system}|{value}", f"|{value}", f"{system}|" if system else value])
        if form == "type":
            kind = self.r.choice(self.heads[(p.type, p.name)])
            return (a.type, a.id) if a.id and a.type in self.heads[(p.type, p.name)] else (kind, self.r.choice(self.ref.by_type[kind]))
        if a.url:
            return escape(a.url)
        if not a.id:
            return "nobody"
        return self.r.choice([f"{a.type}/{a.id}", f"{a.type}/{a.id}", a.id, f"{self.ref.base}/{a.type}/{a.id}"])

    def special(self, p, form, place):
        latitude, longitude = (max(-90, place[0] + self.r.choice([0, 0.01, -1])), max(-180, min(180, place[1] + self.r.choice([0, 0.01, 1]))))
        return f"{latitude:.2f}|{longitude:.2f}|{self.r.choice(['10|km', '500|m', '200|km', '5000|km', '12|km'])}"

    def uri(self, p, form, text):
        if form and not text.startswith("http"):  # a URN has no segments
            text = "http://example.org/doc/1"
        if form == "below":
            parts = text.split("/")
            return escape("/".join(parts[:self.r.randint(min(3, len(parts)), len(parts))]) or text)
        if form == "above":
            return escape(text + self.r.choice(["", "/x", "/x/y"]))
        return escape(self.r.choice([text, text, text + "x", text.swapcase()]))


def decimal(x, digits):
    """A fraction as a decimal of so many significant digits, without an exponent."""
    from decimal import Context, Decimal
    x = Fraction(x)
    one = Context(prec=digits).divide(Decimal(x.numerator), Decimal(x.denominator)) if x else Decimal(0)
    return format(one, "f")
