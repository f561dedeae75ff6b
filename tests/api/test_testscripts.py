# SPDX-License-Identifier: GPL-3.0-or-later
"""FHIR TestScripts of others (RIHLA_TESTDATA/08_rest), run against the real program."""
import json
import os
import re
import urllib.parse
from pathlib import Path

import pytest

DATA = Path(os.environ.get("RIHLA_TESTDATA", "")) / "08_rest"
SCRIPTS = sorted(DATA.rglob("*.json")) if os.environ.get("RIHLA_TESTDATA") else []
METHODS = {"create": "POST", "update": "PUT", "delete": "DELETE"}


def address(base, operation):
    code = operation.get("type", {}).get("code", "").lower()
    resource, params = operation.get("resource") or "", operation.get("params") or ""
    if operation.get("pathFromRoot"):
        base = "{0.scheme}://{0.netloc}".format(urllib.parse.urlsplit(base))
    if code == "capabilities":
        return base + "/metadata"
    if code == "history" and resource:
        return f"{base}/{resource}/_history{params}"
    return base + (f"/{resource}" if resource else "") + ("" if not params or params[0] in "/?" else "/") + params


def send(client, base, operation):
    method = (operation.get("method") or METHODS.get(operation.get("type", {}).get("code", "").lower(), "GET")).upper()
    headers = {"Accept": "application/fhir+json"} | {h["field"]: h["value"] for h in operation.get("requestHeader", [])}
    url = urllib.parse.quote(address(base, operation), safe="%/:=&?~#+!$,;'@()*[]-._")
    return client.request(method, url, headers=headers)


def found(check, answer):
    """The value that is looked at, the one that is wanted, and the operator when none is named."""
    if "responseCode" in check:
        return str(answer.status_code), check["responseCode"], "equals"
    if "contentType" in check:
        return answer.headers.get("Content-Type", ""), check["contentType"], "equals"
    if "headerField" in check:
        return answer.headers.get(check["headerField"], ""), check.get("value", ""), "equals"
    if "responseBody" in check:
        return answer.text, check["responseBody"], "contains"
    if check.get("response") == "okay":
        return str(answer.status_code), "^2..$", "matchesRegex"
    raise ValueError(f"an assertion of no kind that is known: {sorted(check)}")


OPERATORS = {
    "equals": lambda a, b: a == b,
    "notEquals": lambda a, b: a != b,
    "in": lambda a, b: a in [w.strip() for w in b.split(",")],
    "notIn": lambda a, b: a not in [w.strip() for w in b.split(",")],
    "contains": lambda a, b: b in a,
    "notContains": lambda a, b: b not in a,
    "empty": lambda a, b: not a,
    "notEmpty": lambda a, b: bool(a),
    "matchesMimeClass": lambda a, b: re.fullmatch(rf"application/(.*\+)?{re.escape(b.strip().lower())}", a.split(";")[0].strip().lower()),
    "matchesRegex": lambda a, b: re.search(b, a, re.S | re.I),
}


@pytest.mark.skipif(not SCRIPTS, reason="RIHLA_TESTDATA is not set")
@pytest.mark.parametrize("script", SCRIPTS, ids=[path.stem for path in SCRIPTS])
def test_script(fhir, script):
    script = json.loads(script.read_text())
    if script.get("resourceType") != "TestScript":
        pytest.skip("no TestScript")
    for part in [script.get("setup", {}), *script.get("test", [])]:
        answer = None
        for action in part.get("action", []):
            if "operation" in action:
                answer = send(fhir.http, fhir.base, action["operation"])
                continue
            check = action["assert"]
            actual, wanted, usual = found(check, answer)
            right = OPERATORS[check.get("operator") or usual](actual, str(wanted))
            assert right or check.get("warningOnly"), f"{part.get('id')}: {check.get('label')}: {actual[:300]!r}, wanted {wanted!r}"
