/*
 * How fast.  With the coefficients g of the first error along the eigenvectors, L(0) = |g|²/(2c), and the share rho_i(t) of each that is
 * left (motion.c):
 *
 *     loss            L(t) = sum of rho_i² g_i²/(2c)
 *     unreachable     L_0 = sum over the null space of g_i²/(2c) = ½|(1 - P)(y - f(0))|²/c
 *     certificate     L(t) <= L_0 + max over the range of rho_i(t)² (L(0) - L_0)         flow: exp(-2 eta lambda_min t/c)
 *     mode time       rho_i(t) = epsilon:  flow  t = -log epsilon/(kappa lambda),  steps  k = log epsilon/log|1 - kappa lambda|;
 *                     with momentum the last of such times (late.c)
 *     largest step    2 (1 + m) c/(lambda_max + r), where a root of the slowest mode's recurrence reaches -1 (Polyak 1964)
 *
 * Without momentum every rho_i² falls, so L does, and the time of a loss is found by bisection on the sum itself.
 */
#include "dynamics.h"

#include <math.h>

bool ntk_dynamics_moves(const ntk_dynamics *d, int64_t i)
{
    return i < d->spectrum->rank;
}

double ntk_dynamics_largest_step(const ntk_dynamics *dynamics)
{
    double largest;
    if (!dynamics) return -1;
    largest = dynamics->spectrum->size > 0 ? dynamics->spectrum->values[0] + dynamics->ridge : 0;
    return largest > 0 ? 2 * (1 + dynamics->momentum) * dynamics->divisor / largest : INFINITY;
}

/* Sum over modes [first, last) of share² g²/(2c). */
static double loss_of(const ntk_dynamics *d, const ntk_motion *motion, int64_t first, int64_t last)
{
    double sum = 0;
    for (int64_t i = first; i < last; ++i) {
        double share = motion ? ntk_motion_decay(motion, d->spectrum->values[i]) : 1;
        for (int64_t j = 0; j < d->columns; ++j) {
            double e = share * d->error[i * d->columns + j];
            if (motion && d->linear) e += ntk_motion_withheld(motion, d->spectrum->values[i]) * d->linear[i * d->columns + j];
            sum += e * e;
        }
    }
    return sum / (2 * d->divisor);
}

double ntk_dynamics_unreachable_loss(const ntk_dynamics *dynamics)
{
    if (!dynamics) return -1;
    return loss_of(dynamics, NULL, dynamics->spectrum->rank, dynamics->spectrum->size);
}

/* Where weights decay towards 0, no error is a multiple of what it was. */
static ntk_status check_shares(ntk_context *ctx, const ntk_dynamics *d)
{
    if (!d->linear) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_UNSUPPORTED, "weights decay towards 0: the error of a mode is no multiple of its first, so there are no shares of it");
}

/* ---- at given times ---------------------------------------------------------------------------------------------- */

/* Fills `count` numbers for one time. */
typedef void (*filler)(const ntk_dynamics *d, const ntk_motion *motion, double *out);

static void fill_decay(const ntk_dynamics *d, const ntk_motion *motion, double *out)
{
    for (int64_t i = 0; i < d->spectrum->size; ++i) out[i] = ntk_motion_decay(motion, d->spectrum->values[i]);
}

static void fill_bound(const ntk_dynamics *d, const ntk_motion *motion, double *out)
{
    int64_t rank = d->spectrum->rank;
    double worst = 0;
    for (int64_t i = 0; i < rank; ++i) worst = fmax(worst, fabs(ntk_motion_decay(motion, d->spectrum->values[i])));
    *out = ntk_dynamics_unreachable_loss(d) + worst * worst * loss_of(d, NULL, 0, rank);
}

static ntk_status fill_times(ntk_context *ctx, const ntk_dynamics *d, filler fill, int64_t count, const double *times, int64_t n_times,
                             const ntk_array *out)
{
    ntk_status status;
    double *numbers = NULL;
    NTK_TRY(NTK_NEW_RAW(ctx, count, &numbers));
    for (int64_t i = 0; i < n_times; ++i) {
        ntk_motion motion;
        ntk_array one = ntk_array_at(out, i);
        NTK_TRY(ntk_motion_open(ctx, d, times[i], &motion));
        fill(d, &motion, numbers);
        NTK_TRY(ntk_check_result(ctx, "the answer", NTK_F64, numbers, count));
        ntk_store(&one, numbers);
    }
done:
    ntk_free(numbers);
    return status;
}

ntk_status ntk_dynamics_decay_at(ntk_context *ctx, const ntk_dynamics *dynamics, const double *times, int64_t n_times, ntk_array *out)
{
    ntk_status status;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, dynamics);
    NTK_TRY(check_shares(ctx, dynamics));
    NTK_TRY(ntk_check_times(ctx, times, n_times));
    NTK_TRY(ntk_check_output(ctx, "out", out, NTK_F64, NTK_SHAPE(n_times, dynamics->spectrum->size)));
    NTK_TRY(fill_times(ctx, dynamics, fill_decay, dynamics->spectrum->size, times, n_times, out));
done:
    return status;
}

ntk_status ntk_dynamics_bound_at(ntk_context *ctx, const ntk_dynamics *dynamics, const double *times, int64_t n_times, ntk_array *out)
{
    ntk_status status;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, dynamics);
    NTK_TRY(check_shares(ctx, dynamics));
    NTK_TRY(ntk_check_times(ctx, times, n_times));
    NTK_TRY(ntk_check_output(ctx, "out", out, NTK_F64, NTK_SHAPE(n_times)));
    NTK_TRY(fill_times(ctx, dynamics, fill_bound, 1, times, n_times, out));
done:
    return status;
}

/* ---- times of given errors --------------------------------------------------------------------------------------- */

static ntk_status check_stable(ntk_context *ctx, const ntk_dynamics *d)
{
    double largest = ntk_dynamics_largest_step(d);
    if (!d->discrete || d->learning_rate < largest) return check_shares(ctx, d);
    return ntk_fail(ctx, NTK_ERROR_UNSTABLE, "the learning rate %g is not below %g, the largest stable step", d->learning_rate, largest);
}

static ntk_status check_monotone(ntk_context *ctx, const ntk_dynamics *d)
{
    if (d->momentum == 0) return check_stable(ctx, d);
    return ntk_fail(ctx, NTK_ERROR_UNSUPPORTED, "the momentum is %g: the loss rises and falls, so no single time tells when one is reached", d->momentum);
}

static double mode_time(const ntk_dynamics *d, double lambda, double share)
{
    double mu = lambda + d->ridge, left = (share * mu - d->ridge) / lambda, rate = d->rate * mu; /* of exp(-rate t), or |1 - rate|^k */
    if (share >= 1) return 0;
    if (!(left > 0)) return INFINITY;
    if (!d->discrete) return -log(left) / rate;
    return rate == 1 ? 1 : ceil(log(left) / (rate < 1 ? log1p(-rate) : log(rate - 1)));
}

static ntk_status check_share(ntk_context *ctx, const ntk_dynamics *d, double share)
{
    if (!(share > 0 && isfinite(share))) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "share is %g; expected a finite number > 0", share);
    if (d->momentum == 0 || share < 1) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "share is %g; with momentum expected a number < 1", share);
}

ntk_status ntk_dynamics_mode_times(ntk_context *ctx, const ntk_dynamics *dynamics, double share, ntk_array *out)
{
    ntk_status status;
    const ntk_dynamics *d = dynamics;
    double *numbers = NULL;
    ntk_motion motion;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, dynamics);
    NTK_TRY(check_share(ctx, d, share));
    NTK_TRY(check_stable(ctx, d));
    NTK_TRY(ntk_check_output(ctx, "out", out, NTK_F64, NTK_SHAPE(d->spectrum->size)));
    NTK_TRY(NTK_NEW_RAW(ctx, d->spectrum->size, &numbers));
    NTK_TRY(ntk_motion_open(ctx, d, 0, &motion)); /* at time 0 no mode rests */
    for (int64_t i = 0; i < d->spectrum->size; ++i) {
        double lambda = d->spectrum->values[i];
        if (!ntk_dynamics_moves(d, i)) numbers[i] = share >= 1 ? 0 : INFINITY;
        else numbers[i] = d->momentum > 0 ? ntk_motion_late(&motion, lambda, share) : mode_time(d, lambda, share);
    }
    ntk_store(out, numbers);
done:
    ntk_free(numbers);
    return status;
}

static ntk_status loss_after(ntk_context *ctx, const ntk_dynamics *d, double time, double *loss)
{
    ntk_motion motion;
    ntk_status status = ntk_motion_open(ctx, d, time, &motion);
    if (status == NTK_OK) *loss = loss_of(d, &motion, 0, d->spectrum->size);
    return status;
}

/* From [low, high] with L(low) > loss >= L(high) to neighbours: numbers, or steps. */
static ntk_status bisect(ntk_context *ctx, const ntk_dynamics *d, double loss, double low, double high, double *time)
{
    ntk_status status = NTK_OK;
    for (int i = 0; i < 2100; ++i) {
        double middle = low + (high - low) / 2, there;
        if (d->discrete) middle = floor(middle);
        if (middle <= low || middle >= high) break;
        NTK_TRY(loss_after(ctx, d, middle, &there));
        if (there > loss) low = middle;
        else high = middle;
    }
    *time = high;
done:
    return status;
}

ntk_status ntk_dynamics_time_to_loss(ntk_context *ctx, const ntk_dynamics *dynamics, double loss, double *time)
{
    ntk_status status;
    double low = 0, high, there;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, dynamics);
    NTK_REQUIRE(ctx, time);
    if (!(loss >= 0 && isfinite(loss))) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "loss is %g; expected a finite number >= 0", loss);
    NTK_TRY(check_monotone(ctx, dynamics));
    *time = 0;
    if (loss_of(dynamics, NULL, 0, dynamics->spectrum->size) <= loss) return NTK_OK;
    *time = INFINITY;
    NTK_TRY(loss_after(ctx, dynamics, INFINITY, &there));
    if (there > loss || (there == loss && loss == 0)) return NTK_OK;
    for (high = 1; isfinite(high); high *= 2) {
        NTK_TRY(loss_after(ctx, dynamics, high, &there));
        if (there <= loss) break;
        low = high;
    }
    if (isfinite(high)) NTK_TRY(bisect(ctx, dynamics, loss, low, high, time));
done:
    return status;
}
