/* J of a network: the golden file, unit vectors, rates, blocks, copies. */
#include "cases.h"
#include "npy.h"

enum { N = 7, ROWS = N * CASE_O };

static ntk_jacobian *open_jacobian(ntk_context *ctx, const finite_case *c)
{
    ntk_jacobian *j;
    kit_ok(ctx, ntk_jacobian_from_network(ctx, c->network, &c->theta_array, &c->x_array, &j));
    return j;
}

/* Vjps of unit vectors, columns times sqrt(r). */
static double *expected_jacobian(ntk_context *ctx, const finite_case *c)
{
    double *j = case_jacobian(ctx, c), scale[CASE_P];
    case_scales(scale);
    for (int64_t i = 0; i < c->n * c->o * c->p; ++i) j[i] *= scale[i % CASE_P];
    return j;
}

static void rows_are_vjps_of_unit_vectors(void **state)
{
    ntk_context *ctx = *state;
    finite_case c = case_open(ctx, CASE_JSON("erf"), N);
    ntk_jacobian *j = open_jacobian(ctx, &c);
    double *expected = expected_jacobian(ctx, &c), *rows = case_numbers(1, ROWS * CASE_P);
    static const int64_t ranges[][2] = {{0, ROWS}, {0, 1}, {1, 1}, {1, 4}, {3, 2}, {ROWS - 1, 1}, {5, 0}, {ROWS, 0}};
    assert_int_equal(ntk_jacobian_rows(j), ROWS);
    assert_int_equal(ntk_jacobian_columns(j), CASE_P);
    assert_int_equal(ntk_jacobian_outputs(j), CASE_O);
    for (size_t k = 0; k < NTK_ARRAY_LENGTH(ranges); ++k) {
        ntk_array out = ntk_matrix_f64(rows, ranges[k][1], CASE_P);
        kit_ok(ctx, ntk_jacobian_get_rows(ctx, j, ranges[k][0], &out));
        kit_close(ranges[k][1] * CASE_P, rows, expected + ranges[k][0] * CASE_P, 1e-14);
    }
    ntk_jacobian_destroy(j);
    free(rows);
    free(expected);
    case_close(&c);
}

/* Both products against the rows: sums of 147 or 14 terms. */
static void products_agree_with_rows(void **state)
{
    ntk_context *ctx = *state;
    finite_case c = case_open(ctx, CASE_JSON("relu"), N);
    ntk_jacobian *j = open_jacobian(ctx, &c);
    double *dense = expected_jacobian(ctx, &c), *v = case_numbers(8, CASE_P), *u = case_numbers(9, ROWS);
    double jv[ROWS] = {0}, ju[CASE_P] = {0}, got_v[ROWS], got_u[CASE_P];
    ntk_array vv = ntk_vector_f64(v, CASE_P), uu = ntk_vector_f64(u, ROWS), out_v = ntk_vector_f64(got_v, ROWS), out_u = ntk_vector_f64(got_u, CASE_P);
    for (int r = 0; r < ROWS; ++r)
        for (int i = 0; i < CASE_P; ++i) {
            jv[r] += dense[r * CASE_P + i] * v[i];
            ju[i] += dense[r * CASE_P + i] * u[r];
        }
    kit_ok(ctx, ntk_jacobian_apply(ctx, j, &vv, &out_v));
    kit_ok(ctx, ntk_jacobian_apply_transposed(ctx, j, &uu, &out_u));
    kit_close(ROWS, got_v, jv, 1e-13);
    kit_close(CASE_P, got_u, ju, 1e-13);
    for (int i = 75; i < 135; ++i) assert_true(got_u[i] == 0); /* frozen */
    ntk_jacobian_destroy(j);
    free(u);
    free(v);
    free(dense);
    case_close(&c);
}

/* Golden: neural-tangents in float64, 3 layers: 1e-14 of the largest entry. */
static void golden(void **state)
{
    ntk_context *ctx = *state;
    char *json = kit_text("e01_mlp_relu/network.json");
    int64_t shape[6];
    int ndim;
    double *theta = kit_npy("e01_mlp_relu/params.npy", &ndim, shape), *x, *expected, *rows;
    ntk_array t = ntk_array_dense(theta, NTK_F64, ndim, shape), x_array, out;
    ntk_network *network = kit_network(ctx, json);
    ntk_jacobian *j;
    x = kit_npy("e01_mlp_relu/x1.npy", &ndim, shape);
    x_array = ntk_array_dense(x, NTK_F64, ndim, shape);
    kit_ok(ctx, ntk_jacobian_from_network(ctx, network, &t, &x_array, &j));
    expected = kit_npy("e01_mlp_relu/jacobian1.npy", &ndim, shape);
    rows = case_numbers(1, ntk_jacobian_rows(j) * ntk_jacobian_columns(j));
    out = ntk_matrix_f64(rows, ntk_jacobian_rows(j), ntk_jacobian_columns(j));
    kit_ok(ctx, ntk_jacobian_get_rows(ctx, j, 0, &out));
    assert_int_equal(ntk_array_size(&out), shape[0] * (ndim > 1 ? shape[1] : 1) * (ndim > 2 ? shape[2] : 1));
    kit_close(ntk_array_size(&out), rows, expected, 1e-14);
    ntk_jacobian_destroy(j);
    ntk_network_destroy(network);
    free(rows);
    free(expected);
    free(x);
    free(theta);
    free(json);
}

/* theta and x are copied and the network is kept alive: nothing of the caller's is needed after creation. */
static void outlives_its_parts(void **state)
{
    ntk_context *ctx = *state;
    finite_case c = case_open(ctx, CASE_JSON("erf"), N);
    ntk_jacobian *j = open_jacobian(ctx, &c);
    double *expected = expected_jacobian(ctx, &c), *rows = case_numbers(1, ROWS * CASE_P);
    ntk_array out = ntk_matrix_f64(rows, ROWS, CASE_P);
    kit_random(77, CASE_P, c.theta);
    case_close(&c);
    kit_ok(ctx, ntk_jacobian_get_rows(ctx, j, 0, &out));
    kit_close(ROWS * CASE_P, rows, expected, 1e-14);
    ntk_jacobian_destroy(j);
    free(rows);
    free(expected);
}

/* A memory limit of a few samples' values cuts the rows into blocks, also within a sample. */
static void blocks_change_nothing(void **state)
{
    ntk_context *ctx = *state, *small;
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .memory_limit = 6000, .threads = 1};
    finite_case c = case_open(ctx, CASE_JSON("erf"), N);
    ntk_jacobian *j = open_jacobian(ctx, &c);
    double *expected = expected_jacobian(ctx, &c), *rows = case_numbers(1, ROWS * CASE_P);
    ntk_array out = ntk_matrix_f64(rows, ROWS, CASE_P);
    int64_t block;
    kit_ok(ctx, ntk_context_create(&options, &small));
    kit_ok(small, ntk_finite_chunk(small, c.network, 3, 1e9, &block));
    assert_true(block < 6 && block > 1);
    kit_ok(small, ntk_jacobian_get_rows(small, j, 0, &out));
    kit_close(ROWS * CASE_P, rows, expected, 1e-14);
    ntk_context_destroy(small);
    ntk_jacobian_destroy(j);
    free(rows);
    free(expected);
    case_close(&c);
}

static void overflow_names_the_entry(void **state)
{
    ntk_context *ctx = *state;
    finite_case c = case_open(ctx, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [1], \"layers\": ["
                                   "{\"op\": \"dense\", \"units\": 1, \"w_std\": 1e10}, {\"op\": \"dense\", \"units\": 2}]}", 3);
    ntk_jacobian *j;
    double rows[18];
    ntk_array out = ntk_matrix_f64(rows, 5, 3);
    for (int i = 0; i < 3; ++i) c.x[i] = i < 2 ? 1 : 1e300;
    for (int i = 0; i < 3; ++i) c.theta[i] = 1;
    j = open_jacobian(ctx, &c);
    kit_fails(ctx, ntk_jacobian_get_rows(ctx, j, 1, &out), NTK_ERROR_OVERFLOW, "J[4, 0] exceeds the range of f64");
    ntk_jacobian_destroy(j);
    case_close(&c);
}

static void no_samples(void **state)
{
    ntk_context *ctx = *state;
    finite_case c = case_open(ctx, CASE_JSON("erf"), 0);
    ntk_jacobian *j;
    double ju[CASE_P], zero[CASE_P] = {0};
    ntk_array rows = ntk_matrix_f64(NULL, 0, CASE_P), none = ntk_vector_f64(NULL, 0), out = ntk_vector_f64(ju, CASE_P);
    c.x_array.data = NULL;
    j = open_jacobian(ctx, &c);
    assert_int_equal(ntk_jacobian_rows(j), 0);
    kit_ok(ctx, ntk_jacobian_get_rows(ctx, j, 0, &rows));
    kit_ok(ctx, ntk_jacobian_apply(ctx, j, &c.theta_array, &none));
    kit_ok(ctx, ntk_jacobian_apply_transposed(ctx, j, &none, &out));
    kit_close(CASE_P, ju, zero, 0);
    ntk_jacobian_destroy(j);
    case_close(&c);
}

static void refusals(void **state)
{
    ntk_context *ctx = *state;
    finite_case c = case_open(ctx, CASE_JSON("erf"), 1);
    ntk_jacobian *j = (ntk_jacobian *)1;
    assert_int_equal(ntk_jacobian_from_network(NULL, c.network, &c.theta_array, &c.x_array, &j), NTK_ERROR_NULL);
    assert_null(j);
    kit_fails(ctx, ntk_jacobian_from_network(ctx, NULL, &c.theta_array, &c.x_array, &j), NTK_ERROR_NULL, "network is NULL");
    kit_fails(ctx, ntk_jacobian_from_network(ctx, c.network, NULL, &c.x_array, &j), NTK_ERROR_NULL, "theta is NULL");
    kit_fails(ctx, ntk_jacobian_from_network(ctx, c.network, &c.theta_array, NULL, &j), NTK_ERROR_NULL, "x is NULL");
    kit_fails(ctx, ntk_jacobian_from_network(ctx, c.network, &c.theta_array, &c.x_array, NULL), NTK_ERROR_NULL, "jacobian is NULL");
    kit_fails(ctx, ntk_jacobian_from_network(ctx, c.network, &c.x_array, &c.x_array, &j), NTK_ERROR_SHAPE, "theta has shape [1, 3]; expected [147]");
    kit_fails(ctx, ntk_jacobian_from_network(ctx, c.network, &c.theta_array, &c.theta_array, &j), NTK_ERROR_SHAPE, "x has shape [147]");
    c.theta[3] = INFINITY;
    kit_fails(ctx, ntk_jacobian_from_network(ctx, c.network, &c.theta_array, &c.x_array, &j), NTK_ERROR_NOT_FINITE, "theta[3]");
    case_close(&c);
}

static void every_allocation_may_fail(void **state)
{
    ntk_context *ctx = *state, *failing;
    int64_t left = 1000, refused = 0;
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .allocate = case_failing_allocate, .allocate_user = &left, .threads = 2};
    finite_case c = case_open(ctx, CASE_JSON("erf"), N);
    double *rows = case_numbers(1, ROWS * CASE_P), v[ROWS];
    ntk_array out = ntk_matrix_f64(rows, ROWS, CASE_P), product = ntk_vector_f64(v, ROWS);
    ntk_status status = NTK_ERROR_MEMORY;
    out.strides[0] = 1; /* not dense: through scratch */
    out.strides[1] = ROWS;
    kit_ok(ctx, ntk_context_create(&options, &failing));
    while (status != NTK_OK) {
        ntk_jacobian *j = NULL;
        left = refused++;
        status = ntk_jacobian_from_network(failing, c.network, &c.theta_array, &c.x_array, &j);
        if (status == NTK_OK) status = ntk_jacobian_get_rows(failing, j, 0, &out);
        if (status == NTK_OK) status = ntk_jacobian_apply(failing, j, &c.theta_array, &product);
        if (status == NTK_OK) status = ntk_jacobian_apply_transposed(failing, j, &product, &c.theta_array);
        assert_true(status == NTK_OK || status == NTK_ERROR_MEMORY);
        ntk_jacobian_destroy(j);
    }
    assert_true(refused > 40);
    ntk_context_destroy(failing);
    free(rows);
    case_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(rows_are_vjps_of_unit_vectors), kit_test(products_agree_with_rows), kit_test(golden),     kit_test(outlives_its_parts),
        kit_test(blocks_change_nothing),         kit_test(overflow_names_the_entry), kit_test(no_samples), kit_test(refusals),
        kit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
