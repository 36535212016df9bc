/*
 * The management API alone: a store, and no nginx.
 *
 * usage: handfast_api_server DIR [CERT KEY]
 *
 * Prints port and password of admin@example.com in one line, and stops at the end of its input.
 */
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/api.h"
#include "store/users.h"

static enum status make_admin(struct store *s, char password[USER_MADE_PASSWORD + 1],
                              struct err *err)
{
    struct store_problem problem = { 0 };
    TRY(store_begin(s, err));
    if (users_make_first(s, "admin@example.com", password, &problem) != ST_OK) {
        store_rollback(s);
        return err_set(err, ST_IO, "%s", problem.message);
    }
    return store_commit(s, err);
}

static enum status prepare(const struct places *places, char password[USER_MADE_PASSWORD + 1],
                           struct err *err)
{
    struct store *s = NULL;
    if (mkdir(places->logs, 0700) != 0) {
        return err_sys(err, "%s", places->logs);
    }
    TRY(store_open(places->store, &s, err));
    enum status st = make_admin(s, password, err);
    store_close(s);
    return st;
}

static enum status run(int argc, char **argv, struct err *err)
{
    struct places places;
    char password[USER_MADE_PASSWORD + 1] = "";
    struct api *api = NULL;
    char rest[64];
    TRY(places_init(&places, argv[1], err));
    TRY(prepare(&places, password, err));
    struct api_options options = { .listen = "127.0.0.1:0",
                                   .cert_path = argc > 3 ? argv[2] : NULL,
                                   .key_path = argc > 3 ? argv[3] : NULL,
                                   .places = &places };
    TRY(api_start(&options, &api, err));
    printf("%u %s\n", api_port(api), password);
    fflush(stdout);
    while (read(STDIN_FILENO, rest, sizeof rest) > 0) {
    }
    api_stop(api);
    return ST_OK;
}

int main(int argc, char **argv)
{
    struct err err = { 0 };
    if (argc < 2) {
        fprintf(stderr, "usage: handfast_api_server DIR [CERT KEY]\n");
        return 2;
    }
    if (run(argc, argv, &err) != ST_OK) {
        fprintf(stderr, "handfast_api_server: %s\n", err.text);
        return 1;
    }
    return 0;
}
