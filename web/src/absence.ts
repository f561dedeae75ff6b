// SPDX-License-Identifier: GPL-3.0-or-later
// absence.ts - codes by which a record *states* that there is nothing, or that nothing is known.
//
// They are shown as what they are: somebody asked and wrote the answer down. Only how they are marked
// depends on this table; their words come from the record.
// Sources: IPS, CodeSystem absent-unknown-uv-ips 1.0.0; SNOMED CT, children of 716186003 and
// 160245001 in the IPS free set.
import type { Concept } from "./fhir";

const IPS = "http://hl7.org/fhir/uv/ips/CodeSystem/absent-unknown-uv-ips";
const SNOMED = "http://snomed.info/sct";

const STATED: Record<string, readonly string[]> = {
    [IPS]: [
        "no-allergy-info",
        "no-known-allergies",
        "no-known-medication-allergies",
        "no-known-environmental-allergies",
        "no-known-food-allergies",
        "no-medication-info",
        "no-known-medications",
        "no-problem-info",
        "no-known-problems",
        "no-immunization-info",
        "no-known-immunizations",
        "no-procedure-info",
        "no-known-procedures",
        "no-device-info",
        "no-known-devices",
    ],
    [SNOMED]: ["716186003", "409137002", "428607008", "429625007", "160245001"],
};

export const statesAbsence = (c: Concept | undefined): boolean =>
    (c?.coding ?? []).some((one) => STATED[one.system ?? ""]?.includes(one.code ?? "") ?? false);
