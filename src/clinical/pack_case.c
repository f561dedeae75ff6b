/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "clinical/pack_case_int.h"

#include "clinical/subset.h"

#include <stdarg.h>

static const char *const protocol_members[] = {"name",   "protocols", "date",   "given",
                                               "labels", "language",  "for",    "all",
                                               "want",   "never",     "source", "note"};
static const char *const form_members[] = {"name",     "form",    "date",     "now",  "context",
                                           "response", "answers", "language", "want", "extract",
                                           "bulk",     "source",  "note"};

void rh_case_failed(struct rh_ctx *c, struct rh_case_result *ret, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    const char *why = rh_arena_vprintf(c->arena, format, ap);
    va_end(ap);
    if (!ret->passed)
        return; /* the first reason stays */
    ret->passed = false;
    ret->why = why ? why : "out of memory";
}

void rh_case_compare(struct rh_ctx *c, const yyjson_val *want, const yyjson_val *got,
                     const char *what, struct rh_case_result *ret)
{
    struct rh_difference d;
    struct rh_buf b = rh_buf(c->arena);
    if (rh_subset(c->arena, want, got, &d))
        return;
    rh_difference_print(&d, &b);
    rh_case_failed(c, ret, "%s%.*s", what, RH_TEXT_ARG(rh_buf_get(&b)));
}

enum rh_rc rh_case_parse(struct rh_ctx *c, const struct rh_buf *b, yyjson_val **ret)
{
    yyjson_doc *doc;
    enum rh_rc rc = b->rc ? b->rc : rh_json_parse(c->arena, c->issues, rh_buf_get(b), &doc);
    if (!rc)
        *ret = yyjson_doc_get_root(doc);
    return rc;
}

enum rh_rc rh_runner_open(struct rh_arena *a, rh_case_template *find, void *user,
                          struct rh_runner **ret)
{
    struct rh_runner *r = rh_arena_zero(a, sizeof *r);
    if (!r)
        return RH_NOMEM;
    r->arena = a;
    r->find = find;
    r->user = user;
    *ret = r;
    return RH_OK;
}

/* --- protocols -------------------------------------------------------------------------------- */

/* A text or a list of texts. */
static enum rh_rc read_names(struct rh_ctx *c, yyjson_val *v, const char *member,
                             struct rh_text **ret, size_t *n)
{
    size_t i, max, count = yyjson_is_arr(v) ? yyjson_arr_size(v) : 1;
    struct rh_text *names = rh_arena_zero(c->arena, (count + 1) * sizeof *names);
    yyjson_val *one;
    if (!names)
        return RH_NOMEM;
    names[0] = rh_json_text(v);
    yyjson_arr_foreach (v, i, max, one)
        names[i] = rh_json_text(one);
    for (i = 0; i < count; i++)
        if (!names[i].data)
            return rh_issue_add(c->issues, RH_INVALID, NULL, "\"%s\" must be a list of names",
                                member);
    *ret = names;
    *n = count;
    return RH_OK;
}

static enum rh_rc take_set(struct rh_ctx *c, struct rh_runner *r, const struct rh_text *names,
                           size_t n, struct rh_text date, const struct rh_protocol_set **ret)
{
    struct rh_buf key = rh_buf(c->arena);
    rh_buf_text(&key, date);
    for (size_t i = 0; i < n; i++) {
        rh_buf_char(&key, '\n');
        rh_buf_text(&key, names[i]);
    }
    if (key.rc)
        return key.rc;
    for (size_t i = 0; i < r->n_sets; i++)
        if (rh_text_eq(r->sets[i].key, rh_buf_get(&key))) {
            *ret = r->sets[i].set;
            return RH_OK;
        }
    bool keep = r->n_sets < RH_CASE_SETS_MAX;
    struct rh_arena *a = keep ? r->arena : c->arena;
    enum rh_rc rc = rh_protocol_set_open(c, a, names, n, rh_text_copy(a, date), ret);
    if (!rc && keep)
        r->sets[r->n_sets++] = (struct rh_kept_set){rh_text_copy(a, rh_buf_get(&key)), *ret};
    return rc;
}

static enum rh_rc note_outcomes(struct rh_runner *r, const struct rh_protocol_set *set,
                                const struct rh_protocol_result *result)
{
    for (size_t p = 0; p < rh_protocol_set_count(set); p++) {
        const struct rh_protocol *protocol = rh_protocol_set_at(set, p);
        struct rh_cover *k = rh_cover_of(r, protocol, rh_protocol_n_rules(protocol));
        if (!k)
            return RH_NOMEM;
        for (size_t i = 0; i < k->n; i++) {
            enum rh_outcome o = rh_protocol_outcome(result, p, i);
            if (o == RH_OUTCOME_YES)
                k->seen[i] |= RH_SEEN_HELD;
            if (o == RH_OUTCOME_NO)
                k->seen[i] |= RH_SEEN_REFUSED;
        }
    }
    return RH_OK;
}

static enum rh_rc apply(struct rh_ctx *c, struct rh_runner *r, yyjson_val *one, yyjson_val *given,
                        yyjson_val **ret)
{
    const struct rh_protocol_set *set;
    const struct rh_protocol_result *result;
    struct rh_text *names, *labels = NULL;
    size_t n_names, n_labels = 0, i, max;
    yyjson_val *v, *may_see = yyjson_obj_get(one, "labels");
    yyjson_val **list = rh_arena_alloc(c->arena, (yyjson_arr_size(given) + 1) * sizeof *list);
    struct rh_buf out = rh_buf(c->arena);
    if (!list)
        return RH_NOMEM;
    yyjson_arr_foreach (given, i, max, v)
        list[i] = v;
    enum rh_rc rc = read_names(c, yyjson_obj_get(one, "protocols"), "protocols", &names, &n_names);
    if (!rc && may_see)
        rc = read_names(c, may_see, "labels", &labels, &n_labels);
    if (!rc)
        rc = take_set(c, r, names, n_names, rh_json_get(one, "date"), &set);
    if (rc)
        return rc;
    struct rh_protocol_input in = {.resources = list,
                                   .n = yyjson_arr_size(given),
                                   .subject = RH_TEXT("Patient/p"),
                                   .may_see = labels,
                                   .n_may_see = n_labels};
    rc = rh_protocol_apply(c, set, &in, &result);
    if (!rc)
        rc = note_outcomes(r, set, result);
    struct rh_protocol_show show = {.language = rh_json_get(one, "language"),
                                    .only = rh_json_get(one, "for"),
                                    .all = yyjson_get_bool(yyjson_obj_get(one, "all"))};
    if (!rc)
        rc = rh_protocol_print(c, result, &show, &out);
    return rc ? rc : rh_case_parse(c, &out, ret);
}

/* What must not be there: one subset or a list of them. */
static void check_never(struct rh_ctx *c, yyjson_val *never, yyjson_val *got,
                        struct rh_case_result *ret)
{
    size_t i, n;
    yyjson_val *one;
    if (yyjson_is_arr(never)) {
        yyjson_arr_foreach (never, i, n, one)
            check_never(c, one, got, ret);
        return;
    }
    if (!never || !rh_subset(c->arena, never, got, NULL))
        return;
    struct rh_buf b = rh_buf(c->arena);
    rh_json_write(&b, never);
    rh_case_failed(c, ret, "is there and must not be: %.*s",
                   RH_TEXT_ARG(rh_text_shown(rh_buf_get(&b), 300)));
}

/* A refusal that was wanted: {"error": words of it}. */
static bool refused_as_wanted(struct rh_ctx *c, yyjson_val *want)
{
    struct rh_text words = rh_json_get(want, "error");
    for (unsigned i = 0; words.len && i < c->issues->count; i++)
        if (strstr(c->issues->rows[i].text, words.data))
            return true;
    return false;
}

static enum rh_rc run_protocol(struct rh_ctx *c, struct rh_runner *r, yyjson_val *one,
                               struct rh_case_result *ret)
{
    yyjson_val *given, *got = NULL, *want = yyjson_obj_get(one, "want");
    enum rh_rc rc = rh_case_given(c, yyjson_obj_get(one, "given"), r->find, r->user, &given);
    if (!rc && yyjson_arr_size(given) > RH_CASE_RESOURCES_MAX)
        return rh_issue_add(c->issues, RH_TOOLARGE, NULL, "more than %d resources are given",
                            RH_CASE_RESOURCES_MAX);
    if (rc)
        return rc;
    rc = apply(c, r, one, given, &got);
    if (rc && rc != RH_NOMEM && refused_as_wanted(c, want))
        return RH_OK;
    if (rc)
        return rc;
    if (rh_json_get(want, "error").len)
        rh_case_failed(c, ret, "wanted to be refused with \"%s\", and was not",
                       rh_json_get(want, "error").data);
    else if (want)
        rh_case_compare(c, want, got, "", ret);
    check_never(c, yyjson_obj_get(one, "never"), got, ret);
    return RH_OK;
}

/* --- any case --------------------------------------------------------------------------------- */

static enum rh_rc check_form(struct rh_ctx *c, yyjson_val *one, enum rh_case_kind kind)
{
    const char *const *names = kind == RH_CASE_FORM ? form_members : protocol_members;
    size_t n_names = kind == RH_CASE_FORM ? sizeof form_members / sizeof form_members[0]
                                          : sizeof protocol_members / sizeof protocol_members[0];
    size_t i, n, k;
    yyjson_val *key, *v;
    yyjson_obj_foreach (one, i, n, key, v) {
        for (k = 0; k < n_names && !yyjson_equals_str(key, names[k]); k++)
            ;
        if (k == n_names)
            return rh_issue_add(c->issues, RH_INVALID, NULL, "a case of a %s has no member \"%s\"",
                                kind == RH_CASE_FORM ? "form" : "protocol", yyjson_get_str(key));
    }
    yyjson_val *want = yyjson_obj_get(one, "want"), *never = yyjson_obj_get(one, "never"),
               *extract = yyjson_obj_get(one, "extract");
    if (want && !yyjson_is_obj(want))
        return rh_issue_add(c->issues, RH_INVALID, NULL, "\"want\" must be an object, not %s",
                            rh_json_kind(want));
    if (yyjson_obj_size(want) == 0 && yyjson_get_len(never) == 0 && yyjson_get_len(extract) == 0)
        return rh_issue_add(c->issues, RH_INVALID, NULL,
                            "the case wants nothing: say in \"want\" what must come");
    return RH_OK;
}

static enum rh_rc run(struct rh_ctx *c, struct rh_runner *r, yyjson_val *one,
                      struct rh_case_result *ret)
{
    if (!yyjson_is_obj(one))
        return rh_issue_add(c->issues, RH_INVALID, NULL, "a case is an object, not %s",
                            rh_json_kind(one));
    ret->name = rh_json_get(one, "name");
    if (yyjson_obj_get(one, "form"))
        ret->kind = RH_CASE_FORM;
    else if (yyjson_obj_get(one, "protocols"))
        ret->kind = RH_CASE_PROTOCOL;
    if (!ret->name.len)
        return rh_issue_add(c->issues, RH_INVALID, NULL,
                            "the case has no name: give it a sentence that says what it shows");
    if (!ret->kind)
        return rh_issue_add(c->issues, RH_INVALID, NULL,
                            "the case names neither \"protocols\" nor a \"form\"");
    enum rh_rc rc = check_form(c, one, ret->kind);
    if (rc)
        return rc;
    return ret->kind == RH_CASE_FORM ? rh_case_run_form(c, r, one, ret)
                                     : run_protocol(c, r, one, ret);
}

enum rh_rc rh_case_run(struct rh_ctx *c, struct rh_runner *r, yyjson_val *one,
                       struct rh_case_result *ret)
{
    struct rh_issues is;
    struct rh_ctx inner = *c;
    rh_issues_init(&is, c->arena);
    inner.issues = &is;
    inner.steps = 0;
    *ret = (struct rh_case_result){.passed = true};
    enum rh_rc rc = run(&inner, r, one, ret);
    if (rc == RH_NOMEM)
        return rh_issue_add(c->issues, rc, NULL, "%.*s: the memory limit of a case was reached",
                            RH_TEXT_ARG(ret->name));
    if (rc) {
        ret->passed = false;
        ret->broken = true;
        ret->why = is.count ? is.rows[0].text : rh_rc_text(rc);
        if (is.count && is.rows[0].expression)
            ret->why = rh_arena_printf(c->arena, "%s (%s)", is.rows[0].text, is.rows[0].expression);
    }
    return RH_OK;
}
