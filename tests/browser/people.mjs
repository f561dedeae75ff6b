// SPDX-License-Identifier: GPL-3.0-or-later
// people.mjs - small invented people, each there for one thing that the pages must get right.

const coded = (system, code, display) => ({ coding: [{ system, code, display }], text: display });
const hl7 = (name, code) => ({
    coding: [{ system: `http://terminology.hl7.org/CodeSystem/${name}`, code }],
});
const of = (id) => ({ reference: `Patient/${id}` });
const LOINC = "http://loinc.org";
const UCUM = "http://unitsofmeasure.org";

const clinical = (code) => hl7("allergyintolerance-clinical", code);
const verified = (code) => hl7("allergyintolerance-verification", code);
const problem = (code) => hl7("condition-clinical", code);
const known = (code) => hl7("condition-ver-status", code);
const grams = (value) => ({ value, unit: "g/dL", system: UCUM, code: "g/dL" });

/** JSON numbers whose digits matter are written as text and put in raw below. */
const RAW = (digits) => `@raw:${digits}`;

const allergy = (id, text, c, v, more = {}) => ({
    resourceType: "AllergyIntolerance",
    id,
    patient: of("case-states"),
    code: { text },
    ...(c ? { clinicalStatus: clinical(c) } : {}),
    verificationStatus: verified(v),
    ...more,
});
const condition = (id, text, c, v, more = {}) => ({
    resourceType: "Condition",
    id,
    subject: of("case-states"),
    code: { text },
    ...(c ? { clinicalStatus: problem(c) } : {}),
    verificationStatus: known(v),
    ...more,
});
const observation = (id, patient, code, value, more = {}) => ({
    resourceType: "Observation",
    id,
    status: "final",
    subject: of(patient),
    code,
    effectiveDateTime: "2026-03-04T08:15:00+03:00",
    ...value,
    ...more,
});

const states = [
    {
        resourceType: "Patient",
        id: "case-states",
        name: [{ use: "official", family: "Statescase", given: ["Vera"] }],
        gender: "female",
        birthDate: "1991-05-02",
        identifier: [{ system: "urn:example:paper", value: "XK-77/3" }],
    },
    allergy("case-a1", "Allergen that is active", "active", "confirmed", { criticality: "high" }),
    allergy("case-a2", "Allergen ruled out", undefined, "refuted"),
    allergy("case-a3", "Allergen entered wrongly", undefined, "entered-in-error"),
    allergy("case-a4", "Allergen of long ago", "inactive", "confirmed"),
    condition("case-c1", "Problem that is active", "active", "provisional", {
        onsetDateTime: "2024",
    }),
    condition("case-c2", "Problem that is over", "resolved", "confirmed", {
        onsetDateTime: "2020-02",
        abatementDateTime: "2020-04-01",
    }),
    condition("case-c3", "Problem ruled out", undefined, "refuted"),
    condition("case-c4", "Problem entered wrongly", undefined, "entered-in-error"),
    {
        resourceType: "MedicationStatement",
        id: "case-m1",
        status: "active",
        subject: of("case-states"),
        medicationCodeableConcept: { text: "Medicine taken now" },
        effectivePeriod: { start: "2026-01" },
        dosage: [
            {
                doseAndRate: [{ doseQuantity: { value: 2, unit: "tablet" } }],
                timing: { repeat: { frequency: 3, period: 1, periodUnit: "d" } },
            },
        ],
    },
    {
        resourceType: "MedicationRequest",
        id: "case-m2",
        status: "stopped",
        intent: "order",
        subject: of("case-states"),
        medicationReference: { reference: "Medication/case-medicine" },
        authoredOn: "2025-06-01",
    },
    { resourceType: "Medication", id: "case-medicine", code: { text: "Medicine by reference" } },
    {
        resourceType: "Immunization",
        id: "case-i1",
        status: "not-done",
        patient: of("case-states"),
        occurrenceDateTime: "2026-02-02",
        vaccineCode: { text: "Vaccine not given" },
        statusReason: { text: "fever on that day" },
    },
    {
        resourceType: "Immunization",
        id: "case-i2",
        status: "completed",
        patient: of("case-states"),
        occurrenceDateTime: "2026-02",
        vaccineCode: { text: "Vaccine given" },
    },
    observation(
        "case-o1",
        "case-states",
        coded(LOINC, "718-7", "Hemoglobin kept to the digit"),
        { valueQuantity: grams(RAW("5.60")) },
        {
            interpretation: [hl7("v3-ObservationInterpretation", "LL")],
            referenceRange: [{ low: grams(RAW("12.0")), high: grams(RAW("16.0")) }],
        },
    ),
    observation(
        "case-o2",
        "case-states",
        { text: "Long number" },
        { valueQuantity: { value: RAW("163.33552412409668"), unit: "cm" } },
    ),
    observation(
        "case-o3",
        "case-states",
        { text: "Result without a value" },
        { dataAbsentReason: hl7("data-absent-reason", "not-performed") },
    ),
    observation(
        "case-o4",
        "case-states",
        { text: "Two in one" },
        {
            component: [
                { code: { text: "First part" }, valueQuantity: { value: 120, unit: "mmHg" } },
                {
                    code: { text: "Second part" },
                    valueQuantity: { value: 80, unit: "mmHg" },
                    interpretation: [hl7("v3-ObservationInterpretation", "H")],
                },
            ],
        },
    ),
    observation("case-o5", "case-states", { text: "Words" }, { valueString: "seen as words" }),
    observation("case-o6", "case-states", { text: "Yes or no" }, { valueBoolean: true }),
    observation(
        "case-o7",
        "case-states",
        { text: "A code" },
        {
            valueCodeableConcept: {
                coding: [{ system: LOINC, code: "LA0", display: "a coded answer" }],
            },
        },
    ),
    observation(
        "case-o8",
        "case-states",
        { text: "Result entered wrongly" },
        { valueString: "not so" },
        { status: "entered-in-error" },
    ),
    observation(
        "case-o9",
        "case-states",
        { text: "Early result" },
        { valueQuantity: { value: 7, comparator: "<", unit: "IU" } },
        { status: "preliminary" },
    ),
    {
        resourceType: "Encounter",
        id: "case-e1",
        status: "planned",
        class: { system: "http://terminology.hl7.org/CodeSystem/v3-ActCode", code: "AMB" },
        subject: of("case-states"),
        period: { start: "2027-01-05" },
        serviceProvider: { display: "Place by its words only" },
    },
];

const MANY = 230; // more than two pages of 100
const many = [
    {
        resourceType: "Patient",
        id: "case-many",
        name: [{ text: "Manyresults Person" }],
        gender: "male",
        birthDate: "1970-01-01",
    },
    ...Array.from({ length: MANY }, (_, i) =>
        observation(
            `case-many-${i}`,
            "case-many",
            coded(LOINC, "8867-4", "Heart rate"),
            { valueQuantity: { value: 60 + (i % 30), unit: "/min" } },
            {
                // in an order that is not that of time
                effectiveDateTime: new Date(Date.UTC(2020, 0, 1 + ((i * 97) % MANY)))
                    .toISOString()
                    .slice(0, 10),
            },
        ),
    ),
];

const others = [
    {
        resourceType: "Patient",
        id: "case-partial",
        birthDate: "1980",
        name: [
            { use: "official", text: "Partialdate Case" },
            { use: "old", text: "Earliername Case" },
        ],
    },
    { resourceType: "Patient", id: "case-empty", name: [{ family: "Emptycase" }] },
    {
        resourceType: "Patient",
        id: "case-markup",
        name: [{ text: "Markupcase <img src=x onerror=alert(1)> & Co" }],
        gender: "other",
    },
    { resourceType: "Patient", id: "case-deleted", name: [{ text: "Deletedcase" }] },
    ...Array.from({ length: 45 }, (_, i) => ({
        resourceType: "Patient",
        id: `case-page-${i}`,
        name: [{ given: ["Pagingname"], family: `N${i}x` }],
        gender: "female",
        birthDate: "2000-02-29",
    })),
];

export const MANY_RESULTS = MANY;

/** NDJSON, with the raw numbers in place. */
export const ndjson = [...states, ...many, ...others]
    .map((one) => JSON.stringify(one).replace(/"@raw:([^"]+)"/g, "$1") + "\n")
    .join("");
