#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes r4_tables.c, the element tables of src/fhir, from spec/r4/*.tsv (at build time).

    tools/gen_r4.py spec/r4 r4_tables.c

Inherited elements, choices (one row for each type) and content references are written out. Names
are found through small open hash tables that are computed here, so the program does nothing at its
start. Everything is `static const`.
"""

import argparse
import pathlib
import sys

MASK = (1 << 64) - 1
M1, M2 = 0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F  # as in src/fhir/element.c


def name_hash(name):
    """The same as name_hash in src/fhir/element.c: first and last bytes of the name, mixed."""
    b = name.encode()
    n = len(b)
    if n >= 8:
        first, last = int.from_bytes(b[:8], "little"), int.from_bytes(b[-8:], "little")
    elif n >= 4:
        first, last = int.from_bytes(b[:4], "little"), int.from_bytes(b[-4:], "little")
    else:
        first, last = b[0] | b[n // 2] << 8 | b[n - 1] << 16, 0
    h = first * M1 & MASK
    h = ((h ^ h >> 29) + last + n) * M2 & MASK
    return h ^ h >> 32


def slots_of(names, load=2):
    """Open addressing, linear probing; 0 is free, else index + 1."""
    size = 2
    while size < load * len(names):
        size *= 2
    slots = [0] * size
    for i, name in enumerate(names):
        at = name_hash(name) & (size - 1)
        while slots[at]:
            at = (at + 1) & (size - 1)
        slots[at] = i + 1
    return slots


def table(path, width):
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            cells = line.split("\t")
            rows.append(cells + [""] * (width - len(cells)))
    return rows


class Tables:
    def __init__(self, spec):
        primitives = table(spec / "primitives.tsv", 4)
        self.primitives = [r[0] for r in primitives]
        self.primitive_bases = {r[0]: r[1] for r in primitives}
        self.types = {r[0]: r for r in table(spec / "types.tsv", 4)}
        self.own = {}
        for row in table(spec / "elements.tsv", 6):
            self.own.setdefault(row[0], []).append(row)
        self.compartment = table(spec / "compartment-patient.tsv", 3)
        self.backbones = {}  # "Patient.contact" -> its base type
        for owner in self.own:
            if owner in self.types:
                continue
            parent, name = owner.rsplit(".", 1)
            row = next(r for r in self.own[parent] if r[1] == name)
            self.backbones[owner] = row[4]

    def rows(self, name):
        """All elements of a type, inherited ones first."""
        base = self.types[name][2] if name in self.types else self.backbones[name]
        return (self.rows(base) if base else []) + self.own.get(name, [])

    def base(self, name):
        """The type that a type specializes; "" for Resource and Element."""
        if name in self.types:
            return self.types[name][2]
        return self.primitive_bases[name] if name in self.primitive_bases else self.backbones[name]

    def elements(self, name):
        """(JSON name, base name, type, min, max, order, targets or None, binding or None)."""
        out = []
        for order, row in enumerate(self.rows(name)):
            base, choices = row[1], row[4].split("|")
            for choice in choices:
                kind, _, targets = choice.partition("(")
                targets = targets.rstrip(")").replace(",", "|")
                if kind != "Reference":
                    targets = None
                elif targets == "Any":
                    targets = ""
                json_name = base
                if base.endswith("[x]"):
                    json_name = base[:-3] + kind[0].upper() + kind[1:]
                if kind.startswith("#"):
                    kind = kind[1:]
                elif kind in ("BackboneElement", "Element"):
                    kind = f"{row[0]}.{base}"
                out.append((json_name, base.removesuffix("[x]"), kind, int(row[2]), row[3], order,
                            targets, row[5] or None))
        return out


def quoted(text):
    return "NULL" if text is None else '"' + text + '"'


def write_numbers(out, declaration, numbers):
    out.append(declaration + " = {")
    for i in range(0, len(numbers), 20):
        out.append("    " + " ".join(f"{n}," for n in numbers[i:i + 20]))
    out.append("};")


def generate(t):
    names = sorted(t.types) + sorted(t.backbones) + t.primitives
    index = {name: i for i, name in enumerate(names)}
    assert len(index) == len(names) and len(names) < 65535
    elements, type_rows, slots, known = [], [], [], {}
    for name in names:
        rows = [] if name in t.primitives else t.elements(name)
        assert len({r[0] for r in rows}) == len(rows) < 255, name
        assert not rows or rows[-1][5] < 64, name  # check.c counts orders in 64 bits
        key = tuple(rows)
        if key not in known:  # Age, Count, … are the same as Quantity
            own_slots = slots_of([r[0] for r in rows]) if rows else [0]
            known[key] = (len(elements), len(slots), len(own_slots) - 1)
            elements += rows
            slots += own_slots
        first, slot, mask = known[key]
        required = 0
        for r in rows:
            if r[3] > 0:
                required |= 1 << r[5]
        kind, number, primitive = "BACKBONE", 0, 0
        if name in t.types:
            kind, number = t.types[name][1].upper(), int(t.types[name][3] or 0)
        elif name in t.primitives:
            kind, primitive = "PRIMITIVE", "RH_P_" + name.upper()
        base = t.base(name)
        type_rows.append(f'    {{"{name}", RH_KIND_{kind}, {number}, {primitive}, {len(rows)}, '
                         f"&elements[{first}], {required:#x}, {slot}, {mask}, "
                         f"{f'T({index[base]})' if base else 'NULL'}}},")

    out = ["/* SPDX-License-Identifier: GPL-3.0-or-later */",
           "/* Written by tools/gen_r4.py from the tables in spec/r4. Do not edit. */",
           '#include "fhir/tables_int.h"', '#include "fhir/primitive.h"', "",
           "#define T(i) &rh_r4_types[i]",
           f"static const struct rh_element elements[{len(elements)}] = {{"]
    for json_name, base, kind, low, high, order, targets, binding in elements:
        many, choice = "true" if high != "1" else "false", "true" if base != json_name else "false"
        out.append(f'    {{"{json_name}", "{base}", T({index[kind]}), {low}, {many}, {choice}, '
                   f"{order}, {len(json_name)}, {quoted(targets)}, {quoted(binding)}}},")
    out.append("};")
    out.append(f"const struct rh_type rh_r4_types[{len(names)}] = {{")
    out += type_rows
    out.append("};")
    write_numbers(out, f"const unsigned char rh_r4_element_slots[{len(slots)}]", slots)
    type_slots = slots_of(names)
    write_numbers(out, f"const unsigned short rh_r4_type_slots[{len(type_slots)}]", type_slots)
    out.append(f"const unsigned rh_r4_type_mask = {len(type_slots) - 1};")
    generate_numbers(t, index, out)
    return out


def generate_numbers(t, index, out):
    """Resource types by number, and the paths of the Patient compartment."""
    numbers = {int(r[3]): name for name, r in t.types.items() if r[3]}
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    out.append(f'_Static_assert(RH_RESOURCE_TYPES == {len(numbers)}, "all types of types.tsv");')
    write_numbers(out, "const unsigned short rh_r4_resources[RH_RESOURCE_TYPES]",
                  [index[numbers[n]] for n in sorted(numbers)])
    paths = {}
    for code, _, path in t.compartment:
        check_path(t, code, path)
        if path not in paths.setdefault(code, []):
            paths[code].append(path)
    out.append("const char *const rh_r4_patient_paths[RH_RESOURCE_TYPES] = {")
    for n in sorted(numbers):
        out.append(f"    {quoted('|'.join(paths[numbers[n]]) if numbers[n] in paths else None)},")
    out.append("};")


def check_path(t, code, path):
    kind = code
    for step in path.split("."):
        kind = next((r[2] for r in t.elements(kind) if r[0] == step), None)
        if kind is None:
            sys.exit(f"compartment-patient.tsv: {code} has no {path}")
    if kind != "Reference":
        sys.exit(f"compartment-patient.tsv: {code}.{path} is not a Reference")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("spec", type=pathlib.Path)
    parser.add_argument("out", type=pathlib.Path)
    args = parser.parse_args()
    args.out.write_text("\n".join(generate(Tables(args.spec))) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
