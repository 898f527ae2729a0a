/* Activations: y = phi(x), elementwise.  The layer says which. */
#include "network.h"

static ntk_status compile(ntk_compiler *c, const ntk_layer *layer, int input, int *output)
{
    const ntk_value *in = ntk_compiler_value(c, input);
    ntk_step *step;
    ntk_status status = ntk_compile_step(c, layer, 1, &input, in->ndim, in->shape, &step);
    if (status == NTK_OK) *output = step->output;
    return status;
}

const ntk_op ntk_op_activation = {
    .name = "activation",
    .compile = compile,
    .finite = NTK_BOTH(ntk_finite_activation),
    .infinite = &ntk_infinite_activation,
};
