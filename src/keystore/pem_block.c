#include "keystore/pem_block.h"

#define BEGIN BYTES("-----BEGIN ")
#define END   BYTES("-----END ")
#define DASH  BYTES("-----")

struct pem_text pem_text_of(struct bytes content)
{
    struct pem_text t = { content, 0, 1 };
    if (bytes_start_with(content, BYTES("\xef\xbb\xbf"))) {
        t.left = bytes_skip(content, 3);
        t.at = 3;
    }
    return t;
}

/* The next line with its end, taken off the text. */
static struct bytes take_line(struct pem_text *t)
{
    const uint8_t *end = t->left.len == 0 ? NULL : memchr(t->left.p, '\n', t->left.len);
    size_t len = end == NULL ? t->left.len : (size_t)(end - t->left.p) + 1;
    struct bytes line = bytes_head(t->left, len);
    t->left = bytes_skip(t->left, len);
    t->at += len;
    t->line += end != NULL;
    return line;
}

static bool is_blank(struct bytes line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (strchr(" \t\r\n", line.p[i]) == NULL || line.p[i] == '\0') {
            return false;
        }
    }
    return true;
}

/* What stands between `prefix` and the dashes; false where the line does not end with them. */
static bool label_of(struct bytes line, struct bytes prefix, struct bytes *out)
{
    struct bytes rest = bytes_skip(line, prefix.len);
    const uint8_t *dashes = rest.len == 0 ? NULL : memmem(rest.p, rest.len, DASH.p, DASH.len);
    *out = bytes_head(rest, dashes == NULL ? 0 : (size_t)(dashes - rest.p));
    return dashes != NULL && is_blank(bytes_skip(rest, out->len + DASH.len));
}

/* RFC 1421 section 4.6: lines with a colon, then an empty one. */
static void take_headers(struct pem_text *t, struct bytes *out)
{
    struct pem_text start = *t;
    struct bytes line = take_line(t);
    if (line.len == 0 || memchr(line.p, ':', line.len) == NULL) {
        *t = start;
        return;
    }
    while (t->left.len > 0 && !is_blank(line) && !bytes_start_with(t->left, DASH)) {
        line = take_line(t);
    }
    *out = bytes_head(start.left, t->at - start.at);
}

/* Goes to the line that starts with dashes; the lines before it are the body. */
static void take_body(struct pem_text *t, struct pem_block *out)
{
    struct bytes start = t->left;
    out->body_at = t->at;
    out->body_line = t->line;
    while (t->left.len > 0 && !bytes_start_with(t->left, DASH)) {
        (void)take_line(t);
    }
    out->body = bytes_head(start, t->at - out->body_at);
}

static void step(struct pem_text *t, size_t len)
{
    t->left = bytes_skip(t->left, len);
    t->at += len;
}

static const char *take_end(struct pem_text *t, struct bytes label)
{
    struct bytes ends;
    if (!bytes_start_with(t->left, END)) {
        return t->left.len == 0 ? "has no END line before the end of the file"
                                : "has no END line before the next line of dashes";
    }
    struct pem_text start = *t;
    bool is_whole = label_of(take_line(t), END, &ends);
    if (!bytes_equal(ends, label)) {
        return "ends with an END line of another kind";
    }
    if (is_whole) {
        return NULL;
    }
    step(&start, END.len + ends.len + DASH.len);
    if (bytes_start_with(start.left,
                         BEGIN)) { /* files put together, the first without a line end */
        *t = start;
        return "ends with an END line that runs into the next BEGIN line: a line end is missing";
    }
    return "ends with an END line that goes on after its dashes";
}

bool pem_next(struct pem_text *t, struct pem_block *out)
{
    *out = (struct pem_block){ 0 };
    while (t->left.len > 0 && !bytes_start_with(t->left, BEGIN)) {
        (void)take_line(t);
    }
    if (t->left.len == 0) {
        return false;
    }
    out->at = t->at;
    out->line = t->line;
    if (!label_of(take_line(t), BEGIN, &out->label)) {
        out->fault = "starts with a BEGIN line that goes on after its dashes: were its line ends "
                     "lost, or written as \"\\n\"?";
        return true;
    }
    take_headers(t, &out->headers);
    take_body(t, out);
    out->fault = take_end(t, out->label);
    return true;
}
