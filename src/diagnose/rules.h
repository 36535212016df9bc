/*
 * rules: one row for each way in which a failed handshake shows its cause.
 *
 * Precedence is the order of the table: strong evidence first, transport last. A rule sees the
 * transcript through a view and, where it matches, fills the verdict.
 */
#ifndef HANDFAST_DIAGNOSE_RULES_H
#define HANDFAST_DIAGNOSE_RULES_H

#include "diagnose/view.h"

struct rule {
    const char *id; /* stable: shown with the verdict, named by tests */
    bool (*match)(struct judging *j);
    const char *source; /* what makes it true */
};

extern const struct rule rules[];
extern const size_t n_rules;

/* rules_transport.c */
bool match_refused(struct judging *j);
bool match_connect_timeout(struct judging *j);
bool match_stalled(struct judging *j);
bool match_reset(struct judging *j);
bool match_closed(struct judging *j);
bool match_anything(struct judging *j);
/* rules_plaintext.c */
bool match_starttls_refused(struct judging *j);
bool match_plaintext_client(struct judging *j);
bool match_plaintext_server(struct judging *j);
/* rules_hello.c: the server refuses the ClientHello */
bool match_fallback(struct judging *j);
bool match_version(struct judging *j);
bool match_version_silent(struct judging *j);
bool match_alpn(struct judging *j);
bool match_server_name(struct judging *j);
bool match_psk(struct judging *j);
bool match_psk_key(struct judging *j);
bool match_hello_intolerance(struct judging *j);
bool match_offer_refused(struct judging *j);
/* rules_answer.c: the client refuses what the server answered */
bool match_version_answer(struct judging *j);
bool match_legacy_renegotiation(struct judging *j);
bool match_renegotiation(struct judging *j);
bool match_retry_without_group(struct judging *j);
bool match_no_key_exchange(struct judging *j);
bool match_weak_dh(struct judging *j);
bool match_answer_signature(struct judging *j);
bool match_extended_master_secret(struct judging *j);
bool match_ech(struct judging *j);
/* rules_certificate.c */
bool match_client_certificate_missing(struct judging *j);
bool match_client_certificate(struct judging *j);
bool match_server_certificate(struct judging *j);
bool match_certificate_sealed(struct judging *j);
bool match_certificate_asked(struct judging *j);
/* rules_local.c: from inside a process only */
bool match_local_connect(struct judging *j);
bool match_local_verify(struct judging *j);
bool match_local_late(struct judging *j);
bool match_local_error(struct judging *j);
/* Evidence: the policy and the trust in force. */
void local_cite(struct judging *j);
/* rules_peer.c */
bool match_violation(struct judging *j);
bool match_integrity(struct judging *j);
bool match_peer_alert(struct judging *j);

#endif
