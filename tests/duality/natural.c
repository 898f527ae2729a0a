/* The natural gradient against the p x p system that it solves, by elimination. */
#include "dense.h"

#include <float.h>

enum { N = 5, P = 8 };

/* delta of (JᵀJ + damping D) delta = Jᵀ e. */
static void oracle(const double *j, const double *d, double damping, const double *e, double *delta)
{
    double jt[P * N], a[P * P];
    dense_transpose(N, P, j, jt);
    dense_multiply(P, P, N, jt, j, a);
    for (int i = 0; i < P; ++i) a[i * P + i] += damping * d[i];
    dense_multiply(P, 1, N, jt, e, delta);
    dense_eliminate(P, 1, a, delta);
}

static void data(double *j, double *d, double *e)
{
    kit_random(1, N * P, j);
    kit_random(2, P, d);
    kit_random(3, N, e);
    for (int i = 0; i < P; ++i) d[i] = 1.5 + d[i];
}

static void damped(void **state)
{
    ntk_context *ctx = *state;
    double j[N * P], d[P], e[N], wanted[P], got[P];
    ntk_array dv = ntk_vector_f64(d, P), ev = ntk_vector_f64(e, N), out = ntk_vector_f64(got, P);
    ntk_optimizer *optimizer;
    ntk_jacobian *jacobian;
    ntk_gram *gram;
    ntk_spectrum *s[3];
    data(j, d, e);
    jacobian = dense_jacobian(ctx, N, P, 1, j);
    kit_ok(ctx, ntk_optimizer_diagonal(ctx, &dv, &optimizer));
    kit_ok(ctx, ntk_gram_from_jacobian(ctx, jacobian, optimizer, &gram));
    kit_ok(ctx, ntk_spectrum_create(ctx, gram, NULL, &s[0]));
    kit_ok(ctx, ntk_spectrum_from_jacobian(ctx, jacobian, optimizer, NULL, &s[1]));
    kit_ok(ctx, ntk_spectrum_top_of_jacobian(ctx, jacobian, optimizer, N, &(ntk_top_options){NTK_TOP_OPTIONS_INIT, .space = NTK_SPACE_PARAMETERS}, &s[2]));
    oracle(j, d, 0.1, e, wanted);
    for (int i = 0; i < 3; ++i) {
        kit_ok(ctx, ntk_spectrum_natural_gradient(ctx, s[i], &ev, 0.1, &out));
        kit_close(P, got, wanted, 1e-11);
        ntk_spectrum_destroy(s[i]);
    }
    ntk_gram_destroy(gram);
    ntk_optimizer_destroy(optimizer);
    ntk_jacobian_destroy(jacobian);
}

/* Without damping J delta = e, and delta is in the range of D⁻¹Jᵀ: orthogonal, in the metric D, to what J does not see.  Two equal rows: J delta is
 * the mean of their e. */
static void pseudo_inverse(void **state)
{
    ntk_context *ctx = *state;
    double j[N * P], d[P], e[N], delta[P], image[N];
    ntk_array ev = ntk_vector_f64(e, N), out = ntk_vector_f64(delta, P), f = ntk_vector_f64(image, N);
    ntk_jacobian *jacobian;
    ntk_spectrum *s;
    data(j, d, e);
    memcpy(j + P, j, P * sizeof *j);
    jacobian = dense_jacobian(ctx, N, P, 1, j);
    kit_ok(ctx, ntk_spectrum_from_jacobian(ctx, jacobian, NULL, NULL, &s));
    kit_ok(ctx, ntk_spectrum_natural_gradient(ctx, s, &ev, 0, &out));
    kit_ok(ctx, ntk_jacobian_apply(ctx, jacobian, &out, &f));
    e[0] = e[1] = (e[0] + e[1]) / 2;
    kit_close(N, image, e, 1e-12);
    ntk_spectrum_destroy(s);
    ntk_jacobian_destroy(jacobian);
}

static void refusals(void **state)
{
    ntk_context *ctx = *state;
    double j[N * P], d[P], e[N], delta[P];
    ntk_array ev = ntk_vector_f64(e, N), out = ntk_vector_f64(delta, P);
    ntk_jacobian *jacobian;
    ntk_spectrum *s;
    data(j, d, e);
    jacobian = dense_jacobian(ctx, N, P, 1, j);
    kit_ok(ctx, ntk_spectrum_from_jacobian(ctx, jacobian, NULL, NULL, &s));
    kit_fails(ctx, ntk_spectrum_natural_gradient(ctx, s, &ev, -1, &out), NTK_ERROR_ARGUMENT, "damping is -1");
    kit_fails(ctx, ntk_spectrum_natural_gradient(ctx, s, &ev, NAN, &out), NTK_ERROR_ARGUMENT, "damping is nan");
    ntk_spectrum_destroy(s);
    kit_ok(ctx, ntk_spectrum_from_jacobian(ctx, jacobian, NULL, &(ntk_spectrum_options){NTK_SPECTRUM_OPTIONS_INIT, .values_only = 1}, &s));
    kit_fails(ctx, ntk_spectrum_natural_gradient(ctx, s, &ev, 1, &out), NTK_ERROR_ARGUMENT, "values_only");
    ntk_spectrum_destroy(s);
    ntk_jacobian_destroy(jacobian);
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(damped), kit_test(pseudo_inverse), kit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
