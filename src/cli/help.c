/* SPDX-License-Identifier: GPL-3.0-or-later */
/* help.c - help, completion and man page, from the rows of main.c. */
#include "cli/cli.h"

#include <string.h>

static const struct rh_cli_option common[] = {
    {"data", "DIR", "the data directory (default ./rihla-data, or $RIHLA_DATA)", false},
    {"json", NULL, "answer as JSON, also progress", false},
    {"quiet", NULL, "no progress", false},
    {"help", NULL, "this text", false},
    {NULL, NULL, NULL, false},
};

static const char exit_codes[] =
    "0 done, 1 the answer is no (something was refused or found), 2 wrong usage, 3 failed";

void rh_cli_help(FILE *out)
{
    fprintf(out,
            "rihla %s - the health record that travels (FHIR R4)\n\nUsage: rihla COMMAND [options] "
            "[arguments]\n\n",
            RH_VERSION);
    size_t widest = 0;
    for (unsigned i = 0; i < rh_cli_n_commands; i++) {
        size_t width = strlen(rh_cli_commands[i].name) + 1 + strlen(rh_cli_commands[i].args);
        widest = width > widest ? width : widest;
    }
    for (unsigned i = 0; i < rh_cli_n_commands; i++) {
        const struct rh_cli_command *c = &rh_cli_commands[i];
        size_t width = strlen(c->name) + 1 + strlen(c->args);
        fprintf(out, "  %s %s%*s  %s\n", c->name, c->args, (int)(widest - width), "", c->what);
    }
    fprintf(out, "\nrihla COMMAND --help says more. Exit codes: %s.\n", exit_codes);
}

static void print_options(FILE *out, const struct rh_cli_option *options)
{
    for (unsigned i = 0; options && options[i].name; i++) {
        char left[64];
        snprintf(left, sizeof left, "--%s%s%s", options[i].name, options[i].arg ? " " : "",
                 options[i].arg ? options[i].arg : "");
        fprintf(out, "  %-22s %s\n", left, options[i].what);
    }
}

void rh_cli_help_command(FILE *out, const struct rh_cli_command *c)
{
    fprintf(out, "rihla %s %s\n\n%s.\n", c->name, c->args, c->what);
    if (c->more)
        fprintf(out, "\n%s\n", c->more);
    fprintf(out, "\nOptions:\n");
    print_options(out, c->options);
    print_options(out, common);
    fprintf(out, "\nExit codes: %s.\n", exit_codes);
}

static void words_of(FILE *out, const struct rh_cli_option *options)
{
    for (unsigned i = 0; options && options[i].name; i++)
        fprintf(out, " --%s", options[i].name);
}

void rh_cli_completion(FILE *out)
{
    fprintf(out, "_rihla() {\n    local word=\"${COMP_WORDS[COMP_CWORD]}\" "
                 "before=\"${COMP_WORDS[COMP_CWORD-1]}\" words=\"\"\n"
                 "    case \"$before\" in --data|--web-dir) COMPREPLY=($(compgen -d -- "
                 "\"$word\")); return;; esac\n"
                 "    if [ \"$COMP_CWORD\" -eq 1 ]; then words=\"help");
    for (unsigned i = 0; i < rh_cli_n_commands; i++)
        fprintf(out, " %s", rh_cli_commands[i].name);
    fprintf(out, "\"\n    else case \"${COMP_WORDS[1]}\" in\n");
    for (unsigned i = 0; i < rh_cli_n_commands; i++) {
        fprintf(out, "        %s) words=\"", rh_cli_commands[i].name);
        words_of(out, rh_cli_commands[i].options);
        words_of(out, common);
        fprintf(out, "\";;\n");
    }
    fprintf(out, "    esac; fi\n    COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
                 "    case \"$word\" in -*) ;; *) [ \"$COMP_CWORD\" -gt 1 ] && "
                 "COMPREPLY+=($(compgen -f -- \"$word\"));; esac\n}\n"
                 "complete -o filenames -F _rihla rihla\n");
}

static void troff(FILE *out, const char *text)
{
    for (const char *p = text; *p; p++) {
        if (*p == '-' || *p == '\\')
            fputc('\\', out);
        fputc(*p, out);
    }
}

static void troff_options(FILE *out, const struct rh_cli_option *options)
{
    for (unsigned i = 0; options && options[i].name; i++) {
        fprintf(out, ".TP\n.B \\-\\-");
        troff(out, options[i].name);
        if (options[i].arg)
            fprintf(out, " \\fI%s\\fR", options[i].arg);
        fprintf(out, "\n");
        troff(out, options[i].what);
        fprintf(out, "\n");
    }
}

void rh_cli_man(FILE *out)
{
    fprintf(out,
            ".TH RIHLA 1 \"\" \"rihla %s\" \"\"\n.SH NAME\nrihla \\- the health record that "
            "travels (FHIR R4)\n.SH SYNOPSIS\n.B rihla\n"
            "\\fICOMMAND\\fR [\\fIoptions\\fR] [\\fIarguments\\fR]\n.SH COMMANDS\n",
            RH_VERSION);
    for (unsigned i = 0; i < rh_cli_n_commands; i++) {
        const struct rh_cli_command *c = &rh_cli_commands[i];
        fprintf(out, ".SS %s %s\n", c->name, c->args);
        troff(out, c->what);
        fprintf(out, ".\n");
        if (c->more) {
            fprintf(out, ".PP\n");
            troff(out, c->more);
            fprintf(out, "\n");
        }
        troff_options(out, c->options);
    }
    fprintf(out, ".SH OPTIONS OF ALL COMMANDS\n");
    troff_options(out, common);
    fprintf(out, ".SH EXIT STATUS\n");
    troff(out, exit_codes);
    fprintf(out, ".\n.SH ENVIRONMENT\n.TP\n.B RIHLA_DATA\nthe data directory when \\-\\-data is "
                 "not given\n.TP\n.B RIHLA_LOG\n"
                 "error, warning, info or debug: how much is written to stderr\n");
}
