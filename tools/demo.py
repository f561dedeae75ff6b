#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes synthetic FHIR R4 records of people on the move as NDJSON: for demos, tests and training.

The same seed, number of people and day give the same bytes; ids do not depend on the day, so a demo
that is imported again replaces itself. No real person is described. Organizations, Locations,
Practitioners and Patients come first. Memory does not grow with --people: households are made twice
instead of being kept.
"""

import argparse
import datetime
import os
import sys

from demo import cast, families, people, record, sites
from demo.fhir import dumps


def households(seed, wanted):
    """Cast and pairs always, then drawn households until there are `wanted` people."""
    number = 0
    for home in cast.households(seed):
        for person in home.people:
            number += 1
            person.number = number
        yield home
    index = 0
    while number < wanted:
        home = people.household(seed, index)
        index += 1
        del home.people[wanted - number :]
        for person in home.people:
            number += 1
            person.number = number
        yield home


def resources(seed, wanted, today):
    yield from sites.resources()
    for home in households(seed, wanted):
        for person in home.people:
            yield people.patient(home, person, today)
    for home in households(seed, wanted):
        yield from families.related(home)
        yield from families.group(home, today)
        visits = record.plan(home, seed)
        for person in home.people:
            yield from record.Record(home, person, seed, today).write(visits)


def write(out, seed, wanted, today):
    counts = {}
    for r in resources(seed, wanted, today):
        kind = r["resourceType"]
        counts[kind] = counts.get(kind, 0) + 1
        out.write(dumps(r) + "\n")
    return counts


def _day(text):
    try:
        return datetime.date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a day: write YYYY-MM-DD") from None


def _count(text):
    if not text.isdigit() or not 1 <= int(text) <= 9_999_999:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of people from 1 to 9999999")
    return int(text)


def main(argv=None):
    p = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    p.add_argument(
        "--out", required=True, metavar="FILE.ndjson", help="where to write; - is standard output"
    )
    p.add_argument(
        "--people",
        type=_count,
        default=300,
        help="how many; never fewer than the named cast (default 300)",
    )
    p.add_argument("--seed", type=int, default=1, help="another seed, other people (default 1)")
    p.add_argument(
        "--today",
        type=_day,
        default=None,
        metavar="YYYY-MM-DD",
        help="the day that dates count back from",
    )
    a = p.parse_args(argv)
    today = a.today or datetime.date.today()
    if a.out == "-":
        sys.stdout.reconfigure(encoding="utf-8", newline="\n")
        write(sys.stdout, a.seed, a.people, today)
        return 0
    part = a.out + ".part"  # a half-written file never bears the name asked for
    try:
        with open(part, "w", encoding="utf-8", newline="\n") as out:
            counts = write(out, a.seed, a.people, today)
        os.replace(part, a.out)
    except OSError as e:
        print(f"demo.py: cannot write {a.out}: {e.strerror}", file=sys.stderr)
        return 3
    print(
        f"{sum(counts.values())} resources of {counts['Patient']} people written to {a.out}",
        file=sys.stderr,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
