/*
 * The Lyapunov equation of any symmetric Q, definite or not, and of any A for which it has one solution:
 *
 *     Aᵀ X + X A + Q = 0  (observability)    or    A X + X Aᵀ + Q = 0  (controllability)
 *
 * Symmetric A = -Uᵀ diag(w) U: X = Uᵀ [(U Q Uᵀ)_ij/(w_i + w_j)] U; general A: Bartels & Stewart (lyapunov.c).  No two eigenvalues of A may add up
 * to 0: within rounding, s eps max|w|, the quotient is not known; but where Q has nothing there either, |(UQUᵀ)_ij| <= s eps |Q|, 0 is the smallest
 * solution, as in gramian.c.
 */
#include "control.h"

#include <float.h>
#include <math.h>
#include <string.h>

static ntk_status divide(ntk_context *ctx, const ntk_system *s, double *m)
{
    int64_t n = s->size;
    double small = (double)n * DBL_EPSILON * ntk_norm(n, n, m);
    for (int64_t i = 0; i < n; ++i)
        for (int64_t j = 0; j <= i; ++j) {
            double sum = s->w[i] + s->w[j];
            if (fabs(sum) > s->tolerance) m[i * n + j] /= sum;
            else if (fabs(m[i * n + j]) <= small) m[i * n + j] = 0;
            else
                return ntk_fail(ctx, NTK_ERROR_UNSTABLE, "the eigenvalues %g and %g of A add up to 0 within rounding: the Lyapunov equation has no unique solution",
                                -s->w[i], -s->w[j]);
        }
    return NTK_OK;
}

/* x holds Q, and then X; `room` [s, s]. */
static ntk_status solve_symmetric(ntk_context *ctx, const ntk_system *s, double *x, double *room)
{
    ntk_status status;
    int64_t n = s->size;
    NTK_TRY_PART(ctx, 0, 0.5, ntk_congruence(ctx, NTK_GRAMIAN_CONTROLLABILITY, n, s->vectors, x, room));
    NTK_TRY(divide(ctx, s, x));
    memcpy(room, x, (size_t)(n * n) * sizeof *room);
    NTK_TRY_PART(ctx, 0.5, 1, ntk_gramian_from_modes(ctx, s, room, x));
done:
    return status;
}

static ntk_status solve_general(ntk_context *ctx, const ntk_system *s, ntk_gramian which, double *x, double *room)
{
    ntk_status status;
    NTK_TRY_PART(ctx, 0, 1, ntk_gramian_schur(ctx, s, which, x, room));
    NTK_TRY(ntk_check_result(ctx, "x", NTK_F64, x, s->size * s->size));
done:
    return status;
}

/* Q, both triangles alike to the bit. */
static ntk_status read_q(ntk_context *ctx, const ntk_array *q, int64_t n, double *x)
{
    const void *dense;
    void *copy = NULL;
    double largest = 0, worst = 0;
    ntk_status status = ntk_borrow(ctx, q, &dense, &copy);
    if (status != NTK_OK) return status;
    if (n > 0) memcpy(x, dense, (size_t)(n * n) * sizeof *x);
    ntk_free(copy);
    for (int64_t i = 0; i < n * n; ++i) {
        largest = fmax(largest, fabs(x[i]));
        worst = fmax(worst, fabs(x[i] - x[i % n * n + i / n]));
    }
    if (worst > 1e-12 * largest)
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "q is not symmetric: entries differ from their mirror images by up to %g (the largest is %g)", worst, largest);
    ntk_symmetrise(n, x);
    return NTK_OK;
}

ntk_status ntk_system_lyapunov(ntk_context *ctx, const ntk_system *system, ntk_gramian which, const ntk_array *q, ntk_array *x)
{
    ntk_status status;
    double *dense = NULL, *room = NULL;
    int64_t n;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, system);
    NTK_TRY(ntk_system_check_matrix(ctx, system));
    n = system->size;
    NTK_TRY(ntk_gramian_check(ctx, which));
    NTK_TRY(ntk_check_shape(ctx, "q", q, NTK_F64, NTK_SHAPE(n, n)));
    NTK_TRY(ntk_check_finite(ctx, "q", q));
    NTK_TRY(ntk_check_output(ctx, "x", x, NTK_F64, NTK_SHAPE(n, n)));
    NTK_TRY(ntk_memory_require(ctx, "the Lyapunov equation", 24 * (double)n * (double)n));
    NTK_TRY(NTK_NEW_RAW(ctx, n * n, &dense));
    NTK_TRY(NTK_NEW_RAW(ctx, n * n, &room));
    NTK_TRY(read_q(ctx, q, n, dense));
    if (system->w) NTK_TRY(solve_symmetric(ctx, system, dense, room));
    else NTK_TRY(solve_general(ctx, system, which, dense, room));
    ntk_store(x, dense);
done:
    ntk_free(room);
    ntk_free(dense);
    return status;
}
