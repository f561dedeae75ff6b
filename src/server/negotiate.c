/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "server/negotiate.h"

#include "base/datetime.h"
#include "search/query.h"

#include <stdio.h>
#include <strings.h>

static bool ieq(struct rh_text t, const char *s)
{
    return rh_text_ieq(t, rh_text(s));
}

/* Splits at `c` outside quoted strings. */
static bool split_quoted(struct rh_text *rest, char c, struct rh_text *ret)
{
    if (!rest->data)
        return false;
    bool quoted = false;
    for (size_t i = 0; i < rest->len; i++) {
        if (quoted && rest->data[i] == '\\') {
            i++;
        } else if (rest->data[i] == '"') {
            quoted = !quoted;
        } else if (!quoted && rest->data[i] == c) {
            *ret = (struct rh_text){rest->data, i};
            *rest = (struct rh_text){rest->data + i + 1, rest->len - i - 1};
            return true;
        }
    }
    *ret = *rest;
    rest->data = NULL;
    return true;
}

/* "name = value" of a parameter; quotes are taken off. */
static struct rh_text parameter(struct rh_text t, struct rh_text *name)
{
    struct rh_text value = t;
    if (!rh_text_split(&value, '=', name))
        return (struct rh_text){NULL, 0};
    *name = rh_text_trim(*name);
    if (!value.data)
        return (struct rh_text){"", 0};
    value = rh_text_trim(value);
    if (value.len >= 2 && value.data[0] == '"' && value.data[value.len - 1] == '"')
        value = (struct rh_text){value.data + 1, value.len - 2};
    return value;
}

/* qvalue of RFC 9110 12.4.2 in thousandths; anything else counts as 0. */
static unsigned weight_of(struct rh_text t)
{
    if (t.len == 0 || t.len > 5 || (t.data[0] != '0' && t.data[0] != '1'))
        return 0;
    unsigned w = (unsigned)(t.data[0] - '0') * 1000;
    if (t.len == 1)
        return w;
    if (t.data[1] != '.')
        return 0;
    unsigned unit = 100;
    for (size_t i = 2; i < t.len; i++, unit /= 10) {
        if (t.data[i] < '0' || t.data[i] > '9')
            return 0;
        w += (unsigned)(t.data[i] - '0') * unit;
    }
    return w > 1000 ? 0 : w;
}

static bool version_ok(struct rh_text v)
{
    return rh_text_is(v, "4.0") || rh_text_is(v, "4.0.1") || rh_text_is(v, "4.0.0");
}

/* The media types of both forms, the names of FHIR first. */
static const struct {
    const char *name, *short_name;
    enum rh_format format;
    unsigned level; /* how specific the name is */
} formats[] = {
    {"application/fhir+json", "json", RH_FORMAT_JSON, 4},
    {"application/json+fhir", NULL, RH_FORMAT_JSON, 4}, /* of DSTU2 */
    {"application/json", "text/json", RH_FORMAT_JSON, 3},
    {"text/json", NULL, RH_FORMAT_JSON, 3},
    {"application/fhir+xml", "xml", RH_FORMAT_XML, 4},
    {"application/xml+fhir", NULL, RH_FORMAT_XML, 4},
    {"application/xml", NULL, RH_FORMAT_XML, 3},
    {"text/xml", NULL, RH_FORMAT_XML, 3},
};
enum { FORMATS = sizeof formats / sizeof formats[0] };

/* What an Accept header says of one form: of the most specific range that fits. */
struct wish {
    unsigned level, weight;
};

static void wish_for(struct wish *w, unsigned level, unsigned weight)
{
    /* application/json;q=0 must not hide application/fhir+json, nor the reverse: the better of two
     * wins. */
    if (level >= 3 && w->level >= 3)
        w->weight = weight > w->weight ? weight : w->weight;
    else if (level > w->level)
        w->weight = weight;
    w->level = level > w->level ? level : w->level;
}

static void wish_for_range(struct wish wishes[RH_FORMAT_XML + 1], struct rh_text media,
                           unsigned weight)
{
    bool all = rh_text_is(media, "*/*"), applications = ieq(media, "application/*");
    if (all || applications) {
        wish_for(&wishes[RH_FORMAT_JSON], all ? 1 : 2, weight);
        wish_for(&wishes[RH_FORMAT_XML], all ? 1 : 2, weight);
    }
    for (unsigned i = 0; i < FORMATS; i++)
        if (ieq(media, formats[i].name))
            wish_for(&wishes[formats[i].format], formats[i].level, weight);
}

enum rh_format rh_accepts(struct rh_text accept)
{
    struct rh_text rest = accept, range, part, name;
    struct wish wishes[RH_FORMAT_XML + 1] = {0};
    bool pages = false;
    if (rh_text_trim(accept).len == 0)
        return RH_FORMAT_JSON;
    while (split_quoted(&rest, ',', &range)) {
        struct rh_text media = {NULL, 0};
        unsigned q = 1000;
        bool fits = true;
        if (!split_quoted(&range, ';', &media))
            continue;
        media = rh_text_trim(media);
        while (split_quoted(&range, ';', &part)) {
            struct rh_text value = parameter(part, &name);
            if (ieq(name, "q"))
                q = weight_of(value);
            else if (ieq(name, "fhirVersion"))
                fits = version_ok(value);
        }
        pages |= ieq(media, "text/html") && q > 0;
        if (fits)
            wish_for_range(wishes, media, q);
    }
    struct wish json = wishes[RH_FORMAT_JSON], xml = wishes[RH_FORMAT_XML];
    if (xml.weight == 0 || (pages && json.weight && xml.level < 4))
        return json.weight ? RH_FORMAT_JSON : RH_FORMAT_NONE;
    if (xml.weight != json.weight)
        return xml.weight > json.weight ? RH_FORMAT_XML : RH_FORMAT_JSON;
    return xml.level >= 3 && json.level < 3 ? RH_FORMAT_XML : RH_FORMAT_JSON;
}

const char *rh_media_asked(struct rh_text accept, enum rh_format format)
{
    static const struct {
        const char *name, *answer;
        enum rh_format format;
    } generic[] = {
        {"application/json", "application/json;charset=utf-8", RH_FORMAT_JSON},
        {"text/json", "text/json;charset=utf-8", RH_FORMAT_JSON},
        {"application/xml", "application/xml;charset=utf-8", RH_FORMAT_XML},
        {"text/xml", "text/xml;charset=utf-8", RH_FORMAT_XML},
    };
    struct rh_text rest = accept, range;
    const char *ret = NULL;
    while (split_quoted(&rest, ',', &range)) {
        struct rh_text media = {NULL, 0};
        const char *one = NULL;
        if (!split_quoted(&range, ';', &media))
            continue;
        media = rh_text_trim(media);
        if (media.len == 0)
            continue;
        for (size_t i = 0; i < sizeof generic / sizeof generic[0]; i++)
            if (generic[i].format == format && ieq(media, generic[i].name))
                one = generic[i].answer;
        if (!one || (ret && ret != one))
            return NULL; /* FHIR's own name, or whatever we like, will do as well */
        ret = one;
    }
    return ret;
}

bool rh_accepts_gzip(struct rh_text accept_encoding)
{
    struct rh_text rest = accept_encoding, item, coding, part, name;
    bool star = false, said = false, ok = false;
    while (split_quoted(&rest, ',', &item)) {
        unsigned q = 1000;
        if (!split_quoted(&item, ';', &coding))
            continue;
        coding = rh_text_trim(coding);
        while (split_quoted(&item, ';', &part)) {
            struct rh_text value = parameter(part, &name);
            if (ieq(name, "q"))
                q = weight_of(value);
        }
        if (ieq(coding, "gzip") || ieq(coding, "x-gzip")) {
            said = true;
            ok = q > 0;
        } else if (rh_text_is(coding, "*")) {
            star = q > 0;
        }
    }
    return said ? ok : star;
}

enum rh_media rh_media_of(struct rh_text content_type)
{
    static const struct {
        const char *name;
        enum rh_media media;
    } rows[] = {
        {"application/fhir+json", RH_MEDIA_JSON},
        {"application/json+fhir", RH_MEDIA_JSON},
        {"application/json", RH_MEDIA_JSON},
        {"text/json", RH_MEDIA_JSON},
        {"application/fhir+xml", RH_MEDIA_XML},
        {"application/xml+fhir", RH_MEDIA_XML},
        {"application/xml", RH_MEDIA_XML},
        {"text/xml", RH_MEDIA_XML},
        {"application/json-patch+json", RH_MEDIA_PATCH},
        {"application/x-www-form-urlencoded", RH_MEDIA_FORM},
    };
    struct rh_text rest = content_type, media, part, name;
    if (rh_text_trim(content_type).len == 0)
        return RH_MEDIA_NONE;
    split_quoted(&rest, ';', &media);
    media = rh_text_trim(media);
    enum rh_media ret = RH_MEDIA_OTHER;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (ieq(media, rows[i].name))
            ret = rows[i].media;
    while (split_quoted(&rest, ';', &part)) {
        struct rh_text value = parameter(part, &name);
        if (ieq(name, "charset") && !ieq(value, "utf-8") && !ieq(value, "us-ascii"))
            return RH_MEDIA_OTHER;
        if (ieq(name, "fhirVersion") && !version_ok(value))
            return RH_MEDIA_OTHER;
    }
    return ret;
}

enum rh_format rh_format_of(struct rh_text format)
{
    struct rh_text media, rest = format;
    if (!rh_text_split(&rest, ';', &media))
        return RH_FORMAT_NONE;
    media = rh_text_trim(media);
    for (unsigned i = 0; i < FORMATS; i++)
        if (ieq(media, formats[i].name) ||
            (formats[i].short_name && ieq(media, formats[i].short_name)))
            return formats[i].format;
    /* A '+' that was not percent-encoded has become a blank. */
    if (ieq(media, "application/fhir json"))
        return RH_FORMAT_JSON;
    return ieq(media, "application/fhir xml") ? RH_FORMAT_XML : RH_FORMAT_NONE;
}

struct rh_prefers rh_prefer_parse(struct rh_text prefer)
{
    struct rh_prefers ret = {RH_RETURN_UNSAID, false};
    struct rh_text rest = prefer, item, part, name;
    while (split_quoted(&rest, ',', &item)) {
        while (split_quoted(&item, ';', &part)) {
            struct rh_text value = parameter(part, &name);
            if (ieq(name, "return")) {
                if (ieq(value, "minimal"))
                    ret.ret = RH_RETURN_MINIMAL;
                else if (ieq(value, "representation"))
                    ret.ret = RH_RETURN_REPRESENTATION;
                else if (ieq(value, "OperationOutcome"))
                    ret.ret = RH_RETURN_OUTCOME;
            } else if (ieq(name, "handling")) {
                ret.lenient = ieq(value, "lenient");
            }
        }
    }
    return ret;
}

bool rh_etag_matches(struct rh_text header, const char *version_id)
{
    struct rh_text rest = header, tag;
    while (split_quoted(&rest, ',', &tag)) {
        tag = rh_text_trim(tag);
        if (rh_text_is(tag, "*"))
            return true;
        if (rh_text_starts(tag, "W/"))
            tag = (struct rh_text){tag.data + 2, tag.len - 2};
        if (tag.len >= 2 && tag.data[0] == '"' && tag.data[tag.len - 1] == '"')
            tag = (struct rh_text){tag.data + 1, tag.len - 2};
        if (rh_text_is(tag, version_id))
            return true;
    }
    return false;
}

/* --- dates --- */
static const char *const months[12] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
static const char *const days[7] = {"Thu", "Fri", "Sat", "Sun",
                                    "Mon", "Tue", "Wed"}; /* 1970-01-01 was a Thursday */

void rh_http_date_print(int64_t us, char ret[RH_HTTP_DATE_SIZE])
{
    int64_t s = us / 1000000 - (us % 1000000 < 0);
    int64_t day = s / 86400 - (s % 86400 < 0);
    unsigned second = (unsigned)(s - day * 86400), month = 1, mday = 1;
    int year = 1970;
    rh_civil_from_days(day, &year, &month, &mday);
    unsigned week = (unsigned)((day % 7 + 7) % 7);
    snprintf(ret, RH_HTTP_DATE_SIZE, "%s, %02u %s %04u %02u:%02u:%02u GMT", days[week], mday % 100,
             months[(month - 1) % 12], (unsigned)year % 10000, second / 3600 % 24, second / 60 % 60,
             second % 60);
}

static bool number(struct rh_text t, size_t at, size_t n, unsigned *ret)
{
    uint64_t v;
    if (at + n > t.len || rh_text_u64((struct rh_text){t.data + at, n}, 9999, &v))
        return false;
    *ret = (unsigned)v;
    return true;
}

static bool clock_of(struct rh_text t, size_t at, int64_t *second)
{
    unsigned h, m, s;
    if (!number(t, at, 2, &h) || !number(t, at + 3, 2, &m) || !number(t, at + 6, 2, &s) ||
        t.data[at + 2] != ':' || t.data[at + 5] != ':' || h > 23 || m > 59 || s > 60)
        return false;
    *second = (int64_t)h * 3600 + m * 60 + s;
    return true;
}

static unsigned month_of(struct rh_text t, size_t at)
{
    for (unsigned i = 0; at + 3 <= t.len && i < 12; i++)
        if (memcmp(t.data + at, months[i], 3) == 0)
            return i + 1;
    return 0;
}

enum rh_rc rh_http_date_parse(struct rh_text t, int64_t *ret_us)
{
    unsigned year = 0, month = 0, day = 0;
    int64_t second = 0;
    t = rh_text_trim(t);
    if (t.len == 29 && rh_text_ends(t, " GMT")) { /* Sun, 06 Nov 1994 08:49:37 GMT */
        month = month_of(t, 8);
        if (!number(t, 5, 2, &day) || !number(t, 12, 4, &year) || !clock_of(t, 17, &second))
            return RH_SYNTAX;
    } else if (t.len == 24) { /* Sun Nov  6 08:49:37 1994 */
        month = month_of(t, 4);
        size_t at = t.data[8] == ' ' ? 9 : 8;
        if (!number(t, at, 10 - at, &day) || !number(t, 20, 4, &year) || !clock_of(t, 11, &second))
            return RH_SYNTAX;
    }
    if (!month || day < 1 || day > 31 || year < 1)
        return RH_SYNTAX;
    *ret_us = (rh_days_from_civil((int)year, month, day) * 86400 + second) * 1000000;
    return RH_OK;
}

/* --- addresses --- */
static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum rh_rc rh_path_decode(struct rh_arena *a, struct rh_text t, struct rh_text *ret)
{
    if (!memchr(t.data, '%', t.len)) {
        *ret = t;
        return rh_utf8_valid(t) ? RH_OK : RH_SYNTAX;
    }
    char *out = rh_arena_alloc(a, t.len + 1);
    if (!out)
        return RH_NOMEM;
    size_t n = 0;
    for (size_t i = 0; i < t.len; i++) {
        char c = t.data[i];
        if (c == '%') {
            int hi = i + 2 < t.len ? hex(t.data[i + 1]) : -1;
            int lo = i + 2 < t.len ? hex(t.data[i + 2]) : -1;
            if (hi < 0 || lo < 0 || (hi == 0 && lo == 0))
                return RH_SYNTAX;
            c = (char)(hi << 4 | lo);
            i += 2;
        }
        out[n++] = c;
    }
    out[n] = 0;
    *ret = (struct rh_text){out, n};
    return rh_utf8_valid(*ret) ? RH_OK : RH_SYNTAX;
}

enum rh_rc rh_result_parameters(struct rh_arena *a, struct rh_issues *is, struct rh_text query,
                                struct rh_result_parameters *ret)
{
    struct rh_result_parameters r = {0};
    struct {
        const char *name;
        struct rh_text *to;
    } rows[] = {{"_format", &r.format},
                {"_pretty", &r.pretty},
                {"_summary", &r.summary},
                {"_elements", &r.elements}};
    struct rh_text rest = query, pair;
    struct rh_buf others = rh_buf(a);
    while (rh_text_split(&rest, '&', &pair)) {
        struct rh_text value = pair, name;
        size_t i = 0;
        rh_text_split(&value, '=', &name);
        for (; i < 4; i++)
            if (rh_text_is(name, rows[i].name))
                break;
        if (i == 4) {
            if (pair.len) {
                if (others.len)
                    rh_buf_char(&others, '&');
                rh_buf_text(&others, pair);
            }
            continue;
        }
        if (rows[i].to->data)
            return rh_issue_add(is, RH_QUERY, NULL,
                                "The parameter %s is given twice; give it once.", rows[i].name);
        enum rh_rc rc = rh_percent_decode(a, value.data ? value : RH_TEXT(""), rows[i].to);
        if (rc)
            return rh_issue_add(is, rc, NULL, "The value of %s is not percent-encoded UTF-8.",
                                rows[i].name);
        if (!rows[i].to->data)
            *rows[i].to = RH_TEXT("");
    }
    r.rest = rh_buf_get(&others);
    *ret = r;
    return others.rc;
}

bool rh_host_is_loopback(struct rh_text host)
{
    struct rh_text name = host;
    if (rh_text_starts(host, "[::1]")) {
        name = (struct rh_text){host.data + 5, host.len - 5};
        return name.len == 0 || name.data[0] == ':';
    }
    const char *colon = host.len ? memchr(host.data, ':', host.len) : NULL;
    if (colon)
        name.len = (size_t)(colon - host.data);
    if (ieq(name, "localhost"))
        return true;
    unsigned parts = 0;
    struct rh_text rest = name, part;
    while (rh_text_split(&rest, '.', &part)) {
        uint64_t n;
        if (rh_text_u64(part, 255, &n) || (parts == 0 && n != 127))
            return false;
        parts++;
    }
    return parts == 4;
}

/* Levenshtein distance of short words without regard to case; `max` + 1 when it is larger. */
static unsigned distance(struct rh_text a, struct rh_text b, unsigned max)
{
    enum { WORD = 64 };
    unsigned char row[WORD + 1];
    if (a.len > WORD || b.len > WORD)
        return max + 1;
    for (unsigned j = 0; j <= b.len; j++)
        row[j] = (unsigned char)j;
    for (unsigned i = 1; i <= a.len; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned char)i;
        for (unsigned j = 1; j <= b.len; j++) {
            bool same = strncasecmp(a.data + i - 1, b.data + j - 1, 1) == 0;
            unsigned best = diagonal + !same;
            if (row[j] + 1u < best)
                best = row[j] + 1u;
            if (row[j - 1] + 1u < best)
                best = row[j - 1] + 1u;
            diagonal = row[j];
            row[j] = (unsigned char)best;
        }
    }
    return row[b.len];
}

const char *rh_nearest(struct rh_text word, const char *(*name)(unsigned index), unsigned n)
{
    unsigned best = word.len < 6 ? 3 : 2 + (unsigned)word.len / 6;
    const char *ret = NULL;
    for (unsigned i = 0; i < n; i++) {
        const char *candidate = name(i);
        unsigned d = distance(word, rh_text(candidate), best);
        if (d < best) {
            best = d;
            ret = candidate;
        }
    }
    return ret;
}
