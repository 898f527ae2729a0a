/*
 * The mirror that makes a computed triangle a symmetric matrix, to the bit: what is below the diagonal is copied above it, in squares of
 * whole cache lines.
 */
#include "linalg.h"

#define SQUARE 8 /* a cache line of doubles: what is mirrored together reads and writes whole lines, of few pages */

/*
 * Entry (i, c) mirrors into row c - diagonal, column i + diagonal, counted from the place of the tile.  Only squares that meet the diagonal
 * ask of each entry on which side it lies.
 */
#define MIRROR_BLOCK(T)                                                                                                             \
    static void mirror_edge_##T(T *plane, int64_t ld, int64_t diagonal, int64_t i, int64_t i_end, int64_t c, int64_t c_end)           \
    {                                                                                                                                \
        for (; c < c_end; ++c)                                                                                                       \
            for (int64_t r = NTK_MAX(i, c - diagonal + 1); r < i_end; ++r) plane[(c - diagonal) * ld + r + diagonal] = plane[r * ld + c]; \
    }                                                                                                                                \
    static void mirror_square_##T(const T *from, T *to, int64_t ld)                                                                  \
    {                                                                                                                                \
        T square[SQUARE][SQUARE];                                                                                                    \
        for (int r = 0; r < SQUARE; ++r)                                                                                             \
            for (int c = 0; c < SQUARE; ++c) square[r][c] = from[r * ld + c];                                                        \
        for (int c = 0; c < SQUARE; ++c)                                                                                             \
            for (int r = 0; r < SQUARE; ++r) to[c * ld + r] = square[r][c];                                                          \
    }                                                                                                                                \
    static void mirror_##T(T *plane, int64_t ld, int64_t diagonal, int64_t row, int64_t rows, int64_t first, int64_t count)           \
    {                                                                                                                                \
        int64_t i_end = row + rows, c_end = first + count;                                                                           \
        for (int64_t c = first; c < c_end; c += SQUARE)                                                                              \
            for (int64_t i = row; i < i_end; i += SQUARE)                                                                            \
                if (i > c + SQUARE - 1 - diagonal && i + SQUARE <= i_end && c + SQUARE <= c_end)                                     \
                    mirror_square_##T(plane + i * ld + c, plane + (c - diagonal) * ld + i + diagonal, ld);                           \
                else mirror_edge_##T(plane, ld, diagonal, i, NTK_MIN(i + SQUARE, i_end), c, NTK_MIN(c + SQUARE, c_end));             \
    }
MIRROR_BLOCK(double)
MIRROR_BLOCK(float)

void ntk_mirror_block(ntk_dtype dtype, void *plane, int64_t ld, int64_t diagonal, int64_t row, int64_t rows, int64_t first, int64_t count)
{
    if (dtype == NTK_F64) mirror_double(plane, ld, diagonal, row, rows, first, count);
    else mirror_float(plane, ld, diagonal, row, rows, first, count);
}

/* ---- a whole matrix ---- */

#define TILE 64

typedef struct mirror_job {
    ntk_dtype dtype;
    int64_t n, lda;
    void *a;
} mirror_job;

static void mirror_rows(void *user, int64_t begin, int64_t end, int worker)
{
    const mirror_job *j = user;
    (void)worker;
    for (int64_t row = begin * TILE; row < NTK_MIN(end * TILE, j->n); row += TILE) {
        int64_t rows = NTK_MIN(TILE, j->n - row);
        for (int64_t column = 0; column <= row; column += TILE)
            ntk_mirror_block(j->dtype, j->a, j->lda, 0, row, rows, column, NTK_MIN(TILE, row + rows - column));
    }
}

void ntk_mirror(const ntk_context *ctx, ntk_dtype dtype, int64_t n, void *a, int64_t lda)
{
    mirror_job j = {dtype, n, lda, a};
    ntk_parallel(ctx, (n + TILE - 1) / TILE, 1, mirror_rows, &j);
}
