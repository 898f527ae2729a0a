/*
 * J by functions of the caller.  Of J v, Jᵀ u and rows of J each can be put together from another one:
 *
 *     rows      r -> Jᵀ e_r;   or column by column,  J e_c,  of which some rows are kept
 *     J v       rows of J times v, block by block
 *     Jᵀ u      the sum of u_r times row r, block by block;   or, of a jvp alone,  <J e_c, u>  for each column
 *
 * so that one function suffices.  Everything they write goes through a guard (guard.c).
 */
#include "finite.h"
#include "linalg.h"

#include <string.h>

/* Numbers of a block of rows: 16 MiB. */
#define BLOCK ((int64_t)1 << 21)

static ntk_status call_jvp(ntk_context *ctx, const ntk_jacobian *j, const double *v, ntk_guard *g)
{
    ntk_guard_arm(g, j->rows);
    return ntk_guard_check(ctx, g, "jvp", j->functions.jvp(j->functions.user, j->columns, v, j->rows, g->out));
}

static ntk_status call_vjp(ntk_context *ctx, const ntk_jacobian *j, const double *u, ntk_guard *g)
{
    ntk_guard_arm(g, j->columns);
    return ntk_guard_check(ctx, g, "vjp", j->functions.vjp(j->functions.user, j->rows, u, j->columns, g->out));
}

/* ---- rows ------------------------------------------------------------------------------------------------------ */

static int64_t rows_per_block(const ntk_jacobian *j, int64_t count)
{
    return NTK_MAX(NTK_MIN(BLOCK / NTK_MAX(j->columns, 1), count), 1);
}

static ntk_status rows_by_rows(ntk_context *ctx, const ntk_jacobian *j, int64_t first, int64_t count, double *out)
{
    ntk_status status;
    ntk_guard g;
    int64_t block = rows_per_block(j, count), p = j->columns;
    NTK_TRY(ntk_guard_open(ctx, block * p, &g));
    for (int64_t at = 0; at < count; at += block) {
        int64_t m = NTK_MIN(block, count - at);
        ntk_guard_arm(&g, m * p);
        NTK_TRY(ntk_guard_check(ctx, &g, "get_rows", j->functions.get_rows(j->functions.user, first + at, m, p, g.out)));
        memcpy(out + at * p, g.out, (size_t)(m * p) * sizeof *out);
        NTK_TRY(ntk_progress(ctx, (double)(at + m) / (double)count));
    }
done:
    ntk_guard_close(&g);
    return status;
}

static ntk_status rows_by_vjp(ntk_context *ctx, const ntk_jacobian *j, int64_t first, int64_t count, double *out)
{
    ntk_status status;
    ntk_guard g = {NULL, NULL, 0};
    double *unit = NULL;
    NTK_TRY(NTK_NEW(ctx, j->rows, &unit));
    NTK_TRY(ntk_guard_open(ctx, j->columns, &g));
    for (int64_t r = 0; r < count; ++r) {
        unit[first + r] = 1;
        NTK_TRY(call_vjp(ctx, j, unit, &g));
        unit[first + r] = 0;
        memcpy(out + r * j->columns, g.out, (size_t)j->columns * sizeof *out);
        NTK_TRY(ntk_progress(ctx, (double)(r + 1) / (double)count));
    }
done:
    ntk_guard_close(&g);
    ntk_free(unit);
    return status;
}

/* What becomes of column c of J. */
typedef void (*use_column)(void *user, const ntk_jacobian *j, int64_t c, const double *column);

static ntk_status each_column(ntk_context *ctx, const ntk_jacobian *j, use_column use, void *user)
{
    ntk_status status;
    ntk_guard g = {NULL, NULL, 0};
    double *unit = NULL;
    NTK_TRY(NTK_NEW(ctx, j->columns, &unit));
    NTK_TRY(ntk_guard_open(ctx, j->rows, &g));
    for (int64_t c = 0; c < j->columns; ++c) {
        unit[c] = 1;
        NTK_TRY(call_jvp(ctx, j, unit, &g));
        unit[c] = 0;
        use(user, j, c, g.out);
        NTK_TRY(ntk_progress(ctx, (double)(c + 1) / (double)j->columns));
    }
done:
    ntk_guard_close(&g);
    ntk_free(unit);
    return status;
}

typedef struct kept_rows {
    int64_t first, count;
    double *out;
} kept_rows;

static void keep_rows(void *user, const ntk_jacobian *j, int64_t c, const double *column)
{
    const kept_rows *k = user;
    for (int64_t r = 0; r < k->count; ++r) k->out[r * j->columns + c] = column[k->first + r];
}

static ntk_status callbacks_rows(ntk_context *ctx, const ntk_jacobian *j, int64_t first, int64_t count, void *out)
{
    kept_rows k = {first, count, out};
    if (count == 0) return NTK_OK;
    if (j->functions.get_rows) return rows_by_rows(ctx, j, first, count, out);
    return j->functions.vjp ? rows_by_vjp(ctx, j, first, count, out) : each_column(ctx, j, keep_rows, &k);
}

/* ---- products -------------------------------------------------------------------------------------------------- */

/* J v (out [rows]) or Jᵀ u (out [columns]) from the rows of J. */
static ntk_status by_blocks(ntk_context *ctx, const ntk_jacobian *j, bool transposed, const double *in, double *out)
{
    ntk_status status;
    double *rows = NULL;
    int64_t block = rows_per_block(j, j->rows), p = j->columns;
    NTK_TRY(NTK_NEW_RAW(ctx, block * p, &rows));
    for (int64_t c = 0; transposed && c < p; ++c) out[c] = 0;
    for (int64_t at = 0; at < j->rows; at += block) {
        int64_t m = NTK_MIN(block, j->rows - at);
        NTK_TRY_PART(ctx, (double)at / (double)j->rows, (double)(at + m) / (double)j->rows, callbacks_rows(ctx, j, at, m, rows));
        if (transposed) NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_TRANSPOSED, NTK_PLAIN, p, 1, m, 1, rows, p, in + at, 1, 1, out, 1));
        else NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, m, 1, p, 1, rows, p, in, 1, 0, out + at, 1));
    }
done:
    ntk_free(rows);
    return status;
}

static ntk_status callbacks_apply(ntk_context *ctx, const ntk_jacobian *j, const void *v, void *out)
{
    ntk_status status;
    ntk_guard g;
    if (!j->functions.jvp) return by_blocks(ctx, j, false, v, out);
    NTK_TRY(ntk_guard_open(ctx, j->rows, &g));
    NTK_TRY(call_jvp(ctx, j, v, &g));
    memcpy(out, g.out, (size_t)j->rows * sizeof *g.out);
done:
    ntk_guard_close(&g);
    return status;
}

typedef struct projected {
    const double *u;
    double *out;
} projected;

static void project(void *user, const ntk_jacobian *j, int64_t c, const double *column)
{
    const projected *k = user;
    k->out[c] = 0;
    for (int64_t r = 0; r < j->rows; ++r) k->out[c] += column[r] * k->u[r];
}

static ntk_status callbacks_apply_transposed(ntk_context *ctx, const ntk_jacobian *j, const void *u, void *out)
{
    ntk_status status;
    ntk_guard g;
    projected k = {u, out};
    if (!j->functions.vjp && j->functions.get_rows) return by_blocks(ctx, j, true, u, out);
    if (!j->functions.vjp) return each_column(ctx, j, project, &k);
    NTK_TRY(ntk_guard_open(ctx, j->columns, &g));
    NTK_TRY(call_vjp(ctx, j, u, &g));
    memcpy(out, g.out, (size_t)j->columns * sizeof *g.out);
done:
    ntk_guard_close(&g);
    return status;
}

static const ntk_jacobian_class of_callbacks = {"callbacks", callbacks_apply, callbacks_apply_transposed, callbacks_rows};

/* ---- the handle ------------------------------------------------------------------------------------------------ */

static ntk_status check(ntk_context *ctx, const ntk_jacobian_functions *f)
{
    if (!f->jvp && !f->vjp && !f->get_rows) return ntk_fail(ctx, NTK_ERROR_NULL, "functions holds none of jvp, vjp and get_rows; expected one at least");
    if (f->rows < 0 || f->columns < 0)
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "functions says %lld rows and %lld columns; expected numbers >= 0", (long long)f->rows, (long long)f->columns);
    return ntk_jacobian_check_outputs(ctx, "J of the functions", f->rows, f->outputs);
}

ntk_status ntk_jacobian_from_callbacks(ntk_context *ctx, const ntk_jacobian_functions *functions, ntk_jacobian **jacobian)
{
    ntk_status status;
    ntk_jacobian *j = NULL;
    ntk_jacobian_functions f;
    NTK_ENTER_NEW(ctx, jacobian);
    NTK_REQUIRE(ctx, functions);
    NTK_TRY(NTK_OPTIONS_READ(ctx, functions, &f));
    if (f.outputs == 0) f.outputs = 1;
    NTK_TRY(check(ctx, &f));
    NTK_TRY(NTK_NEW_HANDLE(ctx, &j));
    j->class = &of_callbacks;
    j->rows = f.rows;
    j->columns = f.columns;
    j->outputs = f.outputs;
    j->functions = f;
    *jacobian = j;
    j = NULL;
done:
    ntk_jacobian_destroy(j);
    return status;
}
