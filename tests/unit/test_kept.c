/* Memory that is kept: what was given comes back, a bounded number of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "observe/kept.h"

enum { SIZE = 64, MORE = 5 };

static void empty(struct kept *k)
{
    while (k->n > 0) {
        free(kept_take(k, SIZE));
    }
}

static void comes_back(void **state)
{
    static struct kept k = KEPT_NONE;
    (void)state;
    void *first = kept_take(&k, SIZE);
    assert_non_null(first);
    kept_give(&k, first);
    kept_give(&k, NULL);
    assert_ptr_equal(kept_take(&k, SIZE), first);
    assert_int_equal(k.n, 0);
    free(first);
}

/* Those beyond the bound are freed: a sanitizer would report them as leaked. */
static void is_bounded(void **state)
{
    static struct kept k = KEPT_NONE;
    void *all[KEPT_MAX + MORE];
    (void)state;
    for (size_t i = 0; i < KEPT_MAX + MORE; i++) {
        all[i] = kept_take(&k, SIZE);
        assert_non_null(all[i]);
    }
    for (size_t i = 0; i < KEPT_MAX + MORE; i++) {
        kept_give(&k, all[i]);
    }
    assert_int_equal(k.n, KEPT_MAX);
    void *last = kept_take(&k, SIZE);
    assert_ptr_equal(last, all[KEPT_MAX - 1]);
    kept_give(&k, last);
    empty(&k);
}

/* As after fork(), where the thread that was at it is gone. */
static void does_without(void **state)
{
    static struct kept k = KEPT_NONE;
    (void)state;
    atomic_flag_test_and_set(&k.is_taken);
    void *other = kept_take(&k, SIZE);
    assert_non_null(other);
    kept_give(&k, other);
    assert_int_equal(k.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comes_back),
        cmocka_unit_test(is_bounded),
        cmocka_unit_test(does_without),
    };
    return cmocka_run_group_tests_name("kept", tests, NULL, NULL);
}
