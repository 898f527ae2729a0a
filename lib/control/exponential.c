/*
 * exp(A t) of a general A by scaling and squaring (Moler & Van Loan 2003, method 3): with |A| h <= 1/2 (1-norm, at least the spectral
 * radius), h = t/2^k, the Taylor series of 16 terms leaves 1e-20, then k squarings.  Each squaring rounds anew, so the error is about
 * eps |A| t of |exp(At)|: what a change of A in its last bits does.
 *
 * Along ascending times the exponential of one step serves every step of its length.  Steps such as 0.1 k - 0.1 (k - 1) differ by
 * rounding; one that is within 32 eps t of the one at hand is taken to be it, and the times still add up (the sum is compared, not the step).
 */
#include "control.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define TERMS 16
#define ROUNDING 32

static double one_norm(int64_t n, const double *a)
{
    double largest = 0;
    for (int64_t j = 0; j < n; ++j) {
        double sum = 0;
        for (int64_t i = 0; i < n; ++i) sum += fabs(a[i * n + j]);
        largest = fmax(largest, sum);
    }
    return largest;
}

ntk_status ntk_exponential_doublings(ntk_context *ctx, int64_t n, const double *a, double t, int *doublings)
{
    double size = one_norm(n, a) * t;
    if (!isfinite(size)) return ntk_fail(ctx, NTK_ERROR_OVERFLOW, "the time %g times the norm of A exceeds the range of f64", t);
    *doublings = size > 0.5 ? (int)ceil(log2(size)) + 1 : 0;
    return NTK_OK;
}

/* e = exp(A h), |A| h <= 1/2. */
static ntk_status series(ntk_context *ctx, int64_t n, const double *a, double h, double *e, double *term, double *room)
{
    ntk_status status = NTK_OK;
    for (int64_t i = 0; i < n * n; ++i) e[i] = term[i] = i % (n + 1) == 0;
    for (int j = 1; j <= TERMS; ++j) {
        NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, n, n, n, h / j, term, n, a, n, 0, room, n));
        memcpy(term, room, (size_t)(n * n) * sizeof *term);
        for (int64_t i = 0; i < n * n; ++i) e[i] += term[i];
    }
done:
    return status;
}

ntk_status ntk_exponential(ntk_context *ctx, int64_t n, const double *a, double t, double *e, double *term, double *room)
{
    ntk_status status;
    int doublings = 0;
    NTK_TRY(ntk_exponential_doublings(ctx, n, a, t, &doublings));
    NTK_TRY(series(ctx, n, a, ldexp(t, -doublings), e, term, room));
    for (int i = 0; i < doublings; ++i) {
        NTK_TRY(ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_PLAIN, n, n, n, 1, e, n, e, n, 0, room, n));
        memcpy(e, room, (size_t)(n * n) * sizeof *e);
    }
    NTK_TRY(ntk_check_result(ctx, "exp(A t)", NTK_F64, e, n * n));
done:
    return status;
}

/* ---- along ascending times ---- */

ntk_status ntk_stepper_open(ntk_context *ctx, const ntk_system *system, ntk_stepper *stepper)
{
    ntk_status status;
    int64_t count = system->size * system->size;
    *stepper = (ntk_stepper){.system = system, .step = -1};
    NTK_TRY(NTK_NEW_RAW(ctx, count, &stepper->e));
    NTK_TRY(NTK_NEW_RAW(ctx, count, &stepper->term));
    NTK_TRY(NTK_NEW_RAW(ctx, count, &stepper->room));
done:
    return status;
}

/* *moved: there is a step, and e is its exponential. */
ntk_status ntk_stepper_go(ntk_context *ctx, ntk_stepper *s, double time, bool *moved)
{
    ntk_status status = NTK_OK;
    double rounding = ROUNDING * DBL_EPSILON * time;
    *moved = time - s->time > rounding;
    if (!*moved) return NTK_OK;
    if (!(s->step > 0 && fabs(s->time + s->step - time) <= rounding)) {
        s->step = time - s->time;
        NTK_TRY(ntk_exponential(ctx, s->system->size, s->system->a, s->step, s->e, s->term, s->room));
    }
    s->time += s->step;
done:
    return status;
}

void ntk_stepper_close(ntk_stepper *stepper)
{
    ntk_free(stepper->room);
    ntk_free(stepper->term);
    ntk_free(stepper->e);
}

ntk_status ntk_control_times(ntk_context *ctx, const double *times, int64_t n_times)
{
    if (n_times < 0) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "n_times is %lld; expected a number >= 0", (long long)n_times);
    if (n_times > 0) NTK_REQUIRE(ctx, times);
    for (int64_t i = 0; i < n_times; ++i) {
        if (!(times[i] >= 0 && isfinite(times[i])))
            return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "times[%lld] is %g; expected a finite time >= 0", (long long)i, times[i]);
        if (i > 0 && times[i] < times[i - 1])
            return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "times[%lld] is %g, before times[%lld], %g; expected ascending times", (long long)i, times[i],
                            (long long)(i - 1), times[i - 1]);
    }
    return NTK_OK;
}
