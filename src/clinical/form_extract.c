/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * form_extract.c - answers as resources: the walk over form and response, ids and labels, what
 * changed since the last time, the Bundle.
 *
 * SDC, "Form Data Extraction". An id is made of the response's id and the item: the same answers
 * again change the same resources, and two sites that extract the same response agree.
 */
#include "clinical/form_extract_int.h"

#include "fhir/primitive.h"

#include "base/datetime.h"

#define ALLOCATE   RH_SDC_EXT "sdc-questionnaire-extractAllocateId"
#define IS_SUBJECT RH_SDC_EXT "sdc-questionnaire-isSubject"
#define LABEL      RH_FORM_EXT "label"
#define ITEM_ID    "https://rihla.example/fhir/NamingSystem/response-item"

/* --- small things --------------------------------------------------------------------------------
 */
bool rh_extract_stop(struct rh_extract *x)
{
    if (!x->rc && ++x->work > RH_EXTRACT_WORK_MAX)
        x->rc = rh_issue_add(x->c->issues, RH_TOOLARGE, NULL,
                             "The answers are too much work to be extracted.");
    return x->rc != RH_OK;
}

void rh_extract_warn(struct rh_extract *x, struct rh_text link, const char *format, ...)
{
    va_list ap;
    if (x->quiet || !x->c->issues)
        return;
    va_start(ap, format);
    const char *text = rh_arena_vprintf(x->c->arena, format, ap);
    va_end(ap);
    const char *whole =
        link.len ? rh_arena_printf(x->c->arena, "%.*s: %s", RH_TEXT_ARG(link), text) : text;
    rh_issue_at(x->c->issues,
                (struct rh_issue){.severity = RH_WARNING, .rc = RH_INVALID, .text = whole});
}

struct rh_text rh_extract_key(struct rh_extract *x, struct rh_text key, const char *more, size_t n)
{
    const char *p = rh_arena_printf(x->c->arena, "%.*s%s%zu", RH_TEXT_ARG(key), more, n);
    if (!p)
        x->rc = RH_NOMEM;
    return p ? rh_text(p) : key;
}

/* FNV-1a, 128 bits (draft-eastlake-fnv), as a UUID of version 8 (RFC 9562, 5.8). */
const char *rh_extract_uuid(struct rh_extract *x, struct rh_text key)
{
    static const char hex[] = "0123456789abcdef";
    const unsigned __int128 prime = ((unsigned __int128)1 << 88) + 0x13B;
    unsigned __int128 h = ((unsigned __int128)0x6C62272E07BB0142U << 64) + 0x62B821756295C58DU;
    struct rh_text parts[3] = {x->seed, RH_TEXT("|"), key};
    unsigned char bytes[16];
    char *out = rh_arena_alloc(x->c->arena, 37);
    if (!out) {
        x->rc = RH_NOMEM;
        return "";
    }
    for (int p = 0; p < 3; p++)
        for (size_t i = 0; i < parts[p].len; i++)
            h = (h ^ (unsigned char)parts[p].data[i]) * prime;
    for (int i = 0; i < 16; i++) /* the last characters reach every bit */
        h = (h ^ (h >> 121)) * prime;
    for (int i = 0; i < 16; i++)
        bytes[i] = (unsigned char)(h >> (120 - 8 * i));
    bytes[6] = (unsigned char)(0x80 | (bytes[6] & 0x0F));
    bytes[8] = (unsigned char)(0x80 | (bytes[8] & 0x3F));
    char *p = out;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = hex[bytes[i] >> 4];
        *p++ = hex[bytes[i] & 15];
    }
    *p = 0;
    return out;
}

/* --- expressions ---------------------------------------------------------------------------------
 */
bool rh_extract_eval(struct rh_extract *x, const struct rh_form_place *at,
                     struct rh_text expression, const struct rh_fp_item *focus,
                     struct rh_fp_list *ret)
{
    const char *why = NULL;
    *ret = (struct rh_fp_list){0};
    if (rh_extract_stop(x))
        return false;
    enum rh_rc rc = rh_form_scope_eval(&x->scope, at, expression, focus, ret, &why);
    if (rc == RH_NOMEM)
        x->rc = rc;
    else if (rc)
        rh_extract_warn(x, at->up ? rh_json_get(at->question, "linkId") : RH_TEXT(""),
                        "the expression \"%.*s\" cannot be computed: %s",
                        RH_TEXT_ARG(rh_text_shown(expression, 200)), why ? why : "");
    return rc == RH_OK;
}

struct rh_text rh_extract_text(struct rh_extract *x, const struct rh_form_place *at,
                               struct rh_text expression, const struct rh_fp_item *focus)
{
    struct rh_fp_list list;
    struct rh_text none = {"", 0};
    if (!expression.len || !rh_extract_eval(x, at, expression, focus, &list) || !list.count)
        return none;
    yyjson_mut_val *v = rh_form_value_as(x, &list.items[0], rh_type_find(RH_TEXT("string")));
    return v ? (struct rh_text){yyjson_mut_get_str(v), yyjson_mut_get_len(v)} : none;
}

void rh_extract_request(struct rh_extract *x, const struct rh_form_place *at, yyjson_val *extension,
                        const struct rh_fp_item *focus, struct rh_extract_entry *e)
{
    const struct {
        const char *url;
        struct rh_text *to;
    } rows[] = {{"fullUrl", &e->full_url},          {"resourceId", &e->id},
                {"ifNoneMatch", &e->if_none_match}, {"ifModifiedSince", &e->if_modified_since},
                {"ifMatch", &e->if_match},          {"ifNoneExist", &e->if_none_exist}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        yyjson_val *v = rh_item_extension_value(extension, rows[i].url, NULL);
        if (v)
            *rows[i].to = rh_extract_text(x, at, rh_form_fhirpath(v), focus);
    }
}

struct rh_fp_item rh_extract_focus(const struct rh_form_place *at)
{
    return at->up ? rh_fp_node(rh_type_find(RH_TEXT("QuestionnaireResponse.item")), at->item, NULL)
                  : rh_fp_resource(at->item, false);
}

/* The question of an item among those of a group, looked for from the last one on; NULL: none. */
static yyjson_val *question_of(yyjson_val *questions, struct rh_text link, yyjson_val *from)
{
    size_t n = yyjson_is_arr(questions) ? yyjson_arr_size(questions) : 0;
    yyjson_val *first = yyjson_arr_get_first(questions), *q = from ? from : first;
    const yyjson_val *end = n ? unsafe_yyjson_get_next(questions) : NULL;
    for (size_t k = 0; k < n; k++) {
        if (rh_text_eq(rh_json_get(q, "linkId"), link))
            return q;
        q = unsafe_yyjson_get_next(q);
        if (q >= end)
            q = first;
    }
    return NULL;
}

/* --- labels --------------------------------------------------------------------------------------
 */
static void add_label(yyjson_val **labels, unsigned *n, yyjson_val *coding)
{
    for (unsigned i = 0; i < *n; i++)
        if (rh_text_eq(rh_json_get(labels[i], "code"), rh_json_get(coding, "code")) &&
            rh_text_eq(rh_json_get(labels[i], "system"), rh_json_get(coding, "system")))
            return;
    if (*n < RH_EXTRACT_LABELS_MAX)
        labels[(*n)++] = coding;
}

static void labels_of(yyjson_val *question, yyjson_val **labels, unsigned *n)
{
    yyjson_val *list = yyjson_obj_get(question, "extension"), *e;
    size_t i, max;
    yyjson_arr_foreach (list, i, max, e) {
        yyjson_val *v = yyjson_obj_get(e, "valueCoding");
        if (v && rh_text_is(rh_json_get(e, "url"), LABEL))
            add_label(labels, n, v);
    }
}

/* Of everything that is answered below: a resource of a group may be made of it. */
static void labels_below(struct rh_extract *x, yyjson_val *question, yyjson_val *owner,
                         struct rh_extract_entry *e, unsigned depth)
{
    yyjson_val *list = yyjson_obj_get(owner, "item"), *questions = yyjson_obj_get(question, "item");
    yyjson_val *v, *q, *answer, *last = NULL;
    size_t i, n, k, l;
    if (depth > RH_EXTRACT_DEPTH_MAX || rh_extract_stop(x))
        return;
    yyjson_arr_foreach (list, i, n, v) {
        q = question_of(questions, rh_json_get(v, "linkId"), last);
        if (!q)
            continue;
        last = q;
        yyjson_val *answers = yyjson_obj_get(v, "answer");
        if (yyjson_arr_size(answers))
            labels_of(q, e->labels, &e->n_labels);
        labels_below(x, q, v, e, depth + 1);
        yyjson_arr_foreach (answers, k, l, answer)
            labels_below(x, q, answer, e, depth + 1);
    }
}

struct rh_extract_entry *rh_extract_add(struct rh_extract *x, const struct rh_extract_at *at,
                                        struct rh_text key, yyjson_mut_val *resource)
{
    if (x->n_entries >= RH_EXTRACT_ENTRIES_MAX) {
        x->rc = rh_issue_add(x->c->issues, RH_TOOLARGE, NULL,
                             "The answers give more than %d resources.", RH_EXTRACT_ENTRIES_MAX);
        return NULL;
    }
    struct rh_extract_entry *rows =
        rh_arena_grow(x->c->arena, x->entries, &x->cap_entries, x->n_entries + 1, sizeof *rows);
    if (!rows || !resource) {
        x->rc = RH_NOMEM;
        return NULL;
    }
    x->entries = rows;
    struct rh_extract_entry *e = &rows[x->n_entries++];
    *e = (struct rh_extract_entry){.resource = resource, .key = key};
    for (unsigned i = 0; i < at->n_labels; i++)
        add_label(e->labels, &e->n_labels, at->labels[i]);
    labels_below(x, at->place.question, at->place.item, e, 0);
    return e;
}

/* --- the walk ------------------------------------------------------------------------------------
 */
/* Ids that the form wants here, as variables. */
static void allocate(struct rh_extract *x, struct rh_extract_at *at)
{
    yyjson_val *list = yyjson_obj_get(at->place.question, "extension"), *e;
    size_t i, n, count = 0;
    yyjson_arr_foreach (list, i, n, e)
        count += rh_text_is(rh_json_get(e, "url"), ALLOCATE);
    if (!count)
        return;
    struct rh_fp_variable *own = rh_arena_zero(x->c->arena, count * sizeof *own);
    struct rh_fp_item *items = rh_arena_zero(x->c->arena, count * sizeof *items);
    if (!own || !items) {
        x->rc = RH_NOMEM;
        return;
    }
    count = 0;
    yyjson_arr_foreach (list, i, n, e) {
        struct rh_text name = rh_json_get(e, "valueString");
        if (!rh_text_is(rh_json_get(e, "url"), ALLOCATE) || !name.len)
            continue;
        const char *key =
            rh_arena_printf(x->c->arena, "%.*s%%%.*s", RH_TEXT_ARG(at->key), RH_TEXT_ARG(name));
        const char *url =
            rh_arena_printf(x->c->arena, "urn:uuid:%s", rh_extract_uuid(x, rh_text(key)));
        if (!key || !url) {
            x->rc = RH_NOMEM;
            return;
        }
        items[count] = (struct rh_fp_item){.kind = RH_FP_STRING, .text = rh_text(url)};
        own[count] = (struct rh_fp_variable){
            .name = name, .value = {.items = &items[count], .count = 1, .cap = 1}};
        count++;
    }
    at->place.own = own;
    at->place.n_own = count;
}

/* An item that says who the group is about. */
static void find_subject(struct rh_extract_at *at)
{
    yyjson_val *questions = yyjson_obj_get(at->place.question, "item"), *q, *v;
    yyjson_val *list = yyjson_obj_get(at->place.item, "item");
    size_t i, n, j, m;
    yyjson_arr_foreach (questions, i, n, q) {
        if (!yyjson_is_true(rh_item_extension_value(q, IS_SUBJECT, NULL)))
            continue;
        yyjson_arr_foreach (list, j, m, v) {
            yyjson_val *r =
                yyjson_obj_get(yyjson_arr_get_first(yyjson_obj_get(v, "answer")), "valueReference");
            if (r && rh_text_eq(rh_json_get(v, "linkId"), rh_json_get(q, "linkId")))
                at->subject = r;
        }
    }
}

static void walk(struct rh_extract *x, const struct rh_extract_at *up, yyjson_val *owner,
                 unsigned depth);

static void walk_item(struct rh_extract *x, const struct rh_extract_at *up, yyjson_val *question,
                      yyjson_val *item, size_t number, unsigned depth)
{
    yyjson_val *answers = yyjson_obj_get(item, "answer"), *answer;
    struct rh_text id = rh_json_get(item, "id"), link = rh_json_get(question, "linkId");
    struct rh_extract_at at = *up;
    size_t i, n;
    at.place = (struct rh_form_place){.up = &up->place, .question = question, .item = item};
    at.up = up;
    const char *key =
        rh_arena_printf(x->c->arena, "%.*s/%.*s", RH_TEXT_ARG(up->key), RH_TEXT_ARG(link));
    at.key = key ? rh_text(key) : up->key;
    if (id.len)
        key = rh_arena_printf(x->c->arena, "%.*s#%.*s", RH_TEXT_ARG(at.key), RH_TEXT_ARG(id));
    if (!key) {
        x->rc = RH_NOMEM;
        return;
    }
    at.key = rh_text(key);
    if (!id.len && number)
        at.key = rh_extract_key(x, at.key, "#", number);
    labels_of(question, at.labels, &at.n_labels);
    allocate(x, &at);
    find_subject(&at);
    rh_extract_observation_inherit(&at);
    rh_extract_definition_begin(x, &at);
    rh_extract_definition_answers(x, &at);
    rh_extract_template(x, &at);
    struct rh_observation *outer = at.observation;
    if (yyjson_arr_size(answers) == 0) {
        rh_extract_observation_begin(x, &at, -1);
        walk(x, &at, item, depth + 1);
        rh_extract_observation_end(x, &at, outer);
    }
    yyjson_arr_foreach (answers, i, n, answer) {
        at.observation = outer;
        rh_extract_observation_begin(x, &at, (long)i);
        walk(x, &at, answer, depth + 1);
        rh_extract_observation_end(x, &at, outer);
    }
    rh_extract_definition_end(x, &at, up->target);
}

static void walk(struct rh_extract *x, const struct rh_extract_at *up, yyjson_val *owner,
                 unsigned depth)
{
    yyjson_val *questions = yyjson_obj_get(up->place.question, "item"), *v;
    yyjson_val *list = yyjson_obj_get(owner, "item"), *last = NULL;
    size_t i, n, number = 0;
    if (depth > RH_EXTRACT_DEPTH_MAX)
        return;
    yyjson_arr_foreach (list, i, n, v) {
        struct rh_text link = rh_json_get(v, "linkId");
        if (rh_extract_stop(x))
            return;
        yyjson_val *q = question_of(questions, link, last);
        if (!q)
            continue;
        if (q == last) {
            number++;
        } else if (!last || q > last) {
            number = 0; /* documents lie in order, and so do responses, mostly */
        } else {
            yyjson_val *before = yyjson_arr_get_first(list);
            number = 0;
            for (size_t k = 0; k < i; k++, before = unsafe_yyjson_get_next(before))
                number += rh_text_eq(rh_json_get(before, "linkId"), link);
        }
        last = q;
        walk_item(x, up, q, v, number, depth);
    }
}

static void extract(struct rh_extract *x)
{
    struct rh_extract_at at = {.place = {.question = x->questionnaire, .item = x->response},
                               .category_of = x->questionnaire,
                               .subject = yyjson_obj_get(x->response, "subject"),
                               .key = RH_TEXT("")};
    labels_of(x->questionnaire, at.labels, &at.n_labels);
    allocate(x, &at);
    rh_extract_observation_inherit(&at);
    rh_extract_definition_begin(x, &at);
    rh_extract_definition_answers(x, &at);
    rh_extract_template(x, &at);
    walk(x, &at, x->response, 0);
    rh_extract_definition_end(x, &at, NULL);
}

/* --- finishing an entry --------------------------------------------------------------------------
 */
static const char *resource_type(const struct rh_extract_entry *e)
{
    const char *t = yyjson_mut_get_str(yyjson_mut_obj_get(e->resource, "resourceType"));
    return t ? t : "";
}

static yyjson_mut_val *member(struct rh_extract *x, yyjson_mut_val *o, const char *name, bool array)
{
    yyjson_mut_val *v = yyjson_mut_obj_get(o, name);
    if (!v) {
        v = array ? yyjson_mut_arr(x->doc) : yyjson_mut_obj(x->doc);
        yyjson_mut_obj_add_val(x->doc, o, name, v);
    }
    return v;
}

static yyjson_mut_val *text_value(struct rh_extract *x, struct rh_text t)
{
    return yyjson_mut_strncpy(x->doc, t.data ? t.data : "", t.len);
}

static void put_labels(struct rh_extract *x, struct rh_extract_entry *e)
{
    if (!e->n_labels)
        return;
    yyjson_mut_val *list = member(x, member(x, e->resource, "meta", false), "security", true);
    for (unsigned i = 0; i < e->n_labels; i++)
        yyjson_mut_arr_append(list, yyjson_val_mut_copy(x->doc, e->labels[i]));
}

/* Where the resource comes from, for who looks at it alone; only types that have an identifier
 * list. */
static void put_identifier(struct rh_extract *x, struct rh_extract_entry *e)
{
    const struct rh_type *t = rh_type_find(rh_text(resource_type(e)));
    const struct rh_element *el = t ? rh_element_find(t, RH_TEXT("identifier")) : NULL;
    if (!x->response_id.len || strcmp(resource_type(e), "Observation") != 0 || !el || !el->many)
        return;
    const char *value =
        rh_arena_printf(x->c->arena, "%.*s|%.*s", RH_TEXT_ARG(x->response_id), RH_TEXT_ARG(e->key));
    yyjson_mut_val *one = yyjson_mut_obj(x->doc);
    yyjson_mut_obj_add_strcpy(x->doc, one, "system", ITEM_ID);
    yyjson_mut_obj_add_strcpy(x->doc, one, "value", value ? value : "");
    yyjson_mut_arr_append(member(x, e->resource, "identifier", true), one);
}

/* Its id and address: what the form says, else made of the key. A conditional create has none. */
static void identify(struct rh_extract *x, struct rh_extract_entry *e)
{
    yyjson_mut_val *own = yyjson_mut_obj_get(e->resource, "id");
    if (!e->id.len && own)
        e->id = (struct rh_text){yyjson_mut_get_str(own), yyjson_mut_get_len(own)};
    if (rh_text_starts(e->id, "urn:uuid:"))
        e->id = (struct rh_text){e->id.data + 9, e->id.len - 9};
    if (e->id.len && !rh_id_is(e->id)) /* an answer may stand in it: it goes into an address */
        e->id = RH_TEXT("");
    /* Never of a fullUrl: a template may have the same one for everybody. */
    if (!e->id.len && !e->if_none_exist.len && x->response_id.len)
        e->id = rh_text(rh_extract_uuid(x, e->key));
    bool twice = false;
    for (struct rh_extract_entry *o = x->entries; e->full_url.len && o < e; o++)
        twice |= rh_text_eq(o->full_url, e->full_url);
    if (!e->full_url.len || twice) {
        const char *url = rh_arena_printf(x->c->arena, "urn:uuid:%s", rh_extract_uuid(x, e->key));
        e->full_url = rh_text(url ? url : "");
    }
    if (!e->id.len)
        return;
    if (own)
        yyjson_mut_obj_remove_key(e->resource, "id");
    yyjson_mut_val *name = yyjson_mut_strcpy(x->doc, "id");
    yyjson_mut_obj_insert(e->resource, name, text_value(x, e->id), 1);
}

static enum rh_rc finish(struct rh_extract *x)
{
    for (size_t i = 0; i < x->n_entries && !x->rc; i++) {
        put_labels(x, &x->entries[i]);
        put_identifier(x, &x->entries[i]);
        identify(x, &x->entries[i]);
    }
    return x->rc;
}

/* --- the Bundle ----------------------------------------------------------------------------------
 */
static void write_mut(struct rh_extract *x, const yyjson_mut_val *v, struct rh_buf *out)
{
    yyjson_alc alc = rh_json_alc(x->c->arena);
    size_t len = 0;
    char *text = yyjson_mut_val_write_opts(v, 0, &alc, &len, NULL);
    if (text)
        rh_buf_add(out, text, len);
    else
        x->rc = RH_NOMEM;
}

static void request_member(struct rh_buf *out, const char *name, struct rh_text t)
{
    if (!t.len)
        return;
    rh_buf_printf(out, ",\"%s\":", name);
    rh_buf_json(out, t);
}

static void write_entry(struct rh_extract *x, const struct rh_extract_entry *e, struct rh_buf *out)
{
    const char *type = resource_type(e);
    rh_buf_str(out, "{\"fullUrl\":");
    rh_buf_json(out, e->full_url);
    rh_buf_str(out, ",\"resource\":");
    write_mut(x, e->resource, out);
    rh_buf_printf(out, ",\"request\":{\"method\":\"%s\",\"url\":\"%s%s", e->id.len ? "PUT" : "POST",
                  type, e->id.len ? "/" : "");
    rh_buf_text(out, e->id);
    rh_buf_char(out, '"');
    request_member(out, "ifNoneMatch", e->if_none_match);
    request_member(out, "ifModifiedSince", e->if_modified_since);
    request_member(out, "ifMatch", e->if_match);
    request_member(out, "ifNoneExist", e->if_none_exist);
    rh_buf_str(out, "}}");
}

/* The status that says that a resource was never true, by type; the rest is deleted. */
static bool withdraw(struct rh_extract *x, struct rh_extract_entry *e)
{
    static const char *const plain[] = {"Observation",
                                        "DiagnosticReport",
                                        "Procedure",
                                        "Immunization",
                                        "MedicationStatement",
                                        "MedicationRequest",
                                        "ServiceRequest",
                                        "Consent",
                                        "Flag",
                                        "FamilyMemberHistory",
                                        "QuestionnaireResponse",
                                        "ClinicalImpression",
                                        "Task",
                                        "CarePlan",
                                        "Goal",
                                        "Media",
                                        "Encounter",
                                        "DocumentReference",
                                        "RiskAssessment",
                                        "CareTeam"};
    static const char *const verified[] = {"Condition", "AllergyIntolerance"};
    const char *type = resource_type(e);
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        if (strcmp(type, plain[i]) == 0) {
            yyjson_mut_obj_remove_key(e->resource, "status");
            yyjson_mut_obj_add_str(x->doc, e->resource, "status", "entered-in-error");
            return true;
        }
    for (size_t i = 0; i < sizeof verified / sizeof verified[0]; i++) {
        if (strcmp(type, verified[i]) != 0)
            continue;
        const char *system =
            i ? "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification"
              : "http://terminology.hl7.org/CodeSystem/condition-ver-status";
        yyjson_mut_val *concept = yyjson_mut_obj(x->doc), *coding = yyjson_mut_obj(x->doc);
        yyjson_mut_obj_add_str(x->doc, coding, "system", system);
        yyjson_mut_obj_add_str(x->doc, coding, "code", "entered-in-error");
        yyjson_mut_arr_append(member(x, concept, "coding", true), coding);
        yyjson_mut_obj_remove_key(e->resource, "verificationStatus");
        yyjson_mut_obj_remove_key(e->resource, "clinicalStatus"); /* con-5, ait-2 */
        yyjson_mut_obj_add_val(x->doc, e->resource, "verificationStatus", concept);
        return true;
    }
    return false;
}

static bool same_place(const struct rh_extract_entry *a, const struct rh_extract_entry *b)
{
    return a->id.len && rh_text_eq(a->id, b->id) && strcmp(resource_type(a), resource_type(b)) == 0;
}

/* Is there nothing new? Then the record keeps what it has, with its date. */
static bool unchanged(struct rh_extract *x, struct rh_extract *before, struct rh_extract_entry *e)
{
    for (size_t i = 0; i < before->n_entries; i++) {
        struct rh_extract_entry *old = &before->entries[i];
        if (!same_place(old, e))
            continue;
        old->replaced = true;
        if (e->core.len && old->core.len) {
            if (rh_text_eq(e->core, old->core))
                return true;
            yyjson_mut_obj_remove_key(e->resource, "status");
            yyjson_mut_obj_add_str(x->doc, e->resource, "status", "amended");
            return false;
        }
        struct rh_buf a = rh_buf(x->c->arena), b = rh_buf(x->c->arena);
        write_mut(x, e->resource, &a);
        write_mut(x, old->resource, &b);
        return rh_text_eq(rh_buf_get(&a), rh_buf_get(&b));
    }
    return false;
}

static void write_withdrawn(struct rh_extract *before, bool *first, struct rh_buf *out)
{
    for (size_t i = 0; i < before->n_entries; i++) {
        struct rh_extract_entry *old = &before->entries[i];
        if (old->replaced || !old->id.len)
            continue;
        bool person = strcmp(resource_type(old), "Patient") == 0;
        if (person) /* a person does not go because a form about them was amended */
            continue;
        rh_buf_str(out, *first ? "" : ",");
        *first = false;
        if (withdraw(before, old)) {
            write_entry(before, old, out);
        } else {
            rh_buf_printf(out, "{\"request\":{\"method\":\"DELETE\",\"url\":\"%s/%.*s\"}}",
                          resource_type(old), RH_TEXT_ARG(old->id));
        }
    }
}

static enum rh_rc open(struct rh_ctx *c, yyjson_val *questionnaire, yyjson_val *response,
                       const struct rh_form_extraction *o, yyjson_alc *alc, struct rh_extract *x)
{
    struct rh_buf seed = rh_buf(c->arena);
    *x = (struct rh_extract){.c = c, .o = o, .questionnaire = questionnaire, .response = response};
    x->scope = (struct rh_form_scope){.c = c,
                                      .questionnaire = questionnaire,
                                      .response = response,
                                      .context = o->context,
                                      .empty_context = true};
    *alc = rh_json_alc(c->arena);
    x->doc = yyjson_mut_doc_new(alc);
    x->response_id = rh_json_get(response, "id");
    if (!x->response_id.data)
        x->response_id = RH_TEXT("");
    x->seed = x->response_id;
    if (!x->seed.len) {
        rh_json_write(&seed, response);
        x->seed = rh_buf_get(&seed);
    }
    return x->doc ? seed.rc : RH_NOMEM;
}

static bool is_final(yyjson_val *response)
{
    struct rh_text s = rh_json_get(response, "status");
    return rh_text_is(s, "completed") || rh_text_is(s, "amended");
}

enum rh_rc rh_form_extract(struct rh_ctx *c, yyjson_val *questionnaire, yyjson_val *response,
                           const struct rh_form_extraction *o, struct rh_buf *out)
{
    static const struct rh_form_extraction plain = {0};
    struct rh_extract x, before = {0};
    yyjson_alc alc, alc_before;
    bool first = true;
    if (!o)
        o = &plain;
    if (!rh_text_is(rh_json_get(response, "resourceType"), "QuestionnaireResponse"))
        return rh_issue_add(c->issues, RH_STRUCTURE, NULL, "This is not a QuestionnaireResponse.");
    if (rh_json_get(response, "id").len && !rh_id_is(rh_json_get(response, "id")))
        return rh_issue_add(c->issues, RH_VALUE, "QuestionnaireResponse.id",
                            "An id has 1 to 64 letters, digits, '-' or '.'.");
    if (!rh_text_is(rh_json_get(questionnaire, "resourceType"), "Questionnaire"))
        return rh_issue_add(c->issues, RH_STRUCTURE, NULL, "This is not a Questionnaire.");
    bool withdrawn = rh_text_is(rh_json_get(response, "status"), "entered-in-error");
    if (!is_final(response) && !withdrawn)
        return rh_issue_add(c->issues, RH_RULE, "QuestionnaireResponse.status",
                            "Only a response that is completed or amended is extracted; this one "
                            "is \"%.*s\".",
                            RH_TEXT_ARG(rh_json_get(response, "status")));
    enum rh_rc rc = open(c, questionnaire, response, o, &alc, &x);
    if (!rc && o->previous && is_final(o->previous))
        rc = open(c, questionnaire, o->previous, o, &alc_before, &before);
    if (rc)
        return rc;
    if (!withdrawn)
        extract(&x);
    rc = finish(&x);
    if (!rc && before.doc) {
        before.quiet = true;
        extract(&before);
        rc = finish(&before);
    }
    if (rc)
        return rc;
    rh_buf_str(out, "{\"resourceType\":\"Bundle\",\"type\":\"transaction\",\"entry\":[");
    for (size_t i = 0; i < x.n_entries; i++) {
        if (before.doc && unchanged(&x, &before, &x.entries[i]))
            continue;
        rh_buf_str(out, first ? "" : ",");
        first = false;
        write_entry(&x, &x.entries[i], out);
    }
    if (before.doc)
        write_withdrawn(&before, &first, out);
    rh_buf_str(out, "]}");
    return x.rc ? x.rc : out->rc;
}
