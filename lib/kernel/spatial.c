/* The infinite-width kernel of a network whose values have positions as a class of kernel: what is per sample is its table. */
#include "kernel.h"

static ntk_spatial_side side_of(const ntk_kernel *k, const ntk_points *p, int64_t first, int64_t n)
{
    int64_t size = (int64_t)ntk_dtype_size(p->dtype);
    return (ntk_spatial_side){n, (const char *)p->x + first * p->d * size, (const char *)p->prepared + first * ntk_spatial_table_size(k->reading) * size,
                              first, &p->sites, p->readings};
}

static ntk_status prepare(ntk_context *ctx, const ntk_kernel *k, ntk_points *points)
{
    int64_t size;
    ntk_spatial_side side;
    ntk_status status;
    if (ntk_network_nodes(k->network) > 0 && !points->sites.graph)
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "the network aggregates over graphs, which this call has no place for");
    NTK_TRY(ntk_size_product(ctx, "the norms of all positions", points->n, ntk_spatial_table_size(k->reading), &size));
    NTK_TRY(ntk_memory_require(ctx, "the norms of all positions", (double)size * (double)ntk_dtype_size(points->dtype)));
    NTK_TRY(ntk_allocate_raw(ctx, size, ntk_dtype_size(points->dtype), &points->prepared));
    if (points->sites.n_crops > 1) NTK_TRY(ntk_readings_create(ctx, k->reading, &points->sites, &points->readings));
    side = side_of(k, points, 0, points->n);
    NTK_TRY(ntk_spatial_tables(ctx, k->reading, points->dtype, &side, points->prepared));
done:
    return status;
}

static void release(ntk_points *points)
{
    ntk_free(points->prepared);
    ntk_readings_destroy(points->readings, points->sites.n_crops);
}

static ntk_status block(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, int64_t row, int64_t m, const ntk_points *b,
                        int64_t column, int64_t n, const ntk_tile *tile)
{
    ntk_spatial_side rows = side_of(k, a, row, m), columns = side_of(k, b, column, n);
    ntk_results out = ntk_tile_results(tile);
    return ntk_spatial_tile(ctx, k->reading, a->dtype, &rows, &columns, a == b ? row - column : NTK_ALL_PAIRS, false, &out);
}

static ntk_status diagonal(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, int64_t row, int64_t m, const ntk_tile *tile)
{
    ntk_spatial_side side = side_of(k, a, row, m);
    ntk_results out = ntk_tile_results(tile);
    return ntk_spatial_tile(ctx, k->reading, a->dtype, &side, &side, 0, true, &out);
}

static void cost(const ntk_context *ctx, const ntk_kernel *k, ntk_dtype dtype, int64_t n, ntk_cost *cost)
{
    double workers = ntk_parallel_workers(ctx), field = (double)ntk_spatial_field_size(k->reading), pair = ntk_spatial_pair_flops(k->reading);
    *cost = (ntk_cost){.prepared = (double)ntk_spatial_table_size(k->reading) * (double)ntk_dtype_size(dtype) * (double)n};
    cost->preparing = workers * 8 * (double)ntk_spatial_scratch_size(k->reading);
    cost->tile = cost->diagonal = workers * field * (double)ntk_dtype_size(dtype);
    cost->sample = k->reading->across ? pair : 0;
    cost->pair = pair;
}

const ntk_kernel_class ntk_spatial_kernel = {"infinite-width", NTK_TAKES_BOTH, false, 0.02, prepare, release, block, diagonal, cost};
