/*
 * complaint: what nginx says is wrong, as a sentence for somebody who does not see its files.
 *
 * "nginx: [emerg] bind() to 0.0.0.0:443 failed (98: Address already in use)" and the same with a
 * time before it, as in its error log, become "bind() to 0.0.0.0:443 failed (98: Address already in
 * use)"; with the name of who holds the port where that can be seen. Paths of the gateway's own
 * files ("in /var/lib/.../nginx.conf:12") are left out.
 */
#ifndef HANDFAST_GATEWAY_COMPLAINT_H
#define HANDFAST_GATEWAY_COMPLAINT_H

#include "base/text.h"

/* The first line of level emerg, else error, else the last line; control characters are escaped. */
void complaint_put(struct text *out, const char *said);

#endif
