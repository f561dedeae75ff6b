/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "record/parameters.h"

#include "base/alloc.h"
#include "system/log.h"

enum { NUMBER_MAX = RH_PARAM_CONTAINED - 1 };

static const char row_name[] = "search parameters";
static const char *const states[] = {"building", "complete", "dropped"};

void rh_added_free(struct rh_added_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        rh_free(l->rows[i].definition);
    rh_free(l->rows);
    *l = (struct rh_added_list){.next = RH_PARAM_ADDED};
}

static enum rh_rc push(struct rh_added_list *l, const struct rh_added *row)
{
    if (l->n == RH_ADDED_MAX)
        return RH_TOOLARGE;
    if (l->n == l->cap) {
        l->cap = l->cap ? 2 * l->cap : 16;
        l->rows = rh_realloc(l->rows, l->cap * sizeof *l->rows);
    }
    l->rows[l->n] = *row;
    l->rows[l->n++].definition = rh_strdup(row->definition);
    return RH_OK;
}

/* Numbers are kept as text. */
static uint64_t number_of(yyjson_val *object, const char *name)
{
    uint64_t n = 0;
    return rh_text_u64(rh_json_text(yyjson_obj_get(object, name)), UINT16_MAX, &n) ? 0 : n;
}

static enum rh_rc read_row(struct rh_added_list *l, struct rh_arena *a, yyjson_val *v)
{
    struct rh_text type = rh_json_get(v, "type"), state = rh_json_get(v, "state");
    uint64_t number = number_of(v, "number");
    struct rh_buf definition = rh_buf(a);
    struct rh_added row = {.number = (uint16_t)number, .type = (uint16_t)rh_resource_number(type)};
    unsigned s = 0;
    while (s < sizeof states / sizeof states[0] && !rh_text_is(state, states[s]))
        s++;
    row.state = (enum rh_added_state)s;
    row.packaged = yyjson_get_bool(yyjson_obj_get(v, "packaged"));
    rh_json_write(&definition, yyjson_obj_get(v, "definition"));
    rh_buf_char(&definition, 0);
    if (definition.rc)
        return definition.rc;
    if (!row.type || number < RH_PARAM_ADDED || number > NUMBER_MAX || number >= l->next ||
        s == sizeof states / sizeof states[0])
        return RH_CORRUPT;
    row.definition = definition.data;
    return push(l, &row);
}

enum rh_rc rh_added_read(struct rh_conn *c, struct rh_arena *a, struct rh_added_list *ret)
{
    struct rh_text text;
    struct rh_issues is;
    yyjson_doc *doc;
    yyjson_val *row;
    size_t i, max;
    *ret = (struct rh_added_list){.next = RH_PARAM_ADDED};
    rh_issues_init(&is, a);
    enum rh_rc rc = rh_store_meta_get(c, row_name, a, &text);
    if (rc == RH_OK && rh_json_parse(a, &is, text, &doc))
        rc = RH_CORRUPT;
    if (rc)
        return rc;
    yyjson_val *root = yyjson_doc_get_root(doc);
    ret->next = (uint16_t)number_of(root, "next");
    yyjson_arr_foreach (yyjson_obj_get(root, "rows"), i, max, row)
        if ((rc = read_row(ret, a, row)))
            break;
    if (rc)
        rh_added_free(ret);
    return rc;
}

enum rh_rc rh_added_write(struct rh_conn *c, struct rh_arena *a, const struct rh_added_list *l)
{
    struct rh_buf b = rh_buf(a);
    rh_buf_printf(&b, "{\"next\":%u,\"rows\":[", l->next);
    for (size_t i = 0; i < l->n; i++) {
        const struct rh_added *r = &l->rows[i];
        rh_buf_printf(&b,
                      "%s{\"number\":%u,\"type\":\"%s\",\"state\":\"%s\",\"packaged\":%s,"
                      "\"definition\":",
                      i ? "," : "", r->number, rh_resource_type(r->type)->name, states[r->state],
                      r->packaged ? "true" : "false");
        rh_buf_str(&b, r->definition);
        rh_buf_char(&b, '}');
    }
    rh_buf_str(&b, "]}");
    return b.rc ? b.rc : rh_store_meta_put(c, row_name, rh_buf_get(&b));
}

/* --- what is wanted
 * --------------------------------------------------------------------------------- */

struct wanting {
    struct rh_added_list *list;
    struct rh_arena *arena;
    bool *kept; /* of each row that was there */
    size_t n_before;
    bool packaged, changed;
};

/* R4's own parameters are there already, whoever stores their definitions. */
static bool is_ours(unsigned type, yyjson_val *definition)
{
    const struct rh_parameter *p = rh_parameter_find(NULL, type, rh_json_get(definition, "code"));
    return p && rh_text_is(rh_json_get(definition, "url"), p->url);
}

static enum rh_rc want_one(struct wanting *w, const char *definition, unsigned type)
{
    for (size_t i = 0; i < w->n_before; i++) {
        const struct rh_added *r = &w->list->rows[i];
        if (r->state != RH_ADDED_DROPPED && r->type == type &&
            strcmp(r->definition, definition) == 0) {
            w->kept[i] = true;
            return RH_OK;
        }
    }
    if (w->list->next > NUMBER_MAX)
        return RH_TOOLARGE;
    struct rh_added row = {.number = w->list->next,
                           .type = (uint16_t)type,
                           .state = RH_ADDED_BUILDING,
                           .fresh = true,
                           .packaged = w->packaged,
                           .definition = (char *)(uintptr_t)definition};
    enum rh_rc rc = push(w->list, &row);
    if (rc == RH_OK) {
        w->list->next++;
        w->changed = true;
    }
    return rc;
}

static enum rh_rc want(struct wanting *w, const char *definition)
{
    struct rh_issues is;
    struct rh_ctx ctx = {.arena = w->arena, .issues = &is};
    uint16_t types[RH_RESOURCE_TYPES];
    unsigned n = 0;
    yyjson_doc *doc;
    rh_issues_init(&is, w->arena);
    enum rh_rc rc = rh_json_parse(w->arena, &is, rh_text(definition), &doc);
    if (rc)
        return RH_CORRUPT;
    yyjson_val *root = yyjson_doc_get_root(doc);
    if (rh_parameter_check(&ctx, root, types, RH_RESOURCE_TYPES, &n)) {
        rh_log(RH_LOG_WARNING, "record", "SearchParameter %s is not used: %s",
               rh_arena_printf(w->arena, "%.*s", RH_TEXT_ARG(rh_json_get(root, "url"))),
               is.count ? is.rows[0].text : "");
        return RH_OK;
    }
    for (unsigned i = 0; i < n && rc == RH_OK; i++)
        if (!is_ours(types[i], root))
            rc = want_one(w, definition, types[i]);
    return rc;
}

enum rh_rc rh_added_want(struct rh_added_list *l, struct rh_arena *a, char *const *definitions,
                         size_t n, size_t n_packaged, bool told, bool *changed)
{
    struct wanting w = {.list = l, .arena = a, .n_before = l->n};
    w.kept = rh_arena_zero(a, l->n + 1);
    enum rh_rc rc = w.kept ? RH_OK : RH_NOMEM;
    for (size_t i = 0; i < n && rc == RH_OK; i++) {
        w.packaged = i < n_packaged;
        rc = want(&w, definitions[i]);
    }
    for (size_t i = 0; i < w.n_before && rc == RH_OK; i++)
        if (!w.kept[i] && l->rows[i].state != RH_ADDED_DROPPED && (told || !l->rows[i].packaged)) {
            l->rows[i].state = RH_ADDED_DROPPED;
            w.changed = true;
        }
    *changed = w.changed;
    return rc;
}

enum rh_rc rh_added_set(const struct rh_added_list *l, struct rh_arena *a,
                        struct rh_parameters **ret)
{
    struct rh_issues is;
    struct rh_ctx ctx = {.arena = a, .issues = &is};
    struct rh_parameter_added *rows = rh_arena_alloc(a, (l->n + 1) * sizeof *rows);
    unsigned n = 0;
    rh_issues_init(&is, a);
    *ret = NULL;
    for (size_t i = 0; rows && i < l->n; i++) {
        const struct rh_added *r = &l->rows[i];
        yyjson_doc *doc;
        if (r->state == RH_ADDED_DROPPED)
            continue;
        struct rh_text text = rh_text_copy(a, rh_text(r->definition));
        if (!text.data || rh_json_parse(a, &is, text, &doc))
            return RH_CORRUPT;
        rows[n++] = (struct rh_parameter_added){.number = r->number,
                                                .type = r->type,
                                                .definition = yyjson_doc_get_root(doc),
                                                .complete = r->state == RH_ADDED_COMPLETE};
    }
    return rows ? rh_parameters_open(&ctx, rows, n, ret) : RH_NOMEM;
}
