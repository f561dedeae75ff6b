#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes ucum_tables.c, the units of src/fhir/ucum, from spec/ucum.tsv (at build time).

    tools/gen_ucum.py spec/ucum.tsv ucum_tables.c

Each unit is reduced to base units here, in exact fractions; the power of pi is kept apart, so that
degrees stay exact too. A unit that is a fraction of more than 37 digits ends the build.
"""

import fractions
import re
import sys

BASE = ["m", "s", "g", "rad", "K", "C", "cd"]  # the order of struct rh_ucum's dimensions
FUNCTIONS = ["celsius", "fahrenheit", "reaumur", "tan100", "hpX", "hpC", "hpM", "hpQ", "pH", "ln", "lg", "lg2",
             "ld", "sqrt"]  # the order of enum rh_ucum_function
LIMIT = 10**37
ARBITRARY_MAX = 4


class Unit:
    def __init__(self, factor=1, pi=0, dimension=None, arbitrary=None):
        self.factor = fractions.Fraction(factor)
        self.pi = pi
        self.dimension = dimension or [0] * 7
        self.arbitrary = arbitrary or {}

    def times(self, other, power=1):
        arbitrary = dict(self.arbitrary)
        for name, exponent in other.arbitrary.items():
            arbitrary[name] = arbitrary.get(name, 0) + exponent * power
        return Unit(self.factor * other.factor**power, self.pi + other.pi * power,
                    [a + b * power for a, b in zip(self.dimension, other.dimension)], arbitrary)


class Table:
    def __init__(self, rows):
        self.prefixes = {r[1]: fractions.Fraction(r[2]) for r in rows if r[0] == "prefix"}
        self.rows = {r[1]: r for r in rows if r[0] in ("base", "unit")}
        self.made = {}

    def unit(self, code):
        if code not in self.made:
            self.made[code] = self.make(self.rows[code])
        return self.made[code]

    def make(self, row):
        kind, code, value, of, flags = row[:5]
        if kind == "base":
            return Unit(1, 0, [int(b == code) for b in BASE])
        if code == "[pi]":
            return Unit(1, 1)
        if "arbitrary" in flags and of == "1":
            return Unit(value, 0, None, {code: 1})
        return Unit(value).times(self.term(of))

    def symbol(self, text):
        if text in self.rows:
            return self.unit(text)
        for prefix, factor in self.prefixes.items():
            rest = text[len(prefix):]
            if text.startswith(prefix) and rest in self.rows and "metric" in self.rows[rest][4]:
                return Unit(factor).times(self.unit(rest))
        raise SystemExit(f"gen_ucum: no unit {text!r}")

    def term(self, text):
        """The definitions use no brackets of grouping and no annotations."""
        result, power = Unit(), 1
        for piece in re.findall(r"[./]|(?:\[[^]]*\]|10[*^]|[^./\[])+", text):
            if piece in "./":
                power = -1 if piece == "/" else 1
                continue
            m = re.fullmatch(r"(10[*^]|.*?[^\d+-]|)([+-]?\d+)?", piece)
            symbol, exponent = m.group(1), m.group(2)
            if symbol:
                result = result.times(self.symbol(symbol), power * int(exponent or 1))
            else:
                result = result.times(Unit(int(exponent)), power)
        return result


def whole(n):
    return f"BIG({n >> 64:#x}u, {n & (1 << 64) - 1:#x}u)"


def ratio(code, factor):
    """numerator, denominator and power of ten, each as small as can be."""
    n, d, e = factor.numerator, factor.denominator, 0
    while n % 10 == 0:
        n, e = n // 10, e + 1
    for prime, other in ((2, 5), (5, 2)):
        while d % prime == 0:
            d, n, e = d // prime, n * other, e - 1
    while n % 10 == 0:
        n, e = n // 10, e + 1
    if n >= LIMIT or d >= LIMIT:
        raise SystemExit(f"gen_ucum: {code} is a fraction of too many digits")
    return n, d, e


def text(s):
    return '"' + "".join(c if c.isascii() and c not in '"\\' else "".join(f"\\{b:03o}" for b in c.encode())
                         for c in s) + '"'


def main():
    source, target = sys.argv[1:]
    with open(source, encoding="utf-8") as f:
        rows = [line.rstrip("\n").split("\t") for line in f if not line.startswith("#")]
    table = Table(rows)
    arbitrary = sorted(r[1] for r in rows if r[0] == "unit" and "arbitrary" in r[4] and r[3] == "1")
    out = ["/* Made by tools/gen_ucum.py from spec/ucum.tsv: do not edit. */",
           '#include "fhir/ucum_int.h"', "",
           "#define BIG(high, low) ((__int128)high << 64 | (__int128)low)", ""]

    def key(code):
        return code.encode()

    out.append("const struct rh_ucum_prefix rh_ucum_prefixes[] = {")
    for code in sorted(table.prefixes, key=key):
        name = next(r[6] for r in rows if r[0] == "prefix" and r[1] == code)
        n, d, e = ratio(code, table.prefixes[code])
        out.append(f"    {{{text(code)}, {text(name)}, {{{whole(n)}, {whole(d)}, {e}, 0, 0}}}},")
    out += ["};", f"const unsigned rh_ucum_n_prefixes = {len(table.prefixes)};", "",
            "const struct rh_ucum_atom rh_ucum_atoms[] = {"]
    for code in sorted(table.rows, key=key):
        row = table.rows[code]
        unit = table.unit(code)
        n, d, e = ratio(code, unit.factor)
        function = FUNCTIONS.index(row[5]) + 1 if row[5] else 0
        marks = [f"{{{arbitrary.index(a) + 1}, {x}}}" for a, x in sorted(unit.arbitrary.items())]
        assert len(marks) <= ARBITRARY_MAX
        out.append(f"    {{{text(code)}, {text(row[6])}, {len(code)}, {int('metric' in row[4])}, {function},\n"
                   f"     {{{whole(n)}, {whole(d)}, {e}, {unit.pi}, 0}}, "
                   f"{{{', '.join(map(str, unit.dimension))}}}, {{{', '.join(marks) or '{0, 0}'}}}}},")
    out += ["};", f"const unsigned rh_ucum_n_atoms = {len(table.rows)};", "",
            "const char *const rh_ucum_arbitrary[] = {", '    "",']
    out += [f"    {text(a)}," for a in arbitrary]
    out += ["};", "", "const struct rh_ucum_instead rh_ucum_insteads[] = {"]
    insteads = [r for r in rows if r[0] == "instead"]
    out += [f"    {{{text(r[1])}, {text(r[2])}}}," for r in insteads]
    out += ["};", f"const unsigned rh_ucum_n_insteads = {len(insteads)};", ""]
    with open(target, "w", encoding="utf-8") as f:
        f.write("\n".join(out))


main()
