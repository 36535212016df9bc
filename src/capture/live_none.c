/* Platforms without a live source. */
#include "capture/source.h"

enum status live_open(struct capture *c, const char *interface, struct err *err)
{
    (void)c;
    return err_set(err, ST_USAGE, "%s: this build cannot capture from interfaces", interface);
}

void live_close(struct live *live)
{
    (void)live;
}

uint64_t live_dropped(struct live *live)
{
    (void)live;
    return 0;
}
