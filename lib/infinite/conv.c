/*
 * Convolutions at infinite width: every tap has weights of its own, so K' = g² (1/F) sum over the F taps of K + s², whatever the
 * strides, dilation and padding; division by F also at the edges (docs/mathematics.md §2.2).  conv_local: different outputs have
 * different weights and are independent.
 */
#include "infinite.h"

#include <math.h>

static ntk_status window_taps(ntk_context *ctx, const ntk_reading *reading, const ntk_plan *plan, ntk_taps_kind kind, ntk_taps *taps)
{
    ntk_window w = ntk_step_window(reading->network, plan->step);
    ntk_status status = ntk_taps_open(ctx, kind, w.positions_out, w.taps, taps);
    for (int64_t o = 0; status == NTK_OK && o < w.positions_out; ++o)
        for (int64_t t = 0; t < w.taps; ++t) {
            taps->input[o * w.taps + t] = ntk_window_position(&w, o, t);
            taps->weight[o * w.taps + t] = 1 / sqrt((double)w.taps);
        }
    return status;
}

static ntk_status shared_taps(ntk_context *ctx, const ntk_reading *reading, const ntk_plan *plan, ntk_taps *taps)
{
    return window_taps(ctx, reading, plan, NTK_TAPS_TOGETHER, taps);
}

static ntk_status local_taps(ntk_context *ctx, const ntk_reading *reading, const ntk_plan *plan, ntk_taps *taps)
{
    return window_taps(ctx, reading, plan, NTK_TAPS_ALONE, taps);
}

const ntk_infinite_op ntk_infinite_conv = {ntk_affine_plan, NULL, NULL, shared_taps};
const ntk_infinite_op ntk_infinite_conv_local = {ntk_affine_plan, NULL, NULL, local_taps};
