#include "store/users.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <stdlib.h>

#include "base/utf8.h"
#include "store/password.h"

/* --- addresses and names --- */

/* In lower case. False where it is no address that can log in. */
static bool read_address(const char *email, char out[USER_NAME_MAX + 1])
{
    size_t len = strlen(email);
    const char *at = strchr(email, '@');
    if (len > USER_NAME_MAX || at == NULL || at == email || at[1] == '\0' ||
        strchr(at + 1, '@') != NULL) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        char c = email[i];
        if (c <= ' ' || c > '~' || strchr(":\"\\<>()[],;/", c) != NULL) {
            return false;
        }
        bool is_upper = c >= 'A' && c <= 'Z';
        out[i] = c;
        if (is_upper) {
            out[i] = (char)(c | 0x20); /* ASCII */
        }
    }
    out[len] = '\0';
    return true;
}

static enum status want_address(const char *email, char out[USER_NAME_MAX + 1],
                                struct store_problem *problem)
{
    if (email == NULL || !read_address(email, out)) {
        return problem_set(problem, PROBLEM_ID_USER_INVALID,
                           "The user's emailId must be an e-mail address");
    }
    return ST_OK;
}

static bool is_person(const char *name)
{
    struct bytes left = bytes_of_str(name);
    if (left.len > USER_PERSON_MAX) {
        return false;
    }
    while (left.len > 0) {
        size_t n = utf8_printable(left);
        if (n == 0) {
            return false;
        }
        left = bytes_skip(left, n);
    }
    return true;
}

static enum status want_fields(const struct user_fields *f, struct store_problem *problem)
{
    if ((f->first_name != NULL && !is_person(f->first_name)) ||
        (f->last_name != NULL && !is_person(f->last_name))) {
        return problem_set(problem, PROBLEM_ID_USER_INVALID,
                           "firstName and lastName may have at most %d bytes and no control "
                           "characters",
                           USER_PERSON_MAX);
    }
    if (f->password != NULL) {
        size_t len = strlen(f->password);
        if (len < USER_PASSWORD_MIN || len > USER_PASSWORD_MAX) {
            return problem_set(problem, PROBLEM_ID_USER_INVALID, "A password has %d to %d bytes",
                               USER_PASSWORD_MIN, USER_PASSWORD_MAX);
        }
    }
    return ST_OK;
}

static struct store_key user_key(const char *address)
{
    return (struct store_key){ .kind = STORE_USER, .name = address };
}

static enum status unknown(const char *address, struct store_problem *problem)
{
    return problem_set(problem, PROBLEM_ID_USER_UNKNOWN, "User %s does not exist", address);
}

/* Whether the user is there; our own failure else. */
static enum status is_there(struct store *s, const char *address, bool *out,
                            struct store_problem *problem)
{
    struct err err = { 0 };
    struct store_document d;
    struct store_key key = user_key(address);
    if (store_get(s, &key, &d, &err) != ST_OK) {
        return problem_failed(problem, &err);
    }
    *out = d.json != NULL;
    store_document_deinit(&d);
    return ST_OK;
}

/* The address in lower case, of a user who is there. */
static enum status want_user(struct store *s, const char *email, char out[USER_NAME_MAX + 1],
                             struct store_problem *problem)
{
    bool there = false;
    if (!read_address(email, out)) {
        return problem_set(problem, PROBLEM_ID_USER_UNKNOWN, "There is no such user");
    }
    TRY(is_there(s, out, &there, problem));
    return there ? ST_OK : unknown(out, problem);
}

/* --- writing --- */

static char *document_of(const struct user_fields *f)
{
    json_t *json = json_pack("{s:s, s:s}", "firstName", f->first_name != NULL ? f->first_name : "",
                             "lastName", f->last_name != NULL ? f->last_name : "");
    char *text = json != NULL ? json_dumps(json, JSON_COMPACT) : NULL;
    json_decref(json);
    return text;
}

/* The hash stays the same where there is no password. */
static enum status put_user(struct store *s, const char *address, const struct user_fields *f,
                            struct store_problem *problem)
{
    struct err err = { 0 };
    struct text hash = { 0 };
    struct store_key key = user_key(address);
    enum status st = f->password != NULL ? password_hash(f->password, &hash, &err) : ST_OK;
    char *json = document_of(f);
    if (st == ST_OK && json == NULL) {
        st = err_set(&err, ST_NOMEM, "no memory");
    }
    if (st == ST_OK) {
        st = store_put(s, &key, json, bytes_of(hash.p, hash.len), (struct bytes){ 0 }, &err);
    }
    free(json);
    text_deinit(&hash);
    return st == ST_OK ? ST_OK : problem_failed(problem, &err);
}

enum status users_create(struct store *s, const struct user_fields *f,
                         struct store_problem *problem)
{
    char address[USER_NAME_MAX + 1];
    bool there = false;
    TRY(want_address(f->email, address, problem));
    TRY(want_fields(f, problem));
    if (f->password == NULL) {
        return problem_set(problem, PROBLEM_ID_USER_INVALID, "A new user needs a password");
    }
    TRY(is_there(s, address, &there, problem));
    if (there) {
        return problem_set(problem, PROBLEM_ID_USER_EXISTS, "User %s already exists", address);
    }
    return put_user(s, address, f, problem);
}

enum status users_change(struct store *s, const struct user_fields *f,
                         struct store_problem *problem)
{
    char address[USER_NAME_MAX + 1];
    TRY(want_user(s, f->email != NULL ? f->email : "", address, problem));
    TRY(want_fields(f, problem));
    return put_user(s, address, f, problem);
}

/* --- roles --- */

static struct store_key role_key(const char *address, const char *org, enum role role)
{
    return (struct store_key){ .kind = STORE_ROLE,
                               .org = role_is_global(role) ? "" : org,
                               .parent = address,
                               .name = role_id(role) };
}

enum status users_of_role(struct store *s, const char *org, enum role role, struct store_names *out,
                          struct store_problem *problem)
{
    struct err err = { 0 };
    struct store_key within = { .kind = STORE_ROLE, .org = role_is_global(role) ? "" : org };
    if (store_list(s, &within, out, &err) != ST_OK) {
        return problem_failed(problem, &err);
    }
    size_t kept = 0;
    for (size_t i = 0; i < out->n; i++) {
        if (strcmp(out->list[i].name, role_id(role)) == 0) {
            struct store_name swap = out->list[kept];
            out->list[kept++] = out->list[i];
            out->list[i] = swap;
        }
    }
    while (out->n > kept) { /* the rest are other roles */
        free(out->list[--out->n].org);
    }
    return ST_OK;
}

/* Without a system administrator nobody could make one. */
static enum status keep_a_sysadmin(struct store *s, const char *address,
                                   struct store_problem *problem)
{
    struct store_names names;
    TRY(users_of_role(s, NULL, ROLE_SYSADMIN, &names, problem));
    bool is_last = names.n == 1 && strcmp(names.list[0].parent, address) == 0;
    store_names_deinit(&names);
    if (is_last) {
        return problem_set(problem, PROBLEM_ID_USER_LAST,
                           "%s is the only system administrator: make another one first", address);
    }
    return ST_OK;
}

enum status users_delete(struct store *s, const char *email, struct store_problem *problem)
{
    struct err err = { 0 };
    char address[USER_NAME_MAX + 1];
    TRY(want_user(s, email, address, problem));
    TRY(keep_a_sysadmin(s, address, problem));
    struct store_key key = user_key(address);
    return store_delete(s, &key, NULL, &err) == ST_OK ? ST_OK : problem_failed(problem, &err);
}

enum status users_grant(struct store *s, const char *email, const char *org, enum role role,
                        struct store_problem *problem)
{
    struct err err = { 0 };
    char address[USER_NAME_MAX + 1];
    TRY(want_user(s, email, address, problem));
    struct store_key key = role_key(address, org, role);
    enum status st = store_put(s, &key, "{}", (struct bytes){ 0 }, (struct bytes){ 0 }, &err);
    return st == ST_OK ? ST_OK : problem_failed(problem, &err);
}

enum status users_revoke(struct store *s, const char *email, const char *org, enum role role,
                         struct store_problem *problem)
{
    struct err err = { 0 };
    char address[USER_NAME_MAX + 1];
    bool existed = false;
    TRY(want_user(s, email, address, problem));
    if (role == ROLE_SYSADMIN) {
        TRY(keep_a_sysadmin(s, address, problem));
    }
    struct store_key key = role_key(address, org, role);
    if (store_delete(s, &key, &existed, &err) != ST_OK) {
        return problem_failed(problem, &err);
    }
    if (!existed) {
        return problem_set(problem, PROBLEM_ID_ROLE_NOT_GRANTED, "User %s has no role %s", address,
                           role_id(role));
    }
    return ST_OK;
}

static enum status list_roles(struct store *s, const char *address, struct store_names *out,
                              struct err *err)
{
    struct store_key within = { .kind = STORE_ROLE, .parent = address };
    return store_list(s, &within, out, err);
}

enum status users_roles(struct store *s, const char *email, const char *org, unsigned *out,
                        struct err *err)
{
    char address[USER_NAME_MAX + 1];
    struct store_names names;
    *out = 0;
    if (!read_address(email, address)) {
        return ST_OK;
    }
    TRY(list_roles(s, address, &names, err));
    for (size_t i = 0; i < names.n; i++) {
        enum role role;
        const char *where = names.list[i].org;
        bool is_good = where[0] == '\0' || (org != NULL && strcmp(where, org) == 0);
        if (is_good && role_parse(names.list[i].name, &role) &&
            role_is_global(role) == (where[0] == '\0')) {
            *out |= 1U << role;
        }
    }
    store_names_deinit(&names);
    return ST_OK;
}

/* --- showing --- */

static enum status show_document(const char *address, const char *text, json_t **out,
                                 struct store_problem *problem)
{
    json_t *kept = json_loads(text, 0, NULL);
    if (kept == NULL) {
        return problem_no_memory(problem);
    }
    const char *first = json_string_value(json_object_get(kept, "firstName"));
    const char *last = json_string_value(json_object_get(kept, "lastName"));
    *out = json_pack("{s:s, s:s, s:s}", "emailId", address, "firstName", first != NULL ? first : "",
                     "lastName", last != NULL ? last : "");
    json_decref(kept);
    return *out != NULL ? ST_OK : problem_no_memory(problem);
}

enum status users_show(struct store *s, const char *email, json_t **out,
                       struct store_problem *problem)
{
    struct err err = { 0 };
    char address[USER_NAME_MAX + 1];
    struct store_document d;
    TRY(want_user(s, email, address, problem));
    struct store_key key = user_key(address);
    if (store_get(s, &key, &d, &err) != ST_OK) {
        return problem_failed(problem, &err);
    }
    enum status st =
        d.json != NULL ? show_document(address, d.json, out, problem) : unknown(address, problem);
    store_document_deinit(&d);
    return st;
}

static bool add_role(json_t *list, const struct store_name *name)
{
    json_t *role = name->org[0] != '\0'
                       ? json_pack("{s:s, s:s}", "name", name->name, "organization", name->org)
                       : json_pack("{s:s}", "name", name->name);
    return json_array_append_new(list, role) == 0;
}

enum status users_show_roles(struct store *s, const char *email, json_t **out,
                             struct store_problem *problem)
{
    struct err err = { 0 };
    char address[USER_NAME_MAX + 1];
    struct store_names names;
    TRY(want_user(s, email, address, problem));
    if (list_roles(s, address, &names, &err) != ST_OK) {
        return problem_failed(problem, &err);
    }
    json_t *list = json_array();
    bool all = list != NULL;
    for (size_t i = 0; i < names.n && all; i++) {
        all = add_role(list, &names.list[i]);
    }
    store_names_deinit(&names);
    *out = json_pack("{s:o}", "role", list); /* takes the list, on failure too */
    if (!all || *out == NULL) {
        json_decref(*out);
        *out = NULL;
        return problem_no_memory(problem);
    }
    return ST_OK;
}

enum status users_list(struct store *s, struct store_names *out, struct store_problem *problem)
{
    struct err err = { 0 };
    struct store_key within = { .kind = STORE_USER };
    return store_list(s, &within, out, &err) == ST_OK ? ST_OK : problem_failed(problem, &err);
}

/* --- passwords --- */

enum status users_check(struct store *s, const char *email, const char *password, bool *out,
                        struct err *err)
{
    char address[USER_NAME_MAX + 1] = "";
    struct bytes hash = { 0 };
    *out = false;
    bool may_exist = read_address(email, address) && strlen(password) <= USER_PASSWORD_MAX;
    struct store_key key = user_key(may_exist ? address : "");
    TRY(store_secret(s, &key, &hash, err));
    enum status st = password_check(may_exist ? password : "", hash, out, err);
    store_bytes_free(hash);
    *out = *out && may_exist;
    return st;
}

static enum status make_password(char out[USER_MADE_PASSWORD + 1], struct store_problem *problem)
{
    struct err err = { 0 };
    enum status st = password_make(out, USER_MADE_PASSWORD + 1, &err);
    return st == ST_OK ? ST_OK : problem_failed(problem, &err);
}

enum status users_make_first(struct store *s, const char *email,
                             char out_password[USER_MADE_PASSWORD + 1],
                             struct store_problem *problem)
{
    struct store_names names;
    TRY(users_list(s, &names, problem));
    size_t n = names.n;
    store_names_deinit(&names);
    if (n > 0) {
        return problem_set(problem, PROBLEM_ID_USER_EXISTS, "There are users already");
    }
    TRY(make_password(out_password, problem));
    struct user_fields fields = { .email = email, .password = out_password };
    TRY(users_create(s, &fields, problem));
    return users_grant(s, email, NULL, ROLE_SYSADMIN, problem);
}

static enum status put_password(struct store *s, const char *address, const char *password,
                                struct store_problem *problem)
{
    struct err err = { 0 };
    struct store_document d;
    struct text hash = { 0 };
    struct store_key key = user_key(address);
    enum status st = password_hash(password, &hash, &err);
    if (st == ST_OK) {
        st = store_get(s, &key, &d, &err);
    }
    if (st == ST_OK) {
        st = store_put(s, &key, d.json != NULL ? d.json : "{}", bytes_of(hash.p, hash.len),
                       (struct bytes){ 0 }, &err);
        store_document_deinit(&d);
    }
    text_deinit(&hash);
    return st == ST_OK ? ST_OK : problem_failed(problem, &err);
}

enum status users_renew_password(struct store *s, const char *email,
                                 char out_password[USER_MADE_PASSWORD + 1],
                                 struct store_problem *problem)
{
    char address[USER_NAME_MAX + 1];
    TRY(want_user(s, email, address, problem));
    TRY(make_password(out_password, problem));
    return put_password(s, address, out_password, problem);
}
