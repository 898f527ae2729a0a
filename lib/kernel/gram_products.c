/*
 * A gram without a matrix: K v = J D⁻¹ (Jᵀ v), one vjp and one jvp, whatever N; so that a solver or Lanczos runs in the memory of a few vectors.
 * Entries, where one asks for them, are products of rows of J D^-1/2, block by block; the diagonal their squares.  The two products round
 * separately: K is symmetric to rounding, |K v - v K| of the order of gamma_p |J| |D⁻¹| |J|ᵀ |v|.
 */
#include "kernel.h"
#include "real.h"

#include <math.h>

/* Bytes of rows of J at once: 64 MiB, or a part of the memory limit. */
#define BLOCK (64.0 * 1048576)

static int64_t rows_at_once(const ntk_context *ctx, const ntk_jacobian *j, int64_t most)
{
    double limit = (double)ctx->options.memory_limit, budget = limit > 0 ? fmin(BLOCK, limit / 8) : BLOCK;
    int64_t rows = (int64_t)(budget / (sizeof(real) * fmax((double)j->columns, 1)));
    return NTK_MAX(NTK_MIN(rows, most), 1);
}

/* One column of v and of out, m apart; g [p], u and w [N] are scratch. */
static ntk_status one_column(ntk_context *ctx, const ntk_gram *gram, int64_t m, const real *v, real *out, real *g, real *u, real *w)
{
    ntk_status status;
    const ntk_jacobian *j = gram->jacobian;
    for (int64_t i = 0; i < gram->size; ++i) u[i] = v[i * m];
    NTK_TRY_PART(ctx, 0, 0.6, ntk_jacobian_dense_apply_transposed(ctx, j, u, g));
    ntk_optimizer_scale(gram->optimizer, 1, j->columns, g, 1);
    NTK_TRY_PART(ctx, 0.6, 1, ntk_jacobian_dense_apply(ctx, j, g, w));
    for (int64_t i = 0; i < gram->size; ++i) out[i * m] = w[i];
done:
    return status;
}

ntk_status ntk_products_multiply(ntk_context *ctx, const ntk_gram *gram, int64_t m, const void *v, void *out)
{
    ntk_status status;
    real *g = NULL, *u = NULL, *w = NULL;
    NTK_TRY(NTK_NEW_RAW(ctx, gram->jacobian->columns, &g));
    NTK_TRY(NTK_NEW_RAW(ctx, gram->size, &u));
    NTK_TRY(NTK_NEW_RAW(ctx, gram->size, &w));
    for (int64_t c = 0; c < m; ++c)
        NTK_TRY_PART(ctx, (double)c / (double)m, (double)(c + 1) / (double)m, one_column(ctx, gram, m, (const real *)v + c, (real *)out + c, g, u, w));
done:
    ntk_free(w);
    ntk_free(u);
    ntk_free(g);
    return status;
}

/* ---- entries --------------------------------------------------------------------------------------------------- */

static ntk_status scaled_rows(ntk_context *ctx, const ntk_gram *gram, int64_t first, int64_t count, real *rows)
{
    ntk_status status = ntk_jacobian_dense_rows(ctx, gram->jacobian, first, count, rows);
    if (status == NTK_OK) ntk_optimizer_scale(gram->optimizer, count, gram->jacobian->columns, rows, 0.5);
    return status;
}

ntk_status ntk_products_diagonal(ntk_context *ctx, const ntk_gram *gram, void *out)
{
    ntk_status status;
    int64_t n = gram->size, p = gram->jacobian->columns, block = rows_at_once(ctx, gram->jacobian, n);
    real *rows = NULL, *squares = out;
    NTK_TRY(NTK_NEW_RAW(ctx, block * p, &rows));
    for (int64_t at = 0; at < n; at += block) {
        int64_t count = NTK_MIN(block, n - at);
        NTK_TRY_PART(ctx, (double)at / (double)n, (double)(at + count) / (double)n, scaled_rows(ctx, gram, at, count, rows));
        for (int64_t r = 0; r < count; ++r) squares[at + r] = (real)ntk_square_sum(p, rows + r * p);
    }
    NTK_TRY(ntk_check_values(ctx, "an entry of J D^-1 J'", NTK_REAL, 1, n, out, n));
done:
    ntk_free(rows);
    return status;
}

/* Rows `left` [count, p] with rows [column, column + n). */
static ntk_status meet(ntk_context *ctx, const ntk_gram *gram, const real *left, int64_t count, int64_t column, int64_t n, real *right, int64_t block,
                       real *out)
{
    ntk_status status = NTK_OK;
    int64_t p = gram->jacobian->columns;
    for (int64_t at = 0; at < n; at += block) {
        int64_t m = NTK_MIN(block, n - at);
        NTK_TRY_PART(ctx, (double)at / (double)n, (double)(at + m) / (double)n, scaled_rows(ctx, gram, column + at, m, right));
        NTK_TRY(ntk_gemm(ctx, NTK_REAL, NTK_PLAIN, NTK_TRANSPOSED, count, m, p, 1, left, p, right, p, 0, out + at, n));
    }
done:
    return status;
}

ntk_status ntk_products_block(ntk_context *ctx, const ntk_gram *gram, int64_t row, int64_t m, int64_t column, int64_t n, void *out)
{
    ntk_status status;
    real *left = NULL, *right = NULL;
    int64_t p = gram->jacobian->columns, tall = rows_at_once(ctx, gram->jacobian, m), wide = rows_at_once(ctx, gram->jacobian, n);
    NTK_TRY(NTK_NEW_RAW(ctx, tall * p, &left));
    NTK_TRY(NTK_NEW_RAW(ctx, wide * p, &right));
    for (int64_t at = 0; at < m; at += tall) {
        int64_t count = NTK_MIN(tall, m - at);
        double from = (double)at / (double)m, to = (double)(at + count) / (double)m;
        NTK_TRY_PART(ctx, from, from + 0.3 * (to - from), scaled_rows(ctx, gram, row + at, count, left));
        NTK_TRY_PART(ctx, from + 0.3 * (to - from), to, meet(ctx, gram, left, count, column, n, right, wide, (real *)out + at * n));
    }
    NTK_TRY(ntk_check_values(ctx, "an entry of J D^-1 J'", NTK_REAL, m, n, out, n));
done:
    ntk_free(right);
    ntk_free(left);
    return status;
}
