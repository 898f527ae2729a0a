/*
 * J = df/dtheta [n o, p] as an operator: v -> J v, u -> Jᵀ u, and rows, row = sample o + output.  The handle and its
 * door, in the type of J; what it does, its source does (jacobian_network.c, jacobian_matrix.c).
 */
#include "finite.h"
#include "linalg.h"

#include <math.h>

void ntk_jacobian_destroy(ntk_jacobian *jacobian)
{
    if (!ntk_object_release(jacobian)) return;
    ntk_network_destroy(jacobian->network);
    ntk_sites_close(&jacobian->sites);
    ntk_free(jacobian->x);
    ntk_free(jacobian->theta);
    ntk_free(jacobian->copy);
    for (int64_t i = 0; i < jacobian->n_parts; ++i) ntk_jacobian_destroy((ntk_jacobian *)(uintptr_t)jacobian->parts[i]);
    ntk_free(jacobian->parts);
    ntk_free(jacobian->ranges);
    ntk_free(jacobian);
}

int64_t ntk_jacobian_rows(const ntk_jacobian *jacobian)
{
    return jacobian ? jacobian->rows : -1;
}

int64_t ntk_jacobian_columns(const ntk_jacobian *jacobian)
{
    return jacobian ? jacobian->columns : -1;
}

int64_t ntk_jacobian_outputs(const ntk_jacobian *jacobian)
{
    return jacobian ? jacobian->outputs : -1;
}

ntk_dtype ntk_jacobian_dtype(const ntk_jacobian *jacobian)
{
    return jacobian ? jacobian->dtype : NTK_F64;
}

/* ---- the door -------------------------------------------------------------------------------------------------- */

typedef ntk_status (*product)(ntk_context *ctx, const ntk_jacobian *j, const void *in, void *out);

/* A vector of `from` numbers in, one of `to` numbers out.  run: by dtype. */
static ntk_status multiply(ntk_context *ctx, const ntk_jacobian *j, const product run[2], const char *name, const ntk_array *in, int64_t from,
                           ntk_array *out, int64_t to)
{
    ntk_status status;
    const void *dense;
    void *copy = NULL, *result = NULL;
    NTK_TRY(ntk_check_shape(ctx, name, in, j->dtype, NTK_SHAPE(from)));
    NTK_TRY(ntk_check_finite(ctx, name, in));
    NTK_TRY(ntk_check_output(ctx, "out", out, j->dtype, NTK_SHAPE(to)));
    NTK_TRY(ntk_allocate_raw(ctx, to, ntk_dtype_size(j->dtype), &result));
    NTK_TRY(ntk_borrow(ctx, in, &dense, &copy));
    NTK_TRY_PART(ctx, 0, 1, run[j->dtype](ctx, j, dense, result));
    ntk_store(out, result);
done:
    ntk_free(copy);
    ntk_free(result);
    return status;
}

ntk_status ntk_jacobian_apply(ntk_context *ctx, const ntk_jacobian *jacobian, const ntk_array *v, ntk_array *out)
{
    static const product run[2] = NTK_BOTH(ntk_jacobian_dense_apply);
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, jacobian);
    return multiply(ctx, jacobian, run, "v", v, jacobian->columns, out, jacobian->rows);
}

ntk_status ntk_jacobian_apply_transposed(ntk_context *ctx, const ntk_jacobian *jacobian, const ntk_array *u, ntk_array *out)
{
    static const product run[2] = NTK_BOTH(ntk_jacobian_dense_apply_transposed);
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, jacobian);
    return multiply(ctx, jacobian, run, "u", u, jacobian->rows, out, jacobian->columns);
}

static bool rows_are_dense(const ntk_array *a)
{
    return (a->shape[1] <= 1 || a->strides[1] == 1) && (a->shape[0] <= 1 || a->strides[0] == a->shape[1]);
}

/*
 * Rows per step: those of 64 MiB.  Straight into the caller's memory they may be more, as large products are faster and
 * nothing is held.
 */
static int64_t rows_per_step(const ntk_jacobian *j, bool straight)
{
    double fit = 64.0 * 1048576 / ((double)ntk_dtype_size(j->dtype) * (double)NTK_MAX(j->columns, 1));
    return NTK_MAX(straight ? 256 : 1, (int64_t)fit);
}

/* `count` rows into rows [at, at + count) of out, through `scratch` where that is not dense. */
static ntk_status store_rows(ntk_context *ctx, const ntk_jacobian *j, int64_t first, int64_t at, int64_t count, ntk_array *out, void *scratch)
{
    ntk_status (*const get[2])(ntk_context *, const ntk_jacobian *, int64_t, int64_t, void *) = NTK_BOTH(ntk_jacobian_dense_rows);
    ntk_array rows = ntk_array_rows(out, at, count);
    ntk_status status = get[j->dtype](ctx, j, first + at, count, scratch ? scratch : rows.data);
    if (status == NTK_OK && scratch) ntk_store(&rows, scratch);
    return status;
}

static ntk_status check_rows(ntk_context *ctx, const ntk_jacobian *j, int64_t first, const ntk_array *out)
{
    ntk_status status;
    NTK_TRY(ntk_check_output(ctx, "out", out, j->dtype, NTK_SHAPE(-1, j->columns)));
    if (first < 0 || first > j->rows || out->shape[0] > j->rows - first)
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "%lld rows of J from row %lld on are asked for; it has %lld", (long long)out->shape[0],
                        (long long)first, (long long)j->rows);
done:
    return status;
}

ntk_status ntk_jacobian_get_rows(ntk_context *ctx, const ntk_jacobian *jacobian, int64_t first, ntk_array *out)
{
    ntk_status status;
    void *scratch = NULL;
    int64_t m, block;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, jacobian);
    NTK_TRY(check_rows(ctx, jacobian, first, out));
    m = out->shape[0];
    block = rows_per_step(jacobian, rows_are_dense(out));
    if (!rows_are_dense(out)) NTK_TRY(ntk_allocate_raw(ctx, NTK_MIN(block, m) * jacobian->columns, ntk_dtype_size(jacobian->dtype), &scratch));
    for (int64_t at = 0; at < m; at += block) {
        int64_t count = NTK_MIN(block, m - at);
        NTK_TRY_PART(ctx, (double)at / (double)m, (double)(at + count) / (double)m, store_rows(ctx, jacobian, first, at, count, out, scratch));
    }
done:
    ntk_free(scratch);
    return status;
}

/* ---- is it one matrix? ----------------------------------------------------------------------------------------- */

ntk_status ntk_jacobian_adjoint_error(ntk_context *ctx, const ntk_jacobian *jacobian, uint64_t seed, double *error)
{
    ntk_status status;
    int64_t n, p;
    double *u = NULL, *v = NULL, *jv = NULL, *ju = NULL, whole;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, jacobian);
    NTK_REQUIRE(ctx, error);
    n = jacobian->rows;
    p = jacobian->columns;
    NTK_TRY(NTK_NEW_RAW(ctx, n, &u));
    NTK_TRY(NTK_NEW_RAW(ctx, n, &jv));
    NTK_TRY(NTK_NEW_RAW(ctx, p, &v));
    NTK_TRY(NTK_NEW_RAW(ctx, p, &ju));
    for (int64_t i = 0; i < n; ++i) u[i] = ntk_random_normal(seed, 0, (uint64_t)i);
    for (int64_t i = 0; i < p; ++i) v[i] = ntk_random_normal(seed, 1, (uint64_t)i);
    NTK_TRY_PART(ctx, 0, 0.5, ntk_jacobian_dense_apply(ctx, jacobian, v, jv));
    NTK_TRY_PART(ctx, 0.5, 1, ntk_jacobian_dense_apply_transposed(ctx, jacobian, u, ju));
    whole = ntk_norm(n, 1, u) * ntk_norm(n, 1, jv) + ntk_norm(p, 1, ju) * ntk_norm(p, 1, v);
    *error = whole > 0 ? fabs(ntk_dot(n, u, jv) - ntk_dot(p, ju, v)) / whole : 0;
    if (!isfinite(*error)) NTK_TRY(ntk_fail(ctx, NTK_ERROR_OVERFLOW, "<u, J v> exceeds the range of f64"));
done:
    ntk_free(ju);
    ntk_free(v);
    ntk_free(jv);
    ntk_free(u);
    return status;
}
