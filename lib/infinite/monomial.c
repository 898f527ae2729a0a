/*
 * monomial(d): phi(x) = x^d, by its finite Hermite series (Mehler; docs/mathematics.md §3.1 `polynomial`).
 *
 * x^d at x = alpha z is sum_l r_l h_l(z) with r_l = alpha^d T_l, T_l = d! / (2^i i! sqrt(l!)), i = (d - l)/2, for l of the parity of d:
 *
 *     K = sum_l r_l s_l rho^l,     K. = sum_l l r_l s_l rho^(l-1) / (alpha beta),     alpha'² = (2d - 1)!! q^d
 *
 * The normalised r_l / alpha' do not depend on the sample, so rho' = sum_l w_l rho^l with weights w_l that add up to 1, and
 * gap' = sum_l w_l (1 - |rho|^l), a sum of non-negative terms; 1 - m^(l+1) = (1 - m^l) m + (1 - m).
 */
#include "hot.h"

#define DEGREES 20
enum { DEGREE, WEIGHTS }; /* plan->k: d, then w_0 ... w_d */
enum { POWER_, COLUMNS }; /* sqrt((2d - 1)!!) alpha^(d-1) */

#if defined(NTK_HOT)

static inline void monomial_pair(const double *k, real powers, real *rho, real *gap, real *theta)
{
    int d = (int)k[DEGREE];
    real m = ntk_abs(*rho), one_minus = 0, power = 1, below = 0, sum = 0, distance = 0, dot = 0, sign = *rho < 0 && d % 2 ? REAL(-1) : REAL(1);
    real dot_sign = *rho < 0 && d % 2 == 0 ? REAL(-1) : REAL(1);
    for (int l = 0; l <= d; ++l) {
        real w = REAL(k[WEIGHTS + l]);
        sum += w * power;
        distance += w * one_minus;
        dot += w * REAL(l) * below;
        one_minus = one_minus * m + *gap;
        below = power;
        power *= m;
    }
    *theta *= dot_sign * dot * powers;
    *gap = distance;
    *rho = sign * sum;
}

void NTK_HOT_NAME(monomial_pairs)(const ntk_plan *plan, const ntk_run *run);
void NTK_HOT_NAME(monomial_pairs)(const ntk_plan *plan, const ntk_run *run)
{
    state in = state_of(run, plan->input_slot), out = state_of(run, plan->output_slot);
    real power = row_of(run, plan->first_column + POWER_);
    const real *powers = column_of(run, plan->first_column + POWER_);
    NTK_RUN_LOOP(j, run)
    {
        real rho = in.rho[j], gap = in.gap[j], theta = in.theta[j];
        monomial_pair(plan->k, power * powers[j], &rho, &gap, &theta);
        out.rho[j] = rho;
        out.gap[j] = gap;
        out.theta[j] = theta;
    }
}

#else

#include <math.h>

NTK_VARIANTS(monomial_pairs)

/* T_l²; T_l = d!/(l! 2^i i!) sqrt(l!) as a product of ratios, exact to a few roundings. */
static double squared_coefficient(int d, int l)
{
    double t = 1;
    for (int m = 1; m <= (d - l) / 2; ++m) t *= (double)(l + 2 * m) * (l + 2 * m - 1) / (2 * m);
    t *= t;
    for (int m = 2; m <= l; ++m) t *= m;
    return t;
}

static double double_factorial(int d)
{
    double f = 1;
    for (int m = 1; m <= d; ++m) f *= 2 * m - 1;
    return f; /* (2d - 1)!! */
}

static void monomial_constants(const double *p, double *k)
{
    int d = (int)p[0];
    k[DEGREE] = d;
    for (int l = 0; l <= d; ++l) k[WEIGHTS + l] = (d - l) % 2 == 0 ? squared_coefficient(d, l) / double_factorial(d) : 0;
}

static void monomial_norms(const ntk_plan *plan, int64_t n, double *table)
{
    double d = plan->k[DEGREE], scale = sqrt(double_factorial((int)d));
    for (int64_t i = 0; i < n; ++i) {
        double a = table[plan->input_alpha * n + i];
        table[plan->output_alpha * n + i] = scale * pow(a, d);
        table[(plan->first_column + POWER_) * n + i] = d > 0 ? scale * pow(a, d - 1) : 0;
    }
}

static double monomial_value(const double *p, double x)
{
    return pow(x, p[0]);
}

static double monomial_derivative(const double *p, double x)
{
    return p[0] > 0 ? p[0] * pow(x, p[0] - 1) : 0;
}

static const ntk_dual monomial_dual = {COLUMNS, NULL, monomial_constants, monomial_norms, &monomial_pairs};

static const ntk_key monomial_keys[] = {{.name = "degree", .type = NTK_KEY_INTEGER, .required = true, .least = 0, .most = DEGREES}, {0}};

extern const ntk_activation ntk_activation_monomial;
const ntk_activation ntk_activation_monomial = {"monomial", monomial_keys, monomial_value, monomial_derivative, &monomial_dual, "x^degree", NTK_LAW_PRICE};

_Static_assert(WEIGHTS + DEGREES + 1 <= NTK_CONSTANTS, "the weights fit the plan");

#endif
