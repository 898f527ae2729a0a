/* A data set as a kernel wants it: checked, dense, with the work that is per sample done once. */
#include "kernel.h"

#include <string.h>

const char *ntk_class_types(const ntk_kernel_class *class)
{
    return class->takes == NTK_TAKES_BOTH ? "f64 or f32" : class->takes == NTK_TAKES_F64 ? "f64" : "f32";
}

/* By contraction of J: the class that takes masks. */
static bool contracts(const ntk_kernel *k)
{
    return k->class == &ntk_empirical_kernel || k->class == &ntk_empirical_kernel_f32;
}

ntk_status ntk_points_check(ntk_context *ctx, const ntk_kernel *k, const char *name, const ntk_array *x)
{
    ntk_status status = ntk_check_array(ctx, name, x);
    if (status != NTK_OK) return status;
    if (!ntk_class_takes(k->class, x->dtype))
        return ntk_fail(ctx, NTK_ERROR_DTYPE, "%s holds %s; the %s kernel takes %s%s", name, ntk_dtype_name(x->dtype), k->class->name,
                        ntk_class_types(k->class), k->theta ? ", the type of its theta" : "");
    if (k->network) return ntk_network_check_input(ctx, k->network, name, x, x->dtype);
    status = ntk_check_shape(ctx, name, x, x->dtype, NTK_SHAPE(-1, -1));
    return status == NTK_OK ? ntk_check_finite(ctx, name, x) : status;
}

ntk_status ntk_points_prepare(ntk_context *ctx, const ntk_kernel *k, ntk_points *points)
{
    return k->class->prepare ? k->class->prepare(ctx, k, points) : NTK_OK;
}

/* Does the network, or one of those in a blend, aggregate? */
static bool takes_graphs(const ntk_kernel *k)
{
    bool takes = k->count == 0 && k->network && ntk_network_nodes(k->network) > 0;
    for (int64_t i = 0; i < k->count; ++i) takes = takes || takes_graphs(k->parts[i]);
    return takes;
}

/* The parts of a blend take what is theirs when they are prepared. */
static ntk_status check_blend(ntk_context *ctx, const ntk_kernel *k, const char *name, const ntk_structure *structure)
{
    ntk_structure known;
    ntk_status status;
    NTK_TRY(NTK_OPTIONS_READ(ctx, structure, &known));
    if (known.graph && !takes_graphs(k)) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "the graph of %s is given, but no layer of the networks aggregates", name);
done:
    return status;
}

/* Only kernels of a network know positions. */
static ntk_status open_sites(ntk_context *ctx, const ntk_kernel *k, ntk_points *points)
{
    bool takes_masks = k->class == &ntk_spatial_kernel || k->class == &ntk_monte_carlo_kernel || (contracts(k) && k->keeps);
    ntk_status status;
    if (k->count > 0) return check_blend(ctx, k, points->name, points->structure);
    if (k->network) {
        NTK_TRY(ntk_sites_open(ctx, k->network, points->name, points->n, points->structure, &points->sites));
        if (points->sites.n_crops <= 1 || takes_masks) return NTK_OK;
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "%s has a mask, but the gram was made without one; give options.structure to ntk_gram_create()", points->name);
    }
    if (!points->structure) return NTK_OK;
    status = ntk_fail(ctx, NTK_ERROR_ARGUMENT, "the %s kernel takes no masks and graphs", k->class->name);
done:
    return status;
}

ntk_status ntk_points_place(ntk_context *ctx, const ntk_kernel *k, ntk_points *points)
{
    ntk_status status;
    ntk_structure own = {0};
    const ntk_structure *given = points->structure;
    NTK_TRY(NTK_OPTIONS_READ(ctx, given, &own));
    if ((k->count > 0 || k->network) && !takes_graphs(k)) own.graph = NULL; /* of another part of the blend */
    if (given) points->structure = own.mask || own.graph ? &own : NULL;
    status = open_sites(ctx, k, points);
    points->structure = given;
    if (status != NTK_OK || points->sites.n_crops <= 1) return status;
    NTK_TRY(ntk_allocate_raw(ctx, points->n * points->d, ntk_dtype_size(points->dtype), &points->copy));
    memcpy(points->copy, points->x, (size_t)(points->n * points->d) * ntk_dtype_size(points->dtype));
    ntk_sites_pack(&points->sites, points->dtype, points->copy);
    points->x = points->copy;
done:
    return status;
}

ntk_status ntk_points_open(ntk_context *ctx, const ntk_kernel *k, const char *name, const ntk_array *x, const ntk_structure *structure, bool keep,
                           ntk_points *points)
{
    ntk_status status;
    memset(points, 0, sizeof *points);
    NTK_TRY(ntk_points_check(ctx, k, name, x));
    points->dtype = x->dtype;
    points->n = x->shape[0];
    points->d = k->network ? ntk_network_input_size(k->network) : x->shape[1];
    points->name = name;
    points->structure = structure;
    NTK_TRY(open_sites(ctx, k, points));
    if (keep || points->sites.n_crops > 1) {
        NTK_TRY(ntk_copy_dense(ctx, x, &points->copy));
        ntk_sites_pack(&points->sites, x->dtype, points->copy);
        points->x = points->copy;
    } else {
        NTK_TRY(ntk_borrow(ctx, x, &points->x, &points->copy));
    }
    NTK_TRY(ntk_points_prepare(ctx, k, points));
done:
    points->name = NULL;
    points->structure = NULL;
    if (status != NTK_OK) ntk_points_close(k, points);
    return status;
}

void ntk_points_close(const ntk_kernel *k, ntk_points *points)
{
    if (points->prepared) k->class->release(points);
    points->prepared = NULL;
    ntk_free(points->copy);
    points->copy = NULL;
    ntk_sites_close(&points->sites);
}

ntk_status ntk_check_values(ntk_context *ctx, const char *what, ntk_dtype dtype, int64_t rows, int64_t n, const void *values, int64_t ld)
{
    for (int64_t i = 0; i < rows; ++i) {
        int64_t at = ntk_find_not_finite(dtype, (const char *)values + i * ld * (int64_t)ntk_dtype_size(dtype), n);
        if (at >= 0)
            return ntk_fail(ctx, NTK_ERROR_OVERFLOW, "%s exceeds the range of %s (at %lld, %lld)", what, ntk_dtype_name(dtype), (long long)i, (long long)at);
    }
    return NTK_OK;
}
