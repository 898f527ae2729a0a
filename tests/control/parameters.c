#include "control/integral.h"

#include "control.h"

#include <stdbool.h>

enum { N = 4, P = 7 };

typedef struct scene {
    double j[N * P], d[P], a[P * P], q[2][P * P];
    ntk_jacobian *jacobian;
    ntk_optimizer *optimizer;
    ntk_system *s;
} scene;

/* A = -(D⁻¹JᵀJ + decay), Q = JᵀJ and D⁻¹JᵀJD⁻¹. */
static void scene_fill(double decay, scene *x)
{
    double jt[P * N], f[P * P];
    dense_transpose(N, P, x->j, jt);
    dense_multiply(P, P, N, jt, x->j, f);
    for (int i = 0; i < P * P; ++i) {
        x->q[NTK_GRAMIAN_OBSERVABILITY][i] = f[i];
        x->q[NTK_GRAMIAN_CONTROLLABILITY][i] = f[i] / (x->d[i / P] * x->d[i % P]);
        x->a[i] = -f[i] / x->d[i / P];
    }
    dense_shift(P, -decay, x->a);
}

static void scene_open(ntk_context *ctx, bool adam, double decay, scene *x)
{
    ntk_array d = ntk_vector_f64(x->d, P);
    if (adam) kit_random(42, P, x->d);
    for (int i = 0; i < P; ++i) x->d[i] = adam ? 1.5 + x->d[i] : 1;
    scene_fill(decay, x);
    x->jacobian = dense_jacobian(ctx, N, P, 1, x->j);
    x->optimizer = NULL;
    x->s = NULL;
    if (adam) kit_ok(ctx, ntk_optimizer_diagonal(ctx, &d, &x->optimizer));
    kit_ok(ctx, ntk_system_from_jacobian(ctx, x->jacobian, x->optimizer, decay, &x->s));
    assert_int_equal(ntk_system_size(x->s), P);
}

static void scene_close(scene *x)
{
    ntk_system_destroy(x->s);
    ntk_optimizer_destroy(x->optimizer);
    ntk_jacobian_destroy(x->jacobian);
}

/* W, which is F Fᵀ too; at infinity with a small residual. */
static void gramian_of(ntk_context *ctx, const scene *x, ntk_gramian which, double horizon, double *w)
{
    int64_t rank = ntk_system_rank(x->s);
    double f[P * P], ft[P * P], ff[P * P], residual;
    ntk_array out = ntk_matrix_f64(w, P, P), factor = ntk_matrix_f64(f, P, rank);
    kit_ok(ctx, ntk_system_gramian(ctx, x->s, which, horizon, &out));
    kit_ok(ctx, ntk_system_gramian_factor(ctx, x->s, which, horizon, &factor));
    dense_transpose(P, rank, f, ft);
    dense_multiply(P, P, rank, f, ft, ff);
    kit_close(P * P, ff, w, 8 * P * DBL_EPSILON);
    if (isfinite(horizon)) return;
    kit_ok(ctx, ntk_system_residual(ctx, x->s, which, &out, &residual));
    assert_true(residual < 20 * P * DBL_EPSILON);
}

/* Adam's D makes A unsymmetric; the integral of the dense A is the oracle. */
static void test_the_defining_integral(void **state)
{
    double w[P * P], wanted[P * P];
    for (int adam = 0; adam < 2; ++adam) {
        scene x;
        kit_random(41, N * P, x.j);
        scene_open(*state, adam, 0.3 * adam, &x);
        for (ntk_gramian which = 0; which < 2; ++which) {
            gramian_of(*state, &x, which, 0.7, w);
            integral_of(P, x.a, x.q[which], which, 0.7, wanted);
            kit_close(P * P, w, wanted, 1e-13);
        }
        scene_close(&x);
    }
}

/* Two ways to one Gramian: singular vectors of J D^-1/2, and the Schur form of the unsymmetric A. */
static void test_the_general_system_agrees(void **state)
{
    double w[P * P], v[P * P], b[P * N];
    ntk_array a, bb = ntk_matrix_f64(b, P, N), c, out = ntk_matrix_f64(v, P, P);
    ntk_system *general = NULL;
    scene x;
    kit_random(41, N * P, x.j);
    scene_open(*state, true, 0.3, &x);
    for (int i = 0; i < P * N; ++i) b[i] = x.j[i % N * P + i / N] / x.d[i / N];
    a = ntk_matrix_f64(x.a, P, P), c = ntk_matrix_f64(x.j, N, P);
    kit_ok(*state, ntk_system_from_matrices(*state, &a, &bb, &c, &general));
    assert_int_equal(ntk_system_rank(general), P);
    for (ntk_gramian which = 0; which < 2; ++which) {
        gramian_of(*state, &x, which, INFINITY, w);
        kit_ok(*state, ntk_system_gramian(*state, general, which, INFINITY, &out));
        kit_close(P * P, w, v, 1e-12);
    }
    kit_fails(*state, ntk_system_gramian_factor(*state, general, 0, 1, &out), NTK_ERROR_UNSUPPORTED, "from a Jacobian");
    ntk_system_destroy(general);
    scene_close(&x);
}

/* Steps: Stein's equation of the dense E = 1 + step A, both ways of keeping the modes. */
static void test_steps(void **state)
{
    for (int way = 0; way < 2; ++way) {
        double w[P * P], residual;
        ntk_array out = ntk_matrix_f64(w, P, P);
        scene x;
        kit_random(41, N * P, x.j);
        for (int i = 0; i < P; ++i) x.j[i] *= way ? 1e-4 : 1;
        scene_open(*state, true, 0.3, &x);
        assert_true((x.s->spectrum->right == NULL) == (way == 0));
        for (ntk_gramian which = 0; which < 2; ++which) {
            double e[P * P], t[P * P], we[P * P], ewe[P * P];
            kit_ok(*state, ntk_system_discrete_gramian(*state, x.s, which, 0.05, &out));
            for (int i = 0; i < P * P; ++i) e[i] = (i % (P + 1) == 0) + 0.05 * x.a[i];
            dense_transpose(P, P, e, t);
            dense_multiply(P, P, P, w, which == NTK_GRAMIAN_OBSERVABILITY ? e : t, we);
            dense_multiply(P, P, P, which == NTK_GRAMIAN_OBSERVABILITY ? t : e, we, ewe);
            for (int i = 0; i < P * P; ++i) kit_near(ewe[i] + x.q[which][i], w[i], 1e-12);
            kit_ok(*state, ntk_system_discrete_residual(*state, x.s, which, 0.05, &out, &residual));
            assert_true(residual < 20 * P * DBL_EPSILON);
        }
        scene_close(&x);
    }
}

/* W_o = ½ P_row(J): J W = ½ J and tr W = ½ rank; J of condition 1e6 (K: 1e12), or of dependent rows, is no obstacle. */
static void test_half_the_row_space(void **state)
{
    double w[P * P], jw[N * P], scales[2][N] = {{1, 1, 1, 1}, {1, 1e-2, 1e-4, 1e-6}};
    for (int dependent = 0; dependent < 2; ++dependent)
        for (int scaling = 0; scaling < 2; ++scaling) {
            double trace = 0;
            scene x;
            kit_random(43, N * P, x.j);
            for (int i = 0; i < N * P; ++i) x.j[i] *= scales[scaling][i / P];
            for (int i = 0; i < P * dependent; ++i) x.j[3 * P + i] = 2 * x.j[i];
            scene_open(*state, false, 0, &x);
            assert_int_equal(ntk_system_rank(x.s), N - dependent);
            gramian_of(*state, &x, NTK_GRAMIAN_OBSERVABILITY, INFINITY, w);
            dense_multiply(N, P, P, x.j, w, jw);
            for (int i = 0; i < N * P; ++i) kit_near(jw[i], x.j[i] / 2, 16 * P * DBL_EPSILON);
            for (int i = 0; i < P; ++i) trace += w[i * P + i];
            kit_near(trace, (N - dependent) / 2.0, 16 * P * DBL_EPSILON);
            scene_close(&x);
        }
}

/* 2 tr W_o = tr K (K + decay)⁻¹. */
static void test_effective_dimension(void **state)
{
    const double decays[] = {1e-6, 0.1, 3, 1e4};
    for (int l = 0; l < 4; ++l) {
        double w[P * P], jt[P * N], k[N * N], shifted[N * N], wanted = 0, trace = 0;
        scene x;
        kit_random(44, N * P, x.j);
        scene_open(*state, false, decays[l], &x);
        dense_transpose(N, P, x.j, jt);
        dense_multiply(N, N, P, x.j, jt, k);
        memcpy(shifted, k, sizeof k);
        dense_shift(N, decays[l], shifted);
        dense_eliminate(N, N, shifted, k);
        gramian_of(*state, &x, NTK_GRAMIAN_OBSERVABILITY, INFINITY, w);
        for (int i = 0; i < P; ++i) trace += 2 * w[i * P + i];
        for (int i = 0; i < N; ++i) wanted += k[i * N + i];
        kit_near(trace, wanted, 1e-13 * wanted);
        scene_close(&x);
    }
}

/* K of condition 1e4 goes by its eigenvectors, good to some cond(K) eps, 1e6 by singular vectors, good to some eps: both within their bound. */
static void test_two_ways(void **state)
{
    const double smallest[2] = {1e-2, 1e-3};
    for (int way = 0; way < 2; ++way)
        for (int adam = 0; adam < 2; ++adam) {
            double q[P * P], w[P * P], jw[N * P], bound = (way == 0 ? 1e4 : 16 * P) * DBL_EPSILON;
            scene x;
            dense_orthogonal(46, P, q);
            if (adam) kit_random(42, P, x.d);
            for (int i = 0; i < N * P; ++i) x.j[i] = q[i] * (i / P == 3 ? smallest[way] : 1) * (adam ? sqrt(1.5 + x.d[i % P]) : 1);
            scene_open(*state, adam, 0, &x);
            assert_true((x.s->spectrum->right == NULL) == (way == 0));
            assert_int_equal(ntk_system_rank(x.s), N);
            gramian_of(*state, &x, NTK_GRAMIAN_OBSERVABILITY, INFINITY, w); /* J D⁻¹ W = ½ J */
            for (int i = 0; i < P * P; ++i) w[i] /= x.d[i / P];
            dense_multiply(N, P, P, x.j, w, jw);
            for (int i = 0; i < N * P; ++i) kit_near(jw[i], x.j[i] / 2, 4 * bound);
            scene_close(&x);
        }
}

static void test_refusals(void **state)
{
    double w[P * P];
    ntk_array factor = ntk_matrix_f64(w, P, N), other = ntk_matrix_f64(w, P, P);
    ntk_optimizer *adam = NULL;
    ntk_array short_d = ntk_vector_f64((double[]){1, 2}, 2);
    ntk_system *s = NULL;
    scene x;
    kit_random(45, N * P, x.j);
    scene_open(*state, false, 0, &x);
    kit_ok(*state, ntk_optimizer_diagonal(*state, &short_d, &adam));
    kit_fails(*state, ntk_system_from_jacobian(*state, x.jacobian, adam, 0, &s), NTK_ERROR_SHAPE, "7");
    kit_fails(*state, ntk_system_from_jacobian(*state, x.jacobian, NULL, -1, &s), NTK_ERROR_ARGUMENT, "weight_decay is -1");
    kit_fails(*state, ntk_system_from_jacobian(*state, x.jacobian, NULL, NAN, &s), NTK_ERROR_ARGUMENT, "weight_decay is");
    kit_fails(*state, ntk_system_from_jacobian(*state, NULL, NULL, 0, &s), NTK_ERROR_NULL, "jacobian is NULL");
    kit_fails(*state, ntk_system_gramian_factor(*state, x.s, 0, 1, &other), NTK_ERROR_SHAPE, "f has shape [7, 7]; expected [7, 4]");
    kit_fails(*state, ntk_system_gramian_factor(*state, x.s, 0, 0, &factor), NTK_ERROR_ARGUMENT, "horizon is 0");
    kit_fails(*state, ntk_system_gramian_factor(*state, x.s, 5, 1, &factor), NTK_ERROR_ARGUMENT, "which is 5");
    assert_int_equal(ntk_system_rank(NULL), -1);
    assert_int_equal(ntk_system_inputs(x.s), N);
    assert_int_equal(ntk_system_outputs(x.s), N);
    assert_true(ntk_system_abscissa(x.s) == 0);
    kit_fails(*state, ntk_system_discrete_gramian(*state, x.s, 0, 1e3, &other), NTK_ERROR_UNSTABLE, "the step 1000 does not converge: expected less than");
    kit_fails(*state, ntk_system_lyapunov(*state, x.s, 0, &other, &other), NTK_ERROR_UNSUPPORTED, "keeps no A [7, 7]");
    kit_fails(*state, ntk_system_with_ports(*state, x.s, NULL, NULL, &s), NTK_ERROR_UNSUPPORTED, "keeps no A");
    kit_fails(*state, ntk_system_get_matrices(*state, x.s, &other, NULL, NULL), NTK_ERROR_UNSUPPORTED, "keeps no A");
    ntk_optimizer_destroy(adam);
    scene_close(&x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(test_the_defining_integral), kit_test(test_the_general_system_agrees), kit_test(test_half_the_row_space), kit_test(test_steps),
        kit_test(test_effective_dimension),   kit_test(test_two_ways),                  kit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
