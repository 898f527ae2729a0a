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
 * The distance is taken from the moments, K11 + K22 - 2 K12: phi is smooth, so a chain of gelu layers loses nothing; only a kinked
 * activation in a later layer sees near inputs with half of the digits.
 */
#include "hot.h"

enum { U_, P_, ROOT_, COLUMNS }; /* u, p, sqrt(1 + q) */

#if defined(NTK_HOT)

typedef struct sample {
    real alpha, out, u, p, root;
} sample;

static inline void gelu_pair(const sample *i, const sample *j, real *rho, real *gap, real *theta)
{
    const real half_pi_inverse = REAL(0.15915494309189533577); /* 1/(2 pi) */
    real pr = i->p * j->p, y = pr * *rho, nu = *gap * (2 - *gap), uv = i->u * j->u;
    real z = ntk_sqrt(i->u + j->u - uv + pr * pr * nu), h = i->root * j->root, angle = ntk_atan2(y, z), q = i->alpha * j->alpha * *rho;
    real k = q / 4 + half_pi_inverse * (y * y / (h * z) + h * (pr * pr) * z + q * angle);
    real dot = REAL(0.25) + half_pi_inverse * (angle + y / z * (uv / (z * z) + i->u + j->u));
    *theta *= dot;
    after_smooth(i->out, j->out, k, i->out * i->out + j->out * j->out - 2 * k, rho, gap);
}

void NTK_HOT_NAME(gelu_pairs)(const ntk_plan *plan, const ntk_run *run);
void NTK_HOT_NAME(gelu_pairs)(const ntk_plan *plan, const ntk_run *run)
{
    state in = state_of(run, plan->input_slot), out = state_of(run, plan->output_slot);
    int c = plan->first_column;
    const real *alpha = column_of(run, plan->input_alpha), *after = column_of(run, plan->output_alpha), *u = column_of(run, c + U_),
               *p = column_of(run, c + P_), *root = column_of(run, c + ROOT_);
    sample i = {row_of(run, plan->input_alpha), row_of(run, plan->output_alpha), row_of(run, c + U_), row_of(run, c + P_), row_of(run, c + ROOT_)};
    NTK_RUN_LOOP(j, run)
    {
        sample other = {alpha[j], after[j], u[j], p[j], root[j]};
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
