/*
 * The k largest against spectra that are known: A = H diag(lambda) H with a reflection H, so that products cost n.  Decays, clusters,
 * multiplicities, negative and zero spectra, whole spaces, and the bounds on the basis.
 */
#include "kit.h"

#include "linalg.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { MOST = 300 };

#define TOLERANCE 1e-12

typedef struct reflected {
    int64_t n;
    double lambda[MOST], h[MOST]; /* descending; unit */
    int products;
} reflected;

static void reflect(const reflected *r, double *v)
{
    double dot = 0;
    for (int64_t i = 0; i < r->n; ++i) dot += r->h[i] * v[i];
    for (int64_t i = 0; i < r->n; ++i) v[i] -= 2 * dot * r->h[i];
}

static ntk_status apply(ntk_context *ctx, const void *user, const double *v, double *out)
{
    reflected *r = (reflected *)(uintptr_t)user;
    (void)ctx;
    ++r->products;
    memcpy(out, v, (size_t)r->n * sizeof *v);
    reflect(r, out);
    for (int64_t i = 0; i < r->n; ++i) out[i] *= r->lambda[i];
    reflect(r, out);
    return NTK_OK;
}

static void open(int64_t n, reflected *r)
{
    double norm = 0;
    *r = (reflected){.n = n};
    kit_random(7, n, r->h);
    for (int64_t i = 0; i < n; ++i) norm += r->h[i] * r->h[i];
    for (int64_t i = 0; i < n; ++i) r->h[i] /= sqrt(norm);
}

/* Values, residuals and orthogonality of the k largest. */
static void check(ntk_context *ctx, reflected *r, int64_t k)
{
    static double values[MOST], rows[MOST * MOST], image[MOST];
    double largest = fmax(fabs(r->lambda[0]), fabs(r->lambda[r->n - 1]));
    kit_ok(ctx, ntk_lanczos(ctx, r->n, apply, r, k, TOLERANCE, r->n, 1, values, rows));
    for (int64_t i = 0; i < k; ++i) {
        double residual = 0;
        kit_near(values[i], r->lambda[i], 2 * TOLERANCE * largest);
        apply(ctx, r, rows + i * r->n, image);
        for (int64_t j = 0; j < r->n; ++j) residual = fmax(residual, fabs(image[j] - values[i] * rows[i * r->n + j]));
        kit_near(residual, 0, 2 * TOLERANCE * largest);
        for (int64_t l = 0; l <= i; ++l) {
            double dot = 0;
            for (int64_t j = 0; j < r->n; ++j) dot += rows[i * r->n + j] * rows[l * r->n + j];
            kit_near(dot, i == l, 100 * (double)r->n * DBL_EPSILON);
        }
    }
}

static void decays(void **state)
{
    reflected r;
    open(MOST, &r);
    for (int i = 0; i < MOST; ++i) r.lambda[i] = 1e3 / ((i + 1.0) * (i + 1.0));
    check(*state, &r, 1);
    check(*state, &r, 50);
    assert_true(r.products - 50 < 2 * MOST); /* matrix-free: not all of the space */
    for (int i = 0; i < MOST; ++i) r.lambda[i] = pow(0.5, i);
    check(*state, &r, 30);
    for (int i = 0; i < MOST; ++i) r.lambda[i] = 2 - i / (double)MOST; /* no decay at all */
    check(*state, &r, 10);
}

/* Equal eigenvalues: a Krylov space holds one vector of each; the check has to find the others. */
static void multiplicities(void **state)
{
    reflected r;
    open(200, &r);
    for (int i = 0; i < 200; ++i) r.lambda[i] = i < 60 ? 10 - i / 10 : 3.0 / (i - 58);
    check(*state, &r, 25); /* ends inside a group */
    check(*state, &r, 40);
    for (int i = 0; i < 200; ++i) r.lambda[i] = 5;
    check(*state, &r, 7);
    for (int i = 0; i < 200; ++i) r.lambda[i] = 0;
    check(*state, &r, 7);
    for (int i = 0; i < 200; ++i) r.lambda[i] = i < 3; /* a projector */
    check(*state, &r, 6);
    for (int i = 0; i < 200; ++i) r.lambda[i] = 1 + 1e-9 * (200 - i); /* a cluster, far above rounding */
    check(*state, &r, 5);
}

static void ends_of_the_range(void **state)
{
    reflected r;
    open(40, &r);
    for (int i = 0; i < 40; ++i) r.lambda[i] = 20 - i; /* also negative ones */
    check(*state, &r, 40);
    check(*state, &r, 39);
    check(*state, &r, 0);
    for (int i = 0; i < 40; ++i) r.lambda[i] = -1 - i;
    check(*state, &r, 4);
    open(1, &r);
    r.lambda[0] = 3;
    check(*state, &r, 1);
    for (int exponent = -300; exponent <= 300; exponent += 300) {
        open(30, &r);
        for (int i = 0; i < 30; ++i) r.lambda[i] = ldexp(1.0 / (1 + i), exponent);
        check(*state, &r, 5);
    }
}

static ntk_status refuses(ntk_context *ctx, const void *user, const double *v, double *out)
{
    (void)user;
    (void)v;
    (void)out;
    return ntk_fail(ctx, NTK_ERROR_CALLBACK, "no product");
}

static void bounded_and_failing(void **state)
{
    ntk_context *ctx = *state;
    double values[5], rows[5 * MOST];
    reflected r;
    open(MOST, &r);
    for (int i = 0; i < MOST; ++i) r.lambda[i] = 2 - i / (double)MOST;
    kit_fails(ctx, ntk_lanczos(ctx, MOST, apply, &r, 5, TOLERANCE, 12, 1, values, rows), NTK_ERROR_NOT_CONVERGED, "12 Lanczos vectors are too few");
    assert_true(r.products <= 12);
    kit_fails(ctx, ntk_lanczos(ctx, MOST, refuses, NULL, 5, TOLERANCE, MOST, 1, values, rows), NTK_ERROR_CALLBACK, "no product");
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(decays), kit_test(multiplicities), kit_test(ends_of_the_range), kit_test(bounded_and_failing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
