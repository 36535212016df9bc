#include "base/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
    struct timespec now = { 0 };
    clock_gettime(id, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

int64_t clock_now_ns(void)
{
    return read_clock(CLOCK_REALTIME);
}

int64_t clock_monotonic_ns(void)
{
    return read_clock(CLOCK_MONOTONIC);
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0 ? 1 : 0);
}

static struct tm broken_down(int64_t at_s)
{
    time_t t = (time_t)at_s;
    struct tm tm = { 0 };
    gmtime_r(&t, &tm);
    return tm;
}

/* Without printf: every line of JSON has a time. */
static void put_digits(struct text *out, uint64_t value, unsigned n)
{
    char digits[20];
    for (unsigned i = n; i > 0; i--) {
        digits[i - 1] = (char)('0' + value % 10);
        value /= 10;
    }
    text_put(out, digits, n);
}

static void put_date(struct text *out, const struct tm *tm)
{
    int64_t year = (int64_t)tm->tm_year + 1900;
    if (year < 0 || year > 9999) {
        text_printf(out, "%04" PRId64, year);
    } else {
        put_digits(out, (uint64_t)year, 4);
    }
    text_putc(out, '-');
    put_digits(out, (uint64_t)tm->tm_mon + 1, 2);
    text_putc(out, '-');
    put_digits(out, (uint64_t)tm->tm_mday, 2);
}

void clock_put(struct text *out, int64_t at_ns, unsigned decimals)
{
    int64_t s = floor_div(at_ns, NS_PER_S);
    uint64_t fraction = (uint64_t)(at_ns - s * NS_PER_S);
    struct tm tm = broken_down(s);
    put_date(out, &tm);
    text_putc(out, 'T');
    put_digits(out, (uint64_t)tm.tm_hour, 2);
    text_putc(out, ':');
    put_digits(out, (uint64_t)tm.tm_min, 2);
    text_putc(out, ':');
    put_digits(out, (uint64_t)tm.tm_sec, 2);
    if (decimals > 0) {
        for (unsigned i = decimals; i < 9; i++) {
            fraction /= 10;
        }
        text_putc(out, '.');
        put_digits(out, fraction, decimals);
    }
    text_putc(out, 'Z');
}

void clock_put_date(struct text *out, int64_t at_s)
{
    struct tm tm = broken_down(at_s);
    put_date(out, &tm);
}

static bool parse_fraction(const char **s, int64_t *ns)
{
    int64_t unit = NS_PER_S / 10;
    *ns = 0;
    if (**s != '.') {
        return true;
    }
    const char *p = *s + 1;
    if (*p < '0' || *p > '9') {
        return false;
    }
    for (; *p >= '0' && *p <= '9'; p++, unit /= 10) {
        *ns += (*p - '0') * unit;
    }
    *s = p;
    return true;
}

static bool parse_offset(const char *s, int64_t *out_s)
{
    *out_s = 0;
    if ((s[0] == 'Z' || s[0] == 'z') && s[1] == '\0') {
        return true;
    }
    int hours = 0;
    int minutes = 0;
    int used = 0;
    if ((s[0] != '+' && s[0] != '-') || sscanf(s + 1, "%2d:%2d%n", &hours, &minutes, &used) != 2 ||
        s[1 + used] != '\0' || hours < 0 || hours > 23 || minutes < 0 || minutes > 59) {
        return false;
    }
    int64_t ahead_s = INT64_C(60) * (hours * 60 + minutes);
    *out_s = s[0] == '-' ? -ahead_s : ahead_s;
    return true;
}

static bool parse_epoch(const char *s, int64_t *out_ns)
{
    char *end = NULL;
    long long v = strtoll(s, &end, 10);
    if (end == s || *end != '\0' || v > INT64_MAX / NS_PER_S || v < INT64_MIN / NS_PER_S) {
        return false;
    }
    *out_ns = v * NS_PER_S;
    return true;
}

/* A date that no calendar has (30 February) would be moved into the next month by timegm(). */
static bool is_day_of_month(const struct tm *tm)
{
    struct tm moved = { .tm_year = tm->tm_year, .tm_mon = tm->tm_mon, .tm_mday = tm->tm_mday };
    (void)timegm(&moved);
    return moved.tm_mon == tm->tm_mon && moved.tm_mday == tm->tm_mday;
}

static bool is_time_of_day(const struct tm *tm)
{
    return tm->tm_hour >= 0 && tm->tm_hour <= 23 && tm->tm_min >= 0 && tm->tm_min <= 59 &&
           tm->tm_sec >= 0 && tm->tm_sec <= 60;
}

bool clock_parse(const char *s, int64_t *out_ns)
{
    struct tm tm = { 0 };
    int used = 0;
    if (s[0] == '@') {
        return parse_epoch(s + 1, out_ns);
    }
    if (sscanf(s, "%4d-%2d-%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &used) != 3 ||
        tm.tm_year < 1678 || tm.tm_year > 2261 || tm.tm_mon < 1 || tm.tm_mon > 12 ||
        tm.tm_mday < 1 || tm.tm_mday > 31) {
        return false; /* nanoseconds since 1970 in 64 bits reach from 1678 to 2261 */
    }
    tm.tm_year -= 1900;
    tm.tm_mon -= 1;
    if (!is_day_of_month(&tm)) {
        return false;
    }
    const char *rest = s + used;
    int64_t fraction = 0;
    int64_t offset_s = 0;
    if (*rest != '\0') {
        if ((*rest != 'T' && *rest != 't' && *rest != ' ') ||
            sscanf(rest + 1, "%2d:%2d:%2d%n", &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &used) != 3 ||
            !is_time_of_day(&tm)) {
            return false;
        }
        rest += 1 + used;
        if (!parse_fraction(&rest, &fraction) || !parse_offset(rest, &offset_s)) {
            return false;
        }
    }
    *out_ns = ((int64_t)timegm(&tm) - offset_s) * NS_PER_S + fraction;
    return true;
}
