/*
 * What pools make of the plan (planes.h): sections of layers between them, which offsets each section has to run, and the weights of
 * pairs of positions in the result.
 *
 * Pools behind the last layer with weights only weigh pairs of its positions, axis by axis: with T the product of their matrices,
 *
 *     weight of (p, p') = (T' G T)(p, p'),     G = 1/n of equal positions (flatten), 1/n² (global average) or 1 (global sum) of all.
 */
#include "planes.h"

/* ---- pools ------------------------------------------------------------------------------------------------------ */

static const ntk_window_axis *axis_of(const ntk_window *w, int axis)
{
    int at = axis - 2 + w->ndim;
    return at >= 0 ? &w->axis[at] : NULL;
}

static int64_t inside(const ntk_window *w, int axis, int64_t output)
{
    const ntk_window_axis *a = axis_of(w, axis);
    int64_t count = 0;
    for (int64_t t = 0; a && t < a->kernel; ++t) count += ntk_window_read(w, axis - 2 + w->ndim, output, t) >= 0;
    return a ? count : 1;
}

/* c along one axis. */
static double tap_weight(const ntk_layer *layer, const ntk_window *w, int axis, int64_t output)
{
    const ntk_window_axis *a = axis_of(w, axis);
    if (!a || layer->op == &ntk_op_sum_pool) return 1;
    return 1 / (double)(layer->value[NTK_POOL_NORMALIZE_EDGES] != 0 ? inside(w, axis, output) : a->kernel);
}

/* c at every output of a pool, to `to`. */
static void set_weights(const ntk_reading *r, const ntk_step *step, ntk_plane_layer *layer, double *to)
{
    ntk_window w = ntk_step_window(r->network, step);
    int64_t n = layer->out[0] * layer->out[1];
    layer->tap = to;
    for (int64_t i = 0; i < n; ++i) {
        int64_t y = i / layer->out[1], x = i % layer->out[1];
        to[i] = tap_weight(step->layer, &w, 0, y) * tap_weight(step->layer, &w, 1, x);
    }
}

static ntk_status set_pools(ntk_context *ctx, const ntk_reading *r, int64_t end, ntk_planes *p)
{
    int64_t numbers = 1, l = 0;
    double *to;
    ntk_status status;
    for (int64_t i = 0; i < p->count; ++i) numbers += p->layers[i].affine ? 0 : p->layers[i].out[0] * p->layers[i].out[1];
    NTK_TRY(NTK_NEW(ctx, numbers, &p->tables));
    to = p->tables;
    for (int64_t i = 0; i < end && l < p->count; ++i) {
        const ntk_step *s = r->plans[i].step;
        if (s->layer->activation) continue;
        if (s->parametric < 0) {
            set_weights(r, s, &p->layers[l], to);
            to += p->layers[l].out[0] * p->layers[l].out[1];
        }
        ++l;
    }
done:
    return status;
}

/* ---- the end ---------------------------------------------------------------------------------------------------- */

/* weights [in, in] of the input of a pool from those of its output [out, out]. */
static void through_pool(const ntk_layer *layer, const ntk_window *w, int axis, const double *out, double *in)
{
    const ntk_window_axis *a = axis_of(w, axis);
    int64_t n = a->in, m = a->out;
    for (int64_t i = 0; i < n * n; ++i) in[i] = 0;
    for (int64_t o = 0; o < m * m; ++o)
        for (int64_t t = 0; t < a->kernel * a->kernel; ++t) {
            int64_t i = ntk_window_read(w, axis - 2 + w->ndim, o / m, t / a->kernel), j = ntk_window_read(w, axis - 2 + w->ndim, o % m, t % a->kernel);
            if (i >= 0 && j >= 0) in[i * n + j] += out[o] * tap_weight(layer, w, axis, o / m) * tap_weight(layer, w, axis, o % m);
        }
}

static void start_weights(const ntk_step *end, int64_t n, double *weights)
{
    double share = end->op == &ntk_op_global_sum_pool ? 1 : end->op == &ntk_op_flatten ? 1 / (double)n : 1 / (double)(n * n);
    for (int64_t i = 0; i < n * n; ++i) weights[i] = end->op != &ntk_op_flatten || i % (n + 1) == 0 ? share : 0;
}

/* Of one axis, from the last step back; work: as much again. */
static void end_weights(const ntk_reading *r, int64_t pools, int64_t end, int axis, double *weights, double *work)
{
    const ntk_network *net = r->network;
    const ntk_value *last = &net->values[net->steps[end].inputs[0]];
    int64_t n = axis < 3 - last->ndim ? 1 : last->shape[axis - 3 + last->ndim];
    start_weights(&net->steps[end], n, weights);
    for (int64_t i = end; i-- > pools;) {
        ntk_window w = ntk_step_window(net, &net->steps[i]);
        const ntk_window_axis *a = axis_of(&w, axis);
        if (!a) continue;
        through_pool(net->steps[i].layer, &w, axis, weights, work);
        for (int64_t k = 0; k < a->in * a->in; ++k) weights[k] = work[k];
    }
}

static ntk_status set_ends(ntk_context *ctx, const ntk_reading *r, int64_t pools, int64_t end, ntk_planes *p)
{
    ntk_status status = NTK_OK;
    double *work = NULL;
    if (pools == end) return NTK_OK;
    p->weight = 1;
    for (int axis = 0; axis < 2; ++axis) {
        int64_t n = p->layers[p->count - 1].out[axis];
        NTK_TRY(NTK_NEW(ctx, n * n, &p->ends[axis]));
        NTK_TRY(NTK_NEW(ctx, n * n, &work));
        end_weights(r, pools, end, axis, p->ends[axis], work);
        ntk_free(work);
        work = NULL;
    }
done:
    ntk_free(work);
    return status;
}

/* The largest offset of positions that count together in the result. */
static int64_t end_reach(const ntk_planes *p, int axis, bool flat)
{
    int64_t n = p->layers[p->count - 1].out[axis], reach = 0;
    if (!p->ends[axis]) return flat ? 0 : n - 1;
    for (int64_t i = 0; i < n * n; ++i)
        if (p->ends[axis][i] != 0) reach = NTK_MAX(reach, i / n - i % n);
    return reach;
}

/* ---- sections ---------------------------------------------------------------------------------------------------- */

static void set_sections(ntk_planes *p)
{
    int64_t s = 0;
    for (int64_t l = 0; l < p->count; ++l) {
        p->layers[l].first = p->section[s].first;
        p->section[s].end = l + 1;
        if (p->layers[l].affine) continue;
        p->section[s].end = l;
        ++s;
        p->section[s].first = p->section[s].end = l + 1;
    }
    for (s = 0; s + 1 < p->sections; ++s) {
        const ntk_plane_layer *pool = &p->layers[p->section[s].end];
        int64_t next = p->section[s + 1].first;
        for (int a = 0; a < 2; ++a) p->section[s].step[a] = pool->stride[a] * (next < p->count ? p->layers[next].spread[a] : 1);
        p->section[s].rows = 2 * (pool->taps[0] - 1) / p->section[s].step[0] + 1;
    }
}

/* How far the sections before `target` have to go for what its pool sums at offset 0, or for the result. */
static void set_reach(ntk_planes *p, int64_t target, bool flat)
{
    for (int axis = 0; axis < 2; ++axis) {
        int64_t *reach = p->reach + target * p->sections * 2 + axis, s = target;
        int64_t ahead = 0;
        if (target == p->sections - 1) reach[s-- * 2] = ahead = end_reach(p, axis, flat);
        for (; s >= 0; --s) {
            const ntk_plane_section *section = &p->section[s];
            const ntk_plane_layer *pool = &p->layers[section->end];
            ahead = NTK_MIN(pool->in[axis] - 1, section->step[axis] * ahead + pool->taps[axis] - 1);
            reach[s * 2] = ahead;
        }
    }
}

ntk_status ntk_plane_sections(ntk_context *ctx, const ntk_reading *r, int64_t pools, int64_t end, ntk_planes *p)
{
    ntk_status status;
    bool flat = r->network->steps[end].op == &ntk_op_flatten;
    NTK_TRY(set_pools(ctx, r, end, p));
    NTK_TRY(set_ends(ctx, r, pools, end, p));
    p->sections = 1;
    for (int64_t l = 0; l < p->count; ++l) p->sections += !p->layers[l].affine;
    NTK_TRY(NTK_NEW(ctx, p->sections, &p->section));
    NTK_TRY(NTK_NEW(ctx, p->sections * p->sections * 2, &p->reach));
    set_sections(p);
    for (int64_t t = 0; t < p->sections; ++t) set_reach(p, t, flat);
done:
    return status;
}

/* near, far and carried of planes of full size. */
int64_t ntk_plane_ring_bytes(const ntk_planes *p, int64_t s)
{
    const ntk_plane_layer *pool = &p->layers[p->section[s].end];
    int64_t columns = 2 * ntk_plane_reach(p, p->sections - 1, s + 1, 1) + 1;
    return 3 * p->section[s].rows * columns * pool->out[0] * pool->out[1] * NTK_PLANE_BYTES;
}
