/*
 * The null spaces of G = J D^-1/2 = Uᵀ diag(sigma) V, by the rank r of the spectrum (docs/mathematics.md §7.1, §8).
 *
 *     left    u with Gᵀ u = 0, so K u = 0:    N - r directions of y that training never reaches
 *     right   v with G v = 0:                 p - r directions in which nothing moves that the data see
 *
 * A basis of either is what its r singular vectors lack (ntk_complement), so it does not depend on what rounding made of the vectors beyond the rank.
 *
 * The projector on the null space of J along what training can do, in the parameters themselves:
 *
 *     P = 1 - D^-1/2 Vᵀ V D^1/2 = 1 - D⁻¹ Jᵀ K⁺ J,     J P = 0,  P² = P,  P D⁻¹Jᵀ = 0:
 *
 * P theta is what of theta no training with this D moves, and P delta what of a step no output on these data sees.  With V it is applied as it
 * stands.  Without, K⁺ = Uᵀ diag(1/lambda) U leaves a residual of about eps lambda_1/lambda_r, and a second application squares that.
 */
#include "duality.h"

#include <string.h>

static ntk_status check(ntk_context *ctx, const ntk_spectrum *s, bool parameters)
{
    if (s->partial)
        return ntk_fail(ctx, NTK_ERROR_UNSUPPORTED, "the spectrum holds the %lld largest eigenvalues only; a null space needs all", (long long)s->size);
    if (!s->vectors) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "the spectrum was made with values_only: it has no vectors");
    if (parameters && !s->jacobian) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "the spectrum comes from no Jacobian: it knows no parameters");
    return NTK_OK;
}

/* ---- bases ------------------------------------------------------------------------------------------------------- */

/* rows [rank, size of the space] = the singular vectors of the rank. */
static ntk_status range(ntk_context *ctx, const ntk_spectrum *s, bool parameters, double *rows)
{
    ntk_status status;
    int64_t p = parameters ? s->jacobian->columns : 0;
    if (!parameters) memcpy(rows, s->vectors, (size_t)(s->rank * s->n) * sizeof *rows);
    else if (s->right) memcpy(rows, s->right, (size_t)(s->rank * p) * sizeof *rows);
    else
        for (int64_t i = 0; i < s->rank; ++i)
            NTK_TRY_PART(ctx, (double)i / (double)s->rank, (double)(i + 1) / (double)s->rank, ntk_spectrum_parameter_vector(ctx, s, i, rows + i * p));
    status = NTK_OK;
done:
    return status;
}

ntk_status ntk_spectrum_get_null_vectors(ntk_context *ctx, const ntk_spectrum *spectrum, ntk_space space, ntk_array *out)
{
    ntk_status status;
    double *rows = NULL, *basis = NULL;
    int64_t whole, k, count;
    ntk_array columns;
    bool parameters = space == NTK_SPACE_PARAMETERS;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, spectrum);
    if (!parameters && space != NTK_SPACE_FUNCTION)
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "space is %d; expected function or parameters", (int)space);
    NTK_TRY(check(ctx, spectrum, parameters));
    whole = parameters ? spectrum->jacobian->columns : spectrum->n;
    NTK_TRY(ntk_check_output(ctx, "out", out, NTK_F64, NTK_SHAPE(whole, -1)));
    k = out->shape[1];
    if (k > whole - spectrum->rank)
        return ntk_fail(ctx, NTK_ERROR_SHAPE, "out has %lld columns; the null space has %lld dimensions, %lld less a rank of %lld", (long long)k,
                        (long long)(whole - spectrum->rank), (long long)whole, (long long)spectrum->rank);
    NTK_TRY(ntk_size_product(ctx, "the vectors", spectrum->rank + k, whole, &count));
    NTK_TRY(ntk_memory_require(ctx, "the null space", 8 * (double)count));
    NTK_TRY(NTK_NEW_RAW(ctx, spectrum->rank * whole, &rows));
    NTK_TRY(NTK_NEW_RAW(ctx, k * whole, &basis));
    NTK_TRY_PART(ctx, 0, 0.5, range(ctx, spectrum, parameters, rows));
    NTK_TRY_PART(ctx, 0.5, 1, ntk_complement(ctx, whole, spectrum->rank, rows, k, basis));
    columns = ntk_array_flipped(out);
    ntk_store(&columns, basis);
done:
    ntk_free(basis);
    ntk_free(rows);
    return status;
}

/* ---- the projector ----------------------------------------------------------------------------------------------- */

/* v <- v - D^-1/2 Vᵀ V D^1/2 v. */
static ntk_status project_by_vectors(ntk_context *ctx, const ntk_spectrum *s, double *v)
{
    ntk_status status;
    double *c = NULL, *moved = NULL;
    int64_t p = s->jacobian->columns, r = s->rank;
    NTK_TRY(NTK_NEW_RAW(ctx, r, &c));
    NTK_TRY(NTK_NEW_RAW(ctx, p, &moved));
    memcpy(moved, v, (size_t)p * sizeof *v);
    ntk_optimizer_scale(s->optimizer, 1, p, moved, -0.5);
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, r, 1, p, 1, s->right, p, moved, 1, 0, c, 1));
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_TRANSPOSED, NTK_PLAIN, p, 1, r, 1, s->right, p, c, 1, 0, moved, 1));
    ntk_optimizer_scale(s->optimizer, 1, p, moved, 0.5);
    for (int64_t i = 0; i < p; ++i) v[i] -= moved[i];
done:
    ntk_free(moved);
    ntk_free(c);
    return status;
}

/* v <- v - D⁻¹ Jᵀ K⁺ J v. */
static ntk_status project_by_products(ntk_context *ctx, const ntk_spectrum *s, double *v)
{
    ntk_status status;
    double *u = NULL, *c = NULL, *moved = NULL;
    int64_t p = s->jacobian->columns;
    NTK_TRY(NTK_NEW_RAW(ctx, s->n, &u));
    NTK_TRY(NTK_NEW_RAW(ctx, s->size, &c));
    NTK_TRY(NTK_NEW_RAW(ctx, p, &moved));
    NTK_TRY_PART(ctx, 0, 0.4, ntk_jacobian_dense_apply(ctx, s->jacobian, v, u));
    NTK_TRY(ntk_spectrum_analyse(ctx, s, 1, u, c));
    for (int64_t i = 0; i < s->size; ++i) c[i] = i < s->rank ? c[i] / s->values[i] : 0;
    NTK_TRY(ntk_spectrum_synthesise(ctx, s, 1, c, u));
    NTK_TRY_PART(ctx, 0.4, 1, ntk_jacobian_dense_apply_transposed(ctx, s->jacobian, u, moved));
    ntk_optimizer_scale(s->optimizer, 1, p, moved, 1);
    for (int64_t i = 0; i < p; ++i) v[i] -= moved[i];
done:
    ntk_free(moved);
    ntk_free(c);
    ntk_free(u);
    return status;
}

static ntk_status project(ntk_context *ctx, const ntk_spectrum *s, double *v)
{
    ntk_status status;
    if (s->rank == s->jacobian->columns) memset(v, 0, (size_t)s->rank * sizeof *v); /* nothing but 0 is left */
    if (s->rank == s->jacobian->columns || s->rank == 0) return NTK_OK;
    if (s->right) return project_by_vectors(ctx, s, v);
    NTK_TRY_PART(ctx, 0, 0.5, project_by_products(ctx, s, v));
    NTK_TRY_PART(ctx, 0.5, 1, project_by_products(ctx, s, v));
done:
    return status;
}

ntk_status ntk_spectrum_project_null(ntk_context *ctx, const ntk_spectrum *spectrum, const ntk_array *v, ntk_array *out)
{
    ntk_status status;
    double *dense = NULL;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, spectrum);
    NTK_TRY(check(ctx, spectrum, true));
    NTK_TRY(ntk_check_shape(ctx, "v", v, NTK_F64, NTK_SHAPE(spectrum->jacobian->columns)));
    NTK_TRY(ntk_check_finite(ctx, "v", v));
    NTK_TRY(ntk_check_output(ctx, "out", out, NTK_F64, NTK_SHAPE(spectrum->jacobian->columns)));
    NTK_TRY(ntk_copy_dense(ctx, v, (void **)&dense));
    NTK_TRY_PART(ctx, 0, 1, project(ctx, spectrum, dense));
    NTK_TRY(ntk_check_result(ctx, "out", NTK_F64, dense, spectrum->jacobian->columns));
    ntk_store(out, dense);
done:
    ntk_free(dense);
    return status;
}
