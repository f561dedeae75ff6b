# SPDX-License-Identifier: GPL-3.0-or-later
"""Random FHIRPath expressions over example resources: the same seed gives the same ones.

Paths are those that the resource has, so that most expressions find something.
"""
import json
import random
import re
import tarfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "build" / "deps" / "fhir" / "hl7.fhir.r4.examples-4.0.1.tgz"
CONFORMANCE = {"StructureDefinition", "ValueSet", "CodeSystem", "SearchParameter", "ConceptMap", "OperationDefinition",
               "CapabilityStatement", "CompartmentDefinition", "NamingSystem", "ImplementationGuide", "Bundle",
               "StructureMap", "GraphDefinition", "ExampleScenario", "TestScript", "Parameters"}


def resources(count=120, bytes_max=20000):
    """Example resources of many types, each type's smallest names first."""
    by_type = {}
    with tarfile.open(EXAMPLES) as tar:
        members = sorted((m for m in tar.getmembers() if m.name.endswith(".json") and m.size <= bytes_max),
                         key=lambda m: m.name)
        for member in members:
            kind = Path(member.name).name.split("-")[0]
            if kind not in CONFORMANCE and kind[:1].isupper() and len(by_type.setdefault(kind, [])) < 4:
                text = tar.extractfile(member).read().decode("utf-8")
                if '"resourceType"' in text:
                    by_type[kind].append(json.loads(text))
    found = [r for n in range(4) for rows in by_type.values() for r in rows[n:n + 1]]
    return found[:count]


class Leaf:
    def __init__(self, path, value):
        self.path, self.value = path, value


def choices():
    """Base names of choice elements, longest first."""
    names = set()
    for line in (ROOT / "spec" / "r4" / "elements.tsv").read_text(encoding="utf-8").splitlines():
        name = (line.split("\t") + [""])[1]
        if name.endswith("[x]"):
            names.add(name.removesuffix("[x]"))
    types = {line.split("\t")[0] for name in ("types", "primitives")
             for line in (ROOT / "spec" / "r4" / f"{name}.tsv").read_text(encoding="utf-8").splitlines()}
    types = {t[:1].upper() + t[1:] for t in types if not t.startswith("#")}
    return re.compile(f"^({'|'.join(sorted(names, key=len, reverse=True))})({'|'.join(sorted(types, key=len, reverse=True))})$")


CHOICE = choices()


def walk(value, path, leaves, inner):
    for key, child in value.items():
        if key.startswith("_") or key in ("resourceType", "text", "contained", "extension", "modifierExtension"):
            continue
        m = CHOICE.match(key)
        name = m.group(1) if m else key
        here = f"{path}.{name}"
        for one in child if isinstance(child, list) else [child]:
            if isinstance(one, dict):
                inner.setdefault(here, one)
                walk(one, here, leaves, inner)
            elif one is not None:
                leaves.setdefault(here, Leaf(here, one))


def quoted(text):
    return "'" + str(text).replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n").replace("\r", "\\r") + "'"


DATE = re.compile(r"^\d{4}(-\d\d(-\d\d(T[\d:.]+(Z|[+-]\d\d:\d\d))?)?)?$")
DATES = ["@2014", "@2015-02", "@2015-02-04", "@2012-01-01", "@1974-12-25", "@2015-02-04T14:34:28Z", "@2015-02-04T14",
         "@2015-02-04T14:34", "@2015-02-04T14:34:28.123", "@2015-02-04T14:34:28+09:00", "@2016-02-29", "@2015-12-31"]
TIMES = ["@T14:34:28", "@T14:34", "@T14", "@T00:00:00.000", "@T23:59:59"]
UNITS = ["'mg'", "'g'", "'kg'", "'cm'", "'m'", "'mm[Hg]'", "'1'", "'s'", "'min'", "'h'", "'d'", "'wk'", "'mL'", "'L'",
         "'mmol/L'", "days", "hours", "weeks", "minutes", "seconds", "year", "months"]
SPANS = ["days", "day", "weeks", "months", "month", "years", "year", "hours", "minutes", "seconds", "milliseconds"]
TYPES = ["String", "Integer", "Decimal", "Boolean", "Date", "DateTime", "Time", "Quantity", "code", "string", "uri",
         "dateTime", "date", "Coding", "CodeableConcept", "Reference", "Identifier", "HumanName", "Patient",
         "Period", "decimal", "integer", "boolean", "FHIR.Quantity", "System.String", "FHIR.string"]


class Maker:
    def __init__(self, seed, pool):
        self.r = random.Random(seed)
        self.pool = []
        for index, resource in enumerate(pool):
            leaves, inner = {}, {}
            walk(resource, resource["resourceType"], leaves, inner)
            self.pool.append((index, resource, list(leaves.values()), inner))
        self.shapes = [self.path, self.where, self.subset, self.predicate, self.types, self.numbers, self.math,
                       self.text, self.dates, self.date_math, self.quantities, self.boundaries, self.logic,
                       self.sets, self.convert, self.iterate, self.equality]

    def make(self):
        self.index, self.resource, self.leaves, self.inner = self.r.choice(self.pool)
        shape = self.r.choice(self.shapes)
        return self.index, shape.__name__, shape()

    def pick(self, *of):
        return self.r.choice(of)

    def any_path(self):
        paths = [leaf.path for leaf in self.leaves] + list(self.inner)
        return self.r.choice(paths) if paths else self.resource["resourceType"]

    def leaf(self, kind=None):
        fit = [x for x in self.leaves if kind is None or kind(x.value)]
        return self.r.choice(fit) if fit else None

    def literal(self, value=None):
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, (int, float)):
            return repr(value)
        if isinstance(value, str):
            return quoted(value[:60])
        return self.pick("1", "2.5", "'a'", "true", "{}", "@2015")

    def path(self):
        path = self.any_path()
        return self.pick(path, path.split(".", 1)[-1], f"{path}[0]", f"{path}[1]", f"{path}.id", f"{path}.children()")

    def where(self):
        if not self.inner:
            return self.path()
        base = self.r.choice(list(self.inner))
        keys = [k for k, v in self.inner[base].items() if not k.startswith("_") and not CHOICE.match(k)]
        key = self.r.choice(keys or ["id"])
        value = self.inner[base].get(key)
        test = self.pick(f"{key}.exists()", f"{key}.empty()", f"{key}.count() > 1",
                         f"{key} = {self.literal(value)}", f"{key} != {self.literal(value)}",
                         f"{key}.exists() and $index = 0", "$index > 0", "$this.exists()",
                         f"{key} ~ {self.literal(value)}")
        tail = self.pick("", f".{key}", ".count()", ".exists()", f".select({key})", f".{key}.first()", ".first()")
        return f"{base}.where({test}){tail}"

    def subset(self):
        path = self.any_path()
        return path + self.pick(".first()", ".last()", ".tail()", ".skip(1)", ".take(2)", ".skip(1).take(1)", ".single()",
                                ".distinct()", ".distinct().count()", ".count()", "[0]", ".take(0)", ".tail().count()",
                                ".last().exists()", ".skip(-1).count()")

    def predicate(self):
        path = self.any_path()
        return self.pick(f"{path}.exists()", f"{path}.empty()", f"{path}.exists().not()", f"{path}.isDistinct()",
                         f"{path}.all($this.exists())", f"{path}.select($this is String).allTrue()",
                         f"{path}.exists($this is string)", f"{path}.hasValue()", f"{path}.count() = 1",
                         f"({path}.count() > 0) and {path}.exists()", f"{path}.select($this.exists()).anyTrue()",
                         f"{path}.select($this.empty()).allFalse()")

    def types(self):
        path, kind = self.any_path(), self.r.choice(TYPES)
        return self.pick(f"{path}.first() is {kind}", f"{path}.ofType({kind})", f"{path}.ofType({kind}).count()",
                         f"{path}.first().is({kind})", f"{path}.where($this is {kind}).count()",
                         f"({path}.first() as {kind}).exists()", f"{path}.first().type().name",
                         f"{path}.first().type().namespace")

    def number(self):
        leaf = self.leaf(lambda v: isinstance(v, (int, float)) and not isinstance(v, bool))
        return self.pick(leaf.path + ".first()" if leaf else "3", str(self.r.randint(-20, 40)), str(self.r.randint(0, 9)),
                         str(round(self.r.uniform(-5, 50), self.r.randint(1, 4))), "0", "1", "2")

    def numbers(self):
        op = self.pick("+", "-", "*", "/", "div", "mod", "<", ">", "<=", ">=", "=", "!=", "~")
        a, b = self.number(), self.number()
        return self.pick(f"{a} {op} {b}", f"({a} {op} {b})", f"{a} {op} {b} {self.pick('+', '-', '*')} {self.number()}"
                         if op in "+-*/" else f"{a} {op} {b}", f"-({a}) {op} {b}")

    def math(self):
        n = self.number()
        n = n if n[0].isalpha() else f"({n})"
        return n + self.pick(".abs()", ".ceiling()", ".floor()", ".round()", ".round(1)", ".round(2)", ".sqrt().round(6)",
                             ".truncate()", ".power(2)", ".exp().round(4)", ".ln().round(6)", ".log(10).round(6)",
                             ".toString()", ".toDecimal()", ".toInteger()", ".power(0.5).round(6)", ".toQuantity()",
                             ".convertsToInteger()", ".log(2).round(5)")

    def text(self):
        leaf = self.leaf(lambda v: isinstance(v, str))
        if not leaf or self.r.random() < 0.15:
            base, value = quoted("hello World, 42"), "hello World, 42"
        else:
            base, value = leaf.path + ".first()", leaf.value
        a = self.r.randint(0, max(1, min(len(value), 30) - 1))
        part = quoted(value[a:a + self.r.randint(1, 4)])
        letters = re.sub(r"[^A-Za-z0-9 ]", "", value)[:5] or "a"
        return base + self.pick(
            ".length()", ".upper()", ".lower()", f".substring({a})", f".substring({a}, 3)", f".indexOf({part})",
            f".contains({part})", f".startsWith({part})", f".endsWith({part})", f".replace({part}, 'x')",
            f".matches('{letters}')", ".matches('^[A-Z].*')", ".replaceMatches('[aeiou]', '*')", ".toChars().count()",
            ".toChars().first()", ".split(' ').count()", ".split('-').join('/')", ".trim()", " & 'x'", " + 'x'",
            ".encode('base64')", ".encode('hex')", ".encode('base64').decode('base64')", f" > {part}", f" < {part}",
            f" = {part}", f" ~ {part}", ".toInteger()", ".substring(-1)", f".substring({a + 100})", f".lastIndexOf({part})",
            ".escape('html')", ".escape('json')", ".lower() = 'a'", ".convertsToDate()", ".toQuantity()",
            f".matchesFull('.*{letters}.*')", ".replace('', 'x')", ".indexOf('')")

    def date(self):
        leaf = self.leaf(lambda v: isinstance(v, str) and DATE.match(v))
        return leaf.path + ".first()" if leaf and self.r.random() < 0.6 else self.r.choice(DATES)

    def dates(self):
        op = self.pick("<", ">", "<=", ">=", "=", "!=", "~", "!~")
        if self.r.random() < 0.2:
            return f"{self.r.choice(TIMES)} {op} {self.r.choice(TIMES)}"
        return f"{self.date()} {op} {self.date()}"

    def date_math(self):
        date = self.date()
        n = self.pick("1", "3", "7", "13", "30", "100", "400", "0.5", "1.7")
        return self.pick(f"{date} + {n} {self.r.choice(SPANS)}", f"{date} - {n} {self.r.choice(SPANS)}",
                         f"{self.r.choice(TIMES)} + {n} {self.pick('hours', 'minutes', 'seconds', 'milliseconds')}",
                         f"({date} + {n} days) > {self.date()}", f"{date}.toString()", f"{date} is Date",
                         f"{date} is DateTime", f"({date}).toDateTime()", f"({date}).toDate()", f"{date} + 1 'd'",
                         f"{date} + 2 's'")

    def quantity(self):
        return f"{self.pick('1', '2', '5', '10', '1000', '0.5', '2.50', '100', '7', '24', '60')} {self.r.choice(UNITS)}"

    def quantities(self):
        op = self.pick("=", "!=", "~", "<", ">", "<=", ">=", "+", "-", "*", "/", "=", "~")
        a, b = self.quantity(), self.quantity()
        return self.pick(f"{a} {op} {b}", f"{a} {op} {b}", f"({a}).toString()", f"{a} {self.pick('*', '/')} 2",
                         f"{quoted(a)}.toQuantity()", f"{quoted(a)}.convertsToQuantity()", f"({a}).value")

    def boundaries(self):
        number = self.pick("1.587", "-1.587", "12.34", "0.0034", "120", "1", "-3", "1.58700", "99.995")
        n = self.pick("", "", "1", "2", "4", "6", "8")
        date = self.pick("@2014", "@2014-01", "@2014-01-15", "@2014-01-01T08:05", "@2014-01-01T08:05:30Z", "@T10:30",
                         "@T10")
        which = self.pick("lowBoundary", "highBoundary")
        return self.pick(f"({number}).{which}({n})", f"{date}.{which}()", f"{date}.precision()", f"({number}).precision()",
                         f"{date}.{which}({self.pick('4', '6', '8', '17', '9')})")

    def logic(self):
        def term():
            return self.pick("true", "false", "{}", f"{self.any_path()}.exists()", f"{self.any_path()}.empty()")
        op = self.pick("and", "or", "xor", "implies")
        return self.pick(f"{term()} {op} {term()}", f"({term()} {op} {term()}).not()",
                         f"iif({term()}, 1, 2)", f"iif({term()}, {self.any_path()}.count(), 'none')",
                         f"{term()} {op} {term()} {self.pick('and', 'or')} {term()}")

    def sets(self):
        a, b = self.any_path(), self.any_path()
        return self.pick(f"({a} | {b}).count()", f"{a}.union({b}).count()", f"{a}.combine({b}).count()",
                         f"{a}.intersect({b}).count()", f"{a}.exclude({b}).count()", f"{a}.subsetOf({b})",
                         f"{a}.supersetOf({b})", f"{a}.first() in {a}", f"{a} contains {a}.first()",
                         "(1 | 2 | 3 | 2).count()", "(1 | 2 | 3).intersect(2 | 3 | 4)", "(1 | 2).exclude(2)",
                         f"{a}.distinct().count() <= {a}.count()", "2 in (1 | 2)", "('a' | 'b').combine('a').count()",
                         f"({a} | {b}).distinct().count() = ({a} | {b}).count()")

    def convert(self):
        value = self.pick("'1'", "'1.5'", "'true'", "'T'", "'yes'", "'no'", "'abc'", "1", "0", "1.0", "0.0", "2.5", "true",
                          "false", "'2015-02-04'", "'2015'", "'2015-02-04T14:34:28Z'", "'14:34'", "'5 days'", "'5.5 \\'mg\\''",
                          "@2015", "@2015-02-04", "{}", "'+1'", "'-7'", "' 1'", "'1e3'", "'0x1'", "'2015-13'", "'24:00'")
        target = self.pick("Integer", "Decimal", "String", "Boolean", "Date", "DateTime", "Time", "Quantity")
        return value + self.pick(f".to{target}()", f".convertsTo{target}()")

    def iterate(self):
        path = self.any_path()
        return self.pick(f"{path}.select($this).count()", f"{path}.repeat(children()).count()",
                         f"{self.resource['resourceType']}.descendants().count()", f"{path}.children().count()",
                         "(1 | 2 | 3).aggregate($total + $this, 0)", "(1 | 2 | 3).select($this * 2)",
                         f"{path}.aggregate(iif($total.empty(), 1, $total + 1))", f"{path}.select($index)",
                         "(3 | 1 | 2).sort()", "(3 | 1 | 2).sum()", "(1 | 2).avg()", "(3 | 1 | 2).max()",
                         "('b' | 'a').min()", f"{path}.select(iif($index = 0, 'a', 'b'))",
                         f"defineVariable('x', {path}).select(%x.count())", f"{path}.all($this is String or $this is Integer)",
                         "%resource.id", "%context.id", f"{path}.where(%resource.id.exists()).count()")

    def equality(self):
        a, b = self.any_path(), self.any_path()
        op = self.pick("=", "!=", "~", "!~")
        leaf = self.leaf()
        return self.pick(f"{a} {op} {b}", f"{a} {op} {a}",
                         f"{leaf.path} {op} {self.literal(leaf.value)}" if leaf else f"{a} = {a}",
                         f"({a} {op} {b}).empty()", f"(1 | 2) {op} (2 | 1)", f"'Abc' {op} 'aBC'", f"1.10 {op} 1.1",
                         f"(1.1 / 3).round(8) {op} 0.36666667")


def make(seed, count, pool):
    """(index of the resource, name of the shape, expression), no pair twice."""
    maker, seen, rows = Maker(seed, pool), set(), []
    while len(rows) < count:
        row = maker.make()
        if (row[0], row[2]) not in seen:
            seen.add((row[0], row[2]))
            rows.append(row)
    return rows
