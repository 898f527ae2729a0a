/* A gram meets new inputs: blocks K(test, train), and K(test, test). */
#include "kernel.h"

ntk_status ntk_cross_open(ntk_context *ctx, const ntk_gram *gram, const ntk_array *x, const ntk_structure *structure, ntk_points *test)
{
    ntk_status status;
    if (!gram->kernel)
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "the gram was not made from a kernel, so it cannot meet new inputs x; hand over the blocks K(test, train) instead");
    status = ntk_points_open(ctx, gram->kernel, "x", x, structure, false, test);
    if (status != NTK_OK) return status;
    if (test->dtype != gram->dtype) {
        ntk_cross_close(gram, test);
        return ntk_fail(ctx, NTK_ERROR_DTYPE, "x holds %s; the gram was made from %s", ntk_dtype_name(x->dtype), ntk_dtype_name(gram->dtype));
    }
    if (test->d != gram->points.d) {
        ntk_cross_close(gram, test);
        return ntk_fail(ctx, NTK_ERROR_SHAPE, "x has %lld columns; the training inputs %lld", (long long)x->shape[1], (long long)gram->points.d);
    }
    return NTK_OK;
}

void ntk_cross_close(const ntk_gram *gram, ntk_points *test)
{
    if (gram && gram->kernel) ntk_points_close(gram->kernel, test);
}

/* Planes of one request start at column 0 and march over the training set in tiles. */
ntk_status ntk_cross_block(ntk_context *ctx, const ntk_gram *gram, const ntk_points *test, int64_t row, int64_t m, void *ntk, void *nngp)
{
    const ntk_kernel *k = gram->kernel;
    int64_t bytes = (int64_t)ntk_dtype_size(gram->dtype), n = gram->points.n;
    ntk_status status = NTK_OK;
    for (int64_t column = 0; column < n; column += k->tile) {
        int64_t offset = column * k->per_sample * bytes, count = NTK_MIN(k->tile, n - column);
        ntk_tile tile = {.ntk = ntk ? (char *)ntk + offset : NULL, .nngp = nngp ? (char *)nngp + offset : NULL, .ld = gram->size};
        NTK_TRY_PART(ctx, (double)column / (double)n, (double)(column + count) / (double)n,
                     k->class->block(ctx, k, test, row, m, &gram->points, column, count, &tile));
    }
done:
    return status;
}

ntk_status ntk_cross_square(ntk_context *ctx, const ntk_gram *gram, const ntk_points *test, void *ntk, void *nngp)
{
    ntk_tile out = {.ntk = ntk, .nngp = nngp, .ld = test->n * gram->kernel->per_sample};
    return ntk_kernel_fill(ctx, gram->kernel, test, NULL, &out);
}
