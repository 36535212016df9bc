/*
 * A program that links no OpenSSL: it loads one with dlopen(), finds each function with dlsym(),
 * and keeps things of its own with an SSL under an index that it was given and under the two behind
 * it, which it was not given. Qt does all of that. In memory, the client distrusts the server.
 *
 * usage: agent_dlsym CERTIFICATE KEY
 */
#include <dlfcn.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>

enum { STEPS_MAX = 20, TIMES = 3, KEPT = 3 };

static void *library;

/* NOLINTNEXTLINE(bugprone-macro-parentheses): a name of a function */
#define CALL(f) (*(__typeof__(&f) *)&(void *){ dlsym(library, #f) })

static SSL_CTX *context(const SSL_METHOD *method)
{
    SSL_CTX *c = CALL(SSL_CTX_new)(method);
    if (c == NULL) {
        printf("no SSL_CTX\n");
    }
    return c;
}

static bool play(SSL_CTX *client_context, SSL_CTX *server_context, int first)
{
    static int kept[KEPT];
    BIO *near = NULL;
    BIO *far = NULL;
    SSL *client = CALL(SSL_new)(client_context);
    SSL *server = CALL(SSL_new)(server_context);
    for (int i = 0; i < KEPT; i++) {
        CALL(SSL_set_ex_data)(client, first + i, &kept[i]);
    }
    CALL(BIO_new_bio_pair)(&near, 0, &far, 0);
    CALL(SSL_set_bio)(client, near, near);
    CALL(SSL_set_bio)(server, far, far);
    CALL(SSL_set_connect_state)(client);
    CALL(SSL_set_accept_state)(server);
    for (int i = 0; i < STEPS_MAX; i++) {
        CALL(SSL_do_handshake)(client);
        CALL(SSL_do_handshake)(server);
    }
    bool is_kept = true;
    for (int i = 0; i < KEPT; i++) {
        is_kept = is_kept && CALL(SSL_get_ex_data)(client, first + i) == &kept[i];
    }
    printf("%s, verify result %ld, what was kept is %s\n",
           CALL(SSL_is_init_finished)(client) ? "done" : "refused",
           CALL(SSL_get_verify_result)(client), is_kept ? "there" : "gone");
    CALL(SSL_free)(client);
    CALL(SSL_free)(server);
    return is_kept;
}

int main(int argc, char **argv)
{
    library = dlopen("libssl.so.3", RTLD_NOW | RTLD_LOCAL);
    if (argc != 3 || library == NULL) {
        printf("no OpenSSL\n");
        return 2;
    }
    int first = CALL(CRYPTO_get_ex_new_index)(CRYPTO_EX_INDEX_SSL, 0, NULL, NULL, NULL, NULL);
    SSL_CTX *client = context(CALL(TLS_client_method)());
    SSL_CTX *server = context(CALL(TLS_server_method)());
    if (client == NULL || server == NULL ||
        CALL(SSL_CTX_use_certificate_chain_file)(server, argv[1]) != 1 ||
        CALL(SSL_CTX_use_PrivateKey_file)(server, argv[2], SSL_FILETYPE_PEM) != 1) {
        return 2;
    }
    CALL(SSL_CTX_set_verify)(client, SSL_VERIFY_PEER, NULL);
    for (int i = 0; i < TIMES; i++) {
        if (!play(client, server, first)) {
            return 1;
        }
    }
    CALL(SSL_CTX_free)(client);
    CALL(SSL_CTX_free)(server);
    return 0;
}
