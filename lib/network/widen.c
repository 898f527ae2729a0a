/*
 * The same network at another width: every hidden parametric layer gets `width` units.
 *
 * Hidden is a layer whose result another parametric layer reads, whatever lies between them; the others carry the outputs.
 * The limit of infinite width is that of these widths, all at once.
 */
#include "network.h"

/* Of every value, whether a parametric step reads it, itself or what was made of it. */
static void find_heard(const ntk_network *network, bool *heard)
{
    for (int64_t i = network->n_steps - 1; i >= 0; --i) {
        const ntk_step *s = &network->steps[i];
        for (int j = 0; j < s->n_inputs; ++j) heard[s->inputs[j]] |= s->parametric >= 0 || heard[s->output];
    }
}

/* The layers belong to `own`, which only this file has seen; its program points at them as const. */
static void set_widths(ntk_network *own, const bool *heard, int64_t width)
{
    for (int64_t i = 0; i < own->n_steps; ++i)
        if (own->steps[i].parametric >= 0 && heard[own->steps[i].output]) ((ntk_layer *)own->steps[i].layer)->value[NTK_DENSE_UNITS] = (double)width;
}

ntk_status ntk_network_widen(ntk_context *ctx, const ntk_network *network, int64_t width, ntk_network **wide)
{
    ntk_status status;
    ntk_heading heading;
    ntk_layer_list layers = {0};
    ntk_network *own = NULL;
    bool *heard = NULL;
    NTK_ENTER_NEW(ctx, wide);
    NTK_REQUIRE(ctx, network);
    if (width < 1) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "width is %lld; expected at least 1", (long long)width);
    heading = ntk_network_heading(network);
    NTK_TRY(ntk_layer_list_copy(ctx, &network->layers, &layers));
    NTK_TRY(ntk_network_create(ctx, &heading, &layers, &own));
    NTK_TRY(NTK_NEW(ctx, own->n_values, &heard));
    find_heard(own, heard);
    set_widths(own, heard, width);
    NTK_TRY(ntk_network_create(ctx, &heading, &own->layers, wide));
done:
    ntk_free(heard);
    ntk_network_destroy(own);
    ntk_layer_list_clear(&layers);
    return status;
}
