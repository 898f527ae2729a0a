/* The largest eigenvalues by products, on both sides, against all of them by LAPACK; both sides' vectors belong together. */
#include "dense.h"

#include <float.h>
#include <stdlib.h>

enum { N = 24, O = 2, P = 122, K = 6 };

#define TOLERANCE 1e-10 /* of an eigenvalue, over the largest: what the library promises is 1e-12 */

typedef struct real_case {
    ntk_network *network;
    ntk_jacobian *jacobian;
    ntk_optimizer *optimizer;
    ntk_gram *gram;
    double theta[P], x[N / O * 3], d[P], j[N * P], all[N];
} real_case;

static void open_case(ntk_context *ctx, real_case *c)
{
    ntk_array theta = ntk_vector_f64(c->theta, P), x = ntk_matrix_f64(c->x, N / O, 3), d = ntk_vector_f64(c->d, P), rows = ntk_matrix_f64(c->j, N, P);
    ntk_array values = ntk_vector_f64(c->all, N);
    ntk_spectrum *all;
    c->network = kit_network(ctx, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [3], \"layers\": [{\"op\": \"dense\", \"units\": 20,"
                                  " \"b_std\": 0.5}, {\"op\": \"tanh\"}, {\"op\": \"dense\", \"units\": 2, \"b_std\": 0.1}]}");
    assert_int_equal(ntk_network_parameters(c->network), P);
    kit_random(1, P, c->theta);
    kit_random(2, N / O * 3, c->x);
    kit_random(3, P, c->d);
    for (int i = 0; i < P; ++i) c->d[i] = 1.5 + c->d[i];
    kit_ok(ctx, ntk_optimizer_diagonal(ctx, &d, &c->optimizer));
    kit_ok(ctx, ntk_jacobian_from_network(ctx, c->network, &theta, &x, &c->jacobian));
    kit_ok(ctx, ntk_jacobian_get_rows(ctx, c->jacobian, 0, &rows));
    for (int i = 0; i < N * P; ++i) c->j[i] /= sqrt(c->d[i % P]);
    kit_ok(ctx, ntk_gram_from_jacobian(ctx, c->jacobian, c->optimizer, &c->gram));
    kit_ok(ctx, ntk_spectrum_from_jacobian(ctx, c->jacobian, c->optimizer, NULL, &all));
    kit_ok(ctx, ntk_spectrum_get_values(ctx, all, &values));
    ntk_spectrum_destroy(all);
}

static void close_case(real_case *c)
{
    ntk_gram_destroy(c->gram);
    ntk_jacobian_destroy(c->jacobian);
    ntk_optimizer_destroy(c->optimizer);
    ntk_network_destroy(c->network);
}

/* G v = sqrt(lambda) u and Gᵀ u = sqrt(lambda) v. */
static void check_vectors(const real_case *c, const double *values, const double *u, const double *v)
{
    double bound = 1e-11 * sqrt(values[0]);
    for (int k = 0; k < K; ++k) {
        double root = sqrt(values[k]);
        for (int i = 0; i < N; ++i) {
            double sum = 0;
            for (int j = 0; j < P; ++j) sum += c->j[i * P + j] * v[j * K + k];
            kit_near(sum, root * u[i * K + k], bound);
        }
        for (int j = 0; j < P; ++j) {
            double sum = 0;
            for (int i = 0; i < N; ++i) sum += c->j[i * P + j] * u[i * K + k];
            kit_near(sum, root * v[j * K + k], bound);
        }
    }
}

static void check_spectrum(ntk_context *ctx, const real_case *c, ntk_spectrum *s)
{
    static double values[K], u[N * K], v[P * K];
    ntk_array w = ntk_vector_f64(values, K), left = ntk_matrix_f64(u, N, K), right = ntk_matrix_f64(v, P, K);
    assert_int_equal(ntk_spectrum_size(s), K);
    assert_int_equal(ntk_spectrum_rank(s), K);
    kit_ok(ctx, ntk_spectrum_get_values(ctx, s, &w));
    kit_ok(ctx, ntk_spectrum_get_vectors(ctx, s, &left));
    kit_ok(ctx, ntk_spectrum_get_parameter_vectors(ctx, s, &right));
    kit_close(K, values, c->all, TOLERANCE);
    check_vectors(c, values, u, v);
    ntk_spectrum_destroy(s);
}

static void both_sides_and_the_gram(void **state)
{
    ntk_context *ctx = *state;
    static real_case c;
    ntk_spectrum *s;
    open_case(ctx, &c);
    for (ntk_space space = NTK_SPACE_AUTO; space <= NTK_SPACE_PARAMETERS; ++space) {
        ntk_top_options o = {NTK_TOP_OPTIONS_INIT, .space = space, .seed = 5};
        kit_ok(ctx, ntk_spectrum_top_of_jacobian(ctx, c.jacobian, c.optimizer, K, &o, &s));
        check_spectrum(ctx, &c, s);
    }
    kit_ok(ctx, ntk_spectrum_top(ctx, c.gram, K, NULL, &s));
    check_spectrum(ctx, &c, s);
    close_case(&c);
}

/* J [5, 3]: the parameter side is the smaller; its whole spectrum is no part of one. */
static void the_smaller_side(void **state)
{
    ntk_context *ctx = *state;
    double j[15], values[3], all[3], y[5], evidence;
    ntk_array w = ntk_vector_f64(values, 3), a = ntk_vector_f64(all, 3), target = ntk_matrix_f64(y, 5, 1);
    ntk_jacobian *jacobian;
    ntk_spectrum *s, *dense;
    kit_random(8, 15, j);
    kit_random(9, 5, y);
    jacobian = dense_jacobian(ctx, 5, 3, 1, j);
    kit_ok(ctx, ntk_spectrum_from_jacobian(ctx, jacobian, NULL, NULL, &dense));
    kit_ok(ctx, ntk_spectrum_get_values(ctx, dense, &a));
    kit_ok(ctx, ntk_spectrum_top_of_jacobian(ctx, jacobian, NULL, 3, NULL, &s));
    kit_ok(ctx, ntk_spectrum_get_values(ctx, s, &w));
    kit_close(3, values, all, TOLERANCE);
    kit_ok(ctx, ntk_spectrum_log_evidence(ctx, s, &target, 0.5, &evidence)); /* the rest is 0, and known to be */
    ntk_spectrum_destroy(s);
    ntk_spectrum_destroy(dense);
    ntk_jacobian_destroy(jacobian);
}

/* Rank 1, k = 2: the second value is 0 and has no u. */
static void beyond_the_rank(void **state)
{
    ntk_context *ctx = *state;
    const double j[6] = {1, 2, 2, 2, 4, 4};
    double values[2], u[4];
    ntk_array w = ntk_vector_f64(values, 2), left = ntk_matrix_f64(u, 2, 2);
    ntk_top_options o = {NTK_TOP_OPTIONS_INIT, .space = NTK_SPACE_PARAMETERS};
    ntk_jacobian *jacobian = dense_jacobian(ctx, 2, 3, 1, j);
    ntk_spectrum *s;
    kit_ok(ctx, ntk_spectrum_top_of_jacobian(ctx, jacobian, NULL, 2, &o, &s));
    kit_ok(ctx, ntk_spectrum_get_values(ctx, s, &w));
    kit_ok(ctx, ntk_spectrum_get_vectors(ctx, s, &left));
    assert_int_equal(ntk_spectrum_rank(s), 1);
    kit_near(values[0], 45, 1e-10);
    kit_near(values[1], 0, 1e-10);
    kit_near(fabs(u[0]), 1 / sqrt(5), 1e-12);
    kit_near(u[1], 0, 0);
    kit_near(u[3], 0, 0);
    ntk_spectrum_destroy(s);
    ntk_jacobian_destroy(jacobian);
}

static void refusals(void **state)
{
    ntk_context *ctx = *state;
    static real_case c;
    double y[N] = {0}, mean[N], evidence;
    ntk_array target = ntk_matrix_f64(y, N, 1), m = ntk_matrix_f64(mean, N, 1);
    ntk_spectrum *s = (void *)1;
    int interpolates;
    open_case(ctx, &c);
    kit_fails(ctx, ntk_spectrum_top(ctx, c.gram, 0, NULL, &s), NTK_ERROR_ARGUMENT, "k is 0; expected 1 ... 24");
    assert_null(s);
    kit_fails(ctx, ntk_spectrum_top_of_jacobian(ctx, c.jacobian, NULL, 25, NULL, &s), NTK_ERROR_ARGUMENT, "k is 25; expected 1 ... 24");
    kit_fails(ctx, ntk_spectrum_top(ctx, c.gram, 3, &(ntk_top_options){NTK_TOP_OPTIONS_INIT, .space = NTK_SPACE_PARAMETERS}, &s),
              NTK_ERROR_ARGUMENT, "function side only");
    kit_fails(ctx, ntk_spectrum_top(ctx, c.gram, 3, &(ntk_top_options){NTK_TOP_OPTIONS_INIT, .tolerance = -1}, &s), NTK_ERROR_ARGUMENT, "tolerance");
    kit_fails(ctx, ntk_spectrum_top(ctx, c.gram, 3, &(ntk_top_options){NTK_TOP_OPTIONS_INIT, .space = (ntk_space)7}, &s), NTK_ERROR_ARGUMENT, "no space");
    kit_fails(ctx, ntk_spectrum_top(ctx, c.gram, 3, &(ntk_top_options){NTK_TOP_OPTIONS_INIT, .most_vectors = -1}, &s), NTK_ERROR_ARGUMENT, "most_vectors");
    kit_fails(ctx, ntk_spectrum_top(ctx, c.gram, 3, &(ntk_top_options){NTK_TOP_OPTIONS_INIT, .most_vectors = 4}, &s), NTK_ERROR_NOT_CONVERGED, "too few");
    kit_fails(ctx, ntk_spectrum_top_of_jacobian(ctx, c.jacobian, NULL, 3, &(ntk_top_options){NTK_TOP_OPTIONS_INIT, .kind = NTK_KIND_NNGP}, &s),
              NTK_ERROR_ARGUMENT, "ntk only");
    kit_ok(ctx, ntk_spectrum_top(ctx, c.gram, 3, NULL, &s)); /* three of 24 are not enough for these */
    kit_fails(ctx, ntk_spectrum_log_evidence(ctx, s, &target, 0.5, &evidence), NTK_ERROR_UNSUPPORTED, "3 largest eigenvalues only");
    kit_fails(ctx, ntk_spectrum_leave_one_out(ctx, s, &target, 0.5, &m, NULL), NTK_ERROR_UNSUPPORTED, "3 largest eigenvalues only");
    kit_fails(ctx, ntk_spectrum_interpolation(ctx, s, &target, &interpolates, NULL, NULL, NULL), NTK_ERROR_UNSUPPORTED, "3 largest");
    ntk_spectrum_destroy(s);
    close_case(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(both_sides_and_the_gram), kit_test(the_smaller_side), kit_test(beyond_the_rank), kit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
