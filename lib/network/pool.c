/*
 * Pools over windows, channel by channel: the mean, the sum or the largest of the inputs that a window reads.
 *
 *   avg_pool  divides by all taps, or with normalize_edges by those inside
 *   max_pool  padding never wins: the largest of those inside.  A window without dilation always holds one
 */
#include "network.h"

#define POOL_KEYS                                                                                                      \
    [NTK_POOL_WINDOW] = {"window", NTK_KEY_INTEGERS, .required = true, .least = 1},                                    \
    [NTK_POOL_STRIDES] = {"strides", NTK_KEY_INTEGERS, .fallback = 1, .least = 1},                    \
    [NTK_POOL_PADDING] = {"padding", NTK_KEY_CHOICE, .choices = ntk_padding_choices}

static const ntk_key keys[] = {POOL_KEYS, {.name = NULL}};

static const ntk_key avg_keys[] = {
    POOL_KEYS,
    [NTK_POOL_NORMALIZE_EDGES] = {"normalize_edges", NTK_KEY_BOOLEAN, .fallback = 0},
    {.name = NULL},
};

static const ntk_window_keys window_keys = {NTK_POOL_WINDOW, NTK_POOL_STRIDES, NTK_POOL_PADDING, -1, .transposed = false};

static ntk_status compile(ntk_compiler *c, const ntk_layer *layer, int input, int *output)
{
    ntk_value in = *ntk_compiler_value(c, input);
    ntk_window w;
    ntk_step *step;
    ntk_status status;
    NTK_TRY(ntk_compile_window(c, layer, input, &w));
    for (int i = 0; i < w.ndim; ++i) in.shape[i] = w.axis[i].out;
    NTK_TRY(ntk_compile_step(c, layer, 1, &input, in.ndim, in.shape, &step));
    *output = step->output;
done:
    return status;
}

const ntk_op ntk_op_avg_pool = {.name = "avg_pool", .keys = avg_keys, .compile = compile, .window = &window_keys, .finite = NTK_BOTH(ntk_finite_pool), .infinite = &ntk_infinite_pool};
const ntk_op ntk_op_sum_pool = {.name = "sum_pool", .keys = keys, .compile = compile, .window = &window_keys, .finite = NTK_BOTH(ntk_finite_pool), .infinite = &ntk_infinite_pool};
const ntk_op ntk_op_max_pool = {.name = "max_pool", .keys = keys, .compile = compile, .window = &window_keys, .finite = NTK_BOTH(ntk_finite_max_pool), .infinite = &ntk_infinite_max_pool};
