#include "api/output.h"

#include <stdlib.h>
#include <string.h>

#include "api/xml.h"

static const char *root_of(const struct api_exchange *x)
{
    if (x->answer.xml_root != NULL) {
        return x->answer.xml_root;
    }
    if (json_is_array(x->answer.json)) {
        return "List";
    }
    const struct api_route *route = x->request.route;
    return route != NULL && route->xml_root != NULL ? route->xml_root : "Answer";
}

static bool put_json(struct api_exchange *x)
{
    char *json = json_dumps(x->answer.json, JSON_INDENT(2) | JSON_ENCODE_ANY);
    if (json == NULL) {
        return false;
    }
    text_puts(&x->out, json);
    text_putc(&x->out, '\n');
    free(json);
    x->type = "application/json";
    return !x->out.failed;
}

static bool put_document(struct api_exchange *x)
{
    if (x->request.wants == API_XML) {
        if (api_xml_write(&x->out, x->answer.json, root_of(x))) {
            x->type = "application/xml";
            return true;
        }
        text_clear(&x->out); /* what XML cannot say is said in JSON */
    }
    return put_json(x);
}

void api_output(struct api_exchange *x)
{
    text_clear(&x->out);
    x->out.failed = false;
    if (x->answer.json != NULL) {
        if (put_document(x)) {
            return;
        }
        text_clear(&x->out);
        x->answer.status = 500;
        x->type = "text/plain; charset=utf-8";
        return;
    }
    x->type = x->answer.type;
    if (x->answer.stream.next != NULL) {
        return;
    }
    struct text empty = x->out;
    x->out = x->answer.text; /* moved, not copied: bundles are large */
    x->answer.text = empty;
    if (x->type == NULL) {
        x->type = x->out.len > 0 ? "text/plain; charset=utf-8" : "";
    }
}
