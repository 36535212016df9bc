/*
 * What a transcript's certificates are judged by: a trust store that holds an intermediate and no
 * root is enough for a program that takes partial chains, for the peer's chain and no other.
 */
#include "diagnose/judge.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/status.h"
#include "make_cert.h"

enum { PARTIAL_CHAIN = 0x80000, ANY_OTHER_FLAG = 0x8000 }; /* X509_V_FLAG_, x509_vfy.h */

static const struct row {
    const char *name;
    bool is_inside;
    enum side own;
    uint64_t flags;
    enum side chain_of;
    const char *checked_host;
    bool want_valid;
} rows[] = {
    { "a capture", false, SIDE_CLIENT, 0, SIDE_SERVER, NULL, false },
    { "a client that insists on a root", true, SIDE_CLIENT, 0, SIDE_SERVER, NULL, false },
    { "a client with another flag", true, SIDE_CLIENT, ANY_OTHER_FLAG, SIDE_SERVER, NULL, false },
    { "a client that takes part of a chain", true, SIDE_CLIENT, PARTIAL_CHAIN, SIDE_SERVER, NULL,
      true },
    { "its own chain is the server's to judge", true, SIDE_CLIENT, PARTIAL_CHAIN, SIDE_CLIENT, NULL,
      false },
    { "a server that takes part of a chain", true, SIDE_SERVER, PARTIAL_CHAIN, SIDE_CLIENT, NULL,
      true },
    { "the name counts all the same", true, SIDE_CLIENT, PARTIAL_CHAIN, SIDE_SERVER,
      "other.example", false },
};

struct scene {
    struct made_cert root, inter, leaf;
    char path[32];
    struct x509_store *store;
};

static void open_scene(struct scene *s)
{
    struct err err = { 0 };
    *s = (struct scene){ .path = "/tmp/handfast-judge-XXXXXX" };
    assert_int_equal(close(mkstemp(s->path)), 0);
    s->root = make_cert(&(struct cert_recipe){ .name = "Test Root", .is_ca = true });
    s->inter = make_cert(
        &(struct cert_recipe){ .name = "Test Intermediate", .is_ca = true, .issuer = &s->root });
    s->leaf = make_cert(&(struct cert_recipe){ .name = "leaf.example",
                                               .issuer = &s->inter,
                                               .names = "DNS:leaf.example",
                                               .eku = "serverAuth,clientAuth" });
    made_cert_write(&s->inter, s->path);
    assert_int_equal(x509_store_new(&s->store, &err), ST_OK);
    assert_int_equal(x509_store_add_trust(s->store, s->path, &err), ST_OK);
}

static void close_scene(struct scene *s)
{
    made_cert_free(&s->root);
    made_cert_free(&s->inter);
    made_cert_free(&s->leaf);
    x509_store_free(s->store);
    unlink(s->path);
}

static void check_row(void **state)
{
    const struct row *row = *state;
    struct scene s;
    struct judgements judged;
    struct event sent = { .kind = EVENT_HANDSHAKE, .side = (uint8_t)row->chain_of };
    struct local_facts local = { .side = row->own,
                                 .verify_flags = row->flags,
                                 .checked_host = row->checked_host };
    struct transcript t = { .server_name = "leaf.example" };
    open_scene(&s);
    sent.when.at_ns = MAKE_CERT_NOW * NS_PER_S;
    const struct x509_chain *chain = x509_store_chain(s.store, &s.leaf.der, 1);
    assert_non_null(chain);
    t.side[row->chain_of].chain = chain;
    t.side[row->chain_of].certificate_event = &sent;
    t.local = row->is_inside ? &local : NULL;
    assert_int_equal(judge(s.store, &t, &judged, NULL), ST_OK);
    assert_true(judged.is_judged[row->chain_of]);
    assert_false(judged.is_judged[side_other(row->chain_of)]);
    assert_int_equal(judged.of[row->chain_of].is_valid, row->want_valid);
    x509_chain_unref(chain);
    close_scene(&s);
}

int main(void)
{
    struct CMUnitTest tests[ARRAY_LEN(rows)];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        tests[i] =
            (struct CMUnitTest){ rows[i].name, check_row, NULL, NULL, (void *)(uintptr_t)&rows[i] };
    }
    return cmocka_run_group_tests_name("judge", tests, NULL, NULL);
}
