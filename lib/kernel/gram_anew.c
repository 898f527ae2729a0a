/*
 * A gram of a kernel without its N² numbers: whoever asks for entries gets them computed anew, tile by tile, so that N is bounded by time and
 * not by memory.  K v takes each pair once: a tile T below the diagonal serves twice,
 *
 *     out[rows] += T v[columns],    out[columns] += Tᵀ v[rows].
 */
#include "kernel.h"

#include <math.h>
#include <string.h>

/* A tile at most, or a part of the memory limit. */
#define TILE_BYTES (32.0 * 1048576)

typedef struct anew {
    const ntk_gram *gram;
    ntk_kind kind;
    int64_t p, tall, wide; /* rows per sample; samples of a tile */
    size_t size;              /* of a number */
    void *tile;
} anew;

void ntk_anew_tile(const ntk_context *ctx, const ntk_kernel *k, ntk_dtype dtype, int64_t n, int64_t *tall, int64_t *wide)
{
    double limit = (double)ctx->options.memory_limit, bytes = limit > 0 ? fmin(TILE_BYTES, limit / 8) : TILE_BYTES;
    double pairs = bytes / ((double)k->per_sample * (double)k->per_sample * (double)ntk_dtype_size(dtype));
    *tall = NTK_MAX(NTK_MIN(NTK_MIN(k->tile, n), (int64_t)sqrt(pairs)), 1);
    *wide = NTK_MAX(NTK_MIN(NTK_MIN(k->wide, n), (int64_t)pairs / *tall), *tall);
}

static ntk_status anew_open(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, anew *a)
{
    *a = (anew){.gram = gram, .kind = kind, .p = gram->kernel->per_sample, .size = ntk_dtype_size(gram->dtype)};
    ntk_anew_tile(ctx, gram->kernel, gram->dtype, gram->points.n, &a->tall, &a->wide);
    return ntk_allocate_raw(ctx, a->tall * a->p * a->wide * a->p, a->size, &a->tile);
}

static void *at(const anew *a, const void *base, int64_t numbers)
{
    return (char *)(uintptr_t)base + numbers * (int64_t)a->size;
}

/* a->tile [m, n], in rows of samples, of samples [row, row + m) x [column, column + n); on the diagonal up to it. */
static ntk_status make(ntk_context *ctx, const anew *a, int64_t row, int64_t m, int64_t column, int64_t n)
{
    const ntk_kernel *k = a->gram->kernel;
    const ntk_points *points = &a->gram->points;
    ntk_tile tile = {.ld = n * a->p};
    if (a->kind == NTK_KIND_NTK) tile.ntk = a->tile;
    else tile.nngp = a->tile;
    return k->class->block(ctx, k, points, row, m, points, column, n, &tile);
}

/* ---- products -------------------------------------------------------------------------------------------------- */

/* out[row] += T v[column], T [rows, columns] or its transpose. */
static ntk_status add(ntk_context *ctx, const anew *a, ntk_transpose t, int64_t row, int64_t rows, int64_t column, int64_t columns, int64_t ld, int64_t m,
                      const void *v, void *out)
{
    return ntk_gemm(ctx, a->gram->dtype, t, NTK_PLAIN, rows, m, columns, 1, a->tile, ld, at(a, v, column * m), m, 1, at(a, out, row * m), m);
}

static ntk_status multiply_tile(ntk_context *ctx, const anew *a, int64_t row, int64_t rows, int64_t column, int64_t columns, int64_t m, const void *v, void *out)
{
    ntk_status status;
    int64_t p = a->p, ld = columns * p;
    NTK_TRY(make(ctx, a, row, rows, column, columns));
    if (row == column) ntk_mirror(ctx, a->gram->dtype, ld, a->tile, ld);
    NTK_TRY(add(ctx, a, NTK_PLAIN, row * p, rows * p, column * p, columns * p, ld, m, v, out));
    if (row != column) NTK_TRY(add(ctx, a, NTK_TRANSPOSED, column * p, columns * p, row * p, rows * p, ld, m, v, out));
done:
    return status;
}

/* Tiles left of the diagonal, and the one on it. */
static ntk_status multiply_rows(ntk_context *ctx, const anew *a, int64_t row, int64_t rows, int64_t m, const void *v, void *out)
{
    ntk_status status = NTK_OK;
    for (int64_t column = 0; column <= row;) {
        int64_t columns = column == row ? rows : NTK_MIN(a->wide, row - column);
        double whole = (double)(row + rows);
        NTK_TRY_PART(ctx, (double)column / whole, (double)(column + columns) / whole, multiply_tile(ctx, a, row, rows, column, columns, m, v, out));
        column += columns;
    }
done:
    return status;
}

ntk_status ntk_anew_multiply(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, int64_t m, const void *v, void *out)
{
    ntk_status status;
    anew a;
    int64_t n = gram->points.n;
    NTK_TRY(anew_open(ctx, gram, kind, &a));
    memset(out, 0, (size_t)(gram->size * m) * a.size);
    for (int64_t row = 0; row < n; row += a.tall) {
        int64_t rows = NTK_MIN(a.tall, n - row);
        double from = (double)row / (double)n, to = (double)(row + rows) / (double)n; /* of a triangle, its area */
        NTK_TRY_PART(ctx, from * from, to * to, multiply_rows(ctx, &a, row, rows, m, v, out));
    }
done:
    ntk_free(a.tile);
    return status;
}

/* ---- entries --------------------------------------------------------------------------------------------------- */

/* What is asked for: rows [row, row + m) and columns [column, column + n) of the matrix, dense. */
typedef struct request {
    int64_t row, m, column, n;
    void *out;
} request;

/* The part of a tile of samples [first, first + rows) x [left, left + columns) that was asked for, to its place; `turned`: the tile holds the transpose. */
static void copy_part(const anew *a, int64_t first, int64_t rows, int64_t left, int64_t columns, bool turned, const request *r)
{
    int64_t p = a->p, top = NTK_MAX(first * p, r->row), bottom = NTK_MIN((first + rows) * p, r->row + r->m);
    int64_t begin = NTK_MAX(left * p, r->column), end = NTK_MIN((left + columns) * p, r->column + r->n);
    int64_t down = turned ? 1 : columns * p, across = turned ? rows * p : 1;
    for (int64_t i = top; i < bottom; ++i)
        for (int64_t j = begin; j < end; ++j)
            memcpy(at(a, r->out, (i - r->row) * r->n + j - r->column), at(a, a->tile, (i - first * p) * down + (j - left * p) * across), a->size);
}

/* Samples [row, row + rows) with samples [left, right): below the diagonal, on it, and above it the transpose, so that all is symmetric to the bit. */
static ntk_status block_rows(ntk_context *ctx, const anew *a, int64_t row, int64_t rows, int64_t left, int64_t right, const request *r)
{
    ntk_status status = NTK_OK;
    for (int64_t column = left, count; column < NTK_MIN(right, row); column += count) {
        count = NTK_MIN(a->wide, NTK_MIN(right, row) - column);
        NTK_TRY(make(ctx, a, row, rows, column, count));
        copy_part(a, row, rows, column, count, false, r);
    }
    if (left < row + rows && right > row) {
        NTK_TRY(make(ctx, a, row, rows, row, rows));
        ntk_mirror(ctx, a->gram->dtype, rows * a->p, a->tile, rows * a->p);
        copy_part(a, row, rows, row, rows, false, r);
    }
    for (int64_t column = NTK_MAX(left, row + rows), count; column < right; column += count) {
        count = NTK_MIN(a->tall, right - column);
        NTK_TRY(make(ctx, a, column, count, row, rows));
        copy_part(a, row, rows, column, count, true, r);
    }
done:
    return status;
}

ntk_status ntk_anew_block(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, int64_t row, int64_t m, int64_t column, int64_t n, void *out)
{
    ntk_status status;
    anew a;
    request r = {row, m, column, n, out};
    int64_t p = gram->kernel->per_sample, first = row / p, last = (row + m + p - 1) / p, left = column / p, right = (column + n + p - 1) / p;
    NTK_TRY(anew_open(ctx, gram, kind, &a));
    for (int64_t i = first; n > 0 && i < last; i += a.tall) {
        int64_t rows = NTK_MIN(a.tall, last - i);
        NTK_TRY_PART(ctx, (double)(i - first) / (double)(last - first), (double)(i + rows - first) / (double)(last - first), block_rows(ctx, &a, i, rows, left, right, &r));
    }
done:
    ntk_free(a.tile);
    return status;
}

ntk_status ntk_anew_diagonal(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, void *out)
{
    ntk_tile tile = {.ntk = kind == NTK_KIND_NTK ? out : NULL, .nngp = kind == NTK_KIND_NNGP ? out : NULL, .ld = gram->kernel->per_sample * gram->kernel->trailing};
    return ntk_kernel_fill_diagonal(ctx, gram->kernel, &gram->points, &tile);
}

ntk_status ntk_anew_fill(ntk_context *ctx, const ntk_gram *gram, ntk_kind kind, const ntk_storage_class *storage, void *entries)
{
    void *planes[2] = {NULL, NULL};
    planes[kind] = entries;
    return storage->fill(ctx, gram->kernel, &gram->points, planes);
}
