// SPDX-License-Identifier: GPL-3.0-or-later
// dates.ts - FHIR dates as they were stated: no day that nobody wrote, no shift of time zone.
//
// "1980" stays a year. A time is shown as the clock read where it was written; the offset is in the
// tooltip. Digits are 0-9 in every language, so that a date reads the same on any copy.
import { language, t, tn, type PluralMsg } from "./text";

export interface Stated {
    year: number;
    month?: number;
    day?: number;
    time?: string;
}

export function stated(text: string | undefined): Stated | undefined {
    const m = /^(\d{4})(?:-(\d\d)(?:-(\d\d)(?:T(\d\d:\d\d))?)?)?/.exec((text ?? "").trim());
    if (!m) return undefined;
    const found: Stated = { year: Number(m[1]) };
    if (m[2]) found.month = Number(m[2]);
    if (m[3]) found.day = Number(m[3]);
    if (m[4]) found.time = m[4];
    return found;
}

const LOCALES = { en: "en-GB", fr: "fr", ar: "ar-u-nu-latn-ca-gregory", es: "es" } as const;
const locale = (): string => LOCALES[language.value];

const formats = new Map<string, Intl.DateTimeFormat>();

function formatted(d: Stated): string {
    const key = `${locale()} ${d.month !== undefined} ${d.day !== undefined}`;
    let format = formats.get(key);
    if (!format) {
        const wanted: Intl.DateTimeFormatOptions = { year: "numeric", timeZone: "UTC" };
        if (d.month !== undefined) wanted.month = "short";
        if (d.day !== undefined) wanted.day = "numeric";
        format = new Intl.DateTimeFormat(locale(), wanted);
        formats.set(key, format);
    }
    const at = new Date(0);
    at.setUTCFullYear(d.year, (d.month ?? 1) - 1, d.day ?? 1);
    return format.format(at);
}

/** "24 Nov 2026", "Nov 2026" or "2026": only what was stated. Text that is no date is given back. */
export function date(text: string | undefined): string {
    const d = stated(text);
    return d ? formatted(d) : (text ?? "");
}

/** The date, and the time of day when one was stated. */
export function dateTime(text: string | undefined): string {
    const d = stated(text);
    return d ? formatted(d) + (d.time ? ` ${d.time}` : "") : (text ?? "");
}

export function period(start: string | undefined, end: string | undefined): string {
    const from = date(start);
    const to = date(end);
    if (from && to) return from === to ? from : `${from} – ${to}`;
    if (from) return t("since {date}", { date: from });
    if (to) return t("until {date}", { date: to });
    return "";
}

/** What is not known of a birth date: "" when it is a whole day. */
export function precision(text: string | undefined): string {
    const d = stated(text);
    if (!d) return "";
    if (d.month === undefined) return t("year only");
    return d.day === undefined ? t("month only") : "";
}

const LAST_DAY = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Whole months between two days, never below 0. */
function months(from: Required<Omit<Stated, "time">>, to: Required<Omit<Stated, "time">>): number {
    const n = (to.year - from.year) * 12 + to.month - from.month - (to.day < from.day ? 1 : 0);
    return Math.max(0, n);
}

function today(): Stated {
    const now = new Date();
    return { year: now.getFullYear(), month: now.getMonth() + 1, day: now.getDate() };
}

const edge = (d: Stated, last: boolean): Required<Omit<Stated, "time">> => {
    const month = d.month ?? (last ? 12 : 1);
    return { year: d.year, month, day: d.day ?? (last ? (LAST_DAY[month - 1] ?? 31) : 1) };
};

/** "34 years", "45–46 years" where only the year is known, months below two years, days in the first month. */
export function age(birth: string | undefined, at?: string): string {
    const born = stated(birth);
    if (!born) return "";
    const when = stated(at) ?? today();
    const least = months(edge(born, true), edge(when, false));
    const most = months(edge(born, false), edge(when, true));
    // A span has digits in every form ("2–3 years"), so it takes the form of a number that keeps them.
    const between = (message: PluralMsg, low: number, high: number): string =>
        low === high ? tn(message, low) : tn(message, Math.max(high, 3), `${low}–${high}`);
    if (least >= 24) return between("{n} years", Math.floor(least / 12), Math.floor(most / 12));
    if (most >= 1) return between("{n} months", least, most);
    const day = (d: Stated): number =>
        Date.UTC(d.year, (d.month ?? 1) - 1, d.day ?? 1) / 86_400_000;
    return tn("{n} days", Math.max(0, day(when) - day(born)));
}

export const newestFirst =
    <T>(when: (one: T) => string | undefined) =>
    (a: T, b: T): number => {
        const x = instant(when(a));
        const y = instant(when(b));
        return x < y ? 1 : x > y ? -1 : 0;
    };

/** Milliseconds for ordering only; a date without a day stands at its beginning. */
export function instant(text: string | undefined): number {
    const parsed = Date.parse(text ?? "");
    return Number.isNaN(parsed) ? -Infinity : parsed;
}
