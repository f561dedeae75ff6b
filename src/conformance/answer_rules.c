/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * One answer against its question: type, options, value set, length, range, and what extensions of
 * the specification add to them.
 */
#include "base/datetime.h"
#include "base/decimal.h"
#include "conformance/answers_int.h"
#include "fhir/reference.h"
#include "fhir/ucum.h"

#define CORE "http://hl7.org/fhir/StructureDefinition/"

/* --- comparing ----------------------------------------------------------------------------------
 */

static int quantities(yyjson_val *a, yyjson_val *b)
{
    struct rh_dec x, y;
    struct rh_ucum u, v;
    struct rh_text s = rh_json_get(a, "code"), t = rh_json_get(b, "code");
    int c;
    if (rh_dec_parse(rh_json_text(yyjson_obj_get(a, "value")), &x) ||
        rh_dec_parse(rh_json_text(yyjson_obj_get(b, "value")), &y))
        return RH_ANSWER_UNLIKE;
    if (!s.len || !t.len || !rh_text_eq(rh_json_get(a, "system"), rh_json_get(b, "system")))
        return RH_ANSWER_UNLIKE;
    if (rh_text_eq(s, t))
        return rh_dec_cmp(x, y);
    if (!rh_text_eq(rh_json_get(a, "system"), rh_system_url(RH_TEXT("ucum"))) ||
        rh_ucum_parse(NULL, s, &u) || rh_ucum_parse(NULL, t, &v) ||
        rh_ucum_compare(x, &u, y, &v, &c))
        return RH_ANSWER_UNLIKE;
    return c;
}

/* A less precise limit holds for all that it covers: 2022-06-30 is above 2022-06 only when its own
 * statement is finer and ends not later; as the official validator, limits compare by their start.
 */
static int dates(struct rh_text s, struct rh_text t)
{
    struct rh_datetime x, y;
    if (rh_datetime_parse(s, RH_SEARCH, 0, &x) || rh_datetime_parse(t, RH_SEARCH, 0, &y))
        return RH_ANSWER_UNLIKE;
    return x.lo_us < y.lo_us ? -1 : x.lo_us > y.lo_us ? 1 : 0;
}

int rh_answer_compare(struct answers *a, struct rh_text type, yyjson_val *have,
                      struct rh_text want_type, yyjson_val *want)
{
    struct rh_text s = rh_json_text(have), t = rh_json_text(want);
    struct rh_dec x, y;
    (void)a;
    if (rh_text_is(type, "Coding") && rh_text_is(want_type, "Coding")) {
        struct rh_text system = rh_json_get(want, "system");
        return rh_text_eq(rh_json_get(have, "code"), rh_json_get(want, "code")) &&
                       (!system.len || rh_text_eq(rh_json_get(have, "system"), system))
                   ? 0
                   : RH_ANSWER_UNLIKE;
    }
    if (rh_text_is(type, "Quantity") && rh_text_is(want_type, "Quantity"))
        return quantities(have, want);
    if (rh_text_is(type, "Reference") && rh_text_is(want_type, "Reference"))
        return rh_text_eq(rh_json_get(have, "reference"), rh_json_get(want, "reference"))
                   ? 0
                   : RH_ANSWER_UNLIKE;
    if (yyjson_is_bool(have) && yyjson_is_bool(want))
        return yyjson_get_bool(have) == yyjson_get_bool(want) ? 0 : RH_ANSWER_UNLIKE;
    if (yyjson_is_raw(have) && yyjson_is_raw(want))
        return rh_dec_parse(s, &x) || rh_dec_parse(t, &y) ? RH_ANSWER_UNLIKE : rh_dec_cmp(x, y);
    if (!yyjson_is_str(have) || !yyjson_is_str(want))
        return RH_ANSWER_UNLIKE;
    if (rh_text_starts(type, "Date") && rh_text_starts(want_type, "Date"))
        return dates(s, t);
    int c = rh_text_cmp(s, t);
    return c < 0 ? -1 : c > 0;
}

/* --- how many -----------------------------------------------------------------------------------
 */

static bool number_of(yyjson_val *item, const char *url, uint64_t *ret)
{
    yyjson_val *v = rh_item_extension(item, url, "valueInteger");
    return v && rh_text_u64(rh_json_text(v), UINT32_MAX, ret) == RH_OK;
}

void rh_answer_counts(struct answers *a, const struct rh_place *at, yyjson_val *question, size_t n)
{
    uint64_t limit;
    bool required = yyjson_is_true(yyjson_obj_get(question, "required"));
    struct rh_text link = rh_json_get(question, "linkId");
    if (number_of(question, CORE "questionnaire-minOccurs", &limit) && n < limit && a->complete)
        rh_complain(a->r, RH_ERROR, "required", at,
                    "at least %llu answers are wanted, but there are %zu",
                    (unsigned long long)limit, n);
    else if (n == 0 && required && a->complete)
        rh_complain(a->r, RH_ERROR, "required", at, "the question \"%.*s\" must be answered",
                    RH_TEXT_ARG(rh_shown(link)));
    if (number_of(question, CORE "questionnaire-maxOccurs", &limit) && n > limit)
        rh_complain(a->r, RH_ERROR, "structure", at,
                    "at most %llu answers are allowed, but there are %zu",
                    (unsigned long long)limit, n);
    else if (n > 1 && !yyjson_is_true(yyjson_obj_get(question, "repeats")))
        rh_complain(a->r, RH_ERROR, "structure", at,
                    "only one answer is allowed, but there are %zu", n);
}

/* --- type ---------------------------------------------------------------------------------------
 */

/* Types of answers by type of question; "|" between them. */
static const struct {
    const char *question, *answers;
} types[] = {
    {"boolean", "|Boolean|"},
    {"decimal", "|Decimal|Integer|"},
    {"integer", "|Integer|"},
    {"date", "|Date|"},
    {"dateTime", "|DateTime|"},
    {"time", "|Time|"},
    {"string", "|String|"},
    {"text", "|String|"},
    {"url", "|Uri|"},
    {"choice", "|Coding|String|Integer|Date|Time|Reference|"},
    {"open-choice", "|Coding|String|Integer|Date|Time|Reference|"},
    {"attachment", "|Attachment|"},
    {"reference", "|Reference|"},
    {"quantity", "|Quantity|"},
};

static bool right_type(yyjson_val *question, struct rh_text type)
{
    struct rh_text wanted = rh_json_get(question, "type");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (!rh_text_is(wanted, types[i].question))
            continue;
        const char *p = memmem(types[i].answers, strlen(types[i].answers), type.data, type.len);
        return p && p[-1] == '|' && p[type.len] == '|';
    }
    return true; /* of a type that R4 does not have: said elsewhere */
}

/* --- options ------------------------------------------------------------------------------------
 */

static bool is_choice(yyjson_val *question)
{
    struct rh_text t = rh_json_get(question, "type");
    return rh_text_is(t, "choice") || rh_text_is(t, "open-choice");
}

static yyjson_val *option_of(struct answers *a, yyjson_val *question, struct rh_text type,
                             yyjson_val *value, bool *same_type)
{
    yyjson_val *list = yyjson_obj_get(question, "answerOption"), *o, *v;
    size_t i, n;
    *same_type = false;
    yyjson_arr_foreach (list, i, n, o) {
        struct rh_text t = rh_answer_type(o, &v);
        a->r->work++;
        if (!v || !rh_text_eq(t, type))
            continue;
        *same_type = true;
        if (rh_answer_compare(a, type, value, t, v) == 0)
            return o;
    }
    return NULL;
}

static void check_options(struct answers *a, const struct rh_place *at,
                          const struct rh_place *value_at, yyjson_val *question,
                          struct rh_text type, yyjson_val *value)
{
    bool same_type, open = rh_text_is(rh_json_get(question, "type"), "open-choice");
    if (open && rh_text_is(type, "String"))
        return;
    if (!yyjson_is_arr(yyjson_obj_get(question, "answerOption")) ||
        option_of(a, question, type, value, &same_type))
        return;
    if (!same_type)
        rh_complain(a->r, RH_ERROR, "invariant", at, "the question has no options of type %.*s",
                    RH_TEXT_ARG(type));
    else if (rh_text_is(type, "Coding"))
        rh_complain(a->r, RH_ERROR, "code-invalid", at,
                    "the code \"%.*s\" is not among the options of the question",
                    RH_TEXT_ARG(rh_shown(rh_json_get(value, "code"))));
    else
        rh_complain(a->r, RH_ERROR, "value", value_at,
                    "\"%.*s\" is not among the options of the question",
                    RH_TEXT_ARG(rh_shown(rh_json_text(value))));
}

static void check_value_set(struct answers *a, const struct rh_place *at,
                            const struct rh_place *value_at, yyjson_val *question,
                            struct rh_text type, yyjson_val *value)
{
    struct rh_text set = rh_json_get(question, "answerValueSet");
    bool text = rh_text_is(type, "String");
    struct rh_terms_result result = {0};
    if (!set.len || set.data[0] == '#' || (!text && !rh_text_is(type, "Coding")))
        return;
    if (text && rh_text_is(rh_json_get(question, "type"), "open-choice"))
        return;
    struct rh_terms_code code = {.system = rh_json_get(value, "system"),
                                 .code = rh_json_get(value, "code")};
    if (text)
        code = (struct rh_terms_code){.code = rh_json_text(value), .any_system = true};
    if (rh_terms_contains(a->r->c, set, &code, &result))
        return;
    if (result.answer == RH_TERMS_NO)
        rh_complain(a->r, RH_ERROR, "code-invalid", text ? value_at : at,
                    "\"%.*s\" is not in the value set %.*s, which the question asks for",
                    RH_TEXT_ARG(rh_shown(code.code)), RH_TEXT_ARG(set));
    else if (result.answer != RH_TERMS_YES)
        rh_complain(
            a->r, RH_WARNING, "not-found", at,
            "whether this is in the value set %.*s cannot be known: it is not loaded, or not "
            "completely",
            RH_TEXT_ARG(set));
}

void rh_answer_exclusive(struct answers *a, const struct rh_place *at, yyjson_val *question,
                         yyjson_val *list)
{
    size_t i, n;
    yyjson_val *answer, *v;
    bool same_type;
    if (yyjson_arr_size(list) < 2 || !yyjson_is_arr(yyjson_obj_get(question, "answerOption")))
        return;
    yyjson_arr_foreach (list, i, n, answer) {
        struct rh_text type = rh_answer_type(answer, &v);
        yyjson_val *o = v ? option_of(a, question, type, v, &same_type) : NULL;
        if (!o || !yyjson_is_true(
                      rh_item_extension(o, CORE "questionnaire-optionExclusive", "valueBoolean")))
            continue;
        struct rh_place p = rh_below(at, "answer", 6, (long)i);
        rh_complain(a->r, RH_ERROR, "business-rule", &p,
                    "this option excludes all others, but there are other answers");
    }
}

/* --- length and range
 * ----------------------------------------------------------------------------- */

static size_t characters(struct rh_text t)
{
    size_t n = 0;
    for (size_t i = 0; i < t.len; i++)
        n += ((unsigned char)t.data[i] & 0xC0) != 0x80;
    return n;
}

static void check_length(struct answers *a, const struct rh_place *at, yyjson_val *question,
                         struct rh_text t)
{
    uint64_t limit;
    if (number_of(question, CORE "minLength", &limit) && characters(t) < limit)
        rh_complain(a->r, RH_ERROR, "value", at, "the answer is shorter than %llu characters",
                    (unsigned long long)limit);
    if (rh_text_u64(rh_json_text(yyjson_obj_get(question, "maxLength")), UINT32_MAX, &limit) ==
            RH_OK &&
        characters(t) > limit)
        rh_complain(a->r, RH_ERROR, "value", at, "the answer is longer than %llu characters",
                    (unsigned long long)limit);
}

/* minValue, maxValue and the quantities of the newer extensions. */
static yyjson_val *limit_of(yyjson_val *question, const char *const urls[2], struct rh_text *type)
{
    for (size_t i = 0; i < 2; i++) {
        yyjson_val *e = rh_item_extension(question, urls[i], NULL), *v = NULL;
        *type = rh_answer_type(e, &v);
        if (v)
            return v;
    }
    return NULL;
}

static void check_range(struct answers *a, const struct rh_place *at, yyjson_val *question,
                        struct rh_text type, yyjson_val *value)
{
    static const char *const low[2] = {CORE "minValue",
                                       "http://hl7.org/fhir/uv/sdc/StructureDefinition/"
                                       "sdc-questionnaire-minQuantity"};
    static const char *const high[2] = {CORE "maxValue",
                                        "http://hl7.org/fhir/uv/sdc/StructureDefinition/"
                                        "sdc-questionnaire-maxQuantity"};
    struct rh_text t;
    yyjson_val *limit = limit_of(question, low, &t);
    bool quantity = rh_text_is(type, "Quantity");
    int c = limit ? rh_answer_compare(a, type, value, t, limit) : 0;
    if (limit && c == RH_ANSWER_UNLIKE && quantity)
        rh_complain(a->r, RH_ERROR, "value", at,
                    "the unit of the answer cannot be compared with that of the least value");
    else if (limit && c < 0)
        rh_complain(a->r, RH_ERROR, "value", at, "the answer is below the least value");
    limit = limit_of(question, high, &t);
    c = limit ? rh_answer_compare(a, type, value, t, limit) : 0;
    if (limit && c == RH_ANSWER_UNLIKE && quantity)
        rh_complain(a->r, RH_ERROR, "value", at,
                    "the unit of the answer cannot be compared with that of the greatest value");
    else if (limit && c == 1)
        rh_complain(a->r, RH_ERROR, "value", at, "the answer is above the greatest value");
}

static void check_attachment(struct answers *a, const struct rh_place *at, yyjson_val *question,
                             yyjson_val *value)
{
    yyjson_val *limit = rh_item_extension(question, CORE "maxSize", "valueDecimal");
    struct rh_dec most, size;
    if (limit && rh_dec_parse(rh_json_text(limit), &most) == RH_OK &&
        rh_dec_parse(rh_json_text(yyjson_obj_get(value, "size")), &size) == RH_OK &&
        rh_dec_cmp(size, most) > 0)
        rh_complain(a->r, RH_ERROR, "too-long", at, "the attachment is larger than %.*s bytes",
                    RH_TEXT_ARG(rh_json_text(limit)));
    struct rh_text type = rh_json_get(value, "contentType");
    yyjson_val *list = yyjson_obj_get(question, "extension"), *e;
    size_t i, n;
    bool limited = false, allowed = false;
    if (!type.len || !yyjson_is_arr(list))
        return;
    yyjson_arr_foreach (list, i, n, e) {
        if (!rh_text_is(rh_json_get(e, "url"), CORE "mimeType"))
            continue;
        limited = true;
        allowed |= rh_text_eq(rh_json_get(e, "valueCode"), type);
    }
    if (limited && !allowed)
        rh_complain(a->r, RH_ERROR, "value", at, "attachments of type \"%.*s\" are not asked for",
                    RH_TEXT_ARG(rh_shown(type)));
}

static void check_target(struct answers *a, const struct rh_place *at, yyjson_val *question,
                         yyjson_val *value)
{
    struct rh_text text = rh_json_get(value, "reference");
    struct rh_reference ref = rh_reference_parse(text, (struct rh_text){"", 0});
    yyjson_val *list = yyjson_obj_get(question, "extension"), *e;
    size_t i, n;
    bool limited = false, allowed = false;
    if (!ref.type || !yyjson_is_arr(list))
        return;
    yyjson_arr_foreach (list, i, n, e) {
        if (!rh_text_is(rh_json_get(e, "url"), CORE "questionnaire-referenceResource"))
            continue;
        limited = true;
        allowed |= rh_text_is(rh_json_get(e, "valueCode"), rh_resource_type(ref.type)->name);
    }
    if (limited && !allowed)
        rh_complain(a->r, RH_ERROR, "value", at,
                    "the question does not ask for a reference to a %s",
                    rh_resource_type(ref.type)->name);
}

/* --- all ----------------------------------------------------------------------------------------
 */

void rh_answer_check(struct answers *a, const struct rh_place *at, yyjson_val *question,
                     yyjson_val *answer)
{
    yyjson_val *value;
    struct rh_text type = rh_answer_type(answer, &value);
    const struct rh_type *parent = rh_type_find(RH_TEXT("QuestionnaireResponse.item.answer"));
    struct rh_place value_at = rh_below(at, "value", 5, -1);
    if (!value)
        return;
    struct rh_text name = {type.data - 5, type.len + 5};
    const struct rh_element *e = parent ? rh_element_find(parent, name) : NULL;
    if (!e)
        return; /* of a type that no answer has: said already */
    value_at.choice = e->type;
    if (!right_type(question, type)) {
        rh_complain(a->r, RH_ERROR, "structure", &value_at,
                    "the answer is of type %s, but the question is of type %.*s", e->type->name,
                    RH_TEXT_ARG(rh_json_get(question, "type")));
        return;
    }
    if (is_choice(question) || yyjson_obj_get(question, "answerOption"))
        check_options(a, at, &value_at, question, type, value);
    if (is_choice(question) || yyjson_obj_get(question, "answerValueSet"))
        check_value_set(a, at, &value_at, question, type, value);
    if (yyjson_is_str(value))
        check_length(a, &value_at, question, rh_json_text(value));
    check_range(a, &value_at, question, type, value);
    if (rh_text_is(type, "Attachment"))
        check_attachment(a, at, question, value);
    if (rh_text_is(type, "Reference"))
        check_target(a, &value_at, question, value);
}
