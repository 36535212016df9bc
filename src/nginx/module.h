/*
 * module: ngx_http_handfast_module, what its files share.
 *
 * nginx loads it into every process; only workers observe. One thread, one event loop: whatever is
 * called from OpenSSL's callbacks must neither block nor wait. What nginx gives (connections,
 * requests, configuration) is borrowed and lives as nginx says; our strings are ngx_str_t where
 * nginx reads them. Functions and structs begin with hf_; the shared object exports three names
 * (nginx.map).
 *
 * Who is who: each SSL of the http module belongs to a connection of a client (north: we are the
 * server) or of a request to an upstream (south: we are the client). hf_whose_at_start() finds out.
 * The configuration that counts is always a struct hf_loc_conf: north that of the server (the
 * default one until the client has named another), south that of the request's location.
 *
 * The order of things in a handshake that fails, all of it inside nginx's call of
 * SSL_do_handshake(): on_start() in observe.c (before the first message is built: the place to set
 * verification up), the handshake, the verdict (hf_told, put where the request's variables find
 * it), the log line, the zone, the collector; then nginx learns that the handshake failed.
 */
#ifndef HANDFAST_NGINX_MODULE_H
#define HANDFAST_NGINX_MODULE_H

#include <ngx_config.h>

#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_event_openssl.h>
#include <ngx_http.h>

#include "base/bytes.h"
#include "diagnose/verdict.h"
#include "observe/observer.h"

extern ngx_module_t ngx_http_handfast_module;

enum { HF_ID_ROOM = 80, HF_ID_GIVEN_MAX = 128 };

/* --- configuration --- */

enum hf_completed { HF_COMPLETED_OFF, HF_COMPLETED_SAMPLED, HF_COMPLETED_ON };

struct hf_label {
    enum note_fact fact; /* FACT_ORG ... FACT_REVISION; FACT_LABEL for names of one's own */
    ngx_str_t name;
    ngx_http_complex_value_t value;
};

struct hf_main_conf {
    bool is_needed; /* "handfast on" stands somewhere: else nothing is attached */
    bool is_shown;  /* "handfast_status" does */
    ngx_shm_zone_t *zone;
    ngx_str_t collector; /* a path; empty: none */
    ngx_open_file_t *log;
    bool log_is_off;
};

struct hf_loc_conf {
    ngx_flag_t is_on;
    ngx_uint_t completed;         /* enum hf_completed: what the collector gets of these */
    ngx_array_t *labels;          /* struct hf_label; NULL: none */
    ngx_http_complex_value_t *id; /* of the request, where somebody else gave it one; NULL: ours */
};

/* --- verdicts as nginx reads them --- */

/* Of one failed handshake; lives in the pool of its connection (north) or request (south). */
struct hf_told {
    enum direction direction;
    enum cause cause;
    enum actor rejected_by;
    ngx_str_t id; /* the same in the note, the log, the ring */
    ngx_str_t cause_id, detail, rejected_by_id, direction_id, ja4, sentence; /* empty: none */
};

/* --- connections and requests --- */

/* Of a main request; made when first asked for, and the same behind internal redirects. */
struct hf_request {
    ngx_str_t id;          /* $handfast_id */
    ngx_uint_t n_attempts; /* handshakes with upstreams, for it */
    struct hf_told *told;  /* of the last of them that failed, NULL: none */
};

/* NULL without memory. Of a subrequest: its main request's. */
struct hf_request *hf_request_of(ngx_http_request_t *r);

/* Whose an SSL is. Borrowed. */
struct hf_whose {
    enum direction direction; /* DIRECTION_NONE: mail, stream, other modules; all else is NULL */
    ngx_connection_t *c;
    ngx_http_connection_t *hc; /* north */
    ngx_http_request_t *r;     /* south */
    struct hf_loc_conf *conf;
};
/* While its first handshake is at its start, not later: nginx reuses what points back. */
struct hf_whose hf_whose_at_start(const SSL *ssl);
/* Later; `known` is the hc of then, for a client's. DIRECTION_NONE where it is nobody's now. */
struct hf_whose hf_whose_later(const SSL *ssl, ngx_http_connection_t *known);

/* The verdict that a request's client or log should hear of: of its upstream's handshake, else of
 * its own connection's. NULL: nothing failed. */
const struct hf_told *hf_told_of(ngx_http_request_t *r);
/* Keeps it for hf_told_of(). */
void hf_told_keep(const struct hf_whose *w, SSL *ssl, struct hf_told *told);

/* --- ids --- */

/* The random half of every id of this worker. */
void hf_ids_start(void);
/* "PREFIX-CONNECTION" in hex; its length, no NUL behind it. */
size_t hf_connection_id(const ngx_connection_t *c, u_char out[HF_ID_ROOM]);
/* Of a handshake: the connection's or the request's, with the attempt where it is not the first.
 * False without memory. */
bool hf_handshake_id(const struct hf_whose *w, ngx_pool_t *pool, ngx_str_t *out);

/* --- the files --- */

/* observe.c: begins to observe, in a worker that needs it. */
void hf_observe_start(ngx_cycle_t *cycle);

/* label.c */
char *hf_label_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
/* The text of a label here and now, in the pool; empty where it is not known yet. */
ngx_str_t hf_label_text(const struct hf_whose *w, struct hf_label *label);

/* log.c: the line of a failure. */
void hf_log(const struct hf_main_conf *all, const struct hf_whose *w, const struct hf_told *told,
            const struct transcript *t, const struct verdict *v);

/* variables.c */
ngx_int_t hf_variables_add(ngx_conf_t *cf);

/* status.c */
char *hf_status_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

#endif
