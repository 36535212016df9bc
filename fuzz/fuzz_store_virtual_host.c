/* Any bytes as the body of a virtual host, JSON or XML: it is refused in words, or what is printed
 * back is taken again and printed the same. */
#include <stdio.h>
#include <stdlib.h>

#include "store/virtual_host.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void promise(bool is_kept, const char *what)
{
    if (!is_kept) {
        fprintf(stderr, "broken promise: %s\n", what);
        abort();
    }
}

/* NULL: refused. */
static char *printed(const struct virtual_host *v, const struct remarks *remarks)
{
    if (remarks_worst(remarks, REMARK_ERROR) != NULL) {
        return NULL;
    }
    json_t *json = virtual_host_json(v);
    char *text = json == NULL ? NULL : json_dumps(json, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(json);
    return text;
}

static void check_again(const char *text)
{
    struct arena arena = { .limit_bytes = 8 << 20 };
    struct remarks remarks = { .arena = &arena };
    struct virtual_host v;
    json_t *json = json_loads(text, 0, NULL);
    promise(json != NULL, "what is printed is JSON");
    promise(virtual_host_from_json(json, &remarks, &v, NULL) == ST_OK, "it is read again");
    char *again = printed(&v, &remarks);
    promise(again != NULL && strcmp(again, text) == 0,
            "what is printed is taken and printed again");
    free(again);
    json_decref(json);
    arena_deinit(&arena);
}

static void check_remarks(const struct remarks *remarks)
{
    for (size_t i = 0; i < remarks->n; i++) {
        promise(remarks->list[i].text[0] != '\0', "a remark in words");
        promise(remarks->list[i].code[0] != '\0', "a remark with a code");
        promise((remarks->list[i].line == 0) == (remarks->list[i].column == 0), "a place is whole");
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena = { .limit_bytes = 8 << 20 };
    struct remarks remarks = { .arena = &arena };
    struct virtual_host v;
    json_t *json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    enum status st = json != NULL ? virtual_host_from_json(json, &remarks, &v, NULL)
                                  : virtual_host_from_xml(bytes_of(data, size), &remarks, &v, NULL);
    check_remarks(&remarks);
    char *text = st == ST_OK ? printed(&v, &remarks) : NULL;
    if (text != NULL) {
        check_again(text);
    }
    free(text);
    json_decref(json);
    arena_deinit(&arena);
    return 0;
}
