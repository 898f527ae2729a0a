/*
 * Plain products of factors: per layer with inputs x_d and cotangents delta_d at S positions d
 *
 *     sum over d, e of (x_id · x_je) (delta_iqd · delta_jre)
 *
 * Both products go by blocks that stay near, where the Hadamard product takes them up; a block is several samples, or some outputs of one,
 * or some positions of one output.  Of a symmetric matrix blocks above the diagonal are left out: the BLAS runs at the speed of SYRK.
 */
#include "pairing.h"
#include "pairing_hot.h"
#include "real.h"

#include <math.h>

/* Rows of a block of products, and the bytes of a block: the BLAS packs both sides anew for every block, so that each has to be long; and what
 * it leaves should still be in a cache when it is taken up. */
#define ROWS 1024
#define BLOCK_BYTES ((int64_t)8 << 20)
#define COLUMNS (BLOCK_BYTES / ROWS / (int64_t)sizeof(real))

/* Rows of a block at the diagonal: those above it are wasted. */
#define DIAGONAL_ROWS 256

/* Numbers of inputs gathered at once, and entries per piece of work of the Hadamard product. */
#define GATHERED ((int64_t)1 << 19)
#define GRAIN 65536

/* ---- blocks ---------------------------------------------------------------------------------------------------- */

/* Rows of cotangents of one side: `samples` samples of `units` units each (outputs, or 1) at `positions` positions. */
typedef struct part {
    int64_t sample, samples, unit, units, position, positions;
} part;

static int64_t rows_of(const part *p)
{
    return p->samples * p->units * p->positions;
}

/* The largest part of so many rows: whole samples if one fits, else whole units of one, else positions of one unit. */
static part largest(int64_t limit, int64_t units, int64_t positions, int64_t samples)
{
    if (positions > limit) return (part){.samples = 1, .units = 1, .positions = limit};
    if (units * positions > limit) return (part){.samples = 1, .units = limit / positions, .positions = positions};
    return (part){.samples = NTK_MIN(limit / (units * positions), samples), .units = units, .positions = positions};
}

static const real *cotangents_of(const ntk_pairing *p, const ntk_factor *f, const part *w)
{
    return f->cotangents + p->shift + (w->sample * p->units + w->unit) * p->stride + w->position * p->step;
}

/* Between two rows of a part. */
static int64_t leading(const ntk_pairing *p)
{
    return p->positions == 1 ? p->stride : p->step;
}

/* ---- the Hadamard product ---------------------------------------------------------------------------------------- */

static const ntk_pairing_hadamard_fn hadamard[2][NTK_CPU_COUNT] = NTK_PAIRING_VARIANTS(ntk_pairing_hadamard);

typedef struct hadamard_job {
    const real *inputs, *cotangents; /* [samples positions, columns' ...] and [units positions, ...] */
    part rows, columns;
    ntk_pairing_target to;
    ntk_cpu cpu;
} hadamard_job;

/* Without positions, entries that are not neighbours. */
static void multiply_apart(const hadamard_job *h, int64_t r, real *out)
{
    int64_t n = h->columns.samples, o = h->columns.units;
    const real *x = h->inputs + r / h->rows.units * n, *c = h->cotangents + r * n * o;
    for (int64_t j = 0; j < n; ++j)
        for (int64_t q = 0; q < o; ++q, ++c) {
            real *entry = out + (j * o + q) * h->to.step;
            *entry = (h->to.add ? *entry : 0) + x[j] * *c;
        }
}

/* Without positions, rows [begin, end): the products of the inputs are spread over the outputs once for all rows of a sample. */
static void multiply_rows(const hadamard_job *h, int64_t begin, int64_t end)
{
    int64_t n = h->columns.samples, o = h->columns.units, width = n * o, sample = -1;
    real scale[COLUMNS];
    for (int64_t r = begin; r < end; ++r) {
        if (r / h->rows.units != sample) {
            const real *x = h->inputs + (sample = r / h->rows.units) * n;
            for (int64_t j = 0; j < n; ++j)
                for (int64_t q = 0; q < o; ++q) scale[j * o + q] = x[j];
        }
        hadamard[NTK_REAL][h->cpu](width, scale, h->cotangents + r * width, h->to.add, h->to.out + r * h->to.ld);
    }
}

/* sum over d, e of a [d, e] b [d, e], row strides lda and ldb: eight sums side by side, and one for what is left. */
static real pairs(int64_t m, int64_t n, const real *a, int64_t lda, const real *b, int64_t ldb)
{
    double sum[8] = {0}, rest = 0; /* the products are exact in f32 */
    for (int64_t d = 0; d < m; ++d, a += lda, b += ldb) {
        int64_t e = 0;
        for (; e + 8 <= n; e += 8)
            for (int k = 0; k < 8; ++k) sum[k] += (double)a[e + k] * (double)b[e + k];
        for (; e < n; ++e) rest += (double)a[e] * (double)b[e];
    }
    return (real)(rest + (((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]))));
}

static void sum_row(const hadamard_job *h, int64_t r, real *out)
{
    int64_t m = h->rows.positions, n = h->columns.positions, lda = h->columns.samples * n, ldb = lda * h->columns.units;
    const real *a = h->inputs + r / h->rows.units * m * lda, *b = h->cotangents + r * m * ldb;
    for (int64_t j = 0; j < h->columns.samples * h->columns.units; ++j) {
        real *entry = out + j * h->to.step;
        *entry = (h->to.add ? *entry : 0) + pairs(m, n, a + j / h->columns.units * n, lda, b + j * n, ldb);
    }
}

static void hadamard_rows(void *user, int64_t begin, int64_t end, int worker)
{
    const hadamard_job *h = user;
    bool single = h->rows.positions == 1 && h->columns.positions == 1;
    (void)worker;
    if (single && h->to.step == 1) multiply_rows(h, begin, end);
    else
        for (int64_t r = begin; r < end; ++r) (single ? multiply_apart : sum_row)(h, r, h->to.out + r * h->to.ld);
}

/* ---- the products ------------------------------------------------------------------------------------------------ */

/* Columns of inputs that are gathered at once: whole samples, or positions of one. */
static part gathered(const ntk_pairing *p, const part *columns)
{
    int64_t rows = NTK_MAX(1, GATHERED / p->b->width), samples = NTK_MIN(NTK_MAX(1, rows / columns->positions), columns->samples);
    if (!p->b->reads) return (part){.samples = columns->samples, .units = 1, .positions = columns->positions};
    return (part){.samples = samples, .units = 1, .positions = samples == 1 ? NTK_MIN(rows, columns->positions) : columns->positions};
}

/* Inputs of the part's samples and positions; `room` is for those that have to be gathered. */
ntk_status ntk_pairing_inputs(ntk_context *ctx, const ntk_pairing *p, const ntk_factor *f, int64_t sample, int64_t samples, int64_t position, int64_t positions,
                            ntk_room *room, const real **out)
{
    ntk_status status = NTK_OK;
    if (f->reads || (samples > 1 && positions < f->positions)) NTK_TRY(ntk_room_reserve(ctx, room, samples * positions * f->width));
    *out = ntk_factor_inputs(ctx, f, sample, samples, p->first + position, positions, room->numbers);
done:
    return status;
}

/* w->inputs [rows' samples positions, columns' samples positions] = scale X Xᵀ */
static ntk_status multiply_inputs(ntk_context *ctx, const ntk_pairing *p, const part *r, const part *c, ntk_pairing_rooms *w)
{
    ntk_status status;
    int64_t m = r->samples * r->positions, n = c->samples * c->positions, k = p->a->width;
    part g = gathered(p, c);
    const real *x, *y;
    NTK_TRY(ntk_room_reserve(ctx, &w->inputs, m * n));
    NTK_TRY(ntk_pairing_inputs(ctx, p, p->a, r->sample, r->samples, r->position, r->positions, &w->left, &x));
    for (int64_t j = 0; j < c->samples; j += g.samples)
        for (int64_t e = 0; e < c->positions; e += g.positions) {
            int64_t samples = NTK_MIN(g.samples, c->samples - j), positions = NTK_MIN(g.positions, c->positions - e);
            NTK_TRY(ntk_pairing_inputs(ctx, p, p->b, c->sample + j, samples, c->position + e, positions, &w->right, &y));
            NTK_TRY(ntk_gemm(ctx, NTK_REAL, NTK_PLAIN, NTK_TRANSPOSED, m, samples * positions, k, p->scale, x, k, y, k, 0,
                             w->inputs.numbers + j * c->positions + e, n));
        }
done:
    return status;
}

/* The inputs' products are there. */
static ntk_status one_block(ntk_context *ctx, const ntk_pairing *p, const part *r, const part *c, ntk_pairing_rooms *w, const ntk_pairing_target *to)
{
    ntk_status status;
    int64_t m = rows_of(r), n = rows_of(c), rows = m / r->positions;
    NTK_TRY(ntk_room_reserve(ctx, &w->cotangents, m * n));
    NTK_TRY(ntk_gemm(ctx, NTK_REAL, NTK_PLAIN, NTK_TRANSPOSED, m, n, p->length, 1, cotangents_of(p, p->a, r), leading(p), cotangents_of(p, p->b, c),
                     leading(p), 0, w->cotangents.numbers, n));
    ntk_parallel(ctx, rows, NTK_MAX(1, GRAIN / NTK_MAX(1, n * r->positions)), hadamard_rows,
                 &(hadamard_job){w->inputs.numbers, w->cotangents.numbers, *r, *c, *to, ctx->cpu});
done:
    return status;
}

/* Parts of samples r and c, whose units are `units` of them at a time; to.out belongs to their first units. */
static ntk_status all_units(ntk_context *ctx, const ntk_pairing *p, part r, part c, ntk_pairing_rooms *w, const ntk_pairing_target *to)
{
    ntk_status status;
    int64_t m = r.units, n = c.units;
    NTK_TRY(multiply_inputs(ctx, p, &r, &c, w));
    for (r.unit = 0; r.unit < p->units; r.unit += m) {
        r.units = NTK_MIN(m, p->units - r.unit);
        for (c.unit = 0; c.unit < p->units; c.unit += n) {
            ntk_pairing_target at = {to->out + r.unit * to->ld + c.unit * to->step, to->ld, to->step, to->add};
            c.units = NTK_MIN(n, p->units - c.unit);
            NTK_TRY(one_block(ctx, p, &r, &c, w, &at));
        }
    }
done:
    return status;
}

/* And all their positions, from `r.positions` and `c.positions` of them at a time. */
static ntk_status all_positions(ntk_context *ctx, const ntk_pairing *p, part r, part c, ntk_pairing_rooms *w, const ntk_pairing_target *to)
{
    ntk_status status = NTK_OK;
    int64_t m = r.positions, n = c.positions;
    for (r.position = 0; r.position < p->positions; r.position += m) {
        r.positions = NTK_MIN(m, p->positions - r.position);
        for (c.position = 0; c.position < p->positions; c.position += n) {
            ntk_pairing_target at = {to->out, to->ld, to->step, to->add || r.position > 0 || c.position > 0};
            c.positions = NTK_MIN(n, p->positions - c.position);
            NTK_TRY(all_units(ctx, p, r, c, w, &at));
        }
    }
done:
    return status;
}

/* Part r of the samples of a against [column, end) of b, `columns` of them at a time; to.out belongs to the first. */
static ntk_status one_row(ntk_context *ctx, const ntk_pairing *p, const part *r, part c, int64_t column, int64_t end, ntk_pairing_rooms *w, const ntk_pairing_target *to)
{
    ntk_status status = NTK_OK;
    int64_t columns = c.samples;
    for (c.sample = column; c.sample < end; c.sample += columns) {
        ntk_pairing_target at = {to->out + (c.sample - column) * p->units * to->step, to->ld, to->step, to->add};
        c.samples = NTK_MIN(columns, end - c.sample);
        NTK_TRY(all_positions(ctx, p, *r, c, w, &at));
    }
done:
    return status;
}

/* Samples [row, row + m) against [column, column + n), as many rows at a time as `limit` allows; `same`: up to the sample itself. */
static ntk_status all_rows(ntk_context *ctx, const ntk_pairing *p, int64_t limit, int64_t row, int64_t m, int64_t column, int64_t n, bool same, ntk_pairing_rooms *w,
                           const ntk_pairing_target *to)
{
    ntk_status status = NTK_OK;
    part r = largest(limit, p->units, p->positions, m), c = largest(COLUMNS, p->units, p->positions, n);
    int64_t rows = r.samples;
    for (r.sample = row; r.sample < row + m; r.sample += rows) {
        ntk_pairing_target at = {to->out + (r.sample - row) * p->units * to->ld, to->ld, to->step, to->add};
        r.samples = NTK_MIN(rows, row + m - r.sample);
        NTK_TRY(one_row(ctx, p, &r, c, column, same ? NTK_MIN(column + n, r.sample + r.samples) : column + n, w, &at));
    }
done:
    return status;
}

/* The same, of one data set up to the sample itself: rows of blocks left of the diagonal, and the triangle at it in low blocks. */
static ntk_status all_samples(ntk_context *ctx, const ntk_pairing *p, int64_t row, int64_t m, int64_t column, int64_t n, ntk_pairing_rooms *w, const ntk_pairing_target *to)
{
    ntk_status status = NTK_OK;
    int64_t step = largest(ROWS, p->units, p->positions, m).samples;
    for (int64_t i = row; i < row + m; i += step) {
        int64_t rows = NTK_MIN(step, row + m - i), left = p->same ? NTK_MIN(NTK_MAX(i - column, 0), n) : n;
        ntk_pairing_target at = {to->out + (i - row) * p->units * to->ld, to->ld, to->step, to->add};
        NTK_TRY(all_rows(ctx, p, ROWS, i, rows, column, left, false, w, &at));
        at.out += left * p->units * to->step;
        NTK_TRY(all_rows(ctx, p, DIAGONAL_ROWS, i, rows, column + left, n - left, true, w, &at));
        NTK_TRY(ntk_progress(ctx, (double)(i + rows - row) / (double)m));
    }
done:
    return status;
}

/* ---- layers ------------------------------------------------------------------------------------------------------ */

/* How output q (full, trace: all) of a layer pairs. */
ntk_pairing ntk_pairing_of(const ntk_factor *a, const ntk_factor *b, ntk_outputs rule, ntk_outputs outputs, int64_t o, int64_t q, bool same)
{
    bool full = outputs == NTK_OUTPUTS_FULL, trace = outputs == NTK_OUTPUTS_TRACE;
    int64_t u = a->units, s = a->positions, rows = a->rows * u, step = rule == NTK_OUTPUTS_FULL ? u : rows;
    return (ntk_pairing){.a = a, .b = b, .units = full ? o : 1, .positions = s, .length = trace ? rows : u, .step = step, .stride = full ? s * u : s * rows,
                     .shift = full || trace ? 0 : rule == NTK_OUTPUTS_FULL ? q * s * u : q * u, .scale = trace ? 1 / (double)o : 1, .same = same};
}

/* Of a layer whose positions are apart one after the other, else all at once. */
ntk_status ntk_pairing_add(ntk_context *ctx, const ntk_pairing *whole, int64_t row, int64_t m, int64_t column, int64_t n, ntk_pairing_rooms *w,
                           const ntk_pairing_target *to)
{
    ntk_status status = NTK_OK;
    ntk_pairing p = *whole;
    int64_t positions = whole->positions;
    ntk_pairing_target at = *to;
    if (!p.a->apart) return all_samples(ctx, &p, row, m, column, n, w, to);
    p.positions = 1;
    for (p.first = 0; p.first < positions; ++p.first, p.shift += p.step, at.add = true)
        NTK_TRY_PART(ctx, (double)p.first / (double)positions, (double)(p.first + 1) / (double)positions, all_samples(ctx, &p, row, m, column, n, w, &at));
done:
    return status;
}

void ntk_pairing_close(ntk_pairing_rooms *w)
{
    ntk_room_close(&w->flat);
    ntk_room_close(&w->right);
    ntk_room_close(&w->left);
    ntk_room_close(&w->cotangents);
    ntk_room_close(&w->inputs);
}

/* At most the numbers of each room. */
void ntk_pairing_count(const ntk_network *network, const ntk_step *s, ntk_outputs outputs, int64_t m, int64_t n, double most[5])
{
    int64_t o = outputs == NTK_OUTPUTS_FULL ? ntk_network_outputs(network) : 1, positions = s->copies > 1 ? 1 : ntk_factor_positions(network, s);
    part r = largest(ROWS, o, positions, m), c = largest(COLUMNS, o, positions, n);
    double width = (double)ntk_factor_width(s), a = (double)(r.samples * r.positions), b = (double)(c.samples * c.positions);
    bool gathers = s->op != &ntk_op_dense;
    most[0] = fmax(most[0], a * b);
    most[1] = fmax(most[1], (double)rows_of(&r) * (double)rows_of(&c));
    most[2] = fmax(most[2], gathers ? a * width : 0);
    most[3] = fmax(most[3], gathers ? fmin(fmax((double)GATHERED, (double)positions * width), b * width) : 0);
}

