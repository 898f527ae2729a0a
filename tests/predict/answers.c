#include "predict.h"

#include "kit.h"

static ntk_status check(ntk_context *ctx, int ndim, const int64_t *shape, int64_t lead, int64_t rows, int64_t columns, int64_t outputs)
{
    static double numbers[64];
    ntk_array a = ntk_array_dense(numbers, NTK_F64, ndim, shape);
    return ntk_check_answers(ctx, ntk_check_output, "mean", &a, NTK_F64, lead, rows, columns, outputs);
}

static void test_shapes_that_fit(void **state)
{
    kit_ok(*state, check(*state, NTK_SHAPE(4, 3), -1, 4, 3, 1));
    kit_ok(*state, check(*state, NTK_SHAPE(4, 1), -1, 4, 1, 1));
    kit_ok(*state, check(*state, NTK_SHAPE(4), -1, 4, 1, 0));
    kit_ok(*state, check(*state, NTK_SHAPE(2, 2), -1, 4, 1, 2));
    kit_ok(*state, check(*state, NTK_SHAPE(4), -1, 4, 1, 2));
    kit_ok(*state, check(*state, NTK_SHAPE(4, 1), -1, 4, 1, 2));
    kit_ok(*state, check(*state, NTK_SHAPE(5, 4, 3), 5, 4, 3, 1));
    kit_ok(*state, check(*state, NTK_SHAPE(5, 4), 5, 4, 1, 1));
    kit_ok(*state, check(*state, NTK_SHAPE(5, 2, 2), 5, 4, 1, 2));
    kit_ok(*state, check(*state, NTK_SHAPE(0, 4), 0, 4, 1, 1));
}

static void test_shapes_that_do_not(void **state)
{
    kit_fails(*state, check(*state, NTK_SHAPE(4), -1, 4, 3, 1), NTK_ERROR_SHAPE, "mean has shape [4]; expected [4, 3]");
    kit_fails(*state, check(*state, NTK_SHAPE(3, 4), -1, 4, 3, 1), NTK_ERROR_SHAPE, "expected [4, 3]");
    kit_fails(*state, check(*state, NTK_SHAPE(3, 2), -1, 4, 1, 2), NTK_ERROR_SHAPE, "expected [2, 2]");
    kit_fails(*state, check(*state, NTK_SHAPE(2, 2), -1, 4, 1, 1), NTK_ERROR_SHAPE, "expected [4, 1]");
    kit_fails(*state, check(*state, NTK_SHAPE(3, 2), -1, 5, 1, 2), NTK_ERROR_SHAPE, "expected [5, 1]");
    kit_fails(*state, check(*state, NTK_SHAPE(6, 4, 3), 5, 4, 3, 1), NTK_ERROR_SHAPE, "expected [5, 4, 3]");
    kit_fails(*state, check(*state, NTK_SHAPE(4, 3), 5, 4, 3, 1), NTK_ERROR_SHAPE, "expected [5, 4, 3]");
    kit_fails(*state, check(*state, 0, NULL, -1, 4, 3, 1), NTK_ERROR_SHAPE, "expected [4, 3]");
    kit_fails(*state, ntk_check_answers(*state, ntk_check_output, "mean", NULL, NTK_F64, -1, 4, 3, 1), NTK_ERROR_NULL, "mean is NULL");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(test_shapes_that_fit),
        kit_test(test_shapes_that_do_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
