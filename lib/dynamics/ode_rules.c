/*
 * One step of either method.
 *
 * Dormand & Prince (1980), order 5 with an estimate of order 4; the last of its seven stages is the first of the next step.  Stable for
 * h rho < 3.3 on the negative real axis, rho the spectral radius of F'.
 *
 * Runge-Kutta-Chebyshev of order 2 (Sommeijer, Shampine & Verwer 1998) takes s stages and is stable for h rho < 0.65 s²: s products do what
 * would take s² of the other.  With the Chebyshev polynomial T_j and w0 = 1 + (2/13)/s², w1 = T'_s/T''_s at w0, b_j = T''_j/T'_j²,
 *
 *     Y_1 = y + b_1 w1 h F_0
 *     Y_j = (1 - mu_j - nu_j) y + mu_j Y_{j-1} + nu_j Y_{j-2} + mu~_j h F_{j-1} - a_{j-1} mu~_j h F_0,       a_j = 1 - b_j T_j
 *     mu_j = 2 b_j w0/b_{j-1},  nu_j = -b_j/b_{j-2},  mu~_j = 2 b_j w1/b_{j-1};   estimate 0.8 (y - z) + 0.4 h (F_0 + F(z)).
 *
 * Every stage is a fixed linear combination of y and slopes, so linear relations between components (f = f0 - K a) pass through both.
 */
#include "ode.h"

#include <math.h>
#include <string.h>

/* ---- Dormand and Prince ------------------------------------------------------------------------------------------ */

enum { STAGES = 7 };

static const double tableau[STAGES][STAGES - 1] = {
    {0},
    {1.0 / 5},
    {3.0 / 40, 9.0 / 40},
    {44.0 / 45, -56.0 / 15, 32.0 / 9},
    {19372.0 / 6561, -25360.0 / 2187, 64448.0 / 6561, -212.0 / 729},
    {9017.0 / 3168, -355.0 / 33, 46732.0 / 5247, 49.0 / 176, -5103.0 / 18656},
    {35.0 / 384, 0, 500.0 / 1113, 125.0 / 192, -2187.0 / 6784, 11.0 / 84},
};
static const double difference[STAGES] = {71.0 / 57600, 0, -71.0 / 16695, 71.0 / 1920, -17253.0 / 339200, 22.0 / 525, -1.0 / 40};

/* z = y + h sum of weights[j] k_j. */
static void combine(int64_t size, double h, int count, const double *weights, const double *const *k, const double *y, double *z)
{
    for (int64_t i = 0; i < size; ++i) {
        double sum = 0;
        for (int j = 0; j < count; ++j) sum += weights[j] * k[j][i];
        z[i] = (y ? y[i] : 0) + h * sum;
    }
}

static ntk_status dormand_prince(ntk_context *ctx, const ntk_ode_problem *p, double h, const double *y, const double *k, double *work, double *z,
                                 double *slope, double *e)
{
    ntk_status status;
    const double *slopes[STAGES] = {k};
    for (int stage = 1; stage < STAGES; ++stage) {
        double *out = stage == STAGES - 1 ? slope : work + (stage - 1) * p->size;
        combine(p->size, h, stage, tableau[stage], slopes, y, z);
        NTK_TRY(p->slope(ctx, p->user, z, out));
        slopes[stage] = out;
    }
    combine(p->size, h, STAGES, difference, slopes, NULL, e);
done:
    return status;
}

/* ---- Runge, Kutta and Chebyshev ---------------------------------------------------------------------------------- */

/* A Chebyshev polynomial and its two derivatives at w0. */
typedef struct chebyshev {
    double t, first, second;
} chebyshev;

static chebyshev next_polynomial(double w0, const chebyshev *last, const chebyshev *before)
{
    return (chebyshev){2 * w0 * last->t - before->t, 2 * w0 * last->first - before->first + 2 * last->t,
                       2 * w0 * last->second - before->second + 4 * last->first};
}

static double w1_of(double w0, int64_t stages)
{
    chebyshev before = {1, 0, 0}, last = {w0, 1, 0};
    for (int64_t j = 2; j <= stages; ++j) {
        chebyshev next = next_polynomial(w0, &last, &before);
        before = last;
        last = next;
    }
    return last.first / last.second;
}

/* At least 2, so that h rho is within the stable part. */
static int64_t stages_for(double h, double rho)
{
    return NTK_MAX(2, 1 + (int64_t)sqrt(1 + 1.54 * h * rho));
}

/* out = (1 - mu - nu) y + mu last + nu out + h (m f + g k): `out` holds Y_{j-2}. */
static void stage(int64_t size, double h, double mu, double nu, double m, double g, const double *y, const double *last, const double *f,
                  const double *k, double *out)
{
    for (int64_t i = 0; i < size; ++i) out[i] = (1 - mu - nu) * y[i] + mu * last[i] + nu * out[i] + h * (m * f[i] + g * k[i]);
}

static ntk_status runge_kutta_chebyshev(ntk_context *ctx, const ntk_ode_problem *p, double h, const double *y, const double *k, double *work,
                                        double *z, double *slope, double *e)
{
    ntk_status status = NTK_OK;
    int64_t size = p->size, stages = stages_for(h, p->radius(p->user, y));
    double w0 = 1 + 2.0 / 13 / ((double)stages * (double)stages), w1 = w1_of(w0, stages), b[3], a;
    double *last = work, *other = work + size, *swap;
    chebyshev t[2] = {{1, 0, 0}, {w0, 1, 0}};
    b[0] = b[1] = 1 / (4 * w0 * w0);
    a = 1 - b[1] * w0;
    memcpy(other, y, (size_t)size * sizeof *y);
    for (int64_t i = 0; i < size; ++i) last[i] = y[i] + b[1] * w1 * h * k[i];
    for (int64_t j = 2; j <= stages; ++j) {
        chebyshev next = next_polynomial(w0, &t[1], &t[0]);
        double m;
        b[2] = next.second / (next.first * next.first);
        m = 2 * b[2] * w1 / b[1];
        NTK_TRY(p->slope(ctx, p->user, last, slope));
        stage(size, h, 2 * b[2] * w0 / b[1], -b[2] / b[0], m, -a * m, y, last, slope, k, other);
        swap = last, last = other, other = swap;
        a = 1 - b[2] * next.t;
        b[0] = b[1], b[1] = b[2];
        t[0] = t[1], t[1] = next;
    }
    memcpy(z, last, (size_t)size * sizeof *z);
    NTK_TRY(p->slope(ctx, p->user, z, slope));
    for (int64_t i = 0; i < size; ++i) e[i] = 0.8 * (y[i] - z[i]) + 0.4 * h * (k[i] + slope[i]);
done:
    return status;
}

const ntk_ode_rule ntk_ode_rules[2] = {{5, dormand_prince}, {3, runge_kutta_chebyshev}};
