// SPDX-License-Identifier: GPL-3.0-or-later
// controls.tsx - the field of a question: yes/no, choices, text, numbers, dates, files.
import { useRef } from "preact/hooks";
import {
    fieldText,
    same,
    typedAnswer,
    typedDate,
    typedDateTime,
    unitName,
    unitsOf,
    valueOf,
    words,
} from "./answers";
import { Combobox } from "./combobox";
import type { Fields, Node, Option } from "./core";
import { dateTime } from "./dates";
import { count, digits, number } from "./exact";
import { stamp, today, type Filling } from "./fill";
import { englishName, t } from "./text";

const RADIOS_MAX = 9; // more choices than this are a list to type in
const FILE_BYTES_MAX = 5 << 20;

export interface Field {
    f: Filling;
    node: Node;
    id: string;
    /** The id of the words that name the question. */
    label: string;
    describedBy: string | undefined;
    invalid: boolean;
}

const zone = (): string => stamp().slice(19);

const set = (p: Field, answer: Fields[]): void => void p.f.answer(p.node.path, answer);

/** The options, and for yes/no those two. */
export function optionsOf(node: Node): Option[] {
    if (node.options?.length) return node.options;
    if (node.type !== "boolean") return [];
    return [
        { value: { valueBoolean: true }, text: t("yes") },
        { value: { valueBoolean: false }, text: t("no") },
    ];
}

export const asButtons = (node: Node): boolean => {
    const n = optionsOf(node).length;
    if (node.openChoice || n === 0) return false;
    const control = node.control ?? "";
    if (/radio|check/.test(control)) return true;
    if (/drop-down|autocomplete|lookup|select/.test(control)) return false;
    return n <= RADIOS_MAX;
};

/** What a key does in a question of choices: 1…9, and the first letters of yes and no. */
export function optionOfKey(node: Node, key: string): Option | undefined {
    const options = optionsOf(node);
    if (/^[1-9]$/.test(key)) return options[Number(key) - 1];
    const arabic = key.charCodeAt(0) - 0x660;
    if (key.length === 1 && arabic >= 1 && arabic <= 9) return options[arabic - 1];
    if (node.type !== "boolean") return undefined;
    const letter = key.toLowerCase();
    if (letter === "y" || letter === t("yes").charAt(0).toLowerCase()) return options[0];
    if (letter === "n" || letter === t("no").charAt(0).toLowerCase()) return options[1];
    return undefined;
}

/** Chooses as a click would: one of several, or one more of them. */
export function choose(f: Filling, node: Node, option: Option): void {
    const before = (node.answer ?? []).filter((one) => valueOf(one));
    if (!node.repeats || node.type === "boolean") return void f.answer(node.path, [option.value]);
    const had = before.some((one) => same(one, option.value));
    if (had)
        return void f.answer(
            node.path,
            before.filter((one) => !same(one, option.value)),
        );
    const exclusive = (one: Fields): boolean =>
        (node.options ?? []).some((o) => o.exclusive && same(o.value, one));
    void f.answer(
        node.path,
        option.exclusive
            ? [option.value]
            : [...before.filter((one) => !exclusive(one)), option.value],
    );
}

function Buttons(p: Field) {
    const { node, f } = p;
    const many = Boolean(node.repeats) && node.type !== "boolean";
    return (
        <div
            class={optionsOf(node).some((one) => one.text.length > 24) ? "choices long" : "choices"}
            role={many ? "group" : "radiogroup"}
            aria-labelledby={p.label}
            aria-describedby={p.describedBy}
            aria-required={(!many && node.required) || undefined}
            aria-invalid={(!many && p.invalid) || undefined}
        >
            {optionsOf(node).map((one, i) => (
                <label class="choice" key={i}>
                    <input
                        type={many ? "checkbox" : "radio"}
                        id={i === 0 ? p.id : undefined}
                        name={p.id}
                        checked={(node.answer ?? []).some((a) => same(a, one.value))}
                        disabled={one.disabled || node.readOnly}
                        aria-describedby={many ? p.describedBy : undefined}
                        onClick={(event) => {
                            // A chosen radio that is chosen again is taken back.
                            if (many || !(node.answer ?? []).some((a) => same(a, one.value)))
                                return;
                            if (event.detail > 0) set(p, []);
                        }}
                        onChange={() => choose(f, node, one)}
                    />
                    <span dir="auto">{one.text}</span>
                </label>
            ))}
        </div>
    );
}

/** The name of a code in the form's own language, and the code, for who types those. */
function otherWords(option: Option): string {
    const c = valueOf(option.value)?.[1] as
        { system?: string; display?: string; code?: string } | undefined;
    if (!c || typeof c !== "object") return "";
    const land = /iso:3166/.test(c.system ?? "") ? englishName("region", c.code ?? "") : "";
    return [c.display, land, c.code].filter(Boolean).join(" ");
}

function OneOfMany(p: Field) {
    const { node } = p;
    const options = optionsOf(node);
    const answers = (node.answer ?? []).filter((one) => valueOf(one));
    const many = Boolean(node.repeats);
    const add = (answer: Fields): void =>
        set(p, many ? [...answers.filter((one) => !same(one, answer)), answer] : [answer]);
    return (
        <>
            {many && answers.length > 0 && (
                <ul class="chosen">
                    {answers.map((one) => (
                        <li>
                            <bdi>{words(one, options)}</bdi>
                            <button
                                type="button"
                                class="small"
                                disabled={node.readOnly}
                                onClick={() =>
                                    set(
                                        p,
                                        answers.filter((other) => other !== one),
                                    )
                                }
                            >
                                {t("Remove")}
                                <span class="hidden"> {words(one, options)}</span>
                            </button>
                        </li>
                    ))}
                </ul>
            )}
            <Combobox
                id={p.id}
                choices={options.map((one) => ({
                    text: one.text,
                    also: otherWords(one),
                    ...(one.disabled ? { disabled: true } : {}),
                }))}
                chosen={many || !answers[0] ? "" : words(answers[0], options)}
                open={Boolean(node.openChoice)}
                disabled={Boolean(node.readOnly)}
                {...(p.describedBy ? { describedBy: p.describedBy } : {})}
                invalid={p.invalid}
                required={Boolean(node.required)}
                pick={(at) => options[at] && add((options[at] as Option).value)}
                write={(text) => add({ valueString: text })}
                clear={() => !many && set(p, [])}
                leave={() => p.f.touch(node.path)}
            />
        </>
    );
}

const PLACEHOLDER: Record<string, string> = {
    date: "2026-11-24",
    dateTime: "2026-11-24 10:30",
    time: "10:30",
};

/** One line or several; `at` is which answer of a question that repeats. */
function Text(p: Field & { at: number }) {
    const { node, f, at } = p;
    const answers = node.answer ?? [];
    const answer = answers[at];
    const id = at === 0 ? p.id : `${p.id}-${at}`;
    const key = at === 0 ? node.path : `${node.path} ${at}`; // of what is typed and no answer
    const typed = f.typed(key).value;
    const units = unitsOf(node);
    const quantity = valueOf(answer)?.[1] as Fields | undefined;
    const unit =
        node.type === "quantity"
            ? (units.find((one) => quantity?.code && one.code === quantity.code) ??
              units.find((one) => quantity?.unit && unitName(one) === quantity.unit) ??
              units[0])
            : undefined;
    const numeric = ["integer", "decimal", "quantity"].includes(node.type);
    const dated = ["date", "dateTime", "time"].includes(node.type);

    const put = (one: Fields | undefined): void => {
        const all = [...answers];
        if (one) all[at] = one;
        else all.splice(at, 1);
        set(p, all.filter(Boolean));
    };
    const onText = (text: string): void => {
        if (text.trim() === "") {
            f.type(key, undefined);
            if (answer) put(undefined);
            return;
        }
        const made = typedAnswer(node, text, unit, zone());
        if (made) {
            f.type(key, dated || numeric ? text : undefined);
            put(made);
        } else {
            f.type(key, text);
            if (answer && valueOf(answer)) put(undefined);
        }
    };
    const onLeave = (): void => {
        f.touch(node.path);
        // What was understood is shown as it was understood.
        if (typed !== undefined && typedAnswer(node, typed, unit, zone())) f.type(key, undefined);
    };
    const shared = {
        id,
        value: typed ?? fieldText(answer),
        readOnly: node.readOnly,
        maxLength: count(node.maxLength) || undefined,
        "aria-labelledby": at === 0 ? undefined : p.label,
        "aria-describedby": p.describedBy,
        "aria-invalid": p.invalid || undefined,
        "aria-required": node.required || undefined,
        onBlur: onLeave,
    };
    const understood = dated && typed !== undefined && answer ? words(answer) : "";
    return (
        <div class="text-line">
            {node.type === "text" || node.control === "text-area" ? (
                <textarea
                    {...shared}
                    dir="auto"
                    rows={3}
                    onInput={(event) => onText(event.currentTarget.value)}
                />
            ) : (
                <input
                    {...shared}
                    type="text"
                    class={numeric || dated ? "short" : undefined}
                    dir={numeric || dated || node.type === "url" ? "ltr" : "auto"}
                    inputMode={
                        node.type === "integer" || node.type === "date"
                            ? "numeric"
                            : numeric
                              ? "decimal"
                              : node.type === "url"
                                ? "url"
                                : undefined
                    }
                    autocomplete="off"
                    placeholder={node.entryFormat ?? PLACEHOLDER[node.type]}
                    onInput={(event) => onText(event.currentTarget.value)}
                    onKeyDown={(event) => {
                        // "t" is today (or now) in a field of a date.
                        if (!dated || event.currentTarget.value || !/^[tا.]$/i.test(event.key))
                            return;
                        event.preventDefault();
                        const now = stamp();
                        f.type(key, undefined);
                        put(
                            node.type === "date"
                                ? { valueDate: today() }
                                : node.type === "time"
                                  ? { valueTime: now.slice(11, 19) }
                                  : { valueDateTime: now },
                        );
                    }}
                />
            )}
            {node.type === "quantity" && units.length === 1 && (
                <bdi class="unit" dir="ltr">
                    {unitName(units[0])}
                </bdi>
            )}
            {node.type !== "quantity" && node.unit && (
                <bdi class="unit" dir="ltr">
                    {typeof node.unit === "string" ? node.unit : unitName(node.unit)}
                </bdi>
            )}
            {node.type === "quantity" && units.length > 1 && (
                <select
                    aria-label={t("Unit")}
                    value={String(units.indexOf(unit ?? {}))}
                    disabled={node.readOnly}
                    onChange={(event) => {
                        const next = units[Number(event.currentTarget.value)];
                        const made = typedAnswer(node, typed ?? fieldText(answer), next, zone());
                        if (made) put(made);
                    }}
                >
                    {units.map((one, i) => (
                        <option value={String(i)}>{unitName(one)}</option>
                    ))}
                </select>
            )}
            {understood && understood !== typed && (
                <span class="hint" aria-live="polite">
                    {understood}
                </span>
            )}
            {at > 0 && !node.readOnly && (
                <button
                    type="button"
                    class="small"
                    onClick={() => {
                        f.type(key, undefined);
                        put(undefined);
                    }}
                >
                    {t("Remove")}
                </button>
            )}
        </div>
    );
}

/** Text fields, one for each answer of a question that repeats and an empty one behind them. */
function Texts(p: Field) {
    const { node } = p;
    const answers = (node.answer ?? []).filter((one) => valueOf(one));
    const rows = node.repeats && !node.readOnly ? Math.max(1, answers.length + 1) : 1;
    return (
        <>
            {Array.from({ length: rows }, (_, at) => (
                <Text key={at} {...p} at={at} />
            ))}
        </>
    );
}

function Slider(p: Field) {
    const { node } = p;
    const value = fieldText(node.answer?.[0]);
    const low = count(node.min);
    const high = digits(node.max) ? count(node.max) : 100;
    return (
        <div class="text-line">
            <input
                id={p.id}
                type="range"
                min={low}
                max={high}
                step={node.type === "decimal" ? "any" : 1}
                disabled={node.readOnly}
                value={value || String(low)}
                aria-valuetext={value || t("not answered")}
                aria-describedby={p.describedBy}
                onInput={(event) => {
                    const name = node.type === "decimal" ? "valueDecimal" : "valueInteger";
                    set(p, [{ [name]: number(event.currentTarget.value) }]);
                }}
            />
            <output for={p.id}>{value || "–"}</output>
        </div>
    );
}

const base64 = (bytes: Uint8Array): string => {
    let text = "";
    for (let i = 0; i < bytes.length; i += 8192)
        text += String.fromCharCode(...bytes.subarray(i, i + 8192));
    return btoa(text);
};

function File(p: Field) {
    const { node, f } = p;
    const field = useRef<HTMLInputElement>(null);
    const answer = node.answer?.[0];
    const take = async (file: globalThis.File): Promise<void> => {
        if (file.size > FILE_BYTES_MAX) {
            f.problem.value = t("The file is larger than {n} MB.", { n: FILE_BYTES_MAX >> 20 });
            return;
        }
        const data = base64(new Uint8Array(await file.arrayBuffer()));
        set(p, [
            {
                valueAttachment: {
                    contentType: file.type || "application/octet-stream",
                    data,
                    size: number(String(file.size)),
                    title: file.name,
                },
            },
        ]);
    };
    return (
        <div class="text-line">
            <input
                id={p.id}
                ref={field}
                type="file"
                disabled={node.readOnly}
                aria-describedby={p.describedBy}
                onChange={(event) => {
                    const file = event.currentTarget.files?.[0];
                    if (file) void take(file);
                }}
            />
            {answer && valueOf(answer) && (
                <>
                    <bdi>{words(answer)}</bdi>
                    <button
                        type="button"
                        class="small"
                        onClick={() => {
                            if (field.current) field.current.value = "";
                            set(p, []);
                        }}
                    >
                        {t("Remove")}
                    </button>
                </>
            )}
        </div>
    );
}

/** A value that nobody types: calculated, or filled in from the record. */
function Shown(p: Field) {
    const { node } = p;
    const all = (node.answer ?? []).map((one) => words(one, optionsOf(node))).filter(Boolean);
    return (
        <output id={p.id} aria-labelledby={p.label} aria-describedby={p.describedBy} class="shown">
            {all.length ? <bdi>{all.join(t(", "))}</bdi> : <span class="unknown">–</span>}
            {all.length > 0 && node.type !== "quantity" && node.unit && (
                <bdi class="unit" dir="ltr">
                    {" "}
                    {typeof node.unit === "string" ? node.unit : unitName(node.unit)}
                </bdi>
            )}
        </output>
    );
}

/** Whether the field is one with a `for` of its label, or names itself. */
export const namesItself = (node: Node): boolean => asButtons(node) || Boolean(node.readOnly);

export function Control(p: Field) {
    const { node } = p;
    if (node.readOnly) return <Shown {...p} />;
    if (asButtons(node)) return <Buttons {...p} />;
    if (optionsOf(node).length || node.openChoice) return <OneOfMany {...p} />;
    if (node.type === "attachment") return <File {...p} />;
    if (node.control === "slider" && ["integer", "decimal"].includes(node.type))
        return <Slider {...p} />;
    return <Texts {...p} />;
}

/** "2026-13" and the like: typed, and no answer; which question it is in and what is wanted. */
export function notUnderstood(node: Node, typed: string | undefined): string {
    if (typed === undefined || typed.trim() === "") return "";
    switch (node.type) {
        case "integer":
            return typedAnswer(node, typed, undefined, "") ? "" : t("This is not a whole number.");
        case "decimal":
        case "quantity":
            return typedAnswer(node, typed, undefined, "") ? "" : t("This is not a number.");
        case "date":
            return typedDate(typed)
                ? ""
                : t("This is not a date. Write it like {example}.", { example: "2026-11-24" });
        case "dateTime":
            return typedDateTime(typed, "Z")
                ? ""
                : t("This is not a date. Write it like {example}.", {
                      example: "2026-11-24 10:30",
                  });
        case "time":
            return typedAnswer(node, typed, undefined, "")
                ? ""
                : t("This is not a time. Write it like {example}.", { example: "10:30" });
        default:
            return "";
    }
}

export const limits = (node: Node): string => {
    const shown = (value: unknown): string =>
        digits(value) || (typeof value === "string" ? dateTime(value) : "");
    const low = shown(node.min);
    const high = shown(node.max);
    if (low && high) return `${low}–${high}`;
    if (low) return t("at least {n}", { n: low });
    return high ? t("at most {n}", { n: high }) : "";
};
