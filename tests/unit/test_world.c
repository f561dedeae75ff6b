/* SPDX-License-Identifier: GPL-3.0-or-later */
/* world.h: packages, canonical addresses, versions, bodies and forms made once. */
#include "fhir/world.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static struct rh_arena *arena;
static struct rh_issues issues;
static struct rh_ctx ctx;

static int begin(void **state)
{
    (void)state;
    arena = rh_arena_open(1 << 20);
    rh_issues_init(&issues, arena);
    ctx = (struct rh_ctx){.arena = arena, .issues = &issues};
    return 0;
}

static int end(void **state)
{
    (void)state;
    rh_arena_close(arena);
    return 0;
}

static struct rh_package *package(const char *name, const char *const *json)
{
    struct rh_package *p;
    assert_int_equal(rh_package_open(rh_text(name), rh_text("1.0.0"), NULL, &p), RH_OK);
    for (; *json; json++)
        assert_int_equal(rh_package_add_json(p, &issues, rh_text(*json)), RH_OK);
    return p;
}

#define VALUE_SET(v, id)                                                               \
    "{\"resourceType\":\"ValueSet\",\"url\":\"http://example.org/v\",\"version\":\"" v \
    "\",\"id\":\"" id "\"}"

static const char *const two_versions[] = {VALUE_SET("1.9", "nine"), VALUE_SET("1.10", "ten"),
                                           VALUE_SET("1.10-ballot", "ballot"), NULL};
static const char *const older[] = {
    VALUE_SET("0.1", "older"),
    "{\"resourceType\":\"CodeSystem\",\"version\":\"0.2\",\"url\":\"http://example.org/v\"}", NULL};

static void check_id(struct rh_world *w, const char *canonical, const char *id)
{
    const struct rh_definition *d = rh_world_find(w, "ValueSet", rh_text(canonical));
    if (!id) {
        assert_null(d);
        return;
    }
    assert_non_null(d);
    assert_true(rh_text_is(d->id, id));
}

static void finds_the_highest_version_of_the_last_package(void **state)
{
    (void)state;
    struct rh_package *p[] = {package("a", two_versions), package("b", older)};
    struct rh_world *w;
    assert_int_equal(rh_world_open(p, 1, &w), RH_OK);
    check_id(w, "http://example.org/v", "ten");
    check_id(w, "http://example.org/v|1.9", "nine");
    check_id(w, "http://example.org/v|1.10-ballot", "ballot");
    check_id(w, "http://example.org/v|1", "ten");
    check_id(w, "http://example.org/v|1.1", NULL);
    check_id(w, "http://example.org/v|2", NULL);
    check_id(w, "http://example.org/w", NULL);
    check_id(w, "", NULL);
    check_id(w, "|", NULL);
    rh_world_close(w);

    assert_int_equal(rh_world_open(p, 2, &w), RH_OK);
    check_id(w, "http://example.org/v", "older");
    check_id(w, "http://example.org/v|1.10", "ten");
    assert_string_equal(rh_world_find(w, NULL, rh_text("http://example.org/v"))->type,
                        "CodeSystem");
    rh_package_close(p[0]);
    rh_package_close(p[1]);
    check_id(w, "http://example.org/v", "older"); /* the world keeps its packages */
    rh_world_close(w);
}

static void refuses_what_is_no_resource(void **state)
{
    (void)state;
    struct rh_package *p = package("a", two_versions);
    assert_int_equal(rh_package_add_json(p, &issues, rh_text("{")), RH_SYNTAX);
    assert_int_equal(rh_package_add_json(p, &issues, rh_text("[]")), RH_STRUCTURE);
    assert_int_equal(rh_package_add_json(p, &issues, rh_text("{\"resourceType\":\"HumanName\"}")),
                     RH_STRUCTURE);
    assert_int_equal(rh_package_count(p), 3);
    rh_package_close(p);
}

/* --- a source, bodies, forms ------------------------------------------------------------------ */

static struct source {
    unsigned closed;
    const char *text;
} source;

static enum rh_rc source_text(void *user, size_t n, struct rh_arena *a, struct rh_text *ret)
{
    struct source *s = user;
    assert_int_equal(n, 7);
    *ret = rh_text_copy(a, rh_text(s->text));
    return RH_OK;
}

static void source_close(void *user)
{
    ((struct source *)user)->closed++;
}

static struct rh_world *sourced(const char *text)
{
    source = (struct source){.text = text};
    struct rh_package *p;
    assert_int_equal(
        rh_package_open(RH_TEXT("s"), RH_TEXT("1"),
                        &(struct rh_package_source){&source, source_text, source_close}, &p),
        RH_OK);
    assert_int_equal(
        rh_package_add(
            p, &(struct rh_definition){.type = "ValueSet", .url = RH_TEXT("urn:x"), .n = 7}),
        RH_OK);
    struct rh_world *w;
    assert_int_equal(rh_world_open(&p, 1, &w), RH_OK);
    rh_package_close(p);
    return w;
}

static void parses_a_body_once_and_names_a_damaged_one(void **state)
{
    (void)state;
    struct rh_world *w = sourced("{\"a\":1}");
    yyjson_val *first, *second;
    const struct rh_definition *d = rh_world_find(w, NULL, RH_TEXT("urn:x"));
    assert_int_equal(rh_definition_body(&ctx, d, &first), RH_OK);
    assert_int_equal(rh_definition_body(&ctx, d, &second), RH_OK);
    assert_ptr_equal(first, second);
    rh_world_close(w);
    assert_int_equal(source.closed, 1);

    w = sourced("{\"a\":");
    d = rh_world_find(w, NULL, RH_TEXT("urn:x"));
    assert_int_equal(rh_definition_body(&ctx, d, &first), RH_SYNTAX);
    assert_non_null(strstr(issues.rows[issues.count - 1].text, "urn:x"));
    rh_world_close(w);
}

static atomic_uint makes;

static enum rh_rc make_length(struct rh_ctx *c, const struct rh_definition *d, void *user,
                              const void **ret)
{
    size_t *n = rh_arena_alloc(c->arena, sizeof *n);
    *n = d->url.len;
    makes++;
    *ret = n;
    return user ? RH_VALUE : RH_OK;
}

static void *take_form(void *world)
{
    struct rh_arena *a = rh_arena_open(1 << 16);
    struct rh_issues is;
    rh_issues_init(&is, a);
    struct rh_ctx c = {.arena = a, .issues = &is, .world = world};
    const void *form = NULL;
    enum rh_rc rc = rh_world_form(&c, rh_world_find(world, NULL, RH_TEXT("urn:x")), RH_FORM_PROFILE,
                                  make_length, NULL, &form);
    rh_arena_close(a);
    return rc ? NULL : (void *)(uintptr_t)form;
}

static void gives_all_threads_the_same_form(void **state)
{
    (void)state;
    struct rh_world *w = sourced("{}");
    pthread_t threads[4];
    void *forms[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, take_form, w), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], &forms[i]);
    for (int i = 0; i < 4; i++)
        assert_ptr_equal(forms[i], forms[0]);
    assert_int_equal(*(size_t *)forms[0], 5);

    unsigned before = makes;
    ctx.world = w;
    const void *form = NULL;
    const struct rh_definition *d = rh_world_find(w, NULL, RH_TEXT("urn:x"));
    /* a failure keeps nothing, and other kinds are other forms */
    assert_int_equal(rh_world_form(&ctx, d, RH_FORM_SNAPSHOT, make_length, &before, &form),
                     RH_VALUE);
    assert_null(form);
    assert_int_equal(rh_world_form(&ctx, d, RH_FORM_SNAPSHOT, make_length, NULL, &form), RH_OK);
    assert_int_equal(makes, before + 2);
    rh_world_close(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(finds_the_highest_version_of_the_last_package, begin, end),
        cmocka_unit_test_setup_teardown(refuses_what_is_no_resource, begin, end),
        cmocka_unit_test_setup_teardown(parses_a_body_once_and_names_a_damaged_one, begin, end),
        cmocka_unit_test_setup_teardown(gives_all_threads_the_same_form, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
