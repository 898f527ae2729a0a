/* The empirical kernel against naive contraction of the rows of J, divided by D: full, trace, diagonal; NTK and NNGP. */
#include "kernel.h"
#include "kit.h"
#include "npy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Three outputs; one layer learns at another rate, and one not at all. */
static const char json[] = "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [4], \"layers\": ["
                           "{\"op\": \"dense\", \"units\": 5, \"w_std\": 1.5, \"b_std\": 0.1, \"lr\": 0.25}, {\"op\": \"erf\"},"
                           "{\"op\": \"dense\", \"units\": 4, \"w_std\": 1.2, \"b_std\": 0.2, \"train\": false}, {\"op\": \"relu\"},"
                           "{\"op\": \"dense\", \"units\": 3, \"w_std\": 1.0, \"b_std\": 0.05}]}";

enum { D = 4, O = 3, P = 5 * 5 + 6 * 4 + 5 * 3 };

static double *numbers(int64_t count)
{
    double *n = calloc((size_t)(count > 0 ? count : 1), sizeof *n);
    assert_non_null(n);
    return n;
}

/* A network at theta with D = sqrt(v) + epsilon, and points of it. */
typedef struct model {
    ntk_context *ctx;
    ntk_network *network;
    ntk_optimizer *adam;
    double theta[P], d[P];
} model;

static void open_model(ntk_context *ctx, model *m)
{
    double moment[P];
    ntk_array v = ntk_vector_f64(moment, P), theta = ntk_vector_f64(m->theta, P), d = ntk_vector_f64(m->d, P);
    m->ctx = ctx;
    m->network = kit_network(ctx, json);
    assert_int_equal(ntk_network_parameters(m->network), P);
    kit_random(1, P, moment);
    for (int i = 0; i < P; ++i) moment[i] *= moment[i];
    kit_ok(ctx, ntk_network_initialize(ctx, m->network, 7, &theta));
    kit_ok(ctx, ntk_optimizer_adam(ctx, &v, 0.01, &m->adam));
    kit_ok(ctx, ntk_optimizer_get_diagonal(ctx, m->adam, &d));
}

static void close_model(model *m)
{
    ntk_optimizer_destroy(m->adam);
    ntk_network_destroy(m->network);
}

static ntk_kernel *kernel_of(const model *m, ntk_outputs outputs, bool with_d)
{
    ntk_kernel *k = NULL;
    ntk_array theta = ntk_vector_f64(m->theta, P);
    kit_ok(m->ctx, ntk_kernel_empirical(m->ctx, m->network, &theta, with_d ? m->adam : NULL,
                                        &(ntk_kernel_options){NTK_KERNEL_OPTIONS_INIT, .outputs = outputs}, &k));
    return k;
}

/* ---- the oracle ------------------------------------------------------------------------------------------------------ */

/* Rows of J, or the outputs f as rows of one number. */
static double *rows_of(const model *m, int64_t n, const double *x, bool nngp)
{
    double *rows = numbers(n * O * (nngp ? 1 : P));
    ntk_array theta = ntk_vector_f64(m->theta, P), points = ntk_matrix_f64(x, n, D), j_out = ntk_matrix_f64(rows, n * O, P);
    ntk_array f = ntk_matrix_f64(rows, n, O);
    ntk_jacobian *j = NULL;
    if (nngp) {
        kit_ok(m->ctx, ntk_network_forward(m->ctx, m->network, &theta, &points, &f));
        return rows;
    }
    kit_ok(m->ctx, ntk_jacobian_from_network(m->ctx, m->network, &theta, &points, &j));
    kit_ok(m->ctx, ntk_jacobian_get_rows(m->ctx, j, 0, &j_out));
    ntk_jacobian_destroy(j);
    return rows;
}

static double product(const double *a, const double *b, int64_t p, const double *d)
{
    double sum = 0;
    for (int64_t i = 0; i < p; ++i) sum += a[i] * b[i] / (d ? d[i] : 1);
    return sum;
}

/* One entry of the kernel: sample i, output q against sample j, output r; for trace the mean over q = r. */
static double *naive(const model *m, ntk_outputs outputs, bool with_d, bool nngp, int64_t n1, const double *x1, int64_t n2, const double *x2)
{
    int64_t p = nngp ? 1 : P, per[] = {O * O, 1, O};
    const double *d = with_d && !nngp ? m->d : NULL;
    double *a = rows_of(m, n1, x1, nngp), *b = rows_of(m, n2, x2, nngp), *k = numbers(n1 * n2 * per[outputs]);
    for (int64_t i = 0; i < n1; ++i)
        for (int64_t j = 0; j < n2; ++j)
            for (int64_t q = 0; q < O; ++q)
                for (int64_t r = 0; r < O; ++r) {
                    double entry = product(a + (i * O + q) * p, b + (j * O + r) * p, p, d);
                    if (outputs == NTK_OUTPUTS_FULL) k[(i * O + q) * n2 * O + j * O + r] = entry;
                    else if (q == r && outputs == NTK_OUTPUTS_TRACE) k[i * n2 + j] += entry / O;
                    else if (q == r) k[(i * n2 + j) * O + q] = entry;
                }
    free(a);
    free(b);
    return k;
}

/* ---- comparison ---------------------------------------------------------------------------------------------------------- */

static ntk_array shaped(double *data, ntk_outputs outputs, int64_t n1, int64_t n2)
{
    int64_t full[] = {n1 * O, n2 * O}, trace[] = {n1, n2}, diagonal[] = {n1, n2, O};
    const int64_t *shapes[] = {full, trace, diagonal};
    return ntk_array_dense(data, NTK_F64, outputs == NTK_OUTPUTS_DIAGONAL ? 3 : 2, shapes[outputs]);
}

static void check_symmetric(const double *k, ntk_outputs outputs, int64_t n)
{
    int64_t size = outputs == NTK_OUTPUTS_FULL ? n * O : n, each = outputs == NTK_OUTPUTS_DIAGONAL ? O : 1;
    for (int64_t i = 0; i < size; ++i)
        for (int64_t j = 0; j < i; ++j) assert_memory_equal(k + (i * size + j) * each, k + (j * size + i) * each, (size_t)each * sizeof *k);
}

/* Sums of P = 64 products in any order: P eps = 1.4e-14 of the sum of the absolute values, which the largest entry bounds. */
static void compare(const model *m, ntk_outputs outputs, bool with_d, int64_t n1, const double *x1, int64_t n2, const double *x2)
{
    int64_t columns = x2 ? n2 : n1, per[] = {O * O, 1, O}, count = n1 * columns * per[outputs];
    double *ntk = numbers(count), *nngp = numbers(count);
    double *ntk_wanted = naive(m, outputs, with_d, false, n1, x1, columns, x2 ? x2 : x1);
    double *nngp_wanted = naive(m, outputs, with_d, true, n1, x1, columns, x2 ? x2 : x1);
    ntk_array a = ntk_matrix_f64(x1, n1, D), b = ntk_matrix_f64(x2, n2, D), ntk_out = shaped(ntk, outputs, n1, columns);
    ntk_array nngp_out = shaped(nngp, outputs, n1, columns);
    ntk_kernel *k = kernel_of(m, outputs, with_d);
    kit_ok(m->ctx, ntk_kernel_eval(m->ctx, k, &a, x2 ? &b : NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &ntk_out, .nngp = &nngp_out}));
    kit_close(count, ntk, ntk_wanted, 3e-14);
    kit_close(count, nngp, nngp_wanted, 1e-15);
    if (!x2) check_symmetric(ntk, outputs, n1);
    ntk_kernel_destroy(k);
    free(ntk);
    free(nngp);
    free(ntk_wanted);
    free(nngp_wanted);
}

static const ntk_outputs all[] = {NTK_OUTPUTS_FULL, NTK_OUTPUTS_TRACE, NTK_OUTPUTS_DIAGONAL};

static void test_against_naive(void **state)
{
    enum { N1 = 7, N2 = 5 };
    double x1[N1 * D], x2[N2 * D];
    model m;
    open_model(*state, &m);
    kit_random(2, N1 * D, x1);
    kit_random(3, N2 * D, x2);
    for (int i = 0; i < 3; ++i)
        for (int with_d = 0; with_d < 2; ++with_d) {
            compare(&m, all[i], with_d, N1, x1, N2, x2);
            compare(&m, all[i], with_d, N1, x1, 0, NULL);
            compare(&m, all[i], with_d, 1, x1, N2, x2);
        }
    close_model(&m);
}

/* Across the borders of tiles: 512 samples, whatever the rows per sample. */
static void test_tiles(void **state)
{
    enum { N = 514 };
    double *x = numbers(N * D), few[3 * D];
    model m;
    open_model(*state, &m);
    kit_random(4, N * D, x);
    kit_random(5, 3 * D, few);
    for (int i = 0; i < 3; ++i) {
        compare(&m, all[i], true, N, x, 3, few);
        compare(&m, all[i], true, 3, few, N, x);
    }
    compare(&m, NTK_OUTPUTS_TRACE, true, N, x, 0, NULL);
    compare(&m, NTK_OUTPUTS_DIAGONAL, false, N, x, 0, NULL);
    free(x);
    close_model(&m);
}

/* Each pair with itself: [n o], [n], [n, o]. */
static void test_diagonal(void **state)
{
    enum { N = 6 };
    double x[N * D], got[N * O], taken[N * O];
    model m;
    open_model(*state, &m);
    kit_random(6, N * D, x);
    for (int i = 0; i < 3; ++i)
        for (int nngp = 0; nngp < 2; ++nngp) {
            int64_t shapes[][2] = {{N * O, 0}, {N, 0}, {N, O}}, count = all[i] == NTK_OUTPUTS_TRACE ? N : N * O;
            ntk_array points = ntk_matrix_f64(x, N, D), out = ntk_array_dense(got, NTK_F64, all[i] == NTK_OUTPUTS_DIAGONAL ? 2 : 1, shapes[i]);
            ntk_kernel *k = kernel_of(&m, all[i], true);
            double *whole = naive(&m, all[i], true, nngp, N, x, N, x);
            for (int64_t e = 0; e < count; ++e)
                taken[e] = all[i] == NTK_OUTPUTS_DIAGONAL ? whole[(e / O * N + e / O) * O + e % O] : whole[e * count + e];
            kit_ok(m.ctx, ntk_kernel_diagonal(m.ctx, k, &points,
                                              &(ntk_request){NTK_REQUEST_INIT, .ntk = nngp ? NULL : &out, .nngp = nngp ? &out : NULL}));
            kit_close(count, got, taken, 3e-14);
            free(whole);
            ntk_kernel_destroy(k);
        }
    close_model(&m);
}

/* A frozen layer and one at rate r: columns scaled by sqrt(r).  The kernel is that of the network without them, layer by layer. */
static void test_learning_rates(void **state)
{
    enum { N = 4 };
    double x[N * D], got[N * N], wanted[N * N] = {0}, *plain;
    ntk_network *free_network;
    ntk_array theta, points = ntk_matrix_f64(x, N, D), out = ntk_matrix_f64(got, N, N);
    ntk_jacobian *j = NULL;
    ntk_array rows;
    ntk_kernel *k;
    model m;
    char *text = strdup(json), *lr = strstr(text, ", \"lr\": 0.25"), *train = strstr(text, ", \"train\": false");
    memset(lr, ' ', strlen(", \"lr\": 0.25"));
    memset(train, ' ', strlen(", \"train\": false"));
    open_model(*state, &m);
    theta = ntk_vector_f64(m.theta, P);
    kit_random(9, N * D, x);
    free_network = kit_network(m.ctx, text);
    plain = numbers(N * O * P);
    rows = ntk_matrix_f64(plain, N * O, P);
    kit_ok(m.ctx, ntk_jacobian_from_network(m.ctx, free_network, &theta, &points, &j));
    kit_ok(m.ctx, ntk_jacobian_get_rows(m.ctx, j, 0, &rows));
    for (int i = 0; i < N * N * O; ++i) {
        const double *a = plain + (i / O / N * O + i % O) * P, *b = plain + (i / O % N * O + i % O) * P;
        wanted[i / O] += (0.25 * product(a, b, 25, NULL) + product(a + 49, b + 49, P - 49, NULL)) / O;
    }
    k = kernel_of(&m, NTK_OUTPUTS_TRACE, false);
    kit_ok(m.ctx, ntk_kernel_eval(m.ctx, k, &points, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &out}));
    kit_close(N * N, got, wanted, 3e-14);
    ntk_kernel_destroy(k);
    ntk_jacobian_destroy(j);
    ntk_network_destroy(free_network);
    free(plain);
    free(text);
    close_model(&m);
}

/* ---- the algorithms ------------------------------------------------------------------------------------------------------- */

/* A D that is an outer product over [units, inputs and bias] of each layer, and one that is not. */
static ntk_optimizer *product_d(const model *m, double spoil, double *d)
{
    static const int units[] = {5, 4, 3}, inputs[] = {4, 5, 4};
    ntk_array array = ntk_vector_f64(d, P);
    ntk_optimizer *o = NULL;
    double g[5], h[6];
    int at = 0;
    for (int l = 0; l < 3; ++l) {
        kit_random(20 + (uint64_t)l, 5, g);
        kit_random(30 + (uint64_t)l, 6, h);
        for (int u = 0; u < units[l]; ++u)
            for (int c = 0; c < inputs[l]; ++c) d[at + u * inputs[l] + c] = (1.5 + g[u]) * (1.25 + h[c]);
        for (int u = 0; u < units[l]; ++u) d[at + units[l] * inputs[l] + u] = (1.5 + g[u]) * (1.25 + h[5]);
        at += units[l] * (inputs[l] + 1);
    }
    d[P - 5] *= 1 + spoil;
    kit_ok(m->ctx, ntk_optimizer_diagonal(m->ctx, &array, &o));
    return o;
}

/* Per layer and in sum, by `algorithm`, into out [4, ...]: three planes and then the sum. */
static void by_algorithm(const model *m, const ntk_optimizer *optimizer, ntk_outputs outputs, ntk_algorithm algorithm, int64_t n1, const double *x1,
                         int64_t n2, const double *x2, double *out)
{
    int64_t full[] = {3, n1 * O, n2 * O}, trace[] = {3, n1, n2}, diagonal[] = {3, n1, n2, O}, per[] = {O * O, 1, O};
    const int64_t *shapes[] = {full, trace, diagonal};
    ntk_array a = ntk_matrix_f64(x1, n1, D), b = ntk_matrix_f64(x2, n2, D), theta = ntk_vector_f64(m->theta, P);
    ntk_array layers = ntk_array_dense(out, NTK_F64, outputs == NTK_OUTPUTS_DIAGONAL ? 4 : 3, shapes[outputs]);
    ntk_array sum = shaped(out + 3 * n1 * n2 * per[outputs], outputs, n1, n2);
    ntk_kernel_options options = {NTK_KERNEL_OPTIONS_INIT, .outputs = outputs, .algorithm = algorithm};
    ntk_kernel *k = NULL;
    kit_ok(m->ctx, ntk_kernel_empirical(m->ctx, m->network, &theta, optimizer, &options, &k));
    assert_int_equal(ntk_kernel_algorithm(k), algorithm);
    kit_ok(m->ctx, ntk_kernel_eval(m->ctx, k, &a, x2 == x1 ? NULL : &b, &(ntk_request){NTK_REQUEST_INIT, .ntk = &sum, .layers = &layers}));
    ntk_kernel_destroy(k);
}

/* Both algorithms give the same sum and the same terms, which add up; the second layer is frozen. */
static void agree(const model *m, const ntk_optimizer *optimizer, ntk_outputs outputs, int64_t n1, const double *x1, int64_t n2, const double *x2)
{
    int64_t per[] = {O * O, 1, O}, count = n1 * n2 * per[outputs];
    double *structured = numbers(4 * count), *contracted = numbers(4 * count);
    by_algorithm(m, optimizer, outputs, NTK_ALGORITHM_STRUCTURED, n1, x1, n2, x2, structured);
    by_algorithm(m, optimizer, outputs, NTK_ALGORITHM_CONTRACTION, n1, x1, n2, x2, contracted);
    kit_close(4 * count, structured, contracted, 3e-14);
    for (int64_t i = 0; i < count; ++i) {
        assert_true(structured[count + i] == 0 && contracted[count + i] == 0);
        structured[i] += structured[2 * count + i];
    }
    kit_close(count, structured, structured + 3 * count, 3e-14);
    free(structured);
    free(contracted);
}

static void test_algorithms_agree(void **state)
{
    enum { N1 = 600, N2 = 9 };
    double *x1 = numbers(N1 * D), x2[N2 * D], d[P];
    ntk_optimizer *product;
    model m;
    open_model(*state, &m);
    product = product_d(&m, 0, d);
    kit_random(2, N1 * D, x1);
    kit_random(3, N2 * D, x2);
    for (int i = 0; i < 3; ++i)
        for (int with_d = 0; with_d < 2; ++with_d) {
            agree(&m, with_d ? product : NULL, all[i], N1, x1, N2, x2);
            agree(&m, with_d ? product : NULL, all[i], N2, x2, N1, x1);
            agree(&m, with_d ? product : NULL, all[i], N2, x2, N2, x2);
        }
    agree(&m, product, NTK_OUTPUTS_TRACE, N1, x1, N1, x1);
    ntk_optimizer_destroy(product);
    close_model(&m);
    free(x1);
}

/* The choice: structured wherever it applies; where it does not, a request for it names the layer and the reason. */
static void test_choice(void **state)
{
    model m;
    double d[P];
    ntk_array theta;
    ntk_optimizer *product, *spoilt;
    ntk_network *positions;
    ntk_kernel *k = NULL;
    ntk_kernel_options structured = {NTK_KERNEL_OPTIONS_INIT, .algorithm = NTK_ALGORITHM_STRUCTURED};
    open_model(*state, &m);
    theta = ntk_vector_f64(m.theta, P);
    product = product_d(&m, 0, d);
    spoilt = product_d(&m, 1e-12, d);
    for (int i = 0; i < 4; ++i) {
        const ntk_optimizer *choices[] = {NULL, product, spoilt, m.adam};
        kit_ok(m.ctx, ntk_kernel_empirical(m.ctx, m.network, &theta, choices[i], NULL, &k));
        assert_int_equal(ntk_kernel_algorithm(k), i < 2 ? NTK_ALGORITHM_STRUCTURED : i == 2 ? NTK_ALGORITHM_MIXED : NTK_ALGORITHM_CONTRACTION);
        for (int l = 0; l < 3; ++l) assert_int_equal(ntk_kernel_layer_algorithm(k, l), i == 3 || (i == 2 && l == 2) ? NTK_ALGORITHM_CONTRACTION : NTK_ALGORITHM_STRUCTURED);
        assert_int_equal(ntk_kernel_layer_algorithm(k, 3), NTK_ALGORITHM_AUTO);
        ntk_kernel_destroy(k);
    }
    kit_fails(m.ctx, ntk_kernel_empirical(m.ctx, m.network, &theta, spoilt, &structured, &k), NTK_ERROR_UNSUPPORTED,
              "layers[4]: D is no outer product");
    kit_fails(m.ctx, ntk_kernel_empirical(m.ctx, m.network, &theta, NULL, &(ntk_kernel_options){NTK_KERNEL_OPTIONS_INIT, .algorithm = (ntk_algorithm)7}, &k),
              NTK_ERROR_ARGUMENT, "options.algorithm is 7");
    assert_int_equal(ntk_kernel_algorithm(NULL), NTK_ALGORITHM_AUTO);
    assert_int_equal(ntk_kernel_layer_algorithm(NULL, 0), NTK_ALGORITHM_AUTO);
    positions = kit_network(m.ctx, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [2, 2], \"layers\": [{\"op\": \"dense\", \"units\": 3},"
                                   "{\"op\": \"attention\", \"units\": 3, \"heads\": 1, \"dim_key\": 2, \"dim_value\": 2}, {\"op\": \"flatten\"}]}");
    assert_false(ntk_factors_fit(positions, NULL));
    kit_fails(m.ctx, ntk_factors_check(m.ctx, positions, NULL), NTK_ERROR_UNSUPPORTED, "layers[1]: rows of J are sums of outer products only for dense layers");
    ntk_network_destroy(positions);
    ntk_optimizer_destroy(spoilt);
    ntk_optimizer_destroy(product);
    close_model(&m);
}

/* ---- a case computed by other software -------------------------------------------------------------------------------------- */

static double *golden(const char *name, int64_t rows, int64_t columns)
{
    char path[64];
    int ndim;
    int64_t shape[6];
    double *values;
    snprintf(path, sizeof path, "e01_mlp_relu/%s.npy", name);
    values = kit_npy(path, &ndim, shape);
    assert_true(shape[0] == rows && (ndim == 1 || shape[1] == columns));
    return values;
}

/* The tolerance of the case is 1e-11; both are double and agree much closer. */
static void test_golden(void **state)
{
    enum { N1 = 4, N2 = 3, PARAMETERS = 83 };
    ntk_context *ctx = *state;
    char *text = kit_text("e01_mlp_relu/network.json");
    double *x1 = golden("x1", N1, 4), *x2 = golden("x2", N2, 4), *params = golden("params", PARAMETERS, 1), *f1 = golden("f1", N1, O);
    double *full = golden("ntk_full", N1 * O, N2 * O), *trace = golden("ntk_trace", N1, N2), *nngp = golden("nngp_trace", N1, N2);
    double got[N1 * O * N2 * O], got_nngp[N1 * N2];
    ntk_array theta = ntk_vector_f64(params, PARAMETERS), a = ntk_matrix_f64(x1, N1, 4), b = ntk_matrix_f64(x2, N2, 4);
    ntk_array f = ntk_matrix_f64(got, N1, O);
    ntk_array full_out = ntk_matrix_f64(got, N1 * O, N2 * O), trace_out = ntk_matrix_f64(got, N1, N2);
    ntk_array nngp_out = ntk_matrix_f64(got_nngp, N1, N2);
    ntk_network *net = kit_network(ctx, text);
    ntk_kernel *k = NULL;
    kit_ok(ctx, ntk_network_forward(ctx, net, &theta, &a, &f));
    kit_close(N1 * O, got, f1, 1e-13);
    kit_ok(ctx, ntk_kernel_empirical(ctx, net, &theta, NULL, NULL, &k));
    kit_ok(ctx, ntk_kernel_eval(ctx, k, &a, &b, &(ntk_request){NTK_REQUEST_INIT, .ntk = &full_out}));
    kit_close(N1 * O * N2 * O, got, full, 1e-13);
    ntk_kernel_destroy(k);
    kit_ok(ctx, ntk_kernel_empirical(ctx, net, &theta, NULL, &(ntk_kernel_options){NTK_KERNEL_OPTIONS_INIT, .outputs = NTK_OUTPUTS_TRACE}, &k));
    kit_ok(ctx, ntk_kernel_eval(ctx, k, &a, &b, &(ntk_request){NTK_REQUEST_INIT, .ntk = &trace_out, .nngp = &nngp_out}));
    kit_close(N1 * N2, got, trace, 1e-13);
    kit_close(N1 * N2, got_nngp, nngp, 1e-13);
    ntk_kernel_destroy(k);
    ntk_network_destroy(net);
    free(text); free(x1); free(x2); free(params); free(f1); free(full); free(trace); free(nngp);
}

/* ---- refusals ------------------------------------------------------------------------------------------------------------------ */

static void test_refusals(void **state)
{
    float xs[2 * D] = {0};
    double x[2 * D] = {0}, out[4 * O * O];
    ntk_array single = ntk_matrix_f32(xs, 2, D), points = ntk_matrix_f64(x, 2, D), square = ntk_matrix_f64(out, 2, 2);
    ntk_array flat = ntk_matrix_f64(out, 2 * O, 2 * O);
    ntk_array planes = ntk_array_dense(out, NTK_F64, 3, (int64_t[]){3, 2, 2});
    ntk_kernel *k;
    ntk_gram *gram = NULL;
    model m;
    open_model(*state, &m);
    k = kernel_of(&m, NTK_OUTPUTS_FULL, true);
    kit_fails(m.ctx, ntk_kernel_eval(m.ctx, k, &single, NULL, NULL), NTK_ERROR_DTYPE, "the empirical kernel takes f64");
    kit_fails(m.ctx, ntk_kernel_eval(m.ctx, k, &points, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &square}), NTK_ERROR_SHAPE,
              "expected [6, 6]");
    kit_fails(m.ctx, ntk_kernel_eval(m.ctx, k, &points, NULL, &(ntk_request){NTK_REQUEST_INIT, .layers = &planes}), NTK_ERROR_SHAPE,
              "expected [3, 6, 6]");
    ntk_kernel_destroy(k);
    k = kernel_of(&m, NTK_OUTPUTS_DIAGONAL, true);
    kit_fails(m.ctx, ntk_kernel_eval(m.ctx, k, &points, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &flat}), NTK_ERROR_SHAPE,
              "expected [2, 2, 3]");
    kit_fails(m.ctx, ntk_gram_create(m.ctx, k, &points, NULL, &gram), NTK_ERROR_ARGUMENT, "diagonal");
    ntk_kernel_destroy(k);
    close_model(&m);
}

#define AXES_JSON(more) \
    "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [4, 3], \"layers\": [{\"op\": \"dense\", \"units\": 2, \"b_std\": 0.5}" more "]}"

/* A network whose samples end in a matrix has all its entries as outputs: the kernel is that of the flattened network. */
static void test_several_axes(void **state)
{
    ntk_context *ctx = *state;
    static const char *const texts[2] = {AXES_JSON(""), AXES_JSON(", {\"op\": \"flatten\"}")};
    double numbers_of_theta[8], x[2 * 12], out[2][16 * 16];
    int64_t shape[3] = {2, 4, 3};
    ntk_array theta = ntk_vector_f64(numbers_of_theta, 8), points = ntk_array_dense(x, NTK_F64, 3, shape);
    kit_random(1, 8, numbers_of_theta);
    kit_random(2, 24, x);
    for (int i = 0; i < 2; ++i) {
        ntk_network *net = kit_network(ctx, texts[i]);
        ntk_kernel *k = NULL;
        ntk_array full = ntk_matrix_f64(out[i], 16, 16);
        kit_ok(ctx, ntk_kernel_empirical(ctx, net, &theta, NULL, &(ntk_kernel_options){NTK_KERNEL_OPTIONS_INIT, .outputs = NTK_OUTPUTS_FULL}, &k));
        kit_ok(ctx, ntk_kernel_eval(ctx, k, &points, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &full}));
        ntk_kernel_destroy(k);
        ntk_network_destroy(net);
    }
    kit_close(16 * 16, out[0], out[1], 1e-15);
    for (int j = 0; j < 16; ++j) assert_true(out[0][17 * j] > 0);
}

/* f and J are finite, their products are not. */
static void test_overflow(void **state)
{
    ntk_context *ctx = *state;
    double weights[2] = {1e160, 1e160}, x[2] = {1, 1}, out[4];
    ntk_array theta = ntk_vector_f64(weights, 2), points = ntk_matrix_f64(x, 2, 1), k_out = ntk_matrix_f64(out, 2, 2);
    ntk_array d = ntk_vector_f64(out, 2);
    ntk_network *net = kit_network(ctx, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [1], \"layers\": [{\"op\": \"dense\", \"units\": 1},"
                                        "{\"op\": \"dense\", \"units\": 1}]}");
    ntk_kernel *k = NULL;
    ntk_gram *gram = NULL;
    kit_ok(ctx, ntk_kernel_empirical(ctx, net, &theta, NULL, NULL, &k));
    kit_fails(ctx, ntk_kernel_eval(ctx, k, &points, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &k_out}), NTK_ERROR_OVERFLOW, "range of f64");
    weights[1] = 1;
    ntk_kernel_destroy(k);
    kit_ok(ctx, ntk_kernel_empirical(ctx, net, &theta, NULL, NULL, &k));
    kit_fails(ctx, ntk_kernel_eval(ctx, k, &points, NULL, &(ntk_request){NTK_REQUEST_INIT, .ntk = &k_out}), NTK_ERROR_OVERFLOW, "range of f64");
    kit_fails(ctx, ntk_kernel_eval(ctx, k, &points, NULL, &(ntk_request){NTK_REQUEST_INIT, .nngp = &k_out}), NTK_ERROR_OVERFLOW, "range of f64");
    kit_fails(ctx, ntk_kernel_diagonal(ctx, k, &points, &(ntk_request){NTK_REQUEST_INIT, .ntk = &d}), NTK_ERROR_OVERFLOW, "range of f64");
    kit_fails(ctx, ntk_gram_create(ctx, k, &points, NULL, &gram), NTK_ERROR_OVERFLOW, "range of f64");
    assert_null(gram);
    ntk_kernel_destroy(k);
    ntk_network_destroy(net);
}

/* J is n o p numbers: here 3 * 64 * 8 bytes a sample, 1.5 MiB; and f, and a tape. */
static void test_memory_limit(void **state)
{
    enum { N = 1024 };
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .memory_limit = 1 << 20};
    ntk_context *limited = NULL;
    double *x = numbers(N * D), *out = numbers(N);
    ntk_array points = ntk_matrix_f64(x, N, D), d = ntk_vector_f64(out, N);
    ntk_kernel *k;
    model m;
    open_model(*state, &m);
    k = kernel_of(&m, NTK_OUTPUTS_TRACE, true);
    assert_int_equal(ntk_context_create(&options, &limited), NTK_OK);
    kit_fails(limited, ntk_kernel_diagonal(limited, k, &points, &(ntk_request){NTK_REQUEST_INIT, .ntk = &d}), NTK_ERROR_MEMORY_LIMIT,
              "the kernel needs 2.059 MiB");
    ntk_kernel_destroy(k);
    ntk_context_destroy(limited);
    close_model(&m);
    free(x);
    free(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(test_against_naive), kit_test(test_tiles), kit_test(test_diagonal), kit_test(test_learning_rates), kit_test(test_algorithms_agree), kit_test(test_choice), kit_test(test_golden),
        kit_test(test_refusals), kit_test(test_several_axes), kit_test(test_overflow), kit_test(test_memory_limit)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
