/*
 * The symmetric matrix of a kernel straight into the packed half of lib/linalg/packed.c, each pair once:
 *
 *   1  the square T of the first samples, both triangles, where its upper one belongs: the lower one lies where rows of step 3 go
 *   2  the sample, if there is one, that has rows on both sides of the middle, through a buffer
 *   3  the rows below: left of the diagonal in place, the diagonal blocks through a buffer, since above it is T
 */
#include "kernel.h"

#include <string.h>

typedef struct packed_job {
    const ntk_kernel *k;
    const ntk_points *a;
    ntk_dtype dtype;
    int64_t n, half, ld;     /* rows of the matrix, of T, numbers per row of memory */
    char *plane[2], *buffer[2]; /* by kind, or NULL */
    double pairs, done;
} packed_job;

static char *at(const packed_job *j, char *plane, int64_t numbers)
{
    return plane ? plane + numbers * (int64_t)ntk_dtype_size(j->dtype) : NULL;
}

/* Samples [row, row + m) x [column, column + n), to `place` in each plane or, where that is negative, dense into the buffer. */
static ntk_status block(ntk_context *ctx, packed_job *j, int64_t row, int64_t m, int64_t column, int64_t n, int64_t place, bool mirror)
{
    ntk_status status;
    double before = j->done / j->pairs;
    ntk_tile tile = {.ld = place < 0 ? n * j->k->per_sample : j->ld, .mirror = mirror};
    char *const *planes = place < 0 ? j->buffer : j->plane;
    tile.ntk = at(j, planes[NTK_KIND_NTK], NTK_MAX(place, 0));
    tile.nngp = at(j, planes[NTK_KIND_NNGP], NTK_MAX(place, 0));
    j->done += (double)m * (double)n;
    NTK_TRY_PART(ctx, before, j->done / j->pairs, j->k->class->block(ctx, j->k, j->a, row, m, j->a, column, n, &tile));
done:
    return status;
}

/* ---- 1 --------------------------------------------------------------------------------------------------------- */

static ntk_status fill_square(ntk_context *ctx, packed_job *j, int64_t samples)
{
    ntk_status status = NTK_OK;
    int64_t p = j->k->per_sample;
    for (int64_t row = 0; row < samples; row += j->k->tile) {
        int64_t m = NTK_MIN(j->k->tile, samples - row);
        for (int64_t column = 0; column < row + m; column += j->k->wide) {
            int64_t n = NTK_MIN(j->k->wide, row + m - column);
            NTK_TRY(block(ctx, j, row, m, column, n, j->half + 1 + row * p * j->ld + column * p, j->k->class->mirrors));
        }
    }
    for (int kind = 0; kind < 2 && !j->k->class->mirrors; ++kind)
        if (j->plane[kind]) ntk_mirror(ctx, j->dtype, samples * p, at(j, j->plane[kind], j->half + 1), j->ld);
done:
    return status;
}

/* ---- 2 and 3 --------------------------------------------------------------------------------------------------- */

/* Entries on and below the diagonal, from the buffer to their places. */
static void scatter(const packed_job *j, int64_t row, int64_t m, int64_t column, int64_t n)
{
    size_t size = ntk_dtype_size(j->dtype);
    for (int kind = 0; kind < 2; ++kind)
        for (int64_t i = 0; j->plane[kind] && i < m; ++i) {
            const char *from = at(j, j->buffer[kind], i * n);
            int64_t count = NTK_MIN(n, row + i + 1 - column);
            if (row + i >= j->half) memcpy(at(j, j->plane[kind], ntk_packed_index(j->n, row + i, column)), from, (size_t)count * size);
            for (int64_t c = 0; row + i < j->half && c < count; ++c)
                memcpy(at(j, j->plane[kind], ntk_packed_index(j->n, row + i, column + c)), from + c * (int64_t)size, size);
        }
}

static ntk_status through_buffer(ntk_context *ctx, packed_job *j, int64_t row, int64_t m, int64_t column, int64_t n)
{
    int64_t p = j->k->per_sample;
    ntk_status status = block(ctx, j, row, m, column, n, -1, false);
    if (status == NTK_OK) scatter(j, row * p, m * p, column * p, n * p);
    return status;
}

static ntk_status fill_middle(ntk_context *ctx, packed_job *j, int64_t row)
{
    ntk_status status = NTK_OK;
    for (int64_t column = 0; column <= row; column += j->k->tile)
        NTK_TRY(through_buffer(ctx, j, row, 1, column, NTK_MIN(j->k->tile, row + 1 - column)));
done:
    return status;
}

static ntk_status fill_below(ntk_context *ctx, packed_job *j, int64_t first)
{
    ntk_status status = NTK_OK;
    int64_t p = j->k->per_sample;
    for (int64_t row = first; row < j->a->n; row += j->k->tile) {
        int64_t m = NTK_MIN(j->k->tile, j->a->n - row);
        for (int64_t column = 0; column < row; column += j->k->wide)
            NTK_TRY(block(ctx, j, row, m, column, NTK_MIN(j->k->wide, row - column), ntk_packed_index(j->n, row * p, column * p), false));
        NTK_TRY(through_buffer(ctx, j, row, m, row, m));
    }
done:
    return status;
}

ntk_status ntk_kernel_fill_packed(ntk_context *ctx, const ntk_kernel *k, const ntk_points *a, void *const planes[2])
{
    ntk_status status = NTK_OK;
    int64_t p = k->per_sample, n = a->n * p, tile = NTK_MIN(k->tile, a->n);
    packed_job j = {.k = k, .a = a, .dtype = a->dtype, .n = n, .half = n / 2, .ld = ntk_packed_stride(n), .plane = {planes[0], planes[1]}};
    int64_t square = j.half / p, below = square + (j.half % p != 0);
    j.pairs = (double)a->n * (double)(a->n + tile) / 2 + (double)tile * (double)tile; /* at least those that blocks count */
    for (int kind = 0; kind < 2; ++kind)
        if (planes[kind]) NTK_TRY(ntk_allocate_raw(ctx, tile * p * tile * p, ntk_dtype_size(a->dtype), (void **)&j.buffer[kind]));
    NTK_TRY(fill_square(ctx, &j, square));
    if (below > square) NTK_TRY(fill_middle(ctx, &j, square));
    NTK_TRY(fill_below(ctx, &j, below));
done:
    ntk_free(j.buffer[0]);
    ntk_free(j.buffer[1]);
    return status;
}
