/*
 * generation: what the compiler makes: the files of both nginx, in memory until they differ from
 * those in force.
 *
 * All-zero is a valid empty generation. Paths are below the part's directory in a generation.
 */
#ifndef HANDFAST_GATEWAY_GENERATION_H
#define HANDFAST_GATEWAY_GENERATION_H

#include "base/status.h"
#include "base/text.h"
#include "gateway/part.h"

enum { GENERATION_ROUTER, GENERATION_PROCESSOR, GENERATION_N_PARTS };
enum { GENERATION_PATH_MAX = 96, GENERATION_WHAT_MAX = 240 };

struct generation_file {
    char path[GENERATION_PATH_MAX];
    char what[GENERATION_WHAT_MAX]; /* it is made of; may be empty */
    struct text content;
};

/* What a part listens on: "0.0.0.0", "::" or one address. */
struct generation_listen {
    char host[64];
    unsigned port;
};

struct generation_part {
    size_t n, room;
    struct generation_file *files;
    size_t n_listens, listens_room;
    struct generation_listen *listens;
    char mark[PART_MARK_LEN + 1]; /* of all files: the same mark, the same files */
};

struct generation {
    struct generation_part part[GENERATION_N_PARTS];
};

void generation_deinit(struct generation *g); /* wipes what may be keys */
/* The file's content, to be written to; the one there is where the path is known already. Borrowed
 * until the next call. NULL without memory. */
struct text *generation_file(struct generation_part *p, const char *path);
/* What the file is made of, in words; who says it first counts. */
void generation_describe(struct generation_part *p, const char *path, const char *what);
/* Of the first file whose path stands in `words`; NULL: none of those that are described. */
const char *generation_described(const struct generation_part *p, const char *words);
enum status generation_listen(struct generation_part *p, const char *host, unsigned port,
                              struct err *err) NODISCARD;
bool generation_listens(const struct generation_part *p, const char *host, unsigned port);
/* Sets the marks, and adds to each part the file mark.conf, which has the server that tells it. */
enum status generation_seal(struct generation *g, struct err *err) NODISCARD;
/* Writes both parts below `dir`, which is made. */
enum status generation_write(const struct generation *g, const char *dir,
                             struct err *err) NODISCARD;

#endif
