# SPDX-License-Identifier: GPL-3.0-or-later
"""rihla pack: one small good pack (tests/cases/packs/good), and what is said of it when one thing is wrong."""
import copy
import json
import os
import re
import shutil
import tarfile
from pathlib import Path

import pytest

from conftest import BIN
from program import rihla

ROOT = Path(__file__).resolve().parents[2]
GOOD = ROOT / "tests" / "cases" / "packs" / "good"
EXT = "https://rihla.example/fhir/StructureDefinition/"
SDC = "http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-"

PLAN, FORM, LIBRARY = "PlanDefinition-good-club", "Questionnaire-good-form", "Library-good-facts"
CODES, VALUES, ACTIVITY = "CodeSystem-good-hats", "ValueSet-good-kinds", "ActivityDefinition-good-measure"


class Pack:
    """A copy of the good pack beside what it depends on, to be broken in one place."""

    def __init__(self, folder):
        self.folder = folder / "good"
        shutil.copytree(GOOD, self.folder)
        shutil.copytree(ROOT / "packs" / "rihla-base", folder / "rihla-base")

    def read(self, name):
        return json.loads((self.folder / name).read_text())

    def write(self, name, value):
        path = self.folder / name
        path.write_text(value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False) + "\n")

    def edit(self, name, change):
        name = name if "/" in name else f"package/{name}.json"
        value = self.read(name)
        result = change(value)
        self.write(name, result[0] if isinstance(result, tuple) else value)  # (another value,), else it was changed in place

    def replace(self, name, old, new):
        name = name if "/" in name else f"package/{name}.json"
        text = (self.folder / name).read_text()
        assert text.count(old) >= 1, f"{name} has no {old}"
        self.write(name, text.replace(old, new, 1))

    def check(self, *options, code):
        done = rihla("pack", "check", "--json", *options, self.folder, code=code, timeout=60)
        return [json.loads(line) for line in done.stdout.splitlines()], done


@pytest.fixture
def pack(tmp_path):
    return Pack(tmp_path)


def action(plan, group, number=0):
    return next(g for g in plan["action"] if g["id"] == group)["action"][number]


def item(form, link):
    return next(i for i in form["item"] if i["linkId"] == link)


def fact(library, name):
    return next(d for d in library["dataRequirement"] if d["id"] == name)


def without(value, url):
    value["extension"] = [e for e in value["extension"] if e["url"] != EXT + url]
    if not value["extension"]:
        del value["extension"]


def condition(plan, group, text, number=0):
    action(plan, group, number)["condition"][0]["expression"]["expression"] = text


def variable(library, text):
    library["extension"][1]["valueExpression"]["expression"] = text


def constraint(form, text):
    item(form, "size")["extension"][0]["extension"][2]["valueString"] = text


def expression(form, link, text):
    item(form, link)["extension"][0]["valueExpression"]["expression"] = text


def second_version(pack, **period):
    plan = pack.read(f"package/{PLAN}.json")
    plan.update(id="good-club-2", version="2.0.0", effectivePeriod=period)
    pack.write("package/PlanDefinition-good-club-2.json", plan)


def without_case(name):
    return lambda cases: ([c for c in cases if c["name"] != name],)


def first_case(**members):
    def change(cases):
        cases[0].update(members)
    return change


def plan(change):
    return lambda p: p.edit(PLAN, change)


def form(change):
    return lambda p: p.edit(FORM, change)


def library(change):
    return lambda p: p.edit(LIBRARY, change)


def codes(change):
    return lambda p: p.edit(CODES, change)


def manifest(**members):
    def change(p):
        p.edit("package/package.json", lambda m: ({k: v for k, v in {**m, **members}.items() if v is not None},))
    return change


def po(language, old, new):
    return lambda p: p.replace(f"text/{language}.po", old, new)


def put(value, **members):
    value.update(members)


# What is broken, how, and what must be said: which check, of which file, which rule, with which words.
BROKEN = {
    # --- sources
    "a rule without a source": (
        plan(lambda r: action(r, "items").pop("documentation")), "source", PLAN, "measure", "has no source"),
    "a rule without evidence": (
        plan(lambda r: without(action(r, "holds"), "evidence")), "evidence", PLAN, "bare", "has no evidence"),
    "evidence that there is none of": (
        plan(lambda r: put(action(r, "holds")["extension"][0], valueCode="certain")), "evidence", PLAN, "bare", "certain"),
    "a source without its page": (
        plan(lambda r: action(r, "holds")["documentation"][0].pop("label")), "source", PLAN, "bare", "no label"),
    "a source without its edition": (
        plan(lambda r: action(r, "classes")["documentation"][0].pop("display")), "source", PLAN, "large", "no display"),
    "a source without its year": (
        plan(lambda r: put(action(r, "validity")["documentation"][0], citation="The Hat Club. Rules.")),
        "source", PLAN, "year", "year"),
    "a protocol without a source": (
        plan(lambda r: r.pop("relatedArtifact")), "source", PLAN, None, "The protocol has no source"),
    "a state without a source": (
        plan(lambda r: action(r, "door", 1).pop("documentation")), "source", PLAN, "outside", "has no source"),
    "a form with rules and without a source": (
        form(lambda r: without(r, "source")), "source", FORM, "kind", "has no source"),
    "a form with rules and without evidence": (
        form(lambda r: without(r, "evidence")), "evidence", FORM, "kind", "has no evidence"),
    "inputs without a source": (
        library(lambda r: r.pop("relatedArtifact")), "source", LIBRARY, "hat", "has no source"),
    "inputs without evidence": (
        library(lambda r: without(r, "evidence")), "evidence", LIBRARY, "size", "has no evidence"),
    "an activity without a source": (
        lambda p: p.edit(ACTIVITY, lambda r: r.pop("relatedArtifact")), "source", ACTIVITY, None, "has no source"),
    "a figure without its year": (
        codes(lambda r: r["concept"][2]["property"].pop(1)), "source", CODES, "bowler", "width-year"),
    "a figure without its source": (
        codes(lambda r: r["concept"][2]["property"].pop(2)), "source", CODES, "bowler", "width-source"),
    # --- expressions
    "a condition that does not parse": (
        plan(lambda r: condition(r, "items", "%wears and")), "expression", PLAN, "measure", ""),
    "a condition that names an unknown element": (
        plan(lambda r: condition(r, "items", "%hat.brim.exists()")), "expression", PLAN, "measure", "brim"),
    "a condition that names an unknown variable": (
        plan(lambda r: condition(r, "holds", "%bareheaded")), "expression", PLAN, "bare", "bareheaded"),
    "a condition that calls an unknown function": (
        plan(lambda r: condition(r, "holds", "%wears.never()")), "expression", PLAN, "bare", "never"),
    "a condition that reads what it may not": (
        plan(lambda r: put(r, extension=[e for e in r["extension"] if e.get("valueId") != "wears"])),
        "expression", PLAN, "measure", "wears"),
    "a date that does not parse": (
        plan(lambda r: put(action(r, "validity")["dynamicValue"][0]["expression"], expression="%size.effective +")),
        "expression", PLAN, "year", ""),
    "a variable that does not parse": (
        library(lambda r: variable(r, "%hat.value.")), "expression", LIBRARY, None, "%hat.value."),
    "a variable that names an unknown fact": (
        library(lambda r: variable(r, "%cap.value")), "expression", LIBRARY, None, "cap"),
    "a variable that names an unknown element": (
        library(lambda r: variable(r, "%hat.brim")), "expression", LIBRARY, None, "brim"),
    "variables that read each other": (
        library(lambda r: r["extension"].append(
            {"url": EXT + "variable", "valueExpression": {"name": "worn", "language": "text/fhirpath", "expression": "%wears"}})
                or variable(r, "%worn")), "expression", PLAN, None, "wears"),
    "a calculation that does not parse": (
        form(lambda r: expression(r, "double", "2 *")), "expression", FORM, "double", ""),
    "a condition of a question with an unknown element": (
        form(lambda r: expression(r, "colour", "%resource.itm.exists()")), "expression", FORM, "colour", "itm"),
    "a condition of a question with an unknown variable": (
        form(lambda r: expression(r, "colour", "%hatless")), "expression", FORM, "colour", "hatless"),
    "a constraint that does not parse": (
        form(lambda r: constraint(r, "answer.value <")), "expression", FORM, "size", ""),
    "a template with an expression that does not parse": (
        form(lambda r: r.update(contained=[{"resourceType": "Basic", "id": "t", "code": {"text": "x", "_text": {"extension": [
            {"url": SDC + "templateExtractValue", "valueString": "item.where("}]}}}])), "expression", FORM, None, "item.where("),
    "a query with an expression that does not parse": (
        form(lambda r: item(r, "hat")["extension"].append({"url": SDC + "itemPopulationContext", "valueExpression": {
            "name": "past", "language": "application/x-fhir-query", "expression": "Observation?patient={{%patient.id +}}"}})),
        "expression", FORM, "hat", "%patient.id +"),
    # --- names
    "a protocol that reads what there is none of": (
        plan(lambda r: r["extension"].append({"url": EXT + "reads", "valueId": "brim"})), "name", PLAN, None, "brim"),
    "an item of an unknown activity": (
        plan(lambda r: put(action(r, "items"), definitionCanonical="https://rihla.example/fhir/ActivityDefinition/none")),
        "name", PLAN, "measure", "ActivityDefinition/none"),
    "a question with an unknown value set": (
        form(lambda r: put(item(r, "kind"), answerValueSet="https://rihla.example/fhir/ValueSet/none")),
        "name", FORM, "kind", "ValueSet/none"),
    "a protocol of unknown facts": (
        plan(lambda r: put(r, library=["https://rihla.example/fhir/Library/none"])), "name", PLAN, None, "Library/none"),
    "a fact of an unknown value set": (
        library(lambda r: put(fact(r, "hat"), codeFilter=[{"path": "code", "valueSet": "https://rihla.example/fhir/ValueSet/none"}])),
        "name", LIBRARY, "hat", "ValueSet/none"),
    "a condition that asks for an unknown question": (
        form(lambda r: put(item(r, "kind")["enableWhen"][0], question="cap")), "name", FORM, "kind", "cap"),
    "an extension that is mistyped": (
        form(lambda r: put(item(r, "hat")["extension"][0], url=EXT + "help-wy")), "name", FORM, "hat", "help-wy"),
    "an extension of forms that is mistyped": (
        form(lambda r: put(item(r, "double")["extension"][0], url=SDC + "calculatedExpresion")),
        "name", FORM, "double", "calculatedExpresion"),
    "a code that its system does not have": (
        library(lambda r: put(fact(r, "hat")["codeFilter"][0]["code"][0], code="wrn")), "code", LIBRARY, "hat", "wrn"),
    "a code of a value set that its system does not have": (
        lambda p: p.edit(VALUES, lambda r: put(r["compose"]["include"][0]["concept"][0], code="top")),
        "code", VALUES, "top", "top"),
    "a code with a wrong check digit": (
        library(lambda r: fact(r, "hat")["codeFilter"][0]["code"].append({"system": "http://loinc.org", "code": "8867-5"})),
        "check-digit", LIBRARY, "hat", "8867-5"),
    "a linkId twice": (
        form(lambda r: put(item(r, "double"), linkId="size")), "expression", FORM, None, "size"),
    "an id of a rule twice": (
        plan(lambda r: put(action(r, "door", 1), id="inside")), "expression", PLAN, "inside", "inside"),
    # --- texts
    "a text without translation": (
        po("fr", 'msgid "Which colour?"\nmsgstr "Quelle couleur ?"\n', ""), "translation", FORM, "colour", "(fr)"),
    "an option without translation": (
        po("ar", 'msgid "Fez"\nmsgstr "طربوش"\n', ""), "translation", CODES, "fez", "(ar)"),
    "a language that is not there": (
        lambda p: (p.folder / "text" / "es.po").unlink(), "translation", PLAN, "measure", "(es)"),
    "a translation that is not translated": (
        po("es", 'msgstr "Fuera"', 'msgstr ""'), "translation", PLAN, "outside", "(es)"),
    "a translation of no text": (
        po("es", 'msgid "Outside"', 'msgid "Outsid"'), "translation", "text/es.po", None, "Outsid"),
    "a fuzzy translation": (
        po("ar", 'msgid "Inside"', '#, fuzzy\nmsgid "Inside"'), "translation", "text/ar.po", None, "fuzzy"),
    "a file of translations that is malformed": (
        po("fr", 'msgstr "Dehors"', "msgstr Dehors"), "file", "text", None, "fr.po:"),
    "an item that does not say why": (
        plan(lambda r: action(r, "items").pop("description")), "text", PLAN, "measure", "no description"),
    "a rule without a title": (
        plan(lambda r: action(r, "classes").pop("title")), "text", PLAN, "large", "no title"),
    # --- periods
    "a protocol without a period": (
        plan(lambda r: r.pop("effectivePeriod")), "period", PLAN, None, "effectivePeriod"),
    "a period that ends before it starts": (
        plan(lambda r: r["effectivePeriod"].update(end="2025-01-01")), "period", PLAN, None, "before it starts"),
    "two versions that overlap": (
        lambda p: second_version(p, start="2026-06-01"), "period", PLAN, None, "overlaps"),
    # --- cases
    "a case that fails": (
        lambda p: p.edit("cases/protocol.json", first_case(want={"protocols": [{"clearance": {"status": "cleared"}}]})),
        "case", "cases/protocol.json", None, 'wanted "cleared", got "not-cleared"'),
    "a case whose resources are others": (
        lambda p: p.edit("cases/form.json", lambda c: put(c[0]["extract"]["entry"][0]["resource"], valueInteger=51)),
        "case", "cases/form.json", None, "extract: at entry[0].resource.valueInteger: wanted 51, got 50"),
    "a rule that never holds in a case": (
        lambda p: p.edit("cases/protocol.json", without_case("a large head is large")), "coverage", PLAN, "classes/large", "holds"),
    "a rule that always holds in cases": (
        lambda p: p.edit("cases/form.json", without_case("no head is larger than a hundred")),
        "coverage", FORM, "size", "does not hold"),
    "a pack without cases of its form": (
        lambda p: (p.folder / "cases" / "form.json").unlink(), "coverage", FORM, "kind", "and none in which"),
    "a case of an unknown protocol": (
        lambda p: p.edit("cases/protocol.json", first_case(protocols=["cap-club"])), "case", "cases/protocol.json", None, "cap-club"),
    "a case of an unknown form": (
        lambda p: p.edit("cases/form.json", first_case(form="https://rihla.example/fhir/Questionnaire/none")),
        "case", "cases/form.json", None, "Questionnaire/none"),
    "a case of an unknown template": (
        lambda p: p.edit("cases/protocol.json", lambda c: c[0]["given"].append({"$use": "cap"})),
        "case", "cases/protocol.json", None, "cases/given/cap.json"),
    "a template with a member that it does not have": (
        lambda p: p.edit("cases/protocol.json", lambda c: c[0]["given"][1].update(wrn=True)),
        "case", "cases/protocol.json", None, "${wrn}"),
    "a case that wants nothing": (
        lambda p: p.edit("cases/protocol.json", first_case(want={})), "case", "cases/protocol.json", None, "wants nothing"),
    "a case with a member that there is none of": (
        lambda p: p.edit("cases/form.json", first_case(wants={})), "case", "cases/form.json", None, '"wants"'),
    "a case of an unknown question": (
        lambda p: p.edit("cases/form.json", lambda c: c[0]["answers"].update(cap=True)), "case", "cases/form.json", None, '"cap"'),
    "a case with an answer that is no option": (
        lambda p: p.edit("cases/form.json", lambda c: c[1]["answers"].update(kind="top")), "case", "cases/form.json", None, '"top"'),
    "a case that is not JSON": (
        lambda p: p.replace("cases/form.json", "[", "[,"), "case", "cases/form.json", None, ""),
    "a template that is not JSON": (
        lambda p: p.replace("cases/given/hat.json", "{", "{,"), "case", "cases/given", None, ""),
    # --- the package
    "a file that is not JSON": (
        lambda p: p.replace(CODES, '"status": "active",', '"status": "active"'), "file", CODES, None, ""),
    "a resource in a file of another name": (
        lambda p: (p.folder / "package" / f"{ACTIVITY}.json").rename(p.folder / "package" / "measure.json"),
        "file", "measure.json", None, f"{ACTIVITY}.json"),
    "a resource that is not valid": (
        plan(lambda r: put(r, status="maybe")), "validity", PLAN, None, "maybe"),
    "a dependency that is not there": (
        manifest(dependencies={"rihla-base": "1.0.0", "hats": "1.0.0"}), "dependency", "package.json", None, "hats"),
    "a pack that does not name rihla-base": (
        manifest(dependencies={"hl7.fhir.r4.core": "4.0.1"}), "package", "package.json", None, "rihla-base"),
    "a pack without a licence": (manifest(license=None), "package", "package.json", None, "license"),
    "a pack of another version of FHIR": (manifest(fhirVersions=["5.0.0"]), "package", "package.json", None, "R4"),
    "a version that is none": (manifest(version="next"), "package", "package.json", None, "next"),
    "a name that is not that of the folder": (manifest(name="bad"), "package", "package.json", None, "bad"),
}


def test_there_are_at_least_sixty_broken_packs():
    assert len(BROKEN) >= 60


def test_the_good_pack_is_good(pack):
    rows, done = pack.check(code=0)
    assert rows == []
    assert "6 resources, 0 errors, 0 warnings; 14 rules, 0 of them drafts; 7 cases" in done.stderr


@pytest.mark.parametrize("name", BROKEN)
def test_refuses(pack, name):
    breaks, check, file, rule, words = BROKEN[name]
    breaks(pack)
    rows, _ = pack.check(code=1)
    errors = [r for r in rows if r["issue"]["severity"] == "error"]
    said = [r for r in errors if r["check"] == check and (r["file"] or "").find(file) >= 0 and words in r["issue"]["text"]]
    assert said, json.dumps(errors, indent=1, ensure_ascii=False)
    if rule:
        assert rule in [r["rule"] for r in said], said
    text = rihla("pack", "check", pack.folder, code=1).stdout
    assert f"[{check}]" in text and words in text
    for row in said:
        assert row["file"] in text and len(row["issue"]["text"]) > 10


def test_says_which_rules_are_drafts(pack):
    pack.edit(PLAN, lambda r: put(action(r, "holds")["extension"][0], valueCode="restated"))
    pack.edit(PLAN, lambda r: put(action(r, "classes")["extension"][0], valueCode="unverified"))
    rows, done = pack.check(code=0)
    assert [(r["check"], r["rule"], r["issue"]["severity"]) for r in rows] == \
        [("draft", "large", "information"), ("draft", "bare", "information")]
    assert "2 of them drafts" in done.stderr
    assert "[draft]" in rihla("pack", "check", pack.folder).stdout
    pack.edit(LIBRARY, lambda r: fact(r, "hat")["codeFilter"][0]["code"].append({"system": "http://loinc.org", "code": "8867-4"}))
    assert "warning: the code system" in rihla("pack", "check", pack.folder).stdout
    quiet = rihla("pack", "check", "--quiet", pack.folder)
    assert quiet.stdout == "" and quiet.stderr == ""


def test_own_rules_need_no_source(pack):
    def change(r):
        put(action(r, "holds")["extension"][0], valueCode="own")
        del action(r, "holds")["documentation"]
    pack.edit(PLAN, change)
    assert pack.check(code=0)[0] == []


def test_a_source_of_the_group_counts_for_its_rules(pack):
    def change(r):
        group = next(g for g in r["action"] if g["id"] == "holds")
        group["documentation"] = group["action"][0].pop("documentation")
    pack.edit(PLAN, change)
    assert pack.check(code=0)[0] == []


def test_versions_that_follow_each_other_are_fine(pack):
    second_version(pack, start="2027-01-01")
    pack.edit(PLAN, lambda r: r["effectivePeriod"].update(end="2026-12-31"))
    rows, _ = pack.check(code=1)
    assert {r["check"] for r in rows} == {"coverage"}  # the new one has no cases yet


def test_findings_name_the_line(pack):
    pack.edit(PLAN, lambda r: condition(r, "holds", "%bareheaded"))
    rows, _ = pack.check(code=1)
    lines = (pack.folder / "package" / f"{PLAN}.json").read_text().splitlines()
    row = next(r for r in rows if r["check"] == "source" or "bareheaded" in r["issue"]["text"])
    assert row["rule"] == "bare"
    pack.replace(PLAN, "%bareheaded", "%wears.not()")
    pack.edit(PLAN, lambda r: action(r, "holds").pop("documentation"))
    rows, _ = pack.check(code=1)
    line = rows[0]["issue"]["line"]
    lines = (pack.folder / "package" / f"{PLAN}.json").read_text().splitlines()
    assert any('"bare"' in x for x in lines[line - 2:line + 2])


def test_a_package_that_is_no_pack_needs_no_sources(tmp_path):
    here = tmp_path / "hl7" / "package"
    here.mkdir(parents=True)
    (here / "package.json").write_text(json.dumps({"name": "example.guide", "version": "1.0.0"}))
    (here / "any.json").write_text((GOOD / "package" / f"{CODES}.json").read_text())
    done = rihla("pack", "check", tmp_path / "hl7")
    assert "1 resources, 0 errors" in done.stderr and "rules" not in done.stderr


def test_the_package_of_a_pack_is_checked_too(pack, tmp_path):
    rihla("pack", "build", pack.folder, tmp_path / "good.tgz")
    assert "6 resources, 0 errors" in rihla("pack", "check", tmp_path / "good.tgz").stderr
    pack.replace("text/fr.po", 'msgid "Inside"\nmsgstr "Dedans"\n', "")
    pack.edit(PLAN, lambda r: action(r, "holds").pop("documentation"))
    rihla("pack", "build", pack.folder, tmp_path / "good.tgz")
    done = rihla("pack", "check", tmp_path / "good.tgz", code=1)
    assert "[source]" in done.stdout and "(fr)" in done.stdout


# --- test

def run_cases(pack, *options, code=0):
    done = rihla("pack", "test", "--json", pack.folder, *options, code=code)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return rows[:-1], rows[-1]


def test_runs_all_cases(pack):
    rows, counts = run_cases(pack)
    assert len(rows) == 7 and all(r["passed"] for r in rows)
    assert (counts["cases"], counts["passed"], counts["failed"], counts["broken"], counts["files"]) == (7, 7, 0, 0, 2)
    assert "7 cases in 2 files: 7 passed" in rihla("pack", "test", pack.folder).stdout


def test_runs_the_cases_that_are_asked_for(pack):
    assert len(run_cases(pack, "large head")[0]) == 1
    assert len(run_cases(pack, "form.json")[0]) == 3
    done = rihla("pack", "test", pack.folder, "no such case", code=1)
    assert "there is no such case" in done.stderr


def test_a_pack_without_cases_has_none_that_fail(pack):
    shutil.rmtree(pack.folder / "cases")
    assert "0 cases in 0 files" in rihla("pack", "test", pack.folder).stdout


def test_a_difference_is_readable(pack):
    pack.edit("cases/protocol.json", lambda c: c[1]["want"]["protocols"][0].update(expires="2027-03-02"))
    pack.edit("cases/form.json", lambda c: c[0]["want"]["answers"].update(double=101))
    out = rihla("pack", "test", pack.folder, code=1).stdout
    assert 'cases/protocol.json (2): a measured head enters for a year:\n' in out
    assert 'at protocols[0].expires: wanted "2027-03-02", got "2027-03-01"' in out
    assert "at answers.double: wanted 101, got [{\"valueInteger\":100}]" in out
    assert "5 passed, 2 failed" in out


def test_what_must_not_come_is_found(pack):
    pack.edit("cases/protocol.json", lambda c: c[3].update(never=[{"protocols": [{"holds": [{"id": "bare"}]}]}]))
    assert "must not be there" in rihla("pack", "test", pack.folder, code=1).stdout.replace("is there and must not be", "must not be there")


def test_a_wanted_refusal_passes_and_a_missing_one_does_not(pack):
    pack.edit("cases/protocol.json", first_case(date="2020-01-01", want={"error": "force"}))
    assert run_cases(pack, "who wears a hat is measured")[0][0]["passed"]
    pack.edit("cases/protocol.json", first_case(date="2026-03-02"))
    assert "wanted to be refused" in run_cases(pack, "who wears a hat is measured", code=1)[0][0]["why"]


def test_templates_are_found_in_packs_it_depends_on(pack):
    (pack.folder.parent / "rihla-base" / "cases" / "given").mkdir(parents=True)
    (pack.folder / "cases" / "given" / "hat.json").rename(pack.folder.parent / "rihla-base" / "cases" / "given" / "hat.json")
    run_cases(pack)


def test_cases_may_need_packs_that_the_pack_does_not(pack):
    other = pack.folder.parent / "other"
    shutil.copytree(pack.folder, other)
    for file in (other / "package").glob("*.json"):
        text = file.read_text().replace("good-club", "other-club").replace('"name": "good"', '"name": "other"')
        file.unlink()
        (other / "package" / file.name.replace("good-club", "other-club")).write_text(text)
    pack.edit("cases/protocol.json", first_case(protocols=["good-club", "other-club"]))
    assert "other-club" in run_cases(pack, "who wears a hat is measured", code=1)[0][0]["why"]
    manifest(devDependencies={"other": "1.0.0"})(pack)
    run_cases(pack)


def test_thousands_of_cases_are_quick(pack):
    cases = pack.read("cases/protocol.json")
    many = []
    for n in range(1000):
        for case in copy.deepcopy(cases):
            many.append({**case, "name": f"{case['name']} {n}"})
    pack.write("cases/protocol.json", many)
    _, counts = run_cases(pack)
    assert counts["cases"] == 4003
    assert counts["microseconds"] < (20 if "sanitize" in BIN else 4) * 1_000_000


# --- build, list, add, remove

def test_a_built_package_is_the_same_each_time_and_has_no_cases(pack, tmp_path):
    out = rihla("pack", "build", pack.folder, tmp_path / "one.tgz").stdout
    assert "6 resources" in out
    for file in pack.folder.rglob("*"):
        os.utime(file, (1, 1))
    rihla("pack", "build", pack.folder, tmp_path / "two.tgz")
    assert (tmp_path / "one.tgz").read_bytes() == (tmp_path / "two.tgz").read_bytes()
    with tarfile.open(tmp_path / "one.tgz") as tar:
        names = tar.getnames()
        assert all(m.mtime == 0 and m.isfile() for m in tar)
        form = json.load(tar.extractfile(f"package/{FORM}.json"))
        codes = json.load(tar.extractfile(f"package/{CODES}.json"))
    assert names[0] == "package/package.json" and sorted(names[1:]) == names[1:] and len(names) == 7
    texts = {e["extension"][0]["valueCode"]: e["extension"][1]["valueString"] for e in form["_title"]["extension"]}
    assert texts["fr"] == "Questions du club du chapeau" and set(texts) == {"fr", "ar", "es"}
    assert {d["language"] for d in codes["concept"][0]["designation"]} == {"fr", "ar", "es"}


def test_what_cannot_be_built_is_refused(pack, tmp_path):
    assert "package/package.json" in rihla("pack", "build", tmp_path, tmp_path / "x.tgz", code=3).stderr
    pack.replace("text/fr.po", 'msgstr "Dehors"', "msgstr Dehors")
    assert re.search(r"text/fr\.po:\d+: ", rihla("pack", "build", pack.folder, tmp_path / "x.tgz", code=3).stderr)
    assert not (tmp_path / "x.tgz").exists()


def kept(data):
    return json.loads(rihla("pack", "list", "--json", "--data", data).stdout)["packages"]


def test_packs_are_kept_listed_and_removed(pack, tmp_path):
    data = tmp_path / "data"
    assert kept(data) == []
    assert "no packages" in rihla("pack", "list", "--data", data).stdout
    rihla("pack", "add", "--data", data, pack.folder)
    rihla("pack", "add", "--data", data, pack.folder.parent / "rihla-base")
    listed = {p["name"]: p for p in kept(data)}
    assert listed["good"]["resources"] == 6 and listed["good"]["dependencies"]["rihla-base"] == "1.0.0"
    assert "good 1.0.0: 6 resources; needs" in rihla("pack", "list", "--data", data).stdout
    done = rihla("pack", "remove", "--data", data, "rihla-base", code=1)
    assert "good 1.0.0 needs it" in done.stderr
    assert len(kept(data)) == 2
    rihla("pack", "remove", "--data", data, "good")
    rihla("pack", "remove", "--data", data, "rihla-base", "1.0.0")
    assert kept(data) == []
    assert "is not kept" in rihla("pack", "remove", "--data", data, "good", code=1).stderr


def test_of_several_versions_one_must_be_named(pack, tmp_path):
    data = tmp_path / "data"
    rihla("pack", "add", "--data", data, pack.folder)
    manifest(version="1.1.0")(pack)
    rihla("pack", "add", "--data", data, pack.folder)
    assert "several versions" in rihla("pack", "remove", "--data", data, "good", code=3).stderr
    rihla("pack", "remove", "--data", data, "good", "1.0.0")
    assert [p["version"] for p in kept(data)] == ["1.1.0"]


def test_wrong_usage_says_what_is_wanted():
    for arguments, words in ((["test"], "test PATH [FILTER]"), (["build", "x"], "build FOLDER OUT.tgz"), (["remove"], "remove NAME"),
                             (["burn"], "not burn")):
        assert words in rihla("pack", *arguments, code=2).stderr
