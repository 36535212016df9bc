/*
 * upload_parts: who is who among certificates for uploads, and the parts that they are sent in.
 *
 * The certificates are judged at MAKE_CERT_NOW. Parts are freed with free((void *)b.p).
 */
#ifndef HANDFAST_TESTS_UPLOAD_PARTS_H
#define HANDFAST_TESTS_UPLOAD_PARTS_H

#include <openssl/bio.h>

#include "make_cert.h"

enum { PART_CERTS_MAX = 6 };

/* LEAF and OTHER are alike but for their keys; NOBODY ends a list. */
enum who {
    NOBODY,
    ROOT,
    ISSUER,
    LEAF,
    OTHER,
    OLD,
    NEW,
    OWN,
    WEAK,
    SOON,
    CLIENT_OF_ROOT,
    PLAIN,
    MAIL,
    N_WHO
};

extern struct made_cert made[N_WHO];

void make_people(void);
void free_people(void);

struct bytes part_of(BIO *bio); /* takes it */
struct bytes certs_pem(const enum who *list, const char *between);
struct bytes key_pem(enum who who, const char *password);
struct bytes traditional_pem(enum who who, const char *password);
/* The first of the list is the leaf. */
struct bytes pkcs12_of(const enum who *list, enum who key, const char *password);

#endif
