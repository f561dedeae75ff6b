#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""build.py BUILD OUT [CLANG] - writes OUT/build.ninja, which makes OUT/core.wasm and OUT/clinical.wasm: the pure modules as WebAssembly.

BUILD is a meson build folder of this source tree: the generated C of the modules is taken from there. It must have been
built. The sysroot is a folder of links, because Debian keeps headers and libraries of wasi-libc where clang does not look.
"""
import sys
from pathlib import Path

CORE = ("base", "fhir", "fhirpath", "terminology", "conformance", "clinical")
PRODUCTS = {"core": "entry", "clinical": "clinical_entry"}  # each drops what its entry does not reach
# What answers must be is a form's matter: a tablet that only evaluates need not load it (entry.c says so where it is asked).
FORMS = ("answer", "form_scope")
# Numbers stay text here, and neither JSON5 nor JSON Pointer is read.
YYJSON = "-w -DYYJSON_DISABLE_FAST_FP_CONV=1 -DYYJSON_DISABLE_NON_STANDARD=1 -DYYJSON_DISABLE_UTILS=1"
NOT_HERE = {"src/base/hash.c"}  # libsodium; tools/wasm/common.c gives the random numbers

def main():
    root = Path(__file__).resolve().parents[2]
    build, out = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    clang = sys.argv[3] if len(sys.argv) > 3 else "clang"
    sysroot = out / "sysroot"
    (sysroot / "lib").mkdir(parents=True, exist_ok=True)
    for link, target in (("include", "/usr/include/wasm32-wasi"), ("lib/wasm32-wasi", "/usr/lib/wasm32-wasi")):
        if not (sysroot / link).is_symlink():
            (sysroot / link).symlink_to(target)
    sources = []
    for module in CORE:
        sources += [p for p in sorted((root / "src" / module).glob("*.c"))
                    if p.relative_to(root).as_posix() not in NOT_HERE]
        sources += sorted((build / "src" / module).glob("*.c"))
    yyjson = root / "build/deps/yyjson"
    include = ["-I", str(root / "src"), "-isystem", str(yyjson)]
    flags = ["--target=wasm32-wasi", f"--sysroot={sysroot}", "-std=gnu11", "-Oz", "-flto",
             "-mbulk-memory", "-msign-ext", "-mnontrapping-fptoint",  # in every browser since 2021
             f"-ffile-prefix-map={root}/=", "-fno-strict-aliasing",
             "-ffunction-sections", "-fdata-sections", "-D_GNU_SOURCE", '-DRH_VERSION=\\"core\\"']
    ours = ["-Wall", "-Wextra", "-Wshadow", "-Wstrict-prototypes", "-Wmissing-prototypes", "-Wvla", "-Wundef", "-Werror"]
    link = ["--target=wasm32-wasi", f"--sysroot={sysroot}", "-mexec-model=reactor", "-flto", "-Wl,--gc-sections",
            "-Wl,--strip-all", "-Wl,-O2", "-Wl,--compress-relocations",
            "-Wl,-mllvm,-inline-threshold=-100", "-Wl,-z,stack-size=1048576"]
    lines = ["ninja_required_version = 1.5", f"clang = {clang}", f"flags = {' '.join(flags + include)}",
             "rule cc", "  description = CC $in", "  command = $clang $flags $warn -MD -MF $out.d -c $in -o $out", "  depfile = $out.d", "  deps = gcc",
             "rule link", "  description = LINK $out", f"  command = $clang {' '.join(link)} @$out.rsp -o $out -lm", "  rspfile = $out.rsp",
             "  rspfile_content = $in"]
    objects = []
    entries = [root / f"tools/wasm/{name}.c" for name in ("common", *PRODUCTS.values())]
    for source, warn in [(s, " ".join(ours)) for s in sources + entries] + [(yyjson / "yyjson.c", YYJSON)]:
        name = f"{source.parent.name}-{source.stem}.o"
        if source not in entries[1:]:
            objects.append(name)
        lines += [f"build {name}: cc {source}", f"  warn = {warn}"]
    without_forms = [o for o in objects if not o.startswith(("clinical-", *(f"conformance-{name}" for name in FORMS)))]
    for product, entry in PRODUCTS.items():
        parts = objects if product == "clinical" else without_forms
        lines.append(f"build {product}.wasm: link {' '.join(parts)} wasm-{entry}.o")
    lines.append("")
    (out / "build.ninja").write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
