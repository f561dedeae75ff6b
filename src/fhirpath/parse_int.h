/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * parse_int.h - the words of an expression, between lexer.c and parse.c.
 *
 * Grammar: FHIRPath 2.0.0, appendix "Formal Specifications", with the drafts' long literals (12L),
 * asc and desc in sort(), and FHIR R4's %vs-name and %ext-name without quotes.
 */
#ifndef RH_FHIRPATH_PARSE_INT_H
#define RH_FHIRPATH_PARSE_INT_H

#include "fhirpath/fhirpath_int.h"

enum rh_fp_token_kind {
    RH_FP_T_END,
    RH_FP_T_NAME,   /* an identifier or a word operator */
    RH_FP_T_QUOTED, /* `an identifier` */
    RH_FP_T_STRING,
    RH_FP_T_INTEGER,
    RH_FP_T_LONG,
    RH_FP_T_DECIMAL,
    RH_FP_T_DATE,
    RH_FP_T_DATETIME,
    RH_FP_T_TIME,
    RH_FP_T_DOLLAR,   /* $this: text without $ */
    RH_FP_T_VARIABLE, /* %name, %`name`, %'name': text without % and quotes */
    RH_FP_T_SYMBOL
};

struct rh_fp_token {
    enum rh_fp_token_kind kind;
    unsigned at, end;    /* bytes of the expression */
    struct rh_text text; /* with escapes resolved; in the arena or in the expression */
};

struct rh_fp_lexer {
    struct rh_arena *arena;
    struct rh_issues *issues;
    struct rh_text text;
    size_t at;
};

/* RH_SYNTAX with an issue. */
enum rh_rc rh_fp_next(struct rh_fp_lexer *l, struct rh_fp_token *ret);

/* Adds an issue with line and column of byte `at` of the expression; returns rc. */
enum rh_rc rh_fp_issue(struct rh_issues *is, enum rh_rc rc, struct rh_text expression, unsigned at,
                       const char *format, ...) __attribute__((format(printf, 5, 6)));

#endif
