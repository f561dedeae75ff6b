// SPDX-License-Identifier: GPL-3.0-or-later
// answers.ts - answers of a form: made from what is typed, and shown as words.
import type { Fields, Node, Option, Unit } from "./core";
import { date, dateTime } from "./dates";
import { digits, number, typedNumber, westernDigits } from "./exact";
import { t, word } from "./text";

const ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason";
const WHY = "https://rihla.example/fhir/StructureDefinition/absent-reason";
const FROM = "https://rihla.example/fhir/StructureDefinition/populated-from";
const BULK = "https://rihla.example/fhir/StructureDefinition/bulk-answer";

export const ABSENCES = ["asked-unknown", "asked-declined", "not-applicable"] as const;
export type Absence = (typeof ABSENCES)[number];

interface Extended {
    extension?: {
        url?: string;
        valueCode?: string;
        valueString?: string;
        valueBoolean?: boolean;
    }[];
}

/** Unknown, refused, does not apply; and why. */
export function absence(answer: Fields | undefined): { code: string; why: string } | undefined {
    const list = (answer as Extended | undefined)?.extension ?? [];
    const code = list.find((one) => one.url === ABSENT)?.valueCode;
    return code ? { code, why: list.find((one) => one.url === WHY)?.valueString ?? "" } : undefined;
}

export const absent = (code: Absence, why: string): Fields => ({
    extension: [{ url: ABSENT, valueCode: code }, ...(why ? [{ url: WHY, valueString: why }] : [])],
});

export const isBulk = (answer: Fields | undefined): boolean =>
    ((answer as Extended | undefined)?.extension ?? []).some(
        (one) => one.url === BULK && one.valueBoolean !== false,
    );

/** Taken from the record: the date of what it was taken from, "" when that has none. */
export function fromRecord(answer: Fields | undefined): string | undefined {
    const list = (answer as { extension?: Source[] } | undefined)?.extension ?? [];
    const found = list.find((one) => one.url === FROM);
    return found && (found.extension?.find((one) => one.url === "date")?.valueDateTime ?? "");
}
interface Source {
    url?: string;
    valueDateTime?: string;
    extension?: Source[];
}

/** The value[x] of an answer and its name. */
export function valueOf(answer: Fields | undefined): [string, unknown] | undefined {
    const name = Object.keys(answer ?? {}).find((one) => /^value[A-Z]/.test(one));
    return name ? [name, (answer as Fields)[name]] : undefined;
}

/** Equal for choosing: codings by system and code, the rest by value. */
export function same(a: Fields | undefined, b: Fields | undefined): boolean {
    const x = valueOf(a);
    const y = valueOf(b);
    if (!x || !y) return false;
    return key(x[1]) === key(y[1]);
}
function key(value: unknown): string {
    const c = value as { code?: string; system?: string; reference?: string; display?: string };
    if (c && typeof c === "object")
        return c.code
            ? `${c.system ?? ""}|${c.code}`
            : (c.reference ?? c.display ?? JSON.stringify(c));
    return String(value);
}

/** An answer as words: "5.60 kg", "24 Nov 2026", "yes". Options lend their words in the page's language. */
export function words(answer: Fields, options: Option[] = []): string {
    const gone = absence(answer);
    if (gone) return word(gone.code) + (gone.why ? ` (${gone.why})` : "");
    const chosen = options.find((one) => same(one.value, answer));
    if (chosen?.text) return chosen.text;
    const found = valueOf(answer);
    if (!found) return "";
    const [name, value] = found;
    const v = value as Record<string, unknown>;
    switch (name) {
        case "valueBoolean":
            return value ? t("yes") : t("no");
        case "valueDecimal":
        case "valueInteger":
            return digits(value);
        case "valueDate":
            return date(String(value));
        case "valueDateTime":
            return dateTime(String(value));
        case "valueTime":
            return String(value).slice(0, 5);
        case "valueCoding":
            return String(v.display ?? v.code ?? "");
        case "valueQuantity":
            return [digits(v.value), String(v.unit ?? v.code ?? "")].filter(Boolean).join(" ");
        case "valueReference":
            return String(v.display ?? v.reference ?? "");
        case "valueAttachment":
            return String(v.title ?? v.contentType ?? "");
        default:
            return String(value ?? "");
    }
}

/** What stands in a text field for an answer. */
export function fieldText(answer: Fields | undefined): string {
    const found = valueOf(answer);
    if (!found) return "";
    const [name, value] = found;
    if (name === "valueQuantity") return digits((value as Fields).value);
    if (name === "valueReference") return String((value as Fields).reference ?? "");
    if (name === "valueTime") return String(value).slice(0, 5);
    if (name === "valueDateTime")
        return String(value)
            .replace("T", " ")
            .replace(/:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/, "");
    if (name === "valueCoding") return String((value as Fields).display ?? "");
    return digits(value) || String(value ?? "");
}

const two = (text: string): string => text.padStart(2, "0");

/** "2026", "2026-11", "24/11/2026", "24.11.2026" or "2026-11-24" as a FHIR date. */
export function typedDate(text: string): string | undefined {
    const plain = westernDigits(text)
        .trim()
        .replace(/\s*[/.\-–،]\s*/g, "-");
    let m = /^(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?$/.exec(plain);
    let [year, month, day] = [m?.[1], m?.[2], m?.[3]];
    if (!m && (m = /^(?:(?:(\d{1,2})-)?(\d{1,2})-)(\d{4})$/.exec(plain)))
        [day, month, year] = [m[1], m[2], m[3]];
    if (!year) {
        m = /^(\d{4})(\d\d)(\d\d)$/.exec(plain);
        if (!m) return undefined;
        [year, month, day] = [m[1], m[2], m[3]];
    }
    if (!month) return year;
    if (Number(month) < 1 || Number(month) > 12) return undefined;
    if (!day) return `${year}-${two(month)}`;
    const last = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
    if (Number(day) < 1 || Number(day) > last) return undefined;
    return `${year}-${two(month)}-${two(day)}`;
}

export function typedTime(text: string): string | undefined {
    const m = /^(\d{1,2})[:.h](\d\d)(?::(\d\d))?$/.exec(westernDigits(text).trim());
    if (!m || Number(m[1]) > 23 || Number(m[2]) > 59 || Number(m[3] ?? 0) > 59) return undefined;
    return `${two(m[1] ?? "")}:${m[2]}:${m[3] ?? "00"}`;
}

export function typedDateTime(text: string, zone: string): string | undefined {
    const m = /^(.*?)(?:[T\s]+(\d{1,2}[:.h]\d\d(?::\d\d)?))?$/.exec(text.trim());
    const day = typedDate(m?.[1] ?? "");
    if (!day || !m?.[2]) return day;
    const time = typedTime(m[2]);
    return time && day.length === 10 ? `${day}T${time}${zone}` : undefined;
}

/** The answer that a typed text is; null: it is none (yet); "" is no answer at all. */
export function typedAnswer(
    node: Node,
    text: string,
    unit: Unit | undefined,
    zone: string,
): Fields | null {
    switch (node.type) {
        case "integer":
        case "decimal": {
            const value = typedNumber(text, node.type === "integer");
            if (value === undefined) return null;
            return { [node.type === "integer" ? "valueInteger" : "valueDecimal"]: number(value) };
        }
        case "quantity": {
            const value = typedNumber(text, false);
            if (value === undefined) return null;
            return { valueQuantity: { value: number(value), ...quantityUnit(unit) } };
        }
        case "date": {
            const value = typedDate(text);
            return value ? { valueDate: value } : null;
        }
        case "dateTime": {
            const value = typedDateTime(text, zone);
            return value ? { valueDateTime: value } : null;
        }
        case "time": {
            const value = typedTime(text);
            return value ? { valueTime: value } : null;
        }
        case "url":
            return { valueUri: text.trim() };
        case "reference":
            return { valueReference: { reference: text.trim() } };
        default:
            return { valueString: text };
    }
}

function quantityUnit(unit: Unit | undefined): Fields {
    if (!unit) return {};
    const name = unit.unit ?? unit.display ?? unit.code;
    return {
        ...(name ? { unit: name } : {}),
        ...(unit.system ? { system: unit.system } : {}),
        ...(unit.code ? { code: unit.code } : {}),
    };
}

export const unitsOf = (node: Node): Unit[] =>
    node.units?.length
        ? node.units
        : node.unit
          ? [typeof node.unit === "string" ? { unit: node.unit } : node.unit]
          : [];

export const unitName = (unit: Unit | undefined): string =>
    unit?.unit ?? unit?.display ?? unit?.code ?? "";
