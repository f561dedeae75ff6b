/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "terminology/request_int.h"

#define ISSUE_TYPES "http://hl7.org/fhir/tools/CodeSystem/tx-issue-type"

bool tx_issue_add(struct tx *t, struct tx_issues *is, struct tx_issue row)
{
    for (size_t i = 0; i < is->n; i++) {
        const struct tx_issue *there = &is->rows[i];
        bool same_detail = there->detail == row.detail ||
                           (there->detail && row.detail && !strcmp(there->detail, row.detail));
        if (there->severity == row.severity && same_detail && !strcmp(there->code, row.code) &&
            rh_text_eq(there->path, row.path) && rh_text_eq(there->text, row.text))
            return false;
    }
    if (is->n == is->cap) {
        struct tx_issue *grown =
            is->n < RH_ISSUES_REPORT_MAX
                ? rh_arena_grow(t->arena, is->rows, &is->cap, is->n + 1, sizeof *grown)
                : NULL;
        if (!grown)
            return false;
        is->rows = grown;
    }
    is->rows[is->n++] = row;
    is->errors += row.severity <= RH_ERROR;
    return true;
}

void tx_write_outcome(struct rh_buf *out, const struct tx_issue *rows, size_t n)
{
    rh_buf_str(out, "{\"resourceType\":\"OperationOutcome\",\"issue\":[");
    for (size_t i = 0; i < n; i++) {
        rh_buf_printf(out, "%s{\"severity\":\"%s\",\"code\":\"%s\",\"details\":{", i ? "," : "",
                      rh_severity_name(rows[i].severity), rows[i].code);
        if (rows[i].detail)
            rh_buf_printf(out, "\"coding\":[{\"system\":\"" ISSUE_TYPES "\",\"code\":\"%s\"}],",
                          rows[i].detail);
        rh_buf_str(out, "\"text\":");
        rh_buf_json(out, rows[i].text);
        rh_buf_char(out, '}');
        if (rows[i].path.len) {
            rh_buf_str(out, ",\"location\":[");
            rh_buf_json(out, rows[i].path);
            rh_buf_str(out, "],\"expression\":[");
            rh_buf_json(out, rows[i].path);
            rh_buf_char(out, ']');
        }
        rh_buf_char(out, '}');
    }
    rh_buf_str(out, "]}");
}

void tx_write_error(const struct tx *t, struct rh_buf *out)
{
    tx_write_outcome(out, &t->error, 1);
}

void tx_comma(struct rh_buf *out)
{
    if (out->len && out->data[out->len - 1] != '[' && out->data[out->len - 1] != '{')
        rh_buf_char(out, ',');
}

static void open_parameter(struct rh_buf *out, const char *name, const char *type)
{
    tx_comma(out);
    rh_buf_str(out, "{\"name\":");
    rh_buf_json(out, rh_text(name));
    rh_buf_char(out, ',');
    rh_buf_json(out, rh_text(type));
    rh_buf_char(out, ':');
}

void tx_write_text(struct rh_buf *out, const char *name, const char *type, struct rh_text value)
{
    open_parameter(out, name, type);
    rh_buf_json(out, value);
    rh_buf_char(out, '}');
}

void tx_write_bool(struct rh_buf *out, const char *name, bool value)
{
    open_parameter(out, name, "valueBoolean");
    rh_buf_str(out, value ? "true}" : "false}");
}

void tx_write_json(struct rh_buf *out, const char *name, const char *type, const yyjson_val *value)
{
    open_parameter(out, name, type);
    rh_json_write(out, value);
    rh_buf_char(out, '}');
}
