/*
 * exp(a, b): phi(x) = a e^(b x), and exp_normalized(gamma, shift), which is defined by its kernel alone.
 *
 *     exp              alpha' = |a| e^(b² q),  rho' = e^-h,  K. = b² K          h = b² E(u - v)²/2
 *     exp_normalized   alpha' = alpha e^(gamma (1 + shift)/2),  rho' = e^-h,  K. = gamma e^(gamma (rho + shift))     h = gamma (1 - rho)
 *
 * so gap' = 1 - e^-h = -expm1(-h) without cancellation: E(u - v)² = (alpha - beta)² + 2 alpha beta (1 - rho).
 */
#include "hot.h"

enum { A, B2, GAMMA, SHIFT }; /* plan->k: |a|, b² of exp; gamma, shift of exp_normalized */

#if defined(NTK_HOT)

void NTK_HOT_NAME(exp_pairs)(const ntk_plan *plan, const ntk_run *run);
void NTK_HOT_NAME(exp_pairs)(const ntk_plan *plan, const ntk_run *run)
{
    state in = state_of(run, plan->input_slot), out = state_of(run, plan->output_slot);
    real alpha = row_of(run, plan->input_alpha), after = row_of(run, plan->output_alpha), b2 = REAL(plan->k[B2]);
    const real *beta = column_of(run, plan->input_alpha), *afters = column_of(run, plan->output_alpha);
    NTK_RUN_LOOP(j, run)
    {
        real across = alpha - beta[j], h = b2 * (across * across / 2 + alpha * beta[j] * omega_of(in.rho[j], in.gap[j]));
        real gap = -ntk_expm1(-h);
        out.rho[j] = ntk_exp(-h);
        out.gap[j] = gap;
        out.theta[j] = in.theta[j] * b2 * after * afters[j] * out.rho[j];
    }
}

void NTK_HOT_NAME(exp_normalized_pairs)(const ntk_plan *plan, const ntk_run *run);
void NTK_HOT_NAME(exp_normalized_pairs)(const ntk_plan *plan, const ntk_run *run)
{
    state in = state_of(run, plan->input_slot), out = state_of(run, plan->output_slot);
    real gamma = REAL(plan->k[GAMMA]), shift = REAL(plan->k[SHIFT]);
    NTK_RUN_LOOP(j, run)
    {
        real h = gamma * omega_of(in.rho[j], in.gap[j]), rho = in.rho[j];
        out.rho[j] = ntk_exp(-h);
        out.gap[j] = 1 - ntk_exp(-h) < REAL(0.5) ? -ntk_expm1(-h) : 1 - ntk_exp(-h);
        out.theta[j] = in.theta[j] * gamma * ntk_exp(gamma * (rho + shift));
    }
}

#else

#include <math.h>

NTK_VARIANTS(exp_pairs)
NTK_VARIANTS(exp_normalized_pairs)

static double exp_value(const double *p, double x)
{
    return p[0] * exp(p[1] * x);
}

static double exp_derivative(const double *p, double x)
{
    return p[0] * p[1] * exp(p[1] * x);
}

static void exp_constants(const double *p, double *k)
{
    k[A] = fabs(p[0]);
    k[B2] = p[1] * p[1];
}

static void exp_norms(const ntk_plan *plan, int64_t n, double *table)
{
    const double *in = table + plan->input_alpha * n;
    for (int64_t i = 0; i < n; ++i) table[plan->output_alpha * n + i] = plan->k[A] * exp(plan->k[B2] * in[i] * in[i]);
}

static void exp_normalized_constants(const double *p, double *k)
{
    k[GAMMA] = p[0];
    k[SHIFT] = p[1];
}

static void exp_normalized_norms(const ntk_plan *plan, int64_t n, double *table)
{
    double scale = exp(plan->k[GAMMA] * (1 + plan->k[SHIFT]) / 2);
    for (int64_t i = 0; i < n; ++i) table[plan->output_alpha * n + i] = scale * table[plan->input_alpha * n + i];
}

static const ntk_dual exp_dual = {0, NULL, exp_constants, exp_norms, &exp_pairs}, exp_normalized_dual = {0, NULL, exp_normalized_constants, exp_normalized_norms, &exp_normalized_pairs};

static const ntk_key exp_keys[] = {{.name = "a", .type = NTK_KEY_NUMBER, .fallback = 1, .least = -INFINITY},
                                   {.name = "b", .type = NTK_KEY_NUMBER, .fallback = 1, .least = -INFINITY},
                                   {0}};
static const ntk_key exp_normalized_keys[] = {{.name = "gamma", .type = NTK_KEY_NUMBER, .fallback = 1, .least = 0},
                                              {.name = "shift", .type = NTK_KEY_NUMBER, .fallback = -1, .least = -INFINITY},
                                              {0}};

extern const ntk_activation ntk_activation_exp, ntk_activation_exp_normalized;
const ntk_activation ntk_activation_exp = {"exp", exp_keys, exp_value, exp_derivative, &exp_dual, "a exp(b x)", NTK_LAW_PRICE};
const ntk_activation ntk_activation_exp_normalized = {"exp_normalized", exp_normalized_keys, NULL, NULL, &exp_normalized_dual, "a kernel without a finite network: |u||v| exp(gamma (cos + shift))", NTK_LAW_PRICE};

#endif
