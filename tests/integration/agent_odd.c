/*
 * A program that does odd things around its handshakes (in memory, the client distrusts the
 * server), for the agent to sit in: it must come to the same end with it as without.
 *
 * usage: agent_odd CERTIFICATE KEY FOLDER, prints a line for each thing that it did
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    STEPS_MAX = 20,
    FORKS = 200,
    FDS_MAX = 256,
    STACK_BYTES = 96 * 1024,
    NOBODY = 65534,
    MANY = 300
};

static SSL_CTX *server_context, *distrusting;
static const char *folder;

struct pair {
    SSL *client, *server;
};

static bool open_pair(struct pair *p)
{
    BIO *near, *far;
    if (BIO_new_bio_pair(&near, 0, &far, 0) != 1) {
        return false;
    }
    p->client = SSL_new(distrusting);
    p->server = SSL_new(server_context);
    SSL_set_bio(p->client, near, near);
    SSL_set_bio(p->server, far, far);
    SSL_set_connect_state(p->client);
    SSL_set_accept_state(p->server);
    return true;
}

/* Refused by the client, as it ought to be. */
static bool end_pair(struct pair *p)
{
    bool is_refused = false;
    for (int i = 0; i < STEPS_MAX; i++) {
        ERR_clear_error();
        int done = SSL_do_handshake(p->client);
        is_refused = is_refused || (done < 0 && ERR_GET_REASON(ERR_peek_error()) ==
                                                    SSL_R_CERTIFICATE_VERIFY_FAILED);
        SSL_do_handshake(p->server);
    }
    SSL_free(p->client);
    SSL_free(p->server);
    ERR_clear_error();
    return is_refused;
}

static bool whole(void)
{
    struct pair p;
    return open_pair(&p) && end_pair(&p);
}

static void begin_pair(struct pair *p)
{
    open_pair(p);
    SSL_do_handshake(p->client);
    SSL_do_handshake(p->server);
}

/* --- what it does --- */

/* Each child ends a handshake that its parent began, and makes one of its own. */
static bool many_forks(void)
{
    int n_good = 0;
    struct pair begun;
    begin_pair(&begun);
    for (int i = 0; i < FORKS; i++) {
        pid_t child = fork();
        if (child == 0) {
            _exit((i % 2 == 0 ? end_pair(&begun) : true) && whole() ? 0 : 1);
        }
        int status = 1;
        n_good += waitpid(child, &status, 0) == child && status == 0;
    }
    return end_pair(&begun) && n_good == FORKS;
}

static bool descriptors_closed(void)
{
    struct pair begun;
    begin_pair(&begun);
    for (int fd = 3; fd < FDS_MAX; fd++) {
        close(fd);
    }
    return end_pair(&begun) && whole();
}

static bool no_descriptors_left(void)
{
    struct rlimit none = { 3, 3 };
    return setrlimit(RLIMIT_NOFILE, &none) == 0 && whole();
}

static bool errno_kept(void)
{
    struct pair begun;
    begin_pair(&begun);
    errno = 0;
    bool is_refused = end_pair(&begun);
    return is_refused && (errno == 0 || errno == EAGAIN);
}

static bool in_chroot(void)
{
    struct pair begun;
    begin_pair(&begun);
    if (chroot(folder) != 0 || chdir("/") != 0) {
        return true; /* not for everybody */
    }
    return end_pair(&begun) && whole();
}

static bool as_nobody(void)
{
    struct pair begun;
    begin_pair(&begun);
    if (setgid(NOBODY) != 0 || setuid(NOBODY) != 0) {
        return true;
    }
    return end_pair(&begun) && whole();
}

static void *in_thread(void *nothing)
{
    return whole() ? nothing : (void *)&folder;
}

static bool small_stack(void)
{
    pthread_t thread;
    pthread_attr_t attributes;
    void *wrong = NULL;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    if (pthread_create(&thread, &attributes, in_thread, NULL) != 0) {
        return false;
    }
    pthread_join(thread, &wrong);
    return wrong == NULL;
}

static void *only_end(void *begun)
{
    return end_pair(begun) ? NULL : begun;
}

/* Begun in one thread, ended in another. */
static bool handed_over(void)
{
    pthread_t thread;
    struct pair begun;
    void *wrong = NULL;
    begin_pair(&begun);
    if (pthread_create(&thread, NULL, only_end, &begun) != 0) {
        return false;
    }
    pthread_join(thread, &wrong);
    return wrong == NULL;
}

static bool never_freed(void)
{
    struct pair begun;
    for (int i = 0; i < MANY; i++) {
        begin_pair(&begun);
    }
    return true;
}

static bool ended_by_signal(void)
{
    struct pair begun;
    begin_pair(&begun);
    raise(SIGTERM);
    return false;
}

static const struct {
    const char *name;
    bool (*does)(void);
    int signal;
} things[] = {
    { "forks", many_forks, 0 },
    { "descriptors closed in the middle", descriptors_closed, 0 },
    { "no descriptors left", no_descriptors_left, 0 },
    { "errno", errno_kept, 0 },
    { "a chroot in the middle", in_chroot, 0 },
    { "another user in the middle", as_nobody, 0 },
    { "a small stack", small_stack, 0 },
    { "ended in another thread", handed_over, 0 },
    { "connections that are never freed", never_freed, 0 },
    { "a signal in the middle", ended_by_signal, SIGTERM },
};

/* Each in a process of its own: none is as it was after it. */
static const char *end_of(bool (*does)(void), int signal)
{
    pid_t child = fork();
    if (child == 0) {
        exit(does() ? 0 : 1);
    }
    int status = 1;
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status)) {
        return WTERMSIG(status) == signal ? "as it ought to" : strsignal(WTERMSIG(status));
    }
    return WEXITSTATUS(status) == 0 && signal == 0 ? "as it ought to" : "WRONG";
}

int main(int argc, char **argv)
{
    if (argc != 4) {
        return 2;
    }
    folder = argv[3];
    server_context = SSL_CTX_new(TLS_server_method());
    distrusting = SSL_CTX_new(TLS_client_method());
    SSL_CTX_set_verify(distrusting, SSL_VERIFY_PEER, NULL);
    if (SSL_CTX_use_certificate_chain_file(server_context, argv[1]) != 1 ||
        SSL_CTX_use_PrivateKey_file(server_context, argv[2], SSL_FILETYPE_PEM) != 1) {
        return 2;
    }
    for (size_t i = 0; i < sizeof things / sizeof things[0]; i++) {
        printf("%s: %s\n", things[i].name, end_of(things[i].does, things[i].signal));
        fflush(stdout);
    }
    SSL_CTX_free(server_context);
    SSL_CTX_free(distrusting);
    return 0;
}
