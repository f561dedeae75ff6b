// SPDX-License-Identifier: GPL-3.0-or-later
// core.mjs - the core as WebAssembly, for a browser or Node: `const core = await open(bytes)`.
// instantiate(bytes) is what it shares with the clinical core (clinical.mjs).
//
// core.fhirpath(line) takes a line of `rihla fhirpath --batch` and gives its answer, both as text.
// core.addPackage(files) adds definitions: an iterable of [path in the package, Uint8Array].
// An instance that threw must not be used again.

const OK = 0, VALUE = 4; // enum rh_rc of src/base/rc.h
const WHOLE = 1, IGNORE_CASE = 2, DOT_ALL = 4; // enum rh_regex_flag of src/base/context.h
const GROUPS = 10;

// Where a character of UTF-16 stands in the UTF-8 of the same text.
function utf8Offsets(text) {
  const offsets = new Uint32Array(text.length + 1);
  let at = 0;
  for (let i = 0; i < text.length; i++) {
    offsets[i] = at;
    const c = text.charCodeAt(i);
    if (c < 0x80) at += 1;
    else if (c < 0x800) at += 2;
    else if (c >= 0xd800 && c < 0xdc00 && i + 1 < text.length) {
      offsets[++i] = at; // inside a pair: nothing begins there
      at += 4;
    } else at += 3;
  }
  offsets[text.length] = at;
  return offsets;
}

function compile(pattern, flags) {
  const lines = pattern.startsWith("(?m)"); // the one inline flag that the core writes
  const body = lines ? pattern.slice(4) : pattern;
  const source = flags & WHOLE ? `^(?:${body})$` : body;
  const letters = "dg" + (lines ? "m" : "") + (flags & IGNORE_CASE ? "i" : "") + (flags & DOT_ALL ? "s" : "");
  try {
    return new RegExp(source, letters + "u");
  } catch {
    return new RegExp(source, letters); // escapes that the Unicode grammar does not have
  }
}

export async function instantiate(bytes) {
  const read = new TextDecoder("utf-8"), write = new TextEncoder();
  const patterns = new Map();
  let it = null;
  const memory = () => new Uint8Array(it.memory.buffer);
  const text = (at, length) => read.decode(memory().subarray(at, at + length));

  function regex(pattern, patternLength, subject, subjectLength, start, flags, match) {
    const key = flags + text(pattern, patternLength);
    let expression = patterns.get(key);
    try {
      expression ??= compile(text(pattern, patternLength), flags);
    } catch {
      return VALUE;
    }
    patterns.set(key, expression);
    const whole = text(subject, subjectLength), offsets = utf8Offsets(whole);
    expression.lastIndex = Math.max(0, offsets.indexOf(start));
    const found = expression.exec(whole);
    const view = new DataView(it.memory.buffer);
    view.setUint8(match, found ? 1 : 0);
    if (!found) return OK;
    const groups = Math.min(found.length, GROUPS);
    view.setUint32(match + 4, groups, true);
    for (let i = 0; i < groups; i++) {
      const [from, to] = found.indices[i] ?? [null, null];
      view.setUint32(match + 8 + 4 * i, from === null ? 1 : offsets[from], true);
      view.setUint32(match + 8 + 4 * GROUPS + 4 * i, to === null ? 0 : offsets[to], true);
    }
    return OK;
  }

  // The little of the system that the C library asks for; there are no files, and standard error
  // is where a failed assertion goes.
  const said = [];
  const system = {
    random_get: (at, length) => (crypto.getRandomValues(memory().subarray(at, at + length)), 0),
    proc_exit: (code) => {
      throw new Error(`the core ended (${code}): ${said.join("")}`);
    },
    fd_write: (fd, vectors, count, written) => {
      const view = new DataView(it.memory.buffer);
      let sum = 0;
      for (let i = 0; i < count; i++) {
        const length = view.getUint32(vectors + 8 * i + 4, true);
        said.push(text(view.getUint32(vectors + 8 * i, true), length));
        sum += length;
      }
      view.setUint32(written, sum, true);
      return 0;
    },
  };
  const absent = new Proxy(system, { get: (known, name) => known[name] ?? (() => 52) }); // ENOSYS
  const module = await WebAssembly.compile(bytes);
  const imports = { rihla: { regex, now: () => Date.now() * 1000 }, wasi_snapshot_preview1: {} };
  for (const { module: of, name } of WebAssembly.Module.imports(module))
    if (of === "wasi_snapshot_preview1") imports[of][name] = absent[name];
  it = (await WebAssembly.instantiate(module, imports)).exports;
  it._initialize?.();

  // Copies bytes in for the time of a call.
  function lend(all, call) {
    const places = all.map((data) => {
      const at = it.rh_wasm_alloc(data.length + 1);
      if (!at) throw new Error("the core has no more memory");
      memory().set(data, at);
      return at;
    });
    try {
      return call(...places.flatMap((at, i) => [at, all[i].length]));
    } finally {
      places.forEach((at) => it.rh_wasm_free(at));
    }
  }
  const answer = (at) => text(at, memory().indexOf(0, at) - at);

  return {
    exports: it,
    ask: (call, ...texts) => lend(texts.map((t) => write.encode(t)), (...places) => answer(call(...places))),
    addPackage(files) {
      let rc = it.rh_wasm_package_begin();
      for (const [path, data] of files)
        rc ||= lend([write.encode(path), data], it.rh_wasm_package_file);
      const said = JSON.parse(answer(it.rh_wasm_package_end()));
      if (rc || said.error) throw new Error(said.error ?? `a file of the package was refused (${rc})`);
      return said.definitions;
    },
  };
}

export async function open(bytes) {
  const { exports, ask, addPackage } = await instantiate(bytes);
  return { fhirpath: (line) => ask(exports.rh_wasm_fhirpath, line), addPackage };
}
