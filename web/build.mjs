// SPDX-License-Identifier: GPL-3.0-or-later
// build.mjs - makes web/out/: index.html, sw.js, and files whose names carry a hash of their content.
//
// The hash lets a server tell browsers to keep a file for ever; only index.html and sw.js are asked
// for again. What is not needed to find and read a record (desk-HASH.js, the clinical core) is loaded
// when it is first used and does not count as first load. The clinical core is taken from
// build/wasm/clinical.wasm (or RIHLA_CLINICAL_WASM); without it the pages say that forms are not in
// this build.
import * as esbuild from "esbuild";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const FIRST_LOAD_LIMIT = 120_000; // bytes, gzip; slow links are the rule where this is used

const here = dirname(fileURLToPath(import.meta.url));
const out = process.env.RIHLA_WEB_OUT ?? join(here, "out");
const root = join(here, "..");

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });

const hashOf = (bytes) =>
    createHash("sha256").update(bytes).digest("hex").slice(0, 8).toUpperCase();
/** Copies a file under a name with its hash; the name. */
async function copy(from, stem, ending) {
    const bytes = await readFile(from);
    const name = `${stem}-${hashOf(bytes)}.${ending}`;
    await writeFile(join(out, name), bytes);
    return name;
}

const wasm = process.env.RIHLA_CLINICAL_WASM ?? join(root, "build/wasm/clinical.wasm");
const loader = join(root, "tools/wasm/clinical.mjs");
const core = existsSync(wasm) && existsSync(loader) ? await copy(wasm, "clinical", "wasm") : "";
if (!core)
    console.log("build: no clinical core here; the pages will say so where a form is opened");

const common = {
    absWorkingDir: here,
    outdir: out,
    bundle: true,
    minify: true,
    format: "esm",
    target: ["es2020", "chrome90", "firefox90", "safari15"],
    charset: "utf8",
    legalComments: "none",
    logLevel: "warning",
};
const built = await esbuild.build({
    ...common,
    entryPoints: { app: "src/main.tsx" },
    splitting: true,
    metafile: true,
    jsx: "automatic",
    jsxImportSource: "preact",
    entryNames: "[name]-[hash]",
    chunkNames: "[name]-[hash]",
    define: { CLINICAL_WASM: JSON.stringify(core) },
    alias: { "clinical-core": existsSync(loader) ? loader : join(here, "src/no-core.mjs") },
});

const icon = await copy(join(here, "icon.svg"), "icon", "svg");

// What the page needs before anything is shown: the entry and what it imports at once.
const outputs = built.metafile.outputs;
const entry = Object.keys(outputs).find((name) => outputs[name].entryPoint === "src/main.tsx");
const first = new Set();
const follow = (name) => {
    if (first.has(name)) return;
    first.add(name);
    for (const one of outputs[name].imports) if (one.kind === "import-statement") follow(one.path);
};
follow(entry);
const css = outputs[entry].cssBundle;
const scripts = [...first].map((name) => basename(name));
const page = (await readFile(join(here, "index.html"), "utf8"))
    .replace("APP_CSS", basename(css))
    .replace("APP_ICON", icon)
    .replace("APP_JS", basename(entry));
await writeFile(join(out, "index.html"), page);

const files = (await readdir(out)).filter((name) => name !== "index.html").sort();
await esbuild.build({
    ...common,
    format: "iife",
    entryPoints: { sw: "src/sw.ts" },
    define: {
        FILES: JSON.stringify(files),
        VERSION: JSON.stringify(hashOf(files.join("\n") + page)),
    },
});

let total = 0;
const counted = ["index.html", basename(css), ...scripts];
for (const name of (await readdir(out)).sort()) {
    const size = gzipSync(await readFile(join(out, name)), { level: 9 }).length;
    const now = counted.includes(name);
    if (now) total += size;
    console.log(`${String(size).padStart(7)} bytes gzip  ${name}${now ? "" : "  (later)"}`);
}
console.log(`${String(total).padStart(7)} bytes gzip  first load (limit ${FIRST_LOAD_LIMIT})`);
if (total > FIRST_LOAD_LIMIT) {
    console.error("build: the first load is over its limit; leave something out or load it later");
    process.exit(1);
}
