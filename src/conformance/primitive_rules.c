/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Primitive values: the format of the type, then what FHIR says of addresses and what a rule says
 * of length and range.
 */
#include "base/datetime.h"
#include "base/decimal.h"
#include "conformance/narrative.h"
#include "conformance/validate_int.h"
#include "fhir/primitive.h"

enum { URN_UUID_LEN = 9, URN_OID_LEN = 8, UUID_LEN = 36, OID_ROOT_MIN = 4 };

/* --- addresses -----------------------------------------------------------------------------------
 */

/* A scheme, a colon and something after it. */
bool rh_url_absolute(struct rh_text t)
{
    const char *colon = t.len ? memchr(t.data, ':', t.len) : NULL;
    if (!colon || colon == t.data || colon + 1 == t.data + t.len)
        return false;
    for (const char *p = t.data; p < colon; p++)
        if (!((*p >= 'a' && *p <= 'z') ||
              (p > t.data && ((*p >= '0' && *p <= '9') || *p == '-' || *p == '+' || *p == '.'))))
            return false;
    return !memchr(colon, ' ', t.len - (size_t)(colon - t.data));
}

static bool lower_uuid(struct rh_text t)
{
    if (t.len != UUID_LEN)
        return false;
    for (size_t i = 0; i < t.len; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        char c = t.data[i];
        if (dash ? c != '-' : !((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    return true;
}

/* [0-2](\.(0|[1-9][0-9]*))+, and not so short that nobody can own it. */
static bool oid(struct rh_text t)
{
    size_t last = 0, i = 1;
    if (t.len < 3 || t.data[0] < '0' || t.data[0] > '2')
        return false;
    while (i < t.len) {
        if (t.data[i] != '.' || i + 1 == t.len)
            return false;
        last = i++;
        if (t.data[i] == '0' && i + 1 < t.len && t.data[i + 1] != '.')
            return false;
        if (t.data[i] < '0' || t.data[i] > '9')
            return false;
        while (i < t.len && t.data[i] >= '0' && t.data[i] <= '9')
            i++;
    }
    return last >= OID_ROOT_MIN || rh_text_starts(t, "1.3");
}

static struct rh_text cut(struct rh_text t, char c)
{
    const char *p = memchr(t.data, c, t.len);
    return p ? (struct rh_text){t.data, (size_t)(p - t.data)} : t;
}

static void check_address(struct rh_run *r, const struct rh_place *at, const struct rh_rule *rule,
                          enum rh_primitive p, struct rh_text t)
{
    if (rh_text_starts(t, "oid:") || rh_text_starts(t, "uuid:"))
        rh_complain(r, RH_ERROR, "invalid", at,
                    "\"%.*s\" must begin with urn:", RH_TEXT_ARG(rh_shown(t)));
    if (p == RH_P_OID && !rh_text_starts(t, "urn:oid:"))
        rh_complain(r, RH_ERROR, "invalid", at, "an OID begins with urn:oid:");
    if (p == RH_P_UUID && !rh_text_starts(t, "urn:uuid:"))
        rh_complain(r, RH_ERROR, "invalid", at, "a UUID begins with urn:uuid:");
    if (rh_text_starts(t, "urn:uuid:")) {
        struct rh_text id = cut(t, '#');
        if (p == RH_P_CANONICAL)
            id = cut(id, '|');
        id = (struct rh_text){id.data + URN_UUID_LEN, id.len - URN_UUID_LEN};
        if (!lower_uuid(id))
            rh_complain(r, RH_ERROR, "invalid", at,
                        "\"%.*s\" is not a UUID in lower case: 8-4-4-4-12 hexadecimal digits",
                        RH_TEXT_ARG(rh_shown(id)));
    }
    if (rh_text_starts(t, "urn:oid:")) {
        struct rh_text id = {t.data + URN_OID_LEN, t.len - URN_OID_LEN};
        if (!oid(id))
            rh_complain(r, RH_ERROR, "invalid", at, "\"%.*s\" is not an OID, such as 2.16.840.1",
                        RH_TEXT_ARG(rh_shown(id)));
    }
    if (rule->is_url && !rh_url_absolute(t))
        rh_complain(r, RH_ERROR, "invalid", at,
                    "the canonical address of a resource must be absolute, such as "
                    "http://example.org/%s/1; \"%.*s\" is not",
                    r->scope->type->name, RH_TEXT_ARG(rh_shown(t)));
    else if (p == RH_P_CANONICAL && t.data[0] != '#' && !rh_url_absolute(t))
        rh_complain(r, RH_ERROR, "invalid", at,
                    "a canonical address must be absolute, or # and the id of a contained "
                    "resource; \"%.*s\" is neither",
                    RH_TEXT_ARG(rh_shown(t)));
    else if (p == RH_P_CANONICAL)
        rh_check_canonical(r, at, rule, t);
}

/* --- format --------------------------------------------------------------------------------------
 */

static bool blank(struct rh_text t)
{
    return t.len > 0 && rh_text_trim(t).len == 0;
}

static void bad_format(struct rh_run *r, const struct rh_place *at, enum rh_primitive p,
                       const char *looks)
{
    static const char *const wanted[] = {
        [RH_PJ_STRING] = "string", [RH_PJ_NUMBER] = "number", [RH_PJ_BOOLEAN] = "boolean"};
    enum rh_primitive_json json = rh_primitive_json(p);
    struct rh_text t = rh_json_text(at->value);
    bool same = (json == RH_PJ_STRING && yyjson_is_str(at->value)) ||
                (json == RH_PJ_NUMBER && yyjson_is_raw(at->value)) ||
                (json == RH_PJ_BOOLEAN && yyjson_is_bool(at->value));
    if (!same && (yyjson_is_obj(at->value) || yyjson_is_arr(at->value)))
        rh_complain_shape(r, "structure", at, "a single value (%s) is wanted here; %s is %s",
                          wanted[json], rh_primitive_name(p), looks);
    else if (!same)
        rh_complain_shape(r, "structure", at, "a JSON %s is wanted here; %s is %s", wanted[json],
                          rh_primitive_name(p), looks);
    else if (t.len == 0)
        rh_complain(r, RH_ERROR, "invalid", at,
                    "the text is empty; leave the element out when there is no value");
    else if ((p == RH_P_STRING || p == RH_P_MARKDOWN) && blank(t))
        rh_complain(r, RH_WARNING, "invalid", at, "the text is nothing but blanks");
    else if (p == RH_P_ID && t.len > 64)
        rh_complain(r, RH_ERROR, "invalid", at, "the id is too long: %zu characters, at most 64",
                    t.len);
    else
        rh_complain(r, RH_ERROR, "invalid", at, "\"%.*s\" is not a valid %s: %s",
                    RH_TEXT_ARG(rh_shown(t)), rh_primitive_name(p), looks);
}

static void check_narrative(struct rh_run *r, const struct rh_place *at)
{
    struct rh_issues found;
    struct rh_buf path = rh_buf(r->c->arena);
    bool empty = false;
    rh_issues_init(&found, r->c->arena);
    rh_place_write(&path, at);
    rh_buf_char(&path, '\0');
    enum rh_rc rc =
        rh_narrative_check(&found, path.rc ? "" : path.data, rh_json_text(at->value), &empty);
    for (unsigned i = 0; i < found.count; i++) {
        if (rc == RH_SYNTAX)
            rh_complain_shape(r, "structure", at, "%s", found.rows[i].text);
        else
            rh_complain(r, found.rows[i].severity, "invalid", at, "%s", found.rows[i].text);
    }
    if (rc == RH_NOMEM)
        r->rc = rc;
}

/* --- length and range ----------------------------------------------------------------------------
 */

static size_t characters(struct rh_text t)
{
    size_t n = 0;
    for (size_t i = 0; i < t.len; i++)
        n += ((unsigned char)t.data[i] & 0xC0) != 0x80;
    return n;
}

/* -1, 0, 1; 2 when they cannot be compared. */
static int compare(enum rh_primitive p, struct rh_text a, struct rh_text b)
{
    struct rh_dec x, y;
    struct rh_datetime s, t;
    switch (p) {
    case RH_P_DECIMAL:
    case RH_P_INTEGER:
    case RH_P_POSITIVEINT:
    case RH_P_UNSIGNEDINT:
        return rh_dec_parse(a, &x) || rh_dec_parse(b, &y) ? 2 : rh_dec_cmp(x, y);
    case RH_P_DATE:
    case RH_P_DATETIME:
    case RH_P_INSTANT:
        if (rh_datetime_parse(a, RH_SEARCH, 0, &s) || rh_datetime_parse(b, RH_SEARCH, 0, &t))
            return 2;
        return s.hi_us < t.lo_us ? -1 : s.lo_us > t.hi_us ? 1 : 0;
    case RH_P_TIME:
        return rh_text_cmp(a, b);
    default:
        return 2;
    }
}

static void check_range(struct rh_run *r, const struct rh_place *at, const struct rh_rule *rule,
                        enum rh_primitive p, struct rh_text t)
{
    if (rule->max_length && t.len > rule->max_length && characters(t) > rule->max_length)
        rh_complain(r, RH_ERROR, "invalid", at,
                    "the text has %zu characters; at most %u are allowed", characters(t),
                    rule->max_length);
    struct rh_text low = rh_json_text(rule->min_value), high = rh_json_text(rule->max_value);
    int c;
    if (low.len && (c = compare(p, t, low)) != 2 && c < 0)
        rh_complain(r, RH_ERROR, "invalid", at, "\"%.*s\" is below the least value, %.*s",
                    RH_TEXT_ARG(rh_shown(t)), RH_TEXT_ARG(low));
    if (high.len && (c = compare(p, t, high)) == 1)
        rh_complain(r, RH_ERROR, "invalid", at, "\"%.*s\" is above the greatest value, %.*s",
                    RH_TEXT_ARG(rh_shown(t)), RH_TEXT_ARG(high));
}

void rh_check_primitive(struct rh_run *r, const struct rh_place *at, const struct rh_rule *rule)
{
    enum rh_primitive p = (enum rh_primitive)at->type->primitive;
    if (!at->value)
        return;
    struct rh_text t = rh_json_text(at->value);
    if (r->base) {
        const char *looks = rh_primitive_check(p, at->value);
        if (looks && p != RH_P_XHTML) {
            bool address = p == RH_P_OID || p == RH_P_UUID;
            if (!address || !yyjson_is_str(at->value) || t.len == 0)
                bad_format(r, at, p, looks);
            if (!address || t.len == 0)
                return;
        }
        switch (p) {
        case RH_P_URI:
        case RH_P_URL:
        case RH_P_CANONICAL:
        case RH_P_OID:
        case RH_P_UUID:
            check_address(r, at, rule, p, t);
            break;
        case RH_P_XHTML:
            if (!yyjson_is_str(at->value))
                bad_format(r, at, p, looks ? looks : "");
            else
                check_narrative(r, at);
            break;
        default:
            break;
        }
    }
    if (rule->max_length || rule->min_value || rule->max_value)
        check_range(r, at, rule, p, t);
}
