/* ask: the mark that an nginx answers with on a socket of its own: which configuration is in force.
 */
#ifndef HANDFAST_GATEWAY_ASK_H
#define HANDFAST_GATEWAY_ASK_H

#include <stdbool.h>
#include <stddef.h>

/* Lower-case hexadecimal digits, at most room - 1; false where nobody answers within half a second.
 */
bool ask_mark(const char *socket_path, char *out, size_t room);

#endif
