/* The predictor: one gram, one set of targets, one decomposition; means and covariances at any time it can reach. */
#include "predict.h"

#include <math.h>

static ntk_status read_options(ntk_context *ctx, const ntk_predictor_options *options, ntk_predictor_options *o)
{
    ntk_status status = NTK_OPTIONS_READ(ctx, options, o);
    if (status != NTK_OK) return status;
    if (o->reserved != 0) return ntk_fail(ctx, NTK_ERROR_OPTIONS, "options.reserved is %d; expected 0", (int)o->reserved);
    if (o->reserved_2 != 0) return ntk_fail(ctx, NTK_ERROR_OPTIONS, "options.reserved_2 is %d; expected 0", (int)o->reserved_2);
    if (!ntk_posterior_name(o->posterior)) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.posterior is %d: no posterior", (int)o->posterior);
    if (!ntk_decomposition_name(o->decomposition))
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.decomposition is %d: no decomposition", (int)o->decomposition);
    if (o->tolerance != 0 && o->decomposition != NTK_DECOMPOSITION_CG)
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.tolerance is for conjugate gradients, not for %s", ntk_decomposition_name(o->decomposition));
    if (!ntk_loss_scale_name(o->loss_scale))
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.loss_scale is %d: no loss scale", (int)o->loss_scale);
    if (o->consume && o->decomposition != NTK_DECOMPOSITION_CHOLESKY)
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.consume is for the Cholesky decomposition, not for %s", ntk_decomposition_name(o->decomposition));
    if (o->consume && o->noise) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.consume and options.noise are both given: the gram without noise is still needed");
    return ntk_check_rate(ctx, o->learning_rate, &o->learning_rate);
}

static void subtract(ntk_dtype dtype, int64_t count, void *a, const void *b)
{
    double *wide = a;
    float *narrow = a;
    for (int64_t i = 0; i < count; ++i) {
        if (dtype == NTK_F64) wide[i] -= ((const double *)b)[i];
        else narrow[i] -= ((const float *)b)[i];
    }
}

/* p->start = y - f0. */
static ntk_status read_targets(ntk_context *ctx, const ntk_array *y, const ntk_array *f0, ntk_predictor *p)
{
    ntk_status status;
    void *start = NULL;
    int64_t columns, count;
    NTK_TRY(ntk_gram_targets(ctx, p->gram, "y", y, &p->columns, &p->start));
    p->outputs = ntk_target_outputs(p->gram, y);
    if (!f0) return NTK_OK;
    NTK_TRY(ntk_gram_targets(ctx, p->gram, "options.f0", f0, &columns, &start));
    if (columns != p->columns)
        NTK_TRY(ntk_fail(ctx, NTK_ERROR_SHAPE, "options.f0 has %lld columns; y has %lld", (long long)columns, (long long)p->columns));
    count = p->gram->size * p->columns;
    subtract(p->gram->dtype, count, p->start, start);
    NTK_TRY(ntk_check_result(ctx, "y - f0", p->gram->dtype, p->start, count));
done:
    ntk_free(start);
    return status;
}

/* Targets that divide the loss; at least 1, so that an empty data set has a rate too. */
static double loss_divisor(const ntk_predictor *p, ntk_loss_scale scale)
{
    return scale == NTK_LOSS_SCALE_MEAN ? (double)NTK_MAX(p->gram->size * p->columns, 1) : 1;
}

ntk_status ntk_predictor_create(ntk_context *ctx, const ntk_gram *gram, const ntk_array *y, const ntk_predictor_options *options,
                                ntk_predictor **predictor)
{
    ntk_status status;
    ntk_predictor_options o;
    ntk_predictor *p = NULL;
    NTK_ENTER_NEW(ctx, predictor);
    NTK_REQUIRE(ctx, gram);
    NTK_TRY(read_options(ctx, options, &o));
    NTK_TRY(NTK_NEW_HANDLE(ctx, &p));
    p->gram = ntk_retain(gram);
    p->rule = &ntk_posterior_rules[o.posterior];
    p->engine = &ntk_engines[o.decomposition];
    NTK_TRY(ntk_gram_check(ctx, gram, p->rule->trained, gram->dtype));
    NTK_TRY(ntk_gram_ridge(ctx, gram, p->rule->trained, o.ridge, o.ridge_relative, &p->ridge));
    NTK_TRY(read_targets(ctx, y, o.f0, p));
    if (o.noise) NTK_TRY(ntk_noise_open(ctx, o.noise, p));
    p->rate = o.learning_rate / loss_divisor(p, o.loss_scale);
    NTK_TRY(p->engine->open(ctx, &o, p));
    *predictor = p;
    p = NULL;
done:
    ntk_predictor_destroy(p);
    return status;
}

void ntk_predictor_destroy(ntk_predictor *predictor)
{
    if (!ntk_object_release(predictor)) return;
    ntk_spectrum_destroy(predictor->spectrum);
    ntk_solver_destroy(predictor->solver);
    ntk_gram_destroy(predictor->noisy);
    ntk_free(predictor->noisy_matrix);
    ntk_free(predictor->start);
    ntk_gram_destroy(predictor->gram);
    ntk_free(predictor);
}

/* ---- answers --------------------------------------------------------------------------------------------------- */

/* The gram and the new inputs have what is wanted. */
static ntk_status require(ntk_context *ctx, const ntk_predictor *p, const ntk_test *test, ntk_wanted wanted)
{
    ntk_status status;
    bool prior = wanted != NTK_WANT_MEAN && p->rule->prior != p->rule->trained; /* else only its new entries count */
    if (prior) NTK_TRY(ntk_gram_check(ctx, p->gram, p->rule->prior, p->gram->dtype));
    NTK_TRY(ntk_test_require(ctx, p, test, wanted));
done:
    return status;
}

static ntk_status answer_mean(ntk_context *ctx, const ntk_predictor *p, const ntk_test *test, double time, ntk_array *mean)
{
    ntk_status status;
    void *dense = NULL;
    int64_t rows = ntk_test_rows(test);
    NTK_TRY(require(ctx, p, test, NTK_WANT_MEAN));
    NTK_TRY(ntk_check_answers(ctx, ntk_check_output, "mean", mean, p->gram->dtype, -1, rows, p->columns, p->outputs));
    NTK_TRY(ntk_allocate_raw(ctx, rows * p->columns, ntk_dtype_size(p->gram->dtype), &dense));
    NTK_TRY(ntk_test_mean(ctx, p, test, time, dense));
    ntk_store(mean, dense);
done:
    ntk_free(dense);
    return status;
}

static ntk_status answer_covariance(ntk_context *ctx, const ntk_predictor *p, const ntk_test *test, double time, ntk_array *covariance)
{
    ntk_status status;
    void *dense = NULL;
    int64_t rows = ntk_test_rows(test), count;
    NTK_TRY(require(ctx, p, test, NTK_WANT_COVARIANCE));
    NTK_TRY(ntk_check_output(ctx, "covariance", covariance, p->gram->dtype, NTK_SHAPE(rows, rows)));
    NTK_TRY(ntk_size_product(ctx, "the covariance", rows, rows, &count));
    NTK_TRY(ntk_allocate_raw(ctx, count, ntk_dtype_size(p->gram->dtype), &dense));
    NTK_TRY(ntk_test_covariance(ctx, p, test, time, dense));
    ntk_store(covariance, dense);
done:
    ntk_free(dense);
    return status;
}

static ntk_status answer_variance(ntk_context *ctx, const ntk_predictor *p, const ntk_test *test, double time, ntk_array *variance)
{
    ntk_status status;
    void *dense = NULL;
    int64_t rows = ntk_test_rows(test);
    NTK_TRY(require(ctx, p, test, NTK_WANT_VARIANCE));
    NTK_TRY(ntk_check_output(ctx, "variance", variance, p->gram->dtype, NTK_SHAPE(rows)));
    NTK_TRY(ntk_allocate_raw(ctx, rows, ntk_dtype_size(p->gram->dtype), &dense));
    NTK_TRY(ntk_test_variance(ctx, p, test, time, dense));
    ntk_store(variance, dense);
done:
    ntk_free(dense);
    return status;
}

static ntk_status answer_samples(ntk_context *ctx, const ntk_predictor *p, const ntk_test *test, double time, uint64_t seed, ntk_array *samples)
{
    ntk_status status;
    void *mean = NULL, *covariance = NULL;
    int64_t rows = ntk_test_rows(test), count;
    size_t size = ntk_dtype_size(p->gram->dtype);
    NTK_REQUIRE(ctx, samples);
    NTK_TRY(ntk_check_array(ctx, "samples", samples));
    NTK_TRY(require(ctx, p, test, NTK_WANT_COVARIANCE));
    NTK_TRY(ntk_check_answers(ctx, ntk_check_output, "samples", samples, p->gram->dtype, samples->ndim > 0 ? samples->shape[0] : 0, rows, p->columns, p->outputs));
    NTK_TRY(ntk_size_product(ctx, "the covariance", rows, rows, &count));
    NTK_TRY(ntk_allocate_raw(ctx, rows * p->columns, size, &mean));
    NTK_TRY(ntk_allocate_raw(ctx, count, size, &covariance));
    NTK_TRY_PART(ctx, 0, 0.2, ntk_test_mean(ctx, p, test, time, mean));
    NTK_TRY_PART(ctx, 0.2, 0.6, ntk_test_covariance(ctx, p, test, time, covariance));
    NTK_TRY_PART(ctx, 0.6, 1, ntk_test_sample(ctx, p, test, mean, covariance, seed, samples));
done:
    ntk_free(covariance);
    ntk_free(mean);
    return status;
}

static ntk_status check_reach(ntk_context *ctx, const ntk_predictor *p, double time)
{
    ntk_status status = ntk_check_time(ctx, "time", time);
    if (status != NTK_OK || p->engine->any_time || isinf(time)) return status;
    return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "time is %g; a predictor by Cholesky knows infinity only, finite times need the eigen decomposition",
                    time);
}

/* The share of the work that is preparing new inputs. */
static double preparation(const ntk_predictor *p, const ntk_test_set *given)
{
    return given->x && p->gram->kernel ? p->gram->kernel->class->preparation : 0;
}

/* New inputs, checked and ready, for a time that can be reached; *before: the share of the call's work that this was.  Close them whether they opened or not. */
static ntk_status open_set(ntk_context *ctx, const ntk_predictor *p, const ntk_test_set *test, double time, ntk_test *t, double *before)
{
    ntk_status status;
    ntk_test_set given;
    NTK_REQUIRE(ctx, test);
    NTK_TRY(NTK_OPTIONS_READ(ctx, test, &given));
    NTK_TRY(check_reach(ctx, p, time));
    *before = preparation(p, &given);
    NTK_TRY_PART(ctx, 0, *before, ntk_test_open(ctx, p, &given, t));
done:
    return status;
}

ntk_status ntk_predictor_at(ntk_context *ctx, const ntk_predictor *predictor, const ntk_test_set *test, double time, ntk_array *mean,
                            ntk_array *covariance)
{
    ntk_status status;
    ntk_test t = {0};
    double before, between; /* shares of the preparation, and with that of the mean */
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, predictor);
    NTK_REQUIRE(ctx, test);
    if (!mean && !covariance) return ntk_fail(ctx, NTK_ERROR_NULL, "mean and covariance are both NULL: nothing is asked for");
    NTK_TRY(open_set(ctx, predictor, test, time, &t, &before));
    between = !covariance ? 1 : !mean ? before : (before + 1) / 2;
    if (mean) NTK_TRY_PART(ctx, before, between, answer_mean(ctx, predictor, &t, time, mean));
    if (covariance) NTK_TRY_PART(ctx, between, 1, answer_covariance(ctx, predictor, &t, time, covariance));
done:
    ntk_test_close(predictor, &t);
    return status;
}

ntk_status ntk_predictor_variance(ntk_context *ctx, const ntk_predictor *predictor, const ntk_test_set *test, double time, ntk_array *variance)
{
    ntk_status status;
    ntk_test t = {0};
    double before;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, predictor);
    NTK_TRY(open_set(ctx, predictor, test, time, &t, &before));
    NTK_TRY_PART(ctx, before, 1, answer_variance(ctx, predictor, &t, time, variance));
done:
    ntk_test_close(predictor, &t);
    return status;
}

ntk_status ntk_predictor_sample(ntk_context *ctx, const ntk_predictor *predictor, const ntk_test_set *test, double time, uint64_t seed, ntk_array *samples)
{
    ntk_status status;
    ntk_test t = {0};
    double before;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, predictor);
    NTK_TRY(open_set(ctx, predictor, test, time, &t, &before));
    NTK_TRY_PART(ctx, before, 1, answer_samples(ctx, predictor, &t, time, seed, samples));
done:
    ntk_test_close(predictor, &t);
    return status;
}

ntk_status ntk_predictor_mean(ntk_context *ctx, const ntk_predictor *predictor, const ntk_array *x, ntk_array *mean)
{
    ntk_test_set test = {NTK_TEST_SET_INIT, .x = x};
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, x);
    NTK_REQUIRE(ctx, mean);
    return ntk_predictor_at(ctx, predictor, &test, INFINITY, mean, NULL);
}

ntk_status ntk_predictor_covariance(ntk_context *ctx, const ntk_predictor *predictor, const ntk_array *x, ntk_array *covariance)
{
    ntk_test_set test = {NTK_TEST_SET_INIT, .x = x};
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, x);
    NTK_REQUIRE(ctx, covariance);
    return ntk_predictor_at(ctx, predictor, &test, INFINITY, NULL, covariance);
}
