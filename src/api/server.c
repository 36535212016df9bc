#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "api/api.h"
#include "api/call.h"
#include "base/clock.h"
#include "base/net.h"

enum {
    IO_THREADS = 2,
    WORKERS = 24,
    HEADERS_MAX = 64 * 1024, /* memory of one connection: its headers and a piece of its body */
    IDLE_S = 60,
    STOP_WAIT_MS = 5000,
    PEM_MAX = 1024 * 1024
};

struct api {
    struct server server;
    struct MHD_Daemon *daemon;
    int fd;
    unsigned port;
    char *cert, *key; /* PEM; NULL: plain HTTP */
};

static enum status bind_socket(struct api *a, const struct endpoint *e, struct err *err)
{
    union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } address = { 0 };
    socklen_t len = sizeof address.in;
    int on = 1;
    if (e->family == 4) {
        address.in.sin_family = AF_INET;
        address.in.sin_port = htons(e->port);
        (void)bytes_copy(&address.in.sin_addr, sizeof address.in.sin_addr, bytes_of(e->ip, 4));
    } else {
        len = sizeof address.in6;
        address.in6.sin6_family = AF_INET6;
        address.in6.sin6_port = htons(e->port);
        (void)bytes_copy(&address.in6.sin6_addr, sizeof address.in6.sin6_addr, bytes_of(e->ip, 16));
    }
    a->fd = socket(address.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (a->fd < 0 || setsockopt(a->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(a->fd, &address.any, len) != 0 || listen(a->fd, SOMAXCONN) != 0 ||
        getsockname(a->fd, &address.any, &len) != 0) {
        int error = errno;
        struct text where = { 0 };
        endpoint_put(&where, e);
        errno = error;
        err_sys(err, "the management API on %s", text_str(&where));
        text_deinit(&where);
        return ST_IO;
    }
    a->port = ntohs(e->family == 4 ? address.in.sin_port : address.in6.sin6_port);
    return ST_OK;
}

static void wipe(char *pem)
{
    if (pem != NULL) {
        OPENSSL_cleanse(pem, strlen(pem));
        free(pem);
    }
}

static enum status read_pem(const char *path, char **out, struct err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) != 0) {
        enum status failed = err_sys(err, "%s", path);
        if (fd >= 0) {
            (void)close(fd);
        }
        return failed;
    }
    char *pem = st.st_size > PEM_MAX ? NULL : calloc(1, (size_t)st.st_size + 1);
    ssize_t n = pem == NULL ? -1 : read(fd, pem, (size_t)st.st_size);
    (void)close(fd);
    if (n <= 0) {
        free(pem);
        return err_set(err, ST_FORMAT, "%s: not a PEM file", path);
    }
    *out = pem;
    return ST_OK;
}

static void at_connection(void *cls, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct server *server = cls;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        connection_end(*socket_context);
        *socket_context = NULL;
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    *socket_context = info == NULL ? NULL : connection_begin(server->connections, info->connect_fd);
}

/* Targets are decoded by target.c, which knows a slash from %2F. */
static size_t leave_escaped(void *cls, struct MHD_Connection *connection, char *s)
{
    (void)cls;
    (void)connection;
    return strlen(s);
}

static void housekeeping(void *arg)
{
    struct server *server = arg;
    connections_sweep(server->connections);
}

static enum status start_daemon(struct api *a, struct err *err)
{
    unsigned flags = MHD_USE_EPOLL_INTERNALLY | MHD_ALLOW_SUSPEND_RESUME;
    struct MHD_OptionItem tls[] = {
        { MHD_OPTION_HTTPS_MEM_CERT, 0, a->cert },
        { MHD_OPTION_HTTPS_MEM_KEY, 0, a->key },
        /* what scanners ask of a management port: nothing before TLS 1.2 */
        { MHD_OPTION_HTTPS_PRIORITIES, 0,
          (void *)(uintptr_t) "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2" },
        { MHD_OPTION_END, 0, NULL },
    };
    struct MHD_OptionItem none[] = { { MHD_OPTION_END, 0, NULL } };
    if (a->cert != NULL) {
        flags |= MHD_USE_TLS;
    }
    a->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, call_handle, &a->server, MHD_OPTION_LISTEN_SOCKET, a->fd,
        MHD_OPTION_THREAD_POOL_SIZE, (unsigned)IO_THREADS, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTION_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADERS_MAX,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_S, MHD_OPTION_STRICT_FOR_CLIENT, 1,
        MHD_OPTION_URI_LOG_CALLBACK, call_begin, &a->server, MHD_OPTION_NOTIFY_COMPLETED, call_end,
        &a->server, MHD_OPTION_NOTIFY_CONNECTION, at_connection, &a->server,
        MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, NULL, MHD_OPTION_ARRAY,
        a->cert != NULL ? tls : none, MHD_OPTION_END);
    if (a->daemon == NULL) {
        return err_set(err, ST_IO,
                       a->cert != NULL ? "the management API does not start: certificate and key "
                                         "do not fit, or libmicrohttpd refuses"
                                       : "the management API does not start");
    }
    return ST_OK;
}

/* Signals are for the program's own threads: those made here take none. */
static enum status start_quietly(struct api *a, const struct places *places, struct err *err)
{
    TRY(workers_start(places->store, WORKERS, &a->server.workers, err));
    TRY(streams_start(housekeeping, &a->server, &a->server.streams, err));
    return start_daemon(a, err);
}

static enum status start(struct api *a, const struct api_options *options, struct err *err)
{
    const struct places *places =
        options->gateway != NULL ? gateway_places(options->gateway) : options->places;
    struct endpoint e;
    sigset_t all;
    sigset_t before;
    if (!endpoint_parse(options->listen, &e)) {
        return err_set(err, ST_USAGE, "%s: not ADDRESS:PORT", options->listen);
    }
    if (options->cert_path != NULL) {
        TRY(read_pem(options->cert_path, &a->cert, err));
        TRY(read_pem(options->key_path == NULL ? options->cert_path : options->key_path, &a->key,
                     err));
    }
    TRY(api_core_init(&a->server.core, options->gateway, places, err));
    a->server.connections = connections_new();
    if (a->server.connections == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    TRY(bind_socket(a, &e, err));
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    enum status st = start_quietly(a, places, err);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return st;
}

enum status api_start(const struct api_options *options, struct api **out, struct err *err)
{
    struct api *a = calloc(1, sizeof *a);
    if (a == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    a->fd = -1;
    enum status st = start(a, options, err);
    if (st != ST_OK) {
        api_stop(a);
        return st;
    }
    *out = a;
    return ST_OK;
}

unsigned api_port(const struct api *a)
{
    return a->port;
}

/* Answers that are on their way may arrive. */
static void wait_for_calls(struct server *server)
{
    for (int left = STOP_WAIT_MS; left > 0 && atomic_load(&server->n_calls) > 0; left -= 10) {
        (void)nanosleep(&(struct timespec){ .tv_nsec = (long)(10 * NS_PER_MS) }, NULL);
    }
}

void api_stop(struct api *a)
{
    if (a == NULL) {
        return;
    }
    struct server *server = &a->server;
    atomic_store(&server->is_stopping, true);
    if (a->daemon != NULL) {
        (void)MHD_quiesce_daemon(a->daemon); /* a->fd is ours again */
        streams_end(server->streams);
        wait_for_calls(server);
    }
    if (server->workers != NULL) {
        workers_stop(server->workers); /* nothing is suspended after it but streams, which end */
    }
    if (a->daemon != NULL) {
        MHD_stop_daemon(a->daemon);
    }
    streams_stop(server->streams);
    workers_free(server->workers);
    connections_free(server->connections);
    api_core_deinit(&server->core);
    if (a->fd >= 0) {
        (void)close(a->fd);
    }
    wipe(a->cert);
    wipe(a->key);
    free(a);
}
