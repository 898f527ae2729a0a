/* Every enum and its names, both ways; the numbers that belong to the ABI. */
#include "kit.h"

#include "core.h"

#include <string.h>

typedef struct row {
    int value;
    const char *name;
} row;

/* Round trip of each row; nothing outside the rows has a name; unknown names leave the value alone. */
#define CHECK_ENUM(E, ...)                                                                       \
    static void E##_names(void **state)                                                          \
    {                                                                                            \
        static const row rows[] = {__VA_ARGS__};                                                 \
        int named = 0;                                                                           \
        (void)state;                                                                             \
        for (size_t i = 0; i < NTK_ARRAY_LENGTH(rows); ++i) {                                    \
            ntk_##E value = (ntk_##E)99;                                                         \
            assert_non_null(ntk_##E##_name((ntk_##E)rows[i].value));                             \
            assert_string_equal(ntk_##E##_name((ntk_##E)rows[i].value), rows[i].name);           \
            assert_int_equal(ntk_##E##_from_name(rows[i].name, &value), 1);                      \
            assert_int_equal(value, rows[i].value);                                              \
        }                                                                                        \
        for (int v = -3; v < 200; ++v) named += ntk_##E##_name((ntk_##E)v) != NULL;              \
        assert_int_equal(named, NTK_ARRAY_LENGTH(rows));                                         \
        check_unknown_##E();                                                                     \
    }

#define CHECK_UNKNOWN(E)                                                                         \
    static void check_unknown_##E(void)                                                          \
    {                                                                                            \
        static const char *const unknown[] = {"", " ", "F64", "no such name", NULL};             \
        for (size_t i = 0; i < NTK_ARRAY_LENGTH(unknown); ++i) {                                 \
            ntk_##E value = (ntk_##E)99;                                                         \
            assert_int_equal(ntk_##E##_from_name(unknown[i], &value), 0);                        \
            assert_int_equal(value, 99);                                                         \
        }                                                                                        \
        assert_int_equal(ntk_##E##_from_name(ntk_##E##_name((ntk_##E)0), NULL), 0);              \
    }

CHECK_UNKNOWN(status)
CHECK_UNKNOWN(dtype)
CHECK_UNKNOWN(kind)
CHECK_UNKNOWN(outputs)
CHECK_UNKNOWN(algorithm)
CHECK_UNKNOWN(dropout)
CHECK_UNKNOWN(storage)
CHECK_UNKNOWN(posterior)
CHECK_UNKNOWN(decomposition)
CHECK_UNKNOWN(loss_scale)
CHECK_UNKNOWN(loss)
CHECK_UNKNOWN(descent)
CHECK_UNKNOWN(space)
CHECK_UNKNOWN(gramian)
CHECK_UNKNOWN(objective)
CHECK_UNKNOWN(measure)

/* The numbers are spelt out: they are part of the ABI. */
CHECK_ENUM(status, {0, "OK"}, {1, "ERROR_NULL"}, {2, "ERROR_ARGUMENT"}, {3, "ERROR_SHAPE"}, {4, "ERROR_DTYPE"}, {5, "ERROR_NOT_FINITE"},
           {6, "ERROR_OPTIONS"}, {7, "ERROR_OVERFLOW"}, {20, "ERROR_MEMORY"}, {21, "ERROR_MEMORY_LIMIT"}, {22, "ERROR_CANCELLED"},
           {40, "ERROR_SYNTAX"}, {41, "ERROR_NETWORK"}, {42, "ERROR_NO_RULE"}, {60, "ERROR_NOT_POSITIVE_DEFINITE"},
           {61, "ERROR_NOT_CONVERGED"}, {62, "ERROR_UNSTABLE"}, {63, "ERROR_UNREACHABLE"}, {80, "ERROR_CALLBACK"}, {81, "ERROR_UNSUPPORTED"}, {82, "ERROR_INTERNAL"})
CHECK_ENUM(dtype, {0, "f64"}, {1, "f32"}, {2, "i64"}, {3, "u8"})
CHECK_ENUM(kind, {0, "ntk"}, {1, "nngp"})
CHECK_ENUM(outputs, {0, "full"}, {1, "trace"}, {2, "diagonal"})
CHECK_ENUM(algorithm, {0, "auto"}, {1, "structured"}, {2, "contraction"}, {3, "products"}, {4, "mixed"})
CHECK_ENUM(dropout, {0, "training"}, {1, "inference"})
CHECK_ENUM(storage, {0, "auto"}, {1, "full"}, {2, "packed"}, {3, "none"})
CHECK_ENUM(posterior, {0, "ntk"}, {1, "nngp"}, {2, "ntkgp"})
CHECK_ENUM(decomposition, {0, "cholesky"}, {1, "eigen"}, {2, "cg"})
CHECK_ENUM(loss_scale, {0, "sum"}, {1, "mean"})
CHECK_ENUM(loss, {0, "mse"}, {1, "cross-entropy"}, {2, "logistic"}, {3, "huber"})
CHECK_ENUM(descent, {0, "gd"}, {1, "momentum"}, {2, "adam"})
CHECK_ENUM(space, {0, "auto"}, {1, "function"}, {2, "parameters"})
CHECK_ENUM(gramian, {0, "observability"}, {1, "controllability"})
CHECK_ENUM(objective, {0, "evidence"}, {1, "loo"}, {2, "loo_error"})
CHECK_ENUM(measure, {0, "condition"}, {1, "rank"}, {2, "unreachable"}, {3, "effective_dimension"}, {4, "alignment"}, {5, "log_evidence"},
           {6, "loo_error"}, {7, "loo_log_score"}, {8, "loo_accuracy"}, {9, "predicted_error"}, {10, "time_to_loss"}, {11, "largest_step"})

static void every_status_has_a_sentence(void **state)
{
    (void)state;
    assert_string_equal(ntk_status_message(NTK_OK), "success");
    assert_string_equal(ntk_status_message(NTK_ERROR_MEMORY), "out of memory");
    assert_string_equal(ntk_status_message((ntk_status)8), "unknown status");
    assert_string_equal(ntk_status_message((ntk_status)-1), "unknown status");
    for (int v = 0; v < 200; ++v) {
        bool known = strcmp(ntk_status_message((ntk_status)v), "unknown status") != 0;
        assert_int_equal(known, ntk_status_name((ntk_status)v) != NULL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(status_names),     cmocka_unit_test(dtype_names),         cmocka_unit_test(kind_names),
        cmocka_unit_test(outputs_names),    cmocka_unit_test(posterior_names),     cmocka_unit_test(decomposition_names),
        cmocka_unit_test(loss_scale_names), cmocka_unit_test(loss_names), cmocka_unit_test(objective_names), cmocka_unit_test(descent_names), cmocka_unit_test(space_names), cmocka_unit_test(gramian_names),       cmocka_unit_test(measure_names),
        cmocka_unit_test(algorithm_names),  cmocka_unit_test(storage_names),       cmocka_unit_test(every_status_has_a_sentence),
        cmocka_unit_test(dropout_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
