/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * key.h - from a resource to its search keys: bytes in memcmp order.
 *
 *   token      'c' word hash64(system)   and 's' hash64(system), "any code of it", where there is
 *                                         a system
 *              'o' hash64(system|code of its type) word: Identifier whose type has a coding
 *   string     'x' folded string          words with one blank between (rh_fold_line)
 *              'w' the same from each later word on: of family names
 *              with `words` also 'f' folded word and 'k' each skeleton (normalise.h)
 *   date       'l' lo hi                  and 'h' hi lo when the span is longer than a day. Open
 *                                         ends are INT64_MIN and INT64_MAX
 *   number     'n' decimal decimal        lo hi; the same for a point
 *   quantity   'q' unit 0 hash64(system) decimal decimal, as given; unit is the code, else the
 *              unit's text, else nothing; of Money the currency. '<' and '>' leave an end open
 *              'p' text 0 hash64() decimal decimal: the unit's text where it is not the code
 *              what begins at one number and ends at another: also 'r' for 'n' or 'q'
 *   reference  type16 word                of a local one (type 0: the type is not known)
 *              type16 'x' address         of another one; a canonical likewise, without version,
 *              'v' the same 0 version     and this where a version is stated
 *              'i' token                  its identifier
 *              '#' type16                 it is a contained resource, or a Bundle's first entry
 *   uri        'u' address                of a canonical with a version also without it
 *   composite  key of the first component, 0-escaped (0 -> 0 255, end 0 0), then of the second;
 *              only keys that hold the value take part: c l n q x u g and those of a reference
 *   near       'g' Morton code of the place: 32 bits each of latitude and longitude
 *   shape      's' hash32(numbers)        and, shared, 'd' hash32 numbers: of all parameters that
 *                                         have a value, views and those without key included
 *   keyless    '~'                        the parameter has a value, but none of the keys above
 *                                         that holds it (a concept with a text only)
 *   stray      '!'                        RH_PARAM_STRAY
 *   atom       'a' hash64(folded text)    hash 0: the resource has more text than keys
 *   word       shared: 'w' word 0 hash64(text): the text has the word
 *
 * A word (id, code) is 'u' and 16 bytes when it is a UUID in canonical lower case, else 't', the
 * text and, before anything else, 0x00. The hash of no system is 0. An element of type code has the
 * system of its required binding, where that is one, and true and false have one too
 * (spec/r4/code-systems.tsv); of a ContactPoint its use, and what it is (phone), stand for one.
 * Integers are 8 bytes of bytes.h, decimals those of rh_key_decimal. A calendar day (`date`) is
 * taken in UTC, so that the zone of a site does not move a birthday; a dateTime without a zone in
 * ctx->zone_minutes. Keys longer than RH_KEY_CUT bytes are cut there; a match on a cut key is
 * checked again on the body. No key depends on the address under which this server was asked: an
 * absolute reference to itself is an absolute one. Decimals of more than RH_DEC_DIGITS digits have
 * no key.
 *
 * aux is a number that a row carries beside its key: bit 0: RH_AUX_ONLY; the others: the main date,
 * read by rh_aux_span. It is there when the resource has one value of it, that is a calendar year,
 * month or day, an instant to the millisecond, or a period of whole seconds and at most 12 days.
 */
#ifndef RH_SEARCH_KEY_H
#define RH_SEARCH_KEY_H

#include "base/context.h"
#include "base/decimal.h"
#include "base/json.h"
#include "fhir/element.h"
#include "search/parameter.h"

enum {
    RH_KEY_CUT = 96,
    RH_KEYS_MAX = 50000 /* of one resource (a large code system); more are refused, RH_TOOLARGE */
};

enum { RH_AUX_ONLY = 1 }; /* no other row of this parameter begins with the same byte */

struct rh_search_key {
    uint16_t type;   /* of the resource, or of the contained one */
    uint16_t number; /* of the parameter, with RH_PARAM_CONTAINED where it is */
    bool shared;     /* a row of no resource: written once with rk 0, never removed */
    int64_t aux;
    struct rh_text bytes; /* whole, not cut; in the context's arena */
};

struct rh_search_keys {
    struct rh_search_key *rows; /* sorted by shared, type, number, then bytes; without repeats */
    unsigned n;
    unsigned n_own; /* those that are not shared stand first */
};

/* Keys of every parameter of ctx->parameters that is taken from the body, complete or not, with
 * shape, atoms and words. The resource has passed rh_fhir_check. RH_NOMEM, RH_TOOLARGE. An
 * expression that fails on a resource gives no key (its value cannot be computed). */
enum rh_rc rh_keys_of(struct rh_ctx *ctx, const struct rh_type *type, const yyjson_val *resource,
                      struct rh_search_keys *ret);

/* Parameters whose keys are wanted: of some tests, or of an order. */
enum { RH_KEY_WISH_MAX = 24 };
struct rh_key_wish {
    bool all; /* of every parameter, with shape and words */
    unsigned n;
    uint16_t numbers[RH_KEY_WISH_MAX];
};
/* Adds one; internal numbers, those of contained resources, and more than there is room for, mean
 * `all`. */
void rh_key_wish_add(struct rh_key_wish *w, unsigned number);
/* The keys of rh_keys_of, as far as they are wished for: a fraction of its time. aux is not set. */
enum rh_rc rh_keys_wished(struct rh_ctx *ctx, const struct rh_type *type,
                          const yyjson_val *resource, const struct rh_key_wish *wish,
                          struct rh_search_keys *ret);

/* The references that a parameter finds in a resource, for _include: type 0: not known. */
struct rh_found_reference {
    unsigned type;
    struct rh_text id;        /* of a local one; empty: see address */
    struct rh_text address;   /* absolute or canonical, without version; empty for a local one */
    const yyjson_val *inside; /* rh_references_inside: the resource itself */
};
/* `parameter` NULL: of all reference parameters of the type. */
enum rh_rc rh_references_of(struct rh_ctx *ctx, const struct rh_type *type,
                            const yyjson_val *resource, const struct rh_parameter *parameter,
                            struct rh_found_reference **ret, unsigned *n);
/* The same of those that are resources inside this one: contained ("#id"), or the first entry of a
 * document or message. `id` is theirs, `address` is empty. */
enum rh_rc rh_references_inside(struct rh_ctx *ctx, const struct rh_type *type,
                                const yyjson_val *resource, const struct rh_parameter *parameter,
                                struct rh_found_reference **ret, unsigned *n);

/* The key of RH_PARAM_LAST_UPDATED for an instant. */
enum { RH_KEY_INSTANT_SIZE = 17 };
void rh_key_instant(int64_t us, unsigned char ret[RH_KEY_INSTANT_SIZE]);
/* The one key of a local reference to (type, id), for a scan of who refers to it. */
void rh_key_local(struct rh_buf *b, unsigned type, struct rh_text id);
/* The key of references to a resource of this type inside the resource itself. */
void rh_key_inside(struct rh_buf *b, unsigned type);
/* The key of a reference to it by its whole address on the server of this base; with an empty id
 * the beginning of all such keys. */
void rh_key_own(struct rh_buf *b, struct rh_text base, unsigned type, struct rh_text id);
/* Appends bytes in the order of the numbers' values; equal values (1, 1.0) are equal bytes, and no
 * such text is the beginning of another. */
void rh_key_decimal(struct rh_buf *b, struct rh_dec value);

/* The span of the main date in an aux; false: it has none, or one that cannot be expressed. */
bool rh_aux_span(int64_t aux, int64_t *lo_us, int64_t *hi_us);

/* Does a shape row's key ('d' …) list the parameter? And the postings' key of a 'd' row. */
bool rh_shape_has(struct rh_text shape, unsigned number);
void rh_shape_key(struct rh_text shape, struct rh_buf *b);

#endif
