/* The table of activations.  Each record lives in lib/infinite, in one file with its closed form. */
#include "network.h"

extern const ntk_activation ntk_activation_relu, ntk_activation_leaky_relu, ntk_activation_abrelu, ntk_activation_abs, ntk_activation_erf,
    ntk_activation_sigmoid_like;

const ntk_activation *const ntk_activations[] = {
    &ntk_activation_relu, &ntk_activation_leaky_relu,   &ntk_activation_abrelu, &ntk_activation_abs,
    &ntk_activation_erf,  &ntk_activation_sigmoid_like, NULL,
};

int ntk_activation_count(void)
{
    return (int)NTK_ARRAY_LENGTH(ntk_activations) - 1;
}

const char *ntk_activation_name(int index)
{
    return index >= 0 && index < ntk_activation_count() ? ntk_activations[index]->name : NULL;
}
