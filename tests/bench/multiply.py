#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Transaction Bundles to NDJSON of single resources, many times over: multiply.py --copies N --out DIR BUNDLES…

BUNDLES are .json files, folders of them or a .tar.xz. References by urn:uuid become Type/id; copy k has other ids (a function of the id and k) and
refers to itself only. The same input gives the same bytes. Writes DIR/copy-0000.ndjson and so on, one resource a line.
"""
import argparse
import json
import re
import sys
import tarfile
from pathlib import Path

UUID = re.compile(r"(?:urn:uuid:)?[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


def bundles(paths):
    for path in map(Path, paths):
        if path.is_dir():
            yield from (p.read_text() for p in sorted(path.rglob("*.json")))
        elif path.suffix == ".json":
            yield path.read_text()
        else:
            with tarfile.open(path) as tar:
                for member in sorted((m for m in tar if m.name.endswith(".json")), key=lambda m: m.name):
                    yield tar.extractfile(member).read().decode()


def lines(texts):
    """Resources as JSON text, and the types of their ids."""
    found, types = [], {}
    for text in texts:
        for entry in json.loads(text).get("entry", []):
            resource = entry["resource"]
            if types.setdefault(resource["id"], resource["resourceType"]) == resource["resourceType"]:
                found.append((resource["id"], json.dumps(resource, ensure_ascii=False, separators=(",", ":"))))
    seen = set()
    return [text for key, text in found if not (key in seen or seen.add(key))], types


def cut(text, types):
    """[text, id, text, id, … text]: the ids that change from copy to copy."""
    pieces, at = [], 0
    for m in UUID.finditer(text):
        key = m.group()[-36:]
        if key not in types:
            continue
        pieces += [text[at:m.start()] + (types[key] + "/" if m.group().startswith("urn:") else ""), key]
        at = m.end()
    return pieces + [text[at:]]


def main():
    args = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    args.add_argument("bundles", nargs="+")
    args.add_argument("--copies", type=int, default=1)
    args.add_argument("--first", type=int, default=0, help="number of the first copy (0: ids as they are)")
    args.add_argument("--out", type=Path, required=True)
    args = args.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    texts, types = lines(bundles(args.bundles))
    pieces, ends = [], []
    for text in texts:
        pieces += cut(text, types)
        pieces[-1] += "\n"
        ends.append(len(pieces))
    places, last = [], 0
    for end in ends:
        places += range(last + 1, end, 2)
        last = end
    keys = [pieces[i] for i in places]
    for k in range(args.first, args.first + args.copies):
        mask = k * 0x9E3779B1 & 0xFFFFFFFF
        other = {key: f"{int(key[:8], 16) ^ mask:08x}{key[8:]}" for key in set(keys)}
        for place, key in zip(places, keys):
            pieces[place] = other[key]
        (args.out / f"copy-{k:04}.ndjson").write_text("".join(pieces))
    print(f"{len(texts)} resources a copy, {args.copies} copies", file=sys.stderr)


if __name__ == "__main__":
    main()
