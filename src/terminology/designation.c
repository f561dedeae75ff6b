/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "terminology/request_int.h"

#define STANDARDS_STATUS \
    "http://hl7.org/fhir/StructureDefinition/structuredefinition-standards-status"
#define PREFERRED_SYSTEM "http://terminology.hl7.org/CodeSystem/hl7TermMaintInfra"

enum rh_rc tx_designations_add(struct tx *t, struct tx_designations *list, struct tx_designation d)
{
    if (!d.value.len)
        return RH_OK;
    if (list->n == list->cap) {
        struct tx_designation *grown =
            rh_arena_grow(t->arena, list->items, &list->cap, list->n + 1, sizeof *grown);
        if (!grown)
            return RH_NOMEM;
        list->items = grown;
    }
    list->items[list->n++] = d;
    return RH_OK;
}

static struct rh_text standards_status(const yyjson_val *holder)
{
    struct terms_iter it = terms_members(holder, "extension");
    for (yyjson_val *x; (x = terms_next(&it));)
        if (rh_text_is(rh_json_get(x, "url"), STANDARDS_STATUS))
            return terms_value_text(x);
    return (struct rh_text){"", 0};
}

static enum rh_rc add_all(struct tx *t, const yyjson_val *concept, struct rh_text source,
                          struct tx_designations *list)
{
    enum rh_rc rc = RH_OK;
    struct terms_iter it = terms_members(concept, "designation");
    for (yyjson_val *d; !rc && (d = terms_next(&it));)
        rc = tx_designations_add(
            t, list,
            (struct tx_designation){.value = rh_text_trim(rh_json_get(d, "value")),
                                    .language = rh_json_get(d, "language"),
                                    .status = standards_status(d),
                                    .source = source,
                                    .use = terms_member(d, "use"),
                                    .extension = terms_member(d, "extension")});
    return rc;
}

enum rh_rc tx_designations_of(struct tx *t, const struct terms_system *cs,
                              const struct tx_supplements *supplements, uint32_t i,
                              struct tx_designations *list)
{
    const struct terms_concept *concept = &cs->concepts[i];
    enum rh_rc rc = tx_designations_add(t, list,
                                        (struct tx_designation){.value = concept->display,
                                                                .language = cs->language,
                                                                .is_display = true});
    if (!rc)
        rc = add_all(t, concept->json, (struct rh_text){NULL, 0}, list);
    for (size_t s = 0; !rc && s < supplements->n; s++) {
        const struct terms_system *supplement = supplements->items[s];
        uint32_t at = terms_locate(supplement, concept->code);
        if (at == TERMS_NONE)
            continue;
        struct rh_text source = tx_canonical(t, supplement->url, supplement->version);
        rc = tx_designations_add(t, list,
                                 (struct tx_designation){.value = supplement->concepts[at].display,
                                                         .language = supplement->language,
                                                         .source = source,
                                                         .is_display = true});
        if (!rc)
            rc = add_all(t, supplement->concepts[at].json, source, list);
    }
    return rc;
}

enum rh_rc tx_designations_listed(struct tx *t, const yyjson_val *concept, struct rh_text language,
                                  struct tx_designations *list)
{
    enum rh_rc rc = tx_designations_add(
        t, list,
        (struct tx_designation){.value = rh_text_trim(rh_json_get(concept, "display")),
                                .language = language,
                                .is_display = true});
    return rc ? rc : add_all(t, concept, (struct rh_text){NULL, 0}, list);
}

/* --- choosing --------------------------------------------------------------------------------- */

bool tx_designation_active(const struct tx_designation *d)
{
    return !rh_text_is(d->status, "withdrawn") && !rh_text_is(d->status, "inactive") &&
           !rh_text_is(d->status, "deprecated");
}

bool tx_designation_shows(const struct tx_designation *d)
{
    return d->is_display || !d->use ||
           (rh_text_is(rh_json_get(d->use, "system"), PREFERRED_SYSTEM) &&
            rh_text_is(rh_json_get(d->use, "code"), "preferredForLanguage"));
}

static bool accepts(const struct tx_language *l, const struct tx_designation *d,
                    enum tx_depth depth)
{
    return l->q && (rh_text_is(l->tag, "*") ||
                    (d->language.len && tx_language_matches(l->tag, d->language, depth)));
}

/* Active ones before others, the whole tag before its region, that before the language alone;
 * within these what may stand as display first. */
static const struct tx_designation *of_language(const struct tx_designations *list,
                                                const struct tx_language *l)
{
    for (int active = 1; active >= 0; active--)
        for (enum tx_depth depth = TX_TAG; depth <= TX_PRIMARY; depth++)
            for (int shows = 1; shows >= 0; shows--)
                for (size_t i = 0; i < list->n; i++) {
                    const struct tx_designation *d = &list->items[i];
                    if (accepts(l, d, depth) && (!shows || tx_designation_shows(d)) &&
                        (!active || tx_designation_active(d)))
                        return d;
                }
    return NULL;
}

const struct tx_designation *tx_preferred(const struct tx_designations *list,
                                          const struct tx_languages *languages)
{
    const struct tx_designation *d = NULL;
    if (languages && languages->n) {
        for (size_t i = 0; !d && i < languages->n; i++)
            d = of_language(list, &languages->items[i]);
        for (size_t i = 0; !d && i < list->n; i++)
            if (!list->items[i].language.len && tx_designation_shows(&list->items[i]))
                d = &list->items[i];
        return d;
    }
    for (size_t i = 0; i < list->n; i++)
        if (list->items[i].is_display)
            return &list->items[i];
    for (size_t i = 0; i < list->n; i++)
        if (tx_designation_shows(&list->items[i]) && tx_designation_active(&list->items[i]))
            return &list->items[i];
    return list->n ? &list->items[0] : NULL;
}

/* --- checking a display ----------------------------------------------------------------------- */

static bool counts(const struct tx_designation *d, const struct tx_languages *l,
                   struct rh_text default_language)
{
    if (default_language.len && d->language.len &&
        tx_language_matches(default_language, d->language, TX_TAG))
        return true;
    return tx_languages_accept(l, d->language, TX_PRIMARY);
}

enum tx_match tx_has_display(const struct tx_designations *list, const struct tx_languages *l,
                             struct rh_text default_language, struct rh_text display,
                             bool active_only)
{
    enum tx_match best = TX_MATCH_NONE;
    for (size_t i = 0; i < list->n; i++) {
        const struct tx_designation *d = &list->items[i];
        if (!counts(d, l, default_language) || (active_only && !tx_designation_active(d)))
            continue;
        if (terms_same_text(d->value, display, false))
            return TX_MATCH;
        if (terms_same_text(d->value, display, true))
            best = TX_MATCH_SPACES;
    }
    return best;
}

unsigned tx_display_count(const struct tx_designations *list, const struct tx_languages *l,
                          bool displays_only)
{
    for (enum tx_depth depth = TX_TAG; depth <= TX_PRIMARY; depth++) {
        unsigned n = 0;
        for (size_t i = 0; i < list->n; i++)
            n += (!displays_only || tx_designation_shows(&list->items[i])) &&
                 tx_languages_accept(l, list->items[i].language, depth);
        if (n)
            return n;
    }
    return 0;
}

struct rh_text tx_present(struct tx *t, const struct tx_designations *list,
                          const struct tx_languages *l)
{
    struct rh_buf b = rh_buf(t->arena);
    for (int pass = 0; pass < 2 && !b.len; pass++)
        for (size_t i = 0; i < list->n; i++) {
            const struct tx_designation *d = &list->items[i];
            if (!tx_designation_shows(d) ||
                (!pass && !tx_languages_accept(l, d->language, TX_PRIMARY)))
                continue;
            rh_buf_printf(&b, "%s'%.*s'", b.len ? " or " : "", RH_TEXT_ARG(d->value));
            if (d->language.len)
                rh_buf_printf(&b, " (%.*s)", RH_TEXT_ARG(d->language));
        }
    return rh_buf_get(&b);
}
