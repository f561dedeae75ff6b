/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * bench_form.c - a form of 1,000 items: compiling and opening it, and one answer.
 *
 *     bench_form [ITEMS]
 *
 * Of ten items eight are questions, one is a chain (each link is the one before plus its group's
 * questions), one is enabled by a question; and there are a sum over all questions and three scores
 * with variables. Prints the worst and the middle of all first answers, in microseconds, and ends
 * with 1 when a limit (one answer 1 ms, first load 100 ms, for 1,000 items) is not kept.
 */
#include "clinical/form.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { ANSWER_US = 1000, LOAD_US = 100000, ARENA_MAX = 512 << 20 };

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t); /* the machine may be busy */
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void expression(struct rh_buf *b, const char *what, const char *text)
{
    rh_buf_printf(b,
                  "\"extension\":[{\"url\":\"http://hl7.org/fhir/uv/sdc/StructureDefinition/"
                  "sdc-questionnaire-%s\",\"valueExpression\":{\"language\":\"text/fhirpath\","
                  "\"expression\":",
                  what);
    rh_buf_json(b, rh_text(text));
    rh_buf_str(b, "}}],");
}

/* Ten items: eight questions, a link of the chain, and one that is enabled by the first. */
static void ten(struct rh_arena *a, struct rh_buf *b, unsigned g)
{
    for (unsigned q = 0; q < 8; q++)
        rh_buf_printf(b, "%s{\"linkId\":\"q%u.%u\",\"type\":\"integer\",\"text\":\"Question\"}",
                      g || q ? "," : "", g, q);
    char *link =
        rh_arena_printf(a,
                        g % 20 == 0 ? "%%resource.item.where(linkId='q%u.0').answer.value"
                                    : "%%resource.item.where(linkId='q%u.0').answer.value + "
                                      "%%resource.item.where(linkId='c%u').answer.value",
                        g, g ? g - 1 : 0);
    rh_buf_printf(b, ",{\"linkId\":\"c%u\",", g);
    expression(b, "calculatedExpression", link ? link : "");
    rh_buf_str(b, "\"type\":\"integer\"}");
    rh_buf_printf(
        b,
        ",{\"linkId\":\"e%u\",\"type\":\"string\",\"enableWhen\":[{\"question\":\"q%u.1\","
        "\"operator\":\">\",\"answerInteger\":3}]}",
        g, g);
}

static struct rh_text questionnaire(struct rh_arena *a, unsigned items)
{
    struct rh_buf b = rh_buf(a);
    rh_buf_str(&b, "{\"resourceType\":\"Questionnaire\",\"status\":\"active\",\"item\":[");
    for (unsigned g = 0; g < items / 10; g++)
        ten(a, &b, g);
    rh_buf_str(&b, ",{\"linkId\":\"sum\",");
    expression(&b, "calculatedExpression",
               "%resource.item.where(linkId.startsWith('q')).answer.value.sum()");
    rh_buf_str(&b, "\"type\":\"integer\"}");
    for (unsigned i = 0; i < 3; i++) {
        char *score = rh_arena_printf(
            a,
            "%%resource.item.where(linkId='q%u.0' or linkId='q%u.3').answer.value.sum() + "
            "iif(%%resource.item.where(linkId='sum').answer.value > 100, 1, 0)",
            i, i + 1);
        rh_buf_printf(&b, ",{\"linkId\":\"score%u\",", i);
        expression(&b, "calculatedExpression", score ? score : "");
        rh_buf_str(&b, "\"type\":\"integer\"}");
    }
    rh_buf_str(&b, "]}");
    return rh_buf_get(&b);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double answer(struct rh_ctx *c, struct rh_form_session *s, unsigned g, unsigned q, int value)
{
    yyjson_doc *doc;
    char path[32], json[64];
    rh_arena_reset(c->arena);
    rh_issues_init(c->issues, c->arena);
    snprintf(path, sizeof path, "q%u.%u", g, q);
    snprintf(json, sizeof json, "[{\"valueInteger\":%d}]", value);
    if (rh_json_parse(c->arena, c->issues, rh_text(json), &doc))
        return -1;
    struct rh_buf out = rh_buf(c->arena);
    double from = now_us();
    enum rh_rc rc = rh_form_answer(c, s, rh_text(path), yyjson_doc_get_root(doc));
    rh_form_print_changes(c, s, &out);
    return rc || out.rc ? -1 : now_us() - from;
}

int main(int argc, char **argv)
{
    unsigned items = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1000, groups = items / 10;
    struct rh_arena *a = rh_arena_open(ARENA_MAX), *scratch = rh_arena_open(ARENA_MAX);
    struct rh_issues is;
    rh_issues_init(&is, scratch);
    struct rh_ctx c = {.arena = scratch, .issues = &is, .now_us = 1700000000000000};
    struct rh_text text = questionnaire(a, items);
    struct rh_form_start with = {0};
    const struct rh_form *form;
    struct rh_form_session *s;
    yyjson_doc *doc;
    double *all = calloc((size_t)groups * 8, sizeof *all), from = now_us();
    struct rh_buf out = rh_buf(scratch);
    if (!groups || !all || rh_json_parse(a, &is, text, &doc) ||
        rh_form_compile(&c, a, yyjson_doc_get_root(doc), &form) ||
        rh_form_open(&c, form, &with, &s)) {
        fprintf(stderr, "bench_form: %s\n", is.count ? is.rows[0].text : "no items");
        return 1;
    }
    rh_form_print(&c, s, &out);
    double load = now_us() - from;
    for (unsigned round = 0; round < 2; round++) /* the second has every question answered */
        for (unsigned g = 0; g < groups; g++)
            for (unsigned q = 0; q < 8; q++)
                all[g * 8 + q] = answer(&c, s, g, q, (int)((g + q + round) % 7));
    qsort(all, (size_t)groups * 8, sizeof *all, by_size);
    double worst = all[groups * 8 - 1], middle = all[groups * 4];
    printf("%u items: first load %.0f us; one answer %.0f us in the middle, %.0f us at most\n",
           items, load, middle, worst);
    rh_form_close(s);
    rh_arena_close(scratch);
    rh_arena_close(a);
    bool kept = all[0] >= 0 && (items != 1000 || (load <= LOAD_US && middle <= ANSWER_US));
    free(all);
    return kept ? 0 : 1;
}
