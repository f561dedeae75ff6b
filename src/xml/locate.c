/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "fhir/element.h"
#include "fhir/place.h"
#include "xml/tree_int.h"

struct spot {
    const struct rh_xml_node *node;
    unsigned index; /* of the issue, which keeps the order of equal places */
};

/* <contained> and <resource> hold an element that is named by the type of the resource. */
static const struct rh_xml_node *inside(const struct rh_xml_node *n)
{
    const struct rh_xml_node *only = n->first;
    if (!only || only->kind != RH_XML_ELEMENT || only->next || !only->name.len)
        return n;
    const struct rh_type *type = rh_type_find(only->name);
    return type && type->kind == RH_KIND_RESOURCE ? only : n;
}

/* The child that a step names: the best fit, and of several of that name the one of the index. */
static const struct rh_xml_node *child(const struct rh_xml_node *n,
                                       const struct rh_place_step *step)
{
    const struct rh_xml_node *first = NULL, *last = NULL;
    unsigned best = 0;
    size_t index = step->index == SIZE_MAX ? 0 : step->index;
    for (const struct rh_xml_node *c = n->first; c; c = c->next) {
        unsigned rank = c->kind == RH_XML_ELEMENT ? rh_place_fits(step, c->name) : 0;
        if (rank > best) {
            best = rank;
            first = c;
        }
    }
    for (const struct rh_xml_node *c = first; c; c = c->next) {
        if (c->kind != RH_XML_ELEMENT || !rh_text_eq(c->name, first->name))
            continue;
        last = c;
        if (index-- == 0)
            return c;
    }
    return step->index == SIZE_MAX ? last : NULL;
}

static const struct rh_xml_node *find(const struct rh_xml_node *root, const char *expression)
{
    const struct rh_xml_node *n = root;
    struct rh_place_step step;
    for (bool more = rh_place_first(&expression, &step); more;
         more = rh_place_step(&expression, &step)) {
        const struct rh_xml_node *c = child(inside(n), &step);
        if (!c)
            break;
        n = c;
    }
    return n;
}

static void sort(struct spot *list, struct spot *spare, unsigned n)
{
    unsigned half = n / 2, i = 0, k = half, to = 0;
    if (n < 2)
        return;
    sort(list, spare, half);
    sort(list + half, spare, n - half);
    while (i < half || k < n)
        spare[to++] =
            k == n || (i < half && list[i].node->at <= list[k].node->at) ? list[i++] : list[k++];
    memcpy(list, spare, n * sizeof *list);
}

void rh_xml_locate(struct rh_issues *is, struct rh_text xml)
{
    struct rh_xml_node *root;
    struct spot *list = rh_arena_zero(is->arena, 2 * is->count * sizeof *list + 1);
    unsigned n = 0, line = 1, column = 1;
    size_t at = 0;
    if (xml.len >= 3 && memcmp(xml.data, "\xEF\xBB\xBF", 3) == 0)
        xml = (struct rh_text){xml.data + 3, xml.len - 3};
    if (!list || rh_xml_tree(is->arena, NULL, NULL, xml, &root))
        return;
    for (unsigned i = 0; i < is->count; i++)
        if (is->rows[i].expression && !is->rows[i].line)
            list[n++] = (struct spot){find(root, is->rows[i].expression), i};
    sort(list, list + is->count, n);
    for (unsigned i = 0; i < n; i++) {
        rh_xml_count(xml, list[i].node->at, &at, &line, &column);
        is->rows[list[i].index].line = line;
        is->rows[list[i].index].column = column;
    }
}
