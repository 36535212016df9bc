/* What nginx makes of an upstream that cannot be used is a page that says 502 or 504. Here it
 * becomes a fault: the status, code and words of the guide's system. */
#include "nginx/south.h"

enum { BODY_MAX = 1024 };

#define FLOW "messaging.adaptors.http.flow."

struct answer {
    ngx_uint_t status;
    const char *code, *words;
};

/* RFC 9110 section 15 has other words for them than nginx. */
static ngx_str_t line_of(ngx_uint_t status)
{
    static const ngx_str_t lines[] = { ngx_string("408 Request Timeout"),
                                       ngx_string("502 Bad Gateway"),
                                       ngx_string("503 Service Unavailable"),
                                       ngx_string("504 Gateway Timeout") };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        if ((ngx_uint_t)ngx_atoi(lines[i].data, 3) == status) {
            return lines[i];
        }
    }
    return (ngx_str_t)ngx_null_string;
}

enum kind {
    IS_NONE,
    IS_REFUSED, /* by us: its words depend on why */
    IS_UNAVAILABLE,
    IS_HANDSHAKE_TIMEOUT,
    IS_BAD_ANSWER,
    IS_EOF,
    IS_READ_TIMEOUT,
    IS_WRITE_TIMEOUT,
    IS_NO_TARGETS,
    IS_SPENT,       /* the last server that was up has said 503: it has told why */
    IS_FROM_TARGET, /* the backend's own answer, passed on */
    N_KINDS
};

/* clang-format off: a table reads by columns */
static const struct answer kinds[N_KINDS] = {
    [IS_NONE] = { 0, NULL, NULL },
    [IS_REFUSED] = { 503, FLOW "SslHandshakeFailed", NULL },
    [IS_UNAVAILABLE] = { 503, FLOW "ServiceUnavailable", "The Service is temporarily unavailable" },
    [IS_HANDSHAKE_TIMEOUT] = { 502, FLOW "BadGateway", "Bad Gateway" },
    [IS_BAD_ANSWER] = { 502, FLOW "BadGateway", "Bad Gateway" },
    [IS_EOF] = { 502, FLOW "UnexpectedEOFAtTarget", "Unexpected EOF at target" },
    [IS_READ_TIMEOUT] = { 504, FLOW "GatewayTimeout", "Gateway Timeout" },
    [IS_WRITE_TIMEOUT] = { 408, FLOW "RequestTimeOut", "Request timed out" },
    [IS_NO_TARGETS] = { 503, FLOW "NoActiveTargets", "The Service is temporarily unavailable" },
    [IS_SPENT] = { 503, FLOW "ServiceUnavailable", "The Service is temporarily unavailable" },
    [IS_FROM_TARGET] = { 0, FLOW "ErrorResponseCode", NULL },
};
/* clang-format on */

static ngx_http_output_header_filter_pt next_header_filter;
static ngx_http_output_body_filter_pt next_body_filter;

/* --- which --- */

static bool is_unset(ngx_msec_t at)
{
    return at == (ngx_msec_t)-1;
}

/* A handshake was tried at the latest server, and did not end well. */
static enum kind kind_of_handshake(const struct hf_attempt *a, bool is_timeout)
{
    if (a->verify_error != 0 || a->is_not_tls) {
        return IS_REFUSED;
    }
    if (a->is_alerted) {
        return IS_UNAVAILABLE;
    }
    if (a->has_alerted) {
        return IS_REFUSED;
    }
    return is_timeout ? IS_HANDSHAKE_TIMEOUT : IS_EOF;
}

static enum kind kind_of_answer(const ngx_http_upstream_t *u, const struct hf_attempt *a,
                                const ngx_http_upstream_state_t *state, bool is_timeout)
{
    bool is_eof = state->bytes_received == 0 || (a != NULL && a->is_eof);
    if (is_timeout) {
        return u->request_body_sent ? IS_READ_TIMEOUT : IS_WRITE_TIMEOUT;
    }
    return is_eof ? IS_EOF : IS_BAD_ANSWER;
}

/* Servers that were tried. */
static ngx_uint_t n_tries(const ngx_http_request_t *r, const struct hf_attempt *a)
{
    ngx_uint_t n = r->upstream_states == NULL ? 0 : r->upstream_states->nelts;
    bool is_busy = a != NULL && a->busy_at > 0 && a->busy_at == n; /* no further server: no try */
    return is_busy ? n - 1 : n;
}

/* By nginx: it has met the connection, new or kept, and written to it. */
static bool was_begun(const ngx_http_request_t *r, ngx_uint_t try)
{
    const ngx_http_upstream_state_t *states = r->upstream_states->elts;
    return !is_unset(states[try - 1].connect_time);
}

static enum kind kind_of_failure(ngx_http_request_t *r)
{
    const struct hf_attempt *a = hf_attempt_of(r, false);
    ngx_uint_t n = n_tries(r, a);
    if (n == 0) { /* no server that is up; or no address for the name */
        return a != NULL && a->busy_at > 0 ? IS_NO_TARGETS : IS_UNAVAILABLE;
    }
    const ngx_http_upstream_state_t *state = r->upstream_states->elts;
    state = &state[n - 1];
    bool is_busy = r->upstream_states->nelts > n;
    if (is_busy && !is_unset(state->header_time) && state->status == NGX_HTTP_SERVICE_UNAVAILABLE) {
        return IS_SPENT;
    }
    bool is_timeout = state->status == NGX_HTTP_GATEWAY_TIME_OUT;
    bool was_tls = a != NULL && a->number == n;
    if (was_tls && (!a->is_done || a->is_alerted || a->verify_error != 0)) {
        return kind_of_handshake(a, is_timeout);
    }
    if (a != NULL && a->tls_at == n) {
        return IS_BAD_ANSWER;
    }
    if (!was_tls && !was_begun(r, n)) {
        bool is_cut = a != NULL && !is_timeout && (a->is_eof || a->was_connected);
        return is_cut ? IS_EOF : IS_UNAVAILABLE;
    }
    return kind_of_answer(r->upstream, a, state, is_timeout);
}

/* Behind this nginx is another of the gateway's own, which says by itself what went wrong. */
static enum kind kind_at_gateway(const ngx_http_request_t *r)
{
    const ngx_http_upstream_state_t *state = r->upstream->state;
    bool is_late = state != NULL && state->status == NGX_HTTP_GATEWAY_TIME_OUT &&
                   !is_unset(state->connect_time);
    return is_late ? IS_READ_TIMEOUT : IS_UNAVAILABLE;
}

/* nginx's own page for an upstream that gave no answer. A page that somebody configured for it
 * stays as it is. */
static bool is_own_failure(const ngx_http_request_t *r)
{
    const ngx_http_upstream_t *u = r->upstream;
    ngx_uint_t status = r->headers_out.status;
    bool is_page = r->internal && r->error_page;
    return u != NULL && !is_page &&
           (status == NGX_HTTP_BAD_GATEWAY || status == NGX_HTTP_GATEWAY_TIME_OUT) &&
           (u->state == NULL || is_unset(u->state->header_time));
}

/* --- in which words --- */

/* What may stand in JSON and XML as it is. */
static bool is_plain(const ngx_str_t *s)
{
    for (size_t i = 0; i < s->len; i++) {
        u_char c = s->data[i];
        bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!is_letter && !(c >= '0' && c <= '9') && ngx_strchr("._-*:", c) == NULL) {
            return false;
        }
    }
    return s->len > 0;
}

static bool is_address(const ngx_str_t *s)
{
    return ngx_inet_addr(s->data, s->len) != INADDR_NONE ||
           ngx_strlchr(s->data, s->data + s->len, ':') != NULL;
}

static u_char *put_name(u_char *p, u_char *end, const char *text)
{
    ngx_str_t name = { ngx_strlen(text), (u_char *)(uintptr_t)text };
    static const char java[] = "java.security.cert.CertificateException: ";
    if (!is_plain(&name)) {
        return ngx_slprintf(p, end, "%sNo name matching the target found", java);
    }
    if (is_address(&name)) {
        return ngx_slprintf(p, end, "%sNo subject alternative names matching IP address %V found",
                            java, &name);
    }
    return ngx_slprintf(p, end, "%sNo subject alternative DNS name matching %V found.", java,
                        &name);
}

#define VALIDATOR "sun.security.validator.ValidatorException: PKIX path "
#define CERT_PATH "java.security.cert.CertPathValidatorException: "

/* The reasons as the guide's Java has them, so that what reads them goes on reading. */
static u_char *put_reason(u_char *p, u_char *end, const struct hf_attempt *a)
{
    switch (a->verify_error) {
    case X509_V_OK:
        return ngx_slprintf(p, end, "%s",
                            a->is_not_tls ? "javax.net.ssl.SSLException: "
                                            "Unsupported or unrecognized SSL message"
                                          : "javax.net.ssl.SSLHandshakeException: "
                                            "No appropriate protocol or parameters");
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
        return put_name(p, end, a->name);
    case X509_V_ERR_CERT_HAS_EXPIRED:
        return ngx_slprintf(p, end, "java.security.cert.CertificateExpiredException: %s", a->when);
    case X509_V_ERR_CERT_NOT_YET_VALID:
        return ngx_slprintf(p, end, "java.security.cert.CertificateNotYetValidException: %s",
                            a->when);
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_UNTRUSTED:
        return ngx_slprintf(p, end,
                            VALIDATOR "building failed: sun.security.provider.certpath."
                                      "SunCertPathBuilderException: unable to find valid "
                                      "certification path to requested target");
    default:
        return ngx_slprintf(p, end, VALIDATOR "validation failed: " CERT_PATH "%s",
                            X509_verify_cert_error_string(a->verify_error));
    }
}

static size_t put_words(u_char *out, size_t room, enum kind kind, const struct hf_attempt *a)
{
    u_char *end = out + room;
    u_char *p = out;
    if (kinds[kind].words != NULL || a == NULL) {
        p = ngx_slprintf(p, end, "%s", kinds[kind].words == NULL ? "" : kinds[kind].words);
    } else {
        p = ngx_slprintf(p, end, "SSL Handshake failed ");
        p = put_reason(p, end, a);
    }
    return (size_t)(p - out);
}

static bool has_word(const ngx_str_t *text, const char *word)
{
    return ngx_strlcasestrn(text->data, text->data + text->len, (u_char *)(uintptr_t)word,
                            ngx_strlen(word) - 1) != NULL;
}

/* JSON, but for those who ask for XML and not for JSON. */
static bool wants_xml(const ngx_http_request_t *r)
{
    for (const ngx_list_part_t *part = &r->headers_in.headers.part; part != NULL;
         part = part->next) {
        const ngx_table_elt_t *h = part->elts;
        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            bool is_accept = h[i].key.len == 6 &&
                             ngx_strncasecmp(h[i].key.data, (u_char *)(uintptr_t) "Accept", 6) == 0;
            if (is_accept) {
                return has_word(&h[i].value, "/xml") && !has_word(&h[i].value, "/json");
            }
        }
    }
    return false;
}

static ngx_buf_t *make_body(ngx_http_request_t *r, enum kind kind, bool is_xml)
{
    u_char words[BODY_MAX / 2];
    ngx_str_t text = { put_words(words, sizeof words, kind, hf_attempt_of(r, false)), words };
    ngx_buf_t *b = ngx_create_temp_buf(r->pool, BODY_MAX);
    if (b == NULL) {
        return NULL;
    }
    const char *form = is_xml ? "<fault><faultstring>%V</faultstring><detail><errorcode>%s"
                                "</errorcode></detail></fault>"
                              : "{\"fault\":{\"faultstring\":\"%V\",\"detail\":{\"errorcode\":"
                                "\"%s\"}}}";
    b->last = ngx_slprintf(b->last, b->end, form, &text, kinds[kind].code);
    b->last_buf = r == r->main;
    b->last_in_chain = 1;
    return b;
}

/* --- headers --- */

static bool add_header(ngx_http_request_t *r, const char *key, ngx_str_t value)
{
    ngx_table_elt_t *h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return false;
    }
    h->hash = 1;
    h->key = (ngx_str_t){ ngx_strlen(key), (u_char *)(uintptr_t)key };
    h->value = value;
    return true;
}

static bool add_text(ngx_http_request_t *r, const char *key, const char *value)
{
    return add_header(r, key, (ngx_str_t){ ngx_strlen(value), (u_char *)(uintptr_t)value });
}

static bool add_id(ngx_http_request_t *r, const char *key)
{
    static ngx_str_t variable = ngx_string("handfast_id");
    ngx_uint_t hash = ngx_hash_key(variable.data, variable.len);
    const ngx_http_variable_value_t *v = ngx_http_get_variable(r, &variable, hash);
    return v == NULL || v->not_found || add_header(r, key, (ngx_str_t){ v->len, v->data });
}

/* nginx in front reads them through variables, to which "_" is as good as "-". */
static bool is_ours(const ngx_str_t *key)
{
    static const u_char prefix[] = "x-apigee-fault-";
    size_t i = 0;
    while (i < key->len && i < sizeof prefix - 1 &&
           prefix[i] == (key->data[i] == '_' ? '-' : ngx_tolower(key->data[i]))) {
        i++;
    }
    return i == sizeof prefix - 1;
}

/* They are the gateway's word to the proxy in front of it: a backend does not say them. */
static void remove_forged(ngx_http_request_t *r)
{
    for (ngx_list_part_t *part = &r->headers_out.headers.part; part != NULL; part = part->next) {
        ngx_table_elt_t *h = part->elts;
        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            if (is_ours(&h[i].key)) {
                h[i].hash = 0;
            }
        }
    }
}

static bool add_fault_headers(ngx_http_request_t *r, enum kind kind)
{
    remove_forged(r);
    if (kind == IS_NONE) {
        return true;
    }
    return add_text(r, "X-Apigee-fault-code", kinds[kind].code) &&
           add_text(r, "X-Apigee-fault-source", "target") &&
           add_text(r, "X-Apigee-fault-flag", kind == IS_FROM_TARGET ? "false" : "true") &&
           add_text(r, "X-Apigee-fault-policy", "null/null") && add_id(r, "X-Apigee-Message-ID");
}

/* --- the filters --- */

static bool become_fault(ngx_http_request_t *r, enum kind kind)
{
    bool is_xml = wants_xml(r);
    struct hf_attempt *a = hf_attempt_of(r, true);
    ngx_str_t type = is_xml ? (ngx_str_t)ngx_string("application/xml")
                            : (ngx_str_t)ngx_string("application/json");
    if (a == NULL || (a->body = make_body(r, kind, is_xml)) == NULL) {
        return false;
    }
    r->err_status = kinds[kind].status;
    r->headers_out.status = kinds[kind].status;
    r->headers_out.status_line = line_of(kinds[kind].status);
    r->headers_out.content_type = type;
    r->headers_out.content_type_len = type.len;
    r->headers_out.content_type_lowcase = NULL;
    ngx_http_clear_content_length(r);
    r->headers_out.content_length_n = a->body->last - a->body->pos;
    return add_id(r, "X-Handfast-Id");
}

/* The connection stood: over TLS the handshake was over, in clear it needed none. */
static bool tell_trouble(ngx_http_request_t *r, enum kind kind)
{
    static const enum answer_error rows[N_KINDS] = { [IS_READ_TIMEOUT] = ANSWER_LATE,
                                                     [IS_WRITE_TIMEOUT] = ANSWER_REQUEST_LATE,
                                                     [IS_EOF] = ANSWER_CLOSED,
                                                     [IS_BAD_ANSWER] = ANSWER_NOT_HTTP };
    const struct hf_attempt *a = hf_attempt_of(r, false);
    bool was_tls = a != NULL && a->version != 0;
    bool has_stood = was_tls || (r->upstream->ssl == 0 && kind != IS_EOF);
    bool is_known = a != NULL && a->tls_at > 0; /* TLS answered in clear: that was told */
    bool is_told = rows[kind] != ANSWER_FINE && has_stood && !is_known;
    if (is_told) {
        hf_south_tell_trouble(r, rows[kind]);
    }
    return is_told;
}

/* Handshakes have told what became of them, and what came in their place has been told. */
static void tell_of(ngx_http_request_t *r, enum kind kind)
{
    static const struct bytes nothing = { NULL, 0 };
    const struct hf_attempt *a = hf_attempt_of(r, false);
    ngx_uint_t n = n_tries(r, a);
    bool was_tls = a != NULL && a->number > 0 && a->number == n;
    if (kind == IS_NO_TARGETS) {
        hf_south_tell(r, HF_NO_SERVER, nothing);
    } else if (kind == IS_UNAVAILABLE && !was_tls) {
        hf_south_tell(r, n == 0 ? HF_NO_ADDRESS : HF_NOT_CONNECTED, nothing);
    } else if (kind == IS_EOF && r->upstream->ssl == 0) {
        hf_south_tell(r, HF_NO_ANSWER, nothing);
    } else if (kind == IS_EOF && !was_tls && !was_begun(r, n)) {
        hf_south_tell(r, HF_CLOSED, nothing);
    } else if (kind == IS_FROM_TARGET && hf_south_wants_tls(r)) {
        hf_south_tell(r, HF_WANTS_TLS, nothing);
    }
}

static bool is_error_of_target(const ngx_http_request_t *r)
{
    const ngx_http_upstream_t *u = r->upstream;
    return r->headers_out.status >= NGX_HTTP_BAD_REQUEST && u->state != NULL &&
           !is_unset(u->state->header_time);
}

static bool fail_at_gateway(ngx_http_request_t *r)
{
    enum kind kind = is_own_failure(r) ? kind_at_gateway(r) : IS_NONE;
    if (kind == IS_NONE) {
        return true;
    }
    if (kind == IS_UNAVAILABLE) {
        hf_south_tell_no_processor(r);
    } else {
        hf_south_tell_trouble(r, ANSWER_PROCESSOR_LATE);
    }
    return become_fault(r, kind);
}

static ngx_int_t on_header(ngx_http_request_t *r)
{
    const struct hf_south_conf *conf =
        ngx_http_get_module_loc_conf(r, ngx_http_handfast_south_module);
    enum kind kind = IS_NONE;
    if (conf->fault == HF_FAULT_OFF || r->upstream == NULL) {
        return next_header_filter(r);
    }
    if (conf->fault == HF_FAULT_GATEWAY) {
        return fail_at_gateway(r) ? next_header_filter(r) : NGX_ERROR;
    }
    if (is_own_failure(r)) {
        kind = kind_of_failure(r);
        if (!become_fault(r, kind)) {
            return NGX_ERROR;
        }
    } else if (conf->fault != HF_FAULT_NESTED && is_error_of_target(r)) {
        kind = IS_FROM_TARGET;
    }
    if (!tell_trouble(r, kind)) {
        tell_of(r, kind);
    }
    bool has_headers =
        conf->fault == HF_FAULT_HEADERS || (conf->fault == HF_FAULT_NESTED && kind != IS_NONE);
    if (has_headers && !add_fault_headers(r, kind)) {
        return NGX_ERROR;
    }
    return next_header_filter(r);
}

static ngx_int_t on_body(ngx_http_request_t *r, ngx_chain_t *in)
{
    struct hf_attempt *a = hf_attempt_of(r, false);
    if (a == NULL || a->body == NULL || in == NULL) {
        return next_body_filter(r, in);
    }
    for (ngx_chain_t *at = in; at != NULL; at = at->next) { /* nginx's own page is not sent */
        at->buf->pos = at->buf->last;
    }
    ngx_chain_t *out = ngx_alloc_chain_link(r->pool);
    if (out == NULL) {
        return NGX_ERROR;
    }
    out->buf = a->body;
    out->next = NULL;
    a->body = NULL;
    return next_body_filter(r, out);
}

void hf_fault_install(void)
{
    next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = on_header;
    next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = on_body;
}
