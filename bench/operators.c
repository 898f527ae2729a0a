/*
 * What goes by products alone, 784-W-W-10 ReLU, against the matrix products of its passes, in one run:
 *
 *     operators [N] [W] [k] [f64|f32]      defaults 200, 512, 50, f64 (the dtype of the training; Lanczos is in f64)
 *
 * Lanczos: the k largest eigenvalues of F = JᵀJ, and of K = JJᵀ, of N samples without either matrix.  One product with J and one with Jᵀ take, of
 * each layer, a forward product each, two tangents and two backward ones (of the first layer one each).  How many there are is counted on
 * a Jacobian of callbacks, which takes the same steps.  The limit leaves out the reorthogonalisation, 4 p flop for each pair of vectors.
 * Training: ten steps of gradient descent, momentum and Adam on the full batch; a step is a forward product and two backward ones a layer.
 */
#include "products.h"

enum { IN = 784, OUT = 10, LAYERS = 3, RUNS = 3, STEPS = 10 };

typedef struct problem {
    ntk_context *ctx, *inner; /* inner: of the callbacks */
    ntk_network *network;
    ntk_array theta, x;
    ntk_dtype dtype;
    int64_t n, p, k;
    int inputs[LAYERS], units[LAYERS], products;
    void *a, *b, *c;
} problem;

/* One pass through the layers: forward, and `times` times the tangents or the backward products. */
static void forward(const problem *p, ntk_dtype dtype)
{
    for (int l = 0; l < LAYERS; ++l) bench_gemm(dtype, 0, 1, (int)p->n, p->units[l], p->inputs[l], p->a, p->b, p->c);
}

static void tangent(const problem *p)
{
    for (int l = 0; l < LAYERS; ++l)
        for (int k = 0; k < (l ? 2 : 1); ++k) bench_gemm(NTK_F64, 0, 1, (int)p->n, p->units[l], p->inputs[l], p->a, p->b, p->c);
}

static void backward(const problem *p, ntk_dtype dtype)
{
    for (int l = 0; l < LAYERS; ++l) {
        bench_gemm(dtype, 1, 0, p->units[l], p->inputs[l], (int)p->n, p->a, p->b, p->c);
        if (l) bench_gemm(dtype, 0, 0, (int)p->n, p->inputs[l], p->units[l], p->a, p->b, p->c);
    }
}

/* ---- Lanczos ----------------------------------------------------------------------------------------------------- */

static int jvp(void *user, int64_t columns, const double *v, int64_t rows, double *out)
{
    problem *p = user;
    ntk_array direction = ntk_vector_f64((double *)(uintptr_t)v, columns), df = ntk_matrix_f64(out, p->n, OUT);
    (void)rows;
    ++p->products;
    return (int)ntk_network_jvp(p->inner, p->network, &p->theta, &p->x, &direction, &df);
}

static int vjp(void *user, int64_t rows, const double *u, int64_t columns, double *out)
{
    problem *p = user;
    ntk_array cotangent = ntk_matrix_f64((double *)(uintptr_t)u, p->n, OUT), g = ntk_vector_f64(out, columns);
    (void)rows;
    ++p->products;
    return (int)ntk_network_vjp(p->inner, p->network, &p->theta, &p->x, &cotangent, &g);
}

static void top(const problem *p, const ntk_jacobian *j, ntk_space space)
{
    ntk_spectrum *s;
    bench_check(p->ctx, ntk_spectrum_top_of_jacobian(p->ctx, j, NULL, p->k, &(ntk_top_options){NTK_TOP_OPTIONS_INIT, .space = space}, &s));
    ntk_spectrum_destroy(s);
}

static void lanczos(problem *p, const char *name, ntk_space space)
{
    ntk_jacobian *counted, *j;
    double best[2] = {1e30, 1e30};
    ntk_jacobian_functions f = {NTK_JACOBIAN_FUNCTIONS_INIT, .rows = p->n * OUT, .columns = p->p, .outputs = OUT, .user = p, .jvp = jvp, .vjp = vjp};
    bench_check(p->ctx, ntk_jacobian_from_callbacks(p->ctx, &f, &counted));
    bench_check(p->ctx, ntk_jacobian_from_network(p->ctx, p->network, &p->theta, &p->x, &j));
    p->products = 0;
    top(p, counted, space);
    for (int r = 0; r < RUNS; ++r) {
        double t[3] = {bench_now()};
        for (int i = 0; i < p->products / 2; ++i) {
            forward(p, NTK_F64);
            tangent(p);
            forward(p, NTK_F64);
            backward(p, NTK_F64);
        }
        t[1] = bench_now();
        top(p, j, space);
        t[2] = bench_now();
        for (int i = 0; i < 2; ++i)
            if (t[i + 1] - t[i] < best[i]) best[i] = t[i + 1] - t[i];
    }
    printf("top %d of %s, %d products   limit %.3f s   Lanczos %.3f s   ratio %.2f\n", (int)p->k, name, p->products, best[0], best[1], best[1] / best[0]);
    ntk_jacobian_destroy(j);
    ntk_jacobian_destroy(counted);
}

/* ---- training ---------------------------------------------------------------------------------------------------- */

static void train(const problem *p, const char *name, ntk_descent descent)
{
    ntk_trainer *t;
    int64_t shape[] = {p->n, OUT}, in[] = {p->n, IN};
    double best[2] = {1e30, 1e30};
    void *targets = bench_numbers(p->dtype, (size_t)p->n * OUT), *theta = bench_numbers(p->dtype, (size_t)p->p), *inputs = bench_numbers(p->dtype, (size_t)p->n * IN);
    ntk_array y = ntk_array_dense(targets, p->dtype, 2, shape), start = ntk_array_dense(theta, p->dtype, 1, &p->p), x = ntk_array_dense(inputs, p->dtype, 2, in);
    ntk_trainer_options options = {NTK_TRAINER_OPTIONS_INIT, .descent = descent, .loss_scale = NTK_LOSS_SCALE_MEAN, .learning_rate = 1e-3};
    bench_check(p->ctx, ntk_network_initialize(p->ctx, p->network, 1, &start));
    bench_check(p->ctx, ntk_trainer_create(p->ctx, p->network, &start, &x, &y, &options, &t));
    for (int r = 0; r < RUNS; ++r) {
        double now[3] = {bench_now()};
        for (int i = 0; i < STEPS; ++i) {
            forward(p, p->dtype);
            backward(p, p->dtype);
        }
        now[1] = bench_now();
        bench_check(p->ctx, ntk_trainer_run(p->ctx, t, STEPS));
        now[2] = bench_now();
        for (int i = 0; i < 2; ++i)
            if (now[i + 1] - now[i] < best[i]) best[i] = now[i + 1] - now[i];
    }
    printf("%d steps of %-8s   limit %.4f s   training %.4f s   ratio %.2f\n", STEPS, name, best[0], best[1], best[1] / best[0]);
    ntk_trainer_destroy(t);
    free(inputs); free(theta); free(targets);
}

int main(int argc, char **argv)
{
    static const char format[] = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [784], \"layers\": [{\"op\": \"dense\", \"units\": %d}, {\"op\": \"relu\"},"
                                 "{\"op\": \"dense\", \"units\": %d}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 10}]}";
    char json[512];
    int n = argc > 1 ? atoi(argv[1]) : 200, width = argc > 2 ? atoi(argv[2]) : 512, k = argc > 3 ? atoi(argv[3]) : 50;
    int64_t shape[] = {n, IN};
    size_t largest;
    problem p = {.dtype = bench_dtype(argc, argv, 4), .n = n, .k = k, .inputs = {IN, width, width}, .units = {width, width, OUT}};
    bench_start(argv);
    if (n < 1 || width < 1 || k < 1) return 2;
    if (ntk_context_create(NULL, &p.ctx) != NTK_OK || ntk_context_create(NULL, &p.inner) != NTK_OK) return 1;
    snprintf(json, sizeof json, format, width, width);
    bench_check(p.ctx, ntk_network_parse(p.ctx, json, &p.network));
    p.p = ntk_network_parameters(p.network);
    p.theta = ntk_array_dense(bench_numbers(NTK_F64, (size_t)p.p), NTK_F64, 1, &p.p);
    bench_check(p.ctx, ntk_network_initialize(p.ctx, p.network, 1, &p.theta));
    p.x = ntk_array_dense(bench_numbers(NTK_F64, (size_t)n * IN), NTK_F64, 2, shape);
    for (int64_t i = 0; i < (int64_t)n * IN; ++i) ((double *)p.x.data)[i] = (double)((i * 7919 + i / IN * 104729) % 1009) / 504.5 - 1; /* rows that differ */
    largest = (size_t)(n > width ? n : width) * (size_t)(width > IN ? width : IN);
    p.a = bench_numbers(NTK_F64, largest);
    p.b = bench_numbers(NTK_F64, largest);
    p.c = bench_numbers(NTK_F64, largest);
    printf("%s kernels, %s, N = %d, width %d, p = %d, training in %s\n", bench_blas(), ntk_context_cpu(p.ctx), n, width, (int)p.p, ntk_dtype_name(p.dtype));
    lanczos(&p, "F", NTK_SPACE_PARAMETERS);
    lanczos(&p, "K", NTK_SPACE_FUNCTION);
    train(&p, "gd", NTK_DESCENT_GD);
    train(&p, "momentum", NTK_DESCENT_MOMENTUM);
    train(&p, "adam", NTK_DESCENT_ADAM);
    free(p.a); free(p.b); free(p.c); free(p.x.data); free(p.theta.data);
    ntk_network_destroy(p.network);
    ntk_context_destroy(p.inner);
    ntk_context_destroy(p.ctx);
    return 0;
}
