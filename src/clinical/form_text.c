/* SPDX-License-Identifier: GPL-3.0-or-later */
/* form_text.c - texts and options of a node in the session's language. */
#include "clinical/form_int.h"
#include "terminology/terminology.h"

#define TRANSLATION RH_FHIR_EXT "translation"

/* Options of one item, or of one value set, in one language. */
struct rh_form_cached_options {
    const struct rh_form_item *item; /* NULL: of `value_set` */
    struct rh_text value_set, language;
    struct rh_form_option *options;
    unsigned n;
    bool known;
    const char *why; /* not known, because … */
    struct rh_form_cached_options *next;
};

/* --- translations ----------------------------------------------------------------------------- */
static struct rh_text primary(struct rh_text language)
{
    struct rh_text rest = language, first = {"", 0};
    rh_text_split(&rest, '-', &first);
    return first;
}

/* Of an element's extensions: the content in this language; 2 exact, 1 the same language of
 * elsewhere, 0 none. */
static int translation(const yyjson_val *element, struct rh_text language, struct rh_text *ret)
{
    size_t i, n;
    int best = 0;
    yyjson_val *e, *list = yyjson_obj_get((yyjson_val *)(uintptr_t)element, "extension");
    yyjson_arr_foreach (rh_some(list), i, n, e) {
        if (!rh_text_is(rh_json_get(e, "url"), TRANSLATION))
            continue;
        struct rh_text lang = rh_json_text(rh_form_extension_value(e, "lang", NULL));
        int fit = rh_text_ieq(lang, language)                     ? 2
                  : rh_text_ieq(primary(lang), primary(language)) ? 1
                                                                  : 0;
        if (fit <= best)
            continue;
        best = fit;
        *ret = rh_json_text(rh_form_extension_value(e, "content", NULL));
    }
    return best;
}

struct rh_text rh_form_translated(const struct rh_form_session *s, const yyjson_val *object,
                                  const char *name)
{
    struct rh_text own = rh_json_get(object, name), found;
    char under[48] = "_";
    size_t len = strlen(name);
    if (s->language.len && len < sizeof under - 1) {
        memcpy(under + 1, name, len + 1);
        if (translation(yyjson_obj_get((yyjson_val *)(uintptr_t)object, under), s->language,
                        &found) &&
            found.len)
            return found;
    }
    return own;
}

/* What a person reads of an option. */
static struct rh_text option_text(const struct rh_form_session *s, const struct rh_form_option *o)
{
    if (yyjson_is_obj(o->value)) {
        struct rh_text display = rh_form_translated(s, o->value, "display");
        if (display.len)
            return display;
        display = rh_json_get(o->value, "code");
        return display.len ? display : rh_json_get(o->value, "reference");
    }
    char member[48] = "";
    if (o->source && o->member.len < sizeof member) {
        memcpy(member, o->member.data, o->member.len);
        return rh_form_translated(s, o->source, member);
    }
    return rh_json_text(o->value);
}

/* --- value sets ------------------------------------------------------------------------------- */
static yyjson_val *contained(const struct rh_form *f, struct rh_text id)
{
    size_t i, n;
    yyjson_val *v;
    yyjson_arr_foreach (rh_some(yyjson_obj_get(f->questionnaire, "contained")), i, n, v) {
        if (rh_text_eq(rh_json_get(v, "id"), id))
            return v;
    }
    return NULL;
}

static unsigned count_contains(yyjson_val *list, unsigned depth)
{
    size_t i, n;
    yyjson_val *v;
    unsigned count = 0;
    yyjson_arr_foreach (rh_some(list), i, n, v) {
        count += 1;
        if (depth < RH_TERMS_DEPTH_MAX)
            count += count_contains(yyjson_obj_get(v, "contains"), depth + 1);
    }
    return count;
}

static struct rh_text designation(yyjson_val *contains, struct rh_text language)
{
    size_t i, n;
    yyjson_val *d;
    yyjson_arr_foreach (rh_some(yyjson_obj_get(contains, "designation")), i, n, d) {
        struct rh_text lang = rh_json_get(d, "language");
        if (lang.len && rh_text_ieq(primary(lang), primary(language)))
            return rh_json_get(d, "value");
    }
    return (struct rh_text){NULL, 0};
}

/* {"system","code","display"} of a row of an expansion or of a list of concepts. */
static yyjson_val *coding(struct rh_arena *a, yyjson_val *row, struct rh_text system)
{
    struct rh_issues quiet;
    struct rh_buf b = rh_buf(a);
    static const char *const names[] = {"system", "code", "display"};
    yyjson_doc *doc;
    bool first = true;
    rh_issues_init(&quiet, a);
    rh_buf_char(&b, '{');
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct rh_text t = i == 0 && system.len ? system : rh_json_get(row, names[i]);
        if (!t.len)
            continue;
        rh_buf_printf(&b, "%s\"%s\":", first ? "" : ",", names[i]);
        rh_buf_json(&b, t);
        first = false;
    }
    rh_buf_char(&b, '}');
    if (b.rc || rh_json_parse(a, &quiet, rh_buf_get(&b), &doc))
        return NULL;
    return yyjson_doc_get_root(doc);
}

static enum rh_rc add_row(struct rh_form_session *s, struct rh_form_cached_options *o,
                          yyjson_val *row, struct rh_text system)
{
    struct rh_form_option *to = &o->options[o->n++];
    struct rh_text text = designation(row, s->language);
    *to = (struct rh_form_option){.value = coding(s->kept, row, system),
                                  .member = RH_TEXT("valueCoding"),
                                  .source = row,
                                  .text = text};
    if (!text.len)
        to->text = rh_form_translated(s, row, "display");
    if (!to->text.len)
        to->text = rh_json_get(row, "code");
    return to->value ? RH_OK : RH_NOMEM;
}

static enum rh_rc flatten(struct rh_form_session *s, struct rh_form_cached_options *o,
                          yyjson_val *list, unsigned depth)
{
    size_t i, n;
    yyjson_val *v;
    yyjson_arr_foreach (rh_some(list), i, n, v) {
        enum rh_rc rc = RH_OK;
        if (!yyjson_is_true(yyjson_obj_get(v, "abstract")) && rh_json_get(v, "code").len)
            rc = add_row(s, o, v, (struct rh_text){NULL, 0});
        if (!rc && depth < RH_TERMS_DEPTH_MAX)
            rc = flatten(s, o, yyjson_obj_get(v, "contains"), depth + 1);
        if (rc)
            return rc;
    }
    return RH_OK;
}

/* A value set that lists all its concepts is complete by itself: nobody has to know the code system
 * (few may pass on those of medicine). *n 0: it is not of this kind. */
static unsigned listed_concepts(yyjson_val *set)
{
    yyjson_val *compose = yyjson_obj_get(set, "compose"), *v;
    size_t i, max;
    unsigned n = 0;
    if (yyjson_obj_get(compose, "exclude"))
        return 0;
    yyjson_arr_foreach (rh_some(yyjson_obj_get(compose, "include")), i, max, v) {
        size_t count = yyjson_arr_size(yyjson_obj_get(v, "concept"));
        if (!count || yyjson_obj_get(v, "valueSet") || yyjson_obj_get(v, "filter"))
            return 0;
        n += (unsigned)count;
    }
    return n;
}

static enum rh_rc take_listed(struct rh_form_session *s, struct rh_form_cached_options *o,
                              yyjson_val *set)
{
    size_t i, max, j, m;
    yyjson_val *include, *concept;
    o->options = rh_arena_alloc(s->kept, (listed_concepts(set) + 1u) * sizeof *o->options);
    if (!o->options)
        return RH_NOMEM;
    yyjson_arr_foreach (rh_some(yyjson_obj_get(yyjson_obj_get(set, "compose"), "include")), i, max,
                        include) {
        yyjson_arr_foreach (rh_some(yyjson_obj_get(include, "concept")), j, m, concept) {
            enum rh_rc rc = add_row(s, o, concept, rh_json_get(include, "system"));
            if (rc)
                return rc;
        }
    }
    o->known = true;
    return RH_OK;
}

static enum rh_rc take_expansion(struct rh_form_session *s, struct rh_form_cached_options *o,
                                 yyjson_val *expansion)
{
    yyjson_val *list = yyjson_obj_get(expansion, "contains");
    struct rh_text total = rh_json_text(yyjson_obj_get(expansion, "total"));
    unsigned n = count_contains(list, 0);
    uint64_t stated = n;
    o->options = rh_arena_alloc(s->kept, (n + 1) * sizeof *o->options);
    if (!o->options)
        return RH_NOMEM;
    rh_text_u64(total, UINT64_MAX / 2, &stated);
    o->known = stated <= n;
    if (!o->known)
        o->why = "the value set has more codes than can be listed";
    return flatten(s, o, list, 0);
}

static void parameter(struct rh_buf *b, const char *name, const char *member, struct rh_text value)
{
    rh_buf_printf(b, ",{\"name\":\"%s\",\"%s\":", name, member);
    rh_buf_json(b, value);
    rh_buf_char(b, '}');
}

static void print_request(const struct rh_form_session *s, struct rh_text url, yyjson_val *set,
                          struct rh_buf *b)
{
    size_t i, n;
    yyjson_val *v;
    rh_buf_printf(b,
                  "{\"resourceType\":\"Parameters\",\"parameter\":[{\"name\":\"count\","
                  "\"valueInteger\":%d}",
                  RH_FORM_OPTIONS_MAX);
    if (s->language.len)
        parameter(b, "displayLanguage", "valueCode", s->language);
    if (set) {
        rh_buf_str(b, ",{\"name\":\"valueSet\",\"resource\":");
        rh_json_write(b, set);
        rh_buf_char(b, '}');
    } else {
        parameter(b, "url", "valueUri", url);
    }
    yyjson_arr_foreach (rh_some(yyjson_obj_get(s->form->questionnaire, "contained")), i, n, v) {
        struct rh_text type = rh_json_get(v, "resourceType");
        if (!rh_json_get(v, "url").len ||
            (!rh_text_is(type, "ValueSet") && !rh_text_is(type, "CodeSystem")))
            continue;
        rh_buf_str(b, ",{\"name\":\"tx-resource\",\"resource\":");
        rh_json_write(b, v);
        rh_buf_char(b, '}');
    }
    rh_buf_str(b, "]}");
}

static enum rh_rc expand(struct rh_ctx *c, struct rh_form_session *s,
                         struct rh_form_cached_options *o)
{
    struct rh_text url = o->value_set;
    yyjson_val *set = NULL;
    struct rh_ctx inner = *c;
    struct rh_issues quiet;
    yyjson_doc *doc;
    o->why = "the value set is not loaded";
    if (url.len && url.data[0] == '#') {
        set = contained(s->form, (struct rh_text){url.data + 1, url.len - 1});
        if (!set)
            return RH_OK;
        yyjson_val *given = yyjson_obj_get(set, "expansion");
        if (yyjson_obj_get(given, "contains"))
            return take_expansion(s, o, given);
    }
    rh_issues_init(&quiet, s->kept);
    inner.issues = &quiet;
    inner.world = s->world;
    struct rh_buf request = rh_buf(c->arena), answer = rh_buf(s->kept);
    print_request(s, url, set, &request);
    enum rh_rc rc =
        request.rc ? request.rc : rh_json_parse(c->arena, &quiet, rh_buf_get(&request), &doc);
    if (!rc)
        rc = rh_terms_operation(&inner, RH_TERMS_EXPAND, yyjson_doc_get_root(doc), NULL, &answer);
    if (!rc)
        rc = rh_json_parse(s->kept, &quiet, rh_buf_get(&answer), &doc);
    if (rc == RH_NOMEM)
        return rc;
    if (rc && !set) {
        const struct rh_definition *d = rh_world_find(s->world, "ValueSet", url);
        if (d && rh_definition_body(&inner, d, &set))
            set = NULL;
    }
    if (rc && listed_concepts(set))
        return take_listed(s, o, set);
    if (rc) {
        if (quiet.count)
            o->why = quiet.rows[0].text;
        return RH_OK;
    }
    return take_expansion(s, o, yyjson_obj_get(yyjson_doc_get_root(doc), "expansion"));
}

/* --- the options of an item ----------------------------------------------------------------------
 */
static enum rh_rc cached(struct rh_ctx *c, struct rh_form_session *s,
                         const struct rh_form_item *item, struct rh_form_cached_options **ret)
{
    bool own = item->n_options > 0;
    struct rh_form_cached_options *o = s->options;
    for (; o; o = o->next)
        if (rh_text_eq(o->language, s->language) &&
            (own ? o->item == item : !o->item && rh_text_eq(o->value_set, item->value_set)))
            break;
    if (o) {
        *ret = o;
        return RH_OK;
    }
    o = rh_arena_zero(s->kept, sizeof *o);
    if (!o)
        return RH_NOMEM;
    o->language = s->language;
    enum rh_rc rc = RH_OK;
    if (own) {
        o->item = item;
        o->options = rh_arena_copy(s->kept, item->options, item->n_options * sizeof *o->options);
        if (!o->options)
            return RH_NOMEM;
        o->n = item->n_options;
        o->known = true;
        for (unsigned i = 0; i < o->n; i++)
            o->options[i].text = option_text(s, &o->options[i]);
    } else {
        o->value_set = item->value_set;
        rc = expand(c, s, o);
    }
    if (rc)
        return rc;
    o->next = s->options;
    s->options = o;
    *ret = o;
    return RH_OK;
}

/* Options that an expression gave. */
static enum rh_rc computed(struct rh_ctx *c, const struct rh_form_session *s, yyjson_val *kept,
                           struct rh_form_option **ret, unsigned *ret_n)
{
    size_t i, n, count = yyjson_arr_size(kept);
    yyjson_val *v;
    struct rh_form_option *o = rh_arena_zero(c->arena, (count + 1) * sizeof *o);
    if (!o)
        return RH_NOMEM;
    yyjson_arr_foreach (rh_some(kept), i, n, v) {
        yyjson_obj_iter it = yyjson_obj_iter_with(v);
        yyjson_val *key = yyjson_obj_iter_next(&it);
        o[i].member = rh_json_text(key);
        o[i].value = yyjson_obj_iter_get_val(key);
        o[i].text = option_text(s, &o[i]);
    }
    *ret = o;
    *ret_n = (unsigned)count;
    return RH_OK;
}

static bool named(const struct rh_form_option *o, yyjson_val *extension)
{
    struct rh_text member;
    yyjson_val *v = rh_form_extension_value(extension, "option", &member), *e;
    size_t i, n;
    if (!v)
        return false;
    yyjson_arr_foreach (rh_some(yyjson_obj_get(extension, "extension")), i, n, e) {
        if (!rh_text_is(rh_json_get(e, "url"), "option"))
            continue;
        yyjson_obj_iter it = yyjson_obj_iter_with(e);
        for (yyjson_val *key; (key = yyjson_obj_iter_next(&it));) {
            v = yyjson_obj_iter_get_val(key);
            if (!rh_text_eq(rh_json_text(key), o->member))
                continue;
            if (!yyjson_is_obj(v)
                    ? rh_form_same(v, o->value)
                    : rh_text_eq(rh_json_get(v, "code"), rh_json_get(o->value, "code")) &&
                          rh_text_eq(rh_json_get(v, "system"), rh_json_get(o->value, "system")))
                return true;
        }
    }
    return false;
}

/* An option that expressions switch is there when one of them says so. */
static void toggle(const struct rh_form_node *n, struct rh_form_option *options, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        bool switched = false, on = false;
        for (unsigned k = 0; k < n->item->n_expressions; k++) {
            const struct rh_form_expression *e = n->item->expressions[k];
            if (e->use != RH_USE_TOGGLE || !named(&options[i], e->source))
                continue;
            switched = true;
            on |= n->values[k].truth == 1;
        }
        options[i].disabled = switched && !on;
    }
}

enum rh_rc rh_form_options(struct rh_ctx *c, struct rh_form_session *s,
                           const struct rh_form_node *n, const struct rh_form_option **ret,
                           unsigned *ret_n, bool *known)
{
    const struct rh_form_item *item = n->item;
    struct rh_form_option *options = NULL;
    unsigned count = 0;
    bool toggled = false;
    *known = true;
    if (item->answers) {
        enum rh_rc rc = computed(c, s, n->values[item->answers->place].kept, &options, &count);
        if (rc)
            return rc;
    } else if (item->n_options || item->value_set.len) {
        struct rh_form_cached_options *o;
        enum rh_rc rc = cached(c, s, item, &o);
        if (rc)
            return rc;
        options = o->options;
        count = o->n;
        *known = o->known;
    }
    for (unsigned k = 0; k < item->n_expressions; k++)
        toggled |= item->expressions[k]->use == RH_USE_TOGGLE;
    if (toggled && count) {
        options = rh_arena_copy(c->arena, options, count * sizeof *options);
        if (!options)
            return RH_NOMEM;
        toggle(n, options, count);
    }
    *ret = options;
    *ret_n = count;
    return RH_OK;
}

void rh_form_options_problems(const struct rh_form_session *s, struct rh_issues *is)
{
    for (const struct rh_form_cached_options *o = s->options; o; o = o->next)
        if (!o->known && o->why && !o->item) {
            const char *text = rh_arena_printf(
                is->arena, "The value set \"%.*s\" has no list of options here: %s.",
                RH_TEXT_ARG(o->value_set), o->why);
            rh_issue_at(is,
                        (struct rh_issue){.severity = RH_WARNING, .rc = RH_NOTFOUND, .text = text});
        }
}

/* --- limits ----------------------------------------------------------------------------------- */
yyjson_val *rh_form_limit(const struct rh_form_session *s, const struct rh_form_node *n,
                          const char *url, struct rh_text *ret_member)
{
    (void)s;
    for (unsigned k = 0; k < n->item->n_expressions; k++) {
        const struct rh_form_expression *e = n->item->expressions[k];
        if (e->use != RH_USE_LIMIT || strcmp(e->limit, url) != 0)
            continue;
        yyjson_obj_iter it = yyjson_obj_iter_with(yyjson_arr_get_first(n->values[k].kept));
        yyjson_val *key = yyjson_obj_iter_next(&it);
        if (!key)
            return NULL;
        if (ret_member)
            *ret_member = rh_json_text(key);
        return yyjson_obj_iter_get_val(key);
    }
    return rh_form_extension_value(n->item->json, url, ret_member);
}
