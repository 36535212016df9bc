/*
 * bundle_zip: zip archives of bundles, read and changed in memory.
 *
 * Names are relative paths with "/", without "..", empty or dot segments, backslashes and control
 * characters; each once. Neither links nor encrypted entries are taken. The limits are what one
 * archive may cost; sizes are counted as they are unpacked, never believed.
 * Source: PKWARE's APPNOTE.TXT; libzip.
 */
#ifndef HANDFAST_STORE_BUNDLE_ZIP_H
#define HANDFAST_STORE_BUNDLE_ZIP_H

#include "store/remark.h"

enum {
    BUNDLE_FILES_MAX = 2000,
    BUNDLE_FILE_MAX = 16 * 1024 * 1024,  /* unpacked */
    BUNDLE_TOTAL_MAX = 48 * 1024 * 1024, /* unpacked */
    BUNDLE_RATIO_MAX = 200,              /* unpacked to packed, from BUNDLE_RATIO_FROM on */
    BUNDLE_RATIO_FROM = 1024 * 1024,
    BUNDLE_PATH_MAX = 255
};

struct bundle_file {
    const char *path; /* "apiproxy/proxies/default.xml" */
    struct bytes content;
};

struct bundle_files { /* in the arena of the remarks */
    struct bundle_file *list;
    size_t n;
};

/* What is wrong is remarked on as BROKEN. ST_NOMEM alone fails. */
enum status bundle_unzip(struct bytes zip, struct remarks *remarks, struct bundle_files *out,
                         struct err *err) NODISCARD;
/* The archive with this file put in or replaced; content.p == NULL: taken out. The caller frees
 * out->p with free(). ST_FORMAT: it is no archive. */
enum status bundle_zip_put(struct bytes zip, const char *path, struct bytes content,
                           struct bytes *out, struct err *err) NODISCARD;
bool bundle_path_is_safe(const char *path);

#endif
