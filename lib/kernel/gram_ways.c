/*
 * The gram K = J D⁻¹ Jᵀ, by the first of these that applies:
 *
 *     strips       the caller's matrix: K += G Gᵀ over strips G of columns of J D^-1/2, each column read once
 *     by layers    a network: dense layers and convolutions from inputs and cotangents, without J, where that applies and is cheaper
 *                  (factors_fill.c); of the others K += G Gᵀ over strips of columns, computed once each (strips.c)
 *     blocks       any other: blocks of rows of J D^-1/2 against each other.  With b blocks a row is computed about b/2 times, so
 *                  they are as tall as half a gigabyte (or a part of the memory limit) allows.
 */
#include "kernel.h"
#include "real.h"

#include <math.h>
#include <string.h>

/* Rows of J D^-1/2 at once: about 512 MiB, or a part of the memory limit. */
#define BLOCK ((double)((int64_t)512 << 20))

static int64_t rows_at_once(const ntk_context *ctx, const ntk_jacobian *j)
{
    double limit = (double)ctx->options.memory_limit, budget = limit > 0 ? fmin(BLOCK, limit / 8) : BLOCK;
    int64_t rows = (int64_t)(budget / (sizeof(real) * fmax((double)j->columns, 1)));
    return NTK_MIN(NTK_MAX(rows, 1), NTK_MAX(j->rows, 1));
}

static ntk_status scaled_rows(ntk_context *ctx, const ntk_gram *g, int64_t first, int64_t count, real *out)
{
    ntk_status status = ntk_jacobian_dense_rows(ctx, g->jacobian, first, count, out);
    if (status == NTK_OK) ntk_optimizer_scale(g->optimizer, count, g->jacobian->columns, out, 0.5);
    return status;
}

/* a = rows [row, row + m), and K of them with themselves. */
static ntk_status diagonal_block(ntk_context *ctx, const ntk_gram *g, real *k, int64_t row, int64_t m, real *a)
{
    ntk_status status;
    int64_t n = g->size, p = g->jacobian->columns;
    NTK_TRY_PART(ctx, 0, 0.5, scaled_rows(ctx, g, row, m, a));
    NTK_TRY_PART(ctx, 0.5, 1, ntk_syrk(ctx, NTK_REAL, NTK_PLAIN, m, p, 1, a, p, 0, k + row * n + row, n));
done:
    return status;
}

/* K of the rows in a with rows [column, column + count), which b is for. */
static ntk_status lower_block(ntk_context *ctx, const ntk_gram *g, real *k, int64_t row, int64_t m, const real *a, int64_t column, int64_t count, real *b)
{
    ntk_status status;
    int64_t n = g->size, p = g->jacobian->columns;
    NTK_TRY_PART(ctx, 0, 0.5, scaled_rows(ctx, g, column, count, b));
    NTK_TRY_PART(ctx, 0.5, 1, ntk_gemm(ctx, NTK_REAL, NTK_PLAIN, NTK_TRANSPOSED, m, count, p, 1, a, p, b, p, 0, k + row * n + column, n));
done:
    return status;
}

static ntk_status contract_jacobian(ntk_context *ctx, const ntk_gram *g, void *k)
{
    ntk_status status = NTK_OK;
    int64_t n = g->size, p = g->jacobian->columns, step = rows_at_once(ctx, g->jacobian), count = (n + step - 1) / step;
    real *a = NULL, *b = NULL;
    double whole = (double)count * (double)(count + 1) / 2, done = 0;
    NTK_TRY(NTK_NEW_RAW(ctx, step * p, &a));
    NTK_TRY(NTK_NEW_RAW(ctx, step * p, &b));
    for (int64_t row = 0; row < n; row += step) {
        int64_t m = NTK_MIN(step, n - row);
        NTK_TRY_PART(ctx, done / whole, (done + 1) / whole, diagonal_block(ctx, g, k, row, m, a));
        ++done;
        for (int64_t column = 0; column < row; column += step, ++done)
            NTK_TRY_PART(ctx, done / whole, (done + 1) / whole, lower_block(ctx, g, k, row, m, a, column, step, b));
    }
    ntk_mirror(ctx, NTK_REAL, n, k, n);
done:
    ntk_free(a);
    ntk_free(b);
    return status;
}

/* ---- the caller's matrix ----------------------------------------------------------------------------------------- */

/* Columns of a strip: 64 MiB, or a part of the memory limit. */
static int64_t columns_at_once(const ntk_context *ctx, const ntk_jacobian *j)
{
    double limit = (double)ctx->options.memory_limit, budget = limit > 0 ? fmin(BLOCK / 8, limit / 8) : BLOCK / 8;
    int64_t columns = (int64_t)(budget / (sizeof(real) * fmax((double)j->rows, 1)));
    return NTK_MIN(NTK_MAX(columns, 1), NTK_MAX(j->columns, 1));
}

/* strip [rows, count] = columns [first, first + count) of J D^-1/2. */
static void copy_strip(const ntk_gram *g, int64_t first, int64_t count, real *strip)
{
    const ntk_jacobian *j = g->jacobian;
    const real *matrix = j->matrix;
    for (int64_t r = 0; r < j->rows; ++r) memcpy(strip + r * count, matrix + r * j->columns + first, (size_t)count * sizeof *strip);
    for (int64_t c = 0; g->optimizer && g->optimizer->d && c < count; ++c) {
        real root = (real)sqrt(g->optimizer->d[first + c]);
        for (int64_t r = 0; r < j->rows; ++r) strip[r * count + c] /= root;
    }
}

static ntk_status contract_strips(ntk_context *ctx, const ntk_gram *g, void *k)
{
    ntk_status status;
    int64_t n = g->size, p = g->jacobian->columns, step = columns_at_once(ctx, g->jacobian);
    real *strip = NULL;
    NTK_TRY(NTK_NEW_RAW(ctx, step * n, &strip));
    memset(k, 0, (size_t)(n * n) * sizeof *strip);
    for (int64_t first = 0; first < p; first += step) {
        int64_t count = NTK_MIN(step, p - first);
        copy_strip(g, first, count, strip);
        NTK_TRY_PART(ctx, (double)first / (double)p, (double)(first + count) / (double)p,
                     ntk_syrk(ctx, NTK_REAL, NTK_PLAIN, n, count, 1, strip, count, 1, k, n));
    }
    ntk_mirror(ctx, NTK_REAL, n, k, n);
done:
    ntk_free(strip);
    return status;
}

/* ---- a network, layer by layer ------------------------------------------------------------------------------------- */

static ntk_status from_layers(ntk_context *ctx, const ntk_gram *g, void *k)
{
    ntk_status status;
    const ntk_jacobian *j = g->jacobian;
    ntk_factors f = {0};
    int64_t n = j->rows / j->outputs;
    NTK_TRY_PART(ctx, 0, 0.2, ntk_factors_create(ctx, j->network, g->optimizer, NTK_OUTPUTS_FULL, g->factored, j->theta, n, j->x, &f));
    NTK_TRY_PART(ctx, 0.2, 0.6, ntk_factors_fill(ctx, &(ntk_factors_block){&f, &f, NTK_OUTPUTS_FULL, 0, n, 0, n, g->size}, k, NULL, 0));
    ntk_factors_clear(&f);
    NTK_TRY_PART(ctx, 0.6, 1, ntk_strips_add_gram(ctx, j, g->optimizer, g->factored, k));
    ntk_mirror(ctx, NTK_REAL, g->size, k, g->size);
done:
    ntk_factors_clear(&f);
    return status;
}

static ntk_status from_network(ntk_context *ctx, const ntk_gram *g, void *k)
{
    return ntk_strips_gram(ctx, g->jacobian, g->optimizer, k);
}

static bool fits(const ntk_context *ctx, double bytes)
{
    double limit = (double)ctx->options.memory_limit;
    return limit == 0 || bytes <= limit;
}

static ntk_way by_layers(const ntk_context *ctx, const ntk_gram *g)
{
    const ntk_jacobian *j = g->jacobian;
    int64_t n = j->rows / j->outputs;
    bool mixed = g->n_factored < j->network->n_parametric;
    double factors = ntk_factors_bytes(j->network, g->factored, NTK_REAL, n) + ntk_factors_fill_bytes(j->network, NTK_OUTPUTS_FULL, g->factored, n, n);
    double strips = mixed ? ntk_strips_bytes(ctx, j->network, (double)j->rows, 0) : 0;
    return (ntk_way){mixed ? NTK_ALGORITHM_MIXED : NTK_ALGORITHM_STRUCTURED, fmax(factors, strips), from_layers};
}

static ntk_way choose(const ntk_context *ctx, const ntk_gram *g)
{
    const ntk_jacobian *j = g->jacobian;
    double rows = (double)j->rows, columns = (double)j->columns;
    bool forced = g->algorithm == NTK_ALGORITHM_STRUCTURED;
    if (j->matrix) return (ntk_way){NTK_ALGORITHM_CONTRACTION, sizeof(real) * rows * (double)columns_at_once(ctx, j), contract_strips};
    if (g->factored && (forced || g->n_factored > 0)) {
        ntk_way a = by_layers(ctx, g);
        if (forced || fits(ctx, sizeof(real) * rows * rows + a.bytes)) return a;
    }
    if (j->network && j->sites.n_crops == 0) return (ntk_way){NTK_ALGORITHM_CONTRACTION, ntk_strips_bytes(ctx, j->network, rows, 0), from_network};
    return (ntk_way){NTK_ALGORITHM_CONTRACTION, 2 * sizeof(real) * (double)rows_at_once(ctx, j) * columns, contract_jacobian};
}

const ntk_jacobian_gram_class ntk_jacobian_gram = {choose, ntk_products_multiply, ntk_products_block, ntk_products_diagonal};
