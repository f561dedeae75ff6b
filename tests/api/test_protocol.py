# SPDX-License-Identifier: GPL-3.0-or-later
"""Protocols over invented facts: three values, possible births, states, expiry, versions, what may be read, and each refusal."""
import itertools
import json
from datetime import date, timedelta
from pathlib import Path

import pytest
from invented import (BASE, DATE, activity, fact, flag, group, household, library, lookup, observation, patient, plan, rule, table, variable, write)
from conftest import Server
from program import rihla

ROOT = Path(__file__).resolve().parents[2]
READS = ["plain", "other", "place", "figure", "value"]


def apply(folder, people, *names, options=(), day=DATE, code=0):
    lines = folder.parent / "people.ndjson"
    lines.write_text("".join(json.dumps(p if isinstance(p, dict) else {"id": n, "resources": p}) + "\n" for n, p in enumerate(people)))
    packs = [x for n in names or ("one",) for x in ("--pack", n)]
    done = rihla("protocol", "apply", "--package", folder, *packs, "--date", day, "--json", *options, "--batch", lines, code=code)
    return [json.loads(line) for line in done.stdout.splitlines()]


def facts(*more, variables=()):
    return library("facts", [fact("plain"), fact("other", limit=0), fact("place"), *more],
                   [variable("value", "%plain.value"), lookup("figure", f"{BASE}/CodeSystem/places", "%place.value", "figure"), *variables])


def build(tmp_path, *groups, more=(), reads=READS, library_=None, **about):
    return write(tmp_path / "pack", [library_ or facts(), plan("one", ["facts"], reads, *groups, **about), table("places", {"A": 3, "B": 9, "C": None}),
                                     *map(activity, "abcde"), *more])


def one(folder, person, **more):
    (answer,) = apply(folder, [person], **more)
    (protocol,) = answer["protocols"]
    return protocol


def status(protocol):
    return {i["item"]: i["status"] for i in protocol["items"]}


# --- three values

def test_an_item_is_asked_done_or_cannot_be_computed_and_names_what_is_missing(tmp_path):
    folder = build(tmp_path, group("items", "items", rule("i", "%plain.value = 'x'", stop="%other.exists()", definition="a")))
    for person, want, missing in (
            ([patient()], "cannot-compute", ["plain"]), ([patient(), observation("plain", "x")], "required", []),
            ([patient(), observation("plain", "y")], "not-required", []), ([patient(), observation("other", "1")], "done", []),
            ([patient(), observation("plain", "x"), observation("other", "1")], "done", [])):
        item = one(folder, person, options=["--all"])["items"][0]
        assert (item["status"], [m["name"] for m in item["missing"]]) == (want, missing)


@pytest.mark.parametrize("expression, values", [
    ("%plain.value and %place.value", lambda a, b: False if a is False or b is False else None if a is None or b is None else True),
    ("%plain.value or %place.value", lambda a, b: True if a or b else None if a is None or b is None else False),
    ("%plain.value implies %place.value", lambda a, b: True if a is False or b else None if a is None or b is None else False),
    ("%plain.value xor %place.value", lambda a, b: None if a is None or b is None else a != b)])
def test_logic_never_takes_missing_for_no(tmp_path, expression, values):
    folder = build(tmp_path, group("classification", "c", rule("c", expression, code="c")))
    pairs = list(itertools.product((True, False, None), repeat=2))
    people = [[patient(), *(observation(n, v) for n, v in (("plain", a), ("place", b)) if v is not None)] for a, b in pairs]
    for pair, answer in zip(pairs, apply(folder, people)):
        p = answer["protocols"][0]
        got = True if p["classification"] else None if p["unknownClasses"] else False
        assert got is values(*pair), pair
        assert p["clearance"]["status"] == ("cannot-compute" if got is None else "cleared")


def test_what_is_missing_is_found_through_variables_and_tables(tmp_path):
    folder = build(tmp_path, group("classification", "c", rule("c", "%figure > 5 and %value = 'x'", code="c")))
    def named(*person):
        p = one(folder, [patient(), *person])
        return p["classification"] and "yes" or [m["name"] for c in p["unknownClasses"] for m in c["missing"]]
    assert named() == ["place", "plain"]
    assert named(observation("place", "B")) == ["plain"]
    assert named(observation("place", "C"), observation("plain", "x")) == ["figure"]  # the table has no figure for it
    assert named(observation("place", "Z"), observation("plain", "x")) == ["figure"]  # nor this row
    assert named(observation("place", "B"), observation("plain", "x")) == "yes"
    (c,) = one(folder, [patient(), observation("place", "B"), observation("plain", "x")])["classification"]
    assert c["source"] == ["Book of c, page 1", "Tables of B (2024)"]


def test_a_result_without_a_value_names_its_test(tmp_path):
    folder = build(tmp_path, group("classification", "c", rule("c", "%plain.value = 'x'", code="c")))
    (c,) = one(folder, [patient(), observation("plain", dataAbsentReason={"text": "declined"})])["unknownClasses"]
    assert c["missing"] == [{"name": "plain", "title": "Title of plain"}]


def test_an_expression_that_fails_is_unknown_and_says_why(tmp_path):
    folder = build(tmp_path, group("classification", "c", rule("c", "%other.value.single() = 'x'", code="c")))
    (c,) = one(folder, [patient(), observation("other", "x"), observation("other", "y", day="2026-10-01")])["unknownClasses"]
    assert "single" in c["problem"]


def test_variables_that_many_paths_lead_to_are_computed_once(tmp_path):
    tower = [variable("v1", "%plain.value"), variable("v2", "%v1 | %plain.value"), *(variable(f"v{n}", f"%v{n - 1} | %v{n - 2}") for n in range(3, 100))]
    folder = build(tmp_path, group("items", "i", rule("i", "%v99 = 'x'", definition="a")), reads=[*READS, "v99"], library_=facts(variables=tower))
    (i,) = one(folder, [patient()])["items"]
    assert [m["name"] for m in i["missing"]] == ["plain"]
    assert status(one(folder, [patient(), observation("plain", "x")])) == {"i": "required"}
    chain = [variable("v0", "%plain.value"), *(variable(f"v{n}", f"%v{n - 1}") for n in range(1, 200))]
    error = refused(tmp_path / "long", group("items", "i", rule("i", "%v199 = 'x'", definition="a")), reads=[*READS, "v199"], library_=facts(variables=chain[::-1]))
    assert "too long a chain" in error


# --- which resources count

def test_which_results_count(tmp_path):
    folder = build(tmp_path, group("classification", "c", rule("c", "%plain.value = 'x'", code="c")))
    new, old = observation("plain", "x"), observation("plain", "y", day="2026-10-30")
    good = [[new, old], [old, new], [new, {**observation("plain", "y", day="2026-11-20"), "status": "entered-in-error"}],
            [new, {**observation("plain", "y", day="2026-11-20"), "status": "cancelled"}], [new, observation("plain", "y", day="2026-11-25")],
            [new, observation("plain", "y", day="2026-12")], [new, observation("plain", "y", day="2026-11-20", subject="q")],
            [observation("plain", "x", day="2026-11-24T23:59:00+03:00"), new],
            [{**new, "effectiveDateTime": "2026-11-03T10:00:00Z"}, {**old, "effectiveDateTime": "2026-11-03T12:00:00+03:00"}]]
    for n, a in enumerate(apply(folder, [[patient(), *g] for g in good])):
        assert a["protocols"][0]["classification"], good[n]
    bad = [[old], [{**new, "status": "entered-in-error"}], [{**new, "code": {"coding": [{"system": "urn:other", "code": "plain"}]}}]]
    for n, a in enumerate(apply(folder, [[patient(), *b] for b in bad])):
        assert not a["protocols"][0]["classification"], bad[n]


@pytest.mark.parametrize("amount, unit, first", [(6, "mo", "2026-05-24"), (1, "a", "2025-11-24"), (2, "wk", "2026-11-10"), (10, "d", "2026-11-14")])
def test_a_fact_of_so_long_before(tmp_path, amount, unit, first):
    window = fact("recent", dateFilter=[{"path": "effective", "valueDuration": {"value": amount, "unit": unit, "code": unit}}])
    folder = build(tmp_path, group("classification", "c", rule("c", "%recent.exists()", code="c")), reads=[*READS, "recent"], library_=facts(window))
    on, before = observation("recent", day=first), observation("recent", day=str(date.fromisoformat(first) - timedelta(1)))
    vague = observation("recent", day=first[:7])
    for resource, want in ((on, 1), (before, 0), (vague, 0), ({k: v for k, v in on.items() if k != "effectiveDateTime"}, 0)):
        assert len(one(folder, [patient(), resource])["classification"]) == want, resource


def test_a_household_is_its_group_and_only_its_members_of_now(tmp_path):
    library_ = facts(fact("held", type_="Flag", household=True))
    folder = build(tmp_path, group("holds", "h", rule("family", "%held.exists()", code="family")), reads=[*READS, "held"], library_=library_)
    group_ = household("q", "s")
    for people, want in (([group_, flag("q", "held")], 1), ([flag("q", "held")], 0), ([group_, flag("z", "held")], 0), ([group_, flag("p", "held")], 0),
                         ([{**group_, "member": [*group_["member"][:1], {**group_["member"][1], "inactive": True}]}, flag("q", "held")], 0),
                         ([{**group_, "type": "device"}, flag("q", "held")], 0), ([{**group_, "code": {"text": "friends"}}, flag("q", "held")], 0)):
        assert len(one(folder, [patient(), *people])["holds"]) == want, people


# --- possible births

AGE = "%birthDate <= %date - 15 years"


def age_items(tmp_path):
    return build(tmp_path, group("items", "items", rule("old", AGE, definition="a"), rule("young", f"({AGE}).not()", definition="b"),
                                 rule("both", f"{AGE} or %plain.exists()", definition="c"), rule("never", f"{AGE} and false", definition="d")),
                 more=[{**activity("z"), "extension": []}])


def test_the_day_of_the_birthday_counts(tmp_path):
    folder = age_items(tmp_path)
    for birth, day, grown in (("2011-11-24", DATE, True), ("2011-11-25", DATE, False), ("2011-11-23", DATE, True), ("2012-02-29", "2027-02-28", False),
                              ("2012-02-29", "2027-03-01", True), ("2012-02-28", "2027-02-28", True)):
        p = one(folder, [patient(birth)], day=day)
        assert ("old" in status(p)) is grown and ("young" in status(p)) is not grown, birth


def test_a_birth_date_that_crosses_a_limit_makes_it_either(tmp_path):
    folder = age_items(tmp_path)
    for person in (patient("2011"), patient("2011-11"), patient("2011-11-24", ("2011-11-24", "2011-11-25")), patient("2011-03-01", ("2005-01-01", "2020-01-01"))):
        p = one(folder, [person])
        assert status(p) == {"old": "either", "young": "either", "both": "either"}
        assert not any(i["status"] == "required" for i in p["items"])
        (old,) = [i for i in p["items"] if i["item"] == "old"]
        assert [w["status"] for w in old["ways"]] == ["not-required", "required"]
        assert (old["ways"][0]["bornFrom"], old["ways"][1]["bornTo"]) == ("2011-11-25", "2011-11-24")
        assert p["clearance"]["status"] == "cannot-compute" and "choice:old" in p["clearance"]["reasons"]
    for person in (patient("2010"), patient("2012"), patient("2011-11-24", ("2011-11-01", "2011-11-24"))):
        assert "either" not in status(one(folder, [person])).values()
    # What follows in every world follows.
    assert status(one(folder, [patient("2011"), observation("plain")]))["both"] == "required"


def test_margins_of_a_birth_date(tmp_path):
    folder = age_items(tmp_path)
    def with_margin(birth, value, unit):
        mark = {"url": BASE + "/StructureDefinition/birth-date-margin", "valueDuration": {"value": value, "unit": unit, "code": unit}}
        return {**patient(birth), "_birthDate": {"extension": [mark]}}
    assert status(one(folder, [with_margin("2011-10-24", 1, "mo")]))["old"] == "required"
    assert status(one(folder, [with_margin("2011-10-25", 1, "mo")]))["old"] == "either"
    assert "old" not in status(one(folder, [with_margin("2012-11-25", 1, "a")]))
    assert status(one(folder, [with_margin("2012-11-24", 1, "a")]))["old"] == "either"


def test_an_unknown_birth_date_is_missing_and_so_is_one_that_may_be_any(tmp_path):
    folder = age_items(tmp_path)
    for person in ({k: v for k, v in patient().items() if k != "birthDate"}, patient("1980-01-01", ("1900-01-01", "2020-01-01")),
                   {**patient(), "birthDate": "sometime"}, patient("2030-01-01")):
        (old,) = [i for i in one(folder, [person])["items"] if i["item"] == "old"]
        assert old["status"] == "cannot-compute" and old["missing"] == [{"name": "birthDate", "title": "Date of birth"}]


def test_choices_stand_by_what_they_do_to_the_person(tmp_path):
    folder = build(tmp_path, group("items", "items", rule("hard", AGE, definition="hard"), rule("mild", f"({AGE}).not()", definition="mild"), rule("sure", definition="a")),
                   more=[activity("hard", 8), activity("mild", 1)])
    (answer,) = apply(folder, [[patient("2011")]])
    assert [i["title"] for i in answer["items"]] == ["Activity a", "Activity mild", "Activity hard"]


def test_no_estimate_of_an_age_is_printed(tmp_path):
    text = json.dumps(apply(age_items(tmp_path), [[patient("2011", birthDate="2011")]]))
    assert "age" not in text.replace("page", "").replace("languag", "").lower()


# --- states, classes, order

def test_a_state_is_the_first_that_holds_while_those_before_do_not(tmp_path):
    folder = build(tmp_path, group("state", "s", rule("a", "%plain.value = 'a'"), rule("b", "%other.exists()"), rule("c", "true")),
                   group("holds", "h", rule("held", "%s = 'b'", code="x")))
    for person, want, held in (([observation("plain", "a")], "a", 0), ([observation("plain", "z"), observation("other")], "b", 1),
                               ([observation("plain", "z")], "c", 0)):
        p = one(folder, [patient(), *person])
        assert p["states"][0]["state"] == want and len(p["holds"]) == held
    p = one(folder, [patient(), observation("other")])  # nobody knows whether it is a
    assert p["states"][0]["state"] is None and [m["name"] for m in p["states"][0]["missing"]] == ["plain"]
    assert [m["name"] for m in p["holds"][0]["missing"]] == ["plain"] and p["clearance"]["status"] == "cannot-compute"


def test_a_class_that_is_not_known_is_not_taken_for_absent(tmp_path):
    folder = build(tmp_path, group("classification", "c", rule("k", "%plain.value = 'x'", code="k"), rule("l", "%other.exists()", code="l")),
                   group("holds", "h", rule("in", "'k' in %classification", code="a"), rule("without", "('k' in %classification).not()", code="b"),
                         rule("other", "'l' in %classification", code="c"), rule("many", "%classification.count() = 1", code="d"),
                         rule("surely", "'k' in %classification or true", code="e")))
    p = one(folder, [patient()])
    assert {h["id"]: "missing" in h for h in p["holds"]} == {"in": True, "without": True, "many": True, "surely": False}
    assert p["unknownClasses"][0]["id"] == "k"
    p = one(folder, [patient(), observation("plain", "x"), observation("other")])
    assert [c["id"] for c in p["classification"]] == ["k", "l"]
    assert [h["id"] for h in p["holds"]] == ["in", "other", "surely"]


def test_items_stand_behind_those_they_come_after(tmp_path):
    folder = build(tmp_path, group("items", "items", rule("last", definition="a", after=["middle"]), rule("middle", definition="b", after=["first"]),
                                   rule("first", definition="c", stop="%plain.exists()")))
    p = one(folder, [patient()])
    assert [(i["item"], i.get("after")) for i in p["items"]] == [("first", None), ("middle", ["first"]), ("last", ["middle"])]
    p = one(folder, [patient(), observation("plain")])
    assert [(i["item"], i["status"], i.get("after")) for i in p["items"]] == [("first", "done", None), ("middle", "required", None), ("last", "required", ["middle"])]
    assert p["clearance"]["nextStep"] == "item:middle"


# --- expiry and clearance

def validity(*rules):
    return group("validity", "v", *rules)


def test_the_expiry_is_the_least_of_its_parts_and_unknown_when_one_is(tmp_path):
    folder = build(tmp_path, group("items", "items", rule("film", definition="a", stop="%plain.exists()")),
                   validity(rule("long", "true", date=("expires", "%plain.effective.toDate() + 6 months"), after=["film"]),
                            rule("short", "%place.value = 'x'", date=("expires", "%plain.effective.toDate() + 3 months"))))
    day = observation("plain", day="2026-08-31")
    p = one(folder, [patient(), day, observation("place", "y")])
    assert (p["expires"], p["clearance"]["status"], p["clearance"]["nextStep"]) == ("2027-02-28", "cleared", "sign")
    p = one(folder, [patient(), day, observation("place", "x")])
    assert p["expires"] == p["clearance"]["expires"] == "2026-11-30"
    p = one(folder, [patient(), day])
    assert p["expires"] is None and p["clearance"]["status"] == "cannot-compute" and [m["name"] for m in p["missing"]] == ["place"]
    p = one(folder, [patient(), observation("plain", day="2026-05-23"), observation("place", "y")])
    assert p["expires"] == "2026-11-23" and status(p) == {"film": "repeat"}
    assert p["clearance"]["status"] == "not-cleared" and p["clearance"]["reasons"] == ["repeat:film", "expired"]
    p = one(folder, [patient(), observation("plain", day="2026-05-24"), observation("place", "y")])
    assert status(p) == {"film": "done"} and p["clearance"]["status"] == "cleared"


def test_a_validity_of_which_no_part_applies_is_none(tmp_path):
    folder = build(tmp_path, validity(rule("v", "%plain.exists()", date=("expires", "%date + 1 months"))))
    p = one(folder, [patient()])
    assert p["expires"] is None and p["clearance"]["status"] == "cannot-compute" and p["clearance"]["reasons"] == ["validity"]


def test_what_stands_against_a_clearance(tmp_path):
    folder = build(tmp_path, group("items", "items", rule("i", "%other.count() = 1", definition="a")), group("holds", "h", rule("h", "%plain.value = 'x'", code="x", date=("until", "%date + 10 days"))))
    for person, want, step in (([observation("plain", "y")], "cleared", "sign"), ([observation("plain", "x")], "not-cleared", "hold:h"),
                               ([observation("plain", "y"), observation("other")], "not-cleared", "item:i"), ([], "cannot-compute", "answer:plain")):
        c = one(folder, [patient(), *person])["clearance"]
        assert (c["status"], c["nextStep"]) == (want, step)
    assert one(folder, [patient(), observation("plain", "x")])["clearance"]["date"] == "2026-12-04"


def test_drafts_are_marked_in_all_that_rests_on_them(tmp_path):
    library_ = facts(variables=[variable("guess", "%plain.exists()", "restated")])
    folder = build(tmp_path, group("items", "items", rule("sure", definition="a"), rule("guessed", "%guess.not()", definition="b"), rule("said", definition="c", evidence="unverified")),
                   reads=[*READS, "guess"], library_=library_)
    p = one(folder, [patient()])
    assert {i["item"]: i["draft"] for i in p["items"]} == {"sure": False, "guessed": True, "said": True}
    assert p["clearance"]["draft"] is True


def test_what_a_group_or_library_says_counts_for_what_says_nothing(tmp_path):
    def silent(r):
        return {**r, "extension": []}
    doubtful = {"extension": [{"url": BASE + "/StructureDefinition/evidence", "valueCode": "unverified"}]}
    folder = build(tmp_path / "a", {**group("items", "items", silent(rule("silent", definition="a")), rule("says", definition="b")), **doubtful})
    assert {i["item"]: i["draft"] for i in one(folder, [patient()])["items"]} == {"silent": True, "says": False}
    library_ = facts(variables=[variable("silent", "%plain.exists()"), variable("says", "%plain.exists()", "verified")])
    library_["extension"] += doubtful["extension"]
    folder = build(tmp_path / "b", group("items", "items", rule("i", "%silent.not()", definition="a"), rule("j", "%date.exists()", definition="b")),
                   reads=[*READS, "silent"], library_=library_)
    assert {i["item"]: i["draft"] for i in one(folder, [patient()])["items"]} == {"i": True, "j": False}


def test_a_site_activates_a_draft_by_its_own_decision(tmp_path):
    items = group("items", "items", rule("i", definition="a", evidence="unverified"), rule("j", definition="b", evidence="restated"))
    decision = {"resourceType": "Library", "id": "ours", "url": "urn:ours", "version": "1", "status": "active",
                "extension": [{"url": BASE + "/StructureDefinition/activates", "valueUri": f"{BASE}/PlanDefinition/one#i"}]}
    assert {i["item"]: i["draft"] for i in one(build(tmp_path / "a", items), [patient()])["items"]} == {"i": True, "j": True}
    p = one(build(tmp_path / "b", items, more=[decision]), [patient()])
    assert {i["item"]: i["draft"] for i in p["items"]} == {"i": False, "j": True} and p["clearance"]["draft"]


# --- several protocols

def test_one_list_of_what_all_protocols_ask(tmp_path):
    folder = write(tmp_path / "pack", [facts(), plan("one", ["facts"], READS, group("items", "i", rule("x", definition="a", stop="%plain.exists()", source="Red book"), rule("z", definition="c"))),
                                       plan("two", ["facts"], READS, group("items", "i", rule("y", definition="a", stop="%plain.value = 'good'", source="Blue book"))),
                                       table("places", {}), *map(activity, "abc")])
    (a,) = apply(folder, [[patient(), observation("plain", "bad")]], "one", "two")
    first = a["items"][0]
    assert (first["definition"], first["status"]) == (f"{BASE}/ActivityDefinition/a", "required")
    assert [(x["protocol"], x["item"], x["status"]) for x in first["askedBy"]] == [("one", "x", "done"), ("two", "y", "required")]
    assert [x["source"] for x in first["askedBy"]] == [["Red book, page 1"], ["Blue book, page 1"]]
    (only,) = apply(folder, [[patient(), observation("plain", "bad")]], "one", "two", options=["--for", "two"])
    (alone,) = apply(folder, [[patient(), observation("plain", "bad")]], "two")
    assert only == alone
    (pack_,) = apply(folder, [[patient()]], "invented")
    assert [p["protocol"] for p in pack_["protocols"]] == ["one", "two"]


def test_the_version_in_force_on_the_date_is_taken(tmp_path):
    def version(n, start, end=None):
        return plan("one", ["facts"], READS, group("items", "i", rule(f"v{n}", definition="a")), version=n, period={"start": start, **({"end": end} if end else {})})
    folder = write(tmp_path / "pack", [facts(), version("1", "2020-01-01", "2025-12-31"), version("9", "2026-01-01"), version("10", "2026-06-01", "2026-12"), table("places", {}), activity("a")])
    for day, want in (("2025-12-31", "1"), ("2026-01-01", "9"), ("2026-05-31", "9"), ("2026-06-01", "10"), ("2026-12-31", "10"), ("2027-01-01", "9")):
        assert one(folder, [patient()], day=day)["version"] == want
    (a,) = apply(folder, [[patient()]], day="2019-12-31", code=1)
    assert "in force on 2019-12-31" in a["error"] and "1 from 2020-01-01 to 2025-12-31" in a["error"]
    (a,) = apply(folder, [[patient()]], f"{BASE}/PlanDefinition/one|1", day="2024-01-01")
    assert a["protocols"][0]["version"] == "1"
    (a,) = apply(folder, [{"id": "dated", "date": "2020-02-02", "resources": [patient()]}])
    assert (a["id"], a["date"], a["protocols"][0]["version"]) == ("dated", "2020-02-02", "1")


def test_each_version_of_a_pack_has_its_own_facts(tmp_path):
    def package(n, start, end, value):
        made = [library("facts", [fact("plain")], [variable("value", value)]), plan("one", ["facts"], ["plain", "value"], group("items", "i", rule("i", "%value", definition="a")),
                                                                                    period={"start": start, "end": end}), activity("a")]
        folder = write(tmp_path / n, [{**r, "version": n} for r in made])
        text = (folder / "package" / "package.json").read_text()
        (folder / "package" / "package.json").write_text(text.replace("1.0.0", n))
        return folder
    packages = [package("1.0.0", "2020-01-01", "2025-12-31", "true"), package("2.0.0", "2026-01-01", "2030-12-31", "false")]
    person = tmp_path / "person.json"
    person.write_text(json.dumps(patient()))
    for day, want in (("2025-06-01", {"i": "required"}), ("2026-06-01", {})):
        for order in (packages, packages[::-1]):
            done = rihla("protocol", "apply", *(x for p in order for x in ("--package", p)), "--pack", "one", "--date", day, "--json", person)
            assert status(json.loads(done.stdout)["protocols"][0]) == want


# --- refusals

def refused(tmp_path, *groups, **more):
    folder = build(tmp_path, *groups, **more)
    (a,) = apply(folder, [[patient()]], code=1)
    return a["error"]


@pytest.mark.parametrize("broken, words", [
    (rule("i", "%plain.value = ", definition="a"), "does not parse"),
    (rule("i", "%nowhere.exists()", definition="a"), "%nowhere, which nothing gives"),
    (rule("i", "%hidden.exists()", definition="a"), "%hidden, which the protocol does not declare"),
    (rule("i", "%throughHidden", definition="a"), "does not declare"),
    (rule("i", "%plain.valu = 'x'", definition="a"), "valu"),
    (rule("i", "%value.unknownFunction()", definition="a"), "unknownFunction"),
    (rule("i", "gender = 'female'", definition="a"), "stands alone"),
    (rule("i", "true", definition="nothing"), "ActivityDefinition/nothing is not loaded"),
    (rule("i", "true"), "needs definitionCanonical"),
    (rule("i", "true", definition="a", after=["nobody"]), "no item nobody"),
    (rule("i", "true", definition="a", after=["i"]), "after itself"),
    (rule("i", "true", definition="a", date=("until", "%date")), "path until"),
    (rule("i", "%circle", definition="a"), "computed from itself")])
def test_a_broken_rule_is_refused_with_its_reason(tmp_path, broken, words):
    library_ = facts(fact("hidden"), variables=[variable("throughHidden", "%hidden.exists()"), *([variable("circle", "%round"), variable("round", "%circle")] if "circle" in json.dumps(broken) else [])])
    error = refused(tmp_path, group("items", "items", broken), library_=library_, reads=[*READS, "throughHidden", *(["circle"] if "circle" in json.dumps(broken) else [])])
    assert words in error


def test_other_refusals(tmp_path):
    items = group("items", "items", rule("i", definition="a"))
    assert "stands twice" in refused(tmp_path / "twice", group("items", "items", rule("i", definition="a"), rule("i", definition="b")))
    assert "reads names nobody" in refused(tmp_path / "reads", items, reads=["nobody"])
    assert "needs a code" in refused(tmp_path / "code", group("holds", "h", rule("h", "true")))
    assert "no rule" in refused(tmp_path / "empty")
    assert "has no element nonsense" in refused(tmp_path / "path", items, library_=facts({**fact("z"), "codeFilter": [{"path": "nonsense", "code": [{"code": "x"}]}]}))
    folder = build(tmp_path / "more", items)
    for people, words in (([[]], "no Patient"), ([{"id": 1}], "wanted"), ([{"subject": "Patient/other", "resources": [patient()]}], "Patient/other is not among")):
        (a,) = apply(folder, people, code=1)
        assert words in a["error"]
    (a,) = apply(folder, [[patient()]], "nothing", code=1)
    assert "No protocol or pack nothing is loaded" in a["error"]
    (a,) = apply(folder, [[patient()]], day="2026-11", code=1)
    assert "must be a day" in a["error"]
    lines = folder.parent / "lines.ndjson"
    lines.write_text('{"id":1\n' + json.dumps({"id": 2, "resources": [patient()]}) + "\n")
    done = rihla("protocol", "apply", "--package", folder, "--pack", "one", "--date", DATE, "--json", "--batch", lines, code=1)
    first, second = map(json.loads, done.stdout.splitlines())
    assert first["line"] == 1 and "error" in first and "error" not in second


def test_a_person_of_the_record_closed_and_served(tmp_path):
    folder = build(tmp_path, group("items", "items", rule("i", definition="a", stop="%plain.exists()"), rule("j", "%plain.value = 'x'", definition="b")),
                   group("holds", "h", rule("h", "%held.exists()", code="family")), reads=[*READS, "held"], library_=facts(fact("held", type_="Flag", household=True)))
    person = [patient(), observation("plain", "x", id="o"), {**household("q"), "id": "g"}, {"resourceType": "Patient", "id": "q"}, {**flag("q"), "id": "f"}]
    bundle, data = tmp_path / "person.json", tmp_path / "data"
    bundle.write_text(json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": [
        {"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}} for r in person]}))
    def asked(*what):
        return json.loads(rihla("protocol", "apply", "--package", folder, "--pack", "one", "--date", DATE, "--json", *what).stdout)
    rihla("import", "--quiet", "--data", data, bundle)
    of_file, closed = asked(bundle), asked("--data", data, "Patient/p")
    server = Server(data)
    try:
        served = asked("--data", data, "Patient/p")
        none = rihla("protocol", "apply", "--package", folder, "--pack", "one", "--date", DATE, "--data", data, "Patient/nobody", code=3)
    finally:
        server.stop()
    assert of_file == closed == served
    assert status(closed["protocols"][0]) == {"i": "done", "j": "required"} and closed["protocols"][0]["holds"]
    assert "nobody" in none.stderr


def test_usage(tmp_path):
    for arguments in (["apply"], ["nonsense"], ["apply", "--pack", "x"], ["apply", "a.json"], ["list", "x"]):
        rihla("protocol", *arguments, code=2)


# --- foreign items, with the packs that exist

NAMES = ("uk-tb", "us-immigrant")


def test_what_one_state_sees_is_what_it_would_see_alone(tmp_path):
    from protocol_oracle import resources
    people = tmp_path / "people.ndjson"
    made = []
    for n, (year, film, contact, country) in enumerate(itertools.product((1990, 2012, 2020), ("normal", "old-or-active-tb", None), (True, None), ("YE", "FR"))):
        p = {"birth": date(year, 5, 5), "sex": "female", "pregnant": False, "contact": contact, "symptoms": None, "signs": False, "hiv": True, "film": film,
             "igra": "positive", "country": country}
        made.append(json.dumps({"id": n, "resources": resources(p, date(2026, 11, 1))}))
    people.write_text("\n".join(made) + "\n")
    packages = [x for p in ("rihla-base", "assessment-common", *NAMES) for x in ("--package", ROOT / "packs" / p)]
    def run(names, *options):
        return rihla("protocol", "apply", *packages, *(x for n in names for x in ("--pack", n)), "--date", DATE, "--json", "--all", *options, "--batch", people).stdout
    words = {n: set() for n in NAMES}
    for n in NAMES:
        p = json.loads((ROOT / "packs" / n / "package" / f"PlanDefinition-{n}.json").read_text())
        for g in p["action"]:
            for a in g["action"]:
                words[n] |= {a["title"], a.get("description", "")} | {c["code"] for k in a.get("code", []) for c in k["coding"] if c["system"].endswith((f"CodeSystem/{n}", "us-class", "uk-tb-outcome"))}
                words[n] |= {a.get("definitionCanonical", "")}
        words[n] |= {p["title"], p["url"]}
    for a, b in itertools.permutations(NAMES, 2):
        seen, alone = run((a, b), "--for", a), run((a,))
        assert seen == alone == run((b, a), "--for", a)
        foreign = {w for w in words[b] - words[a] if w}
        assert len(foreign) > 20
        assert not [w for w in foreign if json.dumps(w, ensure_ascii=False) in seen]


# --- the words of a terminal

def test_the_printed_answer_never_shows_an_unknown_hold_as_a_hold_and_names_the_next_step(tmp_path):
    folder = build(tmp_path, group("items", "items", rule("i", "%plain.value = 'x'", definition="a")),
                   group("holds", "holds", rule("h", "%place.value = 'A'", code="held")))
    def printed(*person):
        file = tmp_path / "person.json"
        file.write_text(json.dumps({"resourceType": "Bundle", "type": "collection", "entry": [{"resource": r} for r in person]}))
        return rihla("protocol", "apply", "--package", folder, "--pack", "one", "--date", DATE, file).stdout
    unknown = printed(patient(), observation("plain", "x"))
    assert "  hold not known: h: Rule h\n    missing: " in unknown and "  hold h" not in unknown
    assert "next: item:i (Rule i), " in unknown and "      unknown:h (Rule h)\n" in unknown
    held = printed(patient(), observation("plain", "x"), observation("place", "A"))
    assert "  hold h: Rule h\n    Because of h\n" in held and "not known" not in held
