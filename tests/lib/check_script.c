#include "check_script.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <openssl/pem.h>

struct folder {
    char name[32];
    char *paths[SCRIPT_FILES_MAX + 2];
    size_t n;
};

static void must(bool is_so)
{
    if (!is_so) {
        abort();
    }
}

static const char *write_file(struct folder *f, const struct made_cert *const *certs,
                              const struct made_cert *key_of)
{
    char *path = NULL;
    must(asprintf(&path, "%s/%zu.pem", f->name, f->n) > 0);
    for (size_t i = 0; i < SCRIPT_CERTS_MAX && certs[i] != NULL; i++) {
        made_cert_write(certs[i], path);
    }
    if (key_of != NULL) {
        FILE *file = fopen(path, "ae");
        must(file != NULL);
        must(PEM_write_PrivateKey(file, key_of->key, NULL, NULL, 0, NULL, NULL) == 1);
        fclose(file);
    }
    f->paths[f->n++] = path;
    return path;
}

struct check_result *check_script_run(const struct check_script *script)
{
    struct folder f = { .name = "/tmp/handfast-check-XXXXXX" };
    struct check_request rq = script->rq;
    struct check_result *r = NULL;
    struct err err = { 0 };
    must(mkdtemp(f.name) != NULL);
    for (size_t i = 0; i < SCRIPT_FILES_MAX && script->files[i].certs[0] != NULL; i++) {
        write_file(&f, script->files[i].certs, script->files[i].key_of);
    }
    rq.inputs = (struct check_words){ (const char *const *)f.paths, f.n };
    if (script->trust[0] != NULL) {
        rq.trust = (struct check_words){ (const char *const *)&f.paths[f.n], 1 };
        rq.trust_is_given = true;
        write_file(&f, script->trust, NULL);
    }
    if (script->against[0] != NULL) {
        rq.against = write_file(&f, script->against, NULL);
    }
    rq.at_s = rq.at_s == 0 ? MAKE_CERT_NOW : rq.at_s;
    must(check_run(&rq, &r, &err) == ST_OK);
    for (size_t i = 0; i < f.n; i++) {
        unlink(f.paths[i]);
        free(f.paths[i]);
    }
    rmdir(f.name);
    return r;
}

bool check_script_has(const struct check_item *item, enum check_finding_kind kind)
{
    for (size_t i = 0; item->detail != NULL && i < item->detail->n_findings; i++) {
        if (item->detail->findings[i].kind == kind) {
            return true;
        }
    }
    return false;
}
