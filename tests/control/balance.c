#include "general.h"

#include <float.h>

enum { N = 10, M = 2, P = 3 };

static general matrices_of(ntk_context *ctx, const ntk_system *s)
{
    general g = {(int)ntk_system_size(s), (int)ntk_system_inputs(s), (int)ntk_system_outputs(s), NULL, NULL, NULL};
    ntk_array a, b, c;
    g.a = malloc(sizeof(double) * (size_t)(g.n * g.n));
    g.b = malloc(sizeof(double) * (size_t)(g.n * g.m));
    g.c = malloc(sizeof(double) * (size_t)(g.p * g.n));
    a = ntk_matrix_f64(g.a, g.n, g.n), b = ntk_matrix_f64(g.b, g.n, g.m), c = ntk_matrix_f64(g.c, g.p, g.n);
    kit_ok(ctx, ntk_system_get_matrices(ctx, s, &a, &b, &c));
    return g;
}

/* Hankel values squared are the eigenvalues of W_c W_o: all their power sums agree. */
static void test_hankel(void **state)
{
    double wo[N * N], wc[N * N], product[N * N], power[N * N], next[N * N], sigma[N];
    ntk_array out = ntk_vector_f64(sigma, N), o = ntk_matrix_f64(wo, N, N), c = ntk_matrix_f64(wc, N, N);
    general g = general_open(30, N, M, P, 1.4);
    ntk_system *s = general_system(*state, &g);
    kit_ok(*state, ntk_system_hankel(*state, s, &out));
    kit_ok(*state, ntk_system_gramian(*state, s, NTK_GRAMIAN_OBSERVABILITY, INFINITY, &o));
    kit_ok(*state, ntk_system_gramian(*state, s, NTK_GRAMIAN_CONTROLLABILITY, INFINITY, &c));
    dense_multiply(N, N, N, wc, wo, product);
    memcpy(power, product, sizeof power);
    for (int p = 1; p <= 4; ++p) {
        double trace = 0, sum = 0;
        for (int i = 0; i < N; ++i) trace += power[i * (N + 1)], sum += pow(sigma[i], 2 * p);
        kit_near(sum, trace, 1e-13 * trace);
        dense_multiply(N, N, N, power, product, next);
        memcpy(power, next, sizeof power);
    }
    for (int i = 1; i < N; ++i) assert_true(sigma[i] <= sigma[i - 1] && sigma[i] >= 0);
    ntk_system_destroy(s);
    general_close(&g);
}

/* The error stays under the bound at every frequency, and the reduced system is balanced: both Gramians are diag(sigma). */
static void test_reduction(void **state)
{
    double sigma[N], w[N * N], bound;
    ntk_array out = ntk_vector_f64(sigma, N);
    general g = general_open(30, N, M, P, 1.4);
    ntk_system *s = general_system(*state, &g), *r = NULL;
    kit_ok(*state, ntk_system_hankel(*state, s, &out));
    for (int k = 1; k <= N; k += 3) {
        double tail = 0, worst = 0;
        general h;
        kit_ok(*state, ntk_system_reduce(*state, s, k, &bound, &r));
        h = matrices_of(*state, r);
        assert_int_equal(h.n, k);
        for (int i = k; i < N; ++i) tail += 2 * sigma[i];
        kit_near(bound, tail, 1e-13 * tail);
        for (double omega = 1e-3; omega < 1e3; omega *= 1.7) worst = fmax(worst, general_distance(&g, &h, omega));
        assert_true(worst <= bound + 1e-12);
        if (k > 1 && k < N) assert_true(worst > bound / 1e3); /* no accident */
        for (ntk_gramian which = 0; which < 2; ++which) {
            ntk_array o = ntk_matrix_f64(w, k, k);
            kit_ok(*state, ntk_system_gramian(*state, r, which, INFINITY, &o));
            for (int i = 0; i < k * k; ++i) kit_near(w[i], i % (k + 1) == 0 ? sigma[i / k] : 0, 1e-12 * sigma[0]);
        }
        general_close(&h);
        ntk_system_destroy(r);
        r = NULL;
    }
    ntk_system_destroy(s);
    general_close(&g);
}

/* A gram with B = C = I: W_o = W_c = K⁻¹/2, so sigma = 1/(2 lambda), slowest modes first. */
static void test_gram(void **state)
{
    double k[16] = {0}, sigma[4], bound;
    const double wanted[4] = {50, 0.5, 0.25, 0.125};
    ntk_array out = ntk_vector_f64(sigma, 4);
    ntk_gram *gram;
    ntk_system *s = NULL, *r = NULL;
    for (int i = 0; i < 4; ++i) k[i * 5] = 0.5 / wanted[i];
    gram = dense_gram(*state, 4, k);
    kit_ok(*state, ntk_system_from_gram(*state, gram, NTK_KIND_NTK, &s));
    kit_ok(*state, ntk_system_hankel(*state, s, &out));
    for (int i = 0; i < 4; ++i) kit_near(sigma[i], wanted[i], 8 * DBL_EPSILON * wanted[i]);
    kit_ok(*state, ntk_system_reduce(*state, s, 1, &bound, &r));
    kit_near(bound, 2 * 0.875, 1e-14);
    kit_near(ntk_system_abscissa(r), -0.01, 1e-15);
    ntk_system_destroy(r);
    r = NULL;
    kit_fails(*state, ntk_system_reduce(*state, s, 0, &bound, &r), NTK_ERROR_ARGUMENT, "k is 0; expected 1 to 4");
    kit_fails(*state, ntk_system_reduce(*state, s, 5, &bound, &r), NTK_ERROR_ARGUMENT, "k is 5");
    assert_null(r);
    ntk_system_destroy(s);
    ntk_gram_destroy(gram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_hankel), kit_test(test_reduction), kit_test(test_gram)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
