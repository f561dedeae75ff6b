/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Forms: the cases of tests/cases/forms, and that what is kept by steps is what a fresh look says.
 *
 * A case: {"name", "items" (of the Questionnaire) or "questionnaire", "more" (further members of
 * it), "response", "context", "language", "fresh", "do": [step…], and what is wanted at the end:
 * "response" as "wantResponse", "draft", "nodes" {path: subset of the NODE, null: not there},
 * "changed" [paths that the last step changed], "removed", "complete", "problem", "warning"}.
 * A step: {"answer"|"add"|"remove"|"bulk"|"language": path, "with": …, "refused": "words"}.
 */
#include "clinical/form_int.h"
#include "clinical/subset.h"
#include "conformance/validate.h"
#include "programme/definitions.h"
#include "system/regex.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ARENA_MAX = 256 << 20, FILE_MAX = 4 << 20 };

struct run {
    struct rh_ctx c;
    struct rh_issues is;
    struct rh_arena *a;
    struct rh_form_session *s;
    const char *name;
};

static struct rh_world *world;

static yyjson_val *parse(struct rh_arena *a, struct rh_text text)
{
    struct rh_issues is;
    yyjson_doc *doc = NULL;
    rh_issues_init(&is, a);
    if (rh_json_parse(a, &is, text, &doc))
        fail_msg("%s in %.*s", is.rows[0].text, RH_TEXT_ARG(rh_text_shown(text, 300)));
    return yyjson_doc_get_root(doc);
}

static bool said(const struct rh_issues *is, struct rh_text words)
{
    for (unsigned i = 0; i < is->count; i++)
        if (memmem(is->rows[i].text, strlen(is->rows[i].text), words.data, words.len))
            return true;
    return false;
}

static void compare(struct run *r, const char *what, const yyjson_val *want, const yyjson_val *got)
{
    struct rh_difference d;
    struct rh_buf b = rh_buf(r->a);
    if (rh_subset(r->a, want, got, &d))
        return;
    rh_difference_print(&d, &b);
    rh_buf_str(&b, "\n  in ");
    rh_json_write(&b, got);
    fail_msg("%s: %s %.*s", r->name, what, RH_TEXT_ARG(rh_buf_get(&b)));
}

/* --- invariants ---------------------------------------------------------------------------------
 */
static unsigned present_of(const struct rh_form_node *n)
{
    unsigned count = 0;
    if (n->item->type != RH_ITEM_GROUP)
        return n->n_answers;
    for (unsigned i = 0; i < n->item->n_children; i++)
        for (unsigned j = 0; j < n->sets[0].slots[i].count; j++) {
            const struct rh_form_node *child = n->sets[0].slots[i].nodes[j];
            count += child->enabled && child->present > 0;
        }
    return count;
}

static enum rh_rc check_node(void *user, struct rh_form_node *n)
{
    const struct rh_form_session *s = user;
    assert_int_equal(n->present, present_of(n));
    assert_int_equal(n->reached, n->enabled && (!n->parent || n->parent->reached));
    assert_ptr_equal(rh_form_node_find(s, n->path), n);
    assert_int_equal(yyjson_arr_size(n->answers), n->n_answers);
    if (n->item->n_children)
        assert_int_equal(n->n_sets,
                         n->item->type == RH_ITEM_GROUP || !n->n_answers ? 1 : n->n_answers);
    return RH_OK;
}

/* --- a case -------------------------------------------------------------------------------------
 */
static yyjson_val *questionnaire_of(struct run *r, yyjson_val *test)
{
    struct rh_buf b = rh_buf(r->a);
    size_t i, n;
    yyjson_val *key, *v, *given = yyjson_obj_get(test, "questionnaire");
    if (given)
        return given;
    rh_buf_str(&b, "{\"resourceType\":\"Questionnaire\",\"status\":\"active\"");
    yyjson_obj_foreach (rh_some(yyjson_obj_get(test, "more")), i, n, key, v) {
        rh_buf_char(&b, ',');
        rh_json_write(&b, key);
        rh_buf_char(&b, ':');
        rh_json_write(&b, v);
    }
    rh_buf_str(&b, ",\"item\":");
    rh_json_write(&b, yyjson_obj_get(test, "items"));
    rh_buf_char(&b, '}');
    return parse(r->a, rh_buf_get(&b));
}

static void step(struct run *r, yyjson_val *v)
{
    static const char *const names[] = {"answer", "add", "remove", "bulk", "language"};
    struct rh_text refused = rh_json_get(v, "refused"), path = {NULL, 0};
    yyjson_val *with = yyjson_obj_get(v, "with");
    unsigned which = 0;
    enum rh_rc rc = RH_INTERNAL;
    while (which < 5 && !(path = rh_json_get(v, names[which])).data)
        which++;
    rh_issues_init(&r->is, r->a);
    switch (which) {
    case 0:
        rc = rh_form_answer(&r->c, r->s, path, with);
        break;
    case 1:
        rc = rh_form_add(&r->c, r->s, path);
        break;
    case 2:
        rc = rh_form_remove(&r->c, r->s, path);
        break;
    case 3:
        rc = rh_form_bulk(&r->c, r->s, path, with);
        break;
    case 4:
        rc = rh_form_language(&r->c, r->s, path);
        break;
    default:
        fail_msg("%s: an unknown step", r->name);
    }
    if (refused.data && (!rc || !said(&r->is, refused)))
        fail_msg("%s: %.*s is not refused with \"%.*s\" but %s", r->name, RH_TEXT_ARG(path),
                 RH_TEXT_ARG(refused), rc && r->is.count ? r->is.rows[0].text : "taken");
    if (!refused.data && rc)
        fail_msg("%s: %.*s: %s", r->name, RH_TEXT_ARG(path),
                 r->is.count ? r->is.rows[0].text : rh_rc_name(rc));
    rh_form_each(r->s, check_node, r->s);
}

static yyjson_val *node_at(yyjson_val *list, struct rh_text path)
{
    size_t i, n;
    yyjson_val *v, *found;
    yyjson_arr_foreach (rh_some(list), i, n, v) {
        if (rh_text_eq(rh_json_get(v, "path"), path))
            return v;
        if ((found = node_at(yyjson_obj_get(v, "children"), path)))
            return found;
    }
    return NULL;
}

static yyjson_val *braced(struct run *r, struct rh_buf *b)
{
    rh_buf_char(b, '}');
    assert_int_equal(b->rc, RH_OK);
    return parse(r->a, rh_buf_get(b));
}

static void check_changes(struct run *r, yyjson_val *test)
{
    struct rh_buf b = rh_buf(r->a);
    yyjson_val *want = yyjson_obj_get(test, "changed"), *v;
    size_t i, n, paths = 0;
    rh_buf_char(&b, '{');
    rh_form_print_changes(&r->c, r->s, &b);
    yyjson_val *got = braced(r, &b), *changed = yyjson_obj_get(got, "changed");
    if (yyjson_obj_get(test, "removed"))
        compare(r, "removed", yyjson_obj_get(test, "removed"), yyjson_obj_get(got, "removed"));
    if (!want)
        return;
    yyjson_arr_foreach (rh_some(want), i, n, v) {
        paths++;
        if (!node_at(changed, rh_json_text(v)))
            fail_msg("%s: %.*s is not among what changed: %.*s", r->name,
                     RH_TEXT_ARG(rh_json_text(v)), RH_TEXT_ARG(rh_buf_get(&b)));
    }
    if (paths != yyjson_arr_size(changed))
        fail_msg("%s: more changed: %.*s", r->name, RH_TEXT_ARG(rh_buf_get(&b)));
}

static void check_nodes(struct run *r, yyjson_val *test)
{
    struct rh_buf b = rh_buf(r->a);
    yyjson_val *key, *v, *complete = yyjson_obj_get(test, "complete");
    size_t i, n;
    rh_buf_char(&b, '{');
    rh_form_print(&r->c, r->s, &b);
    yyjson_val *all = braced(r, &b);
    yyjson_obj_foreach (rh_some(yyjson_obj_get(test, "nodes")), i, n, key, v) {
        yyjson_val *node = node_at(yyjson_obj_get(all, "items"), rh_json_text(key));
        if (yyjson_is_null(v) != !node)
            fail_msg("%s: a node is%s there: %.*s", r->name, node ? "" : " not",
                     RH_TEXT_ARG(rh_text_shown(rh_json_text(key), 100)));
        if (node)
            compare(r, yyjson_get_str(key), v, node);
    }
    if (complete)
        assert_int_equal(yyjson_get_bool(complete),
                         yyjson_get_bool(yyjson_obj_get(all, "complete")));
}

static void check_response(struct run *r, yyjson_val *want, bool draft)
{
    struct rh_buf b = rh_buf(r->a);
    if (!want)
        return;
    rh_form_response(&r->c, r->s, draft, &b);
    assert_int_equal(b.rc, RH_OK);
    compare(r, draft ? "draft" : "response", want, parse(r->a, rh_buf_get(&b)));
}

static void check_said(struct run *r, yyjson_val *test)
{
    struct rh_text problem = rh_json_get(test, "problem");
    struct rh_issues found;
    rh_issues_init(&found, r->a);
    rh_form_problems(r->s, &found);
    if (problem.data && !said(&found, problem))
        fail_msg("%s: the problem is not said but %s", r->name,
                 found.count ? found.rows[0].text : "nothing");
    if (!problem.data && found.count)
        fail_msg("%s: %s", r->name, found.rows[0].text);
}

static void run_case(struct run *r, yyjson_val *test)
{
    yyjson_val *steps = yyjson_obj_get(test, "do"), *v;
    struct rh_text warning = rh_json_get(test, "warning"), refused = rh_json_get(test, "refused"),
                   language = rh_json_get(test, "language");
    const struct rh_form *form = NULL;
    size_t i, n;
    r->name = yyjson_get_str(yyjson_obj_get(test, "name"));
    struct rh_form_start with = {.response = yyjson_obj_get(test, "response"),
                                 .context = yyjson_obj_get(test, "context"),
                                 .language = language,
                                 .closed = yyjson_get_bool(yyjson_obj_get(test, "closed")),
                                 .parts = yyjson_get_bool(yyjson_obj_get(test, "parts")),
                                 .fresh = yyjson_get_bool(yyjson_obj_get(test, "fresh"))};
    rh_issues_init(&r->is, r->a);
    enum rh_rc rc = rh_form_compile(&r->c, r->a, questionnaire_of(r, test), &form);
    if (!rc)
        rc = rh_form_open(&r->c, form, &with, &r->s);
    if (warning.data && !said(&r->is, warning))
        fail_msg("%s: no warning but %s", r->name, r->is.count ? r->is.rows[0].text : "nothing");
    if (refused.data) {
        if (!rc || !said(&r->is, refused))
            fail_msg("%s: not refused so: %s", r->name, rc ? r->is.rows[0].text : "taken");
        return;
    }
    if (rc)
        fail_msg("%s: %s", r->name, r->is.count ? r->is.rows[0].text : rh_rc_name(rc));
    rh_form_each(r->s, check_node, r->s);
    struct rh_buf all = rh_buf(r->a);
    yyjson_arr_foreach (rh_some(steps), i, n, v) {
        rh_form_print(&r->c, r->s, &all); /* what changes is what the last step does */
        step(r, v);
    }
    check_changes(r, test);
    check_nodes(r, test);
    check_response(r, yyjson_obj_get(test, "wantResponse"), false);
    check_response(r, yyjson_obj_get(test, "draft"), true);
    check_said(r, test);
    rh_form_close(r->s);
    r->s = NULL;
}

static unsigned run_file(const char *path)
{
    static struct rh_host outer = {.regex = rh_regex};
    struct rh_arena *a = rh_arena_open(ARENA_MAX), *each = rh_arena_open(ARENA_MAX);
    char *data = rh_arena_alloc(a, FILE_MAX);
    FILE *f = fopen(path, "rb");
    size_t i, n, len = f ? fread(data, 1, FILE_MAX, f) : 0;
    yyjson_val *v, *cases = parse(a, (struct rh_text){data, len});
    struct rh_host host = rh_conformance_host(&outer, NULL);
    if (f)
        fclose(f);
    yyjson_arr_foreach (rh_some(cases), i, n, v) {
        struct run r = {.a = each};
        rh_arena_reset(each);
        r.c = (struct rh_ctx){.arena = each,
                              .issues = &r.is,
                              .now_us = INT64_C(1795514400000000), /* 2026-11-24T10:00:00Z */
                              .world = world,
                              .host = &host};
        run_case(&r, v);
    }
    rh_arena_close(each);
    rh_arena_close(a);
    return (unsigned)n;
}

static void keeps_the_cases_of_forms(void **state)
{
    (void)state;
    unsigned count = 0;
    struct dirent *e;
    DIR *d = opendir(RH_TESTS "/cases/forms");
    assert_non_null(d);
    while ((e = readdir(d)) != NULL) {
        char path[512];
        if (!rh_text_ends(rh_text(e->d_name), ".json"))
            continue;
        snprintf(path, sizeof path, "%s/cases/forms/%s", RH_TESTS, e->d_name);
        count += run_file(path);
    }
    closedir(d);
    print_message("%u cases\n", count);
    assert_true(count > 40);
}

/* --- any steps in any order
 * ----------------------------------------------------------------------- */
static const char mixed[] =
    "{\"resourceType\":\"Questionnaire\",\"status\":\"active\",\"item\":["
    "{\"linkId\":\"a\",\"type\":\"integer\"},"
    "{\"linkId\":\"m\",\"type\":\"choice\",\"repeats\":true,\"answerOption\":[{\"valueCoding\":{"
    "\"code\":\"x\"}},{\"valueCoding\":{\"code\":\"y\"}}],\"item\":[{\"linkId\":\"n\",\"type\":"
    "\"string\"}]},"
    "{\"linkId\":\"g\",\"type\":\"group\",\"repeats\":true,\"enableWhen\":[{\"question\":\"a\","
    "\"operator\":\">\",\"answerInteger\":1}],\"item\":[{\"linkId\":\"h\",\"type\":\"group\","
    "\"repeats\":true,\"item\":[{\"linkId\":\"b\",\"type\":\"boolean\"},{\"linkId\":\"c\",\"type\":"
    "\"integer\",\"enableWhen\":[{\"question\":\"b\",\"operator\":\"=\",\"answerBoolean\":true}]},"
    "{\"linkId\":\"d\",\"type\":\"integer\",\"extension\":[{\"url\":\"http://hl7.org/fhir/uv/sdc/"
    "StructureDefinition/sdc-questionnaire-calculatedExpression\",\"valueExpression\":{"
    "\"language\":\"text/fhirpath\",\"expression\":\"%resource.descendants().where(linkId='c')."
    "answer.value.sum() + %resource.item.where(linkId='a').answer.value\"}}]}]}]}]}";

static unsigned dice(uint64_t *seed, unsigned sides)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(*seed >> 33) % sides;
}

static void any_step(struct run *r, uint64_t *seed)
{
    static const char *const values[] = {
        "[]",
        "[{\"valueInteger\":0}]",
        "[{\"valueInteger\":2}]",
        "[{\"valueInteger\":5}]",
        "[{\"valueBoolean\":true}]",
        "[{\"valueCoding\":{\"code\":\"x\"}}]",
        "[{\"valueCoding\":{\"code\":\"y\"}},{\"valueCoding\":{\"code\":\"x\"}}]",
        "[{\"valueString\":\"s\"}]"};
    static const char *const paths[] = {"a",         "m",         "m#0/n",     "m#1/n",
                                        "g#0",       "g#1",       "g#0/h#0",   "g#0/h#1",
                                        "g#0/h#0/b", "g#0/h#1/b", "g#1/h#0/b", "g#0/h#0/c",
                                        "g#1/h#1/c", "g#0/h#0/d", "g#2/h#0/d"};
    struct rh_text path = rh_text(paths[dice(seed, 15)]), value = rh_text(values[dice(seed, 8)]);
    rh_issues_init(&r->is, r->a);
    switch (dice(seed, 5)) {
    case 0:
        rh_form_add(&r->c, r->s, path);
        break;
    case 1:
        rh_form_remove(&r->c, r->s, path);
        break;
    default:
        rh_form_answer(&r->c, r->s, path, parse(r->a, value));
    }
    rh_form_each(r->s, check_node, r->s);
}

/* Whoever opens the draft again has the same response. */
static void reopen(struct run *r, const struct rh_form *form)
{
    struct rh_buf draft = rh_buf(r->a), first = rh_buf(r->a), second = rh_buf(r->a);
    struct rh_form_session *s;
    rh_form_response(&r->c, r->s, true, &draft);
    rh_form_response(&r->c, r->s, false, &first);
    struct rh_form_start with = {.response = parse(r->a, rh_buf_get(&draft))};
    assert_int_equal(rh_form_open(&r->c, form, &with, &s), RH_OK);
    rh_form_response(&r->c, s, false, &second);
    rh_form_close(s);
    if (!rh_text_eq(rh_buf_get(&first), rh_buf_get(&second)))
        fail_msg("%.*s\nis opened again as\n%.*s", RH_TEXT_ARG(rh_buf_get(&first)),
                 RH_TEXT_ARG(rh_buf_get(&second)));
}

static void steps_and_a_fresh_look_agree(void **state)
{
    (void)state;
    struct rh_arena *a = rh_arena_open(ARENA_MAX), *kept = rh_arena_open(ARENA_MAX);
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct run r = {.a = a};
        const struct rh_form *form;
        uint64_t dice_seed = seed;
        rh_arena_reset(a);
        rh_arena_reset(kept);
        rh_issues_init(&r.is, a);
        r.c = (struct rh_ctx){.arena = a, .issues = &r.is, .now_us = 1};
        struct rh_form_start with = {0};
        assert_int_equal(rh_form_compile(&r.c, kept, parse(kept, rh_text(mixed)), &form), RH_OK);
        assert_int_equal(rh_form_open(&r.c, form, &with, &r.s), RH_OK);
        for (unsigned i = 0; i < 40; i++) {
            any_step(&r, &dice_seed);
            reopen(&r, form);
        }
        rh_form_close(r.s);
    }
    rh_arena_close(kept);
    rh_arena_close(a);
}

static int open_world(void **state)
{
    struct rh_arena *a = rh_arena_open(ARENA_MAX);
    struct rh_issues is;
    (void)state;
    rh_issues_init(&is, a);
    enum rh_rc rc = rh_definitions_open(&is, NULL, 0, &world);
    rh_arena_close(a);
    return rc ? -1 : 0;
}

static int close_world(void **state)
{
    (void)state;
    rh_world_close(world);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keeps_the_cases_of_forms),
        cmocka_unit_test(steps_and_a_fresh_look_agree),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
