/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "terminology/expansion_int.h"
#include "terminology/validate_int.h"

enum { ASKED_MAX = 5000 };

/* --- saying things ---------------------------------------------------------------------------- */

struct rh_text tx_path(struct check *k, struct rh_text path, const char *name)
{
    return path.len ? tx_printf(k->t, "%.*s.%s", RH_TEXT_ARG(path), name) : rh_text(name);
}

void tx_say(struct check *k, enum rh_severity severity, const char *code, const char *detail,
            struct rh_text path, struct rh_text text)
{
    tx_issue_add(k->t, &k->issues, (struct tx_issue){severity, code, detail, path, text});
}

enum rh_rc tx_say_message(struct check *k, enum rh_severity severity, const char *code,
                          const char *detail, struct rh_text path, struct rh_text text)
{
    tx_say(k, severity, code, detail, path, text);
    return tx_text_add(k->t, &k->messages, text);
}

enum rh_rc tx_say_unknown(struct check *k, const struct coding *c, struct rh_text version)
{
    struct tx *t = k->t;
    struct tx_texts versions;
    enum rh_rc rc = tx_versions(t, c->system, &versions);
    if (rc)
        return rc;
    struct rh_text key = c->system, text;
    if (!version.len) {
        text = tx_printf(t,
                         "A definition for CodeSystem '%.*s' could not be found, so the code "
                         "cannot be validated",
                         RH_TEXT_ARG(c->system));
    } else {
        if (versions.n)
            key = tx_canonical(t, c->system, version);
        text =
            tx_printf(t,
                      "A definition for CodeSystem '%.*s' version '%.*s' could not be found, so "
                      "the code cannot be validated. %s%.*s",
                      RH_TEXT_ARG(c->system), RH_TEXT_ARG(version),
                      versions.n ? "Valid versions: " : "No versions of this code system are known",
                      RH_TEXT_ARG(tx_version_list(t, &versions)));
    }
    if (!tx_text_has(&k->unknown_systems, key))
        tx_say(k, RH_ERROR, "not-found", "not-found", tx_path(k, c->path, "system"), text);
    rc = tx_text_add(t, &k->unknown_systems, key);
    return rc ? rc : tx_text_add(t, &k->messages, text);
}

enum rh_rc tx_check_status(struct check *k, const yyjson_val *body, const yyjson_val *source)
{
    struct tx_expansion x = {.t = k->t};
    enum rh_rc rc = body ? tx_note_status(&x, body, source) : RH_OK;
    for (size_t i = 0; !rc && i < x.n_notes; i++)
        tx_say(k, RH_INFORMATION, "business-rule", "status-check", (struct rh_text){"", 0},
               tx_printf(k->t, "Reference to %s %.*s %.*s", x.notes[i].name + strlen("warning-"),
                         RH_TEXT_ARG(rh_json_get(body, "resourceType")),
                         RH_TEXT_ARG(x.notes[i].value)));
    return rc;
}

enum rh_rc tx_unknown_code(struct check *k, const struct terms_system *cs, const struct coding *c,
                           bool message)
{
    struct tx *t = k->t;
    struct rh_text path = tx_path(k, c->path, "code");
    if (cs->content == TERMS_FRAGMENT) {
        tx_say(k, RH_WARNING, "code-invalid", "invalid-code", path,
               tx_printf(t,
                         "Unknown Code '%.*s' in the CodeSystem '%.*s' version '%.*s' - note that "
                         "the code system is labeled as a fragment, so the code may be valid in "
                         "some other fragment",
                         RH_TEXT_ARG(c->code), RH_TEXT_ARG(cs->url), RH_TEXT_ARG(cs->version)));
        return RH_OK;
    }
    struct rh_text text =
        cs->version.len
            ? tx_printf(t, "Unknown code '%.*s' in the CodeSystem '%.*s' version '%.*s'",
                        RH_TEXT_ARG(c->code), RH_TEXT_ARG(cs->url), RH_TEXT_ARG(cs->version))
            : tx_printf(t, "Unknown code '%.*s' in the CodeSystem '%.*s'", RH_TEXT_ARG(c->code),
                        RH_TEXT_ARG(cs->url));
    tx_say(k, RH_ERROR, "code-invalid", "invalid-code", path, text);
    return message ? tx_text_add(t, &k->messages, text) : RH_OK;
}

void tx_note_inactive(struct check *k, const struct terms_system *cs, uint32_t i,
                      const struct coding *c)
{
    if (k->inactive)
        return; /* a later coding does not take back what an earlier one showed */
    k->inactive = cs->concepts[i].flags & TERMS_INACTIVE;
    k->inactive_path = c->path;
    k->inactive_code = c->code;
    k->status = terms_status(cs, i);
}

/* --- preparing: everything that is referred to is there --------------------------------------- */

struct preparation {
    struct check *k;
    const yyjson_val **seen;
    size_t n, cap;
};

static enum rh_rc prepare_filters(struct check *k, const yyjson_val *set, const char *path)
{
    struct tx *t = k->t;
    struct rh_text version;
    const struct terms_system *cs = NULL;
    enum rh_rc rc =
        tx_determine_version(t, rh_json_get(set, "system"), rh_json_get(set, "version"), &version);
    if (!rc)
        rc = tx_find_system(t, rh_json_get(set, "system"), version, &cs);
    if (rc || !cs)
        return rc;
    struct tx_supplements supplements;
    rc = tx_supplements_of(t, cs, &supplements); /* notes which of the asked ones are used */
    size_t n = 0;
    struct terms_iter it = terms_members(set, "filter");
    for (yyjson_val *f; !rc && (f = terms_next(&it)); n++) {
        enum terms_filter_fault fault = terms_filter_check(cs, f);
        const char *where = tx_printf(t, "ValueSet.compose.%s.filter[%zu]", path, n).data;
        if (fault == TERMS_FILTER_NO_VALUE)
            rc = tx_fail(t, RH_INVALID, "invalid", "vs-invalid", where,
                         "The system %.*s filter with property = %.*s, op = %.*s has no value",
                         RH_TEXT_ARG(cs->url), RH_TEXT_ARG(rh_json_get(f, "property")),
                         RH_TEXT_ARG(rh_json_get(f, "op")));
        else if (fault)
            rc = tx_fail(t, RH_INVALID, "not-supported", "vs-invalid", where,
                         "The filter \"%.*s %.*s %.*s\" was not understood in the context of %.*s",
                         RH_TEXT_ARG(rh_json_get(f, "property")), RH_TEXT_ARG(rh_json_get(f, "op")),
                         RH_TEXT_ARG(rh_json_get(f, "value")), RH_TEXT_ARG(cs->url));
    }
    return rc;
}

static enum rh_rc prepare(struct preparation *p, const yyjson_val *body, const struct tx_chain *up);

static enum rh_rc prepare_set(struct preparation *p, const yyjson_val *body, const yyjson_val *set,
                              const char *path, const struct tx_chain *chain)
{
    struct tx *t = p->k->t;
    enum rh_rc rc = RH_OK;
    struct terms_iter it = terms_members(set, "valueSet");
    for (yyjson_val *v; !rc && (v = terms_next(&it));) {
        const yyjson_val *other;
        rc = tx_find_valueset(t, rh_json_text(v), body, &other);
        if (!rc && !other)
            rc = tx_fail_soft(t, RH_NOTFOUND, "not-found", "not-found", NULL,
                              "A definition for the value Set '%.*s' could not be found",
                              RH_TEXT_ARG(rh_json_text(v)));
        if (!rc)
            rc = prepare(p, other, chain);
    }
    return rc ? rc : prepare_filters(p->k, set, path);
}

static enum rh_rc prepare_sets(struct preparation *p, const yyjson_val *body, const char *kind,
                               const struct tx_chain *chain)
{
    enum rh_rc rc = RH_OK;
    struct terms_iter it = terms_members(terms_member(body, "compose"), kind);
    if (it.left > TX_PARTS_MAX)
        return tx_fail(p->k->t, RH_TOOLARGE, "too-costly", NULL, NULL,
                       "A value set may have %d includes and excludes at most.", TX_PARTS_MAX);
    size_t n = 0;
    for (yyjson_val *set; !rc && (set = terms_next(&it)); n++)
        rc = prepare_set(p, body, set, tx_printf(p->k->t, "%s[%zu]", kind, n).data, chain);
    return rc;
}

static enum rh_rc prepare(struct preparation *p, const yyjson_val *body, const struct tx_chain *up)
{
    struct tx *t = p->k->t;
    struct tx_chain chain = {body, up, up ? up->depth + 1 : 0};
    for (const struct tx_chain *c = up; c; c = c->up)
        if (c->body == body)
            return tx_fail(t, RH_INVALID, "processing", "vs-invalid", NULL,
                           "Cyclic reference detected when including %.*s",
                           RH_TEXT_ARG(tx_canonical_of(t, body)));
    for (size_t i = 0; i < p->n; i++)
        if (p->seen[i] == body)
            return RH_OK;
    if (chain.depth > RH_TERMS_DEPTH_MAX || p->n > ASKED_MAX)
        return tx_fail(t, RH_TOOLARGE, "too-costly", NULL, NULL,
                       "Value sets include each other too deeply at %.*s",
                       RH_TEXT_ARG(tx_canonical_of(t, body)));
    enum rh_rc rc = prepare_sets(p, body, "include", &chain);
    if (!rc)
        rc = prepare_sets(p, body, "exclude", &chain);
    if (rc)
        return rc;
    if (p->n == p->cap) {
        const yyjson_val **grown =
            rh_arena_grow(t->arena, p->seen, &p->cap, p->n + 1, sizeof *grown);
        if (!grown)
            return RH_NOMEM;
        p->seen = grown;
    }
    p->seen[p->n++] = body;
    return RH_OK;
}

enum rh_rc tx_prepare(struct check *k, const yyjson_val *valueset)
{
    struct preparation p = {k, NULL, 0, 0};
    enum rh_rc rc = prepare(&p, valueset, NULL);
    return rc ? rc : tx_check_supplements(k->t);
}

/* --- one include ------------------------------------------------------------------------------ */

struct set_check {
    struct check *k;
    const yyjson_val *valueset, *set;
    const struct terms_system *cs;
    const struct coding *c;
    struct found *f;
    bool excluding;
};

static bool quiet(const struct set_check *s)
{
    return s->excluding || s->k->t->membership_only.value;
}

static enum rh_rc names_of(const struct set_check *s, uint32_t i, const yyjson_val *listed)
{
    struct tx_supplements supplements;
    enum rh_rc rc = tx_supplements_of(s->k->t, s->cs, &supplements);
    if (!rc)
        rc = tx_designations_of(s->k->t, s->cs, &supplements, i, &s->f->names);
    if (!rc && listed)
        rc = tx_designations_listed(s->k->t, listed, rh_json_get(s->valueset, "language"),
                                    &s->f->names);
    return rc;
}

/* The concept is there: may it be used? */
static enum rh_rc usable(const struct set_check *s, uint32_t i, bool say_inactive,
                         enum check_answer *ret)
{
    struct check *k = s->k;
    struct tx *t = k->t;
    unsigned char flags = s->cs->concepts[i].flags;
    struct rh_text path = tx_path(k, s->c->path, "code");
    *ret = CHECK_NO;
    if (flags & TERMS_ABSTRACT && t->abstract.stated && !t->abstract.value) {
        if (!quiet(s))
            tx_say(k, RH_ERROR, "business-rule", "code-rule", path,
                   tx_printf(t, "Code '%.*s#%.*s' is abstract, and not allowed in this context",
                             RH_TEXT_ARG(s->cs->url), RH_TEXT_ARG(s->c->code)));
        return RH_OK;
    }
    bool active_set =
        yyjson_is_false(terms_member(terms_member(s->valueset, "compose"), "inactive"));
    if (flags & TERMS_INACTIVE && (active_set || t->active_only.value)) {
        if (quiet(s) && s->excluding)
            return RH_OK;
        tx_note_inactive(k, s->cs, i, s->c);
        if (!say_inactive)
            return RH_OK;
        return tx_say_message(
            k, RH_ERROR, "business-rule", "code-rule", path,
            tx_printf(t, "The concept '%.*s' is valid but is not active", RH_TEXT_ARG(s->c->code)));
    }
    *ret = CHECK_YES;
    if (!s->excluding)
        tx_note_inactive(k, s->cs, i, s->c);
    return RH_OK;
}

static void say_case(const struct set_check *s, uint32_t i)
{
    struct rh_text right = s->cs->concepts[i].code;
    if (rh_text_eq(right, s->c->code) || s->excluding)
        return;
    tx_say(s->k, RH_INFORMATION, "business-rule", "code-rule", tx_path(s->k, s->c->path, "code"),
           tx_printf(s->k->t,
                     "The code '%.*s' differs from the correct code '%.*s' by case. Although the "
                     "code system '%.*s' is case insensitive, implementers are strongly "
                     "encouraged to use the correct case anyway",
                     RH_TEXT_ARG(s->c->code), RH_TEXT_ARG(right),
                     RH_TEXT_ARG(tx_canonical(s->k->t, s->cs->url, s->cs->version))));
    s->k->normal_form = right;
}

static enum rh_rc in_whole(const struct set_check *s, enum check_answer *ret)
{
    *ret = CHECK_NO;
    if (s->cs->grammar) {
        bool valid = terms_grammar_valid(s->cs->grammar, s->c->code);
        *ret = valid ? CHECK_YES : CHECK_NO;
        return valid || quiet(s) ? RH_OK : tx_unknown_code(s->k, s->cs, s->c, false);
    }
    uint32_t i = terms_locate(s->cs, s->c->code);
    if (i == TERMS_NONE) {
        if (!quiet(s) && s->cs->content == TERMS_FRAGMENT)
            *ret = CHECK_YES; /* nobody can say no */
        return quiet(s) ? RH_OK : tx_unknown_code(s->k, s->cs, s->c, false);
    }
    say_case(s, i);
    enum rh_rc rc = names_of(s, i, NULL);
    return rc ? rc : usable(s, i, true, ret);
}

static enum rh_rc say_deprecated(const struct set_check *s, const yyjson_val *listed)
{
    struct rh_text status = tx_standards_status(listed);
    struct terms_iter it = terms_members(listed, "extension");
    for (yyjson_val *e; (e = terms_next(&it)) && !status.len;)
        if (rh_text_ends(rh_json_get(e, "url"), "/valueset-deprecated"))
            status = RH_TEXT("deprecated");
    if (s->excluding || !(rh_text_is(status, "deprecated") || rh_text_is(status, "withdrawn")))
        return RH_OK;
    tx_say(s->k, RH_WARNING, "business-rule", "code-comment", tx_path(s->k, s->c->path, "code"),
           tx_printf(s->k->t,
                     "The presence of the concept '%.*s' in the system '%.*s' in the value set "
                     "%.*s is marked with a status of %.*s and its use should be reviewed",
                     RH_TEXT_ARG(s->c->code), RH_TEXT_ARG(s->cs->url),
                     RH_TEXT_ARG(tx_canonical_of(s->k->t, s->valueset)), RH_TEXT_ARG(status)));
    return RH_OK;
}

static enum rh_rc in_list(const struct set_check *s, enum check_answer *ret)
{
    struct terms_iter it = terms_members(s->set, "concept");
    *ret = CHECK_NO;
    for (yyjson_val *listed; (listed = terms_next(&it));) {
        if (!terms_code_eq(s->cs, rh_json_get(listed, "code"), s->c->code))
            continue;
        uint32_t i = terms_locate(s->cs, s->c->code);
        if (i == TERMS_NONE) {
            *ret = s->cs->grammar && terms_grammar_valid(s->cs->grammar, s->c->code) ? CHECK_YES
                                                                                     : CHECK_NO;
            return *ret ? tx_designations_listed(s->k->t, listed,
                                                 rh_json_get(s->valueset, "language"), &s->f->names)
                        : RH_OK;
        }
        say_case(s, i);
        enum rh_rc rc = names_of(s, i, listed);
        if (!rc)
            rc = usable(s, i, false, ret);
        return !rc && *ret == CHECK_YES ? say_deprecated(s, listed) : rc;
    }
    return RH_OK;
}

static enum rh_rc in_filters(const struct set_check *s, enum check_answer *ret)
{
    uint64_t *bits;
    *ret = CHECK_NO;
    uint32_t i = terms_locate(s->cs, s->c->code);
    if (s->cs->grammar || i == TERMS_NONE)
        return RH_OK;
    enum rh_rc rc = tx_filter_bits(s->k->t, s->cs, s->set, "include", &bits);
    if (rc || !terms_bit(bits, i))
        return rc;
    say_case(s, i);
    rc = names_of(s, i, NULL);
    return rc ? rc : usable(s, i, false, ret);
}

static enum rh_rc in_concept_set(const struct set_check *s, enum check_answer *ret)
{
    bool list = terms_members(s->set, "concept").left,
         filters = terms_members(s->set, "filter").left;
    if (!list && !filters)
        return in_whole(s, ret);
    enum rh_rc rc = RH_OK;
    *ret = CHECK_NO;
    if (list)
        rc = in_list(s, ret);
    if (!rc && *ret == CHECK_NO && filters)
        rc = in_filters(s, ret);
    return rc;
}

/* --- versions --------------------------------------------------------------------------------- */

static bool version_fits(struct rh_text asked, struct rh_text version)
{
    return rh_text_eq(asked, version) || (asked.len && terms_version_matches(asked, version));
}

static enum rh_rc say_mismatch(struct check *k, const struct coding *c,
                               const struct terms_system *cs, struct rh_text wanted,
                               struct rh_text stated)
{
    struct tx *t = k->t;
    struct rh_text path = tx_path(k, c->path, "version"), text;
    if (!wanted.len) {
        bool needed = cs->body && yyjson_is_true(terms_member(cs->body, "versionNeeded"));
        text = tx_printf(t,
                         "The code system '%.*s' version '%.*s' for the versionless include in the "
                         "ValueSet include is different to the one in the value ('%.*s')",
                         RH_TEXT_ARG(c->system), RH_TEXT_ARG(cs->version), RH_TEXT_ARG(c->version));
        tx_say(k, needed ? RH_ERROR : RH_WARNING, "invalid", "vs-invalid", path, text);
        return needed ? tx_text_add(t, &k->messages, text) : RH_OK;
    }
    if (cs && !rh_text_eq(wanted, stated))
        text = tx_printf(t,
                         "The code system '%.*s' version '%.*s' resulting from the version '%.*s' "
                         "in the ValueSet include is different to the one in the value ('%.*s')",
                         RH_TEXT_ARG(c->system), RH_TEXT_ARG(wanted), RH_TEXT_ARG(stated),
                         RH_TEXT_ARG(c->version));
    else
        text = tx_printf(t,
                         "The code system '%.*s' version '%.*s' in the ValueSet include is "
                         "different to the one in the value ('%.*s')",
                         RH_TEXT_ARG(c->system), RH_TEXT_ARG(wanted), RH_TEXT_ARG(c->version));
    return tx_say_message(k, RH_ERROR, "invalid", "vs-invalid", path, text);
}

/* Which version counts when include, rules and value each say something. */
static enum rh_rc choose_version(struct check *k, const struct coding *c, struct rh_text stated,
                                 struct rh_text *ret)
{
    struct tx *t = k->t;
    const struct terms_system *cs, *exact;
    enum rh_rc rc = tx_determine_version(t, c->system, stated, ret);
    if (rc || !c->version.len)
        return rc;
    if (ret->len && version_fits(*ret, c->version))
        *ret = c->version;
    if (!ret->len) {
        rc = tx_find_system(t, c->system, c->version, &exact);
        if (!rc && exact)
            *ret = c->version;
    }
    if (!rc)
        rc = tx_find_system(t, c->system, *ret, &cs);
    if (rc)
        return rc;
    if (!cs)
        return rh_text_eq(*ret, c->version) ? RH_OK : say_mismatch(k, c, NULL, *ret, stated);
    if (cs->grammar || version_fits(c->version, cs->version))
        return RH_OK;
    rc = say_mismatch(k, c, cs, *ret, stated);
    if (!rc)
        rc = tx_find_system(t, c->system, c->version, &exact);
    return rc || exact ? rc : tx_say_unknown(k, c, c->version);
}

static bool display_fits(struct tx *t, const struct terms_system *cs, uint32_t i,
                         struct rh_text display)
{
    struct tx_designations names = {0};
    struct tx_supplements none = {0};
    if (tx_designations_of(t, cs, &none, i, &names))
        return false;
    for (size_t n = 0; n < names.n; n++)
        if (rh_text_eq(names.items[n].value, display))
            return true;
    return false;
}

/* The value set includes several versions and the value names none: the highest that has the code
 * (with this display), if not all of them have it. */
static enum rh_rc pick_version(struct check *k, const yyjson_val *valueset, const struct coding *c,
                               struct rh_text *ret)
{
    struct tx *t = k->t;
    struct tx_texts versions = {0};
    enum rh_rc rc = RH_OK;
    *ret = (struct rh_text){"", 0};
    struct terms_iter it = terms_members(terms_member(valueset, "compose"), "include");
    for (yyjson_val *v; !rc && (v = terms_next(&it));)
        if (rh_text_eq(rh_json_get(v, "system"), c->system) && rh_json_get(v, "version").len)
            rc = tx_text_add(t, &versions, rh_json_get(v, "version"));
    if (rc || versions.n < 2)
        return rc;
    size_t n_found = 0;
    struct rh_text best = {"", 0}, highest = {"", 0};
    for (size_t v = 0; v < versions.n; v++) {
        struct rh_text version = versions.items[v];
        const struct terms_system *cs;
        rc = tx_find_system(t, c->system, version, &cs);
        if (rc)
            return rc;
        if (!highest.len || terms_version_cmp(version, highest) > 0)
            highest = version;
        uint32_t i = cs ? terms_locate(cs, c->code) : TERMS_NONE;
        if (i == TERMS_NONE || (c->display.len && !display_fits(t, cs, i, c->display)))
            continue;
        n_found++;
        if (!best.len || terms_version_cmp(version, best) > 0)
            best = version;
    }
    if (n_found != versions.n)
        *ret = n_found ? best : highest;
    return RH_OK;
}

/* --- a value set ------------------------------------------------------------------------------ */

static bool considered(const yyjson_val *valueset, const yyjson_val *set, const struct coding *c,
                       struct rh_text determined)
{
    struct rh_text version = rh_json_get(set, "version");
    if (!rh_text_eq(rh_json_get(set, "system"), c->system) ||
        (determined.len && !rh_text_eq(version, determined)))
        return false;
    if (!c->version.len || rh_text_eq(version, c->version))
        return true;
    struct terms_iter it = terms_members(terms_member(valueset, "compose"), "include");
    for (yyjson_val *v; (v = terms_next(&it));)
        if (rh_text_eq(rh_json_get(v, "version"), c->version))
            return false; /* that one is meant */
    return true;
}

static enum rh_rc include_system(struct check *k, const yyjson_val *valueset, const yyjson_val *set,
                                 const struct coding *c, struct found *f, enum check_answer *ret)
{
    struct tx *t = k->t;
    struct rh_text version;
    const struct terms_system *cs;
    enum rh_rc rc = choose_version(k, c, rh_json_get(set, "version"), &version);
    if (!rc)
        rc = tx_find_system(t, c->system, version, &cs);
    if (rc)
        return rc;
    if (!cs) {
        *ret = t->membership_only.value ? CHECK_NO : CHECK_UNKNOWN;
        return t->membership_only.value ? RH_OK : tx_say_unknown(k, c, version);
    }
    const struct tx_rule *forbidden = tx_forbidden_version(t, cs);
    if (forbidden)
        rc = tx_say_message(
            k, RH_ERROR, "exception", "version-error", tx_path(k, c->path, "version"),
            tx_printf(t,
                      "The version '%.*s' is not allowed for system '%.*s': required to be '%.*s' "
                      "by a version-check parameter",
                      RH_TEXT_ARG(cs->version), RH_TEXT_ARG(cs->url),
                      RH_TEXT_ARG(forbidden->version)));
    if (!rc)
        rc = tx_check_status(k, cs->body, valueset);
    f->language = cs->language;
    f->fragment = cs->content != TERMS_COMPLETE;
    struct set_check s = {k, valueset, set, cs, c, f, false};
    if (!rc)
        rc = in_concept_set(&s, ret);
    if (!rc && *ret == CHECK_YES)
        f->version = cs->version;
    return rc;
}

static enum rh_rc all_sets(struct check *k, const yyjson_val *valueset, const yyjson_val *set,
                           const struct coding *c, struct found *f, enum check_answer *ret)
{
    enum rh_rc rc = RH_OK;
    struct terms_iter it = terms_members(set, "valueSet");
    for (yyjson_val *v; !rc && *ret == CHECK_YES && (v = terms_next(&it));) {
        const yyjson_val *other;
        rc = tx_find_valueset(k->t, rh_json_text(v), valueset, &other);
        if (!rc && other)
            rc = tx_check_status(k, other, valueset);
        if (!rc && other)
            rc = tx_check(k, other, c, f, ret);
    }
    return rc;
}

static enum rh_rc excluded(struct check *k, const yyjson_val *valueset, const struct coding *c,
                           bool *ret)
{
    struct terms_iter it = terms_members(terms_member(valueset, "compose"), "exclude");
    enum rh_rc rc = RH_OK;
    *ret = false;
    for (yyjson_val *set; !rc && !*ret && (set = terms_next(&it));) {
        enum check_answer out = terms_members(set, "valueSet").left ? CHECK_YES : CHECK_NO;
        struct found scratch = {0};
        struct rh_text system = rh_json_get(set, "system"), version = rh_json_get(set, "version");
        const struct terms_system *cs = NULL;
        if (system.len) {
            out = CHECK_NO;
            if (!rh_text_eq(system, c->system))
                continue; /* the version does not matter: the code itself is excluded */
            rc = tx_find_system(k->t, system, version, &cs);
            struct set_check s = {k, valueset, set, cs, c, &scratch, true};
            if (!rc && cs)
                rc = in_concept_set(&s, &out);
        }
        if (!rc && out == CHECK_YES && terms_members(set, "valueSet").left) {
            struct tx_issues issues = k->issues; /* what an excluded set says is no fault here */
            struct tx_texts messages = k->messages;
            rc = all_sets(k, valueset, set, c, &scratch, &out);
            k->issues = issues;
            k->messages = messages;
        }
        *ret = out == CHECK_YES;
    }
    return rc;
}

static enum rh_rc in_compose(struct check *k, const yyjson_val *valueset, const struct coding *c,
                             struct found *f, enum check_answer *ret)
{
    struct rh_text determined = {"", 0};
    enum rh_rc rc = c->version.len ? RH_OK : pick_version(k, valueset, c, &determined);
    *ret = CHECK_NO;
    /* higher versions of one system first: as often as there are includes, take the best left */
    struct terms_iter it = terms_members(terms_member(valueset, "compose"), "include");
    size_t n = it.left, done = 0;
    bool *used = rh_arena_zero(k->t->arena, n + 1);
    if (!used)
        return RH_NOMEM;
    while (!rc && done < n && *ret != CHECK_YES) {
        const yyjson_val *set = NULL;
        size_t at = 0, i = 0;
        it = terms_members(terms_member(valueset, "compose"), "include");
        for (yyjson_val *v; (v = terms_next(&it)); i++)
            if (!used[i] &&
                (!set ||
                 (rh_text_eq(rh_json_get(v, "system"), rh_json_get(set, "system")) &&
                  rh_json_get(set, "version").len &&
                  terms_version_cmp(rh_json_get(v, "version"), rh_json_get(set, "version")) > 0))) {
                set = v;
                at = i;
            }
        used[at] = true;
        done++;
        *ret = CHECK_NO;
        if (!rh_json_get(set, "system").len)
            *ret = terms_members(set, "valueSet").left ? CHECK_YES : CHECK_NO;
        else if (considered(valueset, set, c, determined))
            rc = include_system(k, valueset, set, c, f, ret);
        if (!rc && *ret == CHECK_UNKNOWN)
            return RH_OK;
        if (!rc)
            rc = all_sets(k, valueset, set, c, f, ret);
    }
    bool out = false;
    if (!rc && *ret == CHECK_YES)
        rc = excluded(k, valueset, c, &out);
    if (out)
        *ret = CHECK_NO;
    return rc;
}

static const yyjson_val *in_contains(const yyjson_val *contains, const struct coding *c,
                                     unsigned depth)
{
    const yyjson_val *found = NULL;
    struct terms_iter it = terms_items(contains);
    for (yyjson_val *v; depth < RH_JSON_DEPTH_MAX && !found && (v = terms_next(&it));) {
        if (rh_text_eq(rh_json_get(v, "code"), c->code) &&
            rh_text_eq(rh_json_get(v, "system"), c->system))
            found = v;
        else
            found = in_contains(terms_member(v, "contains"), c, depth + 1);
    }
    return found;
}

static enum rh_rc in_expansion(struct check *k, const yyjson_val *valueset, const struct coding *c,
                               struct found *f, enum check_answer *ret)
{
    const yyjson_val *entry =
        in_contains(terms_member(terms_member(valueset, "expansion"), "contains"), c, 0);
    const struct terms_system *cs;
    *ret = CHECK_NO;
    if (!entry)
        return RH_OK;
    struct rh_text version = rh_json_get(entry, "version");
    if (!version.len)
        version = c->version;
    enum rh_rc rc = tx_find_system(k->t, c->system, version, &cs);
    if (rc)
        return rc;
    struct set_check s = {k, valueset, entry, cs, c, f, false};
    if (cs) {
        f->version = cs->version;
        return in_whole(&s, ret);
    }
    *ret = CHECK_YES; /* the expansion says so, and there is nothing that says more */
    return tx_designations_listed(k->t, entry, rh_json_get(valueset, "language"), &f->names);
}

/* --- inferring the system --------------------------------------------------------------------- */

static enum rh_rc infer(struct check *k, const yyjson_val *valueset, const struct coding *c,
                        struct rh_text *ret)
{
    struct tx *t = k->t;
    struct tx_expansion x;
    struct tx_texts systems = {0};
    enum rh_rc rc = tx_expand_body(t, valueset, NULL, &x);
    for (size_t i = 0; !rc && i < x.n; i++)
        if (rh_text_eq(x.entries[i].code, c->code))
            rc = tx_text_add(t, &systems, x.entries[i].system);
    if (rc)
        return rc;
    *ret = systems.n == 1 ? systems.items[0] : (struct rh_text){"", 0};
    if (systems.n == 1)
        return RH_OK;
    struct rh_text list = tx_version_list(t, &systems), what = tx_canonical_of(t, valueset);
    return tx_say_message(
        k, RH_ERROR, "not-found", "cannot-infer", RH_TEXT("code"),
        systems.n ? tx_printf(t,
                              "The System URI could not be determined for the code '%.*s' in the "
                              "ValueSet '%.*s': value set expansion has multiple matches: [%.*s]",
                              RH_TEXT_ARG(c->code), RH_TEXT_ARG(what), RH_TEXT_ARG(list))
                  : tx_printf(t,
                              "The System URI could not be determined for the code '%.*s' in the "
                              "ValueSet '%.*s'",
                              RH_TEXT_ARG(c->code), RH_TEXT_ARG(what)));
}

enum rh_rc tx_check(struct check *k, const yyjson_val *valueset, const struct coding *c,
                    struct found *f, enum check_answer *ret)
{
    struct tx *t = k->t;
    struct coding of_system = *c;
    *ret = CHECK_NO;
    if (t->work++ > ASKED_MAX)
        return tx_fail(t, RH_TOOLARGE, "too-costly", NULL, NULL,
                       "The value set includes too many others.");
    if (!c->system.len && !t->infer_system.value)
        return tx_say_message(k, RH_WARNING, "invalid", "invalid-data", c->path,
                              RH_TEXT("Coding has no system. A code with no system has no defined "
                                      "meaning, and it cannot be validated. A system should be "
                                      "provided"));
    if (!c->system.len) {
        enum rh_rc rc = infer(k, valueset, c, &of_system.system);
        if (rc || !of_system.system.len)
            return rc;
        k->implied_system = of_system.system;
    }
    if (terms_member(valueset, "compose"))
        return in_compose(k, valueset, &of_system, f, ret);
    if (terms_member(valueset, "expansion"))
        return in_expansion(k, valueset, &of_system, f, ret);
    return tx_fail(t, RH_INVALID, "business-rule", "vs-invalid", NULL,
                   "The value set %.*s says neither how it is composed nor what it expands to.",
                   RH_TEXT_ARG(tx_canonical_of(t, valueset)));
}
