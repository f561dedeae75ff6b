#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the variables of FHIRPath that stand for an address, from spec/variables.tsv (at build time).

    tools/gen_variables.py spec/variables.tsv fhirpath_variables.c
"""

import pathlib
import sys


def main():
    source, out = map(pathlib.Path, sys.argv[1:3])
    rows = [line.split("\t") for line in source.read_text(encoding="utf-8").splitlines()
            if line and not line.startswith("#")]
    assert all(len(row) == 2 and '"' not in "".join(row) and "\\" not in "".join(row) for row in rows)
    lines = ["/* SPDX-License-Identifier: GPL-3.0-or-later */",
             "/* Written by tools/gen_variables.py from spec/variables.tsv. Do not edit. */",
             '#include "fhirpath/variables_int.h"', "", "const struct rh_fp_address rh_fp_addresses[] = {"]
    for name, address in rows:
        prefix = "true" if name.endswith("*") else "false"
        lines.append(f'    {{"{name.rstrip("*")}", {prefix}, "{address}"}},')
    lines += ["};", f"const size_t rh_fp_n_addresses = {len(rows)};",
              f'const char rh_fp_ucum_address[] = "{dict(rows)["ucum"]}";']
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
