// SPDX-License-Identifier: GPL-3.0-or-later
// clinical.test.mjs - register, fill in, assess: the main job as it is done at a desk, by keyboard.
//
// The real program with the packs of this tree, the clinical core as WebAssembly, a real browser.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { rm } from "node:fs/promises";
import { after, before, describe, it } from "node:test";
import { fillForm, fillPage, focused, tabTo } from "./keyboard.mjs";
import { onPage, openBrowser, outsideBundle, Server } from "./support.mjs";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const FORM = "https://rihla.example/fhir/Questionnaire/ephr-core";
const PROTOCOLS = ["uk-tb", "us-immigrant"];

let server;
let browser;
let imported;

before(async () => {
    imported = await outsideBundle();
    server = await Server.start(imported ? [imported.path] : []);
    browser = await openBrowser();
});

after(async () => {
    await browser?.close();
    await server?.close();
    if (imported) await rm(imported.folder, { recursive: true, force: true });
});

const page = (options, test) => onPage(browser, options, test);
const fhir = async (path) => (await fetch(`${server.url}fhir/${path}`)).json();
const formAddress = (id, form = FORM) =>
    `${server.url}#/Patient/${id}/form?q=${encodeURIComponent(form)}`;

async function openForm(p, id, form = FORM) {
    await p.goto(formAddress(id, form));
    await p.locator(".sheet-form .q").first().waitFor();
}
const pageButton = (p, name) => p.locator(".pages button", { hasText: name });
const question = (p, link) => p.locator(`.q[data-link="${link}"]`);
const kept = (p) =>
    p.waitForFunction(() => document.querySelector(".state.here, .state.server") !== null);

async function noFaults(p, what) {
    await p.addScriptTag({ path: AXE });
    const found = await p.evaluate(() =>
        window.axe.run(document, { resultTypes: ["violations", "passes"] }),
    );
    const serious = found.violations.filter((one) => ["serious", "critical"].includes(one.impact));
    assert.ok(found.passes.length > 10, "the rules ran");
    assert.deepEqual(
        serious.map((one) => `${one.id}: ${one.nodes[0].html} ${one.nodes[0].failureSummary}`),
        [],
        what,
    );
}

describe("register a person", () => {
    it("by keyboard alone: names in two scripts, an estimated birth date, a language, a number", () =>
        page({}, async (p) => {
            await p.goto(`${server.url}#/register`);
            await p.locator("#given").waitFor();
            await p.waitForFunction(() => document.activeElement?.id === "given");
            await p.keyboard.type("Zahra");
            await tabTo(p, "#family");
            await p.keyboard.type("Registercase");
            await tabTo(p, "#given2");
            await p.keyboard.type("زهرة");
            await tabTo(p, "#birth");
            await p.keyboard.type("1.5.1994");
            assert.match(await p.locator("#birth-hint").innerText(), /1 May 1994/);
            await tabTo(p, "#estimated");
            await p.keyboard.press("Space");
            await tabTo(p, "#margin");
            await p.keyboard.type("2");
            assert.match(await p.locator("#margin-hint").innerText(), /1 May 1992 – 1 May 1996/);
            await tabTo(p, "#sex");
            await p.keyboard.press("Space");
            await tabTo(p, "#language");
            await p.keyboard.type("arab");
            await p.keyboard.press("Enter");
            await tabTo(p, "#number0");
            await p.keyboard.type("RC-1");
            await tabTo(p, "button[type=submit]");
            await p.keyboard.press("Enter");
            await p.locator(".who h1").waitFor();
            assert.match(await p.locator(".notice").innerText(), /The person is registered/);
            assert.match(await p.locator(".who h1").innerText(), /Zahra Registercase/);
            const id = /Patient\/([^/?]+)/.exec(p.url())[1];
            const person = await fhir(`Patient/${id}`);
            assert.equal(person.birthDate, "1994-05-01");
            assert.deepEqual(person._birthDate.extension[0].valuePeriod, {
                start: "1992-05-01",
                end: "1996-05-01",
            });
            assert.equal(person.communication[0].language.coding[0].code, "ar");
            assert.equal(person.name[1].given[0], "زهرة");
            assert.equal(person.identifier[0].value, "RC-1");
            assert.match(await p.locator(".facts").first().innerText(), /1 May 1992 – 1 May 1996/);
        }));

    it("shows who it may be before it makes a second record, in another script, too", () =>
        page({}, async (p) => {
            await p.goto(`${server.url}#/register?name=${encodeURIComponent("ريما حداد")}`);
            await p.waitForFunction(() => document.activeElement?.id === "given");
            await tabTo(p, "#birth");
            await p.keyboard.type("1990");
            await tabTo(p, "#sex");
            await p.keyboard.press("Space");
            await tabTo(p, "button[type=submit]");
            await p.keyboard.press("Enter");
            await p.locator(".same .hit").first().waitFor();
            assert.equal(await p.evaluate(() => document.activeElement?.id), "same-title");
            const ids = await p
                .locator(".same .hit")
                .evaluateAll((all) => all.map((one) => one.dataset.id));
            assert.ok(ids.includes("cast-haddad-2"), ids.join());
            await tabTo(p, '.hit[data-id="cast-haddad-2"]');
            await p.keyboard.press("Enter");
            await p.locator(".who h1").waitFor();
            assert.match(p.url(), /cast-haddad-2$/);
        }));

    it("says beside the field what is wrong, and goes there", () =>
        page({}, async (p) => {
            await p.goto(`${server.url}#/register`);
            await p.waitForFunction(() => document.activeElement?.id === "given");
            await p.keyboard.press("Enter");
            await p.locator("#given-error").waitFor();
            assert.equal(await p.evaluate(() => document.activeElement?.id), "given");
            assert.equal(await p.locator("#given").getAttribute("aria-invalid"), "true");
            assert.match(await p.locator("#given").getAttribute("aria-describedby"), /given-error/);
            await p.keyboard.type("Futurecase");
            await tabTo(p, "#birth");
            await p.keyboard.type("31.2.1990");
            await p.keyboard.press("Enter");
            assert.match(await p.locator("#birth-error").innerText(), /not a date/);
        }));

    it("keeps what is typed when the tab is closed, and forgets it when told to", () =>
        page({}, async (p, context) => {
            await p.goto(`${server.url}#/register`);
            await p.waitForFunction(() => document.activeElement?.id === "given");
            await p.keyboard.type("Halftyped");
            await p.getByText("Kept on this device").waitFor();
            await p.close();
            const q = await context.newPage();
            await q.goto(`${server.url}#/register`);
            await q.waitForFunction(() => document.querySelector("#given")?.value === "Halftyped");
            await q.getByRole("button", { name: "Empty the form" }).click();
            assert.equal(await q.locator("#given").inputValue(), "");
        }));
});

describe("fill in a form", () => {
    it("knows what the record says, and shows help, absence and errors beside the field", () =>
        page({ failing: true }, async (p) => {
            await openForm(p, "cast-selam");
            await pageButton(p, "Person").click();
            const family = question(p, "dem.family").locator("input");
            assert.equal(await family.inputValue(), "Tesfay");
            await pageButton(p, "Symptoms").click();
            const cough = question(p, "hx.sympt.cough");
            await cough.locator("input").first().focus();
            await p.keyboard.press("?");
            assert.match(await cough.locator(".help-text").innerText(), /Why it is asked/);
            assert.equal(await cough.getByRole("radiogroup").getAttribute("aria-required"), "true");
            await cough.getByRole("button", { name: /^No answer/ }).click();
            await cough.getByLabel("Refused").check();
            await cough.getByLabel("Reason").fill("does not want to say");
            assert.equal(await cough.locator(".choices").count(), 0);
            await kept(p);
            await pageButton(p, "Measurements").click();
            const weight = question(p, "vit.weight").locator("input");
            await weight.fill("9x");
            await weight.blur();
            const error = question(p, "vit.weight").locator(".error");
            assert.match(await error.innerText(), /not a number/);
            assert.ok(
                (await weight.getAttribute("aria-describedby")).includes(
                    await error.getAttribute("id"),
                ),
            );
            await weight.fill("5.60");
            await weight.blur();
            assert.equal(await error.count(), 0);
            await p.locator(".state.server").waitFor();
            const id = /form\/([^?]+)/.exec(p.url())[1];
            const text = await (
                await fetch(`${server.url}fhir/QuestionnaireResponse/${id}`)
            ).text();
            assert.match(text, /:5\.60\b/, "every digit is kept");
            assert.match(text, /asked-declined/);
            assert.match(text, /does not want to say/);
            assert.match(text, /"status":"in-progress"/);
        }));

    it("gives the usual answer to all others by one key, but never to what is asked one by one", () =>
        page({ failing: true }, async (p) => {
            await openForm(p, "cast-muller");
            await pageButton(p, "Examination").click();
            await tabTo(p, '.q[data-link="exam.general"] input');
            await p.keyboard.press("2");
            await p.keyboard.press("*");
            await kept(p);
            const checked = (link) => question(p, link).locator("input:checked").count();
            assert.equal(await checked("exam.heart"), 1);
            assert.match(await question(p, "exam.heart").innerText(), /filled in together/);
            assert.match(
                await question(p, "exam.general").locator(".choice:has(:checked)").innerText(),
                /Abnormal/,
                "what was answered stays",
            );
            await pageButton(p, "Symptoms").click();
            assert.equal(await checked("hx.sympt.cough"), 0);
        }));

    it("says what is missing beside its field when it cannot be finished, and goes there", () =>
        page({ failing: true }, async (p) => {
            await openForm(
                p,
                "cast-macuacua",
                "https://rihla.example/fhir/Questionnaire/film-result",
            );
            assert.equal(await p.locator("button.bulk").count(), 0, "nothing usual for all here");
            await tabTo(p, '.q[data-link="film-taken"] input');
            await p.keyboard.press("y");
            await p.keyboard.press("Control+Enter");
            await p.keyboard.press("Enter");
            const error = question(p, "film-date").locator(".error");
            await error.waitFor();
            const field = question(p, "film-date").locator("input").first();
            assert.equal(await field.getAttribute("aria-invalid"), "true");
            assert.ok(
                (await field.getAttribute("aria-describedby")).includes(
                    await error.getAttribute("id"),
                ),
            );
            assert.equal((await focused(p)).link, "film-date");
            await p.keyboard.press("t");
            await error.waitFor({ state: "detached" });
        }));

    it("loses nothing typed when the network is cut and the tab is killed", () =>
        page({ failing: true, serviceWorkers: "allow" }, async (p, context) => {
            await openForm(p, "cast-thor");
            await p.evaluate(() => navigator.serviceWorker.ready);
            await pageButton(p, "Symptoms").click();
            await question(p, "hx.sympt.cough").locator("input").first().focus();
            await p.keyboard.press("n");
            await p.locator(".state.server").waitFor();
            const address = p.url();
            await context.setOffline(true);
            await question(p, "hx.sympt.fever").locator("input").first().focus();
            await p.keyboard.press("y");
            await pageButton(p, "Measurements").click();
            await question(p, "vit.weight").locator("input").focus();
            await p.keyboard.type("81.50");
            await pageButton(p, "Person").click();
            await question(p, "dem.dob").locator("input").first().fill("19");
            await p.waitForFunction(() =>
                /not yet on the server/.test(document.querySelector(".state")?.innerText ?? ""),
            );
            await p.waitForTimeout(2000); // the server was asked and did not answer
            await p.close({ runBeforeUnload: false });

            const q = await context.newPage();
            await q.goto(address); // still without the network
            await q.locator(".sheet-form .q").first().waitFor();
            await pageButton(q, "Symptoms").click();
            const chosen = (link) => question(q, link).locator(".choice:has(:checked)").innerText();
            assert.equal(await chosen("hx.sympt.cough"), "no");
            assert.equal(await chosen("hx.sympt.fever"), "yes");
            await pageButton(q, "Measurements").click();
            assert.equal(await question(q, "vit.weight").locator("input").inputValue(), "81.50");
            await pageButton(q, "Person").click();
            assert.equal(await question(q, "dem.dob").locator("input").first().inputValue(), "19");
            assert.match(await q.locator(".state").innerText(), /not yet on the server/);

            await context.setOffline(false);
            await q.evaluate(() => dispatchEvent(new Event("online")));
            await q.locator(".state.server").waitFor();
            const id = /form\/([^?]+)/.exec(q.url())[1];
            const text = JSON.stringify(await fhir(`QuestionnaireResponse/${id}`));
            assert.match(text, /81\.5/);
            assert.match(text, /hx\.sympt\.fever/);
        }));

    it("changes a finished form: the record keeps the earlier answers until then, and in its history", () =>
        page({ failing: true }, async (p) => {
            const form = "https://rihla.example/fhir/Questionnaire/pregnancy";
            await openForm(p, "cast-selam", form);
            assert.equal(await fillForm(p, { "pregnancy-status": "2" }), "");
            await p.locator(".who h1").waitFor();
            const found = await fhir(
                `QuestionnaireResponse?patient=cast-selam&status=completed&questionnaire=${form}`,
            );
            const { id } = found.entry[0].resource;
            const of = async () =>
                JSON.stringify(
                    (await fhir(`Observation?patient=cast-selam&code=http://loinc.org|82810-3`))
                        .entry,
                );
            assert.match(await of(), /60001007/);
            await p.goto(`${server.url}#/Patient/cast-selam/forms`);
            await p.locator(`.doors a[href$="${id}"]`).click();
            await p.locator(".sheet-form .q").first().waitFor();
            await question(p, "pregnancy-status").locator("input").first().focus();
            await p.keyboard.press("1");
            await p.getByText(/the record keeps the earlier answers/).waitFor();
            assert.equal((await fhir(`QuestionnaireResponse/${id}`)).status, "completed");
            await p.goto(`${server.url}#/`);
            await p.locator(".unfinished a", { hasText: "Selam" }).click();
            await p.locator(".sheet-form .q").first().waitFor();
            await p.locator("#finish").click();
            await p.locator(".who h1").waitFor();
            assert.equal((await fhir(`QuestionnaireResponse/${id}`)).status, "amended");
            assert.match(await of(), /77386006/);
            const history = await fhir(`QuestionnaireResponse/${id}/_history`);
            assert.ok(history.entry.some((one) => one.resource.status === "completed"));
        }));

    it("says that it was changed elsewhere, and keeps what stands here when told to", () =>
        page({ failing: true }, async (p) => {
            await openForm(p, "cast-alcantar");
            await pageButton(p, "Symptoms").click();
            await question(p, "hx.sympt.cough").locator("input").first().focus();
            await p.keyboard.press("n");
            await p.locator(".state.server").waitFor();
            const id = /form\/([^?]+)/.exec(p.url())[1];
            const other = await fhir(`QuestionnaireResponse/${id}`);
            delete other.item;
            delete other.meta;
            const put = await fetch(`${server.url}fhir/QuestionnaireResponse/${id}`, {
                method: "PUT",
                headers: { "Content-Type": "application/fhir+json" },
                body: JSON.stringify(other),
            });
            assert.equal(put.status, 200);
            await question(p, "hx.sympt.fever").locator("input").first().focus();
            await p.keyboard.press("n");
            await p.getByRole("button", { name: "Keep what stands here" }).click();
            await p.locator(".state.server").waitFor();
            assert.match(JSON.stringify(await fhir(`QuestionnaireResponse/${id}`)), /fever/);
        }));

    it("speaks four languages, Arabic from right to left, in the middle of the form", () =>
        page({ failing: true }, async (p) => {
            await openForm(p, "cast-selam");
            for (const [name, dir, words] of [
                ["Français", "ltr", /Page suivante/],
                ["Español", "ltr", /Página siguiente/],
                ["العربية", "rtl", /الصفحة التالية/],
            ]) {
                await p.getByRole("button", { name }).click();
                await p.getByRole("button", { name: words }).waitFor();
                assert.equal(await p.evaluate(() => document.documentElement.dir), dir);
                const text = await p.locator(".q-label").first().innerText();
                assert.doesNotMatch(text, /Record number/, name);
            }
            assert.ok(await p.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
        }));
});

describe("for everybody", () => {
    for (const [name, options] of [
        ["light, English", { colorScheme: "light" }],
        [
            "dark, Arabic, narrow",
            { colorScheme: "dark", locale: "ar", viewport: { width: 390, height: 844 } },
        ],
    ])
        it(`has no serious fault for assistive technology (${name})`, () =>
            page({ ...options, bypassCSP: true, failing: true }, async (p) => {
                await p.goto(`${server.url}#/register`);
                await p.locator("#given").waitFor();
                await p.keyboard.press("Enter");
                await p.locator("#given-error").waitFor();
                await noFaults(p, "register");
                await openForm(p, "cast-selam");
                const pages = p.locator(".pages button");
                for (let i = 0; i < (await pages.count()); i++) {
                    await pages.nth(i).click();
                    for (const one of (await p.locator(".q .tool").all()).slice(0, 4))
                        await one.click();
                    await noFaults(p, `page ${i + 1} of the form`);
                    assert.ok(
                        await p.evaluate(() => document.documentElement.scrollWidth <= innerWidth),
                        `page ${i + 1} fits`,
                    );
                }
                await p.locator("#finish").click();
                await p.locator(".summary .trouble").waitFor();
                await noFaults(p, "what is open");
                await p.goto(`${server.url}#/Patient/cast-selam/forms`);
                await p.locator(".doors a").first().waitFor();
                await noFaults(p, "forms");
                await p.goto(`${server.url}#/Patient/cast-selam/assess?p=${PROTOCOLS.join("&p=")}`);
                await p.locator(".outcome").nth(1).waitFor();
                for (const one of await p.locator("summary:visible").all()) await one.click();
                await noFaults(p, "assessment");
            }));
});

/** Of a healthy grown-up; by linkId, as keys (keyboard.mjs). Whatever is not here is plain. */
const RECORD = {
    "dem.origin": "Eritrea",
    "dem.arrival.country": "Kenya",
    "dem.language": "English",
    "hx.sympt.cough": "n",
};
const RESULTS = {
    country: "Kenya",
    examination: "1",
    "tb-signs": "n",
    hansen: "1",
    harmful: "n",
    "substance-disorder": "n",
    "tb-diagnosed": "n",
    "tb-extrapulmonary": "n",
    "follow-up": "n",
    vaccination: "1",
    "film-date": "t",
    "film-taken": "y",
    "film-view": "1",
    "film-result": "1",
    "igra-result": "2",
    "igra-date": "t",
    "hiv-result": "2",
    "hiv-date": "t",
    "rpr-result": "2",
    "rpr-date": "t",
    "gonorrhoea-result": "2",
    "gonorrhoea-date": "t",
    "syphilis-suspected": "n",
    "gonorrhoea-suspected": "n",
    "pregnancy-status": "2",
    "consent-given": "y",
    identity: "y",
    travel: "y",
    "screening-date": "t",
    "child-surgery": "n",
    "child-cyanosis": "n",
    "child-lungs": "n",
    "child-breathing": "n",
    "sputum-needed": "n",
    postponed: "n",
    withdrawn: "n",
    "symptom-cough": "n",
    "symptom-haemoptysis": "n",
    "symptom-nightsweats": "n",
    "symptom-weightloss": "n",
    "symptom-fever": "n",
    "symptom-chestpain": "n",
    contact: "n",
    household: "n",
    previous: "n",
};

/** The whole record form from the person's page, and back there. */
async function fillRecord(p, answers) {
    await tabTo(p, '.deeds a[href$="/forms"]');
    await p.keyboard.press("Enter");
    await p.locator(".doors a").first().waitFor();
    await tabTo(p, `.doors a[href$="${encodeURIComponent(FORM)}"]`);
    await p.keyboard.press("Enter");
    assert.equal(await fillForm(p, answers), "", "nothing stands in the way of finishing");
    await p.locator(".who h1").waitFor();
}

/** Chooses both protocols, and enters results until nothing is open that has a form. */
async function assess(p, answers) {
    await tabTo(p, '.deeds a[href$="/assess"]');
    await p.keyboard.press("Enter");
    for (const one of PROTOCOLS) {
        await tabTo(p, `input[name=protocol][value="${one}"]`);
        await p.keyboard.press("Space");
    }
    await p
        .locator(".outcome")
        .nth(PROTOCOLS.length - 1)
        .waitFor();
    const tried = new Set();
    const next = () =>
        p.evaluate(
            (before) =>
                [...document.querySelectorAll(".wanted:not(.done) a.button")]
                    .map((one) => [
                        one.closest(".wanted").dataset.item,
                        new URLSearchParams(
                            one.getAttribute("href").split("?").slice(1).join("?"),
                        ).get("q"),
                    ])
                    .find(([, form]) => !before.includes(form)),
            [...tried],
        );
    for (let at = await next(); at; at = await next()) {
        tried.add(at[1]);
        await p.keyboard.press("Home");
        await tabTo(p, `.wanted[data-item="${at[0]}"] a.button`);
        await p.keyboard.press("Enter");
        assert.equal(await fillForm(p, answers), "", `${at[1]} can be finished`);
        await p
            .locator(".outcome")
            .nth(PROTOCOLS.length - 1)
            .waitFor();
    }
    assert.ok(tried.size >= 3, `${tried.size} forms of results`);
}

/** Signs the proposals in the name of the first physician of the list. */
async function sign(p) {
    await tabTo(p, "#physician");
    await p.keyboard.press("ArrowDown");
    await p.locator("#physician-list li").first().waitFor();
    await p.keyboard.press("Enter");
    if (await p.locator("#knowing").count()) {
        await tabTo(p, "#knowing");
        await p.keyboard.press("Space");
    }
    await tabTo(p, "#sign");
    await p.keyboard.press("Enter");
    await p.waitForFunction(
        () =>
            document.querySelector(".sign .said")?.textContent ||
            document.querySelector(".trouble"),
    );
    assert.equal(await p.locator(".sign .trouble").count(), 0);
    assert.match(await p.locator(".sign .said").innerText(), /Signed by|وقّعه/);
}

const outcome = (p, protocol) => p.locator(`section[aria-labelledby="outcome-${protocol}"]`);

describe("the main job, by keyboard alone", () => {
    const people = [
        ["a woman of the cast, in English", "en-GB", "cast-alcantar", "cast-alcantar", {}],
        [
            "a man of the cast whose birth date is an estimate, in Arabic",
            "ar",
            "cast-noorullah",
            "cast-noorullah",
            {},
        ],
        ["a man of the cast, in Arabic", "ar", "cast-muller", "cast-muller", {}],
    ];
    async function job(p, words, id, answers) {
        await p.goto(server.url);
        await p.waitForFunction(() => document.activeElement?.id === "find");
        await p.keyboard.type(words);
        await p.keyboard.press("Enter");
        await p.locator(".who h1").waitFor();
        assert.ok(p.url().endsWith(`/Patient/${id}`), p.url());
        await toOutcome(p, id, answers);
    }
    async function toOutcome(p, id, answers) {
        const before = (await fhir(`Observation?patient=${id}&_summary=count`)).total;
        await fillRecord(p, { ...RECORD, ...answers });
        const now = (await fhir(`Observation?patient=${id}&_summary=count`)).total;
        assert.ok(now > before, "the answers are in the record");
        const saved = await fhir(
            `QuestionnaireResponse?patient=${id}&status=completed&questionnaire=${FORM}`,
        );
        assert.ok(saved.entry?.length >= 1, "the finished form is in the record");
        await p.waitForFunction(() => !document.querySelector(".loading"));
        assert.match(
            await p.locator("section#results").innerText(),
            /Kenya|كينيا/,
            "the answers stand on the page of the record",
        );
        await assess(p, { ...RESULTS, ...answers });
        for (const one of PROTOCOLS) {
            const text = await outcome(p, one).innerText();
            assert.match(text, /cleared|مُجاز/, one);
            assert.doesNotMatch(text, /not cleared|غير مُجاز/, one);
            assert.match(await outcome(p, one).locator(".expiry strong").innerText(), /20\d\d/);
        }
        await sign(p);
        const signed = await fhir(`ClinicalImpression?patient=${id}&status=completed`);
        assert.equal(signed.entry.length, PROTOCOLS.length);
        for (const { resource } of signed.entry)
            assert.match(resource.assessor.reference, /^Practitioner\//);
    }
    for (const [what, locale, words, id, answers] of people)
        it(`${what}: found, asked, assessed under both protocols`, () =>
            page({ locale, failing: true }, (p) => job(p, words, id, answers)));

    it("somebody new, from registration on, in English", () =>
        page({ failing: true }, async (p) => {
            await p.goto(server.url);
            await p.waitForFunction(() => document.activeElement?.id === "find");
            await tabTo(p, '.top a[href="#/register"]');
            await p.keyboard.press("Enter");
            await p.waitForFunction(() => document.activeElement?.id === "given");
            await p.keyboard.type("Zubrowkin");
            await tabTo(p, "#birth");
            await p.keyboard.type("1988-03-09");
            await tabTo(p, "#sex");
            await p.keyboard.press("ArrowDown"); // the second: male
            await tabTo(p, "button[type=submit]");
            await p.keyboard.press("Enter");
            await p.locator(".who h1").waitFor();
            const id = /Patient\/([^/?]+)/.exec(p.url())[1];
            await toOutcome(p, id, { "dem.given": null });
        }));

    it("a birth date that is not certain leaves the choice to the physician, both ways named", () =>
        page({}, async (p) => {
            const put = await fetch(`${server.url}fhir/Patient/case-either`, {
                method: "PUT",
                headers: { "Content-Type": "application/fhir+json" },
                body: JSON.stringify({
                    resourceType: "Patient",
                    id: "case-either",
                    name: [{ family: "Eithercase" }],
                    gender: "male",
                    birthDate: "2015",
                    _birthDate: {
                        extension: [
                            {
                                url: "https://rihla.example/fhir/StructureDefinition/birth-date-margin",
                                valuePeriod: { start: "2014-12-01", end: "2016-11-30" },
                            },
                        ],
                    },
                }),
            });
            assert.equal(put.status, 201);
            await p.goto(`${server.url}#/Patient/case-either/assess?p=uk-tb&d=2026-11-24`);
            const either = p.locator(".wanted.either").first();
            await either.waitFor();
            assert.match(await either.innerText(), /your choice/);
            assert.match(await either.innerText(), /born 1 Dec 2014 – 24 Nov 2015: not asked/);
            assert.match(await either.innerText(), /born 25 Nov 2015 – 30 Nov 2016: to do/);
        }));

    it(
        "a person from another system, in English",
        { skip: !process.env.RIHLA_TESTDATA && "RIHLA_TESTDATA is not set" },
        async (test) => {
            if (!imported) return test.skip("no patient bundle under RIHLA_TESTDATA");
            await page({ failing: true }, async (p) => {
                const found = await fhir(`Patient?identifier=${imported.number}`);
                await job(p, imported.number, found.entry[0].resource.id, {});
            });
        },
    );
});
