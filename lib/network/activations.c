/* The table of activations.  Each record lives in lib/infinite, in one file with its closed form. */
#include "network.h"

extern const ntk_activation ntk_activation_relu, ntk_activation_leaky_relu, ntk_activation_abrelu, ntk_activation_abs,
    ntk_activation_sign, ntk_activation_erf, ntk_activation_sigmoid_like, ntk_activation_gelu, ntk_activation_sin,
    ntk_activation_cos, ntk_activation_rbf, ntk_activation_gabor, ntk_activation_exp, ntk_activation_gaussian,
    ntk_activation_exp_normalized, ntk_activation_hermite, ntk_activation_monomial, ntk_activation_polynomial, ntk_activation_rectified_monomial,
    ntk_activation_tanh, ntk_activation_sigmoid, ntk_activation_silu, ntk_activation_softplus, ntk_activation_elu, ntk_activation_selu;

const ntk_activation *const ntk_activations[] = {
    &ntk_activation_relu,
    &ntk_activation_leaky_relu,
    &ntk_activation_abrelu,
    &ntk_activation_abs,
    &ntk_activation_sign,
    &ntk_activation_erf,
    &ntk_activation_sigmoid_like,
    &ntk_activation_gelu,
    &ntk_activation_sin,
    &ntk_activation_cos,
    &ntk_activation_rbf,
    &ntk_activation_gabor,
    &ntk_activation_exp,
    &ntk_activation_gaussian,
    &ntk_activation_exp_normalized,
    &ntk_activation_hermite,
    &ntk_activation_monomial,
    &ntk_activation_polynomial,
    &ntk_activation_rectified_monomial,
    &ntk_activation_tanh,
    &ntk_activation_sigmoid,
    &ntk_activation_silu,
    &ntk_activation_softplus,
    &ntk_activation_elu,
    &ntk_activation_selu,
    NULL,
};

int ntk_activation_count(void)
{
    return (int)NTK_ARRAY_LENGTH(ntk_activations) - 1;
}

const char *ntk_activation_name(int index)
{
    return index >= 0 && index < ntk_activation_count() ? ntk_activations[index]->name : NULL;
}
