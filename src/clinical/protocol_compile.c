/* SPDX-License-Identifier: GPL-3.0-or-later */
/* protocol_compile.c - a PlanDefinition read once: the names it may read, its groups and rules. */
#include "clinical/protocol_int.h"

enum { SCRATCH_BYTES = 64 << 20, ACTIONS_DEPTH_MAX = 8 };

static const char *const part_codes[] = {
    [RH_PART_STATE] = "state", [RH_PART_ITEM] = "items",        [RH_PART_CLASS] = "classification",
    [RH_PART_HOLD] = "holds",  [RH_PART_VALIDITY] = "validity",
};
_Static_assert(sizeof part_codes / sizeof part_codes[0] == RH_PROTOCOL_PARTS, "a code each");

static const char *const date_paths[] = {
    [RH_PART_STATE] = NULL,   [RH_PART_ITEM] = "due",         [RH_PART_CLASS] = NULL,
    [RH_PART_HOLD] = "until", [RH_PART_VALIDITY] = "expires",
};

struct builder {
    struct rh_ctx *c; /* its arena is the form's */
    struct rh_arena *a, *scratch;
    struct rh_protocol *p;
    const char *place; /* of the action that is read */
    enum rh_rc rc;     /* of the first error */
};

static void note(struct builder *b, enum rh_rc rc)
{
    if (rc && !b->rc)
        b->rc = rc;
}

static void __attribute__((format(printf, 4, 5)))
wrong(struct builder *b, enum rh_rc rc, const char *place, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    const char *text = rh_arena_vprintf(b->a, format, ap);
    va_end(ap);
    note(b, rh_issue_add(b->c->issues, rc, place, "%s", text ? text : rh_rc_text(rc)));
}

static void *list_of(struct builder *b, size_t n, size_t size)
{
    void *p = rh_arena_zero(b->a, (n + 1) * size);
    if (!p)
        note(b, RH_NOMEM);
    return p;
}

/* --- names ------------------------------------------------------------------------------------ */
static struct rh_protocol_name *find_name(const struct rh_protocol *p, struct rh_text name)
{
    for (unsigned i = 0; i < p->n_names; i++)
        if (rh_text_eq(p->names[i].name, name))
            return &p->names[i];
    return NULL;
}

static struct rh_protocol_name *add_name(struct builder *b, enum rh_name_kind kind,
                                         struct rh_text name, const struct rh_facts *facts,
                                         unsigned index, yyjson_val *json)
{
    if (find_name(b->p, name)) {
        wrong(b, RH_VALUE, b->place, "The name %%%.*s is given twice.", RH_TEXT_ARG(name));
        return NULL;
    }
    if (b->p->n_names == RH_PROTOCOL_NAMES_MAX) {
        wrong(b, RH_TOOLARGE, b->place, "There are more than %d names.", RH_PROTOCOL_NAMES_MAX);
        return NULL;
    }
    struct rh_protocol_name *n = &b->p->names[b->p->n_names++];
    *n = (struct rh_protocol_name){
        .kind = kind, .name = name, .facts = facts, .index = index, .json = json};
    n->birth = kind == RH_NAME_BIRTH || kind == RH_NAME_PATIENT;
    /* What stands on a library counts for what says nothing itself. */
    n->draft = rh_evidence_is_draft(
        rh_extension_of(json, RH_RIHLA_EXT "evidence") || !facts ? json : facts->json);
    return n;
}

static void add_library(struct builder *b, const struct rh_facts *f)
{
    struct rh_protocol_name *n;
    for (unsigned i = 0; i < f->n_facts; i++) {
        n = add_name(b, RH_NAME_FACT, f->facts[i].id, f, i, f->facts[i].json);
        if (n)
            n->types = rh_text(f->facts[i].type->name);
    }
    for (unsigned i = 0; i < f->n_variables; i++) {
        n = add_name(b, RH_NAME_VARIABLE, f->variables[i].name, f, i, f->variables[i].json);
        if (n)
            n->expression = &f->variables[i].expression;
    }
    for (unsigned i = 0; i < f->n_lookups; i++) {
        n = add_name(b, RH_NAME_LOOKUP, f->lookups[i].name, f, i, f->lookups[i].json);
        if (n)
            n->expression = &f->lookups[i].key;
    }
}

static bool type_of(void *user, struct rh_text name, struct rh_text *ret)
{
    const struct builder *b = user;
    const struct rh_protocol_name *n = find_name(b->p, name);
    if (n)
        *ret = n->types;
    return n != NULL;
}

/* What can never be right. */
static void check(struct builder *b, const char *place, const struct rh_rule_expression *e,
                  struct rh_text *ret_types)
{
    struct rh_issues found;
    struct rh_text types = {NULL, 0};
    struct rh_ctx own = *b->c;
    rh_arena_reset(b->scratch);
    rh_issues_init(&found, b->scratch);
    own.arena = b->scratch;
    own.issues = &found;
    enum rh_rc rc = rh_fp_check_variables(&own, e->fp, NULL, type_of, b, &types);
    for (unsigned i = 0; i < found.count; i++)
        if (found.rows[i].severity <= RH_ERROR)
            wrong(b, found.rows[i].rc, place, "In the expression \"%.*s\": %s",
                  RH_TEXT_ARG(rh_text_shown(e->text, 160)), found.rows[i].text);
    if (rc == RH_NOMEM)
        note(b, rc);
    else if (ret_types)
        *ret_types = rh_text_copy(b->a, types);
}

/* Finds what an expression reads. */
static unsigned *resolve(struct builder *b, const char *place, const struct rh_rule_expression *e)
{
    unsigned *names = list_of(b, e->n_reads, sizeof *names);
    for (unsigned i = 0; names && i < e->n_reads; i++) {
        const struct rh_protocol_name *n = find_name(b->p, e->reads[i].name);
        if (n) {
            names[i] = (unsigned)(n - b->p->names);
            continue;
        }
        wrong(b, RH_INVALID, place, "The expression \"%.*s\" reads %%%.*s, which nothing gives.",
              RH_TEXT_ARG(rh_text_shown(e->text, 160)), RH_TEXT_ARG(e->reads[i].name));
        return NULL;
    }
    return names;
}

/* Resolves a name and all that it reads, depth first. Depth: at most the number of names. */
static void settle_name(struct builder *b, struct rh_protocol_name *n, unsigned depth)
{
    const char *place = rh_arena_printf(b->a, "Library.%%%.*s", RH_TEXT_ARG(n->name));
    if (n->walked || !n->expression || !n->expression->fp)
        return;
    if (n->walking || depth > RH_FP_DEPTH_MAX) {
        wrong(b, RH_RULE, place, "%%%.*s is computed from %s.", RH_TEXT_ARG(n->name),
              n->walking ? "itself" : "too long a chain of variables");
        n->walked = true;
        return;
    }
    n->walking = true;
    n->reads = resolve(b, place, n->expression);
    for (unsigned i = 0; n->reads && i < n->expression->n_reads; i++) {
        struct rh_protocol_name *other = &b->p->names[n->reads[i]];
        settle_name(b, other, depth + 1);
        n->birth = n->birth || other->birth;
        n->draft = n->draft || other->draft;
    }
    n->walked = true;
    n->walking = false;
    if (n->reads)
        check(b, place, n->expression, n->kind == RH_NAME_VARIABLE ? &n->types : NULL);
}

static void read_libraries(struct builder *b)
{
    size_t i, n;
    yyjson_val *one, *list = yyjson_obj_get(b->p->plan, "library");
    b->place = "PlanDefinition.library";
    add_name(b, RH_NAME_DATE, RH_TEXT("date"), NULL, 0, NULL)->types = RH_TEXT("System.Date");
    add_name(b, RH_NAME_BIRTH, RH_TEXT("birthDate"), NULL, 0, NULL)->types = RH_TEXT("System.Date");
    add_name(b, RH_NAME_PATIENT, RH_TEXT("patient"), NULL, 0, NULL)->types = RH_TEXT("Patient");
    yyjson_arr_foreach (list, i, n, one) {
        const struct rh_facts *f;
        enum rh_rc rc = rh_facts_find(b->c, b->place, b->p->definition, rh_json_text(one), &f);
        note(b, rc);
        if (!rc)
            add_library(b, f);
    }
    for (unsigned k = 0; k < b->p->n_names; k++)
        settle_name(b, &b->p->names[k], 0);
}

/* --- what it may read ------------------------------------------------------------------------- */
static bool may_read(struct builder *b, const struct rh_protocol_name *n)
{
    size_t i, max;
    yyjson_val *e, *list = yyjson_obj_get(b->p->plan, "extension");
    if (n->kind != RH_NAME_FACT && n->kind != RH_NAME_VARIABLE && n->kind != RH_NAME_LOOKUP)
        return true;
    yyjson_arr_foreach (list, i, max, e) {
        if (rh_text_is(rh_json_get(e, "url"), RH_RIHLA_EXT "reads") &&
            rh_text_eq(rh_json_get(e, "valueId"), n->name))
            return true;
    }
    return false;
}

/* `direct`: the plan's own expression names it. Below, only facts count: a variable is what was
 * made of them. Each name is looked at once for an expression. */
static void check_reads(struct builder *b, struct rh_text text, const struct rh_protocol_name *n,
                        bool direct, unsigned char *seen)
{
    unsigned char *mark = &seen[n - b->p->names];
    if (*mark && !direct)
        return;
    *mark = 1;
    if ((direct || n->kind == RH_NAME_FACT) && !may_read(b, n)) {
        wrong(b, RH_RULE, b->place,
              "The expression \"%.*s\" reads %%%.*s, which the protocol does not declare (reads).",
              RH_TEXT_ARG(rh_text_shown(text, 160)), RH_TEXT_ARG(n->name));
        return;
    }
    for (unsigned i = 0; n->reads && i < n->expression->n_reads; i++)
        check_reads(b, text, &b->p->names[n->reads[i]], false, seen);
}

static void check_declared(struct builder *b)
{
    size_t i, max;
    yyjson_val *e, *list = yyjson_obj_get(b->p->plan, "extension");
    yyjson_arr_foreach (list, i, max, e) {
        struct rh_text name = rh_json_get(e, "valueId");
        if (rh_text_is(rh_json_get(e, "url"), RH_RIHLA_EXT "reads") && !find_name(b->p, name))
            wrong(b, RH_INVALID, "PlanDefinition.extension(reads)",
                  "reads names %.*s, which no library of the protocol has.", RH_TEXT_ARG(name));
    }
}

/* --- rules ------------------------------------------------------------------------------------ */
static bool read_expression(struct builder *b, struct rh_rule *rule, yyjson_val *json,
                            struct rh_rule_expression *ret)
{
    if (!rh_text_is(rh_json_get(json, "language"), "text/fhirpath")) {
        wrong(b, RH_UNSUPPORTED, b->place, "The language of an expression must be text/fhirpath.");
        return false;
    }
    enum rh_rc rc = rh_rule_expression(b->c, b->a, b->place, rh_json_get(json, "expression"), ret);
    note(b, rc);
    if (rc)
        return false;
    ret->names = resolve(b, b->place, ret);
    if (!ret->names)
        return false;
    check(b, b->place, ret, NULL);
    unsigned char seen[RH_PROTOCOL_NAMES_MAX] = {0};
    for (unsigned i = 0; i < ret->n_reads; i++) {
        const struct rh_protocol_name *n = &b->p->names[ret->names[i]];
        check_reads(b, ret->text, n, true, seen);
        rule->birth = rule->birth || n->birth;
        rule->draft = rule->draft || (n->draft && !rule->activated);
    }
    return true;
}

static void read_conditions(struct builder *b, struct rh_rule *rule, yyjson_val *action, bool above)
{
    size_t i, n;
    yyjson_val *one, *list = yyjson_obj_get(action, "condition");
    size_t had = rule->n_conditions;
    struct rh_rule_expression *all =
        list_of(b, had + yyjson_arr_size(list), sizeof *rule->conditions);
    struct rh_rule_expression *stops = list_of(b, yyjson_arr_size(list), sizeof *rule->stops);
    if (!all || !stops)
        return;
    if (had)
        memcpy(all, rule->conditions, had * sizeof *all);
    rule->conditions = all;
    if (!above)
        rule->stops = stops;
    yyjson_arr_foreach (list, i, n, one) {
        struct rh_text kind = rh_json_get(one, "kind");
        yyjson_val *e = yyjson_obj_get(one, "expression");
        if (rh_text_is(kind, "applicability"))
            rule->n_conditions += read_expression(b, rule, e, &all[rule->n_conditions]);
        else if (rh_text_is(kind, "stop") && !above && rule->part == RH_PART_ITEM)
            rule->n_stops += read_expression(b, rule, e, &stops[rule->n_stops]);
        else
            wrong(b, RH_UNSUPPORTED, b->place,
                  "A condition of kind %.*s means nothing here: applicability, or stop of an item.",
                  RH_TEXT_ARG(kind));
    }
}

static void read_date(struct builder *b, struct rh_rule *rule)
{
    size_t i, n;
    yyjson_val *one, *list = yyjson_obj_get(rule->json, "dynamicValue");
    const char *wanted = date_paths[rule->part];
    yyjson_arr_foreach (list, i, n, one) {
        struct rh_text path = rh_json_get(one, "path");
        if (!wanted || !rh_text_is(path, wanted) || rule->date) {
            wrong(b, RH_UNSUPPORTED, b->place, "A dynamicValue with path %.*s means nothing here.",
                  RH_TEXT_ARG(path));
            continue;
        }
        struct rh_rule_expression *e = list_of(b, 1, sizeof *e);
        if (e && read_expression(b, rule, yyjson_obj_get(one, "expression"), e))
            rule->date = e;
    }
    if (rule->part == RH_PART_VALIDITY && !rule->date)
        wrong(b, RH_REQUIRED, b->place, "A part of the validity needs a dynamicValue expires.");
}

static void add_labels(struct builder *b, struct rh_rule *rule, yyjson_val *object)
{
    size_t i, n;
    yyjson_val *e, *list = yyjson_obj_get(object, "extension");
    struct rh_text *all = list_of(b, rule->n_labels + yyjson_arr_size(list), sizeof *rule->labels);
    if (!all)
        return;
    if (rule->n_labels)
        memcpy(all, rule->labels, rule->n_labels * sizeof *all);
    rule->labels = all;
    yyjson_arr_foreach (list, i, n, e) {
        struct rh_text code = rh_label_code(yyjson_obj_get(e, "valueCoding"));
        if (rh_text_is(rh_json_get(e, "url"), RH_RIHLA_EXT "label") && code.len)
            rule->labels[rule->n_labels++] = code;
    }
}

static void read_definition(struct builder *b, struct rh_rule *rule)
{
    struct rh_text canonical = rh_json_get(rule->json, "definitionCanonical");
    const struct rh_definition *d =
        rh_definition_near(b->c->world, b->p->definition, "ActivityDefinition", canonical);
    uint64_t n = 0;
    if (!canonical.len) {
        wrong(b, RH_REQUIRED, b->place, "An item needs definitionCanonical.");
        return;
    }
    if (!d) {
        wrong(b, RH_NOTFOUND, b->place, "The ActivityDefinition %.*s is not loaded.",
              RH_TEXT_ARG(canonical));
        return;
    }
    enum rh_rc rc = rh_definition_body(b->c, d, &rule->definition);
    note(b, rc);
    if (rc)
        return;
    rule->definition_url = d->url;
    rule->draft = rule->draft || (rh_evidence_is_draft(rule->definition) && !rule->activated);
    if (!rh_text_u64(rh_extension_text(rule->definition, RH_RIHLA_EXT "invasiveness"), 9, &n))
        rule->invasiveness = (int)n;
    add_labels(b, rule, rule->definition);
}

static void read_sources(struct builder *b, struct rh_rule *rule)
{
    size_t i, n;
    yyjson_val *one, *list = yyjson_obj_get(rule->json, "documentation");
    rule->sources = list_of(b, yyjson_arr_size(list), sizeof *rule->sources);
    if (!rule->sources)
        return;
    yyjson_arr_foreach (list, i, n, one) {
        struct rh_text display = rh_json_get(one, "display"), label = rh_json_get(one, "label");
        if (!display.len)
            display = rh_json_get(one, "citation");
        const char *text =
            rh_arena_printf(b->a, "%.*s%s%.*s", RH_TEXT_ARG(display),
                            display.len && label.len ? ", " : "", RH_TEXT_ARG(label));
        if (text && *text)
            rule->sources[rule->n_sources++] = rh_text(text);
    }
}

static void read_code(struct rh_rule *rule)
{
    yyjson_val *concept = yyjson_arr_get_first(yyjson_obj_get(rule->json, "code"));
    yyjson_val *coding = yyjson_arr_get_first(yyjson_obj_get(concept, "coding"));
    rule->system = rh_json_get(coding, "system");
    rule->code = rh_json_get(coding, "code");
}

static const struct rh_rule *find_rule(const struct rh_protocol *p, struct rh_text id)
{
    for (unsigned i = 0; i < p->n_rules; i++)
        if (rh_text_eq(p->rules[i].id, id))
            return &p->rules[i];
    return NULL;
}

/* --- rules that a site has taken over ----------------------------------------------------------
 */
struct activation {
    struct rh_ctx *c;
    struct rh_text url, version, id; /* of the protocol, and of the rule */
    bool found;
};

/* "url#rule" or "url|version#rule" in the extensions of a Library. */
static enum rh_rc look_activated(void *user, const struct rh_definition *d)
{
    struct activation *k = user;
    size_t i, n;
    yyjson_val *library, *one;
    if (k->found || rh_definition_body(k->c, d, &library))
        return RH_OK;
    yyjson_arr_foreach (yyjson_obj_get(library, "extension"), i, n, one) {
        struct rh_text rule = rh_json_get(one, "valueUri"), address, url;
        if (!rh_text_is(rh_json_get(one, "url"), RH_RIHLA_EXT "activates") ||
            !rh_text_split(&rule, '#', &address) || !rh_text_split(&address, '|', &url))
            continue;
        bool version = !address.data || rh_text_eq(address, k->version);
        k->found = k->found || (version && rh_text_eq(url, k->url) && rh_text_eq(rule, k->id));
    }
    return RH_OK;
}

static bool is_activated(struct builder *b, struct rh_text id)
{
    struct activation k = {
        .c = b->c, .url = b->p->about.url, .version = b->p->about.version, .id = id};
    return !rh_world_each(b->c->world, "Library", look_activated, &k) && k.found;
}

static void add_rule(struct builder *b, unsigned group, yyjson_val *action,
                     yyjson_val *const *above, unsigned n_above)
{
    struct rh_protocol *p = b->p;
    struct rh_text id = rh_json_get(action, "id");
    if (!id.len) {
        wrong(b, RH_REQUIRED, b->place, "An action of the group has no id.");
        return;
    }
    b->place =
        rh_arena_printf(b->a, "PlanDefinition.action.where(id='%.*s').action.where(id='%.*s')",
                        RH_TEXT_ARG(p->groups[group].id), RH_TEXT_ARG(id));
    const struct rh_rule *other = find_rule(p, id);
    if (other && other->part == p->groups[group].part)
        wrong(b, RH_VALUE, b->place, "The id %.*s stands twice among %s.", RH_TEXT_ARG(id),
              part_codes[other->part]);
    if (p->n_rules == RH_PROTOCOL_RULES_MAX) {
        wrong(b, RH_TOOLARGE, b->place, "There are more than %d rules.", RH_PROTOCOL_RULES_MAX);
        return;
    }
    struct rh_rule *rule = &p->rules[p->n_rules++];
    *rule =
        (struct rh_rule){.part = p->groups[group].part, .group = group, .id = id, .json = action};
    rule->activated = is_activated(b, id);
    const yyjson_val *says = action; /* how well it is established: itself, or the next group */
    for (unsigned i = n_above; i > 0 && !rh_extension_of(says, RH_RIHLA_EXT "evidence"); i--)
        says = above[i - 1];
    rule->draft = rh_evidence_is_draft(says) && !rule->activated;
    for (unsigned i = 0; i < n_above; i++)
        read_conditions(b, rule, above[i], true);
    read_conditions(b, rule, action, false);
    read_date(b, rule);
    read_sources(b, rule);
    read_code(rule);
    add_labels(b, rule, action);
    if (rule->part == RH_PART_ITEM)
        read_definition(b, rule);
    if ((rule->part == RH_PART_CLASS || rule->part == RH_PART_HOLD) && !rule->code.len)
        wrong(b, RH_REQUIRED, b->place, "It needs a code.");
    p->draft = p->draft || rule->draft;
}

static void add_rules(struct builder *b, unsigned group, yyjson_val *action, yyjson_val **above,
                      unsigned depth)
{
    size_t i, n;
    yyjson_val *one, *list = yyjson_obj_get(action, "action");
    if (depth + 1 >= ACTIONS_DEPTH_MAX) {
        wrong(b, RH_TOOLARGE, b->place, "Actions are nested too deep.");
        return;
    }
    above[depth] = action;
    yyjson_arr_foreach (list, i, n, one) {
        if (yyjson_arr_size(yyjson_obj_get(one, "action")))
            add_rules(b, group, one, above, depth + 1);
        else
            add_rule(b, group, one, above, depth + 1);
    }
}

/* --- groups ----------------------------------------------------------------------------------- */
static bool part_of(yyjson_val *action, enum rh_protocol_part *ret)
{
    size_t i, n, k, m;
    yyjson_val *concept, *coding, *list = yyjson_obj_get(action, "code");
    yyjson_arr_foreach (list, i, n, concept) {
        yyjson_val *codings = yyjson_obj_get(concept, "coding");
        yyjson_arr_foreach (codings, k, m, coding) {
            if (!rh_text_is(rh_json_get(coding, "system"), RH_RIHLA_CODE "protocol-part"))
                continue;
            for (int part = 0; part < RH_PROTOCOL_PARTS; part++)
                if (rh_text_is(rh_json_get(coding, "code"), part_codes[part])) {
                    *ret = (enum rh_protocol_part)part;
                    return true;
                }
        }
    }
    return false;
}

/* A state or the classes may be read by what comes behind. */
static void name_group(struct builder *b, struct rh_rule_group *g, unsigned number)
{
    bool classes = g->part == RH_PART_CLASS;
    struct rh_protocol_name *n = classes ? find_name(b->p, RH_TEXT("classification")) : NULL;
    if (!n)
        n = add_name(b, classes ? RH_NAME_CLASSES : RH_NAME_STATE,
                     classes ? RH_TEXT("classification") : g->id, NULL, number, NULL);
    if (!n)
        return;
    n->types = RH_TEXT("System.String");
    n->walked = true;
    g->name = (unsigned)(n - b->p->names);
    for (unsigned i = g->first; i < g->first + g->n; i++) {
        n->birth = n->birth || b->p->rules[i].birth;
        n->draft = n->draft || b->p->rules[i].draft;
    }
}

static void read_groups(struct builder *b)
{
    size_t i, n;
    struct rh_protocol *p = b->p;
    yyjson_val *one, *above[ACTIONS_DEPTH_MAX], *list = yyjson_obj_get(p->plan, "action");
    yyjson_arr_foreach (list, i, n, one) {
        struct rh_rule_group *g = &p->groups[p->n_groups];
        g->id = rh_json_get(one, "id");
        g->json = one;
        g->first = p->n_rules;
        b->place = rh_arena_printf(b->a, "PlanDefinition.action[%zu]", i);
        if (!part_of(one, &g->part) || !g->id.len) {
            wrong(b, RH_REQUIRED, b->place, "A group needs an id and a code of the system %s.",
                  RH_RIHLA_CODE "protocol-part");
            continue;
        }
        p->n_groups++;
        add_rules(b, p->n_groups - 1, one, above, 0);
        g->n = p->n_rules - g->first;
        if (g->part == RH_PART_STATE || g->part == RH_PART_CLASS)
            name_group(b, g, p->n_groups - 1);
    }
    if (!p->n_rules && !b->rc)
        wrong(b, RH_REQUIRED, "PlanDefinition.action", "The protocol has no rule.");
}

/* --- relations -------------------------------------------------------------------------------- */
static void relate(struct builder *b, struct rh_rule *rule)
{
    size_t i, n;
    struct rh_protocol *p = b->p;
    yyjson_val *one, *list = yyjson_obj_get(rule->json, "relatedAction");
    unsigned *all = list_of(b, yyjson_arr_size(list), sizeof *all), count = 0;
    b->place = rh_arena_printf(b->a, "PlanDefinition.action.action.where(id='%.*s').relatedAction",
                               RH_TEXT_ARG(rule->id));
    yyjson_arr_foreach (list, i, n, one) {
        struct rh_text id = rh_json_get(one, "actionId");
        bool found = false;
        for (unsigned k = 0; all && k < p->n_rules && !found; k++) {
            bool fits = rule->part == RH_PART_STATE ? p->rules[k].group == rule->group
                                                    : p->rules[k].part == RH_PART_ITEM;
            found = fits && rh_text_eq(p->rules[k].id, id);
            if (found)
                all[count++] = k;
        }
        if (!found)
            wrong(b, RH_VALUE, b->place, "There is no %s %.*s.",
                  rule->part == RH_PART_STATE ? "state" : "item", RH_TEXT_ARG(id));
    }
    if (rule->part == RH_PART_VALIDITY) {
        rule->repeats = all;
        rule->n_repeats = count;
        for (unsigned k = 0; k < count; k++)
            p->rules[all[k]].birth = p->rules[all[k]].birth || rule->birth;
    } else if (rule->part == RH_PART_ITEM) {
        rule->after = all;
        rule->n_after = count;
    }
}

static void place_item(struct builder *b, unsigned i, unsigned char *marks, unsigned depth)
{
    struct rh_protocol *p = b->p;
    if (marks[i] == 2)
        return;
    if (marks[i] == 1 || depth > RH_PROTOCOL_RULES_MAX) {
        wrong(b, RH_RULE, "PlanDefinition.action.action.relatedAction",
              "The item %.*s comes after itself.", RH_TEXT_ARG(p->rules[i].id));
        return;
    }
    marks[i] = 1;
    for (unsigned k = 0; k < p->rules[i].n_after; k++)
        place_item(b, p->rules[i].after[k], marks, depth + 1);
    marks[i] = 2;
    p->item_order[p->n_items++] = i;
}

static void read_relations(struct builder *b)
{
    struct rh_protocol *p = b->p;
    unsigned char *marks = list_of(b, p->n_rules, 1);
    p->item_order = list_of(b, p->n_rules, sizeof *p->item_order);
    for (unsigned i = 0; i < p->n_rules; i++)
        relate(b, &p->rules[i]);
    for (unsigned i = 0; marks && p->item_order && i < p->n_rules; i++)
        if (p->rules[i].part == RH_PART_ITEM)
            place_item(b, i, marks, 0);
}

/* --- the whole -------------------------------------------------------------------------------- */
bool rh_plan_is_protocol(yyjson_val *plan)
{
    size_t i, n;
    yyjson_val *coding, *list = yyjson_obj_get(yyjson_obj_get(plan, "type"), "coding");
    yyjson_arr_foreach (list, i, n, coding) {
        if (rh_text_is(rh_json_get(coding, "code"), "clinical-protocol"))
            return true;
    }
    return false;
}

struct rh_protocol_about rh_plan_about(yyjson_val *plan)
{
    yyjson_val *period = yyjson_obj_get(plan, "effectivePeriod");
    return (struct rh_protocol_about){
        .name = rh_json_get(plan, "id"),
        .url = rh_json_get(plan, "url"),
        .version = rh_json_get(plan, "version"),
        .start = rh_json_get(period, "start"),
        .end = rh_json_get(period, "end"),
        .draft = rh_text_is(rh_json_get(plan, "status"), "draft") || rh_evidence_is_draft(plan),
        .plan = plan,
    };
}

static enum rh_rc make(struct rh_ctx *c, const struct rh_definition *d, void *user,
                       const void **ret)
{
    struct rh_protocol *p = rh_arena_zero(c->arena, sizeof *p);
    struct builder b = {.c = c, .a = c->arena, .p = p};
    (void)user;
    enum rh_rc rc = p ? rh_definition_body(c, d, &p->plan) : RH_NOMEM;
    if (rc)
        return rc;
    if (!rh_plan_is_protocol(p->plan))
        return rh_issue_add(c->issues, RH_INVALID, "PlanDefinition.type",
                            "%.*s is no protocol: its type is not clinical-protocol.",
                            RH_TEXT_ARG(d->url));
    p->definition = d;
    p->about = rh_plan_about(p->plan);
    p->names = list_of(&b, RH_PROTOCOL_NAMES_MAX, sizeof *p->names);
    p->rules = list_of(&b, RH_PROTOCOL_RULES_MAX, sizeof *p->rules);
    p->groups = list_of(&b, yyjson_arr_size(yyjson_obj_get(p->plan, "action")), sizeof *p->groups);
    if (b.rc)
        return b.rc;
    b.scratch = rh_arena_open(SCRATCH_BYTES);
    read_libraries(&b);
    check_declared(&b);
    read_groups(&b);
    read_relations(&b);
    rh_arena_close(b.scratch);
    *ret = p;
    return b.rc;
}

enum rh_rc rh_protocol_compile(struct rh_ctx *c, const struct rh_definition *plan,
                               const struct rh_protocol **ret)
{
    const void *form;
    enum rh_rc rc = rh_world_form(c, plan, RH_FORM_PROTOCOL, make, NULL, &form);
    if (!rc)
        *ret = form;
    return rc;
}

struct rh_protocol_about rh_protocol_about(const struct rh_protocol *p)
{
    return p->about;
}

size_t rh_protocol_n_rules(const struct rh_protocol *p)
{
    return p->n_rules;
}

struct rh_protocol_rule rh_protocol_rule(const struct rh_protocol *p, size_t i)
{
    const struct rh_rule *r = &p->rules[i];
    return (struct rh_protocol_rule){
        .group = p->groups[r->group].id,
        .id = r->id,
        .part = r->part,
        .conditional = r->n_conditions > 0 || r->part == RH_PART_STATE,
        .draft = r->draft,
        .action = r->json,
    };
}
