/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/json.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
    PADDING = 16,          /* yyjson wants 4; first_eight() reads 8 */
    SMALL_OBJECT = 24,     /* names compared pair by pair up to here; FHIR's objects are smaller */
    SHOWN_NAME_BYTES = 64, /* of a name that is quoted in a message */
    WRITE_DEPTH_MAX = 4 * RH_JSON_DEPTH_MAX
};

/* yyjson 0.10 takes pointers to what it does not change. */
static yyjson_val *plain(const yyjson_val *v)
{
    return (yyjson_val *)(uintptr_t)v;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void *alc_malloc(void *ctx, size_t size)
{
    return rh_arena_alloc(ctx, size);
}

static void *alc_realloc(void *ctx, void *old, size_t old_size, size_t size)
{
    if (size <= old_size)
        return old;
    void *p = rh_arena_alloc(ctx, size);
    if (p && old)
        memcpy(p, old, old_size);
    return p;
}

static void alc_free(void *ctx, void *p)
{
    (void)ctx;
    (void)p;
}

yyjson_alc rh_json_alc(struct rh_arena *a)
{
    return (yyjson_alc){alc_malloc, alc_realloc, alc_free, a};
}

/* ---- reading ----------------------------------------------------------------------------------
 */

/* The walk over a document that was read: where it is, and all that stands above. */
struct walk {
    struct rh_arena *arena;
    struct rh_issues *issues;
    struct rh_text text; /* as it was sent; yyjson changes its copy */
    const char *copy;    /* strings stand in it at the same offsets as in `text` */
    const yyjson_val *above[RH_JSON_DEPTH_MAX], *end[RH_JSON_DEPTH_MAX];
    unsigned depth;
};

/* Columns count characters, not bytes, as an editor does. */
static void locate(struct rh_text text, size_t at, unsigned *line, unsigned *column)
{
    *line = *column = 1;
    for (size_t i = 0; i < at && i < text.len; i++) {
        if (text.data[i] == '\n') {
            ++*line;
            *column = 1;
        } else if (((unsigned char)text.data[i] & 0xC0) != 0x80) {
            ++*column;
        }
    }
}

static enum rh_rc refuse(struct rh_issues *is, struct rh_text text, size_t at,
                         const char *expression, const char *what)
{
    struct rh_issue row = {
        .severity = RH_ERROR, .rc = RH_SYNTAX, .expression = expression, .text = what};
    locate(text, at, &row.line, &row.column);
    return rh_issue_at(is, row);
}

/* What a message shows of a name from the input: cut at a whole character. */
static struct rh_text shown(const yyjson_val *name)
{
    struct rh_text t = rh_json_text(name);
    if (t.len > SHOWN_NAME_BYTES) {
        t.len = SHOWN_NAME_BYTES;
        while (t.len && ((unsigned char)t.data[t.len] & 0xC0) == 0x80)
            t.len--;
    }
    return t;
}

static bool is_identifier(struct rh_text t)
{
    for (size_t i = 0; i < t.len; i++) {
        char c = t.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
              (i > 0 && c >= '0' && c <= '9')))
            return false;
    }
    return t.len > 0;
}

static void quoted(struct rh_buf *b, struct rh_text name)
{
    const char *quote = is_identifier(name) ? "" : "`";
    rh_buf_str(b, quote);
    for (size_t i = 0; i < name.len; i++) /* FHIRPath takes no raw control character */
        rh_buf_char(b, (unsigned char)name.data[i] < 0x20 ? '?' : name.data[i]);
    rh_buf_str(b, quote);
}

/* One step of the path: from a container to the member or item that is `target`. */
static void step(struct rh_buf *b, const yyjson_val *container, const yyjson_val *target)
{
    size_t i, count;
    yyjson_val *key, *val;
    if (yyjson_is_arr(plain(container))) {
        yyjson_arr_foreach (plain(container), i, count, val) {
            if (val == target) {
                rh_buf_printf(b, "[%zu]", i);
                return;
            }
        }
        return;
    }
    yyjson_obj_foreach (plain(container), i, count, key, val) {
        if (val != target && key != target)
            continue;
        if (b->len)
            rh_buf_char(b, '.');
        quoted(b, shown(key));
        return;
    }
}

/* "Patient.name[0].given[1]", in the arena. */
static const char *path_to(const struct walk *w, const yyjson_val *target)
{
    struct rh_buf b = rh_buf(w->arena);
    if (w->depth == 0)
        return NULL;
    rh_buf_text(&b, rh_json_get(w->above[0], "resourceType"));
    for (unsigned i = 0; i < w->depth; i++)
        step(&b, w->above[i], i + 1 < w->depth ? w->above[i + 1] : target);
    rh_buf_char(&b, 0);
    return b.rc ? NULL : b.data;
}

static size_t offset_of(const struct walk *w, const yyjson_val *string)
{
    return (size_t)(yyjson_get_str(plain(string)) - w->copy) - 1; /* of the quote in front */
}

static enum rh_rc refuse_twice(const struct walk *w, const yyjson_val *name)
{
    struct rh_buf b = rh_buf(w->arena);
    rh_buf_str(&b, "the name ");
    rh_buf_json(&b, shown(name));
    rh_buf_str(&b, " appears twice in one object");
    rh_buf_char(&b, 0);
    return refuse(w->issues, w->text, offset_of(w, name), path_to(w, name),
                  b.rc ? "a name appears twice in one object" : b.data);
}

static enum rh_rc refuse_nul(const struct walk *w, const yyjson_val *string)
{
    return refuse(w->issues, w->text, offset_of(w, string), path_to(w, string),
                  "a string holds the character U+0000, which no FHIR text may");
}

static enum rh_rc refuse_depth(const struct walk *w, const yyjson_val *container)
{
    unsigned depth = 0;
    bool in_string = false;
    size_t at = 0;
    for (; at < w->text.len; at++) {
        char c = w->text.data[at];
        if (in_string && c == '\\')
            at++;
        else if (c == '"')
            in_string = !in_string;
        else if (!in_string && (c == ']' || c == '}'))
            depth--;
        else if (!in_string && (c == '[' || c == '{') && ++depth > RH_JSON_DEPTH_MAX)
            break;
    }
    const char *what = rh_arena_printf(w->arena, "the content is nested in more than %d levels",
                                       RH_JSON_DEPTH_MAX);
    return refuse(w->issues, w->text, at, path_to(w, container), what ? what : "nested too deeply");
}

/* The first eight bytes of a string as a number, zeros behind a shorter one. */
static uint64_t first_eight(const yyjson_val *string)
{
    uint64_t n;
    size_t len = unsafe_yyjson_get_len(plain(string));
    memcpy(&n, unsafe_yyjson_get_str(plain(string)), sizeof n); /* inside: the copy is padded */
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    n = __builtin_bswap64(n);
#endif
    return len >= 8 ? n : n & ((UINT64_C(1) << (8 * len)) - 1);
}

static const yyjson_val *next_name(const yyjson_val *name)
{
    return unsafe_yyjson_get_next(plain(name + 1));
}

static const yyjson_val *twice_in_small(const yyjson_val *object, size_t count)
{
    uint64_t starts[SMALL_OBJECT];
    const yyjson_val *names[SMALL_OBJECT], *name = object + 1;
    for (size_t i = 0; i < count; i++, name = next_name(name)) {
        names[i] = name;
        starts[i] = first_eight(name);
        for (size_t j = 0; j < i; j++)
            if (starts[j] == starts[i] && rh_text_eq(rh_json_text(names[j]), rh_json_text(name)))
                return name;
    }
    return NULL;
}

static int by_name(const void *a, const void *b)
{
    const yyjson_val *x = *(const yyjson_val *const *)a, *y = *(const yyjson_val *const *)b;
    int c = rh_text_cmp(rh_json_text(x), rh_json_text(y));
    return c ? c : (x > y) - (x < y);
}

/* Sorted, so that an object of 100,000 names made to collide costs no more than any other. */
static enum rh_rc twice_in_large(struct rh_arena *a, const yyjson_val *object, size_t count,
                                 const yyjson_val **ret)
{
    const yyjson_val **names = rh_arena_alloc(a, count * sizeof *names), *name = object + 1;
    if (!names)
        return RH_NOMEM;
    for (size_t i = 0; i < count; i++, name = next_name(name))
        names[i] = name;
    qsort(names, count, sizeof *names, by_name);
    const yyjson_val *first = NULL;
    for (size_t i = 1; i < count; i++)
        if ((!first || names[i] < first) &&
            rh_text_eq(rh_json_text(names[i - 1]), rh_json_text(names[i])))
            first = names[i];
    *ret = first;
    return RH_OK;
}

static enum rh_rc check_names(const struct walk *w, const yyjson_val *object)
{
    size_t count = unsafe_yyjson_get_len(plain(object));
    const yyjson_val *twice = NULL;
    if (count <= SMALL_OBJECT) {
        twice = twice_in_small(object, count);
    } else {
        enum rh_rc rc = twice_in_large(w->arena, object, count, &twice);
        if (rc)
            return rc;
    }
    return twice ? refuse_twice(w, twice) : RH_OK;
}

/* yyjson keeps the values of a document in one array in the order of the text, each container in
 * front of what it holds, so one loop sees them all. */
static enum rh_rc check_all(struct walk *w, const yyjson_doc *doc, bool look_for_nul)
{
    const yyjson_val *v = doc->root, *end = doc->root + doc->val_read;
    for (; v < end; v++) {
        while (w->depth && v >= w->end[w->depth - 1])
            w->depth--;
        if (unsafe_yyjson_is_ctn(plain(v))) {
            if (w->depth == RH_JSON_DEPTH_MAX)
                return refuse_depth(w, v);
            w->above[w->depth] = v;
            w->end[w->depth++] = unsafe_yyjson_get_next(plain(v));
            enum rh_rc rc = unsafe_yyjson_is_obj(plain(v)) ? check_names(w, v) : RH_OK;
            if (rc)
                return rc;
        } else if (look_for_nul && unsafe_yyjson_is_str(plain(v))) {
            struct rh_text t = rh_json_text(v);
            if (memchr(t.data, 0, t.len))
                return refuse_nul(w, v);
        }
    }
    return RH_OK;
}

static enum rh_rc refuse_syntax(struct rh_issues *is, struct rh_text text,
                                const yyjson_read_err *err)
{
    if (err->code == YYJSON_READ_ERROR_MEMORY_ALLOCATION)
        return RH_NOMEM;
    size_t at = err->pos < text.len ? err->pos : text.len;
    /* yyjson may stand one behind the character that should have been a digit. */
    if (err->code == YYJSON_READ_ERROR_INVALID_NUMBER && strstr(err->msg, "no digit"))
        while (at > 0 && text.data[at - 1] && !strchr("+-.0123456789Ee", text.data[at - 1]))
            at--;
    if (err->code == YYJSON_READ_ERROR_EMPTY_CONTENT)
        return refuse(is, text, at, NULL, "the content is empty, a JSON value is wanted");

    char what[160];
    if (err->code == YYJSON_READ_ERROR_UNEXPECTED_END || at == text.len) {
        snprintf(what, sizeof what, "the JSON ends too early (%s)", err->msg);
    } else {
        unsigned char c = (unsigned char)text.data[at];
        char found[16];
        if (c > ' ' && c < 0x7F)
            snprintf(found, sizeof found, "'%c'", c);
        else
            snprintf(found, sizeof found, "byte 0x%02X", c);
        if (err->code == YYJSON_READ_ERROR_UNEXPECTED_CONTENT)
            snprintf(what, sizeof what, "the JSON value is complete, but %s follows it", found);
        else
            snprintf(what, sizeof what, "this is not JSON: %s, at %s", err->msg, found);
    }
    return refuse(is, text, at, NULL, what);
}

enum rh_rc rh_json_parse(struct rh_arena *a, struct rh_issues *is, struct rh_text text,
                         yyjson_doc **ret)
{
    if (text.len == 0)
        return refuse(is, text, 0, NULL, "the content is empty, a JSON value is wanted");
    char *copy = text.len > SIZE_MAX - PADDING ? NULL : rh_arena_alloc(a, text.len + PADDING);
    if (!copy)
        return RH_NOMEM;
    memcpy(copy, text.data, text.len);
    memset(copy + text.len, 0, PADDING);

    yyjson_read_err err = {0};
    yyjson_alc alc = rh_json_alc(a);
    yyjson_doc *doc = yyjson_read_opts(copy, text.len,
                                       YYJSON_READ_INSITU | YYJSON_READ_NUMBER_AS_RAW, &alc, &err);
    if (!doc)
        return refuse_syntax(is, text, &err);

    struct walk w;
    w.arena = a;
    w.issues = is;
    w.text = text;
    w.copy = copy;
    w.depth = 0;
    bool nul = memmem(text.data, text.len, "\\u0000", 6) != NULL;
    enum rh_rc rc = check_all(&w, doc, nul);
    if (rc)
        return rc;
    *ret = doc;
    return RH_OK;
}

struct rh_text rh_json_get(const yyjson_val *object, const char *name)
{
    yyjson_val *v = yyjson_obj_get(plain(object), name);
    return yyjson_is_str(v) ? rh_json_text(v) : (struct rh_text){NULL, 0};
}

/* ---- writing --------------------------------------------------------------------------------- */

static void write_real(struct rh_buf *b, double n)
{
    /* Only values that the program made: what came from outside is raw text. */
    rh_buf_printf(b, "%.17g", n);
}

static void write_leaf(struct rh_buf *b, const yyjson_val *v)
{
    switch (unsafe_yyjson_get_type(plain(v))) {
    case YYJSON_TYPE_STR:
        rh_buf_json(b, rh_json_text(v));
        break;
    case YYJSON_TYPE_RAW:
        rh_buf_text(b, rh_json_text(v));
        break;
    case YYJSON_TYPE_BOOL:
        rh_buf_str(b, unsafe_yyjson_get_bool(plain(v)) ? "true" : "false");
        break;
    case YYJSON_TYPE_NUM:
        if (yyjson_is_uint(plain(v)))
            rh_buf_u64(b, yyjson_get_uint(plain(v)));
        else if (yyjson_is_sint(plain(v)))
            rh_buf_printf(b, "%lld", (long long)yyjson_get_sint(plain(v)));
        else
            write_real(b, yyjson_get_real(plain(v)));
        break;
    default:
        rh_buf_str(b, "null");
    }
}

/* A container that is being written. */
struct frame {
    size_t left; /* values still to come, names included */
    bool object;
};

static struct frame frame_of(const yyjson_val *v)
{
    size_t len = unsafe_yyjson_get_len(plain(v));
    bool object = unsafe_yyjson_is_obj(plain(v));
    return (struct frame){object ? 2 * len : len, object};
}

/* Goes through the values in the order of the document's array and puts what follows behind each
 * one; a container that ends turns the comma behind its last value into its bracket. */
static void write_minified(struct rh_buf *b, const yyjson_val *v)
{
    struct frame stack[WRITE_DEPTH_MAX], *top = stack;
    *top = (struct frame){.left = 1};
    for (;; v++) {
        top->left--;
        if (unsafe_yyjson_is_ctn(plain(v))) {
            assert(top + 1 < stack + WRITE_DEPTH_MAX);
            *++top = frame_of(v);
            rh_buf_char(b, top->object ? '{' : '[');
            if (top->left == 0)
                rh_buf_char(b, ','); /* which the bracket will replace */
        } else {
            write_leaf(b, v);
            rh_buf_char(b, top->object && top->left % 2 ? ':' : ',');
        }
        while (top->left == 0) {
            if (b->rc)
                return;
            if (top == stack) {
                b->len--;
                return;
            }
            b->data[b->len - 1] = top->object ? '}' : ']';
            rh_buf_char(b, ',');
            top--;
        }
    }
}

static void new_line(struct rh_buf *b, unsigned depth)
{
    rh_buf_char(b, '\n');
    for (unsigned i = 0; i < depth; i++)
        rh_buf_add(b, "  ", 2);
}

/* For people to read: what stands in front of each value is written with it. */
static void write_pretty(struct rh_buf *b, const yyjson_val *v)
{
    struct frame stack[WRITE_DEPTH_MAX], *top = stack;
    *top = (struct frame){.left = 1};
    for (bool first = true;; v++) {
        if (top->object && top->left % 2) {
            rh_buf_add(b, ": ", 2);
        } else if (top != stack) {
            rh_buf_add(b, ",", first ? 0 : 1);
            new_line(b, (unsigned)(top - stack));
        }
        top->left--;
        first = false;
        struct frame f = frame_of(v);
        if (!unsafe_yyjson_is_ctn(plain(v))) {
            write_leaf(b, v);
        } else if (f.left == 0) {
            rh_buf_str(b, f.object ? "{}" : "[]");
        } else {
            assert(top + 1 < stack + WRITE_DEPTH_MAX);
            *++top = f;
            rh_buf_char(b, f.object ? '{' : '[');
            first = true;
        }
        while (top->left == 0) {
            if (top == stack)
                return;
            new_line(b, (unsigned)(top - stack) - 1);
            rh_buf_char(b, top->object ? '}' : ']');
            top--;
        }
    }
}

void rh_json_write(struct rh_buf *b, const yyjson_val *v)
{
    write_minified(b, v);
}

void rh_json_write_pretty(struct rh_buf *b, const yyjson_val *v)
{
    write_pretty(b, v);
}

const char *rh_json_kind(const yyjson_val *v)
{
    switch (yyjson_get_type((yyjson_val *)(uintptr_t)v)) {
    case YYJSON_TYPE_NULL:
        return "null";
    case YYJSON_TYPE_BOOL:
        return "a boolean";
    case YYJSON_TYPE_STR:
        return "a string";
    case YYJSON_TYPE_ARR:
        return "an array";
    case YYJSON_TYPE_OBJ:
        return "an object";
    default:
        return v ? "a number" : "nothing";
    }
}
