/* Diagonals: their entries, what they refuse, and how they scale J. */
#include "kit.h"

#include "optimizer.h"

#include <float.h>
#include <math.h>

enum { P = 600 }; /* more than two strips of ntk_optimizer_scale */

static void identity_fits_any_length(void **state)
{
    ntk_context *ctx = *state;
    ntk_optimizer *o;
    double d[6] = {0, 7, 0, 7, 0, 7};
    ntk_array all = ntk_vector_f64(d, 3);
    all.strides[0] = 2;
    kit_ok(ctx, ntk_optimizer_identity(ctx, &o));
    assert_int_equal(ntk_optimizer_parameters(o), 0);
    kit_ok(ctx, ntk_optimizer_check(ctx, o, 17));
    kit_ok(ctx, ntk_optimizer_check(ctx, NULL, 17));
    kit_ok(ctx, ntk_optimizer_get_diagonal(ctx, o, &all));
    kit_close(6, d, ((double[]){1, 7, 1, 7, 1, 7}), 0);
    assert_true(ntk_optimizer_d(o, 5) == 1 && ntk_optimizer_d(NULL, 5) == 1);
    ntk_optimizer_destroy(o);
}

/* One square root and one sum, each rounded correctly: the bits are known. */
static void adam_is_root_plus_epsilon(void **state)
{
    ntk_context *ctx = *state;
    ntk_optimizer *o;
    double v[4] = {0, 4, 2, 1e-300}, d[4], expected[4] = {0.5, 2.5, 0, 0.5};
    ntk_array moment = ntk_vector_f64(v, 4), out = ntk_vector_f64(d, 4);
    expected[2] = sqrt(2.0) + 0.5;
    kit_ok(ctx, ntk_optimizer_adam(ctx, &moment, 0.5, &o));
    v[0] = 9; /* copied: does not matter */
    assert_int_equal(ntk_optimizer_parameters(o), 4);
    kit_ok(ctx, ntk_optimizer_get_diagonal(ctx, o, &out));
    kit_close(4, d, expected, 0);
    for (int j = 0; j < 4; ++j) assert_true(ntk_optimizer_d(o, j) == expected[j]);
    ntk_optimizer_destroy(o);
}

static void diagonal_takes_any_strides(void **state)
{
    ntk_context *ctx = *state;
    ntk_optimizer *o;
    double d[6] = {1, -1, 2, -1, 3, -1}, out[3];
    ntk_array in = ntk_vector_f64(d + 4, 3), result = ntk_vector_f64(out, 3);
    in.strides[0] = -2;
    kit_ok(ctx, ntk_optimizer_diagonal(ctx, &in, &o));
    kit_ok(ctx, ntk_optimizer_get_diagonal(ctx, o, &result));
    kit_close(3, out, ((double[]){3, 2, 1}), 0);
    ntk_optimizer_destroy(o);
}

static void no_parameters(void **state)
{
    ntk_context *ctx = *state;
    ntk_optimizer *o;
    ntk_array none = ntk_vector_f64(NULL, 0);
    kit_ok(ctx, ntk_optimizer_diagonal(ctx, &none, &o));
    kit_ok(ctx, ntk_optimizer_get_diagonal(ctx, o, &none));
    kit_ok(ctx, ntk_optimizer_check(ctx, o, 0));
    kit_fails(ctx, ntk_optimizer_check(ctx, o, 1), NTK_ERROR_SHAPE, "0 parameters; expected 1");
    ntk_optimizer_scale(o, 3, 0, NULL, 1);
    ntk_optimizer_destroy(o);
}

/* 1, 2: one division by a correctly rounded d or sqrt(d), bits known; other powers: pow, 2 eps. */
static void scale_divides_columns(void **state)
{
    ntk_context *ctx = *state;
    static const double powers[] = {1, 0.5, 0.25};
    static double d[P], j[3 * P], expected[3 * P];
    ntk_array in = ntk_vector_f64(d, P);
    ntk_optimizer *o;
    kit_random(1, P, d);
    for (int i = 0; i < P; ++i) d[i] += 1.5;
    kit_ok(ctx, ntk_optimizer_diagonal(ctx, &in, &o));
    for (int k = 0; k < 3; ++k) {
        kit_random(2, 3 * P, j);
        for (int i = 0; i < 3 * P; ++i) expected[i] = j[i] / (k == 0 ? d[i % P] : k == 1 ? sqrt(d[i % P]) : pow(d[i % P], powers[k]));
        ntk_optimizer_scale(o, 3, P, j, powers[k]);
        kit_close(3 * P, j, expected, k < 2 ? 0 : 4 * DBL_EPSILON);
    }
    ntk_optimizer_scale(NULL, 3, P, j, 1);
    kit_close(3 * P, j, expected, 4 * DBL_EPSILON);
    ntk_optimizer_destroy(o);
}

static void refusals(void **state)
{
    ntk_context *ctx = *state;
    ntk_optimizer *o = (ntk_optimizer *)1;
    double negative[3] = {1, 0, -0.25}, nan[2] = {1, NAN}, zero[3] = {1, 1, 0}, huge[1] = {DBL_MAX};
    ntk_array v = ntk_vector_f64(negative, 3), n = ntk_vector_f64(nan, 2), z = ntk_vector_f64(zero, 3), m = ntk_matrix_f64(zero, 1, 3), f = z;
    ntk_array h = ntk_vector_f64(huge, 1);
    f.dtype = NTK_F32;
    kit_fails(ctx, ntk_optimizer_adam(ctx, &v, 1, &o), NTK_ERROR_ARGUMENT, "second_moment[2] is -0.25");
    assert_null(o);
    kit_fails(ctx, ntk_optimizer_adam(ctx, &n, 1, &o), NTK_ERROR_NOT_FINITE, "second_moment[1]");
    kit_fails(ctx, ntk_optimizer_adam(ctx, &z, 0, &o), NTK_ERROR_ARGUMENT, "entry 2 of D is 0");
    kit_fails(ctx, ntk_optimizer_adam(ctx, &z, -1e-8, &o), NTK_ERROR_ARGUMENT, "epsilon is -1e-08");
    kit_fails(ctx, ntk_optimizer_adam(ctx, &z, NAN, &o), NTK_ERROR_ARGUMENT, "epsilon is nan");
    kit_fails(ctx, ntk_optimizer_adam(ctx, &z, INFINITY, &o), NTK_ERROR_ARGUMENT, "epsilon is inf");
    kit_fails(ctx, ntk_optimizer_adam(ctx, &m, 1, &o), NTK_ERROR_SHAPE, "second_moment has shape [1, 3]; expected [any]");
    kit_fails(ctx, ntk_optimizer_adam(ctx, &f, 1, &o), NTK_ERROR_DTYPE, "second_moment holds f32");
    kit_fails(ctx, ntk_optimizer_adam(ctx, NULL, 1, &o), NTK_ERROR_NULL, "second_moment is NULL");
    kit_fails(ctx, ntk_optimizer_adam(ctx, &z, 1, NULL), NTK_ERROR_NULL, "optimizer is NULL");
    kit_fails(ctx, ntk_optimizer_diagonal(ctx, &z, &o), NTK_ERROR_ARGUMENT, "entry 2 of D is 0");
    kit_fails(ctx, ntk_optimizer_diagonal(ctx, &v, &o), NTK_ERROR_ARGUMENT, "entry 1 of D is 0");
    kit_fails(ctx, ntk_optimizer_diagonal(ctx, NULL, &o), NTK_ERROR_NULL, "d is NULL");
    assert_int_equal(ntk_optimizer_identity(NULL, &o), NTK_ERROR_NULL);
    assert_int_equal(ntk_optimizer_parameters(NULL), -1);
    ntk_optimizer_destroy(NULL);
    kit_ok(ctx, ntk_optimizer_diagonal(ctx, &h, &o));
    kit_fails(ctx, ntk_optimizer_check(ctx, o, 3), NTK_ERROR_SHAPE, "the optimizer has 1 parameters; expected 3");
    kit_fails(ctx, ntk_optimizer_get_diagonal(ctx, o, &z), NTK_ERROR_SHAPE, "d has shape [3]; expected [1]");
    kit_fails(ctx, ntk_optimizer_get_diagonal(ctx, NULL, &z), NTK_ERROR_NULL, "optimizer is NULL");
    kit_fails(ctx, ntk_optimizer_get_diagonal(ctx, o, NULL), NTK_ERROR_NULL, "d is NULL");
    ntk_optimizer_destroy(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(identity_fits_any_length), kit_test(adam_is_root_plus_epsilon), kit_test(diagonal_takes_any_strides),
        kit_test(no_parameters),            kit_test(scale_divides_columns),     kit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
