#include "general.h"
#include "integral.h"

#include <float.h>

enum { N = 9, M = 2, P = 3 };

/* CᵀC or B Bᵀ. */
static void square(const general *g, ntk_gramian which, double *q)
{
    double t[N * P];
    if (which == NTK_GRAMIAN_OBSERVABILITY) {
        dense_transpose(P, N, g->c, t);
        dense_multiply(N, N, P, t, g->c, q);
    } else {
        dense_transpose(N, M, g->b, t);
        dense_multiply(N, N, M, g->b, t, q);
    }
}

static void test_the_defining_integral(void **state)
{
    static const double shifts[] = {2, 1.2, 0, -0.3}; /* stable, barely, and growing modes */
    double w[N * N], wanted[N * N], q[N * N];
    ntk_array out = ntk_matrix_f64(w, N, N);
    for (int i = 0; i < 4; ++i) {
        general g = general_open(10, N, M, P, shifts[i]);
        ntk_system *s = general_system(*state, &g);
        for (ntk_gramian which = 0; which < 2; ++which) {
            kit_ok(*state, ntk_system_gramian(*state, s, which, 3, &out));
            square(&g, which, q);
            integral_of(N, g.a, q, which, 3, wanted);
            kit_close(N * N, w, wanted, 1e-12);
            for (int a = 0; a < N; ++a)
                for (int b = 0; b < a; ++b) assert_true(w[a * N + b] == w[b * N + a]);
        }
        ntk_system_destroy(s);
        general_close(&g);
    }
}

/* At infinity: the residual that a backward stable solver leaves; and a long horizon tends there. */
static void test_infinite(void **state)
{
    double w[N * N], longer[N * N], residual;
    ntk_array out = ntk_matrix_f64(w, N, N), out2 = ntk_matrix_f64(longer, N, N);
    general g = general_open(10, N, M, P, 1.5);
    ntk_system *s = general_system(*state, &g);
    assert_true(ntk_system_abscissa(s) < 0 && ntk_system_abscissa(s) > -1.5);
    for (ntk_gramian which = 0; which < 2; ++which) {
        kit_ok(*state, ntk_system_gramian(*state, s, which, INFINITY, &out));
        kit_ok(*state, ntk_system_residual(*state, s, which, &out, &residual));
        assert_true(residual < 20 * N * DBL_EPSILON);
        kit_ok(*state, ntk_system_gramian(*state, s, which, 1e3, &out2));
        kit_close(N * N, longer, w, 1e-12);
    }
    ntk_system_destroy(s);
    general_close(&g);
}

/* Far from normal: [[-1, 1e6], [0, -1]].  W_o of C = I by hand: [[1/2, c/4], [c/4, 1/2 + c²/4]]. */
static void test_non_normal(void **state)
{
    const double c = 1e6, wanted[4] = {0.5, c / 4, c / 4, 0.5 + c * c / 4};
    double a[4] = {-1, c, 0, -1}, w[4];
    ntk_array aa = ntk_matrix_f64(a, 2, 2), out = ntk_matrix_f64(w, 2, 2);
    ntk_system *s = NULL;
    kit_ok(*state, ntk_system_from_matrices(*state, &aa, NULL, NULL, &s));
    kit_ok(*state, ntk_system_gramian(*state, s, NTK_GRAMIAN_OBSERVABILITY, INFINITY, &out));
    for (int i = 0; i < 4; ++i) kit_near(w[i], wanted[i], 1e-14 * fabs(wanted[i]));
    kit_ok(*state, ntk_system_gramian(*state, s, NTK_GRAMIAN_OBSERVABILITY, 60, &out));
    kit_close(4, w, wanted, 1e-9); /* |exp(At)| first grows to 4e5, and doubling squares it */
    ntk_system_destroy(s);
}

static void test_unstable(void **state)
{
    double w[N * N];
    ntk_array out = ntk_matrix_f64(w, N, N);
    general g = general_open(10, N, M, P, -0.3);
    ntk_system *s = general_system(*state, &g);
    kit_fails(*state, ntk_system_gramian(*state, s, NTK_GRAMIAN_OBSERVABILITY, INFINITY, &out), NTK_ERROR_UNSTABLE, "does not decay");
    kit_fails(*state, ntk_system_gramian(*state, s, NTK_GRAMIAN_OBSERVABILITY, 1e9, &out), NTK_ERROR_OVERFLOW, "w");
    ntk_system_destroy(s);
    general_close(&g);
}

/* A rotation neither decays nor grows: its Gramian over a turn is by hand T/2 I for C = (1, 0). */
static void test_rotation(void **state)
{
    double a[4] = {0, 1, -1, 0}, c[2] = {1, 0}, w[4], turn = 2 * acos(-1);
    const double wanted[4] = {turn / 2, 0, 0, turn / 2};
    ntk_array aa = ntk_matrix_f64(a, 2, 2), cc = ntk_matrix_f64(c, 1, 2), out = ntk_matrix_f64(w, 2, 2);
    ntk_system *s = NULL;
    kit_ok(*state, ntk_system_from_matrices(*state, &aa, NULL, &cc, &s));
    kit_ok(*state, ntk_system_gramian(*state, s, NTK_GRAMIAN_OBSERVABILITY, turn, &out));
    kit_close(4, w, wanted, 1e-14);
    kit_near(ntk_system_abscissa(s), 0, 1e-15);
    kit_fails(*state, ntk_system_gramian(*state, s, NTK_GRAMIAN_OBSERVABILITY, INFINITY, &out), NTK_ERROR_UNSTABLE, "does not decay");
    ntk_system_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(test_the_defining_integral), kit_test(test_infinite), kit_test(test_non_normal), kit_test(test_unstable), kit_test(test_rotation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
