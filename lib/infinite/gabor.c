/*
 * gabor: phi(x) = exp(-x²) sin x.
 *
 * With s = q11 + q22, E = q11 q22 (1 - rho²), D = 4 E, den = 1 + 2 s + D (docs/mathematics.md §3.1):
 *
 *     K  = e^(-(s + D + 2 q12)/(2 den)) (e^(2 q12/den) - 1) / (2 sqrt den)
 *     K. = ½ e^(-(s + D + 2 q12)/(2 den)) [ (S - T) + e^(2 q12/den) (S + T) ] / den^(5/2),   S = 1 + 2 s + 4 (q12² + p),  T = 4 q12 (D + 3 s + 2)
 *
 * phi is odd: the pair is folded to rho >= 0.
 *
 * The distance.  K is the difference of two parts, K = A - B, the first with q12 in place of -q12.  With P = (1 + 4 q11)(1 + 4 q22),
 * delta = s - 2 q12 = E(u - v)², e1 = q11/(1 + 4 q11), e2 likewise, G² = A11 A22 = 1/(4 sqrt P), H² = B11 B22, H = G e^(-e1 - e2), the parts are
 *
 *     A = G e^-x,   x = (delta + D)/(2 den) + l,                                          l = ¼ log(den²/P) = ¼ log1p((4 (q11 - q22)² + D (D + 4 s + 2))/P)
 *     B = H e^-y,   y = (4 (q11 - q22)² + D (1 + 2 s) - delta P)/(2 den P) + l
 *
 * and with the lengths a, b after the layer, a² b² - (G - H)² = -(sqrt(A11 B22) - sqrt(A22 B11))² = -T²,  T = G e^-e1 (e^(e1 - e2) - 1),
 *
 *     gap' = [ G (1 - e^-x) - H (1 - e^-y) - T²/(a b + G - H) ] / (a b):
 *
 * no difference of nearly equal numbers for near inputs.  Digits are lost for proportional inputs of unequal small norms only, as by erf.
 */
#include "hot.h"

#if defined(NTK_HOT)

static inline void gabor_pair(real alpha, real beta, real a, real b, real *rho, real *gap, real *theta)
{
    real sign = *rho < 0 ? REAL(-1) : REAL(1), ab = alpha * beta, q = ab * ntk_abs(*rho), s = alpha * alpha + beta * beta;
    real d = 4 * ab * ab * *gap * (2 - *gap), den = 1 + 2 * s + d, outer = ntk_exp(-(s + d + 2 * q) / (2 * den)), z = 2 * q / den;
    real big = 1 + 2 * s + 4 * (q * q + ab * ab), t = 4 * q * (d + 3 * s + 2), root = ntk_sqrt(den), k = outer * ntk_expm1(z) / (2 * root);
    real across = alpha - beta, delta = across * across + 2 * ab * *gap, apart = across * (alpha + beta);
    real p = (1 + 4 * alpha * alpha) * (1 + 4 * beta * beta), log4 = REAL(0.25) * ntk_log1p((4 * apart * apart + d * (d + 4 * s + 2)) / p);
    real x = (delta + d) / (2 * den) + log4, y = (4 * apart * apart + d * (1 + 2 * s) - delta * p) / (2 * den * p) + log4;
    real e1 = alpha * alpha / (1 + 4 * alpha * alpha), e2 = beta * beta / (1 + 4 * beta * beta), g = REAL(0.5) / ntk_sqrt(ntk_sqrt(p));
    real below = -ntk_expm1(-(e1 + e2)), lengths = a * b, turn = g * ntk_exp(-e1) * ntk_expm1(apart / p);
    real part = -ntk_expm1(-x) + (1 - below) * ntk_expm1(-y), omega = lengths > 0 ? (g * part - turn * turn / (lengths + g * below)) / lengths : 0;
    *theta *= outer * (big - t + ntk_exp(z) * (big + t)) / (2 * den * den * root);
    after_distance(lengths, k, omega, rho, gap);
    *rho *= sign;
}

void NTK_HOT_NAME(gabor_pairs)(const ntk_plan *plan, const ntk_run *run);
void NTK_HOT_NAME(gabor_pairs)(const ntk_plan *plan, const ntk_run *run)
{
    state in = state_of(run, plan->input_slot), out = state_of(run, plan->output_slot);
    real alpha = row_of(run, plan->input_alpha), a = row_of(run, plan->output_alpha);
    const real *beta = column_of(run, plan->input_alpha), *b = column_of(run, plan->output_alpha);
    NTK_RUN_LOOP(j, run)
    {
        real rho = in.rho[j], gap = in.gap[j], theta = in.theta[j];
        gabor_pair(alpha, beta[j], a, b[j], &rho, &gap, &theta);
        out.rho[j] = rho;
        out.gap[j] = gap;
        out.theta[j] = theta;
    }
}

#else

#include <math.h>

NTK_VARIANTS(gabor_pairs)

static void gabor_constants(const double *p, double *k)
{
    (void)p;
    (void)k;
}

/* alpha'² = (1 - e^(-2q/(1+4q))) / (2 sqrt(1 + 4q)) */
static void gabor_norms(const ntk_plan *plan, int64_t n, double *table)
{
    for (int64_t i = 0; i < n; ++i) {
        double a = table[plan->input_alpha * n + i], q = a * a;
        table[plan->output_alpha * n + i] = sqrt(-expm1(-2 * q / (1 + 4 * q)) / (2 * sqrt(1 + 4 * q)));
    }
}

static double gabor_value(const double *p, double x)
{
    (void)p;
    return exp(-x * x) * sin(x);
}

static double gabor_derivative(const double *p, double x)
{
    (void)p;
    return exp(-x * x) * (cos(x) - 2 * x * sin(x));
}

static const ntk_dual gabor_dual = {0, NULL, gabor_constants, gabor_norms, &gabor_pairs};

extern const ntk_activation ntk_activation_gabor;
const ntk_activation ntk_activation_gabor = {"gabor", NULL, gabor_value, gabor_derivative, &gabor_dual, "exp(-x^2) sin x", NTK_LAW_PRICE};

#endif
