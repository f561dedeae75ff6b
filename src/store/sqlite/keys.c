/* SPDX-License-Identifier: GPL-3.0-or-later */
/* keys.c - the search keys of the SQLite backend. */
#include "store/sqlite/sqlite_int.h"

#include <errno.h>
#include <stdlib.h>

static int index_of(uint16_t type, uint16_t param)
{
    return (int)((uint32_t)type << 16 | param); /* types are few: the sign stays clear */
}

static int by_place(const void *a, const void *b)
{
    const struct rh_key *x = *(const struct rh_key *const *)a,
                        *y = *(const struct rh_key *const *)b;
    int i = index_of(x->type, x->param), j = index_of(y->type, y->param);
    if (i != j)
        return i < j ? -1 : 1;
    int order = rh_text_cmp(x->bytes, y->bytes);
    return order ? order : x->rk < y->rk ? -1 : x->rk > y->rk;
}

static enum rh_rc change_key(struct sqlite_conn *c, enum rh_sql sql, const struct rh_key *k)
{
    sqlite3_stmt *s = rh_sqlite_use(c, sql);
    sqlite3_bind_int(s, 1, index_of(k->type, k->param));
    rh_sqlite_bind_blob(s, 2, k->bytes);
    bind_u64(s, 3, k->rk);
    if (sql == RH_SQL_KEY_PUT)
        sqlite3_bind_int64(s, 4, k->aux);
    return rh_sqlite_run(c, s);
}

/* --- many at once ------------------------------------------------------------------------------
 *
 * INSERT … SELECT from a virtual table that is an array of keys: a third of the time of a statement
 * for each row where neighbours are put.
 */

struct feed_table {
    sqlite3_vtab base; /* first */
    struct sqlite_feed *feed;
};

struct feed_cursor {
    sqlite3_vtab_cursor base; /* first */
    unsigned at;
};

static int feed_connect(sqlite3 *db, void *user, int argc, const char *const *argv,
                        sqlite3_vtab **ret, char **message)
{
    (void)argc;
    (void)argv;
    (void)message;
    struct feed_table *t = sqlite3_malloc(sizeof *t);
    int code =
        t ? sqlite3_declare_vtab(db, "CREATE TABLE feed (index_, bytes, rk, aux)") : SQLITE_NOMEM;
    if (code != SQLITE_OK) {
        sqlite3_free(t);
        return code;
    }
    *t = (struct feed_table){.feed = user};
    *ret = &t->base;
    return SQLITE_OK;
}

static int feed_disconnect(sqlite3_vtab *t)
{
    sqlite3_free(t);
    return SQLITE_OK;
}

static int feed_best(sqlite3_vtab *t, sqlite3_index_info *info)
{
    (void)t;
    info->estimatedCost = 1;
    return SQLITE_OK;
}

static int feed_open(sqlite3_vtab *t, sqlite3_vtab_cursor **ret)
{
    (void)t;
    struct feed_cursor *c = sqlite3_malloc(sizeof *c);
    if (!c)
        return SQLITE_NOMEM;
    *c = (struct feed_cursor){0};
    *ret = &c->base;
    return SQLITE_OK;
}

static int feed_close(sqlite3_vtab_cursor *c)
{
    sqlite3_free(c);
    return SQLITE_OK;
}

static int feed_filter(sqlite3_vtab_cursor *c, int number, const char *name, int argc,
                       sqlite3_value **argv)
{
    (void)number;
    (void)name;
    (void)argc;
    (void)argv;
    ((struct feed_cursor *)(void *)c)->at = 0;
    return SQLITE_OK;
}

static const struct sqlite_feed *feed_of(sqlite3_vtab_cursor *c)
{
    return ((struct feed_table *)(void *)c->pVtab)->feed;
}

static int feed_next(sqlite3_vtab_cursor *c)
{
    ((struct feed_cursor *)(void *)c)->at++;
    return SQLITE_OK;
}

static int feed_eof(sqlite3_vtab_cursor *c)
{
    return ((struct feed_cursor *)(void *)c)->at >= feed_of(c)->n;
}

static int feed_column(sqlite3_vtab_cursor *c, sqlite3_context *to, int column)
{
    const struct rh_key *k = feed_of(c)->rows[((struct feed_cursor *)(void *)c)->at];
    if (column == 0)
        sqlite3_result_int(to, index_of(k->type, k->param));
    else if (column == 1 && k->bytes.len)
        sqlite3_result_blob(to, k->bytes.data, (int)k->bytes.len, SQLITE_STATIC);
    else if (column == 1)
        sqlite3_result_zeroblob(to, 0);
    else
        sqlite3_result_int64(to, column == 2 ? (sqlite3_int64)k->rk : k->aux);
    return SQLITE_OK;
}

static int feed_rowid(sqlite3_vtab_cursor *c, sqlite3_int64 *ret)
{
    *ret = ((struct feed_cursor *)(void *)c)->at;
    return SQLITE_OK;
}

int rh_sqlite_feed_open(struct sqlite_conn *c)
{
    static const sqlite3_module module = {
        .xConnect = feed_connect,
        .xBestIndex = feed_best,
        .xDisconnect = feed_disconnect,
        .xOpen = feed_open,
        .xClose = feed_close,
        .xFilter = feed_filter,
        .xNext = feed_next,
        .xEof = feed_eof,
        .xColumn = feed_column,
        .xRowid = feed_rowid,
    };
    int code = sqlite3_create_module(c->db, "feed", &module, &c->feed);
    if (code == SQLITE_OK)
        code = sqlite3_prepare_v3(c->db,
                                  "INSERT OR REPLACE INTO key (index_, bytes, rk, aux) "
                                  "SELECT index_, bytes, rk, aux FROM feed",
                                  -1, SQLITE_PREPARE_PERSISTENT, &c->put_many, NULL);
    return code;
}

/* --- changes -----------------------------------------------------------------------------------
 */

enum { SORT_FROM = 16, SORT_MAX = 512 };

static bool in_order(const struct rh_key *const *order, unsigned n)
{
    for (unsigned i = 1; i < n; i++)
        if (by_place(&order[i - 1], &order[i]) > 0)
            return false;
    return true;
}

static enum rh_rc change_some(struct sqlite_conn *c, enum rh_sql sql,
                              const struct rh_key *const *order, unsigned n)
{
    enum rh_rc rc = RH_OK;
    if (sql == RH_SQL_KEY_PUT && n >= SORT_FROM && c->put_many) {
        c->feed = (struct sqlite_feed){order, n};
        rc = rh_sqlite_run(c, c->put_many);
        c->feed = (struct sqlite_feed){0};
        return rc;
    }
    for (unsigned i = 0; i < n && rc == RH_OK; i++)
        rc = change_key(c, sql, order[i]);
    return rc;
}

/* Rows in the order of the index touch each page once. A slice of a bulk load comes sorted already.
 */
static enum rh_rc change_keys(struct rh_conn *conn, enum rh_sql sql, const struct rh_key *rows,
                              unsigned n)
{
    enum rh_rc rc = RH_OK;
    for (unsigned i = 0; i < n; i++)
        if (rows[i].bytes.len > RH_STORE_KEY_MAX)
            return RH_VALUE;
    for (unsigned at = 0; at < n && rc == RH_OK; at += SORT_MAX) {
        const struct rh_key *order[SORT_MAX];
        unsigned m = n - at < SORT_MAX ? n - at : SORT_MAX;
        for (unsigned i = 0; i < m; i++)
            order[i] = &rows[at + i];
        if (m >= SORT_FROM && !in_order(order, m))
            qsort(order, m, sizeof order[0], by_place);
        rc = change_some(of(conn), sql, order, m);
    }
    return rc;
}

enum rh_rc rh_sqlite_keys_put(struct rh_conn *conn, const struct rh_key *rows, unsigned n)
{
    return change_keys(conn, RH_SQL_KEY_PUT, rows, n);
}

enum rh_rc rh_sqlite_keys_delete(struct rh_conn *conn, const struct rh_key *rows, unsigned n)
{
    return change_keys(conn, RH_SQL_KEY_DELETE, rows, n);
}

/* --- reading -----------------------------------------------------------------------------------
 */

static enum rh_rc read_key(sqlite3_stmt *s, struct rh_arena *a, struct rh_key *k)
{
    k->rk = column_u64(s, 1);
    k->aux = sqlite3_column_int64(s, 2);
    struct rh_text t = rh_sqlite_blob(s, 0);
    k->bytes = rh_text_copy(a, (struct rh_text){t.data ? t.data : "", t.len});
    return k->bytes.data ? RH_OK : RH_NOMEM;
}

static enum rh_sql scan_statement(const struct rh_key_scan *scan)
{
    static const enum rh_sql up[2][2] = {{RH_SQL_KEY_UP_OPEN, RH_SQL_KEY_UP},
                                         {RH_SQL_KEY_UP_AFTER_OPEN, RH_SQL_KEY_UP_AFTER}};
    if (!scan->descending)
        return up[scan->has_after][scan->hi.data != NULL];
    return scan->has_after ? RH_SQL_KEY_DOWN_AFTER
           : scan->hi.data ? RH_SQL_KEY_DOWN
                           : RH_SQL_KEY_DOWN_OPEN;
}

/* A row to start behind that lies outside lo..hi is left out, or replaced by nothing at all. */
static bool narrow(struct rh_key_scan *scan)
{
    if (scan->hi.data && rh_text_cmp(scan->lo, scan->hi) >= 0)
        return false;
    if (scan->has_after && scan->descending && scan->hi.data &&
        rh_text_cmp(scan->after, scan->hi) >= 0)
        scan->has_after = false;
    if (scan->has_after && !scan->descending && rh_text_cmp(scan->after, scan->lo) < 0)
        scan->has_after = false;
    return true;
}

enum rh_rc rh_sqlite_key_scan(struct rh_conn *conn, const struct rh_key_scan *wanted,
                              unsigned limit, struct rh_arena *a, struct rh_key *rows, unsigned *n)
{
    struct rh_key_scan narrowed = *wanted, *scan = &narrowed;
    *n = 0;
    if (!narrow(scan))
        return RH_OK;
    sqlite3_stmt *s = rh_sqlite_use(of(conn), scan_statement(scan));
    bool up_after = scan->has_after && !scan->descending,
         down_after = scan->has_after && scan->descending;
    sqlite3_bind_int(s, 1, index_of(scan->type, scan->param));
    rh_sqlite_bind_blob(s, 2, up_after ? scan->after : scan->lo);
    if (down_after || scan->hi.data)
        rh_sqlite_bind_blob(s, 3, down_after ? scan->after : scan->hi);
    sqlite3_bind_int64(s, 4, limit);
    if (scan->has_after)
        bind_bound(s, 5, scan->after_rk);
    enum rh_rc rc = RH_OK;
    while (*n < limit && (rc = rh_sqlite_row(of(conn), s)) == RH_OK) {
        struct rh_key *k = &rows[*n];
        *k = (struct rh_key){.type = scan->type, .param = scan->param};
        rc = read_key(s, a, k);
        if (rc)
            break;
        (*n)++;
    }
    sqlite3_reset(s);
    return rc == RH_NOTFOUND ? RH_OK : rc;
}

static void take(sqlite3_context *to, int argc, sqlite3_value **argv)
{
    (void)argc;
    struct sqlite_taking *t = sqlite3_user_data(to);
    if (t->n < t->limit) {
        t->rks[t->n] = (uint64_t)sqlite3_value_int64(argv[0]);
        t->aux[t->n] = sqlite3_value_int64(argv[1]);
        t->n++;
    }
    sqlite3_result_int(to, t->n == t->limit);
}

int rh_sqlite_take_open(struct sqlite_conn *c)
{
    return sqlite3_create_function_v2(c->db, "take", 2, SQLITE_UTF8 | SQLITE_DIRECTONLY, &c->taking,
                                      take, NULL, NULL, NULL);
}

/* The heart of every search: nothing is copied, nothing allocated. */
enum rh_rc rh_sqlite_key_rks(struct rh_conn *conn, uint16_t type, uint16_t param,
                             struct rh_text key, uint64_t from, unsigned limit, uint64_t *rks,
                             int64_t *aux, unsigned *n)
{
    struct sqlite_conn *c = of(conn);
    sqlite3_stmt *s = rh_sqlite_use(c, RH_SQL_KEY_RKS);
    *n = 0;
    if (limit == 0)
        return RH_OK;
    c->taking = (struct sqlite_taking){rks, aux, 0, limit};
    sqlite3_bind_int(s, 1, index_of(type, param));
    rh_sqlite_bind_blob(s, 2, key);
    bind_bound(s, 3, from);
    errno = 0;
    int code = sqlite3_step(s);
    *n = c->taking.n;
    enum rh_rc rc = code == SQLITE_ROW || code == SQLITE_DONE ? RH_OK : rh_sqlite_result(c, code);
    sqlite3_reset(s);
    return rc;
}

enum rh_rc rh_sqlite_keys_drop(struct rh_conn *conn, uint16_t type, uint16_t param, unsigned limit,
                               unsigned *n)
{
    sqlite3_stmt *s = rh_sqlite_use(of(conn), RH_SQL_KEY_DROP);
    sqlite3_bind_int(s, 1, index_of(type, param));
    sqlite3_bind_int64(s, 2, limit);
    enum rh_rc rc = rh_sqlite_run(of(conn), s);
    *n = rc ? 0 : (unsigned)sqlite3_changes(of(conn)->db);
    return rc;
}
