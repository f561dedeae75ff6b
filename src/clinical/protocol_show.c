/* SPDX-License-Identifier: GPL-3.0-or-later */
/* protocol_show.c - an evaluation as JSON: what is asked of the person, and each protocol. */
#include "clinical/protocol_int.h"

#include <stdlib.h>

struct show {
    struct rh_ctx *c;
    const struct rh_protocol_result *r;
    const struct rh_protocol_show *o;
    struct rh_buf *out;
};

static const char *const status_names[RH_ITEM_STATUSES] = {
    [RH_ITEM_NOT_ASKED] = "not-required", [RH_ITEM_DONE] = "done",
    [RH_ITEM_REQUIRED] = "required",      [RH_ITEM_REPEAT] = "repeat",
    [RH_ITEM_UNKNOWN] = "cannot-compute", [RH_ITEM_CHOICE] = "either",
};

/* --- JSON ------------------------------------------------------------------------------------- */
/* A comma where one is needed. */
static void sep(struct rh_buf *b)
{
    char last = b->len ? b->data[b->len - 1] : '{';
    if (last != '{' && last != '[' && last != ':')
        rh_buf_char(b, ',');
}

static void key(struct rh_buf *b, const char *name)
{
    sep(b);
    rh_buf_printf(b, "\"%s\":", name);
}

static void text(struct rh_buf *b, const char *name, struct rh_text t)
{
    if (!t.len)
        return;
    key(b, name);
    rh_buf_json(b, t);
}

static void flag(struct rh_buf *b, const char *name, bool v)
{
    key(b, name);
    rh_buf_str(b, v ? "true" : "false");
}

static struct rh_text say(const struct show *s, const yyjson_val *object, const char *member)
{
    return rh_translated(object, member, s->o->language);
}

/* --- what is missing -------------------------------------------------------------------------- */
/* What no library names: elements of the Patient. English, French, Arabic, Spanish. */
static const struct {
    const char *name, *en, *fr, *ar, *es;
} patient_titles[] = {
    {"birthDate", "Date of birth", "Date de naissance", "تاريخ الميلاد", "Fecha de nacimiento"},
    {"gender", "Sex", "Sexe", "الجنس", "Sexo"},
};

static struct rh_text patient_title(const struct show *s, struct rh_text name)
{
    for (size_t i = 0; i < sizeof patient_titles / sizeof patient_titles[0]; i++) {
        if (!rh_text_is(name, patient_titles[i].name))
            continue;
        if (rh_text_starts(s->o->language, "fr"))
            return rh_text(patient_titles[i].fr);
        if (rh_text_starts(s->o->language, "ar"))
            return rh_text(patient_titles[i].ar);
        if (rh_text_starts(s->o->language, "es"))
            return rh_text(patient_titles[i].es);
        return rh_text(patient_titles[i].en);
    }
    return name;
}

static struct rh_text missing_title(const struct show *s, const struct rh_missing *m)
{
    const struct rh_protocol_name *n = m->name;
    struct rh_text t = {NULL, 0};
    if (n->kind == RH_NAME_BIRTH || n->kind == RH_NAME_PATIENT)
        return patient_title(s, m->member.len ? m->member : n->name);
    if (n->kind == RH_NAME_LOOKUP)
        t = say(s, rh_extension_of(n->json, "title"), "valueString");
    else
        t = say(s, rh_extension_of(n->json, RH_RIHLA_EXT "title"), "valueString");
    if (!t.len && n->kind == RH_NAME_VARIABLE)
        t = say(s, n->json, "description");
    return t.len ? t : n->name;
}

static void missing(struct show *s, const struct rh_missing_list *l)
{
    key(s->out, "missing");
    rh_buf_char(s->out, '[');
    for (size_t i = 0; i < l->count; i++) {
        sep(s->out);
        rh_buf_str(s->out, "{\"name\":");
        rh_buf_json(s->out, l->rows[i].member.len ? l->rows[i].member : l->rows[i].name->name);
        text(s->out, "title", missing_title(s, &l->rows[i]));
        rh_buf_char(s->out, '}');
    }
    rh_buf_char(s->out, ']');
}

/* --- sources ---------------------------------------------------------------------------------- */
enum { SOURCES_MAX = 40 };
struct named_sources {
    struct rh_text rows[SOURCES_MAX];
    unsigned n;
};

static void add_source(struct named_sources *l, struct rh_text t)
{
    for (unsigned i = 0; i < l->n; i++)
        if (rh_text_eq(l->rows[i], t))
            return;
    if (t.len && l->n < SOURCES_MAX)
        l->rows[l->n++] = t;
}

/* "Tables (2024)"; a source that names the year stands as it is. */
static struct rh_text figure_source(struct show *s, const struct rh_value *v,
                                    const struct rh_fact_lookup *l)
{
    struct rh_text type, source, year;
    source = rh_json_text(rh_concept_property(v->row, l->property, "-source", &type));
    year = rh_json_text(rh_concept_property(v->row, l->property, "-year", &type));
    if (!source.len || !year.len || memmem(source.data, source.len, year.data, year.len))
        return source;
    return rh_text(
        rh_arena_printf(s->c->arena, "%.*s (%.*s)", RH_TEXT_ARG(source), RH_TEXT_ARG(year)));
}

static void sources(struct show *s, unsigned p, const struct rh_rule *rule)
{
    const struct rh_set_protocol *sp = &s->r->set->protocols[p];
    const struct rh_slot_list *figures = &sp->figures[rule - sp->protocol->rules];
    struct named_sources all = {.n = 0};
    for (unsigned i = 0; i < rule->n_sources; i++)
        add_source(&all, rule->sources[i]);
    for (unsigned i = 0; i < figures->n; i++) { /* figures have sources of their own */
        const struct rh_value *v = &s->r->values[figures->slots[i]];
        const struct rh_protocol_name *n = s->r->set->slots[figures->slots[i]].name;
        if (v->row)
            add_source(&all, figure_source(s, v, &n->facts->lookups[n->index]));
    }
    key(s->out, "source");
    rh_buf_char(s->out, '[');
    for (unsigned i = 0; i < all.n; i++) {
        sep(s->out);
        rh_buf_json(s->out, all.rows[i]);
    }
    rh_buf_char(s->out, ']');
}

/* In the order of their codes: that of the set would tell which other protocols are in it. */
static void labels(struct show *s, uint64_t bits)
{
    struct rh_text last = {NULL, 0};
    key(s->out, "labels");
    rh_buf_char(s->out, '[');
    for (;;) {
        const struct rh_text *next = NULL;
        for (unsigned i = 0; i < s->r->n_labels; i++) {
            const struct rh_text *one = &s->r->labels[i];
            if ((bits >> i & 1) && (!last.data || rh_text_cmp(*one, last) > 0) &&
                (!next || rh_text_cmp(*one, *next) < 0))
                next = one;
        }
        if (!next)
            break;
        sep(s->out);
        rh_buf_json(s->out, *next);
        last = *next;
    }
    rh_buf_char(s->out, ']');
}

/* --- items ------------------------------------------------------------------------------------ */
/* The days of birth for which an item has each status, what asks least of the person first. */
static void ways(struct show *s, unsigned p, unsigned i)
{
    const struct rh_protocol_outcome *o = &s->r->protocols[p];
    const struct rh_birth *b = &s->r->birth;
    key(s->out, "ways");
    rh_buf_char(s->out, '[');
    for (int pass = 0; pass < 2; pass++) {
        for (unsigned w = 0, first = 0; w < b->n; first = ++w) {
            enum rh_item_status status = o->worlds[w][i].status;
            while (w + 1 < b->n && o->worlds[w + 1][i].status == status)
                w++;
            bool to_do = status != RH_ITEM_NOT_ASKED && status != RH_ITEM_DONE;
            if (to_do != (pass == 1))
                continue;
            sep(s->out);
            rh_buf_printf(s->out, "{\"status\":\"%s\"", status_names[status]);
            text(s->out, "bornFrom",
                 rh_day_print(s->c->arena, first ? b->days[first - 1] + 1 : b->first));
            text(s->out, "bornTo", rh_day_print(s->c->arena, b->days[w]));
            rh_buf_char(s->out, '}');
        }
    }
    rh_buf_char(s->out, ']');
}

static bool open_status(enum rh_item_status s)
{
    return s != RH_ITEM_NOT_ASKED && s != RH_ITEM_DONE;
}

/* Items that have to come first and are not done. */
static void blocked_by(struct show *s, unsigned p, const struct rh_rule *rule)
{
    const struct rh_protocol_outcome *o = &s->r->protocols[p];
    const struct rh_protocol *protocol = s->r->set->protocols[p].protocol;
    bool any = false;
    for (unsigned k = 0; k < rule->n_after; k++) {
        const struct rh_rule_result *other = &o->rules[rule->after[k]];
        if (other->hidden || !open_status(other->whole.status))
            continue;
        if (!any) {
            key(s->out, "after");
            rh_buf_char(s->out, '[');
        }
        any = true;
        sep(s->out);
        rh_buf_json(s->out, protocol->rules[rule->after[k]].id);
    }
    if (any)
        rh_buf_char(s->out, ']');
}

static void problem(struct show *s, const struct rh_rule_result *k)
{
    if (k->whole.outcome == RH_OUTCOME_UNKNOWN && k->why_unknown)
        text(s->out, "problem", rh_text(k->why_unknown));
}

/* Why, until when, by which source: what an asker says of an item. */
static void asked(struct show *s, unsigned p, unsigned i)
{
    const struct rh_protocol *protocol = s->r->set->protocols[p].protocol;
    const struct rh_rule *rule = &protocol->rules[i];
    const struct rh_rule_result *k = &s->r->protocols[p].rules[i];
    struct rh_text why = say(s, rule->json, "description");
    text(s->out, "protocol", protocol->about.name);
    text(s->out, "item", rule->id);
    text(s->out, "status", rh_text(status_names[k->whole.status]));
    text(s->out, "why", why.len ? why : say(s, rule->json, "title"));
    missing(s, &k->whole.missing);
    problem(s, k);
    if (open_status(k->whole.status)) {
        text(s->out, "due", rh_text(k->whole.date));
        blocked_by(s, p, rule);
    }
    if (k->whole.status == RH_ITEM_CHOICE)
        ways(s, p, i);
    flag(s->out, "draft", rule->draft);
    sources(s, p, rule);
    labels(s, k->whole.labels);
}

static struct rh_text item_title(struct show *s, const struct rh_rule *rule, bool own)
{
    struct rh_text title = say(s, own ? rule->json : rule->definition, "title");
    if (!title.len)
        title = say(s, own ? rule->definition : rule->json, "title");
    return title;
}

static bool is_shown(const struct show *s, unsigned p, unsigned i)
{
    const struct rh_rule_result *k = &s->r->protocols[p].rules[i];
    return !k->hidden && (s->o->all || k->whole.status != RH_ITEM_NOT_ASKED);
}

static void own_items(struct show *s, unsigned p)
{
    const struct rh_protocol *protocol = s->r->set->protocols[p].protocol;
    key(s->out, "items");
    rh_buf_char(s->out, '[');
    for (unsigned n = 0; n < protocol->n_items; n++) {
        unsigned i = protocol->item_order[n];
        const struct rh_rule *rule = &protocol->rules[i];
        if (!is_shown(s, p, i))
            continue;
        sep(s->out);
        rh_buf_char(s->out, '{');
        text(s->out, "definition", rule->definition_url);
        text(s->out, "title", item_title(s, rule, true));
        rh_buf_printf(s->out, ",\"invasiveness\":%d", rule->invasiveness);
        asked(s, p, i);
        rh_buf_char(s->out, '}');
    }
    rh_buf_char(s->out, ']');
}

/* --- the union -------------------------------------------------------------------------------- */
struct wanted {
    struct rh_text definition;
    const struct rh_rule *rule; /* of the first asker */
    enum rh_item_status status;
    unsigned number; /* as they appear */
};

/* What is to be done first, then what cannot be said, then the physician's choices, the least
 * invasive first, then what is done. */
static int rank(enum rh_item_status s)
{
    static const int ranks[RH_ITEM_STATUSES] = {
        [RH_ITEM_REQUIRED] = 0, [RH_ITEM_REPEAT] = 0, [RH_ITEM_UNKNOWN] = 1,
        [RH_ITEM_CHOICE] = 2,   [RH_ITEM_DONE] = 3,   [RH_ITEM_NOT_ASKED] = 4,
    };
    return ranks[s];
}

static int in_order(const void *a, const void *b)
{
    const struct wanted *x = a, *y = b;
    if (rank(x->status) != rank(y->status))
        return rank(x->status) - rank(y->status);
    if (x->status == RH_ITEM_CHOICE && x->rule->invasiveness != y->rule->invasiveness)
        return x->rule->invasiveness - y->rule->invasiveness;
    return x->number < y->number ? -1 : x->number > y->number;
}

static enum rh_item_status stronger(enum rh_item_status a, enum rh_item_status b)
{
    static const int order[RH_ITEM_STATUSES] = {
        [RH_ITEM_REQUIRED] = 0, [RH_ITEM_REPEAT] = 1, [RH_ITEM_UNKNOWN] = 2,
        [RH_ITEM_CHOICE] = 3,   [RH_ITEM_DONE] = 4,   [RH_ITEM_NOT_ASKED] = 5,
    };
    return order[a] <= order[b] ? a : b;
}

static bool is_taken(const struct show *s, unsigned p)
{
    const struct rh_protocol *protocol = s->r->set->protocols[p].protocol;
    return !s->o->only.len || rh_text_eq(s->o->only, protocol->about.name);
}

static size_t gather(struct show *s, struct wanted *all)
{
    size_t n = 0;
    for (unsigned p = 0; p < s->r->set->n_protocols; p++) {
        const struct rh_protocol *protocol = s->r->set->protocols[p].protocol;
        for (unsigned m = 0; is_taken(s, p) && m < protocol->n_items; m++) {
            unsigned i = protocol->item_order[m];
            const struct rh_rule *rule = &protocol->rules[i];
            enum rh_item_status status = s->r->protocols[p].rules[i].whole.status;
            size_t at = 0;
            if (!is_shown(s, p, i))
                continue;
            while (at < n && !rh_text_eq(all[at].definition, rule->definition_url))
                at++;
            if (at == n) {
                all[n] = (struct wanted){rule->definition_url, rule, status, (unsigned)n};
                n++;
            }
            all[at].status = stronger(all[at].status, status);
        }
    }
    return n;
}

static void askers(struct show *s, const struct wanted *w)
{
    key(s->out, "askedBy");
    rh_buf_char(s->out, '[');
    for (unsigned p = 0; p < s->r->set->n_protocols; p++) {
        const struct rh_protocol *protocol = s->r->set->protocols[p].protocol;
        for (unsigned m = 0; is_taken(s, p) && m < protocol->n_items; m++) {
            unsigned i = protocol->item_order[m];
            if (!is_shown(s, p, i) || !rh_text_eq(protocol->rules[i].definition_url, w->definition))
                continue;
            sep(s->out);
            rh_buf_char(s->out, '{');
            asked(s, p, i);
            rh_buf_char(s->out, '}');
        }
    }
    rh_buf_char(s->out, ']');
}

static enum rh_rc all_items(struct show *s)
{
    size_t room = 1;
    for (unsigned p = 0; p < s->r->set->n_protocols; p++)
        room += s->r->set->protocols[p].protocol->n_items;
    struct wanted *all = rh_arena_alloc(s->c->arena, room * sizeof *all);
    if (!all)
        return RH_NOMEM;
    size_t n = gather(s, all);
    if (n > 1)
        qsort(all, n, sizeof *all, in_order);
    key(s->out, "items");
    rh_buf_char(s->out, '[');
    for (size_t i = 0; i < n; i++) {
        sep(s->out);
        rh_buf_char(s->out, '{');
        text(s->out, "definition", all[i].definition);
        text(s->out, "title", item_title(s, all[i].rule, false));
        text(s->out, "status", rh_text(status_names[all[i].status]));
        rh_buf_printf(s->out, ",\"invasiveness\":%d", all[i].rule->invasiveness);
        askers(s, &all[i]);
        rh_buf_char(s->out, '}');
    }
    rh_buf_char(s->out, ']');
    return RH_OK;
}

/* --- states, classes, holds, expiry ----------------------------------------------------------- */
static void state(struct show *s, unsigned p, unsigned g)
{
    const struct rh_protocol *protocol = s->r->set->protocols[p].protocol;
    const struct rh_protocol_outcome *o = &s->r->protocols[p];
    const struct rh_rule_group *group = &protocol->groups[g];
    struct rh_missing_list none = {NULL, 0, 0}, *m = &none;
    const struct rh_text *id = o->state_known[g] == RH_OUTCOME_YES ? o->states[g] : NULL;
    bool draft = false;
    sep(s->out);
    rh_buf_char(s->out, '{');
    text(s->out, "id", group->id);
    text(s->out, "group", say(s, group->json, "title"));
    key(s->out, "state");
    if (id)
        rh_buf_json(s->out, *id);
    else
        rh_buf_str(s->out, "null");
    for (unsigned i = group->first; i < group->first + group->n; i++) {
        const struct rh_rule *rule = &protocol->rules[i];
        draft = draft || rule->draft;
        if (id == &rule->id)
            text(s->out, "title", say(s, rule->json, "title"));
        if (!id && o->rules[i].whole.missing.count && !m->count)
            m = &o->rules[i].whole.missing;
    }
    if (o->state_known[g] == RH_OUTCOME_EITHER)
        flag(s->out, "either", true);
    missing(s, m);
    flag(s->out, "draft", draft);
    rh_buf_char(s->out, '}');
}

static void states(struct show *s, unsigned p)
{
    const struct rh_protocol *protocol = s->r->set->protocols[p].protocol;
    key(s->out, "states");
    rh_buf_char(s->out, '[');
    for (unsigned g = 0; g < protocol->n_groups; g++) {
        const struct rh_rule_group *group = &protocol->groups[g];
        if (group->part == RH_PART_STATE && group->n &&
            !s->r->protocols[p].rules[group->first].hidden)
            state(s, p, g);
    }
    rh_buf_char(s->out, ']');
}

/* A class, a hold or a part of the validity. */
static void rule(struct show *s, unsigned p, unsigned i)
{
    const struct rh_rule *x = &s->r->set->protocols[p].protocol->rules[i];
    const struct rh_rule_result *k = &s->r->protocols[p].rules[i];
    struct rh_text why = say(s, x->json, "description");
    bool open = k->whole.outcome != RH_OUTCOME_YES;
    sep(s->out);
    rh_buf_char(s->out, '{');
    text(s->out, "id", x->id);
    if (x->part != RH_PART_VALIDITY) {
        text(s->out, "system", x->system);
        text(s->out, "code", x->code);
    }
    text(s->out, "title", say(s, x->json, "title"));
    text(s->out, x->part == RH_PART_HOLD ? "until" : "expires", rh_text(k->whole.date));
    text(s->out, "why", why);
    if (open || (x->part == RH_PART_VALIDITY && !k->whole.date[0]))
        missing(s, &k->whole.missing);
    if (k->whole.outcome == RH_OUTCOME_EITHER)
        flag(s->out, "either", true);
    problem(s, k);
    if (x->n_repeats) {
        key(s->out, "repeat");
        rh_buf_char(s->out, '[');
        for (unsigned n = 0; n < x->n_repeats; n++) {
            const struct rh_rule_result *item = &s->r->protocols[p].rules[x->repeats[n]];
            if (item->hidden)
                continue;
            sep(s->out);
            rh_buf_json(s->out, s->r->set->protocols[p].protocol->rules[x->repeats[n]].id);
        }
        rh_buf_char(s->out, ']');
    }
    flag(s->out, "draft", x->draft);
    sources(s, p, x);
    labels(s, k->whole.labels);
    rh_buf_char(s->out, '}');
}

/* Rules of one part that hold (or, `unknown`, those that nobody can say). */
static void rules(struct show *s, unsigned p, const char *name, enum rh_protocol_part part,
                  bool known, bool unknown)
{
    const struct rh_protocol *protocol = s->r->set->protocols[p].protocol;
    key(s->out, name);
    rh_buf_char(s->out, '[');
    for (unsigned i = 0; i < protocol->n_rules; i++) {
        const struct rh_rule_result *k = &s->r->protocols[p].rules[i];
        bool open = k->whole.outcome == RH_OUTCOME_UNKNOWN || k->whole.outcome == RH_OUTCOME_EITHER;
        if (protocol->rules[i].part == part && !k->hidden &&
            ((known && k->whole.outcome == RH_OUTCOME_YES) || (unknown && open)))
            rule(s, p, i);
    }
    rh_buf_char(s->out, ']');
}

static void clearance(struct show *s, unsigned p)
{
    const struct rh_protocol_outcome *o = &s->r->protocols[p];
    key(s->out, "clearance");
    rh_buf_printf(s->out, "{\"status\":\"%s\"", rh_clearance_code(o->clearance.status));
    if (!o->hidden) {
        missing(s, &o->missing);
        key(s->out, "reasons");
        rh_buf_char(s->out, '[');
        for (size_t i = 0; i < o->n_reasons; i++) {
            sep(s->out);
            rh_buf_json(s->out, rh_text(o->reasons[i]));
        }
        rh_buf_char(s->out, ']');
        key(s->out, "expires");
        if (o->expires[0])
            rh_buf_json(s->out, rh_text(o->expires));
        else
            rh_buf_str(s->out, "null");
        flag(s->out, "draft", o->clearance.draft);
    }
    text(s->out, "nextStep", rh_text(o->next_step));
    text(s->out, "date", rh_text(o->date));
    rh_buf_char(s->out, '}');
}

static void protocol(struct show *s, unsigned p)
{
    const struct rh_protocol_outcome *o = &s->r->protocols[p];
    const struct rh_protocol_about *a = &s->r->set->protocols[p].protocol->about;
    sep(s->out);
    rh_buf_char(s->out, '{');
    text(s->out, "protocol", a->name);
    text(s->out, "url", a->url);
    text(s->out, "version", a->version);
    text(s->out, "title", say(s, a->plan, "title"));
    flag(s->out, "draft", a->draft);
    if (s->o->impressions && s->o->impressions[p])
        text(s->out, "impression", rh_text(s->o->impressions[p]));
    states(s, p);
    own_items(s, p);
    rules(s, p, "classification", RH_PART_CLASS, true, false);
    rules(s, p, "unknownClasses", RH_PART_CLASS, false, true);
    rules(s, p, "holds", RH_PART_HOLD, true, true);
    key(s->out, "expires");
    if (o->expires[0])
        rh_buf_json(s->out, rh_text(o->expires));
    else
        rh_buf_str(s->out, "null");
    rules(s, p, "expiryParts", RH_PART_VALIDITY, true, true);
    missing(s, &o->missing);
    clearance(s, p);
    rh_buf_char(s->out, '}');
}

enum rh_rc rh_protocol_print(struct rh_ctx *c, const struct rh_protocol_result *r,
                             const struct rh_protocol_show *o, struct rh_buf *out)
{
    struct show s = {c, r, o, out};
    bool any = false;
    for (unsigned p = 0; p < r->set->n_protocols; p++)
        any = any || is_taken(&s, p);
    if (!any)
        return rh_issue_add(c->issues, RH_NOTFOUND, NULL,
                            "No protocol %.*s was applied; it is named by its id.",
                            RH_TEXT_ARG(o->only));
    rh_buf_char(out, '{');
    text(out, "subject", r->subject);
    text(out, "date", r->set->date);
    enum rh_rc rc = all_items(&s);
    key(out, "protocols");
    rh_buf_char(out, '[');
    for (unsigned p = 0; p < r->set->n_protocols; p++)
        if (is_taken(&s, p))
            protocol(&s, p);
    rh_buf_str(out, "]}");
    return rc ? rc : out->rc;
}
