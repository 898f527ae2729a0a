/*
 * Mixtures of branches at infinite width: sum (K' = sum K_i) and concat of channels (K' = sum (n_i/n) K_i), Theta' likewise.
 *
 * With weights a_i (1, or n_i/n), shares r_i = sqrt(a_i) alpha_i / alpha', and vanishing cross moments (branch.c):
 *
 *     alpha'² = sum a_i alpha_i²,    omega' = sum ½ (r_i - s_i)² + r_i s_i omega_i         (the same with 1 + rho for opposite inputs)
 *
 * a sum of non-negative terms: distances survive (docs/mathematics.md §4.2 step 4).
 */
#include "hot.h"

enum { SHARE, ROOT_WEIGHT, PER_BRANCH }; /* table columns of each branch: r_i, sqrt(a_i) */

#if defined(NTK_HOT)

typedef struct sums {
    real omega[NTK_RUN], opposite[NTK_RUN], rho[NTK_RUN], theta[NTK_RUN];
} sums;

static void add_branch(const ntk_run *run, int column, state in, sums *t)
{
    real r = row_of(run, column + SHARE), weight = row_of(run, column + ROOT_WEIGHT) * row_of(run, column + ROOT_WEIGHT);
    const real *s = column_of(run, column + SHARE);
    NTK_RUN_LOOP(j, run)
    {
        real half = REAL(0.5) * (r - s[j]) * (r - s[j]), rs = r * s[j];
        t->omega[j] += half + rs * omega_of(in.rho[j], in.gap[j]);
        t->opposite[j] += half + rs * opposite_of(in.rho[j], in.gap[j]);
        t->rho[j] += rs * in.rho[j];
        t->theta[j] += weight * in.theta[j];
    }
}

void NTK_HOT_NAME(mixture_pairs)(const ntk_plan *plan, const ntk_run *run);
void NTK_HOT_NAME(mixture_pairs)(const ntk_plan *plan, const ntk_run *run)
{
    sums t = {{0}, {0}, {0}, {0}};
    state out = state_of(run, plan->output_slot);
    for (int i = 0; i < plan->step->n_inputs; ++i) add_branch(run, plan->first_column + PER_BRANCH * i, state_of(run, plan->input_slots[i]), &t);
    NTK_RUN_LOOP(j, run)
    {
        out.rho[j] = t.rho[j];
        out.gap[j] = t.rho[j] >= 0 ? t.omega[j] : t.opposite[j];
        out.theta[j] = t.theta[j];
    }
}

#else

#include <math.h>

NTK_VARIANTS(mixture_pairs)

static ntk_status refuse_cross_moments(ntk_context *ctx, const ntk_step *s, const char *merge, int count)
{
    return ntk_fail(ctx, NTK_ERROR_NO_RULE,
                    "%s: %d branches of the %s do not end in a parametric layer of their own; their cross moments do not vanish, "
                    "and an exact rule is known for at most one such branch", s->layer->path, count, merge);
}

static ntk_status sum_plan(ntk_context *ctx, ntk_reading *reading, ntk_plan *plan)
{
    const ntk_step *s = plan->step;
    ntk_branch_nature b = ntk_branch_nature_of(reading, s);
    if (b.not_fresh > 1) return refuse_cross_moments(ctx, s, "sum", b.not_fresh);
    reading->natures[s->output].gaussian = b.gaussian;
    reading->natures[s->output].zero_mean = b.all_zero_mean;
    reading->natures[s->output].root = b.root;
    plan->columns = PER_BRANCH * s->n_inputs;
    return NTK_OK;
}

/* Positions of different branches meet in all that follows: the rule of the sum.  Channels of different branches are never multiplied with each other, so no independence is asked for; their mixture is not Gaussian. */
static ntk_status concat_plan(ntk_context *ctx, ntk_reading *reading, ntk_plan *plan)
{
    const ntk_step *s = plan->step;
    ntk_branch_nature b = ntk_branch_nature_of(reading, s);
    bool positions = s->axis != reading->network->values[s->output].ndim - 1;
    if (positions && b.not_fresh > 1) return refuse_cross_moments(ctx, s, "concat of positions", b.not_fresh);
    reading->natures[s->output].gaussian = positions && b.gaussian;
    reading->natures[s->output].zero_mean = b.all_zero_mean;
    reading->natures[s->output].root = b.root;
    plan->columns = PER_BRANCH * s->n_inputs;
    return NTK_OK;
}

static void mix_norms(const ntk_plan *plan, int64_t n, double *table)
{
    double *out = table + plan->output_alpha * n;
    for (int64_t i = 0; i < n; ++i) out[i] = 0;
    for (int b = 0; b < plan->step->n_inputs; ++b) {
        const double *in = table + plan->input_alphas[b] * n, *own = table + (plan->first_column + PER_BRANCH * b) * n;
        for (int64_t i = 0; i < n; ++i) out[i] = hypot(out[i], own[ROOT_WEIGHT * n + i] * in[i]);
    }
    for (int b = 0; b < plan->step->n_inputs; ++b) {
        const double *in = table + plan->input_alphas[b] * n;
        double *own = table + (plan->first_column + PER_BRANCH * b) * n;
        for (int64_t i = 0; i < n; ++i) own[SHARE * n + i] = out[i] > 0 ? own[ROOT_WEIGHT * n + i] * in[i] / out[i] : 0;
    }
}

static void fill_weight(const ntk_plan *plan, int64_t n, int branch, double weight, double *table)
{
    double *to = table + (plan->first_column + PER_BRANCH * branch + ROOT_WEIGHT) * n;
    for (int64_t i = 0; i < n; ++i) to[i] = sqrt(weight);
}

static void sum_norms(const ntk_plan *plan, int64_t n, double *table)
{
    for (int b = 0; b < plan->step->n_inputs; ++b) fill_weight(plan, n, b, 1, table);
    mix_norms(plan, n, table);
}

static void concat_norms(const ntk_plan *plan, int64_t n, double *table)
{
    const ntk_step *s = plan->step;
    for (int b = 0; b < s->n_inputs; ++b) fill_weight(plan, n, b, (double)s->parts[b] / (double)s->units, table);
    mix_norms(plan, n, table);
}

static const ntk_pairs_variants *pairs(const ntk_plan *plan)
{
    (void)plan;
    return &mixture_pairs;
}

const ntk_infinite_op ntk_infinite_sum = {sum_plan, sum_norms, pairs, NULL}, ntk_infinite_concat = {concat_plan, concat_norms, pairs, NULL};

#endif
