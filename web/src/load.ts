// SPDX-License-Identifier: GPL-3.0-or-later
// load.ts - one person's record as signals: each part loads, fails and is retried on its own.
//
// A part follows the server's next links up to PART_LIMIT entries and then says that there is more;
// it never shows a first page as if it were everything.
import { signal, type Signal } from "@preact/signals";
import { Failure, more, read, search } from "./api";
import type {
    Allergy,
    Condition,
    Encounter,
    Immunization,
    Medication,
    Medicine,
    Observation,
    Patient,
    Place,
    RelatedPerson,
    Report,
    Resource,
} from "./fhir";
import { list, target } from "./fhir";

const PAGE = "100"; // entries asked for at a time
const PART_LIMIT = 2000; // entries of one type that are loaded without being asked to
const IDS_AT_ONCE = 40; // ids in one request for places and medicines

export interface Part<T> {
    phase: "loading" | "done" | "failed";
    items: T[];
    total?: number;
    next?: URL;
    failure?: Failure;
}

export const asFailure = (error: unknown): Failure =>
    error instanceof Failure ? error : new Failure("broken", 0, String(error));

export class Collection<T extends Resource> {
    readonly part: Signal<Part<T>> = signal({ phase: "loading", items: [] });

    constructor(
        readonly type: string,
        private readonly parameters: Record<string, string>,
        private readonly stop: AbortSignal,
        private readonly then: (items: T[]) => void = () => {},
    ) {
        void this.load();
    }

    async load(): Promise<void> {
        this.part.value = { phase: "loading", items: [] };
        await this.follow(() => search<T>(this.type, this.parameters, this.stop), PART_LIMIT);
    }

    /** Loads on from where the limit stopped. */
    async rest(): Promise<void> {
        const next = this.part.value.next;
        if (!next) return;
        this.part.value = { ...this.part.value, phase: "loading" };
        await this.follow(
            () => more<T>(next, this.stop),
            this.part.value.items.length + PART_LIMIT,
        );
    }

    private async follow(first: () => ReturnType<typeof search<T>>, limit: number): Promise<void> {
        try {
            for (let page = await first(); ;) {
                const before = this.part.value;
                const items = [...before.items, ...page.items];
                const total = page.total ?? before.total;
                const going = page.next && items.length < limit;
                this.part.value = {
                    phase: going ? "loading" : "done",
                    items,
                    ...(total === undefined ? {} : { total }),
                    ...(page.next ? { next: page.next } : {}),
                };
                this.then(page.items);
                if (!going || !page.next) return;
                page = await more<T>(page.next, this.stop);
            }
        } catch (error) {
            if (this.stop.aborted) return;
            this.part.value = { ...this.part.value, phase: "failed", failure: asFailure(error) };
        }
    }
}

/** Resources that others refer to, asked for once each, several in one request. */
class Referred<T extends Resource> {
    readonly found: Signal<ReadonlyMap<string, T>> = signal(new Map());
    readonly failure: Signal<Failure | undefined> = signal(undefined);
    private readonly asked = new Set<string>();

    constructor(
        private readonly type: string,
        private readonly stop: AbortSignal,
        private readonly then: (items: T[]) => void = () => {},
    ) {}

    want(references: string[]): void {
        const ids = [...new Set(references)]
            .filter((one) => one.startsWith(`${this.type}/`) && !this.asked.has(one))
            .map((one) => one.slice(this.type.length + 1));
        for (const id of ids) this.asked.add(`${this.type}/${id}`);
        for (let i = 0; i < ids.length; i += IDS_AT_ONCE)
            void this.fetch(ids.slice(i, i + IDS_AT_ONCE));
    }

    private async fetch(ids: string[]): Promise<void> {
        try {
            const page = await search<T>(
                this.type,
                { _id: ids.join(","), _count: PAGE },
                this.stop,
            );
            const found = new Map(this.found.value);
            for (const one of page.items) found.set(`${this.type}/${one.id}`, one);
            this.found.value = found;
            this.then(page.items);
        } catch (error) {
            if (this.stop.aborted) return;
            for (const id of ids) this.asked.delete(`${this.type}/${id}`);
            this.failure.value = asFailure(error);
        }
    }
}

export type Person =
    | { phase: "loading" }
    | { phase: "done"; patient: Patient }
    | { phase: "failed"; failure: Failure };

export class PersonRecord {
    private readonly abort = new AbortController();
    private readonly stop = this.abort.signal;
    readonly person: Signal<Person> = signal({ phase: "loading" });

    readonly places = new Referred<Place>("Location", this.stop, (places) =>
        this.organizations.want(places.flatMap((one) => [target(one.managingOrganization)])),
    );
    readonly organizations = new Referred<Place>("Organization", this.stop);
    readonly medications = new Referred<Medication>("Medication", this.stop);

    readonly allergies = this.of<Allergy>("AllergyIntolerance");
    readonly conditions = this.of<Condition>("Condition");
    readonly statements = this.of<Medicine>("MedicationStatement", (items) =>
        this.wantMedicines(items),
    );
    readonly requests = this.of<Medicine>("MedicationRequest", (items) =>
        this.wantMedicines(items),
    );
    readonly immunizations = this.of<Immunization>("Immunization");
    readonly encounters = this.of<Encounter>("Encounter", (items) => this.wantPlaces(items));
    readonly observations = this.of<Observation>("Observation");
    readonly reports = this.of<Report>("DiagnosticReport");
    readonly related = this.of<RelatedPerson>("RelatedPerson");

    constructor(readonly id: string) {
        void this.load();
    }

    private of<T extends Resource>(type: string, then?: (items: T[]) => void): Collection<T> {
        return new Collection<T>(type, { patient: this.id, _count: PAGE }, this.stop, then);
    }

    private wantMedicines(items: Medicine[]): void {
        this.medications.want(items.map((one) => target(one.medicationReference)));
    }

    private wantPlaces(items: Encounter[]): void {
        this.organizations.want(items.map((one) => target(one.serviceProvider)));
        this.places.want(
            items.flatMap((one) => list(one.location).map((at) => target(at.location))),
        );
    }

    async load(): Promise<void> {
        this.person.value = { phase: "loading" };
        try {
            const patient = await read<Patient>(
                `Patient/${encodeURIComponent(this.id)}`,
                this.stop,
            );
            this.person.value = { phase: "done", patient };
        } catch (error) {
            if (!this.stop.aborted)
                this.person.value = { phase: "failed", failure: asFailure(error) };
        }
    }

    /** Asks again for the places that did not come. */
    retryPlaces(): void {
        this.places.failure.value = this.organizations.failure.value = undefined;
        this.wantPlaces(this.encounters.part.value.items);
        this.organizations.want(
            [...this.places.found.value.values()].map((one) => target(one.managingOrganization)),
        );
    }

    /** Asks again for everything that failed. */
    retry(): void {
        if (this.person.value.phase === "failed") void this.load();
        for (const one of this.all()) if (one.part.value.phase === "failed") void one.load();
    }

    all(): Collection<Resource>[] {
        return [
            this.allergies,
            this.conditions,
            this.statements,
            this.requests,
            this.immunizations,
            this.encounters,
            this.observations,
            this.reports,
            this.related,
        ] as unknown as Collection<Resource>[];
    }

    close(): void {
        this.abort.abort();
    }
}
