/*
 * certificate_blame: which fault of a chain explains a refusal, and how that is said.
 *
 * Internal to diagnose. An alert is read through what it means by RFC 8446 section 6.2 and through
 * what stacks are known to send; a chain through its judgement.
 */
#ifndef HANDFAST_DIAGNOSE_CERTIFICATE_BLAME_H
#define HANDFAST_DIAGNOSE_CERTIFICATE_BLAME_H

#include "diagnose/view.h"

/* Does the alert speak of a certificate by its definition; is it one that some stack sends for one?
 */
bool alert_is_about_certificate(uint8_t code);
bool alert_may_be_about_certificate(uint8_t code);
/* Does the alert name this fault by its definition? */
bool alert_names_fault(uint8_t code, enum x509_fault_kind fault);
/* The fault of `owner`'s chain that explains the end best; NULL where none does. */
const struct x509_fault *certificate_choose_fault(const struct judging *j, enum side owner);
/* Each fills the verdict and returns true. */
bool certificate_blame_fault(struct judging *j, enum side owner, const struct x509_fault *fault);
/* The chain shows no fault that the alert could mean, or cannot be read. */
bool certificate_blame_by_alert(struct judging *j, enum side owner, uint8_t code);
/* The server's chain is encrypted; another connection may have shown it. */
bool certificate_blame_seen_elsewhere(struct judging *j, uint8_t code);

#endif
