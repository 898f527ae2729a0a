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
 * amplifies more than a ReLU.  For d = 784 and L = 3 inner.c stays there; one long sum wants 5e-2 and 0.15.
 */
#include "hot.h"

#if defined(NTK_HOT)

#define LANES 16 /* partial sums: fixed, so that every instruction set adds in the same order */

static real half_square_distance(int64_t d, const real *x, real scale, const real *y, real y_scale)
{
    real sum[LANES] = {0}, total = 0;
    int64_t k = 0;
    for (; k + LANES <= d; k += LANES)
        for (int l = 0; l < LANES; ++l) {
            real e = x[k + l] * scale - y[k + l] * y_scale;
            sum[l] += e * e;
        }
    for (int l = 0; k < d; ++k, ++l) {
        real e = x[k] * scale - y[k] * y_scale;
        sum[l] += e * e;
    }
    for (int l = 0; l < LANES; ++l) total += sum[l];
    return REAL(0.5) * total;
}

static void cosines(const ntk_start *s, real *rho, real *gap, real *theta)
{
    const real *products = s->products;
    double inverse = s->inverse;
    for (int64_t j = 0; j < s->count; ++j) {
        real r = REAL((double)products[j] * inverse * s->inverses[j]);
        rho[j] = r;
        gap[j] = 1 - ntk_abs(r);
        theta[j] = 0;
    }
}

/* Where the product is not good enough, from the vectors. */
static void refine(const ntk_start *s, int64_t j, real *rho, real *gap)
{
    const real *columns = s->columns;
    real sign = rho[j] < 0 ? REAL(-1) : REAL(1);
    if (gap[j] >= REAL(s->near) || s->inverse == 0 || s->inverses[j] == 0) return;
    gap[j] = half_square_distance(s->d, s->x, REAL(s->inverse), columns + j * s->d, sign * REAL(s->inverses[j]));
    rho[j] = sign * (1 - gap[j]);
}

/* Near pairs are rare: whole vectors are asked first. */
static bool any_near(const real *gap, int64_t count, real limit)
{
    int near = 0;
    for (int64_t j = 0; j < count; ++j) near |= gap[j] < limit;
    return near;
}

static void refine_all(const ntk_start *s, real *rho, real *gap)
{
    for (int64_t first = 0; first < s->count; first += LANES) {
        int64_t end = NTK_MIN(first + LANES, s->count);
        if (!any_near(gap + first, end - first, REAL(s->near))) continue;
        for (int64_t j = first; j < end; ++j) refine(s, j, rho, gap);
    }
}

void NTK_HOT_NAME(start)(const ntk_start *s);
void NTK_HOT_NAME(start)(const ntk_start *s)
{
    real *rho = s->rho, *gap = s->gap;
    cosines(s, rho, gap, s->theta);
    refine_all(s, rho, gap);
    if (s->itself >= 0 && s->itself < s->count) { /* a sample and itself: exactly 1, whatever was rounded */
        rho[s->itself] = s->inverse == 0 ? 0 : 1;
        gap[s->itself] = s->inverse == 0 ? 1 : 0;
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

#endif
