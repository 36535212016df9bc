/*
 * tcp_script: TCP packets written as a line of text, and what the table of connections makes of
 * them as another, so that a test is two strings.
 *
 * A script is packets separated by ';'. A packet is a side and fields:
 *   c s       the client 10.0.0.1:40000 or the server 10.0.0.2:443 sends; c3 is port 40003; C S are
 *             the same ends with IPv6 addresses; t u v: see the table in the source
 *   S A F R   flags (SF: both); the second field, always there, '-' for none
 *   number    the sequence number, third and always there
 *   a=number  acknowledgment (sets no flag)
 *   'text'    payload
 *   cut=n     n further bytes of payload were on the wire
 *   x=n       the packet n times
 *   icmp, big an ICMP error that quotes the packet
 *   drop      the ends are of no known family
 * Each packet is a frame of its own; the first is at 1,000 s, and the clock stands still but for
 * "+ms" or "-ms" in place of a packet. "advance" gives that time to tcp_advance().
 *
 * The answer, words separated by a blank, the number of the stream before '/' where it is not 0:
 *   c.syn s.synack, with ! for a repeat and ~ for another sequence number
 *   c'text' c[3] (a gap) c.fin c.rst c.again (a retransmission) c.icmp c.big end.closed ...
 */
#ifndef HANDFAST_TESTS_TCP_SCRIPT_H
#define HANDFAST_TESTS_TCP_SCRIPT_H

#include "tcp/tcp.h"

struct tcp_script {
    const char *packets;
    struct tcp_limits limits;
    bool show_stats;     /* at the end of each connection, e.g. " c:b5p3r1o0g0u1" and flags */
    bool show_ends;      /* who is client, '?' where that is a guess */
    bool ignore_at_data; /* the layer above loses interest at the first data */
};

/* The answer, to be released with free(); aborts the test on a script that makes no sense. */
char *tcp_script_run(const struct tcp_script *script);

#endif
