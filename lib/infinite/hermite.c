/*
 * hermite(d): phi = He_d / sqrt(d!), the probabilists' Hermite polynomial, for inputs of unit variance (a layer_norm before).
 * By Mehler's formula K = q12^d, K. = d q12^(d-1), taken as if of unit variance for any input (network-format.md):
 *
 *     alpha' = alpha^d,   rho' = rho^d,   gap' = 1 - |rho|^d = -expm1(d log1p(-gap))
 */
#include "hot.h"

enum { DEGREE };          /* plan->k */
enum { POWER_, COLUMNS }; /* alpha^(d-1) */

#if defined(NTK_HOT)

static inline real power(real x, int d)
{
    real result = 1;
    for (int i = 0; i < d; ++i) result *= x;
    return result;
}

void NTK_HOT_NAME(hermite_pairs)(const ntk_plan *plan, const ntk_run *run);
void NTK_HOT_NAME(hermite_pairs)(const ntk_plan *plan, const ntk_run *run)
{
    state in = state_of(run, plan->input_slot), out = state_of(run, plan->output_slot);
    int d = (int)plan->k[DEGREE];
    real alpha = row_of(run, plan->first_column + POWER_);
    const real *beta = column_of(run, plan->first_column + POWER_);
    NTK_RUN_LOOP(j, run)
    {
        real rho = in.rho[j], gap = in.gap[j], below = d > 0 ? power(rho, d - 1) : 0;
        out.theta[j] = in.theta[j] * REAL(d) * alpha * beta[j] * below;
        out.rho[j] = d > 0 ? below * rho : 1;
        out.gap[j] = d > 0 ? -ntk_expm1(REAL(d) * ntk_log1p(-gap)) : 0;
    }
}

#else

#include <math.h>

NTK_VARIANTS(hermite_pairs)

static void hermite_constants(const double *p, double *k)
{
    k[DEGREE] = p[0];
}

static void hermite_norms(const ntk_plan *plan, int64_t n, double *table)
{
    double d = plan->k[DEGREE];
    for (int64_t i = 0; i < n; ++i) {
        double a = table[plan->input_alpha * n + i];
        table[plan->output_alpha * n + i] = pow(a, d);
        table[(plan->first_column + POWER_) * n + i] = d > 0 ? pow(a, d - 1) : 0;
    }
}

/* h_{l+1} = (x h_l - sqrt(l) h_{l-1}) / sqrt(l + 1) */
static double hermite_value(const double *p, double x)
{
    double last = 0, h = 1;
    for (int l = 0; l < (int)p[0]; ++l) {
        double next = (x * h - sqrt(l) * last) / sqrt(l + 1);
        last = h;
        h = next;
    }
    return h;
}

/* h_d' = sqrt(d) h_{d-1} */
static double hermite_derivative(const double *p, double x)
{
    double below = p[0] - 1;
    return p[0] > 0 ? sqrt(p[0]) * hermite_value(&below, x) : 0;
}

static const ntk_dual hermite_dual = {COLUMNS, NULL, hermite_constants, hermite_norms, &hermite_pairs};

static const ntk_key hermite_keys[] = {{.name = "degree", .type = NTK_KEY_INTEGER, .required = true, .least = 0, .most = 100}, {0}};

extern const ntk_activation ntk_activation_hermite;
const ntk_activation ntk_activation_hermite = {"hermite", hermite_keys, hermite_value, hermite_derivative, &hermite_dual, "normalised Hermite polynomial; for inputs of unit variance", 0};

#endif
