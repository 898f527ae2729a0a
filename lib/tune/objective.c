/*
 * Objectives of A = K + noise I and y [n, m] (each column on its own), and their derivatives dvalue = tr(G dA).  B = A⁻¹, v = B y.
 *
 *     evidence    -½ tr yᵀ v - m/2 log det A - nm/2 log 2 pi            G = ½ (v vᵀ - m B)
 *
 * Leave-one-out (Rasmussen & Williams 2006, 5.4.2): residual r_i = v_i/B_ii, variance 1/B_ii.
 *
 *     loo         mean of ½ log B_ii - ½ v_ij²/B_ii - ½ log 2 pi        dvalue/dv = -r,      dvalue/dB_ii = m/(2 B_ii) + ½ sum_j r_ij²
 *     loo_error   -mean of r_ij²                                        dvalue/dv = -2 r/B,  dvalue/dB_ii = 2 sum_j r_ij²/B_ii
 *
 * (both divided by nm).  With R = dvalue/dv and D the diagonal of dvalue/dB_ii, dB = -B dA B and dv = -B dA v give
 *
 *     G = -½ (B R vᵀ + v Rᵀ B) - B D B.
 */
#include "tune.h"

#include <math.h>
#include <string.h>

typedef struct system {
    int64_t n, m;
    double *factor;  /* of A */
    double *inverse; /* B [n, n] */
    double *v;       /* [n, m] */
} system;

static double log_determinant(const system *s)
{
    double sum = 0;
    for (int64_t i = 0; i < s->n; ++i) sum += log(s->factor[i * s->n + i]);
    return 2 * sum;
}

/* g = -(left vᵀ + v leftᵀ)/2 for left [n, m], as the sum of both halves. */
static ntk_status outer(ntk_context *ctx, const system *s, double scale, const double *left, double *g)
{
    ntk_status status;
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_TRANSPOSED, s->n, s->n, s->m, scale / 2, left, s->m, s->v, s->m, 1, g, s->n));
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_TRANSPOSED, s->n, s->n, s->m, scale / 2, s->v, s->m, left, s->m, 1, g, s->n));
done:
    return status;
}

static ntk_status evidence(ntk_context *ctx, const system *s, const double *y, double *value, double *g)
{
    ntk_status status = NTK_OK;
    double quadratic = 0, m = (double)s->m;
    for (int64_t i = 0; i < s->n * s->m; ++i) quadratic += y[i] * s->v[i];
    *value = -0.5 * (quadratic + m * log_determinant(s) + (double)s->n * m * log(2 * acos(-1)));
    if (!g) return NTK_OK;
    for (int64_t i = 0; i < s->n * s->n; ++i) g[i] = -0.5 * m * s->inverse[i];
    NTK_TRY(outer(ctx, s, 0.5, s->v, g));
done:
    return status;
}

/* What the two leave-one-out objectives say of one sample: value, R and D. */
typedef void (*sample_rule)(double inverse, int64_t m, const double *v, double *value, double *r, double *d);

static void log_score(double inverse, int64_t m, const double *v, double *value, double *r, double *d)
{
    *d = (double)m / (2 * inverse);
    for (int64_t j = 0; j < m; ++j) {
        double residual = v[j] / inverse;
        *value += 0.5 * (log(inverse) - residual * v[j] - log(2 * acos(-1)));
        r[j] = -residual;
        *d += residual * residual / 2;
    }
}

static void square_error(double inverse, int64_t m, const double *v, double *value, double *r, double *d)
{
    *d = 0;
    for (int64_t j = 0; j < m; ++j) {
        double residual = v[j] / inverse;
        *value -= residual * residual;
        r[j] = -2 * residual / inverse;
        *d += 2 * residual * residual / inverse;
    }
}

/* g = -½ (B R vᵀ + v Rᵀ B) - B D B, R [n, m] and d [n] given. */
static ntk_status pull_inverse(ntk_context *ctx, const system *s, const double *r, const double *d, double *g)
{
    ntk_status status;
    double *left = NULL, *scaled = NULL;
    int64_t n = s->n;
    NTK_TRY(NTK_NEW_RAW(ctx, n * s->m, &left));
    NTK_TRY(NTK_NEW_RAW(ctx, n * n, &scaled));
    for (int64_t i = 0; i < n * n; ++i) scaled[i] = d[i / n] * s->inverse[i];
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, n, n, n, -1, s->inverse, n, scaled, n, 0, g, n));
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, n, s->m, n, 1, s->inverse, n, r, s->m, 0, left, s->m));
    NTK_TRY(outer(ctx, s, -1, left, g));
done:
    ntk_free(scaled);
    ntk_free(left);
    return status;
}

static ntk_status leave_one_out(ntk_context *ctx, const system *s, sample_rule rule, double *value, double *g)
{
    ntk_status status;
    double *r = NULL, *d = NULL, count = (double)(s->n * s->m);
    NTK_TRY(NTK_NEW_RAW(ctx, s->n * s->m, &r));
    NTK_TRY(NTK_NEW_RAW(ctx, s->n, &d));
    *value = 0;
    for (int64_t i = 0; i < s->n; ++i) rule(s->inverse[i * s->n + i], s->m, s->v + i * s->m, value, r + i * s->m, &d[i]);
    *value /= count;
    for (int64_t i = 0; i < s->n * s->m; ++i) r[i] /= count;
    for (int64_t i = 0; i < s->n; ++i) d[i] /= count;
    if (g) NTK_TRY(pull_inverse(ctx, s, r, d, g));
done:
    ntk_free(d);
    ntk_free(r);
    return status;
}

static ntk_status open_system(ntk_context *ctx, bool inverse, int64_t n, int64_t m, double *a, const double *y, system *s)
{
    ntk_status status;
    *s = (system){n, m, a, NULL, NULL};
    NTK_TRY_PART(ctx, 0, 0.3, ntk_cholesky(ctx, NTK_F64, n, a, n));
    NTK_TRY(NTK_NEW_RAW(ctx, n * m, &s->v));
    memcpy(s->v, y, (size_t)(n * m) * sizeof *y);
    NTK_TRY(ntk_cholesky_solve(ctx, NTK_F64, n, a, n, m, s->v, m));
    if (!inverse) return NTK_OK;
    NTK_TRY(NTK_NEW(ctx, n * n, &s->inverse));
    for (int64_t i = 0; i < n; ++i) s->inverse[i * n + i] = 1;
    NTK_TRY_PART(ctx, 0.3, 1, ntk_cholesky_solve(ctx, NTK_F64, n, a, n, n, s->inverse, n));
done:
    return status;
}

ntk_status ntk_tune_objective(ntk_context *ctx, ntk_objective objective, int64_t n, int64_t m, double *a, const double *y, double *value, double *g)
{
    ntk_status status;
    system s;
    bool is_evidence = objective == NTK_OBJECTIVE_EVIDENCE;
    NTK_TRY_PART(ctx, 0, 0.7, open_system(ctx, g || !is_evidence, n, m, a, y, &s));
    if (is_evidence) NTK_TRY_PART(ctx, 0.7, 1, evidence(ctx, &s, y, value, g));
    else NTK_TRY_PART(ctx, 0.7, 1, leave_one_out(ctx, &s, objective == NTK_OBJECTIVE_LOO ? log_score : square_error, value, g));
done:
    ntk_free(s.inverse);
    ntk_free(s.v);
    return status;
}
