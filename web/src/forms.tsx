// SPDX-License-Identifier: GPL-3.0-or-later
// forms.tsx - the forms of one person: what was begun, what can be begun, what is finished.
//
//   #/Patient/ID/forms
import { useEffect, useState } from "preact/hooks";
import { own, read, search, type Failure } from "./api";
import { date, dateTime } from "./dates";
import type { Patient, Resource } from "./fhir";
import { some } from "./fhir";
import { stamp } from "./fill";
import { drafts, draftsChanged, forget, keepList, keptList, type Draft } from "./keep";
import { asFailure } from "./load";
import { mainName, Name, namesOf } from "./names";
import { Badge, Trouble } from "./parts";
import { language, t } from "./text";

export interface Form {
    url: string;
    version?: string;
    title?: string;
    name?: string;
    draft?: boolean;
    /** The tests whose result it takes. */
    resultOf?: string[];
}

interface Response extends Resource {
    status?: string;
    questionnaire?: string;
    authored?: string;
}

/** Which forms there are; without the network those of the last time. */
export async function formsThere(): Promise<Form[]> {
    const name = `forms ${language.value}`;
    try {
        const list = await own<{ forms: Form[] }>("clinical/forms", [["language", language.value]]);
        await keepList(name, JSON.stringify(list.forms)).catch(() => {});
        return list.forms;
    } catch (error) {
        const before = await keptList(name).catch(() => undefined);
        if (!before) throw error;
        return JSON.parse(before) as Form[];
    }
}

export const bare = (canonical: string | undefined): string => some(canonical).split("|")[0] ?? "";

interface Loaded {
    person?: Patient;
    forms: Form[];
    here: Draft[];
    responses: Response[];
    failure?: Failure;
}

async function load(patient: string): Promise<Loaded> {
    const here = (await drafts().catch(() => [])).filter((one) => one.patient === patient);
    const l: Loaded = { forms: [], here, responses: [] };
    const fail = (error: unknown): void => void (l.failure ??= asFailure(error));
    await Promise.all([
        formsThere().then((forms) => (l.forms = forms), fail),
        read<Patient>(`Patient/${patient}`).then((person) => (l.person = person), fail),
        search<Response>("QuestionnaireResponse", { patient, _count: "50" }).then(
            (page) => (l.responses = page.items),
            fail,
        ),
    ]);
    const kept = here[0]?.person as Patient | undefined;
    if (!l.person && kept) l.person = kept;
    return l;
}

export function FormsPage({ patient }: { patient: string }) {
    const [l, setLoaded] = useState<Loaded>();
    const [attempt, setAttempt] = useState(0);
    useEffect(() => {
        let left = false;
        void load(patient).then((found) => !left && setLoaded(found));
        return () => void (left = true);
    }, [patient, attempt, language.value, draftsChanged.value]);
    useEffect(() => {
        document.title = [t("Forms"), l?.person ? mainName(l.person) : "", "Rihla"]
            .filter(Boolean)
            .join(" – ");
        if (l) document.querySelector<HTMLElement>("main h1")?.focus();
    }, [Boolean(l)]);
    if (!l)
        return (
            <main class="form">
                <p class="loading" role="status">
                    {t("Loading…")}
                </p>
            </main>
        );
    const at = `#/Patient/${patient}/form`;
    const titleOf = (canonical: string | undefined, else_ = ""): string =>
        l.forms.find((one) => one.url === bare(canonical))?.title || else_ || bare(canonical);
    const begun = l.responses.filter(
        (one) => one.status === "in-progress" && !l.here.some((d) => d.id === one.id),
    );
    const done = l.responses.filter(
        (one) => one.status === "completed" || one.status === "amended",
    );
    const name = l.person && namesOf(l.person)[0];
    return (
        <main class="form">
            <p class="of-whom">
                <a href={`#/Patient/${patient}`}>
                    {name ? <Name name={name} /> : t("Back to the record")}
                </a>
            </p>
            <h1 tabIndex={-1}>{t("Forms")}</h1>
            {l.failure && (
                <Trouble
                    what={t("Some of it could not be loaded.")}
                    failure={l.failure}
                    retry={() => setAttempt(attempt + 1)}
                />
            )}
            {(l.here.length > 0 || begun.length > 0) && (
                <section class="block">
                    <h2>{t("Go on with")}</h2>
                    <ul class="doors">
                        {l.here.map((one) => (
                            <li>
                                <a href={`${at}/${one.id}`}>
                                    <bdi>{titleOf(one.questionnaire, one.title)}</bdi>
                                </a>
                                <small>
                                    {one.changed > one.sent
                                        ? t("on this device only, {date}", {
                                              date: dateTime(stamp(new Date(one.changed))),
                                          })
                                        : dateTime(stamp(new Date(one.changed)))}
                                </small>
                                <Discard draft={one} />
                            </li>
                        ))}
                        {begun.map((one) => (
                            <li>
                                <a href={`${at}/${one.id}`}>
                                    <bdi>{titleOf(one.questionnaire)}</bdi>
                                </a>
                                <small>{dateTime(one.authored)}</small>
                            </li>
                        ))}
                    </ul>
                </section>
            )}
            <section class="block">
                <h2>{t("Begin")}</h2>
                {l.forms.length === 0 ? (
                    <p class="nothing">{t("No form is loaded on this server.")}</p>
                ) : (
                    <ul class="doors">
                        {[...l.forms]
                            .sort(
                                (a, b) => Number(Boolean(a.resultOf)) - Number(Boolean(b.resultOf)),
                            )
                            .map((one) => (
                                <li>
                                    <a href={`${at}?q=${encodeURIComponent(one.url)}`}>
                                        <bdi>{one.title || one.name || one.url}</bdi>
                                    </a>
                                    {one.draft && <Badge kind="noted">{t("draft")}</Badge>}
                                </li>
                            ))}
                    </ul>
                )}
            </section>
            {done.length > 0 && (
                <section class="block">
                    <h2>{t("Finished")}</h2>
                    <ul class="doors">
                        {done.map((one) => (
                            <li>
                                <span>
                                    <bdi>{titleOf(one.questionnaire)}</bdi>{" "}
                                    <small>{date(one.authored)}</small>
                                </span>
                                <a href={`${at}/${one.id}`}>{t("Change")}</a>
                            </li>
                        ))}
                    </ul>
                </section>
            )}
        </main>
    );
}

/** Two steps, so that nothing typed goes by one wrong key. */
function Discard({ draft }: { draft: Draft }) {
    const [asked, setAsked] = useState(false);
    return asked ? (
        <span>
            <button type="button" class="small grave" onClick={() => void forget(draft.id)}>
                {t("Delete from this device")}
            </button>
            <button type="button" class="small" onClick={() => setAsked(false)}>
                {t("Keep")}
            </button>
        </span>
    ) : (
        <button type="button" class="small" onClick={() => setAsked(true)}>
            {t("Discard")}
        </button>
    );
}
