# SPDX-License-Identifier: GPL-3.0-or-later
"""Questionnaires, answers and what another implementation computed from them: compared as the data's README says."""
import datetime
import decimal
import json
import subprocess

from conftest import BIN

NOW = "2026-11-24T10:00:00Z"  # when the expected responses of forms that ask for the time were made


def load(path):
    return json.loads(path.read_text(encoding="utf-8"), parse_float=decimal.Decimal)


def encode(value):
    """JSON with decimals as they were written."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{encode(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(encode, value)) + "]"
    return str(value) if isinstance(value, decimal.Decimal) else json.dumps(value)


def batch(lines, *arguments, now=NOW):
    """Answers of `rihla form calculate --batch` in the order of the lines."""
    done = subprocess.run([BIN, "form", "calculate", "--batch", "--now", now, *arguments],
                          input="\n".join(map(encode, lines)) + "\n", capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return [json.loads(line, parse_float=decimal.Decimal) for line in done.stdout.splitlines()]


def instant(text):
    text = text.replace("Z", "+00:00")
    try:
        at = datetime.datetime.fromisoformat(text)
    except ValueError:
        return text
    return at if at.tzinfo else text


def same(a, b):
    """One answer as another: decimals by value, dateTimes as instants, codings by system and code."""
    name = next((k for k in a if k.startswith("value")), None)
    if name is None or name not in b:
        return name is None and not any(k.startswith("value") for k in b)
    x, y = a[name], b[name]
    if name == "valueDecimal":
        return abs(decimal.Decimal(x) - decimal.Decimal(y)) <= decimal.Decimal("1e-6")
    if name == "valueDateTime":
        return instant(x) == instant(y)
    if name == "valueCoding":
        return x.get("system") == y.get("system") and x.get("code") == y.get("code") and (
            "code" in x or x.get("display") == y.get("display"))
    if name == "valueQuantity":
        return (x.get("code", x.get("unit")) == y.get("code", y.get("unit")) and "value" in x and "value" in y
                and abs(decimal.Decimal(x["value"]) - decimal.Decimal(y["value"])) <= decimal.Decimal("1e-6"))
    if name == "valueReference":
        return x.get("reference") == y.get("reference")
    return x == y


def answers(response):
    """linkId: its answers in order, whatever stands between."""
    found = {}

    def walk(owner):
        for item in owner.get("item", []):
            if item.get("answer"):
                found.setdefault(item["linkId"], []).extend(item["answer"])
            walk(item)
            for answer in item.get("answer", []):
                walk(answer)

    walk(response or {})
    return found


def differences(got, want):
    """"linkId: got … wanted …" for each question whose answers are others."""
    mine, theirs = answers(got), answers(want)
    out = []
    for link in sorted(mine.keys() | theirs.keys()):
        a, b = mine.get(link, []), theirs.get(link, [])
        if len(a) != len(b) or not all(same(x, y) for x, y in zip(a, b)):
            out.append(f"{link}: got {shown(a)} wanted {shown(b)}")
    return out


def shown(list_of_answers):
    return encode([{k: v for k, v in a.items() if k.startswith("value")} for a in list_of_answers])[:300]
