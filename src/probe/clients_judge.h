/*
 * clients_judge: what a recorded client makes of a server's answer. Internal to clients*.c.
 */
#ifndef HANDFAST_PROBE_CLIENTS_JUDGE_H
#define HANDFAST_PROBE_CLIENTS_JUDGE_H

#include "probe/clients.h"

struct client_case {
    const struct clients_request *request;
    const struct client *client;
    const struct tls_client_hello *hello; /* as sent */
    const struct probe_outcome *outcome;
    struct arena *arena;
    struct client_result *result;
};

/* The server answered: would the client go on? Fills in what was negotiated. */
void client_judge_answer(const struct client_case *k);
/* The server refused: the cause by what the survey knows; false where that explains nothing. */
bool client_explain_refusal(const struct client_case *k);

#endif
