/* The coming and going of the guest. The environment is read when the library is loaded: nginx
 * empties it before it makes its first SSL. */
#include <dlfcn.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/guest.h"
#include "base/status.h"

enum { PROGRAM_BYTES_MAX = 256, KNOWN = 64 };

static struct observer_options options;
static char program[PROGRAM_BYTES_MAX];
static bool is_wanted;

/* What runs programs that bring their own TLS: a script started it, and so nobody looked at it. */
static const struct {
    const char *program, *stack; /* whose TLS it speaks */
} own_tls[] = { { "java", "Java" }, { "beam.smp", "Erlang" }, { "beam", "Erlang" } };

static bool is_set(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] == '1';
}

/* Functions met, and whose they are. An entry is written once: first the observer. */
static struct {
    _Atomic(const void *) function;
    _Atomic(struct observer *) observer;
    atomic_flag taken;
} known[KNOWN];

static struct observer *attach_to(const void *function)
{
    struct calls calls;
    void *handle = origin_handle(function); /* it stays: what is hooked must not be unloaded */
    return handle != NULL && calls_find(&calls, handle) ? observer_attach(&calls, &options) : NULL;
}

static void remember(const void *function, struct observer *o)
{
    for (size_t i = 0; i < KNOWN; i++) {
        if (!atomic_flag_test_and_set(&known[i].taken)) {
            atomic_store_explicit(&known[i].observer, o, memory_order_relaxed);
            atomic_store_explicit(&known[i].function, function, memory_order_release);
            return;
        }
    }
}

/* They are few: each function of interpose.c, in each OpenSSL. */
struct observer *preload_observer(const void *function)
{
    if (!is_wanted || function == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < KNOWN; i++) {
        const void *met = atomic_load_explicit(&known[i].function, memory_order_acquire);
        if (met == function) {
            return atomic_load_explicit(&known[i].observer, memory_order_relaxed);
        }
    }
    int saved = errno;
    struct observer *o = attach_to(function);
    remember(function, o);
    errno = saved;
    return o;
}

struct observer *preload_observer_of_crypto(const void *function)
{
    struct observer *o = is_wanted ? observer_first() : NULL;
    Dl_info ours;
    Dl_info theirs;
    if (o == NULL || function == NULL) {
        return NULL;
    }
    int saved = errno;
    bool is_same = dladdr(observer_crypto(o), &ours) != 0 && dladdr(function, &theirs) != 0 &&
                   ours.dli_fbase == theirs.dli_fbase;
    errno = saved;
    return is_same ? o : NULL;
}

void preload_unseen(const char *library)
{
    static atomic_flag said = ATOMIC_FLAG_INIT;
    struct note note = { 0 };
    struct note_entry unseen = { .kind = NOTE_UNSEEN };
    struct note_entry name = { .kind = NOTE_FACT, .type = FACT_PROGRAM };
    if (!is_wanted || atomic_flag_test_and_set(&said)) {
        return;
    }
    int saved = errno;
    note_put(&note, &name, bytes_of_str(program), (struct bytes){ NULL, 0 });
    note_put(&note, &unseen, bytes_of_str(library), (struct bytes){ NULL, 0 });
    if (note_seal(&note, options.key, (uint32_t)getpid(), false)) {
        outbox_send(bytes_of(note.p, note.len));
    }
    note_deinit(&note);
    errno = saved;
}

/* A program that holds or links OpenSSL: Node, nginx, curl. Others load it later (interpose.c). */
static void attach_early(void)
{
    void *all = dlopen(NULL, RTLD_LAZY | RTLD_NOLOAD);
    void *found = all == NULL ? NULL : dlsym(all, "SSL_new");
    if (found == NULL || origin_is_ours(found)) {
        found = dlsym(RTLD_NEXT, "SSL_new");
    }
    preload_observer(found);
}

static void say_own_tls(void)
{
    const char *slash = strrchr(program, '/');
    for (size_t i = 0; slash != NULL && i < ARRAY_LEN(own_tls); i++) {
        if (strcmp(slash + 1, own_tls[i].program) == 0) {
            preload_unseen(own_tls[i].stack);
        }
    }
}

static void send_note(void *whose, SSL *s, struct bytes note)
{
    (void)whose;
    (void)s;
    outbox_send(note);
}

/* The name that it was started by, where that is a link to the program (redis-server is one to
 * redis-check-rdb); a script's name is not its interpreter's. getauxval(3). */
static const char *name_of_program(void)
{
    const char *given = (const char *)getauxval(AT_EXECFN); /* NOLINT(performance-no-int-to-ptr) */
    struct stat started;
    struct stat running;
    bool is_link = given != NULL && given[0] == '/' && strlen(given) < PROGRAM_BYTES_MAX &&
                   stat(given, &started) == 0 && stat("/proc/self/exe", &running) == 0 &&
                   started.st_dev == running.st_dev && started.st_ino == running.st_ino;
    return is_link ? given : program;
}

__attribute__((constructor)) static void start(void)
{
    int saved = errno;
    if (outbox_init(options.key)) {
        ssize_t len = readlink("/proc/self/exe", program, sizeof program - 1);
        program[len > 0 ? len : 0] = '\0';
        options.program = name_of_program();
        options.sink = send_note;
        options.wants_all = is_set("HANDFAST_ALL");
        options.wants_keys = is_set("HANDFAST_KEYS");
        options.wants_wire = is_set("HANDFAST_WIRE");
        is_wanted = true;
        attach_early();
        say_own_tls();
    }
    errno = saved;
}

__attribute__((destructor)) static void end(void)
{
    int saved = errno;
    if (is_wanted) {
        observer_exit();
    }
    errno = saved;
}
