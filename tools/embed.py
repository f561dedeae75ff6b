#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""embed.py FOLDER OUT.c - writes the files of the built web app as a C table (src/server/webfiles.h).

A folder that does not exist gives an empty table, so that the C builds without Node. OUT.c is left alone when
nothing has changed, so that nothing is compiled again.
"""
import sys
from pathlib import Path


def table(folder):
    files = sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")) if folder.is_dir() else []
    if not any(p.name == "index.html" for p in files):
        files = []
    out = ["/* Written by tools/embed.py. */", '#include "server/webfiles.h"', ""]
    for number, path in enumerate(files):
        data = path.read_bytes()
        out.append(f"static const unsigned char file{number}[] = {{")
        for at in range(0, len(data), 24):
            out.append(",".join(str(byte) for byte in data[at:at + 24]) + ",")
        out.append("};" if data else "0};")
    out.append("const struct rh_web_embedded rh_web_embedded[] = {")
    for number, path in enumerate(files):
        name = path.name.replace("\\", "\\\\").replace('"', '\\"')
        out.append(f'    {{"{name}", file{number}, {path.stat().st_size}}},')
    out.append("    {NULL, NULL, 0},\n};\n")
    return "\n".join(out)


def main():
    text, out = table(Path(sys.argv[1])), Path(sys.argv[2])
    if not out.exists() or out.read_text(encoding="utf-8") != text:
        out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
