/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * form_int.h - what the units of forms share.
 *
 * form_compile.c reads the Questionnaire, form_graph.c finds what each expression reads;
 * form_state.c has the nodes, form_write.c makes the response of them (as text, and as the tree
 * that expressions look at), form_enable.c decides enableWhen, form_calculate.c evaluates what has
 * to be; form_open.c, form_answer.c and form_bulk.c change the session; form_text.c has texts and
 * options in a language, form_fill.c prints nodes. form_check.c says what is wrong with a node.
 */
#ifndef RH_CLINICAL_FORM_INT_H
#define RH_CLINICAL_FORM_INT_H

#include "clinical/form.h"
#include "fhirpath/fhirpath.h"

#define RH_FORM_EXT "https://rihla.example/fhir/StructureDefinition/"
#define RH_FHIR_EXT "http://hl7.org/fhir/StructureDefinition/"
#define RH_SDC_EXT  "http://hl7.org/fhir/uv/sdc/StructureDefinition/"

enum rh_form_type {
    RH_ITEM_GROUP,
    RH_ITEM_DISPLAY,
    RH_ITEM_BOOLEAN,
    RH_ITEM_DECIMAL,
    RH_ITEM_INTEGER,
    RH_ITEM_DATE,
    RH_ITEM_DATETIME,
    RH_ITEM_TIME,
    RH_ITEM_STRING,
    RH_ITEM_TEXT,
    RH_ITEM_URL,
    RH_ITEM_CHOICE,
    RH_ITEM_OPEN_CHOICE,
    RH_ITEM_ATTACHMENT,
    RH_ITEM_REFERENCE,
    RH_ITEM_QUANTITY,
    RH_ITEM_TYPES
};
const char *rh_form_type_name(enum rh_form_type t); /* "open-choice" */

enum rh_form_use {
    RH_USE_VARIABLE, /* named, of the form or of an item */
    RH_USE_INITIAL,
    RH_USE_CALCULATED,
    RH_USE_ENABLE,
    RH_USE_ANSWERS,  /* answerExpression, candidateExpression: the options */
    RH_USE_TOGGLE,   /* answerOptionsToggleExpression: which options are there */
    RH_USE_TEXT,     /* cqf-expression of text */
    RH_USE_LIMIT,    /* of minValue, maxValue (cqf-calculatedValue, cqf-expression) */
    RH_USE_REQUIRED, /* cqf-expression of required, repeats, readOnly */
    RH_USE_REPEATS,
    RH_USE_READ_ONLY,
    RH_USE_CONSTRAINT
};

struct rh_form_item;

/* Items first..end-1 of the form. */
struct rh_form_range {
    unsigned first, end;
};

/* What a variable that an expression names stands for. */
enum rh_form_name_kind {
    RH_NAME_VARIABLE,      /* another expression */
    RH_NAME_CONTEXT,       /* of the launch context, or given by the host: empty when it is not */
    RH_NAME_QUESTIONNAIRE, /* %questionnaire */
    RH_NAME_QITEM,         /* %qitem */
    RH_NAME_UNKNOWN        /* nothing defines it: empty, and a warning at compilation */
};

struct rh_form_name {
    struct rh_text name;
    enum rh_form_name_kind kind;
    const struct rh_form_expression *variable;
};

/* One expression of an item (or of the form: item NULL). */
struct rh_form_expression {
    enum rh_form_use use;
    unsigned number; /* its place in form->expressions */
    const struct rh_form_item *item;
    struct rh_text name, text;  /* name of a variable */
    struct rh_fp *fp;           /* NULL: it does not parse, or is not FHIRPath */
    yyjson_val *source;         /* the extension */
    struct rh_form_name *names; /* variables it names */
    unsigned n_names;
    unsigned place;              /* among its item's expressions */
    unsigned height;             /* variables that use variables */
    struct rh_form_range *reads; /* with those of the variables it uses; ascending, apart */
    unsigned n_reads;
    bool reads_all;    /* any item */
    bool weights;      /* options' weights are asked for */
    bool texts;        /* and the texts of items */
    unsigned rank;     /* evaluated in this order */
    const char *limit; /* of LIMIT: the url of the extension */
};

/* targetConstraint, questionnaire-constraint. */
struct rh_form_constraint {
    struct rh_text key, human; /* human in the form's own language */
    yyjson_val *human_value;   /* the object that holds it and its translations */
    bool warning;
    const struct rh_form_expression *expression; /* true: it is kept */
};

struct rh_form_when {
    unsigned question;   /* item number; UINT_MAX: no such item */
    struct rh_text op;   /* "exists", "=", … */
    yyjson_val *answer;  /* the value */
    struct rh_text type; /* "Coding" of answerCoding */
};

struct rh_form_option {
    yyjson_val *value;     /* the value: an object or a scalar */
    struct rh_text member; /* "valueCoding" */
    yyjson_val *source;    /* the answerOption (extensions), or NULL */
    struct rh_text text;   /* from an expansion: the display in the session's language */
    bool exclusive, initial;
};

struct rh_form_item {
    const struct rh_form *form;
    yyjson_val *json; /* Questionnaire.item */
    struct rh_text link;
    unsigned number; /* document order, preorder: its children are number+1 … end-1 */
    unsigned end;
    unsigned depth;
    const struct rh_form_item *parent; /* NULL: at the top */
    const struct rh_form_item **children;
    unsigned n_children;
    unsigned place; /* among its parent's children */
    enum rh_form_type type;
    bool required, repeats, read_only, hidden, ask_each;
    unsigned min_occurs, max_occurs; /* max_occurs 0: no limit */
    struct rh_form_when *when;
    unsigned n_when;
    bool when_any;
    struct rh_form_expression **expressions; /* all of this item */
    unsigned n_expressions;
    const struct rh_form_expression *calculated, *initial, *enable; /* NULL: none */
    const struct rh_form_expression *answers;
    struct rh_form_constraint *constraints;
    unsigned n_constraints;         /* at most 64 */
    struct rh_form_option *options; /* of answerOption */
    unsigned n_options;
    struct rh_text value_set;
    const unsigned *readers; /* expressions that read this item, apart from form->readers_of_all */
    unsigned n_readers;
};

struct rh_form {
    yyjson_val *questionnaire;
    struct rh_text url, version, language;
    struct rh_form_item *items;
    unsigned n_items;
    const struct rh_form_item **tops;
    unsigned n_tops;
    struct rh_form_expression **expressions;
    unsigned n_expressions;
    struct rh_form_expression **of_form; /* variables (and constraints) of the form itself */
    unsigned n_of_form;
    struct rh_form_constraint *constraints; /* of the form itself */
    unsigned n_constraints;
    const unsigned *readers_of_all;
    unsigned n_readers_of_all;
    struct rh_form_expression **order; /* by rank */
    struct rh_text *context;           /* names of the launch context */
    unsigned n_context;
    unsigned *slots; /* private to form_compile.c: 1 + items by linkId */
    unsigned mask;
};

/* form_graph.c: what each expression reads, who has to be asked again when an item changes, and in
 * which order. */
enum rh_rc rh_form_graph(struct rh_ctx *c, struct rh_arena *a, struct rh_form *f);

const struct rh_form_item *rh_form_item_find(const struct rh_form *f, struct rh_text link);
/* The first extension with this url of any object; NULL: none. */
yyjson_val *rh_form_extension(const yyjson_val *object, const char *url);
/* Its value member; NULL: none. *ret_member (may be NULL) is "valueCode". */
yyjson_val *rh_form_extension_value(const yyjson_val *object, const char *url,
                                    struct rh_text *ret_member);

/* --- a session -------------------------------------------------------------------------------- */
/* The instances of one child item in one set. */
struct rh_form_slot_nodes {
    struct rh_form_node **nodes;
    unsigned count, cap;
};

/* Children of a group, or of one answer. */
struct rh_form_set {
    struct rh_form_slot_nodes *slots; /* one for each child item */
};

enum rh_form_mark { /* what changed since the last print */
                    RH_MARK_SELF = 1,
                    RH_MARK_CHILDREN = 2,
                    RH_MARK_OPTIONS = 4
};

struct rh_form_node {
    const struct rh_form_item *item;
    struct rh_form_node *parent; /* NULL: at the top */
    unsigned set;                /* of the parent: the answer it stands below */
    unsigned repeat;             /* number among its siblings of the same item */
    struct rh_text path;
    /* The answers: a JSON array of answer objects without items; NULL: none. Its own block. */
    yyjson_val *answers;
    unsigned n_answers;
    struct rh_form_set *sets; /* a group: one; a question with children: max(1, n_answers) */
    unsigned n_sets;
    bool enabled;             /* its own condition */
    bool reached;             /* and that of all above it */
    bool asked;               /* an answer was given by a person or a response: not calculated */
    bool required, read_only; /* as they are now */
    uint64_t failed;  /* constraints that are not kept, by number; without what is unknown */
    unsigned present; /* answers and children that the response has because of it */
    unsigned marks;
    void *values;                      /* private to form_calculate.c */
    struct rh_form_node *next_of_item; /* all nodes of one item */
    struct rh_form_node *next_marked;
};

/* Does the response have this node? */
static inline bool rh_form_node_present(const struct rh_form_node *n)
{
    return n->reached && n->present > 0;
}
/* Answer i: an object. */
yyjson_val *rh_form_node_answer(const struct rh_form_node *n, unsigned i);

/* Every node in document order, those that are not enabled too. A value other than RH_OK stops. */
typedef enum rh_rc rh_form_node_each(void *user, struct rh_form_node *n);
enum rh_rc rh_form_each(struct rh_form_session *s, rh_form_node_each *each, void *user);

/* The options that the node has now, in the session's language. *known false: its value set cannot
 * be expanded, or is too large to be listed, so nobody can say that a code is none of them. In
 * c->arena or the session. */
enum rh_rc rh_form_options(struct rh_ctx *c, struct rh_form_session *s,
                           const struct rh_form_node *n, const struct rh_form_option **ret,
                           unsigned *ret_n, bool *known);
/* A limit as it is now: of url RH_FHIR_EXT "minValue" or "maxValue" and the like; NULL: none.
 * *ret_member "valueInteger". */
yyjson_val *rh_form_limit(const struct rh_form_session *s, const struct rh_form_node *n,
                          const char *url, struct rh_text *ret_member);
/* A text in the session's language: of member `name` of the object ("text", "display"), whose
 * translations stand in "_text". Empty: it has none. */
struct rh_text rh_form_translated(const struct rh_form_session *s, const yyjson_val *object,
                                  const char *name);
struct rh_text rh_form_session_language(const struct rh_form_session *s);

/* --- form_check.c ------------------------------------------------------------------------------
 */
struct rh_form_problem {
    struct rh_text text; /* in the session's language */
    bool warning;
};
struct rh_form_findings {
    struct rh_form_problem *rows; /* in c->arena */
    size_t count, cap;
};
/* What is wrong with the answers of one node as they stand; `final`: also what is missing. Of a
 * node that is not reached: nothing. Constraints are evaluated already (n->failed). */
enum rh_rc rh_form_check_node(struct rh_ctx *c, struct rh_form_session *s,
                              const struct rh_form_node *n, bool final,
                              struct rh_form_findings *ret);

#endif
