#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""gen_search.py extract PACKAGE SPEC | c SPEC OUT - the search parameters that exist.

extract: reads the SearchParameter and ValueSet resources of hl7.fhir.r4.examples 4.0.1 (unpacked in PACKAGE, see
tools/r4_tables.py) and writes SPEC/search-parameters.tsv and SPEC/code-systems.tsv. Numbers that the table has already
are kept, new rows get the following ones: a number is stored in data directories and never given again.
c: writes the C tables from these and SPEC/main-dates.tsv; run by the build. What follows from the expressions alone
(views of other parameters, composites of the resource itself) is found here, so that it need not be reviewed.
"""
import hashlib
import json
import re
import sys
from pathlib import Path

KINDS = {"special": "RH_SP_SPECIAL", "string": "RH_SP_STRING", "token": "RH_SP_TOKEN", "date": "RH_SP_DATE",
         "reference": "RH_SP_REFERENCE", "number": "RH_SP_NUMBER", "quantity": "RH_SP_QUANTITY", "uri": "RH_SP_URI",
         "composite": "RH_SP_COMPOSITE"}
PREFIX = "http://hl7.org/fhir/SearchParameter/"
GENERAL = ("Resource", "DomainResource")
PARTS_MAX = 4

# Parameters whose value does not stand in the body, or that are found by other keys than their own.
NO_EXPRESSION = {"_id", "_lastUpdated", "_content", "_text"}
# The package has examples and tests of search parameters among the real ones.
LEFT_OUT = {"example", "example-extension", "example-reference"}
# Published expressions that cannot be meant: what is meant stands here.
CORRECTED = {
    # hasExtension() is no function of FHIRPath
    ("QuestionnaireResponse", "item-subject"):
        "QuestionnaireResponse.item.where(extension('http://hl7.org/fhir/StructureDefinition/questionnaireresponse-isSubject')"
        ".exists()).answer.value.ofType(Reference)",
    # the version of FHIR, not that of the statement
    ("CapabilityStatement", "fhirversion"): "CapabilityStatement.fhirVersion",
    # the address of the extension is another one
    ("Patient", "mothersMaidenName"): "Patient.extension('http://hl7.org/fhir/StructureDefinition/patient-mothersMaidenName').value",
}
# Expressions of components that stand at each other's place: relatesto is the target, relation the code.
EXCHANGED = {("relationship", "code"): "target", ("relationship", "target"): "code"}
HEADER = """\
# Search parameters of FHIR R4. A number is stored in data directories: given once, never reused. Raise the version when keys change.
# Source: SearchParameter resources of hl7.fhir.r4.examples 4.0.1 (FHIR R4, CC0), written by tools/gen_search.py, reviewed by hand.
# expression: cut to the type. targets: of a reference; none: any. components: name=expression from where the composite stands.
#number	type	name	kind	version	targets	expression	components	url
"""
SYSTEMS_HEADER = """\
# The code system of an element of type code: that of its required binding, where the value set takes codes of one system only.
# Source: ValueSet resources of hl7.fhir.r4.examples 4.0.1 (FHIR R4, CC0), written by tools/gen_search.py, reviewed by hand.
# boolean: R4, search, "token": the system of true and false.
#value set	system
boolean	http://terminology.hl7.org/CodeSystem/special-values
"""


def fail(text):
    sys.exit(f"gen_search.py: {text}")


def read_table(path, columns):
    rows = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and line[0] != "#":
            row = line.split("\t")
            if len(row) != columns:
                fail(f"{path.name}: not {columns} columns: {line}")
            rows.append(row)
    return rows


def resource_numbers(spec):
    rows = [line.split("\t") for line in (spec / "types.tsv").read_text().splitlines() if line[:1] not in ("#", "")]
    return {r[0]: int(r[3]) for r in rows if r[1] == "resource" and len(r) > 3 and r[3].isdigit()}


def alternatives(expression):
    """The parts of a union, outermost only."""
    out, depth, quoted, text = [], 0, False, ""
    for c in expression:
        if c == "'":
            quoted = not quoted
        if not quoted:
            depth += (c in "([") - (c in ")]")
            if c == "|" and depth == 0:
                out.append(text.strip())
                text = ""
                continue
        text += c
    out.append(text.strip())
    return [a for a in out if a]


def root_of(alternative):
    return re.match(r"[(\s]*([A-Za-z]*)", alternative).group(1)


def cut(expression, base, numbers):
    """The alternatives that can give something for this type."""
    kept = [a for a in alternatives(expression) if root_of(a) in (base,) + GENERAL or root_of(a) not in numbers]
    return " | ".join(kept)


def extract_parameters(package, spec):
    table = spec / "search-parameters.tsv"
    known = {(r[1], r[2]): (int(r[0]), r[4]) for r in read_table(table, 9)} if table.exists() else {}
    numbers = resource_numbers(spec)
    resources = [json.loads(f.read_text(encoding="utf-8")) for f in sorted(package.glob("SearchParameter-*.json"))]
    by_url = {p["url"]: p for p in resources if p.get("url")}
    rows = {}
    for p in resources:
        if not p.get("url", "").startswith(PREFIX) or p["id"] in LEFT_OUT or "base" not in p:
            continue
        for base in p["base"]:
            key = ("" if base in GENERAL else base, p["code"])
            if key[0] and base not in numbers:
                fail(f"{p['id']}: unknown type {base}")
            expression = "" if p["code"] in NO_EXPRESSION else CORRECTED.get(key) or cut(p.get("expression", ""), base, numbers)
            if not expression and p["code"] not in NO_EXPRESSION:
                print(f"left out, it has no expression: {base} {p['code']}")
                continue
            if key in rows:
                fail(f"twice: {key}")
            targets = p.get("target", []) if p["type"] == "reference" else []
            targets = [] if len(targets) >= len(numbers) or "Resource" in targets else sorted(targets)
            components = []
            for c in p.get("component", []):
                component = by_url[c["definition"]]
                expression_there = EXCHANGED.get((p["code"], c["expression"]), c["expression"])
                components.append(component["code"] + "=" + expression_there)
            kind = "special" if p["code"] in NO_EXPRESSION else p["type"]
            rows[key] = [kind, ",".join(targets), expression, "; ".join(components), p["url"]]
    following = max((n for n, _ in known.values()), default=0)
    out = []
    for key in sorted(rows, key=lambda k: (numbers.get(k[0], 0), k[1])):
        if key in known:
            number, version = known[key]
        else:
            following += 1
            number, version = following, "1"
        kind, targets, expression, components, url = rows[key]
        out.append((number, key[0], key[1], kind, version, targets, expression, components, url))
    table.write_text(HEADER + "".join("\t".join(map(str, r)) + "\n" for r in sorted(out)), encoding="utf-8")


def system_of(value_set, sets, depth=0):
    """The one system that all codes of a value set are of; None: there are several, or it cannot be said."""
    resource = sets.get(value_set.split("|")[0])
    if not resource or depth > 4:
        return None
    found = set()
    for include in resource.get("compose", {}).get("include", []):
        if "system" in include:
            found.add(include["system"])
        for inner in include.get("valueSet", []):
            found.add(system_of(inner, sets, depth + 1))
    return found.pop() if len(found) == 1 else None


def extract_systems(package, spec):
    sets = {}
    for file in sorted(package.glob("ValueSet-*.json")):
        resource = json.loads(file.read_text(encoding="utf-8"))
        sets[resource.get("url")] = resource
    bindings = set()
    for line in (spec / "elements.tsv").read_text(encoding="utf-8").splitlines():
        row = line.split("\t")
        if line[:1] != "#" and len(row) > 5 and row[5] and "code" in row[4].split("|"):
            bindings.add(row[5])
    rows = [(b, system_of(b, sets)) for b in sorted(bindings)]
    text = "".join(f"{b}\t{s}\n" for b, s in rows if s and not s.startswith("urn:"))
    (spec / "code-systems.tsv").write_text(SYSTEMS_HEADER + text, encoding="utf-8")


# --- the C tables ------------------------------------------------------------------------------------------------------


class Parameter:
    def __init__(self, row, numbers):
        number, self.base, self.name, self.kind, version, targets, self.expression, components, self.url = row
        self.row = row
        self.number, self.version, self.type = int(number), int(version), numbers.get(self.base, 0)
        if self.base and not self.type:
            fail(f"unknown type {self.base}")
        self.targets = [numbers[t] for t in targets.split(",") if t]
        self.component_texts = [c.split("=", 1) for c in components.split("; ")] if components else []
        self.parts, self.part_target, self.components = [], 0, []
        self.joined = self.dated = self.exact = self.words = False
        self.alternatives = set(alternatives(self.expression))
        self.resolved = {re.fullmatch(r"(.*)\.where\(resolve\(\) is ([A-Za-z]+)\)", a) for a in self.alternatives}

    def same_components(self, other):
        return [e for _, e in self.component_texts] == [e for _, e in other.component_texts]


def cover(p, wanted, owners):
    """Owners whose alternatives together are `wanted`, largest first; none when there are not such."""
    left, parts = set(wanted), []
    for o in sorted(owners, key=lambda o: (-len(o.alternatives), o.number)):
        if o.alternatives <= wanted and o.alternatives & left:
            parts.append(o)
            left -= o.alternatives
    return parts if not left and len(parts) <= PARTS_MAX else []


def find_views(rows, numbers):
    """Within one type. Keys are those of parameters that are no views, so parts are none either."""
    owners = []
    for p in sorted(rows, key=lambda p: (None not in p.resolved and bool(p.resolved), len(p.alternatives), p.number)):
        others = [o for o in owners if o.kind == p.kind and o.same_components(p)] if p.expression else []
        if p.resolved and None not in p.resolved and len({m.group(2) for m in p.resolved}) == 1:
            p.parts = cover(p, {m.group(1) for m in p.resolved}, others)
            if p.parts:
                p.part_target = numbers[next(iter(p.resolved)).group(2)]
        if not p.parts:
            p.parts = cover(p, p.alternatives, others)
            if p.parts and len(p.targets) == 1 and any(o.targets != p.targets for o in p.parts):
                p.part_target = p.targets[0]
        if not p.parts:
            owners.append(p)


def read_elements(spec):
    return {(r[0], r[1]): r for r in (line.split("\t") for line in (spec / "elements.tsv").read_text(encoding="utf-8").splitlines())
            if len(r) > 4}


def first_paths(spec):
    first = {}
    for type_name, _, path in read_table(spec / "compartment-patient.tsv", 3):
        first.setdefault(type_name, path)
    return first


def complete(by_type, spec, numbers):
    elements, first = read_elements(spec), first_paths(spec)
    main = {}
    for type_name, name in read_table(spec / "main-dates.tsv", 2):
        found = [p for p in by_type.get(numbers[type_name], []) if p.name == name]
        if not found or found[0].kind != "date" or found[0].parts:
            fail(f"main-dates.tsv: {type_name} has no date parameter {name} with keys of its own")
        main[numbers[type_name]] = found[0]
    for type_number, rows in by_type.items():
        find_views(rows, numbers)
        names = {p.name: p for p in rows}
        for p in rows:
            p.components = [names[n] for n, _ in p.component_texts]
            p.joined = p.kind == "composite" and p.expression == p.base
            owner = elements.get((p.base, p.expression[len(p.base) + 1:]))
            p.exact = (p.kind == "reference" and not p.parts and owner is not None and owner[3] == "1" and
                       first.get(p.base) == owner[1] and p.base != "Patient")
            p.words = p.kind == "string" and owner is not None and owner[4] == "HumanName"
            p.dated = (not p.parts and p.kind in ("token", "string", "reference", "quantity") and p.name != "identifier" and
                       type_number in main)
    return main


def quoted(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def write_c(spec, out):
    numbers = resource_numbers(spec)
    rows = [Parameter(r, numbers) for r in read_table(spec / "search-parameters.tsv", 9)]
    if len({p.number for p in rows}) != len(rows):
        fail("a number stands twice")
    rows.sort(key=lambda p: (p.type, p.number))
    if [(p.number, p.name) for p in rows[:2]] != [(1, "_id"), (2, "_lastUpdated")]:
        fail("number 1 must be _id and number 2 _lastUpdated")
    by_type, index = {}, {p.number: i for i, p in enumerate(rows)}
    for p in rows:
        by_type.setdefault(p.type, []).append(p)
    main = complete(by_type, spec, numbers)
    lists, text = {}, ["/* Generated by tools/gen_search.py. */", '#include "search/parameter_int.h"', "",
                       f"const struct rh_parameter rh_parameter_rows[{len(rows)}];"]
    pointers = {}

    def array(kind, items, typename):
        """A constant array, one for all that hold the same."""
        if not items:
            return "NULL"
        body = ", ".join(items)
        if (kind, body) not in lists:
            lists[kind, body] = f"{kind}_{len(lists)}"
            text.append(f"static {typename} {lists[kind, body]}[] = {{{body}}};")
        return lists[kind, body]

    table = []
    for p in rows:
        targets = array("targets", [str(t) for t in p.targets], "const uint16_t")
        refer = "const struct rh_parameter *const"
        parts = array("parts", [f"&rh_parameter_rows[{index[o.number]}]" for o in p.parts], refer)
        components = array("components", [f"&rh_parameter_rows[{index[o.number]}]" for o in p.components], refer)
        texts = array("texts", [quoted(e) for _, e in p.component_texts], "const char *const")
        flags = ", ".join("true" if f else "false" for f in (p.words, p.dated, p.exact, True))
        table.append(f"    {{{quoted(p.name)}, {p.number}, {p.type}, {KINDS[p.kind]}, {p.version}, {flags}, {len(p.targets)}, "
                     f"{len(p.parts)}, {len(p.components)}, {'true' if p.joined else 'false'}, {p.part_target}, {targets}, {parts}, "
                     f"{components}, {texts}, {quoted(p.expression)}, {quoted(p.url)}}},")
    text += [f"const struct rh_parameter rh_parameter_rows[{len(rows)}] = {{", *table, "};"]
    first = [sum(1 for p in rows if p.type < t) for t in range(max(numbers.values()) + 2)]
    text.append(f"const uint16_t rh_parameter_first[{len(first)}] = {{{', '.join(map(str, first))}}};")
    dates = [main[t].number if t in main else 0 for t in range(max(numbers.values()) + 1)]
    text.append(f"const uint16_t rh_parameter_main_dates[{len(dates)}] = {{{', '.join(map(str, dates))}}};")
    systems = sorted(read_table(spec / "code-systems.tsv", 2))
    text.append(f"const struct rh_code_system rh_code_systems[{len(systems)}] = {{")
    text += [f"    {{{quoted(b)}, {quoted(s)}}}," for b, s in systems]
    text += ["};", f"const unsigned rh_code_systems_n = {len(systems)};"]
    # Keys depend on a parameter's row without its address, so the version of all is a hash of these.
    keyed = repr([[p.row[:8] for p in rows], sorted((t, p.number) for t, p in main.items()), systems]).encode()
    digest = int.from_bytes(hashlib.blake2b(keyed, digest_size=8).digest(), "big")
    text.append(f"const uint64_t rh_parameter_table_hash = UINT64_C({digest});")
    out.write_text("\n".join(text) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] == "extract":
        extract_parameters(Path(sys.argv[2]), Path(sys.argv[3]))
        extract_systems(Path(sys.argv[2]), Path(sys.argv[3]))
    elif len(sys.argv) == 4 and sys.argv[1] == "c":
        write_c(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        fail(__doc__)
