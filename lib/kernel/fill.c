/*
 * The whole matrix of a kernel, tile by tile: all pairs of two data sets, or each pair of one set once.
 *
 * A symmetric matrix is computed on and below the diagonal and then mirrored: symmetric to the bit.
 */
#include "kernel.h"

#include <string.h>

static void *advance(void *base, int64_t numbers, ntk_dtype dtype)
{
    return base ? (char *)base + numbers * (int64_t)ntk_dtype_size(dtype) : NULL;
}

/* `out` from so many numbers on. */
static ntk_tile advance_tile(const ntk_tile *out, int64_t numbers, ntk_dtype dtype)
{
    ntk_tile tile = *out;
    void **planes[] = {&tile.ntk, &tile.nngp, &tile.layers, &tile.ntk_error, &tile.nngp_error};
    for (int i = 0; i < (int)(sizeof planes / sizeof *planes); ++i) *planes[i] = advance(*planes[i], numbers, dtype);
    return tile;
}

/* The part of `out` that belongs to samples from (row, column) on. */
static ntk_tile tile_at(const ntk_kernel *k, const ntk_tile *out, ntk_dtype dtype, int64_t row, int64_t column)
{
    return advance_tile(out, row * k->per_sample * out->ld + column * k->per_sample * k->trailing, dtype);
}

static ntk_status fill_rows(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, int64_t row, int64_t m, const ntk_points *b,
                            int64_t columns, const ntk_tile *out)
{
    ntk_status status = NTK_OK;
    for (int64_t column = 0; column < columns; column += k->wide) {
        int64_t n = NTK_MIN(k->wide, columns - column);
        ntk_tile tile = tile_at(k, out, a->dtype, row, column);
        NTK_TRY_PART(ctx, (double)column / (double)columns, (double)(column + n) / (double)columns,
                     k->class->block(ctx, k, a, row, m, b, column, n, &tile));
    }
done:
    return status;
}

/* Entries of several numbers (outputs = diagonal) are mirrored as a whole. */
static void mirror_entries(const ntk_kernel *k, ntk_dtype dtype, int64_t n, void *plane, int64_t ld)
{
    size_t bytes = (size_t)k->trailing * ntk_dtype_size(dtype);
    for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < i; ++j)
            memcpy(advance(plane, j * ld + i * k->trailing, dtype), advance(plane, i * ld + j * k->trailing, dtype), bytes);
}

static void mirror_plane(ntk_context *ctx, const ntk_kernel *k, ntk_dtype dtype, int64_t n, void *plane, int64_t ld)
{
    if (!plane) return;
    if (k->trailing == 1) ntk_mirror(ctx, dtype, n, plane, ld);
    else mirror_entries(k, dtype, n, plane, ld);
}

static void mirror_all(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, const ntk_tile *out)
{
    int64_t n = a->n * k->per_sample;
    if (!k->class->mirrors) {
        mirror_plane(ctx, k, a->dtype, n, out->ntk, out->ld);
        mirror_plane(ctx, k, a->dtype, n, out->nngp, out->ld);
    }
    mirror_plane(ctx, k, a->dtype, n, out->ntk_error, out->ld);
    mirror_plane(ctx, k, a->dtype, n, out->nngp_error, out->ld);
    for (int64_t l = 0; out->layers && l < k->layers; ++l)
        mirror_plane(ctx, k, a->dtype, n, advance(out->layers, l * out->layer_stride, a->dtype), out->ld);
}

/* Share of the work done when `rows` rows are: of a triangle, its area. */
static double share(int64_t rows, int64_t n, bool triangle)
{
    double s = (double)rows / (double)n;
    return triangle ? s * s : s;
}

ntk_status ntk_kernel_fill(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, const ntk_points *b, const ntk_tile *out)
{
    ntk_status status = NTK_OK;
    ntk_tile target = *out;
    target.mirror = !b && k->class->mirrors;
    for (int64_t row = 0; row < a->n; row += k->tile) {
        int64_t m = NTK_MIN(k->tile, a->n - row);
        NTK_TRY_PART(ctx, share(row, a->n, !b), share(row + m, a->n, !b),
                     fill_rows(ctx, k, a, row, m, b ? b : a, b ? b->n : row + m, &target));
    }
    if (!b) mirror_all(ctx, k, a, out);
done:
    return status;
}

ntk_status ntk_kernel_fill_diagonal(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, const ntk_tile *out)
{
    ntk_status status = NTK_OK;
    for (int64_t row = 0; row < a->n; row += NTK_DIAGONAL_SAMPLES) {
        int64_t m = NTK_MIN(NTK_DIAGONAL_SAMPLES, a->n - row);
        ntk_tile tile = advance_tile(out, row * out->ld, a->dtype);
        NTK_TRY_PART(ctx, share(row, a->n, false), share(row + m, a->n, false), k->class->diagonal(ctx, k, a, row, m, &tile));
    }
done:
    return status;
}
