/*
 * All pairs through all steps (steps.c), and back: every value x has an adjoint x^ = dvalue/dx, and the steps are read from the last to the first.  So the
 * gradient with respect to all parameters costs a few times the kernel, whatever their number (reverse mode: Griewank & Walther 2008).
 */
#include "tune.h"

#include <string.h>

/* Of one job: all that is the same for every pair; values, adjoints and moments have room for every worker. */
typedef struct job {
    const ntk_chain_of_layers *chain;
    const ntk_tune_affine *affines; /* [n_steps] */
    int64_t n;
    const double *squares, *distances, *g;
    double *k;                  /* or NULL: pull */
    ntk_pair *values, *bars;    /* [workers, n_steps + 1] */
    ntk_moments *moments;       /* [workers, n_steps] */
    double *gradients;          /* [rows together, count]: summed in their order, whoever computed them */
} job;

/* The part of a job that is a worker's own. */
typedef struct desk {
    ntk_pair *values, *bars;
    ntk_moments *moments;
} desk;

static ntk_pair forwards(const job *j, ntk_pair start, const desk *d)
{
    d->values[0] = start;
    for (int64_t i = 0; i < j->chain->n_steps; ++i) {
        const ntk_tune_step *s = &j->chain->steps[i];
        s->rule->pass(s, &j->affines[i], d->values, &d->moments[i], &d->values[i + 1]);
    }
    return d->values[j->chain->n_steps];
}

static void backwards(const job *j, double weight, const desk *d, double *gradient)
{
    int64_t n = j->chain->n_steps;
    memset(d->bars, 0, (size_t)(n + 1) * sizeof *d->bars);
    if (j->chain->ntk) d->bars[n].theta = weight;
    else d->bars[n] = (ntk_pair){weight / 2, weight / 2, -weight / 2, 0};
    for (int64_t i = n - 1; i >= 0; --i) {
        const ntk_tune_step *s = &j->chain->steps[i];
        s->rule->pull(s, &j->affines[i], d->values, &d->moments[i], &d->bars[i + 1], d->bars, gradient);
    }
}

static void one_row(const job *j, int64_t row, const desk *d, double *gradient)
{
    for (int64_t column = 0; column <= row; ++column) {
        ntk_pair start = {j->squares[row], j->squares[column], row == column ? 0 : j->distances[row * j->n + column], 0};
        ntk_pair end = forwards(j, start, d);
        if (j->k) j->k[row * j->n + column] = j->chain->ntk ? end.theta : ntk_pair_covariance(&end);
        else backwards(j, (row == column ? 1 : 2) * j->g[row * j->n + column], d, gradient);
    }
}

/* Rows r and n - 1 - r together, so that all parts are as long. */
static void some_rows(void *user, int64_t begin, int64_t end, int worker)
{
    const job *j = user;
    int64_t steps = j->chain->n_steps;
    desk d = {j->values + worker * (steps + 1), j->bars + worker * (steps + 1), j->moments + worker * steps};
    for (int64_t r = begin; r < end; ++r) {
        double *gradient = j->gradients + r * j->chain->count;
        one_row(j, r, &d, gradient);
        if (j->n - 1 - r != r) one_row(j, j->n - 1 - r, &d, gradient);
    }
}

static ntk_status run(ntk_context *ctx, job *j, const double *values, double *gradient)
{
    ntk_status status;
    ntk_tune_affine *affines = NULL;
    int64_t steps = j->chain->n_steps;
    int64_t together = (j->n + 1) / 2, count = j->chain->count;
    int workers = ntk_parallel_workers(ctx);
    NTK_TRY(NTK_NEW(ctx, steps, &affines));
    NTK_TRY(NTK_NEW_RAW(ctx, workers * (steps + 1), &j->values));
    NTK_TRY(NTK_NEW_RAW(ctx, workers * (steps + 1), &j->bars));
    NTK_TRY(NTK_NEW_RAW(ctx, workers * steps, &j->moments));
    NTK_TRY(NTK_NEW(ctx, together * count, &j->gradients));
    for (int64_t i = 0; i < steps; ++i)
        if (j->chain->steps[i].rule == &ntk_tune_dense) affines[i] = ntk_tune_affine_of(&j->chain->steps[i], values);
    j->affines = affines;
    ntk_parallel(ctx, together, 8, some_rows, j);
    for (int64_t i = 0; gradient && i < together * count; ++i) gradient[i % count] += j->gradients[i];
done:
    ntk_free(j->gradients);
    ntk_free(j->moments);
    ntk_free(j->bars);
    ntk_free(j->values);
    ntk_free(affines);
    return status;
}

ntk_status ntk_tune_fill(ntk_context *ctx, const ntk_chain_of_layers *chain, const double *values, int64_t n, const double *squares, const double *distances,
                         double *k)
{
    job j = {.chain = chain, .n = n, .squares = squares, .distances = distances, .k = k};
    return run(ctx, &j, values, NULL);
}

ntk_status ntk_tune_pull(ntk_context *ctx, const ntk_chain_of_layers *chain, const double *values, int64_t n, const double *squares, const double *distances,
                         const double *g, double *gradient)
{
    job j = {.chain = chain, .n = n, .squares = squares, .distances = distances, .g = g};
    return run(ctx, &j, values, gradient);
}
