/*
 * Systems in parameter space are balanced as they stand.  With J D^-1/2 = Uᵀ diag(sigma) V and the state xi = V D^1/2 theta of the modes that J shows,
 *
 *     xi' = -(sigma² + lambda) xi + diag(sigma) U u,     z = Uᵀ diag(sigma) xi,     both Gramians diag(phi),  phi_i = sigma_i² S(2 (sigma_i² + lambda)),
 *
 * so the Hankel values are phi_i at infinity, sigma_i²/(2 (sigma_i² + lambda)) (½ without weight decay: then every mode counts alike), the truncation to
 * k states keeps the k fastest modes, and the least energy that brings the parameters from 0 to theta is, with c = U J theta = diag(sigma) xi,
 *
 *     sum_i xi_i²/phi_i = sum_i c_i²/(sigma_i² phi_i),     costate Jᵀ Uᵀ (c_i/(sigma_i² phi_i)).
 *
 * What of theta is not xi, |D^1/2 theta|² - |xi|², lies in the null space of J and is out of reach.
 */
#include "control.h"

#include <float.h>
#include <math.h>
#include <string.h>

static double phi(const ntk_system *s, int64_t i, double horizon)
{
    ntk_flow flow = {.s = horizon};
    double square = s->spectrum->values[i];
    return square * ntk_flow_learned(&flow, 2 * (square + s->weight_decay));
}

ntk_status ntk_parameters_hankel(ntk_context *ctx, const ntk_system *system, ntk_array *values)
{
    ntk_status status;
    double *dense = NULL;
    NTK_TRY(ntk_check_output(ctx, "values", values, NTK_F64, NTK_SHAPE(system->size)));
    NTK_TRY(NTK_NEW(ctx, system->size, &dense));
    for (int64_t i = 0; i < system->spectrum->rank; ++i) dense[i] = phi(system, i, INFINITY);
    ntk_store(values, dense);
done:
    ntk_free(dense);
    return status;
}

ntk_status ntk_parameters_reduce(ntk_context *ctx, const ntk_system *s, int64_t k, double *bound, ntk_system **reduced)
{
    ntk_status status;
    int64_t n = s->spectrum->n, rank = s->spectrum->rank;
    double *a = NULL, *b = NULL, tail = 0;
    ntk_array aa, bb, cc;
    if (k < 1 || k > rank)
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "k is %lld; expected 1 to %lld, the rank of J: beyond, Hankel values are 0", (long long)k, (long long)rank);
    NTK_TRY(NTK_NEW(ctx, k * k, &a));
    NTK_TRY(NTK_NEW_RAW(ctx, k * n, &b));
    for (int64_t i = 0; i < k; ++i) {
        a[i * (k + 1)] = -(s->spectrum->values[i] + s->weight_decay);
        for (int64_t j = 0; j < n; ++j) b[i * n + j] = sqrt(s->spectrum->values[i]) * s->spectrum->vectors[i * n + j];
    }
    for (int64_t i = rank - 1; i >= k; --i) tail += phi(s, i, INFINITY);
    aa = ntk_matrix_f64(a, k, k), bb = ntk_matrix_f64(b, k, n), cc = ntk_array_flipped(&bb);
    NTK_TRY_PART(ctx, 0, 1, ntk_system_from_matrices(ctx, &aa, &bb, &cc, reduced));
    if (bound) *bound = 2 * tail;
done:
    ntk_free(b);
    ntk_free(a);
    return status;
}

/* |D^1/2 theta|² */
static double weighted_square(const ntk_system *s, const double *theta)
{
    double sum = 0;
    for (int64_t j = 0; j < s->size; ++j) sum += ntk_optimizer_d(s->spectrum->optimizer, j) * theta[j] * theta[j];
    return sum;
}

/* What rounding leaves of |xi|²: s eps, and the condition of the way in which the modes are known (parameters.c). */
static double rounding(const ntk_system *s)
{
    int64_t rank = s->spectrum->rank;
    double condition = rank > 0 ? s->spectrum->values[0] / s->spectrum->values[rank - 1] : 1;
    return DBL_EPSILON * ((double)s->size + 4 * (s->spectrum->right ? sqrt(condition) : condition));
}

/* c [rank] = U J theta becomes c_i/(sigma_i² phi_i). */
static ntk_status divide(ntk_context *ctx, const ntk_system *s, double horizon, double whole, double *c, double *energy)
{
    double inside = 0;
    *energy = 0;
    for (int64_t i = 0; i < s->spectrum->rank; ++i) {
        double square = s->spectrum->values[i], weight = square * phi(s, i, horizon);
        inside += c[i] * (c[i] / square);
        *energy += c[i] * (c[i] / weight);
        c[i] /= weight;
    }
    if (whole - inside <= rounding(s) * whole) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_UNREACHABLE,
                    "x cannot be reached: %.3g of its norm %.3g (in the metric D) lies outside the %lld directions of %lld that J shows", sqrt(whole - inside),
                    sqrt(whole), (long long)s->spectrum->rank, (long long)s->size);
}

ntk_status ntk_parameters_energy(ntk_context *ctx, const ntk_system *s, double horizon, const double *theta, double *energy, double *costate)
{
    ntk_status status;
    int64_t n = s->spectrum->n, rank = s->spectrum->rank;
    double *image = NULL, *c = NULL;
    NTK_TRY(NTK_NEW_RAW(ctx, n, &image));
    NTK_TRY(NTK_NEW_RAW(ctx, rank, &c));
    NTK_TRY_PART(ctx, 0, 0.5, ntk_jacobian_dense_apply(ctx, s->spectrum->jacobian, theta, image));
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, rank, 1, n, 1, s->spectrum->vectors, n, image, 1, 0, c, 1));
    NTK_TRY(divide(ctx, s, horizon, weighted_square(s, theta), c, energy));
    NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_TRANSPOSED, NTK_PLAIN, n, 1, rank, 1, s->spectrum->vectors, n, c, 1, 0, image, 1));
    NTK_TRY_PART(ctx, 0.5, 1, ntk_jacobian_dense_apply_transposed(ctx, s->spectrum->jacobian, image, costate));
done:
    ntk_free(c);
    ntk_free(image);
    return status;
}
