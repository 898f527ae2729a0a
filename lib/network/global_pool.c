/* Global pools: [positions..., c] -> [c], the mean or the sum over all positions.  Without spatial axes there is one position. */
#include "network.h"

static ntk_status compile(ntk_compiler *c, const ntk_layer *layer, int input, int *output)
{
    const ntk_value *in = ntk_compiler_value(c, input);
    ntk_step *step;
    ntk_status status = ntk_compile_step(c, layer, 1, &input, 1, &in->shape[in->ndim - 1], &step);
    if (status == NTK_OK) *output = step->output;
    return status;
}

const ntk_op ntk_op_global_avg_pool = {.name = "global_avg_pool", .compile = compile, .finite = NTK_BOTH(ntk_finite_global_pool), .infinite = &ntk_infinite_global_pool};
const ntk_op ntk_op_global_sum_pool = {.name = "global_sum_pool", .compile = compile, .finite = NTK_BOTH(ntk_finite_global_pool), .infinite = &ntk_infinite_global_pool};
