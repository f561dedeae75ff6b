/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "programme/assessment.h"

#include "base/hash.h"
#include "search/query.h"

#define OURS_ASSESSMENT RH_RIHLA "/assessment" /* identifier: which protocol it was held against \
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

/* The person's Flag or Task of a rule, of whatever state; NULL: none. */
static yyjson_val *find_kept(struct keep *k, const char *type, const char *member,
                             const char *system, struct rh_text value)
{
    for (size_t i = 0; i < k->a->n_resources; i++) {
        yyjson_val *r = k->a->resources[i];
        struct rh_text who = rh_json_get(yyjson_obj_get(r, member), "reference");
        if (rh_text_is(rh_json_get(r, "resourceType"), type) && rh_text_starts(who, "Patient/") &&
            who.len == k->a->patient.len + 8 &&
            memcmp(who.data + 8, k->a->patient.data, k->a->patient.len) == 0 &&
            has_identifier(r, system, value))
            return r;
    }
    return NULL;
}

/* --- Flags and Tasks ---------------------------------------------------------------------------
 */

static struct rh_text rule_name(struct keep *k, size_t p, size_t i)
{
    const struct rh_protocol *protocol = rh_protocol_set_at(k->a->set, p);
    char *name =
        rh_arena_printf(k->c->arena, "%.*s#%.*s", RH_TEXT_ARG(rh_protocol_about(protocol).name),
                        RH_TEXT_ARG(rh_protocol_rule(protocol, i).id));
    return rh_text(name);
}

static void write_flag(struct keep *k, struct rh_buf *b, size_t p, size_t i, bool on)
{
    struct rh_protocol_rule rule = rh_protocol_rule(rh_protocol_set_at(k->a->set, p), i);
    struct rh_text until = rh_protocol_date(k->a->result, p, i);
    yyjson_val *codes = yyjson_obj_get(rule.action, "code");
    rh_buf_printf(b, ",\"status\":\"%s\",\"code\":", on ? "active" : "inactive");
    if (yyjson_arr_size(codes))
        rh_json_write(b, yyjson_arr_get_first(codes));
    else
        rh_buf_str(b, "{\"text\":\"hold\"}");
    write_subject(k, b, "subject");
    rh_buf_str(b, ",\"period\":{\"start\":");
    rh_buf_json(b, k->a->date);
    if (until.len && on) {
        rh_buf_str(b, ",\"end\":");
        rh_buf_json(b, until);
    } else if (!on) {
        rh_buf_str(b, ",\"end\":");
        rh_buf_json(b, k->a->date);
    }
    rh_buf_str(b, "}}");
}

static void write_task(struct keep *k, struct rh_buf *b, size_t p, size_t i, bool on)
{
    struct rh_protocol_rule rule = rh_protocol_rule(rh_protocol_set_at(k->a->set, p), i);
    struct rh_text due = rh_protocol_date(k->a->result, p, i);
    yyjson_val *codes = yyjson_obj_get(rule.action, "code");
    rh_buf_printf(b, ",\"status\":\"%s\",\"intent\":\"proposal\"", on ? "requested" : "completed");
    if (yyjson_arr_size(codes))
        write_member(b, "code", yyjson_arr_get_first(codes));
    write_member(b, "instantiatesCanonical", yyjson_obj_get(rule.action, "definitionCanonical"));
    write_member(b, "description", yyjson_obj_get(rule.action, "title"));
    write_subject(k, b, "for");
    rh_buf_str(b, ",\"authoredOn\":");
    rh_buf_json(b, k->a->date);
    if (due.len) {
        rh_buf_str(b, ",\"restriction\":{\"period\":{\"end\":");
        rh_buf_json(b, due);
        rh_buf_str(b, "}}");
    }
    rh_buf_char(b, '}');
}

/* Makes, changes or ends the resource of a rule; one that says the same already is left as it is by
 * the record. */
static enum rh_rc keep_rule(struct keep *k, size_t p, size_t i, bool hold, bool on)
{
    const char *type = hold ? "Flag" : "Task", *system = hold ? OURS_HOLD : OURS_TASK;
    struct rh_text name = rule_name(k, p, i), id = {NULL, 0}, *labels;
    size_t n_labels;
    if (!name.data)
        return RH_NOMEM;
    yyjson_val *there = find_kept(k, type, hold ? "subject" : "for", system, name);
    struct rh_text ended = hold ? RH_TEXT("inactive") : RH_TEXT("completed");
    if (!on && (!there || rh_text_eq(rh_json_get(there, "status"), ended)))
        return RH_OK;
    enum rh_rc rc = RH_OK;
    if (there)
        id = rh_json_get(there, "id");
    else
        rc = new_id(k, &id);
    if (!rc)
        rc = rh_protocol_labels(k->c, k->a->result, p, i, &labels, &n_labels);
    if (rc)
        return rc;
    struct rh_buf b = rh_buf(k->c->arena);
    write_start(k, &b, type, id, labels, n_labels);
    write_identifier(&b, system, name);
    if (hold)
        write_flag(k, &b, p, i, on);
    else
        write_task(k, &b, p, i, on);
    return add_op(k, there ? RH_UPDATE : RH_CREATE, type, id, &b);
}

static enum rh_rc keep_rules(struct keep *k, size_t p)
{
    const struct rh_protocol *protocol = rh_protocol_set_at(k->a->set, p);
    enum rh_rc rc = RH_OK;
    for (size_t i = 0; i < rh_protocol_n_rules(protocol) && !rc; i++) {
        enum rh_protocol_part part = rh_protocol_rule(protocol, i).part;
        if (part == RH_PART_HOLD)
            rc =
                keep_rule(k, p, i, true, rh_protocol_outcome(k->a->result, p, i) == RH_OUTCOME_YES);
        else if (part == RH_PART_ITEM)
            rc = keep_rule(k, p, i, false, rh_protocol_to_do(k->a->result, p, i));
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

static enum rh_rc keep_impression(struct keep *k, size_t p, const char **ret_id)
{
    struct rh_protocol_about about = rh_protocol_about(rh_protocol_set_at(k->a->set, p));
    struct rh_page page = {0};
    struct rh_text id, *labels;
    size_t n_labels;
    enum rh_rc rc = newest(k, k->a->patient, about.name, &page);
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
