/*
 * The initial state from outputs, z_k = C exp(A t_k) x(0) + noise of deviation s_k, by weighted least squares: with the observability
 * Gramian of the samples,
 *
 *     G = sum_k exp(Aᵀt_k) CᵀC exp(At_k) / s_k²,      x = (G + 1/p²)⁻¹ sum_k exp(Aᵀt_k) Cᵀ z_k / s_k²,      cov x = (G + 1/p²)⁻¹
 *
 * p the deviation of x(0) known beforehand (infinity: none).  For independent noise no unbiased estimate that is linear in z is better
 * (Gauss-Markov); for Gaussian noise it is the posterior.  There is no quadrature: with s_k² = R/h_k, h_k the weights of one, G is that
 * quadrature of W_o(T)/R, and x tends to the classical W_o(T)⁻¹ int exp(Aᵀt) Cᵀ z dt with covariance R W_o(T)⁻¹ for white noise of intensity R
 * (Kalman 1960; Kailath 1980, §6.2), but with exact data it is exact for any h_k.
 *
 * G = Eᵀ diag(mu) E; directions with mu <= tolerance mu_max (default s eps) cannot be told from what the outputs do not show: without p their
 * part of x is 0 and their part of the covariance is left out.  A G squares the condition of the samples, so what stands out of the
 * noise by less than sqrt(s eps) of the best direction counts as not shown.
 *
 * A symmetric A is treated in its eigenvectors' coordinates, G_ij = M_ij sum_k exp(-(w_i + w_j) t_k)/s_k², M as in gramian.c: for C = 1 by mode.
 */
#include "control.h"

#include <float.h>
#include <math.h>
#include <string.h>

typedef struct samples {
    const ntk_system *s;
    const double *times, *z, *deviations; /* deviations NULL: 1 */
    int64_t count, outputs;
    double *g, *right; /* [s, s], [s]: of the normal equations */
} samples;

static double weight_of(const samples *p, int64_t k)
{
    return p->deviations ? 1 / p->deviations[k] : 1;
}

/* ---- the normal equations of a symmetric A, in modal coordinates ---- */

/* decays [count, s] = exp(-w_i t_k)/s_k */
static void fill_decays(const samples *p, double *decays)
{
    int64_t n = p->s->size;
    for (int64_t k = 0; k < p->count; ++k)
        for (int64_t i = 0; i < n; ++i) decays[k * n + i] = weight_of(p, k) * exp(-ntk_system_rate(p->s, i) * p->times[k]);
}

/* zu [count, s] = z C Uᵀ */
static ntk_status modal_outputs(ntk_context *ctx, const samples *p, double *zu)
{
    ntk_status status;
    const ntk_port *c = &p->s->ports[NTK_GRAMIAN_OBSERVABILITY];
    int64_t n = p->s->size;
    double *zc = NULL;
    if (c->h) {
        NTK_TRY(NTK_NEW_RAW(ctx, p->count * n, &zc));
        NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, p->count, n, c->rows, 1, p->z, c->rows, c->h, n, 0, zc, n));
    }
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_TRANSPOSED, p->count, n, n, 1, zc ? zc : p->z, n, p->s->vectors, n, 0, zu, n));
done:
    ntk_free(zc);
    return status;
}

static ntk_status symmetric_equations(ntk_context *ctx, const samples *p)
{
    ntk_status status;
    int64_t n = p->s->size;
    double *decays = NULL, *zu = NULL, *m = NULL;
    NTK_TRY(NTK_NEW_RAW(ctx, p->count * n, &decays));
    NTK_TRY(NTK_NEW_RAW(ctx, p->count * n, &zu));
    NTK_TRY(NTK_NEW_RAW(ctx, n * n, &m));
    fill_decays(p, decays);
    NTK_TRY_PART(ctx, 0, 0.3, modal_outputs(ctx, p, zu));
    for (int64_t k = 0; k < p->count; ++k)
        for (int64_t i = 0; i < n; ++i) p->right[i] += weight_of(p, k) * decays[k * n + i] * zu[k * n + i];
    NTK_TRY_PART(ctx, 0.3, 0.6, ntk_gramian_modal_square(ctx, p->s, &p->s->ports[NTK_GRAMIAN_OBSERVABILITY], m));
    NTK_TRY_PART(ctx, 0.6, 1, ntk_syrk(ctx, NTK_F64, NTK_TRANSPOSED, n, p->count, 1, decays, n, 0, p->g, n));
    ntk_mirror(ctx, NTK_F64, n, p->g, n);
    for (int64_t i = 0; i < n * n; ++i) p->g[i] = m[i] == 0 ? 0 : p->g[i] * m[i];
done:
    ntk_free(m);
    ntk_free(zu);
    ntk_free(decays);
    return status;
}

/* ---- of a general A, in the coordinates of the state ---- */

/* Sample k, of which `rows` [outputs, s] = C exp(A t_k). */
static ntk_status add_sample(ntk_context *ctx, const samples *p, int64_t k, const double *rows)
{
    ntk_status status;
    int64_t n = p->s->size, q = p->outputs;
    double square = weight_of(p, k) * weight_of(p, k);
    NTK_TRY(ntk_syrk(ctx, NTK_F64, NTK_TRANSPOSED, n, q, square, rows, n, 1, p->g, n));
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_TRANSPOSED, NTK_PLAIN, n, 1, q, square, rows, n, p->z + k * q, 1, 1, p->right, 1));
done:
    return status;
}

static ntk_status general_equations(ntk_context *ctx, const samples *p)
{
    ntk_status status;
    int64_t n = p->s->size, q = p->outputs;
    const ntk_port *c = &p->s->ports[NTK_GRAMIAN_OBSERVABILITY];
    double *rows[2] = {NULL, NULL};
    ntk_stepper stepper = {0};
    bool moved;
    int at = 0;
    NTK_TRY(NTK_NEW_RAW(ctx, q * n, &rows[0]));
    NTK_TRY(NTK_NEW_RAW(ctx, q * n, &rows[1]));
    NTK_TRY(ntk_stepper_open(ctx, p->s, &stepper));
    if (c->h) memcpy(rows[0], c->h, (size_t)(q * n) * sizeof **rows);
    else ntk_port_matrix(c, n, rows[0]);
    for (int64_t k = 0; k < p->count; ++k) {
        NTK_TRY(ntk_stepper_go(ctx, &stepper, p->times[k], &moved));
        if (moved) {
            NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, q, n, n, 1, rows[at], n, stepper.e, n, 0, rows[1 - at], n));
            at = 1 - at;
        }
        NTK_TRY(add_sample(ctx, p, k, rows[at]));
        NTK_TRY(ntk_progress(ctx, (double)(k + 1) / (double)p->count));
    }
    ntk_mirror(ctx, NTK_F64, n, p->g, n);
done:
    ntk_stepper_close(&stepper);
    ntk_free(rows[1]);
    ntk_free(rows[0]);
    return status;
}

/* ---- their solution ---- */

typedef struct estimate {
    double prior, tolerance;
    double *x, *covariance; /* [s], [s, s]; covariance NULL: not wanted */
    int64_t rank;
} estimate;

/* x = Eᵀ weights (E right), covariance = Eᵀ diag(weights) E; e [s, s] rows. */
static ntk_status combine(ntk_context *ctx, int64_t n, const double *e, const double *weights, const double *right, estimate *out)
{
    ntk_status status;
    double *c = NULL, *we = NULL;
    NTK_TRY(NTK_NEW_RAW(ctx, n, &c));
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, n, 1, n, 1, e, n, right, 1, 0, c, 1));
    for (int64_t i = 0; i < n; ++i) c[i] *= weights[i];
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_TRANSPOSED, NTK_PLAIN, n, 1, n, 1, e, n, c, 1, 0, out->x, 1));
    if (!out->covariance) goto done;
    NTK_TRY(NTK_NEW_RAW(ctx, n * n, &we));
    for (int64_t i = 0; i < n * n; ++i) we[i] = sqrt(weights[i / n]) * e[i];
    NTK_TRY(ntk_syrk(ctx, NTK_F64, NTK_TRANSPOSED, n, n, 1, we, n, 0, out->covariance, n));
    ntk_mirror(ctx, NTK_F64, n, out->covariance, n);
done:
    ntk_free(we);
    ntk_free(c);
    return status;
}

/* E in the coordinates of the state: E U. */
static ntk_status leave_modes(ntk_context *ctx, const ntk_system *s, double **e, double **right)
{
    ntk_status status;
    int64_t n = s->size;
    double *eu = NULL, *x = NULL;
    NTK_TRY(NTK_NEW_RAW(ctx, n * n, &eu));
    NTK_TRY(NTK_NEW_RAW(ctx, n, &x));
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, n, n, n, 1, *e, n, s->vectors, n, 0, eu, n));
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_TRANSPOSED, NTK_PLAIN, n, 1, n, 1, s->vectors, n, *right, 1, 0, x, 1));
    ntk_free(*e), ntk_free(*right);
    *e = eu, *right = x;
    eu = x = NULL;
done:
    ntk_free(x);
    ntk_free(eu);
    return status;
}

static ntk_status solve(ntk_context *ctx, samples *p, estimate *out)
{
    ntk_status status;
    int64_t n = p->s->size;
    double *mu = NULL, cutoff, known = out->prior > 0 ? 1 / (out->prior * out->prior) : 0;
    NTK_TRY(NTK_NEW_RAW(ctx, n, &mu));
    NTK_TRY(ntk_check_result(ctx, "the Gramian of the samples", NTK_F64, p->g, n * n));
    NTK_TRY_PART(ctx, 0, 0.6, ntk_eigen(ctx, n, p->g, mu, true));
    cutoff = n > 0 ? (out->tolerance > 0 ? out->tolerance : (double)n * DBL_EPSILON) * fmax(mu[0], 0) : 0;
    for (int64_t i = 0; i < n; ++i) {
        bool shown = mu[i] > cutoff;
        out->rank += shown;
        mu[i] = shown ? 1 / (mu[i] + known) : out->prior > 0 ? out->prior * out->prior : 0;
    }
    if (p->s->w) NTK_TRY_PART(ctx, 0.6, 0.8, leave_modes(ctx, p->s, &p->g, &p->right));
    NTK_TRY_PART(ctx, 0.8, 1, combine(ctx, n, p->g, mu, p->right, out));
done:
    ntk_free(mu);
    return status;
}

/* ---- the door ---- */

static ntk_status read_deviations(ntk_context *ctx, const ntk_array *noise, int64_t count, const double **dense, void **copy)
{
    ntk_status status;
    const void *values;
    if (!noise) return NTK_OK;
    NTK_TRY(ntk_check_shape(ctx, "options.noise", noise, NTK_F64, NTK_SHAPE(count)));
    NTK_TRY(ntk_check_finite(ctx, "options.noise", noise));
    NTK_TRY(ntk_borrow(ctx, noise, &values, copy));
    *dense = values;
    for (int64_t k = 0; k < count; ++k)
        if (!((*dense)[k] > 0)) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.noise[%lld] is %g; expected a deviation > 0", (long long)k, (*dense)[k]);
done:
    return status;
}

static ntk_status read_options(ntk_context *ctx, const ntk_reconstruct_options *options, ntk_reconstruct_options *o)
{
    ntk_status status = NTK_OPTIONS_READ(ctx, options, o);
    if (status != NTK_OK) return status;
    if (!(o->prior >= 0 && isfinite(o->prior)))
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.prior is %g; expected a finite deviation > 0, or 0 for none", o->prior);
    if (!(o->tolerance >= 0 && o->tolerance < 1))
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.tolerance is %g; expected a number from 0 to below 1", o->tolerance);
    return NTK_OK;
}

static ntk_status check_arrays(ntk_context *ctx, const samples *p, const ntk_array *z, const ntk_array *x0, const ntk_array *covariance)
{
    ntk_status status;
    int64_t n = p->s->size;
    NTK_TRY(ntk_check_shape(ctx, "z", z, NTK_F64, NTK_SHAPE(p->count, p->outputs)));
    NTK_TRY(ntk_check_finite(ctx, "z", z));
    NTK_TRY(ntk_check_output(ctx, "x0", x0, NTK_F64, NTK_SHAPE(n)));
    if (covariance) NTK_TRY(ntk_check_output(ctx, "covariance", covariance, NTK_F64, NTK_SHAPE(n, n)));
    NTK_TRY(ntk_memory_require(ctx, "the reconstruction", 8 * (double)n * (5 * (double)n + 2 * (double)p->count)));
done:
    return status;
}

ntk_status ntk_system_reconstruct(ntk_context *ctx, const ntk_system *system, const double *times, int64_t n_times, const ntk_array *z,
                                  const ntk_reconstruct_options *options, ntk_array *x0, ntk_array *covariance, int64_t *rank)
{
    ntk_status status;
    ntk_reconstruct_options o;
    estimate out = {0};
    samples p = {.s = system, .times = times, .count = n_times};
    const void *dense;
    void *copies[2] = {NULL, NULL};
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, system);
    NTK_TRY(ntk_system_check_matrix(ctx, system));
    NTK_TRY(read_options(ctx, options, &o));
    NTK_TRY(ntk_control_times(ctx, times, n_times));
    p.outputs = ntk_system_outputs(system);
    NTK_TRY(check_arrays(ctx, &p, z, x0, covariance));
    NTK_TRY(read_deviations(ctx, o.noise, n_times, &p.deviations, &copies[0]));
    NTK_TRY(ntk_borrow(ctx, z, &dense, &copies[1]));
    p.z = dense;
    out.prior = o.prior, out.tolerance = o.tolerance;
    NTK_TRY(NTK_NEW(ctx, system->size * system->size, &p.g));
    NTK_TRY(NTK_NEW(ctx, system->size, &p.right));
    NTK_TRY(NTK_NEW_RAW(ctx, system->size, &out.x));
    if (covariance) NTK_TRY(NTK_NEW_RAW(ctx, system->size * system->size, &out.covariance));
    NTK_TRY_PART(ctx, 0, 0.6, (system->w ? symmetric_equations : general_equations)(ctx, &p));
    NTK_TRY_PART(ctx, 0.6, 1, solve(ctx, &p, &out));
    NTK_TRY(ntk_check_result(ctx, "x0", NTK_F64, out.x, system->size));
    ntk_store(x0, out.x);
    if (covariance) ntk_store(covariance, out.covariance);
    if (rank) *rank = out.rank;
done:
    ntk_free(out.covariance);
    ntk_free(out.x);
    ntk_free(p.right);
    ntk_free(p.g);
    ntk_free(copies[1]);
    ntk_free(copies[0]);
    return status;
}
