/*
 * The spectrum of K = J D⁻¹ Jᵀ from the singular values of G = J D^-1/2 = Uᵀ diag(sigma) V:  lambda = sigma².
 *
 * The error of sigma is a few eps sigma_max, that of an eigenvalue of K a few eps sigma_max²: K loses every sigma below
 * sqrt(eps) sigma_max, this keeps them down to eps sigma_max.  The rows of V are the parameter-space vectors.
 */
#include "duality.h"

#include <float.h>
#include <math.h>

static double default_tolerance(const ntk_jacobian *j)
{
    double relative = (double)NTK_MAX(j->rows, j->columns) * DBL_EPSILON;
    return relative * relative; /* of sigma², hence the square */
}

/* G = J D^-1/2, dense. */
static ntk_status scaled_jacobian(ntk_context *ctx, const ntk_jacobian *j, const ntk_optimizer *optimizer, double **g)
{
    ntk_status status;
    int64_t count;
    NTK_TRY(ntk_size_product(ctx, "the Jacobian", j->rows, j->columns, &count));
    NTK_TRY(ntk_memory_require(ctx, "the singular value decomposition", 24 * (double)count));
    NTK_TRY(NTK_NEW_RAW(ctx, count, g));
    NTK_TRY(ntk_jacobian_dense_rows(ctx, j, 0, j->rows, *g));
    ntk_optimizer_scale(optimizer, j->rows, j->columns, *g, 0.5);
    NTK_TRY(ntk_check_result(ctx, "J D^-1/2", NTK_F64, *g, count));
done:
    return status;
}

/* The columns of u [N, size] become the rows of s->vectors. */
static ntk_status keep_left(ntk_context *ctx, const double *u, ntk_spectrum *s)
{
    ntk_array rows, columns;
    ntk_status status = NTK_NEW_RAW(ctx, s->size * s->n, &s->vectors);
    if (status != NTK_OK) return status;
    rows = ntk_matrix_f64(s->vectors, s->size, s->n);
    columns = ntk_array_flipped(&rows);
    ntk_store(&columns, u);
    return NTK_OK;
}

static ntk_status decompose(ntk_context *ctx, bool vectors, ntk_spectrum *s)
{
    ntk_status status;
    double *g = NULL, *u = NULL;
    int64_t p = s->jacobian->columns;
    NTK_TRY_PART(ctx, 0, 0.1, scaled_jacobian(ctx, s->jacobian, s->optimizer, &g));
    NTK_TRY(NTK_NEW_RAW(ctx, s->size, &s->values));
    if (vectors) {
        NTK_TRY(NTK_NEW_RAW(ctx, s->n * s->size, &u));
        NTK_TRY(NTK_NEW_RAW(ctx, s->size * p, &s->right));
    }
    NTK_TRY_PART(ctx, 0.1, 1, ntk_svd(ctx, s->n, p, g, s->values, u, s->right));
    if (vectors) NTK_TRY(keep_left(ctx, u, s));
    for (int64_t i = 0; i < s->size; ++i) s->values[i] *= s->values[i];
    NTK_TRY(ntk_check_result(ctx, "the eigenvalues of K", NTK_F64, s->values, s->size));
done:
    ntk_free(u);
    ntk_free(g);
    return status;
}

ntk_status ntk_spectrum_from_jacobian(ntk_context *ctx, const ntk_jacobian *jacobian, const ntk_optimizer *optimizer,
                                      const ntk_spectrum_options *options, ntk_spectrum **spectrum)
{
    ntk_status status;
    ntk_spectrum_options o;
    ntk_spectrum *s = NULL;
    NTK_ENTER_NEW(ctx, spectrum);
    NTK_REQUIRE(ctx, jacobian);
    NTK_TRY(ntk_spectrum_options_read(ctx, options, default_tolerance(jacobian), &o));
    NTK_TRY(ntk_optimizer_check(ctx, optimizer, jacobian->columns));
    if (o.kind != NTK_KIND_NTK) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.kind is %d; a Jacobian has the ntk only", (int)o.kind);
    NTK_TRY(NTK_NEW_HANDLE(ctx, &s));
    s->n = jacobian->rows;
    s->size = NTK_MIN(jacobian->rows, jacobian->columns);
    s->tolerance = o.tolerance;
    s->jacobian = ntk_retain(jacobian);
    s->optimizer = ntk_retain(optimizer);
    NTK_TRY(decompose(ctx, !o.values_only, s));
    s->rank = s->size > 0 ? ntk_spectrum_count_above(s, s->tolerance * s->values[0]) : 0;
    *spectrum = s;
    s = NULL;
done:
    ntk_spectrum_destroy(s);
    return status;
}
