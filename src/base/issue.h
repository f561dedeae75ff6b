/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * issue.h - what went wrong, said so that the reader can act: the rows of an OperationOutcome.
 *
 * A function that refuses input writes one or more issues and returns the code of the first error.
 * At most RH_ISSUES_MAX are kept; the last one then says that there are more.
 */
#ifndef RH_BASE_ISSUE_H
#define RH_BASE_ISSUE_H

#include "base/arena.h"
#include "base/rc.h"
#include "base/text.h"

enum {
    RH_ISSUES_MAX = 50,         /* of a request that is refused */
    RH_ISSUES_REPORT_MAX = 1000 /* of a report that was asked for, such as a validation */
};

enum rh_severity { RH_FATAL, RH_ERROR, RH_WARNING, RH_INFORMATION };

struct rh_issue {
    enum rh_severity severity;
    enum rh_rc rc;
    const char *
        code; /* issue type where rc's own is not the right one ("invariant"); static; NULL: rc's */
    const char *expression; /* FHIRPath of the place, e.g. "Patient.name[0].given[1]"; NULL: none */
    const char *text;       /* one or two sentences: what is wrong, what would be right */
    unsigned line, column;  /* 1-based place in the input; 0: unknown */
};

struct rh_issues {
    struct rh_arena *arena; /* rows and texts live here */
    struct rh_issue *rows;
    struct rh_issue spare[2]; /* rows when the arena is full: so this struct is never copied */
    size_t cap;
    unsigned max, count, dropped, errors;
};

void rh_issues_init(struct rh_issues *is,
                    struct rh_arena *a); /* keeps RH_ISSUES_MAX; set `max` for more */

/* Adds an error and returns rc, so that a caller writes `return rh_issue_add(…)`. `expression` may
 * be NULL and is copied. */
enum rh_rc rh_issue_add(struct rh_issues *is, enum rh_rc rc, const char *expression,
                        const char *format, ...) __attribute__((format(printf, 4, 5)));
enum rh_rc rh_issue_at(struct rh_issues *is,
                       struct rh_issue row); /* copies the texts; returns row.rc */
/* The text of the first error; without any, rc's own. */
const char *rh_issues_error(const struct rh_issues *is, enum rh_rc rc);
const char *rh_severity_name(enum rh_severity s); /* "fatal", "error", … */

/* Appends an OperationOutcome (JSON). Without any issue one row is made from rc's own text. */
void rh_issues_outcome(const struct rh_issues *is, enum rh_rc rc, struct rh_buf *out);

#endif
