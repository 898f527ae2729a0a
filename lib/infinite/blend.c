/*
 * Fixed mixtures of positions at infinite width (slice, resize): K' = R K Rᵀ over positions, Theta' likewise (docs/mathematics.md §2.3).
 *
 * Where every output is one input (slice, nearest neighbours) the pairs move as they are and keep their distances.
 */
#include "infinite.h"

static ntk_status blend_plan(ntk_context *ctx, ntk_reading *reading, ntk_plan *plan)
{
    ntk_nature *out = &reading->natures[plan->step->output];
    int slot = out->slot;
    (void)ctx;
    plan->k[NTK_AFFINE_GAIN] = plan->k[NTK_AFFINE_GAIN2] = 1;
    *out = reading->natures[plan->step->inputs[0]];
    out->slot = slot;
    return NTK_OK;
}

static bool moves_only(const ntk_blend *b)
{
    bool one = b->count == 1;
    for (int64_t i = 0; one && i < b->outputs; ++i) one = b->weight[i] == 1;
    return one;
}

static ntk_status blend_taps(ntk_context *ctx, const ntk_reading *reading, const ntk_plan *plan, ntk_taps *taps)
{
    ntk_blend b;
    ntk_status status = ntk_blend_open(ctx, reading->network, plan->step, &b);
    if (status != NTK_OK) return status;
    NTK_TRY(ntk_taps_open(ctx, moves_only(&b) ? NTK_TAPS_TOGETHER : NTK_TAPS_ACROSS, b.outputs, b.count, taps));
    for (int64_t i = 0; i < b.outputs * b.count; ++i) {
        taps->input[i] = (int32_t)b.input[i];
        taps->weight[i] = b.weight[i];
    }
done:
    ntk_blend_close(&b);
    return status;
}

const ntk_infinite_op ntk_infinite_blend = {blend_plan, NULL, NULL, blend_taps};
