/*
 * corpus_main: replays a corpus through a fuzz target, without the fuzzer.
 *
 * usage: replay_NAME FOLDER
 *
 * Linked with each fuzz target in the ordinary test build. Every file of the folder is one test of
 * the output (TAP); the empty input is always one. A broken promise aborts, and the line before
 * names the file.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

enum { INPUT_MAX = 16 * 1024 * 1024 };

static int is_visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* False with a message where the file cannot be read. */
static bool load(const char *path, uint8_t **out, size_t *out_len)
{
    FILE *file = fopen(path, "rbe");
    struct stat info;
    if (file == NULL || fstat(fileno(file), &info) != 0 || !S_ISREG(info.st_mode) ||
        info.st_size > INPUT_MAX) {
        printf("# %s: %s\n", path, file == NULL ? strerror(errno) : "not a file of sensible size");
        if (file != NULL) {
            fclose(file);
        }
        return false;
    }
    size_t len = (size_t)info.st_size;
    uint8_t *bytes = malloc(len == 0 ? 1 : len); /* exact, so that the sanitizer sees one too far */
    bool whole = bytes != NULL && fread(bytes, 1, len, file) == len;
    fclose(file);
    if (!whole) {
        printf("# %s: cannot be read\n", path);
        free(bytes);
        return false;
    }
    *out = bytes;
    *out_len = len;
    return true;
}

static bool replay(const char *folder, const char *name)
{
    char path[4096];
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path) {
        return false;
    }
    uint8_t *bytes = NULL;
    size_t len = 0;
    if (!load(path, &bytes, &len)) {
        return false;
    }
    LLVMFuzzerTestOneInput(bytes, len);
    free(bytes);
    return true;
}

static int replay_folder(const char *folder)
{
    struct dirent **names = NULL;
    int n = scandir(folder, &names, is_visible, alphasort);
    int n_failed = 0;
    if (n < 0) {
        printf("Bail out! %s: %s\n", folder, strerror(errno));
        return 1;
    }
    printf("1..%d\n# the empty input\n", n + 1);
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    printf("ok 1 - the empty input\n");
    for (int i = 0; i < n; i++) {
        printf("# %s\n", names[i]->d_name);
        fflush(stdout); /* the next call may abort */
        bool ok = replay(folder, names[i]->d_name);
        n_failed += !ok;
        printf("%s %d - %s\n", ok ? "ok" : "not ok", i + 2, names[i]->d_name);
        free(names[i]);
    }
    free(names);
    return n_failed > 0;
}

int main(int argc, char **argv)
{
    if (LLVMFuzzerInitialize != NULL) {
        LLVMFuzzerInitialize(&argc, &argv);
    }
    if (argc != 2) {
        fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
        return 2;
    }
    return replay_folder(argv[1]);
}
