// SPDX-License-Identifier: GPL-3.0-or-later
// clinical.mjs - forms and protocols as WebAssembly: `const core = await open(bytes)`.
//
// core.call(name, object) takes and gives an object (the functions stand in clinical_entry.c);
// {error, at} is an answer. core.callText does the same with JSON texts, which keeps the digits of
// numbers. core.addPackage(files) adds definitions: an iterable of [path in the package,
// Uint8Array]. An instance that threw must not be used again.
import { instantiate } from "./core.mjs";

export async function open(bytes) {
  const { exports, ask, addPackage } = await instantiate(bytes);
  const callText = (name, json) => ask(exports.rh_wasm_call, name, json);
  return { call: (name, object) => JSON.parse(callText(name, JSON.stringify(object))), callText, addPackage };
}
