#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mix of 30 shapes of search on a large store: search_mix.py --data DIR [--patients N] [--seconds S] [--shape WORDS]

DIR is a data directory made from Synthea people (multiply.py, then `rihla import`). Every shape of SHAPES takes its values from the store itself, so
that it finds something; each is run alone (16 clients), then all of them mixed as one list. Beside them the ceiling of the same minute: nginx
with a file of 2 KB. Prints req/s, p50, p99 and max in ms, matches of one sample; JSON with --out. `--single` asks each once and shows its plan.

The shapes cover every parameter type (string token date number quantity reference uri composite special), modifiers (exact contains missing not
text of-type identifier in-list type), prefixes, OR, AND, chains, reverse chains, includes, sorts, totals and paging.
"""
import argparse
import json
import random
import sys
import tempfile
from pathlib import Path

from bench import ceiling_nginx, quote, serving, wrk

POOL = 400


def each(values, form):
    return [form(v) for v in values]


class Values:
    """What the store holds, found by searching it."""

    def __init__(self, s):
        self.s, rnd = s, random.Random(3)
        people = self.entries("/fhir/Patient?_count=1000")
        self.patients = [p["id"] for p in people]
        rnd.shuffle(self.patients)
        self.patients = self.patients[:POOL]
        self.families = sorted({p["name"][0]["family"] for p in people})
        self.given = sorted({p["name"][0]["given"][0] for p in people})
        self.births = sorted({p["birthDate"] for p in people})
        self.identifiers = [(i.get("system", ""), i["value"]) for p in people[:POOL] for i in p["identifier"][:1]]
        self.cities = sorted({p["address"][0]["city"] for p in people if p.get("address")})
        observations = self.entries("/fhir/Observation?_count=1000")
        self.codes = sorted({o["code"]["coding"][0]["code"] for o in observations})
        self.kinds = sorted({(o["code"]["coding"][0]["code"], o["category"][0]["coding"][0]["code"]) for o in observations if o.get("category")})
        self.numbers = sorted({(o["code"]["coding"][0]["code"], round(o["valueQuantity"]["value"]), o["valueQuantity"]["code"])
                               for o in observations if "valueQuantity" in o})[:POOL]
        self.conditions = sorted({c["code"]["coding"][0]["code"] for c in self.entries("/fhir/Condition?_count=1000")})
        self.encounters = [e["id"] for e in self.entries("/fhir/Encounter?_count=400")]
        self.organizations = self.entries("/fhir/Organization?_count=200")

    def entries(self, path):
        return [e["resource"] for e in self.s.get(path).get("entry", [])]


LOINC, SNOMED, UCUM = "http://loinc.org%7C", "http://snomed.info/sct%7C", "http://unitsofmeasure.org%7C"


def shapes(v):
    """Name -> lines. Each name says what it is for."""
    years = range(2008, 2020)
    q = quote
    return {
        "string name": each(v.families, lambda n: f"/Patient?name={q(n)}&_count=20"),
        "string :exact + given": each(v.families, lambda n: f"/Patient?family:exact={q(n)}&given={q(v.given[len(n) % len(v.given)][:2])}"),
        "string :contains": each(v.families, lambda n: f"/Patient?family:contains={q(n[1:4].lower())}&_count=20"),
        "address, _sort=family,given": each(v.cities, lambda c: f"/Patient?address-city={q(c)}&_sort=family,given&_count=20"),
        "date ge + token": each(v.births, lambda d: f"/Patient?birthdate=ge{d}&gender=female&_count=20"),
        "date range, _sort=-birthdate": each(v.births, lambda d: f"/Patient?birthdate=gt{d[:4]}&birthdate=lt{int(d[:4]) + 12}&_sort=-birthdate&_count=20"),
        "token identifier": each(v.identifiers, lambda i: f"/Patient?identifier={q(i[0])}%7C{q(i[1])}"),
        "token code": each(v.codes, lambda c: f"/Observation?code={LOINC}{c}&_count=20"),
        "token OR": each(v.codes, lambda c: f"/Observation?code={LOINC}{c},{LOINC}{v.codes[0]},{LOINC}{v.codes[-1]}&_count=20"),
        "token :not": each(v.codes, lambda c: f"/Observation?code={LOINC}{c}&status:not=final&_count=20"),
        "token AND of three": each(v.kinds, lambda k: f"/Observation?code={LOINC}{k[0]}&status=final&category={k[1]},exam&_count=20"),
        "token :text": each(("weight", "height", "pressure", "pain", "glucose", "body mass"), lambda t: f"/Observation?code:text={q(t)}&_count=20"),
        "token :of-type": each(v.identifiers, lambda i: f"/Patient?identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203%7CMR%7C{q(i[1])}"),
        "quantity gt with unit": each(v.numbers, lambda n: f"/Observation?value-quantity=gt{n[1]}%7C{UCUM}{q(n[2])}&code={LOINC}{n[0]}&_count=20"),
        "composite code-value": each(v.numbers, lambda n: f"/Observation?code-value-quantity={LOINC}{n[0]}$gt{n[1]}&_count=20"),
        "component composite": each(range(100, 160), lambda n: f"/Observation?component-code-value-quantity={LOINC}8480-6$gt{n}&_count=20"),
        "reference + token, _sort=-date": [f"/Observation?subject=Patient/{p}&code={LOINC}{c}&_sort=-date&_count=5" for p in v.patients for c in v.codes[:3]],
        "reference of encounter": each(v.encounters, lambda e: f"/Observation?encounter=Encounter/{e}&_count=50"),
        "code, _sort=-date": each(v.codes, lambda c: f"/Observation?code={LOINC}{c}&_sort=-date&_count=20"),
        "code + date": [f"/Observation?code={LOINC}{c}&date=ge{y}&date=lt{y + 2}&_count=20" for c in v.codes for y in years],
        "count of code + date in a year": [f"/Observation?code={LOINC}{c}&date={y}-0{1 + y % 9}&_summary=count" for c in v.codes for y in years],
        ":missing": each(v.conditions, lambda c: f"/Condition?abatement-date:missing=true&code={SNOMED}{c}&_count=20"),
        "chain to name": each(v.families, lambda n: f"/Encounter?subject:Patient.name={q(n)}&_count=20"),
        "chain through two": each(v.patients, lambda p: f"/Observation?encounter:Encounter.subject:Patient._id={p}&_count=20"),
        "_has": each(v.codes, lambda c: f"/Patient?_has:Observation:patient:code={LOINC}{c}&_count=20"),
        "_has + gender, _sort=birthdate": each(v.conditions, lambda c: f"/Patient?_has:Condition:patient:code={SNOMED}{c}&gender=male&_sort=birthdate&_count=20"),
        "_include": each(v.conditions, lambda c: f"/Condition?code={SNOMED}{c}&_include=Condition:subject&_include=Condition:encounter&_count=10"),
        "_revinclude": each(v.patients, lambda p: f"/Patient?_id={p}&_revinclude=Condition:subject&_revinclude=Encounter:subject"),
        "_lastUpdated, newest first": each(range(1, 21), lambda n: f"/Condition?_lastUpdated=gt2020-01-01&_sort=-_lastUpdated&_count={n}"),
        "_elements, compartment": each(v.patients, lambda p: f"/Patient/{p}/Condition?_elements=code,onsetDateTime&_count=20"),
    }


def ask(s, line):
    status, body = s.call("GET", "/fhir" + line)
    bundle = json.loads(body)
    return status, bundle, len([e for e in bundle.get("entry", []) if e.get("search", {}).get("mode") == "match"]) or bundle.get("total", 0)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--bin", default=str(Path(__file__).resolve().parents[2] / "build" / "rihla"))
    p.add_argument("--data", required=True)
    p.add_argument("--seconds", type=int, default=3)
    p.add_argument("--mix-seconds", type=int, default=20)
    p.add_argument("--clients", type=int, default=16)
    p.add_argument("--shape", default="", help="only shapes whose name holds this")
    p.add_argument("--single", action="store_true")
    p.add_argument("--out")
    o = p.parse_args()
    rnd, result = random.Random(9), {"shapes": {}}
    with serving(o.bin, o.data) as s, tempfile.TemporaryDirectory() as folder:
        counts = {t: s.get(f"/fhir/{t}?_summary=count")["total"] for t in ("Patient", "Observation", "Encounter", "Condition")}
        print(counts, flush=True)
        result["ceiling"] = ceiling_nginx(Path(folder))
        print(f"nginx, 2 KB: {result['ceiling']['req_s']:.0f}/s p99 {result['ceiling']['p99_ms']:.1f} ms", flush=True)
        all_shapes = {k: l for k, l in shapes(Values(s)).items() if o.shape in k}
        mixed = []
        for name, lines in all_shapes.items():
            rnd.shuffle(lines)
            lines = lines[:POOL]
            status, bundle, found = ask(s, lines[0])
            if status != 200:
                sys.exit(f"{lines[0]}: {status} {json.dumps(bundle)[:500]}")
            if o.single:
                _, explained, _ = ask(s, lines[0] + "&_explain=true")
                plan = [e for e in explained.get("entry", []) if e.get("search", {}).get("mode") == "outcome"]
                print(f"{name}: {lines[0]}\n  {json.dumps(plan)[:1500]}")
                continue
            row = wrk(s.port, o.clients, ["/fhir" + line for line in lines], seconds=o.seconds)
            result["shapes"][name] = {**row, "found": found, "line": lines[0]}
            print(f"{name:34} {row['req_s']:9.0f}/s  p50 {row['p50_ms']:7.2f}  p99 {row['p99_ms']:8.2f}  max {row['max_ms']:8.1f}  bad {row['bad']}  found {found}", flush=True)
            mixed += lines[:60]
        if not o.single and not o.shape:
            rnd.shuffle(mixed)
            row = wrk(s.port, o.clients, ["/fhir" + line for line in mixed], seconds=o.mix_seconds)
            result["mix"] = row
            print(f"{'all mixed':34} {row['req_s']:9.0f}/s  p50 {row['p50_ms']:7.2f}  p99 {row['p99_ms']:8.2f}  max {row['max_ms']:8.1f}  bad {row['bad']}   "
                  f"{row['req_s'] / result['ceiling']['req_s']:.3f} of nginx")
        print(f"memory {s.memory():.0f} MiB, most {s.memory('VmHWM'):.0f} MiB")
    if o.out:
        Path(o.out).write_text(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
