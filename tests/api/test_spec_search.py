# SPDX-License-Identifier: GPL-3.0-or-later
"""The sentences of FHIR R4's search page about what is found, each test under the number of its row in
docs/conformance.md. What the results look like: test_spec_results.py."""
import pytest

from conftest import Fhir, Server, wants
from spec_search_data import COLOURS, DE, MRN, UCUM, load


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    one = Server(tmp_path_factory.mktemp("spec") / "rihla")
    load(one)
    yield one
    one.stop()


@pytest.fixture
def fhir(served):
    with served.client() as client:
        yield Fhir(served, client)


@pytest.fixture
def ids(fhir):
    """The ids that match, of all pages: the path as it stands, then `name=value`s that are still to be encoded."""
    def find(path, *pairs, mode="match"):
        url, params, found = path, list(pairs), []
        while url:
            answer = fhir.http.get(url, params=params or None)
            assert answer.status_code == 200, f"{answer.request.url}: {answer.status_code} {answer.text[:600]}"
            bundle = answer.json()
            found += [e["fullUrl"] for e in bundle.get("entry", []) if e["search"]["mode"] == mode]
            url, params = next((link["url"] for link in bundle["link"] if link["relation"] == "next"), None), []
        assert len(found) == len(set(found)), found
        return {address.rsplit("/", 1)[1] for address in found}
    return find


def dated(ids, value):
    return {i[2:] for i in ids("/Observation", ("code", "dated"), ("date", value))}


def numbered(ids, value):
    return {float(i[2:]) for i in ids("/Observation", ("code", "number"), ("value-quantity", value))}


def amounts(ids, value):
    return {i[2:] for i in ids("/Observation", ("code", "quantity"), ("value-quantity", value))}


# --- where is searched

def test_s001_no_two_names_differ_in_case_only(fhir):
    for resource in fhir.get("/metadata").json()["rest"][0]["resource"]:
        names = [p["name"].lower() for p in resource["searchParam"]]
        assert len(names) == len(set(names)), resource["type"]


def test_s004_in_compartments(ids):
    assert "local" in ids("/Patient/eve/Observation") and "person" not in ids("/Patient/eve/Observation")
    assert ids("/Patient/evelyn/Condition") == {"c-blue", "words"}
    assert ids("/Patient/evelyn/Condition?code=blue") == {"c-blue"}
    whole = ids("/Patient/evelyn/*")
    assert {"c-blue", "words", "member", "report2"} <= whole and "c-red" not in whole


def test_s005_in_all_types(ids):
    assert ids("?_tag=http://example.org/tags|needs-review") == {"eve"}
    assert "shared" in ids("?_id=shared") and ids("?_type=Group&_id=shared") == {"shared"}


def test_s006_parameters_must_be_common_to_the_types(fhir, ids):
    assert {"rx", "given"} <= ids("?_type=MedicationRequest,MedicationDispense&patient=eve")
    wants(fhir.get("?_type=Patient,Observation&birthdate=1980"), 400, "birthdate")
    wants(fhir.get("?birthdate=1980"), 400, "birthdate")
    wants(fhir.get("?_type=Patient,Patent"), 400, "Patent")


def test_s008_without_a_filter_everything_of_the_type(fhir, ids):
    assert ids("/Patient") == {"eve", "evelyn", "severine", "lower", "shared"}
    posted = fhir.http.post("/Patient/_search", content="", headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert len(posted.json()["entry"]) == 5


def test_s010_filter_then_sort_then_page_then_include(fhir):
    a = fhir.get("/Condition?_count=2&_include=Condition:subject&_sort=code&patient=eve").json()
    b = fhir.get("/Condition?patient=eve&_sort=code&_include=Condition:subject&_count=2").json()
    assert [e["resource"]["id"] for e in a["entry"]] == [e["resource"]["id"] for e in b["entry"]]
    assert [e["search"]["mode"] for e in a["entry"]] == ["match", "match", "include"]


# --- errors

def test_s016_what_does_not_exist_is_simply_not_found(ids):
    assert ids("/Observation?subject=101010") == set() and ids("/Observation?subject=Patient/101010") == set()
    assert ids(f"/Observation?patient.identifier={MRN}|123456") == set()
    assert ids("/Observation?code=http://example.org/unknown|1234-1") == set()
    assert ids("/Observation?date=le1900") == {"d-until"}


def test_s017_what_is_not_well_formed_is_an_error(fhir):
    wants(fhir.get("/Condition?onset-date=23%20May%202009"), 400, "onset-date")
    wants(fhir.get("/Observation?value-quantity=much"), 400, "much")
    wants(fhir.get("/Patient?active:not-a-modifier=true"), 400, "active")


def test_s018_empty_parameters_are_ignored(ids):
    assert ids("/Patient?gender=&_id=eve") == {"eve"} and ids("/Patient?name=&_id=eve") == {"eve"}


def test_s021_prefer_decides_about_unknown_parameters(fhir):
    wants(fhir.get("/Patient?favourite-colour=blue"), 400, "favourite-colour")
    wants(fhir.get("/Patient?favourite-colour=blue", Prefer="handling=strict"), 400, "favourite-colour")
    lenient = fhir.get("/Patient?favourite-colour=blue&_id=eve", Prefer="handling=lenient").json()
    assert [e["search"]["mode"] for e in lenient["entry"]] == ["match", "outcome"]
    assert "favourite-colour" in str(lenient["entry"][1]["resource"]) and "favourite-colour" not in lenient["link"][0]["url"]
    severities = {i["severity"] for i in lenient["entry"][1]["resource"]["issue"]}
    assert severities <= {"warning", "information"}


# --- parameters of all resources

def test_s022_id_is_exact(ids):
    assert ids("/Patient?_id=eve") == {"eve"} and ids("/Patient?_id=Eve") == set() and ids("/Patient?_id=ev") == set()
    assert ids("/Patient?_id=eve,lower") == {"eve", "lower"}


def test_s024_last_updated(fhir, ids):
    moment = fhir.get("/Patient/eve").json()["meta"]["lastUpdated"]
    everybody = ids("/Patient")
    assert ids("/Patient?_lastUpdated=gt2010-10-01") == everybody and ids("/Patient?_lastUpdated=lt2010-10-01") == set()
    assert "eve" in ids("/Patient", ("_lastUpdated", moment)) and "eve" not in ids("/Patient", ("_lastUpdated", f"gt{moment}"))


def test_s025_tag_profile_and_security(ids):
    assert ids("/Patient?_tag=http://example.org/tags|needs-review") == {"eve"} == ids("/Patient?_tag=needs-review")
    assert ids("/Patient?_security=secret") == {"eve"} and ids("/Patient?_security=http://example.org/other|secret") == set()
    assert ids("/Patient?_profile=http://example.org/StructureDefinition/lipid") == {"eve"}
    assert ids("/Patient?_profile=http://example.org/StructureDefinition/lip") == set()


def test_s026_any_of_several_paths_will_do(ids):
    assert ids("/Observation?combo-code=sys") == {"pressure", "pressure2"} == ids("/Observation?combo-code=bp")


# --- modifiers

def test_s030_missing(ids):
    assert ids("/Patient?active:missing=true") == {"severine", "shared"} and ids("/Patient?active:missing=false") == {"eve", "evelyn", "lower"}
    assert ids("/Observation?code=dated&date:missing=true") == {"d-undated"}
    assert ids("/Patient?general-practitioner:missing=false") == {"eve", "evelyn"}


def test_s031_an_element_with_extensions_but_no_value_is_missing(ids):
    assert ids("/Patient?gender:missing=true") == {"severine", "shared"}


def test_s032_exact(ids):
    assert ids("/Patient?given:exact=Eve") == {"eve"} and ids("/Patient?given:exact=eve") == {"lower"} and ids("/Patient?given:exact=EVE") == set()
    assert ids("/Patient?family:exact=Müller") == {"evelyn"} and ids("/Patient?family:exact=Muller") == set()
    assert ids("/Patient?family:exact=Müll") == set()


def test_s033_contains(ids):
    assert ids("/Patient?given:contains=eve") == {"eve", "evelyn", "severine", "lower"}
    assert ids("/Patient?family:contains=ÜLL") == {"evelyn"} == ids("/Patient?family:contains=ull")


def test_s037_a_modifier_that_is_not_supported_is_refused(fhir):
    for query in ("gender:exact=male", "name:in=x", "birthdate:contains=1980", "_id:text=x", "given:above=x", "active:iterate=true",
                  "identifier:not-a-modifier=1", "birthdate:exact=1980"):
        wants(fhir.get(f"/Patient?{query}"), 400, query.split("=")[0].split(":")[1])


# --- numbers

def test_s050_equal_means_the_precision_that_is_written(ids):
    assert numbered(ids, "100") == {99.5, 100, 100.004} == numbered(ids, "eq100")
    assert numbered(ids, "100.00") == {100, 100.004} == numbered(ids, "1.0000e2")
    assert numbered(ids, "1e2") == {99.4, 99.5, 100, 100.004, 100.5, 104}
    assert numbered(ids, "100.000") == {100}


def test_s051_comparisons_are_exact(ids):
    assert numbered(ids, "lt100") == {99.4, 99.5} and numbered(ids, "le100") == {99.4, 99.5, 100}
    assert numbered(ids, "gt100") == {100.004, 100.5, 104, 106} and numbered(ids, "ge100") == {100, 100.004, 100.5, 104, 106}
    assert numbered(ids, "sa100") == {100.004, 100.5, 104, 106} and numbered(ids, "eb100") == {99.4, 99.5}


def test_s052_not_equal(ids):
    assert numbered(ids, "ne100") == {99.4, 100.5, 104, 106}


def test_s053_whole_numbers_are_matched_exactly(ids):
    assert ids("/ImmunizationRecommendation?_id=i-2,i-3,i-20&_sort=_id") == {"i-2", "i-3", "i-20"}
    assert ids("/RiskAssessment?probability=gt0.8") == {"r-c", "r-d"} == ids("/RiskAssessment?probability=gt8e-1")
    assert ids("/RiskAssessment?probability=0.8") == {"r-b"} and ids("/RiskAssessment?probability=0.80") == {"r-b"}


def test_s047_about(ids):
    assert numbered(ids, "ap100") >= {99.4, 99.5, 100, 100.5} and numbered(ids, "ap200") == set()


# --- dates

def test_s060_any_precision_from_the_left(fhir, ids):
    for value in ("2013", "2013-01", "2013-01-14", "2013-01-14T10:00Z", "2013-01-14T10:00:00Z", "2013-01-14T12:00:00+02:00"):
        assert "ten" in dated(ids, value), value
    for value in ("01-14", "2013-1", "2013-01-14T10", "14.1.2013", "2013-13", "T10:00", "2013-01-14T10:00:00-02"):
        wants(fhir.http.get("/Observation", params={"date": value}), 400, value)


def test_s061_colons_may_be_escaped(ids):
    assert ids("/Observation?date=2013-01-14T10%3A00%3A00Z") == {"d-ten"} == ids("/Observation?date=2013-01-14T10:00:00Z")


def test_s062_equal_is_within(ids):
    assert dated(ids, "eq2013-01-14") == {"day", "midnight", "ten", "instant"} == dated(ids, "2013-01-14")


def test_s063_not_equal_is_the_rest_that_has_a_date(ids):
    found = dated(ids, "ne2013-01-14")
    assert {"next", "month", "year", "offset", "from", "until", "later", "timing"} <= found
    assert not found & {"day", "midnight", "ten", "instant", "undated"}


def test_s064_before_and_after_a_moment(ids):
    assert {"day", "midnight", "instant", "until"} <= dated(ids, "lt2013-01-14T10:00Z") and "next" not in dated(ids, "lt2013-01-14T10:00Z")
    assert {"day", "next", "from", "later"} <= dated(ids, "gt2013-01-14T10:00Z") and not dated(ids, "gt2013-01-14T10:00Z") & {"midnight", "instant"}


def test_s065_ge_and_le_take_periods_that_overlap(ids):
    assert {"from", "later"} <= dated(ids, "ge2013-03-14") and "until" not in dated(ids, "ge2013-03-14")
    assert {"from", "until", "day"} <= dated(ids, "le2013-03-14") and "later" not in dated(ids, "le2013-03-14")


def test_s066_starts_after_and_ends_before(ids):
    assert dated(ids, "sa2013-03-14") == {"later"}
    before = dated(ids, "eb2013-03-14")
    assert "until" in before and not before & {"from", "later", "year"}


def test_s067_about(ids):
    found = {i[2:] for i in ids("/Observation?code=dated&date=ap2013-01-14")}
    assert "day" in found


def test_s068_a_year_and_a_month_are_intervals(ids):
    assert {"day", "midnight", "ten", "next", "month", "year", "instant", "offset"} <= dated(ids, "2013") and "timing" not in dated(ids, "2013")
    month = dated(ids, "2013-01")
    assert {"day", "month", "offset"} <= month and "year" not in month
    assert ids("/Patient?birthdate=1980") == {"eve", "evelyn"} and ids("/Patient?birthdate=1980-05") == {"eve", "evelyn"} and ids("/Patient?birthdate=1980-05-17") == {"eve"}


def test_s069_a_timing_counts_from_its_first_to_its_last_day(ids):
    assert "timing" in dated(ids, "2012-12") and "timing" in dated(ids, "ge2012-12-10") and "timing" in dated(ids, "le2012-12-10")
    assert "timing" not in dated(ids, "gt2012-12-21") and "timing" not in dated(ids, "lt2012-11-30")


def test_s070_zones_are_taken_into_account(ids):
    assert "offset" in dated(ids, "2013-01-15") and "offset" not in dated(ids, "2013-01-14")
    assert "offset" in dated(ids, "2013-01-15T04:30:00Z")


def test_s071_days_have_no_zone(ids):
    assert ids("/Patient?birthdate=1979-12-31") == {"lower"} and ids("/Patient?birthdate=ge1980&active=true") == {"eve"}


def test_s072_two_ends_make_a_range(ids):
    assert dated(ids, "ge2013-01-14") & dated(ids, "le2013-01-14") >= {"day", "ten"}
    assert ids("/Observation?code=dated&date=ge2012-11-01&date=le2012-12-31") == {"d-timing", "d-until"}


# --- strings

def test_s075_the_beginning_whatever_the_case_and_accents(ids):
    assert ids("/Patient?given=eve") == {"eve", "evelyn", "lower"} == ids("/Patient?given=EVE") and ids("/Patient?given=verine") == set()
    assert ids("/Patient?family=muller") == {"evelyn"} == ids("/Patient?family=MÜLL") and ids("/Patient?address-city=geneve") == {"eve"}


def test_s076_blanks_do_not_matter(ids):
    assert ids("/Patient", ("family", "carreno   quinones")) == {"eve"} == ids("/Patient", ("family", "Carreno\tQuinones"))


def test_s077_punctuation_does_not_matter(ids):
    for family in ("O'Brien", "OBrien", "obrien smith", "O’Brien-Smith"):
        assert ids("/Patient", ("family", family)) == {"severine"}, family


def test_s078_whole_names_and_addresses(ids):
    assert ids("/Patient?name=eve") >= {"eve", "evelyn", "lower"} and ids("/Patient?name=official") == set()
    assert ids("/Patient?address=rue") == {"eve"} == ids("/Patient?address=genève") and ids("/Patient?address=2001") == set()


def test_s079_the_parts_of_a_family_name(ids):
    assert "eve" in ids("/Patient?name=Carreno") and "eve" in ids("/Patient?name=Quinones")
    assert ids("/Patient?family=Carreno") == {"eve"} == ids("/Patient?family:contains=Quinones")
    assert ids("/Patient?family=Quinones") == {"eve"} and ids("/Patient?family=uinones") == set()


# --- uris

def test_s085_a_uri_is_matched_whole_and_as_it_is_written(ids):
    assert ids("/ValueSet?url=http://example.org/fhir/ValueSet/warm") == {"warm"} and ids("/ValueSet?url=http://example.org/fhir/ValueSet/WARM") == set()
    assert ids("/ValueSet?url=http://example.org/fhir/ValueSet/") == set() and ids("/ValueSet?url=urn:oid:1.2.3.4.5") == {"oid"}


def test_s086_below_and_above(fhir, ids):
    assert ids("/ValueSet?url:below=http://example.org/fhir/") == {"warm", "five"}
    assert ids("/ValueSet?url:above=http://example.org/fhir/ValueSet/warm/_history/5") == {"warm", "five"}
    wants(fhir.get("/ValueSet?url:below=urn:oid:1.2.3"), 400, "urn:oid:1.2.3")


def test_s088_a_version_behind_a_canonical(ids):
    assert ids("/ValueSet", ("url", "http://example.org/fhir/ValueSet/warm|1.0")) == {"warm"}
    assert ids("/ValueSet", ("url", "http://example.org/fhir/ValueSet/warm|2.0")) == set()


# --- tokens

def test_s090_the_four_forms(ids):
    assert ids("/Patient?identifier=2345") == {"eve", "severine"} and ids(f"/Patient?identifier={MRN}|2345") == {"eve"}
    assert ids("/Patient?identifier=|bare") == {"eve"} and ids("/Patient?identifier=|2345") == set()
    assert ids(f"/Patient?identifier={MRN}|") == {"eve", "evelyn"}
    assert ids(f"/Condition?code={COLOURS}|red") == {"c-red"} and ids("/Condition?code=red") == {"c-red", "c-bare", "c-both"} and ids("/Condition?code=|red") == {"c-bare"}


def test_s091_tokens_are_literal(ids):
    assert ids(f"/Condition?code={COLOURS}|warm") == {"c-warm"} and ids("/Condition?code=re") == set()


def test_s093_kinds_of_tokens(ids):
    assert ids("/Patient?gender=male") == {"evelyn"} and ids("/Patient?active=true") == {"eve", "lower"} and ids("/Patient?active=false") == {"evelyn"}
    assert ids("/Patient", ("phone", "+41 22 555 12 34")) == {"eve"} and ids("/Patient?email=eve@example.org") == {"eve"} == ids("/Patient?telecom=eve@example.org")
    assert ids("/Patient?language=fr") == {"eve", "severine"} and ids("/Condition?code=http://example.org/de|red") == {"c-both"}
    assert ids("/Patient?gender=http://hl7.org/fhir/administrative-gender|male") == {"evelyn"}


def test_s095_text(ids):
    assert ids("/Condition?code:text=headache") == {"c-text"} and ids("/Condition?code:text=BRIGHT") == {"c-red"}
    assert ids("/Patient", ("identifier:text", "medical record")) == {"eve"}


def test_s096_not(ids):
    everybody = {"eve", "evelyn", "severine", "lower", "shared"}
    assert ids("/Patient?gender:not=male") == everybody - {"evelyn"}
    assert ids("/Composition?section:not=one") == {"section"} and ids("/Composition?section:not=two") == set()
    without_codes = {"c-text", "words"}
    assert without_codes <= ids("/Condition?code:not=red") == ids("/Condition?code:not=red&_sort=_id") and not ids("/Condition?code:not=red") & {"c-red", "c-bare", "c-both"}
    assert ids("/Patient?gender:not=male,female") == everybody - {"evelyn", "eve"}


def test_s097_above_and_below_by_the_code_system(ids):
    assert ids(f"/Condition?code:below={COLOURS}|warm") == {"c-warm", "c-red", "c-orange"}
    assert ids(f"/Condition?code:above={COLOURS}|red") == {"c-red", "c-warm"}


def test_s098_in_and_not_in_a_value_set(fhir, ids):
    assert ids("/Condition?code:in=http://example.org/fhir/ValueSet/warm") == {"c-warm", "c-red", "c-orange"}
    assert ids("/Condition?code:in=ValueSet/warm") == {"c-warm", "c-red", "c-orange"}
    assert {"c-blue", "c-text"} <= ids("/Condition?code:not-in=http://example.org/fhir/ValueSet/warm")
    assert not ids("/Condition?code:not-in=http://example.org/fhir/ValueSet/warm") & {"c-warm", "c-red", "c-orange"}
    refused = fhir.get("/Condition?code:in=http://example.org/fhir/ValueSet/nowhere")
    assert refused.status_code in (400, 404) and "nowhere" in refused.text


def test_s099_of_type(fhir, ids):
    assert ids(f"/Patient?identifier:of-type={DE}|MR|2345") == {"eve"} and ids(f"/Patient?identifier:of-type={DE}|MR|77") == set()
    wants(fhir.get(f"/Patient?identifier:of-type={DE}|MR"), 400, "of-type")


def test_s100_mime_types(ids):
    assert ids("/DocumentReference?contenttype=text/xml") == {"xml"} and ids("/DocumentReference?contenttype:below=text/xml") == {"xml", "xml-utf8"}


# --- quantities

def test_s105_number_system_code(ids):
    assert amounts(ids, f"5.4|{UCUM}|mg") >= {"mg"} and "other" not in amounts(ids, f"5.4|{UCUM}|mg") and "far" not in amounts(ids, f"5.4|{UCUM}|mg")


def test_s106_code_or_unit(ids):
    assert {"mg", "unit"} <= amounts(ids, "5.4||mg") and "other" not in amounts(ids, "5.4||mg")


def test_s107_the_number_alone(ids):
    assert amounts(ids, "5.4") == {"mg", "unit", "other"}


def test_s108_prefixes(ids):
    assert amounts(ids, f"le5.4|{UCUM}|mg") == {"mg", "g"} and amounts(ids, f"gt5.4|{UCUM}|mg") == {"far", "near"}
    assert {"mg", "near"} <= amounts(ids, f"ap5.4|{UCUM}|mg") and "far" not in amounts(ids, f"ap5.4|{UCUM}|mg")


def test_s109_units_are_converted(ids):
    assert amounts(ids, f"5.40e-3|{UCUM}|g") == {"mg", "g"} == amounts(ids, f"5.40|{UCUM}|mg")


# --- references

def test_s110_id_type_and_id_and_address(fhir, ids):
    wanted = {"eve-plain", "local", "versioned"}
    assert ids("/Observation?subject=Patient/eve") >= wanted and ids("/Observation?subject=eve") >= wanted
    assert ids("/Observation", ("subject", f"{fhir.base}/Patient/eve")) == ids("/Observation?subject=Patient/eve")
    assert ids("/Observation?subject=http://elsewhere.example.org/fhir/Patient/eve") == {"absolute"}
    assert "absolute" not in ids("/Observation?subject=Patient/eve")


def test_s112_the_type_as_modifier(ids):
    assert ids("/Observation?subject:Patient=shared") == {"person"} == ids("/Observation?subject=Patient/shared")
    assert ids("/Observation?subject:Group=shared") == {"group"}


def test_s114_parameters_of_one_type(ids):
    assert ids("/Observation?patient=shared") == {"person"}


def test_s115_by_identifier(fhir, ids):
    assert ids(f"/Observation?subject:identifier={MRN}|2345") == {"logical"} == ids("/Observation?subject:identifier=2345")
    wants(fhir.get("/Observation?subject:identifier.name=x"), 400, "identifier")


def test_s122_versions_of_canonicals(ids):
    assert ids("/QuestionnaireResponse?questionnaire=http://example.org/form|1.0") == {"v10"}
    assert ids("/QuestionnaireResponse?questionnaire=http://example.org/form") == {"v10", "v11", "v20"}
    assert ids("/QuestionnaireResponse?questionnaire:below=http://example.org/form") == {"v10", "v11", "v20"}
    assert ids("/QuestionnaireResponse?questionnaire:below=http://example.org/form|1") == {"v10", "v11"}


def test_s130_chains(ids):
    assert "report" in ids("/DiagnosticReport?subject.name=eve") and "local" in ids("/Observation?subject:Patient.name=eve")
    assert ids("/DiagnosticReport?subject:Patient.name=evelyn") == {"report2"}
    assert ids("/Patient?organization.name=mountain") == {"eve"} and ids("/Patient?organization.partof.partof.name=harbour") == {"eve"}


def test_s132_each_chain_stands_alone(ids):
    assert ids("/Patient?general-practitioner.name=Joe&general-practitioner:Practitioner.address-state=MN") == {"eve"}


def test_s135_has(ids):
    assert ids("/Patient?_has:Observation:patient:code=linked") >= {"eve", "evelyn", "shared"}
    assert ids("/Patient?_has:Condition:patient:code=blue") == {"eve", "evelyn"} and ids("/Patient?_has:Condition:patient:code=orange") == {"eve"}


def test_s136_or_and_and_of_has(ids):
    assert ids("/Patient?_has:DiagnosticReport:patient:code=lab,none") == {"eve", "evelyn"}
    assert ids("/Patient?_has:DiagnosticReport:patient:code=lab&_has:Condition:patient:code=orange") == {"eve"}


def test_s137_has_of_has(ids):
    assert ids("/Patient?_has:Observation:patient:_has:AuditEvent:entity:agent=Practitioner/joe") == {"eve"}
    assert ids("/Patient?_has:Observation:patient:_has:AuditEvent:entity:agent=Practitioner/jane") == set()


# --- together

def test_s140_and_or(ids):
    assert ids("/Patient?language=fr&language=nl") == {"severine"} and ids("/Patient?language=en,nl") == {"eve", "evelyn", "severine"}
    assert ids("/Patient?language=fr,nl&language=en") == {"eve"} and ids("/Condition?code:text=severe,bright") == {"c-text", "c-red"}


def test_s142_composites(fhir, ids):
    assert ids("/Observation", ("component-code-value-quantity", f"{COLOURS}|sys$lt60")) == {"pressure"}
    assert ids("/Observation", ("code-value-quantity", "linked$gt5")) == {"local"}
    assert ids("/DiagnosticReport", ("result.code-value-quantity", f"{COLOURS}|linked$gt5.4|{UCUM}|mmol/L")) == {"report"}
    assert ids("/Group", ("characteristic-value", "gender$mixed")) == {"shared"} and ids("/Group", ("characteristic-value", "gender$Eve")) == set()
    assert ids("/Group", ("characteristic-value", "gender$x,owner$Eve")) == {"shared"}


def test_s144_composites_have_no_modifiers(fhir):
    wants(fhir.http.get("/Observation", params={"code-value-quantity:exact": "linked$gt5"}), 400, "code-value-quantity")


def test_s145_missing_beside_a_value_finds_nothing(ids):
    assert ids("/Patient?gender=male&gender:missing=true") == set()


def test_s147_escapes(fhir, ids):
    assert ids("/Condition", ("code", "a,b")) == set() and ids("/Condition", ("code", "a\\,b")) == {"c-comma"}
    assert ids("/Condition", ("code", "x\\$x")) == {"c-dollar"} and ids("/Condition", ("code", "p\\|q")) == {"c-pipe"} and ids("/Condition", ("code", "y\\\\y")) == {"c-slash"}
    wants(fhir.http.get("/Condition", params={"code": "xx\\xx"}), 400, "\\x")


def test_s148_percent_encoding_is_another_layer(ids):
    assert ids("/Condition?code=red%2Cblue") == ids("/Condition?code=red,blue") and ids("/Condition?code=a%5C%2Cb") == {"c-comma"}


def test_s150_text_and_content(ids):
    assert ids("/Condition?_text=metastases") == {"words"} and ids("/Condition", ("_text", "bone metastases")) == {"words"} and ids("/Condition?_text=harbour") == set()
    assert ids("/Condition?_content=harbour") == {"words"} and ids("/Condition?_content=growth") == {"words"}


def test_s153_near(ids):
    assert ids("/Location?near=46.2|6.1|50|km") == {"geneva"} and ids("/Location?near=46.2|6.1|5000|km") == {"geneva", "cairo"}


def test_s155_lists(ids):
    assert ids("/Patient?_list=ward") == {"eve", "lower"} and ids("/Patient?_list=ward&gender=female") == {"eve"}
    assert ids("/Observation?_list=ward") == {"local"} and ids("?_list=ward") == {"eve", "lower", "local"}


def test_s157_filter_is_refused(fhir):
    wants(fhir.http.get("/Patient", params={"_filter": 'name co "eve"'}), 400, "_filter")
    wants(fhir.http.get("/Patient", params={"_filter": 'name co "eve"'}, headers={"Prefer": "handling=lenient"}), 400, "_filter")


# --- conformance of the whole

def test_s200_the_self_link_says_what_was_used(fhir):
    link = fhir.get("/Patient?given=eve&_count=2&_sort=-birthdate&gender=").json()["link"][0]
    assert link["relation"] == "self"
    for part in ("given=eve", "_count=2", "_sort=-birthdate"):
        assert part in link["url"]
    assert link["url"].startswith(f"{fhir.base}/Patient?")


def test_s205_an_unknown_query_is_refused(fhir):
    wants(fhir.get("/Patient?_query=match-all"), 400, "_query")
    wants(fhir.get("/Patient?_query=match-all", Prefer="handling=lenient"), 400, "_query")


def test_s207_a_search_changes_nothing(fhir):
    before = fhir.sequence()
    fhir.get("/Patient?name=eve&_include=Patient:organization")
    assert fhir.sequence() == before
