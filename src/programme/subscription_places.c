/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "programme/subscription_int.h"

#include "base/alloc.h"
#include "system/clock.h"
#include "system/file.h"
#include "system/log.h"

enum { FILE_MAX = 8 << 20 };

static const char file_name[] = "subscriptions.json";

struct rh_places {
    struct rh_arena *arena;
    yyjson_val *rows; /* NULL: none */
};

enum rh_rc rh_places_read(const char *dir, struct rh_issues *is, struct rh_places **ret)
{
    struct rh_places *p = rh_alloc(sizeof *p);
    struct rh_text text;
    yyjson_doc *doc;
    p->arena = rh_arena_open(16 * (size_t)FILE_MAX);
    char *path = rh_path_join(p->arena, dir, file_name);
    enum rh_rc rc = path ? rh_file_read(p->arena, NULL, path, FILE_MAX, &text) : RH_NOMEM;
    bool none = rc == RH_NOTFOUND;
    if (!rc)
        rc = rh_json_parse(p->arena, is, text, &doc);
    if (!rc)
        p->rows = yyjson_obj_get(yyjson_doc_get_root(doc), "subscriptions");
    if (!rc || none) {
        *ret = p;
        return RH_OK;
    }
    rh_issue_add(is, rc, NULL,
                 "%s/%s cannot be read: %s. It says how far each Subscription got; without it, "
                 "each must be set to requested again: remove the file for that.",
                 dir, file_name, rh_rc_text(rc));
    rh_places_close(p);
    return rc;
}

void rh_places_close(struct rh_places *p)
{
    if (!p)
        return;
    rh_arena_close(p->arena);
    rh_free(p);
}

bool rh_places_find(const struct rh_places *p, struct rh_text id, uint64_t *ret)
{
    size_t i, max;
    yyjson_val *row;
    yyjson_arr_foreach (p->rows, i, max, row) {
        if (rh_text_eq(rh_json_get(row, "id"), id))
            return rh_text_u64(rh_json_get(row, "place"), INT64_MAX, ret) == RH_OK;
    }
    return false;
}

enum rh_rc rh_places_save(struct rh_subscriptions *s)
{
    struct rh_arena *a = rh_arena_open(4 * (size_t)FILE_MAX);
    struct rh_buf b = rh_buf(a);
    const char *before = "";
    rh_buf_str(&b, "{\"subscriptions\":[");
    for (const struct rh_sub *u = s->subs; u; u = u->next)
        if (u->kept && u->placed) {
            rh_buf_printf(&b, "%s\n{\"id\":\"%s\",\"place\":\"%llu\"}", before, u->id,
                          (unsigned long long)u->place);
            before = ",";
        }
    rh_buf_str(&b, "\n]}\n");
    char *path = rh_path_join(a, s->dir, file_name);
    enum rh_rc rc = b.rc || !path ? RH_NOMEM : rh_file_write(NULL, path, rh_buf_get(&b), 0600);
    if (rc)
        rh_log(RH_LOG_ERROR, "subscription", "%s cannot be written: %s", file_name, rh_rc_text(rc));
    rh_arena_close(a);
    s->saved_ns = rh_clock_mono_ns();
    s->dirty = rc != RH_OK;
    return rc;
}
