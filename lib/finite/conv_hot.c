/*
 * A convolution without its columns: ROWS positions by up to four registers of units are kept while all taps and channels pass, so that per
 * channel four loads of weights and ROWS of numbers of x feed 4 ROWS multiplications, and x is read where it stands.
 */
#include "conv_hot.h"

#include <string.h>

#define PASTE_(a, b, c) a##_##b##_##c
#define PASTE(a, b, c) PASTE_(a, b, c)
#define NAME(name) PASTE(name, NTK_HOT_TYPE, NTK_HOT_CPU)

#if defined(NTK_HOT_F32)
typedef float real;
#else
typedef double real;
#endif

/* Bytes of a register, registers of units, positions at once: with 32 registers or with 16. */
#if defined(__AVX512F__)
#define BYTES 64
#define MOST 4
#define ROWS 6
#elif defined(__AVX2__)
#define BYTES 32
#define MOST 2
#define ROWS 5
#else
#define BYTES 16
#define MOST 2
#define ROWS 4
#endif
#define LANES (BYTES / (int64_t)sizeof(real))

typedef real vec __attribute__((vector_size(BYTES), aligned(sizeof(real)), may_alias));

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#else
#define UNROLL _Pragma("GCC unroll 8")
#endif

int64_t NAME(ntk_conv_width)(int64_t units, int64_t at)
{
    int64_t left = units - at, width = LANES;
    while (width < left && width < MOST * LANES) width *= 2;
    return width;
}

/* The columns of a block that exist, to or from a buffer of whole registers. */
static void copy_rows(int rows, int64_t from_stride, const real *from, int64_t to_stride, real *to, int64_t count)
{
    for (int r = 0; r < rows; ++r) memcpy(to + r * to_stride, from + r * from_stride, (size_t)count * sizeof *to);
}

/* z [rows, registers] (+)= ..., in place, row stride ld. */
static inline __attribute__((always_inline)) void tile(const int rows, const int registers, const ntk_conv_loop *l, const real *x, int64_t at, const real *w, int64_t ld, real *z)
{
    vec sum[ROWS][MOST];
    const int64_t *reads = l->reads + at * l->taps;
    UNROLL for (int r = 0; r < rows; ++r)
        UNROLL for (int v = 0; v < registers; ++v) {
            if (l->add) sum[r][v] = *(const vec *)(z + r * ld + v * LANES);
            else sum[r][v] = (vec){0};
        }
    for (int64_t t = 0; t < l->taps; ++t) {
        const real *from[ROWS];
        UNROLL for (int r = 0; r < rows; ++r) {
            int64_t p = reads[r * l->taps + t];
            from[r] = p < 0 ? l->zeros : x + p * l->channels;
        }
        for (int64_t c = 0; c < l->channels; ++c, w += registers * LANES) {
            vec column[MOST];
            UNROLL for (int v = 0; v < registers; ++v) column[v] = *(const vec *)(w + v * LANES);
            UNROLL for (int r = 0; r < rows; ++r)
                UNROLL for (int v = 0; v < registers; ++v) sum[r][v] += from[r][c] * column[v];
        }
    }
    UNROLL for (int r = 0; r < rows; ++r)
        UNROLL for (int v = 0; v < registers; ++v) *(vec *)(z + r * ld + v * LANES) = sum[r][v];
}

/* The same of a block whose last columns do not exist. */
static inline __attribute__((always_inline)) void edge(const int rows, const int registers, const ntk_conv_loop *l, const real *x, int64_t at, const real *w, int64_t count, real *z)
{
    real buffer[ROWS * MOST * LANES];
    const int64_t ld = registers * LANES;
    if (count == ld) {
        tile(rows, registers, l, x, at, w, l->units, z);
        return;
    }
    memset(buffer, 0, sizeof buffer);
    if (l->add) copy_rows(rows, l->units, z, ld, buffer, count);
    tile(rows, registers, l, x, at, w, ld, buffer);
    copy_rows(rows, ld, buffer, l->units, z, count);
}

/* Positions [begin, end), columns [column, column + count). */
static inline __attribute__((always_inline)) void block(const int registers, const ntk_conv_loop *l, const real *x, int64_t begin, int64_t end, const real *w, int64_t count, real *z)
{
    for (; begin + ROWS <= end; begin += ROWS) edge(ROWS, registers, l, x, begin, w, count, z + begin * l->units);
    for (; begin + 2 <= end; begin += 2) edge(2, registers, l, x, begin, w, count, z + begin * l->units);
    for (; begin < end; ++begin) edge(1, registers, l, x, begin, w, count, z + begin * l->units);
}

void NAME(ntk_conv)(const ntk_conv_loop *l, const void *samples, int64_t begin, int64_t end, void *results)
{
    const real *x = samples, *w = l->w;
    real *z = results;
    for (int64_t at = 0, width; at < l->units; at += width) {
        int64_t count;
        width = NAME(ntk_conv_width)(l->units, at);
        count = width < l->units - at ? width : l->units - at;
        if (width == LANES) block(1, l, x, begin, end, w, count, z + at);
        else if (width == 2 * LANES) block(2, l, x, begin, end, w, count, z + at);
#if MOST == 4
        else block(4, l, x, begin, end, w, count, z + at);
#endif
        w += l->taps * l->channels * width;
    }
}

/* ---- gradients of weights ---------------------------------------------------------------------------------------- */

/* Units [0, rows) of delta by `registers` of channels of one tap: `ld` from one unit's weights to the next. */
static inline __attribute__((always_inline)) void outer(const int rows, const int registers, const ntk_conv_gradient *g, int64_t tap, const real *x, const real *zeros, const real *delta,
                                                        int64_t ld, real *w)
{
    vec sum[ROWS][MOST];
    real scale = (real)g->scale;
    UNROLL for (int r = 0; r < rows; ++r)
        UNROLL for (int v = 0; v < registers; ++v) sum[r][v] = (vec){0};
    for (int64_t p = 0; p < g->positions; ++p, delta += g->stride) {
        int64_t at = g->reads[p * g->taps + tap];
        const real *from = at < 0 ? zeros : x + at * g->channels;
        vec column[MOST];
        UNROLL for (int v = 0; v < registers; ++v) column[v] = *(const vec *)(from + v * LANES);
        UNROLL for (int r = 0; r < rows; ++r)
            UNROLL for (int v = 0; v < registers; ++v) sum[r][v] += delta[r] * column[v];
    }
    UNROLL for (int r = 0; r < rows; ++r)
        UNROLL for (int v = 0; v < registers; ++v) *(vec *)(w + r * ld + v * LANES) = scale * sum[r][v];
}

static inline __attribute__((always_inline)) void outers(const int registers, const ntk_conv_gradient *g, int64_t tap, const real *x, const real *zeros, const real *delta, real *w)
{
    int64_t u = 0, ld = g->taps * g->channels;
    for (; u + ROWS <= g->units; u += ROWS) outer(ROWS, registers, g, tap, x, zeros, delta + u, ld, w + u * ld);
#if ROWS > 4
    if (u + 4 <= g->units) outer(4, registers, g, tap, x, zeros, delta + u, ld, w + u * ld), u += 4;
#endif
    if (u + 2 <= g->units) outer(2, registers, g, tap, x, zeros, delta + u, ld, w + u * ld), u += 2;
    for (; u < g->units; ++u) outer(1, registers, g, tap, x, zeros, delta + u, ld, w + u * ld);
}

void NAME(ntk_conv_gradient)(const ntk_conv_gradient *g, const void *samples, const void *cotangents, void *weights)
{
    const real *x = samples, *delta = cotangents, *zeros = g->zeros;
    real *w = weights;
    for (int64_t t = 0; t < g->taps; ++t, w += g->channels) {
        int64_t c = 0;
#if MOST == 4
        for (; c + 4 * LANES <= g->channels; c += 4 * LANES) outers(4, g, t, x + c, zeros + c, delta, w + c);
#endif
        for (; c + 2 * LANES <= g->channels; c += 2 * LANES) outers(2, g, t, x + c, zeros + c, delta, w + c);
        for (; c + LANES <= g->channels; c += LANES) outers(1, g, t, x + c, zeros + c, delta, w + c);
    }
}
