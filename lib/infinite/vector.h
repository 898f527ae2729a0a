/*
 * vector: whole vectors of the instruction set at hand, for loops that are written in them (the compiler splits GNU vectors, but
 * knows no root, minimum or choice of one).  For the hot halves only.
 */
#ifndef NTK_VECTOR_H
#define NTK_VECTOR_H

#include "hot.h"

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX2__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif
#define WIDTH (VECTOR_BYTES / (int)sizeof(real)) /* numbers in a vector */

typedef real vector __attribute__((vector_size(VECTOR_BYTES), may_alias));

#if defined(NTK_HOT_F32)
typedef int32_t whole __attribute__((vector_size(VECTOR_BYTES), may_alias));
#define MANTISSA 23
#else
typedef int64_t whole __attribute__((vector_size(VECTOR_BYTES), may_alias));
#define MANTISSA 52
#endif

static inline vector load(const real *p)
{
    return *(const vector *)(const void *)p;
}

static inline void keep(real *p, vector v)
{
    *(vector *)(void *)p = v;
}

static inline vector all(real x)
{
    return (vector){0} + x;
}

#if defined(__AVX512F__) || defined(__AVX2__)
#include <immintrin.h>
#endif

/* root; the larger and the smaller of two; x < y ? a : b; does any number lie below 0? */
#if defined(__AVX512F__) && defined(NTK_HOT_F32)
static inline vector root(vector v) { return (vector)_mm512_sqrt_ps((__m512)v); }
static inline vector larger(vector a, vector b) { return (vector)_mm512_max_ps((__m512)a, (__m512)b); }
static inline vector smaller(vector a, vector b) { return (vector)_mm512_min_ps((__m512)a, (__m512)b); }
static inline vector choose_less(vector x, vector y, vector a, vector b)
{
    return (vector)_mm512_mask_blend_ps(_mm512_cmp_ps_mask((__m512)x, (__m512)y, _CMP_LT_OQ), (__m512)b, (__m512)a);
}
static inline bool any_negative(vector v) { return _mm512_cmp_ps_mask((__m512)v, _mm512_setzero_ps(), _CMP_LT_OQ) != 0; }
#elif defined(__AVX512F__)
static inline vector root(vector v) { return (vector)_mm512_sqrt_pd((__m512d)v); }
static inline vector larger(vector a, vector b) { return (vector)_mm512_max_pd((__m512d)a, (__m512d)b); }
static inline vector smaller(vector a, vector b) { return (vector)_mm512_min_pd((__m512d)a, (__m512d)b); }
static inline vector choose_less(vector x, vector y, vector a, vector b)
{
    return (vector)_mm512_mask_blend_pd(_mm512_cmp_pd_mask((__m512d)x, (__m512d)y, _CMP_LT_OQ), (__m512d)b, (__m512d)a);
}
static inline bool any_negative(vector v) { return _mm512_cmp_pd_mask((__m512d)v, _mm512_setzero_pd(), _CMP_LT_OQ) != 0; }
#elif defined(__AVX2__) && defined(NTK_HOT_F32)
static inline vector root(vector v) { return (vector)_mm256_sqrt_ps((__m256)v); }
static inline vector larger(vector a, vector b) { return (vector)_mm256_max_ps((__m256)a, (__m256)b); }
static inline vector smaller(vector a, vector b) { return (vector)_mm256_min_ps((__m256)a, (__m256)b); }
static inline vector choose_less(vector x, vector y, vector a, vector b)
{
    return (vector)_mm256_blendv_ps((__m256)b, (__m256)a, _mm256_cmp_ps((__m256)x, (__m256)y, _CMP_LT_OQ));
}
static inline bool any_negative(vector v) { return _mm256_movemask_ps(_mm256_cmp_ps((__m256)v, _mm256_setzero_ps(), _CMP_LT_OQ)) != 0; }
#elif defined(__AVX2__)
static inline vector root(vector v) { return (vector)_mm256_sqrt_pd((__m256d)v); }
static inline vector larger(vector a, vector b) { return (vector)_mm256_max_pd((__m256d)a, (__m256d)b); }
static inline vector smaller(vector a, vector b) { return (vector)_mm256_min_pd((__m256d)a, (__m256d)b); }
static inline vector choose_less(vector x, vector y, vector a, vector b)
{
    return (vector)_mm256_blendv_pd((__m256d)b, (__m256d)a, _mm256_cmp_pd((__m256d)x, (__m256d)y, _CMP_LT_OQ));
}
static inline bool any_negative(vector v) { return _mm256_movemask_pd(_mm256_cmp_pd((__m256d)v, _mm256_setzero_pd(), _CMP_LT_OQ)) != 0; }
#else
static inline vector root(vector v)
{
    for (int i = 0; i < WIDTH; ++i) v[i] = ntk_sqrt(v[i]);
    return v;
}
static inline vector choose_less(vector x, vector y, vector a, vector b)
{
    for (int i = 0; i < WIDTH; ++i) a[i] = x[i] < y[i] ? a[i] : b[i];
    return a;
}
static inline vector larger(vector a, vector b) { return choose_less(b, a, a, b); }
static inline vector smaller(vector a, vector b) { return choose_less(a, b, a, b); }
static inline bool any_negative(vector v)
{
    bool any = false;
    for (int i = 0; i < WIDTH; ++i) any |= v[i] < 0;
    return any;
}
#endif

/*
 * Bits of numbers as integers: those of non-negative numbers are in the order of the numbers, and their differences are about 2^MANTISSA log2 of
 * the ratio.  Compares and maxima of integers leave the pipes that multiply alone.
 */
#if defined(__AVX512F__) && defined(NTK_HOT_F32)
static inline whole whole_larger(whole a, whole b) { return (whole)_mm512_max_epi32((__m512i)a, (__m512i)b); }
static inline whole whole_smaller(whole a, whole b) { return (whole)_mm512_min_epi32((__m512i)a, (__m512i)b); }
#elif defined(__AVX512F__)
static inline whole whole_larger(whole a, whole b) { return (whole)_mm512_max_epi64((__m512i)a, (__m512i)b); }
static inline whole whole_smaller(whole a, whole b) { return (whole)_mm512_min_epi64((__m512i)a, (__m512i)b); }
#elif defined(__AVX2__) && defined(NTK_HOT_F32)
static inline whole whole_larger(whole a, whole b) { return (whole)_mm256_max_epi32((__m256i)a, (__m256i)b); }
static inline whole whole_smaller(whole a, whole b) { return (whole)_mm256_min_epi32((__m256i)a, (__m256i)b); }
#else
static inline whole whole_larger(whole a, whole b)
{
    whole less = a < b;
    return (b & less) | (a & ~less);
}
static inline whole whole_smaller(whole a, whole b)
{
    whole less = a < b;
    return (a & less) | (b & ~less);
}
#endif

/* v within [0, most], most >= 0. */
static inline vector between_zero_and(vector v, vector most)
{
    return (vector)whole_smaller(whole_larger((whole)v, (whole){0}), (whole)most);
}

#if defined(__AVX512F__) && defined(NTK_HOT_F32)
static inline bool any_whole_below(whole v, int64_t bound) { return _mm512_cmplt_epi32_mask((__m512i)v, _mm512_set1_epi32((int32_t)bound)) != 0; }
#elif defined(__AVX512F__)
static inline bool any_whole_below(whole v, int64_t bound) { return _mm512_cmplt_epi64_mask((__m512i)v, _mm512_set1_epi64(bound)) != 0; }
#else
static inline bool any_whole_below(whole v, int64_t bound)
{
    bool any = false;
    for (int i = 0; i < WIDTH; ++i) any |= v[i] < bound;
    return any;
}
#endif

#endif
