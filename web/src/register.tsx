// SPDX-License-Identifier: GPL-3.0-or-later
// register.tsx - register a person: names in each script, birth as well as it is known, sex,
// language, numbers. Who may already be here is shown before a second record is made.
//
//   #/register?name=WORDS
//
// What is typed is kept on this device until the server has the person. The id is chosen here, so a
// second attempt after a lost answer does not register the person twice.
import { signal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { literal, search, write, type Failure } from "./api";
import { typedDate } from "./answers";
import { Combobox } from "./combobox";
import { date, stated } from "./dates";
import { typedNumber } from "./exact";
import type { HumanName, Patient } from "./fhir";
import { some } from "./fhir";
import { Hit } from "./find";
import { forget, keep, kept, newId } from "./keep";
import { asFailure } from "./load";
import { notice, Trouble } from "./parts";
import { englishName, language, languageName, t, word } from "./text";

const MARGIN = "https://rihla.example/fhir/StructureDefinition/birth-date-margin";
const KEPT = "register";
const SEXES = ["female", "male", "other", "unknown"] as const;
/** ISO 639: languages that are offered by name; any other code can be typed. */
const LANGUAGES = (
    "am ar az bn bs ckb da de dv dz el en es et fa ff fi fr gu ha he hi hr hu hy id ig it ja ka kk km ko " +
    "kmr ku ky lo lt lv mg mk mn ms mt my ne nl no om or pa pl prs ps pt ro ru rw sd si sk sl so sq sr st " +
    "sv sw ta te tg th ti tk tl tr ug uk ur uz vi wo xh yo zh zu"
).split(" ");

interface Typed {
    id: string;
    given: string;
    family: string;
    given2: string;
    family2: string;
    birth: string;
    estimated: boolean;
    margin: string;
    sex: string;
    language: string;
    numbers: { kind: string; value: string }[];
}

const empty = (): Typed => ({
    id: newId(),
    given: "",
    family: "",
    given2: "",
    family2: "",
    birth: "",
    estimated: false,
    margin: "",
    sex: "",
    language: "",
    numbers: [{ kind: "", value: "" }],
});

const typed = signal<Typed>(empty());
const keptWell = signal<"" | "saving" | "kept" | "lost">("");

let waiting = false;
let again = false;
async function keepTyped(): Promise<void> {
    again = true;
    if (keptWell.value !== "lost") keptWell.value = "saving";
    if (waiting) return;
    waiting = true;
    while (again) {
        again = false;
        try {
            await keep({
                id: KEPT,
                patient: "",
                questionnaire: "",
                title: "",
                response: JSON.stringify(typed.value),
                typed: {},
                changed: Date.now(),
                sent: 0,
                version: "",
                device: "",
                amends: false,
                back: "",
                form: 1,
            });
            if (!again) keptWell.value = "kept";
        } catch {
            keptWell.value = "lost";
        }
    }
    waiting = false;
}

function change(part: Partial<Typed>): void {
    typed.value = { ...typed.value, ...part };
    void keepTyped();
}

/** The first and the last day of a stated date, moved by years to both sides. */
function span(birth: string, years: number): { start: string; end: string } {
    const d = stated(birth);
    const two = (n: number, width = 2): string => String(n).padStart(width, "0");
    const day = (year: number, month: number, of: number): string => {
        const last = new Date(Date.UTC(year, month, 0)).getUTCDate();
        return `${two(year, 4)}-${two(month)}-${two(Math.min(of, last))}`;
    };
    const year = d?.year ?? 0;
    return {
        start: day(year - years, d?.month ?? 1, d?.day ?? 1),
        end: day(year + years, d?.month ?? 12, d?.day ?? 31),
    };
}

const words = (text: string): string[] => text.trim().split(/\s+/).filter(Boolean);

function patientOf(f: Typed): Patient {
    const name = (given: string, family: string, use: string): HumanName[] =>
        given.trim() || family.trim()
            ? [
                  {
                      use,
                      ...(family.trim() ? { family: family.trim() } : {}),
                      ...(given.trim() ? { given: words(given) } : {}),
                  },
              ]
            : [];
    const birth = typedDate(f.birth);
    const margin = Number(typedNumber(f.margin, true) ?? 0);
    const identifier = f.numbers
        .filter((one) => one.value.trim())
        .map((one) => ({
            ...(one.kind.trim() ? { type: { text: one.kind.trim() } } : {}),
            value: one.value.trim(),
        }));
    return {
        resourceType: "Patient",
        id: f.id,
        active: true,
        ...(identifier.length ? { identifier } : {}),
        name: [...name(f.given, f.family, "official"), ...name(f.given2, f.family2, "usual")],
        gender: f.sex,
        ...(birth ? { birthDate: birth } : {}),
        ...(birth && f.estimated
            ? {
                  _birthDate: {
                      extension: [{ url: MARGIN, valuePeriod: span(birth, margin) }],
                  },
              }
            : {}),
        ...(f.language
            ? {
                  communication: [
                      {
                          language: {
                              coding: [{ system: "urn:ietf:bcp:47", code: f.language }],
                          },
                          preferred: true,
                      },
                  ],
              }
            : {}),
    };
}

type Wrong = Partial<Record<"name" | "birth" | "margin" | "sex", string>>;

function wrongOf(f: Typed): Wrong {
    const wrong: Wrong = {};
    if (!(f.given + f.family + f.given2 + f.family2).trim())
        wrong.name = t("A name is needed; one name is enough.");
    const birth = typedDate(f.birth);
    if (f.birth.trim() && !birth)
        wrong.birth = t("This is not a date. Write it like {example}.", { example: "1990-05-24" });
    else if (birth && Date.parse(birth) > Date.now())
        wrong.birth = t("This date is in the future.");
    if (f.estimated && birth && !(Number(typedNumber(f.margin, true) ?? 0) > 0))
        wrong.margin = t("How many years may it be off? A whole number.");
    if (!f.sex) wrong.sex = t('Choose one; "unknown" is an answer.');
    return wrong;
}

/** Who may be the same person: by number, by whole name, by family name and year of birth. */
async function alike(f: Typed): Promise<Patient[]> {
    const found = new Map<string, Patient>();
    const take = (people: Patient[]): void =>
        people.forEach((one) => one.id !== f.id && found.set(some(one.id), one));
    const year = typedDate(f.birth)?.slice(0, 4);
    const asked: Promise<void>[] = [];
    const ask = (parameters: Record<string, string>): void =>
        void asked.push(
            search<Patient>("Patient", { ...parameters, _count: "10" }).then((page) =>
                take(page.items),
            ),
        );
    for (const one of f.numbers)
        if (one.value.trim()) ask({ identifier: literal(one.value.trim()) });
    for (const [given, family] of [
        [f.given, f.family],
        [f.given2, f.family2],
    ]) {
        const whole = [...words(given ?? ""), ...words(family ?? "")].join(" ");
        if (!whole) continue;
        ask({ name: literal(whole) });
        const near = family?.trim() || words(given ?? "")[0] || "";
        if (year) {
            const from = String(Number(year) - 2);
            const to = String(Number(year) + 2);
            ask({ name: literal(near), birthdate: `ge${from}`, _sort: "birthdate" });
            ask({ name: literal(near), birthdate: `le${to}`, _sort: "-birthdate" });
        }
    }
    await Promise.all(asked);
    const born = (one: Patient): number => Number(one.birthDate?.slice(0, 4) ?? NaN);
    const far = (one: Patient): number =>
        Math.abs((year ? Number(year) : NaN) - born(one)) || (Number.isNaN(born(one)) ? 5 : 0);
    return [...found.values()]
        .filter((one) => !year || Number.isNaN(born(one)) || far(one) <= (f.estimated ? 10 : 5))
        .sort(
            (a, b) =>
                far(a) + Number(a.gender !== f.sex) * 3 - far(b) - Number(b.gender !== f.sex) * 3,
        )
        .slice(0, 6);
}

function Line(props: {
    id: string;
    label: string;
    value: string;
    set: (value: string) => void;
    hint?: string | undefined;
    wrong?: string | undefined;
    short?: boolean;
    first?: boolean;
    disabled?: boolean;
}) {
    const described = [props.wrong ? `${props.id}-error` : "", props.hint ? `${props.id}-hint` : ""]
        .filter(Boolean)
        .join(" ");
    return (
        <div class={props.wrong ? "q wrong" : "q"}>
            <label class="q-label" for={props.id}>
                {props.label}
            </label>
            <input
                id={props.id}
                type="text"
                dir={props.short ? "ltr" : "auto"}
                class={props.short ? "short" : undefined}
                autocomplete="off"
                autocapitalize={props.short ? "off" : "words"}
                spellcheck={false}
                disabled={props.disabled}
                value={props.value}
                aria-describedby={described || undefined}
                aria-invalid={props.wrong ? true : undefined}
                onInput={(event) => props.set(event.currentTarget.value)}
            />
            {props.hint && (
                <p class="hint" id={`${props.id}-hint`} aria-live="polite">
                    {props.hint}
                </p>
            )}
            {props.wrong && (
                <p class="error" id={`${props.id}-error`} role="alert">
                    <span aria-hidden="true">▲ </span>
                    {props.wrong}
                </p>
            )}
        </div>
    );
}

function Names({ f, wrong }: { f: Typed; wrong: Wrong }) {
    return (
        <fieldset class="block-set">
            <legend>{t("Names")}</legend>
            <div class="pair">
                <Line
                    id="given"
                    label={t("Given names")}
                    value={f.given}
                    set={(given) => change({ given })}
                    wrong={wrong.name}
                />
                <Line
                    id="family"
                    label={t("Family name")}
                    value={f.family}
                    set={(family) => change({ family })}
                />
            </div>
            <p class="hint">
                {t("The same names in the person's own script, if that is another:")}
            </p>
            <div class="pair">
                <Line
                    id="given2"
                    label={t("Given names, own script")}
                    value={f.given2}
                    set={(given2) => change({ given2 })}
                />
                <Line
                    id="family2"
                    label={t("Family name, own script")}
                    value={f.family2}
                    set={(family2) => change({ family2 })}
                />
            </div>
        </fieldset>
    );
}

function Birth({ f, wrong }: { f: Typed; wrong: Wrong }) {
    const birth = typedDate(f.birth);
    const years = Number(typedNumber(f.margin, true) ?? 0);
    const range = birth && f.estimated && years > 0 ? span(birth, years) : undefined;
    return (
        <fieldset class="block-set">
            <legend>{t("Birth")}</legend>
            <div class="pair">
                <Line
                    id="birth"
                    label={t("Birth date, as well as it is known")}
                    value={f.birth}
                    set={(text) => change({ birth: text })}
                    short
                    hint={
                        birth ? date(birth) : t("1990, 1990-05 or 1990-05-24; empty when not known")
                    }
                    wrong={wrong.birth}
                />
                <div>
                    <label class="choice alone">
                        <input
                            type="checkbox"
                            id="estimated"
                            checked={f.estimated}
                            onChange={(event) => change({ estimated: event.currentTarget.checked })}
                        />
                        <span>{t("It is an estimate")}</span>
                    </label>
                    {f.estimated && (
                        <Line
                            id="margin"
                            label={t("Years it may be off, to both sides")}
                            value={f.margin}
                            set={(margin) => change({ margin })}
                            short
                            hint={range ? `${date(range.start)} – ${date(range.end)}` : undefined}
                            wrong={wrong.margin}
                        />
                    )}
                </div>
            </div>
        </fieldset>
    );
}

function Sex({ f, wrong }: { f: Typed; wrong: Wrong }) {
    return (
        <div class={wrong.sex ? "q wrong" : "q"}>
            <span class="q-label" id="sex-label">
                {t("Sex")}
            </span>
            <div
                class="choices"
                role="radiogroup"
                aria-labelledby="sex-label"
                aria-describedby={wrong.sex ? "sex-error" : undefined}
                aria-invalid={wrong.sex ? true : undefined}
            >
                {SEXES.map((one, i) => (
                    <label class="choice">
                        <input
                            type="radio"
                            name="sex"
                            id={i === 0 ? "sex" : undefined}
                            checked={f.sex === one}
                            onChange={() => change({ sex: one })}
                        />
                        <span>{word(one)}</span>
                    </label>
                ))}
            </div>
            {wrong.sex && (
                <p class="error" id="sex-error" role="alert">
                    <span aria-hidden="true">▲ </span>
                    {wrong.sex}
                </p>
            )}
        </div>
    );
}

function Language({ f }: { f: Typed }) {
    const rows = LANGUAGES.map((code) => ({ code, text: languageName(code) || code })).sort(
        (a, b) => a.text.localeCompare(b.text, language.value),
    );
    return (
        <div class="q">
            <label class="q-label" for="language">
                {t("Language the person prefers")}
            </label>
            <Combobox
                id="language"
                choices={rows.map((one) => ({
                    text: one.text,
                    also: `${englishName("language", one.code)} ${one.code}`,
                }))}
                chosen={f.language ? languageName(f.language) || f.language : ""}
                open={false}
                pick={(at) => change({ language: rows[at]?.code ?? "" })}
                write={() => {}}
                clear={() => change({ language: "" })}
            />
        </div>
    );
}

function Numbers({ f }: { f: Typed }) {
    const put = (at: number, part: Partial<Typed["numbers"][0]>): void =>
        change({ numbers: f.numbers.map((one, i) => (i === at ? { ...one, ...part } : one)) });
    return (
        <fieldset class="block-set">
            <legend>{t("Numbers on papers; none is needed")}</legend>
            {f.numbers.map((one, i) => (
                <div class="pair" key={i}>
                    <Line
                        id={`kind${i}`}
                        label={t("Kind, as on the paper")}
                        value={one.kind}
                        set={(kind) => put(i, { kind })}
                    />
                    <Line
                        id={`number${i}`}
                        label={t("Number")}
                        value={one.value}
                        set={(value) => put(i, { value })}
                    />
                </div>
            ))}
            <button
                type="button"
                class="small"
                onClick={() => change({ numbers: [...f.numbers, { kind: "", value: "" }] })}
            >
                {t("Add another")}
            </button>
        </fieldset>
    );
}

export function Register({ name }: { name: string }) {
    const f = typed.value;
    const [wrong, setWrong] = useState<Wrong>({});
    const [same, setSame] = useState<Patient[]>();
    const [failure, setFailure] = useState<Failure>();
    const [busy, setBusy] = useState(false);
    const heading = useRef<HTMLHeadingElement>(null);
    useEffect(() => void (document.title = `${t("Register a person")} – Rihla`), [language.value]);
    // What was kept comes first: it must not take the place of what is typed meanwhile.
    const [ready, setReady] = useState(false);
    useEffect(() => {
        let left = false;
        kept(KEPT)
            .then(
                (before) => {
                    if (left) return;
                    if (before) typed.value = JSON.parse(before.response) as Typed;
                    else {
                        const all = words(name);
                        const family = all.length > 1 ? (all.pop() ?? "") : "";
                        typed.value = { ...empty(), given: all.join(" "), family };
                    }
                },
                () => (keptWell.value = "lost"),
            )
            .finally(() => !left && setReady(true));
        return () => void (left = true);
    }, []);
    useLayoutEffect(() => {
        if (ready) document.querySelector<HTMLElement>("#given")?.focus();
    }, [ready]);
    useEffect(() => {
        if (same?.length) heading.current?.focus();
    }, [same]);

    const save = async (): Promise<void> => {
        setBusy(true);
        setFailure(undefined);
        try {
            const person = patientOf(typed.value);
            try {
                await write(`Patient/${person.id}`, JSON.stringify(person), { absent: true });
            } catch (error) {
                // The answer to an earlier attempt was lost: the person is there.
                if (asFailure(error).kind !== "changed") throw error;
            }
            await forget(KEPT).catch(() => {});
            typed.value = empty();
            notice.value = t("The person is registered.");
            location.hash = `#/Patient/${person.id}`;
        } catch (error) {
            setFailure(asFailure(error));
        } finally {
            setBusy(false);
        }
    };
    const submit = async (): Promise<void> => {
        if (busy) return;
        const found = wrongOf(typed.value);
        setWrong(found);
        const first = found.name
            ? "given"
            : found.birth
              ? "birth"
              : found.margin
                ? "margin"
                : found.sex
                  ? "sex"
                  : "";
        if (first) return document.getElementById(first)?.focus();
        setBusy(true);
        setFailure(undefined);
        try {
            const people = await alike(typed.value);
            setSame(people);
            setBusy(false);
            if (people.length === 0) await save();
        } catch (error) {
            setFailure(asFailure(error));
            setBusy(false);
        }
    };
    if (!ready)
        return (
            <main class="form register">
                <h1>{t("Register a person")}</h1>
                <p class="loading" role="status">
                    {t("Loading…")}
                </p>
            </main>
        );
    return (
        <main class="form register">
            <h1>{t("Register a person")}</h1>
            <p class="state" role="status">
                {keptWell.value === "lost"
                    ? t(
                          "This browser keeps nothing: what is typed is lost when the page is closed.",
                      )
                    : keptWell.value === "kept"
                      ? t("Kept on this device until the person is registered.")
                      : keptWell.value === "saving"
                        ? t("Saving…")
                        : ""}
            </p>
            <form
                noValidate
                onSubmit={(event) => {
                    event.preventDefault();
                    void submit();
                }}
                onInput={() => setSame(undefined)}
            >
                <Names f={f} wrong={wrong} />
                <Birth f={f} wrong={wrong} />
                <fieldset class="block-set">
                    <legend>{t("Person")}</legend>
                    <Sex f={f} wrong={wrong} />
                    <Language f={f} />
                </fieldset>
                <Numbers f={f} />
                {failure && (
                    <Trouble
                        what={t("The person could not be registered; what you typed is kept here.")}
                        failure={failure}
                        retry={submit}
                    />
                )}
                {same && same.length > 0 ? (
                    <section class="block same" aria-labelledby="same-title">
                        <h2 id="same-title" tabIndex={-1} ref={heading}>
                            {t("Is it one of these people?")}
                        </h2>
                        <ol class="hits">
                            {same.map((one) => (
                                <Hit key={one.id} person={one} />
                            ))}
                        </ol>
                        <p class="steps">
                            <button
                                type="button"
                                class="main"
                                disabled={busy}
                                onClick={() => void save()}
                            >
                                {t("None of these: register a new person")}
                            </button>
                        </p>
                    </section>
                ) : (
                    <p class="steps">
                        <button type="submit" class="main" disabled={busy}>
                            {t("Register")}
                        </button>
                        <button
                            type="button"
                            onClick={() => {
                                typed.value = empty();
                                void forget(KEPT).catch(() => {});
                                keptWell.value = "";
                                document.querySelector<HTMLElement>("#given")?.focus();
                            }}
                        >
                            {t("Empty the form")}
                        </button>
                    </p>
                )}
            </form>
        </main>
    );
}
