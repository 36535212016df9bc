#include "diagnose/peers.h"

#include <stdlib.h>

#include "base/hash.h"
#include "base/status.h"
#include "tls/names.h"

enum { SERVERS_MAX = 16384, SLOTS = 2 * SERVERS_MAX };

struct peers {
    struct hash_key key;
    size_t n;
    struct peer_server *servers[SERVERS_MAX];
    uint16_t slots[SLOTS];        /* number of the server + 1 */
    uint64_t n_before_their_time; /* completed with a certificate that was not yet valid */
};

struct peers *peers_new(void)
{
    struct peers *p = calloc(1, sizeof *p);
    if (p != NULL) {
        p->key = hash_key_random();
    }
    return p;
}

void peers_free(struct peers *p)
{
    if (p == NULL) {
        return;
    }
    for (size_t i = 0; i < p->n; i++) {
        for (size_t k = 0; k < p->servers[i]->n_chains; k++) {
            x509_chain_unref(p->servers[i]->chains[k].chain);
        }
        free(p->servers[i]);
    }
    free(p);
}

static size_t find_slot(const struct peers *p, const struct endpoint *address)
{
    uint8_t bytes[18] = { 0 };
    bytes_copy(bytes, 16, bytes_of(address->ip, 16));
    bytes[16] = (uint8_t)(address->port >> 8);
    bytes[17] = (uint8_t)address->port;
    size_t slot = hash_bytes(&p->key, bytes_of(bytes, sizeof bytes)) % SLOTS;
    while (p->slots[slot] != 0 &&
           !endpoint_equal(&p->servers[p->slots[slot] - 1]->address, address)) {
        slot = (slot + 1) % SLOTS;
    }
    return slot;
}

const struct peer_server *peers_server(const struct peers *p, const struct endpoint *server)
{
    size_t slot = find_slot(p, server);
    return p->slots[slot] == 0 ? NULL : p->servers[p->slots[slot] - 1];
}

bool peers_clock_is_doubtful(const struct peers *p)
{
    return p->n_before_their_time > 0;
}

static struct peer_server *server_for(struct peers *p, const struct endpoint *address)
{
    size_t slot = find_slot(p, address);
    if (p->slots[slot] != 0) {
        return p->servers[p->slots[slot] - 1];
    }
    if (p->n == SERVERS_MAX) {
        return NULL;
    }
    struct peer_server *server = calloc(1, sizeof *server);
    if (server == NULL) {
        return NULL;
    }
    server->address = *address;
    p->servers[p->n++] = server;
    p->slots[slot] = (uint16_t)p->n;
    return server;
}

static void copy_name(char *to, size_t room, struct bytes name)
{
    bytes_copy(to, room - 1, bytes_head(name, room - 1));
}

static struct bytes name_of(const struct transcript *t)
{
    return t->server_name == NULL ? (struct bytes){ NULL, 0 } : bytes_of_str(t->server_name);
}

static bool is_same_success(const struct peer_success *a, const struct peer_success *b)
{
    return a->version == b->version && a->cipher_suite == b->cipher_suite && a->group == b->group &&
           a->max_offered == b->max_offered && a->has_server_name == b->has_server_name &&
           a->has_alpn == b->has_alpn && strcmp(a->server_name, b->server_name) == 0 &&
           strcmp(a->alpn, b->alpn) == 0 && endpoint_same_host(&a->client, &b->client) &&
           a->hello_len / 64 == b->hello_len / 64;
}

static void learn_success(struct peer_server *server, const struct transcript *t,
                          const struct verdict *v)
{
    const struct tls_client_hello *offer = t->retry_hello != NULL ? t->retry_hello : t->hello;
    uint16_t min = 0;
    uint16_t max = 0;
    if (offer != NULL) {
        tls_offered_versions(offer, &min, &max);
    }
    struct peer_success s = {
        .version = t->version,
        .cipher_suite = t->cipher_suite,
        .group = t->group,
        .hello_len = t->hello_event != NULL ? (uint16_t)t->hello_event->len : 0,
        .max_offered = max,
        .has_server_name = t->server_name != NULL,
        .has_alpn =
            offer != NULL && tls_has(&offer->ext, TLS_EXT_APPLICATION_LAYER_PROTOCOL_NEGOTIATION),
        .completed = v->outcome == OUTCOME_COMPLETED,
        .client = t->client,
        .stream = t->stream,
        .frame = t->server_hello_event->when.frame,
        .at_ns = t->server_hello_event->when.at_ns,
    };
    copy_name(s.server_name, sizeof s.server_name, name_of(t));
    copy_name(s.alpn, sizeof s.alpn, t->alpn_selected);
    for (size_t i = 0; i < server->n_successes; i++) {
        if (is_same_success(&server->successes[i], &s)) {
            server->successes[i].same_as++;
            server->successes[i].completed = server->successes[i].completed || s.completed;
            return;
        }
    }
    if (server->n_successes < PEER_FACTS_MAX) {
        server->successes[server->n_successes++] = s;
    }
}

static uint32_t faults_of(const struct verdict *v)
{
    uint32_t faults = 0;
    const struct x509_judgement *judgement = &v->chain[SIDE_SERVER].judgement;
    for (size_t i = 0; v->chain[SIDE_SERVER].is_judged && i < judgement->n_faults; i++) {
        faults |= 1U << judgement->faults[i].kind;
    }
    return faults;
}

static void learn_chain(struct peer_server *server, const struct transcript *t,
                        const struct verdict *v)
{
    const struct side_facts *side = &t->side[SIDE_SERVER];
    struct bytes name = bytes_head(name_of(t), PEER_NAME_BYTES - 1);
    for (size_t i = 0; i < server->n_chains; i++) {
        if (bytes_equal(bytes_of_str(server->chains[i].server_name), name)) {
            return;
        }
    }
    if (server->n_chains < ARRAY_LEN(server->chains)) {
        struct peer_chain *chain = &server->chains[server->n_chains++];
        chain->chain = x509_chain_ref(side->chain);
        chain->faults = faults_of(v);
        chain->stream = t->stream;
        chain->frame = side->certificate_event->when.frame;
        copy_name(chain->server_name, sizeof chain->server_name, name);
    }
}

void peers_learn(struct peers *p, const struct transcript *t, const struct verdict *v)
{
    if (t->hello == NULL && t->server_hello == NULL) {
        return;
    }
    struct peer_server *server = server_for(p, &t->server);
    if (server == NULL) {
        return;
    }
    bool is_early = (faults_of(v) & (1U << X509_FAULT_NOT_YET_VALID)) != 0;
    p->n_before_their_time += v->outcome == OUTCOME_COMPLETED && is_early;
    server->n_completed += v->outcome == OUTCOME_COMPLETED;
    server->n_failed += v->outcome == OUTCOME_FAILED;
    if (t->server_hello != NULL && t->server_hello_fault.kind == FAULT_NONE) {
        learn_success(server, t, v);
    }
    if (t->side[SIDE_SERVER].chain != NULL) {
        learn_chain(server, t, v);
    }
}
