/* Fixed mixtures of positions (slice, resize):  y(o) = sum over t of w[o, t] x(i[o, t]), channel by channel. */
#include "finite.h"
#include "real.h"


static void add(int64_t channels, real w, const real *from, real *to)
{
    for (int64_t k = 0; k < channels; ++k) to[k] += w * from[k];
}

static ntk_status apply(ntk_tape *t, const ntk_step *s, int64_t rows, const real *x, real *y)
{
    ntk_blend b;
    int64_t in = ntk_tape_size(t, s->inputs[0]), out = ntk_tape_size(t, s->output), channels;
    ntk_status status = ntk_blend_open(t->ctx, t->network, s, &b);
    if (status != NTK_OK) return status;
    channels = out / b.outputs;
    for (int64_t i = 0; i < rows * out; ++i) y[i] = 0;
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t i = 0; i < b.outputs * b.count; ++i)
            if (b.input[i] >= 0) add(channels, (real)b.weight[i], x + r * in + b.input[i] * channels, y + r * out + i / b.count * channels);
    ntk_blend_close(&b);
    return NTK_OK;
}

static ntk_status add_transposed(ntk_tape *t, const ntk_step *s, int64_t rows, const real *dy, real *dx)
{
    ntk_blend b;
    int64_t in = ntk_tape_size(t, s->inputs[0]), out = ntk_tape_size(t, s->output), channels;
    ntk_status status = ntk_blend_open(t->ctx, t->network, s, &b);
    if (status != NTK_OK) return status;
    channels = out / b.outputs;
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t i = 0; i < b.outputs * b.count; ++i)
            if (b.input[i] >= 0) add(channels, (real)b.weight[i], dy + r * out + i / b.count * channels, dx + r * in + b.input[i] * channels);
    ntk_blend_close(&b);
    return NTK_OK;
}

NTK_LINEAR_OP(ntk_finite_blend)
