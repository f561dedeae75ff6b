# SPDX-License-Identifier: GPL-3.0-or-later
"""The sputum set of both protocols against a second reading: every combination of three smears, three cultures and the molecular test.

Six states each (positive, negative, contaminated, NTM, inconclusive, missing) make 279,936 sets. All of them with RIHLA_LONG; else a stride
that reaches every state of every place, and all sets of one or two different states.
"""
import itertools
import json
import os
from datetime import date

from protocol_oracle import STATES, apply, resources, sputum, sputum_results

DAY = date(2026, 3, 2)
DAYS = (date(2026, 1, 12), date(2026, 1, 13), date(2026, 1, 14))
PERSON = {"birth": date(1990, 5, 5), "sex": "male", "pregnant": None, "contact": False, "symptoms": False, "signs": False, "hiv": None,
          "film": "old-or-active-tb", "igra": None, "country": None}
# What the sets are called by the packs: a forfeited one is complete, but late.
UK = {"not-collected": "incomplete"}
US = {"not-collected": "incomplete"}


def combinations():
    everything = itertools.product(STATES, repeat=7)
    if os.environ.get("RIHLA_LONG"):
        yield from everything
        return
    for n, one in enumerate(everything):
        if n % 47 == 0 or (None not in one and n % 11 == 0) or len(set(one)) <= 2:
            yield one


def bundle(n, combination):
    first = resources(PERSON, date(2026, 1, 10))
    found = first + sputum_results(combination[:3], combination[3:6], combination[6], DAYS)
    return json.dumps({"resourceType": "Bundle", "type": "collection", "id": f"s{n}", "entry": [{"resource": r} for r in found]})


def state(protocol):
    (one,) = [s["state"] for s in protocol["states"] if s["id"] == "sputum"]
    return one


def test_every_set_is_what_the_sources_say(tmp_path):
    lines, all_sets = tmp_path / "sets.ndjson", list(combinations())
    assert len(all_sets) > 10000
    with lines.open("w") as f:
        for n, one in enumerate(all_sets):
            f.write(bundle(n, one) + "\n")
    wrong, seen = [], {}
    for one, answer in zip(all_sets, apply(lines, DAY, ["uk-tb", "us-immigrant"]), strict=True):
        protocols = {p["protocol"]: p for p in answer["protocols"]}
        for name, names, molecular in (("uk-tb", UK, False), ("us-immigrant", US, True)):
            got = state(protocols[name])
            got = names.get(got, got)
            want = sputum(one[:3], one[3:6], one[6], molecular)
            seen[want] = seen.get(want, 0) + 1
            if got != want:
                wrong.append(f"{name}: smears {one[:3]} cultures {one[3:6]} molecular {one[6]}: {got}, not {want}")
            if want != "negative":
                assert got != "negative", f"{name} takes {one} for negative"
    assert not wrong, "\n".join([f"{len(wrong)} of {2 * len(all_sets)} differ", *wrong[:20]])
    assert set(seen) == {"positive", "negative", "ntm", "incomplete"}, seen
