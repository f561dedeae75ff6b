// SPDX-License-Identifier: GPL-3.0-or-later
// values.ts - measured values, ranges and doses as text, with the digits that were recorded.
import { dateTime, period } from "./dates";
import type { Dosage, Quantity, Range, Timing, Valued } from "./fhir";
import { concept, some } from "./fhir";
import { t, word, type Msg } from "./text";

const LONG = 4; // decimals beyond which a value is shortened on screen and whole in its tooltip
const SHORT = 2;

/** "163.33552412409668" is "≈ 163.34": generated noise is not precision, and the sign says so. */
export function digits(value: string | undefined): string {
    const text = some(value);
    const decimals = /^-?\d+\.(\d+)$/.exec(text)?.[1]?.length ?? 0;
    if (decimals <= LONG) return text.replace(/^-/, "−");
    const n = Number(text);
    const short = Math.abs(n) >= 1 ? n.toFixed(SHORT) : n.toPrecision(SHORT + 1);
    return `≈ ${short.replace(/^-/, "−")}`;
}

const SIGNS: Record<string, string> = { "<": "< ", "<=": "≤ ", ">=": "≥ ", ">": "> " };

export function unit(q: Quantity | undefined): string {
    const stated = some(q?.unit) || some(q?.code);
    const plain = stated.replace(/[{}]/g, ""); // {score} is UCUM's way to write a word
    return plain === "1" ? "" : plain;
}

export function quantity(q: Quantity | undefined): string {
    if (!q || (q.value === undefined && !q.unit)) return "";
    const tight = unit(q) === "%" ? "" : " ";
    return `${SIGNS[q.comparator ?? ""] ?? ""}${digits(q.value)}${unit(q) ? tight + unit(q) : ""}`;
}

export function range(r: Range | undefined): string {
    const low = r?.low?.value !== undefined ? digits(r.low.value) : "";
    const high = r?.high?.value !== undefined ? digits(r.high.value) : "";
    const of = unit(r?.high) || unit(r?.low);
    const text = low && high ? `${low}–${high}` : low ? `≥ ${low}` : high ? `≤ ${high}` : "";
    return text && of ? `${text} ${of}` : text;
}

/** The value of a result in words; "" when it has none of its own. */
export function value(v: Valued): string {
    if (v.valueQuantity) return quantity(v.valueQuantity);
    if (v.valueCodeableConcept) return concept(v.valueCodeableConcept);
    if (v.valueString !== undefined) return some(v.valueString);
    if (v.valueBoolean !== undefined) return v.valueBoolean ? t("yes") : t("no");
    if (v.valueInteger !== undefined) return v.valueInteger;
    if (v.valueRange) return range(v.valueRange);
    if (v.valueRatio)
        return `${quantity(v.valueRatio.numerator)} : ${quantity(v.valueRatio.denominator)}`;
    if (v.valueTime !== undefined) return v.valueTime;
    if (v.valueDateTime !== undefined) return dateTime(v.valueDateTime);
    if (v.valuePeriod) return period(v.valuePeriod.start, v.valuePeriod.end);
    if (v.valueSampledData) return t("a recorded curve");
    return v.dataAbsentReason ? t("no value: {reason}", { reason: absent(v) }) : "";
}

const absent = (v: Valued): string => {
    const stated = v.dataAbsentReason;
    return (
        some(stated?.text) ||
        some(stated?.coding?.[0]?.display) ||
        word(some(stated?.coding?.[0]?.code))
    );
};

/** Is the value a measure or a number, to be set left to right in every language? */
export const numeric = (v: Valued): boolean =>
    Boolean(v.valueQuantity ?? v.valueRange ?? v.valueRatio ?? v.valueInteger ?? v.valueTime);

/** The whole digits, when `value` shortened them. */
export const whole = (v: Valued): string | undefined =>
    v.valueQuantity && digits(v.valueQuantity.value).startsWith("≈")
        ? `${v.valueQuantity.value} ${unit(v.valueQuantity)}`
        : undefined;

export function ranges(v: Valued): string {
    return (v.referenceRange ?? [])
        .map((one) => {
            const kind = concept(one.type);
            const text = some(one.text) || range(one);
            return kind && !/^normal( range)?$/i.test(kind) ? `${kind}: ${text}` : text;
        })
        .filter(Boolean)
        .join("; ");
}

const A_UNIT: Record<string, Msg> = {
    h: "{n} × an hour",
    d: "{n} × a day",
    wk: "{n} × a week",
    mo: "{n} × a month",
};

function timing(of: Timing | undefined): string {
    const r = of?.repeat;
    const coded = concept(of?.code);
    if (coded || !r) return coded;
    const times = [r.frequency ?? "1", r.frequencyMax].filter(Boolean).join("–");
    if (!r.period) return r.frequency ? t("{n} ×", { n: times }) : "";
    const one = r.period === "1" && !r.periodMax ? A_UNIT[r.periodUnit ?? ""] : undefined;
    if (one) return t(one, { n: times });
    const every = [r.period, r.periodMax].filter(Boolean).join("–");
    return t("{n} × in {period}", {
        n: times,
        period: `${every} ${r.periodUnit ? word(`unit-${r.periodUnit}`) : ""}`.trim(),
    });
}

/** How a medicine is taken, one list for each dosage: the text as written, else what the structured
 * parts say. The parts stay apart, so that numbers and words of two scripts cannot mix up their order. */
export function dosages(list: Dosage[] | undefined): string[][] {
    return (list ?? [])
        .map((one) => {
            const text = some(one.text) || some(one.patientInstruction);
            if (text) return [text];
            const dose = one.doseAndRate?.[0];
            const need = concept(one.asNeededCodeableConcept);
            return [
                quantity(dose?.doseQuantity) || range(dose?.doseRange),
                timing(one.timing),
                concept(one.route),
                need
                    ? t("as needed: {reason}", { reason: need })
                    : one.asNeededBoolean
                      ? t("as needed")
                      : "",
            ].filter(Boolean);
        })
        .filter((parts) => parts.length > 0);
}
