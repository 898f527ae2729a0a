/*
 * The infinite reading of a program: for each step its plan, for each value what is known of it and the slot where its pair
 * state lives.  A slot is free again after the last use of its value, so a chain of any depth needs one.
 */
#include "infinite.h"

#include <math.h>
#include "lookup.h"

/* ---- slots ------------------------------------------------------------------------------------------------------ */

/* owner[s]: the value in slot s, or -1. */
typedef struct slot_pool {
    int *owner;
    int count;
} slot_pool;

static int take_slot(slot_pool *pool, int value)
{
    int s = 0;
    while (s < pool->count && pool->owner[s] >= 0) ++s;
    if (s == pool->count) ++pool->count;
    pool->owner[s] = value;
    return s;
}

/* Does the step mix positions?  Of branches, concat along a spatial axis does. */
static bool mixes(const ntk_reading *r, const ntk_step *s)
{
    return s->op->infinite->taps && (s->op != &ntk_op_branch || s->axis < r->network->values[s->output].ndim - 1);
}

/* An output may take the place of the step's first input (loops are elementwise), never of another one. */
static void assign_slot(ntk_reading *r, slot_pool *pool, int64_t index)
{
    const ntk_step *s = &r->network->steps[index];
    int first = r->natures[s->inputs[0]].slot;
    bool in_place = r->network->values[s->inputs[0]].last_use == index && !mixes(r, s);
    r->natures[s->output].slot = in_place ? first : take_slot(pool, s->output);
    if (in_place) pool->owner[first] = s->output;
    for (int i = in_place; i < s->n_inputs; ++i) {
        int slot = r->natures[s->inputs[i]].slot;
        if (r->network->values[s->inputs[i]].last_use == index && pool->owner[slot] == s->inputs[i]) pool->owner[slot] = -1;
    }
}

static ntk_status assign_slots(ntk_context *ctx, ntk_reading *r)
{
    slot_pool pool = {NULL, 1};
    ntk_status status = NTK_NEW(ctx, r->network->n_values, &pool.owner);
    for (int64_t i = 0; status == NTK_OK && i < r->network->n_steps; ++i) assign_slot(r, &pool, i);
    r->slots = pool.count;
    ntk_free(pool.owner);
    return status;
}

/* ---- jumps ------------------------------------------------------------------------------------------------------ */

static bool jumps_at(const ntk_layer *layer)
{
    extern const ntk_activation ntk_activation_rectified_monomial; /* of degree 0 a step */
    const ntk_activation *a = layer->activation;
    return a && (!(a->laws & NTK_LAW_PRICE) || (a == &ntk_activation_rectified_monomial && ntk_layer_parameters(layer)[0] == 0));
}

bool ntk_wants_exact_gaps(const ntk_network *network)
{
    int64_t activations = 0, jumps = 0;
    for (int64_t i = 0; i < network->n_steps; ++i) {
        activations += network->steps[i].layer->activation != NULL;
        jumps += jumps_at(network->steps[i].layer);
    }
    return jumps > 0 && activations > 1;
}

/* ---- sharp activations ------------------------------------------------------------------------------------------ */

#define LONG 8.0 /* eps times this is an error like any other */

/* Numbers of the activation stretch its input; which of them do is of no matter, for too many pairs cost time alone.  0: it is not sharp. */
static double sharpness_of(const ntk_layer *layer)
{
    const ntk_activation *a = layer->activation;
    double most = 1;
    if (!a || !(a->laws & NTK_LAW_SHARP)) return 0;
    for (int k = 0; a->keys && a->keys[k].name; ++k) most = fmax(most, fabs(ntk_layer_parameters(layer)[k]));
    return most;
}

bool ntk_has_sharp(const ntk_network *network)
{
    for (int64_t s = 0; s < network->n_steps; ++s)
        if (sharpness_of(network->steps[s].layer) > 0) return true;
    return false;
}

double ntk_longest_inverse(const ntk_reading *reading, int64_t n, const double *inverse, const double *table)
{
    double most = 0;
    for (int64_t s = 0; s < reading->network->n_steps; ++s) {
        double sharpness = sharpness_of(reading->network->steps[s].layer);
        const double *alpha = table + reading->plans[s].input_alpha * n;
        for (int64_t i = 0; sharpness > 0 && i < n; ++i)
            if (sharpness * alpha[i] > LONG) most = fmax(most, inverse[i]);
    }
    return most;
}

/* ---- plans ------------------------------------------------------------------------------------------------------ */

static void link_plan(ntk_reading *r, ntk_plan *plan, int *slots, int *alphas)
{
    const ntk_step *s = plan->step;
    for (int i = 0; i < s->n_inputs; ++i) {
        slots[i] = r->natures[s->inputs[i]].slot;
        alphas[i] = s->inputs[i];
    }
    plan->input_slots = slots;
    plan->input_alphas = alphas;
    plan->input_slot = slots[0];
    plan->output_slot = r->natures[s->output].slot;
    plan->input_alpha = s->inputs[0];
    plan->output_alpha = s->output;
}

static ntk_status make_plan(ntk_context *ctx, ntk_reading *r, ntk_plan *plan)
{
    const ntk_infinite_op *op = plan->step->op->infinite;
    ntk_status status;
    plan->first_column = r->whole ? r->whole->plans[plan - r->plans].first_column : r->columns;
    NTK_TRY(op->plan(ctx, r, plan));
    r->columns += plan->columns;
    if (mixes(r, plan->step)) return op->taps(ctx, r, plan, &plan->taps);
    plan->pairs[NTK_F64] = op->pairs(plan)->of[NTK_F64][r->cpu];
    plan->pairs[NTK_F32] = op->pairs(plan)->of[NTK_F32][r->cpu];
done:
    return status;
}

static ntk_status make_plans(ntk_context *ctx, ntk_reading *r)
{
    const ntk_network *net = r->network;
    int64_t total = 0;
    int *next;
    ntk_status status = NTK_OK;
    for (int64_t i = 0; i < net->n_steps; ++i) total += 2 * net->steps[i].n_inputs;
    NTK_TRY(NTK_NEW(ctx, total, &r->lists));
    next = r->lists;
    for (int64_t i = 0; i < net->n_steps; ++i) {
        ntk_plan *plan = &r->plans[i];
        plan->step = &net->steps[i];
        link_plan(r, plan, next, next + plan->step->n_inputs);
        next += 2 * plan->step->n_inputs;
        NTK_TRY(make_plan(ctx, r, plan));
    }
done:
    return status;
}

/* The kernel of a pair is one number, so nothing may be left of the positions at the end. */
static ntk_status check_result(ntk_context *ctx, const ntk_network *network)
{
    char text[NTK_SHAPE_TEXT];
    const ntk_value *v = &network->values[network->result];
    for (int64_t i = 0; i < network->n_steps; ++i)
        if (!network->steps[i].op->infinite)
            return ntk_fail_at(ctx, NTK_ERROR_UNSUPPORTED, network->steps[i].layer->path, "%s has no infinite-width reading in this version",
                               ntk_layer_name(network->steps[i].layer));
    if (v->ndim == 1) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_UNSUPPORTED, "the network's output is %s: its kernel would have positions; end with flatten or a global pool and dense",
                    ntk_shape_text(text, v->ndim, v->shape));
}

static void survey_positions(ntk_reading *r)
{
    const ntk_network *net = r->network;
    for (int64_t v = 0; v < net->n_values; ++v)
        r->positions = NTK_MAX(r->positions, net->values[v].size / net->values[v].shape[net->values[v].ndim - 1]);
    r->spatial = net->ndim > 1;
    for (int64_t i = 0; i < net->n_steps; ++i) {
        r->spatial |= mixes(r, &net->steps[i]);
        r->across |= mixes(r, &net->steps[i]) && r->plans[i].taps.kind == NTK_TAPS_ACROSS;
    }
}

static ntk_status create(ntk_context *ctx, const ntk_network *network, ntk_dropout dropout, const ntk_reading *whole, ntk_reading **reading)
{
    ntk_status status;
    ntk_reading *r = NULL;
    *reading = NULL;
    NTK_TRY(check_result(ctx, network));
    NTK_TRY(NTK_NEW(ctx, 1, &r));
    r->network = ntk_retain(network);
    r->cpu = ctx->cpu;
    r->inference = dropout == NTK_DROPOUT_INFERENCE;
    r->columns = (int)network->n_values;
    r->whole = whole;
    NTK_TRY(NTK_NEW(ctx, network->n_values, &r->natures));
    NTK_TRY(NTK_NEW(ctx, network->n_steps, &r->plans));
    NTK_TRY(assign_slots(ctx, r));
    NTK_TRY(make_plans(ctx, r));
    survey_positions(r);
    if (whole) r->columns = whole->columns;
    if (whole) r->positions = whole->positions;
    if (!r->spatial) NTK_TRY(ntk_chain_create(ctx, r, &r->chain));
    if (r->spatial) NTK_TRY(ntk_planes_create(ctx, r, &r->planes));
    *reading = r;
    r = NULL;
done:
    ntk_reading_destroy(r);
    return status;
}

ntk_status ntk_reading_create(ntk_context *ctx, const ntk_network *network, ntk_dropout dropout, ntk_reading **reading)
{
    return create(ctx, network, dropout, NULL, reading);
}

/* Writable only here, before they are handed out. */
static ntk_reading **as_made(const ntk_reading **readings)
{
    return (ntk_reading **)(uintptr_t)readings;
}

ntk_status ntk_readings_create(ntk_context *ctx, const ntk_reading *whole, const ntk_sites *sites, const ntk_reading ***readings)
{
    ntk_status status;
    const ntk_reading **list = NULL;
    ntk_dropout dropout = whole->inference ? NTK_DROPOUT_INFERENCE : NTK_DROPOUT_TRAINING;
    *readings = NULL;
    NTK_TRY(NTK_NEW(ctx, sites->n_crops, &list));
    list[0] = whole;
    for (int64_t k = 1; k < sites->n_crops; ++k) NTK_TRY(create(ctx, sites->crops[k], dropout, whole, &as_made(list)[k]));
    *readings = list;
    list = NULL;
done:
    ntk_readings_destroy(list, sites->n_crops);
    return status;
}

void ntk_readings_destroy(const ntk_reading **readings, int64_t n_crops)
{
    for (int64_t k = 1; readings && k < n_crops; ++k) ntk_reading_destroy(as_made(readings)[k]);
    ntk_free(readings);
}

ntk_status ntk_reading_check(ntk_context *ctx, ntk_dtype dtype, int64_t columns, int64_t bad)
{
    if (bad < 0) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_OVERFLOW, "a kernel value exceeds the range of %s (at %lld, %lld of a tile); scale the inputs or w_std down",
                    ntk_dtype_name(dtype), (long long)(bad / columns), (long long)(bad % columns));
}

void ntk_reading_destroy(ntk_reading *reading)
{
    if (!reading) return;
    ntk_free(reading->chain);
    ntk_planes_destroy(reading->planes);
    for (int64_t i = 0; reading->plans && i < reading->network->n_steps; ++i) {
        ntk_taps_close(&reading->plans[i].taps);
        ntk_lookup_destroy(reading->plans[i].lookup);
    }
    ntk_free(reading->plans);
    ntk_network_destroy(reading->network);
    ntk_free(reading->natures);
    ntk_free(reading->lists);
    ntk_free(reading);
}
