/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The record on its real store: versions, history over time, moved resources, transactions, and the
 * rows that every access leaves. */
#include "base/datetime.h"
#include "record/record_int.h"
#include "system/clock.h"

#include "scratch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];
static struct rh_arena *arena;
static struct rh_issues issues;
static struct rh_record *record;
static struct rh_session *session;
static const struct rh_caller caller = {
    .user = RH_TEXT("tester"), .purpose = RH_TEXT("TREAT"), .local = true};

/* --- help ----------------------------------------------------------------------------------------
 */

static enum rh_rc open_record(void)
{
    struct rh_record_options o = {.dir = dir, .create = true};
    rh_issues_init(&issues, arena);
    enum rh_rc rc = rh_record_open(&o, &issues, &record);
    return rc ? rc : rh_session_open(record, &session);
}

static void close_record(void)
{
    rh_session_close(session);
    rh_record_close(record);
    session = NULL;
    record = NULL;
}

static int make(void **state)
{
    (void)state;
    arena = rh_arena_open(256 << 20);
    return scratch_make(dir) || open_record() ? -1 : 0;
}

static int clean(void **state)
{
    (void)state;
    close_record();
    rh_arena_close(arena);
    return scratch_remove(dir);
}

static struct rh_ctx a_ctx(void)
{
    rh_issues_init(&issues, arena);
    return (struct rh_ctx){.arena = arena, .issues = &issues, .now_us = rh_clock_now_us()};
}

static unsigned type_of(const char *name)
{
    unsigned type = rh_resource_number(rh_text(name));
    assert_true(type > 0);
    return type;
}

static struct rh_write *a_write(enum rh_write_mode mode, unsigned n)
{
    struct rh_write *w;
    struct rh_ctx ctx = a_ctx();
    assert_int_equal(rh_write_open(&ctx, &caller, mode, n, &w), RH_OK);
    return w;
}

static struct rh_write_op update(const char *type, const char *id, const char *rest)
{
    char *body = rh_arena_printf(arena, "{\"resourceType\":\"%s\",\"id\":\"%s\"%s%s}", type, id,
                                 *rest ? "," : "", rest);
    return (struct rh_write_op){
        .interaction = RH_UPDATE, .type = type_of(type), .id = rh_text(id), .body = rh_text(body)};
}

static struct rh_write_op create(const char *type, const char *url, const char *rest)
{
    char *body =
        rh_arena_printf(arena, "{\"resourceType\":\"%s\"%s%s}", type, *rest ? "," : "", rest);
    return (struct rh_write_op){.interaction = RH_CREATE,
                                .type = type_of(type),
                                .full_url = rh_text(url),
                                .body = rh_text(body)};
}

static struct rh_version one(struct rh_write_op op)
{
    struct rh_write *w = a_write(RH_WRITE_SINGLE, 1);
    w->ops[0] = op;
    if (rh_write_run(session, w))
        fail_msg("%s", issues.count ? issues.rows[0].text : rh_rc_text(w->rc));
    return w->ops[0].version;
}

static struct rh_version put(const char *type, const char *id, const char *rest)
{
    return one(update(type, id, rest));
}

static struct rh_version drop(const char *type, const char *id)
{
    return one(
        (struct rh_write_op){.interaction = RH_DELETE, .type = type_of(type), .id = rh_text(id)});
}

static const char *body_of(const struct rh_version *v)
{
    return rh_arena_printf(arena, "%.*s", RH_TEXT_ARG(v->body));
}

static const char *stored(const char *type, const char *id)
{
    struct rh_version v;
    struct rh_ctx ctx = a_ctx();
    assert_int_equal(rh_record_read(session, &ctx, &caller, type_of(type), rh_text(id), &v), RH_OK);
    return body_of(&v);
}

static const char *version_text(const struct rh_version *v)
{
    char text[RH_VERSION_ID_SIZE];
    rh_version_id(v->origin, v->seq, text);
    return rh_arena_printf(arena, "%s", text);
}

static struct rh_page search(const char *type, const char *query)
{
    struct rh_page page = {0};
    struct rh_query q;
    struct rh_ctx ctx = a_ctx();
    struct rh_search_request r = {.type = type_of(type), .query = rh_text(query)};
    if (rh_record_search(session, &ctx, &caller, &r, &page, &q))
        fail_msg("%s?%s: %s", type, query, issues.rows[0].text);
    return page;
}

static struct rh_record_stats stats(void)
{
    struct rh_record_stats s;
    assert_int_equal(rh_record_stats(session, &s), RH_OK);
    return s;
}

static void all_is_well(void)
{
    struct rh_check_report r = {0};
    struct rh_ctx ctx = a_ctx();
    if (rh_record_check(record, &ctx, NULL, NULL, &r))
        fail_msg("check: %s", issues.count ? issues.rows[0].text : "?");
    assert_int_equal(r.problems, 0);
}

/* --- versions ------------------------------------------------------------------------------------
 */

static void version_ids_are_read_as_they_are_written(void **state)
{
    (void)state;
    static const struct {
        uint64_t origin, seq;
        const char *text;
    } good[] = {{1, 1, "1-1"},
                {0xa1, 5, "a1-5"},
                {0xffffffffffffffff, INT64_MAX, "ffffffffffffffff-9223372036854775807"}};
    static const char *const bad[] = {"",
                                      "1",
                                      "-",
                                      "1-",
                                      "-1",
                                      "a1-0",
                                      "a1-05",
                                      "0a1-5",
                                      "A1-5",
                                      "a1-5 ",
                                      " a1-5",
                                      "a1-5-6",
                                      "g1-5",
                                      "a1-x",
                                      "a1--5",
                                      "a1-+5",
                                      "0-1",
                                      "a1-9223372036854775808",
                                      "10000000000000000-1"};
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        char text[RH_VERSION_ID_SIZE];
        uint64_t origin = 0, seq = 0;
        rh_version_id(good[i].origin, good[i].seq, text);
        assert_string_equal(text, good[i].text);
        assert_true(rh_version_id_parse(rh_text(text), &origin, &seq));
        assert_true(origin == good[i].origin && seq == good[i].seq);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint64_t origin, seq;
        if (rh_version_id_parse(rh_text(bad[i]), &origin, &seq))
            fail_msg("\"%s\" was taken", bad[i]);
    }
}

static void a_version_gets_its_meta_spliced_in(void **state)
{
    (void)state;
    static const char spliced[] =
        "\"meta\":{\"versionId\":\"a1-5\",\"lastUpdated\":\"1970-01-01T00:00:00.000001Z\"";
    static const struct {
        const char *stored, *before, *after;
    } rows[] = {
        {"{\"resourceType\":\"Patient\",\"id\":\"p\"}", "", "}}"},
        {"{\"resourceType\":\"Patient\",\"id\":\"p\",\"active\":true}", "", "},\"active\":true}"},
        {"{\"resourceType\":\"Patient\",\"id\":\"p\",\"meta\":{\"tag\":[{\"code\":\"x\"}]},"
         "\"active\":true}",
         "", ",\"tag\":[{\"code\":\"x\"}]},\"active\":true}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_version v = {.type = type_of("Patient"),
                               .id = RH_TEXT("p"),
                               .origin = 0xa1,
                               .seq = 5,
                               .time_us = 1,
                               .op = RH_OP_CREATE,
                               .body = rh_text(rows[i].stored)};
        struct rh_buf b = rh_buf(arena);
        rh_version_write(&v, &b);
        assert_string_equal(rh_arena_printf(arena, "%.*s", RH_TEXT_ARG(rh_buf_get(&b))),
                            rh_arena_printf(arena,
                                            "{\"resourceType\":\"Patient\",\"id\":\"p\",%s%s",
                                            spliced, rows[i].after));
    }
    struct rh_version gone = {.type = type_of("Patient"), .id = RH_TEXT("p"), .op = RH_OP_DELETE};
    struct rh_buf b = rh_buf(arena);
    rh_version_write(&gone, &b);
    assert_int_equal(b.len, 0);
}

static void meta_of_the_client_stays_without_what_is_ours(void **state)
{
    (void)state;
    put("Patient", "a",
        "\"active\":true,\"meta\":{\"versionId\":\"9\",\"lastUpdated\":\"2001-01-01T00:00:00Z\","
        "\"profile\":[\"http://x\"]}");
    put("Patient", "b", "\"meta\":{\"versionId\":\"9\"}");
    assert_string_equal(stored("Patient", "a"),
                        "{\"resourceType\":\"Patient\",\"id\":\"a\",\"meta\":{\"profile\":["
                        "\"http://x\"]},\"active\":true}");
    assert_string_equal(stored("Patient", "b"), "{\"resourceType\":\"Patient\",\"id\":\"b\"}");
}

static void an_identical_update_makes_no_version(void **state)
{
    (void)state;
    struct rh_version first = put("Patient", "a", "\"active\":true");
    uint64_t seq = stats().seq;
    struct rh_version again = put("Patient", "a", "\"active\":true");
    assert_string_equal(version_text(&first), version_text(&again));
    assert_int_equal(stats().seq, seq);
    assert_int_equal(put("Patient", "a", "\"active\":false").seq, seq + 1);
}

/* --- history -------------------------------------------------------------------------------------
 */

/* The versions of a history as "create update delete", or the code of a refusal. */
static const char *history(const char *type, const char *id, const char *query)
{
    static const char *const names[] = {"?", "create", "update", "delete", "moved"};
    struct rh_page page = {0};
    struct rh_ctx ctx = a_ctx();
    enum rh_rc rc = rh_record_history(session, &ctx, &caller, *type ? type_of(type) : 0,
                                      rh_text(id), rh_text(query), false, &page);
    if (rc)
        return rh_rc_name(rc);
    char *out = rh_arena_printf(arena, "%s", page.has_total ? "" : "...");
    for (unsigned i = 0; i < page.n; i++)
        out = rh_arena_printf(arena, "%s%s%s:%.*s", out, *out ? " " : "", names[page.rows[i].op],
                              RH_TEXT_ARG(page.rows[i].id));
    return out;
}

static const char *asked(const char *name, int64_t us)
{
    char text[RH_INSTANT_SIZE];
    rh_instant_print(us, text);
    return rh_arena_printf(arena, "%s=%s", name, text);
}

static void history_is_asked_by_time(void **state)
{
    (void)state;
    int64_t t[7];
    struct rh_version v;
    const unsigned pause_us = 3000;
    t[0] = rh_clock_now_us();
    usleep(pause_us);
    v = put("Patient", "a", "\"active\":true");
    t[1] = v.time_us + 1000;
    usleep(pause_us);
    put("Patient", "b", "");
    v = put("Patient", "a", "\"active\":false");
    int64_t second = v.time_us;
    t[2] = v.time_us + 1000;
    usleep(pause_us);
    v = drop("Patient", "a");
    t[3] = v.time_us + 1000;
    usleep(pause_us);
    put("Patient", "a", "\"gender\":\"other\"");
    t[4] = rh_clock_now_us() + 1000;

    assert_string_equal(history("Patient", "a", ""), "create:a delete:a update:a create:a");
    assert_string_equal(history("Patient", "", ""), "create:a delete:a update:a create:b create:a");
    assert_string_equal(history("", "", ""), "create:a delete:a update:a create:b create:a");
    assert_string_equal(history("Observation", "", ""), "");

    assert_string_equal(history("Patient", "a", asked("_since", t[2])), "create:a delete:a");
    assert_string_equal(history("Patient", "", asked("_since", second)),
                        "create:a delete:a update:a");
    assert_string_equal(history("Patient", "", asked("_since", t[4])), "");

    static const char *const at_a[] = {"", "create:a", "update:a", "delete:a", "create:a"};
    static const char *const at_all[] = {"", "create:a", "update:a create:b", "delete:a create:b",
                                         "create:a create:b"};
    for (unsigned i = 0; i < 5; i++) {
        assert_string_equal(history("Patient", "a", asked("_at", t[i])), at_a[i]);
        assert_string_equal(history("Patient", "", asked("_at", t[i])), at_all[i]);
        assert_string_equal(history("", "", asked("_at", t[i])), at_all[i]);
    }
    char day[RH_INSTANT_SIZE];
    rh_instant_print(t[4], day);
    assert_string_equal(history("Patient", "a", rh_arena_printf(arena, "_at=%.4s", day)),
                        "create:a delete:a update:a create:a");
    assert_string_equal(history("Patient", "a", "_at=1999"), "");
}

static void history_refuses_what_it_does_not_know(void **state)
{
    (void)state;
    put("Patient", "a", "");
    assert_string_equal(history("Patient", "never", ""), "NOTFOUND");
    assert_string_equal(history("Patient", "a", "_since=yesterday"), "QUERY");
    assert_string_equal(history("Patient", "a", "_at="), "QUERY");
    assert_string_equal(history("Patient", "a", "_count=many"), "QUERY");
    assert_string_equal(history("Patient", "a", "name=x"), "QUERY");
    assert_string_equal(history("Patient", "a", "_cursor=nonsense"), "QUERY");
}

/* Follows the pages to the end; versions written meanwhile do not shift them. */
static unsigned walk(const char *type, const char *id, const char *query)
{
    struct rh_text cursor = {NULL, 0};
    unsigned n = 0, pages = 0;
    uint64_t last = UINT64_MAX;
    do {
        struct rh_page page = {0};
        struct rh_ctx ctx = a_ctx();
        char *q = rh_arena_printf(arena, "%s%s%.*s", query, cursor.len ? "&_cursor=" : "",
                                  RH_TEXT_ARG(cursor));
        assert_int_equal(rh_record_history(session, &ctx, &caller, *type ? type_of(type) : 0,
                                           rh_text(id), rh_text(q), false, &page),
                         RH_OK);
        for (unsigned i = 0; i < page.n; i++) {
            assert_true(page.rows[i].seq < last);
            last = page.rows[i].seq;
        }
        n += page.n;
        cursor = page.next;
        put("Patient", "late", pages % 2 ? "\"active\":true" : "");
        assert_true(++pages < 100);
    } while (cursor.len > 0);
    return n;
}

static void history_is_paged_without_gaps(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 23; i++)
        put("Patient", i % 2 ? "a" : "b", rh_arena_printf(arena, "\"multipleBirthInteger\":%u", i));
    for (unsigned count = 1; count < 26; count += 4) {
        char *query = rh_arena_printf(arena, "_count=%u", count);
        uint64_t seq = stats().seq;
        assert_int_equal(walk("Patient", "b", query), 12);
        assert_true(walk("Patient", "", query) >= seq);
        assert_true(walk("", "", query) >= seq);
    }
}

/* --- moved ---------------------------------------------------------------------------------------
 */

static void a_corrected_person_moves_the_resource(void **state)
{
    (void)state;
    static const char weight[] =
        "\"status\":\"final\",\"code\":{\"text\":\"w\"},\"subject\":{\"reference\":\"Patient/%s\"}";
    put("Patient", "one", "");
    put("Patient", "two", "");
    struct rh_version first = put("Observation", "o", rh_arena_printf(arena, weight, "one"));
    assert_int_equal(search("Observation", "patient=Patient/one").n, 1);
    struct rh_version second = put("Observation", "o", rh_arena_printf(arena, weight, "two"));
    assert_true(first.part != second.part);

    assert_int_equal(search("Observation", "patient=Patient/one").n, 0);
    struct rh_page page = search("Observation", "patient=Patient/two");
    assert_int_equal(page.n, 1);
    assert_string_equal(version_text(&page.rows[0]), version_text(&second));
    assert_int_equal(search("Observation", "_id=o").n, 1);

    assert_string_equal(history("Observation", "o", ""), "update:o create:o");
    assert_string_equal(history("Observation", "", ""), "update:o create:o");
    assert_string_equal(history("Observation", "o", "_count=1"), "... update:o");
    assert_string_equal(history("Observation", "o", asked("_at", second.time_us)), "update:o");
    struct rh_version old;
    struct rh_ctx ctx = a_ctx();
    assert_int_equal(rh_record_vread(session, &ctx, &caller, type_of("Observation"), RH_TEXT("o"),
                                     rh_text(version_text(&first)), &old),
                     RH_OK);
    assert_non_null(strstr(body_of(&old), "Patient/one"));
    all_is_well();

    put("Observation", "o", rh_arena_printf(arena, weight, "one")); /* and back */
    assert_int_equal(search("Observation", "patient=Patient/one").n, 1);
    assert_int_equal(search("Observation", "patient=Patient/two").n, 0);
    drop("Observation", "o");
    assert_int_equal(search("Observation", "patient=Patient/one").n, 0);
    assert_string_equal(history("Observation", "o", ""), "delete:o update:o update:o create:o");
    all_is_well();

    close_record();
    assert_int_equal(open_record(), RH_OK);
    rh_issues_init(&issues, arena);
    assert_int_equal(rh_record_rebuild(record, &issues, NULL, NULL), RH_OK);
    assert_int_equal(search("Observation", "patient=Patient/one").n, 0);
    assert_string_equal(history("Observation", "o", ""), "delete:o update:o update:o create:o");
    all_is_well();
}

/* --- transactions --------------------------------------------------------------------------------
 */

static struct rh_write *five_ops(const unsigned order[5])
{
    static const char seen[] = "\"status\":\"final\",\"code\":{\"text\":\"x\"},"
                               "\"subject\":{\"reference\":\"urn:uuid:p\"},"
                               "\"performer\":[{\"reference\":\"urn:uuid:d\"},"
                               "{\"reference\":\"Organization?identifier=urn:s|org\"}]";
    struct rh_write_op ops[5];
    ops[0] = create("Observation", "urn:uuid:o", seen);
    ops[1] = create("Patient", "urn:uuid:p", "\"active\":true");
    ops[2] = create("Practitioner", "urn:uuid:d",
                    "\"identifier\":[{\"system\":\"urn:s\",\"value\":\"doc\"}]");
    ops[2].criteria = RH_TEXT("identifier=urn:s|doc");
    ops[3] = create("Location", "",
                    "\"name\":\"Harbour\",\"identifier\":[{\"system\":\"urn:s\","
                    "\"value\":\"place\"}]");
    ops[3].interaction = RH_UPDATE;
    ops[3].conditional = true;
    ops[3].criteria = RH_TEXT("identifier=urn:s|place");
    ops[4] = (struct rh_write_op){.interaction = RH_DELETE,
                                  .type = type_of("Basic"),
                                  .conditional = true,
                                  .criteria = RH_TEXT("identifier=urn:s|old")};
    struct rh_write *w = a_write(RH_WRITE_TRANSACTION, 5);
    for (unsigned i = 0; i < 5; i++)
        w->ops[i] = ops[order[i]];
    return w;
}

static void a_transaction_resolves_everything_in_any_order(void **state)
{
    (void)state;
    static const unsigned orders[][5] = {
        {0, 1, 2, 3, 4}, {4, 3, 2, 1, 0}, {1, 0, 4, 2, 3}, {2, 4, 0, 3, 1}, {3, 2, 1, 0, 4}};
    put("Organization", "org", "\"identifier\":[{\"system\":\"urn:s\",\"value\":\"org\"}]");
    put("Practitioner", "doc", "\"identifier\":[{\"system\":\"urn:s\",\"value\":\"doc\"}]");
    for (size_t k = 0; k < sizeof orders / sizeof orders[0]; k++) {
        put("Basic", "old",
            "\"code\":{\"text\":\"x\"},\"identifier\":[{\"system\":\"urn:s\",\"value\":\"old\"}]");
        put("Location", "place",
            "\"identifier\":[{\"system\":\"urn:s\",\"value\":\"place\"}],\"name\":\"before\"");
        struct rh_write *w = five_ops(orders[k]);
        if (rh_write_run(session, w))
            fail_msg("order %zu: %s", k, issues.rows[0].text);
        const struct rh_write_op *by[5];
        for (unsigned i = 0; i < 5; i++)
            by[orders[k][i]] = &w->ops[i];
        assert_int_equal(by[0]->status, 201);
        assert_int_equal(by[1]->status, 201);
        assert_int_equal(by[2]->status, 200);
        assert_false(by[2]->changed);
        assert_int_equal(by[3]->status, 200);
        assert_int_equal(by[4]->status, 204);
        const char *id = rh_arena_printf(arena, "%.*s", RH_TEXT_ARG(by[0]->version.id));
        const char *body = stored("Observation", id);
        assert_non_null(strstr(
            body, rh_arena_printf(arena, "\"Patient/%.*s\"", RH_TEXT_ARG(by[1]->version.id))));
        assert_non_null(strstr(body, "\"Practitioner/doc\""));
        assert_non_null(strstr(body, "\"Organization/org\""));
        assert_non_null(strstr(stored("Location", "place"), "Harbour"));
        assert_int_equal(search("Basic", "identifier=urn:s|old").n, 0);
        assert_int_equal(search("Location", "identifier=urn:s|place").n, 1);
    }
    assert_int_equal(search("Practitioner", "").n, 1);
    all_is_well();
}

static void a_refused_transaction_leaves_no_trace(void **state)
{
    (void)state;
    put("Patient", "a", "\"active\":true");
    put("Practitioner", "d1", "\"identifier\":[{\"system\":\"urn:s\",\"value\":\"twice\"}]");
    put("Practitioner", "d2", "\"identifier\":[{\"system\":\"urn:s\",\"value\":\"twice\"}]");
    struct rh_write_op stale = update("Patient", "a", "\"active\":false"),
                       twice = create("Practitioner", "", ""),
                       repeated = update("Patient", "new", "\"active\":false"),
                       unlinked = create("Observation", "",
                                         "\"status\":\"final\",\"code\":{\"text\":\"x\"},"
                                         "\"subject\":{\"reference\":\"urn:uuid:nobody\"}"),
                       wrong = update("Patient", "b", "\"nickname\":\"x\""),
                       patch = update("Patient", "a", ""),
                       nothing = create("Observation", "",
                                        "\"status\":\"final\",\"code\":{\"text\":\"x\"},"
                                        "\"subject\":{\"reference\":\"Patient?_id=none\"}");
    stale.if_match = RH_TEXT("W/\"a1-1\"");
    twice.criteria = RH_TEXT("identifier=urn:s|twice");
    patch.interaction = RH_PATCH;
    patch.body = RH_TEXT("[{\"op\":\"test\",\"path\":\"/active\",\"value\":false}]");
    const struct {
        const struct rh_write_op *op;
        enum rh_rc rc;
    } rows[] = {{&stale, RH_PRECONDITION},  {&twice, RH_MULTIPLE},  {&repeated, RH_RULE},
                {&unlinked, RH_VALUE},      {&wrong, RH_STRUCTURE}, {&patch, RH_RULE},
                {&nothing, RH_PRECONDITION}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct rh_record_stats before = stats();
        struct rh_write *w = a_write(RH_WRITE_TRANSACTION, 3);
        w->ops[0] = update("Patient", "new", "\"active\":true");
        w->ops[1] = *rows[i].op;
        w->ops[2] = create("Patient", "urn:uuid:x", "");
        enum rh_rc rc = rh_write_run(session, w);
        if (rc != rows[i].rc)
            fail_msg("row %zu: %s %s", i, rh_rc_name(rc), issues.count ? issues.rows[0].text : "");
        assert_true(issues.errors > 0);
        struct rh_record_stats after = stats();
        assert_int_equal(after.seq, before.seq);
        assert_memory_equal(&after.head, &before.head, sizeof after.head);
        struct rh_version v;
        struct rh_ctx ctx = a_ctx();
        assert_int_equal(
            rh_record_read(session, &ctx, &caller, type_of("Patient"), RH_TEXT("new"), &v),
            RH_NOTFOUND);
        assert_int_equal(search("Patient", "").n, 1);
    }
    uint64_t seq = stats().seq;
    assert_int_equal(put("Patient", "c", "").seq, seq + 1); /* no number is lost either */
    all_is_well();
}

static void of_a_batch_each_entry_stands_alone(void **state)
{
    (void)state;
    struct rh_write *w = a_write(RH_WRITE_BATCH, 3);
    w->ops[0] = update("Patient", "a", "");
    w->ops[1] = update("Patient", "b", "\"nickname\":\"x\"");
    w->ops[2] = update("Patient", "c", "");
    w->ops[2].if_match = RH_TEXT("W/\"a1-1\"");
    assert_int_equal(rh_write_run(session, w), RH_OK);
    assert_int_equal(w->ops[0].status, 201);
    assert_int_equal(w->ops[1].rc, RH_STRUCTURE);
    assert_int_equal(w->ops[2].rc, RH_PRECONDITION);
    assert_int_equal(stats().seq, 1);
    all_is_well();
}

/* --- the rows that an access leaves --------------------------------------------------------------
 */

/* Everything in the access log as one text. */
static const char *access_rows(void)
{
    struct rh_buf all = rh_buf(arena);
    struct rh_audit_block blocks[16];
    uint64_t after = 0;
    unsigned n = 16;
    while (n > 0) {
        assert_int_equal(rh_store_audit_scan(session->conn, after, 16, arena, blocks, &n), RH_OK);
        for (unsigned i = 0; i < n; i++) {
            size_t len = 0, lines = 0;
            char *text = rh_arena_alloc(arena, 1 << 20);
            assert_int_equal(rh_unpack(session->packer, blocks[i].block.data, blocks[i].block.len,
                                       text, 1 << 20, &len),
                             RH_OK);
            for (size_t k = 0; k < len; k++)
                lines += text[k] == '\n';
            assert_int_equal(lines, blocks[i].rows);
            assert_true(blocks[i].first_us <= blocks[i].last_us);
            rh_buf_add(&all, text, len);
            after = blocks[i].number;
        }
    }
    rh_buf_char(&all, '\0');
    return rh_buf_get(&all).data;
}

static unsigned count_of(const char *text, const char *what)
{
    unsigned n = 0;
    for (const char *p = text; (p = strstr(p, what)); p += strlen(what))
        n++;
    return n;
}

static void every_access_leaves_a_row(void **state)
{
    (void)state;
    struct rh_version v = put("Patient", "a", "\"name\":[{\"family\":\"Silva\"}]"), seen;
    put("Patient", "a", "\"name\":[{\"family\":\"Silva\"}],\"active\":true");
    put("Patient", "b", "");
    struct rh_ctx ctx = a_ctx();
    assert_int_equal(
        rh_record_read(session, &ctx, &caller, type_of("Patient"), RH_TEXT("a"), &seen), RH_OK);
    ctx = a_ctx();
    assert_int_equal(rh_record_vread(session, &ctx, &caller, type_of("Patient"), RH_TEXT("a"),
                                     rh_text(version_text(&v)), &seen),
                     RH_OK);
    assert_int_equal(search("Patient", "name=silva").n, 1);
    history("Patient", "b", "");
    drop("Patient", "b");
    struct rh_version made = one(create("Patient", "", ""));
    const char *wanted[] = {
        rh_arena_printf(arena, "\"action\":\"update\",\"what\":\"Patient/a/_history/%s\"",
                        version_text(&v)),
        rh_arena_printf(arena, "\"action\":\"create\",\"what\":\"Patient/%.*s/_history/%s\"",
                        RH_TEXT_ARG(made.id), version_text(&made)),
        "\"action\":\"read\",\"what\":\"Patient/a",
        "\"action\":\"search\",\"what\":\"Patient?name=silva\"",
        "\"action\":\"history\",\"what\":\"Patient/b/_history\"",
        "\"action\":\"delete\",\"what\":\"Patient/b/_history/",
    };
    rh_writer_flush(record->writer);
    close_record();
    assert_int_equal(open_record(), RH_OK);
    const char *rows = access_rows();
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (!strstr(rows, wanted[i]))
            fail_msg("no row %s in\n%s", wanted[i], rows);
    assert_int_equal(count_of(rows, "\"user\":\"tester\",\"purpose\":\"TREAT\""), 9);
    assert_int_equal(count_of(rows, "\"action\":\"gap\""), 0);
    char part[32];
    snprintf(part, sizeof part, "\"%016llx\"", (unsigned long long)v.part);
    assert_int_equal(count_of(rows, part), 5); /* two writes, read, vread, the page with her */
}

static void a_refused_write_leaves_no_row_of_success(void **state)
{
    (void)state;
    struct rh_write *w = a_write(RH_WRITE_BATCH, 2);
    w->ops[0] = update("Patient", "a", "");
    w->ops[1] = update("Patient", "b", "");
    w->ops[1].if_match = RH_TEXT("W/\"a1-1\"");
    assert_int_equal(rh_write_run(session, w), RH_OK);
    w = a_write(RH_WRITE_TRANSACTION, 2);
    w->ops[0] = update("Patient", "c", "");
    w->ops[1] = update("Patient", "d", "");
    w->ops[1].if_match = RH_TEXT("W/\"a1-1\"");
    assert_int_equal(rh_write_run(session, w), RH_PRECONDITION);
    close_record();
    assert_int_equal(open_record(), RH_OK);
    const char *rows = access_rows();
    assert_int_equal(count_of(rows, "Patient/a/"), 1);
    for (const char *id = "bcd"; *id; id++) {
        char what[40];
        snprintf(what, sizeof what, "Patient/%c/_history", *id);
        assert_int_equal(count_of(rows, what), 0);
    }
}

/* A process that reads and ends without closing: the next one says so. */
static void an_unclean_end_leaves_a_gap_row(void **state)
{
    (void)state;
    put("Patient", "a", "");
    close_record();
    pid_t child = fork();
    if (child == 0) {
        struct rh_version v;
        if (open_record())
            _exit(1);
        struct rh_ctx ctx = {.arena = arena, .issues = &issues, .now_us = rh_clock_now_us()};
        if (rh_record_read(session, &ctx, &caller, type_of("Patient"), RH_TEXT("a"), &v))
            _exit(2);
        _exit(0); /* as a power cut would */
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(open_record(), RH_OK);
    const char *rows = access_rows();
    assert_int_equal(count_of(rows, "\"action\":\"gap\""), 1);
    assert_non_null(strstr(rows, "may be missing"));
    assert_string_equal(stored("Patient", "a"), "{\"resourceType\":\"Patient\",\"id\":\"a\"}");
    close_record();
    assert_int_equal(open_record(), RH_OK);
    assert_int_equal(count_of(access_rows(), "\"action\":\"gap\""), 1);
    all_is_well();
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make, clean)
    const struct CMUnitTest tests[] = {
        TEST(version_ids_are_read_as_they_are_written),
        TEST(a_version_gets_its_meta_spliced_in),
        TEST(meta_of_the_client_stays_without_what_is_ours),
        TEST(an_identical_update_makes_no_version),
        TEST(history_is_asked_by_time),
        TEST(history_refuses_what_it_does_not_know),
        TEST(history_is_paged_without_gaps),
        TEST(a_corrected_person_moves_the_resource),
        TEST(a_transaction_resolves_everything_in_any_order),
        TEST(a_refused_transaction_leaves_no_trace),
        TEST(of_a_batch_each_entry_stands_alone),
        TEST(every_access_leaves_a_row),
        TEST(a_refused_write_leaves_no_row_of_success),
        TEST(an_unclean_end_leaves_a_gap_row),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
