/*
 * change: one write to the store, made so that what is answered is in force.
 *
 * gateway_lock, store_begin, the work, gateway_prepare, store_commit, gateway_activate, unlock: in
 * this order, and undone where one of them says no. The work reads and writes r->store, which is
 * within the transaction, and answers. An answer of 400 or more is a refusal: nothing is kept.
 * What the compiler or nginx refuses becomes a 400, configuration.NotAcceptable, with the reason.
 */
#ifndef HANDFAST_API_CHANGE_H
#define HANDFAST_API_CHANGE_H

#include "api/route.h"

typedef enum status api_work(struct api_request *r, struct api_answer *a, void *arg,
                             struct err *err);

enum status api_change(struct api_request *r, struct api_answer *a, api_work *work, void *arg,
                       struct err *err) NODISCARD;

#endif
