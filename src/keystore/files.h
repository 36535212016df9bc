/*
 * files: the files that a path stands for. Not for other areas.
 */
#ifndef HANDFAST_KEYSTORE_FILES_H
#define HANDFAST_KEYSTORE_FILES_H

#include "base/status.h"
#include "base/text.h"

enum {
    FOLDER_DEPTH_MAX = 8, /* folders in folders */
    FOLDERS_MAX = 1024,
    FOLDER_FILES_MAX = 65536
};

struct file_list {
    size_t n;
    char **paths;      /* sorted */
    size_t n_left_out; /* files and folders: too many, too deep, or not to be opened */
};

/* The regular files below a folder, hidden ones left out; a file of several names (links, the hash
 * links of openssl-rehash(1)) once, under the plainest. */
enum status file_list_init(struct file_list *l, const char *folder, struct err *err) NODISCARD;
void file_list_deinit(struct file_list *l);

/* A file's content in memory that is kept from file to file; all-zero is an empty one. */
struct file_content {
    unsigned char *p;
    size_t len, size;
};

/* All of the file; "-" is standard input. With `regular_only` what is no regular file is an error,
 * and opening it does not block. */
enum status file_content_load(struct file_content *c, const char *path, bool regular_only,
                              struct err *err) NODISCARD;
void file_content_wipe(struct file_content *c); /* it may have held private keys */
void file_content_deinit(struct file_content *c);

#endif
