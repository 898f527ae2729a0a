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

/* Only kernels of a network know positions. */
static ntk_status open_sites(ntk_context *ctx, const ntk_kernel *k, const char *name, const ntk_structure *structure, ntk_points *points)
{
    bool takes_masks = k->class == &ntk_spatial_kernel || (contracts(k) && k->keeps);
    ntk_status status;
    if (k->network && k->class != &ntk_monte_carlo_kernel && k->class != &ntk_blend_kernel) {
        NTK_TRY(ntk_sites_open(ctx, k->network, name, points->n, structure, &points->sites));
        if (points->sites.n_crops <= 1 || takes_masks) return NTK_OK;
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "%s has a mask, but the gram was made without one; give options.structure to ntk_gram_create()", name);
    }
    if (!structure) return NTK_OK;
    status = ntk_fail(ctx, NTK_ERROR_ARGUMENT, "the %s kernel takes no masks and graphs", k->class->name);
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
    NTK_TRY(open_sites(ctx, k, name, structure, points));
    if (keep || points->sites.n_crops > 1) {
        NTK_TRY(ntk_copy_dense(ctx, x, &points->copy));
        ntk_sites_pack(&points->sites, x->dtype, points->copy);
        points->x = points->copy;
    } else {
        NTK_TRY(ntk_borrow(ctx, x, &points->x, &points->copy));
    }
    NTK_TRY(ntk_points_prepare(ctx, k, points));
done:
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
