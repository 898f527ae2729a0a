/*
 * Forward, jvp and vjp, in the type of the file:  f(theta, x),   J v = d/ds f(theta + s v, x) at s = 0,   Jᵀ u = grad_theta sum(u f)
 * by forward-mode and reverse-mode differentiation of the program (Griewank & Walther 2008), about two and three times the cost of f:
 * exact derivatives, no step size.  Samples go through a tape in chunks, so that memory does not grow with n; a vjp adds up
 * over the chunks.
 */
#include "finite.h"
#include "real.h"

#include <math.h>
#include <string.h>

ntk_status ntk_finite_chunk(ntk_context *ctx, const ntk_network *network, int copies, double budget, int64_t *chunk)
{
    double one = 0, limit = (double)ctx->options.memory_limit;
    for (int64_t v = 1; v < network->n_values; ++v) one += (double)network->values[v].size;
    one *= copies * (double)sizeof(real);
    if (limit > 0) budget = fmin(budget, limit / 2); /* the other half is for the caller's results */
    *chunk = (int64_t)fmin(fmax(budget / fmax(one, 1), 1), 1 << 24);
    return ntk_memory_require(ctx, "one sample of the network", one);
}

double ntk_finite_tape_bytes(const ntk_context *ctx, const ntk_network *network, int64_t n, int copies, double budget)
{
    double one = 0, limit = (double)ctx->options.memory_limit;
    for (int64_t v = 1; v < network->n_values; ++v) one += (double)network->values[v].size;
    one *= copies * (double)sizeof(real);
    if (limit > 0) budget = fmin(budget, limit / 2);
    return fmin((double)n * one, fmax(budget, one)) + ntk_columns_bytes(network);
}

double ntk_finite_forward_flops(const ntk_network *network)
{
    double flops = 0;
    for (int64_t i = 0; i < network->n_steps; ++i) {
        const ntk_step *s = &network->steps[i];
        double size = (double)network->values[s->output].size;
        flops += size * (s->parametric >= 0 ? 2 * (double)s->fan_in + s->bias : 1);
    }
    return flops;
}

ntk_status ntk_finite_check_network(ntk_context *ctx, const ntk_network *network)
{
    ntk_status status = NTK_OK;
    for (int64_t i = 0; i < network->n_steps; ++i) {
        const ntk_step *s = &network->steps[i];
        if (!s->op->finite[NTK_REAL])
            return ntk_fail_at(ctx, NTK_ERROR_UNSUPPORTED, s->layer->path, "%s has no finite reading in this version", ntk_layer_name(s->layer));
        if (s->op == &ntk_op_attention) NTK_TRY(ntk_finite_attention_check(ctx, network, s));
    }
done:
    return status;
}

ntk_status ntk_finite_check_vector(ntk_context *ctx, const char *name, int64_t count, const real *values)
{
    int64_t at = ntk_find_not_finite(NTK_REAL, values, count);
    if (at < 0) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_OVERFLOW, "%s[%lld] exceeds the range of %s", name, (long long)at, ntk_dtype_name(NTK_REAL));
}

ntk_status ntk_finite_check_rows(ntk_context *ctx, const char *name, int64_t first, int64_t rows, int64_t width, const real *values)
{
    int64_t at = ntk_find_not_finite(NTK_REAL, values, rows * width);
    if (at < 0) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_OVERFLOW, "%s[%lld, %lld] exceeds the range of %s", name, (long long)(first + at / width),
                    (long long)(at % width), ntk_dtype_name(NTK_REAL));
}

/* ---- chunks ---------------------------------------------------------------------------------------------------- */

/* What a chunk does once its values are there: direction v or u in, result out. */
typedef struct pass {
    ntk_status (*run)(ntk_tape *t, const real *in, real *out);
    bool keep;         /* the values, for a derivative */
    int copies;        /* numbers held per number of the values */
    int64_t in, out;   /* numbers per sample; 0: all samples share the array */
} pass;

static ntk_status copy_result(ntk_tape *t, const real *in, real *out)
{
    const real *f = t->value[t->network->result];
    int64_t count = t->n * ntk_tape_size(t, t->network->result);
    (void)in;
    for (int64_t i = 0; i < count; ++i) out[i] = f[i];
    return NTK_OK;
}

static ntk_status run_chunk(ntk_context *ctx, const ntk_network *network, const pass *p, int64_t n, const real *theta, const real *x,
                            const real *in, real *out)
{
    ntk_tape t;
    ntk_status status = ntk_tape_open(ctx, network, n, theta, x, &t);
    if (status != NTK_OK) return status;
    NTK_TRY_PART(ctx, 0, 1.0 / p->copies, ntk_tape_forward(&t, p->keep));
    NTK_TRY_PART(ctx, 1.0 / p->copies, 1, p->run(&t, in, out));
done:
    ntk_tape_close(&t);
    return status;
}

static ntk_status run_chunks(ntk_context *ctx, const ntk_network *network, const pass *p, int64_t n, const real *theta, const real *x,
                             const real *in, real *out)
{
    ntk_status status;
    int64_t chunk, d = ntk_network_input_size(network);
    NTK_TRY(ntk_finite_chunk(ctx, network, p->copies, NTK_TAPE_BUDGET, &chunk));
    for (int64_t i = 0; i < n; i += chunk) {
        int64_t count = NTK_MIN(chunk, n - i);
        NTK_TRY_PART(ctx, (double)i / (double)n, (double)(i + count) / (double)n,
                     run_chunk(ctx, network, p, count, theta, x + i * d, p->in ? in + i * p->in : in, out + i * p->out));
    }
done:
    return status;
}

ntk_status ntk_finite_forward(ntk_context *ctx, const ntk_network *network, int64_t n, const void *theta, const void *x, void *f)
{
    int64_t o = ntk_network_outputs(network);
    pass p = {copy_result, false, 1, 0, o};
    ntk_status status;
    NTK_TRY(run_chunks(ctx, network, &p, n, theta, x, x, f));
    NTK_TRY(ntk_finite_check_rows(ctx, "f", 0, n, o, f));
done:
    return status;
}

ntk_status ntk_finite_jvp(ntk_context *ctx, const ntk_network *network, int64_t n, const void *theta, const void *x, const void *v, void *df)
{
    int64_t o = ntk_network_outputs(network);
    pass p = {ntk_tape_tangent, true, 2, 0, o};
    ntk_status status;
    NTK_TRY(run_chunks(ctx, network, &p, n, theta, x, v, df));
    NTK_TRY(ntk_finite_check_rows(ctx, "df", 0, n, o, df));
done:
    return status;
}

ntk_status ntk_finite_vjp(ntk_context *ctx, const ntk_network *network, int64_t n, const void *theta, const void *x, const void *u, void *g)
{
    pass p = {ntk_tape_backward, true, 3, ntk_network_outputs(network), 0};
    ntk_status status;
    memset(g, 0, (size_t)network->n_parameters * sizeof(real));
    NTK_TRY(run_chunks(ctx, network, &p, n, theta, x, u, g));
    NTK_TRY(ntk_finite_check_vector(ctx, "g", network->n_parameters, g));
done:
    return status;
}
