#include "agent/secret_file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

FILE *secret_file_open(const char *path, bool append)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | (append ? O_APPEND : O_TRUNC), 0600);
    FILE *file = fd < 0 ? NULL : fdopen(fd, append ? "ae" : "we");
    if (file == NULL && fd >= 0) {
        int saved = errno;
        close(fd);
        errno = saved;
    }
    return file;
}
