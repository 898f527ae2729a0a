/*
 * The estimate of a prediction against the peak of what the library allocates from the gram to the answers: never below it, and at most FACTOR times that
 * and SLACK bytes (handles, lists).
 */
#include "kit.h"

#include <math.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

#define FACTOR 1.1
#define FACTOR_FINITE 1.5 /* the rooms of a whole tile are counted; a packed gram of fewer samples than two tiles goes by halves */
#define SLACK 16384.0

/* ---- an allocator that remembers the most it held ---- */

typedef struct meter {
    atomic_llong now, most;
} meter;

static void *metered(void *user, void *block, size_t old_size, size_t new_size)
{
    meter *m = user;
    void *grown = NULL;
    long long now, most = atomic_load(&m->most);
    if (new_size == 0) free(block);
    else grown = realloc(block, new_size);
    if (new_size > 0 && !grown) return NULL;
    now = atomic_fetch_add(&m->now, (long long)new_size - (long long)old_size) + (long long)new_size - (long long)old_size;
    while (now > most && !atomic_compare_exchange_weak(&m->most, &most, now)) continue;
    return grown;
}

/* ---- the table ---- */

#define NET "{\"format\": \"ntk-network\", \"version\": 1, \"input\": "
static const char mlp[] = NET "[40], \"layers\": [{\"op\": \"dense\", \"units\": 30, \"w_std\": 1.4, \"b_std\": 0}, {\"op\": \"relu\"}, "
                          "{\"op\": \"dense\", \"units\": 20, \"b_std\": 0.1}, {\"op\": \"erf\"}, {\"op\": \"dense\", \"units\": 3}]}";
static const char wide[] = NET "[1500], \"layers\": [{\"op\": \"dense\", \"units\": 4}, {\"op\": \"gelu\"}, {\"op\": \"dense\", \"units\": 1}]}";

enum { INFINITE, EMPIRICAL, MATRICES };

typedef struct sample_job {
    const char *name, *network;
    int source;
    ntk_predictor_job job;
} sample_job;

#define CHOLESKY .decomposition = NTK_DECOMPOSITION_CHOLESKY
#define EIGEN .decomposition = NTK_DECOMPOSITION_EIGEN
#define CG .decomposition = NTK_DECOMPOSITION_CG
#define JOB(...) {NTK_PREDICTOR_JOB_INIT, __VA_ARGS__}
static const sample_job jobs[] = {
    {"fit", mlp, INFINITE, JOB(.n = 900, .m = 300, .columns = 10, CHOLESKY, .consume = 1)},
    {"fit, f32, many columns", mlp, INFINITE, JOB(.n = 900, .m = 700, .columns = 700, .dtype = NTK_F32, CHOLESKY, .consume = 1)},
    {"gram kept beside its factor, f0", mlp, INFINITE, JOB(.n = 700, .m = 50, .columns = 3, CHOLESKY, .f0 = 1)},
    {"full storage, both kinds, variance", mlp, INFINITE, JOB(.n = 600, .m = 900, .storage = NTK_STORAGE_FULL, CHOLESKY, .variance = 1)},
    {"process, covariance", mlp, INFINITE, JOB(.n = 500, .m = 400, .posterior = NTK_POSTERIOR_NNGP, CHOLESKY, .covariance = 1)},
    {"ensemble, covariance", mlp, INFINITE, JOB(.n = 300, .m = 500, .posterior = NTK_POSTERIOR_NTK, CHOLESKY, .covariance = 1)},
    {"process of ntk, draws", mlp, INFINITE, JOB(.n = 200, .m = 400, .posterior = NTK_POSTERIOR_NTKGP, .columns = 2, CHOLESKY, .draws = 3)},
    {"draws, f32", mlp, INFINITE, JOB(.n = 200, .m = 400, .dtype = NTK_F32, .posterior = NTK_POSTERIOR_NTKGP, .columns = 2, CHOLESKY, .draws = 3)},
    {"noise", mlp, INFINITE, JOB(.n = 500, .m = 100, .columns = 2, CHOLESKY, .noise = 1)},
    {"eigenvectors", mlp, INFINITE, JOB(.n = 500, .m = 100, .columns = 2, EIGEN)},
    {"eigenvectors, many columns, covariance", mlp, INFINITE, JOB(.n = 200, .m = 600, .columns = 900, EIGEN, .covariance = 1, .variance = 1)},
    {"eigenvectors, noise", mlp, INFINITE, JOB(.n = 400, .m = 100, .columns = 2, EIGEN, .noise = 1)},
    {"conjugate gradients", mlp, INFINITE, JOB(.n = 900, .m = 200, .columns = 5, CG)},
    {"conjugate gradients without entries", mlp, INFINITE, JOB(.n = 900, .m = 200, .columns = 20, .storage = NTK_STORAGE_NONE, CG)},
    {"factor of a gram without entries", mlp, INFINITE, JOB(.n = 900, .m = 200, .columns = 2, .storage = NTK_STORAGE_NONE, CHOLESKY, .consume = 1)},
    {"conjugate gradients, variance, f32", mlp, INFINITE, JOB(.n = 600, .m = 700, .dtype = NTK_F32, CG, .variance = 1)},
    {"many inputs", wide, INFINITE, JOB(.n = 300, .m = 900, .columns = 2, CHOLESKY, .consume = 1)},
    {"nothing new", mlp, INFINITE, JOB(.n = 500, .columns = 2, CHOLESKY)},
    {"finite network, all outputs", mlp, EMPIRICAL, JOB(.n = 150, .m = 60, CHOLESKY, .posterior = NTK_POSTERIOR_NTKGP, .covariance = 1)},
    {"matrices", NULL, MATRICES, JOB(.n = 500, .m = 300, .columns = 4, CHOLESKY)},
    {"matrices, eigenvectors, covariance", NULL, MATRICES, JOB(.n = 300, .m = 300, .columns = 4, EIGEN, .covariance = 1, .f0 = 1)},
    {"matrices, ensemble, variance", NULL, MATRICES, JOB(.n = 300, .m = 700, CHOLESKY, .variance = 1)},
    {"matrices, noise, draws", NULL, MATRICES, JOB(.n = 300, .m = 200, .posterior = NTK_POSTERIOR_NNGP, .columns = 2, CHOLESKY, .noise = 1, .draws = 2)},
};
enum { JOBS = sizeof jobs / sizeof *jobs };

/* ---- one prediction --------------------------------------------------------------------------------------------- */

/* The caller's arrays, which no allocator of the library sees. */
typedef struct world {
    ntk_network *network;
    ntk_kernel *kernel;
    ntk_array x, x_new, y, f0, f0_new, noise, train, cross, square, mean, variance, covariance, samples;
    void *blocks[13];
    int held;
} world;

/* Numbers that are 0, or random, of a dtype; NULL-sized arrays too. */
static ntk_array numbers(world *w, ntk_dtype dtype, uint64_t seed, int ndim, const int64_t *shape)
{
    int64_t size = 1;
    double *values;
    for (int i = 0; i < ndim; ++i) size *= shape[i];
    values = calloc((size_t)size + 1, sizeof *values);
    assert_non_null(values);
    if (seed) kit_random(seed, size, values);
    for (int64_t i = 0; dtype == NTK_F32 && i < size; ++i) ((float *)(void *)values)[i] = (float)values[i];
    w->blocks[w->held++] = values;
    return ntk_array_dense(values, dtype, ndim, shape);
}

#define SHAPE(...) (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__}

static void open_kernel(ntk_context *ctx, const sample_job *s, world *w)
{
    double *theta;
    ntk_array v;
    int64_t p;
    if (s->source == MATRICES) return;
    w->network = kit_network(ctx, s->network);
    if (s->source == INFINITE) {
        kit_ok(ctx, ntk_kernel_from_network(ctx, w->network, NULL, &w->kernel));
        return;
    }
    p = ntk_network_parameters(w->network);
    theta = malloc((size_t)p * sizeof *theta);
    assert_non_null(theta);
    kit_random(5, p, theta);
    v = ntk_vector_f64(theta, p);
    kit_ok(ctx, ntk_kernel_empirical(ctx, w->network, &v, NULL, &(ntk_kernel_options){NTK_KERNEL_OPTIONS_INIT, .outputs = NTK_OUTPUTS_FULL}, &w->kernel));
    free(theta);
}

/* K = 1, and small numbers beside its diagonal. */
static void open_matrices(const ntk_predictor_job *j, world *w)
{
    double *k;
    w->train = numbers(w, j->dtype, 0, SHAPE(j->n, j->n));
    w->cross = numbers(w, j->dtype, 3, SHAPE(j->m, j->n));
    w->square = numbers(w, j->dtype, 0, SHAPE(j->m, j->m));
    k = w->train.data;
    for (int64_t i = 0; i < j->n; ++i) k[i * j->n + i] = 1000;
    k = w->square.data;
    for (int64_t i = 0; i < j->m; ++i) k[i * j->m + i] = 1000;
}

static void open_world(ntk_context *ctx, const sample_job *s, world *w)
{
    const ntk_predictor_job *j = &s->job;
    int64_t inputs, c = j->columns ? j->columns : 1, per;
    open_kernel(ctx, s, w);
    inputs = 1;
    if (w->network) {
        int64_t shape[NTK_MAX_NDIM];
        assert_int_equal(ntk_network_input(w->network, shape), 1);
        inputs = shape[0];
    }
    per = s->source == EMPIRICAL ? ntk_network_outputs(w->network) : 1;
    if (s->source == MATRICES) open_matrices(j, w);
    w->x = numbers(w, j->dtype, 1, SHAPE(j->n, inputs));
    w->x_new = numbers(w, j->dtype, 2, SHAPE(j->m, inputs));
    w->y = numbers(w, j->dtype, 4, SHAPE(j->n * per, c));
    w->f0 = numbers(w, j->dtype, 5, SHAPE(j->n * per, c));
    w->f0_new = numbers(w, j->dtype, 6, SHAPE(j->m * per, c));
    w->noise = numbers(w, j->dtype, 0, SHAPE(j->n));
    w->mean = numbers(w, j->dtype, 0, SHAPE(j->m * per, c));
    w->variance = numbers(w, j->dtype, 0, SHAPE(j->m * per));
    w->covariance = numbers(w, j->dtype, 0, SHAPE(j->m * per, j->m * per));
    w->samples = numbers(w, j->dtype, 0, SHAPE(j->draws, j->m * per, c));
}

static void close_world(world *w)
{
    for (int i = 0; i < w->held; ++i) free(w->blocks[i]);
    ntk_kernel_destroy(w->kernel);
    ntk_network_destroy(w->network);
}

static void answer(ntk_context *ctx, const ntk_predictor_job *j, const ntk_predictor *p, world *w)
{
    ntk_test_set set = {NTK_TEST_SET_INIT, .x = w->kernel ? &w->x_new : NULL, .f0 = j->f0 ? &w->f0_new : NULL};
    if (!w->kernel) set.ntk = set.nngp = &w->cross, set.ntk_test = set.nngp_test = &w->square;
    if (j->m == 0) return;
    kit_ok(ctx, ntk_predictor_at(ctx, p, &set, INFINITY, &w->mean, j->covariance ? &w->covariance : NULL));
    if (j->variance) kit_ok(ctx, ntk_predictor_variance(ctx, p, &set, INFINITY, &w->variance));
    if (j->draws) kit_ok(ctx, ntk_predictor_sample(ctx, p, &set, INFINITY, 1, &w->samples));
}

static void predict(ntk_context *ctx, const ntk_predictor_job *j, world *w)
{
    bool spread = j->variance || j->covariance || j->draws;
    bool nngp = j->posterior == NTK_POSTERIOR_NNGP || (j->posterior == NTK_POSTERIOR_NTK && spread), ntk = j->posterior != NTK_POSTERIOR_NNGP;
    ntk_gram_options options = {NTK_GRAM_OPTIONS_INIT, .nngp = nngp, .no_ntk = !ntk, .storage = j->storage};
    ntk_predictor_options how = {NTK_PREDICTOR_OPTIONS_INIT, .posterior = j->posterior, .decomposition = j->decomposition, .ridge_relative = 1, .consume = j->consume,
                                 .f0 = j->f0 ? &w->f0 : NULL, .noise = j->noise ? &w->noise : NULL};
    ntk_gram *gram;
    ntk_predictor *p;
    if (w->kernel) kit_ok(ctx, ntk_gram_create(ctx, w->kernel, &w->x, &options, &gram));
    else kit_ok(ctx, ntk_gram_from_matrices(ctx, ntk ? &w->train : NULL, nngp ? &w->train : NULL, &gram));
    kit_ok(ctx, ntk_predictor_create(ctx, gram, &w->y, &how, &p));
    ntk_gram_destroy(gram);
    answer(ctx, j, p, w);
    ntk_predictor_destroy(p);
}

static double answers_bytes(const ntk_predictor_job *j, const world *w)
{
    double rows = (double)w->variance.shape[0], c = (double)w->mean.shape[1];
    return (double)ntk_dtype_size(j->dtype) * (rows * c + (j->variance ? rows : 0) + (j->covariance ? rows * rows : 0) + (double)j->draws * rows * c);
}

static void check_peak(const sample_job *s)
{
    meter m = {0};
    ntk_context_options o = {NTK_CONTEXT_OPTIONS_INIT, .allocate = metered, .allocate_user = &m, .threads = 2};
    ntk_context *ctx;
    ntk_estimate e;
    world w = {0};
    double peak, factor = s->source == EMPIRICAL ? FACTOR_FINITE : FACTOR;
    long long before;
    assert_int_equal(ntk_context_create(&o, &ctx), NTK_OK);
    open_world(ctx, s, &w);
    before = atomic_load(&m.now);
    kit_ok(ctx, ntk_predictor_estimate(ctx, w.kernel, &s->job, &e));
    atomic_store(&m.most, before);
    predict(ctx, &s->job, &w);
    peak = (double)(atomic_load(&m.most) - before);
    if (e.bytes < peak || e.bytes > factor * peak + SLACK || e.result_bytes != answers_bytes(&s->job, &w) || !(e.flops > 0))
        fail_msg("%s: estimate %.0f, peak %.0f, ratio %.3f; answers %.0f, are %.0f; flops %g", s->name, e.bytes, peak, e.bytes / peak, e.result_bytes,
                 answers_bytes(&s->job, &w), e.flops);
    close_world(&w);
    ntk_context_destroy(ctx);
}

static void test_peaks(void **state)
{
    (void)state;
    for (int i = 0; i < JOBS; ++i) check_peak(&jobs[i]);
}

/* ---- flops and refusals ---- */

/* n³/3 of Cholesky, 9 n³ of eigenvectors, n² m of a covariance, 2 n m c of a mean. */
static void test_flops(void **state)
{
    ntk_context *ctx = *state;
    double n = 1e5, m = 1e4;
    ntk_estimate fit, eigen, more, most;
    kit_ok(ctx, ntk_predictor_estimate(ctx, NULL, &(ntk_predictor_job){NTK_PREDICTOR_JOB_INIT, .n = 100000, .m = 10000, CHOLESKY}, &fit));
    kit_ok(ctx, ntk_predictor_estimate(ctx, NULL, &(ntk_predictor_job){NTK_PREDICTOR_JOB_INIT, .n = 100000, .m = 10000, EIGEN}, &eigen));
    kit_ok(ctx, ntk_predictor_estimate(ctx, NULL, &(ntk_predictor_job){NTK_PREDICTOR_JOB_INIT, .n = 100000, .m = 10000, .columns = 11, CHOLESKY}, &more));
    kit_ok(ctx, ntk_predictor_estimate(ctx, NULL, &(ntk_predictor_job){NTK_PREDICTOR_JOB_INIT, .n = 100000, .m = 10000, .posterior = NTK_POSTERIOR_NNGP, CHOLESKY, .covariance = 1}, &most));
    kit_near(fit.flops / (n * n * n / 3 + 2 * n * n + 2 * n * m), 1, 1e-9);
    kit_near(eigen.flops / (9 * n * n * n), 1, 1e-4);
    kit_near((more.flops - fit.flops) / (10 * (2 * n * n + 2 * n * m)), 1, 1e-6);
    kit_near((most.flops - fit.flops) / (2 * n * n * m + 2 * n * m * m), 1, 1e-6);
}

static void refused(ntk_context *ctx, ntk_predictor_job job, ntk_status status, const char *saying)
{
    ntk_estimate e;
    job.struct_size = NTK_PREDICTOR_JOB_INIT;
    kit_fails(ctx, ntk_predictor_estimate(ctx, NULL, &job, &e), status, saying);
}

static void test_refusals(void **state)
{
    ntk_context *ctx = *state;
    refused(ctx, (ntk_predictor_job){.n = -1}, NTK_ERROR_ARGUMENT, "job.n is -1");
    refused(ctx, (ntk_predictor_job){.m = -2}, NTK_ERROR_ARGUMENT, "job.m is -2");
    refused(ctx, (ntk_predictor_job){.draws = -3}, NTK_ERROR_ARGUMENT, "job.draws is -3");
    refused(ctx, (ntk_predictor_job){.reserved = 1}, NTK_ERROR_OPTIONS, "job.reserved is 1");
    refused(ctx, (ntk_predictor_job){.dtype = NTK_I64}, NTK_ERROR_DTYPE, "expected f64 or f32");
    refused(ctx, (ntk_predictor_job){.storage = (ntk_storage)9}, NTK_ERROR_ARGUMENT, "job.storage is 9");
    refused(ctx, (ntk_predictor_job){.posterior = (ntk_posterior)9}, NTK_ERROR_ARGUMENT, "job.posterior is 9");
    refused(ctx, (ntk_predictor_job){.decomposition = (ntk_decomposition)9}, NTK_ERROR_ARGUMENT, "job.decomposition is 9");
    refused(ctx, (ntk_predictor_job){EIGEN, .dtype = NTK_F32}, NTK_ERROR_DTYPE, "eigenvectors take f64");
    refused(ctx, (ntk_predictor_job){EIGEN, .consume = 1}, NTK_ERROR_ARGUMENT, "not for eigen");
    refused(ctx, (ntk_predictor_job){CHOLESKY, .consume = 1}, NTK_ERROR_ARGUMENT, "the caller's");
    refused(ctx, (ntk_predictor_job){CHOLESKY, .consume = 1, .noise = 1}, NTK_ERROR_ARGUMENT, "without noise");
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_peaks), kit_test(test_flops), kit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
