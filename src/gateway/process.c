#include "gateway/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { STATE_LISTEN = 0x0a, LINE_ROOM = 512, INODES_MAX = 16 };

static ssize_t read_file(const char *path, char *out, size_t room)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        out[0] = '\0';
        return -1;
    }
    ssize_t n = read(fd, out, room - 1);
    close(fd);
    out[n < 0 ? 0 : n] = '\0';
    return n;
}

static bool is_zombie(int pid)
{
    char path[64];
    char stat[LINE_ROOM];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    if (read_file(path, stat, sizeof stat) <= 0) {
        return true;
    }
    const char *after_name = strrchr(stat, ')'); /* the name may hold anything */
    return after_name == NULL || after_name[1] == '\0' || after_name[2] == 'Z';
}

bool process_is_at(int pid, const char *cwd)
{
    char path[64];
    char at[PATH_MAX];
    if (pid <= 0) {
        return false;
    }
    snprintf(path, sizeof path, "/proc/%d/cwd", pid);
    ssize_t n = readlink(path, at, sizeof at - 1);
    if (n < 0) {
        return false;
    }
    at[n] = '\0';
    return strcmp(at, cwd) == 0 && !is_zombie(pid);
}

/* 0: no number. */
static int pid_of(const char *name)
{
    char *end = NULL;
    long pid = strtol(name, &end, 10);
    return end == name || *end != '\0' || pid <= 0 || pid > INT_MAX ? 0 : (int)pid;
}

static void add(struct process_list *list, int pid)
{
    if (list->n < PROCESS_LIST_MAX) {
        list->pid[list->n++] = pid;
    }
}

void process_list_at(const char *cwd, struct process_list *out)
{
    out->n = 0;
    DIR *proc = opendir("/proc");
    if (proc == NULL) {
        return;
    }
    for (struct dirent *e = readdir(proc); e != NULL; e = readdir(proc)) {
        int pid = pid_of(e->d_name);
        if (process_is_at(pid, cwd)) {
            add(out, pid);
        }
    }
    closedir(proc);
}

void process_children(int pid, struct process_list *out)
{
    char path[64];
    char list[8192];
    out->n = 0;
    snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
    (void)read_file(path, list, sizeof list);
    const char *p = list;
    char *end = NULL;
    for (long child = strtol(p, &end, 10); end != p; child = strtol(p, &end, 10)) {
        if (child > 0 && child <= INT_MAX) {
            add(out, (int)child);
        }
        p = end;
    }
}

bool process_list_has(const struct process_list *list, int pid)
{
    for (size_t i = 0; i < list->n; i++) {
        if (list->pid[i] == pid) {
            return true;
        }
    }
    return false;
}

void process_title(int pid, char *out, size_t room)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
    ssize_t n = read_file(path, out, room);
    for (ssize_t i = 0; i + 1 < n; i++) {
        if (out[i] == '\0') {
            out[i] = ' ';
        }
    }
}

/* --- who listens --- */

struct inodes {
    size_t n;
    uint64_t inode[INODES_MAX];
};

/* "  0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  0  0 12345 ..." */
static void read_line(const char *line, unsigned port, struct inodes *out)
{
    char local[64];
    unsigned state = 0;
    uint64_t inode = 0;
    if (sscanf(line, " %*d: %63s %*s %x %*s %*s %*s %*s %*s %" SCNu64, local, &state, &inode) !=
            3 ||
        state != STATE_LISTEN) {
        return;
    }
    const char *colon = strrchr(local, ':');
    if (colon != NULL && strtoul(colon + 1, NULL, 16) == port && out->n < INODES_MAX) {
        out->inode[out->n++] = inode;
    }
}

static void listeners(const char *path, unsigned port, struct inodes *out)
{
    char line[LINE_ROOM];
    FILE *f = fopen(path, "re");
    if (f == NULL) {
        return;
    }
    while (fgets(line, sizeof line, f) != NULL) {
        read_line(line, port, out);
    }
    fclose(f);
}

static bool is_one_of(const char *link, const struct inodes *inodes)
{
    uint64_t inode = 0;
    if (sscanf(link, "socket:[%" SCNu64 "]", &inode) != 1) {
        return false;
    }
    for (size_t i = 0; i < inodes->n; i++) {
        if (inodes->inode[i] == inode) {
            return true;
        }
    }
    return false;
}

static bool holds(int pid, const struct inodes *inodes)
{
    char path[64];
    char link[PATH_MAX];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%d/fd", pid);
    DIR *fds = opendir(path);
    if (fds == NULL) {
        return false;
    }
    for (struct dirent *e = readdir(fds); e != NULL && !found; e = readdir(fds)) {
        ssize_t n = readlinkat(dirfd(fds), e->d_name, link, sizeof link - 1);
        link[n < 0 ? 0 : n] = '\0';
        found = n > 0 && is_one_of(link, inodes);
    }
    closedir(fds);
    return found;
}

int process_of_port(unsigned port, struct text *out)
{
    struct inodes inodes = { 0 };
    int found = 0;
    listeners("/proc/net/tcp", port, &inodes);
    listeners("/proc/net/tcp6", port, &inodes);
    DIR *proc = inodes.n == 0 ? NULL : opendir("/proc");
    if (proc == NULL) {
        return 0;
    }
    for (struct dirent *e = readdir(proc); e != NULL && found == 0; e = readdir(proc)) {
        int pid = pid_of(e->d_name);
        if (pid == 0 || !holds(pid, &inodes)) {
            continue;
        }
        char path[64];
        char name[64];
        snprintf(path, sizeof path, "/proc/%d/comm", pid);
        ssize_t n = read_file(path, name, sizeof name);
        text_put_safe(out, bytes_of(name, n > 1 ? (size_t)n - 1 : 0));
        text_printf(out, " (pid %d)", pid);
        found = pid;
    }
    closedir(proc);
    return found;
}
