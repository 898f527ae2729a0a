/*
 * The handle.  lambda_max(K), which bounds how stiff training is, comes from fifty steps of the power method: its Rayleigh quotient is below
 * lambda_max by less than a factor 1.1 unless the start has lost the first eigenvector to 1e-2 (Kuczynski & Wozniakowski 1992), and the
 * stability regions have that to spare.
 */
#include "dynamics.h"

#include <math.h>

enum { POWER_STEPS = 50 };

/* A number of the options with its range; 0 stands for the default. */
typedef struct number_row {
    const char *name;
    double *value;
    double standard, lowest, highest; /* lowest: excluded where it is 0 and the standard is not */
} number_row;

static ntk_status read_number(ntk_context *ctx, const number_row *row)
{
    double v = *row->value == 0 ? row->standard : *row->value;
    bool low = row->standard > 0 ? v > row->lowest || (row->lowest > 0 && v == row->lowest) : v >= row->lowest;
    if (!(low && v <= row->highest))
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.%s is %g; expected a finite number from %g to %g", row->name, *row->value, row->lowest, row->highest);
    *row->value = v;
    return NTK_OK;
}

static ntk_status read_options(ntk_context *ctx, const ntk_learning_options *options, ntk_learning_options *o)
{
    const double largest = 1.7e308;
    number_row rows[] = {
        {"weight_decay", &o->weight_decay, 0, 0, largest}, {"huber_delta", &o->huber_delta, 1, 0, largest}, {"tolerance", &o->tolerance, 1e-10, 1e-13, 0.1},
        {"steady", &o->steady, 1e-8, 0, 1},                {"curvature", &o->curvature, 0, 0, largest},
    };
    ntk_status status;
    NTK_TRY(NTK_OPTIONS_READ(ctx, options, o));
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(rows); ++i) NTK_TRY(read_number(ctx, &rows[i]));
    if (!ntk_loss_name(o->loss)) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.loss is %d: no loss", (int)o->loss);
    if (!ntk_loss_scale_name(o->loss_scale))
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.loss_scale is %d: no loss scale", (int)o->loss_scale);
    if (!(o->momentum >= 0 && o->momentum < 1))
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.momentum is %g; expected 0 <= momentum < 1", o->momentum);
    if (o->max_steps < 0) return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "options.max_steps is %lld; expected a number >= 0", (long long)o->max_steps);
    if (o->max_steps == 0) o->max_steps = 1000000;
    NTK_TRY(ntk_check_rate(ctx, o->learning_rate, &o->learning_rate));
done:
    return status;
}

/* ---- the kernel's size ------------------------------------------------------------------------------------------- */

static ntk_status power_step(ntk_context *ctx, const ntk_learning *l, double *v, double *kv)
{
    ntk_status status;
    int64_t n = l->gram->size;
    double norm;
    NTK_TRY(ntk_gram_product(ctx, l->gram, l->kind, 1, v, kv));
    NTK_TRY(ntk_check_result(ctx, "K v", NTK_F64, kv, n));
    norm = ntk_norm(n, 1, kv);
    for (int64_t i = 0; norm > 0 && i < n; ++i) v[i] = kv[i] / norm;
done:
    return status;
}

static ntk_status measure_largest(ntk_context *ctx, ntk_learning *l)
{
    ntk_status status;
    int64_t n = l->gram->size;
    double *v = NULL, *kv = NULL, norm;
    NTK_TRY(NTK_NEW_RAW(ctx, n, &v));
    NTK_TRY(NTK_NEW_RAW(ctx, n, &kv));
    for (int64_t i = 0; i < n; ++i) v[i] = ntk_random_normal(0, 0, (uint64_t)i);
    for (int i = 0; i < POWER_STEPS; ++i)
        NTK_TRY_PART(ctx, i / (double)POWER_STEPS, (i + 1) / (double)POWER_STEPS, power_step(ctx, l, v, kv));
    norm = n > 0 ? ntk_norm(n, 1, kv) : 0;
    l->largest = 1.1 * norm; /* |K v| of a unit v */
done:
    ntk_free(kv);
    ntk_free(v);
    return status;
}

static ntk_status measure_diagonal(ntk_context *ctx, ntk_learning *l)
{
    ntk_status status;
    double *diagonal = NULL;
    ntk_array all;
    NTK_TRY(NTK_NEW_RAW(ctx, l->gram->size, &diagonal));
    all = ntk_vector_f64(diagonal, l->gram->size);
    NTK_TRY(ntk_gram_get_diagonal(ctx, l->gram, l->kind, &all));
    for (int64_t i = 0; i < l->gram->size; ++i) l->diagonal = fmax(l->diagonal, diagonal[i]);
done:
    ntk_free(diagonal);
    return status;
}

/* ---- data -------------------------------------------------------------------------------------------------------- */

static ntk_status read_start(ntk_context *ctx, const ntk_array *f0, ntk_learning *l)
{
    ntk_status status;
    int64_t columns;
    void *dense = NULL;
    if (!f0) return NTK_NEW(ctx, ntk_learning_count(l), &l->f0);
    NTK_TRY(ntk_gram_targets(ctx, l->gram, "options.f0", f0, &columns, &dense));
    if (columns != l->columns)
        NTK_TRY(ntk_fail(ctx, NTK_ERROR_SHAPE, "options.f0 has %lld columns; y has %lld", (long long)columns, (long long)l->columns));
    l->f0 = dense;
    dense = NULL;
done:
    ntk_free(dense);
    return status;
}

static ntk_status read_targets(ntk_context *ctx, const ntk_array *y, const ntk_learning_options *o, ntk_learning *l)
{
    ntk_status status;
    void *dense = NULL;
    int64_t count;
    NTK_TRY(ntk_gram_targets(ctx, l->gram, "y", y, &l->columns, &dense));
    l->y = dense;
    count = ntk_learning_count(l);
    l->answer_outputs = ntk_target_outputs(l->gram, y);
    l->outputs = l->columns > 1 ? l->columns : NTK_MAX(l->answer_outputs, 1);
    l->samples = count / NTK_MAX(l->outputs, 1);
    NTK_TRY(read_start(ctx, o->f0, l));
    if (!o->callback) NTK_TRY(ntk_loss_check(ctx, o->loss, "y", l->samples, l->outputs, l->y));
    l->scale = ntk_largest(count, l->y, ntk_largest(count, l->f0, 0));
    if (l->scale == 0) l->scale = 1;
done:
    return status;
}

/* |f'(0)| without eta: what "steady" is a share of. */
static ntk_status measure_start(ntk_context *ctx, ntk_learning *l)
{
    ntk_status status;
    double *g = NULL, *kg = NULL;
    NTK_TRY(NTK_NEW_RAW(ctx, ntk_learning_count(l), &g));
    NTK_TRY(NTK_NEW_RAW(ctx, ntk_learning_count(l), &kg));
    NTK_TRY(ntk_learning_gradient(ctx, l, l->f0, g, NULL));
    NTK_TRY(ntk_gram_product(ctx, l->gram, l->kind, l->columns, g, kg));
    NTK_TRY(ntk_check_result(ctx, "K grad L", NTK_F64, kg, ntk_learning_count(l)));
    l->start = ntk_largest(ntk_learning_count(l), kg, 0);
done:
    ntk_free(kg);
    ntk_free(g);
    return status;
}

static void take_options(const ntk_learning_options *o, ntk_learning *l)
{
    l->kind = o->kind;
    l->loss = o->callback ? NTK_LOSS_SQUARED_ERROR : o->loss;
    l->callback = o->callback;
    l->user = o->user;
    l->curvature = o->curvature;
    l->delta = o->huber_delta;
    l->learning_rate = o->learning_rate;
    l->momentum = o->momentum;
    l->decay = o->weight_decay;
    l->tolerance = o->tolerance;
    l->steady = o->steady;
    l->max_steps = o->max_steps;
    l->discrete = o->discrete != 0;
}

ntk_status ntk_learning_create(ntk_context *ctx, const ntk_gram *gram, const ntk_array *y, const ntk_learning_options *options, ntk_learning **learning)
{
    ntk_status status;
    ntk_learning_options o;
    ntk_learning *l = NULL;
    NTK_ENTER_NEW(ctx, learning);
    NTK_REQUIRE(ctx, gram);
    NTK_TRY(read_options(ctx, options, &o));
    NTK_TRY(NTK_NEW_HANDLE(ctx, &l));
    l->gram = ntk_retain(gram);
    take_options(&o, l);
    NTK_TRY(ntk_gram_check(ctx, gram, o.kind, NTK_F64));
    NTK_TRY(read_targets(ctx, y, &o, l));
    l->divisor = ntk_loss_divisor(l->loss, o.loss_scale, l->samples, l->outputs);
    NTK_TRY(measure_diagonal(ctx, l));
    NTK_TRY_PART(ctx, 0, 0.95, measure_largest(ctx, l));
    NTK_TRY_PART(ctx, 0.95, 1, measure_start(ctx, l));
    *learning = l;
    l = NULL;
done:
    ntk_learning_destroy(l);
    return status;
}

void ntk_learning_destroy(ntk_learning *learning)
{
    if (!ntk_object_release(learning)) return;
    ntk_free(learning->f0);
    ntk_free(learning->y);
    ntk_gram_destroy(learning->gram);
    ntk_free(learning);
}
