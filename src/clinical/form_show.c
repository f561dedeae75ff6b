/* SPDX-License-Identifier: GPL-3.0-or-later */
/* form_show.c - nodes as JSON for whoever draws them, and what could not be computed. */
#include "clinical/form_int.h"

struct shower {
    struct rh_ctx *c;
    struct rh_form_session *s;
    struct rh_buf *out;
};

static void name(struct shower *p, const char *member)
{
    rh_buf_printf(p->out, ",\"%s\":", member);
}

static void text(struct shower *p, const char *member, struct rh_text t)
{
    if (!t.len)
        return;
    name(p, member);
    rh_buf_json(p->out, t);
}

static void flag(struct shower *p, const char *member, bool is)
{
    if (is) {
        name(p, member);
        rh_buf_str(p->out, "true");
    }
}

static void number(struct shower *p, const char *member, unsigned n)
{
    name(p, member);
    rh_buf_u64(p->out, n);
}

static void value(struct shower *p, const char *member, yyjson_val *v)
{
    if (v) {
        name(p, member);
        rh_json_write(p->out, v);
    }
}

/* The code of an extension whose value is a CodeableConcept or a code. */
static struct rh_text code_of(yyjson_val *json, const char *url)
{
    yyjson_val *v = rh_form_extension_value(json, url, NULL);
    if (!yyjson_is_obj(v))
        return rh_json_text(v);
    yyjson_val *coding = yyjson_arr_get_first(yyjson_obj_get(v, "coding"));
    return rh_json_get(coding ? coding : v, "code");
}

/* --- parts of a node ----------------------------------------------------------------------------
 */
static struct rh_text node_text(const struct rh_form_session *s, const struct rh_form_node *n)
{
    for (unsigned k = 0; k < n->item->n_expressions; k++) {
        yyjson_val *v = yyjson_arr_get_first(n->values[k].kept);
        if (n->item->expressions[k]->use == RH_USE_TEXT && rh_json_get(v, "valueString").len)
            return rh_json_get(v, "valueString");
    }
    return rh_form_translated(s, n->item->json, "text");
}

static void show_units(struct shower *p, const struct rh_form_item *item)
{
    size_t i, n;
    unsigned count = 0;
    yyjson_val *e;
    yyjson_arr_foreach (rh_some(yyjson_obj_get(item->json, "extension")), i, n, e) {
        yyjson_val *coding = yyjson_obj_get(e, "valueCoding");
        if (!coding || !rh_text_is(rh_json_get(e, "url"), RH_FHIR_EXT "questionnaire-unitOption"))
            continue;
        if (count++)
            rh_buf_char(p->out, ',');
        else
            rh_buf_str(p->out, ",\"units\":[");
        rh_json_write(p->out, coding);
    }
    if (count)
        rh_buf_char(p->out, ']');
    value(p, "unit", rh_form_extension_value(item->json, RH_FHIR_EXT "questionnaire-unit", NULL));
    flag(p, "unitOpen",
         rh_form_extension(item->json, RH_SDC_EXT "sdc-questionnaire-unitOpen") != NULL);
}

static void show_limits(struct shower *p, const struct rh_form_node *n)
{
    static const struct {
        const char *member, *url;
    } rows[] = {{"minLength", RH_FHIR_EXT "minLength"},
                {"regex", RH_FHIR_EXT "regex"},
                {"entryFormat", RH_FHIR_EXT "entryFormat"},
                {"decimals", RH_FHIR_EXT "maxDecimalPlaces"},
                {"step", RH_FHIR_EXT "questionnaire-sliderStepValue"},
                {"maxSize", RH_FHIR_EXT "maxSize"}};
    yyjson_val *json = n->item->json;
    yyjson_val *min = rh_form_limit(p->s, n, RH_FHIR_EXT "minValue", NULL),
               *max = rh_form_limit(p->s, n, RH_FHIR_EXT "maxValue", NULL);
    min = min ? min : rh_form_limit(p->s, n, RH_SDC_EXT "sdc-questionnaire-minQuantity", NULL);
    max = max ? max : rh_form_limit(p->s, n, RH_SDC_EXT "sdc-questionnaire-maxQuantity", NULL);
    value(p, "min", min);
    value(p, "max", max);
    value(p, "maxLength", yyjson_obj_get(json, "maxLength"));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        value(p, rows[i].member, rh_form_extension_value(json, rows[i].url, NULL));
    if (n->item->min_occurs > 1)
        number(p, "minOccurs", n->item->min_occurs);
    if (n->item->max_occurs > 1)
        number(p, "maxOccurs", n->item->max_occurs);
}

static void show_help(struct shower *p, const struct rh_form_item *item)
{
    static const struct {
        const char *member, *url;
    } rows[] = {{"why", RH_FORM_EXT "help-why"},
                {"how", RH_FORM_EXT "help-how"},
                {"redFlags", RH_FORM_EXT "help-red-flags"},
                {"tell", RH_FORM_EXT "help-tell"}};
    unsigned count = 0;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        yyjson_val *e = rh_form_extension(item->json, rows[i].url);
        struct rh_text t = rh_form_translated(p->s, e, "valueMarkdown");
        if (!t.len)
            t = rh_form_translated(p->s, e, "valueString");
        if (!t.len)
            continue;
        rh_buf_printf(p->out, "%s\"%s\":", count++ ? "," : ",\"help\":{", rows[i].member);
        rh_buf_json(p->out, t);
    }
    if (count)
        rh_buf_char(p->out, '}');
}

static void show_options(struct shower *p, const struct rh_form_node *n)
{
    const struct rh_form_option *o;
    unsigned count;
    bool known;
    if (rh_form_options(p->c, p->s, n, &o, &count, &known))
        return;
    flag(p, "optionsUnknown", !known);
    if (!count)
        return;
    name(p, "options");
    for (unsigned i = 0; i < count; i++) {
        rh_buf_printf(p->out, "%s{\"value\":{\"%.*s\":", i ? "," : "[", RH_TEXT_ARG(o[i].member));
        rh_json_write(p->out, o[i].value);
        rh_buf_str(p->out, "},\"text\":");
        rh_buf_json(p->out, o[i].text.data ? o[i].text : RH_TEXT(""));
        yyjson_val *prefix =
            o[i].source ? rh_form_extension_value(o[i].source,
                                                  RH_FHIR_EXT "questionnaire-optionPrefix", NULL)
                        : NULL;
        if (!prefix)
            prefix =
                rh_form_extension_value(o[i].value, RH_FHIR_EXT "questionnaire-optionPrefix", NULL);
        value(p, "prefix", prefix);
        flag(p, "disabled", o[i].disabled);
        flag(p, "exclusive", o[i].exclusive);
        rh_buf_char(p->out, '}');
    }
    rh_buf_char(p->out, ']');
}

static void show_errors(struct shower *p, const struct rh_form_node *n)
{
    struct rh_form_findings f = {0};
    unsigned count[2] = {0, 0};
    if (!n->reached || rh_form_check_node(p->c, p->s, n, false, &f))
        return;
    for (int warnings = 0; warnings < 2; warnings++) {
        for (size_t i = 0; i < f.count; i++) {
            if (f.rows[i].warning != (bool)warnings)
                continue;
            if (!count[warnings]++)
                rh_buf_str(p->out, warnings ? ",\"warnings\":[" : ",\"errors\":[");
            else
                rh_buf_char(p->out, ',');
            rh_buf_json(p->out, f.rows[i].text);
        }
        if (count[warnings])
            rh_buf_char(p->out, ']');
    }
}

/* A group in which one answer may be given to several questions. */
static bool has_bulk(const struct rh_form_node *n)
{
    unsigned count = 0;
    if (n->item->type != RH_ITEM_GROUP)
        return false;
    for (unsigned i = 0; i < n->item->n_children && count < 2; i++) {
        const struct rh_form_slot_nodes *slot = &n->sets[0].slots[i];
        enum rh_form_type type = n->item->children[i]->type;
        if (slot->count && rh_form_bulk_may(slot->nodes[0]) &&
            (type == RH_ITEM_BOOLEAN || type == RH_ITEM_CHOICE))
            count++;
    }
    return count > 1;
}

static bool bulk_answer(const struct rh_form_node *n)
{
    return rh_form_extension(rh_form_node_answer(n, 0), RH_FORM_EXT "bulk-answer") != NULL;
}

/* --- nodes ------------------------------------------------------------------------------------ */
enum { CHILDREN = 1, OPTIONS = 2 };
static void show(struct shower *p, struct rh_form_node *n, unsigned parts);

static void show_children(struct shower *p, const struct rh_form_node *n)
{
    unsigned count = 0;
    name(p, "children");
    rh_buf_char(p->out, '[');
    for (unsigned k = 0; k < n->n_sets; k++)
        for (unsigned i = 0; i < n->item->n_children; i++)
            for (unsigned j = 0; j < n->sets[k].slots[i].count; j++) {
                if (count++)
                    rh_buf_char(p->out, ',');
                show(p, n->sets[k].slots[i].nodes[j], CHILDREN | OPTIONS);
            }
    rh_buf_char(p->out, ']');
}

static void show_state(struct shower *p, const struct rh_form_node *n)
{
    const struct rh_form_item *item = n->item;
    flag(p, "enabled", n->reached);
    flag(p, "hidden", item->hidden);
    flag(p, "required", n->required);
    flag(p, "readOnly", n->read_only);
    flag(p, "repeats", item->repeats);
    flag(p, "calculated", item->calculated != NULL);
    flag(p, "overridden", n->overridden);
    flag(p, "openChoice", item->type == RH_ITEM_OPEN_CHOICE);
    flag(p, "askEach", item->ask_each);
    flag(p, "bulk", item->type == RH_ITEM_GROUP ? has_bulk(n) : bulk_answer(n));
    if (n->answers) {
        name(p, "answer");
        rh_json_write(p->out, n->answers);
    }
    if (item->type == RH_ITEM_GROUP && item->repeats)
        number(p, "instances", rh_form_slot(p->s, n->parent, n->set, item)->count);
    if (n->parent && n->parent->item->type != RH_ITEM_GROUP && n->set)
        number(p, "answerIndex", n->set);
}

static void show(struct shower *p, struct rh_form_node *n, unsigned parts)
{
    const struct rh_form_item *item = n->item;
    n->marks = 0;
    rh_buf_str(p->out, "{\"path\":");
    rh_buf_json(p->out, n->path);
    text(p, "linkId", item->link);
    text(p, "type", rh_text(rh_form_type_name(item->type)));
    text(p, "prefix", rh_form_translated(p->s, item->json, "prefix"));
    text(p, "text", node_text(p->s, n));
    number(p, "level", item->depth);
    show_state(p, n);
    text(p, "control", code_of(item->json, RH_FHIR_EXT "questionnaire-itemControl"));
    text(p, "displayCategory", code_of(item->json, RH_FHIR_EXT "questionnaire-displayCategory"));
    text(p, "orientation", code_of(item->json, RH_FHIR_EXT "questionnaire-choiceOrientation"));
    show_limits(p, n);
    show_units(p, item);
    show_help(p, item);
    if ((parts & OPTIONS) && (item->n_options || item->value_set.len || item->answers))
        show_options(p, n);
    show_errors(p, n);
    if ((parts & CHILDREN) && item->n_children)
        show_children(p, n);
    rh_buf_char(p->out, '}');
}

/* --- complete or not
 * ------------------------------------------------------------------------------ */
static bool complete(const struct rh_form_node *n)
{
    if (!n->reached)
        return true;
    if (n->required && !n->present && n->item->type != RH_ITEM_DISPLAY)
        return false;
    if (n->item->type != RH_ITEM_GROUP && !n->n_answers)
        return true;
    if (n->item->repeats && !n->present) /* as rh_form_check: an empty repeat asks for nothing */
        return true;
    for (unsigned k = 0; k < n->n_sets; k++)
        for (unsigned i = 0; i < n->item->n_children; i++)
            for (unsigned j = 0; j < n->sets[k].slots[i].count; j++)
                if (!complete(n->sets[k].slots[i].nodes[j]))
                    return false;
    return true;
}

bool rh_form_complete(const struct rh_form_session *s)
{
    for (unsigned i = 0; i < s->form->n_tops; i++)
        for (unsigned j = 0; j < s->root.slots[i].count; j++)
            if (!complete(s->root.slots[i].nodes[j]))
                return false;
    return true;
}

/* --- the whole, and what changed
 * ------------------------------------------------------------------ */
static void forget(struct rh_form_session *s)
{
    for (struct rh_form_node *n = s->marked, *after; n; n = after) {
        after = n->next_marked;
        n->marks = 0;
        n->next_marked = NULL;
    }
    s->marked = NULL;
    rh_form_removed_free(s);
}

void rh_form_print(struct rh_ctx *c, struct rh_form_session *s, struct rh_buf *out)
{
    struct shower p = {c, s, out};
    unsigned count = 0;
    struct rh_text title = rh_form_translated(s, s->form->questionnaire, "title");
    rh_buf_str(out, "\"title\":");
    rh_buf_json(out, title.data ? title : RH_TEXT(""));
    rh_buf_str(out, ",\"items\":[");
    for (unsigned i = 0; i < s->form->n_tops; i++)
        for (unsigned j = 0; j < s->root.slots[i].count; j++) {
            if (count++)
                rh_buf_char(out, ',');
            show(&p, s->root.slots[i].nodes[j], CHILDREN | OPTIONS);
        }
    rh_buf_printf(out, "],\"complete\":%s", rh_form_complete(s) ? "true" : "false");
    forget(s);
}

/* Is it printed with one above it? */
static bool covered(const struct rh_form_node *n)
{
    for (const struct rh_form_node *up = n->parent; up; up = up->parent)
        if (up->marks & (RH_MARK_CHILDREN | RH_MARK_NEW))
            return true;
    return false;
}

void rh_form_print_changes(struct rh_ctx *c, struct rh_form_session *s, struct rh_buf *out)
{
    struct shower p = {c, s, out};
    unsigned count = 0;
    rh_buf_str(out, "\"changed\":[");
    for (struct rh_form_node *n = s->marked; n; n = n->next_marked)
        if (covered(n))
            n->marks = 0; /* below, nothing has its mark but what covers it */
    for (struct rh_form_node *n = s->marked; n; n = n->next_marked) {
        unsigned marks = n->marks;
        if (!marks)
            continue;
        if (count++)
            rh_buf_char(out, ',');
        show(&p, n,
             (marks & (RH_MARK_CHILDREN | RH_MARK_NEW) ? (unsigned)CHILDREN : 0u) |
                 (marks & (RH_MARK_OPTIONS | RH_MARK_NEW) ? (unsigned)OPTIONS : 0u));
    }
    rh_buf_str(out, "],\"removed\":[");
    for (unsigned i = 0; i < s->n_removed; i++) {
        rh_buf_str(out, i ? "," : "");
        rh_buf_json(out, rh_text(s->removed[i]));
    }
    rh_buf_printf(out, "],\"complete\":%s", rh_form_complete(s) ? "true" : "false");
    forget(s);
}

/* --- problems --------------------------------------------------------------------------------- */
static void problems_of(struct rh_issues *is, struct rh_text path,
                        struct rh_form_expression *const *expressions,
                        const struct rh_form_value *values, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (!values[i].problem)
            continue;
        struct rh_text name_of = expressions[i]->name;
        const char *said = name_of.len
                               ? rh_arena_printf(is->arena, "%%%.*s cannot be computed: %s",
                                                 RH_TEXT_ARG(name_of), values[i].problem)
                               : rh_arena_printf(is->arena, "\"%.*s\" cannot be computed: %s",
                                                 RH_TEXT_ARG(path), values[i].problem);
        rh_issue_at(is, (struct rh_issue){.severity = RH_WARNING,
                                          .rc = RH_VALUE,
                                          .expression = path.data,
                                          .text = said ? said : values[i].problem});
    }
}

static enum rh_rc problems(void *user, struct rh_form_node *n)
{
    problems_of(user, n->path, n->item->expressions, n->values, n->item->n_expressions);
    return RH_OK;
}

/* Names of the launch context that expressions use and nobody gave, each once. */
static void context_problems(const struct rh_form_session *s, struct rh_issues *is)
{
    const struct rh_form *f = s->form;
    for (unsigned i = 0; i < f->n_context; i++) {
        struct rh_text name_of = f->context[i];
        bool used = false, before = yyjson_obj_getn(s->context, name_of.data, name_of.len) != NULL;
        for (unsigned k = 0; k < i; k++)
            before |= rh_text_eq(f->context[k], name_of);
        for (unsigned k = 0; k < f->n_expressions && !before && !used; k++)
            for (unsigned j = 0; j < f->expressions[k]->n_names; j++)
                used |= rh_text_eq(f->expressions[k]->names[j].name, name_of);
        if (before || !used)
            continue;
        const char *said =
            rh_arena_printf(is->arena, "%%%.*s is not given: what follows from it stays empty.",
                            RH_TEXT_ARG(name_of));
        rh_issue_at(is, (struct rh_issue){.severity = RH_WARNING,
                                          .rc = RH_NOTFOUND,
                                          .text = said ? said : rh_rc_text(RH_NOTFOUND)});
    }
}

void rh_form_problems(const struct rh_form_session *s, struct rh_issues *is)
{
    context_problems(s, is);
    problems_of(is, (struct rh_text){NULL, 0}, s->form->of_form, s->values, s->form->n_of_form);
    rh_form_each((struct rh_form_session *)(uintptr_t)s, problems, is);
    rh_form_options_problems(s, is);
}
