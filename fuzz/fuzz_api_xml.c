/* XML to JSON and back: what was read can be written, and from then on nothing changes. */
#include <stdlib.h>
#include <string.h>

#include "api/xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads and writes once more. False: it was not taken. */
static bool turn(struct bytes xml, struct text *out)
{
    json_t *json = NULL;
    struct text root = { 0 };
    struct err err = { 0 };
    enum status st = api_xml_read(xml, &json, &root, &err);
    bool good = st == ST_OK;
    if (good != (json != NULL) || (!good && err.text[0] == '\0')) {
        abort();
    }
    good = good && api_xml_write(out, json, text_str(&root));
    json_decref(json);
    text_deinit(&root);
    return good;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct text first = { 0 };
    struct text second = { 0 };
    struct text third = { 0 };
    if (turn(bytes_of(data, size), &first)) { /* attributes have become elements */
        bool again = turn(bytes_of(first.p, first.len), &second) &&
                     turn(bytes_of(second.p, second.len), &third);
        if (!again || strcmp(text_str(&second), text_str(&third)) != 0) {
            abort();
        }
    }
    text_deinit(&first);
    text_deinit(&second);
    text_deinit(&third);
    return 0;
}
