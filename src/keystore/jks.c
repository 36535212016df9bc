#include "keystore/jks.h"

#include <stdio.h>

#include <openssl/crypto.h>

#include "base/reader.h"
#include "keystore/java_object.h"
#include "keystore/modified_utf8.h"

enum {
    MAGIC_JKS = (int)0xfeedfeed,
    MAGIC_JCEKS = (int)0xcececece,
    DIGEST_LEN = 20 /* SHA-1 */
};
enum { TAG_KEY = 1, TAG_TRUSTED = 2, TAG_SECRET = 3 };

struct jks {
    struct reading *r;
    struct reader in;
    struct fault fault;
    uint32_t version;
    uint32_t n_entries; /* as the store says */
    const char *alias;  /* of the entry that is being read */
    bool is_over;       /* the file's fault has been told: nothing more can be read */
};

bool jks_is_in(struct bytes content)
{
    return bytes_start_with(content, BYTES("\xfe\xed\xfe\xed")) || jks_is_jceks(content);
}

bool jks_is_jceks(struct bytes content)
{
    return bytes_start_with(content, BYTES("\xce\xce\xce\xce"));
}

/* The bytes ended, or contradict the format, in an entry; what came before stays. */
static enum status end_here(struct jks *j, const char *what)
{
    j->is_over = true;
    j->r->at = j->fault.kind == FAULT_NONE ? j->in.at : j->fault.at;
    if (j->alias == NULL) {
        return file_fault(j->r, "%s is cut short", what);
    }
    return file_fault(j->r, "%s of alias '%s' is cut short", what, j->alias);
}

/* A length of four bytes and as many bytes. */
static enum status take_block(struct jks *j, const char *what, struct bytes *out)
{
    size_t at = j->in.at;
    uint32_t len = rd_u32(&j->in, what);
    if (j->fault.kind != FAULT_NONE) {
        return end_here(j, what);
    }
    if (len > rd_left(&j->in)) {
        j->is_over = true;
        j->r->at = at;
        return file_fault(j->r, "%s of alias '%s' claims %u bytes, %zu are left", what, j->alias,
                          len, rd_left(&j->in));
    }
    *out = rd_bytes(&j->in, len, what);
    return ST_OK;
}

static enum status keep_alias(struct jks *j, struct bytes raw)
{
    struct text utf8 = { 0 };
    modified_utf8_put(&utf8, raw);
    enum status st = utf8.failed ? err_set(j->r->err, ST_NOMEM, "%s: no memory", j->r->file->path)
                                 : keep_text(j->r, bytes_of(utf8.p, utf8.len), &j->alias);
    text_deinit(&utf8);
    return st;
}

/* Certificates of version 1 are X.509; in version 2 each names its type. */
static enum status add_cert(struct jks *j, const char *what, size_t group, bool is_trusted)
{
    struct keystore_entry *e;
    struct bytes der;
    struct bytes type = BYTES("X.509");
    if (j->version == 2) {
        type = rd_vec16(&j->in, 0, UINT16_MAX, "certificate type");
        if (j->fault.kind != FAULT_NONE) {
            return end_here(j, what);
        }
    }
    TRY(take_block(j, what, &der));
    if (j->is_over) {
        return ST_OK;
    }
    j->r->at = j->in.at - der.len;
    TRY(add_certificate(j->r, der, &e));
    e->alias = j->alias;
    e->group = group;
    e->is_trusted = is_trusted;
    if (!bytes_equal(type, BYTES("X.509")) && !bytes_equal(type, BYTES("X509"))) {
        return entry_fault(j->r, e, "%s of alias '%s' is of a type that is not X.509", what,
                           j->alias);
    }
    return ST_OK;
}

static enum status add_chain(struct jks *j, size_t group)
{
    char what[40];
    uint32_t n = rd_u32(&j->in, "chain");
    if (j->fault.kind != FAULT_NONE) {
        return end_here(j, "the certificate chain");
    }
    for (uint32_t i = 0; i < n && !j->is_over; i++) {
        snprintf(what, sizeof what, "certificate %u", i + 1);
        TRY(add_cert(j, what, group, false));
    }
    return ST_OK;
}

static enum status add_private_key(struct jks *j)
{
    struct keystore_entry *e;
    struct bytes sealed;
    TRY(take_block(j, "the private key", &sealed));
    if (j->is_over) {
        return ST_OK;
    }
    j->r->at = j->in.at - sealed.len;
    TRY(reading_add(j->r, KEYSTORE_KEY, &e));
    e->alias = j->alias;
    TRY(jks_open_key(j->r, e, sealed));
    return add_chain(j, e->group);
}

static enum status add_trusted_cert(struct jks *j)
{
    return add_cert(j, "the certificate", j->r->k->n_groups, true);
}

static enum status add_secret(struct jks *j)
{
    struct keystore_entry *e;
    TRY(reading_add(j->r, KEYSTORE_SECRET, &e));
    e->alias = j->alias;
    if (java_object_skip(&j->in)) {
        return ST_OK;
    }
    j->is_over = true;
    j->r->at = j->fault.at;
    return file_fault(j->r,
                      "the secret key of alias '%s' cannot be passed over (%s), so what "
                      "comes after it is not read",
                      j->alias, j->fault.what);
}

static bool is_known(const struct jks *j, uint32_t tag)
{
    return tag == TAG_KEY || tag == TAG_TRUSTED ||
           (tag == TAG_SECRET && j->r->file->format == KEYSTORE_JCEKS);
}

static enum status add_entry(struct jks *j, uint32_t nth)
{
    j->alias = NULL;
    j->r->at = j->in.at;
    uint32_t tag = rd_u32(&j->in, "tag");
    if (j->fault.kind == FAULT_NONE && !is_known(j, tag)) {
        j->is_over = true;
        return file_fault(j->r, "entry %u is of kind %u, which no such keystore has", nth, tag);
    }
    struct bytes alias = rd_vec16(&j->in, 0, UINT16_MAX, "alias");
    (void)rd_u64(&j->in, "date");
    if (j->fault.kind != FAULT_NONE) {
        j->is_over = true;
        return file_fault(j->r, "the store claims %u entries and ends in entry %u", j->n_entries,
                          nth);
    }
    TRY(keep_alias(j, alias));
    if (tag == TAG_KEY) {
        return add_private_key(j);
    }
    return tag == TAG_TRUSTED ? add_trusted_cert(j) : add_secret(j);
}

/* The rest is the digest. Without a password nobody can tell. */
static enum status check_seal(struct jks *j)
{
    uint8_t digest[DIGEST_LEN];
    struct reading *r = j->r;
    size_t end = j->in.at;
    struct bytes seal = rd_rest(&j->in);
    r->file->integrity = KEYSTORE_NOT_CHECKED;
    if (seal.len != DIGEST_LEN) {
        r->at = end;
        return file_fault(r,
                          "%zu bytes are left behind the last entry, where a digest of 20 has "
                          "its place",
                          seal.len);
    }
    if (r->password == NULL) {
        return ST_OK;
    }
    if (!jks_digest(r, bytes_head(r->content, end), digest)) {
        return err_set(r->err, ST_NOMEM, "%s: no memory", r->file->path);
    }
    r->file->integrity = CRYPTO_memcmp(digest, seal.p, DIGEST_LEN) == 0
                             ? KEYSTORE_INTACT
                             : KEYSTORE_WRONG_PASSWORD_OR_ALTERED;
    return ST_OK;
}

enum status read_jks(struct reading *r)
{
    struct jks j = { .r = r };
    j.in = rd_whole(r->content, &j.fault);
    (void)rd_u32(&j.in, "magic");
    j.version = rd_u32(&j.in, "version");
    j.n_entries = rd_u32(&j.in, "number of entries");
    if (j.fault.kind != FAULT_NONE) {
        return end_here(&j, "the head of the keystore");
    }
    if (j.version != 1 && j.version != 2) {
        r->at = 4;
        return file_fault(r, "a Java keystore of version %u; 1 and 2 are known", j.version);
    }
    for (uint32_t i = 0; i < j.n_entries && !j.is_over; i++) {
        TRY(add_entry(&j, i + 1));
    }
    return j.is_over ? ST_OK : check_seal(&j);
}
