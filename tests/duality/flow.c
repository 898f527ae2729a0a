#include "duality.h"

#include "kit.h"

#include <float.h>
#include <math.h>

/* An independent S in extended precision. */
static double exact_learned(double s, double lambda)
{
    return lambda == 0 ? s : (double)(-expm1l(-(long double)s * lambda) / lambda);
}

static void test_against_extended_precision(void **state)
{
    const double times[] = {0, 1e-300, 1e-9, 0.3, 1, 7, 1e4}, values[] = {0, 1e-320, 1e-20, 1e-8, 0.1, 0.9999999, 1, 1.0000001, 3, 1e5};
    (void)state;
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(times); ++i)
        for (size_t j = 0; j < NTK_ARRAY_LENGTH(values); ++j) {
            ntk_flow f = {.s = times[i]};
            double s = exact_learned(times[i], values[j]), e = (double)expl(-(long double)times[i] * values[j]);
            /* One rounding each of the product, expm1, the quotient and the scaling. */
            kit_near(ntk_flow_learned(&f, values[j]), s, 4 * DBL_EPSILON * s);
            /* The exponent's own rounding is magnified by its size. */
            kit_near(ntk_flow_decay(&f, values[j]), e, (2 + times[i] * values[j]) * DBL_EPSILON * e);
        }
}

static void test_infinity_is_the_pseudo_inverse(void **state)
{
    ntk_flow f = {.s = INFINITY, .cutoff = 1e-10, .slack = 1e-8};
    (void)state;
    assert_true(ntk_flow_learned(&f, 4) == 0.25);
    assert_true(ntk_flow_learned(&f, 1e-10) == 0);
    assert_true(ntk_flow_learned(&f, 0) == 0);
    assert_true(ntk_flow_learned(&f, -1e-9) == 0);
    assert_true(ntk_flow_decay(&f, 4) == 0);
    assert_true(ntk_flow_decay(&f, 0) == 1);
    assert_true(ntk_flow_decay(&f, -1e-9) == 1);
}

static void test_zero_matrix_at_infinity(void **state)
{
    ntk_flow f = {.s = INFINITY};
    (void)state;
    assert_true(ntk_flow_decay(&f, 0) == 1);
    assert_true(ntk_flow_learned(&f, 0) == 0);
}

static void test_unresolved_modes_freeze_when_they_would_matter(void **state)
{
    ntk_flow early = {.s = 1e9, .cutoff = 1e-10}, late = {.s = 1e11, .cutoff = 1e-10};
    (void)state;
    assert_true(ntk_flow_learned(&early, 0) == 1e9);
    assert_true(ntk_flow_learned(&late, 0) == 0);
    assert_true(ntk_flow_learned(&late, 5e-11) == 0);
    assert_true(ntk_flow_decay(&late, 5e-11) == 1);
    kit_near(ntk_flow_learned(&late, 2e-10), 1 / 2e-10, 1e2);
}

static void test_ridge_and_slack(void **state)
{
    ntk_flow f = {.s = 2, .ridge = 0.5, .slack = 1e-8};
    (void)state;
    kit_near(ntk_flow_learned(&f, 0.5), 1 - exp(-2), 2 * DBL_EPSILON);
    kit_near(ntk_flow_decay(&f, 0.5), exp(-2), DBL_EPSILON);
    f.ridge = 0;
    assert_true(ntk_flow_decay(&f, -1e-9) == 1);
    kit_near(ntk_flow_decay(&f, -1), exp(2), 1e-14);
    kit_near(ntk_flow_learned(&f, -1), exp(2) - 1, 1e-14);
}

static void test_huge_times_stay_finite(void **state)
{
    ntk_flow f = {.s = DBL_MAX};
    (void)state;
    assert_true(ntk_flow_learned(&f, 100) == 0.01);
    assert_true(ntk_flow_decay(&f, 100) == 0);
    assert_true(ntk_flow_learned(&f, 0) == DBL_MAX);
}

static void test_open(void **state)
{
    double values[] = {4, 1e-20};
    ntk_spectrum s = {.size = 2, .tolerance = 1e-10, .values = values};
    ntk_flow f;
    kit_ok(*state, ntk_flow_open(*state, &s, 1, 0.5, 3, &f));
    assert_true(f.s == 1.5 && f.ridge == 1 && f.cutoff == 5e-10 && f.slack == 4e-8);
    kit_ok(*state, ntk_flow_open(*state, &s, 0, 0, INFINITY, &f)); /* eta / c may underflow */
    assert_true(isinf(f.s));
    values[1] = -1;
    kit_ok(*state, ntk_flow_open(*state, &s, 0, 1, 1e5, &f));
    kit_fails(*state, ntk_flow_open(*state, &s, 0, 1, INFINITY, &f), NTK_ERROR_UNSTABLE, "eigenvalue -1");
    kit_ok(*state, ntk_flow_open(*state, &s, 1, 1, INFINITY, &f));
}

static void test_checks(void **state)
{
    double rate;
    kit_ok(*state, ntk_check_time(*state, "t", 0));
    kit_ok(*state, ntk_check_time(*state, "t", INFINITY));
    kit_fails(*state, ntk_check_time(*state, "times[3]", -1), NTK_ERROR_ARGUMENT, "times[3] is -1");
    kit_fails(*state, ntk_check_time(*state, "t", NAN), NTK_ERROR_ARGUMENT, "t is");
    kit_ok(*state, ntk_check_rate(*state, 0, &rate));
    assert_true(rate == 1);
    kit_fails(*state, ntk_check_rate(*state, -2, &rate), NTK_ERROR_ARGUMENT, "-2");
    kit_fails(*state, ntk_check_rate(*state, INFINITY, &rate), NTK_ERROR_ARGUMENT, "learning_rate");
    kit_fails(*state, ntk_check_result(*state, "mean", NTK_F64, (double[]){1, INFINITY}, 2), NTK_ERROR_OVERFLOW, "mean: number 1");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(test_against_extended_precision),
        kit_test(test_infinity_is_the_pseudo_inverse),
        kit_test(test_zero_matrix_at_infinity),
        kit_test(test_unresolved_modes_freeze_when_they_would_matter),
        kit_test(test_ridge_and_slack),
        kit_test(test_huge_times_stay_finite),
        kit_test(test_open),
        kit_test(test_checks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
