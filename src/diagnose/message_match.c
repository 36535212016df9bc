#include "diagnose/message_match.h"

#include <regex.h>
#include <stdlib.h>

#include "base/arena.h"

enum {
    PARTS_MAX = 4,
    HEADS = 8192,
    HEAD_BITS = 13,
    ARENA_LIMIT = 16 * 1024 * 1024,
};

/* One alternative of a pattern. */
struct branch {
    size_t pattern;
    struct bytes source;  /* normalized */
    struct bytes letters; /* its longest run of fixed letters, normalized */
    size_t n_letters;     /* fixed letters in all */
    bool is_plain;        /* nothing but letters */
    bool is_compiled, is_broken;
    size_t n_parts;
    regex_t parts[PARTS_MAX];
    uint64_t tried;      /* the last line this was tried on */
    size_t gram_at;      /* where in `letters` the four that are looked for lie */
    struct branch *next; /* of the same four letters' hash */
};

struct message_matcher {
    struct arena arena;
    struct branch *branches;
    size_t n_branches;
    uint64_t line_number;
    uint64_t *seen; /* by pattern: the last line it matched */
    struct branch *heads[HEADS];
    char line[MESSAGE_LINE_MAX + 1];
};

/* Lower case, "_" and control characters as spaces. */
static uint8_t normal(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') {
        return (uint8_t)(c + ('a' - 'A'));
    }
    return c == '_' || c < ' ' || c == 0x7f ? ' ' : c;
}

static size_t gram_hash(const uint8_t *p)
{
    return (size_t)((load_le32(p) * UINT32_C(2654435761)) >> (32 - HEAD_BITS));
}

/* The end of a bracket expression whose "[" lies before `at`. */
static size_t class_end(struct bytes s, size_t at)
{
    at += at < s.len && s.p[at] == '^' ? 1 : 0;
    while (at < s.len && s.p[at] != ']') {
        at++;
    }
    return at < s.len ? at + 1 : at;
}

/* The end of a bracket expression or group that begins at `at`, or of an escape or a letter. */
static size_t atom_end(struct bytes s, size_t at)
{
    size_t depth = 0;
    do {
        uint8_t c = s.p[at++];
        if (c == '\\' && at < s.len) {
            at++;
        } else if (c == '[') {
            at = class_end(s, at);
        } else if (c == '(') {
            depth++;
        } else if (c == ')' && depth > 0) {
            depth--;
        }
    } while (depth > 0 && at < s.len);
    return at;
}

static bool is_repeat(uint8_t c)
{
    return c == '?' || c == '*' || c == '+';
}

/* The fixed letter that an atom is, or 0. */
static uint8_t letter_of(struct bytes atom)
{
    if (atom.len == 2 && atom.p[0] == '\\') {
        return atom.p[1];
    }
    if (atom.len != 1 || strchr(".^$()[]|", atom.p[0]) != NULL) {
        return 0;
    }
    return atom.p[0];
}

struct run {
    uint8_t *letters; /* room for the whole source */
    size_t len;
};

static void keep_longest(struct run *longest, struct run *now)
{
    if (now->len > longest->len) {
        uint8_t *swap = longest->letters;
        *longest = *now;
        now->letters = swap;
    }
    now->len = 0;
}

static bool find_letters(struct branch *b, struct arena *a)
{
    struct run longest = { arena_alloc(a, b->source.len + 1), 0 };
    struct run now = { arena_alloc(a, b->source.len + 1), 0 };
    if (longest.letters == NULL || now.letters == NULL) {
        return false;
    }
    b->is_plain = true;
    for (size_t at = 0; at < b->source.len;) {
        size_t end = atom_end(b->source, at);
        uint8_t letter = letter_of(bytes_of(b->source.p + at, end - at));
        bool repeats = end < b->source.len && is_repeat(b->source.p[end]);
        if (letter != 0 && !repeats) {
            now.letters[now.len++] = letter;
            b->n_letters++;
        } else {
            b->is_plain = false;
            keep_longest(&longest, &now);
        }
        at = repeats ? end + 1 : end;
    }
    keep_longest(&longest, &now);
    b->letters = bytes_of(longest.letters, longest.len);
    return true;
}

/* Takes a pattern apart at the "|" outside of groups. */
static enum status add_pattern(struct message_matcher *m, size_t pattern, struct bytes source,
                               struct err *err)
{
    size_t start = 0;
    if (source.p == NULL) {
        return err_set(err, ST_NOMEM, "messages: no memory");
    }
    for (size_t at = 0; at <= source.len;) {
        if (at < source.len && source.p[at] != '|') {
            at = atom_end(source, at);
            continue;
        }
        struct branch *b = &m->branches[m->n_branches++];
        b->pattern = pattern;
        b->source = bytes_of(source.p + start, at - start);
        if (!find_letters(b, &m->arena)) {
            return err_set(err, ST_NOMEM, "messages: no memory");
        }
        if (b->letters.len < MATCH_LETTERS_MIN) {
            return err_set(err, ST_FORMAT, "messages: '%.*s' has no %d letters in a row",
                           (int)b->source.len, (const char *)b->source.p, MATCH_LETTERS_MIN);
        }
        at++;
        start = at;
    }
    return ST_OK;
}

static size_t count_branches(const char *pattern)
{
    size_t n = 1;
    for (const char *c = pattern; *c != '\0'; c++) {
        n += *c == '|' ? 1 : 0; /* those in groups too: an upper bound */
    }
    return n;
}

static size_t rarest_gram(struct bytes letters, const uint32_t *counts)
{
    size_t best = 0;
    for (size_t at = 1; at + MATCH_LETTERS_MIN <= letters.len; at++) {
        if (counts[gram_hash(letters.p + at)] < counts[gram_hash(letters.p + best)]) {
            best = at;
        }
    }
    return best;
}

/* Letters shared by few branches are looked for: the letters of each are counted first. */
static void index_branches(struct message_matcher *m, const uint32_t *counts)
{
    for (size_t i = 0; i < m->n_branches; i++) {
        struct branch *b = &m->branches[i];
        b->gram_at = rarest_gram(b->letters, counts);
        struct branch **head = &m->heads[gram_hash(b->letters.p + b->gram_at)];
        b->next = *head;
        *head = b;
    }
}

static enum status build_index(struct message_matcher *m, struct err *err)
{
    uint32_t *counts = arena_alloc_array(&m->arena, HEADS, sizeof *counts);
    if (counts == NULL) {
        return err_set(err, ST_NOMEM, "messages: no memory");
    }
    for (size_t i = 0; i < m->n_branches; i++) {
        struct bytes letters = m->branches[i].letters;
        for (size_t at = 0; at + MATCH_LETTERS_MIN <= letters.len; at++) {
            counts[gram_hash(letters.p + at)]++;
        }
    }
    index_branches(m, counts);
    return ST_OK;
}

static struct bytes normalized(struct arena *a, const char *pattern)
{
    size_t len = strlen(pattern);
    uint8_t *p = arena_alloc(a, len + 1);
    for (size_t i = 0; p != NULL && i < len; i++) {
        p[i] = normal((uint8_t)pattern[i]);
    }
    return bytes_of(p, p == NULL ? 0 : len);
}

static enum status build(struct message_matcher *m, const char *const *patterns, size_t n,
                         struct err *err)
{
    size_t room = 0;
    for (size_t i = 0; i < n; i++) {
        room += count_branches(patterns[i]);
    }
    m->arena.limit_bytes = ARENA_LIMIT;
    m->branches = arena_alloc_array(&m->arena, room, sizeof *m->branches);
    m->seen = arena_alloc_array(&m->arena, n, sizeof *m->seen);
    if (m->branches == NULL || m->seen == NULL) {
        return err_set(err, ST_NOMEM, "messages: no memory");
    }
    enum status st = ST_OK;
    for (size_t i = 0; i < n && st == ST_OK; i++) {
        st = add_pattern(m, i, normalized(&m->arena, patterns[i]), err);
    }
    return st == ST_OK ? build_index(m, err) : st;
}

enum status message_matcher_new(const char *const *patterns, size_t n, struct message_matcher **out,
                                struct err *err)
{
    struct message_matcher *m = calloc(1, sizeof *m);
    if (m == NULL) {
        return err_set(err, ST_NOMEM, "messages: no memory");
    }
    enum status st = build(m, patterns, n, err);
    if (st != ST_OK) {
        message_matcher_free(m);
        return st;
    }
    *out = m;
    return ST_OK;
}

void message_matcher_free(struct message_matcher *m)
{
    if (m == NULL) {
        return;
    }
    for (size_t i = 0; i < m->n_branches; i++) {
        for (size_t part = 0; part < m->branches[i].n_parts; part++) {
            regfree(&m->branches[i].parts[part]);
        }
    }
    arena_deinit(&m->arena);
    free(m);
}

/* An empty part is no part: ".*" at an end says nothing. */
static bool compile_part(struct branch *b, const char *source)
{
    if (source[0] == '\0') {
        return true;
    }
    if (b->n_parts == PARTS_MAX || regcomp(&b->parts[b->n_parts], source, REG_EXTENDED) != 0) {
        return false;
    }
    b->n_parts++;
    return true;
}

/* A part ends where ".*" begins. */
static bool compile_parts(struct branch *b, struct arena *a)
{
    char *source = arena_strndup(a, (const char *)b->source.p, b->source.len);
    bool is_fine = source != NULL;
    size_t start = 0;
    for (size_t at = 0; is_fine && at < b->source.len;) {
        size_t end = atom_end(b->source, at);
        if (source[at] == '.' && source[end] == '*') {
            source[at] = '\0';
            is_fine = compile_part(b, source + start);
            end++;
            start = end;
        }
        at = end;
    }
    return is_fine && compile_part(b, source + start);
}

static void compile(struct message_matcher *m, struct branch *b)
{
    if (!b->is_compiled && !b->is_plain) {
        b->is_broken = !compile_parts(b, &m->arena);
    }
    b->is_compiled = true;
}

enum status message_matcher_compile_all(struct message_matcher *m, struct err *err)
{
    for (size_t i = 0; i < m->n_branches; i++) {
        struct branch *b = &m->branches[i];
        compile(m, b);
        if (b->is_broken) {
            return err_set(err, ST_FORMAT, "messages: '%.*s' does not compile", (int)b->source.len,
                           (const char *)b->source.p);
        }
    }
    return ST_OK;
}

/* Each part behind the one before: the first place of a part leaves the most to the next. */
static bool parts_match(const struct branch *b, const char *line)
{
    for (size_t i = 0; i < b->n_parts; i++) {
        regmatch_t match;
        if (regexec(&b->parts[i], line, 1, &match, i == 0 ? 0 : REG_NOTBOL) != 0) {
            return false;
        }
        line += match.rm_eo;
    }
    return true;
}

static bool branch_matches(struct message_matcher *m, struct branch *b, size_t len, size_t gram_at)
{
    if (gram_at < b->gram_at || b->letters.len > len - (gram_at - b->gram_at)) {
        return false;
    }
    struct bytes here = bytes_of(m->line + gram_at - b->gram_at, b->letters.len);
    if (!bytes_equal(here, b->letters) || b->tried == m->line_number) {
        return false;
    }
    b->tried = m->line_number;
    compile(m, b);
    return b->is_plain || (!b->is_broken && parts_match(b, m->line));
}

static void normalize_line(struct message_matcher *m, struct bytes line)
{
    for (size_t i = 0; i < line.len; i++) {
        m->line[i] = (char)normal(line.p[i]);
    }
    m->line[line.len] = '\0';
    m->line_number++;
}

/* The first branch with these four letters whose pattern matches and was not found before. */
static const struct branch *match_at(struct message_matcher *m, size_t len, size_t at)
{
    struct branch *b = m->heads[gram_hash((const uint8_t *)m->line + at)];
    while (b != NULL && (m->seen[b->pattern] == m->line_number || !branch_matches(m, b, len, at))) {
        b = b->next;
    }
    return b;
}

size_t message_matcher_find(struct message_matcher *m, struct bytes line, struct message_match *out,
                            size_t room)
{
    size_t len = bytes_head(line, MESSAGE_LINE_MAX).len;
    size_t n = 0;
    normalize_line(m, bytes_head(line, len));
    for (size_t at = 0; at + MATCH_LETTERS_MIN <= len && n < room;) {
        const struct branch *b = match_at(m, len, at);
        if (b == NULL) {
            at++;
            continue; /* else the place is looked at again: several may match there */
        }
        m->seen[b->pattern] = m->line_number;
        out[n++] =
            (struct message_match){ b->pattern, b->n_letters, at - b->gram_at, b->letters.len };
    }
    return n;
}
