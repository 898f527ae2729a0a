/*
 * Jacobian contraction strip by strip (lib/finite/strip.c; docs/mathematics.md §6.1, algorithm 1):
 *
 *     Theta = sum over strips G1 G2ᵀ,     G a strip of columns of J D^-1/2, all rows of the samples that meet
 *
 * and of one strip full, trace, diagonal and the layers' terms as in empirical.c.  For a convolution a row of G is a weight gradient per
 * sample and output, one product over its positions.  Memory: a strip and a tape, whatever p; an entry of J is computed once for each
 * tile of the kernel it takes part in.  For a symmetric tile half of the products (SYRK).
 */
#include "kernel.h"
#include "real.h"

#include <math.h>

/* Bytes of the strips: with a tape and the result's tiles they stay below 256 MiB. */
#define BUDGET (160.0 * 1048576)

static double budget_of(const ntk_context *ctx)
{
    double limit = (double)ctx->options.memory_limit;
    return limit > 0 ? fmin(BUDGET, limit / 4) : BUDGET;
}

/* Columns of a strip of so many rows. */
static int64_t columns_at_once(const ntk_context *ctx, double rows)
{
    return (int64_t)fmax(budget_of(ctx) / (sizeof(real) * fmax(rows, 1)), 1);
}

static double widest(const ntk_network *network)
{
    double columns = 1;
    for (int64_t i = 0; i < network->n_steps; ++i) columns = fmax(columns, (double)network->steps[i].fan_in);
    return columns;
}

double ntk_strips_bytes(const ntk_context *ctx, const ntk_network *network, double rows, int64_t n)
{
    double p = (double)network->n_parameters, columns = fmax(widest(network), (double)columns_at_once(ctx, rows));
    return sizeof(real) * rows * fmin(p, columns) + ntk_strip_bytes(ctx, network, n) + ntk_strips_shared_bytes(network, (double)n);
}

/* ---- one strip meets another ----------------------------------------------------------------------------------- */

/* G1 [m o, width] and G2 [n o, width] = G1 where b is NULL. */
typedef struct meeting {
    ntk_outputs outputs;
    int64_t o, m, n, width;
    const real *a, *b;
    real *plane; /* [m, n], for diagonal */
} meeting;

/* out += the outputs' own products, one after the other. */
static ntk_status add_diagonal(ntk_context *ctx, const meeting *w, real *out, int64_t ld)
{
    ntk_status status = NTK_OK;
    int64_t stride = w->o * w->width;
    const real *b = w->b ? w->b : w->a;
    for (int64_t q = 0; q < w->o; ++q) {
        NTK_TRY(ntk_gemm(ctx, NTK_REAL, NTK_PLAIN, NTK_TRANSPOSED, w->m, w->n, w->width, 1, w->a + q * w->width, stride, b + q * w->width, stride, 0,
                         w->plane, w->n));
        for (int64_t i = 0; i < w->m; ++i)
            for (int64_t j = 0; j < w->n; ++j) out[i * ld + j * w->o + q] += w->plane[i * w->n + j];
    }
done:
    return status;
}

/* Of a symmetric tile the lower triangle. */
static ntk_status add(ntk_context *ctx, const meeting *w, real *out, int64_t ld)
{
    int64_t each = w->outputs == NTK_OUTPUTS_FULL ? w->o : 1, width = w->outputs == NTK_OUTPUTS_FULL ? w->width : w->o * w->width;
    double alpha = w->outputs == NTK_OUTPUTS_FULL ? 1 : 1 / (double)w->o;
    if (w->outputs == NTK_OUTPUTS_DIAGONAL) return add_diagonal(ctx, w, out, ld);
    if (!w->b) return ntk_syrk(ctx, NTK_REAL, NTK_PLAIN, w->m * each, width, alpha, w->a, width, 1, out, ld);
    return ntk_gemm(ctx, NTK_REAL, NTK_PLAIN, NTK_TRANSPOSED, w->m * each, w->n * each, width, alpha, w->a, width, w->b, width, 1, out, ld);
}

/* ---- the gram of a Jacobian ------------------------------------------------------------------------------------ */

/* The share of the columns that lie behind `column`. */
static double share(const ntk_network *network, int64_t column)
{
    return 1 - (double)column / fmax((double)network->n_parameters, 1);
}

ntk_status ntk_strips_add_gram(ntk_context *ctx, const ntk_jacobian *j, const ntk_optimizer *optimizer, const bool *without, real *k)
{
    ntk_status status = NTK_OK;
    const ntk_network *network = j->network;
    ntk_strip strip = {network->n_parameters, 0, without};
    ntk_room g = {NULL, 0};
    int64_t n = j->rows, most = columns_at_once(ctx, (double)n);
    while (ntk_strip_next(network, most, false, &strip)) {
        double from = share(network, strip.column + strip.columns), to = share(network, strip.column);
        NTK_TRY(ntk_room_reserve(ctx, &g, n * strip.columns));
        NTK_TRY_PART(ctx, from, from + 0.5 * (to - from), ntk_strip_rows(ctx, network, optimizer, j->theta, n / j->outputs, j->x, &strip, g.numbers));
        NTK_TRY_PART(ctx, from + 0.5 * (to - from), to, ntk_syrk(ctx, NTK_REAL, NTK_PLAIN, n, strip.columns, 1, g.numbers, strip.columns, 1, k, n));
    }
done:
    ntk_free(g.numbers);
    return status;
}

ntk_status ntk_strips_gram(ntk_context *ctx, const ntk_jacobian *j, const ntk_optimizer *optimizer, real *k)
{
    ntk_status status;
    for (int64_t i = 0; i < j->rows * j->rows; ++i) k[i] = 0;
    NTK_TRY(ntk_strips_add_gram(ctx, j, optimizer, NULL, k));
    ntk_mirror(ctx, NTK_REAL, j->rows, k, j->rows);
done:
    return status;
}

/* ---- blocks of a kernel ---------------------------------------------------------------------------------------- */

static int64_t layer_at(const ntk_network *network, int64_t column)
{
    for (int64_t i = 0; i < network->n_steps; ++i) {
        const ntk_step *s = &network->steps[i];
        if (s->parametric >= 0 && column >= s->offset && column < s->offset + s->n_parameters) return s->parametric;
    }
    return -1;
}

static void clear(int64_t rows, int64_t n, real *out, int64_t ld)
{
    for (int64_t i = 0; out && i < rows; ++i)
        for (int64_t j = 0; j < n; ++j) out[i * ld + j] = 0;
}

static real *layer_plane(const ntk_tile *tile, int64_t layer)
{
    return tile->layers ? (real *)tile->layers + layer * tile->layer_stride : NULL;
}

/* Rows of samples [row, row + m) of a strip. */
static ntk_status rows_of(ntk_context *ctx, const ntk_kernel *k, const ntk_points *points, int64_t row, int64_t m, const ntk_strip *strip, ntk_room *out)
{
    ntk_status status;
    NTK_TRY(ntk_room_reserve(ctx, out, m * ntk_network_outputs(k->network) * strip->columns));
    NTK_TRY(ntk_strip_rows(ctx, k->network, k->optimizer, k->theta, m, (const real *)points->x + row * points->d, strip, out->numbers));
done:
    return status;
}

/* One strip of both sides, into the sum and its layer. */
static ntk_status add_strip(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, int64_t row, const ntk_points *b, int64_t column,
                            const ntk_strip *strip, ntk_room sides[2], meeting *w, const ntk_tile *tile)
{
    ntk_status status;
    bool same = a == b && row == column && w->m == w->n;
    NTK_TRY_PART(ctx, 0, 0.3, rows_of(ctx, k, a, row, w->m, strip, &sides[0]));
    if (!same) NTK_TRY_PART(ctx, 0.3, 0.6, rows_of(ctx, k, b, column, w->n, strip, &sides[1]));
    w->a = sides[0].numbers;
    w->b = same ? NULL : sides[1].numbers;
    w->width = strip->columns;
    if (tile->ntk) NTK_TRY_PART(ctx, 0.6, 0.8, add(ctx, w, tile->ntk, tile->ld));
    if (tile->layers) NTK_TRY_PART(ctx, 0.8, 1, add(ctx, w, layer_plane(tile, layer_at(k->network, strip->column)), tile->ld));
done:
    return status;
}

/* left_out: the layers that do not go by strips, `without` and those that outputs share. */
static void leave_out(const ntk_kernel *k, const bool *without, bool *left_out)
{
    for (int64_t i = 0; i < k->network->n_steps; ++i) {
        const ntk_step *s = &k->network->steps[i];
        if (s->parametric >= 0) left_out[s->parametric] = (without && without[s->parametric]) || ntk_strip_shares(k->network, s, k->outputs);
    }
}

static ntk_status add_strips(ntk_context *ctx, const ntk_kernel *k, const bool *without, const ntk_points *a, int64_t row, int64_t m, const ntk_points *b,
                             int64_t column, int64_t n, const ntk_tile *tile)
{
    ntk_status status = NTK_OK;
    ntk_strip strip = {k->network->n_parameters, 0, without};
    ntk_room sides[2] = {{NULL, 0}, {NULL, 0}};
    meeting w = {.outputs = k->outputs, .o = ntk_network_outputs(k->network), .m = m, .n = n};
    bool same = a == b && row == column && m == n;
    int64_t most = columns_at_once(ctx, (double)w.o * (double)(same ? m : m + n));
    if (w.outputs == NTK_OUTPUTS_DIAGONAL) NTK_TRY(NTK_NEW_RAW(ctx, m * n, &w.plane));
    while (ntk_strip_next(k->network, most, tile->layers != NULL, &strip))
        NTK_TRY_PART(ctx, share(k->network, strip.column + strip.columns), share(k->network, strip.column), add_strip(ctx, k, a, row, b, column, &strip, sides, &w, tile));
done:
    ntk_free(sides[1].numbers);
    ntk_free(sides[0].numbers);
    ntk_free(w.plane);
    return status;
}

ntk_status ntk_strips_add(ntk_context *ctx, const ntk_kernel *k, const bool *without, const ntk_points *a, int64_t row, int64_t m, const ntk_points *b,
                          int64_t column, int64_t n, const ntk_tile *tile)
{
    ntk_status status;
    bool *left_out = NULL;
    NTK_TRY(NTK_NEW(ctx, k->network->n_parametric, &left_out));
    leave_out(k, without, left_out);
    for (int64_t i = 0; i < k->network->n_steps; ++i) {
        const ntk_step *s = &k->network->steps[i];
        if (s->parametric < 0 || (without && without[s->parametric]) || !left_out[s->parametric]) continue;
        NTK_TRY_PART(ctx, 0, 0.1, ntk_strips_add_shared(ctx, k, s, a, row, m, b, column, n, tile));
    }
    NTK_TRY_PART(ctx, 0.1, 1, add_strips(ctx, k, left_out, a, row, m, b, column, n, tile));
done:
    ntk_free(left_out);
    return status;
}

/* Both triangles of a symmetric tile. */
static void finish(ntk_context *ctx, const ntk_kernel *k, int64_t m, real *plane, int64_t ld)
{
    if (plane && k->outputs != NTK_OUTPUTS_DIAGONAL) ntk_mirror(ctx, NTK_REAL, m * k->per_sample, plane, ld);
}

ntk_status ntk_strips_block(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, int64_t row, int64_t m, const ntk_points *b, int64_t column,
                            int64_t n, const ntk_tile *tile)
{
    ntk_status status;
    int64_t rows = m * k->per_sample, width = n * k->per_sample * k->trailing;
    bool same = a == b && row == column && m == n;
    clear(rows, width, tile->ntk, tile->ld);
    for (int64_t l = 0; l < k->layers; ++l) clear(rows, width, layer_plane(tile, l), tile->ld);
    NTK_TRY(ntk_strips_add(ctx, k, NULL, a, row, m, b, column, n, tile));
    if (same) finish(ctx, k, m, tile->ntk, tile->ld);
    for (int64_t l = 0; same && l < k->layers; ++l) finish(ctx, k, m, layer_plane(tile, l), tile->ld);
done:
    return status;
}

/* ---- the diagonal ---------------------------------------------------------------------------------------------- */

/* out += |row|² of every output, or their mean. */
static void add_squares(const ntk_kernel *k, int64_t m, int64_t width, const real *rows, real *out)
{
    int64_t o = ntk_network_outputs(k->network), each = k->outputs == NTK_OUTPUTS_TRACE ? o : 1;
    for (int64_t i = 0; out && i < m * o; ++i) out[i / each] += (real)(ntk_square_sum(width, rows + i * width) / (double)each);
}

static real *advance(real *plane, int64_t numbers)
{
    return plane ? plane + numbers : NULL;
}

/* Samples [row, row + m), whose results start at number `at` of the planes. */
static ntk_status some_diagonal(ntk_context *ctx, const ntk_kernel *k, const bool *without, const ntk_points *a, int64_t row, int64_t m, int64_t at, const ntk_tile *tile)
{
    ntk_status status = NTK_OK;
    ntk_strip strip = {k->network->n_parameters, 0, without};
    ntk_room rows = {NULL, 0};
    int64_t most = columns_at_once(ctx, (double)m * (double)ntk_network_outputs(k->network));
    while (ntk_strip_next(k->network, most, tile->layers != NULL, &strip)) {
        NTK_TRY_PART(ctx, share(k->network, strip.column + strip.columns), share(k->network, strip.column), rows_of(ctx, k, a, row, m, &strip, &rows));
        add_squares(k, m, strip.columns, rows.numbers, advance(tile->ntk, at));
        add_squares(k, m, strip.columns, rows.numbers, advance(layer_plane(tile, layer_at(k->network, strip.column)), at));
    }
done:
    ntk_free(rows.numbers);
    return status;
}

ntk_status ntk_strips_add_diagonal(ntk_context *ctx, const ntk_kernel *k, const bool *without, const ntk_points *a, int64_t row, int64_t m, const ntk_tile *tile)
{
    ntk_status status = NTK_OK;
    int64_t each = k->per_sample * k->trailing;
    double one = sizeof(real) * (double)ntk_network_outputs(k->network) * fmax((double)k->network->n_parameters, 1); /* J of a sample */
    int64_t step = (int64_t)fmin(fmax(budget_of(ctx) / one, 1), (double)NTK_MAX(m, 1));
    for (int64_t i = 0; i < m; i += step) {
        int64_t count = NTK_MIN(step, m - i);
        NTK_TRY_PART(ctx, (double)i / (double)m, (double)(i + count) / (double)m, some_diagonal(ctx, k, without, a, row + i, count, i * each, tile));
    }
done:
    return status;
}

ntk_status ntk_strips_diagonal(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, int64_t row, int64_t m, const ntk_tile *tile)
{
    int64_t width = m * k->per_sample * k->trailing;
    clear(1, width, tile->ntk, 0);
    for (int64_t l = 0; l < k->layers; ++l) clear(1, width, layer_plane(tile, l), 0);
    return ntk_strips_add_diagonal(ctx, k, NULL, a, row, m, tile);
}
