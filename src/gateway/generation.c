#include "gateway/generation.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/hex.h"
#include "gateway/conf.h"
#include "gateway/folder.h"

static const char *const folders[GENERATION_N_PARTS] = { "router", "mp" };

void generation_deinit(struct generation *g)
{
    for (size_t i = 0; i < GENERATION_N_PARTS; i++) {
        struct generation_part *p = &g->part[i];
        for (size_t j = 0; j < p->n; j++) {
            struct text *content = &p->files[j].content;
            if (content->p != NULL) {
                OPENSSL_cleanse(content->p, content->len);
            }
            text_deinit(content);
        }
        free(p->files);
        free(p->listens);
    }
    *g = (struct generation){ 0 };
}

struct text *generation_file(struct generation_part *p, const char *path)
{
    for (size_t i = 0; i < p->n; i++) {
        if (strcmp(p->files[i].path, path) == 0) {
            return &p->files[i].content;
        }
    }
    if (p->n == p->room) {
        size_t room = p->room == 0 ? 16 : p->room * 2;
        struct generation_file *grown = reallocarray(p->files, room, sizeof *grown);
        if (grown == NULL) {
            return NULL;
        }
        p->files = grown;
        p->room = room;
    }
    struct generation_file *file = &p->files[p->n++];
    *file = (struct generation_file){ 0 };
    snprintf(file->path, sizeof file->path, "%s", path);
    return &file->content;
}

void generation_describe(struct generation_part *p, const char *path, const char *what)
{
    for (size_t i = 0; i < p->n; i++) {
        struct generation_file *file = &p->files[i];
        if (strcmp(file->path, path) == 0 && file->what[0] == '\0') {
            snprintf(file->what, sizeof file->what, "%s", what);
        }
    }
}

const char *generation_described(const struct generation_part *p, const char *words)
{
    for (size_t i = 0; i < p->n; i++) {
        if (p->files[i].what[0] != '\0' && strstr(words, p->files[i].path) != NULL) {
            return p->files[i].what;
        }
    }
    return NULL;
}

bool generation_listens(const struct generation_part *p, const char *host, unsigned port)
{
    for (size_t i = 0; i < p->n_listens; i++) {
        if (p->listens[i].port == port && strcmp(p->listens[i].host, host) == 0) {
            return true;
        }
    }
    return false;
}

enum status generation_listen(struct generation_part *p, const char *host, unsigned port,
                              struct err *err)
{
    if (generation_listens(p, host, port)) {
        return ST_OK;
    }
    if (p->n_listens == p->listens_room) {
        size_t room = p->listens_room == 0 ? 8 : p->listens_room * 2;
        struct generation_listen *grown = reallocarray(p->listens, room, sizeof *grown);
        if (grown == NULL) {
            return err_set(err, ST_NOMEM, "no memory");
        }
        p->listens = grown;
        p->listens_room = room;
    }
    struct generation_listen *listen = &p->listens[p->n_listens++];
    listen->port = port;
    snprintf(listen->host, sizeof listen->host, "%s", host);
    return ST_OK;
}

static bool digest(EVP_MD_CTX *md, const struct generation_part *p, char mark[PART_MARK_LEN + 1])
{
    unsigned char sum[EVP_MAX_MD_SIZE];
    bool ok = EVP_DigestInit_ex(md, EVP_sha256(), NULL) == 1;
    for (size_t i = 0; ok && i < p->n; i++) {
        const struct text *content = &p->files[i].content;
        size_t len = content->len;
        ok = EVP_DigestUpdate(md, p->files[i].path, sizeof p->files[i].path) == 1 &&
             EVP_DigestUpdate(md, &len, sizeof len) == 1 &&
             EVP_DigestUpdate(md, text_str(content), len) == 1;
    }
    ok = ok && EVP_DigestFinal_ex(md, sum, NULL) == 1;
    if (ok) {
        hex_of(bytes_of(sum, PART_MARK_LEN / 2), mark);
    }
    return ok;
}

static enum status put_mark(struct generation_part *p, struct err *err)
{
    struct text *file = generation_file(p, "mark.conf");
    if (file == NULL) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    text_printf(file,
                "server {\n    listen unix:ask.sock;\n    access_log off;\n"
                "    location / { return 200 \"%s\"; }\n    include status*.conf;\n}\n",
                p->mark);
    return ST_OK;
}

enum status generation_seal(struct generation *g, struct err *err)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool ok = md != NULL;
    for (size_t i = 0; i < GENERATION_N_PARTS; i++) {
        for (size_t j = 0; j < g->part[i].n; j++) {
            ok = ok && !g->part[i].files[j].content.failed;
        }
        ok = ok && digest(md, &g->part[i], g->part[i].mark);
    }
    EVP_MD_CTX_free(md);
    if (!ok) {
        return err_set(err, ST_NOMEM, "no memory");
    }
    for (size_t i = 0; i < GENERATION_N_PARTS; i++) {
        TRY(put_mark(&g->part[i], err));
    }
    return ST_OK;
}

enum status generation_write(const struct generation *g, const char *dir, struct err *err)
{
    char at[PLACE_PATH_MAX];
    char path[PLACE_PATH_MAX];
    TRY(folder_make(dir, 0700, err));
    for (size_t i = 0; i < GENERATION_N_PARTS; i++) {
        const struct generation_part *p = &g->part[i];
        TRY(places_join(at, dir, folders[i], err));
        TRY(folder_make(at, 0700, err));
        for (size_t j = 0; j < p->n; j++) {
            const struct text *content = &p->files[j].content;
            TRY(places_join(path, at, p->files[j].path, err));
            TRY(folder_write(path, bytes_of(content->p, content->len), err));
        }
    }
    return ST_OK;
}
