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

/* A hold or a part of the validity that nobody can say has the member "missing" (it may be empty);
 * it must not read as one that is there. */
static bool is_open(yyjson_val *rule)
{
    return yyjson_obj_get(rule, "missing") || yyjson_is_true(yyjson_obj_get(rule, "either"));
}

enum which { KNOWN, OPEN, ALL };

static void print_rules(const char *word, yyjson_val *list, const char *date, enum which which)
{
    size_t i, n;
    yyjson_val *one;
    yyjson_arr_foreach (list, i, n, one) {
        if (which != ALL && is_open(one) != (which == OPEN))
            continue;
        struct rh_text id = rh_json_get(one, "id"), title = rh_json_get(one, "title"),
                       when = rh_json_get(one, date), state = rh_json_get(one, "state");
        printf("  %s %.*s%s%.*s%s%.*s%s%.*s%s\n", word, RH_TEXT_ARG(id), state.len ? " = " : "",
               RH_TEXT_ARG(state), title.len ? ": " : "", RH_TEXT_ARG(title), when.len ? ", " : "",
               RH_TEXT_ARG(when), yyjson_is_true(yyjson_obj_get(one, "draft")) ? " (draft)" : "");
        if (which == KNOWN)
            line("    ", "", rh_json_get(one, "why"));
        print_missing("    ", yyjson_obj_get(one, "missing"));
        line("    ", "problem: ", rh_json_get(one, "problem"));
    }
}

/* The title of the rule with this id among the lists of the protocol; else the id. */
static struct rh_text title_of(yyjson_val *p, struct rh_text id)
{
    static const struct {
        const char *list, *member;
    } lists[] = {
        {"items", "item"},        {"holds", "id"},       {"classification", "id"},
        {"unknownClasses", "id"}, {"expiryParts", "id"}, {"states", "id"},
    };
    size_t i, n;
    yyjson_val *one;
    for (size_t k = 0; k < sizeof lists / sizeof lists[0]; k++) {
        yyjson_val *list = yyjson_obj_get(p, lists[k].list);
        yyjson_arr_foreach (list, i, n, one) {
            struct rh_text title = rh_json_get(one, k == 5 ? "group" : "title");
            if (title.len && rh_text_eq(rh_json_get(one, lists[k].member), id))
                return title;
        }
    }
    return id;
}

/* "item:film" as "item:film (Chest film)". */
static void print_step(yyjson_val *p, struct rh_text step)
{
    const char *colon = step.len ? memchr(step.data, ':', step.len) : NULL;
    struct rh_text id = step, title;
    if (colon)
        id = (struct rh_text){colon + 1, step.len - (size_t)(colon + 1 - step.data)};
    title = title_of(p, id);
    printf("%.*s", RH_TEXT_ARG(step));
    if (!rh_text_eq(title, id))
        printf(" (%.*s)", RH_TEXT_ARG(title));
}

static void print_reasons(yyjson_val *p, yyjson_val *list)
{
    size_t i, n;
    yyjson_val *one;
    yyjson_arr_foreach (list, i, n, one) {
        printf("%s", i ? "\n      " : "    because of\n      ");
        print_step(p, rh_json_text(one));
    }
    if (yyjson_arr_size(list))
        printf("\n");
}

static void print_protocol(yyjson_val *p)
{
    yyjson_val *clearance = yyjson_obj_get(p, "clearance");
    struct rh_text name = rh_json_get(p, "protocol"), version = rh_json_get(p, "version"),
                   title = rh_json_get(p, "title"), status = rh_json_get(clearance, "status"),
                   step = rh_json_get(clearance, "nextStep"), date = rh_json_get(clearance, "date"),
                   expires = rh_json_get(p, "expires");
    printf("\n%.*s %.*s: %.*s\n", RH_TEXT_ARG(name), RH_TEXT_ARG(version), RH_TEXT_ARG(title));
    print_rules("state", yyjson_obj_get(p, "states"), "", ALL);
    print_rules("class", yyjson_obj_get(p, "classification"), "", ALL);
    print_rules("class not known:", yyjson_obj_get(p, "unknownClasses"), "", ALL);
    print_rules("hold", yyjson_obj_get(p, "holds"), "until", KNOWN);
    print_rules("hold not known:", yyjson_obj_get(p, "holds"), "until", OPEN);
    print_rules("validity", yyjson_obj_get(p, "expiryParts"), "expires", KNOWN);
    print_rules("validity not known:", yyjson_obj_get(p, "expiryParts"), "expires", OPEN);
    if (expires.len)
        printf("  expires %.*s\n", RH_TEXT_ARG(expires));
    printf("  %.*s%s (a proposal until a physician signs)", RH_TEXT_ARG(status),
           yyjson_is_true(yyjson_obj_get(clearance, "draft")) ? ", draft" : "");
    if (step.len) {
        printf("; next: ");
        print_step(p, step);
        printf("%s%.*s", date.len ? ", " : "", RH_TEXT_ARG(date));
    }
    printf("\n");
    print_reasons(p, yyjson_obj_get(clearance, "reasons"));
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
