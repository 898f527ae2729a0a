/*
 * What is symmetric is written a second time: a block of rows, still in the cache, to the columns where it belongs too.
 *
 * Squares of SIDE by SIDE numbers, a vector wide, are turned in registers and leave in whole vectors, one after the other along each row of the
 * result.  A vector of AVX-512 turns by pairs of rows (unpack), fours (unpack again, in single precision) and then by its 128-bit
 * lanes: 3 shuffles a vector in double, 4 in single precision.
 */
#include "hot.h"

#if defined(NTK_HOT)

#if defined(__AVX512F__)

#include <immintrin.h>

#define SIDE (64 / (int)sizeof(real))

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

static inline void turn_square(const real *from, int64_t from_ld, real *to, int64_t to_ld)
{
    __m512d fours[4][4], columns[4];
    NTK_UNROLL for (int g = 0; g < 4; ++g) {
        const real *at = from + 4 * g * from_ld;
        __m512 r0 = _mm512_loadu_ps(at), r1 = _mm512_loadu_ps(at + from_ld), r2 = _mm512_loadu_ps(at + 2 * from_ld), r3 = _mm512_loadu_ps(at + 3 * from_ld);
        __m512d a = _mm512_castps_pd(_mm512_unpacklo_ps(r0, r1)), b = _mm512_castps_pd(_mm512_unpackhi_ps(r0, r1));
        __m512d c = _mm512_castps_pd(_mm512_unpacklo_ps(r2, r3)), d = _mm512_castps_pd(_mm512_unpackhi_ps(r2, r3));
        fours[0][g] = _mm512_unpacklo_pd(a, c);
        fours[1][g] = _mm512_unpackhi_pd(a, c);
        fours[2][g] = _mm512_unpacklo_pd(b, d);
        fours[3][g] = _mm512_unpackhi_pd(b, d);
    }
    NTK_UNROLL for (int m = 0; m < 4; ++m) {
        turn_lanes(fours[m][0], fours[m][1], fours[m][2], fours[m][3], columns);
        NTK_UNROLL for (int l = 0; l < 4; ++l) _mm512_storeu_ps(to + (4 * l + m) * to_ld, _mm512_castpd_ps(columns[l]));
    }
}

#else

static inline void turn_square(const real *from, int64_t from_ld, real *to, int64_t to_ld)
{
    __m512d pairs[2][4], columns[4];
    NTK_UNROLL for (int g = 0; g < 4; ++g) {
        __m512d r0 = _mm512_loadu_pd(from + 2 * g * from_ld), r1 = _mm512_loadu_pd(from + (2 * g + 1) * from_ld);
        pairs[0][g] = _mm512_unpacklo_pd(r0, r1);
        pairs[1][g] = _mm512_unpackhi_pd(r0, r1);
    }
    NTK_UNROLL for (int m = 0; m < 2; ++m) {
        turn_lanes(pairs[m][0], pairs[m][1], pairs[m][2], pairs[m][3], columns);
        NTK_UNROLL for (int l = 0; l < 4; ++l) _mm512_storeu_pd(to + (2 * l + m) * to_ld, columns[l]);
    }
}

#endif
#else

#define SIDE 8

static inline void turn_square(const real *from, int64_t from_ld, real *to, int64_t to_ld)
{
    real square[SIDE][SIDE];
    for (int r = 0; r < SIDE; ++r)
        for (int c = 0; c < SIDE; ++c) square[c][r] = from[r * from_ld + c];
    for (int c = 0; c < SIDE; ++c)
        for (int r = 0; r < SIDE; ++r) to[c * to_ld + r] = square[c][r];
}

#endif

static void turn_part(const real *from, real *to, int64_t ld, int64_t rows, int64_t columns)
{
    for (int64_t c = 0; c < columns; ++c)
        for (int64_t r = 0; r < rows; ++r) to[c * ld + r] = from[r * ld + c];
}

void NTK_HOT_NAME(turn)(const ntk_turn *t);
void NTK_HOT_NAME(turn)(const ntk_turn *t)
{
    const real *from = t->from;
    real *to = t->to;
    int64_t ld = t->ld, rows = t->rows / SIDE * SIDE, columns = t->columns / SIDE * SIDE;
    for (int64_t c = 0; c < columns; c += SIDE)
        for (int64_t r = 0; r < rows; r += SIDE) turn_square(from + r * ld + c, ld, to + c * ld + r, ld);
    turn_part(from + rows * ld, to + rows, ld, t->rows - rows, columns);
    turn_part(from + columns, to + columns * ld, ld, t->rows, t->columns - columns);
}

#else

#define TURN_VARIANTS(type)                       \
    void ntk_turn_##type##_c(const ntk_turn *);    \
    void ntk_turn_##type##_avx2(const ntk_turn *); \
    void ntk_turn_##type##_avx512(const ntk_turn *);
TURN_VARIANTS(f64)
TURN_VARIANTS(f32)

const ntk_turn_fn ntk_turn_variants[2][NTK_CPU_COUNT] = {[NTK_F64] = NTK_VARIANT_ROW(turn, f64), [NTK_F32] = NTK_VARIANT_ROW(turn, f32)};

#endif
