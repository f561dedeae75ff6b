/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "system/log.h"

#include "base/arena.h"
#include "base/datetime.h"
#include "system/clock.h"
#include "system/file.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

static const char *const names[] = {"error", "warning", "info", "debug"};
static _Atomic int most_level = RH_LOG_INFO;
static _Atomic bool as_json;

void rh_log_set(enum rh_log_level most, bool json)
{
    atomic_store(&most_level, (int)most);
    atomic_store(&as_json, json);
}

bool rh_log_level_of(const char *name, enum rh_log_level *ret)
{
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(name, names[i]) == 0) {
            *ret = (enum rh_log_level)i;
            return true;
        }
    }
    return false;
}

/* A line under construction; what does not fit is left out. */
struct line {
    char text[RH_LOG_LINE_MAX * 2 + 200];
    size_t len;
};

static void put(struct line *l, const char *s)
{
    for (; *s && l->len < sizeof l->text - 3; s++)
        l->text[l->len++] = *s;
}

/* Malformed UTF-8 becomes U+FFFD and control characters an escape that is right in JSON and in
 * text. */
static void put_escaped(struct line *l, const char *s, bool json)
{
    struct rh_text t = rh_text(s);
    for (size_t at = 0, from = 0; at < t.len; from = at) {
        uint32_t c = rh_utf8_next(t, &at);
        char piece[8];
        if (c < 0x20 || (c >= 0x7F && c < 0xA0) || c == 0x2028 || c == 0x2029)
            snprintf(piece, sizeof piece, "\\u%04x", (unsigned)c);
        else if (json && (c == '"' || c == '\\'))
            snprintf(piece, sizeof piece, "\\%c", (char)c);
        else if (c == 0xFFFD)
            snprintf(piece, sizeof piece, "\xEF\xBF\xBD");
        else
            snprintf(piece, sizeof piece, "%.*s", (int)(at - from), t.data + from);
        put(l, piece);
    }
}

void rh_log(enum rh_log_level level, const char *module, const char *format, ...)
{
    if ((int)level > atomic_load(&most_level))
        return;
    int kept_errno = errno;
    char time[RH_INSTANT_SIZE], text[RH_LOG_LINE_MAX];
    rh_instant_print(rh_clock_now_us(), time);
    va_list ap;
    va_start(ap, format);
    vsnprintf(text, sizeof text, format, ap);
    va_end(ap);

    struct line l = {.len = 0};
    bool json = atomic_load(&as_json);
    put(&l, json ? "{\"time\":\"" : "");
    put(&l, time);
    put(&l, json ? "\",\"level\":\"" : " ");
    put(&l, names[level]);
    put(&l, json ? "\",\"module\":\"" : " ");
    put(&l, module);
    put(&l, json ? "\",\"text\":\"" : ": ");
    put_escaped(&l, text, json);
    if (json) { /* put keeps room for these */
        memcpy(l.text + l.len, "\"}", 2);
        l.len += 2;
    }
    l.text[l.len++] = '\n';
    rh_write_all(STDERR_FILENO, l.text, l.len); /* one write: lines of several threads stay whole */
    errno = kept_errno;
}
