/*
 * Convolutions without columns, by the loops of conv_hot.c: what each output position reads stands in a table, and so does, turned round, which output
 * positions have read an input position,
 *
 *     z[o, u]   = sum over t, c of x[read(o, t), c] a W[u, (t, c)]
 *     dx[p, c] += sum over t, u of delta[o(p, t), u] a W[u, (t, c)],     read(o(p, t), t) = p,
 *
 * for one tap at most one o.  Work for the threads is a piece of one sample's, or row of cotangents', positions.
 */
#include "finite.h"
#include "conv_hot.h"
#include "real.h"

#include <string.h>

/* Positions per piece of work. */
#define PIECE 96

static const ntk_conv_fn loops[2][NTK_CPU_COUNT] = NTK_CONV_VARIANTS(ntk_conv);
static const ntk_conv_gradient_fn gradients[2][NTK_CPU_COUNT] = NTK_CONV_VARIANTS(ntk_conv_gradient);
static const ntk_conv_width_fn widths[2][NTK_CPU_COUNT] = NTK_CONV_VARIANTS(ntk_conv_width);

bool ntk_conv_goes_direct(const ntk_context *ctx)
{
    return ctx->cpu != NTK_CPU_C; /* the BLAS may know more of an unknown processor */
}

/* Columns of all blocks. */
static int64_t padded(const ntk_context *ctx, int64_t units)
{
    int64_t at = 0;
    while (at < units) at += widths[NTK_REAL][ctx->cpu](units, at);
    return at;
}

/* Number (row k, column u) of the map, times scale, into blocks of columns. */
static void pack(const ntk_context *ctx, int64_t rows, int64_t units, const real *w, int64_t tap, int64_t row_stride, int64_t tap_stride, int64_t unit_stride, double scale,
                 real *out)
{
    real a = (real)scale;
    for (int64_t at = 0, width; at < units; at += width, out += rows * width) {
        width = widths[NTK_REAL][ctx->cpu](units, at);
        for (int64_t k = 0; k < rows; ++k) {
            const real *from = w + k / tap * tap_stride + k % tap * row_stride + at * unit_stride;
            for (int64_t u = 0; u < width; ++u) out[k * width + u] = at + u < units ? a * from[u * unit_stride] : 0;
        }
    }
}

/* Which output position reads each input position by each tap: [positions in, taps].  False: two of them by one tap. */
static bool turn_round(int64_t positions, int64_t taps, const int64_t *reads, int64_t in, int64_t *writes)
{
    for (int64_t i = 0; i < in * taps; ++i) writes[i] = -1;
    for (int64_t i = 0; i < positions * taps; ++i) {
        int64_t *place = reads[i] < 0 ? NULL : writes + reads[i] * taps + i % taps;
        if (!place) continue;
        if (*place >= 0) return false;
        *place = i / taps;
    }
    return true;
}

typedef struct direct_job {
    ntk_conv_fn run;
    ntk_conv_loop loop;
    int64_t positions, pieces, in; /* of one sample: what is written, in so many pieces; numbers read */
    const real *x;
    real *z;
} direct_job;

static void run_pieces(void *user, int64_t begin, int64_t end, int worker)
{
    const direct_job *j = user;
    (void)worker;
    for (int64_t i = begin; i < end; ++i) {
        int64_t sample = i / j->pieces, first = i % j->pieces * PIECE;
        j->run(&j->loop, j->x + sample * j->in, first, NTK_MIN(first + PIECE, j->positions), j->z + sample * j->positions * j->loop.units);
    }
}

/* The map of packed weights over `samples` samples. */
static void run(const ntk_context *ctx, const ntk_conv_loop *loop, int64_t samples, int64_t positions, int64_t in, const real *x, real *z)
{
    direct_job j = {loops[NTK_REAL][ctx->cpu], *loop, positions, (positions + PIECE - 1) / PIECE, in, x, z};
    int64_t work = NTK_MIN(PIECE, positions) * loop->taps * loop->channels * loop->units;
    ntk_parallel(ctx, samples * j.pieces, 1 + ((int64_t)1 << 18) / NTK_MAX(1, work), run_pieces, &j);
}

/* Room for weights and a row of zeros; to be freed. */
static ntk_status reserve(ntk_context *ctx, int64_t rows, int64_t units, int64_t channels, real **w, real **zeros)
{
    ntk_status status;
    int64_t count;
    NTK_TRY(ntk_size_product(ctx, "the weights of a convolution", rows, padded(ctx, units), &count));
    NTK_TRY(NTK_NEW_RAW(ctx, count, w));
    NTK_TRY(NTK_NEW(ctx, channels, zeros));
done:
    return status;
}

ntk_status ntk_conv_direct(const ntk_tape *t, const ntk_step *s, const ntk_columns *c, double scale, const real *x, const real *theta, real *z)
{
    ntk_status status;
    real *w = NULL, *zeros = NULL;
    NTK_TRY(reserve(t->ctx, s->fan_in, s->units, c->channels, &w, &zeros));
    pack(t->ctx, s->fan_in, s->units, theta + s->offset, s->fan_in, 1, 0, s->fan_in, scale, w);
    run(t->ctx, &(ntk_conv_loop){c->taps, c->channels, s->units, c->reads, w, zeros, true}, t->n, c->positions, c->in, x, z);
done:
    ntk_free(zeros);
    ntk_free(w);
    return status;
}

ntk_status ntk_conv_direct_back(const ntk_tape *t, const ntk_step *s, const ntk_columns *c, double scale, bool fresh, real *dx, bool *done_so)
{
    ntk_status status;
    real *w = NULL, *zeros = NULL;
    int64_t *writes = NULL, in = c->in / c->channels, out = c->positions * s->units;
    *done_so = false;
    NTK_TRY(NTK_NEW_RAW(t->ctx, in * c->taps, &writes));
    if ((*done_so = turn_round(c->positions, c->taps, c->reads, in, writes))) {
        NTK_TRY(reserve(t->ctx, c->taps * s->units, c->channels, s->units, &w, &zeros));
        pack(t->ctx, c->taps * s->units, c->channels, t->theta + s->offset, s->units, s->fan_in, c->channels, 1, scale, w);
        run(t->ctx, &(ntk_conv_loop){c->taps, s->units, c->channels, writes, w, zeros, !fresh}, t->rows, in, out, t->cotangent[s->output], dx);
    }
done:
    ntk_free(writes);
    ntk_free(zeros);
    ntk_free(w);
    return status;
}

/* ---- rows of J --------------------------------------------------------------------------------------------------- */

typedef struct gradient_job {
    ntk_conv_gradient_fn run;
    ntk_conv_gradient gradient;
    const ntk_tape *t;
    const ntk_step *s;
    int64_t unit, in;
} gradient_job;

static void gradient_rows(void *user, int64_t begin, int64_t end, int worker)
{
    const gradient_job *j = user;
    const ntk_tape *t = j->t;
    const ntk_step *s = j->s;
    (void)worker;
    for (int64_t r = begin; r < end; ++r)
        j->run(&j->gradient, t->value[s->inputs[0]] + ntk_tape_sample(t, r) * j->in, t->cotangent[s->output] + r * j->gradient.positions * s->units + j->unit,
               ntk_tape_place(t, r, s->offset + j->unit * s->fan_in));
}

bool ntk_conv_gradient_goes_direct(const ntk_context *ctx, const ntk_columns *c)
{
    return ntk_conv_goes_direct(ctx) && c->channels % widths[NTK_REAL][ctx->cpu](1, 0) == 0;
}

ntk_status ntk_conv_direct_rows(const ntk_tape *t, const ntk_step *s, const ntk_columns *c, const ntk_share *share, double scale)
{
    ntk_status status;
    real *zeros = NULL;
    gradient_job j = {gradients[NTK_REAL][t->ctx->cpu], {c->positions, c->taps, c->channels, share->units, s->units, c->reads, NULL, scale}, t, s, share->unit, c->in};
    NTK_TRY(NTK_NEW(t->ctx, c->channels, &zeros));
    j.gradient.zeros = zeros;
    ntk_parallel(t->ctx, t->rows, 1 + ((int64_t)1 << 18) / NTK_MAX(1, c->positions * s->fan_in * share->units), gradient_rows, &j);
done:
    ntk_free(zeros);
    return status;
}
