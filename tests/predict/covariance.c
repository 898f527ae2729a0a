#include "kernels.h"

#include <float.h>

enum { N = 6, M = 4, D = 3 };

/* Theta the Gaussian kernel plus a quadratic one, K the quadratic one plus a little; train, cross and test blocks of both. */
typedef struct scene {
    double x[N * D], z[M * D], y[N];
    double ntk[N * N], nngp[N * N], ntk_cross[M * N], nngp_cross[M * N], ntk_test[M * M], nngp_test[M * M];
    ntk_array arrays[4];
    ntk_test_set test;
} scene;

static void scene_open(scene *s)
{
    kit_random(31, N * D, s->x);
    kit_random(32, M * D, s->z);
    kit_random(33, N, s->y);
    kernels_blend(D, N, s->x, N, s->x, s->ntk, s->nngp);
    kernels_blend(D, M, s->z, N, s->x, s->ntk_cross, s->nngp_cross);
    kernels_blend(D, M, s->z, M, s->z, s->ntk_test, s->nngp_test);
    s->arrays[0] = ntk_matrix_f64(s->ntk_cross, M, N);
    s->arrays[1] = ntk_matrix_f64(s->nngp_cross, M, N);
    s->arrays[2] = ntk_matrix_f64(s->ntk_test, M, M);
    s->arrays[3] = ntk_matrix_f64(s->nngp_test, M, M);
    s->test = (ntk_test_set){NTK_TEST_SET_INIT, .ntk = &s->arrays[0], .nngp = &s->arrays[1], .ntk_test = &s->arrays[2], .nngp_test = &s->arrays[3]};
}

static ntk_predictor *predictor_of(ntk_context *ctx, const scene *s, ntk_posterior posterior, ntk_decomposition decomposition, double ridge)
{
    ntk_predictor_options o = {NTK_PREDICTOR_OPTIONS_INIT, .posterior = posterior, .decomposition = decomposition, .ridge = ridge};
    ntk_array targets = ntk_vector_f64(s->y, N);
    ntk_gram *gram = dense_grams(ctx, N, s->ntk, s->nngp);
    ntk_predictor *p = NULL;
    kit_ok(ctx, ntk_predictor_create(ctx, gram, &targets, &o, &p));
    ntk_gram_destroy(gram);
    return p;
}

/* out [M, M] += sign a [M, N] b [N, N] cᵀ, c [M, N]. */
static void add_triple(double sign, const double *a, const double *b, const double *c, double *out)
{
    double ab[M * N], ct[N * M], abc[M * M];
    dense_multiply(M, N, N, a, b, ab);
    dense_transpose(M, N, c, ct);
    dense_multiply(M, M, N, ab, ct, abc);
    for (int i = 0; i < M * M; ++i) out[i] += sign * abc[i];
}

static void exact_process(const double *a, const double *cross, const double *test, double ridge, double time, double *out)
{
    double shifted[N * N], s[N * N];
    memcpy(shifted, a, sizeof shifted);
    dense_shift(N, ridge, shifted);
    dense_learned(N, shifted, 2 * time, s);
    memcpy(out, test, M * M * sizeof *out);
    add_triple(-1, cross, s, cross, out);
}

static void exact_ensemble(const scene *sc, double ridge, double time, double *out)
{
    double shifted[N * N], s[N * N], b[M * N], one[N * N];
    memcpy(shifted, sc->ntk, sizeof shifted);
    dense_shift(N, ridge, shifted);
    dense_learned(N, shifted, time, s);
    dense_multiply(M, N, N, sc->ntk_cross, s, b);
    dense_identity(N, one);
    memcpy(out, sc->nngp_test, M * M * sizeof *out);
    add_triple(-1, b, one, sc->nngp_cross, out);
    add_triple(-1, sc->nngp_cross, one, b, out);
    add_triple(1, b, sc->nngp, b, out);
}

static void covariance_of(ntk_context *ctx, const scene *s, const ntk_predictor *p, double time, double *out)
{
    ntk_array covariance = ntk_matrix_f64(out, M, M);
    kit_ok(ctx, ntk_predictor_at(ctx, p, &s->test, time, NULL, &covariance));
    for (int i = 0; i < M; ++i) {
        assert_true(out[i * M + i] >= 0);
        for (int j = 0; j < i; ++j) assert_true(out[i * M + j] == out[j * M + i]);
    }
}

static void exact(const scene *s, ntk_posterior posterior, double ridge, double time, double *out)
{
    if (posterior == NTK_POSTERIOR_NTK) exact_ensemble(s, ridge, time, out);
    else if (posterior == NTK_POSTERIOR_NNGP) exact_process(s->nngp, s->nngp_cross, s->nngp_test, ridge, time, out);
    else exact_process(s->ntk, s->ntk_cross, s->ntk_test, ridge, time, out);
}

static void test_three_posteriors(void **state)
{
    const double times[] = {0.05, 1, 30, INFINITY};
    double wanted[M * M], got[M * M];
    scene s;
    scene_open(&s);
    for (ntk_posterior posterior = 0; posterior < 3; ++posterior)
        for (int i = 0; i < 4; ++i) {
            ntk_predictor *p = predictor_of(*state, &s, posterior, NTK_DECOMPOSITION_EIGEN, 0.1);
            exact(&s, posterior, 0.1, times[i], wanted);
            covariance_of(*state, &s, p, times[i], got);
            /* Entries are differences of numbers of size 10, at a condition number of 200. */
            kit_close(M * M, got, wanted, 1e-11);
            ntk_predictor_destroy(p);
        }
}

static void test_cholesky_agrees(void **state)
{
    double wanted[M * M], got[M * M];
    scene s;
    scene_open(&s);
    for (ntk_posterior posterior = 0; posterior < 3; ++posterior) {
        ntk_predictor *p = predictor_of(*state, &s, posterior, NTK_DECOMPOSITION_CHOLESKY, 0.1);
        exact(&s, posterior, 0.1, INFINITY, wanted);
        covariance_of(*state, &s, p, INFINITY, got);
        kit_close(M * M, got, wanted, 1e-11);
        ntk_predictor_destroy(p);
    }
}

/* At t = 0 nothing has been learned: the prior, to the bit. */
static void test_prior_at_zero(void **state)
{
    double got[M * M];
    scene s;
    scene_open(&s);
    for (ntk_posterior posterior = 0; posterior < 3; ++posterior) {
        ntk_predictor *p = predictor_of(*state, &s, posterior, NTK_DECOMPOSITION_EIGEN, 0);
        covariance_of(*state, &s, p, 0, got);
        kit_close(M * M, got, posterior == NTK_POSTERIOR_NTKGP ? s.ntk_test : s.nngp_test, 0);
        ntk_predictor_destroy(p);
    }
}

/* With K = Theta and no ridge, the ensemble is the Gaussian process of Theta (at infinity). */
static void test_ensemble_of_one_kernel(void **state)
{
    double ensemble[M * M], process[M * M];
    scene s;
    ntk_predictor *p, *q;
    scene_open(&s);
    memcpy(s.nngp, s.ntk, sizeof s.nngp);
    memcpy(s.nngp_cross, s.ntk_cross, sizeof s.nngp_cross);
    memcpy(s.nngp_test, s.ntk_test, sizeof s.nngp_test);
    p = predictor_of(*state, &s, NTK_POSTERIOR_NTK, NTK_DECOMPOSITION_CHOLESKY, 0);
    q = predictor_of(*state, &s, NTK_POSTERIOR_NTKGP, NTK_DECOMPOSITION_CHOLESKY, 0);
    covariance_of(*state, &s, p, INFINITY, ensemble);
    covariance_of(*state, &s, q, INFINITY, process);
    kit_close(M * M, ensemble, process, 1e-11);
    ntk_predictor_destroy(q);
    ntk_predictor_destroy(p);
}

/* On the training inputs, without a ridge, the variance is 0 but for rounding, and rounding never makes it negative. */
static void test_no_negative_variance(void **state)
{
    double x[N * D], y[N], c[N * N];
    ntk_array targets = ntk_vector_f64(y, N), inputs = ntk_matrix_f64(x, N, D), covariance = ntk_matrix_f64(c, N, N);
    ntk_predictor_options o = {NTK_PREDICTOR_OPTIONS_INIT, .posterior = NTK_POSTERIOR_NTKGP};
    ntk_gram *gram;
    ntk_predictor *p = NULL;
    kit_random(34, N * D, x);
    kit_random(35, N, y);
    gram = kernels_gram(*state, N, D, x, NTK_KIND_NTK);
    kit_ok(*state, ntk_predictor_create(*state, gram, &targets, &o, &p));
    kit_ok(*state, ntk_predictor_covariance(*state, p, &inputs, &covariance));
    for (int i = 0; i < N; ++i) assert_true(c[i * N + i] >= 0 && c[i * N + i] < 1e-13);
    ntk_predictor_destroy(p);
    ntk_gram_destroy(gram);
}

/* From a kernel: the same numbers as from the blocks. */
static void test_from_a_kernel(void **state)
{
    double wanted[M * M], got[M * M], k[N * N], cross[M * N], square[M * M];
    scene s;
    ntk_array targets, inputs, covariance = ntk_matrix_f64(got, M, M);
    ntk_predictor_options o = {NTK_PREDICTOR_OPTIONS_INIT, .posterior = NTK_POSTERIOR_NNGP, .ridge = 0.1};
    ntk_gram *gram;
    ntk_predictor *p = NULL;
    scene_open(&s);
    targets = ntk_vector_f64(s.y, N);
    inputs = ntk_matrix_f64(s.z, M, D);
    kernels_matrix(kernels_gaussian, D, N, s.x, N, s.x, k);
    kernels_matrix(kernels_gaussian, D, M, s.z, N, s.x, cross);
    kernels_matrix(kernels_gaussian, D, M, s.z, M, s.z, square);
    exact_process(k, cross, square, 0.1, INFINITY, wanted);
    gram = kernels_gram(*state, N, D, s.x, NTK_KIND_NNGP);
    kit_ok(*state, ntk_predictor_create(*state, gram, &targets, &o, &p));
    kit_ok(*state, ntk_predictor_covariance(*state, p, &inputs, &covariance));
    kit_close(M * M, got, wanted, 1e-12);
    ntk_predictor_destroy(p);
    ntk_gram_destroy(gram);
}

static void test_single_precision(void **state)
{
    double wanted[M * M], wide[M * M];
    float ntk[N * N], y[N], cross[M * N], square[M * M], got[M * M];
    scene s;
    ntk_array k = ntk_array_dense(ntk, NTK_F32, 2, (int64_t[]){N, N}), targets = ntk_array_dense(y, NTK_F32, 1, (int64_t[]){N});
    ntk_array kz = ntk_array_dense(cross, NTK_F32, 2, (int64_t[]){M, N}), kzz = ntk_array_dense(square, NTK_F32, 2, (int64_t[]){M, M});
    ntk_array covariance = ntk_array_dense(got, NTK_F32, 2, (int64_t[]){M, M});
    ntk_predictor_options o = {NTK_PREDICTOR_OPTIONS_INIT, .posterior = NTK_POSTERIOR_NTKGP, .ridge = 1};
    ntk_test_set test = {NTK_TEST_SET_INIT, .ntk = &kz, .ntk_test = &kzz};
    ntk_gram *gram = NULL;
    ntk_predictor *p = NULL;
    scene_open(&s);
    for (int i = 0; i < N * N; ++i) ntk[i] = (float)s.ntk[i];
    for (int i = 0; i < N; ++i) y[i] = (float)s.y[i];
    for (int i = 0; i < M * N; ++i) cross[i] = (float)s.ntk_cross[i];
    for (int i = 0; i < M * M; ++i) square[i] = (float)s.ntk_test[i];
    exact(&s, NTK_POSTERIOR_NTKGP, 1, INFINITY, wanted);
    kit_ok(*state, ntk_gram_from_matrix(*state, &k, &gram));
    kit_ok(*state, ntk_predictor_create(*state, gram, &targets, &o, &p));
    kit_ok(*state, ntk_predictor_at(*state, p, &test, INFINITY, NULL, &covariance));
    for (int i = 0; i < M * M; ++i) wide[i] = (double)got[i];
    kit_close(M * M, wide, wanted, 200 * (double)FLT_EPSILON);
    ntk_predictor_destroy(p);
    ntk_gram_destroy(gram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(test_three_posteriors),     kit_test(test_cholesky_agrees), kit_test(test_prior_at_zero),    kit_test(test_ensemble_of_one_kernel),
        kit_test(test_no_negative_variance), kit_test(test_from_a_kernel),   kit_test(test_single_precision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
