/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * form_enable.c - enableWhen
 * (https://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item.enableWhen).
 *
 * An answer of the nearest question counts: below the nearest common ancestor, and there first what
 * stands before, then what stands behind. A question that is not enabled has no answer. "!=" is
 * "no answer has a value that is equal" (questionnaire-enable-operator of R4), so it holds without
 * an answer. What cannot be compared (units that do not fit, dates of unlike precision) is neither
 * equal nor in order.
 */
#include "base/datetime.h"
#include "clinical/form_int.h"
#include "fhir/ucum.h"

#include <limits.h>

enum { UNLIKE = 2 };

static int sign(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int compare_numbers(yyjson_val *a, yyjson_val *b)
{
    struct rh_dec x, y;
    if (rh_dec_parse(rh_json_text(a), &x) || rh_dec_parse(rh_json_text(b), &y))
        return UNLIKE;
    return rh_dec_cmp(x, y);
}

/* Spans that overlap without being the same cannot be ordered. */
static int compare_times(const struct rh_form_session *s, yyjson_val *a, yyjson_val *b)
{
    struct rh_datetime x, y;
    if (rh_datetime_parse(rh_json_text(a), RH_SEARCH, s->zone_minutes, &x) ||
        rh_datetime_parse(rh_json_text(b), RH_SEARCH, s->zone_minutes, &y))
        return UNLIKE;
    if (x.lo_us == y.lo_us && x.hi_us == y.hi_us)
        return 0;
    if (x.hi_us < y.lo_us || y.hi_us < x.lo_us)
        return sign(x.lo_us, y.lo_us);
    return UNLIKE;
}

static struct rh_text unit_of(yyjson_val *quantity)
{
    struct rh_text code = rh_json_get(quantity, "code");
    return code.len ? code : rh_json_get(quantity, "unit");
}

static int compare_quantities(yyjson_val *a, yyjson_val *b)
{
    struct rh_dec x, y;
    struct rh_ucum ux, uy;
    struct rh_text tx = unit_of(a), ty = unit_of(b);
    int order;
    if (rh_dec_parse(rh_json_text(yyjson_obj_get(a, "value")), &x) ||
        rh_dec_parse(rh_json_text(yyjson_obj_get(b, "value")), &y))
        return UNLIKE;
    if (rh_text_eq(tx, ty) || !ty.len)
        return rh_dec_cmp(x, y);
    if (rh_ucum_parse(NULL, tx, &ux) || rh_ucum_parse(NULL, ty, &uy) ||
        rh_ucum_compare(x, &ux, y, &uy, &order))
        return UNLIKE;
    return order;
}

/* The same code; a system that the condition does not state is any. */
static int compare_codings(yyjson_val *a, yyjson_val *b)
{
    struct rh_text sa = rh_json_get(a, "system"), sb = rh_json_get(b, "system");
    struct rh_text ca = rh_json_get(a, "code"), cb = rh_json_get(b, "code");
    if (!ca.len && !cb.len)
        return rh_text_eq(rh_json_get(a, "display"), rh_json_get(b, "display")) ? 0 : UNLIKE;
    return rh_text_eq(ca, cb) && (!sb.len || rh_text_eq(sa, sb)) ? 0 : UNLIKE;
}

static bool in(struct rh_text t, const char *a, const char *b)
{
    return rh_text_is(t, a) || rh_text_is(t, b);
}

/* -1, 0, 1; UNLIKE: different, and nothing orders them. */
static int compare(const struct rh_form_session *s, struct rh_text type_a, yyjson_val *a,
                   struct rh_text type_b, yyjson_val *b)
{
    if (in(type_a, "Decimal", "Integer") && in(type_b, "Decimal", "Integer"))
        return compare_numbers(a, b);
    if (in(type_a, "Date", "DateTime") && in(type_b, "Date", "DateTime"))
        return compare_times(s, a, b);
    if (in(type_a, "String", "Uri") && in(type_b, "String", "Uri"))
        return rh_text_eq(rh_json_text(a), rh_json_text(b)) ? 0 : UNLIKE; /* texts have no order */
    if (rh_text_is(type_a, "String") && rh_text_is(type_b, "Coding"))     /* an open choice */
        return rh_text_eq(rh_json_text(a), rh_json_get(b, "display")) ? 0 : UNLIKE;
    if (!rh_text_eq(type_a, type_b))
        return UNLIKE;
    if (rh_text_is(type_a, "Boolean"))
        return yyjson_get_bool(a) == yyjson_get_bool(b) ? 0 : UNLIKE;
    if (rh_text_is(type_a, "Time"))
        return rh_text_cmp(rh_json_text(a), rh_json_text(b));
    if (rh_text_is(type_a, "Coding"))
        return compare_codings(a, b);
    if (rh_text_is(type_a, "Quantity"))
        return compare_quantities(a, b);
    if (rh_text_is(type_a, "Reference"))
        return rh_text_eq(rh_json_get(a, "reference"), rh_json_get(b, "reference")) ? 0 : UNLIKE;
    return rh_form_same(a, b) ? 0 : UNLIKE;
}

/* --- the question that is meant -----------------------------------------------------------------
 */
static unsigned height(const struct rh_form_node *n)
{
    unsigned h = 0;
    for (; n->parent; n = n->parent)
        h++;
    return h;
}

/* How many nodes are above both, and which of them stands first below the last one. */
static unsigned common(const struct rh_form_node *a, const struct rh_form_node *b, bool *b_first)
{
    unsigned ha = height(a), hb = height(b);
    for (; ha > hb; ha--)
        a = a->parent;
    for (; hb > ha; hb--)
        b = b->parent;
    *b_first = false;
    while (a != b && a->parent != b->parent) {
        a = a->parent;
        b = b->parent;
        ha--;
    }
    if (a == b)
        return ha + 1;
    if (a->set != b->set) /* below other answers of one question: further away */
        *b_first = b->set < a->set;
    else if (a->item == b->item)
        *b_first = b->repeat < a->repeat;
    else
        *b_first = b->item->number < a->item->number;
    return ha;
}

static const struct rh_form_node *nearest(const struct rh_form_session *s,
                                          const struct rh_form_node *n,
                                          const struct rh_form_item *question)
{
    const struct rh_form_node *best = question ? s->of_item[question->number] : NULL;
    if (!best || (!best->next_of_item && !question->same))
        return best;
    unsigned best_common = 0;
    best = NULL;
    for (; question; question = question->same)
        for (const struct rh_form_node *q = s->of_item[question->number]; q; q = q->next_of_item) {
            bool first;
            unsigned k = common(n, q, &first);
            /* nearer; or as near: the last one before, else the first one behind */
            if (!best || k > best_common || (k == best_common && first)) {
                best = q;
                best_common = k;
            }
        }
    return best;
}

static bool holds(const struct rh_form_session *s, const struct rh_form_node *q,
                  const struct rh_form_when *w)
{
    bool answered = q && q->reached && q->n_answers > 0, equal = false, not_equal;
    size_t i, max;
    yyjson_val *answer, *key;
    if (rh_text_is(w->op, "exists"))
        return answered == !yyjson_is_false(w->answer);
    not_equal = rh_text_is(w->op, "!=");
    if (!answered)
        return not_equal;
    yyjson_arr_foreach (rh_some(q->answers), i, max, answer) {
        yyjson_obj_iter it = yyjson_obj_iter_with(answer);
        while ((key = yyjson_obj_iter_next(&it)) && !rh_text_starts(rh_json_text(key), "value"))
            ;
        if (!key)
            continue;
        struct rh_text member = rh_json_text(key), type = {member.data + 5, member.len - 5};
        int order = compare(s, type, yyjson_obj_iter_get_val(key), w->type, w->answer);
        equal |= order == 0;
        if (order == UNLIKE)
            continue;
        if ((rh_text_is(w->op, ">") && order > 0) || (rh_text_is(w->op, "<") && order < 0) ||
            (rh_text_is(w->op, ">=") && order >= 0) || (rh_text_is(w->op, "<=") && order <= 0))
            return true;
    }
    return rh_text_is(w->op, "=") ? equal : not_equal && !equal;
}

enum rh_rc rh_form_when_holds(struct rh_ctx *c, struct rh_form_session *s, struct rh_form_node *n,
                              bool *ret)
{
    const struct rh_form_item *item = n->item;
    bool any = item->when_any;
    (void)c;
    for (unsigned i = 0; i < item->n_when; i++) {
        const struct rh_form_when *w = &item->when[i];
        bool yes =
            w->question != UINT_MAX && holds(s, nearest(s, n, rh_form_when_of(s->form, w)), w);
        if (yes == any) {
            *ret = any;
            return RH_OK;
        }
    }
    *ret = !any;
    return RH_OK;
}
