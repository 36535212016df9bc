/* The Message Processor's nginx.conf. */
#include "gateway/writer.h"

enum status writer_processor(struct writer *w, struct err *err)
{
    struct conf *c = &w->c;
    (void)err;
    writer_head(w, PROPERTY_PROCESSOR_WORKERS);
    conf_open(c, "http");
    writer_http(w);
    conf_open(c, "server");
    conf_line(c, "listen unix:../mp.sock default_server");
    conf_line(c, "return 404");
    conf_close(c);
    conf_close(c);
    return ST_OK;
}
