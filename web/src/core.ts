// SPDX-License-Identifier: GPL-3.0-or-later
// core.ts - the clinical core (WebAssembly) in the page: one instance, the forms that it knows.
//
// The core is the same C as on the server, so a form behaves the same without the network. Who
// catches CoreLost opens the form again from its draft: an instance that threw is not used again.
import { open as openCore, type Core } from "clinical-core";
import { Failure, readText } from "./api";
import { parseExact, printExact } from "./exact";
import { keepList, keptList } from "./keep";

declare const CLINICAL_WASM: string; // its file name, put in when the pages are built; "": not built

export type Json = null | boolean | string | Json[] | { [name: string]: Json };
export type Fields = { [name: string]: Json };

export interface Option {
    value: Fields;
    text: string;
    disabled?: boolean;
    exclusive?: boolean;
}
export interface Unit {
    code?: string;
    system?: string;
    unit?: string;
    display?: string;
}
/** One item of a form as it is shown; members are left out when empty or false. */
export interface Node {
    path: string;
    linkId: string;
    type: string;
    prefix?: string;
    text?: string;
    level?: string;
    enabled?: boolean;
    hidden?: boolean;
    required?: boolean;
    readOnly?: boolean;
    repeats?: boolean;
    calculated?: boolean;
    answer?: Fields[];
    options?: Option[];
    openChoice?: boolean;
    units?: Unit[];
    unit?: string | Unit;
    control?: string;
    displayCategory?: string;
    min?: Json;
    max?: Json;
    maxLength?: Json;
    regex?: string;
    entryFormat?: string;
    help?: { why?: string; how?: string; redFlags?: string; tell?: string };
    askEach?: boolean;
    bulk?: boolean;
    errors?: string[];
    warnings?: string[];
    /** A person's value stands in place of the calculated one. */
    overridden?: boolean;
    /** The choices are too many, or their definitions are not here. */
    optionsUnknown?: boolean;
    instances?: Json;
    children?: Node[];
}
export interface Changes {
    changed: Node[];
    removed: string[];
    complete: boolean;
}
export interface FormError {
    path: string;
    linkId: string;
    text: string;
    severity?: string;
}

/** The core ended in the middle of a call (memory, or a mistake of ours). */
export class CoreLost extends Error {}
/** The core says what is wrong with what was asked. */
export class Refused extends Error {}
/** The pages were built without the core. */
export class NoCore extends Error {}

let opening: Promise<Core> | undefined;
const known = new Set<string>(); // packages that this instance has

export function start(): Promise<Core> {
    opening ??= load();
    opening.catch(() => (opening = undefined));
    return opening;
}

async function load(): Promise<Core> {
    if (!CLINICAL_WASM) throw new NoCore();
    let reply: Response;
    try {
        reply = await fetch(new URL(CLINICAL_WASM, document.baseURI), {
            credentials: "same-origin",
        });
    } catch {
        throw new Failure("unreachable");
    }
    if (!reply.ok) throw new Failure("missing", reply.status);
    known.clear();
    return openCore(new Uint8Array(await reply.arrayBuffer()));
}

/** What the core answers; numbers keep their digits (exact.ts). */
export async function call<T>(name: string, input: unknown): Promise<T> {
    const core = await start();
    let text: string;
    try {
        text = core.callText(name, printExact(input));
    } catch (error) {
        opening = undefined;
        throw new CoreLost(String(error));
    }
    const answer = parseExact(text) as T & { error?: string };
    if (answer && typeof answer === "object" && typeof answer.error === "string")
        throw new Refused(answer.error);
    return answer;
}

/** The form and what it needs, from the server or, without it, as they came last. */
export async function learn(canonical: string): Promise<void> {
    await start();
    if (known.has(canonical)) return;
    const name = `form ${canonical}`;
    let text: string;
    try {
        text = (await readText("Questionnaire/$package", [["url", canonical]])).text;
        await keepList(name, text).catch(() => {});
    } catch (error) {
        const before = await keptList(name).catch(() => undefined);
        if (!before) throw error;
        text = before;
    }
    const bundle = parseExact(text) as { entry?: { resource?: Fields }[] };
    const files: [string, Uint8Array][] = [];
    const coder = new TextEncoder();
    const add = (path: string, value: unknown): void =>
        void files.push([`package/${path}`, coder.encode(printExact(value))]);
    add("package.json", { name: `form-${known.size}`, version: "1.0.0", fhirVersions: ["4.0.1"] });
    for (const [i, { resource }] of (bundle.entry ?? []).entries())
        if (resource) add(`${String(resource.resourceType)}-${i}.json`, resource);
    const core = await start();
    try {
        core.addPackage(files);
    } catch (error) {
        throw new Refused(String(error));
    }
    known.add(canonical);
}
