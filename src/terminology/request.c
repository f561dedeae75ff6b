/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "terminology/request_int.h"

#include <stdarg.h>

__attribute__((format(printf, 6, 0))) static enum rh_rc fail(struct tx *t, enum rh_rc rc,
                                                             const char *code, const char *detail,
                                                             const char *path, const char *format,
                                                             va_list ap)
{
    char *text = rh_arena_vprintf(t->arena, format, ap);
    t->error = (struct tx_issue){RH_ERROR, code, detail, rh_text(path ? path : ""),
                                 rh_text(text ? text : "")};
    t->error_rc = rc;
    t->soft = false;
    return rc;
}

enum rh_rc tx_fail(struct tx *t, enum rh_rc rc, const char *code, const char *detail,
                   const char *path, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    fail(t, rc, code, detail, path, format, ap);
    va_end(ap);
    return rc;
}

enum rh_rc tx_fail_soft(struct tx *t, enum rh_rc rc, const char *code, const char *detail,
                        const char *path, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    fail(t, rc, code, detail, path, format, ap);
    va_end(ap);
    t->soft = true;
    return rc;
}

bool tx_text_has(const struct tx_texts *list, struct rh_text text)
{
    for (size_t i = 0; i < list->n; i++)
        if (rh_text_eq(list->items[i], text))
            return true;
    return false;
}

enum rh_rc tx_text_add(struct tx *t, struct tx_texts *list, struct rh_text text)
{
    if (tx_text_has(list, text))
        return RH_OK;
    if (list->n == list->cap) {
        struct rh_text *grown =
            list->n < TX_LOCALS_MAX
                ? rh_arena_grow(t->arena, list->items, &list->cap, list->n + 1, sizeof *grown)
                : NULL;
        if (!grown)
            return RH_NOMEM;
        list->items = grown;
    }
    list->items[list->n++] = text;
    return RH_OK;
}

struct rh_text tx_printf(struct tx *t, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    char *text = rh_arena_vprintf(t->arena, format, ap);
    va_end(ap);
    return rh_text(text ? text : "");
}

struct rh_text tx_canonical(struct tx *t, struct rh_text url, struct rh_text version)
{
    return version.len ? tx_printf(t, "%.*s|%.*s", RH_TEXT_ARG(url), RH_TEXT_ARG(version)) : url;
}

struct rh_text tx_canonical_of(struct tx *t, const yyjson_val *body)
{
    return tx_canonical(t, rh_json_get(body, "url"), rh_json_get(body, "version"));
}

/* --- what the request brings along ------------------------------------------------------------ */

static enum rh_rc add_local(struct tx *t, const yyjson_val *body)
{
    static const char *const types[] = {"CodeSystem", "ValueSet", "ConceptMap"};
    struct rh_text type = rh_json_get(body, "resourceType");
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (!rh_text_is(type, types[i]))
            continue;
        if (t->n_locals == TX_LOCALS_MAX)
            return tx_fail(t, RH_TOOLARGE, "too-costly", NULL, NULL,
                           "A request may bring %d definitions at most.", TX_LOCALS_MAX);
        if (t->n_locals == t->locals_cap) {
            struct tx_local *grown =
                rh_arena_grow(t->arena, t->locals, &t->locals_cap, t->n_locals + 1, sizeof *grown);
            if (!grown)
                return RH_NOMEM;
            t->locals = grown;
        }
        t->locals[t->n_locals++] = (struct tx_local){types[i], rh_json_get(body, "url"),
                                                     rh_json_get(body, "version"), body, NULL};
        return RH_OK;
    }
    return RH_OK;
}

static enum rh_rc read_locals(struct tx *t)
{
    enum rh_rc rc = RH_OK;
    struct terms_iter it = terms_members(t->parameters, "parameter");
    for (yyjson_val *p; !rc && (p = terms_next(&it));) {
        struct rh_text name = rh_json_get(p, "name");
        if (rh_text_is(name, "tx-resource") || rh_text_is(name, "valueSet") ||
            rh_text_is(name, "codeSystem") || rh_text_is(name, "conceptMap"))
            rc = add_local(t, terms_member(p, "resource"));
    }
    if (!rc && t->instance)
        rc = add_local(t, t->instance);
    return rc;
}

enum rh_rc tx_open(struct rh_ctx *c, enum rh_terms_op op, const yyjson_val *parameters,
                   const yyjson_val *instance, struct tx *ret)
{
    *ret =
        (struct tx){.ctx = c,
                    .arena = c->arena,
                    .op = op,
                    .parameters = parameters,
                    .instance = instance,
                    .validating = op == RH_TERMS_VALIDATE_VALUESET ||
                                  op == RH_TERMS_VALIDATE_SYSTEM || op == RH_TERMS_BATCH_VALIDATE,
                    .count = -1,
                    .offset = -1,
                    .limit = -1};
    if (parameters && !rh_text_is(rh_json_get(parameters, "resourceType"), "Parameters"))
        return tx_fail(ret, RH_INVALID, "invalid", NULL, NULL,
                       "The content must be a Parameters resource.");
    enum rh_rc rc = read_locals(ret);
    return rc ? rc : tx_read_parameters(ret, parameters);
}
