// SPDX-License-Identifier: GPL-3.0-or-later
// fhir.ts - the parts of FHIR R4 that the pages read, and how they are told apart.
//
// Every number is a string here: api.ts keeps the digits as they were sent ("5.60" stays "5.60").
// Nothing in a resource is trusted to be there: a record from elsewhere may lack any of it.

export interface Coding {
    system?: string;
    code?: string;
    display?: string;
}
export interface Concept {
    coding?: Coding[];
    text?: string;
}
export interface Reference {
    reference?: string;
    display?: string;
    type?: string;
}
export interface Period {
    start?: string;
    end?: string;
}
export interface Quantity {
    value?: string;
    comparator?: string;
    unit?: string;
    system?: string;
    code?: string;
}
export interface Range {
    low?: Quantity;
    high?: Quantity;
}
export interface Ratio {
    numerator?: Quantity;
    denominator?: Quantity;
}
export interface Annotation {
    text?: string;
}
export interface Extension {
    url?: string;
    extension?: Extension[];
    valueCode?: string;
    valueString?: string;
    valueBoolean?: boolean;
    valueDate?: string;
    valuePeriod?: Period;
    valueDuration?: Quantity;
    valueCodeableConcept?: Concept;
}
export interface Identifier {
    use?: string;
    type?: Concept;
    system?: string;
    value?: string;
    period?: Period;
}
export interface HumanName {
    use?: string;
    text?: string;
    family?: string;
    given?: string[];
    prefix?: string[];
    suffix?: string[];
    period?: Period;
    extension?: Extension[];
}
export interface Address {
    use?: string;
    text?: string;
    line?: string[];
    city?: string;
    district?: string;
    state?: string;
    postalCode?: string;
    country?: string;
    period?: Period;
}
export interface Telecom {
    system?: string;
    value?: string;
    use?: string;
}

export interface Resource {
    resourceType: string;
    id?: string;
    meta?: { lastUpdated?: string; source?: string };
    extension?: Extension[];
    contained?: Resource[];
}
export interface Patient extends Resource {
    active?: boolean;
    identifier?: Identifier[];
    name?: HumanName[];
    telecom?: Telecom[];
    gender?: string;
    birthDate?: string;
    _birthDate?: { extension?: Extension[] };
    deceasedBoolean?: boolean;
    deceasedDateTime?: string;
    address?: Address[];
    maritalStatus?: Concept;
    contact?: {
        relationship?: Concept[];
        name?: HumanName;
        telecom?: Telecom[];
        address?: Address;
        gender?: string;
    }[];
    communication?: { language?: Concept; preferred?: boolean }[];
    link?: { other?: Reference; type?: string }[];
}
export interface RelatedPerson extends Resource {
    active?: boolean;
    relationship?: Concept[];
    name?: HumanName[];
    telecom?: Telecom[];
    gender?: string;
    birthDate?: string;
}
/** The [x] of onset, abatement, effective, occurrence and the like. */
export interface Condition extends Resource {
    clinicalStatus?: Concept;
    verificationStatus?: Concept;
    category?: Concept[];
    severity?: Concept;
    code?: Concept;
    bodySite?: Concept[];
    onsetDateTime?: string;
    onsetAge?: Quantity;
    onsetPeriod?: Period;
    onsetRange?: Range;
    onsetString?: string;
    abatementDateTime?: string;
    abatementAge?: Quantity;
    abatementPeriod?: Period;
    abatementRange?: Range;
    abatementString?: string;
    recordedDate?: string;
    note?: Annotation[];
}
export interface Allergy extends Resource {
    clinicalStatus?: Concept;
    verificationStatus?: Concept;
    type?: string;
    category?: string[];
    criticality?: string;
    code?: Concept;
    onsetDateTime?: string;
    onsetAge?: Quantity;
    onsetPeriod?: Period;
    onsetRange?: Range;
    onsetString?: string;
    recordedDate?: string;
    lastOccurrence?: string;
    reaction?: {
        substance?: Concept;
        manifestation?: Concept[];
        severity?: string;
        description?: string;
    }[];
    note?: Annotation[];
}
export interface Timing {
    code?: Concept;
    repeat?: {
        frequency?: string;
        frequencyMax?: string;
        period?: string;
        periodMax?: string;
        periodUnit?: string;
        boundsPeriod?: Period;
        boundsDuration?: Quantity;
    };
}
export interface Dosage {
    text?: string;
    patientInstruction?: string;
    timing?: Timing;
    asNeededBoolean?: boolean;
    asNeededCodeableConcept?: Concept;
    route?: Concept;
    doseAndRate?: { doseQuantity?: Quantity; doseRange?: Range }[];
}
export interface Medicine extends Resource {
    status?: string;
    statusReason?: Concept | Concept[];
    intent?: string;
    doNotPerform?: boolean;
    reportedBoolean?: boolean;
    medicationCodeableConcept?: Concept;
    medicationReference?: Reference;
    effectiveDateTime?: string;
    effectivePeriod?: Period;
    dateAsserted?: string;
    authoredOn?: string;
    reasonCode?: Concept[];
    dosage?: Dosage[];
    dosageInstruction?: Dosage[];
    note?: Annotation[];
}
export interface Medication extends Resource {
    code?: Concept;
}
export interface Immunization extends Resource {
    status?: string;
    statusReason?: Concept;
    vaccineCode?: Concept;
    occurrenceDateTime?: string;
    occurrenceString?: string;
    primarySource?: boolean;
    lotNumber?: string;
    protocolApplied?: {
        doseNumberPositiveInt?: string;
        doseNumberString?: string;
        targetDisease?: Concept[];
    }[];
    note?: Annotation[];
}
/** value[x] of Observation and of its components. */
export interface Valued {
    code?: Concept;
    valueQuantity?: Quantity;
    valueCodeableConcept?: Concept;
    valueString?: string;
    valueBoolean?: boolean;
    valueInteger?: string;
    valueRange?: Range;
    valueRatio?: Ratio;
    valueSampledData?: unknown;
    valueTime?: string;
    valueDateTime?: string;
    valuePeriod?: Period;
    dataAbsentReason?: Concept;
    interpretation?: Concept[];
    referenceRange?: { low?: Quantity; high?: Quantity; type?: Concept; text?: string }[];
}
export interface Observation extends Resource, Valued {
    status?: string;
    category?: Concept[];
    effectiveDateTime?: string;
    effectivePeriod?: Period;
    effectiveInstant?: string;
    issued?: string;
    note?: Annotation[];
    component?: Valued[];
    hasMember?: Reference[];
}
export interface Report extends Resource {
    status?: string;
    category?: Concept[];
    code?: Concept;
    effectiveDateTime?: string;
    effectivePeriod?: Period;
    issued?: string;
    result?: Reference[];
    conclusion?: string;
    conclusionCode?: Concept[];
    presentedForm?: unknown[];
}
export interface Encounter extends Resource {
    status?: string;
    class?: Coding;
    type?: Concept[];
    serviceType?: Concept;
    period?: Period;
    reasonCode?: Concept[];
    serviceProvider?: Reference;
    location?: { location?: Reference; period?: Period }[];
}
export interface Place extends Resource {
    name?: string;
    address?: Address | Address[];
    partOf?: Reference;
    managingOrganization?: Reference;
}
export interface Bundle<T extends Resource = Resource> {
    resourceType: "Bundle";
    total?: string;
    link?: { relation?: string; url?: string }[];
    entry?: { resource?: T; search?: { mode?: string } }[];
}
export interface Outcome {
    resourceType: "OperationOutcome";
    issue?: { severity?: string; code?: string; diagnostics?: string; details?: Concept }[];
}

export const some = (text: string | undefined | null): string => (text ?? "").trim();

/** The words of a concept as a person wrote them: text, else a display, else the bare code. */
export function concept(c: Concept | undefined): string {
    if (!c) return "";
    const shown = c.coding?.find((one) => some(one.display))?.display;
    const coded = c.coding?.find((one) => some(one.code));
    return some(c.text) || some(shown) || (coded ? bareCode(coded) : "");
}

function bareCode(c: Coding): string {
    const system = some(c.system).replace(/\/+$/, "").split(/[/:]/).pop() ?? "";
    return system ? `${system} ${c.code}` : some(c.code);
}

export const concepts = (list: Concept[] | undefined): string =>
    [...new Set((list ?? []).map(concept).filter(Boolean))].join(", ");

/** The first code of a concept; status elements have exactly one. */
export const code = (c: Concept | undefined): string =>
    some(c?.coding?.find((one) => one.code)?.code);

/** What makes two entries the same thing for grouping: a code where there is one, else the text. */
export function groupKey(c: Concept | undefined): string {
    const coded = c?.coding?.find((one) => one.code);
    return coded ? `${coded.system ?? ""}|${coded.code}` : concept(c).toLowerCase();
}

/** "Type/id" of a reference to this server, whatever base or version stood around it; else "". */
export function target(r: Reference | undefined): string {
    const found = /(?:^|\/)([A-Z][A-Za-z]+\/[A-Za-z0-9\-.]{1,64})(?:\/_history\/[^/]+)?$/.exec(
        some(r?.reference),
    );
    return found?.[1] ?? "";
}

export const list = <T>(one: T | T[] | undefined): T[] =>
    one === undefined ? [] : Array.isArray(one) ? one : [one];

/** The language a text element states about itself, for the browser's voice and fonts. */
export const statedLanguage = (extensions: Extension[] | undefined): string | undefined =>
    extensions?.find((one) =>
        /\/(StructureDefinition\/)?(language|iso21090-ST-language)$/.test(some(one.url)),
    )?.valueCode;
