#include "transcript/transcript.h"

#include "tls/names.h"

static const char *or_unknown(const char *name)
{
    return name == NULL ? "unknown" : name;
}

const char *event_name(const struct event *e)
{
    static const char *const names[EVENT_N_KINDS] = {
        [EVENT_SYN] = "SYN",
        [EVENT_SYN_ACK] = "SYN/ACK",
        [EVENT_FIN] = "FIN",
        [EVENT_RST] = "RST",
        [EVENT_GAP] = "(missing from the capture)",
        [EVENT_RETRANSMISSION] = "retransmission",
        [EVENT_ICMP] = "ICMP error",
        [EVENT_PLAINTEXT] = "plain text",
        [EVENT_SEALED_ALERT] = "encrypted alert",
        [EVENT_SEALED_HANDSHAKE] = "encrypted handshake message",
        [EVENT_CHANGE_CIPHER_SPEC] = "ChangeCipherSpec",
        [EVENT_APPLICATION_DATA] = "application data",
        [EVENT_HEARTBEAT] = "heartbeat",
        [EVENT_RECORD_FAULT] = "not a TLS record",
        [EVENT_PARTIAL_RECORD] = "incomplete record",
        [EVENT_MALFORMED] = "malformed message",
        [EVENT_UNOPENED] = "record that the keys do not open",
        [EVENT_LIMIT] = "limit reached",
    };
    if (e->kind == EVENT_HANDSHAKE && (e->flags & EVENT_RETRY) != 0) {
        return "HelloRetryRequest";
    }
    if (e->kind == EVENT_HANDSHAKE) {
        return or_unknown(tls_handshake_type_name(e->type));
    }
    if (e->kind == EVENT_ALERT) {
        return or_unknown(tls_alert_name(e->type));
    }
    if (e->kind == EVENT_PRELUDE) {
        return or_unknown(prelude_kind_name((enum prelude_kind)e->level));
    }
    return names[e->kind];
}
