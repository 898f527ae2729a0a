/* Shorthand of the tests of this room: the kernels of one pair of vectors under a network given as JSON layers. */
#ifndef NTK_TEST_PAIRS_H
#define NTK_TEST_PAIRS_H

#include "kit.h"

#include <stdio.h>

typedef struct kernels {
    double nngp, ntk;
} kernels;

/** Status of reading a network of input size d with these layers; the kernel is the caller's. */
static inline ntk_status read_kernel(ntk_context *ctx, int d, const char *parameterization, const char *layers, ntk_kernel **kernel)
{
    char json[4096];
    ntk_network *net = NULL;
    ntk_status status;
    snprintf(json, sizeof json, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [%d], \"parameterization\": \"%s\", \"layers\": [%s]}", d,
             parameterization, layers);
    net = kit_network(ctx, json);
    status = ntk_kernel_from_network(ctx, net, NULL, kernel);
    ntk_network_destroy(net);
    return status;
}

static inline kernels pair_of(ntk_context *ctx, const ntk_kernel *kernel, int d, const double *x, const double *y)
{
    kernels k;
    ntk_array ax = ntk_matrix_f64(x, 1, d), ay = ntk_matrix_f64(y, 1, d), a = ntk_matrix_f64(&k.nngp, 1, 1), b = ntk_matrix_f64(&k.ntk, 1, 1);
    ntk_request r = {NTK_REQUEST_INIT, .nngp = &a, .ntk = &b};
    kit_ok(ctx, ntk_kernel_eval(ctx, kernel, &ax, &ay, &r));
    return k;
}

static inline kernels kernels_of(ntk_context *ctx, int d, const char *parameterization, const char *layers, const double *x, const double *y)
{
    ntk_kernel *kernel = NULL;
    kernels k;
    kit_ok(ctx, read_kernel(ctx, d, parameterization, layers, &kernel));
    k = pair_of(ctx, kernel, d, x, y);
    ntk_kernel_destroy(kernel);
    return k;
}

#endif
