/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * query_token.c - tokens: code, system|code, |code, system|, and their modifiers.
 */
#include "search/query_int.h"

#include "base/bytes.h"

static const char modifiers[] = ":not, :text, :in, :not-in, :above, :below, :of-type, :missing";

static void add_code(struct rh_making *m, struct rh_text system, struct rh_text code)
{
    struct rh_buf b = rh_buf(m->r->ctx->arena);
    rh_key_token(&b, code, rh_key_system(system));
    rh_make_buf(m, &b, true);
}

/* Whatever has a code of the system. In a composite its code is all there is. */
static void add_system(struct rh_making *m, struct rh_text system)
{
    uint64_t hash = rh_key_system(system);
    unsigned char bytes[8];
    struct rh_buf b = rh_buf(m->r->ctx->arena);
    if (m->component) {
        rh_make_ranges(m, false, RH_TEXT("c"), RH_TEXT("d"));
        m->unproven = true; /* of a long code the system may be cut off */
        rh_make_probe(m, &(struct rh_probe){.kind = RH_PROBE_SYSTEM, .system = hash});
        return;
    }
    rh_put_u64(bytes, hash);
    rh_buf_char(&b, 's');
    rh_buf_add(&b, bytes, sizeof bytes);
    rh_make_buf(m, &b, true);
}

enum rh_rc rh_query_add_token(struct rh_making *m, struct rh_text value)
{
    struct rh_ctx *ctx = m->r->ctx;
    struct rh_text rest = value, system, code;
    struct rh_buf b = rh_buf(ctx->arena);
    rh_value_split(&rest, '|', &system);
    if (!rest.data) { /* of any system or none */
        code = rh_value_plain(ctx, value);
        rh_buf_char(&b, 'c');
        rh_key_word(&b, code, true);
        rh_make_buf(m, &b, false);
        return code.data ? RH_OK : RH_NOMEM;
    }
    system = rh_value_plain(ctx, system);
    code = rh_value_plain(ctx, rest);
    if (!system.data || !code.data)
        return RH_NOMEM;
    if (!system.len && !code.len)
        return rh_query_refuse(m->r,
                               "%.*s: \"|\" names neither a system nor a code; forms are code, "
                               "system|code, |code and system|",
                               RH_TEXT_ARG(m->r->name));
    if (code.len)
        add_code(m, system, code);
    else
        add_system(m, system);
    return RH_OK;
}

/* --- :of-type ----------------------------------------------------------------------------------
 */

static enum rh_rc add_of_type(struct rh_making *m, struct rh_text value)
{
    struct rh_ctx *ctx = m->r->ctx;
    struct rh_text rest = value, part[3] = {{NULL, 0}};
    unsigned n = 0;
    while (n < 3 && (n == 2 ? rest.data != NULL : rh_value_split(&rest, '|', &part[n]))) {
        if (n == 2)
            part[n] = rest;
        n++;
    }
    if (n < 3 || !part[0].len || !part[1].len || !part[2].len)
        return rh_query_refuse(m->r,
                               "%.*s: \"%.*s\" is not of the form system|code|value: the system "
                               "and code of the identifier's type, and the identifier's value",
                               RH_TEXT_ARG(m->r->name), RH_TEXT_ARG(value));
    for (unsigned i = 0; i < 3; i++)
        part[i] = rh_value_plain(ctx, part[i]);
    if (!part[0].data || !part[1].data || !part[2].data)
        return RH_NOMEM;
    struct rh_buf b = rh_buf(ctx->arena);
    rh_key_of_type(&b, part[0], part[1], part[2]);
    rh_make_buf(m, &b, true);
    return RH_OK;
}

/* --- what definitions tell ---------------------------------------------------------------------
 */

static enum rh_rc take_code(void *user, struct rh_text system, struct rh_text code)
{
    struct rh_making *m = user;
    system = rh_text_copy(m->r->ctx->arena, system);
    code = rh_text_copy(m->r->ctx->arena, code);
    if (!code.data || !system.data)
        return RH_NOMEM;
    add_code(m, system, code);
    return m->rc;
}

static enum rh_rc no_codes(struct rh_making *m, enum rh_rc rc, const char *what,
                           struct rh_text value)
{
    if (rc == RH_NOMEM || rc == RH_TOOLARGE || rc == RH_QUERY)
        return rc == RH_TOOLARGE ? rh_query_too_large(m->r) : rc;
    return rh_query_cannot(m->r,
                           "%.*s: %s \"%.*s\" is not known here, so this cannot be answered; load "
                           "the package or store the resource that defines it",
                           RH_TEXT_ARG(m->r->name), what, RH_TEXT_ARG(value));
}

static enum rh_rc add_in(struct rh_making *m, struct rh_text value)
{
    const struct rh_query_host *h = m->r->host;
    struct rh_text url = rh_value_plain(m->r->ctx, value);
    if (!url.data)
        return RH_NOMEM;
    m->r->query->walked = true;
    enum rh_rc rc =
        h->value_set ? h->value_set(h->user, m->r->ctx, url, take_code, m) : RH_UNSUPPORTED;
    return rc ? no_codes(m, rc, "the value set", url) : RH_OK;
}

/* A mime type and the same with parameters (R4, search, "searching mime types"). */
static enum rh_rc add_mime_below(struct rh_making *m, struct rh_text value)
{
    struct rh_buf whole = rh_buf(m->r->ctx->arena), more = rh_buf(m->r->ctx->arena);
    struct rh_text type = rh_value_plain(m->r->ctx, value);
    if (!type.data)
        return RH_NOMEM;
    rh_buf_char(&whole, 'c');
    rh_key_word(&whole, type, true);
    rh_make_buf(m, &whole, false);
    rh_buf_char(&more, 'c');
    rh_key_word(&more, type, false);
    rh_buf_char(&more, ';');
    rh_make_buf(m, &more, false);
    return RH_OK;
}

static bool is_mime_type(struct rh_text value)
{
    struct rh_text rest = value, system;
    rh_value_split(&rest, '|', &system);
    return !rest.data && memchr(value.data, '/', value.len) && !memchr(value.data, ':', value.len);
}

static enum rh_rc add_subsumed(struct rh_making *m, struct rh_text value, bool above)
{
    const struct rh_query_host *h = m->r->host;
    struct rh_text code = value, system;
    rh_value_split(&code, '|', &system);
    if (!code.data || !system.len || !code.len)
        return rh_query_refuse(m->r,
                               "%.*s: \"%.*s\" must name its code system: system|code; what is "
                               "above or below a code is only known inside one",
                               RH_TEXT_ARG(m->r->name), RH_TEXT_ARG(value));
    system = rh_value_plain(m->r->ctx, system);
    code = rh_value_plain(m->r->ctx, code);
    if (!system.data || !code.data)
        return RH_NOMEM;
    m->r->query->walked = true;
    enum rh_rc rc = h->subsumed ? h->subsumed(h->user, m->r->ctx, system, code, above, take_code, m)
                                : RH_UNSUPPORTED;
    if (rc)
        return no_codes(m, rc, "the code or its code system", value);
    add_code(m, system, code);
    return RH_OK;
}

/* --- modifiers ---------------------------------------------------------------------------------
 */

enum how { PLAIN, OF_TYPE, IN, ABOVE, BELOW };

static const struct modifier {
    const char *name;
    bool negated;
    enum how how;
} rows[] = {{"not", true, PLAIN}, {"of-type", false, OF_TYPE}, {"in", false, IN},
            {"not-in", true, IN}, {"above", false, ABOVE},     {"below", false, BELOW}};

enum rh_rc rh_query_token_modified(struct rh_reading *r, struct rh_condition *ret)
{
    const struct modifier *row = NULL;
    struct rh_making m;
    if (rh_text_is(r->modifier, "text"))
        return rh_query_text(r, ret);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rh_text_is(r->modifier, rows[i].name))
            row = &rows[i];
    if (!row)
        return rh_query_no_modifier(r, modifiers);
    enum rh_rc rc = rh_make_open(&m, r);
    for (unsigned i = 0; i < r->n && rc == RH_OK; i++) {
        switch (row->how) {
        case PLAIN:
            rc = rh_query_add_token(&m, r->values[i]);
            break;
        case OF_TYPE:
            rc = add_of_type(&m, r->values[i]);
            break;
        case IN:
            rc = add_in(&m, r->values[i]);
            break;
        case ABOVE:
        case BELOW:
            rc = row->how == BELOW && is_mime_type(r->values[i])
                     ? add_mime_below(&m, r->values[i])
                     : add_subsumed(&m, r->values[i], row->how == ABOVE);
            break;
        }
    }
    if (rc == RH_OK)
        rc = rh_make_close(&m, ret);
    if (rc)
        return rc;
    ret->negated = row->negated;
    if (ret->n_ranges == 0 && !row->negated)
        ret->kind = RH_COND_NONE;
    return RH_OK;
}
