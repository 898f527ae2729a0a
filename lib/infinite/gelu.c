/*
 * gelu (exact): phi(x) = x Phi(x) = x/2 + x erf(x/sqrt 2)/2, Phi the normal distribution function.
 *
 * The first half is linear and the second even, so that E[phi(u) phi(v)] = (q12/4)(1 + m/rho) with, for u = 1/(1 + q11), v = 1/(1 + q22),
 * p² = 1 - u, r² = 1 - v, y = p r |rho|, z = sqrt(1 - y²) = sqrt(u + v - u v + p² r² (1 - rho²)) (docs/mathematics.md §3.1),
 *
 *     m(rho) = (2/pi) [ |rho| asin y + p r z + |rho| y u v/z ],      rho' = (rho + m(rho)) / (A B),   A = 2 alpha'/alpha = sqrt(1 + m11)
 *     K. = w ± (1/2pi) (y/z) (u v/z² + u + v),                       w = 1/4 ± asin(y)/(2 pi), ± the sign of rho
 *
 * where nothing overflows.  asin y near 1 is pi/2 - atan2(z, y), and w = 1/2 - atan2(z, y)/(2 pi): of large norms it is 1/2 to the bit, as of a
 * ReLU; 1/4 + asin(y)/(2 pi) would be wrong the same way in every layer.
 *
 * The distance.  With n = m at rho = 1, z1 = sqrt(u + v - u v) and across = 1 - (1 + n)/(A B), what unequal lengths alone give,
 *
 *     1 - rho' = across + [ (1 - rho) + n - m ] / (A B),            1 + rho' = across + [ (1 + rho) + n + m ] / (A B)
 *     n - m = (2/pi) [ (asin(p r) - asin y) + (1 - rho) asin y + p r nu (u v (z1 + p² r²/(z + z1))/(z z1) - p² r²/(z + z1)) ],     nu = 1 - rho².
 *
 * across = [(1 + n)(d1 + d2) + d1 d2] / (A B (A B + 1 + n)), d1 = m11 - n, d2 = m22 - n, is as good as d1 and d2: from
 * d²n/(d alpha d beta) = (2/pi) 3 (1 + alpha² + beta²)^(-5/2) they are, over [beta, alpha],
 *
 *     d1 = (2/pi) int g(s, alpha) ds,    d2 = -(2/pi) int g(s, beta) ds,    g(s, t) = t (3 c + 2 t²)/(c² (c + t²)^(3/2)),  c = 1 + s²,
 *
 * by 16 points, which is exact to rounding for lengths within a factor of three.  Others take the differences of m themselves, of small norms
 * F = pi m/2 = M + (u + v) tan M, M = asin(p r), of large ones pi/2 - F = f(N) - u v cot N, N = pi/2 - M, f(N) = N - sin N cos N by its series.
 */
#include "hot.h"

enum { U_, P_, RATIO_, COLUMNS }; /* u, p, A */

#if defined(NTK_HOT)

#include <float.h>

#define INVERSE_TWO_PI REAL(0.15915494309189533577)
#define TWO_OVER_PI REAL(0.63661977236758134308)
#define HALF_PI REAL(1.5707963267948966192)
#if defined(NTK_HOT_F32)
#define SMALLEST FLT_MIN
#else
#define SMALLEST DBL_MIN
#endif

/* Gauss-Legendre points and weights on [0, 1]. */
#define POINTS 16
static const real points[POINTS] = {
    REAL(0.0052995325041750337019), REAL(0.027712488463383711961), REAL(0.06718439880608412806), REAL(0.12229779582249848305),
    REAL(0.19106187779867812578), REAL(0.27099161117138630683), REAL(0.35919822461037054338), REAL(0.45249374508118127991),
    REAL(0.54750625491881872009), REAL(0.64080177538962945662), REAL(0.72900838882861369317), REAL(0.80893812220132187422),
    REAL(0.87770220417750151695), REAL(0.93281560119391587194), REAL(0.97228751153661628804), REAL(0.9947004674958249663)},
                  weights[POINTS] = {
    REAL(0.013576229705877047426), REAL(0.031126761969323946431), REAL(0.047579255841246392405), REAL(0.062314485627766936026),
    REAL(0.074797994408288366041), REAL(0.084578259697501269095), REAL(0.091301707522461794433), REAL(0.094725305227534248143),
    REAL(0.094725305227534248143), REAL(0.091301707522461794433), REAL(0.084578259697501269095), REAL(0.074797994408288366041),
    REAL(0.062314485627766936026), REAL(0.047579255841246392405), REAL(0.031126761969323946431), REAL(0.013576229705877047426)};

typedef struct sample {
    real alpha, u, p, ratio;
} sample;

/* asin y and its complement, each to full relative precision. */
typedef struct arc {
    real angle, rest;
} arc;

static inline arc arc_of(real y, real z)
{
    bool steep = y > z;
    real small = ntk_atan2(steep ? z : y, steep ? y : z), other = HALF_PI - small;
    return (arc){steep ? other : small, steep ? small : other};
}

static inline real g(real s, real t)
{
    real c = 1 + s * s, square = c + t * t;
    return t / ntk_sqrt(square) * ((3 * c + 2 * t * t) / square) / c / c;
}

/* pi/2 - F of the angle N with sine z and cosine y. */
static inline real rest_of(real y, real z, real uv)
{
    real n = arc_of(y, z).rest, x = 4 * n * n;
    real series = x * n / 6 * (1 - x / 20 * (1 - x / 42 * (1 - x / 72 * (1 - x / 110 * (1 - x / 156 * (1 - x / 210))))));
    return (n < REAL(0.5) ? series : n - z * y) - uv * (y / (z + SMALLEST));
}

static inline real whole_of(real y, real z, real sum)
{
    return arc_of(y, z).angle + sum * (y / (z + SMALLEST));
}

/* pi/2 d1, pi/2 d2. */
static inline void differences(const sample *i, const sample *j, real z1, real *d1, real *d2)
{
    real a = i->alpha, b = j->alpha, pp = i->p * i->p, rr = j->p * j->p, pr = i->p * j->p;
    *d1 = *d2 = 0;
    if (a <= 3 * b && b <= 3 * a) {
        for (int k = 0; k < POINTS; ++k) {
            real s = b + (a - b) * points[k], weight = (a - b) * weights[k];
            *d1 += weight * g(s, a);
            *d2 -= weight * g(s, b);
        }
    } else {
        real za = ntk_sqrt(i->u * (1 + pp)), zb = ntk_sqrt(j->u * (1 + rr));
        bool large = a > 1 && b > 1;
        real one = large ? rest_of(pp, za, i->u * i->u) : whole_of(pp, za, 2 * i->u);
        real two = large ? rest_of(rr, zb, j->u * j->u) : whole_of(rr, zb, 2 * j->u);
        real both = large ? rest_of(pr, z1, i->u * j->u) : whole_of(pr, z1, i->u + j->u);
        *d1 = large ? both - one : one - both;
        *d2 = large ? both - two : two - both;
    }
}

static inline real across_of(const sample *i, const sample *j, real z1, real n)
{
    real d1, d2, lengths = i->ratio * j->ratio;
    if (i->alpha == j->alpha) return 0;
    differences(i, j, z1, &d1, &d2);
    d1 *= TWO_OVER_PI;
    d2 *= TWO_OVER_PI;
    return ((1 + n) * (d1 + d2) + d1 * d2) / (lengths * (lengths + 1 + n));
}

static inline void gelu_pair(const sample *i, const sample *j, real *rho, real *gap, real *theta)
{
    real pr = i->p * j->p, mu = ntk_abs(*rho), nu = *gap * (2 - *gap), y = pr * mu, z1 = ntk_sqrt(i->u + j->u * (i->p * i->p));
    real z = ntk_sqrt(i->u + j->u * (i->p * i->p) + pr * pr * nu), lengths = i->ratio * j->ratio, uv = i->u * j->u;
    arc of_y = arc_of(y, z);
    real steep = y / (z + SMALLEST), slope = INVERSE_TWO_PI * steep * (uv / (z * z + SMALLEST) + i->u + j->u);
    real m = TWO_OVER_PI * (mu * of_y.angle + pr * z + mu * (uv * steep)), size;
    bool far = *rho < 0;
    *theta *= far ? INVERSE_TWO_PI * of_y.rest - slope : REAL(0.5) - INVERSE_TWO_PI * of_y.rest + slope;
    if (mu < REAL(0.5)) {
        size = (*rho + m) / lengths;
        *rho = size;
        *gap = 1 - ntk_abs(size);
        return;
    }
    real n = TWO_OVER_PI * (arc_of(pr, z1).angle + pr * z1 + uv * (pr / (z1 + SMALLEST))), sum = z + z1 + SMALLEST;
    real part = ntk_atan2(pr * nu / (z + mu * z1 + SMALLEST), z * z1 + pr * y) + *gap * of_y.angle
              + pr * nu * (uv / (z + SMALLEST) * ((z1 + pr * pr / sum) / (z1 + SMALLEST)) - pr * pr / sum);
    real across = across_of(i, j, z1, n), near = across + (*gap + TWO_OVER_PI * part) / lengths, opposite = across + (*gap + n + m) / lengths;
    if (far) {
        *gap = opposite < 1 ? opposite : 2 - opposite;
        *rho = opposite - 1;
    } else {
        *gap = near > 0 ? near : 0;
        *rho = 1 - *gap;
    }
}

void NTK_HOT_NAME(gelu_pairs)(const ntk_plan *plan, const ntk_run *run);
void NTK_HOT_NAME(gelu_pairs)(const ntk_plan *plan, const ntk_run *run)
{
    state in = state_of(run, plan->input_slot), out = state_of(run, plan->output_slot);
    int c = plan->first_column;
    const real *alpha = column_of(run, plan->input_alpha), *u = column_of(run, c + U_), *p = column_of(run, c + P_), *ratio = column_of(run, c + RATIO_);
    sample i = {row_of(run, plan->input_alpha), row_of(run, c + U_), row_of(run, c + P_), row_of(run, c + RATIO_)};
    NTK_RUN_LOOP(j, run)
    {
        sample other = {alpha[j], u[j], p[j], ratio[j]};
        real rho = in.rho[j], gap = in.gap[j], theta = in.theta[j];
        gelu_pair(&i, &other, &rho, &gap, &theta);
        out.rho[j] = rho;
        out.gap[j] = gap;
        out.theta[j] = theta;
    }
}

#else

#include <math.h>

NTK_VARIANTS(gelu_pairs)

static void gelu_constants(const double *p, double *k)
{
    (void)p;
    (void)k;
}

/* alpha' = A alpha/2, A² = 1 + m11; in long double where there is one, as of erf.c. */
static void gelu_norms(const ntk_plan *plan, int64_t n, double *table)
{
    const long double pi = 3.14159265358979323846264338327950288L;
    double *own = table + plan->first_column * n, *out = table + plan->output_alpha * n;
    for (int64_t i = 0; i < n; ++i) {
        double a = table[plan->input_alpha * n + i];
        long double h = hypotl(1, a), u = 1 / h / h, p = a / h, z = sqrtl(u * (1 + p * p));
        long double ratio = sqrtl(2 + 2 / pi * (p * p * z + p * p * u / z * u - atan2l(z, p * p)));
        out[i] = (double)(a * ratio / 2);
        own[U_ * n + i] = (double)u;
        own[P_ * n + i] = (double)p;
        own[RATIO_ * n + i] = (double)ratio;
    }
}

static double gelu_value(const double *p, double x)
{
    (void)p;
    return x * erfc(-x * M_SQRT1_2) / 2;
}

static double gelu_derivative(const double *p, double x)
{
    (void)p;
    return erfc(-x * M_SQRT1_2) / 2 + x * exp(-x * x / 2) * (M_SQRT1_2 / sqrt(M_PI));
}

static const ntk_dual gelu_dual = {COLUMNS, NULL, gelu_constants, gelu_norms, &gelu_pairs};

extern const ntk_activation ntk_activation_gelu;
const ntk_activation ntk_activation_gelu = {"gelu", NULL, gelu_value, gelu_derivative, &gelu_dual, "x times the normal distribution function", NTK_LAW_PRICE};

#endif
