/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "terminology/request_int.h"

/* "0", "0.5", "1.000" in thousandths; above 1000: not a weight. */
static unsigned weight(struct rh_text t)
{
    unsigned value = 0, place = 1000;
    if (!t.len || t.len > 5 || (t.data[0] != '0' && t.data[0] != '1'))
        return 1001;
    value = t.data[0] == '1' ? 1000 : 0;
    if (t.len > 1 && t.data[1] != '.')
        return 1001;
    for (size_t i = 2; i < t.len; i++) {
        if (t.data[i] < '0' || t.data[i] > '9')
            return 1001;
        place /= 10;
        value += (unsigned)(t.data[i] - '0') * place;
    }
    return value;
}

static bool is_tag(struct rh_text t)
{
    return (t.len == 1 && t.data[0] == '*') || terms_grammar_valid(TERMS_LANGUAGE_TAG, t);
}

static enum rh_rc one(struct rh_text item, struct tx_languages *ret)
{
    struct rh_text tag, parameter, name;
    unsigned q = 1000;
    if (!rh_text_split(&item, ';', &tag))
        return RH_VALUE;
    tag = rh_text_trim(tag);
    while (rh_text_split(&item, ';', &parameter)) {
        if (!rh_text_split(&parameter, '=', &name) || !rh_text_is(rh_text_trim(name), "q"))
            return RH_VALUE;
        q = weight(rh_text_trim(parameter));
        if (q > 1000)
            return RH_VALUE;
    }
    if (!is_tag(tag) || ret->n == TX_LANGUAGES_MAX - 1)
        return RH_VALUE;
    size_t at = ret->n++; /* best first, equals in the order stated */
    for (; at && ret->items[at - 1].q < q; at--)
        ret->items[at] = ret->items[at - 1];
    ret->items[at] = (struct tx_language){tag, q};
    return RH_OK;
}

enum rh_rc tx_languages_parse(struct rh_text text, bool any_other, struct tx_languages *ret)
{
    struct rh_text rest = text, item;
    bool star = false;
    *ret = (struct tx_languages){.text = text};
    while (rh_text_split(&rest, ',', &item)) {
        item = rh_text_trim(item);
        enum rh_rc rc = item.len ? one(item, ret) : RH_OK;
        if (rc)
            return rc;
    }
    for (size_t i = 0; i < ret->n; i++)
        star |= rh_text_is(ret->items[i].tag, "*");
    if (any_other && ret->n && !star)
        ret->items[ret->n++] = (struct tx_language){RH_TEXT("*"), 10};
    return RH_OK;
}

/* The primary language and the region of a tag. */
static void parts_of(struct rh_text tag, struct rh_text *primary, struct rh_text *region)
{
    struct rh_text rest = tag, part;
    *primary = *region = (struct rh_text){"", 0};
    rh_text_split(&rest, '-', primary);
    while (!region->len && rh_text_split(&rest, '-', &part) && part.len > 1)
        if (part.len == 2 || (part.len == 3 && part.data[0] >= '0' && part.data[0] <= '9'))
            *region = part;
}

bool tx_language_matches(struct rh_text asked, struct rh_text tag, enum tx_depth depth)
{
    struct rh_text primary_a, primary_b, region_a, region_b;
    if (depth == TX_TAG)
        return rh_text_ieq(asked, tag);
    parts_of(asked, &primary_a, &region_a);
    parts_of(tag, &primary_b, &region_b);
    return rh_text_ieq(primary_a, primary_b) &&
           (depth == TX_PRIMARY || rh_text_ieq(region_a, region_b));
}

bool tx_languages_accept(const struct tx_languages *l, struct rh_text tag, enum tx_depth depth)
{
    if (!tag.len || !l || !l->text.data)
        return true;
    for (size_t i = 0; i < l->n; i++) {
        if (!l->items[i].q)
            continue;
        if (rh_text_is(l->items[i].tag, "*") || tx_language_matches(l->items[i].tag, tag, depth))
            return true;
    }
    return false;
}
