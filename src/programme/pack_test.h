/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pack_test.h - the cases of a pack, read from its folder and run.
 *
 * FOLDER/cases/…json: one case or a list of cases a file (clinical/pack_case.h); folders below it
 * are read too, but for cases/given, which has the templates. A template is looked for in the pack
 * itself, then in the other folders that are named, last ones first.
 */
#ifndef RH_PROGRAMME_PACK_TEST_H
#define RH_PROGRAMME_PACK_TEST_H

#include "clinical/pack_case.h"

enum { RH_CASES_MAX = 200000, RH_CASE_FILE_MAX = 64 << 20 };

struct rh_case_said {
    const char *file; /* "cases/film.json", inside the pack */
    size_t number;    /* of the case in its file, from 1; 0: the file itself is wrong */
    struct rh_case_result result;
};
typedef void rh_case_each(void *user, const struct rh_case_said *s);

struct rh_pack_tested {
    size_t files, cases;
    size_t passed, failed, broken; /* broken: cases and files that cannot be run */
    uint64_t took_us;              /* for the cases alone */
};

/* Cases whose file or name contains `filter` (NULL: all); the last of the paths is the pack's
 * folder, the others are what it depends on. In c->world, which has all of them. `r` (may be NULL)
 * is filled with the runner, for coverage, in arena `a`. A pack without cases is fine: nothing is
 * counted. Errors only when the machine fails; a file that cannot be read is a broken case. */
enum rh_rc rh_pack_test(struct rh_ctx *c, struct rh_arena *a, const char *const *paths, size_t n,
                        const char *filter, rh_case_each *each, void *user,
                        struct rh_pack_tested *ret, struct rh_runner **r);

#endif
