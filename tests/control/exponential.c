#include "general.h"

#include "control.h"

#include <float.h>

/* A Jordan block: exp(At) = exp(-t) [1, t; 0, 1]; the error grows as |A| t eps of |exp(At)|. */
static void test_jordan(void **state)
{
    const double a[4] = {-1, 1, 0, -1};
    for (double t = 1e-3; t < 300; t *= 3) {
        double e[4], term[4], room[4], wanted[4] = {exp(-t), t * exp(-t), 0, exp(-t)};
        kit_ok(*state, ntk_exponential(*state, 2, a, t, e, term, room));
        kit_close(4, e, wanted, 4 * (1 + 2 * t) * DBL_EPSILON);
    }
}

/* A rotation by many turns keeps its length. */
static void test_rotation(void **state)
{
    const double a[4] = {0, 7, -7, 0};
    for (double t = 0; t < 50; t += 3.7) {
        double e[4], term[4], room[4], wanted[4] = {cos(7 * t), sin(7 * t), -sin(7 * t), cos(7 * t)};
        kit_ok(*state, ntk_exponential(*state, 2, a, t, e, term, room));
        kit_close(4, e, wanted, 8 * (1 + 7 * t) * DBL_EPSILON);
    }
}

static void test_random(void **state)
{
    enum { N = 8 };
    double e[N * N], term[N * N], room[N * N], wanted[N * N];
    general g = general_open(80, N, 1, 1, 0.5);
    for (double t = 0.01; t < 5; t *= 2) {
        kit_ok(*state, ntk_exponential(*state, N, g.a, t, e, term, room));
        dense_exponential(N, g.a, t, wanted);
        kit_close(N * N, e, wanted, 1e-12); /* the series of the tests rounds as much */
    }
    general_close(&g);
}

/* Equal steps, but for rounding, are computed once, and the times still add up. */
static void test_steps(void **state)
{
    enum { N = 4, STEPS = 1000 };
    double x[N * N], y[N * N], wanted[N * N];
    ntk_stepper stepper;
    bool moved;
    int lengths = 0;
    double last = -1;
    general g = general_open(81, N, 1, 1, 1);
    ntk_system *s = general_system(*state, &g);
    dense_identity(N, x);
    kit_ok(*state, ntk_stepper_open(*state, s, &stepper));
    for (int k = 0; k < STEPS; ++k) {
        kit_ok(*state, ntk_stepper_go(*state, &stepper, 0.1 * k / 7 + (k > 500 ? 0.3 : 0), &moved));
        assert_true(moved == (k > 0));
        lengths += stepper.step != last;
        last = stepper.step;
        kit_near(stepper.time, 0.1 * k / 7 + (k > 500 ? 0.3 : 0), 40 * DBL_EPSILON * stepper.time);
        if (!moved) continue;
        dense_multiply(N, N, N, x, stepper.e, y);
        memcpy(x, y, sizeof x);
    }
    assert_in_range(lengths, 1, 6);
    dense_exponential(N, g.a, 0.1 * (STEPS - 1) / 7 + 0.3, wanted);
    kit_close(N * N, x, wanted, 1e-11);
    kit_ok(*state, ntk_stepper_go(*state, &stepper, stepper.time, &moved));
    assert_false(moved);
    ntk_stepper_close(&stepper);
    ntk_system_destroy(s);
    general_close(&g);
}

static void test_refusals(void **state)
{
    const double huge[1] = {1e200}, growing[1] = {1e6};
    double e[1], term[1], room[1];
    kit_fails(*state, ntk_exponential(*state, 1, huge, 1e200, e, term, room), NTK_ERROR_OVERFLOW, "the time 1e+200");
    kit_fails(*state, ntk_exponential(*state, 1, growing, 1, e, term, room), NTK_ERROR_OVERFLOW, "exp(A t)");
    kit_ok(*state, ntk_exponential(*state, 0, huge, 1, e, term, room));
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_jordan), kit_test(test_rotation), kit_test(test_random), kit_test(test_steps), kit_test(test_refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
