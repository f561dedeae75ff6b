/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "terminology/request_int.h"

static struct rh_text code_of(const struct tx *t, const char *code, const char *coding,
                              struct rh_text *system)
{
    const yyjson_val *json = terms_value(tx_parameter(t->parameters, coding), NULL);
    if (!json)
        return tx_value(t->parameters, code);
    if (!system->len)
        *system = rh_json_get(json, "system");
    return rh_json_get(json, "code");
}

enum rh_rc tx_subsumes(struct tx *t, struct rh_buf *out)
{
    struct rh_text system = tx_value(t->parameters, "system"),
                   version = tx_value(t->parameters, "version");
    struct rh_text a = code_of(t, "codeA", "codingA", &system),
                   b = code_of(t, "codeB", "codingB", &system);
    if (!system.len && t->instance)
        system = rh_json_get(t->instance, "url");
    if (!system.len || !a.len || !b.len)
        return tx_fail(t, RH_INVALID, "invalid", NULL, NULL,
                       "Which codes? Give codeA, codeB and system, or codingA and codingB.");
    const yyjson_val *second = terms_value(tx_parameter(t->parameters, "codingB"), NULL);
    if (second && !rh_text_eq(rh_json_get(second, "system"), system))
        return tx_fail(t, RH_INVALID, "invalid", NULL, "codingB",
                       "The two codes are of different code systems.");
    const struct terms_system *cs;
    enum rh_rc rc = tx_determine_version(t, system, version, &version);
    if (!rc)
        rc = tx_find_system(t, system, version, &cs);
    if (rc)
        return rc;
    if (!cs || cs->grammar)
        return tx_fail(t, RH_NOTFOUND, "not-found", "not-found", "system",
                       "A definition for CodeSystem '%.*s' could not be found, so nobody can say "
                       "which code includes which.",
                       RH_TEXT_ARG(tx_canonical(t, system, version)));
    uint32_t i = terms_locate(cs, a), j = terms_locate(cs, b);
    if (i == TERMS_NONE || j == TERMS_NONE)
        return tx_fail(
            t, RH_NOTFOUND, "not-found", "invalid-code", i == TERMS_NONE ? "codeA" : "codeB",
            "Unknown code '%.*s' in the CodeSystem '%.*s'", RH_TEXT_ARG(i == TERMS_NONE ? a : b),
            RH_TEXT_ARG(tx_canonical(t, cs->url, cs->version)));
    const char *outcome = i == j                                  ? "equivalent"
                          : terms_is_ancestor(t->arena, cs, i, j) ? "subsumes"
                          : terms_is_ancestor(t->arena, cs, j, i) ? "subsumed-by"
                                                                  : "not-subsumed";
    rh_buf_str(out, "{\"resourceType\":\"Parameters\",\"parameter\":[");
    tx_write_text(out, "outcome", "valueCode", rh_text(outcome));
    rh_buf_str(out, "]}");
    return RH_OK;
}
