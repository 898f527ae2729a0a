#include "kit.h"

#include "linalg.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Before main(): OpenBLAS that chose slow kernels is asked again, by running this program anew, once, with the right ones; a choice of the
 * user stands.  The C library hands the arguments of main() to constructors.
 */
__attribute__((constructor)) static void choose_kernels(int argc, char **argv)
{
    (void)argc;
    if (getenv("OPENBLAS_CORETYPE") || !ntk_blas_is_slow()) return;
    if (setenv("OPENBLAS_CORETYPE", ntk_blas_right_kernels(), 1) == 0) execv("/proc/self/exe", argv); /* returns only if it fails */
}

static _Thread_local int64_t live_blocks;

static void *counting_allocate(void *user, void *block, size_t old_size, size_t new_size)
{
    (void)user;
    (void)old_size;
    if (new_size == 0) {
        live_blocks -= block != NULL;
        free(block);
        return NULL;
    }
    live_blocks += block == NULL;
    return realloc(block, new_size);
}

int kit_setup(void **state)
{
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .allocate = counting_allocate, .threads = 2};
    live_blocks = 0;
    return ntk_context_create(&options, (ntk_context **)state) == NTK_OK ? 0 : -1;
}

int kit_teardown(void **state)
{
    ntk_context_destroy(*state);
    if (live_blocks == 0) return 0;
    print_error("%lld blocks were never freed\n", (long long)live_blocks);
    return -1;
}

void kit_check(ntk_context *ctx, ntk_status status, const char *call, const char *file, int line)
{
    if (status == NTK_OK) return;
    print_error("%s\n  %s: %s\n", call, ntk_status_name(status), ntk_context_error_message(ctx));
    _fail(file, line);
}

void kit_check_failure(ntk_context *ctx, ntk_status got, ntk_status wanted, const char *words, const char *call, const char *file, int line)
{
    const char *sentence = ctx ? ntk_context_error_message(ctx) : "";
    if (got == wanted && strstr(sentence, words)) return;
    print_error("%s\n  gives %s (%s)\n  wanted %s (... %s ...)\n", call, ntk_status_name(got), sentence, ntk_status_name(wanted), words);
    _fail(file, line);
}

void kit_check_close(int64_t n, const double *a, const double *b, double bound, const char *what, const char *file, int line)
{
    double scale = 1e-300, worst = 0;
    int64_t at = 0;
    for (int64_t i = 0; i < n; ++i) scale = fmax(scale, fabs(b[i]));
    for (int64_t i = 0; i < n; ++i) {
        double error = a[i] == b[i] ? 0 : fabs(a[i] - b[i]) / scale;
        if (!(error <= worst)) {
            worst = error;
            at = i;
        }
    }
    if (worst <= bound) return;
    print_error("%s: relative error %.3g > %.3g, worst at %lld: %.17g against %.17g\n", what, worst, bound, (long long)at, a[at], b[at]);
    _fail(file, line);
}

void kit_check_near(double a, double b, double bound, const char *what, const char *file, int line)
{
    if (a == b || fabs(a - b) <= bound) return;
    print_error("%s: %.17g against %.17g, apart by %.3g > %.3g\n", what, a, b, fabs(a - b), bound);
    _fail(file, line);
}

/* SplitMix64: enough for test data. */
void kit_random(uint64_t seed, int64_t n, double *values)
{
    uint64_t s = seed * 0x9e3779b97f4a7c15u + 1;
    for (int64_t i = 0; i < n; ++i) {
        uint64_t z = (s += 0x9e3779b97f4a7c15u);
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
        values[i] = (double)((z ^ (z >> 31)) >> 11) * 0x1p-52 - 1;
    }
}

double *kit_drawn(uint64_t seed, int64_t n)
{
    double *values = calloc((size_t)n + 1, sizeof *values);
    assert_non_null(values);
    kit_random(seed, n, values);
    return values;
}

void kit_random_spd(uint64_t seed, int64_t n, double *k)
{
    double *a = malloc((size_t)(n * n) * sizeof *a);
    assert_non_null(a);
    kit_random(seed, n * n, a);
    for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j < n; ++j) {
            double sum = i == j;
            for (int64_t l = 0; l < n; ++l) sum += a[i * n + l] * a[j * n + l];
            k[i * n + j] = sum;
        }
    free(a);
}

ntk_network *kit_network(ntk_context *ctx, const char *json)
{
    ntk_network *network = NULL;
    kit_ok(ctx, ntk_network_parse(ctx, json, &network));
    return network;
}
