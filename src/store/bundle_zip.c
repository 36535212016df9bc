#include "store/bundle_zip.h"

#include <stdlib.h>
#include <string.h>
#include <zip.h>

static const char CODE[] = "bundle.InvalidArchive";
static const struct place NOWHERE = { 0 };

struct unzip {
    zip_t *archive;
    struct remarks *remarks;
    struct bundle_files *out;
    size_t total;
};

bool bundle_path_is_safe(const char *path)
{
    size_t len = strlen(path);
    if (len == 0 || len > BUNDLE_PATH_MAX || path[0] == '/') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if ((unsigned char)path[i] < 0x20 || path[i] == 0x7f || strchr("\\:", path[i]) != NULL) {
            return false;
        }
    }
    for (const char *s = path; *s != '\0';) {
        size_t segment = strcspn(s, "/");
        if (segment == 0 || (segment == 1 && s[0] == '.') ||
            (segment == 2 && s[0] == '.' && s[1] == '.')) {
            return false;
        }
        s += segment;
        s += *s == '/';
    }
    return true;
}

static void complain(const struct unzip *u, const char *path, const char *why)
{
    remarks_add(u->remarks, REMARK_BROKEN, CODE, NOWHERE, "%.255s: %s", path, why);
}

/* The upper half of Unix attributes is the mode: S_IFLNK is 0120000. */
static bool is_link(zip_t *archive, zip_uint64_t at)
{
    zip_uint8_t system = 0;
    zip_uint32_t attributes = 0;
    if (zip_file_get_external_attributes(archive, at, 0, &system, &attributes) != 0) {
        return false;
    }
    return system == ZIP_OPSYS_UNIX && ((attributes >> 16) & 0170000U) == 0120000U;
}

static const char *entry_fault(const struct unzip *u, const zip_stat_t *st)
{
    if (!bundle_path_is_safe(st->name)) {
        return "a path that leads out of the bundle, or that no bundle has";
    }
    if ((st->valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 && st->encryption_method != ZIP_EM_NONE) {
        return "is encrypted";
    }
    if (is_link(u->archive, st->index)) {
        return "is a link";
    }
    if (zip_name_locate(u->archive, st->name, 0) != (zip_int64_t)st->index) {
        return "is there twice";
    }
    return NULL;
}

/* Unpacks at most what is left of the limits. NULL content: remarked on. */
static struct bytes unpack(struct unzip *u, const zip_stat_t *st, zip_file_t *file)
{
    struct bytes none = { 0 };
    size_t left = BUNDLE_TOTAL_MAX - u->total;
    size_t most = left < BUNDLE_FILE_MAX ? left : BUNDLE_FILE_MAX;
    if (st->size > most) {
        complain(u, st->name, "is too large; a file may have 16 MiB, a bundle 48 MiB");
        return none;
    }
    if (st->size > BUNDLE_RATIO_FROM && st->size / BUNDLE_RATIO_MAX > st->comp_size) {
        complain(u, st->name, "unpacks to more than 200 times its size");
        return none;
    }
    uint8_t *to = arena_alloc(u->remarks->arena, (size_t)st->size + 1);
    if (to == NULL) {
        u->remarks->failed = true;
        return none;
    }
    zip_int64_t n = zip_fread(file, to, st->size + 1); /* one more: a size that lies is noticed */
    if (n < 0 || (zip_uint64_t)n != st->size) {
        complain(u, st->name, "cannot be unpacked: the archive is damaged");
        return none;
    }
    u->total += (size_t)n;
    return bytes_of(to, (size_t)n);
}

static void take_entry(struct unzip *u, zip_uint64_t at)
{
    zip_stat_t st;
    zip_stat_init(&st);
    if (zip_stat_index(u->archive, at, 0, &st) != 0 ||
        (st.valid & (ZIP_STAT_NAME | ZIP_STAT_SIZE)) != (ZIP_STAT_NAME | ZIP_STAT_SIZE)) {
        complain(u, "archive", "an entry without name or size");
        return;
    }
    const char *fault = entry_fault(u, &st);
    if (fault != NULL) {
        complain(u, st.name, fault);
        return;
    }
    if (st.name[strlen(st.name) - 1] == '/') {
        return; /* a folder */
    }
    zip_file_t *file = zip_fopen_index(u->archive, at, 0);
    if (file == NULL) {
        complain(u, st.name, "cannot be unpacked");
        return;
    }
    struct bytes content = unpack(u, &st, file);
    zip_fclose(file);
    if (content.p != NULL) {
        u->out->list[u->out->n++] = (struct bundle_file){
            .path = arena_strndup(u->remarks->arena, st.name, strlen(st.name)), .content = content
        };
        u->remarks->failed |= u->out->list[u->out->n - 1].path == NULL;
    }
}

static void take_all(struct unzip *u)
{
    zip_int64_t n = zip_get_num_entries(u->archive, 0);
    if (n <= 0 || n > BUNDLE_FILES_MAX) {
        complain(u, "archive", n <= 0 ? "it is empty" : "more than 2000 files");
        return;
    }
    u->out->list = arena_alloc_array(u->remarks->arena, (size_t)n, sizeof *u->out->list);
    if (u->out->list == NULL) {
        u->remarks->failed = true;
        return;
    }
    for (zip_int64_t i = 0; i < n && remarks_worst(u->remarks, REMARK_BROKEN) == NULL; i++) {
        take_entry(u, (zip_uint64_t)i);
    }
}

/* Takes the source, also on failure. */
static zip_t *open_source(zip_source_t *source, int flags)
{
    zip_error_t why;
    zip_error_init(&why);
    zip_t *archive = source == NULL ? NULL : zip_open_from_source(source, flags, &why);
    zip_error_fini(&why);
    if (archive == NULL && source != NULL) {
        zip_source_free(source);
    }
    return archive;
}

enum status bundle_unzip(struct bytes zip, struct remarks *remarks, struct bundle_files *out,
                         struct err *err)
{
    struct unzip u = { .remarks = remarks, .out = out };
    *out = (struct bundle_files){ 0 };
    u.archive =
        open_source(zip_source_buffer_create(zip.p, zip.len, 0, NULL), ZIP_RDONLY | ZIP_CHECKCONS);
    if (u.archive == NULL) {
        complain(&u, "archive", "this is no zip archive, or it is damaged");
    } else {
        take_all(&u);
        zip_discard(u.archive);
    }
    return remarks->failed ? err_set(err, ST_NOMEM, "no memory for a bundle") : ST_OK;
}

/* Takes the source. */
static bool add(zip_t *to, const char *path, zip_source_t *source)
{
    if (source == NULL) {
        return false;
    }
    if (zip_file_add(to, path, source, ZIP_FL_ENC_UTF_8) < 0) {
        zip_source_free(source);
        return false;
    }
    return true;
}

/* Everything but that path, packed as it is. A new archive is written instead of changing the old
 * one in place: libzip's buffers share memory then, and do not agree who frees it. */
static bool copy_others(zip_t *from, const char *path, zip_t *to)
{
    zip_int64_t n = zip_get_num_entries(from, 0);
    for (zip_int64_t i = 0; i < n; i++) {
        const char *name = zip_get_name(from, (zip_uint64_t)i, ZIP_FL_ENC_GUESS);
        if (name == NULL) {
            return false;
        }
        if (strcmp(name, path) != 0 &&
            !add(to, name, zip_source_zip(to, from, (zip_uint64_t)i, ZIP_FL_COMPRESSED, 0, -1))) {
            return false;
        }
    }
    return true;
}

static bool change(zip_t *from, const char *path, struct bytes content, zip_t *to)
{
    return copy_others(from, path, to) &&
           (content.p == NULL || add(to, path, zip_source_buffer(to, content.p, content.len, 0)));
}

static bool read_back(zip_source_t *source, struct bytes *out)
{
    zip_stat_t st;
    zip_stat_init(&st);
    if (zip_source_stat(source, &st) != 0 || (st.valid & ZIP_STAT_SIZE) == 0 || st.size == 0 ||
        zip_source_open(source) != 0) {
        return false;
    }
    uint8_t *to = malloc(st.size);
    bool is_whole = to != NULL && zip_source_read(source, to, st.size) == (zip_int64_t)st.size;
    (void)zip_source_close(source);
    if (!is_whole) {
        free(to);
        return false;
    }
    *out = bytes_of(to, st.size);
    return true;
}

/* `to` is where the new archive is written, and what is read in the end. */
static enum status put_into(zip_t *from, const char *path, struct bytes content, zip_source_t *to,
                            struct bytes *out)
{
    zip_source_keep(to); /* it is read after the archive is closed */
    zip_t *archive = open_source(to, ZIP_TRUNCATE);
    if (archive == NULL) {
        return ST_NOMEM;
    }
    if (!change(from, path, content, archive) || zip_close(archive) != 0) {
        zip_discard(archive);
        return ST_NOMEM;
    }
    return read_back(to, out) ? ST_OK : ST_NOMEM;
}

enum status bundle_zip_put(struct bytes zip, const char *path, struct bytes content,
                           struct bytes *out, struct err *err)
{
    zip_t *from = open_source(zip_source_buffer_create(zip.p, zip.len, 0, NULL), ZIP_RDONLY);
    if (from == NULL) {
        return err_set(err, ST_FORMAT, "the bundle is no zip archive");
    }
    zip_source_t *to = zip_source_buffer_create(NULL, 0, 0, NULL);
    enum status st = to == NULL ? ST_NOMEM : put_into(from, path, content, to, out);
    zip_source_free(to);
    zip_discard(from);
    return st == ST_OK ? ST_OK : err_set(err, st, "the bundle could not be written");
}
