/*
 * gelu (exact): phi(x) = x Phi(x), Phi the normal distribution function.
 *
 * With u = 1/(1 + q11), v = 1/(1 + q22), p² = 1 - u, r² = 1 - v, h = 1/sqrt(u v), y = p r rho, z = sqrt(1 - y²) the closed form of
 * docs/mathematics.md §3.1 becomes
 *
 *     K  = q12/4 + (1/2pi) [ y²/(h z) + h p² r² z + q12 atan2(y, z) ]
 *     K. = 1/4 + (1/2pi) [ atan2(y, z) + (y/z) (u v/z² + u + v) ]
 *
 * where nothing overflows before K does, and z² = u + v - u v + p² r² (1 - rho²) keeps its digits (erf.c).
 * The distance.  With D = E(u - v)², Q = q11 - q22, nu = 1 - rho², E = q11 q22 nu, d1 = asin p² - asin y, d2 = asin r² - asin y,
 * L1 = sqrt(1 + 2 q11), L2 = sqrt(1 + 2 q22), L = h z = sqrt(1 + s + E), s = q11 + q22, and c_i = (1 - 1/(L_i L))/(L_i + L), K11 + K22 - 2 K12 is
 *
 *     D/4 + (1/2pi) [ ½ s (d1 + d2) + ½ Q (d1 - d2) + D atan2(y, z)
 *                     + (p² - r²)² (1/L + L) + Q (p⁴ c1 - r⁴ c2) - E (p⁴ c1 + r⁴ c2) + 2 p² r² nu / L ]
 *
 * from L1² - L² = Q - E, L2² - L² = -Q - E: every difference of nearly equal numbers is taken in closed form, and what is left of
 * first order in Q cancels to second order with an error of eps |Q|, which is harmless where the norms are close (hot.h, after_smooth).
 */
#include "hot.h"

enum { U_, P_, ROOT_, LONG_, COLUMNS }; /* u, p, sqrt(1 + q), sqrt(1 + 2 q) */

#if defined(NTK_HOT)

typedef struct sample {
    real alpha, out, u, p, root, l;
} sample;

/* What both moments and the distance need of a pair. */
typedef struct geometry {
    real rho, nu, y, z, h, angle;
} geometry;

static inline geometry geometry_of(const sample *i, const sample *j, real rho, real gap)
{
    real pr = i->p * j->p, nu = gap * (2 - gap), y = pr * rho, z = ntk_sqrt(i->u + j->u - i->u * j->u + pr * pr * nu);
    return (geometry){rho, nu, y, z, i->root * j->root, ntk_atan2(y, z)};
}

static inline real two_pi_distance(const sample *i, const sample *j, const geometry *g)
{
    real p2 = i->p * i->p, r2 = j->p * j->p, t = (i->u * (i->alpha - j->alpha)) * (j->u * (i->alpha + j->alpha)), l = g->h * g->z;
    real d1 = asin_difference(i->p, j->p, g->rho, t, g->nu, g->z, ntk_sqrt(i->u * (1 + p2)), g->y);
    real d2 = asin_difference(j->p, i->p, g->rho, -t, g->nu, g->z, ntk_sqrt(j->u * (1 + r2)), g->y);
    real s = i->alpha * i->alpha + j->alpha * j->alpha, q = (i->alpha - j->alpha) * (i->alpha + j->alpha), e = i->alpha * j->alpha * ntk_sqrt(g->nu);
    real c1 = p2 * p2 * (1 - 1 / (i->l * l)) / (i->l + l), c2 = r2 * r2 * (1 - 1 / (j->l * l)) / (j->l + l);
    return s / 2 * (d1 + d2) + q / 2 * (d1 - d2) + t * t * (1 / l + l) + q * (c1 - c2) - e * (e * (c1 + c2)) + 2 * p2 * r2 * g->nu / l;
}

static inline void gelu_pair(const sample *i, const sample *j, real *rho, real *gap, real *theta)
{
    const real two_pi_inverse = REAL(0.15915494309189533577);
    geometry g = geometry_of(i, j, *rho, *gap);
    real ab = i->alpha * j->alpha, pr = i->p * j->p, uv = i->u * j->u, q = ab * *rho, across = i->alpha - j->alpha;
    real k = q / 4 + two_pi_inverse * (g.y * g.y / (g.h * g.z) + g.h * (pr * pr) * g.z + q * g.angle);
    real d = across * across + 2 * ab * omega_of(*rho, *gap);
    *theta *= REAL(0.25) + two_pi_inverse * (g.angle + g.y / g.z * (uv / (g.z * g.z) + i->u + j->u));
    after_smooth(i->out, j->out, k, d / 4 + two_pi_inverse * (two_pi_distance(i, j, &g) + d * g.angle), rho, gap);
}

void NTK_HOT_NAME(gelu_pairs)(const ntk_plan *plan, const ntk_run *run);
void NTK_HOT_NAME(gelu_pairs)(const ntk_plan *plan, const ntk_run *run)
{
    state in = state_of(run, plan->input_slot), out = state_of(run, plan->output_slot);
    int c = plan->first_column;
    const real *alpha = column_of(run, plan->input_alpha), *after = column_of(run, plan->output_alpha), *u = column_of(run, c + U_),
               *p = column_of(run, c + P_), *root = column_of(run, c + ROOT_), *l = column_of(run, c + LONG_);
    sample i = {row_of(run, plan->input_alpha), row_of(run, plan->output_alpha), row_of(run, c + U_), row_of(run, c + P_), row_of(run, c + ROOT_), row_of(run, c + LONG_)};
    NTK_RUN_LOOP(j, run)
    {
        sample other = {alpha[j], after[j], u[j], p[j], root[j], l[j]};
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

/* alpha'² = q [1/4 + (1/2pi) (p² u/z + p² z + atan2(p², z))] with z = sqrt(u (1 + p²)): the closed form at rho = 1, alpha taken out. */
static void gelu_norms(const ntk_plan *plan, int64_t n, double *table)
{
    double *own = table + plan->first_column * n, *out = table + plan->output_alpha * n;
    for (int64_t i = 0; i < n; ++i) {
        double a = table[plan->input_alpha * n + i], h = hypot(1, a), u = 1 / h / h, p = a / h, z = sqrt(u * (1 + p * p));
        out[i] = a * sqrt(0.25 + (p * p * u / z * u + p * p * z + atan2(p * p, z)) / (2 * M_PI));
        own[U_ * n + i] = u;
        own[P_ * n + i] = p;
        own[ROOT_ * n + i] = h;
        own[LONG_ * n + i] = hypot(1, M_SQRT2 * a);
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
