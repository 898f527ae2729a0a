#include "general.h"

#include <float.h>

enum { N = 9, M = 2, P = 3 };

/* int_0^T op(exp(At)) Q op(exp(At))ᵀ dt by Gauss-Legendre quadrature of order 10 on 64 panels. */
static void quadrature(const general *g, bool observability, double horizon, double *w)
{
    enum { PANELS = 64 };
    static const double node[5] = {0.14887433898163122, 0.43339539412924719, 0.67940956829902441, 0.86506336668898451, 0.97390652851717172};
    static const double weight[5] = {0.29552422471475287, 0.26926671930999636, 0.21908636251598204, 0.14945134915058059, 0.066671344308688138};
    memset(w, 0, N * N * sizeof *w);
    for (int panel = 0; panel < PANELS; ++panel)
        for (int i = -5; i < 5; ++i) {
            int k = i < 0 ? -1 - i : i, rows = observability ? P : M;
            double h = horizon / PANELS, t = h * (panel + 0.5 + (i < 0 ? -0.5 : 0.5) * node[k]), e[N * N], x[N * P], xt[N * P];
            dense_exponential(N, g->a, t, e);
            if (observability) dense_multiply(P, N, N, g->c, e, xt); /* C exp(At) [P, N] */
            else {
                dense_multiply(N, M, N, e, g->b, x);
                dense_transpose(N, M, x, xt);
            }
            for (int r = 0; r < rows; ++r)
                for (int a = 0; a < N; ++a)
                    for (int b = 0; b < N; ++b) w[a * N + b] += h / 2 * weight[k] * xt[r * N + a] * xt[r * N + b];
        }
}

static void test_the_defining_integral(void **state)
{
    static const double shifts[] = {2, 1.2, 0, -0.3}; /* stable, barely, and growing modes */
    double w[N * N], wanted[N * N];
    ntk_array out = ntk_matrix_f64(w, N, N);
    for (int i = 0; i < 4; ++i) {
        general g = general_open(10, N, M, P, shifts[i]);
        ntk_system *s = general_system(*state, &g);
        for (ntk_gramian which = 0; which < 2; ++which) {
            kit_ok(*state, ntk_system_gramian(*state, s, which, 3, &out));
            quadrature(&g, which == NTK_GRAMIAN_OBSERVABILITY, 3, wanted);
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
