# SPDX-License-Identifier: GPL-3.0-or-later
"""HL7's terminology ecosystem test cases (tx-ecosystem IG, "Test cases") through `rihla terminology --batch`.

The cases are written for R5 and any server. What is done about that here:
- expected responses are templates ($optional$, $choice:a|b$, $uuid$, …): `difference` reads them;
- an answer in R4 has the properties of concepts in HL7's extensions for them: `to_r5` reads these;
- texts differ per server, so a text is never compared, nor what stands for one: the message id of an issue and
  Parameters' `message` (that there is one is compared). `location` is the old name of `expression`.
"""
import json
import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BIN = os.environ.get("RIHLA_BIN", str(ROOT / "build" / "rihla"))
OPERATIONS = {"expand": "ValueSet/$expand", "validate-code": "ValueSet/$validate-code",
              "cs-validate-code": "CodeSystem/$validate-code", "batch-validate": "ValueSet/$batch-validate-code",
              "lookup": "CodeSystem/$lookup", "translate": "ConceptMap/$translate"}
PROPERTY = "http://hl7.org/fhir/5.0/StructureDefinition/extension-ValueSet.expansion."
FHIR_VERSION = "4.0.1"
PATTERNS = {"$uuid$": r"urn:uuid:[0-9a-f-]{36}", "$instant$": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d.*",
            "$string$": r"\S(.*\S)?", "$version$": re.escape(FHIR_VERSION)}


class Case:
    def __init__(self, folder, suite, test):
        self.folder, self.suite, self.test = folder, suite["name"], test
        self.name = f"{suite['name']}/{test['name']}"
        self.setup = suite["setup"]
        # "flat" and other readings of the same case that a server may give
        self.responses = [test[k] for k in test if k.startswith("response") and "tx.fhir.org" not in k]
        self.refused = not test.get("http-code", "200").startswith("2")

    def parameters(self):
        request = load(self.folder / self.test["request"])
        rows = list(request.get("parameter", []))
        if "profile" in self.test:
            rows += [p for p in load(self.folder / self.test["profile"])["parameter"] if p["name"] != "uuid"]
        if "Accept-Language" in self.test:
            rows.append({"name": "__Accept-Language", "valueCode": self.test["Accept-Language"]})
        if self.test.get("header", {}).get("name") == "X-TOO-COSTLY-THRESHOLD":
            rows.append({"name": "limit", "valueInteger": int(self.test["header"]["value"])})
        return {"resourceType": "Parameters", "parameter": rows}


def load(path):
    return json.loads(Path(path).read_text(encoding="utf-8-sig"))


def cases(folder):
    """Every case of the suites that is an operation and meant for any server."""
    for suite in load(folder / "test-cases.json")["suites"]:
        for test in suite["tests"]:
            if test["operation"] in OPERATIONS and test.get("mode", "general") == "general":
                yield Case(folder, suite, test)


def run(all_cases):
    """The answer of each case; one process, the world of a suite is made once."""
    process = subprocess.Popen([BIN, "terminology", "--batch"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(line):
        process.stdin.write(json.dumps(line) + "\n")
        process.stdin.flush()
        answer = process.stdout.readline()
        assert answer, f"the program ended at {line.get('id')}"
        return json.loads(answer)

    before = None
    try:
        for case in all_cases:
            if case.suite != before:
                said = ask({"id": case.suite, "resources": [load(case.folder / f) for f in case.setup]})
                assert "outcome" not in said, said
                before = case.suite
            yield ask({"id": case.name, "setup": case.suite, "operation": OPERATIONS[case.test["operation"]],
                       "parameters": case.parameters()})
    finally:
        process.stdin.close()
        process.wait(60)


# --- R4 read as R5 ---------------------------------------------------------------------------------------------------

def _take_properties(element, url):
    taken, kept = [], []
    for extension in element.get("extension", []):
        if extension["url"] != url:
            kept.append(extension)
            continue
        row = {}
        for part in extension["extension"]:
            name = next(k for k in part if k.startswith("value"))
            row[name if part["url"] == "value" else part["url"]] = part[name]
        taken.append(row)
    element.pop("extension", None)
    if kept:
        element["extension"] = kept
    return taken


def to_r5(resource):
    def concepts(rows):
        for row in rows:
            if properties := _take_properties(row, PROPERTY + "contains.property"):
                row["property"] = properties
            concepts(row.get("contains", []))

    if resource.get("resourceType") == "ValueSet" and "expansion" in resource:
        expansion = resource["expansion"]
        if properties := _take_properties(expansion, PROPERTY + "property"):
            expansion["property"] = properties
        concepts(expansion.get("contains", []))
    return resource


# --- comparing with a template ---------------------------------------------------------------------------------------

def _is_optional(want):
    mark = want.get("$optional$") if isinstance(want, dict) else None
    if isinstance(mark, str):
        return mark.startswith(("warning:", "!")) or (mark.startswith("version:") and FHIR_VERSION.startswith(mark[8:]))
    return mark is True


def _is_forbidden(want):
    mark = want.get("$only$") if isinstance(want, dict) else None
    return isinstance(mark, str) and mark.startswith("version:") and not FHIR_VERSION.startswith(mark[8:])


def _scalar(want, got):
    if isinstance(want, bool) or isinstance(got, bool) or want is None:
        return want is got
    if isinstance(want, (int, float)):
        return isinstance(got, (int, float)) and want == got
    if not isinstance(got, str):
        return False
    if want in PATTERNS:
        return re.fullmatch(PATTERNS[want], got, re.S) is not None
    if want.startswith("$choice:"):
        return got in want[8:-1].split("|")
    if re.fullmatch(r"\$.*\$", want):
        return True
    return got == want.replace("$version$", FHIR_VERSION)


def _object(want, got, path):
    optional = want.get("$optional-properties$", want.get("$optional", []))
    optional = optional if isinstance(optional, list) else []
    counted = want.get("$count-arrays$", [])
    ignored = {"location", "extension", "diagnostics"} if "severity" in want else set()
    if path.endswith(".details") or want.get("name") == "message":
        ignored |= {"text", "valueString"}
    keys = {k for k in want if not k.startswith("$")} - ignored
    for key in sorted(keys):
        if key not in got:
            if key in optional or "*" in optional or _is_optional(want[key]) or (
                    isinstance(want[key], list) and all(_is_optional(x) for x in want[key])):
                continue
            return f"{path}.{key} is missing"
        if key in counted:
            if len(want[key]) != len(got[key]):
                return f"{path}.{key} has {len(got[key])} items, not {len(want[key])}"
            continue
        if said := difference(want[key], got[key], f"{path}.{key}"):
            return said
    more = set(got) - keys - ignored
    return f"{path}.{sorted(more)[0]} should not be there" if more else None


def _list(want, got, path):
    """In any order."""
    left = list(got)
    for item in want:
        if _is_forbidden(item):
            continue
        match = next((x for x in left if difference(item, x, path + "[]") is None), None)
        if match is not None:
            left.remove(match)
        elif not _is_optional(item):
            near = [x for x in left if isinstance(x, dict) and isinstance(item, dict)
                    and all(x.get(k) == item[k] for k in ("name", "code", "url") if k in item)]
            return difference(item, near[0], path + "[]") if near else f"{path} lacks {json.dumps(item)[:200]}"
    return f"{path} should not have {json.dumps(left[0])[:200]}" if left else None


def difference(want, got, path=""):
    """The first difference in words, or None."""
    if isinstance(want, dict):
        return _object(want, got, path) if isinstance(got, dict) else f"{path} is no object"
    if isinstance(want, list):
        return _list(want, got, path) if isinstance(got, list) else f"{path} is no list"
    return None if _scalar(want, got) else f"{path} is {json.dumps(got)[:100]}, not {json.dumps(want)[:100]}"


def judge(case, answer):
    """What is wrong with the answer, or None."""
    said = None
    got = to_r5(answer.get("result") or answer.get("outcome"))
    for name in case.responses:
        if not (case.folder / name).exists():
            continue
        wrong = difference(load(case.folder / name), got)
        if not wrong and ("outcome" in answer) != case.refused:
            wrong = "refused" if "outcome" in answer else "not refused"
        if not wrong:
            return None
        said = said or wrong
    return said or "no expected response"
