/* The observer on handshakes in this very process: what it notes, and that it leaves all as it was.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "base/status.h"
#include "diagnose/diagnose.h"
#include "diagnose/judge.h"
#include "observe/observer.h"
#include "observe/story.h"

enum { NOTES_MAX = 8, ARENA_BYTES = 16 << 20 };

static const uint8_t key[NOTE_KEY_BYTES] = "a key of 16 byte";
static struct {
    uint8_t p[NOTE_LIMIT_BYTES];
    size_t len;
} notes[NOTES_MAX];
static size_t n_notes;
static struct observer *observer;
static EVP_PKEY *private_key;
static X509 *certificate;
static unsigned n_msg_calls, n_info_calls, n_verify_calls;
static const X509_STORE *locked; /* by the observer */
static unsigned n_looks, n_looks_unlocked;

static void sink(void *whose, SSL *s, struct bytes note)
{
    (void)whose;
    (void)s;
    if (n_notes < NOTES_MAX) {
        assert_true(bytes_copy(notes[n_notes].p, sizeof notes[n_notes].p, note));
        notes[n_notes++].len = note.len;
    }
}

/* --- peers --- */

struct pair {
    SSL_CTX *client_ctx, *server_ctx;
    SSL *client, *server;
};

static X509 *make_certificate(EVP_PKEY *k, const char *name)
{
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), -60);
    X509_gmtime_adj(X509_getm_notAfter(x), 90L * 86400);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC,
                               (const unsigned char *)name, -1, -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    X509_set_pubkey(x, k);
    char names[64];
    snprintf(names, sizeof names, "DNS:%s", name);
    X509_EXTENSION *ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, names);
    X509_add_ext(x, ext, -1);
    X509_EXTENSION_free(ext);
    X509_sign(x, k, EVP_sha256());
    return x;
}

static void pair_contexts(struct pair *p)
{
    *p = (struct pair){ 0 };
    p->client_ctx = SSL_CTX_new(TLS_client_method());
    p->server_ctx = SSL_CTX_new(TLS_server_method());
    SSL_CTX_use_certificate(p->server_ctx, certificate);
    SSL_CTX_use_PrivateKey(p->server_ctx, private_key);
}

static void pair_connect(struct pair *p)
{
    BIO *a = NULL;
    BIO *b = NULL;
    p->client = SSL_new(p->client_ctx);
    p->server = SSL_new(p->server_ctx);
    BIO_new_bio_pair(&a, 65536, &b, 65536);
    SSL_set_bio(p->client, a, a);
    SSL_set_bio(p->server, b, b);
    SSL_set_connect_state(p->client);
    SSL_set_accept_state(p->server);
    SSL_set_tlsext_host_name(p->client, "good.test");
}

static void pair_shake(struct pair *p)
{
    for (int i = 0; i < 10; i++) {
        SSL_do_handshake(p->client);
        SSL_do_handshake(p->server);
    }
}

static void pair_deinit(struct pair *p)
{
    SSL_free(p->client);
    SSL_free(p->server);
    SSL_CTX_free(p->client_ctx);
    SSL_CTX_free(p->server_ctx);
    ERR_clear_error();
}

static int start_anew(void **state)
{
    (void)state;
    n_notes = n_msg_calls = n_info_calls = n_verify_calls = 0;
    ERR_clear_error();
    return 0;
}

/* --- what a note says --- */

static void judge_note(size_t i, enum side side, struct verdict *v, struct arena *arena)
{
    struct story s;
    struct story_told told;
    struct x509_store *store = NULL;
    struct judgements judged;
    assert_true(story_open(bytes_of(notes[i].p, notes[i].len), key, arena, &s));
    assert_int_equal(s.local.side, side);
    assert_int_equal(x509_store_new(&store, NULL), ST_OK);
    assert_true(story_tell(&s, arena, store, &told));
    assert_int_equal(judge(store, told.t, &judged, NULL), ST_OK);
    struct diagnose_context context = {
        .judgement = { judged.is_judged[0] ? &judged.of[0] : NULL,
                       judged.is_judged[1] ? &judged.of[1] : NULL },
    };
    diagnose(told.t, &context, arena, v);
    for (size_t k = 0; k < told.n_chains; k++) {
        x509_chain_unref(told.chains[k]);
    }
    x509_store_free(store);
}

static void expect(size_t i, enum side side, enum cause cause, enum confidence confidence)
{
    struct arena arena = { .limit_bytes = ARENA_BYTES };
    struct verdict v;
    judge_note(i, side, &v, &arena);
    assert_int_equal(v.outcome, OUTCOME_FAILED);
    assert_string_equal(cause_id(v.cause), cause_id(cause));
    assert_int_equal(v.confidence, confidence);
    arena_deinit(&arena);
}

static void refused_certificate(void **state)
{
    (void)state;
    struct pair p;
    pair_contexts(&p);
    SSL_CTX_set_verify(p.client_ctx, SSL_VERIFY_PEER, NULL);
    pair_connect(&p);
    pair_shake(&p);
    assert_int_equal(n_notes, 2); /* both sides are in this process */
    size_t client = notes[0].p[24] == 0 ? 0 : 1;
    expect(client, SIDE_CLIENT, CAUSE_CERTIFICATE_SELF_SIGNED, CONFIDENCE_CERTAIN);
    pair_deinit(&p);
    assert_int_equal(n_notes, 2); /* nothing is said twice */
}

static void no_suite_in_common(void **state)
{
    (void)state;
    struct pair p;
    pair_contexts(&p);
    SSL_CTX_set_max_proto_version(p.client_ctx, TLS1_2_VERSION);
    SSL_CTX_set_cipher_list(p.client_ctx, "ECDHE-ECDSA-AES128-GCM-SHA256");
    SSL_CTX_set_cipher_list(p.server_ctx, "ECDHE-ECDSA-AES256-GCM-SHA384");
    pair_connect(&p);
    pair_shake(&p);
    assert_int_equal(n_notes, 2);
    size_t server = notes[0].p[24] == 1 ? 0 : 1;
    expect(server, SIDE_SERVER, CAUSE_CIPHER_MISMATCH, CONFIDENCE_CERTAIN);
    pair_deinit(&p);
}

static void no_version_in_common(void **state)
{
    (void)state;
    struct pair p;
    pair_contexts(&p);
    SSL_CTX_set_max_proto_version(p.client_ctx, TLS1_2_VERSION);
    SSL_CTX_set_min_proto_version(p.server_ctx, TLS1_3_VERSION);
    pair_connect(&p);
    pair_shake(&p);
    size_t server = notes[0].p[24] == 1 ? 0 : 1;
    expect(server, SIDE_SERVER, CAUSE_PROTOCOL_MISMATCH, CONFIDENCE_CERTAIN);
    pair_deinit(&p);
}

static void client_certificate_missing(void **state)
{
    (void)state;
    struct pair p;
    pair_contexts(&p);
    SSL_CTX_set_verify(p.server_ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    pair_connect(&p);
    pair_shake(&p);
    char byte = 0;
    SSL_read(p.client, &byte, 1); /* TLS 1.3: the alert comes after the client's Finished */
    assert_int_equal(n_notes, 2);
    expect(0, SIDE_SERVER, CAUSE_CLIENT_CERTIFICATE_MISSING, CONFIDENCE_CERTAIN);
    expect(1, SIDE_CLIENT, CAUSE_CLIENT_CERTIFICATE_MISSING, CONFIDENCE_CERTAIN);
    pair_deinit(&p);
}

/* As nginx does: the handshake is let pass, then the name is asked for. */
static void refused_name(void **state)
{
    (void)state;
    struct pair p;
    pair_contexts(&p);
    assert_int_equal(X509_STORE_add_cert(SSL_CTX_get_cert_store(p.client_ctx), certificate), 1);
    pair_connect(&p);
    pair_shake(&p);
    X509 *other = X509_dup(certificate); /* the same bytes are the same certificate */
    observer_note_name(observer, other, BYTES("other.test"), false);
    observer_before_free(observer, p.client);
    SSL_free(p.client);
    p.client = NULL;
    X509_free(other);
    assert_int_equal(n_notes, 1);
    expect(0, SIDE_CLIENT, CAUSE_CERTIFICATE_HOSTNAME_MISMATCH, CONFIDENCE_CERTAIN);
    pair_deinit(&p);
}

/* --- a guest --- */

/* NOLINTNEXTLINE(readability-function-size): the signature is of SSL_set_msg_callback(3) */
static void count_msg(int is_written, int version, int type, const void *p, size_t len, SSL *s,
                      void *arg)
{
    (void)is_written, (void)version, (void)type, (void)p, (void)len, (void)s;
    assert_ptr_equal(arg, &n_msg_calls);
    n_msg_calls++;
}

static void count_info(const SSL *s, int where, int result)
{
    (void)s, (void)where, (void)result;
    n_info_calls++;
}

static int accept_all(int is_ok, X509_STORE_CTX *ctx)
{
    (void)is_ok, (void)ctx;
    n_verify_calls++;
    return 1;
}

static void program_callbacks_work(void **state)
{
    (void)state;
    struct pair p;
    pair_contexts(&p);
    SSL_CTX_set_verify(p.client_ctx, SSL_VERIFY_PEER, accept_all);
    pair_connect(&p);
    assert_true(observer_take_msg_callback(observer, p.client, count_msg));
    SSL_set_msg_callback_arg(p.client, &n_msg_calls);
    SSL_set_info_callback(p.client, count_info);
    pair_shake(&p);
    assert_int_equal(SSL_is_init_finished(p.client), 1);
    assert_true(n_msg_calls > 10);
    assert_true(n_info_calls > 10);
    assert_true(n_verify_calls > 0);
    assert_ptr_equal(SSL_get_verify_callback(p.client), accept_all);
    pair_deinit(&p);
}

static void fail_in_info(const SSL *s, int where, int result)
{
    (void)s, (void)where, (void)result;
    errno = EDOM;
}

/* What the program's callback leaves there the program finds. */
static void callbacks_leave_errno(void **state)
{
    (void)state;
    struct pair p;
    pair_contexts(&p);
    pair_connect(&p);
    SSL_set_info_callback(p.client, fail_in_info);
    SSL_do_handshake(p.client);
    SSL_do_handshake(p.server);
    errno = 0;
    SSL_do_handshake(p.client); /* the observer's callback is in its place by now */
    assert_int_equal(errno, EDOM);
    pair_deinit(&p);
}

static int last_where;

static void note_where(const SSL *s, int where, int result)
{
    (void)s, (void)result;
    last_where = where;
}

static int choose_other(SSL *s, int *alert, void *other)
{
    (void)alert;
    return SSL_set_SSL_CTX(s, other) == other ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

/* Another SSL_CTX, chosen by name, has no callback: the first one's is told of the end all the
 * same. */
static void info_callback_of_first_context(void **state)
{
    (void)state;
    struct pair p;
    struct pair other;
    pair_contexts(&p);
    pair_contexts(&other);
    SSL_CTX_set_info_callback(p.server_ctx, note_where);
    SSL_CTX_set_tlsext_servername_callback(p.server_ctx, choose_other);
    SSL_CTX_set_tlsext_servername_arg(p.server_ctx, other.server_ctx);
    pair_connect(&p);
    SSL_do_handshake(p.client);
    SSL_do_handshake(p.server);
    assert_ptr_equal(SSL_get_SSL_CTX(p.server), other.server_ctx);
    assert_int_equal(last_where, SSL_CB_ACCEPT_EXIT);
    pair_deinit(&p);
    pair_deinit(&other);
}

/* A server that waits for early data has sent all of its own; the client is not done for that. */
static void early_data_is_no_end(void **state)
{
    (void)state;
    struct pair p;
    char room[16];
    size_t n = 0;
    pair_contexts(&p);
    SSL_CTX_set_max_early_data(p.server_ctx, 16384);
    pair_connect(&p);
    SSL_do_handshake(p.client);
    assert_int_equal(SSL_read_early_data(p.server, room, sizeof room, &n),
                     SSL_READ_EARLY_DATA_FINISH);
    assert_int_equal(n_notes, 0);
    BIO_shutdown_wr(SSL_get_wbio(p.client));
    assert_true(SSL_do_handshake(p.server) <= 0);
    assert_int_equal(n_notes, 1);
    expect(0, SIDE_SERVER, CAUSE_CONNECTION_CLOSED, CONFIDENCE_PROBABLE);
    pair_deinit(&p);
}

static int lock_store(X509_STORE *store)
{
    locked = store;
    return X509_STORE_lock(store);
}

static int unlock_store(X509_STORE *store)
{
    locked = NULL;
    return X509_STORE_unlock(store);
}

static STACK_OF(X509_OBJECT) * look_into_store(const X509_STORE *store)
{
    n_looks++;
    n_looks_unlocked += locked != store;
    return X509_STORE_get0_objects(store);
}

/* Another thread may add to it. */
static void trust_is_read_under_its_lock(void **state)
{
    (void)state;
    struct pair p;
    pair_contexts(&p);
    SSL_CTX_set_verify(p.client_ctx, SSL_VERIFY_PEER, NULL);
    pair_connect(&p);
    n_looks = n_looks_unlocked = 0;
    pair_shake(&p);
    assert_int_equal(n_notes, 2);
    assert_true(n_looks > 0);
    assert_int_equal(n_looks_unlocked, 0);
    assert_null(locked);
    pair_deinit(&p);
}

/* After the peer's first data only what sees a handshake begin again is left of the observer. */
static void unhooked_by_data(void **state)
{
    (void)state;
    struct pair p;
    char byte = 0;
    pair_contexts(&p);
    pair_connect(&p);
    SSL_set_info_callback(p.client, count_info);
    pair_shake(&p);
    assert_int_equal(SSL_write(p.server, "x", 1), 1);
    assert_int_equal(SSL_read(p.client, &byte, 1), 1);
    unsigned n_before = n_info_calls;
    assert_int_equal(SSL_write(p.server, "y", 1), 1);
    assert_int_equal(SSL_read(p.client, &byte, 1), 1);
    assert_int_equal(n_info_calls, n_before);
    assert_false(observer_take_msg_callback(observer, p.client, count_msg));
    SSL_free(p.client);
    p.client = NULL;
    assert_int_equal(n_notes, 0);
    pair_deinit(&p);
}

/* A health check: nobody minds anything. */
static void abandoned_server_says_nothing(void **state)
{
    (void)state;
    struct pair p;
    pair_contexts(&p);
    pair_connect(&p);
    pair_shake(&p);
    observer_before_free(observer, p.server);
    SSL_free(p.server);
    p.server = NULL;
    assert_int_equal(n_notes, 0);
    pair_deinit(&p);
}

static void errors_and_errno_are_as_they_were(void **state)
{
    (void)state;
    struct pair p;
    pair_contexts(&p);
    SSL_CTX_set_verify(p.client_ctx, SSL_VERIFY_PEER, NULL);
    pair_connect(&p);
    SSL_do_handshake(p.client);
    SSL_do_handshake(p.server);
    errno = E2BIG;
    SSL_do_handshake(p.client);
    assert_int_equal(ERR_GET_REASON(ERR_get_error()), SSL_R_CERTIFICATE_VERIFY_FAILED);
    assert_int_equal(ERR_get_error(), 0); /* and no other */
    assert_int_equal(errno, 0);           /* as OpenSSL leaves it: SSL_do_handshake() clears it */
    pair_deinit(&p);
}

static void copied_ssl_is_its_own(void **state)
{
    (void)state;
    struct pair p;
    pair_contexts(&p);
    SSL *s = SSL_new(p.client_ctx);
    SSL_set_connect_state(s);
    SSL *copy = SSL_dup(s);
    assert_non_null(copy);
    SSL_free(s);
    SSL_free(copy);
    pair_deinit(&p);
}

static void cleared_ssl_begins_anew(void **state)
{
    (void)state;
    struct pair p;
    pair_contexts(&p);
    SSL_CTX_set_verify(p.client_ctx, SSL_VERIFY_PEER, NULL);
    pair_connect(&p);
    pair_shake(&p);
    assert_int_equal(n_notes, 2);
    for (int i = 0; i < 2; i++) {
        SSL *s = i == 0 ? p.client : p.server;
        observer_before_clear(observer, s);
        SSL_clear(s);
    }
    BIO *a = NULL;
    BIO *b = NULL;
    BIO_new_bio_pair(&a, 65536, &b, 65536);
    SSL_set_bio(p.client, a, a);
    SSL_set_bio(p.server, b, b);
    pair_shake(&p);
    assert_int_equal(n_notes, 4);
    pair_deinit(&p);
}

static int set_up(void **state)
{
    struct observer_options options = { .program = "/usr/bin/test", .sink = sink };
    struct calls calls;
    (void)state;
    bytes_copy(options.key, sizeof options.key, bytes_of(key, sizeof key));
    private_key = EVP_EC_gen("P-256");
    certificate = make_certificate(private_key, "good.test");
    if (!calls_find_own(&calls)) {
        return -1;
    }
    calls.X509_STORE_lock = lock_store;
    calls.X509_STORE_unlock = unlock_store;
    calls.X509_STORE_get0_objects = look_into_store;
    observer = observer_attach(&calls, &options);
    return observer != NULL && observer_attach(&calls, &options) == observer ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    X509_free(certificate);
    EVP_PKEY_free(private_key);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(refused_certificate, start_anew),
        cmocka_unit_test_setup(no_suite_in_common, start_anew),
        cmocka_unit_test_setup(no_version_in_common, start_anew),
        cmocka_unit_test_setup(client_certificate_missing, start_anew),
        cmocka_unit_test_setup(refused_name, start_anew),
        cmocka_unit_test_setup(program_callbacks_work, start_anew),
        cmocka_unit_test_setup(callbacks_leave_errno, start_anew),
        cmocka_unit_test_setup(info_callback_of_first_context, start_anew),
        cmocka_unit_test_setup(early_data_is_no_end, start_anew),
        cmocka_unit_test_setup(trust_is_read_under_its_lock, start_anew),
        cmocka_unit_test_setup(unhooked_by_data, start_anew),
        cmocka_unit_test_setup(abandoned_server_says_nothing, start_anew),
        cmocka_unit_test_setup(errors_and_errno_are_as_they_were, start_anew),
        cmocka_unit_test_setup(copied_ssl_is_its_own, start_anew),
        cmocka_unit_test_setup(cleared_ssl_begins_anew, start_anew),
    };
    return cmocka_run_group_tests_name("observer", tests, set_up, tear_down);
}
