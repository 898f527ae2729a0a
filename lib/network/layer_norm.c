/* layer_norm: y = (x - mean)/sqrt(var + epsilon) over the channel axis, var dividing by the count. */
#include "network.h"

#include <math.h>

static const ntk_key keys[] = {
    [NTK_LAYER_NORM_AXES] = {"axes", NTK_KEY_INTEGERS, .least = -INFINITY}, /* absent: [-1] */
    [NTK_LAYER_NORM_EPSILON] = {"epsilon", NTK_KEY_NUMBER, .fallback = 1e-12},
    {.name = NULL},
};

static ntk_status check_axes(const ntk_compiler *c, const ntk_layer *layer, int ndim)
{
    const double *axes = layer->numbers[NTK_LAYER_NORM_AXES];
    if (!axes || (axes[0] == 1 && (axes[1] == -1 || axes[1] == ndim - 1))) return NTK_OK;
    return ntk_fail_at(c->ctx, NTK_ERROR_NETWORK, layer->path, "axes must be [-1], the channel axis: others are not in this version");
}

static ntk_status compile(ntk_compiler *c, const ntk_layer *layer, int input, int *output)
{
    ntk_value in = *ntk_compiler_value(c, input);
    ntk_step *step;
    ntk_status status;
    NTK_TRY(check_axes(c, layer, in.ndim));
    NTK_TRY(ntk_compile_step(c, layer, 1, &input, in.ndim, in.shape, &step));
    *output = step->output;
done:
    return status;
}

const ntk_op ntk_op_layer_norm = {
    .name = "layer_norm",
    .keys = keys,
    .compile = compile,
    .finite = &ntk_finite_layer_norm,
    .infinite = &ntk_infinite_layer_norm,
};
