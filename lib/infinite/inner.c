/*
 * Products x·x' of a few rows with a run of columns, where a call of the BLAS for each would cost more than the product: few inputs,
 * or a BLAS that is not known to be fast.
 *
 * The columns are turned into packed[k][j], so that a vector holds the same input of neighbouring columns; many blocks of rows use them.
 * ROWS rows by VECTORS vectors of sums stay in registers over a slice of inputs: ROWS VECTORS products for VECTORS + ROWS loads.  Every
 * pair is summed in the same order wherever it lies: k upwards within a slice, from 0, then slices upwards.  For near inputs, whose terms
 * have one sign, that leaves an error of about sqrt(d/DEPTH) eps / 4, where one long sum has sqrt(d) eps / 4 (Higham 2002, §4.2).
 */
#include "hot.h"

#if defined(NTK_HOT)

#if defined(__AVX512F__)
#define BYTES 64
#define VECTORS 4
#elif defined(__AVX2__)
#define BYTES 32
#define VECTORS 2
#else
#define BYTES 16
#define VECTORS 2
#endif
#define ROWS 6
#define DEPTH NTK_INNER_DEPTH
#define WIDTH (VECTORS * BYTES / (int)sizeof(real)) /* columns at once; divides NTK_RUN */

typedef real vector __attribute__((vector_size(BYTES), aligned(sizeof(real)), may_alias));

/* SIDE inputs of SIDE columns at a time: both sides of the turn in whole cache lines. */
#define SIDE 16

static void pack_square(const ntk_inner *p, int64_t j, int64_t k)
{
    const real *from = (const real *)p->columns + j * p->d + k;
    real *to = (real *)p->packed + k * NTK_RUN + j;
    for (int64_t b = 0; b < NTK_MIN(SIDE, p->d - k); ++b)
        for (int64_t a = 0; a < NTK_MIN(SIDE, p->count - j); ++a) to[b * NTK_RUN + a] = from[a * p->d + b];
}

void NTK_HOT_NAME(inner_pack)(const ntk_inner *p);
void NTK_HOT_NAME(inner_pack)(const ntk_inner *p)
{
    for (int64_t j = 0; j < p->count; j += SIDE)
        for (int64_t k = 0; k < p->d; k += SIDE) pack_square(p, j, k);
}

/* out [ROWS, WIDTH] (+)= x packed, over one slice. */
static inline void block(int64_t depth, const real *const x[ROWS], const real *packed, bool first, real *out)
{
    vector sum[ROWS][VECTORS] = {0};
    for (int64_t k = 0; k < depth; ++k) {
        const vector *p = (const vector *)(const void *)(packed + k * NTK_RUN);
        NTK_UNROLL for (int r = 0; r < ROWS; ++r)
            NTK_UNROLL for (int v = 0; v < VECTORS; ++v) sum[r][v] += x[r][k] * p[v];
    }
    NTK_UNROLL for (int r = 0; r < ROWS; ++r)
        NTK_UNROLL for (int v = 0; v < VECTORS; ++v) {
            vector *to = (vector *)(void *)(out + r * NTK_RUN) + v;
            if (first) *to = sum[r][v];
            else *to += sum[r][v];
        }
}

/* The last rows may be fewer than ROWS: the last one stands in for those missing. */
static void slice(const ntk_inner *p, int64_t from, int64_t depth)
{
    const real *rows = p->rows, *packed = (const real *)p->packed + from * NTK_RUN;
    real *out = p->out;
    for (int64_t j = 0; j < p->count; j += WIDTH)
        for (int64_t i = 0; i < p->row_count; i += ROWS) {
            const real *x[ROWS];
            for (int r = 0; r < ROWS; ++r) x[r] = rows + NTK_MIN(i + r, p->row_count - 1) * p->d + from;
            block(depth, x, packed + j, from == 0, out + i * NTK_RUN + j);
        }
}

void NTK_HOT_NAME(inner)(const ntk_inner *p);
void NTK_HOT_NAME(inner)(const ntk_inner *p)
{
    for (int64_t from = 0; from < p->d; from += DEPTH) slice(p, from, NTK_MIN(p->d - from, DEPTH));
}

#else

#define INNER_VARIANTS(name)                     \
    void ntk_##name##_c(const ntk_inner *);        \
    void ntk_##name##_avx2(const ntk_inner *);     \
    void ntk_##name##_avx512(const ntk_inner *);
INNER_VARIANTS(inner_f64)
INNER_VARIANTS(inner_f32)
INNER_VARIANTS(inner_pack_f64)
INNER_VARIANTS(inner_pack_f32)

const ntk_inner_fn ntk_inner_variants[2][NTK_CPU_COUNT] = {[NTK_F64] = NTK_VARIANT_ROW(inner, f64), [NTK_F32] = NTK_VARIANT_ROW(inner, f32)};
const ntk_inner_fn ntk_inner_pack_variants[2][NTK_CPU_COUNT] = {[NTK_F64] = NTK_VARIANT_ROW(inner_pack, f64),
                                                                [NTK_F32] = NTK_VARIANT_ROW(inner_pack, f32)};

#endif
