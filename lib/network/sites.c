/*
 * Masks and graphs: what comes with a data set beside its numbers.
 *
 * A mask is a prefix of ones along each axis, that is a box, so a masked sample is a smaller sample.  The network is compiled for every
 * size that occurs; sizes, paddings, means and refusals of masked samples are those of cropped ones because they are cropped ones.
 */
#include "network.h"

#include <math.h>
#include <string.h>

/* ---- numbers of any dtype -------------------------------------------------------------------------------------- */

/* The array as dense doubles, to be freed. */
static ntk_status to_doubles(ntk_context *ctx, const ntk_array *a, double **to)
{
    ntk_status status;
    const void *dense = NULL;
    void *copy = NULL;
    int64_t count = ntk_array_size(a);
    NTK_TRY(ntk_borrow(ctx, a, &dense, &copy));
    NTK_TRY(NTK_NEW_RAW(ctx, count, to));
    for (int64_t i = 0; i < count; ++i) {
        if (a->dtype == NTK_F64) (*to)[i] = ((const double *)dense)[i];
        else if (a->dtype == NTK_F32) (*to)[i] = (double)((const float *)dense)[i];
        else if (a->dtype == NTK_I64) (*to)[i] = (double)((const int64_t *)dense)[i];
        else (*to)[i] = (double)((const uint8_t *)dense)[i];
    }
done:
    ntk_free(copy);
    return status;
}

/* "the mask of x1" [n, shape...] as dense doubles, finite. */
static ntk_status read_array(ntk_context *ctx, const char *what, const char *name, const ntk_array *a, int ndim, const int64_t *shape, double **to)
{
    char title[64];
    ntk_status status;
    ntk_print(title, sizeof title, "the %s of %s", what, name);
    NTK_TRY(ntk_check_array(ctx, title, a));
    NTK_TRY(ntk_check_shape(ctx, title, a, a->dtype, ndim, shape));
    if (a->dtype == NTK_F64 || a->dtype == NTK_F32) NTK_TRY(ntk_check_finite(ctx, title, a));
    NTK_TRY(to_doubles(ctx, a, to));
done:
    return status;
}

/* ---- masks ----------------------------------------------------------------------------------------------------- */

/* Extents of the box of ones in one sample's mask; false if its ones are no such box, or none. */
static bool box_of(int axes, const int64_t *shape, const double *mask, int64_t *extents)
{
    int64_t positions = 1, ones = 0, inside = 1;
    for (int a = 0; a < axes; ++a) extents[a] = 0;
    for (int a = 0; a < axes; ++a) positions *= shape[a];
    for (int64_t p = 0; p < positions; ++p) {
        int64_t rest = p;
        if (mask[p] != 0 && mask[p] != 1) return false;
        if (mask[p] == 0) continue;
        ++ones;
        for (int a = axes - 1; a >= 0; rest /= shape[a--]) extents[a] = NTK_MAX(extents[a], rest % shape[a] + 1);
    }
    for (int a = 0; a < axes; ++a) inside *= extents[a];
    return ones > 0 && ones == inside; /* as many ones as the box around them holds */
}

/* Weights that belong to positions have no meaning for a sample of another size. */
static ntk_status check_partial(ntk_context *ctx, const ntk_network *network, const char *name, int64_t i)
{
    for (int64_t k = 0; k < network->n_steps; ++k) {
        const ntk_step *s = &network->steps[k];
        if (s->op != &ntk_op_flatten && s->op != &ntk_op_conv_local) continue;
        return ntk_fail_at(ctx, NTK_ERROR_ARGUMENT, s->layer->path,
                           "the mask of %s[%lld] is partial, and %s has weights for each position; use a global pool, or conv", name, (long long)i,
                           ntk_layer_name(s->layer));
    }
    return NTK_OK;
}

/* The network for inputs of these extents. */
static ntk_status compile_crop(ntk_context *ctx, const ntk_network *network, const char *name, int64_t i, const int64_t *extents, ntk_network **crop)
{
    char reason[sizeof ctx->message];
    ntk_heading heading = ntk_network_heading(network);
    ntk_layer_list layers = {0};
    ntk_status status;
    NTK_TRY(check_partial(ctx, network, name, i));
    memcpy(heading.shape, extents, (size_t)(network->ndim - 1) * sizeof *extents);
    NTK_TRY(ntk_layer_list_copy(ctx, &network->layers, &layers));
    status = ntk_network_create(ctx, &heading, &layers, crop);
    if (status != NTK_ERROR_NETWORK) goto done;
    ntk_print(reason, sizeof reason, "%s", ntk_context_error_message(ctx));
    status = ntk_fail(ctx, NTK_ERROR_ARGUMENT, "%s[%lld], cut to its mask, does not fit the network: %s", name, (long long)i, reason);
done:
    ntk_layer_list_clear(&layers);
    return status;
}

static bool same_extents(const ntk_network *network, const int64_t *extents)
{
    return memcmp(network->shape, extents, (size_t)(network->ndim - 1) * sizeof *extents) == 0;
}

/* The crop of sample i, new or known. */
static ntk_status find_crop(ntk_context *ctx, const ntk_network *network, const char *name, int64_t i, const int64_t *extents, ntk_sites *s)
{
    ntk_status status = NTK_OK;
    int64_t k = 0;
    while (k < s->n_crops && !same_extents(s->crops[k], extents)) ++k;
    if (k == s->n_crops) {
        NTK_TRY(compile_crop(ctx, network, name, i, extents, &s->crops[k]));
        ++s->n_crops;
    }
    s->crop[i] = (int32_t)k;
done:
    return status;
}

static ntk_status read_mask(ntk_context *ctx, const ntk_network *network, const char *name, const ntk_array *mask, ntk_sites *s)
{
    ntk_status status;
    double *dense = NULL;
    int axes = network->ndim - 1;
    int64_t shape[NTK_MAX_NDIM] = {s->n}, extents[NTK_MAX_NDIM], positions = network->values[0].size / network->shape[axes];
    if (axes == 0) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "the mask of %s is given, but an input of the network has no positions", name);
    memcpy(shape + 1, network->shape, (size_t)axes * sizeof *shape);
    NTK_TRY(read_array(ctx, "mask", name, mask, axes + 1, shape, &dense));
    for (int64_t i = 0; i < s->n; ++i) {
        if (!box_of(axes, network->shape, dense + i * positions, extents))
            NTK_TRY(ntk_fail(ctx, NTK_ERROR_ARGUMENT, "the mask of %s[%lld] is not a prefix of ones along each axis, zeros behind it", name, (long long)i));
        NTK_TRY(find_crop(ctx, network, name, i, extents, s));
    }
done:
    ntk_free(dense);
    return status;
}

/* ---- graphs ---------------------------------------------------------------------------------------------------- */

/* The next step that aggregates, from k on; NULL: none. */
static const ntk_step *next_aggregate(const ntk_network *network, int64_t *k)
{
    while (*k < network->n_steps && network->steps[*k].op != &ntk_op_aggregate) ++*k;
    return *k < network->n_steps ? &network->steps[(*k)++] : NULL;
}

int64_t ntk_network_nodes(const ntk_network *network)
{
    int64_t k = 0;
    const ntk_step *s = next_aggregate(network, &k);
    return s ? network->values[s->output].shape[0] : 0;
}

static ntk_status check_nodes(ntk_context *ctx, const ntk_network *network)
{
    const ntk_step *s;
    int64_t nodes = ntk_network_nodes(network);
    for (int64_t k = 0; (s = next_aggregate(network, &k)) != NULL;)
        if (network->values[s->output].shape[0] != nodes)
            return ntk_fail_at(ctx, NTK_ERROR_ARGUMENT, s->layer->path, "aggregate meets %lld nodes, the one before it %lld: one graph has one size",
                               (long long)network->values[s->output].shape[0], (long long)nodes);
    return NTK_OK;
}

/* Of a cropped sample the edges of its nodes to the front. */
static void pack_graph(int64_t nodes, int64_t valid, double *graph)
{
    for (int64_t i = 0; i < valid; ++i) memmove(graph + i * valid, graph + i * nodes, (size_t)valid * sizeof *graph);
}

/* Whose size it has to have, says the layer that reads it. */
static ntk_status check_graph(ntk_context *ctx, const ntk_step *aggregate, const char *name, const ntk_array *graph, int ndim, const int64_t *shape)
{
    char title[64], is[NTK_SHAPE_TEXT], should[NTK_SHAPE_TEXT];
    ntk_status status;
    ntk_print(title, sizeof title, "the graph of %s", name);
    NTK_TRY(ntk_check_array(ctx, title, graph));
    if (graph->ndim != ndim || memcmp(graph->shape, shape, (size_t)ndim * sizeof *shape) != 0)
        status = ntk_fail_at(ctx, NTK_ERROR_SHAPE, aggregate->layer->path, "%s has shape %s; expected %s", title, ntk_shape_text(is, graph->ndim, graph->shape),
                             ntk_shape_text(should, ndim, shape));
done:
    return status;
}

static ntk_status read_graph(ntk_context *ctx, const ntk_network *network, const char *name, const ntk_array *graph, ntk_sites *s)
{
    ntk_status status = NTK_OK;
    int64_t k = 0;
    const ntk_step *first = next_aggregate(network, &k);
    if (!first && !graph) return NTK_OK;
    if (!first) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "the graph of %s is given, but no layer of the network aggregates", name);
    if (!graph) return ntk_fail_at(ctx, NTK_ERROR_ARGUMENT, first->layer->path, "aggregate needs the graph of %s", name);
    s->nodes = ntk_network_nodes(network);
    for (int64_t c = 0; c < s->n_crops; ++c) NTK_TRY(check_nodes(ctx, s->crops[c]));
    NTK_TRY(check_graph(ctx, first, name, graph, NTK_SHAPE(s->n, s->nodes, s->nodes)));
    NTK_TRY(read_array(ctx, "graph", name, graph, NTK_SHAPE(s->n, s->nodes, s->nodes), &s->graph));
    for (int64_t i = 0; i < s->n; ++i) pack_graph(s->nodes, ntk_network_nodes(s->crops[s->crop[i]]), s->graph + i * s->nodes * s->nodes);
done:
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

ntk_status ntk_sites_open(ntk_context *ctx, const ntk_network *network, const char *name, int64_t n, const ntk_structure *structure, ntk_sites *sites)
{
    ntk_status status;
    ntk_structure known;
    int64_t k = 0;
    *sites = (ntk_sites){.n = n};
    NTK_TRY(NTK_OPTIONS_READ(ctx, structure, &known));
    if (!known.mask && !known.graph && !next_aggregate(network, &k)) return NTK_OK;
    NTK_TRY(NTK_NEW(ctx, n + 1, &sites->crops));
    NTK_TRY(NTK_NEW(ctx, n, &sites->crop));
    sites->crops[sites->n_crops++] = ntk_retain(network);
    if (known.mask) NTK_TRY(read_mask(ctx, network, name, known.mask, sites));
    NTK_TRY(read_graph(ctx, network, name, known.graph, sites));
done:
    return status;
}

void ntk_sites_close(ntk_sites *sites)
{
    for (int64_t k = 0; k < sites->n_crops; ++k) ntk_network_destroy(sites->crops[k]);
    ntk_free(sites->crops);
    ntk_free(sites->crop);
    ntk_free(sites->graph);
    *sites = (ntk_sites){0};
}

int64_t ntk_sites_place(const ntk_value *whole, const ntk_value *cropped, int64_t p)
{
    int64_t place = 0, stride = 1;
    for (int a = whole->ndim - 2; a >= 0; --a) {
        place += p % cropped->shape[a] * stride;
        p /= cropped->shape[a];
        stride *= whole->shape[a];
    }
    return place;
}

void ntk_sites_pack(const ntk_sites *sites, ntk_dtype dtype, void *x)
{
    for (int64_t i = 0; sites->n_crops > 1 && i < sites->n; ++i) {
        const ntk_value *whole = &sites->crops[0]->values[0], *cropped = &sites->crops[sites->crop[i]]->values[0];
        size_t bytes = (size_t)whole->shape[whole->ndim - 1] * ntk_dtype_size(dtype), total = (size_t)whole->size * ntk_dtype_size(dtype);
        int64_t positions = cropped->size / whole->shape[whole->ndim - 1];
        char *sample = (char *)x + (size_t)i * total;
        for (int64_t p = 0; p < positions; ++p) memmove(sample + (size_t)p * bytes, sample + (size_t)ntk_sites_place(whole, cropped, p) * bytes, bytes);
        memset(sample + (size_t)positions * bytes, 0, total - (size_t)positions * bytes);
    }
}

const ntk_network *ntk_sites_network(const ntk_sites *sites, const ntk_network *network, int64_t i)
{
    return sites->n_crops > 0 ? sites->crops[sites->crop[i]] : network;
}

const double *ntk_sites_graph(const ntk_sites *sites, int64_t i)
{
    return sites->graph ? sites->graph + i * sites->nodes * sites->nodes : NULL;
}
