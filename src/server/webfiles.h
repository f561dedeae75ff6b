/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * webfiles.h - the files of the web app, from the program itself or from a folder.
 *
 * All are read when the server starts; nothing of a request's address reaches the file system. A
 * name with a hash in it (app-1a2b3c4d.js) is cached for ever, the others are asked for again each
 * time by ETag. Without a web app there is a plain page that says how to build one.
 */
#ifndef RH_SERVER_WEBFILES_H
#define RH_SERVER_WEBFILES_H

#include "base/issue.h"

enum { RH_WEB_FILES_MAX = 200, RH_WEB_BYTES_MAX = 16 << 20 };

/* Made by tools/embed.py; ends with a row whose name is NULL. */
struct rh_web_embedded {
    const char *name; /* "app-1a2b3c4d.js" */
    const unsigned char *data;
    unsigned size;
};
extern const struct rh_web_embedded rh_web_embedded[];

struct rh_web;
/* `dir` NULL: what is built in. RH_NOTFOUND: no index.html in the folder; RH_TOOLARGE; RH_IO. */
enum rh_rc rh_web_open(const char *dir, struct rh_issues *is, struct rh_web **ret);
void rh_web_close(struct rh_web *w); /* NULL is fine */

#endif
