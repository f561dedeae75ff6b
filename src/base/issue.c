/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/issue.h"

#include <stdarg.h>
#include <stdio.h>

void rh_issues_init(struct rh_issues *is, struct rh_arena *a)
{
    /* Not the spare row: this stands in the way of every request. */
    is->arena = a;
    is->rows = NULL;
    is->cap = 0;
    is->max = RH_ISSUES_MAX;
    is->count = is->dropped = is->errors = 0;
}

const char *rh_issues_error(const struct rh_issues *is, enum rh_rc rc)
{
    for (unsigned i = 0; i < is->count; i++)
        if (is->rows[i].severity <= RH_ERROR)
            return is->rows[i].text;
    return rh_rc_text(rc);
}

const char *rh_severity_name(enum rh_severity s)
{
    static const char *const names[] = {"fatal", "error", "warning", "information"};
    return (unsigned)s < sizeof names / sizeof names[0] ? names[s] : "error";
}

static const char *copy(struct rh_arena *a, const char *s)
{
    return s ? rh_arena_copy(a, s, strlen(s)) : NULL;
}

/* The last row becomes the note that there are more. */
static void drop(struct rh_issues *is)
{
    struct rh_issue *row = &is->rows[is->count - 1];
    is->dropped += is->dropped ? 1 : 2; /* the first time also the row that the note replaces */
    const char *text = rh_arena_printf(is->arena, "%u further issues are not shown", is->dropped);
    if (is->dropped > 2 && !text)
        return; /* no room: the older note stays */
    *row = (struct rh_issue){.severity = RH_INFORMATION,
                             .rc = RH_OK,
                             .text = text ? text : "further issues are not shown"};
}

/* Room for one more row. False: the arena is full, and nothing more will be kept but a first reason
 * and the note that there are more. */
static bool room(struct rh_issues *is)
{
    struct rh_issue *rows =
        rh_arena_grow(is->arena, is->rows, &is->cap, is->count + 1, sizeof *rows);
    if (!rows && is->count < sizeof is->spare / sizeof is->spare[0]) {
        if (is->count)
            is->spare[0] = is->rows[0];
        rows = is->spare;
        is->cap = sizeof is->spare / sizeof is->spare[0];
    }
    if (rows)
        is->rows = rows;
    else
        is->max = is->count;
    return rows;
}

enum rh_rc rh_issue_at(struct rh_issues *is, struct rh_issue row)
{
    if (!is)
        return row.rc;
    if (row.severity == RH_FATAL || row.severity == RH_ERROR)
        is->errors++;
    if (is->count >= is->max || !room(is)) {
        drop(is);
        return row.rc;
    }
    row.expression = copy(is->arena, row.expression);
    row.text = copy(is->arena, row.text);
    if (!row.text)
        row.text = rh_rc_text(row.rc);
    is->rows[is->count++] = row;
    return row.rc;
}

enum rh_rc rh_issue_add(struct rh_issues *is, enum rh_rc rc, const char *expression,
                        const char *format, ...)
{
    struct rh_issue row = {.severity = RH_ERROR, .rc = rc, .expression = expression};
    char small[512];
    if (!is)
        return rc;
    va_list ap, again;
    va_start(ap, format);
    va_copy(again, ap);
    int n = vsnprintf(small, sizeof small, format, ap);
    row.text = small;
    if (n >= (int)sizeof small)
        row.text = rh_arena_vprintf(is->arena, format, again);
    va_end(again);
    va_end(ap);
    return rh_issue_at(is, row);
}

static void member(struct rh_buf *out, const char *name, const char *value)
{
    rh_buf_str(out, name);
    rh_buf_json(out, rh_text(value));
}

static void outcome_row(const struct rh_issue *row, struct rh_buf *out)
{
    member(out, "{\"severity\":", rh_severity_name(row->severity));
    member(out, ",\"code\":", row->code ? row->code : rh_rc_issue(row->rc));
    member(out, ",\"details\":{\"text\":", rh_rc_text(row->rc));
    rh_buf_char(out, '}');

    char place[64] = "";
    if (row->line && strncmp(row->text, "line ", 5) != 0)
        snprintf(place, sizeof place, "line %u, column %u: ", row->line, row->column);
    struct rh_buf text = rh_buf(out->arena);
    rh_buf_str(&text, place);
    rh_buf_str(&text, row->text);
    rh_buf_str(out, ",\"diagnostics\":");
    rh_buf_json(out, rh_buf_get(&text));
    if (text.rc && !out->rc)
        out->rc = text.rc;

    if (row->expression && row->expression[0]) {
        member(out, ",\"expression\":[", row->expression);
        rh_buf_char(out, ']');
    }
    rh_buf_char(out, '}');
}

void rh_issues_outcome(const struct rh_issues *is, enum rh_rc rc, struct rh_buf *out)
{
    rh_buf_str(out, "{\"resourceType\":\"OperationOutcome\",\"issue\":[");
    for (unsigned i = 0; is && i < is->count; i++) {
        if (i)
            rh_buf_char(out, ',');
        outcome_row(&is->rows[i], out);
    }
    if (!is || is->count == 0) {
        struct rh_issue row = {
            .severity = rc ? RH_ERROR : RH_INFORMATION, .rc = rc, .text = rh_rc_text(rc)};
        outcome_row(&row, out);
    }
    rh_buf_str(out, "]}");
}
