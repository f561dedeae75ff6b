// SPDX-License-Identifier: GPL-3.0-or-later
// forms.mjs CLINICAL.wasm - lines [name, object] in, the answers of core.call out; {"handle": null}
// is the handle that form.open gave last.
import fs from "node:fs";
import { open } from "../../tools/wasm/clinical.mjs";

const core = await open(fs.readFileSync(process.argv[2]));
let handle = null;
for (const line of fs.readFileSync(0, "utf8").split("\n")) {
  if (!line.trim()) continue;
  const [name, json] = [JSON.parse(line)[0], line.slice(line.indexOf(",") + 1, line.lastIndexOf("]"))];
  const text = core.callText(name, json.replace('"handle":null', `"handle":${handle}`));
  if (name === "form.open") handle = JSON.parse(text).handle ?? handle;
  process.stdout.write(text + "\n");
}
