/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * form_extract_observation.c - an Observation for each answer to an item with a code (SDC,
 * "Observation-based extraction"): alone, as component of the nearest Observation above, or as its
 * member.
 */
#include "clinical/form_extract_int.h"

#include "base/datetime.h"

#define EXTRACT  RH_SDC_EXT "sdc-questionnaire-observationExtract"
#define CATEGORY RH_SDC_EXT "sdc-questionnaire-observation-extract-category"
#define UNIT     RH_FHIR_EXT "questionnaire-unit"
#define ABSENT   RH_FHIR_EXT "data-absent-reason"
#define REASON   RH_FORM_EXT "absent-reason"

enum how { NOT, ALONE, COMPONENT, MEMBER };

struct rh_observation {
    struct rh_observation *up;
    enum how how;
    struct rh_text key;
    yyjson_val *answer; /* NULL: a group */
    struct rh_buf components, members;
    unsigned n_components, n_members;
};

/* --- what the form says --------------------------------------------------------------------------
 */
/* Of the item itself; -1: nothing. */
static int own_choice(yyjson_val *question)
{
    yyjson_val *v = rh_item_extension_value(question, EXTRACT, NULL);
    if (yyjson_is_bool(v))
        return yyjson_is_true(v) ? ALONE : NOT;
    if (!v)
        return -1;
    return rh_text_is(rh_json_text(v), "component") ? COMPONENT : MEMBER;
}

void rh_extract_observation_inherit(struct rh_extract_at *at)
{
    int own = own_choice(at->place.question);
    if (own == ALONE || own == NOT)
        at->observe = own == ALONE;
    if (rh_item_extension(at->place.question, CATEGORY))
        at->category_of = at->place.question;
}

static bool code_is_marked(yyjson_val *code)
{
    return yyjson_is_true(rh_item_extension_value(code, EXTRACT, NULL));
}

/* How the item is extracted; NOT also when it has no code. */
static enum how how_of(const struct rh_extract_at *at)
{
    yyjson_val *codes = yyjson_obj_get(at->place.question, "code"), *code;
    int own = own_choice(at->place.question);
    bool marked = false;
    size_t i, n;
    if (!yyjson_arr_size(codes) || own == NOT)
        return NOT;
    yyjson_arr_foreach (codes, i, n, code)
        marked |= code_is_marked(code);
    if (own > 0)
        return (enum how)own;
    return at->observe || marked ? ALONE : NOT;
}

/* --- writing -------------------------------------------------------------------------------------
 */
static void write_code(const struct rh_extract_at *at, struct rh_buf *b)
{
    yyjson_val *codes = yyjson_obj_get(at->place.question, "code"), *code, *key, *v;
    size_t i, n, j, m;
    bool marked = false, first = true;
    yyjson_arr_foreach (codes, i, n, code)
        marked |= code_is_marked(code);
    rh_buf_str(b, "\"code\":{\"coding\":[");
    yyjson_arr_foreach (codes, i, n, code) {
        bool inner = true;
        if (marked && !code_is_marked(code))
            continue;
        rh_buf_str(b, first ? "{" : ",{");
        first = false;
        yyjson_obj_foreach (code, j, m, key, v) {
            if (rh_text_is(rh_json_text(key), "extension"))
                continue;
            rh_buf_str(b, inner ? "" : ",");
            inner = false;
            rh_json_write(b, key);
            rh_buf_char(b, ':');
            rh_json_write(b, v);
        }
        rh_buf_char(b, '}');
    }
    rh_buf_str(b, "]}");
}

static void write_absent(yyjson_val *answer, struct rh_buf *b)
{
    struct rh_text code = rh_json_text(rh_item_extension_value(answer, ABSENT, NULL));
    struct rh_text why = rh_json_text(rh_item_extension_value(answer, REASON, NULL));
    rh_buf_str(b, ",\"dataAbsentReason\":{\"coding\":[{\"system\":\"http://terminology.hl7.org/"
                  "CodeSystem/data-absent-reason\",\"code\":");
    rh_buf_json(b, code);
    rh_buf_str(b, "}]");
    if (why.len) {
        rh_buf_str(b, ",\"text\":");
        rh_buf_json(b, why);
    }
    rh_buf_char(b, '}');
}

static void write_quantity(yyjson_val *value, yyjson_val *unit, struct rh_buf *b)
{
    struct rh_text display = rh_json_get(unit, "display"), code = rh_json_get(unit, "code");
    rh_buf_str(b, ",\"valueQuantity\":{\"value\":");
    rh_json_write(b, value);
    if (unit) {
        rh_buf_str(b, ",\"unit\":");
        rh_buf_json(b, display.len ? display : code);
        if (rh_json_get(unit, "system").len) {
            rh_buf_str(b, ",\"system\":");
            rh_buf_json(b, rh_json_get(unit, "system"));
        }
        rh_buf_str(b, ",\"code\":");
        rh_buf_json(b, code);
    }
    rh_buf_char(b, '}');
}

static void write_coding(yyjson_val *value, struct rh_buf *b)
{
    struct rh_text display = rh_json_get(value, "display");
    rh_buf_str(b, ",\"valueCodeableConcept\":{\"coding\":[");
    rh_json_write(b, value);
    rh_buf_char(b, ']');
    if (display.len) {
        rh_buf_str(b, ",\"text\":");
        rh_buf_json(b, display);
    }
    rh_buf_char(b, '}');
}

/* False: an Observation has no such value. */
static bool write_value(const struct rh_extract_at *at, yyjson_val *answer, struct rh_buf *b)
{
    static const char *const rows[][2] = {
        {"Boolean", "valueBoolean"}, {"Integer", "valueInteger"},  {"String", "valueString"},
        {"Uri", "valueString"},      {"Date", "valueDateTime"},    {"DateTime", "valueDateTime"},
        {"Time", "valueTime"},       {"Quantity", "valueQuantity"}};
    yyjson_val *unit = rh_item_extension_value(at->place.question, UNIT, NULL), *value;
    struct rh_text type = rh_answer_type(answer, &value);
    bool number = rh_text_is(type, "Integer") || rh_text_is(type, "Decimal");
    if (!value)
        return false;
    if (rh_text_is(type, "Coding")) {
        write_coding(value, b);
        return true;
    }
    if (rh_text_is(type, "Decimal") || (number && unit)) {
        write_quantity(value, unit, b);
        return true;
    }
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (!rh_text_is(type, rows[i][0]))
            continue;
        rh_buf_printf(b, ",\"%s\":", rows[i][1]);
        rh_json_write(b, value);
        return true;
    }
    return false;
}

static void copy_member(yyjson_val *from, const char *name, struct rh_buf *b)
{
    yyjson_val *v = yyjson_obj_get(from, name);
    if (!v)
        return;
    rh_buf_printf(b, ",\"%s\":", name);
    rh_json_write(b, v);
}

static void write_categories(const struct rh_extract_at *at, struct rh_buf *b)
{
    yyjson_val *list = yyjson_obj_get(at->category_of, "extension"), *e;
    size_t i, n;
    bool first = true;
    yyjson_arr_foreach (list, i, n, e) {
        if (!rh_text_is(rh_json_get(e, "url"), CATEGORY))
            continue;
        rh_buf_str(b, first ? ",\"category\":[" : ",");
        rh_json_write(b, yyjson_obj_get(e, "valueCodeableConcept"));
        first = false;
    }
    rh_buf_str(b, first ? "" : "]");
}

/* When, by whom and about whom: of the response. */
static void write_context(struct rh_extract *x, const struct rh_extract_at *at, struct rh_buf *b)
{
    struct rh_text authored = rh_json_get(x->response, "authored");
    yyjson_val *author = yyjson_obj_get(x->response, "author");
    struct rh_datetime d;
    copy_member(x->response, "encounter", b);
    if (at->subject) {
        rh_buf_str(b, ",\"subject\":");
        rh_json_write(b, at->subject);
    }
    if (authored.len) {
        rh_buf_str(b, ",\"effectiveDateTime\":");
        rh_buf_json(b, authored);
        if (!rh_datetime_parse(authored, RH_INSTANT, 0, &d)) {
            rh_buf_str(b, ",\"issued\":");
            rh_buf_json(b, authored);
        }
    }
    if (author && !rh_text_starts(rh_json_get(author, "reference"), "Device/")) {
        rh_buf_str(b, ",\"performer\":[");
        rh_json_write(b, author);
        rh_buf_char(b, ']');
    }
    if (x->response_id.len)
        rh_buf_printf(b, ",\"derivedFrom\":[{\"reference\":\"QuestionnaireResponse/%.*s\"}]",
                      RH_TEXT_ARG(x->response_id));
}

/* --- an item -------------------------------------------------------------------------------------
 */
/* The answer's part of a key: of a code the code, so that one that goes moves no other. */
static struct rh_text answer_key(struct rh_extract *x, const struct rh_extract_at *at, long answer)
{
    yyjson_val *list = yyjson_obj_get(at->place.item, "answer");
    yyjson_val *coding =
        yyjson_obj_get(yyjson_arr_get(list, answer < 0 ? 0 : (size_t)answer), "valueCoding");
    struct rh_text code = rh_json_get(coding, "code");
    if (answer < 0 || !yyjson_is_true(yyjson_obj_get(at->place.question, "repeats")))
        return at->key;
    if (!code.len)
        return rh_extract_key(x, at->key, "@", (size_t)answer);
    const char *key =
        rh_arena_printf(x->c->arena, "%.*s@%.*s", RH_TEXT_ARG(at->key), RH_TEXT_ARG(code));
    return key ? rh_text(key) : at->key;
}

void rh_extract_observation_begin(struct rh_extract *x, struct rh_extract_at *at, long answer)
{
    enum how how = how_of(at);
    if (how == NOT)
        return;
    if (how != ALONE && !at->observation) {
        rh_extract_warn(
            x, rh_json_get(at->place.question, "linkId"),
            "no item above it is extracted as an Observation, so this one stands alone");
        how = ALONE;
    }
    struct rh_observation *o = rh_arena_zero(x->c->arena, sizeof *o);
    if (!o) {
        x->rc = RH_NOMEM;
        return;
    }
    *o = (struct rh_observation){.up = at->observation,
                                 .how = how,
                                 .key = answer_key(x, at, answer),
                                 .components = rh_buf(x->c->arena),
                                 .members = rh_buf(x->c->arena)};
    if (answer >= 0)
        o->answer = yyjson_arr_get(yyjson_obj_get(at->place.item, "answer"), (size_t)answer);
    at->observation = o;
}

/* {"code", value or reason}: the core of an Observation and all of a component. */
static bool write_core(struct rh_extract *x, const struct rh_extract_at *at,
                       struct rh_observation *o, struct rh_buf *b)
{
    write_code(at, b);
    if (!o->answer)
        return o->n_components || o->n_members;
    if (rh_answer_is_absent(o->answer)) {
        write_absent(o->answer, b);
        return true;
    }
    if (write_value(at, o->answer, b))
        return true;
    yyjson_val *value;
    struct rh_text type = rh_answer_type(o->answer, &value);
    if (value)
        rh_extract_warn(x, rh_json_get(at->place.question, "linkId"),
                        "an Observation has no value of type %.*s; the answer is not extracted",
                        RH_TEXT_ARG(type));
    return false;
}

static void add_observation(struct rh_extract *x, struct rh_extract_at *at,
                            struct rh_observation *o, struct rh_text core)
{
    struct rh_buf b = rh_buf(x->c->arena), all = rh_buf(x->c->arena);
    yyjson_doc *doc;
    rh_buf_str(&b, "{\"resourceType\":\"Observation\"");
    copy_member(x->response, "basedOn", &b);
    copy_member(x->response, "partOf", &b);
    rh_buf_str(&b, ",\"status\":\"final\"");
    write_categories(at, &b);
    rh_buf_char(&b, ',');
    rh_buf_text(&all, core);
    if (o->n_members) {
        rh_buf_str(&all, ",\"hasMember\":[");
        rh_buf_text(&all, rh_buf_get(&o->members));
        rh_buf_char(&all, ']');
    }
    if (o->n_components) {
        rh_buf_str(&all, ",\"component\":[");
        rh_buf_text(&all, rh_buf_get(&o->components));
        rh_buf_char(&all, ']');
    }
    rh_buf_text(&b, rh_buf_get(&all));
    write_context(x, at, &b);
    rh_buf_char(&b, '}');
    enum rh_rc rc = b.rc ? b.rc : rh_json_parse(x->c->arena, x->c->issues, rh_buf_get(&b), &doc);
    if (rc) {
        x->rc = rc;
        return;
    }
    struct rh_extract_entry *e =
        rh_extract_add(x, at, o->key, yyjson_val_mut_copy(x->doc, yyjson_doc_get_root(doc)));
    if (e)
        e->core = rh_buf_get(&all);
    if (e && o->how == MEMBER && o->up)
        rh_buf_printf(
            &o->up->members, "%s{\"reference\":\"%s%s\"}", o->up->n_members++ ? "," : "",
            x->response_id.len ? "Observation/" : "urn:uuid:", rh_extract_uuid(x, o->key));
}

void rh_extract_observation_end(struct rh_extract *x, struct rh_extract_at *at,
                                struct rh_observation *outer)
{
    struct rh_observation *o = at->observation;
    struct rh_buf core = rh_buf(x->c->arena);
    if (o == outer || x->rc)
        return;
    at->observation = outer;
    if (!write_core(x, at, o, &core))
        return;
    if (o->how != COMPONENT) {
        add_observation(x, at, o, rh_buf_get(&core));
        return;
    }
    /* Components below components belong to the same Observation. */
    struct rh_observation *to = o->up;
    rh_buf_printf(&to->components, "%s{", to->n_components++ ? "," : "");
    rh_buf_text(&to->components, rh_buf_get(&core));
    rh_buf_char(&to->components, '}');
    if (o->n_components) {
        rh_buf_char(&to->components, ',');
        rh_buf_text(&to->components, rh_buf_get(&o->components));
    }
}
