/*
 * Kernels of convolutional networks: time per pair of images and core.
 *
 *     convolutional [PROBLEM...]       PROBLEM = <gap|flatten|myrtle>:L<layers>:n<images>:<f32|f64>[:bias][:symmetric][:noise][:threads<T>]
 *
 * Images are 32 x 32 x 3: smooth fields with some noise, as pictures are (`noise`: every pixel by itself); the network is L convolutions
 * 3 x 3 SAME with ReLU, then global_avg_pool or flatten, then dense; or Myrtle-L, L = 5, 7 or 10 (Shankar et al., arXiv:2003.02237): convolutions with
 * 2 x 2 average pools behind each of three groups of them.  `bias`: b_std 0.1 in every convolution.  n images against n others, or the
 * symmetric gram of n.  Prints the medians of three runs: seconds on the clock; processor time per pair, which other programs on the machine
 * disturb less; the bound where there is one; with threads the gain over one thread on the clock, each the best of its three.
 */
#include "bench.h"

enum { RUNS = 3, SIDE = 32, CHANNELS = 3, PIXELS = SIDE * SIDE, SIZE = PIXELS * CHANNELS };

typedef struct problem {
    char end[8];
    int layers, single, symmetric, noise, bias, threads;
    long n;
} problem;

static int parse(const char *text, problem *p)
{
    char type[8] = "";
    const char *t = strstr(text, ":threads");
    *p = (problem){.threads = t ? atoi(t + 8) : 1};
    if (sscanf(text, "%7[a-z]:L%d:n%ld:%3[f0-9]", p->end, &p->layers, &p->n, type) != 4) return 0;
    p->single = strcmp(type, "f32") == 0;
    p->symmetric = strstr(text, ":symmetric") != NULL;
    p->noise = strstr(text, ":noise") != NULL;
    p->bias = strstr(text, ":bias") != NULL;
    if (strcmp(p->end, "myrtle") == 0 && p->layers != 5 && p->layers != 7 && p->layers != 10) return 0;
    return p->layers > 0 && p->n > 0 && p->threads > 0;
}

typedef struct description {
    char json[8192];
    size_t at;
} description;

static void add(description *t, const char *what)
{
    t->at += (size_t)snprintf(t->json + t->at, sizeof t->json - t->at, "%s", what);
}

static void add_convolutions(description *t, const problem *p, int count)
{
    for (int i = 0; i < count; ++i) {
        add(t, "{\"op\": \"conv\", \"units\": 64, \"kernel\": 3, \"padding\": \"same\", \"w_std\": 1.4142135623730951");
        add(t, p->bias ? ", \"b_std\": 0.1}, {\"op\": \"relu\"}, " : "}, {\"op\": \"relu\"}, ");
    }
}

static void add_myrtle(description *t, const problem *p)
{
    const char *pool = "{\"op\": \"avg_pool\", \"window\": 2, \"strides\": 2}, ";
    int counts[3] = {p->layers == 10 ? 3 : 2, p->layers == 10 ? 3 : p->layers == 7 ? 2 : 1, p->layers == 10 ? 3 : p->layers == 7 ? 2 : 1};
    for (int i = 0; i < 3; ++i) {
        add_convolutions(t, p, counts[i]);
        add(t, pool);
    }
    add(t, pool);
    add(t, pool);
    add(t, "{\"op\": \"flatten\"}");
}

static ntk_kernel *kernel_of(ntk_context *ctx, const problem *p)
{
    description t = {.at = 0};
    ntk_network *net;
    ntk_kernel *kernel;
    add(&t, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [32, 32, 3], \"layers\": [");
    if (strcmp(p->end, "myrtle") == 0) add_myrtle(&t, p);
    else {
        add_convolutions(&t, p, p->layers);
        add(&t, strcmp(p->end, "gap") == 0 ? "{\"op\": \"global_avg_pool\"}" : "{\"op\": \"flatten\"}");
    }
    add(&t, ", {\"op\": \"dense\", \"units\": 10}]}");
    bench_check(ctx, ntk_network_parse(ctx, t.json, &net));
    bench_check(ctx, ntk_kernel_from_network(ctx, net, NULL, &kernel));
    ntk_network_destroy(net);
    return kernel;
}

static double uniform(unsigned long long *s)
{
    *s = *s * 6364136223846793005ull + 1442695040888963407ull;
    return (double)(*s >> 11) * 0x1p-53;
}

/* Bilinear between 5 x 5 random colours, and a little noise. */
static double pixel(const double grid[6][6][CHANNELS], int y, int x, int c)
{
    double v = y * 5.0 / SIDE, u = x * 5.0 / SIDE, fy = v - (int)v, fx = u - (int)u;
    int i = (int)v, j = (int)u;
    return (1 - fy) * ((1 - fx) * grid[i][j][c] + fx * grid[i][j + 1][c]) + fy * ((1 - fx) * grid[i + 1][j][c] + fx * grid[i + 1][j + 1][c]);
}

static void fill(const problem *p, unsigned long long seed, void *x)
{
    double grid[6][6][CHANNELS];
    for (long i = 0; i < p->n * SIZE; ++i) {
        int at = (int)(i % SIZE);
        double value;
        for (int k = 0; at == 0 && k < 36 * CHANNELS; ++k) (&grid[0][0][0])[k] = uniform(&seed);
        value = p->noise ? uniform(&seed) - 0.3 : pixel((const double(*)[6][CHANNELS])grid, at / CHANNELS / SIDE, at / CHANNELS % SIDE, at % CHANNELS) + 0.05 * uniform(&seed);
        if (p->single) ((float *)x)[i] = (float)value;
        else ((double *)x)[i] = value;
    }
}

static double processor_time(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Of the issue: milliseconds per pair and core in single precision with AVX-512; Myrtle-5: a 60th of what neural-tangents takes on two cores. */
static double bound_of(const problem *p)
{
    double bound = strcmp(p->end, "gap") == 0 ? 8 : 0.012;
    if (strcmp(p->end, "myrtle") == 0) return p->layers == 5 && p->single && !p->bias ? 2 * 76.0 / 60 : 0;
    return p->layers != 21 || p->bias ? 0 : p->single ? bound : 4 * bound;
}

static void timed(ntk_context *ctx, const ntk_kernel *kernel, const ntk_array *x, const ntk_array *y, const ntk_request *request, double *t, double *cpu)
{
    *t = bench_now();
    *cpu = processor_time();
    bench_check(ctx, ntk_kernel_eval(ctx, kernel, x, y, request));
    *t = bench_now() - *t;
    *cpu = processor_time() - *cpu;
}

static void run(const char *text, const problem *p)
{
    ntk_context *ctx;
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .threads = p->threads};
    size_t size = p->single ? 4 : 8;
    void *x = bench_reserve((size_t)p->n * SIZE, size), *y = bench_reserve((size_t)p->n * SIZE, size), *k = bench_reserve((size_t)(p->n * p->n), size);
    int64_t x_shape[4] = {p->n, SIDE, SIDE, CHANNELS}, k_shape[2] = {p->n, p->n};
    ntk_dtype type = p->single ? NTK_F32 : NTK_F64;
    ntk_array ax = ntk_array_dense(x, type, 4, x_shape), ay = ntk_array_dense(y, type, 4, x_shape), ak = ntk_array_dense(k, type, 2, k_shape);
    ntk_request request = {NTK_REQUEST_INIT, .ntk = &ak};
    ntk_context_options alone = {NTK_CONTEXT_OPTIONS_INIT, .threads = 1};
    ntk_context *one;
    ntk_kernel *kernel;
    double t[RUNS], cpu[RUNS], t_one[RUNS] = {0}, unused, pairs = p->symmetric ? (double)p->n * (double)(p->n + 1) / 2 : (double)p->n * (double)p->n, each;
    bench_check(NULL, ntk_context_create(&options, &ctx));
    bench_check(NULL, ntk_context_create(&alone, &one));
    kernel = kernel_of(ctx, p);
    fill(p, 1, x);
    fill(p, 2, y);
    for (int i = 0; i < RUNS; ++i) {
        timed(ctx, kernel, &ax, p->symmetric ? NULL : &ay, &request, &t[i], &cpu[i]);
        if (p->threads > 1) timed(one, kernel, &ax, p->symmetric ? NULL : &ay, &request, &t_one[i], &unused);
    }
    qsort(t, RUNS, sizeof *t, compare);
    qsort(cpu, RUNS, sizeof *cpu, compare);
    qsort(t_one, RUNS, sizeof *t_one, compare);
    each = cpu[RUNS / 2] * 1e3 / pairs;
    printf("%-36s %8.3f s  %9.4f ms per pair", text, t[RUNS / 2], each);
    if (bound_of(p) > 0) printf("  (bound %.4g)", bound_of(p));
    if (p->threads > 1) printf("  %.2f x one thread", t_one[0] / t[0]);
    printf("\n");
    fflush(stdout);
    ntk_kernel_destroy(kernel);
    ntk_context_destroy(ctx);
    ntk_context_destroy(one);
    free(x);
    free(y);
    free(k);
}

int main(int argc, char **argv)
{
    static char *defaults[] = {"gap:L21:n16:f32", "gap:L21:n8:f64", "gap:L21:n16:f32:threads2", "gap:L21:n32:f32:symmetric", "flatten:L21:n256:f32",
                               "flatten:L21:n128:f64", "flatten:L21:n256:f32:threads2", "myrtle:L5:n32:f32", "myrtle:L5:n32:f32:threads2",
                               "myrtle:L7:n32:f32", "myrtle:L10:n32:f32", "myrtle:L5:n16:f64", "gap:L21:n16:f32:bias"};
    int n = argc > 1 ? argc - 1 : (int)(sizeof defaults / sizeof *defaults);
    char **texts = argc > 1 ? argv + 1 : defaults;
    for (int i = 0; i < n; ++i) {
        problem p;
        if (!parse(texts[i], &p)) {
            fprintf(stderr, "convolutional: \"%s\" is not like gap:L21:n16:f32\n", texts[i]);
            return 2;
        }
        run(texts[i], &p);
    }
    return 0;
}
