/*
 * w(t).  The state to go on from holds the time, the next step, the method with what speaks for the other, the steps so far, then w and w' (for steps
 * of gradient descent: the last move): f = f0 - K w is computed afresh, so that rounding of a run does not live on in the next.
 */
#include "dynamics.h"

#include <math.h>
#include <string.h>

enum { TIME, STEP, METHOD, STEPS, HEADER };

static int64_t parts(const ntk_learning *l)
{
    return l->momentum > 0 || l->discrete ? 2 : 1;
}

int64_t ntk_learning_state_size(const ntk_learning *learning)
{
    return learning ? HEADER + parts(learning) * ntk_learning_count(learning) : -1;
}

/* ---- state and vector -------------------------------------------------------------------------------------------- */

static ntk_status load(ntk_context *ctx, const ntk_learning *l, const double *state, ntk_ode *ode)
{
    ntk_status status;
    int64_t count = ntk_learning_count(l);
    size_t bytes = (size_t)count * sizeof *state;
    ode->time = state[TIME];
    ode->step = state[STEP];
    ode->stiff = state[METHOD] < 0;
    ode->patience = (int)fmax(fabs(state[METHOD]) - 1, 0);
    memcpy(ode->y + count, state + HEADER, bytes);
    NTK_TRY(ntk_learning_outputs(ctx, l, ode->y + count, l->f0, ode->y));
    if (l->momentum > 0) {
        memcpy(ode->y + 3 * count, state + HEADER + count, bytes);
        NTK_TRY(ntk_learning_outputs(ctx, l, ode->y + 3 * count, NULL, ode->y + 2 * count));
    }
done:
    return status;
}

static void save(const ntk_learning *l, const ntk_ode *ode, double *state)
{
    int64_t count = ntk_learning_count(l);
    size_t bytes = (size_t)count * sizeof *state;
    state[TIME] = ode->time;
    state[STEP] = ode->step;
    state[METHOD] = (ode->stiff ? -1 : 1) * (1.0 + ode->patience);
    state[STEPS] += (double)ode->steps;
    memcpy(state + HEADER, ode->y + count, bytes);
    if (l->momentum > 0) memcpy(state + HEADER + count, ode->y + 3 * count, bytes);
}

/* ---- the flow ---------------------------------------------------------------------------------------------------- */

/* To `time`; infinity: until it is steady. */
static ntk_status flow_to(ntk_context *ctx, const ntk_learning *l, const ntk_ode_problem *problem, double time, ntk_ode *ode)
{
    ntk_status status = NTK_OK;
    while (ode->time < time) {
        if (isinf(time) && ode->fresh && ntk_learning_is_steady(l, ode->slope)) break;
        if (isinf(time) && l->start == 0 && ode->time == 0) break;
        NTK_TRY(ntk_ode_advance(ctx, problem, time, l->max_steps, ode));
        NTK_TRY(ntk_progress(ctx, isinf(time) ? 0 : ode->time / time));
    }
done:
    return status;
}

static ntk_status flow_run(ntk_context *ctx, const ntk_learning *l, double *state, const double *times, int64_t n_times, const ntk_array *weights)
{
    ntk_status status;
    ntk_ode ode;
    ntk_ode_problem problem = ntk_learning_problem(l);
    NTK_TRY(ntk_ode_open(ctx, problem.size, &ode));
    NTK_TRY(load(ctx, l, state, &ode));
    for (int64_t i = 0; i < n_times; ++i) {
        ntk_array one = ntk_array_at(weights, i);
        NTK_TRY_PART(ctx, (double)i / (double)n_times, (double)(i + 1) / (double)n_times, flow_to(ctx, l, &problem, times[i], &ode));
        NTK_TRY(ntk_check_result(ctx, "w(t)", NTK_F64, ode.y, problem.size));
        ntk_store(&one, ode.y + ntk_learning_count(l));
    }
    save(l, &ode, state);
done:
    ntk_ode_close(&ode);
    return status;
}

/* ---- steps ------------------------------------------------------------------------------------------------------- */

/* move = m move + eta (g - decay w), w += move, f -= K move; *speed: the largest change of f. */
static ntk_status one_step(ntk_context *ctx, const ntk_learning *l, double *f, double *w, double *move, double *scratch, double *speed)
{
    ntk_status status;
    int64_t count = ntk_learning_count(l);
    NTK_TRY(ntk_learning_gradient(ctx, l, f, scratch, NULL));
    for (int64_t i = 0; i < count; ++i) move[i] = l->momentum * move[i] + l->learning_rate * (scratch[i] - l->decay * w[i]);
    NTK_TRY(ntk_gram_product(ctx, l->gram, l->kind, l->columns, move, scratch));
    *speed = 0;
    for (int64_t i = 0; i < count; ++i) {
        w[i] += move[i];
        f[i] -= scratch[i];
        *speed = fmax(*speed, fabs(scratch[i]));
    }
    NTK_TRY(ntk_check_result(ctx, "f after a step", NTK_F64, f, count));
done:
    return status;
}

static ntk_status steps_to(ntk_context *ctx, const ntk_learning *l, double time, double *state, double *f, double *scratch)
{
    ntk_status status = NTK_OK;
    int64_t taken = 0;
    double *w = state + HEADER, *move = w + ntk_learning_count(l), speed = INFINITY, allowed = l->steady * l->start * l->learning_rate;
    while (state[TIME] < time && !(isinf(time) && speed * (1 - l->momentum) <= allowed)) {
        if (isinf(time) && ++taken > l->max_steps)
            return ntk_fail(ctx, NTK_ERROR_NOT_CONVERGED, "after %lld steps f still moves by %g in a step", (long long)l->max_steps, speed);
        NTK_TRY(one_step(ctx, l, f, w, move, scratch, &speed));
        state[TIME] += 1;
        state[STEPS] += 1;
        NTK_TRY(ntk_progress(ctx, isinf(time) ? 0 : state[TIME] / time));
    }
done:
    return status;
}

static ntk_status steps_run(ntk_context *ctx, const ntk_learning *l, double *state, const double *times, int64_t n_times, const ntk_array *weights)
{
    ntk_status status;
    double *f = NULL, *scratch = NULL;
    NTK_TRY(NTK_NEW_RAW(ctx, ntk_learning_count(l), &f));
    NTK_TRY(NTK_NEW_RAW(ctx, ntk_learning_count(l), &scratch));
    NTK_TRY(ntk_learning_outputs(ctx, l, state + HEADER, l->f0, f));
    for (int64_t i = 0; i < n_times; ++i) {
        ntk_array one = ntk_array_at(weights, i);
        NTK_TRY_PART(ctx, (double)i / (double)n_times, (double)(i + 1) / (double)n_times, steps_to(ctx, l, times[i], state, f, scratch));
        ntk_store(&one, state + HEADER);
    }
done:
    ntk_free(scratch);
    ntk_free(f);
    return status;
}

/* ---- the call ---------------------------------------------------------------------------------------------------- */

static ntk_status check_times(ntk_context *ctx, const ntk_learning *l, double from, const double *times, int64_t n_times)
{
    ntk_status status;
    NTK_TRY(ntk_check_times(ctx, times, n_times));
    for (int64_t i = 0; i < n_times; ++i) {
        double before = i > 0 ? times[i - 1] : from;
        if (times[i] < before && i > 0)
            return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "times[%lld] is %g, after %g; expected times that do not decrease", (long long)i, times[i], before);
        if (times[i] < before) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "times[0] is %g; the state stands at %g already", times[i], from);
        if (l->discrete && isfinite(times[i]) && times[i] != floor(times[i]))
            return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "times[%lld] is %g: no whole number; with options.discrete times count steps", (long long)i, times[i]);
    }
done:
    return status;
}

/* A dense copy of the state, or zeros. */
static ntk_status open_state(ntk_context *ctx, const ntk_learning *l, const ntk_array *state, double **dense)
{
    ntk_status status;
    void *copy = NULL;
    if (!state) return NTK_NEW(ctx, ntk_learning_state_size(l), dense);
    NTK_TRY(ntk_check_output(ctx, "state", state, NTK_F64, NTK_SHAPE(ntk_learning_state_size(l))));
    NTK_TRY(ntk_check_finite(ctx, "state", state));
    NTK_TRY(ntk_copy_dense(ctx, state, &copy));
    *dense = copy;
    if (!((*dense)[TIME] >= 0 && (*dense)[STEP] >= 0))
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "state[0] is %g and state[1] %g; a state of training has a time and a step >= 0", (*dense)[TIME], (*dense)[STEP]);
done:
    return status;
}

ntk_status ntk_learning_weights_at(ntk_context *ctx, const ntk_learning *learning, ntk_array *state, const double *times, int64_t n_times, ntk_array *weights)
{
    ntk_status status;
    double *dense = NULL;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, learning);
    NTK_TRY(open_state(ctx, learning, state, &dense));
    NTK_TRY(check_times(ctx, learning, dense[TIME], times, n_times));
    NTK_TRY(ntk_check_answers(ctx, ntk_check_output, "weights", weights, NTK_F64, n_times, learning->gram->size, learning->columns, learning->answer_outputs));
    NTK_TRY((learning->discrete ? steps_run : flow_run)(ctx, learning, dense, times, n_times, weights));
    if (state) ntk_store(state, dense);
done:
    ntk_free(dense);
    return status;
}
