/*
 * linalg: the only room that speaks CBLAS and LAPACK.
 *
 * All matrices are dense row-major with leading dimension ld (row stride) and hold NTK_F64 or NTK_F32.  Symmetric
 * matrices are given by their lower triangle.  Sizes are checked against the BLAS integer here, `info` becomes a status
 * here.  Decompositions report progress before and after; long products come in panels, with a report after each.
 *
 *   products         ntk_gemm  ntk_syrk  ntk_symm
 *   triangles        ntk_mirror  ntk_mirror_block
 *   Cholesky         ntk_cholesky  ntk_cholesky_solve
 *   packed half      ntk_packed_cholesky  ntk_packed_solve  ntk_packed_symm  ntk_packed_spread
 *   eigenvectors     ntk_eigen          (f64)
 *   singular values  ntk_svd            (f64)
 *   orthogonal rest  ntk_complement     (f64)
 *   the largest ones ntk_lanczos        (f64, by products alone)
 *   Schur form       ntk_schur  ntk_schur_order  ntk_schur_vector  ntk_lyapunov      (f64)
 *   which kernels    ntk_blas_slower  ntk_blas_warn  (and those of ntk.h)
 */
#ifndef NTK_LINALG_H
#define NTK_LINALG_H

#include "core.h"

#if defined(NTK_SINGLE) /* the name in the pass for f32 (lib/core/real.h) */
#define ntk_square_sum ntk_square_sum_f32
#endif

typedef enum ntk_transpose { NTK_PLAIN, NTK_TRANSPOSED } ntk_transpose;

/** C [m, n] = alpha op(A) op(B) + beta C, inner dimension k. */
ntk_status ntk_gemm(ntk_context *ctx, ntk_dtype dtype, ntk_transpose ta, ntk_transpose tb, int64_t m, int64_t n, int64_t k, double alpha,
                    const void *a, int64_t lda, const void *b, int64_t ldb, double beta, void *c, int64_t ldc);

/** Lower triangle of C [n, n] = alpha A Aᵀ + beta C, A [n, k]; transposed: alpha Aᵀ A, A [k, n]. */
ntk_status ntk_syrk(ntk_context *ctx, ntk_dtype dtype, ntk_transpose t, int64_t n, int64_t k, double alpha, const void *a, int64_t lda,
                    double beta, void *c, int64_t ldc);

/** C [n, m] = A B, A [n, n] symmetric. */
ntk_status ntk_symm(ntk_context *ctx, ntk_dtype dtype, int64_t n, int64_t m, const void *a, int64_t lda, const void *b, int64_t ldb, void *c,
                    int64_t ldc);

/** Copies the lower triangle of A [n, n] onto the upper one, tile by tile: symmetric to the bit. */
void ntk_mirror(const ntk_context *ctx, ntk_dtype dtype, int64_t n, void *a, int64_t lda);

/**
 * The same of rows [row, row + rows) by columns [first, first + count) of a tile of the matrix; `plane` is the tile in its place, and its
 * row 0 meets the diagonal in column `diagonal`.
 */
void ntk_mirror_block(ntk_dtype dtype, void *plane, int64_t ld, int64_t diagonal, int64_t row, int64_t rows, int64_t first, int64_t count);

/** A [n, n] becomes its lower Cholesky factor.  NOT_POSITIVE_DEFINITE names the failing minor. */
ntk_status ntk_cholesky(ntk_context *ctx, ntk_dtype dtype, int64_t n, void *a, int64_t lda);

/** The same of a diagonal block that stands at `first` of a matrix of size `whole`, for the sentence.  upper: A, and then Lᵀ, is the upper triangle. */
ntk_status ntk_cholesky_from(ntk_context *ctx, ntk_dtype dtype, bool upper, int64_t n, void *a, int64_t lda, int64_t whole, int64_t first);

/** Rows or columns of a product per call of the BLAS, of `count` that cost `flop` each: all of them unless that takes long. */
int64_t ntk_panel(int64_t count, double flop);

/** B [n, m] = (L Lᵀ)⁻¹ B. */
ntk_status ntk_cholesky_solve(ntk_context *ctx, ntk_dtype dtype, int64_t n, const void *l, int64_t ldl, int64_t m, void *b, int64_t ldb);

/** Numbers, row stride, and the place of entry (i, j), in any order, of a symmetric [n, n] in the packed format of packed.c. */
int64_t ntk_packed_numbers(int64_t n);
int64_t ntk_packed_stride(int64_t n);
int64_t ntk_packed_index(int64_t n, int64_t i, int64_t j);

/** A packed becomes its Cholesky factor in the same places.  NOT_POSITIVE_DEFINITE names the failing minor. */
ntk_status ntk_packed_cholesky(ntk_context *ctx, ntk_dtype dtype, int64_t n, void *a);

/** B [n, m], dense, = (L Lᵀ)⁻¹ B. */
ntk_status ntk_packed_solve(ntk_context *ctx, ntk_dtype dtype, int64_t n, const void *l, int64_t m, void *b);

/** out [n, m] = A v, dense. */
ntk_status ntk_packed_symm(ntk_context *ctx, ntk_dtype dtype, int64_t n, int64_t m, const void *a, const void *v, void *out);

/** Both triangles of A into dense [n, n]. */
void ntk_packed_spread(const ntk_context *ctx, ntk_dtype dtype, int64_t n, const void *a, void *dense);

/**
 * Eigenvalues of the symmetric A [n, n], largest first, into w [n].  With `vectors`, row i of A becomes the unit
 * eigenvector of w[i]; without, A is destroyed.
 */
ntk_status ntk_eigen(ntk_context *ctx, int64_t n, double *a, double *w, bool vectors);

/**
 * A [m, n] = U diag(s) Vᵀ with k = min(m, n), s [k] largest first, u [m, k] (columns), vt [k, n] (rows).  NULL u and vt:
 * values only.  A is destroyed.
 */
ntk_status ntk_svd(ntk_context *ctx, int64_t m, int64_t n, double *a, double *s, double *u, double *vt);

/** out [m, n] = m orthonormal rows, m <= n - k, orthogonal to the k <= n orthonormal rows of A [k, n], which is destroyed.  About 4 n k (k + m) flop. */
ntk_status ntk_complement(ntk_context *ctx, int64_t n, int64_t k, double *a, int64_t m, double *out);

/** out [n] = A v, A [n, n] symmetric. */
typedef ntk_status (*ntk_operator)(ntk_context *ctx, const void *user, const double *v, double *out);

/**
 * The k <= n largest eigenvalues of A, largest first, into values [k], unit vectors into rows [k, n]: residuals |A v - lambda v| and so errors of
 * eigenvalues of at most tolerance |A|.  At most `most` (and at least k) products and vectors of n numbers per run; NOT_CONVERGED if they
 * are too few, which n of them never are.
 */
ntk_status ntk_lanczos(ntk_context *ctx, int64_t n, ntk_operator apply, const void *user, int64_t k, double tolerance, int64_t most, uint64_t seed,
                       double *values, double *rows);

/** A [n, n] = Vᵀ R V: A becomes R, lower quasi-triangular (2 x 2 blocks show above the diagonal), v [n, n] V; eigenvalues in the order of R. */
ntk_status ntk_schur(ntk_context *ctx, int64_t n, double *a, double *v, double *real, double *imaginary);

/** The eigenvalues that `first` marks move to the leading block of R, the others behind it; r, v, real, imaginary are rewritten, A is still Vᵀ R V. */
ntk_status ntk_schur_order(ntk_context *ctx, int64_t n, const bool *first, double *r, double *v, double *real, double *imaginary);

/** A right eigenvector of eigenvalue `index` of A, or of the pair that it belongs to: A (x + i y) = (real + i |imaginary|) (x + i y), x, y [n], |x + i y| = 1. */
ntk_status ntk_schur_vector(ntk_context *ctx, int64_t n, const double *r, const double *v, int64_t index, double *x, double *y);

/** C [n, n], symmetric, becomes Y of Rᵀ Y + Y R = C (transposed) or R Y + Y Rᵀ = C.  UNSTABLE if two eigenvalues add up to 0. */
ntk_status ntk_lyapunov(ntk_context *ctx, int64_t n, const double *r, bool transposed, double *c);

/** Sum of squares of `count` numbers, as they come: it may overflow. */
double ntk_square_sum(int64_t count, const ntk_real *v);

/** a·b of `count` numbers. */
double ntk_dot(int64_t count, const double *a, const double *b);

/** Frobenius norm of A [m, n], without overflow. */
double ntk_norm(int64_t m, int64_t n, const double *a);

/** Whether the kernels `used` are for an older processor than `right`; false where either is unknown or NULL. */
bool ntk_blas_slower(const char *used, const char *right);

/** Once per context: a sentence to the log if the kernels are slow.  Every routine of this room begins so. */
void ntk_blas_warn(ntk_context *ctx);

#endif
