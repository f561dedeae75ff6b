# SPDX-License-Identifier: GPL-3.0-or-later
"""tools/demo.py: the same bytes for the same question, whole records, nobody missing from the cast."""
import collections
import datetime
import json
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
TODAY = "2024-02-29"
CAST = [
    "cast-haddad-1", "cast-haddad-2", "cast-haddad-3", "cast-haddad-4", "cast-haddad-5", "cast-noorullah",
    "cast-mohamed-1", "cast-mohamed-2", "cast-mohammed-3", "cast-twin-1", "cast-twin-2", "cast-selam",
    "cast-alcantar", "cast-muller", "cast-thor", "cast-macuacua",
]


def run(*args):
    return subprocess.run([sys.executable, str(TOOLS / "demo.py"), *args], capture_output=True, text=True)


def demo(path, *args):
    done = run("--out", str(path), "--today", TODAY, *args)
    assert done.returncode == 0, done.stderr
    return path.read_bytes()


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    return demo(tmp_path_factory.mktemp("demo") / "demo.ndjson")


@pytest.fixture(scope="module")
def everything(raw):
    return [json.loads(line, parse_float=Decimal) for line in raw.decode().splitlines()]


@pytest.fixture(scope="module")
def patients(everything):
    return {r["id"]: r for r in everything if r["resourceType"] == "Patient"}


def walk(value, path=""):
    yield path, value
    if isinstance(value, dict):
        for k, v in value.items():
            yield from walk(v, f"{path}.{k}")
    if isinstance(value, list):
        for v in value:
            yield from walk(v, path)


def of(everything, kind, patient):
    name = "patient" if kind in ("Immunization", "AllergyIntolerance") else "subject"
    want = f"Patient/{patient}"
    return [r for r in everything if r["resourceType"] == kind and r[name]["reference"] == want]


def test_writes_the_same_bytes_again(raw, tmp_path):
    assert demo(tmp_path / "again.ndjson") == raw


def test_another_seed_makes_other_people_and_the_same_cast(patients, tmp_path):
    other = [json.loads(line) for line in demo(tmp_path / "o.ndjson", "--seed", "2").splitlines()]
    ids = {r["id"] for r in other if r["resourceType"] == "Patient"}
    assert {i for i in ids & set(patients) if not i.startswith(("cast-", "pair-"))} == set()
    assert set(CAST) <= ids


def test_ids_do_not_depend_on_the_day(everything, tmp_path):
    path = tmp_path / "later.ndjson"
    assert run("--out", str(path), "--today", "2027-08-01").returncode == 0
    later = {(r["resourceType"], r["id"]) for r in map(json.loads, path.read_text().splitlines())}
    assert later == {(r["resourceType"], r["id"]) for r in everything}


def test_every_line_is_a_minified_resource_with_its_own_id(raw, everything):
    seen = set()
    for r in everything:
        assert re.fullmatch(r"[A-Za-z0-9.-]{1,64}", r["id"])
        assert (r["resourceType"], r["id"]) not in seen
        seen.add((r["resourceType"], r["id"]))
    assert b'": ' not in raw and b"\\u" not in raw


def test_every_resource_is_marked_as_test_data(everything):
    for r in everything:
        assert [(t["system"], t["code"]) for t in r["meta"]["tag"]] == [
            ("http://terminology.hl7.org/CodeSystem/v3-ActReason", "HTEST")
        ]


def test_references_point_to_what_is_there(everything):
    have = {f"{r['resourceType']}/{r['id']}" for r in everything}
    wanted = {v for r in everything for p, v in walk(r) if p.endswith(".reference")}
    assert wanted - have == set()
    assert len(wanted) > 1000


def test_no_empty_value_and_no_null(everything):
    for r in everything:
        for path, value in walk(r):
            assert value not in (None, "", [], {}), (r["id"], path)


def test_counts(everything, patients):
    counts = collections.Counter(r["resourceType"] for r in everything)
    assert len(patients) == 300
    assert 10_000 <= len(everything) <= 16_000
    for kind in ("Encounter", "Observation", "Condition", "Immunization", "MedicationRequest", "DiagnosticReport",
                 "MedicationStatement", "AllergyIntolerance", "RelatedPerson", "Group", "ServiceRequest", "Consent"):
        assert counts[kind] >= 40, kind


def test_basics_come_before_records(everything):
    order = [r["resourceType"] for r in everything]
    last_patient = max(i for i, kind in enumerate(order) if kind == "Patient")
    first = {"Organization", "Location", "Practitioner", "PractitionerRole", "Patient"}
    assert set(order[: last_patient + 1]) == first
    assert not first & set(order[last_patient + 1 :])


def test_journeys_cross_three_countries(everything, patients):
    country = {r["id"]: r["address"]["country"] for r in everything if r["resourceType"] == "Location"}
    seen = collections.defaultdict(set)
    for r in everything:
        if r["resourceType"] == "Encounter":
            seen[r["subject"]["reference"]].add(country[r["location"][0]["location"]["reference"][9:]])
    grown = [k for k, p in patients.items() if p["birthDate"] < "2020"]
    many = [k for k in grown if len(seen[f"Patient/{k}"] | {patients[k]["address"][0]["country"]}) >= 3]
    assert len(many) > 0.9 * len(grown)


def test_nothing_happens_in_the_future_or_before_birth(everything, patients):
    ahead = {".expirationDate"}
    for r in everything:
        who = r.get("subject", r.get("patient", {})).get("reference", "")[8:]
        born = patients[who]["birthDate"] if who in patients else ""
        for path, value in walk(r):
            if isinstance(value, str) and re.match(r"[12]\d{3}-\d\d-\d\d", value) and path not in ahead:
                assert value[:10] <= TODAY, (r["id"], path)
                if born and "_birthDate" not in patients[who] and not who.startswith("cast-"):
                    assert value[:len(born)] >= born[:len(value)], (r["id"], path, born)
        for path, value in walk(r):
            if isinstance(value, dict) and path.endswith("eriod") and {"start", "end"} <= set(value):
                assert value["start"] <= value["end"], r["id"]


def test_decimals_keep_their_digits(raw):
    found = re.findall(rb'"valueQuantity":\{"value":([0-9.]+),"unit":"\xc2\xb0C"', raw)
    assert len(found) > 500 and all(re.fullmatch(rb"\d\d\.\d", v) for v in found)
    assert any(v.endswith(b".0") for v in found)


def test_the_whole_cast_is_there(patients):
    assert set(CAST) <= set(patients)
    notes = (TOOLS / "demo" / "CAST.md").read_text()
    for who in {re.sub(r"-[1-5]$", "", c) for c in CAST}:
        assert f"`{who}" in notes, who


def test_a_small_demo_still_has_the_cast(tmp_path):
    ids = {json.loads(line)["id"] for line in demo(tmp_path / "s.ndjson", "--people", "1").splitlines()}
    assert set(CAST) <= ids


def test_the_family_of_five_travels_together(everything):
    group = next(r for r in everything if r["resourceType"] == "Group" and r["id"] == "cast-haddad")
    assert [m["entity"]["reference"] for m in group["member"]] == [f"Patient/{c}" for c in CAST[:5]]
    days = [{e["period"]["start"][:10] for e in of(everything, "Encounter", c)} for c in CAST[:5]]
    assert days[0] and all(d == days[0] for d in days)
    bonds = [r for r in everything if r["resourceType"] == "RelatedPerson" and "haddad" in r["id"]]
    assert collections.Counter(r["relationship"][0]["coding"][0]["code"] for r in bonds) == {
        "HUSB": 1, "WIFE": 1, "FTH": 3, "MTH": 3, "SON": 2, "DAU": 4}


def test_the_single_name_and_the_first_of_january(patients):
    man = patients["cast-noorullah"]
    assert [n["text"] for n in man["name"]] == ["Noorullah", "نورالله"]
    assert all("given" not in n for n in man["name"])
    assert man["birthDate"] == "1996-01-01" and "_birthDate" in man


def test_three_spellings_and_true_twins(patients):
    first = [patients[c]["name"][0]["given"][0] for c in ("cast-mohamed-1", "cast-mohamed-2", "cast-mohammed-3")]
    assert first == ["Mohamed", "محمد", "mohammed"]
    one, two = patients["cast-twin-1"], patients["cast-twin-2"]
    assert one["birthDate"] == two["birthDate"] and one["telecom"] == two["telecom"]
    assert one["name"][0]["given"][0] != two["name"][0]["given"][0]


def test_a_treatment_begun_in_greece_goes_on_in_slovenia(everything):
    where = {f"Encounter/{e['id']}": e["serviceProvider"]["reference"] for e in of(everything, "Encounter", "cast-selam")}
    drugs = [(m["medicationCodeableConcept"]["coding"][0]["code"], where[m["encounter"]["reference"]], m["status"])
             for m in of(everything, "MedicationRequest", "cast-selam")]
    assert drugs == [("J04AC01", "Organization/org-athens", "active"),
                     ("J04AC01", "Organization/org-ljubljana", "active")]
    onward = [r["performer"][0]["reference"] for r in of(everything, "ServiceRequest", "cast-selam")
              if r["code"].get("text") == "Continue care after arrival"]
    assert onward == ["Organization/org-ljubljana"]
    igra = [o for o in of(everything, "Observation", "cast-selam") if o["code"].get("text") == "IGRA"]
    assert [o["valueCodeableConcept"]["text"] for o in igra] == ["Positive"]


def test_name_pairs_have_one_spelling_each(patients):
    lines = [x for x in (TOOLS / "demo" / "pairs.tsv").read_text().splitlines() if not x.startswith("#")]
    head, *rows = (x.split("\t") for x in lines)
    rows = [dict(zip(head, r)) for r in rows]
    assert len(rows) >= 30 and {"Latin", "Arabic", "Cyrillic", "Greek", "Ethiopic"} <= {r["script"] for r in rows}
    for row in rows:
        for which, family in (("own", "own_family"), ("latin", "latin_family")):
            (name,) = patients[f"pair-{row['nn']}-{which}"]["name"]
            assert (name["given"], name["family"]) == ([row[which]], row[family])


def test_loinc_codes_pass_their_check_digit(everything):
    codes = {v["code"] for r in everything for p, v in walk(r)
             if isinstance(v, dict) and v.get("system") == "http://loinc.org"}
    assert len(codes) > 20
    for code in codes:
        digits, check = code.split("-")
        total = 0
        for i, d in enumerate(reversed(digits)):
            total += sum(divmod(int(d) * 2, 10)) if i % 2 == 0 else int(d)
        assert (10 - total % 10) % 10 == int(check), code


def test_refuses_bad_arguments_and_says_why(tmp_path):
    for args, why in ((["--people", "0"], "number of people"), (["--today", "29.2.2024"], "YYYY-MM-DD"),
                      (["--seed", "x"], "--seed")):
        bad = run("--out", str(tmp_path / "x"), *args)
        assert bad.returncode == 2 and why in bad.stderr
    bad = run("--out", str(tmp_path / "no" / "such" / "folder"))
    assert bad.returncode == 3 and "cannot write" in bad.stderr
    assert list(tmp_path.iterdir()) == []


def test_dates_count_back_from_today(everything):
    latest = max(r["period"]["start"][:10] for r in everything if r["resourceType"] == "Encounter")
    age = datetime.date.fromisoformat(TODAY) - datetime.date.fromisoformat(latest)
    assert age.days < 30
