/*
 * conf: writes nginx.conf so that no value can end its directive.
 *
 * A directive is opened, gets its words, and is closed. Words of ours are literals; everything that
 * comes from documents is quoted: conf_value() for where nginx takes a value as it is,
 * conf_literal() for where it would look for variables in it (a `$` becomes a variable that holds
 * one). A value with a NUL or another control character can stand nowhere: it makes the text
 * `refused`, checked once at the end. Source: src/core/ngx_conf_file.c, ngx_conf_read_token().
 */
#ifndef HANDFAST_GATEWAY_CONF_H
#define HANDFAST_GATEWAY_CONF_H

#include "base/status.h"
#include "base/text.h"

enum { CONF_DEPTH_MAX = 8 };

struct conf {
    struct text *out;
    unsigned depth;
    bool refused;
};

/* The name of a variable that conf_prelude() defines: "$". */
#define CONF_DOLLAR "${handfast_dollar}"

struct conf conf_start(struct text *out);
/* Must stand in http{} once. */
void conf_prelude(struct conf *c);

/* A whole directive of literals of ours, without the semicolon: "sendfile on". */
void conf_line(struct conf *c, const char *words);
void conf_open(struct conf *c, const char *words); /* ... { */
void conf_close(struct conf *c);                   /* } */

/* The same piece by piece: conf_begin, words, conf_end or conf_end_open. */
void conf_begin(struct conf *c, const char *words);
void conf_word(struct conf *c, const char *word); /* ours */
void conf_value(struct conf *c, const char *value);
void conf_literal(struct conf *c, const char *value);
/* prefix of ours and value in one word: "name=" + value. */
void conf_prefixed(struct conf *c, const char *prefix, const char *value);
/* One word: `ours` may use variables, `theirs` is literal. */
void conf_mixed(struct conf *c, const char *ours, const char *theirs, const char *ours_after);
void conf_number(struct conf *c, const char *prefix, uint64_t n, const char *suffix);
/* A regular expression that matches exactly `value`, between patterns of ours. */
void conf_pattern(struct conf *c, const char *before, const char *value, const char *after);
/* A key of a map that is compared as it is, whatever it looks like. */
void conf_key(struct conf *c, const char *key);
void conf_end(struct conf *c);
void conf_end_open(struct conf *c);

/* What stands between quotes: exposed for tests. False: it can stand nowhere. */
bool conf_quotable(const char *value);

#endif
