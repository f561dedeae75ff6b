/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * Findings about answers as text, in a language.
 */
#include "conformance/answers_int.h"

static size_t language_of(struct rh_text language)
{
    for (size_t i = 0; rh_answer_languages[i]; i++) {
        struct rh_text have = rh_text(rh_answer_languages[i]);
        struct rh_text start = {language.data, have.len};
        if (language.len >= have.len && rh_text_ieq(start, have) &&
            (language.len == have.len || language.data[have.len] == '-'))
            return i;
    }
    return 0;
}

void rh_answer_text(const struct rh_answer_fault *f, struct rh_text language, struct rh_buf *out)
{
    struct rh_text t = rh_text(rh_answer_messages[f->rule].texts[language_of(language)]);
    for (size_t i = 0; i < t.len; i++) {
        bool hole = t.data[i] == '{' && i + 2 < t.len && t.data[i + 2] == '}' &&
                    (t.data[i + 1] == '0' || t.data[i + 1] == '1');
        if (hole) {
            rh_buf_text(out, f->args[t.data[i + 1] - '0']);
            i += 2;
        } else {
            rh_buf_char(out, t.data[i]);
        }
    }
}

bool rh_answer_is_error(const struct rh_answer_fault *f)
{
    return !f->warning && rh_answer_messages[f->rule].severity == RH_ERROR;
}

const char *rh_answer_code(const struct rh_answer_fault *f)
{
    return rh_answer_messages[f->rule].code;
}

struct rh_text rh_answer_shown(struct rh_text t)
{
    return rh_text_shown(t, 60);
}

void rh_answer_report(struct rh_answer_rules *r, enum rh_answer_rule rule, long n, bool on_value,
                      struct rh_text arg0, struct rh_text arg1)
{
    struct rh_answer_fault f = {
        .rule = rule, .answer = n, .on_value = on_value, .args = {arg0, arg1}};
    r->found(r->user, &f);
}
