/*
 * M near A = K + ridge I whose inverse costs little: the first rows of a Cholesky factor of K, pivoted by the largest diagonal that is left
 * (Harbrecht, Peters & Schneider 2012), and the mean of what is left on the diagonal,
 *
 *     K ~ Lᵀ L,  L [rank, N],      M = Lᵀ L + sigma I,   sigma = ridge + sum(diagonal of K - Lᵀ L)/N
 *     M⁻¹ = (I - Wᵀ W)/sigma,      W = (sigma I + G)^(-1/2) U L,   L Lᵀ = Uᵀ G U                (Woodbury)
 *
 * Kernels of smooth networks have spectra that fall like powers, and L takes the largest of them away: rank rows of K, rank² N flop.
 * I - Wᵀ W cancels to eps: sigma stays above 1e-12 trace(K), so that M⁻¹ is positive definite in floating point too.
 */
#include "solve.h"

#include <float.h>
#include <math.h>

static int64_t largest(int64_t n, const double *d)
{
    int64_t at = 0;
    for (int64_t i = 1; i < n; ++i)
        if (d[i] > d[at]) at = i;
    return at;
}

static double sum(int64_t n, const double *d)
{
    double total = 0;
    for (int64_t i = 0; i < n; ++i) total += d[i];
    return total;
}

/* out [n] = row `row` of K, or, where that is -1, its diagonal. */
static ntk_status fetch(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, int64_t row, double *out)
{
    ntk_status status;
    void *stored = NULL;
    ntk_array line, block;
    NTK_TRY(ntk_allocate_raw(ctx, gram->size, ntk_dtype_size(gram->dtype), &stored));
    line = ntk_array_dense(stored, gram->dtype, NTK_SHAPE(gram->size));
    block = ntk_array_dense(stored, gram->dtype, NTK_SHAPE(1, gram->size));
    NTK_TRY(row < 0 ? ntk_gram_get_diagonal(ctx, gram, kind, &line) : ntk_gram_get_block(ctx, gram, kind, row, 0, &block));
    ntk_solve_widen(gram->dtype, gram->size, stored, out);
done:
    ntk_free(stored);
    return status;
}

/* Row `rank` of l from row `pivot` of K, and what it leaves of the diagonal d. */
static ntk_status add_row(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, int64_t pivot, int64_t rank, double *l, double *d)
{
    ntk_status status;
    int64_t n = gram->size;
    double *row = l + rank * n, *before = NULL, root = sqrt(d[pivot]);
    NTK_TRY(NTK_NEW(ctx, rank, &before));
    NTK_TRY(fetch(ctx, gram, kind, pivot, row));
    for (int64_t k = 0; k < rank; ++k) before[k] = l[k * n + pivot];
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, 1, n, rank, -1, before, rank, l, n, 1, row, n));
    for (int64_t i = 0; i < n; ++i) {
        row[i] /= root;
        d[i] = fmax(d[i] - row[i] * row[i], 0);
    }
    d[pivot] = 0;
done:
    ntk_free(before);
    return status;
}

/* l [most, N], and how many rows it took; d [N] comes as the diagonal of K and goes as what is left of it. */
static ntk_status factorise(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, int64_t most, double *l, double *d, int64_t *rank)
{
    ntk_status status = NTK_OK;
    int64_t n = gram->size;
    double least = n > 0 ? (double)n * (gram->dtype == NTK_F64 ? DBL_EPSILON : (double)FLT_EPSILON) * d[largest(n, d)] : 0; /* below, it is rounding */
    for (*rank = 0; *rank < most; ++*rank) {
        int64_t pivot = largest(n, d);
        if (!(d[pivot] > least)) break;
        NTK_TRY_PART(ctx, (double)*rank / (double)most, (double)(*rank + 1) / (double)most, add_row(ctx, gram, kind, pivot, *rank, l, d));
    }
done:
    return status;
}

/* w [rank, N] of l. */
static ntk_status whiten(ntk_context *ctx, ntk_preconditioner *p, const double *l)
{
    ntk_status status;
    int64_t r = p->rank;
    double *u = NULL, *g = NULL;
    NTK_TRY(NTK_NEW(ctx, r * r, &u));
    NTK_TRY(NTK_NEW(ctx, r, &g));
    NTK_TRY(ntk_syrk(ctx, NTK_F64, NTK_PLAIN, r, p->n, 1, l, p->n, 0, u, r));
    NTK_TRY(ntk_eigen(ctx, r, u, g, true));
    for (int64_t i = 0; i < r; ++i)
        for (int64_t j = 0; j < r; ++j) u[i * r + j] /= sqrt(p->sigma + fmax(g[i], 0));
    NTK_TRY(NTK_NEW_RAW(ctx, r * p->n, &p->w));
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, r, p->n, r, 1, u, r, l, p->n, 0, p->w, p->n));
done:
    ntk_free(g);
    ntk_free(u);
    return status;
}

ntk_status ntk_preconditioner_open(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, double ridge, int64_t rank, ntk_preconditioner *p)
{
    ntk_status status;
    double *l = NULL, *d = NULL, trace;
    *p = (ntk_preconditioner){.n = gram->size};
    rank = NTK_MIN(rank, p->n);
    NTK_TRY(NTK_NEW(ctx, p->n, &d));
    NTK_TRY(NTK_NEW(ctx, rank * p->n, &l));
    NTK_TRY(fetch(ctx, gram, kind, -1, d));
    trace = sum(p->n, d);
    NTK_TRY(factorise(ctx, gram, kind, rank, l, d, &p->rank));
    p->sigma = fmax(ridge + sum(p->n, d) / (double)NTK_MAX(p->n, 1), 1e-12 * trace);
    if (!(p->sigma > 0)) p->sigma = 1; /* K = 0, and no ridge */
    NTK_TRY(whiten(ctx, p, l));
done:
    ntk_free(l);
    ntk_free(d);
    return status;
}

void ntk_preconditioner_close(ntk_preconditioner *p)
{
    ntk_free(p->w);
    p->w = NULL;
}

ntk_status ntk_preconditioner_apply(ntk_context *ctx, const ntk_preconditioner *p, int64_t m, const double *v, double *out)
{
    ntk_status status;
    double *t = NULL;
    NTK_TRY(NTK_NEW(ctx, m * p->rank, &t));
    for (int64_t i = 0; i < m * p->n; ++i) out[i] = v[i] / p->sigma;
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_TRANSPOSED, m, p->rank, p->n, 1, v, p->n, p->w, p->n, 0, t, p->rank));
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, m, p->n, p->rank, -1 / p->sigma, t, p->rank, p->w, p->n, 1, out, p->n));
done:
    ntk_free(t);
    return status;
}
