/* Mean and sum over all positions:  y = scale sum over p of x(p),  backward dx(p) += scale dy. */
#include "finite.h"
#include "real.h"

static real scale_of(const ntk_tape *t, const ntk_step *s, int64_t *positions, int64_t *channels)
{
    *channels = ntk_tape_size(t, s->output);
    *positions = ntk_tape_size(t, s->inputs[0]) / *channels;
    return s->op == &ntk_op_global_avg_pool ? 1 / (real)*positions : 1;
}

static ntk_status apply(ntk_tape *t, const ntk_step *s, int64_t rows, const real *x, real *y)
{
    int64_t positions, channels;
    real scale = scale_of(t, s, &positions, &channels);
    for (int64_t r = 0; r < rows; ++r, y += channels) {
        for (int64_t k = 0; k < channels; ++k) y[k] = 0;
        for (int64_t p = 0; p < positions; ++p, x += channels)
            for (int64_t k = 0; k < channels; ++k) y[k] += x[k];
        for (int64_t k = 0; k < channels; ++k) y[k] *= scale;
    }
    return NTK_OK;
}

static ntk_status add_transposed(ntk_tape *t, const ntk_step *s, int64_t rows, const real *dy, real *dx)
{
    int64_t positions, channels;
    real scale = scale_of(t, s, &positions, &channels);
    for (int64_t r = 0; r < rows; ++r, dy += channels)
        for (int64_t p = 0; p < positions; ++p, dx += channels)
            for (int64_t k = 0; k < channels; ++k) dx[k] += scale * dy[k];
    return NTK_OK;
}

NTK_LINEAR_OP(ntk_finite_global_pool)
