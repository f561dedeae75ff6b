// SPDX-License-Identifier: GPL-3.0-or-later
// batch.mjs CORE.wasm [PACKAGE.tgz...] - lines of `rihla fhirpath --batch` in, its answers out, by
// the core as WebAssembly. Of the packages only definitions are taken.
import fs from "node:fs";
import zlib from "node:zlib";
import { open } from "../../tools/wasm/core.mjs";

const DEFINITIONS = /^package\/(StructureDefinition|ValueSet|CodeSystem)-/;

function* filesOf(tar) {
  const text = (at, n) => tar.toString("utf8", at, at + n).replace(/\0.*$/s, "");
  for (let at = 0; at + 512 <= tar.length && tar[at]; ) {
    const size = parseInt(text(at + 124, 12), 8);
    if (DEFINITIONS.test(text(at, 100))) yield [text(at, 100), tar.subarray(at + 512, at + 512 + size)];
    at += 512 + Math.ceil(size / 512) * 512;
  }
}

const [wasm, ...packages] = process.argv.slice(2);
const core = await open(fs.readFileSync(wasm));
for (const file of packages) core.addPackage(filesOf(zlib.gunzipSync(fs.readFileSync(file))));
const answers = [];
for (const line of fs.readFileSync(0, "utf8").split("\n")) if (line.trim()) answers.push(core.fhirpath(line) + "\n");
process.stdout.write(answers.join(""));
