/* dropout: every number of a sample is kept with probability `keep`, and divided by it.  The finite reading is that of inference: the identity. */
#include "network.h"

static const ntk_key keys[] = {
    [NTK_DROPOUT_KEEP] = {"keep", NTK_KEY_NUMBER, .required = true, .least = 0},
    {.name = NULL},
};

static ntk_status compile(ntk_compiler *c, const ntk_layer *layer, int input, int *output)
{
    ntk_value in = *ntk_compiler_value(c, input);
    double keep = layer->value[NTK_DROPOUT_KEEP];
    ntk_step *step;
    ntk_status status;
    if (!(keep > 0 && keep <= 1))
        return ntk_fail_at(c->ctx, NTK_ERROR_NETWORK, layer->path, "keep is %.15g; expected a probability above 0 and up to 1", keep);
    NTK_TRY(ntk_compile_step(c, layer, 1, &input, in.ndim, in.shape, &step));
    *output = step->output;
done:
    return status;
}

const ntk_op ntk_op_dropout = {
    .name = "dropout",
    .keys = keys,
    .compile = compile,
    .finite = NTK_BOTH(ntk_finite_copy),
    .infinite = &ntk_infinite_dropout,
};
