/* aggregate: y_j = sum over i of A[i][j] x_i over the nodes of a graph, [V, channels] -> [V, channels].  A comes with the data (sites.c). */
#include "network.h"

static ntk_status compile(ntk_compiler *c, const ntk_layer *layer, int input, int *output)
{
    ntk_value in = *ntk_compiler_value(c, input);
    char shape[NTK_SHAPE_TEXT];
    ntk_step *step;
    ntk_status status;
    if (in.ndim != 2)
        return ntk_fail_at(c->ctx, NTK_ERROR_NETWORK, layer->path, "aggregate needs an input [nodes, channels]; its input is %s",
                           ntk_shape_text(shape, in.ndim, in.shape));
    NTK_TRY(ntk_compile_step(c, layer, 1, &input, in.ndim, in.shape, &step));
    *output = step->output;
done:
    return status;
}

const ntk_op ntk_op_aggregate = {
    .name = "aggregate",
    .compile = compile,
    .finite = NTK_BOTH(ntk_finite_aggregate),
    .infinite = &ntk_infinite_aggregate,
};
