// SPDX-License-Identifier: GPL-3.0-or-later
// keep.ts - what is typed, kept on this device until the server has it (IndexedDB).
//
// One store "drafts", one row for each form that is being filled in. A row goes when the server has
// the finished form. A browser that keeps nothing (private windows of some) is said to the person:
// `keep` then fails and the page says that nothing is kept.
import { signal } from "@preact/signals";

export interface Draft {
    /** The id of the QuestionnaireResponse; "register" for a person who is being registered. */
    id: string;
    patient: string;
    /** The Patient, so that a form opens again without the network. */
    person?: unknown;
    questionnaire: string;
    title: string;
    /** JSON text of the QuestionnaireResponse with the answers of what is not asked now. */
    response: string;
    /** What is typed and is no answer yet, by the path of its question. */
    typed: Record<string, string>;
    /** Milliseconds; of the last change and of the last change that the server has. */
    changed: number;
    sent: number;
    /** The server's version that this continues. */
    version: string;
    /** Random: names this draft in what it saves on the server. */
    device: string;
    /** A finished response is being changed: the server has it whole until this is finished, too. */
    amends: boolean;
    /** Where to go when it is done: an address of these pages. */
    back: string;
    /** What a newer page needs to know of an older one. */
    form: 1;
}

const NAME = "rihla";
let opening: Promise<IDBDatabase> | undefined;

function open(): Promise<IDBDatabase> {
    opening ??= new Promise((done, failed) => {
        const asked = indexedDB.open(NAME, 1);
        asked.onupgradeneeded = () => {
            asked.result.createObjectStore("drafts", { keyPath: "id" });
            asked.result.createObjectStore("lists");
        };
        asked.onsuccess = () => done(asked.result);
        asked.onerror = () => failed(asked.error);
        asked.onblocked = () => failed(new Error("blocked"));
    });
    opening.catch(() => (opening = undefined));
    return opening;
}

async function act<T>(
    store: "drafts" | "lists",
    mode: IDBTransactionMode,
    what: (s: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
    const base = await open();
    return new Promise((done, failed) => {
        // "strict": it is on the disk when it is done, so a power cut does not take it either.
        const t = base.transaction(store, mode, { durability: "strict" });
        const asked = what(t.objectStore(store));
        t.oncomplete = () => done(asked.result);
        t.onerror = t.onabort = () => failed(t.error ?? asked.error);
    });
}

/** Changes whenever a draft comes or goes. */
export const draftsChanged = signal(0);

export async function keep(draft: Draft): Promise<void> {
    await act("drafts", "readwrite", (s) => s.put(draft));
}
export const kept = (id: string): Promise<Draft | undefined> =>
    act("drafts", "readonly", (s) => s.get(id) as IDBRequest<Draft | undefined>);
export async function forget(id: string): Promise<void> {
    await act("drafts", "readwrite", (s) => s.delete(id));
    draftsChanged.value++;
}
export const drafts = async (): Promise<Draft[]> =>
    (await act("drafts", "readonly", (s) => s.getAll() as IDBRequest<Draft[]>)).sort(
        (a, b) => b.changed - a.changed,
    );

/** Answers of the server that are needed without the network: which forms there are, and forms. */
export const keepList = (name: string, text: string): Promise<unknown> =>
    act("lists", "readwrite", (s) => s.put(text, name));
export const keptList = (name: string): Promise<string | undefined> =>
    act("lists", "readonly", (s) => s.get(name) as IDBRequest<string | undefined>);

/** A random id, also where the page came over plain http from another machine. */
export function newId(): string {
    const b = crypto.getRandomValues(new Uint8Array(16));
    b[6] = ((b[6] ?? 0) & 15) | 64;
    b[8] = ((b[8] ?? 0) & 63) | 128;
    const hex = [...b].map((one) => one.toString(16).padStart(2, "0")).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
