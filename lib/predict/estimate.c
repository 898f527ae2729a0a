/*
 * What a prediction will take, before it starts.  The gram, the predictor and its answers are made one after the other, so
 *
 *     bytes = max(gram while it is made, gram + max(predictor while it is made, predictor + new inputs + the largest answer))
 *
 * with N = n rows and M = m rows per sample, c columns, s bytes per number, and for the mean and the variance B rows of a block:
 *
 *                  kept                 beside it while it opens              beside a right-hand side [N, w] that is solved for
 *     Cholesky     the factor (0: consumed)                                   0
 *     eigen        8 N²                 8 (2 N² + 6 N), of dsyevd             8 N w
 *     cg           8 r N, r = 100       8 r N + 8 r², of the preconditioner   (56 + 2 s) N w: seven vectors and a product
 *
 * A kernel's own part, its tiles and what it keeps of a sample, is that of lib/kernel/estimate.c.
 */
#include "predict.h"

#define SMALL 4096.0
#define RANK 100.0 /* of the preconditioner, lib/solve/conjugate.c */

typedef struct plan {
    const ntk_predictor_job *job;
    const ntk_kernel *kernel; /* NULL: blocks of the caller's */
    const ntk_posterior_rule *rule;
    double n, m, c, size;     /* N, M, columns, bytes per number */
    double block;             /* B */
    double planes;            /* kinds of the kernel that the answers read */
    bool spread;              /* a variance or more is wanted */
    double keeps;             /* bytes of a gram that is there */
    double again;             /* bytes while a gram without entries is asked for a product */
    double fill;              /* bytes while its entries are filled after all */
    double square_numbers;    /* of one matrix as the gram stores it, N² or half of that */
    double tile, preparing, prepared; /* of the kernel, on the new inputs */
    double pair_flops;        /* of a pair of samples, and of each new sample */
    double sample_flops;
} plan;

static double larger(double a, double b)
{
    return a > b ? a : b;
}

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

/* dsyevd with vectors: LWORK and LIWORK. */
static double eigen_work(double n)
{
    return 8 * (2 * n * n + 6 * n) + 4 * (5 * n);
}

/* ---- the decompositions ---------------------------------------------------------------------------------------- */

typedef struct way {
    double (*kept)(const plan *p);
    double (*opening)(const plan *p);                /* with what is kept */
    double (*solving)(const plan *p, double columns); /* beside the right-hand sides */
    double (*open_flops)(const plan *p);
    double (*solve_flops)(const plan *p, double columns);
} way;

static double cholesky_kept(const plan *p)
{
    bool consumed = p->job->consume && p->job->storage != NTK_STORAGE_NONE;
    return consumed ? 0 : p->size * (p->job->noise ? p->n * p->n : p->square_numbers);
}

static double cholesky_opening(const plan *p)
{
    return cholesky_kept(p) + p->fill;
}

static double nothing(const plan *p, double columns)
{
    (void)p, (void)columns;
    return 0;
}

static double cholesky_flops(const plan *p)
{
    return p->n * p->n * p->n / 3;
}

/* Two triangles, or a product with a symmetric matrix. */
static double square_flops(const plan *p, double columns)
{
    return 2 * p->n * p->n * columns;
}

static double eigen_kept(const plan *p)
{
    return 8 * (p->n * p->n + p->n);
}

static double eigen_opening(const plan *p)
{
    return eigen_kept(p) + larger(larger(eigen_work(p->n), 8 * p->n * p->c), p->fill);
}

static double eigen_solving(const plan *p, double columns)
{
    return 8 * p->n * columns;
}

static double eigen_flops(const plan *p)
{
    return 9 * p->n * p->n * p->n;
}

static double eigen_solve_flops(const plan *p, double columns)
{
    return 4 * p->n * p->n * columns;
}

static double conjugate_kept(const plan *p)
{
    return 8 * smaller(RANK, p->n) * p->n;
}

static double conjugate_opening(const plan *p)
{
    double r = smaller(RANK, p->n);
    double rows = 8 * p->n + larger(p->size * p->n + p->again, 8 * (r * r + r) + larger(eigen_work(r), conjugate_kept(p)));
    return conjugate_kept(p) + rows;
}

static double conjugate_solving(const plan *p, double columns)
{
    return (7 * 8 + 2 * p->size) * p->n * columns + 8 * (5 + RANK) * columns + p->again;
}

static double conjugate_flops(const plan *p)
{
    double r = smaller(RANK, p->n);
    return 2 * r * r * p->n;
}

/* By ntk_decomposition. */
static const way ways[] = {
    [NTK_DECOMPOSITION_CHOLESKY] = {cholesky_kept, cholesky_opening, nothing, cholesky_flops, square_flops},
    [NTK_DECOMPOSITION_EIGEN] = {eigen_kept, eigen_opening, eigen_solving, eigen_flops, eigen_solve_flops},
    [NTK_DECOMPOSITION_CG] = {conjugate_kept, conjugate_opening, conjugate_solving, conjugate_flops, square_flops},
};

static const way *way_of(const plan *p)
{
    return &ways[p->job->decomposition];
}

/* ---- what is kept, and the answers ------------------------------------------------------------------------------ */

static double targets_bytes(const plan *p)
{
    return p->size * p->n * p->c;
}

static double noise_bytes(const plan *p)
{
    return p->job->noise ? p->size * p->n * p->n : 0;
}

static double creating(const plan *p)
{
    const way *w = way_of(p);
    double start = p->job->f0 ? targets_bytes(p) : 0, open = larger(w->opening(p), w->kept(p) + w->solving(p, p->c));
    return targets_bytes(p) + larger(start, noise_bytes(p) + open);
}

static bool ensemble(const plan *p)
{
    return p->rule->trained != p->rule->prior;
}

/* `rows` new rows meet the training set, and are solved for. */
static double smoothing(const plan *p, double rows)
{
    double x = p->size * p->n * rows, px = ensemble(p) ? x + p->again : 0;
    return p->planes * x + larger(p->tile, x + larger(way_of(p)->solving(p, rows), px));
}

static double mean_inside(const plan *p)
{
    double scratch = p->job->decomposition == NTK_DECOMPOSITION_EIGEN ? 8 * p->n * p->c : 0, cross = p->kernel ? p->size * p->block * p->n : 0;
    return targets_bytes(p) + cross + larger(scratch, p->tile);
}

static double mean_bytes(const plan *p)
{
    return p->size * p->m * p->c + mean_inside(p);
}

static double variance_bytes(const plan *p)
{
    return p->size * p->m + 8 * p->block + smoothing(p, p->block);
}

static double covariance_bytes(const plan *p)
{
    return p->size * p->m * p->m + smoothing(p, p->m);
}

static double draws_bytes(const plan *p)
{
    double root = 8 * (p->m * p->m + p->m + 3 * p->m * p->c) + eigen_work(p->m);
    return p->size * (p->m * p->c + p->m * p->m) + larger(root, larger(mean_inside(p), smoothing(p, p->m)));
}

static double answering(const plan *p)
{
    double most = mean_bytes(p), start = p->job->f0 ? p->size * p->m * p->c : 0;
    if (p->job->variance) most = larger(most, variance_bytes(p));
    if (p->job->covariance) most = larger(most, covariance_bytes(p));
    if (p->job->draws > 0) most = larger(most, draws_bytes(p));
    return p->m > 0 ? p->prepared + larger(p->preparing, start + most) : 0;
}

static double result_bytes(const plan *p)
{
    const ntk_predictor_job *j = p->job;
    return p->size * p->m * (p->c + (j->variance ? 1 : 0) + (j->covariance ? p->m : 0) + (double)j->draws * p->c);
}

static double answer_flops(const plan *p)
{
    const way *w = way_of(p);
    double whole = p->job->covariance || p->job->draws > 0 ? 1 : 0, spreads = (p->job->variance ? 1 : 0) + (p->job->covariance ? 1 : 0) + (p->job->draws > 0 ? 1 : 0);
    double one = w->solve_flops(p, p->m) + (ensemble(p) ? square_flops(p, p->m) : 0), pairs = (double)p->job->n * (double)p->job->m;
    double kernel = p->sample_flops * (double)p->job->m + p->pair_flops * (pairs * (1 + spreads) + whole * (double)p->job->m * (double)(p->job->m + 1) / 2);
    return kernel + 2 * p->m * p->n * p->c + spreads * one + whole * 2 * p->n * p->m * p->m * (ensemble(p) ? 3 : 1) +
           (double)p->job->draws * 2 * p->m * p->m * p->c;
}

/* ---- the kernel's part ------------------------------------------------------------------------------------------ */

static bool reads(const plan *p, ntk_kind kind)
{
    return kind == p->rule->trained || (p->spread && kind == p->rule->prior);
}

static ntk_status ask(ntk_context *ctx, const plan *p, ntk_storage storage, ntk_estimate *e)
{
    const ntk_predictor_job *j = p->job;
    ntk_job job = {NTK_JOB_INIT, .n1 = j->n, .inputs = j->inputs, .dtype = j->dtype, .no_ntk = !reads(p, NTK_KIND_NTK), .nngp = reads(p, NTK_KIND_NNGP),
                   .gram = 1, .storage = storage};
    return ntk_kernel_estimate(ctx, p->kernel, &job, e);
}

/* The gram: what it is while it is made goes into *e; what is left of it, and what it takes when it is asked, into the plan. */
static ntk_status plan_gram(ntk_context *ctx, plan *p, ntk_estimate *e)
{
    ntk_status status;
    ntk_cost a = {0}, b = {0};
    ntk_estimate packed;
    const ntk_predictor_job *j = p->job;
    double inputs;
    NTK_TRY(ask(ctx, p, j->storage, e));
    inputs = (double)(p->kernel->network ? ntk_network_input_size(p->kernel->network) : j->inputs);
    p->kernel->class->cost(ctx, p->kernel, j->dtype, j->n, &a);
    p->kernel->class->cost(ctx, p->kernel, j->dtype, j->m, &b);
    p->keeps = SMALL + e->result_bytes + p->size * (double)j->n * inputs + a.prepared;
    p->tile = larger(a.tile, larger(b.tile, b.diagonal));
    p->preparing = b.preparing;
    p->prepared = b.prepared;
    p->sample_flops = b.sample;
    p->pair_flops = a.pair;
    if (j->storage != NTK_STORAGE_NONE) return NTK_OK;
    NTK_TRY(ask(ctx, p, NTK_STORAGE_PACKED, &packed));
    p->again = larger(e->bytes - p->keeps, 0);
    p->fill = larger(packed.bytes - packed.result_bytes - p->keeps, 0);
done:
    return status;
}

static ntk_status check_job(ntk_context *ctx, const ntk_kernel *kernel, const ntk_predictor_job *j)
{
    int64_t counts[] = {j->n, j->m, j->columns, j->inputs, j->draws};
    static const char *const names[] = {"n", "m", "columns", "inputs", "draws"};
    if (j->reserved != 0) return ntk_fail(ctx, NTK_ERROR_OPTIONS, "job.reserved is %d; expected 0", (int)j->reserved);
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(counts); ++i)
        if (counts[i] < 0) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "job.%s is %lld; expected at least 0", names[i], (long long)counts[i]);
    if (j->dtype != NTK_F64 && j->dtype != NTK_F32) return ntk_fail(ctx, NTK_ERROR_DTYPE, "job.dtype is %d; expected f64 or f32", (int)j->dtype);
    if (!ntk_storage_name(j->storage)) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "job.storage is %d: no storage", (int)j->storage);
    if (!ntk_posterior_name(j->posterior)) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "job.posterior is %d: no posterior", (int)j->posterior);
    if (!ntk_decomposition_name(j->decomposition))
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "job.decomposition is %d: no decomposition", (int)j->decomposition);
    if (j->decomposition == NTK_DECOMPOSITION_EIGEN && j->dtype != NTK_F64)
        return ntk_fail(ctx, NTK_ERROR_DTYPE, "job.dtype is %s; eigenvectors take f64", ntk_dtype_name(j->dtype));
    if (j->consume && j->decomposition != NTK_DECOMPOSITION_CHOLESKY)
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "job.consume is for the Cholesky decomposition, not for %s", ntk_decomposition_name(j->decomposition));
    if (j->consume && (j->noise || !kernel))
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "job.consume is set, but the gram's entries %s", j->noise ? "without noise are still needed" : "are the caller's");
    return NTK_OK;
}

static plan begin(const ntk_kernel *kernel, const ntk_predictor_job *j)
{
    double per = kernel ? (double)kernel->per_sample : 1;
    plan p = {.job = j, .kernel = kernel, .rule = &ntk_posterior_rules[j->posterior], .size = (double)ntk_dtype_size(j->dtype), .c = j->columns > 0 ? (double)j->columns : 1};
    bool full = !kernel || j->storage == NTK_STORAGE_FULL;
    p.n = (double)j->n * per;
    p.m = (double)j->m * per;
    p.block = smaller(larger((double)NTK_BLOCK_ROWS, per), p.m);
    p.spread = j->variance || j->covariance || j->draws > 0;
    p.planes = !kernel ? 0 : p.rule->trained == p.rule->prior ? 1 : 2;
    p.square_numbers = full ? p.n * p.n : p.n * (p.n + 1) / 2;
    return p;
}

ntk_status ntk_predictor_estimate(ntk_context *ctx, const ntk_kernel *kernel, const ntk_predictor_job *job, ntk_estimate *estimate)
{
    ntk_status status;
    ntk_predictor_job j;
    ntk_estimate gram = {0};
    plan p;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, job);
    NTK_REQUIRE(ctx, estimate);
    NTK_TRY(NTK_OPTIONS_READ(ctx, job, &j));
    NTK_TRY(check_job(ctx, kernel, &j));
    p = begin(kernel, &j);
    if (kernel) NTK_TRY(plan_gram(ctx, &p, &gram));
    *estimate = (ntk_estimate){.result_bytes = result_bytes(&p)};
    estimate->bytes = SMALL + larger(gram.bytes, p.keeps + larger(creating(&p), targets_bytes(&p) + noise_bytes(&p) + way_of(&p)->kept(&p) + answering(&p)));
    estimate->flops = gram.flops + way_of(&p)->open_flops(&p) + way_of(&p)->solve_flops(&p, p.c) + answer_flops(&p);
done:
    return status;
}
