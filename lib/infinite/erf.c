/*
 * erf(a, b, c): phi(x) = a erf(b x) + c, and sigmoid_like.
 *
 * With A = sqrt2 b alpha, B = sqrt2 b beta, u = 1/(1 + A²), v = 1/(1 + B²), p² = 1 - u, r² = 1 - v (Williams 1997):
 *
 *     E[erf erf] = (2/pi) asin(y),  y = p r rho;      K. = (4 a² b²/pi) sqrt(u v) / sqrt(1 - y²)
 *
 * Everything is written in u, v and nu = 1 - rho² = gap (2 - gap), so that large norms (p -> 1) and near inputs (rho -> 1)
 * cost no digits:   1 - y² = u + v - u v + p² r² nu.
 *
 * The distance.  With S = sqrt(asin p²), T = sqrt(asin r²) (the lengths after the layer, up to a sqrt(2/pi)) and
 *     d1 = asin(p²) - asin(y),  d2 = asin(r²) - asin(y)      (asin_difference() of hot.h, with t = v - u = u v (A² - B²); d2: -t, p and r exchanged)
 * the squared distance is d1 + d2, and its part across unequal lengths (S - T)² = ((d1 - d2)/(S + T))², hence
 *     gap' = (d1 + d2 - ((d1 - d2)/(S + T))²) / (2 S T).
 * d1 and d2 have full relative precision, and for lengths within a factor of two so has gap' where it matters.  For lengths
 * further apart gap' = 1 - asin(y)/(S T) is as good.  Digits are lost only for proportional inputs of unequal *small* norms
 * (where erf is nearly linear): then sqrt(gap') is good to eps/sqrt(gap') instead of eps, if a kinked layer follows.
 * phi is odd but for c, so rho < 0 is the same with v -> -v; c is a bias of the layer's output, mixed in as one.
 */
#include "hot.h"

enum { SLOPE, SCALE, OFFSET, STRETCH }; /* plan->k: 4 a² b²/pi, |a| sqrt(2/pi), c, sqrt2 |b| */
enum { A_, U_, P_, S_, SHARE_, OFFSET_SHARE_, COLUMNS };

#if defined(NTK_HOT)

typedef struct sample {
    real a, u, p, s, share, offset;
} sample;

static inline void erf_pair(const sample *i, const sample *j, real slope, real *rho, real *gap, real *theta)
{
    real mu = ntk_abs(*rho), nu = *gap * (2 - *gap), st = i->s * j->s;
    real y = i->p * j->p * mu, root_y = ntk_sqrt(i->u + j->u - i->u * j->u + (i->p * i->p) * (j->p * j->p) * nu);
    real root_i = ntk_sqrt(i->u * (1 + i->p * i->p)), root_j = ntk_sqrt(j->u * (1 + j->p * j->p));
    real t = (i->u * (i->a - j->a)) * (j->u * (i->a + j->a));
    *theta *= slope * (ntk_sqrt(i->u) / root_y) * ntk_sqrt(j->u); /* u v alone may underflow */
    if (!(st > 0)) {
        *rho = 0;
        *gap = 1;
    } else {
        real d1 = asin_difference(i->p, j->p, mu, t, nu, root_y, root_i, y), d2 = asin_difference(j->p, i->p, mu, -t, nu, root_y, root_j, y);
        real across = (d1 - d2) / (i->s + j->s), omega = (d1 + d2 - across * across) / (2 * st);
        bool similar = i->s < 2 * j->s && j->s < 2 * i->s && omega < REAL(0.5);
        real size = similar ? 1 - omega : ntk_atan2(y, root_y) / st, distance = similar ? omega : 1 - size;
        *gap = distance > 0 ? distance : 0;
        *rho = *rho < 0 ? -size : size;
    }
    mix_bias(i->share, j->share, i->offset, j->offset, rho, gap);
}

void NTK_HOT_NAME(erf_pairs)(const ntk_plan *plan, const ntk_run *run);
void NTK_HOT_NAME(erf_pairs)(const ntk_plan *plan, const ntk_run *run)
{
    state in = state_of(run, plan->input_slot), out = state_of(run, plan->output_slot);
    int c = plan->first_column;
    const real *a = column_of(run, c + A_), *u = column_of(run, c + U_), *p = column_of(run, c + P_), *s = column_of(run, c + S_),
               *share = column_of(run, c + SHARE_), *offset = column_of(run, c + OFFSET_SHARE_);
    sample i = {row_of(run, c + A_), row_of(run, c + U_), row_of(run, c + P_), row_of(run, c + S_), row_of(run, c + SHARE_), row_of(run, c + OFFSET_SHARE_)};
    NTK_RUN_LOOP(j, run)
    {
        sample other = {a[j], u[j], p[j], s[j], share[j], offset[j]};
        real rho = in.rho[j], gap = in.gap[j], theta = in.theta[j];
        erf_pair(&i, &other, REAL(plan->k[SLOPE]), &rho, &gap, &theta);
        out.rho[j] = rho;
        out.gap[j] = gap;
        out.theta[j] = theta;
    }
}

#else

#include <math.h>

NTK_VARIANTS(erf_pairs)

static void constants_of(double a, double b, double c, double *k)
{
    k[SLOPE] = 4 * a * a * b * b / M_PI;
    k[SCALE] = fabs(a) * sqrt(2 / M_PI);
    k[OFFSET] = c;
    k[STRETCH] = M_SQRT2 * fabs(b);
}

static void erf_norms(const ntk_plan *plan, int64_t n, double *table)
{
    double *own = table + plan->first_column * n, *out = table + plan->output_alpha * n;
    for (int64_t i = 0; i < n; ++i) {
        double a = plan->k[STRETCH] * table[plan->input_alpha * n + i], h = hypot(1, a), u = 1 / h / h, p = a / h;
        double s = p < 1e-8 ? p : sqrt(atan2(p * p, sqrt(u * (1 + p * p)))), length = plan->k[SCALE] * s;
        out[i] = hypot(length, plan->k[OFFSET]);
        own[A_ * n + i] = a;
        own[U_ * n + i] = u;
        own[P_ * n + i] = p;
        own[S_ * n + i] = s;
        own[SHARE_ * n + i] = out[i] > 0 ? length / out[i] : 0;
        own[OFFSET_SHARE_ * n + i] = out[i] > 0 ? plan->k[OFFSET] / out[i] : 0;
    }
}

#define LOGISTIC_SLOPE (1 / 2.4020563531719796) /* network-format.md: the erf closest to the logistic function */

/* One line per member: how its keys give a, b, c. */
#define FAMILY(member, a, b, c)                                                              \
    static double member##_value(const double *p, double x)                                  \
    {                                                                                        \
        (void)p;                                                                             \
        return (a) * erf((b) * x) + (c);                                                     \
    }                                                                                        \
    static double member##_derivative(const double *p, double x)                             \
    {                                                                                        \
        (void)p;                                                                             \
        return (a) * (b) * M_2_SQRTPI * exp(-((b) * x) * ((b) * x));                         \
    }                                                                                        \
    static void member##_constants(const double *p, double *k)                               \
    {                                                                                        \
        (void)p;                                                                             \
        constants_of(a, b, c, k);                                                            \
    }                                                                                        \
    static const ntk_dual member##_dual = {COLUMNS, NULL, member##_constants, erf_norms, &erf_pairs};

FAMILY(erf, p[0], p[1], p[2])
FAMILY(sigmoid_like, 0.5, LOGISTIC_SLOPE, 0.5)

static const ntk_key erf_keys[] = {{.name = "a", .type = NTK_KEY_NUMBER, .fallback = 1, .least = -INFINITY},
                                   {.name = "b", .type = NTK_KEY_NUMBER, .fallback = 1, .least = -INFINITY},
                                   {.name = "c", .type = NTK_KEY_NUMBER, .fallback = 0, .least = -INFINITY},
                                   {0}};

extern const ntk_activation ntk_activation_erf, ntk_activation_sigmoid_like;
const ntk_activation ntk_activation_erf = {"erf", erf_keys, erf_value, erf_derivative, &erf_dual, "a erf(b x) + c", NTK_LAW_PRICE};
const ntk_activation ntk_activation_sigmoid_like = {"sigmoid_like", NULL, sigmoid_like_value, sigmoid_like_derivative, &sigmoid_like_dual, "(1 + erf(x / 2.402...)) / 2, close to the logistic function", NTK_LAW_PRICE};

#endif
