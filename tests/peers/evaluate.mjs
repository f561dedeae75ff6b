// SPDX-License-Identifier: GPL-3.0-or-later
// Lines {"id","expr","resource"} (or "same" for that of the line before) in, answers of npm fhirpath
// (model r4) out: {"id","result"} or {"id","error"}. With --time SECONDS: evaluates all of them again and
// again for that long and prints {"evaluations","seconds"} of the best round.
import fs from "node:fs";
import fhirpath from "fhirpath";
import r4 from "fhirpath/fhir-context/r4";

const timed = process.argv.indexOf("--time");
const rows = fs.readFileSync(0, "utf8").split("\n").filter(Boolean).map((line) => JSON.parse(line));
let before = null;
for (const row of rows) {
  row.resource = row.same ? before : row.resource;
  before = row.resource;
}

const quiet = { traceFn: () => {} };
if (timed < 0) {
  for (const { id, expr, resource } of rows) {
    let answer;
    try {
      answer = { id, result: fhirpath.evaluate(resource ?? {}, expr, { resource, rootResource: resource }, r4, quiet) };
    } catch (e) {
      answer = { id, error: String(e.message ?? e) };
    }
    process.stdout.write(JSON.stringify(answer) + "\n");
  }
} else {
  const seconds = Number(process.argv[timed + 1]);
  const compiled = new Map();
  const work = [];
  for (const { expr, resource } of rows) {
    if (!compiled.has(expr)) {
      try {
        compiled.set(expr, fhirpath.compile(expr, r4, quiet));
      } catch {
        compiled.set(expr, null);
      }
    }
    if (compiled.get(expr)) work.push([compiled.get(expr), resource]);
  }
  const round = () => {
    for (const [f, resource] of work) {
      try {
        f(resource);
      } catch {
        // an expression that refuses its input costs time too
      }
    }
  };
  round();
  const now = () => Number(process.hrtime.bigint()) / 1e9;
  const end = now() + seconds;
  let best = Infinity;
  while (now() < end) {
    const begin = now();
    round();
    best = Math.min(best, now() - begin);
  }
  process.stdout.write(JSON.stringify({ evaluations: work.length, seconds: best }) + "\n");
}
