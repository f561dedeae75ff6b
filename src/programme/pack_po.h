/* SPDX-License-Identifier: GPL-3.0-or-later */
/*
 * pack_po.h - translations of a pack, in files of gettext: text/fr.po.
 *
 * The format is that of GNU gettext 0.21, "The Format of PO Files": msgid the English text, msgstr
 * its translation, msgctxt where one English text needs two translations. Obsolete entries (#~) are
 * passed over; a fuzzy entry (#, fuzzy) is no translation yet. An entry with msgid_plural is
 * refused: texts of FHIR have no plural. The text is UTF-8, and so says its header.
 *
 * A small reader of our own: Debian's libgettextpo reads only files, ends the program on its own
 * fatal errors and brings libunistring; the format without plurals is four keywords.
 */
#ifndef RH_PROGRAMME_PACK_PO_H
#define RH_PROGRAMME_PACK_PO_H

#include "base/issue.h"

enum { RH_PO_BYTES_MAX = 16 << 20, RH_PO_ENTRIES_MAX = 100000 };

struct rh_po_entry {
    struct rh_text context, id, text; /* context.data NULL: none */
    unsigned line;                    /* of its msgid, from 1 */
    bool fuzzy;
    unsigned uses; /* counted by rh_po_find */
};

struct rh_po {
    struct rh_text language; /* as FHIR has it: "pt-BR" */
    struct rh_po_entry *entries;
    size_t n;
    /* private */
    size_t cap, n_slots;
    unsigned *slots; /* hash table of entry numbers + 1 */
};

/* "text/pt_BR.po" -> "pt-BR"; data NULL: no such name. */
struct rh_text rh_po_language(struct rh_arena *a, struct rh_text file_name);

/* RH_SYNTAX, with an issue that has the line: malformed, an entry twice, plural, not UTF-8.
 * RH_TOOLARGE: more than the limits. `po` must live as long as the arena. */
enum rh_rc rh_po_read(struct rh_arena *a, struct rh_issues *is, struct rh_text language,
                      struct rh_text po, struct rh_po **ret);

/* The entry of this context, else that without one; counted as used. NULL: none. A fuzzy one or one
 * that is not translated (text.len 0) is found, too. */
struct rh_po_entry *rh_po_find(struct rh_po *po, struct rh_text context, struct rh_text id);

#endif
