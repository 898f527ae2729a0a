#include "general.h"
#include "integral.h"

#include <float.h>

enum { N = 6 };

/* A gram: the eigenvectors of K, slowest first, with ½(1 - exp(-2 lambda T))/lambda and the share 1 - exp(-2 lambda T); what rests is never learnt. */
static void test_what_is_learnt(void **state)
{
    const double values[4] = {4, 1, 1e-3, 0};
    double k[16], v[16], energies[4], shares[4], image[16];
    ntk_array vv = ntk_matrix_f64(v, 4, 4), ee = ntk_vector_f64(energies, 4), ss = ntk_vector_f64(shares, 4);
    ntk_gram *gram;
    ntk_system *s = NULL;
    dense_symmetric(110, 4, values, k);
    gram = dense_gram(*state, 4, k);
    kit_ok(*state, ntk_system_from_gram(*state, gram, NTK_KIND_NTK, &s));
    for (double horizon = 0.01; horizon < 1e4; horizon *= 30) {
        kit_ok(*state, ntk_system_directions(*state, s, NTK_GRAMIAN_OBSERVABILITY, horizon, &vv, &ee, &ss));
        for (int i = 0; i < 4; ++i) {
            double lambda = values[3 - i], x = 2 * lambda * horizon, apart = 4 * DBL_EPSILON * 4; /* of computed eigenvalues: n eps |K| */
            kit_near(energies[i], lambda > 0 ? -expm1(-x) / (2 * lambda) : horizon, (1e-13 + apart * horizon) * energies[i]);
            kit_near(shares[i], -expm1(-x), 1e-11);
        }
    }
    assert_true(shares[0] < 1e-11);
    dense_multiply(4, 4, 4, k, v, image);
    for (int i = 0; i < 16; ++i) kit_near(image[i], values[3 - i % 4] * v[i], 1e-14);
    kit_fails(*state, ntk_system_directions(*state, s, NTK_GRAMIAN_OBSERVABILITY, INFINITY, &vv, &ee, &ss), NTK_ERROR_UNSTABLE, "does not decay");
    ntk_system_destroy(s);
    ntk_gram_destroy(gram);
}

/* A general A: eigenvectors of the defining integral; shares of the one for ever. */
static void test_general(void **state)
{
    for (ntk_gramian which = 0; which < 2; ++which) {
        general g = general_open(111, N, 2, 2, 1.6);
        ntk_system *s = general_system(*state, &g);
        double v[N * N], energies[N], shares[N], w[N * N], all[N * N], image[N * N];
        ntk_array vv = ntk_matrix_f64(v, N, N), ee = ntk_vector_f64(energies, N), ss = ntk_vector_f64(shares, N), ww = ntk_matrix_f64(w, N, N), aa = ntk_matrix_f64(all, N, N);
        kit_ok(*state, ntk_system_gramian(*state, s, which, 0.6, &ww));
        kit_ok(*state, ntk_system_gramian(*state, s, which, INFINITY, &aa));
        kit_ok(*state, ntk_system_directions(*state, s, which, 0.6, &vv, &ee, &ss));
        dense_multiply(N, N, N, w, v, image);
        for (int i = 0; i < N * N; ++i) kit_near(image[i], energies[i % N] * v[i], 1e-13 * energies[0]);
        dense_multiply(N, N, N, all, v, image);
        for (int j = 0; j < N; ++j) {
            double ever = 0;
            for (int i = 0; i < N; ++i) ever += v[i * N + j] * image[i * N + j];
            kit_near(shares[j], energies[j] / ever, 1e-10);
            assert_true(shares[j] >= 0 && shares[j] <= 1 && (j == 0 || energies[j] <= energies[j - 1]));
        }
        ntk_system_destroy(s);
        general_close(&g);
    }
}

/* xᵀ W⁻¹ x; W costate = x, so that the input Bᵀ exp(Aᵀ(T - t)) costate arrives at x; its energy is costateᵀ W costate. */
static void test_least_energy(void **state)
{
    double x[N], p[N], energy, q[N * N], bt[N * 3], w[N * N], wp[N], again = 0;
    ntk_array xx = ntk_vector_f64(x, N), pp = ntk_vector_f64(p, N);
    general g = general_open(112, N, 3, 1, 1);
    ntk_system *s = general_system(*state, &g);
    kit_random(113, N, x);
    kit_ok(*state, ntk_system_minimum_energy(*state, s, 1.5, &xx, &energy, &pp));
    dense_transpose(N, 3, g.b, bt);
    dense_multiply(N, N, 3, g.b, bt, q);
    integral_of(N, g.a, q, NTK_GRAMIAN_CONTROLLABILITY, 1.5, w);
    dense_multiply(N, 1, N, w, p, wp);
    kit_close(N, wp, x, 1e-9);
    for (int i = 0; i < N; ++i) again += x[i] * p[i];
    kit_near(energy, again, 1e-12 * again);
    ntk_system_destroy(s);
    general_close(&g);
}

/* Of a gram by mode, at condition 1e20: sum of 2 lambda x²/(1 - exp(-2 lambda T)). */
static void test_by_mode(void **state)
{
    const double values[3] = {1e12, 1, 1e-8}, x[3] = {1, 2, 3};
    double k[9] = {0}, energy;
    ntk_array xx = ntk_vector_f64(x, 3);
    ntk_gram *gram;
    ntk_system *s = NULL;
    for (int i = 0; i < 3; ++i) k[4 * i] = values[i];
    gram = dense_gram(*state, 3, k);
    kit_ok(*state, ntk_system_from_gram(*state, gram, NTK_KIND_NTK, &s));
    kit_ok(*state, ntk_system_minimum_energy(*state, s, 0.5, &xx, &energy, NULL));
    kit_near(energy, 2e12 + 8 / -expm1(-1) + 18, 1e-3);
    ntk_system_destroy(s);
    ntk_gram_destroy(gram);
}

static void test_out_of_reach(void **state)
{
    const double a[4] = {-1, 0, 0, -2}, b[2] = {1, 0}, near[2] = {3, 0}, far[2] = {3, 4};
    double energy;
    ntk_array aa = ntk_matrix_f64(a, 2, 2), bb = ntk_matrix_f64(b, 2, 1), nn = ntk_vector_f64(near, 2), ff = ntk_vector_f64(far, 2);
    ntk_system *s = NULL;
    kit_ok(*state, ntk_system_from_matrices(*state, &aa, &bb, NULL, &s));
    kit_ok(*state, ntk_system_minimum_energy(*state, s, INFINITY, &nn, &energy, NULL));
    kit_near(energy, 18, 1e-13);
    kit_fails(*state, ntk_system_minimum_energy(*state, s, INFINITY, &ff, &energy, NULL), NTK_ERROR_UNREACHABLE,
              "x cannot be reached: 4 of its norm 5 lies outside the 1 directions of 2");
    kit_fails(*state, ntk_system_minimum_energy(*state, s, 0, &nn, &energy, NULL), NTK_ERROR_ARGUMENT, "horizon is 0");
    ntk_system_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_what_is_learnt), kit_test(test_general), kit_test(test_least_energy), kit_test(test_by_mode),
                                       kit_test(test_out_of_reach)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
