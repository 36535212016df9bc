/* revision_parts: the documents of a revision's bundle one by one: proxy endpoints, target
 * endpoints, policies, resources. Source: gateway-facts 1.8. */
#include <stdlib.h>
#include <string.h>

#include "api/apis.h"
#include "api/change.h"
#include "api/revision_part_json.h"
#include "store/xml.h"

struct part_kind {
    const char *word; /* in the path */
    enum bundle_part part;
    const char *root; /* the element; NULL: any */
};

static const struct part_kind kinds[] = {
    { "proxies", BUNDLE_PROXY, "ProxyEndpoint" },
    { "targets", BUNDLE_TARGET, "TargetEndpoint" },
    { "policies", BUNDLE_POLICY, NULL },
    { "resources", BUNDLE_RESOURCE, NULL },
};

/* The route's path has the word after the revision. */
static const struct part_kind *kind_of(const struct api_request *r)
{
    size_t i = 0;
    while (i + 1 < ARRAY_LEN(kinds) && strstr(r->route->path, kinds[i].word) == NULL) {
        i++;
    }
    return &kinds[i];
}

/* {t} is a resource's type where the path has it; else the query has. */
static const char *resource_type(const struct api_request *r)
{
    const char *type = api_query(r, "type");
    return strstr(r->route->path, "/{x}/{y}") != NULL ? api_param(r, "x")
           : type == NULL                             ? ""
                                                      : type;
}

static const char *part_name(const struct api_request *r)
{
    if (strstr(r->route->path, "/{x}/{y}") != NULL) {
        return api_param(r, "y");
    }
    return strstr(r->route->path, "/{x}") != NULL ? api_param(r, "x") : api_query(r, "name");
}

static const struct bundle_file *find_file(const struct bundle *b, const char *path)
{
    for (size_t i = 0; i < b->files.n; i++) {
        if (strcmp(b->files.list[i].path, path) == 0) {
            return &b->files.list[i];
        }
    }
    return NULL;
}

/* Endpoints and policies go by the name in the document; files may be called otherwise. */
static const struct bundle_file *find_part(const struct bundle *b, const struct part_kind *kind,
                                           const char *name, struct arena *arena, const char *type)
{
    const char *file = NULL;
    for (size_t i = 0; kind->part == BUNDLE_PROXY && i < b->n_proxies; i++) {
        file = strcmp(b->proxies[i].name, name) == 0 ? b->proxies[i].at.file : file;
    }
    for (size_t i = 0; kind->part == BUNDLE_TARGET && i < b->n_targets; i++) {
        file = strcmp(b->targets[i].name, name) == 0 ? b->targets[i].at.file : file;
    }
    for (size_t i = 0; kind->part == BUNDLE_POLICY && i < b->n_policies; i++) {
        file = strcmp(b->policies[i].name, name) == 0 ? b->policies[i].file : file;
    }
    if (file == NULL) {
        file = bundle_part_path(arena, kind->part, type, name);
    }
    return file == NULL ? NULL : find_file(b, file);
}

/* --- reading --- */

static enum status list(struct api_request *r, struct api_answer *a, struct err *err)
{
    json_t *document = NULL;
    struct bundle b;
    TRY(api_load_revision(r, a, api_param(r, "p"), api_param(r, "n"), &document, err));
    json_decref(document);
    if (document == NULL) {
        return ST_OK;
    }
    TRY(deployed_bundle(r, api_param(r, "p"), api_param(r, "n"), &b, err));
    json_t *names = api_part_names(&b, kind_of(r)->part);
    bundle_deinit(&b);
    return api_say(a, 0, names);
}

static enum status say_part(struct api_request *r, struct api_answer *a, const struct bundle *b)
{
    const struct part_kind *kind = kind_of(r);
    const char *name = part_name(r);
    const struct bundle_file *file = find_part(b, kind, name, r->arena, resource_type(r));
    if (file == NULL) {
        return api_refuse(a, 404, "messaging.config.beans.ApplicationPartDoesNotExist",
                          "Revision %s of API proxy %s has no %s %s", api_param(r, "n"),
                          api_param(r, "p"), kind->word, name);
    }
    if (kind->part == BUNDLE_RESOURCE) {
        return api_say_text(a, "application/octet-stream", file->content);
    }
    if (r->wants == API_XML) {
        return api_say_text(a, "application/xml", file->content);
    }
    return api_say(a, 0, api_part_json(b, kind->part, name));
}

static enum status show(struct api_request *r, struct api_answer *a, struct err *err)
{
    json_t *document = NULL;
    struct bundle b;
    TRY(api_load_revision(r, a, api_param(r, "p"), api_param(r, "n"), &document, err));
    json_decref(document);
    if (document == NULL) {
        return ST_OK;
    }
    TRY(deployed_bundle(r, api_param(r, "p"), api_param(r, "n"), &b, err));
    enum status st = say_part(r, a, &b);
    bundle_deinit(&b);
    return st;
}

/* --- writing --- */

struct change {
    const struct part_kind *kind;
    const char *path, *name;
    struct bytes content; /* p == NULL: deleted */
};

/* Well-formed, of the right kind; the name of a policy is in it. */
static enum status check_xml(struct api_request *r, struct api_answer *a, struct change *c,
                             struct err *err)
{
    struct remarks remarks = { .arena = r->arena };
    struct xml xml = { 0 };
    TRY(xml_read(r->body, NULL, &remarks, &xml, err));
    if (xml.doc != NULL) {
        const xmlNode *root = xml_root(&xml);
        if (c->kind->root != NULL && !xml_is(root, c->kind->root)) {
            remarks_add(&remarks, REMARK_BROKEN, "bundle.UnknownElement", xml_place(&xml, root),
                        "<%s> is wanted here, not <%s>", c->kind->root, (const char *)root->name);
        }
        const char *own = xml_attribute(root, "name", r->arena);
        c->name = c->name == NULL ? own : c->name;
    }
    xml_deinit(&xml);
    return api_refuse_remarks(r, a, &remarks, REMARK_BROKEN);
}

static enum status refuse_deployed(struct api_request *r, struct api_answer *a, struct err *err)
{
    const char *env = NULL;
    TRY(api_where_deployed(r, api_param(r, "p"), api_param(r, "n"), &env, err));
    return env == NULL ? ST_OK
                       : api_refuse(a, 400, "messaging.config.beans.ImmutableRevision",
                                    "Revision %s of API proxy %s is deployed in environment %s and "
                                    "cannot be changed: undeploy it, or import a new revision",
                                    api_param(r, "n"), api_param(r, "p"), env);
}

/* The new archive replaces the old one; the answer has what is remarked on in this document. */
static enum status keep(struct api_request *r, struct api_answer *a, const struct change *c,
                        struct bytes zip, struct err *err)
{
    struct store_key key = api_revision_key(r, api_param(r, "p"), api_param(r, "n"));
    struct bundle b;
    json_t *document = NULL;
    TRY(bundle_read(zip, &b, err));
    json_t *answer = api_part_answer(&b, c->path, c->name);
    enum status st = api_refuse_remarks(r, a, &b.remarks, REMARK_BROKEN);
    bundle_deinit(&b);
    if (st != ST_OK || api_refused(a)) {
        json_decref(answer);
        return st;
    }
    TRY(api_say(a, 0, answer));
    TRY(api_document(r, &key, &document, err));
    if (document == NULL || !api_changed_now(r, document)) {
        json_decref(document);
        return err_set(err, ST_NOMEM, "no memory for a revision");
    }
    return api_document_put(r, &key, document, zip, err);
}

static enum status put_part(struct api_request *r, struct api_answer *a, const struct change *c,
                            struct err *err)
{
    struct store_key key = api_revision_key(r, api_param(r, "p"), api_param(r, "n"));
    struct bytes before = { 0 };
    struct bytes after = { 0 };
    TRY(store_blob(r->store, &key, &before, err));
    enum status st = bundle_zip_put(before, c->path, c->content, &after, err);
    store_bytes_free(before);
    TRY(st);
    st = keep(r, a, c, after, err);
    free((void *)(uintptr_t)after.p);
    return st;
}

static enum status change(struct api_request *r, struct api_answer *a, void *arg, struct err *err)
{
    struct change *c = arg;
    json_t *document = NULL;
    TRY(api_load_revision(r, a, api_param(r, "p"), api_param(r, "n"), &document, err));
    json_decref(document);
    if (document == NULL) {
        return ST_OK;
    }
    TRY(refuse_deployed(r, a, err));
    return api_refused(a) ? ST_OK : put_part(r, a, c, err);
}

static enum status put(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct change c = { .kind = kind_of(r), .name = part_name(r), .content = r->body };
    if (c.kind->part != BUNDLE_RESOURCE) {
        TRY(check_xml(r, a, &c, err));
    }
    if (api_refused(a)) {
        return ST_OK;
    }
    c.path =
        c.name == NULL ? NULL : bundle_part_path(r->arena, c.kind->part, resource_type(r), c.name);
    if (c.path == NULL) {
        return api_refuse(a, 400, "configuration.InvalidParameter",
                          "name: a part of a bundle needs a name that a file can have%s",
                          c.kind->part == BUNDLE_RESOURCE ? ", and a type" : "");
    }
    return api_change(r, a, change, &c, err);
}

static enum status take_out(struct api_request *r, struct api_answer *a, void *arg, struct err *err)
{
    struct change *c = arg;
    json_t *document = NULL;
    struct bundle b;
    TRY(api_load_revision(r, a, api_param(r, "p"), api_param(r, "n"), &document, err));
    json_decref(document);
    if (document == NULL) {
        return ST_OK;
    }
    TRY(deployed_bundle(r, api_param(r, "p"), api_param(r, "n"), &b, err));
    const struct bundle_file *file = find_part(&b, c->kind, c->name, r->arena, resource_type(r));
    c->path = file == NULL ? NULL : arena_strndup(r->arena, file->path, strlen(file->path));
    bundle_deinit(&b);
    if (c->path == NULL) {
        return api_refuse(a, 404, "messaging.config.beans.ApplicationPartDoesNotExist",
                          "Revision %s of API proxy %s has no %s %s", api_param(r, "n"),
                          api_param(r, "p"), c->kind->word, c->name);
    }
    TRY(refuse_deployed(r, a, err));
    return api_refused(a) ? ST_OK : put_part(r, a, c, err);
}

static enum status delete_one(struct api_request *r, struct api_answer *a, struct err *err)
{
    struct change c = { .kind = kind_of(r), .name = part_name(r) };
    return api_change(r, a, take_out, &c, err);
}

/* clang-format off: a table reads by columns */
#define REVISION "/organizations/{o}/apis/{p}/revisions/{n}"
#define PART_ROUTES(word, Word, what)                                                              \
    { API_GET,                                                                                     \
      REVISION "/" word,                                                                           \
      API_RIGHT_READ,                                                                              \
      list,                                                                                        \
      "list" Word,                                                                                 \
      "Names of the " what "s",                                                                    \
      NULL,                                                                                        \
      API_BODY_NONE,                                                                               \
      NULL,                                                                                        \
      "Names",                                                                                     \
      API_OUT_DOCUMENT,                                                                            \
      200,                                                                                         \
      NULL,                                                                                        \
      0 },                                                                                         \
        { API_POST, REVISION "/" word, API_RIGHT_DEVELOP,                                          \
          put,      "put" Word,        "Put a " what " into a revision that is not deployed",      \
          "name",   API_BODY_OCTETS,   NULL,                                                       \
          "Part",   API_OUT_DOCUMENT,  201,                                                        \
          NULL,     API_BUNDLE_LIMIT },                                                            \
        { API_GET,                                                                                 \
          REVISION "/" word "/{x}",                                                                \
          API_RIGHT_READ,                                                                          \
          show,                                                                                    \
          "get" Word,                                                                              \
          "A " what "; as XML it is the document itself",                                          \
          NULL,                                                                                    \
          API_BODY_NONE,                                                                           \
          NULL,                                                                                    \
          "Part",                                                                                  \
          API_OUT_DOCUMENT,                                                                        \
          200,                                                                                     \
          NULL,                                                                                    \
          0 },                                                                                     \
        { API_PUT,                                                                                 \
          REVISION "/" word "/{x}",                                                                \
          API_RIGHT_DEVELOP,                                                                       \
          put,                                                                                     \
          "replace" Word,                                                                          \
          "Replace a " what " of a revision that is not deployed",                                 \
          NULL,                                                                                    \
          API_BODY_OCTETS,                                                                         \
          NULL,                                                                                    \
          "Part",                                                                                  \
          API_OUT_DOCUMENT,                                                                        \
          200,                                                                                     \
          NULL,                                                                                    \
          API_BUNDLE_LIMIT },                                                                      \
    {                                                                                              \
        API_DELETE, REVISION "/" word "/{x}", API_RIGHT_DEVELOP, delete_one, "delete" Word,        \
            "Take a " what " out of a revision that is not deployed", NULL, API_BODY_NONE, NULL,   \
            "Part", API_OUT_DOCUMENT, 200, NULL, 0                                                 \
    }

static const struct api_route routes[] = {
    PART_ROUTES("proxies", "ProxyEndpoint", "proxy endpoint"),
    PART_ROUTES("targets", "TargetEndpoint", "target endpoint"),
    { API_GET, REVISION "/policies", API_RIGHT_READ, list, "listPolicies", "Names of the policies",
      NULL, API_BODY_NONE, NULL, "Names", API_OUT_DOCUMENT, 200, NULL, 0 },
    { API_POST, REVISION "/policies", API_RIGHT_DEVELOP, put, "putPolicy",
      "Put a policy into a revision that is not deployed", "name", API_BODY_OCTETS, NULL, "Part",
      API_OUT_DOCUMENT, 201, NULL, API_BUNDLE_LIMIT },
    { API_GET, REVISION "/policies/{x}", API_RIGHT_READ, show, "getPolicy",
      "A policy; as XML it is the document itself", NULL, API_BODY_NONE, NULL, "Part",
      API_OUT_DOCUMENT, 200, NULL, 0 },
    { API_PUT, REVISION "/policies/{x}", API_RIGHT_DEVELOP, put, "replacePolicy",
      "Replace a policy of a revision that is not deployed", NULL, API_BODY_OCTETS, NULL, "Part",
      API_OUT_DOCUMENT, 200, NULL, API_BUNDLE_LIMIT },
    { API_DELETE, REVISION "/policies/{x}", API_RIGHT_DEVELOP, delete_one, "deletePolicy",
      "Take a policy out of a revision that is not deployed", NULL, API_BODY_NONE, NULL, "Part",
      API_OUT_DOCUMENT, 200, NULL, 0 },
    { API_GET, REVISION "/resources", API_RIGHT_READ, list, "listResources",
      "Names and types of the resources", NULL, API_BODY_NONE, NULL, "Resources", API_OUT_DOCUMENT,
      200, "ResourceFiles", 0 },
    { API_POST, REVISION "/resources", API_RIGHT_DEVELOP, put, "putResource",
      "Put a resource into a revision that is not deployed", "type name", API_BODY_OCTETS, NULL,
      "Part", API_OUT_DOCUMENT, 201, NULL, API_BUNDLE_LIMIT },
    { API_GET, REVISION "/resources/{x}/{y}", API_RIGHT_READ, show, "getResource",
      "A resource, its bytes", NULL, API_BODY_NONE, NULL, NULL, API_OUT_TEXT, 200, NULL, 0 },
    { API_PUT, REVISION "/resources/{x}/{y}", API_RIGHT_DEVELOP, put, "replaceResource",
      "Replace a resource of a revision that is not deployed", NULL, API_BODY_OCTETS, NULL, "Part",
      API_OUT_DOCUMENT, 200, NULL, API_BUNDLE_LIMIT },
    { API_DELETE, REVISION "/resources/{x}/{y}", API_RIGHT_DEVELOP, delete_one, "deleteResource",
      "Take a resource out of a revision that is not deployed", NULL, API_BODY_NONE, NULL, "Part",
      API_OUT_DOCUMENT, 200, NULL, 0 },
};

static const struct api_schema schemas[] = {
    { "Part", "{\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},"
              "\"warnings\":{\"type\":\"array\",\"items\":{\"type\":\"object\"}}}}" },
    { "Resources",
      "{\"type\":\"object\",\"properties\":{\"resourceFile\":{\"type\":\"array\",\"items\":{"
      "\"type\":\"object\",\"properties\":{\"name\":{\"type\":\"string\"},"
      "\"type\":{\"type\":\"string\"}}}}}}" },
};
/* clang-format on */

const struct api_table api_table_revision_parts = { "API proxies", routes, ARRAY_LEN(routes),
                                                    schemas, ARRAY_LEN(schemas) };
