#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""tidy.py [ROOT] - checks the order of the house; prints one line a finding, exit 1 when there is one.

What it checks: includes go only to floors that ARCHITECTURE.md allows; banned calls; heap calls only
in src/base; functions of at most 70 lines; an SPDX line; every C file named in its meson.build; no
medicine in src/; no path of somebody's machine, no registry host; no TODO without an issue number.
A file over 800 lines is advice: it is printed and fails nothing.
"""
import os
import re
import sys
from pathlib import Path

FUNCTION_LINES_MAX = 70
FILE_LINES_ADVICE = 800
SKIP_FOLDERS = {".git", "build", "node_modules", "out", "__pycache__", ".pytest_cache", "subprojects", "corpus"}
TEXT = {".c", ".h", ".py", ".sh", ".mjs", ".js", ".ts", ".tsx", ".css", ".html", ".json", ".md", ".sql", ".tsv",
        ".txt", ".build", ".toml", ".ini", ".yml", ".po"}
CODE = {".c", ".h", ".py", ".sh", ".mjs", ".js", ".ts", ".tsx", ".css", ".sql"}
WANTS_SPDX = {".c", ".h", ".py", ".sh", ".mjs", ".ts", ".tsx", ".build"}

FLOOR = re.compile(r"^\| (\d+) \| `src/([a-z]+)` \| may include: ([a-z, \u2013-]+?) *\|", re.M)
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.M)

# What to use instead stands beside each: the finding says it.
BANNED = {
    "sprintf": "snprintf or rh_arena_printf", "vsprintf": "vsnprintf", "strcpy": "memcpy with a length",
    "strcat": "memcpy with a length", "strncpy": "memcpy with a length", "strncat": "memcpy with a length",
    "atoi": "the parsers of base/text.h", "atol": "the parsers of base/text.h", "atoll": "the parsers of base/text.h",
    "atof": "base/decimal.h", "strtod": "base/decimal.h", "strtof": "base/decimal.h", "strtok": "a loop over spans",
    "strtok_r": "a loop over spans", "gets": "fgets", "localtime": "base/datetime.h", "gmtime": "base/datetime.h",
    "localtime_r": "base/datetime.h", "mktime": "base/datetime.h", "setlocale": "nothing: the locale stays C",
    "alloca": "the arena", "system": "posix_spawn", "popen": "posix_spawn", "rand": "randombytes of libsodium",
}
HEAP = {"malloc", "calloc", "realloc", "reallocarray", "strdup", "strndup", "asprintf", "vasprintf", "free"}
CALL = re.compile(r"(?<![\w.>])([A-Za-z_]\w*)\s*\(")

# Words of medicine and names of countries that have no place in src/: they belong into packs/, with source and cases.
MEDICINE = Path(__file__).resolve().parent / "medicine.tsv"

MACHINE = re.compile("|".join([r"/wor" + r"k/\w", r"/ro" + r"ot/", r"/ho" + r"me/[a-z]\w+/"]))
REGISTRY = re.compile("|".join([r"registry\.npm" + r"js\.org", r"py" + r"pi\.org", r"python" + r"hosted\.org",
                                r"deb\.deb" + r"ian\.org", r"artifact" + r"registry"]))
TODO = re.compile(r"\b(TODO|FIXME|XXX)\b(?!\s*\(?#\d+)")


def blank(match):
    """The same number of lines without the text, so that line numbers stay true."""
    return "\n" * match.group(0).count("\n")


def code_only(text):
    """C without comments and without what stands inside strings and character constants."""
    pattern = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
    return pattern.sub(lambda m: '""' if m.group(0)[0] == '"' else "0" if m.group(0)[0] == "'" else blank(m), text)


def without_comments(text):
    pattern = re.compile(r'("(?:\\.|[^"\\\n])*")|/\*.*?\*/|//[^\n]*', re.S)
    return pattern.sub(lambda m: m.group(1) or blank(m), text)


STRING = re.compile(r'"((?:\\.|[^"\\\n])*)"')
IDENTIFIER = re.compile(r"[A-Za-z_]\w*")
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")


class Medicine:
    """The list of tools/medicine.tsv: what may stand neither in an identifier nor in a text of src/."""

    def __init__(self, path):
        self.words, self.codes, self.hosts, self.allowed = {}, [], [], set()
        for number, row in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if not row or row.startswith("#"):
                continue
            how, kind, what, *reason = row.split("\t")
            if how == "word":
                self.words[tuple(self.split(what))] = kind
            elif how == "code":
                self.codes.append((re.compile(what), kind))
            elif how == "host":
                self.hosts.append((re.compile(what, re.I), kind))
            elif how == "allow" and reason and reason[0]:
                self.allowed.add((kind, what))
            else:
                raise ValueError(f"{path.name}:{number}: a row is word, code, host, or allow with its reason")
        self.longest = max((len(w) for w in self.words), default=0)

    @staticmethod
    def split(text):
        return [w.lower() for w in WORD.findall(text)]

    def in_words(self, words):
        for at in range(len(words)):
            for length in range(1, self.longest + 1):
                kind = self.words.get(tuple(words[at:at + length]))
                if kind and at + length <= len(words):
                    yield kind, " ".join(words[at:at + length])

    def in_text(self, text):
        yield from self.in_words(self.split(text))
        yield from ((kind, text) for pattern, kind in self.codes if pattern.fullmatch(text))
        for pattern, kind in self.hosts:
            yield from ((kind, m.group(0)) for m in pattern.finditer(text))

    def find(self, file, bare):
        """Of C without comments: (position, kind, word) of each finding that is not allowed in this file."""
        for match in STRING.finditer(bare):
            for kind, word in self.in_text(match.group(1)):
                if (file, word) not in self.allowed:
                    yield match.start(), kind, word
        for match in IDENTIFIER.finditer(STRING.sub(lambda m: " " * len(m.group(0)), bare)):
            for kind, word in self.in_words(self.split(match.group(0))):
                if (file, word) not in self.allowed:
                    yield match.start(), kind, word


def line_of(text, position):
    return text.count("\n", 0, position) + 1


class House:
    def __init__(self, root):
        self.root = Path(root)
        self.findings = []
        self.advice = []
        self.floors = {}
        self.medicine = Medicine(MEDICINE)

    def find(self, path, line, what):
        self.findings.append(f"{path.relative_to(self.root)}:{line}: {what}")

    def read_floors(self):
        page = self.root / "ARCHITECTURE.md"
        if not page.exists():
            self.findings.append("ARCHITECTURE.md: is missing; the table of floors stands there")
            return
        for _, folder, allowed in FLOOR.findall(page.read_text(encoding="utf-8")):
            self.floors[folder] = {folder} | set(re.findall(r"[a-z]+", allowed))
        if not self.floors:
            self.findings.append("ARCHITECTURE.md: has no row of the form | 2 | `src/fhir` | may include: base |")

    def files(self):
        for folder, subfolders, names in os.walk(self.root):
            subfolders[:] = sorted(s for s in subfolders if s not in SKIP_FOLDERS)
            for name in sorted(names):
                path = Path(folder) / name
                if path.suffix in TEXT or name in ("dev", "run"):
                    yield path

    def check_includes(self, path, text):
        room = path.relative_to(self.root).parts[1]
        if room not in self.floors:
            if self.floors:
                self.find(path, 1, f"src/{room} has no row in the table of ARCHITECTURE.md")
            return
        bare = without_comments(text)
        for match in INCLUDE.finditer(bare):
            target = match.group(1)
            other = target.split("/")[0]
            line = line_of(bare, match.start())
            if "/" not in target:
                generated = not (path.parent / target).exists()
                if not generated:
                    self.find(path, line, f'include "{room}/{target}", from the root of src')
            elif other in self.floors and other not in self.floors[room]:
                self.find(path, line, f"src/{room} may not include {target}")
            elif target.endswith("_int.h") and other != room:
                self.find(path, line, f"{target} is private to src/{other}")

    def check_calls(self, path, code, in_base):
        for match in CALL.finditer(code):
            name = match.group(1)
            if name in BANNED:
                self.find(path, line_of(code, match.start()), f"{name} is banned; use {BANNED[name]}")
            elif name in HEAP and not in_base:
                self.find(path, line_of(code, match.start()), f"{name} outside src/base; use an arena or base/alloc.h")

    def check_functions(self, path, code):
        start = None
        for number, row in enumerate(code.split("\n"), 1):
            if row.startswith("{"):
                start = number
            elif row.startswith("}") and start is not None:
                length = number - start - 1
                if length > FUNCTION_LINES_MAX:
                    self.find(path, start, f"a function of {length} lines; {FUNCTION_LINES_MAX} at most")
                start = None

    def check_listed(self, path):
        """In src the nearest meson.build names a C file; what the tests share may be named by any of theirs."""
        parts = path.relative_to(self.root).parts
        plans = sorted((self.root / "tests").glob("*/meson.build")) if parts[0] == "tests" else []
        plan = path.parent / "meson.build"
        while not plan.exists() and plan.parent != self.root:
            plan = plan.parent.parent / "meson.build"
        text = "\n".join(p.read_text(encoding="utf-8") for p in [plan, *plans] if p.exists())
        stem = re.sub(r"^(test|fuzz)_", "", path.stem)
        if not re.search(rf"['/]{re.escape(path.name)}'", text) and f"'{stem}'" not in text:
            self.find(path, 1, f"is not built: {plan.relative_to(self.root)} does not name it")

    def check_text(self, path, text):
        rules = [(MACHINE, "a path of somebody's machine"), (REGISTRY, "names a registry host")]
        if path.suffix in CODE and path.name not in ("tidy.py", "test_tidy.py"):
            rules.append((TODO, "without the number of its issue"))
        for pattern, what in rules:
            for match in pattern.finditer(text):
                self.find(path, line_of(text, match.start()), f"{what}: {match.group(0)}")
        if path.suffix in WANTS_SPDX or path.name in ("dev", "run"):
            if "SPDX-License-Identifier: GPL-3.0-or-later" not in "\n".join(text.split("\n")[:3]):
                self.find(path, 1, "has no SPDX-License-Identifier: GPL-3.0-or-later in its first lines")

    def check_c(self, path, text):
        parts = path.relative_to(self.root).parts
        code = code_only(text)
        self.check_functions(path, code)
        lines = text.count("\n")
        if lines > FILE_LINES_ADVICE:
            self.advice.append(f"{path.relative_to(self.root)}: {lines} lines; over {FILE_LINES_ADVICE} wants to be two")
        if parts[0] == "src":
            self.check_includes(path, text)
            self.check_calls(path, code, parts[1] == "base")
            bare = without_comments(text)
            for position, kind, word in self.medicine.find(path.relative_to(self.root).as_posix(), bare):
                self.find(path, line_of(bare, position), f"medicine in src/: {word} ({kind}); it belongs into packs/")
        if path.suffix == ".c":
            self.check_listed(path)

    def check(self):
        self.read_floors()
        for path in self.files():
            try:
                text = path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                self.find(path, 1, "is not UTF-8")
                continue
            self.check_text(path, text)
            if path.suffix in (".c", ".h"):
                self.check_c(path, text)


def main():
    house = House(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parent.parent)
    house.check()
    for row in house.findings:
        print(row)
    for row in house.advice:
        print(f"advice: {row}")
    print(f"tidy: {len(house.findings)} findings")
    sys.exit(1 if house.findings else 0)


if __name__ == "__main__":
    main()
