#include "diagnose/hello_evidence.h"

#include "base/clock.h"
#include "tls/names.h"

const char *hello_version_name(uint16_t version)
{
    const char *name = tls_version_name(version);
    return name == NULL ? "an unknown version" : name;
}

bool hello_server_ended(const struct view *view)
{
    return view->stage == STAGE_HELLO && view->offer != NULL && view->end != NULL &&
           view->end_side == SIDE_SERVER;
}

/* A server that refuses what it reads needs no longer; a timeout does. */
#define AT_ONCE_NS NS_PER_S

/* Some servers refuse a hello by closing, without the alert that RFC 8446 6.2 asks for (lighttpd
 * with GnuTLS, Node for a name). */
bool hello_server_left(const struct view *view)
{
    return hello_server_ended(view) && view->end->kind == EVENT_FIN && !view->server_answered &&
           view->idle_ns < AT_ONCE_NS && view->t->violation == NULL;
}

const char *hello_offered_versions(struct judging *j)
{
    const struct view *view = j->view;
    if (view->min_version == 0) {
        return "no version that is known";
    }
    if (!tls_has(&view->offer->ext,
                 TLS_EXT_SUPPORTED_VERSIONS)) { /* the hello names its highest only */
        const char *up_to =
            arena_printf(j->arena, "versions up to %s", hello_version_name(view->max_version));
        return up_to == NULL ? "several versions" : up_to;
    }
    if (view->min_version == view->max_version) {
        const char *only = arena_printf(j->arena, "%s only", hello_version_name(view->max_version));
        return only == NULL ? "one version only" : only;
    }
    const char *range = arena_printf(j->arena, "%s to %s", hello_version_name(view->min_version),
                                     hello_version_name(view->max_version));
    return range == NULL ? "several versions" : range;
}

/* Signalling values and GREASE are no suites that could be chosen. */
static size_t count_suites(const struct tls_client_hello *hello)
{
    size_t n = 0;
    for (size_t i = 0; i < tls_u16_count(hello->cipher_suites); i++) {
        uint16_t value = tls_u16_at(hello->cipher_suites, i);
        n += !tls_is_grease(value) && !tls_cipher_suite_is_scsv(value);
    }
    return n;
}

void hello_cite_offer(struct judging *j)
{
    if (j->view->offer == NULL) { /* lost, or before the capture */
        return;
    }
    size_t n_suites = count_suites(j->view->offer);
    add_evidence(j, j->view->offer_event, "the client offers %s, %zu cipher suite%s, %s%s",
                 hello_offered_versions(j), n_suites, n_suites == 1 ? "" : "s",
                 j->t->server_name == NULL ? "no server name" : "server name ",
                 j->t->server_name == NULL ? "" : j->t->server_name);
}

void hello_cite_end(struct judging *j)
{
    add_evidence(j, j->view->end, "%s", end_words(j));
}
