#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the messages about answers as C, from spec/answer-messages.tsv (at build time).

    tools/gen_messages.py spec/answer-messages.tsv answer_messages.c
"""

import pathlib
import re
import sys

HOLE = re.compile(r"\{\d\}")
SEVERITIES = {"error": "RH_ERROR", "warning": "RH_WARNING"}


def quoted(text):
    """A C string; bytes above 127 in octal, three digits each, so that no digit after them is taken for theirs."""
    return '"' + "".join(chr(b) if 32 <= b < 127 and chr(b) not in '"\\' else f"\\{b:03o}" for b in text.encode()) + '"'


def main():
    source, out = map(pathlib.Path, sys.argv[1:3])
    lines = source.read_text(encoding="utf-8").splitlines()
    languages = next(line for line in lines if line.startswith("#name\t")).split("\t")[3:]
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    c = ["/* SPDX-License-Identifier: GPL-3.0-or-later */",
         "/* Written by tools/gen_messages.py from spec/answer-messages.tsv. Do not edit. */",
         '#include "conformance/answers_int.h"', "",
         f"const char *const rh_answer_languages[] = {{{', '.join(map(quoted, languages))}, 0}};", "",
         "const struct rh_answer_message rh_answer_messages[RH_ANSWER_RULES] = {"]
    for name, severity, code, *texts in rows:
        assert len(texts) == len(languages) and all(texts), f"{name}: a text in each of {languages}"
        assert all(sorted(HOLE.findall(t)) == sorted(HOLE.findall(texts[0])) for t in texts), f"{name}: the same holes in each language"
        c.append(f"    [RH_ANSWER_{name}] = {{{SEVERITIES[severity]}, {quoted(code)}, {{")
        c += [f"        {quoted(text)}," for text in texts]
        c.append("    }},")
    c += ["};", f'_Static_assert(RH_ANSWER_RULES == {len(rows)}, "a row for each rule");']
    out.write_text("\n".join(c) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
