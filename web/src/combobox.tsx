// SPDX-License-Identifier: GPL-3.0-or-later
// combobox.tsx - choose one of many by typing a part of its name (ARIA 1.2, list autocomplete).
//
// Keys: typing narrows the list; arrows move in it; Enter or Tab takes what is marked; Escape closes
// the list, and a second time brings back what was chosen before.
import { useEffect, useRef, useState } from "preact/hooks";
import { t, tn } from "./text";

export interface Choice {
    text: string;
    /** Other words to find it by: its code, its name in another language. */
    also?: string;
    disabled?: boolean;
}

const SHOWN = 60; // rows of the list; who sees so many types another letter

/** Letters without marks and case, so that "etat" finds "État" and "ا" finds "أ". */
const plain = (text: string): string =>
    text
        .normalize("NFKD")
        .replace(/\p{M}/gu, "")
        .replace(/[أإآٱ]/g, "ا")
        .replace(/ى/g, "ي")
        .toLowerCase();

/** What is called just so, then what begins with the words, then what only contains them. */
function rank(one: { key: string; other: string }, wanted: string): number {
    const others = one.other.split(" ");
    if (one.key === wanted || others.includes(wanted)) return 3;
    if (one.key.startsWith(wanted)) return 2;
    return others.some((word) => word.startsWith(wanted)) ? 1 : 0;
}

export function Combobox(props: {
    id: string;
    choices: Choice[];
    chosen: string;
    /** A text that is none of the choices may be an answer, too. */
    open: boolean;
    disabled?: boolean;
    describedBy?: string;
    invalid?: boolean;
    required?: boolean;
    pick: (at: number) => void;
    write: (text: string) => void;
    clear: () => void;
    leave?: () => void;
}) {
    const [typed, setTyped] = useState<string | undefined>(undefined);
    const [shown, setShown] = useState(false);
    const [marked, setMarked] = useState(0);
    const list = useRef<HTMLUListElement>(null);
    const text = typed ?? props.chosen;
    const wanted = plain(typed ?? "");
    const rows = props.choices
        .map((one, at) => ({ ...one, at, key: plain(one.text), other: plain(one.also ?? "") }))
        .filter(
            (one) =>
                !one.disabled &&
                (!wanted || one.key.includes(wanted) || one.other.includes(wanted)),
        )
        .sort((a, b) => (wanted ? rank(b, wanted) - rank(a, wanted) : 0));
    const visible = rows.slice(0, SHOWN);
    const mark = Math.min(marked, visible.length - 1);

    useEffect(() => {
        list.current?.querySelector('[aria-selected="true"]')?.scrollIntoView({ block: "nearest" });
    }, [mark, shown]);

    const take = (at: number | undefined): void => {
        setShown(false);
        setTyped(undefined);
        if (at !== undefined) props.pick(at);
    };
    /** What is left in the field becomes the answer, or what was chosen comes back. */
    const settle = (): void => {
        if (typed === undefined) return;
        const exact = rows.find((one) => one.key === wanted);
        if (!typed.trim()) {
            take(undefined);
            props.clear();
        } else if (exact) take(exact.at);
        else if (props.open) {
            take(undefined);
            props.write(typed.trim());
        } else if (rows.length === 1) take(rows[0]?.at);
        else take(undefined);
    };
    const onKeyDown = (event: KeyboardEvent): void => {
        if (event.isComposing) return;
        if (event.key === "ArrowDown" || event.key === "ArrowUp") {
            event.preventDefault();
            if (!shown) {
                setShown(true);
                setMarked(0);
            } else {
                const step = event.key === "ArrowDown" ? 1 : -1;
                setMarked((mark + step + visible.length) % Math.max(visible.length, 1));
            }
        } else if (event.key === "Enter" && shown && visible[mark] && (typed || marked >= 0)) {
            event.preventDefault();
            event.stopPropagation();
            // A text of one's own is not replaced by a row that only contains it.
            if (props.open && typed && visible[mark]?.key !== wanted && marked === 0) settle();
            else take(visible[mark]?.at);
        } else if (event.key === "Enter" && typed !== undefined) {
            event.preventDefault();
            event.stopPropagation();
            settle();
        } else if (event.key === "Escape" && (shown || typed !== undefined)) {
            event.preventDefault();
            event.stopPropagation();
            if (shown) setShown(false);
            else setTyped(undefined);
        }
    };
    return (
        <div class="combobox">
            <input
                id={props.id}
                type="text"
                role="combobox"
                dir="auto"
                autocomplete="off"
                autocapitalize="off"
                spellcheck={false}
                disabled={props.disabled}
                aria-expanded={shown}
                aria-autocomplete="list"
                aria-controls={`${props.id}-list`}
                aria-activedescendant={
                    shown && visible[mark] ? `${props.id}-${visible[mark]?.at}` : undefined
                }
                aria-describedby={props.describedBy}
                aria-invalid={props.invalid || undefined}
                aria-required={props.required || undefined}
                value={text}
                onInput={(event) => {
                    setTyped(event.currentTarget.value);
                    setMarked(0);
                    setShown(true);
                }}
                onClick={() => setShown(true)}
                onKeyDown={onKeyDown}
                onBlur={() => {
                    settle();
                    setShown(false);
                    props.leave?.();
                }}
            />
            <ul
                id={`${props.id}-list`}
                ref={list}
                role="listbox"
                aria-label={t("Choices")}
                hidden={!shown}
            >
                {shown &&
                    visible.map((one, i) => (
                        <li
                            key={one.at}
                            id={`${props.id}-${one.at}`}
                            role="option"
                            dir="auto"
                            aria-selected={i === mark}
                            onMouseDown={(event) => {
                                event.preventDefault(); // the field keeps the focus
                                take(one.at);
                            }}
                        >
                            {one.text}
                        </li>
                    ))}
            </ul>
            {shown && rows.length !== visible.length && (
                <p class="hint">{tn("and {n} more", rows.length - visible.length)}</p>
            )}
            {shown && rows.length === 0 && (
                <p class="hint" role="status">
                    {props.open ? t("Not in the list: it is kept as typed") : t("Nothing found")}
                </p>
            )}
        </div>
    );
}
