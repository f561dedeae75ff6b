// SPDX-License-Identifier: GPL-3.0-or-later
// record.tsx - one person's record on one page, made to be read in half a minute and to be printed.
import { useEffect, useState } from "preact/hooks";
import { Allergies, Medicines, Problems, Vaccinations } from "./clinical";
import { dateTime } from "./dates";
import { Encounters, Journey } from "./journey";
import { PersonRecord } from "./load";
import { mainName } from "./names";
import { Trouble } from "./parts";
import { Results } from "./results";
import { t } from "./text";
import { Who } from "./who";

function jump(id: string): void {
    const heading = document.getElementById(`${id}-title`);
    heading?.scrollIntoView({ block: "start" });
    heading?.focus({ preventScroll: true });
}

/** What a paper copy must say about itself: when it was made and that it may be incomplete. */
function PaperFoot({ record }: { record: PersonRecord }) {
    const [now, setNow] = useState(() => new Date());
    useEffect(() => {
        const printing = (): void => setNow(new Date()); // a page may be open for hours before
        addEventListener("beforeprint", printing);
        return () => removeEventListener("beforeprint", printing);
    }, []);
    const two = (n: number): string => String(n).padStart(2, "0");
    const stamp = `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}T${two(now.getHours())}:${two(now.getMinutes())}`;
    const whole = record
        .all()
        .every((one) => one.part.value.phase === "done" && !one.part.value.next);
    return (
        <p class="print-only paper-foot">
            {t("Printed {date} from the record", { date: dateTime(stamp) })}{" "}
            <bdi class="code">{record.id}</bdi>.{" "}
            {whole
                ? t("Earlier results of the same kind are not on this paper.")
                : t("This paper is incomplete: some parts were not loaded.")}
        </p>
    );
}

export function RecordPage({ id }: { id: string }) {
    const [record, setRecord] = useState<PersonRecord>();
    useEffect(() => {
        const mine = new PersonRecord(id);
        setRecord(mine);
        return () => mine.close();
    }, [id]);

    const person = record?.person.value ?? { phase: "loading" as const };
    useEffect(() => {
        document.title = person.phase === "done" ? `${mainName(person.patient)} – Rihla` : "Rihla";
        if (person.phase === "done")
            document.querySelector<HTMLElement>(".who h1")?.focus({ preventScroll: true });
    }, [person.phase]);

    if (!record || person.phase === "loading")
        return (
            <main class="record">
                <p class="loading" role="status">
                    {t("Loading the record…")}
                </p>
            </main>
        );
    if (person.phase === "failed")
        return (
            <main class="record">
                <h1 tabIndex={-1}>{t("The record could not be opened")}</h1>
                <Trouble
                    what={`${t("Record")} ${id}.`}
                    failure={person.failure}
                    retry={() => record.retry()}
                />
                <p>
                    <a href="#/">{t("Find a person")}</a>
                </p>
            </main>
        );
    const sections = [
        ["allergies", t("Allergies")],
        ["problems", t("Problems")],
        ["medicines", t("Medicines")],
        ["vaccinations", t("Vaccinations")],
        ["encounters", t("Encounters")],
        ["results", t("Results")],
    ] as const;
    return (
        <main class="record">
            <Who patient={person.patient} record={record} />
            <nav class="deeds" aria-label={t("What can be done")}>
                <a class="button" href={`#/Patient/${id}/forms`}>
                    {t("Forms")}
                </a>
                <a class="button" href={`#/Patient/${id}/assess`}>
                    {t("Assessment")}
                </a>
            </nav>
            <nav class="jumps" aria-label={t("Parts of the record")}>
                {sections.map(([part, title]) => (
                    <button type="button" onClick={() => jump(part)}>
                        {title}
                    </button>
                ))}
                <button type="button" class="print" onClick={() => window.print()}>
                    {t("Print")}
                </button>
            </nav>
            <Journey record={record} />
            <div class="sheet">
                <div class="column">
                    <Allergies record={record} />
                    <Problems record={record} />
                    <Medicines record={record} />
                    <Vaccinations record={record} />
                    <Encounters record={record} />
                </div>
                <div class="column">
                    <Results record={record} />
                </div>
            </div>
            <PaperFoot record={record} />
        </main>
    );
}
