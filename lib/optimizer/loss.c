/*
 * Losses of one sample's outputs f [o] against targets y [o], their gradients, and bounds of their second derivatives.
 *
 *     mse            ½ |f - y|²                              f - y                       1
 *     cross-entropy  -sum y_k log p_k,  p = softmax(f)       p_k sum(y) - y_k            sum(y) 2 p_k (1 - p_k), largest k  (Gershgorin)
 *     logistic       sum log(1 + exp f_k) - y_k f_k          s(f_k) - y_k                s(f_k) s(-f_k), largest k
 *     huber          ½ e², delta |e| - ½ delta² beyond       clipped e                   1
 *
 * Where a sample is nearly learnt p_k - 1 would be a difference of equal numbers: with q_k = 1 - p_k, of the largest output summed from the
 * others, the gradient is p_k (sum(y) - y_k) - y_k q_k, and keeps its digits however late; so do the values, by log1p.
 */
#include "optimizer.h"

#include <math.h>

/* ---- squares ----------------------------------------------------------------------------------------------------- */

static double mse_value(int64_t o, const double *f, const double *y, double delta)
{
    double sum = 0;
    (void)delta;
    for (int64_t k = 0; k < o; ++k) sum += (f[k] - y[k]) * (f[k] - y[k]);
    return sum / 2;
}

static void mse_gradient(int64_t o, const double *f, const double *y, double delta, double *g)
{
    (void)delta;
    for (int64_t k = 0; k < o; ++k) g[k] = f[k] - y[k];
}

static double one(int64_t o, const double *f, const double *y)
{
    (void)o;
    (void)f;
    (void)y;
    return 1;
}

/* ---- softmax ----------------------------------------------------------------------------------------------------- */

static int64_t largest_output(int64_t o, const double *f)
{
    int64_t at = 0;
    for (int64_t k = 1; k < o; ++k)
        if (f[k] > f[at]) at = k;
    return at;
}

/* sum over k other than `top` of exp(f_k - f_top). */
static double others(int64_t o, const double *f, int64_t top)
{
    double sum = 0;
    for (int64_t k = 0; k < o; ++k)
        if (k != top) sum += exp(f[k] - f[top]);
    return sum;
}

static double softmax_value(int64_t o, const double *f, const double *y, double delta)
{
    int64_t top = largest_output(o, f);
    double rest = log1p(others(o, f, top)), sum = 0;
    (void)delta;
    for (int64_t k = 0; k < o; ++k)
        if (y[k] != 0) sum += y[k] * (f[top] - f[k] + rest);
    return sum;
}

static double total(int64_t o, const double *y)
{
    double sum = 0;
    for (int64_t k = 0; k < o; ++k) sum += y[k];
    return sum;
}

static void softmax_gradient(int64_t o, const double *f, const double *y, double delta, double *g)
{
    int64_t top = largest_output(o, f);
    double rest = others(o, f, top), all = total(o, y);
    (void)delta;
    for (int64_t k = 0; k < o; ++k) {
        double p = exp(f[k] - f[top]) / (1 + rest), q = k == top ? rest / (1 + rest) : 1 - p;
        g[k] = p * (all - y[k]) - y[k] * q;
    }
}

static double softmax_curvature(int64_t o, const double *f, const double *y)
{
    int64_t top = largest_output(o, f);
    double rest = others(o, f, top), largest = rest / (1 + rest) / (1 + rest);
    for (int64_t k = 0; k < o; ++k) {
        double p = exp(f[k] - f[top]) / (1 + rest);
        if (k != top) largest = fmax(largest, p * (1 - p));
    }
    return 2 * largest * total(o, y);
}

/* ---- logistic ---------------------------------------------------------------------------------------------------- */

static double sigmoid(double f)
{
    return f >= 0 ? 1 / (1 + exp(-f)) : exp(f) / (1 + exp(f));
}

static double softplus(double f)
{
    return fmax(f, 0) + log1p(exp(-fabs(f)));
}

static double logistic_value(int64_t o, const double *f, const double *y, double delta)
{
    double sum = 0;
    (void)delta;
    for (int64_t k = 0; k < o; ++k) sum += (1 - y[k]) * softplus(f[k]) + y[k] * softplus(-f[k]);
    return sum;
}

static void logistic_gradient(int64_t o, const double *f, const double *y, double delta, double *g)
{
    (void)delta;
    for (int64_t k = 0; k < o; ++k) g[k] = (1 - y[k]) * sigmoid(f[k]) - y[k] * sigmoid(-f[k]);
}

static double logistic_curvature(int64_t o, const double *f, const double *y)
{
    double largest = 0;
    (void)y;
    for (int64_t k = 0; k < o; ++k) largest = fmax(largest, sigmoid(f[k]) * sigmoid(-f[k]));
    return largest;
}

/* ---- Huber ------------------------------------------------------------------------------------------------------- */

static double huber_value(int64_t o, const double *f, const double *y, double delta)
{
    double sum = 0;
    for (int64_t k = 0; k < o; ++k) {
        double e = fabs(f[k] - y[k]);
        sum += e <= delta ? e * e / 2 : delta * (e - delta / 2);
    }
    return sum;
}

static void huber_gradient(int64_t o, const double *f, const double *y, double delta, double *g)
{
    for (int64_t k = 0; k < o; ++k) g[k] = fmax(-delta, fmin(delta, f[k] - y[k]));
}

const ntk_loss_rule ntk_loss_rules[] = {
    [NTK_LOSS_SQUARED_ERROR] = {false, 1, -INFINITY, INFINITY, mse_value, mse_gradient, one},
    [NTK_LOSS_CROSS_ENTROPY] = {true, 2, 0, INFINITY, softmax_value, softmax_gradient, softmax_curvature},
    [NTK_LOSS_LOGISTIC] = {false, 1, 0, 1, logistic_value, logistic_gradient, logistic_curvature},
    [NTK_LOSS_HUBER] = {false, 1, -INFINITY, INFINITY, huber_value, huber_gradient, one},
};

/* ---- over samples ------------------------------------------------------------------------------------------------ */

ntk_status ntk_loss_check(ntk_context *ctx, ntk_loss loss, const char *name, int64_t samples, int64_t outputs, const double *y)
{
    const ntk_loss_rule *rule;
    if (!ntk_loss_name(loss)) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.loss is %d: no loss", (int)loss);
    rule = &ntk_loss_rules[loss];
    if (outputs < rule->outputs)
        return ntk_fail(ctx, NTK_ERROR_SHAPE, "%s has %lld outputs per sample; %s needs at least %lld", name, (long long)outputs, ntk_loss_name(loss),
                        (long long)rule->outputs);
    for (int64_t i = 0; i < samples * outputs; ++i)
        if (!(y[i] >= rule->lowest && y[i] <= rule->highest))
            return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "%s[%lld, %lld] is %g; targets of %s lie in [%g, %g]", name, (long long)(i / outputs),
                            (long long)(i % outputs), y[i], ntk_loss_name(loss), rule->lowest, rule->highest);
    return NTK_OK;
}

double ntk_loss_divisor(ntk_loss loss, ntk_loss_scale scale, int64_t samples, int64_t outputs)
{
    int64_t count = ntk_loss_rules[loss].by_sample ? samples : samples * outputs;
    return scale == NTK_LOSS_SCALE_MEAN ? (double)NTK_MAX(count, 1) : 1;
}

double ntk_loss_sum(ntk_loss loss, double delta, int64_t samples, int64_t outputs, const double *f, const double *y)
{
    double sum = 0;
    for (int64_t i = 0; i < samples; ++i) sum += ntk_loss_rules[loss].value(outputs, f + i * outputs, y + i * outputs, delta);
    return sum;
}

void ntk_loss_gradients(ntk_loss loss, double delta, int64_t samples, int64_t outputs, const double *f, const double *y, double *g)
{
    for (int64_t i = 0; i < samples; ++i)
        ntk_loss_rules[loss].gradient(outputs, f + i * outputs, y + i * outputs, delta, g + i * outputs);
}

double ntk_loss_largest_curvature(ntk_loss loss, int64_t samples, int64_t outputs, const double *f, const double *y)
{
    double largest = 0;
    for (int64_t i = 0; i < samples; ++i)
        largest = fmax(largest, ntk_loss_rules[loss].curvature(outputs, f + i * outputs, y + i * outputs));
    return largest;
}
