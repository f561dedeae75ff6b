/* SPDX-License-Identifier: GPL-3.0-or-later */
/* validate_int.h - $validate-code: one code against one value set, and what is said about it. */
#ifndef RH_TERMINOLOGY_VALIDATE_INT_H
#define RH_TERMINOLOGY_VALIDATE_INT_H

#include "terminology/request_int.h"

enum check_mode { CHECK_CODE, CHECK_CODING, CHECK_CONCEPT };
enum check_answer { CHECK_NO, CHECK_YES, CHECK_UNKNOWN };

struct coding {
    struct rh_text system, version, code, display, path;
};

/* What the check of one coding found. */
struct found {
    struct tx_designations names;
    struct rh_text version, language;
    bool fragment, known;
};

struct check {
    struct tx *t;
    const yyjson_val *valueset; /* NULL: a whole system is asked, `system` */
    const struct terms_system *system;
    enum check_mode mode;
    struct tx_issues issues;
    struct tx_texts messages, unknown_systems, unknown_codes;
    bool inactive;
    struct rh_text inactive_path, inactive_code, status, normal_form, implied_system;
};

/* Soft or hard failure when the value set or one that it includes cannot be used. */
enum rh_rc tx_prepare(struct check *k, const yyjson_val *valueset);
enum rh_rc tx_check(struct check *k, const yyjson_val *valueset, const struct coding *c,
                    struct found *f, enum check_answer *ret);
/* "Is not known" as an issue, once for each system and version. */
enum rh_rc tx_say_unknown(struct check *k, const struct coding *c, struct rh_text version);
void tx_say(struct check *k, enum rh_severity severity, const char *code, const char *detail,
            struct rh_text path, struct rh_text text);
/* The same, and the text becomes part of the message. */
enum rh_rc tx_say_message(struct check *k, enum rh_severity severity, const char *code,
                          const char *detail, struct rh_text path, struct rh_text text);
struct rh_text tx_path(struct check *k, struct rh_text path, const char *name);
enum rh_rc tx_check_status(struct check *k, const yyjson_val *body, const yyjson_val *source);
enum rh_rc tx_unknown_code(struct check *k, const struct terms_system *cs, const struct coding *c,
                           bool message);
void tx_note_inactive(struct check *k, const struct terms_system *cs, uint32_t i,
                      const struct coding *c);

#endif
