/* SPDX-License-Identifier: GPL-3.0-or-later */
/* protocol_names.c - expressions of libraries and plans as they are compiled, and small readers. */
#include "clinical/protocol_int.h"
#include "fhirpath/tree.h"

#define TRANSLATION "http://hl7.org/fhir/StructureDefinition/translation"

/* --- JSON ------------------------------------------------------------------------------------- */
yyjson_val *rh_extension_of(const yyjson_val *object, const char *url)
{
    size_t i, n;
    yyjson_val *e, *list = yyjson_obj_get((yyjson_val *)(uintptr_t)object, "extension");
    yyjson_arr_foreach (list, i, n, e) {
        if (rh_text_is(rh_json_get(e, "url"), url))
            return e;
    }
    return NULL;
}

yyjson_val *rh_extension_value_of(const yyjson_val *object, const char *url)
{
    size_t i, n;
    yyjson_val *key, *v, *e = rh_extension_of(object, url);
    if (!e)
        return NULL;
    yyjson_obj_foreach (e, i, n, key, v) {
        if (rh_text_starts(rh_json_text(key), "value"))
            return v;
    }
    return NULL;
}

struct rh_text rh_extension_text(const yyjson_val *object, const char *url)
{
    return rh_json_text(rh_extension_value_of(object, url));
}

bool rh_evidence_is_draft(const yyjson_val *object)
{
    struct rh_text code = rh_extension_text(object, RH_RIHLA_EXT "evidence");
    return rh_text_is(code, "restated") || rh_text_is(code, "unverified");
}

struct rh_text rh_translated(const yyjson_val *object, const char *name, struct rh_text language)
{
    char member[64] = "_";
    size_t i, n, len = strlen(name);
    yyjson_val *e;
    struct rh_text own = rh_json_get(object, name);
    if (!language.len || len + 2 > sizeof member)
        return own;
    memcpy(member + 1, name, len + 1);
    yyjson_val *extra = yyjson_obj_get((yyjson_val *)(uintptr_t)object, member);
    yyjson_val *list = yyjson_obj_get(extra, "extension");
    yyjson_arr_foreach (list, i, n, e) {
        if (!rh_text_is(rh_json_get(e, "url"), TRANSLATION))
            continue;
        struct rh_text lang = rh_extension_text(e, "lang");
        struct rh_text content = rh_extension_text(e, "content");
        if (content.len && rh_text_ieq(lang, language))
            return content;
    }
    struct rh_text rest = language, primary;
    if (rh_text_split(&rest, '-', &primary) && primary.len < language.len)
        return rh_translated(object, name, primary); /* "ar-YE": Arabic */
    return own;
}

/* --- definitions ------------------------------------------------------------------------------ */
struct near {
    const struct rh_package *package;
    const struct rh_definition *own, *needed;
};

static enum rh_rc look_near(void *user, const struct rh_definition *d)
{
    struct near *k = user;
    struct rh_text name, version;
    if (!k->own && d->package == k->package)
        k->own = d;
    for (size_t i = 0; !k->needed && i < rh_package_n_depends(k->package); i++) {
        rh_package_depend(k->package, i, &name, &version);
        if (rh_text_eq(name, rh_package_name(d->package)) &&
            rh_text_eq(version, rh_package_version(d->package)))
            k->needed = d;
    }
    return RH_OK;
}

const struct rh_definition *rh_definition_near(const struct rh_world *w,
                                               const struct rh_definition *from, const char *type,
                                               struct rh_text canonical)
{
    struct near k = {.package = from->package};
    const struct rh_definition *found = rh_world_find(w, type, canonical);
    if (!found || memchr(canonical.data, '|', canonical.len) || !from->package)
        return found;
    if (rh_world_versions(w, type, canonical, look_near, &k))
        return found;
    return k.own ? k.own : (k.needed ? k.needed : found);
}

/* --- what an expression reads ----------------------------------------------------------------- */
struct reading {
    struct rh_arena *arena;
    struct rh_rule_expression *e;
    size_t cap;
    const struct rh_fp_part *bare; /* an element without a focus: nobody can say whose */
    bool full;
};

static bool is_question(struct rh_text function)
{
    static const char *const names[] = {"exists", "empty", "count", "hasValue"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (rh_text_is(function, names[i]))
            return true;
    return false;
}

/* Names of the environment that are no facts. */
static bool is_given(struct rh_text name)
{
    return rh_text_is(name, "context") || rh_text_is(name, "resource") ||
           rh_text_is(name, "rootResource") || rh_text_is(name, "ucum") ||
           rh_text_is(name, "sct") || rh_text_is(name, "loinc") || rh_text_starts(name, "vs-") ||
           rh_text_starts(name, "ext-");
}

static enum rh_rc is_this(void *user, struct rh_text name)
{
    return rh_text_eq(*(const struct rh_text *)user, name) ? RH_MULTIPLE : RH_OK;
}

static void note(struct reading *r, struct rh_text name, bool soft, struct rh_text member)
{
    struct rh_rule_expression *e = r->e;
    if (is_given(name) || !rh_fp_variables(e->fp, is_this, &name))
        return; /* the second: the expression makes it itself */
    for (unsigned i = 0; i < e->n_reads; i++)
        if (rh_text_eq(e->reads[i].name, name) && rh_text_eq(e->reads[i].member, member)) {
            e->reads[i].soft = e->reads[i].soft && soft;
            return;
        }
    if (e->n_reads == r->cap) {
        struct rh_read *more =
            rh_arena_grow(r->arena, e->reads, &r->cap, e->n_reads + 1, sizeof *more);
        r->full = r->full || !more;
        if (!more)
            return;
        e->reads = more;
    }
    e->reads[e->n_reads++] = (struct rh_read){.name = name, .soft = soft, .member = member};
}

/* `soft`: what is made of this part is only asked whether it is there. `member`: the element that
 * is taken of it. `inside`: below an argument of a function, where an element belongs to an item.
 */
static void read_part(struct reading *r, const struct rh_fp_part *p, bool soft,
                      struct rh_text member, bool inside)
{
    const struct rh_text none = {NULL, 0};
    enum rh_fp_part_kind kind = rh_fp_part_kind(p);
    const struct rh_fp_part *focus = rh_fp_part_focus(p);
    bool call = kind == RH_FP_PART_CALL;
    if (kind == RH_FP_PART_VARIABLE)
        note(r, rh_fp_part_name(p), soft, member);
    else if (kind == RH_FP_PART_MEMBER && !focus && !inside && !r->bare)
        r->bare = p;
    if (focus)
        read_part(r, focus, soft || (call && is_question(rh_fp_part_name(p))),
                  kind == RH_FP_PART_MEMBER ? rh_fp_part_name(p) : none, inside);
    for (unsigned i = 0; i < rh_fp_part_n_arguments(p); i++) {
        bool alone = call && !focus && rh_text_is(rh_fp_part_name(p), "iif");
        read_part(r, rh_fp_part_argument(p, i), false, none, inside || (call && !alone));
    }
}

enum rh_rc rh_rule_expression(struct rh_ctx *c, struct rh_arena *a, const char *place,
                              struct rh_text text, struct rh_rule_expression *ret)
{
    const struct rh_text none = {NULL, 0};
    struct rh_issues found;
    struct rh_ctx own = *c;
    *ret = (struct rh_rule_expression){.text = text};
    if (!text.len)
        return rh_issue_add(c->issues, RH_REQUIRED, place, "The expression is missing.");
    rh_issues_init(&found, c->arena);
    own.issues = &found;
    enum rh_rc rc = rh_fp_compile(&own, a, text, &ret->fp);
    if (rc == RH_NOMEM)
        return rc;
    if (rc)
        return rh_issue_add(c->issues, RH_INVALID, place,
                            "The expression \"%.*s\" does not parse: %s",
                            RH_TEXT_ARG(rh_text_shown(text, 120)),
                            found.count ? found.rows[0].text : rh_rc_text(rc));
    struct reading r = {.arena = a, .e = ret};
    read_part(&r, rh_fp_root(ret->fp), false, none, false);
    if (r.full)
        return RH_NOMEM;
    if (r.bare)
        return rh_issue_add(c->issues, RH_INVALID, place,
                            "In \"%.*s\" the element %.*s stands alone: say of what, as in "
                            "%%patient.%.*s.",
                            RH_TEXT_ARG(rh_text_shown(text, 120)),
                            RH_TEXT_ARG(rh_fp_part_name(r.bare)),
                            RH_TEXT_ARG(rh_fp_part_name(r.bare)));
    return RH_OK;
}
