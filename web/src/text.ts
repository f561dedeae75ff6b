// SPDX-License-Identifier: GPL-3.0-or-later
// text.ts - the words of the pages in each language, and the choice of the language.
//
// As in gettext the English text is the key, so one catalogue can later feed C and the web. A text
// without its translation does not compile. Words of the record itself are never translated.
import { signal } from "@preact/signals";
import { ar, arPlural } from "./text.ar";
import type { formPlurals, formWords } from "./text.form";
import { latin, latinPlural } from "./text.latin";

type FirstMsg = keyof typeof ar;
type FirstPlural = keyof typeof arPlural;
type FormMsg = keyof typeof formWords;
type FormPlural = keyof typeof formPlurals;
export type Msg = FirstMsg | FormMsg;
export type PluralMsg = FirstPlural | FormPlural;

export const languages = [
    { code: "en", name: "English", dir: "ltr" },
    { code: "fr", name: "Français", dir: "ltr" },
    { code: "ar", name: "العربية", dir: "rtl" },
    { code: "es", name: "Español", dir: "ltr" },
] as const;
export type Language = (typeof languages)[number]["code"];

const KEPT = "rihla.language";

function chosen(): Language {
    let kept: string | null = null;
    try {
        kept = localStorage.getItem(KEPT);
    } catch {
        /* a browser that keeps nothing still shows the pages */
    }
    const wanted = [kept ?? "", ...navigator.languages.map((one) => one.slice(0, 2))];
    return wanted.map((one) => languages.find((l) => l.code === one)?.code).find(Boolean) ?? "en";
}

export const language = signal<Language>(chosen());

export function setLanguage(code: Language): void {
    language.value = code;
    try {
        localStorage.setItem(KEPT, code);
    } catch {
        /* as above: it lasts until the page is left */
    }
}

type Values = Record<string, string | number>;

const fill = (text: string, values: Values): string =>
    text.replace(/\{(\w+)\}/g, (all, name: string) => String(values[name] ?? all));

let more: typeof formWords | undefined;
let morePlurals: typeof formPlurals | undefined;

/** The words of pages that are loaded when they are first needed. */
export function addWords(words: typeof formWords, plurals: typeof formPlurals): void {
    more = words;
    morePlurals = plurals;
}

const COLUMN = { fr: 0, ar: 1, es: 2 } as const;

function translated(message: Msg): string {
    const code = language.value;
    if (code === "en") return ENGLISH[message] ?? message;
    if (message in ar) {
        const first = message as FirstMsg;
        return code === "ar" ? ar[first] : latin[first][code === "fr" ? 0 : 1];
    }
    return more?.[message as FormMsg]?.[COLUMN[code]] ?? message;
}

/** Where two texts are the same in English and not elsewhere, the key says more than the text. */
const ENGLISH: Partial<Record<Msg, string>> = {
    "not asked here": "not asked",
    "not known, asked": "Unknown",
    refused: "Refused",
    "not applicable": "Does not apply",
};

export const t = (message: Msg, values: Values = {}): string => fill(translated(message), values);

/** English plurals: the key is the form for many; the form for one stands here. */
const ONE: Record<FirstPlural, string> = {
    "{n} people": "{n} person",
    "{n} doses": "{n} dose",
    "{n} results": "{n} result",
    "and {n} more": "and {n} more",
    "{n} encounters": "{n} encounter",
    "{n} entries marked as entered in error": "{n} entry marked as entered in error",
    "{n} more are in the record and not on this paper":
        "{n} more is in the record and not on this paper",
    "{n} years": "{n} year",
    "{n} months": "{n} month",
    "{n} days": "{n} day",
};

const ARABIC = ["zero", "one", "two", "few", "many", "other"] as const;

function plural(message: PluralMsg, form: Intl.LDMLPluralRule): string {
    const code = language.value;
    const one = form === "one";
    if (message in arPlural) {
        const first = message as FirstPlural;
        const [fr1, frN, es1, esN] = latinPlural[first];
        if (code === "ar") return arPlural[first][form];
        if (code === "fr") return one ? fr1 : frN;
        if (code === "es") return one ? es1 : esN;
        return one ? ONE[first] : message;
    }
    const rows = morePlurals?.[message as FormPlural];
    if (!rows) return message;
    if (code === "ar") return rows.ar[ARABIC.indexOf(form)] ?? message;
    if (code === "en") return one ? rows.en[0] : message;
    return rows[code][one ? 0 : 1];
}

/** The text for `count` things; `shown` replaces the number, as in "45–46 years". */
export function tn(message: PluralMsg, count: number, shown: string = String(count)): string {
    const form = new Intl.PluralRules(language.value).select(count);
    return fill(plural(message, form), { n: shown });
}

/** The words of FHIR's own short codes. Codes of other systems come with their words in the record. */
const WORDS: ReadonlyMap<string, Msg> = new Map(
    Object.entries<Msg>({
        male: "male",
        female: "female",
        other: "other",
        unknown: "unknown",
        usual: "usual",
        temp: "temporary",
        nickname: "nickname",
        anonymous: "not the real name",
        old: "earlier name",
        maiden: "name before marriage",
        active: "active",
        inactive: "inactive",
        resolved: "resolved",
        remission: "in remission",
        recurrence: "come back",
        relapse: "relapse",
        unconfirmed: "not confirmed",
        provisional: "provisional",
        differential: "one of several possible",
        refuted: "ruled out",
        "entered-in-error": "entered in error",
        completed: "completed",
        stopped: "stopped",
        cancelled: "cancelled",
        "on-hold": "paused",
        draft: "draft",
        intended: "intended",
        "not-taken": "not taken",
        proposal: "proposal",
        plan: "plan",
        registered: "registered",
        preliminary: "preliminary",
        partial: "partial",
        amended: "amended",
        corrected: "corrected",
        appended: "added to",
        planned: "planned",
        arrived: "arrived",
        triaged: "triaged",
        "in-progress": "in progress",
        onleave: "on leave",
        food: "food",
        medication: "medicine",
        environment: "environment",
        biologic: "biological",
        intolerance: "intolerance",
        mild: "mild",
        moderate: "moderate",
        severe: "severe",
        "asked-unknown": "asked, not known",
        "temp-unknown": "not known yet",
        "not-asked": "not asked",
        "asked-declined": "asked, not answered",
        masked: "hidden",
        "not-applicable": "does not apply",
        unsupported: "not supported",
        "as-text": "in the text",
        error: "error",
        "not-performed": "not done",
        "not-permitted": "not allowed",
        "unit-s": "seconds",
        "unit-min": "minutes",
        "unit-h": "hours",
        "unit-d": "days",
        "unit-wk": "weeks",
        "unit-mo": "months",
        "unit-a": "years",
        "category-laboratory": "Laboratory",
        "category-vital-signs": "Vital signs",
        "category-imaging": "Imaging",
        "category-exam": "Examination",
        "category-procedure": "Procedures",
        "category-survey": "Questionnaires",
        "category-social-history": "Social history",
        "category-activity": "Activity",
        "category-therapy": "Therapy",
        "interpretation-H": "high",
        "interpretation-HH": "critically high",
        "interpretation-HU": "very high",
        "interpretation-L": "low",
        "interpretation-LL": "critically low",
        "interpretation-LU": "very low",
        "interpretation-A": "abnormal",
        "interpretation-AA": "critically abnormal",
        "interpretation-N": "normal",
        "interpretation-POS": "positive",
        "interpretation-NEG": "negative",
        "interpretation-DET": "detected",
        "interpretation-ND": "not detected",
        "interpretation-IND": "indeterminate",
        "interpretation-R": "resistant",
        "interpretation-S": "susceptible",
        "interpretation-I": "intermediate",
        "interpretation-E": "equivocal",
        "class-AMB": "outpatient",
        "class-EMER": "emergency",
        "class-IMP": "inpatient",
        "class-ACUTE": "inpatient, acute",
        "class-NONAC": "inpatient, not acute",
        "class-OBSENC": "observation",
        "class-SS": "short stay",
        "class-FLD": "in the field",
        "class-HH": "at home",
        "class-VR": "at a distance",
        "class-PRENC": "before admission",
    }),
);

/** The words of a code, or "" when it is not one of FHIR's own. */
export const codeWord = (code: string): string =>
    WORDS.has(code) ? t(WORDS.get(code) as Msg) : "";
export const word = (code: string): string => codeWord(code) || code;

const intlName = (kind: "region" | "language", code: string): string => {
    try {
        return (
            new Intl.DisplayNames([language.value], { type: kind, fallback: "none" }).of(code) ?? ""
        );
    } catch {
        return "";
    }
};

/** The English name of a country's or language's code, for who searches by it in any language. */
export const englishName = (kind: "region" | "language", code: string): string => {
    try {
        return new Intl.DisplayNames(["en"], { type: kind, fallback: "none" }).of(code) ?? "";
    } catch {
        return "";
    }
};

/** The name of an ISO 3166 two-letter code in the page's language; other text stays as it is. */
export const countryName = (text: string): string =>
    (/^[A-Za-z]{2}$/.test(text) && intlName("region", text.toUpperCase())) || text;
export const countryKey = (text: string): string => countryName(text.trim()).toLowerCase();
export const languageName = (code: string): string =>
    /^[a-z]{2,3}(-[A-Za-z0-9]+)*$/.test(code) ? intlName("language", code) : "";
