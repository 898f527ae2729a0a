/*
 * Hankel singular values and balanced truncation (Moore 1981; square-root method, Tombs & Postlethwaite 1987).
 *
 * With W_c = S Sᵀ, W_o = L Lᵀ (from eigenvectors, so that semi-definite ones do) and the singular values Lᵀ S = X diag(sigma) Y:
 *
 *     sigma_i = sqrt(lambda_i(W_c W_o))            how much of the input's past the output's future remembers
 *     A_k = P A Q,  B_k = P B,  C_k = C Q,         P = diag(sigma)^-1/2 Xᵀ Lᵀ,  Q = S Yᵀ diag(sigma)^-1/2, first k rows and columns
 *
 * and the transfer functions differ by at most 2 (sigma_{k+1} + ... + sigma_s) in the H-infinity norm (Glover 1984; Enns 1984).  Products of
 * Gramians, which would square the condition, are never formed.
 */
#include "control.h"

#include <math.h>

typedef struct balance {
    int64_t n;
    double *factors[2]; /* [s, s] by ntk_gramian: rows f_i with W = sum f_i f_iᵀ */
    double *sigma;      /* [s] */
    double *x, *y;      /* [s, s]: factors[OBSERVABILITY] factors[CONTROLLABILITY]ᵀ = x diag(sigma) y */
    double *room;       /* [s, s] */
} balance;

/* W = Uᵀ diag(w) U becomes diag(sqrt w) U; what rounding made negative is 0. */
static ntk_status factorise(ntk_context *ctx, const ntk_system *s, ntk_gramian which, double *w, double *values)
{
    ntk_status status;
    int64_t n = s->size;
    NTK_TRY_PART(ctx, 0, 0.5, ntk_gramian_dense(ctx, s, which, INFINITY, w));
    NTK_TRY_PART(ctx, 0.5, 1, ntk_eigen(ctx, n, w, values, true));
    for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < n; ++j) w[i * n + j] *= sqrt(fmax(values[i], 0));
done:
    return status;
}

static ntk_status balance_open(ntk_context *ctx, const ntk_system *s, balance *b)
{
    ntk_status status;
    int64_t n = b->n = s->size;
    double **all[] = {&b->factors[0], &b->factors[1], &b->x, &b->y, &b->room};
    NTK_TRY(ntk_memory_require(ctx, "balancing", 80 * (double)n * (double)n));
    for (int i = 0; i < 5; ++i) NTK_TRY(NTK_NEW_RAW(ctx, n * n, all[i]));
    NTK_TRY(NTK_NEW_RAW(ctx, n, &b->sigma));
    NTK_TRY_PART(ctx, 0, 0.35, factorise(ctx, s, NTK_GRAMIAN_OBSERVABILITY, b->factors[NTK_GRAMIAN_OBSERVABILITY], b->sigma));
    NTK_TRY_PART(ctx, 0.35, 0.7, factorise(ctx, s, NTK_GRAMIAN_CONTROLLABILITY, b->factors[NTK_GRAMIAN_CONTROLLABILITY], b->sigma));
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_TRANSPOSED, n, n, n, 1, b->factors[NTK_GRAMIAN_OBSERVABILITY], n, b->factors[NTK_GRAMIAN_CONTROLLABILITY],
                     n, 0, b->room, n));
    NTK_TRY_PART(ctx, 0.7, 1, ntk_svd(ctx, n, n, b->room, b->sigma, b->x, b->y));
done:
    return status;
}

static void balance_close(balance *b)
{
    ntk_free(b->sigma);
    ntk_free(b->room);
    ntk_free(b->y);
    ntk_free(b->x);
    ntk_free(b->factors[1]);
    ntk_free(b->factors[0]);
}

ntk_status ntk_system_hankel(ntk_context *ctx, const ntk_system *system, ntk_array *values)
{
    ntk_status status;
    balance b = {0};
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, system);
    if (system->spectrum) return ntk_parameters_hankel(ctx, system, values);
    NTK_TRY(ntk_check_output(ctx, "values", values, NTK_F64, NTK_SHAPE(system->size)));
    NTK_TRY(balance_open(ctx, system, &b));
    ntk_store(values, b.sigma);
done:
    balance_close(&b);
    return status;
}

/* ---- truncation ---- */

typedef struct reduction {
    int64_t k;
    double *p, *q;    /* [k, s]: P, and Qᵀ */
    double *a, *b, *c; /* of the reduced system; b and c with the orientation of the ports, [., k] */
    double *room;     /* [k, s] */
} reduction;

/* P = diag(sigma)^-1/2 Xᵀ Lᵀ and Qᵀ = diag(sigma)^-1/2 Y Sᵀ, the first k rows. */
static ntk_status projections(ntk_context *ctx, const balance *b, reduction *r)
{
    ntk_status status;
    int64_t n = b->n, k = r->k;
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_TRANSPOSED, NTK_PLAIN, k, n, n, 1, b->x, n, b->factors[NTK_GRAMIAN_OBSERVABILITY], n, 0, r->p, n));
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, k, n, n, 1, b->y, n, b->factors[NTK_GRAMIAN_CONTROLLABILITY], n, 0, r->q, n));
    for (int64_t i = 0; i < k; ++i)
        for (int64_t j = 0; j < n; ++j) {
            r->p[i * n + j] /= sqrt(b->sigma[i]);
            r->q[i * n + j] /= sqrt(b->sigma[i]);
        }
done:
    return status;
}

/* A port H [rows, s] seen through `basis` [k, s]: H basisᵀ [rows, k]; of an identity port, basisᵀ itself. */
static ntk_status project_port(ntk_context *ctx, const ntk_port *port, int64_t n, int64_t k, const double *basis, double **out)
{
    ntk_status status;
    int64_t rows = port->h ? port->rows : n;
    NTK_TRY(NTK_NEW_RAW(ctx, rows * k, out));
    if (port->h) NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_TRANSPOSED, rows, k, n, 1, port->h, n, basis, n, 0, *out, k));
    else
        for (int64_t i = 0; i < n; ++i)
            for (int64_t j = 0; j < k; ++j) (*out)[i * k + j] = basis[j * n + i];
done:
    return status;
}

static ntk_status reduce(ntk_context *ctx, const ntk_system *s, const balance *b, reduction *r)
{
    ntk_status status;
    int64_t n = s->size, k = r->k;
    NTK_TRY(NTK_NEW_RAW(ctx, k * n, &r->p));
    NTK_TRY(NTK_NEW_RAW(ctx, k * n, &r->q));
    NTK_TRY(NTK_NEW_RAW(ctx, k * n, &r->room));
    NTK_TRY(NTK_NEW_RAW(ctx, k * k, &r->a));
    NTK_TRY(projections(ctx, b, r));
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, k, n, n, 1, r->p, n, s->a, n, 0, r->room, n));
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_TRANSPOSED, k, k, n, 1, r->room, n, r->q, n, 0, r->a, k));
    NTK_TRY(project_port(ctx, &s->ports[NTK_GRAMIAN_CONTROLLABILITY], n, k, r->p, &r->b));
    NTK_TRY(project_port(ctx, &s->ports[NTK_GRAMIAN_OBSERVABILITY], n, k, r->q, &r->c));
done:
    return status;
}

static void reduction_close(reduction *r)
{
    ntk_free(r->c);
    ntk_free(r->b);
    ntk_free(r->a);
    ntk_free(r->room);
    ntk_free(r->q);
    ntk_free(r->p);
}

static ntk_status make_reduced(ntk_context *ctx, const ntk_system *s, const reduction *r, ntk_system **reduced)
{
    ntk_array a = ntk_matrix_f64(r->a, r->k, r->k), c = ntk_matrix_f64(r->c, ntk_system_outputs(s), r->k);
    ntk_array bt = ntk_matrix_f64(r->b, ntk_system_inputs(s), r->k), b = ntk_array_flipped(&bt);
    return ntk_system_from_matrices(ctx, &a, &b, &c, reduced);
}

/* 2 (sigma_{k+1} + ...), smallest first. */
static double error_bound(const balance *b, int64_t k)
{
    double sum = 0;
    for (int64_t i = b->n - 1; i >= k; --i) sum += b->sigma[i];
    return 2 * sum;
}

ntk_status ntk_system_reduce(ntk_context *ctx, const ntk_system *system, int64_t k, double *bound, ntk_system **reduced)
{
    ntk_status status;
    balance b = {0};
    reduction r = {.k = k};
    NTK_ENTER_NEW(ctx, reduced);
    NTK_REQUIRE(ctx, system);
    if (system->spectrum) return ntk_parameters_reduce(ctx, system, k, bound, reduced);
    if (k < 1 || k > system->size)
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "k is %lld; expected 1 to %lld, the size of the system", (long long)k, (long long)system->size);
    NTK_TRY_PART(ctx, 0, 0.9, balance_open(ctx, system, &b));
    if (!(b.sigma[k - 1] > 0))
        NTK_TRY(ntk_fail(ctx, NTK_ERROR_ARGUMENT, "k is %lld, but Hankel value %lld is 0: fewer states do the same", (long long)k, (long long)k));
    NTK_TRY(reduce(ctx, system, &b, &r));
    NTK_TRY_PART(ctx, 0.9, 1, make_reduced(ctx, system, &r, reduced));
    if (bound) *bound = error_bound(&b, k);
done:
    reduction_close(&r);
    balance_close(&b);
    return status;
}
