/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * form_validate.c - a response against its form, as a list of messages.
 */
#include "clinical/form_int.h"
#include "clinical/form_record.h"
#include "conformance/answers.h"
#include "conformance/validate.h"

struct list {
    struct rh_ctx *c;
    const struct rh_form_validation *o;
    struct rh_buf rows;
    bool valid;
};

static void add(struct list *l, bool error, const char *code, struct rh_text path,
                struct rh_text link, struct rh_text text)
{
    rh_buf_printf(&l->rows,
                  "%s{\"severity\":\"%s\",\"code\":\"%s\",\"path\":", l->rows.len ? "," : "",
                  error ? "error" : "warning", code);
    rh_buf_json(&l->rows, path);
    rh_buf_str(&l->rows, ",\"linkId\":");
    if (link.data)
        rh_buf_json(&l->rows, link);
    else
        rh_buf_str(&l->rows, "null");
    rh_buf_str(&l->rows, ",\"text\":");
    rh_buf_json(&l->rows, text);
    rh_buf_char(&l->rows, '}');
    l->valid &= !error;
}

/* --- structure
 * ------------------------------------------------------------------------------------ */
/* The linkId of the innermost item on a path "QuestionnaireResponse.item[0].answer[1]…". */
static struct rh_text link_of(yyjson_val *response, const char *path)
{
    struct rh_text rest = rh_text(path), step, link = {NULL, 0};
    yyjson_val *at = response;
    rh_text_split(&rest, '.', &step);
    while (rh_text_split(&rest, '.', &step)) {
        const char *bracket = step.len ? memchr(step.data, '[', step.len) : NULL;
        uint64_t n;
        if (!bracket || step.data[step.len - 1] != ']')
            break;
        struct rh_text name = {step.data, (size_t)(bracket - step.data)};
        struct rh_text index = {bracket + 1, step.len - name.len - 2};
        if (rh_text_u64(index, UINT32_MAX, &n))
            break;
        at = yyjson_arr_get(yyjson_obj_getn(at, name.data, name.len), (size_t)n);
        if (rh_text_is(name, "item") && rh_json_get(at, "linkId").data)
            link = rh_json_get(at, "linkId");
    }
    return link;
}

/* What FHIR itself says of a response, whatever the form. */
static enum rh_rc check_structure(struct list *l, yyjson_val *response)
{
    struct rh_ctx *c = l->c;
    struct rh_issues found, *outer = c->issues;
    struct rh_validate_options o = {
        .extensions = RH_EXTENSIONS_ANY, .quiet = true, .answers_elsewhere = true};
    bool good;
    rh_issues_init(&found, c->arena);
    found.max = RH_ISSUES_REPORT_MAX;
    c->issues = &found;
    enum rh_rc rc = rh_validate(c, response, &o, &good);
    c->issues = outer;
    for (unsigned i = 0; i < found.count; i++) {
        const struct rh_issue *row = &found.rows[i];
        const char *path = row->expression ? row->expression : "";
        if (row->severity <= RH_ERROR)
            add(l, true, row->code ? row->code : rh_rc_issue(row->rc), rh_text(path),
                link_of(response, path), rh_text(row->text));
    }
    return rc == RH_STRUCTURE ? RH_OK : rc;
}

/* --- answers
 * --------------------------------------------------------------------------------------- */
static void found(void *user, const struct rh_answers_finding *f)
{
    struct list *l = user;
    struct rh_buf text = rh_buf(l->c->arena);
    rh_answer_text(f->fault, l->o->language, &text);
    add(l, rh_answer_is_error(f->fault), rh_answer_code(f->fault), f->expression, f->link,
        rh_buf_get(&text));
}

/* --- calculated values
 * ------------------------------------------------------------------------------ */
/* The next item of a list with this linkId, looked for behind the one that was found last and then
 * from the start: both responses are in the order of the form. *after: that one; NULL: none yet. */
static yyjson_val *next_of(yyjson_val *list, struct rh_text link, yyjson_val **after)
{
    size_t n = yyjson_is_arr(list) ? yyjson_arr_size(list) : 0;
    yyjson_val *first = yyjson_arr_get_first(list);
    yyjson_val *v = *after ? unsafe_yyjson_get_next(*after) : first;
    const yyjson_val *end = n ? unsafe_yyjson_get_next(list) : NULL;
    for (size_t k = 0; k < n; k++, v = unsafe_yyjson_get_next(v)) {
        v = v >= end ? first : v;
        if (rh_text_eq(rh_json_get(v, "linkId"), link))
            return *after = v;
    }
    return NULL;
}

static bool same_values(yyjson_val *a, yyjson_val *b)
{
    size_t n = yyjson_arr_size(a);
    if (n != yyjson_arr_size(b))
        return false;
    for (size_t i = 0; i < n; i++) {
        yyjson_val *x, *y;
        struct rh_text s = rh_answer_type(yyjson_arr_get(a, i), &x);
        struct rh_text t = rh_answer_type(yyjson_arr_get(b, i), &y);
        if (!x || !y || rh_answer_compare(s, x, t, y) != 0)
            return false;
    }
    return true;
}

static void compare(struct list *l, const struct rh_form *f, yyjson_val *have, yyjson_val *want,
                    struct rh_text path, unsigned depth)
{
    yyjson_val *list = yyjson_obj_get(have, "item"), *others = yyjson_obj_get(want, "item");
    yyjson_val *v, *other, *answer, *last = NULL;
    size_t i, n, j, m;
    if (depth > RH_FORM_DEPTH_MAX * 4)
        return;
    yyjson_arr_foreach (list, i, n, v) {
        struct rh_text link = rh_json_get(v, "linkId");
        const struct rh_form_item *item = rh_form_item_find(f, link);
        if (!item || !(other = next_of(others, link, &last)))
            continue;
        const char *at = rh_arena_printf(l->c->arena, "%.*s.item[%zu]", RH_TEXT_ARG(path), i);
        yyjson_val *a = yyjson_obj_get(v, "answer"), *b = yyjson_obj_get(other, "answer");
        if (item->calculated && b && !same_values(a, b)) {
            struct rh_buf text = rh_buf(l->c->arena), value = rh_buf(l->c->arena);
            yyjson_val *first;
            rh_answer_type(yyjson_arr_get_first(b), &first);
            if (first)
                rh_json_write(&value, first);
            struct rh_answer_fault fault = {.rule = RH_ANSWER_CALCULATED,
                                            .args = {rh_buf_get(&value)}};
            rh_answer_text(&fault, l->o->language, &text);
            add(l, false, rh_answer_code(&fault), rh_text(at), link, rh_buf_get(&text));
        }
        compare(l, f, v, other, rh_text(at), depth + 1);
        yyjson_arr_foreach (a, j, m, answer) {
            const char *below = rh_arena_printf(l->c->arena, "%s.answer[%zu]", at, j);
            if (below && yyjson_arr_get(b, j))
                compare(l, f, answer, yyjson_arr_get(b, j), rh_text(below), depth + 1);
        }
    }
}

static enum rh_rc check_calculated(struct list *l, yyjson_val *questionnaire, yyjson_val *response)
{
    struct rh_ctx *c = l->c;
    struct rh_issues silent, *outer = c->issues;
    struct rh_form_start start = {.response = response, .context = l->o->context};
    const struct rh_form *f;
    struct rh_form_session *s = NULL;
    struct rh_buf b = rh_buf(c->arena);
    yyjson_doc *doc;
    rh_issues_init(&silent, c->arena);
    c->issues = &silent;
    enum rh_rc rc = rh_form_compile(c, c->arena, questionnaire, &f);
    if (!rc)
        rc = rh_form_open(c, f, &start, &s);
    if (!rc) {
        rh_form_response(c, s, false, &b);
        rc = b.rc ? b.rc : rh_json_parse(c->arena, &silent, rh_buf_get(&b), &doc);
    }
    if (!rc)
        compare(l, f, response, yyjson_doc_get_root(doc), RH_TEXT("QuestionnaireResponse"), 0);
    rh_form_close(s);
    c->issues = outer;
    return rc == RH_NOMEM ? rc : RH_OK;
}

enum rh_rc rh_form_validate(struct rh_ctx *c, yyjson_val *questionnaire, yyjson_val *response,
                            const struct rh_form_validation *o, bool *ret_valid, struct rh_buf *out)
{
    static const struct rh_form_validation plain = {0};
    struct list l = {.c = c, .o = o ? o : &plain, .rows = rh_buf(c->arena), .valid = true};
    struct rh_answers_options how = {
        .context = l.o->context, .language = l.o->language, .final = l.o->final};
    if (!rh_text_is(rh_json_get(response, "resourceType"), "QuestionnaireResponse"))
        return rh_issue_add(c->issues, RH_STRUCTURE, NULL, "This is not a QuestionnaireResponse.");
    if (!rh_text_is(rh_json_get(questionnaire, "resourceType"), "Questionnaire"))
        return rh_issue_add(c->issues, RH_STRUCTURE, NULL, "This is not a Questionnaire.");
    enum rh_rc rc = check_structure(&l, response);
    if (!rc)
        rc = rh_answers_check(c, questionnaire, response, &how, found, &l);
    if (!rc && l.valid)
        rc = check_calculated(&l, questionnaire, response);
    if (rc)
        return rc;
    if (ret_valid)
        *ret_valid = l.valid;
    rh_buf_printf(out, "{\"valid\":%s,\"errors\":[", l.valid ? "true" : "false");
    rh_buf_text(out, rh_buf_get(&l.rows));
    rh_buf_str(out, "]}");
    return l.rows.rc ? l.rows.rc : out->rc;
}
