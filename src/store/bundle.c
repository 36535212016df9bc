#include "store/bundle.h"

#include <string.h>

#include "store/bundle_parts.h"
#include "store/host_name.h"

static const char FOLDER[] = "apiproxy/";

struct part_row {
    const char *folder;
    enum bundle_part part;
    const char *ending;
};

static const struct part_row part_rows[] = {
    { "", BUNDLE_ROOT, ".xml" },
    { "proxies/", BUNDLE_PROXY, ".xml" },
    { "targets/", BUNDLE_TARGET, ".xml" },
    { "policies/", BUNDLE_POLICY, ".xml" },
    { "resources/", BUNDLE_RESOURCE, NULL },
};

/* Resources may lie deeper; the others stand in their folder. */
static bool fits(const struct part_row *row, const char *rest)
{
    size_t folder = strlen(row->folder);
    size_t len = strlen(rest);
    if (strncmp(rest, row->folder, folder) != 0 || len == folder) {
        return false;
    }
    if (row->ending == NULL) {
        return true;
    }
    return strchr(rest + folder, '/') == NULL && len > folder + 4 &&
           strcmp(rest + len - 4, row->ending) == 0;
}

enum bundle_part bundle_part_of(const char *path, bool *is_part)
{
    *is_part = false;
    if (strncmp(path, FOLDER, sizeof FOLDER - 1) != 0) {
        return BUNDLE_RESOURCE;
    }
    for (size_t i = 0; i < ARRAY_LEN(part_rows); i++) {
        if (fits(&part_rows[i], path + sizeof FOLDER - 1)) {
            *is_part = true;
            return part_rows[i].part;
        }
    }
    return BUNDLE_RESOURCE;
}

static const struct part_row *row_of(enum bundle_part part)
{
    size_t i = 0;
    while (i + 1 < ARRAY_LEN(part_rows) && part_rows[i].part != part) {
        i++;
    }
    return &part_rows[i];
}

const char *bundle_part_path(struct arena *arena, enum bundle_part part, const char *type,
                             const char *name)
{
    const struct part_row *row = row_of(part);
    const char *path = NULL;
    if (strchr(name, '/') != NULL) {
        return NULL;
    }
    if (part != BUNDLE_RESOURCE) {
        path = arena_printf(arena, "%s%s%s%s", FOLDER, row->folder, name, row->ending);
    } else if (name_is_valid(type, "-_", 32)) {
        path = arena_printf(arena, "%s%s%s/%s", FOLDER, row->folder, type, name);
    }
    return path != NULL && bundle_path_is_safe(path) ? path : NULL;
}

static size_t count_part(const struct bundle *b, enum bundle_part part)
{
    size_t n = 0;
    for (size_t i = 0; i < b->files.n; i++) {
        bool is_part;
        n += bundle_part_of(b->files.list[i].path, &is_part) == part && is_part;
    }
    return n;
}

static void read_root(struct bundle *b, const struct xml *xml)
{
    const xmlNode *root = xml_root(xml);
    const xmlNode *display = xml_child(root, "DisplayName");
    const xmlNode *description = xml_child(root, "Description");
    if (!xml_is(root, "APIProxy")) {
        bundle_remark(b, REMARK_BROKEN, "bundle.UnknownElement", xml_place(xml, root),
                      "<APIProxy> is wanted here, not <%s>", (const char *)root->name);
        return;
    }
    const char *name = bundle_attribute(b, root, "name");
    b->name = name[0] == '\0' ? NULL : name;
    b->display_name = display == NULL ? NULL : bundle_text(b, display);
    b->description = description == NULL ? NULL : bundle_text(b, description);
}

static enum status read_tree(struct bundle *b, enum bundle_part part, const struct xml *xml,
                             struct err *err)
{
    switch (part) {
    case BUNDLE_ROOT:
        read_root(b, xml);
        return ST_OK;
    case BUNDLE_PROXY:
        return bundle_read_proxy(b, xml, &b->proxies[b->n_proxies++], err);
    case BUNDLE_TARGET:
        return bundle_read_target(b, xml, &b->targets[b->n_targets++], err);
    case BUNDLE_POLICY:
        bundle_read_policy(b, xml, &b->policies[b->n_policies++]);
        return ST_OK;
    case BUNDLE_RESOURCE:
        return ST_OK;
    }
    return ST_OK;
}

static enum status read_file(struct bundle *b, enum bundle_part part,
                             const struct bundle_file *file, struct err *err)
{
    struct xml xml = { 0 };
    enum status st = xml_read(file->content, file->path, &b->remarks, &xml, err);
    if (st == ST_OK && xml.doc != NULL) {
        st = read_tree(b, part, &xml, err);
    }
    xml_deinit(&xml);
    return st;
}

static enum status read_part(struct bundle *b, enum bundle_part part, struct err *err)
{
    for (size_t i = 0; i < b->files.n; i++) {
        bool is_part;
        if (bundle_part_of(b->files.list[i].path, &is_part) == part && is_part) {
            TRY(read_file(b, part, &b->files.list[i], err));
        }
    }
    return ST_OK;
}

/* What archives bring along without anybody meaning it. */
static bool is_litter(const char *path)
{
    const char *last = strrchr(path, '/');
    last = last == NULL ? path : last + 1;
    return strncmp(path, "__MACOSX/", 9) == 0 || last[0] == '.' || strcmp(last, "Thumbs.db") == 0;
}

static void check_files(struct bundle *b)
{
    bool has_folder = false;
    size_t n_xml = 0;
    size_t xml_bytes = 0;
    for (size_t i = 0; i < b->files.n; i++) {
        const char *path = b->files.list[i].path;
        bool is_part;
        bool is_xml = bundle_part_of(path, &is_part) != BUNDLE_RESOURCE;
        n_xml += is_xml;
        xml_bytes += is_xml ? b->files.list[i].content.len : 0; /* the whole has a limit */
        has_folder |= strncmp(path, FOLDER, sizeof FOLDER - 1) == 0;
        if (!is_part && !is_litter(path) && strcmp(path, "apiproxy/manifests/manifest.xml") != 0) {
            bundle_remark(b, REMARK_WARNING, "bundle.NoEffect", (struct place){ .file = path },
                          "a file with no effect here");
        }
    }
    if (n_xml > BUNDLE_PARTS_MAX || xml_bytes > BUNDLE_XML_MAX) {
        bundle_remark(b, REMARK_BROKEN, "bundle.TooLarge", (struct place){ 0 },
                      "a bundle may have %d documents of XML, 8 MiB together", BUNDLE_PARTS_MAX);
    }
    size_t n_roots = count_part(b, BUNDLE_ROOT);
    if (!has_folder || n_roots != 1) {
        bundle_remark(b, REMARK_BROKEN, "bundle.InvalidBundle", (struct place){ 0 },
                      has_folder ? "a bundle has exactly one document apiproxy/NAME.xml"
                                 : "a bundle has a folder apiproxy/, and this archive has none");
    }
}

static void resolve_route(struct bundle *b, struct route_rule *route)
{
    if (route->kind != ROUTE_TARGET) {
        return;
    }
    for (size_t i = 0; i < b->n_targets; i++) {
        if (strcmp(b->targets[i].name, route->target) == 0) {
            route->target_at = i;
            return;
        }
    }
    bundle_remark(
        b, REMARK_ERROR, "bundle.TargetMissing", route->at,
        "route rule %.100s leads to target endpoint \"%.100s\", which the bundle does not "
        "have",
        route->name, route->target);
}

static void check_proxies(struct bundle *b)
{
    if (b->n_proxies == 0) {
        bundle_remark(b, REMARK_ERROR, "bundle.ProxyMissing", (struct place){ 0 },
                      "the bundle has no proxy endpoint (apiproxy/proxies/NAME.xml)");
    }
    for (size_t i = 0; i < b->n_proxies; i++) {
        struct proxy_endpoint *p = &b->proxies[i];
        for (size_t r = 0; r < p->n_routes; r++) {
            resolve_route(b, &p->routes[r]);
        }
        for (size_t other = 0; other < i; other++) {
            if (strcmp(b->proxies[other].name, p->name) == 0) {
                bundle_remark(b, REMARK_ERROR, "bundle.InvalidValue", p->at,
                              "two proxy endpoints are named %.100s", p->name);
            }
        }
    }
}

static void check_targets(struct bundle *b)
{
    for (size_t i = 1; i < b->n_targets; i++) {
        for (size_t other = 0; other < i; other++) {
            if (strcmp(b->targets[other].name, b->targets[i].name) == 0) {
                bundle_remark(b, REMARK_ERROR, "bundle.InvalidValue", b->targets[i].at,
                              "two target endpoints are named %.100s", b->targets[i].name);
            }
        }
    }
}

static enum status make_room(struct bundle *b, struct err *err)
{
    b->proxies = arena_alloc_array(&b->arena, count_part(b, BUNDLE_PROXY) + 1, sizeof *b->proxies);
    b->targets = arena_alloc_array(&b->arena, count_part(b, BUNDLE_TARGET) + 1, sizeof *b->targets);
    b->policies =
        arena_alloc_array(&b->arena, count_part(b, BUNDLE_POLICY) + 1, sizeof *b->policies);
    return b->proxies == NULL || b->targets == NULL || b->policies == NULL
               ? err_set(err, ST_NOMEM, "no memory for a bundle")
               : ST_OK;
}

static enum status read_all(struct bytes zip, struct bundle *b, struct err *err)
{
    TRY(bundle_unzip(zip, &b->remarks, &b->files, err));
    if (remarks_worst(&b->remarks, REMARK_BROKEN) != NULL) {
        return ST_OK;
    }
    TRY(make_room(b, err));
    check_files(b);
    if (remarks_worst(&b->remarks, REMARK_BROKEN) != NULL) {
        return ST_OK;
    }
    TRY(read_part(b, BUNDLE_ROOT, err));
    TRY(read_part(b, BUNDLE_POLICY, err)); /* before the flows that name them */
    TRY(read_part(b, BUNDLE_TARGET, err));
    TRY(read_part(b, BUNDLE_PROXY, err));
    check_targets(b);
    check_proxies(b);
    return b->remarks.failed ? err_set(err, ST_NOMEM, "no memory for a bundle") : ST_OK;
}

enum status bundle_read(struct bytes zip, struct bundle *out, struct err *err)
{
    *out = (struct bundle){ .arena = { .limit_bytes = BUNDLE_ARENA_MAX } };
    out->remarks.arena = &out->arena;
    enum status st = read_all(zip, out, err);
    if (st != ST_OK) {
        bundle_deinit(out);
    }
    return st;
}

void bundle_deinit(struct bundle *b)
{
    arena_deinit(&b->arena);
    *b = (struct bundle){ 0 };
}
