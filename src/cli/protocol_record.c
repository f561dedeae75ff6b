/* SPDX-License-Identifier: GPL-3.0-or-later */
/* protocol_record.c - rihla protocol apply … Patient/ID: a person of the data directory. */
#include "cli/protocol_int.h"
#include "server/commands.h"

#include <limits.h>
#include <stdlib.h>

static void list(struct rh_buf *b, const char *name, const char *const *all, unsigned n, bool paths)
{
    char real[PATH_MAX];
    rh_buf_printf(b, ",\"%s\":[", name);
    for (unsigned i = 0; i < n; i++) {
        rh_buf_str(b, i ? "," : "");
        rh_buf_json(b, rh_text(paths && realpath(all[i], real) ? real : all[i]));
    }
    rh_buf_char(b, ']');
}

/* Done by whoever has the directory open. */
int rh_cli_protocol_record(struct rh_cli *c, const char *id, struct rh_text date,
                           const struct rh_protocol_show *show)
{
    unsigned n_packs, n_packages, n_labels;
    const struct rh_work_options o = {NULL, 0};
    const struct rh_control_local told = {NULL, NULL, NULL};
    const char **packs = rh_cli_many(c, "pack", &n_packs);
    const char **packages = rh_cli_many(c, "package", &n_packages);
    const char **labels = rh_cli_many(c, "may-see", &n_labels);
    struct rh_buf args = rh_buf(c->arena), out = rh_buf(c->arena);
    yyjson_val *answer = NULL;
    if (!packs || !packages || !labels)
        return rh_cli_fail(c, RH_NOMEM);
    rh_buf_str(&args, "{\"patient\":");
    rh_buf_json(&args, rh_text(id));
    rh_buf_str(&args, ",\"date\":");
    rh_buf_json(&args, date);
    rh_buf_str(&args, ",\"language\":");
    rh_buf_json(&args, show->language);
    rh_buf_str(&args, ",\"for\":");
    rh_buf_json(&args, show->only);
    rh_buf_printf(&args, ",\"all\":%s", show->all ? "true" : "false");
    list(&args, "protocols", packs, n_packs, false);
    list(&args, "packages", packages, n_packages, true);
    if (n_labels)
        list(&args, "maySee", labels, n_labels, false);
    rh_buf_char(&args, '}');
    enum rh_rc rc = args.rc;
    if (!rc)
        rc = rh_work(c->data, false, "assess", rh_buf_get(&args), &o, &told, c->arena, &c->issues,
                     &answer);
    if (rc)
        return rh_cli_fail(c, rc);
    rh_json_write(&out, answer);
    return rh_cli_protocol_print(c, rh_buf_get(&out));
}
