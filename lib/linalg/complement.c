/*
 * What an orthonormal basis lacks: with Householder reflections H_1 ... H_k of the k given vectors as columns, A = Q R, Q = H_1 ... H_k, the columns
 * k + 1, k + 2, ... of Q are orthonormal and orthogonal to all of A (dgeqrf, dormqr; Golub & Van Loan 5.1, 5.2).  Only those that are asked for are
 * formed.  Q is orthogonal to a few eps whatever A is; what it makes orthogonal to A is so to a few eps |A|.
 *
 * LAPACK counts columns first, so its columns are the rows here.
 */
#include "linalg.h"

#include <lapack.h>
#include <limits.h>
#include <string.h>

static ntk_status check_info(ntk_context *ctx, const char *routine, lapack_int info)
{
    if (info == 0) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_INTERNAL, "%s refused its argument %d", routine, -(int)info);
}

/* `a` becomes the reflections, scales [k] beside it. */
static ntk_status reflect(ntk_context *ctx, int64_t n, int64_t k, double *a, double *scales)
{
    ntk_status status;
    lapack_int rows = (lapack_int)n, columns = (lapack_int)k, lwork = -1, info;
    double *work = NULL, size = 0;
    LAPACK_dgeqrf(&rows, &columns, a, &rows, scales, &size, &lwork, &info);
    NTK_TRY(check_info(ctx, "dgeqrf", info));
    NTK_TRY(NTK_NEW_RAW(ctx, (int64_t)size, &work));
    lwork = (lapack_int)size;
    LAPACK_dgeqrf(&rows, &columns, a, &rows, scales, work, &lwork, &info);
    NTK_TRY(check_info(ctx, "dgeqrf", info));
done:
    ntk_free(work);
    return status;
}

/* out [m, n] <- Q out. */
static ntk_status apply(ntk_context *ctx, int64_t n, int64_t k, const double *a, const double *scales, int64_t m, double *out)
{
    ntk_status status;
    lapack_int rows = (lapack_int)n, columns = (lapack_int)m, reflections = (lapack_int)k, lwork = -1, info;
    double *work = NULL, size = 0;
    LAPACK_dormqr("L", "N", &rows, &columns, &reflections, a, &rows, scales, out, &rows, &size, &lwork, &info);
    NTK_TRY(check_info(ctx, "dormqr", info));
    NTK_TRY(NTK_NEW_RAW(ctx, (int64_t)size, &work));
    lwork = (lapack_int)size;
    LAPACK_dormqr("L", "N", &rows, &columns, &reflections, a, &rows, scales, out, &rows, work, &lwork, &info);
    NTK_TRY(check_info(ctx, "dormqr", info));
done:
    ntk_free(work);
    return status;
}

ntk_status ntk_complement(ntk_context *ctx, int64_t n, int64_t k, double *a, int64_t m, double *out)
{
    ntk_status status = NTK_OK;
    double *scales = NULL;
    if (m == 0) return NTK_OK;
    memset(out, 0, (size_t)(m * n) * sizeof *out);
    for (int64_t i = 0; i < m; ++i) out[i * n + k + i] = 1;
    if (k == 0) return NTK_OK;
    if (n > INT_MAX) return ntk_fail(ctx, NTK_ERROR_OVERFLOW, "dgeqrf: the size %lld exceeds the integers of LAPACK", (long long)n);
    ntk_blas_warn(ctx);
    NTK_TRY(ntk_progress(ctx, 0));
    NTK_TRY(NTK_NEW_RAW(ctx, k, &scales));
    NTK_TRY(reflect(ctx, n, k, a, scales));
    NTK_TRY(ntk_progress(ctx, 0.5));
    NTK_TRY(apply(ctx, n, k, a, scales, m, out));
    NTK_TRY(ntk_progress(ctx, 1));
done:
    ntk_free(scales);
    return status;
}
