/* The infinite-width kernel of a network as a class of kernel: what is per sample is its length. */
#include "kernel.h"

static ntk_status prepare(ntk_context *ctx, const ntk_kernel *k, ntk_points *points)
{
    double *lengths;
    ntk_status status = ntk_allocate_raw(ctx, points->n, 2 * sizeof *lengths, &points->prepared);
    (void)k;
    if (status != NTK_OK) return status;
    lengths = points->prepared;
    ntk_lengths(points->dtype, points->n, points->d, points->x, lengths, lengths + points->n);
    return NTK_OK;
}

static void release(ntk_points *points)
{
    ntk_free(points->prepared);
}

static ntk_side side_of(const ntk_points *p, int64_t first, int64_t n)
{
    const double *lengths = p->prepared;
    const char *x = p->x;
    return (ntk_side){n, x ? x + first * p->d * (int64_t)ntk_dtype_size(p->dtype) : NULL, lengths + first, lengths + p->n + first};
}

static ntk_status block(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, int64_t row, int64_t m, const ntk_points *b,
                        int64_t column, int64_t n, const ntk_tile *tile)
{
    ntk_side rows = side_of(a, row, m), columns = side_of(b, column, n);
    ntk_results out = ntk_tile_results(tile);
    return ntk_reading_tile(ctx, k->reading, a->dtype, a->d, &rows, &columns, a == b ? row - column : NTK_ALL_PAIRS, &out);
}

static ntk_status diagonal(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, int64_t row, int64_t m, const ntk_tile *tile)
{
    ntk_side side = side_of(a, row, m);
    ntk_results out = ntk_tile_results(tile);
    return ntk_reading_diagonal(ctx, k->reading, a->dtype, a->d, &side, &out);
}

static void cost(const ntk_context *ctx, const ntk_kernel *k, ntk_dtype dtype, int64_t n, ntk_cost *cost)
{
    int64_t d = ntk_network_input_size(k->network);
    *cost = (ntk_cost){.prepared = 2 * sizeof(double) * (double)n, .sample = 3 * (double)d};
    cost->tile = ntk_reading_tile_bytes(ctx, k->reading, dtype, d, NTK_MIN(k->tile, n), NTK_MIN(k->wide, n));
    cost->diagonal = ntk_reading_diagonal_bytes(ctx, k->reading, dtype, NTK_MIN(NTK_DIAGONAL_SAMPLES, n));
    cost->pair = ntk_reading_pair_flops(k->reading, d);
}

const ntk_kernel_class ntk_infinite_kernel = {"infinite-width", NTK_TAKES_BOTH, true, 0, prepare, release, block, diagonal, cost};
