/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * form_int.h - what the verbs of `rihla form` share.
 *
 * A verb is a row of rh_cli_form_verbs (form.c): its function has its files read here and prints
 * its answer. form_batch.c has --batch of calculate.
 */
#ifndef RH_CLI_FORM_INT_H
#define RH_CLI_FORM_INT_H

#include "cli/cli.h"
#include "clinical/form.h"

enum {
    RH_CLI_FORM_INPUT_MAX = 128 << 20, /* bytes of a file or of a line */
    RH_CLI_FORM_WORK_MAX = 512 << 20   /* memory of one form */
};

/* One process. */
struct rh_cli_forms {
    struct rh_cli *cli;
    struct rh_world *world;
    struct rh_arena *work;
    struct rh_ctx ctx; /* arena work, issues of the command line, world, clock or --now, host */
    struct rh_host host;
    struct rh_text language; /* --language; empty: the form's own */
};

/* A resource from a file ("-": standard input), JSON or XML, in f->work. */
enum rh_rc rh_cli_form_read(struct rh_cli_forms *f, const char *path, yyjson_val **ret);
/* The Questionnaire of an argument: a file, or a canonical address that a package defines. */
enum rh_rc rh_cli_form_open(struct rh_cli_forms *f, const char *argument,
                            const struct rh_form **ret);
/* --context NAME=FILE, as one object by name; NULL: none. */
enum rh_rc rh_cli_form_context(struct rh_cli_forms *f, yyjson_val **ret);
/* Prints one value as JSON: indented on a terminal. */
int rh_cli_form_print(struct rh_cli_forms *f, struct rh_text json);
int rh_cli_form_fail(struct rh_cli_forms *f, enum rh_rc rc);

struct rh_cli_form_verb {
    const char *name;
    unsigned min_args, max_args; /* behind the verb */
    bool batch;                  /* takes --batch, and then no argument */
    int (*run)(struct rh_cli_forms *f);
};

int rh_cli_form_batch(struct rh_cli_forms *f); /* form_batch.c */
/* form_record.c */
int rh_cli_form_validate(struct rh_cli_forms *f);
int rh_cli_form_populate(struct rh_cli_forms *f);
int rh_cli_form_extract(struct rh_cli_forms *f);

#endif
