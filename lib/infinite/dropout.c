/*
 * dropout at infinite width, in training (docs/mathematics.md §2.3): what is drawn for one sample and position is independent of what
 * is drawn for any other, so that only the pair of a sample and position with itself changes,
 *
 *     K' = K/keep, Theta' = Theta/keep;     all other pairs K' = K, Theta' = Theta.
 *
 * All lengths grow, alpha' = alpha/sqrt(keep), hence of the other pairs rho' = keep rho, gap' = (1 - keep) + keep gap.  Two equal
 * samples are two samples: they are one only as the same row of one data set.
 */
#include "hot.h"

enum { KEEP }; /* plan->k; 1: inference */

#if defined(NTK_HOT)

void NTK_HOT_NAME(dropout_pairs)(const ntk_plan *plan, const ntk_run *run);
void NTK_HOT_NAME(dropout_pairs)(const ntk_plan *plan, const ntk_run *run)
{
    state in = state_of(run, plan->input_slot), out = state_of(run, plan->output_slot);
    real keep = REAL(plan->k[KEEP]), drop = REAL(1 - plan->k[KEEP]);
    int64_t own = run->own >= 0 && run->own < run->count ? run->own : 0;
    real rho = in.rho[own], gap = in.gap[own], theta = in.theta[own];
    NTK_RUN_LOOP(j, run)
    {
        out.rho[j] = keep * in.rho[j];
        out.gap[j] = drop + keep * in.gap[j];
        out.theta[j] = in.theta[j];
    }
    if (own != run->own) return;
    out.rho[own] = rho;
    out.gap[own] = gap;
    out.theta[own] = theta / keep;
}

#else

#include <math.h>

NTK_VARIANTS(dropout_pairs)

static ntk_status dropout_plan(ntk_context *ctx, ntk_reading *reading, ntk_plan *plan)
{
    const ntk_step *s = plan->step;
    ntk_nature *out = &reading->natures[s->output];
    const ntk_nature *in = &reading->natures[s->inputs[0]];
    plan->k[KEEP] = reading->inference ? 1 : s->layer->value[NTK_DROPOUT_KEEP];
    if (plan->k[KEEP] < 1 && !reading->network->values[s->inputs[0]].parametric)
        return ntk_fail_at(ctx, NTK_ERROR_NO_RULE, s->layer->path,
                           "dropout of the data themselves has no deterministic limit; put a parametric layer before it, or read the network at inference");
    reading->noisy |= plan->k[KEEP] < 1;
    out->gaussian = in->gaussian && plan->k[KEEP] == 1;
    out->zero_mean = in->zero_mean;
    out->root = in->root;
    return NTK_OK;
}

static void dropout_norms(const ntk_plan *plan, int64_t n, double *table)
{
    for (int64_t i = 0; i < n; ++i) table[plan->output_alpha * n + i] = table[plan->input_alpha * n + i] / sqrt(plan->k[KEEP]);
}

static const ntk_pairs_variants *pairs(const ntk_plan *plan)
{
    (void)plan;
    return &dropout_pairs;
}

const ntk_infinite_op ntk_infinite_dropout = {dropout_plan, dropout_norms, pairs, NULL};

#endif
