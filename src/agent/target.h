/*
 * target: can this program be observed?
 *
 * Looks at the file: a script's interpreter, a static or foreign ELF file, Go's notes, the
 * libraries it names. What is loaded later nobody can see from here: "yes" means that nothing
 * speaks against it. Sources: elf(5), ld.so(8), execve(2).
 */
#ifndef HANDFAST_AGENT_TARGET_H
#define HANDFAST_AGENT_TARGET_H

#include <stdbool.h>

#include "base/status.h"

enum target_kind {
    TARGET_OBSERVABLE,
    TARGET_STATIC,  /* no dynamic linker: LD_PRELOAD means nothing */
    TARGET_GO,      /* brings its own TLS */
    TARGET_JAVA,    /* brings its own TLS, in the virtual machine */
    TARGET_ERLANG,  /* the same */
    TARGET_GNUTLS,  /* links GnuTLS and no OpenSSL */
    TARGET_NSS,     /* links NSS and no OpenSSL */
    TARGET_SETUID,  /* the linker ignores LD_PRELOAD for it */
    TARGET_FOREIGN, /* of another architecture or word size */
    TARGET_UNREADABLE
};

/* `command` as execvp() finds it. `path` is filled with the file that decides, an interpreter for a
 * script; TARGET_UNREADABLE where nothing can be said. */
enum target_kind target_look(const char *command, char *path, size_t room);
/* A sentence without the program's name: why not, and what to do instead. NULL for those that can
 * be observed. */
const char *target_advice(enum target_kind kind);
/* The same for a library that a guest met, or for what runs the program ("Java", "Erlang"). */
const char *target_advice_for(const char *library);
/* Known by the program's name alone: whether it speaks TLS at all nobody saw. */
bool target_is_by_name(const char *library);

#endif
