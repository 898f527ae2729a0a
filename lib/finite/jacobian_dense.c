/*
 * What J does to dense vectors, for the rooms above.  In f64 any J answers: one of f32 computes as it does, from v rounded to f32, and what it gives
 * is exact in f64; rows go through a block of their own.  In f32 only one of f32 is asked.
 */
#include "finite.h"
#include "real.h"

#if !defined(NTK_SINGLE)

/* Numbers of a block of rows: 16 MiB. */
#define BLOCK ((int64_t)1 << 22)

static void widen(int64_t count, const float *from, double *to)
{
    for (int64_t i = 0; i < count; ++i) to[i] = (double)from[i];
}

typedef ntk_status (*product)(ntk_context *ctx, const ntk_jacobian *j, const void *in, void *out);

/* A product of a J of f32, from n numbers to m.  A number beyond the range of f32 is an error. */
static ntk_status product_in_f32(ntk_context *ctx, const ntk_jacobian *j, product run, const char *name, int64_t n, const double *in, int64_t m, double *out)
{
    ntk_status status;
    float *a = NULL, *b = NULL;
    int64_t at;
    NTK_TRY(NTK_NEW_RAW(ctx, n, &a));
    NTK_TRY(NTK_NEW_RAW(ctx, m, &b));
    for (int64_t i = 0; i < n; ++i) a[i] = (float)in[i];
    at = ntk_find_not_finite(NTK_F32, a, n);
    if (at >= 0) NTK_TRY(ntk_fail(ctx, NTK_ERROR_OVERFLOW, "%s[%lld] = %g exceeds the range of f32, the type of J", name, (long long)at, in[at]));
    NTK_TRY(run(ctx, j, a, b));
    widen(m, b, out);
done:
    ntk_free(b);
    ntk_free(a);
    return status;
}

static ntk_status rows_in_f32(ntk_context *ctx, const ntk_jacobian *j, int64_t first, int64_t count, double *out)
{
    ntk_status status;
    float *rows = NULL;
    int64_t p = j->columns, step = NTK_MAX(NTK_MIN(BLOCK / NTK_MAX(p, 1), count), 1);
    NTK_TRY(NTK_NEW_RAW(ctx, step * p, &rows));
    for (int64_t at = 0; at < count; at += step) {
        int64_t m = NTK_MIN(step, count - at);
        NTK_TRY_PART(ctx, (double)at / (double)count, (double)(at + m) / (double)count, ntk_jacobian_dense_rows_f32(ctx, j, first + at, m, rows));
        widen(m * p, rows, out + at * p);
    }
done:
    ntk_free(rows);
    return status;
}

#endif

ntk_status ntk_jacobian_dense_apply(ntk_context *ctx, const ntk_jacobian *j, const void *v, void *out)
{
    ntk_status status;
#if !defined(NTK_SINGLE)
    if (j->dtype == NTK_F32) return product_in_f32(ctx, j, ntk_jacobian_dense_apply_f32, "v", j->columns, v, j->rows, out);
#endif
    NTK_TRY(j->class->apply(ctx, j, v, out));
    NTK_TRY(ntk_finite_check_vector(ctx, "out", j->rows, out));
done:
    return status;
}

ntk_status ntk_jacobian_dense_apply_transposed(ntk_context *ctx, const ntk_jacobian *j, const void *u, void *out)
{
    ntk_status status;
#if !defined(NTK_SINGLE)
    if (j->dtype == NTK_F32) return product_in_f32(ctx, j, ntk_jacobian_dense_apply_transposed_f32, "u", j->rows, u, j->columns, out);
#endif
    NTK_TRY(j->class->apply_transposed(ctx, j, u, out));
    NTK_TRY(ntk_finite_check_vector(ctx, "out", j->columns, out));
done:
    return status;
}

ntk_status ntk_jacobian_dense_rows(ntk_context *ctx, const ntk_jacobian *j, int64_t first, int64_t count, void *out)
{
#if !defined(NTK_SINGLE)
    if (j->dtype == NTK_F32) return rows_in_f32(ctx, j, first, count, out);
#endif
    return j->class->rows(ctx, j, first, count, out);
}
