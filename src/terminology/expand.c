/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "terminology/expansion_int.h"

enum { WORK_MAX = 5000 }; /* value sets expanded for one request */

/* One include or exclude while it is worked on. */
struct part {
    struct tx_expansion *x;
    const yyjson_val *json;
    const char *path;
    struct rh_text system, version;
    struct tx_source *source; /* NULL: no system, or one that is not loaded */
    struct tx_expansion *imports;
    size_t n_imports;
    bool exclude;
};

/* --- adding ----------------------------------------------------------------------------------- */

static bool versions_count(const struct tx_expansion *x)
{
    return x->with_version && !x->ignore_version;
}

static struct rh_text key_version(const struct tx_expansion *x, struct rh_text version)
{
    return versions_count(x) ? version : (struct rh_text){"", 0};
}

static bool in_imports(const struct part *p, struct rh_text system, struct rh_text code,
                       size_t from)
{
    for (size_t i = from; i < p->n_imports; i++) {
        const struct tx_expansion *import = &p->imports[i];
        const struct tx_key_set *keys =
            versions_count(import) ? &import->of_any_version : &import->present;
        if (!tx_key_find(keys, system, (struct rh_text){"", 0}, code))
            return false;
    }
    return true;
}

static bool is_excluded(struct tx_expansion *x, const struct tx_entry *e)
{
    if (tx_text_has(&x->excluded_systems, e->system))
        return true;
    if (x->excluded_systems.n && versions_count(x) && e->version.len &&
        tx_text_has(&x->excluded_systems, tx_canonical(x->t, e->system, e->version)))
        return true;
    return tx_key_find(&x->excluded, e->system, key_version(x, e->version), e->code) != NULL;
}

static void adopt(struct tx_expansion *x, uint32_t child, uint32_t parent)
{
    struct tx_entry *c = &x->entries[child], *p = &x->entries[parent];
    c->parent = parent;
    c->depth = p->depth + 1;
    x->flat |= c->depth > TX_NESTING_MAX;
    if (p->last_child == TERMS_NONE)
        p->first_child = child;
    else
        x->entries[p->last_child].next = child;
    p->last_child = child;
}

static int64_t limit_of(const struct tx *t)
{
    return t->limit > 0 && t->limit < RH_TERMS_EXPANSION_MAX ? t->limit : RH_TERMS_EXPANSION_MAX;
}

static enum rh_rc too_costly(struct tx_expansion *x)
{
    return tx_fail(x->t, RH_TOOLARGE, "too-costly", NULL, NULL,
                   "The value set '%.*s' expansion has too many codes to display (>%lld). "
                   "Ask for a part of it with count and offset, or with a filter.",
                   RH_TEXT_ARG(tx_canonical_of(x->t, x->body)), (long long)limit_of(x->t));
}

/* Is the page that was asked for full? Then nothing more need be listed. */
static bool page_full(const struct tx_expansion *x)
{
    const struct tx *t = x->t;
    return t->count > 0 && (int64_t)x->n >= t->count + (t->offset > 0 ? t->offset : 0);
}

/* Adds unless it is there, excluded, or outside of the imports; *ret its number or TERMS_NONE. */
static enum rh_rc add(const struct part *p, struct tx_entry e, uint32_t parent, uint32_t *ret)
{
    struct tx_expansion *x = p->x;
    struct tx *t = x->t;
    *ret = TERMS_NONE;
    if (!in_imports(p, e.system, e.code, 0) || is_excluded(x, &e))
        return RH_OK;
    struct rh_text version = key_version(x, e.version);
    if (tx_key_find(&x->present, e.system, version, e.code)) {
        x->flat = true;
        return RH_OK;
    }
    if ((int64_t)x->n >= limit_of(t)) {
        x->no_total = true;
        return page_full(x) ? RH_TIMEOUT : too_costly(x); /* RH_TIMEOUT: stop, all is well */
    }
    if (x->n == x->cap) {
        struct tx_entry *grown =
            rh_arena_grow(t->arena, x->entries, &x->cap, x->n + 1, sizeof *grown);
        if (!grown)
            return RH_NOMEM;
        x->entries = grown;
    }
    *ret = (uint32_t)x->n++;
    e.parent = e.first_child = e.last_child = e.next = TERMS_NONE;
    e.depth = 0;
    x->entries[*ret] = e;
    if (parent != TERMS_NONE)
        adopt(x, *ret, parent);
    struct tx_key key = {e.system, version, e.code, *ret};
    enum rh_rc rc = tx_key_add(t, &x->present, key);
    key.version = (struct rh_text){"", 0};
    if (!rc && versions_count(x) && !tx_key_find(&x->of_any_version, e.system, key.version, e.code))
        rc = tx_key_add(t, &x->of_any_version, key);
    return rc;
}

static enum rh_rc exclude(const struct part *p, struct rh_text system, struct rh_text version,
                          struct rh_text code)
{
    struct tx_expansion *x = p->x;
    version = key_version(x, version);
    if (!in_imports(p, system, code, 0) || tx_key_find(&x->excluded, system, version, code))
        return RH_OK;
    return tx_key_add(x->t, &x->excluded, (struct tx_key){system, version, code, 0});
}

/* --- concepts of a system --------------------------------------------------------------------- */

static bool compose_active_only(const struct tx_expansion *x)
{
    return yyjson_is_false(terms_member(terms_member(x->body, "compose"), "inactive"));
}

static enum rh_rc passes_text(const struct part *p, uint32_t i, const yyjson_val *listed, bool *ret)
{
    struct tx *t = p->x->t;
    struct rh_text words = t->filter;
    *ret = true;
    if (!words.len)
        return RH_OK;
    struct tx_designations list = {0};
    enum rh_rc rc = RH_OK;
    *ret = listed && terms_words_match(words, rh_json_get(listed, "code"));
    if (i != TERMS_NONE) {
        *ret |= terms_words_match(words, p->source->cs->concepts[i].code);
        rc = tx_designations_of(t, p->source->cs, &p->source->supplements, i, &list);
    }
    if (!rc && listed)
        rc = tx_designations_listed(t, listed, (struct rh_text){NULL, 0}, &list);
    for (size_t d = 0; !rc && !*ret && d < list.n; d++)
        *ret = terms_words_match(words, list.items[d].value);
    return rc;
}

static bool skipped_by_status(const struct part *p, uint32_t i)
{
    const struct tx *t = p->x->t;
    unsigned char flags = p->source->cs->concepts[i].flags;
    return (t->active_only.value && flags & TERMS_INACTIVE) ||
           (t->exclude_not_for_ui.value && flags & TERMS_ABSTRACT);
}

static enum rh_rc add_concept(const struct part *p, uint32_t i, const yyjson_val *listed,
                              uint32_t parent, uint32_t *ret)
{
    const struct terms_system *cs = p->source->cs;
    *ret = TERMS_NONE;
    if (p->exclude)
        return exclude(p, cs->url, cs->version, cs->concepts[i].code);
    if (compose_active_only(p->x) && cs->concepts[i].flags & TERMS_INACTIVE)
        return RH_OK;
    struct tx_entry e = {.system = cs->url,
                         .version = cs->version,
                         .code = cs->concepts[i].code,
                         .source = p->source,
                         .concept = i,
                         .listed = listed,
                         .list_language = rh_json_get(p->x->body, "language")};
    return add(p, e, parent, ret);
}

enum rh_rc tx_visit(struct tx *t, uint64_t concepts)
{
    t->visits += concepts;
    if (t->visits <= TERMS_VISITS_MAX)
        return RH_OK;
    return tx_fail(t, RH_TOOLARGE, "too-costly", NULL, NULL,
                   "This takes more than one request may look at (%d concepts): ask for less, or "
                   "give the value set fewer includes, excludes and filters.",
                   TERMS_VISITS_MAX);
}

struct frame {
    uint32_t concept, parent;
};

/* A concept and all below it, without recursion: a system may be as deep as it likes. `stack` has
 * room for all concepts: each is put on it once. */
static enum rh_rc add_tree(const struct part *p, uint32_t root, uint64_t *visited,
                           struct frame *stack)
{
    const struct terms_system *cs = p->source->cs;
    size_t top = 0;
    stack[top++] = (struct frame){root, TERMS_NONE};
    terms_bit_set(visited, root);
    while (top) {
        struct frame f = stack[--top];
        uint32_t added = f.parent;
        if (!skipped_by_status(p, f.concept)) {
            enum rh_rc rc = add_concept(p, f.concept, NULL, f.parent, &added);
            if (rc)
                return rc;
        }
        for (uint32_t k = cs->children.at[f.concept + 1]; k-- > cs->children.at[f.concept];) {
            uint32_t child = cs->children.item[k];
            if (terms_bit(visited, child)) {
                p->x->flat = true; /* several parents are no tree */
                continue;
            }
            terms_bit_set(visited, child);
            stack[top++] = (struct frame){child, added};
        }
    }
    return RH_OK;
}

static enum rh_rc whole_system(const struct part *p)
{
    const struct terms_system *cs = p->source->cs;
    struct tx *t = p->x->t;
    enum rh_rc rc = tx_visit(t, cs->n);
    if (t->filter.len) {
        for (uint32_t i = 0; !rc && i < cs->n; i++) {
            bool passes;
            uint32_t added;
            rc = passes_text(p, i, NULL, &passes);
            if (!rc && passes && !skipped_by_status(p, i))
                rc = add_concept(p, i, NULL, TERMS_NONE, &added);
        }
        p->x->flat = true;
        return rc;
    }
    uint64_t *visited = rh_arena_zero(t->arena, terms_bit_words(cs) * sizeof *visited);
    struct frame *stack = rh_arena_alloc(t->arena, ((size_t)cs->n + 1) * sizeof *stack);
    if (!visited || !stack)
        return RH_NOMEM;
    for (int pass = 0; pass < 2; pass++) /* then what hangs in a circle and has no root */
        for (uint32_t i = 0; !rc && i < cs->n; i++)
            if (!terms_bit(visited, i) && (pass || cs->parents.at[i] == cs->parents.at[i + 1]))
                rc = add_tree(p, i, visited, stack);
    return rc;
}

enum rh_rc tx_filter_bits(struct tx *t, const struct terms_system *cs, const yyjson_val *set,
                          const char *path, uint64_t **ret)
{
    size_t words = terms_bit_words(cs), n = 0;
    uint64_t *bits = rh_arena_alloc(t->arena, words * sizeof *bits);
    if (!bits)
        return RH_NOMEM;
    memset(bits, 0xff, words * sizeof *bits);
    struct terms_iter it = terms_members(set, "filter");
    for (yyjson_val *f; (f = terms_next(&it)); n++) {
        enum terms_filter_fault fault;
        enum rh_rc rc = tx_visit(t, terms_filter_visits(cs, f));
        if (rc)
            return rc;
        rc = terms_filter(t->ctx, cs, f, bits, &fault);
        if (rc == RH_OK)
            continue;
        struct rh_text property = rh_json_get(f, "property"), op = rh_json_get(f, "op"),
                       value = rh_json_get(f, "value");
        const char *where = tx_printf(t, "ValueSet.compose.%s.filter[%zu]", path, n).data;
        if (fault == TERMS_FILTER_NO_VALUE)
            return tx_fail(t, RH_INVALID, "invalid", "vs-invalid", where,
                           "The system %.*s filter with property = %.*s, op = %.*s has no value",
                           RH_TEXT_ARG(cs->url), RH_TEXT_ARG(property), RH_TEXT_ARG(op));
        if (fault == TERMS_FILTER_UNKNOWN)
            return tx_fail(
                t, RH_INVALID, "not-supported", "vs-invalid", where,
                "The filter \"%.*s %.*s %.*s\" was not understood in the context of %.*s",
                RH_TEXT_ARG(property), RH_TEXT_ARG(op), RH_TEXT_ARG(value), RH_TEXT_ARG(cs->url));
        if (rc == RH_TIMEOUT)
            return tx_fail(t, RH_TOOLARGE, "too-costly", "vs-invalid", where,
                           "The regular expression \"%.*s\" takes too long.", RH_TEXT_ARG(value));
        if (rc == RH_NOMEM)
            return rc;
        return tx_fail(t, RH_INVALID, "invalid", "vs-invalid", where,
                       "The regular expression \"%.*s\" cannot be used.", RH_TEXT_ARG(value));
    }
    *ret = bits;
    return RH_OK;
}

static enum rh_rc filtered(const struct part *p)
{
    const struct terms_system *cs = p->source->cs;
    struct tx_expansion *x = p->x;
    uint64_t *bits;
    enum rh_rc rc = tx_filter_bits(x->t, cs, p->json, p->path, &bits);
    for (uint32_t i = 0; !rc && i < cs->n; i++) {
        bool passes;
        if (!terms_bit(bits, i) ||
            (x->t->active_only.value && cs->concepts[i].flags & TERMS_INACTIVE))
            continue;
        rc = passes_text(p, i, NULL, &passes);
        if (rc || !passes)
            continue;
        uint32_t parent = TERMS_NONE, added;
        if (cs->parents.at[i] < cs->parents.at[i + 1] && !p->exclude) {
            struct rh_text code = cs->concepts[cs->parents.item[cs->parents.at[i]]].code;
            const struct tx_key *k =
                tx_key_find(&x->present, cs->url, key_version(x, cs->version), code);
            parent = k ? k->entry : TERMS_NONE;
        }
        rc = add_concept(p, i, NULL, parent, &added);
    }
    return rc;
}

static enum rh_rc listed_code(const struct part *p, const yyjson_val *c)
{
    struct rh_text code = rh_json_get(c, "code");
    const struct terms_system *cs = p->source ? p->source->cs : NULL;
    uint32_t i = cs ? terms_locate(cs, code) : TERMS_NONE, added;
    bool passes;
    if (i != TERMS_NONE ? p->x->t->active_only.value && cs->concepts[i].flags & TERMS_INACTIVE
                        : cs && !terms_grammar_valid(cs->grammar, code))
        return RH_OK;
    enum rh_rc rc = passes_text(p, i, c, &passes);
    if (rc || !passes)
        return rc;
    if (i != TERMS_NONE)
        return add_concept(p, i, c, TERMS_NONE, &added);
    if (p->exclude)
        return exclude(p, p->system, p->version, code);
    struct tx_entry e = {.system = p->system,
                         .version = p->version,
                         .code = code,
                         .source = p->source,
                         .concept = TERMS_NONE,
                         .listed = c,
                         .list_language = rh_json_get(p->x->body, "language")};
    return add(p, e, TERMS_NONE, &added);
}

static enum rh_rc listed(const struct part *p)
{
    enum rh_rc rc = RH_OK;
    struct terms_iter it = terms_members(p->json, "concept");
    for (yyjson_val *c; !rc && (c = terms_next(&it));)
        rc = listed_code(p, c);
    return rc;
}

/* --- other value sets ------------------------------------------------------------------------- */

static enum rh_rc import_one(struct part *p, struct rh_text canonical, const struct tx_chain *chain)
{
    struct tx_expansion *x = p->x, *import = &p->imports[p->n_imports];
    const yyjson_val *body;
    enum rh_rc rc = tx_find_valueset(x->t, canonical, x->body, &body);
    if (rc)
        return rc;
    if (!body)
        return tx_fail(x->t, RH_NOTFOUND, "not-found", "not-found", NULL,
                       "Unable to import value set %.*s for expansion because the value set "
                       "definition could not be found",
                       RH_TEXT_ARG(canonical));
    rc = tx_expand_body(x->t, body, chain, import);
    if (rc)
        return rc;
    p->n_imports++;
    x->unclosed |= import->unclosed;
    rc = tx_note_status(x, body, x->body);
    if (!rc && !rh_text_starts(canonical, "#") && rh_json_get(body, "url").len)
        rc = tx_note_add(x, "used-valueset", "valueUri", tx_canonical_of(x->t, body));
    for (size_t i = 0; !rc && i < import->n_notes; i++)
        rc = tx_note_add(x, import->notes[i].name, import->notes[i].type, import->notes[i].value);
    return rc;
}

static enum rh_rc import_all(struct part *p, const struct tx_chain *chain)
{
    enum rh_rc rc = RH_OK;
    struct terms_iter it = terms_members(p->json, "valueSet");
    if (!it.left)
        return RH_OK;
    p->imports = rh_arena_zero(p->x->t->arena, it.left * sizeof *p->imports);
    if (!p->imports)
        return RH_NOMEM;
    /* an import is expanded in full: the page is of the outer one */
    struct tx *t = p->x->t;
    int64_t count = t->count, offset = t->offset;
    t->count = t->offset = -1;
    for (yyjson_val *v; !rc && (v = terms_next(&it));)
        rc = import_one(p, rh_json_text(v), chain);
    t->count = count;
    t->offset = offset;
    return rc;
}

static enum rh_rc sets_only(struct part *p)
{
    if (!p->n_imports)
        return RH_OK;
    const struct tx_expansion *first = &p->imports[0];
    enum rh_rc rc = RH_OK;
    for (size_t i = 0; !rc && i < first->n; i++) {
        uint32_t added;
        rc = p->exclude ? exclude(p, first->entries[i].system, first->entries[i].version,
                                  first->entries[i].code)
                        : add(p, first->entries[i], TERMS_NONE, &added);
    }
    return rc;
}

/* --- parts ------------------------------------------------------------------------------------ */

static enum rh_rc unknown_system(struct part *p, struct rh_text version)
{
    struct tx *t = p->x->t;
    struct tx_texts versions;
    enum rh_rc rc = tx_versions(t, p->system, &versions);
    if (rc)
        return rc;
    if (!version.len)
        return tx_fail(t, RH_NOTFOUND, "not-found", "not-found", NULL,
                       "A definition for CodeSystem '%.*s' could not be found, so the value set "
                       "cannot be expanded. Load a package that holds it.",
                       RH_TEXT_ARG(p->system));
    return tx_fail(t, RH_NOTFOUND, "not-found", "not-found", NULL,
                   "A definition for CodeSystem '%.*s' version '%.*s' could not be found, so the "
                   "value set cannot be expanded. %s%.*s",
                   RH_TEXT_ARG(p->system), RH_TEXT_ARG(version),
                   versions.n ? "Valid versions: " : "No versions of this code system are known",
                   RH_TEXT_ARG(tx_version_list(t, &versions)));
}

static enum rh_rc note_system(struct part *p)
{
    struct tx_expansion *x = p->x;
    const struct terms_system *cs = p->source->cs;
    const struct tx_rule *forbidden = tx_forbidden_version(x->t, cs);
    if (forbidden)
        return tx_fail(x->t, RH_INVALID, "exception", "version-error", NULL,
                       "The version '%.*s' is not allowed for system '%.*s': required to be "
                       "'%.*s' by a version-check parameter",
                       RH_TEXT_ARG(cs->version), RH_TEXT_ARG(cs->url),
                       RH_TEXT_ARG(forbidden->version));
    struct rh_text canonical = tx_canonical(x->t, cs->url, cs->version);
    enum rh_rc rc = cs->body ? tx_note_status(x, cs->body, x->body) : RH_OK;
    if (!rc)
        rc = tx_note_add(x, "used-codesystem", "valueUri", canonical);
    if (!rc && cs->content == TERMS_FRAGMENT) {
        x->unclosed = true;
        rc = tx_note_add(x, "used-fragment", "valueUri", canonical);
    }
    for (size_t i = 0; !rc && i < p->source->supplements.n; i++) {
        const struct terms_system *s = p->source->supplements.items[i];
        rc = tx_note_add(x, "used-supplement", "valueUri", tx_canonical(x->t, s->url, s->version));
    }
    return rc;
}

/* Finds the system. A list of codes is worth something even when the system is not loaded: then
 * the value set itself says what they are. */
static enum rh_rc open_source(struct part *p)
{
    struct tx *t = p->x->t;
    struct rh_text version;
    const struct terms_system *cs;
    enum rh_rc rc = tx_determine_version(t, p->system, p->version, &version);
    if (!rc)
        rc = tx_find_system(t, p->system, version, &cs);
    if (rc)
        return rc;
    if (!cs) {
        const yyjson_val *other = NULL;
        struct tx_texts versions;
        rc = tx_versions(t, p->system, &versions);
        if (!rc)
            rc = tx_find_other(t, p->system, (struct rh_text){"", 0}, &other);
        if (rc)
            return rc;
        if (terms_members(p->json, "concept").left && !versions.n && !other)
            return tx_note_add(p->x, "x-unknown-system", "valueUri", p->system);
        return unknown_system(p, version);
    }
    p->source = rh_arena_zero(t->arena, sizeof *p->source);
    if (!p->source)
        return RH_NOMEM;
    p->source->cs = cs;
    rc = tx_supplements_of(t, cs, &p->source->supplements);
    return rc ? rc : note_system(p);
}

static enum rh_rc whole_or_refused(struct part *p)
{
    struct tx_expansion *x = p->x;
    if (p->source->cs->grammar)
        return tx_fail(x->t, RH_INVALID, "too-costly", NULL, NULL,
                       "The code system %.*s has a grammar and so has infinite members: it cannot "
                       "be listed",
                       RH_TEXT_ARG(p->system));
    if (!p->exclude || p->n_imports || x->list_excluded_systems)
        return whole_system(p);
    struct rh_text all =
        x->with_version && p->version.len ? tx_canonical(x->t, p->system, p->version) : p->system;
    return tx_text_add(x->t, &x->excluded_systems, all);
}

static enum rh_rc do_part(struct tx_expansion *x, const yyjson_val *json, bool exclude_part,
                          size_t number, const struct tx_chain *chain)
{
    struct part p = {
        .x = x,
        .json = json,
        .path = tx_printf(x->t, "%s[%zu]", exclude_part ? "exclude" : "include", number).data,
        .system = rh_json_get(json, "system"),
        .version = rh_json_get(json, "version"),
        .exclude = exclude_part};
    size_t n_filters = terms_members(json, "filter").left,
           n_listed = terms_members(json, "concept").left;
    x->flat |= terms_members(json, "valueSet").left || n_listed || n_filters > 1;
    enum rh_rc rc = p.system.len ? open_source(&p) : RH_OK;
    if (!rc)
        rc = import_all(&p, chain);
    if (rc || !p.system.len)
        return rc ? rc : sets_only(&p);
    if (n_listed)
        rc = listed(&p);
    if (!rc && n_filters && p.source && !p.source->cs->grammar)
        rc = filtered(&p);
    if (!rc && !n_listed && !n_filters)
        rc = whole_or_refused(&p);
    return rc;
}

/* --- the compose ------------------------------------------------------------------------------ */

/* One system in several versions: then versions are told apart. */
static bool several_versions(const yyjson_val *list, const yyjson_val *other)
{
    struct terms_iter a = terms_items(list);
    for (yyjson_val *v; (v = terms_next(&a));)
        for (int second = 0; second < 2; second++) {
            struct terms_iter b = terms_items(second ? other : list);
            for (yyjson_val *w; (w = terms_next(&b));)
                if (rh_json_get(v, "system").len &&
                    rh_text_eq(rh_json_get(v, "system"), rh_json_get(w, "system")) &&
                    !rh_text_eq(rh_json_get(v, "version"), rh_json_get(w, "version")))
                    return true;
        }
    return false;
}

/* Includes and excludes of one system, all with versions, none in common: then an exclusion means
 * the codes, whatever their version. */
static bool other_versions_excluded(const yyjson_val *includes, const yyjson_val *excludes)
{
    struct terms_iter a = terms_items(includes);
    if (!a.left || !terms_items(excludes).left)
        return false;
    struct rh_text system = rh_json_get(a.next, "system");
    for (yyjson_val *v; (v = terms_next(&a));) {
        if (!rh_text_eq(rh_json_get(v, "system"), system) || !rh_json_get(v, "version").len)
            return false;
        struct terms_iter b = terms_items(excludes);
        for (yyjson_val *w; (w = terms_next(&b));)
            if (!rh_text_eq(rh_json_get(w, "system"), system) || !rh_json_get(w, "version").len ||
                rh_text_eq(rh_json_get(w, "version"), rh_json_get(v, "version")))
                return false;
    }
    return true;
}

/* Includes of one system: higher versions first. */
static enum rh_rc in_order(struct tx *t, const yyjson_val *list, const yyjson_val ***ret)
{
    struct terms_iter it = terms_items(list);
    size_t n = 0;
    const yyjson_val **items = rh_arena_alloc(t->arena, (it.left + 1) * sizeof *items);
    if (!items)
        return RH_NOMEM;
    for (yyjson_val *v; (v = terms_next(&it));) {
        size_t at = n++;
        struct rh_text version = rh_json_get(v, "version"), before;
        for (; at && version.len; at--) {
            before = rh_json_get(items[at - 1], "version");
            if (!before.len ||
                !rh_text_eq(rh_json_get(items[at - 1], "system"), rh_json_get(v, "system")) ||
                terms_version_cmp(before, version) >= 0)
                break;
            items[at] = items[at - 1];
        }
        items[at] = v;
    }
    *ret = items;
    return RH_OK;
}

static enum rh_rc do_compose(struct tx_expansion *x, const yyjson_val *compose,
                             const struct tx_chain *chain)
{
    struct tx *t = x->t;
    const yyjson_val *includes = terms_member(compose, "include"),
                     *excludes = terms_member(compose, "exclude"), **ordered = NULL;
    if (terms_items(includes).left + terms_items(excludes).left > TX_PARTS_MAX)
        return tx_fail(t, RH_TOOLARGE, "too-costly", NULL, NULL,
                       "A value set may have %d includes and excludes at most.", TX_PARTS_MAX);
    x->with_version = several_versions(includes, excludes);
    x->ignore_version = t->versions_match.value;
    if (!t->versions_match.stated && other_versions_excluded(includes, excludes)) {
        x->ignore_version = x->list_excluded_systems = true;
        enum rh_rc rc = tx_note_add(x, "versionsMatch", "valueBoolean", RH_TEXT("true"));
        if (rc)
            return rc;
    }
    enum rh_rc rc = RH_OK;
    size_t number = 0;
    struct terms_iter it = terms_items(excludes);
    for (yyjson_val *v; !rc && (v = terms_next(&it));)
        rc = do_part(x, v, true, number++, chain);
    if (!rc)
        rc = in_order(t, includes, &ordered);
    size_t n = terms_items(includes).left;
    for (size_t i = 0; !rc && i < n; i++)
        rc = do_part(x, ordered[i], false, i, chain);
    return rc == RH_TIMEOUT ? RH_OK : rc;
}

/* A value set that is only an expansion: its codes are taken as they stand. */
static enum rh_rc take_expansion(struct part *p, const yyjson_val *contains, unsigned depth)
{
    enum rh_rc rc = RH_OK;
    struct terms_iter it = terms_items(contains);
    for (yyjson_val *c; !rc && depth < RH_JSON_DEPTH_MAX && (c = terms_next(&it));) {
        struct rh_text code = rh_json_get(c, "code");
        uint32_t added;
        struct tx_entry e = {.system = rh_json_get(c, "system"),
                             .version = rh_json_get(c, "version"),
                             .code = code,
                             .concept = TERMS_NONE,
                             .listed = c,
                             .list_language = rh_json_get(p->x->body, "language")};
        bool passes = true;
        if (code.len)
            rc = passes_text(p, TERMS_NONE, c, &passes);
        if (!rc && code.len && passes)
            rc = add(p, e, TERMS_NONE, &added);
        if (!rc)
            rc = take_expansion(p, terms_member(c, "contains"), depth + 1);
    }
    return rc;
}

enum rh_rc tx_expand_body(struct tx *t, const yyjson_val *body, const struct tx_chain *up,
                          struct tx_expansion *ret)
{
    struct tx_chain chain = {body, up, up ? up->depth + 1 : 0};
    *ret = (struct tx_expansion){.t = t, .body = body};
    for (const struct tx_chain *c = up; c; c = c->up)
        if (c->body == body)
            return tx_fail(t, RH_INVALID, "processing", "vs-invalid", NULL,
                           "Cyclic reference detected when including %.*s",
                           RH_TEXT_ARG(tx_canonical_of(t, body)));
    if (chain.depth > RH_TERMS_DEPTH_MAX || t->work++ > WORK_MAX)
        return tx_fail(t, RH_TOOLARGE, "too-costly", NULL, NULL,
                       "Value sets include each other too deeply at %.*s",
                       RH_TEXT_ARG(tx_canonical_of(t, body)));
    const yyjson_val *compose = terms_member(body, "compose"),
                     *expansion = terms_member(body, "expansion");
    if (yyjson_is_obj((yyjson_val *)(uintptr_t)compose))
        return do_compose(ret, compose, &chain);
    struct part p = {.x = ret};
    if (expansion) {
        enum rh_rc rc = take_expansion(&p, terms_member(expansion, "contains"), 0);
        return rc == RH_TIMEOUT ? RH_OK : rc;
    }
    return tx_fail(t, RH_INVALID, "business-rule", "vs-invalid", NULL,
                   "The value set %.*s says neither how it is composed nor what it expands to.",
                   RH_TEXT_ARG(tx_canonical_of(t, body)));
}

/* --- $expand ---------------------------------------------------------------------------------- */

static enum rh_rc asked_valueset(struct tx *t, const yyjson_val **ret)
{
    *ret = tx_resource(t->parameters, "valueSet");
    if (!*ret && t->instance)
        *ret = t->instance;
    if (*ret)
        return RH_OK;
    struct rh_text url = tx_value(t->parameters, "url"),
                   version = tx_value(t->parameters, "valueSetVersion");
    if (!url.len)
        return tx_fail(t, RH_INVALID, "invalid", NULL, NULL,
                       "Which value set? Give its url, or the value set itself as valueSet.");
    struct rh_text canonical = tx_canonical(t, url, version);
    enum rh_rc rc = tx_find_valueset(t, canonical, NULL, ret);
    if (!rc && !*ret)
        rc = tx_fail(t, RH_NOTFOUND, "not-found", "not-found", NULL,
                     "A definition for the value Set '%.*s' could not be found",
                     RH_TEXT_ARG(canonical));
    return rc;
}

static enum rh_rc want_supplements(struct tx *t, const yyjson_val *body)
{
    enum rh_rc rc = RH_OK;
    struct terms_iter it = terms_members(body, "extension");
    for (yyjson_val *x; !rc && (x = terms_next(&it));)
        if (rh_text_is(rh_json_get(x, "url"),
                       "http://hl7.org/fhir/StructureDefinition/valueset-supplement"))
            rc = tx_text_add(t, &t->supplements, terms_value_text(x));
    return rc;
}

enum rh_rc tx_expand(struct tx *t, struct rh_buf *out)
{
    const yyjson_val *body;
    struct tx_expansion x;
    enum rh_rc rc = asked_valueset(t, &body);
    if (!rc)
        rc = tx_read_valueset(t, body);
    if (!rc)
        rc = want_supplements(t, body);
    if (!rc)
        rc = tx_expand_body(t, body, NULL, &x);
    if (!rc)
        rc = tx_check_supplements(t);
    if (!rc)
        rc = tx_note_status(&x, body, body);
    if (!rc)
        tx_write_expansion(&x, out);
    return rc;
}
