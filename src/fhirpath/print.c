/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * The tree and its values as JSON. The tree is at most RH_FP_DEPTH_MAX high.
 */
#include "fhirpath/fhirpath_int.h"
#include "fhirpath/variables_int.h"

static void print_quantity(const struct rh_fp_quantity *q, struct rh_buf *out)
{
    rh_buf_str(out, "{\"value\":");
    rh_dec_print(q->value, out);
    rh_buf_str(out, ",\"unit\":");
    rh_buf_json(out, q->unit);
    if (!q->calendar) {
        rh_buf_str(out, ",\"system\":");
        rh_buf_json(out, rh_text(rh_fp_ucum_address));
        rh_buf_str(out, ",\"code\":");
        rh_buf_json(out, q->unit);
    }
    rh_buf_char(out, '}');
}

void rh_fp_print_item(const struct rh_fp_item *i, struct rh_buf *out)
{
    switch (i->kind) {
    case RH_FP_NODE:
        if (i->node.value)
            rh_json_write(out, i->node.value);
        else
            rh_buf_str(out, "null");
        return;
    case RH_FP_BOOLEAN:
        rh_buf_str(out, i->boolean ? "true" : "false");
        return;
    case RH_FP_INTEGER:
    case RH_FP_LONG:
        rh_buf_printf(out, "%lld", (long long)i->integer);
        return;
    case RH_FP_DECIMAL:
        rh_dec_print(*i->decimal, out);
        return;
    case RH_FP_STRING:
        rh_buf_json(out, i->text);
        return;
    case RH_FP_DATE:
    case RH_FP_DATETIME:
    case RH_FP_TIME:
        rh_buf_char(out, '"');
        rh_fp_time_print(i->time, i->kind, out);
        rh_buf_char(out, '"');
        return;
    case RH_FP_QUANTITY:
        print_quantity(i->quantity, out);
        return;
    case RH_FP_TYPE:
        rh_buf_str(out, "{\"namespace\":");
        rh_buf_json(out, i->name->space);
        rh_buf_str(out, ",\"name\":");
        rh_buf_json(out, i->name->name);
        rh_buf_char(out, '}');
        return;
    }
}

static const char *const op_names[] = {
    [RH_FP_OP_LITERAL] = "literal", [RH_FP_OP_EMPTY] = "empty",   [RH_FP_OP_THIS] = "this",
    [RH_FP_OP_INDEX] = "index",     [RH_FP_OP_TOTAL] = "total",   [RH_FP_OP_VARIABLE] = "variable",
    [RH_FP_OP_MEMBER] = "member",   [RH_FP_OP_CALL] = "call",     [RH_FP_OP_ITEM] = "item",
    [RH_FP_OP_UNARY] = "unary",     [RH_FP_OP_BINARY] = "binary", [RH_FP_OP_IS] = "is",
    [RH_FP_OP_AS] = "as",
};

static void print_node(const struct rh_fp_node *n, struct rh_buf *out)
{
    rh_buf_printf(out, "{\"op\":\"%s\"", op_names[n->op]);
    if (n->name.len) {
        rh_buf_str(out, ",\"name\":");
        rh_buf_json(out, n->name);
    }
    rh_buf_printf(out, ",\"at\":%u", n->at);
    if (n->op == RH_FP_OP_LITERAL) {
        rh_buf_str(out, ",\"type\":");
        rh_buf_json(out, rh_fp_typename_of(&n->literal).name);
        rh_buf_str(out, ",\"value\":");
        rh_fp_print_item(&n->literal, out);
    }
    if (n->focus) {
        rh_buf_str(out, ",\"focus\":");
        print_node(n->focus, out);
    }
    if (n->n_args) {
        rh_buf_str(out, ",\"args\":[");
        for (unsigned i = 0; i < n->n_args; i++) {
            if (i)
                rh_buf_char(out, ',');
            print_node(n->args[i], out);
        }
        rh_buf_char(out, ']');
    }
    rh_buf_char(out, '}');
}

void rh_fp_print_ast(const struct rh_fp *e, struct rh_buf *out)
{
    print_node(e->root, out);
}
