/*
 * Attention of one sample, head by head (lib/network/attention.c has the layer and its parameters).  z [P, c] is the input plus or beside
 * pos_emb_std E, v = z or the input; with S = g Q Kᵀ, g = q_std k_std/(c d), A = mechanism(S), a = o_std v_std/sqrt(dim_value heads c_v)
 *
 *     Q = z W_qᵀ,  K = z W_kᵀ (linear scaling: Q = K),  V = v W_vᵀ,  O = A V,  y = a sum over heads of O W_oᵀ + b_std b
 *
 *     dS = g (dQ Kᵀ + Q dKᵀ),  dA = m'(S) dS, of the softmax A o (dS - rows of sum (A o dS)),  dO = dA V + A dV
 *
 * and backward the transposed chain; m' as a map of a row is symmetric for every mechanism, so one function serves both ways.
 */
#include "finite.h"
#include "linalg.h"
#include "real.h"

#include <math.h>
#include <string.h>

/* Arrays of one sample and one head; d...: tangents or cotangents. */
typedef struct work {
    ntk_context *ctx;
    ntk_attention l;
    double g, a; /* the scales */
    real b;      /* of the bias */
    real *z, *q, *k, *v, *s, *m, *o;       /* m: A */
    real *dz, *dq, *dk, *dv, *ds, *dm, *d_o;
    real *dx; /* of the values' input, where that is not z */
    real *block;
} work;

static ntk_status open_work(ntk_tape *t, const ntk_step *s, work *w)
{
    ntk_status status;
    ntk_attention l = ntk_step_attention(t->network, s);
    int64_t p = l.positions, pairs, keys, values, wide, size = 0;
    *w = (work){.ctx = t->ctx, .l = l};
    w->g = l.q_std * l.k_std / ((double)l.c * (l.linear ? (double)l.dim_key : sqrt((double)l.dim_key)));
    w->a = l.o_std * l.v_std / sqrt((double)l.dim_value * (double)l.heads * (double)l.c_v);
    w->b = (real)s->b_std;
    NTK_TRY(ntk_size_product(t->ctx, "attention", p, p, &pairs));
    NTK_TRY(ntk_size_product(t->ctx, "attention", p, l.dim_key, &keys));
    NTK_TRY(ntk_size_product(t->ctx, "attention", p, l.dim_value, &values));
    NTK_TRY(ntk_size_product(t->ctx, "attention", p, l.c, &wide));
    {
        const struct { real **at; int64_t count; } parts[] = {
            {&w->z, wide}, {&w->q, keys}, {&w->k, keys}, {&w->v, values}, {&w->s, pairs}, {&w->m, pairs}, {&w->o, values},
            {&w->dz, wide}, {&w->dq, keys}, {&w->dk, keys}, {&w->dv, values}, {&w->ds, pairs}, {&w->dm, pairs}, {&w->d_o, values}, {&w->dx, wide},
        };
        for (size_t i = 0; i < NTK_ARRAY_LENGTH(parts); ++i)
            if (__builtin_add_overflow(size, parts[i].count, &size)) return ntk_fail(t->ctx, NTK_ERROR_OVERFLOW, "attention exceeds 63 bits");
        NTK_TRY(ntk_memory_require(t->ctx, "attention", (double)size * sizeof(real)));
        NTK_TRY(NTK_NEW(t->ctx, size, &w->block));
        size = 0;
        for (size_t i = 0; i < NTK_ARRAY_LENGTH(parts); size += parts[i++].count) *parts[i].at = w->block + size;
    }
done:
    return status;
}

/* c [m, n] = alpha op(a) op(b) + beta c, dense but for the strides of a and b. */
static ntk_status product(const work *w, bool ta, bool tb, int64_t m, int64_t n, int64_t k, double alpha, const real *a, int64_t lda, const real *b,
                          int64_t ldb, double beta, real *c, int64_t ldc)
{
    return ntk_gemm(w->ctx, NTK_REAL, ta ? NTK_TRANSPOSED : NTK_PLAIN, tb ? NTK_TRANSPOSED : NTK_PLAIN, m, n, k, alpha, a, lda, b, ldb, beta, c, ldc);
}

/* z of x and the embedding e (NULL: zero). */
static void embed(const work *w, const real *x, const real *e, real *z)
{
    int64_t channels = w->l.channels, c = w->l.c;
    for (int64_t p = 0; p < w->l.positions; ++p)
        for (int64_t i = 0; i < channels; ++i) {
            real own = x ? x[p * channels + i] : 0, place = e ? (real)w->l.pos_emb_std * e[p * channels + i] : 0;
            z[p * c + i] = own + (w->l.pos_emb == NTK_POS_EMB_SUM ? place : 0);
            if (w->l.pos_emb == NTK_POS_EMB_CONCAT) z[p * c + channels + i] = place;
        }
}

static const real *embedding(const work *w, const real *parameters)
{
    return w->l.positional < 0 ? NULL : parameters + w->l.positional;
}

/* The weights of head h, of `dim` rows. */
static const real *head(const real *parameters, int64_t block, int64_t h, int64_t dim, int64_t c)
{
    return parameters + block + h * dim * c;
}

static int64_t query_block(const work *w)
{
    return w->l.linear ? w->l.key : w->l.query;
}

/* One row of A from one row of S. */
static void apply_mechanism(ntk_mechanism mechanism, int64_t n, const real *s, real *m)
{
    real most = -INFINITY, sum = 0;
    for (int64_t i = 0; i < n; ++i) most = NTK_MAX(most, s[i]);
    for (int64_t i = 0; i < n; ++i) {
        if (mechanism == NTK_MECHANISM_SOFTMAX) sum += m[i] = (real)exp((double)(s[i] - most));
        else m[i] = mechanism == NTK_MECHANISM_ABS ? (real)fabs((double)s[i]) : mechanism == NTK_MECHANISM_RELU ? NTK_MAX(s[i], 0) : s[i];
    }
    for (int64_t i = 0; mechanism == NTK_MECHANISM_SOFTMAX && i < n; ++i) m[i] /= sum;
}

/* to = m'(s) from, one row; at a kink the left derivative. */
static void apply_derivative(ntk_mechanism mechanism, int64_t n, const real *s, const real *m, const real *from, real *to)
{
    real along = 0;
    for (int64_t i = 0; i < n; ++i) along += m[i] * from[i];
    for (int64_t i = 0; i < n; ++i) {
        if (mechanism == NTK_MECHANISM_SOFTMAX) to[i] = m[i] * (from[i] - along);
        else to[i] = from[i] * (real)(mechanism == NTK_MECHANISM_ABS ? (s[i] > 0 ? 1 : -1) : mechanism == NTK_MECHANISM_RELU ? (s[i] > 0 ? 1 : 0) : 1);
    }
}

static void derive(const work *w, const real *from, real *to)
{
    int64_t p = w->l.positions;
    for (int64_t i = 0; i < p; ++i) apply_derivative(w->l.mechanism, p, w->s + i * p, w->m + i * p, from + i * p, to + i * p);
}

/* What the values are made of: the input, or z. */
static const real *values_input(const work *w, const real *x, const real *z)
{
    return w->l.val_pos_emb ? z : x;
}

/* Q, K, V, S, A, O of head h at input x; z is there. */
static ntk_status run_head(const work *w, const real *theta, const real *x, int64_t h)
{
    ntk_status status;
    const ntk_attention *l = &w->l;
    int64_t p = l->positions, c = l->c, dk = l->dim_key, dv = l->dim_value;
    NTK_TRY(product(w, false, true, p, dk, c, 1, w->z, c, head(theta, query_block(w), h, dk, c), c, 0, w->q, dk));
    NTK_TRY(product(w, false, true, p, dk, c, 1, w->z, c, head(theta, l->key, h, dk, c), c, 0, w->k, dk));
    NTK_TRY(product(w, false, true, p, dv, l->c_v, 1, values_input(w, x, w->z), l->c_v, head(theta, l->value, h, dv, l->c_v), l->c_v, 0, w->v, dv));
    NTK_TRY(product(w, false, true, p, p, dk, w->g, w->q, dk, w->k, dk, 0, w->s, p));
    for (int64_t i = 0; i < p; ++i) apply_mechanism(l->mechanism, p, w->s + i * p, w->m + i * p);
    NTK_TRY(product(w, false, false, p, dv, p, 1, w->m, p, w->v, dv, 0, w->o, dv));
done:
    return status;
}

static void fill_bias(const work *w, const real *parameters, real *y)
{
    for (int64_t p = 0; p < w->l.positions; ++p)
        for (int64_t u = 0; u < w->l.units; ++u) y[p * w->l.units + u] = w->l.bias < 0 ? 0 : w->b * parameters[w->l.bias + u];
}

/* y += a O W_oᵀ */
static ntk_status add_output(const work *w, const real *parameters, const real *o, int64_t h, real *y)
{
    const ntk_attention *l = &w->l;
    int64_t stride = l->heads * l->dim_value;
    return product(w, false, true, l->positions, l->units, l->dim_value, w->a, o, l->dim_value, parameters + l->out + h * l->dim_value, stride, 1, y, l->units);
}

static ntk_status forward(ntk_tape *t, const ntk_step *s)
{
    ntk_status status;
    work w;
    const real *theta = t->theta + s->offset;
    NTK_TRY(open_work(t, s, &w));
    for (int64_t i = 0; i < t->n; ++i) {
        const real *x = t->value[s->inputs[0]] + i * ntk_tape_size(t, s->inputs[0]);
        real *y = t->value[s->output] + i * ntk_tape_size(t, s->output);
        embed(&w, x, embedding(&w, theta), w.z);
        fill_bias(&w, theta, y);
        for (int64_t h = 0; h < w.l.heads; ++h) {
            NTK_TRY(run_head(&w, theta, x, h));
            NTK_TRY(add_output(&w, theta, w.o, h, y));
        }
    }
done:
    ntk_free(w.block);
    return status;
}

/* ---- forward mode ---------------------------------------------------------------------------------------------- */

/* to = z dWᵀ + dz Wᵀ */
static ntk_status project(const work *w, int64_t dim, int64_t c, const real *z, const real *d_weights, const real *dz, const real *weights, real *to)
{
    ntk_status status;
    NTK_TRY(product(w, false, true, w->l.positions, dim, c, 1, z, c, d_weights, c, 0, to, dim));
    NTK_TRY(product(w, false, true, w->l.positions, dim, c, 1, dz, c, weights, c, 1, to, dim));
done:
    return status;
}

/* dx stands in w->dx, dz in w->dz. */
static ntk_status tangent_head(const work *w, const real *theta, const real *v, const real *x, int64_t h, real *dy)
{
    ntk_status status;
    const ntk_attention *l = &w->l;
    int64_t p = l->positions, c = l->c, c_v = l->c_v, dk = l->dim_key, dv = l->dim_value, q = query_block(w);
    NTK_TRY(project(w, dk, c, w->z, head(v, q, h, dk, c), w->dz, head(theta, q, h, dk, c), w->dq));
    NTK_TRY(project(w, dk, c, w->z, head(v, l->key, h, dk, c), w->dz, head(theta, l->key, h, dk, c), w->dk));
    NTK_TRY(project(w, dv, c_v, values_input(w, x, w->z), head(v, l->value, h, dv, c_v), values_input(w, w->dx, w->dz), head(theta, l->value, h, dv, c_v), w->dv));
    NTK_TRY(product(w, false, true, p, p, dk, w->g, w->dq, dk, w->k, dk, 0, w->ds, p));
    NTK_TRY(product(w, false, true, p, p, dk, w->g, w->q, dk, w->dk, dk, 1, w->ds, p));
    derive(w, w->ds, w->dm);
    NTK_TRY(product(w, false, false, p, dv, p, 1, w->dm, p, w->v, dv, 0, w->d_o, dv));
    NTK_TRY(product(w, false, false, p, dv, p, 1, w->m, p, w->dv, dv, 1, w->d_o, dv));
    NTK_TRY(add_output(w, theta, w->d_o, h, dy));
    NTK_TRY(add_output(w, v, w->o, h, dy));
done:
    return status;
}

static ntk_status tangent(ntk_tape *t, const ntk_step *s)
{
    ntk_status status;
    work w;
    const real *theta = t->theta + s->offset, *v = t->v + s->offset, *tangents = t->tangent[s->inputs[0]];
    int64_t in = ntk_tape_size(t, s->inputs[0]);
    NTK_TRY(open_work(t, s, &w));
    for (int64_t i = 0; i < t->n; ++i) {
        const real *x = t->value[s->inputs[0]] + i * in;
        real *dy = t->tangent[s->output] + i * ntk_tape_size(t, s->output);
        embed(&w, x, embedding(&w, theta), w.z);
        embed(&w, tangents ? tangents + i * in : NULL, embedding(&w, v), w.dz);
        if (tangents) memcpy(w.dx, tangents + i * in, (size_t)in * sizeof *w.dx); /* else it stays zero */
        fill_bias(&w, v, dy);
        for (int64_t h = 0; h < w.l.heads; ++h) {
            NTK_TRY(run_head(&w, theta, x, h));
            NTK_TRY(tangent_head(&w, theta, v, x, h, dy));
        }
    }
done:
    ntk_free(w.block);
    return status;
}

/* ---- backward -------------------------------------------------------------------------------------------------- */

/* d W += dToᵀ z, dz += dTo W */
static ntk_status project_back(const work *w, int64_t dim, int64_t c, const real *d_to, const real *z, const real *weights, real *d_weights, real *dz)
{
    ntk_status status;
    NTK_TRY(product(w, true, false, dim, c, w->l.positions, 1, d_to, dim, z, c, 1, d_weights, c));
    NTK_TRY(product(w, false, false, w->l.positions, c, dim, 1, d_to, dim, weights, c, 1, dz, c));
done:
    return status;
}

/* From dy to the parameters' gradient, w->dz, and w->dx where the values read the input. */
static ntk_status backward_head(const work *w, const real *theta, const real *x, int64_t h, const real *dy, real *gradient)
{
    ntk_status status;
    const ntk_attention *l = &w->l;
    int64_t p = l->positions, c = l->c, c_v = l->c_v, dk = l->dim_key, dv = l->dim_value, q = query_block(w), stride = l->heads * dv;
    NTK_TRY(product(w, false, false, p, dv, l->units, w->a, dy, l->units, theta + l->out + h * dv, stride, 0, w->d_o, dv));
    NTK_TRY(product(w, true, false, l->units, dv, p, w->a, dy, l->units, w->o, dv, 1, gradient + l->out + h * dv, stride));
    NTK_TRY(product(w, true, false, p, dv, p, 1, w->m, p, w->d_o, dv, 0, w->dv, dv));
    NTK_TRY(product(w, false, true, p, p, dv, 1, w->d_o, dv, w->v, dv, 0, w->dm, p));
    derive(w, w->dm, w->ds);
    NTK_TRY(product(w, false, false, p, dk, p, w->g, w->ds, p, w->k, dk, 0, w->dq, dk));
    NTK_TRY(product(w, true, false, p, dk, p, w->g, w->ds, p, w->q, dk, 0, w->dk, dk));
    NTK_TRY(project_back(w, dk, c, w->dq, w->z, head(theta, q, h, dk, c), gradient + q + h * dk * c, w->dz));
    NTK_TRY(project_back(w, dk, c, w->dk, w->z, head(theta, l->key, h, dk, c), gradient + l->key + h * dk * c, w->dz));
    NTK_TRY(project_back(w, dv, c_v, w->dv, values_input(w, x, w->z), head(theta, l->value, h, dv, c_v), gradient + l->value + h * dv * c_v,
                         l->val_pos_emb ? w->dz : w->dx));
done:
    return status;
}

/* The transpose of embed(): dz to the input's cotangent and the embedding's gradient; w->dx to the former. */
static void embed_back(const work *w, real *gradient, real *dx)
{
    int64_t channels = w->l.channels, c = w->l.c, shift = w->l.pos_emb == NTK_POS_EMB_CONCAT ? channels : 0;
    for (int64_t p = 0; p < w->l.positions; ++p)
        for (int64_t i = 0; i < channels; ++i) {
            if (dx) dx[p * channels + i] += w->dz[p * c + i] + w->dx[p * channels + i];
            if (w->l.positional >= 0) gradient[w->l.positional + p * channels + i] += (real)w->l.pos_emb_std * w->dz[p * c + shift + i];
        }
}

static ntk_status backward_row(ntk_tape *t, const ntk_step *s, const work *w, int64_t r, real *gradient, real *dx)
{
    ntk_status status = NTK_OK;
    const real *theta = t->theta + s->offset, *dy = t->cotangent[s->output] + r * ntk_tape_size(t, s->output);
    const real *x = t->value[s->inputs[0]] + ntk_tape_sample(t, r) * ntk_tape_size(t, s->inputs[0]);
    embed(w, x, embedding(w, theta), w->z);
    memset(w->dz, 0, (size_t)(w->l.positions * w->l.c) * sizeof *w->dz);
    memset(w->dx, 0, (size_t)(w->l.positions * w->l.channels) * sizeof *w->dx);
    for (int64_t h = 0; h < w->l.heads; ++h) {
        NTK_TRY(run_head(w, theta, x, h));
        NTK_TRY(backward_head(w, theta, x, h, dy, gradient));
    }
    for (int64_t i = 0; w->l.bias >= 0 && i < w->l.positions * w->l.units; ++i) gradient[w->l.bias + i % w->l.units] += w->b * dy[i];
    embed_back(w, gradient, dx);
done:
    return status;
}

/* Of the gradient of one row what of J is wanted. */
static void write_row(const ntk_tape *t, const ntk_step *s, int64_t r, const real *gradient)
{
    int64_t begin = NTK_MAX(s->offset, t->column), end = NTK_MIN(s->offset + s->n_parameters, t->column + t->columns);
    if (begin < end) memcpy(ntk_tape_place(t, r, begin), gradient + begin - s->offset, (size_t)(end - begin) * sizeof *gradient);
}

static ntk_status backward(ntk_tape *t, const ntk_step *s)
{
    ntk_status status;
    work w;
    real *dx, *row = NULL; /* the gradient of one row of J, or of nobody */
    NTK_TRY(open_work(t, s, &w));
    NTK_TRY(ntk_tape_cotangent(t, s->inputs[0], &dx));
    if (!t->sum) NTK_TRY(NTK_NEW_RAW(t->ctx, s->n_parameters, &row));
    for (int64_t r = 0; r < t->rows; ++r) {
        if (row) memset(row, 0, (size_t)s->n_parameters * sizeof *row);
        NTK_TRY(backward_row(t, s, &w, r, row ? row : t->gradient + s->offset, dx ? dx + r * ntk_tape_size(t, s->inputs[0]) : NULL));
        if (row && t->gradient) write_row(t, s, r, row);
    }
done:
    ntk_free(row);
    ntk_free(w.block);
    return status;
}

ntk_status ntk_finite_attention_check(ntk_context *ctx, const ntk_network *network, const ntk_step *s)
{
    ntk_attention l = ntk_step_attention(network, s);
    if (l.pos_emb == NTK_POS_EMB_NONE || l.decay == NTK_DECAY_ONE_HOT) return NTK_OK;
    return ntk_fail_at(ctx, NTK_ERROR_UNSUPPORTED, s->layer->path, "a finite network draws the embedding of each position on its own: pos_emb_decay \"one_hot\" alone");
}

const ntk_finite_op ntk_finite_attention = {forward, tangent, backward};
