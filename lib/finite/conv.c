/*
 * conv and conv_transpose: with the columns of their windows (columns.c) both are the dense map at every output position,
 *
 *     z = a col(X) Wᵀ + c b,     W [units, taps channels],
 *     dz = a (col(dX) Wᵀ + col(X) dWᵀ) + c db,
 *     backward, delta = d/dz:   dX += colᵀ(a delta W),   gradient of W = a deltaᵀ col(X),   of b = c sum of the rows of delta,
 *
 * in blocks of rows (sample, position).  A row of J is the same gradient with the positions of one sample.  With vector instructions at hand the first, dX and
 * rows of J go without columns (conv_direct.c).
 */
#include "finite.h"
#include "linalg.h"
#include "real.h"

#include <string.h>

/* Z [rows, units] = scale * the bias in theta, or 0. */
static void fill_bias(const ntk_step *s, int64_t rows, double scale, const real *theta, real *z)
{
    const real *bias = theta + s->offset + s->units * s->fan_in, c = (real)scale;
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t i = 0; i < s->units; ++i) z[r * s->units + i] = s->bias ? c * bias[i] : 0;
}

/* Z [n positions, units] += scale col(X) Wᵀ. */
static ntk_status add_product(const ntk_tape *t, const ntk_step *s, const ntk_columns *c, double scale, const real *x, const real *theta, real *z)
{
    ntk_status status = NTK_OK;
    int64_t total = t->n * c->positions;
    if (ntk_conv_goes_direct(t->ctx)) return ntk_conv_direct(t, s, c, scale, x, theta, z);
    for (int64_t row = 0; row < total; row += c->rows) {
        int64_t rows = NTK_MIN(c->rows, total - row);
        ntk_columns_gather(c, x, row, 1, rows);
        NTK_TRY(ntk_gemm(t->ctx, NTK_REAL, NTK_PLAIN, NTK_TRANSPOSED, rows, s->units, s->fan_in, scale, c->block, s->fan_in,
                         theta + s->offset, s->fan_in, 1, z + row * s->units, s->units));
    }
done:
    return status;
}

static ntk_status forward(ntk_tape *t, const ntk_step *s)
{
    ntk_affine affine = ntk_step_affine(s);
    ntk_columns c;
    ntk_status status;
    real *z = t->value[s->output];
    NTK_TRY(ntk_columns_open(t, s, &c));
    fill_bias(s, t->n * c.positions, affine.bias_scale, t->theta, z);
    NTK_TRY(add_product(t, s, &c, affine.weight_scale, t->value[s->inputs[0]], t->theta, z));
done:
    ntk_columns_close(&c);
    return status;
}

static ntk_status tangent(ntk_tape *t, const ntk_step *s)
{
    ntk_affine affine = ntk_step_affine(s);
    ntk_columns c;
    ntk_status status;
    const real *dx = t->tangent[s->inputs[0]];
    real *dz = t->tangent[s->output];
    NTK_TRY(ntk_columns_open(t, s, &c));
    fill_bias(s, t->n * c.positions, affine.bias_scale, t->v, dz);
    NTK_TRY(add_product(t, s, &c, affine.weight_scale, t->value[s->inputs[0]], t->v, dz));
    if (dx) NTK_TRY(add_product(t, s, &c, affine.weight_scale, dx, t->theta, dz));
done:
    ntk_columns_close(&c);
    return status;
}

/* ---- backward -------------------------------------------------------------------------------------------------- */

/* Gradient of W = beta * itself + scale deltaᵀ col(X) over the positions [first, first + count) of (sample, position). */
static ntk_status add_weights(const ntk_tape *t, const ntk_step *s, const ntk_columns *c, double scale, int64_t first, int64_t count,
                              const real *delta, double beta, real *w)
{
    ntk_columns_gather(c, t->value[s->inputs[0]], first, 1, count);
    return ntk_gemm(t->ctx, NTK_REAL, NTK_TRANSPOSED, NTK_PLAIN, s->units, s->fan_in, count, scale, delta, s->units, c->block, s->fan_in, beta, w,
                    s->fan_in);
}

/* bias [count] += scale * sum over the rows of delta, of the first units. */
static void add_bias(const ntk_step *s, int64_t rows, int64_t count, double scale, const real *delta, real *bias)
{
    real c = (real)scale;
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t i = 0; i < count; ++i) bias[i] += c * delta[r * s->units + i];
}

static ntk_status add_sum(const ntk_tape *t, const ntk_step *s, const ntk_columns *c, const ntk_affine *affine)
{
    ntk_status status = NTK_OK;
    const real *delta = t->cotangent[s->output];
    real *w = t->gradient + s->offset;
    int64_t total = t->n * c->positions;
    if (s->bias) add_bias(s, total, s->units, affine->bias_scale, delta, w + s->units * s->fan_in);
    for (int64_t row = 0; row < total; row += c->rows)
        NTK_TRY(add_weights(t, s, c, affine->weight_scale, row, NTK_MIN(c->rows, total - row), delta + row * s->units, 1, w));
done:
    return status;
}

/* Row by row of J.  The columns of a sample are gathered once for all its rows, block by block of positions. */
static ntk_status write_sample(const ntk_tape *t, const ntk_step *s, const ntk_columns *c, const ntk_share *share, double scale, int64_t begin, int64_t end)
{
    ntk_status status = NTK_OK;
    int64_t sample = ntk_tape_sample(t, begin), out = c->positions * s->units;
    for (int64_t at = 0; at < c->positions; at += c->rows) {
        int64_t count = NTK_MIN(c->rows, c->positions - at);
        ntk_columns_gather(c, t->value[s->inputs[0]], sample * c->positions + at, 1, count);
        for (int64_t r = begin; r < end; ++r)
            NTK_TRY(ntk_gemm(t->ctx, NTK_REAL, NTK_TRANSPOSED, NTK_PLAIN, share->units, s->fan_in, count, scale,
                             t->cotangent[s->output] + r * out + at * s->units + share->unit, s->units, c->block, s->fan_in, at > 0,
                             ntk_tape_place(t, r, s->offset + share->unit * s->fan_in), s->fan_in));
    }
done:
    return status;
}

static ntk_status write_rows(const ntk_tape *t, const ntk_step *s, const ntk_columns *c, const ntk_affine *affine)
{
    ntk_status status = NTK_OK;
    ntk_share share = ntk_tape_share(t, s);
    int64_t out = c->positions * s->units;
    bool direct = share.units > 0 && ntk_conv_gradient_goes_direct(t->ctx, c);
    if (direct) NTK_TRY(ntk_conv_direct_rows(t, s, c, &share, affine->weight_scale));
    for (int64_t r = 0, end; !direct && share.units > 0 && r < t->rows; r = end) {
        for (end = r + 1; end < t->rows && ntk_tape_sample(t, end) == ntk_tape_sample(t, r);) ++end;
        NTK_TRY(write_sample(t, s, c, &share, affine->weight_scale, r, end));
    }
    for (int64_t r = 0; share.biases > 0 && r < t->rows; ++r) {
        real *bias = ntk_tape_place(t, r, s->offset + s->units * s->fan_in + share.bias);
        memset(bias, 0, (size_t)share.biases * sizeof *bias);
        add_bias(s, c->positions, share.biases, affine->bias_scale, t->cotangent[s->output] + r * out + share.bias, bias);
    }
done:
    return status;
}

/* dX = or += colᵀ(scale delta W), by the columns. */
static ntk_status add_columns(const ntk_tape *t, const ntk_step *s, const ntk_columns *c, double scale, bool fresh, real *dx)
{
    ntk_status status = NTK_OK;
    int64_t total = t->rows * c->positions;
    if (fresh) memset(dx, 0, (size_t)(t->rows * c->in) * sizeof *dx);
    for (int64_t row = 0; row < total; row += c->rows) {
        int64_t rows = NTK_MIN(c->rows, total - row);
        NTK_TRY(ntk_gemm(t->ctx, NTK_REAL, NTK_PLAIN, NTK_PLAIN, rows, s->fan_in, s->units, scale, t->cotangent[s->output] + row * s->units,
                         s->units, t->theta + s->offset, s->fan_in, 0, c->block, s->fan_in));
        ntk_columns_scatter(c, row, 1, rows, dx);
    }
done:
    return status;
}

static ntk_status add_input(const ntk_tape *t, const ntk_step *s, const ntk_columns *c, double scale, bool fresh, real *dx)
{
    bool direct = false;
    ntk_status status = NTK_OK;
    if (ntk_conv_goes_direct(t->ctx)) NTK_TRY(ntk_conv_direct_back(t, s, c, scale, fresh, dx, &direct));
    if (!direct) NTK_TRY(add_columns(t, s, c, scale, fresh, dx));
done:
    return status;
}

static ntk_status backward(ntk_tape *t, const ntk_step *s)
{
    ntk_affine affine = ntk_step_affine(s);
    ntk_columns c;
    ntk_status status;
    real *dx;
    bool fresh;
    NTK_TRY(ntk_columns_open(t, s, &c));
    if (t->gradient) NTK_TRY((t->sum ? add_sum : write_rows)(t, s, &c, &affine));
    NTK_TRY(ntk_tape_cotangent_fresh(t, s->inputs[0], &dx, &fresh));
    if (dx) NTK_TRY(add_input(t, s, &c, affine.weight_scale, fresh, dx));
done:
    ntk_columns_close(&c);
    return status;
}

const ntk_finite_op ntk_finite_conv = {forward, tangent, backward};
