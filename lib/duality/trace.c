/*
 * The trace that K = G Gᵀ and F = Gᵀ G share, G = J D^-1/2: exactly, row by row of J, or from products with J alone.
 *
 *     exact         sum over rows |G_i|², or of dense layers |delta|² |x|² without the rows
 *     Hutchinson    E |Gᵀ z|² for z of independent signs; variance 2 (|K|_F² - |diag K|²)                    (Hutchinson 1990)
 *     Hutch++       tr K = tr QᵀKQ + tr (1 - QQᵀ) K (1 - QQᵀ),  Q an orthonormal basis of K S for random S:  the first term is
 *                   sum |Gᵀ q|², exact; only what Q misses is estimated                                      (Meyer, Musco, Musco & Woodruff 2021)
 *
 * Spectra of networks are a few large eigenvalues and a long tail, which is what Hutch++ is for.  The error bar is the standard error of the
 * estimated term, from the scatter of its own samples; 0 where Q holds everything.
 *
 * All of it on N numbers if N <= p, else on p numbers with G in the place of Gᵀ.
 */
#include "duality.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define ROWS_BYTES (64.0 * 1048576)

static ntk_status by_rows(ntk_context *ctx, const ntk_jacobian *j, const ntk_optimizer *optimizer, double *trace)
{
    ntk_status status;
    double *rows = NULL, sum = 0;
    int64_t p = j->columns, step = NTK_MAX(1, (int64_t)(ROWS_BYTES / (8.0 * (double)NTK_MAX(p, 1)))), count;
    step = NTK_MIN(step, NTK_MAX(j->rows, 1));
    NTK_TRY(ntk_size_product(ctx, "rows of J", step, p, &count));
    NTK_TRY(NTK_NEW_RAW(ctx, count, &rows));
    for (int64_t i = 0; i < j->rows; i += step) {
        int64_t m = NTK_MIN(step, j->rows - i);
        NTK_TRY_PART(ctx, (double)i / (double)j->rows, (double)(i + m) / (double)j->rows, ntk_jacobian_dense_rows(ctx, j, i, m, rows));
        ntk_optimizer_scale(optimizer, m, p, rows, 0.5);
        sum += ntk_square_sum(m * p, rows);
    }
    *trace = sum;
done:
    ntk_free(rows);
    return status;
}

/* Of dense layers, whose rows of G are outer products: |delta xᵀ|² = |delta|² |x|², without J (lib/finite/factors.c). */
static ntk_status by_factors(ntk_context *ctx, const ntk_jacobian *j, const ntk_optimizer *optimizer, double *trace)
{
    ntk_factors f;
    double sum = 0;
    int64_t n = j->rows / j->outputs;
    ntk_status status = ntk_factors_create(ctx, j->network, optimizer, NTK_OUTPUTS_TRACE, NULL, j->theta, n, j->x, &f);
    if (status != NTK_OK) return status;
    for (int64_t l = 0; l < f.count; ++l) {
        const ntk_factor *layer = &f.layers[l];
        for (int64_t i = 0; layer->inputs && i < n; ++i)
            sum += ntk_square_sum(layer->width, layer->inputs + i * layer->width) *
                   ntk_square_sum(layer->rows * layer->units, layer->cotangents + i * layer->rows * layer->units);
    }
    *trace = sum;
    ntk_factors_clear(&f);
    return NTK_OK;
}

static ntk_status exact(ntk_context *ctx, const ntk_jacobian *j, const ntk_optimizer *optimizer, double *trace)
{
    double limit = (double)ctx->options.memory_limit;
    if (j->network && j->dtype == NTK_F64 && ntk_factors_plain(j->network) && ntk_factors_fit(j->network, optimizer) && (limit == 0 || ntk_factors_bytes(j->network, NULL, NTK_F64, j->rows / j->outputs) <= limit))
        return by_factors(ctx, j, optimizer, trace);
    return by_rows(ctx, j, optimizer, trace);
}

/* G on the chosen side: `down` from the smaller to the larger, `up` back. */
typedef struct side {
    const ntk_jacobian *j;
    const ntk_optimizer *optimizer;
    bool parameters; /* the smaller side */
    int64_t size, other;
    uint64_t seed;
    double *image;   /* [max] */
} side;

static ntk_status backward_product(ntk_context *ctx, const side *s, const double *u, double *out)
{
    ntk_status status = ntk_jacobian_dense_apply_transposed(ctx, s->j, u, out);
    ntk_optimizer_scale(s->optimizer, 1, s->j->columns, out, 0.5);
    return status;
}

static ntk_status forward_product(ntk_context *ctx, const side *s, double *v, double *out)
{
    ntk_optimizer_scale(s->optimizer, 1, s->j->columns, v, 0.5);
    return ntk_jacobian_dense_apply(ctx, s->j, v, out);
}

/* image [other] = what G makes of z [size]; z may be scaled. */
static ntk_status down(ntk_context *ctx, const side *s, double *z)
{
    return s->parameters ? forward_product(ctx, s, z, s->image) : backward_product(ctx, s, z, s->image);
}

/* z [size] from the image. */
static ntk_status up(ntk_context *ctx, const side *s, double *z)
{
    return s->parameters ? backward_product(ctx, s, s->image, z) : forward_product(ctx, s, s->image, z);
}

static void signs(const side *s, uint64_t stream, double *z)
{
    for (int64_t i = 0; i < s->size; ++i) z[i] = ntk_random_normal(s->seed, stream, (uint64_t)i) < 0 ? -1 : 1;
}

/* Normal numbers for a sketch: signs are linearly dependent too often where there are few of them. */
static void normals(const side *s, uint64_t stream, double *z)
{
    for (int64_t i = 0; i < s->size; ++i) z[i] = ntk_random_normal(s->seed, stream, (uint64_t)i);
}

/* z -= Qᵀ Q z, twice. */
static ntk_status remove(ntk_context *ctx, int64_t count, int64_t n, const double *q, double *c, double *z)
{
    ntk_status status = NTK_OK;
    for (int turn = 0; turn < 2 && count > 0; ++turn) {
        NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, count, 1, n, 1, q, n, z, 1, 0, c, 1));
        NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_TRANSPOSED, NTK_PLAIN, n, 1, count, -1, q, n, c, 1, 1, z, 1));
    }
done:
    return status;
}

/* A sketch vector K s, made orthonormal to those before; *count grows unless nothing new was left of it. */
static ntk_status sketch(ntk_context *ctx, const side *s, uint64_t stream, double *q, double *c, int64_t *count)
{
    ntk_status status;
    double *z = q + *count * s->size, before, norm;
    normals(s, stream, z);
    NTK_TRY_PART(ctx, 0, 0.5, down(ctx, s, z));
    NTK_TRY_PART(ctx, 0.5, 1, up(ctx, s, z));
    before = ntk_norm(1, s->size, z);
    NTK_TRY(remove(ctx, *count, s->size, q, c, z));
    norm = ntk_norm(1, s->size, z);
    if (!(norm > 1e3 * DBL_EPSILON * before)) return NTK_OK;
    for (int64_t i = 0; i < s->size; ++i) z[i] /= norm;
    ++*count;
done:
    return status;
}

/* |G z|² of z less its part in Q. */
static ntk_status square(ntk_context *ctx, const side *s, int64_t count, const double *q, double *c, double *z, double *value)
{
    ntk_status status;
    NTK_TRY(remove(ctx, count, s->size, q, c, z));
    NTK_TRY(down(ctx, s, z));
    *value = ntk_square_sum(s->other, s->image);
done:
    return status;
}

typedef struct estimate {
    int64_t sketches, samples;
    double exact, mean, deviations; /* of what Q holds; of the rest, and the sum of squared deviations */
} estimate;

/* Numbers [sketches] of Q: a row of Q at a time, whose copy `down` may scale. */
static ntk_status held(ntk_context *ctx, const side *s, int64_t count, const double *q, double *z, double from, double to, estimate *e)
{
    ntk_status status = NTK_OK;
    for (int64_t i = 0; i < count; ++i) {
        double a = from + (to - from) * (double)i / (double)count, b = from + (to - from) * (double)(i + 1) / (double)count;
        memcpy(z, q + i * s->size, (size_t)s->size * sizeof *z);
        NTK_TRY_PART(ctx, a, b, down(ctx, s, z));
        e->exact += ntk_square_sum(s->other, s->image);
    }
done:
    return status;
}

static ntk_status run(ntk_context *ctx, const side *s, double *q, double *c, double *z, estimate *e)
{
    ntk_status status = NTK_OK;
    int64_t count = 0, parts = 3 * e->sketches + e->samples;
    for (int64_t i = 0; i < e->sketches; ++i)
        NTK_TRY_PART(ctx, (double)(2 * i) / (double)parts, (double)(2 * i + 2) / (double)parts, sketch(ctx, s, (uint64_t)i, q, c, &count));
    NTK_TRY(held(ctx, s, count, q, z, (double)(2 * e->sketches) / (double)parts, (double)(3 * e->sketches) / (double)parts, e));
    if (count == s->size) return NTK_OK; /* Q is everything */
    for (int64_t i = 0; i < e->samples; ++i) {
        double value = 0, off;
        signs(s, (uint64_t)(e->sketches + i), z);
        NTK_TRY_PART(ctx, (double)(3 * e->sketches + i) / (double)parts, (double)(3 * e->sketches + i + 1) / (double)parts,
                     square(ctx, s, count, q, c, z, &value));
        off = value - e->mean; /* Welford 1962 */
        e->mean += off / (double)(i + 1);
        e->deviations += off * (value - e->mean);
    }
done:
    return status;
}

static ntk_status stochastic(ntk_context *ctx, const side *outer, const ntk_trace_options *o, double *trace, double *error)
{
    ntk_status status;
    side s = *outer;
    estimate e = {.sketches = o->plain ? 0 : NTK_MIN(o->samples / 2, s.size)};
    double *q = NULL, *c = NULL, *z = NULL;
    int64_t numbers;
    e.samples = NTK_MAX(o->samples - e.sketches, 2);
    NTK_TRY(ntk_size_product(ctx, "the sketch", NTK_MAX(e.sketches, 1), s.size, &numbers));
    NTK_TRY(ntk_memory_require(ctx, "the sketch", 8 * (double)numbers));
    NTK_TRY(NTK_NEW_RAW(ctx, numbers, &q));
    NTK_TRY(NTK_NEW_RAW(ctx, NTK_MAX(e.sketches, 1), &c));
    NTK_TRY(NTK_NEW_RAW(ctx, s.size, &z));
    NTK_TRY(NTK_NEW_RAW(ctx, s.other, &s.image));
    NTK_TRY(run(ctx, &s, q, c, z, &e));
    *trace = e.exact + e.mean;
    *error = sqrt(e.deviations / (double)(e.samples - 1) / (double)e.samples);
done:
    ntk_free(s.image);
    ntk_free(z);
    ntk_free(c);
    ntk_free(q);
    return status;
}

ntk_status ntk_fisher_trace(ntk_context *ctx, const ntk_jacobian *jacobian, const ntk_optimizer *optimizer, const ntk_trace_options *options,
                            double *trace, double *error)
{
    ntk_status status;
    ntk_trace_options o;
    double values[2] = {0, 0};
    side s = {jacobian, optimizer, false, 0, 0, 0, NULL};
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, jacobian);
    NTK_TRY(NTK_OPTIONS_READ(ctx, options, &o));
    NTK_REQUIRE(ctx, trace);
    NTK_TRY(ntk_optimizer_check(ctx, optimizer, jacobian->columns));
    if (o.samples < 0 || o.samples == 1)
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.samples is %lld; expected 2 or more, or 0 for the exact trace", (long long)o.samples);
    s.parameters = jacobian->columns < jacobian->rows;
    s.size = NTK_MIN(jacobian->rows, jacobian->columns);
    s.other = NTK_MAX(jacobian->rows, jacobian->columns);
    s.seed = o.seed;
    if (o.samples == 0 || s.size == 0) NTK_TRY_PART(ctx, 0, 1, exact(ctx, jacobian, optimizer, values));
    else NTK_TRY_PART(ctx, 0, 1, stochastic(ctx, &s, &o, values, values + 1));
    NTK_TRY(ntk_check_result(ctx, "the trace", NTK_F64, values, 2));
    *trace = values[0];
    if (error) *error = values[1];
done:
    return status;
}
