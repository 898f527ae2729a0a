/*
 * dense on the channel axis: z = a X Wᵀ + c b, with the scales a, c of the parameterisation; X [rows, fan_in], where a row
 * is one position of one sample.
 *
 *   tangent    dz = a (dX Wᵀ + X dWᵀ) + c db
 *   backward   for delta = d/dz:   dX += a delta W,   gradient of W = a deltaᵀ X,   of b = c sum of the rows of delta,
 *              the sum over all samples in one product; or row by row of J, where each is the sum over the positions of
 *              one sample.
 */
#include "finite.h"
#include "linalg.h"
#include "real.h"

#include <string.h>

/* Numbers per piece of work: enough to pay for a thread. */
#define GRAIN 16384

/* Rows of X per sample. */
static int64_t positions(const ntk_tape *t, const ntk_step *s)
{
    return ntk_tape_size(t, s->output) / s->units;
}

static const real *weights_of(const ntk_step *s, const real *theta)
{
    return theta + s->offset;
}

/* Z [rows, units] = scale * the bias in theta, or 0. */
static void fill_bias(const ntk_step *s, int64_t rows, double scale, const real *theta, real *z)
{
    const real *bias = theta + s->offset + s->units * s->fan_in, c = (real)scale;
    if (!s->bias) {
        memset(z, 0, (size_t)(rows * s->units) * sizeof *z);
        return;
    }
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t i = 0; i < s->units; ++i) z[r * s->units + i] = c * bias[i];
}

/* Z = beta Z + scale X Wᵀ. */
static ntk_status add_product(ntk_tape *t, const ntk_step *s, double scale, const real *x, const real *w, double beta, real *z)
{
    return ntk_gemm(t->ctx, NTK_REAL, NTK_PLAIN, NTK_TRANSPOSED, t->n * positions(t, s), s->units, s->fan_in, scale, x, s->fan_in, w,
                    s->fan_in, beta, z, s->units);
}

static ntk_status forward(ntk_tape *t, const ntk_step *s)
{
    ntk_affine affine = ntk_step_affine(s);
    real *z = t->value[s->output];
    if (s->bias) fill_bias(s, t->n * positions(t, s), affine.bias_scale, t->theta, z);
    return add_product(t, s, affine.weight_scale, t->value[s->inputs[0]], weights_of(s, t->theta), s->bias, z);
}

static ntk_status tangent(ntk_tape *t, const ntk_step *s)
{
    ntk_status status;
    ntk_affine affine = ntk_step_affine(s);
    const real *dx = t->tangent[s->inputs[0]];
    real *dz = t->tangent[s->output];
    fill_bias(s, t->n * positions(t, s), affine.bias_scale, t->v, dz);
    NTK_TRY(add_product(t, s, affine.weight_scale, t->value[s->inputs[0]], weights_of(s, t->v), 1, dz));
    if (dx) NTK_TRY(add_product(t, s, affine.weight_scale, dx, weights_of(s, t->theta), 1, dz));
done:
    return status;
}

/* ---- backward -------------------------------------------------------------------------------------------------- */

/* bias [count] += scale * sum over the rows of delta, `units` apart. */
static void add_bias_gradient(int64_t rows, int64_t count, int64_t units, double scale, const real *delta, real *bias)
{
    real c = (real)scale;
    for (int64_t r = 0; r < rows; ++r)
        for (int64_t i = 0; i < count; ++i) bias[i] += c * delta[r * units + i];
}

static ntk_status add_sum(ntk_tape *t, const ntk_step *s, const ntk_affine *affine)
{
    real *w = t->gradient + s->offset, *delta = t->cotangent[s->output];
    int64_t rows = t->n * positions(t, s);
    if (s->bias) add_bias_gradient(rows, s->units, s->units, affine->bias_scale, delta, w + s->units * s->fan_in);
    return ntk_gemm(t->ctx, NTK_REAL, NTK_TRANSPOSED, NTK_PLAIN, s->units, s->fan_in, rows, affine->weight_scale, delta, s->units,
                    t->value[s->inputs[0]], s->fan_in, 1, w, s->fan_in);
}

typedef struct row_job {
    const ntk_tape *t;
    const ntk_step *s;
    ntk_affine affine;
    ntk_share share;
} row_job;

/* w [count, fan_in] = scale * sum over positions of delta xᵀ, of the first units of delta. */
static void write_outer(const ntk_step *s, int64_t count, int64_t n_positions, double scale, const real *delta, const real *x, real *w)
{
    for (int64_t i = 0; i < count; ++i) {
        real *row = w + i * s->fan_in, a = (real)scale * delta[i];
        for (int64_t c = 0; c < s->fan_in; ++c) row[c] = a * x[c];
        for (int64_t k = 1; k < n_positions; ++k) {
            a = (real)scale * delta[k * s->units + i];
            for (int64_t c = 0; c < s->fan_in; ++c) row[c] += a * x[k * s->fan_in + c];
        }
    }
}

static void write_rows(void *user, int64_t begin, int64_t end, int worker)
{
    const row_job *j = user;
    const ntk_tape *t = j->t;
    const ntk_step *s = j->s;
    const ntk_share *share = &j->share;
    int64_t n_positions = positions(t, s), in = ntk_tape_size(t, s->inputs[0]), out = ntk_tape_size(t, s->output);
    (void)worker;
    for (int64_t r = begin; r < end; ++r) {
        const real *delta = t->cotangent[s->output] + r * out, *x = t->value[s->inputs[0]] + ntk_tape_sample(t, r) * in;
        if (share->units > 0)
            write_outer(s, share->units, n_positions, j->affine.weight_scale, delta + share->unit, x, ntk_tape_place(t, r, s->offset + share->unit * s->fan_in));
        if (share->biases > 0) {
            real *bias = ntk_tape_place(t, r, s->offset + s->units * s->fan_in + share->bias);
            memset(bias, 0, (size_t)share->biases * sizeof *bias);
            add_bias_gradient(n_positions, share->biases, s->units, j->affine.bias_scale, delta + share->bias, bias);
        }
    }
}

static ntk_status backward(ntk_tape *t, const ntk_step *s)
{
    ntk_status status;
    row_job j = {t, s, ntk_step_affine(s), ntk_tape_share(t, s)};
    real *dx;
    bool fresh;
    if (t->sum) NTK_TRY(add_sum(t, s, &j.affine));
    else if (t->gradient) ntk_parallel(t->ctx, t->rows, NTK_MAX(1, GRAIN / NTK_MAX(1, s->units * s->fan_in)), write_rows, &j);
    NTK_TRY(ntk_tape_cotangent_fresh(t, s->inputs[0], &dx, &fresh));
    if (!dx) return NTK_OK;
    NTK_TRY(ntk_gemm(t->ctx, NTK_REAL, NTK_PLAIN, NTK_PLAIN, t->rows * positions(t, s), s->fan_in, s->units, j.affine.weight_scale,
                     t->cotangent[s->output], s->units, weights_of(s, t->theta), s->fan_in, fresh ? 0 : 1, dx, s->fan_in));
done:
    return status;
}

const ntk_finite_op ntk_finite_dense = {forward, tangent, backward};
