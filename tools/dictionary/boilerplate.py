#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fills the skeletons of boilerplate.ndjson with invented values and prints them as NDJSON.

They teach the dictionary shapes that the demo does not have: other generators, claims, profiles,
urn:uuid references. What varies in real records must vary here too, or it would be learnt.

    $uuid $instant $milli (with milliseconds) $date $int $dec $money $word $base64
    $long             a double with all its digits
    $sct $term        a SNOMED CT code and a phrase
    $lab $labtext $labunit, $vital $vitaltext $vitalunit, $cvx $cvxtext    of one row in a line
"""

import base64
import os
import random
import re
import sys

LABS = [
    ("2951-2", "Sodium", "mmol/L"),
    ("2823-3", "Potassium", "mmol/L"),
    ("2075-0", "Chloride", "mmol/L"),
    ("2028-9", "Carbon Dioxide", "mmol/L"),
    ("3094-0", "Urea Nitrogen", "mg/dL"),
    ("2345-7", "Glucose", "mg/dL"),
    ("2339-0", "Glucose", "mg/dL"),
    ("17861-6", "Calcium", "mg/dL"),
    ("2160-0", "Creatinine", "mg/dL"),
    ("2093-3", "Total Cholesterol", "mg/dL"),
    ("2571-8", "Triglycerides", "mg/dL"),
    ("2085-9", "High Density Lipoprotein Cholesterol", "mg/dL"),
    ("18262-6", "Low Density Lipoprotein Cholesterol", "mg/dL"),
    ("4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood", "%"),
    ("718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL"),
    ("6690-2", "Leukocytes [#/volume] in Blood by Automated count", "10*3/uL"),
    ("789-8", "Erythrocytes [#/volume] in Blood by Automated count", "10*6/uL"),
    ("777-3", "Platelets [#/volume] in Blood by Automated count", "10*3/uL"),
    ("4544-3", "Hematocrit [Volume Fraction] of Blood by Automated count", "%"),
    ("787-2", "MCV [Entitic volume] by Automated count", "fL"),
    ("785-6", "MCH [Entitic mass] by Automated count", "pg"),
    ("786-4", "MCHC [Mass/volume] by Automated count", "g/dL"),
    ("33914-3", "Glomerular filtration rate/1.73 sq M.predicted", "mL/min/{1.73_m2}"),
    ("1742-6", "Alanine aminotransferase [Enzymatic activity/volume] in Serum or Plasma", "U/L"),
    ("1920-8", "Aspartate aminotransferase [Enzymatic activity/volume] in Serum or Plasma", "U/L"),
    ("1975-2", "Bilirubin.total [Mass/volume] in Serum or Plasma", "mg/dL"),
    ("2885-2", "Protein [Mass/volume] in Serum or Plasma", "g/dL"),
    ("1751-7", "Albumin [Mass/volume] in Serum or Plasma", "g/dL"),
]
VITALS = [
    ("8302-2", "Body Height", "cm"),
    ("29463-7", "Body Weight", "kg"),
    ("39156-5", "Body Mass Index", "kg/m2"),
    ("8310-5", "Body temperature", "Cel"),
    ("8867-4", "Heart rate", "/min"),
    ("9279-1", "Respiratory rate", "/min"),
    ("72514-3", "Pain severity - 0-10 verbal numeric rating [Score] - Reported", "{score}"),
    ("59408-5", "Oxygen saturation in Arterial blood by Pulse oximetry", "%"),
    ("9843-4", "Head Occipital-frontal circumference", "cm"),
]
VACCINES = [
    ("88", "influenza, unspecified formulation"),
    ("140", "Influenza, seasonal, injectable, preservative free"),
    ("113", "Td (adult) preservative free"),
    ("133", "Pneumococcal conjugate PCV 13"),
    ("52", "Hep A, adult"),
    ("08", "Hep B, adolescent or pediatric"),
    ("10", "IPV"),
    ("20", "DTaP"),
    ("03", "MMR"),
    ("21", "varicella"),
    ("119", "rotavirus, monovalent"),
    ("49", "Hib (PRP-OMP)"),
    ("114", "meningococcal MCV4P"),
    ("115", "Tdap"),
    ("165", "HPV9"),
]
TERMS = [
    ("185349003", "Encounter for check up (procedure)"),
    ("185347001", "Encounter for problem"),
    ("185345009", "Encounter for symptom"),
    ("308335008", "Patient encounter procedure"),
    ("50849002", "Emergency department patient visit"),
    ("38341003", "Hypertensive disorder"),
    ("44054006", "Diabetes mellitus type 2"),
    ("195662009", "Acute viral pharyngitis (disorder)"),
    ("10509002", "Acute bronchitis (disorder)"),
    ("271737000", "Anemia (disorder)"),
    ("72892002", "Normal pregnancy"),
    ("195967001", "Asthma"),
    ("399208008", "Plain chest X-ray"),
    ("430193006", "Medication reconciliation (procedure)"),
    ("73761001", "Colonoscopy"),
]
SYLLABLES = "ba co de fi ga ho in ka le mo na or pe qui ra se ti un va wi xe yo zu".split()
COPIES = 80


def values(r):
    """The functions behind the placeholders, over one source of chance."""
    digit = lambda n: "".join(str(int(r() * 10)) for _ in range(n))
    hexa = lambda n: "".join("0123456789abcdef"[int(r() * 16)] for _ in range(n))
    pick = lambda rows: rows[int(r() * len(rows))]
    date = lambda: f"{1950 + int(r() * 75)}-{1 + int(r() * 12):02d}-{1 + int(r() * 28):02d}"
    clock = lambda: f"{int(r() * 24):02d}:{int(r() * 60):02d}:{int(r() * 60):02d}"
    zone = lambda: pick(["+00:00", "-05:00", "-04:00", "Z", "+02:00"])
    word = lambda: "".join(pick(SYLLABLES) for _ in range(2 + int(r() * 3))).capitalize()
    # The rows of a line stay the same until it is filled: see fill().
    return {
        "uuid": lambda: f"{hexa(8)}-{hexa(4)}-4{hexa(3)}-{pick('89ab')}{hexa(3)}-{hexa(12)}",
        "instant": lambda: f"{date()}T{clock()}{zone()}",
        "milli": lambda: f"{date()}T{clock()}.{digit(3)}{zone()}",
        "date": date,
        "int": lambda: str(1 + int(r() * 9)) + digit(3 + int(r() * 4)),
        "dec": lambda: f"{r() * 150:.{1 + int(r() * 2)}f}",
        "long": lambda: repr(r() * 150),
        "money": lambda: f"{r() * 900:.2f}",
        "word": word,
        "base64": lambda: base64.b64encode(" ".join(word() for _ in range(6)).encode()).decode(),
        "pick": pick,
    }


def fill(line, v):
    lab, vital, vaccine = v["pick"](LABS), v["pick"](VITALS), v["pick"](VACCINES)
    term = [None]

    def one(match):
        name = match.group(1)
        if name == "sct":
            term[0] = v["pick"](TERMS)
            return term[0][0]
        if name == "term":
            return (term[0] or v["pick"](TERMS))[1]
        for rows, key in ((lab, "lab"), (vital, "vital"), (vaccine, "cvx")):
            if name.startswith(key):
                part = {"": 0, "text": 1, "unit": 2}[name[len(key) :]]
                # a code brings its display along
                return rows[0] + '","display":"' + rows[1] if part == 0 else rows[part]
        return v[name]()

    return re.sub(r"\$([a-z0-9]+)", one, line)


def main():
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "boilerplate.ndjson")
    with open(path, encoding="utf-8") as f:
        lines = f.read().splitlines()
    v = values(random.Random("boilerplate").random)
    sys.stdout.reconfigure(encoding="utf-8", newline="\n")
    for _ in range(COPIES):
        for line in lines:
            print(fill(line, v))


if __name__ == "__main__":
    main()
