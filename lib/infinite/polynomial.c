/*
 * polynomial(coef): phi(x) = sum_k coef_k x^k, by its finite Hermite series (docs/mathematics.md §3.1, Mehler).
 *
 * phi(alpha z) = sum_l r_l h_l(z) in normalised Hermite polynomials, r_l = alpha^l t_l(q), t_l(q) = sum_i coef_{2i+l} (2i+l)! / (2^i i! sqrt(l!)) q^i:
 *
 *     K = sum_l r_l s_l rho^l,    K. = sum_{l>=1} T_l S_l rho^(l-1),  T_l = sqrt(l) alpha^(l-1) t_l      (no division: zero samples are fine)
 *     alpha'² = sum_l r_l²
 *
 * With r, s divided by alpha', beta' the distances are, for |rho| = m and s_l taken with the sign of rho^l,
 *
 *     gap' of the near side      sum_l ½ (r_l - s_l)² + r_l s_l (1 - m^l)
 *     gap' of the far side       sum_l ½ (r_l + s_l)² - r_l s_l (1 - m^l)
 *
 * and 1 - m^(l+1) = (1 - m^l) m + (1 - m).  For inputs of equal norms all terms are non-negative.
 */
#include "hot.h"

enum { TERMS }; /* plan->k: degree + 1.  Table columns: r_l / alpha' for every l, then T_l */

#if defined(NTK_HOT)

typedef struct sums {
    real moment, near, far, dot;
} sums;

static inline sums add_terms(const ntk_plan *plan, const ntk_run *run, int64_t j, real rho, real gap)
{
    int terms = (int)plan->k[TERMS], c = plan->first_column;
    real m = ntk_abs(rho), turn = rho < 0 ? REAL(-1) : REAL(1), power = 1, below = 0, one_minus = 0, sign = 1;
    sums t = {0, 0, 0, 0};
    for (int l = 0; l < terms; ++l) {
        real r = row_of(run, c + l), s = sign * column_of(run, c + l)[j], rs = r * s;
        t.moment += rs * power;
        t.near += REAL(0.5) * (r - s) * (r - s) + rs * one_minus;
        t.far += REAL(0.5) * (r + s) * (r + s) - rs * one_minus;
        t.dot += turn * sign * row_of(run, c + terms + l) * column_of(run, c + terms + l)[j] * below;
        one_minus = one_minus * m + gap;
        below = power;
        power *= m;
        sign *= turn;
    }
    return t;
}

void NTK_HOT_NAME(polynomial_pairs)(const ntk_plan *plan, const ntk_run *run);
void NTK_HOT_NAME(polynomial_pairs)(const ntk_plan *plan, const ntk_run *run)
{
    state in = state_of(run, plan->input_slot), out = state_of(run, plan->output_slot);
    NTK_RUN_LOOP(j, run)
    {
        sums t = add_terms(plan, run, j, in.rho[j], in.gap[j]);
        real gap = t.moment >= 0 ? t.near : t.far;
        out.rho[j] = t.moment;
        out.gap[j] = gap > 0 ? gap : 0;
        out.theta[j] = in.theta[j] * t.dot;
    }
}

#else

#include <math.h>

NTK_VARIANTS(polynomial_pairs)

static int polynomial_columns(const double *p)
{
    return 2 * (int)p[0];
}

static void polynomial_constants(const double *p, double *k)
{
    k[TERMS] = p[0];
}

/* t_l(q); the factor (2i+l)!/(2^i i!) grows by (2i+l+1)(2i+l+2)/(2(i+1)) from l! at i = 0. */
static double hermite_coefficient(int terms, const double *coef, int l, double q)
{
    double factor = 1, sum = 0, power = 1;
    for (int k = 2; k <= l; ++k) factor *= sqrt(k); /* l!/sqrt(l!) */
    for (int i = 0; 2 * i + l < terms; ++i) {
        sum += coef[2 * i + l] * factor * power;
        factor *= (2.0 * i + l + 1) * (2.0 * i + l + 2) / (2.0 * i + 2);
        power *= q;
    }
    return sum;
}

/* The columns of one sample, n apart; returns alpha'. */
static double fill_sample(int terms, const double *coef, int64_t n, double alpha, double *own)
{
    double length = 0, power = 1, below = 0;
    for (int l = 0; l < terms; ++l) {
        double t = hermite_coefficient(terms, coef, l, alpha * alpha);
        own[l * n] = power * t;
        own[(terms + l) * n] = sqrt(l) * below * t;
        length = hypot(length, own[l * n]);
        below = power;
        power *= alpha;
    }
    for (int l = 0; l < terms; ++l) own[l * n] = length > 0 ? own[l * n] / length : 0;
    return length;
}

static void polynomial_norms(const ntk_plan *plan, int64_t n, double *table)
{
    const double *p = ntk_layer_parameters(plan->step->layer);
    for (int64_t i = 0; i < n; ++i)
        table[plan->output_alpha * n + i] = fill_sample((int)p[0], p + 1, n, table[plan->input_alpha * n + i], table + plan->first_column * n + i);
}

static double polynomial_value(const double *p, double x)
{
    double sum = 0;
    for (int k = (int)p[0] - 1; k >= 0; --k) sum = sum * x + p[1 + k];
    return sum;
}

static double polynomial_derivative(const double *p, double x)
{
    double sum = 0;
    for (int k = (int)p[0] - 1; k >= 1; --k) sum = sum * x + k * p[1 + k];
    return sum;
}

static const ntk_dual polynomial_dual = {0, polynomial_columns, polynomial_constants, polynomial_norms, &polynomial_pairs};

static const ntk_key polynomial_keys[] = {{.name = "coef", .type = NTK_KEY_NUMBERS, .required = true, .least = -INFINITY}, {0}};

extern const ntk_activation ntk_activation_polynomial;
const ntk_activation ntk_activation_polynomial = {"polynomial", polynomial_keys, polynomial_value, polynomial_derivative, &polynomial_dual, "coefficients in ascending powers", NTK_LAW_PRICE};

#endif
