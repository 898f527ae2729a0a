/*
 * The first state of a pair: rho = x·x' / (|x| |x'|), gap = 1 - |rho|, theta = 0.
 *
 * A product of d terms gives rho with an absolute error delta = u (3 + sqrt m): u the unit roundoff, m = d for one long sum (the
 * largest of many errors of random sign, for terms of one sign), m = DEPTH²/d + d/DEPTH for the slices of inner.c, and 3 u from the
 * lengths.  A chain of L kinked layers amplifies an error of the gap w near rho = ±1 by
 *
 *     A(w) = L / (2 pi sqrt(2 w)) / (1 + L sqrt(w)/4)²
 *
 * (docs/mathematics.md §4.2 step 8; the second factor, measured, is that deep chains forget the angle).  So where the gap is below the
 * threshold at which A(w) delta is three quarters of the error allowed, 4e-15 (1 + L/10) or 1e-6 (1 + L/10), it is taken from the vectors,
 * gap = ½ |x/|x| ∓ x'/|x'||², whose error is relative.  It is never below 2e-2 in double and 5e-2 in single precision: erf of large inputs
 * amplifies more than a ReLU.  A second activation after one that jumps sees the fourth root of the squared distance, and one whose kernel is a peak
 * of width 1/length (NTK_LAW_SHARP) amplifies an error of the angle by the length: they take the gap of the stored numbers to full precision
 * (exact_gap()).  For d = 784 and L = 3 inner.c stays there; one long sum wants 5e-2 and 0.15.
 */
#include "hot.h"

#if defined(NTK_HOT)

#define LANES 16 /* partial sums: fixed, so that every instruction set adds in the same order */
#define DENSE 4  /* one near pair in so many of a register block: all of its distances at once cost less */

/* inner.c, of this type and instruction set. */
void NTK_HOT_NAME(inner_distances)(const ntk_inner *p, int64_t i, int64_t j, bool opposite, void *out);
int64_t NTK_HOT_NAME(inner_width)(void);

static real half_square_distance(int64_t d, const real *x, double scale, const real *y, double y_scale)
{
    real sum[LANES] = {0}, total = 0;
    int64_t k = 0;
    for (; k + LANES <= d; k += LANES)
        for (int l = 0; l < LANES; ++l) {
            real e = REAL((double)x[k + l] * scale) - REAL((double)y[k + l] * y_scale);
            sum[l] += e * e;
        }
    for (int l = 0; k < d; ++k, ++l) {
        real e = REAL((double)x[k] * scale) - REAL((double)y[k] * y_scale);
        sum[l] += e * e;
    }
    for (int l = 0; l < LANES; ++l) total += sum[l];
    return REAL(0.5) * total;
}

static int64_t count_below(int64_t count, real near, const real *s)
{
    int below = 0;
    for (int64_t j = 0; j < count; ++j) below += ntk_abs(s[j]) < near;
    return below;
}

/* Cosines to signed gaps; how many of them lie below the threshold.  A cosine rounded beyond 1 keeps its sign and gets a small gap. */
static int64_t to_gaps(int64_t count, real near, real *s)
{
    int below = 0;
    for (int64_t j = 0; j < count; ++j) {
        real gap = 1 - ntk_abs(s[j]);
        below += gap < near;
        s[j] = ntk_copysign(gap, s[j]);
    }
    return below;
}

/* A vector times a power of two. */
typedef struct scaled {
    const real *x;
    double scale;
} scaled;

static double scaled_at(const scaled *v, int64_t k)
{
    return (double)v->x[k] * v->scale;
}

/* x·x, x·y: `lanes` terms from k on to the partial sums. */
static inline void add_products(const scaled *x, const scaled *y, int64_t k, int lanes, double *squares, double *products)
{
    for (int l = 0; l < lanes; ++l) {
        double a = scaled_at(x, k + l), b = scaled_at(y, k + l);
        squares[l] += a * a;
        products[l] += a * b;
    }
}

/* e·x and e·e of e = y - r x - rest x, whose entries have few roundings of their own: fma rounds y - r x once. */
static inline void add_residual(const scaled *x, const scaled *y, double r, double rest, int64_t k, int lanes, double *products, double *squares)
{
    for (int l = 0; l < lanes; ++l) {
        double a = scaled_at(x, k + l), e = fma(-r, a, scaled_at(y, k + l)) - rest * a;
        products[l] += e * a;
        squares[l] += e * e;
    }
}

static double sum_of(const double *partial)
{
    double sum = 0;
    for (int l = 0; l < LANES; ++l) sum += partial[l];
    return sum;
}

static void two_products(int64_t d, const scaled *x, const scaled *y, double *xx, double *xy)
{
    double squares[LANES] = {0}, products[LANES] = {0};
    int64_t k = 0;
    for (; k + LANES <= d; k += LANES) add_products(x, y, k, LANES, squares, products);
    add_products(x, y, k, (int)(d - k), squares, products);
    *xx = sum_of(squares);
    *xy = sum_of(products);
}

static void residual(int64_t d, const scaled *x, const scaled *y, double r, double rest, double *ex, double *ee)
{
    double products[LANES] = {0}, squares[LANES] = {0};
    int64_t k = 0;
    for (; k + LANES <= d; k += LANES) add_residual(x, y, r, rest, k, LANES, products, squares);
    add_residual(x, y, r, rest, k, (int)(d - k), products, squares);
    *ex = sum_of(products);
    *ee = sum_of(squares);
}

static double power_of_two(double inverse)
{
    return ldexp(1, ilogb(inverse));
}

/*
 * The gap of the stored numbers to full relative precision, however near: with r x the part of y along x, tan² of the angle is
 * t = |y - r x|²/|r x|², and 1 - cos = t/(1 + t + sqrt(1 + t)).  r is corrected once, so that the residual is orthogonal to x to rounding of
 * itself; where y is an exact multiple it comes out as 0.
 */
static real exact_gap(int64_t d, const real *x, double inverse, const real *y, double y_inverse)
{
    scaled a = {x, power_of_two(inverse)}, b = {y, power_of_two(y_inverse)};
    double xx, xy, r, ex, ee, t;
    two_products(d, &a, &b, &xx, &xy);
    r = xy / xx;
    residual(d, &a, &b, r, 0, &ex, &ee);
    residual(d, &a, &b, r, ex / xx, &xy, &ee);
    r += ex / xx;
    t = ee / (r * r * xx);
    return REAL(t / (1 + t + sqrt(1 + t)));
}

/* Pairs [j, end) of row i that the product is not good enough for, one by one. */
static void refine(const ntk_gaps *g, int64_t i, int64_t j, int64_t end, real *s)
{
    const ntk_inner *b = g->block;
    for (; j < end; ++j) {
        const real *x = (const real *)b->rows + i * b->d, *y = (const real *)b->columns + j * b->d;
        double sign = signbit(s[j]) ? -1 : 1;
        if (!(ntk_abs(s[j]) < REAL(g->block->near))) continue;
        s[j] = REAL(sign) * (NTK_MIN(b->row_inverse[i], b->column_inverse[j]) <= g->exact ? exact_gap(b->d, x, b->row_inverse[i], y, b->column_inverse[j])
                                      : half_square_distance(b->d, x, b->row_inverse[i], y, sign * b->column_inverse[j]));
    }
}

static void take_distances(int64_t width, real near, const real *distances, bool opposite, real *s)
{
    for (int64_t j = 0; j < width; ++j)
        if (ntk_abs(s[j]) < near && (signbit(s[j]) != 0) == opposite) s[j] = opposite ? -distances[j] : distances[j];
}

/* The same for a register block at (i, j) at once, where most of its pairs are near. */
static void refine_block(const ntk_gaps *g, int64_t i, int64_t j, int64_t width, const bool occurs[2])
{
    real distances[NTK_INNER_BLOCK * NTK_BLOCK_LD], *s = (real *)g->block->out + i * NTK_BLOCK_LD + j;
    for (int opposite = 0; opposite < 2; ++opposite) {
        if (!occurs[opposite]) continue;
        NTK_HOT_NAME(inner_distances)(g->block, i, j, opposite, distances);
        for (int r = 0; r < NTK_INNER_BLOCK; ++r) take_distances(width, REAL(g->block->near), distances + r * NTK_BLOCK_LD, opposite, s + r * NTK_BLOCK_LD);
    }
}

static void find_signs(int64_t width, real near, const real *s, bool occurs[2])
{
    for (int64_t j = 0; j < width; ++j)
        if (ntk_abs(s[j]) < near) occurs[signbit(s[j]) != 0] = true;
}

/* A register block in which small gaps occur. */
static void refine_some(const ntk_gaps *g, int64_t i, int64_t j, int64_t width)
{
    real *s = (real *)g->block->out + i * NTK_BLOCK_LD + j, near = REAL(g->block->near);
    int64_t below = 0, end = NTK_MIN(j + width, g->block->count);
    bool occurs[2] = {false, false};
    for (int r = 0; r < NTK_INNER_BLOCK; ++r) below += count_below(width, near, s + r * NTK_BLOCK_LD);
    if (g->exact > 0 || below * DENSE < NTK_INNER_BLOCK * width) {
        for (int64_t r = 0; r < NTK_MIN(NTK_INNER_BLOCK, g->block->row_count - i); ++r) refine(g, i + r, j, end, s + r * NTK_BLOCK_LD - j);
        return;
    }
    for (int r = 0; r < NTK_INNER_BLOCK; ++r) find_signs(width, near, s + r * NTK_BLOCK_LD, occurs);
    refine_block(g, i, j, width, occurs);
}

/* From the products of the BLAS. */
static void gaps_of_row(const ntk_gaps *g, int64_t i)
{
    const real *products = (const real *)g->products + i * g->product_ld;
    real *s = (real *)g->block->out + i * NTK_BLOCK_LD;
    double inverse = g->block->row_inverse[i];
    for (int64_t j = 0; j < g->block->count; ++j) s[j] = REAL((double)products[j] * inverse * g->block->column_inverse[j]);
    if (to_gaps(g->block->count, REAL(g->block->near), s) > 0) refine(g, i, 0, g->block->count, s);
}

/* A sample and itself: exactly 0, whatever was rounded. */
static void set_itself(const ntk_gaps *g)
{
    real *s = g->block->out;
    for (int64_t i = 0; i < g->block->row_count; ++i) {
        int64_t j = g->itself + i;
        if (g->itself != NTK_ALL_PAIRS && j >= 0 && j < g->block->count) s[i * NTK_BLOCK_LD + j] = g->block->row_inverse[i] == 0 ? 1 : 0;
    }
}

void NTK_HOT_NAME(gaps)(const ntk_gaps *g);
void NTK_HOT_NAME(gaps)(const ntk_gaps *g)
{
    int64_t width = NTK_HOT_NAME(inner_width)(), rows = g->block->row_count;
    for (int64_t i = 0; g->products && i < rows; ++i) gaps_of_row(g, i);
    for (int64_t i = 0; !g->products && i < rows; i += NTK_INNER_BLOCK)
        for (int64_t j = 0; j < g->block->count; j += width)
            if (g->block->below[j / width][i / NTK_INNER_BLOCK]) refine_some(g, i, j, width);
    set_itself(g);
}

void NTK_HOT_NAME(start)(const ntk_start *s);
void NTK_HOT_NAME(start)(const ntk_start *s)
{
    const real *gaps = s->gaps;
    real *rho = s->rho, *gap = s->gap, *theta = s->theta;
    for (int64_t j = 0; j < s->count; ++j) {
        gap[j] = ntk_abs(gaps[j]);
        rho[j] = ntk_copysign(1 - gap[j], gaps[j]);
        theta[j] = 0;
    }
}

#else

#include <math.h>

#define START_VARIANTS(type)                       \
    void ntk_start_##type##_c(const ntk_start *);    \
    void ntk_start_##type##_avx2(const ntk_start *); \
    void ntk_start_##type##_avx512(const ntk_start *);
START_VARIANTS(f64)
START_VARIANTS(f32)

#define GAPS_VARIANTS(type)                     \
    void ntk_gaps_##type##_c(const ntk_gaps *);    \
    void ntk_gaps_##type##_avx2(const ntk_gaps *); \
    void ntk_gaps_##type##_avx512(const ntk_gaps *);
GAPS_VARIANTS(f64)
GAPS_VARIANTS(f32)

const ntk_gaps_fn ntk_gaps_variants[2][NTK_CPU_COUNT] = {[NTK_F64] = NTK_VARIANT_ROW(gaps, f64), [NTK_F32] = NTK_VARIANT_ROW(gaps, f32)};
const ntk_start_fn ntk_start_variants[2][NTK_CPU_COUNT] = {[NTK_F64] = NTK_VARIANT_ROW(start, f64), [NTK_F32] = NTK_VARIANT_ROW(start, f32)};

static double amplification(double layers, double gap)
{
    double fading = 1 + layers * sqrt(gap) / 4;
    return layers / (2 * M_PI * sqrt(2 * gap)) / (fading * fading);
}

#define NEAR_MOST 0.25 /* beyond, a difference has no fewer errors than a product */

double ntk_start_near(ntk_dtype dtype, int64_t activations, double terms)
{
    double layers = (double)NTK_MAX(activations, 1), base = dtype == NTK_F64 ? 3e-15 : 7.5e-7, u = dtype == NTK_F64 ? 0x1p-53 : 0x1p-24;
    double allowed = base * (1 + layers / 10), delta = u * (3 + sqrt(terms)), low = dtype == NTK_F64 ? 2e-2 : 5e-2, high = NEAR_MOST;
    if (amplification(layers, low) * delta <= allowed) return low;
    if (amplification(layers, high) * delta >= allowed) return high;
    for (int i = 0; i < 60; ++i) { /* bisection: the amplification falls */
        double middle = sqrt(low * high);
        if (amplification(layers, middle) * delta > allowed) low = middle;
        else high = middle;
    }
    return high;
}

/*
 * |x| by the scaled sum: the largest entry is taken out, so squares neither overflow nor vanish.  In partial sums: one long sum would be
 * wrong by more than the products are.
 */
#define PARTS 16
#define LENGTH(T)                                                                                   \
    static double length_##T(int64_t d, const T *x)                                                 \
    {                                                                                               \
        double largest = 0, sum[PARTS] = {0}, total = 0;                                            \
        for (int64_t k = 0; k < d; ++k) largest = fmax(largest, fabs((double)x[k]));                \
        if (largest == 0) return 0;                                                                 \
        for (int64_t k = 0; k < d; k += PARTS)                                                      \
            for (int l = 0; l < NTK_MIN(PARTS, d - k); ++l) {                                       \
                double e = (double)x[k + l] / largest;                                              \
                sum[l] += e * e;                                                                    \
            }                                                                                       \
        for (int l = 0; l < PARTS; ++l) total += sum[l];                                            \
        return largest * sqrt(total);                                                               \
    }
LENGTH(double)
LENGTH(float)

void ntk_lengths(ntk_dtype dtype, int64_t n, int64_t d, const void *x, double *length, double *inverse)
{
    for (int64_t i = 0; i < n; ++i) {
        length[i] = dtype == NTK_F64 ? length_double(d, (const double *)x + i * d) : length_float(d, (const float *)x + i * d);
        inverse[i] = length[i] > 0 ? 1 / length[i] : 0;
    }
}

/*
 * With s a power of two, q = |s x|²/d as a sum hi + lo (every product and sum with its own rounding error, by fma and Knuth's sum), and a = s alpha:
 * |s x|/sqrt(d) - a = (q - a²)/(2a) to first order, and the second is below 2^-106.
 */
static double rest_of_length(int64_t d, ntk_dtype dtype, const void *x, double alpha)
{
    double scale = alpha > 0 ? ldexp(1, -ilogb(alpha)) : 0, hi = 0, lo = 0, a = alpha * scale, square = a * a, mean;
    if (!(alpha > 1e-300 && alpha < 1e300)) return 0;
    for (int64_t k = 0; k < d; ++k) {
        double e = (dtype == NTK_F64 ? ((const double *)x)[k] : (double)((const float *)x)[k]) * scale, p = e * e, sum = hi + p, back = sum - hi;
        lo += fma(e, e, -p) + ((hi - (sum - back)) + (p - back));
        hi = sum;
    }
    mean = hi / (double)d;
    lo = (fma(-mean, (double)d, hi) + lo) / (double)d;
    return (mean - square - fma(a, a, -square) + lo) / (2 * a) / scale;
}

void ntk_length_rests(ntk_dtype dtype, int64_t n, int64_t d, const void *x, const double *alpha, double *rest)
{
    const char *row = x;
    for (int64_t i = 0; i < n; ++i) rest[i] = rest_of_length(d, dtype, row + (size_t)(i * d) * ntk_dtype_size(dtype), alpha[i]);
}

#endif
