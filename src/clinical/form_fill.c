/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * form_fill.c - what an expression gave, as answers of a question's type.
 *
 * Only what loses nothing is converted: a date of a dateTime, a whole number of a decimal, a text
 * of a number, the option that has this code. Anything else is left out, with the reason.
 */
#include "clinical/form_int.h"

struct filler {
    struct rh_ctx *c;
    struct rh_form_session *s;
    const struct rh_form_node *n; /* NULL: any type */
    struct rh_buf out;
    size_t count;
    const char *why;
};

enum kind { NONE, BOOL, NUMBER, STRING, DATE, DATETIME, TIME, OBJECT };

/* A value as JSON, and what it is. */
struct plain {
    enum kind kind;
    struct rh_text text; /* of scalars, without quotes */
    yyjson_val *object;
    struct rh_text type; /* of objects: "Coding" */
};

static enum kind kind_of_name(const char *name)
{
    static const struct {
        const char *name;
        enum kind kind;
    } rows[] = {{"boolean", BOOL},       {"integer", NUMBER},     {"decimal", NUMBER},
                {"positiveInt", NUMBER}, {"unsignedInt", NUMBER}, {"date", DATE},
                {"dateTime", DATETIME},  {"instant", DATETIME},   {"time", TIME}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (strcmp(rows[i].name, name) == 0)
            return rows[i].kind;
    return STRING;
}

static yyjson_val *parsed(struct rh_ctx *c, struct rh_text json)
{
    struct rh_issues quiet;
    yyjson_doc *doc;
    rh_issues_init(&quiet, c->arena);
    return rh_json_parse(c->arena, &quiet, json, &doc) ? NULL : yyjson_doc_get_root(doc);
}

/* The value[x] of an answer. */
static yyjson_val *answer_value(yyjson_val *answer, struct rh_text *ret_member)
{
    yyjson_obj_iter it = yyjson_obj_iter_with(answer);
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&it));)
        if (rh_text_starts(rh_json_text(key), "value")) {
            *ret_member = rh_json_text(key);
            return yyjson_obj_iter_get_val(key);
        }
    return NULL;
}

static struct plain scalar(yyjson_val *v, enum kind kind)
{
    struct plain p = {.kind = kind, .text = rh_json_text(v)};
    if (yyjson_is_bool(v)) {
        p.kind = BOOL;
        p.text = yyjson_is_true(v) ? RH_TEXT("true") : RH_TEXT("false");
    } else if (yyjson_is_raw(v)) {
        p.kind = NUMBER;
    } else if (!yyjson_is_str(v)) {
        p.kind = NONE;
    }
    return p;
}

static struct plain plain_node(const struct rh_fp_item *i)
{
    yyjson_val *v = i->node.value;
    const char *name = i->type ? i->type->name : "";
    if (!yyjson_is_obj(v))
        return scalar(v, kind_of_name(name));
    if (strcmp(name, "QuestionnaireResponse.item.answer") == 0) {
        struct rh_text member;
        v = answer_value(v, &member);
        if (!v)
            return (struct plain){0};
        if (!yyjson_is_obj(v)) {
            enum kind kind = rh_text_is(member, "valueDate")       ? DATE
                             : rh_text_is(member, "valueDateTime") ? DATETIME
                             : rh_text_is(member, "valueTime")     ? TIME
                                                                   : STRING;
            return scalar(v, kind);
        }
        return (struct plain){OBJECT, {"", 0}, v, {member.data + 5, member.len - 5}};
    }
    return (struct plain){OBJECT, {"", 0}, v, rh_text(name)};
}

static struct plain plain_of(struct filler *f, const struct rh_fp_item *i)
{
    static const enum kind kinds[] = {
        [RH_FP_BOOLEAN] = BOOL,      [RH_FP_INTEGER] = NUMBER, [RH_FP_LONG] = NUMBER,
        [RH_FP_DECIMAL] = NUMBER,    [RH_FP_STRING] = STRING,  [RH_FP_DATE] = DATE,
        [RH_FP_DATETIME] = DATETIME, [RH_FP_TIME] = TIME,      [RH_FP_QUANTITY] = OBJECT};
    struct rh_buf b = rh_buf(f->c->arena);
    if (i->kind == RH_FP_NODE)
        return plain_node(i);
    if (i->kind == RH_FP_STRING)
        return (struct plain){.kind = STRING, .text = i->text};
    if (i->kind == RH_FP_TYPE)
        return (struct plain){0};
    rh_fp_print_item(i, &b);
    if (b.rc)
        return (struct plain){0};
    struct rh_text t = rh_buf_get(&b);
    if (i->kind == RH_FP_QUANTITY)
        return (struct plain){OBJECT, {"", 0}, parsed(f->c, t), RH_TEXT("Quantity")};
    if (t.len > 1 && t.data[0] == '"')
        t = (struct rh_text){t.data + 1, t.len - 2};
    return (struct plain){.kind = kinds[i->kind], .text = t};
}

/* --- writing ---------------------------------------------------------------------------------- */
static void open_answer(struct filler *f, const char *member)
{
    rh_buf_printf(&f->out, "%s{\"%s\":", f->count++ ? "," : "", member);
}

static bool put_raw(struct filler *f, const char *member, struct rh_text json)
{
    open_answer(f, member);
    rh_buf_text(&f->out, json);
    rh_buf_char(&f->out, '}');
    return true;
}

static bool put_string(struct filler *f, const char *member, struct rh_text t)
{
    open_answer(f, member);
    rh_buf_json(&f->out, t);
    rh_buf_char(&f->out, '}');
    return true;
}

static bool put_object(struct filler *f, const char *member, yyjson_val *v)
{
    open_answer(f, member);
    rh_json_write(&f->out, v);
    rh_buf_char(&f->out, '}');
    return true;
}

static bool refuse(struct filler *f, const char *what)
{
    f->why = what;
    return false;
}

/* --- by type of question ------------------------------------------------------------------------
 */
static bool put_whole(struct filler *f, struct rh_text t)
{
    struct rh_dec d;
    int64_t n;
    if (rh_dec_parse(t, &d) || rh_dec_to_int(d, &n) || n > INT32_MAX || n < INT32_MIN)
        return refuse(f, "the result is not a whole number");
    open_answer(f, "valueInteger");
    rh_buf_printf(&f->out, "%lld}", (long long)n);
    return true;
}

static bool put_date(struct filler *f, const struct plain *p)
{
    struct rh_text t = p->text, day = {"", 0};
    if (p->kind != DATE && p->kind != DATETIME && p->kind != STRING)
        return refuse(f, "the result is not a date");
    rh_text_split(&t, 'T', &day);
    struct rh_datetime ignored;
    if (rh_datetime_parse(day, RH_DATE, 0, &ignored))
        return refuse(f, "the result is not a date");
    return put_string(f, "valueDate", day);
}

static bool put_datetime(struct filler *f, const struct plain *p)
{
    struct rh_datetime ignored;
    if ((p->kind != DATE && p->kind != DATETIME && p->kind != STRING) ||
        rh_datetime_parse(p->text, RH_DATETIME, 0, &ignored))
        return refuse(f, "the result is not a date with a time");
    return put_string(f, "valueDateTime", p->text);
}

static bool put_time(struct filler *f, const struct plain *p)
{
    if ((p->kind != TIME && p->kind != STRING) || !rh_time_is(p->text))
        return refuse(f, "the result is not a time of day");
    return put_string(f, "valueTime", p->text);
}

static bool put_reference(struct filler *f, const struct plain *p)
{
    struct rh_text type = rh_json_get(p->object, "resourceType"), id = rh_json_get(p->object, "id");
    if (p->kind == OBJECT && rh_text_is(p->type, "Reference"))
        return put_object(f, "valueReference", p->object);
    if (p->kind != OBJECT || !type.len || !id.len)
        return refuse(f, "the result is not a reference");
    open_answer(f, "valueReference");
    rh_buf_printf(&f->out, "{\"reference\":\"%.*s/%.*s\"}}", RH_TEXT_ARG(type), RH_TEXT_ARG(id));
    return true;
}

/* The unit that a number of this question has: the one stated, the only option, that of the initial
 * value. */
static bool put_quantity(struct filler *f, const struct plain *p)
{
    yyjson_val *json = f->n->item->json;
    if (p->kind == OBJECT && rh_text_is(p->type, "Quantity"))
        return put_object(f, "valueQuantity", p->object);
    if (p->kind != NUMBER)
        return refuse(f, "the result is not a quantity");
    yyjson_val *unit = rh_form_extension_value(json, RH_FHIR_EXT "questionnaire-unit", NULL);
    if (!unit)
        unit = rh_form_extension_value(json, RH_FHIR_EXT "questionnaire-unitOption", NULL);
    if (!unit)
        unit =
            yyjson_obj_get(yyjson_arr_get_first(yyjson_obj_get(json, "initial")), "valueQuantity");
    open_answer(f, "valueQuantity");
    rh_buf_str(&f->out, "{\"value\":");
    rh_buf_text(&f->out, p->text);
    struct rh_text name = rh_json_get(unit, "display"), system = rh_json_get(unit, "system"),
                   code = rh_json_get(unit, "code");
    if (!name.len)
        name = rh_json_get(unit, "unit");
    if (!name.len)
        name = code;
    if (name.len)
        rh_buf_str(&f->out, ",\"unit\":"), rh_buf_json(&f->out, name);
    if (system.len && code.len)
        rh_buf_str(&f->out, ",\"system\":"), rh_buf_json(&f->out, system);
    if (code.len)
        rh_buf_str(&f->out, ",\"code\":"), rh_buf_json(&f->out, code);
    rh_buf_str(&f->out, "}}");
    return true;
}

/* The option that a scalar stands for. */
static bool put_option(struct filler *f, const struct plain *p)
{
    const struct rh_form_option *o;
    unsigned count;
    bool known;
    if (rh_form_options(f->c, f->s, f->n, &o, &count, &known))
        count = 0;
    for (unsigned i = 0; i < count; i++) {
        bool object = yyjson_is_obj(o[i].value);
        struct rh_text code = rh_json_get(o[i].value, "code"),
                       display = rh_json_get(o[i].value, "display");
        char member[48] = "";
        if (object ? !rh_text_eq(p->text, code) && !rh_text_eq(p->text, display)
                   : !rh_text_eq(p->text, rh_json_text(o[i].value)))
            continue;
        if (o[i].member.len >= sizeof member)
            continue;
        memcpy(member, o[i].member.data, o[i].member.len);
        return put_object(f, member, o[i].value);
    }
    if (f->n->item->type == RH_ITEM_OPEN_CHOICE && p->kind == STRING)
        return put_string(f, "valueString", p->text);
    return refuse(f, "the result is none of the options");
}

static bool put_choice(struct filler *f, const struct plain *p)
{
    if (p->kind != OBJECT)
        return put_option(f, p);
    if (rh_text_is(p->type, "Coding"))
        return put_object(f, "valueCoding", p->object);
    if (rh_text_is(p->type, "CodeableConcept")) {
        yyjson_val *coding = yyjson_arr_get_first(yyjson_obj_get(p->object, "coding"));
        struct rh_text text = rh_json_get(p->object, "text");
        if (coding)
            return put_object(f, "valueCoding", coding);
        if (text.len && f->n->item->type == RH_ITEM_OPEN_CHOICE)
            return put_string(f, "valueString", text);
    }
    if (rh_text_is(p->type, "Reference"))
        return put_object(f, "valueReference", p->object);
    if (!p->type.len && rh_json_get(p->object, "code").len) /* plain JSON from the host */
        return put_object(f, "valueCoding", p->object);
    /* a row of an expansion, a concept: what it has of a Coding */
    if (rh_json_get(p->object, "code").len) {
        open_answer(f, "valueCoding");
        rh_buf_str(&f->out, "{\"code\":");
        rh_buf_json(&f->out, rh_json_get(p->object, "code"));
        static const char *const names[] = {"system", "display"};
        for (unsigned i = 0; i < 2; i++) {
            struct rh_text t = rh_json_get(p->object, names[i]);
            if (!t.len)
                continue;
            rh_buf_printf(&f->out, ",\"%s\":", names[i]);
            rh_buf_json(&f->out, t);
        }
        rh_buf_str(&f->out, "}}");
        return true;
    }
    return refuse(f, "the result is not a code");
}

static bool put_value(struct filler *f, const struct plain *p)
{
    switch (f->n->item->type) {
    case RH_ITEM_BOOLEAN:
        return p->kind == BOOL ? put_raw(f, "valueBoolean", p->text)
                               : refuse(f, "the result is neither true nor false");
    case RH_ITEM_DECIMAL:
        return p->kind == NUMBER ? put_raw(f, "valueDecimal", p->text)
                                 : refuse(f, "the result is not a number");
    case RH_ITEM_INTEGER:
        return p->kind == NUMBER ? put_whole(f, p->text) : refuse(f, "the result is not a number");
    case RH_ITEM_DATE:
        return put_date(f, p);
    case RH_ITEM_DATETIME:
        return put_datetime(f, p);
    case RH_ITEM_TIME:
        return put_time(f, p);
    case RH_ITEM_STRING:
    case RH_ITEM_TEXT:
        return p->kind != OBJECT ? put_string(f, "valueString", p->text)
                                 : refuse(f, "the result is not a text");
    case RH_ITEM_URL:
        return p->kind == STRING ? put_string(f, "valueUri", p->text)
                                 : refuse(f, "the result is not an address");
    case RH_ITEM_CHOICE:
    case RH_ITEM_OPEN_CHOICE:
        return put_choice(f, p);
    case RH_ITEM_ATTACHMENT:
        return p->kind == OBJECT && rh_text_is(p->type, "Attachment")
                   ? put_object(f, "valueAttachment", p->object)
                   : refuse(f, "the result is not an attachment");
    case RH_ITEM_REFERENCE:
        return put_reference(f, p);
    case RH_ITEM_QUANTITY:
        return put_quantity(f, p);
    default:
        return refuse(f, "a group or a text that is only shown has no answer");
    }
}

static enum rh_rc finish(struct filler *f, yyjson_val **ret)
{
    yyjson_doc *doc;
    struct rh_issues quiet;
    *ret = NULL;
    if (!f->count)
        return f->out.rc;
    rh_buf_char(&f->out, ']');
    rh_issues_init(&quiet, f->c->arena);
    enum rh_rc rc = f->out.rc;
    if (!rc)
        rc = rh_json_parse(f->c->arena, &quiet, rh_buf_get(&f->out), &doc);
    if (!rc)
        *ret = yyjson_doc_get_root(doc);
    else if (rc != RH_NOMEM)
        f->why = "the result is not well-formed";
    return rc == RH_NOMEM ? rc : RH_OK;
}

static bool is_choice(const struct rh_form_item *item)
{
    return item->type == RH_ITEM_CHOICE || item->type == RH_ITEM_OPEN_CHOICE;
}

enum rh_rc rh_form_fill(struct rh_ctx *c, struct rh_form_session *s, const struct rh_form_node *n,
                        const struct rh_fp_list *list, yyjson_val **ret, const char **why)
{
    struct filler f = {.c = c, .s = s, .n = n, .out = rh_buf(c->arena)};
    bool several = false;
    rh_buf_char(&f.out, '[');
    for (size_t i = 0; i < list->count; i++) {
        struct plain p = plain_of(&f, &list->items[i]);
        if (p.kind == NONE)
            continue;
        if (f.count && !n->item->repeats) {
            f.why = "the question takes one answer, and the result has several";
            several = true;
            break;
        }
        if (f.count == RH_FORM_ANSWERS_MAX) {
            f.why = "the result has more values than a question takes";
            break;
        }
        put_value(&f, &p);
    }
    enum rh_rc rc = finish(&f, ret);
    if (!rc && several && is_choice(n->item)) /* no code by chance */
        *ret = NULL;
    if (why)
        *why = f.why;
    return rc;
}

enum rh_rc rh_form_fill_options(struct rh_ctx *c, const struct rh_fp_list *list, yyjson_val **ret)
{
    static const char *const members[] = {
        [BOOL] = "valueBoolean", [NUMBER] = "valueDecimal",    [STRING] = "valueString",
        [DATE] = "valueDate",    [DATETIME] = "valueDateTime", [TIME] = "valueTime"};
    struct rh_form_item any = {.type = RH_ITEM_OPEN_CHOICE};
    struct rh_form_node node = {.item = &any};
    struct filler f = {.c = c, .n = &node, .out = rh_buf(c->arena)};
    rh_buf_char(&f.out, '[');
    for (size_t i = 0; i < list->count && f.count < RH_FORM_OPTIONS_MAX; i++) {
        struct plain p = plain_of(&f, &list->items[i]);
        if (p.kind == NONE)
            continue;
        if (p.kind == OBJECT && rh_text_is(p.type, "Quantity"))
            put_object(&f, "valueQuantity", p.object);
        else if (p.kind == OBJECT && rh_json_get(p.object, "resourceType").len)
            put_reference(&f, &p);
        else if (p.kind == OBJECT)
            put_choice(&f, &p);
        else if (p.kind == NUMBER && !memchr(p.text.data, '.', p.text.len))
            put_raw(&f, "valueInteger", p.text);
        else if (p.kind == NUMBER || p.kind == BOOL)
            put_raw(&f, members[p.kind], p.text);
        else
            put_string(&f, members[p.kind], p.text);
    }
    return finish(&f, ret);
}
