/*
 * The loop: a step whose error is allowed is taken, another is tried again shorter; the next length is
 *
 *     h_new = h clamp(0.9 error^(-1/order), 0.2, 5)
 *
 * (Hairer, Norsett & Wanner 1993, II.4).  Where stability and not accuracy bounds the explicit steps, h rho stays near 3: fifteen such steps in
 * a row, and the stabilised method takes over; where its own steps stay below h rho = 2, ten in a row, the explicit one costs less again.
 */
#include "ode.h"

#include <math.h>
#include <string.h>

enum { TO_STIFF = 15, TO_EXPLICIT = 10, VECTORS = 8 };

ntk_status ntk_ode_open(ntk_context *ctx, int64_t size, ntk_ode *ode)
{
    ntk_status status;
    int64_t count;
    *ode = (ntk_ode){0};
    NTK_TRY(NTK_NEW(ctx, size, &ode->y));
    NTK_TRY(NTK_NEW(ctx, size, &ode->slope));
    NTK_TRY(ntk_size_product(ctx, "the stages of a step", VECTORS, size, &count));
    NTK_TRY(NTK_NEW_RAW(ctx, count, &ode->work));
done:
    return status;
}

void ntk_ode_close(ntk_ode *ode)
{
    ntk_free(ode->work);
    ntk_free(ode->slope);
    ntk_free(ode->y);
}

/* A first step that moves y by a hundredth of its scale: the slope as an error says how long that is. */
static double first_step(const ntk_ode_problem *p, const ntk_ode *ode)
{
    double rate = p->error(p->user, 1, ode->y, ode->y, ode->slope), rho = p->radius(p->user, ode->y), h = 1;
    if (rho > 0) h = 1 / rho;
    return rate > 0 && isfinite(rate) ? fmin(h, 1 / rate) : h; /* an Euler step as long as its slope is allowed errs less */
}

/* Counts steps in favour of the other method, and changes to it. */
static void choose_method(const ntk_ode_problem *p, double h, ntk_ode *ode)
{
    double stiffness = h * p->radius(p->user, ode->y);
    bool other = ode->stiff ? stiffness < 2 : stiffness > 2.5;
    ode->patience = other ? ode->patience + 1 : NTK_MAX(ode->patience - 1, 0);
    if (ode->patience < (ode->stiff ? TO_EXPLICIT : TO_STIFF)) return;
    ode->stiff = !ode->stiff;
    ode->patience = 0;
}

static double stretched(double h, double error, double order)
{
    double factor = error > 0 ? 0.9 * pow(error, -1 / order) : 5;
    return h * fmax(0.2, fmin(5, factor));
}

/* Rounding of s stages adds up to about s² eps: no more than 200 of them. */
static double longest(const ntk_ode_problem *p, const ntk_ode *ode)
{
    double rho = p->radius(p->user, ode->y);
    return ode->stiff && rho > 0 ? 0.64 * 200 * 200 / rho : INFINITY;
}

static ntk_status check_length(ntk_context *ctx, const ntk_ode_problem *p, int64_t most, double h, const ntk_ode *ode)
{
    if (ode->steps >= most)
        return ntk_fail(ctx, NTK_ERROR_NOT_CONVERGED, "after %lld steps the time is %g, the step %g and step x stiffness %g; allow more steps or a "
                        "larger tolerance", (long long)ode->steps, ode->time, ode->step, ode->step * p->radius(p->user, ode->y));
    if (!(ode->time + h > ode->time))
        return ntk_fail(ctx, NTK_ERROR_NOT_CONVERGED, "at time %g steps have become too short (%g): the gradient is not smooth there, or the tolerance "
                        "below rounding", ode->time, h);
    return NTK_OK;
}

static void accept(double end, double h, const double *z, const double *slope, int64_t size, ntk_ode *ode)
{
    ode->time = ode->time + h >= end || end - (ode->time + h) < 1e-14 * end ? end : ode->time + h;
    memcpy(ode->y, z, (size_t)size * sizeof *z);
    memcpy(ode->slope, slope, (size_t)size * sizeof *slope);
}

/* One attempt; *taken says whether it was good. */
static ntk_status attempt(ntk_context *ctx, const ntk_ode_problem *p, double end, ntk_ode *ode, bool *taken)
{
    ntk_status status;
    const ntk_ode_rule *rule = &ntk_ode_rules[ode->stiff];
    int64_t size = p->size;
    double *z = ode->work + 5 * size, *slope = z + size, *e = slope + size;
    bool last = ode->time + ode->step >= end;
    double h = last ? end - ode->time : ode->step, error, next;
    ++ode->steps;
    NTK_TRY(rule->step(ctx, p, h, ode->y, ode->slope, ode->work, z, slope, e));
    error = p->error(p->user, h, ode->y, z, e);
    *taken = error <= 1;
    next = isfinite(error) ? stretched(h, error, rule->order) : h / 10;
    if (*taken) {
        accept(end, h, z, slope, size, ode);
        if (!last) choose_method(p, h, ode);
        ode->step = last ? fmax(next, ode->step) : next; /* a step cut short says nothing against a longer one */
    } else {
        ode->step = fmin(next, 0.9 * h);
    }
done:
    return status;
}

ntk_status ntk_ode_advance(ntk_context *ctx, const ntk_ode_problem *problem, double end, int64_t most, ntk_ode *ode)
{
    ntk_status status;
    bool taken = false;
    if (!ode->fresh) NTK_TRY(problem->slope(ctx, problem->user, ode->y, ode->slope));
    ode->fresh = true;
    if (!(ode->step > 0)) ode->step = first_step(problem, ode);
    while (!taken) {
        ode->step = fmin(ode->step, longest(problem, ode));
        NTK_TRY(check_length(ctx, problem, most, ode->step, ode));
        NTK_TRY(attempt(ctx, problem, end, ode, &taken));
    }
done:
    return status;
}
