#include "predict.h"

#include "dense.h"

#include <float.h>

enum { N = 8, M = 3 };

static ntk_predictor *predictor_of(ntk_context *ctx, const ntk_gram *gram, const double *y, const ntk_predictor_options *o)
{
    ntk_array targets = ntk_matrix_f64(y, N, M);
    ntk_predictor *p = NULL;
    kit_ok(ctx, ntk_predictor_create(ctx, gram, &targets, o, &p));
    return p;
}

/* weights = S(t) y and smooth = S(t) b against a matrix exponential and elimination. */
static void check_engine(ntk_context *ctx, const ntk_predictor *p, const double *a, const double *y, double time)
{
    double s[N * N], wanted[N * M], got[N * M];
    dense_learned(N, a, p->rate * time, s);
    dense_multiply(N, M, N, s, y, wanted);
    kit_ok(ctx, p->engine->weights(ctx, p, time, got));
    kit_close(N * M, got, wanted, 1e-12); /* condition number of a about 50, the oracle's squarings about 10 */
    memcpy(got, y, sizeof got);
    kit_ok(ctx, p->engine->smooth(ctx, p, time, M, got));
    kit_close(N * M, got, wanted, 1e-12);
}

static void test_both_against_the_oracle(void **state)
{
    const double times[] = {1e-3, 0.7, 20, INFINITY};
    double k[N * N], a[N * N], y[N * M];
    ntk_predictor_options cholesky = {NTK_PREDICTOR_OPTIONS_INIT, .ridge = 0.3};
    ntk_predictor_options eigen = {NTK_PREDICTOR_OPTIONS_INIT, .decomposition = NTK_DECOMPOSITION_EIGEN, .ridge = 0.3, .learning_rate = 2};
    ntk_gram *gram;
    ntk_predictor *p, *q;
    eigen.loss_scale = NTK_LOSS_SCALE_MEAN;
    kit_random_spd(1, N, k);
    kit_random(2, N * M, y);
    memcpy(a, k, sizeof a);
    dense_shift(N, 0.3, a);
    gram = dense_gram(*state, N, k);
    p = predictor_of(*state, gram, y, &cholesky);
    q = predictor_of(*state, gram, y, &eigen);
    assert_true(p->rate == 1 && q->rate == 2.0 / (N * M));
    check_engine(*state, p, a, y, INFINITY);
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(times); ++i) check_engine(*state, q, a, y, times[i]);
    ntk_predictor_destroy(q);
    ntk_predictor_destroy(p);
    ntk_gram_destroy(gram);
}

/* Exactly singular K without a ridge: the pseudo-inverse at infinity, t on the null space before; Cholesky says no. */
static void test_singular(void **state)
{
    const double values[N] = {4, 2, 1};
    double k[N * N], q[N * N], y[N * M], qty[N * M], qt[N * N], wanted[N * M], got[N * M];
    ntk_predictor_options eigen = {NTK_PREDICTOR_OPTIONS_INIT, .decomposition = NTK_DECOMPOSITION_EIGEN};
    ntk_array targets = ntk_matrix_f64(y, N, M);
    ntk_gram *gram;
    ntk_predictor *p, *none = NULL;
    dense_symmetric(3, N, values, k);
    dense_orthogonal(3, N, q);
    dense_transpose(N, N, q, qt);
    kit_random(4, N * M, y);
    dense_multiply(N, M, N, qt, y, qty);
    gram = dense_gram(*state, N, k);
    p = predictor_of(*state, gram, y, &eigen);
    for (int i = 0; i < N * M; ++i) got[i] = i / M < 3 ? qty[i] / values[i / M] : 0;
    dense_multiply(N, M, N, q, got, wanted);
    kit_ok(*state, p->engine->weights(*state, p, INFINITY, got));
    kit_close(N * M, got, wanted, 1e-14);
    kit_ok(*state, p->engine->weights(*state, p, 1e200, got)); /* beyond what rounding can resolve */
    kit_close(N * M, got, wanted, 1e-14);
    for (int i = 0; i < N * M; ++i) got[i] = qty[i] * (i / M < 3 ? -expm1(-50 * values[i / M]) / values[i / M] : 50);
    dense_multiply(N, M, N, q, got, wanted);
    kit_ok(*state, p->engine->weights(*state, p, 50, got));
    kit_close(N * M, got, wanted, 1e-13); /* the null space moves by t² eps |K| / t */
    kit_fails(*state, ntk_predictor_create(*state, gram, &targets, NULL, &none), NTK_ERROR_NOT_POSITIVE_DEFINITE, "order");
    ntk_predictor_destroy(p);
    ntk_gram_destroy(gram);
}

static void test_indefinite(void **state)
{
    double values[N] = {4, 2, 1, 1, 1, 1, 1, -0.5}, k[N * N], y[N * M], got[N * M];
    ntk_predictor_options eigen = {NTK_PREDICTOR_OPTIONS_INIT, .decomposition = NTK_DECOMPOSITION_EIGEN};
    ntk_gram *gram;
    ntk_predictor *p;
    dense_symmetric(5, N, values, k);
    kit_random(6, N * M, y);
    gram = dense_gram(*state, N, k);
    p = predictor_of(*state, gram, y, &eigen);
    check_engine(*state, p, k, y, 3); /* grows, and is computed so */
    kit_fails(*state, p->engine->weights(*state, p, INFINITY, got), NTK_ERROR_UNSTABLE, "-0.5");
    ntk_predictor_destroy(p);
    ntk_gram_destroy(gram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(test_both_against_the_oracle),
        kit_test(test_singular),
        kit_test(test_indefinite),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
