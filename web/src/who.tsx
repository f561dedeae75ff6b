// SPDX-License-Identifier: GPL-3.0-or-later
// who.tsx - who the person is: names, birth and how well it is known, languages, addresses, papers.
import type { ComponentChildren } from "preact";
import { age, date, period, precision } from "./dates";
import type { Address, HumanName, Identifier, Patient, RelatedPerson, Telecom } from "./fhir";
import { code, concept, concepts, some, statedLanguage, target } from "./fhir";
import type { PersonRecord } from "./load";
import { nameText, Name, namesOf } from "./names";
import { Badge, Data, Datas, States } from "./parts";
import { countryName, languageName, t, word } from "./text";
import { quantity } from "./values";

function Fact({ label, children }: { label: string; children: ComponentChildren }) {
    return (
        <div class="fact">
            <dt>{label}</dt>
            <dd>{children}</dd>
        </div>
    );
}

function addressParts(one: Address): string[] {
    if (some(one.text)) return [some(one.text)];
    const town = [some(one.postalCode), some(one.city)].filter(Boolean).join(" ");
    return [...(one.line ?? []), town, one.district, one.state, countryName(some(one.country))]
        .map(some)
        .filter(Boolean);
}

function AddressOf({ one }: { one: Address }) {
    const when = one.period ? period(one.period.start, one.period.end) : "";
    return (
        <span class="address">
            <Datas of={addressParts(one)} />
            {when && <small> {when}</small>}
        </span>
    );
}

export const identifierLabel = (one: Identifier): string => {
    const system = some(one.system).replace(/\/+$/, "");
    return concept(one.type) || system.split(/[/:]/).pop() || t("Identifier");
};

const telecomText = (list: Telecom[] | undefined): string =>
    (list ?? [])
        .map((one) => some(one.value))
        .filter(Boolean)
        .join(", ");

/** FHIR R4 has no word for an estimated birth date; sites use an extension whose name says it. */
const isEstimated = (patient: Patient): boolean =>
    (patient._birthDate?.extension ?? []).some(
        (one) =>
            MARGIN.test(some(one.url)) ||
            (one.valueBoolean !== false &&
                /estimat|approximat/i.test([one.url, one.valueCode, one.valueString].join(" "))),
    );

const MARGIN = /\/StructureDefinition\/birth-date-margin$/;

/** Between which days an estimated birth date lies, where that is recorded. */
function birthMargin(patient: Patient): string {
    const one = (patient._birthDate?.extension ?? []).find((e) => MARGIN.test(some(e.url)));
    if (one?.valuePeriod) return period(one.valuePeriod.start, one.valuePeriod.end);
    return one?.valueDuration ? `± ${quantity(one.valueDuration)}` : "";
}

/** How the birth date is less than a whole, known day: "year only, estimated". */
export const birthDoubt = (patient: Patient): string =>
    [precision(patient.birthDate), isEstimated(patient) ? t("estimated") : ""]
        .filter(Boolean)
        .join(t(", "));

/** The age today, with "about" where the birth date is an estimate. */
export function ageNow(patient: Patient): string {
    const text = age(patient.birthDate);
    return text && isEstimated(patient) ? t("about {age}", { age: text }) : text;
}

function Birth({ patient }: { patient: Patient }) {
    const doubt = birthDoubt(patient);
    if (!patient.birthDate) return <span class="unknown">{t("not recorded")}</span>;
    return (
        <>
            {date(patient.birthDate)}
            {doubt && <em> ({[doubt, birthMargin(patient)].filter(Boolean).join(": ")})</em>}
        </>
    );
}

function Age({ patient }: { patient: Patient }) {
    if (patient.deceasedDateTime)
        return (
            <Badge kind="grave">
                {t("died {date}", { date: date(patient.deceasedDateTime) })}
                {patient.birthDate && `, ${age(patient.birthDate, patient.deceasedDateTime)}`}
            </Badge>
        );
    if (patient.deceasedBoolean)
        return <Badge kind="grave">{t("deceased, date not recorded")}</Badge>;
    return <>{ageNow(patient) || <span class="unknown">{t("not known")}</span>}</>;
}

function languages(patient: Patient): string {
    return (patient.communication ?? [])
        .map((one) => {
            const name = languageName(code(one.language)) || concept(one.language);
            return one.preferred ? `${name} (${t("preferred")})` : name;
        })
        .filter(Boolean)
        .join(t(", "));
}

/** Nationality is an extension in R4 (patient-nationality, patient-citizenship), with a code inside. */
function nationality(patient: Patient): string {
    return (patient.extension ?? [])
        .filter((one) => /\/patient-(nationality|citizenship)$/.test(some(one.url)))
        .map(
            (one) =>
                one.extension?.find((inner) => inner.url === "code")?.valueCodeableConcept ??
                one.valueCodeableConcept,
        )
        .map((one) => some(one?.text) || countryName(code(one)) || concept(one))
        .filter(Boolean)
        .join(", ");
}

interface Relation {
    name: string;
    language?: string;
    what: string;
    telecom: string;
    birth?: string;
}

function relations(patient: Patient, related: RelatedPerson[]): Relation[] {
    const one = (
        what: string,
        name: HumanName | undefined,
        telecom: Telecom[] | undefined,
        birth?: string,
    ): Relation => {
        const language = statedLanguage(name?.extension);
        return {
            name: nameText(name),
            what,
            telecom: telecomText(telecom),
            ...(language ? { language } : {}),
            ...(birth ? { birth } : {}),
        };
    };
    const all = [
        ...(patient.contact ?? []).map((c) => one(concepts(c.relationship), c.name, c.telecom)),
        ...related.map((r) => one(concepts(r.relationship), namesOf(r)[0], r.telecom, r.birthDate)),
    ];
    const key = (r: Relation): string => r.name.toLowerCase();
    // A contact is often there a second time as a RelatedPerson, who says more.
    return all.filter((r, i) =>
        r.name ? all.map(key).lastIndexOf(key(r)) === i : Boolean(r.telecom),
    );
}

function Links({ patient }: { patient: Patient }) {
    const words = {
        "replaced-by": t("This record was replaced by"),
        replaces: t("This record replaces"),
        refer: t("See also"),
        seealso: t("See also"),
    };
    return (
        <>
            {(patient.link ?? []).map((one) => {
                const other = target(one.other);
                if (!other.startsWith("Patient/")) return null;
                return (
                    <p class="linked">
                        {words[one.type as keyof typeof words] ?? t("See also")}{" "}
                        <a href={`#/${other}`}>
                            <Data>{some(one.other?.display) || other.slice(8)}</Data>
                        </a>
                    </p>
                );
            })}
        </>
    );
}

export function Who({ patient, record }: { patient: Patient; record: PersonRecord }) {
    const names = namesOf(patient);
    const telecom = telecomText(patient.telecom);
    const family = relations(
        patient,
        record.related.part.value.items.filter((one) => one.active !== false),
    );
    const nation = nationality(patient);
    const married = concept(patient.maritalStatus);
    const addresses = (patient.address ?? []).filter((one) => addressParts(one).length > 0);
    const isOld = (one: Address): boolean => one.use === "old" || Boolean(one.period?.end);
    const earlier = addresses.filter(isOld);
    const numbers = (patient.identifier ?? []).filter((one) => some(one.value));
    return (
        <div class="who">
            <h1 tabIndex={-1}>{names[0] ? <Name name={names[0]} /> : t("Name not recorded")}</h1>
            {names.length > 1 && (
                <p class="other-names">
                    {names.slice(1).map((one) => (
                        <Name name={one} use />
                    ))}
                </p>
            )}
            {patient.active === false && (
                <p class="linked">
                    <Badge>{t("record not in use")}</Badge>
                </p>
            )}
            <Links patient={patient} />
            <dl class="facts">
                <Fact label={t("Born")}>
                    <Birth patient={patient} />
                </Fact>
                <Fact label={t("Age")}>
                    <Age patient={patient} />
                </Fact>
                <Fact label={t("Sex")}>
                    {patient.gender ? (
                        word(patient.gender)
                    ) : (
                        <span class="unknown">{t("not recorded")}</span>
                    )}
                </Fact>
                <Fact label={t("Languages")}>
                    {languages(patient) || <span class="unknown">{t("not recorded")}</span>}
                </Fact>
                {nation && (
                    <Fact label={t("Nationality")}>
                        <Data>{nation}</Data>
                    </Fact>
                )}
                {married && (
                    <Fact label={t("Marital status")}>
                        <Data>{married}</Data>
                    </Fact>
                )}
                {addresses.some((one) => !isOld(one)) && (
                    <Fact label={t("Address")}>
                        {addresses
                            .filter((one) => !isOld(one))
                            .map((one) => (
                                <AddressOf one={one} />
                            ))}
                    </Fact>
                )}
                {telecom && (
                    <Fact label={t("Contact")}>
                        <span class="code" dir="ltr">
                            {telecom}
                        </span>
                    </Fact>
                )}
                {numbers.map((one) => (
                    <Fact label={identifierLabel(one)}>
                        <bdi class="code">{one.value}</bdi>
                    </Fact>
                ))}
                <Fact label={t("Record")}>
                    <bdi class="code">{patient.id}</bdi>
                </Fact>
            </dl>
            {earlier.length > 0 && (
                <dl class="facts wide-fact">
                    <Fact label={t("Earlier addresses")}>
                        <ul>
                            {earlier.map((one) => (
                                <li>
                                    <AddressOf one={one} />
                                </li>
                            ))}
                        </ul>
                    </Fact>
                </dl>
            )}
            {family.length > 0 && (
                <dl class="facts wide-fact">
                    <Fact label={t("Family and contacts")}>
                        <ul>
                            {family.map((one) => (
                                <li>
                                    <bdi lang={one.language}>{one.name}</bdi>
                                    {one.what && (
                                        <span class="kind">
                                            <Data>{one.what}</Data>
                                        </span>
                                    )}
                                    {one.birth && (
                                        <small>
                                            {" "}
                                            {t("born {date}", { date: date(one.birth) })}
                                        </small>
                                    )}
                                    {one.telecom && (
                                        <small class="code" dir="ltr">
                                            {" "}
                                            {one.telecom}
                                        </small>
                                    )}
                                </li>
                            ))}
                        </ul>
                    </Fact>
                </dl>
            )}
            {record.related.part.value.phase === "failed" && <States of={[record.related]} />}
        </div>
    );
}
