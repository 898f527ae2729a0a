/* Labels, decisions, temperature (against a fine grid), probabilities and scores. */
#include "kit.h"

#include <math.h>
#include <stdint.h>

enum { N = 40, C = 3 };

static void coding_and_deciding(void **state)
{
    int64_t labels[4] = {2, 0, 1, 2}, back[4];
    double y[4 * C];
    float narrow[4 * C];
    ntk_array l = ntk_array_dense(labels, NTK_I64, 1, (int64_t[]){4}), b = ntk_array_dense(back, NTK_I64, 1, (int64_t[]){4}), v = ntk_matrix_f64(y, 4, C);
    ntk_array f32 = ntk_array_dense(narrow, NTK_F32, 2, (int64_t[]){4, C});
    kit_ok(*state, ntk_classes_code(*state, &l, &v));
    kit_ok(*state, ntk_classes_code(*state, &l, &f32));
    for (int i = 0; i < 4 * C; ++i) {
        kit_near(y[i], (labels[i / C] == i % C) - 1.0 / 3, 0);
        kit_near((double)narrow[i], y[i], 1e-7);
    }
    kit_ok(*state, ntk_classes_decide(*state, &v, &b));
    for (int i = 0; i < 4; ++i) assert_int_equal(back[i], labels[i]);
    y[0] = y[1] = y[2] = 1; /* equals: the first */
    kit_ok(*state, ntk_classes_decide(*state, &v, &b));
    assert_int_equal(back[0], 0);
    labels[1] = 3;
    kit_fails(*state, ntk_classes_code(*state, &l, &v), NTK_ERROR_ARGUMENT, "labels[1] is 3; expected 0 to 2");
}

static double nll_at(ntk_context *ctx, const ntk_array *f, const ntk_array *labels, double temperature)
{
    double p[N * C], nll;
    ntk_array probabilities = ntk_matrix_f64(p, N, C);
    kit_ok(ctx, ntk_classes_probabilities(ctx, f, temperature, &probabilities));
    kit_ok(ctx, ntk_classes_score(ctx, &probabilities, labels, NULL, &nll));
    return nll;
}

static void temperature_is_the_best(void **state)
{
    ntk_context *ctx = *state;
    double f[N * C], t, best;
    int64_t labels[N];
    ntk_array fs = ntk_matrix_f64(f, N, C), l = ntk_array_dense(labels, NTK_I64, 1, (int64_t[]){N});
    kit_random(1, N * C, f);
    for (int i = 0; i < N; ++i) {
        labels[i] = i % C;
        f[i * C + labels[i]] += 0.4; /* right more often than not */
    }
    kit_ok(ctx, ntk_classes_temperature(ctx, &fs, &l, &t));
    best = nll_at(ctx, &fs, &l, t);
    assert_true(t > 0.01 && t < 10 && best < log(3));
    for (double factor = 0.2; factor < 5; factor *= 1.01) assert_true(nll_at(ctx, &fs, &l, t * factor) >= best - 1e-12);
    for (int i = 0; i < N * C; ++i) f[i] *= 7; /* outputs times 7: seven times the temperature, the same probabilities */
    {
        double again;
        kit_ok(ctx, ntk_classes_temperature(ctx, &fs, &l, &again));
        kit_near(again / t, 7, 1e-9); /* a zero of L' by bisection: L' is good to 1e-14 of its terms, its slope of their size */
    }
}

static void ends_of_the_temperature(void **state)
{
    ntk_context *ctx = *state;
    double f[2 * 2] = {1, 0, 0, 1}, p[4], t, accuracy, nll;
    int64_t labels[2] = {0, 1};
    ntk_array fs = ntk_matrix_f64(f, 2, 2), l = ntk_array_dense(labels, NTK_I64, 1, (int64_t[]){2}), ps = ntk_matrix_f64(p, 2, 2);
    kit_ok(ctx, ntk_classes_temperature(ctx, &fs, &l, &t));
    kit_near(t, 1e-3, 1e-18); /* always right */
    kit_ok(ctx, ntk_classes_probabilities(ctx, &fs, t, &ps));
    kit_close(4, p, ((double[]){1, 0, 0, 1}), 0);
    labels[0] = 1, labels[1] = 0;
    kit_ok(ctx, ntk_classes_temperature(ctx, &fs, &l, &t));
    assert_true(isinf(t)); /* always wrong */
    kit_ok(ctx, ntk_classes_probabilities(ctx, &fs, t, &ps));
    kit_close(4, p, ((double[]){0.5, 0.5, 0.5, 0.5}), 0);
    kit_ok(ctx, ntk_classes_score(ctx, &fs, &l, &accuracy, NULL));
    kit_near(accuracy, 0, 0);
    labels[0] = 0, labels[1] = 9;
    p[0] = 0.25, p[1] = 0.75;
    kit_ok(ctx, ntk_classes_score(ctx, &ps, &l, &accuracy, &nll));
    assert_true(accuracy == 0 && isinf(nll) && nll > 0); /* a class that was not known */
    labels[1] = 0;
    kit_ok(ctx, ntk_classes_score(ctx, &ps, &l, &accuracy, &nll));
    kit_near(nll, (-log(0.25) - log(0.5)) / 2, 1e-15);
    kit_near(accuracy, 0.5, 0);
    kit_fails(ctx, ntk_classes_probabilities(ctx, &fs, 0, &ps), NTK_ERROR_ARGUMENT, "temperature is 0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(coding_and_deciding), kit_test(temperature_is_the_best), kit_test(ends_of_the_temperature)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
