/*
 * Measures of a kernel on data, from one eigen-decomposition K = Uᵀ diag(lambda) U, c = U y, A = K + ridge I:
 *
 *     condition            lambda_max / lambda_min
 *     rank                 eigenvalues above the tolerance of the spectrum
 *     unreachable          share of |y|² outside the range of K: what gradient descent can never fit
 *     effective_dimension  tr K A⁻¹ = sum lambda / (lambda + ridge)
 *     alignment            <K, Y Yᵀ> / (|K|_F |Y Yᵀ|_F)       (Cristianini et al. 2001)
 *     log_evidence         evidence.c
 *     loo_error            mean squared error of each sample predicted from the others (leave_one_out.c)
 *     loo_log_score        mean log density of the targets, each given the others
 *     loo_accuracy         share of samples whose largest output (one output: its sign) is right so
 *     predicted_error      learning.c
 *     time_to_loss         t with L(t) = fraction L(0) under gradient flow on ½|f - y|², f(0) = 0, without the ridge
 *     largest_step         2 / lambda_max: gradient descent diverges beyond
 */
#include "design.h"

#include <math.h>

static double eigenvalue(const ntk_design *d, int64_t k)
{
    return fmax(d->spectrum->values[k], 0);
}

static double power(const ntk_design *d, int64_t k)
{
    return ntk_square_sum(d->modes.columns, d->modes.c + k * d->modes.columns);
}

static double target_power(const ntk_design *d)
{
    return ntk_square_sum(d->spectrum->n * d->modes.columns, d->modes.y);
}

static double condition(const ntk_design *d)
{
    return d->spectrum->size < d->spectrum->n ? INFINITY : ntk_spectrum_condition(d->spectrum);
}

static double rank(const ntk_design *d)
{
    return (double)d->spectrum->rank;
}

static double unreachable(const ntk_design *d)
{
    double inside = 0, whole = target_power(d);
    for (int64_t k = 0; k < d->spectrum->rank; ++k) inside += power(d, k);
    return d->spectrum->rank == d->spectrum->n || whole == 0 ? 0 : fmax(0, 1 - inside / whole);
}

static double effective_dimension(const ntk_design *d)
{
    double sum = 0;
    for (int64_t k = 0; k < d->spectrum->size; ++k) sum += eigenvalue(d, k) * d->modes.weight[k];
    return sum;
}

/* |Y Yᵀ|_F = |Yᵀ Y|_F, of m x m numbers. */
static double outer_norm(const ntk_design *d)
{
    int64_t m = d->modes.columns;
    double sum = 0;
    for (int64_t a = 0; a < m; ++a)
        for (int64_t b = 0; b < m; ++b) {
            double product = 0;
            for (int64_t i = 0; i < d->spectrum->n; ++i) product += d->modes.y[i * m + a] * d->modes.y[i * m + b];
            sum += product * product;
        }
    return sqrt(sum);
}

static double alignment(const ntk_design *d)
{
    double inner = 0, whole = sqrt(ntk_square_sum(d->spectrum->size, d->spectrum->values)) * outer_norm(d);
    for (int64_t k = 0; k < d->spectrum->size; ++k) inner += eigenvalue(d, k) * power(d, k);
    return whole > 0 ? inner / whole : 0;
}

static double log_evidence(const ntk_design *d)
{
    return ntk_log_evidence(d->spectrum, &d->modes);
}

static double loo_error(const ntk_design *d)
{
    int64_t count = d->spectrum->n * d->modes.columns;
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) sum += (d->mean[i] - d->modes.y[i]) * (d->mean[i] - d->modes.y[i]);
    return count > 0 ? sum / (double)count : 0;
}

static double loo_log_score(const ntk_design *d)
{
    int64_t m = d->modes.columns, count = d->spectrum->n * m;
    double sum = 0;
    for (int64_t i = 0; i < count; ++i) {
        double r = d->mean[i] - d->modes.y[i], v = d->variance[i / m];
        sum -= 0.5 * (r * r / v + log(2 * acos(-1) * v));
    }
    return count > 0 ? sum / (double)count : 0;
}

static int64_t choice(int64_t m, const double *v)
{
    int64_t best = 0;
    if (m == 1) return v[0] > 0;
    for (int64_t j = 1; j < m; ++j)
        if (v[j] > v[best]) best = j;
    return best;
}

static double loo_accuracy(const ntk_design *d)
{
    int64_t m = d->modes.columns, right = 0;
    for (int64_t i = 0; m > 0 && i < d->spectrum->n; ++i) right += choice(m, d->mean + i * m) == choice(m, d->modes.y + i * m);
    return d->spectrum->n > 0 ? (double)right / (double)d->spectrum->n : 0;
}

/* L(t) / L(0). */
static double loss_left(const ntk_design *d, double t)
{
    double left = unreachable(d), whole = target_power(d);
    for (int64_t k = 0; k < d->spectrum->rank; ++k) left += exp(-2 * t * eigenvalue(d, k)) * power(d, k) / whole;
    return left;
}

/* The loss falls in t: bisection on log t. */
static double time_to_loss(const ntk_design *d)
{
    double low = -700, high = 700;
    if (target_power(d) == 0) return 0;
    if (!(loss_left(d, exp(high)) <= d->fraction)) return INFINITY;
    for (int i = 0; i < 80; ++i) {
        double middle = 0.5 * (low + high);
        if (loss_left(d, exp(middle)) > d->fraction) low = middle;
        else high = middle;
    }
    return exp(high);
}

static double largest_step(const ntk_design *d)
{
    return d->spectrum->size > 0 && d->spectrum->values[0] > 0 ? 2 / d->spectrum->values[0] : INFINITY;
}

static double (*const measures[])(const ntk_design *d) = {
    [NTK_MEASURE_CONDITION] = condition,
    [NTK_MEASURE_RANK] = rank,
    [NTK_MEASURE_UNREACHABLE] = unreachable,
    [NTK_MEASURE_EFFECTIVE_DIMENSION] = effective_dimension,
    [NTK_MEASURE_ALIGNMENT] = alignment,
    [NTK_MEASURE_LOG_EVIDENCE] = log_evidence,
    [NTK_MEASURE_LOO_ERROR] = loo_error,
    [NTK_MEASURE_LOO_LOG_SCORE] = loo_log_score,
    [NTK_MEASURE_LOO_ACCURACY] = loo_accuracy,
    [NTK_MEASURE_PREDICTED_ERROR] = ntk_design_predicted_error,
    [NTK_MEASURE_TIME_TO_LOSS] = time_to_loss,
    [NTK_MEASURE_LARGEST_STEP] = largest_step,
};
#define MEASURES (int64_t)NTK_ARRAY_LENGTH(measures)

static ntk_status read_options(ntk_context *ctx, const ntk_design_options *options, const ntk_spectrum *spectrum, ntk_design *d)
{
    ntk_status status;
    ntk_design_options o;
    NTK_TRY(NTK_OPTIONS_READ(ctx, options, &o));
    NTK_TRY(ntk_check_ridge(ctx, o.ridge));
    if (!(o.fraction >= 0 && o.fraction < 1))
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.fraction is %g; expected a share of the first loss in (0, 1), or 0 for 0.01", o.fraction);
    if (o.samples < 0)
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.samples is %lld; expected a number of samples, or 0 for those at hand", (long long)o.samples);
    d->spectrum = spectrum;
    d->ridge = o.ridge;
    d->fraction = o.fraction > 0 ? o.fraction : 0.01;
    d->samples = (double)(o.samples > 0 ? o.samples : spectrum->n);
done:
    return status;
}

static ntk_status measure(ntk_context *ctx, ntk_design *d, int64_t count, double *values)
{
    ntk_status status;
    NTK_TRY(NTK_NEW_RAW(ctx, d->spectrum->n * d->modes.columns, &d->mean));
    NTK_TRY(NTK_NEW_RAW(ctx, d->spectrum->n, &d->variance));
    NTK_TRY(ntk_leave_one_out(ctx, d->spectrum, &d->modes, d->mean, d->variance));
    for (int64_t i = 0; i < count; ++i) {
        values[i] = measures[i](d);
        if (isnan(values[i]))
            return ntk_fail(ctx, NTK_ERROR_OVERFLOW, "the measure %s exceeds the range of f64", ntk_measure_name((ntk_measure)i));
    }
done:
    return status;
}

ntk_status ntk_design_measure(ntk_context *ctx, const ntk_spectrum *spectrum, const ntk_array *y, const ntk_design_options *options, ntk_array *values)
{
    ntk_status status;
    ntk_design d = {0};
    double all[NTK_ARRAY_LENGTH(measures)];
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, spectrum);
    NTK_TRY(read_options(ctx, options, spectrum, &d));
    NTK_TRY(ntk_check_output(ctx, "values", values, NTK_F64, NTK_SHAPE(-1)));
    if (values->shape[0] > MEASURES)
        return ntk_fail(ctx, NTK_ERROR_SHAPE, "values has shape [%lld]; there are %lld measures", (long long)values->shape[0], (long long)MEASURES);
    NTK_TRY(ntk_modes_open(ctx, spectrum, y, d.ridge, &d.modes));
    NTK_TRY(measure(ctx, &d, values->shape[0], all));
    ntk_store(values, all);
done:
    ntk_free(d.variance);
    ntk_free(d.mean);
    ntk_modes_close(&d.modes);
    return status;
}
