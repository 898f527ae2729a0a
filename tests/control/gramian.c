#include "integral.h"

#include <float.h>

enum { S = 6 };

static ntk_system *system_of(ntk_context *ctx, const double *a, int64_t inputs, const double *b, int64_t outputs, const double *c)
{
    ntk_array aa = ntk_matrix_f64(a, S, S), bb = ntk_matrix_f64(b, S, inputs), cc = ntk_matrix_f64(c, outputs, S);
    ntk_system *s = NULL;
    kit_ok(ctx, ntk_system_from_matrices(ctx, &aa, b ? &bb : NULL, c ? &cc : NULL, &s));
    return s;
}

static void gramian_of(ntk_context *ctx, const ntk_system *s, ntk_gramian which, double horizon, double *w)
{
    ntk_array out = ntk_matrix_f64(w, S, S);
    kit_ok(ctx, ntk_system_gramian(ctx, s, which, horizon, &out));
    for (int i = 0; i < S; ++i)
        for (int j = 0; j < i; ++j) assert_true(w[i * S + j] == w[j * S + i]);
}

/* K, B and C random; Q = CᵀC or B Bᵀ. */
typedef struct scene {
    double k[S * S], a[S * S], b[S * 2], c[3 * S], q[2][S * S];
    ntk_system *s;
} scene;

static void scene_open(ntk_context *ctx, scene *x)
{
    double bt[2 * S], ct[S * 3];
    kit_random_spd(1, S, x->k);
    kit_random(2, S * 2, x->b);
    kit_random(3, 3 * S, x->c);
    for (int i = 0; i < S * S; ++i) x->a[i] = -x->k[i];
    dense_transpose(S, 2, x->b, bt);
    dense_transpose(3, S, x->c, ct);
    dense_multiply(S, S, 3, ct, x->c, x->q[NTK_GRAMIAN_OBSERVABILITY]);
    dense_multiply(S, S, 2, x->b, bt, x->q[NTK_GRAMIAN_CONTROLLABILITY]);
    x->s = system_of(ctx, x->a, 2, x->b, 3, x->c);
}

static void test_the_defining_integral(void **state)
{
    double w[S * S], wanted[S * S];
    scene x;
    scene_open(*state, &x);
    for (ntk_gramian which = 0; which < 2; ++which) {
        gramian_of(*state, x.s, which, 0.8, w);
        integral(S, x.a, x.q[which], 0.8, wanted);
        kit_close(S * S, w, wanted, 1e-13);
    }
    ntk_system_destroy(x.s);
}

static void test_lyapunov_equation(void **state)
{
    double w[S * S], aw[S * S], residual;
    ntk_array out = ntk_matrix_f64(w, S, S);
    scene x;
    scene_open(*state, &x);
    for (ntk_gramian which = 0; which < 2; ++which) {
        gramian_of(*state, x.s, which, INFINITY, w);
        dense_multiply(S, S, S, x.a, w, aw);
        for (int i = 0; i < S; ++i)
            for (int j = 0; j < S; ++j) kit_near(aw[i * S + j] + aw[j * S + i], -x.q[which][i * S + j], 1e-13);
        kit_ok(*state, ntk_system_residual(*state, x.s, which, &out, &residual));
        assert_true(residual < 8 * S * DBL_EPSILON);
    }
    ntk_system_destroy(x.s);
}

/* A gram sees itself: W_o = ½ K⁻¹ (1 - exp(-2 K T)), at infinity ½ K⁻¹. */
static void test_gram(void **state)
{
    const double horizons[] = {1e-6, 0.3, INFINITY};
    double k[S * S], w[S * S], wanted[S * S];
    ntk_gram *gram;
    ntk_system *s = NULL;
    kit_random_spd(4, S, k);
    gram = dense_gram(*state, S, k);
    kit_ok(*state, ntk_system_from_gram(*state, gram, NTK_KIND_NTK, &s));
    for (int i = 0; i < 3; ++i)
        for (ntk_gramian which = 0; which < 2; ++which) {
            gramian_of(*state, s, which, horizons[i], w);
            dense_learned(S, k, 2 * horizons[i], wanted);
            for (int j = 0; j < S * S; ++j) wanted[j] /= 2;
            kit_close(S * S, w, wanted, i == 0 ? 1e-9 : 1e-13); /* the oracle's 1 - exp cancels at a short horizon */
        }
    ntk_system_destroy(s);
    ntk_gram_destroy(gram);
}

/* K of condition 1e12: W = ½ K⁻¹ in residual form, and K W = ½ to what that condition allows. */
static void test_ill_conditioned(void **state)
{
    double values[S], k[S * S], w[S * S], kw[S * S], residual;
    ntk_array out = ntk_matrix_f64(w, S, S);
    ntk_gram *gram;
    ntk_system *s = NULL;
    for (int i = 0; i < S; ++i) values[i] = pow(10, -12.0 * i / (S - 1));
    dense_symmetric(7, S, values, k);
    gram = dense_gram(*state, S, k);
    kit_ok(*state, ntk_system_from_gram(*state, gram, NTK_KIND_NTK, &s));
    gramian_of(*state, s, NTK_GRAMIAN_OBSERVABILITY, INFINITY, w);
    kit_ok(*state, ntk_system_residual(*state, s, NTK_GRAMIAN_OBSERVABILITY, &out, &residual));
    assert_true(residual < 8 * S * DBL_EPSILON);
    dense_multiply(S, S, S, k, w, kw);
    for (int i = 0; i < S * S; ++i) kit_near(kw[i], i % (S + 1) == 0 ? 0.5 : 0, 8 * S * DBL_EPSILON * 1e12);
    ntk_system_destroy(s);
    ntk_gram_destroy(gram);
}

/* Eigenvalues that are equal, and two that are 0, seen by three outputs: the integral, whatever vectors were taken. */
static void test_repeated(void **state)
{
    const double values[S] = {2, 2, 2, 1, 0, 0};
    double a[S * S], c[3 * S], ct[S * 3], q[S * S], w[S * S], wanted[S * S];
    ntk_system *s;
    dense_symmetric(8, S, values, a);
    for (int i = 0; i < S * S; ++i) a[i] = -a[i];
    kit_random(9, 3 * S, c);
    dense_transpose(3, S, c, ct);
    dense_multiply(S, S, 3, ct, c, q);
    s = system_of(*state, a, 0, NULL, 3, c);
    gramian_of(*state, s, NTK_GRAMIAN_OBSERVABILITY, 1.3, w);
    integral(S, a, q, 1.3, wanted);
    kit_close(S * S, w, wanted, 1e-13);
    ntk_system_destroy(s);
}

/* A mode that does not decay and is not seen: the Gramian on the rest.  Seen: an error that names it, and a finite horizon works. */
static void test_modes_that_do_not_decay(void **state)
{
    const double values[S] = {3, 2, 1, 0.5};
    double k[S * S], a[S * S], q[S * S], c[4 * S], one[S] = {1, 1, 1, 1, 1, 1}, w[S * S], qt[S * S], wanted[S * S], scaled[S * S];
    ntk_array out = ntk_matrix_f64(w, S, S);
    ntk_system *s;
    dense_symmetric(5, S, values, k);
    dense_orthogonal(5, S, q);
    dense_transpose(S, S, q, qt);
    for (int i = 0; i < S * S; ++i) a[i] = -k[i];
    for (int i = 0; i < 4 * S; ++i) c[i] = sqrt(values[i / S]) * qt[i]; /* C = J with JᵀJ = K: W_o = ½ P */
    s = system_of(*state, a, 0, NULL, 4, c);
    gramian_of(*state, s, NTK_GRAMIAN_OBSERVABILITY, INFINITY, w);
    for (int i = 0; i < S * S; ++i) scaled[i] = i % S < 4 ? q[i] / 2 : 0;
    dense_multiply(S, S, S, scaled, qt, wanted);
    kit_close(S * S, w, wanted, 1e-14);
    kit_fails(*state, ntk_system_gramian(*state, s, NTK_GRAMIAN_CONTROLLABILITY, INFINITY, &out), NTK_ERROR_UNSTABLE, "driven by B");
    ntk_system_destroy(s);
    s = system_of(*state, a, 0, NULL, 1, one);
    kit_fails(*state, ntk_system_gramian(*state, s, NTK_GRAMIAN_OBSERVABILITY, INFINITY, &out), NTK_ERROR_UNSTABLE, "seen by C");
    gramian_of(*state, s, NTK_GRAMIAN_OBSERVABILITY, 2, w);
    for (int i = 0; i < S * S; ++i) scaled[i] = 1;
    integral(S, a, scaled, 2, wanted);
    kit_close(S * S, w, wanted, 1e-13);
    ntk_system_destroy(s);
}

/* Growing modes: finite horizons are fine, infinity names the eigenvalue, and what overflows is an error. */
static void test_unstable(void **state)
{
    const double values[S] = {-3, -2, -1, -0.5, 0.25, 0}; /* of A */
    double a[S * S], w[S * S], wanted[S * S], one[S * S];
    ntk_array out = ntk_matrix_f64(w, S, S);
    ntk_system *s;
    dense_symmetric(6, S, values, a);
    dense_identity(S, one);
    s = system_of(*state, a, 0, NULL, 0, NULL);
    gramian_of(*state, s, NTK_GRAMIAN_OBSERVABILITY, 1.5, w);
    integral(S, a, one, 1.5, wanted);
    kit_close(S * S, w, wanted, 1e-13);
    kit_fails(*state, ntk_system_gramian(*state, s, NTK_GRAMIAN_OBSERVABILITY, 1e9, &out), NTK_ERROR_OVERFLOW, "w");
    kit_fails(*state, ntk_system_gramian(*state, s, NTK_GRAMIAN_OBSERVABILITY, INFINITY, &out), NTK_ERROR_UNSTABLE, "does not decay");
    ntk_system_destroy(s);
    s = system_of(*state, (const double[S * S]){[0] = 0.25, [7] = -1, [14] = -1, [21] = -1, [28] = -1, [35] = -1}, 0, NULL, 0, NULL);
    kit_fails(*state, ntk_system_gramian(*state, s, NTK_GRAMIAN_OBSERVABILITY, INFINITY, &out), NTK_ERROR_UNSTABLE, "eigenvalue 0.25 of A");
    ntk_system_destroy(s);
}

/* What counts as unseen and as not decaying, to rounding: diag(-1, 0) with C = (1, 1e-9); diag(-1, 1e-17) over 1e20. */
static void test_rounding_of_zero(void **state)
{
    double a[4] = {-1, 0, 0, 0}, c[2] = {1, 1e-9}, w[4];
    const double restricted[4] = {0.5, 0, 0, 0}, lasting[4] = {0.5, 0, 0, 1e20};
    ntk_array aa = ntk_matrix_f64(a, 2, 2), cc = ntk_matrix_f64(c, 1, 2), out = ntk_matrix_f64(w, 2, 2);
    ntk_system *s = NULL;
    kit_ok(*state, ntk_system_from_matrices(*state, &aa, NULL, &cc, &s));
    kit_ok(*state, ntk_system_gramian(*state, s, NTK_GRAMIAN_OBSERVABILITY, INFINITY, &out));
    kit_close(4, w, restricted, 0);
    ntk_system_destroy(s);
    a[3] = 1e-17;
    kit_ok(*state, ntk_system_from_matrices(*state, &aa, NULL, NULL, &s));
    kit_ok(*state, ntk_system_gramian(*state, s, NTK_GRAMIAN_OBSERVABILITY, 1e20, &out));
    kit_close(4, w, lasting, 0);
    ntk_system_destroy(s);
}

/* A rank-deficient K over a very long horizon: no rounding of a zero eigenvalue may explode. */
static void test_long_horizon(void **state)
{
    const double values[S] = {3, 2, 1};
    double k[S * S], w[S * S], trace = 0;
    ntk_gram *gram;
    ntk_system *s = NULL;
    dense_symmetric(7, S, values, k);
    gram = dense_gram(*state, S, k);
    kit_ok(*state, ntk_system_from_gram(*state, gram, NTK_KIND_NTK, &s));
    gramian_of(*state, s, NTK_GRAMIAN_OBSERVABILITY, 1e12, w);
    for (int i = 0; i < S; ++i) trace += w[i * S + i];
    kit_near(trace, 3e12, 1e10); /* three modes that last: T each, rounding of 0 takes T eps |K| of them */
    ntk_system_destroy(s);
    ntk_gram_destroy(gram);
}

static void test_refusals(void **state)
{
    double w[S * S];
    ntk_array out = ntk_matrix_f64(w, S, S), small = ntk_matrix_f64(w, 2, 2);
    scene x;
    scene_open(*state, &x);
    kit_fails(*state, ntk_system_gramian(*state, x.s, 2, 1, &out), NTK_ERROR_ARGUMENT, "which is 2");
    kit_fails(*state, ntk_system_gramian(*state, x.s, 0, 0, &out), NTK_ERROR_ARGUMENT, "horizon is 0");
    kit_fails(*state, ntk_system_gramian(*state, x.s, 0, -1, &out), NTK_ERROR_ARGUMENT, "horizon is -1");
    kit_fails(*state, ntk_system_gramian(*state, x.s, 0, NAN, &out), NTK_ERROR_ARGUMENT, "horizon is");
    kit_fails(*state, ntk_system_gramian(*state, x.s, 0, 1, &small), NTK_ERROR_SHAPE, "w has shape [2, 2]; expected [6, 6]");
    kit_fails(*state, ntk_system_gramian(*state, x.s, 0, 1, NULL), NTK_ERROR_NULL, "w is NULL");
    kit_fails(*state, ntk_system_gramian(*state, NULL, 0, 1, &out), NTK_ERROR_NULL, "system is NULL");
    ntk_system_destroy(x.s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(test_the_defining_integral),   kit_test(test_lyapunov_equation), kit_test(test_gram),
        kit_test(test_ill_conditioned),
        kit_test(test_repeated),     kit_test(test_long_horizon),
        kit_test(test_modes_that_do_not_decay), kit_test(test_unstable),          kit_test(test_refusals), kit_test(test_rounding_of_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
