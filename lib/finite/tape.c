/*
 * The tape: runs the program of a network and owns its values.
 *
 * Values live from the step that writes them to the last step that reads them, or to the end where a derivative needs them.
 * Tangents go the same way.  Cotangents go backward: a value that several steps read collects one term from each, and its
 * memory is freed once the step that wrote the value has passed it on.  Zero tangents (no parameters before the value) and
 * cotangents that no parameter would use are never formed.
 */
#include "finite.h"
#include "real.h"

#include <string.h>

ntk_status ntk_tape_block(ntk_tape *t, int64_t count, int value, real **block)
{
    int64_t numbers;
    ntk_status status = ntk_size_product(t->ctx, "a value of the network", count, ntk_tape_size(t, value), &numbers);
    *block = NULL;
    return status == NTK_OK ? NTK_NEW_RAW(t->ctx, numbers, block) : status;
}

static void release(real **blocks, int64_t value)
{
    ntk_free(blocks[value]);
    blocks[value] = NULL;
}

ntk_status ntk_tape_open(ntk_context *ctx, const ntk_network *network, int64_t n, const real *theta, const real *x, ntk_tape *tape)
{
    ntk_status status;
    ntk_tape t = {.ctx = ctx, .network = network, .n = n, .theta = theta};
    NTK_TRY(NTK_NEW(ctx, network->n_values, &t.value));
    NTK_TRY(NTK_NEW(ctx, network->n_values, &t.tangent));
    NTK_TRY(NTK_NEW(ctx, network->n_values, &t.cotangent));
    NTK_TRY(NTK_NEW(ctx, network->n_values, &t.wanted));
    t.value[0] = (real *)(uintptr_t)x; /* never written: steps write values 1, 2, ... */
    *tape = t;
    return NTK_OK;
done:
    ntk_free(t.cotangent);
    ntk_free(t.tangent);
    ntk_free(t.value);
    return status;
}

void ntk_tape_close(ntk_tape *t)
{
    for (int64_t v = 0; v < t->network->n_values; ++v) {
        release(t->cotangent, v);
        release(t->tangent, v);
        if (v > 0) release(t->value, v);
    }
    ntk_free(t->wanted);
    ntk_free(t->cotangent);
    ntk_free(t->tangent);
    ntk_free(t->value);
}

/* Frees what step i was the last to read. */
static void release_inputs(const ntk_tape *t, real **blocks, int64_t i)
{
    const ntk_step *s = &t->network->steps[i];
    for (int k = 0; k < s->n_inputs; ++k)
        if (s->inputs[k] > 0 && t->network->values[s->inputs[k]].last_use == i) release(blocks, s->inputs[k]);
}

/* Progress when i steps are done. */
static double share(const ntk_tape *t, int64_t i)
{
    return (double)i / (double)t->network->n_steps;
}

ntk_status ntk_tape_forward(ntk_tape *t, bool keep)
{
    ntk_status status = NTK_OK;
    for (int64_t i = 0; i < t->network->n_steps; ++i) {
        const ntk_step *s = &t->network->steps[i];
        NTK_TRY(ntk_tape_block(t, t->n, s->output, &t->value[s->output]));
        NTK_TRY_PART(t->ctx, share(t, i), share(t, i + 1), s->op->finite[NTK_REAL]->forward(t, s));
        if (!keep) release_inputs(t, t->value, i);
    }
done:
    return status;
}

static ntk_status tangent_step(ntk_tape *t, int64_t i)
{
    ntk_status status = NTK_OK;
    const ntk_step *s = &t->network->steps[i];
    if (!t->network->values[s->output].parametric) return NTK_OK;
    NTK_TRY(ntk_tape_block(t, t->n, s->output, &t->tangent[s->output]));
    NTK_TRY(s->op->finite[NTK_REAL]->tangent(t, s));
    release_inputs(t, t->tangent, i);
done:
    return status;
}

ntk_status ntk_tape_tangent(ntk_tape *t, const real *v, real *out)
{
    ntk_status status = NTK_OK;
    int result = t->network->result;
    size_t bytes = (size_t)(t->n * ntk_tape_size(t, result)) * sizeof *out;
    t->v = v;
    for (int64_t i = 0; i < t->network->n_steps; ++i) NTK_TRY_PART(t->ctx, share(t, i), share(t, i + 1), tangent_step(t, i));
    if (t->tangent[result]) memcpy(out, t->tangent[result], bytes);
    else memset(out, 0, bytes);
    release(t->tangent, result);
done:
    return status;
}

/* Parameters [column, column + columns), and with them every value on the way to them. */
static void want(ntk_tape *t, int64_t column, int64_t columns)
{
    t->column = column;
    t->columns = columns;
    t->wanted[0] = false;
    for (int64_t i = 0; i < t->network->n_steps; ++i) {
        const ntk_step *s = &t->network->steps[i];
        bool wanted = s->parametric >= 0 && s->offset < column + columns && s->offset + s->n_parameters > column;
        for (int k = 0; k < s->n_inputs; ++k) wanted = wanted || t->wanted[s->inputs[k]];
        t->wanted[s->output] = wanted;
    }
}

ntk_status ntk_tape_cotangent_fresh(ntk_tape *t, int value, real **cotangent, bool *fresh)
{
    ntk_status status = NTK_OK;
    real **slot = &t->cotangent[value];
    *cotangent = NULL;
    *fresh = !*slot;
    if (!t->wanted[value]) return NTK_OK;
    if (*fresh) NTK_TRY(ntk_tape_block(t, t->rows, value, slot));
    *cotangent = *slot;
done:
    return status;
}

ntk_status ntk_tape_cotangent(ntk_tape *t, int value, real **cotangent)
{
    bool fresh;
    ntk_status status = ntk_tape_cotangent_fresh(t, value, cotangent, &fresh);
    if (*cotangent && fresh) memset(*cotangent, 0, (size_t)(t->rows * ntk_tape_size(t, value)) * sizeof **cotangent);
    return status;
}

bool ntk_tape_pass_on(ntk_tape *t, int from, int to)
{
    if (!t->wanted[to] || t->cotangent[to] || ntk_tape_size(t, from) != ntk_tape_size(t, to)) return false;
    t->cotangent[to] = t->cotangent[from];
    t->cotangent[from] = NULL;
    return true;
}

/* From the cotangent of the result, already in its place, to the gradient. */
static ntk_status run_backward(ntk_tape *t)
{
    ntk_status status = NTK_OK;
    int64_t steps = t->network->n_steps;
    real *c;
    for (int64_t i = steps - 1; i >= 0; --i) {
        const ntk_step *s = &t->network->steps[i];
        NTK_TRY(ntk_tape_cotangent(t, s->output, &c));
        if (c && t->take && s->parametric >= 0) t->take(t->take_user, t, s);
        if (c) NTK_TRY_PART(t->ctx, share(t, steps - 1 - i), share(t, steps - i), s->op->finite[NTK_REAL]->backward(t, s));
        release(t->cotangent, s->output);
    }
done:
    return status;
}

ntk_status ntk_tape_backward(ntk_tape *t, const real *u, real *gradient)
{
    ntk_status status;
    int result = t->network->result;
    real *seed;
    t->rows = t->n;
    t->first = 0;
    t->per_sample = 1;
    t->sum = true;
    want(t, 0, t->network->n_parameters);
    t->gradient = gradient;
    NTK_TRY(ntk_tape_cotangent(t, result, &seed));
    if (seed) memcpy(seed, u, (size_t)(t->n * ntk_tape_size(t, result)) * sizeof *seed);
    NTK_TRY(run_backward(t));
done:
    return status;
}

static int64_t clamp(int64_t x, int64_t most)
{
    return NTK_MIN(NTK_MAX(x, 0), most);
}

ntk_share ntk_tape_share(const ntk_tape *t, const ntk_step *s)
{
    int64_t units = s->copies * s->units, weights = units * s->fan_in, begin = t->column - s->offset, end = begin + t->columns;
    int64_t unit = clamp((begin + s->fan_in - 1) / s->fan_in, units), bias = s->bias ? clamp(begin - weights, units) : 0;
    if (begin <= 0) unit = 0;
    return (ntk_share){unit, clamp(end / s->fan_in, units) - unit, bias, s->bias ? clamp(end - weights, units) - bias : 0};
}

ntk_status ntk_tape_rows(ntk_tape *t, int64_t first, int64_t count, real *out)
{
    return ntk_tape_columns(t, first, count, 0, t->network->n_parameters, out);
}

ntk_status ntk_tape_columns(ntk_tape *t, int64_t first, int64_t count, int64_t column, int64_t columns, real *out)
{
    ntk_status status;
    int result = t->network->result;
    int64_t o = ntk_tape_size(t, result);
    real *seed;
    t->rows = count;
    t->first = first;
    t->per_sample = o;
    t->sum = false;
    want(t, column, columns);
    t->gradient = out;
    NTK_TRY(ntk_tape_cotangent(t, result, &seed));
    for (int64_t r = 0; seed && r < count; ++r) seed[r * o + (first + r) % o] = 1; /* row i of J is e_(i mod o) of its sample */
    NTK_TRY(run_backward(t));
done:
    return status;
}

ntk_status ntk_tape_step_rows(ntk_tape *t, const ntk_step *s, real *delta, real *out)
{
    ntk_status status;
    t->rows = t->n;
    t->first = 0;
    t->per_sample = 1;
    t->sum = false;
    want(t, s->offset, s->n_parameters);
    t->gradient = out;
    t->cotangent[s->output] = delta;
    status = s->op->finite[NTK_REAL]->backward(t, s);
    release(t->cotangent, s->output);
    return status;
}
