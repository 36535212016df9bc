#include "gateway/writer_target.h"

#include <stdio.h>

#include "store/host_name.h"

enum { KEPT_ALIVE = 64 };

#define SYSTEM_ROOTS "/etc/ssl/certs/ca-certificates.crt"

/* --- the upstream --- */

void writer_backend_upstream(struct writer *w, const struct backend *b)
{
    struct conf *c = &w->c;
    struct endpoint at[HOSTS_ADDRESSES_MAX];
    size_t n = hosts_look_up(w->in->hosts, b->host, at);
    conf_begin(c, "upstream");
    conf_word(c, b->upstream);
    conf_end_open(c);
    for (size_t i = 0; i < n; i++) {
        at[i].port = (uint16_t)b->port;
        conf_begin(c, "server ");
        endpoint_put(c->out, &at[i]);
        conf_word(c, "max_fails=0");
        conf_end(c);
    }
    if (n == 0) {
        conf_line(c, "server unix:nobody.sock max_fails=0"); /* the host has no address (yet) */
    }
    if (b->keepalive_timeout_ms > 0) {
        conf_begin(c, "keepalive");
        conf_number(c, "", KEPT_ALIVE, "");
        conf_end(c);
        conf_begin(c, "keepalive_timeout");
        conf_number(c, "", b->keepalive_timeout_ms, "ms");
        conf_end(c);
    }
    conf_close(c);
}

/* --- TLS --- */

static bool says(const struct backend *b, enum choice said)
{
    return b->ssl != NULL && said == CHOICE_YES;
}

/* Of the guide's system: no truststore, the name is checked and the chain is not; with one, both;
 * errors ignored, neither. `enforce` means a chain to the truststore, or to the system's roots. */
static const char *verify_mode(const struct backend *b, bool has_trust)
{
    bool enforced = b->ssl != NULL && b->ssl->enforce == CHOICE_YES;
    bool ignored = b->ssl != NULL && b->ssl->ignore_validation_errors == CHOICE_YES;
    if (enforced) {
        return "full";
    }
    if (ignored) {
        return "off";
    }
    return has_trust ? "full" : "name";
}

static void put_verify(struct writer *w, const struct backend *b, const char *trust)
{
    struct conf *c = &w->c;
    const char *mode = verify_mode(b, trust[0] != '\0');
    bool full = strcmp(mode, "full") == 0;
    const char *anchors = trust[0] != '\0' ? trust : SYSTEM_ROOTS;
    if (w->in->module == NULL) { /* nginx knows all or nothing, and roots only */
        conf_line(c, full ? "proxy_ssl_verify on" : "proxy_ssl_verify off");
        conf_line(c, "proxy_ssl_verify_depth 10");
        if (full) {
            conf_begin(c, "proxy_ssl_trusted_certificate");
            conf_value(c, anchors);
            conf_end(c);
        }
        return;
    }
    conf_begin(c, "handfast_upstream_verify");
    conf_word(c, mode);
    conf_end(c);
    if (full) {
        conf_begin(c, "handfast_upstream_trusted");
        conf_value(c, anchors);
        conf_end(c);
    }
    if (b->ssl != NULL && b->ssl->common_name.value != NULL) {
        conf_begin(c, "handfast_upstream_name");
        conf_literal(c, b->ssl->common_name.value);
        conf_word(c, b->ssl->common_name.is_wildcard ? "wildcard" : "");
        conf_end(c);
    }
}

/* The suites of a property, by Java's names, as two lists of OpenSSL's. */
static void settle_property(const char *names, struct text *older, struct text *newer)
{
    char word[128];
    while (*names != '\0') {
        size_t len = strcspn(names, ", :");
        bool fits = bytes_copy(word, sizeof word - 1, bytes_of(names, len));
        word[fits ? len : 0] = '\0';
        struct tls_cipher_name found = tls_cipher_find(word);
        if (len > 0 && found.kind == TLS_NAME_KNOWN) {
            struct text *list = found.is_tls13 ? newer : older;
            text_printf(list, "%s%s", list->len > 0 ? ":" : "", found.openssl);
        }
        names += len;
        names += strspn(names, ", :");
    }
}

static void put_suites(struct writer *w, const struct ssl_settings *settings, unsigned protocols)
{
    struct conf *c = &w->c;
    struct text older = { 0 };
    struct text newer = { 0 };
    settle_property(property_text(w->in->properties, PROPERTY_PROCESSOR_CIPHERS), &older, &newer);
    bool said = settings->ciphers != NULL || settings->suites != NULL;
    const char *ciphers = said ? settings->ciphers : older.len > 0 ? text_str(&older) : NULL;
    const char *suites = said ? settings->suites : newer.len > 0 ? text_str(&newer) : NULL;
    writer_put_ciphers(c, "proxy_ssl_ciphers", ciphers == NULL ? "DEFAULT" : ciphers, protocols);
    if (suites != NULL) {
        conf_begin(c, "proxy_ssl_conf_command Ciphersuites");
        conf_value(c, suites);
        conf_end(c);
    }
    text_deinit(&older);
    text_deinit(&newer);
}

/* Suites of one generation alone mean that the other's protocols are not meant. */
static unsigned protocols_of(const struct writer *w, const struct ssl_settings *settings)
{
    unsigned bits = settings->protocols != 0 ? settings->protocols
                                             : writer_protocols(w, PROPERTY_PROCESSOR_PROTOCOLS);
    unsigned narrowed = bits;
    if (settings->suites != NULL && settings->ciphers == NULL) {
        narrowed = bits & TLS_PROTOCOL_1_3;
    } else if (settings->ciphers != NULL && settings->suites == NULL) {
        narrowed = bits & ~(unsigned)TLS_PROTOCOL_1_3;
    }
    return narrowed != 0 ? narrowed : bits;
}

static enum status put_own_certificate(struct writer *w, const struct certificate_place *at,
                                       const struct backend *b, struct err *err)
{
    char chain[CERTIFICATE_FILE_MAX];
    char key[CERTIFICATE_FILE_MAX];
    TRY(certificates_put_key(at, b->ssl, chain, key, err));
    conf_begin(&w->c, "proxy_ssl_certificate");
    conf_value(&w->c, chain);
    conf_end(&w->c);
    conf_begin(&w->c, "proxy_ssl_certificate_key");
    conf_value(&w->c, key);
    conf_end(&w->c);
    return ST_OK;
}

static enum status put_tls(struct writer *w, const struct backend *b, struct err *err)
{
    struct conf *c = &w->c;
    struct certificate_place at = { w->in->store, w->part, b->proxy->org, b->proxy->env, b->whose };
    char trust[CERTIFICATE_FILE_MAX] = "";
    struct ssl_settings settings = { 0 };
    size_t n_certs = 0;
    bool sni = property_bool(w->in->properties, PROPERTY_PROCESSOR_SNI);
    if (b->ssl != NULL) {
        TRY(ssl_info_settle(b->ssl, w->arena, &settings, err));
        TRY(certificates_put_trust(&at, b->ssl, trust, &n_certs, err));
    }
    if (trust[0] != '\0' && n_certs == 0) {
        return err_set(err, ST_USAGE, "%s: its truststore is empty: no backend could be trusted",
                       b->whose);
    }
    unsigned protocols = protocols_of(w, &settings);
    writer_put_protocols(c, "proxy_ssl_protocols", protocols);
    put_suites(w, &settings, protocols);
    bool v6 = strchr(b->host, ':') != NULL; /* without brackets nginx takes the rest for a port */
    conf_begin(c, "proxy_ssl_name");
    conf_mixed(c, v6 ? "[" : "", b->host, v6 ? "]" : "");
    conf_end(c);
    /* RFC 6066 section 3: an address is no server name. */
    conf_line(c, sni && !host_is_address(b->host) ? "proxy_ssl_server_name on"
                                                  : "proxy_ssl_server_name off");
    put_verify(w, b, trust);
    return says(b, b->ssl == NULL ? CHOICE_NONE : b->ssl->client_auth_enabled)
               ? put_own_certificate(w, &at, b, err)
               : ST_OK;
}

/* --- the location --- */

static void put_time(struct conf *c, const char *directive, uint32_t ms)
{
    conf_begin(c, directive);
    conf_number(c, "", ms, "ms");
    conf_end(c);
}

static void put_host(struct conf *c, const struct backend *b)
{
    char port[16] = "";
    bool usual = b->port == (b->is_tls ? 443 : 80);
    bool v6 = strchr(b->host, ':') != NULL;
    if (!usual) {
        snprintf(port, sizeof port, ":%u", b->port);
    }
    conf_begin(c, "proxy_set_header Host");
    char after[24];
    snprintf(after, sizeof after, "%s%s", v6 ? "]" : "", port);
    conf_mixed(c, v6 ? "[" : "", b->host, after);
    conf_end(c);
}

enum status writer_backend_location(struct writer *w, const struct backend *b, struct err *err)
{
    struct conf *c = &w->c;
    put_time(c, "proxy_connect_timeout", b->connect_timeout_ms);
    put_time(c, "proxy_read_timeout", b->io_timeout_ms);
    put_time(c, "proxy_send_timeout", b->io_timeout_ms);
    conf_line(c, "proxy_set_header Connection \"\"");
    conf_line(c, "proxy_set_header X-Handfast-Vhost \"\"");
    conf_line(c, "proxy_set_header X-Handfast-Client \"\"");
    put_host(c, b);
    writer_module_south(w, b);
    return b->is_tls ? put_tls(w, b, err) : ST_OK;
}
