/*
 * Eigenvalues and singular values by the residuals that a backward stable algorithm leaves (LAPACK Users' Guide, 4.7 and
 * 4.9): the result is exact for A + E, |E| <= p(n) u |A|, and the vectors are orthonormal to p(n) u, p a "modestly growing
 * function".  Householder reduction gives p(n) = O(n) in the Frobenius norm; 10 n is taken here.
 * By Weyl's theorem the eigenvalues and singular values are then off by at most p(n) u |A| as well.
 */
#include "oracle.h"

#include <limits.h>
#include <string.h>

static double bound_of(int64_t n)
{
    return 10 * (double)NTK_MAX(n, 1) * 0x1p-53;
}

static double *doubles(int64_t count)
{
    double *values = calloc((size_t)count + 1, sizeof *values);
    assert_non_null(values);
    return values;
}

static double frobenius(int64_t count, const double *a)
{
    long double sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += (long double)a[i] * a[i];
    return (double)sqrtl(sum);
}

/* |V Vᵀ - 1| for k rows of length n, `step` from entry to entry and `row` from row to row. */
static double departure(int64_t k, int64_t n, const double *v, int64_t row, int64_t step)
{
    long double sum = 0;
    for (int64_t i = 0; i < k; ++i)
        for (int64_t j = 0; j < k; ++j) {
            long double dot = i == j ? -1 : 0;
            for (int64_t l = 0; l < n; ++l) dot += (long double)v[i * row + l * step] * v[j * row + l * step];
            sum += dot * dot;
        }
    return (double)sqrtl(sum);
}

static void check_descending(int64_t n, const double *w)
{
    for (int64_t i = 0; i + 1 < n; ++i) assert_true(w[i] >= w[i + 1]);
}

/* Q diag(values) Qᵀ with the reflection Q = 1 - 2 h hᵀ/|h|², from the right or left for rectangles: rounded once an entry. */
static void reflect(int64_t m, int64_t n, const double *values, double *a)
{
    double *h = doubles(m), *g = doubles(n);
    long double hh = 0, gg = 0;
    kit_random(11, m, h);
    kit_random(m == n ? 11 : 12, n, g);
    for (int64_t i = 0; i < m; ++i) hh += (long double)h[i] * h[i];
    for (int64_t i = 0; i < n; ++i) gg += (long double)g[i] * g[i];
    for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) {
            long double sum = 0;
            for (int64_t k = 0; k < NTK_MIN(m, n); ++k)
                sum += values[k] * ((i == k) - 2 * h[i] * (long double)h[k] / hh) * ((j == k) - 2 * g[j] * (long double)g[k] / gg);
            a[i * n + j] = (double)sum;
        }
    free(g);
    free(h);
}

/* ---- eigen ----------------------------------------------------------------------------------------------------- */

/* |A V - V diag(w)|, row i of v the vector of w[i]. */
static double eigen_residual(int64_t n, const double *a, const double *w, const double *v)
{
    long double sum = 0;
    for (int64_t i = 0; i < n; ++i)
        for (int64_t r = 0; r < n; ++r) {
            long double entry = -(long double)w[i] * v[i * n + r];
            for (int64_t l = 0; l < n; ++l) entry += (long double)a[r * n + l] * v[i * n + l];
            sum += entry * entry;
        }
    return (double)sqrtl(sum);
}

static void check_eigen(ntk_context *ctx, int64_t n, const double *a, const double *known)
{
    double *v = doubles(n * n), *w = doubles(n), *only = doubles(n), bound = bound_of(n) * frobenius(n * n, a);
    for (int pass = 0; pass < 2; ++pass) { /* first with vectors, then without */
        for (int64_t i = 0; i < n * n; ++i) v[i] = i % n <= i / n ? a[i] : NAN; /* the lower triangle is what counts */
        if (pass) kit_ok(ctx, ntk_eigen(ctx, n, v, only, false));
        else kit_ok(ctx, ntk_eigen(ctx, n, v, w, true));
        if (pass) continue;
        assert_true(eigen_residual(n, a, w, v) <= bound);
        assert_true(departure(n, n, v, n, 1) <= bound_of(n) * sqrt((double)n));
    }
    check_descending(n, w);
    check_descending(n, only);
    for (int64_t i = 0; i < n; ++i) kit_near(only[i], w[i], 2 * bound);
    for (int64_t i = 0; known && i < n; ++i) kit_near(w[i], known[i], bound + 0x1p-52 * frobenius(n * n, a));
    free(only);
    free(w);
    free(v);
}

static void eigen_of_random_matrices(void **state)
{
    static const int64_t orders[] = {0, 1, 2, 3, 20, 61};
    for (size_t s = 0; s < NTK_ARRAY_LENGTH(orders); ++s) {
        int64_t n = orders[s];
        double *a = doubles(n * n);
        kit_random(3, n * n, a);
        for (int64_t i = 0; i < n; ++i)
            for (int64_t j = 0; j < i; ++j) a[j * n + i] = a[i * n + j];
        check_eigen(*state, n, a, NULL);
        free(a);
    }
}

/* Spectra that are known: spread over 12 orders, in clusters, singular, of both signs, all equal, all zero. */
static double spectrum_at(int which, int64_t i, int64_t n)
{
    switch (which) {
        case 0: return pow(10, -12 * (double)i / (double)n);
        case 1: return i < n / 2 ? 2 : 1;
        case 2: return i < 3 ? 5 - (double)i : 0;
        case 3: return (double)(n - 2 * i);
        case 4: return 1;
        default: return 0;
    }
}
#define SPECTRA 6

static void eigen_of_known_spectra(void **state)
{
    for (int which = 0; which < SPECTRA; ++which)
        for (int64_t n = 5; n <= 35; n += 15) {
            double *a = doubles(n * n), *known = doubles(n);
            for (int64_t i = 0; i < n; ++i) known[i] = spectrum_at(which, i, n);
            reflect(n, n, known, a);
            check_eigen(*state, n, a, known);
            free(known);
            free(a);
        }
}

/* ---- singular values ------------------------------------------------------------------------------------------- */

static double svd_residual(int64_t m, int64_t n, const double *a, const double *s, const double *u, const double *vt)
{
    int64_t k = NTK_MIN(m, n);
    long double sum = 0;
    for (int64_t i = 0; i < m; ++i)
        for (int64_t j = 0; j < n; ++j) {
            long double entry = a[i * n + j];
            for (int64_t l = 0; l < k; ++l) entry -= (long double)u[i * k + l] * s[l] * vt[l * n + j];
            sum += entry * entry;
        }
    return (double)sqrtl(sum);
}

static void check_svd(ntk_context *ctx, int64_t m, int64_t n, const double *a, const double *known)
{
    int64_t k = NTK_MIN(m, n), big = NTK_MAX(m, n);
    double *work = doubles(m * n), *s = doubles(k), *only = doubles(k), *u = doubles(m * k), *vt = doubles(k * n);
    double bound = bound_of(big) * frobenius(m * n, a);
    memcpy(work, a, (size_t)(m * n) * sizeof *a);
    kit_ok(ctx, ntk_svd(ctx, m, n, work, s, u, vt));
    assert_true(svd_residual(m, n, a, s, u, vt) <= bound);
    assert_true(departure(k, m, u, 1, k) <= bound_of(big) * sqrt((double)k));
    assert_true(departure(k, n, vt, n, 1) <= bound_of(big) * sqrt((double)k));
    check_descending(k, s);
    memcpy(work, a, (size_t)(m * n) * sizeof *a);
    kit_ok(ctx, ntk_svd(ctx, m, n, work, only, NULL, NULL));
    check_descending(k, only);
    for (int64_t i = 0; i < k; ++i) kit_near(only[i], s[i], 2 * bound);
    for (int64_t i = 0; known && i < k; ++i) kit_near(s[i], known[i], bound + 0x1p-52 * frobenius(m * n, a));
    free(vt);
    free(u);
    free(only);
    free(s);
    free(work);
}

static const int64_t rectangles[][2] = {{0, 0}, {0, 4}, {4, 0}, {1, 1}, {1, 9}, {9, 1}, {7, 7}, {40, 6}, {6, 40}, {33, 30}};

static void svd_of_random_matrices(void **state)
{
    for (size_t r = 0; r < NTK_ARRAY_LENGTH(rectangles); ++r) {
        int64_t m = rectangles[r][0], n = rectangles[r][1];
        double *a = doubles(m * n);
        kit_random(17, m * n, a);
        check_svd(*state, m, n, a, NULL);
        free(a);
    }
}

static int larger_first(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x < y) - (x > y);
}

static void svd_of_known_values(void **state)
{
    for (int which = 0; which < SPECTRA; ++which)
        for (size_t r = 6; r < NTK_ARRAY_LENGTH(rectangles); ++r) {
            int64_t m = rectangles[r][0], n = rectangles[r][1], k = NTK_MIN(m, n);
            double *a = doubles(m * n), *known = doubles(k);
            for (int64_t i = 0; i < k; ++i) known[i] = fabs(spectrum_at(which, i, k));
            if (which == 3) qsort(known, (size_t)k, sizeof *known, larger_first);
            reflect(m, n, known, a);
            check_svd(*state, m, n, a, known);
            free(known);
            free(a);
        }
}

/* ---- errors, norm ---------------------------------------------------------------------------------------------- */

static void sizes_beyond_lapack(void **state)
{
    ntk_context *ctx = *state;
    const int64_t big = (int64_t)INT_MAX + 1;
    double a = 3, w = 0;
    kit_fails(ctx, ntk_eigen(ctx, big, &a, &w, true), NTK_ERROR_OVERFLOW, "dsyevd: the size 2147483648 exceeds the integers of LAPACK");
    kit_fails(ctx, ntk_svd(ctx, big, 1, &a, &w, &a, &a), NTK_ERROR_OVERFLOW, "dgesdd: the size 2147483648");
    kit_fails(ctx, ntk_svd(ctx, 1, big, &a, &w, &a, &a), NTK_ERROR_OVERFLOW, "dgesdd: the size 2147483648");
}

/* Refuses the n-th request. */
static void *refuse_nth(void *user, void *block, size_t old_size, size_t new_size)
{
    int *left = user;
    (void)old_size;
    if (new_size > 0) return (*left)-- == 0 ? NULL : realloc(block, new_size);
    free(block);
    return NULL;
}

static void workspace_may_be_refused(void **state)
{
    for (int nth = 0; nth < 2; ++nth) {
        ntk_context broke = *(ntk_context *)*state;
        double a[4] = {2, 1, 1, 2}, b[4] = {2, 1, 1, 2}, w[2], u[4], vt[4];
        int left = nth;
        broke.options.allocate = refuse_nth;
        broke.options.allocate_user = &left;
        kit_fails(&broke, ntk_eigen(&broke, 2, a, w, true), NTK_ERROR_MEMORY, "out of memory");
        left = nth;
        kit_fails(&broke, ntk_svd(&broke, 2, 2, b, w, u, vt), NTK_ERROR_MEMORY, "out of memory");
    }
}

/* n squares, a sum and a root: gamma_{n+3}, and a division and a product for the scale. */
static void norms(void **state)
{
    static const double scales[] = {1, 1e300, 1e-300, 0x1p-1060};
    const double zeros[6] = {0}, infinite[2] = {1, INFINITY};
    double a[12];
    (void)state;
    for (size_t s = 0; s < NTK_ARRAY_LENGTH(scales); ++s) {
        long double sum = 0;
        kit_random(23, 12, a);
        for (int i = 0; i < 12; ++i) a[i] *= scales[s];
        for (int i = 0; i < 12; ++i) sum += (long double)a[i] * a[i];
        kit_near(ntk_norm(3, 4, a), (double)sqrtl(sum), gamma_of(NTK_F64, 12 + 5) * (double)sqrtl(sum) + 0x1p-1074);
    }
    assert_true(ntk_norm(2, 3, zeros) == 0);
    assert_true(ntk_norm(0, 3, NULL) == 0);
    assert_true(isinf(ntk_norm(1, 2, infinite)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(eigen_of_random_matrices), kit_test(eigen_of_known_spectra), kit_test(svd_of_random_matrices),
        kit_test(svd_of_known_values),      kit_test(sizes_beyond_lapack),    kit_test(workspace_may_be_refused),
        kit_test(norms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
