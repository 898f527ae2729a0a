/* The loops of pairing_hot.c: by type and instruction set.  Numbers are of that type; `row` += or =, and of the second with t and w only =. */
#ifndef NTK_PAIRING_HOT_H
#define NTK_PAIRING_HOT_H

#include <stdbool.h>
#include <stdint.h>

typedef void (*ntk_pairing_hadamard_fn)(int64_t n, const void *scale, const void *products, bool add, void *row);
typedef void (*ntk_pairing_spread_fn)(int64_t n, const void *scale, const void *products, const int32_t *place, const void *other, const void *weights, bool add,
                                      void *row);

#define NTK_PAIRING_DECLARE(type, cpu)                                                                                                     \
    void ntk_pairing_hadamard_##type##_##cpu(int64_t, const void *, const void *, bool, void *);                                            \
    void ntk_pairing_spread_##type##_##cpu(int64_t, const void *, const void *, const int32_t *, const void *, const void *, bool, void *);
#define NTK_PAIRING_DECLARE_ALL(type) NTK_PAIRING_DECLARE(type, c) NTK_PAIRING_DECLARE(type, avx2) NTK_PAIRING_DECLARE(type, avx512)
NTK_PAIRING_DECLARE_ALL(f64)
NTK_PAIRING_DECLARE_ALL(f32)

/* By ntk_cpu. */
#if defined(__x86_64__)
#define NTK_PAIRING_ROW(name, type) {name##_##type##_c, name##_##type##_avx2, name##_##type##_avx512}
#else
#define NTK_PAIRING_ROW(name, type) {name##_##type##_c, name##_##type##_c, name##_##type##_c}
#endif
#define NTK_PAIRING_VARIANTS(name) {NTK_PAIRING_ROW(name, f64), NTK_PAIRING_ROW(name, f32)}

#endif
