/*
 * resize: the spatial axes to other sizes.  Pixel centres stand at half-integers, so output o of m looks at x = (o + 1/2) n/m - 1/2.
 *
 *   linear    weights 1 - |i - x|/s where that is positive, s = max(n/m, 1), divided by their sum
 *   nearest   input floor((2 o + 1) n / (2 m))
 */
#include "network.h"

#include <math.h>

static const char *const methods[] = {"linear", "nearest", NULL};
enum { LINEAR, NEAREST };

static const ntk_key keys[] = {
    [NTK_RESIZE_SHAPE] = {"shape", NTK_KEY_INTEGERS, .required = true, .least = 1},
    [NTK_RESIZE_METHOD] = {"method", NTK_KEY_CHOICE, .choices = methods},
    {.name = NULL},
};

/* In integers, exact; no overflow, as the weights of in times out pairs are asked for one by one. */
static void nearest(int64_t in, int64_t out, int64_t o, double *w)
{
    int64_t at = (2 * o + 1) * in / (2 * out);
    for (int64_t i = 0; i < in; ++i) w[i] = i == at;
}

static void linear(int64_t in, int64_t out, int64_t o, double *w)
{
    double ratio = (double)in / (double)out, at = ((double)o + 0.5) * ratio - 0.5, reach = fmax(ratio, 1), sum = 0;
    for (int64_t i = 0; i < in; ++i) {
        w[i] = fmax(1 - fabs((double)i - at) / reach, 0);
        sum += w[i];
    }
    for (int64_t i = 0; i < in; ++i) w[i] /= sum;
}

static void weights(const ntk_layer *layer, int axis, int64_t in, int64_t out, int64_t o, double *w)
{
    (void)axis;
    (layer->value[NTK_RESIZE_METHOD] == NEAREST ? nearest : linear)(in, out, o, w);
}

static ntk_status compile(ntk_compiler *c, const ntk_layer *layer, int input, int *output)
{
    int64_t extents[NTK_MAX_NDIM];
    ntk_status status;
    NTK_TRY(ntk_compile_spatial_list(c, layer, NTK_RESIZE_SHAPE, input));
    for (int a = 0; a < ntk_compiler_value(c, input)->ndim - 1; ++a) extents[a] = (int64_t)ntk_layer_entry(layer, NTK_RESIZE_SHAPE, a, 1);
    NTK_TRY(ntk_compile_blend(c, layer, input, extents, output));
done:
    return status;
}

const ntk_op ntk_op_resize = {
    .name = "resize",
    .keys = keys,
    .compile = compile,
    .weights = weights,
    .finite = NTK_BOTH(ntk_finite_blend),
    .infinite = &ntk_infinite_blend,
};
