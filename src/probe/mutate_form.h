/*
 * mutate_form: a ClientHello taken apart, so that one thing of it can be changed and the rest put
 * together again byte for byte.
 *
 * Views borrow from the bytes given to hello_form_take() and from the arena of what was changed
 * since. hello_form_put(hello_form_take(x)) is x for every ClientHello that parses. An SSL 2.0
 * CLIENT-HELLO becomes the same offer in the framing of SSL 3.0 (RFC 5246 appendix E.2).
 * Source: RFC 8446 section 4.1.2, 4.2.
 */
#ifndef HANDFAST_PROBE_MUTATE_FORM_H
#define HANDFAST_PROBE_MUTATE_FORM_H

#include "base/arena.h"
#include "tls/hello.h"

enum { FORM_EXTENSIONS_MAX = TLS_EXTENSIONS_MAX + 16 };

struct hello_form {
    uint16_t legacy_version;
    struct bytes random, session_id, cipher_suites, compression_methods;
    bool has_extensions; /* the block itself */
    size_t n;
    struct tls_extension list[FORM_EXTENSIONS_MAX]; /* the last member */
};

/* `body`: the message without its header. False where it does not parse, or has more extensions
 * than are kept, or one twice. An SSL 2.0 hello is rewritten into `arena`; false where that has no
 * room. */
bool hello_form_take(struct bytes body, bool is_sslv2, struct arena *arena, struct hello_form *out);
/* The message without its header; p == NULL where a length does not fit its field, or no room. */
struct bytes hello_form_put(const struct hello_form *form, struct arena *arena);

/* NULL where the hello has none of this type; the first where it has several. */
const struct tls_extension *hello_form_find(const struct hello_form *form, uint16_t type);
bool hello_form_has(const struct hello_form *form, uint16_t type);
/* Replaces the body, or adds the extension: last, but before pre_shared_key, which must be the last
 * (RFC 8446 section 4.2.11). False where there is no room for one more. */
bool hello_form_set(struct hello_form *form, uint16_t type, struct bytes body);
/* Removes every extension of this type; false where there was none. */
bool hello_form_remove(struct hello_form *form, uint16_t type);

/* The content of an extension that is one list: 16-bit values with an 8- or 16-bit length before
 * them. Empty where the extension is absent or contradicts its format. */
struct bytes hello_form_u16_list(const struct hello_form *form, uint16_t type);
/* Sets such a list, with the length field that the type has. */
bool hello_form_set_u16_list(struct hello_form *form, uint16_t type, struct bytes list,
                             struct arena *arena);
/* The content of a vector with a 16-bit length (key_share, ALPN), and setting it. */
struct bytes hello_form_vec16(const struct hello_form *form, uint16_t type);
bool hello_form_set_vec16(struct hello_form *form, uint16_t type, struct bytes content,
                          struct arena *arena);
/* The host name of server_name; empty where there is none. Setting it. */
struct bytes hello_form_server_name(const struct hello_form *form);
bool hello_form_set_server_name(struct hello_form *form, struct bytes name, struct arena *arena);

/* `list` with those of `values` that it lacks, before any trailing signal suite. p == NULL without
 * room. */
struct bytes u16_list_with(struct bytes list, const uint16_t *values, size_t n,
                           struct arena *arena);
/* `list` without the values that `drops` names; p == NULL without room or where nothing is left. */
struct bytes u16_list_without(struct bytes list, bool (*drops)(uint16_t value),
                              struct arena *arena);

/* The offer of TLS 1.3 by supported_versions, drafts included. */
bool hello_form_offers_tls13(const struct hello_form *form);
/* The highest version offered as servers read it; 0 where none is known. */
uint16_t hello_form_max_version(const struct hello_form *form);
/* Does the hello offer this version (TLS, not DTLS)? */
bool hello_form_offers_version(const struct hello_form *form, uint16_t version);

#endif
