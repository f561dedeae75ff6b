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
    bool disabled; /* answerOptionsToggleExpression takes it away now */
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
    unsigned place;                  /* among its parent's children */
    const struct rh_form_item *same; /* the next one with the same linkId (FHIR forbids it; forms
                                        have it); NULL: none */
    unsigned twin;                   /* how many of its siblings before it have the same linkId */
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
static inline const struct rh_form_item *rh_form_when_of(const struct rh_form *f,
                                                         const struct rh_form_when *w)
{
    return w->question < f->n_items ? &f->items[w->question] : NULL;
}
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
                    RH_MARK_NEW = 4, /* it was not there before */
                    RH_MARK_OPTIONS = 8
};

/* What one expression gave at one node. */
struct rh_form_value {
    uint64_t turn; /* of a variable: the call in which `list` was evaluated; 0: not */
    struct rh_fp_list list;
    yyjson_val *kept;  /* options, text, limit: an array of answer objects. Its own block */
    bool computed;     /* of a calculation: it gave something */
    bool failed;       /* of a variable: it cannot be computed */
    signed char truth; /* of conditions: -1 cannot be computed, 0, 1 */
    char *problem;     /* why it could not be computed; NULL: it could. Its own block */
};

struct rh_form_node {
    const struct rh_form_item *item;
    struct rh_form_node *parent; /* NULL: at the top */
    unsigned set;                /* of the parent: the answer it stands below */
    unsigned repeat;             /* number among its siblings of the same item */
    struct rh_text path;         /* its own block */
    /* The answers: a JSON array of answer objects without items; NULL: none. Its own block. */
    yyjson_val *answers;
    unsigned n_answers;
    struct rh_form_set *sets; /* a group: one; a question with children: max(1, n_answers) */
    unsigned n_sets;
    bool enabled;             /* its own condition */
    bool reached;             /* and that of all above it */
    bool overridden;          /* a person's answer stands in place of the calculated one */
    bool given;               /* the response that was given has it */
    bool fresh;               /* it may still be given its initial value */
    bool calculated;          /* the answers were calculated */
    bool required, read_only; /* as they are now */
    uint64_t failed;  /* constraints that are not kept, by number; without what is unknown */
    unsigned present; /* a question: its answers; a group: its children that are present */
    unsigned marks;
    yyjson_val *source; /* the item of the response that was given: its id, extensions, …; NULL */
    struct rh_form_value *values; /* of the item's expressions */
    size_t view_at;               /* where it stands in the view with this number … */
    uint64_t view;
    size_t full_at; /* … and in that of the whole response, which lasts longer */
    uint64_t full_view;
    struct rh_form_node *next_of_item, *before_of_item; /* all nodes of one item */
    struct rh_form_node *next_in_bucket;                /* by path */
    struct rh_form_node *next_marked;
};

struct rh_form_cached_options; /* private to form_text.c */

struct rh_form_session {
    const struct rh_form *form;
    struct rh_world *world;
    struct rh_arena *kept; /* as long as the session: what was given, options */
    int64_t now_us;
    int zone_minutes;
    struct rh_text language;
    yyjson_val *context, *response; /* what was given; NULL: nothing */
    struct rh_form_set root;
    struct rh_form_value *values; /* of the form's own expressions */
    uint64_t failed;              /* of the form's own constraints */
    struct rh_form_node **of_item, **last_of_item;
    struct rh_form_node **buckets;
    unsigned bucket_mask;
    unsigned n_nodes;
    struct rh_form_node *marked;
    char **removed; /* paths */
    unsigned n_removed, removed_cap;
    /* One call. */
    uint64_t turn;
    bool opening;         /* the response that was given is taken */
    bool closed, parts;   /* as in rh_form_start */
    uint64_t *queued;     /* a bit for each expression, by rank */
    bool conditions_only; /* rh_form_settle leaves the rest in the queue */
    unsigned lowest;      /* no bit is set below this word */
    unsigned char *rounds;
    uint64_t *rounds_turn;
    uint64_t generation; /* counts changes of what the response has */
    yyjson_val *full;    /* the whole response, at full_generation of this turn */
    uint64_t full_turn, full_generation, full_view;
    bool full_texts;
    uint64_t views;
    uint64_t steps; /* left of this call */
    struct rh_form_cached_options *options;
};

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
/* Value sets that cannot be listed, as warnings. */
void rh_form_options_problems(const struct rh_form_session *s, struct rh_issues *is);

/* --- form_state.c: nodes ------------------------------------------------------------------------
 */
/* One more instance of an item below `parent` (NULL: at the top), at the end; with what is below
 * it. It is not enabled yet, and its expressions are queued. RH_TOOLARGE, RH_NOMEM. */
enum rh_rc rh_form_node_new(struct rh_form_session *s, const struct rh_form_item *item,
                            struct rh_form_node *parent, unsigned set, struct rh_form_node **ret);
void rh_form_removed_free(struct rh_form_session *s); /* forgets the paths of what was removed */
void rh_form_node_remove(struct rh_form_session *s, struct rh_form_node *n);
struct rh_form_node *rh_form_node_find(const struct rh_form_session *s, struct rh_text path);
/* The instances of a child item in a set of a node (NULL: at the top). */
struct rh_form_slot_nodes *rh_form_slot(const struct rh_form_session *s,
                                        const struct rh_form_node *parent, unsigned set,
                                        const struct rh_form_item *item);
/* Gives a node other answers (a JSON array, copied; NULL or empty: none). *changed: they are not
 * the same as before. */
enum rh_rc rh_form_node_set(struct rh_form_session *s, struct rh_form_node *n, yyjson_val *answers,
                            bool *changed);
void rh_form_node_enable(struct rh_form_session *s, struct rh_form_node *n, bool enabled);
void rh_form_mark(struct rh_form_session *s, struct rh_form_node *n, unsigned marks);
void rh_form_touched(struct rh_form_session *s, const struct rh_form_item *item);
/* Asks an expression again, at all its nodes. */
void rh_form_queue(struct rh_form_session *s, const struct rh_form_expression *e);
/* A copy of a value in one block of its own, strings too; NULL: no memory. */
yyjson_val *rh_form_block(yyjson_val *v);
bool rh_form_same(yyjson_val *a, yyjson_val *b); /* the same JSON, to the letter */
void rh_form_values_free(struct rh_form_value *values, unsigned n);

/* --- form_write.c: the response -----------------------------------------------------------------
 */
/* The response as expressions see it, with the items that `e` reads; in c->arena. *ret_number tells
 * which nodes stand in it (node->view). */
enum rh_rc rh_form_view(struct rh_ctx *c, struct rh_form_session *s,
                        const struct rh_form_expression *e, yyjson_val **ret, uint64_t *ret_number);
/* A node of a view; one that is not there as an item with nothing but its linkId. NULL: no memory.
 */
yyjson_val *rh_form_view_node(struct rh_ctx *c, yyjson_val *view, uint64_t number,
                              const struct rh_form_node *n);

/* --- form_calculate.c ---------------------------------------------------------------------------
 */
/* Evaluates what is queued until nothing is. RH_TIMEOUT: too many steps. */
enum rh_rc rh_form_settle(struct rh_ctx *c, struct rh_form_session *s);
/* Begins a call: what was evaluated before is looked at again. */
void rh_form_turn(struct rh_ctx *c, struct rh_form_session *s);
/* The value of an expression at a node (NULL: of the form). */
enum rh_rc rh_form_evaluate(struct rh_ctx *c, struct rh_form_session *s,
                            const struct rh_form_expression *e, struct rh_form_node *n,
                            struct rh_fp_list *ret);
struct rh_form_value *rh_form_value_of(struct rh_form_session *s,
                                       const struct rh_form_expression *e, struct rh_form_node *n);

/* --- form_open.c ---------------------------------------------------------------------------------
 */
/* Answers as they are kept: without the items below them. RH_STRUCTURE, RH_TOOLARGE with an issue.
 */
enum rh_rc rh_form_bare_answers(struct rh_ctx *c, const struct rh_form_node *n, yyjson_val *answers,
                                yyjson_val **ret);
/* Gives initial values to what has no answer, at a node and below it (NULL: everywhere), and
 * settles. `hidden_only`: only to what is not enabled yet
 * or, with `parts`, not in the response that was given. */
enum rh_rc rh_form_start_values(struct rh_ctx *c, struct rh_form_session *s,
                                struct rh_form_node *from, bool hidden_only);

/* --- form_answer.c, form_bulk.c
 * ------------------------------------------------------------------- */
/* "valueCoding" and the value of an answer; empty and NULL: it has none. */
struct rh_text rh_form_answer_member(yyjson_val *answer, yyjson_val **ret);
/* Has the answer a type that the question takes, or no value and a reason? */
bool rh_form_takes(const struct rh_form_item *item, yyjson_val *answer);
/* A copy of the answer with the extension {url, valueBoolean: true}; NULL: no memory. */
yyjson_val *rh_form_mark_answer(struct rh_ctx *c, yyjson_val *answer, const char *url);
enum rh_rc rh_form_array_of(struct rh_ctx *c, yyjson_val *const *answers, size_t n,
                            yyjson_val **ret);
bool rh_form_bulk_may(const struct rh_form_node *n); /* may an answer for many fill it? */

/* --- form_enable.c -------------------------------------------------------------------------------
 */
/* enableWhen of a node's item. */
enum rh_rc rh_form_when_holds(struct rh_ctx *c, struct rh_form_session *s, struct rh_form_node *n,
                              bool *ret);

/* --- form_fill.c: results as answers
 * -------------------------------------------------------------- */
/* Values as a JSON array of answers to the item, in c->arena; NULL: none. *why (may be NULL): what
 * was left out and why. */
enum rh_rc rh_form_fill(struct rh_ctx *c, struct rh_form_session *s, const struct rh_form_node *n,
                        const struct rh_fp_list *list, yyjson_val **ret, const char **why);
/* Values as options of the item: as above, of any number. */
enum rh_rc rh_form_fill_options(struct rh_ctx *c, const struct rh_fp_list *list, yyjson_val **ret);

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
