#include "cli/gateway_options.h"

#include <string.h>

#include "base/net.h"
#include "cli/command.h"
#include "cli/options.h"

enum option_id {
    OPT_DIR = 1,
    OPT_LISTEN,
    OPT_CERT,
    OPT_KEY,
    OPT_ORG,
    OPT_ENV,
    OPT_ADMIN,
    OPT_HOST,
    OPT_HTTP_PORT,
    OPT_HTTPS_PORT,
    OPT_NGINX,
    OPT_MODULE,
    OPT_COLLECTOR,
    OPT_HELP,
    OPT_VERSION
};

/* clang-format off: a table reads by columns */
static const struct option_row rows[] = {
    { "Running", "dir", "DIR", "all state is kept there; made at the first start", OPT_DIR, 'd' },
    { NULL, "listen", "ADDR:PORT", "the management API (default: 127.0.0.1:8080)", OPT_LISTEN,
      'l' },
    { NULL, "api-cert", "FILE", "TLS for the management API: its chain, PEM", OPT_CERT, 0 },
    { NULL, "api-key", "FILE", "and the private key, PEM", OPT_KEY, 0 },
    { NULL, "nginx", "FILE", "the nginx to run (default: nginx)", OPT_NGINX, 0 },
    { NULL, "module", "FILE|none", "ngx_http_handfast_module.so; none: no verdicts", OPT_MODULE,
      0 },
    { "First start", "org", "NAME", "the organization (default: default)", OPT_ORG, 'o' },
    { NULL, "env", "NAME", "its environment (default: test)", OPT_ENV, 'e' },
    { NULL, "admin", "EMAIL", "the first user (default: admin@localhost)", OPT_ADMIN, 0 },
    { NULL, "host", "NAME", "host alias of the first virtual hosts; repeatable", OPT_HOST, 0 },
    { NULL, "http-port", "N", "of the virtual host `default` (default: 9001)", OPT_HTTP_PORT, 0 },
    { NULL, "https-port", "N", "of the virtual host `secure` (default: 9443)", OPT_HTTPS_PORT, 0 },
    { "Other", "help", NULL, "show this", OPT_HELP, 'h' },
    { NULL, "version", NULL, "show the version", OPT_VERSION, 0 },
};
static const struct option_row collector_row = { NULL,          "collector",
                                                 NULL,          "be the collector",
                                                 OPT_COLLECTOR, 0 };
/* clang-format on */

static const char help_head[] =
    "handfast gateway: an API gateway on nginx that explains its handshake failures\n"
    "\n"
    "usage: handfast gateway --dir DIR [OPTION]...\n"
    "       handfast gateway status|stop|reload --dir DIR\n"
    "       handfast gateway restart router|message-processor|collector --dir DIR\n";

static const char help_tail[] =
    "\nSIGTERM stops everything; SIGHUP, and reload, read the properties files again.\n"
    "Exit status: 0 stopped, 2 usage, 3 it cannot run. More: man handfast-gateway\n";

int gateway_line_help(void)
{
    static const struct command_help help = { help_head, rows, ARRAY_LEN(rows), help_tail };
    return command_show_help(&help);
}

static enum status add_host(struct gateway_line *l, const char *value, struct err *err)
{
    if (l->n_hosts == GATEWAY_HOSTS_MAX) {
        return err_set(err, ST_USAGE, "--host: at most %d", GATEWAY_HOSTS_MAX);
    }
    l->hosts[l->n_hosts++] = value;
    return ST_OK;
}

static enum status set_option(struct gateway_line *l, enum option_id id, const char *value,
                              struct err *err)
{
    switch (id) {
    case OPT_DIR:
        l->dir = value;
        return ST_OK;
    case OPT_LISTEN:
        l->listen = value;
        return ST_OK;
    case OPT_CERT:
        l->cert = value;
        return ST_OK;
    case OPT_KEY:
        l->key = value;
        return ST_OK;
    case OPT_ORG:
        l->org = value;
        return ST_OK;
    case OPT_ENV:
        l->env = value;
        return ST_OK;
    case OPT_ADMIN:
        l->admin = value;
        return ST_OK;
    case OPT_HOST:
        return add_host(l, value, err);
    case OPT_HTTP_PORT:
        return option_number("http-port", value, 1, 65535, &l->http_port, err);
    case OPT_HTTPS_PORT:
        return option_number("https-port", value, 1, 65535, &l->https_port, err);
    case OPT_NGINX:
        l->nginx = value;
        return ST_OK;
    case OPT_MODULE:
        l->module = value;
        return ST_OK;
    case OPT_COLLECTOR:
        l->is_collector = true;
        return ST_OK;
    case OPT_HELP:
        l->help = true;
        return ST_OK;
    case OPT_VERSION:
        l->version = true;
        return ST_OK;
    }
    return ST_OK;
}

static enum status take_operand(struct gateway_line *l, const char *word, struct err *err)
{
    static const char *const orders[] = { "restart", "status", "stop", "reload" };
    for (size_t i = 0; l->order == NULL && i < ARRAY_LEN(orders); i++) {
        if (strcmp(word, orders[i]) == 0) {
            l->order = word;
            return ST_OK;
        }
    }
    if (l->order != NULL && strcmp(l->order, "restart") == 0 && l->part == NULL) {
        l->part = word;
        return ST_OK;
    }
    return err_set(err, ST_USAGE,
                   "no order '%.80s': there are status, stop, reload and restart PART", word);
}

static enum status check(const struct gateway_line *l, struct err *err)
{
    if (l->help || l->version) {
        return ST_OK;
    }
    if (l->dir == NULL) {
        return err_set(err, ST_USAGE, "--dir is missing");
    }
    if (l->order != NULL && strcmp(l->order, "restart") == 0 && l->part == NULL) {
        return err_set(err, ST_USAGE, "restart what: router, message-processor or collector?");
    }
    struct endpoint listen;
    if (!endpoint_parse(l->listen, &listen)) {
        return err_set(err, ST_USAGE,
                       "--listen '%.100s': it is ADDRESS:PORT, such as 127.0.0.1:8080", l->listen);
    }
    if ((l->cert == NULL) != (l->key == NULL)) {
        return err_set(err, ST_USAGE, "--api-cert and --api-key go together");
    }
    return l->http_port != l->https_port
               ? ST_OK
               : err_set(err, ST_USAGE, "--http-port and --https-port are the same");
}

enum status gateway_line_read(struct gateway_line *out, char **args, size_t n_args, struct err *err)
{
    struct option_row all[ARRAY_LEN(rows) + 1];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        all[i] = rows[i];
    }
    all[ARRAY_LEN(rows)] = collector_row; /* not shown: nobody types it */
    struct option_reader reader = { all, ARRAY_LEN(all), args, n_args, 0, false };
    const char *value = NULL;
    *out = (struct gateway_line){ .listen = "127.0.0.1:8080",
                                  .org = "default",
                                  .env = "test",
                                  .admin = "admin@localhost",
                                  .nginx = "nginx",
                                  .http_port = 9001,
                                  .https_port = 9443 };
    for (;;) {
        int id = option_next(&reader, &value, err);
        if (id == OPTION_WRONG) {
            return ST_USAGE;
        }
        if (id == OPTION_END) {
            return check(out, err);
        }
        TRY(id == OPTION_OPERAND ? take_operand(out, value, err)
                                 : set_option(out, (enum option_id)id, value, err));
    }
}
