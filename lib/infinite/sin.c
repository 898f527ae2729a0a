/*
 * sin(a, b, c): phi(x) = a sin(b x + c); cos(a, b, c) = sin(a, b, c + pi/2); rbf(gamma) = sin(sqrt 2, sqrt(2 gamma), pi/4).
 *
 * With C = cos 2c, h = b² E(u - v)²/2, h⁺ = b² E(u + v)²/2 = h + m, m = 2 b² q12 (docs/mathematics.md §3.1):
 *
 *     K  = (a²/2) [e^-h - C e^-h⁺] = (a²/2) [(1 - C) e^-h + C e^-h⁺ (e^m - 1)]          (second form: small norms)
 *     K. = (a² b²/2) [e^-h + C e^-h⁺]
 *     alpha'² = (a²/2) [(1 - C) + C (1 - e^(-2 b² q))]
 *
 * Squared distances E(u ∓ v)² = (alpha - beta)² + 2 alpha beta (1 ∓ rho) are sums of non-negative terms.  For C = 1 (odd phi) and
 * C = -1 (even phi) opposite inputs are equal inputs up to a sign, so the pair is folded to rho >= 0 first.
 * rbf has C = 0: K = exp(-gamma E(u - v)²), the Gaussian kernel.
 *
 * The distance.  With X = b² q11, Y = b² q22, g = b² alpha beta, kappa = b² (alpha - beta)²/2 and c = g rho, K is e^(-(X + Y)/2) f(c) a²/2,
 * f(x) = e^x - C e^-x, and with F = sqrt(f(X) f(Y))
 *
 *     1 - rho' = 1 - f(g)/F + (f(g) - f(c))/F,        1 - f(g)/F = N/(F (F + f(g))),        N = f(X) f(Y) - f(g)²,
 *     e^(-(X + Y)/2) (f(g) - f(c)) = (1 - e^(c - g)) e^-kappa [(1 + C) e^(-g - c) + 1 - e^(-g - c)]
 *     e^(-X - Y) N = N1 + (1 - C) [(1 + C) eta e^(-4g - 2 kappa) + (e1 - e2)²],     eta = 1 - e^(-2 kappa),  e1 = e^-X,  e2 = e^-Y,
 *     N1 = eta (1 - e^(-4g - 2 kappa)) - (e1 - e2)² = (e1 - e2)² (e^s - 1),         s = sum s_k ((2g + kappa)^k - kappa^k)²
 *
 * all non-negative.  N1, of C = 1, cancels for small lengths, where sin is nearly linear; the second form, from the series of log(sinh x/x), does not.
 */
#include "hot.h"

enum { HALF_A2, B2, C, ONE_MINUS_C }; /* plan->k */
enum { E_, COLUMNS };                 /* exp(-b² q) */

#if defined(NTK_HOT)

#if defined(NTK_HOT_F32)
#define TERMS 8
#else
#define TERMS 16
#endif

/* s_1, s_2, ... of log(sinh x/x) = sum s_k x^2k, s_k = (-1)^(k+1) zeta(2k)/(k pi^2k). */
static const real series[] = {
    REAL(0.16666666666666666667), REAL(-5.5555555555555555556e-3), REAL(3.5273368606701940035e-4), REAL(-2.6455026455026455026e-5),
    REAL(2.1377799155576933355e-6), REAL(-1.8036702340053310071e-7), REAL(1.5661391322766984143e-8), REAL(-1.3884130493737299423e-9),
    REAL(1.250435917600499603e-10), REAL(-1.1402575602296091433e-11), REAL(1.0502923908637556408e-12), REAL(-9.7548778415937016497e-14),
    REAL(9.1234682308590978058e-15), REAL(-8.5837197618956093497e-16), REAL(8.117318009727789577e-17), REAL(-7.7105275141162733456e-18)};

typedef struct sample {
    real alpha, out, e;
} sample;

/* With (2g + kappa)^k - kappa^k = 2g n_k. */
static inline real odd_part(real g, real kappa, real eta, real e)
{
    real sum = 0, n = 1, power = 1, x = 2 * g + kappa;
    if (x > 1) return -eta * ntk_expm1(-2 * x) - e;
    for (int k = 0; k < TERMS; ++k) {
        sum += series[k] * n * n;
        power *= kappa;
        n = x * n + power;
    }
    return e * ntk_expm1(4 * g * g * sum);
}

/* 1 - f(g)/F for F e^(-(X + Y)/2) given. */
static inline real across_of(const ntk_plan *plan, const sample *i, const sample *j, real apart, real g, real kappa, real lengths)
{
    real b2 = REAL(plan->k[B2]), c = REAL(plan->k[C]), d = REAL(plan->k[ONE_MINUS_C]), eta = -ntk_expm1(-2 * kappa), near = ntk_exp(-kappa), far = ntk_exp(-2 * g - kappa);
    real e = (i->e > j->e ? i->e : j->e) * ntk_expm1(-b2 * ntk_abs(apart * (i->alpha + j->alpha))), top = g < 1 ? d * near + c * far * ntk_expm1(2 * g) : near - c * far;
    real n = odd_part(g, kappa, eta, e * e) + d * ((1 + c) * eta * far * far + e * e);
    return n / lengths / (lengths + top);
}

static inline void sin_pair(const ntk_plan *plan, const sample *i, const sample *j, real apart, real *rho, real *gap, real *theta)
{
    real half_a2 = REAL(plan->k[HALF_A2]), b2 = REAL(plan->k[B2]), c = REAL(plan->k[C]), d = REAL(plan->k[ONE_MINUS_C]);
    bool fold = *rho < 0 && (c == 1 || c == -1);
    real sign = fold ? -c : 1, r = fold ? -*rho : *rho; /* K(u, -v) = -C K(u, v) */
    real g = b2 * i->alpha * j->alpha, kappa = b2 / 2 * apart * apart;
    real same = g * omega_of(r, *gap), other = g * opposite_of(r, *gap), m = 2 * g * r; /* g - c, g + c */
    real near = ntk_exp(-kappa - same), far = ntk_exp(-kappa - other), lengths = i->out * j->out / half_a2;
    real k = m * m < 1 ? d * near + c * far * ntk_expm1(m) : near - c * far;
    *theta *= half_a2 * b2 * (near + c * far) * (fold ? c : 1); /* phi' is even where phi is odd */
    if (!(lengths > 0)) {
        *rho = 0;
        *gap = 1;
        return;
    }
    r = k / lengths;
    if (r > REAL(0.5)) {
        real turn = -ntk_expm1(-same), both = ntk_expm1(-other);
        real omega = across_of(plan, i, j, apart, g, kappa, lengths) + turn * ntk_exp(-kappa) * ((1 + c) * (1 + both) - both) / lengths;
        *gap = omega > 0 ? omega : 0;
        *rho = sign * (1 - *gap);
    } else {
        r = r < -1 ? -1 : r;
        *rho = sign * r;
        *gap = 1 - ntk_abs(r);
    }
}

void NTK_HOT_NAME(sin_pairs)(const ntk_plan *plan, const ntk_run *run);
void NTK_HOT_NAME(sin_pairs)(const ntk_plan *plan, const ntk_run *run)
{
    state in = state_of(run, plan->input_slot), out = state_of(run, plan->output_slot);
    const real *alpha = column_of(run, plan->input_alpha), *after = column_of(run, plan->output_alpha), *e = column_of(run, plan->first_column + E_);
    sample i = {row_of(run, plan->input_alpha), row_of(run, plan->output_alpha), row_of(run, plan->first_column + E_)};
    two_lengths l = lengths_of(plan, run);
    NTK_RUN_LOOP(j, run)
    {
        sample other = {alpha[j], after[j], e[j]};
        real rho = in.rho[j], gap = in.gap[j], theta = in.theta[j];
        sin_pair(plan, &i, &other, apart_at(&l, j), &rho, &gap, &theta);
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
const ntk_activation ntk_activation_sin = {"sin", wave_keys, sin_value, sin_derivative, &sin_dual, "a sin(b x + c)", NTK_LAW_PRICE | NTK_LAW_SHARP};
const ntk_activation ntk_activation_cos = {"cos", wave_keys, cos_value, cos_derivative, &cos_dual, "a cos(b x + c) = a sin(b x + c + pi/2)", NTK_LAW_PRICE | NTK_LAW_SHARP};
const ntk_activation ntk_activation_rbf = {"rbf", rbf_keys, rbf_value, rbf_derivative, &rbf_dual, "sqrt 2 sin(sqrt(2 gamma) x + pi/4): the Gaussian kernel exp(-gamma |u - v|^2)", NTK_LAW_PRICE | NTK_LAW_SHARP};

#endif
