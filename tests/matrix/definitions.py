# SPDX-License-Identifier: GPL-3.0-or-later
"""R4's search parameters as their SearchParameter resources state them: what the reference evaluates."""
import json
import re
import tarfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGE = ROOT / "build" / "deps" / "fhir" / "hl7.fhir.r4.examples-4.0.1.tgz"
OFFICIAL = "http://hl7.org/fhir/SearchParameter/"


@dataclass
class Parameter:
    """`expression` is cut to the type; `only`: resolve() is that type; components: (expression, kind, parameter)."""
    type: str
    name: str
    kind: str
    expression: str
    only: str
    targets: tuple
    components: tuple


def split_top(text, mark="|"):
    """Cuts at a mark that is in no bracket."""
    parts, depth, start = [], 0, 0
    for i, c in enumerate(text):
        depth += (c in "([") - (c in ")]")
        if c == mark and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    return [p.strip() for p in parts + [text[start:]] if p.strip()]


def of_type(expression):
    """`as` fails where several elements stand; what the parameters mean is ofType()."""
    expression = re.sub(r"\(([\w.]+) as (\w+)\)", r"\1.ofType(\2)", expression)
    expression = re.sub(r"^([\w.]+) as (\w+)$", r"\1.ofType(\2)", expression)
    return re.sub(r"\.as\((\w+)\)", lambda m: f".ofType({'dateTime' if m[1] == 'DateTime' else m[1]})", expression)


def cut(expression, base):
    """The part of an expression that belongs to a type, and the type its references are filtered by."""
    parts, only = [], ""
    for part in split_top(expression):
        if re.match(rf"\(*{base}\b", part):
            match = re.match(r"(.*)\.where\(resolve\(\) is (\w+)\)$", part)
            if match:
                part, only = match.groups()
            parts.append(of_type(part))
    return " | ".join(parts), only


def read(types, package=PACKAGE):
    """{type: {name: Parameter}}"""
    resources = []
    with tarfile.open(package) as tar:
        for member in tar:
            if "/SearchParameter-" in member.name:
                one = json.load(tar.extractfile(member))
                if one["resourceType"] == "SearchParameter" and one.get("base") and one.get("url", "").startswith(OFFICIAL):
                    resources.append(one)
    by_url = {r["url"]: r for r in resources}
    found = {t: {} for t in types}
    for one in resources:
        if one["id"].startswith(("example", "Patient-extensions", "SearchParameter")) or not one.get("expression"):
            continue
        for kind in types:
            base = kind if kind in one["base"] else "Resource" if "Resource" in one["base"] else None
            if not base:
                continue
            expression, only = cut(one["expression"], base)
            if not expression or "extension(" in expression:
                continue
            components = tuple((of_type_each(c["expression"]), by_url[c["definition"]]["type"], by_url[c["definition"]]["code"]) for c in one.get("component", []))
            if one["id"] == "DocumentReference-relationship":  # the expressions of R4 stand the wrong way round
                components = (("target", "reference", "relatesto"), ("code", "token", "relation"))
            found[kind][one["code"]] = Parameter(kind, one["code"], one["type"], expression, only, tuple(one.get("target", [])), components)
    return found


def of_type_each(expression):
    return " | ".join(of_type(p) for p in split_top(expression))
