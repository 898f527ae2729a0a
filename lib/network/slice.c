/*
 * slice: some positions of each spatial axis, as Python's x[start:stop:step]: negative places count from the end, null is the
 * whole, what lies beyond an end is cut off, a negative step goes backward.  An empty slice is refused.
 */
#include "network.h"

#include <math.h>

static const ntk_key keys[] = {
    [NTK_SLICE_START] = {"start", NTK_KEY_INTEGERS, .least = -INFINITY, .nullable = true},
    [NTK_SLICE_STOP] = {"stop", NTK_KEY_INTEGERS, .least = -INFINITY, .nullable = true},
    [NTK_SLICE_STEP] = {"step", NTK_KEY_INTEGERS, .least = -INFINITY, .nullable = true},
    {.name = NULL},
};

/* Where along one axis it begins, how it goes on, and how far; out = 0: nothing is left. */
typedef struct range {
    int64_t start, step, out;
} range;

/* A place of Python's, within [low, high]. */
static int64_t place(double given, int64_t n, int64_t low, int64_t high)
{
    double at = given < 0 ? given + (double)n : given;
    return (int64_t)fmin(fmax(at, (double)low), (double)high);
}

static range range_of(const ntk_layer *layer, int axis, int64_t n)
{
    double step = ntk_layer_entry(layer, NTK_SLICE_STEP, axis, 1);
    int64_t low = step < 0 ? -1 : 0, high = step < 0 ? n - 1 : n;
    double start = ntk_layer_entry(layer, NTK_SLICE_START, axis, NAN), stop = ntk_layer_entry(layer, NTK_SLICE_STOP, axis, NAN);
    int64_t from = isnan(start) ? (step < 0 ? high : low) : place(start, n, low, high);
    int64_t to = isnan(stop) ? (step < 0 ? low : high) : place(stop, n, low, high);
    int64_t span = step < 0 ? from - to : to - from, pace = (int64_t)fabs(step);
    return (range){from, (int64_t)step, pace > 0 && span > 0 ? (span - 1) / pace + 1 : 0};
}

static void weights(const ntk_layer *layer, int axis, int64_t in, int64_t out, int64_t o, double *w)
{
    range r = range_of(layer, axis, in);
    (void)out;
    for (int64_t i = 0; i < in; ++i) w[i] = i == r.start + o * r.step;
}

static ntk_status compile(ntk_compiler *c, const ntk_layer *layer, int input, int *output)
{
    const ntk_value *in = ntk_compiler_value(c, input);
    int64_t extents[NTK_MAX_NDIM];
    ntk_status status;
    for (int key = NTK_SLICE_START; key <= NTK_SLICE_STEP; ++key) NTK_TRY(ntk_compile_spatial_list(c, layer, key, input));
    for (int a = 0; a < in->ndim - 1; ++a) {
        if (ntk_layer_entry(layer, NTK_SLICE_STEP, a, 1) == 0)
            return ntk_fail_at(c->ctx, NTK_ERROR_NETWORK, layer->path, "step is 0 along axis %d; expected another integer", a);
        extents[a] = range_of(layer, a, in->shape[a]).out;
        if (extents[a] == 0)
            return ntk_fail_at(c->ctx, NTK_ERROR_NETWORK, layer->path, "the slice leaves nothing of the %lld positions along axis %d",
                               (long long)in->shape[a], a);
    }
    NTK_TRY(ntk_compile_blend(c, layer, input, extents, output));
done:
    return status;
}

const ntk_op ntk_op_slice = {
    .name = "slice",
    .keys = keys,
    .compile = compile,
    .weights = weights,
    .finite = NTK_BOTH(ntk_finite_blend),
    .infinite = &ntk_infinite_blend,
};
