/*
 * The full term of a layer whose outputs share their cotangents (lib/finite/factors_shared.c): delta_iqu = w_qu s_iu, one position.
 *
 *     Theta_(iq)(jr) = (x_i · x_j) C_ij[qr],     C_ij[qr] = sum over u of (w_qu w_ru s_ju) s_iu,
 *
 * where C is symmetric in q and r: for each sample j o (o + 1) / 2 rows (w_q o w_r o s_j), in place of o² pairs of rows of cotangents.  Where s = 1,
 * C = w wᵀ is one small matrix for all samples: of the last layer the identity.
 */
#include "pairing.h"
#include "pairing_hot.h"
#include "real.h"

#include <math.h>

/* Samples of a, samples of b whose inputs meet them, and rows w_q o w_r o s_j at once. */
#define ROWS 1024
#define COLUMNS 256
#define PANEL NTK_SHARED_PANEL

#define GRAIN 16384

/* What a chunk of samples of b needs. */
typedef struct shared {
    const ntk_pairing *p;
    int64_t o, pairs, units; /* pairs = o (o + 1) / 2 */
    int64_t samples;         /* per chunk */
    ntk_cpu cpu;
    real *products;          /* [pairs, units]: w_q o w_r, q <= r; of a layer with s = 1 [o, o]: w wᵀ */
    int32_t *place;          /* [o, samples o]: where entry (q; j, r) stands among [samples, pairs] */
    const ntk_pairing *flat; /* of another layer with s = 1, or NULL, and its w wᵀ: [o, samples o], each row so many times */
    real *weights;
} shared;

static const ntk_pairing_spread_fn spread[2][NTK_CPU_COUNT] = NTK_PAIRING_VARIANTS(ntk_pairing_spread);

static int64_t pair_at(int64_t o, int64_t q, int64_t r)
{
    int64_t low = NTK_MIN(q, r), high = NTK_MAX(q, r);
    return low * o - low * (low - 1) / 2 + high - low;
}

/* w wᵀ [o, o] with each row `copies` times, one after the other: a term that all pairs of samples share. */
static void fill_constant(int64_t o, const ntk_factor *f, int64_t copies, real *out)
{
    for (int64_t q = 0; q < o; ++q)
        for (int64_t r = 0; r < o; ++r) {
            double sum = 0;
            for (int64_t u = 0; u < f->units; ++u) sum += (double)f->weights[q * f->units + u] * (double)f->weights[r * f->units + u];
            for (int64_t k = 0; k < copies; ++k) out[(q * copies + k) * o + r] = (real)sum;
        }
}

static void fill_products(const shared *s, const real *w)
{
    for (int64_t q = 0; q < s->o; ++q)
        for (int64_t r = q; r < s->o; ++r) {
            real *out = s->products + pair_at(s->o, q, r) * s->units;
            for (int64_t u = 0; u < s->units; ++u) out[u] = w[q * s->units + u] * w[r * s->units + u];
        }
}

static void fill_places(const shared *s)
{
    for (int64_t q = 0; q < s->o; ++q)
        for (int64_t e = 0; e < s->samples * s->o; ++e)
            s->place[q * s->samples * s->o + e] = (int32_t)(e / s->o * s->pairs + pair_at(s->o, q, e % s->o));
}

static void close_shared(shared *s)
{
    ntk_free(s->products);
    ntk_free(s->place);
    ntk_free(s->weights);
}

static ntk_status open_shared(ntk_context *ctx, const ntk_pairing *p, const ntk_pairing *flat, shared *s)
{
    ntk_status status;
    int64_t o = p->units, pairs = o * (o + 1) / 2;
    *s = (shared){.p = p, .o = o, .pairs = pairs, .units = p->a->units, .samples = NTK_MAX(1, PANEL / pairs), .cpu = ctx->cpu, .flat = flat};
    if (!p->a->cotangents) {
        NTK_TRY(NTK_NEW_RAW(ctx, o * o, &s->products));
        fill_constant(o, p->a, 1, s->products);
        return NTK_OK;
    }
    NTK_TRY(NTK_NEW_RAW(ctx, pairs * s->units, &s->products));
    NTK_TRY(NTK_NEW_RAW(ctx, o * s->samples * o, &s->place));
    fill_products(s, p->a->weights);
    fill_places(s);
    if (!flat) return NTK_OK;
    NTK_TRY(NTK_NEW_RAW(ctx, o * s->samples * o, &s->weights));
    fill_constant(o, flat->a, s->samples, s->weights);
done:
    return status;
}

/* ---- the panel --------------------------------------------------------------------------------------------------- */

typedef struct panel_job {
    const shared *s;
    const real *slopes; /* of the first sample */
    real *out;          /* [samples, pairs, units] */
} panel_job;

static void panel_rows(void *user, int64_t begin, int64_t end, int worker)
{
    const panel_job *j = user;
    int64_t units = j->s->units, pairs = j->s->pairs;
    (void)worker;
    for (int64_t r = begin; r < end; ++r) {
        const real *slope = j->slopes + r / pairs * units, *w = j->s->products + r % pairs * units;
        real *out = j->out + r * units;
        for (int64_t u = 0; u < units; ++u) out[u] = w[u] * slope[u];
    }
}

/* ---- where it goes ----------------------------------------------------------------------------------------------- */

typedef struct spread_job {
    const shared *s;
    int64_t samples, first, stride; /* of b; inputs: x_i · x_j of the first, and from row to row */
    const real *inputs, *c;         /* c [rows, samples pairs]; of a layer with s = 1 none */
    const real *flat;               /* inputs of the other layer, or NULL */
    ntk_pairing_target to;
} spread_job;

/* Each number of x once for every output. */
static void repeat(int64_t n, int64_t o, const real *x, real *out)
{
    for (int64_t j = 0; j < n; ++j)
        for (int64_t r = 0; r < o; ++r) out[j * o + r] = x[j];
}

static void spread_sample(const spread_job *j, int64_t i)
{
    const shared *s = j->s;
    const real *c = j->c + i * j->samples * s->pairs;
    real scale[PANEL], other[PANEL];
    int64_t at = i * j->stride + j->first, stride = s->samples * s->o;
    repeat(j->samples, s->o, j->inputs + at, scale);
    if (j->flat) repeat(j->samples, s->o, j->flat + at, other);
    for (int64_t q = 0; q < s->o; ++q)
        spread[NTK_REAL][s->cpu](j->samples * s->o, scale, c, s->place + q * stride, j->flat ? other : NULL, j->flat ? s->weights + q * stride : NULL, j->to.add,
                                 j->to.out + (i * s->o + q) * j->to.ld);
}

static void spread_rows(void *user, int64_t begin, int64_t end, int worker)
{
    (void)worker;
    for (int64_t i = begin; i < end; ++i) spread_sample(user, i);
}

/* Rows (i, q): x_i · x_j times the matrix that all share. */
static void constant_rows(void *user, int64_t begin, int64_t end, int worker)
{
    const spread_job *j = user;
    int64_t o = j->s->o;
    (void)worker;
    for (int64_t row = begin; row < end; ++row) {
        const real *x = j->inputs + row / o * j->stride, *c = j->s->products + row % o * o;
        real *out = j->to.out + row * j->to.ld;
        for (int64_t k = 0; k < j->samples; ++k, out += o)
            for (int64_t r = 0; r < o; ++r) {
                if (!j->to.add) out[r] = x[k] * c[r];
                else if (c[r] != 0) out[r] += x[k] * c[r];
            }
    }
}

/* ---- samples ----------------------------------------------------------------------------------------------------- */

/* Samples [row, row + m) against `n` from `column` on, whose inputs have met in w->inputs [m, stride], at `first`. */
static ntk_status one_chunk(ntk_context *ctx, const shared *s, int64_t row, int64_t m, int64_t column, int64_t n, int64_t first, int64_t stride, ntk_pairing_rooms *w,
                            const ntk_pairing_target *to)
{
    ntk_status status;
    int64_t width = n * s->pairs;
    const real *a = s->p->a->cotangents + row * s->units;
    spread_job j = {s, n, first, stride, w->inputs.numbers, NULL, s->flat ? w->flat.numbers : NULL, *to};
    NTK_TRY(ntk_room_reserve(ctx, &w->right, width * s->units));
    NTK_TRY(ntk_room_reserve(ctx, &w->cotangents, m * width));
    ntk_parallel(ctx, width, NTK_MAX(1, GRAIN / s->units), panel_rows, &(panel_job){s, s->p->b->cotangents + column * s->units, w->right.numbers});
    NTK_TRY(ntk_gemm(ctx, NTK_REAL, NTK_PLAIN, NTK_TRANSPOSED, m, width, s->units, 1, a, s->units, w->right.numbers, s->units, 0, w->cotangents.numbers, width));
    j.c = w->cotangents.numbers;
    ntk_parallel(ctx, m, NTK_MAX(1, GRAIN / (n * s->o * s->o)), spread_rows, &j);
done:
    return status;
}

/* out [m, n] = scale X Xᵀ of a layer. */
static ntk_status meet(ntk_context *ctx, const ntk_pairing *p, int64_t row, int64_t m, int64_t column, int64_t n, ntk_pairing_rooms *w, ntk_room *out)
{
    ntk_status status;
    int64_t k = p->a->width;
    const real *x, *y;
    NTK_TRY(ntk_room_reserve(ctx, out, m * n));
    NTK_TRY(ntk_pairing_inputs(ctx, p, p->a, row, m, 0, 1, &w->left, &x));
    NTK_TRY(ntk_pairing_inputs(ctx, p, p->b, column, n, 0, 1, &w->right, &y));
    NTK_TRY(ntk_gemm(ctx, NTK_REAL, NTK_PLAIN, NTK_TRANSPOSED, m, n, k, p->scale, x, k, y, k, 0, out->numbers, n));
done:
    return status;
}

/* The same, and the inputs have still to meet; at most ROWS by COLUMNS. */
static ntk_status one_block(ntk_context *ctx, const shared *s, int64_t row, int64_t m, int64_t column, int64_t n, ntk_pairing_rooms *w, const ntk_pairing_target *to)
{
    ntk_status status;
    int64_t last = row + m;
    NTK_TRY(meet(ctx, s->p, row, m, column, n, w, &w->inputs));
    if (s->flat) NTK_TRY(meet(ctx, s->flat, row, m, column, n, w, &w->flat));
    if (!s->p->a->cotangents) {
        ntk_parallel(ctx, m * s->o, NTK_MAX(1, GRAIN / (n * s->o)), constant_rows, &(spread_job){s, n, 0, n, w->inputs.numbers, NULL, NULL, *to});
        return NTK_OK;
    }
    for (int64_t j = 0; j < n; j += s->samples) {
        int64_t skip = s->p->same ? NTK_MAX(column + j - row, 0) : 0; /* rows whose columns here are above the diagonal */
        ntk_pairing_target at = {to->out + skip * s->o * to->ld + j * s->o, to->ld, 1, to->add};
        if (row + skip < last) NTK_TRY(one_chunk(ctx, s, row + skip, last - row - skip, column + j, NTK_MIN(s->samples, n - j), skip * n + j, n, w, &at));
    }
done:
    return status;
}

ntk_status ntk_pairing_add_shared(ntk_context *ctx, const ntk_pairing *p, const ntk_pairing *flat, int64_t row, int64_t m, int64_t column, int64_t n, ntk_pairing_rooms *w,
                                  const ntk_pairing_target *to)
{
    ntk_status status;
    shared s = {0};
    NTK_TRY(open_shared(ctx, p, flat, &s));
    for (int64_t i = 0; i < m; i += ROWS) {
        int64_t rows = NTK_MIN(ROWS, m - i), end = p->same ? NTK_MIN(n, row + i + rows - column) : n;
        for (int64_t j = 0; j < end; j += COLUMNS) {
            ntk_pairing_target at = {to->out + i * s.o * to->ld + j * s.o, to->ld, 1, to->add};
            NTK_TRY(one_block(ctx, &s, row + i, rows, column + j, NTK_MIN(COLUMNS, end - j), w, &at));
        }
        NTK_TRY(ntk_progress(ctx, (double)(i + rows) / (double)m));
    }
done:
    close_shared(&s);
    return status;
}

void ntk_pairing_count_shared(const ntk_network *network, const ntk_step *s, int64_t m, int64_t n, double most[5])
{
    int64_t o = ntk_network_outputs(network), pairs = o * (o + 1) / 2, rows = NTK_MIN(m, ROWS);
    double width = (double)(NTK_MIN(NTK_MAX(1, PANEL / pairs), n) * pairs), units = (double)s->units;
    bool gathers = s->op != &ntk_op_dense;
    most[0] = fmax(most[0], (double)rows * (double)NTK_MIN(n, COLUMNS));
    most[4] = fmax(most[4], (double)rows * (double)NTK_MIN(n, COLUMNS) + (double)pairs * units + 4 * (double)(o * o) + 4 * PANEL);
    most[1] = fmax(most[1], (double)rows * width);
    most[2] = fmax(most[2], gathers ? (double)rows * (double)ntk_factor_width(s) : 0);
    most[3] = fmax(most[3], fmax(width * units, gathers ? (double)COLUMNS * (double)ntk_factor_width(s) : 0));
}
