/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "programme/pack_text.h"

#define TRANSLATION "http://hl7.org/fhir/StructureDefinition/translation"
#define OURS        "https://rihla.example/fhir/StructureDefinition/"
#define FHIR        "http://hl7.org/fhir/StructureDefinition/"

/* --- the places ------------------------------------------------------------------------------- */

enum kind {
    OTHER,
    QUESTIONNAIRE,
    ITEM,
    OPTION,
    CODING,
    TERMS, /* CodeSystem, ValueSet */
    COMPOSE,
    INCLUDE,
    CONCEPT,
    PLAN, /* PlanDefinition, ActivityDefinition */
    ACTION,
    LIBRARY,
    INPUT, /* dataRequirement */
    EXTENSION,
    LIBRARY_EXTENSION,
    EXPRESSION /* a variable of a library: an input, when it is missing */
};

static const struct {
    const char *type;
    enum kind kind;
} roots[] = {
    {"Questionnaire", QUESTIONNAIRE}, {"CodeSystem", TERMS},        {"ValueSet", TERMS},
    {"PlanDefinition", PLAN},         {"ActivityDefinition", PLAN}, {"Library", LIBRARY},
};

/* From an object to the objects below it that may hold texts. */
static const struct {
    enum kind from;
    const char *member;
    enum kind to;
} ways[] = {
    {QUESTIONNAIRE, "item", ITEM},
    {ITEM, "item", ITEM},
    {ITEM, "answerOption", OPTION},
    {OPTION, "valueCoding", CODING},
    {TERMS, "concept", CONCEPT},
    {CONCEPT, "concept", CONCEPT},
    {TERMS, "compose", COMPOSE},
    {COMPOSE, "include", INCLUDE},
    {INCLUDE, "concept", CONCEPT},
    {PLAN, "action", ACTION},
    {ACTION, "action", ACTION},
    {LIBRARY, "dataRequirement", INPUT},
    {LIBRARY, "extension", LIBRARY_EXTENSION},
    {LIBRARY_EXTENSION, "valueExpression", EXPRESSION},
};

static const struct {
    enum kind kind;
    const char *member;
    bool wanted;
} texts[] = {
    {QUESTIONNAIRE, "title", true},
    {QUESTIONNAIRE, "description", false},
    {ITEM, "text", true},
    {ITEM, "prefix", false},
    {OPTION, "valueString", true},
    {CODING, "display", true},
    {TERMS, "title", false},
    {CONCEPT, "display", true},
    {PLAN, "title", true},
    {PLAN, "description", true},
    {ACTION, "title", true},
    {ACTION, "description", true},
    {ACTION, "textEquivalent", false},
    {LIBRARY, "title", false},
    {EXPRESSION, "description", true},
};

/* Texts that stand in extensions; `member` in the extension of this url, wherever it is. */
static const struct {
    const char *url, *member;
    bool wanted;
} in_extensions[] = {
    {OURS "title", "valueString", true},
    {OURS "help-why", "valueMarkdown", true},
    {OURS "help-how", "valueMarkdown", true},
    {OURS "help-red-flags", "valueMarkdown", true},
    {OURS "help-tell", "valueMarkdown", true},
    {FHIR "entryFormat", "valueString", false},
    {"human", "valueString", true}, /* of a constraint */
};

static enum kind kind_of_root(yyjson_val *resource)
{
    struct rh_text type = rh_json_get(resource, "resourceType");
    for (size_t i = 0; i < sizeof roots / sizeof roots[0]; i++)
        if (rh_text_is(type, roots[i].type))
            return roots[i].kind;
    return OTHER;
}

static enum kind kind_below(enum kind from, yyjson_val *key)
{
    for (size_t i = 0; i < sizeof ways / sizeof ways[0]; i++)
        if (ways[i].from == from && yyjson_equals_str(key, ways[i].member))
            return ways[i].to;
    return yyjson_equals_str(key, "extension") ? EXTENSION : OTHER;
}

/* Of a title that stands as part "title" of a lookup the url is relative. */
static bool is_text(enum kind kind, yyjson_val *object, yyjson_val *key, bool *wanted)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        if (texts[i].kind == kind && yyjson_equals_str(key, texts[i].member)) {
            *wanted = texts[i].wanted;
            return true;
        }
    if (kind != EXTENSION && kind != LIBRARY_EXTENSION)
        return false;
    struct rh_text url = rh_json_get(object, "url");
    if (rh_text_is(url, "title"))
        url = RH_TEXT(OURS "title");
    for (size_t i = 0; i < sizeof in_extensions / sizeof in_extensions[0]; i++)
        if (rh_text_is(url, in_extensions[i].url) &&
            yyjson_equals_str(key, in_extensions[i].member)) {
            *wanted = in_extensions[i].wanted;
            return true;
        }
    return false;
}

static bool has_letter(struct rh_text t)
{
    for (size_t i = 0; i < t.len; i++)
        if (((t.data[i] | 0x20) >= 'a' && (t.data[i] | 0x20) <= 'z') || (t.data[i] & 0x80))
            return true;
    return false;
}

/* What names the object among its like; `outer` when it has no name of its own. */
static struct rh_text context_of(enum kind kind, yyjson_val *object, struct rh_text outer)
{
    static const char *const names[] = {
        [ITEM] = "linkId", [CODING] = "code", [CONCEPT] = "code",
        [ACTION] = "id",   [INPUT] = "id",    [EXPRESSION] = "name"};
    const char *name = kind < sizeof names / sizeof names[0] ? names[kind] : NULL;
    struct rh_text own = name ? rh_json_get(object, name) : (struct rh_text){NULL, 0};
    return own.len ? own : outer;
}

static yyjson_val *companion(yyjson_val *object, yyjson_val *key)
{
    char name[40];
    if (yyjson_get_len(key) + 2 > sizeof name)
        return NULL;
    name[0] = '_';
    memcpy(name + 1, yyjson_get_str(key), yyjson_get_len(key) + 1);
    return yyjson_obj_get(object, name);
}

/* --- listing ---------------------------------------------------------------------------------- */

struct listing {
    struct rh_arena *arena;
    rh_pack_text_each *each;
    void *user;
};

static enum rh_rc list_object(struct listing *l, enum kind kind, yyjson_val *object,
                              const char *path, struct rh_text context);

static enum rh_rc list_below(struct listing *l, enum kind kind, yyjson_val *v, const char *path,
                             struct rh_text context)
{
    size_t i, n;
    yyjson_val *one;
    enum rh_rc rc = RH_OK;
    if (!path)
        return RH_NOMEM;
    if (yyjson_is_obj(v))
        return list_object(l, kind, v, path, context);
    if (!yyjson_is_arr(v))
        return RH_OK;
    yyjson_arr_foreach (v, i, n, one)
        if (!rc && yyjson_is_obj(one))
            rc = list_below(l, kind, one, rh_arena_printf(l->arena, "%s[%zu]", path, i), context);
    return rc;
}

static enum rh_rc list_object(struct listing *l, enum kind kind, yyjson_val *object,
                              const char *path, struct rh_text context)
{
    size_t i, n;
    yyjson_val *key, *v;
    enum rh_rc rc = RH_OK;
    bool wanted = false;
    context = context_of(kind, object, context);
    yyjson_obj_foreach (object, i, n, key, v) {
        if (rc)
            return rc;
        const char *below = rh_arena_printf(l->arena, "%s.%s", path, yyjson_get_str(key));
        if (!below)
            return RH_NOMEM;
        if (yyjson_is_str(v) && is_text(kind, object, key, &wanted)) {
            bool concept = kind == CONCEPT;
            struct rh_pack_text t = {.text = rh_json_text(v),
                                     .context = context,
                                     .path = below,
                                     .wanted = wanted && has_letter(rh_json_text(v)),
                                     .concept = concept};
            t.beside = concept ? yyjson_obj_get(object, "designation")
                               : yyjson_obj_get(companion(object, key), "extension");
            rc = l->each(l->user, &t);
        } else if (yyjson_equals_str(key, "contained") && yyjson_is_arr(v)) {
            size_t k, m;
            yyjson_val *one;
            yyjson_arr_foreach (v, k, m, one)
                if (!rc && yyjson_is_obj(one))
                    rc = list_below(l, kind_of_root(one), one,
                                    rh_arena_printf(l->arena, "%s[%zu]", below, k),
                                    rh_json_get(one, "id"));
        } else if (yyjson_is_ctn(v) && kind_below(kind, key) != OTHER) {
            rc = list_below(l, kind_below(kind, key), v, below, context);
        }
    }
    return rc;
}

enum rh_rc rh_pack_texts(struct rh_arena *a, yyjson_val *resource, rh_pack_text_each *each,
                         void *user)
{
    struct listing l = {a, each, user};
    const char *type = yyjson_get_str(yyjson_obj_get(resource, "resourceType"));
    if (!type)
        return RH_OK;
    return list_object(&l, kind_of_root(resource), resource, type, rh_json_get(resource, "id"));
}

static bool translates(yyjson_val *extension, struct rh_text language)
{
    size_t i, n;
    yyjson_val *part;
    if (!rh_text_is(rh_json_get(extension, "url"), TRANSLATION))
        return false;
    yyjson_arr_foreach (yyjson_obj_get(extension, "extension"), i, n, part)
        if (rh_text_is(rh_json_get(part, "url"), "lang") &&
            rh_text_ieq(rh_json_get(part, "valueCode"), language))
            return true;
    return false;
}

bool rh_pack_text_has(const struct rh_pack_text *t, struct rh_text language)
{
    size_t i, n;
    yyjson_val *one;
    yyjson_arr_foreach (t->beside, i, n, one)
        if (t->concept ? rh_text_ieq(rh_json_get(one, "language"), language)
                       : translates(one, language))
            return true;
    return false;
}

/* --- writing ---------------------------------------------------------------------------------- */

struct merging {
    struct rh_buf *out;
    struct rh_po *const *catalogues;
    size_t n;
};

static void merge_object(struct merging *m, enum kind kind, yyjson_val *object,
                         struct rh_text context);

static void merge_value(struct merging *m, enum kind kind, yyjson_val *v, struct rh_text context)
{
    size_t i, n;
    yyjson_val *one;
    if (yyjson_is_obj(v)) {
        merge_object(m, kind, v, context);
    } else if (yyjson_is_arr(v) && kind != OTHER) {
        rh_buf_char(m->out, '[');
        yyjson_arr_foreach (v, i, n, one) {
            if (i)
                rh_buf_char(m->out, ',');
            merge_value(m, kind, one, context);
        }
        rh_buf_char(m->out, ']');
    } else {
        rh_json_write(m->out, v);
    }
}

static void merge_contained(struct merging *m, yyjson_val *list)
{
    size_t i, n;
    yyjson_val *one;
    rh_buf_char(m->out, '[');
    yyjson_arr_foreach (list, i, n, one) {
        if (i)
            rh_buf_char(m->out, ',');
        merge_value(m, kind_of_root(one), one, rh_json_get(one, "id"));
    }
    rh_buf_char(m->out, ']');
}

static void start_member(struct merging *m, bool *first, struct rh_text name)
{
    if (!*first)
        rh_buf_char(m->out, ',');
    *first = false;
    rh_buf_json(m->out, name);
    rh_buf_char(m->out, ':');
}

/* The translations of a text as items of a list that is open; *first is false afterwards when
 * there was one. */
static void write_translations(struct merging *m, const struct rh_pack_text *t, bool *first)
{
    for (size_t i = 0; i < m->n; i++) {
        const struct rh_po_entry *e = rh_po_find(m->catalogues[i], t->context, t->text);
        struct rh_text language = m->catalogues[i]->language;
        if (!e || e->fuzzy || !e->text.len || rh_pack_text_has(t, language))
            continue;
        if (!*first)
            rh_buf_char(m->out, ',');
        *first = false;
        if (t->concept)
            rh_buf_str(m->out, "{\"language\":");
        else
            rh_buf_str(m->out, "{\"url\":\"" TRANSLATION "\",\"extension\":["
                               "{\"url\":\"lang\",\"valueCode\":");
        rh_buf_json(m->out, language);
        rh_buf_str(m->out, t->concept ? ",\"value\":" : "},{\"url\":\"content\",\"valueString\":");
        rh_buf_json(m->out, e->text);
        rh_buf_str(m->out, t->concept ? "}" : "}]}");
    }
}

static bool any_translation(struct merging *m, const struct rh_pack_text *t)
{
    bool any = false;
    for (size_t i = 0; i < m->n; i++) {
        struct rh_po_entry *e = rh_po_find(m->catalogues[i], t->context, t->text);
        if (!e)
            continue;
        any |= !e->fuzzy && e->text.len && !rh_pack_text_has(t, m->catalogues[i]->language);
    }
    return any;
}

/* The list `t->beside` and the translations behind it. */
static void write_list(struct merging *m, const struct rh_pack_text *t)
{
    size_t i, n;
    yyjson_val *one;
    bool first = true;
    rh_buf_char(m->out, '[');
    yyjson_arr_foreach (t->beside, i, n, one) {
        if (!first)
            rh_buf_char(m->out, ',');
        first = false;
        rh_json_write(m->out, one);
    }
    write_translations(m, t, &first);
    rh_buf_char(m->out, ']');
}

/* "_text": {what stands there, "extension": […]} */
static void write_companion(struct merging *m, const struct rh_pack_text *t, yyjson_val *old)
{
    size_t i, n;
    yyjson_val *key, *v;
    bool first = true;
    rh_buf_char(m->out, '{');
    if (old)
        yyjson_obj_foreach (old, i, n, key, v)
            if (!yyjson_equals_str(key, "extension")) {
                start_member(m, &first, rh_json_text(key));
                rh_json_write(m->out, v);
            }
    start_member(m, &first, RH_TEXT("extension"));
    write_list(m, t);
    rh_buf_char(m->out, '}');
}

/* The text that "_name" stands beside; text.len 0: none that is translated. */
static struct rh_pack_text text_at(enum kind kind, yyjson_val *object, yyjson_val *key,
                                   struct rh_text context)
{
    struct rh_pack_text t = {.context = context, .concept = kind == CONCEPT};
    yyjson_val *v = yyjson_obj_getn(object, yyjson_get_str(key), yyjson_get_len(key));
    if (!yyjson_is_str(v) || !is_text(kind, object, key, &t.wanted))
        return t;
    t.text = rh_json_text(v);
    t.beside = t.concept ? yyjson_obj_get(object, "designation")
                         : yyjson_obj_get(companion(object, key), "extension");
    return t;
}

/* Is this member written elsewhere: the companion of a text beside it, the designations of a
 * concept beside its display? */
static bool written_elsewhere(struct merging *m, enum kind kind, yyjson_val *object,
                              yyjson_val *key, struct rh_text context)
{
    const char *name = yyjson_get_str(key);
    size_t i, n;
    yyjson_val *other, *v;
    if (name[0] != '_' && !(kind == CONCEPT && strcmp(name, "designation") == 0))
        return false;
    yyjson_obj_foreach (object, i, n, other, v) {
        bool mine = name[0] == '_' ? yyjson_equals_str(other, name + 1)
                                   : yyjson_equals_str(other, "display");
        if (!mine || (name[0] == '_' && kind == CONCEPT))
            continue;
        struct rh_pack_text t = text_at(kind, object, other, context);
        return t.text.len && any_translation(m, &t);
    }
    return false;
}

static void merge_object(struct merging *m, enum kind kind, yyjson_val *object,
                         struct rh_text context)
{
    size_t i, n;
    yyjson_val *key, *v;
    bool first = true;
    if (kind == OTHER && !yyjson_obj_get(object, "extension") &&
        !yyjson_obj_get(object, "contained")) {
        rh_json_write(m->out, object);
        return;
    }
    context = context_of(kind, object, context);
    rh_buf_char(m->out, '{');
    yyjson_obj_foreach (object, i, n, key, v) {
        if (written_elsewhere(m, kind, object, key, context))
            continue;
        start_member(m, &first, rh_json_text(key));
        if (yyjson_equals_str(key, "contained") && yyjson_is_arr(v))
            merge_contained(m, v);
        else
            merge_value(m, kind_below(kind, key), v, context);
        struct rh_pack_text t = text_at(kind, object, key, context);
        if (!t.text.len || !any_translation(m, &t))
            continue;
        if (t.concept) {
            start_member(m, &first, RH_TEXT("designation"));
            write_list(m, &t);
        } else {
            rh_buf_str(m->out, ",\"_");
            rh_buf_text(m->out, rh_json_text(key));
            rh_buf_str(m->out, "\":");
            write_companion(m, &t, companion(object, key));
        }
    }
    rh_buf_char(m->out, '}');
}

enum rh_rc rh_pack_translate(struct rh_po *const *catalogues, size_t n, yyjson_val *resource,
                             struct rh_buf *out)
{
    struct merging m = {out, catalogues, n};
    merge_value(&m, kind_of_root(resource), resource, rh_json_get(resource, "id"));
    return out->rc;
}
