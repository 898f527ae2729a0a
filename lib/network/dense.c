/* dense: [..., c] -> [..., units], the same affine map of the channel axis at every position; fan-in n = c. */
#include "network.h"

#include <string.h>

const char *const ntk_parameterization_choices[] = {"ntk", "standard", "textbook", NULL};

const ntk_key ntk_parameterization_key = {"parameterization", NTK_KEY_CHOICE, .choices = ntk_parameterization_choices};

static const ntk_key keys[] = {
    [NTK_DENSE_UNITS] = {"units", NTK_KEY_INTEGER, .required = true, .least = 1},
    [NTK_DENSE_W_STD] = {"w_std", NTK_KEY_NUMBER, .fallback = 1},
    [NTK_DENSE_B_STD] = {"b_std", NTK_KEY_NUMBER, .least = 0}, /* absent: no bias */
    [NTK_DENSE_PARAMETERIZATION] = {"parameterization", NTK_KEY_CHOICE, .choices = ntk_parameterization_choices},
    [NTK_DENSE_TRAIN] = {"train", NTK_KEY_BOOLEAN, .fallback = 1},
    [NTK_DENSE_LR] = {"lr", NTK_KEY_NUMBER, .fallback = 1},
    {.name = NULL},
};

static ntk_status compile(ntk_compiler *c, const ntk_layer *layer, int input, int *output)
{
    const ntk_value *in = ntk_compiler_value(c, input);
    int64_t shape[NTK_MAX_NDIM], channels = in->shape[in->ndim - 1], units = (int64_t)layer->value[NTK_DENSE_UNITS];
    ntk_step *step;
    ntk_status status;
    memcpy(shape, in->shape, sizeof shape);
    shape[in->ndim - 1] = units;
    NTK_TRY(ntk_compile_step(c, layer, 1, &input, in->ndim, shape, &step));
    NTK_TRY(ntk_compile_parametric(c, step, 1, units, channels));
    *output = step->output;
done:
    return status;
}

const ntk_op ntk_op_dense = {
    .name = "dense",
    .keys = keys,
    .compile = compile,
    .finite = NTK_BOTH(ntk_finite_dense),
    .infinite = &ntk_infinite_dense,
};
