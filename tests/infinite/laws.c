/*
 * Laws that need no expected values, looped over the table of activations: a new activation is tested the moment it is listed.
 * Laws that not all activations obey are demanded by their flags.
 */
#include "kit.h"
#include "network.h"

#include <math.h>
#include <string.h>

enum { N = 24, D = 3 };

typedef void (*law)(ntk_context *ctx, const ntk_activation *a, const ntk_kernel *kernel);

/* A value for a key that is not special: near its default, or 0.7 and 1.3 in turn. */
static double example(const ntk_key *key, int i)
{
    if (key->type == NTK_KEY_INTEGER) return 3;
    if (key->required) return i % 2 ? 1.3 : 0.7;
    return key->fallback != 0 ? 0.9 * key->fallback : 0.4;
}

static const double coefficients[] = {4, 0.3, -0.5, 0.7, 0.2}; /* the count, then a cubic */

static void examples(const ntk_activation *a, double p[NTK_MAX_KEYS])
{
    if (a->keys && ntk_key_is_list(a->keys)) {
        memcpy(p, coefficients, sizeof coefficients);
        return;
    }
    for (int i = 0; a->keys && a->keys[i].name; ++i) p[i] = example(&a->keys[i], i);
}

static ntk_attribute attribute(const ntk_key *key, int i)
{
    if (ntk_key_is_list(key)) return (ntk_attribute)NTK_LIST(key->name, coefficients + 1, 4);
    return (ntk_attribute)NTK_NUMBER(key->name, example(key, i));
}

static ntk_network *one_layer(ntk_context *ctx, const ntk_activation *a, const char *bias)
{
    const int64_t shape[1] = {D};
    ntk_attribute dense[] = {NTK_NUMBER("units", 8), NTK_NUMBER("w_std", 1.5), NTK_NUMBER(bias, 0.3), NTK_END}, keys[NTK_MAX_KEYS + 1] = {NTK_END};
    ntk_builder *b = NULL;
    ntk_network *net = NULL;
    for (int i = 0; a->keys && a->keys[i].name; ++i) keys[i] = attribute(&a->keys[i], i);
    kit_ok(ctx, ntk_builder_create(ctx, 1, shape, NULL, &b));
    kit_ok(ctx, ntk_builder_add(ctx, b, "dense", dense));
    kit_ok(ctx, ntk_builder_add(ctx, b, a->name, keys));
    kit_ok(ctx, ntk_builder_finish(ctx, b, &net));
    ntk_builder_destroy(b);
    return net;
}

static void for_each_activation(ntk_context *ctx, const char *bias, unsigned flag, law check)
{
    for (int i = 0; ntk_activations[i]; ++i) {
        const ntk_activation *a = ntk_activations[i];
        ntk_network *net;
        ntk_kernel *kernel = NULL;
        if (!a->dual || (a->laws & flag) != flag) continue;
        net = one_layer(ctx, a, bias);
        kit_ok(ctx, ntk_kernel_from_network(ctx, net, NULL, &kernel));
        check(ctx, a, kernel);
        ntk_kernel_destroy(kernel);
        ntk_network_destroy(net);
    }
}

static void evaluate(ntk_context *ctx, const ntk_kernel *kernel, int n, const double *x, const double *y, double *nngp, double *theta)
{
    ntk_array ax = ntk_matrix_f64(x, n, D), ay = ntk_matrix_f64(y ? y : x, n, D), k = ntk_matrix_f64(nngp, n, n), t = ntk_matrix_f64(theta, n, n);
    ntk_request r = {NTK_REQUEST_INIT, .nngp = &k, .ntk = &t};
    kit_ok(ctx, ntk_kernel_eval(ctx, kernel, &ax, y ? &ay : NULL, &r));
}

/* Random points, a duplicate, a near duplicate, an opposite, a multiple, and zero. */
static void points(double x[N * D])
{
    kit_random(7, N * D, x);
    for (int c = 0; c < D; ++c) {
        x[1 * D + c] = x[c];
        x[2 * D + c] = x[c] * (1 + 1e-9 * c);
        x[3 * D + c] = -x[c];
        x[4 * D + c] = 3 * x[c];
        x[5 * D + c] = 0;
    }
}

/* ---- symmetry and positive semi-definiteness -------------------------------------------------------------------- */

/* Smallest eigenvalue through the library's own spectrum. */
static double smallest(ntk_context *ctx, const double *k, double *largest)
{
    double values[N];
    ntk_array ak = ntk_matrix_f64(k, N, N), av = ntk_vector_f64(values, N);
    ntk_gram *gram = NULL;
    ntk_spectrum *s = NULL;
    kit_ok(ctx, ntk_gram_from_matrix(ctx, &ak, &gram));
    kit_ok(ctx, ntk_spectrum_create(ctx, gram, NULL, &s));
    kit_ok(ctx, ntk_spectrum_get_values(ctx, s, &av));
    ntk_spectrum_destroy(s);
    ntk_gram_destroy(gram);
    *largest = values[0];
    return values[N - 1];
}

static void symmetric_and_semidefinite(ntk_context *ctx, const ntk_activation *a, const ntk_kernel *kernel)
{
    double x[N * D], k[2][N * N], full[2][N * N], largest;
    points(x);
    evaluate(ctx, kernel, N, x, NULL, k[0], k[1]);
    evaluate(ctx, kernel, N, x, x, full[0], full[1]);
    for (int kind = 0; kind < 2; ++kind) {
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < N; ++j) assert_true(k[kind][i * N + j] == k[kind][j * N + i]);
        kit_close(N * N, full[kind], k[kind], 4e-15);
        /* entries are wrong by a few eps of the largest, so eigenvalues by at most N times that */
        if (smallest(ctx, k[kind], &largest) < -4e-15 * N * largest) fail_msg("%s, kind %d: indefinite", a->name, kind);
    }
}

static void kernels_are_symmetric_and_semidefinite(void **state)
{
    for_each_activation(*state, "b_std", 0, symmetric_and_semidefinite);
    for_each_activation(*state, NULL, 0, symmetric_and_semidefinite);
}

/* ---- rotation and permutation ----------------------------------------------------------------------------------- */

static void rotate(const double *x, double *y)
{
    const double c = cos(0.7), s = sin(0.7);
    for (int i = 0; i < N; ++i) {
        double u = c * x[i * D] - s * x[i * D + 1], v = s * x[i * D] + c * x[i * D + 1];
        y[i * D] = c * u - s * x[i * D + 2];
        y[i * D + 1] = v;
        y[i * D + 2] = s * u + c * x[i * D + 2];
    }
}

static void rotation_invariant(ntk_context *ctx, const ntk_activation *a, const ntk_kernel *kernel)
{
    double x[N * D], y[N * D], k[2][N * N], r[2][N * N];
    (void)a;
    points(x);
    rotate(x, y);
    evaluate(ctx, kernel, N, x, NULL, k[0], k[1]);
    evaluate(ctx, kernel, N, y, NULL, r[0], r[1]);
    /* rotating rounds the coordinates, which moves kernels near a kink's branch point by eps itself, not its root */
    kit_close(N * N, r[0], k[0], 1e-14);
    kit_close(N * N, r[1], k[1], 1e-14);
}

static void rotating_the_inputs_changes_nothing(void **state)
{
    for_each_activation(*state, "b_std", 0, rotation_invariant);
}

static void permutation_equivariant(ntk_context *ctx, const ntk_activation *a, const ntk_kernel *kernel)
{
    double x[N * D], y[N * D], k[2][N * N], p[2][N * N], back[2][N * N];
    (void)a;
    points(x);
    for (int i = 0; i < N; ++i) memcpy(y + (i * 7 % N) * D, x + i * D, D * sizeof *x);
    evaluate(ctx, kernel, N, x, NULL, k[0], k[1]);
    evaluate(ctx, kernel, N, y, NULL, p[0], p[1]);
    for (int kind = 0; kind < 2; ++kind) {
        for (int i = 0; i < N; ++i)
            for (int j = 0; j < N; ++j) back[kind][i * N + j] = p[kind][(i * 7 % N) * N + j * 7 % N];
        kit_close(N * N, back[kind], k[kind], 4e-15);
    }
}

static void permuting_the_samples_permutes_the_kernel(void **state)
{
    for_each_activation(*state, "b_std", 0, permutation_equivariant);
}

/* ---- scaling ---------------------------------------------------------------------------------------------------- */

static void homogeneous(ntk_context *ctx, const ntk_activation *a, const ntk_kernel *kernel)
{
    double x[N * D], y[N * D], k[2][N * N], s[2][N * N];
    (void)a;
    points(x);
    for (int i = 0; i < N * D; ++i) y[i] = 0x1p30 * x[i];
    evaluate(ctx, kernel, N, x, NULL, k[0], k[1]);
    evaluate(ctx, kernel, N, y, NULL, s[0], s[1]);
    for (int i = 0; i < N * N; ++i) {
        s[0][i] *= 0x1p-60;
        s[1][i] *= 0x1p-60;
    }
    kit_close(N * N, s[0], k[0], 1e-15);
    kit_close(N * N, s[1], k[1], 1e-15);
}

static void scaling_the_inputs_scales_homogeneous_kernels(void **state)
{
    for_each_activation(*state, NULL, NTK_LAW_HOMOGENEOUS, homogeneous);
}

/* ---- K. = dK / dq12 --------------------------------------------------------------------------------------------- */

/*
 * One layer and no bias: Theta = K. q12 with q12 = w² x·x'/d, so Theta against the central difference of K along the angle
 * between two vectors of fixed length (dq12 = -w² |x||x'| sin(t) dt / d).  Error of the difference: h²/6 K''' + eps/h, 1e-9 for
 * h = 1e-5 away from t = 0 and pi.
 */
static void pair_at(double angle, double x[D], double y[D])
{
    x[0] = 1.2;
    x[1] = x[2] = y[2] = 0;
    y[0] = 0.8 * cos(angle);
    y[1] = 0.8 * sin(angle);
}

static double nngp_at(ntk_context *ctx, const ntk_kernel *kernel, double angle, double *theta)
{
    double x[D], y[D], k;
    pair_at(angle, x, y);
    evaluate(ctx, kernel, 1, x, y, &k, theta);
    return k;
}

static void price(ntk_context *ctx, const ntk_activation *a, const ntk_kernel *kernel)
{
    const double h = 1e-5, w2 = 1.5 * 1.5;
    for (double t = 0.3; t < 3; t += 0.17) {
        double theta, unused, q12 = w2 * 1.2 * 0.8 * cos(t) / D, dq12 = -w2 * 1.2 * 0.8 * sin(t) / D;
        double slope = (nngp_at(ctx, kernel, t + h, &unused) - nngp_at(ctx, kernel, t - h, &unused)) / (2 * h) / dq12;
        nngp_at(ctx, kernel, t, &theta);
        if (fabs(theta - slope * q12) > 1e-9) fail_msg("%s at %g: K. q12 = %.12g, slope q12 = %.12g", a->name, t, theta, slope * q12);
    }
}

static void the_dot_kernel_is_the_derivative(void **state)
{
    for_each_activation(*state, NULL, NTK_LAW_PRICE, price);
}

/* ---- the functions themselves ------------------------------------------------------------------------------------ */

/* phi' is the derivative of phi; central difference h = 1e-6 away from kinks, error h² phi'''/6 + eps/h < 1e-9. */
static void derivatives_belong_to_their_functions(void **state)
{
    const double h = 1e-6;
    (void)state;
    for (int i = 0; ntk_activations[i]; ++i) {
        const ntk_activation *a = ntk_activations[i];
        double p[NTK_MAX_KEYS] = {0};
        examples(a, p);
        for (double x = -2.95; a->value && x < 3; x += 0.1)
            kit_near(a->derivative(p, x), (a->value(p, x + h) - a->value(p, x - h)) / (2 * h), 1e-8);
    }
}

/* E[phi²] on the diagonal by the trapezoidal rule, exponentially accurate for smooth integrands and 1e-7 with a kink at a node. */
static void diagonal(ntk_context *ctx, const ntk_activation *a, const ntk_kernel *kernel)
{
    const double h = 1e-3;
    double p[NTK_MAX_KEYS] = {0}, x[D] = {0.9, -0.4, 0.3}, k, theta, sum = 0, q = 1.5 * 1.5 * (0.81 + 0.16 + 0.09) / D;
    examples(a, p);
    if (!a->value || !(a->laws & NTK_LAW_PRICE)) return;
    for (int i = -9000; i <= 9000; ++i) {
        double z = i * h, f = a->value(p, sqrt(q) * z);
        sum += f * f * exp(-z * z / 2) * h / sqrt(2 * M_PI);
    }
    evaluate(ctx, kernel, 1, x, NULL, &k, &theta);
    kit_near(k, sum, 1e-6);
}

static void diagonals_are_gaussian_integrals(void **state)
{
    for_each_activation(*state, NULL, 0, diagonal);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(kernels_are_symmetric_and_semidefinite), kit_test(rotating_the_inputs_changes_nothing),
        kit_test(permuting_the_samples_permutes_the_kernel), kit_test(scaling_the_inputs_scales_homogeneous_kernels),
        kit_test(the_dot_kernel_is_the_derivative), kit_test(derivatives_belong_to_their_functions), kit_test(diagonals_are_gaussian_integrals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
