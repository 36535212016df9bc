/*
 * inputs: the files and directories of a command line as one list of captures.
 *
 * A file and "-" are taken as they are: whether they can be read is found when they are. A
 * directory stands for the captures below it, sorted by path; files that are no captures are
 * passed over, symbolic links to directories are not followed.
 */
#ifndef HANDFAST_CLI_INPUTS_H
#define HANDFAST_CLI_INPUTS_H

#include "base/status.h"

enum {
    INPUTS_DEPTH_MAX = 16,    /* directories below the one named */
    INPUTS_FILES_MAX = 100000 /* captures in all */
};

struct inputs {
    char **paths; /* borrowed until inputs_deinit() */
    size_t n, room;
};

/* All-zero is a valid empty list. On an error what was found before stays in the list. */
enum status inputs_add(struct inputs *in, const char *path, struct err *err) NODISCARD;
void inputs_deinit(struct inputs *in);

#endif
