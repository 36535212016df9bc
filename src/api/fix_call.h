/*
 * fix_call: the fix of a verdict as a call of this API, to be made as it stands.
 *
 *     {"method":"POST","path":"/v1/organizations/o/environments/e/keystores/ts/certs?alias=...",
 *      "contentType":"application/x-pem-file","body":"-----BEGIN ...","why":"..."}
 *
 * "first" has calls that are to be made before it: a truststore that it names.
 *
 * What has to be changed in the bundle of an API proxy is told in "change" of its import, which
 * then has no body: {"bundle": path of the archive, to be imported as it is; "parts": the calls
 * that put what changes into the new revision; "then": the call that deploys it}. For those who
 * keep the bundle elsewhere: "file" in it, "element": "<SSLInfo>..."; with "target" the file's
 * RouteRule gets a TargetEndpoint of that name, with that SSLInfo, in the place of its URL.
 *
 * It is made of the store as it is now: a body is the whole object with the change in it. Where the
 * fix is not the gateway's to make (a backend's certificate has expired), there is none; what the
 * gateway could do all the same is `workaround`, with what it costs in `why`.
 */
#ifndef HANDFAST_API_FIX_CALL_H
#define HANDFAST_API_FIX_CALL_H

#include <jansson.h>

#include "base/arena.h"
#include "gateway/events.h"
#include "store/store.h"

/* New references; NULL: there is none. */
struct fix_calls {
    json_t *fix, *workaround;
};

/* `event` with its report. `document`: the target server or virtual host as it is meant to be,
 * where the store does not have it (yet); NULL: as the store has it. */
void fix_calls_of(struct store *s, const struct kept_event *event, const json_t *document,
                  struct arena *arena, struct fix_calls *out);
void fix_calls_deinit(struct fix_calls *f);

#endif
