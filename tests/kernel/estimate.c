/*
 * The estimate of a job against the peak of what the library allocates while it runs: never below it, and at most FACTOR times that and
 * SLACK bytes (handles, lists).  A limit just above the estimate lets the job run, a limit below the peak refuses it with the bytes.
 */
#include "kit.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FACTOR 1.5
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

static ntk_context *context_with(meter *m, double limit)
{
    ntk_context_options o = {NTK_CONTEXT_OPTIONS_INIT, .allocate = metered, .allocate_user = m, .threads = 2, .memory_limit = (uint64_t)limit};
    ntk_context *ctx;
    assert_int_equal(ntk_context_create(&o, &ctx), NTK_OK);
    return ctx;
}

/* ---- the table ---- */

#define NET "{\"format\": \"ntk-network\", \"version\": 1, \"input\": "
#define ONE_LAYER ", \"layers\": [{\"op\": \"dense\", \"units\": 1}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 1}]}"
#define CONV "[6, 5, 2], \"layers\": [{\"op\": \"conv\", \"units\": 4, \"kernel\": [3, 3], \"padding\": \"same\"}, {\"op\": \"relu\"}, "
static const char mlp[] = NET "[40], \"layers\": [{\"op\": \"dense\", \"units\": 30, \"w_std\": 1.4, \"b_std\": 0}, {\"op\": \"relu\"}, "
                          "{\"op\": \"dense\", \"units\": 20, \"b_std\": 0.1}, {\"op\": \"erf\"}, {\"op\": \"dense\", \"units\": 3}]}";
static const char chain[] = NET "[700], \"layers\": [{\"op\": \"dense\", \"units\": 30, \"w_std\": 1.4, \"b_std\": 0}, {\"op\": \"relu\"}, "
                            "{\"op\": \"dense\", \"units\": 1}]}";
static const char wide[] = NET "[1500], \"layers\": [{\"op\": \"dense\", \"units\": 4}, {\"op\": \"gelu\"}, {\"op\": \"dense\", \"units\": 1}]}";
static const char image[] = NET CONV
                            "{\"op\": \"flatten\"}, {\"op\": \"dense\", \"units\": 2}]}";
static const char pooled[] = NET CONV
                             "{\"op\": \"global_avg_pool\"}, {\"op\": \"dense\", \"units\": 2}]}";

enum { INFINITE, STRUCTURED, CONTRACTION };

typedef struct sample_job {
    const char *name, *network;
    int class;
    ntk_outputs outputs;
    ntk_job job;
} sample_job;

#define JOB(...) {NTK_JOB_INIT, __VA_ARGS__}
static const sample_job jobs[] = {
    {"mlp, symmetric", mlp, INFINITE, 0, JOB(.n1 = 300)},
    {"mlp, f32, both kinds", mlp, INFINITE, 0, JOB(.n1 = 700, .n2 = 900, .dtype = NTK_F32, .nngp = 1)},
    {"mlp, layers", mlp, INFINITE, 0, JOB(.n1 = 100, .n2 = 50, .no_ntk = 1, .layers = 1)},
    {"mlp, diagonal", mlp, INFINITE, 0, JOB(.n1 = 5000, .diagonal = 1)},
    {"chain, gram", chain, INFINITE, 0, JOB(.n1 = 900, .gram = 1)},
    {"chain, full gram of both kinds, f32", chain, INFINITE, 0, JOB(.n1 = 900, .gram = 1, .nngp = 1, .storage = NTK_STORAGE_FULL, .dtype = NTK_F32)},
    {"many inputs", wide, INFINITE, 0, JOB(.n1 = 400)},
    {"many inputs, gram", wide, INFINITE, 0, JOB(.n1 = 400, .gram = 1, .nngp = 1, .no_ntk = 1)},
    {"image", image, INFINITE, 0, JOB(.n1 = 9, .n2 = 5)},
    {"image, pooled, gram", pooled, INFINITE, 0, JOB(.n1 = 12, .gram = 1)},
    {"structured, full", mlp, STRUCTURED, NTK_OUTPUTS_FULL, JOB(.n1 = 200)},
    {"structured, trace, gram", mlp, STRUCTURED, NTK_OUTPUTS_TRACE, JOB(.n1 = 600, .gram = 1, .nngp = 1)},
    {"structured, diagonal outputs", mlp, STRUCTURED, NTK_OUTPUTS_DIAGONAL, JOB(.n1 = 100, .n2 = 80)},
    {"contraction, full", mlp, CONTRACTION, NTK_OUTPUTS_FULL, JOB(.n1 = 60)},
    {"contraction, trace, layers", mlp, CONTRACTION, NTK_OUTPUTS_TRACE, JOB(.n1 = 60, .n2 = 90, .layers = 1)},
    {"contraction, gram", image, CONTRACTION, NTK_OUTPUTS_FULL, JOB(.n1 = 40, .gram = 1)},
};
enum { JOBS = sizeof jobs / sizeof *jobs };

static ntk_kernel *kernel_of(ntk_context *ctx, const sample_job *s, ntk_network **network)
{
    ntk_kernel *kernel = NULL;
    ntk_kernel_options o = {NTK_KERNEL_OPTIONS_INIT, .outputs = s->outputs,
                            .algorithm = s->class == STRUCTURED ? NTK_ALGORITHM_STRUCTURED : NTK_ALGORITHM_CONTRACTION};
    *network = kit_network(ctx, s->network);
    if (s->class == INFINITE) kit_ok(ctx, ntk_kernel_from_network(ctx, *network, NULL, &kernel));
    else {
        int64_t p = ntk_network_parameters(*network);
        double *theta = malloc((size_t)p * sizeof *theta);
        ntk_array v = ntk_vector_f64(theta, p);
        assert_non_null(theta);
        kit_random(5, p, theta);
        kit_ok(ctx, ntk_kernel_empirical(ctx, *network, &v, NULL, &o, &kernel));
        free(theta);
    }
    return kernel;
}

/* Random inputs [n, ...] of the dtype. */
static void *inputs_of(const ntk_network *network, ntk_dtype dtype, uint64_t seed, int64_t n, ntk_array *x)
{
    int64_t shape[NTK_MAX_NDIM + 1] = {n}, size = 1;
    int ndim = ntk_network_input(network, shape + 1);
    double *values;
    for (int i = 0; i <= ndim; ++i) size *= shape[i];
    values = malloc((size_t)(size + 1) * sizeof *values);
    assert_non_null(values);
    kit_random(seed, size, values);
    for (int64_t i = 0; dtype == NTK_F32 && i < size; ++i) ((float *)(void *)values)[i] = (float)values[i];
    *x = ntk_array_dense(values, dtype, ndim + 1, shape);
    return values;
}

/* The arrays of the request, as large as they have to be: shapes are those of estimate.c's own words, so they check it too. */
static ntk_status run(ntk_context *ctx, const ntk_kernel *kernel, const ntk_network *network, const sample_job *s, double *result_bytes)
{
    const ntk_job *j = &s->job;
    int64_t o = ntk_network_outputs(network), layers = ntk_network_layers(network);
    int64_t each = s->class != INFINITE && s->outputs == NTK_OUTPUTS_FULL ? o : 1;
    int64_t rows = j->n1 * each, columns = (j->n2 ? j->n2 : j->n1) * each, shape[4] = {layers, rows, columns, o};
    int ndim = s->class != INFINITE && s->outputs == NTK_OUTPUTS_DIAGONAL ? 3 : 2;
    size_t size = ntk_dtype_size(j->dtype), numbers = (size_t)(rows * (j->diagonal ? 1 : columns) * (ndim == 3 ? o : 1));
    ntk_array x1, x2, ntk, nngp, all;
    void *v1 = inputs_of(network, j->dtype, 1, j->n1, &x1), *v2 = inputs_of(network, j->dtype, 2, j->n2, &x2);
    void *m1 = malloc(numbers * size), *m2 = malloc(numbers * size), *m3 = malloc(numbers * size * (size_t)layers);
    ntk_request request = {NTK_REQUEST_INIT, .nngp = j->nngp ? &nngp : NULL, .ntk = j->no_ntk ? NULL : &ntk, .layers = j->layers ? &all : NULL};
    ntk_gram_options options = {NTK_GRAM_OPTIONS_INIT, .nngp = j->nngp, .no_ntk = j->no_ntk, .storage = j->storage};
    ntk_gram *gram = NULL;
    ntk_status status;
    if (j->diagonal) ndim = 1;
    ntk = ntk_array_dense(m1, j->dtype, ndim, shape + 1);
    nngp = ntk_array_dense(m2, j->dtype, ndim, shape + 1);
    all = ntk_array_dense(m3, j->dtype, ndim + 1, shape);
    *result_bytes = (double)size * (double)numbers * ((j->no_ntk ? 0 : 1) + (j->nngp ? 1 : 0) + (j->layers ? (double)layers : 0));
    if (j->gram && j->storage != NTK_STORAGE_FULL) *result_bytes *= (double)(rows + 1) / (2 * (double)rows);
    if (j->gram) status = ntk_gram_create(ctx, kernel, &x1, &options, &gram);
    else if (j->diagonal) status = ntk_kernel_diagonal(ctx, kernel, &x1, &request);
    else status = ntk_kernel_eval(ctx, kernel, &x1, j->n2 ? &x2 : NULL, &request);
    ntk_gram_destroy(gram);
    free(m3);
    free(m2);
    free(m1);
    free(v2);
    free(v1);
    return status;
}

static void check_peak(const sample_job *s)
{
    meter m = {0};
    ntk_context *ctx = context_with(&m, 0);
    ntk_network *network;
    ntk_kernel *kernel = kernel_of(ctx, s, &network);
    ntk_estimate e;
    double result, peak, before = (double)atomic_load(&m.now);
    kit_ok(ctx, ntk_kernel_estimate(ctx, kernel, &s->job, &e));
    atomic_store(&m.most, atomic_load(&m.now));
    kit_ok(ctx, run(ctx, kernel, network, s, &result));
    peak = (double)atomic_load(&m.most) - before;
    if (e.bytes < peak || e.bytes > FACTOR * peak + SLACK || e.result_bytes != result || !(e.flops > 0))
        fail_msg("%s: estimate %.0f, peak %.0f; result %.0f, is %.0f; flops %g", s->name, e.bytes, peak, e.result_bytes, result, e.flops);
    ntk_kernel_destroy(kernel);
    ntk_network_destroy(network);
    ntk_context_destroy(ctx);
}

static void test_peaks(void **state)
{
    (void)state;
    for (int i = 0; i < JOBS; ++i) check_peak(&jobs[i]);
}

/* The limit of a context is measured against the whole job.  What adapts its chunks to the limit (finite networks) is left out. */
static void check_limit(const sample_job *s)
{
    meter m = {0};
    ntk_context *ctx = context_with(&m, 0), *enough, *short_of_it;
    ntk_network *network;
    ntk_kernel *kernel = kernel_of(ctx, s, &network);
    ntk_estimate e;
    double result;
    long long before;
    kit_ok(ctx, ntk_kernel_estimate(ctx, kernel, &s->job, &e));
    enough = context_with(&m, e.bytes + 1);
    kit_ok(enough, run(enough, kernel, network, s, &result));
    short_of_it = context_with(&m, e.bytes - 1);
    before = atomic_load(&m.now);
    atomic_store(&m.most, before);
    kit_fails(short_of_it, run(short_of_it, kernel, network, s, &result), NTK_ERROR_MEMORY_LIMIT, "MiB");
    assert_true(atomic_load(&m.most) - before < SLACK); /* nothing began */
    ntk_context_destroy(short_of_it);
    ntk_context_destroy(enough);
    ntk_kernel_destroy(kernel);
    ntk_network_destroy(network);
    ntk_context_destroy(ctx);
}

static void test_limits(void **state)
{
    (void)state;
    for (int i = 0; i < JOBS; ++i)
        if (jobs[i].class == INFINITE) check_limit(&jobs[i]);
}

/* ---- flops and refusals ---- */

/* 2 d multiplications and additions per pair, and a part that does not grow with d. */
static void test_flops(void **state)
{
    ntk_context *ctx = *state;
    ntk_network *few = kit_network(ctx, NET "[10]" ONE_LAYER);
    ntk_network *many = kit_network(ctx, NET "[510]" ONE_LAYER);
    ntk_kernel *a, *b;
    ntk_estimate cross, same, longer;
    kit_ok(ctx, ntk_kernel_from_network(ctx, few, NULL, &a));
    kit_ok(ctx, ntk_kernel_from_network(ctx, many, NULL, &b));
    kit_ok(ctx, ntk_kernel_estimate(ctx, a, &(ntk_job){NTK_JOB_INIT, .n1 = 1000000, .n2 = 1000000}, &cross));
    kit_ok(ctx, ntk_kernel_estimate(ctx, a, &(ntk_job){NTK_JOB_INIT, .n1 = 1000000}, &same));
    kit_ok(ctx, ntk_kernel_estimate(ctx, b, &(ntk_job){NTK_JOB_INIT, .n1 = 1000000, .n2 = 1000000}, &longer));
    kit_near(cross.flops / same.flops, 2, 1e-4);
    kit_near((longer.flops - cross.flops) / 1e12, 1000, 0.1);
    kit_near(cross.result_bytes, 8e12, 0);
    ntk_kernel_destroy(b);
    ntk_kernel_destroy(a);
    ntk_network_destroy(many);
    ntk_network_destroy(few);
}

static int nothing(void *user, int64_t d, int64_t n1, const double *x1, int64_t n2, const double *x2, double *k, int64_t ldk)
{
    (void)user, (void)d, (void)n1, (void)x1, (void)n2, (void)x2, (void)k, (void)ldk;
    return 1;
}

static void test_refusals(void **state)
{
    ntk_context *ctx = *state;
    ntk_kernel *k;
    ntk_estimate e;
    kit_ok(ctx, ntk_kernel_from_callback(ctx, nothing, NULL, NTK_KIND_NTK, &k));
    kit_ok(ctx, ntk_kernel_estimate(ctx, k, &(ntk_job){NTK_JOB_INIT, .n1 = 1000, .inputs = 7, .gram = 1}, &e));
    assert_true(e.bytes > 8.0 * (1000 * 1001 / 2 + 7000 + 512 * 512));
    kit_fails(ctx, ntk_kernel_estimate(ctx, k, &(ntk_job){NTK_JOB_INIT, .n1 = -1}, &e), NTK_ERROR_ARGUMENT, "-1");
    kit_fails(ctx, ntk_kernel_estimate(ctx, k, &(ntk_job){NTK_JOB_INIT, .n1 = 1, .nngp = 1}, &e), NTK_ERROR_ARGUMENT, "does not deliver");
    kit_fails(ctx, ntk_kernel_estimate(ctx, k, &(ntk_job){NTK_JOB_INIT, .n1 = 1, .dtype = NTK_F32}, &e), NTK_ERROR_DTYPE, "f32");
    kit_fails(ctx, ntk_kernel_estimate(ctx, k, &(ntk_job){NTK_JOB_INIT, .n1 = 1, .n2 = 3, .gram = 1}, &e), NTK_ERROR_ARGUMENT, "n2 is 3");
    kit_fails(ctx, ntk_kernel_estimate(ctx, k, &(ntk_job){NTK_JOB_INIT, .n1 = 1, .storage = (ntk_storage)9}, &e), NTK_ERROR_ARGUMENT, "9");
    kit_fails(ctx, ntk_kernel_estimate(ctx, k, &(ntk_job){NTK_JOB_INIT, .n1 = 1, .reserved = 2}, &e), NTK_ERROR_OPTIONS, "reserved");
    ntk_kernel_destroy(k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_peaks), cmocka_unit_test(test_limits), kit_test(test_flops), kit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
