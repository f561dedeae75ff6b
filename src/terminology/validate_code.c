/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "terminology/expansion_int.h"
#include "terminology/validate_int.h"

enum { CODINGS_MAX = 200 };

/* The answer while the codings are looked at one by one. */
struct answer {
    struct rh_text system, code, version, display, path; /* of the first coding that is in it */
    struct rh_text last_system, last_code, last_version; /* of the last one that was looked at */
    struct rh_text extra_version;
    struct rh_text codes; /* all of them, for the reader */
    enum check_answer best;
    bool any, no_code, matched[CODINGS_MAX];
    size_t n;
};

/* --- displays --------------------------------------------------------------------------------- */

static struct rh_text languages_text(struct tx *t)
{
    const struct tx_languages *l = tx_working_languages(t);
    return l ? l->text : RH_TEXT("--");
}

static struct rh_text wrong_display(struct tx *t, const struct coding *c,
                                    const struct tx_designations *names, unsigned n, bool spaces)
{
    struct rh_text choices = tx_present(t, names, tx_working_languages(t));
    return tx_printf(t,
                     "Wrong %sDisplay Name '%.*s' for %.*s#%.*s. Valid display is %s%.*s (for the "
                     "language(s) '%.*s')",
                     spaces ? "whitespace in " : "", RH_TEXT_ARG(c->display),
                     RH_TEXT_ARG(c->system), RH_TEXT_ARG(c->code),
                     n > 1 ? tx_printf(t, "one of %u choices: ", n).data : "", RH_TEXT_ARG(choices),
                     RH_TEXT_ARG(languages_text(t)));
}

/* No display in the languages that were asked for: then those of the system's own language count.
 */
static enum rh_rc check_default_display(struct check *k, const struct coding *c,
                                        const struct found *f, struct rh_text path)
{
    struct tx *t = k->t;
    const struct tx_languages *l = tx_working_languages(t);
    const struct tx_designation *shown = tx_preferred(&f->names, NULL);
    struct rh_text language = f->language.len ? f->language : RH_TEXT("en");
    if (!shown)
        return tx_say_message(k, RH_WARNING, "invalid", "invalid-display", path,
                              tx_printf(t, "There are no display names for %.*s#%.*s",
                                        RH_TEXT_ARG(c->system), RH_TEXT_ARG(c->code)));
    bool fine = tx_has_display(&f->names, l, language, c->display, false) == TX_MATCH;
    return tx_say_message(
        k,
        fine                       ? RH_INFORMATION
        : t->lenient_display.value ? RH_WARNING
                                   : RH_ERROR,
        "invalid", "invalid-display", path,
        fine ? tx_printf(t,
                         "There are no valid display names found for the code %.*s#%.*s for "
                         "language(s) '%.*s'. The display is '%.*s' which is a valid display for "
                         "the default language",
                         RH_TEXT_ARG(c->system), RH_TEXT_ARG(c->code),
                         RH_TEXT_ARG(languages_text(t)), RH_TEXT_ARG(c->display))
             : tx_printf(t,
                         "Wrong Display Name '%.*s' for %.*s#%.*s. There are no valid display "
                         "names found for language(s) '%.*s'. Default display is '%.*s'",
                         RH_TEXT_ARG(c->display), RH_TEXT_ARG(c->system), RH_TEXT_ARG(c->code),
                         RH_TEXT_ARG(languages_text(t)), RH_TEXT_ARG(shown->value)));
}

static enum rh_rc check_display(struct check *k, const struct coding *c, const struct found *f)
{
    struct tx *t = k->t;
    const struct tx_languages *l = tx_working_languages(t);
    struct rh_text none = {"", 0}, path = tx_path(k, c->path, "display");
    enum tx_match match = tx_has_display(&f->names, l, none, c->display, false);
    if (match == TX_MATCH) {
        if (tx_has_display(&f->names, l, none, c->display, true) != TX_MATCH)
            tx_say(k, RH_WARNING, "invalid", "display-comment", path,
                   tx_printf(t,
                             "'%.*s' is no longer considered a correct display for code '%.*s'. "
                             "The correct display is one of %.*s",
                             RH_TEXT_ARG(c->display), RH_TEXT_ARG(c->code),
                             RH_TEXT_ARG(tx_present(t, &f->names, l))));
        return RH_OK;
    }
    unsigned n = tx_display_count(&f->names, l, true);
    enum rh_severity severity = t->lenient_display.value ? RH_WARNING : RH_ERROR;
    if (!n) {
        severity = RH_WARNING;
        n = tx_display_count(&f->names, l, false);
    }
    if (!n)
        return check_default_display(k, c, f, path);
    return tx_say_message(k, severity, "invalid", "invalid-display", path,
                          wrong_display(t, c, &f->names, n, match == TX_MATCH_SPACES));
}

/* --- a coding that is not in the value set: what is known of it all the same -------------------
 */

static bool is_absolute(struct rh_text url)
{
    return rh_text_starts(url, "urn:") || rh_text_starts(url, "http://") ||
           rh_text_starts(url, "https://") || rh_text_starts(url, "oid:");
}

static enum rh_rc no_such_system(struct check *k, const struct coding *c, struct rh_text version)
{
    struct tx *t = k->t;
    const yyjson_val *other = NULL;
    struct rh_text path = tx_path(k, c->path, "system");
    enum rh_rc rc = tx_find_valueset(t, c->system, NULL, &other);
    if (rc)
        return rc;
    if (other)
        return tx_say_message(
            k, RH_ERROR, "invalid", "invalid-data", path,
            tx_printf(t, "The Coding references a value set, not a code system ('%.*s')",
                      RH_TEXT_ARG(c->system)));
    rc = tx_find_other(t, c->system, version, &other);
    if (!rc && other && rh_text_is(rh_json_get(other, "content"), "supplement"))
        return tx_say_message(k, RH_ERROR, "invalid", "invalid-data", path,
                              tx_printf(t,
                                        "CodeSystem %.*s is a supplement, so can't be used as a "
                                        "value in Coding.system",
                                        RH_TEXT_ARG(tx_canonical_of(t, other))));
    return rc ? rc : tx_say_unknown(k, c, version);
}

static enum rh_rc outside_display(struct check *k, const struct coding *c,
                                  const struct terms_system *cs, const struct found *f)
{
    struct tx *t = k->t;
    const struct tx_languages *l = tx_working_languages(t);
    struct rh_text language = cs->language.len ? cs->language : RH_TEXT("en");
    enum tx_match match = c->display.len && f->names.n
                              ? tx_has_display(&f->names, l, language, c->display, false)
                              : TX_MATCH;
    if (match == TX_MATCH)
        return RH_OK;
    unsigned n = tx_display_count(&f->names, l, true);
    return tx_say_message(k, t->lenient_display.value || !n ? RH_WARNING : RH_ERROR, "invalid",
                          "invalid-display", tx_path(k, c->path, "display"),
                          wrong_display(t, c, &f->names, n, match == TX_MATCH_SPACES));
}

static void take_display(struct check *k, const struct found *f, struct rh_text *display)
{
    const struct tx_designation *d = tx_preferred(&f->names, tx_working_languages(k->t));
    if (!d)
        d = tx_preferred(&f->names, NULL);
    if (d)
        *display = d->value;
}

static enum rh_rc known_outside(struct check *k, const struct coding *c,
                                const struct terms_system *cs, struct found *f, struct answer *a)
{
    struct tx *t = k->t;
    struct tx_supplements supplements;
    enum rh_rc rc = tx_check_status(k, cs->body, k->valueset);
    uint32_t i = terms_locate(cs, c->code);
    if (rc || cs->grammar)
        return rc;
    if (i == TERMS_NONE) {
        struct rh_text key = tx_printf(t, "%.*s|%.*s#%.*s", RH_TEXT_ARG(cs->url),
                                       RH_TEXT_ARG(cs->version), RH_TEXT_ARG(c->code));
        if (tx_text_has(&k->unknown_codes, key))
            return RH_OK;
        rc = tx_text_add(t, &k->unknown_codes, key);
        return rc ? rc : tx_unknown_code(k, cs, c, true);
    }
    rc = tx_supplements_of(t, cs, &supplements);
    f->names.n = 0;
    if (!rc)
        rc = tx_designations_of(t, cs, &supplements, i, &f->names);
    if (cs->concepts[i].flags & TERMS_INACTIVE)
        tx_note_inactive(k, cs, i, c);
    take_display(k, f, &a->display);
    if (!rc)
        rc = outside_display(k, c, cs, f);
    if (cs->version.len && k->mode != CHECK_CONCEPT)
        a->extra_version = cs->version;
    return rc;
}

/* The highest version of the system that the value set names. */
static struct rh_text implied_version(const struct check *k, struct rh_text system)
{
    struct rh_text best = {"", 0};
    struct terms_iter it = terms_members(terms_member(k->valueset, "compose"), "include");
    for (yyjson_val *v; (v = terms_next(&it));) {
        struct rh_text version = rh_json_get(v, "version");
        if (rh_text_eq(rh_json_get(v, "system"), system) && version.len &&
            (!best.len || terms_version_cmp(version, best) > 0))
            best = version;
    }
    return best;
}

static enum rh_rc outside(struct check *k, const struct coding *c, struct found *f,
                          struct answer *a)
{
    struct tx *t = k->t;
    const struct terms_system *cs;
    struct rh_text version = c->version.len ? c->version : implied_version(k, c->system);
    if (!is_absolute(c->system)) {
        enum rh_rc rc = tx_say_message(
            k, RH_ERROR, "invalid", "invalid-data", tx_path(k, c->path, "system"),
            RH_TEXT("Coding.system must be an absolute reference, not a local reference"));
        if (rc)
            return rc;
    }
    enum rh_rc rc = tx_determine_version(t, c->system, version, &version);
    if (!rc)
        rc = tx_find_system(t, c->system, version, &cs);
    if (rc)
        return rc;
    return cs ? known_outside(k, c, cs, f, a) : no_such_system(k, c, version);
}

/* --- one coding ------------------------------------------------------------------------------- */

static struct rh_text shown_code(struct tx *t, const struct coding *c, struct rh_text system)
{
    struct rh_text code =
        tx_printf(t, "'%.*s%s%.*s#%.*s", RH_TEXT_ARG(system), c->version.len ? "|" : "",
                  RH_TEXT_ARG(c->version), RH_TEXT_ARG(c->code));
    return c->display.len
               ? tx_printf(t, "%.*s ('%.*s')'", RH_TEXT_ARG(code), RH_TEXT_ARG(c->display))
               : tx_printf(t, "%.*s'", RH_TEXT_ARG(code));
}

static struct rh_text not_in(struct check *k, struct rh_text codes)
{
    return tx_printf(k->t, "The provided code %.*s was not found in the value set '%.*s'",
                     RH_TEXT_ARG(codes), RH_TEXT_ARG(tx_canonical_of(k->t, k->valueset)));
}

static void first_match(struct check *k, const struct coding *c, const struct found *f,
                        struct answer *a)
{
    if (a->code.len)
        return;
    a->system = c->system;
    a->code = c->code;
    a->path = c->path;
    a->version = f->version;
    take_display(k, f, &a->display);
}

static enum rh_rc missing_code(struct check *k, const struct coding *c, struct answer *a)
{
    a->no_code = true;
    return tx_say_message(
        k, RH_WARNING, "invalid", "invalid-data", c->path,
        c->system.len
            ? tx_printf(k->t, "Coding has no code for system %.*s and cannot be validated",
                        RH_TEXT_ARG(c->system))
            : RH_TEXT("Coding has no code and cannot be validated"));
}

static enum rh_rc one_coding(struct check *k, const struct coding *c, struct answer *a)
{
    struct found f = {0};
    enum check_answer in = CHECK_NO;
    enum rh_rc rc = tx_check(k, k->valueset, c, &f, &in);
    if (rc)
        return rc;
    struct rh_text system = k->implied_system.len ? k->implied_system : c->system;
    struct rh_text shown = shown_code(k->t, c, system);
    a->codes = a->codes.len
                   ? tx_printf(k->t, "%.*s, %.*s", RH_TEXT_ARG(a->codes), RH_TEXT_ARG(shown))
                   : shown;
    if (!a->last_code.len || in == CHECK_YES) {
        a->last_system = c->system;
        a->last_code = c->code;
        a->last_version = c->version;
    }
    if (!a->last_version.len)
        a->last_version = f.version;
    if (in == CHECK_NO && !k->system && k->mode == CHECK_CONCEPT)
        tx_say(k, RH_INFORMATION, "code-invalid", "this-code-not-in-vs",
               tx_path(k, c->path, "code"), not_in(k, shown));
    if (a->best != CHECK_YES && in != CHECK_NO)
        a->best = in;
    a->matched[a->n] = in == CHECK_YES;
    if (in == CHECK_YES) {
        if (c->display.len && f.names.n)
            rc = check_display(k, c, &f);
        first_match(k, c, &f, a);
        return rc;
    }
    if (k->t->membership_only.value || !system.len)
        return RH_OK;
    struct coding of_system = *c;
    of_system.system = system;
    return outside(k, &of_system, &f, a);
}

/* One coding of a concept is in the value set: that another one's system is not loaded is then a
 * warning and no fault. */
static void soften(struct check *k, const struct coding *codings, const struct answer *a)
{
    bool any = false;
    for (size_t i = 0; i < a->n; i++)
        any |= a->matched[i];
    if (k->mode != CHECK_CONCEPT || !any)
        return;
    for (size_t i = 0; i < a->n; i++) {
        struct rh_text path = tx_path(k, codings[i].path, "system");
        for (size_t r = 0; !a->matched[i] && r < k->issues.n; r++) {
            struct tx_issue *row = &k->issues.rows[r];
            if (row->severity == RH_ERROR && row->detail && !strcmp(row->detail, "not-found") &&
                rh_text_eq(row->path, path)) {
                row->severity = RH_WARNING;
                k->issues.errors--;
            }
        }
    }
}

/* --- the answer ------------------------------------------------------------------------------- */

static enum rh_rc say_not_in(struct check *k, const struct answer *a)
{
    bool concept = k->mode == CHECK_CONCEPT;
    bool no_code = a->no_code && (!concept || k->system);
    if (a->best != CHECK_NO || no_code || (k->system && k->issues.errors))
        return RH_OK;
    struct rh_text path = concept                   ? (struct rh_text){"", 0}
                          : k->mode == CHECK_CODING ? RH_TEXT("Coding.code")
                                                    : RH_TEXT("code");
    struct rh_text text =
        concept ? tx_printf(k->t, "No valid coding was found for the value set '%.*s'",
                            RH_TEXT_ARG(tx_canonical_of(k->t, k->valueset)))
                : not_in(k, a->codes);
    return tx_say_message(k, RH_ERROR, "code-invalid", "not-in-vs", path, text);
}

static enum rh_rc say_status(struct check *k, const struct answer *a)
{
    struct tx *t = k->t;
    if (k->inactive) {
        bool only = rh_text_is(k->status, "inactive") || !k->status.len;
        return tx_say_message(
            k, RH_WARNING, "business-rule", "code-comment",
            k->inactive_path.len ? k->inactive_path : RH_TEXT("code"),
            tx_printf(t, "The concept '%.*s' has a status of %.*s%s and its use should be reviewed",
                      RH_TEXT_ARG(k->inactive_code),
                      RH_TEXT_ARG(k->status.len ? k->status : RH_TEXT("inactive")),
                      only ? "" : " and inactive"));
    }
    if (!rh_text_ieq(k->status, RH_TEXT("deprecated")))
        return RH_OK;
    return tx_say_message(k, RH_WARNING, "business-rule", "code-comment", k->inactive_path,
                          tx_printf(t,
                                    "The concept '%.*s' has a status of deprecated and its use "
                                    "should be reviewed",
                                    RH_TEXT_ARG(a->last_code)));
}

static void write_message(struct check *k, struct rh_buf *out)
{
    struct tx_texts *m = &k->messages;
    for (size_t i = 1; i < m->n; i++) /* few: insertion */
        for (size_t j = i; j && rh_text_cmp(m->items[j - 1], m->items[j]) > 0; j--) {
            struct rh_text swap = m->items[j];
            m->items[j] = m->items[j - 1];
            m->items[j - 1] = swap;
        }
    struct rh_buf b = rh_buf(k->t->arena);
    for (size_t i = 0; i < m->n; i++) {
        if (i)
            rh_buf_str(&b, "; ");
        rh_buf_text(&b, m->items[i]);
    }
    if (b.len)
        tx_write_text(out, "message", "valueString", rh_buf_get(&b));
}

static void write_status(struct check *k, const struct answer *a, struct rh_buf *out)
{
    if (k->inactive) {
        bool of_answer =
            k->mode != CHECK_CONCEPT || (a->code.len && rh_text_eq(k->inactive_path, a->path));
        if (!of_answer)
            return;
        tx_write_bool(out, "inactive", true);
        if (k->status.len && !rh_text_is(k->status, "inactive"))
            tx_write_text(out, "status", "valueCode", k->status);
    } else if (rh_text_ieq(k->status, RH_TEXT("deprecated"))) {
        tx_write_text(out, "status", "valueCode", RH_TEXT("deprecated"));
    }
}

static void write_code(struct check *k, const struct answer *a, bool valid, struct rh_buf *out)
{
    bool concept = k->mode == CHECK_CONCEPT;
    struct rh_text system = a->system, code = a->code, version = a->version;
    if (!system.len && a->best == CHECK_YES)
        system = k->implied_system;
    if (!system.len && !concept)
        system = a->last_system;
    if (!code.len && !concept)
        code = a->last_code;
    if (!version.len && !concept)
        version = a->last_version;
    if (a->extra_version.len && !a->code.len)
        version = a->extra_version;
    if (system.len)
        tx_write_text(out, "system", "valueUri", system);
    for (size_t i = 0; i < k->unknown_systems.n; i++)
        if (!valid)
            tx_write_text(out,
                          a->best == CHECK_NO ? "x-unknown-system" : "x-caused-by-unknown-system",
                          "valueCanonical", k->unknown_systems.items[i]);
    if (k->normal_form.len)
        tx_write_text(out, "normalized-code", "valueCode", k->normal_form);
    if (code.len)
        tx_write_text(out, "code", "valueCode", code);
    if (version.len)
        tx_write_text(out, "version", "valueString", version);
    if (code.len && a->display.len)
        tx_write_text(out, "display", "valueString", a->display);
}

static enum rh_rc write_answer(struct check *k, const struct answer *a, const yyjson_val *concept,
                               struct rh_buf *out)
{
    enum rh_rc rc = say_not_in(k, a);
    bool valid = a->best == CHECK_YES && !k->issues.errors;
    rh_buf_str(out, "{\"resourceType\":\"Parameters\",\"parameter\":[");
    tx_write_bool(out, "result", valid);
    write_code(k, a, valid, out);
    write_status(k, a, out);
    if (!rc)
        rc = say_status(k, a);
    write_message(k, out);
    if (k->mode == CHECK_CONCEPT)
        tx_write_json(out, "codeableConcept", "valueCodeableConcept", concept);
    if (k->issues.n) {
        rh_buf_str(out, ",{\"name\":\"issues\",\"resource\":");
        tx_write_outcome(out, k->issues.rows, k->issues.n);
        rh_buf_char(out, '}');
    }
    rh_buf_str(out, "]}");
    return rc;
}

/* --- what is asked ---------------------------------------------------------------------------- */

static struct coding coding_of(const yyjson_val *json, struct rh_text path)
{
    return (struct coding){rh_json_get(json, "system"), rh_json_get(json, "version"),
                           rh_json_get(json, "code"), rh_json_get(json, "display"), path};
}

struct asked {
    struct coding codings[CODINGS_MAX];
    size_t n;
    enum check_mode mode;
    const yyjson_val *concept;
};

static enum rh_rc ask(struct tx *t, struct asked *a)
{
    bool of_system = t->op == RH_TERMS_VALIDATE_SYSTEM;
    const yyjson_val *concept = terms_value(tx_parameter(t->parameters, "codeableConcept"), NULL);
    const yyjson_val *one = terms_value(tx_parameter(t->parameters, "coding"), NULL);
    struct rh_text code = tx_value(t->parameters, "code");
    if (concept || one)
        t->infer_system.value = false; /* it is about a plain code only */
    if (concept) {
        a->mode = CHECK_CONCEPT;
        a->concept = concept;
        struct terms_iter it = terms_members(concept, "coding");
        if (it.left > CODINGS_MAX)
            return tx_fail(t, RH_TOOLARGE, "too-costly", NULL, NULL,
                           "A concept may have %d codings at most.", CODINGS_MAX);
        for (yyjson_val *v; (v = terms_next(&it)); a->n++)
            a->codings[a->n] = coding_of(v, tx_printf(t, "CodeableConcept.coding[%zu]", a->n));
        return RH_OK;
    }
    if (one) {
        a->mode = CHECK_CODING;
        a->codings[a->n++] = coding_of(one, RH_TEXT("Coding"));
        return RH_OK;
    }
    struct rh_text system = tx_value(t->parameters, "system");
    if (of_system && !system.len)
        system = tx_value(t->parameters, "url");
    if (of_system && !system.len && t->instance)
        system = rh_json_get(t->instance, "url");
    struct rh_text version = tx_value(t->parameters, of_system ? "version" : "systemVersion");
    if (!code.len || (!system.len && !t->infer_system.value && !of_system))
        return tx_fail(t, RH_INVALID, "invalid", NULL, NULL,
                       "Unable to find code to validate (looked for coding | codeableConcept | "
                       "code+system | code+inferSystem in parameters)");
    a->mode = CHECK_CODE;
    a->codings[a->n++] =
        (struct coding){system, version, code, tx_value(t->parameters, "display"), {"", 0}};
    return RH_OK;
}

/* --- running ---------------------------------------------------------------------------------- */

static enum rh_rc run(struct check *k, const struct asked *asked, struct rh_buf *out)
{
    struct answer *a = rh_arena_zero(k->t->arena, sizeof *a);
    if (!a)
        return RH_NOMEM;
    a->best = CHECK_NO;
    enum rh_rc rc = k->system ? RH_OK : tx_check_status(k, k->valueset, k->valueset);
    for (size_t i = 0; !rc && i < asked->n && !a->no_code; i++) {
        rc = asked->codings[i].code.len ? one_coding(k, &asked->codings[i], a)
                                        : missing_code(k, &asked->codings[i], a);
        a->n++;
    }
    if (rc)
        return rc;
    soften(k, asked->codings, a);
    return write_answer(k, a, asked->concept, out);
}

/* A failure that is an answer: the result is false, and the issue says why. */
static enum rh_rc answer_failure(struct tx *t, const struct asked *asked, struct rh_text unknown,
                                 struct rh_buf *out)
{
    const struct coding *c = &asked->codings[0];
    rh_buf_str(out, "{\"resourceType\":\"Parameters\",\"parameter\":[");
    tx_write_bool(out, "result", false);
    if (asked->mode == CHECK_CONCEPT) {
        tx_write_json(out, "codeableConcept", "valueCodeableConcept", asked->concept);
    } else {
        if (c->system.len)
            tx_write_text(out, "system", "valueUri", c->system);
        if (c->code.len)
            tx_write_text(out, "code", "valueCode", c->code);
        if (c->version.len && unknown.len)
            tx_write_text(out, "version", "valueString", c->version);
    }
    if (unknown.len)
        tx_write_text(out, "x-caused-by-unknown-system", "valueCanonical", unknown);
    tx_write_text(out, "message", "valueString", t->error.text);
    rh_buf_str(out, ",{\"name\":\"issues\",\"resource\":");
    tx_write_error(t, out);
    rh_buf_str(out, "}]}");
    return RH_OK;
}

static enum rh_rc find_valueset(struct tx *t, const yyjson_val **ret)
{
    *ret = tx_resource(t->parameters, "valueSet");
    if (!*ret)
        *ret = t->instance;
    if (*ret)
        return RH_OK;
    struct rh_text url = tx_value(t->parameters, "url");
    if (!url.len)
        return tx_fail(t, RH_INVALID, "invalid", NULL, NULL,
                       "No ValueSet specified - provide url parameter or valueSet resource");
    struct rh_text canonical = tx_canonical(t, url, tx_value(t->parameters, "valueSetVersion"));
    enum rh_rc rc = tx_find_valueset(t, canonical, NULL, ret);
    if (!rc && !*ret)
        rc = tx_fail(t, RH_NOTFOUND, "not-found", "not-found", NULL,
                     "A definition for the value Set '%.*s' could not be found",
                     RH_TEXT_ARG(canonical));
    return rc;
}

enum rh_rc tx_validate_valueset(struct tx *t, struct rh_buf *out)
{
    struct asked *asked = rh_arena_zero(t->arena, sizeof *asked);
    struct check k = {.t = t};
    enum rh_rc rc = asked ? find_valueset(t, &k.valueset) : RH_NOMEM;
    if (!rc)
        rc = ask(t, asked);
    if (!rc)
        rc = tx_read_valueset(t, k.valueset);
    struct terms_iter it = terms_members(k.valueset, "extension");
    for (yyjson_val *x; !rc && (x = terms_next(&it));)
        if (rh_text_ends(rh_json_get(x, "url"), "/valueset-supplement"))
            rc = tx_text_add(t, &t->supplements, terms_value_text(x));
    if (rc)
        return rc;
    k.mode = asked->mode;
    rc = tx_prepare(&k, k.valueset);
    if (!rc)
        rc = run(&k, asked, out);
    return rc && t->soft ? answer_failure(t, asked, (struct rh_text){"", 0}, out) : rc;
}

/* --- CodeSystem/$validate-code ---------------------------------------------------------------- */

/* The value set of everything in the system. */
static enum rh_rc all_of(struct tx *t, const struct terms_system *cs, const yyjson_val **ret)
{
    struct rh_buf b = rh_buf(t->arena);
    yyjson_doc *doc;
    rh_buf_str(&b, "{\"resourceType\":\"ValueSet\",\"status\":\"active\",\"url\":");
    rh_buf_json(&b, tx_printf(t, "%.*s/vs", RH_TEXT_ARG(cs->url)));
    if (cs->body && yyjson_is_true(terms_member(cs->body, "experimental")))
        rh_buf_str(&b, ",\"experimental\":true");
    rh_buf_str(&b, ",\"compose\":{\"include\":[{\"system\":");
    rh_buf_json(&b, cs->url);
    if (cs->version.len) {
        rh_buf_str(&b, ",\"version\":");
        rh_buf_json(&b, cs->version);
    }
    rh_buf_str(&b, "}]}}");
    if (b.rc)
        return b.rc;
    enum rh_rc rc = rh_json_parse(t->arena, t->ctx->issues, rh_buf_get(&b), &doc);
    if (!rc)
        *ret = yyjson_doc_get_root(doc);
    return rc;
}

static enum rh_rc refuse_system(struct tx *t, const struct asked *asked, struct rh_text url,
                                struct rh_text version, struct rh_buf *out)
{
    static const char *const paths[] = {"system", "Coding.system",
                                        "CodeableConcept.coding[0].system"};
    const char *path = paths[asked->mode];
    const yyjson_val *other = NULL;
    enum rh_rc rc = tx_find_other(t, url, (struct rh_text){"", 0}, &other);
    if (rc)
        return rc;
    if (other && rh_text_is(rh_json_get(other, "content"), "supplement")) {
        tx_fail_soft(t, RH_INVALID, "invalid", "invalid-data", path,
                     "CodeSystem %.*s is a supplement, so can't be used as a value in "
                     "Coding.system",
                     RH_TEXT_ARG(tx_canonical_of(t, other)));
        return answer_failure(t, asked, (struct rh_text){"", 0}, out);
    }
    rc = tx_find_valueset(t, url, NULL, &other);
    if (rc)
        return rc;
    if (other) {
        tx_fail_soft(t, RH_INVALID, "invalid", "invalid-data", path,
                     "The Coding references a value set, not a code system ('%.*s')",
                     RH_TEXT_ARG(url));
        return answer_failure(t, asked, (struct rh_text){"", 0}, out);
    }
    struct check k = {.t = t, .mode = asked->mode};
    struct coding c = asked->codings[0];
    c.system = url;
    rc = tx_say_unknown(&k, &c, version);
    if (rc)
        return rc;
    t->error = k.issues.rows[0];
    t->error.path = rh_text(path);
    return answer_failure(t, asked, k.unknown_systems.items[0], out);
}

enum rh_rc tx_validate_system(struct tx *t, struct rh_buf *out)
{
    struct asked *asked = rh_arena_zero(t->arena, sizeof *asked);
    struct check k = {.t = t};
    const yyjson_val *given = tx_resource(t->parameters, "codeSystem");
    if (!given)
        given = t->instance;
    enum rh_rc rc = asked ? ask(t, asked) : RH_NOMEM;
    if (rc)
        return rc;
    struct rh_text url = tx_value(t->parameters, "url"),
                   version = tx_value(t->parameters, "version");
    if (!url.len && asked->n) {
        url = asked->codings[0].system;
        version = version.len ? version : asked->codings[0].version;
    }
    if (given) {
        struct terms_system *cs;
        rc = terms_system_compile(t->arena, given, &cs);
        k.system = rc ? NULL : cs;
        url = rh_json_get(given, "url");
    } else if (!url.len) {
        tx_fail_soft(t, RH_INVALID, "invalid", "invalid-data",
                     asked->mode == CHECK_CODING ? "Coding" : NULL,
                     "Coding has no system - cannot validate");
        t->error.severity = RH_WARNING;
        return answer_failure(t, asked, (struct rh_text){"", 0}, out);
    } else {
        rc = tx_determine_version(t, url, version, &version);
        if (!rc)
            rc = tx_find_system(t, url, version, &k.system);
    }
    if (rc)
        return rc;
    if (!k.system)
        return refuse_system(t, asked, url, version, out);
    k.mode = asked->mode;
    for (size_t i = 0; i < asked->n; i++)
        if (!asked->codings[i].system.len && asked->mode == CHECK_CODE)
            asked->codings[i].system = k.system->url;
    struct tx_supplements supplements;
    rc = all_of(t, k.system, &k.valueset);
    if (!rc)
        rc = tx_supplements_of(t, k.system, &supplements);
    if (!rc)
        rc = tx_check_supplements(t);
    if (!rc)
        rc = run(&k, asked, out);
    return rc && t->soft ? answer_failure(t, asked, (struct rh_text){"", 0}, out) : rc;
}

/* --- $batch-validate-code --------------------------------------------------------------------- */

/* The parameters of one validation together with those of the whole batch. */
static enum rh_rc merged(struct tx *t, const yyjson_val *one, const yyjson_val **ret)
{
    struct rh_buf b = rh_buf(t->arena);
    yyjson_doc *doc;
    rh_buf_str(&b, "{\"resourceType\":\"Parameters\",\"parameter\":[");
    struct terms_iter it = terms_members(one, "parameter");
    for (yyjson_val *p; (p = terms_next(&it));) {
        tx_comma(&b);
        rh_json_write(&b, p);
    }
    it = terms_members(t->parameters, "parameter");
    for (yyjson_val *p; (p = terms_next(&it));) {
        struct rh_text name = rh_json_get(p, "name");
        if (rh_text_is(name, "validation") || rh_text_is(name, "tx-resource"))
            continue;
        if (tx_parameter(one, tx_printf(t, "%.*s", RH_TEXT_ARG(name)).data))
            continue;
        tx_comma(&b);
        rh_json_write(&b, p);
    }
    rh_buf_str(&b, "]}");
    if (b.rc)
        return b.rc;
    enum rh_rc rc = rh_json_parse(t->arena, t->ctx->issues, rh_buf_get(&b), &doc);
    if (!rc)
        *ret = yyjson_doc_get_root(doc);
    return rc;
}

static enum rh_rc one_of_batch(struct tx *t, const yyjson_val *validation, struct rh_buf *out)
{
    const yyjson_val *parameters;
    struct tx one;
    enum rh_rc rc = merged(t, validation, &parameters);
    if (rc)
        return rc;
    bool of_valueset = tx_resource(parameters, "valueSet") || tx_value(parameters, "url").len;
    rc = tx_open(t->ctx, of_valueset ? RH_TERMS_VALIDATE_VALUESET : RH_TERMS_VALIDATE_SYSTEM,
                 parameters, NULL, &one);
    /* the definitions that the batch brought count for each of its validations */
    for (size_t i = 0; !rc && i < t->n_locals; i++) {
        if (one.n_locals == one.locals_cap) {
            struct tx_local *grown = rh_arena_grow(one.arena, one.locals, &one.locals_cap,
                                                   one.n_locals + 1, sizeof *grown);
            if (!grown)
                return RH_NOMEM;
            one.locals = grown;
        }
        one.locals[one.n_locals++] = t->locals[i];
    }
    one.work = t->work;
    one.visits = t->visits;
    size_t before = out->len;
    if (!rc)
        rc = of_valueset ? tx_validate_valueset(&one, out) : tx_validate_system(&one, out);
    t->work = one.work;
    t->visits = one.visits;
    if (rc && rc == one.error_rc) {
        out->len = before;
        tx_write_error(&one, out);
        rc = RH_OK;
    }
    return rc;
}

enum rh_rc tx_batch_validate(struct tx *t, struct rh_buf *out)
{
    enum rh_rc rc = RH_OK;
    rh_buf_str(out, "{\"resourceType\":\"Parameters\",\"parameter\":[");
    struct terms_iter it = terms_members(t->parameters, "parameter");
    for (yyjson_val *p; !rc && (p = terms_next(&it));) {
        if (!rh_text_is(rh_json_get(p, "name"), "validation"))
            continue;
        tx_comma(out);
        rh_buf_str(out, "{\"name\":\"validation\",\"resource\":");
        rc = one_of_batch(t, terms_member(p, "resource"), out);
        rh_buf_char(out, '}');
    }
    rh_buf_str(out, "]}");
    return rc;
}
