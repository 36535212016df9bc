/*
 * given: a value in a body, be it of JSON or of XML, seen the same way.
 */
#ifndef HANDFAST_STORE_GIVEN_H
#define HANDFAST_STORE_GIVEN_H

#include "store/fields.h"

struct given {
    const json_t *json;     /* one of the two is not NULL, */
    const xmlNode *element; /* or the text is: an attribute */
    const char *text;
    const struct xml *xml;
    const char *path; /* "sSLInfo.protocols", for sentences */
};

/* Members or child elements and attributes, in their order. */
struct given_members {
    const struct given *of;
    void *json_at; /* json_object_iter */
    const xmlNode *element_at;
    const xmlAttr *attribute_at;
};

struct given_members given_members(const struct given *of);
/* False: no more. `name` borrows from the input, the path is made in the arena. */
bool given_next(struct given_members *m, struct arena *arena, const char **name, struct given *out);

/* Items: of an array, of {"item":[...]}, of child elements of that name; a lone value is one item.
 */
struct given_items {
    const struct given *of;
    const char *item;
    const json_t *array; /* NULL: a lone value */
    size_t at;
    const xmlNode *element_at;
    bool is_done;
};

struct given_items given_items(const struct given *of, const char *item);
bool given_item(struct given_items *items, struct given *out);

bool given_is_object(const struct given *g);
/* null, or an empty element: as if it were not there. */
bool given_is_nothing(const struct given *g);
/* Scalars as text; NULL for anything else, and without memory. */
const char *given_text(const struct given *g, struct arena *arena);
struct place given_place(const struct given *g);

#endif
