/*
 * A symmetric matrix in half the memory: the rectangular full packed format of LAPACK (Gustavson, Wasniewski, Dongarra & Langou 2010).
 *
 *     A = [ T   Sᵀ ]   T [k, k], S [b, k], B [b, b],  k = floor(n/2), b = n - k, of T and B one triangle each
 *         [ S   B  ]
 *
 *     row r of the memory, ld numbers:   S_r0 ... S_r,k-1 | B_r0 ... B_rr | T_rr ... T_r,k-1        ld = n for odd n, n + 1 for even
 *
 * that is, the rows of A from k on as they are, and each filled up with a row of T's upper triangle: n (n + 1)/2 numbers without a gap, and
 * three blocks that the BLAS takes as they lie.  In LAPACK's words, TRANSR = 'N', UPLO = 'U', columns first.  So
 *
 *     T = L₁L₁ᵀ,   S := S L₁⁻ᵀ,   B - S Sᵀ = L₂L₂ᵀ,
 *
 * n³/3 flop, all of them in potrf, trsm and syrk: as fast as potrf of the full matrix, and as stable (it is the same
 * factorisation in blocks, whose bound of theorem 10.3 of Higham 2002 holds for every order of the sums).
 */
#include "linalg.h"

#include <cblas.h>
#include <limits.h>
#include <string.h>

typedef struct blocks {
    int64_t k, b, ld;
    char *s, *lower, *upper; /* S; B, lower triangle; T, upper triangle */
} blocks;

static blocks blocks_of(ntk_dtype dtype, int64_t n, const void *a)
{
    char *base = (char *)(uintptr_t)a;
    int64_t size = (int64_t)ntk_dtype_size(dtype), k = n / 2;
    return (blocks){k, n - k, ntk_packed_stride(n), base, base + k * size, base + (k + 1) * size};
}

int64_t ntk_packed_numbers(int64_t n)
{
    return n % 2 ? n * ((n + 1) / 2) : n / 2 * (n + 1);
}

int64_t ntk_packed_stride(int64_t n)
{
    return n % 2 ? n : n + 1;
}

int64_t ntk_packed_index(int64_t n, int64_t i, int64_t j)
{
    int64_t k = n / 2, ld = ntk_packed_stride(n), row = NTK_MAX(i, j), column = NTK_MIN(i, j);
    return row >= k ? (row - k) * ld + column : column * ld + k + 1 + row;
}

static ntk_status check_size(ntk_context *ctx, int64_t n, int64_t m)
{
    if (n < INT_MAX && m <= INT_MAX) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_OVERFLOW, "packed: %lld x %lld exceeds the integers of the BLAS", (long long)n, (long long)m);
}

/* ---- the BLAS of both types ------------------------------------------------------------------------------------ */

/* B [m, n] := op(L)⁻¹ B, or (right) B op(L)⁻¹ */
static void trsm(ntk_dtype dtype, CBLAS_SIDE side, CBLAS_UPLO uplo, CBLAS_TRANSPOSE t, int64_t m, int64_t n, const void *l, int64_t ldl, void *b,
                 int64_t ldb)
{
    if (m == 0 || n == 0) return;
    if (dtype == NTK_F64) cblas_dtrsm(CblasRowMajor, side, uplo, t, CblasNonUnit, (int)m, (int)n, 1, l, (int)ldl, b, (int)ldb);
    else cblas_strsm(CblasRowMajor, side, uplo, t, CblasNonUnit, (int)m, (int)n, 1, l, (int)ldl, b, (int)ldb);
}

/* C [n, m] := A B + beta C */
static void symm(ntk_dtype dtype, CBLAS_UPLO uplo, int64_t n, int64_t m, const void *a, int64_t lda, const void *b, int64_t ldb, double beta, void *c,
                 int64_t ldc)
{
    if (m == 0 || n == 0) return;
    if (dtype == NTK_F64) cblas_dsymm(CblasRowMajor, CblasLeft, uplo, (int)n, (int)m, 1, a, (int)lda, b, (int)ldb, beta, c, (int)ldc);
    else cblas_ssymm(CblasRowMajor, CblasLeft, uplo, (int)n, (int)m, 1, a, (int)lda, b, (int)ldb, (float)beta, c, (int)ldc);
}

/* ---- Cholesky -------------------------------------------------------------------------------------------------- */

ntk_status ntk_packed_cholesky(ntk_context *ctx, ntk_dtype dtype, int64_t n, void *a)
{
    blocks p = blocks_of(dtype, n, a);
    ntk_status status;
    int64_t step = ntk_panel(p.b, (double)p.k * (double)p.k);
    NTK_TRY(check_size(ctx, n, n));
    NTK_TRY_PART(ctx, 0, 0.12, ntk_cholesky_from(ctx, dtype, true, p.k, p.upper, p.ld, n, 0));
    for (int64_t i = 0; i < p.b; i += step) {
        int64_t rows = NTK_MIN(step, p.b - i);
        trsm(dtype, CblasRight, CblasUpper, CblasNoTrans, rows, p.k, p.upper, p.ld, p.s + i * p.ld * (int64_t)ntk_dtype_size(dtype), p.ld);
        NTK_TRY(ntk_progress(ctx, 0.12 + 0.38 * (double)(i + rows) / (double)p.b));
    }
    if (p.k > 0) NTK_TRY_PART(ctx, 0.5, 0.88, ntk_syrk(ctx, dtype, NTK_PLAIN, p.b, p.k, -1, p.s, p.ld, 1, p.lower, p.ld));
    NTK_TRY_PART(ctx, 0.88, 1, ntk_cholesky_from(ctx, dtype, false, p.b, p.lower, p.ld, n, p.k));
done:
    return status;
}

/* Columns [first, first + m) of X: L z = b and Lᵀ x = z, block by block. */
static ntk_status solve_columns(ntk_context *ctx, ntk_dtype dtype, const blocks *p, int64_t m, void *top, void *bottom, int64_t ldb)
{
    ntk_status status = NTK_OK;
    trsm(dtype, CblasLeft, CblasUpper, CblasTrans, p->k, m, p->upper, p->ld, top, ldb);
    if (p->k > 0) NTK_TRY(ntk_gemm(ctx, dtype, NTK_PLAIN, NTK_PLAIN, p->b, m, p->k, -1, p->s, p->ld, top, ldb, 1, bottom, ldb));
    trsm(dtype, CblasLeft, CblasLower, CblasNoTrans, p->b, m, p->lower, p->ld, bottom, ldb);
    trsm(dtype, CblasLeft, CblasLower, CblasTrans, p->b, m, p->lower, p->ld, bottom, ldb);
    NTK_TRY(ntk_gemm(ctx, dtype, NTK_TRANSPOSED, NTK_PLAIN, p->k, m, p->b, -1, p->s, p->ld, bottom, ldb, 1, top, ldb));
    trsm(dtype, CblasLeft, CblasUpper, CblasNoTrans, p->k, m, p->upper, p->ld, top, ldb);
done:
    return status;
}

ntk_status ntk_packed_solve(ntk_context *ctx, ntk_dtype dtype, int64_t n, const void *l, int64_t m, void *b)
{
    blocks p = blocks_of(dtype, n, l);
    int64_t size = (int64_t)ntk_dtype_size(dtype), step = ntk_panel(m, 2.0 * (double)n * (double)n);
    ntk_status status;
    NTK_TRY(check_size(ctx, n, m));
    for (int64_t first = 0; n > 0 && first < m; first += step) {
        int64_t count = NTK_MIN(step, m - first);
        char *top = (char *)b + first * size;
        NTK_TRY_PART(ctx, (double)first / (double)m, (double)(first + count) / (double)m,
                     solve_columns(ctx, dtype, &p, count, top, top + p.k * m * size, m));
    }
done:
    return status;
}

/* ---- products and copies --------------------------------------------------------------------------------------- */

ntk_status ntk_packed_symm(ntk_context *ctx, ntk_dtype dtype, int64_t n, int64_t m, const void *a, const void *v, void *out)
{
    blocks p = blocks_of(dtype, n, a);
    int64_t size = (int64_t)ntk_dtype_size(dtype), half = p.k * m * size;
    const char *top = v;
    char *to = out;
    ntk_status status;
    NTK_TRY(check_size(ctx, n, m));
    if (n == 0 || m == 0) return NTK_OK;
    NTK_TRY_PART(ctx, 0, 0.25, ntk_gemm(ctx, dtype, NTK_TRANSPOSED, NTK_PLAIN, p.k, m, p.b, 1, p.s, p.ld, top + half, m, 0, to, m));
    symm(dtype, CblasUpper, p.k, m, p.upper, p.ld, top, m, 1, to, m);
    NTK_TRY(ntk_progress(ctx, 0.5));
    if (p.k > 0) NTK_TRY_PART(ctx, 0.5, 0.75, ntk_gemm(ctx, dtype, NTK_PLAIN, NTK_PLAIN, p.b, m, p.k, 1, p.s, p.ld, top, m, 0, to + half, m));
    symm(dtype, CblasLower, p.b, m, p.lower, p.ld, top + half, m, p.k > 0, to + half, m);
    NTK_TRY(ntk_progress(ctx, 1));
done:
    return status;
}

/* Row i of T lies as its upper triangle: the rows of the full matrix get it as an upper triangle too, and the mirror below. */
#define SPREAD(T)                                                                                   \
    static void spread_##T(int64_t n, const blocks *p, T *dense)                                    \
    {                                                                                               \
        for (int64_t i = 0; i < p->b; ++i)                                                          \
            memcpy(dense + (p->k + i) * n, (const T *)(const void *)p->s + i * p->ld, (size_t)(p->k + i + 1) * sizeof(T)); \
        for (int64_t j = 0; j < p->k; ++j)                                                          \
            for (int64_t i = j; i < p->k; ++i) dense[i * n + j] = ((const T *)(const void *)p->upper)[j * p->ld + i]; \
    }
SPREAD(double)
SPREAD(float)

void ntk_packed_spread(const ntk_context *ctx, ntk_dtype dtype, int64_t n, const void *a, void *dense)
{
    blocks p = blocks_of(dtype, n, a);
    if (dtype == NTK_F64) spread_double(n, &p, dense);
    else spread_float(n, &p, dense);
    ntk_mirror(ctx, dtype, n, dense, n);
}
