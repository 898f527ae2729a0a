/*
 * A network with everything in it, beside its naive reading: loops in long double straight from network-format.md, knowing nothing of
 * programs, tapes or products.
 */
#ifndef NTK_TEST_FINITE_CASES_H
#define NTK_TEST_FINITE_CASES_H

#include "kit.h"

#include "finite.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CASE_D 3
#define CASE_O 2
#define CASE_P (20 + 30 + 25 + 30 + 30 + 12)

/* phi: "erf" or "relu".  Residual branch, repeat, three parameterizations, with and without bias, rated and frozen layers. */
#define CASE_JSON(phi)                                                                                                   \
    "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"layers\": ["                                        \
    "{\"op\": \"dense\", \"units\": 5, \"w_std\": 1.5, \"b_std\": 0.1},"                                                 \
    "{\"op\": \"" phi "\"},"                                                                                             \
    "{\"op\": \"branch\", \"merge\": \"sum\", \"branches\": [[],"                                                        \
    " [{\"op\": \"dense\", \"units\": 5, \"w_std\": 1.2, \"b_std\": 0.3, \"parameterization\": \"standard\", \"lr\": 0.25}," \
    "  {\"op\": \"" phi "\"},"                                                                                           \
    "  {\"op\": \"dense\", \"units\": 5, \"w_std\": 0.7}]]},"                                                            \
    "{\"op\": \"repeat\", \"times\": 2, \"layers\": ["                                                                   \
    " {\"op\": \"dense\", \"units\": 5, \"w_std\": 1.1, \"b_std\": 0.2, \"train\": false}, {\"op\": \"" phi "\"}]},"     \
    "{\"op\": \"dense\", \"units\": 2, \"w_std\": 0.9, \"b_std\": 0.05, \"parameterization\": \"textbook\", \"lr\": 2.25}]}"

/* sqrt of the rate of each parameter. */
static inline void case_scales(double scale[CASE_P])
{
    static const struct {
        int count;
        double scale;
    } layers[] = {{20, 1}, {30, 0.5}, {25, 1}, {60, 0}, {12, 1.5}};
    int at = 0;
    for (size_t l = 0; l < 5; ++l)
        for (int i = 0; i < layers[l].count; ++i) scale[at++] = layers[l].scale;
}

static inline long double case_phi(const char *phi, long double x)
{
    return strcmp(phi, "erf") == 0 ? erfl(x) : x > 0 ? x : 0;
}

/* z = a W x + c b; takes its parameters off *theta. */
static inline void case_dense(int units, int fan_in, double a, double c, int bias, const double **theta, const long double *x, long double *z)
{
    for (int i = 0; i < units; ++i) {
        z[i] = bias ? (long double)c * (*theta)[units * fan_in + i] : 0;
        for (int k = 0; k < fan_in; ++k) z[i] += (long double)a * (*theta)[i * fan_in + k] * x[k];
    }
    *theta += units * fan_in + (bias ? units : 0);
}

/* f of one sample; *kink: the smallest |pre-activation|. */
static inline void case_oracle(const char *phi, const double *theta, const double *x, double *f, double *kink)
{
    long double in[CASE_D], h[5], z[5], r[5], out[CASE_O];
    *kink = INFINITY;
#define APPLY(z)                                   \
    for (int i = 0; i < 5; ++i) {                  \
        *kink = fmin(*kink, fabs((double)(z)[i])); \
        (z)[i] = case_phi(phi, (z)[i]);            \
    }
    for (int i = 0; i < CASE_D; ++i) in[i] = x[i];
    case_dense(5, 3, 1.5 / sqrt(3), 0.1, 1, &theta, in, h);
    APPLY(h);
    case_dense(5, 5, 1, 1, 1, &theta, h, z);
    APPLY(z);
    case_dense(5, 5, 0.7 / sqrt(5), 0, 0, &theta, z, r);
    for (int i = 0; i < 5; ++i) h[i] += r[i];
    for (int k = 0; k < 2; ++k) {
        case_dense(5, 5, 1.1 / sqrt(5), 0.2, 1, &theta, h, z);
        APPLY(z);
        memcpy(h, z, sizeof h);
    }
#undef APPLY
    case_dense(2, 5, 1 / sqrt(5), 1, 1, &theta, h, out);
    for (int i = 0; i < CASE_O; ++i) f[i] = (double)out[i];
}

/* A case at random theta and x, n samples. */
typedef struct finite_case {
    ntk_network *network;
    int64_t n, p, o;
    double *theta, *x;
    ntk_array theta_array, x_array;
} finite_case;

static inline double *case_numbers(uint64_t seed, int64_t count)
{
    double *values = malloc((size_t)count * sizeof *values + 1);
    assert_non_null(values);
    if (count > 0) kit_random(seed, count, values);
    return values;
}

static inline finite_case case_open(ntk_context *ctx, const char *json, int64_t n)
{
    finite_case c = {.network = kit_network(ctx, json), .n = n};
    int64_t shape[NTK_MAX_NDIM + 1] = {n};
    int ndim = ntk_network_input(c.network, shape + 1);
    c.p = ntk_network_parameters(c.network);
    c.o = ntk_network_outputs(c.network);
    c.theta = case_numbers(11, c.p);
    c.x = case_numbers(12, n * ntk_network_input_size(c.network));
    c.theta_array = ntk_vector_f64(c.theta, c.p);
    c.x_array = ntk_array_dense(c.x, NTK_F64, ndim + 1, shape);
    return c;
}

static inline void case_close(finite_case *c)
{
    ntk_network_destroy(c->network);
    free(c->theta);
    free(c->x);
}

/* J by backward passes of unit vectors, one sample at a time: dense [n o, p], to be freed.  Without rates. */
static inline double *case_jacobian(ntk_context *ctx, const finite_case *c)
{
    double *j = case_numbers(0, c->n * c->o * c->p), *u = case_numbers(0, c->o);
    for (int64_t row = 0; row < c->n * c->o; ++row) {
        ntk_array x = ntk_array_rows(&c->x_array, row / c->o, 1), unit = ntk_matrix_f64(u, 1, c->o), g = ntk_vector_f64(j + row * c->p, c->p);
        for (int64_t k = 0; k < c->o; ++k) u[k] = k == row % c->o;
        kit_ok(ctx, ntk_network_vjp(ctx, c->network, &c->theta_array, &x, &unit, &g));
    }
    free(u);
    return j;
}

/* An allocator that refuses its block number `left`; *user is that number. */
static inline void *case_failing_allocate(void *user, void *block, size_t old_size, size_t new_size)
{
    int64_t *left = user;
    (void)old_size;
    if (new_size == 0) {
        free(block);
        return NULL;
    }
    return (*left)-- == 0 ? NULL : realloc(block, new_size);
}

#endif
