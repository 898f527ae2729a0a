/*
 * Gradient flow f' = -(eta/c) K (f - y), with g = U (f(0) - y) and s = eta t / c:
 *
 *     f(t)        = y + Uᵀ exp(-s lambda) g
 *     w(t)        = Uᵀ S(lambda) g
 *     f*(t)       = f0* - K* w(t)                      on new inputs
 *     theta(t)    = theta(0) - D⁻¹ Jᵀ w(t)
 *     loss(t)     = ½ |exp(-s lambda) g|² / c
 *
 * f(t) is formed from whichever end is nearer, as y + Uᵀ exp(-s lambda) g or as f(0) - Uᵀ (1 - exp(-s lambda)) g: so
 * f(0) is f0 to the bit, f(infinity) of a regular K is y to the bit, and rounding is relative to what has moved.  The loss is
 * a sum over modes, without the cancellation in f - y.
 */
#include "dynamics.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* One kind of answer: [times] + [rows, columns], a batch of times at a time. */
typedef double (*mode_weight)(const ntk_motion *motion, double lambda);

/* Of a mode: what its error at the start, and what J theta(0) where weights decay towards 0, add to the answer. */
typedef struct weighing {
    mode_weight error, linear;
} weighing;

static double unlearned(const ntk_motion *motion, double lambda)
{
    return -lambda * ntk_motion_learned(motion, lambda);
}

static const weighing from_targets = {ntk_motion_decay, ntk_motion_withheld}, from_start = {unlearned, ntk_motion_withheld};
static const weighing of_weights = {ntk_motion_learned, ntk_motion_pulled};

typedef struct answer {
    const ntk_dynamics *d;
    int64_t rows, columns;
    const double *k_test, *f0; /* on new inputs; f0 may be NULL */
    double *modes, *weights;   /* scratch, [times, c, N] each */
    const double *linear;      /* [rows, columns], or NULL: what ntk_motion_gone() of is taken away */
    const weighing *weight;    /* of the modes, before `at` */
    ntk_status (*at)(ntk_context *ctx, const struct answer *a, int64_t times, double *out);
} answer;

/* Times are answered in batches of about this many columns: one product of matrices instead of many with vectors. */
#define BATCH_COLUMNS 256

ntk_status ntk_check_times(ntk_context *ctx, const double *times, int64_t n_times)
{
    ntk_status status = NTK_OK;
    char name[40];
    if (n_times < 0) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "n_times is %lld; expected a number >= 0", (long long)n_times);
    if (n_times > 0) NTK_REQUIRE(ctx, times);
    for (int64_t i = 0; status == NTK_OK && i < n_times; ++i) {
        snprintf(name, sizeof name, "times[%lld]", (long long)i);
        status = ntk_check_time(ctx, name, times[i]);
    }
    return status;
}

/* modes [c, N] = the coefficients, transposed, by their weights. */
static void weigh(const ntk_dynamics *d, const ntk_motion *motion, const weighing *w, double *modes)
{
    int64_t c = d->columns, size = d->spectrum->size;
    for (int64_t i = 0; i < size; ++i) {
        double factor = w->error(motion, d->spectrum->values[i]), linear = d->linear ? w->linear(motion, d->spectrum->values[i]) : 0;
        for (int64_t j = 0; j < c; ++j) modes[j * size + i] = factor * d->error[i * c + j] + (d->linear ? linear * d->linear[i * c + j] : 0);
    }
}

static void take_away(const answer *a, const ntk_motion *motion, double *out)
{
    double gone = ntk_motion_gone(motion);
    for (int64_t i = 0; i < a->rows * a->columns; ++i) out[i] -= gone * a->linear[i];
}

static ntk_status answer_batch(ntk_context *ctx, const answer *a, const double *times, int64_t count, double *scratch, const ntk_array *out,
                               int64_t first)
{
    ntk_status status;
    ntk_motion motion;
    for (int64_t i = 0; i < count; ++i) {
        NTK_TRY(ntk_motion_open(ctx, a->d, times[i], &motion));
        weigh(a->d, &motion, a->weight, a->modes + i * a->d->columns * a->d->spectrum->size);
    }
    NTK_TRY(ntk_progress(ctx, 0.1));
    NTK_TRY_PART(ctx, 0.1, 1, a->at(ctx, a, count, scratch));
    for (int64_t i = 0; a->linear && i < count; ++i) {
        NTK_TRY(ntk_motion_open(ctx, a->d, times[i], &motion));
        take_away(a, &motion, scratch + i * a->rows * a->columns);
    }
    NTK_TRY(ntk_check_result(ctx, "the answer", NTK_F64, scratch, count * a->rows * a->columns));
    for (int64_t i = 0; i < count; ++i) {
        ntk_array one = ntk_array_at(out, first + i);
        ntk_store(&one, scratch + i * a->rows * a->columns);
    }
done:
    return status;
}

/* An empty set of targets still has a batch of one time. */
static int64_t batch_times(const answer *a, int64_t n_times)
{
    int64_t count = NTK_MAX(BATCH_COLUMNS / NTK_MAX(a->d->columns, 1), 1);
    return NTK_MAX(NTK_MIN(count, n_times), 1);
}

static ntk_status answer_all(ntk_context *ctx, answer *a, const double *times, int64_t n_times, const ntk_array *out)
{
    ntk_status status;
    double *scratch = NULL;
    int64_t step = batch_times(a, n_times), count;
    a->modes = a->weights = NULL;
    NTK_TRY(ntk_size_product(ctx, "a batch of times", step, a->d->gram->size * a->d->columns, &count));
    NTK_TRY(NTK_NEW_RAW(ctx, count, &a->modes));
    NTK_TRY(NTK_NEW_RAW(ctx, count, &a->weights));
    NTK_TRY(ntk_size_product(ctx, "a batch of times", step, a->rows * a->columns, &count));
    NTK_TRY(NTK_NEW_RAW(ctx, count, &scratch));
    for (int64_t i = 0; i < n_times; i += step) {
        int64_t some = NTK_MIN(step, n_times - i);
        NTK_TRY_PART(ctx, (double)i / (double)n_times, (double)(i + some) / (double)n_times,
                     answer_batch(ctx, a, times + i, some, scratch, out, i));
    }
done:
    ntk_free(a->weights);
    ntk_free(a->modes);
    ntk_free(scratch);
    return status;
}

/* [times, c, rows] becomes [times, rows, c]. */
static void turn(int64_t times, int64_t rows, int64_t c, const double *from, double *to)
{
    for (int64_t t = 0; t < times; ++t, from += rows * c, to += rows * c)
        for (int64_t i = 0; i < rows; ++i)
            for (int64_t j = 0; j < c; ++j) to[i * c + j] = from[j * rows + i];
}

/* Every row of f [times, count] += end. */
static void add_to_each(int64_t times, int64_t count, const double *end, double *f)
{
    for (int64_t t = 0; t < times; ++t)
        for (int64_t i = 0; i < count; ++i) f[t * count + i] += end[i];
}

/* to [times, c, N] = combinations of the eigenvectors. */
static ntk_status combine(ntk_context *ctx, const answer *a, int64_t times, double *to)
{
    return ntk_spectrum_combine(ctx, a->d->spectrum, times * a->d->columns, a->modes, to);
}

/* ---- f on the training set ------------------------------------------------------------------------------------- */

/* a->weight came with a batch that is all early, or all not; see ntk_dynamics_at. */
static ntk_status train_at(ntk_context *ctx, const answer *a, int64_t times, double *out)
{
    ntk_status status;
    const ntk_dynamics *d = a->d;
    NTK_TRY(combine(ctx, a, times, a->columns == 1 ? out : a->weights));
    if (a->columns != 1) turn(times, a->rows, a->columns, a->weights, out);
    add_to_each(times, a->rows * a->columns, a->weight == &from_start ? d->f0 : d->y, out);
done:
    return status;
}

/* Every mode is nearer to its start. */
static bool is_early(const ntk_dynamics *d, double time)
{
    double fastest = d->spectrum->size > 0 ? d->rate * (d->spectrum->values[0] + d->ridge) : 0;
    return fastest == 0 || time == 0 || time * fastest / (1 - d->momentum) < 0.5;
}

/* The times from `first` on that share an end with it. */
static int64_t same_end(const ntk_dynamics *d, const double *times, int64_t first, int64_t n_times)
{
    int64_t last = first;
    while (last < n_times && is_early(d, times[last]) == is_early(d, times[first])) ++last;
    return last - first;
}

static ntk_array times_from(const ntk_array *f, int64_t first, int64_t count)
{
    ntk_array some = *f, from = ntk_array_at(f, first);
    some.data = from.data;
    some.shape[0] = count;
    return some;
}

static ntk_status answer_by_ends(ntk_context *ctx, answer *a, const double *times, int64_t n_times, const ntk_array *f)
{
    ntk_status status = NTK_OK;
    int64_t count;
    if (n_times == 0) return NTK_OK;
    for (int64_t i = 0; i < n_times; i += count) {
        ntk_array some;
        count = same_end(a->d, times, i, n_times);
        some = times_from(f, i, count);
        a->weight = is_early(a->d, times[i]) ? &from_start : &from_targets;
        NTK_TRY_PART(ctx, (double)i / (double)n_times, (double)(i + count) / (double)n_times, answer_all(ctx, a, times + i, count, &some));
    }
done:
    return status;
}

ntk_status ntk_dynamics_at(ntk_context *ctx, const ntk_dynamics *dynamics, const double *times, int64_t n_times, ntk_array *f)
{
    ntk_status status;
    answer a = {.d = dynamics, .at = train_at};
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, dynamics);
    a.rows = dynamics->gram->size;
    a.columns = dynamics->columns;
    NTK_TRY(ntk_check_times(ctx, times, n_times));
    NTK_TRY(ntk_check_answers(ctx, ntk_check_output, "f", f, NTK_F64, n_times, a.rows, a.columns, dynamics->outputs));
    NTK_TRY(answer_by_ends(ctx, &a, times, n_times, f));
done:
    return status;
}

/* ---- f on new inputs ------------------------------------------------------------------------------------------- */

static ntk_status test_at(ntk_context *ctx, const answer *a, int64_t times, double *out)
{
    ntk_status status;
    int64_t n = a->d->gram->size, wide = times * a->columns, count = a->rows * a->columns;
    double *product = NULL;
    NTK_TRY(NTK_NEW_RAW(ctx, times * count, &product));
    NTK_TRY_PART(ctx, 0, 0.5, combine(ctx, a, times, a->weights));
    NTK_TRY_PART(ctx, 0.5, 1,
                 ntk_gemm(ctx, NTK_F64, NTK_PLAIN, NTK_TRANSPOSED, wide, a->rows, n, -1, a->weights, n, a->k_test, n, 0, product, a->rows));
    turn(times, a->rows, a->columns, product, out);
    if (a->f0) add_to_each(times, count, a->f0, out);
done:
    ntk_free(product);
    return status;
}

/* f0* or J* theta(0), if given, as dense numbers. */
static ntk_status borrow_start(ntk_context *ctx, const char *name, const ntk_array *given, const answer *a, const double **dense, void **copy)
{
    ntk_status status = NTK_OK;
    if (!given) return NTK_OK;
    NTK_TRY(ntk_check_answers(ctx, ntk_check_shape, name, given, NTK_F64, -1, a->rows, a->columns, a->d->outputs));
    NTK_TRY(ntk_borrow_finite(ctx, name, given, dense, copy));
done:
    return status;
}

static ntk_status answer_test(ntk_context *ctx, const ntk_dynamics *d, const ntk_array *k_test, const ntk_array *f0, const ntk_array *linear0,
                              const double *times, int64_t n_times, ntk_array *f)
{
    ntk_status status;
    void *k_copy = NULL, *f0_copy = NULL, *linear_copy = NULL;
    answer a = {.d = d, .columns = d->columns, .weight = &of_weights, .at = test_at};
    NTK_TRY(ntk_check_times(ctx, times, n_times));
    NTK_TRY(ntk_check_shape(ctx, "k_test", k_test, NTK_F64, NTK_SHAPE(-1, d->gram->size)));
    a.rows = k_test->shape[0];
    NTK_TRY(ntk_check_answers(ctx, ntk_check_output, "f", f, NTK_F64, n_times, a.rows, a.columns, d->outputs));
    NTK_TRY(ntk_borrow_finite(ctx, "k_test", k_test, &a.k_test, &k_copy));
    NTK_TRY(borrow_start(ctx, "f0", f0, &a, &a.f0, &f0_copy));
    NTK_TRY(borrow_start(ctx, "linear0", linear0, &a, &a.linear, &linear_copy));
    NTK_TRY(answer_all(ctx, &a, times, n_times, f));
done:
    ntk_free(linear_copy);
    ntk_free(f0_copy);
    ntk_free(k_copy);
    return status;
}

ntk_status ntk_dynamics_test_at(ntk_context *ctx, const ntk_dynamics *dynamics, const ntk_array *k_test, const ntk_array *f0, const double *times,
                                int64_t n_times, ntk_array *f)
{
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, dynamics);
    if (dynamics->linear)
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "weights decay towards 0: new inputs need J* theta(0) too; see ntk_dynamics_test_decayed_at()");
    return answer_test(ctx, dynamics, k_test, f0, NULL, times, n_times, f);
}

ntk_status ntk_dynamics_test_decayed_at(ntk_context *ctx, const ntk_dynamics *dynamics, const ntk_array *k_test, const ntk_array *f0, const ntk_array *linear0,
                                        const double *times, int64_t n_times, ntk_array *f)
{
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, dynamics);
    NTK_REQUIRE(ctx, linear0);
    if (!dynamics->linear) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "linear0 is for weight decay towards 0; the dynamics were made without options.decay_to_zero");
    return answer_test(ctx, dynamics, k_test, f0, linear0, times, n_times, f);
}

/* ---- parameters ------------------------------------------------------------------------------------------------ */

/* out = -D⁻¹ Jᵀ w, w [N]. */
static ntk_status one_step(ntk_context *ctx, const answer *a, const double *w, double *out)
{
    ntk_status status;
    const ntk_gram *g = a->d->gram;
    ntk_array weights = ntk_vector_f64(w, g->size), step = ntk_vector_f64(out, a->rows);
    NTK_TRY(ntk_jacobian_apply_transposed(ctx, g->jacobian, &weights, &step));
    ntk_optimizer_scale(g->optimizer, 1, a->rows, out, 1);
    for (int64_t i = 0; i < a->rows; ++i) out[i] = -out[i];
done:
    return status;
}

static ntk_status parameters_at(ntk_context *ctx, const answer *a, int64_t times, double *out)
{
    ntk_status status;
    NTK_TRY_PART(ctx, 0, 0.2, combine(ctx, a, times, a->weights));
    NTK_TRY(ntk_check_result(ctx, "w(t)", NTK_F64, a->weights, times * a->d->gram->size));
    for (int64_t i = 0; i < times; ++i)
        NTK_TRY_PART(ctx, 0.2 + 0.8 * (double)i / (double)times, 0.2 + 0.8 * (double)(i + 1) / (double)times,
                     one_step(ctx, a, a->weights + i * a->d->gram->size, out + i * a->rows));
done:
    return status;
}

ntk_status ntk_dynamics_parameters_at(ntk_context *ctx, const ntk_dynamics *dynamics, const double *times, int64_t n_times, ntk_array *out)
{
    ntk_status status;
    answer a = {.d = dynamics, .columns = 1, .weight = &of_weights, .at = parameters_at};
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, dynamics);
    if (!dynamics->gram->jacobian) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "the gram comes from no Jacobian: there are no parameters to follow");
    if (dynamics->columns != 1)
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "y has %lld columns; the parameters follow one target per row of J", (long long)dynamics->columns);
    if (dynamics->linear && !dynamics->theta0)
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "weights decay towards 0: the parameters need options.theta0, not options.linear0");
    a.rows = dynamics->gram->jacobian->columns;
    a.linear = dynamics->theta0;
    NTK_TRY(ntk_check_times(ctx, times, n_times));
    NTK_TRY(ntk_check_output(ctx, "out", out, NTK_F64, NTK_SHAPE(n_times, a.rows)));
    NTK_TRY(answer_all(ctx, &a, times, n_times, out));
done:
    return status;
}

/* ---- loss ------------------------------------------------------------------------------------------------------ */

static ntk_status loss_at(ntk_context *ctx, const answer *a, int64_t times, double *out)
{
    const ntk_dynamics *d = a->d;
    int64_t count = d->columns * d->spectrum->size;
    (void)ctx;
    for (int64_t t = 0; t < times; ++t) {
        double norm = ntk_norm(d->columns, d->spectrum->size, a->modes + t * count);
        out[t] = norm * norm / (2 * d->divisor);
    }
    return NTK_OK;
}

ntk_status ntk_dynamics_loss_at(ntk_context *ctx, const ntk_dynamics *dynamics, const double *times, int64_t n_times, ntk_array *out)
{
    ntk_status status;
    answer a = {.d = dynamics, .rows = 1, .columns = 1, .weight = &from_targets, .at = loss_at};
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, dynamics);
    NTK_TRY(ntk_check_times(ctx, times, n_times));
    NTK_TRY(ntk_check_output(ctx, "out", out, NTK_F64, NTK_SHAPE(n_times)));
    NTK_TRY(answer_all(ctx, &a, times, n_times, out));
done:
    return status;
}
