/*
 * The loop of a convolution, by type and instruction set (conv_hot.c).  Numbers are of that type.
 *
 *     z[p, 0 ... units) (+)= sum over taps t with reads[p, t] >= 0, channels c of x[reads[p, t], c] w[(t, c), 0 ... units)
 *
 * w is packed by ntk_conv_pack: in blocks of columns as wide as registers allow, rows of zeros where they are too wide.
 */
#ifndef NTK_CONV_HOT_H
#define NTK_CONV_HOT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct ntk_conv_loop {
    int64_t taps, channels, units;
    const int64_t *reads; /* [positions, taps], -1 outside */
    const void *w;        /* packed */
    const void *zeros;    /* [channels] */
    bool add;
} ntk_conv_loop;

/** Positions [begin, end) of one sample: x [positions read, channels], z [positions, units]. */
typedef void (*ntk_conv_fn)(const ntk_conv_loop *loop, const void *x, int64_t begin, int64_t end, void *z);
/** Columns of the block that begins at column `at`, and numbers of all blocks of w with k rows. */
typedef int64_t (*ntk_conv_width_fn)(int64_t units, int64_t at);

/**
 * The gradient of weights of one row of J:  w[u, (t, c)] = scale sum over p of delta[p, u] x[reads[p, t], c], units [0, units) of delta's `stride` to a
 * position, row stride of w taps channels; channels fill whole registers.
 */
typedef struct ntk_conv_gradient {
    int64_t positions, taps, channels, units, stride;
    const int64_t *reads;
    const void *zeros; /* [channels] */
    double scale;
} ntk_conv_gradient;
typedef void (*ntk_conv_gradient_fn)(const ntk_conv_gradient *g, const void *x, const void *delta, void *w);

#define NTK_CONV_DECLARE(type, cpu)                                                          \
    void ntk_conv_##type##_##cpu(const ntk_conv_loop *, const void *, int64_t, int64_t, void *); \
    int64_t ntk_conv_width_##type##_##cpu(int64_t, int64_t);                                 \
    void ntk_conv_gradient_##type##_##cpu(const ntk_conv_gradient *, const void *, const void *, void *);
#define NTK_CONV_DECLARE_ALL(type) NTK_CONV_DECLARE(type, c) NTK_CONV_DECLARE(type, avx2) NTK_CONV_DECLARE(type, avx512)
NTK_CONV_DECLARE_ALL(f64)
NTK_CONV_DECLARE_ALL(f32)

/* By dtype and ntk_cpu. */
#if defined(__x86_64__)
#define NTK_CONV_ROW(name, type) {name##_##type##_c, name##_##type##_avx2, name##_##type##_avx512}
#else
#define NTK_CONV_ROW(name, type) {name##_##type##_c, name##_##type##_c, name##_##type##_c}
#endif
#define NTK_CONV_VARIANTS(name) {NTK_CONV_ROW(name, f64), NTK_CONV_ROW(name, f32)}

#endif
