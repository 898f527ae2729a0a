/* layer_norm: y = (x - mean)/sqrt(var + epsilon) over some axes, the channel axis among them; var divides by the count. */
#include "network.h"

#include <math.h>

static const ntk_key keys[] = {
    [NTK_LAYER_NORM_AXES] = {"axes", NTK_KEY_INTEGERS, .least = -INFINITY}, /* absent: [-1] */
    [NTK_LAYER_NORM_EPSILON] = {"epsilon", NTK_KEY_NUMBER, .fallback = 1e-12},
    {.name = NULL},
};

bool ntk_layer_norm_axes(const ntk_layer *layer, int ndim, bool chosen[NTK_MAX_NDIM])
{
    const double *axes = layer->numbers[NTK_LAYER_NORM_AXES];
    for (int i = 0; i < NTK_MAX_NDIM; ++i) chosen[i] = !axes && i == ndim - 1;
    for (int64_t i = 1; axes && i <= (int64_t)axes[0]; ++i) {
        int64_t axis = (int64_t)axes[i] + (axes[i] < 0 ? ndim : 0);
        if (axis < 0 || axis >= ndim || chosen[axis]) return false;
        chosen[axis] = true;
    }
    return chosen[ndim - 1];
}

static ntk_status check_axes(const ntk_compiler *c, const ntk_layer *layer, int ndim)
{
    bool chosen[NTK_MAX_NDIM];
    if (ntk_layer_norm_axes(layer, ndim, chosen)) return NTK_OK;
    return ntk_fail_at(c->ctx, NTK_ERROR_NETWORK, layer->path,
                       "axes must hold the channel axis -1, each axis once, and be among the %d axes of its input", ndim);
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
    .finite = NTK_BOTH(ntk_finite_layer_norm),
    .infinite = &ntk_infinite_layer_norm,
};
