/* The kit of the tests: a context per test, comparisons with a stated bound, small random data, golden files. */
#ifndef NTK_TEST_KIT_H
#define NTK_TEST_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "ntk.h"

/** cmocka fixture: *state is a fresh ntk_context whose allocator counts; the teardown fails if a block is left. */
int kit_setup(void **state);
int kit_teardown(void **state);
#define kit_test(f) cmocka_unit_test_setup_teardown(f, kit_setup, kit_teardown)

/** Fails with the context's sentence. */
#define kit_ok(ctx, call) kit_check(ctx, call, #call, __FILE__, __LINE__)
void kit_check(ntk_context *ctx, ntk_status status, const char *call, const char *file, int line);

/** The call fails with this status and a sentence that contains the words. */
#define kit_fails(ctx, call, status, words) kit_check_failure(ctx, call, status, words, #call, __FILE__, __LINE__)
void kit_check_failure(ntk_context *ctx, ntk_status got, ntk_status wanted, const char *words, const char *call, const char *file, int line);

/** max |a - b| <= bound * max(max |b|, tiny).  bound 0: equal bits.  NaN never passes. */
#define kit_close(n, a, b, bound) kit_check_close(n, a, b, bound, #a " ~ " #b, __FILE__, __LINE__)
void kit_check_close(int64_t n, const double *a, const double *b, double bound, const char *what, const char *file, int line);

/** |a - b| <= bound. */
#define kit_near(a, b, bound) kit_check_near(a, b, bound, #a " ~ " #b, __FILE__, __LINE__)
void kit_check_near(double a, double b, double bound, const char *what, const char *file, int line);

/** n numbers in [-1, 1), a fixed function of the seed (test data, not part of the library). */
void kit_random(uint64_t seed, int64_t n, double *values);

/** The same in memory of its own, to be given to free(); one number more, 0, so that none is NULL. */
double *kit_drawn(uint64_t seed, int64_t n);

/** A random symmetric positive definite matrix [n, n] with eigenvalues about in [1, n]. */
void kit_random_spd(uint64_t seed, int64_t n, double *k);

/** Parses or fails. */
ntk_network *kit_network(ntk_context *ctx, const char *json);

#endif
