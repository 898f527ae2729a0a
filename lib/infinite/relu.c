/*
 * The ReLU family abrelu(a, b): phi(x) = a min(x, 0) + b max(x, 0), one file for relu, leaky_relu, abs, abrelu.
 *
 * With cos t = |rho| (t in [0, pi/2]), g(t) = sin t - t cos t, kappa = (a² + b²)/2, c = ab/kappa in [-1, 1] and s = (1 - c)/pi
 * (docs/mathematics.md §3.1 and §4.2 step 3, rewritten in c):
 *
 *     alpha' = sqrt(kappa) alpha
 *     rho >= 0:   1 - rho' = w - s g,                         K. = kappa (1 - s t)            w = 1 - |rho| = gap
 *     rho <  0:       rho' = s g - c (1 - w),                 K. = kappa (c + s t)
 *
 * so that gap' = w - s g on the near side and, on the far side, (1 + c) - c w - s g or (1 - c) + c w + s g as rho' is
 * positive or negative.  The subtraction w - s g is harmless: g = O(w^(3/2)), and g <= w everywhere.
 * t and g come from w by angle.h.
 */
#include "hot.h"

enum { KAPPA = NTK_RELU_KAPPA, C = NTK_RELU_C, S = NTK_RELU_S, ROOT_KAPPA = NTK_RELU_ROOT_KAPPA }; /* plan->k */

#if defined(NTK_HOT)

#include "angle.h"

void NTK_HOT_NAME(relu_pairs)(const ntk_plan *plan, const ntk_run *run);
void NTK_HOT_NAME(relu_pairs)(const ntk_plan *plan, const ntk_run *run)
{
    state in = state_of(run, plan->input_slot), out = state_of(run, plan->output_slot);
    real kappa = REAL(plan->k[KAPPA]), c = REAL(plan->k[C]), s = REAL(plan->k[S]);
    NTK_RUN_LOOP(j, run)
    {
        real rho = in.rho[j], w = in.gap[j], t = angle_of(w), sg = s * lens_of(w);
        bool near = rho >= 0;
        real far_rho = sg - c * (1 - w);
        real far_gap = far_rho >= 0 ? (1 + c) - c * w - sg : (1 - c) + c * w + sg;
        real gap = near ? w - sg : far_gap;
        out.gap[j] = gap;
        out.rho[j] = near ? 1 - gap : far_rho;
        out.theta[j] = in.theta[j] * kappa * (near ? 1 - s * t : c + s * t);
    }
}

#else

#include <math.h>

NTK_VARIANTS(relu_pairs)

static void constants_of(double a, double b, double *k)
{
    k[KAPPA] = (a * a + b * b) / 2;
    k[C] = k[KAPPA] > 0 ? a * b / k[KAPPA] : 0;
    k[S] = (1 - k[C]) / M_PI;
    k[ROOT_KAPPA] = sqrt(k[KAPPA]);
}

static void relu_norms(const ntk_plan *plan, int64_t n, double *table)
{
    for (int64_t i = 0; i < n; ++i) table[plan->output_alpha * n + i] = plan->k[ROOT_KAPPA] * table[plan->input_alpha * n + i];
}

/* One line per member of the family: how its keys give the slopes a (left) and b (right). */
#define FAMILY(member, left, right)                                                               \
    static double member##_value(const double *p, double x)                                       \
    {                                                                                             \
        (void)p;                                                                                  \
        return x > 0 ? (right) * x : (left) * x;                                                  \
    }                                                                                             \
    static double member##_derivative(const double *p, double x)                                  \
    {                                                                                             \
        (void)p;                                                                                  \
        return x > 0 ? (right) : (left);                                                          \
    }                                                                                             \
    static void member##_constants(const double *p, double *k)                                    \
    {                                                                                             \
        (void)p;                                                                                  \
        constants_of(left, right, k);                                                             \
    }                                                                                             \
    static const ntk_dual member##_dual = {0, NULL, member##_constants, relu_norms, &relu_pairs};

FAMILY(relu, 0.0, 1.0)
FAMILY(leaky_relu, p[0], 1.0)
FAMILY(abrelu, p[0], p[1])
FAMILY(abs, -1.0, 1.0)

static const ntk_key leaky_relu_keys[] = {{.name = "alpha", .type = NTK_KEY_NUMBER, .required = true, .least = -INFINITY}, {0}};
static const ntk_key abrelu_keys[] = {{.name = "a", .type = NTK_KEY_NUMBER, .required = true, .least = -INFINITY},
                                      {.name = "b", .type = NTK_KEY_NUMBER, .required = true, .least = -INFINITY},
                                      {0}};

extern const ntk_activation ntk_activation_relu, ntk_activation_leaky_relu, ntk_activation_abrelu, ntk_activation_abs;
const ntk_activation ntk_activation_relu = {"relu", NULL, relu_value, relu_derivative, &relu_dual, "max(x, 0)", NTK_LAW_PRICE | NTK_LAW_HOMOGENEOUS};
const ntk_activation ntk_activation_leaky_relu = {"leaky_relu", leaky_relu_keys, leaky_relu_value, leaky_relu_derivative, &leaky_relu_dual, "alpha min(x, 0) + max(x, 0)", NTK_LAW_PRICE | NTK_LAW_HOMOGENEOUS};
const ntk_activation ntk_activation_abrelu = {"abrelu", abrelu_keys, abrelu_value, abrelu_derivative, &abrelu_dual, "a min(x, 0) + b max(x, 0); abrelu(1, 1) is the identity", NTK_LAW_PRICE | NTK_LAW_HOMOGENEOUS};
const ntk_activation ntk_activation_abs = {"abs", NULL, abs_value, abs_derivative, &abs_dual, "|x| = abrelu(-1, 1)", NTK_LAW_PRICE | NTK_LAW_HOMOGENEOUS};

#endif
