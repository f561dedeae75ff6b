/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * validation.h - a resource as it was sent, JSON or XML, validated: findings with line and column.
 */
#ifndef RH_PROGRAMME_VALIDATION_H
#define RH_PROGRAMME_VALIDATION_H

#include "conformance/validate.h"

/* What this process can do for the core: regular expressions. The rest is filled in by
 * rh_conformance_host where it is needed. */
extern const struct rh_host rh_programme_host;

/* XML when the first character that is no white space is '<', else JSON. */
bool rh_text_is_xml(struct rh_text t);

/* Parses and validates in c->world. *ret is true when there is no error. Text that cannot be read
 * (not well-formed, no resource) is RH_OK with *ret false and issues that say where. Others: as
 * rh_validate. c->host NULL: rh_programme_host. */
enum rh_rc rh_validation_text(struct rh_ctx *c, struct rh_text text,
                              const struct rh_validate_options *o, bool *ret);

/* One issue as `rihla validate --json` has it: severity, code, expression, line, column, text;
 * null: not known. `line_offset` is added to lines. */
void rh_validation_issue(const struct rh_issue *row, unsigned line_offset, struct rh_buf *out);

#endif
