/*
 * The eigen-directions of a Gramian, W(T) = Vᵀ diag(omega) V, and what they answer.
 *
 * Observability: a start along v_i gives outputs of energy int_0^T |z|² dt = omega_i.  Its share of all that such a start will ever give is
 * omega_i / (v_iᵀ W(infinity) v_i).  For A = -K, C = 1: v_i the eigenvectors of K, omega_i = ½(1 - exp(-2 lambda_i T))/lambda_i, and the share
 * 1 - exp(-2 lambda_i T) says what is learnt by T: the error left along v_i is the root of what is missing, exp(-lambda_i T).
 *
 * Controllability: the least energy int_0^T |u|² dt that brings the state from 0 to x at T is xᵀ W_c(T)⁻¹ x, by u(t) = Bᵀ exp(Aᵀ(T - t)) W_c(T)⁻¹ x.
 * With directions of omega_i <= s eps omega_max counted as out of reach, x is out of reach if more than (s eps)^1/2 of it lies along them (less
 * could be rounding, and cost no more than the cheapest direction does).
 *
 * A symmetric A with an identity port has W in the eigenvectors of A, exactly and by mode: nothing is out of reach, whatever the condition.
 */
#include "control.h"

#include <float.h>
#include <math.h>

typedef struct directions {
    int64_t n;
    bool by_mode;            /* of a symmetric A with an identity port */
    double *omega, *vectors; /* [s], [s, s] rows; largest first */
    double *shares;          /* [s]; NULL: not wanted */
} directions;

static void directions_close(directions *d)
{
    ntk_free(d->shares);
    ntk_free(d->vectors);
    ntk_free(d->omega);
}

/* The slowest mode stands first.  What rests is never learnt. */
static void by_mode(const ntk_system *s, double horizon, directions *d)
{
    int64_t n = s->size;
    ntk_flow flow = {.s = horizon};
    for (int64_t i = 0; i < n; ++i) {
        int64_t from = n - 1 - i;
        double rate = 2 * ntk_system_rate(s, from);
        d->omega[i] = ntk_flow_learned(&flow, rate);
        if (d->shares) d->shares[i] = rate > 0 ? -expm1(-rate * horizon) : 0;
        for (int64_t j = 0; j < n; ++j) d->vectors[i * n + j] = s->vectors[from * n + j];
    }
}

static bool applies_by_mode(const ntk_system *s, ntk_gramian which, double horizon, bool shares)
{
    double least = s->w && s->size > 0 ? s->w[s->size - 1] : INFINITY;
    if (!s->w || s->ports[which].h) return false;
    if (isinf(horizon)) return least > s->tolerance;
    return !shares || least >= -s->tolerance;
}

/* omega_i / (v_iᵀ W(infinity) v_i); 0 of a direction that is never seen. */
static ntk_status fill_shares(ntk_context *ctx, const ntk_system *s, ntk_gramian which, directions *d)
{
    ntk_status status;
    int64_t n = d->n;
    double *w = NULL, *vw = NULL;
    NTK_TRY(NTK_NEW_RAW(ctx, n * n, &w));
    NTK_TRY(NTK_NEW_RAW(ctx, n * n, &vw));
    NTK_TRY_PART(ctx, 0, 0.8, ntk_gramian_dense(ctx, s, which, INFINITY, w));
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, n, n, n, 1, d->vectors, n, w, n, 0, vw, n));
    for (int64_t i = 0; i < n; ++i) {
        double all = 0;
        for (int64_t j = 0; j < n; ++j) all += vw[i * n + j] * d->vectors[i * n + j];
        d->shares[i] = all > 0 ? fmin(d->omega[i] / all, 1) : 0;
    }
done:
    ntk_free(vw);
    ntk_free(w);
    return status;
}

static ntk_status directions_open(ntk_context *ctx, const ntk_system *s, ntk_gramian which, double horizon, bool shares, directions *d)
{
    ntk_status status;
    int64_t n = d->n = s->size;
    NTK_TRY(ntk_memory_require(ctx, "the directions", 40 * (double)n * (double)n));
    NTK_TRY(NTK_NEW_RAW(ctx, n, &d->omega));
    NTK_TRY(NTK_NEW_RAW(ctx, n * n, &d->vectors));
    if (shares) NTK_TRY(NTK_NEW_RAW(ctx, n, &d->shares));
    d->by_mode = applies_by_mode(s, which, horizon, shares);
    if (d->by_mode) {
        by_mode(s, horizon, d);
        return ntk_check_result(ctx, "the Gramian", NTK_F64, d->omega, n);
    }
    NTK_TRY_PART(ctx, 0, 0.5, ntk_gramian_dense(ctx, s, which, horizon, d->vectors));
    NTK_TRY_PART(ctx, 0.5, 0.8, ntk_eigen(ctx, n, d->vectors, d->omega, true));
    for (int64_t i = 0; i < n; ++i) d->omega[i] = fmax(d->omega[i], 0);
    if (shares) NTK_TRY_PART(ctx, 0.8, 1, fill_shares(ctx, s, which, d));
done:
    return status;
}

ntk_status ntk_system_directions(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double horizon, ntk_array *vectors,
                                 ntk_array *energies, ntk_array *shares)
{
    ntk_status status;
    directions d = {0};
    ntk_array columns;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, system);
    NTK_TRY(ntk_system_check_matrix(ctx, system));
    NTK_TRY(ntk_gramian_check(ctx, which));
    NTK_TRY(ntk_horizon_check(ctx, horizon));
    if (vectors) NTK_TRY(ntk_check_output(ctx, "vectors", vectors, NTK_F64, NTK_SHAPE(system->size, system->size)));
    NTK_TRY(ntk_check_output(ctx, "energies", energies, NTK_F64, NTK_SHAPE(system->size)));
    if (shares) NTK_TRY(ntk_check_output(ctx, "shares", shares, NTK_F64, NTK_SHAPE(system->size)));
    NTK_TRY_PART(ctx, 0, 1, directions_open(ctx, system, which, horizon, shares != NULL, &d));
    ntk_store(energies, d.omega);
    if (shares) ntk_store(shares, d.shares);
    if (vectors) {
        columns = ntk_array_flipped(vectors);
        ntk_store(&columns, d.vectors);
    }
done:
    directions_close(&d);
    return status;
}

/* ---- the least energy ---- */

static ntk_status out_of_reach(ntk_context *ctx, const directions *d, int64_t reached, double outside, double whole)
{
    return ntk_fail(ctx, NTK_ERROR_UNREACHABLE,
                    "x cannot be reached: %.3g of its norm %.3g lies outside the %lld directions of %lld that the inputs reach", sqrt(outside), sqrt(whole),
                    (long long)reached, (long long)d->n);
}

/* c = V x becomes the coefficients of W⁻¹ x. */
static ntk_status divide(ntk_context *ctx, const directions *d, double *c, double *energy)
{
    double relative = d->by_mode ? 0 : (double)d->n * DBL_EPSILON, cutoff = d->n > 0 ? relative * d->omega[0] : 0;
    double outside = 0, whole = ntk_square_sum(d->n, c);
    int64_t reached = 0;
    *energy = 0;
    for (int64_t i = 0; i < d->n; ++i) {
        bool within = d->omega[i] > cutoff;
        reached += within;
        if (!within) outside += c[i] * c[i];
        if (within) *energy += c[i] * (c[i] / d->omega[i]);
        c[i] = within ? c[i] / d->omega[i] : 0;
    }
    return outside > relative * whole ? out_of_reach(ctx, d, reached, outside, whole) : NTK_OK;
}

static ntk_status matrix_energy(ntk_context *ctx, const ntk_system *s, double horizon, const double *x, double *energy, double *costate)
{
    ntk_status status;
    directions d = {0};
    int64_t n = s->size;
    double *c = NULL;
    NTK_TRY(NTK_NEW_RAW(ctx, n, &c));
    NTK_TRY_PART(ctx, 0, 1, directions_open(ctx, s, NTK_GRAMIAN_CONTROLLABILITY, horizon, false, &d));
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, n, 1, n, 1, d.vectors, n, x, 1, 0, c, 1));
    NTK_TRY(divide(ctx, &d, c, energy));
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_TRANSPOSED, NTK_PLAIN, n, 1, n, 1, d.vectors, n, c, 1, 0, costate, 1));
done:
    ntk_free(c);
    directions_close(&d);
    return status;
}

ntk_status ntk_system_minimum_energy(ntk_context *ctx, const ntk_system *system, double horizon, const ntk_array *x, double *energy, ntk_array *costate)
{
    ntk_status status;
    const void *dense;
    void *copy = NULL;
    double *p = NULL;
    int64_t n;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, system);
    NTK_REQUIRE(ctx, energy);
    n = system->size;
    NTK_TRY(ntk_horizon_check(ctx, horizon));
    NTK_TRY(ntk_check_shape(ctx, "x", x, NTK_F64, NTK_SHAPE(n)));
    NTK_TRY(ntk_check_finite(ctx, "x", x));
    if (costate) NTK_TRY(ntk_check_output(ctx, "costate", costate, NTK_F64, NTK_SHAPE(n)));
    NTK_TRY(NTK_NEW_RAW(ctx, n, &p));
    NTK_TRY(ntk_borrow(ctx, x, &dense, &copy));
    NTK_TRY_PART(ctx, 0, 1, (system->spectrum ? ntk_parameters_energy : matrix_energy)(ctx, system, horizon, dense, energy, p));
    NTK_TRY(ntk_check_result(ctx, "the energy", NTK_F64, energy, 1));
    NTK_TRY(ntk_check_result(ctx, "costate", NTK_F64, p, n));
    if (costate) ntk_store(costate, p);
done:
    ntk_free(copy);
    ntk_free(p);
    return status;
}
