/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * key.h - from a resource to its search keys: bytes in memcmp order.
 *
 *   token      'c' word hash64(system)   and 's' hash64(system) for "any code of this system"
 *   date       'l' lo hi                 and 'h' hi lo when the span is longer than a day
 *   reference  type16 id                 and type16 'x' address for an absolute one, wherever it
 * points string     'f' folded word           and 'k' each skeleton of the word (see normalise.h)
 *
 * A word or id is 'u' and 16 bytes when it is a UUID in canonical lower case, else 't', the text
 * and, before a hash, 0x00. The hash of no system is 0. Numbers are 8 bytes of bytes.h. A calendar
 * day is taken in UTC, so that the zone of a site does not move a birthday. Keys longer than
 * RH_KEY_CUT bytes are cut there; a match on a cut key is checked again on the body.
 */
#ifndef RH_SEARCH_KEY_H
#define RH_SEARCH_KEY_H

#include "base/context.h"
#include "base/json.h"
#include "fhir/element.h"
#include "search/parameter.h"

enum {
    RH_KEY_CUT = 96,
    RH_KEYS_MAX = 1000 /* of one resource; further ones are refused with RH_TOOLARGE */
};

struct rh_search_key {
    const struct rh_parameter *parameter;
    struct rh_text bytes; /* whole, not cut; in the context's arena */
};

struct rh_search_keys {
    struct rh_search_key *rows; /* sorted by parameter number, then bytes; without repeats */
    unsigned n;
};

/* Keys of every parameter that is taken from the body. The resource has passed rh_fhir_check.
 * RH_NOMEM, RH_TOOLARGE. */
enum rh_rc rh_keys_of(struct rh_ctx *ctx, const struct rh_type *type, const yyjson_val *resource,
                      struct rh_search_keys *ret);

/* The key of RH_PARAM_LAST_UPDATED for an instant. */
enum { RH_KEY_INSTANT_SIZE = 17 };
void rh_key_instant(int64_t us, unsigned char ret[RH_KEY_INSTANT_SIZE]);

#endif
