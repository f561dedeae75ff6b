// SPDX-License-Identifier: GPL-3.0-or-later
// results.tsx - measurements and reports: one line for each kind of result, newest first, its history
// a key away. A flag is the recorded interpretation in words; nothing is judged here.
import { date, dateTime, instant, newestFirst } from "./dates";
import type { Observation, Report, Valued } from "./fhir";
import { code, concept, concepts, groupKey, some, target } from "./fhir";
import type { PersonRecord } from "./load";
import { Badge, Data, Datas, Few, Mistakes, Notes, Row, Section } from "./parts";
import { codeWord, t, tn, word } from "./text";
import { numeric, ranges, unit, value, whole } from "./values";

const ERROR = "entered-in-error";
const FEW_KINDS = 40;
const FEW_REPORTS = 10;
const FEW_PARTS = 8;
const ORDER = [
    "laboratory",
    "vital-signs",
    "imaging",
    "exam",
    "procedure",
    "survey",
    "social-history",
    "activity",
    "therapy",
];

const when = (one: Observation | Report): string | undefined =>
    one.effectiveDateTime ??
    one.effectivePeriod?.start ??
    (one as Observation).effectiveInstant ??
    one.issued;

const category = (one: Observation): string => {
    const found = (one.category ?? []).map(code).find((c) => ORDER.includes(c));
    return found ?? "";
};

// ---- one result -----------------------------------------------------------------------------

type Tone = "high" | "low" | "good" | "noted" | undefined;
const HIGH = ["H", "HH", "HU", "A", "AA", "R", "HX"];
const LOW = ["L", "LL", "LU", "LX"];
const GOOD = ["N", "S"];
const NOTED = ["POS", "DET", "IND", "E", "I"]; // neither good nor bad in itself, and not to be overlooked
const SIGN: Record<string, string> = {
    H: "▲",
    HH: "▲▲",
    HU: "▲",
    L: "▼",
    LL: "▼▼",
    LU: "▼",
    A: "◆",
    AA: "◆◆",
    POS: "◆",
    R: "◆",
    DET: "◆",
};

/** The recorded interpretation: words first, a sign and a colour beside them. */
function Flags({ of }: { of: Valued }) {
    return (
        <>
            {(of.interpretation ?? []).map((one) => {
                const c = code(one);
                const tone: Tone = HIGH.includes(c)
                    ? "high"
                    : LOW.includes(c)
                      ? "low"
                      : GOOD.includes(c)
                        ? "good"
                        : NOTED.includes(c)
                          ? "noted"
                          : undefined;
                const words = codeWord(`interpretation-${c}`) || concept(one);
                const again = !tone && words.toLowerCase() === value(of).toLowerCase(); // "Negative", negative
                return words && !again ? (
                    <Badge {...(tone ? { kind: tone } : {})}>
                        {SIGN[c] ? `${SIGN[c]} ` : ""}
                        {words}
                    </Badge>
                ) : null;
            })}
        </>
    );
}

function One({ of }: { of: Valued }) {
    const text = value(of);
    if (!text) return null;
    return numeric(of) ? (
        <span class="value" dir="ltr" title={whole(of)}>
            {text}
        </span>
    ) : (
        <span class={of.dataAbsentReason ? "unknown" : "value words"}>
            <Data>{text}</Data>
        </span>
    );
}

function Value({ of }: { of: Observation }) {
    const parts = of.component ?? [];
    const own = value(of);
    return (
        <>
            <One of={of} />
            {parts.length > 0 && (
                <span class="parts">
                    {parts.map((part) => (
                        <span class="part">
                            <span class="part-name">
                                <Data>{concept(part.code)}</Data>
                            </span>{" "}
                            <One of={part} /> <Flags of={part} />
                        </span>
                    ))}
                </span>
            )}
            {!own && parts.length === 0 && (
                <span class="unknown">
                    {of.hasMember?.length ? t("see the single results") : t("no value recorded")}
                </span>
            )}
        </>
    );
}

function Status({ of }: { of: Observation | Report }) {
    const status = some(of.status);
    return status && status !== "final" && status !== ERROR ? <Badge>{word(status)}</Badge> : null;
}

// ---- all results of one kind ----------------------------------------------------------------

/** The course of a number as a line; the same values stand in the table below it. */
function Spark({ series }: { series: Observation[] }) {
    const points = series
        .map((one) => ({
            x: instant(when(one)),
            y: Number(one.valueQuantity?.value),
            u: unit(one.valueQuantity),
        }))
        .filter((p) => Number.isFinite(p.x) && Number.isFinite(p.y));
    if (points.length < 3 || new Set(points.map((p) => p.u)).size > 1) return null;
    const [x0, x1] = [Math.min(...points.map((p) => p.x)), Math.max(...points.map((p) => p.x))];
    const [y0, y1] = [Math.min(...points.map((p) => p.y)), Math.max(...points.map((p) => p.y))];
    if (x1 === x0) return null;
    const at = (p: { x: number; y: number }): string =>
        `${(2 + (56 * (p.x - x0)) / (x1 - x0)).toFixed(1)},${(y1 === y0 ? 9 : 16 - (14 * (p.y - y0)) / (y1 - y0)).toFixed(1)}`;
    const last = points[0] ? at(points[0]).split(",") : [];
    return (
        <svg class="spark" viewBox="0 0 60 18" width="60" height="18" aria-hidden="true">
            <polyline points={[...points].reverse().map(at).join(" ")} />
            <circle cx={last[0]} cy={last[1]} r="1.8" />
        </svg>
    );
}

function History({ series }: { series: Observation[] }) {
    return (
        <table>
            <caption class="hidden">{t("Earlier results")}</caption>
            <thead>
                <tr>
                    <th scope="col">{t("Date")}</th>
                    <th scope="col">{t("Result")}</th>
                    <th scope="col">{t("Reference")}</th>
                </tr>
            </thead>
            <tbody>
                {series.map((one) => (
                    <tr key={one.id}>
                        <td class="when">{dateTime(when(one))}</td>
                        <td>
                            <Value of={one} /> <Flags of={one} /> <Status of={one} />
                            <Notes notes={one.note} />
                        </td>
                        <td class="range">
                            <Data>{ranges(one)}</Data>
                        </td>
                    </tr>
                ))}
            </tbody>
        </table>
    );
}

function Line({ series }: { series: Observation[] }) {
    const latest = series[0];
    if (!latest) return null;
    const reference = ranges(latest);
    const line = (
        <>
            <span class="test">
                <Data>{concept(latest.code) || t("Result not named")}</Data>
                {series.length > 1 && (
                    <span class="earlier">{tn("{n} results", series.length)}</span>
                )}
            </span>
            <span class="result">
                <Value of={latest} /> <Flags of={latest} /> <Status of={latest} />
                {reference && (
                    <span class="range">
                        {t("ref.")} <Data>{reference}</Data>
                    </span>
                )}
            </span>
            <Spark series={series} />
            <span class="when">{date(when(latest))}</span>
        </>
    );
    if (series.length === 1)
        return (
            <li class="row result-line">
                <div class="line">{line}</div>
                <Notes notes={latest.note} />
            </li>
        );
    return (
        <li class="row result-line">
            <details>
                <summary class="line">{line}</summary>
                <History series={series} />
            </details>
        </li>
    );
}

// ---- reports --------------------------------------------------------------------------------

function ReportRow({
    one,
    named,
    past,
}: {
    one: Report;
    named: ReadonlyMap<string, Observation>;
    past?: boolean;
}) {
    const conclusion = some(one.conclusion) || concepts(one.conclusionCode);
    const parts = (one.result ?? [])
        .map((r) => some(r.display) || concept(named.get(target(r))?.code))
        .filter(Boolean);
    return (
        <Row
            past={past === true}
            main={<Data>{concept(one.code) || t("Report not named")}</Data>}
            marks={[<Status of={one} />]}
            more={
                <>
                    {conclusion && (
                        <p class="conclusion">
                            <Data>{conclusion}</Data>
                        </p>
                    )}
                    {parts.length > 0 && (
                        <p>
                            <Datas of={parts.slice(0, FEW_PARTS)} />
                            {parts.length > FEW_PARTS &&
                                ` ${tn("and {n} more", parts.length - FEW_PARTS)}`}
                        </p>
                    )}
                    {one.presentedForm && one.presentedForm.length > 0 && (
                        <p>{t("A document is attached; this page does not show it.")}</p>
                    )}
                </>
            }
            when={date(when(one))}
        />
    );
}

export function Results({ record }: { record: PersonRecord }) {
    const all = [...record.observations.part.value.items].sort(newestFirst(when));
    const good = all.filter((one) => one.status !== ERROR);
    const wrong = all.filter((one) => one.status === ERROR);
    const reports = [...record.reports.part.value.items].sort(newestFirst(when));
    const named = new Map(all.map((one) => [`Observation/${one.id}`, one]));
    const kinds = new Map<string, Map<string, Observation[]>>();
    for (const one of good) {
        const inside = kinds.get(category(one)) ?? new Map<string, Observation[]>();
        const key = groupKey(one.code);
        inside.set(key, [...(inside.get(key) ?? []), one]);
        kinds.set(category(one), inside);
    }
    return (
        <Section
            id="results"
            title={t("Results")}
            count={good.length}
            of={[record.observations, record.reports]}
            empty={good.length === 0 && reports.length === 0}
            nothing={t("No result is recorded. That does not mean that nothing was measured.")}
        >
            {[...ORDER, ""]
                .filter((name) => kinds.has(name))
                .map((name) => {
                    const title = name ? word(`category-${name}`) : t("Other results");
                    const lines = [...(kinds.get(name)?.values() ?? [])].map((series) => (
                        <Line key={groupKey(series[0]?.code)} series={series} />
                    ));
                    return (
                        <>
                            <h3>{title}</h3>
                            <Few few={FEW_KINDS} kids={lines} label={title} />
                        </>
                    );
                })}
            {reports.some((one) => one.status !== ERROR) && (
                <>
                    <h3>{t("Reports")}</h3>
                    <Few
                        few={FEW_REPORTS}
                        label={t("Reports")}
                        kids={reports
                            .filter((one) => one.status !== ERROR)
                            .map((one) => (
                                <ReportRow key={one.id} one={one} named={named} />
                            ))}
                    />
                </>
            )}
            <Mistakes
                kids={[
                    ...wrong.map((one) => <Line key={one.id} series={[one]} />),
                    ...reports
                        .filter((one) => one.status === ERROR)
                        .map((one) => <ReportRow key={one.id} one={one} named={named} past />),
                ]}
            />
        </Section>
    );
}
