# SPDX-License-Identifier: GPL-3.0-or-later
"""Batch and transaction: atomic, in any order of entries, with their references resolved."""
import itertools
from uuid import uuid4

from conftest import wants


def bundle(type_, *entries):
    return {"resourceType": "Bundle", "type": type_, "entry": list(entries)}


def entry(method, url, resource=None, full_url=None, **request):
    ret = {"request": {"method": method, "url": url, **request}}
    if resource:
        ret["resource"] = resource
    if full_url:
        ret["fullUrl"] = full_url
    return ret


def statuses(answer):
    assert answer.status_code == 200, answer.text
    return [e["response"]["status"][:3] for e in answer.json()["entry"]]


def test_references_are_resolved_whatever_the_order(fhir):
    for order in itertools.permutations(range(3)):
        p, e = f"urn:uuid:{uuid4()}", f"urn:uuid:{uuid4()}"
        entries = [entry("POST", "Patient", {"resourceType": "Patient"}, p),
                   entry("POST", "Encounter", {"resourceType": "Encounter", "status": "finished", "class": {"code": "AMB"},
                                               "subject": {"reference": p}}, e),
                   entry("POST", "Observation", {"resourceType": "Observation", "status": "final", "code": {"text": "x"},
                                                 "subject": {"reference": p}, "encounter": {"reference": e}})]
        answer = fhir.send("POST", "", bundle("transaction", *[entries[i] for i in order]), Prefer="return=representation")
        assert statuses(answer) == ["201"] * 3
        made = {x["resource"]["resourceType"]: x for x in answer.json()["entry"]}
        observation = fhir.get(made["Observation"]["response"]["location"]).json()
        assert observation["subject"]["reference"] == f"Patient/{made['Patient']['resource']['id']}"
        assert observation["encounter"]["reference"] == f"Encounter/{made['Encounter']['resource']['id']}"


def test_one_bad_entry_and_nothing_is_stored(fhir):
    before = fhir.sequence()
    good = [entry("POST", "Patient", {"resourceType": "Patient"}) for _ in range(5)]
    answer = fhir.send("POST", "", bundle("transaction", *good, entry("POST", "Patient", {"resourceType": "Patient", "gender": "no such"},
                                                                      f"urn:uuid:{uuid4()}"),
                                          entry("POST", "Patient", {"resourceType": "Patient", "nmae": 1})))
    wants(answer, 422, "Bundle.entry[6].resource")
    wants(fhir.send("POST", "", bundle("transaction", *good, entry("DELETE", "Patient/x", ifMatch='W/"a-1"'))), 412)
    wants(fhir.send("POST", "", bundle("transaction", *good, entry("PUT", "Patient/x", {"resourceType": "Patient", "id": "y"}))), 400,
          "Bundle.entry[5]")
    wants(fhir.send("POST", "", bundle("transaction", *good, entry("POST", "Observation", {
        "resourceType": "Observation", "status": "final", "code": {"text": "x"}, "subject": {"reference": f"urn:uuid:{uuid4()}"}}))), 422,
        "urn:uuid")
    assert fhir.sequence() == before


def test_conditional_references_and_conditional_entries(fhir):
    value = uuid4().hex
    person = fhir.create({"resourceType": "Patient", "identifier": [{"value": value}]})
    by_condition = {"resourceType": "Observation", "status": "final", "code": {"text": "x"},
                    "subject": {"reference": f"Patient?identifier={value}"}}
    answer = fhir.send("POST", "", bundle("transaction", entry("POST", "Observation", by_condition),
                                          entry("POST", "Patient", {"resourceType": "Patient"}, ifNoneExist=f"identifier={value}"),
                                          entry("PUT", f"Patient?identifier={value}",
                                                {"resourceType": "Patient", "identifier": [{"value": value}], "active": True})))
    assert statuses(answer)[0] == "201"
    made = fhir.get(answer.json()["entry"][0]["response"]["location"]).json()
    assert made["subject"]["reference"] == f"Patient/{person['id']}"
    assert statuses(answer)[1:] == ["200", "200"]
    assert fhir.get(f"/Patient/{person['id']}").json()["active"] is True
    before = fhir.sequence()
    by_condition["subject"]["reference"] = f"Patient?identifier={uuid4().hex}"
    wants(fhir.send("POST", "", bundle("transaction", entry("POST", "Observation", by_condition))), 412, "conditional reference")
    assert fhir.sequence() == before


def test_what_a_condition_finds_may_not_be_deleted_beside_it(fhir):
    value = uuid4().hex
    person = fhir.create({"resourceType": "Patient", "identifier": [{"value": value}]})
    before = fhir.sequence()
    wants(fhir.send("POST", "", bundle("transaction", entry("DELETE", f"Patient/{person['id']}"),
                                       entry("POST", "Patient", {"resourceType": "Patient"}, ifNoneExist=f"identifier={value}"))),
          422, "another entry of this transaction deletes")
    assert fhir.sequence() == before and fhir.get(f"/Patient/{person['id']}").status_code == 200


def test_a_batch_does_what_can_be_done(fhir):
    person, other = fhir.create({"resourceType": "Patient"}), fhir.create({"resourceType": "Patient"})
    answer = fhir.send("POST", "", bundle("batch", entry("POST", "Patient", {"resourceType": "Patient"}),
                                          entry("POST", "Patient", {"resourceType": "Patient", "nmae": 1}),
                                          entry("GET", f"Patient/{person['id']}"), entry("GET", "Patient/never-there"),
                                          entry("GET", "Patient?nmae=x"), entry("GET", f"Patient?_id={person['id']}"),
                                          entry("GET", f"Patient/{person['id']}/_history"),
                                          entry("GET", f"Patient/{person['id']}", ifNoneMatch=f'W/"{person["meta"]["versionId"]}"'),
                                          entry("GET", "metadata"), entry("DELETE", f"Patient/{other['id']}"),
                                          entry("FETCH", "Patient/1"), entry("PUT", "Patent/1", {"resourceType": "Patient", "id": "1"})))
    assert statuses(answer) == ["201", "422", "200", "404", "400", "200", "200", "304", "200", "204", "400", "404"]
    entries = answer.json()["entry"]
    assert "nmae" in entries[1]["response"]["outcome"]["issue"][0]["diagnostics"]
    assert entries[5]["resource"]["resourceType"] == "Bundle" and entries[8]["resource"]["resourceType"] == "CapabilityStatement"
    assert "Bundle.entry[10]" in str(entries[10]["response"]["outcome"])


def test_a_transaction_reads_what_it_wrote(fhir):
    id_ = f"t-{uuid4()}"
    answer = fhir.send("POST", "", bundle("transaction", entry("GET", f"Patient/{id_}"),
                                          entry("PUT", f"Patient/{id_}", {"resourceType": "Patient", "id": id_})))
    assert statuses(answer) == ["200", "201"] and answer.json()["entry"][0]["resource"]["id"] == id_


def test_what_is_not_a_batch_or_transaction_is_refused(fhir):
    before = fhir.sequence()
    wants(fhir.send("POST", "", {"resourceType": "Patient"}), 400, "Bundle")
    wants(fhir.send("POST", "", bundle("collection")), 400, "Bundle.type")
    wants(fhir.send("POST", "", {"resourceType": "Bundle", "type": "batch", "entry": {}}), 422, "Bundle.entry")
    assert fhir.sequence() == before


def test_a_large_bundle_and_an_empty_one(fhir):
    entries = [entry("POST", "Basic", {"resourceType": "Basic", "code": {"text": "x" * 2000}}) for _ in range(500)]
    before = fhir.sequence()
    assert statuses(fhir.send("POST", "", bundle("transaction", *entries))) == ["201"] * 500
    assert fhir.sequence() == before + 500
    assert fhir.send("POST", "", {"resourceType": "Bundle", "type": "transaction"}).status_code == 200


def test_a_patch_inside_a_bundle(fhir):
    import base64
    import json
    person = fhir.create({"resourceType": "Patient", "active": True})
    patch = base64.b64encode(json.dumps([{"op": "replace", "path": "/active", "value": False}]).encode()).decode()
    answer = fhir.send("POST", "", bundle("transaction", entry("PATCH", f"Patient/{person['id']}", {
        "resourceType": "Binary", "contentType": "application/json-patch+json", "data": patch})))
    assert statuses(answer) == ["200"] and fhir.get(f"/Patient/{person['id']}").json()["active"] is False


def test_links_in_narratives_of_any_shape(fhir):
    """Only what is an href of a or a src of img changes, and nothing is lost where the markup is strange."""
    one, other = f"urn:uuid:{uuid4()}", f"urn:uuid:{uuid4()}"
    shapes = {"<a href='{u}'>x</a>": "<a href='{r}'>x</a>", '<a title=">" href="{u}">x</a>': '<a title=">" href="{r}">x</a>',
              '<a\nhref = "{u}#p">x</a>': '<a\nhref = "{r}#p">x</a>', '<img alt="{u}" src="{u}"/>': '<img alt="{u}" src="{r}"/>',
              '<abbr href="{u}">x</abbr>': None, '<a name="{u}">x</a>': None, '<a href={u}>x</a>': None, '<a href="{u}': None, '<a href="{o}">x</a>': None,
              '<!-- <b src="{u}"> -->': None, "<": None, '<a href="">{u}</a>': None, '<a href="#{u}">x</a>': None}
    people = [{"resourceType": "Patient", "text": {"status": "generated", "div": f"<div>{shape}</div>".replace("{u}", one).replace("{o}", other)}} for shape in shapes]
    answer = fhir.send("POST", "", bundle("transaction", *[entry("POST", "Patient", p) for p in people],
                                          entry("POST", "Basic", {"resourceType": "Basic", "code": {"text": "x"}}, one)), Prefer="return=representation")
    assert answer.status_code == 200, answer.text
    *made, basic = (e["resource"] for e in answer.json()["entry"])
    for (shape, want), resource in zip(shapes.items(), made):
        wanted = f"<div>{want or shape}</div>".replace("{u}", one).replace("{o}", other).replace("{r}", f"Basic/{basic['id']}")
        assert resource["text"]["div"] == wanted


def test_links_in_sections_and_contained_resources(fhir):
    url = f"urn:uuid:{uuid4()}"
    text = {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml"><a href="{url}">x</a></div>'}
    composition = {"resourceType": "Composition", "status": "final", "type": {"text": "t"}, "date": "2020", "author": [{"display": "a"}], "title": "t",
                   "section": [{"text": text, "section": [{"text": text}]}], "contained": [{"resourceType": "Basic", "id": "c", "code": {"text": "x"}, "text": text}]}
    answer = fhir.send("POST", "", bundle("transaction", entry("POST", "Composition", composition), entry("POST", "Patient", {"resourceType": "Patient"}, url)),
                       Prefer="return=representation")
    made = answer.json()["entry"][0]["resource"]
    for owner in (made["section"][0], made["section"][0]["section"][0], made["contained"][0]):
        assert url not in owner["text"]["div"] and 'href="Patient/' in owner["text"]["div"]
