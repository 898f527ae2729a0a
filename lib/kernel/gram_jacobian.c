/* The gram K = J D⁻¹ Jᵀ, in blocks of rows of J D^-1/2. */
#include "kernel.h"

#include <math.h>

/* Rows of J D^-1/2 at once: about 64 MiB, or a part of the memory limit. */
static int64_t rows_at_once(const ntk_context *ctx, const ntk_jacobian *j)
{
    double limit = (double)ctx->options.memory_limit, budget = limit > 0 ? fmin(64 << 20, limit / 8) : 64 << 20;
    int64_t rows = (int64_t)(budget / (8 * fmax((double)j->columns, 1)));
    return NTK_MIN(NTK_MAX(rows, 1), NTK_MAX(j->rows, 1));
}

/* The matrix and two blocks of rows. */
static double bytes_of_contraction(const ntk_context *ctx, const ntk_jacobian *j)
{
    return 8 * ((double)j->rows * (double)j->rows + 2 * (double)rows_at_once(ctx, j) * (double)j->columns);
}

static ntk_status scaled_rows(ntk_context *ctx, const ntk_gram *g, int64_t first, int64_t count, double *out)
{
    ntk_status status = ntk_jacobian_dense_rows(ctx, g->jacobian, first, count, out);
    if (status == NTK_OK) ntk_optimizer_scale(g->optimizer, count, g->jacobian->columns, out, 0.5);
    return status;
}

/* a = rows [row, row + m), and K of them with themselves. */
static ntk_status diagonal_block(ntk_context *ctx, ntk_gram *g, int64_t row, int64_t m, double *a)
{
    ntk_status status;
    int64_t n = g->size, p = g->jacobian->columns;
    double *k = g->owned[NTK_KIND_NTK];
    NTK_TRY_PART(ctx, 0, 0.5, scaled_rows(ctx, g, row, m, a));
    NTK_TRY_PART(ctx, 0.5, 1, ntk_syrk(ctx, NTK_F64, NTK_PLAIN, m, p, 1, a, p, 0, k + row * n + row, n));
done:
    return status;
}

/* K of the rows in a with rows [column, column + count), which b is for. */
static ntk_status lower_block(ntk_context *ctx, ntk_gram *g, int64_t row, int64_t m, const double *a, int64_t column, int64_t count, double *b)
{
    ntk_status status;
    int64_t n = g->size, p = g->jacobian->columns;
    double *k = g->owned[NTK_KIND_NTK];
    NTK_TRY_PART(ctx, 0, 0.5, scaled_rows(ctx, g, column, count, b));
    NTK_TRY_PART(ctx, 0.5, 1, ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_TRANSPOSED, m, count, p, 1, a, p, b, p, 0, k + row * n + column, n));
done:
    return status;
}

static ntk_status contract_jacobian(ntk_context *ctx, ntk_gram *g)
{
    ntk_status status = NTK_OK;
    int64_t n = g->size, p = g->jacobian->columns, step = rows_at_once(ctx, g->jacobian), count = (n + step - 1) / step;
    double *a = NULL, *b = NULL, *k = g->owned[NTK_KIND_NTK], whole = (double)count * (double)(count + 1) / 2, done = 0;
    NTK_TRY(NTK_NEW_RAW(ctx, step * p, &a));
    NTK_TRY(NTK_NEW_RAW(ctx, step * p, &b));
    for (int64_t row = 0; row < n; row += step) {
        int64_t m = NTK_MIN(step, n - row);
        NTK_TRY_PART(ctx, done / whole, (done + 1) / whole, diagonal_block(ctx, g, row, m, a));
        ++done;
        for (int64_t column = 0; column < row; column += step, ++done)
            NTK_TRY_PART(ctx, done / whole, (done + 1) / whole, lower_block(ctx, g, row, m, a, column, step, b));
    }
    ntk_mirror(ctx, NTK_F64, n, k, n);
done:
    ntk_free(a);
    ntk_free(b);
    return status;
}

ntk_status ntk_gram_from_jacobian(ntk_context *ctx, const ntk_jacobian *jacobian, const ntk_optimizer *optimizer, ntk_gram **gram)
{
    ntk_status status;
    ntk_gram *g = NULL;
    NTK_ENTER_NEW(ctx, gram);
    NTK_REQUIRE(ctx, jacobian);
    NTK_TRY(ntk_optimizer_check(ctx, optimizer, jacobian->columns));
    NTK_TRY(NTK_NEW_HANDLE(ctx, &g));
    g->jacobian = ntk_retain(jacobian);
    g->optimizer = ntk_retain(optimizer);
    g->dtype = NTK_F64;
    g->size = jacobian->rows;
    g->per_sample = jacobian->outputs;
    NTK_TRY(ntk_memory_require(ctx, "the gram", bytes_of_contraction(ctx, jacobian)));
    NTK_TRY(ntk_gram_new_matrix(ctx, g, NTK_KIND_NTK));
    NTK_TRY(contract_jacobian(ctx, g));
    NTK_TRY(ntk_check_values(ctx, "an entry of J D^-1 J'", NTK_F64, g->size, g->size, g->matrix[NTK_KIND_NTK], g->size));
    *gram = g;
    g = NULL;
done:
    ntk_gram_destroy(g);
    return status;
}
