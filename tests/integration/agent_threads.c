/*
 * Handshakes in memory from several threads at once, for the agent to watch under ThreadSanitizer:
 * contexts shared, a connection in each thread its own, every other one failing (the client does
 * not trust the server); then the same from a child that is forked while the threads run.
 *
 * usage: agent_threads CERTIFICATE KEY THREADS ROUNDS
 */
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

enum { STEPS_MAX = 20, THREADS_MAX = 32 };

static SSL_CTX *server_context, *trusting, *distrusting;
static long n_rounds;

static SSL *end_new(SSL_CTX *context, BIO *bio, bool is_server)
{
    SSL *ssl = SSL_new(context);
    SSL_set_bio(ssl, bio, bio);
    if (is_server) {
        SSL_set_accept_state(ssl);
    } else {
        SSL_set_connect_state(ssl);
    }
    return ssl;
}

static bool shake_hands(SSL_CTX *context)
{
    BIO *near, *far;
    if (BIO_new_bio_pair(&near, 0, &far, 0) != 1) {
        return false;
    }
    SSL *client = end_new(context, near, false);
    SSL *server = end_new(server_context, far, true);
    for (int i = 0; i < STEPS_MAX; i++) {
        SSL_do_handshake(client);
        SSL_do_handshake(server);
    }
    bool is_done = SSL_is_init_finished(client) && SSL_is_init_finished(server);
    SSL_free(client);
    SSL_free(server);
    return is_done;
}

/* A fork keeps locks as they are, and OpenSSL's have nobody to open them in the child: nobody may
 * be inside OpenSSL at that moment. The threads live on around it. */
static pthread_rwlock_t forking = PTHREAD_RWLOCK_WRITER_NONRECURSIVE_INITIALIZER_NP;

static void *work(void *nothing)
{
    long n_wrong = 0;
    for (long i = 0; i < n_rounds; i++) {
        bool is_good = i % 2 == 0;
        pthread_rwlock_rdlock(&forking);
        n_wrong += shake_hands(is_good ? trusting : distrusting) != is_good;
        pthread_rwlock_unlock(&forking);
    }
    return n_wrong == 0 ? nothing : server_context;
}

static int in_child(void)
{
    pthread_rwlock_wrlock(&forking);
    pid_t child = fork();
    if (child == 0) {
        pthread_rwlock_init(&forking, NULL); /* it counts threads that are not here */
        _exit(work(NULL) == NULL ? 0 : 1);
    }
    pthread_rwlock_unlock(&forking);
    int status = 1;
    waitpid(child, &status, 0);
    return status;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS_MAX];
    long n = argc == 5 ? strtol(argv[3], NULL, 10) : 0;
    if (n < 1 || n > THREADS_MAX) {
        return 2;
    }
    n_rounds = strtol(argv[4], NULL, 10);
    server_context = SSL_CTX_new(TLS_server_method());
    trusting = SSL_CTX_new(TLS_client_method());
    distrusting = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(distrusting, SSL_VERIFY_PEER, NULL);
    if (SSL_CTX_use_certificate_chain_file(server_context, argv[1]) != 1 ||
        SSL_CTX_use_PrivateKey_file(server_context, argv[2], SSL_FILETYPE_PEM) != 1) {
        return 2;
    }
    int status = 0;
    for (long i = 0; i < n; i++) {
        pthread_create(&threads[i], NULL, work, NULL);
    }
    status |= in_child();
    for (long i = 0; i < n; i++) {
        void *wrong = NULL;
        pthread_join(threads[i], &wrong);
        status |= wrong != NULL;
    }
    SSL_CTX_free(server_context);
    SSL_CTX_free(trusting);
    SSL_CTX_free(distrusting);
    return status == 0 ? 0 : 1;
}
