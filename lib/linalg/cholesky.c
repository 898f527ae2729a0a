/*
 * Cholesky A = L Lᵀ by LAPACK potrf, n³/3 flop; A x = b by two triangular solves, L z = b and Lᵀ x = z, 2 n² flop a column.
 *
 * No pivoting is needed: |L_ij|² <= A_ii.  x solves (A + E) x = b with |E| <= (3n + 1) eps |L| |Lᵀ| to first order (Higham 2002, theorem
 * 10.4), a few eps |A| as a rule.  It breaks down where A is within about n eps |A| of a matrix that is not positive definite; potrf says
 * at which leading minor.
 *
 * LAPACK counts columns first, so a row-major lower triangle is its upper one: potrf('U') on the same memory gives
 * A = Uᵀ U with U = Lᵀ, that is, the row-major lower factor L.
 */
#include "linalg.h"

#include <cblas.h>
#include <lapack.h>
#include <limits.h>

ntk_status ntk_cholesky_from(ntk_context *ctx, ntk_dtype dtype, bool upper, int64_t n, void *a, int64_t lda, int64_t whole, int64_t first)
{
    lapack_int info, size = (lapack_int)n, stride = (lapack_int)lda;
    const char *uplo = upper ? "L" : "U";
    ntk_status status;
    if (n > INT_MAX || lda > INT_MAX) return ntk_fail(ctx, NTK_ERROR_OVERFLOW, "potrf: the size %lld exceeds the integers of LAPACK", (long long)n);
    if (n == 0) return NTK_OK;
    ntk_blas_warn(ctx);
    NTK_TRY(ntk_progress(ctx, 0));
    if (dtype == NTK_F64) LAPACK_dpotrf(uplo, &size, a, &stride, &info);
    else LAPACK_spotrf(uplo, &size, a, &stride, &info);
    if (info == 0) return ntk_progress(ctx, 1);
    if (info < 0) return ntk_fail(ctx, NTK_ERROR_INTERNAL, "potrf refused its argument %d", -(int)info);
    return ntk_fail(ctx, NTK_ERROR_NOT_POSITIVE_DEFINITE,
                    "the matrix of size %lld is not positive definite: its leading minor of order %lld fails; a larger ridge may help",
                    (long long)whole, (long long)(first + info));
done:
    return status;
}

ntk_status ntk_cholesky(ntk_context *ctx, ntk_dtype dtype, int64_t n, void *a, int64_t lda)
{
    return ntk_cholesky_from(ctx, dtype, false, n, a, lda, n, 0);
}

/* Columns [first, first + count) of B. */
static void solve_columns(ntk_dtype dtype, int64_t n, const void *l, int64_t ldl, int64_t first, int64_t count, void *b, int64_t ldb)
{
    for (int pass = 0; pass < 2; ++pass) { /* L z = b, then Lᵀ x = z */
        CBLAS_TRANSPOSE t = pass ? CblasTrans : CblasNoTrans;
        if (dtype == NTK_F64)
            cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, t, CblasNonUnit, (int)n, (int)count, 1.0, l, (int)ldl, (double *)b + first, (int)ldb);
        else
            cblas_strsm(CblasRowMajor, CblasLeft, CblasLower, t, CblasNonUnit, (int)n, (int)count, 1.0f, l, (int)ldl, (float *)b + first, (int)ldb);
    }
}

ntk_status ntk_cholesky_solve(ntk_context *ctx, ntk_dtype dtype, int64_t n, const void *l, int64_t ldl, int64_t m, void *b, int64_t ldb)
{
    ntk_status status = NTK_OK;
    int64_t step = ntk_panel(m, 2.0 * (double)n * (double)n);
    if (n > INT_MAX || m > INT_MAX || ldl > INT_MAX || ldb > INT_MAX)
        return ntk_fail(ctx, NTK_ERROR_OVERFLOW, "trsm: %lld x %lld exceeds the integers of the BLAS", (long long)n, (long long)m);
    if (n == 0 || m == 0) return NTK_OK;
    for (int64_t first = 0; first < m; first += step) {
        int64_t count = NTK_MIN(step, m - first);
        solve_columns(dtype, n, l, ldl, first, count, b, ldb);
        if (step < m) NTK_TRY(ntk_progress(ctx, (double)(first + count) / (double)m));
    }
done:
    return status;
}
