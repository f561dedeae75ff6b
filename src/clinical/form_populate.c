/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * form_populate.c - a response filled in from what is known (SDC, "Form Population"): queries of
 * the form are asked, the session evaluates what it can, then groups with a population context get
 * a repeat for each result, and questions with a code the newest observation of their period.
 *
 * Each answer that comes from a resource says from which one.
 */
#include "clinical/form_int.h"
#include "clinical/form_record.h"
#include "conformance/answers.h"
#include "conformance/form_scope.h"
#include "fhir/ucum.h"
#include "fhirpath/tree.h"

#define VARIABLE    RH_FHIR_EXT "variable"
#define CONTEXT     RH_SDC_EXT "sdc-questionnaire-itemPopulationContext"
#define CANDIDATE   RH_SDC_EXT "sdc-questionnaire-candidateExpression"
#define SOURCES     RH_SDC_EXT "sdc-questionnaire-sourceQueries"
#define LINK_PERIOD RH_SDC_EXT "sdc-questionnaire-observationLinkPeriod"
#define FROM        RH_FORM_EXT "populated-from"

enum { QUERIES_MAX = 64, SOURCES_MAX = 20000, REPEATS_MAX = 1000 };

struct populate {
    struct rh_ctx *c;
    const struct rh_form *form;
    const struct rh_form_population *o;
    struct rh_form_scope scope;
    struct rh_form_place top;
    struct rh_fp_variable *known; /* context and answers to queries */
    size_t n_known, cap_known;
    yyjson_val **sources; /* resources that answers may come from */
    size_t n_sources, cap_sources;
    unsigned n_queries;
    struct rh_form_session *s;
    struct rh_text subject;
    enum rh_rc rc;
};

static void warn(struct populate *p, struct rh_text link, const char *what, struct rh_text detail)
{
    const char *text = rh_arena_printf(p->c->arena, "%.*s%s%s%.*s", RH_TEXT_ARG(link),
                                       link.len ? ": " : "", what, RH_TEXT_ARG(detail));
    if (p->c->issues)
        rh_issue_at(p->c->issues,
                    (struct rh_issue){.severity = RH_WARNING, .rc = RH_INVALID, .text = text});
}

/* --- what is known -------------------------------------------------------------------------------
 */
static void add_source(struct populate *p, yyjson_val *resource)
{
    yyjson_val *list = yyjson_obj_get(resource, "entry"), *e;
    size_t i, n;
    if (!yyjson_obj_get(resource, "resourceType") || p->n_sources >= SOURCES_MAX)
        return;
    yyjson_arr_foreach (list, i, n, e)
        add_source(p, yyjson_obj_get(e, "resource"));
    if (list)
        return;
    yyjson_val **rows = rh_arena_grow(p->c->arena, p->sources, &p->cap_sources, p->n_sources + 1,
                                      sizeof(yyjson_val *));
    if (!rows) {
        p->rc = RH_NOMEM;
        return;
    }
    p->sources = rows;
    rows[p->n_sources++] = resource;
}

static void know(struct populate *p, struct rh_text name, yyjson_val *v)
{
    struct rh_fp_variable one = {.name = name};
    yyjson_val *each;
    size_t i, n;
    p->rc = rh_form_items(p->c->arena, v, &one.value);
    struct rh_fp_variable *rows =
        rh_arena_grow(p->c->arena, p->known, &p->cap_known, p->n_known + 1, sizeof *rows);
    if (!rows)
        p->rc = RH_NOMEM;
    if (p->rc)
        return;
    p->known = rows;
    rows[p->n_known++] = one;
    p->top.own = p->known;
    p->top.n_own = p->n_known;
    add_source(p, v);
    if (yyjson_is_arr(v)) {
        yyjson_arr_foreach (v, i, n, each)
            add_source(p, each);
    }
}

static bool is_known(const struct populate *p, struct rh_text name)
{
    for (size_t i = 0; i < p->n_known; i++)
        if (rh_text_eq(p->known[i].name, name))
            return true;
    return false;
}

/* --- queries -------------------------------------------------------------------------------------
 */
static struct rh_text plain_text(struct rh_ctx *c, const struct rh_fp_item *i)
{
    struct rh_buf b = rh_buf(c->arena);
    if (i->kind == RH_FP_STRING)
        return i->text;
    if (i->kind == RH_FP_NODE && yyjson_is_str(i->node.value))
        return rh_json_text(i->node.value);
    rh_fp_print_item(i, &b);
    struct rh_text t = rh_buf_get(&b);
    if (t.len > 1 && t.data[0] == '"')
        t = (struct rh_text){t.data + 1, t.len - 2};
    return t;
}

/* "Patient/{{%patient.id}}" with the results in place; false: one of them is empty or unknown. */
static bool substitute(struct populate *p, const struct rh_form_place *at, struct rh_text link,
                       struct rh_text t, struct rh_buf *out)
{
    for (size_t i = 0; i < t.len;) {
        const char *end = NULL;
        if (i + 1 < t.len && t.data[i] == '{' && t.data[i + 1] == '{')
            end = memmem(t.data + i, t.len - i, "}}", 2);
        if (!end) {
            rh_buf_char(out, t.data[i++]);
            continue;
        }
        struct rh_text expression = {t.data + i + 2, (size_t)(end - t.data) - i - 2};
        struct rh_fp_list list;
        const char *why = NULL;
        enum rh_rc rc = rh_form_scope_eval(&p->scope, at, expression, NULL, &list, &why);
        if (rc == RH_NOMEM)
            p->rc = rc;
        if (rc || list.count == 0) {
            warn(p, link, "the query is not asked: nobody knows ", expression);
            return false;
        }
        for (size_t k = 0; k < list.count; k++) {
            struct rh_text one = plain_text(p->c, &list.items[k]);
            rh_buf_str(out, k ? "," : "");
            if (memchr(t.data, '?', i)) /* behind it: values of a query */
                rh_buf_percent(out, one);
            else
                rh_buf_text(out, one);
        }
        i = (size_t)(end - t.data) + 2;
    }
    return !out->rc;
}

/* Asks; NULL: there is no answer, and an issue says why. */
static yyjson_val *ask(struct populate *p, const struct rh_form_place *at, struct rh_text link,
                       struct rh_text query)
{
    struct rh_buf b = rh_buf(p->c->arena);
    struct rh_issues silent, *outer = p->c->issues;
    yyjson_val *answer = NULL;
    if (!substitute(p, at, link, query, &b) || p->rc)
        return NULL;
    if (!p->o->query || p->n_queries++ >= QUERIES_MAX) {
        warn(p, link,
             p->o->query ? "too many queries: not asked: " : "no record to ask: ", rh_buf_get(&b));
        return NULL;
    }
    rh_issues_init(&silent, p->c->arena);
    p->c->issues = &silent;
    enum rh_rc rc = p->o->query(p->c, p->o->user, rh_buf_get(&b), &answer);
    p->c->issues = outer;
    if (!rc)
        return answer;
    if (rc == RH_NOMEM || rc == RH_FORBIDDEN)
        p->rc = rc;
    warn(p, link, silent.count ? silent.rows[0].text : "the record has no answer to ",
         silent.count ? RH_TEXT("") : rh_buf_get(&b));
    return NULL;
}

static struct rh_text query_of(yyjson_val *expression)
{
    bool query = rh_text_is(rh_json_get(expression, "language"), "application/x-fhir-query");
    return query ? rh_json_get(expression, "expression") : (struct rh_text){NULL, 0};
}

/* Variables of the form or an item that are queries. */
static void ask_variables(struct populate *p, yyjson_val *question, struct rh_text link)
{
    yyjson_val *list = yyjson_obj_get(question, "extension"), *e;
    size_t i, n;
    yyjson_arr_foreach (list, i, n, e) {
        struct rh_text url = rh_json_get(e, "url");
        yyjson_val *x = yyjson_obj_get(e, "valueExpression");
        struct rh_text name = rh_json_get(x, "name"), query = query_of(x);
        if (p->rc || !query.data || !name.len || is_known(p, name) || !rh_text_is(url, VARIABLE))
            continue;
        yyjson_val *answer = ask(p, &p->top, link, query);
        if (answer)
            know(p, name, answer);
    }
}

/* sourceQueries: a contained batch, whose answers have the name of its id. */
static void ask_sources(struct populate *p, yyjson_val *questionnaire)
{
    yyjson_val *e = rh_item_extension(questionnaire, SOURCES);
    struct rh_text id = rh_json_get(yyjson_obj_get(e, "valueReference"), "reference");
    yyjson_val *list = yyjson_obj_get(questionnaire, "contained"), *v, *batch = NULL, *entry;
    struct rh_buf b = rh_buf(p->c->arena);
    yyjson_doc *doc;
    size_t i, n;
    if (id.len < 2 || id.data[0] != '#')
        return;
    id = (struct rh_text){id.data + 1, id.len - 1};
    yyjson_arr_foreach (list, i, n, v)
        batch = rh_text_eq(rh_json_get(v, "id"), id) ? v : batch;
    rh_buf_str(&b, "{\"resourceType\":\"Bundle\",\"type\":\"batch-response\",\"entry\":[");
    yyjson_arr_foreach (yyjson_obj_get(batch, "entry"), i, n, entry) {
        yyjson_val *request = yyjson_obj_get(entry, "request");
        yyjson_val *answer = NULL;
        if (rh_text_is(rh_json_get(request, "method"), "GET"))
            answer = ask(p, &p->top, id, rh_json_get(request, "url"));
        rh_buf_str(&b, i ? "," : "");
        if (answer) {
            rh_buf_str(&b, "{\"resource\":");
            rh_json_write(&b, answer);
            rh_buf_char(&b, '}');
        } else {
            rh_buf_str(&b, "{\"response\":{\"status\":\"404\"}}");
        }
    }
    rh_buf_str(&b, "]}");
    if (!batch || p->rc)
        return;
    p->rc = b.rc ? b.rc : rh_json_parse(p->c->arena, p->c->issues, rh_buf_get(&b), &doc);
    if (!p->rc)
        know(p, id, yyjson_doc_get_root(doc));
}

static void ask_all(struct populate *p)
{
    yyjson_val *key, *v;
    size_t i, n;
    yyjson_obj_foreach (rh_some(p->o->context), i, n, key, v)
        know(p, rh_json_text(key), v);
    ask_variables(p, p->form->questionnaire, RH_TEXT(""));
    ask_sources(p, p->form->questionnaire);
    for (unsigned k = 0; k < p->form->n_items && !p->rc; k++)
        ask_variables(p, p->form->items[k].json, p->form->items[k].link);
}

/* --- where answers come from ---------------------------------------------------------------------
 */
/* The resource that a value stands in: one that is parsed lies in one piece. */
static yyjson_val *source_of(const struct populate *p, const yyjson_val *v)
{
    for (size_t i = 0; v && i < p->n_sources; i++) {
        const yyjson_val *r = p->sources[i];
        if (v >= r && v < unsafe_yyjson_get_next((yyjson_val *)(uintptr_t)r))
            return p->sources[i];
    }
    return NULL;
}

static struct rh_text date_of(yyjson_val *resource)
{
    static const char *const names[] = {
        "effectiveDateTime",  "authored", "authoredOn", "recordedDate", "date",
        "occurrenceDateTime", "issued",   "dateTime"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (rh_json_get(resource, names[i]).len)
            return rh_json_get(resource, names[i]);
    return rh_json_get(yyjson_obj_get(resource, "meta"), "lastUpdated");
}

/* The answers with where they come from. */
static yyjson_val *with_source(struct populate *p, yyjson_val *answers, yyjson_val *source)
{
    struct rh_buf b = rh_buf(p->c->arena);
    struct rh_text type = rh_json_get(source, "resourceType"), id = rh_json_get(source, "id");
    struct rh_text date = date_of(source);
    yyjson_val *a, *key, *v;
    yyjson_doc *doc;
    size_t i, n, j, m;
    if (!source || !id.len)
        return answers;
    rh_buf_char(&b, '[');
    yyjson_arr_foreach (answers, i, n, a) {
        rh_buf_str(&b, i ? ",{" : "{");
        yyjson_obj_foreach (a, j, m, key, v) {
            if (rh_text_is(rh_json_text(key), "extension"))
                continue;
            rh_json_write(&b, key);
            rh_buf_char(&b, ':');
            rh_json_write(&b, v);
            rh_buf_char(&b, ',');
        }
        rh_buf_printf(&b,
                      "\"extension\":[{\"url\":\"%s\",\"extension\":[{\"url\":\"source\","
                      "\"valueReference\":{\"reference\":\"%.*s/%.*s\"}}",
                      FROM, RH_TEXT_ARG(type), RH_TEXT_ARG(id));
        if (date.len) {
            rh_buf_str(&b, ",{\"url\":\"date\",\"valueDateTime\":");
            rh_buf_json(&b, date);
            rh_buf_char(&b, '}');
        }
        rh_buf_str(&b, "]}]}");
    }
    rh_buf_char(&b, ']');
    p->rc = b.rc ? b.rc : rh_json_parse(p->c->arena, p->c->issues, rh_buf_get(&b), &doc);
    return p->rc ? NULL : yyjson_doc_get_root(doc);
}

/* The source of what an expression gave: where its results stand, else the one resource that it
 * names. */
struct single {
    struct populate *p;
    yyjson_val *found;
    unsigned n;
};

static enum rh_rc look_at_name(void *user, struct rh_text name)
{
    struct single *s = user;
    for (size_t i = 0; i < s->p->n_known; i++) {
        const struct rh_fp_variable *v = &s->p->known[i];
        if (!rh_text_eq(v->name, name))
            continue;
        s->n++;
        if (v->value.count == 1 && v->value.items[0].kind == RH_FP_NODE)
            s->found = source_of(s->p, v->value.items[0].node.value);
    }
    return RH_OK;
}

static yyjson_val *source_of_results(struct populate *p, struct rh_text expression,
                                     const struct rh_fp_list *list)
{
    struct single s = {.p = p};
    struct rh_fp *fp;
    struct rh_issues silent, *outer = p->c->issues;
    yyjson_val *source = NULL;
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].kind != RH_FP_NODE)
            break;
        source = source_of(p, list->items[i].node.value);
        if (source)
            return source;
    }
    rh_issues_init(&silent, p->c->arena);
    p->c->issues = &silent;
    if (!rh_fp_compile(p->c, p->c->arena, expression, &fp))
        (void)rh_fp_variables(fp, look_at_name, &s);
    p->c->issues = outer;
    return s.n == 1 ? s.found : NULL;
}

/* --- filling -------------------------------------------------------------------------------------
 */
static void set_answers(struct populate *p, struct rh_form_node *n, yyjson_val *answers,
                        yyjson_val *source)
{
    bool changed = false;
    if (!answers || !yyjson_arr_size(answers))
        return;
    answers = with_source(p, answers, source);
    if (!p->rc)
        p->rc = rh_form_node_set(p->s, n, answers, &changed);
    if (!p->rc && changed)
        rh_form_touched(p->s, n->item);
}

static bool same_but_extensions(yyjson_val *a, yyjson_val *b)
{
    size_t n = yyjson_arr_size(a);
    if (n != yyjson_arr_size(b))
        return false;
    for (size_t i = 0; i < n; i++) {
        yyjson_val *x, *y;
        rh_answer_type(yyjson_arr_get(a, i), &x);
        rh_answer_type(yyjson_arr_get(b, i), &y);
        if (!x || !y || !rh_form_same(x, y))
            return false;
    }
    return true;
}

/* initialExpression: what the session has of it gets its source; what stands in a population
 * context is filled. */
static void fill_initial(struct populate *p, struct rh_form_node *n, const struct rh_form_place *at,
                         bool in_context)
{
    const struct rh_form_expression *e = n->item->initial;
    struct rh_fp_list list = {0};
    yyjson_val *answers = NULL;
    const char *why = NULL;
    if (!e || !e->fp || (n->n_answers && n->calculated) || (!n->n_answers && !in_context))
        return;
    enum rh_rc rc = rh_form_scope_eval(&p->scope, at, e->text, NULL, &list, &why);
    if (rc == RH_NOMEM)
        p->rc = rc;
    if (rc && !n->n_answers)
        warn(p, n->item->link, "the initial value cannot be computed: ", rh_text(why ? why : ""));
    if (rc || list.count == 0)
        return;
    if (!n->item->repeats && list.count > 1)
        list.count = 1;
    rc = rh_form_fill(p->c, p->s, n, &list, &answers, &why);
    if (rc) {
        p->rc = rc;
        return;
    }
    if (n->n_answers && !same_but_extensions(n->answers, answers))
        return; /* another answer stands there */
    set_answers(p, n, answers, source_of_results(p, e->text, &list));
}

/* --- observations --------------------------------------------------------------------------------
 */
static const char *calendar_word(struct rh_text code)
{
    static const char *const rows[][2] = {{"a", "years"},  {"mo", "months"}, {"wk", "weeks"},
                                          {"d", "days"},   {"h", "hours"},   {"min", "minutes"},
                                          {"s", "seconds"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rh_text_is(code, rows[i][0]))
            return rows[i][1];
    return NULL;
}

/* "Observation?subject=…&code=…&date=ge…"; false: nobody can say since when. */
static bool observation_query(struct populate *p, const struct rh_form_node *n, struct rh_buf *b)
{
    yyjson_val *period = rh_form_extension_value(n->item->json, LINK_PERIOD, NULL);
    yyjson_val *codes = yyjson_obj_get(n->item->json, "code"), *code;
    struct rh_text value = rh_json_text(yyjson_obj_get(period, "value"));
    struct rh_text unit = rh_json_get(period, "code");
    const char *word = calendar_word(unit.len ? unit : rh_json_get(period, "unit"));
    struct rh_fp_list since;
    size_t i, max;
    if (!word || !value.len || !yyjson_arr_size(codes))
        return false;
    const char *text =
        rh_arena_printf(p->c->arena, "(now() - %.*s %s).toString()", RH_TEXT_ARG(value), word);
    enum rh_rc rc =
        text ? rh_form_scope_eval(&p->scope, &p->top, rh_text(text), NULL, &since, NULL) : RH_NOMEM;
    if (rc || since.count != 1)
        return false;
    rh_buf_str(b, "Observation?subject=");
    rh_buf_percent(b, p->subject);
    rh_buf_str(b, "&status=final,amended,corrected&code=");
    yyjson_arr_foreach (codes, i, max, code) {
        rh_buf_str(b, i ? "," : "");
        rh_buf_percent(b, rh_json_get(code, "system"));
        rh_buf_char(b, '|');
        rh_buf_percent(b, rh_json_get(code, "code"));
    }
    rh_buf_str(b, "&date=ge");
    rh_buf_percent(b, plain_text(p->c, &since.items[0]));
    rh_buf_str(b, "&_sort=-date&_count=1");
    return !b->rc;
}

/* A quantity in the unit of the question; false: it cannot be converted. */
static bool in_unit(struct populate *p, const struct rh_form_node *n, yyjson_val *quantity,
                    struct rh_fp_item *ret)
{
    yyjson_val *unit =
        rh_form_extension_value(n->item->json, RH_FHIR_EXT "questionnaire-unit", NULL);
    struct rh_text want = rh_json_get(unit, "code"), have = rh_json_get(quantity, "code");
    struct rh_ucum u, v;
    struct rh_dec *d = rh_arena_alloc(p->c->arena, sizeof *d);
    if (!d || rh_dec_parse(rh_json_text(yyjson_obj_get(quantity, "value")), d))
        return false;
    *ret = (struct rh_fp_item){.kind = RH_FP_DECIMAL, .decimal = d};
    if (rh_text_eq(want, have))
        return true;
    return want.len && have.len && !rh_ucum_parse(NULL, want, &u) &&
           !rh_ucum_parse(NULL, have, &v) && !rh_ucum_convert(*d, &v, &u, d);
}

/* The value of an Observation as answers; NULL: it has none that the question takes. */
static yyjson_val *answers_of(struct populate *p, struct rh_form_node *n, yyjson_val *observation)
{
    yyjson_val *value = NULL, *codings, *answers = NULL;
    struct rh_text type = rh_answer_type(observation, &value);
    const struct rh_type *of = rh_type_find(RH_TEXT("Observation"));
    const struct rh_element *e =
        value && of ? rh_element_find(of, (struct rh_text){type.data - 5, type.len + 5}) : NULL;
    bool number = n->item->type == RH_ITEM_DECIMAL || n->item->type == RH_ITEM_INTEGER;
    const char *why;
    struct rh_fp_item item;
    struct rh_fp_list list = {.items = &item, .count = 1, .cap = 1};
    if (!e)
        return NULL;
    item = rh_fp_node(e->type, value, NULL);
    if (rh_text_is(type, "Quantity") && number && !in_unit(p, n, value, &item))
        return NULL;
    codings = rh_text_is(type, "CodeableConcept") ? yyjson_obj_get(value, "coding") : NULL;
    if (codings && n->item->type != RH_ITEM_CHOICE && n->item->type != RH_ITEM_OPEN_CHOICE)
        return NULL;
    p->rc = rh_form_fill(p->c, p->s, n, &list, &answers, &why);
    return p->rc ? NULL : answers;
}

static void fill_observation(struct populate *p, struct rh_form_node *n)
{
    struct rh_buf b = rh_buf(p->c->arena);
    if (n->n_answers || !p->subject.len || !rh_form_extension(n->item->json, LINK_PERIOD))
        return;
    if (!observation_query(p, n, &b)) {
        warn(p, n->item->link, "the period of its observations cannot be read", RH_TEXT(""));
        return;
    }
    yyjson_val *bundle = ask(p, &p->top, n->item->link, rh_buf_get(&b));
    yyjson_val *first = yyjson_arr_get_first(yyjson_obj_get(bundle, "entry"));
    yyjson_val *observation = yyjson_obj_get(first, "resource");
    if (observation && !p->rc)
        set_answers(p, n, answers_of(p, n, observation), observation);
}

/* --- the nodes -----------------------------------------------------------------------------------
 */
static void fill_set(struct populate *p, struct rh_form_node *parent, unsigned set,
                     const struct rh_form_place *at, bool in_context, unsigned depth);

static void fill_node(struct populate *p, struct rh_form_node *n, const struct rh_form_place *at,
                      bool in_context, unsigned depth)
{
    if (p->rc)
        return;
    if (n->item->type != RH_ITEM_GROUP && n->item->type != RH_ITEM_DISPLAY) {
        fill_initial(p, n, at, in_context);
        if (!p->rc)
            fill_observation(p, n);
    }
    for (unsigned i = 0; i < n->n_sets && !p->rc; i++)
        fill_set(p, n, i, at, in_context, depth + 1);
}

/* The results of a population context: a resource each, for a query that of each entry. */
static bool context_results(struct populate *p, const struct rh_form_item *item,
                            const struct rh_form_place *at, yyjson_val *x, struct rh_fp_list *ret)
{
    struct rh_text query = query_of(x);
    const char *why = NULL;
    *ret = (struct rh_fp_list){0};
    if (!query.data) {
        enum rh_rc rc = rh_form_scope_eval(&p->scope, at, rh_form_fhirpath(x), NULL, ret, &why);
        if (rc == RH_NOMEM)
            p->rc = rc;
        else if (rc)
            warn(p, item->link,
                 "its population context cannot be computed: ", rh_text(why ? why : ""));
        return rc == RH_OK;
    }
    yyjson_val *bundle = ask(p, at, item->link, query), *list, *e;
    size_t i, n;
    if (!bundle)
        return false;
    add_source(p, bundle);
    list = yyjson_obj_get(bundle, "entry");
    if (!list) { /* a read */
        p->rc = rh_form_items(p->c->arena, bundle, ret);
        return !p->rc;
    }
    ret->items = rh_arena_zero(p->c->arena, (yyjson_arr_size(list) + 1) * sizeof *ret->items);
    if (!ret->items)
        p->rc = RH_NOMEM;
    yyjson_arr_foreach (list, i, n, e) {
        bool match = !rh_text_is(rh_json_get(yyjson_obj_get(e, "search"), "mode"), "include");
        if (ret->items && match && yyjson_obj_get(e, "resource"))
            ret->items[ret->count++] = rh_fp_resource(yyjson_obj_get(e, "resource"), false);
    }
    return !p->rc;
}

static void fill_repeats(struct populate *p, const struct rh_form_item *item,
                         struct rh_form_node *parent, unsigned set, const struct rh_form_place *at,
                         yyjson_val *x, unsigned depth)
{
    struct rh_fp_list list;
    if (!context_results(p, item, at, x, &list))
        return;
    if (!item->repeats && list.count > 1) {
        warn(p, item->link, "it does not repeat: only the first of the results is taken",
             RH_TEXT(""));
        list.count = 1;
    }
    for (size_t k = 0; k < list.count && k < REPEATS_MAX && !p->rc; k++) {
        struct rh_form_slot_nodes *slot = rh_form_slot(p->s, parent, set, item);
        struct rh_form_place below = {.up = at, .question = item->json};
        struct rh_fp_variable own = {.name = rh_json_get(x, "name"),
                                     .value = {.items = &list.items[k], .count = 1, .cap = 1}};
        if (slot && slot->count && k >= slot->count)
            p->rc = rh_form_add(p->c, p->s, slot->nodes[0]->path);
        slot = rh_form_slot(p->s, parent, set, item);
        if (p->rc || !slot || k >= slot->count)
            return;
        if (own.name.len) {
            below.own = &own;
            below.n_own = 1;
        }
        fill_node(p, slot->nodes[k], &below, true, depth + 1);
    }
}

static void fill_set(struct populate *p, struct rh_form_node *parent, unsigned set,
                     const struct rh_form_place *at, bool in_context, unsigned depth)
{
    unsigned count = parent ? parent->item->n_children : p->form->n_tops;
    if (depth > RH_FORM_DEPTH_MAX * 4)
        return;
    for (unsigned i = 0; i < count && !p->rc; i++) {
        const struct rh_form_item *item = parent ? parent->item->children[i] : p->form->tops[i];
        yyjson_val *x = rh_form_extension_value(item->json, CONTEXT, NULL);
        struct rh_form_slot_nodes *slot = rh_form_slot(p->s, parent, set, item);
        if (!x && item->type == RH_ITEM_GROUP) /* of a group it says what it is filled from, too */
            x = rh_form_extension_value(item->json, CANDIDATE, NULL);
        if (x && !p->o->response) {
            fill_repeats(p, item, parent, set, at, x, depth);
            continue;
        }
        for (unsigned k = 0; slot && k < slot->count && !p->rc; k++) {
            struct rh_form_place below = {.up = at, .question = item->json};
            fill_node(p, slot->nodes[k], &below, in_context, depth + 1);
            slot = rh_form_slot(p->s, parent, set, item);
        }
    }
}

/* --- all -----------------------------------------------------------------------------------------
 */
/* Everything known as one object, for the session. */
static enum rh_rc print_known(struct populate *p, yyjson_val **ret)
{
    struct rh_buf b = rh_buf(p->c->arena);
    yyjson_doc *doc;
    rh_buf_char(&b, '{');
    for (size_t i = 0; i < p->n_known; i++) {
        const struct rh_fp_variable *v = &p->known[i];
        rh_buf_str(&b, i ? "," : "");
        rh_buf_json(&b, v->name);
        rh_buf_str(&b, v->value.count == 1 ? ":" : ":[");
        for (size_t k = 0; k < v->value.count; k++) {
            rh_buf_str(&b, k ? "," : "");
            rh_fp_print_item(&v->value.items[k], &b);
        }
        rh_buf_str(&b, v->value.count == 1 ? "" : "]");
    }
    rh_buf_char(&b, '}');
    enum rh_rc rc = b.rc ? b.rc : rh_json_parse(p->c->arena, p->c->issues, rh_buf_get(&b), &doc);
    if (!rc)
        *ret = yyjson_doc_get_root(doc);
    return rc;
}

/* A response that has only its subject yet. */
static enum rh_rc skeleton(struct populate *p, yyjson_val **ret)
{
    struct rh_buf b = rh_buf(p->c->arena);
    yyjson_doc *doc;
    rh_buf_str(&b, "{\"resourceType\":\"QuestionnaireResponse\",\"status\":\"in-progress\"");
    if (p->subject.len) {
        rh_buf_str(&b, ",\"subject\":{\"reference\":");
        rh_buf_json(&b, p->subject);
        rh_buf_char(&b, '}');
    }
    rh_buf_char(&b, '}');
    enum rh_rc rc = b.rc ? b.rc : rh_json_parse(p->c->arena, p->c->issues, rh_buf_get(&b), &doc);
    if (!rc)
        *ret = yyjson_doc_get_root(doc);
    return rc;
}

static void find_subject(struct populate *p)
{
    yyjson_val *patient = yyjson_obj_get(p->o->context, "patient");
    struct rh_text id = rh_json_get(patient, "id");
    p->subject = p->o->subject;
    if (!p->subject.len && id.len) {
        const char *text =
            rh_arena_printf(p->c->arena, "%.*s/%.*s",
                            RH_TEXT_ARG(rh_json_get(patient, "resourceType")), RH_TEXT_ARG(id));
        p->subject = rh_text(text ? text : "");
    }
}

enum rh_rc rh_form_populate(struct rh_ctx *c, const struct rh_form *f,
                            const struct rh_form_population *o, struct rh_buf *out)
{
    static const struct rh_form_population plain = {0};
    struct populate p = {.c = c, .form = f, .o = o ? o : &plain};
    struct rh_form_start start = {.fresh = true, .parts = true};
    p.scope =
        (struct rh_form_scope){.c = c, .questionnaire = f->questionnaire, .empty_context = true};
    p.top.question = f->questionnaire;
    start.language = p.o->language;
    find_subject(&p);
    ask_all(&p);
    if (!p.rc)
        p.rc = print_known(&p, &start.context);
    start.response = p.o->response;
    if (!p.rc && !start.response)
        p.rc = skeleton(&p, &start.response);
    if (!p.rc)
        p.rc = rh_form_open(c, f, &start, &p.s);
    if (!p.rc) {
        rh_form_turn(c, p.s);
        fill_set(&p, NULL, 0, &p.top, false, 0);
    }
    if (!p.rc)
        p.rc = rh_form_settle(c, p.s);
    if (!p.rc)
        rh_form_response(c, p.s, false, out);
    rh_form_close(p.s);
    return p.rc ? p.rc : out->rc;
}
