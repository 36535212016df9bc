/* virtual_host_properties: the properties of a virtual host, by a table of those that there are. */
#ifndef HANDFAST_STORE_VIRTUAL_HOST_PROPERTIES_H
#define HANDFAST_STORE_VIRTUAL_HOST_PROPERTIES_H

#include "store/virtual_host.h"

/* Sets the fields that they mean; a name or value that is not known is an error. */
void virtual_host_read_properties(struct virtual_host *v, struct remarks *remarks);

#endif
