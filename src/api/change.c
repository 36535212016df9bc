#include "api/change.h"

/* Everything up to the commit: what fails here leaves the store and nginx as they were. */
static enum status prepare(struct api_request *r, struct api_answer *a, api_work *work, void *arg,
                           struct err *err)
{
    TRY(work(r, a, arg, err));
    if (api_refused(a)) {
        return ST_OK;
    }
    if (r->gateway != NULL) {
        struct err why = { 0 };
        enum status st = gateway_prepare(r->gateway, r->store, &why);
        if (st == ST_USAGE) {
            return api_refuse(a, 400, "configuration.NotAcceptable", "%s", why.text);
        }
        if (st != ST_OK) {
            return err_set(err, st, "%s", why.text);
        }
    }
    return store_commit(r->store, err);
}

static enum status locked(struct api_request *r, struct api_answer *a, api_work *work, void *arg,
                          struct err *err)
{
    TRY(store_begin(r->store, err));
    enum status st = prepare(r, a, work, arg, err);
    if (st == ST_OK && !api_refused(a)) {
        return r->gateway == NULL ? ST_OK : gateway_activate(r->gateway, err);
    }
    store_rollback(r->store);
    if (r->gateway != NULL) {
        gateway_forget(r->gateway);
    }
    return st;
}

enum status api_change(struct api_request *r, struct api_answer *a, api_work *work, void *arg,
                       struct err *err)
{
    if (r->gateway != NULL) {
        gateway_lock(r->gateway);
    }
    enum status st = locked(r, a, work, arg, err);
    if (r->gateway != NULL) {
        gateway_unlock(r->gateway);
    }
    return st;
}
