#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the tables of spec/r4 from the definitions of FHIR R4 (4.0.1, CC0).

    npm pack hl7.fhir.r4.examples@4.0.1     (18 MB, in a temporary directory)
    tar xzf hl7.fhir.r4.examples-4.0.1.tgz
    tools/r4_tables.py package spec/r4

The package is not part of the repository; the tables are. They are read by people, and by
tools/gen_r4.py at build time. Inherited elements are not repeated: what Element, BackboneElement,
Resource and DomainResource give stands in their own rows.
"""

import argparse
import json
import pathlib
import re
import sys

SD = "http://hl7.org/fhir/StructureDefinition/"
FHIR_TYPE = SD + "structuredefinition-fhir-type"
REGEX = SD + "regex"
SOURCE = "hl7.fhir.r4.examples 4.0.1 (FHIR R4, https://hl7.org/fhir/R4, CC0)"

# The definitions call Resource.id a string; its datatype page and its regular expression say id.
OVERRIDE = {"Resource.id": "id"}


def definitions(package):
    found = {}
    for path in package.glob("StructureDefinition-*.json"):
        d = json.loads(path.read_text(encoding="utf-8"))
        if d.get("derivation") == "constraint" or d["kind"] == "logical":
            continue
        found[d["type"]] = d
    return found


def type_text(element):
    """'boolean|dateTime', 'Reference(Patient,Group)', 'canonical(Questionnaire)', '#Bundle.link'."""
    if "contentReference" in element:
        return element["contentReference"]
    if element["base"]["path"] in OVERRIDE:
        return OVERRIDE[element["base"]["path"]]
    out = []
    for t in element.get("type", []):
        code = t["code"]
        if code.startswith("http://hl7.org/fhirpath/"):
            code = next(x["valueUrl"] for x in t["extension"] if x["url"] == FHIR_TYPE)
        targets = sorted(p.removeprefix(SD) for p in t.get("targetProfile", []))
        if targets == ["Resource"] or (not targets and code == "Reference"):
            targets = ["Any"]
        out.append(code + ("(" + ",".join(targets) + ")" if targets else ""))
    return "|".join(out)


def binding_text(element):
    binding = element.get("binding", {})
    if binding.get("strength") != "required":
        return ""
    return binding.get("valueSet", "").split("|")[0]


def row_of(element):
    owner, name = element["path"].rsplit(".", 1)
    return (owner, name, str(element["min"]), element["max"], type_text(element), binding_text(element))


def element_rows(defs):
    """Own elements of each type, in definition order; inherited ones must equal their source."""
    rows, inherited = {}, []
    for name, d in defs.items():
        if d["kind"] == "primitive-type":
            continue
        for e in d["snapshot"]["element"][1:]:
            if e["path"] == e["base"]["path"]:
                row = row_of(e)
                rows.setdefault(row[0], []).append(row)
            else:
                inherited.append((e["base"]["path"], row_of(e)))
    own = {f"{r[0]}.{r[1]}": r for group in rows.values() for r in group}
    for path, row in inherited:
        if own[path][1:] != row[1:]:
            sys.exit(f"{row[0]}.{row[1]} changes what {path} says; the tables cannot express that")
    return [row for owner in sorted(rows) for row in rows[owner]]


def type_rows(defs):
    rows, number = [], 0
    for name in sorted(defs):
        d = defs[name]
        if d["kind"] == "primitive-type":
            continue
        kind = "complex"
        if d["abstract"]:
            kind = "abstract"
        elif d["kind"] == "resource":
            kind = "resource"
            number += 1
        base = d.get("baseDefinition", "").removeprefix(SD)
        rows.append((name, kind, base, str(number) if kind == "resource" else ""))
    return rows


def primitive_rows(defs):
    json_kind = {"boolean": "boolean", "decimal": "number", "integer": "number",
                 "positiveInt": "number", "unsignedInt": "number"}
    rows = []
    for name in sorted(defs, key=str.lower):
        d = defs[name]
        if d["kind"] != "primitive-type":
            continue
        value = next(e for e in d["snapshot"]["element"] if e["path"] == name + ".value")
        regex = ""
        for x in value["type"][0].get("extension", []):
            if x["url"] == REGEX:
                regex = x["valueString"]
        base = d["baseDefinition"].removeprefix(SD)
        rows.append((name, base, json_kind.get(name, "string"), regex))
    return rows


def compartment_rows(package, name):
    params = {}
    for path in package.glob("SearchParameter-*.json"):
        d = json.loads(path.read_text(encoding="utf-8"))
        for base in d.get("base", []):
            params.setdefault((base, d["code"]), d)
    text = (package / f"CompartmentDefinition-{name}.json").read_text(encoding="utf-8")
    rows = []
    for resource in json.loads(text)["resource"]:
        code = resource["code"]
        for param in resource.get("param", []):
            for part in params[(code, param)]["expression"].split("|"):
                part = part.strip().removesuffix(".where(resolve() is Patient)")
                if not part.startswith(code + "."):
                    continue
                if not re.fullmatch(r"[A-Za-z.]+", part):
                    sys.exit(f"{code} {param}: not a plain path: {part}")
                rows.append((code, param, part.removeprefix(code + ".")))
    return rows


def write(path, what, columns, rows):
    lines = [f"# {what}", f"# Source: {SOURCE}; written by tools/r4_tables.py, reviewed by hand."]
    lines.append("#" + "\t".join(columns))
    lines += ["\t".join(row).rstrip("\t") for row in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{path.name}: {len(rows)} rows")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("package", type=pathlib.Path, help="the unpacked folder `package`")
    parser.add_argument("out", type=pathlib.Path, help="spec/r4")
    args = parser.parse_args()
    defs = definitions(args.package)
    write(args.out / "types.tsv",
          "Resource types, data types and abstract types; a resource's number is stored in data "
          "directories and never changes.", ("type", "kind", "base", "number"), type_rows(defs))
    write(args.out / "primitives.tsv", "Primitive types: what JSON holds and the regular expression "
          "of the definition.", ("type", "base", "json", "regex"), primitive_rows(defs))
    write(args.out / "elements.tsv", "Elements of every type that is not primitive, own ones only; "
          "#Path takes the type of another element; the last column is a required binding.",
          ("type", "element", "min", "max", "types", "required value set"), element_rows(defs))
    write(args.out / "compartment-patient.tsv", "Patient compartment: the search parameters of its "
          "definition as plain paths, in its order.", ("type", "parameter", "path"),
          compartment_rows(args.package, "patient"))


if __name__ == "__main__":
    main()
