// SPDX-License-Identifier: GPL-3.0-or-later
// api.ts - the one place that talks to the server: FHIR search and read, paging, and failures.
//
// Every request goes to the origin that served the page. A `next` link that names another host (a
// proxy rewrote it) is followed on our own origin, so that nothing can leave the machine by it.
import type { Bundle, Outcome, Resource } from "./fhir";

const TIMEOUT_MS = 30_000;
const BASE = new URL("fhir/", new URL(".", document.baseURI));

/** What went wrong, in words for a person; `kind` chooses them, `detail` is the server's own text. */
export class Failure extends Error {
    constructor(
        readonly kind: "unreachable" | "slow" | "missing" | "gone" | "refused" | "broken",
        readonly status = 0,
        readonly detail = "",
    ) {
        super(`${kind} ${status} ${detail}`.trim());
    }
}

/** JSON with each number as the string of its digits: 5.60 is "5.60", never 5.6. */
export function parseKeepingDigits(text: string): unknown {
    const quoted = text.replace(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g, (part) =>
        part.startsWith('"') ? part : `"${part}"`,
    );
    return JSON.parse(quoted);
}

function said(body: unknown): string {
    const outcome = body as Outcome | undefined;
    if (outcome?.resourceType !== "OperationOutcome") return "";
    return (outcome.issue ?? [])
        .map((issue) => issue.diagnostics ?? issue.details?.text ?? issue.code ?? "")
        .filter(Boolean)
        .join(" ");
}

function refusal(status: number, body: unknown): Failure {
    if (status === 404) return new Failure("missing", status, said(body));
    if (status === 410) return new Failure("gone", status, said(body));
    return new Failure("refused", status, said(body));
}

async function ask(url: URL, signal?: AbortSignal): Promise<unknown> {
    const own = new AbortController();
    const timer = setTimeout(() => own.abort(), TIMEOUT_MS);
    const stop = () => own.abort();
    signal?.addEventListener("abort", stop);
    let status = 0;
    let text: string;
    try {
        const reply = await fetch(url, {
            headers: { Accept: "application/fhir+json" },
            cache: "no-store",
            credentials: "same-origin",
            signal: own.signal,
        });
        status = reply.status;
        text = await reply.text();
    } catch (error) {
        if (signal?.aborted) throw error;
        throw new Failure(own.signal.aborted ? "slow" : "unreachable");
    } finally {
        clearTimeout(timer);
        signal?.removeEventListener("abort", stop);
    }
    let body: unknown;
    try {
        body = parseKeepingDigits(text);
    } catch {
        body = undefined;
    }
    if (status < 200 || status > 299) throw refusal(status, body);
    if (body === undefined) throw new Failure("broken", status);
    return body;
}

/** Reads one resource: `Patient/12`. */
export async function read<T extends Resource>(path: string, signal?: AbortSignal): Promise<T> {
    const body = (await ask(new URL(path, BASE), signal)) as T;
    if (body?.resourceType !== path.split("/")[0]) throw new Failure("broken", 200);
    return body;
}

export interface Page<T> {
    items: T[];
    /** How many match in all, when the server says so. */
    total?: number;
    /** Where the rest is, when there is more. */
    next?: URL;
}

function pageOf<T extends Resource>(body: unknown): Page<T> {
    const bundle = body as Bundle<T>;
    if (bundle?.resourceType !== "Bundle") throw new Failure("broken", 200);
    const page: Page<T> = { items: [] };
    for (const entry of bundle.entry ?? [])
        if (entry.resource && (entry.search?.mode ?? "match") === "match")
            page.items.push(entry.resource);
    if (bundle.total !== undefined) page.total = Number(bundle.total);
    const link = bundle.link?.find((one) => one.relation === "next")?.url;
    if (link) {
        const stated = new URL(link, BASE);
        page.next = new URL(BASE); // set part by part: a path like //host must not become a host
        page.next.pathname = stated.pathname;
        page.next.search = stated.search;
    }
    return page;
}

/** The first page of a search: `search("Patient", { name: "Amina", _count: "20" })`. */
export async function search<T extends Resource>(
    type: string,
    parameters: Record<string, string>,
    signal?: AbortSignal,
): Promise<Page<T>> {
    const url = new URL(type, BASE);
    // Not URLSearchParams: it writes a space as "+", which FHIR servers read in different ways.
    url.search = Object.entries(parameters)
        .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
        .join("&");
    return pageOf<T>(await ask(url, signal));
}

export async function more<T extends Resource>(next: URL, signal?: AbortSignal): Promise<Page<T>> {
    return pageOf<T>(await ask(next, signal));
}

/** Escapes what has a meaning in a search value, so that a name with a comma stays one value. */
export const literal = (value: string): string => value.replace(/[\\,$|]/g, "\\$&");
