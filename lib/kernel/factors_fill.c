/*
 * Theta of dense layers and convolutions from the factors of J (lib/finite/factors.c; docs/mathematics.md §6.1, algorithm 3, and §6.3): per layer
 * with inputs x_d and cotangents delta_d at S positions d, and the sum over layers
 *
 *     full      sum over d, e of (x_id · x_je) (delta_iqd · delta_jre)
 *     trace     (1/o) sum over d, e of (x_id · x_je) (sum over q of delta_iqd · delta_jqe)
 *     diagonal  as full, q = r
 *
 * S = 1: (X Xᵀ x 1_o) o (Delta Deltaᵀ), n² o² units + n² width products.  Else S² times as many (position Grams), and where each position has its
 * own weights S times, d = e.  Both products go by blocks that stay near, where the Hadamard product takes them up; a block is several samples, or
 * some outputs of one, or some positions of one output.  Of a symmetric matrix blocks above the diagonal are left out: the BLAS runs at the
 * speed of SYRK.  The error of an entry is at most gamma_(u + w + S² + layers) times the sum of the absolute values.
 */
#include "kernel.h"
#include "real.h"

#include <math.h>
#include <string.h>

/* Rows and columns of a block of products: 8 MiB, long enough for the BLAS, and few rows: those above the diagonal are wasted. */
#define ROWS 256
#define COLUMNS 4096

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

/* One layer of both sides as a rule of outputs sees it. */
typedef struct pairing {
    const ntk_factor *a, *b;
    int64_t units;             /* per sample: o for full, else 1 */
    int64_t first, positions;  /* those that meet: of a layer whose positions are apart one, else all */
    int64_t length;            /* numbers of a row of cotangents */
    int64_t step, stride, shift; /* from one position's row to the next, from one unit's rows to the next; where the first is */
    double scale;
    bool same;                 /* a and b are one data set: only columns up to the row count */
} pairing;

static const real *cotangents_of(const pairing *p, const ntk_factor *f, const part *w)
{
    return f->cotangents + p->shift + (w->sample * p->units + w->unit) * p->stride + w->position * p->step;
}

/* Between two rows of a part. */
static int64_t leading(const pairing *p)
{
    return p->positions == 1 ? p->stride : p->step;
}

/* Scratch of one call. */
typedef struct scratch {
    ntk_room inputs, cotangents, left, right;
} scratch;

/* Where results go: unit row i, column j at i ld + j step. */
typedef struct target {
    real *out;
    int64_t ld, step;
    bool add;
} target;

/* ---- the Hadamard product ---------------------------------------------------------------------------------------- */

typedef struct hadamard_job {
    const real *inputs, *cotangents; /* [samples positions, columns' ...] and [units positions, ...] */
    part rows, columns;
    target to;
} hadamard_job;

/* Without positions. */
static void multiply_row(const hadamard_job *h, int64_t r, real *out)
{
    int64_t n = h->columns.samples, o = h->columns.units;
    const real *x = h->inputs + r / h->rows.units * n, *c = h->cotangents + r * n * o;
    for (int64_t j = 0; j < n; ++j)
        for (int64_t q = 0; q < o; ++q, ++c) {
            real *entry = out + (j * o + q) * h->to.step;
            *entry = (h->to.add ? *entry : 0) + x[j] * *c;
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
    for (int64_t r = begin; r < end; ++r) (single ? multiply_row : sum_row)(h, r, h->to.out + r * h->to.ld);
}

/* ---- the products ------------------------------------------------------------------------------------------------ */

/* Columns of inputs that are gathered at once: whole samples, or positions of one. */
static part gathered(const pairing *p, const part *columns)
{
    int64_t rows = NTK_MAX(1, GATHERED / p->b->width), samples = NTK_MIN(NTK_MAX(1, rows / columns->positions), columns->samples);
    if (!p->b->reads) return (part){.samples = columns->samples, .units = 1, .positions = columns->positions};
    return (part){.samples = samples, .units = 1, .positions = samples == 1 ? NTK_MIN(rows, columns->positions) : columns->positions};
}

/* Inputs of the part's samples and positions; `room` is for those that have to be gathered. */
static ntk_status inputs_of(ntk_context *ctx, const pairing *p, const ntk_factor *f, int64_t sample, int64_t samples, int64_t position, int64_t positions,
                            ntk_room *room, const real **out)
{
    ntk_status status = NTK_OK;
    if (f->reads || (samples > 1 && positions < f->positions)) NTK_TRY(ntk_room_reserve(ctx, room, samples * positions * f->width));
    *out = ntk_factor_inputs(ctx, f, sample, samples, p->first + position, positions, room->numbers);
done:
    return status;
}

/* w->inputs [rows' samples positions, columns' samples positions] = scale X Xᵀ */
static ntk_status multiply_inputs(ntk_context *ctx, const pairing *p, const part *r, const part *c, scratch *w)
{
    ntk_status status;
    int64_t m = r->samples * r->positions, n = c->samples * c->positions, k = p->a->width;
    part g = gathered(p, c);
    const real *x, *y;
    NTK_TRY(ntk_room_reserve(ctx, &w->inputs, m * n));
    NTK_TRY(inputs_of(ctx, p, p->a, r->sample, r->samples, r->position, r->positions, &w->left, &x));
    for (int64_t j = 0; j < c->samples; j += g.samples)
        for (int64_t e = 0; e < c->positions; e += g.positions) {
            int64_t samples = NTK_MIN(g.samples, c->samples - j), positions = NTK_MIN(g.positions, c->positions - e);
            NTK_TRY(inputs_of(ctx, p, p->b, c->sample + j, samples, c->position + e, positions, &w->right, &y));
            NTK_TRY(ntk_gemm(ctx, NTK_REAL, NTK_PLAIN, NTK_TRANSPOSED, m, samples * positions, k, p->scale, x, k, y, k, 0,
                             w->inputs.numbers + j * c->positions + e, n));
        }
done:
    return status;
}

/* The inputs' products are there. */
static ntk_status one_block(ntk_context *ctx, const pairing *p, const part *r, const part *c, scratch *w, const target *to)
{
    ntk_status status;
    int64_t m = rows_of(r), n = rows_of(c), rows = m / r->positions;
    NTK_TRY(ntk_room_reserve(ctx, &w->cotangents, m * n));
    NTK_TRY(ntk_gemm(ctx, NTK_REAL, NTK_PLAIN, NTK_TRANSPOSED, m, n, p->length, 1, cotangents_of(p, p->a, r), leading(p), cotangents_of(p, p->b, c),
                     leading(p), 0, w->cotangents.numbers, n));
    ntk_parallel(ctx, rows, NTK_MAX(1, GRAIN / NTK_MAX(1, n * r->positions)), hadamard_rows,
                 &(hadamard_job){w->inputs.numbers, w->cotangents.numbers, *r, *c, *to});
done:
    return status;
}

/* Parts of samples r and c, whose units are `units` of them at a time; to.out belongs to their first units. */
static ntk_status all_units(ntk_context *ctx, const pairing *p, part r, part c, scratch *w, const target *to)
{
    ntk_status status;
    int64_t m = r.units, n = c.units;
    NTK_TRY(multiply_inputs(ctx, p, &r, &c, w));
    for (r.unit = 0; r.unit < p->units; r.unit += m) {
        r.units = NTK_MIN(m, p->units - r.unit);
        for (c.unit = 0; c.unit < p->units; c.unit += n) {
            target at = {to->out + r.unit * to->ld + c.unit * to->step, to->ld, to->step, to->add};
            c.units = NTK_MIN(n, p->units - c.unit);
            NTK_TRY(one_block(ctx, p, &r, &c, w, &at));
        }
    }
done:
    return status;
}

/* And all their positions, from `r.positions` and `c.positions` of them at a time. */
static ntk_status all_positions(ntk_context *ctx, const pairing *p, part r, part c, scratch *w, const target *to)
{
    ntk_status status = NTK_OK;
    int64_t m = r.positions, n = c.positions;
    for (r.position = 0; r.position < p->positions; r.position += m) {
        r.positions = NTK_MIN(m, p->positions - r.position);
        for (c.position = 0; c.position < p->positions; c.position += n) {
            target at = {to->out, to->ld, to->step, to->add || r.position > 0 || c.position > 0};
            c.positions = NTK_MIN(n, p->positions - c.position);
            NTK_TRY(all_units(ctx, p, r, c, w, &at));
        }
    }
done:
    return status;
}

/* Samples [row, row + m) against [column, column + n). */
static ntk_status all_samples(ntk_context *ctx, const pairing *p, int64_t row, int64_t m, int64_t column, int64_t n, scratch *w, const target *to)
{
    ntk_status status = NTK_OK;
    part r = largest(ROWS, p->units, p->positions, m), c = largest(COLUMNS, p->units, p->positions, n);
    int64_t rows = r.samples, columns = c.samples;
    for (int64_t i = 0; i < m; i += rows) {
        int64_t end;
        r.sample = row + i;
        r.samples = NTK_MIN(rows, m - i);
        end = p->same ? NTK_MIN(n, r.sample + r.samples - column) : n;
        for (int64_t j = 0; j < end; j += columns) {
            target at = {to->out + i * p->units * to->ld + j * p->units * to->step, to->ld, to->step, to->add};
            c.sample = column + j;
            c.samples = NTK_MIN(columns, end - j);
            NTK_TRY(all_positions(ctx, p, r, c, w, &at));
        }
        NTK_TRY(ntk_progress(ctx, (double)(i + r.samples) / (double)m));
    }
done:
    return status;
}

/* ---- layers ------------------------------------------------------------------------------------------------------ */

/* How output q (full, trace: all) of a layer pairs. */
static pairing pairing_of(const ntk_factor *a, const ntk_factor *b, ntk_outputs rule, ntk_outputs outputs, int64_t o, int64_t q, bool same)
{
    bool full = outputs == NTK_OUTPUTS_FULL, trace = outputs == NTK_OUTPUTS_TRACE;
    int64_t u = a->units, s = a->positions, step = rule == NTK_OUTPUTS_FULL ? u : o * u;
    return (pairing){.a = a, .b = b, .units = full ? o : 1, .positions = s, .length = trace ? o * u : u, .step = step, .stride = full ? s * u : s * o * u,
                     .shift = full || trace ? 0 : rule == NTK_OUTPUTS_FULL ? q * s * u : q * u, .scale = trace ? 1 / (double)o : 1, .same = same};
}

/* Of a layer whose positions are apart one after the other, else all at once. */
static ntk_status one_pairing(ntk_context *ctx, const pairing *whole, int64_t row, int64_t m, int64_t column, int64_t n, scratch *w, const target *to)
{
    ntk_status status = NTK_OK;
    pairing p = *whole;
    int64_t positions = whole->positions;
    target at = *to;
    if (!p.a->apart) return all_samples(ctx, &p, row, m, column, n, w, to);
    p.positions = 1;
    for (p.first = 0; p.first < positions; ++p.first, p.shift += p.step, at.add = true)
        NTK_TRY_PART(ctx, (double)p.first / (double)positions, (double)(p.first + 1) / (double)positions, all_samples(ctx, &p, row, m, column, n, w, &at));
done:
    return status;
}

static void clear_block(int64_t rows, int64_t n, real *out, int64_t ld)
{
    for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < n; ++j) out[i * ld + j] = 0;
}

/* One layer's term by the rule of `outputs`. */
static ntk_status one_layer(ntk_context *ctx, const ntk_factors_block *b, int64_t l, scratch *w, bool add, real *out)
{
    ntk_status status = NTK_OK;
    int64_t o = b->a->outputs, parts = b->outputs == NTK_OUTPUTS_DIAGONAL ? o : 1;
    for (int64_t q = 0; q < parts; ++q) {
        pairing p = pairing_of(&b->a->layers[l], &b->b->layers[l], b->a->rule, b->outputs, o, q, b->a == b->b);
        target to = {out + q, b->ld, parts, add};
        NTK_TRY_PART(ctx, (double)q / (double)parts, (double)(q + 1) / (double)parts, one_pairing(ctx, &p, b->row, b->m, b->column, b->n, w, &to));
    }
done:
    return status;
}

static void close_scratch(scratch *w)
{
    ntk_room_close(&w->right);
    ntk_room_close(&w->left);
    ntk_room_close(&w->cotangents);
    ntk_room_close(&w->inputs);
}

ntk_status ntk_factors_fill(ntk_context *ctx, const ntk_factors_block *b, real *sum, real *layers, int64_t layer_stride)
{
    ntk_status status = NTK_OK;
    scratch w = {{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};
    int64_t count = b->a->count, o = b->a->outputs;
    int64_t rows = b->m * (b->outputs == NTK_OUTPUTS_FULL ? o : 1), width = b->n * (b->outputs == NTK_OUTPUTS_TRACE ? 1 : o);
    bool add = false;
    for (int64_t l = 0; l < count; ++l) {
        real *plane = layers ? layers + l * layer_stride : NULL;
        double parts = (double)count;
        bool learns = b->a->layers[l].inputs;
        if (plane && !learns) clear_block(rows, width, plane, b->ld);
        if (plane && learns) NTK_TRY_PART(ctx, (double)l / parts, ((double)l + 0.5) / parts, one_layer(ctx, b, l, &w, false, plane));
        if (sum && learns) NTK_TRY_PART(ctx, ((double)l + (plane ? 0.5 : 0)) / parts, (double)(l + 1) / parts, one_layer(ctx, b, l, &w, add, sum));
        add = add || learns;
    }
    if (sum && !add) clear_block(rows, width, sum, b->ld);
done:
    close_scratch(&w);
    return status;
}

/* At most the numbers of each room. */
static void count_layer(const ntk_network *network, const ntk_step *s, ntk_outputs outputs, int64_t m, int64_t n, double most[4])
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

double ntk_factors_fill_bytes(const ntk_network *network, ntk_outputs outputs, const bool *chosen, int64_t m, int64_t n)
{
    double most[4] = {0};
    for (int64_t i = 0; i < network->n_steps; ++i) {
        const ntk_step *s = &network->steps[i];
        if (s->parametric >= 0 && s->rate > 0 && (!chosen || chosen[s->parametric])) count_layer(network, s, outputs, m, n, most);
    }
    return sizeof(real) * (most[0] + most[1] + most[2] + most[3]);
}

/* ---- samples with themselves -------------------------------------------------------------------------------------- */

/* out += |x_d|² |delta_qd|² at every position: of layers whose positions are apart, or that have none. */
static ntk_status add_single(ntk_context *ctx, const ntk_factors *f, const ntk_factor *layer, ntk_outputs outputs, int64_t sample, scratch *w, real *out)
{
    ntk_status status;
    int64_t o = f->outputs, s = layer->positions, u = layer->units;
    bool trace = outputs == NTK_OUTPUTS_TRACE;
    const real *x, *c = layer->cotangents + sample * o * s * u;
    NTK_TRY(inputs_of(ctx, &(pairing){0}, layer, sample, 1, 0, s, &w->left, &x));
    for (int64_t d = 0; d < s; ++d) {
        double square = ntk_square_sum(layer->width, x + d * layer->width) / (trace ? (double)o : 1);
        for (int64_t q = 0; q < o; ++q) out[trace ? 0 : q] += (real)(square * ntk_square_sum(u, c + (f->rule == NTK_OUTPUTS_FULL ? q * s + d : d * o + q) * u));
    }
done:
    return status;
}

/* Of one sample and layer, every output or their mean. */
static ntk_status add_sample(ntk_context *ctx, const ntk_factors *f, const ntk_factor *layer, ntk_outputs outputs, int64_t sample, scratch *w, real *out)
{
    ntk_status status = NTK_OK;
    bool trace = outputs == NTK_OUTPUTS_TRACE;
    if (layer->apart || layer->positions == 1) return add_single(ctx, f, layer, outputs, sample, w, out);
    for (int64_t q = 0; q < (trace ? 1 : f->outputs); ++q) {
        pairing p = pairing_of(layer, layer, f->rule, trace ? outputs : NTK_OUTPUTS_DIAGONAL, f->outputs, q, false);
        NTK_TRY(all_samples(ctx, &p, sample, 1, sample, 1, w, &(target){out + q, 1, 1, true}));
    }
done:
    return status;
}

ntk_status ntk_factors_diagonal(ntk_context *ctx, const ntk_factors *f, ntk_outputs outputs, int64_t row, int64_t m, real *sum, real *layers, int64_t layer_stride)
{
    ntk_status status = NTK_OK;
    scratch w = {{NULL, 0}, {NULL, 0}, {NULL, 0}, {NULL, 0}};
    int64_t each = outputs == NTK_OUTPUTS_TRACE ? 1 : f->outputs;
    if (sum) clear_block(1, m * each, sum, 0);
    for (int64_t l = 0; l < f->count; ++l) {
        real *plane = layers ? layers + l * layer_stride : NULL;
        if (plane) clear_block(1, m * each, plane, 0);
        for (int64_t i = 0; f->layers[l].inputs && i < m; ++i) {
            double from = ((double)l + (double)i / (double)m) / (double)f->count, to = from + 1 / ((double)m * (double)f->count);
            if (plane) NTK_TRY_PART(ctx, from, to, add_sample(ctx, f, &f->layers[l], outputs, row + i, &w, plane + i * each));
            if (sum) NTK_TRY_PART(ctx, from, to, add_sample(ctx, f, &f->layers[l], outputs, row + i, &w, sum + i * each));
        }
    }
done:
    close_scratch(&w);
    return status;
}
