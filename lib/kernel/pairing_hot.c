/*
 * The loops in which products of factors join, once per type and instruction set (meson.build): an entry e of a row of the result takes
 *
 *     out_e += s_e c_e                               a Hadamard product, s the products of the inputs, spread over the outputs
 *     out_e += s_e c_place(e) + t_e w_e              of shared cotangents, whose c is half a matrix; t and w of a layer without slopes
 */
#include "pairing_hot.h"

#define PASTE_(a, b, c) a##_##b##_##c
#define PASTE(a, b, c) PASTE_(a, b, c)
#define NAME(name) PASTE(name, NTK_HOT_TYPE, NTK_HOT_CPU)

#if defined(NTK_HOT_F32)
typedef float real;
#else
typedef double real;
#endif

void NAME(ntk_pairing_hadamard)(int64_t n, const void *scale, const void *products, bool add, void *row)
{
    const real *restrict s = scale, *restrict c = products;
    real *restrict out = row;
    if (add)
        for (int64_t e = 0; e < n; ++e) out[e] += s[e] * c[e];
    else
        for (int64_t e = 0; e < n; ++e) out[e] = s[e] * c[e];
}

void NAME(ntk_pairing_spread)(int64_t n, const void *scale, const void *products, const int32_t *restrict place, const void *other, const void *weights, bool add, void *row)
{
    const real *restrict s = scale, *restrict c = products, *restrict t = other, *restrict w = weights;
    real *restrict out = row;
    if (add)
        for (int64_t e = 0; e < n; ++e) out[e] += s[e] * c[place[e]];
    else if (t)
        for (int64_t e = 0; e < n; ++e) out[e] = s[e] * c[place[e]] + t[e] * w[e];
    else
        for (int64_t e = 0; e < n; ++e) out[e] = s[e] * c[place[e]];
}
