// SPDX-License-Identifier: GPL-3.0-or-later
// item.tsx - one item of a form: its words, its field, its help, what is wrong, why it has no answer.
//
// Each item is drawn again only when its own node changes. Words, help and errors are tied to the
// field by ids (aria-labelledby, aria-describedby), so that a screen reader says them in the field.
import { useState } from "preact/hooks";
import {
    absence,
    absent,
    ABSENCES,
    fromRecord,
    isBulk,
    same,
    valueOf,
    type Absence,
} from "./answers";
import {
    asButtons,
    choose,
    Control,
    limits,
    namesItself,
    notUnderstood,
    optionOfKey,
    optionsOf,
} from "./controls";
import type { Fields, Node } from "./core";
import { date } from "./dates";
import type { Filling } from "./fill";
import { t, type Msg } from "./text";

/** Text with empty lines between paragraphs and "- " before points; nothing of it is markup. */
export function Prose({ text }: { text: string }) {
    return (
        <>
            {text.split(/\n\s*\n/).map((part) => {
                const lines = part.split("\n").filter((one) => one.trim());
                return lines.length && lines.every((one) => /^\s*[-*] /.test(one)) ? (
                    <ul class="points">
                        {lines.map((one) => (
                            <li>{one.replace(/^\s*[-*] /, "").replace(/\*\*/g, "")}</li>
                        ))}
                    </ul>
                ) : (
                    <p>{part.replace(/\*\*/g, "")}</p>
                );
            })}
        </>
    );
}

function Help({ node, id }: { node: Node; id: string }) {
    const help = node.help ?? {};
    const rows = [
        [t("Why it is asked"), help.why],
        [t("How to do it"), help.how],
        [t("Red flags"), help.redFlags],
        [t("What to tell the person"), help.tell],
    ] as const;
    return (
        <div class="help-text" id={`${id}-help`}>
            {rows.map(
                ([title, text]) =>
                    text && (
                        <>
                            <h4>{title}</h4>
                            <Prose text={text} />
                        </>
                    ),
            )}
        </div>
    );
}

const ABSENT_WORDS: Record<Absence, Msg> = {
    "asked-unknown": "not known, asked",
    "asked-declined": "refused",
    "not-applicable": "not applicable",
};

/** Unknown, refused, does not apply: chosen and taken back here, with the reason. */
function Absent({ f, node, id }: { f: Filling; node: Node; id: string }) {
    const gone = absence(node.answer?.[0]);
    const put = (code: Absence, why: string): void => void f.answer(node.path, [absent(code, why)]);
    return (
        <div class="absent" role="group" aria-label={t("No answer")} id={`${id}-absent`}>
            {ABSENCES.map((code) => (
                <label class="choice">
                    <input
                        type="radio"
                        name={`${id}-absent`}
                        checked={gone?.code === code}
                        onChange={() => put(code, gone?.why ?? "")}
                    />
                    <span>{t(ABSENT_WORDS[code])}</span>
                </label>
            ))}
            {gone && (
                <>
                    <input
                        type="text"
                        dir="auto"
                        class="why"
                        aria-label={t("Reason")}
                        placeholder={t("Reason")}
                        value={gone.why}
                        onInput={(event) => put(gone.code as Absence, event.currentTarget.value)}
                    />
                    <button
                        type="button"
                        class="small"
                        onClick={() => void f.answer(node.path, [])}
                    >
                        {t("Answer it after all")}
                    </button>
                </>
            )}
        </div>
    );
}

const isDisplay = (node: Node): boolean => node.type === "display";

/** Displays that belong to the question above: prompts, units, hints. */
const isHint = (node: Node): boolean =>
    isDisplay(node) &&
    /^(help|prompt|instructions?|security|unit|lower|upper)$/.test(
        node.displayCategory ?? node.control ?? "",
    );

const faultsOf = (f: Filling, node: Node): string[] => f.faults.value.get(node.path) ?? [];

/** "from the record, 24 Nov 2026" of an answer that nobody gave here. */
function whence(node: Node): string {
    const known = fromRecord(node.answer?.[0]);
    if (known === undefined) return "";
    return known ? t("from the record, {date}", { date: date(known) }) : t("from the record");
}

function Question({ f, node }: { f: Filling; node: Node }) {
    const [helping, setHelping] = useState(false);
    const [absenting, setAbsenting] = useState(false);
    const id = f.id(node.path);
    const gone = absence(node.answer?.[0]);
    const typed = f.typed(node.path).value;
    const shown = f.touched.value.has(node.path);
    const broken = notUnderstood(node, typed);
    const faults = broken ? [broken] : [...(node.errors ?? []), ...faultsOf(f, node)];
    const errors = shown ? [...new Set(faults)] : [];
    const hints = f
        .children(node.path)
        .value.map((path) => f.node(path).value)
        .filter((one): one is Node => Boolean(one && isHint(one) && one.enabled));
    // What is said small beneath the field: limits, hints, where the answer came from.
    const said = [
        limits(node),
        ...hints.map((one) => one.text ?? ""),
        isBulk(node.answer?.[0]) ? t("filled in together") : "",
        whence(node),
    ].filter(Boolean);
    const describedBy =
        [
            errors.length ? `${id}-error` : "",
            said.length ? `${id}-hint` : "",
            node.warnings?.length ? `${id}-warning` : "",
            gone ? `${id}-absent` : "",
        ]
            .filter(Boolean)
            .join(" ") || undefined;
    const own = namesItself(node);
    const Label = own ? "span" : "label";
    const hasHelp = node.help && Object.keys(node.help).length > 0;

    const onKeyDown = (event: KeyboardEvent): void => {
        if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
        const at = event.target as HTMLInputElement;
        if (at.closest(".absent")) return;
        const writing =
            at.matches("textarea, select") ||
            (at.matches("input") && !["radio", "checkbox"].includes(at.type));
        if (writing) return;
        if (event.key === "?" && hasHelp) {
            event.preventDefault();
            setHelping(!helping);
        } else if (at.matches("input") && asButtons(node)) {
            const option = optionOfKey(node, event.key);
            if (option && !option.disabled) {
                event.preventDefault();
                choose(f, node, option);
                const index = optionsOf(node).indexOf(option);
                const all = at.closest(".choices")?.querySelectorAll("input");
                all?.[index]?.focus();
            } else if (event.key === "Delete" || event.key === "Backspace") {
                event.preventDefault();
                void f.answer(node.path, []);
            }
        }
    };
    return (
        <div
            class={`q${errors.length ? " wrong" : ""}${gone ? " gone" : ""}`}
            data-path={node.path}
            data-link={node.linkId}
            onKeyDown={onKeyDown}
        >
            <div class="q-head">
                <Label id={`${id}-label`} class="q-label" {...(own ? {} : { for: id })} dir="auto">
                    {node.prefix && <span class="prefix">{node.prefix} </span>}
                    {node.text ?? node.linkId}
                    {node.required && (
                        <span class="must">
                            {" "}
                            <span aria-hidden="true">*</span>
                            <span class="hidden">{t("required")}</span>
                        </span>
                    )}
                </Label>
                <span class="q-tools">
                    {node.calculated && !node.readOnly && (
                        <span class="badge">
                            {node.overridden ? t("changed by hand") : t("calculated")}
                        </span>
                    )}
                    {!node.readOnly && (
                        <button
                            type="button"
                            class="tool"
                            aria-expanded={absenting || Boolean(gone)}
                            aria-label={`${t("No answer")}: ${node.text ?? node.linkId}`}
                            title={t("Unknown, refused, does not apply")}
                            onClick={() => setAbsenting(!absenting)}
                        >
                            ∅
                        </button>
                    )}
                    {hasHelp && (
                        <button
                            type="button"
                            class="tool"
                            aria-expanded={helping}
                            aria-controls={`${id}-help`}
                            aria-label={`${t("Help")}: ${node.text ?? node.linkId}`}
                            title={t("Help")}
                            onClick={() => setHelping(!helping)}
                        >
                            ?
                        </button>
                    )}
                </span>
            </div>
            <div class="q-field">
                {!gone && (
                    <Control
                        f={f}
                        node={node}
                        id={id}
                        label={`${id}-label`}
                        describedBy={describedBy}
                        invalid={errors.length > 0}
                    />
                )}
                {(absenting || gone) && !node.readOnly && <Absent f={f} node={node} id={id} />}
            </div>
            {said.length > 0 && (
                <p class="hint" id={`${id}-hint`}>
                    {said.map((one, i) => (
                        <>
                            {i > 0 && " · "}
                            <bdi>{one}</bdi>
                        </>
                    ))}
                </p>
            )}
            {errors.length > 0 && (
                <p class="error" id={`${id}-error`} role="alert">
                    <span aria-hidden="true">▲ </span>
                    {errors.join(" ")}
                </p>
            )}
            {(node.warnings ?? []).length > 0 && (
                <p class="hint warning" id={`${id}-warning`} role="status">
                    <span aria-hidden="true">△ </span>
                    {(node.warnings ?? []).join(" ")}
                </p>
            )}
            {node.optionsUnknown && !node.readOnly && (
                <p class="hint">{t("The choices are not loaded here.")}</p>
            )}
            {helping && <Help node={node} id={id} />}
            <Items f={f} path={node.path} skipHints />
        </div>
    );
}

const ALIKE = 3; // so many questions with the same usual answer make a part that is answered at once

/** The answer that "all others" gives: what most questions below have as their first choice. */
export function bulkAnswer(f: Filling, path: string): { answer: Fields; text: string } | undefined {
    const counts: { answer: Fields; text: string; n: number; open: number }[] = [];
    for (const one of f.asked(path)) {
        if (one.askEach || one.readOnly || one.calculated || one.repeats) continue;
        // For yes/no the answer of "all others" is no; elsewhere it is the first choice.
        const option = optionsOf(one)[one.type === "boolean" ? 1 : 0];
        if (!option) continue;
        let row = counts.find((other) => same(other.answer, option.value));
        if (!row) counts.push((row = { answer: option.value, text: option.text, n: 0, open: 0 }));
        row.n++;
        if (!one.answer?.length) row.open++;
    }
    const most = counts.sort((a, b) => b.n - a.n)[0];
    return most && most.n >= ALIKE && most.open > 0 ? most : undefined;
}

function BulkButton({ f, node }: { f: Filling; node: Node }) {
    const rest = bulkAnswer(f, node.path);
    if (!rest) return null;
    return (
        <button
            type="button"
            class="bulk"
            data-bulk={node.path}
            onClick={() => void f.bulk(node.path, rest.answer)}
        >
            {t("All others: {answer}", { answer: rest.text })} <kbd>*</kbd>
        </button>
    );
}

function Group({ f, node, depth }: { f: Filling; node: Node; depth: number }) {
    const id = f.id(node.path);
    const Heading = (["h2", "h3", "h4", "h5"] as const)[Math.min(depth, 3)] ?? "h5";
    const [helping, setHelping] = useState(false);
    const hasHelp = node.help && Object.keys(node.help).length > 0;
    const faults = [...new Set([...(node.errors ?? []), ...faultsOf(f, node)])];
    const onKeyDown = (event: KeyboardEvent): void => {
        const at = event.target as HTMLInputElement;
        if (event.key !== "*" || !node.bulk || event.defaultPrevented) return;
        if (!at.matches("input[type=radio], input[type=checkbox], button")) return;
        const rest = bulkAnswer(f, node.path);
        if (!rest) return;
        event.preventDefault();
        void f.bulk(node.path, rest.answer);
    };
    return (
        <div
            class={`group depth-${Math.min(depth, 3)}`}
            role="group"
            aria-labelledby={node.text ? `${id}-label` : undefined}
            data-path={node.path}
            data-link={node.linkId}
            onKeyDown={onKeyDown}
        >
            {(node.text || hasHelp) && (
                <div class="q-head">
                    <Heading id={`${id}-label`} tabIndex={-1} dir="auto">
                        {node.prefix && <span class="prefix">{node.prefix} </span>}
                        {node.text}
                    </Heading>
                    {hasHelp && (
                        <button
                            type="button"
                            class="tool"
                            aria-expanded={helping}
                            aria-label={`${t("Help")}: ${node.text ?? ""}`}
                            title={t("Help")}
                            onClick={() => setHelping(!helping)}
                        >
                            ?
                        </button>
                    )}
                </div>
            )}
            {helping && <Help node={node} id={id} />}
            {faults.length > 0 && f.touched.value.has(node.path) && (
                <p class="error" role="alert">
                    <span aria-hidden="true">▲ </span>
                    {faults.join(" ")}
                </p>
            )}
            <Items f={f} path={node.path} depth={depth + 1} />
            {node.bulk && <BulkButton f={f} node={node} />}
        </div>
    );
}

function Repeat({
    f,
    node,
    last,
    alone,
}: {
    f: Filling;
    node: Node;
    last: boolean;
    alone: boolean;
}) {
    return (
        <div class="repeat-tools">
            {!(alone && !filled(f, node.path)) && (
                <button type="button" class="small" onClick={() => void f.remove(node.path)}>
                    {t("Remove")}
                    <span class="hidden"> {node.text}</span>
                </button>
            )}
            {last && (
                <button
                    type="button"
                    class="small"
                    onClick={(event) => {
                        const here = event.currentTarget.closest(".items");
                        void f.add(node.path).then(() =>
                            requestAnimationFrame(() => {
                                const all = here?.querySelectorAll<HTMLElement>(
                                    `:scope > .item > .group[data-link="${CSS.escape(node.linkId)}"]`,
                                );
                                all?.[all.length - 1]
                                    ?.querySelector<HTMLElement>("input, textarea, select")
                                    ?.focus();
                            }),
                        );
                    }}
                >
                    {t("Add another")}
                    <span class="hidden"> {node.text}</span>
                </button>
            )}
        </div>
    );
}

const filled = (f: Filling, path: string): boolean =>
    [...f.asked(path)].some((one) => (one.answer ?? []).some((a) => valueOf(a) || absence(a)));

export function Item({
    f,
    path,
    depth,
    next,
    before,
}: {
    f: Filling;
    path: string;
    depth: number;
    next: string | undefined;
    before: string | undefined;
}) {
    const node = f.node(path).value;
    if (!node || !node.enabled || node.hidden) return null;
    if (isDisplay(node))
        return (
            <div
                class={
                    /flag|warning|security/.test(node.displayCategory ?? "")
                        ? "display strong"
                        : "display"
                }
                dir="auto"
            >
                <Prose text={node.text ?? ""} />
            </div>
        );
    if (node.type !== "group") return <Question f={f} node={node} />;
    const sameItem = (other: string | undefined): boolean =>
        other !== undefined && f.node(other).value?.linkId === node.linkId;
    return (
        <div class="item">
            <Group f={f} node={node} depth={depth} />
            {node.repeats && !node.readOnly && (
                <Repeat
                    f={f}
                    node={node}
                    last={!sameItem(next)}
                    alone={!sameItem(next) && !sameItem(before)}
                />
            )}
        </div>
    );
}

/** What stands below a path, in order. */
export function Items({
    f,
    path,
    depth = 1,
    skipHints = false,
}: {
    f: Filling;
    path: string;
    depth?: number;
    skipHints?: boolean;
}) {
    const all = f.children(path).value.filter((one) => {
        const node = f.node(one).value;
        return node && !(skipHints && isHint(node));
    });
    if (all.length === 0) return null;
    return (
        <div class="items">
            {all.map((one, i) => (
                <Item
                    key={one}
                    f={f}
                    path={one}
                    depth={depth}
                    next={all[i + 1]}
                    before={all[i - 1]}
                />
            ))}
        </div>
    );
}
