// SPDX-License-Identifier: GPL-3.0-or-later
// exact.ts - JSON in which a number keeps its digits: 5.60 comes and goes as 5.60, never as 5.6.
//
// A number is a string here that begins with a mark nobody types (U+E000, of no script): digits()
// takes it off, number() puts it on.

const MARK = "\uE000";

export function parseExact(text: string): unknown {
    const quoted = text.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (part) =>
        part.startsWith('"') ? part : `"${MARK}${part}"`,
    );
    return JSON.parse(quoted);
}

export const printExact = (value: unknown): string =>
    JSON.stringify(value).replace(/"\uE000(-?\d[0-9.eE+-]*)"/g, "$1");

/** The digits of a number, or "" of anything else. */
export const digits = (value: unknown): string =>
    typeof value === "string" && value.startsWith(MARK)
        ? value.slice(1)
        : typeof value === "number"
          ? String(value)
          : "";

export const number = (text: string): string => MARK + text;

/** For counting and comparing only. */
export const count = (value: unknown): number => Number(digits(value) || 0);

/** "12,5", "١٢٫٥" and " 12.50 " are numbers as people type them; undefined: not one. */
export function typedNumber(text: string, whole: boolean): string | undefined {
    const plain = westernDigits(text)
        .replace(/[\s\u00a0\u202f]/g, "")
        .replace(/[,٫]/, ".")
        .replace(/^[−–]/, "-");
    const form = whole ? /^[+-]?\d{1,10}$/ : /^[+-]?(\d{1,18}\.?\d{0,18}|\.\d{1,18})$/;
    if (!form.test(plain)) return undefined;
    return plain
        .replace(/^\+/, "")
        .replace(/^(-?)0+(?=\d)/, "$1")
        .replace(/^(-?)\./, "$10.")
        .replace(/\.$/, "");
}

/** Arabic, Persian and Devanagari digits as 0-9. */
export const westernDigits = (text: string): string =>
    text.replace(/[\u0660-\u0669\u06f0-\u06f9\u0966-\u096f]/g, (one) => String(digitOf(one)));

function digitOf(one: string): number {
    const at = one.codePointAt(0) ?? 0;
    return at >= 0x966 ? at - 0x966 : at >= 0x6f0 ? at - 0x6f0 : at - 0x660;
}
