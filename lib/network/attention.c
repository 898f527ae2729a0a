/*
 * attention: global self-attention over all positions, [positions..., channels] -> [positions..., units], always in the ntk
 * parameterization.  With z the input plus or beside pos_emb_std times the embedding (pos_emb),
 *
 *     A = mechanism(q_std k_std Q Kᵀ / (c d)),  Q, K from z;  d = dim_key and Q = K (linear_scaling), or sqrt(dim_key)
 *     y = o_std v_std / sqrt(dim_value heads c_v) out . (A V) + b_std b,  V from z (val_pos_emb) or from the input
 *
 * Parameters in this order: query [heads, dim_key, c] (not with linear_scaling), key [heads, dim_key, c], value [heads, dim_value, c_v],
 * out [units, heads, dim_value], positional [positions..., channels] (with pos_emb), bias [units].
 */
#include "network.h"

#include <math.h>
#include <string.h>

static const char *const mechanisms[] = {"softmax", "identity", "abs", "relu", NULL};
static const char *const pos_embs[] = {"none", "sum", "concat", NULL};
static const char *const decays[] = {"one_hot", "rational", "exponential", NULL};

static const ntk_key keys[] = {
    [NTK_DENSE_UNITS] = {"units", NTK_KEY_INTEGER, .required = true, .least = 1},
    [NTK_ATTENTION_Q_STD] = {"q_std", NTK_KEY_NUMBER, .fallback = 1},
    [NTK_DENSE_B_STD] = {"b_std", NTK_KEY_NUMBER, .least = 0}, /* absent: no bias */
    [NTK_ATTENTION_MECHANISM] = {"mechanism", NTK_KEY_CHOICE, .choices = mechanisms},
    [NTK_DENSE_TRAIN] = {"train", NTK_KEY_BOOLEAN, .fallback = 1},
    [NTK_DENSE_LR] = {"lr", NTK_KEY_NUMBER, .fallback = 1},
    [NTK_ATTENTION_HEADS] = {"heads", NTK_KEY_INTEGER, .required = true, .least = 1},
    [NTK_ATTENTION_DIM_KEY] = {"dim_key", NTK_KEY_INTEGER, .required = true, .least = 1},
    [NTK_ATTENTION_DIM_VALUE] = {"dim_value", NTK_KEY_INTEGER, .required = true, .least = 1},
    [NTK_ATTENTION_LINEAR_SCALING] = {"linear_scaling", NTK_KEY_BOOLEAN, .fallback = 1},
    [NTK_ATTENTION_K_STD] = {"k_std", NTK_KEY_NUMBER, .fallback = 1},
    [NTK_ATTENTION_V_STD] = {"v_std", NTK_KEY_NUMBER, .fallback = 1},
    [NTK_ATTENTION_O_STD] = {"o_std", NTK_KEY_NUMBER, .fallback = 1},
    [NTK_ATTENTION_POS_EMB] = {"pos_emb", NTK_KEY_CHOICE, .choices = pos_embs},
    [NTK_ATTENTION_POS_EMB_STD] = {"pos_emb_std", NTK_KEY_NUMBER, .fallback = 1},
    [NTK_ATTENTION_POS_EMB_DECAY] = {"pos_emb_decay", NTK_KEY_CHOICE, .choices = decays},
    [NTK_ATTENTION_POS_EMB_P_NORM] = {"pos_emb_p_norm", NTK_KEY_NUMBER, .fallback = 2},
    [NTK_ATTENTION_VAL_POS_EMB] = {"val_pos_emb", NTK_KEY_BOOLEAN, .fallback = 0},
    {.name = NULL},
};

/* The next block of a b c numbers; false where a number exceeds 63 bits. */
static bool add_block(int64_t *end, int64_t a, int64_t b, int64_t c, int64_t *block)
{
    int64_t size;
    *block = *end;
    return !__builtin_mul_overflow(a, b, &size) && !__builtin_mul_overflow(size, c, &size) && !__builtin_add_overflow(*end, size, end);
}

/* All of it from an input of this shape; false as add_block(). */
static bool fill(const ntk_layer *layer, const ntk_value *in, ntk_attention *a)
{
    const double *v = layer->value;
    bool fits = true;
    *a = (ntk_attention){.mechanism = (ntk_mechanism)v[NTK_ATTENTION_MECHANISM], .pos_emb = (ntk_pos_emb)v[NTK_ATTENTION_POS_EMB],
                         .decay = (ntk_pos_emb_decay)v[NTK_ATTENTION_POS_EMB_DECAY], .linear = v[NTK_ATTENTION_LINEAR_SCALING] != 0,
                         .val_pos_emb = v[NTK_ATTENTION_VAL_POS_EMB] != 0, .heads = (int64_t)v[NTK_ATTENTION_HEADS],
                         .dim_key = (int64_t)v[NTK_ATTENTION_DIM_KEY], .dim_value = (int64_t)v[NTK_ATTENTION_DIM_VALUE],
                         .units = (int64_t)v[NTK_DENSE_UNITS], .channels = in->shape[in->ndim - 1], .q_std = v[NTK_ATTENTION_Q_STD],
                         .k_std = v[NTK_ATTENTION_K_STD], .v_std = v[NTK_ATTENTION_V_STD], .o_std = v[NTK_ATTENTION_O_STD],
                         .pos_emb_std = v[NTK_ATTENTION_POS_EMB_STD], .p_norm = v[NTK_ATTENTION_POS_EMB_P_NORM], .query = -1, .positional = -1, .bias = -1};
    a->positions = in->size / a->channels;
    if (__builtin_mul_overflow(a->channels, a->pos_emb == NTK_POS_EMB_CONCAT ? 2 : 1, &a->c)) return false;
    a->c_v = a->val_pos_emb ? a->c : a->channels;
    if (!a->linear) fits = add_block(&a->end, a->heads, a->dim_key, a->c, &a->query);
    fits = fits && add_block(&a->end, a->heads, a->dim_key, a->c, &a->key) && add_block(&a->end, a->heads, a->dim_value, a->c_v, &a->value) &&
           add_block(&a->end, a->units, a->heads, a->dim_value, &a->out);
    if (a->pos_emb != NTK_POS_EMB_NONE) fits = fits && add_block(&a->end, a->positions, a->channels, 1, &a->positional);
    if (layer->given[NTK_DENSE_B_STD]) fits = fits && add_block(&a->end, a->units, 1, 1, &a->bias);
    return fits;
}

ntk_attention ntk_step_attention(const ntk_network *network, const ntk_step *step)
{
    ntk_attention a;
    fill(step->layer, &network->values[step->inputs[0]], &a);
    return a;
}

double ntk_attention_covariance(const ntk_attention *a, const ntk_value *v, int64_t p, int64_t q)
{
    double distance = 0;
    for (int axis = v->ndim - 2; axis >= 0; --axis) {
        double apart = fabs((double)(p % v->shape[axis] - q % v->shape[axis]));
        distance += apart > 0 ? pow(apart, a->p_norm) : 0;
        p /= v->shape[axis];
        q /= v->shape[axis];
    }
    if (a->decay == NTK_DECAY_RATIONAL) return 1 / (1 + distance * distance);
    if (a->decay == NTK_DECAY_EXPONENTIAL) return exp(-distance);
    return distance == 0;
}

static ntk_status check(const ntk_compiler *c, const ntk_layer *layer, const ntk_value *in, ntk_attention *a)
{
    char shape[NTK_SHAPE_TEXT];
    if (in->ndim < 2)
        return ntk_fail_at(c->ctx, NTK_ERROR_NETWORK, layer->path, "attention needs spatial axes; its input is %s", ntk_shape_text(shape, in->ndim, in->shape));
    if (!(layer->value[NTK_ATTENTION_POS_EMB_P_NORM] > 0))
        return ntk_fail_at(c->ctx, NTK_ERROR_NETWORK, layer->path, "pos_emb_p_norm is %.15g; expected a positive number",
                           layer->value[NTK_ATTENTION_POS_EMB_P_NORM]);
    if (fill(layer, in, a)) return NTK_OK;
    return ntk_fail_at(c->ctx, NTK_ERROR_OVERFLOW, layer->path, "the number of parameters exceeds 63 bits");
}

static ntk_status compile(ntk_compiler *c, const ntk_layer *layer, int input, int *output)
{
    ntk_value in = *ntk_compiler_value(c, input);
    ntk_attention a = {0};
    ntk_step *step;
    ntk_status status;
    NTK_TRY(check(c, layer, &in, &a));
    in.shape[in.ndim - 1] = a.units;
    NTK_TRY(ntk_compile_step(c, layer, 1, &input, in.ndim, in.shape, &step));
    step->bias = a.bias >= 0;
    step->first = !c->network->values[input].parametric;
    step->parameterization = NTK_PARAMETERIZATION_NTK;
    step->w_std = 1;
    step->b_std = layer->value[NTK_DENSE_B_STD];
    step->rate = layer->value[NTK_DENSE_TRAIN] != 0 ? layer->value[NTK_DENSE_LR] : 0;
    step->copies = 1;
    step->units = a.units;
    step->fan_in = a.c;
    NTK_TRY(ntk_compile_parameters(c, step, a.end));
    *output = step->output;
done:
    return status;
}

const ntk_op ntk_op_attention = {
    .name = "attention",
    .keys = keys,
    .compile = compile,
    .finite = NTK_BOTH(ntk_finite_attention),
    .infinite = &ntk_infinite_attention,
};
