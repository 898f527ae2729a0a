#include "dense.h"

static void test_sizes_and_lifetimes(void **state)
{
    double k[9];
    ntk_system *s = NULL;
    ntk_gram *gram;
    kit_random_spd(1, 3, k);
    gram = dense_gram(*state, 3, k);
    kit_ok(*state, ntk_system_from_gram(*state, gram, NTK_KIND_NTK, &s));
    ntk_gram_destroy(gram);
    assert_int_equal(ntk_system_size(s), 3);
    assert_int_equal(ntk_system_size(NULL), -1);
    ntk_system_destroy(s);
    ntk_system_destroy(NULL);
}

/* -K as a matrix is the system of the gram; the arrays are copied, and may have strides of their own. */
static void test_both_ways_agree(void **state)
{
    double k[16], wide[32], w[16], v[16];
    ntk_array a = ntk_matrix_f64(wide, 4, 4), out = ntk_matrix_f64(w, 4, 4), other = ntk_matrix_f64(v, 4, 4);
    ntk_system *s = NULL, *t = NULL;
    ntk_gram *gram;
    kit_random_spd(2, 4, k);
    for (int i = 0; i < 16; ++i) wide[2 * i] = -k[i];
    a.strides[0] = 8;
    a.strides[1] = 2;
    gram = dense_gram(*state, 4, k);
    kit_ok(*state, ntk_system_from_gram(*state, gram, NTK_KIND_NTK, &s));
    kit_ok(*state, ntk_system_from_matrices(*state, &a, NULL, NULL, &t));
    memset(wide, 0, sizeof wide);
    kit_ok(*state, ntk_system_gramian(*state, s, NTK_GRAMIAN_OBSERVABILITY, 2, &out));
    kit_ok(*state, ntk_system_gramian(*state, t, NTK_GRAMIAN_OBSERVABILITY, 2, &other));
    kit_close(16, w, v, 0);
    ntk_system_destroy(t);
    ntk_system_destroy(s);
    ntk_gram_destroy(gram);
}

/* Chosen outputs of a gram: the system of the same matrices, made without another decomposition, alive without its origin. */
static void test_ports(void **state)
{
    double k[16], a[16], b[8], c[4], w[2][16];
    ntk_array aa = ntk_matrix_f64(a, 4, 4), bb = ntk_matrix_f64(b, 4, 2), cc = ntk_matrix_f64(c, 1, 4);
    ntk_system *bare = NULL, *seen = NULL, *both = NULL, *wanted = NULL;
    ntk_gram *gram;
    kit_random_spd(3, 4, k);
    kit_random(4, 8, b);
    kit_random(5, 4, c);
    for (int i = 0; i < 16; ++i) a[i] = -k[i];
    gram = dense_gram(*state, 4, k);
    kit_ok(*state, ntk_system_from_gram(*state, gram, NTK_KIND_NTK, &bare));
    kit_ok(*state, ntk_system_with_ports(*state, bare, NULL, &cc, &seen));
    kit_ok(*state, ntk_system_with_ports(*state, seen, &bb, NULL, &both)); /* keeps C */
    kit_ok(*state, ntk_system_from_matrices(*state, &aa, &bb, &cc, &wanted));
    ntk_system_destroy(bare);
    ntk_system_destroy(seen);
    memset(b, 0, sizeof b);
    memset(c, 0, sizeof c);
    assert_int_equal(ntk_system_inputs(both), 2);
    assert_int_equal(ntk_system_outputs(both), 1);
    for (ntk_gramian which = 0; which < 2; ++which) {
        for (int i = 0; i < 2; ++i) kit_ok(*state, ntk_system_gramian(*state, i ? wanted : both, which, INFINITY, &(ntk_array){.data = w[i], .dtype = NTK_F64, .ndim = 2, .shape = {4, 4}, .strides = {4, 1}}));
        kit_close(16, w[0], w[1], 0);
    }
    seen = NULL;
    kit_fails(*state, ntk_system_with_ports(*state, both, NULL, &bb, &seen), NTK_ERROR_SHAPE, "c has shape [4, 2]; expected [any, 4]");
    assert_null(seen);
    ntk_system_destroy(wanted);
    ntk_system_destroy(both);
    ntk_gram_destroy(gram);
}

static void test_empty(void **state)
{
    double nothing;
    ntk_array a = ntk_matrix_f64(NULL, 0, 0);
    ntk_system *s = NULL;
    kit_ok(*state, ntk_system_from_matrices(*state, &a, NULL, NULL, &s));
    kit_ok(*state, ntk_system_gramian(*state, s, NTK_GRAMIAN_OBSERVABILITY, INFINITY, &a));
    kit_ok(*state, ntk_system_residual(*state, s, NTK_GRAMIAN_OBSERVABILITY, &a, &nothing));
    assert_true(nothing == 0);
    ntk_system_destroy(s);
}

static void test_refusals(void **state)
{
    double good[4] = {-1, 0.5, 0.5, -1}, bad[6] = {NAN}, six[6] = {0};
    ntk_array a = ntk_matrix_f64(good, 2, 2), not_finite = ntk_matrix_f64(bad, 2, 2);
    ntk_array oblong = ntk_matrix_f64(six, 2, 3), b = ntk_matrix_f64(six, 3, 2), c = ntk_matrix_f64(six, 2, 3);
    ntk_gram *gram;
    ntk_system *s = NULL;
    gram = dense_gram(*state, 2, good);
    kit_fails(*state, ntk_system_from_gram(*state, NULL, NTK_KIND_NTK, &s), NTK_ERROR_NULL, "gram is NULL");
    kit_fails(*state, ntk_system_from_gram(*state, gram, NTK_KIND_NNGP, &s), NTK_ERROR_ARGUMENT, "nngp");
    kit_fails(*state, ntk_system_from_gram(*state, gram, NTK_KIND_NTK, NULL), NTK_ERROR_NULL, "system is NULL");
    kit_fails(*state, ntk_system_from_matrices(*state, NULL, NULL, NULL, &s), NTK_ERROR_NULL, "a is NULL");
    kit_fails(*state, ntk_system_from_matrices(*state, &not_finite, NULL, NULL, &s), NTK_ERROR_NOT_FINITE, "a[0, 0]");
    kit_fails(*state, ntk_system_from_matrices(*state, &oblong, NULL, NULL, &s), NTK_ERROR_SHAPE, "a has shape [2, 3]; expected [2, 2]");
    kit_fails(*state, ntk_system_from_matrices(*state, &a, &b, NULL, &s), NTK_ERROR_SHAPE, "b has shape [3, 2]; expected [2, any]");
    kit_fails(*state, ntk_system_from_matrices(*state, &a, NULL, &c, &s), NTK_ERROR_SHAPE, "c has shape [2, 3]; expected [any, 2]");
    kit_fails(*state, ntk_system_from_matrices(*state, &a, NULL, &not_finite, &s), NTK_ERROR_NOT_FINITE, "c[0, 0]");
    assert_null(s);
    ntk_gram_destroy(gram);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        kit_test(test_sizes_and_lifetimes),
        kit_test(test_both_ways_agree),
        kit_test(test_ports),
        kit_test(test_empty),
        kit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
