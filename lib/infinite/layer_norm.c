/*
 * layer_norm over the channels at infinite width: every sample is divided by its own constant, sqrt(epsilon + q), q the second
 * moment, over spatial axes that are normalised too its mean,
 *
 *     K' = K / sqrt((epsilon + q11)(epsilon + q22)),   Theta' the same;   rho and gap stay as they are.
 *
 * Channels have zero mean, so the variance is the second moment.
 */
#include "hot.h"

enum { EPSILON, AXES, EXTENT, CHOSEN = EXTENT + NTK_MAX_NDIM }; /* plan->k: the spatial axes; those taken into the mean */
enum { SCALE_, COLUMNS }; /* 1/sqrt(epsilon + q) */

#if defined(NTK_HOT)

void NTK_HOT_NAME(layer_norm_pairs)(const ntk_plan *plan, const ntk_run *run);
void NTK_HOT_NAME(layer_norm_pairs)(const ntk_plan *plan, const ntk_run *run)
{
    state in = state_of(run, plan->input_slot), out = state_of(run, plan->output_slot);
    real a = row_of(run, plan->first_column + SCALE_);
    const real *b = column_of(run, plan->first_column + SCALE_);
    NTK_RUN_LOOP(j, run)
    {
        out.rho[j] = in.rho[j];
        out.gap[j] = in.gap[j];
        out.theta[j] = in.theta[j] * a * b[j];
    }
}

#else

#include <math.h>

NTK_VARIANTS(layer_norm_pairs)

static ntk_status layer_norm_plan(ntk_context *ctx, ntk_reading *reading, ntk_plan *plan)
{
    const ntk_step *s = plan->step;
    const ntk_value *v = &reading->network->values[s->output];
    bool chosen[NTK_MAX_NDIM] = {false};
    (void)ctx;
    ntk_layer_norm_axes(s->layer, v->ndim, chosen);
    plan->k[EPSILON] = s->layer->value[NTK_LAYER_NORM_EPSILON];
    plan->k[AXES] = v->ndim - 1;
    for (int a = 0; a < v->ndim - 1; ++a) {
        plan->k[EXTENT + a] = (double)v->shape[a];
        plan->k[CHOSEN + a] = chosen[a];
    }
    plan->columns = COLUMNS;
    reading->natures[s->output].gaussian = reading->natures[s->inputs[0]].gaussian;
    reading->natures[s->output].zero_mean = reading->natures[s->inputs[0]].zero_mean;
    reading->natures[s->output].root = reading->natures[s->inputs[0]].root;
    return NTK_OK;
}

/* Root mean squares along one axis, in place of the entries of each line; these stand `inner` apart, in lines of `extent`. */
static void mean_square_along(int64_t n, int64_t inner, int64_t extent, double *values)
{
    for (int64_t i = 0; i + inner * (extent - 1) < n; ++i) {
        double sum = 0;
        if (i / inner % extent != 0) continue;
        for (int64_t k = 0; k < extent; ++k) sum = hypot(sum, values[i + k * inner]);
        for (int64_t k = 0; k < extent; ++k) values[i + k * inner] = sum / sqrt((double)extent);
    }
}

static void layer_norm_norms(const ntk_plan *plan, int64_t n, double *table)
{
    const double *in = table + plan->input_alpha * n;
    double *scale = table + (plan->first_column + SCALE_) * n;
    int64_t inner = 1;
    for (int64_t i = 0; i < n; ++i) scale[i] = in[i];
    for (int a = (int)plan->k[AXES] - 1; a >= 0; --a) {
        if (plan->k[CHOSEN + a] != 0) mean_square_along(n, inner, (int64_t)plan->k[EXTENT + a], scale);
        inner *= (int64_t)plan->k[EXTENT + a];
    }
    for (int64_t i = 0; i < n; ++i) {
        double length = hypot(scale[i], sqrt(plan->k[EPSILON]));
        table[plan->output_alpha * n + i] = length > 0 ? in[i] / length : 0;
        scale[i] = length > 0 ? 1 / length : 0;
    }
}

static const ntk_pairs_variants *pairs(const ntk_plan *plan)
{
    (void)plan;
    return &layer_norm_pairs;
}

const ntk_infinite_op ntk_infinite_layer_norm = {layer_norm_plan, layer_norm_norms, pairs, NULL};

#endif
