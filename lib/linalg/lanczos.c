/*
 * The k largest eigenvalues and vectors of a symmetric operator A [n, n] that is known by its products only (Lanczos 1950):
 *
 *     A Q = Q T + beta q eᵀ,   Qᵀ Q = 1,   T tridiagonal;      T s = theta s   gives   |A (Q s) - theta (Q s)| = beta |s_last|
 *
 * That residual bounds the distance of theta to an eigenvalue of A (and its square over the gap to the others does too), so it is what
 * decides: all of the k largest theta must have one below tolerance |A|.
 *
 * In floating point Q loses its orthogonality as soon as a theta has converged (Paige 1971), and copies appear.  So every new q is made
 * orthogonal to all others, and again where that took most of it away (Giraud, Langou & Rozloznik 2005): 4 n j flop at step j, and
 * Q stays orthogonal to a few eps.
 *
 * A Krylov space holds one vector of each eigenspace.  Where beta vanishes it is complete, and a fresh random q goes on.  But an equal
 * eigenvalue may be missed before that.  Hence a check: a second run in the space orthogonal to the vectors found.  If its largest theta,
 * with its residual, stays below the k-th, nothing was missed; if it is larger, what it found takes its place, and the check is repeated.
 *
 * Every loop is bounded: a basis has at most `most` vectors, n in the end, where T is A; and each repetition brings a vector.
 */
#include "linalg.h"

#include <cblas.h>
#include <float.h>
#include <limits.h>
#include <math.h>
#include <string.h>

/* Vectors per block of the basis: blocks are never moved. */
#define BLOCK 64

/* Steps before a check may call its space empty of large eigenvalues: a random start has seen all directions by then. */
#define CHECK_STEPS 20

typedef struct basis {
    int64_t n, size, most;
    double **blocks; /* [BLOCK, n] each */
} basis;

static void basis_close(basis *b)
{
    for (int64_t i = 0; b->blocks && i * BLOCK < b->most; ++i) ntk_free(b->blocks[i]);
    ntk_free(b->blocks);
    b->blocks = NULL;
}

static ntk_status basis_open(ntk_context *ctx, int64_t n, int64_t most, basis *b)
{
    *b = (basis){.n = n, .most = most};
    return NTK_NEW(ctx, most / BLOCK + 1, &b->blocks);
}

static double *basis_vector(const basis *b, int64_t i)
{
    return b->blocks[i / BLOCK] + i % BLOCK * b->n;
}

/* Room for one more; its place. */
static ntk_status basis_grow(ntk_context *ctx, basis *b, double **q)
{
    ntk_status status = NTK_OK;
    if (b->size % BLOCK == 0) NTK_TRY(NTK_NEW_RAW(ctx, BLOCK * b->n, &b->blocks[b->size / BLOCK]));
    *q = basis_vector(b, b->size++);
done:
    return status;
}

/* w -= Vᵀ (V w) for rows V [m, n], once.  All of the time goes into reading V: by gemv, which does not copy it first. */
static void remove_rows(int64_t m, int64_t n, const double *v, double *w)
{
    double c[BLOCK];
    for (int64_t i = 0; i < m; i += BLOCK) {
        int rows = (int)NTK_MIN(BLOCK, m - i);
        cblas_dgemv(CblasRowMajor, CblasNoTrans, rows, (int)n, 1, v + i * n, (int)n, w, 1, 0, c, 1);
        cblas_dgemv(CblasRowMajor, CblasTrans, rows, (int)n, -1, v + i * n, (int)n, c, 1, 1, w, 1);
    }
}

/* Vectors already found [locked, n], and the operator in the space orthogonal to them. */
typedef struct problem {
    int64_t n;
    ntk_operator apply;
    const void *user;
    int64_t locked;
    const double *found; /* [locked, n], orthonormal rows */
    double tolerance;    /* of a residual, over the largest |theta| */
    uint64_t seed;
} problem;

/*
 * w orthogonal to everything, once, and again only if that took most of it away: then what is left is small beside the rounding of what went
 * (the criterion of Daniel, Gragg, Kaufman & Stewart 1976).
 */
static void orthogonalise(const problem *p, const basis *b, int64_t size, double *w)
{
    double before = ntk_norm(1, p->n, w), after = 0;
    for (int turn = 0; turn < 3 && after < 0.7 * before; ++turn) {
        if (turn > 0) before = after;
        remove_rows(p->locked, p->n, p->found, w);
        for (int64_t i = 0; i < size; i += BLOCK) remove_rows(NTK_MIN(BLOCK, size - i), p->n, b->blocks[i / BLOCK], w);
        after = ntk_norm(1, p->n, w);
    }
}

/* A random unit vector orthogonal to everything. */
static void fresh(const problem *p, const basis *b, int64_t size, double *w)
{
    double norm;
    uint64_t stream = (uint64_t)(p->locked + 1) << 32 | (uint64_t)size;
    for (int64_t i = 0; i < p->n; ++i) w[i] = ntk_random_normal(p->seed, stream, (uint64_t)i);
    orthogonalise(p, b, size, w);
    norm = ntk_norm(1, p->n, w);
    for (int64_t i = 0; i < p->n; ++i) w[i] /= norm;
}

/* One Krylov space as it grows. */
typedef struct krylov {
    basis q;
    double *alpha, *beta; /* [most]: T's diagonal, and what couples i to i + 1 */
    double *s, *theta;    /* eigenvectors (rows) and values of T when last looked at */
    int64_t looked;       /* its size then */
    double scale;         /* the largest |theta| so far */
} krylov;

static void krylov_close(krylov *k)
{
    basis_close(&k->q);
    ntk_free(k->alpha);
    ntk_free(k->beta);
    ntk_free(k->s);
    ntk_free(k->theta);
}

static ntk_status krylov_open(ntk_context *ctx, int64_t n, int64_t most, krylov *k)
{
    ntk_status status;
    *k = (krylov){.looked = 0};
    NTK_TRY(basis_open(ctx, n, most, &k->q));
    NTK_TRY(NTK_NEW(ctx, most + 1, &k->alpha));
    NTK_TRY(NTK_NEW(ctx, most + 1, &k->beta));
done:
    return status;
}

/* The next vector of the basis; w [n] is what the last one left of A q, or NULL for a fresh one. */
static ntk_status extend(ntk_context *ctx, const problem *p, krylov *k, const double *w)
{
    ntk_status status;
    int64_t j = k->q.size;
    double *q;
    NTK_TRY(basis_grow(ctx, &k->q, &q));
    if (!w || j == 0 || k->beta[j - 1] == 0) fresh(p, &k->q, j, q);
    else
        for (int64_t i = 0; i < p->n; ++i) q[i] = w[i] / k->beta[j - 1];
done:
    return status;
}

/* w = A q_j less its part in the basis: alpha_j and beta_j. */
static ntk_status multiply(ntk_context *ctx, const problem *p, krylov *k, double *w)
{
    ntk_status status;
    int64_t j = k->q.size - 1;
    const double *q = basis_vector(&k->q, j), *before = j > 0 ? basis_vector(&k->q, j - 1) : q;
    double alpha = 0, beta = j > 0 ? k->beta[j - 1] : 0;
    NTK_TRY(p->apply(ctx, p->user, q, w));
    for (int64_t i = 0; i < p->n; ++i) alpha += q[i] * w[i];
    for (int64_t i = 0; i < p->n; ++i) w[i] -= alpha * q[i] + beta * before[i]; /* all of it but for rounding */
    orthogonalise(p, &k->q, k->q.size, w);
    k->alpha[j] = alpha;
    k->beta[j] = ntk_norm(1, p->n, w);
    k->scale = fmax(k->scale, fabs(alpha) + k->beta[j]);
    if (k->beta[j] <= 8 * DBL_EPSILON * k->scale * sqrt((double)p->n)) k->beta[j] = 0; /* rounding alone */
done:
    return status;
}

/* Eigenvalues and vectors of T. */
static ntk_status look(ntk_context *ctx, krylov *k)
{
    ntk_status status;
    int64_t j = k->q.size;
    ntk_free(k->s);
    ntk_free(k->theta);
    k->s = k->theta = NULL;
    NTK_TRY(NTK_NEW(ctx, j * j, &k->s));
    NTK_TRY(NTK_NEW(ctx, j, &k->theta));
    for (int64_t i = 0; i < j; ++i) {
        k->s[i * j + i] = k->alpha[i];
        if (i + 1 < j) k->s[i * j + i + 1] = k->s[(i + 1) * j + i] = k->beta[i];
    }
    NTK_TRY(ntk_eigen(ctx, j, k->s, k->theta, true));
    k->looked = j;
done:
    return status;
}

static double residual(const krylov *k, int64_t i)
{
    return k->beta[k->looked - 1] * fabs(k->s[i * k->looked + k->looked - 1]);
}

static double largest(const krylov *k)
{
    return fmax(fabs(k->theta[0]), fabs(k->theta[k->looked - 1]));
}

static bool converged(const problem *p, const krylov *k, int64_t count)
{
    if (k->looked < count) return false;
    for (int64_t i = 0; i < count; ++i)
        if (residual(k, i) > p->tolerance * largest(k)) return false;
    return true;
}

/* Rows i of Q s into out [count, n], orthonormal. */
static ntk_status vectors(ntk_context *ctx, const krylov *k, int64_t count, double *out)
{
    ntk_status status = NTK_OK;
    int64_t j = k->looked, n = k->q.n;
    for (int64_t i = 0; i < j; i += BLOCK)
        NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, count, n, NTK_MIN(BLOCK, j - i), 1, k->s + i, j, k->q.blocks[i / BLOCK], n, i > 0, out, n));
done:
    return status;
}

/* Sizes of T at which it is looked at: its eigenvectors cost 9 j³ flop, so not at every step. */
static int64_t next_look(int64_t j)
{
    return j + NTK_MAX(4, j / 8);
}

/* When a run may end. */
typedef struct aim {
    int64_t count;    /* so many converged; */
    double threshold; /* or the largest theta, with its residual, not above this */
} aim;

static bool reached(const problem *p, const krylov *k, const aim *a)
{
    if (converged(p, k, a->count)) return true;
    return k->looked >= CHECK_STEPS && k->theta[0] + residual(k, 0) <= a->threshold;
}

/* How much of the work is done after j steps: nobody knows; this rises and stays below 1. */
static double share(int64_t j, const aim *a)
{
    return (double)j / (double)(j + 2 * a->count + CHECK_STEPS);
}

static ntk_status run(ntk_context *ctx, const problem *p, const aim *a, krylov *k)
{
    ntk_status status;
    int64_t most = k->q.most, at = NTK_MIN(a->count + 1, most);
    double *w = NULL;
    NTK_TRY(NTK_NEW_RAW(ctx, p->n, &w));
    for (int64_t j = 0; j < most; ++j) {
        NTK_TRY(extend(ctx, p, k, j > 0 ? w : NULL));
        NTK_TRY_PART(ctx, share(j, a), share(j + 1, a), multiply(ctx, p, k, w));
        if (k->q.size < at && k->q.size < most) continue;
        NTK_TRY_PART(ctx, share(j + 1, a), share(j + 1, a), look(ctx, k));
        at = next_look(k->q.size);
        if (reached(p, k, a)) break;
    }
    if (reached(p, k, a) || most == p->n - p->locked) goto done; /* the whole space: T is A there */
    status = ntk_fail(ctx, NTK_ERROR_NOT_CONVERGED, "%lld Lanczos vectors are too few for %lld eigenvalues to %g: the worst residual is %g",
                      (long long)most, (long long)a->count, p->tolerance, residual(k, NTK_MIN(a->count, most) - 1) / largest(k));
done:
    ntk_free(w);
    return status;
}

/* ---- all of them ----------------------------------------------------------------------------------------------- */

/* The k largest of two descending lists; the rows of the first are in `rows` [k, n], those of the second in `more`. */
static void merge(int64_t k, int64_t n, double *values, double *rows, int64_t count, const double *theta, const double *more)
{
    for (int64_t i = 0; i < count; ++i) {
        int64_t place = k;
        while (place > 0 && values[place - 1] < theta[i]) --place;
        if (place == k) return;
        memmove(values + place + 1, values + place, (size_t)(k - 1 - place) * sizeof *values);
        memmove(rows + (place + 1) * n, rows + place * n, (size_t)((k - 1 - place) * n) * sizeof *rows);
        values[place] = theta[i];
        memcpy(rows + place * n, more + i * n, (size_t)n * sizeof *rows);
    }
}

/* The first run. */
static ntk_status find(ntk_context *ctx, const problem *p, int64_t k, int64_t most, double *values, double *rows, double *scale)
{
    ntk_status status;
    krylov space;
    aim a = {k, -INFINITY};
    NTK_TRY(krylov_open(ctx, p->n, most, &space));
    NTK_TRY(run(ctx, p, &a, &space));
    memcpy(values, space.theta, (size_t)k * sizeof *values);
    NTK_TRY(vectors(ctx, &space, k, rows));
    *scale = largest(&space);
done:
    krylov_close(&space);
    return status;
}

/* Looks for what was missed, orthogonal to rows [k, n]; *missed says how many came in. */
static ntk_status check(ntk_context *ctx, const problem *outer, int64_t k, int64_t most, double scale, double *values, double *rows, int64_t *missed)
{
    ntk_status status;
    krylov space;
    problem p = *outer;
    double *more = NULL, margin = p.tolerance * scale;
    aim a = {1, values[k - 1] + margin};
    p.locked = k;
    p.found = rows;
    *missed = 0;
    NTK_TRY(krylov_open(ctx, p.n, NTK_MIN(most, p.n - k), &space));
    NTK_TRY(run(ctx, &p, &a, &space));
    while (*missed < NTK_MIN(k, space.looked) && space.theta[*missed] > a.threshold && (*missed == 0 || residual(&space, *missed) <= margin)) ++*missed;
    if (*missed == 0) goto done;
    NTK_TRY(NTK_NEW_RAW(ctx, *missed * p.n, &more));
    NTK_TRY(vectors(ctx, &space, *missed, more));
    merge(k, p.n, values, rows, *missed, space.theta, more);
done:
    ntk_free(more);
    krylov_close(&space);
    return status;
}

ntk_status ntk_lanczos(ntk_context *ctx, int64_t n, ntk_operator apply, const void *user, int64_t k, double tolerance, int64_t most, uint64_t seed,
                       double *values, double *rows)
{
    ntk_status status;
    problem p = {.n = n, .apply = apply, .user = user, .tolerance = tolerance, .seed = seed};
    double scale = 0, from = 0.7;
    int64_t missed = 1;
    if (k == 0) return NTK_OK;
    if (n > INT_MAX) return ntk_fail(ctx, NTK_ERROR_OVERFLOW, "Lanczos: the size %lld exceeds the integers of the BLAS", (long long)n);
    ntk_blas_warn(ctx);
    most = NTK_MAX(NTK_MIN(most, n), k);
    NTK_TRY_PART(ctx, 0, from, find(ctx, &p, k, most, values, rows, &scale));
    for (int64_t round = 0; k < n && missed > 0; ++round) {
        double to = from + (1 - from) / 2;
        if (round > k) NTK_TRY(ntk_fail(ctx, NTK_ERROR_NOT_CONVERGED, "Lanczos: every one of %lld checks found another eigenvalue", (long long)round));
        NTK_TRY_PART(ctx, from, to, check(ctx, &p, k, most, scale, values, rows, &missed));
        from = to;
    }
    NTK_TRY(ntk_progress(ctx, 1));
done:
    return status;
}
