/*
 * The main job, regression on a gram, against the BLAS and LAPACK calls of its shapes, in one run; and packed against full storage.
 *
 *     storage [n [d [m [f64|f32]]]]      n training and m test inputs of d numbers; 4000 784 4000 f64 unless said otherwise
 *
 * Prints seconds, the best of three taken in turns: SYRK [n, d], GEMM [m, d] x [d, n] and POTRF [n, n]; gram, Cholesky in place and mean of a ReLU
 * network with three hidden layers, packed and full; and the ratios.
 */
#include "bench.h"

#include <cblas.h>
#include <lapack.h>

enum { RUNS = 3, LIMIT = 0, PACKED, FULL, KINDS };

typedef struct job {
    int n, d, m, single;
    void *x, *x_test, *y, *mean;
    ntk_context *ctx;
    ntk_kernel *kernel;
    double build, factor, apply; /* seconds, best */
} job;

static void keep(double *best, double seconds)
{
    if (*best == 0 || seconds < *best) *best = seconds;
}

static void fill(const job *j, void *to, long count, unsigned long long seed)
{
    for (long i = 0; i < count; ++i) {
        seed = seed * 6364136223846793005ull + 1442695040888963407ull;
        if (j->single) ((float *)to)[i] = (float)((double)(seed >> 11) * 0x1p-53 - 0.3);
        else ((double *)to)[i] = (double)(seed >> 11) * 0x1p-53 - 0.3;
    }
}

/* x xᵀ + n I = L Lᵀ, and x_test xᵀ: what no method for the whole job can do without. */
static void limit(job *j)
{
    int n = j->n, d = j->d, m = j->m, info = 0;
    void *k = bench_reserve((size_t)n * (size_t)n, j->single ? 4 : 8), *c = bench_reserve((size_t)m * (size_t)n, j->single ? 4 : 8);
    double t = bench_now();
    if (j->single) cblas_ssyrk(CblasRowMajor, CblasLower, CblasNoTrans, n, d, 1, j->x, d, 0, k, n);
    else cblas_dsyrk(CblasRowMajor, CblasLower, CblasNoTrans, n, d, 1, j->x, d, 0, k, n);
    keep(&j->build, bench_now() - t);
    for (long i = 0; i < n; ++i) {
        if (j->single) ((float *)k)[i * n + i] += (float)n;
        else ((double *)k)[i * n + i] += n;
    }
    t = bench_now();
    if (j->single) LAPACK_spotrf("U", &n, k, &n, &info);
    else LAPACK_dpotrf("U", &n, k, &n, &info);
    keep(&j->factor, bench_now() - t);
    t = bench_now();
    if (j->single) cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, d, 1, j->x_test, d, j->x, d, 0, c, n);
    else cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, n, d, 1, j->x_test, d, j->x, d, 0, c, n);
    keep(&j->apply, bench_now() - t);
    if (info) exit(1);
    free(c);
    free(k);
}

static ntk_array view(const job *j, void *data, int64_t rows, int64_t columns)
{
    return j->single ? ntk_matrix_f32(data, rows, columns) : ntk_matrix_f64(data, rows, columns);
}

static void ours(job *j, ntk_storage storage)
{
    ntk_array x = view(j, j->x, j->n, j->d), x_test = view(j, j->x_test, j->m, j->d), y = view(j, j->y, j->n, 10), mean = view(j, j->mean, j->m, 10);
    ntk_gram_options g = {.struct_size = NTK_GRAM_OPTIONS_INIT, .storage = storage};
    ntk_predictor_options p = {.struct_size = NTK_PREDICTOR_OPTIONS_INIT, .ridge_relative = 1e-3, .consume = 1};
    ntk_gram *gram;
    ntk_predictor *predictor;
    double t = bench_now();
    bench_check(j->ctx, ntk_gram_create(j->ctx, j->kernel, &x, &g, &gram));
    keep(&j->build, bench_now() - t);
    t = bench_now();
    bench_check(j->ctx, ntk_predictor_create(j->ctx, gram, &y, &p, &predictor));
    keep(&j->factor, bench_now() - t);
    t = bench_now();
    bench_check(j->ctx, ntk_predictor_mean(j->ctx, predictor, &x_test, &mean));
    keep(&j->apply, bench_now() - t);
    ntk_predictor_destroy(predictor);
    ntk_gram_destroy(gram);
}

static ntk_kernel *relu3(ntk_context *ctx, int d)
{
    int64_t shape[1] = {d};
    ntk_attribute dense[] = {NTK_NUMBER("units", 10), NTK_NUMBER("w_std", 1.4142135623730951), NTK_END};
    ntk_builder *b;
    ntk_network *net;
    ntk_kernel *kernel;
    bench_check(ctx, ntk_builder_create(ctx, 1, shape, NULL, &b));
    for (int l = 0; l < 4; ++l) {
        if (l > 0) bench_check(ctx, ntk_builder_add(ctx, b, "relu", NULL));
        bench_check(ctx, ntk_builder_add(ctx, b, "dense", dense));
    }
    bench_check(ctx, ntk_builder_finish(ctx, b, &net));
    bench_check(ctx, ntk_kernel_from_network(ctx, net, NULL, &kernel));
    ntk_network_destroy(net);
    ntk_builder_destroy(b);
    return kernel;
}

static void print(const char *name, const job *j, const job *best)
{
    double sum = j->build + j->factor + j->apply, least = best->build + best->factor + best->apply;
    printf("%-22s %8.3f %8.3f %8.3f %8.3f %7.2f\n", name, j->build, j->factor, j->apply, sum, sum / least);
}

int main(int argc, char **argv)
{
    job j[KINDS] = {{.n = 4000, .d = 784, .m = 4000}};
    size_t size;
    bench_start(argv);
    if (argc > 1) j[0].n = atoi(argv[1]);
    if (argc > 2) j[0].d = atoi(argv[2]);
    if (argc > 3) j[0].m = atoi(argv[3]);
    if (argc > 4) j[0].single = strcmp(argv[4], "f32") == 0;
    if (j[0].n < 1 || j[0].d < 1 || j[0].m < 1 || ntk_context_create(NULL, &j[0].ctx) != NTK_OK) return 2;
    size = j[0].single ? 4 : 8;
    j[0].kernel = relu3(j[0].ctx, j[0].d);
    j[0].x = bench_reserve((size_t)j[0].n * (size_t)j[0].d, size);
    j[0].x_test = bench_reserve((size_t)j[0].m * (size_t)j[0].d, size);
    j[0].y = bench_reserve((size_t)j[0].n * 10, size);
    j[0].mean = bench_reserve((size_t)j[0].m * 10, size);
    fill(&j[0], j[0].x, (long)j[0].n * j[0].d, 1);
    fill(&j[0], j[0].x_test, (long)j[0].m * j[0].d, 2);
    fill(&j[0], j[0].y, (long)j[0].n * 10, 3);
    j[PACKED] = j[FULL] = j[LIMIT];
    for (int i = 0; i < RUNS; ++i) {
        limit(&j[LIMIT]);
        ours(&j[PACKED], NTK_STORAGE_PACKED);
        ours(&j[FULL], NTK_STORAGE_FULL);
    }
    printf("# libntk %s, %s, n = %d, d = %d, m = %d, instruction set %s, %d threads, BLAS kernels %s\n", ntk_version(), j[0].single ? "f32" : "f64", j[0].n,
           j[0].d, j[0].m, ntk_context_cpu(j[0].ctx), ntk_context_threads(j[0].ctx), bench_blas());
    printf("%-22s %8s %8s %8s %8s %7s\n", "", "build s", "factor s", "apply s", "sum s", "ratio");
    print("SYRK, POTRF, GEMM", &j[LIMIT], &j[LIMIT]);
    print("packed", &j[PACKED], &j[LIMIT]);
    print("full", &j[FULL], &j[LIMIT]);
    printf("packed / full, build + factor: %.2f\n", (j[PACKED].build + j[PACKED].factor) / (j[FULL].build + j[FULL].factor));
    ntk_kernel_destroy(j[0].kernel);
    ntk_context_destroy(j[0].ctx);
    free(j[0].mean);
    free(j[0].y);
    free(j[0].x_test);
    free(j[0].x);
    return 0;
}
