/*
 * Draws theta.  Parameter i of a layer's weights is draw * N(0, 1) number i of stream 2 l (l the parametric layer in the
 * order of the flat vector), of its bias of stream 2 l + 1.  A pure function of (seed, l, i): the same for every number of
 * threads, and a layer's draw does not depend on the sizes of the others.  In f32 the draws of f64 are rounded.
 */
#include "finite.h"
#include "real.h"

typedef struct draw_job {
    uint64_t seed, stream;
    double deviation;
    real *out;
} draw_job;

static void draw_range(void *user, int64_t begin, int64_t end, int worker)
{
    const draw_job *j = user;
    (void)worker;
    for (int64_t i = begin; i < end; ++i) j->out[i] = (real)(j->deviation * ntk_random_normal(j->seed, j->stream, (uint64_t)i));
}

static void draw_step(const ntk_context *ctx, const ntk_step *s, uint64_t seed, real *theta)
{
    ntk_affine affine = ntk_step_affine(s);
    uint64_t stream = 2 * (uint64_t)s->parametric;
    int64_t bias = s->bias ? s->copies * s->units : 0, weights = s->n_parameters - bias;
    draw_job w = {seed, stream, affine.weight_draw, theta + s->offset};
    draw_job b = {seed, stream + 1, affine.bias_draw, theta + s->offset + weights};
    ntk_parallel(ctx, weights, 4096, draw_range, &w);
    ntk_parallel(ctx, bias, 4096, draw_range, &b);
}

ntk_status ntk_finite_draw(ntk_context *ctx, const ntk_network *network, uint64_t seed, void *theta)
{
    ntk_status status = NTK_OK;
    for (int64_t i = 0; i < network->n_steps; ++i) {
        if (network->steps[i].parametric < 0) continue;
        draw_step(ctx, &network->steps[i], seed, theta);
        NTK_TRY(ntk_progress(ctx, (double)(i + 1) / (double)network->n_steps));
    }
    NTK_TRY(ntk_finite_check_vector(ctx, "theta", network->n_parameters, theta));
done:
    return status;
}

#if !defined(NTK_SINGLE)

ntk_status ntk_network_initialize(ntk_context *ctx, const ntk_network *network, uint64_t seed, ntk_array *theta)
{
    ntk_status (*const draw[2])(ntk_context *, const ntk_network *, uint64_t, void *) = NTK_BOTH(ntk_finite_draw);
    ntk_status status;
    void *dense = NULL;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, network);
    NTK_TRY(ntk_check_real(ctx, "theta", theta));
    NTK_TRY(ntk_check_output(ctx, "theta", theta, theta->dtype, NTK_SHAPE(network->n_parameters)));
    NTK_TRY(ntk_allocate_raw(ctx, network->n_parameters, ntk_dtype_size(theta->dtype), &dense));
    NTK_TRY(draw[theta->dtype](ctx, network, seed, dense));
    ntk_store(theta, dense);
done:
    ntk_free(dense);
    return status;
}

#endif
