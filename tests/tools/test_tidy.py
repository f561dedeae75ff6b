# SPDX-License-Identifier: GPL-3.0-or-later
"""tools/tidy.py finds each offence in a small made-up house, and nothing in a clean one."""
import importlib.util
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SPDX = "/* SPDX-License-Identifier: GPL-3.0-or-later */\n"
FLOORS = "| 1 | `src/base` | may include: none | ground |\n| 2 | `src/fhir` | may include: base | FHIR |\n"


def load():
    spec = importlib.util.spec_from_file_location("tidy", ROOT / "tools" / "tidy.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


tidy = load()


def findings(tmp_path, files):
    (tmp_path / "ARCHITECTURE.md").write_text(FLOORS)
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    house = tidy.House(tmp_path)
    house.check()
    return house.findings


def one_c(text, folder="fhir"):
    return {f"src/{folder}/a.c": SPDX + text,
            f"src/{folder}/meson.build": "# SPDX-License-Identifier: GPL-3.0-or-later\nsources += files('a.c')\n",
            "src/base/b.h": SPDX, "src/base/b_int.h": SPDX, "src/fhir/f.h": SPDX}


def test_a_clean_house_has_no_finding(tmp_path):
    text = '#include "base/b.h"\n#include <stdio.h>\n/* sprintf( in a comment */\nconst char *t = "strcpy(x)";\n'
    assert findings(tmp_path, one_c(text)) == []


@pytest.mark.parametrize("text, folder, wanted", [
    ('#include "fhir/f.h"\n', "base", "src/base may not include fhir/f.h"),
    ('#include "base/b_int.h"\n', "fhir", "base/b_int.h is private to src/base"),
    ('#include "f.h"\n', "fhir", 'include "fhir/f.h", from the root of src'),
    ("int f(char *b)\n{\n    return sprintf(b, \"x\");\n}\n", "fhir", "sprintf is banned"),
    ("void *f(void)\n{\n    return malloc(3);\n}\n", "fhir", "malloc outside src/base"),
    ("int f(void)\n{\n" + "    g();\n" * 71 + "}\n", "fhir", "a function of 71 lines; 70 at most"),
    ("/* TODO later */\n", "fhir", "without the number of its issue: TODO"),
    ("/* see /ho" + "me/somebody/x */\n", "fhir", "a path of somebody's machine"),
])
def test_finds(tmp_path, text, folder, wanted):
    found = findings(tmp_path, one_c(text, folder))
    assert len(found) == 1 and wanted in found[0], found


def test_allows_heap_calls_in_base_and_functions_of_70_lines(tmp_path):
    text = "void *f(void)\n{\n    return malloc(3);\n}\nint h(void)\n{\n" + "    g();\n" * 70 + "}\n"
    assert findings(tmp_path, one_c(text, "base")) == []


def test_a_todo_with_its_issue_is_fine(tmp_path):
    assert findings(tmp_path, one_c("/* TODO(#12): later */\n")) == []


def test_finds_a_file_without_spdx_line(tmp_path):
    files = one_c("")
    files["src/fhir/a.c"] = "int a;\n"
    assert "has no SPDX-License-Identifier" in findings(tmp_path, files)[0]


def test_finds_a_file_that_is_not_built(tmp_path):
    files = one_c("")
    files["src/fhir/lost.c"] = SPDX
    found = findings(tmp_path, files)
    assert len(found) == 1 and "src/fhir/lost.c:1: is not built" in found[0]


def test_what_tests_share_may_be_named_by_any_of_their_plans(tmp_path):
    files = {"tests/support/shared.c": SPDX, "tests/support/lost.c": SPDX,
             "tests/unit/meson.build": "# SPDX-License-Identifier: GPL-3.0-or-later\nfiles('../support/shared.c')\n"}
    found = findings(tmp_path, files)
    assert len(found) == 1 and "tests/support/lost.c:1: is not built" in found[0]


def test_finds_a_room_without_a_floor(tmp_path):
    assert "src/attic has no row" in findings(tmp_path, one_c("", "attic"))[0]


def test_a_house_without_its_plan_is_refused(tmp_path):
    (tmp_path / "x.py").write_text("# SPDX-License-Identifier: GPL-3.0-or-later\n")
    house = tidy.House(tmp_path)
    house.check()
    assert house.findings == ["ARCHITECTURE.md: is missing; the table of floors stands there"]


@pytest.mark.parametrize("text, wanted", [
    ('const char *u = "http://loinc.org";', "loinc.org (code system)"),
    ('const char *u = "http://snomed.info/sct";', "snomed.info (code system)"),
    ('const char *u = "http://hl7.org/fhir/sid/icd-10";', "sid/icd (code system)"),
    ('const char *u = "urn:iso:std:iso:3166";', "3166 (code system)"),
    ('const char *c = "8867-4";', "8867-4 (LOINC code)"),
    ('const char *c = "386661006";', "386661006 (SNOMED CT id)"),
    ('const char *c = "A15.0";', "A15.0 (ICD code)"),
    ('const char *c = "J07BD52";', "J07BD52 (ATC code)"),
    ('const char *c = "GB";', "GB (country code)"),
    ('const char *s = "only for South Africa";', "south africa (country)"),
    ('const char *s = "born in Ethiopia?";', "ethiopia (country)"),
    ('const char *s = "Chest X-ray";', "chest x ray (test)"),
    ("bool has_measles(void);", "measles (disease)"),
    ("bool needsHivTest(void);", "hiv (disease)"),
    ("enum { TUBERCULOSIS_AGE = 15 };", "tuberculosis (disease)"),
    ("struct rh_sputum;", "sputum (test)"),
    ("int bcg_doses;", "bcg (treatment)"),
    ("int snomedCode;", "snomed (system)"),
    ("int viet_nam_rule;", "viet nam (country)"),
])
def test_finds_medicine_and_countries(tmp_path, text, wanted):
    found = findings(tmp_path, one_c(text + "\n"))
    assert any(f"medicine in src/: {wanted}" in f or wanted.split(" (")[0] in f for f in found), found
    assert all("src/fhir/a.c:2: medicine in src/" in f for f in found)


@pytest.mark.parametrize("text", [
    "/* measles, Ethiopia, 8867-4: comments may explain */",
    'const char *s = "chading, malian and omanous are no countries";',
    "int hived; int minorca; int archive; int asthmatic_;",
    'const char *c = "1.50-2";',
    'const char *u = "http://hl7.org/fhir/ValueSet/languages";',
    'const char *s = "in no is at by";',
])
def test_words_that_only_look_alike_are_fine(tmp_path, text):
    assert findings(tmp_path, one_c(text + "\n")) == []


def test_what_fhir_itself_names_is_allowed_where_it_says_why():
    rows = [r.split("\t") for r in (ROOT / "tools" / "medicine.tsv").read_text().splitlines() if r.startswith("allow\t")]
    for _, file, word, reason in rows:
        assert (ROOT / file).exists() and len(reason) > 10, (file, word)
        bare = tidy.without_comments((ROOT / file).read_text())
        medicine = tidy.Medicine(tidy.MEDICINE)
        medicine.allowed = set()
        assert word in [found for _, _, found in medicine.find(file, bare)], f"{file}: {word} is not there: take the row out"


def test_every_country_is_on_the_list():
    words = tidy.Medicine(tidy.MEDICINE).words
    assert sum(kind == "country" for kind in words.values()) > 250
    for name in ("Kenya", "Myanmar", "Burma", "Timor-Leste", "Guinea-Bissau", "Cote d'Ivoire", "United Kingdom", "Viet Nam"):
        assert words.get(tuple(tidy.Medicine.split(name))) == "country", name
