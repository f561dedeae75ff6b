/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "programme/assessment.h"

#include "base/hash.h"
#include "search/query.h"

#define OURS_ASSESSMENT                                                      \
    RH_RIHLA "/assessment" /* identifier: which protocol it was held against \
                            */
#define OURS_HOLD RH_RIHLA "/hold"
#define OURS_TASK RH_RIHLA "/task"

struct keep {
    struct rh_session *s;
    struct rh_ctx *c;
    const struct rh_caller *caller;
    const struct rh_assessment *a;
    struct rh_write *write;
    unsigned n;
};

static unsigned type_of(const char *name)
{
    return rh_resource_number(rh_text(name));
}

/* --- one write ---------------------------------------------------------------------------------
 */

static enum rh_rc add_op(struct keep *k, enum rh_interaction what, const char *type,
                         struct rh_text id, const struct rh_buf *body)
{
    if (body->rc)
        return body->rc;
    if (k->n == RH_ASSESSMENT_WRITES_MAX)
        return rh_issue_add(k->c->issues, RH_TOOLARGE, NULL,
                            "The evaluation would change more than %d resources.",
                            RH_ASSESSMENT_WRITES_MAX);
    struct rh_write_op *op = &k->write->ops[k->n++];
    op->interaction = what;
    op->type = type_of(type);
    op->id = id;
    op->own_id = what == RH_CREATE;
    op->body = rh_buf_get(body);
    return RH_OK;
}

static enum rh_rc new_id(struct keep *k, struct rh_text *ret)
{
    char id[RH_UUID_SIZE];
    rh_uuid7(k->c->now_us, id);
    *ret = rh_text_copy(k->c->arena, rh_text(id));
    return ret->data ? RH_OK : RH_NOMEM;
}

static void write_start(struct keep *k, struct rh_buf *b, const char *type, struct rh_text id,
                        const struct rh_text *labels, size_t n_labels)
{
    (void)k;
    rh_buf_printf(b, "{\"resourceType\":\"%s\",\"id\":", type);
    rh_buf_json(b, id);
    for (size_t i = 0; i < n_labels; i++) {
        rh_buf_str(b, i ? "," : ",\"meta\":{\"security\":[");
        rh_buf_str(b, "{\"system\":\"http://terminology.hl7.org/CodeSystem/v3-ActCode\",\"code\":");
        rh_buf_json(b, labels[i]);
        rh_buf_str(b, i + 1 == n_labels ? "}]}" : "}");
    }
}

static void write_identifier(struct rh_buf *b, const char *system, struct rh_text value)
{
    rh_buf_printf(b, ",\"identifier\":[{\"system\":\"%s\",\"value\":", system);
    rh_buf_json(b, value);
    rh_buf_str(b, "}]");
}

static void write_subject(struct keep *k, struct rh_buf *b, const char *member)
{
    rh_buf_printf(b, ",\"%s\":{\"reference\":\"Patient/%.*s\"}", member,
                  RH_TEXT_ARG(k->a->patient));
}

static void write_member(struct rh_buf *b, const char *member, yyjson_val *v)
{
    if (!v)
        return;
    rh_buf_printf(b, ",\"%s\":", member);
    rh_json_write(b, v);
}

/* --- what is there already ---------------------------------------------------------------------
 */

static bool has_identifier(yyjson_val *resource, const char *system, struct rh_text value)
{
    size_t i, max;
    yyjson_val *one;
    yyjson_arr_foreach (yyjson_obj_get(resource, "identifier"), i, max, one)
        if (rh_text_is(rh_json_get(one, "system"), system) &&
            rh_text_eq(rh_json_get(one, "value"), value))
            return true;
    return false;
}

/* --- Flags and Tasks ---------------------------------------------------------------------------
 */

struct kind {
    const char *type, *subject, *system; /* its type, where its person stands, its identifier */
    const char *since;                   /* member that says from when on; NULL: its period */
    const char *ended[4];                /* states in which it asks for nothing any more */
};

static const struct kind flag = {
    "Flag", "subject", OURS_HOLD, NULL, {"inactive", "entered-in-error", NULL}};
static const struct kind task = {
    "Task", "for", OURS_TASK, "authoredOn", {"completed", "cancelled", "entered-in-error", NULL}};

/* A rule and what is kept of it. */
struct kept {
    const struct kind *kind;
    size_t p, i;
    struct rh_text name; /* its identifier */
};

/* Is resource n the person's Flag or Task of the rule, in whatever state? */
static bool is_kept(const struct keep *k, const struct kept *x, size_t n)
{
    yyjson_val *r = k->a->resources[n];
    struct rh_text who = rh_json_get(yyjson_obj_get(r, x->kind->subject), "reference");
    return rh_text_is(rh_json_get(r, "resourceType"), x->kind->type) &&
           rh_text_starts(who, "Patient/") && who.len == k->a->patient.len + 8 &&
           memcmp(who.data + 8, k->a->patient.data, k->a->patient.len) == 0 &&
           has_identifier(r, x->kind->system, x->name);
}

static bool has_ended(const struct kind *kind, yyjson_val *r)
{
    for (size_t i = 0; kind->ended[i]; i++)
        if (rh_text_is(rh_json_get(r, "status"), kind->ended[i]))
            return true;
    return false;
}

/* The day from which on it stands: of one that stands already its own. */
static struct rh_text since(const struct keep *k, const struct kept *x, yyjson_val *there)
{
    struct rh_text own = x->kind->since ? rh_json_get(there, x->kind->since)
                                        : rh_json_get(yyjson_obj_get(there, "period"), "start");
    return there && own.len && !has_ended(x->kind, there) ? own : k->a->date;
}

static struct rh_text rule_name(struct keep *k, size_t p, size_t i)
{
    const struct rh_protocol *protocol = rh_protocol_set_at(k->a->set, p);
    char *name =
        rh_arena_printf(k->c->arena, "%.*s#%.*s", RH_TEXT_ARG(rh_protocol_about(protocol).name),
                        RH_TEXT_ARG(rh_protocol_rule(protocol, i).id));
    return rh_text(name);
}

static void write_flag(struct keep *k, struct rh_buf *b, const struct kept *x, yyjson_val *there,
                       bool on)
{
    struct rh_protocol_rule rule = rh_protocol_rule(rh_protocol_set_at(k->a->set, x->p), x->i);
    struct rh_text until = on ? rh_protocol_date(k->a->result, x->p, x->i) : k->a->date;
    yyjson_val *codes = yyjson_obj_get(rule.action, "code");
    rh_buf_printf(b, ",\"status\":\"%s\",\"code\":", on ? "active" : "inactive");
    if (yyjson_arr_size(codes))
        rh_json_write(b, yyjson_arr_get_first(codes));
    else
        rh_buf_str(b, "{\"text\":\"hold\"}");
    write_subject(k, b, "subject");
    rh_buf_str(b, ",\"period\":{\"start\":");
    rh_buf_json(b, since(k, x, there));
    if (until.len) {
        rh_buf_str(b, ",\"end\":");
        rh_buf_json(b, until);
    }
    rh_buf_str(b, "}}");
}

/* Somebody may be at work on it: then its status stays. What is not asked any more was not done. */
static struct rh_text task_status(const struct keep *k, const struct kept *x, yyjson_val *there,
                                  bool on)
{
    if (on)
        return there && !has_ended(&task, there) ? rh_json_get(there, "status")
                                                 : RH_TEXT("requested");
    return rh_protocol_outcome(k->a->result, x->p, x->i) == RH_OUTCOME_NO ? RH_TEXT("cancelled")
                                                                          : RH_TEXT("completed");
}

static void write_task(struct keep *k, struct rh_buf *b, const struct kept *x, yyjson_val *there,
                       bool on)
{
    struct rh_protocol_rule rule = rh_protocol_rule(rh_protocol_set_at(k->a->set, x->p), x->i);
    struct rh_text due = rh_protocol_date(k->a->result, x->p, x->i);
    yyjson_val *codes = yyjson_obj_get(rule.action, "code");
    rh_buf_str(b, ",\"status\":");
    rh_buf_json(b, task_status(k, x, there, on));
    rh_buf_str(b, ",\"intent\":\"proposal\"");
    if (yyjson_arr_size(codes))
        write_member(b, "code", yyjson_arr_get_first(codes));
    write_member(b, "instantiatesCanonical", yyjson_obj_get(rule.action, "definitionCanonical"));
    write_member(b, "description", yyjson_obj_get(rule.action, "title"));
    write_subject(k, b, "for");
    rh_buf_str(b, ",\"authoredOn\":");
    rh_buf_json(b, since(k, x, there));
    if (due.len) {
        rh_buf_str(b, ",\"restriction\":{\"period\":{\"end\":");
        rh_buf_json(b, due);
        rh_buf_str(b, "}}");
    }
    rh_buf_char(b, '}');
}

/* "identifier=…&patient=…": who keeps the same rule at the same time finds what the first kept. */
static struct rh_text criteria(struct keep *k, const struct kept *x)
{
    struct rh_buf b = rh_buf(k->c->arena);
    rh_buf_str(&b, "identifier=");
    rh_buf_percent(&b, rh_text(x->kind->system));
    rh_buf_str(&b, "%7C");
    rh_buf_percent(&b, x->name);
    rh_buf_str(&b, "&patient=Patient/");
    rh_buf_percent(&b, k->a->patient);
    return rh_buf_get(&b);
}

/* Makes (there = SIZE_MAX), changes or ends resource `there`; one that says the same already is
 * left as it is by the record. */
static enum rh_rc keep_one(struct keep *k, const struct kept *x, size_t there, bool on)
{
    yyjson_val *old = there == SIZE_MAX ? NULL : k->a->resources[there];
    struct rh_text id = rh_json_get(old, "id"), *labels;
    size_t n_labels;
    enum rh_rc rc = old ? RH_OK : new_id(k, &id);
    if (!rc)
        rc = rh_protocol_labels(k->c, k->a->result, x->p, x->i, &labels, &n_labels);
    if (rc)
        return rc;
    struct rh_buf b = rh_buf(k->c->arena);
    write_start(k, &b, x->kind->type, id, labels, n_labels);
    write_identifier(&b, x->kind->system, x->name);
    (x->kind == &flag ? write_flag : write_task)(k, &b, x, old, on);
    rc = add_op(k, old ? RH_UPDATE : RH_CREATE, x->kind->type, id, &b);
    if (rc)
        return rc;
    struct rh_write_op *op = &k->write->ops[k->n - 1];
    if (old)
        op->if_match = rh_text(k->a->tags[there].text);
    else
        op->criteria = criteria(k, x);
    return old || op->criteria.data ? RH_OK : RH_NOMEM;
}

/* One stands, if any does; the others end. */
static enum rh_rc keep_rule(struct keep *k, const struct kept *x, bool on)
{
    size_t there = SIZE_MAX;
    enum rh_rc rc = RH_OK;
    for (size_t n = 0; n < k->a->n_resources; n++)
        if (is_kept(k, x, n) && (there == SIZE_MAX || has_ended(x->kind, k->a->resources[there])))
            there = n;
    for (size_t n = 0; n < k->a->n_resources && !rc; n++)
        if ((!on || n != there) && is_kept(k, x, n) && !has_ended(x->kind, k->a->resources[n]))
            rc = keep_one(k, x, n, false);
    return on && !rc ? keep_one(k, x, there, true) : rc;
}

/* A hold or an item of which nobody can say whether it holds changes nothing that is kept. */
static enum rh_rc keep_rules(struct keep *k, size_t p)
{
    const struct rh_protocol *protocol = rh_protocol_set_at(k->a->set, p);
    enum rh_rc rc = RH_OK;
    for (size_t i = 0; i < rh_protocol_n_rules(protocol) && !rc; i++) {
        enum rh_protocol_part part = rh_protocol_rule(protocol, i).part;
        struct kept x = {part == RH_PART_HOLD ? &flag : &task, p, i, rule_name(k, p, i)};
        enum rh_outcome is = rh_protocol_outcome(k->a->result, p, i);
        if (!x.name.data)
            return RH_NOMEM;
        if (part == RH_PART_HOLD && (is == RH_OUTCOME_YES || is == RH_OUTCOME_NO))
            rc = keep_rule(k, &x, is == RH_OUTCOME_YES);
        else if (part == RH_PART_ITEM && rh_protocol_to_do(k->a->result, p, i))
            rc = keep_rule(k, &x, true);
        else if (part == RH_PART_ITEM && rh_protocol_settled(k->a->result, p, i))
            rc = keep_rule(k, &x, false);
    }
    return rc;
}

/* --- the ClinicalImpression --------------------------------------------------------------------
 */

/* The newest one of a protocol. *ret_rows 0: there is none. */
static enum rh_rc newest(struct keep *k, struct rh_text patient, struct rh_text protocol,
                         struct rh_page *page)
{
    struct rh_buf q = rh_buf(k->c->arena);
    rh_buf_str(&q, "_count=1&_sort=-_lastUpdated&patient=");
    rh_buf_percent(&q, patient);
    rh_buf_str(&q, "&identifier=");
    rh_buf_percent(&q, RH_TEXT(OURS_ASSESSMENT "|"));
    rh_buf_percent(&q, protocol);
    struct rh_query *parsed = rh_arena_zero(k->c->arena, sizeof *parsed);
    struct rh_search_request r = {.type = type_of("ClinicalImpression"), .query = rh_buf_get(&q)};
    if (q.rc || !parsed)
        return RH_NOMEM;
    return rh_record_search(k->s, k->c, k->caller, &r, page, parsed);
}

static void write_findings(struct keep *k, struct rh_buf *b, size_t p)
{
    const struct rh_protocol *protocol = rh_protocol_set_at(k->a->set, p);
    unsigned n = 0;
    for (size_t i = 0; i < rh_protocol_n_rules(protocol); i++) {
        struct rh_protocol_rule rule = rh_protocol_rule(protocol, i);
        yyjson_val *codes = yyjson_obj_get(rule.action, "code");
        if (rule.part != RH_PART_CLASS ||
            rh_protocol_outcome(k->a->result, p, i) != RH_OUTCOME_YES || !yyjson_arr_size(codes))
            continue;
        rh_buf_str(b,
                   n++ ? ",{\"itemCodeableConcept\":" : ",\"finding\":[{\"itemCodeableConcept\":");
        rh_json_write(b, yyjson_arr_get_first(codes));
        rh_buf_char(b, '}');
    }
    rh_buf_str(b, n ? "]" : "");
}

static void write_clearance(struct keep *k, struct rh_buf *b, size_t p)
{
    struct rh_protocol_clearance c = rh_protocol_clearance(k->a->result, p);
    rh_buf_printf(b,
                  ",\"extension\":[{\"url\":\"" RH_RIHLA_EXT "clearance\",\"extension\":["
                  "{\"url\":\"status\",\"valueCode\":\"%s\"}",
                  rh_clearance_code(c.status));
    if (c.expires.len) {
        rh_buf_str(b, ",{\"url\":\"expires\",\"valueDate\":");
        rh_buf_json(b, c.expires);
        rh_buf_char(b, '}');
    }
    rh_buf_printf(b, ",{\"url\":\"draft\",\"valueBoolean\":%s}]}]", c.draft ? "true" : "false");
}

/* What was kept last is of this day or an earlier one: an evaluation of the past would end what
 * holds now. */
static enum rh_rc check_last(struct keep *k, struct rh_text protocol, const struct rh_page *page)
{
    yyjson_doc *doc;
    if (!page->n)
        return RH_OK;
    enum rh_rc rc = rh_json_parse(k->c->arena, k->c->issues, page->rows[0].body, &doc);
    if (rc)
        return rc;
    struct rh_text last = rh_json_get(yyjson_doc_get_root(doc), "effectiveDateTime");
    if (rh_text_cmp(last, k->a->date) <= 0)
        return RH_OK;
    return rh_issue_add(k->c->issues, RH_CONFLICT, NULL,
                        "An evaluation of %.*s of a later day (%.*s) is kept already: "
                        "ClinicalImpression/%.*s. One of %.*s can be asked for (GET), not kept.",
                        RH_TEXT_ARG(protocol), RH_TEXT_ARG(last), RH_TEXT_ARG(page->rows[0].id),
                        RH_TEXT_ARG(k->a->date));
}

static enum rh_rc keep_impression(struct keep *k, size_t p, const char **ret_id)
{
    struct rh_protocol_about about = rh_protocol_about(rh_protocol_set_at(k->a->set, p));
    struct rh_page page = {0};
    struct rh_text id, *labels;
    size_t n_labels;
    enum rh_rc rc = newest(k, k->a->patient, about.name, &page);
    if (!rc)
        rc = check_last(k, about.name, &page);
    if (!rc)
        rc = new_id(k, &id);
    if (!rc)
        rc = rh_protocol_labels(k->c, k->a->result, p, SIZE_MAX, &labels, &n_labels);
    if (rc)
        return rc;
    struct rh_buf b = rh_buf(k->c->arena), protocol = rh_buf(k->c->arena);
    write_start(k, &b, "ClinicalImpression", id, labels, n_labels);
    write_clearance(k, &b, p);
    write_identifier(&b, OURS_ASSESSMENT, about.name);
    rh_buf_str(&b, ",\"status\":\"in-progress\"");
    write_member(&b, "description", yyjson_obj_get(about.plan, "title"));
    write_subject(k, &b, "subject");
    rh_buf_str(&b, ",\"effectiveDateTime\":");
    rh_buf_json(&b, k->a->date);
    if (page.n)
        rh_buf_printf(&b, ",\"previous\":{\"reference\":\"ClinicalImpression/%.*s\"}",
                      RH_TEXT_ARG(page.rows[0].id));
    rh_buf_text(&protocol, about.url);
    rh_buf_char(&protocol, '|');
    rh_buf_text(&protocol, about.version);
    rh_buf_str(&b, ",\"protocol\":[");
    rh_buf_json(&b, rh_buf_get(&protocol));
    rh_buf_char(&b, ']');
    write_findings(k, &b, p);
    rh_buf_char(&b, '}');
    *ret_id = id.data;
    return protocol.rc ? protocol.rc : add_op(k, RH_CREATE, "ClinicalImpression", id, &b);
}

enum rh_rc rh_assessment_keep(struct rh_session *s, struct rh_ctx *c,
                              const struct rh_caller *caller, const struct rh_assessment *a,
                              struct rh_write **ret, const char *const **ret_impressions)
{
    struct keep k = {.s = s, .c = c, .caller = caller, .a = a};
    size_t n = rh_protocol_set_count(a->set);
    const char **ids = rh_arena_zero(c->arena, (n + 1) * sizeof *ids);
    if (!ids)
        return RH_NOMEM;
    if (a->may_see)
        return rh_issue_add(
            c->issues, RH_FORBIDDEN, NULL,
            "An evaluation that leaves something out is not kept: it would be taken "
            "for the whole.");
    enum rh_rc rc =
        rh_write_open(c, caller, RH_WRITE_TRANSACTION, RH_ASSESSMENT_WRITES_MAX, &k.write);
    for (size_t p = 0; p < n && !rc; p++) {
        rc = keep_impression(&k, p, &ids[p]);
        if (!rc)
            rc = keep_rules(&k, p);
    }
    if (rc)
        return rc;
    k.write->n = k.n;
    k.write->own = true;
    *ret = k.write;
    *ret_impressions = ids;
    return RH_OK;
}

/* --- signing -----------------------------------------------------------------------------------
 */

static yyjson_val *clearance_part(yyjson_val *impression, const char *url)
{
    size_t i, max, j, many;
    yyjson_val *outer, *inner;
    yyjson_arr_foreach (yyjson_obj_get(impression, "extension"), i, max, outer)
        yyjson_arr_foreach (yyjson_obj_get(outer, "extension"), j, many, inner)
            if (rh_text_is(rh_json_get(inner, "url"), url))
                return inner;
    return NULL;
}

static struct rh_text assessed_protocol(yyjson_val *impression)
{
    size_t i, max;
    yyjson_val *one;
    yyjson_arr_foreach (yyjson_obj_get(impression, "identifier"), i, max, one)
        if (rh_text_is(rh_json_get(one, "system"), OURS_ASSESSMENT))
            return rh_json_get(one, "value");
    return (struct rh_text){NULL, 0};
}

/* Of what is to be signed: that it is a proposal, and the last one. */
static enum rh_rc check_proposal(struct keep *k, yyjson_val *r, struct rh_text id, bool drafts)
{
    struct rh_text protocol = assessed_protocol(r),
                   who = rh_json_get(yyjson_obj_get(r, "subject"), "reference");
    struct rh_page page = {0};
    if (!protocol.len || !rh_text_starts(who, "Patient/"))
        return rh_issue_add(k->c->issues, RH_RULE, NULL,
                            "ClinicalImpression/%.*s is not the evaluation of a protocol.",
                            RH_TEXT_ARG(id));
    if (!rh_text_is(rh_json_get(r, "status"), "in-progress"))
        return rh_issue_add(k->c->issues, RH_CONFLICT, NULL,
                            "ClinicalImpression/%.*s is no proposal any more; its status is %.*s.",
                            RH_TEXT_ARG(id), RH_TEXT_ARG(rh_json_get(r, "status")));
    who.data += 8;
    who.len -= 8;
    enum rh_rc rc = newest(k, who, protocol, &page);
    if (rc)
        return rc;
    if (!page.n || !rh_text_eq(page.rows[0].id, id))
        return rh_issue_add(
            k->c->issues, RH_CONFLICT, NULL,
            "A newer evaluation of %.*s is there: ClinicalImpression/%.*s. Sign that "
            "one.",
            RH_TEXT_ARG(protocol), page.n ? (int)page.rows[0].id.len : 0,
            page.n ? page.rows[0].id.data : "");
    yyjson_val *draft = clearance_part(r, "draft");
    if (!drafts && yyjson_is_true(yyjson_obj_get(draft, "valueBoolean")))
        return rh_issue_add(
            k->c->issues, RH_RULE, NULL,
            "The evaluation rests on rules that no primary source confirms. Whoever "
            "signs it takes them over: say so with drafts=true.");
    return RH_OK;
}

static void write_signed(struct rh_buf *b, yyjson_val *r, struct rh_text practitioner)
{
    size_t i, max;
    yyjson_val *key, *value;
    rh_buf_char(b, '{');
    yyjson_obj_foreach (r, i, max, key, value) {
        if (yyjson_equals_str(key, "assessor"))
            continue;
        if (i)
            rh_buf_char(b, ',');
        rh_buf_json(b, rh_json_text(key));
        rh_buf_char(b, ':');
        if (yyjson_equals_str(key, "status"))
            rh_buf_str(b, "\"completed\"");
        else
            rh_json_write(b, value);
    }
    rh_buf_printf(b, ",\"assessor\":{\"reference\":\"Practitioner/%.*s\"}}",
                  RH_TEXT_ARG(practitioner));
}

enum rh_rc rh_assessment_sign(struct rh_session *s, struct rh_ctx *c,
                              const struct rh_caller *caller, struct rh_text impression,
                              struct rh_text practitioner, bool drafts, struct rh_write **ret)
{
    struct keep k = {.s = s, .c = c, .caller = caller};
    struct rh_version v, who;
    char vid[RH_VERSION_ID_SIZE];
    yyjson_doc *doc;
    enum rh_rc rc = rh_record_read(s, c, caller, type_of("Practitioner"), practitioner, &who);
    if (rc)
        return rh_issue_add(c->issues, rc, NULL, "Practitioner/%.*s, who is to sign, is not here.",
                            RH_TEXT_ARG(practitioner));
    rc = rh_record_read(s, c, caller, type_of("ClinicalImpression"), impression, &v);
    if (rc)
        return rh_issue_add(c->issues, rc, NULL, "ClinicalImpression/%.*s is not here.",
                            RH_TEXT_ARG(impression));
    rh_version_id(v.origin, v.seq, vid);
    rc = rh_json_parse(c->arena, c->issues, v.body, &doc);
    if (!rc)
        rc = check_proposal(&k, yyjson_doc_get_root(doc), impression, drafts);
    if (!rc)
        rc = rh_write_open(c, caller, RH_WRITE_SINGLE, 1, &k.write);
    if (rc)
        return rc;
    struct rh_buf b = rh_buf(c->arena);
    write_signed(&b, yyjson_doc_get_root(doc), practitioner);
    rc = add_op(&k, RH_UPDATE, "ClinicalImpression", impression, &b);
    if (!rc)
        k.write->ops[0].if_match = rh_text(rh_arena_printf(c->arena, "W/\"%s\"", vid));
    *ret = k.write;
    return rc;
}
