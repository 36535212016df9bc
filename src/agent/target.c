#include "agent/target.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/text.h"

enum { INTERPRETERS_MAX = 4, SECTIONS_MAX = 4096, LINE_MAX_BYTES = 256 };

/* --- finding the file --- */

static bool is_executable_file(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static bool keep(const char *s, size_t len, char *path, size_t room)
{
    if (len >= room || !bytes_copy(path, room, bytes_of(s, len))) {
        return false;
    }
    path[len] = '\0';
    return true;
}

static bool find_in_path(const char *command, char *path, size_t room)
{
    const char *rest = getenv("PATH");
    rest = rest == NULL ? "/usr/local/bin:/usr/bin:/bin" : rest;
    while (*rest != '\0') {
        size_t len = strcspn(rest, ":");
        struct text candidate = { 0 };
        text_put(&candidate, len == 0 ? "." : rest, len == 0 ? 1 : len);
        text_printf(&candidate, "/%s", command);
        bool is_it = is_executable_file(text_str(&candidate)) &&
                     keep(text_str(&candidate), candidate.len, path, room);
        text_deinit(&candidate);
        if (is_it) {
            return true;
        }
        rest += len + (rest[len] == ':');
    }
    return false;
}

static bool find(const char *command, char *path, size_t room)
{
    if (strchr(command, '/') != NULL) {
        return keep(command, strlen(command), path, room);
    }
    return find_in_path(command, path, room);
}

/* "#!/usr/bin/env python3" is run by python3. False where there is no such line. */
static bool interpreter_of(struct bytes file, char *path, size_t room)
{
    if (!bytes_start_with(file, BYTES("#!"))) {
        return false;
    }
    struct bytes line = bytes_head(bytes_skip(file, 2), LINE_MAX_BYTES);
    const uint8_t *end = line.len > 0 ? memchr(line.p, '\n', line.len) : NULL;
    line = end == NULL ? line : bytes_head(line, (size_t)(end - line.p));
    struct bytes word = bytes_next_word(&line);
    char name[PATH_MAX];
    bool is_env = word.len >= 4 && memcmp(word.p + word.len - 4, "/env", 4) == 0;
    if (is_env) {
        do {
            word = bytes_next_word(&line);
        } while (word.len > 0 && (word.p[0] == '-' || memchr(word.p, '=', word.len) != NULL));
    }
    return word.len > 0 && keep((const char *)word.p, word.len, name, sizeof name) &&
           find(name, path, room);
}

/* --- ELF --- */

/* The views that decide; each is checked against the file before it is used. */
struct elf {
    struct bytes file;
    Elf64_Ehdr head;
    bool has_interpreter;
    bool has_go_note;
    bool links_openssl, links_gnutls, links_nss, links_jli;
};

static bool part(struct bytes file, uint64_t at, uint64_t len, struct bytes *out)
{
    if (at > file.len || len > file.len - at) {
        return false;
    }
    *out = bytes_of(file.p + at, (size_t)len);
    return true;
}

static bool read_at(struct bytes file, uint64_t at, void *out, size_t len)
{
    struct bytes b;
    return part(file, at, len, &b) && bytes_copy(out, len, b);
}

static bool starts(struct bytes strings, uint64_t at, const char *prefix)
{
    struct bytes b;
    return part(strings, at, strlen(prefix), &b) && bytes_equal(b, bytes_of_str(prefix));
}

static void read_needed(struct elf *e, const Elf64_Shdr *dynamic, const Elf64_Shdr *table)
{
    struct bytes entries;
    struct bytes strings;
    if (!part(e->file, dynamic->sh_offset, dynamic->sh_size, &entries) ||
        !part(e->file, table->sh_offset, table->sh_size, &strings)) {
        return;
    }
    Elf64_Dyn d;
    for (uint64_t at = 0; read_at(entries, at, &d, sizeof d) && d.d_tag != DT_NULL;
         at += sizeof d) {
        if (d.d_tag != DT_NEEDED) {
            continue;
        }
        uint64_t name = d.d_un.d_val;
        e->links_openssl = e->links_openssl || starts(strings, name, "libssl.so") ||
                           starts(strings, name, "libcrypto.so");
        e->links_gnutls = e->links_gnutls || starts(strings, name, "libgnutls") ||
                          starts(strings, name, "libcurl-gnutls");
        e->links_nss = e->links_nss || starts(strings, name, "libssl3.so");
        e->links_jli = e->links_jli || starts(strings, name, "libjli.so");
    }
}

static void read_sections(struct elf *e)
{
    Elf64_Shdr names = { 0 };
    Elf64_Shdr s;
    uint64_t size = e->head.e_shentsize;
    if (size != sizeof s || e->head.e_shnum > SECTIONS_MAX ||
        !read_at(e->file, e->head.e_shoff + size * e->head.e_shstrndx, &names, sizeof names)) {
        return;
    }
    struct bytes strings = { 0 };
    part(e->file, names.sh_offset, names.sh_size, &strings);
    for (uint64_t i = 0; i < e->head.e_shnum; i++) {
        Elf64_Shdr table;
        if (!read_at(e->file, e->head.e_shoff + size * i, &s, sizeof s)) {
            return;
        }
        e->has_go_note = e->has_go_note || starts(strings, s.sh_name, ".note.go.buildid") ||
                         starts(strings, s.sh_name, ".go.buildinfo");
        if (s.sh_type == SHT_DYNAMIC &&
            read_at(e->file, e->head.e_shoff + size * s.sh_link, &table, sizeof table)) {
            read_needed(e, &s, &table);
        }
    }
}

static void read_segments(struct elf *e)
{
    Elf64_Phdr p;
    for (uint64_t i = 0; e->head.e_phentsize == sizeof p && i < e->head.e_phnum; i++) {
        if (read_at(e->file, e->head.e_phoff + sizeof p * i, &p, sizeof p)) {
            e->has_interpreter = e->has_interpreter || p.p_type == PT_INTERP;
        }
    }
}

static enum target_kind judge_elf(struct bytes file)
{
    struct elf e = { .file = file };
    Elf64_Ehdr own;
    if (!bytes_start_with(file, BYTES(ELFMAG)) || !read_at(file, 0, &e.head, sizeof e.head)) {
        return TARGET_UNREADABLE;
    }
    int self = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    if (self < 0) { /* no descriptor is left: nothing is known */
        return TARGET_UNREADABLE;
    }
    bool is_ours = read(self, &own, sizeof own) == (ssize_t)sizeof own &&
                   own.e_ident[EI_CLASS] == e.head.e_ident[EI_CLASS] &&
                   own.e_machine == e.head.e_machine;
    close(self);
    if (!is_ours || e.head.e_ident[EI_CLASS] != ELFCLASS64) {
        return TARGET_FOREIGN;
    }
    read_segments(&e);
    read_sections(&e);
    if (e.has_go_note && !e.links_openssl) {
        return TARGET_GO;
    }
    if (!e.has_interpreter) {
        return TARGET_STATIC;
    }
    if (e.links_openssl) {
        return TARGET_OBSERVABLE;
    }
    return e.links_jli      ? TARGET_JAVA
           : e.links_gnutls ? TARGET_GNUTLS
           : e.links_nss    ? TARGET_NSS
                            : TARGET_OBSERVABLE;
}

/* The file's kind; true with `next` filled where a script names an interpreter. */
static bool look_at(const char *path, enum target_kind *kind, char *next, size_t room)
{
    struct stat st;
    bool goes_on = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    *kind = TARGET_UNREADABLE;
    if (fd < 0) {
        return false;
    }
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0) {
        void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
        if (map != MAP_FAILED) {
            struct bytes file = bytes_of(map, (size_t)st.st_size);
            goes_on = interpreter_of(file, next, room);
            *kind = goes_on ? TARGET_OBSERVABLE : judge_elf(file);
            munmap(map, (size_t)st.st_size);
        }
        bool is_setuid = (st.st_mode & S_ISUID) != 0 && st.st_uid != geteuid();
        if (!goes_on && (is_setuid || ((st.st_mode & S_ISGID) != 0 && st.st_gid != getegid()))) {
            *kind = TARGET_SETUID;
        }
    }
    close(fd);
    return goes_on;
}

enum target_kind target_look(const char *command, char *path, size_t room)
{
    enum target_kind kind = TARGET_UNREADABLE;
    char next[PATH_MAX];
    if (!find(command, path, room)) {
        return kind;
    }
    for (int i = 0; i < INTERPRETERS_MAX && look_at(path, &kind, next, sizeof next); i++) {
        if (!keep(next, strlen(next), path, room)) {
            return TARGET_UNREADABLE;
        }
    }
    return kind;
}

const char *target_advice(enum target_kind kind)
{
    switch (kind) {
    case TARGET_OBSERVABLE:
    case TARGET_UNREADABLE:
        return NULL;
    case TARGET_STATIC:
        return "is linked statically: nothing can be put into it. Capture its traffic (`tcpdump -w "
               "out.pcap`) and run `handfast explain out.pcap`, with --keylog where the program "
               "writes an SSLKEYLOGFILE";
    case TARGET_GO:
        return "is a Go program, which brings its own TLS: nothing in it can be observed. Capture "
               "its traffic (`tcpdump -w out.pcap`), let the program write its keys "
               "(tls.Config.KeyLogWriter), and run `handfast explain --keylog FILE out.pcap`";
    case TARGET_JAVA:
        return "is a Java program, which brings its own TLS: start it with "
               "`-Djavax.net.debug=ssl:handshake` and give its words to `handfast explain "
               "--message`, or capture its traffic and run `handfast explain`";
    case TARGET_ERLANG:
        return "runs Erlang, which brings its own TLS: set {log_level, debug} among the options of "
               "its ssl for its own words, or capture its traffic (`tcpdump -w out.pcap`) and run "
               "`handfast explain out.pcap`";
    case TARGET_GNUTLS:
        return "speaks TLS with GnuTLS, which cannot be observed this way: set "
               "GNUTLS_DEBUG_LEVEL=4 for its own words, or SSLKEYLOGFILE=FILE and capture its "
               "traffic for `handfast explain --keylog FILE out.pcap`";
    case TARGET_NSS:
        return "speaks TLS with NSS, which cannot be observed this way: set SSLKEYLOGFILE=FILE, "
               "capture its traffic and run `handfast explain --keylog FILE out.pcap`";
    case TARGET_SETUID:
        return "runs with another user's rights, and the system puts nothing into such a program: "
               "run it as that user, or capture its traffic for `handfast explain`";
    case TARGET_FOREIGN:
        return "is built for another kind of machine than handfast: capture its traffic for "
               "`handfast explain`";
    }
    return NULL;
}

static const struct {
    const char *name;
    enum target_kind kind;
} libraries[] = {
    { "GnuTLS", TARGET_GNUTLS },
    { "NSS", TARGET_NSS },
    { "Java", TARGET_JAVA },
    { "Erlang", TARGET_ERLANG },
};

const char *target_advice_for(const char *library)
{
    for (size_t i = 0; i < ARRAY_LEN(libraries); i++) {
        if (strcmp(library, libraries[i].name) == 0) {
            return target_advice(libraries[i].kind);
        }
    }
    return target_advice(TARGET_GNUTLS);
}

bool target_is_by_name(const char *library)
{
    return strcmp(library, "Java") == 0 || strcmp(library, "Erlang") == 0;
}
