/* Losses: gradients against central differences of the values, values and late gradients against numbers from 40 digits (mpmath),
 * curvatures against the second differences along random directions. */
#include "kit.h"

#include "optimizer.h"

#include <math.h>

enum { O = 3, SAMPLES = 5, LOSSES = 4 };

static void targets(ntk_loss loss, double *y)
{
    kit_random(7, SAMPLES * O, y);
    for (int i = 0; i < SAMPLES * O; ++i) y[i] = loss == NTK_LOSS_SQUARED_ERROR || loss == NTK_LOSS_HUBER ? 2 * y[i] : fabs(y[i]);
}

static void gradients_are_differences(void **state)
{
    (void)state;
    for (int l = 0; l < LOSSES; ++l) {
        double f[SAMPLES * O], y[SAMPLES * O], g[SAMPLES * O], h = 1e-5;
        kit_random(8, SAMPLES * O, f);
        for (int i = 0; i < SAMPLES * O; ++i) f[i] *= 3;
        targets((ntk_loss)l, y);
        ntk_loss_gradients((ntk_loss)l, 0.7, SAMPLES, O, f, y, g);
        for (int i = 0; i < SAMPLES * O; ++i) {
            double at = f[i], up, down;
            f[i] = at + h;
            up = ntk_loss_sum((ntk_loss)l, 0.7, SAMPLES, O, f, y);
            f[i] = at - h;
            down = ntk_loss_sum((ntk_loss)l, 0.7, SAMPLES, O, f, y);
            f[i] = at;
            kit_near(g[i], (up - down) / (2 * h), 1e-9); /* h² third derivative and eps L/h; no kink of Huber within h */
        }
    }
}

/* vᵀ H v <= curvature |v|², from gradients a little apart; an upper bound no more than twice the largest found. */
static void curvatures_bound(void **state)
{
    (void)state;
    for (int l = 0; l < LOSSES; ++l) {
        double f[O] = {0.3, -0.2, 0.25}, y[SAMPLES * O], found = 0, bound;
        targets((ntk_loss)l, y);
        bound = ntk_loss_largest_curvature((ntk_loss)l, 1, O, f, y);
        for (int turn = 0; turn < 200; ++turn) {
            double v[O], up[O], a[O], b[O], norm = 0, product = 0, h = 1e-6;
            kit_random(100 + (uint64_t)turn, O, v);
            for (int k = 0; k < O; ++k) up[k] = f[k] + h * v[k];
            ntk_loss_gradients((ntk_loss)l, 5, 1, O, f, y, a);
            ntk_loss_gradients((ntk_loss)l, 5, 1, O, up, y, b);
            for (int k = 0; k < O; ++k) {
                norm += v[k] * v[k];
                product += v[k] * (b[k] - a[k]) / h;
            }
            found = fmax(found, product / norm);
        }
        assert_true(found <= bound * (1 + 1e-8));
        assert_true(bound <= 2 * found);
    }
}

/* f = (40, 0, -1), y = (1, 0, 0): log(1 + e^-40 + e^-41) and the gradient, where 1 - p has no digit left in f64. */
static void late_softmax_keeps_digits(void **state)
{
    double f[O] = {40, 0, -1}, y[O] = {1, 0, 0}, g[O];
    double rest = exp(-40) * (1 + exp(-1)); /* the next term, rest²/2, is 2e-35 */
    (void)state;
    ntk_loss_gradients(NTK_LOSS_CROSS_ENTROPY, 1, 1, O, f, y, g);
    kit_close(1, &(double){ntk_loss_sum(NTK_LOSS_CROSS_ENTROPY, 1, 1, O, f, y)}, &rest, 1e-15);
    kit_close(3, g, ((double[]){-rest, exp(-40), exp(-41)}), 1e-15);
    f[0] = 2000; /* no overflow, no NaN */
    ntk_loss_gradients(NTK_LOSS_CROSS_ENTROPY, 1, 1, O, f, y, g);
    kit_close(3, g, ((double[]){0, 0, 0}), 0);
    y[0] = 0;
    y[1] = 1;
    kit_near(ntk_loss_sum(NTK_LOSS_CROSS_ENTROPY, 1, 1, O, f, y), 2000, 0);
    kit_near(ntk_loss_sum(NTK_LOSS_LOGISTIC, 1, 1, 1, (double[]){-800}, (double[]){1}), 800, 0);
}

static void known_values(void **state)
{
    double f[O] = {1, 2, 3}, y[O] = {0.2, 0.3, 0.5};
    (void)state;
    kit_near(ntk_loss_sum(NTK_LOSS_CROSS_ENTROPY, 1, 1, O, f, y), 1.107605964444380, 2e-15); /* log(e + e² + e³) - 2.3 */
    kit_near(ntk_loss_sum(NTK_LOSS_LOGISTIC, 1, 1, 1, (double[]){1}, (double[]){0.25}), 1.063261687518223, 2e-15);
    kit_near(ntk_loss_sum(NTK_LOSS_HUBER, 0.5, 1, 2, (double[]){0.25, 2}, (double[]){0, 0}), 0.03125 + 0.875, 0);
    kit_near(ntk_loss_sum(NTK_LOSS_SQUARED_ERROR, 1, 1, 2, (double[]){3, 1}, (double[]){1, 2}), 2.5, 0);
    kit_near(ntk_loss_divisor(NTK_LOSS_CROSS_ENTROPY, NTK_LOSS_SCALE_MEAN, 4, 3), 4, 0);
    kit_near(ntk_loss_divisor(NTK_LOSS_HUBER, NTK_LOSS_SCALE_MEAN, 4, 3), 12, 0);
    kit_near(ntk_loss_divisor(NTK_LOSS_HUBER, NTK_LOSS_SCALE_SUM, 4, 3), 1, 0);
}

static void wrong_targets(void **state)
{
    double y[4] = {0, 1, -0.5, 1.5};
    kit_fails(*state, ntk_loss_check(*state, (ntk_loss)9, "y", 2, 2, y), NTK_ERROR_ARGUMENT, "options.loss is 9");
    kit_fails(*state, ntk_loss_check(*state, NTK_LOSS_CROSS_ENTROPY, "y", 2, 2, y), NTK_ERROR_ARGUMENT, "y[1, 0] is -0.5; targets of cross-entropy");
    kit_fails(*state, ntk_loss_check(*state, NTK_LOSS_CROSS_ENTROPY, "y", 2, 1, y), NTK_ERROR_SHAPE, "at least 2");
    kit_fails(*state, ntk_loss_check(*state, NTK_LOSS_LOGISTIC, "y", 1, 4, y), NTK_ERROR_ARGUMENT, "y[0, 2] is -0.5");
    kit_ok(*state, ntk_loss_check(*state, NTK_LOSS_HUBER, "y", 2, 2, y));
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(gradients_are_differences), kit_test(curvatures_bound),  kit_test(late_softmax_keeps_digits),
                                       kit_test(known_values),              kit_test(wrong_targets)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
