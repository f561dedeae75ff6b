/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * query_reference.c - references in all their forms, canonical addresses, and uris.
 */
#include "search/query_int.h"

#include "base/bytes.h"
#include "fhir/primitive.h"
#include "fhir/reference.h"

/* --- where a reference may point ----------------------------------------------------------------
 */

static bool may_point(const struct rh_parameter *p, unsigned type)
{
    if (p->part_target)
        return p->part_target == type;
    for (unsigned i = 0; i < p->n_targets; i++)
        if (p->targets[i] == type)
            return true;
    return p->n_targets == 0;
}

static const char *targets_of(struct rh_reading *r, const struct rh_parameter *p)
{
    struct rh_buf b = rh_buf(r->ctx->arena);
    if (p->part_target)
        return rh_resource_type(p->part_target)->name;
    for (unsigned i = 0; i < p->n_targets; i++) {
        rh_buf_str(&b, i ? ", " : "");
        rh_buf_str(&b, rh_resource_type(p->targets[i])->name);
    }
    rh_buf_char(&b, 0);
    return b.rc || p->n_targets == 0 ? "any type" : b.data;
}

/* --- points ------------------------------------------------------------------------------------
 */

static void add_address(struct rh_making *m, unsigned type, struct rh_text address)
{
    struct rh_buf b = rh_buf(m->r->ctx->arena);
    rh_key_reference(&b, type, (struct rh_text){NULL, 0}, address);
    rh_make_buf(m, &b, true);
}

/* A resource of this server may be named with its whole address too. */
static void add_local(struct rh_making *m, unsigned type, struct rh_text id)
{
    struct rh_ctx *ctx = m->r->ctx;
    struct rh_buf b = rh_buf(ctx->arena), own = rh_buf(ctx->arena);
    rh_key_local(&b, type, id);
    rh_make_buf(m, &b, true);
    if (!ctx->base.len || !rh_resource_type(type))
        return;
    rh_key_own(&own, ctx->base, type, id);
    rh_make_buf(m, &own, true);
}

/* An id alone: of whatever type the parameter may point to. */
static void add_id(struct rh_making *m, const struct rh_parameter *p, struct rh_text id)
{
    if (p->part_target)
        add_local(m, p->part_target, id);
    for (unsigned i = 0; !p->part_target && i < p->n_targets; i++)
        add_local(m, p->targets[i], id);
    for (unsigned t = 1; !p->part_target && p->n_targets == 0 && t <= RH_RESOURCE_TYPES; t++)
        add_local(m, t, id);
}

/* An address with a version after "|" is that of a canonical. */
static enum rh_rc add_other(struct rh_making *m, unsigned type, struct rh_text value)
{
    const char *bar = memchr(value.data, '|', value.len);
    struct rh_text address = {value.data, bar ? (size_t)(bar - value.data) : value.len};
    struct rh_buf b = rh_buf(m->r->ctx->arena);
    if (!bar) {
        add_address(m, type, address);
        return RH_OK;
    }
    struct rh_reference ref = rh_reference_parse(address, (struct rh_text){"", 0});
    rh_buf_char(&b, 'v');
    rh_key_reference(&b, ref.kind == RH_REF_ABSOLUTE ? ref.type : 0, (struct rh_text){NULL, 0},
                     address);
    rh_buf_char(&b, 0);
    rh_buf_text(&b, (struct rh_text){bar + 1, value.len - address.len - 1});
    rh_make_buf(m, &b, true);
    return RH_OK;
}

static enum rh_rc bad_reference(struct rh_making *m, struct rh_text value)
{
    const char *targets = targets_of(m->r, m->r->parameter);
    return rh_query_refuse(m->r,
                           "%.*s: \"%.*s\" is not a reference to %s; forms are an id, Type/id, or "
                           "the whole address of a resource",
                           RH_TEXT_ARG(m->r->name),
                           RH_TEXT_ARG(rh_text_shown(value, RH_QUERY_SHOWN)), targets);
}

static enum rh_rc add_reference(struct rh_making *m, unsigned type, struct rh_text value)
{
    const struct rh_parameter *p = m->r->parameter;
    if (rh_id_is(value)) {
        if (type)
            add_local(m, type, value);
        else
            add_id(m, p, value);
        return RH_OK;
    }
    struct rh_reference ref = rh_reference_parse(value, m->r->ctx->base);
    bool typed = ref.kind == RH_REF_LOCAL || ref.kind == RH_REF_ABSOLUTE;
    if (ref.kind == RH_REF_CONTAINED || ref.kind == RH_REF_CONDITIONAL)
        return bad_reference(m, value);
    if (typed && ((type && ref.type != type) || !may_point(p, ref.type)))
        return bad_reference(m, value);
    if (ref.kind == RH_REF_LOCAL) {
        add_local(m, ref.type, ref.id);
        return RH_OK;
    }
    if (ref.kind == RH_REF_OTHER && !memchr(value.data, ':', value.len))
        return bad_reference(m, value);
    return add_other(m, ref.kind == RH_REF_ABSOLUTE ? ref.type : 0, value);
}

enum rh_rc rh_query_add_reference(struct rh_making *m, struct rh_text value)
{
    struct rh_text plain = rh_value_plain(m->r->ctx, value);
    return plain.data ? add_reference(m, 0, plain) : RH_NOMEM;
}

/* --- modifiers ---------------------------------------------------------------------------------
 */

/* As a token, behind 'i'. */
static enum rh_rc add_identifier(struct rh_making *m, struct rh_text value)
{
    struct rh_ctx *ctx = m->r->ctx;
    struct rh_text rest = value, system = {"", 0}, code;
    struct rh_buf b = rh_buf(ctx->arena);
    unsigned char hash[8];
    bool bar;
    rh_value_split(&rest, '|', &system);
    bar = rest.data != NULL;
    code = rh_value_plain(ctx, bar ? rest : value);
    system = rh_value_plain(ctx, bar ? system : (struct rh_text){"", 0});
    if (!code.data || !system.data)
        return RH_NOMEM;
    if (!code.len && !system.len)
        return rh_query_refuse(m->r,
                               "%.*s: \"|\" names neither a system nor a value; forms are value, "
                               "system|value, |value and system|",
                               RH_TEXT_ARG(m->r->name));
    rh_put_u64(hash, rh_key_system(system));
    rh_buf_char(&b, 'i');
    if (code.len) {
        rh_buf_char(&b, 'c');
        rh_key_word(&b, code, true);
    } else {
        rh_buf_char(&b, 's');
    }
    if (bar)
        rh_buf_add(&b, hash, sizeof hash);
    rh_make_buf(m, &b, bar);
    return RH_OK;
}

/* A prefix of whole segments: the address itself, and what is behind a "/". */
static void add_below(struct rh_making *m, struct rh_text address, char kind)
{
    struct rh_buf whole = rh_buf(m->r->ctx->arena), below = rh_buf(m->r->ctx->arena);
    rh_buf_char(&whole, kind);
    rh_buf_text(&whole, address);
    rh_make_buf(m, &whole, true);
    rh_buf_text(&below, rh_buf_get(&whole));
    if (!rh_text_ends(address, "/"))
        rh_buf_char(&below, '/');
    rh_make_buf(m, &below, false);
}

/* "url" whatever its version, "url|1" of the versions 1, 1.0, 1.1.2 (R4, search, "references and
 * versions"). */
static enum rh_rc add_versions_below(struct rh_making *m, struct rh_text value)
{
    static const char ends[] = ".-+";
    const char *bar = memchr(value.data, '|', value.len);
    enum rh_rc rc = add_other(m, 0, value);
    if (!bar || rc)
        return rc;
    struct rh_text address = {value.data, (size_t)(bar - value.data)};
    struct rh_reference ref = rh_reference_parse(address, (struct rh_text){"", 0});
    for (const char *end = ends; *end; end++) {
        struct rh_buf b = rh_buf(m->r->ctx->arena);
        rh_buf_char(&b, 'v');
        rh_key_reference(&b, ref.kind == RH_REF_ABSOLUTE ? ref.type : 0, (struct rh_text){NULL, 0},
                         address);
        rh_buf_char(&b, 0);
        rh_buf_text(&b, (struct rh_text){bar + 1, value.len - address.len - 1});
        rh_buf_char(&b, *end);
        rh_make_buf(m, &b, false);
    }
    return RH_OK;
}

static bool are_canonicals(struct rh_reading *r)
{
    for (unsigned i = 0; i < r->n; i++)
        if (!memchr(r->values[i].data, ':', r->values[i].len) ||
            rh_reference_parse(r->values[i], r->ctx->base).kind == RH_REF_LOCAL)
            return false;
    return true;
}

static enum rh_rc versions_below(struct rh_reading *r, struct rh_condition *ret)
{
    struct rh_making m;
    enum rh_rc rc = rh_make_open(&m, r);
    for (unsigned i = 0; i < r->n && rc == RH_OK; i++) {
        struct rh_text plain = rh_value_plain(r->ctx, r->values[i]);
        rc = plain.data ? add_versions_below(&m, plain) : RH_NOMEM;
    }
    return rc ? rc : rh_make_close(&m, ret);
}

static enum rh_rc identifiers(struct rh_reading *r, struct rh_condition *ret)
{
    struct rh_making m;
    enum rh_rc rc = rh_make_open(&m, r);
    for (unsigned i = 0; i < r->n && rc == RH_OK; i++)
        rc = add_identifier(&m, r->values[i]);
    if (rc == RH_OK && r->parameter->part_target) {
        m.leaf->body = RH_BODY_IDENTIFIER;
        m.leaf->of = r->parameter->part_target;
        rc = rh_make_values(&m);
    }
    return rc ? rc : rh_make_close(&m, ret);
}

enum rh_rc rh_query_reference(struct rh_reading *r, struct rh_condition *ret)
{
    struct rh_making m;
    unsigned type = 0;
    if (rh_text_is(r->modifier, "identifier"))
        return identifiers(r, ret);
    if (rh_text_is(r->modifier, "below") && are_canonicals(r))
        return versions_below(r, ret);
    if (r->modifier.data) {
        type = rh_resource_number(r->modifier);
        if (!type && (rh_text_is(r->modifier, "above") || rh_text_is(r->modifier, "below")))
            return rh_query_cannot(r,
                                   "%.*s: \":%.*s\" follows a hierarchy of resources, which is not "
                                   "supported; name the resources one by one, with commas",
                                   RH_TEXT_ARG(r->name), RH_TEXT_ARG(r->modifier));
        if (!type)
            return rh_query_no_modifier(r, ":identifier, :missing and the name of a type, such as "
                                           "subject:Patient=1");
        if (!may_point(r->parameter, type))
            return rh_query_refuse(r, "%.*s: \"%s\" does not refer to %.*s, but to %s",
                                   RH_TEXT_ARG(r->name), r->parameter->name,
                                   RH_TEXT_ARG(r->modifier), targets_of(r, r->parameter));
    }
    enum rh_rc rc = rh_make_open(&m, r);
    for (unsigned i = 0; i < r->n && rc == RH_OK; i++) {
        struct rh_text plain = rh_value_plain(r->ctx, r->values[i]);
        rc = plain.data ? add_reference(&m, type, plain) : RH_NOMEM;
    }
    return rc ? rc : rh_make_close(&m, ret);
}

/* --- uri ---------------------------------------------------------------------------------------
 */

static enum rh_rc add_uri(struct rh_making *m, struct rh_text value, bool below, bool above)
{
    struct rh_text t = rh_value_plain(m->r->ctx, value);
    if (!t.data)
        return RH_NOMEM;
    if (below) {
        add_below(m, t, 'u');
        return RH_OK;
    }
    for (;;) {
        struct rh_buf b = rh_buf(m->r->ctx->arena);
        rh_buf_char(&b, 'u');
        rh_buf_text(&b, t);
        rh_make_buf(m, &b, true);
        if (!above)
            return RH_OK;
        /* one segment less, with and without its slash, up to the host */
        size_t n = t.len;
        if (n > 0 && t.data[n - 1] == '/') {
            n--;
        } else {
            while (n > 0 && t.data[n - 1] != '/')
                n--;
        }
        if (n == 0 || (n >= 2 && t.data[n - 1] == '/' && t.data[n - 2] == '/') ||
            (n >= 1 && t.data[n - 1] == ':'))
            return RH_OK;
        t.len = n;
    }
}

enum rh_rc rh_query_add_uri(struct rh_making *m, struct rh_text value)
{
    struct rh_text base = m->r->ctx->base;
    enum rh_rc rc = add_uri(m, value, false, false);
    if (rc || !base.len || !value.len || memchr(value.data, ':', value.len))
        return rc;
    /* a relative one is of this server */
    char *whole =
        rh_arena_printf(m->r->ctx->arena, "%.*s/%.*s", RH_TEXT_ARG(base), RH_TEXT_ARG(value));
    return whole ? add_uri(m, rh_text(whole), false, false) : RH_NOMEM;
}

/* "url|1.0" of a conformance resource: that url, and that version. */
static enum rh_rc of_version(struct rh_reading *r, const struct rh_parameter *version,
                             struct rh_text value, struct rh_condition *ret)
{
    struct rh_condition both[2];
    const struct rh_parameter *p = r->parameter;
    struct rh_making m;
    struct rh_text rest = value, url;
    rh_value_split(&rest, '|', &url);
    enum rh_rc rc = rh_make_open(&m, r);
    if (rc == RH_OK)
        rc = add_uri(&m, url, false, false);
    if (rc == RH_OK)
        rc = rh_make_close(&m, &both[0]);
    if (rc || !rest.data || !rest.len) {
        *ret = both[0];
        return rc;
    }
    r->parameter = version;
    rc = rh_make_open(&m, r);
    if (rc == RH_OK)
        rc = rh_query_add_token(&m, rest);
    if (rc == RH_OK)
        rc = rh_make_close(&m, &both[1]);
    r->parameter = p;
    return rc ? rc : rh_query_group(r, RH_COND_AND, both, 2, ret);
}

enum rh_rc rh_query_uri(struct rh_reading *r, struct rh_condition *ret)
{
    const struct rh_parameter *version =
        strcmp(r->parameter->name, "url") == 0
            ? rh_parameter_find(r->ctx->parameters, r->type, RH_TEXT("version"))
            : NULL;
    struct rh_condition *rows = rh_arena_alloc(r->ctx->arena, (r->n + 1) * sizeof *rows);
    bool versions = false;
    enum rh_rc rc = rows ? RH_OK : RH_NOMEM;
    for (unsigned i = 0; i < r->n; i++)
        versions |= memchr(r->values[i].data, '|', r->values[i].len) != NULL;
    if (!versions || !version) {
        struct rh_making m;
        if (rc == RH_OK)
            rc = rh_make_open(&m, r);
        for (unsigned i = 0; i < r->n && rc == RH_OK; i++)
            rc = rh_query_add_uri(&m, r->values[i]);
        return rc ? rc : rh_make_close(&m, ret);
    }
    for (unsigned i = 0; i < r->n && rc == RH_OK; i++)
        rc = of_version(r, version, r->values[i], &rows[i]);
    return rc ? rc : rh_query_group(r, RH_COND_OR, rows, r->n, ret);
}

enum rh_rc rh_query_uri_modified(struct rh_reading *r, struct rh_condition *ret)
{
    struct rh_making m;
    bool below = rh_text_is(r->modifier, "below"), above = rh_text_is(r->modifier, "above");
    if (!below && !above)
        return rh_query_no_modifier(r, ":above, :below, :missing");
    enum rh_rc rc = rh_make_open(&m, r);
    for (unsigned i = 0; i < r->n && rc == RH_OK; i++) {
        if (rh_text_starts(r->values[i], "urn:"))
            rc = rh_query_refuse(r,
                                 "%.*s: \"%.*s\" has no segments; :above and :below are for "
                                 "addresses with \"/\", not for URNs",
                                 RH_TEXT_ARG(r->name), RH_TEXT_ARG(r->values[i]));
        else
            rc = add_uri(&m, r->values[i], below, above);
    }
    return rc ? rc : rh_make_close(&m, ret);
}
