/*
 * known_names: how the store calls what a handshake's fix is about: the keystore, alias and
 * truststore of its virtual host or target; and names that nobody has, where there are none, for
 * what would have to be made.
 */
#ifndef HANDFAST_GATEWAY_KNOWN_NAMES_H
#define HANDFAST_GATEWAY_KNOWN_NAMES_H

#include "observe/story.h"
#include "store/keystores.h"

struct json_t;

enum { KNOWN_WORD_MAX = 263, KNOWN_ALIAS_MAX = 255, KNOWN_NEW_MAX = 48 };

/* All-zero: nothing is known. */
struct known_names {
    char keystore[KEYSTORE_NAME_MAX + 1], truststore[KEYSTORE_NAME_MAX + 1];
    char keystore_word[KNOWN_WORD_MAX + 1],
        truststore_word[KNOWN_WORD_MAX + 1]; /* as sSLInfo has */
    char alias[KNOWN_ALIAS_MAX + 1];
    char new_keystore[KNOWN_NEW_MAX + 1], new_truststore[KNOWN_NEW_MAX + 1], new_alias[16];
};

/* "orders-api", "trust": ordersapitrust, or ordersapitrust2 ...: the first that no keystore of the
 * environment has. */
void known_names_keystore(struct store *s, const struct keystore_name *of, const char *ending,
                          char out[KNOWN_NEW_MAX + 1]);

/* Finds them for the story's virtual host or target, and sets its local.gateway to them: `out` is
 * to live as long as the story. `document`: the target server as it is meant to be; NULL: as the
 * store (NULL: there is none) has it. What cannot be found out stays unsaid. */
void known_names_find(struct store *s, struct story *story, const struct json_t *document,
                      struct known_names *out);

#endif
