/*
 * Symmetric grams of fully connected networks against the limit of the machine, in one run.
 *
 *     fully_connected [PROBLEM...]       PROBLEM = relu:L<layers>:n<samples>:d<inputs>:<f64|f32>[:bias][:clustered]
 *
 * For each problem: seconds of SYRK of the same shape and precision, of a mirror of its triangle on as many threads, of the gram, all into
 * memory already touched; the ratio of the gram to SYRK + mirror (medians of five, taken in turns); nanoseconds per entry of the full matrix
 * and thread, by the clock and by processor time (the least of the five: on a busy machine it says more); how many times one thread takes as
 * long; and the most memory that the library held beside the result.  Prints the BLAS kernels and the instruction set: figures without them
 * mean nothing.
 */
#include "bench.h"

#include <cblas.h>
#include <pthread.h>
#include <stdatomic.h>

enum { RUNS = 5 };

typedef struct problem {
    int layers;
    long n, d;
    int single, bias, clustered;
} problem;

/* The bytes that the library holds now, and the most it held. */
static atomic_llong held, most;

static void *metered(void *user, void *block, size_t old_size, size_t new_size)
{
    long long now = atomic_fetch_add(&held, (long long)new_size - (long long)old_size) + (long long)new_size - (long long)old_size;
    long long before = atomic_load(&most);
    (void)user;
    while (now > before && !atomic_compare_exchange_weak(&most, &before, now)) continue;
    if (new_size > 0) return realloc(block, new_size);
    free(block);
    return NULL;
}

static double processor_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The threads of OpenBLAS spin for some 30 ms after a call, on the cores of whoever comes next. */
static void rest(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 100000000}, NULL);
}

static int parse(const char *text, problem *p)
{
    char type[8] = "";
    *p = (problem){0};
    if (sscanf(text, "relu:L%d:n%ld:d%ld:%3[f0-9]", &p->layers, &p->n, &p->d, type) != 4) return 0;
    p->single = strcmp(type, "f32") == 0;
    p->bias = strstr(text, ":bias") != NULL;
    p->clustered = strstr(text, ":clustered") != NULL;
    return p->layers > 0 && p->n > 0 && p->d > 0;
}

static ntk_kernel *kernel_of(ntk_context *ctx, const problem *p)
{
    int64_t shape[1] = {p->d};
    ntk_attribute dense[] = {NTK_NUMBER("units", 64), NTK_NUMBER("w_std", 1.4142135623730951), NTK_NUMBER(p->bias ? "b_std" : NULL, 0.1), NTK_END};
    ntk_builder *b;
    ntk_network *net;
    ntk_kernel *kernel;
    bench_check(ctx, ntk_builder_create(ctx, 1, shape, NULL, &b));
    for (int l = 0; l < p->layers; ++l) {
        bench_check(ctx, ntk_builder_add(ctx, b, "dense", dense));
        bench_check(ctx, ntk_builder_add(ctx, b, "relu", NULL));
    }
    bench_check(ctx, ntk_builder_add(ctx, b, "dense", dense));
    bench_check(ctx, ntk_builder_finish(ctx, b, &net));
    bench_check(ctx, ntk_kernel_from_network(ctx, net, NULL, &kernel));
    ntk_network_destroy(net);
    ntk_builder_destroy(b);
    return kernel;
}

/* Rows of independent entries with a mean, so that angles are of every size; clustered: all within 1e-3 of one row. */
static void fill(const problem *p, void *x)
{
    unsigned long long s = 1;
    for (long i = 0; i < p->n * p->d; ++i) {
        double u, base = (double)(i % p->d % 17) / 17;
        s = s * 6364136223846793005ull + 1442695040888963407ull;
        u = (double)(s >> 11) * 0x1p-53;
        u = p->clustered ? base + 1e-3 * u : u - 0.3;
        if (p->single) ((float *)x)[i] = (float)u;
        else ((double *)x)[i] = u;
    }
}

static void syrk(const problem *p, const void *x, void *k)
{
    int n = (int)p->n, d = (int)p->d;
    if (p->single) cblas_ssyrk(CblasRowMajor, CblasLower, CblasNoTrans, n, d, 1, x, d, 0, k, n);
    else cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, n, d, 1, x, d, 0, k, n);
}

/* ---- the mirror: tiles of 64, rows of tiles dealt out in turns ---- */

enum { TILE = 64, THREADS_MOST = 64 };

typedef struct mirror_share {
    const problem *p;
    void *k;
    int thread, threads;
} mirror_share;

static void mirror_tile(const problem *p, void *k, long row, long column)
{
    float *f = k;
    double *d = k;
    for (long c = column; c < column + TILE && c < p->n; ++c)
        for (long r = row > c ? row : c + 1; r < row + TILE && r < p->n; ++r) {
            if (p->single) f[c * p->n + r] = f[r * p->n + c];
            else d[c * p->n + r] = d[r * p->n + c];
        }
}

static void *mirror_rows(void *argument)
{
    const mirror_share *s = argument;
    for (long row = s->thread * TILE; row < s->p->n; row += s->threads * TILE)
        for (long column = 0; column <= row; column += TILE) mirror_tile(s->p, s->k, row, column);
    return NULL;
}

static void mirror(const problem *p, void *k, int threads)
{
    pthread_t id[THREADS_MOST];
    mirror_share share[THREADS_MOST];
    if (threads > THREADS_MOST) threads = THREADS_MOST;
    for (int i = 0; i < threads; ++i) {
        share[i] = (mirror_share){p, k, i, threads};
        pthread_create(&id[i], NULL, mirror_rows, &share[i]);
    }
    for (int i = 0; i < threads; ++i) pthread_join(id[i], NULL);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *t)
{
    qsort(t, RUNS, sizeof *t, compare);
    return t[RUNS / 2];
}

static double gram(ntk_context *ctx, const ntk_kernel *kernel, const ntk_array *x, ntk_array *k)
{
    ntk_request request = {NTK_REQUEST_INIT, .ntk = k};
    double t = bench_now();
    bench_check(ctx, ntk_kernel_eval(ctx, kernel, x, NULL, &request));
    return bench_now() - t;
}

static void run(ntk_context *ctx, ntk_context *alone, const char *text, const problem *p)
{
    size_t size = p->single ? 4 : 8;
    void *x = bench_reserve((size_t)(p->n * p->d), size), *k = bench_reserve((size_t)(p->n * p->n), size);
    ntk_kernel *kernel = kernel_of(ctx, p);
    int64_t x_shape[2] = {p->n, p->d}, k_shape[2] = {p->n, p->n};
    ntk_array ax = ntk_array_dense(x, p->single ? NTK_F32 : NTK_F64, 2, x_shape), ak = ntk_array_dense(k, ax.dtype, 2, k_shape);
    double limit[RUNS], copy[RUNS], ours[RUNS], single[RUNS], processor = 1e30, a, b, c, entries = (double)p->n * (double)p->n;
    long long before;
    fill(p, x);
    before = atomic_load(&held);
    atomic_store(&most, before);
    for (int i = 0; i < RUNS; ++i) {
        double t, used;
        rest();
        t = bench_now();
        syrk(p, x, k);
        limit[i] = bench_now() - t;
        rest();
        t = bench_now();
        mirror(p, k, ntk_context_threads(ctx));
        copy[i] = bench_now() - t;
        used = processor_time();
        ours[i] = gram(ctx, kernel, &ax, &ak);
        used = processor_time() - used;
        if (used < processor) processor = used;
        single[i] = gram(alone, kernel, &ax, &ak);
    }
    a = median(limit);
    b = median(copy);
    c = median(ours);
    printf("%-34s %9.4f %9.4f %9.4f %7.2f %9.2f %9.2f %8.2f %8.1f\n", text, a, b, c, c / (a + b), c * 1e9 / entries * ntk_context_threads(ctx),
           processor * 1e9 / entries, median(single) / c, (double)(atomic_load(&most) - before) / 1048576);
    fflush(stdout);
    ntk_kernel_destroy(kernel);
    free(k);
    free(x);
}

int main(int argc, char **argv)
{
    static const char *const usual[] = {"relu:L3:n10000:d784:f64", "relu:L3:n10000:d784:f32", "relu:L3:n6000:d32:f64", "relu:L3:n6000:d32:f32",
                                        "relu:L20:n6000:d32:f64", "relu:L20:n6000:d32:f32", "relu:L10:n6000:d32:f64", "relu:L10:n6000:d32:f32", "relu:L3:n6000:d32:f64:bias", "relu:L10:n6000:d32:f64:bias",
                                        "relu:L3:n4000:d784:f64:clustered"};
    int count = argc > 1 ? argc - 1 : (int)(sizeof usual / sizeof *usual);
    ntk_context *ctx, *alone;
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .allocate = metered}, one = {NTK_CONTEXT_OPTIONS_INIT, .threads = 1};
    bench_start(argv);
    if (ntk_context_create(&options, &ctx) != NTK_OK || ntk_context_create(&one, &alone) != NTK_OK) return 1;
    printf("# libntk %s, instruction set %s, %d threads, BLAS kernels %s\n", ntk_version(), ntk_context_cpu(ctx), ntk_context_threads(ctx),
           bench_blas());
    printf("%-34s %9s %9s %9s %7s %9s %9s %8s %8s\n", "problem", "syrk s", "mirror s", "gram s", "ratio", "ns/entry", "cpu ns", "speedup", "MiB");
    for (int i = 0; i < count; ++i) {
        const char *text = argc > 1 ? argv[i + 1] : usual[i];
        problem p;
        if (!parse(text, &p)) {
            fprintf(stderr, "bench: %s is not relu:L<layers>:n<samples>:d<inputs>:<f64|f32>[:bias][:clustered]\n", text);
            return 2;
        }
        run(ctx, alone, text, &p);
    }
    ntk_context_destroy(alone);
    ntk_context_destroy(ctx);
    return 0;
}
