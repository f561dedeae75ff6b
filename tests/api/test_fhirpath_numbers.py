# SPDX-License-Identifier: GPL-3.0-or-later
"""Roots, logarithms and powers of random decimals are right to the last of 28 digits: Python's decimal says so."""
import decimal
import json
import random

import fhirpath_suite as suite

EXACT = decimal.Context(prec=90, Emax=99999, Emin=-99999)
SHOWN = decimal.Context(prec=28, rounding=decimal.ROUND_HALF_EVEN, Emax=99999, Emin=-99999)


def number(r):
    digits = r.choice([1, 3, 8, 15, 18])
    return decimal.Decimal(r.randint(1, 10**digits)).scaleb(-r.randint(0, digits + 3))


def rows(r, count):
    while count:
        a, b, kind = number(r), number(r), r.choice(["ln", "exp", "log", "power", "sqrt"])
        text, other = format(a, "f"), format(b, "f")
        if kind == "exp" and a < 4000:
            sign = r.choice(["", "-"])
            yield f"({sign}{text}).exp()", EXACT.exp(-a if sign else a)
        elif kind == "log" and b != 1:
            yield f"({text}).log({other})", EXACT.divide(EXACT.ln(a), EXACT.ln(b))
        elif kind == "power" and b % 1 and abs(EXACT.multiply(EXACT.ln(a), b)) < 4000:
            yield f"({text}).power({other})", EXACT.power(a, b)
        elif kind in ("ln", "sqrt"):
            yield f"({text}).{kind}()", getattr(EXACT, kind)(a)
        else:
            continue
        count -= 1


def test_roots_logarithms_and_powers():
    wanted = list(rows(random.Random(5), 3000))
    cases = [suite.Case("numbers", str(i), {"expr": text}) for i, (text, _) in enumerate(wanted)]
    wrong = []
    for (text, want), answer in zip(wanted, suite.run(cases)):
        value = answer["result"][0]["value"] if answer.get("result") else None
        if value is None or decimal.Decimal(value) not in (SHOWN.plus(want), want):
            wrong.append(f"{text} = {SHOWN.plus(want)}, not {json.dumps(answer, default=str)[:200]}")
    assert not wrong, "\n".join(wrong[:20])
