/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "access/audit.h"

#include "base/datetime.h"

static void member(struct rh_buf *b, const char *name, struct rh_text value)
{
    if (value.len == 0)
        return;
    rh_buf_str(b, ",\"");
    rh_buf_str(b, name);
    rh_buf_str(b, "\":");
    rh_buf_json(b, value);
}

static void hex16(struct rh_buf *b, uint64_t n)
{
    char digits[16];
    for (int i = 15; i >= 0; i--, n >>= 4)
        digits[i] = "0123456789abcdef"[n & 15];
    rh_buf_add(b, digits, sizeof digits);
}

void rh_audit_line(struct rh_buf *b, int64_t time_us, const struct rh_caller *caller,
                   const char *action, struct rh_text what, const uint64_t *parts, unsigned n_parts,
                   enum rh_rc rc)
{
    char time[RH_INSTANT_SIZE];
    rh_instant_print(time_us, time);
    rh_buf_str(b, "{\"t\":\"");
    rh_buf_str(b, time);
    rh_buf_char(b, '"');
    if (caller) {
        member(b, "user", caller->user);
        member(b, "site", caller->site);
        member(b, "purpose", caller->purpose);
    }
    member(b, "action", rh_text(action));
    member(b, "what", what);
    if (n_parts > 0) {
        rh_buf_str(b, ",\"parts\":[");
        for (unsigned i = 0; i < n_parts; i++) {
            rh_buf_str(b, i ? ",\"" : "\"");
            hex16(b, parts[i]);
            rh_buf_char(b, '"');
        }
        rh_buf_char(b, ']');
    }
    if (rc)
        member(b, "rc", rh_text(rh_rc_name(rc)));
    rh_buf_str(b, "}\n");
}
