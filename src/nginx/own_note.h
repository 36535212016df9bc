/*
 * own_note: notes (observe/note.h) that the module writes itself, of what no observer could see:
 * there was no SSL.
 */
#ifndef HANDFAST_NGINX_OWN_NOTE_H
#define HANDFAST_NGINX_OWN_NOTE_H

#include "nginx/module.h"

void hf_note_put(struct note *n, struct note_entry e, struct bytes body);
void hf_note_fact(struct note *n, enum note_fact fact, struct bytes body);
/* FACT_PEER or FACT_LOCAL; nothing for what is no address of the Internet. */
void hf_note_address(struct note *n, enum note_fact fact, const struct sockaddr *sa);
/* The program, the id, the direction and the labels. */
void hf_note_place(struct note *n, const struct hf_whose *w);
/* To the verdict and the collector; the note is gone then. */
void hf_note_send(struct note *n, const struct hf_whose *w, bool is_server);
/* To the collector alone: no handshake failed. */
void hf_note_send_on(struct note *n, const struct hf_whose *w);

/* The body of FACT_PEER and FACT_LOCAL: family, port, address; its length, 0 for other families. */
enum { HF_ADDRESS_BYTES = 1 + 2 + 16 };
size_t hf_address(const struct sockaddr *sa, uint8_t out[HF_ADDRESS_BYTES]);

#endif
