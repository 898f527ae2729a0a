/*
 * The natural gradient through K (Amari 1998; Rudner et al. 2019): with G = J D^-1/2 and mu the damping,
 *
 *     (JᵀJ + mu D) delta = Jᵀ e       has the solution       delta = D⁻¹ Jᵀ (K + mu)⁻¹ e,
 *
 * a problem of N numbers instead of p.  In the modes of K = Uᵀ diag(lambda) U, c = U e:
 *
 *     delta = D⁻¹ Jᵀ Uᵀ c/(lambda + mu)   of a spectrum that knows u,   = D^-1/2 Vᵀ c sigma/(sigma² + mu)   of one that knows v too.
 *
 * For mu = 0 only the modes of the rank take part: the pseudo-inverse, the shortest of all delta with J delta = P e.
 */
#include "duality.h"

#include <math.h>

/* Weights of the coefficients c, in place. */
static void weigh(const ntk_spectrum *s, double damping, double *c)
{
    for (int64_t i = 0; i < s->size; ++i) {
        double lambda = fmax(s->values[i], 0), root = s->right ? sqrt(lambda) : 1;
        c[i] = damping > 0 || i < s->rank ? root * c[i] / (lambda + damping) : 0;
    }
}

/* out [p] = D^-1/2 Vᵀ c, or D⁻¹ Jᵀ Uᵀ c. */
static ntk_status carry(ntk_context *ctx, const ntk_spectrum *s, const double *c, double *out)
{
    ntk_status status;
    double *u = NULL;
    int64_t p = s->jacobian->columns;
    if (s->right) {
        NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_TRANSPOSED, NTK_PLAIN, p, 1, s->size, 1, s->right, p, c, 1, 0, out, 1));
    } else {
        NTK_TRY(NTK_NEW_RAW(ctx, s->n, &u));
        NTK_TRY(ntk_spectrum_synthesise(ctx, s, 1, c, u));
        NTK_TRY(ntk_jacobian_dense_apply_transposed(ctx, s->jacobian, u, out));
    }
    ntk_optimizer_scale(s->optimizer, 1, p, out, s->right ? 0.5 : 1);
    NTK_TRY(ntk_check_result(ctx, "delta", NTK_F64, out, p));
done:
    ntk_free(u);
    return status;
}

ntk_status ntk_spectrum_natural_gradient(ntk_context *ctx, const ntk_spectrum *spectrum, const ntk_array *e, double damping, ntk_array *delta)
{
    ntk_status status;
    double *dense = NULL, *c = NULL, *out = NULL;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, spectrum);
    if (!spectrum->jacobian) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "the spectrum comes from no Jacobian: there are no parameters to move");
    if (!spectrum->vectors) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "the spectrum was made with values_only: it has no vectors");
    if (!(damping >= 0) || !isfinite(damping)) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "damping is %g; expected a finite number >= 0", damping);
    NTK_TRY(ntk_check_shape(ctx, "e", e, NTK_F64, NTK_SHAPE(spectrum->n)));
    NTK_TRY(ntk_check_finite(ctx, "e", e));
    NTK_TRY(ntk_check_output(ctx, "delta", delta, NTK_F64, NTK_SHAPE(spectrum->jacobian->columns)));
    NTK_TRY(ntk_copy_dense(ctx, e, (void **)&dense));
    NTK_TRY(NTK_NEW_RAW(ctx, spectrum->size, &c));
    NTK_TRY(NTK_NEW_RAW(ctx, spectrum->jacobian->columns, &out));
    NTK_TRY(ntk_spectrum_analyse(ctx, spectrum, 1, dense, c));
    weigh(spectrum, damping, c);
    NTK_TRY_PART(ctx, 0, 1, carry(ctx, spectrum, c, out));
    ntk_store(delta, out);
done:
    ntk_free(out);
    ntk_free(c);
    ntk_free(dense);
    return status;
}
