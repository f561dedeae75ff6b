#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""r4_summary.py PACKAGE spec/r4/summary.tsv - the elements that _summary=true keeps, from the definitions of FHIR R4.

PACKAGE is the unpacked npm package hl7.fhir.r4.examples 4.0.1 (CC0), as for tools/r4_tables.py; it is not part of the
repository, the table is. First level of each resource type only: what the server cuts are whole members.

r4_summary.py --c spec/r4/summary.tsv OUT.c writes the C table of src/server/subset.c (at build time).
"""
import json
import sys
from pathlib import Path


def write_table(package, out):
    rows = []
    for path in Path(package).glob("StructureDefinition-*.json"):
        d = json.loads(path.read_text(encoding="utf-8"))
        if d.get("derivation") == "constraint" or d["kind"] != "resource" or d["abstract"]:
            continue
        names = [e["path"].split(".")[1].removesuffix("[x]") for e in d["snapshot"]["element"]
                 if e["path"].count(".") == 1 and e.get("isSummary")]
        rows.append(f"{d['type']}\t{' '.join(names)}")
    head = ["# Elements of the first level with isSummary; a choice stands without its type.",
            "# Source: hl7.fhir.r4.examples 4.0.1 (FHIR R4, https://hl7.org/fhir/R4, CC0); written by tools/r4_summary.py.",
            "#type\telements"]
    Path(out).write_text("\n".join(head + sorted(rows)) + "\n", encoding="utf-8")


def write_c(table, out):
    lines = ["/* Written by tools/r4_summary.py from spec/r4/summary.tsv. */", '#include "server/subset.h"', "",
             "const struct rh_summary_row rh_summary_rows[] = {"]
    for line in Path(table).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            type_, names = line.split("\t")
            lines.append(f'    {{"{type_}", "|{"|".join(names.split())}|"}},')
    lines += ["    {NULL, NULL},", "};", ""]
    Path(out).write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    write_c(*sys.argv[2:4]) if sys.argv[1] == "--c" else write_table(*sys.argv[1:3])
