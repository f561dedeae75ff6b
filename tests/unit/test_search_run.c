/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Searches on a real store against a slow reference that looks at every resource: whichever way
 * the search takes, the answer is the same, page by page. */
#include "base/datetime.h"
#include "record/search_int.h"
#include "system/clock.h"

#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

enum { STORED_MAX = 2000, MB = 1 << 20 };

static char dir[64];
static struct rh_arena *arena, *lasting, *query_arena;
static struct rh_issues issues;
static struct rh_record *record;
static struct rh_session *session, *looking;
static const struct rh_caller caller = {
    .user = RH_TEXT("tester"), .purpose = RH_TEXT("TREAT"), .local = true};
static const struct rh_grant everything = {.all = true};
static struct rh_run_limits usual;

/* --- chance: the same in each run
 * ----------------------------------------------------------------------------- */

static uint64_t seed;

static unsigned upto(unsigned n) /* 0 .. n-1 */
{
    seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (unsigned)(seed >> 33) % n;
}

static const char *any_of(const char *const *rows, unsigned n)
{
    return rows[upto(n)];
}
#define ANY(...)                               \
    any_of((const char *const[]){__VA_ARGS__}, \
           sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *))
#define SAY(...) rh_arena_printf(arena, __VA_ARGS__)

/* --- what is stored
 * ------------------------------------------------------------------------------------------ */

static struct rh_ctx a_ctx(struct rh_arena *a)
{
    rh_issues_init(&issues, a);
    return (struct rh_ctx){.arena = a, .issues = &issues, .now_us = rh_clock_now_us()};
}

static unsigned type_of(const char *name)
{
    unsigned type = rh_resource_number(rh_text(name));
    assert_true(type > 0);
    return type;
}

static void run_op(struct rh_write_op op)
{
    struct rh_write *w;
    struct rh_ctx ctx = a_ctx(arena);
    assert_int_equal(rh_write_open(&ctx, &caller, RH_WRITE_SINGLE, 1, &w), RH_OK);
    w->ops[0] = op;
    if (rh_write_run(session, w))
        fail_msg("%.*s: %s", RH_TEXT_ARG(op.body), issues.count ? issues.rows[0].text : "?");
    rh_arena_reset(arena);
}

static void put(const char *type, const char *id, const char *rest)
{
    const char *body = SAY("{\"resourceType\":\"%s\",\"id\":\"%s\"%s}", type, id, rest);
    run_op((struct rh_write_op){
        .interaction = RH_UPDATE, .type = type_of(type), .id = rh_text(id), .body = rh_text(body)});
}

static void drop(const char *type, const char *id)
{
    run_op(
        (struct rh_write_op){.interaction = RH_DELETE, .type = type_of(type), .id = rh_text(id)});
}

static const char *date(void)
{
    switch (upto(4)) {
    case 0:
        return SAY("%u", 2018 + upto(4));
    case 1:
        return SAY("%u-%02u", 2018 + upto(4), 1 + upto(12));
    case 2:
        return SAY("%u-%02u-%02u", 2018 + upto(4), 1 + upto(12), 1 + upto(28));
    default:
        return SAY("2020-0%u-0%uT1%u:00:00Z", 1 + upto(3), 1 + upto(9), upto(9));
    }
}

static const char *codings(void)
{
    const char *one =
        SAY("{\"system\":\"http://%s\",\"code\":\"%s\"}", ANY("a", "b"), ANY("x", "y", "z", "w"));
    switch (upto(6)) {
    case 0:
        return "{\"text\":\"only a text\"}";
    case 1:
        return SAY("{\"coding\":[%s,{\"system\":\"http://c\",\"code\":\"%s\"}]}", one,
                   ANY("x", "q"));
    case 2:
        return SAY("{\"coding\":[{\"code\":\"%s\"}],\"text\":\"plain %s\"}", ANY("x", "y"),
                   ANY("one", "two"));
    case 3:
        return "{\"coding\":[{\"system\":\"http://a\",\"display\":\"no code\"}]}";
    default:
        return SAY("{\"coding\":[%s]}", one);
    }
}

static const char *person(void)
{
    return SAY("Patient/p%u", upto(4) ? upto(6) : upto(60));
}

static const char *a_subject(void)
{
    switch (upto(8)) {
    case 0:
        return "";
    case 1:
        return SAY(",\"subject\":{\"reference\":\"Group/g%u\"},\"performer\":[{\"reference\":"
                   "\"%s\"}]",
                   upto(2), person());
    case 2:
        return ",\"subject\":{\"display\":\"somebody\"}";
    case 3:
        return SAY(",\"subject\":{\"reference\":\"Patient/none%u\"}", upto(3));
    default:
        return SAY(",\"subject\":{\"reference\":\"%s\"}", person());
    }
}

static const char *an_effective(void)
{
    switch (upto(8)) {
    case 0:
        return "";
    case 1:
        return SAY(",\"effectivePeriod\":{\"start\":\"%s\"}", date());
    case 2:
        return SAY(",\"effectivePeriod\":{\"end\":\"%u-05-0%u\"}", 2018 + upto(4), 1 + upto(9));
    case 3:
        return SAY(",\"effectivePeriod\":{\"start\":\"2018-0%u\",\"end\":\"202%u-06\"}",
                   1 + upto(9), upto(2));
    case 4:
        return SAY(",\"effectiveTiming\":{\"event\":[\"%s\",\"%s\"]}", date(), date());
    default:
        return SAY(",\"effectiveDateTime\":\"%s\"", date());
    }
}

static const char *a_value(void)
{
    switch (upto(6)) {
    case 0:
        return "";
    case 1:
        return SAY(",\"valueQuantity\":{\"value\":%u,\"unit\":\"milligram\",\"system\":"
                   "\"http://unitsofmeasure.org\",\"code\":\"mg\"}",
                   upto(8) * 500);
    case 2:
        return SAY(",\"valueQuantity\":{\"value\":%u.%u,\"unit\":\"g\",\"system\":"
                   "\"http://unitsofmeasure.org\",\"code\":\"g\"}",
                   upto(4), upto(10));
    case 3:
        return SAY(",\"valueQuantity\":{\"value\":%u,\"comparator\":\"%s\",\"unit\":\"things\"}",
                   upto(20), ANY("<", ">"));
    case 4:
        return SAY(",\"valueString\":\"%s word%u\"", ANY("high", "low", "Été"), upto(5));
    default:
        return SAY(",\"valueCodeableConcept\":%s", codings());
    }
}

static void an_observation(unsigned i)
{
    const char *component =
        upto(4)
            ? ""
            : SAY(",\"component\":[{\"code\":%s,\"valueQuantity\":{\"value\":%u,\"unit\":\"mg\","
                  "\"system\":\"http://unitsofmeasure.org\",\"code\":\"mg\"}}]",
                  codings(), upto(9) * 100);
    const char *encounter =
        upto(2) ? "" : SAY(",\"encounter\":{\"reference\":\"Encounter/e%u\"}", upto(50));
    put("Observation", SAY("o%u", i),
        SAY(",\"status\":\"%s\",\"code\":%s%s%s%s%s%s", ANY("final", "amended", "preliminary"),
            codings(), a_subject(), an_effective(), a_value(), component, encounter));
}

static void a_patient(unsigned i)
{
    const char *name = upto(5) ? SAY(",\"name\":[{\"family\":\"%s\",\"given\":[\"%s\",\"%s\"]}]",
                                     ANY("Smith", "Smythe", "Müller", "O'Brien", "Ab"),
                                     ANY("Ann", "Bob", "Carla"), ANY("Xu", "Ann", "Li"))
                               : "";
    const char *birth = upto(4)
                            ? SAY(",\"birthDate\":\"19%02u-0%u-11\"", 40 + upto(50), 1 + upto(9))
                            : (upto(2) ? "" : ",\"birthDate\":\"1970\"");
    const char *of =
        upto(3) ? SAY(",\"managingOrganization\":{\"reference\":\"Organization/g%u\"}", upto(12))
                : ",\"contained\":[{\"resourceType\":\"Organization\",\"id\":\"c\","
                  "\"name\":\"inside\"}],\"managingOrganization\":{\"reference\":"
                  "\"#c\"}";
    put("Patient", SAY("p%u", i),
        SAY("%s%s%s,\"gender\":\"%s\",\"active\":%s,\"identifier\":[{\"system\":\"http://i\","
            "\"value\":\"%u\"}%s]",
            name, birth, of, ANY("male", "female", "other"), ANY("true", "false"), i % 40,
            upto(3) ? "" : ",{\"value\":\"second\"},{\"system\":\"http://only\"}"));
}

static void an_encounter(unsigned i)
{
    const char *period = upto(4) ? SAY(",\"period\":{\"start\":\"2020-0%u-01\"%s}", 1 + upto(9),
                                       upto(2) ? ",\"end\":\"2021-01-01T10:00:00Z\"" : "")
                                 : "";
    put("Encounter", SAY("e%u", i),
        SAY(",\"status\":\"%s\",\"class\":{\"system\":\"http://cl\",\"code\":\"%s\"}%s%s%s",
            ANY("finished", "planned"), ANY("AMB", "IMP"), period,
            upto(6) ? SAY(",\"subject\":{\"reference\":\"%s\"}", person()) : "",
            upto(2) ? SAY(",\"serviceProvider\":{\"reference\":\"Organization/g%u\"}", upto(12))
                    : ""));
}

static void a_condition(unsigned i)
{
    put("Condition", SAY("c%u", i),
        SAY(",\"subject\":{\"reference\":\"%s\"}%s%s%s", person(),
            upto(3) ? SAY(",\"code\":%s", codings()) : "",
            upto(3) ? SAY(",\"onsetDateTime\":\"%s\"", date()) : ",\"onsetString\":\"long ago\"",
            upto(2) ? SAY(",\"encounter\":{\"reference\":\"Encounter/e%u\"}", upto(50)) : ""));
}

static void an_organization(unsigned i)
{
    put("Organization", SAY("g%u", i),
        SAY(",\"name\":\"%s house %u\",\"active\":true%s", ANY("Blue", "Red"), i % 4,
            i ? SAY(",\"partOf\":{\"reference\":\"Organization/g%u\"}", upto(12)) : ""));
}

static void fill(void)
{
    seed = 4711;
    for (unsigned i = 0; i < 10; i++)
        an_organization(i);
    for (unsigned i = 0; i < 2; i++)
        put("Group", SAY("g%u", i), ",\"type\":\"person\",\"actual\":true");
    for (unsigned i = 0; i < 50; i++)
        a_patient(i);
    for (unsigned i = 0; i < 40; i++)
        an_encounter(i);
    for (unsigned i = 0; i < 60; i++)
        a_condition(i);
    for (unsigned i = 0; i < 260; i++)
        an_observation(i);
    drop("Patient", "p3"); /* who is still referred to */
    drop("Encounter", "e7");
    drop("Organization", "g2");
    for (unsigned i = 0; i < 20; i++)
        drop("Observation", SAY("o%u", 10 * i));
    for (unsigned i = 0; i < 60; i++) /* new values and other persons */
        an_observation(1 + 4 * i);
    an_observation(20);
}

static int make(void **state)
{
    (void)state;
    struct rh_record_options o = {.dir = dir, .create = true};
    arena = rh_arena_open(256 * (size_t)MB);
    lasting = rh_arena_open(256 * (size_t)MB);
    query_arena = rh_arena_open(256 * (size_t)MB);
    rh_issues_init(&issues, arena);
    if (scratch_make(dir) || rh_record_open(&o, &issues, &record) ||
        rh_session_open(record, &session) || rh_session_open(record, &looking))
        return -1;
    fill();
    return 0;
}

static int clean(void **state)
{
    (void)state;
    rh_session_close(looking);
    rh_session_close(session);
    rh_record_close(record);
    rh_arena_close(arena);
    rh_arena_close(lasting);
    rh_arena_close(query_arena);
    return scratch_remove(dir);
}

/* --- the reference
 * ------------------------------------------------------------------------------------------- */

static struct stored {
    struct rh_candidate r;
    uint64_t rk;
} stored[STORED_MAX];
static unsigned n_stored;

/* Reads everything. */
static void look_at_all(void)
{
    struct rh_head *heads = rh_arena_alloc(arena, STORED_MAX * sizeof *heads);
    unsigned n = STORED_MAX;
    struct rh_ctx ctx = a_ctx(lasting);
    ctx.parameters = rh_record_parameters(record);
    n_stored = 0;
    rh_arena_reset(lasting);
    assert_int_equal(rh_store_lease(looking->conn), RH_OK);
    assert_int_equal(rh_store_rk_scan(looking->conn, 0, INT64_MAX, STORED_MAX, arena, heads, &n),
                     RH_OK);
    assert_true(n < STORED_MAX);
    for (unsigned i = 0; i < n; i++) {
        struct rh_version v;
        yyjson_doc *doc;
        struct stored *s = &stored[n_stored];
        if (heads[i].deleted)
            continue;
        assert_int_equal(rh_version_of_head(looking, &heads[i], lasting, &v), RH_OK);
        assert_int_equal(rh_json_parse(lasting, &issues, v.body, &doc), RH_OK);
        *s = (struct stored){.rk = heads[i].rk,
                             .r = {.type = v.type,
                                   .id = rh_text_copy(lasting, v.id),
                                   .updated_us = v.time_us,
                                   .resource = yyjson_doc_get_root(doc)}};
        assert_int_equal(rh_keys_of(&ctx, rh_resource_type(v.type), s->r.resource, &s->r.keys),
                         RH_OK);
        n_stored++;
    }
    rh_store_lease_rest(looking->conn, true);
    rh_arena_reset(arena);
}

static bool matches(struct rh_ctx *ctx, const struct rh_condition *c, const struct stored *s);

static bool refers(struct rh_ctx *ctx, const struct stored *from, const struct rh_parameter *p,
                   const struct stored *to)
{
    struct rh_found_reference *refs;
    unsigned n;
    assert_int_equal(
        rh_references_of(ctx, rh_resource_type(from->r.type), from->r.resource, p, &refs, &n),
        RH_OK);
    for (unsigned i = 0; i < n; i++)
        if (refs[i].type == to->r.type && rh_text_eq(refs[i].id, to->r.id))
            return true;
    return false;
}

/* A chain into what the resource contains. */
static bool joined_inside(struct rh_ctx *ctx, const struct rh_condition *c, const struct stored *s)
{
    struct rh_found_reference *refs;
    unsigned n;
    assert_int_equal(rh_references_inside(ctx, rh_resource_type(s->r.type), s->r.resource,
                                          c->parameter, &refs, &n),
                     RH_OK);
    for (unsigned i = 0; i < n; i++) {
        struct stored inner = {
            .r = {.type = refs[i].type, .id = refs[i].id, .resource = refs[i].inside}};
        bool yes = inner.r.type == c->inner_type;
        assert_int_equal(
            rh_keys_of(ctx, rh_resource_type(inner.r.type), inner.r.resource, &inner.r.keys),
            RH_OK);
        for (unsigned k = 0; k < c->n_children && yes; k++)
            yes = matches(ctx, &c->children[k], &inner);
        if (yes)
            return true;
    }
    return false;
}

static bool joined(struct rh_ctx *ctx, const struct rh_condition *c, const struct stored *s)
{
    if (c->kind == RH_COND_CHAIN && joined_inside(ctx, c, s))
        return true;
    for (unsigned i = 0; i < n_stored; i++) {
        const struct stored *other = &stored[i];
        bool yes = other->r.type == c->inner_type &&
                   (c->kind == RH_COND_CHAIN ? refers(ctx, s, c->parameter, other)
                                             : refers(ctx, other, c->parameter, s));
        for (unsigned k = 0; k < c->n_children && yes; k++)
            yes = matches(ctx, &c->children[k], other);
        if (yes)
            return true;
    }
    return false;
}

static bool matches(struct rh_ctx *ctx, const struct rh_condition *c, const struct stored *s)
{
    bool yes = c->kind == RH_COND_AND;
    switch (c->kind) {
    case RH_COND_AND:
    case RH_COND_OR:
        for (unsigned i = 0; i < c->n_children; i++)
            if (matches(ctx, &c->children[i], s) != yes)
                return !yes;
        return yes;
    case RH_COND_CHAIN:
    case RH_COND_HAS:
        return joined(ctx, c, s);
    case RH_COND_KEYS:
    case RH_COND_IDS:
    case RH_COND_NONE:
        break;
    }
    assert_int_equal(rh_condition_match(ctx, c, &s->r, &yes), RH_OK);
    return yes;
}

static void place_of(const struct rh_query *q, const struct stored *s, struct rh_place *ret)
{
    *ret = (struct rh_place){.set = true, .rk = s->rk};
    for (unsigned i = 0; i < q->n_sorts; i++) {
        unsigned number = q->sorts[i].parameter->number;
        unsigned char *own = rh_arena_alloc(query_arena, RH_STORE_ID_MAX + 1);
        if (number == RH_PARAM_LAST_UPDATED) {
            rh_key_instant(s->r.updated_us, own);
            ret->keys[i] = (struct rh_text){(char *)own, RH_KEY_INSTANT_SIZE};
        } else if (number == RH_PARAM_ID) {
            ret->keys[i].len = rh_id_key(s->r.id, own);
            ret->keys[i].data = (char *)own;
        } else {
            ret->missing[i] = !rh_sort_key(&q->sorts[i], &s->r.keys, &ret->keys[i]);
        }
    }
}

static const struct rh_query *ordering;

static int in_order(const void *a, const void *b)
{
    return rh_place_compare(ordering, a, b);
}

/* Places of all matches; in order when there is one. */
static struct rh_place *expected(const char *type, const char *text, struct rh_query *q,
                                 unsigned *n)
{
    struct rh_ctx ctx = a_ctx(query_arena);
    struct rh_run run;
    struct rh_run_host host;
    struct rh_place *ret = rh_arena_alloc(query_arena, (n_stored + 1) * sizeof *ret);
    ctx.parameters = rh_record_parameters(record);
    assert_int_equal(rh_run_open(&run, looking, &ctx, &everything, false), RH_OK);
    rh_run_host_open(&host, &run, NULL);
    enum rh_rc rc = rh_query_parse(&ctx, &host.host, type_of(type), rh_text(text), false, q);
    if (rc)
        fail_msg("%s?%s: %s", type, text, issues.count ? issues.rows[0].text : "?");
    rh_run_close(&run, rc);
    *n = 0;
    for (unsigned i = 0; i < n_stored; i++) {
        bool yes = stored[i].r.type == q->type;
        for (unsigned k = 0; k < q->n && yes; k++)
            yes = matches(&ctx, &q->conditions[k], &stored[i]);
        if (yes)
            place_of(q, &stored[i], &ret[(*n)++]);
    }
    ordering = q;
    if (q->n_sorts)
        qsort(ret, *n, sizeof *ret, in_order);
    return ret;
}

static const struct stored *by_rk(uint64_t rk)
{
    for (unsigned i = 0; i < n_stored; i++)
        if (stored[i].rk == rk)
            return &stored[i];
    fail_msg("no such number");
    return NULL;
}

/* --- running
 * ----------------------------------------------------------------------------------------------------
 */

static struct rh_page page_of(const char *type, const char *text)
{
    struct rh_page page = {0};
    struct rh_query parsed;
    struct rh_ctx ctx = a_ctx(arena);
    struct rh_search_request r = {.type = type_of(type), .query = rh_text(text), .explain = true};
    enum rh_rc rc = rh_record_search(session, &ctx, &caller, &r, &page, &parsed);
    if (rc)
        fail_msg("%s?%s: %s", type, text, issues.count ? issues.rows[0].text : rh_rc_text(rc));
    return page;
}

/* The search page by page is what it should be. */
static void check(const char *type, const char *text, unsigned count)
{
    struct rh_query q;
    unsigned n, got = 0;
    struct rh_place *want = expected(type, text, &q, &n);
    bool *seen = rh_arena_zero(query_arena, n + 1);
    const char *cursor = "";
    for (unsigned pages = 0;; pages++) {
        const char *url = SAY("%s&_count=%u%s%s%s", text, count, "&_total=accurate",
                              *cursor ? "&_cursor=" : "", cursor);
        if (pages > 0 && strchr(text, '&') == NULL)
            assert_true(pages < 2000);
        struct rh_page page = page_of(type, url);
        if (page.has_total && page.total != n)
            fail_msg("%s?%s: total %llu, not %u\n%.*s", type, url, (unsigned long long)page.total,
                     n, RH_TEXT_ARG(page.explain));
        assert_true(pages > 0 || page.has_total);
        if (page.next.len && page.n != count)
            fail_msg("%s?%s: a short page with another behind it", type, url);
        for (unsigned i = 0; i < page.n; i++, got++) {
            unsigned at = got;
            if (q.n_sorts == 0)
                for (at = 0; at < n && !rh_text_eq(by_rk(want[at].rk)->r.id, page.rows[i].id); at++)
                    ;
            if (at >= n || seen[at] || !rh_text_eq(by_rk(want[at].rk)->r.id, page.rows[i].id))
                fail_msg("%s?%s: row %u is %.*s%s, expected %.*s\n%.*s", type, url, got,
                         RH_TEXT_ARG(page.rows[i].id), at < n && seen[at] ? " again" : "",
                         at < n ? (int)by_rk(want[at].rk)->r.id.len : 0,
                         at < n ? by_rk(want[at].rk)->r.id.data : "", RH_TEXT_ARG(page.explain));
            seen[at] = true;
        }
        if (!page.next.len) {
            if (got != n)
                fail_msg("%s?%s: %u rows, not %u\n%.*s", type, url, got, n,
                         RH_TEXT_ARG(page.explain));
            break;
        }
        cursor = SAY("%.*s", RH_TEXT_ARG(page.next));
    }
    rh_arena_reset(arena);
}

/* --- queries
 * ----------------------------------------------------------------------------------------------------
 */

static const char *of_patient(void);
static const char *of_organization(void);
static const char *of_encounter(void);

static const char *of_observation(unsigned depth)
{
    const char *d = date();
    switch (upto(depth ? 26 : 19)) {
    case 0:
        return SAY("code=%s", ANY("x", "y", "http://a|x", "http://b|", "|x", "nothing"));
    case 1:
        return SAY("code=%s,%s", ANY("x", "http://b|z"), ANY("w", "http://c|q"));
    case 2:
        return SAY("code:not=%s", ANY("x", "http://a|x,http://a|y", "http://a|", "q,w"));
    case 3:
        return SAY("date=%s%s", ANY("", "lt", "gt", "le", "ge", "ne", "sa", "eb", "ap"), d);
    case 4:
        return depth ? SAY("date=ge%s&date=lt%s", d, date()) : SAY("date=sa%s", d);
    case 5:
        return SAY("status%s=%s", ANY("", ":not"), ANY("final", "amended", "final,amended"));
    case 6:
        return SAY("%s:missing=%s",
                   ANY("date", "code", "subject", "patient", "value-quantity", "encounter",
                       "component-code", "combo-code", "value-string"),
                   ANY("true", "false"));
    case 7:
        return SAY("subject=%s", person());
    case 8:
        return SAY("patient=p%u,p%u", upto(6), upto(60));
    case 9:
        return SAY("value-quantity=%s%u%s", ANY("", "lt", "gt", "ge", "ne", "sa"), upto(6) * 500,
                   ANY("", "|http://unitsofmeasure.org|mg", "||mg", "||things"));
    case 10:
        return SAY("value-quantity=%s%u.%u|http://unitsofmeasure.org|g", ANY("", "lt", "ge", "ap"),
                   upto(4), upto(10));
    case 11:
        return SAY("value-string%s=%s", ANY("", ":contains", ":exact"),
                   ANY("high", "ete", "word3", "low word1", "wor"));
    case 12:
        return SAY("combo-code=%s", ANY("x", "http://c|q", "w,y"));
    case 13:
        return SAY("code-value-quantity=%s$%s%u", ANY("x", "http://a|y"), ANY("gt", "lt", ""),
                   upto(6) * 500);
    case 14:
        return SAY("component-code-value-quantity=%s$ge%u", ANY("x", "http://b|z"), upto(900));
    case 15:
        return SAY("_id=o%u,o%u,o%u", upto(260), upto(260), upto(300));
    case 16:
        return SAY("_lastUpdated=%s2020-01-01", ANY("gt", "lt"));
    case 17:
        return SAY("code:text=%s", ANY("plain", "two", "only text"));
    case 18:
        return SAY("subject=Group/g%u", upto(2));
    case 19:
        return SAY("%s.%s", ANY("subject:Patient", "patient"), of_patient());
    case 20:
        return SAY("encounter.%s", of_encounter());
    case 21:
        return SAY("encounter.service-provider.%s", of_organization());
    case 22:
        return SAY("patient.organization.%s", of_organization());
    case 23:
        return SAY("performer:Patient.%s", of_patient());
    case 24:
        return SAY("subject:Patient._has:Condition:patient:code=%s", ANY("x", "y", "q"));
    default:
        return SAY("encounter:Encounter.subject:Patient.%s", of_patient());
    }
}

static const char *of_organization(void)
{
    return SAY("%s", ANY("name=blue", "name=red house 1", "name:contains=house", "name:exact=Red",
                         "_id=g1", "partof=Organization/g1", "active:not=true"));
}

static const char *of_encounter(void)
{
    switch (upto(5)) {
    case 0:
        return SAY("status%s=%s", ANY("", ":not"), ANY("planned", "finished"));
    case 1:
        return SAY("date=%s%s", ANY("ge", "lt", "", "sa"), date());
    case 2:
        return SAY("class=%s", ANY("AMB", "IMP"));
    case 3:
        return SAY("subject:missing=%s", ANY("true", "false"));
    default:
        return SAY("patient=%s", person());
    }
}

static const char *of_patient(void)
{
    switch (upto(9)) {
    case 0:
        return SAY("name=%s", ANY("smith", "ann", "muller", "ann smith", "x"));
    case 1:
        return SAY("family%s=%s", ANY("", ":exact", ":contains"), ANY("Sm", "Smith", "rien", "ab"));
    case 2:
        return SAY("birthdate=%s19%02u", ANY("ge", "lt", "", "ne"), 40 + upto(50));
    case 3:
        return SAY("gender%s=%s", ANY("", ":not"), ANY("male", "female,other"));
    case 4:
        return SAY("active=%s", ANY("true", "false"));
    case 5:
        return SAY("identifier=%s%u", ANY("", "http://i|", "|"), upto(40));
    case 6:
        return SAY("%s:missing=%s", ANY("name", "birthdate", "organization"), ANY("true", "false"));
    case 7:
        return SAY("organization=Organization/g%u", upto(12));
    default:
        return SAY("given=%s", ANY("a", "bob", "Li"));
    }
}

static const char *has_patient(void)
{
    switch (upto(6)) {
    case 0:
        return SAY("_has:Observation:%s:%s", ANY("patient", "subject"), of_observation(0));
    case 1:
        return SAY("_has:Condition:patient:code=%s", ANY("x", "http://a|y"));
    case 2:
        return SAY("_has:Encounter:patient:%s", of_encounter());
    case 3:
        return SAY("_has:Observation:performer:%s", of_observation(0));
    case 4:
        return SAY("_has:Encounter:patient:_has:Observation:encounter:code=%s", ANY("x", "z"));
    default:
        return SAY("organization.%s", of_organization());
    }
}

static const char *sorts_of(bool patient)
{
    const char *text = "";
    for (unsigned i = 0, n = upto(4); i < n; i++) {
        const char *one =
            patient
                ? ANY("family", "name", "birthdate", "gender", "_id", "_lastUpdated",
                      "organization", "identifier", "given", "active")
                : ANY("date", "code", "status", "subject", "patient", "value-quantity", "_id",
                      "_lastUpdated", "encounter", "value-string", "combo-code", "value-concept");
        text = SAY("%s%s%s%s", text, i ? "," : "&_sort=", upto(2) ? "-" : "", one);
    }
    return text;
}

static const char *a_query(const char **type)
{
    bool patient = upto(4) == 0;
    const char *text = "";
    *type = patient ? "Patient" : "Observation";
    for (unsigned i = 0, n = upto(4); i < n; i++) {
        const char *one = patient ? upto(2) ? of_patient() : has_patient() : of_observation(1);
        text = SAY("%s%s%s", text, i ? "&" : "", one);
    }
    return SAY("%s%s", text, sorts_of(patient));
}

static void many(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        const char *type;
        const char *made = a_query(&type);
        char text[2000];
        if (strlen(made) >= sizeof text)
            continue;
        memcpy(text, made, strlen(made) + 1);
        unsigned size = upto(3) ? 1 + upto(50) : 1 + upto(6);
        rh_arena_reset(arena);
        rh_arena_reset(query_arena);
        check(type, text, size);
    }
}

static void searches_find_what_they_should(void **state)
{
    (void)state;
    look_at_all();
    seed = 1;
    rh_run_limits = usual;
    many(500);
}

static void every_way_gives_the_same_answer(void **state)
{
    (void)state;
    static const struct rh_run_limits ways[] = {
        /* all is walked, nothing is small */
        {.lease_rows = 7, .union_lists = 64, .filter_looks = 1000000, .walk_rows = 1000000},
        /* walks that give up, filters that gather at once */
        {.lease_rows = 50, .union_lists = 2, .probe = 5, .small = 10, .few = 2, .walk_rows = 9},
        /* all is gathered and followed from its side */
        {.lease_rows = 100000,
         .union_lists = 1,
         .filter_looks = 3,
         .probe = 1000,
         .small = 20000,
         .few = 100000,
         .few_matches = 1000000},
        /* persons joined, the rest asked for each candidate */
        {.lease_rows = 1000, .union_lists = 64, .filter_looks = 2, .probe = 20, .walk_rows = 40},
        {.lease_rows = 1000,
         .union_lists = 3,
         .filter_looks = 10,
         .probe = 0,
         .small = 100,
         .few = 1,
         .walk_rows = 1000,
         .few_matches = 10},
    };
    look_at_all();
    for (unsigned i = 0; i < sizeof ways / sizeof ways[0]; i++) {
        rh_run_limits = ways[i];
        seed = 100 + i;
        many(150);
    }
    rh_run_limits = usual;
}

/* --- while others write
 * --------------------------------------------------------------------------------------------- */

/* What was there from the first page to the last is seen once, whatever happens beside it. */
static void pages_hold_while_others_write(void **state)
{
    (void)state;
    static const char *const texts[] = {"_sort=date,_id",
                                        "_sort=-date",
                                        "code=x,y&_sort=status",
                                        "value-quantity=gt100",
                                        "code:not=z",
                                        "date=ge2018",
                                        "value-string:missing=true&_sort=-_lastUpdated"};
    for (unsigned t = 0; t < 3 * sizeof texts / sizeof texts[0]; t++) {
        const char *text = texts[t / 3];
        char cursor[500] = "";
        struct rh_query q;
        unsigned n;
        rh_run_limits = usual;
        rh_run_limits.few_matches = t % 3 ? 0 : 1000; /* one way or the other */
        rh_run_limits.probe = t % 3 == 1 ? 5 : 1000;
        look_at_all();
        rh_arena_reset(query_arena);
        struct rh_place *want = expected("Observation", text, &q, &n);
        bool *seen = rh_arena_zero(query_arena, n + 1),
             *touched = rh_arena_zero(query_arena, n + 1);
        for (unsigned page_number = 0;; page_number++) {
            struct rh_page page = page_of(
                "Observation", SAY("%s&_count=7%s%s", text, *cursor ? "&_cursor=" : "", cursor));
            for (unsigned i = 0; i < page.n; i++)
                for (unsigned k = 0; k < n; k++)
                    if (rh_text_eq(by_rk(want[k].rk)->r.id, page.rows[i].id)) {
                        if (seen[k] && !touched[k])
                            fail_msg("%s: %.*s again", text, RH_TEXT_ARG(page.rows[i].id));
                        seen[k] = true;
                    }
            snprintf(cursor, sizeof cursor, "%.*s", RH_TEXT_ARG(page.next));
            if (!*cursor)
                break;
            assert_true(page_number < 1000);
            for (unsigned i = 0; i < 2; i++) {
                unsigned id = upto(300);
                for (unsigned k = 0; k < n; k++)
                    touched[k] |= rh_text_is(by_rk(want[k].rk)->r.id, SAY("o%u", id));
                if (upto(3))
                    an_observation(id);
                else
                    drop("Observation", SAY("o%u", id));
            }
        }
        for (unsigned k = 0; k < n; k++)
            if (!seen[k] && !touched[k])
                fail_msg("%s: %.*s is missing", text, RH_TEXT_ARG(by_rk(want[k].rk)->r.id));
    }
    rh_run_limits = usual;
}

/* Each resource that a match refers to, or that refers to one, once. */
static void includes_bring_each_once(void **state)
{
    (void)state;
    static const char *const texts[] = {"status=finished", "date=ge2020&_sort=-date",
                                        "class=AMB&_sort=_id"};
    rh_arena_reset(query_arena);
    look_at_all();
    const struct rh_parameter *sets[3];
    sets[0] = rh_parameter_find(NULL, type_of("Encounter"), RH_TEXT("patient"));
    sets[1] = rh_parameter_find(NULL, type_of("Observation"), RH_TEXT("encounter"));
    sets[2] = rh_parameter_find(NULL, type_of("Patient"), RH_TEXT("organization"));
    for (unsigned t = 0; t < sizeof texts / sizeof texts[0]; t++) {
        unsigned want = 0;
        bool *in = rh_arena_zero(query_arena, STORED_MAX);
        struct rh_ctx ctx = a_ctx(query_arena);
        struct rh_page page =
            page_of("Encounter", SAY("%s&_count=9&_include=Encounter:patient&_revinclude="
                                     "Observation:encounter&_include:iterate=Patient:organization",
                                     texts[t]));
        assert_true(page.n == 9);
        for (unsigned i = 0; i < page.n; i++)
            for (unsigned k = 0; k < n_stored; k++)
                for (unsigned e = 0; e < n_stored; e++)
                    if (stored[e].r.type == page.rows[i].type &&
                        rh_text_eq(stored[e].r.id, page.rows[i].id))
                        in[k] |= (stored[k].r.type == type_of("Patient") &&
                                  refers(&ctx, &stored[e], sets[0], &stored[k])) ||
                                 (stored[k].r.type == type_of("Observation") &&
                                  refers(&ctx, &stored[k], sets[1], &stored[e]));
        for (unsigned k = 0; k < n_stored; k++)
            for (unsigned e = 0; e < n_stored && stored[k].r.type == type_of("Organization"); e++)
                in[k] |= in[e] && stored[e].r.type == type_of("Patient") &&
                         refers(&ctx, &stored[e], sets[2], &stored[k]);
        for (unsigned k = 0; k < n_stored; k++) {
            unsigned times = 0;
            want += in[k];
            for (unsigned i = page.n; i < page.n + page.n_included; i++)
                times += stored[k].r.type == page.rows[i].type &&
                         rh_text_eq(stored[k].r.id, page.rows[i].id);
            if (times != in[k])
                fail_msg("%s: %.*s is included %u times, not %u", texts[t],
                         RH_TEXT_ARG(stored[k].r.id), times, in[k]);
        }
        assert_int_equal(page.n_included, want);
        assert_true(want > 0);
    }
}

static void cursors_that_are_not_ours_are_refused(void **state)
{
    (void)state;
    struct rh_page page = page_of("Observation", "_sort=date&_count=3"), other = {0};
    struct rh_query parsed;
    char *cursor = SAY("%.*s", RH_TEXT_ARG(page.next));
    assert_true(*cursor);
    for (size_t i = 0; i < strlen(cursor); i++) {
        char *bad = SAY("%s", cursor);
        bad[i] = bad[i] == 'A' ? 'B' : 'A';
        struct rh_ctx ctx = a_ctx(arena);
        struct rh_search_request r = {
            .type = type_of("Observation"),
            .query = rh_text(SAY("_sort=date&_count=3&_cursor=%s", i % 2 ? bad : bad + 1 + i / 2))};
        assert_int_equal(rh_record_search(session, &ctx, &caller, &r, &other, &parsed), RH_QUERY);
    }
    struct rh_ctx ctx = a_ctx(arena);
    struct rh_search_request r = {.type = type_of("Observation"),
                                  .query = rh_text(SAY("_sort=-date&_count=3&_cursor=%s", cursor))};
    assert_int_equal(rh_record_search(session, &ctx, &caller, &r, &other, &parsed), RH_QUERY);
}

static void an_added_parameter_orders_each_resource_once(void **state)
{
    (void)state;
    struct rh_text definition = RH_TEXT(
        "{\"resourceType\":\"SearchParameter\",\"url\":\"http://example.org/issued-on\",\"name\":"
        "\"i\",\"status\":\"active\",\"description\":\"i\",\"code\":\"my-value\",\"base\":"
        "[\"Observation\"],\"type\":\"string\",\"expression\":"
        "\"Observation.value.ofType(string)\"}");
    rh_record_add_parameters(record, &definition, 1);
    assert_true(rh_record_indexed(record, 60000));
    for (unsigned i = 0; i < 8; i++) {
        rh_run_limits = usual;
        rh_run_limits.few_matches = i % 2 ? 0 : 1000;
        rh_arena_reset(query_arena);
        look_at_all();
        check("Observation", i < 4 ? "_sort=my-value" : "code=x&_sort=-my-value,date", 4 + 9 * i);
        check("Observation", i < 4 ? "my-value:missing=true" : "my-value=high&_sort=-my-value", 5);
    }
    rh_run_limits = usual;
}

int main(void)
{
    usual = rh_run_limits;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(searches_find_what_they_should),
        cmocka_unit_test(every_way_gives_the_same_answer),
        cmocka_unit_test(includes_bring_each_once),
        cmocka_unit_test(cursors_that_are_not_ours_are_refused),
        cmocka_unit_test(pages_hold_while_others_write),
        cmocka_unit_test(an_added_parameter_orders_each_resource_once),
    };
    return cmocka_run_group_tests(tests, make, clean);
}
