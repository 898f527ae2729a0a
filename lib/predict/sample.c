/*
 * Functions drawn from a posterior N(mean, C) at new inputs:  f = mean + Uᵀ diag(sqrt lambda) z,  C = Uᵀ diag(lambda) U, z ~ N(0, 1).
 *
 * C is singular where training has determined the outputs, so a Cholesky factor may not exist; an eigenvalue that rounding made negative counts as
 * 0.  Number j of draw s is number j of stream s of the seed: draws do not depend on how many there are.
 */
#include "predict.h"

#include <math.h>

/* The dense numbers of dtype as doubles. */
static ntk_status widened(ntk_context *ctx, ntk_dtype dtype, int64_t count, const void *numbers, double **wide)
{
    ntk_status status = NTK_NEW_RAW(ctx, count, wide);
    for (int64_t i = 0; status == NTK_OK && i < count; ++i)
        (*wide)[i] = dtype == NTK_F64 ? ((const double *)numbers)[i] : (double)((const float *)numbers)[i];
    return status;
}

/* c [m, m] becomes rows sqrt(lambda_k) u_k. */
static ntk_status root_of(ntk_context *ctx, int64_t m, double *c)
{
    ntk_status status;
    double *values = NULL;
    NTK_TRY(NTK_NEW_RAW(ctx, m, &values));
    NTK_TRY(ntk_eigen(ctx, m, c, values, true));
    for (int64_t i = 0; i < m * m; ++i) c[i] *= sqrt(NTK_MAX(values[i / m], 0));
done:
    ntk_free(values);
    return status;
}

static ntk_status draw(ntk_context *ctx, uint64_t seed, uint64_t stream, int64_t m, int64_t columns, const double *root, const double *mean, double *z, double *f)
{
    ntk_status status;
    for (int64_t i = 0; i < m * columns; ++i) z[i] = ntk_random_normal(seed, stream, (uint64_t)i);
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_TRANSPOSED, NTK_PLAIN, m, columns, m, 1, root, m, z, columns, 0, f, columns));
    for (int64_t i = 0; i < m * columns; ++i) f[i] += mean[i];
done:
    return status;
}

static void store(ntk_dtype dtype, int64_t count, double *f, const ntk_array *to)
{
    float *narrow = (float *)f;
    if (dtype == NTK_F32)
        for (int64_t i = 0; i < count; ++i) narrow[i] = (float)f[i]; /* forwards: a float never overtakes its double */
    ntk_store(to, f);
}

ntk_status ntk_test_sample(ntk_context *ctx, const ntk_predictor *p, const ntk_test *test, const void *mean, void *covariance, uint64_t seed, const ntk_array *samples)
{
    ntk_status status;
    int64_t m = ntk_test_rows(test), count = m * p->columns, draws = samples->shape[0];
    double *root = NULL, *centre = NULL, *z = NULL, *f = NULL;
    NTK_TRY(widened(ctx, p->gram->dtype, m * m, covariance, &root));
    NTK_TRY(widened(ctx, p->gram->dtype, count, mean, &centre));
    NTK_TRY(NTK_NEW_RAW(ctx, count, &z));
    NTK_TRY(NTK_NEW_RAW(ctx, count, &f));
    NTK_TRY_PART(ctx, 0, 0.6, root_of(ctx, m, root));
    for (int64_t s = 0; s < draws; ++s) {
        ntk_array one = ntk_array_at(samples, s);
        NTK_TRY_PART(ctx, 0.6 + 0.4 * (double)s / (double)draws, 0.6 + 0.4 * (double)(s + 1) / (double)draws,
                     draw(ctx, seed, (uint64_t)s, m, p->columns, root, centre, z, f));
        store(p->gram->dtype, count, f, &one);
    }
done:
    ntk_free(f);
    ntk_free(z);
    ntk_free(centre);
    ntk_free(root);
    return status;
}
