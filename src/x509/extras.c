#include "x509/extras.h"

#include <openssl/x509v3.h>

#include "base/net.h"

enum { NAME_MAX_LEN = 255, SUBTREES_MAX = 16, OID_TEXT_MAX = 80 };

static const char *keep(struct arena *a, struct text *t)
{
    const char *copy = arena_strndup(a, text_str(t), t->len);
    text_clear(t);
    return copy == NULL ? "" : copy;
}

static struct bytes string_bytes(const ASN1_STRING *s)
{
    int len = s == NULL ? 0 : ASN1_STRING_length(s);
    return len <= 0 ? bytes_of(NULL, 0) : bytes_of(ASN1_STRING_get0_data(s), (size_t)len);
}

static void put_purpose(struct text *t, const ASN1_OBJECT *purpose)
{
    char oid[OID_TEXT_MAX] = "";
    int nid = OBJ_obj2nid(purpose);
    if (nid != NID_undef) {
        text_puts(t, OBJ_nid2sn(nid));
        return;
    }
    OBJ_obj2txt(oid, sizeof oid, purpose, 1);
    text_put_safe(t, bytes_of_str(oid));
}

static void read_purposes(struct cert *c, struct x509_facts *f, struct text *t)
{
    EXTENDED_KEY_USAGE *list = X509_get_ext_d2i(c->x, NID_ext_key_usage, NULL, NULL);
    for (int i = 0; i < sk_ASN1_OBJECT_num(list) && f->n_eku < X509_EKUS_MAX; i++) {
        put_purpose(t, sk_ASN1_OBJECT_value(list, i));
        f->eku[f->n_eku++] = keep(&c->arena, t);
    }
    EXTENDED_KEY_USAGE_free(list);
}

/* An address and its mask: "192.0.2.0/255.255.255.0", since the mask need not be a prefix. */
static void put_subnet(struct text *t, struct bytes b)
{
    size_t half = b.len / 2;
    struct endpoint address = { .family = half == 4 ? 4 : 6 };
    struct endpoint mask = address;
    if (b.len != 8 && b.len != 32) {
        text_put_hex(t, bytes_head(b, 32));
        return;
    }
    (void)bytes_copy(address.ip, sizeof address.ip, bytes_head(b, half));
    (void)bytes_copy(mask.ip, sizeof mask.ip, bytes_skip(b, half));
    endpoint_put_host(t, &address);
    text_putc(t, '/');
    endpoint_put_host(t, &mask);
}

static void put_base(struct text *t, const GENERAL_NAME *name)
{
    static const struct {
        int type;
        const char *label;
    } labels[] = { { GEN_DNS, "DNS:" }, { GEN_EMAIL, "email:" }, { GEN_URI, "URI:" } };
    int type;
    const void *value = GENERAL_NAME_get0_value(name, &type);
    for (size_t i = 0; i < ARRAY_LEN(labels); i++) {
        if (labels[i].type == type) {
            text_puts(t, labels[i].label);
            text_put_safe(t, bytes_head(string_bytes(value), NAME_MAX_LEN));
            return;
        }
    }
    if (type == GEN_IPADD) {
        text_puts(t, "IP:");
        put_subnet(t, string_bytes(value));
    } else if (type == GEN_DIRNAME) {
        text_puts(t, "directory:");
        name_put(t, value);
    } else {
        text_puts(t, "another kind of name");
    }
}

static void put_subtrees(struct text *t, const char *which, const STACK_OF(GENERAL_SUBTREE) * trees)
{
    int n = sk_GENERAL_SUBTREE_num(trees);
    if (n <= 0) {
        return;
    }
    text_printf(t, "%s%s", t->len == 0 ? "" : "; ", which);
    for (int i = 0; i < n && i < SUBTREES_MAX; i++) {
        text_puts(t, i == 0 ? " " : ", ");
        put_base(t, sk_GENERAL_SUBTREE_value(trees, i)->base);
    }
    if (n > SUBTREES_MAX) {
        text_printf(t, " and %d more", n - SUBTREES_MAX);
    }
}

static void read_constraints(struct cert *c, struct x509_facts *f, struct text *t)
{
    NAME_CONSTRAINTS *nc = X509_get_ext_d2i(c->x, NID_name_constraints, NULL, NULL);
    if (nc != NULL) {
        put_subtrees(t, "permitted", nc->permittedSubtrees);
        put_subtrees(t, "excluded", nc->excludedSubtrees);
        f->name_constraints = keep(&c->arena, t);
    }
    NAME_CONSTRAINTS_free(nc);
}

/* The reserved certificate policies of the CA/Browser Forum, BR section 7.1.6.1. */
static bool is_forum_policy(const ASN1_OBJECT *policy)
{
    static const uint8_t arc[] = { 0x67, 0x81, 0x0C, 0x01 }; /* 2.23.140.1 */
    struct bytes oid = bytes_of(OBJ_get0_data(policy), OBJ_length(policy));
    return bytes_start_with(oid, bytes_of(arc, sizeof arc));
}

static bool has_forum_policy(const X509 *x)
{
    bool is_there = false;
    CERTIFICATEPOLICIES *list = X509_get_ext_d2i(x, NID_certificate_policies, NULL, NULL);
    for (int i = 0; i < sk_POLICYINFO_num(list); i++) {
        is_there = is_there || is_forum_policy(sk_POLICYINFO_value(list, i)->policyid);
    }
    CERTIFICATEPOLICIES_free(list);
    return is_there;
}

static void read_basic(const struct cert *c, struct x509_facts *f)
{
    f->has_basic_constraints = (X509_get_extension_flags(c->x) & EXFLAG_BCONS) != 0;
    long length = X509_get_pathlen(c->x);
    f->path_length = length >= 0 && length <= INT32_MAX ? (int)length : -1;
}

static void read_spki(struct cert *c, struct x509_facts *f)
{
    unsigned char *der = NULL;
    int len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(c->x), &der);
    if (len > 0) {
        f->spki = arena_copy(&c->arena, bytes_of(der, (size_t)len));
    }
    OPENSSL_free(der);
}

void extras_read(struct cert *c, struct x509_facts *f, struct text *scratch)
{
    read_purposes(c, f, scratch);
    read_basic(c, f);
    read_constraints(c, f, scratch);
    f->looks_public =
        X509_get_ext_by_NID(c->x, NID_ct_precert_scts, -1) >= 0 || has_forum_policy(c->x);
    read_spki(c, f);
}
