/*
 * Depth collapse: a bias-free chain of dense layers and homogeneous activations (the ReLU family) of any depth is one function of
 * the angle (docs/mathematics.md §4.3),
 *
 *     rho_out = f(rho),     Theta = alpha beta g(rho),      alpha, beta the lengths of the input.
 *
 * With u = sqrt(1 - |rho|) both f and g are analytic in u on either side of rho = 0 (the only singularities are the square roots at
 * rho = ±1), so each side is a polynomial (chain_fit.c).  One square root and one polynomial per pair, whatever the depth.  Its
 * argument is the gap itself, so near inputs keep their digits.
 *
 * Two forms, by what the processor can do:
 *
 *   sides    one polynomial per side, start + (x + 1) q(x), x = 2u - 1; where a block holds pairs of both sides, both are evaluated
 *   pieces   PIECES polynomials of low degree per side, in x = u - centre: AVX-512 finds the coefficient of every lane in a register, by
 *            one permutation, so that neither side nor piece costs anything.  The square root is refined from the reciprocal one
 *            (Goldschmidt 1964), in the same pipes as the rest: the divider would take twice as long
 *
 * Rows go from signed gaps (start.c) to the caller's memory without a stop in between.
 */
#include "hot.h"

#if defined(NTK_HOT)

#include <string.h>

#if defined(__AVX512F__)
#define BYTES 64
#define VECTORS 8 /* in flight together: hides the latency of Horner's chain */
#elif defined(__AVX2__)
#define BYTES 32
#define VECTORS 8
#else
#define BYTES 16
#define VECTORS 4
#endif
#define LANES (BYTES / (int)sizeof(real))
#define BLOCK (VECTORS * LANES) /* pairs evaluated together; divides NTK_RUN */

typedef real vector __attribute__((vector_size(BYTES), aligned(sizeof(real)), may_alias));

#if defined(__AVX512F__)

#include <immintrin.h>

/* What differs between the types: lookup(x) is the coefficient in lane x of a row of 2 PIECES. */
#if defined(NTK_HOT_F32)
typedef __m512i index_vector;
#define MAGIC 0x1.8p23f
#define TINY 1e-36f
#define root_guess(w) (vector)_mm512_rsqrt14_ps((__m512)(w))
#define largest(a, b) (vector)_mm512_max_ps((__m512)(a), (__m512)(b))
#define absolute(a) (vector)_mm512_abs_ps((__m512)(a))
#define index_of(t, s) _mm512_ternarylogic_epi32(_mm512_castps_si512((__m512)(t)), _mm512_srli_epi32(_mm512_castps_si512((__m512)(s)), 28), _mm512_set1_epi32(8), 0xf8)
#define lookup(c, i) (vector)_mm512_permutexvar_ps(i, _mm512_loadu_ps(c))
typedef float coefficient;
#else
typedef __m512i index_vector;
#define MAGIC 0x1.8p52
#define TINY 1e-290
#define root_guess(w) (vector)_mm512_rsqrt14_pd((__m512d)(w))
#define largest(a, b) (vector)_mm512_max_pd((__m512d)(a), (__m512d)(b))
#define absolute(a) (vector)_mm512_abs_pd((__m512d)(a))
#define index_of(t, s) _mm512_ternarylogic_epi64(_mm512_castpd_si512((__m512d)(t)), _mm512_srli_epi64(_mm512_castpd_si512((__m512d)(s)), 60), _mm512_set1_epi64(8), 0xf8)
#define lookup(c, i) (vector)_mm512_permutex2var_pd(_mm512_loadu_pd(c), i, _mm512_loadu_pd((c) + 8))
typedef double coefficient;
#endif

/* Of 0 it is 0. */
static inline vector root(vector gap)
{
    vector y = root_guess(largest(gap, (vector){0} + REAL(TINY))), g = gap * y, h = REAL(0.5) * y, r = REAL(0.5) - g * h;
    g += g * r;
    if (sizeof(real) == 4) return g;
    h += h * r;
    r = REAL(0.5) - g * h;
    return g + g * r;
}

/* Signed gaps to polynomials; scaled by alpha beta. */
static inline void evaluate(const ntk_chain *chain, int what, const real *s, real alpha, const real *beta, real *out)
{
    const ntk_chain_pieces *p = &chain->pieces[sizeof(real) == 4][what];
    const coefficient *c = sizeof(real) == 4 ? (const void *)p->f32 : (const void *)p->f64;
    const vector *at = (const vector *)(const void *)s, *lengths = (const vector *)(const void *)beta;
    vector *to = (vector *)(void *)out, x[VECTORS], sum[VECTORS];
    index_vector index[VECTORS];
    NTK_UNROLL for (int v = 0; v < VECTORS; ++v) {
        vector u = root(absolute(at[v])), t = u * REAL(NTK_CHAIN_SCALE) + REAL(MAGIC);
        x[v] = u - (t - REAL(MAGIC)) * REAL(NTK_CHAIN_STEP);
        index[v] = index_of(t, at[v]);
        sum[v] = lookup(c + p->degree * 2 * NTK_CHAIN_PIECES, index[v]);
    }
    for (int k = p->degree - 1; k >= 0; --k)
        NTK_UNROLL for (int v = 0; v < VECTORS; ++v) sum[v] = sum[v] * x[v] + lookup(c + k * 2 * NTK_CHAIN_PIECES, index[v]);
    NTK_UNROLL for (int v = 0; v < VECTORS; ++v) to[v] = sum[v] * (alpha * lengths[v]);
}

#else

/* One side of a block of pairs.  Written in vectors, so that the sums stay in registers. */
static inline void evaluate_side(const ntk_chain_side *side, const real *x, real *out)
{
    const vector *at = (const vector *)(const void *)x;
    vector *to = (vector *)(void *)out, sum[VECTORS], one = (vector){0} + 1, start = one * REAL(side->start);
    NTK_UNROLL for (int v = 0; v < VECTORS; ++v) sum[v] = one * REAL(side->c[side->degree]);
    for (int k = side->degree - 1; k >= 0; --k) {
        vector c = one * REAL(side->c[k]);
        NTK_UNROLL for (int v = 0; v < VECTORS; ++v) sum[v] = sum[v] * at[v] + c;
    }
    NTK_UNROLL for (int v = 0; v < VECTORS; ++v) to[v] = start + (at[v] + one) * sum[v];
}

/* Pairs of a block on the far side. */
static inline int64_t count_far(const real *s)
{
    int64_t far = 0;
    for (int l = 0; l < BLOCK; ++l) far += signbit(s[l]) != 0;
    return far;
}

/* Both sides where both occur. */
static inline void evaluate(const ntk_chain *chain, int what, const real *s, real alpha, const real *beta, real *out)
{
    const ntk_chain_side *sides = chain->sides[sizeof(real) == 4][what];
    int64_t below = count_far(s);
    real x[BLOCK], near[BLOCK], far[BLOCK];
    for (int l = 0; l < BLOCK; ++l) x[l] = 2 * ntk_sqrt(ntk_abs(s[l])) - 1;
    if (below < BLOCK) evaluate_side(&sides[0], x, near);
    if (below > 0) evaluate_side(&sides[1], x, far);
    if (below == 0) memcpy(far, near, sizeof far);
    if (below == BLOCK) memcpy(near, far, sizeof near);
    for (int l = 0; l < BLOCK; ++l) out[l] = (signbit(s[l]) ? far[l] : near[l]) * (alpha * beta[l]);
}

#endif

/* v - v is 0 for finite v alone. */
static inline vector defect(const real *out)
{
    vector sum = {0};
    for (int v = 0; v < VECTORS; ++v) {
        vector value = ((const vector *)(const void *)out)[v];
        sum += value - value;
    }
    return sum;
}

static bool is_zero(vector sum)
{
    real all = 0;
    for (int l = 0; l < LANES; ++l) all += sum[l];
    return all == 0;
}

bool NTK_HOT_NAME(chain_row)(const ntk_chain *chain, const ntk_chain_row *row);
bool NTK_HOT_NAME(chain_row)(const ntk_chain *chain, const ntk_chain_row *row)
{
    const real *s = row->gaps, *beta = row->beta;
    real *out = row->out, alpha = *(const real *)row->alpha;
    vector bad = {0};
    int64_t j = 0;
    for (; j + BLOCK <= row->count; j += BLOCK) {
        evaluate(chain, row->what, s + j, alpha, beta + j, out + j);
        bad += defect(out + j);
    }
    if (j < row->count) { /* what stands behind the last pair of the gaps is finite; of the lengths it is not ours */
        real lengths[BLOCK] = {0}, rest[BLOCK];
        memcpy(lengths, beta + j, (size_t)(row->count - j) * sizeof *beta);
        evaluate(chain, row->what, s + j, alpha, lengths, rest);
        bad += defect(rest);
        memcpy(out + j, rest, (size_t)(row->count - j) * sizeof *out);
    }
    return is_zero(bad);
}

#else

#define CHAIN_VARIANTS(type)                                                     \
    bool ntk_chain_row_##type##_c(const ntk_chain *, const ntk_chain_row *);    \
    bool ntk_chain_row_##type##_avx2(const ntk_chain *, const ntk_chain_row *); \
    bool ntk_chain_row_##type##_avx512(const ntk_chain *, const ntk_chain_row *);
CHAIN_VARIANTS(f64)
CHAIN_VARIANTS(f32)

const ntk_chain_fn ntk_chain_variants[2][NTK_CPU_COUNT] = {[NTK_F64] = NTK_VARIANT_ROW(chain_row, f64), [NTK_F32] = NTK_VARIANT_ROW(chain_row, f32)};

#endif
