/* The golden trajectories p03 and p04 (tests/golden): training and test outputs from a start that is not 0; p04 with a ridge
 * on the kernel that trains. */
#include "dense.h"
#include "golden.h"

#include <stdlib.h>

/* got [times, rows, columns] against the files name_00, name_01, ... */
static void compare(const char *folder, const char *name, int n_times, const double *got)
{
    for (int i = 0; i < n_times; ++i) {
        ntk_array wanted;
        double *numbers = golden_load(folder, name, i, &wanted);
        int64_t count = wanted.shape[0] * wanted.shape[1];
        kit_close(count, got + i * count, numbers, 1e-11);
        free(numbers);
    }
}

static void check_case(ntk_context *ctx, const char *folder, double ridge, int n_times, const double *times)
{
    static const char *const names[] = {"ntk_train_train", "ntk_test_train", "y_train", "f0_train", "f0_test"};
    double *numbers[5], got[256];
    ntk_array a[5], f;
    ntk_dynamics_options o = {NTK_DYNAMICS_OPTIONS_INIT, .loss_scale = NTK_LOSS_SCALE_MEAN, .learning_rate = 0.9, .f0 = &a[3]};
    ntk_gram *gram = NULL;
    ntk_dynamics *d = NULL;
    for (int i = 0; i < 5; ++i) numbers[i] = golden_load(folder, names[i], -1, &a[i]);
    dense_shift(a[0].shape[0], ridge, numbers[0]);
    kit_ok(ctx, ntk_gram_from_matrix(ctx, &a[0], &gram));
    kit_ok(ctx, ntk_dynamics_create(ctx, gram, &a[2], &o, &d));
    f = ntk_array_dense(got, NTK_F64, 3, (int64_t[]){n_times, a[2].shape[0], a[2].shape[1]});
    kit_ok(ctx, ntk_dynamics_at(ctx, d, times, n_times, &f));
    compare(folder, "train", n_times, got);
    f = ntk_array_dense(got, NTK_F64, 3, (int64_t[]){n_times, a[1].shape[0], a[2].shape[1]});
    kit_ok(ctx, ntk_dynamics_test_at(ctx, d, &a[1], &a[4], times, n_times, &f));
    compare(folder, "test", n_times, got);
    ntk_dynamics_destroy(d);
    ntk_gram_destroy(gram);
    for (int i = 0; i < 5; ++i) free(numbers[i]);
}

static void test_p03(void **state)
{
    check_case(*state, "p03_from_nonzero_start", 0, 4, (double[]){0, 2, 50, INFINITY});
}

static void test_p04(void **state)
{
    check_case(*state, "p04_from_nonzero_start_ridge", 0.02, 3, (double[]){0, 2, 50});
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_p03), kit_test(test_p04)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
