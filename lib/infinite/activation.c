/*
 * Elementwise layers at infinite width: K' = E[phi(u) phi(v)], Theta' = E[phi'(u) phi'(v)] Theta, by the activation's dual.
 * The expectation is known for jointly Gaussian (u, v) only, so what comes before must be Gaussian.
 */
#include "infinite.h"
#include "lookup.h"

static ntk_status activation_plan(ntk_context *ctx, ntk_reading *reading, ntk_plan *plan)
{
    const ntk_step *s = plan->step;
    const ntk_activation *a = s->layer->activation;
    ntk_nature *out = &reading->natures[s->output];
    const double *p;
    if (!a->dual) return ntk_fail(ctx, NTK_ERROR_NO_RULE, "%s: %s has no closed-form kernel in this version", s->layer->path, a->name);
    if (!reading->natures[s->inputs[0]].gaussian)
        return ntk_fail(ctx, NTK_ERROR_NO_RULE,
                        "%s: %s needs a Gaussian input in the infinite-width limit; put a parametric layer (dense) directly before it",
                        s->layer->path, a->name);
    p = ntk_layer_parameters(s->layer);
    a->dual->constants(p, plan->k);
    plan->columns = a->dual->columns_of ? a->dual->columns_of(p) : a->dual->columns;
    plan->rest = reading->natures[s->inputs[0]].rest;
    out->gaussian = out->zero_mean = false;
    out->root = reading->natures[s->inputs[0]].root;
    return a->dual->norms == ntk_lookup_norms ? ntk_lookup_open(ctx, reading, plan) : NTK_OK;
}

static void activation_norms(const ntk_plan *plan, int64_t n, double *table)
{
    plan->step->layer->activation->dual->norms(plan, n, table);
}

static const ntk_pairs_variants *activation_pairs(const ntk_plan *plan)
{
    return plan->step->layer->activation->dual->pairs;
}

const ntk_infinite_op ntk_infinite_activation = {activation_plan, activation_norms, activation_pairs, NULL};
