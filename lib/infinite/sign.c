/*
 * sign: K = 1 - 2 t/pi with t the angle between the two inputs, K. = 0 (a finite network has no gradient through a jump).
 *
 * alpha' = 1, and with t the smaller angle (angle.h):   gap' = 2 t/pi,  rho' = ±(1 - gap').
 * sign(0) = 0, so a zero sample stays zero.
 */
#include "hot.h"

#if defined(NTK_HOT)

#include "angle.h"

void NTK_HOT_NAME(sign_pairs)(const ntk_plan *plan, const ntk_run *run);
void NTK_HOT_NAME(sign_pairs)(const ntk_plan *plan, const ntk_run *run)
{
    state in = state_of(run, plan->input_slot), out = state_of(run, plan->output_slot);
    NTK_RUN_LOOP(j, run)
    {
        real rho = in.rho[j], gap = REAL(0.63661977236758134308) * angle_of(in.gap[j]); /* 2/pi */
        out.gap[j] = gap;
        out.rho[j] = rho >= 0 ? 1 - gap : gap - 1;
        out.theta[j] = 0;
    }
}

#else

NTK_VARIANTS(sign_pairs)

static double sign_value(const double *p, double x)
{
    (void)p;
    return (x > 0) - (x < 0);
}

static double sign_derivative(const double *p, double x)
{
    (void)p;
    (void)x;
    return 0;
}

static void sign_constants(const double *p, double *k)
{
    (void)p;
    (void)k;
}

static void sign_norms(const ntk_plan *plan, int64_t n, double *table)
{
    for (int64_t i = 0; i < n; ++i) table[plan->output_alpha * n + i] = table[plan->input_alpha * n + i] > 0;
}

static const ntk_dual sign_dual = {0, NULL, sign_constants, sign_norms, &sign_pairs};

extern const ntk_activation ntk_activation_sign;
const ntk_activation ntk_activation_sign = {"sign", NULL, sign_value, sign_derivative, &sign_dual, "the limit of erf(b x) for large b; no gradient passes", 0};

#endif
