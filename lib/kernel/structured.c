/*
 * The empirical kernel of dense layers from the factors of J (lib/finite/factors.c; docs/mathematics.md §6.1, algorithm 3): per layer
 * with inputs X [n, w] and cotangents Delta [n o, u]
 *
 *     full      (Delta Deltaᵀ) o (X Xᵀ x 1_o)               n² o² u + n² w products (half of them for a symmetric matrix)
 *     trace     (1/o) (Delta' Delta'ᵀ) o (X Xᵀ)             Delta' = Delta as [n, o u]: n² o u + n² w
 *     diagonal  (Delta_q Delta_qᵀ) o (X Xᵀ) for each q
 *
 * and the sum over layers.  Both products go by tiles that stay near, where the Hadamard product takes them up; of a symmetric
 * matrix tiles above the diagonal are left out, the BLAS runs at the speed of SYRK.  The error of an entry is at most
 * gamma_(u + w + layers) times the sum of the absolute values.
 */
#include "kernel.h"
#include "real.h"

#include <math.h>

/* Rows and columns of a tile of products: 8 MiB, long enough for the BLAS, and few rows: those above the diagonal are wasted. */
#define ROWS 256
#define COLUMNS 4096

/* Entries per piece of work of the Hadamard product. */
#define GRAIN 65536

/* One layer of both sides as a rule of outputs sees it: `o` rows per sample, each `width` numbers, `stride` apart. */
typedef struct pairing {
    const ntk_factor *a, *b;
    int64_t o, width, stride, shift;
    double scale;
    bool same; /* a and b are one data set: only columns up to the row count */
} pairing;

typedef struct hadamard_job {
    const real *inputs, *cotangents; /* [m, n] and [m o, n o] */
    int64_t n, o;
    bool add;
    real *out; /* entry (i, j) at i ld + j step */
    int64_t ld, step;
} hadamard_job;

static void multiply_rows(void *user, int64_t begin, int64_t end, int worker)
{
    const hadamard_job *h = user;
    (void)worker;
    for (int64_t r = begin; r < end; ++r) {
        const real *x = h->inputs + r / h->o * h->n, *c = h->cotangents + r * h->n * h->o;
        real *out = h->out + r * h->ld;
        for (int64_t j = 0; j < h->n; ++j)
            for (int64_t q = 0; q < h->o; ++q, ++c) {
                real *entry = out + (j * h->o + q) * h->step;
                *entry = (h->add ? *entry : 0) + x[j] * *c;
            }
    }
}

/* Scratch of one call: the two products of a tile. */
typedef struct products {
    real *inputs, *cotangents;
} products;

static ntk_status one_tile(ntk_context *ctx, const pairing *p, const products *w, int64_t row, int64_t m, int64_t column, int64_t n, bool add,
                           real *out, int64_t ld, int64_t step)
{
    ntk_status status;
    hadamard_job h = {w->inputs, w->cotangents, n, p->o, add, out, ld, step};
    int64_t k = p->a->width;
    NTK_TRY(ntk_gemm(ctx, NTK_REAL, NTK_PLAIN, NTK_TRANSPOSED, m, n, k, p->scale, p->a->inputs + row * k, k, p->b->inputs + column * k, k, 0,
                     w->inputs, n));
    NTK_TRY(ntk_gemm(ctx, NTK_REAL, NTK_PLAIN, NTK_TRANSPOSED, m * p->o, n * p->o, p->width, 1,
                     p->a->cotangents + row * p->o * p->stride + p->shift, p->stride,
                     p->b->cotangents + column * p->o * p->stride + p->shift, p->stride, 0, w->cotangents, n * p->o));
    ntk_parallel(ctx, m * p->o, NTK_MAX(1, GRAIN / (n * p->o)), multiply_rows, &h);
done:
    return status;
}

/* All tiles of one layer: samples [row, row + m) against [column, column + n). */
static ntk_status all_tiles(ntk_context *ctx, const pairing *p, const products *w, int64_t row, int64_t m, int64_t column, int64_t n, bool add,
                            real *out, int64_t ld, int64_t step)
{
    ntk_status status = NTK_OK;
    int64_t rows = NTK_MAX(1, ROWS / p->o), columns = NTK_MAX(1, COLUMNS / p->o);
    for (int64_t i = 0; i < m; i += rows) {
        int64_t count = NTK_MIN(rows, m - i), end = p->same ? NTK_MIN(n, row + i + count - column) : n;
        for (int64_t j = 0; j < end; j += columns) {
            real *to = out + i * p->o * ld + j * p->o * step;
            NTK_TRY(one_tile(ctx, p, w, row + i, count, column + j, NTK_MIN(columns, end - j), add, to, ld, step));
        }
        NTK_TRY(ntk_progress(ctx, (double)(i + count) / (double)m));
    }
done:
    return status;
}

static void clear_block(int64_t rows, int64_t n, real *out, int64_t ld)
{
    for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < n; ++j) out[i * ld + j] = 0;
}

/* One layer's term by the rule of `outputs`. */
static ntk_status one_layer(ntk_context *ctx, const ntk_factors_block *b, int64_t l, const products *w, bool add, real *out)
{
    ntk_status status = NTK_OK;
    const ntk_factor *left = &b->a->layers[l], *right = &b->b->layers[l];
    int64_t o = b->a->outputs, u = left->units;
    bool same = b->a == b->b;
    if (b->outputs == NTK_OUTPUTS_DIAGONAL) {
        for (int64_t q = 0; q < o; ++q) {
            pairing p = {left, right, 1, u, o * u, q * u, 1, same};
            NTK_TRY_PART(ctx, (double)q / (double)o, (double)(q + 1) / (double)o,
                         all_tiles(ctx, &p, w, b->row, b->m, b->column, b->n, add, out + q, b->ld, o));
        }
    } else {
        bool full = b->outputs == NTK_OUTPUTS_FULL;
        pairing p = {left, right, full ? o : 1, full ? u : o * u, full ? u : o * u, 0, full ? 1 : 1 / (double)o, same};
        NTK_TRY(all_tiles(ctx, &p, w, b->row, b->m, b->column, b->n, add, out, b->ld, 1));
    }
done:
    return status;
}

static ntk_status open_products(ntk_context *ctx, const ntk_factors_block *b, products *w)
{
    ntk_status status;
    int64_t o = b->outputs == NTK_OUTPUTS_FULL ? b->a->outputs : 1, rows = NTK_MAX(1, ROWS / o), columns = NTK_MAX(1, COLUMNS / o), count;
    NTK_TRY(ntk_size_product(ctx, "a tile of the kernel", NTK_MIN(rows, b->m) * o, NTK_MIN(columns, b->n) * o, &count));
    NTK_TRY(NTK_NEW_RAW(ctx, count, &w->cotangents));
    NTK_TRY(NTK_NEW_RAW(ctx, NTK_MIN(rows, b->m) * NTK_MIN(columns, b->n), &w->inputs));
done:
    return status;
}

ntk_status ntk_factors_fill(ntk_context *ctx, const ntk_factors_block *b, real *sum, real *layers, int64_t layer_stride)
{
    ntk_status status;
    products w = {NULL, NULL};
    int64_t count = b->a->count, o = b->a->outputs;
    int64_t rows = b->m * (b->outputs == NTK_OUTPUTS_FULL ? o : 1), width = b->n * (b->outputs == NTK_OUTPUTS_TRACE ? 1 : o);
    bool add = false;
    NTK_TRY(open_products(ctx, b, &w));
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
    ntk_free(w.inputs);
    ntk_free(w.cotangents);
    return status;
}

/* ---- the class ------------------------------------------------------------------------------------------------- */

static void release(ntk_points *points)
{
    ntk_factors_clear(points->prepared);
    ntk_free(points->prepared);
}

static ntk_status prepare(ntk_context *ctx, const ntk_kernel *k, ntk_points *points)
{
    ntk_factors *f = NULL;
    ntk_status status = NTK_NEW(ctx, 1, &f);
    points->prepared = f;
    if (status != NTK_OK) return status;
    return ntk_factors_create(ctx, k->network, k->optimizer, k->theta, points->n, points->x, f);
}

/* Finite, as far as it is filled: of a symmetric matrix (`same`) up to the sample itself. */
static ntk_status check_plane(ntk_context *ctx, const ntk_kernel *k, const ntk_factors_block *b, const char *what, const real *plane)
{
    ntk_status status = NTK_OK;
    int64_t o = k->per_sample, each = o * k->trailing;
    for (int64_t i = 0; plane && i < b->m; ++i) {
        int64_t n = b->a == b->b ? NTK_MIN(b->n, b->row + i + 1 - b->column) : b->n;
        if (n > 0) NTK_TRY(ntk_check_values(ctx, what, NTK_REAL, o, n * each, plane + i * o * b->ld, b->ld));
    }
done:
    return status;
}

static ntk_status check(ntk_context *ctx, const ntk_kernel *k, const ntk_factors_block *b, const ntk_tile *tile)
{
    ntk_status status;
    NTK_TRY(check_plane(ctx, k, b, "an entry of J D^-1 J'", tile->ntk));
    NTK_TRY(check_plane(ctx, k, b, "an entry of f f'", tile->nngp));
    for (int64_t l = 0; tile->layers && l < k->layers; ++l)
        NTK_TRY(check_plane(ctx, k, b, "a layer's term of J D^-1 J'", (real *)tile->layers + l * tile->layer_stride));
done:
    return status;
}

static ntk_status block(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, int64_t row, int64_t m, const ntk_points *b,
                        int64_t column, int64_t n, const ntk_tile *tile)
{
    ntk_status status = NTK_OK;
    const ntk_factors *u = a->prepared, *v = b->prepared;
    ntk_factors_block part = {u, v, k->outputs, row, m, column, n, tile->ld};
    if (tile->ntk || tile->layers) NTK_TRY_PART(ctx, 0, 0.9, ntk_factors_fill(ctx, &part, tile->ntk, tile->layers, tile->layer_stride));
    if (tile->nngp) NTK_TRY(ntk_empirical_contract(ctx, k->outputs, u->outputs, 1, u->f + row * u->outputs, m, v->f + column * u->outputs, n, tile->nngp, tile->ld));
    NTK_TRY(check(ctx, k, &part, tile));
done:
    return status;
}

/* Each sample with itself: |X_i|² |Delta_iq|², every output or their mean. */
static void squares(const ntk_kernel *k, const ntk_factors *f, int64_t l, int64_t row, int64_t m, real *out)
{
    const ntk_factor *layer = &f->layers[l];
    bool trace = k->outputs == NTK_OUTPUTS_TRACE;
    int64_t o = trace ? 1 : f->outputs, width = trace ? f->outputs * layer->units : layer->units;
    for (int64_t i = 0; layer->inputs && i < m; ++i) {
        double x = ntk_square_sum(layer->width, layer->inputs + (row + i) * layer->width) / (trace ? (double)f->outputs : 1);
        for (int64_t q = 0; q < o; ++q) out[i * o + q] += (real)(x * ntk_square_sum(width, layer->cotangents + ((row + i) * o + q) * width));
    }
}

static ntk_status diagonal(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, int64_t row, int64_t m, const ntk_tile *tile)
{
    ntk_status status = NTK_OK;
    const ntk_factors *f = a->prepared;
    int64_t width = k->per_sample * k->trailing;
    if (tile->ntk) clear_block(m, width, tile->ntk, width);
    for (int64_t l = 0; l < k->layers; ++l) {
        real *plane = tile->layers ? (real *)tile->layers + l * tile->layer_stride : NULL;
        if (plane) clear_block(m, width, plane, width);
        if (plane) squares(k, f, l, row, m, plane);
        if (tile->ntk) squares(k, f, l, row, m, tile->ntk);
    }
    if (tile->nngp) ntk_empirical_squares(k->outputs, f->outputs, 1, f->f + row * f->outputs, m, tile->nngp);
    for (int64_t l = 0; tile->layers && status == NTK_OK && l < k->layers; ++l)
        status = ntk_check_values(ctx, "a layer's term of J D^-1 J'", NTK_REAL, m, width, (real *)tile->layers + l * tile->layer_stride, width);
    return status == NTK_OK ? ntk_empirical_check(ctx, m, width, tile, width) : status;
}

static void cost(const ntk_context *ctx, const ntk_kernel *k, ntk_dtype dtype, int64_t n, ntk_cost *cost)
{
    double o = (double)ntk_network_outputs(k->network), wide = k->outputs == NTK_OUTPUTS_FULL ? o : 1, m = (double)NTK_MIN(k->tile, n) * wide;
    double inputs = fmin(m, ROWS) * fmin(m, COLUMNS) / (wide * wide);
    (void)dtype;
    *cost = (ntk_cost){.prepared = ntk_factors_bytes(k->network, n)};
    cost->preparing = ntk_finite_tape_bytes(ctx, k->network, n, 1 + 2 * (int)fmin(o, 1 << 20), NTK_FACTORS_BUDGET);
    cost->tile = sizeof(real) * (inputs + fmin(m, ROWS) * fmin(m, COLUMNS));
    cost->sample = ntk_finite_forward_flops(k->network) * (1 + o);
    for (int64_t i = 0; i < k->network->n_steps; ++i) {
        const ntk_step *s = &k->network->steps[i];
        if (s->parametric >= 0) cost->pair += 2 * ((double)s->units * (k->outputs == NTK_OUTPUTS_FULL ? o * o : o) + (double)s->fan_in + s->bias);
    }
}

const ntk_kernel_class ntk_structured_kernel = {"empirical", 1 << NTK_REAL, false, 0.3, prepare, release, block, diagonal, cost};
