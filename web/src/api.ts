// SPDX-License-Identifier: GPL-3.0-or-later
// api.ts - the one place that talks to the server: search, read and write, paging, and failures.
//
// Every request goes to the origin that served the page. A `next` link that names another host (a
// proxy rewrote it) is followed on our own origin, so that nothing can leave the machine by it.
import type { Bundle, Outcome, Resource } from "./fhir";

const TIMEOUT_MS = 30_000;
const ROOT = new URL(".", document.baseURI);
const BASE = new URL("fhir/", ROOT);

/** What went wrong, in words for a person; `kind` chooses them, `detail` is the server's own text. */
export class Failure extends Error {
    constructor(
        readonly kind:
            "unreachable" | "slow" | "missing" | "gone" | "refused" | "changed" | "broken",
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
    if (status === 409 || status === 412) return new Failure("changed", status, said(body));
    return new Failure("refused", status, said(body));
}

interface Sent {
    method?: string;
    body?: string;
    headers?: Record<string, string>;
    signal?: AbortSignal | undefined;
}

/** One request; the answer's text as it came. Anything but 2xx is a Failure. */
async function request(url: URL, sent: Sent = {}): Promise<{ text: string; etag: string }> {
    const { signal } = sent;
    const own = new AbortController();
    const timer = setTimeout(() => own.abort(), TIMEOUT_MS);
    const stop = () => own.abort();
    signal?.addEventListener("abort", stop);
    let status = 0;
    let text: string;
    let etag: string;
    try {
        const reply = await fetch(url, {
            method: sent.method ?? "GET",
            headers: {
                Accept: "application/fhir+json",
                ...(sent.body ? { "Content-Type": "application/fhir+json" } : {}),
                ...sent.headers,
            },
            ...(sent.body === undefined ? {} : { body: sent.body }),
            cache: "no-store",
            credentials: "same-origin",
            signal: own.signal,
        });
        status = reply.status;
        text = await reply.text();
        etag = reply.headers.get("ETag") ?? "";
    } catch (error) {
        if (signal?.aborted) throw error;
        throw new Failure(own.signal.aborted ? "slow" : "unreachable");
    } finally {
        clearTimeout(timer);
        signal?.removeEventListener("abort", stop);
    }
    if (status >= 200 && status <= 299) return { text, etag };
    throw refusal(status, parsed(text));
}

function parsed(text: string): unknown {
    try {
        return parseKeepingDigits(text);
    } catch {
        return undefined;
    }
}

async function ask(url: URL, signal?: AbortSignal): Promise<unknown> {
    const body = parsed((await request(url, { signal })).text);
    if (body === undefined) throw new Failure("broken", 200);
    return body;
}

const query = (parameters: [string, string][]): string =>
    // Not URLSearchParams: it writes a space as "+", which FHIR servers read in different ways.
    parameters
        .map(([name, value]) => `${encodeURIComponent(name)}=${encodeURIComponent(value)}`)
        .join("&");

/** The server's own interface for these pages: "clinical/forms"; numbers are numbers. */
export async function own<T>(
    path: string,
    parameters: [string, string][] = [],
    sent: Sent = {},
): Promise<T> {
    const url = new URL(path, ROOT);
    url.search = query(parameters);
    const { text } = await request(url, {
        ...sent,
        headers: { Accept: "application/json", ...sent.headers },
    });
    try {
        return JSON.parse(text) as T;
    } catch {
        throw new Failure("broken", 200);
    }
}

/** The text of a FHIR answer, for who reads it in another way. */
export async function readText(
    path: string,
    parameters: [string, string][] = [],
    sent: Sent = {},
): Promise<{ text: string; version: string }> {
    const url = new URL(path, BASE);
    url.search = query(parameters);
    const { text, etag } = await request(url, sent);
    return { text, version: etag.replace(/^W\/|"/g, "") };
}

/** Writes JSON text under an address of ours; `version`: only when that is still the newest one. */
export const write = (
    path: string,
    body: string,
    only: { version?: string; absent?: boolean } = {},
): Promise<{ text: string; version: string }> =>
    readText(path, [], {
        method: "PUT",
        body,
        headers: {
            ...(only.version ? { "If-Match": `W/"${only.version}"` } : {}),
            ...(only.absent ? { "If-None-Match": "*" } : {}),
        },
    });

/** POST clinical/answers: the response and what follows from it, stored in one step. */
export const finish = (body: string, version: string): Promise<unknown> =>
    own("clinical/answers", [], {
        method: "POST",
        body,
        headers: version ? { "If-Match": `W/"${version}"` } : {},
    });

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
    url.search = query(Object.entries(parameters));
    return pageOf<T>(await ask(url, signal));
}

export async function more<T extends Resource>(next: URL, signal?: AbortSignal): Promise<Page<T>> {
    return pageOf<T>(await ask(next, signal));
}

/** Escapes what has a meaning in a search value, so that a name with a comma stays one value. */
export const literal = (value: string): string => value.replace(/[\\,$|]/g, "\\$&");
