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
 * The distance.  K = e^-x sinh(y)/sqrt(den), x = (s + D)/(2 den), y = q12/den.  Of a sample with itself y = e1 = q11/(1 + 4 q11).  With
 * P = (1 + 4 q11)(1 + 4 q22), Q = q11 - q22, one = 1 + 2 s and y0 = sqrt(e1 e2) = sqrt(q11 q22/P), minus the logarithm of rho' is the sum of
 *
 *     of 1/sqrt(den):   ¼ log(den²/P) = ¼ log1p(4 Q²/P) + ½ log1p(D/one)
 *     of e^-x:          Q²/(one P) + D (1 + s)/(2 den one)
 *     of sinh(y):       log(sinh y0/sinh y) + ½ sum s_k (e1^k - e2^k)²,       y0 - y = sqrt(q11 q22) [4 Q²/(sqrt P (one + sqrt P)) + rho D/den + 1 - rho] / one
 *
 * with log(sinh x/x) = sum s_k x^2k and e1 - e2 = Q/P: no term but s_2, s_4, ... is negative, and these are
 * small, for e1, e2 < 1/4.  Directions further apart than rho = 1/2 take K itself.
 */
#include "hot.h"

#if defined(NTK_HOT)

/* s_1, s_2, ..., s_k = (-1)^(k+1) zeta(2k)/(k pi^2k) */
static const real series[] = {
    REAL(0.16666666666666666667), REAL(-5.5555555555555555556e-3), REAL(3.5273368606701940035e-4), REAL(-2.6455026455026455026e-5),
    REAL(2.1377799155576933355e-6), REAL(-1.8036702340053310071e-7), REAL(1.5661391322766984143e-8), REAL(-1.3884130493737299423e-9)};

/* log(sinh(y + d)/sinh(y)) = log1p(cosh(d) - 1 + coth(y) sinh(d)) */
static inline real log_of_sinhs(real y, real d)
{
    real e = ntk_expm1(d), e2 = ntk_expm1(2 * y), below = e / (1 + e);
    return ntk_log1p((e - below) / 2 + (2 + e2) / e2 * (e + below) / 2);
}

/* ½ sum s_k (e1^k - e2^k)², with e1^k - e2^k = (e1 - e2) n_k. */
static inline real unequal(real e1, real e2, real difference)
{
    real sum = 0, n = 1, power = 1;
    for (int k = 0; k < (int)NTK_ARRAY_LENGTH(series); ++k) {
        sum += series[k] * n * n;
        power *= e2;
        n = e1 * n + power;
    }
    return REAL(0.5) * difference * difference * sum;
}

static inline void gabor_pair(real alpha, real beta, real between, real a, real b, real *rho, real *gap, real *theta)
{
    real sign = *rho < 0 ? REAL(-1) : REAL(1), mu = ntk_abs(*rho), ab = alpha * beta, q = ab * mu, s = alpha * alpha + beta * beta;
    real d = 4 * ab * ab * *gap * (2 - *gap), one = 1 + 2 * s, den = one + d, outer = ntk_exp(-(s + d + 2 * q) / (2 * den)), z = 2 * q / den;
    real big = 1 + 2 * s + 4 * (q * q + ab * ab), t = 4 * q * (d + 3 * s + 2), root = ntk_sqrt(den), k = outer * ntk_expm1(z) / (2 * root);
    *theta *= outer * (big - t + ntk_exp(z) * (big + t)) / (2 * den * den * root);
    if (mu < REAL(0.5) || !(q > 0 && a * b > 0)) {
        real r = a * b > 0 ? k / (a * b) : 0;
        *gap = 1 - r;
        *rho = sign * r;
    } else {
        real p1 = 1 + 4 * alpha * alpha, p2 = 1 + 4 * beta * beta, root_p = ntk_sqrt(p1) * ntk_sqrt(p2), apart = between * (alpha + beta);
        real e1 = alpha * alpha / p1, e2 = beta * beta / p2, difference = apart / p1 / p2, square = apart * difference;
        real step = ab / one * (4 * apart * (apart / root_p) / (one + root_p) + mu * d / den + *gap);
        real sum = ntk_log1p(4 * square) / 4 + ntk_log1p(d / one) / 2 + square / one + d / den * ((1 + s) / (2 * one));
        *gap = -ntk_expm1(-(sum + log_of_sinhs(q / den, step) + unequal(e1, e2, difference)));
        *rho = sign * (1 - *gap);
    }
}

void NTK_HOT_NAME(gabor_pairs)(const ntk_plan *plan, const ntk_run *run);
void NTK_HOT_NAME(gabor_pairs)(const ntk_plan *plan, const ntk_run *run)
{
    state in = state_of(run, plan->input_slot), out = state_of(run, plan->output_slot);
    real alpha = row_of(run, plan->input_alpha), a = row_of(run, plan->output_alpha);
    const real *beta = column_of(run, plan->input_alpha), *b = column_of(run, plan->output_alpha);
    two_lengths l = lengths_of(plan, run);
    NTK_RUN_LOOP(j, run)
    {
        real rho = in.rho[j], gap = in.gap[j], theta = in.theta[j];
        gabor_pair(alpha, beta[j], apart_at(&l, j), a, b[j], &rho, &gap, &theta);
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
const ntk_activation ntk_activation_gabor = {"gabor", NULL, gabor_value, gabor_derivative, &gabor_dual, "exp(-x^2) sin x", NTK_LAW_PRICE | NTK_LAW_SHARP};

#endif
