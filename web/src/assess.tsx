// SPDX-License-Identifier: GPL-3.0-or-later
// assess.tsx - a person held against protocols: what is to be done, who asks and why, the outcome.
//
//   #/Patient/ID/assess?p=PROTOCOL&p=…&d=DATE
//
// Everything here is computed by the server from the record as it stands; what cannot be computed is
// said to be so, with what is missing. An outcome is a proposal until a named physician signs it.
import { useEffect, useRef, useState } from "preact/hooks";
import { own, read, search, type Failure } from "./api";
import { typedDate } from "./answers";
import { Combobox } from "./combobox";
import { date, period } from "./dates";
import type { Patient, Resource, Concept, Reference } from "./fhir";
import { concept, some } from "./fhir";
import { today } from "./fill";
import { bare, formsThere, type Form } from "./forms";
import { asFailure } from "./load";
import { mainName, nameText, Name, namesOf } from "./names";
import { Badge, Trouble } from "./parts";
import { language, t, tn, word, type Msg } from "./text";
import { ageNow, birthDoubt } from "./who";

interface Missing {
    name: string;
    title?: string;
}
type Status = "required" | "repeat" | "either" | "cannot-compute" | "done" | "not-required";
interface Asker {
    protocol: string;
    item: string;
    status: Status;
    why?: string;
    missing?: Missing[];
    due?: string;
    ways?: Branch[];
    draft?: boolean;
    source?: unknown[];
}
interface Wanted {
    definition?: string;
    title?: string;
    status: Status;
    invasiveness?: number;
    askedBy?: Asker[];
}
interface Outcome {
    protocol: string;
    url?: string;
    version?: string;
    title?: string;
    draft?: boolean;
    impression?: string;
    items?: { item?: string; title?: string }[];
    states?: {
        id: string;
        group?: string;
        state?: string | null;
        title?: string;
        missing?: Missing[];
    }[];
    classification?: Rule[];
    unknownClasses?: Rule[];
    /** One with something missing is not known to hold. */
    holds?: Rule[];
    expires?: string | null;
    expiryParts?: { id: string; title?: string; expires?: string; why?: string }[];
    missing?: Missing[];
    clearance?: {
        status: string;
        missing?: Missing[];
        reasons?: string[];
        expires?: string | null;
        draft?: boolean;
        nextStep?: string;
        date?: string;
    };
}
interface Assessment {
    date: string;
    items?: Wanted[];
    protocols: Outcome[];
}
interface Protocol {
    name: string;
    url?: string;
    version?: string;
    title?: string;
    draft?: boolean;
    start?: string;
    end?: string;
}
interface Practitioner extends Resource {
    name?: Patient["name"];
    active?: boolean;
}
interface Impression extends Resource {
    status?: string;
    date?: string;
    protocol?: string[];
    assessor?: Reference;
    finding?: { itemCodeableConcept?: Concept }[];
}

const ORDER: Status[] = ["required", "repeat", "either", "cannot-compute", "done", "not-required"];

const STATUS: Record<Status, { text: Msg; kind: "high" | "noted" | "low" | "good" | "stated" }> = {
    required: { text: "to do", kind: "high" },
    repeat: { text: "to repeat", kind: "high" },
    either: { text: "your choice", kind: "stated" },
    "cannot-compute": { text: "cannot be computed", kind: "noted" },
    done: { text: "done", kind: "good" },
    "not-required": { text: "not asked here", kind: "low" },
};

/** What is missing by its title; names of variables only where nothing has a title. */
function missingNames(all: Missing[] | undefined): string[] {
    const titles = (all ?? [])
        .filter((one) => one.title !== one.name)
        .map((one) => some(one.title))
        .filter(Boolean);
    return [...new Set(titles.length ? titles : (all ?? []).map((one) => one.name))];
}

const FEW_MISSING = 4;

function Missings({ of, whole = false }: { of: Missing[] | undefined; whole?: boolean }) {
    const all = missingNames(of);
    if (all.length === 0) return null;
    const shown = whole ? all : all.slice(0, FEW_MISSING);
    const left = all.length - shown.length;
    return (
        <span class="missing">
            {t("Missing:")} <bdi>{shown.join(t(", "))}</bdi>
            {left > 0 && ` ${tn("and {n} more", left)}`}
        </span>
    );
}

const Draft = ({ is }: { is: boolean | undefined }) =>
    is ? <Badge kind="noted">{t("draft")}</Badge> : null;

/** A part of an answer that may be a text or an object with one. */
const textOf = (one: unknown): string => {
    if (typeof one === "string") return one;
    const o = (one ?? {}) as Record<string, unknown>;
    const parts = [o.title ?? o.text ?? o.display ?? o.why ?? o.outcome, o.from, o.to, o.until];
    return parts.filter((part) => typeof part === "string").join(" ");
};

/** What follows for a birth date between two days. */
interface Branch {
    status?: Status;
    bornFrom?: string;
    bornTo?: string;
}

function Way({ way }: { way: Branch }) {
    const { bornFrom = "", bornTo = "", status } = way;
    return (
        <>
            {t("born {date}", { date: period(bornFrom, bornTo) })}
            {": "}
            {status && STATUS[status] ? t(STATUS[status].text) : ""}
        </>
    );
}

function AskedBy({ a, name, status }: { a: Asker; name: string; status: Status }) {
    return (
        <li>
            <strong>
                <bdi>{name}</bdi>
            </strong>{" "}
            {a.status !== status && (
                <Badge kind={STATUS[a.status]?.kind ?? "noted"}>
                    {STATUS[a.status] ? t(STATUS[a.status].text) : a.status}
                </Badge>
            )}{" "}
            <Draft is={a.draft} />
            {a.why && (
                <span class="why" dir="auto">
                    {" "}
                    {a.why}
                </span>
            )}
            {a.due && <span class="due"> {t("by {date}", { date: date(a.due) })}</span>}{" "}
            <Missings of={a.missing} />
            {a.status === "either" && (a.ways ?? []).length > 0 && (
                <ul class="points">
                    {(a.ways ?? []).map((one) => (
                        <li dir="auto">
                            <Way way={one} />
                        </li>
                    ))}
                </ul>
            )}
        </li>
    );
}

function WantedRow({
    one,
    form,
    address,
    names,
}: {
    one: Wanted;
    form: Form | undefined;
    address: (form: Form) => string;
    names: ReadonlyMap<string, string>;
}) {
    const s = STATUS[one.status] ?? STATUS["cannot-compute"];
    const sources = [
        ...new Set((one.askedBy ?? []).flatMap((a) => a.source ?? []).map(textOf)),
    ].filter(Boolean);
    return (
        <li class={`wanted ${one.status}`} data-item={bare(one.definition).split("/").pop()}>
            <div class="wanted-head">
                <span class="what" dir="auto">
                    {one.title || bare(one.definition).split("/").pop()}
                </span>
                <Badge kind={s.kind}>{t(s.text)}</Badge>
                {form && (
                    <a class="button" href={address(form)}>
                        {one.status === "done" ? t("Enter again") : t("Enter the result")}
                        <span class="hidden">: {one.title}</span>
                    </a>
                )}
            </div>
            <ul class="askers">
                {(one.askedBy ?? []).map((a) => (
                    <AskedBy a={a} name={names.get(a.protocol) ?? a.protocol} status={one.status} />
                ))}
            </ul>
            {sources.length > 0 && (
                <details class="sources">
                    <summary>{t("Source")}</summary>
                    {sources.map((text) => (
                        <p dir="auto">{text}</p>
                    ))}
                </details>
            )}
        </li>
    );
}

const CLEARANCE: Record<string, { text: Msg; kind: "good" | "high" | "noted" }> = {
    cleared: { text: "cleared", kind: "good" },
    "not-cleared": { text: "not cleared", kind: "high" },
    "cannot-compute": { text: "cannot be computed", kind: "noted" },
};

/** "item:film" in words: the title of what it names. */
function stepText(p: Outcome, step: string | undefined, day: string | undefined): string {
    if (!step) return "";
    if (step === "ask-clinician")
        return t("Next step: ask a clinician, {date}", { date: date(day) });
    const id = step.replace(/^\w+:/, "");
    const all: { id?: string; item?: string; title?: string }[] = [
        ...(p.items ?? []),
        ...(p.holds ?? []),
        ...(p.classification ?? []),
    ];
    const title = all.find((one) => (one.item ?? one.id) === id)?.title;
    return title ? t("Next step: {step}", { step: title }) : "";
}

interface Rule {
    id: string;
    code?: string;
    title?: string;
    until?: string;
    draft?: boolean;
    why?: string;
    missing?: Missing[];
}

function Rules({ of }: { of: Rule[] }) {
    return (
        <>
            {of.map((one) => (
                <p key={one.id}>
                    <strong dir="auto">{one.title || one.code || one.id}</strong>
                    {one.until && <> {t("until {date}", { date: date(one.until) })}</>}{" "}
                    <Draft is={one.draft} />{" "}
                    {one.why && (
                        <span class="why" dir="auto">
                            {one.why}
                        </span>
                    )}{" "}
                    <Missings of={one.missing} />
                </p>
            ))}
        </>
    );
}

/** Rules that cannot be computed: counted, and named on request, so that what is known stands out. */
function Unknowns({ of, what }: { of: Rule[]; what: "class" | "hold" }) {
    return of.length === 0 ? null : (
        <details class="unanswered">
            <summary>
                {what === "class"
                    ? tn("{n} classes cannot be computed", of.length)
                    : tn("{n} reasons to hold cannot be computed", of.length)}
            </summary>
            <Rules of={of} />
        </details>
    );
}

function OutcomeCard({ p }: { p: Outcome }) {
    const c = p.clearance;
    const shown = CLEARANCE[c?.status ?? ""] ?? {
        text: "cannot be computed" as Msg,
        kind: "noted",
    };
    const expires = c?.expires ?? p.expires;
    const known = (one: Rule): boolean => !one.missing?.length;
    const holds = p.holds ?? [];
    const classes = p.classification ?? [];
    const unknown = p.unknownClasses ?? [];
    const parts = p.expiryParts ?? [];
    return (
        <section class="block outcome" aria-labelledby={`outcome-${p.protocol}`}>
            <h3 id={`outcome-${p.protocol}`} dir="auto">
                {p.title || p.protocol}{" "}
                <small>
                    <bdi class="code">{p.version}</bdi>
                </small>{" "}
                <Draft is={p.draft} />
            </h3>
            <p class="verdict">
                <Badge kind={shown.kind as "good"}>{t(shown.text)}</Badge>{" "}
                <span class="proposal">{c?.draft ? t("draft of a proposal") : t("proposal")}</span>
            </p>
            <p dir="auto">{stepText(p, c?.nextStep, c?.date)}</p>
            <Missings of={p.missing?.length ? p.missing : c?.missing} whole />
            <dl class="answers">
                {classes.length + unknown.length > 0 && (
                    <div>
                        <dt>{t("Class")}</dt>
                        <dd class="classes">
                            <Rules of={classes} />
                            <Unknowns of={unknown} what="class" />
                        </dd>
                    </div>
                )}
                {(p.states ?? []).map((one) => (
                    <div>
                        <dt dir="auto">{one.group || one.id}</dt>
                        <dd>
                            {one.state ? (
                                <span dir="auto">{one.title || one.state}</span>
                            ) : (
                                <>
                                    <em>{t("cannot be computed")}</em> <Missings of={one.missing} />
                                </>
                            )}
                        </dd>
                    </div>
                ))}
                {holds.length > 0 && (
                    <div>
                        <dt>{t("On hold")}</dt>
                        <dd class="holds">
                            {holds.some(known) ? (
                                <Rules of={holds.filter(known)} />
                            ) : (
                                <p>{t("no known reason")}</p>
                            )}
                            <Unknowns of={holds.filter((one) => !known(one))} what="hold" />
                        </dd>
                    </div>
                )}
                <div>
                    <dt>{t("Valid until")}</dt>
                    <dd class="expiry">
                        {expires ? (
                            <strong>{date(expires)}</strong>
                        ) : (
                            <em>{t("cannot be computed")}</em>
                        )}
                        {parts
                            .filter((one) => one.expires)
                            .map((one) => (
                                <p class="why" dir="auto">
                                    {date(one.expires)}: {one.title || one.why || one.id}
                                </p>
                            ))}
                    </dd>
                </div>
            </dl>
        </section>
    );
}

function Sign({
    a,
    ask,
    done,
}: {
    a: Assessment;
    ask: (method: string) => Promise<Assessment>;
    done: () => void;
}) {
    const [people, setPeople] = useState<Practitioner[]>([]);
    const [chosen, setChosen] = useState<Practitioner>();
    const [knowing, setKnowing] = useState(false);
    const [busy, setBusy] = useState(false);
    const [failure, setFailure] = useState<Failure>();
    const [said, setSaid] = useState("");
    const drafts = a.protocols.some((one) => one.draft || one.clearance?.draft);
    useEffect(() => {
        void search<Practitioner>("Practitioner", { _count: "200" }).then(
            (page) => setPeople(page.items.filter((one) => one.active !== false)),
            (error: unknown) => setFailure(asFailure(error)),
        );
    }, []);
    const nameOf = (one: Practitioner): string => nameText(one.name?.[0]) || some(one.id);
    const run = async (sign: boolean): Promise<void> => {
        if (busy || (sign && (!chosen || (drafts && !knowing)))) return;
        setBusy(true);
        setFailure(undefined);
        try {
            const stored = await ask("POST");
            for (const one of stored.protocols)
                if (sign && one.impression)
                    await own(
                        "clinical/sign",
                        [
                            ["impression", one.impression],
                            ["practitioner", some(chosen?.id)],
                            ...(drafts ? ([["drafts", "true"]] as [string, string][]) : []),
                        ],
                        { method: "POST" },
                    );
            setSaid(
                sign
                    ? t("Signed by {name}.", { name: chosen ? nameOf(chosen) : "" })
                    : t("Kept as proposals in the record."),
            );
            done();
        } catch (error) {
            setFailure(asFailure(error));
        } finally {
            setBusy(false);
        }
    };
    return (
        <section class="block sign" aria-labelledby="sign-title">
            <h2 id="sign-title">{t("Sign")}</h2>
            <div class="pair">
                <div class="q">
                    <label class="q-label" for="physician">
                        {t("Physician who signs")}
                    </label>
                    <Combobox
                        id="physician"
                        choices={people.map((one) => ({ text: nameOf(one) }))}
                        chosen={chosen ? nameOf(chosen) : ""}
                        open={false}
                        pick={(at) => setChosen(people[at])}
                        write={() => {}}
                        clear={() => setChosen(undefined)}
                    />
                </div>
                {drafts && (
                    <label class="choice alone">
                        <input
                            type="checkbox"
                            id="knowing"
                            checked={knowing}
                            onChange={(event) => setKnowing(event.currentTarget.checked)}
                        />
                        <span>
                            {t(
                                "I know that this rests on draft rules and is not an official result",
                            )}
                        </span>
                    </label>
                )}
            </div>
            {failure && (
                <Trouble
                    what={t("It could not be signed.")}
                    failure={failure}
                    retry={() => run(Boolean(chosen))}
                />
            )}
            <p class="steps">
                <button
                    type="button"
                    class="main"
                    id="sign"
                    disabled={busy || !chosen || (drafts && !knowing)}
                    onClick={() => void run(true)}
                >
                    {tn("Sign {n} proposals", a.protocols.length)}
                </button>
                <button type="button" disabled={busy} onClick={() => void run(false)}>
                    {t("Keep as proposals, unsigned")}
                </button>
            </p>
            <p role="status" class="said">
                {said}
            </p>
        </section>
    );
}

const CLEARED = /\/StructureDefinition\/clearance$/;

/** What was proposed and signed before. */
function Earlier({
    patient,
    names,
    at,
}: {
    patient: string;
    names: ReadonlyMap<string, string>;
    at: number;
}) {
    const [all, setAll] = useState<Impression[]>([]);
    useEffect(() => {
        void search<Impression>("ClinicalImpression", {
            patient,
            _count: "50",
            _sort: "-date",
        }).then(
            (page) => setAll(page.items),
            () => {},
        );
    }, [patient, at]);
    if (all.length === 0) return null;
    const part = (one: Impression, name: string): string => {
        const found = (one.extension ?? [])
            .find((e) => CLEARED.test(some(e.url)))
            ?.extension?.find((e) => e.url === name);
        return some(found?.valueCode ?? found?.valueDate ?? found?.valueString);
    };
    return (
        <details class="block">
            <summary>
                {t("Earlier assessments")} ({all.length})
            </summary>
            <ul class="rows">
                {all.map((one) => {
                    const protocol = bare(one.protocol?.[0]).split("/").pop() ?? "";
                    const status = part(one, "status");
                    return (
                        <li class="row">
                            <div class="row-main">
                                <span class="what" dir="auto">
                                    {names.get(protocol) ?? protocol}
                                </span>{" "}
                                <Badge kind={one.status === "completed" ? "good" : "noted"}>
                                    {one.status === "completed" ? t("signed") : t("proposal")}
                                </Badge>{" "}
                                {CLEARANCE[status] && t(CLEARANCE[status].text)}{" "}
                                <bdi>
                                    {(one.finding ?? [])
                                        .map((f) => concept(f.itemCodeableConcept))
                                        .filter(Boolean)
                                        .join(", ")}
                                </bdi>
                                {one.assessor?.display && (
                                    <>
                                        {" "}
                                        <bdi>{one.assessor.display}</bdi>
                                    </>
                                )}
                            </div>
                            <div class="when">{date(one.date)}</div>
                        </li>
                    );
                })}
            </ul>
        </details>
    );
}

export function AssessPage(props: { patient: string; protocols: string[]; date: string }) {
    const { patient } = props;
    const [person, setPerson] = useState<Patient>();
    const [there, setThere] = useState<Protocol[]>();
    const [forms, setForms] = useState<Form[]>([]);
    const [chosen, setChosen] = useState<string[]>(props.protocols);
    const [on, setOn] = useState(props.date || today());
    const [a, setAssessment] = useState<Assessment>();
    const [failure, setFailure] = useState<Failure>();
    const [busy, setBusy] = useState(false);
    const [attempt, setAttempt] = useState(0);
    const running = useRef(0);
    const day = typedDate(on);

    const here = `#/Patient/${patient}/assess`;
    const address = (): string => {
        const parts = [
            ...chosen.map((one) => `p=${encodeURIComponent(one)}`),
            ...(day && day !== today() ? [`d=${day}`] : []),
        ];
        return parts.length ? `${here}?${parts.join("&")}` : here;
    };
    useEffect(() => {
        const fail = (error: unknown): void => setFailure(asFailure(error));
        void read<Patient>(`Patient/${patient}`).then(setPerson, fail);
        void own<{ protocols: Protocol[] }>("clinical/protocols", [
            ["language", language.value],
        ]).then((list) => setThere(list.protocols), fail);
        void formsThere().then(setForms, fail);
    }, [patient, language.value, attempt]);
    useEffect(() => {
        document.title = [t("Assessment"), person ? mainName(person) : "", "Rihla"]
            .filter(Boolean)
            .join(" – ");
        if (person) document.querySelector<HTMLElement>("main h1")?.focus();
    }, [Boolean(person)]);

    const ask = (method: string): Promise<Assessment> =>
        own<Assessment>(
            "clinical/assess",
            [
                ["patient", patient],
                ...chosen.map((one): [string, string] => ["protocol", one]),
                ["date", day ?? today()],
                ["language", language.value],
            ],
            { method },
        );
    useEffect(() => {
        history.replaceState(null, "", address());
        if (chosen.length === 0 || !day || day.length !== 10) return setAssessment(undefined);
        const mine = ++running.current;
        setBusy(true);
        setFailure(undefined);
        ask("GET").then(
            (found) => {
                if (mine !== running.current) return;
                setAssessment(found);
                setBusy(false);
            },
            (error: unknown) => {
                if (mine !== running.current) return;
                setFailure(asFailure(error));
                setAssessment(undefined);
                setBusy(false);
            },
        );
    }, [chosen.join(" "), day, language.value, attempt]);

    const names = new Map((there ?? []).map((one) => [one.name, one.title || one.name]));
    for (const one of a?.protocols ?? []) if (one.title) names.set(one.protocol, one.title);
    const formOf = (one: Wanted): Form | undefined =>
        forms.find((f) => (f.resultOf ?? []).some((d) => bare(d) === bare(one.definition)));
    const toForm = (form: Form): string =>
        `#/Patient/${patient}/form?q=${encodeURIComponent(form.url)}&back=${encodeURIComponent(address())}`;
    const rows = [...(a?.items ?? [])].sort(
        (x, y) =>
            ORDER.indexOf(x.status) - ORDER.indexOf(y.status) ||
            // Otherwise in the order of the protocols: what comes first is done first.
            (x.status === "either" ? (x.invasiveness ?? 9) - (y.invasiveness ?? 9) : 0),
    );
    const open = rows.filter((one) => !["done", "not-required"].includes(one.status));
    const done = rows.filter((one) => one.status === "done");
    const name = person && namesOf(person)[0];
    const row = (one: Wanted) => (
        <WantedRow
            key={`${one.definition}`}
            one={one}
            form={formOf(one)}
            address={toForm}
            names={names}
        />
    );
    const versions = new Map<string, Protocol>();
    for (const one of there ?? []) if (!versions.has(one.name)) versions.set(one.name, one);
    return (
        <main class="form assess" aria-busy={busy}>
            <p class="of-whom">
                <a href={`#/Patient/${patient}`}>
                    {name ? <Name name={name} /> : t("Back to the record")}
                </a>
                {person && (
                    <>
                        <span>
                            {ageNow(person)}
                            {birthDoubt(person) && ` (${birthDoubt(person)})`}
                        </span>
                        <span>{person.gender ? word(person.gender) : ""}</span>
                    </>
                )}
            </p>
            <h1 tabIndex={-1}>{t("Assessment")}</h1>
            {failure && (
                <Trouble
                    what={t("It could not be assessed.")}
                    failure={failure}
                    retry={() => setAttempt(attempt + 1)}
                />
            )}
            <div class="block choose">
                <fieldset>
                    <legend>{t("Protocols")}</legend>
                    <div class="choices long">
                        {[...versions.values()].map((one, i) => (
                            <label class="choice" key={one.name}>
                                <input
                                    type="checkbox"
                                    id={i === 0 ? "protocol" : undefined}
                                    name="protocol"
                                    value={one.name}
                                    checked={chosen.includes(one.name)}
                                    onChange={(event) =>
                                        setChosen(
                                            event.currentTarget.checked
                                                ? [...chosen, one.name]
                                                : chosen.filter((other) => other !== one.name),
                                        )
                                    }
                                />
                                <span>
                                    <bdi>{one.title || one.name}</bdi> <Draft is={one.draft} />
                                </span>
                            </label>
                        ))}
                    </div>
                    {there && there.length === 0 && (
                        <p class="nothing">{t("No protocol is loaded on this server.")}</p>
                    )}
                </fieldset>
                <div class="q">
                    <label class="q-label" for="on">
                        {t("Date of the assessment")}
                    </label>
                    <input
                        id="on"
                        type="text"
                        class="short"
                        dir="ltr"
                        inputMode="numeric"
                        autocomplete="off"
                        value={on}
                        aria-describedby="on-hint"
                        aria-invalid={day?.length === 10 ? undefined : true}
                        onInput={(event) => setOn(event.currentTarget.value)}
                    />
                    <p class="hint" id="on-hint" aria-live="polite">
                        {day?.length === 10
                            ? date(day)
                            : t("This is not a date. Write it like {example}.", {
                                  example: "2026-11-24",
                              })}
                    </p>
                </div>
            </div>
            <p class="said" role="status">
                {busy
                    ? t("Loading…")
                    : a
                      ? `${tn("{n} open items", open.length)}${t(", ")}${t("{n} done", { n: done.length })}`
                      : chosen.length === 0
                        ? t("Choose the protocols that the person falls under.")
                        : ""}
            </p>
            {a && (
                <>
                    <section class="block" aria-labelledby="open-title">
                        <h2 id="open-title">{t("What is to be done")}</h2>
                        {open.length === 0 && <p>{t("Nothing is open.")}</p>}
                        {open.some((one) => one.status === "either") && (
                            <p class="hint">
                                {t(
                                    '"Your choice": the birth date is not certain enough to decide. The least invasive comes first.',
                                )}
                            </p>
                        )}
                        <ol class="wanteds">{open.map(row)}</ol>
                        {done.length > 0 && (
                            <details class="unanswered">
                                <summary>{t("{n} done", { n: done.length })}</summary>
                                <ol class="wanteds">{done.map(row)}</ol>
                            </details>
                        )}
                    </section>
                    <section aria-labelledby="outcome-title">
                        <h2 id="outcome-title">{t("Proposed outcome")}</h2>
                        <div class="outcomes">
                            {a.protocols.map((one) => (
                                <OutcomeCard key={one.protocol} p={one} />
                            ))}
                        </div>
                    </section>
                    <Sign a={a} ask={ask} done={() => setAttempt(attempt + 1)} />
                </>
            )}
            <Earlier patient={patient} names={names} at={attempt} />
        </main>
    );
}
