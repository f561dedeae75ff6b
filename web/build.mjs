// SPDX-License-Identifier: GPL-3.0-or-later
// build.mjs - makes web/out/: index.html, app-HASH.js, app-HASH.css, icon-HASH.svg, nothing else.
//
// File names carry a hash of their content, so a server may let browsers keep them for ever;
// index.html is the only file that must be asked for again.
import * as esbuild from "esbuild";
import { createHash } from "node:crypto";
import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const FIRST_LOAD_LIMIT = 120_000; // bytes, gzip; slow links are the rule where this is used

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "out");

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
await esbuild.build({
    absWorkingDir: here,
    entryPoints: { app: "src/main.tsx" },
    outdir: out,
    bundle: true,
    minify: true,
    format: "esm",
    target: ["es2020", "chrome90", "firefox90", "safari15"],
    jsx: "automatic",
    jsxImportSource: "preact",
    entryNames: "[name]-[hash]",
    charset: "utf8",
    legalComments: "none",
    logLevel: "warning",
});

const icon = await readFile(join(here, "icon.svg"));
const iconHash = createHash("sha256").update(icon).digest("hex").slice(0, 8).toUpperCase();
await writeFile(join(out, `icon-${iconHash}.svg`), icon);

const made = await readdir(out);
const one = (ending) => {
    const found = made.filter((name) => name.endsWith(ending));
    if (found.length !== 1) throw new Error(`expected one *${ending}, made: ${made.join(", ")}`);
    return found[0];
};
const page = (await readFile(join(here, "index.html"), "utf8"))
    .replace("APP_CSS", one(".css"))
    .replace("APP_ICON", one(".svg"))
    .replace("APP_JS", one(".js"));
await writeFile(join(out, "index.html"), page);

let total = 0;
for (const name of ["index.html", one(".css"), one(".js")]) {
    const size = gzipSync(await readFile(join(out, name)), { level: 9 }).length;
    total += size;
    console.log(`${String(size).padStart(7)} bytes gzip  ${name}`);
}
console.log(`${String(total).padStart(7)} bytes gzip  first load (limit ${FIRST_LOAD_LIMIT})`);
if (total > FIRST_LOAD_LIMIT) {
    console.error("build: the first load is over its limit; leave something out or load it later");
    process.exit(1);
}
