/*
 * fields: bodies of requests as structs, by tables: one row for each field, for JSON and XML.
 *
 * JSON names are the XML names with a small first letter ("sSLInfo", SSLInfo). Values are taken as
 * clients send them: numbers and booleans also as strings; lists as arrays, as
 * {"property":[...]}, or as one value. A field that the table does not hold is an error that names
 * the nearest one there is: a setting is never silently without effect. So is a value out of range.
 * Each struct starts out zeroed; what is not given stays so, and defaults are the caller's to set.
 * Texts live as long as the arena of the remarks.
 */
#ifndef HANDFAST_STORE_FIELDS_H
#define HANDFAST_STORE_FIELDS_H

#include <jansson.h>

#include "store/xml.h"

/* A boolean that may not be given. */
enum choice { CHOICE_NONE = 0, CHOICE_NO, CHOICE_YES };

struct texts { /* a list of texts; all-zero is empty */
    const char **list;
    size_t n;
};

struct setting { /* a Property */
    const char *name, *value;
    struct place at;
};

struct settings {
    struct setting *list;
    size_t n;
};

struct named_match {   /* CommonName */
    const char *value; /* NULL: none */
    bool is_wildcard;
};

/* The name of a keystore or truststore, or of a reference to one. */
struct store_name_or_reference {
    const char *name;  /* NULL: none */
    bool is_reference; /* it was "ref://name" */
};

enum field_kind {
    FIELD_TEXT,        /* const char * */
    FIELD_CHOICE,      /* enum choice: true, false */
    FIELD_ON_OFF,      /* enum choice: on, off */
    FIELD_NUMBER,      /* struct field_number */
    FIELD_TEXTS,       /* struct texts */
    FIELD_SETTINGS,    /* struct settings */
    FIELD_REFERENCE,   /* struct store_name_or_reference */
    FIELD_NAMED_MATCH, /* struct named_match */
    FIELD_OBJECT,      /* what `object` says; `is_given` at given_at */
    FIELD_REFUSED      /* known, and not to be had here */
};

struct field_number {
    uint32_t value;
    bool is_given;
};

struct field_table;

struct field {
    const char *json, *xml;
    const char *item; /* XML name of an item of a list; NULL: no list */
    enum field_kind kind;
    size_t at;
    const struct field_table *object;
    size_t given_at;      /* FIELD_OBJECT: offset of a bool; */
    uint32_t least, most; /* FIELD_NUMBER */
    const char *instead;  /* FIELD_REFUSED: what to do */
};

struct field_table {
    const char *xml; /* the element: "VirtualHost" */
    const struct field *fields;
    size_t n_fields;
};

/* Remarks have level ERROR. ST_NOMEM alone fails. */
enum status fields_from_json(const struct field_table *table, const json_t *json, void *out,
                             struct remarks *remarks, struct err *err) NODISCARD;
/* Attributes count as fields ("name"). */
enum status fields_from_xml(const struct field_table *table, const struct xml *xml,
                            const xmlNode *element, void *out, struct remarks *remarks,
                            struct err *err) NODISCARD;

/* For printing: new references; NULL without memory. */
json_t *fields_texts_json(const struct texts *texts);

#endif
