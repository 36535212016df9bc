/*
 * zone: what the workers count together, and the last failures, in shared memory.
 *
 * A reload keeps it. The ring is guarded by nginx's mutex of the zone, which the master frees where
 * a worker died with it; a ring that was being written then is emptied.
 */
#ifndef HANDFAST_NGINX_ZONE_H
#define HANDFAST_NGINX_ZONE_H

#include "nginx/module.h"

enum { HF_RING_ENTRIES = 1024, HF_ZONE_BYTES_MIN = 128 * 1024, HF_ZONE_BYTES = 1024 * 1024 };

/* By enum direction. */
struct hf_counts {
    ngx_atomic_t completed[3], resumed[3], unfinished[3];
    ngx_atomic_t failed[3][N_CAUSES];
    ngx_atomic_t unjudged; /* failures that came faster than they could be judged */
    ngx_atomic_t notes_sent, notes_lost;
};

/* The zone of this name; `name` NULL: the default one, where none was named. */
ngx_shm_zone_t *hf_zone_add(ngx_conf_t *cf, ngx_str_t *name, size_t size);
char *hf_zone_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/* Never NULL for a zone that is mapped. */
struct hf_counts *hf_zone_counts(ngx_shm_zone_t *zone);
/* Adds one line of JSON under its id; the oldest ones make room. */
void hf_zone_push(ngx_shm_zone_t *zone, const ngx_str_t *id, struct bytes json);

/* The last `limit` entries whose id is `id` or lies below it ("ID.1"), the newest first; empty id:
 * any. Each is followed by a comma in `out`, which has `room` bytes; the bytes written. */
size_t hf_zone_copy(ngx_shm_zone_t *zone, const ngx_str_t *id, ngx_uint_t limit, u_char *out,
                    size_t room);
/* Room that any copy of this zone fits in. */
size_t hf_zone_room(const ngx_shm_zone_t *zone);

#endif
