/*
 * The real Schur form by LAPACK's dgees (QR algorithm, about 25 n³ flop, backward stable), and the equations that it makes easy:
 *
 *     A = Vᵀ R V,   V orthogonal,   R quasi-triangular: 1 x 1 blocks for real eigenvalues, 2 x 2 for complex pairs
 *     Rᵀ Y + Y R = C    or    R Y + Y Rᵀ = C            C symmetric (Bartels & Stewart 1972)
 *
 * LAPACK sees the transpose of a row-major A, so its upper triangular T is our R = Tᵀ, lower triangular, and its Schur vectors are the
 * rows of V.  The equations are solved by halving (Jonsson & Kågström 2002): the halves are equations of the same kind, coupled by
 * matrix products, which do nearly all of the work; dtrsyl solves blocks of SMALL.  Backward stable as the substitution it is (Higham
 * 2002, §16).
 */
#include "linalg.h"

#include <lapack.h>
#include <limits.h>
#include <math.h>

#define SMALL 48

static ntk_status check_info(ntk_context *ctx, const char *routine, lapack_int info)
{
    if (info == 0) return NTK_OK;
    if (info < 0) return ntk_fail(ctx, NTK_ERROR_INTERNAL, "%s refused its argument %d", routine, -(int)info);
    return ntk_fail(ctx, NTK_ERROR_NOT_CONVERGED, "%s: eigenvalue %d did not converge", routine, (int)info);
}

ntk_status ntk_schur(ntk_context *ctx, int64_t n, double *a, double *v, double *real, double *imaginary)
{
    ntk_status status;
    lapack_int order = (lapack_int)n, none = 0, lwork = -1, info = 0;
    double size = 0, *work = NULL;
    if (n == 0) return NTK_OK;
    if (n > INT_MAX) return ntk_fail(ctx, NTK_ERROR_OVERFLOW, "dgees: the size %lld exceeds the integers of LAPACK", (long long)n);
    LAPACK_dgees("V", "N", NULL, &order, a, &order, &none, real, imaginary, v, &order, &size, &lwork, NULL, &info);
    NTK_TRY(check_info(ctx, "dgees", info));
    NTK_TRY(NTK_NEW_RAW(ctx, (int64_t)size, &work));
    lwork = (lapack_int)size;
    NTK_TRY(ntk_progress(ctx, 0));
    LAPACK_dgees("V", "N", NULL, &order, a, &order, &none, real, imaginary, v, &order, work, &lwork, NULL, &info);
    NTK_TRY(check_info(ctx, "dgees", info));
    NTK_TRY(ntk_progress(ctx, 1));
done:
    ntk_free(work);
    return status;
}

/* LAPACK moves one eigenvalue (or pair) at a time by swaps that are backward stable (dtrexc; Bai & Demmel 1993). */
ntk_status ntk_schur_order(ntk_context *ctx, int64_t n, const bool *first, double *r, double *v, double *real, double *imaginary)
{
    ntk_status status;
    lapack_int order = (lapack_int)n, kept, iwork, one = 1, lwork = (lapack_int)NTK_MAX(n, 1), info = 0;
    lapack_logical *select = NULL;
    double *work = NULL, nothing = 0;
    if (n == 0) return NTK_OK;
    NTK_TRY(NTK_NEW_RAW(ctx, n, &select));
    NTK_TRY(NTK_NEW_RAW(ctx, n, &work));
    for (int64_t i = 0; i < n; ++i) select[i] = first[i];
    LAPACK_dtrsen("N", "V", select, &order, r, &order, v, &order, real, imaginary, &kept, &nothing, &nothing, work, &lwork, &iwork, &one, &info);
    if (info > 0) NTK_TRY(ntk_fail(ctx, NTK_ERROR_NOT_CONVERGED, "dtrsen: eigenvalues of A are too close to be told apart"));
    NTK_TRY(check_info(ctx, "dtrsen", info));
done:
    ntk_free(work);
    ntk_free(select);
    return status;
}

/* A left eigenvector of LAPACK's T, in the coordinates of its Schur vectors, is conjugate to a right one of ours. */
ntk_status ntk_schur_vector(ntk_context *ctx, int64_t n, const double *r, const double *v, int64_t index, double *x, double *y)
{
    ntk_status status;
    lapack_int order = (lapack_int)n, two = 2, found = 0, info = 0;
    lapack_logical *select = NULL;
    double *work = NULL, *left = NULL, norm;
    NTK_TRY(NTK_NEW(ctx, n, &select));
    NTK_TRY(NTK_NEW(ctx, 2 * n, &left));
    NTK_TRY(NTK_NEW_RAW(ctx, 3 * n, &work));
    select[index] = 1;
    LAPACK_dtrevc("L", "S", select, &order, r, &order, left, &order, NULL, &order, &two, &found, work, &info);
    NTK_TRY(check_info(ctx, "dtrevc", info));
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_TRANSPOSED, NTK_PLAIN, n, 1, n, 1, v, n, left, 1, 0, x, 1));
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_TRANSPOSED, NTK_PLAIN, n, 1, n, found == 2 ? -1 : 0, v, n, left + n, 1, 0, y, 1));
    norm = hypot(ntk_norm(1, n, x), ntk_norm(1, n, y));
    for (int64_t i = 0; i < n; ++i) x[i] /= norm, y[i] /= norm;
done:
    ntk_free(work);
    ntk_free(left);
    ntk_free(select);
    return status;
}

/* ---- triangular equations: all blocks lie in the rows of matrices with n columns ---------------------------------- */

typedef struct triangle {
    ntk_context *ctx;
    const double *r;
    double *y; /* C, becomes Y */
    int64_t n;
    bool transposed; /* Rᵀ Y + Y R; else R Y + Y Rᵀ */
    int64_t solved;  /* rows of the diagonal, for progress */
} triangle;

/* A half that cuts no 2 x 2 block: those show above the diagonal of R. */
static int64_t half_of(const triangle *t, int64_t begin, int64_t end)
{
    int64_t middle = begin + (end - begin) / 2;
    return t->r[(middle - 1) * t->n + middle] != 0 ? middle + 1 : middle;
}

static ntk_status small_block(const triangle *t, int64_t i0, int64_t i1, int64_t j0, int64_t j1)
{
    lapack_int rows = (lapack_int)(i1 - i0), columns = (lapack_int)(j1 - j0), ld = (lapack_int)t->n, sign = 1, info = 0;
    double scale = 1;
    LAPACK_dtrsyl(t->transposed ? "N" : "T", t->transposed ? "T" : "N", &sign, &columns, &rows, t->r + j0 * t->n + j0, &ld, t->r + i0 * t->n + i0, &ld,
                  t->y + i0 * t->n + j0, &ld, &scale, &info);
    if (info == 0 && scale == 1) return NTK_OK;
    return ntk_fail(t->ctx, NTK_ERROR_UNSTABLE, "two eigenvalues of A add up to 0 within rounding: the Lyapunov equation has no unique solution");
}

/* y[i0:i1, j0:j1] -= op(R)[..., k0:k1] y[k0:k1, j0:j1], or from the right. */
static ntk_status subtract_left(const triangle *t, int64_t i0, int64_t i1, int64_t k0, int64_t k1, int64_t j0, int64_t j1)
{
    const double *r = t->transposed ? t->r + k0 * t->n + i0 : t->r + i0 * t->n + k0;
    return ntk_gemm(t->ctx, NTK_F64, t->transposed ? NTK_TRANSPOSED : NTK_PLAIN, NTK_PLAIN, i1 - i0, j1 - j0, k1 - k0, -1, r, t->n,
                    t->y + k0 * t->n + j0, t->n, 1, t->y + i0 * t->n + j0, t->n);
}

static ntk_status subtract_right(const triangle *t, int64_t i0, int64_t i1, int64_t k0, int64_t k1, int64_t j0, int64_t j1)
{
    const double *r = t->transposed ? t->r + k0 * t->n + j0 : t->r + j0 * t->n + k0;
    return ntk_gemm(t->ctx, NTK_F64, NTK_PLAIN, t->transposed ? NTK_PLAIN : NTK_TRANSPOSED, i1 - i0, j1 - j0, k1 - k0, -1, t->y + i0 * t->n + k0, t->n,
                    r, t->n, 1, t->y + i0 * t->n + j0, t->n);
}

/* Rows i0:i1 by columns j0:j1, disjoint ranges or the same: that part of the equation on its own. */
static ntk_status solve_block(const triangle *t, int64_t i0, int64_t i1, int64_t j0, int64_t j1)
{
    ntk_status status;
    bool by_rows = i1 - i0 >= j1 - j0;
    int64_t h = by_rows ? half_of(t, i0, i1) : half_of(t, j0, j1);
    if (i1 - i0 <= SMALL && j1 - j0 <= SMALL) return small_block(t, i0, i1, j0, j1);
    if (by_rows && t->transposed) {
        NTK_TRY(solve_block(t, h, i1, j0, j1));
        NTK_TRY(subtract_left(t, i0, h, h, i1, j0, j1));
        NTK_TRY(solve_block(t, i0, h, j0, j1));
    } else if (by_rows) {
        NTK_TRY(solve_block(t, i0, h, j0, j1));
        NTK_TRY(subtract_left(t, h, i1, i0, h, j0, j1));
        NTK_TRY(solve_block(t, h, i1, j0, j1));
    } else if (t->transposed) {
        NTK_TRY(solve_block(t, i0, i1, h, j1));
        NTK_TRY(subtract_right(t, i0, i1, h, j1, j0, h));
        NTK_TRY(solve_block(t, i0, i1, j0, h));
    } else {
        NTK_TRY(solve_block(t, i0, i1, j0, h));
        NTK_TRY(subtract_right(t, i0, i1, j0, h, h, j1));
        NTK_TRY(solve_block(t, i0, i1, h, j1));
    }
done:
    return status;
}

static void transpose_block(const triangle *t, int64_t i0, int64_t i1, int64_t j0, int64_t j1)
{
    for (int64_t i = i0; i < i1; ++i)
        for (int64_t j = j0; j < j1; ++j) t->y[j * t->n + i] = t->y[i * t->n + j];
}

/* The diagonal block b:e: symmetric, so of the halves' coupling one is solved and the other copied. */
static ntk_status solve_square(triangle *t, int64_t b, int64_t e)
{
    ntk_status status;
    int64_t h;
    if (e - b <= SMALL) {
        NTK_TRY(small_block(t, b, e, b, e));
        t->solved += e - b;
        return ntk_progress(t->ctx, (double)t->solved / (double)t->n);
    }
    h = half_of(t, b, e);
    if (t->transposed) {
        NTK_TRY(solve_square(t, h, e));
        NTK_TRY(subtract_left(t, b, h, h, e, h, e));
        NTK_TRY(solve_block(t, b, h, h, e));
        transpose_block(t, b, h, h, e);
        NTK_TRY(subtract_left(t, b, h, h, e, b, h));
        NTK_TRY(subtract_right(t, b, h, h, e, b, h));
        NTK_TRY(solve_square(t, b, h));
    } else {
        NTK_TRY(solve_square(t, b, h));
        NTK_TRY(subtract_left(t, h, e, b, h, b, h));
        NTK_TRY(solve_block(t, h, e, b, h));
        transpose_block(t, h, e, b, h);
        NTK_TRY(subtract_left(t, h, e, b, h, h, e));
        NTK_TRY(subtract_right(t, h, e, b, h, h, e));
        NTK_TRY(solve_square(t, h, e));
    }
done:
    return status;
}

ntk_status ntk_lyapunov(ntk_context *ctx, int64_t n, const double *r, bool transposed, double *c)
{
    triangle t = {ctx, r, c, n, transposed, 0};
    return n == 0 ? NTK_OK : solve_square(&t, 0, n);
}
