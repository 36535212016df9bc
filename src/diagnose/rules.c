#include "diagnose/rules.h"

/* clang-format off: a table reads by columns */
const struct rule rules[] = {
    { "tcp/refused", match_refused, "RFC 9293 3.5.2" },
    { "tcp/unanswered", match_connect_timeout, "RFC 9293 3.8.3" },
    { "prelude/refused", match_starttls_refused,
      "RFC 3207, RFC 2595, RFC 4217, PostgreSQL SSLRequest" },
    { "plaintext/client", match_plaintext_client, "RFC 8446 5.1" },
    { "plaintext/server", match_plaintext_server, "RFC 8446 5.1" },
    { "version/fallback", match_fallback, "RFC 7507 3" },
    { "version/alert", match_version, "RFC 8446 4.2.1, 6.2" },
    { "version/answer", match_version_answer, "RFC 8446 4.2.1, RFC 5246 E.1" },
    { "alpn/alert", match_alpn, "RFC 7301 3.2" },
    { "psk/identity", match_psk, "RFC 8446 4.2.11, 6.2" },
    { "sni/name", match_server_name, "RFC 6066 3, RFC 8446 9.2" },
    { "session/renegotiation", match_renegotiation, "RFC 5246 7.4.1.1, RFC 5746" },
    { "ech/required", match_ech, "RFC 9849 6.1.6" },
    { "certificate/missing", match_client_certificate_missing, "RFC 5246 7.4.6, RFC 8446 4.4.2.4" },
    { "peer/violation", match_violation, "RFC 8446 6.2" },
    { "psk/key", match_psk_key, "RFC 4279 2" },
    { "session/no-secure-renegotiation", match_legacy_renegotiation, "RFC 5746 3.4, 4.1" },
    { "answer/weak-dh", match_weak_dh, "RFC 7919, RFC 9325 4.4" },
    { "answer/signature", match_answer_signature, "RFC 5246 7.4.3, RFC 8446 4.4.3" },
    { "certificate/client", match_client_certificate, "RFC 5280 6, RFC 8446 6.2" },
    { "certificate/server", match_server_certificate, "RFC 5280 6, RFC 9525, RFC 8446 6.2" },
    { "certificate/sealed", match_certificate_sealed, "RFC 8446 5.2, 6" },
    { "certificate/asked", match_certificate_asked, "RFC 5246 7.4.4, RFC 8446 4.3.2" },
    { "answer/no-extended-master-secret", match_extended_master_secret, "RFC 7627 5.3" },
    { "peer/integrity", match_integrity, "RFC 8446 6.2" },
    { "hello/intolerance", match_hello_intolerance, "RFC 8446 E.2, RFC 7685" },
    { "version/silent", match_version_silent, "RFC 5246 E.1" },
    { "hello/refused", match_offer_refused, "RFC 8446 6.2, 9.1" },
    { "peer/alert", match_peer_alert, "RFC 8446 6.2" },
    { "transport/stalled", match_stalled, "RFC 9293 3.8.1, RFC 6298" },
    { "transport/reset", match_reset, "RFC 9293 3.5.2" },
    { "transport/closed", match_closed, "RFC 9293 3.6" },
    { "unknown", match_anything, "no rule above matches" },
};
/* clang-format on */

const size_t n_rules = sizeof rules / sizeof rules[0];
