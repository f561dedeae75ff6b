/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "terminology/request_int.h"

static const struct {
    const char *name, *type;
    enum rh_rc (*run)(struct tx *t, struct rh_buf *out);
} operations[] = {
    [RH_TERMS_EXPAND] = {"$expand", "ValueSet", tx_expand},
    [RH_TERMS_VALIDATE_VALUESET] = {"$validate-code", "ValueSet", tx_validate_valueset},
    [RH_TERMS_VALIDATE_SYSTEM] = {"$validate-code", "CodeSystem", tx_validate_system},
    [RH_TERMS_BATCH_VALIDATE] = {"$batch-validate-code", "ValueSet", tx_batch_validate},
    [RH_TERMS_LOOKUP] = {"$lookup", "CodeSystem", tx_lookup},
    [RH_TERMS_SUBSUMES] = {"$subsumes", "CodeSystem", tx_subsumes},
    [RH_TERMS_TRANSLATE] = {"$translate", "ConceptMap", tx_translate},
};
_Static_assert(sizeof operations / sizeof *operations == RH_TERMS_OPS, "one row per operation");

const char *rh_terms_op_name(enum rh_terms_op op)
{
    return operations[op].name;
}

const char *rh_terms_op_type(enum rh_terms_op op)
{
    return operations[op].type;
}

enum rh_rc rh_terms_operation(struct rh_ctx *c, enum rh_terms_op op, yyjson_val *parameters,
                              yyjson_val *instance, struct rh_buf *out)
{
    struct tx *t = rh_arena_alloc(c->arena, sizeof *t);
    size_t before = out->len;
    if (!t)
        return RH_NOMEM;
    enum rh_rc rc = tx_open(c, op, parameters, instance, t);
    if (!rc)
        rc = operations[op].run(t, out);
    if (!rc)
        return out->rc;
    out->len = before;
    if (t->error_rc == rc) {
        tx_write_error(t, out);
        char *text = rh_arena_printf(c->arena, "%.*s", RH_TEXT_ARG(t->error.text));
        char *path = rh_arena_printf(c->arena, "%.*s", RH_TEXT_ARG(t->error.path));
        rh_issue_at(c->issues, (struct rh_issue){.severity = RH_ERROR,
                                                 .rc = rc,
                                                 .code = t->error.code,
                                                 .expression = path && path[0] ? path : NULL,
                                                 .text = text ? text : rh_rc_text(rc)});
    }
    return rc;
}
