/* SPDX-License-Identifier: GPL-3.0-or-later */
/* main.c - the table of commands, and how a command line is read. */
#include "cli/cli.h"

#include "system/log.h"

#include <stdlib.h>
#include <string.h>

enum { ARENA_MAX = 256 << 20 };

static int print_version(struct rh_cli *c)
{
    printf(c->json ? "{\"version\":\"%s\",\"fhirVersion\":\"4.0.1\"}\n"
                   : "rihla %s (FHIR R4 4.0.1)\n",
           RH_VERSION);
    return RH_EXIT_OK;
}

static int print_completion(struct rh_cli *c)
{
    (void)c;
    rh_cli_completion(stdout);
    return RH_EXIT_OK;
}

static int print_man(struct rh_cli *c)
{
    (void)c;
    rh_cli_man(stdout);
    return RH_EXIT_OK;
}

static const struct rh_cli_option serve_options[] = {
    {"listen", "ADDRESS",
     "IP address and port, loopback only (default 127.0.0.1:8080; port 0: one that is free)",
     false},
    {"hook", "HOST[:PORT][/PATH]",
     "an endpoint that Subscriptions may send to, by https (http://… : in clear); may be given "
     "several times",
     true},
    {"hook-retries", "N",
     "how often a Subscription's delivery is tried again before its status is error (default 12: "
     "about an hour)",
     false},
    {"import-dir", "DIR", "$import may read files below this folder (default: none)", false},
    {"import-host", "HOST[:PORT]",
     "a server that $import may fetch from, by http or https; may be given several times", true},
    {"web-dir", "DIR", "serve the web app from this folder instead of the one built in", false},
    {"package", "FILE",
     "a FHIR package (.tgz or folder) to know beside those of DIR/packages; may be given several "
     "times",
     true},
    {"validate", "MODE",
     "what is checked when a resource is stored: off, structure (default) or full", false},
    {NULL, NULL, NULL, false},
};
static const struct rh_cli_option import_options[] = {
    {"validate", "MODE", "what is checked: off, structure (default) or full", false},
    {"package", "FILE", "a FHIR package to know, with --validate full; may be given several times",
     true},
    {NULL, NULL, NULL, false},
};
static const struct rh_cli_option export_options[] = {
    {"type", "TYPE", "only this resource type; may be given several times", true},
    {"gzip", NULL, "compress the files", false},
    {NULL, NULL, NULL, false},
};
static const struct rh_cli_option check_options[] = {
    {"rebuild", NULL, "make heads, search keys and counts anew from the log, then check", false},
    {NULL, NULL, NULL, false},
};

static const struct rh_cli_option validate_options[] = {
    {"profile", "URL", "a profile that each resource must conform to; may be given several times",
     true},
    {"package", "FILE", "a FHIR package (.tgz or folder) to know; may be given several times",
     true},
    {"level", "LEVEL", "show only these: error, warning or information (default: all)", false},
    {"extensions", "WHICH",
     "known: an unknown one is an error, any: it is not (default: known; with "
     "--profile: any)",
     false},
    {NULL, NULL, NULL, false},
};
static const struct rh_cli_option terminology_options[] = {
    {"package", "FILE", "a FHIR package (.tgz or folder) to know; may be given several times",
     true},
    {"param", "NAME=VALUE", "an input of the operation; may be given several times", true},
    {"batch", NULL, "answer lines of JSON, one operation each", false},
    {NULL, NULL, NULL, false},
};
static const struct rh_cli_option fhirpath_options[] = {
    {"batch", NULL, "answer lines of JSON from standard input, one expression each", false},
    {"ast", NULL, "print the tree of the expression as JSON", false},
    {"check", "TYPE", "only say what can be wrong for this FHIR type, and the type of the result",
     false},
    {"base", "PATH", "evaluate for each element that this expression finds", false},
    {"var", "NAME=VALUE", "a variable %NAME (JSON, else a string); may be given several times",
     true},
    {"model", "MODEL", "r4, or none: plain JSON without FHIR types (default: by resourceType)",
     false},
    {"lenient", NULL, "an element that the type does not have is empty, not an error", false},
    {"types", NULL, "print {\"type\",\"value\"} for each item", false},
    {"package", "FILE", "a FHIR package (.tgz or folder) to know; may be given several times",
     true},
    {NULL, NULL, NULL, false},
};
static const struct rh_cli_option form_options[] = {
    {"batch", NULL, "calculate lines of JSON from standard input", false},
    {"package", "FILE", "a FHIR package (.tgz or folder) to know; may be given several times",
     true},
    {"context", "NAME=FILE",
     "a resource that the form knows as %NAME (its launch context); may be given several times",
     true},
    {"language", "LANGUAGE", "texts in this language where the form has them", false},
    {"now", "TIME", "the time that counts as now (default: the clock)", false},
    {NULL, NULL, NULL, false},
};
static const struct rh_cli_option protocol_options[] = {
    {"pack", "NAME", "a protocol, or a pack that has some; may be given several times", true},
    {"date", "DATE", "the date of the assessment (default: today)", false},
    {"for", "NAME", "only what the receiving state of this protocol may see", false},
    {"language", "LANGUAGE", "of titles and reasons: en, fr, ar, es (default: en)", false},
    {"all", NULL, "also items that are not required", false},
    {"may-see", "CODE",
     "a label that the reader may see; may be given several times (default: all; empty: none)",
     true},
    {"batch", "FILE", "answer lines, a Bundle or {\"id\", \"date\", \"resources\"} each", false},
    {"package", "FILE", "a FHIR package (.tgz or folder) to know; may be given several times",
     true},
    {NULL, NULL, NULL, false},
};
static const struct rh_cli_option pack_options[] = {
    {"package", "FILE", "what the package depends on (check, test); may be given several times",
     true},
    {NULL, NULL, NULL, false},
};

const struct rh_cli_command rh_cli_commands[] = {
    {"serve", "", "answer FHIR requests",
     "Prints \"listening on http://ADDRESS\" when it is ready. SIGTERM or Ctrl-C ends it in order: "
     "what is in flight is finished.",
     0, 0, rh_cmd_serve, serve_options},
    {"import", "PATH...", "load Bundles, NDJSON and resources from files and folders",
     "Files may be gzip-compressed. What is refused is reported with file and line, the rest goes "
     "on, and the exit code is 1. An interrupted "
     "import goes on where it stopped when it is given again. Works while a server runs, whose own "
     "packages count then.",
     1, RH_CLI_ARGS_MAX, rh_cmd_import, import_options},
    {"export", "OUT", "write all resources as NDJSON, a file for each type",
     "OUT is a folder that does not exist yet. Works while a server runs.", 1, 1, rh_cmd_export,
     export_options},
    {"backup", "OUT", "make a consistent copy of the data directory",
     "OUT is a folder that does not exist yet. Works while a server runs.", 1, 1, rh_cmd_backup,
     NULL},
    {"restore", "FROM", "make a data directory from a backup",
     "The directory given by --data must not exist or must be empty.", 1, 1, rh_cmd_restore, NULL},
    {"check", "", "verify the database, the log's hashes, the bodies and the search keys",
     "Works while a server runs.", 0, 0, rh_cmd_check, check_options},
    {"explain", "URL", "say how a search is done, what it touches and how long it takes",
     "URL is a search as Observation?code=x&date=ge2026, Patient/1/Observation?_sort=-date or "
     "?_type=Patient,Group, with or without the address of a server before it. Prints the plan: "
     "what is gathered from which keys, what is decided on bodies; then rows, seeks, bodies and "
     "time. With --json {\"matches\", \"included\", \"total\", \"more\", \"query\", "
     "\"explain\": {\"plans\", \"rows\", \"seeks\", \"bodies\", \"microseconds\"}}. Works while a "
     "server runs. Example: rihla explain --data ./rihla-data "
     "'Observation?patient=1&_sort=-date&_count=5'",
     1, 1, rh_cmd_explain, NULL},
    {"job", "list|show|cancel [ID]", "see and cancel long work of a server: exports and imports",
     "list has all of the last day, and how far the indexing of search parameters is. show has the "
     "whole of one. cancel ends it, also when it runs, and removes its files. With --json "
     "{\"jobs\": "
     "[{\"id\", \"kind\", \"state\", \"phase\", \"done\", \"total\", …}], \"indexing\"}, or one "
     "job.",
     1, 2, rh_cmd_job, NULL},
    {"validate", "FILE...", "check resources against FHIR R4 and profiles",
     "A FILE is JSON, XML, lines of JSON (.ndjson, .jsonl), each also with .gz, a folder of those, "
     "or - for standard input. Prints FILE:LINE:COLUMN: SEVERITY: TEXT (EXPRESSION), with --json a "
     "line for each file: {\"file\", \"valid\", \"issues\": [{\"severity\", \"code\", "
     "\"expression\", \"line\", \"column\", \"text\"}]}. With --data the packages that are kept "
     "there (rihla pack add) are known too. Exit code 1: not all are valid.",
     1, RH_CLI_ARGS_MAX, rh_cmd_validate, validate_options},
    {"fhirpath", "EXPR [FILE]", "evaluate a FHIRPath expression over a resource",
     "FILE is JSON or XML, or - for standard input; without it the input is empty. Prints a JSON "
     "array. With --batch each line is {\"id\",\"expr\",\"resource\",\"context\","
     "\"variables\",\"model\",\"strict\"}: context is a path as with --base, or an object; "
     "strict false is --lenient. The answer is {\"id\",\"result\":[{\"type\",\"value\"}]} or "
     "{\"id\",\"error\",\"at\"}, where at is \"LINE:COLUMN\" in the expression, both from 1, or "
     "null. Exit code 1: the expression (--check, --ast) or a line of the batch is not right.",
     0, 2, rh_cmd_fhirpath, fhirpath_options},
    {"terminology", "OPERATION [FILE]", "expand value sets, validate, look up, translate codes",
     "OPERATION is expand, validate-code, CodeSystem/validate-code, lookup, subsumes, translate or "
     "batch-validate-code; its input is --param NAME=VALUE or a FILE with a Parameters resource. "
     "With --batch lines {\"id\", \"operation\", \"parameters\", \"resources\"} are read from "
     "FILE or standard input and answered by {\"id\", \"result\"} or {\"id\", \"outcome\"}; "
     "\"resources\" are definitions for this line, \"setup\" names the id of an earlier line "
     "whose resources are used again. With --data the packages that are kept there (rihla pack "
     "add) are known too. Exit code 1: the code is not valid.",
     0, 2, rh_cmd_terminology, terminology_options},
    {"form", "calculate|validate|populate|extract QUESTIONNAIRE [RESPONSE]",
     "fill in Questionnaires (SDC), check and use the answers",
     "QUESTIONNAIRE is a file, - for standard input, or the canonical address of one that a "
     "package defines. calculate prints the QuestionnaireResponse with initial and calculated "
     "values, without items that are not enabled; what could not be computed is said on standard "
     "error. With --batch each line is {\"id\",\"questionnaire\",\"response\"} (and "
     "\"context\", an object of resources by name) and is answered by {\"id\",\"response\"} or "
     "{\"id\",\"error\"}; exit code 1: a line is not JSON. validate says what is wrong with "
     "the answers of RESPONSE, in English, French, Arabic or Spanish (--language), each with its "
     "linkId and place; exit code 1: something is. populate prints a response filled in from what "
     "--context gives. extract prints the transaction of resources that follow from RESPONSE; a "
     "third file is the response as it was extracted before: what it gave and this one no longer "
     "gives becomes entered-in-error.",
     1, 4, rh_cmd_form, form_options},
    {"protocol", "apply|list [FILE|Patient/ID]", "say what protocols ask of a person",
     "apply takes a Bundle with the person's resources (and, of the household, the Group and the "
     "members' Flags) from a FILE, or a Patient of the data directory, also while a server runs. "
     "It "
     "prints what is to be done, who asks it and why, what is missing, states, classes, holds, "
     "expiry and clearance: all of it a proposal until a physician signs. With --json as one "
     "object. With --batch one answer a line, with the line's id. list prints the protocols that "
     "are loaded. A pack that needs others is given with them. Example: rihla protocol apply "
     "--package packs/rihla-base --package packs/assessment-common --package packs/NAME --pack "
     "NAME "
     "--date 2026-11-24 person.json",
     1, 2, rh_cmd_protocol, protocol_options},
    {"pack", "list|check|test|build|add|remove …",
     "look into FHIR packages, check, test, keep them",
     "list [PATH]: what is in a package; without PATH, the packages of the data directory. "
     "check PATH: every resource is valid, the check digits of its codes are right, what it "
     "depends on is there; of a pack (docs/packs.md) also sources, expressions, translations, "
     "periods and cases. test PATH [FILTER]: runs the cases of a pack. build FOLDER OUT.tgz: makes "
     "the package of a pack. add PATH: keeps a package in DIR/packages, where serve finds it when "
     "it starts. remove NAME [VERSION]: takes it out again, unless another one needs it. For check "
     "and test, what a pack depends on is also looked for beside it. Exit code 1: check or test "
     "found something; remove did not.",
     1, 3, rh_cmd_pack, pack_options},
    {"doctor", "", "look at the disk, its speed, versions and settings, and say what to do",
     "Reads the packages of the data directory too: one that is damaged keeps serve from starting.",
     0, 0, rh_cmd_doctor, NULL},
    {"version", "", "print the version", NULL, 0, 0, print_version, NULL},
    {"completion", "", "print completion for bash", "source <(rihla completion)", 0, 0,
     print_completion, NULL},
    {"man", "", "print the manual page", "rihla man | man -l -", 0, 0, print_man, NULL},
};
const unsigned rh_cli_n_commands = sizeof rh_cli_commands / sizeof rh_cli_commands[0];

struct rh_caller rh_cli_caller(void)
{
    return (struct rh_caller){
        .user = RH_TEXT("command line"), .purpose = RH_TEXT("HOPERAT"), .local = true};
}

const char *rh_cli_value(const struct rh_cli *c, const char *option)
{
    for (unsigned i = 0; c->command->options && c->command->options[i].name; i++)
        if (strcmp(c->command->options[i].name, option) == 0)
            return c->values[i];
    return NULL;
}

const char **rh_cli_many(struct rh_cli *c, const char *option, unsigned *n)
{
    const char **all = rh_arena_alloc(c->arena, (c->n_more + 1) * sizeof *all);
    *n = 0;
    for (unsigned i = 0; all && i < c->n_more; i++)
        if (strcmp(c->command->options[c->more_of[i]].name, option) == 0)
            all[(*n)++] = c->more[i];
    return all;
}

static void print_issues(const struct rh_cli *c)
{
    for (unsigned i = 0; i < c->issues.count; i++) {
        const struct rh_issue *row = &c->issues.rows[i];
        fprintf(stderr, "rihla: %s%s%s%s\n", row->severity >= RH_WARNING ? "warning: " : "",
                row->expression ? row->expression : "", row->expression ? ": " : "", row->text);
    }
}

void rh_cli_warn(struct rh_cli *c)
{
    if (!c->quiet)
        print_issues(c);
    rh_issues_init(&c->issues, c->arena);
}

int rh_cli_fail(struct rh_cli *c, enum rh_rc rc)
{
    if (c->json) {
        struct rh_buf b = rh_buf(c->arena);
        rh_issues_outcome(&c->issues, rc, &b);
        printf("%.*s\n", RH_TEXT_ARG(rh_buf_get(&b)));
        return RH_EXIT_FAILED;
    }
    print_issues(c);
    if (c->issues.count == 0)
        fprintf(stderr, "rihla: %s\n", rh_rc_text(rc));
    return RH_EXIT_FAILED;
}

static int usage(const struct rh_cli_command *command, const char *what, const char *about)
{
    fprintf(stderr, "rihla%s%s: %s%s; see rihla %s%s--help\n", command ? " " : "",
            command ? command->name : "", what, about, command ? command->name : "",
            command ? " " : "");
    return RH_EXIT_USAGE;
}

static const struct rh_cli_command *find_command(const char *name)
{
    for (unsigned i = 0; i < rh_cli_n_commands; i++)
        if (strcmp(rh_cli_commands[i].name, name) == 0)
            return &rh_cli_commands[i];
    return NULL;
}

/* Of "--name", "--name=value": the row's index; UINT_MAX: no such option. */
static unsigned find_option(const struct rh_cli_command *command, const char *name, size_t len)
{
    const struct rh_cli_option *o = command->options;
    for (unsigned i = 0; o && o[i].name; i++)
        if (strlen(o[i].name) == len && memcmp(o[i].name, name, len) == 0)
            return i;
    return ~0u;
}

static bool named(const char *name, size_t len, const char *wanted)
{
    return strlen(wanted) == len && memcmp(name, wanted, len) == 0;
}

/* One option at argv[*at]; moves *at over its value. */
static int take_option(struct rh_cli *c, int argc, char **argv, int *at)
{
    const char *text = argv[*at], *name = text + 2, *equals = strchr(name, '=');
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    const struct rh_cli_option *o = NULL;
    unsigned i = find_option(c->command, name, len);
    bool data = named(name, len, "data");
    if (i != ~0u)
        o = &c->command->options[i];
    else if (!data && !named(name, len, "json") && !named(name, len, "quiet"))
        return usage(c->command, "there is no option ", text);
    bool wants = data || (o && o->arg);
    const char *value = equals ? equals + 1 : "";
    if (!wants && equals)
        return usage(c->command, "this option takes no value: ", text);
    if (wants && !equals) {
        if (*at + 1 >= argc)
            return usage(c->command, "a value is missing behind ", text);
        value = argv[++*at];
    }
    if (data) {
        c->data = value;
        c->data_named = true;
    } else if (!o) {
        *(named(name, len, "json") ? &c->json : &c->quiet) = true;
    } else if (o->many) {
        if (c->n_more == RH_CLI_VALUES_MAX)
            return usage(c->command, "too often given: ", text);
        c->more_of[c->n_more] = (unsigned char)i;
        c->more[c->n_more++] = value;
    } else {
        c->values[i] = value;
    }
    return RH_EXIT_OK;
}

static int take_arguments(struct rh_cli *c, int argc, char **argv)
{
    const char **args = rh_arena_alloc(c->arena, ((size_t)argc + 1) * sizeof *args);
    bool options = true;
    if (!args)
        return RH_EXIT_FAILED;
    c->args = args;
    for (int i = 2; i < argc; i++) {
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
        } else if (options && strncmp(argv[i], "--", 2) == 0) {
            int code = take_option(c, argc, argv, &i);
            if (code)
                return code;
        } else if (options && argv[i][0] == '-' && argv[i][1]) {
            return usage(c->command, "there is no option ", argv[i]);
        } else {
            args[c->n_args++] = argv[i];
        }
    }
    if (c->n_args < c->command->min_args)
        return usage(c->command, "needs ", c->command->args);
    if (c->n_args > c->command->max_args)
        return usage(c->command, "too many arguments, from ", args[c->command->max_args]);
    return RH_EXIT_OK;
}

static bool wants_help(int argc, char **argv)
{
    for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static int run(struct rh_cli *c, int argc, char **argv)
{
    const char *data = getenv("RIHLA_DATA"), *level_name = getenv("RIHLA_LOG");
    enum rh_log_level level;
    c->data = data && *data ? data : "./rihla-data";
    if (level_name && *level_name) {
        if (!rh_log_level_of(level_name, &level))
            return usage(c->command, "RIHLA_LOG is error, warning, info or debug; not ",
                         level_name);
        rh_log_set(level, false);
    }
    int code = take_arguments(c, argc, argv);
    return code ? code : c->command->run(c);
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    bool help = strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
    const char *about = help && argc > 2 ? argv[2] : word;
    const struct rh_cli_command *command =
        find_command(strcmp(about, "--version") == 0 ? "version" : about);
    if (command && (help || wants_help(argc, argv))) {
        rh_cli_help_command(stdout, command);
        return RH_EXIT_OK;
    }
    if (!command && help && argc == 2) {
        rh_cli_help(stdout);
        return RH_EXIT_OK;
    }
    if (!command && argc < 2) {
        rh_cli_help(stderr);
        return RH_EXIT_USAGE;
    }
    if (!command)
        return usage(NULL, "there is no command ", about);
    struct rh_cli c = {.command = command, .arena = rh_arena_open(ARENA_MAX)};
    rh_issues_init(&c.issues, c.arena);
    int code = run(&c, argc, argv);
    rh_arena_close(c.arena);
    return code;
}
