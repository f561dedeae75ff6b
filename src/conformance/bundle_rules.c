/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rules of Bundles: https://hl7.org/fhir/R4/bundle.html and documents.html, messaging.html. Entries
 * have absolute fullUrls that agree with the ids; documents and messages begin with their header
 * and hang together; what a search found says why it is there.
 */
#include "conformance/validate_int.h"
#include "fhir/primitive.h"
#include "fhir/reference.h"

enum { NONE = 0xFFFFFFFF };

struct entry {
    yyjson_val *value, *resource;
    const struct rh_type *type;
    struct rh_text full_url, id;
    unsigned next_url, next_id; /* in a chain of the tables; NONE ends it */
    bool reached;
    unsigned first_link;
    bool named; /* `names` are collected: ids of its elements, names in its narratives */
    struct rh_names names;
};

struct link {
    unsigned to, next;
};

struct bundle {
    struct rh_run *r;
    const struct rh_place *at;
    struct rh_text type;
    struct entry *entries;
    unsigned n, mask;
    unsigned *by_url, *by_id; /* heads of chains */
    struct link *links;
    size_t n_links, cap_links;
    unsigned from; /* the entry whose references are read */
    unsigned broken;
    bool strict; /* a document: what does not resolve is an error */
};

static struct rh_place entry_place(const struct bundle *b, unsigned i)
{
    struct rh_place p = rh_below(b->at, "entry", 5, (long)i);
    p.value = b->entries[i].value;
    return p;
}

/* --- finding entries -----------------------------------------------------------------------------
 */

static uint64_t mix(uint64_t h, struct rh_text t)
{
    for (size_t i = 0; i < t.len; i++)
        h = (h ^ (unsigned char)t.data[i]) * UINT64_C(0x100000001B3);
    return h;
}

static uint64_t id_hash(struct rh_text type, struct rh_text id)
{
    return mix(mix(UINT64_C(0xCBF29CE484222325), type) * 31, id);
}

static bool open_tables(struct bundle *b, yyjson_val *list)
{
    struct rh_arena *a = b->r->c->arena;
    size_t n = yyjson_is_arr(list) ? yyjson_arr_size(list) : 0, i, slots = 16;
    while (slots < 2 * n)
        slots *= 2;
    b->entries = rh_arena_zero(a, (n + 1) * sizeof *b->entries);
    b->by_url = rh_arena_alloc(a, slots * sizeof *b->by_url);
    b->by_id = rh_arena_alloc(a, slots * sizeof *b->by_id);
    if (!b->entries || !b->by_url || !b->by_id) {
        b->r->rc = RH_NOMEM;
        return false;
    }
    memset(b->by_url, 0xFF, slots * sizeof *b->by_url);
    memset(b->by_id, 0xFF, slots * sizeof *b->by_id);
    b->mask = (unsigned)slots - 1;
    yyjson_val *v;
    if (!n)
        return true;
    yyjson_arr_foreach (list, i, n, v) {
        struct entry *e = &b->entries[b->n];
        e->value = v;
        e->resource = yyjson_obj_get(v, "resource");
        e->type = rh_type_of_resource(e->resource);
        e->full_url = rh_json_get(v, "fullUrl");
        e->id = rh_json_get(e->resource, "id");
        e->first_link = NONE;
        unsigned *url = &b->by_url[mix(1, e->full_url) & b->mask];
        e->next_url = *url;
        *url = b->n;
        struct rh_text type = rh_json_get(e->resource, "resourceType");
        unsigned *id = &b->by_id[id_hash(type, e->id) & b->mask];
        e->next_id = *id;
        *id = b->n++;
    }
    return true;
}

/* How many entries have this fullUrl; *ret one of them. */
static unsigned find_url(const struct bundle *b, struct rh_text url, unsigned *ret)
{
    unsigned found = 0;
    for (unsigned i = b->by_url[mix(1, url) & b->mask]; i != NONE; i = b->entries[i].next_url)
        if (b->entries[i].full_url.len && rh_text_eq(b->entries[i].full_url, url)) {
            found++;
            *ret = i;
        }
    b->r->work += found;
    return found;
}

static bool find_id(const struct bundle *b, struct rh_text type, struct rh_text id)
{
    for (unsigned i = b->by_id[id_hash(type, id) & b->mask]; i != NONE; i = b->entries[i].next_id)
        if (b->entries[i].type && rh_text_is(type, b->entries[i].type->name) &&
            rh_text_eq(b->entries[i].id, id))
            return true;
    return false;
}

/* http://host/…/Type/id with a type of R4: `*type` and `*id` of it. */
static bool restful(struct rh_text url, struct rh_text *base)
{
    struct rh_reference ref = rh_reference_parse(url, (struct rh_text){"", 0});
    if (ref.kind != RH_REF_ABSOLUTE || !ref.type)
        return false;
    size_t name = strlen(rh_resource_type(ref.type)->name);
    *base = (struct rh_text){url.data, (size_t)(ref.id.data - url.data) - name - 1};
    return true;
}

/* --- resolving in the Bundle ---------------------------------------------------------------------
 */

/* How many elements of an entry have this id, those of narratives too. */
static unsigned count_id(struct bundle *b, unsigned at, struct rh_text id)
{
    struct entry *e = &b->entries[at];
    if (!e->named) {
        e->named = true;
        if (rh_collect_names(b->r, &e->names, e->resource))
            b->r->rc = RH_NOMEM;
    }
    return rh_names_count(&e->names, id);
}

/* The entry that a reference from entry `from` means, or NONE; says at `place` what is wrong. With
 * `must`, a reference that leads out of the Bundle is wrong. */
static unsigned resolve(struct bundle *b, unsigned from, struct rh_text reference,
                        const struct rh_place *place, bool must)
{
    struct rh_run *r = b->r;
    struct rh_text plain = reference, fragment = {NULL, 0}, base;
    const char *hash = memchr(plain.data, '#', plain.len);
    unsigned at = NONE, n;
    if (hash) {
        plain.len = (size_t)(hash - plain.data);
        fragment = (struct rh_text){hash + 1, reference.len - plain.len - 1};
    }
    if (rh_url_absolute(plain)) {
        n = find_url(b, plain, &at);
        if (n > 1) {
            b->broken++;
            rh_complain(r, RH_ERROR, "invalid", place, "%u entries have the fullUrl \"%.*s\"", n,
                        RH_TEXT_ARG(rh_shown(plain)));
            return NONE;
        }
        if (n == 0 && must)
            rh_complain(r, RH_ERROR, "not-found", place, "\"%.*s\" is not in the Bundle",
                        RH_TEXT_ARG(rh_shown(reference)));
        if (n == 1 && fragment.data) {
            unsigned k = count_id(b, at, fragment);
            if (k != 1) {
                b->broken++;
                rh_complain(r, RH_ERROR, k ? "invalid" : "not-found", place,
                            "%u elements of the entry have the id that \"%.*s\" points to", k,
                            RH_TEXT_ARG(rh_shown(reference)));
            }
        }
        return n == 1 ? at : NONE;
    }
    const struct entry *e = &b->entries[from];
    if (e->id.len && restful(e->full_url, &base)) {
        struct rh_buf full = rh_buf(r->c->arena);
        rh_buf_text(&full, base);
        rh_buf_text(&full, plain);
        n = find_url(b, rh_buf_get(&full), &at);
        if (n > 1)
            rh_complain(r, RH_ERROR, "invalid", place, "%u entries have the fullUrl \"%.*s\"", n,
                        RH_TEXT_ARG(rh_shown(rh_buf_get(&full))));
        if (n)
            return n == 1 ? at : NONE;
    }
    struct rh_reference ref = rh_reference_parse(plain, (struct rh_text){"", 0});
    if (!ref.type || ref.kind != RH_REF_LOCAL)
        return NONE;
    if (find_id(b, rh_text(rh_resource_type(ref.type)->name), ref.id)) {
        b->broken++;
        rh_complain(
            r, RH_ERROR, "invalid", place,
            "\"%.*s\" is not found: an entry has this type and id, but its fullUrl does not "
            "fit the fullUrl of the entry that refers to it",
            RH_TEXT_ARG(rh_shown(reference)));
    } else if (must) {
        rh_complain(r, RH_ERROR, "not-found", place, "\"%.*s\" is not in the Bundle",
                    RH_TEXT_ARG(rh_shown(reference)));
    }
    return NONE;
}

/* --- documents and messages ----------------------------------------------------------------------
 */

static void must_resolve(struct bundle *b, const struct rh_place *up, yyjson_val *owner,
                         const char *name)
{
    yyjson_val *v = yyjson_obj_get(owner, name), *item;
    size_t i, n;
    if (yyjson_is_arr(v)) {
        yyjson_arr_foreach (v, i, n, item) {
            struct rh_text ref = rh_json_get(item, "reference");
            struct rh_place p = rh_below(up, name, strlen(name), (long)i);
            if (ref.len && ref.data[0] != '#')
                (void)resolve(b, 0, ref, &p, true);
        }
    } else {
        struct rh_text ref = rh_json_get(v, "reference");
        struct rh_place p = rh_below(up, name, strlen(name), -1);
        if (ref.len && ref.data[0] != '#')
            (void)resolve(b, 0, ref, &p, true);
    }
}

static void sections(struct bundle *b, const struct rh_place *up, yyjson_val *owner, unsigned depth)
{
    yyjson_val *list = yyjson_obj_get(owner, "section"), *s;
    size_t i, n;
    if (!yyjson_is_arr(list) || depth > RH_VALIDATE_DEPTH_MAX)
        return;
    yyjson_arr_foreach (list, i, n, s) {
        struct rh_place p = rh_below(up, "section", 7, (long)i);
        must_resolve(b, &p, s, "author");
        must_resolve(b, &p, s, "focus");
        must_resolve(b, &p, s, "entry");
        sections(b, &p, s, depth + 1);
    }
}

static void parts(struct bundle *b, const struct rh_place *up, yyjson_val *owner, const char *list,
                  const char *name)
{
    yyjson_val *v = yyjson_obj_get(owner, list), *item;
    size_t i, n;
    if (!yyjson_is_arr(v))
        return;
    yyjson_arr_foreach (v, i, n, item) {
        struct rh_place p = rh_below(up, list, strlen(list), (long)i);
        must_resolve(b, &p, item, name);
    }
}

static void check_header(struct bundle *b, bool document)
{
    const char *wanted = document ? "Composition" : "MessageHeader";
    struct rh_place first = entry_place(b, 0);
    yyjson_val *resource = b->entries[0].resource;
    if (!resource) {
        rh_complain(b->r, RH_ERROR, "invalid", &first, "the first entry must have a resource");
        return;
    }
    struct rh_place at = rh_below(&first, "resource", 8, -1);
    if (!b->entries[0].type || strcmp(b->entries[0].type->name, wanted) != 0) {
        rh_complain(b->r, RH_ERROR, "invalid", &at, "the first entry of a %s must be a %s",
                    document ? "document" : "message", wanted);
        return;
    }
    if (!document) {
        must_resolve(b, &at, resource, "focus");
        return;
    }
    static const char *const names[] = {"subject", "author", "encounter", "custodian"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        must_resolve(b, &at, resource, names[i]);
    parts(b, &at, resource, "attester", "party");
    parts(b, &at, resource, "event", "detail");
    sections(b, &at, resource, 0);
}

/* Addresses that name a thing rather than point to one. */
static bool only_name(const struct rh_element *e)
{
    static const char *const names[] = {"system", "fullUrl",  "profile",
                                        "url",    "endpoint", "address"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(e->name, names[i]) == 0)
            return strcmp(e->type->name, "url") != 0 || i > 3;
    return false;
}

static enum rh_rc add_link(struct bundle *b, unsigned from, unsigned to)
{
    struct link *grown =
        rh_arena_grow(b->r->c->arena, b->links, &b->cap_links, b->n_links + 1, sizeof *grown);
    if (!grown)
        return RH_NOMEM;
    b->links = grown;
    b->links[b->n_links] = (struct link){to, b->entries[from].first_link};
    b->entries[from].first_link = (unsigned)b->n_links++;
    return RH_OK;
}

static enum rh_rc link_one(void *user, yyjson_val *string, const struct rh_element *e)
{
    struct bundle *b = user;
    struct rh_text t = rh_json_text(string);
    const char *type = e->type->name;
    bool reference = strcmp(type, "string") == 0;
    if (t.len == 0 || t.data[0] == '#' ||
        (!reference && ((strcmp(type, "url") != 0 && strcmp(type, "uri") != 0) || only_name(e))))
        return RH_OK;
    unsigned to = resolve(b, b->from, t, b->at, false);
    if (to == NONE || to == b->from)
        return RH_OK;
    enum rh_rc rc = add_link(b, b->from, to);
    return rc ? rc : add_link(b, to, b->from);
}

/* What hangs together with the header: forward from it, then whatever points to what is reached,
 * and on from there; so the direction of a link does not matter. */
static void reach(struct bundle *b)
{
    unsigned *stack = rh_arena_alloc(b->r->c->arena, (b->n + 1) * sizeof *stack), n = 0;
    if (!stack) {
        b->r->rc = RH_NOMEM;
        return;
    }
    b->entries[0].reached = true;
    stack[n++] = 0;
    while (n > 0) {
        unsigned e = stack[--n];
        for (unsigned l = b->entries[e].first_link; l != NONE; l = b->links[l].next) {
            unsigned to = b->links[l].to;
            if (!b->entries[to].reached) {
                b->entries[to].reached = true;
                stack[n++] = to;
            }
        }
    }
}

static void check_interlinked(struct bundle *b, bool document)
{
    for (b->from = 0; b->from < b->n && !b->r->rc; b->from++) {
        const struct entry *e = &b->entries[b->from];
        if (e->type && rh_references_walk(e->type, e->resource, link_one, b) == RH_NOMEM)
            b->r->rc = RH_NOMEM;
    }
    if (b->r->rc)
        return;
    reach(b);
    for (unsigned i = 0; i < b->n; i++) {
        struct rh_place p = entry_place(b, i);
        if (b->entries[i].resource && !b->entries[i].reached)
            rh_complain(b->r, document ? RH_ERROR : RH_WARNING, "informational", &p,
                        "nothing leads from the %s to this entry, or from it to what is reached",
                        document ? "Composition" : "MessageHeader");
    }
}

/* --- links ---------------------------------------------------------------------------------------
 */

static bool one_of(struct rh_text t, const char *list)
{
    const char *p = t.len ? memmem(list, strlen(list), t.data, t.len) : NULL;
    return p && (p == list || p[-1] == '|') && (p[t.len] == '|' || p[t.len] == '\0');
}

static void check_links(struct bundle *b, yyjson_val *bundle)
{
    yyjson_val *list = yyjson_obj_get(bundle, "link"), *v, *other;
    size_t i, n, j, m;
    bool pages = one_of(b->type, "searchset|history");
    if (!yyjson_is_arr(list))
        return;
    yyjson_arr_foreach (list, i, n, v) {
        struct rh_text relation = rh_json_get(v, "relation");
        struct rh_place at = rh_below(b->at, "link", 4, (long)i);
        struct rh_place rel = rh_below(&at, "relation", 8, -1);
        if (!pages && one_of(relation, "first|previous|next|last"))
            rh_complain(
                b->r, RH_ERROR, "invalid", &rel,
                "a link \"%.*s\" belongs to pages of a search, not to a Bundle of type %.*s",
                RH_TEXT_ARG(relation), RH_TEXT_ARG(b->type));
        if (!one_of(relation, pages ? "first|previous|next|last|self" : "self"))
            continue;
        yyjson_arr_foreach (list, j, m, other) {
            if (j < i && rh_text_eq(rh_json_get(other, "relation"), relation)) {
                rh_complain(b->r, RH_ERROR, "invalid", pages ? &at : &rel,
                            "there is more than one link \"%.*s\"", RH_TEXT_ARG(relation));
                break;
            }
        }
    }
}

/* --- searches ------------------------------------------------------------------------------------
 */

/* The types that the "self" link searches, as "|A|B|"; empty when it does not say. */
static struct rh_text searched(struct bundle *b, yyjson_val *bundle)
{
    yyjson_val *list = yyjson_obj_get(bundle, "link"), *v;
    size_t i, n;
    struct rh_text url = {NULL, 0}, part;
    struct rh_buf types = rh_buf(b->r->c->arena);
    if (yyjson_is_arr(list)) {
        yyjson_arr_foreach (list, i, n, v) {
            if (rh_text_is(rh_json_get(v, "relation"), "self"))
                url = rh_json_get(v, "url");
        }
    }
    if (!url.len)
        return rh_buf_get(&types);
    struct rh_text rest = url, path = {NULL, 0}, query, last = {NULL, 0};
    (void)rh_text_split(&rest, '?', &path);
    while (rh_text_split(&path, '/', &part))
        last = part;
    if (rh_resource_number(last)) {
        rh_buf_printf(&types, "|%.*s|", RH_TEXT_ARG(last));
        return rh_buf_get(&types);
    }
    while (rest.data && rh_text_split(&rest, '&', &query)) {
        if (!rh_text_starts(query, "_type="))
            continue;
        struct rh_text names = {query.data + 6, query.len - 6};
        rh_buf_char(&types, '|');
        while (rh_text_split(&names, ',', &part))
            rh_buf_printf(&types, "%.*s|", RH_TEXT_ARG(part));
    }
    return rh_buf_get(&types);
}

static bool among(struct rh_text types, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i + len + 2 <= types.len; i++)
        if (types.data[i] == '|' && memcmp(types.data + i + 1, name, len) == 0 &&
            types.data[i + 1 + len] == '|')
            return true;
    return types.len == 0;
}

static void check_match(struct bundle *b, unsigned i, struct rh_text mode, struct rh_text types)
{
    const struct entry *e = &b->entries[i];
    struct rh_place entry = entry_place(b, i), at = rh_below(&entry, "resource", 8, -1);
    const char *name = e->type ? e->type->name : "resource";
    if (!e->resource) {
        rh_complain(b->r, RH_ERROR, "invalid", &entry, "what a search found must have a resource");
        return;
    }
    bool match = rh_text_is(mode, "match"), include = rh_text_is(mode, "include");
    if ((match || include) && !e->id.len)
        rh_complain(b->r, RH_ERROR, "invalid", &at, "what a search found must have an id");
    if (match && !among(types, name))
        rh_complain(b->r, RH_ERROR, "invalid", &at,
                    "a %s is no match of this search, whose \"self\" link asks for other types",
                    name);
    if (mode.len && !match && !include && strcmp(name, "OperationOutcome") != 0)
        rh_complain(b->r, RH_ERROR, "invalid", &at,
                    "an entry of mode \"outcome\" is an OperationOutcome, not a %s", name);
}

/* --- all
 * ------------------------------------------------------------------------------------------ */

static void check_entry(struct bundle *b, unsigned i)
{
    const struct entry *e = &b->entries[i];
    struct rh_place at = entry_place(b, i);
    struct rh_text base;
    bool optional = one_of(b->type, "transaction|transaction-response|batch|batch-response");
    if (!e->full_url.len) {
        if (!optional && !yyjson_obj_get(e->value, "fullUrl"))
            rh_complain(b->r, RH_ERROR, "required", &at,
                        "an entry of a Bundle of type %.*s must have a fullUrl",
                        RH_TEXT_ARG(b->type));
        return;
    }
    if (!rh_url_absolute(e->full_url)) {
        rh_complain(b->r, RH_ERROR, "invalid", &at,
                    "the fullUrl must be absolute, such as urn:uuid:… or http://…; \"%.*s\" is not",
                    RH_TEXT_ARG(rh_shown(e->full_url)));
    } else if (e->type && restful(e->full_url, &base)) {
        struct rh_buf tail = rh_buf(b->r->c->arena);
        rh_buf_printf(&tail, "/%s/%.*s", e->type->name, RH_TEXT_ARG(e->id));
        struct rh_text t = rh_buf_get(&tail);
        if (!e->id.len)
            rh_complain(
                b->r, RH_ERROR, "invalid", &at,
                "the fullUrl \"%.*s\" is that of a resource on a server, so the resource must "
                "have its id",
                RH_TEXT_ARG(rh_shown(e->full_url)));
        else if (e->full_url.len < t.len ||
                 memcmp(e->full_url.data + e->full_url.len - t.len, t.data, t.len) != 0)
            rh_complain(b->r, RH_ERROR, "invalid", &at,
                        "the fullUrl \"%.*s\" does not end in \"%.*s\", the type and id of the "
                        "resource",
                        RH_TEXT_ARG(rh_shown(e->full_url)), RH_TEXT_ARG(t));
    }
}

void rh_check_bundle(struct rh_run *r, const struct rh_place *at, yyjson_val *bundle)
{
    struct bundle b = {.r = r, .at = at, .type = rh_json_get(bundle, "type")};
    bool document = rh_text_is(b.type, "document"), message = rh_text_is(b.type, "message");
    if (!open_tables(&b, yyjson_obj_get(bundle, "entry")))
        return;
    check_links(&b, bundle);
    if (b.n == 0) {
        if (document || message)
            rh_complain(r, RH_ERROR, "invalid", at, "a %s must have entries, %s first",
                        document ? "document" : "message",
                        document ? "its Composition" : "its MessageHeader");
        return;
    }
    if (document || message) {
        check_header(&b, document);
        check_interlinked(&b, document);
    } else if (rh_text_is(b.type, "searchset")) {
        struct rh_text types = searched(&b, bundle);
        for (unsigned i = 0; i < b.n; i++)
            check_match(&b, i, rh_json_get(yyjson_obj_get(b.entries[i].value, "search"), "mode"),
                        types);
    }
    for (unsigned i = 0; i < b.n && !rh_run_stop(r); i++)
        check_entry(&b, i);
}
