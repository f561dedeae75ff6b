/* SPDX-License-Identifier: GPL-3.0-or-later */
/* fhirpath_int.h - what one expression (fhirpath.c) and a batch of them (fhirpath_batch.c) share.
 */
#ifndef RH_CLI_FHIRPATH_INT_H
#define RH_CLI_FHIRPATH_INT_H

#include "cli/cli.h"
#include "fhirpath/question.h"

enum {
    RH_CLI_FP_INPUT_MAX = 128 << 20, /* bytes of a file or of a line */
    RH_CLI_FP_EVAL_MAX = 512 << 20,  /* memory of one evaluation */
    RH_CLI_FP_SLOTS = 1 << 14,       /* of compiled expressions; a power of two */
    RH_CLI_FP_RESOURCES = 16,        /* kept parsed */
    RH_CLI_FP_PIECE = 256 << 10
};

struct rh_cli_expression {
    struct rh_text text;
    struct rh_fp *compiled;
    const struct rh_type *checked; /* the type it was last checked for without a finding */
    struct rh_cli_expression *next;
};

struct rh_cli_resource {
    struct rh_arena *arena;
    struct rh_text text; /* as it stood in its line */
    yyjson_val *value;
    uint64_t used;
};

/* One process, one batch. */
struct rh_cli_session {
    struct rh_cli *cli;
    struct rh_world *world; /* opened when an expression asks for definitions */
    struct rh_arena *compiled, *work;
    struct rh_cli_expression *slots[RH_CLI_FP_SLOTS];
    struct rh_cli_resource resources[RH_CLI_FP_RESOURCES];
    uint64_t clock;
    bool lenient;
};

/* fhirpath.c: results live in s->work. */
enum rh_rc rh_cli_fp_answer(struct rh_cli_session *s, struct rh_issues *is,
                            const struct rh_fp_question *q, struct rh_fp_list *ret);
/* fhirpath_batch.c: lines of standard input; an exit code. */
int rh_cli_fp_batch(struct rh_cli_session *s);

#endif
