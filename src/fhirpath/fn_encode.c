/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * encode(), decode(), escape() and unescape(). An unknown format gives an empty result; a text that
 * is not of the format it is said to be is an error.
 */
#include "fhirpath/fn_int.h"

typedef enum rh_rc work(struct rh_text in, struct rh_buf *out); /* RH_VALUE: malformed */

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char for_urls[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static enum rh_rc encode_hex(struct rh_text in, struct rh_buf *out)
{
    for (size_t i = 0; i < in.len; i++) {
        rh_buf_char(out, "0123456789abcdef"[(unsigned char)in.data[i] >> 4]);
        rh_buf_char(out, "0123456789abcdef"[in.data[i] & 15]);
    }
    return RH_OK;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static enum rh_rc decode_hex(struct rh_text in, struct rh_buf *out)
{
    if (in.len % 2)
        return RH_VALUE;
    for (size_t i = 0; i < in.len; i += 2) {
        int high = hex_value(in.data[i]), low = hex_value(in.data[i + 1]);
        if (high < 0 || low < 0)
            return RH_VALUE;
        rh_buf_char(out, (char)(high << 4 | low));
    }
    return RH_OK;
}

static void encode_64(struct rh_text in, const char *letters, struct rh_buf *out)
{
    for (size_t i = 0; i < in.len; i += 3) {
        size_t n = in.len - i < 3 ? in.len - i : 3;
        uint32_t bits = 0;
        for (size_t k = 0; k < 3; k++)
            bits = bits << 8 | (k < n ? (unsigned char)in.data[i + k] : 0);
        for (size_t k = 0; k < 4; k++)
            rh_buf_char(out, k <= n ? letters[bits >> (18 - 6 * k) & 63] : '=');
    }
}

/* Padding may be left out; the bits behind the last byte must be 0. */
static enum rh_rc decode_64(struct rh_text in, const char *letters, struct rh_buf *out)
{
    size_t len = in.len;
    while (len > 0 && in.len - len < 2 && in.data[len - 1] == '=')
        len--;
    if (len % 4 == 1 || (len < in.len && in.len % 4 != 0))
        return RH_VALUE;
    uint32_t bits = 0;
    unsigned count = 0;
    for (size_t i = 0; i < len; i++) {
        const char *p = in.data[i] ? strchr(letters, in.data[i]) : NULL;
        if (!p)
            return RH_VALUE;
        bits = bits << 6 | (uint32_t)(p - letters);
        count += 6;
        if (count >= 8) {
            count -= 8;
            rh_buf_char(out, (char)(bits >> count & 0xFF));
        }
    }
    return bits & ((1u << count) - 1) ? RH_VALUE : RH_OK;
}

static enum rh_rc encode_base64(struct rh_text in, struct rh_buf *out)
{
    encode_64(in, standard, out);
    return RH_OK;
}

static enum rh_rc encode_urlbase64(struct rh_text in, struct rh_buf *out)
{
    encode_64(in, for_urls, out);
    return RH_OK;
}

static enum rh_rc decode_base64(struct rh_text in, struct rh_buf *out)
{
    return decode_64(in, standard, out);
}

static enum rh_rc decode_urlbase64(struct rh_text in, struct rh_buf *out)
{
    return decode_64(in, for_urls, out);
}

/* --- html and json ---------------------------------------------------------------------------- */
static const struct {
    char character;
    const char *name;
} entities[] = {
    {'&', "&amp;"},  {'<', "&lt;"},   {'>', "&gt;"},
    {'"', "&quot;"}, {'\'', "&#39;"}, {'\'', "&apos;"},
};

static enum rh_rc escape_html(struct rh_text in, struct rh_buf *out)
{
    for (size_t i = 0; i < in.len; i++) {
        const char *name = NULL;
        for (size_t k = 0; k < sizeof entities / sizeof entities[0] && !name; k++)
            if (entities[k].character == in.data[i])
                name = entities[k].name;
        if (name)
            rh_buf_str(out, name);
        else
            rh_buf_char(out, in.data[i]);
    }
    return RH_OK;
}

/* A code point that text may hold: no half of a pair, not 0. */
static bool is_character(uint32_t c)
{
    return c > 0 && c <= 0x10FFFF && (c < 0xD800 || c > 0xDFFF);
}

/* "&#960;" and "&#x3C0;"; 0: it is none. */
static size_t numeric(struct rh_text t, uint32_t *ret)
{
    bool hex = t.len > 2 && (t.data[2] == 'x' || t.data[2] == 'X');
    uint32_t n = 0;
    size_t from = hex ? 3 : 2, i = from;
    if (t.len < 3 || t.data[1] != '#')
        return 0;
    for (; i < t.len && i - from < 8 && hex_value(t.data[i]) >= 0; i++) {
        int digit = hex_value(t.data[i]);
        if (!hex && digit > 9)
            return 0;
        n = n * (hex ? 16 : 10) + (uint32_t)digit;
    }
    *ret = n;
    return i > from && i < t.len && t.data[i] == ';' && is_character(n) ? i + 1 : 0;
}

/* What is no entity stays as it is. */
static enum rh_rc unescape_html(struct rh_text in, struct rh_buf *out)
{
    for (size_t i = 0; i < in.len;) {
        struct rh_text rest = {in.data + i, in.len - i};
        size_t taken = 0;
        uint32_t c = 0;
        if (in.data[i] == '&') {
            for (size_t k = 0; k < sizeof entities / sizeof entities[0] && !taken; k++) {
                if (rh_text_starts(rest, entities[k].name)) {
                    c = (unsigned char)entities[k].character;
                    taken = strlen(entities[k].name);
                }
            }
            if (!taken)
                taken = numeric(rest, &c);
        }
        if (taken) {
            rh_buf_utf8(out, c);
            i += taken;
        } else {
            rh_buf_char(out, in.data[i++]);
        }
    }
    return RH_OK;
}

static enum rh_rc escape_json(struct rh_text in, struct rh_buf *out)
{
    struct rh_buf quoted = rh_buf(out->arena);
    rh_buf_json(&quoted, in);
    if (quoted.rc)
        return quoted.rc;
    rh_buf_add(out, quoted.data + 1, quoted.len - 2);
    return RH_OK;
}

static bool hex4(struct rh_text t, size_t at, uint32_t *ret)
{
    uint32_t n = 0;
    if (t.len < at + 4)
        return false;
    for (size_t i = at; i < at + 4; i++) {
        int digit = hex_value(t.data[i]);
        if (digit < 0)
            return false;
        n = n << 4 | (uint32_t)digit;
    }
    *ret = n;
    return true;
}

/* At "\u": the code point, with its second half where it has one. */
static bool unicode(struct rh_text in, size_t *at, struct rh_buf *out)
{
    uint32_t c, low;
    if (!hex4(in, *at + 2, &c))
        return false;
    *at += 6;
    if (c >= 0xD800 && c < 0xDC00 && *at + 1 < in.len && in.data[*at] == '\\' &&
        in.data[*at + 1] == 'u' && hex4(in, *at + 2, &low) && low >= 0xDC00 && low < 0xE000) {
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        *at += 6;
    }
    if (!is_character(c))
        return false;
    rh_buf_utf8(out, c);
    return true;
}

static enum rh_rc unescape_json(struct rh_text in, struct rh_buf *out)
{
    static const char names[] = "\"\\/bfnrt", characters[] = "\"\\/\b\f\n\r\t";
    for (size_t i = 0; i < in.len;) {
        if (in.data[i] != '\\') {
            rh_buf_char(out, in.data[i++]);
            continue;
        }
        char c = i + 1 < in.len ? in.data[i + 1] : 0;
        const char *p = c ? strchr(names, c) : NULL;
        if (p) {
            rh_buf_char(out, characters[p - names]);
            i += 2;
        } else if (c != 'u' || !unicode(in, &i, out)) {
            return RH_VALUE;
        }
    }
    return RH_OK;
}

/* --- the functions ---------------------------------------------------------------------------- */
static const struct {
    const char *format;
    work *encode, *decode;
} encodings[] = {
    {"hex", encode_hex, decode_hex},
    {"base64", encode_base64, decode_base64},
    {"urlbase64", encode_urlbase64, decode_urlbase64},
};
static const struct {
    const char *target;
    work *escape, *unescape;
} escapes[] = {
    {"html", escape_html, unescape_html},
    {"json", escape_json, unescape_json},
};

static enum rh_rc run(struct rh_fp_run *r, const struct rh_fp_node *call,
                      const struct rh_fp_list *in, bool encoding, bool back, struct rh_fp_list *ret)
{
    struct rh_text t, format;
    bool empty, none;
    enum rh_rc rc = rh_fp_in_text(r, call, in, &t, &empty);
    if (rc)
        return rc;
    rc = rh_fp_arg_string(r, call, 0, &format, &none);
    if (rc || empty || none)
        return rc;
    work *how = NULL;
    for (size_t i = 0; encoding && i < sizeof encodings / sizeof encodings[0]; i++)
        if (rh_text_is(format, encodings[i].format))
            how = back ? encodings[i].decode : encodings[i].encode;
    for (size_t i = 0; !encoding && i < sizeof escapes / sizeof escapes[0]; i++)
        if (rh_text_is(format, escapes[i].target))
            how = back ? escapes[i].unescape : escapes[i].escape;
    if (!how)
        return RH_OK;
    rc = rh_fp_step(r, call, t.len / 64);
    if (rc)
        return rc;
    struct rh_buf b = rh_buf(r->c->arena);
    rc = how(t, &b);
    if (b.rc)
        return b.rc;
    if (rc == RH_VALUE)
        return rh_fp_error(r, call, RH_VALUE, "the input of %.*s() is not %.*s",
                           RH_TEXT_ARG(call->name), RH_TEXT_ARG(format));
    if (rc)
        return rc;
    struct rh_text text = b.len ? rh_buf_get(&b) : RH_TEXT("");
    if (back && !rh_utf8_valid(text))
        return rh_fp_error(r, call, RH_VALUE, "what %.*s() gives is not text in UTF-8",
                           RH_TEXT_ARG(call->name));
    return rh_fp_push_text(r, ret, text);
}

enum rh_rc rh_fp_encode(struct rh_fp_run *r, const struct rh_fp_node *call,
                        const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    return run(r, call, in, true, false, ret);
}

enum rh_rc rh_fp_decode(struct rh_fp_run *r, const struct rh_fp_node *call,
                        const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    return run(r, call, in, true, true, ret);
}

enum rh_rc rh_fp_escape(struct rh_fp_run *r, const struct rh_fp_node *call,
                        const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    return run(r, call, in, false, false, ret);
}

enum rh_rc rh_fp_unescape(struct rh_fp_run *r, const struct rh_fp_node *call,
                          const struct rh_fp_list *in, struct rh_fp_list *ret)
{
    return run(r, call, in, false, true, ret);
}
