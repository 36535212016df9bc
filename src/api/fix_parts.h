/* fix_parts: what the files of fix_call share. Not for others. */
#ifndef HANDFAST_API_FIX_PARTS_H
#define HANDFAST_API_FIX_PARTS_H

#include <openssl/x509.h>

#include "api/fix_call.h"
#include "store/alias.h"
#include "store/remark.h"

enum { FIX_PEER_MAX = 16 };

/* Where a bundle has what the event is about: a TargetEndpoint, or a RouteRule with a URL of its
 * own. In the arena. */
struct fix_place {
    const char *file;
    struct bytes document; /* that file's */
    bool is_route;         /* then: */
    struct place at;       /* the rule in the file */
    const char *url;
};

struct fixing {
    struct store *store;
    const struct kept_event *event;
    const json_t *document; /* that the event is about; NULL: as the store has it */
    struct arena *arena;
    json_t *hints, *verdict;
    X509 *peer[FIX_PEER_MAX]; /* its certificates as sent */
    size_t n_peer;
    struct fix_place in; /* file == NULL: it stands in no bundle */
    struct fix_calls *out;
};

/* What is asked of an alias of the environment that has a key, or of a certificate. */
typedef bool fix_fits(void *arg, X509 *leaf);

/* A document of the environment by its name, an object; NULL where there is none. New. */
json_t *fix_document(const struct fixing *f, enum store_kind kind, const char *name);
/* The one that the event is about: given, or of the store. New. */
json_t *fix_subject(const struct fixing *f, enum store_kind kind, const char *name);
/* The keystore that a member of sSLInfo names, references followed; "" where there is none. */
void fix_keystore(const struct fixing *f, const json_t *ssl, const char *member,
                  char out[KEYSTORE_NAME_MAX + 1]);
struct fix_wanted {
    fix_fits *fits;
    void *arg;
    size_t at_least; /* certificates in the alias: the leaf, and what is sent with it */
};
/* The first alias with a key whose leaf fits: its names, in the arena. False: none. */
bool fix_find_alias(const struct fixing *f, struct fix_wanted wanted, const char **keystore,
                    const char **alias);
/* The CA certificate of any keystore of the environment that issued `child`; the caller frees. */
X509 *fix_find_issuer(const struct fixing *f, X509 *child);
bool fix_is_valid_now(X509 *x);
/* What is shown with this sSLInfo: its leaf, new, and how many certificates; NULL: none. */
X509 *fix_shown_by(const struct fixing *f, const json_t *ssl, size_t *out_n);
/* The last certificate, from the leaf on, that its predecessor names as its issuer; NULL where none
 * was sent. */
X509 *fix_top_of_peer(const struct fixing *f);
/* Trusts whoever signed the peer's certificate: the CA where the store or the peer has it, else the
 * certificate itself. */
void fix_trust_peer(struct fixing *f, const char *truststore, const char *whose);
bool fix_is(const char *value, const char *id);
/* Did the ClientHello offer that version, such as "TLS 1.2"? */
bool fix_offers(const struct fixing *f, const char *version);
/* The common name, else the subject; in the arena. */
const char *fix_label(const struct fixing *f, X509 *x);

/* --- calls; without `why` (no memory) there is none --- */

/* The whole document with its change in it; does not take it. What the store does not have yet is
 * made with POST. */
void fix_put_document(struct fixing *f, json_t **call, const char *collection, const char *name,
                      const json_t *document, const char *why);
/* Where sSLInfo names its keystore by reference, and the other one has the alias under the same
 * name: the reference is what changes. False: it is not so. */
bool fix_puts_reference(struct fixing *f, const json_t *ssl, const char *keystore,
                        const char *alias, const char *why);
/* The calls that make a truststore of that name with the peer's CA in it; `why` in the arena. NULL:
 * the peer sent no certificate. New. */
json_t *fix_new_truststore(struct fixing *f, const char *name, const char **why);
/* The alias that `ssl` names as its own, with the issuer of its last certificate behind it, where a
 * keystore has that. */
void fix_complete_chain(struct fixing *f, const json_t *ssl, const char *who);
/* A new certificate chain for an alias. */
void fix_put_chain(struct fixing *f, const char *keystore, const char *alias, const char *pem,
                   const char *why);

/* A segment of a path, or a value of a query. */
void fix_put_segment(struct text *out, const char *s);

/* --- fix_bundle.c --- */
/* {"name", "sSLInfo"} of the TargetEndpoint that the event is about, which has its URL in a bundle;
 * of a RouteRule with a URL, the TargetEndpoint that can be put in its place. NULL: it is about
 * none. New. */
json_t *fix_endpoint(struct fixing *f);
/* The bundle with this sSLInfo in it as a new revision. */
void fix_put_bundle(struct fixing *f, json_t **call, const json_t *target, const char *why);

/* --- by direction --- */
void fix_southbound(struct fixing *f);
void fix_northbound(struct fixing *f);

#endif
