/*
 * The k largest eigenvalues that K = G Gᵀ and F = Gᵀ G share, G = J D^-1/2, without either matrix: by products with J and Jᵀ,
 *
 *     K u = J (D⁻¹ (Jᵀ u))   on N numbers,      F v = D^-1/2 (Jᵀ (J (D^-1/2 v)))   on p numbers,
 *
 * by Lanczos (lib/linalg/lanczos.c) on the smaller side unless asked otherwise, and carried over to the other:
 *
 *     v = Gᵀ u / |Gᵀ u|   when it is wanted (dual.c),      u = G v / |G v|   here.
 *
 * Of a gram the same with its products.
 */
#include "duality.h"

#include <float.h>
#include <math.h>

#define TOLERANCE 1e-12

static ntk_status read_options(ntk_context *ctx, const ntk_top_options *options, int64_t n, ntk_top_options *o)
{
    ntk_status status;
    NTK_TRY(NTK_OPTIONS_READ(ctx, options, o));
    if (!ntk_space_name(o->space)) NTK_TRY(ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.space is %d, which is no space", (int)o->space));
    if (!(o->tolerance >= 0) || o->tolerance >= 1)
        NTK_TRY(ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.tolerance is %g; expected a number >= 0 and < 1", o->tolerance));
    if (!(o->rank_tolerance >= 0) || !isfinite(o->rank_tolerance))
        NTK_TRY(ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.rank_tolerance is %g; expected a finite number >= 0", o->rank_tolerance));
    if (o->most_vectors < 0)
        NTK_TRY(ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.most_vectors is %lld; expected a number >= 0", (long long)o->most_vectors));
    if (o->tolerance == 0) o->tolerance = TOLERANCE;
    if (o->rank_tolerance == 0) o->rank_tolerance = (double)n * DBL_EPSILON;
done:
    return status;
}

static ntk_status check_count(ntk_context *ctx, int64_t k, int64_t most)
{
    if (k >= 1 && k <= most) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "k is %lld; expected 1 ... %lld eigenvalues", (long long)k, (long long)most);
}

/* Lanczos on vectors of `size` numbers into s->values and `rows`. */
static ntk_status iterate(ntk_context *ctx, const ntk_top_options *o, int64_t size, ntk_operator apply, const void *user, ntk_spectrum *s, double **rows)
{
    ntk_status status;
    int64_t count, most = o->most_vectors ? o->most_vectors : size;
    NTK_TRY(ntk_size_product(ctx, "the vectors", s->size, size, &count));
    NTK_TRY(ntk_memory_require(ctx, "the vectors", 16 * (double)count));
    NTK_TRY(NTK_NEW_RAW(ctx, s->size, &s->values));
    NTK_TRY(NTK_NEW_RAW(ctx, count, rows));
    NTK_TRY(ntk_lanczos(ctx, size, apply, user, s->size, o->tolerance, most, o->seed, s->values, *rows));
done:
    return status;
}

static ntk_status open_spectrum(ntk_context *ctx, int64_t n, int64_t k, const ntk_top_options *o, ntk_spectrum **spectrum)
{
    ntk_status status = NTK_NEW_HANDLE(ctx, spectrum);
    if (status != NTK_OK) return status;
    (*spectrum)->n = n;
    (*spectrum)->size = k;
    (*spectrum)->tolerance = o->rank_tolerance;
    (*spectrum)->partial = k < n;
    return NTK_OK;
}

static void count_rank(ntk_spectrum *s)
{
    s->rank = ntk_spectrum_count_above(s, s->tolerance * fmax(s->values[0], 0));
}

/* ---- of a gram --------------------------------------------------------------------------------------------------- */

typedef struct of_gram {
    const ntk_gram *gram;
    ntk_kind kind;
} of_gram;

static ntk_status multiply_gram(ntk_context *ctx, const void *user, const double *v, double *out)
{
    const of_gram *g = user;
    ntk_status status;
    NTK_TRY(ntk_gram_product(ctx, g->gram, g->kind, 1, v, out));
    NTK_TRY(ntk_check_result(ctx, "K v", NTK_F64, out, g->gram->size));
done:
    return status;
}

ntk_status ntk_spectrum_top(ntk_context *ctx, const ntk_gram *gram, int64_t k, const ntk_top_options *options, ntk_spectrum **spectrum)
{
    ntk_status status;
    ntk_top_options o;
    ntk_spectrum *s = NULL;
    of_gram g;
    NTK_ENTER_NEW(ctx, spectrum);
    NTK_REQUIRE(ctx, gram);
    NTK_TRY(read_options(ctx, options, gram->size, &o));
    if (o.space == NTK_SPACE_PARAMETERS) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.space is parameters; a gram has the function side only");
    NTK_TRY(ntk_gram_check(ctx, gram, o.kind, NTK_F64));
    NTK_TRY(check_count(ctx, k, gram->size));
    NTK_TRY(open_spectrum(ctx, gram->size, k, &o, &s));
    s->jacobian = ntk_retain(gram->jacobian);
    s->optimizer = ntk_retain(gram->optimizer);
    g = (of_gram){gram, o.kind};
    NTK_TRY(iterate(ctx, &o, gram->size, multiply_gram, &g, s, &s->vectors));
    count_rank(s);
    *spectrum = s;
    s = NULL;
done:
    ntk_spectrum_destroy(s);
    return status;
}

/* ---- of a Jacobian ----------------------------------------------------------------------------------------------- */

typedef struct of_jacobian {
    const ntk_jacobian *jacobian;
    const ntk_optimizer *optimizer;
    double *scaled, *image; /* [p], [N] */
} of_jacobian;

static ntk_status multiply_kernel(ntk_context *ctx, const void *user, const double *u, double *out)
{
    const of_jacobian *j = user;
    ntk_status status;
    NTK_TRY_PART(ctx, 0, 0.6, ntk_jacobian_dense_apply_transposed(ctx, j->jacobian, u, j->scaled));
    ntk_optimizer_scale(j->optimizer, 1, j->jacobian->columns, j->scaled, 1);
    NTK_TRY_PART(ctx, 0.6, 1, ntk_jacobian_dense_apply(ctx, j->jacobian, j->scaled, out));
done:
    return status;
}

/* image = G v */
static ntk_status forward(ntk_context *ctx, const of_jacobian *j, const double *v, double *image)
{
    for (int64_t i = 0; i < j->jacobian->columns; ++i) j->scaled[i] = v[i];
    ntk_optimizer_scale(j->optimizer, 1, j->jacobian->columns, j->scaled, 0.5);
    return ntk_jacobian_dense_apply(ctx, j->jacobian, j->scaled, image);
}

static ntk_status multiply_fisher(ntk_context *ctx, const void *user, const double *v, double *out)
{
    const of_jacobian *j = user;
    ntk_status status;
    NTK_TRY_PART(ctx, 0, 0.4, forward(ctx, j, v, j->image));
    NTK_TRY_PART(ctx, 0.4, 1, ntk_jacobian_dense_apply_transposed(ctx, j->jacobian, j->image, out));
    ntk_optimizer_scale(j->optimizer, 1, j->jacobian->columns, out, 0.5);
done:
    return status;
}

/* Rows u = G v / |G v|; of an eigenvalue 0, whose u is not determined, zeros. */
static ntk_status carry_over(ntk_context *ctx, const of_jacobian *j, ntk_spectrum *s)
{
    ntk_status status;
    NTK_TRY(NTK_NEW(ctx, s->size * s->n, &s->vectors));
    for (int64_t i = 0; i < s->size; ++i) {
        double *u = s->vectors + i * s->n, norm;
        NTK_TRY_PART(ctx, (double)i / (double)s->size, (double)(i + 1) / (double)s->size, forward(ctx, j, s->right + i * j->jacobian->columns, u));
        norm = i < s->rank ? ntk_norm(1, s->n, u) : INFINITY;
        for (int64_t l = 0; l < s->n; ++l) u[l] /= norm;
    }
done:
    return status;
}

static ntk_status decompose(ntk_context *ctx, const ntk_top_options *o, const of_jacobian *j, ntk_spectrum *s)
{
    ntk_status status;
    int64_t p = j->jacobian->columns;
    bool smaller = o->space == NTK_SPACE_AUTO && p < s->n;
    if (o->space != NTK_SPACE_PARAMETERS && !smaller) {
        NTK_TRY(iterate(ctx, o, s->n, multiply_kernel, j, s, &s->vectors));
        count_rank(s);
        return NTK_OK;
    }
    NTK_TRY_PART(ctx, 0, 0.9, iterate(ctx, o, p, multiply_fisher, j, s, &s->right));
    count_rank(s);
    NTK_TRY_PART(ctx, 0.9, 1, carry_over(ctx, j, s));
done:
    return status;
}

ntk_status ntk_spectrum_top_of_jacobian(ntk_context *ctx, const ntk_jacobian *jacobian, const ntk_optimizer *optimizer, int64_t k,
                                        const ntk_top_options *options, ntk_spectrum **spectrum)
{
    ntk_status status;
    ntk_top_options o;
    ntk_spectrum *s = NULL;
    of_jacobian j = {jacobian, optimizer, NULL, NULL};
    NTK_ENTER_NEW(ctx, spectrum);
    NTK_REQUIRE(ctx, jacobian);
    NTK_TRY(read_options(ctx, options, NTK_MAX(jacobian->rows, jacobian->columns), &o));
    if (o.kind != NTK_KIND_NTK) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.kind is %d; a Jacobian has the ntk only", (int)o.kind);
    NTK_TRY(ntk_optimizer_check(ctx, optimizer, jacobian->columns));
    NTK_TRY(check_count(ctx, k, NTK_MIN(jacobian->rows, jacobian->columns)));
    NTK_TRY(open_spectrum(ctx, jacobian->rows, k, &o, &s));
    s->partial = k < NTK_MIN(jacobian->rows, jacobian->columns);
    s->jacobian = ntk_retain(jacobian);
    s->optimizer = ntk_retain(optimizer);
    NTK_TRY(NTK_NEW_RAW(ctx, jacobian->columns, &j.scaled));
    NTK_TRY(NTK_NEW_RAW(ctx, jacobian->rows, &j.image));
    NTK_TRY(decompose(ctx, &o, &j, s));
    *spectrum = s;
    s = NULL;
done:
    ntk_free(j.image);
    ntk_free(j.scaled);
    ntk_spectrum_destroy(s);
    return status;
}
