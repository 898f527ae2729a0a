/*
 * The empirical kernel of a CNN against the GEMM time of the cheaper algorithm, in one run: four 64-channel 3x3 SAME convolutions with ReLU on
 * 32x32x3, global average pooling, dense(10), N samples; full kernel.
 *
 *     convolution [N] [RUNS] [f64|f32]      defaults 50, 3 (the best of so many taken in turns), f64
 *
 * The limit, by weight gradients, all products of the BLAS into memory already touched: forward; the cotangents through each convolution but the
 * first; the weight gradients of each sample and output; SYRKs of the rows.  (Position Grams would take n² o² positions² units.)
 */
#include "products.h"

#include <sys/resource.h>

enum { OUT = 10, POSITIONS = 32 * 32, CHANNELS = 64, LAYERS = 4, TAPS = 9 };

typedef struct problem {
    ntk_context *ctx;
    ntk_network *network;
    ntk_array theta, x;
    ntk_dtype dtype;
    int n;
    void *a, *b, *c, *k;
} problem;

static int fan_in(int layer)
{
    return TAPS * (layer == 0 ? 3 : CHANNELS);
}

/* Sample by sample, so that the operands stay as near as they do in the library. */
static void limit(const problem *p)
{
    int rows = p->n * OUT;
    for (int l = 0; l < LAYERS; ++l) {
        int f = fan_in(l);
        for (int i = 0; i < p->n; ++i)
            bench_gemm(p->dtype, 0, 1, POSITIONS, CHANNELS, f, p->a, p->b, p->c);
        for (int r = 0; r < rows; ++r) {
            bench_gemm(p->dtype, 1, 0, CHANNELS, f, POSITIONS, p->b, p->a, p->c);
            if (l > 0) bench_gemm(p->dtype, 0, 0, POSITIONS, f, CHANNELS, p->b, p->c, p->a);
        }
        bench_syrk(p->dtype, rows, CHANNELS * f, p->c, p->k);
    }
}

static void kernel(const problem *p)
{
    ntk_kernel *k;
    ntk_array out = ntk_array_dense(p->k, p->dtype, 2, (int64_t[]){p->n * OUT, p->n * OUT});
    bench_check(p->ctx, ntk_kernel_empirical(p->ctx, p->network, &p->theta, NULL, NULL, &k));
    bench_check(p->ctx, ntk_kernel_eval(p->ctx, k, &p->x, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &out}));
    ntk_kernel_destroy(k);
}

static long resident(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_maxrss;
}

int main(int argc, char **argv)
{
    static const char layer[] = "{\"op\": \"conv\", \"units\": 64, \"kernel\": [3, 3], \"padding\": \"same\"}, {\"op\": \"relu\"},";
    char json[1024];
    double best[2] = {1e30, 1e30};
    int runs = argc > 2 ? atoi(argv[2]) : 3;
    int64_t shape[4];
    int64_t count;
    problem p = {.dtype = bench_dtype(argc, argv, 3), .n = argc > 1 ? atoi(argv[1]) : 50};
    size_t rows = (size_t)p.n * OUT;
    bench_start(argv);
    if (p.n < 1) return 2;
    if (ntk_context_create(NULL, &p.ctx) != NTK_OK) return 1;
    snprintf(json, sizeof json, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [32, 32, 3], \"layers\": [%s%s%s%s"
             "{\"op\": \"global_avg_pool\"}, {\"op\": \"dense\", \"units\": 10}]}", layer, layer, layer, layer);
    bench_check(p.ctx, ntk_network_parse(p.ctx, json, &p.network));
    count = ntk_network_parameters(p.network);
    p.theta = ntk_array_dense(bench_numbers(p.dtype, (size_t)count), p.dtype, 1, &count);
    bench_check(p.ctx, ntk_network_initialize(p.ctx, p.network, 1, &p.theta));
    memcpy(shape, (int64_t[]){p.n, 32, 32, 3}, sizeof shape);
    p.x = ntk_array_dense(bench_numbers(p.dtype, (size_t)p.n * 32 * 32 * 3), p.dtype, 4, shape);
    p.k = bench_numbers(p.dtype, rows * rows);
    printf("%s kernels, %s, N = %d, %s\n", bench_blas(), ntk_context_cpu(p.ctx), p.n, ntk_dtype_name(p.dtype));
    long before = resident();
    kernel(&p);
    printf("%.0f MiB beside the result\n", (double)(resident() - before) / 1024);
    p.a = bench_numbers(p.dtype, (size_t)POSITIONS * TAPS * CHANNELS);
    p.b = bench_numbers(p.dtype, (size_t)POSITIONS * TAPS * CHANNELS);
    p.c = bench_numbers(p.dtype, rows * TAPS * CHANNELS * CHANNELS > (size_t)POSITIONS * TAPS * CHANNELS ? rows * TAPS * CHANNELS * CHANNELS : (size_t)POSITIONS * TAPS * CHANNELS);
    for (int r = 0; r < runs; ++r) {
        double t[3] = {bench_now()};
        limit(&p);
        t[1] = bench_now();
        kernel(&p);
        t[2] = bench_now();
        for (int i = 0; i < 2; ++i)
            if (t[i + 1] - t[i] < best[i]) best[i] = t[i + 1] - t[i];
    }
    printf("limit %.3f s   kernel %.3f s   ratio %.2f\n", best[0], best[1], best[1] / best[0]);
    free(p.a); free(p.b); free(p.c); free(p.k); free(p.x.data); free(p.theta.data);
    ntk_network_destroy(p.network);
    ntk_context_destroy(p.ctx);
    return 0;
}
