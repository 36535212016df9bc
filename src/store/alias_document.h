/*
 * alias_document: an alias as it is kept: {format, exportable, certificates: PEM, length: of it},
 * and the key as the document's secret.
 */
#ifndef HANDFAST_STORE_ALIAS_DOCUMENT_H
#define HANDFAST_STORE_ALIAS_DOCUMENT_H

#include "store/alias.h"
#include "store/material.h"
#include "x509/x509.h"

struct store_key alias_key_of(const struct alias_name *name);
struct keystore_name alias_keystore(const struct alias_name *name);
/* A key of `m` replaces the one there is; NULL keeps it. */
enum status alias_document_put(struct store *s, const struct alias_name *name,
                               enum alias_format format, bool is_exportable,
                               const struct material *m, struct store_problem *problem) NODISCARD;
/* Its certificates as a chain of `x509`; the caller gives it back with x509_chain_unref(). */
enum status alias_document_chain(const struct alias *a, struct x509_store *x509,
                                 const struct x509_chain **out,
                                 struct store_problem *problem) NODISCARD;
/* Those that sign themselves become anchors; of the others it is known whether they are roots. */
enum status alias_document_add_roots(struct store *s, const struct alias_name *name,
                                     struct x509_store *x509,
                                     struct store_problem *problem) NODISCARD;

#endif
