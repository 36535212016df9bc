/* The directives of ngx_http_handfast_module, all in one place (docs/man/handfast-nginx.5.scd). */
#include "gateway/writer.h"

const char *writer_id(const struct writer *w)
{
    return w->in->module != NULL ? "$handfast_id" : "$request_id";
}

void writer_module_http(struct writer *w)
{
    if (w->in->module == NULL) {
        return;
    }
    conf_line(&w->c, "handfast on");
}

void writer_module_north(struct writer *w, const struct model_host *host)
{
    (void)w;
    (void)host;
}

void writer_module_verify_client(struct writer *w)
{
    (void)w;
}
