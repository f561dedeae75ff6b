/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "programme/validation.h"

#include "system/regex.h"
#include "xml/xml.h"

const struct rh_host rh_programme_host = {.regex = rh_regex};

bool rh_text_is_xml(struct rh_text t)
{
    t = rh_text_trim(t);
    if (rh_text_starts(t, "\xEF\xBB\xBF"))
        t = rh_text_trim((struct rh_text){t.data + 3, t.len - 3});
    return t.len > 0 && t.data[0] == '<';
}

/* The findings of reading are the answer, unless memory or the program is at fault. */
static bool is_about_text(enum rh_rc rc)
{
    return rc == RH_SYNTAX || rc == RH_STRUCTURE || rc == RH_VALUE || rc == RH_REQUIRED ||
           rc == RH_TOOLARGE || rc == RH_INVALID;
}

static enum rh_rc unreadable(struct rh_ctx *c, enum rh_rc rc)
{
    if (is_about_text(rc) && c->issues->errors == 0)
        rh_issue_add(c->issues, rc, NULL, "This is not a FHIR resource.");
    return is_about_text(rc) ? RH_OK : rc;
}

static enum rh_rc parse_xml(struct rh_ctx *c, struct rh_text text, yyjson_doc **ret)
{
    struct rh_buf json = rh_buf(c->arena);
    *ret = NULL;
    enum rh_rc rc = rh_xml_read(c, text, &json);
    if (rc && (!is_about_text(rc) || json.len == 0))
        return rc;
    if (json.rc)
        return json.rc;
    return rh_json_parse(c->arena, c->issues, rh_buf_get(&json), ret);
}

enum rh_rc rh_validation_text(struct rh_ctx *c, struct rh_text text,
                              const struct rh_validate_options *o, bool *ret)
{
    yyjson_doc *doc = NULL;
    bool xml = rh_text_is_xml(text), valid = false;
    enum rh_rc rc;
    *ret = false;
    if (!c->host)
        c->host = &rh_programme_host;
    if (rh_text_trim(text).len == 0)
        return unreadable(c, rh_issue_add(c->issues, RH_SYNTAX, NULL, "There is nothing in it."));
    if (rh_text_starts(text, "\xEF\xBB\xBF")) /* allowed before JSON too, and no part of it */
        text = (struct rh_text){text.data + 3, text.len - 3};
    rc = xml ? parse_xml(c, text, &doc) : rh_json_parse(c->arena, c->issues, text, &doc);
    if (rc)
        return unreadable(c, rc);
    rc = rh_validate(c, yyjson_doc_get_root(doc), o, &valid);
    if (rc)
        return unreadable(c, rc);
    if (xml)
        rh_xml_locate(c->issues, text);
    else
        rh_locate(c->issues, text);
    *ret = valid && c->issues->errors == 0;
    return RH_OK;
}

static void number(const char *name, unsigned n, struct rh_buf *out)
{
    rh_buf_str(out, name);
    if (n)
        rh_buf_u64(out, n);
    else
        rh_buf_str(out, "null");
}

void rh_validation_issue(const struct rh_issue *row, unsigned line_offset, struct rh_buf *out)
{
    const char *expression = row->expression;
    rh_buf_str(out, "{\"severity\":\"");
    rh_buf_str(out, rh_severity_name(row->severity));
    rh_buf_str(out, "\",\"code\":\"");
    rh_buf_str(out, row->code ? row->code : rh_rc_issue(row->rc));
    rh_buf_str(out, "\",\"expression\":");
    if (expression && expression[0])
        rh_buf_json(out, rh_text(expression));
    else
        rh_buf_str(out, "null");
    number(",\"line\":", row->line ? row->line + line_offset : 0, out);
    number(",\"column\":", row->column, out);
    rh_buf_str(out, ",\"text\":");
    rh_buf_json(out, rh_text(row->text));
    rh_buf_char(out, '}');
}
