/*
 * Activations whose kernels have no closed form: tanh, sigmoid, silu, softplus (analytic), elu and selu (a kink
 * at zero, and the jumps of all derivatives there).  They are looked up as a function of the program's own is (lookup.h).  Each is written so that nothing overflows and small arguments keep their digits.
 *
 *     elu(alpha) = x > 0 ? x : alpha (e^x - 1):  phi^(r)(0+) - phi^(r)(0-) = [r = 1] - alpha
 */
#include "lookup.h"

#include <math.h>

#define SELU_SCALE 1.0507009873554804934193349852946 /* Klambauer et al. 2017: mean 0 and variance 1 are a fixed point */
#define SELU_ALPHA 1.6732632423543772848170429916717

/* 1/(1 + e^-x) */
static double logistic(double x)
{
    double e = exp(-fabs(x));
    return x >= 0 ? 1 / (1 + e) : e / (1 + e);
}

/* Its derivative, e/(1 + e)², even in x. */
static double bell(double x)
{
    double e = exp(-fabs(x));
    return e / ((1 + e) * (1 + e));
}

static double elu_of(double scale, double alpha, double x)
{
    return scale * (x > 0 ? x : alpha * expm1(x));
}

static double elu_slope(double scale, double alpha, double x)
{
    return scale * (x > 0 ? 1 : alpha * exp(x));
}

static void elu_jumps(double scale, double alpha, double *k)
{
    k[0] = NTK_PIECES_SLOPES;
    for (int r = 0; r < NTK_PIECES_SLOPES; ++r) k[1 + r] = scale * ((r == 0) - alpha);
}

#define FUNCTION(name, expression)                     \
    static double name(const double *p, double x)      \
    {                                                  \
        (void)p;                                       \
        return expression;                             \
    }
FUNCTION(tanh_value, tanh(x))
FUNCTION(tanh_derivative, 4 * bell(2 * x))
FUNCTION(sigmoid_value, logistic(x))
FUNCTION(sigmoid_derivative, bell(x))
FUNCTION(silu_value, x * logistic(x))
FUNCTION(silu_derivative, logistic(x) + x * bell(x))
FUNCTION(softplus_value, fmax(x, 0) + log1p(exp(-fabs(x))))
FUNCTION(softplus_derivative, logistic(x))
FUNCTION(elu_value, elu_of(1, p[0], x))
FUNCTION(elu_derivative, elu_slope(1, p[0], x))
FUNCTION(selu_value, elu_of(SELU_SCALE, SELU_ALPHA, x))
FUNCTION(selu_derivative, elu_slope(SELU_SCALE, SELU_ALPHA, x))

static void elu_constants(const double *p, double *k)
{
    elu_jumps(1, p[0], k);
}

static void selu_constants(const double *p, double *k)
{
    (void)p;
    elu_jumps(SELU_SCALE, SELU_ALPHA, k);
}

static const ntk_dual elu_dual = {NTK_LOOKUP_COLUMNS, NULL, elu_constants, ntk_lookup_norms, &ntk_own_pairs};
static const ntk_dual selu_dual = {NTK_LOOKUP_COLUMNS, NULL, selu_constants, ntk_lookup_norms, &ntk_own_pairs};

static const ntk_key elu_keys[] = {{.name = "alpha", .type = NTK_KEY_NUMBER, .fallback = 1, .least = -INFINITY}, {0}};

extern const ntk_activation ntk_activation_tanh, ntk_activation_sigmoid, ntk_activation_silu, ntk_activation_softplus, ntk_activation_elu,
    ntk_activation_selu;
const ntk_activation ntk_activation_tanh = {"tanh", NULL, tanh_value, tanh_derivative, &ntk_own_dual, "hyperbolic tangent", NTK_LAW_PRICE};
const ntk_activation ntk_activation_sigmoid = {"sigmoid", NULL, sigmoid_value, sigmoid_derivative, &ntk_own_dual, "1 / (1 + e^-x), the logistic function", NTK_LAW_PRICE};
const ntk_activation ntk_activation_silu = {"silu", NULL, silu_value, silu_derivative, &ntk_own_dual, "x sigmoid(x), also called swish", NTK_LAW_PRICE};
const ntk_activation ntk_activation_softplus = {"softplus", NULL, softplus_value, softplus_derivative, &ntk_own_dual, "log(1 + e^x)", NTK_LAW_PRICE};
const ntk_activation ntk_activation_elu = {"elu", elu_keys, elu_value, elu_derivative, &elu_dual, "x > 0: x, else alpha (e^x - 1)", NTK_LAW_PRICE};
const ntk_activation ntk_activation_selu = {"selu", NULL, selu_value, selu_derivative, &selu_dual, "1.0507 elu(1.6733): keeps mean 0 and variance 1", NTK_LAW_PRICE};
