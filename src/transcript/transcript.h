/*
 * transcript: what happened on one connection, whoever watched it.
 *
 * The one type that every source fills (a capture, a probe, an agent inside a process, the gateway)
 * and that `diagnose` reads. It holds events in the order in which they were seen, and the facts
 * that follow from them. It judges nothing. Everything in it lives in the arena of its maker,
 * except certificate chains, which belong to the x509 store.
 *
 * Times are nanoseconds since the Unix epoch; frames are 1 for the first of the capture and 0 where
 * there are none (probe, agent).
 */
#ifndef HANDFAST_TRANSCRIPT_TRANSCRIPT_H
#define HANDFAST_TRANSCRIPT_TRANSCRIPT_H

#include "base/arena.h"
#include "base/net.h"
#include "tcp/tcp.h"
#include "tls/hello.h"
#include "tls/message.h"
#include "tls/prelude.h"
#include "x509/x509.h"

enum event_kind {
    EVENT_SYN,
    EVENT_SYN_ACK,
    EVENT_FIN,
    EVENT_RST,
    EVENT_GAP,            /* len: bytes the capture lacks */
    EVENT_RETRANSMISSION, /* count: so many in a row */
    EVENT_ICMP,           /* type 1: packet too big; 0: other */
    EVENT_PRELUDE,      /* type: enum prelude_step, level: enum prelude_kind; body: the line seen */
    EVENT_PLAINTEXT,    /* bytes that are no TLS; body: the first of them */
    EVENT_HANDSHAKE,    /* type: HandshakeType; body: the message without its header */
    EVENT_ALERT,        /* level, type: AlertDescription */
    EVENT_SEALED_ALERT, /* an alert record that was not opened; len */
    EVENT_SEALED_HANDSHAKE, /* a handshake record after ChangeCipherSpec that was not opened; len */
    EVENT_CHANGE_CIPHER_SPEC,
    EVENT_APPLICATION_DATA, /* an application_data record: in 1.3 it may hold anything; len, count
                             */
    EVENT_HEARTBEAT,
    EVENT_RECORD_FAULT,   /* type: enum tls_record_fault; body: the bytes there */
    EVENT_PARTIAL_RECORD, /* the direction ended within a record; type: content type; len */
    EVENT_MALFORMED, /* a message that contradicts its format; type: HandshakeType; text: where */
    EVENT_UNOPENED,  /* keys were there and the record did not authenticate; len */
    EVENT_LIMIT,     /* a limit was reached; text says which */
    EVENT_N_KINDS
};

enum event_flag {
    EVENT_ENCRYPTED = 1, /* on the wire; opened with keys or seen from inside */
    EVENT_SSLV2 = 2,
    EVENT_REPEAT = 4,      /* the same again (SYN, a ClientHello sent twice) */
    EVENT_SEQ_DIFFERS = 8, /* a further SYN or SYN/ACK with another sequence number */
    EVENT_INFERRED = 16,   /* concluded from size, order and timing, not read */
    EVENT_RETRY = 32,      /* a ServerHello that is a HelloRetryRequest (RFC 8446 4.1.4) */
};

struct event {
    uint8_t kind;  /* enum event_kind */
    uint8_t side;  /* enum side: who sent it */
    uint8_t flags; /* enum event_flag */
    uint8_t type;
    uint8_t level;
    uint16_t version; /* of the record, 0 where none; EVENT_PRELUDE: the port asked of a proxy */
    uint32_t len;     /* on the wire: record length, gap length */
    uint32_t count;   /* at least 1 */
    struct when when; /* of the frame with its last byte (the first of a series) */
    struct when last; /* of a series: the last one */
    struct bytes body;
    const struct x509_chain *chain; /* of a Certificate message that parsed; else NULL */
    const char *text;               /* NULL or a literal that says more */
};

enum transcript_source { SOURCE_CAPTURE, SOURCE_PROBE, SOURCE_AGENT, SOURCE_GATEWAY };

/* What one side showed. */
struct side_facts {
    struct tcp_side_stats tcp;
    bool is_silent; /* not one packet of this side was captured */
    bool sent_tls;  /* at least one valid TLS record */
    bool finished;  /* its Finished was sent: read, or inferred from records */
    bool finished_is_inferred;
    bool sent_application_data; /* after its Finished, beyond tickets and alerts */
    uint64_t application_bytes; /* of records of type application_data, in all */
    uint32_t n_application_records;
    bool close_notify;    /* read, or inferred */
    bool has_certificate; /* a Certificate message was seen, empty or not */
    bool certificate_is_empty;
    bool certificate_unreadable; /* compressed by an algorithm that is not known here, or malformed
                                  */
    const struct x509_chain *chain; /* NULL where none was seen */
    struct bytes ocsp_response;
    const struct event *certificate_event;
    const struct event *fatal_alert; /* the first fatal one read (close_notify is none) */
    const struct event *first_alert; /* of any level, close_notify included */
    const struct event
        *sealed_alert; /* the first that was not opened, or inferred from a record's size */
    const struct event *fin, *rst;
    const struct event *plaintext;
    const struct event *last_data;         /* its last event that carried bytes */
    uint16_t certificate_verify_algorithm; /* 0 where none was read */
};

enum { LOCAL_PLACES_MAX = 8, LOCAL_FAULTS_MAX = 8 };

/* One entry of a TLS library's error queue; numbers are OpenSSL's. */
struct local_error {
    uint32_t lib, reason; /* ERR_LIB_*, and SSL_R_* where that is ERR_LIB_SSL; 0: none */
};

/* A fault that the verification met, in its order. */
struct local_fault {
    int error;                      /* X509_V_ERR_* */
    int depth;                      /* 0: the leaf */
    bool is_accepted;               /* the program's own callback took it all the same */
    const struct x509_chain *chain; /* the certificate at fault alone; NULL where not known */
};

/* Why a program had no connection to speak TLS over. */
enum connect_error {
    CONNECT_FINE,
    CONNECT_REFUSED,     /* by a reset */
    CONNECT_UNREACHABLE, /* so the network said, or the system */
    CONNECT_TIMEOUT,
    CONNECT_NO_ADDRESS,   /* of the name */
    CONNECT_NONE_LEFT,    /* each of the servers it could have gone to is left out for now */
    CONNECT_NO_PROCESSOR, /* the gateway's own: its Message Processor was not there, or left */
    N_CONNECT_ERRORS,
};

/* What became of a request on a connection that stood. */
enum answer_error {
    ANSWER_FINE,
    ANSWER_LATE,
    ANSWER_REQUEST_LATE, /* the peer did not take it in time */
    ANSWER_CLOSED,       /* by the peer, before it had answered */
    ANSWER_NOT_HTTP,
    ANSWER_PROCESSOR_LATE, /* the gateway's own Message Processor */
    N_ANSWER_ERRORS,
};

/* What the gateway calls that which a connection belongs to. */
enum gateway_name {
    GATEWAY_NAME_ORG,
    GATEWAY_NAME_ENV,
    GATEWAY_NAME_VIRTUAL_HOST,
    GATEWAY_NAME_TARGET_SERVER, /* none where the URL stands in a bundle */
    GATEWAY_NAME_KEYSTORE,      /* of its own certificate, and how it names it: "ref://..." */
    GATEWAY_NAME_KEYSTORE_WORD,
    GATEWAY_NAME_KEY_REFERENCE,
    GATEWAY_NAME_KEY_ALIAS,
    GATEWAY_NAME_TRUSTSTORE, /* that the other side's certificate is checked by */
    GATEWAY_NAME_TRUSTSTORE_WORD,
    GATEWAY_NAME_NEW_KEYSTORE, /* names that nobody has; set where all of this was looked up */
    GATEWAY_NAME_NEW_TRUSTSTORE,
    GATEWAY_NAME_NEW_ALIAS, /* in the truststore */
    N_GATEWAY_NAMES,
};

/* What only an inside view has: what the program was set to and what its library made of it. */
struct local_facts {
    enum side side;     /* the one that the program played */
    const char *called; /* "the Message Processor", "nginx"; NULL: "the program" */
    const char *gateway[N_GATEWAY_NAMES]; /* NULL where not known */
    const char *openssl;                  /* "OpenSSL 3.0.15 3 Sep 2024", NULL where not known */
    uint32_t pid;

    bool is_done;      /* the library said that the handshake is over */
    bool is_given_up;  /* the library said that it failed */
    bool peer_closed;  /* the program met the end of the peer's bytes */
    bool end_is_guess; /* the peer left, and whether by FIN or RST nobody saw */
    bool has_waited;   /* as long as it was told to, and gave up */
    int system_error;  /* errno of the system call that failed, 0 where none did */
    int verify_result; /* X509_V_ERR_* when all was over, 0 where good or not reached */
    size_t n_faults;
    struct local_fault faults[LOCAL_FAULTS_MAX];
    struct local_error oldest, newest; /* of the error queue when it failed */
    enum connect_error connect_error;  /* nothing else happened then */
    enum answer_error answer_error;    /* otherwise all went well; is_done: over TLS */
    uint16_t answer_version, answer_suite;

    /* In force; has_policy: these are known */
    bool has_policy;
    uint16_t min_version, max_version; /* 0: what the library has */
    int security_level;                /* -1: not known */
    bool has_no_certificate;           /* a server's: it could show none */
    unsigned verify_mode;              /* SSL_VERIFY_* */
    uint64_t verify_flags;             /* X509_V_FLAG_* */
    const char *checked_host;          /* that the library was told to check, NULL where none */
    const char *sought_host;    /* whose address was looked for in vain, NULL where not known */
    struct bytes cipher_suites; /* u16 list; empty where not known */

    /* Names that the program itself asked OpenSSL for after the handshake, X509_check_host(3) */
    const char *refused_name; /* the first that the peer's certificate lacks, NULL where none */
    bool found_name;          /* it has another that was asked for */

    /* Trust: what the verification of the peer's certificate went by */
    bool has_anchor_count;
    uint64_t n_anchors; /* certificates in the store */
    size_t n_places;
    const char *places[LOCAL_PLACES_MAX]; /* files and directories it was loaded from */
    bool default_places;                  /* the library's own were asked for */
};

/* The name that the program looked for in the peer's certificate in vain, NULL where none. */
static inline const char *local_refused_name(const struct local_facts *l)
{
    return l->found_name ? NULL : l->refused_name;
}

struct transcript {
    enum transcript_source source;
    bool is_dtls;
    struct endpoint client, server;
    bool client_is_guess; /* no SYN and nothing in the content says who is who */
    uint64_t stream;
    const char *capture; /* the file it is from, NULL where none */
    struct when first, last;
    enum tcp_end_reason end_reason;

    struct event *events;
    size_t n_events;
    uint64_t n_events_dropped;

    /* What the evidence lacks */
    bool starts_in_middle;     /* no SYN of the client */
    bool tls_starts_in_middle; /* the first TLS bytes seen are not a hello's */
    bool has_gap;              /* a gap before the handshake was over */
    bool is_snap_truncated;
    bool capture_dropped; /* the capture itself says that frames were lost */

    struct side_facts side[2]; /* by enum side */

    /* Before TLS */
    enum prelude_kind prelude; /* the last one met */
    const struct event *prelude_refusal, *prelude_not_offered, *prelude_clear, *prelude_request,
        *prelude_accepted;
    struct endpoint proxied_client; /* PROXY protocol, family 0 where none */
    const char *proxied_host;       /* CONNECT, SOCKS */

    /* Negotiation. Hellos are NULL where not seen (or not parsed). */
    const struct tls_client_hello *hello;       /* the first */
    const struct tls_client_hello *retry_hello; /* the one after HelloRetryRequest */
    const struct tls_server_hello *hello_retry, *server_hello;
    const struct event *hello_event, *retry_hello_event, *hello_retry_event, *server_hello_event;
    struct fault hello_fault, server_hello_fault;
    const char *server_name;    /* sent by the client; NULL where none */
    uint16_t version;           /* negotiated, 0x0304 for drafts too; 0 before a ServerHello */
    uint16_t version_on_wire;   /* as sent: drafts kept */
    uint16_t cipher_suite;      /* valid where server_hello is */
    uint16_t group;             /* of the key exchange, 0 where none or not seen */
    struct bytes alpn_selected; /* empty where none or not seen */
    bool is_resumed;            /* by session id, ticket or PSK */
    bool psk_offered, psk_accepted;
    bool early_data_offered, early_data_accepted;
    bool ech_offered;
    bool hello_is_repeated; /* the same ClientHello twice */
    bool is_renegotiation;  /* a second handshake was begun after the first was over */
    const struct event *renegotiation_event; /* its first message */

    const struct tls_server_key_exchange *server_key_exchange;
    const struct event *server_key_exchange_event;
    const struct tls_certificate_request
        *certificate_request; /* client authentication was asked for */
    const struct event *certificate_request_event;
    bool server_hello_done, client_key_exchange;
    bool has_ticket; /* NewSessionTicket read or inferred */

    bool is_decrypted; /* keys opened the handshake */
    bool keys_failed;  /* keys were there and did not open it */

    const struct event *first_end; /* first of fatal alert, FIN, RST: who ended it */
    const struct event *violation; /* the first message that the state table does not allow, or
                                      RECORD_FAULT/MALFORMED */
    const char *violation_text;    /* what is wrong with it, with the RFC's section */
    enum side violation_side;

    /* From inside a process only (agent, gateway); NULL in captures */
    const char *program; /* the program observed */
    const struct local_facts *local;
};

/* TLS 1.3 or DTLS 1.3 was negotiated: the handshake is encrypted behind the ServerHello. */
static inline bool transcript_is_tls13(const struct transcript *t)
{
    return tls_format_version(t->version) == 0x0304;
}

const char *
event_name(const struct event *e); /* "ClientHello", "Alert handshake_failure", "FIN" ... */

#endif
