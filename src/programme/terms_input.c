/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "programme/terms_input.h"

#include "fhir/primitive.h"

enum {
    EXPAND = 1 << RH_TERMS_EXPAND,
    VALIDATE_VS = 1 << RH_TERMS_VALIDATE_VALUESET,
    VALIDATE_CS = 1 << RH_TERMS_VALIDATE_SYSTEM,
    BATCH = 1 << RH_TERMS_BATCH_VALIDATE,
    LOOKUP = 1 << RH_TERMS_LOOKUP,
    SUBSUMES = 1 << RH_TERMS_SUBSUMES,
    TRANSLATE = 1 << RH_TERMS_TRANSLATE,
    VALIDATE = VALIDATE_VS | VALIDATE_CS,
    ANY = EXPAND | VALIDATE | BATCH | LOOKUP | SUBSUMES | TRANSLATE
};

/* Name of an input, the end of its member ("value" + type; "resource"), operations. */
static const struct input {
    const char *name, *type;
    unsigned ops;
} rows[] = {
    {"abstract", "Boolean", VALIDATE},
    {"activeOnly", "Boolean", EXPAND | VALIDATE},
    {"check-system-version", "Canonical", EXPAND | VALIDATE | BATCH},
    {"check-valueset-version", "Canonical", EXPAND | VALIDATE | BATCH},
    {"code", "Code", VALIDATE | LOOKUP | TRANSLATE},
    {"codeA", "Code", SUBSUMES},
    {"codeB", "Code", SUBSUMES},
    {"codeSystem", "resource", VALIDATE_CS},
    {"codeableConcept", "CodeableConcept", VALIDATE | TRANSLATE},
    {"coding", "Coding", VALIDATE | LOOKUP | TRANSLATE},
    {"codingA", "Coding", SUBSUMES},
    {"codingB", "Coding", SUBSUMES},
    {"conceptMap", "resource", TRANSLATE},
    {"conceptMapVersion", "String", TRANSLATE},
    {"context", "Uri", EXPAND | VALIDATE_VS},
    {"contextDirection", "Code", EXPAND},
    {"count", "Integer", EXPAND},
    {"date", "DateTime", EXPAND | VALIDATE | LOOKUP},
    {"default-valueset-version", "Canonical", EXPAND | VALIDATE | BATCH},
    {"designation", "String", EXPAND},
    {"diagnostics", "Boolean", ANY},
    {"display", "String", VALIDATE},
    {"displayLanguage", "Code", ANY},
    {"excludeNested", "Boolean", EXPAND},
    {"excludeNotForUI", "Boolean", EXPAND},
    {"excludePostCoordinated", "Boolean", EXPAND},
    {"exclude-system", "Canonical", EXPAND},
    {"filter", "String", EXPAND},
    {"force-system-version", "Canonical", EXPAND | VALIDATE | BATCH},
    {"force-valueset-version", "Canonical", EXPAND | VALIDATE | BATCH},
    {"includeDefinition", "Boolean", EXPAND},
    {"includeDesignations", "Boolean", EXPAND},
    {"inferSystem", "Boolean", VALIDATE_VS},
    {"lenient-display-validation", "Boolean", VALIDATE | BATCH},
    {"mode", "Code", VALIDATE},
    {"offset", "Integer", EXPAND},
    {"property", "Code", EXPAND | LOOKUP},
    {"reverse", "Boolean", TRANSLATE},
    {"source", "Uri", TRANSLATE},
    {"sourceCode", "Code", TRANSLATE},
    {"sourceCodeableConcept", "CodeableConcept", TRANSLATE},
    {"sourceCoding", "Coding", TRANSLATE},
    {"sourceScope", "Uri", TRANSLATE},
    {"sourceSystem", "Uri", TRANSLATE},
    {"sourceVersion", "String", TRANSLATE},
    {"system", "Uri", VALIDATE | LOOKUP | SUBSUMES | TRANSLATE},
    {"system-version", "Canonical", EXPAND | VALIDATE | BATCH},
    {"systemVersion", "String", VALIDATE_VS},
    {"target", "Uri", TRANSLATE},
    {"targetCode", "Code", TRANSLATE},
    {"targetCodeableConcept", "CodeableConcept", TRANSLATE},
    {"targetCoding", "Coding", TRANSLATE},
    {"targetScope", "Uri", TRANSLATE},
    {"targetSystem", "Uri", TRANSLATE},
    {"targetsystem", "Uri", TRANSLATE},
    {"tx-resource", "resource", ANY},
    {"url", "Uri", EXPAND | VALIDATE | BATCH | TRANSLATE},
    {"useSupplement", "Canonical", EXPAND | VALIDATE | BATCH | LOOKUP},
    {"valueSet", "resource", EXPAND | VALIDATE_VS | BATCH},
    {"valueSetVersion", "String", EXPAND | VALIDATE_VS},
    {"valueset-membership-only", "Boolean", VALIDATE_VS | BATCH},
    {"version", "String", VALIDATE_CS | LOOKUP | SUBSUMES | TRANSLATE},
};
enum { ROWS = sizeof rows / sizeof rows[0] };

static const struct input *find(struct rh_text name, enum rh_terms_op op)
{
    for (unsigned i = 0; i < ROWS; i++)
        if ((rows[i].ops & 1u << op) && rh_text_is(name, rows[i].name))
            return &rows[i];
    return NULL;
}

static enum rh_rc unknown(struct rh_arena *a, struct rh_issues *is, enum rh_terms_op op,
                          struct rh_text name, bool lenient)
{
    struct rh_buf all = rh_buf(a);
    for (unsigned i = 0; i < ROWS; i++)
        if (rows[i].ops & 1u << op)
            rh_buf_printf(&all, "%s%s", all.len ? ", " : "", rows[i].name);
    struct rh_text shown = {name.data, name.len > 64 ? 64 : name.len}, list = rh_buf_get(&all);
    const char *text = rh_arena_printf(a, "%s has no input \"%.*s\"; it has: %.*s",
                                       rh_terms_op_name(op), RH_TEXT_ARG(shown), RH_TEXT_ARG(list));
    rh_issue_at(is, (struct rh_issue){.severity = lenient ? RH_WARNING : RH_ERROR,
                                      .rc = RH_INVALID,
                                      .text = text ? text : "There is no such input."});
    return lenient ? RH_OK : RH_INVALID;
}

static bool is_whole(struct rh_text t)
{
    uint64_t n;
    return rh_text_u64(t, INT32_MAX, &n) == RH_OK;
}

static bool is_simple(const struct input *row)
{
    return strcmp(row->type, "resource") != 0 && strcmp(row->type, "Coding") != 0 &&
           strcmp(row->type, "CodeableConcept") != 0;
}

static enum rh_rc refuse(struct rh_issues *is, const struct input *row, struct rh_text value,
                         const char *wanted)
{
    return rh_issue_add(is, RH_INVALID, NULL, "%s is %s; not \"%.*s\"", row->name, wanted,
                        (int)(value.len > 64 ? 64 : value.len), value.data ? value.data : "");
}

static enum rh_rc write_complex(struct rh_arena *a, struct rh_issues *is, const struct input *row,
                                struct rh_text value, struct rh_buf *out)
{
    yyjson_doc *doc;
    if (rh_text_trim(value).len == 0 || rh_text_trim(value).data[0] != '{')
        return refuse(is, row, value,
                      "no simple value: send it in a Parameters resource (POST), or as its JSON");
    enum rh_rc rc = rh_json_parse(a, is, value, &doc);
    if (!rc)
        rh_json_write(out, yyjson_doc_get_root(doc));
    return rc;
}

static enum rh_rc write_value(struct rh_arena *a, struct rh_issues *is, const struct input *row,
                              struct rh_text value, struct rh_buf *out)
{
    bool truth = rh_text_is(value, "true");
    if (!is_simple(row))
        return write_complex(a, is, row, value, out);
    if (strcmp(row->type, "Boolean") == 0) {
        if (!truth && !rh_text_is(value, "false"))
            return refuse(is, row, value, "true or false");
        rh_buf_str(out, truth ? "true" : "false");
    } else if (strcmp(row->type, "Integer") == 0) {
        if (!is_whole(value))
            return refuse(is, row, value, "a whole number");
        rh_buf_text(out, value);
    } else if (value.len == 0) {
        return refuse(is, row, value, "not empty when it is given");
    } else {
        rh_buf_json(out, value);
    }
    return RH_OK;
}

enum rh_rc rh_terms_parameters(struct rh_arena *a, struct rh_issues *is, enum rh_terms_op op,
                               const struct rh_terms_input *inputs, size_t n, bool lenient,
                               struct rh_text *ret)
{
    struct rh_buf out = rh_buf(a);
    bool first = true;
    rh_buf_str(&out, "{\"resourceType\":\"Parameters\"");
    for (size_t i = 0; i < n; i++) {
        const struct input *row = find(inputs[i].name, op);
        enum rh_rc rc = RH_OK;
        if (!row) {
            rc = unknown(a, is, op, inputs[i].name, lenient);
        } else {
            bool resource = strcmp(row->type, "resource") == 0;
            rh_buf_printf(&out, "%s{\"name\":\"%s\",\"%s%s\":", first ? ",\"parameter\":[" : ",",
                          row->name, resource ? "" : "value", row->type);
            rc = write_value(a, is, row, inputs[i].value, &out);
            rh_buf_char(&out, '}');
            first = false;
        }
        if (rc)
            return rc;
    }
    rh_buf_str(&out, first ? "}" : "]}");
    *ret = rh_buf_get(&out);
    return out.rc;
}

void rh_terms_inputs_write(enum rh_terms_op op, struct rh_buf *out)
{
    const char *separator = "";
    for (unsigned i = 0; i < ROWS; i++)
        if (rows[i].ops & 1u << op) {
            rh_buf_printf(out, "%s{\"name\":\"%s\"}", separator, rows[i].name);
            separator = ",";
        }
}

bool rh_terms_op_of(struct rh_text name, enum rh_terms_op *ret)
{
    struct rh_text rest = name, type = {NULL, 0};
    if (memchr(name.data ? name.data : "", '/', name.len))
        rh_text_split(&rest, '/', &type);
    if (rh_text_starts(rest, "$"))
        rest = (struct rh_text){rest.data + 1, rest.len - 1};
    for (unsigned i = 0; i < RH_TERMS_OPS; i++) {
        enum rh_terms_op op = (enum rh_terms_op)i;
        if (!rh_text_is(rest, rh_terms_op_name(op) + 1))
            continue;
        if (type.len && !rh_text_is(type, rh_terms_op_type(op)))
            continue;
        *ret = op;
        return true;
    }
    return false;
}
