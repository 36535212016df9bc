/*
 * ipfrag: IP fragments, kept until their datagram is whole. Bounded in number, bytes and time.
 *
 * Where fragments overlap the first copy of a byte wins, and so does the first stated end. Time
 * is the capture's. A datagram that is given up is counted, by its fragments.
 *
 * Sources: RFC 791 section 3.2, RFC 8200 section 4.5, RFC 5722 (why overlaps are not to be
 * trusted: we are not the receiver, and only want what it most likely saw).
 */
#ifndef HANDFAST_CAPTURE_IPFRAG_H
#define HANDFAST_CAPTURE_IPFRAG_H

#include "base/net.h"
#include "base/status.h"

struct ipfrag {
    struct endpoint src, dst; /* ports are 0 */
    uint32_t id;
    uint8_t proto; /* IPv4: part of the key; IPv6: that of the first fragment counts */
    uint32_t offset;
    bool has_more;
    struct bytes bytes;
    int64_t at_ns;
};

struct ipfrag_table;

enum status ipfrag_table_new(struct ipfrag_table **out, struct err *err) NODISCARD;
void ipfrag_table_free(struct ipfrag_table *t); /* NULL is fine */
/* A new frame begins: whole datagrams given before are gone. */
void ipfrag_begin(struct ipfrag_table *t);
/* True if this fragment made its datagram whole; *out_whole is borrowed until ipfrag_begin(). */
bool ipfrag_push(struct ipfrag_table *t, const struct ipfrag *piece, struct bytes *out_whole,
                 uint8_t *out_proto);
/* A fragment that cannot be kept: cut by the snap length, or beyond what a datagram can be. */
void ipfrag_drop(struct ipfrag_table *t);
uint64_t ipfrag_n_dropped(const struct ipfrag_table *t);

#endif
