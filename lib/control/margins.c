/*
 * Stability margins of x' = A x, from the eigenvalues lambda of A.
 *
 *     dominant mode     the eigenvalue of largest real part, the spectral abscissa a, and its right eigenvector
 *     settling time     exp(a t) = share: t = ln(1/share)/(-a), the time constant of the slowest mode that moves
 *     largest step      x + h A x converges where |1 + h lambda| < 1 for every lambda: h < -2 Re lambda / |lambda|²;  A = -K: h < 2/lambda_max(K)
 *
 * A symmetric A has |exp(At)| = exp(at), so nothing is above `share` after the settling time.  A non-normal one may first grow: with
 * P > 0, AᵀP + P A = -1 (the observability Gramian of C = 1), d/dt xᵀP x = -|x|² <= -xᵀP x/lambda_max(P), hence
 *
 *     |x(t)|² <= cond(P) exp(-t/lambda_max(P)) |x(0)|²,      certain for t >= lambda_max(P) ln(cond(P)/share²)
 *
 * In parameter space D^1/2 A D^-1/2 is symmetric: |exp(At)| <= cond(D)^1/2 exp(at).  A mode of eigenvalue 0 of a symmetric A or in parameter
 * space rests: it does not move, and is settled from the start.  (A zero of a general A may move: two in a Jordan block drift apart.)
 */
#include "control.h"

#include <math.h>
#include <stdlib.h>

/* ---- eigenvalues ---- */

static int slowest_first(const void *a, const void *b)
{
    const double *x = a, *y = b;
    if (x[0] != y[0]) return x[0] > y[0] ? -1 : 1;
    return x[1] > y[1] ? -1 : x[1] < y[1];
}

/* pairs [s, 2] */
static void fill_values(const ntk_system *s, double *pairs)
{
    int64_t n = s->size, moving = s->spectrum ? s->spectrum->rank : n;
    for (int64_t i = 0; i < n; ++i) {
        pairs[2 * i] = s->r ? s->real[i] : s->w ? -s->w[n - 1 - i] : -(i < n - moving ? 0 : s->spectrum->values[n - 1 - i]) - s->weight_decay;
        pairs[2 * i + 1] = s->r ? s->imaginary[i] : 0;
    }
    if (s->r) qsort(pairs, (size_t)n, 2 * sizeof *pairs, slowest_first);
}

ntk_status ntk_system_get_eigenvalues(ntk_context *ctx, const ntk_system *system, ntk_array *values)
{
    ntk_status status;
    double *pairs = NULL;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, system);
    NTK_TRY(ntk_check_output(ctx, "values", values, NTK_F64, NTK_SHAPE(system->size, 2)));
    NTK_TRY(NTK_NEW_RAW(ctx, 2 * system->size, &pairs));
    fill_values(system, pairs);
    ntk_store(values, pairs);
done:
    ntk_free(pairs);
    return status;
}

static int64_t dominant_of(const ntk_system *s)
{
    int64_t at = 0;
    if (s->w) return s->size - 1;
    for (int64_t i = 1; i < s->size; ++i)
        if (s->real[i] > s->real[at]) at = i;
    return at;
}

ntk_status ntk_system_dominant_mode(ntk_context *ctx, const ntk_system *system, double *real, double *imaginary, ntk_array *mode)
{
    ntk_status status;
    ntk_array columns;
    double *xy = NULL;
    int64_t n, at;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, system);
    NTK_TRY(ntk_system_check_matrix(ctx, system));
    n = system->size;
    if (mode) NTK_TRY(ntk_check_output(ctx, "mode", mode, NTK_F64, NTK_SHAPE(n, 2)));
    if (n == 0) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "the system has no states, hence no dominant mode");
    at = dominant_of(system);
    if (real) *real = system->abscissa;
    if (imaginary) *imaginary = system->w ? 0 : fabs(system->imaginary[at]);
    if (!mode) return NTK_OK;
    NTK_TRY(NTK_NEW(ctx, 2 * n, &xy));
    if (!system->w) NTK_TRY(ntk_schur_vector(ctx, n, system->r, system->vectors, at, xy, xy + n));
    for (int64_t i = 0; system->w && i < n; ++i) xy[i] = system->vectors[at * n + i];
    columns = ntk_array_flipped(mode);
    ntk_store(&columns, xy);
done:
    ntk_free(xy);
    return status;
}

/* ---- steps ---- */

static double limit_of(double real, double imaginary, double tolerance)
{
    double size = hypot(real, imaginary);
    if (size <= tolerance) return INFINITY;
    return real < 0 ? -2 * (real / size) / size : 0;
}

double ntk_system_largest_step(const ntk_system *system)
{
    double limit = INFINITY;
    if (!system) return -1;
    for (int64_t i = 0; system->w && i < system->size; ++i) limit = fmin(limit, limit_of(-system->w[i], 0, system->tolerance));
    for (int64_t i = 0; system->r && i < system->size; ++i) limit = fmin(limit, limit_of(system->real[i], system->imaginary[i], system->tolerance));
    if (system->spectrum && system->spectrum->rank > 0) limit = 2 / (system->spectrum->values[0] + system->weight_decay);
    else if (system->spectrum && system->size > 0) limit = limit_of(-system->weight_decay, 0, 0);
    return limit;
}

/* ---- settling ---- */

/* The rate of the slowest mode that moves; infinity: none does; <= 0: one grows, or oscillates for ever. */
static double moving_rate(const ntk_system *s)
{
    double rate = INFINITY;
    if (s->r) return -s->abscissa;
    for (int64_t i = 0; s->w && i < s->size; ++i)
        if (fabs(s->w[i]) > s->tolerance) rate = fmin(rate, s->w[i]);
    if (s->spectrum && s->spectrum->rank > 0) rate = s->spectrum->values[s->spectrum->rank - 1] + s->weight_decay;
    if (s->spectrum && s->weight_decay > 0 && s->size > s->spectrum->rank) rate = s->weight_decay;
    return rate;
}

static double condition_of_d(const ntk_system *s)
{
    double least = INFINITY, most = 0;
    for (int64_t i = 0; i < s->size; ++i) {
        double d = ntk_optimizer_d(s->spectrum->optimizer, i);
        least = fmin(least, d);
        most = fmax(most, d);
    }
    return most > least ? most / least : 1;
}

/* By Lyapunov's equation, of a general A that decays. */
static ntk_status certify(ntk_context *ctx, const ntk_system *system, double share, double *certain)
{
    ntk_status status;
    int64_t n = system->size;
    ntk_system bare = *system; /* with C = 1 */
    double *p = NULL, *values = NULL;
    bare.ports[NTK_GRAMIAN_OBSERVABILITY] = (ntk_port){0, NULL};
    NTK_TRY(NTK_NEW_RAW(ctx, n * n, &p));
    NTK_TRY(NTK_NEW_RAW(ctx, n, &values));
    NTK_TRY_PART(ctx, 0, 0.7, ntk_gramian_general(ctx, &bare, NTK_GRAMIAN_OBSERVABILITY, INFINITY, p));
    NTK_TRY_PART(ctx, 0.7, 1, ntk_eigen(ctx, n, p, values, false));
    *certain = values[n - 1] > 0 ? fmax(values[0] * (log(values[0] / values[n - 1]) - 2 * log(share)), 0) : INFINITY;
done:
    ntk_free(values);
    ntk_free(p);
    return status;
}

ntk_status ntk_system_settling_time(ntk_context *ctx, const ntk_system *system, double share, double *time, double *certain)
{
    double rate;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, system);
    NTK_REQUIRE(ctx, time);
    if (!(share > 0 && share < 1)) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "share is %g; expected a number between 0 and 1", share);
    rate = moving_rate(system);
    *time = rate > (system->r ? system->tolerance : 0) ? -log(share) / rate : INFINITY;
    if (!certain) return NTK_OK;
    *certain = *time;
    if (system->spectrum && isfinite(*time) && *time > 0) *certain += 0.5 * log(condition_of_d(system)) / rate;
    return system->r && isfinite(*time) ? certify(ctx, system, share, certain) : NTK_OK;
}
