/* The user's function as a class of kernel. */
#include "kernel.h"

static ntk_status call(ntk_context *ctx, const ntk_kernel *k, int64_t d, const double *a, int64_t m, const double *b, int64_t n, double *out, int64_t ld)
{
    int code = k->function(k->user, d, m, a, n, b, out, ld);
    if (code != 0) return ntk_fail(ctx, NTK_ERROR_CALLBACK, "the kernel callback returned %d on a block of %lld x %lld", code, (long long)m, (long long)n);
    for (int64_t i = 0; i < m; ++i)
        if (ntk_find_not_finite(NTK_F64, out + i * ld, n) >= 0)
            return ntk_fail(ctx, NTK_ERROR_CALLBACK, "the kernel callback gave a value that is not finite in row %lld of a block", (long long)i);
    return NTK_OK;
}

static double *wanted(const ntk_tile *tile)
{
    return tile->ntk ? tile->ntk : tile->nngp;
}

static ntk_status block(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, int64_t row, int64_t m, const ntk_points *b,
                        int64_t column, int64_t n, const ntk_tile *tile)
{
    const double *x = a->x, *y = b->x;
    return call(ctx, k, a->d, x + row * a->d, m, y + column * b->d, n, wanted(tile), tile->ld);
}

static ntk_status diagonal(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, int64_t row, int64_t m, const ntk_tile *tile)
{
    ntk_status status = NTK_OK;
    const double *x = a->x;
    for (int64_t i = 0; i < m; ++i) {
        const double *xi = x + (row + i) * a->d;
        NTK_TRY_PART(ctx, (double)i / (double)m, (double)(i + 1) / (double)m, call(ctx, k, a->d, xi, 1, xi, 1, wanted(tile) + i, 1));
    }
done:
    return status;
}

/* What the caller's function takes is not known. */
static void cost(const ntk_context *ctx, const ntk_kernel *k, ntk_dtype dtype, int64_t n, ntk_cost *cost)
{
    (void)ctx;
    (void)k;
    (void)dtype;
    (void)n;
    *cost = (ntk_cost){0};
}

const ntk_kernel_class ntk_callback_kernel = {"callback", NTK_TAKES_F64, false, 0, NULL, NULL, block, diagonal, cost};
