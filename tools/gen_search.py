#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""gen_search.py extract PACKAGE SPEC | c SPEC OUT - the search parameters that exist.

extract: reads the SearchParameter resources of hl7.fhir.r4.examples 4.0.1 (unpacked in PACKAGE, see tools/r4_tables.py)
and writes SPEC/search-parameters.tsv. Numbers that the table has already are kept, new rows get new ones: a number
is stored in data directories and never given again.
c: writes the C table from it; run by the build.
"""
import hashlib
import json
import re
import sys
from pathlib import Path

NAMES = ("identifier", "patient", "birthdate", "name")
KINDS = {"special": "RH_SP_SPECIAL", "string": "RH_SP_STRING", "token": "RH_SP_TOKEN", "date": "RH_SP_DATE",
         "reference": "RH_SP_REFERENCE"}
VALUES = {"id": "RH_SV_ID", "instant": "RH_SV_INSTANT", "Identifier": "RH_SV_IDENTIFIER", "HumanName": "RH_SV_HUMANNAME",
          "date": "RH_SV_DATE", "Reference": "RH_SV_REFERENCE"}
VALUE_OF = {"identifier": "Identifier", "name": "HumanName", "birthdate": "date"}
HEADER = """\
# Search parameters. A number is stored in data directories: given once, never reused. Raise the version when keys change.
# Source: SearchParameter resources of hl7.fhir.r4.examples 4.0.1 (FHIR R4, CC0), reduced to plain paths by tools/gen_search.py.
# values: what stands at the path: an R4 data type; for references the type that counts (resolve() is Patient).
#number	type	name	kind	values	version	path	url
"""


def fail(text):
    sys.exit(f"gen_search.py: {text}")


def resource_numbers(spec):
    rows = [line.split("\t") for line in (spec / "types.tsv").read_text().splitlines() if line[:1] not in ("#", "")]
    return {r[0]: int(r[3]) for r in rows if r[1] == "resource" and len(r) > 3 and r[3].isdigit()}


def read_table(path):
    rows = []
    for line in path.read_text().splitlines():
        if line and line[0] != "#":
            row = line.split("\t")
            if len(row) != 8:
                fail(f"{path.name}: not eight columns: {line}")
            rows.append(row)
    return rows


def plain_path(expression, base):
    """The alternatives of one type; NULL when there is none. Refuses what is more than a plain path."""
    found = []
    for part in expression.split("|"):
        part = part.strip()
        if not part.startswith(base + "."):
            continue
        part = re.sub(r"\.where\(resolve\(\) is Patient\)$", "", part[len(base) + 1:])
        if not re.fullmatch(r"[a-zA-Z]+(\.[a-zA-Z]+)*", part):
            fail(f"{base}: not a plain path: {part}")
        found.append(part)
    return "|".join(found)


def extract(package, spec):
    table = spec / "search-parameters.tsv"
    known = {(r[1], r[2]): (int(r[0]), r[5]) for r in read_table(table)} if table.exists() else {}
    numbers = resource_numbers(spec)
    rows = {("", "_id"): ["special", "id", "id", "http://hl7.org/fhir/SearchParameter/Resource-id"],
            ("", "_lastUpdated"): ["special", "instant", "meta.lastUpdated",
                                   "http://hl7.org/fhir/SearchParameter/Resource-lastUpdated"]}
    for file in sorted(package.glob("SearchParameter-*.json")):
        p = json.loads(file.read_text())
        if p["code"] not in NAMES or not p.get("url", "").startswith("http://hl7.org/fhir/SearchParameter/"):
            continue
        for base in p["base"]:
            if base not in numbers or (p["code"] == "name" and base != "Patient"):
                continue
            path = plain_path(p["expression"], base)
            if path:
                rows[base, p["code"]] = [p["type"], VALUE_OF.get(p["code"], "Patient"), path, p["url"]]
    following = max((n for n, _ in known.values()), default=0)
    out = []
    order = sorted(rows, key=lambda k: (numbers.get(k[0], 0), (("_id", "_lastUpdated") + NAMES).index(k[1])))
    for key in order:
        if key in known:
            number, version = known[key]
        else:
            following += 1
            number, version = following, "1"
        kind, values, path, url = rows[key]
        out.append((number, key[0], key[1], kind, values, version, path, url))
    table.write_text(HEADER + "".join("\t".join(map(str, r)) + "\n" for r in sorted(out)))


def write_c(spec, out):
    numbers = resource_numbers(spec)
    rows, seen = [], set()
    for number, base, name, kind, values, version, path, url in read_table(spec / "search-parameters.tsv"):
        if number in seen:
            fail(f"number {number} twice")
        seen.add(number)
        if base and base not in numbers:
            fail(f"unknown type {base}")
        target = numbers[values] if kind == "reference" else 0
        value = VALUES["Reference" if kind == "reference" else values]
        rows.append((numbers.get(base, 0), int(number), name, KINDS[kind], value, target, int(version), path, url))
    rows.sort()
    if [r[1] for r in rows[:2]] != [1, 2] or rows[0][2] != "_id" or rows[1][2] != "_lastUpdated":
        fail("number 1 must be _id and number 2 _lastUpdated")
    text = ["/* Generated by tools/gen_search.py. */", '#include "search/parameter_int.h"', "",
            f"const struct rh_parameter rh_parameter_rows[{len(rows)}] = {{"]
    for t, number, name, kind, value, target, version, path, url in rows:
        text.append(f'    {{"{name}", {number}, {t}, {kind}, {version}, {value}, {target}, "{path}", "{url}"}},')
    text.append("};")
    first = [sum(1 for r in rows if r[0] < t) for t in range(max(numbers.values()) + 2)]
    text.append(f"const uint16_t rh_parameter_first[{len(first)}] = {{{', '.join(map(str, first))}}};")
    # Keys depend on a parameter's row without its address, so the version of all is a hash of these.
    keyed = repr([r[:8] for r in rows]).encode()
    digest = int.from_bytes(hashlib.blake2b(keyed, digest_size=8).digest(), "big")
    text.append(f"const uint64_t rh_parameter_table_hash = UINT64_C({digest});")
    out.write_text("\n".join(text) + "\n")


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] == "extract":
        extract(Path(sys.argv[2]), Path(sys.argv[3]))
    elif len(sys.argv) == 4 and sys.argv[1] == "c":
        write_c(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        fail(__doc__)
