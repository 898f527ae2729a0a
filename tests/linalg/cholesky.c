/*
 * Cholesky by its backward errors, entry by entry (Higham 10.3, 10.4; true for every order of the sums):
 *
 *     |L Lᵀ - A| <= gamma_{n+1} |L||Lᵀ|,      |b - A x| <= gamma_{3n+1} |L||Lᵀ||x|  (+ n for libraries that divide by the
 *                                             diagonal through its reciprocal: gamma_{4n+1})
 */
#include "oracle.h"

#include <limits.h>
#include <stdio.h>

/* The lower triangle of a positive definite matrix; NaN above it and in the padding. */
static void *positive_definite(ntk_dtype dtype, int64_t n, int64_t lda)
{
    double *k = calloc((size_t)(n * n) + 1, sizeof *k);
    void *a = calloc((size_t)(n * lda) + 1, ntk_dtype_size(dtype));
    assert_true(k && a);
    kit_random_spd((uint64_t)n, n, k);
    for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < lda; ++j) put(dtype, a, lda, i, j, j <= i ? k[i * n + j] : NAN);
    free(k);
    return a;
}

/* sum_l L_il L_jl and the same of absolute values. */
static long double product_at(ntk_dtype dtype, const void *l, int64_t ldl, int64_t i, int64_t j, long double *absolute)
{
    long double sum = 0;
    *absolute = 0;
    for (int64_t k = 0; k <= NTK_MIN(i, j); ++k) {
        long double term = (long double)at(dtype, l, ldl, i, k) * at(dtype, l, ldl, j, k);
        sum += term;
        *absolute += fabsl(term);
    }
    return sum;
}

static void check_factor(ntk_dtype dtype, int64_t n, const void *a, const void *l, int64_t lda)
{
    for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < lda; ++j) {
            long double absolute, product;
            if (j > i) {
                assert_true(isnan(at(dtype, l, lda, i, j))); /* never touched */
                continue;
            }
            product = product_at(dtype, l, lda, i, j, &absolute);
            check_entry(at(dtype, a, lda, i, j), product, gamma_of(dtype, n + 1) * absolute, "A", i, j);
        }
}

static void check_solution(ntk_dtype dtype, int64_t n, const void *a, const void *l, int64_t lda, int64_t m, const void *b, const void *x,
                           int64_t ldb)
{
    for (int64_t i = 0; i < n; ++i)
        for (int64_t c = 0; c < m; ++c) {
            long double ax = 0, scale = 0;
            for (int64_t j = 0; j < n; ++j) {
                long double absolute, xj = at(dtype, x, ldb, j, c);
                product_at(dtype, l, lda, i, j, &absolute);
                ax += at(dtype, a, lda, NTK_MAX(i, j), NTK_MIN(i, j)) * xj;
                scale += absolute * fabsl(xj);
            }
            check_entry(at(dtype, b, ldb, i, c), ax, gamma_of(dtype, 4 * n + 1) * scale, "b", i, c);
        }
}

static void check_both(ntk_context *ctx, ntk_dtype dtype, int64_t n, int64_t m, int64_t pad)
{
    int64_t lda = n + pad, ldb = m + pad;
    void *a = positive_definite(dtype, n, lda), *l = positive_definite(dtype, n, lda);
    void *b = any_matrix(dtype, 5, n, ldb), *x = any_matrix(dtype, 5, n, ldb);
    kit_ok(ctx, ntk_cholesky(ctx, dtype, n, l, NTK_MAX(lda, 1)));
    check_factor(dtype, n, a, l, lda);
    kit_ok(ctx, ntk_cholesky_solve(ctx, dtype, n, l, NTK_MAX(lda, 1), m, x, NTK_MAX(ldb, 1)));
    check_solution(dtype, n, a, l, lda, m, b, x, ldb);
    for (int64_t i = 0; i < n; ++i)
        for (int64_t c = m; c < ldb; ++c) assert_true(at(dtype, x, ldb, i, c) == at(dtype, b, ldb, i, c));
    free(x);
    free(b);
    free(l);
    free(a);
}

static void factor_and_solve(void **state)
{
    static const int64_t orders[] = {0, 1, 2, 3, 17, 64, 97}, columns[] = {0, 1, 10};
    for (size_t s = 0; s < NTK_ARRAY_LENGTH(orders); ++s)
        for (size_t c = 0; c < NTK_ARRAY_LENGTH(columns); ++c)
            for (int64_t pad = 0; pad <= 3; pad += 3) {
                check_both(*state, NTK_F64, orders[s], columns[c], pad);
                check_both(*state, NTK_F32, orders[s], columns[c], pad);
            }
}

/* The unit matrix with one entry that is not positive: the leading minors before it are fine. */
static void the_failing_minor_is_named(void **state)
{
    static const int64_t orders[] = {1, 2, 40, 150};
    static const double bad[] = {-1, 0};
    for (size_t s = 0; s < NTK_ARRAY_LENGTH(orders); ++s)
        for (int dtype = NTK_F64; dtype <= NTK_F32; ++dtype)
            for (int64_t place = 0; place < orders[s]; place += 1 + orders[s] / 4) {
                int64_t n = orders[s];
                char words[64];
                void *a = calloc((size_t)(n * n), ntk_dtype_size((ntk_dtype)dtype));
                assert_non_null(a);
                for (int64_t i = 0; i < n; ++i) put((ntk_dtype)dtype, a, n, i, i, i == place ? bad[place % 2] : 1);
                snprintf(words, sizeof words, "leading minor of order %lld fails", (long long)place + 1);
                kit_fails(*state, ntk_cholesky(*state, (ntk_dtype)dtype, n, a, n), NTK_ERROR_NOT_POSITIVE_DEFINITE, words);
                free(a);
            }
}

static void sizes_beyond_lapack(void **state)
{
    ntk_context *ctx = *state;
    const int64_t big = (int64_t)INT_MAX + 1;
    double a = 4;
    kit_fails(ctx, ntk_cholesky(ctx, NTK_F64, big, &a, big), NTK_ERROR_OVERFLOW, "potrf: the size 2147483648");
    kit_fails(ctx, ntk_cholesky(ctx, NTK_F64, 1, &a, big), NTK_ERROR_OVERFLOW, "potrf");
    kit_fails(ctx, ntk_cholesky_solve(ctx, NTK_F64, 1, &a, 1, big, &a, big), NTK_ERROR_OVERFLOW, "trsm: 1 x 2147483648");
    kit_near(a, 4, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(factor_and_solve), kit_test(the_failing_minor_is_named), kit_test(sizes_beyond_lapack)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
