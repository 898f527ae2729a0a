/* The BLAS kernels: their name, whether they are slow, and the one sentence about it in the log of a context. */
#include "linalg.h"

#include "kit.h"

#include <ctype.h>
#include <string.h>

/* Stands in front of that of OpenBLAS. */
static char kernels[] = "Prescott";
char *openblas_get_corename(void);
char *openblas_get_corename(void)
{
    return kernels;
}

static void the_name_is_a_word(void **state)
{
    const char *name = ntk_blas_right_kernels();
    (void)state;
    assert_string_equal(ntk_blas_kernels(), "Prescott");
    if (name) assert_true(isalnum((unsigned char)name[0]));
}

static void names_are_ranked(void **state)
{
    static const char *const rising[] = {"Prescott", "Sandybridge", "Haswell", "SkylakeX"};
    (void)state;
    for (int i = 0; i < 4; ++i)
        for (int j = 0; j < 4; ++j) assert_int_equal(ntk_blas_slower(rising[i], rising[j]), i < j);
    assert_false(ntk_blas_slower("Cooperlake", "SkylakeX"));
    assert_true(ntk_blas_slower("Opteron", "Haswell"));
    assert_true(ntk_blas_slower("opteron_sse3", "Haswell"));
    assert_false(ntk_blas_slower("Optero", "Haswell"));
    assert_false(ntk_blas_slower("a new processor", "Haswell"));
    assert_false(ntk_blas_slower("", "Haswell"));
    assert_false(ntk_blas_slower(NULL, "Haswell"));
    assert_false(ntk_blas_slower("Prescott", NULL));
}

static int sentences;

static void count(void *user, const char *sentence)
{
    assert_ptr_equal(user, &sentences);
    assert_non_null(strstr(sentence, "Prescott"));
    assert_non_null(strstr(sentence, "OPENBLAS_CORETYPE"));
    ++sentences;
}

static void each_context_says_so_once(void **state)
{
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .log = count, .log_user = &sentences};
    double a = 4, b = 2, c = 0;
    (void)state;
    if (!ntk_blas_slower("Prescott", ntk_blas_right_kernels())) skip();
    sentences = 0;
    for (int i = 1; i < 3; ++i) {
        ntk_context *ctx = NULL;
        assert_int_equal(ntk_context_create(&options, &ctx), NTK_OK);
        assert_int_equal(sentences, i - 1); /* not before the BLAS is needed */
        kit_ok(ctx, ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, 1, 1, 1, 1, &a, 1, &b, 1, 0, &c, 1));
        kit_ok(ctx, ntk_cholesky(ctx, NTK_F64, 1, &a, 1));
        kit_ok(ctx, ntk_eigen(ctx, 1, &a, &b, false));
        assert_int_equal(sentences, i);
        ntk_context_destroy(ctx);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_name_is_a_word), cmocka_unit_test(names_are_ranked), cmocka_unit_test(each_context_says_so_once)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
