/*
 * conv_local: a convolution whose weights and bias are every position's own, W [positions, units, fan_in], b [positions, units].
 * At each output position o it is a dense map of the samples' columns there (columns.c):  z_o = a col_o(X) W_oᵀ + c b_o, and
 * the derivatives are those of dense, position by position; nothing adds up over positions.
 */
#include "finite.h"
#include "linalg.h"
#include "real.h"

static const real *weights_at(const ntk_step *s, const real *theta, int64_t o)
{
    return theta + s->offset + o * s->units * s->fan_in;
}

static const real *bias_of(const ntk_step *s, const real *theta)
{
    return theta + s->offset + s->copies * s->units * s->fan_in;
}

static void fill_bias(const ntk_step *s, int64_t n, double scale, const real *theta, real *z)
{
    const real *bias = bias_of(s, theta);
    int64_t out = s->copies * s->units;
    for (int64_t i = 0; i < n; ++i)
        for (int64_t k = 0; k < out; ++k) z[i * out + k] = s->bias ? (real)scale * bias[k] : 0;
}

/* What is done with the columns of `count` samples from `sample` on, at position o. */
typedef struct local_job {
    const ntk_tape *t;
    const ntk_step *s;
    const ntk_columns *c;
    double scale;
    const real *x, *theta;
    real *z;
} local_job;

typedef ntk_status (*local_work)(const local_job *j, int64_t o, int64_t sample, int64_t count);

static ntk_status for_blocks(const local_job *j, int64_t n, local_work work)
{
    ntk_status status = NTK_OK;
    for (int64_t o = 0; o < j->c->positions; ++o)
        for (int64_t i = 0; i < n; i += j->c->rows) NTK_TRY(work(j, o, i, NTK_MIN(j->c->rows, n - i)));
done:
    return status;
}

/* Numbers of the output from one sample to the next. */
static int64_t stride_of(const ntk_step *s)
{
    return s->copies * s->units;
}

static ntk_status add_product(const local_job *j, int64_t o, int64_t sample, int64_t count)
{
    const ntk_step *s = j->s;
    ntk_columns_gather(j->c, j->x, sample * j->c->positions + o, j->c->positions, count);
    return ntk_gemm(j->t->ctx, NTK_REAL, NTK_PLAIN, NTK_TRANSPOSED, count, s->units, s->fan_in, j->scale, j->c->block, s->fan_in,
                    weights_at(s, j->theta, o), s->fan_in, 1, j->z + sample * stride_of(s) + o * s->units, stride_of(s));
}

static ntk_status forward(ntk_tape *t, const ntk_step *s)
{
    ntk_affine affine = ntk_step_affine(s);
    ntk_columns c;
    ntk_status status;
    local_job j = {t, s, &c, affine.weight_scale, t->value[s->inputs[0]], t->theta, t->value[s->output]};
    NTK_TRY(ntk_columns_open(t, s, &c));
    fill_bias(s, t->n, affine.bias_scale, t->theta, j.z);
    NTK_TRY(for_blocks(&j, t->n, add_product));
done:
    ntk_columns_close(&c);
    return status;
}

static ntk_status tangent(ntk_tape *t, const ntk_step *s)
{
    ntk_affine affine = ntk_step_affine(s);
    ntk_columns c;
    ntk_status status;
    local_job weights = {t, s, &c, affine.weight_scale, t->value[s->inputs[0]], t->v, t->tangent[s->output]};
    local_job input = {t, s, &c, affine.weight_scale, t->tangent[s->inputs[0]], t->theta, t->tangent[s->output]};
    NTK_TRY(ntk_columns_open(t, s, &c));
    fill_bias(s, t->n, affine.bias_scale, t->v, weights.z);
    NTK_TRY(for_blocks(&weights, t->n, add_product));
    if (input.x) NTK_TRY(for_blocks(&input, t->n, add_product));
done:
    ntk_columns_close(&c);
    return status;
}

/* ---- backward -------------------------------------------------------------------------------------------------- */

static ntk_status add_weights(const local_job *j, int64_t o, int64_t sample, int64_t count)
{
    const ntk_step *s = j->s;
    real *w = j->t->gradient + s->offset + o * s->units * s->fan_in;
    ntk_columns_gather(j->c, j->x, sample * j->c->positions + o, j->c->positions, count);
    return ntk_gemm(j->t->ctx, NTK_REAL, NTK_TRANSPOSED, NTK_PLAIN, s->units, s->fan_in, count, j->scale,
                    j->t->cotangent[s->output] + sample * stride_of(s) + o * s->units, stride_of(s), j->c->block, s->fan_in, 1, w, s->fan_in);
}

static ntk_status add_sum(const local_job *j, double bias_scale)
{
    const ntk_step *s = j->s;
    real *bias = j->t->gradient + s->offset + stride_of(s) * s->fan_in;
    for (int64_t i = 0; s->bias && i < j->t->n; ++i)
        for (int64_t k = 0; k < stride_of(s); ++k) bias[k] += (real)bias_scale * j->t->cotangent[s->output][i * stride_of(s) + k];
    return for_blocks(j, j->t->n, add_weights);
}

/* Row r of J at position o: the outer product of delta and the column, written once. */
static void write_row(const local_job *j, const ntk_share *share, int64_t r, int64_t o, double bias_scale)
{
    const ntk_tape *t = j->t;
    const ntk_step *s = j->s;
    const real *delta = t->cotangent[s->output] + r * stride_of(s) + o * s->units;
    int64_t unit = o * s->units;
    ntk_columns_gather(j->c, j->x, ntk_tape_sample(t, r) * j->c->positions + o, 1, 1);
    for (int64_t i = 0; i < s->units; ++i, ++unit) {
        real *w, a = (real)j->scale * delta[i];
        if (unit >= share->bias && unit < share->bias + share->biases)
            *ntk_tape_place(t, r, s->offset + stride_of(s) * s->fan_in + unit) = (real)bias_scale * delta[i];
        if (unit < share->unit || unit >= share->unit + share->units) continue;
        w = ntk_tape_place(t, r, s->offset + unit * s->fan_in);
        for (int64_t k = 0; k < s->fan_in; ++k) w[k] = a * j->c->block[k];
    }
}

static ntk_status add_input(const local_job *j, int64_t o, int64_t sample, int64_t count)
{
    const ntk_step *s = j->s;
    ntk_status status;
    NTK_TRY(ntk_gemm(j->t->ctx, NTK_REAL, NTK_PLAIN, NTK_PLAIN, count, s->fan_in, s->units, j->scale,
                     j->t->cotangent[s->output] + sample * stride_of(s) + o * s->units, stride_of(s), weights_at(s, j->theta, o), s->fan_in, 0,
                     j->c->block, s->fan_in));
    ntk_columns_scatter(j->c, sample * j->c->positions + o, j->c->positions, count, j->z);
done:
    return status;
}

static ntk_status backward(ntk_tape *t, const ntk_step *s)
{
    ntk_affine affine = ntk_step_affine(s);
    ntk_columns c;
    ntk_status status;
    ntk_share share = ntk_tape_share(t, s);
    local_job j = {t, s, &c, affine.weight_scale, t->value[s->inputs[0]], t->theta, NULL};
    NTK_TRY(ntk_columns_open(t, s, &c));
    if (t->sum) NTK_TRY(add_sum(&j, affine.bias_scale));
    for (int64_t r = 0; !t->sum && t->gradient && r < t->rows; ++r)
        for (int64_t o = 0; o < c.positions; ++o) write_row(&j, &share, r, o, affine.bias_scale);
    NTK_TRY(ntk_tape_cotangent(t, s->inputs[0], &j.z));
    if (j.z) NTK_TRY(for_blocks(&j, t->rows, add_input));
done:
    ntk_columns_close(&c);
    return status;
}

const ntk_finite_op ntk_finite_conv_local = {forward, tangent, backward};
