/*
 * Gramians of a general A = Vᵀ R V.
 *
 * Infinite horizon, all eigenvalues of A to the left of 0: the Lyapunov equation in Schur coordinates (Bartels & Stewart 1972), with
 * F = V Q Vᵀ, Y = V W Vᵀ:
 *
 *     observability     Aᵀ W + W A + CᵀC = 0      Rᵀ Y + Y R = -F
 *     controllability   A W + W Aᵀ + B Bᵀ = 0     R Y + Y Rᵀ = -F
 *
 * Finite horizon, any A: over a short h = T/2^k the integral by its Taylor series (exp(Ah): exponential.c), then doubled,
 *
 *     W(2h) = W(h) + exp(Aᵀh) W(h) exp(Ah),     exp(2Ah) = exp(Ah)²
 *
 * a sum of positive semi-definite terms: nothing cancels, growing modes included until they overflow.  With |A|h <= 1/2 (1-norm, at least
 * the spectral radius) 16 terms of W(h) = sum h^(j+1)/(j+1)! L^j(Q), L(X) = AᵀX + XA, leave 1e-20.  (Squaring loses a few eps per
 * doubling where |exp(At)| first grows; that is the condition of the problem for a normal A.)
 */
#include "control.h"

#include <math.h>
#include <string.h>

#define TERMS 16

void ntk_symmetrise(int64_t n, double *x)
{
    for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < i; ++j) x[i * n + j] = x[j * n + i] = 0.5 * (x[i * n + j] + x[j * n + i]);
}

ntk_status ntk_congruence(ntk_context *ctx, ntk_gramian which, int64_t n, const double *e, double *x, double *room)
{
    ntk_status status;
    bool observability = which == NTK_GRAMIAN_OBSERVABILITY;
    NTK_TRY(ntk_gemm(ctx, NTK_F64, observability ? NTK_TRANSPOSED : NTK_PLAIN, NTK_PLAIN, n, n, n, 1, e, n, x, n, 0, room, n));
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, observability ? NTK_PLAIN : NTK_TRANSPOSED, n, n, n, 1, room, n, e, n, 0, x, n));
    ntk_symmetrise(n, x);
done:
    return status;
}

ntk_status ntk_gramian_double(ntk_context *ctx, ntk_gramian which, int64_t n, double *w, double *e, double *added, double *room)
{
    ntk_status status;
    memcpy(added, w, (size_t)(n * n) * sizeof *added);
    NTK_TRY(ntk_congruence(ctx, which, n, e, added, room));
    for (int64_t i = 0; i < n * n; ++i) w[i] += added[i];
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, n, n, n, 1, e, n, e, n, 0, room, n));
    memcpy(e, room, (size_t)(n * n) * sizeof *e);
done:
    return status;
}

/* ---- infinite horizon ---- */

ntk_status ntk_gramian_schur(ntk_context *ctx, const ntk_system *s, ntk_gramian which, double *w, double *room)
{
    ntk_status status;
    int64_t n = s->size;
    NTK_TRY_PART(ctx, 0, 0.2, ntk_congruence(ctx, NTK_GRAMIAN_CONTROLLABILITY, n, s->vectors, w, room));
    for (int64_t i = 0; i < n * n; ++i) w[i] = -w[i];
    NTK_TRY_PART(ctx, 0.2, 0.8, ntk_lyapunov(ctx, n, s->r, which == NTK_GRAMIAN_OBSERVABILITY, w));
    NTK_TRY_PART(ctx, 0.8, 1, ntk_congruence(ctx, NTK_GRAMIAN_OBSERVABILITY, n, s->vectors, w, room));
done:
    return status;
}

/* ---- finite horizon ---- */

typedef struct doubling {
    const ntk_system *s;
    ntk_gramian which;
    double h;
    double *w, *e, *term, *room; /* [s, s] */
} doubling;

/* term = h/(j + 2) L(term), by symmetry X A + (X A)ᵀ. */
static ntk_status next_term(ntk_context *ctx, doubling *d, int j)
{
    int64_t n = d->s->size;
    ntk_status status = ntk_gemm(ctx, NTK_F64, NTK_PLAIN, d->which == NTK_GRAMIAN_OBSERVABILITY ? NTK_PLAIN : NTK_TRANSPOSED, n, n, n, d->h / (j + 2), d->term, n,
                                 d->s->a, n, 0, d->room, n);
    for (int64_t i = 0; i < n; ++i)
        for (int64_t k = 0; k < n; ++k) d->term[i * n + k] = d->room[i * n + k] + d->room[k * n + i];
    return status;
}

/* w = W(h), of Q in w. */
static ntk_status short_gramian(ntk_context *ctx, doubling *d)
{
    ntk_status status = NTK_OK;
    int64_t n = d->s->size;
    for (int64_t i = 0; i < n * n; ++i) d->term[i] = d->w[i] *= d->h;
    for (int j = 0; j < TERMS; ++j) {
        NTK_TRY(next_term(ctx, d, j));
        for (int64_t i = 0; i < n * n; ++i) d->w[i] += d->term[i];
    }
done:
    return status;
}

static ntk_status finite_horizon(ntk_context *ctx, doubling *d, double horizon)
{
    ntk_status status;
    int64_t n = d->s->size;
    int doublings;
    NTK_TRY(ntk_exponential_doublings(ctx, n, d->s->a, horizon, &doublings));
    d->h = ldexp(horizon, -doublings);
    NTK_TRY_PART(ctx, 0, 0.1, ntk_exponential(ctx, n, d->s->a, d->h, d->e, d->term, d->room));
    NTK_TRY_PART(ctx, 0.1, 0.2, short_gramian(ctx, d));
    for (int i = 0; i < doublings; ++i) {
        NTK_TRY(ntk_gramian_double(ctx, d->which, n, d->w, d->e, d->term, d->room));
        NTK_TRY(ntk_check_result(ctx, "w", NTK_F64, d->w, n * n));
        NTK_TRY(ntk_progress(ctx, 0.2 + 0.8 * (i + 1) / doublings));
    }
done:
    return status;
}

ntk_status ntk_gramian_general(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double horizon, double *w)
{
    ntk_status status;
    int64_t n = system->size;
    const ntk_port *port = &system->ports[which];
    doubling d = {.s = system, .which = which, .w = w};
    int64_t count;
    if (isinf(horizon) && system->abscissa >= -system->tolerance) return ntk_gramian_resting(ctx, system, which, w, &count);
    NTK_TRY(NTK_NEW_RAW(ctx, n * n, &d.room));
    NTK_TRY(ntk_port_square(ctx, port, n, port->h, w));
    if (isinf(horizon)) {
        NTK_TRY(ntk_gramian_schur(ctx, system, which, w, d.room));
    } else {
        NTK_TRY(NTK_NEW_RAW(ctx, n * n, &d.e));
        NTK_TRY(NTK_NEW_RAW(ctx, n * n, &d.term));
        NTK_TRY(finite_horizon(ctx, &d, horizon));
    }
    NTK_TRY(ntk_check_result(ctx, "w", NTK_F64, w, n * n));
done:
    ntk_free(d.term);
    ntk_free(d.e);
    ntk_free(d.room);
    return status;
}
