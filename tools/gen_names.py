#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""gen_names.py SPEC OUT - the tables by which names of any script are folded and compared.

Takes Python's unicodedata and the reviewed tables in SPEC (spec/names). Keys made by them are stored, so a hash over
all tables goes into the version of the search parameters: other tables, and a directory has its keys rebuilt.
"""
import hashlib
import sys
import unicodedata as u
from pathlib import Path

PAGE = 256
LIMIT = 0x32400  # no letters beyond (CJK extension H ends at 323AF)
SEPARATOR, NOTHING, ITSELF, FIRST_STRING = 0, 1, 2, 3
RULE_LIMIT = 0x3000  # code points that a rule may name
HANGUL = range(0xAC00, 0xD7A4)  # decomposed by arithmetic in C
NO_MARKS = {8, 9}  # combining classes that are letters' own: kana voicing, virama
ETHIOPIC_VOWELS = ["a", "o", "e", "a", "e", "", "o", "a"]


def fail(text):
    sys.exit(f"gen_names.py: {text}")


def rows(path, columns):
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line and line[0] != "#":
            row = line.split("\t")
            if len(row) != columns:
                fail(f"{path.name}:{number}: not {columns} columns")
            yield row


def is_mark(c):
    return u.category(c) == "Cf" or (u.category(c) in ("Mn", "Me", "Mc") and u.combining(c) not in NO_MARKS
                                     and (u.combining(c) != 0 or u.category(c) == "Me"))


def decimal_digit(c):
    return str(u.decimal(c)) if u.category(c) == "Nd" else c


class Fold:
    def __init__(self, spec):
        self.special = {}
        for letters, becomes, _ in rows(spec / "fold.tsv", 3):
            for c in letters:
                self.special[c] = "" if becomes == '""' else becomes

    def once(self, text):
        out = []
        for c in u.normalize("NFKD", u.normalize("NFKD", text).casefold()):
            if c in self.special:
                out.append(self.special[c])
            elif not is_mark(c):
                out.append(decimal_digit(c))
        return "".join(out)

    def of(self, c):
        """None: ends a word; else what it becomes."""
        if c in self.special:
            return self.settle(self.special[c])
        if is_mark(c):
            return ""
        if u.category(c)[0] not in "LNM":
            return None
        text = self.settle(c)
        return text if text and all(u.category(x)[0] in "LNM" for x in text) else None

    def settle(self, text):
        for _ in range(8):
            following = self.once(text)
            if following == text:
                return text
            text = following
        fail(f"folding does not settle: {text!r}")


def make_fold(fold):
    strings, entries = {}, []
    for code in range(LIMIT):
        if 0xD800 <= code < 0xE000:
            entries.append(SEPARATOR)
            continue
        c = chr(code)
        text = c if code in HANGUL else fold.of(c)
        if text is None:
            entries.append(SEPARATOR)
        elif text == "":
            entries.append(NOTHING)
        elif text == c:
            entries.append(ITSELF)
        else:
            entries.append(FIRST_STRING + strings.setdefault(text, len(strings)))
    pages, index = {}, []
    for start in range(0, LIMIT, PAGE):
        page = tuple(entries[start:start + PAGE])
        index.append(pages.setdefault(page, len(pages)))
    return strings, pages, index


def read_rules(spec, fold):
    """text -> (where, alternatives); and the letters with marks that rules name."""
    rules, kept = {}, {}
    table = list(rows(spec / "translit.tsv", 4))
    table.sort(key=lambda row: len(row[1]) > 1)  # letters with marks first, so that longer texts may hold them
    for script, text, where, sounds in table:
        alternatives = ["" if s == "-" else s for s in sounds.split("|")]
        if len(alternatives) > 3 or any(len(s) > 3 or s.strip("BFTSXKHMNLRaieou") for s in alternatives):
            fail(f"translit.tsv: {script} {text}: {sounds}")
        if where == "row":
            for c in text:
                for n, vowel in enumerate(ETHIOPIC_VOWELS):
                    add_rule(rules, chr(ord(c) + n), "any", [(s + vowel)[:3] for s in alternatives])
            continue
        for part in (text if where == "each" else [text]):
            folded = "".join(c if c in kept else fold.of(c) or "" for c in part)
            marks = [c for c in part if is_mark(c)]
            if marks and len(part) > 1:  # a mark that Unicode keeps apart from its letter
                kept.update((c, c) for c in marks)
                folded = part
            if len(part) == 1 and folded != part and not is_mark(part) and (script == "Latin" or part not in fold.special):
                kept[part] = part
                if len(part.upper()) == 1:
                    kept[part.upper()] = part
                folded = part
            if folded:
                add_rule(rules, folded, "any" if where == "each" else where, alternatives)
    return rules, kept


def add_rule(rules, text, where, alternatives):
    if where not in ("any", "start", "end") or len(text) > 4 or any(ord(c) >= RULE_LIMIT for c in text):
        fail(f"translit.tsv: {text} {where}")
    rules.setdefault((text, where), alternatives)


def write(out, fold, spec):
    strings, pages, index = make_fold(fold)
    rules, kept = read_rules(spec, fold)
    order = {"start": 0, "end": 1, "any": 2}
    sorted_rules = sorted(rules.items(), key=lambda r: (r[0][0][0], -len(r[0][0]), order[r[0][1]], r[0][0]))
    particles = sorted({"".join(fold.of(c) or "" for c in r[0]) for r in rows(spec / "particles.tsv", 2)},
                       key=lambda w: w.encode())
    lines = ["/* Generated by tools/gen_names.py. */", '#include "search/names_int.h"', ""]
    pool, spans = bytearray(), []
    for text in strings:
        data = text.encode()
        spans.append(len(pool) << 8 | len(data))
        pool += data

    def table(kind, name, values):
        lines.append(f"const {kind} {name}[{len(values)}] = {{")
        for i in range(0, len(values), 24):
            lines.append("    " + ", ".join(map(str, values[i:i + 24])) + ",")
        lines.append("};")

    table("uint16_t", "rh_fold_index", index)
    table("uint16_t", "rh_fold_pages", [e for page in pages for e in page])
    table("uint32_t", "rh_fold_spans", spans)
    table("unsigned char", "rh_fold_pool", list(pool))
    first = [0] * RULE_LIMIT
    for number, ((text, _), _) in enumerate(sorted_rules, 1):
        first[ord(text[0])] = first[ord(text[0])] or number
    table("uint16_t", "rh_name_first", first)
    keep = [0] * RULE_LIMIT
    for c, to in kept.items():
        keep[ord(c)] = ord(to)
    table("uint16_t", "rh_name_keep", keep)
    lines.append(f"const struct rh_name_rule rh_name_rules[{len(sorted_rules) + 1}] = {{")
    for (text, where), alternatives in sorted_rules:
        codes = ", ".join(str(ord(c)) for c in text)
        sounds = ", ".join(f'"{s}"' for s in alternatives)
        lines.append(f"    {{{{{codes}}}, {len(text)}, RH_NAME_{where.upper()}, {len(alternatives)}, {{{sounds}}}}},")
    lines.append("    {{0}, 0, 0, 0, {\"\"}},\n};")
    lines.append(f"const struct rh_text rh_name_particles[{len(particles)}] = {{")
    for p in particles:
        data = p.encode()
        escaped = "".join(f"\\{b:03o}" if b > 126 else chr(b) for b in data)
        lines.append(f'    {{"{escaped}", {len(data)}}},')
    lines.append(f"}};\nconst unsigned rh_name_particles_n = {len(particles)};")
    digest = hashlib.blake2b("\n".join(lines).encode(), digest_size=8).digest()
    lines.append(f"const uint64_t rh_names_hash = UINT64_C({int.from_bytes(digest, 'big')});")
    out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        fail(__doc__)
    write(Path(sys.argv[2]), Fold(Path(sys.argv[1])), Path(sys.argv[1]))
