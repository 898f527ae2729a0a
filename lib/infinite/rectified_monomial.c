/*
 * rectified_monomial(d): phi(x) = max(x, 0)^d (d = 0: the step, d = 1: relu), degrees up to 8.
 *
 * Arc-cosine kernels of order d (Cho & Saul 2009), t the angle, c = cos t, s = sin t:
 *
 *     K_d = (alpha beta)^d J_d(t) / (2 pi),   K. = d² K_{d-1} (d >= 1; 0 for the step),   J_d = A_d(c) s + B_d(c) (pi - t)
 *     A_0 = 0, B_0 = 1,   A_{d+1} = (1 - c²) A_d' + 2 d c A_d + B_d,   B_{d+1} = (1 - c²) B_d' + (2d + 1) c B_d
 *
 * (from J_{d+1} = -s dJ_d/dt + (2d + 1) c J_d).  J_d(0) = pi (2d - 1)!!, alpha'² = ½ (2d - 1)!! q^d, and on the near side
 *
 *     gap' = [ pi (1 - c) Q_d(c) + t B_d(c) - s A_d(c) ] / J_d(0),     Q_d(c) = (B_d(1) - B_d(c))/(1 - c)
 *
 * whose rounding errors are eps t, so that sqrt(gap'), which is of the order of t (d >= 1) or larger, is good to eps.
 */
#include "hot.h"

#define DEGREES 8
/* plan->k: the degree, then A, B, Q of the degree and A, B of the one below, ascending powers of c. */
enum { DEGREE, PEAK, A_D, B_D = A_D + DEGREES + 1, Q_D = B_D + DEGREES + 1, A_BELOW = Q_D + DEGREES + 1, B_BELOW = A_BELOW + DEGREES + 1 };
enum { POWER_, COLUMNS }; /* alpha^(d-1) */

#if defined(NTK_HOT)

#include "angle.h"

static inline real polynomial(const double *c, int degree, real x)
{
    real sum = 0;
    for (int k = degree; k >= 0; --k) sum = sum * x + REAL(c[k]);
    return sum;
}

static inline void power_pair(const double *k, real powers, real *rho, real *gap, real *theta)
{
    const real pi = REAL(3.14159265358979323846);
    int d = (int)k[DEGREE];
    bool near = *rho >= 0;
    real w = *gap, small = angle_of(w), s = ntk_sqrt(w * (2 - w)), c = near ? 1 - w : w - 1, t = near ? small : pi - small, rest = near ? pi - small : small;
    real a = polynomial(k + A_D, d, c), b = polynomial(k + B_D, d, c), peak = REAL(k[PEAK]), far_rho = (a * s + b * rest) / peak;
    real below = polynomial(k + A_BELOW, d, c) * s + polynomial(k + B_BELOW, d, c) * rest;
    real near_gap = (pi * w * polynomial(k + Q_D, d, c) + t * b - s * a) / peak;
    *theta *= REAL(d * d) * powers * below / (2 * pi);
    *gap = near ? (near_gap > 0 ? near_gap : 0) : (far_rho > 0 ? 1 - far_rho : 1);
    *rho = 1 - *gap;
}

void NTK_HOT_NAME(rectified_monomial_pairs)(const ntk_plan *plan, const ntk_run *run);
void NTK_HOT_NAME(rectified_monomial_pairs)(const ntk_plan *plan, const ntk_run *run)
{
    state in = state_of(run, plan->input_slot), out = state_of(run, plan->output_slot);
    real power = row_of(run, plan->first_column + POWER_);
    const real *powers = column_of(run, plan->first_column + POWER_);
    NTK_RUN_LOOP(j, run)
    {
        real rho = in.rho[j], gap = in.gap[j], theta = in.theta[j];
        power_pair(plan->k, power * powers[j], &rho, &gap, &theta);
        out.rho[j] = rho;
        out.gap[j] = gap;
        out.theta[j] = theta;
    }
}

#else

#include <math.h>
#include <string.h>

NTK_VARIANTS(rectified_monomial_pairs)

/* (1 - c²) P' + m c P, ascending powers. */
static void raise(const double *p, double m, double *to)
{
    for (int i = 0; i <= DEGREES; ++i) {
        double up = i < DEGREES ? (i + 1) * p[i + 1] : 0; /* of P' */
        double down = i >= 1 ? p[i - 1] : 0;
        to[i] = up - (i >= 1 ? (i - 1) * down : 0) + m * down;
    }
}

static void next_degree(int d, double a[DEGREES + 1], double b[DEGREES + 1])
{
    double na[DEGREES + 1], nb[DEGREES + 1];
    raise(a, 2 * d, na);
    raise(b, 2 * d + 1, nb);
    for (int i = 0; i <= DEGREES; ++i) na[i] += b[i];
    memcpy(a, na, sizeof na);
    memcpy(b, nb, sizeof nb);
}

/* (B(1) - B(c))/(1 - c) = sum_i c^i (b_{i+1} + b_{i+2} + ...) */
static void divide(const double *b, double *q)
{
    double sum = 0;
    q[DEGREES] = 0;
    for (int i = DEGREES - 1; i >= 0; --i) q[i] = sum += b[i + 1];
}

static void rectified_monomial_constants(const double *p, double *k)
{
    double a[DEGREES + 1] = {0}, b[DEGREES + 1] = {1}, peak = M_PI;
    int degree = (int)p[0];
    memset(k, 0, NTK_CONSTANTS * sizeof *k);
    for (int d = 0; d < degree; ++d) {
        if (d == degree - 1) {
            memcpy(k + A_BELOW, a, sizeof a);
            memcpy(k + B_BELOW, b, sizeof b);
        }
        next_degree(d, a, b);
        peak *= 2 * d + 1;
    }
    memcpy(k + A_D, a, sizeof a);
    memcpy(k + B_D, b, sizeof b);
    divide(b, k + Q_D);
    k[DEGREE] = degree;
    k[PEAK] = peak;
}

static void rectified_monomial_norms(const ntk_plan *plan, int64_t n, double *table)
{
    double scale = sqrt(plan->k[PEAK] / (2 * M_PI)), d = plan->k[DEGREE];
    for (int64_t i = 0; i < n; ++i) {
        double a = table[plan->input_alpha * n + i];
        table[plan->output_alpha * n + i] = a > 0 ? scale * pow(a, d) : 0;
        table[(plan->first_column + POWER_) * n + i] = d >= 1 ? pow(a, d - 1) : 0;
    }
}

static double rectified_monomial_value(const double *p, double x)
{
    return x > 0 ? pow(x, p[0]) : 0;
}

static double rectified_monomial_derivative(const double *p, double x)
{
    return x > 0 && p[0] >= 1 ? p[0] * pow(x, p[0] - 1) : 0;
}

static const ntk_dual rectified_monomial_dual = {COLUMNS, NULL, rectified_monomial_constants, rectified_monomial_norms, &rectified_monomial_pairs};

static const ntk_key rectified_monomial_keys[] = {{.name = "degree", .type = NTK_KEY_INTEGER, .required = true, .least = 0, .most = DEGREES}, {0}};

extern const ntk_activation ntk_activation_rectified_monomial;
const ntk_activation ntk_activation_rectified_monomial = {
    "rectified_monomial", rectified_monomial_keys, rectified_monomial_value, rectified_monomial_derivative, &rectified_monomial_dual,
    "max(x, 0)^degree; degree 0 is the step, 1 relu", NTK_LAW_PRICE};

_Static_assert(B_BELOW + DEGREES + 1 <= NTK_CONSTANTS, "the polynomials fit the plan");

#endif
