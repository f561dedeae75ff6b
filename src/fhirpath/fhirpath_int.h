/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * fhirpath_int.h - what the units of the engine share: the tree, a run, the function table.
 *
 * parse.c makes the tree (lexer.c the tokens), eval.c walks it, operator.c has the operators,
 * types.c is(), as(), ofType() and type(); functions stand in rows of rh_fp_functions
 * (functions.c), their bodies in fn_*.c by subject. No unit keeps state outside a run.
 */
#ifndef RH_FHIRPATH_FHIRPATH_INT_H
#define RH_FHIRPATH_FHIRPATH_INT_H

#include "fhirpath/fhirpath.h"

enum rh_fp_op {
    RH_FP_OP_LITERAL,  /* item */
    RH_FP_OP_EMPTY,    /* {} */
    RH_FP_OP_THIS,     /* $this */
    RH_FP_OP_INDEX,    /* $index */
    RH_FP_OP_TOTAL,    /* $total */
    RH_FP_OP_VARIABLE, /* %name */
    RH_FP_OP_MEMBER,   /* [focus].name; at the start of a path it may be a type name */
    RH_FP_OP_CALL,     /* [focus].name(args) */
    RH_FP_OP_ITEM,     /* focus[args[0]] */
    RH_FP_OP_UNARY,    /* + - (operator in `name`) args[0] */
    RH_FP_OP_BINARY,   /* args[0] name args[1]: arithmetic, comparison, and or xor implies, in
                          contains, | & div mod */
    RH_FP_OP_IS,       /* args[0] is type_name */
    RH_FP_OP_AS
};

/* In `op_id` of UNARY and BINARY nodes. */
enum rh_fp_operator {
    RH_FP_NONE,
    RH_FP_PLUS,
    RH_FP_MINUS,
    RH_FP_CONCATENATE,
    RH_FP_TIMES,
    RH_FP_DIVIDE,
    RH_FP_DIV,
    RH_FP_MOD,
    RH_FP_UNION,
    RH_FP_LESS,
    RH_FP_LESS_EQUAL,
    RH_FP_GREATER,
    RH_FP_GREATER_EQUAL,
    RH_FP_EQUAL,
    RH_FP_NOT_EQUAL,
    RH_FP_EQUIVALENT,
    RH_FP_NOT_EQUIVALENT,
    RH_FP_IN,
    RH_FP_CONTAINS,
    RH_FP_AND,
    RH_FP_OR,
    RH_FP_XOR,
    RH_FP_IMPLIES,
    RH_FP_IS,
    RH_FP_AS
};

struct rh_fp_function;

/* A type as an expression names it. A name without a namespace may be of both ("Quantity"). */
struct rh_fp_typeref {
    const struct rh_type *fhir;
    enum rh_fp_kind system; /* RH_FP_NODE: none */
    bool any;               /* System.Any */
};

struct rh_fp_node {
    enum rh_fp_op op;
    unsigned at;         /* byte offset in the expression */
    struct rh_text name; /* of a member, function, variable or operator; for IS and AS the type
                            ("FHIR.Patient") */
    struct rh_text underscored; /* of a member: "_name", made once */
    const struct rh_fp_function *function;
    struct rh_fp_node *focus; /* NULL: the context */
    struct rh_fp_node **args;
    unsigned n_args;
    enum rh_fp_operator op_id;
    unsigned height;           /* 1 + that of the highest child */
    struct rh_fp_typeref type; /* of IS, AS and of calls of is(), as(), ofType(); of a MEMBER that
                                  may stand for its type (Patient.name) only `fhir` */
    struct rh_fp_item literal;
};

struct rh_fp {
    struct rh_text text;
    struct rh_fp_node *root;
};

/* A frame of variables made by defineVariable(), innermost first. */
struct rh_fp_scope {
    const struct rh_fp_scope *outer;
    struct rh_fp_variable variable;
};

/* One evaluation. */
struct rh_fp_run {
    struct rh_ctx *c;
    const struct rh_fp *e;
    const struct rh_fp_input *in;
    const struct rh_fp_item *self;  /* $this; NULL: empty */
    int64_t index;                  /* $index, -1: none */
    const struct rh_fp_list *total; /* $total, NULL: none */
    const struct rh_fp_scope *scope;
    const struct rh_fp_node *at; /* the call that runs: the place of an error that has none */
};

/* A function: `in` is the collection before the dot. It evaluates its own arguments (rh_fp_arg…),
 * since some are evaluated for each item. `ret` comes empty. */
typedef enum rh_rc rh_fp_fn(struct rh_fp_run *r, const struct rh_fp_node *call,
                            const struct rh_fp_list *in, struct rh_fp_list *ret);

/* What check.c may assume of a result. */
enum rh_fp_result {
    RH_FP_R_ANY,  /* unknown */
    RH_FP_R_SAME, /* the items of the input (where, first, …) */
    RH_FP_R_BOOLEAN,
    RH_FP_R_INTEGER,
    RH_FP_R_DECIMAL,
    RH_FP_R_STRING,
    RH_FP_R_DATE,
    RH_FP_R_DATETIME,
    RH_FP_R_TIME,
    RH_FP_R_QUANTITY
};

struct rh_fp_function {
    const char *name;
    unsigned char min_args, max_args;
    enum rh_fp_result result;
    bool each; /* arguments are evaluated with each item of the input as $this */
    rh_fp_fn *run;
};
const struct rh_fp_function *rh_fp_function_find(struct rh_text name); /* functions.c; NULL: none */

/* --- eval.c ----------------------------------------------------------------------------------- */
/* Evaluates a node with the given focus (NULL: the run's own context). */
enum rh_rc rh_fp_walk(struct rh_fp_run *r, const struct rh_fp_node *n,
                      const struct rh_fp_list *focus, struct rh_fp_list *ret);
/* Argument i of a call that does not look at items (its focus is the context of the call: $this
 * when inside an iterator, else %context). */
enum rh_rc rh_fp_arg(struct rh_fp_run *r, const struct rh_fp_node *call, unsigned i,
                     struct rh_fp_list *ret);
/* The same, which must be one value convertible to the kind: sets *ret and *empty (the argument is
 * empty). RH_VALUE with an issue otherwise. */
enum rh_rc rh_fp_arg_string(struct rh_fp_run *r, const struct rh_fp_node *call, unsigned i,
                            struct rh_text *ret, bool *empty);
enum rh_rc rh_fp_arg_integer(struct rh_fp_run *r, const struct rh_fp_node *call, unsigned i,
                             int64_t *ret, bool *empty);
/* Argument i with `item` as $this and `index` as $index. */
enum rh_rc rh_fp_arg_item(struct rh_fp_run *r, const struct rh_fp_node *call, unsigned i,
                          const struct rh_fp_item *item, int64_t index, struct rh_fp_list *ret);
/* A condition: empty *ret = -1, false 0, true 1. RH_VALUE when it is not one boolean. */
enum rh_rc rh_fp_condition(struct rh_fp_run *r, const struct rh_fp_node *n,
                           const struct rh_fp_list *l, int *ret);

/* Adds to a list; RH_NOMEM, RH_TIMEOUT (every item is a step). */
enum rh_rc rh_fp_room(struct rh_fp_run *r, struct rh_fp_list *l); /* for one more item; a step */
static inline enum rh_rc rh_fp_slot(struct rh_fp_run *r, struct rh_fp_list *l,
                                    struct rh_fp_item **ret)
{
    if (__builtin_expect(l->count == l->cap || r->c->steps <= 1, 0)) {
        enum rh_rc rc = rh_fp_room(r, l);
        if (rc)
            return rc;
    } else {
        r->c->steps--;
    }
    *ret = &l->items[l->count++];
    return RH_OK;
}
/* An item is written where it stays: built elsewhere and copied, its bytes are read back in wider
 * pieces than they were written, which costs more than all the rest. */
static inline enum rh_rc rh_fp_push(struct rh_fp_run *r, struct rh_fp_list *l,
                                    struct rh_fp_item item)
{
    struct rh_fp_item *to;
    enum rh_rc rc = rh_fp_slot(r, l, &to);
    if (!rc)
        *to = item;
    return rc;
}
static inline enum rh_rc rh_fp_push_node(struct rh_fp_run *r, struct rh_fp_list *l,
                                         const struct rh_type *type, yyjson_val *value,
                                         yyjson_val *extra)
{
    struct rh_fp_item *to;
    enum rh_rc rc = rh_fp_slot(r, l, &to);
    if (rc)
        return rc;
    to->kind = RH_FP_NODE;
    to->type = type;
    to->node.value = value;
    to->node.extra = extra;
    return RH_OK;
}
enum rh_rc rh_fp_push_boolean(struct rh_fp_run *r, struct rh_fp_list *l, bool v);
enum rh_rc rh_fp_push_integer(struct rh_fp_run *r, struct rh_fp_list *l, int64_t v);
enum rh_rc rh_fp_push_text(struct rh_fp_run *r, struct rh_fp_list *l,
                           struct rh_text v); /* a STRING; v must live as long as the arena */
enum rh_rc rh_fp_push_decimal(struct rh_fp_run *r, struct rh_fp_list *l, struct rh_dec v);
enum rh_rc rh_fp_push_time(struct rh_fp_run *r, struct rh_fp_list *l, enum rh_fp_kind kind,
                           struct rh_fp_time v);
enum rh_rc rh_fp_push_quantity(struct rh_fp_run *r, struct rh_fp_list *l, struct rh_fp_quantity v);

enum rh_rc rh_fp_push_all(struct rh_fp_run *r, struct rh_fp_list *l, const struct rh_fp_list *more);

/* An error at a node: issue with column and text, returns rc. */
enum rh_rc rh_fp_error(struct rh_fp_run *r, const struct rh_fp_node *at, enum rh_rc rc,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));
/* Counts `n` steps. RH_TIMEOUT with an issue when the budget is spent. */
enum rh_rc rh_fp_step(struct rh_fp_run *r, const struct rh_fp_node *at, uint64_t n);

/* The input as one item: *ret NULL when empty; RH_VALUE with an issue when there are several. */
enum rh_rc rh_fp_single(struct rh_fp_run *r, const struct rh_fp_node *at,
                        const struct rh_fp_list *l, const struct rh_fp_item **ret);

/* %resource or %rootResource; NULL: none. */
yyjson_val *rh_fp_resource_of(const struct rh_fp_run *r, bool root);
/* Is it a name that defineVariable() may not take? */
bool rh_fp_variable_reserved(struct rh_text name);

/* --- item.c ----------------------------------------------------------------------------------- */
/* A node of a primitive type (or plain JSON scalar) as System value; FHIR Quantity as QUANTITY.
 * Anything else stays as it is (kind NODE). A primitive without value, or malformed, stays a NODE
 * too. */
enum rh_rc rh_fp_system(struct rh_fp_run *r, const struct rh_fp_item *i, struct rh_fp_item *ret);
/* Children of a node by name (choices by their base name), and all of them. */
enum rh_rc rh_fp_children(struct rh_fp_run *r, const struct rh_fp_node *at,
                          const struct rh_fp_item *i, struct rh_text name,
                          struct rh_text underscored, struct rh_fp_list *ret);
enum rh_rc rh_fp_all_children(struct rh_fp_run *r, const struct rh_fp_item *i,
                              struct rh_fp_list *ret);

/* --- equal.c ---------------------------------------------------------------------------------- */
/* A number as a decimal; a number or quantity as a quantity. False: something else. */
bool rh_fp_as_decimal(const struct rh_fp_item *i, struct rh_dec *ret);
bool rh_fp_as_quantity(const struct rh_fp_item *i, struct rh_fp_quantity *ret);
/* Equality of two items (=): 1, 0, or -1 where the answer is empty (dates of different precision,
 * …). */
enum rh_rc rh_fp_equal(struct rh_fp_run *r, const struct rh_fp_item *a, const struct rh_fp_item *b,
                       int *ret);
/* Equivalence (~). */
enum rh_rc rh_fp_equivalent(struct rh_fp_run *r, const struct rh_fp_item *a,
                            const struct rh_fp_item *b, bool *ret);
/* Order of two items: *ret is -1, 0, 1, or 2 where it is empty. RH_VALUE: not of comparable types.
 */
enum rh_rc rh_fp_order(struct rh_fp_run *r, const struct rh_fp_node *at, const struct rh_fp_item *a,
                       const struct rh_fp_item *b, int *ret);
/* Is there an item equal to i? A pair whose equality is empty counts as different. */
enum rh_rc rh_fp_has(struct rh_fp_run *r, const struct rh_fp_list *l, const struct rh_fp_item *i,
                     bool *ret);

/* --- operator.c ------------------------------------------------------------------------------- */
enum rh_rc rh_fp_unary(struct rh_fp_run *r, const struct rh_fp_node *n, const struct rh_fp_list *a,
                       struct rh_fp_list *ret);
/* a | b, without duplicates. */
enum rh_rc rh_fp_unite(struct rh_fp_run *r, const struct rh_fp_list *a, const struct rh_fp_list *b,
                       struct rh_fp_list *ret);
enum rh_rc rh_fp_binary(struct rh_fp_run *r, const struct rh_fp_node *n, const struct rh_fp_list *a,
                        const struct rh_fp_list *b, struct rh_fp_list *ret);

/* --- time.c: dates and times of the language ---------------------------------------------------
 */
/* Text as in a literal without @ ("2015-02", "2015-02-04T14", "T14:30"). kind says which it must
 * be. RH_SYNTAX. */
enum rh_rc rh_fp_time_parse(struct rh_text t, enum rh_fp_kind kind, struct rh_fp_time *ret);
void rh_fp_time_print(const struct rh_fp_time *t, enum rh_fp_kind kind,
                      struct rh_buf *out); /* without @ and T prefix */
/* -1, 0, 1, or 2 where one is less precise and the common part is equal, or only one has a zone and
 * it matters. */
int rh_fp_time_cmp(const struct rh_fp_time *a, const struct rh_fp_time *b);
/* t + n units (calendar or UCUM time units of FHIRPath 2.0, "Date/Time Arithmetic"). RH_VALUE: not
 * a time unit, or out of the years 1..9999. */
enum rh_rc rh_fp_time_add(const struct rh_fp_time *t, enum rh_fp_kind kind,
                          const struct rh_fp_quantity *q, bool minus, struct rh_fp_time *ret);

/* --- quantity.c: over fhir/ucum.h ---------------------------------------------------------------
 */
/* As rh_fp_order, with conversion; 2 when the units cannot be compared. Equivalence and equality
 * use it too. */
enum rh_rc rh_fp_quantity_cmp(struct rh_fp_run *r, const struct rh_fp_quantity *a,
                              const struct rh_fp_quantity *b, int *ret);
enum rh_rc rh_fp_quantity_parse(struct rh_text t,
                                struct rh_fp_quantity *ret); /* "4 days", "5.2 'mg'"; RH_SYNTAX */
/* A calendar word in the singular or plural; *ret is the singular, of static storage. */
bool rh_fp_calendar(struct rh_text word, struct rh_text *ret);
/* q ~ r of quantities: a year is equivalent to 1 'a' and a month to 1 'mo'; values are compared in
 * the coarser unit, to the digits of the one that has fewer. */
bool rh_fp_quantity_equivalent(const struct rh_fp_quantity *a, const struct rh_fp_quantity *b);
/* The same amount in another unit (UCUM, or a calendar word). RH_VALUE: they cannot be compared. */
enum rh_rc rh_fp_quantity_convert(const struct rh_fp_quantity *q, struct rh_text unit,
                                  struct rh_fp_quantity *ret);
bool rh_fp_quantity_comparable(const struct rh_fp_quantity *a, const struct rh_fp_quantity *b);
void rh_fp_quantity_print(const struct rh_fp_quantity *q,
                          struct rh_buf *out); /* as a literal: 5.2 'mg', 4 days */
/* operator is one of + - * / ; *empty when the units do not fit. */
enum rh_rc rh_fp_quantity_math(struct rh_fp_run *r, char operator, const struct rh_fp_quantity * a,
                               const struct rh_fp_quantity *b, struct rh_fp_quantity *ret,
                               bool *empty);

/* tree.c: is the name of a variable given by a defineVariable() in this part? */
bool rh_fp_defines(const struct rh_fp_node *n, struct rh_text name);

/* --- types.c ------------------------------------------------------------------------------------
 */
/* False: there is no such type. A name of an unknown namespace is a type that nothing has. */
bool rh_fp_typeref_find(struct rh_text name, struct rh_fp_typeref *ret);
/* `exact`: the type itself where it is primitive (as() and ofType() of R4), else also a subtype. */
bool rh_fp_is_type(const struct rh_fp_item *i, const struct rh_fp_typeref *t, bool exact);
bool rh_fp_is_quantity(const struct rh_type *t); /* Quantity, Age, … */
bool rh_fp_derives(const struct rh_type *t, const struct rh_type *base);
struct rh_fp_typename rh_fp_typename_of(const struct rh_fp_item *i);

#endif
