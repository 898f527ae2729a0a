/*
 * Finite networks in f32 against those in f64, op by op, at the same numbers: theta, x, v and u are rounded to f32 first, so that what differs is
 * rounding within the pass.  A step with sums of k terms adds at most about (k + 3) u to the relative error of its values (u = 2^-24), and a
 * chain of them the sum of that, times what the slopes between make of it.  k is at most 24 here and chains are about eight
 * steps: in units of the largest number BOUND = 100 u holds for f, J v, Jᵀ u and rows of J.
 */
#include "cases.h"
#include "ops.h"

#define U (FLT_EPSILON / 2)
#define BOUND (100 * U)

enum { N = 3 };

/* A vector in both types: `wide` holds what the floats of `narrow` are. */
typedef struct both {
    double *wide;
    float *narrow;
} both;

static both both_open(uint64_t seed, int64_t count)
{
    both b = {case_numbers(seed, count), malloc((size_t)count * sizeof(float) + 1)};
    assert_non_null(b.narrow);
    for (int64_t i = 0; i < count; ++i) b.wide[i] = b.narrow[i] = (float)b.wide[i];
    return b;
}

static void both_close(both *b)
{
    free(b->wide);
    free(b->narrow);
}

/* As an array of either type. */
static ntk_array view(const both *b, ntk_dtype dtype, int ndim, const int64_t *shape)
{
    return ntk_array_dense(dtype == NTK_F64 ? (void *)b->wide : (void *)b->narrow, dtype, ndim, shape);
}

/* After a call has filled both: narrow ~ wide. */
static void check(int64_t count, const both *b, double bound)
{
    double *got = case_numbers(1, count);
    for (int64_t i = 0; i < count; ++i) got[i] = b->narrow[i];
    kit_close(count, got, b->wide, bound);
    free(got);
}

/* <u, J v> = <Jᵀ u, v> in f32, in units of the sum of the terms. */
static void check_adjoint(int64_t rows, const both *u, const both *ju, int64_t p, const both *g, const both *v)
{
    double left = 0, right = 0, size = 0;
    for (int64_t i = 0; i < rows; ++i) {
        left += (double)u->narrow[i] * ju->narrow[i];
        size += fabs((double)u->narrow[i] * ju->narrow[i]);
    }
    for (int64_t i = 0; i < p; ++i) {
        right += (double)g->narrow[i] * v->narrow[i];
        size += fabs((double)g->narrow[i] * v->narrow[i]);
    }
    kit_near((left - right) / size, 0, 1e-6);
}

/* One network: the public calls in either type. */
typedef struct problem {
    ntk_network *network;
    int64_t p, o, rows, shape[NTK_MAX_NDIM + 1];
    int ndim;
    both theta, x, v, u, f, df, g, j;
} problem;

static problem problem_open(ntk_network *network)
{
    problem w = {.network = network, .p = ntk_network_parameters(network), .o = ntk_network_outputs(network), .shape = {N}};
    w.rows = N * w.o;
    w.ndim = 1 + ntk_network_input(network, w.shape + 1);
    w.theta = both_open(1, w.p);
    w.x = both_open(2, N * ntk_network_input_size(network));
    w.v = both_open(3, w.p);
    w.u = both_open(4, w.rows);
    w.f = both_open(5, w.rows);
    w.df = both_open(6, w.rows);
    w.g = both_open(7, w.p);
    w.j = both_open(8, w.rows * w.p);
    return w;
}

static void problem_close(problem *w)
{
    both *all[] = {&w->theta, &w->x, &w->v, &w->u, &w->f, &w->df, &w->g, &w->j};
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(all); ++i) both_close(all[i]);
    ntk_network_destroy(w->network);
}

static void run(ntk_context *ctx, problem *w, ntk_dtype dtype)
{
    ntk_array theta = view(&w->theta, dtype, NTK_SHAPE(w->p)), x = view(&w->x, dtype, w->ndim, w->shape), v = view(&w->v, dtype, NTK_SHAPE(w->p));
    ntk_array u = view(&w->u, dtype, NTK_SHAPE(N, w->o)), f = view(&w->f, dtype, NTK_SHAPE(N, w->o)), df = view(&w->df, dtype, NTK_SHAPE(N, w->o));
    ntk_array g = view(&w->g, dtype, NTK_SHAPE(w->p)), rows = view(&w->j, dtype, NTK_SHAPE(w->rows, w->p));
    ntk_jacobian *j;
    kit_ok(ctx, ntk_network_forward(ctx, w->network, &theta, &x, &f));
    kit_ok(ctx, ntk_network_jvp(ctx, w->network, &theta, &x, &v, &df));
    kit_ok(ctx, ntk_network_vjp(ctx, w->network, &theta, &x, &u, &g));
    kit_ok(ctx, ntk_jacobian_from_network(ctx, w->network, &theta, &x, &j));
    kit_ok(ctx, ntk_jacobian_get_rows(ctx, j, 0, &rows));
    ntk_jacobian_destroy(j);
}

static void compare(ntk_context *ctx, problem *w)
{
    run(ctx, w, NTK_F64);
    run(ctx, w, NTK_F32);
    check(w->rows, &w->f, BOUND);
    check(w->rows, &w->df, BOUND);
    check(w->p, &w->g, BOUND);
    check(w->rows * w->p, &w->j, BOUND);
    check_adjoint(w->rows, &w->u, &w->df, w->p, &w->g, &w->v);
}

static const char *const others[] = {
    CASE_JSON("erf"), CASE_JSON("relu"),
    HEAD("[3]") "{\"op\": \"branch\", \"merge\": \"product\", \"branches\": [[{\"op\": \"dense\", \"units\": 2}], [{\"op\": \"erf\"}, {\"op\": \"dense\", \"units\": 2, \"b_std\": 1}]]}]}",
    HEAD("[3]") "{\"op\": \"dense\", \"units\": 4}, {\"op\": \"softplus\"}, {\"op\": \"layer_norm\", \"epsilon\": 0.1}, {\"op\": \"dense\", \"units\": 1}]}",
    HEAD("[0]") "{\"op\": \"dense\", \"units\": 2, \"b_std\": 0.5}]}"};

static void ops_agree(void **state)
{
    ntk_context *ctx = *state;
    for (size_t k = 0; k < NTK_ARRAY_LENGTH(networks) + NTK_ARRAY_LENGTH(others) - 1; ++k) {
        const char *json = k < NTK_ARRAY_LENGTH(networks) ? networks[k] : others[k - NTK_ARRAY_LENGTH(networks)];
        problem w = problem_open(kit_network(ctx, json));
        compare(ctx, &w);
        problem_close(&w);
    }
}

/* ---- activations of the program ---------------------------------------------------------------------------------------- */

static int cubic(void *user, int64_t n, const double *x, double *y)
{
    *(int64_t *)user += n;
    for (int64_t i = 0; i < n; ++i) y[i] = x[i] + x[i] * x[i] * x[i] / 8;
    return 0;
}

static int cubic_slope(void *user, int64_t n, const double *x, double *y)
{
    *(int64_t *)user += n;
    for (int64_t i = 0; i < n; ++i) y[i] = 1 + 3 * x[i] * x[i] / 8;
    return 0;
}

/* A callback computes in f64; the network hands it f32 in pieces (4,096 numbers: two of them and a rest here). */
static void activations_of_the_program(void **state)
{
    ntk_context *ctx = *state;
    int64_t seen = 0, shape[1] = {3};
    ntk_attribute wide[] = {NTK_NUMBER("units", 3000), NTK_END}, narrow[] = {NTK_NUMBER("units", 1), NTK_END};
    ntk_activation_options options = {NTK_ACTIVATION_OPTIONS_INIT, .value = cubic, .derivative = cubic_slope, .user = &seen};
    ntk_builder *builder;
    ntk_network *network;
    problem w;
    kit_ok(ctx, ntk_builder_create(ctx, 1, shape, NULL, &builder));
    kit_ok(ctx, ntk_builder_add(ctx, builder, "dense", wide));
    kit_ok(ctx, ntk_builder_add_activation(ctx, builder, &options));
    kit_ok(ctx, ntk_builder_add(ctx, builder, "dense", narrow));
    kit_ok(ctx, ntk_builder_finish(ctx, builder, &network));
    ntk_builder_destroy(builder);
    w = problem_open(network);
    compare(ctx, &w);
    assert_true(seen >= 2 * 9 * 3000);
    problem_close(&w);
}

/* ---- masks and graphs ---------------------------------------------------------------------------------------------------- */

static void masks_and_graphs(void **state)
{
    static const char json[] = HEAD("[3, 2]") "{\"op\": \"dense\", \"units\": 3, \"b_std\": 0.4}, {\"op\": \"erf\"}, {\"op\": \"aggregate\"}, {\"op\": \"dense\", \"units\": 2}, {\"op\": \"global_avg_pool\"}]}";
    ntk_context *ctx = *state;
    problem w = problem_open(kit_network(ctx, json));
    double mask[N * 3] = {1, 1, 1, 1, 1, 0, 1, 0, 0}, graph[N * 9];
    int64_t mask_shape[] = {N, 3}, graph_shape[] = {N, 3, 3};
    ntk_array masks = ntk_array_dense(mask, NTK_F64, 2, mask_shape), graphs = ntk_array_dense(graph, NTK_F64, 3, graph_shape);
    ntk_structure structure = {NTK_STRUCTURE_INIT, .mask = &masks, .graph = &graphs};
    kit_random(9, N * 9, graph);
    for (int dtype = 0; dtype < 2; ++dtype) {
        ntk_array theta = view(&w.theta, (ntk_dtype)dtype, NTK_SHAPE(w.p)), x = view(&w.x, (ntk_dtype)dtype, w.ndim, w.shape), v = view(&w.v, (ntk_dtype)dtype, NTK_SHAPE(w.p));
        ntk_array u = view(&w.u, (ntk_dtype)dtype, NTK_SHAPE(w.rows)), f = view(&w.f, (ntk_dtype)dtype, NTK_SHAPE(N, w.o)), df = view(&w.df, (ntk_dtype)dtype, NTK_SHAPE(w.rows));
        ntk_array g = view(&w.g, (ntk_dtype)dtype, NTK_SHAPE(w.p)), rows = view(&w.j, (ntk_dtype)dtype, NTK_SHAPE(w.rows, w.p));
        ntk_jacobian *j;
        kit_ok(ctx, ntk_network_forward_with(ctx, w.network, &theta, &x, &structure, &f));
        kit_ok(ctx, ntk_jacobian_with(ctx, w.network, &theta, &x, &structure, &j));
        kit_ok(ctx, ntk_jacobian_apply(ctx, j, &v, &df));
        kit_ok(ctx, ntk_jacobian_apply_transposed(ctx, j, &u, &g));
        kit_ok(ctx, ntk_jacobian_get_rows(ctx, j, 0, &rows));
        ntk_jacobian_destroy(j);
    }
    check(w.rows, &w.f, BOUND);
    check(w.rows, &w.df, BOUND);
    check(w.p, &w.g, BOUND);
    check(w.rows * w.p, &w.j, BOUND);
    problem_close(&w);
}

/* ---- Jacobians ----------------------------------------------------------------------------------------------------------- */

/* Of a matrix of floats, chosen columns of it, and two below each other: J v, Jᵀ u and rows as in f64; and as the rooms above see them. */
static void check_jacobian(ntk_context *ctx, ntk_jacobian *narrow, ntk_jacobian *wide)
{
    int64_t rows = wide->rows, p = wide->columns;
    both v = both_open(3, p), u = both_open(4, rows), out = both_open(5, rows), g = both_open(6, p), all = both_open(7, rows * p);
    double *seen = case_numbers(8, rows * p);
    for (int dtype = 0; dtype < 2; ++dtype) {
        const ntk_jacobian *j = dtype == NTK_F64 ? wide : narrow;
        ntk_array vv = view(&v, (ntk_dtype)dtype, NTK_SHAPE(p)), uu = view(&u, (ntk_dtype)dtype, NTK_SHAPE(rows)), oo = view(&out, (ntk_dtype)dtype, NTK_SHAPE(rows));
        ntk_array gg = view(&g, (ntk_dtype)dtype, NTK_SHAPE(p)), aa = view(&all, (ntk_dtype)dtype, NTK_SHAPE(rows, p));
        kit_ok(ctx, ntk_jacobian_apply(ctx, j, &vv, &oo));
        kit_ok(ctx, ntk_jacobian_apply_transposed(ctx, j, &uu, &gg));
        kit_ok(ctx, ntk_jacobian_get_rows(ctx, j, 0, &aa));
    }
    check(rows, &out, BOUND);
    check(p, &g, BOUND);
    check(rows * p, &all, 0);
    kit_ok(ctx, ntk_jacobian_dense_rows(ctx, narrow, 0, rows, seen));
    kit_close(rows * p, seen, all.wide, 0);
    kit_ok(ctx, ntk_jacobian_dense_apply(ctx, narrow, v.wide, seen));
    kit_close(rows, seen, out.wide, BOUND);
    kit_ok(ctx, ntk_jacobian_dense_apply_transposed(ctx, narrow, u.wide, seen));
    kit_close(p, seen, g.wide, BOUND);
    free(seen);
    both_close(&all);
    both_close(&g);
    both_close(&out);
    both_close(&u);
    both_close(&v);
}

static void jacobians(void **state)
{
    ntk_context *ctx = *state;
    both m = both_open(1, 6 * 40);
    const ntk_range ranges[] = {{2, 3}, {20, 11}};
    ntk_jacobian *j[3][2];
    for (int dtype = 0; dtype < 2; ++dtype) {
        ntk_array matrix = view(&m, (ntk_dtype)dtype, NTK_SHAPE(6, 40));
        kit_ok(ctx, ntk_jacobian_from_matrix(ctx, &matrix, 2, &j[0][dtype]));
        kit_ok(ctx, ntk_jacobian_restrict(ctx, j[0][dtype], ranges, 2, &j[1][dtype]));
        kit_ok(ctx, ntk_jacobian_stack(ctx, (const ntk_jacobian *[]){j[1][dtype], j[1][dtype]}, 2, &j[2][dtype]));
    }
    assert_ptr_equal(j[0][NTK_F32]->matrix, m.narrow); /* borrowed */
    for (int k = 0; k < 3; ++k) check_jacobian(ctx, j[k][NTK_F32], j[k][NTK_F64]);
    for (int k = 0; k < 6; ++k) ntk_jacobian_destroy(j[k / 2][k % 2]);
    both_close(&m);
}

/* ---- types that do not fit ------------------------------------------------------------------------------------------------ */

static void refusals(void **state)
{
    ntk_context *ctx = *state;
    problem w = problem_open(kit_network(ctx, CASE_JSON("erf")));
    ntk_array theta = view(&w.theta, NTK_F32, NTK_SHAPE(w.p)), x = view(&w.x, NTK_F32, w.ndim, w.shape), wide_x = view(&w.x, NTK_F64, w.ndim, w.shape);
    ntk_array v = view(&w.v, NTK_F64, NTK_SHAPE(w.p)), f = view(&w.f, NTK_F64, NTK_SHAPE(N, w.o)), df = view(&w.df, NTK_F32, NTK_SHAPE(N, w.o));
    ntk_array wide_theta = view(&w.theta, NTK_F64, NTK_SHAPE(w.p)), line = view(&w.df, NTK_F32, NTK_SHAPE(w.rows));
    double far[CASE_P] = {1e300};
    ntk_jacobian *j[2], *stack;
    kit_fails(ctx, ntk_network_forward(ctx, w.network, &theta, &wide_x, &f), NTK_ERROR_DTYPE, "x holds f64; expected f32");
    kit_fails(ctx, ntk_network_forward(ctx, w.network, &theta, &x, &f), NTK_ERROR_DTYPE, "f holds f64; expected f32");
    kit_fails(ctx, ntk_network_jvp(ctx, w.network, &theta, &x, &v, &df), NTK_ERROR_DTYPE, "v holds f64; expected f32");
    kit_fails(ctx, ntk_jacobian_from_network(ctx, w.network, &theta, &wide_x, &j[0]), NTK_ERROR_DTYPE, "x holds f64; expected f32");
    kit_ok(ctx, ntk_jacobian_from_network(ctx, w.network, &theta, &x, &j[0]));
    kit_ok(ctx, ntk_jacobian_from_network(ctx, w.network, &wide_theta, &wide_x, &j[1]));
    kit_fails(ctx, ntk_jacobian_apply(ctx, j[0], &v, &line), NTK_ERROR_DTYPE, "v holds f64; expected f32");
    kit_fails(ctx, ntk_jacobian_stack(ctx, (const ntk_jacobian *[]){j[0], j[1]}, 2, &stack), NTK_ERROR_DTYPE, "parts[1] holds f64; parts[0] f32");
    kit_fails(ctx, ntk_jacobian_dense_apply(ctx, j[0], far, w.df.wide), NTK_ERROR_OVERFLOW, "v[0] = 1e+300 exceeds the range of f32");
    w.theta.narrow[0] = 3e38f;
    kit_fails(ctx, ntk_network_vjp(ctx, w.network, &theta, &x, &(ntk_array){0}, &(ntk_array){0}), NTK_ERROR_NULL, "u");
    for (int64_t i = 0; i < w.p; ++i) w.theta.narrow[i] = 3e38f;
    kit_fails(ctx, ntk_network_forward(ctx, w.network, &theta, &x, &df), NTK_ERROR_OVERFLOW, "exceeds the range of f32");
    ntk_jacobian_destroy(j[0]);
    ntk_jacobian_destroy(j[1]);
    problem_close(&w);
}

/* The draws of f64, rounded. */
static void draws(void **state)
{
    ntk_context *ctx = *state;
    ntk_network *network = kit_network(ctx, CASE_JSON("relu"));
    both theta = both_open(1, CASE_P);
    ntk_array wide = view(&theta, NTK_F64, NTK_SHAPE(CASE_P)), narrow = view(&theta, NTK_F32, NTK_SHAPE(CASE_P));
    kit_ok(ctx, ntk_network_initialize(ctx, network, 7, &wide));
    kit_ok(ctx, ntk_network_initialize(ctx, network, 7, &narrow));
    for (int i = 0; i < CASE_P; ++i) assert_true(theta.narrow[i] == (float)theta.wide[i]);
    both_close(&theta);
    ntk_network_destroy(network);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(ops_agree), kit_test(activations_of_the_program), kit_test(masks_and_graphs), kit_test(jacobians), kit_test(refusals), kit_test(draws)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
