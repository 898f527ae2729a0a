/*
 * sin(a, b, c): phi(x) = a sin(b x + c); cos(a, b, c) = sin(a, b, c + pi/2); rbf(gamma) = sin(sqrt 2, sqrt(2 gamma), pi/4).
 *
 * With C = cos 2c, h = b² E(u - v)²/2, h⁺ = b² E(u + v)²/2 = h + m, m = 2 b² q12 (docs/mathematics.md §3.1):
 *
 *     K  = (a²/2) [e^-h - C e^-h⁺] = (a²/2) [(1 - C) e^-h + C e^-h⁺ (e^m - 1)]          (second form: small norms)
 *     K. = (a² b²/2) [e^-h + C e^-h⁺]
 *     alpha'² = (a²/2) [(1 - C) + C (1 - e^(-2 b² q))]
 *     E(phi(u) - phi(v))² = a² [(1 - e^-h) + C e1 e2 (e^h - 1) - C (e1 - e2)²/2],     e1 = exp(-b² q11), e2 = exp(-b² q22)
 *
 * Squared distances E(u ∓ v)² = (alpha - beta)² + 2 alpha beta (1 ∓ rho) are sums of non-negative terms.  For C = 1 (odd phi) and
 * C = -1 (even phi) opposite inputs are equal inputs up to a sign, so the pair is folded to rho >= 0 first.
 * rbf has C = 0: K = exp(-gamma E(u - v)²), the Gaussian kernel.
 */
#include "hot.h"

enum { HALF_A2, B2, C, ONE_MINUS_C }; /* plan->k */
enum { E_, COLUMNS };                 /* exp(-b² q) */

#if defined(NTK_HOT)

typedef struct sample {
    real alpha, out, e;
} sample;

static inline void sin_pair(const ntk_plan *plan, const sample *i, const sample *j, real *rho, real *gap, real *theta)
{
    real half_a2 = REAL(plan->k[HALF_A2]), b2 = REAL(plan->k[B2]), c = REAL(plan->k[C]), d = REAL(plan->k[ONE_MINUS_C]);
    bool fold = *rho < 0 && (c == 1 || c == -1);
    real sign = fold ? -c : 1, r = fold ? -*rho : *rho; /* K(u, -v) = -C K(u, v) */
    real ab = i->alpha * j->alpha, across = (i->alpha - j->alpha) * (i->alpha - j->alpha);
    real h = b2 * (across / 2 + ab * omega_of(r, *gap)), plus = b2 * (across / 2 + ab * opposite_of(r, *gap)), m = 2 * b2 * ab * r;
    real near = ntk_exp(-h), far = ntk_exp(-plus), e = i->e - j->e;
    real k = m * m < 1 ? d * near + c * far * ntk_expm1(m) : near - c * far;
    real ee = i->e * j->e, d2 = -ntk_expm1(-h) + c * (h < 1 ? ee * ntk_expm1(h) : far - ee) - c * e * e / 2;
    *theta *= half_a2 * b2 * (near + c * far) * (fold ? c : 1); /* phi' is even where phi is odd */
    *rho = r;
    after_smooth(i->out, j->out, half_a2 * k, 2 * half_a2 * d2, rho, gap);
    *rho *= sign;
}

void NTK_HOT_NAME(sin_pairs)(const ntk_plan *plan, const ntk_run *run);
void NTK_HOT_NAME(sin_pairs)(const ntk_plan *plan, const ntk_run *run)
{
    state in = state_of(run, plan->input_slot), out = state_of(run, plan->output_slot);
    const real *alpha = column_of(run, plan->input_alpha), *after = column_of(run, plan->output_alpha), *e = column_of(run, plan->first_column + E_);
    sample i = {row_of(run, plan->input_alpha), row_of(run, plan->output_alpha), row_of(run, plan->first_column + E_)};
    NTK_RUN_LOOP(j, run)
    {
        sample other = {alpha[j], after[j], e[j]};
        real rho = in.rho[j], gap = in.gap[j], theta = in.theta[j];
        sin_pair(plan, &i, &other, &rho, &gap, &theta);
        out.rho[j] = rho;
        out.gap[j] = gap;
        out.theta[j] = theta;
    }
}

#else

#include <math.h>

NTK_VARIANTS(sin_pairs)

/* C = cos 2c and 1 - C = 2 sin² c; both exact where c is a multiple of pi/4 as written (cos: c + pi/2). */
static void constants_of(double a, double b, double c, bool cosine, double *k)
{
    double s = sin(c), t = cos(c), sine2 = cosine ? t * t : s * s;
    k[HALF_A2] = a * a / 2;
    k[B2] = b * b;
    k[C] = c == 0 ? (cosine ? -1 : 1) : (cosine ? -1 : 1) * cos(2 * c);
    k[ONE_MINUS_C] = 2 * sine2;
}

static void rbf_constants(const double *p, double *k)
{
    k[HALF_A2] = 1;
    k[B2] = 2 * p[0];
    k[C] = 0;
    k[ONE_MINUS_C] = 1;
}

static void sin_norms(const ntk_plan *plan, int64_t n, double *table)
{
    const double *in = table + plan->input_alpha * n, *k = plan->k;
    double *out = table + plan->output_alpha * n, *e = table + (plan->first_column + E_) * n;
    for (int64_t i = 0; i < n; ++i) {
        double x = k[B2] * in[i] * in[i];
        e[i] = exp(-x);
        out[i] = sqrt(k[HALF_A2] * fmax(k[ONE_MINUS_C] - k[C] * expm1(-2 * x), 0));
    }
}

static double sin_value(const double *p, double x)
{
    return p[0] * sin(p[1] * x + p[2]);
}

static double sin_derivative(const double *p, double x)
{
    return p[0] * p[1] * cos(p[1] * x + p[2]);
}

static double cos_value(const double *p, double x)
{
    return p[0] * cos(p[1] * x + p[2]);
}

static double cos_derivative(const double *p, double x)
{
    return -p[0] * p[1] * sin(p[1] * x + p[2]);
}

static double rbf_value(const double *p, double x)
{
    return M_SQRT2 * sin(sqrt(2 * p[0]) * x + M_PI_4);
}

static double rbf_derivative(const double *p, double x)
{
    return 2 * sqrt(p[0]) * cos(sqrt(2 * p[0]) * x + M_PI_4);
}

static void sin_constants(const double *p, double *k)
{
    constants_of(p[0], p[1], p[2], false, k);
}

static void cos_constants(const double *p, double *k)
{
    constants_of(p[0], p[1], p[2], true, k);
}

static const ntk_dual sin_dual = {COLUMNS, NULL, sin_constants, sin_norms, &sin_pairs}, cos_dual = {COLUMNS, NULL, cos_constants, sin_norms, &sin_pairs},
                      rbf_dual = {COLUMNS, NULL, rbf_constants, sin_norms, &sin_pairs};

static const ntk_key wave_keys[] = {{.name = "a", .type = NTK_KEY_NUMBER, .fallback = 1, .least = -INFINITY},
                                    {.name = "b", .type = NTK_KEY_NUMBER, .fallback = 1, .least = -INFINITY},
                                    {.name = "c", .type = NTK_KEY_NUMBER, .fallback = 0, .least = -INFINITY},
                                    {0}};
static const ntk_key rbf_keys[] = {{.name = "gamma", .type = NTK_KEY_NUMBER, .fallback = 1, .least = 0}, {0}};

extern const ntk_activation ntk_activation_sin, ntk_activation_cos, ntk_activation_rbf;
const ntk_activation ntk_activation_sin = {"sin", wave_keys, sin_value, sin_derivative, &sin_dual, "a sin(b x + c)", NTK_LAW_PRICE};
const ntk_activation ntk_activation_cos = {"cos", wave_keys, cos_value, cos_derivative, &cos_dual, "a cos(b x + c) = a sin(b x + c + pi/2)", NTK_LAW_PRICE};
const ntk_activation ntk_activation_rbf = {"rbf", rbf_keys, rbf_value, rbf_derivative, &rbf_dual, "sqrt 2 sin(sqrt(2 gamma) x + pi/4): the Gaussian kernel exp(-gamma |u - v|^2)", NTK_LAW_PRICE};

#endif
