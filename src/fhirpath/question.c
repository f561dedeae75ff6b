/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fhirpath/question.h"

/* --- reading ---------------------------------------------------------------------------------- */

static enum rh_rc number_item(struct rh_arena *a, struct rh_text t, struct rh_fp_item *ret)
{
    struct rh_dec *d = rh_arena_alloc(a, sizeof *d);
    int64_t n;
    if (!d)
        return RH_NOMEM;
    if (rh_dec_parse(t, d))
        return RH_VALUE;
    bool whole = !memchr(t.data, '.', t.len) && rh_dec_to_int(*d, &n) == RH_OK && n >= INT32_MIN &&
                 n <= INT32_MAX;
    *ret = whole ? (struct rh_fp_item){.kind = RH_FP_INTEGER, .integer = n}
                 : (struct rh_fp_item){.kind = RH_FP_DECIMAL, .decimal = d};
    return RH_OK;
}

static enum rh_rc variable_item(struct rh_arena *a, yyjson_val *v, bool plain,
                                struct rh_fp_item *ret)
{
    if (yyjson_is_raw(v))
        return number_item(a, rh_json_text(v), ret);
    if (yyjson_is_str(v))
        *ret = (struct rh_fp_item){.kind = RH_FP_STRING, .text = rh_json_text(v)};
    else if (yyjson_is_bool(v))
        *ret = (struct rh_fp_item){.kind = RH_FP_BOOLEAN, .boolean = yyjson_is_true(v)};
    else
        *ret = rh_fp_resource(v, plain || !yyjson_obj_get(v, "resourceType"));
    return RH_OK;
}

enum rh_rc rh_fp_question_variable(struct rh_arena *a, struct rh_issues *is,
                                   struct rh_fp_question *q, struct rh_text name, yyjson_val *v)
{
    size_t n = yyjson_is_arr(v) ? yyjson_arr_size(v) : !yyjson_is_null(v);
    if (q->n_variables == RH_FP_VARIABLES_MAX)
        return rh_issue_add(is, RH_INVALID, NULL, "more than %d variables", RH_FP_VARIABLES_MAX);
    if (!q->variables)
        q->variables = rh_arena_zero(a, RH_FP_VARIABLES_MAX * sizeof *q->variables);
    struct rh_fp_item *items = rh_arena_zero(a, (n + 1) * sizeof *items);
    if (!items || !q->variables)
        return RH_NOMEM;
    for (size_t i = 0; i < n; i++) {
        yyjson_val *one = yyjson_is_arr(v) ? yyjson_arr_get(v, i) : v;
        enum rh_rc rc = variable_item(a, one, q->plain, &items[i]);
        if (rc == RH_VALUE)
            rh_issue_add(is, rc, NULL, "variable %.*s: a number has more digits than can be kept",
                         RH_TEXT_ARG(name));
        if (rc)
            return rc;
    }
    q->variables[q->n_variables++] =
        (struct rh_fp_variable){.name = name, .value = {.items = items, .count = n, .cap = n}};
    return RH_OK;
}

static enum rh_rc read_focus(struct rh_issues *is, yyjson_val *line, struct rh_fp_question *q)
{
    yyjson_val *context = yyjson_obj_get(line, "context");
    if (!q->resource)
        q->resource = yyjson_obj_get(line, "resource");
    if (yyjson_is_null(q->resource))
        q->resource = NULL;
    if (q->resource && !yyjson_is_obj(q->resource))
        return rh_issue_add(is, RH_STRUCTURE, NULL, "the member resource is a JSON object");
    if (yyjson_is_str(context))
        q->context = rh_json_text(context);
    else if (yyjson_is_obj(context))
        q->context_value = context;
    else if (context && !yyjson_is_null(context))
        return rh_issue_add(is, RH_STRUCTURE, NULL,
                            "the member context is an expression or an object");
    return RH_OK;
}

enum rh_rc rh_fp_question_read(struct rh_arena *a, struct rh_issues *is, yyjson_val *line,
                               struct rh_fp_question *q)
{
    if (!yyjson_is_obj(line))
        return rh_issue_add(is, RH_STRUCTURE, NULL, "a line is a JSON object");
    struct rh_text model = rh_json_get(line, "model");
    yyjson_val *strict = yyjson_obj_get(line, "strict"), *key;
    q->expression = rh_json_get(line, "expr");
    if (!q->expression.data)
        return rh_issue_add(is, RH_STRUCTURE, NULL, "the member expr (a string) is missing");
    if (model.data && !rh_text_is(model, "r4") && !rh_text_is(model, "none"))
        return rh_issue_add(is, RH_VALUE, NULL, "model is \"r4\" or \"none\", not \"%.*s\"",
                            RH_TEXT_ARG(model));
    q->plain = rh_text_is(model, "none");
    q->lenient = strict ? !yyjson_is_true(strict) : q->lenient;
    enum rh_rc rc = read_focus(is, line, q);
    yyjson_obj_iter it = yyjson_obj_iter_with(yyjson_obj_get(line, "variables"));
    while (!rc && (key = yyjson_obj_iter_next(&it)))
        rc = rh_fp_question_variable(a, is, q, rh_json_text(key), yyjson_obj_iter_get_val(key));
    return rc;
}

/* --- answering -------------------------------------------------------------------------------- */

static enum rh_rc add_all(struct rh_arena *a, struct rh_fp_list *to, const struct rh_fp_list *more)
{
    if (to->count + more->count > to->cap) {
        void *p = rh_arena_grow(a, to->items, &to->cap, to->count + more->count, sizeof *to->items);
        if (!p)
            return RH_NOMEM;
        to->items = p;
    }
    if (more->count)
        memcpy(to->items + to->count, more->items, more->count * sizeof *more->items);
    to->count += more->count;
    return RH_OK;
}

enum rh_rc rh_fp_question_answer(struct rh_ctx *c, const struct rh_fp_question *q,
                                 rh_fp_compiler *compiler, void *user, struct rh_fp_list *ret)
{
    struct rh_fp_input in = {.empty = true,
                             .resource = q->resource,
                             .root = q->resource,
                             .variables = q->variables,
                             .n_variables = q->n_variables};
    yyjson_val *focus = q->context_value ? q->context_value : q->resource;
    struct rh_fp_list contexts = {0};
    struct rh_fp *e;
    const struct rh_type *type = NULL;
    enum rh_rc rc;
    if (focus) {
        in.focus = rh_fp_resource(focus, q->plain);
        in.empty = false;
        type = q->lenient ? NULL : in.focus.type;
    }
    if (!q->context.data) {
        rc = compiler(user, c, q->expression, type, NULL, &e);
        return rc ? rc : rh_fp_eval(c, e, &in, ret);
    }
    struct rh_text types = {NULL, 0};
    rc = compiler(user, c, q->context, type, &types, &e);
    if (!rc)
        rc = rh_fp_eval(c, e, &in, &contexts);
    if (!rc)
        rc = compiler(user, c, q->expression, types.len ? rh_type_find(types) : NULL, NULL, &e);
    for (size_t i = 0; i < contexts.count && !rc; i++) {
        struct rh_fp_list one = {0};
        in.focus = contexts.items[i];
        in.empty = false;
        rc = rh_fp_eval(c, e, &in, &one);
        if (!rc)
            rc = add_all(c->arena, ret, &one);
    }
    return rc;
}

/* --- printing --------------------------------------------------------------------------------- */

static void print_type(struct rh_arena *a, const struct rh_fp_item *i, struct rh_buf *out)
{
    struct rh_text name = rh_fp_type_name(a, i), space = {NULL, 0};
    if (name.data && memchr(name.data, '.', name.len))
        rh_text_split(&name, '.', &space);
    if (rh_text_is(space, "System") && name.len && !rh_text_is(name, "Quantity")) {
        char *copy = rh_arena_copy(a, name.data, name.len);
        if (copy) {
            if (copy[0] >= 'A' && copy[0] <= 'Z')
                copy[0] = (char)(copy[0] - 'A' + 'a');
            name.data = copy;
        }
    }
    rh_buf_json(out, name);
}

void rh_fp_print_list(struct rh_arena *a, const struct rh_fp_list *l, bool types,
                      struct rh_buf *out)
{
    rh_buf_char(out, '[');
    for (size_t i = 0; i < l->count; i++) {
        if (i)
            rh_buf_char(out, ',');
        if (types) {
            rh_buf_str(out, "{\"type\":");
            print_type(a, &l->items[i], out);
            rh_buf_str(out, ",\"value\":");
        }
        rh_fp_print_item(&l->items[i], out);
        if (types)
            rh_buf_char(out, '}');
    }
    rh_buf_char(out, ']');
}

void rh_fp_print_error(const struct rh_issues *is, enum rh_rc rc, struct rh_buf *out)
{
    const struct rh_issue *row = is->count ? &is->rows[0] : NULL;
    rh_buf_str(out, "\"error\":");
    rh_buf_json(out, rh_text(row ? row->text : rh_rc_text(rc)));
    if (row && row->column)
        rh_buf_printf(out, ",\"at\":\"%u:%u\"", row->line ? row->line : 1, row->column);
    else
        rh_buf_str(out, ",\"at\":null");
}
