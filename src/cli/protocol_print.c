/* SPDX-License-Identifier: GPL-3.0-or-later */
/* protocol_print.c - an evaluation for people who read a terminal. */
#include "base/json.h"
#include "cli/protocol_int.h"

static void line(const char *indent, const char *word, struct rh_text t)
{
    if (t.len)
        printf("%s%s%.*s\n", indent, word, RH_TEXT_ARG(t));
}

static void print_missing(const char *indent, yyjson_val *list)
{
    size_t i, n;
    yyjson_val *one;
    if (!yyjson_arr_size(list))
        return;
    printf("%smissing: ", indent);
    yyjson_arr_foreach (list, i, n, one) {
        struct rh_text title = rh_json_get(one, "title");
        printf("%s%.*s", i ? ", " : "", RH_TEXT_ARG(title));
    }
    printf("\n");
}

static void print_list(const char *indent, const char *word, yyjson_val *list)
{
    size_t i, n;
    yyjson_val *one;
    if (!yyjson_arr_size(list))
        return;
    printf("%s%s", indent, word);
    yyjson_arr_foreach (list, i, n, one) {
        struct rh_text t = rh_json_text(one);
        printf("%s%.*s", i ? "; " : "", RH_TEXT_ARG(t));
    }
    printf("\n");
}

static void print_asker(yyjson_val *a)
{
    size_t i, n;
    yyjson_val *way, *ways = yyjson_obj_get(a, "ways");
    struct rh_text protocol = rh_json_get(a, "protocol"), status = rh_json_get(a, "status"),
                   due = rh_json_get(a, "due");
    printf("    %.*s: %.*s%s%.*s%s\n", RH_TEXT_ARG(protocol), RH_TEXT_ARG(status),
           due.len ? ", due " : "", RH_TEXT_ARG(due),
           yyjson_is_true(yyjson_obj_get(a, "draft")) ? " (draft)" : "");
    line("      ", "", rh_json_get(a, "why"));
    yyjson_arr_foreach (ways, i, n, way) {
        struct rh_text s = rh_json_get(way, "status"), from = rh_json_get(way, "bornFrom"),
                       to = rh_json_get(way, "bornTo");
        printf("      born %.*s to %.*s: %.*s\n", RH_TEXT_ARG(from), RH_TEXT_ARG(to),
               RH_TEXT_ARG(s));
    }
    print_missing("      ", yyjson_obj_get(a, "missing"));
    print_list("      ", "after: ", yyjson_obj_get(a, "after"));
    line("      ", "problem: ", rh_json_get(a, "problem"));
    print_list("      ", "source: ", yyjson_obj_get(a, "source"));
}

static void print_items(yyjson_val *list)
{
    size_t i, n, k, m;
    yyjson_val *item, *asker;
    if (!yyjson_arr_size(list))
        printf("nothing is asked\n");
    yyjson_arr_foreach (list, i, n, item) {
        yyjson_val *askers = yyjson_obj_get(item, "askedBy");
        struct rh_text title = rh_json_get(item, "title"), status = rh_json_get(item, "status");
        printf("  %-14.*s %.*s\n", RH_TEXT_ARG(status), RH_TEXT_ARG(title));
        yyjson_arr_foreach (askers, k, m, asker)
            print_asker(asker);
    }
}

static void print_rules(const char *word, yyjson_val *list, const char *date)
{
    size_t i, n;
    yyjson_val *one;
    yyjson_arr_foreach (list, i, n, one) {
        struct rh_text id = rh_json_get(one, "id"), title = rh_json_get(one, "title"),
                       when = rh_json_get(one, date), state = rh_json_get(one, "state");
        printf("  %s %.*s%s%.*s%s%.*s%s%.*s%s\n", word, RH_TEXT_ARG(id), state.len ? " = " : "",
               RH_TEXT_ARG(state), title.len ? ": " : "", RH_TEXT_ARG(title), when.len ? ", " : "",
               RH_TEXT_ARG(when), yyjson_is_true(yyjson_obj_get(one, "draft")) ? " (draft)" : "");
        print_missing("    ", yyjson_obj_get(one, "missing"));
        line("    ", "problem: ", rh_json_get(one, "problem"));
    }
}

static void print_protocol(yyjson_val *p)
{
    yyjson_val *clearance = yyjson_obj_get(p, "clearance");
    struct rh_text name = rh_json_get(p, "protocol"), version = rh_json_get(p, "version"),
                   title = rh_json_get(p, "title"), status = rh_json_get(clearance, "status"),
                   step = rh_json_get(clearance, "nextStep"), date = rh_json_get(clearance, "date"),
                   expires = rh_json_get(p, "expires");
    printf("\n%.*s %.*s: %.*s\n", RH_TEXT_ARG(name), RH_TEXT_ARG(version), RH_TEXT_ARG(title));
    print_rules("state", yyjson_obj_get(p, "states"), "");
    print_rules("class", yyjson_obj_get(p, "classification"), "");
    print_rules("class not known:", yyjson_obj_get(p, "unknownClasses"), "");
    print_rules("hold", yyjson_obj_get(p, "holds"), "until");
    print_rules("validity", yyjson_obj_get(p, "expiryParts"), "expires");
    if (expires.len)
        printf("  expires %.*s\n", RH_TEXT_ARG(expires));
    printf("  %.*s%s (a proposal until a physician signs); next: %.*s, %.*s\n", RH_TEXT_ARG(status),
           yyjson_is_true(yyjson_obj_get(clearance, "draft")) ? ", draft" : "", RH_TEXT_ARG(step),
           RH_TEXT_ARG(date));
    print_list("    ", "because of ", yyjson_obj_get(clearance, "reasons"));
}

int rh_cli_protocol_print(struct rh_cli *c, struct rh_text json)
{
    size_t i, n;
    yyjson_doc *doc;
    yyjson_val *one;
    if (c->json) {
        printf("%.*s\n", RH_TEXT_ARG(json));
        return RH_EXIT_OK;
    }
    enum rh_rc rc = rh_json_parse(c->arena, &c->issues, json, &doc);
    if (rc)
        return rh_cli_fail(c, rc);
    yyjson_val *root = yyjson_doc_get_root(doc), *all = yyjson_obj_get(root, "protocols");
    struct rh_text subject = rh_json_get(root, "subject"), date = rh_json_get(root, "date");
    printf("%.*s on %.*s\n", RH_TEXT_ARG(subject), RH_TEXT_ARG(date));
    print_items(yyjson_obj_get(root, "items"));
    yyjson_arr_foreach (all, i, n, one)
        print_protocol(one);
    return RH_EXIT_OK;
}
