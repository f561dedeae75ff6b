/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * cli.h - commands as rows: name, arguments, options, function. Help, completion and the man page
 * are printed from the same rows.
 *
 * Exit codes: 0 done, 1 the answer is no (a resource was refused, a check found a problem), 2 wrong
 * usage, 3 failed.
 */
#ifndef RH_CLI_CLI_H
#define RH_CLI_CLI_H

#include "access/access.h"
#include "base/issue.h"

#include <stdio.h>

enum { RH_EXIT_OK, RH_EXIT_NO, RH_EXIT_USAGE, RH_EXIT_FAILED };
enum { RH_CLI_OPTIONS_MAX = 12, RH_CLI_ARGS_MAX = 100000, RH_CLI_VALUES_MAX = 200 };

struct rh_cli_option {
    const char *name; /* without the two dashes; NULL ends the table */
    const char *arg;  /* name of its value; NULL: a switch */
    const char *what;
    bool many; /* may be given several times */
};

struct rh_cli_command;

/* What was given. */
struct rh_cli {
    const struct rh_cli_command *command;
    const char *data; /* --data, "./rihla-data" */
    bool data_named;  /* --data was given: what is kept there counts for tools on files, too */
    bool json, quiet;
    const char *values[RH_CLI_OPTIONS_MAX]; /* of the command's options, in their order; "" for a
                                               switch; NULL: not given */
    const char *more[RH_CLI_VALUES_MAX];    /* values of options that may be given several times */
    unsigned char more_of[RH_CLI_VALUES_MAX]; /* the option's row */
    unsigned n_more;
    const char *const *args;
    unsigned n_args;
    struct rh_arena *arena;
    struct rh_issues issues;
};

struct rh_cli_command {
    const char *name, *args, *what;
    const char *more; /* paragraphs for --help and the man page; may be NULL */
    unsigned min_args, max_args;
    int (*run)(struct rh_cli *c);
    const struct rh_cli_option *options; /* ends with a row without name; may be NULL */
};

extern const struct rh_cli_command rh_cli_commands[];
extern const unsigned rh_cli_n_commands;

const char *rh_cli_value(const struct rh_cli *c, const char *option); /* NULL: not given */
/* All values of an option that may be given several times, in the arena; *n may be 0. NULL: arena
 * full. */
const char **rh_cli_many(struct rh_cli *c, const char *option, unsigned *n);
/* Prints the issues to stderr (or as an OperationOutcome to stdout with --json) and returns the
 * exit code for rc. */
int rh_cli_fail(struct rh_cli *c, enum rh_rc rc);
/* Prints the issues to stderr and forgets them: what was found on the way and stops nothing. */
void rh_cli_warn(struct rh_cli *c);
struct rh_caller rh_cli_caller(void);

/* The paths of the packages that count: those kept in the directory of --data, when that is given,
 * then those of --package. In the arena. */
enum rh_rc rh_cli_packages(struct rh_cli *c, struct rh_issues *is, const char ***ret, size_t *n);
/* The world of the built-in definitions and those packages; warnings are printed. The value is an
 * exit code; RH_EXIT_OK: *ret is to be closed. */
struct rh_world;
int rh_cli_world(struct rh_cli *c, struct rh_world **ret);

void rh_cli_help(FILE *out); /* all commands */
void rh_cli_help_command(FILE *out, const struct rh_cli_command *c);
void rh_cli_completion(FILE *out); /* for bash */
void rh_cli_man(FILE *out);        /* troff, section 1 */

int rh_cmd_serve(struct rh_cli *c);
int rh_cmd_import(struct rh_cli *c);
int rh_cmd_export(struct rh_cli *c);
int rh_cmd_backup(struct rh_cli *c);
int rh_cmd_restore(struct rh_cli *c);
int rh_cmd_check(struct rh_cli *c);
int rh_cmd_explain(struct rh_cli *c);
int rh_cmd_job(struct rh_cli *c);
int rh_cmd_doctor(struct rh_cli *c);
int rh_cmd_validate(struct rh_cli *c);
int rh_cmd_fhirpath(struct rh_cli *c);
int rh_cmd_terminology(struct rh_cli *c);
int rh_cmd_form(struct rh_cli *c);
int rh_cmd_pack(struct rh_cli *c);
int rh_cmd_protocol(struct rh_cli *c);

#endif
