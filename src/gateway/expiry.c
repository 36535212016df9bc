#include "gateway/expiry.h"

#include "store/alias.h"
#include "x509/pem.h"
#include "x509/x509.h"

enum { DAY_S = 86400 };

struct telling {
    struct x509_store *certificates; /* decodes; trusts nothing */
    struct expiring row;
    void (*each)(void *arg, const struct expiring *what);
    void *arg;
};

int64_t expiry_days_left(int64_t not_after_s, int64_t now_s)
{
    int64_t left = not_after_s - now_s;
    return left >= 0 ? left / DAY_S : -((-left + DAY_S - 1) / DAY_S);
}

static void tell_certificate(void *arg, struct bytes der)
{
    struct telling *t = arg;
    const struct x509_chain *chain = x509_store_chain(t->certificates, &der, 1);
    if (chain == NULL) {
        return;
    }
    const struct x509_facts *f = x509_chain_facts(chain, 0);
    if (f->is_parsed) {
        t->row.subject = f->subject;
        t->row.sha256_hex = f->sha256_hex;
        t->row.not_after_s = f->not_after_s;
        t->each(t->arg, &t->row);
    }
    t->row.index++;
    x509_chain_unref(chain);
}

/* An alias that is gone by now, or cannot be read, is none. */
static void tell_alias(struct telling *t, struct store *s, const struct store_name *at)
{
    struct alias alias = { 0 };
    struct store_problem problem = { 0 };
    struct alias_name name = { at->org, at->env, at->parent, at->name };
    if (alias_load(s, &name, false, &alias, &problem) == ST_OK && alias.pem != NULL) {
        t->row = (struct expiring){ .org = at->org,
                                    .env = at->env,
                                    .keystore = at->parent,
                                    .alias = at->name,
                                    .has_key = alias.has_key,
                                    .target = "",
                                    .server = "",
                                    .server_name = "" };
        x509_pem_each(alias.pem, tell_certificate, t);
    }
    alias_deinit(&alias);
}

static void tell_served(void *arg, const struct event_served *served)
{
    struct telling *t = arg;
    struct expiring row = { .org = served->org,
                            .env = served->env,
                            .keystore = "",
                            .alias = "",
                            .target = served->target,
                            .server = served->server,
                            .server_name = served->server_name,
                            .seen_ms = served->seen_ms,
                            .subject = served->subject,
                            .sha256_hex = served->sha256_hex,
                            .not_after_s = served->not_after_s };
    t->each(t->arg, &row);
}

static enum status tell_all(struct telling *t, struct store *s, struct events *e,
                            const struct expiry_scope *in, struct err *err)
{
    struct store_names names = { 0 };
    struct store_key within = { .kind = STORE_ALIAS, .org = in->org, .env = in->env };
    TRY(x509_store_new(&t->certificates, err));
    TRY(store_list(s, &within, &names, err));
    for (size_t i = 0; i < names.n; i++) {
        tell_alias(t, s, &names.list[i]);
    }
    store_names_deinit(&names);
    return e == NULL ? ST_OK : events_read_served(e, in->org, in->env, tell_served, t, err);
}

enum status expiry_each(struct store *s, struct events *e, const struct expiry_scope *in,
                        void (*each)(void *arg, const struct expiring *what), void *arg,
                        struct err *err)
{
    struct telling t = { .each = each, .arg = arg };
    enum status st = tell_all(&t, s, e, in, err);
    x509_store_free(t.certificates);
    return st;
}
