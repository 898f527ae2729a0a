#include "dense.h"

#include <float.h>

enum { N = 11, M = 2, P = 4 };

/* The definition: sample i is taken out, the rest is solved for by elimination. */
static void naive(const double *k, double ridge, const double *y, int out, double *mean, double *variance)
{
    enum { R = N - 1 };
    double a[R * R], b[R * (M + 1)], cross[R];
    for (int i = 0, r = 0; i < N; ++i) {
        if (i == out) continue;
        for (int j = 0, c = 0; j < N; ++j)
            if (j != out) a[r * R + c++] = k[i * N + j] + (i == j ? ridge : 0);
        for (int j = 0; j < M; ++j) b[r * (M + 1) + j] = y[i * M + j];
        cross[r] = b[r * (M + 1) + M] = k[i * N + out];
        ++r;
    }
    dense_eliminate(R, M + 1, a, b);
    *variance = k[out * N + out] + ridge;
    for (int j = 0; j < M; ++j) mean[j] = 0;
    for (int r = 0; r < R; ++r) {
        for (int j = 0; j < M; ++j) mean[j] += cross[r] * b[r * (M + 1) + j];
        *variance -= cross[r] * b[r * (M + 1) + M];
    }
}

static void check(ntk_context *ctx, const ntk_spectrum *s, const double *k, double ridge, double *y, double bound)
{
    double mean[N * M], variance[N], f[M], v;
    ntk_array targets = ntk_matrix_f64(y, N, M), out = ntk_matrix_f64(mean, N, M), spread = ntk_vector_f64(variance, N);
    kit_ok(ctx, ntk_spectrum_leave_one_out(ctx, s, &targets, ridge, &out, &spread));
    for (int i = 0; i < N; ++i) {
        naive(k, ridge, y, i, f, &v);
        kit_near(variance[i], v, bound * v);
        for (int j = 0; j < M; ++j) kit_near(mean[i * M + j], f[j], bound * 10);
    }
    kit_ok(ctx, ntk_spectrum_leave_one_out(ctx, s, &targets, ridge, &out, NULL));
    kit_ok(ctx, ntk_spectrum_leave_one_out(ctx, s, &targets, ridge, &targets, NULL)); /* y and mean may be the same memory */
    kit_close(N * M, y, mean, 0);
}

static void test_each_without_itself(void **state)
{
    double k[N * N], y[N * M], ridges[] = {0, 0.3, 100};
    ntk_gram *gram;
    ntk_spectrum *s = NULL;
    kit_random_spd(1, N, k);
    gram = dense_gram(*state, N, k);
    kit_ok(*state, ntk_spectrum_create(*state, gram, NULL, &s));
    for (int r = 0; r < 3; ++r) {
        kit_random(2, N * M, y);
        check(*state, s, k, ridges[r], y, 200 * N * DBL_EPSILON); /* condition below 10 */
    }
    ntk_spectrum_destroy(s);
    ntk_gram_destroy(gram);
}

static void test_low_rank(void **state)
{
    double j[N * P], t[N * P], k[N * N], y[N * M];
    ntk_array rows = ntk_matrix_f64(j, N, P);
    ntk_jacobian *jacobian = NULL;
    ntk_spectrum *s = NULL;
    kit_random(3, N * P, j);
    kit_random(4, N * M, y);
    dense_transpose(N, P, j, t);
    dense_multiply(N, N, P, j, t, k);
    kit_ok(*state, ntk_jacobian_from_matrix(*state, &rows, 1, &jacobian));
    kit_ok(*state, ntk_spectrum_from_jacobian(*state, jacobian, NULL, NULL, &s));
    check(*state, s, k, 0.5, y, 2000 * N * DBL_EPSILON); /* condition about 50 */
    ntk_spectrum_destroy(s);
    ntk_jacobian_destroy(jacobian);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_each_without_itself), kit_test(test_low_rank)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
