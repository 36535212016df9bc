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
 * server) or of a request to an upstream (south: we are the client). hf_whose_of() finds out.
 * The configuration that counts is always a struct hf_loc_conf: north that of the server (the
 * default one until the client has named another), south that of the request's location.
 */
#ifndef HANDFAST_NGINX_MODULE_H
#define HANDFAST_NGINX_MODULE_H

#include <ngx_config.h>

#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_event_openssl.h>
#include <ngx_http.h>

#include "base/bytes.h"
#include "observe/observer.h"

extern ngx_module_t ngx_http_handfast_module;

enum { HF_ID_ROOM = 80, HF_ID_GIVEN_MAX = 128 };
enum hf_direction { HF_NONE, HF_NORTH, HF_SOUTH, HF_N_DIRECTIONS };

/* --- configuration --- */

struct hf_label {
    enum note_fact fact;
    ngx_str_t name;
    ngx_http_complex_value_t value;
};

struct hf_main_conf {
    bool is_needed; /* "handfast on" stands somewhere: else nothing is attached */
};

struct hf_loc_conf {
    ngx_flag_t is_on;
    ngx_array_t *labels;          /* struct hf_label; NULL: none */
    ngx_http_complex_value_t *id; /* of the request, where somebody else gave it one; NULL: ours */
};

/* --- connections and requests --- */

/* Of a main request; made when first asked for. */
struct hf_request {
    ngx_str_t id;          /* $handfast_id */
    ngx_uint_t n_attempts; /* handshakes with upstreams, for it */
};

/* NULL without memory. Of a subrequest: its main request's. */
struct hf_request *hf_request_of(ngx_http_request_t *r);

/* Whose an SSL is. Borrowed; all NULL for HF_NONE (mail, stream, other modules). */
struct hf_whose {
    enum hf_direction direction;
    ngx_connection_t *c;
    ngx_http_connection_t *hc; /* north, before there is a request */
    ngx_http_request_t *r;     /* south */
    struct hf_loc_conf *conf;
};
struct hf_whose hf_whose_of(const SSL *ssl);

/* --- the worker --- */

/* Begins to observe, in a worker that needs it. */
void hf_observe_start(ngx_cycle_t *cycle);
/* The random half of every id of this worker. */
void hf_ids_start(void);
/* "PREFIX-CONNECTION" in hex; its length, no NUL behind it. */
size_t hf_connection_id(const ngx_connection_t *c, u_char out[HF_ID_ROOM]);

/* One note, from inside an OpenSSL call of this worker. */
void hf_note(SSL *ssl, struct bytes note);

#endif
