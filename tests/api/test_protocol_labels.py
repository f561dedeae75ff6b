# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may not see a label learns nothing of what lies under it: not from items, dates, states, classes, holds, order, counts or sources.

Two persons who differ only in labelled data are shown to a caller without the label: what is printed is the same to the letter, but for the
clearance, which says that a clinician has to be asked. For a caller with the label each pair must differ, or it would prove nothing.
"""
import json

import pytest
from invented import (BASE, DATE, LABEL, activity, fact, flag, group, household, labelled, library, lookup, observation, patient, plan, rule,
                      table, variable, write)
from program import rihla

FACTS = ["plain", "other", "sealed", "sealedPlace", "visit", "relatives", "isSealed", "draftSealed", "figure", "twice"]


def pack(folder):
    facts = library("facts", [fact("plain"), fact("other", limit=0), fact("sealed", label=LABEL), fact("sealedPlace", label=LABEL), fact("visit"),
                              fact("relatives", type_="Flag", household=True, codeFilter=[
                                  {"path": "code", "code": [{"system": "urn:example:code", "code": "held"}]}])],
                    [variable("isSealed", "%sealed.value = true"), variable("draftSealed", "%sealed.value = true", "unverified"),
                     lookup("figure", f"{BASE}/CodeSystem/places", "%sealedPlace.value", "figure"), variable("twice", "%figure * 2")])
    first = plan("first", ["facts"], FACTS,
                 group("state", "progress", rule("begun", "%sealed.exists()"), rule("idle", "true")),
                 group("state", "journey", rule("left", "%visit.value = 'left'"), rule("here", "true")),
                 group("items", "items",
                       rule("always", definition="a", stop="%plain.exists()", date=("due", "%date + 30 days")),
                       rule("asked", "%isSealed", definition="b"),
                       rule("clock", definition="c", date=("due", "iif(%isSealed, %date + 7 days, %date + 30 days)")),
                       rule("done", definition="d", stop="%sealed.value.exists()"),
                       rule("unlessSealed", "%isSealed.not()", definition="e"),
                       rule("ordered", definition="f", after=["asked", "visited", "always"], stop="%other.count() > 2"),
                       rule("grown", "%birthDate <= %date - 15 years and %isSealed", definition="g"),
                       rule("drafted", "%draftSealed", definition="h", evidence="restated"),
                       rule("figured", "%twice > 10", definition="i"),
                       rule("stated", "%progress = 'begun'", definition="j"),
                       rule("visited", "%visit.value = 'x' or %journey = 'left'", definition="k", date=("due", "%visit.effective.toDate() + 3 days")),
                       rule("visitDone", definition="l", stop="%visit.exists()"),
                       rule("counted", "%other.count() > 1", definition="m")),
                 group("classification", "classes", rule("sealedClass", "%isSealed", code="S"), rule("plainClass", "%plain.exists()", code="P"),
                       rule("visitClass", "%visit.value = 'x'", code="V")),
                 group("items", "later", rule("byClass", "'sealedClass' in %classification", definition="n")),
                 group("holds", "holds", rule("sealedHold", "%isSealed", code="s", date=("until", "%date + 14 days")),
                       rule("family", "%relatives.exists()", code="family"), rule("visitHold", "%visit.value = 'x'", code="v")),
                 group("validity", "validity", rule("year", "true", date=("expires", "%plain.effective.toDate() + 12 months"), after=["always"]),
                       rule("visitShort", "%visit.value = 'x'", date=("expires", "%visit.effective.toDate() + 1 months"), after=["always"])))
    second = plan("second", ["facts"], FACTS,
                  group("items", "items", rule("always", definition="a", stop="%plain.exists()"),
                        rule("also", "%isSealed", definition="a"), rule("visits", "%visit.value = 'x'", definition="c")),
                  group("validity", "validity", rule("sealedShort", "%isSealed", date=("expires", "%date + 1 months"), after=["always"]),
                        rule("long", "true", date=("expires", "%plain.effective.toDate() + 6 months"))))
    third = plan("third", ["facts"], ["plain"], group("items", "items", rule("always", definition="a", stop="%plain.exists()")))
    return write(folder, [facts, first, second, third, table("places", {"A": 3, "B": 9, "C": None}), *map(activity, "abcdefghijklmn")])


SECRETS = {
    "an item asked because of it": [observation("sealed", True, label=LABEL)],
    "a negative result": [observation("sealed", False, label=LABEL)],
    "a result without its own mark": [observation("sealed", True)],
    "a result that cannot be read": [observation("sealed", label=LABEL, dataAbsentReason={"text": "unclear"})],
    "an old result and a new one": [observation("sealed", True, day="2026-10-01", label=LABEL), observation("sealed", False, label=LABEL)],
    "two new ones": [observation("sealed", False, day="2026-10-01", label=LABEL), observation("sealed", True, label=LABEL)],
    "a figure above": [observation("sealedPlace", "B", label=LABEL)],
    "a figure below": [observation("sealedPlace", "A", label=LABEL)],
    "a figure that is missing": [observation("sealedPlace", "C", label=LABEL)],
    "a place and a result": [observation("sealedPlace", "B", label=LABEL), observation("sealed", True, label=LABEL)],
    "a plain fact under the label": [observation("visit", "x", label=LABEL)],
    "a state by a plain fact under the label": [observation("visit", "left", label=LABEL)],
    "a shorter clock": [observation("visit", "x", day="2026-03-01", label=LABEL)],
    "an earlier due date": [observation("visit", "x", day="2026-11-20", label=LABEL)],
    "one more of a kind": [observation("other", "1", label=LABEL), observation("other", "2", label=LABEL)],
    "three more of a kind": [observation("other", str(n), label=LABEL) for n in range(3)],
    "what is newer under the label": [observation("plain", "z", day="2026-11-23", label=LABEL)],
    "what is a day newer under the label": [observation("plain", "z", day="2026-11-02", label=LABEL)],
    "a lapsed clock": [observation("visit", "x", day="2025-12-25", label=LABEL)],
    "a relative's hold": [labelled(flag("q"), LABEL)],
    "two relatives' holds": [labelled(flag("q"), LABEL), labelled(flag("s"), LABEL)],
    "a relative's hold and a result": [labelled(flag("q"), LABEL), observation("sealed", True, label=LABEL)],
    "a visit and a result": [observation("visit", "x", label=LABEL), observation("sealed", True, label=LABEL)],
    "a result after the date": [observation("sealed", True, day="2026-11-24", label=LABEL), observation("sealed", False, day="2026-11-01", label=LABEL)],
    "all of them": [observation("visit", "x", label=LABEL), observation("sealed", True, label=LABEL), observation("sealedPlace", "B", label=LABEL),
                    labelled(flag("q"), LABEL), observation("other", "9", label=LABEL)],
}
BACKGROUNDS = {
    "nothing else": [patient()],
    "plain": [patient(), observation("plain", "y")],
    "lapsed": [patient(), observation("plain", "y", day="2025-01-01")],
    "visited": [patient(), observation("visit", "y", day="2025-05-05"), observation("plain", "y")],
    "counts": [patient(), observation("other", "0"), observation("plain", "y")],
    "born in one of two years": [patient("2011-06-01", ("2011-01-01", "2012-12-31")), observation("plain", "y")],
    "a relative held openly": [patient(), flag("s"), observation("plain", "y")],
    "unknown birth": [{k: v for k, v in patient().items() if k != "birthDate"}, observation("other", "1"), observation("other", "2")],
}


def ask(folder, tmp_path, people, *options):
    lines = tmp_path / "people.ndjson"
    lines.write_text("".join(json.dumps({"id": n, "resources": [household("q", "s"), *p]}) + "\n" for n, p in enumerate(people)))
    done = rihla("protocol", "apply", "--package", folder, "--pack", "first", "--pack", "second", "--pack", "third", "--date", DATE, "--json",
                 "--all", *options, "--batch", lines)
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert [a.pop("id") for a in answers] == list(range(len(people)))
    assert not any("error" in a for a in answers), answers[0]
    return answers


def without_clearance(answer):
    made = {**answer, "protocols": [{k: v for k, v in p.items() if k != "clearance"} for p in answer["protocols"]]}
    return json.dumps(made)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return pack(tmp_path_factory.mktemp("labels") / "pack")


def test_two_hundred_inferences_fail(folder, tmp_path):
    names = [(s, b) for s in SECRETS for b in BACKGROUNDS]
    assert len(names) == 200
    pairs = [p for s, b in names for p in (BACKGROUNDS[b] + SECRETS[s], BACKGROUNDS[b])]
    blind = ask(folder, tmp_path, pairs, "--may-see", "OTHER")
    none = ask(folder, tmp_path, pairs, "--may-see=")
    seeing = ask(folder, tmp_path, pairs)
    seeing_named = ask(folder, tmp_path, pairs, "--may-see", LABEL)
    same_for_all = []
    for n, name in enumerate(names):
        a, b = blind[2 * n], blind[2 * n + 1]
        assert without_clearance(a) == without_clearance(b), name
        assert without_clearance(none[2 * n]) == without_clearance(none[2 * n + 1]), name
        if seeing[2 * n] == seeing[2 * n + 1]:
            same_for_all.append(name)
        assert seeing[2 * n] == seeing_named[2 * n], name
        for p in a["protocols"]:
            if p["protocol"] != "third":  # it reads one fact only
                assert set(p["clearance"]) == {"status", "nextStep", "date"}, (name, p["clearance"])
                assert (p["clearance"]["status"], p["clearance"]["nextStep"]) == ("not-cleared", "ask-clinician")
        text = json.dumps(a)
        for word in (LABEL, "sealed", "Sealed", "asked\"", "Book of drafted", "Tables of"):
            assert word not in text.replace("\"askedBy\"", ""), (name, word)
    # Where a relative's hold is open to all, one more says nothing new to anybody.
    assert set(same_for_all) == {(s, "a relative held openly") for s in ("a relative's hold", "two relatives' holds")}


def test_the_date_of_the_next_step_is_the_first_that_may_be_seen(folder, tmp_path):
    (a, b) = ask(folder, tmp_path, [[patient(), observation("sealed", True, label=LABEL)], [patient()]], "--may-see=")
    dates = [p["clearance"]["date"] for p in a["protocols"] if p["protocol"] == "first"]
    assert dates == [p["clearance"]["date"] for p in b["protocols"] if p["protocol"] == "first"] == ["2026-12-24"]


def test_every_outcome_inherits_the_labels_of_what_it_stands_on(folder, tmp_path):
    (a,) = ask(folder, tmp_path, [[patient(), observation("sealed", True), observation("visit", "x", label="EXTRA"), observation("sealedPlace", "B")]])
    first = next(p for p in a["protocols"] if p["protocol"] == "first")
    labels = {i["item"]: set(i["labels"]) for i in first["items"]}
    for name in ("asked", "clock", "done", "unlessSealed", "grown", "drafted", "figured", "stated", "byClass"):
        assert LABEL in labels[name], name
    for name in ("visited", "visitDone"):
        assert labels[name] == {"EXTRA"}, name
    assert labels["always"] == {"EXTRA"}, "a part of the validity may say that it is to be repeated"
    assert labels["counted"] == set()
    holds = {h["id"]: set(h["labels"]) for h in first["holds"]}
    assert holds == {"sealedHold": {LABEL}, "visitHold": {"EXTRA"}}
    assert {c["id"]: set(c["labels"]) for c in first["classification"]} == {"sealedClass": {LABEL}, "visitClass": {"EXTRA"}}


def test_a_family_hold_names_neither_whom_nor_why(folder, tmp_path):
    member = {"resourceType": "Patient", "id": "q", "name": [{"text": "Secretname"}]}
    why = {**labelled(flag("q"), LABEL), "id": "whyflag"}
    (a,) = ask(folder, tmp_path, [[patient(), member, why]])
    holds = [h for p in a["protocols"] for h in p["holds"] if h["id"] == "family"]
    assert len(holds) == 1 and holds[0]["code"] == "family" and holds[0]["labels"] == []
    text = json.dumps(holds)
    assert not any(word in text for word in ("Secretname", "Patient/q", "whyflag", LABEL, "held"))


def test_what_is_open_to_all_carers_is_no_label(folder, tmp_path):
    normal = {**observation("visit", "x"), "meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "N"}]}}
    restricted = {**normal, "meta": {"security": [{"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}]}}
    a, b, c = ask(folder, tmp_path, [[patient(), normal], [patient(), observation("visit", "x")], [patient(), restricted]], "--may-see=")
    assert a == b != c
