#include "gateway/process.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"

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

/* What follows the name in /proc/PID/stat: " S PPID ...". NULL: there is none. */
static const char *stat_of(int pid, char room[LINE_ROOM])
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    const char *end = read_file(path, room, LINE_ROOM) > 0 ? strrchr(room, ')') : NULL;
    return end == NULL ? NULL : end + 1; /* the name may hold anything */
}

static bool is_zombie(int pid)
{
    char room[LINE_ROOM];
    const char *stat = stat_of(pid, room);
    return stat == NULL || stat[0] == '\0' || stat[1] == 'Z';
}

/* starttime is the 22nd field, in ticks since the system came up; the state is the third. */
int64_t process_started_ms(int pid)
{
    enum { FIELDS_BEFORE = 19 };
    char room[LINE_ROOM];
    struct timespec up;
    int64_t now_ms = clock_now_ns() / NS_PER_MS;
    long ticks_per_s = sysconf(_SC_CLK_TCK);
    const char *at = stat_of(pid, room);
    for (int i = 0; at != NULL && i <= FIELDS_BEFORE; i++) {
        at = strchr(at + (i > 0 ? 1 : 0), ' ');
    }
    if (at == NULL || ticks_per_s <= 0 || clock_gettime(CLOCK_BOOTTIME, &up) != 0) {
        return now_ms;
    }
    int64_t up_ms = (int64_t)up.tv_sec * 1000 + up.tv_nsec / NS_PER_MS;
    int64_t start_ms = (int64_t)(strtoull(at, NULL, 10) * 1000 / (unsigned long)ticks_per_s);
    return start_ms > up_ms ? now_ms : now_ms - (up_ms - start_ms);
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
