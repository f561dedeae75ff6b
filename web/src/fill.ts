// SPDX-License-Identifier: GPL-3.0-or-later
// fill.ts - one form that is being filled in: its nodes as signals, and where its answers are kept.
//
// Each change goes to the core, then to this device (keep.ts), then after a pause to the server as a
// QuestionnaireResponse in progress. Nothing waits for the server; what it refuses or does not get
// stays here. Only one save to the device runs at a time: a change meanwhile makes another one.
import { signal, type Signal } from "@preact/signals";
import { Failure, finish, readText, write } from "./api";
import {
    call,
    CoreLost,
    learn,
    type Changes,
    type Fields,
    type FormError,
    type Json,
    type Node,
} from "./core";
import { parseExact, printExact } from "./exact";
import type { Patient } from "./fhir";
import { forget, keep, kept, newId, type Draft } from "./keep";
import { asFailure } from "./load";
import { language } from "./text";

/** Names this draft in what it saves, so that a save whose answer was lost is known as its own. */
const DRAFT_TAG = "https://rihla.example/fhir/CodeSystem/draft";
const PAUSE_MS = 1500; // after the last change, before it goes to the server
const AGAIN_MS = [3_000, 10_000, 30_000]; // until a server that did not answer is asked again

export type Save =
    | { at: "clean" }
    | { at: "keeping" }
    /** On this device only; why the server does not have it. */
    | { at: "here"; when: number; failure?: Failure }
    | { at: "server"; when: number }
    /** The device keeps nothing. */
    | { at: "nowhere" };

type Opened = { handle: string; title?: string; items: Node[]; complete: boolean };

const pad = (n: number): string => String(n).padStart(2, "0");

/** Now, as the clock on this wall reads, with its offset. */
export function stamp(at = new Date()): string {
    const off = -at.getTimezoneOffset();
    const zone = `${off < 0 ? "-" : "+"}${pad(Math.floor(Math.abs(off) / 60))}:${pad(Math.abs(off) % 60)}`;
    return `${today(at)}T${pad(at.getHours())}:${pad(at.getMinutes())}:${pad(at.getSeconds())}${zone}`;
}
export const today = (at = new Date()): string =>
    `${at.getFullYear()}-${pad(at.getMonth() + 1)}-${pad(at.getDate())}`;

/** The Patient as the record has it, digits of numbers kept; without the network as it was kept. */
async function personOf(patient: string, before: unknown): Promise<Fields | undefined> {
    try {
        return parseExact((await readText(`Patient/${patient}`)).text) as Fields;
    } catch (error) {
        if (before) return before as Fields;
        throw error;
    }
}

/** What the record already says, so that nothing is asked twice; undefined when nobody can say. */
async function populated(canonical: string, patient: string): Promise<Json | undefined> {
    const parameter: Json = [
        { name: "canonical", valueCanonical: canonical },
        { name: "subject", valueReference: { reference: `Patient/${patient}` } },
        {
            name: "context",
            part: [
                { name: "name", valueString: "patient" },
                { name: "content", valueReference: { reference: `Patient/${patient}` } },
            ],
        },
    ];
    try {
        const { text } = await readText("Questionnaire/$populate", [], {
            method: "POST",
            body: printExact({ resourceType: "Parameters", parameter }),
        });
        const answer = parseExact(text) as Fields;
        if (answer.resourceType === "QuestionnaireResponse") return answer;
        const out = (answer.parameter as Fields[] | undefined)?.find((p) => p.name === "response");
        return out?.resource;
    } catch {
        return undefined; // the form's own initial values still stand
    }
}

export class Filling {
    private readonly nodes = new Map<string, Signal<Node | undefined>>();
    private readonly kids = new Map<string, Signal<string[]>>();
    private readonly typedTexts = new Map<string, Signal<string | undefined>>();
    private readonly ids = new Map<string, string>();
    readonly title = signal("");
    readonly save: Signal<Save> = signal({ at: "clean" });
    /** Questions that were answered or left: their errors are shown. */
    readonly touched: Signal<ReadonlySet<string>> = signal(new Set<string>());
    readonly problem: Signal<string> = signal("");
    /** What the last check found, by path, until the answer changes. */
    readonly faults: Signal<ReadonlyMap<string, string[]>> = signal(new Map());
    private handle = "";
    private dirty = false;
    private keeping: Promise<void> | undefined;
    private timer: ReturnType<typeof setTimeout> | undefined;
    private failures = 0;
    private closed = false; // takes no more changes
    private done = false; // finished or discarded: nothing is kept or sent any more
    private spoken = language.value;
    private queue: Promise<unknown> = Promise.resolve();

    private constructor(readonly draft: Draft) {
        addEventListener("online", this.online);
        addEventListener("pagehide", this.sendNow);
        document.addEventListener("visibilitychange", this.sendNow);
    }

    /** A new, empty response; `populate` asks the record first. */
    static async begin(patient: string, canonical: string, back: string): Promise<Filling> {
        await learn(canonical);
        const person = await personOf(patient, undefined);
        const response = await populated(canonical, patient);
        const f = new Filling({
            id: newId(),
            patient,
            person,
            questionnaire: canonical,
            title: "",
            response: "",
            typed: {},
            changed: 0,
            sent: 0,
            version: "",
            device: newId(),
            amends: false,
            back,
            form: 1,
        });
        await f.open(response, true);
        return f;
    }

    /** Goes on with what is on this device, else with what the server has. */
    static async resume(id: string, back: string): Promise<Filling> {
        let draft = await kept(id).catch(() => undefined);
        if (!draft || draft.changed <= draft.sent) draft = await this.fetch(id, back, draft);
        await learn(draft.questionnaire);
        draft.person = await personOf(draft.patient, draft.person);
        const f = new Filling({ ...draft, back: back || draft.back });
        await f.open(parseExact(draft.response) as Json, false);
        for (const [path, text] of Object.entries(draft.typed)) f.typed(path).value = text;
        if (draft.changed > draft.sent) {
            f.save.value = { at: "here", when: draft.changed };
            f.sendSoon(0);
        } else if (draft.sent) f.save.value = { at: "server", when: draft.sent };
        return f;
    }

    private static async fetch(
        id: string,
        back: string,
        before: Draft | undefined,
    ): Promise<Draft> {
        try {
            const { text, version } = await readText(`QuestionnaireResponse/${id}`);
            const r = parseExact(text) as Fields;
            const subject = String((r.subject as Fields | undefined)?.reference ?? "");
            const when = Date.parse(String((r.meta as Fields | undefined)?.lastUpdated ?? "")) || 0;
            return {
                id,
                patient: /Patient\/([^/]+)$/.exec(subject)?.[1] ?? "",
                person: before?.person,
                questionnaire: String(r.questionnaire ?? ""),
                title: before?.title ?? "",
                response: text,
                typed: before?.typed ?? {},
                changed: when,
                sent: when,
                version,
                device: before?.device ?? newId(),
                amends: r.status === "completed" || r.status === "amended",
                back,
                form: 1,
            };
        } catch (error) {
            if (before) return before;
            throw error;
        }
    }

    /** `fresh`: initial values are also given to what the response leaves open. */
    private async open(response: Json | undefined, fresh: boolean): Promise<void> {
        const opened = await call<Opened>("form.open", {
            questionnaire: this.draft.questionnaire,
            response: response ?? null,
            context: this.draft.person ? { patient: this.draft.person } : {},
            language: this.spoken,
            now: stamp(),
            fresh,
        });
        this.handle = opened.handle;
        this.show(opened);
    }

    private show(opened: Pick<Opened, "title" | "items">): void {
        this.title.value = this.draft.title = opened.title ?? this.draft.title;
        this.children("").value = opened.items.map((one) => one.path);
        opened.items.forEach((one) => this.put(one));
    }

    private put(node: Node): void {
        const { children, ...rest } = node;
        const before = this.node(node.path).value;
        // Options and what stands below come only when they are others than before.
        if (!rest.options && before?.options) rest.options = before.options;
        this.node(node.path).value = rest;
        if (!children) return;
        children.forEach((one) => this.put(one));
        this.children(node.path).value = children.map((one) => one.path);
    }

    node(path: string): Signal<Node | undefined> {
        let found = this.nodes.get(path);
        if (!found) this.nodes.set(path, (found = signal<Node | undefined>(undefined)));
        return found;
    }
    /** Paths of what stands below; of "": the top. */
    children(path: string): Signal<string[]> {
        let found = this.kids.get(path);
        if (!found) this.kids.set(path, (found = signal<string[]>([])));
        return found;
    }
    /** What is typed in a field and is not (yet) an answer. */
    typed(path: string): Signal<string | undefined> {
        let found = this.typedTexts.get(path);
        if (!found) this.typedTexts.set(path, (found = signal<string | undefined>(undefined)));
        return found;
    }
    /** For aria and labels: short, and the same as long as the form is open. */
    id(path: string): string {
        let found = this.ids.get(path);
        if (!found) this.ids.set(path, (found = `q${this.ids.size}`));
        return found;
    }
    /** Everything below a path that is asked now, in order. */
    *asked(path: string): Generator<Node> {
        for (const one of this.children(path).value) {
            const node = this.node(one).value;
            if (!node || !node.enabled || node.hidden) continue;
            yield node;
            yield* this.asked(one);
        }
    }

    // ---- changes, one after the other ---------------------------------------------------------

    private change(name: string, input: Record<string, unknown>): Promise<void> {
        const mine = this.queue.then(async () => {
            if (this.closed) return;
            try {
                const changes = await call<Changes>(name, { handle: this.handle, ...input });
                for (const path of changes.removed ?? []) this.node(path).value = undefined;
                changes.changed.forEach((one) => this.put(one));
                this.mend(typeof input.path === "string" ? input.path : "");
                this.problem.value = "";
            } catch (error) {
                if (error instanceof CoreLost) await this.reopen();
                this.problem.value = error instanceof Error ? error.message : String(error);
            }
            this.isChanged();
        });
        this.queue = mine.catch(() => {});
        return mine;
    }

    /** What was found wrong with a question is no longer said when it is answered anew. */
    private mend(path: string): void {
        if (!this.faults.value.has(path)) return;
        const left = new Map(this.faults.value);
        left.delete(path);
        this.faults.value = left;
    }

    private async reopen(): Promise<void> {
        await learn(this.draft.questionnaire);
        const before = this.draft.response ? (parseExact(this.draft.response) as Json) : null;
        await this.open(before, false);
    }

    answer(path: string, answer: Fields[]): Promise<void> {
        this.touch(path);
        return this.change("form.answer", { path, answer });
    }
    add = (path: string): Promise<void> => this.change("form.add", { path });
    remove = (path: string): Promise<void> => this.change("form.remove", { path });
    bulk = (path: string, answer: Fields): Promise<void> =>
        this.change("form.bulk", { path, answer });

    /** Keeps what is typed and is no answer, so that a closed page does not lose it either. */
    type(path: string, text: string | undefined): void {
        if (this.typed(path).value === text) return;
        this.typed(path).value = text;
        if (text === undefined) delete this.draft.typed[path];
        else this.draft.typed[path] = text;
        this.isChanged();
    }

    touch(path: string): void {
        if (!this.touched.value.has(path))
            this.touched.value = new Set([...this.touched.value, path]);
    }

    async speak(code: typeof language.value): Promise<void> {
        if (code === this.spoken) return;
        this.spoken = code;
        await (this.queue = this.queue.then(async () => {
            const { handle } = this;
            this.show(await call<Opened>("form.language", { handle, language: code }));
        }));
    }

    // ---- keeping and sending ------------------------------------------------------------------

    private isChanged(): void {
        this.draft.changed = Date.now();
        this.dirty = true;
        this.save.value = { at: "keeping" };
        this.keeping ??= this.keepAll().finally(() => (this.keeping = undefined));
        this.sendSoon(PAUSE_MS);
    }

    private async whole(name: "form.draft" | "form.response", status: string): Promise<string> {
        const r = await call<Fields>(name, { handle: this.handle });
        const { draft } = this;
        return printExact({
            ...r,
            resourceType: "QuestionnaireResponse",
            id: draft.id,
            questionnaire: (r.questionnaire as string | undefined) ?? draft.questionnaire,
            status,
            ...(status === "in-progress"
                ? { meta: { tag: [{ system: DRAFT_TAG, code: draft.device }] } }
                : {}),
            subject: { reference: `Patient/${draft.patient}` },
            authored: stamp(),
        });
    }

    private async keepAll(): Promise<void> {
        while (this.dirty && !this.done) {
            this.dirty = false;
            try {
                this.draft.response = await this.whole("form.draft", "in-progress");
                await keep({ ...this.draft, typed: { ...this.draft.typed } });
                if (!this.dirty) this.save.value = { at: "here", when: this.draft.changed };
            } catch {
                this.save.value = { at: "nowhere" };
            }
        }
    }

    private sendSoon(wait: number): void {
        clearTimeout(this.timer);
        this.timer = setTimeout(this.sendNow, wait);
    }

    private readonly online = (): void => {
        this.failures = 0;
        void this.sendNow();
    };

    private sending = false;
    private wanted = false; // to be sent again at once, when what is on its way has ended
    private readonly sendNow = async (): Promise<void> => {
        await this.keeping;
        const { draft } = this;
        if (this.sending) this.wanted = true;
        if (this.sending || this.done || draft.amends || draft.changed <= draft.sent) return;
        if (!draft.response) return;
        clearTimeout(this.timer);
        this.sending = true;
        this.wanted = false;
        const upTo = draft.changed;
        try {
            const { version } = await write(
                `QuestionnaireResponse/${draft.id}`,
                draft.response,
                draft.version ? { version: draft.version } : { absent: true },
            );
            this.failures = 0;
            draft.version = version;
            draft.sent = upTo;
            if (!this.done) await keep({ ...draft, typed: { ...draft.typed } }).catch(() => {});
            if (draft.changed === upTo) this.save.value = { at: "server", when: upTo };
        } catch (error) {
            const failure = asFailure(error);
            if (failure.kind === "changed" && (await this.isOurs())) this.wanted = true;
            else if (this.save.value.at !== "nowhere" && draft.changed === upTo)
                this.save.value = { at: "here", when: upTo, failure };
            const again = failure.kind === "unreachable" || failure.kind === "slow";
            if (again && !this.closed)
                this.sendSoon(AGAIN_MS[Math.min(this.failures++, 2)] ?? 30_000);
        } finally {
            this.sending = false;
            if (this.wanted && !this.done) this.sendSoon(0);
            else if (draft.changed > upTo && !this.closed) this.sendSoon(PAUSE_MS);
        }
    };

    /**
     * After a refusal because of a newer version: is that one a save of this draft whose answer was
     * lost (a cut line, a killed tab)? Then it goes on from there.
     */
    private async isOurs(): Promise<boolean> {
        const { draft } = this;
        try {
            const { text, version } = await readText(`QuestionnaireResponse/${draft.id}`);
            const { meta } = JSON.parse(text) as {
                meta?: { tag?: { system?: string; code?: string }[] };
            };
            const ours = (meta?.tag ?? []).some(
                (tag) => tag.system === DRAFT_TAG && tag.code === draft.device,
            );
            if (!ours || version === draft.version) return false;
            draft.version = version;
            return true;
        } catch {
            return false;
        }
    }

    /** What was saved elsewhere meanwhile is replaced by what stands here (it stays in the history). */
    async overwrite(): Promise<void> {
        const { version } = await readText(`QuestionnaireResponse/${this.draft.id}`);
        this.draft.version = version;
        await this.sendNow();
    }

    async check(): Promise<FormError[]> {
        await this.queue;
        const { errors } = await call<{ valid: boolean; errors: FormError[] }>("form.check", {
            handle: this.handle,
            language: this.spoken,
        });
        const found = (errors ?? []).filter((one) => !one.severity || one.severity === "error");
        const faults = new Map<string, string[]>();
        for (const one of found) faults.set(one.path, [...(faults.get(one.path) ?? []), one.text]);
        this.faults.value = faults;
        return found;
    }

    /** Stores the finished form and what follows from it; afterwards nothing of it is kept here. */
    async finish(): Promise<void> {
        await this.queue;
        await this.keeping;
        clearTimeout(this.timer);
        while (this.sending) await new Promise((done) => setTimeout(done, 50));
        const { draft } = this;
        const body = await this.whole("form.response", draft.amends ? "amended" : "completed");
        try {
            await finish(body, draft.version);
        } catch (error) {
            if (asFailure(error).kind !== "changed" || !(await this.isOurs())) throw error;
            await finish(body, draft.version);
        }
        this.done = true;
        this.close();
        await forget(draft.id).catch(() => {});
    }

    /** What is on the device goes; the server keeps what it has. */
    async discard(): Promise<void> {
        this.done = true;
        this.close();
        await this.keeping;
        await forget(this.draft.id);
    }

    /** What was typed last still reaches the device and, if it answers, the server. */
    close(): void {
        if (this.closed) return;
        this.closed = true;
        clearTimeout(this.timer);
        removeEventListener("online", this.online);
        removeEventListener("pagehide", this.sendNow);
        document.removeEventListener("visibilitychange", this.sendNow);
        void (async () => {
            await this.queue;
            await this.sendNow();
            await call("form.close", { handle: this.handle });
        })().catch(() => {});
    }
}

export const personName = (draft: Draft): Patient =>
    (draft.person as Patient | undefined) ?? ({ resourceType: "Patient" } as Patient);
