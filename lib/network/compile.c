/*
 * From the tree to the program: shapes, places in the flat vector, repeats unrolled.
 *
 * First the tree is measured: every layer and every list counts one, with every copy that a repeat makes of it.  This
 * bounds the steps, their inputs and the time to unroll them, costs no more than the tree itself, and lets the program
 * be allocated once.  A measure stops at NTK_MAX_UNROLLED + 1, so products of two stay far below 64 bits.
 */
#include "network.h"

#include <string.h>

/* ---- measure --------------------------------------------------------------------------------------------------- */

static ntk_status measure_list(ntk_context *ctx, const char *path, const ntk_layer_list *list, int64_t *size);

static ntk_status check_measure(ntk_context *ctx, const char *path, int64_t size)
{
    if (size <= NTK_MAX_UNROLLED) return NTK_OK;
    return ntk_fail_at(ctx, NTK_ERROR_OVERFLOW, path, "with its repeats unrolled it holds more than the %d layers and lists that are possible",
                       NTK_MAX_UNROLLED);
}

static ntk_status measure_layer(ntk_context *ctx, const ntk_layer *layer, int64_t *size)
{
    int64_t copies = layer->op->copies ? NTK_MIN(layer->op->copies(layer), NTK_MAX_UNROLLED + 1) : 1, inside = 0, one;
    ntk_status status = NTK_OK;
    for (int64_t i = 0; i < layer->n_lists; ++i) {
        NTK_TRY(measure_list(ctx, layer->path, &layer->lists[i], &one));
        inside += one;
        NTK_TRY(check_measure(ctx, layer->path, 1 + copies * inside));
    }
    *size = 1 + copies * inside;
done:
    return status;
}

static ntk_status measure_list(ntk_context *ctx, const char *path, const ntk_layer_list *list, int64_t *size)
{
    ntk_status status = NTK_OK;
    int64_t one;
    *size = 1;
    for (int64_t i = 0; i < list->count; ++i) {
        NTK_TRY(measure_layer(ctx, list->layers[i], &one));
        *size += one;
        NTK_TRY(check_measure(ctx, path, *size));
    }
done:
    return status;
}

/* ---- steps ----------------------------------------------------------------------------------------------------- */

const ntk_value *ntk_compiler_value(const ntk_compiler *c, int value)
{
    return &c->network->values[value];
}

static ntk_status too_large(const ntk_compiler *c, const char *path, const char *what)
{
    return ntk_fail_at(c->ctx, NTK_ERROR_OVERFLOW, path, "the number of %s exceeds 63 bits", what);
}

static ntk_status fill_value(const ntk_compiler *c, const char *path, int ndim, const int64_t *shape, ntk_value *v)
{
    *v = (ntk_value){.ndim = ndim, .size = 1, .last_use = -1};
    for (int i = 0; i < ndim; ++i) {
        v->shape[i] = shape[i];
        if (__builtin_mul_overflow(v->size, shape[i], &v->size)) return too_large(c, path, "elements of its result");
    }
    return NTK_OK;
}

/* Marks the inputs as read by step `at`; a result is parametric where one of them is. */
static bool use_inputs(const ntk_network *network, int n_inputs, const int *inputs, int at)
{
    bool parametric = false;
    for (int i = 0; i < n_inputs; ++i) {
        network->values[inputs[i]].last_use = at;
        parametric |= network->values[inputs[i]].parametric;
    }
    return parametric;
}

ntk_status ntk_compile_step(ntk_compiler *c, const ntk_layer *layer, int n_inputs, const int *inputs, int ndim, const int64_t *shape, ntk_step **step)
{
    ntk_network *network = c->network;
    ntk_step *s = &network->steps[network->n_steps];
    ntk_value *v = &network->values[network->n_values];
    ntk_status status = fill_value(c, layer->path, ndim, shape, v);
    if (status != NTK_OK) return status;
    *s = (ntk_step){.op = layer->op, .layer = layer, .n_inputs = n_inputs, .output = (int)network->n_values, .parametric = -1};
    s->inputs = network->inputs + c->n_inputs;
    s->parts = network->parts + c->n_inputs;
    s->entry = inputs[0];
    memcpy(s->inputs, inputs, (size_t)n_inputs * sizeof *inputs);
    v->parametric = use_inputs(network, n_inputs, inputs, (int)network->n_steps);
    c->n_inputs += n_inputs;
    ++network->n_steps;
    ++network->n_values;
    *step = s;
    return NTK_OK;
}

static void fill_scales(const ntk_network *network, ntk_step *step)
{
    const double *value = step->layer->value;
    const bool *given = step->layer->given;
    step->bias = given[NTK_DENSE_B_STD];
    step->first = !network->values[step->inputs[0]].parametric;
    step->parameterization = given[NTK_DENSE_PARAMETERIZATION] ? (ntk_parameterization)value[NTK_DENSE_PARAMETERIZATION] : network->parameterization;
    step->w_std = value[NTK_DENSE_W_STD];
    step->b_std = value[NTK_DENSE_B_STD];
    step->rate = value[NTK_DENSE_TRAIN] != 0 ? value[NTK_DENSE_LR] : 0;
}

ntk_status ntk_compile_parameters(ntk_compiler *c, ntk_step *step, int64_t count)
{
    ntk_network *network = c->network;
    step->offset = network->n_parameters;
    step->n_parameters = count;
    if (__builtin_add_overflow(network->n_parameters, count, &network->n_parameters)) return too_large(c, step->layer->path, "parameters");
    step->parametric = network->n_parametric++;
    network->values[step->output].parametric = true;
    return NTK_OK;
}

ntk_status ntk_compile_parametric(ntk_compiler *c, ntk_step *step, int64_t copies, int64_t units, int64_t fan_in)
{
    ntk_network *network = c->network;
    int64_t columns, count; /* weights of one unit, and its bias; all parameters */
    fill_scales(network, step);
    step->copies = copies;
    step->units = units;
    step->fan_in = fan_in;
    if (__builtin_add_overflow(fan_in, (int64_t)step->bias, &columns) || __builtin_mul_overflow(units, columns, &count) ||
        __builtin_mul_overflow(count, copies, &count))
        return too_large(c, step->layer->path, "parameters");
    return ntk_compile_parameters(c, step, count);
}

ntk_status ntk_compile_list(ntk_compiler *c, const ntk_layer_list *list, int input, int *output)
{
    ntk_status status = NTK_OK;
    for (int64_t i = 0; status == NTK_OK && i < list->count; ++i)
        status = list->layers[i]->op->compile(c, list->layers[i], input, &input);
    *output = input;
    return status;
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

static ntk_status allocate_program(ntk_context *ctx, ntk_network *network, int64_t size)
{
    ntk_status status;
    double bytes = (double)size * (sizeof *network->steps + sizeof *network->values + sizeof *network->inputs + sizeof *network->parts);
    NTK_TRY(ntk_memory_require(ctx, "the program of the network", bytes));
    NTK_TRY(NTK_NEW(ctx, size, &network->steps));
    NTK_TRY(NTK_NEW(ctx, size + 1, &network->values));
    NTK_TRY(NTK_NEW(ctx, size, &network->inputs));
    NTK_TRY(NTK_NEW(ctx, size, &network->parts));
done:
    return status;
}

ntk_status ntk_network_compile(ntk_context *ctx, ntk_network *network)
{
    ntk_compiler c = {.ctx = ctx, .network = network};
    ntk_status status;
    int64_t size;
    NTK_TRY(measure_list(ctx, network->layers.path, &network->layers, &size));
    NTK_TRY(allocate_program(ctx, network, size));
    NTK_TRY(fill_value(&c, "input", network->ndim, network->shape, &network->values[0]));
    network->n_values = 1;
    NTK_TRY(ntk_compile_list(&c, &network->layers, 0, &network->result));
    network->values[network->result].last_use = (int)network->n_steps;
done:
    return status;
}
