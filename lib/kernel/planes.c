/* The infinite-width kernel of a chain of convolutions as a class of kernel: what is per sample are the norms before every activation. */
#include "kernel.h"

typedef struct prepared {
    void *norms;
    double *units;
} prepared;

static void release(ntk_points *points)
{
    prepared *p = points->prepared;
    ntk_free(p->norms);
    ntk_free(p->units);
    ntk_free(p);
}

static ntk_status prepare(ntk_context *ctx, const ntk_kernel *k, ntk_points *points)
{
    const ntk_planes *planes = k->reading->planes;
    int64_t size;
    prepared *p = NULL;
    ntk_status status = NTK_NEW(ctx, 1, &p);
    points->prepared = p;
    if (status != NTK_OK) return status;
    NTK_TRY(ntk_size_product(ctx, "the norms of all positions", points->n, ntk_planes_numbers(planes), &size));
    NTK_TRY(ntk_memory_require(ctx, "the norms of all positions", (double)size * (double)ntk_dtype_size(points->dtype)));
    NTK_TRY(ntk_allocate_raw(ctx, size, ntk_dtype_size(points->dtype), &p->norms));
    NTK_TRY(ntk_size_product(ctx, "the units of all layers", points->n, ntk_planes_units(planes), &size));
    NTK_TRY(NTK_NEW_RAW(ctx, size, &p->units));
    NTK_TRY(ntk_planes_norms(ctx, planes, k->reading->cpu, points->dtype, points->n, points->x, p->norms, p->units));
done:
    return status;
}

static ntk_plane_sides side_of(const ntk_kernel *k, const ntk_points *p, int64_t first, int64_t n)
{
    const prepared *own = p->prepared;
    int64_t size = (int64_t)ntk_dtype_size(p->dtype);
    return (ntk_plane_sides){n, (const char *)p->x + first * p->d * size, (const char *)own->norms + first * ntk_planes_numbers(k->reading->planes) * size,
                             own->units + first * ntk_planes_units(k->reading->planes)};
}

static ntk_status block(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, int64_t row, int64_t m, const ntk_points *b,
                        int64_t column, int64_t n, const ntk_tile *tile)
{
    ntk_plane_sides rows = side_of(k, a, row, m), columns = side_of(k, b, column, n);
    ntk_results out = ntk_tile_results(tile);
    return ntk_planes_tile(ctx, k->reading->planes, k->reading->cpu, a->dtype, &rows, &columns, a == b ? row - column : NTK_ALL_PAIRS, false, &out);
}

static ntk_status diagonal(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, int64_t row, int64_t m, const ntk_tile *tile)
{
    ntk_plane_sides side = side_of(k, a, row, m);
    ntk_results out = ntk_tile_results(tile);
    return ntk_planes_tile(ctx, k->reading->planes, k->reading->cpu, a->dtype, &side, &side, 0, true, &out);
}

static void cost(const ntk_context *ctx, const ntk_kernel *k, ntk_dtype dtype, int64_t n, ntk_cost *cost)
{
    const ntk_planes *planes = k->reading->planes;
    double workers = ntk_parallel_workers(ctx), numbers = (double)ntk_planes_numbers(planes), size = (double)ntk_dtype_size(dtype);
    *cost = (ntk_cost){.prepared = (numbers * size + (double)ntk_planes_units(planes) * 8) * (double)n};
    cost->preparing = workers * 8 * (double)ntk_planes_norm_numbers(planes);
    cost->tile = cost->diagonal = workers * (double)ntk_planes_worker_bytes(planes, dtype);
    cost->sample = numbers * NTK_STEP_FLOPS;
    cost->pair = ntk_planes_pair_flops(planes);
}

const ntk_kernel_class ntk_planes_kernel = {"infinite-width", NTK_TAKES_BOTH, false, 0.02, prepare, release, block, diagonal, cost};
