/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * form_write.c - the QuestionnaireResponse of a session: for people who store it, and for
 * expressions that look at it.
 *
 * A document of yyjson is one array of values in which a container is followed by what it holds; so
 * a response is put together by copying the values of each answer (their strings stay where they
 * are). For an expression only the items that it reads are copied, with what stands above them: a
 * sum over two items of a thousand costs two.
 */
#include "clinical/form_int.h"

#include <limits.h>

enum { DRAFT = 1, TEXTS = 2, WEIGHTS = 4 };

struct writer {
    struct rh_ctx *c;
    struct rh_form_session *s;
    struct rh_arena *a;
    yyjson_val *v;
    size_t n, cap;
    const struct rh_form_range *reads;
    unsigned n_reads;
    unsigned flags;
    uint64_t number; /* of the view; 0: nodes are not told where they stand */
    bool whole;      /* it is kept for other expressions */
    enum rh_rc rc;
};

/* --- values ----------------------------------------------------------------------------------- */
static yyjson_val *room(struct writer *w, size_t n)
{
    if (w->n + n > w->cap) {
        yyjson_val *grown =
            w->rc ? NULL : rh_arena_grow(w->a, w->v, &w->cap, w->n + n, sizeof *grown);
        if (!grown) {
            w->rc = RH_NOMEM;
            return NULL;
        }
        w->v = grown;
    }
    w->n += n;
    return w->v + w->n - n;
}

static void put_text(struct writer *w, struct rh_text t)
{
    yyjson_val *v = room(w, 1);
    if (v) {
        unsafe_yyjson_set_tag(v, YYJSON_TYPE_STR, YYJSON_SUBTYPE_NONE, t.len);
        v->uni.str = t.data;
    }
}

static void put(struct writer *w, const yyjson_val *from)
{
    size_t n = (size_t)(unsafe_yyjson_get_next((yyjson_val *)(uintptr_t)from) - from);
    yyjson_val *v = room(w, n);
    if (v)
        memcpy(v, from, n * sizeof *v);
}

static size_t begin(struct writer *w)
{
    room(w, 1);
    return w->n - 1;
}

static void end(struct writer *w, size_t at, bool object, size_t count)
{
    if (w->rc)
        return;
    unsafe_yyjson_set_tag(w->v + at, object ? YYJSON_TYPE_OBJ : YYJSON_TYPE_ARR,
                          YYJSON_SUBTYPE_NONE, count);
    w->v[at].uni.ofs = (w->n - at) * sizeof(yyjson_val);
}

/* --- weights -----------------------------------------------------------------------------------
 */
static yyjson_val *weight_extension(const yyjson_val *owner)
{
    yyjson_val *v = rh_form_extension(owner, RH_FHIR_EXT "itemWeight");
    return v ? v : rh_form_extension(owner, RH_FHIR_EXT "ordinalValue");
}

static bool same_code(yyjson_val *a, yyjson_val *b)
{
    if (!yyjson_is_obj(a) || !yyjson_is_obj(b))
        return rh_form_same(a, b);
    struct rh_text s1 = rh_json_get(a, "system"), s2 = rh_json_get(b, "system");
    return rh_text_eq(rh_json_get(a, "code"), rh_json_get(b, "code")) &&
           (!s1.len || !s2.len || rh_text_eq(s1, s2));
}

/* The weight of the option that an answer took; NULL: none, or the answer has its own. */
static yyjson_val *weight_of(struct writer *w, const struct rh_form_node *n, yyjson_val *value,
                             struct rh_text member)
{
    const struct rh_form_option *o;
    unsigned count;
    bool known;
    if (weight_extension(value) || rh_form_options(w->c, w->s, n, &o, &count, &known))
        return NULL;
    for (unsigned i = 0; i < count; i++) {
        if (!rh_text_eq(o[i].member, member) || !same_code(o[i].value, value))
            continue;
        yyjson_val *found = weight_extension(o[i].value);
        if (!found && !yyjson_is_obj(o[i].value) && o[i].source) {
            char name[48] = "_";
            if (member.len < sizeof name - 2) {
                memcpy(name + 1, member.data, member.len);
                found = weight_extension(yyjson_obj_get(o[i].source, name));
            }
        }
        return found ? found : weight_extension(o[i].source);
    }
    return NULL;
}

/* {"extension": [weight, …]} behind the members of an object, or as an object of its own. */
static void put_weighted(struct writer *w, yyjson_val *value, yyjson_val *weight)
{
    size_t at = begin(w), count = 0, i, n;
    yyjson_val *key, *v, *list = NULL;
    if (yyjson_is_obj(value)) {
        yyjson_obj_foreach (rh_some(value), i, n, key, v) {
            if (rh_text_is(rh_json_text(key), "extension")) {
                list = v;
                continue;
            }
            put(w, key);
            put(w, v);
            count++;
        }
    }
    put_text(w, RH_TEXT("extension"));
    size_t array = begin(w);
    yyjson_arr_foreach (rh_some(list), i, n, v)
        put(w, v);
    put(w, weight);
    end(w, array, false, yyjson_arr_size(list) + 1);
    end(w, at, true, count + 1);
}

/* The members of an answer; how many. */
static size_t put_members(struct writer *w, const struct rh_form_node *n, yyjson_val *answer)
{
    size_t count = 0, i, m;
    yyjson_val *key, *v;
    yyjson_obj_foreach (rh_some(answer), i, m, key, v) {
        struct rh_text name = rh_json_text(key);
        yyjson_val *weight =
            (w->flags & WEIGHTS) && rh_text_starts(name, "value") ? weight_of(w, n, v, name) : NULL;
        put(w, key);
        if (weight && yyjson_is_obj(v)) {
            put_weighted(w, v, weight);
        } else {
            put(w, v);
            if (weight) {
                char *under = rh_arena_printf(w->a, "_%.*s", RH_TEXT_ARG(name));
                if (!under)
                    w->rc = RH_NOMEM;
                put_text(w, rh_text(under ? under : ""));
                put_weighted(w, NULL, weight);
                count++;
            }
        }
        count++;
    }
    return count;
}

/* --- items ------------------------------------------------------------------------------------ */
static size_t put_set(struct writer *w, const struct rh_form_node *parent, unsigned set,
                      unsigned from);

static bool shown(const struct writer *w, const struct rh_form_node *n)
{
    if (!(w->flags & DRAFT))
        return n->reached && n->present > 0;
    if (n->item->type != RH_ITEM_GROUP)
        return n->n_answers > 0;
    for (unsigned c = 0; c < n->item->n_children; c++)
        for (unsigned i = 0; i < n->sets[0].slots[c].count; i++)
            if (shown(w, n->sets[0].slots[c].nodes[i]))
                return true;
    return n->item->repeats && n->repeat > 0; /* a repeat that was added stays */
}

/* The items of a set as a member; 1 when there is one. */
static size_t put_items(struct writer *w, const struct rh_form_node *n, unsigned set)
{
    size_t before = w->n;
    if (set >= n->n_sets)
        return 0;
    put_text(w, RH_TEXT("item"));
    size_t array = begin(w), count = put_set(w, n, set, n->item->number + 1);
    end(w, array, false, count);
    if (!count)
        w->n = before;
    return count ? 1 : 0;
}

static size_t put_answers(struct writer *w, const struct rh_form_node *n)
{
    yyjson_val *v;
    size_t i, max, array;
    if (!n->n_answers)
        return 0;
    put_text(w, RH_TEXT("answer"));
    if (!n->item->n_children && !(w->flags & WEIGHTS)) {
        put(w, n->answers);
        return 1;
    }
    array = begin(w);
    yyjson_arr_foreach (rh_some(n->answers), i, max, v) {
        size_t object = begin(w), count = put_members(w, n, v);
        if (n->item->n_children)
            count += put_items(w, n, (unsigned)i);
        end(w, object, true, count);
    }
    end(w, array, false, n->n_answers);
    return 1;
}

/* What the item had in the response that was given, beside what is written anew. */
static size_t put_source(struct writer *w, const struct rh_form_node *n)
{
    size_t count = 0, i, max;
    yyjson_val *key, *v;
    yyjson_obj_foreach (rh_some(n->source), i, max, key, v) {
        struct rh_text name = rh_json_text(key);
        if (rh_text_is(name, "linkId") || rh_text_is(name, "text") || rh_text_is(name, "_text") ||
            rh_text_is(name, "answer") || rh_text_is(name, "item"))
            continue;
        put(w, key);
        put(w, v);
        count++;
    }
    return count;
}

static void put_node(struct writer *w, struct rh_form_node *n)
{
    size_t at = begin(w), count = 1;
    if (w->number && w->whole) {
        n->full_view = w->number;
        n->full_at = at;
    } else if (w->number) {
        n->view = w->number;
        n->view_at = at;
    }
    put_text(w, RH_TEXT("linkId"));
    put_text(w, n->item->link);
    count += put_source(w, n);
    if (w->flags & TEXTS) {
        struct rh_text text = rh_form_translated(w->s, n->item->json, "text");
        if (text.len) {
            put_text(w, RH_TEXT("text"));
            put_text(w, text);
            count++;
        }
    }
    if (n->item->type == RH_ITEM_GROUP)
        count += n->n_sets ? put_items(w, n, 0) : 0;
    else
        count += put_answers(w, n);
    end(w, at, true, count);
}

/* Those of a parent's children that are read, from item `from` on: the ones in which a range lies.
 */
static size_t put_set(struct writer *w, const struct rh_form_node *parent, unsigned set,
                      unsigned from)
{
    const struct rh_form_item *items = w->s->form->items;
    unsigned until = parent ? parent->item->end : w->s->form->n_items;
    size_t count = 0, lo = 0, hi = w->n_reads;
    while (lo < hi) { /* the first range that ends behind `from` */
        size_t mid = (lo + hi) / 2;
        if (w->reads[mid].end <= from)
            lo = mid + 1;
        else
            hi = mid;
    }
    for (size_t r = lo; r < w->n_reads && from < until;) {
        if (w->reads[r].end <= from) {
            r++;
            continue;
        }
        unsigned at = w->reads[r].first > from ? w->reads[r].first : from;
        if (at >= until)
            break;
        const struct rh_form_item *item = &items[at];
        while (item->parent != (parent ? parent->item : NULL))
            item = item->parent;
        struct rh_form_slot_nodes *slot = rh_form_slot(w->s, parent, set, item);
        for (unsigned i = 0; i < slot->count; i++)
            if (shown(w, slot->nodes[i])) {
                put_node(w, slot->nodes[i]);
                count++;
            }
        from = item->end;
    }
    return count;
}

/* Members of the response that was given: its id, subject, author, … */
static size_t put_given(struct writer *w)
{
    size_t count = 0, i, n;
    yyjson_val *key, *v;
    yyjson_obj_foreach (rh_some(w->s->response), i, n, key, v) {
        struct rh_text name = rh_json_text(key);
        if (rh_text_is(name, "item") || rh_text_is(name, "resourceType") ||
            (rh_text_is(name, "text") && !(w->flags & DRAFT)))
            continue;
        put(w, key);
        put(w, v);
        count++;
    }
    return count;
}

static size_t put_canonical(struct writer *w)
{
    const struct rh_form *f = w->s->form;
    struct rh_text url = f->url;
    if (!url.len || yyjson_obj_get(w->s->response, "questionnaire"))
        return 0;
    if (f->version.len) {
        char *both = rh_arena_printf(w->a, "%.*s|%.*s", RH_TEXT_ARG(url), RH_TEXT_ARG(f->version));
        if (!both)
            w->rc = RH_NOMEM;
        url = rh_text(both ? both : "");
    }
    put_text(w, RH_TEXT("questionnaire"));
    put_text(w, url);
    return 1;
}

static void put_response(struct writer *w)
{
    size_t at = begin(w), count = 1;
    put_text(w, RH_TEXT("resourceType"));
    put_text(w, RH_TEXT("QuestionnaireResponse"));
    count += put_given(w);
    count += put_canonical(w);
    if (!yyjson_obj_get(w->s->response, "status")) {
        put_text(w, RH_TEXT("status"));
        put_text(w, RH_TEXT("in-progress"));
        count++;
    }
    size_t before = w->n;
    put_text(w, RH_TEXT("item"));
    size_t array = begin(w), items = put_set(w, NULL, 0, 0);
    end(w, array, false, items);
    if (items)
        count++;
    else
        w->n = before;
    end(w, at, true, count);
}

/* --- views ------------------------------------------------------------------------------------ */
static const struct rh_form_range everything = {0, UINT_MAX};

enum rh_rc rh_form_view(struct rh_ctx *c, struct rh_form_session *s,
                        const struct rh_form_expression *e, yyjson_val **ret, uint64_t *ret_number)
{
    bool whole = e->reads_all && !e->weights;
    if (whole && s->full && s->full_turn == s->turn && s->full_generation == s->generation &&
        (s->full_texts || !e->texts)) {
        *ret = s->full;
        *ret_number = s->full_view;
        return RH_OK;
    }
    struct writer w = {.c = c, .s = s, .a = c->arena, .number = ++s->views, .whole = whole};
    w.reads = e->reads_all ? &everything : e->reads;
    w.n_reads = e->reads_all ? 1 : e->n_reads;
    w.flags = (e->texts ? TEXTS : 0u) | (e->weights ? WEIGHTS : 0u);
    if (!w.n_reads)
        w.reads = NULL;
    put_response(&w);
    if (w.rc)
        return w.rc;
    if (whole) {
        s->full = w.v;
        s->full_turn = s->turn;
        s->full_generation = s->generation;
        s->full_view = w.number;
        s->full_texts = e->texts;
    }
    uint64_t cost = w.n / 8;
    s->steps -= s->steps > cost ? cost : s->steps;
    *ret = w.v;
    *ret_number = w.number;
    return RH_OK;
}

yyjson_val *rh_form_view_node(struct rh_ctx *c, yyjson_val *view, uint64_t number,
                              const struct rh_form_node *n)
{
    if (n->view == number)
        return view + n->view_at;
    if (n->full_view == number)
        return view + n->full_at;
    struct writer w = {.c = c, .a = c->arena};
    size_t at = begin(&w);
    put_text(&w, RH_TEXT("linkId"));
    put_text(&w, n->item->link);
    end(&w, at, true, 1);
    return w.rc ? NULL : w.v;
}

void rh_form_response(struct rh_ctx *c, struct rh_form_session *s, bool draft, struct rh_buf *out)
{
    struct writer w = {.c = c, .s = s, .a = c->arena, .reads = &everything, .n_reads = 1};
    w.flags = TEXTS | (draft ? (unsigned)DRAFT : 0u);
    put_response(&w);
    if (w.rc)
        out->rc = out->rc ? out->rc : w.rc;
    else
        rh_json_write(out, w.v);
}
