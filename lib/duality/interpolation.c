/*
 * Will this network interpolate?  Training to the end leaves (1 - P) y, P the projector on the range of K (docs/mathematics.md §7.1):
 * all of y is fitted if K has full rank, or if y lies in the range all the same.
 *
 * The rank counts eigenvalues above tolerance lambda_max.  How far that can be trusted the gap says: lambda_(rank+1) / lambda_rank is near 0
 * where the spectrum falls off a cliff there, and near 1 where the tolerance cuts through eigenvalues of one kind.
 *
 * |(1 - P) y|² is the sum over the coefficients beyond the rank where all vectors are held, which cannot come out negative; else |y - P y|²
 * of the vector itself.  Below tolerance |y|², at least N eps |y|², it is rounding.
 */
#include "duality.h"

#include <float.h>
#include <math.h>
#include <string.h>

static ntk_status check(ntk_context *ctx, const ntk_spectrum *s, const ntk_array *y)
{
    ntk_status status;
    if (s->partial)
        return ntk_fail(ctx, NTK_ERROR_UNSUPPORTED, "the spectrum holds the %lld largest eigenvalues only; the range of K needs all", (long long)s->size);
    if (!s->vectors) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "the spectrum was made with values_only: it has no vectors");
    NTK_TRY(ntk_check_shape(ctx, "y", y, NTK_F64, NTK_SHAPE(s->n, -1)));
    NTK_TRY(ntk_check_finite(ctx, "y", y));
done:
    return status;
}

/* rest [N, m] = y - sum over the rank of u (u . y). */
static ntk_status project(ntk_context *ctx, const ntk_spectrum *s, int64_t m, const double *y, double *rest)
{
    ntk_status status;
    double *c = NULL;
    NTK_TRY(NTK_NEW_RAW(ctx, s->rank * m, &c));
    memcpy(rest, y, (size_t)(s->n * m) * sizeof *y);
    if (s->rank == s->n) memset(rest, 0, (size_t)(s->n * m) * sizeof *rest); /* nothing is out of reach */
    if (s->rank == s->n || m == 0) goto done;
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, s->rank, m, s->n, 1, s->vectors, s->n, y, m, 0, c, m));
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_TRANSPOSED, NTK_PLAIN, s->n, m, s->rank, -1, s->vectors, s->n, c, m, 1, rest, m));
done:
    ntk_free(c);
    return status;
}

static double gap_of(const ntk_spectrum *s)
{
    double next = s->rank < s->size ? fmax(s->values[s->rank], 0) : 0;
    return s->rank > 0 ? next / s->values[s->rank - 1] : 1;
}

ntk_status ntk_spectrum_interpolation(ntk_context *ctx, const ntk_spectrum *spectrum, const ntk_array *y, int *interpolates, double *gap,
                                      double *unreachable, ntk_array *rest)
{
    ntk_status status;
    double *dense = NULL, *left = NULL, share, whole, tolerance;
    int64_t m;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, spectrum);
    NTK_TRY(check(ctx, spectrum, y));
    NTK_REQUIRE(ctx, interpolates);
    m = y->shape[1];
    if (rest) NTK_TRY(ntk_check_output(ctx, "rest", rest, NTK_F64, NTK_SHAPE(spectrum->n, m)));
    NTK_TRY(ntk_copy_dense(ctx, y, (void **)&dense));
    NTK_TRY(NTK_NEW_RAW(ctx, spectrum->n * m, &left));
    NTK_TRY(project(ctx, spectrum, m, dense, left));
    whole = ntk_norm(spectrum->n, m, dense);
    share = whole > 0 ? ntk_norm(spectrum->n, m, left) / whole : 0;
    tolerance = fmax(spectrum->tolerance, (double)spectrum->n * DBL_EPSILON);
    *interpolates = share * share <= tolerance;
    if (gap) *gap = gap_of(spectrum);
    if (unreachable) *unreachable = share * share;
    if (rest) ntk_store(rest, left);
done:
    ntk_free(left);
    ntk_free(dense);
    return status;
}
