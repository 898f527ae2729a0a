/*
 * Products against naive loops, entry by entry.
 *
 * An inner product of k terms, summed in any order, with or without fused operations, is off by at most gamma_k |a||b|
 * (Higham 3.5); alpha, beta C and their sum add three roundings:  |C - exact| <= gamma_{k+3} (|alpha| |A||B| + |beta C|).
 */
#include "oracle.h"

#include <limits.h>

typedef struct product {
    ntk_dtype dtype;
    ntk_transpose ta, tb;
    int64_t m, n, k, pad;
    double alpha, beta;
} product;

static double op_at(const product *p, ntk_transpose t, const void *a, int64_t lda, int64_t i, int64_t j)
{
    return t == NTK_PLAIN ? at(p->dtype, a, lda, i, j) : at(p->dtype, a, lda, j, i);
}

/* Entry (i, j) of alpha op(A) op(B) + beta C, and the bound. */
static long double exact_entry(const product *p, const void *a, int64_t lda, const void *b, int64_t ldb, double c, int64_t i, int64_t j,
                               long double *bound)
{
    long double sum = 0, sizes = 0;
    for (int64_t l = 0; l < p->k; ++l) {
        long double term = (long double)op_at(p, p->ta, a, lda, i, l) * op_at(p, p->tb, b, ldb, l, j);
        sum += term;
        sizes += fabsl(term);
    }
    *bound = gamma_of(p->dtype, p->k + 3) * (fabs(p->alpha) * sizes + fabs(p->beta * c));
    return p->alpha * sum + p->beta * c;
}

/* `lower`: only j <= i is a result.  All else in [m, ldc], padding too, must be as before. */
static void check_product(const product *p, const void *a, int64_t lda, const void *b, int64_t ldb, const void *before, const void *c,
                          bool lower)
{
    int64_t ldc = p->n + p->pad;
    for (int64_t i = 0; i < p->m; ++i)
        for (int64_t j = 0; j < ldc; ++j) {
            double old = at(p->dtype, before, ldc, i, j);
            long double bound = 0, exact = old;
            if (j < p->n && (!lower || j <= i)) exact = exact_entry(p, a, lda, b, ldb, old, i, j, &bound);
            check_entry(at(p->dtype, c, ldc, i, j), exact, bound, "C", i, j);
        }
}

static void check_gemm(ntk_context *ctx, const product *p)
{
    int64_t lda = (p->ta == NTK_PLAIN ? p->k : p->m) + p->pad, ldb = (p->tb == NTK_PLAIN ? p->n : p->k) + p->pad, ldc = p->n + p->pad;
    void *a = any_matrix(p->dtype, 1, p->ta == NTK_PLAIN ? p->m : p->k, lda);
    void *b = any_matrix(p->dtype, 2, p->tb == NTK_PLAIN ? p->k : p->n, ldb);
    void *before = any_matrix(p->dtype, 3, p->m, ldc), *c = any_matrix(p->dtype, 3, p->m, ldc);
    kit_ok(ctx, ntk_gemm(ctx, p->dtype, p->ta, p->tb, p->m, p->n, p->k, p->alpha, a, lda, b, ldb, p->beta, c, NTK_MAX(ldc, 1)));
    check_product(p, a, lda, b, ldb, before, c, false);
    free(c);
    free(before);
    free(b);
    free(a);
}

/* C = A Aᵀ or Aᵀ A: the second factor is A with the other transpose. */
static void check_syrk(ntk_context *ctx, product p)
{
    int64_t lda = (p.ta == NTK_PLAIN ? p.k : p.m) + p.pad, ldc = p.m + p.pad;
    void *a = any_matrix(p.dtype, 4, p.ta == NTK_PLAIN ? p.m : p.k, lda);
    void *before = any_matrix(p.dtype, 5, p.m, ldc), *c = any_matrix(p.dtype, 5, p.m, ldc);
    p.n = p.m;
    p.tb = p.ta == NTK_PLAIN ? NTK_TRANSPOSED : NTK_PLAIN;
    kit_ok(ctx, ntk_syrk(ctx, p.dtype, p.ta, p.m, p.k, p.alpha, a, lda, p.beta, c, NTK_MAX(ldc, 1)));
    check_product(&p, a, lda, a, lda, before, c, true);
    free(c);
    free(before);
    free(a);
}

/* The upper triangle of A holds NaN while the product runs, its mirror image for the oracle. */
static void check_symm(ntk_context *ctx, product p)
{
    int64_t n = p.m, lda = n + p.pad, ldb = p.n + p.pad;
    void *a = any_matrix(p.dtype, 6, n, lda), *b = any_matrix(p.dtype, 7, n, ldb);
    void *before = any_matrix(p.dtype, 8, n, ldb), *c = any_matrix(p.dtype, 8, n, ldb);
    p.k = n;
    p.alpha = 1;
    p.beta = 0;
    p.ta = p.tb = NTK_PLAIN;
    for (int64_t i = 0; i < n; ++i)
        for (int64_t j = i + 1; j < n; ++j) put(p.dtype, a, lda, i, j, NAN);
    kit_ok(ctx, ntk_symm(ctx, p.dtype, n, p.n, a, NTK_MAX(lda, 1), b, ldb, c, NTK_MAX(ldb, 1)));
    for (int64_t i = 0; i < n; ++i)
        for (int64_t j = i + 1; j < n; ++j) put(p.dtype, a, lda, i, j, at(p.dtype, a, lda, j, i));
    check_product(&p, a, lda, b, ldb, before, c, false);
    free(c);
    free(before);
    free(b);
    free(a);
}

static const int64_t sizes[][3] = {{1, 1, 1}, {3, 5, 7}, {17, 4, 33}, {0, 3, 2}, {3, 0, 2}, {3, 2, 0}, {0, 0, 0}, {65, 70, 130}};
static const double scales[][2] = {{1, 0}, {-0.5, 1}, {2, -3}, {0, 0.25}};

/* Each size, scale, padding and dtype; what to run with it is the caller's. */
static void for_each_product(ntk_context *ctx, void (*check)(ntk_context *, product))
{
    for (size_t s = 0; s < NTK_ARRAY_LENGTH(sizes); ++s)
        for (size_t x = 0; x < NTK_ARRAY_LENGTH(scales); ++x)
            for (int pad = 0; pad <= 3; pad += 3)
                for (int dtype = NTK_F64; dtype <= NTK_F32; ++dtype)
                    check(ctx, (product){(ntk_dtype)dtype, NTK_PLAIN, NTK_PLAIN, sizes[s][0], sizes[s][1], sizes[s][2], pad,
                                         scales[x][0], scales[x][1]});
}

static void gemm_all_transposes(ntk_context *ctx, product p)
{
    for (int t = 0; t < 4; ++t) {
        p.ta = t & 1 ? NTK_TRANSPOSED : NTK_PLAIN;
        p.tb = t & 2 ? NTK_TRANSPOSED : NTK_PLAIN;
        check_gemm(ctx, &p);
    }
}

static void syrk_both_transposes(ntk_context *ctx, product p)
{
    check_syrk(ctx, p);
    p.ta = NTK_TRANSPOSED;
    check_syrk(ctx, p);
}

static void gemm(void **state)
{
    for_each_product(*state, gemm_all_transposes);
}

static void syrk(void **state)
{
    for_each_product(*state, syrk_both_transposes);
}

static void symm(void **state)
{
    for_each_product(*state, check_symm);
}

static void beta_zero_overwrites_nan(void **state)
{
    const double a[4] = {1, 2, 3, 4}, aa[4] = {7, 10, 15, 22};
    double c[4] = {NAN, NAN, NAN, NAN};
    kit_ok(*state, ntk_gemm(*state, NTK_F64, NTK_PLAIN, NTK_PLAIN, 2, 2, 2, 1, a, 2, a, 2, 0, c, 2));
    kit_close(4, c, aa, 0); /* small integers: exact */
}

static void refusals(void **state)
{
    ntk_context *ctx = *state;
    const int64_t big = (int64_t)INT_MAX + 1;
    double c = 7;
    kit_fails(ctx, ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, big, 1, 1, 1, &c, 1, &c, 1, 0, &c, 1), NTK_ERROR_OVERFLOW,
              "gemm: the size 2147483648 exceeds the integers of the BLAS");
    kit_fails(ctx, ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, 1, 1, 1, 1, &c, big, &c, 1, 0, &c, 1), NTK_ERROR_OVERFLOW, "gemm");
    kit_fails(ctx, ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, 1, -1, 1, 1, &c, 1, &c, 1, 0, &c, 1), NTK_ERROR_OVERFLOW, "-1");
    kit_fails(ctx, ntk_syrk(ctx, NTK_F64, NTK_PLAIN, 1, big, 1, &c, 1, 0, &c, 1), NTK_ERROR_OVERFLOW, "syrk: the size 2147483648");
    kit_fails(ctx, ntk_symm(ctx, NTK_F64, 1, big, &c, 1, &c, 1, &c, 1), NTK_ERROR_OVERFLOW, "symm: the size 2147483648");
    kit_fails(ctx, ntk_gemm(ctx, NTK_I64, NTK_PLAIN, NTK_PLAIN, 1, 1, 1, 1, &c, 1, &c, 1, 0, &c, 1), NTK_ERROR_DTYPE, "not in i64");
    kit_fails(ctx, ntk_syrk(ctx, NTK_U8, NTK_PLAIN, 1, 1, 1, &c, 1, 0, &c, 1), NTK_ERROR_DTYPE, "syrk works in f64 and f32, not in u8");
    kit_fails(ctx, ntk_symm(ctx, NTK_I64, 1, 1, &c, 1, &c, 1, &c, 1), NTK_ERROR_DTYPE, "not in i64");
    kit_near(c, 7, 0);
}

/* Sizes around the tile of 64. */
static void mirror(void **state)
{
    static const int64_t orders[] = {0, 1, 2, 63, 64, 65, 128, 200};
    for (size_t s = 0; s < NTK_ARRAY_LENGTH(orders); ++s)
        for (int dtype = NTK_F64; dtype <= NTK_F32; ++dtype) {
            int64_t n = orders[s], lda = n + 5;
            void *before = any_matrix((ntk_dtype)dtype, 9, n, lda), *a = any_matrix((ntk_dtype)dtype, 9, n, lda);
            ntk_mirror(*state, (ntk_dtype)dtype, n, a, lda);
            for (int64_t i = 0; i < n; ++i)
                for (int64_t j = 0; j < lda; ++j) {
                    double expected = j < n && j > i ? at((ntk_dtype)dtype, before, lda, j, i) : at((ntk_dtype)dtype, before, lda, i, j);
                    check_entry(at((ntk_dtype)dtype, a, lda, i, j), expected, 0, "A", i, j);
                }
            free(a);
            free(before);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(gemm), kit_test(syrk), kit_test(symm), kit_test(beta_zero_overwrites_nan), kit_test(refusals), kit_test(mirror),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
