#include "gateway/conf_shape.h"

enum { DEPTH_MAX = 32 };

struct scan {
    const char *p;
    unsigned depth;
    unsigned map_depth; /* within map{} or geo{}: their depth + 1; 0: not */
    unsigned n_words;
    char name[CONF_SHAPE_NAME_MAX];
    struct conf_shape *out;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* From the quote to behind the one that closes it. */
static bool skip_quoted(struct scan *s)
{
    char quote = *s->p++;
    while (*s->p != '\0' && *s->p != quote) {
        s->p += *s->p == '\\' && s->p[1] != '\0' ? 2 : 1;
    }
    if (*s->p == '\0') {
        return false;
    }
    s->p++;
    return is_blank(*s->p) || *s->p == ';' || *s->p == '{' || *s->p == ')';
}

/* `${name}` does not begin a block. */
static void skip_bare(struct scan *s)
{
    bool after_dollar = false;
    while (*s->p != '\0' && !is_blank(*s->p) && *s->p != ';' && (*s->p != '{' || after_dollar)) {
        after_dollar = *s->p == '$';
        s->p += *s->p == '\\' && s->p[1] != '\0' ? 2 : 1;
    }
}

static bool take_word(struct scan *s)
{
    const char *from = s->p;
    bool quoted = *from == '"' || *from == '\'';
    if (quoted && !skip_quoted(s)) {
        return false;
    }
    if (!quoted) {
        skip_bare(s);
    }
    if (s->n_words++ == 0) {
        size_t len = (size_t)(s->p - from);
        len = len < sizeof s->name - 1 ? len : sizeof s->name - 1;
        (void)bytes_copy(s->name, sizeof s->name - 1, bytes_of(from, len));
        s->name[len] = '\0';
    }
    return true;
}

static void end_directive(struct scan *s)
{
    text_printf(&s->out->shape, "%u %s %u\n", s->depth, s->map_depth > 0 ? "-" : s->name,
                s->n_words);
    s->out->n++;
    s->n_words = 0;
}

static bool open_block(struct scan *s)
{
    bool is_map = strcmp(s->name, "map") == 0 || strcmp(s->name, "geo") == 0;
    if (s->n_words == 0 || s->depth == DEPTH_MAX || s->map_depth > 0) {
        return false; /* a map holds no blocks */
    }
    end_directive(s);
    s->depth++;
    s->map_depth = is_map ? s->depth : 0;
    return true;
}

static bool close_block(struct scan *s)
{
    if (s->n_words > 0 || s->depth == 0) {
        return false;
    }
    s->map_depth = s->map_depth == s->depth ? 0 : s->map_depth;
    s->depth--;
    return true;
}

static bool step(struct scan *s)
{
    switch (*s->p) {
    case '#':
        s->p += strcspn(s->p, "\n");
        return true;
    case ';':
        if (s->n_words == 0) {
            return false;
        }
        end_directive(s);
        s->p++;
        return true;
    case '{':
        s->p++;
        return open_block(s);
    case '}':
        s->p++;
        return close_block(s);
    default:
        return take_word(s);
    }
}

bool conf_shape_read(const char *conf, struct conf_shape *out)
{
    struct scan s = { .p = conf, .out = out };
    *out = (struct conf_shape){ 0 };
    for (;;) {
        while (is_blank(*s.p)) {
            s.p++;
        }
        if (*s.p == '\0') {
            return s.depth == 0 && s.n_words == 0 && !out->shape.failed;
        }
        if (!step(&s)) {
            return false;
        }
    }
}

void conf_shape_deinit(struct conf_shape *s)
{
    text_deinit(&s->shape);
}
