/*
 * Products through CBLAS:
 *
 *     gemm   C := alpha op(A) op(B) + beta C      2 m n k flop
 *     syrk   C := alpha op(A) op(A)ᵀ + beta C     lower triangle, n² k flop
 *     symm   C := A B                             A by its lower triangle, 2 n² m flop
 *
 * The error of an entry is at most gamma_k |A| |B|, gamma_k = k eps/(1 - k eps), in whatever order the BLAS sums (Higham 2002, §3.5);
 * gemm alone need not be symmetric to the bit where A B is: hence syrk and the mirror (mirror.c).
 *
 * A call of the BLAS cannot be interrupted.  One that would take long is made in panels, of rows of C for gemm and of columns for
 * symm, that report progress; they are large enough that the BLAS is as fast.
 */
#include "linalg.h"

#include <cblas.h>
#include <limits.h>
#include <math.h>

/* The BLAS counts in int: every size that reaches it passes here. */
static ntk_status check_sizes(ntk_context *ctx, const char *routine, int count, const int64_t *sizes)
{
    ntk_blas_warn(ctx);
    for (int i = 0; i < count; ++i)
        if (sizes[i] < 0 || sizes[i] > INT_MAX)
            return ntk_fail(ctx, NTK_ERROR_OVERFLOW, "%s: the size %lld exceeds the integers of the BLAS", routine, (long long)sizes[i]);
    return NTK_OK;
}
#define CHECK_SIZES(ctx, routine, ...) \
    check_sizes(ctx, routine, (int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)), (const int64_t[]){__VA_ARGS__})

static ntk_status check_float(ntk_context *ctx, const char *routine, ntk_dtype dtype)
{
    if (dtype == NTK_F64 || dtype == NTK_F32) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_DTYPE, "%s works in f64 and f32, not in %s", routine, ntk_dtype_name(dtype));
}

#define PANEL_FLOP 8e9 /* a fraction of a second */
#define PANEL_LEAST 128

int64_t ntk_panel(int64_t count, double flop)
{
    double fit = fmin(PANEL_FLOP / fmax(flop, 1), (double)count);
    return NTK_MIN(NTK_MAX((int64_t)fit, PANEL_LEAST), NTK_MAX(count, 1));
}

/* Element `numbers` of a. */
static const void *element(ntk_dtype dtype, const void *a, int64_t numbers)
{
    return (const char *)a + numbers * (int64_t)ntk_dtype_size(dtype);
}

static CBLAS_TRANSPOSE cblas_transpose(ntk_transpose t)
{
    return t == NTK_TRANSPOSED ? CblasTrans : CblasNoTrans;
}

ntk_status ntk_gemm(ntk_context *ctx, ntk_dtype dtype, ntk_transpose ta, ntk_transpose tb, int64_t m, int64_t n, int64_t k, double alpha,
                    const void *a, int64_t lda, const void *b, int64_t ldb, double beta, void *c, int64_t ldc)
{
    ntk_status status;
    int64_t step;
    NTK_TRY(check_float(ctx, "gemm", dtype));
    NTK_TRY(CHECK_SIZES(ctx, "gemm", m, n, k, lda, ldb, ldc));
    if (m == 0 || n == 0) return NTK_OK;
    lda = NTK_MAX(lda, 1);
    ldb = NTK_MAX(ldb, 1);
    step = ntk_panel(m, 2.0 * (double)n * (double)k);
    for (int64_t i = 0; i < m; i += step) {
        int64_t rows = NTK_MIN(step, m - i);
        const void *ai = element(dtype, a, ta == NTK_PLAIN ? i * lda : i);
        void *ci = (char *)c + i * ldc * (int64_t)ntk_dtype_size(dtype);
        if (dtype == NTK_F64)
            cblas_dgemm(CblasRowMajor, cblas_transpose(ta), cblas_transpose(tb), (int)rows, (int)n, (int)k, alpha, ai, (int)lda, b, (int)ldb, beta, ci, (int)ldc);
        else
            cblas_sgemm(CblasRowMajor, cblas_transpose(ta), cblas_transpose(tb), (int)rows, (int)n, (int)k, (float)alpha, ai, (int)lda, b, (int)ldb, (float)beta, ci, (int)ldc);
        if (step < m) NTK_TRY(ntk_progress(ctx, (double)(i + rows) / (double)m));
    }
done:
    return status;
}

ntk_status ntk_syrk(ntk_context *ctx, ntk_dtype dtype, ntk_transpose t, int64_t n, int64_t k, double alpha, const void *a, int64_t lda,
                    double beta, void *c, int64_t ldc)
{
    ntk_status status;
    NTK_TRY(check_float(ctx, "syrk", dtype));
    NTK_TRY(CHECK_SIZES(ctx, "syrk", n, k, lda, ldc));
    if (n == 0) return NTK_OK;
    lda = NTK_MAX(lda, 1);
    if (dtype == NTK_F64)
        cblas_dsyrk(CblasRowMajor, CblasLower, cblas_transpose(t), (int)n, (int)k, alpha, a, (int)lda, beta, c, (int)ldc);
    else
        cblas_ssyrk(CblasRowMajor, CblasLower, cblas_transpose(t), (int)n, (int)k, (float)alpha, a, (int)lda, (float)beta, c, (int)ldc);
done:
    return status;
}

ntk_status ntk_symm(ntk_context *ctx, ntk_dtype dtype, int64_t n, int64_t m, const void *a, int64_t lda, const void *b, int64_t ldb, void *c,
                    int64_t ldc)
{
    ntk_status status;
    int64_t step = ntk_panel(m, 2.0 * (double)n * (double)n);
    NTK_TRY(check_float(ctx, "symm", dtype));
    NTK_TRY(CHECK_SIZES(ctx, "symm", n, m, lda, ldb, ldc));
    if (n == 0 || m == 0) return NTK_OK;
    for (int64_t j = 0; j < m; j += step) {
        int64_t columns = NTK_MIN(step, m - j);
        const void *bj = element(dtype, b, j);
        void *cj = (char *)c + j * (int64_t)ntk_dtype_size(dtype);
        if (dtype == NTK_F64)
            cblas_dsymm(CblasRowMajor, CblasLeft, CblasLower, (int)n, (int)columns, 1.0, a, (int)lda, bj, (int)ldb, 0.0, cj, (int)ldc);
        else
            cblas_ssymm(CblasRowMajor, CblasLeft, CblasLower, (int)n, (int)columns, 1.0f, a, (int)lda, bj, (int)ldb, 0.0f, cj, (int)ldc);
        if (step < m) NTK_TRY(ntk_progress(ctx, (double)(j + columns) / (double)m));
    }
done:
    return status;
}
