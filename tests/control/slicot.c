/* SLICOT as an oracle, on random stable systems: SB03MD for Gramians, continuous and discrete, AB09AD for Hankel values and reductions. */
#include "general.h"

void sb03md_(const char *dico, const char *job, const char *fact, const char *trana, const int *n, double *a, const int *lda, double *u, const int *ldu,
             double *c, const int *ldc, double *scale, double *sep, double *ferr, double *wr, double *wi, int *iwork, double *dwork, const int *ldwork,
             int *info);
void ab09ad_(const char *dico, const char *job, const char *equil, const char *ordsel, const int *n, const int *m, const int *p, int *nr, double *a,
             const int *lda, double *b, const int *ldb, double *c, const int *ldc, double *hsv, const double *tol, int *iwork, double *dwork,
             const int *ldwork, int *iwarn, int *info);

static double *new_numbers(int64_t count)
{
    double *v = calloc((size_t)count + 1, sizeof *v);
    assert_non_null(v);
    return v;
}

/* Row-major a and c reach Fortran as their transposes: the equation of the transposed A.  discrete: op(A)ᵀ X op(A) - X = c. */
static void oracle(const char *dico, bool observability, int n, const double *a, double *c)
{
    double *copy = new_numbers(n * n), *u = new_numbers(n * n), *work = new_numbers(6 * n * n + 20 * n), *wr = new_numbers(n), *wi = new_numbers(n);
    double scale, sep, error;
    int *iwork = calloc((size_t)(n * n) + 1, sizeof *iwork), room = 6 * n * n + 20 * n, info;
    memcpy(copy, a, (size_t)(n * n) * sizeof *copy);
    sb03md_(dico, "X", "N", observability ? "T" : "N", &n, copy, &n, u, &n, c, &n, &scale, &sep, &error, wr, wi, iwork, work, &room, &info);
    assert_int_equal(info, 0);
    for (int i = 0; i < n * n; ++i) c[i] /= scale;
    free(iwork), free(wi), free(wr), free(work), free(u), free(copy);
}

static void right_side(const general *g, bool observability, double *q)
{
    for (int i = 0; i < g->n; ++i)
        for (int j = 0; j < g->n; ++j) {
            double sum = 0;
            if (observability)
                for (int k = 0; k < g->p; ++k) sum += g->c[k * g->n + i] * g->c[k * g->n + j];
            else
                for (int k = 0; k < g->m; ++k) sum += g->b[i * g->m + k] * g->b[j * g->m + k];
            q[i * g->n + j] = -sum;
        }
}

/* Of an indefinite right side, too: q - 1. */
static void check_equation(ntk_context *ctx, const general *g, const ntk_system *s)
{
    double *x = new_numbers(g->n * g->n), *q = new_numbers(g->n * g->n);
    ntk_array qq = ntk_matrix_f64(q, g->n, g->n), xx = ntk_matrix_f64(x, g->n, g->n);
    for (ntk_gramian which = 0; which < 2; ++which) {
        right_side(g, which == NTK_GRAMIAN_OBSERVABILITY, q);
        for (int i = 0; i < g->n * g->n; ++i) q[i] = -q[i] - (i % (g->n + 1) == 0);
        kit_ok(ctx, ntk_system_lyapunov(ctx, s, which, &qq, &xx));
        for (int i = 0; i < g->n * g->n; ++i) q[i] = -q[i];
        oracle("C", which == NTK_GRAMIAN_OBSERVABILITY, g->n, g->a, q);
        kit_close(g->n * g->n, x, q, 1e-10);
    }
    free(q), free(x);
}

static void check_gramians(ntk_context *ctx, const general *g, const ntk_system *s)
{
    double *w = new_numbers(g->n * g->n), *wanted = new_numbers(g->n * g->n), *e = new_numbers(g->n * g->n), step = 0.2;
    ntk_array out = ntk_matrix_f64(w, g->n, g->n);
    for (int i = 0; i < g->n * g->n; ++i) e[i] = (i % (g->n + 1) == 0) + step * g->a[i];
    for (ntk_gramian which = 0; which < 2; ++which) {
        bool observability = which == NTK_GRAMIAN_OBSERVABILITY;
        kit_ok(ctx, ntk_system_gramian(ctx, s, which, INFINITY, &out));
        right_side(g, observability, wanted);
        oracle("C", observability, g->n, g->a, wanted);
        kit_close(g->n * g->n, w, wanted, 1e-10);
        kit_ok(ctx, ntk_system_discrete_gramian(ctx, s, which, step, &out));
        right_side(g, observability, wanted);
        oracle("D", observability, g->n, e, wanted);
        kit_close(g->n * g->n, w, wanted, 1e-10);
    }
    free(e), free(wanted), free(w);
}

/* Fortran's layout, in and out. */
static void turn(int rows, int columns, const double *from, double *to)
{
    for (int i = 0; i < rows; ++i)
        for (int j = 0; j < columns; ++j) to[j * rows + i] = from[i * columns + j];
}

static void check_reduction(ntk_context *ctx, const general *g, const ntk_system *s, int k)
{
    int n = g->n, room = n * (3 * n + g->m + g->p + 10) + n * n, warning, info, order = k;
    double *a = new_numbers(n * n), *b = new_numbers(n * g->m), *c = new_numbers(g->p * n), *hsv = new_numbers(n), *sigma = new_numbers(n);
    double *work = new_numbers(room), zero = 0;
    general ours = {k, g->m, g->p, new_numbers(k * k), new_numbers(k * g->m), new_numbers(g->p * k)};
    general theirs = {k, g->m, g->p, new_numbers(k * k), new_numbers(k * g->m), new_numbers(g->p * k)};
    ntk_array values = ntk_vector_f64(sigma, n), aa = ntk_matrix_f64(ours.a, k, k), bb = ntk_matrix_f64(ours.b, k, g->m), cc = ntk_matrix_f64(ours.c, g->p, k);
    ntk_system *r = NULL;
    turn(n, n, g->a, a), turn(n, g->m, g->b, b), turn(g->p, n, g->c, c);
    ab09ad_("C", "B", "N", "F", &n, &g->m, &g->p, &order, a, &n, b, &n, c, &g->p, hsv, &zero, NULL, work, &room, &warning, &info);
    assert_int_equal(info, 0);
    assert_int_equal(order, k);
    for (int i = 0; i < k; ++i) {
        for (int j = 0; j < k; ++j) theirs.a[i * k + j] = a[j * n + i];
        for (int j = 0; j < g->m; ++j) theirs.b[i * g->m + j] = b[j * n + i];
        for (int j = 0; j < g->p; ++j) theirs.c[j * k + i] = c[i * g->p + j];
    }
    kit_ok(ctx, ntk_system_hankel(ctx, s, &values));
    for (int i = 0; i < n; ++i) kit_near(sigma[i], hsv[i], 1e-10 * hsv[0]);
    kit_ok(ctx, ntk_system_reduce(ctx, s, k, NULL, &r));
    kit_ok(ctx, ntk_system_get_matrices(ctx, r, &aa, &bb, &cc));
    for (double omega = 0.01; omega < 100; omega *= 3) kit_near(general_distance(&ours, &theirs, omega), 0, 1e-10 * hsv[0]);
    ntk_system_destroy(r);
    general_close(&theirs), general_close(&ours);
    free(work), free(sigma), free(hsv), free(c), free(b), free(a);
}

static void test_random_systems(void **state)
{
    static const int sizes[] = {1, 2, 3, 10, 47, 50, 97, 200};
    for (int i = 0; i < 8; ++i) {
        general g = general_open(40 + (uint64_t)i, sizes[i], 2, 3, 1.6);
        ntk_system *s = general_system(*state, &g);
        check_gramians(*state, &g, s);
        check_equation(*state, &g, s);
        check_reduction(*state, &g, s, sizes[i] < 6 ? sizes[i] : 6);
        ntk_system_destroy(s);
        general_close(&g);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {kit_test(test_random_systems)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
