/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pack_form.c - a case of a form: opened, answered, and held against what was wanted. */
#include "clinical/form_int.h"
#include "clinical/form_record.h"
#include "clinical/pack_case_int.h"

#include "base/datetime.h"
#include "clinical/subset.h"

/* --- answers by linkId ------------------------------------------------------------------------ */

static yyjson_val *value_of(yyjson_val *answer)
{
    size_t i, n;
    yyjson_val *key, *v;
    if (!answer)
        return NULL;
    yyjson_obj_foreach (answer, i, n, key, v)
        if (rh_text_starts(rh_json_text(key), "value"))
            return v;
    return NULL;
}

/* A repeat that a path names and that is not there yet is added. */
static enum rh_rc add_repeats(struct rh_ctx *c, struct rh_form_session *s, struct rh_text path)
{
    for (size_t i = 0; i < path.len; i++) {
        size_t end = i + 1;
        if (path.data[i] != '#')
            continue;
        while (end < path.len && path.data[end] >= '0' && path.data[end] <= '9')
            end++;
        struct rh_text wanted = {path.data, end};
        const char *first = rh_arena_printf(c->arena, "%.*s#0", (int)i, path.data);
        for (unsigned k = 0; first && k < 50 && !rh_form_node_find(s, wanted); k++) {
            enum rh_rc rc = rh_form_add(c, s, rh_text(first));
            if (rc)
                return rc;
        }
    }
    return RH_OK;
}

static enum rh_rc find_node(struct rh_ctx *c, struct rh_form_session *s, struct rh_text name,
                            struct rh_form_node **ret)
{
    enum rh_rc rc = add_repeats(c, s, name);
    *ret = rc ? NULL : rh_form_node_find(s, name);
    if (rc || *ret)
        return rc;
    const struct rh_form_item *item = rh_form_item_find(s->form, name);
    *ret = item ? s->of_item[item->number] : NULL;
    if (!*ret)
        return rh_issue_add(c->issues, RH_NOTFOUND, NULL, "the form has no item \"%.*s\"",
                            RH_TEXT_ARG(name));
    return RH_OK;
}

/* "final" is the option whose code or text it is. */
static enum rh_rc write_option(struct rh_ctx *c, struct rh_form_session *s,
                               const struct rh_form_node *n, struct rh_text code,
                               struct rh_buf *out)
{
    const struct rh_form_option *options;
    unsigned count;
    bool known;
    enum rh_rc rc = rh_form_options(c, s, n, &options, &count, &known);
    for (unsigned i = 0; !rc && i < count; i++) {
        yyjson_val *v = options[i].value;
        if (!rh_text_eq(rh_json_get(v, "code"), code) && !rh_text_eq(rh_json_text(v), code) &&
            !rh_text_eq(rh_json_get(v, "display"), code))
            continue;
        rh_buf_printf(out, "{\"%.*s\":", RH_TEXT_ARG(options[i].member));
        rh_json_write(out, v);
        rh_buf_char(out, '}');
        return RH_OK;
    }
    if (rc)
        return rc;
    if (n->item->type != RH_ITEM_OPEN_CHOICE)
        return rh_issue_add(c->issues, RH_VALUE, NULL, "%.*s: \"%.*s\" is none of the options%s",
                            RH_TEXT_ARG(n->item->link), RH_TEXT_ARG(code),
                            known ? "" : ", as far as they are known");
    rh_buf_str(out, "{\"valueString\":");
    rh_buf_json(out, code);
    rh_buf_char(out, '}');
    return RH_OK;
}

/* A quantity in the item's own unit. */
static void write_quantity(const struct rh_form_node *n, yyjson_val *value, struct rh_buf *out)
{
    yyjson_val *unit =
        rh_form_extension_value(n->item->json, RH_FHIR_EXT "questionnaire-unit", NULL);
    rh_buf_str(out, "{\"valueQuantity\":{\"value\":");
    rh_json_write(out, value);
    if (unit) {
        struct rh_text display = rh_json_get(unit, "display"), code = rh_json_get(unit, "code");
        rh_buf_str(out, ",\"unit\":");
        rh_buf_json(out, display.len ? display : code);
        rh_buf_str(out, ",\"system\":");
        rh_buf_json(out, rh_json_get(unit, "system"));
        rh_buf_str(out, ",\"code\":");
        rh_buf_json(out, code);
    }
    rh_buf_str(out, "}}");
}

static const char *const value_names[RH_ITEM_TYPES] = {
    [RH_ITEM_BOOLEAN] = "valueBoolean",
    [RH_ITEM_DECIMAL] = "valueDecimal",
    [RH_ITEM_INTEGER] = "valueInteger",
    [RH_ITEM_DATE] = "valueDate",
    [RH_ITEM_DATETIME] = "valueDateTime",
    [RH_ITEM_TIME] = "valueTime",
    [RH_ITEM_STRING] = "valueString",
    [RH_ITEM_TEXT] = "valueString",
    [RH_ITEM_URL] = "valueUri",
    [RH_ITEM_CHOICE] = "valueCoding",
    [RH_ITEM_OPEN_CHOICE] = "valueCoding",
    [RH_ITEM_ATTACHMENT] = "valueAttachment",
    [RH_ITEM_REFERENCE] = "valueReference",
    [RH_ITEM_QUANTITY] = "valueQuantity",
};

static enum rh_rc write_answer(struct rh_ctx *c, struct rh_form_session *s,
                               const struct rh_form_node *n, yyjson_val *v, struct rh_buf *out)
{
    enum rh_form_type type = n->item->type;
    const char *name = value_names[type];
    if (yyjson_is_obj(v) && (value_of(v) || yyjson_obj_get(v, "extension"))) {
        rh_json_write(out, v);
        return RH_OK;
    }
    if (!name)
        return rh_issue_add(c->issues, RH_VALUE, NULL, "%.*s is a %s: it takes no answer",
                            RH_TEXT_ARG(n->item->link), rh_form_type_name(type));
    if ((type == RH_ITEM_CHOICE || type == RH_ITEM_OPEN_CHOICE) && !yyjson_is_obj(v))
        return write_option(c, s, n, rh_json_text(v), out);
    if (type == RH_ITEM_QUANTITY && !yyjson_is_obj(v)) {
        write_quantity(n, v, out);
        return RH_OK;
    }
    rh_buf_printf(out, "{\"%s\":", name);
    if (type == RH_ITEM_REFERENCE && yyjson_is_str(v))
        rh_buf_str(out, "{\"reference\":");
    rh_json_write(out, v);
    rh_buf_str(out, type == RH_ITEM_REFERENCE && yyjson_is_str(v) ? "}}" : "}");
    return RH_OK;
}

static enum rh_rc write_answers(struct rh_ctx *c, struct rh_form_session *s,
                                const struct rh_form_node *n, yyjson_val *v, yyjson_val **ret)
{
    struct rh_buf b = rh_buf(c->arena);
    size_t i, max;
    yyjson_val *one;
    enum rh_rc rc = RH_OK;
    rh_buf_char(&b, '[');
    if (yyjson_is_arr(v)) {
        yyjson_arr_foreach (v, i, max, one) {
            if (rc)
                return rc;
            rh_buf_str(&b, i ? "," : "");
            rc = write_answer(c, s, n, one, &b);
        }
    } else if (!yyjson_is_null(v)) {
        rc = write_answer(c, s, n, v, &b);
    }
    rh_buf_char(&b, ']');
    return rc ? rc : rh_case_parse(c, &b, ret);
}

static enum rh_rc give_answers(struct rh_ctx *c, struct rh_form_session *s, yyjson_val *answers)
{
    size_t i, max;
    yyjson_val *key, *v, *list;
    enum rh_rc rc = RH_OK;
    struct rh_form_node *n;
    if (!answers)
        return RH_OK;
    yyjson_obj_foreach (answers, i, max, key, v) {
        if (!rc)
            rc = find_node(c, s, rh_json_text(key), &n);
        if (!rc)
            rc = write_answers(c, s, n, v, &list);
        if (!rc)
            rc = rh_form_answer(c, s, n->path, list);
    }
    return rc;
}

/* {"group": answer}: one action that answers what is open below the group. */
static enum rh_rc give_bulk(struct rh_ctx *c, struct rh_form_session *s, yyjson_val *bulk)
{
    size_t i, max;
    yyjson_val *key, *v;
    enum rh_rc rc = RH_OK;
    struct rh_form_node *n;
    if (!bulk)
        return RH_OK;
    yyjson_obj_foreach (bulk, i, max, key, v) {
        if (!rc)
            rc = find_node(c, s, rh_json_text(key), &n);
        if (!rc)
            rc = rh_form_bulk(c, s, n->path, v);
    }
    return rc;
}

/* --- what came -------------------------------------------------------------------------------- */

/* A scalar stands for a value, the code of a coding, the value of a quantity, a reference. */
static bool answer_is(struct rh_ctx *c, yyjson_val *want, yyjson_val *answer)
{
    static const char *const inner[] = {"code", "value", "reference", "display", "url"};
    yyjson_val *v = value_of(answer);
    if (yyjson_is_obj(want))
        return value_of(want) || yyjson_obj_get(want, "extension")
                   ? rh_subset(c->arena, want, answer, NULL)
                   : v && rh_subset(c->arena, want, v, NULL);
    if (!yyjson_is_obj(v))
        return v && rh_subset(c->arena, want, v, NULL);
    for (size_t i = 0; i < sizeof inner / sizeof inner[0]; i++) {
        yyjson_val *part = yyjson_obj_get(v, inner[i]);
        if (part && rh_subset(c->arena, want, part, NULL))
            return true;
    }
    return false;
}

/* All answers of an item that the response has, as a list; of one node when `name` is a path. */
static enum rh_rc collect(struct rh_ctx *c, struct rh_form_session *s, struct rh_text name,
                          yyjson_val **ret)
{
    struct rh_form_node *n = rh_form_node_find(s, name);
    bool one = n != NULL, first = true;
    struct rh_buf b = rh_buf(c->arena);
    const struct rh_form_item *item = rh_form_item_find(s->form, name);
    if (!n && !item)
        return rh_issue_add(c->issues, RH_NOTFOUND, NULL, "the form has no item \"%.*s\"",
                            RH_TEXT_ARG(name));
    if (item) {
        n = s->of_item[item->number];
        one = false;
    }
    rh_buf_char(&b, '[');
    for (; n; n = one ? NULL : n->next_of_item)
        for (unsigned i = 0; n->reached && i < n->n_answers; i++) {
            rh_buf_str(&b, first ? "" : ",");
            first = false;
            rh_json_write(&b, rh_form_node_answer(n, i));
        }
    rh_buf_char(&b, ']');
    return rh_case_parse(c, &b, ret);
}

static bool answers_are(struct rh_ctx *c, yyjson_val *want, yyjson_val *got)
{
    size_t i, n, k, m, n_got = yyjson_arr_size(got);
    yyjson_val *one, *answer;
    if (yyjson_is_null(want))
        return n_got == 0;
    if (!yyjson_is_arr(want))
        return n_got == 1 && answer_is(c, want, yyjson_arr_get_first(got));
    if (yyjson_arr_size(want) != n_got)
        return false;
    yyjson_arr_foreach (want, i, n, one) {
        bool found = false;
        yyjson_arr_foreach (got, k, m, answer)
            found |= answer_is(c, one, answer);
        if (!found)
            return false;
    }
    return true;
}

static enum rh_rc check_answers(struct rh_ctx *c, struct rh_form_session *s, yyjson_val *want,
                                struct rh_case_result *ret)
{
    size_t i, max;
    yyjson_val *key, *v, *got;
    enum rh_rc rc = RH_OK;
    if (!want)
        return RH_OK;
    yyjson_obj_foreach (want, i, max, key, v) {
        if (!rc)
            rc = collect(c, s, rh_json_text(key), &got);
        if (rc || answers_are(c, v, got))
            continue;
        struct rh_difference d = {rh_arena_printf(c->arena, "answers.%s", yyjson_get_str(key)), v,
                                  got};
        struct rh_buf b = rh_buf(c->arena);
        rh_difference_print(&d, &b);
        rh_case_failed(c, ret, "%.*s", RH_TEXT_ARG(rh_buf_get(&b)));
    }
    return rc;
}

/* Is every item of the list there (or not there)? An item with several nodes: any of them. */
static enum rh_rc check_enabled(struct rh_ctx *c, struct rh_form_session *s, yyjson_val *list,
                                bool enabled, struct rh_case_result *ret)
{
    size_t i, max;
    yyjson_val *v;
    yyjson_arr_foreach (list, i, max, v) {
        struct rh_text name = rh_json_text(v);
        const struct rh_form_item *item = rh_form_item_find(s->form, name);
        struct rh_form_node *n = rh_form_node_find(s, name);
        bool reached = n && n->reached;
        if (!item && !n)
            return rh_issue_add(c->issues, RH_NOTFOUND, NULL, "the form has no item \"%.*s\"",
                                RH_TEXT_ARG(name));
        for (n = item ? s->of_item[item->number] : NULL; n; n = n->next_of_item)
            reached |= n->reached;
        if (reached != enabled)
            rh_case_failed(c, ret, "%.*s: wanted to be %s, and is not", RH_TEXT_ARG(name),
                           enabled ? "asked" : "not asked");
    }
    return RH_OK;
}

static bool has_error(struct rh_ctx *c, yyjson_val *errors, yyjson_val *want)
{
    size_t i, max;
    yyjson_val *e;
    yyjson_arr_foreach (errors, i, max, e)
        if (!rh_text_is(rh_json_get(e, "severity"), "warning") &&
            (yyjson_is_obj(want) ? rh_subset(c->arena, want, e, NULL)
                                 : rh_text_eq(rh_json_get(e, "linkId"), rh_json_text(want)) ||
                                       rh_text_eq(rh_json_get(e, "path"), rh_json_text(want))))
            return true;
    return false;
}

/* "wanted X, got errors at a, b" */
static void wrong_errors(struct rh_ctx *c, yyjson_val *want, yyjson_val *errors,
                         struct rh_case_result *ret)
{
    struct rh_buf b = rh_buf(c->arena), links = rh_buf(c->arena);
    size_t i, max;
    yyjson_val *e;
    yyjson_arr_foreach (errors, i, max, e) {
        rh_buf_str(&links, links.len ? ", " : "");
        rh_buf_text(&links, rh_json_get(e, "linkId"));
        if (max == 1 || yyjson_is_obj(want)) {
            rh_buf_str(&links, ": ");
            rh_buf_text(&links, rh_json_get(e, "text"));
        }
    }
    if (want)
        rh_json_write(&b, want);
    rh_case_failed(c, ret, "at errors: wanted %.*s, got %.*s", b.len ? (int)b.len : 4,
                   b.len ? b.data : "none",
                   links.len ? (int)rh_text_shown(rh_buf_get(&links), 600).len : 4,
                   links.len ? links.data : "none");
}

static enum rh_rc check_errors(struct rh_ctx *c, struct rh_form_session *s, yyjson_val *want,
                               struct rh_case_result *ret)
{
    yyjson_val *got, *errors, *v, *list = yyjson_obj_get(want, "errors"),
                                  *valid = yyjson_obj_get(want, "valid");
    struct rh_buf b = rh_buf(c->arena);
    bool is_valid;
    size_t i, max;
    if (!list && !valid)
        return RH_OK;
    rh_buf_char(&b, '{');
    enum rh_rc rc = rh_form_check(c, s, s->language, &is_valid, &b);
    rh_buf_char(&b, '}');
    if (!rc)
        rc = rh_case_parse(c, &b, &got);
    if (rc)
        return rc;
    errors = yyjson_obj_get(got, "errors");
    yyjson_arr_foreach (list, i, max, v)
        if (!has_error(c, errors, v))
            wrong_errors(c, v, errors, ret);
    if ((list && !yyjson_arr_size(list) && !is_valid) ||
        (valid && yyjson_get_bool(valid) != is_valid))
        wrong_errors(c, list, errors, ret);
    return RH_OK;
}

static enum rh_rc check_response(struct rh_ctx *c, struct rh_form_session *s, yyjson_val *want,
                                 struct rh_case_result *ret)
{
    struct rh_buf b = rh_buf(c->arena);
    yyjson_val *got;
    if (!want)
        return RH_OK;
    rh_form_response(c, s, false, &b);
    enum rh_rc rc = rh_case_parse(c, &b, &got);
    if (!rc)
        rh_case_compare(c, want, got, "response ", ret);
    return rc;
}

/* The response as it is handed in: completed, of Patient/p, with the id "r". */
static enum rh_rc completed(struct rh_ctx *c, struct rh_form_session *s, yyjson_val **ret)
{
    char now[RH_INSTANT_SIZE];
    struct rh_buf b = rh_buf(c->arena), out = rh_buf(c->arena);
    yyjson_val *response, *key, *v;
    size_t i, max;
    rh_form_response(c, s, false, &b);
    enum rh_rc rc = rh_case_parse(c, &b, &response);
    if (rc)
        return rc;
    rh_buf_str(&out, "{\"id\":\"r\",\"status\":\"completed\"");
    yyjson_obj_foreach (response, i, max, key, v) {
        if (yyjson_equals_str(key, "id") || yyjson_equals_str(key, "status"))
            continue;
        rh_buf_char(&out, ',');
        rh_buf_json(&out, rh_json_text(key));
        rh_buf_char(&out, ':');
        rh_json_write(&out, v);
    }
    if (!yyjson_obj_get(response, "subject"))
        rh_buf_str(&out, ",\"subject\":{\"reference\":\"Patient/p\"}");
    rh_instant_print(c->now_us, now);
    if (!yyjson_obj_get(response, "authored"))
        rh_buf_printf(&out, ",\"authored\":\"%s\"", now);
    rh_buf_char(&out, '}');
    return rh_case_parse(c, &out, ret);
}

static enum rh_rc check_extract(struct rh_ctx *c, struct rh_form_session *s, yyjson_val *one,
                                struct rh_case_result *ret)
{
    yyjson_val *want = yyjson_obj_get(one, "extract"), *response, *got;
    struct rh_form_extraction o = {.context = yyjson_obj_get(one, "context"),
                                   .language = s->language};
    struct rh_buf b = rh_buf(c->arena);
    if (!want)
        return RH_OK;
    enum rh_rc rc = completed(c, s, &response);
    if (!rc)
        rc = rh_form_extract(c, rh_form_questionnaire(s->form), response, &o, &b);
    if (!rc)
        rc = rh_case_parse(c, &b, &got);
    if (!rc)
        rh_case_compare(c, want, got, "extract: ", ret);
    return rc;
}

static enum rh_rc check(struct rh_ctx *c, struct rh_form_session *s, yyjson_val *one,
                        struct rh_case_result *ret)
{
    yyjson_val *want = yyjson_obj_get(one, "want");
    yyjson_val *complete = yyjson_obj_get(want, "complete");
    enum rh_rc rc = check_answers(c, s, yyjson_obj_get(want, "answers"), ret);
    if (!rc)
        rc = check_enabled(c, s, yyjson_obj_get(want, "enabled"), true, ret);
    if (!rc)
        rc = check_enabled(c, s, yyjson_obj_get(want, "disabled"), false, ret);
    if (!rc)
        rc = check_errors(c, s, want, ret);
    if (!rc)
        rc = check_response(c, s, yyjson_obj_get(want, "response"), ret);
    if (!rc)
        rc = check_extract(c, s, one, ret);
    if (!rc && complete && yyjson_get_bool(complete) != rh_form_complete(s))
        rh_case_failed(c, ret, "complete: wanted %s, and is not",
                       yyjson_get_bool(complete) ? "true" : "false");
    return rc;
}

/* --- running ---------------------------------------------------------------------------------- */

static enum rh_rc set_time(struct rh_ctx *c, yyjson_val *one)
{
    struct rh_datetime t;
    struct rh_text now = rh_json_get(one, "now"), date = rh_json_get(one, "date");
    if (!now.len && date.len)
        now = rh_text(rh_arena_printf(c->arena, "%.*sT12:00:00Z", RH_TEXT_ARG(date)));
    if (!now.len || rh_datetime_parse(now, RH_DATETIME, 0, &t))
        return rh_issue_add(c->issues, RH_INVALID, NULL,
                            "a case of a form has a \"date\" (2026-11-24), or \"now\" with a zone");
    c->now_us = t.lo_us;
    c->zone_minutes = t.zone_minutes;
    return RH_OK;
}

static enum rh_rc check_want(struct rh_ctx *c, yyjson_val *want)
{
    static const char *const names[] = {"answers", "enabled",  "disabled", "errors",
                                        "valid",   "response", "complete", "error"};
    size_t i, n, k;
    yyjson_val *key, *v;
    if (!want)
        return RH_OK;
    yyjson_obj_foreach (want, i, n, key, v) {
        for (k = 0; k < sizeof names / sizeof names[0] && !yyjson_equals_str(key, names[k]); k++)
            ;
        if (k == sizeof names / sizeof names[0])
            return rh_issue_add(c->issues, RH_INVALID, NULL,
                                "of a form nobody can want \"%s\": answers, enabled, disabled, "
                                "errors, valid, response or complete",
                                yyjson_get_str(key));
    }
    return RH_OK;
}

enum rh_rc rh_case_run_form(struct rh_ctx *c, struct rh_runner *r, yyjson_val *one,
                            struct rh_case_result *ret)
{
    const struct rh_form *f;
    struct rh_form_session *s = NULL;
    yyjson_val *response = yyjson_obj_get(one, "response");
    struct rh_form_start start = {.response = yyjson_is_null(response) ? NULL : response,
                                  .context = yyjson_obj_get(one, "context"),
                                  .language = rh_json_get(one, "language")};
    enum rh_rc rc = set_time(c, one);
    if (!rc)
        rc = check_want(c, yyjson_obj_get(one, "want"));
    if (!rc)
        rc = rh_form_find(c, rh_json_get(one, "form"), &f);
    if (!rc)
        rc = rh_form_open(c, f, &start, &s);
    if (!rc)
        rc = give_bulk(c, s, yyjson_obj_get(one, "bulk"));
    if (!rc)
        rc = give_answers(c, s, yyjson_obj_get(one, "answers"));
    if (!rc)
        rc = rh_form_rules_note(c, r, s);
    if (!rc)
        rc = check(c, s, one, ret);
    rh_form_close(s);
    return rc;
}
