// SPDX-License-Identifier: GPL-3.0-or-later
// names.tsx - a person's names, in every script they were written in, none of them translated.
import type { HumanName, Patient } from "./fhir";
import { some, statedLanguage } from "./fhir";
import { t, word } from "./text";

const ORDER = ["official", "usual", "", "temp", "nickname", "anonymous", "maiden", "old"];
const FAMILY_FIRST = /^[\u1100-\u11ff\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]/;

export function nameText(name: HumanName | undefined): string {
    if (!name) return "";
    if (some(name.text)) return some(name.text);
    const given = (name.given ?? []).map(some).filter(Boolean);
    const family = some(name.family);
    const core = FAMILY_FIRST.test(family) ? [family, ...given] : [...given, family];
    return [...(name.prefix ?? []), ...core, ...(name.suffix ?? [])]
        .map(some)
        .filter(Boolean)
        .join(" ");
}

/** The names with text, the one to call the person by first; the same text is not shown twice. */
export function namesOf(patient: Pick<Patient, "name">): HumanName[] {
    const rank = (name: HumanName): number => {
        const at = ORDER.indexOf(name.use ?? "");
        return (at < 0 ? ORDER.length : at) + (name.period?.end ? ORDER.length : 0);
    };
    const seen = new Set<string>();
    return (patient.name ?? [])
        .map((name, i) => ({ name, i }))
        .sort((a, b) => rank(a.name) - rank(b.name) || a.i - b.i)
        .map((one) => one.name)
        .filter((name) => {
            const text = nameText(name);
            if (!text || seen.has(text)) return false;
            seen.add(text);
            return true;
        });
}

export const mainName = (patient: Pick<Patient, "name">): string =>
    nameText(namesOf(patient)[0]) || t("Name not recorded");

/** One name with the direction of its script and, where stated, its language. */
export function Name({ name, use }: { name: HumanName; use?: boolean }) {
    const kind =
        use && name.use && name.use !== "official" && name.use !== "usual" ? word(name.use) : "";
    return (
        <span class="name">
            <bdi lang={statedLanguage(name.extension)}>{nameText(name)}</bdi>
            {kind && <span class="kind">{kind}</span>}
        </span>
    );
}
