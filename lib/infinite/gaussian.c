/*
 * gaussian(a, b): phi(x) = a e^(b x²), which exists for 4 b q < 1 (all q if b < 0).
 *
 *     K = a²/det,  K. = 4 a² b² q12/det³,    det² = (1 - 2b q11)(1 - 2b q22) - 4b² q12² = 1 - 2b s + 4b² E,   E = q11 q22 (1 - rho²)
 *     alpha'² = a²/sqrt(1 - 4b q)
 *
 * rho' = (det11² det22²)^(1/4)/det, and det⁴ - det11² det22² = X is a sum of non-negative terms,
 *     X = 4b² (q11 - q22)² + 8b² E (1 - 2b s) + 16 b⁴ E²,       gap' = 1 - (1 - X/det⁴)^(1/4) = -expm1(¼ log1p(-X/det⁴)).
 * phi is even: rho' >= 0, and K. changes sign with rho.  Where the function does not exist, alpha' is infinite and the kernel is
 * refused as out of range.
 */
#include "hot.h"

enum { A2, B }; /* plan->k */

#if defined(NTK_HOT)

void NTK_HOT_NAME(gaussian_pairs)(const ntk_plan *plan, const ntk_run *run);
void NTK_HOT_NAME(gaussian_pairs)(const ntk_plan *plan, const ntk_run *run)
{
    state in = state_of(run, plan->input_slot), out = state_of(run, plan->output_slot);
    real alpha = row_of(run, plan->input_alpha), a2 = REAL(plan->k[A2]), b = REAL(plan->k[B]);
    const real *beta = column_of(run, plan->input_alpha);
    two_lengths l = lengths_of(plan, run);
    NTK_RUN_LOOP(j, run)
    {
        real ab = alpha * beta[j], s = alpha * alpha + beta[j] * beta[j], d = apart_at(&l, j) * (alpha + beta[j]);
        real e = ab * ab * in.gap[j] * (2 - in.gap[j]), one = 1 - 2 * b * s, det2 = one + 4 * b * b * e;
        real x = 4 * b * b * (d * d + 2 * e * one + 4 * b * b * e * e), gap = -ntk_expm1(REAL(0.25) * ntk_log1p(-x / (det2 * det2)));
        out.theta[j] = in.theta[j] * 4 * a2 * b * b * ab * in.rho[j] / (det2 * ntk_sqrt(det2));
        out.gap[j] = gap;
        out.rho[j] = 1 - gap;
    }
}

#else

#include <math.h>

NTK_VARIANTS(gaussian_pairs)

static double gaussian_value(const double *p, double x)
{
    return p[0] * exp(p[1] * x * x);
}

static double gaussian_derivative(const double *p, double x)
{
    return 2 * p[0] * p[1] * x * exp(p[1] * x * x);
}

static void gaussian_constants(const double *p, double *k)
{
    k[A2] = p[0] * p[0];
    k[B] = p[1];
}

static void gaussian_norms(const ntk_plan *plan, int64_t n, double *table)
{
    const double *in = table + plan->input_alpha * n;
    for (int64_t i = 0; i < n; ++i) {
        double one = 1 - 4 * plan->k[B] * in[i] * in[i];
        table[plan->output_alpha * n + i] = one > 0 ? sqrt(plan->k[A2] / sqrt(one)) : INFINITY;
    }
}

static const ntk_dual gaussian_dual = {0, NULL, gaussian_constants, gaussian_norms, &gaussian_pairs};

static const ntk_key gaussian_keys[] = {{.name = "a", .type = NTK_KEY_NUMBER, .fallback = 1, .least = -INFINITY},
                                        {.name = "b", .type = NTK_KEY_NUMBER, .fallback = -1, .least = -INFINITY},
                                        {0}};

extern const ntk_activation ntk_activation_gaussian;
const ntk_activation ntk_activation_gaussian = {"gaussian", gaussian_keys, gaussian_value, gaussian_derivative, &gaussian_dual, "a exp(b x^2)", NTK_LAW_PRICE | NTK_LAW_SHARP};

#endif
