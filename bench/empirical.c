/*
 * The empirical kernel of 784-1024-1024-10 ReLU on N samples against the time of its SYRKs, in one run.
 *
 *     empirical [N] [width] [f64|f32]      defaults 500, 1024, f64
 *
 * full: SYRKs of [10 N, units] for each layer; trace: SYRKs of [N, 10 units] and of the inputs, and the products of the forward and the
 * backward pass; general D: the gram of 20 samples with a D that is no outer product, SYRKs of [200, p] in strips.  All into memory already
 * touched; best of five taken in turns.  Prints the BLAS kernels: figures without them mean nothing.
 */
#include "products.h"

#include <sys/resource.h>

enum { RUNS = 5, IN = 784, OUT = 10, LAYERS = 3 };

enum { FEW = 20 };

typedef struct problem {
    ntk_context *ctx;
    ntk_optimizer *optimizer;
    ntk_network *network;
    ntk_array theta, x;
    ntk_dtype dtype;
    int n, units[LAYERS], inputs[LAYERS];
    void *a, *b, *k;
} problem;

static ntk_array matrix(const problem *p, void *data, int64_t rows, int64_t columns)
{
    int64_t shape[] = {rows, columns};
    return ntk_array_dense(data, p->dtype, 2, shape);
}

static void syrk(const problem *p, int rows, int width)
{
    bench_syrk(p->dtype, rows, width, p->a, p->k);
}

static void full_limit(const problem *p)
{
    for (int l = 0; l < LAYERS; ++l) {
        syrk(p, p->n, p->inputs[l]);
        syrk(p, p->n * OUT, p->units[l]);
    }
}

static void trace_limit(const problem *p)
{
    for (int l = 0; l < LAYERS; ++l) {
        syrk(p, p->n, p->inputs[l]);
        syrk(p, p->n, OUT * p->units[l]);
        bench_gemm(p->dtype, 0, 1, p->n, p->units[l], p->inputs[l], p->a, p->b, p->k);
        if (l > 0) bench_gemm(p->dtype, 0, 0, p->n * OUT, p->inputs[l], p->units[l], p->a, p->b, p->k);
    }
}

static void general_limit(const problem *p)
{
    int64_t left = ntk_network_parameters(p->network), columns = 16384;
    for (; left > 0; left -= columns) syrk(p, FEW * OUT, (int)(left < columns ? left : columns));
}

static void general(const problem *p)
{
    ntk_array x = matrix(p, p->x.data, FEW, IN);
    ntk_jacobian *j;
    ntk_gram *gram;
    bench_check(p->ctx, ntk_jacobian_from_network(p->ctx, p->network, &p->theta, &x, &j));
    bench_check(p->ctx, ntk_gram_from_jacobian(p->ctx, j, p->optimizer, &gram));
    ntk_gram_destroy(gram);
    ntk_jacobian_destroy(j);
}

static void kernel(const problem *p, ntk_outputs outputs)
{
    ntk_kernel *k;
    int64_t size = outputs == NTK_OUTPUTS_FULL ? p->n * OUT : p->n;
    ntk_array out = matrix(p, p->k, size, size);
    ntk_kernel_options options = {NTK_KERNEL_OPTIONS_INIT, .outputs = outputs};
    bench_check(p->ctx, ntk_kernel_empirical(p->ctx, p->network, &p->theta, NULL, &options, &k));
    bench_check(p->ctx, ntk_kernel_eval(p->ctx, k, &p->x, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &out}));
    ntk_kernel_destroy(k);
}

static void full(const problem *p)
{
    kernel(p, NTK_OUTPUTS_FULL);
}

static void trace(const problem *p)
{
    kernel(p, NTK_OUTPUTS_TRACE);
}

static void compare(const problem *p, const char *name, void (*run)(const problem *p), void (*limit)(const problem *p))
{
    double best[2] = {1e30, 1e30};
    for (int r = 0; r < RUNS; ++r) {
        double t[3] = {bench_now()};
        limit(p);
        t[1] = bench_now();
        run(p);
        t[2] = bench_now();
        for (int i = 0; i < 2; ++i)
            if (t[i + 1] - t[i] < best[i]) best[i] = t[i + 1] - t[i];
    }
    printf("%-9s limit %.3f s   kernel %.3f s   ratio %.2f\n", name, best[0], best[1], best[1] / best[0]);
}

int main(int argc, char **argv)
{
    static const char format[] = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [784], \"layers\": [{\"op\": \"dense\", \"units\": %d}, {\"op\": \"relu\"},"
                                 "{\"op\": \"dense\", \"units\": %d}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 10}]}";
    char json[512];
    int n = argc > 1 ? atoi(argv[1]) : 500, width = argc > 2 ? atoi(argv[2]) : 1024;
    int64_t count;
    double *numbers;
    problem p = {.dtype = bench_dtype(argc, argv, 3), .n = n, .units = {width, width, OUT}, .inputs = {IN, width, width}};
    struct rusage usage;
    ntk_array d;
    size_t rows = (size_t)n * OUT, wide = (size_t)(width > IN ? width : IN);
    bench_start(argv);
    if (n < 1 || width < 1) return 2;
    if (ntk_context_create(NULL, &p.ctx) != NTK_OK) return 1;
    snprintf(json, sizeof json, format, width, width);
    bench_check(p.ctx, ntk_network_parse(p.ctx, json, &p.network));
    count = ntk_network_parameters(p.network);
    p.theta = ntk_array_dense(bench_numbers(p.dtype, (size_t)count), p.dtype, 1, &count);
    bench_check(p.ctx, ntk_network_initialize(p.ctx, p.network, 1, &p.theta));
    p.x = matrix(&p, bench_numbers(p.dtype, (size_t)n * IN), n, IN);
    numbers = bench_reserve((size_t)count, sizeof *numbers);
    for (int64_t i = 0; i < count; ++i) numbers[i] = 1 + (double)(i * 7919 % 1000) / 1000;
    d = ntk_vector_f64(numbers, count);
    bench_check(p.ctx, ntk_optimizer_diagonal(p.ctx, &d, &p.optimizer));
    free(numbers);
    p.a = bench_numbers(p.dtype, rows * wide);
    p.b = bench_numbers(p.dtype, wide * wide);
    p.k = bench_numbers(p.dtype, rows * rows > rows * wide ? rows * rows : rows * wide);
    printf("%s kernels, %s, N = %d, width %d, %s\n", bench_blas(), ntk_context_cpu(p.ctx), n, width, ntk_dtype_name(p.dtype));
    getrusage(RUSAGE_SELF, &usage);
    long before = usage.ru_maxrss;
    kernel(&p, NTK_OUTPUTS_FULL);
    getrusage(RUSAGE_SELF, &usage);
    printf("full   %.0f MiB beside the result\n", (double)(usage.ru_maxrss - before) / 1024);
    compare(&p, "full", full, full_limit);
    compare(&p, "trace", trace, trace_limit);
    if (n >= FEW && rows * wide >= (size_t)(FEW * OUT * 16384)) compare(&p, "general D", general, general_limit);
    ntk_optimizer_destroy(p.optimizer);
    free(p.a); free(p.b); free(p.k); free(p.x.data); free(p.theta.data);
    ntk_network_destroy(p.network);
    ntk_context_destroy(p.ctx);
    return 0;
}
