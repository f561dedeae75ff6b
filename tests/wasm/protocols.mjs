// SPDX-License-Identifier: GPL-3.0-or-later
// protocols.mjs CLINICAL.wasm FOLDER... - the folders' packages, then lines of JSON for
// protocol.apply in, its answers out.
import fs from "node:fs";
import path from "node:path";
import { open } from "../../tools/wasm/clinical.mjs";

const [wasm, ...folders] = process.argv.slice(2);
const core = await open(fs.readFileSync(wasm));
for (const folder of folders) {
  const files = fs.readdirSync(path.join(folder, "package"));
  core.addPackage(files.map((f) => [`package/${f}`, fs.readFileSync(path.join(folder, "package", f))]));
}
for (const line of fs.readFileSync(0, "utf8").split("\n")) if (line.trim()) process.stdout.write(core.callText("protocol.apply", line) + "\n");
