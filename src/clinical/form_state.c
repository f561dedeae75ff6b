/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * form_state.c - the nodes of a session: made, found by path, enabled, given answers.
 *
 * Invariants: `reached` is that all above a node and itself are enabled. `present` of a question is
 * its number of answers; of a group the number of its children that are enabled and present. Every
 * change of what the response has queues the expressions that read the item.
 */
#include "base/alloc.h"
#include "clinical/form_int.h"

static void *make(size_t size)
{
    void *p = rh_try_alloc(size ? size : 1);
    if (p)
        memset(p, 0, size ? size : 1);
    return p;
}

/* --- blocks ----------------------------------------------------------------------------------- */
static size_t values_in(yyjson_val *v)
{
    return (size_t)(unsafe_yyjson_get_next(v) - v);
}

yyjson_val *rh_form_block(yyjson_val *v)
{
    size_t n = values_in(v), bytes = 0;
    for (size_t i = 0; i < n; i++)
        if (yyjson_is_str(v + i) || yyjson_is_raw(v + i))
            bytes += yyjson_get_len(v + i) + 1;
    yyjson_val *copy = rh_try_alloc(n * sizeof *copy + bytes);
    if (!copy)
        return NULL;
    memcpy(copy, v, n * sizeof *copy);
    char *to = (char *)(copy + n);
    for (size_t i = 0; i < n; i++) {
        if (!yyjson_is_str(v + i) && !yyjson_is_raw(v + i))
            continue;
        size_t len = unsafe_yyjson_get_len(v + i);
        if (len)
            memcpy(to, v[i].uni.str, len);
        to[len] = 0;
        copy[i].uni.str = to;
        to += len + 1;
    }
    return copy;
}

bool rh_form_same(yyjson_val *a, yyjson_val *b)
{
    if (!a || !b)
        return a == b;
    size_t n = values_in(a);
    if (n != values_in(b))
        return false;
    for (size_t i = 0; i < n; i++) {
        size_t len = unsafe_yyjson_get_len(a + i);
        if (yyjson_get_type(a + i) != yyjson_get_type(b + i) || len != unsafe_yyjson_get_len(b + i))
            return false;
        if (yyjson_is_str(a + i) || yyjson_is_raw(a + i)) {
            if (len && memcmp(a[i].uni.str, b[i].uni.str, len) != 0)
                return false;
        } else if (!yyjson_is_ctn(a + i) &&
                   (a[i].tag != b[i].tag || a[i].uni.u64 != b[i].uni.u64) &&
                   !yyjson_is_null(a + i) && !yyjson_is_bool(a + i)) {
            return false;
        } else if (yyjson_is_bool(a + i) && yyjson_get_bool(a + i) != yyjson_get_bool(b + i)) {
            return false;
        }
    }
    return true;
}

void rh_form_values_free(struct rh_form_value *values, unsigned n)
{
    for (unsigned i = 0; values && i < n; i++) {
        rh_free(values[i].kept);
        rh_free(values[i].problem);
    }
    rh_free(values);
}

/* --- the queue -------------------------------------------------------------------------------- */
void rh_form_queue(struct rh_form_session *s, const struct rh_form_expression *e)
{
    enum { BITS = 64 };
    unsigned word = e->rank / BITS;
    s->queued[word] |= UINT64_C(1) << (e->rank % BITS);
    if (word < s->lowest)
        s->lowest = word;
}

void rh_form_touched(struct rh_form_session *s, const struct rh_form_item *item)
{
    const struct rh_form *f = s->form;
    s->generation++;
    for (unsigned i = 0; i < item->n_readers; i++)
        rh_form_queue(s, f->expressions[item->readers[i]]);
    for (unsigned i = 0; i < f->n_readers_of_all; i++)
        rh_form_queue(s, f->expressions[f->readers_of_all[i]]);
}

void rh_form_mark(struct rh_form_session *s, struct rh_form_node *n, unsigned marks)
{
    if (!n->marks) {
        n->next_marked = s->marked;
        s->marked = n;
    }
    n->marks |= marks;
}

static void unmark(struct rh_form_session *s, const struct rh_form_node *n)
{
    struct rh_form_node **at = &s->marked;
    if (!n->marks)
        return;
    while (*at && *at != n)
        at = &(*at)->next_marked;
    if (*at)
        *at = n->next_marked;
}

/* --- paths ------------------------------------------------------------------------------------ */
static unsigned bucket_of(const struct rh_form_session *s, struct rh_text t)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < t.len; i++)
        h = (h ^ (unsigned char)t.data[i]) * 0x100000001b3u;
    return (unsigned)(h ^ h >> 32) & s->bucket_mask;
}

struct rh_form_node *rh_form_node_find(const struct rh_form_session *s, struct rh_text path)
{
    struct rh_form_node *n = s->buckets[bucket_of(s, path)];
    while (n && !rh_text_eq(n->path, path))
        n = n->next_in_bucket;
    return n;
}

static void forget_path(struct rh_form_session *s, struct rh_form_node *n)
{
    struct rh_form_node **at;
    if (!n->path.data)
        return;
    at = &s->buckets[bucket_of(s, n->path)];
    while (*at != n)
        at = &(*at)->next_in_bucket;
    *at = n->next_in_bucket;
    rh_free((char *)(uintptr_t)n->path.data);
    n->path = (struct rh_text){NULL, 0};
}

static size_t put_number(char *to, unsigned number)
{
    char digits[12];
    size_t n = 0, len = 0;
    do
        digits[n++] = (char)('0' + number % 10);
    while (number /= 10);
    to[len++] = '#';
    while (n)
        to[len++] = digits[--n];
    return len;
}

static enum rh_rc name_path(struct rh_form_session *s, struct rh_form_node *n)
{
    enum { NUMBERS = 48 };
    const struct rh_form_node *up = n->parent;
    struct rh_text link = n->item->link;
    char *path = make((up ? up->path.len : 0) + link.len + NUMBERS);
    size_t len = 0;
    if (!path)
        return RH_NOMEM;
    forget_path(s, n);
    if (up) {
        memcpy(path, up->path.data, up->path.len);
        len = up->path.len;
        if (up->item->type != RH_ITEM_GROUP && up->item->repeats)
            len += put_number(path + len, n->set);
        path[len++] = '/';
    }
    memcpy(path + len, link.data, link.len);
    len += link.len;
    if (n->item->twin) { /* siblings with one linkId */
        path[len++] = '~';
        len += put_number(path + len, n->item->twin);
    }
    if (n->item->type == RH_ITEM_GROUP && n->item->repeats)
        len += put_number(path + len, n->repeat);
    n->path = (struct rh_text){path, len};
    struct rh_form_node **bucket = &s->buckets[bucket_of(s, n->path)];
    n->next_in_bucket = *bucket;
    *bucket = n;
    return RH_OK;
}

/* --- making and removing ---------------------------------------------------------------------- */
struct rh_form_slot_nodes *rh_form_slot(const struct rh_form_session *s,
                                        const struct rh_form_node *parent, unsigned set,
                                        const struct rh_form_item *item)
{
    return parent ? &parent->sets[set].slots[item->place] : &s->root.slots[item->place];
}

static enum rh_rc name_below(struct rh_form_session *s, struct rh_form_node *n);

/* Names a node and all below it anew. */
static enum rh_rc name_all(struct rh_form_session *s, struct rh_form_node *n)
{
    enum rh_rc rc = name_path(s, n);
    return rc ? rc : name_below(s, n);
}

static enum rh_rc name_below(struct rh_form_session *s, struct rh_form_node *n)
{
    enum rh_rc rc = RH_OK;
    for (unsigned k = 0; k < n->n_sets; k++)
        for (unsigned c = 0; c < n->item->n_children; c++) {
            struct rh_form_slot_nodes *slot = &n->sets[k].slots[c];
            for (unsigned i = 0; i < slot->count && !rc; i++) {
                slot->nodes[i]->set = k;
                rc = name_all(s, slot->nodes[i]);
            }
        }
    return rc;
}

static enum rh_rc new_set(struct rh_form_session *s, struct rh_form_node *n, unsigned at)
{
    struct rh_form_set *set = &n->sets[at];
    set->slots = make(n->item->n_children * sizeof *set->slots);
    if (!set->slots)
        return RH_NOMEM;
    for (unsigned i = 0; i < n->item->n_children; i++) {
        struct rh_form_node *child;
        enum rh_rc rc = rh_form_node_new(s, n->item->children[i], n, at, &child);
        if (rc)
            return rc;
    }
    return RH_OK;
}

static void free_node(struct rh_form_session *s, struct rh_form_node *n);

static void free_set(struct rh_form_session *s, const struct rh_form_item *item,
                     struct rh_form_set *set)
{
    for (unsigned c = 0; set->slots && c < item->n_children; c++) {
        for (unsigned i = 0; i < set->slots[c].count; i++)
            free_node(s, set->slots[c].nodes[i]);
        rh_free(set->slots[c].nodes);
    }
    rh_free(set->slots);
    set->slots = NULL;
}

static void free_node(struct rh_form_session *s, struct rh_form_node *n)
{
    unsigned item = n->item->number;
    for (unsigned k = 0; k < n->n_sets; k++)
        free_set(s, n->item, &n->sets[k]);
    rh_free(n->sets);
    rh_free(n->answers);
    rh_form_values_free(n->values, n->item->n_expressions);
    forget_path(s, n);
    unmark(s, n);
    if (n->before_of_item)
        n->before_of_item->next_of_item = n->next_of_item;
    else if (s->of_item[item] == n)
        s->of_item[item] = n->next_of_item;
    if (n->next_of_item)
        n->next_of_item->before_of_item = n->before_of_item;
    else if (s->last_of_item[item] == n)
        s->last_of_item[item] = n->before_of_item;
    s->n_nodes--;
    rh_free(n);
}

static bool slot_push(struct rh_form_slot_nodes *slot, struct rh_form_node *n)
{
    if (slot->count == slot->cap) {
        unsigned cap = slot->cap ? 2 * slot->cap : 1;
        struct rh_form_node **grown =
            rh_try_realloc(slot->nodes, cap * sizeof(struct rh_form_node *));
        if (!grown)
            return false;
        slot->nodes = grown;
        slot->cap = cap;
    }
    slot->nodes[slot->count++] = n;
    return true;
}

static void chain(struct rh_form_session *s, struct rh_form_node *n)
{
    unsigned item = n->item->number;
    n->before_of_item = s->last_of_item[item];
    if (n->before_of_item)
        n->before_of_item->next_of_item = n;
    else
        s->of_item[item] = n;
    s->last_of_item[item] = n;
}

enum rh_rc rh_form_node_new(struct rh_form_session *s, const struct rh_form_item *item,
                            struct rh_form_node *parent, unsigned set, struct rh_form_node **ret)
{
    struct rh_form_slot_nodes *slot = rh_form_slot(s, parent, set, item);
    if (s->n_nodes >= RH_FORM_NODES_MAX)
        return RH_TOOLARGE;
    struct rh_form_node *n = make(sizeof *n);
    if (!n)
        return RH_NOMEM;
    *n = (struct rh_form_node){.item = item,
                               .parent = parent,
                               .set = set,
                               .repeat = slot->count,
                               .enabled = !item->enable,
                               .required = item->required,
                               .read_only = item->read_only};
    n->reached = n->enabled && (!parent || parent->reached);
    if (!slot_push(slot, n)) {
        rh_free(n);
        return RH_NOMEM;
    }
    s->n_nodes++;
    chain(s, n);
    n->values = make(item->n_expressions * sizeof *n->values);
    enum rh_rc rc = n->values ? name_path(s, n) : RH_NOMEM;
    for (unsigned i = 0; i < item->n_expressions && !rc; i++) {
        n->values[i].truth = -1;
        rh_form_queue(s, item->expressions[i]);
    }
    if (!rc && item->n_children) {
        n->sets = make(sizeof *n->sets);
        n->n_sets = n->sets ? 1 : 0;
        rc = n->sets ? new_set(s, n, 0) : RH_NOMEM;
    }
    rh_form_mark(s, n, RH_MARK_NEW);
    if (!rc)
        *ret = n;
    return rc;
}

/* --- what the response has ----------------------------------------------------------------------
 */
static bool counts(const struct rh_form_node *n)
{
    return n->enabled && n->present > 0;
}

/* Tells those above that a node is there now, or no longer. */
static void pass_up(struct rh_form_session *s, struct rh_form_node *n, bool before)
{
    for (struct rh_form_node *up = n->parent; up && before != counts(n); n = up, up = n->parent) {
        if (up->item->type != RH_ITEM_GROUP)
            return;
        bool now = counts(n);
        before = counts(up);
        up->present += now ? 1u : 0u;
        up->present -= now ? 0u : 1u;
        if (up->reached && before != counts(up))
            rh_form_touched(s, up->item);
    }
}

static void reach(struct rh_form_session *s, struct rh_form_node *n)
{
    bool now = n->enabled && (!n->parent || n->parent->reached);
    if (now == n->reached)
        return;
    n->reached = now;
    rh_form_mark(s, n, RH_MARK_SELF);
    if (n->present)
        rh_form_touched(s, n->item);
    for (unsigned k = 0; k < n->n_sets; k++)
        for (unsigned c = 0; c < n->item->n_children; c++)
            for (unsigned i = 0; i < n->sets[k].slots[c].count; i++)
                reach(s, n->sets[k].slots[c].nodes[i]);
}

void rh_form_node_enable(struct rh_form_session *s, struct rh_form_node *n, bool enabled)
{
    bool before = counts(n);
    if (n->enabled == enabled)
        return;
    n->enabled = enabled;
    pass_up(s, n, before);
    reach(s, n);
}

/* --- answers ---------------------------------------------------------------------------------- */
yyjson_val *rh_form_node_answer(const struct rh_form_node *n, unsigned i)
{
    return yyjson_arr_get(n->answers, i);
}

/* Which old set goes with each new answer: the one of the same answer, else the one in the same
 * place that no other answer takes. */
static void match_sets(const struct rh_form_node *n, yyjson_val *answers, unsigned count,
                       unsigned *from, bool *taken)
{
    for (unsigned i = 0; i < count; i++) {
        from[i] = n->n_sets;
        for (unsigned k = 0; k < n->n_answers && n->item->repeats && from[i] == n->n_sets; k++)
            if (!taken[k] && rh_form_same(yyjson_arr_get(answers, i), rh_form_node_answer(n, k))) {
                from[i] = k;
                taken[k] = true;
            }
    }
    for (unsigned i = 0; i < count; i++)
        if (from[i] == n->n_sets && i < n->n_sets && !taken[i]) {
            from[i] = i;
            taken[i] = true;
        }
}

static enum rh_rc fit_sets(struct rh_form_session *s, struct rh_form_node *n, yyjson_val *answers,
                           unsigned count)
{
    unsigned want = count ? count : 1, old_n = n->n_sets;
    if (want == 1 && old_n == 1)
        return RH_OK;
    if (want > old_n && (uint64_t)(want - old_n) * (n->item->end - n->item->number) + s->n_nodes >
                            RH_FORM_NODES_MAX)
        return RH_TOOLARGE;
    unsigned *from = make(want * sizeof *from);
    bool *taken = make(old_n * sizeof *taken);
    struct rh_form_set *sets = make(want * sizeof *sets), *old = n->sets;
    enum rh_rc rc = from && taken && sets ? RH_OK : RH_NOMEM;
    if (!rc) {
        match_sets(n, answers, want, from, taken);
        for (unsigned i = 0; i < want; i++)
            if (from[i] < old_n)
                sets[i] = old[from[i]];
        for (unsigned k = 0; k < old_n; k++)
            if (!taken[k])
                free_set(s, n->item, &old[k]);
        n->sets = sets;
        n->n_sets = want;
        for (unsigned i = 0; i < want && !rc; i++)
            if (from[i] >= old_n && (rc = new_set(s, n, i)) != RH_OK)
                n->n_sets = i;
        if (!rc)
            rc = name_below(s, n);
        rh_form_mark(s, n, RH_MARK_SELF | RH_MARK_CHILDREN);
        rh_free(old);
    } else {
        rh_free(sets);
    }
    rh_free(from);
    rh_free(taken);
    return rc;
}

enum rh_rc rh_form_node_set(struct rh_form_session *s, struct rh_form_node *n, yyjson_val *answers,
                            bool *changed)
{
    unsigned count = (unsigned)yyjson_arr_size(answers);
    bool before = counts(n);
    *changed = count ? !n->answers || !rh_form_same(n->answers, answers) : n->answers != NULL;
    if (!*changed)
        return RH_OK;
    yyjson_val *block = count ? rh_form_block(answers) : NULL;
    if (count && !block)
        return RH_NOMEM;
    enum rh_rc rc = n->item->n_children ? fit_sets(s, n, answers, count) : RH_OK;
    if (rc) {
        rh_free(block);
        return rc;
    }
    rh_free(n->answers);
    n->answers = block;
    n->n_answers = n->present = count;
    pass_up(s, n, before);
    if (n->reached) {
        rh_form_touched(s, n->item);
        for (unsigned i = n->item->number + 1; i < n->item->end; i++)
            if (n->item->n_children)
                rh_form_touched(s, &s->form->items[i]);
    }
    rh_form_mark(s, n, RH_MARK_SELF);
    return RH_OK;
}

/* --- removing a repeat -------------------------------------------------------------------------
 */
static void note_removed(struct rh_form_session *s, const struct rh_form_node *n)
{
    if (s->n_removed == s->removed_cap) {
        unsigned cap = s->removed_cap ? 2 * s->removed_cap : 8;
        char **grown = rh_try_realloc(s->removed, cap * sizeof *grown);
        if (!grown)
            return;
        s->removed = grown;
        s->removed_cap = cap;
    }
    char *path = make(n->path.len + 1);
    if (!path)
        return;
    memcpy(path, n->path.data, n->path.len);
    s->removed[s->n_removed++] = path;
}

void rh_form_removed_free(struct rh_form_session *s)
{
    for (unsigned i = 0; i < s->n_removed; i++)
        rh_free(s->removed[i]);
    s->n_removed = 0;
}

/* Those behind it move up; the last path is the one that is no longer there. */
void rh_form_node_remove(struct rh_form_session *s, struct rh_form_node *n)
{
    struct rh_form_slot_nodes *slot = rh_form_slot(s, n->parent, n->set, n->item);
    const struct rh_form_item *item = n->item;
    unsigned at = n->repeat;
    rh_form_node_enable(s, n, false);
    note_removed(s, slot->nodes[slot->count - 1]);
    free_node(s, n);
    memmove(slot->nodes + at, slot->nodes + at + 1, (slot->count - at - 1) * sizeof *slot->nodes);
    slot->count--;
    for (unsigned i = at; i < slot->count; i++)
        slot->nodes[i]->repeat = i;
    for (unsigned i = at; i < slot->count; i++) { /* ascending: each takes a name that is free */
        name_all(s, slot->nodes[i]);
        rh_form_mark(s, slot->nodes[i], RH_MARK_SELF | RH_MARK_CHILDREN);
    }
    for (unsigned i = item->number; i < item->end; i++)
        rh_form_touched(s, &s->form->items[i]);
}

/* --- all of them -------------------------------------------------------------------------------
 */
static enum rh_rc each_below(struct rh_form_set *set, const struct rh_form_item *const *items,
                             unsigned n_items, rh_form_node_each *each, void *user)
{
    enum rh_rc rc = RH_OK;
    for (unsigned c = 0; c < n_items; c++)
        for (unsigned i = 0; i < set->slots[c].count && !rc; i++) {
            struct rh_form_node *n = set->slots[c].nodes[i];
            rc = each(user, n);
            for (unsigned k = 0; k < n->n_sets && !rc; k++)
                rc = each_below(&n->sets[k], items[c]->children, items[c]->n_children, each, user);
        }
    return rc;
}

enum rh_rc rh_form_each(struct rh_form_session *s, rh_form_node_each *each, void *user)
{
    return each_below(&s->root, s->form->tops, s->form->n_tops, each, user);
}

void rh_form_close(struct rh_form_session *s)
{
    if (!s)
        return;
    s->marked = NULL; /* nobody is told any more */
    for (unsigned c = 0; s->root.slots && c < s->form->n_tops; c++) {
        for (unsigned i = 0; i < s->root.slots[c].count; i++)
            free_node(s, s->root.slots[c].nodes[i]);
        rh_free(s->root.slots[c].nodes);
    }
    rh_free(s->root.slots);
    rh_form_values_free(s->values, s->form->n_of_form);
    rh_form_removed_free(s);
    rh_free(s->removed);
    rh_free(s->of_item);
    rh_free(s->last_of_item);
    rh_free(s->buckets);
    rh_free(s->queued);
    rh_free(s->rounds);
    rh_free(s->rounds_turn);
    rh_arena_close(s->kept);
    rh_world_close(s->world);
    rh_free(s);
}
