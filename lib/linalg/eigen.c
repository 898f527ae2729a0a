/*
 * Eigenvalues and singular values by LAPACK's divide and conquer (dsyevd, dgesdd; Cuppen 1981, Gu & Eisenstat 1995):
 *
 *     A = Uᵀ diag(lambda) U     symmetric, lambda descending, about 9 n³ flop with vectors, 4/3 n³ without
 *     A = U diag(s) Vᵀ          singular values descending, O(m n min(m, n)) flop
 *
 * Both are backward stable: the results are exact for a matrix within a few eps |A|, so that is the absolute error of every value
 * (Weyl), large or small; vectors are orthogonal to a few eps.
 *
 * LAPACK counts columns first.  For a symmetric matrix that changes nothing but the triangle's name; its eigenvector
 * "columns" are our rows.  It is handed the triangle that OpenBLAS reduces faster, which is the mirror of ours (dsyevd of 4000 rows: 5.5 s
 * instead of 6.5).  For A [m, n] row-major LAPACK sees Aᵀ = V diag(s) Uᵀ, so its U is our Vᵀ and its Vᵀ our U.
 */
#include "linalg.h"

#include <lapack.h>
#include <limits.h>
#include <math.h>

static ntk_status check_size(ntk_context *ctx, const char *routine, int64_t n)
{
    if (n <= INT_MAX) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_OVERFLOW, "%s: the size %lld exceeds the integers of LAPACK", routine, (long long)n);
}

static ntk_status check_info(ntk_context *ctx, const char *routine, lapack_int info)
{
    if (info == 0) return NTK_OK;
    if (info < 0) return ntk_fail(ctx, NTK_ERROR_INTERNAL, "%s refused its argument %d", routine, -(int)info);
    return ntk_fail(ctx, NTK_ERROR_NOT_CONVERGED, "%s: %d eigenvalues or singular values did not converge", routine, (int)info);
}

/* LAPACK counts upwards. */
static void reverse_values(int64_t n, double *w)
{
    for (int64_t i = 0, j = n - 1; i < j; ++i, --j) {
        double t = w[i];
        w[i] = w[j];
        w[j] = t;
    }
}

static void reverse_rows(int64_t n, double *a)
{
    for (int64_t i = 0, j = n - 1; i < j; ++i, --j)
        for (int64_t k = 0; k < n; ++k) {
            double t = a[i * n + k];
            a[i * n + k] = a[j * n + k];
            a[j * n + k] = t;
        }
}

ntk_status ntk_eigen(ntk_context *ctx, int64_t n, double *a, double *w, bool vectors)
{
    ntk_status status = NTK_OK;
    double *work = NULL, size = 0;
    lapack_int *iwork = NULL, order = (lapack_int)n, lwork = -1, liwork = -1, isize = 0, info;
    const char *job = vectors ? "V" : "N";
    if (n == 0) return NTK_OK;
    NTK_TRY(check_size(ctx, "dsyevd", n));
    LAPACK_dsyevd(job, "L", &order, a, &order, w, &size, &lwork, &isize, &liwork, &info);
    NTK_TRY(check_info(ctx, "dsyevd", info));
    NTK_TRY(check_size(ctx, "dsyevd workspace", (int64_t)size));
    NTK_TRY(NTK_NEW_RAW(ctx, (int64_t)size, &work));
    NTK_TRY(NTK_NEW_RAW(ctx, isize, &iwork));
    lwork = (lapack_int)size;
    liwork = isize;
    ntk_blas_warn(ctx);
    NTK_TRY(ntk_progress(ctx, 0));
    ntk_mirror(ctx, NTK_F64, n, a, n);
    LAPACK_dsyevd(job, "L", &order, a, &order, w, work, &lwork, iwork, &liwork, &info);
    NTK_TRY(check_info(ctx, "dsyevd", info));
    reverse_values(n, w);
    if (vectors) reverse_rows(n, a);
    NTK_TRY(ntk_progress(ctx, 1));
done:
    ntk_free(iwork);
    ntk_free(work);
    return status;
}

ntk_status ntk_svd(ntk_context *ctx, int64_t m, int64_t n, double *a, double *s, double *u, double *vt)
{
    ntk_status status = NTK_OK;
    int64_t k = NTK_MIN(m, n);
    double *work = NULL, size = 0;
    lapack_int *iwork = NULL, rows = (lapack_int)n, columns = (lapack_int)m, rank = (lapack_int)k, lwork = -1, info;
    const char *job = u && vt ? "S" : "N";
    if (k == 0) return NTK_OK;
    NTK_TRY(check_size(ctx, "dgesdd", NTK_MAX(m, n)));
    NTK_TRY(NTK_NEW_RAW(ctx, 8 * k, &iwork));
    LAPACK_dgesdd(job, &rows, &columns, a, &rows, s, vt, &rows, u, &rank, &size, &lwork, iwork, &info);
    NTK_TRY(check_info(ctx, "dgesdd", info));
    NTK_TRY(check_size(ctx, "dgesdd workspace", (int64_t)size));
    NTK_TRY(NTK_NEW_RAW(ctx, (int64_t)size, &work));
    lwork = (lapack_int)size;
    ntk_blas_warn(ctx);
    NTK_TRY(ntk_progress(ctx, 0));
    LAPACK_dgesdd(job, &rows, &columns, a, &rows, s, vt, &rows, u, &rank, work, &lwork, iwork, &info);
    NTK_TRY(check_info(ctx, "dgesdd", info));
    NTK_TRY(ntk_progress(ctx, 1));
done:
    ntk_free(work);
    ntk_free(iwork);
    return status;
}

double ntk_norm(int64_t m, int64_t n, const double *a)
{
    double largest = 0, sum = 0;
    for (int64_t i = 0; i < m * n; ++i) largest = fmax(largest, fabs(a[i]));
    if (largest == 0 || !isfinite(largest)) return largest;
    for (int64_t i = 0; i < m * n; ++i) sum += (a[i] / largest) * (a[i] / largest);
    return largest * sqrt(sum);
}
