/*
 * The spectrum of a gram, K = Uᵀ diag(lambda) U with the eigenvectors as rows of U, by divide and conquer.
 *
 * Backward stable: the eigenvalues are exact for a matrix within a few eps |K| of K, so their absolute error is that,
 * whatever their size.  Those of a positive semi-definite K may therefore come out slightly negative; they are kept as
 * computed.  Where small eigenvalues matter, singular.c has them from J.
 */
#include "duality.h"

#include <float.h>
#include <math.h>

ntk_status ntk_spectrum_options_read(ntk_context *ctx, const ntk_spectrum_options *options, double tolerance, ntk_spectrum_options *known)
{
    ntk_status status = NTK_OPTIONS_READ(ctx, options, known);
    if (status != NTK_OK) return status;
    if (!(known->tolerance >= 0 && isfinite(known->tolerance)))
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.tolerance is %g; expected a finite number >= 0", known->tolerance);
    if (known->tolerance == 0) known->tolerance = tolerance;
    return NTK_OK;
}

int64_t ntk_spectrum_count_above(const ntk_spectrum *spectrum, double cutoff)
{
    int64_t count = 0;
    while (count < spectrum->size && spectrum->values[count] > cutoff) ++count;
    return count;
}

static ntk_status decompose(ntk_context *ctx, const ntk_gram *gram, const ntk_spectrum_options *o, ntk_spectrum *s)
{
    ntk_status status;
    double *k = NULL, n = (double)s->n;
    NTK_TRY(ntk_memory_require(ctx, "the spectrum", 8 * n * n * (o->values_only ? 1 : 3)));
    NTK_TRY(NTK_NEW_RAW(ctx, s->n * s->n, &k));
    NTK_TRY(NTK_NEW_RAW(ctx, s->n, &s->values));
    NTK_TRY(ntk_gram_copy(ctx, gram, o->kind, k));
    NTK_TRY(ntk_eigen(ctx, s->n, k, s->values, !o->values_only));
    if (!o->values_only) {
        s->vectors = k;
        k = NULL;
    }
done:
    ntk_free(k);
    return status;
}

ntk_status ntk_spectrum_create(ntk_context *ctx, const ntk_gram *gram, const ntk_spectrum_options *options, ntk_spectrum **spectrum)
{
    ntk_status status;
    ntk_spectrum_options o;
    ntk_spectrum *s = NULL;
    NTK_ENTER_NEW(ctx, spectrum);
    NTK_REQUIRE(ctx, gram);
    NTK_TRY(ntk_spectrum_options_read(ctx, options, (double)gram->size * DBL_EPSILON, &o));
    NTK_TRY(ntk_gram_check(ctx, gram, o.kind, NTK_F64));
    NTK_TRY(NTK_NEW_HANDLE(ctx, &s));
    s->n = s->size = gram->size;
    s->tolerance = o.tolerance;
    s->jacobian = ntk_retain(gram->jacobian);
    s->optimizer = ntk_retain(gram->optimizer);
    NTK_TRY(decompose(ctx, gram, &o, s));
    s->rank = s->size > 0 ? ntk_spectrum_count_above(s, s->tolerance * fmax(s->values[0], 0)) : 0;
    *spectrum = s;
    s = NULL;
done:
    ntk_spectrum_destroy(s);
    return status;
}

void ntk_spectrum_destroy(ntk_spectrum *spectrum)
{
    if (!ntk_object_release(spectrum)) return;
    ntk_optimizer_destroy(spectrum->optimizer);
    ntk_jacobian_destroy(spectrum->jacobian);
    ntk_free(spectrum->right);
    ntk_free(spectrum->vectors);
    ntk_free(spectrum->values);
    ntk_free(spectrum);
}

int64_t ntk_spectrum_size(const ntk_spectrum *spectrum)
{
    return spectrum ? spectrum->size : -1;
}

int64_t ntk_spectrum_rank(const ntk_spectrum *spectrum)
{
    return spectrum ? spectrum->rank : -1;
}

double ntk_spectrum_condition(const ntk_spectrum *spectrum)
{
    if (!spectrum) return NAN;
    if (spectrum->size == 0 || !(spectrum->values[spectrum->size - 1] > 0)) return INFINITY;
    return spectrum->values[0] / spectrum->values[spectrum->size - 1];
}

ntk_status ntk_spectrum_get_values(ntk_context *ctx, const ntk_spectrum *spectrum, ntk_array *values)
{
    ntk_status status;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, spectrum);
    NTK_TRY(ntk_check_output(ctx, "values", values, NTK_F64, NTK_SHAPE(spectrum->size)));
    ntk_store(values, spectrum->values);
done:
    return status;
}

ntk_status ntk_spectrum_get_vectors(ntk_context *ctx, const ntk_spectrum *spectrum, ntk_array *out)
{
    ntk_status status;
    ntk_array columns;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, spectrum);
    if (!spectrum->vectors) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "the spectrum was made with values_only: it has no vectors");
    NTK_TRY(ntk_check_output(ctx, "out", out, NTK_F64, NTK_SHAPE(spectrum->n, -1)));
    if (out->shape[1] > spectrum->size)
        return ntk_fail(ctx, NTK_ERROR_SHAPE, "out has %lld columns; the spectrum holds %lld vectors", (long long)out->shape[1],
                        (long long)spectrum->size);
    columns = ntk_array_flipped(out);
    ntk_store(&columns, spectrum->vectors);
done:
    return status;
}

/* ---- coordinates ----------------------------------------------------------------------------------------------- */

ntk_status ntk_spectrum_analyse(ntk_context *ctx, const ntk_spectrum *spectrum, int64_t m, const double *b, double *c)
{
    return ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, spectrum->size, m, spectrum->n, 1, spectrum->vectors, spectrum->n, b, m, 0, c, m);
}

ntk_status ntk_spectrum_synthesise(ntk_context *ctx, const ntk_spectrum *spectrum, int64_t m, const double *c, double *x)
{
    return ntk_gemm(ctx, NTK_F64, NTK_TRANSPOSED, NTK_PLAIN, spectrum->n, m, spectrum->size, 1, spectrum->vectors, spectrum->n, c, m, 0, x, m);
}

ntk_status ntk_spectrum_combine(ntk_context *ctx, const ntk_spectrum *spectrum, int64_t m, const double *c, double *x)
{
    return ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, m, spectrum->n, spectrum->size, 1, c, spectrum->size, spectrum->vectors, spectrum->n, 0, x,
                    spectrum->n);
}

void ntk_spectrum_weigh(const ntk_spectrum *spectrum, const ntk_flow *flow, ntk_flow_weight weight, int64_t m, const double *c, double *out)
{
    for (int64_t i = 0; i < spectrum->size; ++i) {
        double factor = weight(flow, spectrum->values[i]);
        for (int64_t j = 0; j < m; ++j) out[i * m + j] = factor * c[i * m + j];
    }
}
