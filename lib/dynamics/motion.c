/*
 * What one mode of eigenvalue lambda does.  With mu = lambda + r (r: weight decay) and the error e(0) along the mode,
 *
 *     e = rho(t) e(0) (r = 0),      weights w = S(t) e(0),  S = (1 - rho)/mu,      in general e = (1 - lambda S) e(0),
 *
 * rho(0) = 1 and, with the rate kappa = eta/c, a = kappa mu and the momentum m:
 *
 *     flow            rho' = -a rho                                            lib/duality/flow.c
 *     heavy ball      rho'' = -(1 - m) rho' - a rho,   rho'(0) = 0             docs/mathematics.md §7.1 with tau = sqrt(eta) t
 *     steps           rho_{k+1} = (1 + m - a) rho_k - m rho_{k-1},  rho_{-1} = 1         (Polyak 1964)
 *
 * Steps.  The roots z of z² - (1 + m - a) z + m have product m and (1 - z1)(1 - z2) = a.  With s_k = (z1^k - z2^k)/(z1 - z2),
 *
 *     rho_k = (z1^k + z2^k)/2 + (1 - m - a)/2 s_k,       rho_{k-1} - rho_k = a s_k.
 *
 * Discriminant (z1 - z2)² = (a - (1 - sqrt m)²)(a - (1 + sqrt m)²): as a product it has full relative accuracy, 1 - sqrt m =
 * (1 - m)/(1 + sqrt m).  Negative: z = sqrt m exp(±i phi), s_k = sqrt m^(k-1) sin(k phi)/sin phi.  Otherwise z2/z1 = exp(-2 psi), s_k = z1^(k-1)
 * (1 - exp(-2 k psi))/(1 - exp(-2 psi)), which passes the defective root psi = 0 without a 0/0.  |z1| near 1 comes from the roots of
 * delta² - (1 - m + a) delta + a, delta = 1 - z, so that z^k = exp(k log1p(-delta)) keeps slow modes.
 *
 * S where rho is near 1 must not be formed by 1 - rho: for a slow mode S/kappa = sum of s_j is found by doubling the affine map
 * of (1 - rho, last move), all of whose terms are then positive; for the heavy ball by the power series about t = 0 or, for two
 * well-separated rates k1 k2 = a, by (k2 (1 - exp(-k1 t)) - k1 (1 - exp(-k2 t)))/(k2 - k1).
 */
#include "dynamics.h"

#include <math.h>

/* ---- steps ----------------------------------------------------------------------------------------------------- */

/* z^k and s_k of a pair of roots. */
typedef struct powers {
    double half_sum; /* (z1^k + z2^k)/2 */
    double s;        /* (z1^k - z2^k)/(z1 - z2) */
} powers;

/* phi from the nearer real axis, so that sin phi keeps its digits beside either double root. */
static powers complex_powers(double m, double mean, double half_gap, double k)
{
    double r = sqrt(m), phi = atan2(half_gap, fabs(mean)), sign = mean < 0 && fmod(k, 2) != 0 ? -1 : 1, before = mean < 0 ? -sign : sign;
    return (powers){sign * pow(r, k) * cos(k * phi), k == 0 ? 0 : before * pow(r, k - 1) * (sin(k * phi) / sin(phi))};
}

/* log |z1| and the sign of z1, the root of larger modulus. */
static double log_root(double m, double a, double mean, double half_gap)
{
    double far = (1 - m + a) / 2 + half_gap;             /* the larger delta */
    if (mean >= 0) return log1p(-(far > 0 ? a / far : 0)); /* delta1 = a/delta2 */
    return log(half_gap - mean);
}

static powers real_powers(double m, double a, double mean, double half_gap, double k)
{
    double size = log_root(m, a, mean, half_gap), psi = m > 0 ? asinh(half_gap / sqrt(m)) : INFINITY;
    double sign = mean < 0 && fmod(k, 2) != 0 ? -1 : 1, first = exp(k * size) * sign, ratio;
    if (k == 0) return (powers){1, 0};
    if (isinf(size)) return (powers){0, k == 1}; /* both roots 0 */
    ratio = psi == 0 ? k : expm1(-2 * k * psi) / expm1(-2 * psi);
    return (powers){first * (1 + exp(-2 * k * psi)) / 2, exp((k - 1) * size) * (mean < 0 ? -sign : 1) * ratio};
}

static double steps_decay(double m, double a, double k)
{
    double root = sqrt(m), near = (1 - m) / (1 + root), square = (a - near * near) * (a - (1 + root) * (1 + root));
    double mean = (1 + m - a) / 2, half_gap = sqrt(fabs(square)) / 2;
    powers p = square < 0 ? complex_powers(m, mean, half_gap, k) : real_powers(m, a, mean, half_gap, k);
    return p.half_sum + (1 - m - a) / 2 * p.s;
}

/* An affine map of (1 - rho, move): x -> A x + b, and its composition with itself. */
typedef struct affine {
    double a[2][2], b[2];
} affine;

static affine compose(const affine *f, const affine *g) /* f after g */
{
    affine h;
    for (int i = 0; i < 2; ++i) {
        for (int j = 0; j < 2; ++j) h.a[i][j] = f->a[i][0] * g->a[0][j] + f->a[i][1] * g->a[1][j];
        h.b[i] = f->a[i][0] * g->b[0] + f->a[i][1] * g->b[1] + f->b[i];
    }
    return h;
}

/* 1 - rho_k = a (s_1 + ... + s_k), and of that the sum. */
static double steps_sum(double m, double a, double k)
{
    affine power = {{{1 - a, m}, {-a, m}}, {1, 1}}, sum = {{{1, 0}, {0, 1}}, {0, 0}}; /* b and the state divided by a */
    for (; k >= 1; k = floor(k / 2)) {
        if (fmod(k, 2) != 0) sum = compose(&power, &sum);
        if (k >= 2) power = compose(&power, &power);
    }
    return sum.b[0];
}

static double steps_learned(double m, double a, double k)
{
    double left;
    if (m == 0 && a < 1) return a == 0 ? k : -expm1(k * log1p(-a)) / a;
    left = steps_decay(m, a, k);
    return left > 0.75 && left < 1.25 ? steps_sum(m, a, k) : (1 - left) / a;
}

/* ---- heavy ball ------------------------------------------------------------------------------------------------- */

static double ball_decay(double m, double a, double t)
{
    double g = (1 - m) / 2, square = g * g - a, h = sqrt(fabs(square)), slow;
    if (square < 0) return exp(-g * t) * (cos(h * t) + g * (sin(h * t) / h));
    if (h * t < 0.5) return exp(-g * t) * (cosh(h * t) + g * (h == 0 ? t : sinh(h * t) / h));
    slow = a / (g + h);
    return ((g + h) * exp(-slow * t) - slow * exp(-(g + h) * t)) / (2 * h);
}

/* (1 - rho)/a = sum of c_n t^n, c_2 = 1/2, (n+2)(n+1) c_{n+2} = -(n+1) 2g c_{n+1} - a c_n; 2 g t < 1 and a t² < 1. */
static double ball_series(double m, double a, double t)
{
    double sum = t * t / 2, before = 0, last = sum;
    for (int n = 1; n < 40; ++n) {
        double next = -((n + 1) * (1 - m) * t * last + a * t * t * before) / ((n + 2.0) * (n + 1));
        before = last;
        last = next;
        sum += next;
    }
    return sum;
}

static double ball_learned(double m, double a, double t)
{
    double g = (1 - m) / 2, square = g * g - a, h = sqrt(fabs(square)), slow, fast;
    if (2 * g * t < 1 && a * t * t < 1) return ball_series(m, a, t);
    if (square < 0 || h * t < 0.25) return (1 - ball_decay(m, a, t)) / a;
    fast = g + h;
    slow = a / fast;
    /* (fast (1 - exp(-slow t))/slow - (1 - exp(-fast t)))/(2 h fast), with the limit t of the quotient at slow = 0 */
    return ((slow > 0 ? -expm1(-slow * t) / slow : t) * fast + expm1(-fast * t)) / (2 * h * fast);
}

/* ---- the three --------------------------------------------------------------------------------------------------- */

typedef struct rule {
    double (*decay)(double m, double a, double t);
    double (*learned)(double m, double a, double t); /* (1 - rho)/a */
} rule;

static const rule rules[] = {{steps_decay, steps_learned}, {ball_decay, ball_learned}};

static bool is_flow(const ntk_motion *motion)
{
    return !motion->discrete && motion->momentum == 0;
}

double ntk_motion_learned(const ntk_motion *motion, double lambda)
{
    double mu = ntk_flow_effective(&motion->flow, lambda);
    if (is_flow(motion)) return ntk_flow_learned(&motion->flow, lambda);
    if (ntk_flow_rests(&motion->flow, mu)) return 0;
    if (isinf(motion->time)) return 1 / mu;
    return motion->rate * rules[motion->discrete ? 0 : 1].learned(motion->momentum, motion->rate * mu, motion->time);
}

double ntk_motion_share(const ntk_motion *motion, double lambda)
{
    double mu = ntk_flow_effective(&motion->flow, lambda);
    if (is_flow(motion)) return ntk_flow_decay(&motion->flow, lambda);
    if (ntk_flow_rests(&motion->flow, mu)) return 1;
    return isinf(motion->time) ? 0 : rules[motion->discrete ? 0 : 1].decay(motion->momentum, motion->rate * mu, motion->time);
}

double ntk_motion_decay(const ntk_motion *motion, double lambda)
{
    double r = motion->flow.ridge, left = ntk_motion_share(motion, lambda);
    return r == 0 || lambda + r == 0 ? left : (r + lambda * left) / (lambda + r);
}

static ntk_status check_growth(ntk_context *ctx, const ntk_dynamics *d)
{
    double largest = ntk_dynamics_largest_step(d);
    if (!d->discrete || d->learning_rate < largest) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_UNSTABLE, "the learning rate %g is not below %g, the largest stable step: there is no limit", d->learning_rate,
                    largest);
}

ntk_status ntk_motion_open(ntk_context *ctx, const ntk_dynamics *d, double time, ntk_motion *motion)
{
    ntk_status status;
    motion->discrete = d->discrete;
    motion->momentum = d->momentum;
    motion->rate = d->rate;
    motion->time = time;
    if (isinf(time)) NTK_TRY(check_growth(ctx, d));
    if (d->discrete && isfinite(time) && time != floor(time))
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "time %g is no whole number; with options.discrete times count steps", time);
    NTK_TRY(ntk_flow_open(ctx, d->spectrum, d->ridge, d->rate / (is_flow(motion) ? 1 : 1 - d->momentum), time, &motion->flow));
done:
    return status;
}
