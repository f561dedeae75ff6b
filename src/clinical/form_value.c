/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * form_value.c - what an answer or an expression gives, as a value of an element's type. Only what
 * loses nothing that matters: a code of a Coding, a CodeableConcept of a Coding, the text of a
 * HumanName of a string.
 */
#include "clinical/form_extract_int.h"

bool rh_form_answer_item(yyjson_val *answer, struct rh_fp_item *ret)
{
    const struct rh_type *parent = rh_type_find(RH_TEXT("QuestionnaireResponse.item.answer"));
    yyjson_val *value;
    struct rh_text type = rh_answer_type(answer, &value);
    if (!value || !parent)
        return false;
    const struct rh_element *e =
        rh_element_find(parent, (struct rh_text){type.data - 5, type.len + 5});
    if (!e)
        return false;
    *ret = rh_fp_node(e->type, value, NULL);
    return true;
}

/* --- parts ---------------------------------------------------------------------------------------
 */
static yyjson_mut_val *string(struct rh_extract *x, struct rh_text t)
{
    return yyjson_mut_strncpy(x->doc, t.data ? t.data : "", t.len);
}

static yyjson_mut_val *copy(struct rh_extract *x, yyjson_val *v)
{
    return yyjson_val_mut_copy(x->doc, v);
}

static yyjson_mut_val *object(struct rh_extract *x, const char *name, yyjson_mut_val *v)
{
    yyjson_mut_val *o = yyjson_mut_obj(x->doc);
    yyjson_mut_obj_add_val(x->doc, o, name, v);
    return o;
}

/* A number as it was written. */
static yyjson_mut_val *number(struct rh_extract *x, struct rh_text t)
{
    return yyjson_mut_rawncpy(x->doc, t.data, t.len);
}

/* Text of a scalar: without quotes; data NULL: it is none. */
static struct rh_text scalar(struct rh_extract *x, const struct rh_fp_item *i)
{
    if (i->kind == RH_FP_STRING)
        return i->text;
    if (i->kind == RH_FP_NODE) {
        yyjson_val *v = i->node.value;
        if (yyjson_is_bool(v))
            return yyjson_is_true(v) ? RH_TEXT("true") : RH_TEXT("false");
        return rh_json_text(v);
    }
    if (i->kind == RH_FP_TYPE || i->kind == RH_FP_QUANTITY)
        return (struct rh_text){NULL, 0};
    struct rh_buf b = rh_buf(x->c->arena);
    rh_fp_print_item(i, &b);
    struct rh_text t = rh_buf_get(&b);
    if (t.len > 1 && t.data[0] == '"')
        t = (struct rh_text){t.data + 1, t.len - 2};
    return t;
}

static bool is_number(const struct rh_fp_item *i)
{
    return i->kind == RH_FP_INTEGER || i->kind == RH_FP_LONG || i->kind == RH_FP_DECIMAL ||
           (i->kind == RH_FP_NODE && yyjson_is_raw(i->node.value));
}

static bool in(const char *name, const char *const *list)
{
    for (; *list; list++)
        if (strcmp(name, *list) == 0)
            return true;
    return false;
}

static bool is_quantity(const char *name)
{
    static const char *const names[] = {"Quantity", "Age",   "Duration",       "Distance",
                                        "Count",    "Money", "SimpleQuantity", NULL};
    return in(name, names);
}

/* The Coding of an answer option: what stands for it as a text. */
static struct rh_text coding_text(yyjson_val *coding)
{
    struct rh_text display = rh_json_get(coding, "display");
    return display.len ? display : rh_json_get(coding, "code");
}

/* --- primitives ----------------------------------------------------------------------------------
 */
static yyjson_mut_val *primitive(struct rh_extract *x, const struct rh_fp_item *i, const char *name)
{
    static const char *const numbers[] = {"integer", "decimal", "positiveInt", "unsignedInt", NULL};
    static const char *const codes[] = {"code", "id", "uri", "url", "canonical", NULL};
    struct rh_text t = scalar(x, i);
    if (i->kind == RH_FP_NODE && yyjson_is_obj(i->node.value)) {
        yyjson_val *v = i->node.value;
        const char *from = i->type ? i->type->name : "";
        bool coding = strcmp(from, "Coding") == 0;
        if (coding)
            t = in(name, codes) ? rh_json_get(v, "code") : coding_text(v);
        else if (strcmp(from, "Reference") == 0)
            t = rh_json_get(v, "reference");
        else if (is_quantity(from) && in(name, numbers))
            t = rh_json_text(yyjson_obj_get(v, "value"));
        else if (strcmp(from, "CodeableConcept") == 0)
            t = rh_json_get(v, "text").len
                    ? rh_json_get(v, "text")
                    : coding_text(yyjson_arr_get_first(yyjson_obj_get(v, "coding")));
    }
    if (!t.data || !t.len)
        return NULL;
    if (strcmp(name, "boolean") == 0)
        return rh_text_is(t, "true")    ? yyjson_mut_true(x->doc)
               : rh_text_is(t, "false") ? yyjson_mut_false(x->doc)
                                        : NULL;
    if (in(name, numbers)) {
        bool whole = !memchr(t.data, '.', t.len);
        return !rh_dec_is(t) || (!whole && strcmp(name, "decimal") != 0) ? NULL : number(x, t);
    }
    if (strcmp(name, "date") == 0 && t.len > 10)
        t.len = 10; /* of a dateTime: its day */
    return string(x, t);
}

/* --- objects -------------------------------------------------------------------------------------
 */
static yyjson_mut_val *concept(struct rh_extract *x, yyjson_val *coding)
{
    yyjson_mut_val *list = yyjson_mut_arr(x->doc);
    yyjson_mut_arr_append(list, copy(x, coding));
    return object(x, "coding", list);
}

static yyjson_mut_val *quantity(struct rh_extract *x, const struct rh_fp_item *i)
{
    if (i->kind == RH_FP_QUANTITY) {
        struct rh_buf b = rh_buf(x->c->arena);
        struct rh_issues quiet;
        yyjson_doc *doc;
        rh_issues_init(&quiet, x->c->arena);
        rh_fp_print_item(i, &b);
        return b.rc || rh_json_parse(x->c->arena, &quiet, rh_buf_get(&b), &doc)
                   ? NULL
                   : copy(x, yyjson_doc_get_root(doc));
    }
    return is_number(i) ? object(x, "value", number(x, scalar(x, i))) : NULL;
}

/* The member of a type that a text alone fills. */
static const char *text_member(const char *type)
{
    static const char *const rows[][2] = {{"HumanName", "text"},      {"Address", "text"},
                                          {"Annotation", "text"},     {"CodeableConcept", "text"},
                                          {"Reference", "reference"}, {"Identifier", "value"},
                                          {"ContactPoint", "value"},  {"Timing", NULL},
                                          {"Coding", "code"},         {"Dosage", "text"}};
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++)
        if (strcmp(rows[k][0], type) == 0)
            return rows[k][1];
    return NULL;
}

yyjson_mut_val *rh_form_value_as(struct rh_extract *x, const struct rh_fp_item *i,
                                 const struct rh_type *type)
{
    const char *to = type->name;
    if (type->kind == RH_KIND_PRIMITIVE)
        return primitive(x, i, to);
    const char *from = i->kind == RH_FP_NODE && i->type ? i->type->name : "";
    if (i->kind == RH_FP_NODE && yyjson_is_obj(i->node.value)) {
        yyjson_val *v = i->node.value;
        if (strcmp(from, "Coding") == 0 && strcmp(to, "CodeableConcept") == 0)
        return concept(x, v);
        if (strcmp(from, "CodeableConcept") == 0 && strcmp(to, "Coding") == 0) {
            yyjson_val *first = yyjson_arr_get_first(yyjson_obj_get(v, "coding"));
            return first ? copy(x, first) : NULL;
        }
        if (strcmp(from, "Coding") == 0 && strcmp(to, "Coding") != 0 && text_member(to))
            return object(x, text_member(to), string(x, coding_text(v)));
        bool same = !i->type || strcmp(from, to) == 0 || (is_quantity(from) && is_quantity(to)) ||
                    type->kind == RH_KIND_BACKBONE || type->kind == RH_KIND_ABSTRACT;
        return same ? copy(x, v) : NULL;
    }
    if (is_quantity(to))
        return quantity(x, i);
    struct rh_text t = scalar(x, i);
    if (t.len && strcmp(to, "Period") == 0)
        return object(x, "start", string(x, t));
    const char *member = t.len ? text_member(to) : NULL;
    return member ? object(x, member, string(x, t)) : NULL;
}

/* --- choices -------------------------------------------------------------------------------------
 */
static const struct rh_element *choice_of(const struct rh_type *parent, struct rh_text base,
                                          struct rh_text type)
{
    for (unsigned k = 0; k < parent->count; k++) {
        const struct rh_element *e = &parent->elements[k];
        if (e->choice && rh_text_is(base, e->base) && rh_text_ieq(type, rh_text(e->type->name)))
            return e;
    }
    return NULL;
}

/* What a value may become, its own type apart: what loses least first. */
static const char *others_of(struct rh_text type)
{
    static const struct {
        const char *from, *to;
    } rows[] = {
        {"Coding", "CodeableConcept|code|string|"},
        {"CodeableConcept", "Coding|string|"},
        {"decimal", "Quantity|string|"},
        {"integer", "decimal|Quantity|string|"},
        {"Long", "decimal|Quantity|string|"},
        {"date", "dateTime|Period|string|"},
        {"dateTime", "Period|instant|string|"},
        {"uri", "url|canonical|string|"},
        {"string", "markdown|code|uri|CodeableConcept|Reference|Annotation|"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (rh_text_ieq(type, rh_text(rows[i].from)))
            return rows[i].to;
    return "string|";
}

yyjson_mut_val *rh_form_value_choice(struct rh_extract *x, const struct rh_fp_item *i,
                                     const struct rh_type *parent, struct rh_text base,
                                     const struct rh_element **ret_element)
{
    struct rh_text own = rh_fp_type_name(x->c->arena, i), rest, name;
    const char *dot = own.len ? memchr(own.data, '.', own.len) : NULL;
    if (dot)
        own = (struct rh_text){dot + 1, own.len - (size_t)(dot + 1 - own.data)};
    rest = rh_text(others_of(own));
    for (name = own; name.len; rh_text_split(&rest, '|', &name)) {
        const struct rh_element *e = choice_of(parent, base, name);
        yyjson_mut_val *v = e ? rh_form_value_as(x, i, e->type) : NULL;
        if (v) {
            *ret_element = e;
            return v;
        }
    }
    return NULL;
}
