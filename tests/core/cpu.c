/* The instruction set: NTK_CPU names a lower one, never a higher one. */
#include "kit.h"

#include "core.h"

#include <stdlib.h>

static void names(void **state)
{
    (void)state;
    assert_string_equal(ntk_cpu_name(NTK_CPU_C), "c");
    assert_string_equal(ntk_cpu_name(NTK_CPU_AVX2), "avx2");
    assert_string_equal(ntk_cpu_name(NTK_CPU_AVX512), "avx512");
}

static ntk_cpu detect_with(const char *wish)
{
    ntk_cpu cpu;
    setenv("NTK_CPU", wish, 1);
    cpu = ntk_cpu_detect();
    unsetenv("NTK_CPU");
    return cpu;
}

static void a_wish_lowers_only(void **state)
{
    ntk_cpu best;
    (void)state;
    unsetenv("NTK_CPU");
    best = ntk_cpu_detect();
    assert_in_range(best, NTK_CPU_C, NTK_CPU_AVX512);
    for (ntk_cpu wish = NTK_CPU_C; wish < NTK_CPU_COUNT; ++wish) assert_int_equal(detect_with(ntk_cpu_name(wish)), NTK_MIN(wish, best));
    assert_int_equal(detect_with("z80"), best);
    assert_int_equal(detect_with(""), best);
}

static void the_context_reads_it_once(void **state)
{
    ntk_context *ctx = NULL;
    (void)state;
    setenv("NTK_CPU", "c", 1);
    assert_int_equal(ntk_context_create(NULL, &ctx), NTK_OK);
    unsetenv("NTK_CPU");
    assert_string_equal(ntk_context_cpu(ctx), "c");
    ntk_context_destroy(ctx);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names), cmocka_unit_test(a_wish_lowers_only), cmocka_unit_test(the_context_reads_it_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
