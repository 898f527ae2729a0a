/*
 * Windows: which input positions an output position reads.  Along an axis with n inputs, k taps, stride s and dilation m, a
 * window covers e = m (k - 1) + 1 positions, and output o reads at tap t the input o s + m t - low:
 *
 *     valid      out = floor((n - e)/s) + 1,  low = 0
 *     same       out = ceil(n/s),  low = floor(max((out - 1) s + e - n, 0)/2),  zeros outside
 *     circular   the same sizes, indices modulo n
 *
 * Transposed, output o reads at tap t the input (o + t - low)/s where that is an integer in range:
 *
 *     same       out = n s,  low = k - 1 if s > k - 1, else ceil((k + s - 2)/2)
 *     valid      out = n s + max(k - s, 0),  low = k - 1
 *     circular   the valid result summed over positions equal modulo n s, position floor(max(k - s, 0)/2) as the new 0.
 *                Position q collects i s + k - 1 - t = q + shift modulo n s, that is one input at most for each tap:
 *                i = (q + t - low)/s modulo n with low = k - 1 - shift.
 */
#include "network.h"

#include <string.h>

const char *const ntk_padding_choices[] = {
    [NTK_PADDING_VALID] = "valid", [NTK_PADDING_SAME] = "same", [NTK_PADDING_CIRCULAR] = "circular", NULL};

/* x modulo n, 0 <= result < n. */
static int64_t modulo(int64_t x, int64_t n)
{
    return (x % n + n) % n;
}

static bool fit_forward(ntk_padding padding, ntk_window_axis *a)
{
    int64_t covered, reach;
    if (__builtin_mul_overflow(a->dilation, a->kernel - 1, &covered) || __builtin_add_overflow(covered, 1, &covered)) return false;
    a->low = 0;
    if (padding == NTK_PADDING_VALID) {
        a->out = a->in >= covered ? (a->in - covered) / a->stride + 1 : 0;
        return a->out > 0;
    }
    a->out = (a->in - 1) / a->stride + 1;
    if (__builtin_add_overflow((a->out - 1) * a->stride - a->in, covered, &reach)) return false;
    a->low = NTK_MAX(reach, 0) / 2;
    return true;
}

static bool fit_transposed(ntk_padding padding, ntk_window_axis *a)
{
    int64_t k = a->kernel, s = a->stride, over = NTK_MAX(k - s, 0);
    if (__builtin_mul_overflow(a->in, s, &a->out)) return false;
    a->low = k - 1;
    if (padding == NTK_PADDING_VALID) return !__builtin_add_overflow(a->out, over, &a->out);
    if (padding == NTK_PADDING_CIRCULAR) a->low = k - 1 - over / 2;
    else if (s <= k - 1) a->low = (k + s - 1) / 2;
    return true;
}

bool ntk_window_fit(ntk_padding padding, bool transposed, ntk_window_axis *a)
{
    return transposed ? fit_transposed(padding, a) : fit_forward(padding, a);
}

int64_t ntk_window_read(const ntk_window *w, int axis, int64_t o, int64_t t)
{
    const ntk_window_axis *a = &w->axis[axis];
    int64_t at = w->transposed ? o + t - a->low : o * a->stride + t * a->dilation - a->low;
    if (w->transposed) {
        if (modulo(at, a->stride) != 0) return -1;
        at /= a->stride;
    }
    if (w->padding == NTK_PADDING_CIRCULAR) return modulo(at, a->in);
    return at >= 0 && at < a->in ? at : -1;
}

/* ---- of a layer ------------------------------------------------------------------------------------------------ */

/* Entry i of a list key; no list stands for 1. */
static int64_t entry(const ntk_layer *layer, int key, int i)
{
    return key < 0 ? 1 : (int64_t)ntk_layer_entry(layer, key, i, 1);
}

/* Of sizes and keys that fit: the window of a compiled step, or the start of a check. */
static bool fill(const ntk_layer *layer, const ntk_value *in, ntk_window *w)
{
    const ntk_window_keys *keys = layer->op->window;
    bool fits = true;
    *w = (ntk_window){.ndim = in->ndim - 1, .padding = (ntk_padding)layer->value[keys->padding], .transposed = keys->transposed,
                      .positions_in = 1, .positions_out = 1, .taps = 1};
    for (int i = 0; fits && i < w->ndim; ++i) {
        ntk_window_axis *a = &w->axis[i];
        *a = (ntk_window_axis){.in = in->shape[i], .kernel = entry(layer, keys->extents, i), .stride = entry(layer, keys->strides, i),
                               .dilation = entry(layer, keys->dilation, i)};
        fits = ntk_window_fit(w->padding, w->transposed, a) && !__builtin_mul_overflow(w->positions_in, a->in, &w->positions_in) &&
               !__builtin_mul_overflow(w->positions_out, a->out, &w->positions_out) && !__builtin_mul_overflow(w->taps, a->kernel, &w->taps);
    }
    return fits;
}

ntk_window ntk_step_window(const ntk_network *network, const ntk_step *step)
{
    ntk_window w;
    fill(step->layer, &network->values[step->inputs[0]], &w);
    return w;
}

ntk_status ntk_compile_window(const ntk_compiler *c, const ntk_layer *layer, int input, ntk_window *window)
{
    const ntk_window_keys *keys = layer->op->window;
    const ntk_value *in = ntk_compiler_value(c, input);
    const int lists[] = {keys->extents, keys->strides, keys->dilation};
    char shape[NTK_SHAPE_TEXT];
    ntk_status status = NTK_OK;
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(lists); ++i)
        if (lists[i] >= 0) NTK_TRY(ntk_compile_spatial_list(c, layer, lists[i], input));
    if (!fill(layer, in, window))
        return ntk_fail_at(c->ctx, NTK_ERROR_NETWORK, layer->path, "the %s does not fit its input %s", ntk_layer_keys(layer)[keys->extents].name, ntk_shape_text(shape, in->ndim, in->shape));
done:
    return status;
}
