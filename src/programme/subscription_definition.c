/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * subscription_definition.c - what a Subscription asks for, and where the operator lets it go.
 */
#include "programme/subscription_int.h"

#include "base/alloc.h"
#include "base/datetime.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* --- addresses ---------------------------------------------------------------------------------
 */

struct parts {
    CURLU *handle;
    char *scheme, *host, *port, *path;
};

static void parts_free(struct parts *p)
{
    curl_free(p->scheme);
    curl_free(p->host);
    curl_free(p->port);
    curl_free(p->path);
    curl_url_cleanup(p->handle);
}

/* The address as the library itself understands it, which is what it will connect to. NULL: fine;
 * else what is wrong. */
static const char *parts_of(struct rh_text address, struct parts *p)
{
    char text[2048];
    char *query = NULL, *fragment = NULL;
    *p = (struct parts){0};
    if (address.len >= sizeof text)
        return "is too long";
    for (size_t i = 0; i < address.len; i++)
        if ((unsigned char)address.data[i] <= ' ' || (unsigned char)address.data[i] > '~' ||
            address.data[i] == '\\')
            return "has a character that an address cannot have";
    snprintf(text, sizeof text, "%.*s", RH_TEXT_ARG(address));
    p->handle = curl_url();
    if (!p->handle || curl_url_set(p->handle, CURLUPART_URL, text, CURLU_DISALLOW_USER) ||
        curl_url_get(p->handle, CURLUPART_SCHEME, &p->scheme, 0) ||
        curl_url_get(p->handle, CURLUPART_HOST, &p->host, 0) ||
        curl_url_get(p->handle, CURLUPART_PORT, &p->port, CURLU_DEFAULT_PORT) ||
        curl_url_get(p->handle, CURLUPART_PATH, &p->path, 0))
        return "is not an address such as https://host/path, without a user";
    bool more = curl_url_get(p->handle, CURLUPART_QUERY, &query, 0) == CURLUE_OK ||
                curl_url_get(p->handle, CURLUPART_FRAGMENT, &fragment, 0) == CURLUE_OK;
    curl_free(query);
    curl_free(fragment);
    if (more)
        return "has a part behind '?' or '#'";
    if (strcmp(p->scheme, "https") != 0 && strcmp(p->scheme, "http") != 0)
        return "is neither https nor http";
    /* What a server behind the endpoint may undo, so that a beginning would prove nothing. */
    for (const char *c = p->path; (c = strchr(c, '%')) != NULL; c++)
        if (strncasecmp(c, "%2e", 3) == 0 || strncasecmp(c, "%2f", 3) == 0 ||
            strncasecmp(c, "%5c", 3) == 0)
            return "has an encoded '.', '/' or '\\'";
    return NULL;
}

struct rh_hook_rule {
    struct parts parts;
};

enum rh_rc rh_hook_rules_open(const char *const *texts, unsigned n, struct rh_issues *is,
                              struct rh_hook_rule **ret)
{
    struct rh_hook_rule *rules = rh_alloc((n + 1) * sizeof *rules);
    for (unsigned i = 0; i < n; i++) {
        char full[2048];
        bool whole = strstr(texts[i], "://") != NULL;
        snprintf(full, sizeof full, "%s%s", whole ? "" : "https://", texts[i]);
        const char *wrong = parts_of(rh_text(full), &rules[i].parts);
        if (!wrong)
            continue;
        rh_hook_rules_close(rules, i + 1);
        return rh_issue_add(is, RH_INVALID, NULL,
                            "--hook %.200s %s. It is host[:port][/path], for https, or "
                            "http://host[:port][/path] where it may go in clear.",
                            texts[i], wrong);
    }
    *ret = rules;
    return RH_OK;
}

void rh_hook_rules_close(struct rh_hook_rule *rules, unsigned n)
{
    for (unsigned i = 0; rules && i < n; i++)
        parts_free(&rules[i].parts);
    rh_free(rules);
}

/* Is the path the rule's, or below it? */
static bool below(const char *path, const char *rule)
{
    size_t n = strlen(rule);
    while (n && rule[n - 1] == '/')
        n--;
    return strncmp(path, rule, n) == 0 && (path[n] == 0 || path[n] == '/');
}

enum rh_rc rh_hook_allowed(const struct rh_hook_rule *rules, unsigned n, struct rh_text endpoint,
                           struct rh_issues *is)
{
    struct parts p;
    const char *wrong = parts_of(endpoint, &p);
    bool fine = false;
    for (unsigned i = 0; !wrong && i < n && !fine; i++) {
        const struct parts *r = &rules[i].parts;
        fine = strcmp(p.scheme, r->scheme) == 0 && strcasecmp(p.host, r->host) == 0 &&
               strcmp(p.port, r->port) == 0 && below(p.path, r->path);
    }
    char shown[120] = "";
    if (!wrong)
        snprintf(shown, sizeof shown, "%s%.80s:%s", strcmp(p.scheme, "http") == 0 ? "http://" : "",
                 p.host, p.port);
    parts_free(&p);
    if (fine)
        return RH_OK;
    if (wrong)
        return rh_issue_add(is, RH_FORBIDDEN, "Subscription.channel.endpoint", "the endpoint %s.",
                            wrong);
    return rh_issue_add(is, RH_FORBIDDEN, "Subscription.channel.endpoint",
                        "this server does not send to this endpoint: its operator must allow it "
                        "(rihla serve --hook %s).",
                        shown);
}

/* --- the resource ------------------------------------------------------------------------------
 */

static enum rh_rc read_payload(struct rh_issues *is, struct rh_text media, struct rh_hook *ret)
{
    struct rh_text rest = media, type;
    ret->media = media;
    if (!media.len)
        return RH_OK;
    rh_text_split(&rest, ';', &type);
    type = rh_text_trim(type);
    if (rh_text_is(type, "application/fhir+json") || rh_text_is(type, "application/json"))
        ret->payload = RH_HOOK_JSON;
    else if (rh_text_is(type, "application/fhir+xml") || rh_text_is(type, "application/xml"))
        ret->payload = RH_HOOK_XML;
    else
        return rh_issue_add(is, RH_RULE, "Subscription.channel.payload",
                            "the payload is application/fhir+json or application/fhir+xml, or "
                            "there is none: then only an empty request is sent.");
    ret->media = type;
    return RH_OK;
}

/* "Name: value", with a name that is not ours to set. */
static const char *bad_header(struct rh_text line, struct rh_text *name, struct rh_text *value)
{
    static const char *const ours[] = {"Host",   "Content-Length",     "Content-Type", "Connection",
                                       "Expect", "Transfer-Encoding",  "Upgrade",      "Trailer",
                                       "TE",     "Proxy-Authorization"};
    *value = line;
    if (line.len > RH_HOOK_HEADER_BYTES)
        return "is too long";
    for (size_t i = 0; i < line.len; i++)
        if ((unsigned char)line.data[i] < ' ' || (unsigned char)line.data[i] > '~')
            return "has a character that a header cannot have";
    rh_text_split(value, ':', name);
    if (!value->data || !name->len)
        return "is not \"Name: value\"";
    for (size_t i = 0; i < name->len; i++)
        if (strchr(" \t\"(),/;<=>?@[\\]{}", name->data[i]))
            return "is not \"Name: value\"";
    *value = rh_text_trim(*value);
    if (!value->len)
        return "has no value";
    for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
        if (rh_text_ieq(*name, rh_text(ours[i])))
            return "is set by this server";
    bool rihla =
        name->len >= 8 && rh_text_ieq((struct rh_text){name->data, 8}, RH_TEXT("X-Rihla-"));
    if (rihla && !rh_text_ieq(*name, RH_TEXT("X-Rihla-Secret")))
        return "is set by this server";
    return NULL;
}

static enum rh_rc read_headers(struct rh_issues *is, yyjson_val *list, struct rh_hook *ret)
{
    size_t i, max;
    yyjson_val *item;
    yyjson_arr_foreach (list, i, max, item) {
        struct rh_text line = rh_text_trim(rh_json_text(item)), name, value;
        char place[60];
        snprintf(place, sizeof place, "Subscription.channel.header[%zu]", i);
        if (ret->n_headers == RH_HOOK_HEADERS_MAX)
            return rh_issue_add(is, RH_RULE, place, "there are more than %d headers.",
                                RH_HOOK_HEADERS_MAX);
        const char *wrong = bad_header(line, &name, &value);
        if (wrong)
            return rh_issue_add(is, RH_RULE, place, "the header %s.", wrong);
        if (!rh_text_ieq(name, RH_TEXT("X-Rihla-Secret")))
            ret->headers[ret->n_headers++] = line;
        else if (value.len < RH_HOOK_SECRET_MIN)
            return rh_issue_add(is, RH_RULE, place, "the secret has fewer than %d characters.",
                                RH_HOOK_SECRET_MIN);
        else
            ret->secret = value;
    }
    return RH_OK;
}

static enum rh_rc read_end(struct rh_issues *is, struct rh_text end, struct rh_hook *ret)
{
    struct rh_datetime t;
    if (!end.len)
        return RH_OK;
    if (rh_datetime_parse(end, RH_INSTANT, 0, &t))
        return rh_issue_add(is, RH_VALUE, "Subscription.end", "the end is not an instant.");
    ret->end_us = t.hi_us;
    return RH_OK;
}

enum rh_rc rh_hook_read(struct rh_issues *is, yyjson_val *resource, struct rh_hook *ret)
{
    yyjson_val *channel = yyjson_obj_get(resource, "channel");
    struct rh_text type = rh_json_get(channel, "type");
    struct parts parts;
    *ret = (struct rh_hook){.status = rh_json_get(resource, "status"),
                            .endpoint = rh_json_get(channel, "endpoint")};
    if (!rh_text_is(type, "rest-hook"))
        return rh_issue_add(is, RH_RULE, "Subscription.channel.type",
                            "the only channel here is rest-hook. For a page that is open, GET "
                            "/fhir/$events sends events.");
    if (!ret->endpoint.len)
        return rh_issue_add(is, RH_RULE, "Subscription.channel.endpoint",
                            "a rest-hook needs an endpoint to send to.");
    const char *wrong = parts_of(ret->endpoint, &parts);
    parts_free(&parts);
    if (wrong)
        return rh_issue_add(is, RH_RULE, "Subscription.channel.endpoint", "the endpoint %s.",
                            wrong);
    enum rh_rc rc = read_payload(is, rh_json_get(channel, "payload"), ret);
    if (!rc)
        rc = read_headers(is, yyjson_obj_get(channel, "header"), ret);
    if (!rc)
        rc = read_end(is, rh_json_get(resource, "end"), ret);
    if (!rc)
        rc = rh_criteria_read(is, rh_json_get(resource, "criteria"), &ret->criteria);
    return rc;
}
