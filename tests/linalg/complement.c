/* What orthonormal rows lack: with them it is an orthogonal matrix, checked in long double. */
#include "oracle.h"

#include <string.h>

/* |V Vᵀ - 1|, V [n, n]. */
static double departure(int64_t n, const double *v)
{
    long double sum = 0;
    for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < n; ++j) {
            long double dot = i == j ? -1 : 0;
            for (int64_t l = 0; l < n; ++l) dot += (long double)v[i * n + l] * v[j * n + l];
            sum += dot * dot;
        }
    return (double)sqrtl(sum);
}

/* `k` rows of an orthogonal matrix that is not the one Householder would build: 1 - 2 h hᵀ/|h|² with its rows mixed by rotations. */
static void rows_of(uint64_t seed, int64_t n, double *q)
{
    double *h = kit_drawn(seed, n), norm = 0;
    for (int64_t i = 0; i < n; ++i) norm += h[i] * h[i];
    for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < n; ++j) q[i * n + j] = (i == j) - 2 * h[i] * h[j] / norm;
    for (int64_t i = 0; i + 1 < n; ++i)
        for (int64_t j = 0; j < n; ++j) {
            double a = q[i * n + j], b = q[(i + 1) * n + j];
            q[i * n + j] = 0.6 * a - 0.8 * b;
            q[(i + 1) * n + j] = 0.8 * a + 0.6 * b;
        }
    free(h);
}

static void completes(void **state)
{
    const int64_t sizes[] = {1, 2, 3, 8, 33, 70};
    for (size_t s = 0; s < NTK_ARRAY_LENGTH(sizes); ++s)
        for (int64_t n = sizes[s], k = 0; k <= n; k += n > 8 ? 7 : 1) {
            double *q = kit_drawn(1, n * n), *a = kit_drawn(1, n * n);
            rows_of((uint64_t)n, n, q);
            memcpy(a, q, (size_t)(n * n) * sizeof *q);
            kit_ok(*state, ntk_complement(*state, n, k, a, n - k, q + k * n));
            assert_true(departure(n, q) <= 40 * (double)n * 0x1p-53);
            free(a);
            free(q);
        }
}

/* The first of them, whatever is asked for. */
static void fewer(void **state)
{
    enum { SIZE = 9, GIVEN = 4 };
    double q[SIZE * SIZE], a[SIZE * SIZE], all[SIZE * SIZE], two[2 * SIZE];
    rows_of(3, SIZE, q);
    memcpy(a, q, sizeof q);
    kit_ok(*state, ntk_complement(*state, SIZE, GIVEN, a, SIZE - GIVEN, all));
    memcpy(a, q, sizeof q);
    kit_ok(*state, ntk_complement(*state, SIZE, GIVEN, a, 2, two));
    kit_close(2 * SIZE, two, all, 1e-15);
    kit_ok(*state, ntk_complement(*state, SIZE, GIVEN, a, 0, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(completes), kit_test(fewer)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
