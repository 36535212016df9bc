/*
 * south: what the module does to the handshakes with upstreams, beside watching them.
 *
 * nginx looks at an upstream's certificate when the handshake is over, so that the upstream never
 * learns that it was refused, and its one name serves for SNI and certificate alike. Here the
 * verification runs inside the handshake (the upstream gets OpenSSL's fatal alert for the fault:
 * unknown_ca, certificate_expired, bad_certificate for a name ...), name and chain are chosen
 * apart, and the certificate's name may differ from the one that was asked for.
 *
 * It hangs on the SSL_CTX of each proxied location, not on the observer: it holds where nothing is
 * watched, and where memory is short it refuses.
 *
 * Sessions and kept-alive connections. What a location demands of an upstream is summed up in 32
 * bytes (hf_demand): mode, anchors, name, SNI, own certificate, protocols and ciphers. They become
 * the session id context of each SSL (RFC 5246 says nothing of it on the client's side, OpenSSL
 * keeps it with the session): a session made under other demands is not offered. A kept-alive
 * connection remembers them too, and is closed instead of being used under others.
 */
#ifndef HANDFAST_NGINX_SOUTH_H
#define HANDFAST_NGINX_SOUTH_H

#include "nginx/module.h"
#include "transcript/transcript.h"

extern ngx_module_t ngx_http_handfast_south_module;

enum {
    HF_VERIFY_LEAVE, /* nothing was said: as nginx does it */
    HF_VERIFY_OFF,
    HF_VERIFY_NAME,  /* the name, whoever signed it */
    HF_VERIFY_CHAIN, /* the chain, whatever the name */
    HF_VERIFY_FULL,
};

enum {
    HF_FAULT_OFF,
    HF_FAULT_BODY,
    HF_FAULT_HEADERS,
    HF_FAULT_NESTED,
    HF_FAULT_GATEWAY,
};

enum { HF_DEMAND_BYTES = 32, HF_NAME_MAX = 255 };

/* Trust anchors of one file; lives as long as the configuration. Any certificate in it is an
 * anchor, root or not. */
struct hf_trust {
    ngx_str_t path;
    X509_STORE *store;
    u_char digest[HF_DEMAND_BYTES]; /* of the certificates, in order */
};

struct hf_expected {
    ngx_http_complex_value_t value;
    bool is_wildcard;
};

/* The demand that was worked out last, and for which upstream name (u->ssl_name). */
struct hf_known {
    size_t name_len; /* 0: none yet */
    u_char name[HF_NAME_MAX];
    u_char demand[HF_DEMAND_BYTES];
};

struct hf_south_conf {
    struct hf_known *known; /* only counts where is_fixed */
    ngx_uint_t verify;
    ngx_str_t trusted;
    struct hf_trust *trust;
    struct hf_expected *expected; /* NULL: the name that nginx would check */
    ngx_msec_t tls_timeout;       /* 0: what is left of proxy_connect_timeout */
    ngx_uint_t fault;
    bool is_fixed; /* no variable in it: the same demands for each request, per upstream name */
};

/* What is remembered of a connection to an upstream; lives in the connection's pool. */
struct hf_seal {
    const struct hf_south_conf *conf;
    u_char demand[HF_DEMAND_BYTES];
    char name[HF_NAME_MAX + 1]; /* that the certificate must have; empty: none would do */
    ngx_str_t upstream;         /* u->ssl_name when it was made */
    bool is_pattern;            /* given by handfast_upstream_name */
    bool is_name_checked;
};

/* The latest handshake for a request, kept in the request's pool. */
struct hf_attempt {
    ngx_uint_t number;          /* r->upstream_states->nelts at its start; 0: none yet */
    ngx_uint_t busy_at;         /* likewise, when no server was found; 0: never */
    ngx_uint_t tls_at;          /* likewise, when TLS answered a request in clear; 0: never */
    bool is_done;               /* the handshake is over */
    bool is_alerted;            /* by the upstream */
    bool has_alerted;           /* we gave up */
    bool is_not_tls;            /* what came was none */
    uint8_t address[20];        /* of the server, as FACT_PEER has it: nginx forgets it */
    size_t address_len;         /* 0: none of the Internet's */
    bool is_nobody;             /* the gateway's place for a name without an address */
    bool is_unanswered;         /* no segment came back when it was connected to */
    bool is_eof;                /* closed, or reset, when nginx gave it up */
    bool was_connected;         /* and closed by the upstream before nginx looked */
    bool was_reset;             /* by the upstream, then */
    uint16_t version, suite;    /* of the connection that it gave up; 0: no handshake done */
    long verify_error;          /* X509_V_ERR_ for which we refused; 0: none */
    char when[32];              /* the date for which it was refused; may be empty */
    char name[HF_NAME_MAX + 1]; /* that was expected; empty: none */
    ngx_buf_t *body;            /* of the fault that is about to be sent */
};

/* Of a request at its upstream: the module's context. */
struct hf_south_request {
    struct hf_attempt *attempt; /* NULL: none yet */
    /* What south_answer.c took the place of */
    ngx_int_t (*process_header)(ngx_http_request_t *r);
    ngx_int_t (*reinit)(ngx_http_request_t *r);
};

/* Tells the observer where the trust anchors of each store come from. */
void hf_south_note_trust(struct observer *o, ngx_cycle_t *cycle);

/* NULL without memory when `make`, or where there is none. */
struct hf_attempt *hf_attempt_of(ngx_http_request_t *r, bool make);

/* south_demand.c */
/* The name that the certificate must have; false: none can be told. */
bool hf_south_name(ngx_http_request_t *r, const struct hf_south_conf *conf, ngx_str_t *out);
bool hf_south_demand(ngx_http_request_t *r, const struct hf_south_conf *conf,
                     u_char out[HF_DEMAND_BYTES]);
/* What of an SSL_CTX belongs to the demands; at configuration time. */
bool hf_south_ctx_digest(SSL_CTX *ctx, u_char out[HF_DEMAND_BYTES]);

/* south_trust.c: loads, or finds loaded. */
struct hf_trust *hf_trust_load(ngx_conf_t *cf, ngx_array_t *known, ngx_str_t *path);

/* south_handshake.c: hangs on a location's SSL_CTX; `digest` as above, in the cycle's pool. */
ngx_int_t hf_south_hook(ngx_conf_t *cf, SSL_CTX *ctx);
/* Of the upstream's connection; NULL: it was made without demands. */
struct hf_seal *hf_seal_of(const ngx_connection_t *c);
const u_char *hf_south_ctx_digest_of(SSL_CTX *ctx);

/* Of an upstream block: what we took the place of. */
struct hf_south_block {
    ngx_http_upstream_init_peer_pt init;
};

/* south_peer.c: guards kept-alive connections of each upstream block. */
void hf_south_guard(ngx_conf_t *cf);

/* south_answer.c: what comes before the handshake is no answer, nor is TLS to a request in clear.
 * `own` must be the request's context. */
void hf_south_watch_answer(ngx_http_request_t *r, struct hf_south_request *own);
/* What the kernel has seen of a connection. */
struct hf_tcp {
    bool is_known;
    uint8_t state; /* TCP_CLOSE: a reset came, or none ever was */
    uint64_t bytes_in;
    uint32_t segments_in;
};
/* A try has failed: did bytes come before its handshake? */
void hf_south_look_back(ngx_http_request_t *r, const ngx_connection_t *c, const struct hf_tcp *tcp);

/* south_untold.c: faults without a handshake have their verdict too. */
enum hf_untold {
    HF_NO_SERVER,     /* none of the upstream's is used now */
    HF_NO_ADDRESS,    /* of the name */
    HF_NOT_CONNECTED, /* TCP */
    HF_CLOSED,        /* before the handshake began */
    HF_SPOKE_FIRST,   /* likewise; not TLS, or an alert */
    HF_NO_ANSWER,     /* to a request in clear */
    HF_WANTS_TLS,     /* says so, in answer to a request in clear */
};
/* `said`: the bytes of HF_SPOKE_FIRST and HF_WANTS_TLS; empty: what nginx read with the header. */
void hf_south_tell(ngx_http_request_t *r, enum hf_untold what, struct bytes said);
/* {type 21, version, length 2, level, description}: RFC 8446 section 6. */
bool hf_is_alert(struct bytes said);
/* The backend's own 400 says that it expected TLS. */
bool hf_south_wants_tls(const ngx_http_request_t *r);

/* south_trouble.c: the connection stood, and the request came to nothing; the Router found no
 * Message Processor. */
void hf_south_tell_trouble(ngx_http_request_t *r, enum answer_error why);
void hf_south_tell_no_processor(ngx_http_request_t *r);

/* fault.c: filters that turn nginx's own 502 and 504 into faults. */
void hf_fault_install(void);

#endif
