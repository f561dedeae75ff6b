/* SPDX-License-Identifier: GPL-3.0-or-later */
/* ucum_text.c - units as text: products of codes, and names for people. */
#include "fhir/ucum_int.h"

static int power_of(const struct rh_ucum_part *p)
{
    return p->divided ? -p->exponent : p->exponent;
}

static bool same(const struct rh_ucum_part *a, const struct rh_ucum_part *b)
{
    return a->atom && a->atom == b->atom && a->prefix == b->prefix && rh_text_eq(a->note, b->note);
}

static bool is_one(const struct rh_ucum_part *p)
{
    return !p->atom && p->number == 1 && p->note.len == 0;
}

/* Adds the parts of `more` to those of `to`, equal units together. False: too many. */
static bool join(struct rh_ucum_parts *to, const struct rh_ucum_parts *more, bool divide)
{
    for (unsigned i = 0; i < more->count; i++) {
        struct rh_ucum_part p = more->part[i];
        if (is_one(&p))
            continue;
        p.exponent = divide ? -power_of(&p) : power_of(&p);
        p.divided = false;
        unsigned j = 0;
        while (j < to->count && !same(&to->part[j], &p))
            j++;
        if (j == RH_UCUM_PARTS_MAX)
            return false;
        if (j == to->count)
            to->part[to->count++] = p;
        else
            to->part[j].exponent += p.exponent;
    }
    return true;
}

static bool is_ten(const struct rh_ucum_part *p) /* 10* or 10^ */
{
    return p->atom && memcmp(p->atom->code, "10", 2) == 0;
}

static void print_number(__int128 n, struct rh_buf *out)
{
    rh_dec_print((struct rh_dec){n, 0}, out);
}

static void print_part(const struct rh_ucum_part *p, int exponent, struct rh_buf *out)
{
    if (p->atom) {
        rh_buf_str(out, p->prefix ? p->prefix->code : "");
        rh_buf_str(out, p->atom->code);
        if (exponent != 1)
            rh_buf_printf(out, "%d", exponent);
    } else if (p->number != 1 || p->note.len == 0) {
        print_number(p->number, out);
    }
    if (p->note.len)
        rh_buf_printf(out, "{%.*s}", RH_TEXT_ARG(p->note));
}

/* First what multiplies, then what divides. */
static void print_parts(const struct rh_ucum_parts *parts, struct rh_buf *out)
{
    size_t before = out->len;
    for (int pass = 1; pass >= -1; pass -= 2)
        for (unsigned i = 0; i < parts->count; i++) {
            const struct rh_ucum_part *p = &parts->part[i];
            if (p->exponent * pass <= 0)
                continue;
            if (pass < 0)
                rh_buf_char(out, '/');
            else if (out->len > before)
                rh_buf_char(out, '.');
            print_part(p, p->exponent * pass, out);
        }
    if (out->len == before)
        rh_buf_char(out, '1');
}

enum rh_rc rh_ucum_multiply(struct rh_text a, struct rh_text b, bool divide, struct rh_buf *out)
{
    struct rh_ucum_parts x, y, sum = {.count = 0};
    struct rh_ucum unit;
    enum rh_rc rc = rh_ucum_read(NULL, a, &x);
    if (!rc)
        rc = rh_ucum_read(NULL, b, &y);
    if (rc)
        return rc;
    if (!join(&sum, &x, false) || !join(&sum, &y, divide))
        return RH_VALUE;
    rc = rh_ucum_reduce(NULL, a, &sum, &unit);
    if (rc)
        return rc;
    print_parts(&sum, out);
    return out->rc;
}

/* "square ", "cubic " or, after the name, " to the power of 4". */
static void print_name(const struct rh_ucum_part *p, int exponent, struct rh_buf *out)
{
    if (!p->atom) {
        if (p->note.len && p->number == 1) {
            rh_buf_text(out, p->note);
            return;
        }
        print_number(p->number, out);
    } else {
        bool ten = is_ten(p), word = !ten && (exponent == 2 || exponent == 3);
        rh_buf_str(out, !word ? "" : exponent == 2 ? "square " : "cubic ");
        rh_buf_str(out, p->prefix ? p->prefix->name : "");
        rh_buf_str(out, ten ? "10" : p->atom->name);
        if (exponent != 1 && !word)
            rh_buf_printf(out, " to the power of %d", exponent);
    }
    if (p->note.len)
        rh_buf_printf(out, " (%.*s)", RH_TEXT_ARG(p->note));
}

enum rh_rc rh_ucum_display(struct rh_text code, struct rh_buf *out)
{
    struct rh_ucum_parts parts;
    enum rh_rc rc = rh_ucum_read(NULL, code, &parts);
    if (rc)
        return rc;
    size_t before = out->len;
    bool divided = false;
    for (int pass = 1; pass >= -1; pass -= 2)
        for (unsigned i = 0; i < parts.count; i++) {
            const struct rh_ucum_part *p = &parts.part[i];
            bool ten = is_ten(p);
            int n = power_of(p);
            bool below = ten ? p->divided : n < 0;
            if (below != (pass < 0) || (is_one(p) && parts.count > 1))
                continue;
            if (pass < 0)
                rh_buf_str(out, divided || out->len > before ? " per " : "per ");
            else if (out->len > before)
                rh_buf_char(out, ' ');
            divided = pass < 0;
            print_name(p, ten ? p->exponent : below ? -n : n, out);
        }
    return out->rc;
}

enum rh_rc rh_ucum_formal(struct rh_text code, struct rh_buf *out)
{
    struct rh_ucum_parts parts;
    if (code.len == 0) {
        rh_buf_str(out, "(unity)");
        return out->rc;
    }
    enum rh_rc rc = rh_ucum_read(NULL, code, &parts);
    if (rc)
        return rc;
    for (unsigned i = 0; i < parts.count; i++) {
        const struct rh_ucum_part *p = &parts.part[i];
        if (i > 0 || p->divided)
            rh_buf_str(out, p->divided ? " / " : " * ");
        if (!p->atom) {
            print_number(p->number, out);
            continue;
        }
        rh_buf_printf(out, "(%s%s", p->prefix ? p->prefix->name : "", p->atom->name);
        if (p->exponent != 1)
            rh_buf_printf(out, " ^ %d", p->exponent);
        rh_buf_char(out, ')');
    }
    return out->rc;
}
