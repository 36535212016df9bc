/* Any bytes as a chain: facts and judgements come without a crash, the second answer is the first,
 * and nothing is valid or anchored that no trusted key signed. */
#include <stdio.h>
#include <stdlib.h>

#include "x509/x509.h"

enum { CERTS_MAX = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A certificate of the DER's own length; what is no SEQUENCE takes all that is left. */
static size_t cut(struct bytes left, struct bytes *out)
{
    size_t len = left.len;
    if (left.len > 4 && left.p[0] == 0x30 && left.p[1] == 0x82) {
        size_t inner = (size_t)load_be16(left.p + 2) + 4;
        len = inner < left.len ? inner : left.len;
    }
    *out = bytes_head(left, len);
    return len;
}

static void promise(bool is_kept, const char *what)
{
    if (!is_kept) {
        fprintf(stderr, "broken promise: %s\n", what);
        abort();
    }
}

static void check_facts(const struct x509_chain *chain)
{
    for (size_t i = 0; i < x509_chain_n(chain); i++) {
        const struct x509_facts *f = x509_chain_facts(chain, i);
        promise(f->subject != NULL && f->issuer != NULL && f->common_name != NULL,
                "names are text");
        promise(f->n_names <= X509_NAMES_MAX && f->n_names <= f->n_all_names, "names are limited");
        promise(f->name_constraints != NULL && f->n_eku <= X509_EKUS_MAX, "lists are limited");
        promise(x509_chain_java(chain, i)->subject != NULL, "Java's words are text");
        promise(f->is_parsed || f->n_names == 0, "what is not parsed has no facts");
        promise(!f->is_self_signed || f->is_self_issued, "self-signed is self-issued");
    }
}

static void check_judgement(const struct x509_chain *chain, const struct x509_judgement *j)
{
    promise(!j->is_valid || j->n_faults == 0, "valid has no faults");
    promise(!j->has_anchor, "nobody here has a key of the anchor");
    promise(!j->trust_is_known || !j->is_valid, "never valid without an anchor");
    for (size_t i = 0; i < j->n_faults; i++) {
        const struct x509_fault *f = &j->faults[i];
        promise(f->detail != NULL && f->detail[0] != '\0', "a fault says what it is");
        promise(f->culprit <= 0 || f->culprit < (int)x509_chain_n(chain), "a culprit is there");
        bool is_in_order =
            i == 0 || j->faults[i - 1].is_minor < f->is_minor ||
            (j->faults[i - 1].is_minor == f->is_minor && j->faults[i - 1].kind <= f->kind);
        promise(is_in_order, "faults are in order");
    }
}

/* Its private key was thrown away. */
static const char anchor[] = "-----BEGIN CERTIFICATE-----\n"
                             "MIIBgjCCASegAwIBAgIUXYoVSlZeb1QuZvZ03h7KEYIJl+UwCgYIKoZIzj0EAwIw\n"
                             "FjEUMBIGA1UEAwwLRnV6eiBBbmNob3IwHhcNMjYxMTIzMTYwMDQ0WhcNNDYxMTE4\n"
                             "MTYwMDQ0WjAWMRQwEgYDVQQDDAtGdXp6IEFuY2hvcjBZMBMGByqGSM49AgEGCCqG\n"
                             "SM49AwEHA0IABAFKH8LDa63Wn8y/6TdQDBZidykMXyyvya+HW6iv06GT+ZEBNTRX\n"
                             "Ugk+TJo6krMqzlWz83NCpSyOBysJF6Y9C8mjUzBRMB0GA1UdDgQWBBTdzpBNcvNb\n"
                             "X2kM7K5OHjjcnWGCCDAfBgNVHSMEGDAWgBTdzpBNcvNbX2kM7K5OHjjcnWGCCDAP\n"
                             "BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0kAMEYCIQDc5Z1ZDv7u5S603VO/\n"
                             "7k8XZk+csDET8YHePl1403cfNgIhAItsHVA6bLuBjBerIj0higRl42chR0He+XbP\n"
                             "de6S0+Vn\n"
                             "-----END CERTIFICATE-----\n";

static struct x509_store *open_store(bool trusts)
{
    struct x509_store *s = NULL;
    struct err err = { 0 };
    promise(x509_store_new(&s, &err) == ST_OK, "a store");
    if (trusts) {
        char path[] = "/tmp/handfast-fuzz-XXXXXX";
        FILE *f = fdopen(mkstemp(path), "w");
        promise(f != NULL && fputs(anchor, f) >= 0 && fclose(f) == 0, "a file");
        promise(x509_store_add_trust(s, path, &err) == ST_OK, "an anchor");
        remove(path);
    }
    return s;
}

static void check_paths(struct x509_store *s, const struct x509_chain *chain,
                        const struct x509_question *q, const struct x509_judgement *j)
{
    struct x509_paths *p = NULL;
    struct err err = { 0 };
    promise(x509_find_paths(s, chain, q, &p, &err) == ST_OK, "memory");
    for (size_t i = 0; i < p->n; i++) {
        promise(p->paths[i].n > 0 && p->paths[i].links[0].index == 0, "a path begins at the leaf");
        promise(!p->paths[i].reaches_anchor, "no path to an anchor without its key");
    }
    promise(p->n == 0 || p->paths[0].reaches_anchor == j->has_anchor, "the judged path is first");
    x509_paths_free(p);
}

static void judge_all(struct x509_store *s, const struct x509_chain *chain, struct bytes staple)
{
    static const char *const hosts[] = { NULL, "leaf.example", "192.0.2.7" };
    struct err err = { 0 };
    for (unsigned i = 0; i < 6; i++) {
        struct x509_judgement a;
        struct x509_judgement b;
        struct x509_question q = { .purpose = (enum x509_purpose)(i % 3),
                                   .host = hosts[i % 3],
                                   .at_s = 1790000000,
                                   .ignore_dates = i == 4,
                                   .partial_chain = i % 2 == 1,
                                   .strict = i == 5,
                                   .demand_revocation = i == 3,
                                   .profile = i < 4 ? X509_PROFILE_CAREFUL : X509_PROFILE_TLS,
                                   .use_seen = i == 2,
                                   .ocsp_response = i == 2 ? staple : bytes_of(NULL, 0) };
        promise(x509_judge(s, chain, &q, &a, &err) == ST_OK, "memory");
        promise(x509_judge(s, chain, &q, &b, &err) == ST_OK, "memory");
        check_judgement(chain, &a);
        promise(a.n_faults == b.n_faults && a.is_valid == b.is_valid, "the same answer twice");
        check_paths(s, chain, &q, &a);
    }
}

static void check_host(const struct x509_chain *chain, const char *host)
{
    struct x509_host_check check;
    x509_check_host(chain, host, &check);
    promise(check.is_named == x509_names_host(chain, host), "one answer about a host");
    promise(check.is_named == (check.rule == X509_NAME_MATCHES), "a rule for each answer");
    for (size_t i = 0; i < check.n; i++) {
        promise(check.names[i].name != NULL, "a name is text");
        promise(check.is_named || check.names[i].rule != X509_NAME_MATCHES, "no name matches");
    }
}

static void check_chain(struct x509_store *s, const struct bytes *der, size_t n)
{
    const struct x509_chain *chain = x509_store_chain(s, der, n);
    promise(chain != NULL && chain == x509_store_chain(s, der, n), "the same chain twice");
    check_facts(chain);
    check_host(chain, "a.leaf.example");
    check_host(chain, "192.0.2.7");
    judge_all(s, chain, n > 0 ? der[n - 1] : bytes_of(NULL, 0));
    x509_store_note_seen(s, chain);
    judge_all(s, chain, bytes_of(NULL, 0));
    x509_chain_unref(chain);
    x509_chain_unref(chain);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct x509_store *stores[2];
    struct bytes der[CERTS_MAX];
    struct bytes left = bytes_of(data, size);
    struct text text = { 0 };
    size_t n = 0;
    while (left.len > 0 && n < CERTS_MAX) {
        left = bytes_skip(left, cut(left, &der[n++]));
    }
    for (size_t i = 0; i < 2; i++) {
        stores[i] = stores[i] == NULL ? open_store(i == 1) : stores[i];
        check_chain(stores[i], der, n);
        x509_store_trim(stores[i]);
    }
    x509_name_put(&text, bytes_of(data, size));
    text_deinit(&text);
    return 0;
}
