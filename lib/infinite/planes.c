/*
 * Which networks run by planes (planes.h), and the plan: convolutions with zero padding or none, dense layers on each
 * position, the ReLU family behind them, pools, in a chain over at most two spatial axes; then a global pool or flatten; then
 * dense layers.  Everything else is left to spatial.c.
 */
#include "planes.h"

static int64_t extent_of(const ntk_value *v, int axis)
{
    int64_t missing = 3 - v->ndim; /* a sequence is an image of one row */
    return axis < missing ? 1 : v->shape[axis - missing];
}

/* ---- the steps ------------------------------------------------------------------------------------------------- */

static bool is_dense(const ntk_step *s)
{
    return s->op == &ntk_op_dense;
}

static bool is_window(const ntk_network *net, const ntk_step *s)
{
    ntk_window w;
    if (s->op != &ntk_op_conv) return false;
    w = ntk_step_window(net, s);
    return w.ndim <= 2 && w.padding != NTK_PADDING_CIRCULAR && !w.transposed;
}

static bool is_pool(const ntk_network *net, const ntk_step *s)
{
    ntk_window w;
    if (s->op != &ntk_op_avg_pool && s->op != &ntk_op_sum_pool) return false;
    w = ntk_step_window(net, s);
    return w.ndim <= 2 && w.padding != NTK_PADDING_CIRCULAR;
}

static bool is_family(const ntk_step *s)
{
    const ntk_activation *a = s->layer->activation;
    return a && a->laws & NTK_LAW_HOMOGENEOUS;
}

static bool is_end(const ntk_step *s)
{
    return s->op == &ntk_op_flatten || s->op == &ntk_op_global_avg_pool || s->op == &ntk_op_global_sum_pool;
}

/* A chain: layers (and pools between them), pools, the end of the positions, dense layers. */
typedef struct chain {
    int64_t layers, pools, end; /* how many there are; the first of the steps behind them; the end */
} chain;

static bool applicable(const ntk_reading *r, chain *c)
{
    const ntk_network *net = r->network;
    int64_t pools = 0;
    *c = (chain){0, 0, -1};
    if (net->ndim < 2 || net->ndim > 3 || net->result != (int)net->n_steps) return false;
    for (int64_t i = 0; i < net->n_steps; ++i) {
        const ntk_step *s = &net->steps[i];
        if (s->n_inputs != 1 || s->inputs[0] != (int)i) return false;
        if (c->end >= 0) {
            if (!is_dense(s)) return false;
        } else if (is_dense(s) || is_window(net, s)) c->layers += pools + 1, pools = 0, c->pools = i + 1;
        else if (is_end(s)) c->end = i;
        else if (is_pool(net, s) && c->layers > 0) ++pools;
        else if (is_family(s) && i > 0 && s[-1].parametric >= 0) c->pools += c->pools == i;
        else return false;
    }
    return c->end >= 0 && c->layers > 0;
}

/* ---- one layer ------------------------------------------------------------------------------------------------- */

static void set_window(const ntk_network *net, const ntk_step *s, ntk_plane_layer *layer)
{
    ntk_window w = {.ndim = 0};
    if (!is_dense(s)) w = ntk_step_window(net, s);
    for (int a = 0; a < 2; ++a) {
        int axis = a - 2 + w.ndim;
        const ntk_window_axis *from = axis >= 0 && w.ndim > 0 ? &w.axis[axis] : NULL;
        layer->in[a] = extent_of(&net->values[s->inputs[0]], a);
        layer->out[a] = extent_of(&net->values[s->output], a);
        layer->taps[a] = from ? from->kernel : 1;
        layer->stride[a] = from ? from->stride : 1;
        layer->dilation[a] = from ? from->dilation : 1;
        layer->low[a] = from ? from->low : 0;
        layer->ring[a][0] = layer->low[a];
        layer->ring[a][1] = NTK_MAX(0, (layer->out[a] - 1) * layer->stride[a] + (layer->taps[a] - 1) * layer->dilation[a] - layer->low[a] - (layer->in[a] - 1));
    }
    layer->share = 1 / (double)(layer->taps[0] * layer->taps[1]);
}

static void set_activation(const ntk_reading *r, int64_t step, ntk_plane_layer *layer)
{
    const ntk_plan *next = &r->plans[step + 1];
    bool active = is_family(next->step) && next->k[NTK_RELU_KAPPA] > 0;
    layer->kappa = active ? next->k[NTK_RELU_KAPPA] : is_family(next->step) ? 0 : 1;
    layer->c = active ? next->k[NTK_RELU_C] : 1;
    layer->s = active ? next->k[NTK_RELU_S] : 0;
}

/* Correlations that are not negative stay so; the short loop divides by S.  Of the first layer it takes any correlation, and keeps no far. */
static void set_plain(ntk_planes *p)
{
    bool kinks = true;
    for (int64_t l = 0; l < p->count; ++l) kinks &= !p->layers[l].affine || p->layers[l].s > 0;
    p->layers[0].plain = p->count > 1 && kinks && p->layers[0].c <= 0 && p->layers[0].affine->k[NTK_AFFINE_GAIN2] > 0;
    for (int64_t l = 1; l < p->count; ++l) p->layers[l].plain = kinks && (p->layers[l - 1].plain || p->layers[l - 1].c <= 0);
}

static void set_layer(const ntk_reading *r, int64_t step, ntk_planes *p, ntk_plane_layer *layer)
{
    const ntk_plan *plan = &r->plans[step];
    set_window(r->network, plan->step, layer);
    p->norms += layer->in[0] * layer->in[1];
    if (plan->step->parametric < 0) {
        layer->kappa = layer->c = 1;
        p->norms += layer->out[0] * layer->out[1];
        return;
    }
    layer->affine = plan;
    set_activation(r, step, layer);
    p->biased |= plan->k[NTK_AFFINE_BIAS] > 0 || plan->k[NTK_AFFINE_OWN_1] > 0;
}

static void set_layers(const ntk_reading *r, const chain *c, ntk_planes *p)
{
    int64_t l = 0;
    for (int64_t i = 0; i < c->pools; ++i)
        if (!r->plans[i].step->layer->activation) set_layer(r, i, p, &p->layers[l++]);
    p->norms += p->layers[l - 1].out[0] * p->layers[l - 1].out[1];
    for (int a = 0; a < 2; ++a)
        for (int64_t i = p->count, spread = 1; i-- > 0;) p->layers[i].spread[a] = spread = p->layers[i].affine ? spread * p->layers[i].stride[a] : 1;
    set_plain(p);
}

/* ---- the whole ------------------------------------------------------------------------------------------------- */

static void set_room(ntk_planes *p)
{
    int64_t extent[2] = {1, 1};
    for (int64_t l = 0; l < p->count; ++l)
        for (int a = 0; a < 2; ++a) {
            extent[a] = NTK_MAX(extent[a], NTK_MAX(p->layers[l].in[a], p->layers[l].out[a]));
            p->pad = NTK_MAX(p->pad, NTK_MAX(p->layers[l].ring[a][0], p->layers[l].ring[a][1]));
        }
    p->stride = extent[1] + 2 * p->pad;
    p->padded = (extent[0] + 2 * p->pad) * p->stride;
}

static void set_end(const ntk_reading *r, const chain *c, ntk_planes *p)
{
    const ntk_step *s = &r->network->steps[c->end];
    const ntk_plane_layer *last = &p->layers[p->count - 1];
    double positions = (double)(last->out[0] * last->out[1]);
    p->pooled = s->op != &ntk_op_flatten || c->pools < c->end;
    for (int64_t l = 0; l < p->count; ++l) p->pooled |= !p->layers[l].affine;
    p->weight = s->op == &ntk_op_flatten ? 1 / positions : s->op == &ntk_op_global_avg_pool ? 1 / (positions * positions) : 1;
    for (int64_t i = c->end + 1; i < r->network->n_steps; ++i) p->tail[p->tail_count++] = &r->plans[i];
}

/*
 * Units without biases are the same for all images, and such that a layer's window needs no factor: kappa g² / taps = 1.  Then norms grow
 * by the root of the taps a layer; before they leave the range of a float, one layer takes them back.
 */
#define LARGEST_GROWTH 0x1p36

static void set_units(ntk_planes *p)
{
    double growth = 1;
    for (int64_t l = 0; l < p->count; ++l) {
        ntk_plane_layer *layer = &p->layers[l];
        double natural = layer->affine ? sqrt(layer->kappa) * layer->affine->k[NTK_AFFINE_GAIN] : 0;
        layer->unit = 1;
        if (!(natural > 0) || p->biased) continue;
        growth /= sqrt(layer->share);
        layer->unit = 1 / (natural * sqrt(layer->share));
        if (growth < LARGEST_GROWTH) continue;
        layer->unit /= growth;
        growth = 1;
    }
}

ntk_status ntk_planes_create(ntk_context *ctx, const ntk_reading *r, ntk_planes **planes)
{
    ntk_status status;
    ntk_planes *p = NULL;
    chain c;
    *planes = NULL;
    if (!applicable(r, &c)) return NTK_OK;
    NTK_TRY(NTK_NEW(ctx, 1, &p));
    p->count = c.layers;
    p->channels = r->network->shape[r->network->ndim - 1];
    NTK_TRY(NTK_NEW(ctx, c.layers, &p->layers));
    NTK_TRY(NTK_NEW(ctx, r->network->n_steps, &p->tail));
    set_layers(r, &c, p);
    set_room(p);
    set_end(r, &c, p);
    set_units(p);
    NTK_TRY(ntk_plane_sections(ctx, r, c.pools, c.end, p));
    *planes = p;
    p = NULL;
done:
    ntk_planes_destroy(p);
    return status;
}

void ntk_planes_destroy(ntk_planes *planes)
{
    if (!planes) return;
    ntk_free(planes->layers);
    ntk_free(planes->tail);
    ntk_free(planes->section);
    ntk_free(planes->reach);
    ntk_free(planes->ends[0]);
    ntk_free(planes->ends[1]);
    ntk_free(planes->tables);
    ntk_free(planes);
}

/* ---- sizes ----------------------------------------------------------------------------------------------------- */

bool ntk_planes_pooled(const ntk_planes *planes)
{
    return planes->pooled;
}

int64_t ntk_plane_row_numbers(const ntk_planes *p)
{
    return 3 * (p->count + 1) * p->padded + p->layers[0].in[0] * p->layers[0].in[1] * p->channels;
}

int64_t ntk_plane_block_numbers(const ntk_planes *p, ntk_dtype dtype)
{
    int64_t lanes = NTK_PLANE_BYTES / (int64_t)ntk_dtype_size(dtype);
    return (2 * (p->count + 1) * p->padded + p->layers[0].in[0] * p->layers[0].in[1] * p->channels) * lanes;
}

/* Two states of five planes and a byte a cell, and four rows. */
int64_t ntk_plane_scratch_bytes(const ntk_planes *p)
{
    return 10 * p->padded * NTK_PLANE_BYTES + (2 * p->padded + NTK_PLANE_BYTES - 1) / NTK_PLANE_BYTES * NTK_PLANE_BYTES + 4 * p->stride * NTK_PLANE_BYTES;
}
