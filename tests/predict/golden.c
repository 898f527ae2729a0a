/*
 * The golden predictions: p01 to p04 and 42 of tests/golden, computed there from the stored kernels in 160-bit arithmetic
 * (their case.json says how).  The tolerances are theirs.
 */
#include "dense.h"
#include "golden.h"

#include <stdlib.h>

/* One case: settings as in its case.json; the files are numbered posterior by posterior, time by time. */
typedef struct golden_case {
    const char *folder;
    double tolerance, learning_rate, ridge, ridge_relative;
    int n_times;
    double times[5];
} golden_case;

static void compare(const golden_case *g, const char *name, int number, const ntk_array *got)
{
    ntk_array wanted;
    double *numbers = golden_load(g->folder, name, number, &wanted);
    assert_int_equal(wanted.shape[0] * wanted.shape[1], got->shape[0] * got->shape[1]);
    kit_close(wanted.shape[0] * wanted.shape[1], got->data, numbers, g->tolerance);
    free(numbers);
}

static ntk_predictor_options options_of(const golden_case *g, ntk_posterior posterior, ntk_decomposition decomposition)
{
    ntk_predictor_options o = {NTK_PREDICTOR_OPTIONS_INIT, .posterior = posterior, .decomposition = decomposition};
    o.loss_scale = NTK_LOSS_SCALE_MEAN;
    o.ridge = g->ridge;
    o.ridge_relative = g->ridge_relative;
    o.learning_rate = g->learning_rate;
    return o;
}

/* ---- ensembles ------------------------------------------------------------------------------------------------- */

enum { NTK, NNGP, NTK_CROSS, NNGP_CROSS, NTK_TEST, NNGP_TEST, Y, ARRAYS };

typedef struct ensemble {
    ntk_array a[ARRAYS];
    double *numbers[ARRAYS];
    ntk_test_set test;
    ntk_gram *gram;
} ensemble;

static void ensemble_open(ntk_context *ctx, const golden_case *g, ensemble *e)
{
    static const char *const names[ARRAYS] = {"ntk_train_train", "nngp_train_train", "ntk_test_train", "nngp_test_train",
                                              "ntk_test_test",   "nngp_test_test",   "y_train"};
    for (int i = 0; i < ARRAYS; ++i) e->numbers[i] = golden_load(g->folder, names[i], -1, &e->a[i]);
    e->test = (ntk_test_set){NTK_TEST_SET_INIT, .ntk = &e->a[NTK_CROSS], .nngp = &e->a[NNGP_CROSS], .ntk_test = &e->a[NTK_TEST],
                             .nngp_test = &e->a[NNGP_TEST]};
    e->gram = NULL;
    kit_ok(ctx, ntk_gram_from_matrices(ctx, &e->a[NTK], &e->a[NNGP], &e->gram));
}

static void ensemble_close(ensemble *e)
{
    ntk_gram_destroy(e->gram);
    for (int i = 0; i < ARRAYS; ++i) free(e->numbers[i]);
}

static void check_one(ntk_context *ctx, const golden_case *g, const ensemble *e, ntk_posterior posterior, ntk_decomposition decomposition,
                      double time, int number)
{
    ntk_predictor_options o = options_of(g, posterior, decomposition);
    double mean[64], covariance[64];
    ntk_array m = ntk_matrix_f64(mean, e->a[NTK_TEST].shape[0], e->a[Y].shape[1]);
    ntk_array c = ntk_matrix_f64(covariance, e->a[NTK_TEST].shape[0], e->a[NTK_TEST].shape[0]);
    ntk_predictor *p = NULL;
    kit_ok(ctx, ntk_predictor_create(ctx, e->gram, &e->a[Y], &o, &p));
    kit_ok(ctx, ntk_predictor_at(ctx, p, &e->test, time, &m, &c));
    compare(g, "mean", number, &m);
    compare(g, "cov", number, &c);
    ntk_predictor_destroy(p);
}

/* nngp and ntk at every time, then ntkgp at infinity; at infinity by both decompositions. */
static void check_ensemble(ntk_context *ctx, const golden_case *g)
{
    static const ntk_posterior order[] = {NTK_POSTERIOR_NNGP, NTK_POSTERIOR_NTK};
    ensemble e;
    ensemble_open(ctx, g, &e);
    for (int i = 0; i < 2 * g->n_times; ++i) {
        double time = g->times[i % g->n_times];
        check_one(ctx, g, &e, order[i / g->n_times], NTK_DECOMPOSITION_EIGEN, time, i);
        if (isinf(time)) check_one(ctx, g, &e, order[i / g->n_times], NTK_DECOMPOSITION_CHOLESKY, time, i);
    }
    check_one(ctx, g, &e, NTK_POSTERIOR_NTKGP, NTK_DECOMPOSITION_EIGEN, INFINITY, 2 * g->n_times);
    check_one(ctx, g, &e, NTK_POSTERIOR_NTKGP, NTK_DECOMPOSITION_CHOLESKY, INFINITY, 2 * g->n_times);
    ensemble_close(&e);
}

static void test_p01(void **state)
{
    check_ensemble(*state, &(golden_case){"p01_ensemble_absolute", 1e-11, 0.7, 0.05, 0, 4, {0, 1, 30, INFINITY}});
}

static void test_p02(void **state)
{
    check_ensemble(*state, &(golden_case){"p02_ensemble_no_ridge", 7e-11, 2, 0, 0, 4, {0.1, 10, 1000, INFINITY}});
}

static void test_42(void **state)
{
    check_ensemble(*state, &(golden_case){"42_predict_ensemble", 1e-11, 1, 0, 0.001, 5, {0, 0.5, 5, 100, INFINITY}});
}

/* ---- one network from its start -------------------------------------------------------------------------------- */

/* On new inputs, and on the training inputs, whose block is the unregularised K: f0 - K S (f0 - y); the stored training
 * outputs follow y + exp(-eta t K~/c) (f0 - y), the same without a ridge. */
static void check_start(ntk_context *ctx, const golden_case *g)
{
    static const char *const names[] = {"ntk_train_train", "ntk_test_train", "y_train", "f0_train", "f0_test"};
    double *numbers[5], got[64];
    ntk_array a[5], m;
    ntk_predictor_options o = options_of(g, NTK_POSTERIOR_NTK, NTK_DECOMPOSITION_EIGEN);
    ntk_test_set test = {NTK_TEST_SET_INIT, .ntk = &a[1], .f0 = &a[4]}, train = {NTK_TEST_SET_INIT, .ntk = &a[0], .f0 = &a[3]};
    ntk_gram *gram = NULL;
    ntk_predictor *p = NULL;
    for (int i = 0; i < 5; ++i) numbers[i] = golden_load(g->folder, names[i], -1, &a[i]);
    o.f0 = &a[3];
    kit_ok(ctx, ntk_gram_from_matrix(ctx, &a[0], &gram));
    kit_ok(ctx, ntk_predictor_create(ctx, gram, &a[2], &o, &p));
    for (int i = 0; i < g->n_times; ++i) {
        m = ntk_matrix_f64(got, a[1].shape[0], a[2].shape[1]);
        kit_ok(ctx, ntk_predictor_at(ctx, p, &test, g->times[i], &m, NULL));
        compare(g, "test", i, &m);
        if (g->ridge > 0) continue;
        m = ntk_matrix_f64(got, a[0].shape[0], a[2].shape[1]);
        kit_ok(ctx, ntk_predictor_at(ctx, p, &train, g->times[i], &m, NULL));
        compare(g, "train", i, &m);
    }
    ntk_predictor_destroy(p);
    ntk_gram_destroy(gram);
    for (int i = 0; i < 5; ++i) free(numbers[i]);
}

static void test_p03(void **state)
{
    check_start(*state, &(golden_case){"p03_from_nonzero_start", 1e-11, 0.9, 0, 0, 4, {0, 2, 50, INFINITY}});
}

static void test_p04(void **state)
{
    check_start(*state, &(golden_case){"p04_from_nonzero_start_ridge", 1e-11, 0.9, 0.02, 0, 3, {0, 2, 50}});
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_p01), kit_test(test_p02), kit_test(test_p03), kit_test(test_p04), kit_test(test_42)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
