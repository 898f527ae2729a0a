/*
 * The first state of a pair: rho = x·x' / (|x| |x'|), gap = 1 - |rho|, theta = 0.
 *
 * A matrix product gives rho with an absolute error of about sqrt(d) eps, and the kernel amplifies an error of the gap by
 * L / (2 pi sqrt(2 gap)): near rho = ±1 half of the digits would go.  So where the gap is below a threshold it is taken from
 * the vectors, gap = ½ |x/|x| ∓ x'/|x'||², whose error is relative.  The threshold is where the product is as good
 * (measured for d = 784, L = 3 ... 20: 2e-2 in f64, 5e-2 in f32; docs/mathematics.md §4.2 step 8).
 */
#include "hot.h"

#if defined(NTK_HOT)

#if defined(NTK_HOT_F32)
#define NEAR 5e-2f
#else
#define NEAR 2e-2
#endif
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
    if (gap[j] >= NEAR || s->inverse == 0 || s->inverses[j] == 0) return;
    gap[j] = half_square_distance(s->d, s->x, REAL(s->inverse), columns + j * s->d, sign * REAL(s->inverses[j]));
    rho[j] = sign * (1 - gap[j]);
}

/* Near pairs are rare: whole vectors are asked first. */
static bool any_near(const real *gap, int64_t count)
{
    int near = 0;
    for (int64_t j = 0; j < count; ++j) near |= gap[j] < NEAR;
    return near;
}

static void refine_all(const ntk_start *s, real *rho, real *gap)
{
    for (int64_t first = 0; first < s->count; first += LANES) {
        int64_t end = NTK_MIN(first + LANES, s->count);
        if (!any_near(gap + first, end - first)) continue;
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

/* |x| by the scaled sum: the largest entry is taken out, so squares neither overflow nor vanish. */
#define LENGTH(T)                                                          \
    static double length_##T(int64_t d, const T *x)                       \
    {                                                                     \
        double largest = 0, sum = 0;                                      \
        for (int64_t k = 0; k < d; ++k) largest = fmax(largest, fabs((double)x[k])); \
        if (largest == 0) return 0;                                       \
        for (int64_t k = 0; k < d; ++k) {                                  \
            double e = (double)x[k] / largest;                             \
            sum += e * e;                                                 \
        }                                                                 \
        return largest * sqrt(sum);                                       \
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
