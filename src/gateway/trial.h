/*
 * trial: one handshake of our own with a backend, set up as the Message Processor sets up its own,
 * and seen by the same observer: so that a diagnosis says what a request would meet.
 *
 * Blocks its thread, at most `timeout_ms`; nothing is sent but the handshake. A handshake that went
 * well is watched a moment longer, for in TLS 1.3 a server refuses a client's certificate after it.
 * Several threads may try at once; TRIALS_MAX of them do, more are told that it is busy.
 */
#ifndef HANDFAST_GATEWAY_TRIAL_H
#define HANDFAST_GATEWAY_TRIAL_H

#include <stdbool.h>

#include "base/bytes.h"
#include "base/status.h"

enum { TRIALS_MAX = 8, TRIAL_TIMEOUT_MS = 10000, TRIAL_LABELS_MAX = 4 };

enum trial_verify { TRIAL_VERIFY_OFF, TRIAL_VERIFY_NAME, TRIAL_VERIFY_FULL };

/* Borrowed texts. */
struct trial_settings {
    const char *host;
    const char *connect_to; /* an address; NULL: the host's */
    unsigned port;
    bool sends_name; /* SNI, of the host */
    enum trial_verify verify;
    const char *name; /* that the certificate must have; a name or an address */
    bool is_pattern;  /* it is a CommonName: as x509/name_fits.h has it */
    bool is_wildcard;
    const char *trusted_pem; /* anchors, roots or not; NULL: the system's */
    const char *chain_pem;   /* our certificate and its chain; NULL: none */
    struct bytes key_pem;
    unsigned protocols;  /* bits of enum tls_protocol; 0: all */
    const char *ciphers; /* OpenSSL's lists; NULL: its own */
    const char *suites;
    unsigned timeout_ms;                                       /* 0: TRIAL_TIMEOUT_MS */
    const char *direction, *org, *env, *virtual_host, *target; /* for the verdict; NULL: none */
    const char *api, *revision;           /* where it stands in a bundle, then labels */
    const char *labels[TRIAL_LABELS_MAX]; /* "endpoint=default" */
};

struct trial {
    bool is_connected; /* TCP stands; false: `why` says what failed */
    char why[320];
    bool is_good;  /* both sides completed the handshake, and neither took offence after it */
    uint8_t *note; /* of the observer; NULL where nothing was seen */
    size_t note_len;
};

enum trial_status { TRIAL_DONE, TRIAL_BUSY, TRIAL_FAILED };

/* TRIAL_FAILED: our own failure, or settings that OpenSSL refuses; `err` says which. */
enum trial_status trial_run(const struct trial_settings *settings, struct trial *out,
                            struct err *err) NODISCARD;
void trial_deinit(struct trial *t);

#endif
