/*
 * The public forward, jvp and vjp:  f(theta, x),   J v = d/ds f(theta + s v, x) at s = 0,   Jᵀ u = grad_theta sum(u f)
 * by forward-mode and reverse-mode differentiation of the program (Griewank & Walther 2008), about two and three times the cost of f:
 * exact derivatives, no step size.  Samples go through a tape in chunks, so that memory does not grow with n; a vjp adds up
 * over the chunks.  Results are computed into scratch and stored at the end: an output may share memory with an input.
 */
#include "finite.h"
#include "real.h"

#include <math.h>

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
        if (!s->op->finite)
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
    return ntk_fail(ctx, NTK_ERROR_OVERFLOW, "%s[%lld] exceeds the range of f64", name, (long long)at);
}

ntk_status ntk_finite_check_rows(ntk_context *ctx, const char *name, int64_t first, int64_t rows, int64_t width, const real *values)
{
    int64_t at = ntk_find_not_finite(NTK_REAL, values, rows * width);
    if (at < 0) return NTK_OK;
    return ntk_fail(ctx, NTK_ERROR_OVERFLOW, "%s[%lld, %lld] exceeds the range of f64", name, (long long)(first + at / width),
                    (long long)(at % width));
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

ntk_status ntk_finite_forward(ntk_context *ctx, const ntk_network *network, int64_t n, const real *theta, const real *x, real *f)
{
    int64_t o = ntk_network_outputs(network);
    pass p = {copy_result, false, 1, 0, o};
    ntk_status status;
    NTK_TRY(run_chunks(ctx, network, &p, n, theta, x, x, f));
    NTK_TRY(ntk_finite_check_rows(ctx, "f", 0, n, o, f));
done:
    return status;
}

ntk_status ntk_finite_jvp(ntk_context *ctx, const ntk_network *network, int64_t n, const real *theta, const real *x, const real *v, real *df)
{
    int64_t o = ntk_network_outputs(network);
    pass p = {ntk_tape_tangent, true, 2, 0, o};
    ntk_status status;
    NTK_TRY(run_chunks(ctx, network, &p, n, theta, x, v, df));
    NTK_TRY(ntk_finite_check_rows(ctx, "df", 0, n, o, df));
done:
    return status;
}

ntk_status ntk_finite_vjp(ntk_context *ctx, const ntk_network *network, int64_t n, const real *theta, const real *x, const real *u, real *g)
{
    pass p = {ntk_tape_backward, true, 3, ntk_network_outputs(network), 0};
    ntk_status status;
    for (int64_t j = 0; j < network->n_parameters; ++j) g[j] = 0;
    NTK_TRY(run_chunks(ctx, network, &p, n, theta, x, u, g));
    NTK_TRY(ntk_finite_check_vector(ctx, "g", network->n_parameters, g));
done:
    return status;
}

/* ---- the door -------------------------------------------------------------------------------------------------- */

/* A checked f64 argument as dense memory. */
typedef struct borrowed {
    const real *dense;
    void *copy;
} borrowed;

static ntk_status borrow(ntk_context *ctx, const ntk_array *a, borrowed *b)
{
    const void *dense = NULL;
    ntk_status status = ntk_borrow(ctx, a, &dense, &b->copy);
    b->dense = dense;
    return status;
}

/* The same with its checks; ndim and shape as NTK_SHAPE. */
static ntk_status borrow_checked(ntk_context *ctx, const char *name, const ntk_array *a, int ndim, const int64_t *shape, borrowed *b)
{
    ntk_status status;
    NTK_TRY(ntk_check_shape(ctx, name, a, NTK_REAL, ndim, shape));
    NTK_TRY(ntk_check_finite(ctx, name, a));
    NTK_TRY(borrow(ctx, a, b));
done:
    return status;
}

/* theta and x, common to all three. */
static ntk_status open_point(ntk_context *ctx, const ntk_network *network, const ntk_array *theta, const ntk_array *x, borrowed *t, borrowed *b)
{
    ntk_status status;
    NTK_TRY(ntk_finite_check_network(ctx, network));
    NTK_TRY(borrow_checked(ctx, "theta", theta, NTK_SHAPE(network->n_parameters), t));
    NTK_TRY(ntk_network_check_input(ctx, network, "x", x, NTK_REAL));
    NTK_TRY(borrow(ctx, x, b));
done:
    return status;
}

/* What goes in or out beside theta and x: [n, o] of the outputs, or [p] of the parameters. */
typedef struct operand {
    const char *name;
    bool outputs;
} operand;

/* Fills in the shape; returns its number of axes. */
static int shape_of(const operand *o, const ntk_network *network, int64_t n, int64_t shape[2])
{
    shape[0] = o->outputs ? n : network->n_parameters;
    shape[1] = ntk_network_outputs(network);
    return o->outputs ? 2 : 1;
}

typedef ntk_status (*function)(ntk_context *ctx, const ntk_network *network, int64_t n, const real *theta, const real *x, const real *in,
                               real *out);

/* Checks, runs into scratch, stores.  given NULL: the function has no `in`. */
static ntk_status evaluate(ntk_context *ctx, const ntk_network *network, const ntk_array *theta, const ntk_array *x, function run,
                           const operand *given, const ntk_array *in, const operand *wanted, ntk_array *out)
{
    ntk_status status;
    borrowed t = {0}, b = {0}, direction = {0};
    real *result = NULL;
    int64_t shape[2];
    int ndim;
    NTK_TRY(open_point(ctx, network, theta, x, &t, &b));
    if (given) {
        ndim = shape_of(given, network, x->shape[0], shape);
        NTK_TRY(borrow_checked(ctx, given->name, in, ndim, shape, &direction));
    }
    ndim = shape_of(wanted, network, x->shape[0], shape);
    NTK_TRY(ntk_check_output(ctx, wanted->name, out, NTK_REAL, ndim, shape));
    NTK_TRY(NTK_NEW_RAW(ctx, ntk_array_size(out), &result));
    NTK_TRY(run(ctx, network, x->shape[0], t.dense, b.dense, direction.dense, result));
    ntk_store(out, result);
done:
    ntk_free(result);
    ntk_free(direction.copy);
    ntk_free(b.copy);
    ntk_free(t.copy);
    return status;
}

static ntk_status forward_without_direction(ntk_context *ctx, const ntk_network *network, int64_t n, const real *theta, const real *x,
                                            const real *in, real *out)
{
    (void)in;
    return ntk_finite_forward(ctx, network, n, theta, x, out);
}

ntk_status ntk_network_forward(ntk_context *ctx, const ntk_network *network, const ntk_array *theta, const ntk_array *x, ntk_array *f)
{
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, network);
    return evaluate(ctx, network, theta, x, forward_without_direction, NULL, NULL, &(operand){"f", true}, f);
}

ntk_status ntk_network_jvp(ntk_context *ctx, const ntk_network *network, const ntk_array *theta, const ntk_array *x, const ntk_array *v, ntk_array *df)
{
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, network);
    return evaluate(ctx, network, theta, x, ntk_finite_jvp, &(operand){"v", false}, v, &(operand){"df", true}, df);
}

ntk_status ntk_network_vjp(ntk_context *ctx, const ntk_network *network, const ntk_array *theta, const ntk_array *x, const ntk_array *u, ntk_array *g)
{
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, network);
    return evaluate(ctx, network, theta, x, ntk_finite_vjp, &(operand){"u", true}, u, &(operand){"g", false}, g);
}

ntk_status ntk_network_forward_with(ntk_context *ctx, const ntk_network *network, const ntk_array *theta, const ntk_array *x, const ntk_structure *structure,
                                    ntk_array *f)
{
    ntk_status status;
    borrowed t = {0}, b = {0};
    ntk_sites sites = {0};
    real *packed = NULL, *result = NULL;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, network);
    NTK_TRY(open_point(ctx, network, theta, x, &t, &b));
    NTK_TRY(ntk_check_output(ctx, "f", f, NTK_REAL, NTK_SHAPE(x->shape[0], ntk_network_outputs(network))));
    NTK_TRY(ntk_sites_open(ctx, network, "x", x->shape[0], structure, &sites));
    NTK_TRY(ntk_finite_check_sites(ctx, network, &sites));
    NTK_TRY(ntk_copy_dense(ctx, x, (void **)&packed));
    ntk_sites_pack(&sites, NTK_REAL, packed);
    NTK_TRY(NTK_NEW_RAW(ctx, ntk_array_size(f), &result));
    if (sites.n_crops > 0) NTK_TRY(ntk_finite_forward_at(ctx, network, &sites, t.dense, packed, result));
    else NTK_TRY(ntk_finite_forward(ctx, network, x->shape[0], t.dense, packed, result));
    ntk_store(f, result);
done:
    ntk_free(result);
    ntk_free(packed);
    ntk_sites_close(&sites);
    ntk_free(b.copy);
    ntk_free(t.copy);
    return status;
}
