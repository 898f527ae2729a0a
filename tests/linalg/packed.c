/*
 * The packed format against the pictures of LAPACK's documentation (dtrttf), and its algorithms against plain loops in long double on the
 * full matrix.  Bounds: Higham 2002, theorems 10.3 and 10.4; kit_random_spd() has a condition number below n.
 */
#include "oracle.h"

#include <stdio.h>
#include <string.h>

static double *full_matrix(int64_t n)
{
    double *k = calloc((size_t)(n * n) + 1, sizeof *k);
    assert_non_null(k);
    kit_random_spd((uint64_t)n + 7, n, k);
    for (int64_t i = 0; i < n * n; ++i) k[i] = (double)(float)k[i]; /* one matrix for both types */
    return k;
}

static void *packed_matrix(ntk_dtype dtype, int64_t n, const double *k)
{
    void *a = calloc((size_t)ntk_packed_numbers(n) + 1, ntk_dtype_size(dtype));
    assert_non_null(a);
    for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j <= i; ++j) put(dtype, a, 1, ntk_packed_index(n, i, j), 0, k[i * n + j]);
    return a;
}

static double epsilon_of(ntk_dtype dtype)
{
    return dtype == NTK_F64 ? 0x1p-53 : 0x1p-24;
}

/* Columns of the pictures of UPLO = 'U', TRANSR = 'N': upper entries "row column". */
static void test_layout(void **state)
{
    static const char *const even = "03132333000102" "04142434441112" "05152535455522", *const odd = "0212220001" "0313233311" "0414243444";
    (void)state;
    for (int which = 0; which < 2; ++which) {
        const char *picture = which ? odd : even;
        int64_t n = which ? 5 : 6;
        assert_int_equal(ntk_packed_numbers(n), (int64_t)strlen(picture) / 2);
        for (int64_t i = 0; i < n; ++i)
            for (int64_t j = 0; j < n; ++j) {
                const char *at = picture + 2 * ntk_packed_index(n, i, j);
                assert_int_equal(at[0] - '0', NTK_MIN(i, j));
                assert_int_equal(at[1] - '0', NTK_MAX(i, j));
            }
    }
}

/* The packed factor against Cholesky row by row, and A x = b against the x it was made of. */
static void check_factor_and_solve(ntk_context *ctx, ntk_dtype dtype, int64_t n, int64_t m)
{
    double *k = full_matrix(n);
    long double *l = calloc((size_t)(n * n) + 1, sizeof *l);
    void *a = packed_matrix(dtype, n, k), *b = calloc((size_t)(n * m) + 1, ntk_dtype_size(dtype));
    double bound = 40 * (double)(n + 1) * (double)n * epsilon_of(dtype);
    assert_true(l && b);
    for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j <= i; ++j) {
            long double sum = k[i * n + j];
            for (int64_t p = 0; p < j; ++p) sum -= l[i * n + p] * l[j * n + p];
            l[i * n + j] = i == j ? sqrtl(sum) : sum / l[j * n + j];
        }
    for (int64_t i = 0; i < n; ++i)
        for (int64_t c = 0; c < m; ++c) {
            long double sum = 0;
            for (int64_t j = 0; j < n; ++j) sum += (long double)k[i * n + j] * cosl((long double)(j + 3 * c));
            put(dtype, b, m, i, c, (double)sum);
        }
    kit_ok(ctx, ntk_packed_cholesky(ctx, dtype, n, a));
    for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j <= i; ++j)
            kit_near(at(dtype, a, 1, ntk_packed_index(n, i, j), 0), (double)l[i * n + j], bound * (double)l[0]);
    kit_ok(ctx, ntk_packed_solve(ctx, dtype, n, a, m, b));
    for (int64_t i = 0; i < n; ++i)
        for (int64_t c = 0; c < m; ++c) kit_near(at(dtype, b, m, i, c), cos((double)(i + 3 * c)), bound * (double)n);
    free(b);
    free(a);
    free(l);
    free(k);
}

static void check_product_and_copy(ntk_context *ctx, ntk_dtype dtype, int64_t n, int64_t m)
{
    double *k = full_matrix(n);
    void *a = packed_matrix(dtype, n, k), *v = calloc((size_t)(n * m) + 1, 8), *out = calloc((size_t)(n * m) + 1, 8), *dense = calloc((size_t)(n * n) + 1, 8);
    assert_true(v && out && dense);
    for (int64_t i = 0; i < n * m; ++i) {
        put(dtype, v, 1, i, 0, cos((double)i));
        put(dtype, out, 1, i, 0, NAN); /* what was there must not matter */
    }
    kit_ok(ctx, ntk_packed_symm(ctx, dtype, n, m, a, v, out));
    ntk_packed_spread(ctx, dtype, n, a, dense);
    for (int64_t i = 0; i < n; ++i) {
        for (int64_t j = 0; j < n; ++j) assert_true(at(dtype, dense, n, i, j) == k[NTK_MAX(i, j) * n + NTK_MIN(i, j)]);
        for (int64_t c = 0; c < m; ++c) {
            long double sum = 0, scale = 0;
            for (int64_t j = 0; j < n; ++j) {
                long double term = (long double)at(dtype, dense, n, i, j) * at(dtype, v, m, j, c);
                sum += term;
                scale += fabsl(term);
            }
            check_entry(at(dtype, out, m, i, c), sum, gamma_of(dtype, n + 1) * scale, "K v", i, c);
        }
    }
    free(dense);
    free(out);
    free(v);
    free(a);
    free(k);
}

static void test_sizes(void **state)
{
    static const int64_t sizes[] = {0, 1, 2, 3, 4, 5, 6, 7, 33, 64, 65, 130, 131};
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; ++s)
        for (int64_t m = 0; m < 4; ++m) {
            check_factor_and_solve(*state, NTK_F64, sizes[s], m);
            check_factor_and_solve(*state, NTK_F32, sizes[s], m);
            check_product_and_copy(*state, NTK_F64, sizes[s], m);
            check_product_and_copy(*state, NTK_F32, sizes[s], m);
        }
}

/* -1 on the diagonal at p: the leading minor of order p + 1 is the first that fails, in either block. */
static void test_not_positive_definite(void **state)
{
    for (int64_t n = 1; n < 8; ++n)
        for (int64_t p = 0; p < n; ++p) {
            double *k = full_matrix(n);
            char words[64];
            void *a;
            k[p * n + p] = -1;
            a = packed_matrix(NTK_F64, n, k);
            snprintf(words, sizeof words, "size %d is not positive definite: its leading minor of order %d", (int)n, (int)p + 1);
            kit_fails(*state, ntk_packed_cholesky(*state, NTK_F64, n, a), NTK_ERROR_NOT_POSITIVE_DEFINITE, words);
            free(a);
            free(k);
        }
}

static void test_too_large(void **state)
{
    double a = 1;
    int64_t n = (int64_t)1 << 40;
    kit_fails(*state, ntk_packed_cholesky(*state, NTK_F64, n, &a), NTK_ERROR_OVERFLOW, "1099511627776");
    kit_fails(*state, ntk_packed_solve(*state, NTK_F64, n, &a, 1, &a), NTK_ERROR_OVERFLOW, "1099511627776");
    kit_fails(*state, ntk_packed_symm(*state, NTK_F64, n, 1, &a, &a, &a), NTK_ERROR_OVERFLOW, "1099511627776");
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_layout), kit_test(test_sizes), kit_test(test_not_positive_definite), kit_test(test_too_large)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
