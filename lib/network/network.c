/* The handle of a description, its head and its getters. */
#include "network.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- the head -------------------------------------------------------------------------------------------------- */

ntk_status ntk_heading_set_input(ntk_context *ctx, ntk_heading *heading, int64_t ndim, const ntk_given *extents)
{
    char name[32];
    double extent;
    ntk_status status = NTK_OK;
    if (ndim < 1 || ndim >= NTK_MAX_NDIM)
        return ntk_fail(ctx, NTK_ERROR_NETWORK, "input has %lld axes; expected 1 to %d", (long long)ndim, NTK_MAX_NDIM - 1);
    heading->ndim = (int)ndim;
    for (int i = 0; i < heading->ndim; ++i) {
        snprintf(name, sizeof name, "input[%d]", i);
        NTK_TRY(ntk_key_read(ctx, NULL, &(ntk_key){name, NTK_KEY_INTEGER, .least = 1}, &extents[i], &extent));
        heading->shape[i] = (int64_t)extent;
    }
done:
    return status;
}

ntk_status ntk_heading_set_parameterization(ntk_context *ctx, ntk_heading *heading, const ntk_given *given)
{
    double value = 0;
    ntk_status status = ntk_key_read(ctx, NULL, &ntk_parameterization_key, given, &value);
    heading->parameterization = (ntk_parameterization)value;
    heading->parameterization_given = true;
    return status;
}

ntk_heading ntk_network_heading(const ntk_network *network)
{
    ntk_heading heading = {.ndim = network->ndim, .parameterization = network->parameterization, .parameterization_given = network->parameterization_given};
    memcpy(heading.shape, network->shape, sizeof heading.shape);
    return heading;
}

/* ---- the handle ------------------------------------------------------------------------------------------------ */

ntk_status ntk_network_create(ntk_context *ctx, const ntk_heading *heading, ntk_layer_list *layers, ntk_network **network)
{
    ntk_status status;
    ntk_network *n = NULL;
    NTK_ENTER_NEW(ctx, network);
    NTK_TRY(NTK_NEW_HANDLE(ctx, &n));
    n->ndim = heading->ndim;
    memcpy(n->shape, heading->shape, sizeof n->shape);
    n->parameterization = heading->parameterization;
    n->parameterization_given = heading->parameterization_given;
    n->layers = *layers;
    *layers = (ntk_layer_list){0};
    NTK_TRY(ntk_network_compile(ctx, n));
    *network = n;
    n = NULL;
done:
    ntk_network_destroy(n);
    return status;
}

void ntk_network_destroy(ntk_network *network)
{
    if (!ntk_object_release(network)) return;
    ntk_free(network->inputs);
    ntk_free(network->parts);
    ntk_free(network->values);
    ntk_free(network->steps);
    ntk_layer_list_clear(&network->layers);
    ntk_free(network);
}

int64_t ntk_network_parameters(const ntk_network *network)
{
    return network ? network->n_parameters : -1;
}

int64_t ntk_network_outputs(const ntk_network *network)
{
    return network ? network->values[network->result].size : -1;
}

int64_t ntk_network_layers(const ntk_network *network)
{
    return network ? network->n_parametric : -1;
}

int ntk_network_input(const ntk_network *network, int64_t shape[NTK_MAX_NDIM])
{
    if (!network) return -1;
    for (int i = 0; shape && i < network->ndim; ++i) shape[i] = network->shape[i];
    return network->ndim;
}

/* ---- for the rooms above --------------------------------------------------------------------------------------- */

int64_t ntk_network_input_size(const ntk_network *network)
{
    return network->values[0].size;
}

ntk_status ntk_network_check_input(ntk_context *ctx, const ntk_network *network, const char *name, const ntk_array *x, ntk_dtype dtype)
{
    int64_t shape[NTK_MAX_NDIM] = {-1};
    ntk_status status;
    memcpy(shape + 1, network->shape, (size_t)network->ndim * sizeof shape[0]);
    NTK_TRY(ntk_check_shape(ctx, name, x, dtype, network->ndim + 1, shape));
    NTK_TRY(ntk_check_finite(ctx, name, x));
done:
    return status;
}

/* The table of network-format.md, "Parameterizations". */
ntk_affine ntk_step_affine(const ntk_step *step)
{
    double shrink = 1 / sqrt((double)step->fan_in);
    const ntk_affine table[] = {
        [NTK_PARAMETERIZATION_NTK] = {step->w_std * shrink, step->b_std, 1, 1},
        [NTK_PARAMETERIZATION_STANDARD] = {1, 1, step->w_std * shrink, step->b_std},
        [NTK_PARAMETERIZATION_TEXTBOOK] = {step->first ? 1 : shrink, 1, step->w_std, step->b_std},
    };
    return table[step->parameterization];
}
