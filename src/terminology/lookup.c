/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "terminology/request_int.h"

/* --- parts ------------------------------------------------------------------------------------ */

static void open_part(struct rh_buf *out, const char *name)
{
    tx_comma(out);
    rh_buf_printf(out, "{\"name\":\"%s\",\"part\":[", name);
}

static void write_property(struct rh_buf *out, struct rh_text code, const char *type,
                           const yyjson_val *value, struct rh_text description)
{
    open_part(out, "property");
    tx_write_text(out, "code", "valueCode", code);
    tx_write_json(out, "value", type, value);
    if (description.len)
        tx_write_text(out, "description", "valueString", description);
    rh_buf_str(out, "]}");
}

static void write_relatives(const struct terms_system *cs, const struct terms_lists *lists,
                            uint32_t i, const char *name, struct rh_buf *out)
{
    for (uint32_t k = lists->at[i]; k < lists->at[i + 1]; k++) {
        const struct terms_concept *other = &cs->concepts[lists->item[k]];
        open_part(out, "property");
        tx_write_text(out, "code", "valueCode", rh_text(name));
        tx_write_text(out, "value", "valueCode", other->code);
        if (other->display.len)
            tx_write_text(out, "description", "valueString", other->display);
        rh_buf_str(out, "]}");
    }
}

static void write_designation(const struct tx_designation *d, struct rh_buf *out)
{
    open_part(out, "designation");
    if (d->language.len)
        tx_write_text(out, "language", "valueCode", d->language);
    if (d->use) {
        tx_write_json(out, "use", "valueCoding", d->use);
    } else if (d->is_display) {
        tx_comma(out);
        rh_buf_str(out, "{\"name\":\"use\",\"valueCoding\":{\"system\":"
                        "\"http://terminology.hl7.org/CodeSystem/hl7TermMaintInfra\",\"code\":"
                        "\"preferredForLanguage\",\"display\":\"Preferred For Language\"}}");
    }
    tx_write_text(out, "value", "valueString", d->value);
    if (d->source.len)
        tx_write_text(out, "source", "valueCanonical", d->source);
    rh_buf_str(out, "]}");
}

/* --- the concept ------------------------------------------------------------------------------ */

/* Everything unless certain properties are asked for. */
static bool wanted(const struct tx *t, const char *name)
{
    return !t->properties.n || tx_text_has(&t->properties, rh_text(name)) ||
           tx_text_has(&t->properties, RH_TEXT("*"));
}

static void write_properties(struct tx *t, const struct terms_system *cs, uint32_t i,
                             struct rh_buf *out)
{
    struct terms_iter it = terms_members(cs->concepts[i].json, "property");
    struct rh_text inactive = terms_property_code(cs->body, "inactive");
    for (yyjson_val *p; (p = terms_next(&it));) {
        const char *type = NULL;
        const yyjson_val *value = terms_value(p, &type);
        struct rh_text code = rh_json_get(p, "code");
        if (value && !rh_text_eq(code, inactive) &&
            wanted(t, tx_printf(t, "%.*s", RH_TEXT_ARG(code)).data))
            write_property(out, code, type, value, (struct rh_text){NULL, 0});
    }
    if (wanted(t, "inactive")) {
        open_part(out, "property");
        tx_write_text(out, "code", "valueCode", RH_TEXT("inactive"));
        tx_write_bool(out, "value", cs->concepts[i].flags & TERMS_INACTIVE);
        rh_buf_str(out, "]}");
    }
    if (wanted(t, "parent") && !terms_property(cs, i, RH_TEXT("parent")))
        write_relatives(cs, &cs->parents, i, "parent", out);
    if (wanted(t, "child") && !terms_property(cs, i, RH_TEXT("child")))
        write_relatives(cs, &cs->children, i, "child", out);
}

static enum rh_rc write_concept(struct tx *t, const struct terms_system *cs,
                                const struct tx_supplements *supplements, uint32_t i,
                                struct rh_buf *out)
{
    struct tx_designations names = {0};
    enum rh_rc rc = tx_designations_of(t, cs, supplements, i, &names);
    if (rc)
        return rc;
    const struct tx_designation *shown = tx_preferred(&names, tx_working_languages(t));
    struct rh_text definition = rh_json_get(cs->concepts[i].json, "definition");
    struct rh_text name = rh_json_get(cs->body, "name");
    rh_buf_str(out, "{\"resourceType\":\"Parameters\",\"parameter\":[");
    tx_write_text(out, "name", "valueString", name.len ? name : cs->url);
    tx_write_text(out, "code", "valueCode", cs->concepts[i].code);
    tx_write_text(out, "system", "valueUri", cs->url);
    if (cs->version.len)
        tx_write_text(out, "version", "valueString", cs->version);
    tx_write_text(out, "display", "valueString", shown ? shown->value : cs->concepts[i].code);
    if (definition.len)
        tx_write_text(out, "definition", "valueString", definition);
    tx_write_bool(out, "abstract", cs->concepts[i].flags & TERMS_ABSTRACT);
    for (size_t s = 0; s < supplements->n; s++)
        tx_write_text(out, "used-supplement", "valueCanonical",
                      tx_canonical(t, supplements->items[s]->url, supplements->items[s]->version));
    if (wanted(t, "designation"))
        for (size_t d = 0; d < names.n; d++)
            write_designation(&names.items[d], out);
    write_properties(t, cs, i, out);
    rh_buf_str(out, "]}");
    return RH_OK;
}

static enum rh_rc write_grammar_code(struct tx *t, const struct terms_system *cs,
                                     struct rh_text code, struct rh_buf *out)
{
    if (!terms_grammar_valid(cs->grammar, code))
        return tx_fail(t, RH_NOTFOUND, "not-found", "invalid-code", "code",
                       "The code '%.*s' does not follow the grammar of '%.*s'", RH_TEXT_ARG(code),
                       RH_TEXT_ARG(cs->url));
    rh_buf_str(out, "{\"resourceType\":\"Parameters\",\"parameter\":[");
    tx_write_text(out, "name", "valueString", cs->url);
    tx_write_text(out, "code", "valueCode", code);
    tx_write_text(out, "system", "valueUri", cs->url);
    tx_write_text(out, "display", "valueString", code);
    rh_buf_str(out, "]}");
    return RH_OK;
}

enum rh_rc tx_lookup(struct tx *t, struct rh_buf *out)
{
    const yyjson_val *coding = terms_value(tx_parameter(t->parameters, "coding"), NULL);
    struct rh_text system = rh_json_get(coding, "system"), code = rh_json_get(coding, "code"),
                   version = rh_json_get(coding, "version");
    if (!coding) {
        system = tx_value(t->parameters, "system");
        code = tx_value(t->parameters, "code");
        version = tx_value(t->parameters, "version");
    }
    if (!system.len && t->instance)
        system = rh_json_get(t->instance, "url");
    if (!system.len || !code.len)
        return tx_fail(t, RH_INVALID, "invalid", NULL, NULL,
                       "Which code? Give code and system, or a coding with both.");
    const struct terms_system *cs;
    struct tx_supplements supplements;
    enum rh_rc rc = tx_determine_version(t, system, version, &version);
    if (!rc)
        rc = tx_find_system(t, system, version, &cs);
    if (rc)
        return rc;
    if (!cs)
        return tx_fail(t, RH_NOTFOUND, "not-found", "not-found", "system",
                       "A definition for CodeSystem '%.*s' could not be found, so the code cannot "
                       "be looked up. Load a package that holds it.",
                       RH_TEXT_ARG(tx_canonical(t, system, version)));
    if (cs->grammar)
        return write_grammar_code(t, cs, code, out);
    rc = tx_supplements_of(t, cs, &supplements);
    if (!rc)
        rc = tx_check_supplements(t);
    if (rc)
        return rc;
    uint32_t i = terms_locate(cs, code);
    if (i == TERMS_NONE)
        return tx_fail(t, RH_NOTFOUND, "not-found", "invalid-code", "code",
                       "Unknown code '%.*s' in the CodeSystem '%.*s'%s", RH_TEXT_ARG(code),
                       RH_TEXT_ARG(tx_canonical(t, cs->url, cs->version)),
                       cs->content == TERMS_FRAGMENT ? " (only a part of it is loaded)" : "");
    return write_concept(t, cs, &supplements, i, out);
}
