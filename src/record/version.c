/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "base/datetime.h"
#include "record/record_int.h"

#include <stdio.h>

void rh_version_id(uint64_t origin, uint64_t seq, char ret[RH_VERSION_ID_SIZE])
{
    snprintf(ret, RH_VERSION_ID_SIZE, "%llx-%llu", (unsigned long long)origin,
             (unsigned long long)seq);
}

static bool hex_parse(struct rh_text t, uint64_t *ret)
{
    uint64_t n = 0;
    if (t.len == 0 || t.len > 16)
        return false;
    for (size_t i = 0; i < t.len; i++) {
        char c = t.data[i];
        if (c >= '0' && c <= '9')
            n = n << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            n = n << 4 | (uint64_t)(c - 'a' + 10);
        else
            return false;
    }
    *ret = n;
    return true;
}

bool rh_version_id_parse(struct rh_text t, uint64_t *origin, uint64_t *seq)
{
    struct rh_text rest = t, hex;
    if (!rh_text_split(&rest, '-', &hex) || !rest.data)
        return false;
    /* one spelling only: a version id is compared as text by clients */
    if (rest.len == 0 || rest.data[0] == '0' || (hex.len > 0 && hex.data[0] == '0'))
        return false;
    return hex_parse(hex, origin) && rh_text_u64(rest, INT64_MAX, seq) == RH_OK;
}

/* The body begins {"resourceType":"T","id":"I" as compose() of write.c wrote it, then meta if there
 * is any. Types and ids need no escapes, so the place to insert at follows from their lengths. */
void rh_version_write(const struct rh_version *v, struct rh_buf *out)
{
    static const char meta[] = ",\"meta\":{";
    struct rh_text type = rh_text(rh_resource_type(v->type)->name);
    size_t at = sizeof("{\"resourceType\":\"\",\"id\":\"\"") - 1 + type.len + v->id.len;
    if (v->body.len <= at) /* a deletion has no body */
        return;
    char version[RH_VERSION_ID_SIZE], time[RH_INSTANT_SIZE];
    rh_version_id(v->origin, v->seq, version);
    rh_instant_print(v->time_us, time);

    rh_buf_add(out, v->body.data, at);
    rh_buf_str(out, ",\"meta\":{\"versionId\":\"");
    rh_buf_str(out, version);
    rh_buf_str(out, "\",\"lastUpdated\":\"");
    rh_buf_str(out, time);
    rh_buf_char(out, '"');
    struct rh_text rest = {v->body.data + at, v->body.len - at};
    if (rh_text_starts(rest, meta)) {
        rest.data += sizeof meta - 1;
        rest.len -= sizeof meta - 1;
        rh_buf_char(out, ',');
    } else {
        rh_buf_char(out, '}');
    }
    rh_buf_text(out, rest);
}

enum rh_rc rh_body_decode(struct rh_session *s, const struct rh_entry *e, struct rh_arena *a,
                          struct rh_text *ret)
{
    if (e->codec == RH_CODEC_PLAIN) {
        if (e->body.len != e->size)
            return RH_CORRUPT;
        *ret = e->body;
        return RH_OK;
    }
    if (e->size > RH_STORE_BODY_MAX)
        return RH_CORRUPT;
    char *data = rh_arena_alloc(a, e->size + 1);
    if (!data)
        return RH_NOMEM;
    size_t len = 0;
    enum rh_rc rc = rh_unpack(s->packer, e->body.data, e->body.len, data, e->size, &len);
    if (rc)
        return rc;
    if (len != e->size)
        return RH_CORRUPT;
    data[len] = '\0';
    *ret = (struct rh_text){data, len};
    return RH_OK;
}

enum rh_rc rh_version_of(struct rh_session *s, const struct rh_entry *e, struct rh_arena *a,
                         struct rh_version *ret)
{
    struct rh_version v = {
        .type = e->type,
        .id = e->id,
        .origin = e->origin,
        .seq = e->seq,
        .time_us = e->time_us,
        .op = e->op,
        .part = e->part,
    };
    bool erased = e->body.len == 0 && e->size > 0; /* expunge.h */
    if ((e->op == RH_OP_CREATE || e->op == RH_OP_UPDATE) && !erased) {
        enum rh_rc rc = rh_body_decode(s, e, a, &v.body);
        if (rc)
            return rc;
    }
    *ret = v;
    return RH_OK;
}

enum rh_rc rh_version_of_head(struct rh_session *s, const struct rh_head *h, struct rh_arena *a,
                              struct rh_version *ret)
{
    struct rh_entry e;
    enum rh_rc rc = rh_store_entry(s->conn, h->entry, a, &e);
    if (rc)
        return rc == RH_NOTFOUND ? RH_CORRUPT : rc; /* a head always has its entry */
    return rh_version_of(s, &e, a, ret);
}
