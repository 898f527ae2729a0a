/*
 * A block of results leaves the cache for its places: row by row, and, of what is symmetric, turned a second time.
 *
 * Results larger than the caches go past them, a line at a time (streaming stores): else every line is read before it is written, takes the place of
 * something wanted, and moves between the caches of cores that have neighbouring parts.  Only whole lines can; what a block shares
 * with its neighbours goes through the caches.
 *
 * Squares of SIDE by SIDE numbers, a vector wide, are turned in registers into a strip of columns, from which they leave as rows.  A vector
 * of AVX-512 turns by pairs of rows (unpack), fours (unpack again, in single precision) and then by its 128-bit lanes: 3 shuffles a vector
 * in double, 4 in single precision.
 */
#include "hot.h"

#if defined(NTK_HOT)

#include <string.h>

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#define LINE (64 / (int)sizeof(real)) /* numbers of a line of the cache */

/* ---- lines ---- */

/* `count` < LINE numbers. */
static inline void put_few(int64_t count, const real *from, real *to)
{
    NTK_UNROLL for (int64_t part = LINE / 2; part > 0; part /= 2) {
        if (!(count & part)) continue;
        memcpy(to, from, (size_t)part * sizeof *to);
        from += part;
        to += part;
    }
}

/* A whole line, past the caches where the processor can. */
static inline void stream_line(const real *from, real *to)
{
#if defined(__AVX512F__)
    _mm512_stream_si512((__m512i *)(void *)to, _mm512_loadu_si512(from));
#elif defined(__AVX2__)
    _mm256_stream_si256((__m256i *)(void *)to, _mm256_loadu_si256((const __m256i *)(const void *)from));
    _mm256_stream_si256((__m256i *)(void *)to + 1, _mm256_loadu_si256((const __m256i *)(const void *)from + 1));
#else
    for (int k = 0; k < LINE; ++k) to[k] = from[k];
#endif
}

static inline void put(bool stream, int64_t count, const real *from, real *to)
{
    int64_t head = NTK_MIN((int64_t)(-(uintptr_t)to % 64 / sizeof(real)), count), k = head;
    if (!stream || (uintptr_t)to % sizeof *to != 0) { /* numbers of the caller may lie across lines */
        memcpy(to, from, (size_t)count * sizeof *to);
        return;
    }
    put_few(head, from, to);
    for (; k + LINE <= count; k += LINE) stream_line(from + k, to + k);
    put_few(count - k, from + k, to + k);
}

void NTK_HOT_NAME(lay)(const ntk_place *p);
void NTK_HOT_NAME(lay)(const ntk_place *p)
{
    for (int64_t r = 0; r < p->rows; ++r) put(p->stream, p->columns, (const real *)p->from + r * NTK_BLOCK_LD, (real *)p->to + r * p->ld);
}

/* ---- squares ---- */

#define STRIP_LD (NTK_INNER_ROWS + LINE) /* no power of two times a line: columns of lines would meet in the same sets of the cache */

#if defined(__AVX512F__)

#define SIDE LINE

/* out[4 l + m] for lanes l: lane l of a, b, c, d. */
static inline void turn_lanes(__m512d a, __m512d b, __m512d c, __m512d d, __m512d out[4])
{
    __m512d ab = _mm512_shuffle_f64x2(a, b, 0x44), cd = _mm512_shuffle_f64x2(c, d, 0x44);
    __m512d ab2 = _mm512_shuffle_f64x2(a, b, 0xee), cd2 = _mm512_shuffle_f64x2(c, d, 0xee);
    out[0] = _mm512_shuffle_f64x2(ab, cd, 0x88);
    out[1] = _mm512_shuffle_f64x2(ab, cd, 0xdd);
    out[2] = _mm512_shuffle_f64x2(ab2, cd2, 0x88);
    out[3] = _mm512_shuffle_f64x2(ab2, cd2, 0xdd);
}

#if defined(NTK_HOT_F32)

static inline void turn_square(const real *from, real *to)
{
    __m512d fours[4][4], columns[4];
    NTK_UNROLL for (int g = 0; g < 4; ++g) {
        const real *at = from + 4 * g * NTK_BLOCK_LD;
        __m512 r0 = _mm512_loadu_ps(at), r1 = _mm512_loadu_ps(at + NTK_BLOCK_LD), r2 = _mm512_loadu_ps(at + 2 * NTK_BLOCK_LD), r3 = _mm512_loadu_ps(at + 3 * NTK_BLOCK_LD);
        __m512d a = _mm512_castps_pd(_mm512_unpacklo_ps(r0, r1)), b = _mm512_castps_pd(_mm512_unpackhi_ps(r0, r1));
        __m512d c = _mm512_castps_pd(_mm512_unpacklo_ps(r2, r3)), d = _mm512_castps_pd(_mm512_unpackhi_ps(r2, r3));
        fours[0][g] = _mm512_unpacklo_pd(a, c);
        fours[1][g] = _mm512_unpackhi_pd(a, c);
        fours[2][g] = _mm512_unpacklo_pd(b, d);
        fours[3][g] = _mm512_unpackhi_pd(b, d);
    }
    NTK_UNROLL for (int m = 0; m < 4; ++m) {
        turn_lanes(fours[m][0], fours[m][1], fours[m][2], fours[m][3], columns);
        NTK_UNROLL for (int l = 0; l < 4; ++l) _mm512_storeu_ps(to + (4 * l + m) * STRIP_LD, _mm512_castpd_ps(columns[l]));
    }
}

#else

static inline void turn_square(const real *from, real *to)
{
    __m512d pairs[2][4], columns[4];
    NTK_UNROLL for (int g = 0; g < 4; ++g) {
        __m512d r0 = _mm512_loadu_pd(from + 2 * g * NTK_BLOCK_LD), r1 = _mm512_loadu_pd(from + (2 * g + 1) * NTK_BLOCK_LD);
        pairs[0][g] = _mm512_unpacklo_pd(r0, r1);
        pairs[1][g] = _mm512_unpackhi_pd(r0, r1);
    }
    NTK_UNROLL for (int m = 0; m < 2; ++m) {
        turn_lanes(pairs[m][0], pairs[m][1], pairs[m][2], pairs[m][3], columns);
        NTK_UNROLL for (int l = 0; l < 4; ++l) _mm512_storeu_pd(to + (2 * l + m) * STRIP_LD, columns[l]);
    }
}

#endif
#else

#define SIDE 8

static inline void turn_square(const real *from, real *to)
{
    real square[SIDE][SIDE];
    for (int r = 0; r < SIDE; ++r)
        for (int c = 0; c < SIDE; ++c) square[c][r] = from[r * NTK_BLOCK_LD + c];
    for (int c = 0; c < SIDE; ++c)
        for (int r = 0; r < SIDE; ++r) to[c * STRIP_LD + r] = square[c][r];
}

#endif

#define WIDE (2 * SIDE) /* columns of a strip: a page of the block is read for both squares */

/* Columns [c, c + WIDE) of the block as rows. */
static void turn_strip(const ntk_place *p, int64_t c)
{
    const real *from = (const real *)p->from + c;
    int64_t whole = p->rows / SIDE * SIDE;
    _Alignas(64) real strip[WIDE * STRIP_LD];
    for (int64_t r = 0; r < whole; r += SIDE)
        for (int64_t k = 0; k < WIDE; k += SIDE) turn_square(from + r * NTK_BLOCK_LD + k, strip + k * STRIP_LD + r);
    for (int64_t r = whole; r < p->rows; ++r)
        for (int64_t k = 0; k < WIDE; ++k) strip[k * STRIP_LD + r] = from[r * NTK_BLOCK_LD + k];
    for (int64_t k = 0; k < WIDE; ++k) put(p->stream, p->rows, strip + k * STRIP_LD, (real *)p->to + (c + k) * p->ld);
}

void NTK_HOT_NAME(turn)(const ntk_place *p);
void NTK_HOT_NAME(turn)(const ntk_place *p)
{
    const real *from = p->from;
    real *to = p->to;
    int64_t whole = p->columns / WIDE * WIDE;
    for (int64_t c = 0; c < whole; c += WIDE) turn_strip(p, c);
    for (int64_t c = whole; c < p->columns; ++c)
        for (int64_t r = 0; r < p->rows; ++r) to[c * p->ld + r] = from[r * NTK_BLOCK_LD + c];
}

#else

#define PLACE_VARIANTS(name)                   \
    void ntk_##name##_c(const ntk_place *);    \
    void ntk_##name##_avx2(const ntk_place *); \
    void ntk_##name##_avx512(const ntk_place *);
PLACE_VARIANTS(lay_f64)
PLACE_VARIANTS(lay_f32)
PLACE_VARIANTS(turn_f64)
PLACE_VARIANTS(turn_f32)

const ntk_place_fn ntk_lay_variants[2][NTK_CPU_COUNT] = {[NTK_F64] = NTK_VARIANT_ROW(lay, f64), [NTK_F32] = NTK_VARIANT_ROW(lay, f32)};
const ntk_place_fn ntk_turn_variants[2][NTK_CPU_COUNT] = {[NTK_F64] = NTK_VARIANT_ROW(turn, f64), [NTK_F32] = NTK_VARIANT_ROW(turn, f32)};

#endif
