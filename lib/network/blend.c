/*
 * Blends: ops without parameters whose outputs are fixed mixtures of input positions, channel by channel, axis by axis:
 *
 *     y(o) = sum over i of R_1[o_1, i_1] R_2[o_2, i_2] ... x(i)
 *
 * An op gives the rows of its matrices R; here they become one list of the positions that take part.
 */
#include "network.h"

#include <string.h>

double ntk_layer_entry(const ntk_layer *layer, int key, int axis, double otherwise)
{
    const double *list = layer->numbers[key];
    double entry = list ? list[list[0] == 1 ? 1 : 1 + axis] : otherwise;
    return entry == entry ? entry : otherwise;
}

ntk_status ntk_compile_spatial_list(const ntk_compiler *c, const ntk_layer *layer, int key, int input)
{
    const ntk_value *in = ntk_compiler_value(c, input);
    const double *list = layer->numbers[key];
    char shape[NTK_SHAPE_TEXT];
    if (in->ndim < 2)
        return ntk_fail_at(c->ctx, NTK_ERROR_NETWORK, layer->path, "%s needs spatial axes; its input is %s", layer->op->name,
                           ntk_shape_text(shape, in->ndim, in->shape));
    if (!list || list[0] == 1 || list[0] == in->ndim - 1) return NTK_OK;
    return ntk_fail_at(c->ctx, NTK_ERROR_NETWORK, layer->path, "%s has %.15g entries; expected one, or one for each of the %d spatial axes",
                       ntk_layer_keys(layer)[key].name, list[0], in->ndim - 1);
}

ntk_status ntk_compile_blend(ntk_compiler *c, const ntk_layer *layer, int input, const int64_t *extents, int *output)
{
    ntk_value in = *ntk_compiler_value(c, input);
    ntk_step *step;
    ntk_status status;
    memcpy(in.shape, extents, (size_t)(in.ndim - 1) * sizeof *extents);
    NTK_TRY(ntk_compile_step(c, layer, 1, &input, in.ndim, in.shape, &step));
    *output = step->output;
done:
    return status;
}

/* ---- of a compiled step ---------------------------------------------------------------------------------------- */

/* Along one axis: the inputs of weight other than 0, `count` for each output (-1: fewer), and their weights. */
typedef struct line {
    int64_t in, out, count;
    int64_t *input; /* [out, count] */
    double *weight, *row;
} line;

static void close_line(line *l)
{
    ntk_free(l->input);
    ntk_free(l->weight);
    ntk_free(l->row);
}

/* The entries of row o that are not 0; `store`: to their places. */
static int64_t pick(const ntk_layer *layer, int axis, const line *l, int64_t o, bool store)
{
    int64_t count = 0;
    layer->op->weights(layer, axis, l->in, l->out, o, l->row);
    for (int64_t i = 0; i < l->in; ++i) {
        if (l->row[i] == 0) continue;
        if (store) {
            l->input[o * l->count + count] = i;
            l->weight[o * l->count + count] = l->row[i];
        }
        ++count;
    }
    return count;
}

/* On failure close_line() is still due. */
static ntk_status open_line(ntk_context *ctx, const ntk_layer *layer, int axis, int64_t in, int64_t out, line *l)
{
    ntk_status status;
    int64_t size;
    *l = (line){.in = in, .out = out};
    NTK_TRY(NTK_NEW_RAW(ctx, in, &l->row));
    NTK_TRY(ntk_memory_require(ctx, "the taps of a layer", (double)out * 16));
    NTK_TRY(NTK_NEW_RAW(ctx, out, &l->weight)); /* is there memory for one tap?  Asked before the outputs are counted */
    for (int64_t o = 0; o < out; ++o) l->count = NTK_MAX(l->count, pick(layer, axis, l, o, false));
    NTK_TRY(ntk_size_product(ctx, "the taps of a layer", out, l->count, &size));
    NTK_TRY(ntk_memory_require(ctx, "the taps of a layer", (double)size * 16));
    NTK_TRY(NTK_NEW_RAW(ctx, size, &l->input));
    ntk_free(l->weight);
    l->weight = NULL;
    NTK_TRY(NTK_NEW(ctx, size, &l->weight));
    for (int64_t i = 0; i < size; ++i) l->input[i] = -1;
    for (int64_t o = 0; o < out; ++o) pick(layer, axis, l, o, true);
done:
    return status;
}

/* Tap t of output o, both row-major over all axes. */
static void join(const line *lines, int axes, int64_t o, int64_t t, int64_t *input, double *weight)
{
    int64_t stride = 1;
    *input = 0;
    *weight = 1;
    for (int a = axes - 1; a >= 0; --a) {
        int64_t at = o % lines[a].out * lines[a].count + t % lines[a].count;
        *input = *input < 0 || lines[a].input[at] < 0 ? -1 : *input + stride * lines[a].input[at];
        *weight *= lines[a].weight[at];
        stride *= lines[a].in;
        o /= lines[a].out;
        t /= lines[a].count;
    }
}

static ntk_status join_lines(ntk_context *ctx, const line *lines, int axes, ntk_blend *b)
{
    ntk_status status = NTK_OK;
    int64_t size;
    b->outputs = b->count = 1;
    for (int a = 0; a < axes; ++a) {
        NTK_TRY(ntk_size_product(ctx, "the taps of a layer", b->outputs, lines[a].out, &b->outputs));
        NTK_TRY(ntk_size_product(ctx, "the taps of a layer", b->count, lines[a].count, &b->count));
    }
    NTK_TRY(ntk_size_product(ctx, "the taps of a layer", b->outputs, b->count, &size));
    NTK_TRY(ntk_memory_require(ctx, "the taps of a layer", (double)size * 16));
    NTK_TRY(NTK_NEW_RAW(ctx, size, &b->input));
    NTK_TRY(NTK_NEW_RAW(ctx, size, &b->weight));
    for (int64_t i = 0; i < size; ++i) join(lines, axes, i / b->count, i % b->count, &b->input[i], &b->weight[i]);
done:
    return status;
}

ntk_status ntk_blend_open(ntk_context *ctx, const ntk_network *network, const ntk_step *step, ntk_blend *blend)
{
    const ntk_value *in = &network->values[step->inputs[0]], *out = &network->values[step->output];
    line lines[NTK_MAX_SPATIAL] = {{0}};
    ntk_status status = NTK_OK;
    *blend = (ntk_blend){0};
    for (int a = 0; a < in->ndim - 1; ++a) NTK_TRY(open_line(ctx, step->layer, a, in->shape[a], out->shape[a], &lines[a]));
    NTK_TRY(join_lines(ctx, lines, in->ndim - 1, blend));
done:
    if (status != NTK_OK) ntk_blend_close(blend);
    for (int a = 0; a < NTK_MAX_SPATIAL; ++a) close_line(&lines[a]);
    return status;
}

void ntk_blend_close(ntk_blend *blend)
{
    ntk_free(blend->input);
    ntk_free(blend->weight);
    blend->input = NULL;
    blend->weight = NULL;
}
