/*
 * mean = f0* + A* w,  w = S_A(t) (y - f0): the new inputs pass in blocks of samples, so that A* [M, N] is never held
 * whole when it comes from a kernel.
 */
#include "predict.h"

#include <string.h>

static int64_t block_samples(const ntk_test *test)
{
    return NTK_MAX(1, NTK_MIN(NTK_BLOCK_ROWS / NTK_MAX(test->per_sample, 1), test->samples));
}

/* Rows of f0*, or zeros. */
static void begin(const ntk_predictor *p, const ntk_test *test, void *mean)
{
    size_t size = (size_t)(ntk_test_rows(test) * p->columns) * ntk_dtype_size(p->gram->dtype);
    if (test->f0) memcpy(mean, test->f0, size);
    else memset(mean, 0, size);
}

static ntk_status add_block(ntk_context *ctx, const ntk_predictor *p, const ntk_test *test, int64_t first, int64_t count, const void *weights,
                            void *const buffer[2], char *mean)
{
    ntk_status status;
    const void *block[2];
    const ntk_gram *g = p->gram;
    size_t offset = (size_t)(first * test->per_sample * p->columns) * ntk_dtype_size(g->dtype);
    NTK_TRY(ntk_test_cross(ctx, p, test, first, count, buffer, block));
    NTK_TRY(ntk_gemm(ctx, g->dtype, NTK_PLAIN, NTK_PLAIN, count * test->per_sample, p->columns, g->size, 1, block[p->rule->trained], g->size,
                     weights, p->columns, 1, mean + offset, p->columns));
done:
    return status;
}

static ntk_status add_blocks(ntk_context *ctx, const ntk_predictor *p, const ntk_test *test, int64_t step, const void *weights,
                             void *const buffer[2], char *mean)
{
    ntk_status status = NTK_OK;
    for (int64_t first = 0; first < test->samples; first += step) {
        int64_t count = NTK_MIN(step, test->samples - first);
        NTK_TRY_PART(ctx, (double)first / (double)test->samples, (double)(first + count) / (double)test->samples,
                     add_block(ctx, p, test, first, count, weights, buffer, mean));
    }
done:
    return status;
}

ntk_status ntk_test_mean(ntk_context *ctx, const ntk_predictor *p, const ntk_test *test, double time, void *mean)
{
    ntk_status status;
    const ntk_gram *g = p->gram;
    int64_t step = block_samples(test);
    double before = p->engine->any_time ? 0.1 : 0; /* share of the weights, which Cholesky has already */
    void *weights = NULL, *buffer[2] = {NULL, NULL};
    NTK_TRY(ntk_allocate_raw(ctx, g->size * p->columns, ntk_dtype_size(g->dtype), &weights));
    if (test->from_kernel)
        NTK_TRY(ntk_allocate_raw(ctx, step * test->per_sample * g->size, ntk_dtype_size(g->dtype), &buffer[p->rule->trained]));
    NTK_TRY_PART(ctx, 0, before, p->engine->weights(ctx, p, time, weights));
    begin(p, test, mean);
    NTK_TRY_PART(ctx, before, 1, add_blocks(ctx, p, test, step, weights, buffer, mean));
    NTK_TRY(ntk_check_result(ctx, "mean", g->dtype, mean, ntk_test_rows(test) * p->columns));
done:
    ntk_free(buffer[0]);
    ntk_free(buffer[1]);
    ntk_free(weights);
    return status;
}
