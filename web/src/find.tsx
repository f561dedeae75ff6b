// SPDX-License-Identifier: GPL-3.0-or-later
// find.tsx - find a person: one field that takes a name in any script, or an identifier.
//
// Keys: typing searches after a short pause; Enter searches at once and opens the only person found;
// arrow down goes into the list, arrows move in it, Enter opens, Escape comes back to the field.
import { signal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { Failure, literal, more, search, type Page } from "./api";
import { date } from "./dates";
import type { Patient } from "./fhir";
import { some } from "./fhir";
import { drafts, type Draft } from "./keep";
import { asFailure } from "./load";
import { mainName, Name, namesOf } from "./names";
import { Trouble } from "./parts";
import { t, tn, word } from "./text";
import { ageNow, birthDoubt, identifierLabel } from "./who";

const PAUSE_MS = 200;
const PAGE = "20";
const LOOKS_LIKE_ID = /^[A-Za-z0-9\-.]{1,64}$/;

interface Found {
    phase: "idle" | "loading" | "done" | "failed";
    /** The words that `people` answer to. */
    words: string;
    people: Patient[];
    total?: number;
    next?: URL;
    failure?: Failure;
}

const typed = signal("");
const found = signal<Found>({ phase: "idle", words: "", people: [] });
let running: AbortController | undefined;
let pause: ReturnType<typeof setTimeout> | undefined;
let opened = ""; // the person last opened from the list, to come back to
let enterPressed = false; // Enter came before the answer: act on it when it is there

function merge(pages: Page<Patient>[]): Page<Patient> {
    const people = new Map<string, Patient>();
    for (const page of pages) for (const one of page.items) people.set(some(one.id), one);
    const next = pages.find((page) => page.next)?.next;
    return { items: [...people.values()], ...(next ? { next } : { total: people.size }) };
}

async function byIdentifier(words: string, stop: AbortSignal): Promise<Page<Patient>> {
    const asked = [
        search<Patient>("Patient", { identifier: literalToken(words), _count: PAGE }, stop),
    ];
    if (LOOKS_LIKE_ID.test(words))
        asked.push(search<Patient>("Patient", { _id: words, _count: PAGE }, stop));
    return merge(await Promise.all(asked));
}

/** `system|value` stays a system and a value; every other sign stands for itself. */
function literalToken(words: string): string {
    const bar = words.indexOf("|");
    return bar < 0
        ? literal(words)
        : `${literal(words.slice(0, bar))}|${literal(words.slice(bar + 1))}`;
}

async function look(words: string, stop: AbortSignal): Promise<Page<Patient>> {
    if (/\p{Nd}/u.test(words)) return byIdentifier(words, stop);
    // A comma would mean "or" to the server; "Haddad, Samira" means both words.
    const name = words.replace(/[,،;|]+/g, " ").trim();
    const page = name
        ? await search<Patient>("Patient", { name: literal(name), _count: PAGE }, stop)
        : merge([]);
    return page.items.length === 0 && LOOKS_LIKE_ID.test(words) ? byIdentifier(words, stop) : page;
}

async function run(): Promise<void> {
    clearTimeout(pause);
    running?.abort();
    const words = typed.value.trim();
    history.replaceState(null, "", words ? `#/?q=${encodeURIComponent(words)}` : "#/");
    if (!words) {
        enterPressed = false;
        found.value = { phase: "idle", words: "", people: [] };
        return;
    }
    const mine = (running = new AbortController());
    found.value = { ...found.value, phase: "loading" };
    try {
        const page = await look(words, mine.signal);
        if (mine.signal.aborted) return;
        found.value = { phase: "done", words, people: page.items, ...rest(page) };
        if (enterPressed) requestAnimationFrame(enter);
    } catch (error) {
        if (mine.signal.aborted) return;
        enterPressed = false;
        found.value = { phase: "failed", words, people: [], failure: asFailure(error) };
    }
}

const rest = (page: Page<Patient>): Pick<Found, "total" | "next"> => ({
    ...(page.total === undefined ? {} : { total: page.total }),
    ...(page.next ? { next: page.next } : {}),
});

async function moreOfIt(): Promise<void> {
    const before = found.value;
    if (!before.next) return;
    running?.abort();
    const mine = (running = new AbortController());
    found.value = { ...before, phase: "loading" };
    try {
        const page = await more<Patient>(before.next, mine.signal);
        const total = page.total ?? before.total;
        found.value = {
            phase: "done",
            words: before.words,
            people: [...before.people, ...page.items],
            ...rest(total === undefined ? page : { ...page, total }),
        };
        const first = page.items[0];
        if (first) requestAnimationFrame(() => linkOf(some(first.id))?.focus());
    } catch (error) {
        if (!mine.signal.aborted)
            found.value = { ...before, phase: "failed", failure: asFailure(error) };
    }
}

const links = (): HTMLAnchorElement[] => [...document.querySelectorAll<HTMLAnchorElement>("a.hit")];
const linkOf = (id: string): HTMLAnchorElement | undefined =>
    links().find((one) => one.dataset.id === id);

/** What Enter does once the list answers to what is typed: open the only one, or go into the list. */
function enter(): void {
    enterPressed = false;
    const all = links();
    if (all.length === 1 && !found.value.next) all[0]?.click();
    else all[0]?.focus();
}

function onFieldKey(event: KeyboardEvent): void {
    if (event.isComposing) return;
    if (event.key === "ArrowDown") {
        const first = links()[0];
        if (first) {
            event.preventDefault();
            first.focus();
        }
    } else if (event.key === "Escape" && typed.value) {
        event.preventDefault();
        typed.value = "";
        void run();
    }
}

function onListKey(event: KeyboardEvent): void {
    const all = links();
    const at = all.indexOf(document.activeElement as HTMLAnchorElement);
    if (at < 0) return;
    const go: Record<string, number> = {
        ArrowDown: at + 1,
        ArrowUp: at - 1,
        Home: 0,
        End: all.length - 1,
    };
    const to = event.key === "Escape" ? -1 : go[event.key];
    if (to === undefined) return;
    event.preventDefault();
    if (to < 0) document.querySelector<HTMLInputElement>("#find")?.focus();
    else all[Math.min(to, all.length - 1)]?.focus();
}

export function Hit({ person }: { person: Patient }) {
    const [first, ...others] = namesOf(person);
    const doubt = birthDoubt(person);
    const id = some(person.id);
    return (
        <li>
            <a class="hit" href={`#/Patient/${id}`} data-id={id} onClick={() => (opened = id)}>
                <span class="hit-names">
                    <strong>{first ? <Name name={first} /> : t("Name not recorded")}</strong>
                    {others.map((name) => (
                        <Name name={name} use />
                    ))}
                </span>
                <span class="hit-facts">
                    {person.birthDate ? (
                        <span>
                            {t("born {date}", { date: date(person.birthDate) })}
                            {doubt && <em> ({doubt})</em>}
                        </span>
                    ) : (
                        <span>{t("birth date not recorded")}</span>
                    )}
                    {person.birthDate && !person.deceasedDateTime && !person.deceasedBoolean && (
                        <span>{ageNow(person)}</span>
                    )}
                    {(person.deceasedDateTime || person.deceasedBoolean) && (
                        <span class="badge grave">{t("deceased")}</span>
                    )}
                    <span>{person.gender ? word(person.gender) : t("sex not recorded")}</span>
                    {person.active === false && <span class="badge">{t("record not in use")}</span>}
                </span>
                <span class="hit-ids">
                    {(person.identifier ?? [])
                        .filter((one) => some(one.value))
                        .slice(0, 3)
                        .map((one) => (
                            <span>
                                <bdi>{identifierLabel(one)}</bdi>{" "}
                                <bdi class="code">{one.value}</bdi>
                            </span>
                        ))}
                    <span>
                        {t("record")} <bdi class="code">{id}</bdi>
                    </span>
                </span>
            </a>
        </li>
    );
}

function statusText(f: Found): string {
    if (f.phase === "idle") return "";
    if (f.phase === "loading") return t("Searching…");
    if (f.phase === "failed") return "";
    if (f.people.length === 0) return t("Nobody found");
    if (f.total !== undefined && f.total > f.people.length)
        return t("{shown} of {total} people", { shown: f.people.length, total: f.total });
    return f.next
        ? t("The first {n} people; there are more", { n: f.people.length })
        : tn("{n} people", f.people.length);
}

function Nobody({ words }: { words: string }) {
    return (
        <div class="note">
            <p>
                {t("Nobody is recorded here under")}{" "}
                <q>
                    <bdi>{words}</bdi>
                </q>
                .
            </p>
            <ul>
                <li>{t("Try fewer letters, one name only, or another spelling or script.")}</li>
                <li>
                    {t(
                        "Try a number from a paper the person carries: a passport, case or registration number.",
                    )}
                </li>
                <li>
                    {t(
                        "The person may be recorded at another site that has not sent its records yet.",
                    )}
                </li>
            </ul>
        </div>
    );
}

/** What was begun on this device and is not finished: after a closed tab the way back to it. */
function Unfinished() {
    const [all, setAll] = useState<Draft[]>([]);
    useEffect(() => {
        let left = false;
        drafts().then(
            (found) => !left && setAll(found),
            () => {}, // a browser that keeps nothing has nothing to go on with
        );
        return () => void (left = true);
    }, []);
    if (all.length === 0) return null;
    return (
        <section class="note unfinished" aria-labelledby="unfinished-title">
            <h2 id="unfinished-title">{t("Unfinished on this device")}</h2>
            <ul>
                {all.map((one) => {
                    const person = one.person as Patient | undefined;
                    return (
                        <li key={one.id}>
                            {one.patient ? (
                                <a href={`#/Patient/${one.patient}/form/${one.id}`}>
                                    <bdi>{person ? mainName(person) : one.patient}</bdi>
                                    {": "}
                                    <bdi>{one.title}</bdi>
                                </a>
                            ) : (
                                <a href="#/register">{t("Register a person")}</a>
                            )}
                        </li>
                    );
                })}
            </ul>
        </section>
    );
}

/** `page` is a new object for each address that was gone to; `words` are those in that address. */
export function Find({ page }: { page: { words: string } }) {
    const field = useRef<HTMLInputElement>(null);
    const title = `${t("Find a person")} – Rihla`;
    useEffect(() => void (document.title = title), [title]);
    // Before the first picture, so that not one key of somebody who types at once is lost.
    useLayoutEffect(() => {
        // Coming back from a record the list is still there, and the person who was opened has the focus.
        if (page.words !== typed.value.trim() || found.value.phase !== "done") {
            typed.value = page.words;
            opened = "";
            void run();
        }
        ((opened && linkOf(opened)) || field.current)?.focus();
        return () => {
            clearTimeout(pause);
            enterPressed = false;
        };
    }, [page]);
    const f = found.value;
    return (
        <main class="find">
            <h1>{t("Find a person")}</h1>
            <form
                role="search"
                onSubmit={(event) => {
                    event.preventDefault();
                    enterPressed = true;
                    if (f.phase === "done" && f.words === typed.value.trim()) enter();
                    else void run();
                }}
            >
                <label for="find">{t("Name in any script, or an identifier")}</label>
                <div class="field">
                    <input
                        id="find"
                        ref={field}
                        type="search"
                        dir="auto"
                        autocomplete="off"
                        autocapitalize="off"
                        autocorrect="off"
                        spellcheck={false}
                        enterkeyhint="search"
                        maxLength={200}
                        aria-describedby="find-help"
                        value={typed.value}
                        onInput={(event) => {
                            typed.value = event.currentTarget.value;
                            enterPressed = false;
                            clearTimeout(pause);
                            pause = setTimeout(() => void run(), PAUSE_MS);
                        }}
                        onKeyDown={onFieldKey}
                    />
                    <button type="submit" class="main">
                        {t("Find")}
                    </button>
                </div>
                <p id="find-help" class="help">
                    {t("Enter opens the only person found. Arrow keys move through the list.")}
                </p>
            </form>
            <p class="status" role="status" aria-live="polite">
                {statusText(f)}
            </p>
            {f.phase === "failed" && f.failure && (
                <Trouble
                    what={t("The search did not work.")}
                    failure={f.failure}
                    retry={f.people.length ? moreOfIt : run}
                />
            )}
            {f.phase === "done" && f.people.length === 0 && <Nobody words={f.words} />}
            {f.phase === "idle" && <Unfinished />}
            {f.people.length > 0 && (
                <ol
                    class={f.phase === "loading" ? "hits stale" : "hits"}
                    aria-label={t("People found")}
                    onKeyDown={onListKey}
                >
                    {f.people.map((person) => (
                        <Hit key={person.id} person={person} />
                    ))}
                </ol>
            )}
            {f.next && f.phase === "done" && (
                <button type="button" class="wide" onClick={() => void moreOfIt()}>
                    {t("Show more people")}
                </button>
            )}
        </main>
    );
}
