/*
 * The kernels against the 113-bit oracle, on the pairs where recursions lose digits: equal, nearly equal, opposite, nearly
 * opposite, orthogonal, zero, proportional; depth 1 to 100; with and without biases; both precisions; every instruction set
 * that this machine has.
 *
 * Bounds, relative to sqrt(K(x,x) K(x',x')).  One layer costs a few roundings of rho and theta, and the layers of a chain at
 * criticality do not amplify them: 4e-15 (1 + L/10) in double, 1e-6 (1 + L/10) in single precision.
 */
#include "kit.h"

#include "infinite/oracle.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define D 5
#define MAX_PAIRS 64

typedef struct pair {
    double x[D], y[D];
} pair;

static int add_pair(pair *pairs, int count, const double *x, const double *y)
{
    for (int i = 0; i < D; ++i) {
        pairs[count].x[i] = (float)x[i]; /* numbers of both precisions: the oracle sees what the library sees */
        pairs[count].y[i] = (float)y[i];
    }
    return count + 1;
}

/* y = s x + distance * direction, kept in double. */
static int add_near(pair *pairs, int count, const double *x, double s, double distance, const double *direction)
{
    for (int i = 0; i < D; ++i) {
        pairs[count].x[i] = x[i];
        pairs[count].y[i] = s * x[i] + distance * direction[i];
    }
    return count + 1;
}

static int make_pairs(pair *pairs, double closest)
{
    const double x[D] = {0.5, -1.25, 0.75, 2, -0.375}, e[D] = {0.25, 0.5, -0.125, 0.0625, 1}, o[D] = {1.25, 0.5, 0, 0, 0}, zero[D] = {0};
    int n = 0;
    double tripled[D], large[D], small[D];
    for (int i = 0; i < D; ++i) {
        tripled[i] = 3 * x[i];
        large[i] = 0x1p40 * e[i];
        small[i] = 0x1p-40 * x[i];
    }
    n = add_pair(pairs, n, x, x);
    n = add_pair(pairs, n, x, e);
    n = add_pair(pairs, n, x, o);
    n = add_pair(pairs, n, x, zero);
    n = add_pair(pairs, n, zero, zero);
    n = add_pair(pairs, n, x, tripled);
    n = add_pair(pairs, n, large, large);
    n = add_pair(pairs, n, large, small);
    n = add_pair(pairs, n, small, small);
    n = add_near(pairs, n, x, -1, 0, e);
    n = add_near(pairs, n, x, -3, 0, e);
    for (double h = 1e-1; h >= closest; h /= 10) {
        n = add_near(pairs, n, x, 1, h, e);
        n = add_near(pairs, n, x, -1, h, e);
    }
    return n;
}

static ntk_network *chain_network(ntk_context *ctx, const char *const *names, int layers, double w_std, double b_std)
{
    ntk_network *net = NULL;
    ntk_builder *b = NULL;
    const int64_t shape[1] = {D};
    ntk_attribute keys[] = {NTK_NUMBER("units", 8), NTK_NUMBER("w_std", w_std), NTK_NUMBER(b_std < 0 ? NULL : "b_std", b_std), NTK_END};
    kit_ok(ctx, ntk_builder_create(ctx, 1, shape, NULL, &b));
    for (int l = 0; l < layers; ++l) {
        kit_ok(ctx, ntk_builder_add(ctx, b, "dense", keys));
        kit_ok(ctx, ntk_builder_add(ctx, b, names[l], NULL));
    }
    kit_ok(ctx, ntk_builder_add(ctx, b, "dense", keys));
    kit_ok(ctx, ntk_builder_finish(ctx, b, &net));
    ntk_builder_destroy(b);
    return net;
}

/* K and Theta of one pair: got[0] NNGP, got[1] NTK. */
static void eval_f64(ntk_context *ctx, const ntk_kernel *kernel, const pair *p, double got[2])
{
    ntk_array x = ntk_matrix_f64(p->x, 1, D), y = ntk_matrix_f64(p->y, 1, D), k = ntk_matrix_f64(&got[0], 1, 1), t = ntk_matrix_f64(&got[1], 1, 1);
    ntk_request r = {NTK_REQUEST_INIT, .nngp = &k, .ntk = &t};
    kit_ok(ctx, ntk_kernel_eval(ctx, kernel, &x, &y, &r));
}

static void eval_f32(ntk_context *ctx, const ntk_kernel *kernel, const pair *p, double got[2])
{
    float x[D], y[D], out[2];
    ntk_array ax = ntk_matrix_f32(x, 1, D), ay = ntk_matrix_f32(y, 1, D), k = ntk_matrix_f32(&out[0], 1, 1), t = ntk_matrix_f32(&out[1], 1, 1);
    ntk_request r = {NTK_REQUEST_INIT, .nngp = &k, .ntk = &t};
    for (int i = 0; i < D; ++i) {
        x[i] = (float)p->x[i];
        y[i] = (float)p->y[i];
    }
    kit_ok(ctx, ntk_kernel_eval(ctx, kernel, &ax, &ay, &r));
    got[0] = out[0];
    got[1] = out[1];
}

static void rounded(const pair *p, pair *to, ntk_dtype dtype)
{
    for (int i = 0; i < D; ++i) {
        to->x[i] = dtype == NTK_F32 ? (double)(float)p->x[i] : p->x[i];
        to->y[i] = dtype == NTK_F32 ? (double)(float)p->y[i] : p->y[i];
    }
}

/* The worst error over the pairs, in units of the bound's base. */
static double worst_error(ntk_context *ctx, const ntk_kernel *kernel, const oracle_chain *chain, ntk_dtype dtype, const pair *pairs, int n)
{
    double worst = 0;
    for (int i = 0; i < n; ++i) {
        pair p;
        quad k[3], t[3];
        double got[2];
        rounded(&pairs[i], &p, dtype);
        (dtype == NTK_F64 ? eval_f64 : eval_f32)(ctx, kernel, &p, got);
        oracle_pair(chain, D, p.x, p.y, &k[0], &t[0]);
        oracle_pair(chain, D, p.x, p.x, &k[1], &t[1]);
        oracle_pair(chain, D, p.y, p.y, &k[2], &t[2]);
        for (int what = 0; what < 2; ++what) {
            quad *v = what ? t : k, scale = sqrtq(v[1] * v[2]);
            if (scale > 0 && scale < (dtype == NTK_F64 ? 1e-290 : 1e-30)) continue; /* no longer a normal number */
            double error = (double)(fabsq(got[what] - v[0]) / (scale > 0 ? scale : 1));
            if (!(error <= worst)) worst = error;
            if (getenv("NTK_TEST_VERBOSE")) printf("   pair %d %s got %.17g want %.17g error %.2e\n", i, what ? "ntk" : "nngp", got[what], (double)v[0], error);
        }
    }
    return worst;
}

static void check_chain(ntk_context *ctx, const char *const *names, const oracle_dual *duals, int layers, double w_std, double b_std, ntk_dtype dtype, double base)
{
    pair pairs[MAX_PAIRS];
    int n = make_pairs(pairs, dtype == NTK_F64 ? 1e-15 : 1e-6);
    oracle_chain chain = {duals, layers, w_std, b_std};
    ntk_network *net = chain_network(ctx, names, layers, w_std, b_std);
    ntk_kernel *kernel = NULL;
    double worst, bound = base * (1 + layers / 10.0);
    kit_ok(ctx, ntk_kernel_from_network(ctx, net, NULL, &kernel));
    worst = worst_error(ctx, kernel, &chain, dtype, pairs, n);
    if (!(worst <= bound) || getenv("NTK_TEST_VERBOSE"))
        print_message("%s x %d, b_std %g, %s, %s: error %.2e, bound %.2e\n", names[0], layers, b_std, ntk_dtype_name(dtype), ntk_context_cpu(ctx), worst, bound);
    assert_true(worst <= bound);
    ntk_kernel_destroy(kernel);
    ntk_network_destroy(net);
}

static void check_depths(const char *cpu, const char *name, oracle_dual dual, double w_std)
{
    static const int depths[] = {1, 2, 3, 10, 20, 100};
    static const double biases[] = {-1, 0, 0.05, 1};
    const char *names[100];
    oracle_dual duals[100];
    ntk_context *ctx = NULL;
    setenv("NTK_CPU", cpu, 1);
    assert_int_equal(ntk_context_create(NULL, &ctx), NTK_OK);
    for (int l = 0; l < 100; ++l) {
        names[l] = name;
        duals[l] = dual;
    }
    for (size_t i = 0; i < sizeof depths / sizeof *depths; ++i)
        for (size_t j = 0; j < sizeof biases / sizeof *biases; ++j) {
            check_chain(ctx, names, duals, depths[i], w_std, biases[j], NTK_F64, 4e-15);
            check_chain(ctx, names, duals, depths[i], w_std, biases[j], NTK_F32, 1e-6);
        }
    ntk_context_destroy(ctx);
    unsetenv("NTK_CPU");
}

static const char *const cpus[] = {"c", "avx2", "avx512"}; /* a name above the machine's own runs its best: harmless */

static void relu_is_true(void **state)
{
    (void)state;
    for (int i = 0; i < 3; ++i) check_depths(cpus[i], "relu", oracle_relu, sqrt(2));
}

static void erf_is_true(void **state)
{
    (void)state;
    for (int i = 0; i < 3; ++i) check_depths(cpus[i], "erf", oracle_erf, 1.2);
}

static void gelu_is_true(void **state)
{
    (void)state;
    for (int i = 0; i < 3; ++i) check_depths(cpus[i], "gelu", oracle_gelu, 1.3);
}

/* Several layers: the 113-bit recursion itself has lost the digits of near inputs that these depend on; the 50-digit values (python/truth) hold them. */
static void sign_is_true(void **state)
{
    static const char *const names[] = {"sign"};
    static const oracle_dual duals[] = {oracle_sign};
    for (int bias = -1; bias <= 1; ++bias) {
        check_chain(*state, names, duals, 1, 1.2, bias, NTK_F64, 4e-15);
        check_chain(*state, names, duals, 1, 1.2, bias, NTK_F32, 1e-6);
    }
}

static void sin_is_true(void **state)
{
    (void)state;
    check_depths("avx512", "sin", oracle_sin, 1.2);
    check_depths("c", "sin", oracle_sin, 1.2);
}

static void rbf_is_true(void **state)
{
    (void)state;
    check_depths("avx512", "rbf", oracle_rbf, 0.7); /* w² K. <= 1: a wider one is chaotic and amplifies its input */
}

/* A smooth layer must hand an accurate distance to the kinked one after it. */
static void gelu_then_relu_is_true(void **state)
{
    static const char *const names[] = {"gelu", "relu", "gelu", "relu"};
    static const oracle_dual duals[] = {oracle_gelu, oracle_relu, oracle_gelu, oracle_relu};
    for (int layers = 2; layers <= 4; ++layers) {
        check_chain(*state, names, duals, layers, 1.5, -1, NTK_F64, 2e-14);
        check_chain(*state, names, duals, layers, 1.5, 0.1, NTK_F64, 2e-14);
        check_chain(*state, names, duals, layers, 1.5, 0.1, NTK_F32, 5e-6);
    }
}

static void sin_then_relu_is_true(void **state)
{
    static const char *const names[] = {"sin", "relu", "rbf", "relu"};
    static const oracle_dual duals[] = {oracle_sin, oracle_relu, oracle_rbf, oracle_relu};
    for (int layers = 2; layers <= 4; ++layers) {
        check_chain(*state, names, duals, layers, 1.5, -1, NTK_F64, 2e-14);
        check_chain(*state, names, duals, layers, 1.5, 0.1, NTK_F64, 2e-14);
    }
}

static void erf_then_relu_is_true(void **state)
{
    static const char *const names[] = {"erf", "relu", "erf", "relu"};
    static const oracle_dual duals[] = {oracle_erf, oracle_relu, oracle_erf, oracle_relu};
    for (int layers = 2; layers <= 4; ++layers) {
        check_chain(*state, names, duals, layers, 1.5, -1, NTK_F64, 2e-14);
        check_chain(*state, names, duals, layers, 1.5, 0.1, NTK_F64, 2e-14);
        check_chain(*state, names, duals, layers, 1.5, 0.1, NTK_F32, 5e-6);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(relu_is_true), kit_test(erf_is_true), kit_test(erf_then_relu_is_true), kit_test(gelu_is_true), kit_test(sin_is_true), kit_test(sign_is_true),
                                       kit_test(rbf_is_true), kit_test(gelu_then_relu_is_true), kit_test(sin_then_relu_is_true)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
