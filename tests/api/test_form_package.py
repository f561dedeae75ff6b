# SPDX-License-Identifier: GPL-3.0-or-later
"""Questionnaire/$package: a form with everything that it needs to be filled in without the server."""
import pytest
from conftest import ROOT, Fhir, Server

FORM = "https://rihla.example/fhir/Questionnaire/film-result"
PACKS = [x for name in ("rihla-base", "assessment-common") for x in ("--package", str(ROOT / "packs" / name))]


@pytest.fixture(scope="module")
def fhir(tmp_path_factory):
    server = Server(tmp_path_factory.mktemp("package") / "rihla", *PACKS)
    with server.client() as client:
        yield Fhir(server, client)
    server.stop()


def package(fhir, status=200, method="GET", **more):
    answer = fhir.http.request(method, f"{fhir.server.url}/fhir/Questionnaire/$package", **more)
    assert answer.status_code == status, answer.text[:1000]
    return answer.json()


def names(bundle):
    return {f"{e['resource']['resourceType']}/{e['resource']['id']}" for e in bundle["entry"]}


def test_the_form_comes_first_with_what_it_names_directly_and_through_others(fhir):
    bundle = package(fhir, params={"url": FORM})
    assert (bundle["type"], bundle["entry"][0]["resource"]["url"]) == ("collection", FORM)
    found = names(bundle)
    assert {"Questionnaire/film-result", "CodeSystem/film-finding", "CodeSystem/film-result"} <= found
    assert len(found) == len(bundle["entry"]), "nothing twice"
    assert not any(one.startswith(("PlanDefinition", "ActivityDefinition", "StructureDefinition")) for one in found)


def test_a_version_and_parameters_in_a_body_name_the_form_as_well(fhir):
    body = {"resourceType": "Parameters", "parameter": [{"name": "url", "valueUri": FORM + "|1.0.0"}]}
    assert names(package(fhir, method="POST", json=body)) == names(package(fhir, params={"url": FORM}))


@pytest.mark.parametrize("params, status, words", [
    ({}, 400, "needs url"),
    ({"url": "https://rihla.example/fhir/Questionnaire/absent"}, 404, "No Questionnaire with the address"),
    ({"url": "https://rihla.example/fhir/ValueSet/film-result"}, 404, "No Questionnaire with the address"),
    ({"url": FORM, "form": "x"}, 400, "form"),
])
def test_refuses_what_names_no_form(fhir, params, status, words):
    outcome = package(fhir, status, params=params)
    assert words in outcome["issue"][0]["diagnostics"]
