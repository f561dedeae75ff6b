/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pack_given.c - templates of cases, filled in. */
#include "clinical/pack_case.h"

#include "base/decimal.h"

enum { MEMBERS_MAX = 63 /* of one use */ };

struct filling {
    struct rh_ctx *c;
    yyjson_val *use;  /* {"$use": …} */
    uint64_t touched; /* members that the template names */
    bool too_many;
};

static yyjson_val *member_of(struct filling *f, struct rh_text name)
{
    size_t i, n;
    yyjson_val *key, *v;
    yyjson_obj_foreach (f->use, i, n, key, v)
        if (rh_text_eq(rh_json_text(key), name)) {
            if (i > MEMBERS_MAX)
                f->too_many = true;
            else
                f->touched |= (uint64_t)1 << i;
            return v;
        }
    return NULL;
}

/* "${name|else}" at the beginning of *t: moves *t behind it. */
static bool take_placeholder(struct rh_text *t, struct rh_text *name, struct rh_text *otherwise)
{
    if (!rh_text_starts(*t, "${"))
        return false;
    const char *end = memchr(t->data, '}', t->len);
    if (!end)
        return false;
    struct rh_text inside = {t->data + 2, (size_t)(end - t->data) - 2};
    *otherwise = inside;
    rh_text_split(otherwise, '|', name);
    t->len -= (size_t)(end + 1 - t->data);
    t->data = end + 1;
    return true;
}

/* "=70", "=true": JSON of a number or truth; else text, codes of digits too. */
static void write_default(struct rh_buf *out, struct rh_text t)
{
    struct rh_text json = {t.data + 1, t.len ? t.len - 1 : 0};
    if (rh_text_starts(t, "=") &&
        (rh_text_is(json, "true") || rh_text_is(json, "false") || rh_dec_is(json)))
        rh_buf_text(out, json);
    else
        rh_buf_json(out, t);
}

/* Appends the text with its placeholders filled in; false: it is to be left out. */
static bool fill_text(struct filling *f, struct rh_text t, struct rh_buf *out)
{
    struct rh_text rest = t, name, otherwise;
    if (take_placeholder(&rest, &name, &otherwise) && rest.len == 0) {
        yyjson_val *v = member_of(f, name);
        if (v)
            rh_json_write(out, v);
        else if (otherwise.data)
            write_default(out, otherwise);
        return v || otherwise.data;
    }
    struct rh_buf made = rh_buf(f->c->arena);
    for (rest = t; rest.len;) {
        if (!take_placeholder(&rest, &name, &otherwise)) {
            rh_buf_char(&made, rest.data[0]);
            rest.data++, rest.len--;
            continue;
        }
        yyjson_val *v = member_of(f, name);
        if (!v && !otherwise.data)
            return false;
        if (yyjson_is_bool(v))
            rh_buf_str(&made, yyjson_get_bool(v) ? "true" : "false");
        else
            rh_buf_text(&made, v ? rh_json_text(v) : otherwise);
    }
    rh_buf_json(out, rh_buf_get(&made));
    return made.rc == RH_OK;
}

/* Appends the value; false: nothing is left of it, and nothing was appended. */
static bool fill(struct filling *f, yyjson_val *v, struct rh_buf *out)
{
    size_t kept = 0, start = out->len;
    bool object = yyjson_is_obj(v);
    if (yyjson_is_str(v)) {
        if (fill_text(f, rh_json_text(v), out))
            return true;
        out->len = start;
        return false;
    }
    if (!yyjson_is_ctn(v)) {
        rh_json_write(out, v);
        return true;
    }
    rh_buf_char(out, object ? '{' : '[');
    yyjson_obj_iter members = yyjson_obj_iter_with(v);
    yyjson_arr_iter items = yyjson_arr_iter_with(v);
    for (;;) {
        yyjson_val *key = object ? yyjson_obj_iter_next(&members) : NULL;
        yyjson_val *one = object ? yyjson_obj_iter_get_val(key) : yyjson_arr_iter_next(&items);
        size_t before = out->len;
        if (!one)
            break;
        rh_buf_str(out, kept ? "," : "");
        if (object) {
            rh_buf_json(out, rh_json_text(key));
            rh_buf_char(out, ':');
        }
        if (fill(f, one, out))
            kept++;
        else
            out->len = before;
    }
    rh_buf_char(out, object ? '}' : ']');
    if (!kept && (object ? yyjson_obj_size(v) : yyjson_arr_size(v)))
        out->len = start;
    return out->len > start;
}

static enum rh_rc check_members(struct filling *f, size_t element, struct rh_text name)
{
    size_t i, n;
    yyjson_val *key, *v;
    if (f->too_many || yyjson_obj_size(f->use) > MEMBERS_MAX)
        return rh_issue_add(f->c->issues, RH_TOOLARGE, NULL, "given[%zu] has more than %d members",
                            element, MEMBERS_MAX);
    yyjson_obj_foreach (f->use, i, n, key, v)
        if (!(f->touched & (uint64_t)1 << i) && !yyjson_equals_str(key, "$use"))
            return rh_issue_add(f->c->issues, RH_INVALID, NULL,
                                "given[%zu]: the template %.*s has no ${%s}", element,
                                RH_TEXT_ARG(name), yyjson_get_str(key));
    return RH_OK;
}

static enum rh_rc use_template(struct rh_ctx *c, yyjson_val *use, size_t element,
                               rh_case_template *find, void *user, struct rh_buf *out)
{
    struct filling f = {.c = c, .use = use};
    struct rh_text name = rh_json_get(use, "$use");
    yyjson_val *t = find ? find(user, name) : NULL, *one;
    size_t i, n, kept = 0;
    if (!t)
        return rh_issue_add(c->issues, RH_NOTFOUND, NULL,
                            "given[%zu]: there is no template %.*s (cases/given/%.*s.json, here or "
                            "in a pack that this one depends on)",
                            element, RH_TEXT_ARG(name), RH_TEXT_ARG(name));
    if (!yyjson_is_arr(t)) {
        if (!fill(&f, t, out))
            rh_buf_str(out, "{}");
        return check_members(&f, element, name);
    }
    yyjson_arr_foreach (t, i, n, one) {
        size_t before = out->len;
        if (kept)
            rh_buf_char(out, ',');
        if (fill(&f, one, out))
            kept++;
        else
            out->len = before;
    }
    if (!kept)
        rh_buf_str(out, "{}");
    return check_members(&f, element, name);
}

enum rh_rc rh_case_given(struct rh_ctx *c, yyjson_val *given, rh_case_template *find, void *user,
                         yyjson_val **ret)
{
    struct rh_buf b = rh_buf(c->arena);
    size_t i, n;
    yyjson_val *one;
    yyjson_doc *doc;
    enum rh_rc rc = RH_OK;
    if (given && !yyjson_is_arr(given))
        return rh_issue_add(c->issues, RH_INVALID, NULL,
                            "\"given\" must be a list of resources, not %s", rh_json_kind(given));
    rh_buf_char(&b, '[');
    yyjson_arr_foreach (given, i, n, one) {
        if (rc)
            return rc;
        if (i)
            rh_buf_char(&b, ',');
        if (yyjson_is_str(yyjson_obj_get(one, "$use")))
            rc = use_template(c, one, i, find, user, &b);
        else
            rh_json_write(&b, one);
        if (b.len > RH_CASE_BYTES_MAX)
            return rh_issue_add(c->issues, RH_TOOLARGE, NULL, "more than %d bytes are given",
                                RH_CASE_BYTES_MAX);
    }
    rh_buf_char(&b, ']');
    if (rc || b.rc)
        return rc ? rc : b.rc;
    rc = rh_json_parse(c->arena, c->issues, rh_buf_get(&b), &doc);
    if (!rc)
        *ret = yyjson_doc_get_root(doc);
    return rc;
}
