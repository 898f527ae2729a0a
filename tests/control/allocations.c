/* Every allocation of the answers (duality, solve, predict, dynamics, control) fails in turn: the call says MEMORY, and nothing leaks. */
#include "../predict/kernels.h"

#include <stdlib.h>

enum { N = 5, D = 2, M = 3, P = 7 };

/* An allocator that has `left` blocks to give. */
typedef struct purse {
    int64_t left, live;
} purse;

static void *allocate(void *user, void *block, size_t old_size, size_t new_size)
{
    purse *p = user;
    (void)old_size;
    if (new_size == 0) {
        p->live -= block != NULL;
        free(block);
        return NULL;
    }
    if (p->left-- <= 0) return NULL;
    p->live += block == NULL;
    return realloc(block, new_size);
}

typedef struct scene {
    double x[N * D], z[M * D], y[N], j[N * P], k[N * N], square[P * P], step[P], number;
    ntk_array test, targets, symmetric;
    ntk_jacobian *jacobian;
    ntk_gram *gram, *kernel_gram;
} scene;

#define TRY(call)                                       \
    do {                                                \
        if ((status = (call)) != NTK_OK) goto done; \
    } while (0)

static ntk_status try_duality(ntk_context *ctx, scene *s)
{
    ntk_array vectors = ntk_matrix_f64(s->square, N, N), right = ntk_matrix_f64(s->square, P, N), step = ntk_vector_f64(s->step, P);
    ntk_spectrum *a = NULL, *b = NULL;
    ntk_status status;
    TRY(ntk_spectrum_create(ctx, s->gram, NULL, &a));
    TRY(ntk_spectrum_from_jacobian(ctx, s->jacobian, NULL, NULL, &b));
    TRY(ntk_spectrum_get_vectors(ctx, a, &vectors));
    TRY(ntk_spectrum_get_parameter_vectors(ctx, a, &right));
    TRY(ntk_fisher_multiply(ctx, s->jacobian, &step, &step));
    TRY(ntk_fisher_norm(ctx, s->jacobian, &step, &s->number));
done:
    ntk_spectrum_destroy(b);
    ntk_spectrum_destroy(a);
    return status;
}

static ntk_status try_solve(ntk_context *ctx, scene *s)
{
    ntk_array b = ntk_matrix_f64(s->y, N, 1), x = ntk_matrix_f64(s->square, N, 1);
    ntk_solver *a = NULL;
    ntk_status status;
    TRY(ntk_solver_create(ctx, s->gram, NULL, &a));
    TRY(ntk_solver_solve(ctx, a, &b, &x));
    TRY(ntk_solver_backward_error(ctx, a, &b, &x, &s->number));
done:
    ntk_solver_destroy(a);
    return status;
}

static ntk_status try_predict(ntk_context *ctx, scene *s, ntk_decomposition decomposition)
{
    double f0[M] = {0}, m[M], c[M * M];
    ntk_array start = ntk_vector_f64(f0, M), mean = ntk_vector_f64(m, M), covariance = ntk_matrix_f64(c, M, M);
    ntk_predictor_options o = {NTK_PREDICTOR_OPTIONS_INIT, .posterior = NTK_POSTERIOR_NTKGP, .decomposition = decomposition, .ridge = 0.1};
    ntk_test_set test = {NTK_TEST_SET_INIT, .x = &s->test, .f0 = &start};
    ntk_predictor *p = NULL;
    ntk_status status;
    o.f0 = &s->targets;
    TRY(ntk_predictor_create(ctx, s->kernel_gram, &s->targets, &o, &p));
    TRY(ntk_predictor_at(ctx, p, &test, INFINITY, &mean, &covariance));
done:
    ntk_predictor_destroy(p);
    return status;
}

static ntk_status try_dynamics(ntk_context *ctx, scene *s)
{
    const double time = 1;
    ntk_array f = ntk_matrix_f64(s->square, 1, N), parameters = ntk_matrix_f64(s->square, 1, P), loss = ntk_vector_f64(&s->number, 1);
    ntk_dynamics_options o = {NTK_DYNAMICS_OPTIONS_INIT, .f0 = &s->targets};
    ntk_dynamics *d = NULL;
    ntk_status status;
    TRY(ntk_dynamics_create(ctx, s->gram, &s->targets, &o, &d));
    TRY(ntk_dynamics_at(ctx, d, &time, 1, &f));
    TRY(ntk_dynamics_test_at(ctx, d, &s->symmetric, &s->targets, &time, 1, &f));
    TRY(ntk_dynamics_parameters_at(ctx, d, &time, 1, &parameters));
    TRY(ntk_dynamics_loss_at(ctx, d, &time, 1, &loss));
done:
    ntk_dynamics_destroy(d);
    return status;
}

static ntk_status try_control(ntk_context *ctx, scene *s)
{
    ntk_array w = ntk_matrix_f64(s->square, N, N);
    ntk_system *a = NULL, *b = NULL;
    ntk_status status;
    TRY(ntk_system_from_gram(ctx, s->gram, NTK_KIND_NTK, &a));
    TRY(ntk_system_gramian(ctx, a, NTK_GRAMIAN_OBSERVABILITY, INFINITY, &w));
    TRY(ntk_system_residual(ctx, a, NTK_GRAMIAN_OBSERVABILITY, &w, &s->number));
    TRY(ntk_system_from_matrices(ctx, &s->symmetric, &s->symmetric, &s->symmetric, &b));
    TRY(ntk_system_gramian(ctx, b, NTK_GRAMIAN_CONTROLLABILITY, 0.1, &w));
done:
    ntk_system_destroy(b);
    ntk_system_destroy(a);
    return status;
}

static ntk_status try_all(ntk_context *ctx, scene *s)
{
    ntk_status status;
    TRY(try_duality(ctx, s));
    TRY(try_solve(ctx, s));
    TRY(try_predict(ctx, s, NTK_DECOMPOSITION_CHOLESKY));
    TRY(try_predict(ctx, s, NTK_DECOMPOSITION_EIGEN));
    TRY(try_dynamics(ctx, s));
    TRY(try_control(ctx, s));
done:
    return status;
}

static void scene_open(ntk_context *ctx, scene *s)
{
    kit_random(1, N * D, s->x);
    kit_random(2, M * D, s->z);
    kit_random(3, N, s->y);
    kit_random(4, N * P, s->j);
    kit_random(5, P, s->step);
    kit_random_spd(6, N, s->k);
    s->test = ntk_matrix_f64(s->z, M, D);
    s->targets = ntk_vector_f64(s->y, N);
    s->symmetric = ntk_matrix_f64(s->k, N, N);
    s->jacobian = dense_jacobian(ctx, N, P, 1, s->j);
    s->gram = NULL;
    kit_ok(ctx, ntk_gram_from_jacobian(ctx, s->jacobian, NULL, &s->gram));
    s->kernel_gram = kernels_gram(ctx, N, D, s->x, NTK_KIND_NTK);
}

static void test_each_allocation_may_fail(void **state)
{
    purse p = {1, 0};
    ntk_context_options o = {NTK_CONTEXT_OPTIONS_INIT, .allocate = allocate, .allocate_user = &p, .threads = 1};
    ntk_context *poor = NULL;
    ntk_status status = NTK_ERROR_MEMORY;
    int64_t failures = 0;
    scene s;
    scene_open(*state, &s);
    assert_int_equal(ntk_context_create(&o, &poor), NTK_OK);
    for (; status == NTK_ERROR_MEMORY; failures += status == NTK_ERROR_MEMORY) {
        p.left = failures;
        status = try_all(poor, &s);
        assert_int_equal(p.live, 1); /* the context alone */
    }
    kit_ok(poor, status);
    assert_true(failures > 60);
    ntk_context_destroy(poor);
    ntk_gram_destroy(s.kernel_gram);
    ntk_gram_destroy(s.gram);
    ntk_jacobian_destroy(s.jacobian);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_each_allocation_may_fail)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
