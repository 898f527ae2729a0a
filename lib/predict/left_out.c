/*
 * What the others say of each training sample, at t = infinity, whichever way A~ was taken apart (lib/solve/leave_one_out.c; Rasmussen & Williams 2006,
 * eq. 5.12):
 *
 *     mean_i = y_i - w_i / (A~⁻¹)_ii,   w = A~⁻¹ (y - f0),        variance_i = 1 / (A~⁻¹)_ii
 *
 * The diagonal of A~⁻¹ comes from solutions for blocks of unit vectors, so that A~⁻¹ [N, N] is never held.
 */
#include "predict.h"

#include <math.h>
#include <string.h>

enum { BLOCK = 256 };

static double take(ntk_dtype dtype, const void *numbers, int64_t i)
{
    return dtype == NTK_F64 ? ((const double *)numbers)[i] : (double)((const float *)numbers)[i];
}

static void put(ntk_dtype dtype, void *numbers, int64_t i, double value)
{
    if (dtype == NTK_F64) ((double *)numbers)[i] = value;
    else ((float *)numbers)[i] = (float)value;
}

/* diagonal [first, first + count) = that of A~⁻¹; unit [N, count] is scratch. */
static ntk_status diagonal_block(ntk_context *ctx, const ntk_predictor *p, int64_t first, int64_t count, void *unit, double *diagonal)
{
    ntk_status status;
    ntk_dtype dtype = p->gram->dtype;
    memset(unit, 0, (size_t)(p->gram->size * count) * ntk_dtype_size(dtype));
    for (int64_t i = 0; i < count; ++i) put(dtype, unit, (first + i) * count + i, 1);
    NTK_TRY(p->engine->smooth(ctx, p, INFINITY, count, unit));
    for (int64_t i = 0; i < count; ++i) {
        diagonal[first + i] = take(dtype, unit, (first + i) * count + i);
        if (!(diagonal[first + i] > 0))
            return ntk_fail(ctx, NTK_ERROR_NOT_POSITIVE_DEFINITE, "sample %lld has no variance: the kernel is singular there, and there is no ridge", (long long)(first + i));
    }
done:
    return status;
}

static ntk_status inverse_diagonal(ntk_context *ctx, const ntk_predictor *p, double *diagonal)
{
    ntk_status status;
    void *unit = NULL;
    int64_t n = p->gram->size, step = NTK_MIN(BLOCK, NTK_MAX(n, 1));
    NTK_TRY(ntk_allocate_raw(ctx, n * step, ntk_dtype_size(p->gram->dtype), &unit));
    for (int64_t first = 0; first < n; first += step) {
        int64_t count = NTK_MIN(step, n - first);
        NTK_TRY_PART(ctx, (double)first / (double)n, (double)(first + count) / (double)n, diagonal_block(ctx, p, first, count, unit, diagonal));
    }
done:
    ntk_free(unit);
    return status;
}

/* mean [N, c] holds y, and becomes the left-out mean; variance [N] too. */
static ntk_status leave_out(ntk_context *ctx, const ntk_predictor *p, void *mean, void *variance)
{
    ntk_status status;
    int64_t n = p->gram->size, c = p->columns;
    ntk_dtype dtype = p->gram->dtype;
    double *diagonal = NULL;
    void *weights = NULL;
    NTK_TRY(NTK_NEW_RAW(ctx, n, &diagonal));
    NTK_TRY(ntk_allocate_raw(ctx, n * c, ntk_dtype_size(dtype), &weights));
    NTK_TRY_PART(ctx, 0, 0.1, p->engine->weights(ctx, p, INFINITY, weights));
    NTK_TRY_PART(ctx, 0.1, 1, inverse_diagonal(ctx, p, diagonal));
    for (int64_t i = 0; i < n * c; ++i) put(dtype, mean, i, take(dtype, mean, i) - take(dtype, weights, i) / diagonal[i / c]);
    for (int64_t i = 0; i < n; ++i) put(dtype, variance, i, 1 / diagonal[i]);
    NTK_TRY(ntk_check_result(ctx, "the left-out mean", dtype, mean, n * c));
    NTK_TRY(ntk_check_result(ctx, "the left-out variance", dtype, variance, n));
done:
    ntk_free(weights);
    ntk_free(diagonal);
    return status;
}

ntk_status ntk_predictor_leave_one_out(ntk_context *ctx, const ntk_predictor *predictor, const ntk_array *y, ntk_array *mean, ntk_array *variance)
{
    ntk_status status;
    void *f = NULL, *v = NULL;
    int64_t n, columns;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, predictor);
    n = predictor->gram->size;
    NTK_TRY(ntk_gram_targets(ctx, predictor->gram, "y", y, &columns, &f));
    if (columns != predictor->columns)
        NTK_TRY(ntk_fail(ctx, NTK_ERROR_SHAPE, "y has %lld columns; the predictor was made with %lld", (long long)columns, (long long)predictor->columns));
    NTK_TRY(ntk_check_answers(ctx, ntk_check_output, "mean", mean, predictor->gram->dtype, -1, n, columns, predictor->outputs));
    if (variance) NTK_TRY(ntk_check_output(ctx, "variance", variance, predictor->gram->dtype, NTK_SHAPE(n)));
    NTK_TRY(ntk_allocate_raw(ctx, n, ntk_dtype_size(predictor->gram->dtype), &v));
    NTK_TRY_PART(ctx, 0, 1, leave_out(ctx, predictor, f, v));
    ntk_store(mean, f);
    if (variance) ntk_store(variance, v);
done:
    ntk_free(v);
    ntk_free(f);
    return status;
}
