/*
 * outbox: notes to a collector's socket (SOCK_SEQPACKET, one note a message), never waiting.
 *
 * One connection of each worker, made when it is first needed and again after the collector was
 * restarted. What finds no room is lost, and counted: the next note says how many (FACT_LOST).
 */
#ifndef HANDFAST_NGINX_OUTBOX_H
#define HANDFAST_NGINX_OUTBOX_H

#include "nginx/module.h"

/* "unix:PATH"; the path, NUL-terminated, goes into the main configuration. */
char *hf_outbox_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
/* False: lost. */
bool hf_outbox_send(const ngx_str_t *path, struct bytes note);
/* Lost since a note was last sent. */
uint64_t hf_outbox_n_lost(void);

#endif
