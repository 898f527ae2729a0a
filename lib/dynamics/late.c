/*
 * Momentum makes errors swing through zero: the time of a mode is the last at which more than a share is left.  The mode's error is
 * (r + lambda rho)/mu of its first (motion.c), so that is the last time with
 *
 *     rho > upper = (share mu - r)/lambda     or     rho < -lower = -(share mu + r)/lambda;      upper <= lower; upper <= 0: for ever
 *
 * Heavy ball, g = (1 - m)/2, h² = a - g².  h² > 0: rho has extremes (-1)^k exp(-g k pi/h) at k pi/h and falls, towards zero and beyond it, from
 * one to the next; so the last k whose extreme is too large, and a bisection up to the next, are exact.  Otherwise rho falls all the time.
 *
 * Steps.  Real roots of the recurrence: rho (or, where they are negative, |rho|, which first rises) leaves what is too large once and for
 * all, by a bisection of whole numbers.  Complex roots: |rho_k| <= A m^(k/2), A² = 1 + (1 - m - a)²/(4 b²) with b the imaginary part, from which the
 * steps are counted down; the roots turn by at least one half swing in pi/phi steps, so few are tried unless the mode is all but critical.
 */
#include "dynamics.h"

#include <math.h>

typedef struct band {
    ntk_motion *motion;
    double lambda, upper, lower;
} band;

static bool is_outside(const band *b, double time)
{
    double share;
    b->motion->time = time;
    share = ntk_motion_share(b->motion, b->lambda);
    return share > b->upper || share < -b->lower;
}

/* Neighbours, numbers or steps, between `low` outside and `high` inside, with one change between them: the upper. */
static double bisect(const band *b, double low, double high)
{
    for (int i = 0; i < 2100; ++i) {
        double middle = low + (high - low) / 2;
        if (b->motion->discrete) middle = floor(middle);
        if (middle <= low || middle >= high) break;
        if (is_outside(b, middle)) low = middle;
        else high = middle;
    }
    return high;
}

/* What is outside until it is inside for ever. */
static double once(const band *b)
{
    double low = 0, high = 1;
    while (isfinite(high) && is_outside(b, high)) {
        low = high;
        high *= 2;
    }
    return isfinite(high) ? bisect(b, low, high) : INFINITY;
}

/* ---- heavy ball -------------------------------------------------------------------------------------------------- */

/* The last k of this parity with exp(-fall k) > bound; below 0: none. */
static double last_extreme(double fall, double bound, int parity)
{
    double k = bound < 1 ? ceil(-log(bound) / fall) - 1 : -1;
    return k >= 0 && fmod(k, 2) != parity ? k - 1 : k;
}

static double late_swing(const band *b, double g, double h)
{
    double half = acos(-1) / h, even = last_extreme(g * half, b->upper, 0), odd = last_extreme(g * half, b->lower, 1), k = fmax(even, odd);
    return k < 0 ? 0 : bisect(b, k * half, (k + 1) * half);
}

static double late_ball(const band *b, double m, double a)
{
    double g = (1 - m) / 2, square = a - g * g;
    return square > 0 ? late_swing(b, g, sqrt(square)) : once(b);
}

/* ---- steps ------------------------------------------------------------------------------------------------------- */

static double late_turns(const band *b, double m, double a, double square)
{
    double amplitude = sqrt(1 + (1 - m - a) * (1 - m - a) / -square), k = ceil(2 * log(b->upper / amplitude) / log(m));
    while (k > 0 && !is_outside(b, k - 1)) --k;
    return k;
}

/* By the larger bound a swing to the other side may have left one step early. */
static double late_flips(const band *b)
{
    band wide = {b->motion, b->lambda, b->upper, b->upper};
    double k = once(&wide);
    return isfinite(k) && k > 0 && !is_outside(b, k - 1) ? k - 1 : k;
}

static double late_steps(const band *b, double m, double a)
{
    double root = sqrt(m), near = (1 - m) / (1 + root), square = (a - near * near) * (a - (1 + root) * (1 + root));
    if (square < 0) return late_turns(b, m, a, square);
    return 1 + m - a > 0 ? once(b) : late_flips(b);
}

double ntk_motion_late(ntk_motion *motion, double lambda, double share)
{
    double r = motion->flow.ridge, mu = lambda + r, a = motion->rate * mu;
    band b = {motion, lambda, (share * mu - r) / lambda, (share * mu + r) / lambda};
    if (!(b.upper > 0)) return INFINITY;
    return (motion->discrete ? late_steps : late_ball)(&b, motion->momentum, a);
}
