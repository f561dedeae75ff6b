// SPDX-License-Identifier: GPL-3.0-or-later
// journey.tsx - where the person was seen: the countries as a route in time, and every encounter.
import { date, newestFirst, period } from "./dates";
import type { Address, Encounter, Place } from "./fhir";
import { concept, concepts, list, some, target } from "./fhir";
import type { PersonRecord } from "./load";
import { Badge, Data, Datas, Few, Mistakes, Row, Section, Trouble } from "./parts";
import { codeWord, countryKey, countryName, t, tn, word } from "./text";

const ERROR = "entered-in-error";
const NOT_YET = ["planned", "arrived", "triaged", "in-progress", "onleave", "cancelled", "unknown"];
const FEW_VISITS = 12;

interface Where {
    name: string;
    town: string;
    country: string;
}

const addressOf = (place: Place | undefined): Address | undefined => list(place?.address)[0];

/** Location first, since it says where; the organisation fills what it leaves open. */
function where(one: Encounter, record: PersonRecord): Where {
    const organizations = record.organizations.found.value;
    const at = one.location?.[0]?.location;
    const place = record.places.found.value.get(target(at));
    const owner =
        organizations.get(target(one.serviceProvider)) ??
        organizations.get(target(place?.managingOrganization));
    const names = [
        some(place?.name) || some(at?.display),
        some(owner?.name) || some(one.serviceProvider?.display),
    ].filter(Boolean);
    const found = addressOf(place)?.country
        ? addressOf(place)
        : (addressOf(owner) ?? addressOf(place));
    return {
        name: [...new Set(names)].join(", "),
        town: some(found?.city),
        country: some(found?.country),
    };
}

const visitsOf = (record: PersonRecord): Seen[] =>
    [...record.encounters.part.value.items]
        .sort(newestFirst((one) => one.period?.start))
        .filter((one) => one.status !== ERROR)
        .map((one) => ({ one, at: where(one, record) }));

interface Seen {
    one: Encounter;
    at: Where;
}
interface Stop {
    country: string;
    from?: string;
    to?: string;
    visits: number;
}

/** Countries in the order they were entered; a return to one is a stop of its own. */
function route(visits: Seen[]): Stop[] {
    const stops: Stop[] = [];
    for (const { one, at } of [...visits].reverse()) {
        if (
            !at.country ||
            !one.period?.start ||
            one.status === "planned" ||
            one.status === "cancelled"
        )
            continue;
        const last = stops[stops.length - 1];
        if (last && countryKey(last.country) === countryKey(at.country)) {
            last.visits += 1;
            last.to = one.period.start;
        } else
            stops.push({
                country: at.country,
                from: one.period.start,
                to: one.period.start,
                visits: 1,
            });
    }
    return stops;
}

/** The countries where the person was seen, as a line; one country alone is no journey. */
export function Journey({ record }: { record: PersonRecord }) {
    const stops = route(visitsOf(record));
    return stops.length < 2 ? null : (
        <section id="journey" aria-labelledby="journey-title">
            <h2 id="journey-title">{t("Journey")}</h2>
            <ol class="route" aria-label={t("Countries in order of time")}>
                {stops.map((one) => (
                    <li>
                        <strong>{countryName(one.country)}</strong>
                        <span>{period(one.from?.slice(0, 7), one.to?.slice(0, 7))}</span>
                        <span>{tn("{n} encounters", one.visits)}</span>
                    </li>
                ))}
            </ol>
        </section>
    );
}

function Visit({ one, at, past }: { one: Encounter; at: Where; past?: boolean }) {
    const kind =
        codeWord(`class-${one.class?.code ?? ""}`) ||
        some(one.class?.display) ||
        some(one.class?.code);
    const why = concepts(one.reasonCode);
    const what = concepts(one.type) || concept(one.serviceType) || kind || t("Encounter");
    const place = [at.name, at.town, countryName(at.country)].filter(Boolean);
    const status = some(one.status);
    const sameDay = one.period?.end && date(one.period.end) === date(one.period.start);
    return (
        <Row
            past={past === true}
            main={<Data>{what}</Data>}
            marks={[
                kind && kind !== what && <span class="kind">{kind}</span>,
                NOT_YET.includes(status) && <Badge>{word(status)}</Badge>,
            ]}
            more={
                <>
                    {place.length > 0 && (
                        <p class="place">
                            <Datas of={place} by=" · " />
                        </p>
                    )}
                    {why && (
                        <p>
                            {t("for")} <Data>{why}</Data>
                        </p>
                    )}
                </>
            }
            when={
                sameDay
                    ? date(one.period?.start)
                    : one.period?.end
                      ? period(one.period.start, one.period.end)
                      : date(one.period?.start) || t("date not recorded")
            }
        />
    );
}

export function Encounters({ record }: { record: PersonRecord }) {
    const visits = visitsOf(record);
    const wrong = record.encounters.part.value.items.filter((one) => one.status === ERROR);
    const failure = record.places.failure.value ?? record.organizations.failure.value;
    return (
        <Section
            id="encounters"
            title={t("Encounters")}
            count={visits.length}
            of={[record.encounters]}
            empty={visits.length === 0}
            nothing={t(
                "No encounter is recorded. That does not mean that the person was never seen.",
            )}
        >
            {failure && (
                <Trouble
                    what={t("The names of places could not be loaded.")}
                    failure={failure}
                    retry={() => record.retryPlaces()}
                />
            )}
            <Few
                few={FEW_VISITS}
                kids={visits.map(({ one, at }) => (
                    <Visit key={one.id} one={one} at={at} />
                ))}
                label={t("Encounters")}
            />
            <Mistakes
                kids={wrong.map((one) => (
                    <Visit key={one.id} one={one} at={where(one, record)} past />
                ))}
            />
        </Section>
    );
}
