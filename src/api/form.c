#include "api/form.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

static const char *find(const char *header, const char *word)
{
    return strcasestr(header, word);
}

enum api_form api_form_of(const char *header, enum api_form otherwise)
{
    if (header == NULL) {
        return otherwise;
    }
    const char *json = find(header, "/json");
    const char *xml = find(header, "/xml");
    if (json == NULL && xml == NULL) {
        return otherwise;
    }
    if (json != NULL && xml != NULL) { /* the first is preferred: clients list them so */
        return json < xml ? API_JSON : API_XML;
    }
    return json != NULL ? API_JSON : API_XML;
}
