// SPDX-License-Identifier: GPL-3.0-or-later
// parts.tsx - what every section of a record is made of: heading, states, rows, what is set aside.
import { signal } from "@preact/signals";
import { useState } from "preact/hooks";
import type { ComponentChildren } from "preact";
import type { Failure } from "./api";
import type { Annotation, Resource } from "./fhir";
import { some } from "./fhir";
import type { Collection } from "./load";
import { t, tn, type Msg } from "./text";

const REASONS: Record<Failure["kind"], Msg> = {
    unreachable: "The server does not answer. Check that it runs and that this machine reaches it.",
    slow: "The server took too long to answer.",
    missing: "The server has no such record.",
    gone: "This record was deleted.",
    refused: "The server refused the request.",
    changed: "It was changed elsewhere meanwhile.",
    broken: "The server's answer could not be read.",
};

/** What was done just now, said on the page that comes next; it goes with the page after that. */
export const notice = signal("");

/** What failed, why in words, the server's own text, and a button that tries again. */
export function Trouble({
    what,
    failure,
    retry,
}: {
    what: string;
    failure: Failure;
    retry: () => unknown;
}) {
    return (
        <div class="trouble" role="alert">
            <p>
                <strong>{what}</strong> {t(REASONS[failure.kind])}
            </p>
            {(failure.detail || failure.status > 0) && (
                <p class="detail" dir="ltr">
                    {[failure.status > 0 ? `HTTP ${failure.status}` : "", failure.detail]
                        .filter(Boolean)
                        .join(" · ")}
                </p>
            )}
            <button type="button" onClick={() => void retry()}>
                {t("Try again")}
            </button>
        </div>
    );
}

/** Data in its own direction, so that Latin text in an Arabic page (and the reverse) stays whole. */
export function Data({ children }: { children: ComponentChildren }) {
    return <bdi>{children}</bdi>;
}

/** Several data in a row, each in its own direction, so that mixed scripts keep their order. */
export function Datas({ of, by }: { of: string[]; by?: string }) {
    const all = [...new Set(of.map(some).filter(Boolean))];
    return (
        <>
            {all.map((one, i) => (
                <>
                    {i > 0 && (by ?? t(", "))}
                    <bdi>{one}</bdi>
                </>
            ))}
        </>
    );
}

export function Badge({
    kind,
    children,
}: {
    kind?: "grave" | "high" | "low" | "good" | "noted" | "stated";
    children: ComponentChildren;
}) {
    return <span class={kind ? `badge ${kind}` : "badge"}>{children}</span>;
}

/** One entry: what it is, what is said about it, and when. */
export function Row(props: {
    main: ComponentChildren;
    marks?: ComponentChildren[];
    more?: ComponentChildren;
    when?: string;
    past?: boolean;
}) {
    return (
        <li class={props.past ? "row past" : "row"}>
            <div class="row-main">
                <span class="what">{props.main}</span>
                {(props.marks ?? []).map((one) => (one ? <> {one}</> : null))}
                {props.more && <div class="more">{props.more}</div>}
            </div>
            {props.when && <div class="when">{props.when}</div>}
        </li>
    );
}

export function Notes({ notes }: { notes: Annotation[] | undefined }) {
    const texts = (notes ?? []).map((one) => some(one.text)).filter(Boolean);
    return texts.length === 0 ? null : (
        <div class="remark">
            {texts.map((one) => (
                <p>
                    <Data>{one}</Data>
                </p>
            ))}
        </div>
    );
}

/** The first `few` rows, and a button for all of them. */
export function Few({
    few,
    kids,
    label,
}: {
    few: number;
    kids: ComponentChildren[];
    label?: string;
}) {
    const [all, setAll] = useState(false);
    const left = kids.length - few;
    return (
        <>
            <ul class="rows" aria-label={label}>
                {all ? kids : kids.slice(0, few)}
            </ul>
            {left > 0 && !all && (
                <>
                    <button type="button" class="wide" onClick={() => setAll(true)}>
                        {t("Show all {n}", { n: kids.length })}
                    </button>
                    <p class="print-only remark">
                        {tn("{n} more are in the record and not on this paper", left)}
                    </p>
                </>
            )}
        </>
    );
}

/** Entries that the record itself calls mistakes: kept, countable, and out of the way. */
export function Mistakes({ kids }: { kids: ComponentChildren[] }) {
    return kids.length === 0 ? null : (
        <details class="mistakes">
            <summary>{tn("{n} entries marked as entered in error", kids.length)}</summary>
            <ul class="rows">{kids}</ul>
        </details>
    );
}

/** Loading, failure and "there is more" of the collections that a section is made from. */
export function States({
    of,
}: {
    of: { type: string; part: Collection<Resource>["part"]; load(): unknown; rest(): unknown }[];
}) {
    return (
        <>
            {of.map((one) => {
                const part = one.part.value;
                if (part.phase === "failed" && part.failure)
                    return (
                        <Trouble
                            key={one.type}
                            what={t(
                                part.items.length
                                    ? "Only a part could be loaded."
                                    : "This part could not be loaded.",
                            )}
                            failure={part.failure}
                            retry={() => one.load()}
                        />
                    );
                if (part.phase === "loading")
                    return (
                        <p key={one.type} class="loading" role="status">
                            {part.items.length
                                ? t("Loading… {n} so far", { n: part.items.length })
                                : t("Loading…")}
                        </p>
                    );
                if (part.next)
                    return (
                        <div key={one.type} class="trouble">
                            <p>
                                {part.total === undefined
                                    ? t(
                                          "Only the first {shown} entries are loaded; there are more.",
                                          { shown: part.items.length },
                                      )
                                    : t("Only {shown} of {total} entries are loaded.", {
                                          shown: part.items.length,
                                          total: part.total,
                                      })}
                            </p>
                            <button type="button" onClick={() => void one.rest()}>
                                {t("Load more")}
                            </button>
                        </div>
                    );
                return null;
            })}
        </>
    );
}

export function Section(props: {
    id: string;
    title: string;
    count?: number;
    of: { type: string; part: Collection<Resource>["part"]; load(): unknown; rest(): unknown }[];
    /** What is true when nothing is recorded; never that there is nothing. */
    nothing: string;
    empty: boolean;
    children: ComponentChildren;
}) {
    const settled = props.of.every((one) => one.part.value.phase === "done");
    return (
        <section id={props.id} aria-labelledby={`${props.id}-title`}>
            <h2 id={`${props.id}-title`} tabIndex={-1}>
                {props.title} {props.count ? <span class="count">{props.count}</span> : null}
            </h2>
            {settled && props.empty && <p class="nothing">{props.nothing}</p>}
            {props.children}
            <States of={props.of} />
        </section>
    );
}
