/*
 * request_load: HTTP requests over TLS connections that stay open, to several servers on 127.0.0.1
 * by turns. What tools/bench_observer counts requests with; it compiles this file itself.
 *
 * usage: request_load PARALLEL PATH PORT...
 *
 * Opens PARALLEL connections to each port, makes WARM requests on each and prints "ready". For each
 * line "INDEX ROUNDS" on its input it makes ROUNDS times PARALLEL requests to the INDEXth port,
 * then prints "done". In a round every connection sends a request before the first answer is read:
 * the server always finds as many waiting, and the work is the same each time. Certificates are not
 * verified: the server's work is what is measured.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MAX_PORTS = 8, MAX_PARALLEL = 256, WARM = 20, ANSWER_ROOM = 16 * 1024 };

struct request {
    char text[512];
    int len;
};

static SSL *open_one(SSL_CTX *context, unsigned port)
{
    struct sockaddr_in server = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (struct sockaddr *)&server, sizeof server) != 0) {
        return NULL;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    SSL *ssl = SSL_new(context);
    bool is_up = ssl != NULL && SSL_set_fd(ssl, fd) == 1 &&
                 SSL_set_tlsext_host_name(ssl, "good.test") == 1 && SSL_connect(ssl) == 1;
    return is_up ? ssl : NULL;
}

/* The length of the answer once its head is there; 0 before that, or where it does not say. */
static size_t length_of(const char *answer)
{
    const char *end = strstr(answer, "\r\n\r\n");
    const char *field = end == NULL ? NULL : strcasestr(answer, "\ncontent-length:");
    if (field == NULL || field > end) {
        return 0;
    }
    return (size_t)(end + 4 - answer) + strtoul(field + strlen("\ncontent-length:"), NULL, 10);
}

/* One whole answer: 200, and not a byte more. */
static bool take_answer(SSL *ssl)
{
    char answer[ANSWER_ROOM];
    size_t have = 0;
    size_t whole = 0;
    while (whole == 0 || have < whole) {
        int n = SSL_read(ssl, answer + have, (int)(sizeof answer - 1 - have));
        if (n <= 0) {
            return false;
        }
        have += (size_t)n;
        answer[have] = '\0';
        whole = whole != 0 ? whole : length_of(answer);
    }
    return have == whole && strncmp(answer, "HTTP/1.1 200", strlen("HTTP/1.1 200")) == 0;
}

static bool ask(const struct request *request, SSL **connections, size_t n, unsigned long rounds)
{
    for (unsigned long round = 0; round < rounds; round++) {
        for (size_t i = 0; i < n; i++) {
            if (SSL_write(connections[i], request->text, request->len) != request->len) {
                return false;
            }
        }
        for (size_t i = 0; i < n; i++) {
            if (!take_answer(connections[i])) {
                return false;
            }
        }
    }
    return true;
}

/* Connections are opened by turns, so that no server's lie together. */
static bool open_all(const struct request *request, SSL *connections[][MAX_PARALLEL], size_t n,
                     char **ports, size_t n_ports)
{
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    for (size_t i = 0; context != NULL && i < n; i++) {
        for (size_t k = 0; k < n_ports; k++) {
            connections[k][i] = open_one(context, (unsigned)strtoul(ports[k], NULL, 10));
            if (connections[k][i] == NULL) {
                return false;
            }
        }
    }
    for (size_t k = 0; context != NULL && k < n_ports; k++) {
        if (!ask(request, connections[k], n, WARM)) {
            return false;
        }
    }
    return context != NULL;
}

static bool say(const char *word)
{
    return puts(word) >= 0 && fflush(stdout) == 0;
}

/* True at the end of the input. */
static bool obey(const struct request *request, SSL *connections[][MAX_PARALLEL], size_t n,
                 size_t n_ports)
{
    char line[64];
    while (fgets(line, sizeof line, stdin) != NULL) {
        char *rest = NULL;
        size_t which = strtoul(line, &rest, 10);
        if (which >= n_ports || !ask(request, connections[which], n, strtoul(rest, NULL, 10)) ||
            !say("done")) {
            return false;
        }
    }
    return true;
}

int main(int argc, char **argv)
{
    static SSL *connections[MAX_PORTS][MAX_PARALLEL];
    struct request request;
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
    if (argc < 4 || argc - 3 > MAX_PORTS || n == 0 || n > MAX_PARALLEL) {
        fprintf(stderr, "usage: request_load PARALLEL PATH PORT...\n");
        return 2;
    }
    size_t n_ports = (size_t)argc - 3;
    request.len = snprintf(request.text, sizeof request.text,
                           "GET %s HTTP/1.1\r\nHost: good.test\r\n\r\n", argv[2]);
    if (request.len >= (int)sizeof request.text ||
        !open_all(&request, connections, n, argv + 3, n_ports) || !say("ready") ||
        !obey(&request, connections, n, n_ports)) {
        perror("request_load: a server did not answer");
        return 1;
    }
    return 0;
}
