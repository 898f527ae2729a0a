/* flatten: [positions..., c] -> [positions c], row-major: positions, then channels.  The numbers stay where they are. */
#include "network.h"

static ntk_status compile(ntk_compiler *c, const ntk_layer *layer, int input, int *output)
{
    const ntk_value *in = ntk_compiler_value(c, input);
    ntk_step *step;
    ntk_status status = ntk_compile_step(c, layer, 1, &input, 1, &in->size, &step);
    if (status == NTK_OK) *output = step->output;
    return status;
}

const ntk_op ntk_op_flatten = {.name = "flatten", .compile = compile, .finite = NTK_BOTH(ntk_finite_copy), .infinite = &ntk_infinite_flatten};
