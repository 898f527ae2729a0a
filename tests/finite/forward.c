/* The public forward, jvp and vjp: values against the naive reading and the golden file, derivatives against central differences. */
#include "cases.h"
#include "npy.h"

/* Long double oracle; five layers of fan-in 5, each step with a few eps: 1e-14 is 45 eps. */
static void forward_is_the_naive_reading(void **state)
{
    ntk_context *ctx = *state;
    static const char *const phi[] = {"erf", "relu"}, *const json[] = {CASE_JSON("erf"), CASE_JSON("relu")};
    for (int k = 0; k < 2; ++k) {
        finite_case c = case_open(ctx, json[k], 17);
        double f[17 * CASE_O], expected[17 * CASE_O], kink;
        ntk_array out = ntk_matrix_f64(f, 17, CASE_O);
        assert_int_equal(c.p, CASE_P);
        for (int i = 0; i < 17; ++i) case_oracle(phi[k], c.theta, c.x + i * CASE_D, expected + i * CASE_O, &kink);
        kit_ok(ctx, ntk_network_forward(ctx, c.network, &c.theta_array, &c.x_array, &out));
        kit_close(17 * CASE_O, f, expected, 1e-14);
        case_close(&c);
    }
}

/* f = n^-1/2 sum_i v_i relu(u_i . x), the textbook two-layer network, in one line. */
static void textbook_two_layers(void **state)
{
    ntk_context *ctx = *state;
    finite_case c = case_open(ctx, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [2], \"parameterization\": \"textbook\", \"layers\": ["
                                   "{\"op\": \"dense\", \"units\": 3}, {\"op\": \"relu\"}, {\"op\": \"dense\", \"units\": 1}]}", 4);
    double f[4], expected[4] = {0};
    ntk_array out = ntk_matrix_f64(f, 4, 1);
    for (int i = 0; i < 4; ++i)
        for (int k = 0; k < 3; ++k)
            expected[i] += c.theta[6 + k] * fmax(c.theta[2 * k] * c.x[2 * i] + c.theta[2 * k + 1] * c.x[2 * i + 1], 0) / sqrt(3);
    kit_ok(ctx, ntk_network_forward(ctx, c.network, &c.theta_array, &c.x_array, &out));
    kit_close(4, f, expected, 1e-15);
    case_close(&c);
}

/* Golden: neural-tangents in float64, stored tolerance 1e-11; three short layers agree to 1e-14. */
static void forward_golden(void **state)
{
    ntk_context *ctx = *state;
    char *json = kit_text("e01_mlp_relu/network.json");
    int64_t shape[6], out_shape[6];
    int ndim;
    double *theta = kit_npy("e01_mlp_relu/params.npy", &ndim, shape), *x, *expected, *f;
    ntk_array t = ntk_array_dense(theta, NTK_F64, ndim, shape), x_array, out;
    ntk_network *network = kit_network(ctx, json);
    x = kit_npy("e01_mlp_relu/x1.npy", &ndim, shape);
    x_array = ntk_array_dense(x, NTK_F64, ndim, shape);
    expected = kit_npy("e01_mlp_relu/f1.npy", &ndim, out_shape);
    f = case_numbers(1, out_shape[0] * out_shape[1]);
    out = ntk_array_dense(f, NTK_F64, ndim, out_shape);
    kit_ok(ctx, ntk_network_forward(ctx, network, &t, &x_array, &out));
    kit_close(out_shape[0] * out_shape[1], f, expected, 1e-14);
    ntk_network_destroy(network);
    free(f);
    free(expected);
    free(x);
    free(theta);
    free(json);
}

/* ---- derivatives ----------------------------------------------------------------------------------------------- */

/*
 * Central differences with h = cbrt(eps) = 6e-6: truncation h²/6 |f'''| with |f'''| up to 1e3 along v (five layers, |dz| about 2 each),
 * rounding eps |f| / h = 4e-11.  Bound 2e-8 of the largest.  For relu f is piecewise a polynomial in theta: |z| > h |dz| is asserted.
 */
static void jvp_against_differences(void **state)
{
    ntk_context *ctx = *state;
    static const char *const phi[] = {"erf", "relu"}, *const json[] = {CASE_JSON("erf"), CASE_JSON("relu")};
    enum { N = 9 };
    double h = cbrt(DBL_EPSILON), df[N * CASE_O], difference[N * CASE_O], *v = case_numbers(21, CASE_P), moved[CASE_P];
    ntk_array out = ntk_matrix_f64(df, N, CASE_O), direction = ntk_vector_f64(v, CASE_P);
    for (int k = 0; k < 2; ++k) {
        finite_case c = case_open(ctx, json[k], N);
        kit_ok(ctx, ntk_network_jvp(ctx, c.network, &c.theta_array, &c.x_array, &direction, &out));
        for (int i = 0; i < N; ++i) {
            double up[CASE_O], down[CASE_O], kink, kink_up;
            for (int j = 0; j < CASE_P; ++j) moved[j] = c.theta[j] + h * v[j];
            case_oracle(phi[k], moved, c.x + i * CASE_D, up, &kink_up);
            for (int j = 0; j < CASE_P; ++j) moved[j] = c.theta[j] - h * v[j];
            case_oracle(phi[k], moved, c.x + i * CASE_D, down, &kink);
            if (k == 1) assert_true(fmin(kink, kink_up) > 20 * h);
            for (int j = 0; j < CASE_O; ++j) difference[i * CASE_O + j] = (up[j] - down[j]) / (2 * h);
        }
        kit_close(N * CASE_O, df, difference, 2e-8);
        case_close(&c);
    }
    free(v);
}

/* Each component of g against a central difference of sum(u * f) along its parameter; bound as above. */
static void vjp_against_differences(void **state)
{
    ntk_context *ctx = *state;
    enum { N = 4 };
    finite_case c = case_open(ctx, CASE_JSON("erf"), N);
    double h = cbrt(DBL_EPSILON), g[CASE_P], difference[CASE_P], *u = case_numbers(22, N * CASE_O), kink;
    ntk_array out = ntk_vector_f64(g, CASE_P), weight = ntk_matrix_f64(u, N, CASE_O);
    kit_ok(ctx, ntk_network_vjp(ctx, c.network, &c.theta_array, &c.x_array, &weight, &out));
    for (int j = 0; j < CASE_P; ++j) {
        double at = c.theta[j], sum = 0, f[CASE_O];
        for (int sign = -1; sign <= 1; sign += 2)
            for (int i = 0; i < N; ++i) {
                c.theta[j] = at + sign * h;
                case_oracle("erf", c.theta, c.x + i * CASE_D, f, &kink);
                for (int k = 0; k < CASE_O; ++k) sum += sign * u[i * CASE_O + k] * f[k];
            }
        c.theta[j] = at;
        difference[j] = sum / (2 * h);
    }
    kit_close(CASE_P, g, difference, 2e-8);
    free(u);
    case_close(&c);
}

static double dot(int64_t n, const double *a, const double *b, double *size)
{
    double sum = 0;
    *size = 0;
    for (int64_t i = 0; i < n; ++i) {
        sum += a[i] * b[i];
        *size += fabs(a[i] * b[i]);
    }
    return sum;
}

/* <u, J v> = <Jᵀ u, v>: rounding relative to the sums of absolute values, which grow little over five layers. */
static void vjp_is_the_transpose(void **state)
{
    ntk_context *ctx = *state;
    static const char *const json[] = {CASE_JSON("erf"), CASE_JSON("relu")};
    enum { N = 33 };
    for (int k = 0; k < 2; ++k) {
        finite_case c = case_open(ctx, json[k], N);
        double df[N * CASE_O], g[CASE_P], *u = case_numbers(23, N * CASE_O), *v = case_numbers(24, CASE_P), left, right, a, b;
        ntk_array uu = ntk_matrix_f64(u, N, CASE_O), vv = ntk_vector_f64(v, CASE_P), dd = ntk_matrix_f64(df, N, CASE_O), gg = ntk_vector_f64(g, CASE_P);
        kit_ok(ctx, ntk_network_jvp(ctx, c.network, &c.theta_array, &c.x_array, &vv, &dd));
        kit_ok(ctx, ntk_network_vjp(ctx, c.network, &c.theta_array, &c.x_array, &uu, &gg));
        left = dot(N * CASE_O, u, df, &a);
        right = dot(CASE_P, g, v, &b);
        kit_near(left, right, 1e-13 * fmax(a, b));
        free(u);
        free(v);
        case_close(&c);
    }
}

/* ---- chunks, strides, empty ------------------------------------------------------------------------------------ */

/* A memory limit makes the chunks short; products of other sizes may round otherwise. */
static void chunks_change_nothing(void **state)
{
    ntk_context *ctx = *state, *small;
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .memory_limit = 4000, .threads = 1};
    enum { N = 50 };
    finite_case c = case_open(ctx, CASE_JSON("erf"), N);
    double f[2][N * CASE_O], df[2][N * CASE_O], g[2][CASE_P], *u = case_numbers(25, N * CASE_O), *v = case_numbers(26, CASE_P);
    ntk_array uu = ntk_matrix_f64(u, N, CASE_O), vv = ntk_vector_f64(v, CASE_P);
    int64_t chunk;
    kit_ok(ctx, ntk_context_create(&options, &small));
    kit_ok(small, ntk_finite_chunk(small, c.network, 1, 1e9, &chunk));
    assert_true(chunk >= 2 && chunk < N / 4);
    for (int k = 0; k < 2; ++k) {
        ntk_context *with = k ? small : ctx;
        ntk_array ff = ntk_matrix_f64(f[k], N, CASE_O), dd = ntk_matrix_f64(df[k], N, CASE_O), gg = ntk_vector_f64(g[k], CASE_P);
        kit_ok(with, ntk_network_forward(with, c.network, &c.theta_array, &c.x_array, &ff));
        kit_ok(with, ntk_network_jvp(with, c.network, &c.theta_array, &c.x_array, &vv, &dd));
        kit_ok(with, ntk_network_vjp(with, c.network, &c.theta_array, &c.x_array, &uu, &gg));
    }
    kit_close(N * CASE_O, f[1], f[0], 1e-14);
    kit_close(N * CASE_O, df[1], df[0], 1e-14);
    kit_close(CASE_P, g[1], g[0], 1e-14);
    ntk_context_destroy(small);
    free(u);
    free(v);
    case_close(&c);
}

static void memory_limit_below_one_sample(void **state)
{
    ntk_context *ctx = *state, *tiny;
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .memory_limit = 100};
    finite_case c = case_open(ctx, CASE_JSON("erf"), 1);
    double f[CASE_O];
    ntk_array out = ntk_matrix_f64(f, 1, CASE_O);
    kit_ok(ctx, ntk_context_create(&options, &tiny));
    kit_fails(tiny, ntk_network_forward(tiny, c.network, &c.theta_array, &c.x_array, &out), NTK_ERROR_MEMORY_LIMIT, "one sample of the network needs");
    ntk_context_destroy(tiny);
    case_close(&c);
}

static ntk_array reversed(double *copy, const double *dense, int64_t n)
{
    ntk_array a = ntk_vector_f64(copy + n - 1, n);
    a.strides[0] = -1;
    for (int64_t i = 0; i < n; ++i) copy[n - 1 - i] = dense[i];
    return a;
}

static void any_strides(void **state)
{
    ntk_context *ctx = *state;
    enum { N = 3 };
    finite_case c = case_open(ctx, CASE_JSON("erf"), N);
    double theta[CASE_P], x[CASE_D * N], f[2][N * CASE_O], g[2][CASE_P], expected[N * CASE_O];
    ntk_array t = reversed(theta, c.theta, CASE_P), xt = ntk_matrix_f64(x, N, CASE_D), plain = ntk_matrix_f64(f[0], N, CASE_O);
    ntk_array out = ntk_matrix_f64(f[1], N, CASE_O), gg = ntk_vector_f64(g[0], CASE_P), gr = ntk_vector_f64(g[1] + CASE_P - 1, CASE_P);
    xt.strides[0] = out.strides[0] = 1;
    xt.strides[1] = out.strides[1] = N;
    gr.strides[0] = -1;
    for (int i = 0; i < N; ++i)
        for (int k = 0; k < CASE_D; ++k) x[k * N + i] = c.x[i * CASE_D + k];
    kit_ok(ctx, ntk_network_forward(ctx, c.network, &c.theta_array, &c.x_array, &plain));
    kit_ok(ctx, ntk_network_forward(ctx, c.network, &t, &xt, &out));
    for (int i = 0; i < N * CASE_O; ++i) expected[i] = f[1][i % CASE_O * N + i / CASE_O];
    kit_close(N * CASE_O, expected, f[0], 0);
    kit_ok(ctx, ntk_network_vjp(ctx, c.network, &c.theta_array, &c.x_array, &plain, &gg));
    kit_ok(ctx, ntk_network_vjp(ctx, c.network, &t, &xt, &out, &gr));
    for (int i = 0; i < CASE_P; ++i) assert_true(g[1][CASE_P - 1 - i] == g[0][i]);
    kit_ok(ctx, ntk_network_jvp(ctx, c.network, &c.theta_array, &c.x_array, &c.theta_array, &plain));
    kit_ok(ctx, ntk_network_jvp(ctx, c.network, &t, &xt, &t, &out));
    for (int i = 0; i < N * CASE_O; ++i) assert_true(f[1][i % CASE_O * N + i / CASE_O] == f[0][i]);
    case_close(&c);
}

static void no_samples(void **state)
{
    ntk_context *ctx = *state;
    finite_case c = case_open(ctx, CASE_JSON("relu"), 0);
    double g[CASE_P], zero[CASE_P] = {0};
    ntk_array f = ntk_matrix_f64(NULL, 0, CASE_O), v = ntk_vector_f64(c.theta, CASE_P), gg = ntk_vector_f64(g, CASE_P);
    c.x_array.data = NULL;
    kit_random(1, CASE_P, g);
    kit_ok(ctx, ntk_network_forward(ctx, c.network, &c.theta_array, &c.x_array, &f));
    kit_ok(ctx, ntk_network_jvp(ctx, c.network, &c.theta_array, &c.x_array, &v, &f));
    kit_ok(ctx, ntk_network_vjp(ctx, c.network, &c.theta_array, &c.x_array, &f, &gg));
    kit_close(CASE_P, g, zero, 0);
    case_close(&c);
}

/* No layers, no parameters: f = x, even into the same memory. */
static void identity_network(void **state)
{
    ntk_context *ctx = *state;
    finite_case c = case_open(ctx, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [2], \"layers\": [{\"op\": \"identity\"}]}", 3);
    double df[6], expected[6], zero[6] = {0};
    ntk_array theta = ntk_vector_f64(NULL, 0), out = ntk_matrix_f64(df, 3, 2);
    memcpy(expected, c.x, sizeof expected);
    kit_ok(ctx, ntk_network_forward(ctx, c.network, &theta, &c.x_array, &c.x_array));
    kit_close(6, c.x, expected, 0);
    kit_ok(ctx, ntk_network_jvp(ctx, c.network, &theta, &c.x_array, &theta, &out));
    kit_close(6, df, zero, 0);
    kit_ok(ctx, ntk_network_vjp(ctx, c.network, &theta, &c.x_array, &c.x_array, &theta));
    case_close(&c);
}

/* ---- failures -------------------------------------------------------------------------------------------------- */

static void refusals(void **state)
{
    ntk_context *ctx = *state;
    finite_case c = case_open(ctx, CASE_JSON("relu"), 2);
    double f[4], g[CASE_P];
    ntk_array t = c.theta_array, x = c.x_array, out = ntk_matrix_f64(f, 2, CASE_O), gg = ntk_vector_f64(g, CASE_P), wrong = out;
    kit_random(1, 4, f);
    assert_int_equal(ntk_network_forward(NULL, c.network, &t, &x, &out), NTK_ERROR_NULL);
    kit_fails(ctx, ntk_network_forward(ctx, NULL, &t, &x, &out), NTK_ERROR_NULL, "network is NULL");
    kit_fails(ctx, ntk_network_forward(ctx, c.network, NULL, &x, &out), NTK_ERROR_NULL, "theta is NULL");
    kit_fails(ctx, ntk_network_forward(ctx, c.network, &t, NULL, &out), NTK_ERROR_NULL, "x is NULL");
    kit_fails(ctx, ntk_network_forward(ctx, c.network, &t, &x, NULL), NTK_ERROR_NULL, "f is NULL");
    kit_fails(ctx, ntk_network_jvp(ctx, c.network, &t, &x, NULL, &out), NTK_ERROR_NULL, "v is NULL");
    kit_fails(ctx, ntk_network_jvp(ctx, NULL, &t, &x, &t, &out), NTK_ERROR_NULL, "network is NULL");
    kit_fails(ctx, ntk_network_vjp(ctx, NULL, &t, &x, &out, &gg), NTK_ERROR_NULL, "network is NULL");
    kit_fails(ctx, ntk_network_vjp(ctx, c.network, &t, &x, NULL, &gg), NTK_ERROR_NULL, "u is NULL");
    kit_fails(ctx, ntk_network_vjp(ctx, c.network, &t, &x, &out, NULL), NTK_ERROR_NULL, "g is NULL");
    kit_fails(ctx, ntk_network_forward(ctx, c.network, &x, &x, &out), NTK_ERROR_SHAPE, "theta has shape [2, 3]; expected [147]");
    kit_fails(ctx, ntk_network_forward(ctx, c.network, &t, &t, &out), NTK_ERROR_SHAPE, "x has shape [147]; expected [any, 3]");
    kit_fails(ctx, ntk_network_forward(ctx, c.network, &t, &x, &x), NTK_ERROR_SHAPE, "f has shape [2, 3]; expected [2, 2]");
    kit_fails(ctx, ntk_network_jvp(ctx, c.network, &t, &x, &x, &out), NTK_ERROR_SHAPE, "v has shape [2, 3]; expected [147]");
    kit_fails(ctx, ntk_network_vjp(ctx, c.network, &t, &x, &x, &gg), NTK_ERROR_SHAPE, "u has shape [2, 3]; expected [2, 2]");
    kit_fails(ctx, ntk_network_vjp(ctx, c.network, &t, &x, &out, &x), NTK_ERROR_SHAPE, "g has shape [2, 3]; expected [147]");
    wrong.dtype = NTK_F32;
    kit_fails(ctx, ntk_network_forward(ctx, c.network, &t, &x, &wrong), NTK_ERROR_DTYPE, "f holds f32; expected f64");
    wrong = out;
    wrong.strides[0] = 0;
    kit_fails(ctx, ntk_network_forward(ctx, c.network, &t, &x, &wrong), NTK_ERROR_ARGUMENT, "f is written");
    f[3] = NAN;
    kit_fails(ctx, ntk_network_vjp(ctx, c.network, &t, &x, &out, &gg), NTK_ERROR_NOT_FINITE, "u[1, 1]");
    c.x[4] = INFINITY;
    kit_fails(ctx, ntk_network_forward(ctx, c.network, &t, &x, &out), NTK_ERROR_NOT_FINITE, "x[1, 1]");
    c.theta[7] = NAN;
    kit_fails(ctx, ntk_network_forward(ctx, c.network, &t, &x, &out), NTK_ERROR_NOT_FINITE, "theta[7]");
    case_close(&c);
}

/* Finite input, infinite result: an error with the place, not a NaN. */
static void overflow(void **state)
{
    ntk_context *ctx = *state;
    finite_case c = case_open(ctx, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [1], \"layers\": ["
                                   "{\"op\": \"dense\", \"units\": 1}, {\"op\": \"dense\", \"units\": 2}]}", 3);
    double f[6], g[3];
    ntk_array out = ntk_matrix_f64(f, 3, 2), gg = ntk_vector_f64(g, 3);
    for (int i = 0; i < 3; ++i) c.x[i] = i < 2 ? 1 : 1e160;
    for (int i = 0; i < 3; ++i) c.theta[i] = i < 2 ? 1e80 : 1e100;
    kit_fails(ctx, ntk_network_forward(ctx, c.network, &c.theta_array, &c.x_array, &out), NTK_ERROR_OVERFLOW, "f[2, 0] exceeds the range of f64");
    kit_fails(ctx, ntk_network_jvp(ctx, c.network, &c.theta_array, &c.x_array, &c.theta_array, &out), NTK_ERROR_OVERFLOW, "df[2, 0]");
    for (int i = 0; i < 6; ++i) f[i] = 1e200;
    kit_fails(ctx, ntk_network_vjp(ctx, c.network, &c.theta_array, &c.x_array, &out, &gg), NTK_ERROR_OVERFLOW, "g[0]");
    case_close(&c);
}

/* Outputs are all numbers of a sample, positions then channels: those of the same network with a flatten behind it. */
static void outputs_with_positions(void **state)
{
    ntk_context *ctx = *state;
    finite_case c = case_open(ctx, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [4, 3], \"layers\": [{\"op\": \"dense\", \"units\": 2}]}", 1);
    finite_case flat = case_open(ctx, "{\"format\": \"ntk-network\", \"version\": 1, \"input\": [4, 3], \"layers\": [{\"op\": \"dense\", \"units\": 2}, {\"op\": \"flatten\"}]}", 1);
    ntk_jacobian *j = NULL;
    double f[8], g[8], rows[8 * 6], *expected = case_jacobian(ctx, &flat);
    ntk_array out = ntk_matrix_f64(f, 1, 8), flattened = ntk_matrix_f64(g, 1, 8), r = ntk_matrix_f64(rows, 8, 6);
    assert_int_equal(c.o, 8);
    kit_ok(ctx, ntk_network_forward(ctx, c.network, &c.theta_array, &c.x_array, &out));
    kit_ok(ctx, ntk_network_forward(ctx, flat.network, &c.theta_array, &c.x_array, &flattened));
    kit_close(8, f, g, 0);
    kit_ok(ctx, ntk_jacobian_from_network(ctx, c.network, &c.theta_array, &c.x_array, &j));
    assert_int_equal(ntk_jacobian_rows(j), 8);
    kit_ok(ctx, ntk_jacobian_get_rows(ctx, j, 0, &r));
    kit_close(48, rows, expected, 1e-15);
    ntk_jacobian_destroy(j);
    free(expected);
    case_close(&flat);
    case_close(&c);
}

/* Every allocation refused in turn: MEMORY each time, nothing left (the sanitizer looks), and in the end success. */
static void every_allocation_may_fail(void **state)
{
    ntk_context *ctx = *state, *failing;
    enum { N = 3 };
    int64_t left = 1000, refused;
    ntk_context_options options = {NTK_CONTEXT_OPTIONS_INIT, .allocate = case_failing_allocate, .allocate_user = &left, .threads = 2};
    finite_case c = case_open(ctx, CASE_JSON("erf"), N);
    double f[N * CASE_O], g[CASE_P];
    ntk_array ff = ntk_matrix_f64(f, N, CASE_O), gg = ntk_vector_f64(g, CASE_P), t = c.theta_array, x = c.x_array;
    ntk_status status[3] = {NTK_ERROR_MEMORY, NTK_ERROR_MEMORY, NTK_ERROR_MEMORY};
    x.strides[0] = -CASE_D; /* not dense, so that copies are made too */
    x.data = c.x + (N - 1) * CASE_D;
    kit_random(1, N * CASE_O, f);
    kit_ok(ctx, ntk_context_create(&options, &failing));
    for (refused = 0; status[0] || status[1] || status[2]; ++refused) {
        left = refused;
        status[0] = ntk_network_forward(failing, c.network, &t, &x, &ff);
        left = refused;
        status[1] = ntk_network_jvp(failing, c.network, &t, &x, &t, &ff);
        left = refused;
        status[2] = ntk_network_vjp(failing, c.network, &t, &x, &ff, &gg);
        for (int k = 0; k < 3; ++k) assert_true(status[k] == NTK_OK || status[k] == NTK_ERROR_MEMORY);
    }
    assert_true(refused > 20);
    ntk_context_destroy(failing);
    case_close(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(forward_is_the_naive_reading), kit_test(textbook_two_layers),       kit_test(forward_golden),
        kit_test(jvp_against_differences),      kit_test(vjp_against_differences),   kit_test(vjp_is_the_transpose),
        kit_test(chunks_change_nothing),        kit_test(memory_limit_below_one_sample), kit_test(any_strides),
        kit_test(no_samples),                   kit_test(identity_network),          kit_test(refusals),
        kit_test(overflow),                     kit_test(outputs_with_positions),    kit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
