/*
 * fix: the rows of fixes.def and how they are chosen.
 *
 * A STEP is for everyone and says what to do and on which side; the HOWs after it say it in the
 * words of one software. report_fix (report.h) picks the steps by cause, detail, party and
 * rejecting side. Of a step's HOWs it takes those of the software that is known (the program
 * watched, the protocol before TLS, the gateway where the direction is known), else the first
 * four that are not bound to such knowledge.
 */
#ifndef HANDFAST_REPORT_FIX_H
#define HANDFAST_REPORT_FIX_H

#include "diagnose/verdict.h"

enum software {
    SOFTWARE_EVERY,
    SOFTWARE_OPENSSL,
    SOFTWARE_NGINX,
    SOFTWARE_HAPROXY,
    SOFTWARE_APACHE,
    SOFTWARE_JAVA,
    SOFTWARE_CURL,
    SOFTWARE_LINUX,
    SOFTWARE_ROUTER,            /* the gateway as a server: northbound */
    SOFTWARE_MESSAGE_PROCESSOR, /* the gateway as a client: southbound */
    SOFTWARE_POSTGRESQL,
    SOFTWARE_MYSQL,
    SOFTWARE_POSTFIX,
    SOFTWARE_DOVECOT,
    SOFTWARE_N
};

struct fix_row {
    enum cause cause;   /* CAUSE_NONE: whatever the cause, by its detail */
    const char *detail; /* NULL: any; a row with a detail hides the rows without, of its cause */
    enum actor party, rejected_by; /* ACTOR_NONE: any */
    enum actor acts;               /* on which side it is done; ACTOR_NONE: anywhere */
    enum software software;        /* SOFTWARE_EVERY: a step; else a HOW of the step before it */
    const char *form;              /* the text, with blanks.h in braces */
};

extern const struct fix_row fix_rows[];
extern const size_t fix_n_rows;

#endif
