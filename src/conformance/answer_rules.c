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
#include "terminology/terminology.h"

static const struct rh_text none = {"", 0};

/* What is found goes to the caller with the number of the answer. */
struct answer {
    struct rh_answer_rules *r;
    yyjson_val *question, *value;
    struct rh_text type; /* "Coding" */
    long n;
};

static void fault(const struct answer *a, enum rh_answer_rule rule, struct rh_text arg)
{
    rh_answer_report(a->r, rule, a->n, false, arg, none);
}

static void value_fault(const struct answer *a, enum rh_answer_rule rule, struct rh_text arg)
{
    rh_answer_report(a->r, rule, a->n, true, arg, none);
}

static struct rh_text number(struct rh_answer_rules *r, uint64_t n)
{
    struct rh_buf b = rh_buf(r->c->arena);
    rh_buf_u64(&b, n);
    return rh_buf_get(&b);
}

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

int rh_answer_compare(struct rh_text type, yyjson_val *have, struct rh_text want_type,
                      yyjson_val *want)
{
    struct rh_text s = rh_json_text(have), t = rh_json_text(want);
    struct rh_dec x, y;
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

struct rh_text rh_answer_type(yyjson_val *answer, yyjson_val **ret)
{
    size_t i, n;
    yyjson_val *key, *v;
    *ret = NULL;
    if (yyjson_is_obj(answer)) {
        yyjson_obj_foreach (answer, i, n, key, v) {
            struct rh_text name = rh_json_text(key);
            if (name.len > 5 && memcmp(name.data, "value", 5) == 0) {
                *ret = v;
                return (struct rh_text){name.data + 5, name.len - 5};
            }
        }
    }
    return (struct rh_text){NULL, 0};
}

bool rh_answer_is_absent(yyjson_val *answer)
{
    yyjson_val *value;
    rh_answer_type(answer, &value);
    return !value && rh_item_extension(answer, RH_CORE_EXT "data-absent-reason");
}

/* --- how many -----------------------------------------------------------------------------------
 */
static bool number_of(yyjson_val *item, const char *url, uint64_t *ret)
{
    yyjson_val *v = rh_item_extension_value(item, url, NULL);
    return v && rh_text_u64(rh_json_text(v), UINT32_MAX, ret) == RH_OK;
}

static void check_counts(struct rh_answer_rules *r, yyjson_val *question, size_t n)
{
    uint64_t limit;
    bool required =
        r->required ? r->required > 0 : yyjson_is_true(yyjson_obj_get(question, "required"));
    bool repeats =
        r->repeats ? r->repeats > 0 : yyjson_is_true(yyjson_obj_get(question, "repeats"));
    if (number_of(question, RH_CORE_EXT "questionnaire-minOccurs", &limit) && n < limit && r->final)
        rh_answer_report(r, RH_ANSWER_FEW, -1, false, number(r, limit), number(r, n));
    else if (n == 0 && required && r->final)
        rh_answer_report(r, RH_ANSWER_REQUIRED, -1, false, none, none);
    if (number_of(question, RH_CORE_EXT "questionnaire-maxOccurs", &limit) && n > limit)
        rh_answer_report(r, RH_ANSWER_MANY, -1, false, number(r, limit), number(r, n));
    else if (n > 1 && !repeats)
        rh_answer_report(r, RH_ANSWER_ONE, -1, false, number(r, n), none);
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
static bool is_open(yyjson_val *question)
{
    return rh_text_is(rh_json_get(question, "type"), "open-choice");
}

static bool is_choice(yyjson_val *question)
{
    return rh_text_is(rh_json_get(question, "type"), "choice") || is_open(question);
}

/* NULL: none; of a list that is too much work to be looked through, too (work says so). */
static yyjson_val *option_of(struct rh_answer_rules *r, yyjson_val *question, struct rh_text type,
                             yyjson_val *value, bool *same_type)
{
    yyjson_val *list = yyjson_obj_get(question, "answerOption"), *o, *v;
    size_t i, n;
    *same_type = false;
    yyjson_arr_foreach (list, i, n, o) {
        struct rh_text t = rh_answer_type(o, &v);
        if (r->work++ > RH_ANSWER_WORK_MAX)
            return NULL;
        if (!v || !rh_text_eq(t, type))
            continue;
        *same_type = true;
        if (rh_answer_compare(type, value, t, v) == 0)
            return o;
    }
    return NULL;
}

static void check_options(const struct answer *a)
{
    bool same_type;
    if (is_open(a->question) && rh_text_is(a->type, "String"))
        return;
    if (!yyjson_is_arr(yyjson_obj_get(a->question, "answerOption")) ||
        option_of(a->r, a->question, a->type, a->value, &same_type))
        return;
    if (!same_type)
        fault(a, RH_ANSWER_OPTION_TYPE, a->type);
    else if (rh_text_is(a->type, "Coding"))
        fault(a, RH_ANSWER_OPTION_CODE, rh_answer_shown(rh_json_get(a->value, "code")));
    else
        value_fault(a, RH_ANSWER_OPTION, rh_answer_shown(rh_json_text(a->value)));
}

static yyjson_val *contained(struct rh_answer_rules *r, struct rh_text id)
{
    yyjson_val *list = yyjson_obj_get(r->questionnaire, "contained"), *v;
    size_t i, n;
    if (yyjson_is_arr(list)) {
        yyjson_arr_foreach (list, i, n, v) {
            if (rh_text_eq(rh_json_get(v, "id"), id))
                return v;
        }
    }
    return NULL;
}

/* The codes of a value set inside the form; NULL: it cannot be expanded. Remembers the last. */
static yyjson_val *expansion_of(struct rh_answer_rules *r, yyjson_val *set)
{
    struct rh_ctx *c = r->c;
    struct rh_buf in = rh_buf(c->arena), out = rh_buf(c->arena);
    struct rh_issues silent, *outer = c->issues;
    yyjson_doc *doc = NULL;
    if (r->expanded_of == set)
        return r->expanded;
    rh_buf_str(&in, "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"valueSet\","
                    "\"resource\":");
    rh_json_write(&in, set);
    rh_buf_str(&in, "}]}");
    rh_issues_init(&silent, c->arena);
    c->issues = &silent;
    enum rh_rc rc = in.rc ? in.rc : rh_json_parse(c->arena, &silent, rh_buf_get(&in), &doc);
    if (!rc)
        rc = rh_terms_operation(c, RH_TERMS_EXPAND, yyjson_doc_get_root(doc), NULL, &out);
    if (!rc)
        rc = out.rc ? out.rc : rh_json_parse(c->arena, &silent, rh_buf_get(&out), &doc);
    c->issues = outer;
    r->expanded_of = set;
    r->expanded = rc ? NULL : yyjson_obj_get(yyjson_doc_get_root(doc), "expansion");
    return r->expanded;
}

static bool expansion_has(yyjson_val *list, const struct rh_terms_code *code, unsigned depth)
{
    yyjson_val *v;
    size_t i, n;
    if (!yyjson_is_arr(list) || depth > RH_VALIDATE_DEPTH_MAX)
        return false;
    yyjson_arr_foreach (list, i, n, v) {
        if (rh_text_eq(rh_json_get(v, "code"), code->code) &&
            (code->any_system || rh_text_eq(rh_json_get(v, "system"), code->system)) &&
            !yyjson_is_true(yyjson_obj_get(v, "abstract")))
            return true;
        if (expansion_has(yyjson_obj_get(v, "contains"), code, depth + 1))
            return true;
    }
    return false;
}

static enum rh_terms_answer in_contained(struct rh_answer_rules *r, yyjson_val *set,
                                         const struct rh_terms_code *code)
{
    yyjson_val *expansion = expansion_of(r, set);
    if (!expansion)
        return RH_TERMS_UNKNOWN_VALUESET;
    return expansion_has(yyjson_obj_get(expansion, "contains"), code, 0) ? RH_TERMS_YES
                                                                         : RH_TERMS_NO;
}

static enum rh_terms_answer member(struct rh_answer_rules *r, struct rh_text set,
                                   const struct rh_terms_code *code)
{
    struct rh_terms_result result = {0};
    if (set.data[0] == '#') {
        yyjson_val *v = contained(r, (struct rh_text){set.data + 1, set.len - 1});
        return v ? in_contained(r, v, code) : RH_TERMS_UNKNOWN_VALUESET;
    }
    return rh_terms_contains(r->c, set, code, &result) ? RH_TERMS_UNKNOWN_VALUESET : result.answer;
}

static void check_value_set(const struct answer *a)
{
    struct rh_text set = rh_json_get(a->question, "answerValueSet");
    bool text = rh_text_is(a->type, "String");
    if (!set.len || (!text && !rh_text_is(a->type, "Coding")) || (text && is_open(a->question)))
        return;
    struct rh_terms_code code = {.system = rh_json_get(a->value, "system"),
                                 .code = rh_json_get(a->value, "code")};
    if (text)
        code = (struct rh_terms_code){.code = rh_json_text(a->value), .any_system = true};
    enum rh_terms_answer answer = member(a->r, set, &code);
    if (answer == RH_TERMS_NO)
        rh_answer_report(a->r, RH_ANSWER_VALUE_SET, a->n, text, rh_answer_shown(code.code), set);
    else if (answer != RH_TERMS_YES)
        fault(a, RH_ANSWER_VALUE_SET_UNKNOWN, set);
}

static void check_exclusive(struct rh_answer_rules *r, yyjson_val *question, yyjson_val *list)
{
    size_t i, n;
    yyjson_val *answer, *v;
    bool same_type;
    if (yyjson_arr_size(list) < 2 || !yyjson_is_arr(yyjson_obj_get(question, "answerOption")))
        return;
    yyjson_arr_foreach (list, i, n, answer) {
        struct rh_text type = rh_answer_type(answer, &v);
        yyjson_val *o = v ? option_of(r, question, type, v, &same_type) : NULL;
        if (o && yyjson_is_true(
                     rh_item_extension_value(o, RH_CORE_EXT "questionnaire-optionExclusive", NULL)))
            rh_answer_report(r, RH_ANSWER_EXCLUSIVE, (long)i, false, none, none);
    }
}

/* --- length, digits, pattern, range -------------------------------------------------------------
 */
static size_t characters(struct rh_text t)
{
    size_t n = 0;
    for (size_t i = 0; i < t.len; i++)
        n += ((unsigned char)t.data[i] & 0xC0) != 0x80;
    return n;
}

static void check_length(const struct answer *a)
{
    struct rh_text t = rh_json_text(a->value);
    uint64_t limit;
    if (number_of(a->question, RH_CORE_EXT "minLength", &limit) && characters(t) < limit)
        value_fault(a, RH_ANSWER_SHORT, number(a->r, limit));
    if (rh_text_u64(rh_json_text(yyjson_obj_get(a->question, "maxLength")), UINT32_MAX, &limit) ==
            RH_OK &&
        characters(t) > limit)
        value_fault(a, RH_ANSWER_LONG, number(a->r, limit));
}

static void check_decimals(const struct answer *a)
{
    yyjson_val *v = rh_text_is(a->type, "Quantity") ? yyjson_obj_get(a->value, "value") : a->value;
    uint64_t limit;
    struct rh_dec d;
    if (!yyjson_is_raw(v) || !number_of(a->question, RH_CORE_EXT "maxDecimalPlaces", &limit) ||
        rh_dec_parse(rh_json_text(v), &d))
        return;
    if (rh_dec_strip(d).scale > (int)(limit > 1000 ? 1000 : limit))
        value_fault(a, RH_ANSWER_DECIMALS, number(a->r, limit));
}

/* Only a pattern that the host can match says no. */
static void check_pattern(const struct answer *a)
{
    struct rh_ctx *c = a->r->c;
    struct rh_text pattern =
        rh_json_text(rh_item_extension_value(a->question, RH_CORE_EXT "regex", NULL));
    struct rh_text shown =
        rh_json_text(rh_item_extension_value(a->question, RH_CORE_EXT "entryFormat", NULL));
    struct rh_issues silent, *outer = c->issues;
    struct rh_regex_match m = {0};
    if (!pattern.len || !c->host || !c->host->regex || yyjson_is_obj(a->value))
        return;
    struct rh_text text = rh_json_text(a->value);
    if (yyjson_is_bool(a->value))
        text = yyjson_is_true(a->value) ? RH_TEXT("true") : RH_TEXT("false");
    rh_issues_init(&silent, c->arena);
    c->issues = &silent;
    enum rh_rc rc = c->host->regex(c, pattern, text, 0, RH_REGEX_WHOLE, &m);
    c->issues = outer;
    if (!rc && !m.found)
        value_fault(a, RH_ANSWER_PATTERN, rh_answer_shown(shown.len ? shown : pattern));
}

/* A limit as people read it. */
static struct rh_text limit_text(const struct answer *a, yyjson_val *limit)
{
    struct rh_buf b = rh_buf(a->r->c->arena);
    if (!yyjson_is_obj(limit))
        return rh_json_text(limit);
    struct rh_text unit = rh_json_get(limit, "unit");
    rh_buf_text(&b, rh_json_text(yyjson_obj_get(limit, "value")));
    rh_buf_char(&b, ' ');
    rh_buf_text(&b, unit.len ? unit : rh_json_get(limit, "code"));
    return rh_text_trim(rh_buf_get(&b));
}

static void check_limit(const struct answer *a, const char *const urls[2], int wrong,
                        enum rh_answer_rule rule)
{
    struct rh_text type = {NULL, 0};
    yyjson_val *limit = NULL;
    for (size_t i = 0; i < 2 && !limit; i++) {
        if (a->r->limit)
            limit = a->r->limit(a->r->user, urls[i], &type);
        if (!limit)
            limit = rh_item_extension_value(a->question, urls[i], &type);
    }
    if (!limit)
        return;
    yyjson_val *value = a->value, *of = limit;
    struct rh_text t = a->type;
    if (rh_text_is(t, "Quantity") && !yyjson_is_obj(limit)) { /* a number: in the answer's unit */
        value = yyjson_obj_get(value, "value");
        t = type;
    }
    int c = rh_answer_compare(t, value, type, of);
    if (c == RH_ANSWER_UNLIKE && rh_text_is(t, "Quantity"))
        value_fault(a, RH_ANSWER_UNIT_UNLIKE, limit_text(a, limit));
    else if (c == wrong)
        value_fault(a, rule, limit_text(a, limit));
}

static void check_range(const struct answer *a)
{
    static const char *const low[2] = {RH_CORE_EXT "minValue",
                                       RH_SDC_EXT "sdc-questionnaire-minQuantity"};
    static const char *const high[2] = {RH_CORE_EXT "maxValue",
                                        RH_SDC_EXT "sdc-questionnaire-maxQuantity"};
    check_limit(a, low, -1, RH_ANSWER_LOW);
    check_limit(a, high, 1, RH_ANSWER_HIGH);
}

/* --- units ---------------------------------------------------------------------------------------
 */
static bool is_unit(yyjson_val *coding, yyjson_val *quantity)
{
    struct rh_text code = rh_json_get(quantity, "code"), unit = rh_json_get(quantity, "unit");
    struct rh_text system = rh_json_get(coding, "system"), has = rh_json_get(quantity, "system");
    if (code.len)
        return rh_text_eq(code, rh_json_get(coding, "code")) &&
               (!system.len || !has.len || rh_text_eq(system, has));
    return unit.len && (rh_text_eq(unit, rh_json_get(coding, "display")) ||
                        rh_text_eq(unit, rh_json_get(coding, "code")));
}

/* Do unitOption, unitValueSet and unitOpen allow the unit? What a value set has may be unknown. */
static bool unit_allowed(const struct answer *a)
{
    yyjson_val *list = yyjson_obj_get(a->question, "extension"), *e;
    struct rh_text open = rh_json_text(
        rh_item_extension_value(a->question, RH_SDC_EXT "sdc-questionnaire-unitOpen", NULL));
    struct rh_text more = rh_json_text(rh_item_extension_value(
        a->question, RH_SDC_EXT "sdc-questionnaire-unitSupplementalSystem", NULL));
    struct rh_text code = rh_json_get(a->value, "code"), system = rh_json_get(a->value, "system");
    bool limited = false;
    size_t i, n;
    if (!yyjson_is_arr(list))
        return true;
    yyjson_arr_foreach (list, i, n, e) {
        struct rh_text url = rh_json_get(e, "url");
        if (rh_text_is(url, RH_CORE_EXT "questionnaire-unitOption")) {
            limited = true;
            if (is_unit(yyjson_obj_get(e, "valueCoding"), a->value))
                return true;
        } else if (rh_text_is(url, RH_CORE_EXT "questionnaire-unitValueSet")) {
            struct rh_text set = rh_json_get(e, "valueCanonical");
            struct rh_terms_code unit = {.system = system, .code = code};
            limited = true;
            if (set.len && code.len && member(a->r, set, &unit) != RH_TERMS_NO)
                return true;
        }
    }
    if (rh_text_is(open, "optionsOrString"))
        return true;
    if (rh_text_is(open, "optionsOrType"))
        return code.len > 0 && (!more.len || rh_text_eq(more, system));
    return !limited;
}

static void check_unit(const struct answer *a)
{
    struct rh_text code = rh_json_get(a->value, "code");
    if ((code.len || yyjson_obj_get(a->value, "unit")) && !unit_allowed(a))
        value_fault(a, RH_ANSWER_UNIT,
                    rh_answer_shown(code.len ? code : rh_json_get(a->value, "unit")));
}

/* --- attachments and references ------------------------------------------------------------------
 */
/* Bytes of an attachment: what it says, else what its data are. */
static bool size_of(yyjson_val *attachment, struct rh_dec *ret)
{
    yyjson_val *size = yyjson_obj_get(attachment, "size");
    struct rh_text data = rh_json_get(attachment, "data");
    int64_t n = 0, pad = 0;
    if (size)
        return rh_dec_parse(rh_json_text(size), ret) == RH_OK;
    for (size_t i = 0; i < data.len; i++) {
        n += data.data[i] > ' ';
        pad += data.data[i] == '=';
    }
    *ret = rh_dec_from(n / 4 * 3 - pad);
    return data.len > 0;
}

static bool mime_allowed(struct rh_text allowed, struct rh_text type)
{
    if (rh_text_ends(allowed, "/*"))
        return type.len >= allowed.len &&
               rh_text_ieq((struct rh_text){type.data, allowed.len - 1},
                           (struct rh_text){allowed.data, allowed.len - 1});
    return rh_text_ieq(allowed, type);
}

/* Does one of the question's extensions of this url have the value? True when it has none. */
static bool listed(yyjson_val *question, const char *url, struct rh_text value, bool mime)
{
    yyjson_val *list = yyjson_obj_get(question, "extension"), *e;
    bool limited = false;
    size_t i, n;
    if (!yyjson_is_arr(list))
        return true;
    yyjson_arr_foreach (list, i, n, e) {
        if (!rh_text_is(rh_json_get(e, "url"), url))
            continue;
        struct rh_text code = rh_json_get(e, "valueCode");
        limited = true;
        if (mime ? mime_allowed(code, value) : rh_text_eq(code, value))
            return true;
    }
    return !limited;
}

static void check_attachment(const struct answer *a)
{
    yyjson_val *limit = rh_item_extension_value(a->question, RH_CORE_EXT "maxSize", NULL);
    struct rh_dec most, size;
    if (limit && rh_dec_parse(rh_json_text(limit), &most) == RH_OK && size_of(a->value, &size) &&
        rh_dec_cmp(size, most) > 0)
        fault(a, RH_ANSWER_SIZE, rh_json_text(limit));
    struct rh_text type = rh_json_get(a->value, "contentType");
    if (type.len && !listed(a->question, RH_CORE_EXT "mimeType", type, true))
        fault(a, RH_ANSWER_MIME, rh_answer_shown(type));
}

static void check_target(const struct answer *a)
{
    struct rh_text text = rh_json_get(a->value, "reference");
    struct rh_reference ref = rh_reference_parse(text, none);
    struct rh_text type = rh_json_get(a->value, "type");
    if (ref.type)
        type = rh_text(rh_resource_type(ref.type)->name);
    if (type.len &&
        !listed(a->question, RH_CORE_EXT "questionnaire-referenceResource", type, false))
        value_fault(a, RH_ANSWER_TARGET, type);
}

/* --- all ----------------------------------------------------------------------------------------
 */
/* Answers to many questions at once do not answer one that must be asked by itself. */
static void check_bulk(const struct answer *a, yyjson_val *answer)
{
    if (yyjson_is_true(rh_item_extension_value(a->question, RH_RIHLA_EXT "ask-each", NULL)) &&
        yyjson_is_true(rh_item_extension_value(answer, RH_RIHLA_EXT "bulk-answer", NULL)))
        fault(a, RH_ANSWER_BULK, none);
}

void rh_answer_check(struct rh_answer_rules *r, yyjson_val *question, yyjson_val *answer, long n)
{
    struct answer a = {.r = r, .question = question, .n = n};
    a.type = rh_answer_type(answer, &a.value);
    const struct rh_type *parent = rh_type_find(RH_TEXT("QuestionnaireResponse.item.answer"));
    bool reason = rh_item_extension(answer, RH_CORE_EXT "data-absent-reason");
    check_bulk(&a, answer);
    if (!a.value) {
        if (!reason && yyjson_is_obj(answer) && !yyjson_obj_get(answer, "item"))
            fault(&a, RH_ANSWER_EMPTY, none);
        return;
    }
    if (reason)
        fault(&a, RH_ANSWER_BOTH, none);
    struct rh_text name = {a.type.data - 5, a.type.len + 5};
    const struct rh_element *e = parent ? rh_element_find(parent, name) : NULL;
    if (!e)
        return; /* of a type that no answer has: said already */
    if (!right_type(question, a.type)) {
        rh_answer_report(r, RH_ANSWER_TYPE, n, true, rh_text(e->type->name),
                         rh_json_get(question, "type"));
        return;
    }
    if (!r->options_elsewhere && (is_choice(question) || yyjson_obj_get(question, "answerOption")))
        check_options(&a);
    if (!r->options_elsewhere)
        check_value_set(&a);
    if (yyjson_is_str(a.value))
        check_length(&a);
    check_decimals(&a);
    check_pattern(&a);
    check_range(&a);
    if (rh_text_is(a.type, "Quantity"))
        check_unit(&a);
    if (rh_text_is(a.type, "Attachment"))
        check_attachment(&a);
    if (rh_text_is(a.type, "Reference"))
        check_target(&a);
}

void rh_answer_check_list(struct rh_answer_rules *r, yyjson_val *question, yyjson_val *answers)
{
    check_counts(r, question, yyjson_is_arr(answers) ? yyjson_arr_size(answers) : 0);
    if (yyjson_is_arr(answers))
        check_exclusive(r, question, answers);
}
