#include "nginx/zone.h"

struct entry {
    uint32_t at, len; /* in data[] */
    uint32_t id_len;  /* the first bytes of it */
};

struct shared {
    struct hf_counts counts;
    bool is_written; /* by a worker, right now: found set, that worker died */
    size_t first, n; /* entries, oldest first */
    size_t end;      /* in data[]: behind the newest */
    size_t room;     /* of data[] */
    struct entry entries[HF_RING_ENTRIES];
    u_char data[];
};

/* --- its making --- */

static ngx_int_t init_zone(ngx_shm_zone_t *zone, void *before)
{
    ngx_slab_pool_t *pool = (ngx_slab_pool_t *)(void *)zone->shm.addr;
    if (before != NULL || zone->shm.exists) {
        zone->data = before != NULL ? before : pool->data;
        return NGX_OK;
    }
    /* All that the pool has to give, in one piece of pages. */
    size_t room = (size_t)(pool->end - pool->start);
    room -= room / 8;
    struct shared *s = ngx_slab_calloc(pool, room);
    if (s == NULL) {
        return NGX_ERROR;
    }
    s->room = room - sizeof *s;
    pool->data = s;
    zone->data = s;
    return NGX_OK;
}

ngx_shm_zone_t *hf_zone_add(ngx_conf_t *cf, ngx_str_t *name, size_t size)
{
    ngx_str_t standard = ngx_string("handfast");
    ngx_shm_zone_t *zone =
        ngx_shared_memory_add(cf, name != NULL ? name : &standard, size, &ngx_http_handfast_module);
    if (zone != NULL) {
        zone->init = init_zone;
    }
    return zone;
}

char *hf_zone_set(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    struct hf_main_conf *all = conf;
    ngx_str_t *words = cf->args->elts;
    ssize_t size = ngx_parse_size(&words[2]);
    (void)cmd;
    if (all->zone != NULL) {
        return "is duplicate";
    }
    if (size < HF_ZONE_BYTES_MIN) {
        return "needs a size of 128k at least";
    }
    all->zone = hf_zone_add(cf, &words[1], (size_t)size);
    return all->zone == NULL ? NGX_CONF_ERROR : NGX_CONF_OK;
}

struct hf_counts *hf_zone_counts(ngx_shm_zone_t *zone)
{
    struct shared *s = zone->data;
    return &s->counts;
}

/* --- the ring --- */

static ngx_slab_pool_t *pool_of(const ngx_shm_zone_t *zone)
{
    return (ngx_slab_pool_t *)(void *)zone->shm.addr;
}

static void lock(ngx_shm_zone_t *zone)
{
    struct shared *s = zone->data;
    ngx_shmtx_lock(&pool_of(zone)->mutex);
    if (s->is_written) {
        s->n = s->first = s->end = 0;
    }
    s->is_written = true;
}

static void unlock(ngx_shm_zone_t *zone)
{
    struct shared *s = zone->data;
    s->is_written = false;
    ngx_shmtx_unlock(&pool_of(zone)->mutex);
}

static void drop_oldest(struct shared *s)
{
    s->first = (s->first + 1) % HF_RING_ENTRIES;
    s->n--;
}

/* Where `len` bytes may go; what lies there is dropped, oldest first. */
static size_t make_room(struct shared *s, size_t len)
{
    size_t at = s->end;
    if (len > s->room - at) { /* to the front; what lies behind us here is the oldest */
        while (s->n > 0 && s->entries[s->first].at >= at) {
            drop_oldest(s);
        }
        at = 0;
    }
    while (s->n > 0) {
        const struct entry *e = &s->entries[s->first];
        bool is_in_way = e->at < at + len && at < e->at + e->len;
        if (!is_in_way && s->n < HF_RING_ENTRIES) {
            break;
        }
        drop_oldest(s);
    }
    return at;
}

void hf_zone_push(ngx_shm_zone_t *zone, const ngx_str_t *id, struct bytes json)
{
    struct shared *s = zone->data;
    size_t len = id->len + json.len;
    if (len > s->room / 4) { /* one must not cost all others */
        return;
    }
    lock(zone);
    size_t at = make_room(s, len);
    bytes_copy(s->data + at, len, bytes_of(id->data, id->len));
    bytes_copy(s->data + at + id->len, json.len, json);
    s->entries[(s->first + s->n) % HF_RING_ENTRIES] =
        (struct entry){ (uint32_t)at, (uint32_t)len, (uint32_t)id->len };
    s->n++;
    s->end = at + len;
    unlock(zone);
}

static bool is_asked_for(struct bytes entry_id, const ngx_str_t *id)
{
    bool begins = bytes_start_with(entry_id, bytes_of(id->data, id->len));
    return begins && (id->len == 0 || entry_id.len == id->len || entry_id.p[id->len] == '.');
}

size_t hf_zone_copy(ngx_shm_zone_t *zone, const ngx_str_t *id, ngx_uint_t limit, u_char *out,
                    size_t room)
{
    struct shared *s = zone->data;
    size_t written = 0;
    lock(zone);
    for (size_t i = s->n; i > 0 && limit > 0; i--) {
        const struct entry *e = &s->entries[(s->first + i - 1) % HF_RING_ENTRIES];
        struct bytes json = bytes_of(s->data + e->at + e->id_len, e->len - e->id_len);
        if (!is_asked_for(bytes_of(s->data + e->at, e->id_len), id)) {
            continue;
        }
        if (json.len + 1 > room - written) {
            break;
        }
        bytes_copy(out + written, room - written, json);
        written += json.len;
        out[written++] = ',';
        limit--;
    }
    unlock(zone);
    return written;
}

size_t hf_zone_room(const ngx_shm_zone_t *zone)
{
    const struct shared *s = zone->data;
    return s->room + HF_RING_ENTRIES;
}
