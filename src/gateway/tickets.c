#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "gateway/folder.h"
#include "gateway/inside.h"

/* 80 bytes: AES-256 for the ticket, HMAC-SHA256 for its name. Two files: tickets are made with the
 * first and read with both, so a ticket is good for one to two periods. */
enum { TICKET_KEY_LEN = 80, TICKET_PERIOD_S = 12 * 3600 };

static enum status make(const char *path, struct err *err)
{
    unsigned char key[TICKET_KEY_LEN];
    if (RAND_bytes(key, sizeof key) != 1) {
        return err_set(err, ST_IO, "%s: no random bytes", path);
    }
    enum status st = folder_write(path, bytes_of(key, sizeof key), err);
    OPENSSL_cleanse(key, sizeof key);
    return st;
}

static int64_t age_s(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? clock_now_ns() / NS_PER_S - st.st_mtim.tv_sec : -1;
}

enum status tickets_renew(struct gateway *g, bool *renewed, struct err *err)
{
    char now[PLACE_PATH_MAX];
    char before[PLACE_PATH_MAX];
    *renewed = false;
    TRY(folder_make(g->places.tickets, 0700, err));
    TRY(places_join(now, g->places.tickets, "now.key", err));
    TRY(places_join(before, g->places.tickets, "before.key", err));
    int64_t age = age_s(now);
    if (age >= 0 && age < TICKET_PERIOD_S && folder_exists(before)) {
        return ST_OK;
    }
    if (age < 0) {
        TRY(make(before, err));
    } else if (rename(now, before) != 0) {
        return err_sys(err, "%s", before);
    }
    *renewed = true;
    return make(now, err);
}
