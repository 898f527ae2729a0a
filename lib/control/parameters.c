/*
 * Training in parameter space: theta' = -D⁻¹Jᵀ(J theta - y) - lambda theta, that is A = -(D⁻¹JᵀJ + lambda), B = D⁻¹Jᵀ, C = J.
 *
 * A is similar to a symmetric matrix: with J D^-1/2 = Uᵀ diag(sigma) V (rows u_i, v_i), D^1/2 A D^-1/2 = -(Vᵀ diag(sigma²) V + lambda), so
 *
 *     W(T) = D^±1/2 [ sum_i sigma_i² S(2 (sigma_i² + lambda)) v_i v_iᵀ ] D^±1/2 = F Fᵀ,     S(x) = (1 - exp(-x T))/x,
 *
 * + for observability, - for controllability: p x rank numbers, nothing p x p unless it is asked for.  A mode in the null space of J
 * does not decay where lambda = 0, and is neither seen nor driven: the Gramian on the rest is the minimal solution.
 * At infinity W_o = ½ P_row(J) for D = 1, lambda = 0, and 2 tr W_o = tr K (K + lambda)⁻¹ for any lambda (docs/mathematics.md §9.1).
 *
 * Two ways.  With v_i = D^-1/2 Jᵀ u_i/sigma_i the factor needs no v_i:
 *
 *     F = Jᵀ X  or  D⁻¹ Jᵀ X,     X = Uᵀ diag(S(2 (sigma_i² + lambda))^1/2)
 *
 * from the eigenvectors of K = J D⁻¹ Jᵀ alone: one product of J with itself, one of J with X [N, rank].  K is known to a few eps |K|, so v_iᵀ v_j
 * is off by some eps sigma_max²/(sigma_i sigma_j): at most cond(K) eps, 2e-11 up to the LARGEST_CONDITION.  Beyond it, or with more rows than columns,
 * the singular value decomposition has every v_i to a few eps, at about five times the cost.
 */
#include "control.h"

#include <math.h>
#include <string.h>

#define LARGEST_CONDITION 1e5

#define BLOCK ((double)((int64_t)512 << 20)) /* bytes of rows of J at once, where they are not at hand */

/* The spectral abscissa: a mode in the null space of J decays by the weight decay alone. */
static double slowest(const ntk_system *s)
{
    int64_t rank = s->spectrum->rank;
    if (s->size == 0) return -INFINITY;
    return rank < s->size ? 0 - s->weight_decay : -(s->spectrum->values[rank - 1] + s->weight_decay);
}

ntk_status ntk_system_check_matrix(ntk_context *ctx, const ntk_system *system)
{
    if (system->a) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_UNSUPPORTED, "a system from a Jacobian keeps no A [%lld, %lld]: this call wants one", (long long)system->size,
                    (long long)system->size);
}

/* The eigenvectors of K, if they are good enough; else *spectrum stays NULL. */
static ntk_status try_gram(ntk_context *ctx, const ntk_jacobian *jacobian, const ntk_optimizer *optimizer, ntk_spectrum **spectrum)
{
    ntk_status status;
    ntk_gram *gram = NULL;
    if (jacobian->rows == 0 || jacobian->rows > jacobian->columns) return NTK_OK;
    NTK_TRY_PART(ctx, 0, 0.7, ntk_gram_from_jacobian(ctx, jacobian, optimizer, &gram));
    NTK_TRY_PART(ctx, 0.7, 1, ntk_spectrum_create(ctx, gram, NULL, spectrum));
    if (ntk_spectrum_condition(*spectrum) <= LARGEST_CONDITION) goto done;
    ntk_spectrum_destroy(*spectrum);
    *spectrum = NULL;
done:
    ntk_gram_destroy(gram);
    return status;
}

ntk_status ntk_system_from_jacobian(ntk_context *ctx, const ntk_jacobian *jacobian, const ntk_optimizer *optimizer, double weight_decay,
                                    ntk_system **system)
{
    ntk_status status;
    ntk_system *s = NULL;
    NTK_ENTER_NEW(ctx, system);
    NTK_REQUIRE(ctx, jacobian);
    if (!(weight_decay >= 0 && isfinite(weight_decay)))
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "weight_decay is %g; expected a finite number >= 0", weight_decay);
    NTK_TRY(NTK_NEW_HANDLE(ctx, &s));
    s->size = jacobian->columns;
    s->weight_decay = weight_decay;
    NTK_TRY_PART(ctx, 0, 0.5, try_gram(ctx, jacobian, optimizer, &s->spectrum));
    NTK_TRY_PART(ctx, 0.5, 1, s->spectrum ? NTK_OK : ntk_spectrum_from_jacobian(ctx, jacobian, optimizer, NULL, &s->spectrum));
    s->abscissa = slowest(s);
    *system = s;
    s = NULL;
done:
    ntk_system_destroy(s);
    return status;
}

/* The flow over [0, horizon], or steps for ever. */
typedef struct course {
    double horizon, step; /* step 0: the flow */
} course;

/* S(2 r), r = sigma_i² + lambda; of steps the sum of (1 - step r)^2k, 1/(step r (2 - step r)). */
static double learned(const ntk_system *s, int64_t i, course c)
{
    double rate = s->spectrum->values[i] + s->weight_decay;
    ntk_flow flow = {.s = c.horizon};
    return c.step > 0 ? 1 / (c.step * rate * (2 - c.step * rate)) : ntk_flow_learned(&flow, 2 * rate);
}

/* f [p, rank] from singular vectors: columns sigma_i S^1/2 D^±1/2 v_i. */
static ntk_status factor_of_vectors(ntk_context *ctx, const ntk_system *s, ntk_gramian which, course c, double *f)
{
    const ntk_spectrum *spectrum = s->spectrum;
    int64_t p = s->size, rank = spectrum->rank;
    ntk_array columns = ntk_matrix_f64(f, p, rank), rows = ntk_array_flipped(&columns);
    double *scaled = NULL;
    ntk_status status = NTK_NEW_RAW(ctx, rank * p, &scaled);
    if (status != NTK_OK) return status;
    for (int64_t i = 0; i < rank; ++i) {
        double weight = sqrt(spectrum->values[i] * learned(s, i, c));
        for (int64_t j = 0; j < p; ++j) scaled[i * p + j] = weight * spectrum->right[i * p + j];
    }
    ntk_optimizer_scale(spectrum->optimizer, rank, p, scaled, which == NTK_GRAMIAN_OBSERVABILITY ? -0.5 : 0.5);
    ntk_store(&rows, scaled);
    ntk_free(scaled);
    return NTK_OK;
}

/* f = Jᵀ x, x [N, rank], over blocks of rows of J. */
static ntk_status multiply_transposed(ntk_context *ctx, const ntk_jacobian *j, int64_t rank, const double *x, double *f)
{
    ntk_status status = NTK_OK;
    int64_t n = j->rows, p = j->columns, step = j->matrix && j->dtype == NTK_F64 ? n : NTK_MIN(NTK_MAX((int64_t)(BLOCK / (8 * (double)NTK_MAX(p, 1))), 1), n);
    double *room = NULL;
    if (!j->matrix || j->dtype != NTK_F64) NTK_TRY(NTK_NEW_RAW(ctx, step * p, &room));
    for (int64_t first = 0; first < n; first += step) {
        int64_t count = NTK_MIN(step, n - first);
        double from = (double)first / (double)n, to = (double)(first + count) / (double)n;
        if (room) NTK_TRY_PART(ctx, from, (from + to) / 2, ntk_jacobian_dense_rows(ctx, j, first, count, room));
        NTK_TRY_PART(ctx, room ? (from + to) / 2 : from, to,
                     ntk_gemm(ctx, NTK_F64, NTK_TRANSPOSED, NTK_PLAIN, p, rank, count, 1, room ? room : (const double *)j->matrix + first * p, p, x + first * rank, rank,
                              first > 0, f, rank));
    }
done:
    ntk_free(room);
    return status;
}

/* f [p, rank] from eigenvectors of K. */
static ntk_status factor_of_gram(ntk_context *ctx, const ntk_system *s, ntk_gramian which, course c, double *f)
{
    ntk_status status;
    const ntk_spectrum *spectrum = s->spectrum;
    int64_t n = spectrum->n, rank = spectrum->rank;
    double *x = NULL;
    NTK_TRY(NTK_NEW_RAW(ctx, n * rank, &x));
    for (int64_t i = 0; i < rank; ++i) {
        double weight = sqrt(learned(s, i, c));
        for (int64_t k = 0; k < n; ++k) x[k * rank + i] = weight * spectrum->vectors[i * n + k];
    }
    NTK_TRY(multiply_transposed(ctx, spectrum->jacobian, rank, x, f));
    for (int64_t j = 0; which == NTK_GRAMIAN_CONTROLLABILITY && spectrum->optimizer && j < s->size; ++j)
        for (int64_t i = 0; i < rank; ++i) f[j * rank + i] /= ntk_optimizer_d(spectrum->optimizer, j);
done:
    ntk_free(x);
    return status;
}

/* f [p, rank], dense. */
static ntk_status factor(ntk_context *ctx, const ntk_system *s, ntk_gramian which, course c, double *f)
{
    ntk_status status;
    NTK_TRY_PART(ctx, 0, 1, (s->spectrum->right ? factor_of_vectors : factor_of_gram)(ctx, s, which, c, f));
    NTK_TRY(ntk_check_result(ctx, "the factor of w", NTK_F64, f, s->size * s->spectrum->rank));
done:
    return status;
}

static ntk_status dense_gramian(ntk_context *ctx, const ntk_system *system, ntk_gramian which, course c, double *w)
{
    ntk_status status;
    double *f = NULL;
    int64_t p = system->size, rank = system->spectrum->rank;
    NTK_TRY(NTK_NEW_RAW(ctx, rank * p, &f));
    NTK_TRY_PART(ctx, 0, 0.5, factor(ctx, system, which, c, f));
    NTK_TRY_PART(ctx, 0.5, 1, ntk_syrk(ctx, NTK_F64, NTK_PLAIN, p, rank, 1, f, rank, 0, w, p));
    ntk_mirror(ctx, NTK_F64, p, w, p);
    NTK_TRY(ntk_check_result(ctx, "w", NTK_F64, w, p * p));
done:
    ntk_free(f);
    return status;
}

ntk_status ntk_parameters_gramian(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double horizon, double *w)
{
    return dense_gramian(ctx, system, which, (course){horizon, 0}, w);
}

ntk_status ntk_parameters_discrete(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double step, double *w)
{
    double largest = ntk_system_largest_step(system);
    if (system->spectrum->rank > 0 && step >= largest)
        return ntk_fail(ctx, NTK_ERROR_UNSTABLE, "gradient descent with the step %g does not converge: expected less than %g, 2/(sigma² + weight_decay) of the largest sigma",
                        step, largest);
    return dense_gramian(ctx, system, which, (course){0, step}, w);
}

ntk_status ntk_system_gramian_factor(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double horizon, ntk_array *f)
{
    ntk_status status;
    double *scratch = NULL;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, system);
    NTK_TRY(ntk_gramian_check(ctx, which));
    NTK_TRY(ntk_horizon_check(ctx, horizon));
    if (!system->spectrum)
        return ntk_fail(ctx, NTK_ERROR_UNSUPPORTED, "only a system from a Jacobian keeps its Gramians as factors; ntk_system_gramian() has the matrix");
    NTK_TRY(ntk_check_output(ctx, "f", f, NTK_F64, NTK_SHAPE(system->size, system->spectrum->rank)));
    if (!ntk_is_dense(f)) NTK_TRY(NTK_NEW_RAW(ctx, system->spectrum->rank * system->size, &scratch));
    NTK_TRY_PART(ctx, 0, 1, factor(ctx, system, which, (course){horizon, 0}, scratch ? scratch : f->data));
    if (scratch) ntk_store(f, scratch);
done:
    ntk_free(scratch);
    return status;
}

int64_t ntk_system_rank(const ntk_system *system)
{
    if (!system) return -1;
    return system->spectrum ? system->spectrum->rank : system->size;
}

/* ---- dense, for the residual ------------------------------------------------------------------------------------ */

ntk_status ntk_parameters_dense(ntk_context *ctx, const ntk_system *system, ntk_gramian which, double **a, ntk_port *port)
{
    ntk_status status;
    const ntk_jacobian *j = system->spectrum->jacobian;
    int64_t p = system->size, n = j->rows;
    double *rows = NULL, *scaled = NULL;
    NTK_TRY(ntk_memory_require(ctx, "A and its residual", 16 * (double)p * (double)(n + p)));
    NTK_TRY(NTK_NEW_RAW(ctx, n * p, &rows));
    NTK_TRY(NTK_NEW_RAW(ctx, n * p, &scaled));
    NTK_TRY(NTK_NEW_RAW(ctx, p * p, a));
    NTK_TRY(ntk_jacobian_dense_rows(ctx, j, 0, n, rows));
    memcpy(scaled, rows, (size_t)(n * p) * sizeof *scaled);
    ntk_optimizer_scale(system->spectrum->optimizer, n, p, scaled, 1);
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_TRANSPOSED, NTK_PLAIN, p, p, n, -1, scaled, p, rows, p, 0, *a, p));
    for (int64_t i = 0; i < p; ++i) (*a)[i * p + i] -= system->weight_decay;
    port->rows = n;
    port->h = which == NTK_GRAMIAN_OBSERVABILITY ? rows : scaled;
    if (which == NTK_GRAMIAN_OBSERVABILITY) rows = NULL;
    else scaled = NULL;
done:
    ntk_free(scaled);
    ntk_free(rows);
    return status;
}
