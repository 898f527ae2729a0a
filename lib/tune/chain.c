/*
 * The network as steps, each reading values before it.  A layer inside `repeat` is several steps with one set of parameters.  Free are w_std, b_std where it is
 * positive, lr where the layer trains (of an NTK), and the noise.  Whether branches depend on each other, and whether there is a rule at all, the
 * kernel of the network says.
 */
#include "tune.h"

/* Ops with derivatives, and what follows them. */
static const struct {
    const ntk_op *op;
    const ntk_tune_rule *rule;
} rules[] = {{&ntk_op_dense, &ntk_tune_dense}, {&ntk_op_activation, &ntk_tune_activation}, {&ntk_op_layer_norm, &ntk_tune_norm}};

static const ntk_tune_rule *rule_of(const ntk_step *s)
{
    static const ntk_tune_rule *const merges[] = {
        [NTK_MERGE_SUM] = &ntk_tune_mixture, [NTK_MERGE_PRODUCT] = &ntk_tune_product, [NTK_MERGE_CONCAT] = &ntk_tune_mixture};
    if (s->op == &ntk_op_branch) return merges[(int)s->layer->value[NTK_BRANCH_MERGE]];
    for (size_t i = 0; i < NTK_ARRAY_LENGTH(rules); ++i)
        if (rules[i].op == s->op) return rules[i].rule;
    return NULL;
}

static ntk_status check_step(ntk_context *ctx, const ntk_network *network, int64_t i)
{
    const ntk_step *s = &network->steps[i];
    if (!rule_of(s))
        return ntk_fail_at(ctx, NTK_ERROR_UNSUPPORTED, s->layer->path, "tuning follows dense layers, activations, layer_norm, branch and repeat; here is %s",
                           ntk_layer_name(s->layer));
    if (s->op != &ntk_op_activation || ntk_moments_of(s->layer->activation)) return NTK_OK;
    return ntk_fail_at(ctx, NTK_ERROR_UNSUPPORTED, s->layer->path, "the derivatives of %s are not known here; those of %s are", s->layer->activation->name,
                       ntk_moments_known);
}

static ntk_status check_network(ntk_context *ctx, const ntk_network *network)
{
    ntk_status status = NTK_OK;
    ntk_kernel *kernel = NULL;
    if (network->ndim != 1) return ntk_fail(ctx, NTK_ERROR_UNSUPPORTED, "tuning takes networks of vectors; this one's input has %d axes", network->ndim);
    for (int64_t i = 0; i < network->n_steps; ++i) NTK_TRY(check_step(ctx, network, i));
    NTK_TRY(ntk_kernel_from_network(ctx, network, NULL, &kernel)); /* has it a rule at all? */
done:
    ntk_kernel_destroy(kernel);
    return status;
}

/* The index of (layer, key), as a new parameter if it is not there yet. */
static int find_parameter(ntk_chain_of_layers *chain, const ntk_layer *layer, int key, double value)
{
    for (int i = 0; i < chain->count; ++i)
        if (chain->parameters[i].layer == layer && chain->parameters[i].key == key) return i;
    chain->parameters[chain->count] = (ntk_tune_parameter){layer, key, value};
    return chain->count++;
}

static void read_dense(ntk_chain_of_layers *chain, const ntk_step *s, ntk_tune_step *step)
{
    double n = (double)s->fan_in, b = s->bias ? s->b_std : 0;
    bool textbook = s->parameterization == NTK_PARAMETERIZATION_TEXTBOOK, sums = textbook && s->first;
    const double values[NTK_TUNE_KEYS] = {s->w_std, b, s->rate};
    const bool free[NTK_TUNE_KEYS] = {s->w_std > 0, b > 0, chain->ntk && s->rate > 0};
    step->gain_factor = sums ? n : 1;
    step->own_by_variance = s->parameterization == NTK_PARAMETERIZATION_NTK;
    step->own_k = textbook && !sums ? 1 : n;
    step->own_1 = s->bias;
    for (int key = 0; key < NTK_TUNE_KEYS; ++key) {
        step->value[key] = values[key];
        step->parameter[key] = free[key] ? find_parameter(chain, s->layer, key, values[key]) : -1;
    }
}

ntk_status ntk_tune_chain_open(ntk_context *ctx, const ntk_network *network, ntk_kind kind, double noise, ntk_chain_of_layers *chain)
{
    ntk_status status;
    *chain = (ntk_chain_of_layers){.ntk = kind == NTK_KIND_NTK, .n_steps = network->n_steps};
    NTK_TRY(check_network(ctx, network));
    NTK_TRY(NTK_NEW(ctx, network->n_steps, &chain->steps));
    NTK_TRY(NTK_NEW(ctx, NTK_TUNE_KEYS * network->n_steps + 1, &chain->parameters));
    for (int64_t i = 0; i < network->n_steps; ++i) {
        const ntk_step *s = &network->steps[i];
        ntk_tune_step *step = &chain->steps[i];
        step->rule = rule_of(s);
        step->step = s;
        if (s->op == &ntk_op_activation) {
            step->moments = ntk_moments_of(s->layer->activation);
            step->p = ntk_layer_parameters(s->layer);
        } else if (s->op == &ntk_op_dense) {
            read_dense(chain, s, step);
        }
    }
    find_parameter(chain, NULL, 0, noise);
done:
    return status;
}

void ntk_tune_chain_close(ntk_chain_of_layers *chain)
{
    ntk_free(chain->parameters);
    ntk_free(chain->steps);
}
