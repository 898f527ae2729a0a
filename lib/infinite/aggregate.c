/*
 * Aggregation over a graph at infinite width: K' = Aᵀ K A' over nodes, Theta' the same (docs/mathematics.md §2.2), A and A' the adjacency of
 * either sample.  The weights W = Aᵀ of a sample stand in the plan's own table columns, where mix.c reads them; edges of weight 0 cost nothing.
 */
#include "infinite.h"

static void norms(const ntk_plan *plan, const ntk_field *f, double *t)
{
    double *w = t + plan->first_column * f->stride;
    for (int64_t m = 0; m < f->rows; ++m)
        for (int64_t o = 0; o < f->rows; ++o) w[m * f->stride + o] = f->graph[m * f->rows + o];
    ntk_mix_norms(plan, f, t);
}

static const ntk_whole whole = {norms, ntk_mix_variants};

static ntk_status aggregate_plan(ntk_context *ctx, ntk_reading *reading, ntk_plan *plan)
{
    const ntk_step *s = plan->step;
    ntk_nature *out = &reading->natures[s->output];
    int64_t nodes = reading->network->values[s->output].shape[0];
    int slot = out->slot;
    if (nodes > INT32_MAX) return ntk_fail_at(ctx, NTK_ERROR_OVERFLOW, s->layer->path, "a graph of more than 2^31 - 1 nodes");
    plan->k[NTK_AFFINE_GAIN2] = plan->k[NTK_MIX_A] = 1;
    plan->columns = (int)nodes;
    *out = reading->natures[s->inputs[0]];
    out->slot = slot;
    return NTK_OK;
}

static ntk_status aggregate_taps(ntk_context *ctx, const ntk_reading *reading, const ntk_plan *plan, ntk_taps *taps)
{
    ntk_status status = ntk_taps_open(ctx, NTK_TAPS_ACROSS, reading->network->values[plan->step->output].shape[0], 1, taps);
    taps->whole = &whole;
    return status;
}

const ntk_infinite_op ntk_infinite_aggregate = {aggregate_plan, NULL, NULL, aggregate_taps};
