/* Who would have been called. The caller's own libraries decide, as the linker would have: a
 * process may hold two OpenSSLs. */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdatomic.h>

#include "agent/guest.h"
#include "base/status.h"

enum { SITES = 512, PROBES = 16, OBJECTS_MAX = 512 };

static const char anchor; /* an address within this library */

/* Call sites met, by address and by name: a function that ends in a call of another leaves its own
 * caller's address. An entry is written once: first the function and the name, then the site. */
static struct {
    _Atomic(const void *) site;
    _Atomic(const char *) name; /* a literal of interpose.c */
    _Atomic(void *) function;
    atomic_flag taken;
} sites[SITES];

bool origin_is_ours(const void *address)
{
    Dl_info us;
    Dl_info it;
    return dladdr(&anchor, &us) != 0 && dladdr(address, &it) != 0 && us.dli_fbase == it.dli_fbase;
}

void *origin_handle(const void *function)
{
    Dl_info info;
    if (dladdr(function, &info) == 0 || info.dli_fname == NULL) {
        return NULL;
    }
    /* The main program has no name that dlopen() knows. */
    void *handle = dlopen(info.dli_fname, RTLD_LAZY | RTLD_NOLOAD);
    return handle != NULL ? handle : dlopen(NULL, RTLD_LAZY | RTLD_NOLOAD);
}

static void *look_up(const char *name, const void *caller)
{
    void *handle = origin_handle(caller);
    void *found = handle == NULL ? NULL : dlsym(handle, name);
    if (handle != NULL) {
        dlclose(handle); /* RTLD_NOLOAD counted it once more */
    }
    return found == NULL || origin_is_ours(found) ? dlsym(RTLD_NEXT, name) : found;
}

/* Where a call site is, or may be put: so many places from where its hash says. */
static size_t slot_of(const char *name, const void *caller, size_t probe)
{
    return ((((uintptr_t)caller >> 2) ^ ((uintptr_t)name >> 1)) + probe) % SITES;
}

static void *recall(const char *name, const void *caller)
{
    for (size_t probe = 0; probe < PROBES; probe++) {
        size_t slot = slot_of(name, caller, probe);
        const void *site = atomic_load_explicit(&sites[slot].site, memory_order_acquire);
        if (site == caller &&
            atomic_load_explicit(&sites[slot].name, memory_order_relaxed) == name) {
            return atomic_load_explicit(&sites[slot].function, memory_order_relaxed);
        }
    }
    return NULL;
}

static void remember(const char *name, const void *caller, void *function)
{
    for (size_t probe = 0; probe < PROBES; probe++) {
        size_t slot = slot_of(name, caller, probe);
        if (!atomic_flag_test_and_set(&sites[slot].taken)) {
            atomic_store_explicit(&sites[slot].function, function, memory_order_relaxed);
            atomic_store_explicit(&sites[slot].name, name, memory_order_relaxed);
            atomic_store_explicit(&sites[slot].site, caller, memory_order_release);
            return;
        }
    }
}

static void *find_from(const char *name, const void *site)
{
    void *found = recall(name, site);
    if (found == NULL && !origin_is_ours(site)) {
        found = look_up(name, site);
        if (found != NULL) {
            remember(name, site, found);
        }
    }
    return found;
}

/* --- libraries that nobody links --- */

/* An address within each object that is loaded. */
struct objects {
    size_t n;
    const void *within[OBJECTS_MAX];
};

/* Nothing may be loaded or looked up while the list is walked: dl_iterate_phdr(3) holds a lock. */
static int gather_object(struct dl_phdr_info *info, size_t size, void *arg)
{
    struct objects *all = arg;
    (void)size;
    for (size_t i = 0; i < info->dlpi_phnum && all->n < OBJECTS_MAX; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        if (segment->p_type == PT_LOAD) {
            all->within[all->n++] = (const void *)(info->dlpi_addr + segment->p_vaddr);
            break;
        }
    }
    return 0;
}

/* The function as this object itself defines it. */
static void *defined_in(const char *name, const void *within)
{
    Dl_info object;
    Dl_info holder;
    void *handle = origin_handle(within);
    void *found = handle == NULL ? NULL : dlsym(handle, name);
    if (handle != NULL) {
        dlclose(handle);
    }
    bool is_own = found != NULL && dladdr(within, &object) != 0 && dladdr(found, &holder) != 0 &&
                  object.dli_fbase == holder.dli_fbase;
    return is_own && !origin_is_ours(found) ? found : NULL;
}

/* Qt loads its OpenSSL with dlopen() and finds each function with dlsym(): it is in nobody's scope
 * but its own, and where one of its functions ends in a call of another the caller's address is
 * Qt's. The program called that library, so it is there; where there are several that nobody
 * links, the first is taken. */
static void *find_in_any(const char *name)
{
    struct objects all = { 0 };
    void *found = NULL;
    dl_iterate_phdr(gather_object, &all);
    for (size_t i = 0; i < all.n && found == NULL; i++) {
        found = defined_in(name, all.within[i]);
    }
    return found;
}

/* A function of libssl that ends in a call of libcrypto's leaves the return address that it was
 * given: one of ours. Then the library that was called last from here is the caller. */
void *origin_find(const char *name, const void *caller)
{
    /* There from the start of the program: room for it is kept, and no call finds it. */
    static _Thread_local const void *latest __attribute__((tls_model("initial-exec")));
    int saved = errno;
    void *found = find_from(name, caller);
    if (found == NULL && latest != NULL) {
        found = find_from(name, latest);
    }
    if (found == NULL) {
        found = find_in_any(name);
        if (found != NULL) {
            remember(name, caller, found);
        }
    }
    if (found != NULL) {
        latest = found;
    }
    errno = saved;
    return found;
}
