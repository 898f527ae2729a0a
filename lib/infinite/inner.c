/*
 * Cosines x̂·x̂' and distances ½|x̂ ∓ x̂'|² of a few rows with a run of columns, x̂ = x/|x|, where a call of the BLAS for each would cost more
 * than the sums: few inputs, or a BLAS that is not known to be fast.
 *
 * The columns are normalised and turned into panels packed[j/WIDTH][k][j%WIDTH], so that a vector holds the same input of neighbouring
 * columns and a panel is read from end to end; many blocks of rows use them.  The rows of a block are normalised beside them.  Sample and
 * column are rounded by one rule, x̂_k = fl(x_k fl(1/|x|)), so that equal samples have distance 0 and a pair does not know which is which.
 *
 * ROWS rows by VECTORS vectors of sums stay in registers over a slice of inputs: ROWS VECTORS products for VECTORS + ROWS loads; a distance is
 * a subtraction more.  Every pair is summed in the same order wherever it lies: k upwards within a slice, from 0, then slices upwards.  For near
 * inputs, whose terms have one sign, that leaves an error of about sqrt(d/DEPTH) eps / 4, where one long sum has sqrt(d) eps / 4 (Higham
 * 2002, §4.2).  Distances are one long sum: their error is relative.
 *
 * The last slice leaves the signed gaps copysign(1 - |rho|, rho) in the place of the cosines, while they are in registers, and says of each register
 * block whether one of them is so small that start.c has to look.
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

#if defined(NTK_HOT_F32)
typedef int32_t whole __attribute__((vector_size(BYTES), may_alias));
#define SIGN INT32_MIN
#else
typedef int64_t whole __attribute__((vector_size(BYTES), may_alias));
#define SIGN INT64_MIN
#endif

/* SIDE inputs of SIDE columns at a time: both sides of the turn in whole cache lines. */
#define SIDE 16

static void pack_square(const ntk_inner *p, int64_t j, int64_t k)
{
    int64_t most = NTK_MIN(SIDE, p->d - k);
    for (int64_t a = j; a < NTK_MIN(j + SIDE, p->count); ++a) {
        const real *from = (const real *)p->columns + a * p->d + k;
        real *to = (real *)p->packed + (a / WIDTH * p->d + k) * WIDTH + a % WIDTH;
        double inverse = p->column_inverse[a];
        for (int64_t b = 0; b < most; ++b) to[b * WIDTH] = REAL((double)from[b] * inverse);
    }
}

void NTK_HOT_NAME(inner_pack)(const ntk_inner *p);
void NTK_HOT_NAME(inner_pack)(const ntk_inner *p)
{
    for (int64_t j = 0; j < p->count; j += SIDE)
        for (int64_t k = 0; k < p->d; k += SIDE) pack_square(p, j, k);
}

static void normalise_rows(const ntk_inner *p)
{
    const real *from = p->rows;
    real *to = p->units;
    for (int64_t i = 0; i < p->row_count; ++i)
        for (int64_t k = 0; k < p->d; ++k) to[i * p->d + k] = REAL((double)from[i * p->d + k] * p->row_inverse[i]);
}

/* The rows of a register block; the last one stands in for those missing. */
static inline void rows_at(const ntk_inner *p, int64_t i, int64_t from, const real *x[ROWS])
{
    for (int r = 0; r < ROWS; ++r) x[r] = (const real *)p->units + NTK_MIN(i + r, p->row_count - 1) * p->d + from;
}

static inline void multiply(int64_t depth, const real *const x[ROWS], const real *panel, vector sum[ROWS][VECTORS])
{
    for (int64_t k = 0; k < depth; ++k) {
        const vector *p = (const vector *)(const void *)(panel + k * WIDTH);
        NTK_UNROLL for (int r = 0; r < ROWS; ++r)
            NTK_UNROLL for (int v = 0; v < VECTORS; ++v) sum[r][v] += x[r][k] * p[v];
    }
}

static bool any_sign(whole w)
{
    bool any = false;
    for (int l = 0; l < BYTES / (int)sizeof(real); ++l) any |= w[l] < 0;
    return any;
}

/* out [ROWS, WIDTH] (+)= x panel, over one slice. */
static inline void block(int64_t depth, const real *const x[ROWS], const real *panel, bool first, real *out)
{
    vector sum[ROWS][VECTORS] = {0};
    multiply(depth, x, panel, sum);
    NTK_UNROLL for (int r = 0; r < ROWS; ++r)
        NTK_UNROLL for (int v = 0; v < VECTORS; ++v) {
            vector *to = (vector *)(void *)(out + r * NTK_BLOCK_LD) + v;
            if (first) *to = sum[r][v];
            else *to += sum[r][v];
        }
}

/* The same over the last slice, to signed gaps; is one below `near`? */
static inline bool last_block(int64_t depth, const real *const x[ROWS], const real *panel, bool first, real near, real *out)
{
    vector sum[ROWS][VECTORS] = {0};
    whole below = {0};
    multiply(depth, x, panel, sum);
    NTK_UNROLL for (int r = 0; r < ROWS; ++r)
        NTK_UNROLL for (int v = 0; v < VECTORS; ++v) {
            vector *to = (vector *)(void *)(out + r * NTK_BLOCK_LD) + v, rho = sum[r][v], gap;
            if (!first) rho += *to;
            gap = 1 - (vector)((whole)rho & ~SIGN);
            below |= (whole)(gap - near);
            *to = (vector)(((whole)gap & ~SIGN) | ((whole)rho & SIGN));
        }
    return any_sign(below);
}

static void slice(const ntk_inner *p, int64_t from, int64_t depth)
{
    const real *packed = p->packed, *x[ROWS];
    real *out = p->out;
    for (int64_t j = 0; j < p->count; j += WIDTH)
        for (int64_t i = 0; i < p->row_count; i += ROWS) {
            rows_at(p, i, from, x);
            block(depth, x, packed + j * p->d + from * WIDTH, from == 0, out + i * NTK_BLOCK_LD + j);
        }
}

static void last_slice(const ntk_inner *p, int64_t from, int64_t depth)
{
    const real *packed = p->packed, *x[ROWS];
    real *out = p->out;
    for (int64_t j = 0; j < p->count; j += WIDTH)
        for (int64_t i = 0; i < p->row_count; i += ROWS) {
            rows_at(p, i, from, x);
            p->below[j / WIDTH][i / ROWS] = last_block(depth, x, packed + j * p->d + from * WIDTH, from == 0, REAL(p->near), out + i * NTK_BLOCK_LD + j);
        }
}

void NTK_HOT_NAME(inner)(const ntk_inner *p);
void NTK_HOT_NAME(inner)(const ntk_inner *p)
{
    int64_t from = 0;
    normalise_rows(p);
    for (; from + DEPTH < p->d; from += DEPTH) slice(p, from, DEPTH);
    last_slice(p, from, p->d - from);
}

/* out [ROWS, WIDTH] = ½ |x - panel|², with `opposite` ½ |x + panel|². */
static inline void distances(int64_t d, const real *const x[ROWS], const real *panel, bool opposite, real *out)
{
    vector sum[ROWS][VECTORS] = {0};
    for (int64_t k = 0; k < d; ++k) {
        const vector *p = (const vector *)(const void *)(panel + k * WIDTH);
        NTK_UNROLL for (int r = 0; r < ROWS; ++r)
            NTK_UNROLL for (int v = 0; v < VECTORS; ++v) {
                vector e = opposite ? p[v] + x[r][k] : p[v] - x[r][k];
                sum[r][v] += e * e;
            }
    }
    NTK_UNROLL for (int r = 0; r < ROWS; ++r)
        NTK_UNROLL for (int v = 0; v < VECTORS; ++v) ((vector *)(void *)(out + r * NTK_BLOCK_LD))[v] = REAL(0.5) * sum[r][v];
}

void NTK_HOT_NAME(inner_distances)(const ntk_inner *p, int64_t i, int64_t j, bool opposite, void *out);
void NTK_HOT_NAME(inner_distances)(const ntk_inner *p, int64_t i, int64_t j, bool opposite, void *out)
{
    const real *panel = (const real *)p->packed + j / WIDTH * WIDTH * p->d, *x[ROWS];
    rows_at(p, i, 0, x);
    if (opposite) distances(p->d, x, panel, true, out);
    else distances(p->d, x, panel, false, out);
}

int64_t NTK_HOT_NAME(inner_width)(void);
int64_t NTK_HOT_NAME(inner_width)(void)
{
    return WIDTH;
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
