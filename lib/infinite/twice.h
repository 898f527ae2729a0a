/*
 * twice: numbers of twice the precision, as unevaluated sums hi + lo of two doubles (T. J. Dekker, Numer. Math. 18, 1971), 2^-104 or so of the result, or of
 * the summands where they cancel.  To be compiled without contraction: a rounded product must be the same number in all its uses.
 */
#ifndef NTK_TWICE_H
#define NTK_TWICE_H

#include <math.h>

typedef struct twice {
    double hi, lo;
} twice;

/* a + b, |a| >= |b| or a = 0; a + b of any. */
static inline twice quick_sum(double a, double b)
{
    double s = a + b;
    return (twice){s, b - (s - a)};
}

static inline twice exact_sum(double a, double b)
{
    double s = a + b, of_b = s - a;
    return (twice){s, (a - (s - of_b)) + (b - of_b)};
}

#if defined(__FMA__) || defined(__FP_FAST_FMA)
static inline twice exact_product(double a, double b)
{
    double p = a * b;
    return (twice){p, fma(a, b, -p)};
}
#else
static inline twice halves_of(double a)
{
    double t = 0x8000001p0 * a, hi = t - (t - a); /* 2^27 + 1 */
    return (twice){hi, a - hi};
}

static inline twice exact_product(double a, double b)
{
    double p = a * b;
    twice x = halves_of(a), y = halves_of(b);
    return (twice){p, ((x.hi * y.hi - p) + x.hi * y.lo + x.lo * y.hi) + x.lo * y.lo};
}
#endif

static inline twice twice_add(twice a, twice b)
{
    twice s = exact_sum(a.hi, b.hi);
    return quick_sum(s.hi, s.lo + (a.lo + b.lo));
}

static inline twice twice_less(twice a, twice b)
{
    return twice_add(a, (twice){-b.hi, -b.lo});
}

static inline twice twice_times(twice a, twice b)
{
    twice p = exact_product(a.hi, b.hi);
    return quick_sum(p.hi, p.lo + (a.hi * b.lo + a.lo * b.hi));
}

static inline twice twice_scaled(twice a, double b)
{
    twice p = exact_product(a.hi, b);
    return quick_sum(p.hi, p.lo + a.lo * b);
}

/* 0 for what is not positive. */
static inline twice twice_root(twice a)
{
    double r = sqrt(a.hi > 0 ? a.hi : 0), half = r > 0 ? 0.5 / r : 0;
    twice square = exact_product(r, r);
    return quick_sum(r, ((a.hi - square.hi) - square.lo + a.lo) * half);
}

/* a / b by inverse = 1/b.hi; 0 for an inverse of 0. */
static inline twice twice_over(twice a, twice b, double inverse)
{
    double q = a.hi * inverse;
    return quick_sum(q, twice_less(a, twice_scaled(b, q)).hi * inverse);
}

#endif
