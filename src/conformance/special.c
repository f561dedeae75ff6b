/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Rules of single types that their definitions cannot say.
 */
#include "conformance/implied_int.h"
#include "conformance/narrative.h"
#include "conformance/validate_int.h"

/* --- data types ----------------------------------------------------------------------------------
 */

static void check_identifier(struct rh_run *r, const struct rh_place *at)
{
    struct rh_text system = rh_json_get(at->value, "system"),
                   value = rh_json_get(at->value, "value");
    if (system.len && !rh_url_absolute(system))
        rh_complain(r, RH_ERROR, "code-invalid", at,
                    "the system of an identifier must be an absolute address, not \"%.*s\"",
                    RH_TEXT_ARG(rh_shown(system)));
    if (rh_text_is(system, "urn:ietf:rfc:3986") && value.len && !rh_url_absolute(value))
        rh_complain(
            r, RH_ERROR, "code-invalid", at,
            "the system is urn:ietf:rfc:3986, so the value must be a whole address with its "
            "scheme, not \"%.*s\"",
            RH_TEXT_ARG(rh_shown(value)));
}

/* Bytes that base64 text stands for; false: it is not base64. */
static bool decoded_size(struct rh_text t, uint64_t *ret)
{
    uint64_t digits = 0, pads = 0;
    for (size_t i = 0; i < t.len; i++) {
        char c = t.data[i];
        if (c == ' ' || c == '\n' || c == '\r' || c == '\t')
            continue;
        if (c == '=')
            pads++;
        else if (pads || !((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                           (c >= '0' && c <= '9') || c == '+' || c == '/'))
            return false;
        else
            digits++;
    }
    *ret = digits * 6 / 8;
    return (digits + pads) % 4 == 0;
}

static void check_attachment(struct rh_run *r, const struct rh_place *at)
{
    yyjson_val *data = yyjson_obj_get(at->value, "data");
    struct rh_text size = rh_json_text(yyjson_obj_get(at->value, "size"));
    uint64_t bytes, stated;
    if (!yyjson_is_str(data) || yyjson_get_len(data) == 0)
        return;
    if (!decoded_size(rh_json_text(data), &bytes))
        rh_complain(r, RH_ERROR, "structure", at, "the data is not base64");
    else if (size.len && rh_text_u64(size, UINT64_MAX, &stated) == RH_OK && stated != bytes)
        rh_complain(r, RH_ERROR, "structure", at,
                    "the size is said to be %llu, but the data has %llu bytes",
                    (unsigned long long)stated, (unsigned long long)bytes);
}

void rh_check_special_type(struct rh_run *r, const struct rh_place *at, const struct rh_rule *rule)
{
    const char *name = at->type->name;
    (void)rule;
    switch (name[0]) {
    case 'A':
        if (strcmp(name, "Attachment") == 0)
            check_attachment(r, at);
        break;
    case 'C':
        if (strcmp(name, "Coding") == 0)
            rh_check_coding(r, at);
        break;
    case 'E':
        if (strcmp(name, "Extension") == 0)
            rh_check_extension(r, at, at->name_len == 17);
        break;
    case 'I':
        if (strcmp(name, "Identifier") == 0)
            check_identifier(r, at);
        break;
    default:
        break;
    }
    if (!r->quiet && yyjson_obj_get(at->value, "value") &&
        rh_element_find(at->type, RH_TEXT("comparator")))
        rh_check_unit(r, at);
}

/* --- ids of elements -----------------------------------------------------------------------------
 */

void rh_note_id(struct rh_run *r, const struct rh_place *at, yyjson_val *id)
{
    struct rh_text t = rh_json_text(id);
    if (t.len == 0 || strcmp(at->type->name, "ElementDefinition") == 0)
        return;
    if (rh_names_count(&r->scope->ids, t))
        rh_complain(r, RH_ERROR, "business-rule", at,
                    "another element of this resource has the id \"%.*s\" too",
                    RH_TEXT_ARG(rh_shown(t)));
    else if (rh_names_add(r->c->arena, &r->scope->ids, t))
        r->rc = RH_NOMEM;
}

/* --- links of narratives
 * --------------------------------------------------------------------------
 */

struct marks {
    struct rh_run *r;
    const struct rh_place *at;
    yyjson_val *resource, *named;
    struct rh_names names; /* of the resource, when a link asked for them */
};

struct collector {
    struct rh_run *r;
    struct rh_names *names;
    enum rh_rc rc;
};

static void collect_mark(void *user, enum rh_narrative_mark mark, struct rh_text value)
{
    struct collector *c = user;
    if (mark == RH_NARRATIVE_ID && !c->rc)
        c->rc = rh_names_add(c->r->c->arena, c->names, value);
}

static void collect(struct collector *c, yyjson_val *v, unsigned depth)
{
    size_t i, n;
    yyjson_val *key, *item;
    if (depth > RH_VALIDATE_DEPTH_MAX || c->rc)
        return;
    c->r->work++;
    if (yyjson_is_arr(v)) {
        yyjson_arr_foreach (v, i, n, item)
            collect(c, item, depth + 1);
    } else if (yyjson_is_obj(v)) {
        yyjson_obj_foreach (v, i, n, key, item) {
            if (!yyjson_is_str(item))
                collect(c, item, depth + 1);
            else if (rh_text_is(rh_json_text(key), "id") && !c->rc)
                c->rc = rh_names_add(c->r->c->arena, c->names, rh_json_text(item));
            else if (rh_text_is(rh_json_text(key), "div"))
                rh_narrative_marks(c->r->c->arena, rh_json_text(item), collect_mark, c);
        }
    }
}

enum rh_rc rh_collect_names(struct rh_run *r, struct rh_names *names, yyjson_val *v)
{
    struct collector c = {r, names, RH_OK};
    collect(&c, v, 0);
    return c.rc;
}

/* Is there such a name in the value? Those of one value are kept: links come in flocks. */
static bool has_name(struct rh_run *r, yyjson_val *v, struct rh_names *kept, yyjson_val **of,
                     struct rh_text name)
{
    if (*of != v) {
        *kept = (struct rh_names){0};
        *of = v;
        if (rh_collect_names(r, kept, v)) {
            r->rc = RH_NOMEM;
            return true;
        }
    }
    return rh_names_count(kept, name) > 0;
}

static void resolve_mark(void *user, enum rh_narrative_mark mark, struct rh_text value)
{
    struct marks *m = user;
    if (mark == RH_NARRATIVE_ID || value.len == 0 || rh_run_stop(m->r))
        return;
    if (has_name(m->r, m->resource, &m->names, &m->named, value))
        return;
    if (mark == RH_NARRATIVE_LINK) {
        const struct rh_scope *s = m->r->scope;
        while (s->up && !s->entry)
            s = s->up;
        if (s->up && has_name(m->r, s->up->resource, &m->r->names, &m->r->named, value))
            return;
    }
    rh_complain(m->r, RH_ERROR, "invalid", m->at,
                "the %s \"#%.*s\" leads nowhere: nothing has this id",
                mark == RH_NARRATIVE_IMAGE ? "image" : "link", RH_TEXT_ARG(rh_shown(value)));
}

static void marks_below(struct marks *m, const struct rh_place *at, yyjson_val *v,
                        const struct rh_type *type);

static void marks_of(struct marks *m, const struct rh_place *at, yyjson_val *v,
                     const struct rh_type *type)
{
    if (type->kind == RH_KIND_PRIMITIVE) {
        if (strcmp(type->name, "xhtml") == 0 && yyjson_is_str(v)) {
            m->at = at;
            rh_narrative_marks(m->r->c->arena, rh_json_text(v), resolve_mark, m);
        }
    } else if (type->kind == RH_KIND_BACKBONE || strcmp(type->name, "Narrative") == 0) {
        marks_below(m, at, v, type);
    }
}

/* Narratives stand in the resource and in its parts (sections). */
static void marks_below(struct marks *m, const struct rh_place *at, yyjson_val *v,
                        const struct rh_type *type)
{
    size_t i, n, j, k;
    yyjson_val *key, *item, *one;
    if (!yyjson_is_obj(v) || at->depth > RH_VALIDATE_DEPTH_MAX)
        return;
    yyjson_obj_foreach (v, i, n, key, item) {
        const struct rh_element *e = rh_element_find(type, rh_json_text(key));
        if (!e || (e->type->kind != RH_KIND_BACKBONE && strcmp(e->type->name, "Narrative") != 0 &&
                   strcmp(e->type->name, "xhtml") != 0))
            continue;
        if (yyjson_is_arr(item)) {
            yyjson_arr_foreach (item, j, k, one) {
                struct rh_place p = rh_below(at, e->base, strlen(e->base), (long)j);
                marks_of(m, &p, one, e->type);
            }
        } else {
            struct rh_place p = rh_below(at, e->base, strlen(e->base), -1);
            marks_of(m, &p, item, e->type);
        }
    }
}

/* --- resources -----------------------------------------------------------------------------------
 */

void rh_check_special_resource(struct rh_run *r, const struct rh_place *at, yyjson_val *resource,
                               const struct rh_type *type)
{
    struct marks m = {.r = r, .resource = resource};
    if (yyjson_obj_get(resource, "text") || strcmp(type->name, "Composition") == 0)
        marks_below(&m, at, resource, type);
    if (strcmp(type->name, "Bundle") == 0)
        rh_check_bundle(r, at, resource);
    else if (strcmp(type->name, "QuestionnaireResponse") == 0)
        rh_check_answers(r, at, resource);
    else
        rh_check_definition(r, at, resource, type);
    rh_check_beside(r, at, resource, type);
}

static int by_code(const struct rh_implied_row *row, struct rh_text system, struct rh_text code)
{
    int c = rh_text_cmp(system, row->system);
    return c ? c : rh_text_cmp(code, row->code);
}

static const struct rh_implied_row *implied(struct rh_text system, struct rh_text code)
{
    size_t low = 0, high = rh_n_implied_rows;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int c = by_code(&rh_implied_rows[middle], system, code);
        if (c == 0)
            return &rh_implied_rows[middle];
        if (c < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

void rh_check_implied(struct rh_run *r, const struct rh_place *at, yyjson_val *resource,
                      const struct rh_type *type)
{
    yyjson_val *list, *coding;
    size_t i, n;
    if (strcmp(type->name, "Observation") != 0)
        return;
    list = yyjson_obj_get(yyjson_obj_get(resource, "code"), "coding");
    if (!yyjson_is_arr(list))
        return;
    yyjson_arr_foreach (list, i, n, coding) {
        const struct rh_implied_row *row =
            implied(rh_json_get(coding, "system"), rh_json_get(coding, "code"));
        const struct rh_profile *p =
            row && strcmp(row->type, type->name) == 0 ? rh_profile_get(r, row->profile) : NULL;
        if (!p)
            continue;
        bool base = r->base;
        r->base = false;
        rh_check_value(r, at, p->root);
        r->base = base;
        return;
    }
}
