/*
 * Normwise backward error of an approximate solution x of A x = b, A = K + ridge I, per column
 *
 *     eta = |b - A x| / (|A| |x| + |b|)      (infinity norms; Rigal & Gaches 1967):
 *
 * the smallest eta such that (A + E) x = b + f with |E| <= eta |A|, |f| <= eta |b|.  A comes from the gram block by block
 * of rows, and the residual is formed in f64 also for f32, where it would otherwise be rounding itself.
 */
#include "solve.h"

#include <math.h>
#include <string.h>

#define BLOCK 256

typedef struct measure {
    const ntk_solver *solver;
    int64_t n, m;
    double *x, *b;      /* [N, m] */
    void *stored;       /* [BLOCK, N] of the gram's dtype */
    double *a, *r;      /* [BLOCK, N], [BLOCK, m] */
    double norm;        /* |A|: largest row sum so far */
    double *residual;   /* [m]: largest |b - A x| so far */
} measure;

void ntk_solve_widen(ntk_dtype dtype, int64_t count, const void *from, double *to)
{
    const float *numbers = from;
    if (count == 0) return;
    if (dtype == NTK_F64) memcpy(to, from, (size_t)count * sizeof *to);
    else for (int64_t i = 0; i < count; ++i) to[i] = (double)numbers[i];
}

static ntk_status dense_f64(ntk_context *ctx, const char *name, const ntk_array *v, double **dense)
{
    ntk_status status;
    void *copy = NULL;
    NTK_TRY(ntk_check_finite(ctx, name, v));
    NTK_TRY(ntk_copy_dense(ctx, v, &copy));
    NTK_TRY(NTK_NEW_RAW(ctx, ntk_array_size(v), dense));
    ntk_solve_widen(v->dtype, ntk_array_size(v), copy, *dense);
done:
    ntk_free(copy);
    return status;
}

static ntk_status measure_open(ntk_context *ctx, const ntk_solver *solver, const ntk_array *b, const ntk_array *x, measure *s)
{
    ntk_status status;
    const ntk_gram *g = solver->gram;
    *s = (measure){.solver = solver, .n = g->size, .m = b->shape[1]};
    NTK_TRY(dense_f64(ctx, "b", b, &s->b));
    NTK_TRY(dense_f64(ctx, "x", x, &s->x));
    NTK_TRY(ntk_allocate_raw(ctx, BLOCK * s->n, ntk_dtype_size(g->dtype), &s->stored));
    NTK_TRY(NTK_NEW_RAW(ctx, BLOCK * s->n, &s->a));
    NTK_TRY(NTK_NEW_RAW(ctx, BLOCK * s->m, &s->r));
    NTK_TRY(NTK_NEW(ctx, s->m, &s->residual));
done:
    return status;
}

static void measure_close(measure *s)
{
    ntk_free(s->residual);
    ntk_free(s->r);
    ntk_free(s->a);
    ntk_free(s->stored);
    ntk_free(s->x);
    ntk_free(s->b);
}

/* s->a = rows [row, row + count) of A. */
static ntk_status fetch_rows(ntk_context *ctx, measure *s, int64_t row, int64_t count)
{
    const ntk_gram *g = s->solver->gram;
    ntk_array block = ntk_array_dense(s->stored, g->dtype, NTK_SHAPE(count, s->n));
    ntk_status status = ntk_gram_get_block(ctx, g, s->solver->kind, row, 0, &block);
    if (status != NTK_OK) return status;
    ntk_solve_widen(g->dtype, count * s->n, s->stored, s->a);
    for (int64_t i = 0; i < count; ++i) s->a[i * s->n + row + i] += s->solver->ridge;
    return NTK_OK;
}

static double absolute_sum(int64_t n, const double *v)
{
    double sum = 0;
    for (int64_t i = 0; i < n; ++i) sum += fabs(v[i]);
    return sum;
}

/* largest[j] = max(largest[j], |v_ij|) over the rows of v. */
static void column_maxima(int64_t rows, int64_t columns, const double *v, double *largest)
{
    for (int64_t i = 0; i < rows; ++i)
        for (int64_t j = 0; j < columns; ++j) largest[j] = fmax(largest[j], fabs(v[i * columns + j]));
}

static ntk_status measure_rows(ntk_context *ctx, measure *s, int64_t row, int64_t count)
{
    ntk_status status;
    NTK_TRY(fetch_rows(ctx, s, row, count));
    for (int64_t i = 0; i < count; ++i) s->norm = fmax(s->norm, absolute_sum(s->n, s->a + i * s->n));
    ntk_solve_widen(NTK_F64, count * s->m, s->b + row * s->m, s->r);
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, count, s->m, s->n, -1, s->a, s->n, s->x, s->m, 1, s->r, s->m));
    column_maxima(count, s->m, s->r, s->residual);
done:
    return status;
}

static ntk_status worst_column(ntk_context *ctx, const measure *s, double *error)
{
    ntk_status status;
    double *x = NULL, *b = NULL;
    NTK_TRY(NTK_NEW(ctx, s->m, &x));
    NTK_TRY(NTK_NEW(ctx, s->m, &b));
    column_maxima(s->n, s->m, s->x, x);
    column_maxima(s->n, s->m, s->b, b);
    *error = 0;
    for (int64_t j = 0; j < s->m; ++j)
        if (s->residual[j] > 0) *error = fmax(*error, s->residual[j] / (s->norm * x[j] + b[j]));
done:
    ntk_free(b);
    ntk_free(x);
    return status;
}

ntk_status ntk_solver_backward_error(ntk_context *ctx, const ntk_solver *solver, const ntk_array *b, const ntk_array *x, double *error)
{
    ntk_status status;
    measure s = {0};
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, solver);
    NTK_REQUIRE(ctx, error);
    NTK_TRY(ntk_check_shape(ctx, "b", b, solver->gram->dtype, NTK_SHAPE(solver->gram->size, -1)));
    NTK_TRY(ntk_check_shape(ctx, "x", x, solver->gram->dtype, NTK_SHAPE(solver->gram->size, b->shape[1])));
    NTK_TRY(measure_open(ctx, solver, b, x, &s));
    for (int64_t row = 0; row < s.n; row += BLOCK) {
        int64_t count = NTK_MIN(BLOCK, s.n - row);
        NTK_TRY_PART(ctx, (double)row / (double)s.n, (double)(row + count) / (double)s.n, measure_rows(ctx, &s, row, count));
    }
    NTK_TRY(worst_column(ctx, &s, error));
done:
    measure_close(&s);
    return status;
}
