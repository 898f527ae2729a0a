/*
 * The diagonal of a covariance alone: with a the row of A* and p that of P* of a new input, x = S_A a,
 *
 *     process     P** - aᵀ S_A(2t) a            ensemble     P** - 2 xᵀ p + xᵀ P x,   x = S_A(t) a        (covariance.c)
 *
 * New inputs pass in blocks of rows, so memory is that of a block, whatever their number.  A variance is what little is left of the prior where
 * the training set determines the output: rounding, a few eps of the prior, may make it negative, and it is then 0.
 */
#include "predict.h"

/* sum over j of a[i, j] x[j, i] for row i of a [m, n] and column i of x [n, m]; `stride` between the columns of a: 1, or m for a transposed a. */
typedef struct view {
    ntk_dtype dtype;
    const void *numbers;
    int64_t row, column; /* steps */
} view;

static double number(const view *v, int64_t i, int64_t j)
{
    int64_t at = i * v->row + j * v->column;
    return v->dtype == NTK_F64 ? ((const double *)v->numbers)[at] : (double)((const float *)v->numbers)[at];
}

static double dot(int64_t n, const view *a, const view *b, int64_t i)
{
    double sum = 0;
    for (int64_t j = 0; j < n; ++j) sum += number(a, i, j) * number(b, i, j);
    return sum;
}

ntk_status ntk_test_transposed(ntk_context *ctx, const ntk_gram *g, int64_t rows, const void *a, void **x)
{
    ntk_array dense, flipped;
    ntk_status status = ntk_allocate_raw(ctx, g->size * rows, ntk_dtype_size(g->dtype), x);
    if (status != NTK_OK) return status;
    dense = ntk_array_dense(*x, g->dtype, NTK_SHAPE(g->size, rows));
    flipped = ntk_array_flipped(&dense);
    ntk_store(&flipped, a);
    return NTK_OK;
}

/* What training takes from (process), or does to (ensemble), the prior variance of a block of rows. */
static ntk_status block_change(ntk_context *ctx, const ntk_predictor *p, double time, int64_t rows, const void *const cross[2], double *change)
{
    ntk_status status;
    const ntk_gram *g = p->gram;
    bool ensemble = p->rule->prior != p->rule->trained;
    void *x = NULL, *px = NULL;
    view a = {g->dtype, cross[p->rule->trained], g->size, 1}, prior = {g->dtype, cross[p->rule->prior], g->size, 1}, of_x, of_px;
    NTK_TRY(ntk_test_transposed(ctx, g, rows, a.numbers, &x));
    NTK_TRY_PART(ctx, 0, ensemble ? 0.6 : 0.9, p->engine->smooth(ctx, p, ensemble ? time : 2 * time, rows, x));
    of_x = (view){g->dtype, x, 1, rows};
    if (!ensemble) {
        for (int64_t i = 0; i < rows; ++i) change[i] = -dot(g->size, &a, &of_x, i);
        goto done;
    }
    NTK_TRY(ntk_allocate_raw(ctx, g->size * rows, ntk_dtype_size(g->dtype), &px));
    NTK_TRY_PART(ctx, 0.6, 0.9, ntk_gram_product(ctx, g, p->rule->prior, rows, x, px));
    of_px = (view){g->dtype, px, 1, rows};
    for (int64_t i = 0; i < rows; ++i) change[i] = dot(g->size, &of_x, &of_px, i) - 2 * dot(g->size, &prior, &of_x, i);
done:
    ntk_free(px);
    ntk_free(x);
    return status;
}

/* variance [rows] = the prior's. */
static ntk_status prior_variance(ntk_context *ctx, const ntk_predictor *p, const ntk_test *test, void *variance)
{
    bool ntk = p->rule->prior == NTK_KIND_NTK;
    int64_t rows = ntk_test_rows(test), bytes = (int64_t)ntk_dtype_size(p->gram->dtype);
    ntk_array out = ntk_array_dense(variance, p->gram->dtype, NTK_SHAPE(rows)), diagonal = out;
    if (test->from_kernel) {
        ntk_tile tile = {.ntk = ntk ? variance : NULL, .nngp = ntk ? NULL : variance, .ld = test->per_sample};
        return ntk_kernel_fill_diagonal(ctx, p->gram->kernel, &test->points, &tile);
    }
    if (test->diagonal[p->rule->prior]) {
        ntk_store(&out, test->diagonal[p->rule->prior]);
        return NTK_OK;
    }
    for (int64_t i = 0; i < rows; ++i) {
        diagonal = ntk_array_at(&out, i);
        ntk_store(&diagonal, (const char *)test->square[p->rule->prior] + i * (rows + 1) * bytes);
    }
    return NTK_OK;
}

static void add(ntk_dtype dtype, int64_t count, const double *change, void *variance)
{
    double *wide = variance;
    float *narrow = variance;
    for (int64_t i = 0; i < count; ++i) {
        if (dtype == NTK_F64) wide[i] = NTK_MAX(wide[i] + change[i], 0);
        else narrow[i] = (float)NTK_MAX((double)narrow[i] + change[i], 0);
    }
}

static ntk_status one_block(ntk_context *ctx, const ntk_predictor *p, const ntk_test *test, double time, int64_t first, int64_t count, void *const buffer[2],
                            double *change, char *variance)
{
    ntk_status status;
    const void *cross[2];
    int64_t rows = count * test->per_sample;
    NTK_TRY_PART(ctx, 0, 0.3, ntk_test_cross(ctx, p, test, first, count, buffer, cross));
    NTK_TRY_PART(ctx, 0.3, 1, block_change(ctx, p, time, rows, cross, change));
    add(p->gram->dtype, rows, change, variance + first * test->per_sample * (int64_t)ntk_dtype_size(p->gram->dtype));
done:
    return status;
}

/* Buffers [rows, N] of the kinds a variance reads, when they come from a kernel. */
static ntk_status open_buffers(ntk_context *ctx, const ntk_predictor *p, const ntk_test *test, int64_t rows, void *buffer[2])
{
    ntk_status status = NTK_OK;
    for (int kind = 0; kind < 2 && test->from_kernel; ++kind) {
        if (kind != (int)p->rule->trained && kind != (int)p->rule->prior) continue;
        NTK_TRY(ntk_allocate_raw(ctx, rows * p->gram->size, ntk_dtype_size(p->gram->dtype), &buffer[kind]));
    }
done:
    return status;
}

ntk_status ntk_test_variance(ntk_context *ctx, const ntk_predictor *p, const ntk_test *test, double time, void *variance)
{
    ntk_status status;
    int64_t step = NTK_MAX(1, NTK_MIN(NTK_BLOCK_ROWS / NTK_MAX(test->per_sample, 1), test->samples));
    double *change = NULL, samples = (double)NTK_MAX(test->samples, 1);
    void *buffer[2] = {NULL, NULL};
    NTK_TRY(open_buffers(ctx, p, test, step * test->per_sample, buffer));
    NTK_TRY(NTK_NEW_RAW(ctx, step * test->per_sample, &change));
    NTK_TRY(prior_variance(ctx, p, test, variance));
    for (int64_t first = 0; first < test->samples; first += step) {
        int64_t count = NTK_MIN(step, test->samples - first);
        NTK_TRY_PART(ctx, (double)first / samples, (double)(first + count) / samples, one_block(ctx, p, test, time, first, count, buffer, change, variance));
    }
    NTK_TRY(ntk_check_result(ctx, "variance", p->gram->dtype, variance, ntk_test_rows(test)));
done:
    ntk_free(change);
    ntk_free(buffer[0]);
    ntk_free(buffer[1]);
    return status;
}
