/*
 * What a job will take, before it starts: bytes that the library holds at once, and flops.
 *
 *     bytes = per-sample work of both sides + max over the stages (the making of a side, one tile) + what the library keeps
 *     flops = samples x per sample + pairs x per pair,        n (n + 1)/2 pairs where x meets itself
 *
 * Each class of kernel says what a sample, a tile and a pair cost it (ntk_kernel_class.cost).  Memory of the BLAS is not counted.
 */
#include "kernel.h"

/* Handles, and the lists of a reading or a tape. */
#define SMALL 4096.0

static double larger(double a, double b)
{
    return a > b ? a : b;
}

static ntk_status check_job(ntk_context *ctx, const ntk_kernel *k, const ntk_job *job)
{
    int wanted = (job->no_ntk ? 0 : NTK_WANT_NTK) | (job->nngp ? NTK_WANT_NNGP : 0) | (job->layers ? NTK_WANT_LAYERS : 0);
    if (job->reserved != 0) return ntk_fail(ctx, NTK_ERROR_OPTIONS, "job.reserved is %d; expected 0", (int)job->reserved);
    if (job->n1 < 0 || job->n2 < 0 || job->inputs < 0)
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "job.n1, job.n2 and job.inputs are %lld, %lld and %lld; none may be negative", (long long)job->n1,
                        (long long)job->n2, (long long)job->inputs);
    if (!ntk_class_takes(k->class, job->dtype))
        return ntk_fail(ctx, NTK_ERROR_DTYPE, "job.dtype is %s; the %s kernel takes %s", ntk_dtype_name(job->dtype) ? ntk_dtype_name(job->dtype) : "no dtype",
                        k->class->name, ntk_class_types(k->class));
    if (job->n2 > 0 && (job->gram || job->diagonal))
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "job.n2 is %lld; a gram and a diagonal have one set of inputs", (long long)job->n2);
    if (!ntk_storage_name(job->storage)) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "job.storage is %d: no storage", (int)job->storage);
    if (wanted & ~k->delivers) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "the %s kernel does not deliver what the job asks for", k->class->name);
    if (!k->class->cost) return ntk_fail(ctx, NTK_ERROR_UNSUPPORTED, "the %s kernel has no estimate in this version", k->class->name);
    return NTK_OK;
}

/* Planes of one number per entry. */
static double planes_of(const ntk_kernel *k, const ntk_job *job)
{
    return (job->no_ntk ? 0 : 1) + (job->nngp ? 1 : 0) + (job->layers ? (double)k->layers : 0);
}

static double entries_of(const ntk_kernel *k, const ntk_job *job)
{
    double rows = (double)job->n1 * (double)k->per_sample, columns = (double)(job->n2 ? job->n2 : job->n1) * (double)k->per_sample;
    if (job->diagonal) return rows * (double)k->trailing;
    if (job->gram && job->storage == NTK_STORAGE_NONE) return 0;
    if (job->gram && job->storage != NTK_STORAGE_FULL) return rows * (rows + 1) / 2;
    return rows * columns * (double)k->trailing;
}

static double pairs_of(const ntk_job *job)
{
    double n = (double)job->n1;
    if (job->diagonal) return n;
    return job->n2 ? n * (double)job->n2 : n * (n + 1) / 2;
}

/* Blocks on their way into packed storage (fill_packed.c); the tile of a gram that keeps none (gram_anew.c), when it is asked. */
static double buffers_of(const ntk_context *ctx, const ntk_kernel *k, const ntk_job *job)
{
    double rows = (double)NTK_MIN(k->tile, job->n1) * (double)k->per_sample;
    int64_t tall, wide;
    ntk_anew_tile(ctx, k, job->dtype, job->n1, &tall, &wide);
    if (job->gram && job->storage == NTK_STORAGE_NONE) return (double)tall * (double)wide * (double)k->per_sample * (double)k->per_sample;
    return job->gram && job->storage != NTK_STORAGE_FULL ? rows * rows * planes_of(k, job) : 0;
}

/* Two sides are prepared one after the other, then meet. */
static double working_bytes(const ntk_cost *a, const ntk_cost *b)
{
    double first = a->prepared + a->preparing, second = a->prepared + b->prepared + larger(b->preparing, larger(a->tile, b->tile));
    return larger(first, second);
}

static double kept_bytes(const ntk_context *ctx, const ntk_kernel *k, const ntk_job *job, double result)
{
    double size = (double)ntk_dtype_size(job->dtype), inputs = (double)(k->network ? ntk_network_input_size(k->network) : job->inputs);
    return job->gram ? result + size * (double)job->n1 * inputs + size * buffers_of(ctx, k, job) : 0;
}

ntk_status ntk_kernel_estimate(ntk_context *ctx, const ntk_kernel *kernel, const ntk_job *job, ntk_estimate *estimate)
{
    ntk_status status;
    ntk_job j;
    ntk_cost a = {0}, b = {0};
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, kernel);
    NTK_REQUIRE(ctx, job);
    NTK_REQUIRE(ctx, estimate);
    NTK_TRY(NTK_OPTIONS_READ(ctx, job, &j));
    NTK_TRY(check_job(ctx, kernel, &j));
    kernel->class->cost(ctx, kernel, j.dtype, j.n1, &a);
    if (j.diagonal) a.tile = a.diagonal;
    if (j.n2 > 0) kernel->class->cost(ctx, kernel, j.dtype, j.n2, &b);
    *estimate = (ntk_estimate){.result_bytes = entries_of(kernel, &j) * planes_of(kernel, &j) * (double)ntk_dtype_size(j.dtype)};
    estimate->bytes = SMALL + working_bytes(&a, &b) + kept_bytes(ctx, kernel, &j, estimate->result_bytes);
    estimate->flops = a.sample * (double)j.n1 + b.sample * (double)j.n2 + a.pair * pairs_of(&j) * (j.layers ? 1 + (double)kernel->layers : 1);
done:
    return status;
}

ntk_status ntk_kernel_require(ntk_context *ctx, const ntk_kernel *kernel, const char *what, const ntk_job *job, double beside)
{
    ntk_estimate e;
    ntk_status status;
    if (ctx->options.memory_limit == 0 || !kernel->class->cost) return NTK_OK;
    status = ntk_kernel_estimate(ctx, kernel, job, &e);
    return status == NTK_OK ? ntk_memory_require(ctx, what, e.bytes + beside) : status;
}
