/*
 * observer: sees every handshake of an OpenSSL from inside the process, without touching the
 * program.
 *
 * An ex_data callback runs for every SSL that is made, whoever makes it, and gives it a message
 * callback. What that sees is kept in a note (note.h), bounded, until the handshake has ended; then
 * the note goes to the sink, or is thrown away where nothing failed and nobody asked for more. Once
 * the peer's application data come in everything is taken out again: later requests cost nothing.
 *
 * The rule of a guest: errno and the error queue are as they were; nothing blocks, prints, exits or
 * starts a thread; without memory it observes nothing. The program's own callbacks go on working:
 * those with a getter are called from ours while ours is in place, the message callback, which has
 * none, must be told (observer_take_msg_callback and its like). An SSL belongs to one thread at a
 * time, as OpenSSL asks; the sink may be called from several threads at once.
 *
 * Sources: CRYPTO_get_ex_new_index(3), SSL_set_msg_callback(3), SSL_set_info_callback(3),
 * SSL_set_verify(3), and the code of OpenSSL 1.1.1 and 3.0 where they are silent.
 */
#ifndef HANDFAST_OBSERVE_OBSERVER_H
#define HANDFAST_OBSERVE_OBSERVER_H

#include "observe/calls.h"
#include "observe/note.h"

struct observer_options {
    bool wants_all;  /* completed handshakes too */
    bool wants_keys; /* lines of a key log */
    bool wants_wire; /* bytes as they went over the wire, of the handshake */
    uint8_t key[NOTE_KEY_BYTES];
    const char *program; /* borrowed for ever */
    /* At the start of a connection's first handshake, before anything of it is built or read: who
     * knows whose connection it is says so, and may set more up on the SSL. What is returned comes
     * back with the calls below; NULL: this one is not watched. No function: all are. */
    void *(*at_start)(SSL *s);
    /* A handshake went well, and nobody asked for it with wants_all: is it wanted all the same? No
     * function: no. */
    bool (*wants_good)(void *whose, SSL *s);
    /* The peer's first data come in behind a good handshake: will the program turn the peer away
     * for what its verification said, in words of the protocol above? Then the note ends as if it
     * had left. No function: no. */
    bool (*refuses)(void *whose, SSL *s);
    /* A note is about to go: the time for observer_annotate(). Maybe within SSL_free(). No
     * function: nothing to add. */
    void (*before_sink)(void *whose, SSL *s);
    /* Must not block. The note is borrowed until return. */
    void (*sink)(void *whose, SSL *s, struct bytes note);
};

/* One OpenSSL of this process. */
struct observer;

/* Starts to observe; the same OpenSSL again gives the same observer. NULL where something is
 * missing, or there are too many. `options` of the first call hold for all. Thread-safe. */
struct observer *observer_attach(const struct calls *calls, const struct observer_options *options);
/* The one attached to first, NULL where there is none; and an address within its libcrypto. */
struct observer *observer_first(void);
const void *observer_crypto(const struct observer *o);
/* Sends what is still open: the process ends. */
void observer_exit(void);

/* What the program sets and OpenSSL has no getter for. Each says whether it was taken: then the
 * program's callback must not be set by itself, ours calls it. */
bool observer_take_msg_callback(struct observer *o, SSL *s,
                                void (*cb)(int, int, int, const void *, size_t, SSL *, void *));
void observer_note_ctx_msg_callback(struct observer *o, SSL_CTX *ctx,
                                    void (*cb)(int, int, int, const void *, size_t, SSL *, void *));
bool observer_take_keylog_callback(struct observer *o, SSL_CTX *ctx, SSL_CTX_keylog_cb_func cb);
/* Trust anchors were loaded from there; `fact` is FACT_TRUST_FILE, _DIR or _DEFAULT. */
void observer_note_trust(struct observer *o, X509_STORE *store, enum note_fact fact,
                         const char *path);
void observer_note_ctx_trust(struct observer *o, SSL_CTX *ctx, enum note_fact fact,
                             const char *path);
/* Adds what is known of a connection beside its handshake; `fact` is FACT_ID or one behind it, or
 * FACT_CHECKED_HOST where the program compares names itself, FACT_PEER or FACT_LOCAL where it
 * remembers what a socket forgets, or FACT_LOST (8 bytes). Nothing happens where it is not watched,
 * or not any more. */
void observer_annotate(struct observer *o, const SSL *s, enum note_fact fact, struct bytes text);
/* The program asked OpenSSL whether this certificate names a host or an address, and it does or it
 * does not. */
void observer_note_name(struct observer *o, const X509 *certificate, struct bytes name,
                        bool is_named);
/* The program is about to free, or to reuse, this SSL. */
void observer_before_free(struct observer *o, SSL *s);
void observer_before_clear(struct observer *o, SSL *s);
/* A handshake of a connection that is up is about to begin again. */
void observer_again(struct observer *o, SSL *s);

#endif
