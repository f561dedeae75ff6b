// SPDX-License-Identifier: GPL-3.0-or-later
// support.mjs - the real program on a fresh data directory, and Debian's Chromium in front of it.
//
// RIHLA_BIN names the program (build/rihla), RIHLA_WEB_DIR a folder of pages to serve instead of
// those inside the program. The data are the demo people of tools/demo.py and the
// small hand-made people of people.mjs. Everything stands in a folder of its own under the system's
// temporary folder and is removed at the end; the server is ended by its own handle.
import assert from "node:assert/strict";
import { execFile, spawn } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { chromium } from "playwright-core";
import { ndjson } from "./people.mjs";

const run = promisify(execFile);
export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const program = resolve(root, process.env.RIHLA_BIN ?? "build/rihla");
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const LONG = { maxBuffer: 64 << 20, timeout: 240_000 };

const PACKS = readdirSync(join(root, "packs"))
    .map((name) => join(root, "packs", name))
    .filter((folder) => existsSync(join(folder, "package/package.json")));
const OUTSIDE = process.env.RIHLA_TESTDATA
    ? join(process.env.RIHLA_TESTDATA, "05_patients/dev")
    : "";

/**
 * One of the people from outside with a record of some length, as a file in a folder that the caller
 * removes: { folder, path, id, family, given, number, count(type) }. Undefined: no such data here.
 */
export async function outsideBundle() {
    if (!OUTSIDE || !existsSync(OUTSIDE)) return undefined;
    const archive = readdirSync(OUTSIDE).find((name) => name.endsWith(".tar.xz"));
    if (!archive) return undefined;
    const folder = await mkdtemp(join(tmpdir(), "rihla-bundle-"));
    await run("tar", ["-xJf", join(OUTSIDE, archive), "-C", folder], { timeout: 120_000 });
    const files = (await readdir(folder, { recursive: true }))
        .filter((name) => name.endsWith(".json"))
        .sort();
    for (const name of files) {
        const path = join(folder, name);
        const bundle = JSON.parse(await readFile(path, "utf8"));
        const resources = (bundle.entry ?? []).map((entry) => entry.resource);
        const patient = resources.find((one) => one.resourceType === "Patient");
        if (!patient || resources.length < 200) continue;
        return {
            folder,
            path,
            id: patient.id,
            family: patient.name[0].family,
            given: patient.name[0].given[0],
            number: patient.identifier[0].value,
            count: (type) => resources.filter((one) => one.resourceType === type).length,
        };
    }
    await rm(folder, { recursive: true, force: true });
    return undefined;
}

export class Server {
    /** Loads the demo, `people.mjs` and `more` (paths) and serves them. */
    static async start(more = []) {
        assert.ok(
            existsSync(program),
            `${program} is missing: ./dev build makes it, RIHLA_BIN names another`,
        );
        const s = new Server();
        try {
            await s.load(more);
        } catch (error) {
            await s.close();
            throw error;
        }
        return s;
    }

    async load(more) {
        this.folder = await mkdtemp(join(tmpdir(), "rihla-browser-"));
        this.data = join(this.folder, "data");
        const demo = join(this.folder, "demo.ndjson");
        const own = join(this.folder, "people.ndjson");
        await run("python3", [join(root, "tools/demo.py"), "--out", demo], LONG);
        await writeFile(own, ndjson);
        await run(program, ["import", "--data", this.data, demo, own, ...more], LONG);
        await this.serve("127.0.0.1:0");
        const index = await (await fetch(this.url)).text();
        assert.match(index, /app-\w+\.js/, `${program} was built without the pages; ./dev build`);
    }

    async serve(listen) {
        const options = ["serve", "--data", this.data, "--listen", listen];
        for (const one of PACKS) options.push("--package", one);
        if (process.env.RIHLA_WEB_DIR) options.push("--web-dir", process.env.RIHLA_WEB_DIR);
        this.child = spawn(program, options, { stdio: ["ignore", "pipe", "pipe"] });
        this.url = await new Promise((done, failed) => {
            let said = "";
            const wait = setTimeout(
                () => failed(new Error(`no address from ${program} in 30 s: ${said}`)),
                30_000,
            );
            const hear = (text) => {
                said += text;
                const at = /listening on (http:\/\/127\.0\.0\.1:\d+)/.exec(said);
                if (!at) return;
                clearTimeout(wait);
                done(at[1] + "/");
            };
            this.child.stdout.on("data", hear);
            this.child.stderr.on("data", (text) => (said += text));
            this.child.on("exit", (code) =>
                failed(new Error(`${program} ended with ${code}: ${said}`)),
            );
        });
        this.ended = new Promise((done) => this.child.on("exit", done));
    }

    async stop() {
        if (!this.child || this.child.exitCode !== null) return;
        this.child.kill("SIGTERM");
        const late = setTimeout(() => this.child.kill("SIGKILL"), 10_000);
        await this.ended;
        clearTimeout(late);
    }

    /** The same address again, as after a restart of the machine. */
    async startAgain() {
        await this.serve(new URL(this.url).host);
    }

    async close() {
        await this.stop();
        if (this.folder) await rm(this.folder, { recursive: true, force: true });
    }
}

export const openBrowser = () =>
    chromium.launch({
        executablePath: CHROMIUM,
        args: [
            "--no-sandbox",
            "--headless=new",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
        ],
    });

/**
 * A page of its own, and afterwards the three things that hold for every page: nothing was asked of
 * another host, no error was thrown, and nothing was complained of in the console. A test that
 * provokes a failing request says so with `failing`: only the browser's line about it is allowed.
 */
export async function onPage(browser, options, test) {
    const { failing, ...rest } = options;
    const context = await browser.newContext({
        viewport: { width: 1280, height: 900 },
        locale: "en-GB",
        serviceWorkers: "block", // only the tests without a network want the kept pages
        ...rest,
    });
    const page = await context.newPage();
    const wrong = [];
    const strangers = [];
    page.setDefaultTimeout(15_000);
    page.on("pageerror", (error) => wrong.push(`thrown: ${error.message}`));
    page.on("console", (line) => {
        const text = line.text();
        if (line.type() === "error" && !(failing && text.startsWith("Failed to load resource")))
            wrong.push(`console: ${text}`);
    });
    page.on("request", (request) => {
        if (new URL(request.url()).hostname !== "127.0.0.1") strangers.push(request.url());
    });
    try {
        await test(page, context);
        assert.deepEqual(strangers, [], "requests left the machine");
        assert.deepEqual(wrong, [], "errors in the page");
    } finally {
        await context.close();
    }
}
