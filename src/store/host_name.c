#include "store/host_name.h"

#include <arpa/inet.h>
#include <stddef.h>
#include <string.h>

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool host_is_address(const char *s)
{
    unsigned char ip[16];
    return inet_pton(AF_INET, s, ip) == 1 || inet_pton(AF_INET6, s, ip) == 1;
}

static bool label_is_valid(const char *s, size_t len)
{
    if (len == 0 || len > 63 || s[0] == '-' || s[len - 1] == '-') {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (!is_plain(s[i]) && s[i] != '-' && s[i] != '_') {
            return false;
        }
    }
    return true;
}

bool host_name_is_valid(const char *s, bool wildcard)
{
    if (strlen(s) > 253) {
        return false;
    }
    if (wildcard && s[0] == '*') {
        if (s[1] != '.') {
            return s[1] == '\0'; /* "*": every name */
        }
        s += 2;
    }
    for (;;) {
        size_t len = strcspn(s, ".");
        if (!label_is_valid(s, len)) {
            return false;
        }
        if (s[len] == '\0') {
            return true;
        }
        s += len + 1;
    }
}

bool name_is_valid(const char *s, const char *others, unsigned most)
{
    size_t len = 0;
    for (; s[len] != '\0'; len++) {
        if (len >= most || (!is_plain(s[len]) && strchr(others, s[len]) == NULL)) {
            return false;
        }
    }
    return len > 0;
}
