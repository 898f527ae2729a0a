/*
 * One pair through the chain, and back.  Forwards (docs/mathematics.md §2.2), k = (q1 + q2 - delta)/2:
 *
 *     dense        q' = g² q + b²,  delta' = g² delta,  Theta' = r (A k + B) + g² Theta
 *     activation   (q1, q2, delta)' and K. of moments.c,  Theta' = K. Theta
 *
 * Backwards every variable x has an adjoint x^ = dvalue/dx, and each line above is read from right to left; so the gradient with respect to all
 * parameters costs a few times the kernel, whatever their number (reverse mode: Griewank & Walther 2008).
 */
#include "tune.h"

/* A pair between two steps, or its adjoint. */
typedef struct pair_state {
    double q1, q2, delta, theta;
} pair_state;

/* The constants of a dense step at parameter values. */
typedef struct affine {
    double w, b, rate, gain2, own_k, own_1;
} affine;

static double value_of(const ntk_tune_step *s, int key, const double *values)
{
    return s->parameter[key] >= 0 ? values[s->parameter[key]] : s->value[key];
}

static affine affine_of(const ntk_tune_step *s, const double *values)
{
    affine a = {value_of(s, NTK_TUNE_W, values), value_of(s, NTK_TUNE_B, values), value_of(s, NTK_TUNE_RATE, values), 0, s->own_k, s->own_1};
    a.gain2 = a.w * a.w * s->gain_factor;
    if (s->own_by_variance) {
        a.own_k = a.w * a.w;
        a.own_1 = a.b * a.b;
    }
    return a;
}

static double covariance(const pair_state *p)
{
    return (p->q1 + p->q2 - p->delta) / 2;
}

static pair_state pass_dense(const affine *a, const pair_state *p)
{
    return (pair_state){a->gain2 * p->q1 + a->b * a->b, a->gain2 * p->q2 + a->b * a->b, a->gain2 * p->delta,
                        a->rate * (a->own_k * covariance(p) + a->own_1) + a->gain2 * p->theta};
}

/* `bar` of the output becomes that of the input p; gradients of the parameters are added. */
static void pull_dense(const ntk_tune_step *s, const affine *a, const pair_state *p, pair_state *bar, double *gradient)
{
    double k = covariance(p), k_bar = bar->theta * a->rate * a->own_k, own = s->own_by_variance ? bar->theta * a->rate : 0;
    double gain_bar = (bar->q1 * p->q1 + bar->q2 * p->q2 + bar->delta * p->delta + bar->theta * p->theta) * s->gain_factor + own * k;
    if (s->parameter[NTK_TUNE_W] >= 0) gradient[s->parameter[NTK_TUNE_W]] += 2 * a->w * gain_bar;
    if (s->parameter[NTK_TUNE_B] >= 0) gradient[s->parameter[NTK_TUNE_B]] += 2 * a->b * (bar->q1 + bar->q2 + own);
    if (s->parameter[NTK_TUNE_RATE] >= 0) gradient[s->parameter[NTK_TUNE_RATE]] += bar->theta * (a->own_k * k + a->own_1);
    *bar = (pair_state){a->gain2 * bar->q1 + k_bar / 2, a->gain2 * bar->q2 + k_bar / 2, a->gain2 * bar->delta - k_bar / 2, a->gain2 * bar->theta};
}

static void pull_activation(const ntk_moments *m, const pair_state *p, pair_state *bar)
{
    double dot_bar = bar->theta * p->theta;
    *bar = (pair_state){bar->q1 * m->q1_slope + bar->delta * m->delta_q1 + dot_bar * m->dot_q1,
                        bar->q2 * m->q2_slope + bar->delta * m->delta_q2 + dot_bar * m->dot_q2, bar->delta * m->dot + dot_bar * m->dot_delta,
                        bar->theta * m->dot};
}

/* ---- a pair ------------------------------------------------------------------------------------------------------ */

/* Of one job: all that is the same for every pair; states and moments have room for every worker. */
typedef struct job {
    const ntk_chain_of_layers *chain;
    const affine *affines;      /* [n_steps] */
    int64_t n;
    const double *squares, *distances, *g;
    double *k;                  /* or NULL: pull */
    pair_state *states;         /* [workers, n_steps + 1] */
    ntk_moments *moments;       /* [workers, n_steps] */
    double *gradients;          /* [rows together, count]: summed in their order, whoever computed them */
} job;

static pair_state forwards(const job *j, pair_state start, pair_state *states, ntk_moments *moments)
{
    states[0] = start;
    for (int64_t i = 0; i < j->chain->n_steps; ++i) {
        const ntk_tune_step *s = &j->chain->steps[i];
        const pair_state *p = &states[i];
        if (s->moments) {
            s->moments(s->p, p->q1, p->q2, p->delta, &moments[i]);
            states[i + 1] = (pair_state){moments[i].q1, moments[i].q2, moments[i].delta, moments[i].dot * p->theta};
        } else {
            states[i + 1] = pass_dense(&j->affines[i], p);
        }
    }
    return states[j->chain->n_steps];
}

static void backwards(const job *j, double weight, const pair_state *states, const ntk_moments *moments, double *gradient)
{
    pair_state bar = {0};
    if (j->chain->ntk) bar.theta = weight;
    else bar = (pair_state){weight / 2, weight / 2, -weight / 2, 0};
    for (int64_t i = j->chain->n_steps - 1; i >= 0; --i) {
        const ntk_tune_step *s = &j->chain->steps[i];
        if (s->moments) pull_activation(&moments[i], &states[i], &bar);
        else pull_dense(s, &j->affines[i], &states[i], &bar, gradient);
    }
}

static void one_row(const job *j, int64_t row, pair_state *states, ntk_moments *moments, double *gradient)
{
    for (int64_t column = 0; column <= row; ++column) {
        pair_state start = {j->squares[row], j->squares[column], row == column ? 0 : j->distances[row * j->n + column], 0};
        pair_state end = forwards(j, start, states, moments);
        if (j->k) j->k[row * j->n + column] = j->chain->ntk ? end.theta : covariance(&end);
        else backwards(j, (row == column ? 1 : 2) * j->g[row * j->n + column], states, moments, gradient);
    }
}

/* Rows r and n - 1 - r together, so that all parts are as long. */
static void some_rows(void *user, int64_t begin, int64_t end, int worker)
{
    const job *j = user;
    pair_state *states = j->states + worker * (j->chain->n_steps + 1);
    ntk_moments *moments = j->moments + worker * j->chain->n_steps;
    for (int64_t r = begin; r < end; ++r) {
        double *gradient = j->gradients + r * j->chain->count;
        one_row(j, r, states, moments, gradient);
        if (j->n - 1 - r != r) one_row(j, j->n - 1 - r, states, moments, gradient);
    }
}

static ntk_status run(ntk_context *ctx, job *j, const double *values, double *gradient)
{
    ntk_status status;
    affine *affines = NULL;
    int64_t steps = j->chain->n_steps;
    int64_t together = (j->n + 1) / 2, count = j->chain->count;
    int workers = ntk_parallel_workers(ctx);
    NTK_TRY(NTK_NEW(ctx, steps, &affines));
    NTK_TRY(NTK_NEW_RAW(ctx, workers * (steps + 1), &j->states));
    NTK_TRY(NTK_NEW_RAW(ctx, workers * steps, &j->moments));
    NTK_TRY(NTK_NEW(ctx, together * count, &j->gradients));
    for (int64_t i = 0; i < steps; ++i)
        if (!j->chain->steps[i].moments) affines[i] = affine_of(&j->chain->steps[i], values);
    j->affines = affines;
    ntk_parallel(ctx, together, 8, some_rows, j);
    for (int64_t i = 0; gradient && i < together * count; ++i) gradient[i % count] += j->gradients[i];
done:
    ntk_free(j->gradients);
    ntk_free(j->moments);
    ntk_free(j->states);
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
