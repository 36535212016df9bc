/*
 * What a server or proxy says before TLS: how it was cut into pieces does not change the outcome,
 * and at most DIAL_IN_MAX bytes are kept. The first byte says which protocol, the second where it
 * is cut.
 */
#include <stdlib.h>

#include "dial/dial_steps.h"

static void run(struct dial_steps *s, const struct dial_target *target, struct bytes in, size_t cut)
{
    static const struct endpoint local = { .ip = { 192, 0, 2, 7 }, .port = 4242, .family = 4 };
    static const struct endpoint remote = { .ip = { 192, 0, 2, 9 }, .port = 25, .family = 4 };
    dial_steps_start(s, target, &local, &remote);
    struct bytes pieces[] = { bytes_head(in, cut), bytes_skip(in, cut) };
    for (size_t i = 0; i < 2; i++) {
        if (pieces[i].len > 0) {
            (void)dial_steps_push(s, pieces[i]);
        }
    }
}

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2 || size > DIAL_IN_MAX / 2) {
        return 0;
    }
    unsigned kind = data[0] % (DIAL_N_STARTTLS + 2);
    struct dial_target target = { .host = "h.test", .port = 25 };
    if (kind < DIAL_N_STARTTLS) {
        target.starttls = (enum dial_starttls)kind;
    } else {
        target.proxy = kind == DIAL_N_STARTTLS ? "http://u:p@proxy:1" : "socks5://u:p@proxy:1";
    }
    struct bytes in = bytes_of(data + 2, size - 2);
    struct dial_steps whole;
    struct dial_steps cut;
    run(&whole, &target, in, in.len);
    run(&cut, &target, in, in.len == 0 ? 0 : data[1] % in.len);
    must(whole.progress == cut.progress);
    must(whole.progress != DIAL_READY ||
         bytes_equal(dial_steps_rest(&whole), dial_steps_rest(&cut)));
    must(whole.in.len <= in.len);
    dial_steps_deinit(&whole);
    dial_steps_deinit(&cut);

    struct dial_tds tds = { 0 };
    struct text out = { 0 };
    dial_tds_unwrap(&tds, in, &out);
    must(out.len <= in.len);
    text_deinit(&out);
    return 0;
}
