/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The expansion as a ValueSet of R4. What R5 added (properties of concepts) stands in the
 * extensions that HL7 defined for it in earlier versions:
 * http://hl7.org/fhir/5.0/StructureDefinition/extension-ValueSet.expansion.contains.property.
 */
#include "base/datetime.h"
#include "base/hash.h"
#include "terminology/expansion_int.h"

#define SD                 "http://hl7.org/fhir/StructureDefinition/"
#define R5                 "http://hl7.org/fhir/5.0/StructureDefinition/extension-ValueSet.expansion."
#define CONCEPT_PROPERTIES "http://hl7.org/fhir/concept-properties#"

struct definitions { /* the properties that some concept of the expansion has */
    struct definition {
        struct rh_text code, uri;
    } * items;
    size_t n, cap;
};

struct writer {
    struct tx_expansion *x;
    struct tx *t;
    struct rh_buf *out;
    struct definitions *definitions;
    bool nested;
};

/* One property of one concept; the value is JSON with its name, or a text. */
struct property {
    struct rh_text code;
    const char *type;
    const yyjson_val *json;
    struct rh_text text;
};
struct properties {
    struct property *items;
    size_t n, cap;
};

/* --- properties ------------------------------------------------------------------------------- */

/* The code under which the expansion declares the property; its uri tells properties apart. */
static struct rh_text declare(struct writer *w, struct rh_text uri, struct rh_text code)
{
    struct definitions *d = w->definitions;
    for (size_t i = 0; i < d->n; i++)
        if (rh_text_eq(d->items[i].code, code) || (uri.len && rh_text_eq(d->items[i].uri, uri)))
            return d->items[i].code;
    if (d->n == d->cap) {
        struct definition *grown =
            rh_arena_grow(w->t->arena, d->items, &d->cap, d->n + 1, sizeof *grown);
        if (!grown)
            return code;
        d->items = grown;
    }
    d->items[d->n++] = (struct definition){code, uri};
    return code;
}

/* `several`: a concept may have this property more than once; else the last one counts. */
static void add_property(struct writer *w, struct properties *list, const char *uri,
                         struct property p, bool several)
{
    p.code = declare(w, rh_text(uri), p.code);
    for (size_t i = 0; !several && i < list->n; i++)
        if (rh_text_eq(list->items[i].code, p.code)) {
            list->items[i] = p;
            return;
        }
    if (list->n == list->cap) {
        struct property *grown =
            rh_arena_grow(w->t->arena, list->items, &list->cap, list->n + 1, sizeof *grown);
        if (!grown)
            return;
        list->items = grown;
    }
    list->items[list->n++] = p;
}

static const yyjson_val *extension_of(const yyjson_val *holder, const char *url)
{
    struct terms_iter it = terms_members(holder, "extension");
    for (yyjson_val *e; (e = terms_next(&it));)
        if (rh_text_is(rh_json_get(e, "url"), url))
            return e;
    return NULL;
}

static void from_extensions(struct writer *w, struct properties *list, const yyjson_val *holder,
                            bool of_system)
{
    static const struct {
        const char *of_system, *of_set, *uri, *code, *type;
    } rows[] = {
        {SD "codesystem-label", SD "valueset-label", CONCEPT_PROPERTIES "label", "label",
         "valueString"},
        {SD "codesystem-conceptOrder", SD "valueset-conceptOrder", CONCEPT_PROPERTIES "order",
         "order", "valueDecimal"},
        {SD "itemWeight", SD "itemWeight", CONCEPT_PROPERTIES "itemWeight", "weight",
         "valueDecimal"},
        {SD "structuredefinition-standards-status", NULL, CONCEPT_PROPERTIES "status", "status",
         "valueCode"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *url = of_system ? rows[i].of_system : rows[i].of_set;
        const yyjson_val *e = url ? extension_of(holder, url) : NULL;
        const yyjson_val *value = terms_value(e, NULL);
        if (value)
            add_property(w, list, rows[i].uri,
                         (struct property){rh_text(rows[i].code), rows[i].type, value, {NULL, 0}},
                         false);
    }
}

static const char *property_uri(struct writer *w, const yyjson_val *body, struct rh_text code)
{
    struct terms_iter it = terms_members(body, "property");
    for (yyjson_val *p; (p = terms_next(&it));)
        if (rh_text_eq(rh_json_get(p, "code"), code))
            return tx_printf(w->t, "%.*s", RH_TEXT_ARG(rh_json_get(p, "uri"))).data;
    return "";
}

static void asked_of(struct writer *w, struct properties *list, const struct terms_system *cs,
                     uint32_t i)
{
    bool all = tx_text_has(&w->t->properties, RH_TEXT("*"));
    struct terms_iter it = terms_members(cs->concepts[i].json, "property");
    for (yyjson_val *p; (p = terms_next(&it));) {
        struct rh_text code = rh_json_get(p, "code");
        const char *type = NULL;
        const yyjson_val *value = terms_value(p, &type);
        if (value && (all || tx_text_has(&w->t->properties, code)))
            add_property(w, list, property_uri(w, cs->body, code),
                         (struct property){code, type, value, {NULL, 0}}, true);
    }
}

static void of_concept(struct writer *w, const struct tx_entry *e, struct properties *list)
{
    const struct terms_system *cs = e->source->cs;
    const struct tx_supplements *more = &e->source->supplements;
    struct rh_text status = terms_status(cs, e->concept);
    if (status.len && !rh_text_ieq(status, RH_TEXT("active")))
        add_property(w, list, CONCEPT_PROPERTIES "status",
                     (struct property){RH_TEXT("status"), "valueCode", NULL, status}, false);
    from_extensions(w, list, cs->concepts[e->concept].json, true);
    for (size_t s = 0; s < more->n; s++) {
        uint32_t at = terms_locate(more->items[s], e->code);
        if (at != TERMS_NONE)
            from_extensions(w, list, more->items[s]->concepts[at].json, true);
    }
    from_extensions(w, list, e->listed, false);
    if (!w->t->properties.n)
        return;
    struct rh_text definition = rh_json_get(cs->concepts[e->concept].json, "definition");
    if (definition.len && tx_text_has(&w->t->properties, RH_TEXT("definition")))
        add_property(w, list, CONCEPT_PROPERTIES "definition",
                     (struct property){RH_TEXT("definition"), "valueString", NULL, definition},
                     false);
    asked_of(w, list, cs, e->concept);
    for (size_t s = 0; s < more->n; s++) {
        uint32_t at = terms_locate(more->items[s], e->code);
        if (at != TERMS_NONE)
            asked_of(w, list, more->items[s], at);
    }
}

static void write_property(struct rh_buf *out, const struct property *p)
{
    tx_comma(out);
    rh_buf_str(out, "{\"url\":\"" R5 "contains.property\",\"extension\":[{\"url\":\"code\","
                    "\"valueCode\":");
    rh_buf_json(out, p->code);
    rh_buf_printf(out, "},{\"url\":\"value\",\"%s\":", p->type);
    if (p->json)
        rh_json_write(out, p->json);
    else
        rh_buf_json(out, p->text);
    rh_buf_str(out, "}]}");
}

/* --- extensions ------------------------------------------------------------------------------- */

static void copy_extensions(struct rh_buf *out, const yyjson_val *holder, const char *const *urls,
                            size_t n)
{
    struct terms_iter it = terms_members(holder, "extension");
    for (yyjson_val *e; (e = terms_next(&it));)
        for (size_t i = 0; i < n; i++)
            if (rh_text_is(rh_json_get(e, "url"), urls[i])) {
                tx_comma(out);
                rh_json_write(out, e);
            }
}

static void write_extensions(struct writer *w, const struct tx_entry *e,
                             const struct properties *properties)
{
    static const char *const of_system[] = {SD "coding-sctdescid", SD "rendering-style",
                                            SD "rendering-xhtml", SD "codesystem-alternate"};
    static const char *const of_set[] = {SD "valueset-supplement",
                                         SD "valueset-deprecated",
                                         SD "structuredefinition-standards-status",
                                         SD "valueset-concept-definition",
                                         SD "coding-sctdescid",
                                         SD "rendering-style",
                                         SD "rendering-xhtml"};
    struct rh_buf b = rh_buf(w->t->arena);
    rh_buf_char(&b, '[');
    if (e->concept != TERMS_NONE) {
        const struct terms_system *cs = e->source->cs;
        copy_extensions(&b, cs->concepts[e->concept].json, of_system, 4);
        for (size_t s = 0; s < e->source->supplements.n; s++) {
            const struct terms_system *more = e->source->supplements.items[s];
            uint32_t at = terms_locate(more, e->code);
            if (at != TERMS_NONE)
                copy_extensions(&b, more->concepts[at].json, of_system, 4);
        }
    }
    copy_extensions(&b, e->listed, of_set, 7);
    for (size_t i = 0; i < properties->n; i++)
        write_property(&b, &properties->items[i]);
    if (b.len > 1) {
        rh_buf_str(w->out, "\"extension\":");
        rh_buf_text(w->out, rh_buf_get(&b));
        rh_buf_str(w->out, "],");
    }
}

/* --- designations ----------------------------------------------------------------------------- */

static bool is_asked(const struct tx *t, const struct tx_designation *d)
{
    if (!t->designations.n)
        return true;
    for (size_t i = 0; i < t->designations.n; i++) {
        struct rh_text code, system = terms_canonical_url(t->designations.items[i], &code);
        if (d->use && rh_text_eq(rh_json_get(d->use, "system"), system) &&
            rh_text_eq(rh_json_get(d->use, "code"), code))
            return true;
        if (d->language.len && rh_text_is(system, "urn:ietf:bcp:47") &&
            rh_text_ieq(code, d->language))
            return true;
    }
    return false;
}

static void write_designation(struct rh_buf *out, const struct tx_designation *d)
{
    static const char *const kept[] = {
        SD "coding-sctdescid", SD "rendering-style", SD "rendering-xhtml",
        SD "structuredefinition-standards-status", SD "codesystem-alternate"};
    tx_comma(out);
    rh_buf_char(out, '{');
    struct terms_iter it = terms_items(d->extension);
    size_t before = out->len;
    for (yyjson_val *e; (e = terms_next(&it));)
        for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
            if (rh_text_is(rh_json_get(e, "url"), kept[i])) {
                rh_buf_str(out, out->len == before ? "\"extension\":[" : ",");
                rh_json_write(out, e);
            }
    if (out->len > before)
        rh_buf_str(out, "],");
    if (d->language.len) {
        rh_buf_str(out, "\"language\":");
        rh_buf_json(out, d->language);
        rh_buf_char(out, ',');
    }
    if (d->use) {
        rh_buf_str(out, "\"use\":");
        rh_json_write(out, d->use);
        rh_buf_char(out, ',');
    } else if (d->is_display) {
        rh_buf_str(out, "\"use\":{\"system\":"
                        "\"http://terminology.hl7.org/CodeSystem/hl7TermMaintInfra\","
                        "\"code\":\"preferredForLanguage\","
                        "\"display\":\"Preferred For Language\"},");
    }
    rh_buf_str(out, "\"value\":");
    rh_buf_json(out, d->value);
    rh_buf_char(out, '}');
}

static void write_designations(struct writer *w, const struct tx_designations *list,
                               const struct tx_designation *shown)
{
    bool any = false;
    for (size_t i = 0; i < list->n; i++) {
        const struct tx_designation *d = &list->items[i];
        bool redundant = shown && !d->language.len && !d->use && rh_text_eq(d->value, shown->value);
        if (d == shown || redundant || !is_asked(w->t, d))
            continue;
        rh_buf_str(w->out, any ? "" : ",\"designation\":[");
        any = true;
        write_designation(w->out, d);
    }
    if (any)
        rh_buf_char(w->out, ']');
}

/* --- the codes -------------------------------------------------------------------------------- */

static struct tx_designations names_of(struct writer *w, const struct tx_entry *e)
{
    struct tx_designations list = {0};
    enum rh_rc rc = RH_OK;
    if (e->concept != TERMS_NONE)
        rc = tx_designations_of(w->t, e->source->cs, &e->source->supplements, e->concept, &list);
    if (!rc && e->listed)
        rc = tx_designations_listed(w->t, e->listed, e->list_language, &list);
    if (rc && !w->out->rc)
        w->out->rc = rc;
    return list;
}

/* What a list says a code is called stands before what the system says, if the language suits. */
static const struct tx_designation *shown_name(struct writer *w, const struct tx_entry *e,
                                               const struct tx_designations *names)
{
    const struct tx_languages *languages = tx_working_languages(w->t);
    if (!languages && e->listed && rh_json_get(e->listed, "display").len)
        for (size_t i = names->n; i-- > 0;)
            if (names->items[i].is_display)
                return &names->items[i];
    return tx_preferred(names, languages);
}

static void write_code(struct writer *w, uint32_t number)
{
    const struct tx_entry *e = &w->x->entries[number];
    struct properties properties = {0};
    struct tx_designations names = names_of(w, e);
    const struct tx_designation *shown = shown_name(w, e, &names);
    unsigned char flags = 0;
    if (e->concept != TERMS_NONE) {
        flags = e->source->cs->concepts[e->concept].flags;
        of_concept(w, e, &properties);
    } else if (e->listed) {
        from_extensions(w, &properties, e->listed, false);
        flags |= yyjson_is_true(terms_member(e->listed, "abstract")) ? TERMS_ABSTRACT : 0;
        flags |= yyjson_is_true(terms_member(e->listed, "inactive")) ? TERMS_INACTIVE : 0;
    }
    tx_comma(w->out);
    rh_buf_char(w->out, '{');
    write_extensions(w, e, &properties);
    rh_buf_str(w->out, "\"system\":");
    rh_buf_json(w->out, e->system);
    if (flags & TERMS_ABSTRACT)
        rh_buf_str(w->out, ",\"abstract\":true");
    if (flags & TERMS_INACTIVE)
        rh_buf_str(w->out, ",\"inactive\":true");
    if (w->x->with_version && e->version.len) {
        rh_buf_str(w->out, ",\"version\":");
        rh_buf_json(w->out, e->version);
    }
    rh_buf_str(w->out, ",\"code\":");
    rh_buf_json(w->out, e->code);
    if (shown) {
        rh_buf_str(w->out, ",\"display\":");
        rh_buf_json(w->out, shown->value);
    }
    if (w->t->include_designations.value)
        write_designations(w, &names, shown);
    if (w->nested && e->first_child != TERMS_NONE) {
        rh_buf_str(w->out, ",\"contains\":[");
        for (uint32_t c = e->first_child; c != TERMS_NONE; c = w->x->entries[c].next)
            write_code(w, c); /* at most TX_NESTING_MAX levels */
        rh_buf_char(w->out, ']');
    }
    rh_buf_char(w->out, '}');
}

static void write_page(struct writer *w)
{
    struct tx *t = w->t;
    int64_t at = 0, from = t->offset > 0 ? t->offset : 0, written = 0;
    rh_buf_str(w->out, ",\"contains\":[");
    for (uint32_t i = 0; i < w->x->n; i++) {
        if (w->nested && w->x->entries[i].parent != TERMS_NONE)
            continue;
        if (at++ < from)
            continue;
        if (t->count >= 0 && written >= t->count)
            break;
        written++;
        write_code(w, i);
    }
    rh_buf_char(w->out, ']');
    if (!written) /* FHIR has no empty arrays */
        w->out->len = 0;
}

/* --- the value set ---------------------------------------------------------------------------- */

static void write_head(struct writer *w)
{
    static const char *const never[] = {"id", "text", "expansion"};
    static const char *const definition[] = {"purpose",   "compose",   "description", "contact",
                                             "copyright", "publisher", "extension",   "contained"};
    yyjson_obj_iter it = yyjson_obj_iter_with((yyjson_val *)(uintptr_t)w->x->body);
    rh_buf_char(w->out, '{');
    for (yyjson_val *key; (key = yyjson_obj_iter_next(&it));) {
        bool skip = false;
        for (size_t i = 0; i < sizeof never / sizeof *never; i++)
            skip |= !strcmp(yyjson_get_str(key), never[i]);
        for (size_t i = 0; i < sizeof definition / sizeof *definition; i++)
            skip |= !w->t->include_definition.value && !strcmp(yyjson_get_str(key), definition[i]);
        if (skip)
            continue;
        tx_comma(w->out);
        rh_buf_json(w->out, rh_json_text(key));
        rh_buf_char(w->out, ':');
        rh_json_write(w->out, yyjson_obj_iter_get_val(key));
    }
}

static void write_tri(struct rh_buf *out, const char *name, struct tx_tri tri)
{
    if (tri.stated)
        tx_write_bool(out, name, tri.value);
}

static void write_number(struct rh_buf *out, const char *name, int64_t n)
{
    if (n < 0)
        return;
    tx_comma(out);
    rh_buf_printf(out, "{\"name\":\"%s\",\"valueInteger\":%lld}", name, (long long)n);
}

static void write_parameters(struct writer *w, struct rh_buf *out)
{
    struct tx *t = w->t;
    const struct tx_languages *languages = tx_working_languages(t);
    if (t->filter.data)
        tx_write_text(out, "filter", "valueString", t->filter);
    if (languages)
        tx_write_text(out, "displayLanguage", "valueCode", languages->text);
    for (size_t i = 0; i < t->designations.n; i++)
        tx_write_text(out, "designation", "valueString", t->designations.items[i]);
    write_tri(out, "excludeNested", t->exclude_nested);
    write_tri(out, "activeOnly", t->active_only);
    write_tri(out, "includeDesignations", t->include_designations);
    write_tri(out, "includeDefinition", t->include_definition);
    write_tri(out, "excludeNotForUI", t->exclude_not_for_ui);
    write_tri(out, "excludePostCoordinated", t->exclude_post_coordinated);
    if (t->versions_match.value)
        tx_write_bool(out, "versionsMatch", true);
    write_number(out, "offset", t->offset);
    write_number(out, "count", t->count);
    for (size_t i = 0; i < w->x->n_notes; i++) {
        const struct tx_note *n = &w->x->notes[i];
        if (!strcmp(n->type, "valueBoolean"))
            tx_write_bool(out, n->name, rh_text_is(n->value, "true"));
        else
            tx_write_text(out, n->name, n->type, n->value);
    }
    for (size_t i = 0; i < t->found.n; i++) {
        struct rh_text value = t->found.items[i], name;
        rh_text_split(&value, '=', &name);
        if (rh_text_eq(value, tx_canonical_of(t, w->x->body)))
            continue; /* that is this value set itself */
        tx_write_text(out, tx_printf(t, "%.*s", RH_TEXT_ARG(name)).data, "valueUri", value);
    }
}

static void write_expansion_extensions(struct writer *w, struct rh_buf *out)
{
    if (!w->x->unclosed && !w->definitions->n)
        return;
    rh_buf_str(out, ",\"extension\":[");
    if (w->x->unclosed)
        rh_buf_str(out, "{\"url\":\"" SD "valueset-unclosed\",\"valueBoolean\":true}");
    for (size_t i = 0; i < w->definitions->n; i++) {
        const struct definition *d = &w->definitions->items[i];
        tx_comma(out);
        rh_buf_str(out,
                   "{\"url\":\"" R5 "property\",\"extension\":[{\"url\":\"code\",\"valueCode\":");
        rh_buf_json(out, d->code);
        if (d->uri.len) {
            rh_buf_str(out, "},{\"url\":\"uri\",\"valueUri\":");
            rh_buf_json(out, d->uri);
        }
        rh_buf_str(out, "}]}");
    }
    rh_buf_char(out, ']');
}

void tx_write_expansion(struct tx_expansion *x, struct rh_buf *out)
{
    struct tx *t = x->t;
    struct definitions definitions = {0};
    struct rh_buf codes = rh_buf(t->arena);
    struct writer w = {x, t, &codes, &definitions,
                       !t->exclude_nested.value && !x->flat && t->offset <= 0 &&
                           (t->count < 0 || t->count > (int64_t)x->n)};
    char uuid[RH_UUID_SIZE], now[RH_INSTANT_SIZE];
    rh_uuid7(t->ctx->now_us, uuid);
    rh_instant_print(t->ctx->now_us, now);
    write_page(&w);

    w.out = out;
    write_head(&w);
    rh_buf_printf(out, ",\"expansion\":{\"identifier\":\"urn:uuid:%s\",\"timestamp\":\"%s\"", uuid,
                  now);
    write_expansion_extensions(&w, out);
    if (!x->no_total)
        rh_buf_printf(out, ",\"total\":%zu", x->n);
    if (t->offset >= 0)
        rh_buf_printf(out, ",\"offset\":%lld", (long long)t->offset);
    rh_buf_str(out, ",\"parameter\":[");
    size_t before = out->len;
    write_parameters(&w, out);
    if (out->len == before) {
        const size_t empty = sizeof ",\"parameter\":[" - 1;
        out->len -= out->len >= empty ? empty : 0;
    } else {
        rh_buf_char(out, ']');
    }
    rh_buf_text(out, rh_buf_get(&codes));
    rh_buf_str(out, "}}");
    if (codes.rc && !out->rc)
        out->rc = codes.rc;
}
