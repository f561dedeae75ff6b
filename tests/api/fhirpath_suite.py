# SPDX-License-Identifier: GPL-3.0-or-later
"""Suites of FHIRPath expressions as lists of Case, run through `rihla fhirpath --batch`, and judged.

HL7's XML form (tests-fhir-r4.xml), the YAML form of fhirpath.js, and our own: a JSON list of
{"name","expr","resource"|"file","context","variables","model","strict","result"|"error"}.
"""
import decimal
import json
import subprocess
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field

import yaml
from conftest import BIN


@dataclass
class Case:
    suite: str
    name: str
    line: dict  # what the batch gets
    want: list = None  # of (type or None, value); None: an error
    ordered: bool = True
    predicate: bool = False
    also_error: bool = False  # either the result or an error
    kind: str = ""  # of the error: syntax, semantic, execution
    exact: bool = False  # types are compared too
    reason: str = ""
    tags: list = field(default_factory=list)


def resource_of(path):
    """A resource file as an object; XML is read by the program."""
    if path.suffix == ".xml":
        done = subprocess.run([BIN, "fhirpath", "$this", str(path)], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, f"{path}: {done.stderr}"
        return json.loads(done.stdout, parse_float=decimal.Decimal)[0]
    return json.loads(path.read_text(encoding="utf-8"), parse_float=decimal.Decimal)


def unique(cases):
    seen = {}
    for case in cases:
        seen[case.name] = seen.get(case.name, 0) + 1
        if seen[case.name] > 1:
            case.name += f" #{seen[case.name]}"
    return cases


def xml_suite(path):
    folder, cases, inputs = path.parent, [], {}
    for test in ElementTree.parse(path).getroot().iter("test"):
        expression = test.find("expression")
        line = {"expr": expression.text or ""}
        file = test.get("inputfile")
        if file:
            if file not in inputs:
                inputs[file] = resource_of(folder / file)
            line["resource"] = inputs[file]
        case = Case("xml", test.get("name"), line, ordered=test.get("ordered") != "false",
                    predicate=test.get("predicate") == "true", kind=expression.get("invalid") or "")
        if not case.kind:
            case.exact = True
            case.want = [(o.get("type"), o.text or "") for o in test.findall("output")]
        cases.append(case)
    return unique(cases)


def yaml_tests(rows):
    for row in rows:
        group = next((k for k in row if k.startswith("group")), None)
        if group:
            yield from yaml_tests(row[group])
        else:
            yield row


class Loader(yaml.SafeLoader):
    """Numbers stay exact; dates stay text."""


Loader.yaml_implicit_resolvers = {k: [(tag, regexp) for tag, regexp in v if tag != "tag:yaml.org,2002:timestamp"]
                                  for k, v in yaml.SafeLoader.yaml_implicit_resolvers.items()}
Loader.add_constructor("tag:yaml.org,2002:float", lambda loader, node: decimal.Decimal(node.value))


def yaml_suite(path):
    folder, cases, inputs = path.parent / "resources", [], {}
    for test in yaml_tests(yaml.load(path.read_text(encoding="utf-8"), Loader)["tests"]):
        line = {"expr": test["expression"], "model": test.get("model") or "none"}
        file = test.get("inputfile")
        if file:
            if file not in inputs:
                inputs[file] = resource_of(folder / file)
            line["resource"] = inputs[file]
        if "context" in test:
            line["context"] = test["context"]
        if "variables" in test:
            line["variables"] = test["variables"]
        case = Case("yaml", test["desc"].removeprefix("** "), line)
        result = test.get("result")
        if result is not None:
            case.want = [(None, v) for v in (result if isinstance(result, list) else [result])]
            case.also_error = bool(test.get("error"))
        cases.append(case)
    return unique(cases)


def own_suite(path):
    cases = []
    for row in json.loads(path.read_text(encoding="utf-8"), parse_float=decimal.Decimal):
        line = {k: row[k] for k in ("expr", "resource", "context", "variables", "model", "strict") if k in row}
        if "file" in row:
            line["resource"] = resource_of(path.parent / row["file"])
        case = Case(path.stem, row["name"], line, reason=row.get("error", ""))
        if "result" in row:
            case.exact = True
            case.want = [(v["type"], v["value"]) if isinstance(v, dict) and set(v) == {"type", "value"} else (None, v)
                         for v in row["result"]]
        cases.append(case)
    return unique(cases)


class Encoder(json.JSONEncoder):
    """Decimals to the digit."""

    def iterencode(self, o, _one_shot=False):
        marks = {}

        def marked(v):
            if isinstance(v, decimal.Decimal):
                marks[f"@@{len(marks)}@@"] = str(v)
                return f"@@{len(marks) - 1}@@"
            if isinstance(v, dict):
                return {k: marked(x) for k, x in v.items()}
            return [marked(x) for x in v] if isinstance(v, list) else v

        text = json.dumps(marked(o))
        for mark, number in marks.items():
            text = text.replace(f'"{mark}"', number, 1)
        yield text


def run(cases, *options, timeout=120):
    """The answers, in the order of the cases."""
    lines = "".join(json.dumps({"id": i, **case.line}, cls=Encoder) + "\n" for i, case in enumerate(cases))
    done = subprocess.run([BIN, "fhirpath", "--batch", *options], input=lines, capture_output=True, text=True,
                          timeout=timeout)
    assert done.returncode == 0, f"exit {done.returncode}: {done.stderr[-2000:]}"
    answers = [json.loads(line, parse_float=decimal.Decimal) for line in done.stdout.splitlines()]
    assert [a["id"] for a in answers] == list(range(len(cases)))
    return answers


def text_of(item):
    """A value as HL7's suite writes it."""
    kind, value = item["type"], item["value"]
    if isinstance(value, bool):
        return "true" if value else "false"
    if kind == "Quantity" and isinstance(value, dict) and "value" in value:
        return f"{value['value']} '{value.get('code') or value.get('unit') or '1'}'"
    if kind in ("date", "dateTime", "instant"):
        return f"@{value}"
    if kind == "time":
        return f"@T{value}"
    return value if isinstance(value, str) else json.dumps(value, default=str)


def number(text):
    try:
        return decimal.Decimal(str(text))
    except decimal.InvalidOperation:
        return None


def same_value(want, item):
    got = item["value"]
    if isinstance(want, bool) or isinstance(got, bool):
        return want is got or (isinstance(want, str) and want == text_of(item))
    if isinstance(want, (dict, list)):
        return want == got
    if want == got:
        return True
    if isinstance(got, (int, decimal.Decimal)):
        return number(want) is not None and number(want) == number(got)
    return isinstance(want, str) and want in (text_of(item), text_of(item).lstrip("@").removeprefix("T"))


def same_item(case, want, item):
    kind, value = want
    return same_value(value, item) and (not case.exact or kind is None or kind == item["type"])


def judge(case, answer):
    """None when the answer is right, else what is wrong."""
    if "error" in answer:
        if case.want is None or case.also_error:
            place = answer["at"]
            if case.reason and case.reason not in answer["error"]:
                return f"the error {answer['error']!r} does not say {case.reason!r}"
            if place is not None and not all(n.isdigit() and int(n) for n in str(place).split(":")):
                return f"a place is LINE:COLUMN, not {place!r}"
            return None
        return f"error: {answer['error']} at {answer['at']}"
    items = answer["result"]
    shown = ", ".join(f"{i['type']} {json.dumps(i['value'], default=str)}" for i in items) or "empty"
    if case.want is None:
        return f"is not refused ({case.kind}): {shown}"
    if case.predicate:
        if len(items) != 1 or items[0]["type"] != "boolean":
            items = [{"type": "boolean", "value": len(items) > 0}]
    if len(items) != len(case.want):
        return f"{len(items)} items, wanted {len(case.want)}: {shown}"
    if case.ordered:
        wrong = [i for i, (w, g) in enumerate(zip(case.want, items)) if not same_item(case, w, g)]
        return f"item {wrong[0]} is not {case.want[wrong[0]]}: {shown}" if wrong else None
    rest = list(items)
    for want in case.want:
        match = next((g for g in rest if same_item(case, want, g)), None)
        if match is None:
            return f"{want} is missing: {shown}"
        rest.remove(match)
    return None
