// SPDX-License-Identifier: GPL-3.0-or-later
// form.tsx - the page on which a form is filled in: where it is kept, its pages, the summary.
//
//   #/Patient/ID/form?q=CANONICAL   a new one       &back=ADDRESS: where to go when it is finished
//   #/Patient/ID/form/RESPONSE      goes on with this one
//
// Keys: Enter goes to the next question, Ctrl+Enter to the next page; in choices 1-9 choose, Delete
// clears; "*" gives the usual answer to all others of the part; "?" opens the help.
import { useEffect, useRef, useState } from "preact/hooks";
import { Failure } from "./api";
import { absence, valueOf, words } from "./answers";
import { notUnderstood, optionsOf } from "./controls";
import { NoCore, Refused, type FormError, type Node } from "./core";
import { dateTime } from "./dates";
import type { Patient } from "./fhir";
import { Filling, personName, stamp, type Save } from "./fill";
import { Item } from "./item";
import { asFailure } from "./load";
import { mainName, Name, namesOf } from "./names";
import { notice, Trouble } from "./parts";
import { language, t, tn, word } from "./text";
import { ageNow } from "./who";

const isGroup = (node: Node | undefined): boolean =>
    node?.type === "group" && Boolean(node.enabled) && !node.hidden;

/** The parts that are shown one at a time: groups at the top, or those of the only group there. */
function pagesOf(f: Filling, small: boolean): string[][] {
    const split = (parent: string): string[][] => {
        const pages: string[][] = [];
        let loose: string[] = [];
        for (const path of f.children(parent).value) {
            const node = f.node(path).value;
            if (!node || !node.enabled || node.hidden) continue;
            if (isGroup(node)) {
                // What stands before a group and is in none introduces it.
                pages.push([...loose, path]);
                loose = [];
            } else loose.push(path);
        }
        if (loose.length) pages.push(loose);
        return pages;
    };
    const top = split("");
    if (small) return [top.flat()];
    const only = top.length === 1 && top[0]?.length === 1 ? top[0][0] : undefined;
    if (only && isGroup(f.node(only).value)) {
        const below = split(only);
        if (below.length > 2) return below;
    }
    // Repeats of one group belong together.
    const joined: string[][] = [];
    for (const page of top) {
        const link = f.node(page[page.length - 1] ?? "").value?.linkId;
        const before = joined[joined.length - 1];
        const last = before && f.node(before[before.length - 1] ?? "").value?.linkId;
        if (before && link === last) before.push(...page);
        else joined.push(page);
    }
    return joined.length < 2 ? [joined.flat()] : joined;
}

const SMALL = 30; // questions, asked now or not, that still stand on one page

/** Decided once, when the form is opened: pages must not come and go under one's hands. */
function isSmall(f: Filling): boolean {
    let questions = 0;
    let paged = false;
    const walk = (path: string): void => {
        for (const one of f.children(path).peek()) {
            const node = f.node(one).peek();
            if (node?.control === "page") paged = true;
            if (node && node.type !== "group" && node.type !== "display" && !node.hidden)
                questions++;
            walk(one);
        }
    };
    walk("");
    return !paged && questions <= SMALL;
}

const pageTitle = (f: Filling, page: string[]): string => {
    const group = page.map((path) => f.node(path).value).find(isGroup);
    return group?.text ?? f.title.value;
};

function* askedOn(f: Filling, page: string[]): Generator<Node> {
    for (const path of page) {
        const node = f.node(path).value;
        if (!node || !node.enabled || node.hidden) continue;
        yield node;
        yield* f.asked(path);
    }
}

const isQuestion = (node: Node): boolean =>
    node.type !== "group" && node.type !== "display" && !node.readOnly;
const answered = (node: Node): boolean =>
    (node.answer ?? []).some((one) => valueOf(one) || absence(one));

interface Progress {
    done: number;
    all: number;
    must: number;
}
function progress(f: Filling, page: string[]): Progress {
    const p = { done: 0, all: 0, must: 0 };
    for (const path of page) add(f, path, p);
    return p;
}

function add(f: Filling, path: string, p: Progress): void {
    const node = f.node(path).value;
    if (!node || !node.enabled || node.hidden) return;
    const mine = { done: 0, all: 0, must: 0 };
    if (isQuestion(node)) {
        mine.all = 1;
        if (answered(node)) mine.done = 1;
        else if (node.required) mine.must = 1;
    }
    for (const one of f.children(path).value) add(f, one, mine);
    // A repeat of an optional group asks for nothing until something is answered there.
    if (node.type === "group" && node.repeats && !node.required && !mine.done) mine.must = 0;
    p.done += mine.done;
    p.all += mine.all;
    p.must += mine.must;
}

/** What stands in a field and is no answer: nothing is finished over it. */
function unread(f: Filling): FormError[] {
    const errors: FormError[] = [];
    for (const node of f.asked("")) {
        const text = notUnderstood(node, f.typed(node.path).value);
        if (text) errors.push({ path: node.path, linkId: node.linkId, text });
    }
    return errors;
}

function clock(ms: number): string {
    const text = stamp(new Date(ms));
    return text.slice(0, 10) === stamp().slice(0, 10) ? text.slice(11, 16) : dateTime(text);
}

function stateText(save: Save, amends: boolean): string {
    switch (save.at) {
        case "clean":
            return t("Nothing has been changed yet.");
        case "keeping":
            return t("Saving…");
        case "server":
            return t("Saved on the server {time}.", { time: clock(save.when) });
        case "nowhere":
            return t("This browser keeps nothing: what is typed is lost when the page is closed.");
        case "here":
            return amends
                ? t(
                      "Saved on this device {time}; the record keeps the earlier answers until you finish.",
                      {
                          time: clock(save.when),
                      },
                  )
                : t("Saved on this device {time}; not yet on the server.", {
                      time: clock(save.when),
                  });
    }
}

function State({ f }: { f: Filling }) {
    const save = f.save.value;
    const failure = save.at === "here" ? save.failure : undefined;
    return (
        <div class={`state ${save.at}`}>
            <p role="status">
                <span aria-hidden="true">
                    {save.at === "server" ? "✓ " : save.at === "here" ? "● " : ""}
                </span>
                {stateText(save, f.draft.amends)}
            </p>
            {failure?.kind === "changed" && (
                <p class="trouble" role="alert">
                    {t("This form was changed elsewhere meanwhile.")}{" "}
                    <button type="button" onClick={() => void f.overwrite()}>
                        {t("Keep what stands here")}
                    </button>
                </p>
            )}
            {failure?.kind === "refused" && (
                <p class="detail" dir="auto">
                    {t("The server refused the request.")} {failure.detail}
                </p>
            )}
            {f.problem.value && (
                <p class="error" role="alert" dir="auto">
                    {f.problem.value}
                </p>
            )}
        </div>
    );
}

function Person({ person, id }: { person: Patient; id: string }) {
    const name = namesOf(person)[0];
    return (
        <p class="of-whom">
            <a href={`#/Patient/${id}`}>{name ? <Name name={name} /> : t("Name not recorded")}</a>
            <span>{ageNow(person)}</span>
            <span>{person.gender ? word(person.gender) : ""}</span>
        </p>
    );
}

function Summary({
    f,
    pages,
    errors,
    go,
}: {
    f: Filling;
    pages: string[][];
    errors: FormError[] | undefined;
    go: (path: string) => void;
}) {
    const name = (one: FormError): string => f.node(one.path).value?.text ?? one.linkId ?? "";
    return (
        <div class="summary">
            <h2 tabIndex={-1} id="summary">
                {t("Review")}
            </h2>
            {errors && errors.length > 0 && (
                <div class="trouble" role="alert">
                    <p>
                        <strong>{t("Before it can be finished:")}</strong>
                    </p>
                    <ul class="points">
                        {errors.map((one) => (
                            <li>
                                <button type="button" class="link" onClick={() => go(one.path)}>
                                    <bdi>{name(one)}</bdi>
                                </button>{" "}
                                <span dir="auto">{one.text}</span>
                            </li>
                        ))}
                    </ul>
                </div>
            )}
            {pages.map((page) => {
                const rows = [...askedOn(f, page)].filter(
                    (one) => one.type !== "group" && one.type !== "display",
                );
                const open = rows.filter((one) => !answered(one) && !one.readOnly);
                return (
                    <section class="block">
                        <h3 dir="auto">{pageTitle(f, page)}</h3>
                        <dl class="answers">
                            {rows.filter(answered).map((one) => (
                                <div>
                                    <dt dir="auto">{one.text ?? one.linkId}</dt>
                                    <dd>
                                        {(one.answer ?? []).map((a, i) => (
                                            <>
                                                {i > 0 && t(", ")}
                                                <bdi>{words(a, optionsOf(one))}</bdi>
                                            </>
                                        ))}{" "}
                                        {!one.readOnly && (
                                            <button
                                                type="button"
                                                class="link"
                                                onClick={() => go(one.path)}
                                            >
                                                {t("Change")}
                                                <span class="hidden"> {one.text}</span>
                                            </button>
                                        )}
                                    </dd>
                                </div>
                            ))}
                        </dl>
                        {open.length > 0 && (
                            <details class="unanswered">
                                <summary>
                                    {tn("{n} questions without an answer", open.length)}
                                </summary>
                                <ul class="points">
                                    {open.map((one) => (
                                        <li>
                                            <button
                                                type="button"
                                                class="link"
                                                onClick={() => go(one.path)}
                                            >
                                                <bdi>{one.text ?? one.linkId}</bdi>
                                            </button>
                                        </li>
                                    ))}
                                </ul>
                            </details>
                        )}
                    </section>
                );
            })}
        </div>
    );
}

const KEYS = [
    ["Enter", "Next question"],
    ["Ctrl+Enter", "Next page"],
    ["1 … 9", "Choose the first, second, … answer"],
    ["y / n", "Yes or no"],
    ["Delete", "Take an answer back"],
    ["*", "The usual answer for all others of this part"],
    ["?", "Help for this question"],
    ["t", "Today, in a field of a date"],
] as const;

function Keys() {
    return (
        <details class="keys">
            <summary>{t("Keys")}</summary>
            <dl>
                {KEYS.map(([key, what]) => (
                    <div>
                        <dt>
                            <kbd dir="ltr">{key}</kbd>
                        </dt>
                        <dd>{t(what)}</dd>
                    </div>
                ))}
            </dl>
        </details>
    );
}

/** The first field of the question behind the one that has the focus; false: there is none. */
function nextQuestion(from: Element): boolean {
    const all = [...document.querySelectorAll<HTMLElement>(".sheet-form .q")];
    const at = from.closest(".q");
    const index = all.findIndex((one) => one === at);
    for (const one of all.slice(index + 1)) {
        const field =
            one.querySelector<HTMLElement>(".q-field input:checked") ??
            one.querySelector<HTMLElement>(
                ".q-field input:not(:disabled), .q-field textarea, .q-field select",
            );
        if (!field || field.matches("[readonly]")) continue;
        field.focus();
        if (field instanceof HTMLInputElement && field.type === "text") field.select();
        return true;
    }
    return false;
}

function Filled({ f }: { f: Filling }) {
    const [small] = useState(() => isSmall(f));
    const pages = pagesOf(f, small);
    const [at, setAt] = useState(0);
    const [errors, setErrors] = useState<FormError[] | undefined>();
    const [failure, setFailure] = useState<Failure>();
    const [finishing, setFinishing] = useState(false);
    const body = useRef<HTMLDivElement>(null);
    const target = useRef(""); // the question to go to when its page is drawn
    const last = pages.length; // the summary
    const short = pages.length === 1;
    const here = Math.min(at, last);

    useEffect(() => void f.speak(language.value), [language.value]);
    useEffect(() => {
        const path = target.current;
        target.current = "";
        const place = path
            ? document
                  .querySelector(`.q[data-path="${CSS.escape(path)}"]`)
                  ?.querySelector<HTMLElement>(".q-field input, .q-field textarea, .q-field select")
            : body.current?.querySelector<HTMLElement>("h2[tabindex], .group h2, input");
        place?.focus();
        if (path) place?.scrollIntoView({ block: "center" });
        else scrollTo(0, 0);
    }, [here]);

    const go = (to: number): void => {
        for (const one of askedOn(f, pages[here] ?? []))
            if (answered(one) || f.typed(one.path).value) f.touch(one.path);
        setAt(Math.max(0, Math.min(to, last)));
    };
    const goTo = (path: string): void => {
        f.touch(path);
        const page = pages.findIndex((one) =>
            [...askedOn(f, one)].some((node) => node.path === path),
        );
        target.current = path;
        if (page === here || page < 0) {
            document
                .querySelector(`.q[data-path="${CSS.escape(path)}"] .q-field`)
                ?.querySelector<HTMLElement>("input, textarea, select")
                ?.focus();
        } else setAt(page);
    };
    const finish = async (): Promise<void> => {
        if (finishing) return;
        setFinishing(true);
        setFailure(undefined);
        try {
            const found = [...unread(f), ...(await f.check())];
            found.forEach((one) => f.touch(one.path));
            setErrors(found);
            if (found.length === 0) {
                await f.finish();
                notice.value = t("{form} is saved in the record.", { form: f.title.value });
                location.hash = f.draft.back || `#/Patient/${f.draft.patient}`;
                return;
            }
            if (short && found[0]) goTo(found[0].path);
        } catch (error) {
            setFailure(asFailure(error));
        } finally {
            setFinishing(false);
        }
    };
    const onKeyDown = (event: KeyboardEvent): void => {
        if (event.key !== "Enter" || event.isComposing || event.defaultPrevented) return;
        const from = event.target as Element;
        if (event.ctrlKey || event.metaKey) {
            event.preventDefault();
            if (here === last || short) document.querySelector<HTMLElement>("#finish")?.focus();
            else go(here + 1);
            return;
        }
        if (from.matches("textarea, button, summary, a, select")) return;
        event.preventDefault();
        if (!nextQuestion(from)) document.querySelector<HTMLElement>(".steps .main")?.focus();
    };
    const page = pages[here];
    return (
        <>
            {!short && (
                <nav class="pages" aria-label={t("Pages of the form")}>
                    <ol>
                        {pages.map((one, i) => {
                            const p = progress(f, one);
                            return (
                                <li>
                                    <button
                                        type="button"
                                        aria-current={i === here ? "page" : undefined}
                                        class={p.all > 0 && p.done === p.all ? "full" : ""}
                                        onClick={() => go(i)}
                                    >
                                        <span dir="auto">{pageTitle(f, one)}</span>{" "}
                                        <small dir="ltr">
                                            {p.done}/{p.all}
                                        </small>
                                        {p.must > 0 && (
                                            <small class="must">
                                                <span aria-hidden="true"> *{p.must}</span>
                                                <span class="hidden">
                                                    {t("required and open: {n}", { n: p.must })}
                                                </span>
                                            </small>
                                        )}
                                    </button>
                                </li>
                            );
                        })}
                        <li>
                            <button
                                type="button"
                                aria-current={here === last ? "page" : undefined}
                                onClick={() => go(last)}
                            >
                                {t("Review")}
                            </button>
                        </li>
                    </ol>
                </nav>
            )}
            <div class="sheet-form" ref={body} onKeyDown={onKeyDown}>
                {page ? (
                    <div class="items" key={here}>
                        {page.map((path, i) => (
                            <Item
                                key={path}
                                f={f}
                                path={path}
                                depth={0}
                                next={page[i + 1]}
                                before={page[i - 1]}
                            />
                        ))}
                    </div>
                ) : (
                    <Summary f={f} pages={pages} errors={errors} go={goTo} />
                )}
                {short && errors && errors.length > 0 && (
                    <p class="error" role="alert">
                        {tn("{n} answers need to be looked at", errors.length)}
                    </p>
                )}
                {failure && (
                    <Trouble
                        what={t("It could not be finished; what you typed is kept here.")}
                        failure={failure}
                        retry={finish}
                    />
                )}
                <p class="steps">
                    {here > 0 && (
                        <button type="button" onClick={() => go(here - 1)}>
                            {t("Back")}
                        </button>
                    )}
                    {here < last && !short && (
                        <button type="button" class="main" onClick={() => go(here + 1)}>
                            {here + 1 === last ? t("Review") : t("Next page")}
                        </button>
                    )}
                    {(here === last || short) && (
                        <button
                            type="button"
                            class="main"
                            id="finish"
                            disabled={finishing}
                            onClick={() => void finish()}
                        >
                            {t("Save and finish")}
                        </button>
                    )}
                </p>
            </div>
        </>
    );
}

function why(error: unknown): { failure: Failure; text: string } {
    if (error instanceof NoCore)
        return { failure: new Failure("broken"), text: t("This build has no form engine.") };
    if (error instanceof Refused)
        return {
            failure: new Failure("refused", 0, error.message),
            text: t("The form could not be opened."),
        };
    return { failure: asFailure(error), text: t("The form could not be opened.") };
}

export function FormPage(props: {
    patient: string;
    response: string | undefined;
    canonical: string;
    back: string;
}) {
    const [f, setFilling] = useState<Filling>();
    const [error, setError] = useState<unknown>();
    const [attempt, setAttempt] = useState(0);
    useEffect(() => {
        let mine: Filling | undefined;
        let left = false;
        const opening = props.response
            ? Filling.resume(props.response, props.back)
            : Filling.begin(props.patient, props.canonical, props.back);
        setError(undefined);
        opening.then(
            (opened) => {
                mine = opened;
                if (left) return opened.close();
                // The address now names this response: a reload goes on with it.
                const at = `#/Patient/${opened.draft.patient}/form/${opened.draft.id}`;
                const back = props.back ? `?back=${encodeURIComponent(props.back)}` : "";
                history.replaceState(null, "", at + back);
                setFilling(opened);
            },
            (reason: unknown) => !left && setError(reason),
        );
        return () => {
            left = true;
            mine?.close();
        };
    }, [attempt]);
    const title = f?.title.value ?? "";
    const person = f ? personName(f.draft) : undefined;
    useEffect(() => {
        document.title = [title, person ? mainName(person) : "", "Rihla"]
            .filter(Boolean)
            .join(" – ");
    }, [title]);
    if (error !== undefined) {
        const { failure, text } = why(error);
        return (
            <main class="form">
                <h1 tabIndex={-1}>{t("Form")}</h1>
                <Trouble what={text} failure={failure} retry={() => setAttempt(attempt + 1)} />
                <p>
                    <a href={`#/Patient/${props.patient}`}>{t("Back to the record")}</a>
                </p>
            </main>
        );
    }
    if (!f || !person)
        return (
            <main class="form">
                <p class="loading" role="status">
                    {t("Loading…")}
                </p>
            </main>
        );
    return (
        <main class="form">
            <div class="form-head">
                <Person person={person} id={f.draft.patient} />
                <h1 dir="auto">{title}</h1>
                <State f={f} />
            </div>
            <Filled f={f} />
            <Keys />
        </main>
    );
}
