// SPDX-License-Identifier: GPL-3.0-or-later
// clinical.tsx - allergies, problems, medicines and vaccinations.
//
// What is missing is never shown as a "no": an empty section says that nothing is *recorded*. What the
// record states to be absent, ruled out, past or entered in error is shown as just that, and apart.
import type { ComponentChildren } from "preact";
import { statesAbsence } from "./absence";
import { date, instant, newestFirst, period } from "./dates";
import type { Allergy, Condition, Immunization, Medicine, Period, Quantity, Range } from "./fhir";
import { code, concept, concepts, groupKey, list, some, target } from "./fhir";
import type { PersonRecord } from "./load";
import { Badge, Data, Datas, Few, Mistakes, Notes, Row, Section } from "./parts";
import { t, tn, word } from "./text";
import { dosages, quantity, range } from "./values";

const ERROR = "entered-in-error";
const FEW_PAST = 8;

interface Onset {
    onsetDateTime?: string;
    onsetAge?: Quantity;
    onsetPeriod?: Period;
    onsetRange?: Range;
    onsetString?: string;
}

function onset(one: Onset): string {
    if (one.onsetDateTime) return t("since {date}", { date: date(one.onsetDateTime) });
    if (one.onsetPeriod) return period(one.onsetPeriod.start, one.onsetPeriod.end);
    const at = quantity(one.onsetAge) || range(one.onsetRange);
    return at ? t("from age {age}", { age: at }) : some(one.onsetString);
}

function abatement(one: Condition): string {
    const at = quantity(one.abatementAge) || range(one.abatementRange);
    return (
        date(one.abatementDateTime) ||
        date(one.abatementPeriod?.end ?? one.abatementPeriod?.start) ||
        (at ? t("at age {age}", { age: at }) : some(one.abatementString))
    );
}

/** "Mar 1955 – Jun 1955" where both ends are dates, else what is known of either. */
function course(one: Condition): string {
    if (one.onsetDateTime && one.abatementDateTime)
        return period(one.onsetDateTime, one.abatementDateTime);
    const ended = abatement(one);
    return [onset(one), ended ? t("until {date}", { date: ended }) : ""]
        .filter(Boolean)
        .join(t(", "));
}

const recorded = (when: string | undefined): string =>
    when ? t("recorded {date}", { date: date(when) }) : "";

function Verification({ of }: { of: Allergy | Condition }) {
    const status = code(of.verificationStatus);
    return status && !["confirmed", "refuted", ERROR].includes(status) ? (
        <Badge>{word(status)}</Badge>
    ) : null;
}

function Stated({ of }: { of: Allergy | Condition }) {
    return statesAbsence(of.code) ? <Badge kind="stated">{t("stated")}</Badge> : null;
}

function Group({ title, kids, few }: { title: string; kids: ComponentChildren[]; few?: number }) {
    return kids.length === 0 ? null : (
        <>
            <h3>{title}</h3>
            <Few few={few ?? kids.length} kids={kids} label={title} />
        </>
    );
}

/** Sets apart what is so, what is over, what was ruled out and what was a mistake. */
function sort<T extends Allergy | Condition>(items: T[]) {
    const apart = { now: [] as T[], past: [] as T[], refuted: [] as T[], mistakes: [] as T[] };
    for (const one of items) {
        const verified = code(one.verificationStatus);
        const clinical = code(one.clinicalStatus);
        if (verified === ERROR) apart.mistakes.push(one);
        else if (verified === "refuted") apart.refuted.push(one);
        else if (clinical === "inactive" || clinical === "resolved" || clinical === "remission")
            apart.past.push(one);
        else apart.now.push(one);
    }
    return apart;
}

// ---- allergies ------------------------------------------------------------------------------

function AllergyRow({ one, past }: { one: Allergy; past?: boolean }) {
    const kinds = [...(one.category ?? []), one.type === "intolerance" ? "intolerance" : ""]
        .filter(Boolean)
        .map(word)
        .join(t(", "));
    const clinical = code(one.clinicalStatus);
    return (
        <Row
            past={past === true}
            main={<Data>{concept(one.code) || t("Substance not recorded")}</Data>}
            marks={[
                <Stated of={one} />,
                one.criticality === "high" && <Badge kind="high">{t("▲ high risk")}</Badge>,
                one.criticality === "unable-to-assess" && <Badge>{t("risk not assessed")}</Badge>,
                clinical && clinical !== "active" && <Badge>{word(clinical)}</Badge>,
                <Verification of={one} />,
                kinds && <span class="kind">{kinds}</span>,
            ]}
            more={
                <>
                    {(one.reaction ?? []).map((r) => (
                        <p>
                            <Data>{concepts(r.manifestation) || some(r.description)}</Data>
                            {r.severity && ` (${word(r.severity)})`}
                        </p>
                    ))}
                    <Notes notes={one.note} />
                </>
            }
            when={onset(one) || recorded(one.recordedDate)}
        />
    );
}

export function Allergies({ record }: { record: PersonRecord }) {
    const { now, past, refuted, mistakes } = sort(record.allergies.part.value.items);
    const risk = (one: Allergy): number => (one.criticality === "high" ? 0 : 1);
    now.sort((a, b) => risk(a) - risk(b) || concept(a.code).localeCompare(concept(b.code)));
    const rows = (all: Allergy[], over: boolean) =>
        all.map((one) => <AllergyRow key={one.id} one={one} past={over} />);
    return (
        <Section
            id="allergies"
            title={t("Allergies")}
            count={now.filter((one) => !statesAbsence(one.code)).length}
            of={[record.allergies]}
            empty={now.length === 0}
            nothing={t("No allergy is recorded. That does not mean that there is none.")}
        >
            {now.length > 0 && <ul class="rows">{rows(now, false)}</ul>}
            <Group title={t("No longer active")} kids={rows(past, true)} few={FEW_PAST} />
            <Group title={t("Ruled out")} kids={rows(refuted, true)} few={FEW_PAST} />
            <Mistakes kids={rows(mistakes, true)} />
        </Section>
    );
}

// ---- problems -------------------------------------------------------------------------------

function ProblemRow({ one, past }: { one: Condition; past?: boolean }) {
    const clinical = code(one.clinicalStatus);
    const sites = concepts(one.bodySite);
    const severity = concept(one.severity);
    return (
        <Row
            past={past === true}
            main={<Data>{concept(one.code) || t("Problem not named")}</Data>}
            marks={[
                <Stated of={one} />,
                severity && <Badge>{severity}</Badge>,
                clinical && clinical !== "active" && clinical !== "resolved" && (
                    <Badge>{word(clinical)}</Badge>
                ),
                <Verification of={one} />,
                sites && (
                    <span class="kind">
                        <Data>{sites}</Data>
                    </span>
                ),
            ]}
            more={<Notes notes={one.note} />}
            when={course(one) || recorded(one.recordedDate)}
        />
    );
}

export function Problems({ record }: { record: PersonRecord }) {
    const by = newestFirst<Condition>(
        (one) => one.onsetDateTime ?? one.onsetPeriod?.start ?? one.recordedDate,
    );
    const { now, past, refuted, mistakes } = sort([...record.conditions.part.value.items].sort(by));
    const rows = (all: Condition[], over: boolean) =>
        all.map((one) => <ProblemRow key={one.id} one={one} past={over} />);
    return (
        <Section
            id="problems"
            title={t("Problems")}
            count={now.filter((one) => !statesAbsence(one.code)).length}
            of={[record.conditions]}
            empty={now.length === 0}
            nothing={t(
                past.length
                    ? "No current problem is recorded. That does not mean that there is none."
                    : "No problem is recorded. That does not mean that there is none.",
            )}
        >
            {now.length > 0 && <ul class="rows">{rows(now, false)}</ul>}
            <Group title={t("Past problems")} kids={rows(past, true)} few={FEW_PAST} />
            <Group title={t("Ruled out")} kids={rows(refuted, true)} few={FEW_PAST} />
            <Mistakes kids={rows(mistakes, true)} />
        </Section>
    );
}

// ---- medicines ------------------------------------------------------------------------------

const OVER = ["completed", "stopped", "cancelled", "not-taken"];

const medicineDate = (one: Medicine): string | undefined =>
    one.effectiveDateTime ?? one.effectivePeriod?.start ?? one.authoredOn ?? one.dateAsserted;

function medicineName(one: Medicine, record: PersonRecord): string {
    const inside = one.contained?.find((c) => `#${c.id}` === one.medicationReference?.reference) as
        { code?: object } | undefined;
    return (
        concept(one.medicationCodeableConcept) ||
        some(one.medicationReference?.display) ||
        concept(inside?.code) ||
        concept(record.medications.found.value.get(target(one.medicationReference))?.code) ||
        t("Medicine not named")
    );
}

function medicineWhen(one: Medicine): string {
    if (one.effectivePeriod) return period(one.effectivePeriod.start, one.effectivePeriod.end);
    if (one.effectiveDateTime) return date(one.effectiveDateTime);
    return one.authoredOn
        ? t("ordered {date}", { date: date(one.authoredOn) })
        : recorded(one.dateAsserted);
}

function MedicineRow({
    one,
    record,
    past,
}: {
    one: Medicine;
    record: PersonRecord;
    past?: boolean;
}) {
    const how = dosages(one.dosage ?? one.dosageInstruction);
    const why = concepts(one.reasonCode);
    const stopped = concepts(list(one.statusReason));
    const status = some(one.status);
    return (
        <Row
            past={past === true}
            main={<Data>{medicineName(one, record)}</Data>}
            marks={[
                one.doNotPerform && <Badge kind="high">{t("▲ must not be given")}</Badge>,
                <span class="kind">
                    {one.resourceType === "MedicationRequest" ? t("order") : t("as reported")}
                </span>,
                status && status !== "active" && status !== ERROR && <Badge>{word(status)}</Badge>,
                one.intent && ["proposal", "plan"].includes(one.intent) && (
                    <Badge>{word(one.intent)}</Badge>
                ),
            ]}
            more={
                <>
                    {how.map((parts) => (
                        <p class="dosage">
                            <Datas of={parts} />
                        </p>
                    ))}
                    {why && (
                        <p>
                            {t("for")} <Data>{why}</Data>
                        </p>
                    )}
                    {stopped && (
                        <p>
                            {t("reason")}: <Data>{stopped}</Data>
                        </p>
                    )}
                    <Notes notes={one.note} />
                </>
            }
            when={medicineWhen(one)}
        />
    );
}

export function Medicines({ record }: { record: PersonRecord }) {
    const all = [...record.statements.part.value.items, ...record.requests.part.value.items].sort(
        newestFirst(medicineDate),
    );
    const good = all.filter((one) => one.status !== ERROR);
    const now = good.filter((one) => !OVER.includes(some(one.status)));
    const past = good.filter((one) => OVER.includes(some(one.status)));
    const rows = (some_: Medicine[], over: boolean) =>
        some_.map((one) => (
            <MedicineRow
                key={`${one.resourceType}/${one.id}`}
                one={one}
                record={record}
                past={over}
            />
        ));
    return (
        <Section
            id="medicines"
            title={t("Medicines")}
            count={now.length}
            of={[record.statements, record.requests]}
            empty={now.length === 0}
            nothing={t(
                past.length
                    ? "No current medicine is recorded. That does not mean that none is taken."
                    : "No medicine is recorded. That does not mean that none is taken.",
            )}
        >
            {now.length > 0 && <ul class="rows">{rows(now, false)}</ul>}
            <Group title={t("Past medicines")} kids={rows(past, true)} few={FEW_PAST} />
            <Mistakes
                kids={rows(
                    all.filter((one) => one.status === ERROR),
                    true,
                )}
            />
        </Section>
    );
}

// ---- vaccinations ---------------------------------------------------------------------------

const given = (one: Immunization): string =>
    date(one.occurrenceDateTime) || some(one.occurrenceString) || t("date not recorded");

function doseMark(one: Immunization): string {
    const p = one.protocolApplied?.[0];
    const n = some(p?.doseNumberPositiveInt) || some(p?.doseNumberString);
    return n ? t("dose {n}", { n }) : "";
}

function Dose({ one }: { one: Immunization }) {
    return (
        <li>
            <span class="dose-date">{given(one)}</span>
            {doseMark(one) && <span class="kind">{doseMark(one)}</span>}
            {one.primarySource === false && <span class="kind">{t("as reported")}</span>}
            {one.lotNumber && (
                <span class="kind">
                    {t("lot")} <bdi class="code">{one.lotNumber}</bdi>
                </span>
            )}
            <Notes notes={one.note} />
        </li>
    );
}

function NotGivenRow({ one }: { one: Immunization }) {
    const why = concept(one.statusReason);
    return (
        <Row
            past
            main={<Data>{concept(one.vaccineCode) || t("Vaccine not named")}</Data>}
            more={
                why && (
                    <p>
                        {t("reason")}: <Data>{why}</Data>
                    </p>
                )
            }
            when={given(one)}
        />
    );
}

export function Vaccinations({ record }: { record: PersonRecord }) {
    const all = [...record.immunizations.part.value.items].sort(
        newestFirst((one) => one.occurrenceDateTime),
    );
    const done = all.filter((one) => one.status !== ERROR && one.status !== "not-done");
    const vaccines = new Map<string, Immunization[]>();
    for (const one of done) {
        const key = groupKey(one.vaccineCode);
        vaccines.set(key, [...(vaccines.get(key) ?? []), one]);
    }
    const groups = [...vaccines.values()].map((doses) => [...doses].reverse());
    groups.sort(
        (a, b) =>
            instant(b[b.length - 1]?.occurrenceDateTime) -
                instant(a[a.length - 1]?.occurrenceDateTime) || 0,
    );
    return (
        <Section
            id="vaccinations"
            title={t("Vaccinations")}
            count={done.length}
            of={[record.immunizations]}
            empty={done.length === 0}
            nothing={t("No vaccination is recorded. That does not mean that none was given.")}
        >
            {groups.length > 0 && (
                <ul class="rows">
                    {groups.map((doses) => (
                        <li class="row vaccine" key={groupKey(doses[0]?.vaccineCode)}>
                            <div class="row-main">
                                <span class="what">
                                    <Data>
                                        {concept(doses[0]?.vaccineCode) || t("Vaccine not named")}
                                    </Data>
                                </span>
                                <span class="kind">{tn("{n} doses", doses.length)}</span>
                                <ol class="doses">
                                    {doses.map((one) => (
                                        <Dose key={one.id} one={one} />
                                    ))}
                                </ol>
                            </div>
                        </li>
                    ))}
                </ul>
            )}
            <Group
                title={t("Not given")}
                kids={all
                    .filter((one) => one.status === "not-done")
                    .map((one) => (
                        <NotGivenRow key={one.id} one={one} />
                    ))}
            />
            <Mistakes
                kids={all
                    .filter((one) => one.status === ERROR)
                    .map((one) => (
                        <NotGivenRow key={one.id} one={one} />
                    ))}
            />
        </Section>
    );
}
