/* The generator against published answers, its normal numbers against the distribution function, an independent Philox and
 * mpmath.  random.c is included for its inner functions: no seed reaches the far tails. */
#include "kit.h"

#include "../../lib/core/random.c"

#include <float.h>
#include <stdlib.h>

/* Known answers of Random123: kat_vectors, philox4x32 10. */
static void philox_known_answers(void **state)
{
    static const struct {
        uint32_t counter[4], key[2], out[4];
    } known[] = {
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}, {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    (void)state;
    for (size_t k = 0; k < NTK_ARRAY_LENGTH(known); ++k) {
        philox4x32_ctr_t counter, out;
        philox4x32_key_t key;
        memcpy(counter.v, known[k].counter, sizeof counter.v);
        memcpy(key.v, known[k].key, sizeof key.v);
        out = philox4x32(counter, key);
        assert_memory_equal(out.v, known[k].out, sizeof out.v);
    }
}

/*
 * log x = e log 2 + 2 z P(z²).  The series is cut after z^23: 2 z^25/25 < 1e-20 at |z| = 0.1716.  Rounding: z has 2 eps, the sum
 * and its product 2 eps more, e log 2 and the last sum 2 eps; near 1, where the two parts could cancel, e is 0 or the terms
 * are log 2 apart, which at worst doubles them.
 */
static void logarithm(void **state)
{
    static const double range[][2] = {{0.5, 1.5}, {1e-300, 1e-290}, {0.99999, 1.00001}, {1e-17, 0.1}, {0.7, 0.72}, {1.4, 1.42}};
    double t[500];
    (void)state;
    kit_random(3, 500, t);
    for (size_t k = 0; k < NTK_ARRAY_LENGTH(range); ++k)
        for (int i = 0; i < 500; ++i) {
            double x = range[k][0] + (range[k][1] - range[k][0]) * (t[i] + 1) / 2;
            kit_near(portable_log(x), log(x), 8 * DBL_EPSILON * fabs(log(x)) + DBL_EPSILON * 1e-6);
        }
    assert_true(portable_log(1) == 0);
}

/* mpmath, 50 digits.  AS 241 promises 1e-16; its polynomials of degree 7 add a few eps of rounding: 8 eps. */
static void inverse_against_mpmath(void **state)
{
    static const double known[][2] = {
        {1e-300, -37.04709629936119923654704},  {1e-100, -21.27345356096532429417952}, {1e-20, -9.262340089798407579572095},
        {1.3e-11, -6.667611456510740834662219}, {1.4e-11, -6.656723091518183635597313}, {1e-5, -4.264890793922824610233749},
        {0.0749, -1.440238267527963663112402},  {0.075, -1.439531470938455934949801},  {0.0751, -1.438825392752539982435914},
        {0.3, -0.5244005127080408159694544},    {0.925, 1.43953147093845622906332},
    };
    (void)state;
    for (size_t k = 0; k < NTK_ARRAY_LENGTH(known); ++k)
        kit_near(inverse_normal(known[k][0]), known[k][1], 8 * DBL_EPSILON * fabs(known[k][1]));
    assert_true(inverse_normal(0.5) == 0);
}

/*
 * Phi(x(u)) = u: x has a relative error of 8 eps, which Phi turns into |x| phi(x)/Phi(x) 8 eps <= (1 + x²) 8 eps relative to u, and
 * erfc adds a few eps.  Up to u = 1/2: beyond, 1 - u is rounded, and the function is odd by construction.
 */
static void inverse_round_trip(void **state)
{
    (void)state;
    for (double u = 1e-300; u < 0.5; u *= 1.37) {
        double x = inverse_normal(u), phi = erfc(-x / sqrt(2.0)) / 2;
        kit_near(phi / u, 1, 8 * (2 + x * x) * DBL_EPSILON);
    }
    for (double u = 0x1p-40; u < 0.5; u *= 2) assert_true(inverse_normal(1 - u) == -inverse_normal(u));
}

static void increases_with_u(void **state)
{
    double last = -INFINITY;
    (void)state;
    for (double u = 1e-6; u < 1; u += 1e-6) {
        double x = inverse_normal(u);
        assert_true(x > last);
        last = x;
    }
}

/* Bits for every machine and for all time; beside them what an independent Philox and mpmath's inverse give (bound as above). */
static void stored_bits(void **state)
{
    static const struct {
        uint64_t seed, stream, index;
        double value, exact;
    } known[] = {
        {0, 0, 0, 0x1.2d769e93cb523p+0, 1.1775912390542732271},
        {0, 0, 1, 0x1.11fbd69d8e306p-2, 0.2675622495331000181},
        {1, 0, 0, 0x1.407827c9b8c2ap+0, 1.2518334262356443686},
        {0, 1, 0, 0x1.8d49f46dce2b8p+0, 1.5519097107009388476},
        {42, 7, 123456789, 0x1.80a87166b0f33p-1, 0.75128511789851015121},
        {UINT64_MAX, UINT64_MAX, UINT64_MAX, -0x1.1c1b8f93ff19cp-3, -0.13872444315337595815},
        {0x0123456789abcdef, 3, ((uint64_t)1 << 40) + 1, 0x1.1ddd5989c90f9p-1, 0.55832938963842950413},
        {12345, 2, 10, 0x1.d84e32bd4bb94p-2, 0.4612358024632439035},
    };
    (void)state;
    for (size_t k = 0; k < NTK_ARRAY_LENGTH(known); ++k) {
        double x = ntk_random_normal(known[k].seed, known[k].stream, known[k].index);
        if (x != known[k].value) fail_msg("number %zu is %a, not %a", k, x, known[k].value);
        kit_near(x, known[k].exact, 8 * DBL_EPSILON * fabs(known[k].exact));
    }
}

/* Moments of N draws have deviations sqrt(1/N), sqrt(2/N), sqrt(15/N), sqrt(96/N) about 0, 1, 0, 3; 4.5 of them. */
static void moments(void **state)
{
    enum { N = 100000 };
    double m[5] = {0};
    (void)state;
    for (uint64_t i = 0; i < N; ++i) {
        double x = ntk_random_normal(2026, 5, i), power = 1;
        for (int k = 1; k <= 4; ++k) m[k] += (power *= x) / N;
    }
    kit_near(m[1], 0, 4.5 * sqrt(1.0 / N));
    kit_near(m[2], 1, 4.5 * sqrt(2.0 / N));
    kit_near(m[3], 0, 4.5 * sqrt(15.0 / N));
    kit_near(m[4], 3, 4.5 * sqrt(96.0 / N));
}

/* Kolmogorov-Smirnov: sup |F_N - Phi| exceeds 1.95/sqrt(N) with probability 0.001. */
static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void quantiles(void **state)
{
    enum { N = 20000 };
    static double x[N];
    double worst = 0;
    (void)state;
    for (uint64_t i = 0; i < N; ++i) x[i] = ntk_random_normal(7, 0, i);
    qsort(x, N, sizeof *x, compare);
    for (int i = 0; i < N; ++i) worst = fmax(worst, fabs((i + 0.5) / N - erfc(-x[i] / sqrt(2.0)) / 2));
    kit_near(worst, 0, 1.95 / sqrt(N));
}

/* Correlations of independent streams have deviation 1/sqrt(N). */
static void streams_are_independent(void **state)
{
    enum { N = 50000 };
    double seeds = 0, streams = 0, neighbours = 0;
    (void)state;
    for (uint64_t i = 0; i < N; ++i) {
        double x = ntk_random_normal(1, 0, i);
        seeds += x * ntk_random_normal(2, 0, i) / N;
        streams += x * ntk_random_normal(1, 1, i) / N;
        neighbours += x * ntk_random_normal(1, 0, i + 1) / N;
    }
    kit_near(seeds, 0, 4.5 / sqrt(N));
    kit_near(streams, 0, 4.5 / sqrt(N));
    kit_near(neighbours, 0, 4.5 / sqrt(N));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(philox_known_answers), kit_test(logarithm),   kit_test(inverse_against_mpmath),
        kit_test(inverse_round_trip),   kit_test(increases_with_u), kit_test(stored_bits),
        kit_test(moments),              kit_test(quantiles),   kit_test(streams_are_independent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
