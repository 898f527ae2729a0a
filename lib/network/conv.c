/*
 * The convolutions, over as many spatial axes as their input has:  [positions..., c] -> [positions'..., units].
 *
 *   conv            z(o) = sum over taps t of W_t x(o s + m t - low)      weights [units, kernel..., c]
 *   conv_local      the same with weights W_{o,t} and a bias of every position's own: [positions'..., units, kernel..., c]
 *   conv_transpose  z(o) = sum over t of W_t x((o + t - low)/s)           weights as conv
 *
 * Fan-in n = c times the taps, also at the edges.  The geometry is in window.c.
 */
#include "network.h"

#include <string.h>

#define PARAMETRIC_KEYS                                                                                                \
    [NTK_DENSE_UNITS] = {"units", NTK_KEY_INTEGER, .required = true, .least = 1},                                      \
    [NTK_DENSE_W_STD] = {"w_std", NTK_KEY_NUMBER, .fallback = 1},                                                      \
    [NTK_DENSE_B_STD] = {"b_std", NTK_KEY_NUMBER, .least = 0}, /* absent: no bias */                                   \
    [NTK_DENSE_PARAMETERIZATION] = {"parameterization", NTK_KEY_CHOICE, .choices = ntk_parameterization_choices},      \
    [NTK_DENSE_TRAIN] = {"train", NTK_KEY_BOOLEAN, .fallback = 1},                                                     \
    [NTK_DENSE_LR] = {"lr", NTK_KEY_NUMBER, .fallback = 1},                                                            \
    [NTK_CONV_KERNEL] = {"kernel", NTK_KEY_INTEGERS, .required = true, .least = 1},                                    \
    [NTK_CONV_STRIDES] = {"strides", NTK_KEY_INTEGERS, .fallback = 1, .least = 1},                    \
    [NTK_CONV_PADDING] = {"padding", NTK_KEY_CHOICE, .choices = ntk_padding_choices}

static const ntk_key keys[] = {
    PARAMETRIC_KEYS,
    [NTK_CONV_DILATION] = {"dilation", NTK_KEY_INTEGERS, .fallback = 1, .least = 1},
    {.name = NULL},
};

static const ntk_key transposed_keys[] = {PARAMETRIC_KEYS, {.name = NULL}};

static const ntk_window_keys window_keys = {NTK_CONV_KERNEL, NTK_CONV_STRIDES, NTK_CONV_PADDING, NTK_CONV_DILATION, .transposed = false};
static const ntk_window_keys transposed_window_keys = {NTK_CONV_KERNEL, NTK_CONV_STRIDES, NTK_CONV_PADDING, -1, .transposed = true};

static ntk_status compile_copies(ntk_compiler *c, const ntk_layer *layer, int input, bool local, int *output)
{
    ntk_value in = *ntk_compiler_value(c, input);
    int64_t shape[NTK_MAX_NDIM], fan_in;
    ntk_window w;
    ntk_step *step;
    ntk_status status;
    NTK_TRY(ntk_compile_window(c, layer, input, &w));
    for (int i = 0; i < w.ndim; ++i) shape[i] = w.axis[i].out;
    shape[w.ndim] = (int64_t)layer->value[NTK_DENSE_UNITS];
    if (__builtin_mul_overflow(w.taps, in.shape[w.ndim], &fan_in))
        return ntk_fail_at(c->ctx, NTK_ERROR_OVERFLOW, layer->path, "the fan-in exceeds 63 bits");
    NTK_TRY(ntk_compile_step(c, layer, 1, &input, in.ndim, shape, &step));
    NTK_TRY(ntk_compile_parametric(c, step, local ? w.positions_out : 1, shape[w.ndim], fan_in));
    *output = step->output;
done:
    return status;
}

static ntk_status compile(ntk_compiler *c, const ntk_layer *layer, int input, int *output)
{
    return compile_copies(c, layer, input, false, output);
}

static ntk_status compile_local(ntk_compiler *c, const ntk_layer *layer, int input, int *output)
{
    return compile_copies(c, layer, input, true, output);
}

const ntk_op ntk_op_conv = {.name = "conv", .keys = keys, .compile = compile, .window = &window_keys, .finite = NTK_BOTH(ntk_finite_conv), .infinite = &ntk_infinite_conv};
const ntk_op ntk_op_conv_local = {.name = "conv_local", .keys = keys, .compile = compile_local, .window = &window_keys, .finite = NTK_BOTH(ntk_finite_conv_local), .infinite = &ntk_infinite_conv_local};
const ntk_op ntk_op_conv_transpose = {.name = "conv_transpose", .keys = transposed_keys, .compile = compile, .window = &transposed_window_keys, .finite = NTK_BOTH(ntk_finite_conv), .infinite = &ntk_infinite_conv};
