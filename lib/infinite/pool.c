/*
 * Pools and flatten at infinite width (docs/mathematics.md §2.3): a pool adds correlated values, K' = sum sum w w' K; flatten lays
 * positions side by side, K' = mean over p of K(p, p).
 */
#include "infinite.h"

#include <math.h>

static void set_nature(ntk_reading *reading, ntk_plan *plan, bool gaussian)
{
    ntk_nature *out = &reading->natures[plan->step->output], *in = &reading->natures[plan->step->inputs[0]];
    plan->k[NTK_AFFINE_GAIN] = plan->k[NTK_AFFINE_GAIN2] = 1;
    out->gaussian = gaussian && in->gaussian;
    out->zero_mean = in->zero_mean;
    out->root = in->root;
}

static ntk_status pool_plan(ntk_context *ctx, ntk_reading *reading, ntk_plan *plan)
{
    (void)ctx;
    set_nature(reading, plan, true);
    return NTK_OK;
}

/* Many positions side by side are no one Gaussian. */
static ntk_status flatten_plan(ntk_context *ctx, ntk_reading *reading, ntk_plan *plan)
{
    const ntk_value *in = &reading->network->values[plan->step->inputs[0]];
    (void)ctx;
    set_nature(reading, plan, in->size == in->shape[in->ndim - 1]);
    return NTK_OK;
}

static ntk_status max_pool_plan(ntk_context *ctx, ntk_reading *reading, ntk_plan *plan)
{
    (void)reading;
    return ntk_fail_at(ctx, NTK_ERROR_NO_RULE, plan->step->layer->path, "the maximum over a window has no closed-form kernel; use avg_pool");
}

static int64_t inside(const ntk_window *w, int64_t output)
{
    int64_t count = 0;
    for (int64_t t = 0; t < w->taps; ++t) count += ntk_window_position(w, output, t) >= 0;
    return count;
}

/* 1/|w|, 1/(positions inside), or 1. */
static double pool_weight(const ntk_layer *layer, const ntk_window *w, int64_t output)
{
    if (layer->op == &ntk_op_sum_pool) return 1;
    return 1 / (double)(layer->value[NTK_POOL_NORMALIZE_EDGES] != 0 ? inside(w, output) : w->taps);
}

static ntk_status pool_taps(ntk_context *ctx, const ntk_reading *reading, const ntk_plan *plan, ntk_taps *taps)
{
    ntk_window w = ntk_step_window(reading->network, plan->step);
    ntk_status status = ntk_taps_open(ctx, NTK_TAPS_ACROSS, w.positions_out, w.taps, taps);
    for (int64_t o = 0; status == NTK_OK && o < w.positions_out; ++o) {
        double weight = pool_weight(plan->step->layer, &w, o);
        for (int64_t t = 0; t < w.taps; ++t) {
            taps->input[o * w.taps + t] = ntk_window_position(&w, o, t);
            taps->weight[o * w.taps + t] = weight;
        }
    }
    return status;
}

/* One output of all positions. */
static ntk_status whole_taps(ntk_context *ctx, const ntk_reading *reading, const ntk_plan *plan, ntk_taps_kind kind, double power, ntk_taps *taps)
{
    const ntk_value *in = &reading->network->values[plan->step->inputs[0]];
    int64_t n = in->size / in->shape[in->ndim - 1];
    ntk_status status = ntk_taps_open(ctx, kind, 1, n, taps);
    for (int64_t t = 0; status == NTK_OK && t < n; ++t) {
        taps->input[t] = (int32_t)t;
        taps->weight[t] = pow((double)n, power);
    }
    return status;
}

static ntk_status global_taps(ntk_context *ctx, const ntk_reading *reading, const ntk_plan *plan, ntk_taps *taps)
{
    return whole_taps(ctx, reading, plan, NTK_TAPS_ACROSS, plan->step->op == &ntk_op_global_sum_pool ? 0 : -1, taps);
}

static ntk_status flatten_taps(ntk_context *ctx, const ntk_reading *reading, const ntk_plan *plan, ntk_taps *taps)
{
    return whole_taps(ctx, reading, plan, NTK_TAPS_TOGETHER, -0.5, taps);
}

const ntk_infinite_op ntk_infinite_pool = {pool_plan, NULL, NULL, pool_taps};
const ntk_infinite_op ntk_infinite_max_pool = {max_pool_plan, NULL, NULL, pool_taps};
const ntk_infinite_op ntk_infinite_global_pool = {pool_plan, NULL, NULL, global_taps};
const ntk_infinite_op ntk_infinite_flatten = {flatten_plan, NULL, NULL, flatten_taps};
