// SPDX-License-Identifier: GPL-3.0-or-later
// pages.test.mjs - the web pages as a person uses them: real program, real browser, real data.
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import { gzipSync } from "node:zlib";
import { MANY_RESULTS } from "./people.mjs";
import { onPage, openBrowser, outsideBundle, root, Server } from "./support.mjs";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const FIRST_LOAD_LIMIT = 120_000;

let server;
let browser;
let imported; // { id, family, count(type) } of a bundle from outside, when there is one

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
const field = (p) => p.locator("#find");
const status = (p) => p.locator(".find .status");
const hits = (p) => p.locator("a.hit");
const ids = (p) => hits(p).evaluateAll((all) => all.map((one) => one.dataset.id));
const section = (p, id) => p.locator(`section#${id}`);
const active = (p) =>
    p.evaluate(
        () =>
            document.activeElement?.id ||
            document.activeElement?.dataset?.id ||
            document.activeElement?.tagName,
    );

async function find(p, words) {
    await p.goto(server.url);
    await field(p).fill(words);
    await settled(p);
}

/** The list answers to what is typed: the search is over, whatever came of it. */
async function settled(p) {
    await p.waitForFunction(() => {
        const said = document.querySelector(".find .status")?.textContent ?? "";
        const asked = decodeURIComponent(location.hash.split("?q=")[1] ?? "");
        const typed = document.querySelector("#find").value.trim();
        const over = said !== "" && !/…$/.test(said);
        return asked === typed && (over || document.querySelector(".trouble"));
    });
}

async function open(p, id) {
    await p.goto(`${server.url}#/Patient/${id}`);
    await p.locator(".who h1").waitFor();
    await p.waitForFunction(() => !document.querySelector(".loading"));
}

/** Answers as the server does, with links that begin with another address. */
async function elsewhere(route, address) {
    const answer = await route.fetch();
    const body = (await answer.text()).replaceAll(`"url":"${server.url}`, `"url":"${address}`);
    await route.fulfill({ response: answer, body });
}

describe("find a person", () => {
    it("begins in the search field, says that data are synthetic, and asks nobody else", () =>
        page({}, async (p) => {
            await p.goto(server.url);
            assert.equal(await active(p), "find");
            assert.match(
                await p.locator(".synthetic").innerText(),
                /Synthetic data – not for real patients/,
            );
            assert.equal(await p.title(), "Find a person – Rihla");
            assert.equal(await hits(p).count(), 0);
        }));

    for (const words of ["محمد", "Mohamed", "mohammed"])
        it(`finds the same people under ${words}`, () =>
            page({}, async (p) => {
                await find(p, words);
                const found = new Set(await ids(p));
                while (await p.locator("button.wide").count()) {
                    await p.locator("button.wide").click();
                    await settled(p);
                }
                for (const id of await ids(p)) found.add(id);
                for (const id of ["cast-mohamed-1", "cast-mohamed-2", "cast-mohammed-3"])
                    assert.ok(found.has(id), `${id} is not in the list`);
                assert.match(await status(p).innerText(), /people/);
            }));

    it("finds Alcántar under Alcantar, and both words of a name with a comma", () =>
        page({}, async (p) => {
            await find(p, "Alcantar");
            assert.ok((await ids(p)).includes("cast-alcantar"));
            await find(p, "Haddad, Rima");
            assert.ok((await ids(p)).includes("cast-haddad-2"));
            assert.ok(!(await ids(p)).includes("cast-haddad-1"), "a comma is not an or");
        }));

    it("works by keyboard alone: into the list, along it, back, open, and back to the same person", () =>
        page({}, async (p) => {
            await p.goto(server.url);
            await p.keyboard.type("Haddad");
            await settled(p);
            const list = await ids(p);
            assert.ok(list.length >= 5, `${list.length} people`);
            await p.keyboard.press("ArrowDown");
            assert.equal(await active(p), list[0]);
            await p.keyboard.press("ArrowDown");
            assert.equal(await active(p), list[1]);
            await p.keyboard.press("End");
            assert.equal(await active(p), list[list.length - 1]);
            await p.keyboard.press("Home");
            await p.keyboard.press("ArrowUp");
            assert.equal(await active(p), "find");
            await p.keyboard.press("ArrowDown");
            await p.keyboard.press("ArrowDown");
            await p.keyboard.press("Enter");
            await p.locator(".who h1").waitFor();
            assert.equal(await active(p), "H1");
            assert.ok(p.url().endsWith(`#/Patient/${list[1]}`));
            await p.goBack();
            await hits(p).first().waitFor();
            assert.equal(await field(p).inputValue(), "Haddad");
            assert.equal(await active(p), list[1], "the focus is on the person who was opened");
            await p.keyboard.press("Escape");
            assert.equal(await active(p), "find");
            await p.keyboard.press("Escape");
            assert.equal(await field(p).inputValue(), "");
            assert.equal(await hits(p).count(), 0);
        }));

    it("opens the only person found with Enter, even when Enter comes before the answer", () =>
        page({}, async (p) => {
            await p.goto(server.url);
            await p.keyboard.type("Statescase");
            await p.keyboard.press("Enter");
            await p.locator(".who h1").waitFor();
            assert.match(await p.locator(".who h1").innerText(), /Vera Statescase/);
        }));

    it("finds by a number from a paper, signs of searches included, and by the record's id", () =>
        page({}, async (p) => {
            await find(p, "XK-77/3");
            assert.deepEqual(await ids(p), ["case-states"]);
            await find(p, "urn:example:paper|XK-77/3");
            assert.deepEqual(await ids(p), ["case-states"]);
            await find(p, "cast-haddad-3");
            assert.deepEqual(await ids(p), ["cast-haddad-3"]);
            await find(p, "XK-77/3,XK-78/4");
            assert.deepEqual(await ids(p), [], "a comma in a number is not an or");
            await find(p, "cast-selam");
            assert.deepEqual(await ids(p), ["cast-selam"], "an id without digits");
        }));

    it("shows how well a birth date is known", () =>
        page({}, async (p) => {
            await find(p, "Partialdate");
            assert.match(await hits(p).first().innerText(), /born 1980 \(year only\)/);
            assert.match(await hits(p).first().innerText(), /4\d–4\d years/);
            await find(p, "Noorullah");
            assert.match(
                await hits(p).filter({ hasText: "cast-noorullah" }).innerText(),
                /\(estimated\)\s+about \d+ years/,
            );
            await find(p, "Emptycase");
            assert.match(
                await hits(p).first().innerText(),
                /birth date not recorded\s+sex not recorded/,
            );
        }));

    it("pages to the end and says honestly how many are shown", () =>
        page({}, async (p) => {
            await find(p, "Pagingname");
            assert.equal(await hits(p).count(), 20);
            assert.match(
                await status(p).innerText(),
                /20 of 45 people|first 20 people; there are more/,
            );
            await p.locator("button.wide").click();
            await settled(p);
            await p.locator("button.wide").click();
            await settled(p);
            assert.equal(await hits(p).count(), 45);
            assert.equal(await status(p).innerText(), "45 people");
            assert.equal(await p.locator("button.wide").count(), 0);
            assert.equal(new Set(await ids(p)).size, 45, "nobody twice");
        }));

    it("says that nobody was found and what to try", () =>
        page({}, async (p) => {
            await find(p, "Qqqxyzzy");
            assert.equal(await status(p).innerText(), "Nobody found");
            assert.equal(await status(p).getAttribute("aria-live"), "polite");
            assert.match(
                await p.locator(".note").innerText(),
                /Qqqxyzzy[\s\S]*another spelling or script/,
            );
            assert.equal(await hits(p).count(), 0);
        }));

    it("shows a name as text, never as markup", () =>
        page({}, async (p) => {
            await find(p, "Markupcase");
            assert.match(await hits(p).first().innerText(), /<img src=x onerror=alert\(1\)> & Co/);
            assert.equal(await p.locator("main img").count(), 0);
        }));

    it("shows the answer to the last words when an earlier answer is late", () =>
        page({}, async (p) => {
            await p.route(/name=Haddad/, async (route) => {
                await new Promise((done) => setTimeout(done, 1500));
                await route.continue().catch(() => {}); // the page may have given it up
            });
            await p.goto(server.url);
            await field(p).fill("Haddad");
            await p.waitForRequest(/name=Haddad/);
            await field(p).fill("Emptycase");
            await p.waitForFunction(() => document.querySelectorAll("a.hit").length === 1);
            await p.waitForTimeout(1800);
            assert.deepEqual(await ids(p), ["case-empty"]);
        }));

    for (const [what, address, works] of [
        ["another host", "http://stranger.example/", true],
        ["another host in its path", "http://127.0.0.1//stranger.example/", false],
    ])
        it(`never leaves the machine by a next link that names ${what}`, () =>
            page({ failing: !works }, async (p) => {
                await p.route(/name=Pagingname/, (route) => elsewhere(route, address), {
                    times: 1,
                });
                await find(p, "Pagingname");
                const asked = p.waitForRequest(/\/fhir\//);
                await p.locator("button.wide").click();
                assert.equal(`${new URL((await asked).url()).origin}/`, server.url);
                if (works) {
                    await settled(p);
                    assert.equal(await hits(p).count(), 40);
                } else await p.locator(".trouble").waitFor();
            }));
});

describe("the record", () => {
    it("shows every part, and the way through the countries in time", () =>
        page({}, async (p) => {
            await open(p, "cast-selam");
            assert.match(await p.locator(".who h1").innerText(), /Selam Tesfay/);
            assert.match(await p.locator(".other-names").innerText(), /ሰላም/);
            assert.match(await p.title(), /Selam Tesfay/);
            for (const id of [
                "allergies",
                "problems",
                "medicines",
                "vaccinations",
                "encounters",
                "results",
            ])
                assert.ok(await section(p, id).locator("h2").isVisible(), id);
            const stops = await p.locator(".route strong").allInnerTexts();
            assert.deepEqual(
                stops.slice(-2),
                ["Greece", "Slovenia"],
                "begun in Greece, continued in Slovenia",
            );
            assert.match(await section(p, "encounters").innerText(), /Ljubljana/);
            assert.match(await section(p, "medicines").innerText(), /isoniazid/i);
            assert.match(await section(p, "results").innerText(), /IGRA[\s\S]*positive/i);
            assert.ok((await section(p, "vaccinations").locator(".doses li").count()) >= 1);
        }));

    it("goes to a part by its button, for the keyboard too", () =>
        page({}, async (p) => {
            await open(p, "cast-selam");
            await p.locator(".jumps button", { hasText: "Results" }).focus();
            await p.keyboard.press("Enter");
            assert.equal(await active(p), "results-title");
        }));

    it("never shows what is missing as a no", () =>
        page({}, async (p) => {
            await open(p, "case-empty");
            for (const id of [
                "allergies",
                "problems",
                "medicines",
                "vaccinations",
                "encounters",
                "results",
            ])
                assert.match(
                    await section(p, id).locator(".nothing").innerText(),
                    /is recorded\. That does not mean/,
                    id,
                );
            assert.doesNotMatch(await p.locator("main").innerText(), /no known|none known/i);
            assert.match(await p.locator(".facts").first().innerText(), /Born\s+not recorded/);
        }));

    it("shows a stated absence as stated", () =>
        page({}, async (p) => {
            await open(p, "cast-haddad-1");
            const row = section(p, "allergies").locator(".row").first();
            assert.match(await row.innerText(), /No known allergy\s+stated/);
            assert.equal(await section(p, "allergies").locator(".nothing").count(), 0);
        }));

    it("sets apart what is over, ruled out or a mistake", () =>
        page({}, async (p) => {
            await open(p, "case-states");
            for (const [id, words] of [
                ["allergies", "Allergen"],
                ["problems", "Problem"],
            ]) {
                const part = section(p, id);
                assert.match(
                    await part.locator("> ul").first().innerText(),
                    new RegExp(`${words} that is active`),
                );
                assert.doesNotMatch(
                    await part.locator("> ul").first().innerText(),
                    /ruled out|wrongly|long ago|over/,
                );
                assert.match(await part.innerText(), new RegExp(`Ruled out\\s+${words} ruled out`));
                assert.ok(
                    !(await part.getByText(`${words} entered wrongly`).isVisible()),
                    "a mistake is out of sight",
                );
                await part.locator(".mistakes summary").click();
                assert.ok(
                    await part.getByText(`${words} entered wrongly`).isVisible(),
                    "and can be seen",
                );
                assert.match(
                    await part.locator(".mistakes summary").innerText(),
                    /1 entry marked as entered in error/,
                );
            }
            const text = await p.locator("main").innerText();
            assert.match(text, /▲ high risk/);
            assert.match(text, /No longer active\s+Allergen of long ago/);
            assert.match(text, /Past problems\s+Problem that is over/);
            assert.match(text, /Problem that is active\s+provisional\s+since 2024/);
            assert.match(text, /Medicine taken now[\s\S]*2 tablet, 3 × a day/);
            assert.match(text, /Past medicines\s+Medicine by reference\s+order\s+stopped/);
            assert.match(text, /Not given\s+Vaccine not given\s+reason: fever on that day/);
            assert.match(text, /Vaccine given\s*1 dose\s+Feb 2026/);
            assert.match(text, /planned\s+Place by its words only/);
        }));

    it("keeps the digits, says flags in words, and shows every kind of value", () =>
        page({}, async (p) => {
            await open(p, "case-states");
            const text = await section(p, "results").innerText();
            assert.match(
                text,
                /Hemoglobin kept to the digit\s+5\.60 g\/dL\s+▼▼ critically low\s+ref\. 12\.0–16\.0 g\/dL\s+4 Mar 2026/,
            );
            assert.match(text, /Long number\s+≈ 163\.34 cm/);
            assert.equal(
                await section(p, "results").getByText("≈ 163.34 cm").getAttribute("title"),
                "163.33552412409668 cm",
            );
            assert.match(text, /Result without a value\s+no value: not done/);
            assert.match(text, /First part 120 mmHg\s+Second part 80 mmHg ▲ high/);
            for (const words of ["seen as words", "yes", "a coded answer", "< 7 IU", "preliminary"])
                assert.ok(text.includes(words), words);
            assert.ok(
                !(await section(p, "results").getByText("not so").isVisible()),
                "a mistake is out of sight",
            );
        }));

    it("takes all pages of a long history, newest first", () =>
        page({}, async (p) => {
            await open(p, "case-many");
            const part = section(p, "results");
            assert.equal(await part.locator(".count").innerText(), String(MANY_RESULTS));
            assert.match(
                await part.innerText(),
                new RegExp(`Heart rate\\s+▸? ?${MANY_RESULTS} results`),
            );
            await part.locator("summary").first().click();
            const dates = await part.locator("tbody .when").allInnerTexts();
            assert.equal(dates.length, MANY_RESULTS);
            const times = dates.map((one) => Date.parse(one.replace("Sept", "Sep")));
            assert.ok(
                times.every((one, i) => i === 0 || one <= times[i - 1]),
                "newest first",
            );
        }));

    it(
        "shows a record that came from another system",
        { skip: !process.env.RIHLA_TESTDATA && "RIHLA_TESTDATA is not set" },
        async (test) => {
            if (!imported) return test.skip(`no patient bundle under RIHLA_TESTDATA`);
            await page({}, async (p) => {
                await p.goto(server.url);
                await p.keyboard.type(imported.number);
                await p.keyboard.press("Enter");
                await p.locator(".who h1").waitFor();
                await p.waitForFunction(() => !document.querySelector(".loading"));
                assert.ok((await p.locator(".who h1").innerText()).includes(imported.family));
                const shown = async (id) =>
                    Number((await section(p, id).locator(".count").allInnerTexts())[0] ?? 0);
                assert.equal(await shown("results"), imported.count("Observation"));
                assert.equal(await shown("encounters"), imported.count("Encounter"));
                assert.equal(await shown("vaccinations"), imported.count("Immunization"));
                assert.equal(await p.locator(".trouble").count(), 0);
                assert.ok(
                    await p.evaluate(() => document.documentElement.scrollWidth <= innerWidth),
                );
            });
        },
    );

    it("says that there is no such record, and that a record was deleted", () =>
        page({ failing: true }, async (p) => {
            await p.goto(`${server.url}#/Patient/nobody-here`);
            assert.match(await p.locator(".trouble").innerText(), /no such record[\s\S]*HTTP 404/);
            const gone = await fetch(`${server.url}fhir/Patient/case-deleted`, {
                method: "DELETE",
            });
            assert.ok(gone.ok, `delete answered ${gone.status}`);
            await p.goto(`${server.url}#/Patient/case-deleted`);
            assert.match(
                await p.locator(".trouble", { hasText: "410" }).innerText(),
                /This record was deleted/,
            );
            await p.goto(`${server.url}#/elsewhere`);
            assert.match(await p.locator("main h1").innerText(), /no such page/);
        }));

    it("names the part that failed, shows the rest, and loads it again", () =>
        page({ failing: true }, async (p) => {
            let broken = true;
            await p.route(/\/fhir\/Observation\?/, (route) =>
                broken
                    ? route.fulfill({
                          status: 503,
                          contentType: "application/fhir+json",
                          body: '{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"transient","diagnostics":"The disk is full."}]}',
                      })
                    : route.continue(),
            );
            await open(p, "cast-selam");
            const part = section(p, "results");
            assert.match(
                await part.locator(".trouble").innerText(),
                /could not be loaded[\s\S]*HTTP 503 · The disk is full\./,
            );
            assert.equal(
                await part.locator(".nothing").count(),
                0,
                "a failure is not an empty section",
            );
            assert.match(await section(p, "medicines").innerText(), /isoniazid/i);
            broken = false;
            await part.locator(".trouble button").click();
            await part.getByText("IGRA").first().waitFor();
            assert.equal(await part.locator(".trouble").count(), 0);
        }));
});

describe("for everybody", () => {
    it("turns to Arabic, right to left, and stays so", () =>
        page({}, async (p) => {
            await open(p, "cast-haddad-2");
            await p.getByRole("button", { name: "العربية" }).click();
            assert.deepEqual(
                await p.evaluate(() => [
                    document.documentElement.lang,
                    document.documentElement.dir,
                ]),
                ["ar", "rtl"],
            );
            assert.match(await section(p, "medicines").locator("h2").innerText(), /الأدوية/);
            assert.match(await p.locator(".synthetic").innerText(), /بيانات مصطنعة/);
            assert.match(await p.locator(".route").innerText(), /اليونان/);
            const left = (selector) =>
                p.locator(selector).evaluate((one) => one.getBoundingClientRect().left);
            assert.ok(
                (await left("#allergies")) > (await left("#results")),
                "the first column stands on the right",
            );
            assert.ok(await p.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
            await p.reload();
            await p.locator(".who h1").waitFor();
            assert.equal(await p.evaluate(() => document.documentElement.dir), "rtl");
            await open(p, "case-states");
            // Each part of a dose is its own: "2 tablet" and "3 × a day" cannot run into "2 3 × tablet".
            assert.deepEqual(await p.locator(".dosage bdi").allInnerTexts(), [
                "2 tablet",
                "3 × يوميًا",
            ]);
            await p.locator(".top nav a").first().click();
            await field(p).fill("ريما");
            await p.waitForFunction(() => document.querySelector("a.hit"));
            assert.match(await status(p).innerText(), /شخص|أشخاص/);
            await p.getByRole("button", { name: "English" }).click();
            assert.equal(await p.evaluate(() => document.documentElement.dir), "ltr");
            assert.equal(await field(p).inputValue(), "ريما", "the words stay");
        }));

    it("begins in Arabic in an Arabic browser", () =>
        page({ locale: "ar" }, async (p) => {
            await p.goto(server.url);
            assert.equal(await p.title(), "البحث عن شخص – Rihla");
        }));

    for (const locale of ["en-GB", "ar"])
        it(`fits a phone of 360 points, with targets for fingers (${locale})`, () =>
            page({ locale, viewport: { width: 360, height: 740 } }, async (p) => {
                const fits = () =>
                    p.evaluate(() => document.documentElement.scrollWidth <= innerWidth);
                const small = () =>
                    p
                        .locator("button:visible, input:visible, a.hit:visible, .top a:visible")
                        .evaluateAll((all) =>
                            all
                                .map((one) => [one.textContent, one.getBoundingClientRect().height])
                                .filter(([, h]) => h < 43.5),
                        );
                await find(p, "Haddad");
                assert.ok(await fits(), "the search");
                assert.deepEqual(await small(), []);
                await open(p, "cast-haddad-1");
                assert.ok(await fits(), "the record");
                assert.deepEqual(await small(), []);
                await open(p, "case-states");
                assert.ok(await fits(), "the record with every kind of value");
            }));

    for (const [name, options] of [
        ["light", {}],
        ["dark", { colorScheme: "dark" }],
        ["Arabic", { locale: "ar" }],
        ["phone", { viewport: { width: 360, height: 740 } }],
    ])
        it(`has no serious fault for assistive technology (${name})`, () =>
            page({ ...options, bypassCSP: true }, async (p) => {
                const check = async (what) => {
                    await p.addScriptTag({ path: AXE });
                    const found = await p.evaluate(() =>
                        window.axe.run(document, { resultTypes: ["violations", "passes"] }),
                    );
                    const serious = found.violations.filter((one) =>
                        ["serious", "critical"].includes(one.impact),
                    );
                    assert.ok(found.passes.length > 10, "the rules ran");
                    assert.deepEqual(
                        serious.map(
                            (one) =>
                                `${one.id}: ${one.nodes[0].html} ${one.nodes[0].failureSummary}`,
                        ),
                        [],
                        what,
                    );
                };
                await find(p, "Haddad");
                await check("search");
                for (const id of ["cast-selam", "case-states", "case-empty"]) {
                    await open(p, id);
                    for (const one of await p.locator("summary").all()) await one.click(); // unfold all
                    await check(id);
                }
            }));

    it("prints the record on A4 without the buttons, with what a paper must say", () =>
        page({}, async (p) => {
            await open(p, "cast-selam");
            await p.emulateMedia({ media: "print" });
            for (const gone of [".jumps", ".top nav", ".wide"])
                assert.equal(await p.locator(`${gone} >> visible=true`).count(), 0, gone);
            assert.ok(await p.locator(".synthetic").isVisible());
            assert.match(
                await p.locator(".paper-foot").innerText(),
                /Printed .* from the record cast-selam/,
            );
            const paper = (await p.pdf({ preferCSSPageSize: true })).toString("latin1");
            const box = /\/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]/.exec(paper);
            assert.ok(
                Math.abs(box[1] - 595) < 2 && Math.abs(box[2] - 842) < 2,
                `A4, not ${box[1]} x ${box[2]}`,
            );
            const sheets = paper.match(/\/Type \/Page\b/g).length;
            assert.ok(sheets <= 3, `${sheets} sheets`);
        }));

    it("comes in few files under the limit, closed to anything from outside", async () => {
        const answer = await fetch(server.url);
        const policy = answer.headers.get("content-security-policy") ?? "";
        assert.match(policy, /default-src 'self'/);
        // The clinical core is WebAssembly; text is still never run.
        assert.doesNotMatch(policy.replace("'wasm-unsafe-eval'", ""), /unsafe|\*|https?:/);
        const html = await answer.text();
        assert.doesNotMatch(html, /<script>|<style|\sstyle=|\son\w+=/);
        let total = gzipSync(html).length;
        const names = [...html.matchAll(/(?:src|href)="([^"]+\.(?:js|css))"/g)].map((m) => m[1]);
        for (const name of names) {
            const file = await fetch(new URL(name, server.url));
            assert.equal(file.status, 200, name);
            assert.match(name, /-[A-Z0-9]{8}\./);
            assert.match(file.headers.get("cache-control") ?? "", /immutable/);
            const text = await file.text();
            total += gzipSync(text).length;
            // What is imported at once is first load, too; import("…") is not.
            for (const [, more] of text.matchAll(/(?:from|import)"\.\/([^"]+\.js)"/g))
                if (!names.includes(more)) names.push(more);
            if (name.endsWith(".css"))
                assert.doesNotMatch(
                    text,
                    /[{;](margin|padding|border)-(left|right|top|bottom)|[{;](left|right|top|bottom|width|height):|text-align:(left|right)|float:/,
                    "physical directions",
                );
        }
        assert.ok(total <= FIRST_LOAD_LIMIT, `${total} bytes`);
    });

    it("has an Arabic text, with the same names in braces, for every English one", async () => {
        const source = await readFile(join(root, "web/src/text.ar.ts"), "utf8");
        const pairs = [
            ...source.matchAll(/^\s+(?:"((?:[^"\\]|\\.)+)"|(\w+)):\s+"((?:[^"\\]|\\.)+)",$/gm),
        ];
        assert.ok(pairs.length > 150, `${pairs.length} texts read`);
        for (const [, quoted, word, arabic] of pairs) {
            const english = quoted ?? word;
            const names = (text) => (text.match(/\{\w+\}/g) ?? []).sort();
            assert.deepEqual(names(arabic), names(english), english);
            if (/[a-z]{2}/.test(english.replace(/\{\w+\}/g, "")))
                assert.match(arabic, /[\u0600-\u06ff]/, english);
        }
    });

    it("has French and Spanish texts, and four languages of the words of forms", async () => {
        const braces = (text) => (text.match(/\{\w+\}/g) ?? []).sort();
        const quoted = '"((?:[^"\\\\]|\\\\.)*)"';
        const row = (n) =>
            new RegExp(
                `(?:${quoted}|'([^']+)'|(\\b\\w+)):\\s*\\[\\s*${Array(n).fill(quoted).join(",\\s*")},?\\s*\\]`,
                "g",
            );
        for (const [file, n, least] of [
            ["text.latin.ts", 2, 240],
            ["text.form.ts", 3, 100],
        ]) {
            const source = await readFile(join(root, "web/src", file), "utf8");
            const rows = [...source.matchAll(row(n))];
            assert.ok(rows.length >= least, `${file}: ${rows.length} texts read`);
            for (const [, a, b, c, ...others] of rows) {
                const english = a ?? b ?? c;
                for (const text of others) {
                    assert.ok(text.trim() || !english.trim(), english);
                    assert.deepEqual(braces(text), braces(english), english);
                }
                if (n === 3 && /[a-z]{2}/.test(english.replace(/\{\w+\}/g, "")))
                    assert.match(others[1], /[\u0600-\u06ff]/, english);
            }
        }
    });
});

describe("when the server is away", () => {
    it("says so, and finds the person when it is back", () =>
        page({ failing: true }, async (p) => {
            await find(p, "Emptycase");
            assert.deepEqual(await ids(p), ["case-empty"]);
            await server.stop();
            await field(p).fill("Statescase");
            const trouble = p.locator(".trouble");
            await trouble.waitFor();
            assert.match(
                await trouble.innerText(),
                /The search did not work\. The server does not answer/,
            );
            assert.equal(await trouble.getAttribute("role"), "alert");
            assert.equal(await hits(p).count(), 0, "no people of another search under these words");
            await server.startAgain();
            await trouble.locator("button").click();
            await hits(p).first().waitFor();
            assert.deepEqual(await ids(p), ["case-states"]);
            assert.equal(await trouble.count(), 0);
        }));
});
