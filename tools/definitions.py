#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""definitions.py OUT PACKAGE.tgz[=NAME#VERSION]... - picks what is built into the program out of FHIR packages.
definitions.py --source FILE OUT.S - assembler that puts the packed FILE (tools/pack_definitions.c) into the program.

Writes OUT.ndjson, one definition a line, and OUT.index, for each of them one line "type url version id name base n"
(tabs between), where n is the number of its line; before those of a package stands "= name version". What these
packages depend on is each other, so their dependencies are not written.

npm's hl7.fhir.r4.examples is the whole specification, examples included, so only definitions with an address of the
specification itself are taken from it. Of the others all definitions are taken. What the program never reads is left
out: narratives, mappings, contacts, and the long prose beside each element. `short`, the definitions of codes, and all
that decides a verdict stay.
"""
import hashlib
import json
import re
import sys
import tarfile

TYPES = ("StructureDefinition", "ValueSet", "CodeSystem", "ConceptMap", "SearchParameter", "OperationDefinition",
         "CompartmentDefinition")
SPECIFICATION = ("http://hl7.org/fhir/", "http://terminology.hl7.org/", "http://dicom.nema.org/", "http://snomed.info/",
                 "urn:")

# Of every resource.
LEFT_OUT = {"text", "meta", "contact", "publisher", "description", "jurisdiction", "useContext", "purpose", "copyright",
            "implicitRules", "language", "mapping", "keyword", "differential", "approvalDate", "lastReviewDate", "topic",
            "author", "editor", "reviewer", "endorser", "relatedArtifact", "effectivePeriod", "copyrightLabel",
            "versionAlgorithmString", "xpath"}
KEPT_OF_TYPE = {
    "SearchParameter": {"description"},      # what a conformance statement says of it
    "OperationDefinition": {"description"},
    "StructureDefinition": set(),
}
# Of an ElementDefinition.
ELEMENT_LEFT_OUT = {"definition", "comment", "requirements", "alias", "mapping", "isModifierReason", "condition", "example",
                    "meaningWhenMissing", "orderMeaning", "code", "label"}
# Extensions that say who works on a definition, how mature it is, how to show it.
EXTENSIONS_LEFT_OUT = ("structuredefinition-wg", "structuredefinition-fmm", "structuredefinition-fmm-no-warnings",
                       "structuredefinition-normative-version", "structuredefinition-category", "structuredefinition-summary",
                       "structuredefinition-display-hint", "structuredefinition-hierarchy", "structuredefinition-table-name",
                       "structuredefinition-explicit-type-name", "structuredefinition-security-category",
                       "structuredefinition-ancestor", "elementdefinition-bindingName", "elementdefinition-isCommonBinding",
                       "elementdefinition-translatable", "elementdefinition-definitionally", "resource-effectivePeriod",
                       "resource-approvalDate", "package-source", "structuredefinition-conformance-derivedFrom",
                       "valueset-warning", "codesystem-warning", "objectclass", "objectclassproperty", "committee", "history",
                       "structuredefinition-codegen-super", "structuredefinition-template-status", "snapshot-base-version",
                       "cqf-knowledgeRepresentationLevel", "operationdefinition-profile", "artifact-versionPolicy",
                       "resource-lastReviewDate", "structuredefinition-extension-meaning", "oid", "snapshot-source", "codesystem-concept-comments",
                       "valueset-concept-comments", "elementdefinition-bestpractice-explanation", "committee-notes",
                       "structuredefinition-standards-status-reason", "web-source", "definition", "binding-definition")


def without(value, names):
    return {k: v for k, v in value.items() if k not in names}


def strip_extensions(value):
    if isinstance(value, list):
        return [strip_extensions(v) for v in value]
    if not isinstance(value, dict):
        return value
    out = {}
    for k, v in value.items():
        if k in ("extension", "modifierExtension"):
            v = [e for e in v if e.get("url", "").rsplit("/", 1)[-1] not in EXTENSIONS_LEFT_OUT]
            if not v:
                continue
        v = strip_extensions(v)
        if k[0] == "_" and v in ({}, [], None):
            continue
        out[k] = v
    return out


def strip_element(element):
    element = without(element, ELEMENT_LEFT_OUT)
    if "binding" in element:
        element["binding"] = without(element["binding"], {"description"})
    if "constraint" in element:
        element["constraint"] = [without(c, {"xpath", "requirements"}) for c in element["constraint"]]
    if "slicing" in element:
        element["slicing"] = without(element["slicing"], {"description"})
    return element


def strip(resource):
    kind = resource["resourceType"]
    resource = without(resource, LEFT_OUT - KEPT_OF_TYPE.get(kind, set()))
    resource = strip_extensions(resource)
    if kind == "StructureDefinition" and "snapshot" in resource:
        resource["snapshot"] = {"element": [strip_element(e) for e in resource["snapshot"]["element"]]}
    if kind == "OperationDefinition":
        resource["parameter"] = [without(p, {"documentation"}) for p in resource.get("parameter", [])]
    if kind == "ValueSet" and "compose" in resource:
        resource.pop("expansion", None)
    return resource


def taken(resource, whole_specification):
    if not isinstance(resource, dict) or resource.get("resourceType") not in TYPES or not resource.get("url"):
        return False
    return not whole_specification or resource["url"].startswith(SPECIFICATION)


def read(path):
    """The manifest and the resources of package/, in the order of names."""
    manifest, resources = {}, []
    with tarfile.open(path) as tar:
        for member in tar:
            parts = member.name.split("/")
            if len(parts) != 2 or parts[0] != "package" or not parts[1].endswith(".json") or parts[1].startswith("."):
                continue
            data = tar.extractfile(member).read()
            if parts[1] == "package.json":
                manifest = json.loads(data)
            elif parts[1].startswith(TYPES):
                resources.append((parts[1], json.loads(data, parse_float=decimal)))
    return manifest, [r for _, r in sorted(resources, key=lambda row: row[0])]


def decimal(text):
    """A decimal keeps the digits it was written with: it travels as a marked string."""
    return "\x01" + text


def write(resource):
    text = json.dumps(resource, ensure_ascii=False, separators=(",", ":"))
    return re.sub(r'"\\u0001([^"]*)"', r"\1", text)


def base_of(resource):
    if resource["resourceType"] == "StructureDefinition":
        return resource.get("type", "")
    if resource["resourceType"] == "CodeSystem":
        return resource.get("supplements", "")
    return ""


def write_source(data, out):
    """Assembler that puts the file into the program as it is; its hash stands there so that another file is noticed."""
    digest = hashlib.sha256(open(data, "rb").read()).hexdigest()
    with open(out, "w", encoding="utf-8") as f:
        f.write(f"""/* Written by tools/definitions.py: {digest} */
    .section .rodata
    .global rh_builtin_data, rh_builtin_end
    .balign 16
rh_builtin_data:
    .incbin "{data}"
rh_builtin_end:
    .byte 0
    .section .note.GNU-stack, "", %progbits
""")


def main():
    if sys.argv[1] == "--source":
        return write_source(sys.argv[2], sys.argv[3])
    out, packages = sys.argv[1], sys.argv[2:]
    number = 0
    with open(out + ".ndjson", "w", encoding="utf-8") as bodies, open(out + ".index", "w", encoding="utf-8") as index:
        for argument in packages:
            path, _, alias = argument.partition("=")
            manifest, resources = read(path)
            name, version = alias.split("#") if alias else (manifest["name"], manifest["version"])
            index.write("\t".join(["=", name, version]) + "\n")
            for resource in resources:
                if not taken(resource, bool(alias)):
                    continue
                row = [resource["resourceType"], resource["url"], resource.get("version", ""), resource["id"],
                       resource.get("name", ""), base_of(resource), str(number)]
                if any("\t" in field or "\n" in field for field in row):
                    sys.exit(f"definitions: {path}: {resource['id']}: a tab or an end of line in its address or name")
                index.write("\t".join(row) + "\n")
                bodies.write(write(strip(resource)) + "\n")
                number += 1


if __name__ == "__main__":
    main()
