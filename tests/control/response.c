#include "general.h"

#include <float.h>

enum { N = 6, Q = 2, TIMES = 5 };

static const double times[TIMES] = {0, 0.1, 0.1, 0.75, 4};

/* z(t) = C exp(At) x, by the series of the tests. */
static void wanted_response(const general *g, const double *x, double *z)
{
    double e[N * N], ex[N];
    for (int t = 0; t < TIMES; ++t) {
        dense_exponential(N, g->a, times[t], e);
        dense_multiply(N, 1, N, e, x, ex);
        dense_multiply(g->p, 1, N, g->c, ex, z + t * g->p);
    }
}

static void test_general_and_symmetric(void **state)
{
    double x[N], z[TIMES * Q], wanted[TIMES * Q], k[N * N];
    ntk_array start = ntk_vector_f64(x, N), out = ntk_matrix_f64(z, TIMES, Q);
    kit_random(90, N, x);
    for (int symmetric = 0; symmetric < 2; ++symmetric) {
        general g = general_open(91, N, 1, Q, 0.8);
        ntk_system *s;
        kit_random_spd(92, N, k);
        for (int i = 0; symmetric && i < N * N; ++i) g.a[i] = -k[i];
        s = general_system(*state, &g);
        kit_ok(*state, ntk_system_response(*state, s, &start, times, TIMES, &out));
        wanted_response(&g, x, wanted);
        kit_close(TIMES * Q, z, wanted, 1e-12);
        ntk_system_destroy(s);
        general_close(&g);
    }
}

/* All of the state of a gram, by mode exactly: exp(-lambda t) over 16 orders of lambda, and a mode that rests. */
static void test_modes(void **state)
{
    const double values[4] = {1e8, 1, 1e-8, 0}, x[4] = {1, 2, 3, 4};
    double k[16] = {0}, z[8];
    const double at[2] = {0.5, 1e7};
    ntk_array start = ntk_vector_f64(x, 4), out = ntk_matrix_f64(z, 2, 4);
    ntk_gram *gram;
    ntk_system *s = NULL;
    for (int i = 0; i < 4; ++i) k[5 * i] = values[i];
    gram = dense_gram(*state, 4, k);
    kit_ok(*state, ntk_system_from_gram(*state, gram, NTK_KIND_NTK, &s));
    kit_ok(*state, ntk_system_response(*state, s, &start, at, 2, &out));
    for (int t = 0; t < 2; ++t)
        for (int i = 0; i < 4; ++i) kit_near(z[4 * t + i], exp(-values[i] * at[t]) * x[i], 4 * DBL_EPSILON * x[i]);
    ntk_system_destroy(s);
    ntk_gram_destroy(gram);
}

/* In parameter space, against the dense A = -(D⁻¹JᵀJ + decay). */
static void test_parameter_space(void **state)
{
    double j[Q * N], d[N], x[N], z[TIMES * Q], wanted[TIMES * Q];
    ntk_array start = ntk_vector_f64(x, N), out = ntk_matrix_f64(z, TIMES, Q), dd = ntk_vector_f64(d, N);
    general g = {N, 1, Q, calloc(N * N, sizeof(double)), calloc(N, sizeof(double)), calloc(Q * N, sizeof(double))};
    ntk_jacobian *jacobian;
    ntk_optimizer *adam = NULL;
    ntk_system *s = NULL;
    kit_random(93, Q * N, j);
    kit_random(94, N, d);
    kit_random(95, N, x);
    for (int i = 0; i < N; ++i) d[i] += 1.5;
    for (int i = 0; i < N; ++i)
        for (int k = 0; k < N; ++k) {
            for (int r = 0; r < Q; ++r) g.a[i * N + k] -= j[r * N + i] * j[r * N + k] / d[i];
            g.a[i * N + k] -= i == k ? 0.3 : 0;
        }
    memcpy(g.c, j, sizeof j);
    jacobian = dense_jacobian(*state, Q, N, 1, j);
    kit_ok(*state, ntk_optimizer_diagonal(*state, &dd, &adam));
    kit_ok(*state, ntk_system_from_jacobian(*state, jacobian, adam, 0.3, &s));
    kit_ok(*state, ntk_system_response(*state, s, &start, times, TIMES, &out));
    wanted_response(&g, x, wanted);
    kit_close(TIMES * Q, z, wanted, 1e-13);
    ntk_system_destroy(s);
    ntk_optimizer_destroy(adam);
    ntk_jacobian_destroy(jacobian);
    general_close(&g);
}

static void test_refusals(void **state)
{
    const double late[2] = {1, 0.5}, before[1] = {-1}, never[1] = {INFINITY};
    double x[N] = {0}, z[N];
    ntk_array start = ntk_vector_f64(x, N), out = ntk_matrix_f64(z, 1, Q), two = ntk_matrix_f64(z, 2, Q), none = ntk_matrix_f64(z, 0, Q);
    general g = general_open(91, N, 1, Q, 0.8);
    ntk_system *s = general_system(*state, &g);
    kit_fails(*state, ntk_system_response(*state, s, &start, late, 2, &two), NTK_ERROR_ARGUMENT, "times[1] is 0.5, before times[0], 1");
    kit_fails(*state, ntk_system_response(*state, s, &start, before, 1, &out), NTK_ERROR_ARGUMENT, "times[0] is -1");
    kit_fails(*state, ntk_system_response(*state, s, &start, never, 1, &out), NTK_ERROR_ARGUMENT, "times[0] is inf");
    kit_fails(*state, ntk_system_response(*state, s, &start, late, -1, &out), NTK_ERROR_ARGUMENT, "n_times is -1");
    kit_fails(*state, ntk_system_response(*state, s, &start, NULL, 1, &out), NTK_ERROR_NULL, "times is NULL");
    kit_fails(*state, ntk_system_response(*state, s, &start, late, 1, &two), NTK_ERROR_SHAPE, "z has shape [2, 2]; expected [1, 2]");
    kit_ok(*state, ntk_system_response(*state, s, &start, NULL, 0, &none));
    ntk_system_destroy(s);
    general_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_general_and_symmetric), kit_test(test_modes), kit_test(test_parameter_space), kit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
