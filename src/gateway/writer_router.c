/* The Router's nginx.conf: the virtual hosts, and on to the Message Processor. */
#include <ctype.h>
#include <stdio.h>

#include "gateway/certificates.h"
#include "gateway/listens.h"
#include "gateway/trial_host.h"
#include "gateway/writer.h"

/* One virtual host while it is written. */
struct site {
    struct writer *w;
    const struct model_host *host;
    const struct virtual_host *v;
    char whose[160];
};

#define FAULT(code, text)                                                                          \
    "'{\"fault\":{\"faultstring\":\"" text "\",\"detail\":{\"errorcode\":\"" code "\"}}}'"

unsigned writer_protocols(const struct writer *w, enum property which)
{
    unsigned bits = property_protocols(w->in->properties, which);
    return bits == 0 ? TLS_PROTOCOL_1_2 | TLS_PROTOCOL_1_3 : bits;
}

static unsigned protocols_of(const struct writer *w, const struct virtual_host *v)
{
    return trial_host_protocols(w->in->properties, v);
}

void writer_put_protocols(struct conf *c, const char *directive, unsigned bits)
{
    conf_begin(c, directive);
    for (unsigned bit = 1; bit <= TLS_PROTOCOL_1_3; bit *= 2) {
        if ((bits & bit) != 0) {
            conf_word(c, tls_protocol_nginx((enum tls_protocol)bit));
        }
    }
    conf_end(c);
}

void writer_put_ciphers(struct conf *c, const char *directive, const char *list, unsigned protocols)
{
    bool old = (protocols & (TLS_PROTOCOL_1_0 | TLS_PROTOCOL_1_1)) != 0;
    bool levelled = strstr(list, "@SECLEVEL") != NULL;
    conf_begin(c, directive);
    /* TLS 1.0 and 1.1 sign with SHA-1, which OpenSSL 3 allows at level 0 alone
     * (SSL_CTX_set_security _level(3)). */
    conf_mixed(c, "", list, old && !levelled ? ":@SECLEVEL=0" : "");
    conf_end(c);
}

/* --- TLS --- */

static enum status put_client_auth(struct site *s, const struct certificate_place *at,
                                   struct err *err)
{
    struct conf *c = &s->w->c;
    char trust[CERTIFICATE_FILE_MAX];
    size_t n_certs = 0;
    TRY(certificates_put_trust(at, &s->v->ssl, trust, &n_certs, err));
    if (n_certs == 0) {
        return err_set(err, ST_USAGE, "%s: clientAuthEnabled needs a trustStore with certificates",
                       s->whose);
    }
    conf_line(c, "ssl_verify_depth 10");
    conf_begin(c, "ssl_client_certificate");
    conf_value(c, trust);
    conf_end(c);
    writer_module_verify_client(s->w, s->v->ssl.ignore_validation_errors == CHOICE_YES);
    return ST_OK;
}

static enum status put_tls(struct site *s, struct err *err)
{
    struct conf *c = &s->w->c;
    struct certificate_place at = { s->w->in->store, s->w->part, s->host->org, s->host->env,
                                    s->whose };
    char chain[CERTIFICATE_FILE_MAX];
    char key[CERTIFICATE_FILE_MAX];
    unsigned protocols = protocols_of(s->w, s->v);
    const char *ciphers = s->v->ssl_ciphers;
    struct ssl_settings settings = { 0 };
    TRY(ssl_info_settle(&s->v->ssl, s->w->arena, &settings, err));
    if (ciphers == NULL) {
        ciphers = settings.ciphers != NULL
                      ? settings.ciphers
                      : property_text(s->w->in->properties, PROPERTY_ROUTER_CIPHERS);
    }
    TRY(certificates_put_key(&at, &s->v->ssl, chain, key, err));
    conf_begin(c, "ssl_certificate");
    conf_value(c, chain);
    conf_end(c);
    conf_begin(c, "ssl_certificate_key");
    conf_value(c, key);
    conf_end(c);
    writer_put_protocols(c, "ssl_protocols", protocols);
    writer_put_ciphers(c, "ssl_ciphers", ciphers, protocols);
    if (settings.suites != NULL) {
        conf_begin(c, "ssl_conf_command Ciphersuites");
        conf_value(c, settings.suites);
        conf_end(c);
    }
    if (s->v->ocsp_stapling == CHOICE_YES) {
        conf_line(c, "ssl_stapling on");
    }
    return s->v->ssl.client_auth_enabled == CHOICE_YES ? put_client_auth(s, &at, err) : ST_OK;
}

/* --- names and ports --- */

static void lower(char *s)
{
    for (; *s != '\0'; s++) {
        *s = (char)tolower((unsigned char)*s);
    }
}

/* nginx's own wildcard would match any number of labels; a certificate's matches one. */
static void put_alias(struct conf *c, const char *alias)
{
    char name[256];
    if (!virtual_host_alias_name(alias, name)) {
        return;
    }
    lower(name);
    conf_begin(c, "server_name");
    if (strcmp(name, "*") == 0) {
        conf_word(c, "\"~.\"");
    } else if (strncmp(name, "*.", 2) == 0) {
        conf_pattern(c, "~^[^.]+\\\\.", name + 2, "$");
    } else {
        conf_value(c, name);
    }
    conf_end(c);
}

static enum status put_listens(struct writer *w, const struct listen_port *p,
                               const struct model_host *host, bool is_default, struct err *err)
{
    struct conf *c = &w->c;
    for (size_t i = 0; i < p->n_at; i++) {
        const char *at = p->at[i].host;
        if (host != NULL && !listens_has(host, p, i)) {
            continue;
        }
        bool v6 = strchr(at, ':') != NULL;
        conf_begin(c, "listen");
        text_printf(c->out, v6 ? " [%s]:%u" : " %s:%u", at, p->port);
        conf_word(c, p->is_tls ? "ssl" : "");
        conf_word(c, p->is_proxied ? "proxy_protocol" : "");
        conf_word(c, is_default ? "default_server backlog=1024" : "");
        conf_end(c);
        TRY(generation_listen(w->part, at, p->port, err));
    }
    return ST_OK;
}

/* --- the way on --- */

static void put_header(struct conf *c, const char *name, const char *value)
{
    conf_begin(c, "proxy_set_header");
    conf_word(c, name);
    conf_word(c, value);
    conf_end(c);
}

/* A header that backends believe. To many of them, and to nginx's variables, "_" and "-" in a name
 * are the same: what a client sends under the other spellings is dropped. */
static void put_trusted(struct conf *c, const char *name, const char *value)
{
    char other[64];
    size_t n_dashes = 0;
    put_header(c, name, value);
    for (const char *p = name; *p != '\0'; p++) {
        n_dashes += *p == '-' ? 1 : 0;
    }
    for (unsigned which = 1; which < 1U << n_dashes; which++) {
        unsigned bit = 1;
        size_t len = 0;
        for (; name[len] != '\0' && len < sizeof other - 1; len++) {
            bool is_dash = name[len] == '-';
            other[len] = (char)(is_dash && (which & bit) != 0 ? '_' : name[len]);
            bit <<= is_dash ? 1U : 0U;
        }
        other[len] = '\0';
        put_header(c, other, "\"\"");
    }
}

/* What a client sends under these names is replaced or dropped: an empty header is not sent. */
static void put_tls_headers(struct conf *c, const struct virtual_host *v)
{
    static const struct {
        const char *name, *value;
        bool is_client;
    } rows[] = {
        { "Tls-Cipher", "$ssl_cipher", false },
        { "Tls-Protocol", "$ssl_protocol", false },
        { "Tls-Server-Name", "$ssl_server_name", false },
        { "Tls-Session-Id", "$ssl_session_id", false },
        { "Tls-Client-S-Dn", "$ssl_client_s_dn", true },
        { "Tls-Client-I-Dn", "$ssl_client_i_dn", true },
        { "Tls-Client-Raw-Cert", "$ssl_client_escaped_cert", true },
        { "Tls-Client-Cert-Serial", "$ssl_client_serial", true },
        { "Tls-Client-Cert-Fingerprint", "$ssl_client_fingerprint", true },
    };
    bool tls = virtual_host_is_tls(v) && v->has_propagate;
    bool connection = tls && v->propagate.connection == CHOICE_YES;
    bool client = tls && v->propagate.client == CHOICE_YES;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        bool on = rows[i].is_client ? client : connection;
        put_trusted(c, rows[i].name, on ? rows[i].value : "\"\"");
    }
}

static void put_headers(struct site *s)
{
    struct conf *c = &s->w->c;
    put_header(c, "Host", s->host->key);
    put_header(c, "Connection", "\"\"");
    put_trusted(c, "X-Handfast-Id", writer_id(s->w));
    put_trusted(c, "X-Handfast-Vhost", "$handfast_vhost");
    put_trusted(c, "X-Forwarded-For", "$proxy_add_x_forwarded_for");
    put_trusted(c, "X-Forwarded-Proto", "$scheme");
    put_trusted(c, "X-Forwarded-Port", "$server_port");
    put_trusted(c, "X-Forwarded-Host", "$http_host");
    put_trusted(c, "X-Handfast-Client", "$remote_addr");
    put_tls_headers(c, s->v);
}

static void put_time(struct conf *c, const char *directive, int64_t ms)
{
    conf_begin(c, directive);
    conf_number(c, "", (uint64_t)ms, "ms");
    conf_end(c);
}

/* http_599, the guide's default, is what its Message Processors send each other's clients; here
 * there is one. */
static void put_retry(struct conf *c, const struct virtual_host *v)
{
    static const char *const known[] = { "off",      "error",    "timeout",  "invalid_header",
                                         "http_500", "http_502", "http_503", "http_504",
                                         "http_403", "http_404", "http_429" };
    bool begun = false;
    for (size_t i = 0; i < v->retry_options.n; i++) {
        for (size_t j = 0; j < ARRAY_LEN(known); j++) {
            if (strcmp(v->retry_options.list[i], known[j]) == 0) {
                conf_begin(c, begun ? "" : "proxy_next_upstream");
                conf_word(c, known[j]);
                begun = true;
            }
        }
    }
    if (begun) {
        conf_end(c);
    }
}

static void put_properties(struct site *s)
{
    struct conf *c = &s->w->c;
    const struct virtual_host *v = s->v;
    int64_t read_s = property_number(s->w->in->properties, PROPERTY_ROUTER_READ_TIMEOUT);
    put_time(c, "proxy_read_timeout",
             v->read_timeout_ms >= 0 ? v->read_timeout_ms : read_s * INT64_C(1000));
    if (v->keepalive_timeout_ms >= 0) {
        put_time(c, "keepalive_timeout", v->keepalive_timeout_ms);
    }
    if (v->request_buffering == CHOICE_NO) {
        conf_line(c, "proxy_request_buffering off");
    }
    if (v->buffering == CHOICE_NO) {
        conf_line(c, "proxy_buffering off");
    }
    put_retry(c, v);
}

/* What clients get where the Message Processor is down. nginx by itself cannot choose the words of
 * the status, nor tell the collector. */
static void put_down(struct writer *w)
{
    struct conf *c = &w->c;
    if (w->in->module != NULL) {
        conf_line(c, "handfast_fault gateway");
        return;
    }
    conf_line(c, "error_page 502 503 504 @down");
    conf_open(c, "location @down");
    conf_line(c, "internal");
    conf_line(c, "default_type application/json");
    conf_begin(c, "add_header X-Handfast-Id");
    conf_word(c, writer_id(w));
    conf_word(c, "always");
    conf_end(c);
    conf_line(c, "return 503 " FAULT("messaging.adaptors.http.flow.ServiceUnavailable",
                                     "The Service is temporarily unavailable"));
    conf_close(c);
}

static void put_way(struct site *s)
{
    struct conf *c = &s->w->c;
    conf_begin(c, "set $handfast_vhost");
    conf_literal(c, s->host->label);
    conf_end(c);
    put_properties(s);
    put_headers(s);
    conf_open(c, "location /");
    /* The Message Processor finds base paths in the path as it was sent; one that says the same in
     * other ways is sent on as nginx understands it. */
    conf_line(c, "if ($handfast_plain = 0) { rewrite ^(.*)$ $1 break; }");
    conf_line(c, "proxy_pass http://handfast_processor");
    conf_close(c);
    put_down(s->w);
}

static enum status put_site(struct writer *w, const struct model_host *host,
                            const struct listen_port *p, bool is_default, struct err *err)
{
    struct conf *c = &w->c;
    struct site s = { .w = w, .host = host, .v = &host->v };
    snprintf(s.whose, sizeof s.whose, "virtual host %.128s", host->v.name);
    conf_open(c, "server");
    TRY(put_listens(w, p, host, is_default, err));
    for (size_t i = 0; i < host->v.host_aliases.n; i++) {
        put_alias(c, host->v.host_aliases.list[i]);
    }
    writer_module_north(w, host);
    if (p->is_tls) {
        TRY(put_tls(&s, err));
    }
    put_way(&s);
    conf_close(c);
    return ST_OK;
}

/* --- what nobody's alias is --- */

static enum status put_nobody(struct writer *w, const struct listen_port *p, unsigned protocols,
                              struct err *err)
{
    struct conf *c = &w->c;
    conf_open(c, "server");
    TRY(put_listens(w, p, NULL, true, err));
    conf_line(c, "set $handfast_vhost \"\"");
    writer_module_north(w, NULL);
    if (p->is_tls) {
        writer_put_protocols(c, "ssl_protocols", protocols); /* of all: nginx asks this one first */
        writer_put_ciphers(c, "ssl_ciphers",
                           property_text(w->in->properties, PROPERTY_ROUTER_CIPHERS), protocols);
        conf_line(c, "ssl_reject_handshake on");
    }
    conf_line(c, "default_type application/json");
    conf_line(c, "return 404 " FAULT("messaging.adaptors.http.flow.ApplicationNotFound",
                                     "Unable to identify proxy for host"));
    conf_close(c);
    return ST_OK;
}

static const struct model_host *first_by_name(const struct model *m, unsigned port)
{
    const struct model_host *first = NULL;
    for (size_t i = 0; i < m->n_hosts; i++) {
        const struct model_host *h = &m->hosts[i];
        if (h->v.port.value == port && (first == NULL || strcmp(h->label, first->label) < 0)) {
            first = h;
        }
    }
    return first;
}

static bool takes_all(const struct model_host *host)
{
    char name[256];
    for (size_t i = 0; i < host->v.host_aliases.n; i++) {
        if (virtual_host_alias_name(host->v.host_aliases.list[i], name) && strcmp(name, "*") == 0) {
            return true;
        }
    }
    return false;
}

/* nginx tries patterns in their order: "*" stands behind "*.name", whoever has which. */
static enum status put_sites(struct writer *w, const struct listen_port *p,
                             const struct model_host *first, bool all, struct err *err)
{
    for (size_t i = 0; i < w->model->n_hosts; i++) {
        const struct model_host *h = &w->model->hosts[i];
        if (h->v.port.value == p->port && takes_all(h) == all) {
            TRY(put_site(w, h, p, h == first, err));
        }
    }
    return ST_OK;
}

static enum status put_port(struct writer *w, const struct listen_port *p, struct err *err)
{
    bool fallback = property_bool(w->in->properties, PROPERTY_ROUTER_FALLBACK);
    const struct model_host *first = fallback ? first_by_name(w->model, p->port) : NULL;
    unsigned protocols = 0;
    for (size_t i = 0; i < w->model->n_hosts; i++) {
        const struct model_host *h = &w->model->hosts[i];
        protocols |= h->v.port.value == p->port ? protocols_of(w, &h->v) : 0;
    }
    if (first == NULL) {
        TRY(put_nobody(w, p, protocols, err));
    }
    TRY(put_sites(w, p, first, false, err));
    return put_sites(w, p, first, true, err);
}

/* --- the whole --- */

enum status writer_router(struct writer *w, struct err *err)
{
    struct listens listens = { 0 };
    TRY(listens_make(w->model, w->arena, w->in->has_ipv6, &listens, err));
    writer_head(w, PROPERTY_ROUTER_WORKERS);
    conf_open(&w->c, "http");
    writer_router_http(w);
    for (size_t i = 0; i < listens.n_ports; i++) {
        TRY(put_port(w, &listens.ports[i], err));
    }
    conf_close(&w->c);
    return ST_OK;
}
