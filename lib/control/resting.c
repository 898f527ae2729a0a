/*
 * A general A with modes that do not decay, which C does not see (B does not drive): the minimal solution at infinity.
 *
 * Ordering the Schur form (schur.c) puts the modes that decay into one diagonal block of A = Vᵀ R V, R lower quasi-triangular:
 *
 *     observability     [R11 0; R21 R22], R22 does not decay.  The last rows V2 of V span what A maps into itself, so C V2ᵀ = 0 says that no
 *                       such mode is seen; then x1 = V1 x obeys x1' = R11 x1, z = C V1ᵀ x1, whatever x2 does:  W = V1ᵀ Y V1
 *     controllability   R11 does not decay: x1' = R11 x1 + V1 B u.  V1 B = 0 says that none is driven, and x2' = R22 x2 + V2 B u:  W = V2ᵀ Y V2
 *
 * with Y of the Lyapunov equation of the block that decays.  Of all solutions this is the smallest: the integral itself.  Blocks are read
 * outwards from the end of V (its beginning): the first vector that is seen belongs to an eigenvector that is, whose eigenvalue the
 * error names.  As in gramian.c "seen" is |C v|² > s eps |C|².  (Eigenvalues at 0 that A holds in one Jordan block of size k come out
 * of rounding some eps^(1/k) apart and may count as decaying; their part of W is then as uncertain as they are.)
 */
#include "control.h"

#include <float.h>
#include <math.h>
#include <string.h>

typedef struct split {
    int64_t n, resting; /* size, and modes that do not decay */
    bool trailing;      /* they stand last */
    double *r, *v, *real, *imaginary;
    bool *first;
} split;

static void split_close(split *p)
{
    ntk_free(p->first);
    ntk_free(p->imaginary);
    ntk_free(p->real);
    ntk_free(p->v);
    ntk_free(p->r);
}

static ntk_status copy_of(ntk_context *ctx, int64_t count, const double *from, double **to)
{
    ntk_status status = NTK_NEW_RAW(ctx, count, to);
    if (status == NTK_OK) memcpy(*to, from, (size_t)count * sizeof **to);
    return status;
}

static ntk_status split_open(ntk_context *ctx, const ntk_system *s, ntk_gramian which, split *p)
{
    ntk_status status;
    int64_t n = s->size;
    *p = (split){.n = n, .trailing = which == NTK_GRAMIAN_OBSERVABILITY};
    NTK_TRY(copy_of(ctx, n * n, s->r, &p->r));
    NTK_TRY(copy_of(ctx, n * n, s->vectors, &p->v));
    NTK_TRY(copy_of(ctx, n, s->real, &p->real));
    NTK_TRY(copy_of(ctx, n, s->imaginary, &p->imaginary));
    NTK_TRY(NTK_NEW(ctx, n, &p->first));
    for (int64_t i = 0; i < n; ++i) {
        bool rests = s->real[i] >= -s->tolerance;
        p->resting += rests;
        p->first[i] = rests != p->trailing;
    }
    NTK_TRY(ntk_schur_order(ctx, n, p->first, p->r, p->v, p->real, p->imaginary));
done:
    return status;
}

static ntk_status seen(ntk_context *ctx, const split *p, ntk_gramian which, int64_t at)
{
    char imaginary[40] = "";
    if (p->imaginary[at] != 0) ntk_print(imaginary, sizeof imaginary, " +- %gi", fabs(p->imaginary[at]));
    return ntk_fail(ctx, NTK_ERROR_UNSTABLE,
                    "the eigenvalue %g%s of A does not decay and its mode is %s: at infinity there is no %s Gramian; take a finite horizon", p->real[at],
                    imaginary, which == NTK_GRAMIAN_OBSERVABILITY ? "seen by C" : "driven by B", ntk_gramian_name(which));
}

/* hv [rows, n] = H Vᵀ. */
static ntk_status check_unseen(ntk_context *ctx, const split *p, ntk_gramian which, int64_t rows, const double *hv)
{
    double all = ntk_square_sum(rows * p->n, hv);
    for (int64_t k = 0; k < p->resting; ++k) {
        int64_t at = p->trailing ? p->n - 1 - k : k;
        double square = 0;
        for (int64_t i = 0; i < rows; ++i) square += hv[i * p->n + at] * hv[i * p->n + at];
        if (square > (double)p->n * DBL_EPSILON * all) return seen(ctx, p, which, at);
    }
    return NTK_OK;
}

/* w = Vdᵀ Y Vd, d the block that decays. */
static ntk_status solve_rest(ntk_context *ctx, const split *p, ntk_gramian which, int64_t rows, const double *hv, double *w)
{
    ntk_status status;
    int64_t n = p->n, m = n - p->resting, from = p->trailing ? 0 : p->resting;
    double *r = NULL, *y = NULL, *yv = NULL;
    NTK_TRY(NTK_NEW_RAW(ctx, m * m, &r));
    NTK_TRY(NTK_NEW_RAW(ctx, m * m, &y));
    NTK_TRY(NTK_NEW_RAW(ctx, m * n, &yv));
    for (int64_t i = 0; i < m; ++i) memcpy(r + i * m, p->r + (from + i) * n + from, (size_t)m * sizeof *r);
    NTK_TRY(ntk_syrk(ctx, NTK_F64, NTK_TRANSPOSED, m, rows, -1, hv + from, n, 0, y, m));
    ntk_mirror(ctx, NTK_F64, m, y, m);
    NTK_TRY(ntk_lyapunov(ctx, m, r, which == NTK_GRAMIAN_OBSERVABILITY, y));
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, m, n, m, 1, y, m, p->v + from * n, n, 0, yv, n));
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_TRANSPOSED, NTK_PLAIN, n, n, m, 1, p->v + from * n, n, yv, n, 0, w, n));
    ntk_symmetrise(n, w);
    NTK_TRY(ntk_check_result(ctx, "w", NTK_F64, w, n * n));
done:
    ntk_free(yv);
    ntk_free(y);
    ntk_free(r);
    return status;
}

ntk_status ntk_gramian_resting(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double *w, int64_t *count)
{
    ntk_status status;
    const ntk_port *port = &system->ports[which];
    int64_t n = system->size, rows = port->h ? port->rows : n;
    split p = {0};
    double *hv = NULL, *room = NULL;
    NTK_TRY(NTK_NEW_RAW(ctx, rows * n, &hv));
    if (!port->h) NTK_TRY(NTK_NEW_RAW(ctx, n * n, &room));
    NTK_TRY_PART(ctx, 0, 0.3, split_open(ctx, system, which, &p));
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_TRANSPOSED, rows, n, n, 1, ntk_port_matrix(port, n, room), n, p.v, n, 0, hv, n));
    NTK_TRY(check_unseen(ctx, &p, which, rows, hv));
    *count = p.resting;
    if (w) NTK_TRY_PART(ctx, 0.3, 1, solve_rest(ctx, &p, which, rows, hv, w));
done:
    ntk_free(room);
    ntk_free(hv);
    split_close(&p);
    return status;
}
