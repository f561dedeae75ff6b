/* SPDX-License-Identifier: GPL-3.0-or-later */
/* form_compile.c - a Questionnaire read once: items in document order, options, conditions,
 * expressions. What they read is found by form_graph.c. */
#include "clinical/form_int.h"

#include <limits.h>

#define CQF_EXPRESSION RH_FHIR_EXT "cqf-expression"
#define CQF_CALCULATED RH_FHIR_EXT "cqf-calculatedValue"

static const char *const type_names[] = {
    [RH_ITEM_GROUP] = "group",
    [RH_ITEM_DISPLAY] = "display",
    [RH_ITEM_BOOLEAN] = "boolean",
    [RH_ITEM_DECIMAL] = "decimal",
    [RH_ITEM_INTEGER] = "integer",
    [RH_ITEM_DATE] = "date",
    [RH_ITEM_DATETIME] = "dateTime",
    [RH_ITEM_TIME] = "time",
    [RH_ITEM_STRING] = "string",
    [RH_ITEM_TEXT] = "text",
    [RH_ITEM_URL] = "url",
    [RH_ITEM_CHOICE] = "choice",
    [RH_ITEM_OPEN_CHOICE] = "open-choice",
    [RH_ITEM_ATTACHMENT] = "attachment",
    [RH_ITEM_REFERENCE] = "reference",
    [RH_ITEM_QUANTITY] = "quantity",
};
_Static_assert(sizeof type_names / sizeof type_names[0] == RH_ITEM_TYPES, "a name each");

const char *rh_form_type_name(enum rh_form_type t)
{
    return type_names[t];
}

/* Extensions that hold one expression. */
static const struct {
    const char *url;
    enum rh_form_use use;
} uses[] = {
    {RH_FHIR_EXT "variable", RH_USE_VARIABLE},
    {RH_SDC_EXT "sdc-questionnaire-initialExpression", RH_USE_INITIAL},
    {RH_SDC_EXT "sdc-questionnaire-calculatedExpression", RH_USE_CALCULATED},
    {RH_SDC_EXT "sdc-questionnaire-enableWhenExpression", RH_USE_ENABLE},
    {RH_SDC_EXT "sdc-questionnaire-answerExpression", RH_USE_ANSWERS},
    {RH_SDC_EXT "sdc-questionnaire-candidateExpression", RH_USE_ANSWERS},
    {RH_SDC_EXT "sdc-questionnaire-answerOptionsToggleExpression", RH_USE_TOGGLE},
    {RH_FHIR_EXT "questionnaire-constraint", RH_USE_CONSTRAINT},
    {RH_FHIR_EXT "targetConstraint", RH_USE_CONSTRAINT},
};

/* Elements whose value an expression may give. */
static const struct {
    const char *member;
    enum rh_form_use use;
} computed[] = {
    {"_text", RH_USE_TEXT},
    {"_required", RH_USE_REQUIRED},
    {"_repeats", RH_USE_REPEATS},
    {"_readOnly", RH_USE_READ_ONLY},
};

static const char *const limits[] = {RH_FHIR_EXT "minValue", RH_FHIR_EXT "maxValue",
                                     RH_SDC_EXT "sdc-questionnaire-minQuantity",
                                     RH_SDC_EXT "sdc-questionnaire-maxQuantity"};

struct builder {
    struct rh_ctx *c;
    struct rh_arena *a;
    struct rh_form *form;
    size_t expressions_cap, context_cap;
    unsigned n;             /* items so far */
    struct rh_issues quiet; /* of an expression that does not parse */
};

/* --- small things ----------------------------------------------------------------------------- */
yyjson_val *rh_form_extension(const yyjson_val *object, const char *url)
{
    size_t i, n;
    yyjson_val *e, *list = yyjson_obj_get((yyjson_val *)(uintptr_t)object, "extension");
    yyjson_arr_foreach (rh_some(list), i, n, e) {
        if (rh_text_is(rh_json_get(e, "url"), url))
            return e;
    }
    return NULL;
}

/* "valueCoding", and nothing that would have to be escaped where it is written. */
static bool is_value(struct rh_text name)
{
    for (size_t i = 0; i < name.len; i++)
        if (!(((name.data[i] | 0x20) >= 'a' && (name.data[i] | 0x20) <= 'z') ||
              (name.data[i] >= '0' && name.data[i] <= '9')))
            return false;
    return rh_text_starts(name, "value");
}

/* The member value[x] of an extension. */
static yyjson_val *value_of(yyjson_val *extension, struct rh_text *ret_member)
{
    size_t i, n;
    yyjson_val *key, *v;
    yyjson_obj_foreach (rh_some(extension), i, n, key, v) {
        if (is_value(rh_json_text(key))) {
            if (ret_member)
                *ret_member = rh_json_text(key);
            return v;
        }
    }
    return NULL;
}

yyjson_val *rh_form_extension_value(const yyjson_val *object, const char *url,
                                    struct rh_text *ret_member)
{
    return value_of(rh_form_extension(object, url), ret_member);
}

static unsigned hash_of(struct rh_text t)
{
    unsigned h = 2166136261u;
    for (size_t i = 0; i < t.len; i++)
        h = (h ^ (unsigned char)t.data[i]) * 16777619u;
    return h;
}

const struct rh_form_item *rh_form_item_find(const struct rh_form *f, struct rh_text link)
{
    for (unsigned i = hash_of(link) & f->mask; f->slots[i]; i = (i + 1) & f->mask)
        if (rh_text_eq(f->items[f->slots[i] - 1].link, link))
            return &f->items[f->slots[i] - 1];
    return NULL;
}

yyjson_val *rh_form_questionnaire(const struct rh_form *f)
{
    return f->questionnaire;
}

/* "Questionnaire.item.where(linkId='x')": where a finding stands. */
static const char *place_of(struct builder *b, const struct rh_form_item *item)
{
    if (!item)
        return "Questionnaire";
    return rh_arena_printf(b->a, "Questionnaire.descendants().where(linkId='%.*s')",
                           RH_TEXT_ARG(item->link));
}

static void warn(struct builder *b, const struct rh_form_item *item, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void warn(struct builder *b, const struct rh_form_item *item, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    const char *text = rh_arena_vprintf(b->a, format, ap);
    va_end(ap);
    if (b->c->issues && text)
        rh_issue_at(b->c->issues, (struct rh_issue){.severity = RH_WARNING,
                                                    .rc = RH_VALUE,
                                                    .expression = place_of(b, item),
                                                    .text = text});
}

/* --- items ------------------------------------------------------------------------------------ */
static enum rh_rc count_items(struct builder *b, yyjson_val *owner, unsigned depth, unsigned *n)
{
    size_t i, max;
    yyjson_val *list = yyjson_obj_get(owner, "item"), *v;
    if (list && !yyjson_is_arr(list))
        return rh_issue_add(b->c->issues, RH_STRUCTURE, "Questionnaire.item",
                            "item must be an array, not %s.", rh_json_kind(list));
    if (list && depth >= RH_FORM_DEPTH_MAX)
        return rh_issue_add(b->c->issues, RH_TOOLARGE, "Questionnaire.item",
                            "Items are nested more than %d deep.", RH_FORM_DEPTH_MAX);
    yyjson_arr_foreach (rh_some(list), i, max, v) {
        if (++*n > RH_FORM_ITEMS_MAX)
            return rh_issue_add(b->c->issues, RH_TOOLARGE, "Questionnaire.item",
                                "The Questionnaire has more than %d items.", RH_FORM_ITEMS_MAX);
        enum rh_rc rc = count_items(b, v, depth + 1, n);
        if (rc)
            return rc;
    }
    return RH_OK;
}

/* FHIR wants every linkId once (que-2); forms that have one twice can be filled in all the same. */
static void read_twin(struct builder *b, struct rh_form_item *item, struct rh_form_item *first)
{
    struct rh_form_item *last = first;
    for (;; last = &b->form->items[last->same->number]) {
        item->twin += last->parent == item->parent;
        if (!last->same)
            break;
    }
    last->same = item;
    warn(b, item, "The linkId \"%.*s\" stands in the Questionnaire twice.",
         RH_TEXT_ARG(item->link));
}

static enum rh_rc read_name(struct builder *b, struct rh_form_item *item)
{
    struct rh_text type = rh_json_get(item->json, "type");
    item->link = rh_json_get(item->json, "linkId");
    if (!item->link.len)
        return rh_issue_add(b->c->issues, RH_REQUIRED, "Questionnaire.item.linkId",
                            "The item with the text \"%.*s\" has no linkId.",
                            RH_TEXT_ARG(rh_text_shown(rh_json_get(item->json, "text"), 60)));
    unsigned i = hash_of(item->link) & b->form->mask;
    for (; b->form->slots[i]; i = (i + 1) & b->form->mask)
        if (rh_text_eq(b->form->items[b->form->slots[i] - 1].link, item->link))
            break;
    if (b->form->slots[i])
        read_twin(b, item, &b->form->items[b->form->slots[i] - 1]);
    else
        b->form->slots[i] = item->number + 1;
    for (unsigned t = 0; t < RH_ITEM_TYPES; t++)
        if (rh_text_is(type, type_names[t])) {
            item->type = (enum rh_form_type)t;
            return RH_OK;
        }
    return rh_issue_add(b->c->issues, type.data ? RH_VALUE : RH_REQUIRED, place_of(b, item),
                        type.data
                            ? "The item \"%.*s\" has the type \"%.*s\", which FHIR R4 does not "
                              "know."
                            : "The item \"%.*s\" has no type%.*s.",
                        RH_TEXT_ARG(item->link), RH_TEXT_ARG(type.data ? type : RH_TEXT("")));
}

static unsigned number_extension(yyjson_val *json, const char *url, unsigned otherwise)
{
    uint64_t n;
    yyjson_val *v = rh_form_extension_value(json, url, NULL);
    return v && rh_text_u64(rh_json_text(v), UINT_MAX, &n) == RH_OK ? (unsigned)n : otherwise;
}

static bool flag(yyjson_val *json, const char *url)
{
    return yyjson_is_true(rh_form_extension_value(json, url, NULL));
}

static void read_flags(struct rh_form_item *item)
{
    yyjson_val *json = item->json;
    item->required = yyjson_is_true(yyjson_obj_get(json, "required"));
    item->repeats = yyjson_is_true(yyjson_obj_get(json, "repeats"));
    item->read_only = yyjson_is_true(yyjson_obj_get(json, "readOnly"));
    item->hidden = flag(json, RH_FHIR_EXT "questionnaire-hidden");
    item->ask_each = flag(json, RH_FORM_EXT "ask-each");
    item->min_occurs =
        number_extension(json, RH_FHIR_EXT "questionnaire-minOccurs", item->required ? 1 : 0);
    item->max_occurs =
        number_extension(json, RH_FHIR_EXT "questionnaire-maxOccurs", item->repeats ? 0 : 1);
    item->when_any = !rh_text_is(rh_json_get(json, "enableBehavior"), "all"); /* R4: "or" */
}

static enum rh_rc read_options(struct builder *b, struct rh_form_item *item)
{
    yyjson_val *list = yyjson_obj_get(item->json, "answerOption"), *o;
    size_t i, n, count = yyjson_arr_size(list);
    item->value_set = rh_json_get(item->json, "answerValueSet");
    if (!count)
        return RH_OK;
    item->options = rh_arena_zero(b->a, count * sizeof *item->options);
    if (!item->options)
        return RH_NOMEM;
    yyjson_arr_foreach (rh_some(list), i, n, o) {
        struct rh_form_option *to = &item->options[item->n_options];
        to->source = o;
        to->value = value_of(o, &to->member);
        if (!to->value) {
            warn(b, item, "Option %zu of the item \"%.*s\" has no value and is left out.", i + 1,
                 RH_TEXT_ARG(item->link));
            continue;
        }
        to->exclusive = flag(o, RH_FHIR_EXT "questionnaire-optionExclusive");
        to->initial = yyjson_is_true(yyjson_obj_get(o, "initialSelected"));
        item->n_options++;
    }
    return RH_OK;
}

static enum rh_rc read_items(struct builder *b, yyjson_val *owner, struct rh_form_item *parent,
                             unsigned depth, const struct rh_form_item ***ret, unsigned *ret_n)
{
    yyjson_val *list = yyjson_obj_get(owner, "item"), *v;
    size_t i, n;
    const struct rh_form_item **all =
        rh_arena_alloc(b->a, (yyjson_arr_size(list) + 1) * sizeof(struct rh_form_item *));
    if (!all)
        return RH_NOMEM;
    *ret = all;
    *ret_n = 0;
    yyjson_arr_foreach (rh_some(list), i, n, v) {
        struct rh_form_item *item = &b->form->items[b->n];
        *item = (struct rh_form_item){.form = b->form,
                                      .json = v,
                                      .number = b->n++,
                                      .depth = depth,
                                      .parent = parent,
                                      .place = (unsigned)i};
        all[(*ret_n)++] = item;
        enum rh_rc rc = read_name(b, item);
        if (rc)
            return rc;
        read_flags(item);
        rc = read_options(b, item);
        if (!rc)
            rc = read_items(b, v, item, depth + 1, &item->children, &item->n_children);
        if (rc)
            return rc;
        item->end = b->n;
    }
    return RH_OK;
}

/* --- conditions ------------------------------------------------------------------------------- */
static enum rh_rc read_when(struct builder *b, struct rh_form_item *item)
{
    yyjson_val *list = yyjson_obj_get(item->json, "enableWhen"), *w, *key, *v;
    size_t i, n, j, m, count = yyjson_arr_size(list);
    if (!count)
        return RH_OK;
    item->when = rh_arena_zero(b->a, count * sizeof *item->when);
    if (!item->when)
        return RH_NOMEM;
    yyjson_arr_foreach (rh_some(list), i, n, w) {
        struct rh_form_when *to = &item->when[item->n_when++];
        struct rh_text question = rh_json_get(w, "question");
        const struct rh_form_item *of = rh_form_item_find(b->form, question);
        to->question = of ? of->number : UINT_MAX;
        if (!of)
            warn(b, item, "The item \"%.*s\" is enabled by \"%.*s\", which the form does not have.",
                 RH_TEXT_ARG(item->link), RH_TEXT_ARG(question));
        to->op = rh_json_get(w, "operator");
        yyjson_obj_foreach (rh_some(w), j, m, key, v) {
            struct rh_text name = rh_json_text(key);
            if (rh_text_starts(name, "answer")) {
                to->answer = v;
                to->type = (struct rh_text){name.data + 6, name.len - 6};
            }
        }
    }
    return RH_OK;
}

/* --- expressions ------------------------------------------------------------------------------ */
static enum rh_rc add_expression(struct builder *b, struct rh_form_item *item, enum rh_form_use use,
                                 yyjson_val *source, struct rh_form_expression **ret)
{
    struct rh_form *f = b->form;
    if (f->n_expressions >= RH_FORM_EXPRESSIONS_MAX)
        return rh_issue_add(b->c->issues, RH_TOOLARGE, "Questionnaire",
                            "The Questionnaire has more than %d expressions.",
                            RH_FORM_EXPRESSIONS_MAX);
    struct rh_form_expression *e = rh_arena_zero(b->a, sizeof *e);
    struct rh_form_expression **grown =
        rh_arena_grow(b->a, f->expressions, &b->expressions_cap, f->n_expressions + 1,
                      sizeof(struct rh_form_expression *));
    if (!e || !grown)
        return RH_NOMEM;
    f->expressions = grown;
    e->use = use;
    e->item = item;
    e->source = source;
    e->number = f->n_expressions;
    f->expressions[f->n_expressions++] = e;
    *ret = e;
    return RH_OK;
}

static const char *name_of(enum rh_form_use use)
{
    static const char *const names[] = {
        [RH_USE_VARIABLE] = "variable",
        [RH_USE_INITIAL] = "initial value",
        [RH_USE_CALCULATED] = "calculation",
        [RH_USE_ENABLE] = "condition",
        [RH_USE_ANSWERS] = "list of answers",
        [RH_USE_TOGGLE] = "switch of options",
        [RH_USE_TEXT] = "text",
        [RH_USE_LIMIT] = "limit",
        [RH_USE_REQUIRED] = "required",
        [RH_USE_REPEATS] = "repeats",
        [RH_USE_READ_ONLY] = "readOnly",
        [RH_USE_CONSTRAINT] = "constraint",
    };
    return names[use];
}

/* `value` is an Expression or, for constraints of R4, a string. */
static enum rh_rc compile(struct builder *b, struct rh_form_expression *e, yyjson_val *value)
{
    struct rh_text language = rh_json_get(value, "language");
    e->text = yyjson_is_str(value) ? rh_json_text(value) : rh_json_get(value, "expression");
    e->name = rh_json_get(value, "name");
    if (!e->text.len) {
        warn(b, e->item, "The %s has no expression.", name_of(e->use));
        return RH_OK;
    }
    if (language.len && !rh_text_is(language, "text/fhirpath")) {
        if (e->use != RH_USE_VARIABLE && e->use != RH_USE_INITIAL && e->use != RH_USE_ANSWERS)
            warn(b, e->item, "The %s is written in %.*s, which cannot be evaluated here.",
                 name_of(e->use), RH_TEXT_ARG(language));
        return RH_OK;
    }
    struct rh_ctx quiet = *b->c;
    rh_issues_init(&b->quiet, b->a);
    quiet.issues = &b->quiet;
    enum rh_rc rc = rh_fp_compile(&quiet, b->a, e->text, &e->fp);
    if (rc == RH_NOMEM)
        return rc;
    if (rc) {
        e->fp = NULL;
        warn(b, e->item, "The %s does not parse: %s (column %u)", name_of(e->use),
             b->quiet.count ? b->quiet.rows[0].text : rh_rc_text(rc),
             b->quiet.count ? b->quiet.rows[0].column : 0);
    }
    return RH_OK;
}

/* {"extension": [{"url": "key", …}, …, {"url": "expression", …}]} */
static enum rh_rc constraint(struct builder *b, struct rh_form_expression *e,
                             struct rh_form_constraint *ret)
{
    yyjson_val *human = rh_form_extension(e->source, "human");
    ret->key = rh_json_text(rh_form_extension_value(e->source, "key", NULL));
    ret->human = rh_json_text(value_of(human, NULL));
    ret->human_value = human;
    ret->warning =
        rh_text_is(rh_json_text(rh_form_extension_value(e->source, "severity", NULL)), "warning");
    ret->expression = e;
    return compile(b, e, rh_form_extension_value(e->source, "expression", NULL));
}

static enum rh_rc add_constraint(struct builder *b, struct rh_form_item *item,
                                 struct rh_form_expression *e)
{
    struct rh_form_constraint **list = item ? &item->constraints : &b->form->constraints;
    unsigned *n = item ? &item->n_constraints : &b->form->n_constraints;
    enum { MAX = 64 };
    if (*n == MAX)
        return rh_issue_add(b->c->issues, RH_TOOLARGE, place_of(b, item),
                            "There are more than %d constraints.", MAX);
    struct rh_form_constraint *grown = rh_arena_alloc(b->a, (*n + 1u) * sizeof *grown);
    if (!grown)
        return RH_NOMEM;
    if (*n)
        memcpy(grown, *list, *n * sizeof *grown);
    grown[*n] = (struct rh_form_constraint){0};
    enum rh_rc rc = constraint(b, e, &grown[*n]);
    *list = grown;
    ++*n;
    return rc;
}

static enum rh_rc one_expression(struct builder *b, struct rh_form_item *item,
                                 yyjson_val *extension, enum rh_form_use use)
{
    struct rh_form_expression *e = NULL;
    if (use == RH_USE_ENABLE && item && item->enable)
        e = (struct rh_form_expression *)(uintptr_t)item->enable; /* one for both kinds */
    enum rh_rc rc = e ? RH_OK : add_expression(b, item, use, extension, &e);
    if (rc)
        return rc;
    if (use == RH_USE_CONSTRAINT)
        return add_constraint(b, item, e);
    yyjson_val *value = use == RH_USE_TOGGLE
                            ? rh_form_extension_value(extension, "expression", NULL)
                            : value_of(extension, NULL);
    rc = compile(b, e, value);
    if (!item || rc)
        return rc;
    if (use == RH_USE_CALCULATED)
        item->calculated = e;
    else if (use == RH_USE_INITIAL)
        item->initial = e;
    else if (use == RH_USE_ENABLE)
        item->enable = e;
    else if (use == RH_USE_ANSWERS && e->fp)
        item->answers = e;
    return RH_OK;
}

static enum rh_rc read_extensions(struct builder *b, struct rh_form_item *item, yyjson_val *owner)
{
    yyjson_val *list = yyjson_obj_get(owner, "extension"), *v;
    size_t i, n;
    yyjson_arr_foreach (rh_some(list), i, n, v) {
        struct rh_text url = rh_json_get(v, "url");
        for (unsigned u = 0; u < sizeof uses / sizeof uses[0]; u++) {
            enum rh_rc rc = RH_OK;
            if (rh_text_is(url, uses[u].url))
                rc = one_expression(b, item, v, uses[u].use);
            if (rc)
                return rc;
        }
    }
    return RH_OK;
}

/* Values of elements that an expression gives: text, required, …, limits. */
static enum rh_rc read_computed(struct builder *b, struct rh_form_item *item)
{
    yyjson_val *list = yyjson_obj_get(item->json, "extension"), *v, *key, *inner;
    size_t i, n, j, m;
    enum rh_rc rc = RH_OK;
    for (unsigned k = 0; k < sizeof computed / sizeof computed[0] && !rc; k++) {
        v = rh_form_extension(yyjson_obj_get(item->json, computed[k].member), CQF_EXPRESSION);
        if (v)
            rc = one_expression(b, item, v, computed[k].use);
    }
    yyjson_arr_foreach (rh_some(list), i, n, v) {
        for (unsigned k = 0; k < sizeof limits / sizeof limits[0]; k++) {
            if (!rh_text_is(rh_json_get(v, "url"), limits[k]))
                continue;
            yyjson_obj_foreach (rh_some(v), j, m, key, inner) {
                yyjson_val *by = rh_form_extension(inner, CQF_EXPRESSION);
                by = by ? by : rh_form_extension(inner, CQF_CALCULATED);
                if (!by || rc)
                    continue;
                rc = one_expression(b, item, by, RH_USE_LIMIT);
                if (!rc)
                    b->form->expressions[b->form->n_expressions - 1]->limit = limits[k];
            }
        }
    }
    return rc;
}

static enum rh_rc gather(struct builder *b, unsigned from, struct rh_form_expression ***ret,
                         unsigned *ret_n)
{
    unsigned n = b->form->n_expressions - from;
    *ret_n = n;
    *ret = n ? rh_arena_copy(b->a, b->form->expressions + from, n * sizeof **ret) : NULL;
    if (n && !*ret)
        return RH_NOMEM;
    for (unsigned i = 0; i < n; i++)
        (*ret)[i]->place = i;
    return RH_OK;
}

static enum rh_rc read_expressions(struct builder *b, struct rh_form_item *item)
{
    unsigned from = b->form->n_expressions;
    enum rh_rc rc = read_when(b, item);
    if (!rc && item->n_when) {
        struct rh_form_expression *e;
        rc = add_expression(b, item, RH_USE_ENABLE, NULL, &e);
        if (!rc)
            item->enable = e;
    }
    if (!rc)
        rc = read_extensions(b, item, item->json);
    if (!rc)
        rc = read_computed(b, item);
    return rc ? rc : gather(b, from, &item->expressions, &item->n_expressions);
}

/* --- names of the context --------------------------------------------------------------------- */
static enum rh_rc add_context(struct builder *b, struct rh_text name)
{
    struct rh_form *f = b->form;
    if (!name.len)
        return RH_OK;
    struct rh_text *grown =
        rh_arena_grow(b->a, f->context, &b->context_cap, f->n_context + 1, sizeof *grown);
    if (!grown)
        return RH_NOMEM;
    f->context = grown;
    f->context[f->n_context++] = name;
    return RH_OK;
}

/* What a host may give by name: launch context, queries, the context of a group's population. */
static enum rh_rc read_context(struct builder *b, yyjson_val *owner)
{
    yyjson_val *list = yyjson_obj_get(owner, "extension"), *v;
    size_t i, n;
    enum rh_rc rc = RH_OK;
    yyjson_arr_foreach (rh_some(list), i, n, v) {
        struct rh_text url = rh_json_get(v, "url");
        if (rc)
            return rc;
        if (rh_text_is(url, RH_SDC_EXT "sdc-questionnaire-launchContext")) {
            yyjson_val *name = rh_form_extension_value(v, "name", NULL);
            rc = add_context(b,
                             yyjson_is_obj(name) ? rh_json_get(name, "code") : rh_json_text(name));
        } else if (rh_text_is(url, RH_SDC_EXT "sdc-questionnaire-sourceQueries")) {
            struct rh_text t = rh_json_get(value_of(v, NULL), "reference");
            if (t.len > 1 && t.data[0] == '#')
                rc = add_context(b, (struct rh_text){t.data + 1, t.len - 1});
        } else if (rh_text_is(url, RH_SDC_EXT "sdc-questionnaire-itemPopulationContext") ||
                   rh_text_is(url, RH_SDC_EXT "sdc-questionnaire-contextExpression")) {
            rc = add_context(b, rh_json_get(value_of(v, NULL), "name"));
        } else if (rh_text_is(url, RH_SDC_EXT "sdc-questionnaire-assembleContext")) {
            rc = add_context(b, rh_json_text(value_of(v, NULL)));
        }
    }
    return rc;
}

/* --- the whole -------------------------------------------------------------------------------- */
static enum rh_rc allocate(struct builder *b)
{
    struct rh_form *f = b->form;
    unsigned size = 16;
    enum rh_rc rc = count_items(b, f->questionnaire, 0, &f->n_items);
    if (rc)
        return rc;
    while (size < 2 * f->n_items)
        size *= 2;
    f->mask = size - 1;
    f->slots = rh_arena_zero(b->a, size * sizeof *f->slots);
    f->items = rh_arena_zero(b->a, (f->n_items + 1) * sizeof *f->items);
    return f->slots && f->items ? RH_OK : RH_NOMEM;
}

static enum rh_rc build(struct builder *b)
{
    struct rh_form *f = b->form;
    enum rh_rc rc = allocate(b);
    if (!rc)
        rc = read_items(b, f->questionnaire, NULL, 0, &f->tops, &f->n_tops);
    if (!rc)
        rc = read_context(b, f->questionnaire);
    if (!rc)
        rc = read_extensions(b, NULL, f->questionnaire);
    if (!rc)
        rc = gather(b, 0, &f->of_form, &f->n_of_form);
    for (unsigned i = 0; i < f->n_items && !rc; i++) {
        rc = read_context(b, f->items[i].json);
        if (!rc)
            rc = read_expressions(b, &f->items[i]);
    }
    return rc ? rc : rh_form_graph(b->c, b->a, f);
}

enum rh_rc rh_form_compile(struct rh_ctx *c, struct rh_arena *a, yyjson_val *questionnaire,
                           const struct rh_form **ret)
{
    struct rh_form *f = rh_arena_zero(a, sizeof *f);
    struct builder b = {.c = c, .a = a, .form = f};
    if (!f)
        return RH_NOMEM;
    if (!rh_text_is(rh_json_get(questionnaire, "resourceType"), "Questionnaire"))
        return rh_issue_add(c->issues, RH_STRUCTURE, NULL, "This is not a Questionnaire but %s.",
                            yyjson_is_obj(questionnaire) ? "another resource"
                                                         : rh_json_kind(questionnaire));
    f->questionnaire = questionnaire;
    f->url = rh_json_get(questionnaire, "url");
    f->version = rh_json_get(questionnaire, "version");
    f->language = rh_json_get(questionnaire, "language");
    enum rh_rc rc = build(&b);
    if (rc == RH_NOMEM)
        return rh_issue_add(c->issues, rc, NULL,
                            "The Questionnaire needs more memory than the limit.");
    if (!rc)
        *ret = f;
    return rc;
}

static enum rh_rc make(struct rh_ctx *c, const struct rh_definition *d, void *user,
                       const void **ret)
{
    yyjson_val *body;
    const struct rh_form *f;
    (void)user;
    enum rh_rc rc = rh_definition_body(c, d, &body);
    if (!rc)
        rc = rh_form_compile(c, c->arena, body, &f);
    if (!rc)
        *ret = f;
    return rc;
}

enum rh_rc rh_form_find(struct rh_ctx *c, struct rh_text canonical, const struct rh_form **ret)
{
    const struct rh_definition *d = rh_world_find(c->world, "Questionnaire", canonical);
    const void *form;
    if (!d)
        return rh_issue_add(c->issues, RH_NOTFOUND, NULL,
                            "The Questionnaire \"%.*s\" is not loaded; give the package that has "
                            "it.",
                            RH_TEXT_ARG(canonical));
    enum rh_rc rc = rh_world_form(c, d, RH_FORM_QUESTIONNAIRE, make, NULL, &form);
    if (!rc)
        *ret = form;
    return rc;
}
