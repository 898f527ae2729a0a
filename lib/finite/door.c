/*
 * The public forward, jvp and vjp, in the type of theta: what goes in and out beside it has the same.  Results are computed into scratch and stored
 * at the end: an output may share memory with an input.
 */
#include "finite.h"

/* A checked argument as dense memory. */
typedef struct borrowed {
    const void *dense;
    void *copy;
} borrowed;

static ntk_status borrow(ntk_context *ctx, const ntk_array *a, borrowed *b)
{
    return ntk_borrow(ctx, a, &b->dense, &b->copy);
}

/* The same with its checks; ndim and shape as NTK_SHAPE. */
static ntk_status borrow_checked(ntk_context *ctx, const char *name, const ntk_array *a, ntk_dtype dtype, int ndim, const int64_t *shape, borrowed *b)
{
    ntk_status status;
    NTK_TRY(ntk_check_shape(ctx, name, a, dtype, ndim, shape));
    NTK_TRY(ntk_check_finite(ctx, name, a));
    NTK_TRY(borrow(ctx, a, b));
done:
    return status;
}

/* theta, whose type is that of the call, and x, common to all three. */
static ntk_status open_point(ntk_context *ctx, const ntk_network *network, const ntk_array *theta, const ntk_array *x, borrowed *t, borrowed *b)
{
    ntk_status status;
    NTK_TRY(ntk_finite_check_network(ctx, network));
    NTK_TRY(ntk_check_real(ctx, "theta", theta));
    NTK_TRY(borrow_checked(ctx, "theta", theta, theta->dtype, NTK_SHAPE(network->n_parameters), t));
    NTK_TRY(ntk_network_check_input(ctx, network, "x", x, theta->dtype));
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

typedef ntk_status (*function)(ntk_context *ctx, const ntk_network *network, int64_t n, const void *theta, const void *x, const void *in,
                               void *out);

/* Checks, runs into scratch, stores.  run: by dtype. */
static ntk_status evaluate(ntk_context *ctx, const ntk_network *network, const ntk_array *theta, const ntk_array *x, const function run[2],
                           const operand *given, const ntk_array *in, const operand *wanted, ntk_array *out)
{
    ntk_status status;
    borrowed t = {0}, b = {0}, direction = {0};
    void *result = NULL;
    int64_t shape[2];
    int ndim;
    NTK_TRY(open_point(ctx, network, theta, x, &t, &b));
    ndim = shape_of(given, network, x->shape[0], shape);
    NTK_TRY(borrow_checked(ctx, given->name, in, theta->dtype, ndim, shape, &direction));
    ndim = shape_of(wanted, network, x->shape[0], shape);
    NTK_TRY(ntk_check_output(ctx, wanted->name, out, theta->dtype, ndim, shape));
    NTK_TRY(ntk_allocate_raw(ctx, ntk_array_size(out), ntk_dtype_size(theta->dtype), &result));
    NTK_TRY(run[theta->dtype](ctx, network, x->shape[0], t.dense, b.dense, direction.dense, result));
    ntk_store(out, result);
done:
    ntk_free(result);
    ntk_free(direction.copy);
    ntk_free(b.copy);
    ntk_free(t.copy);
    return status;
}

ntk_status ntk_network_jvp(ntk_context *ctx, const ntk_network *network, const ntk_array *theta, const ntk_array *x, const ntk_array *v, ntk_array *df)
{
    static const function run[2] = NTK_BOTH(ntk_finite_jvp);
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, network);
    return evaluate(ctx, network, theta, x, run, &(operand){"v", false}, v, &(operand){"df", true}, df);
}

ntk_status ntk_network_vjp(ntk_context *ctx, const ntk_network *network, const ntk_array *theta, const ntk_array *x, const ntk_array *u, ntk_array *g)
{
    static const function run[2] = NTK_BOTH(ntk_finite_vjp);
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, network);
    return evaluate(ctx, network, theta, x, run, &(operand){"u", true}, u, &(operand){"g", false}, g);
}

/* ---- f --------------------------------------------------------------------------------------------------------- */

/* f of samples as they lie in x, or with masks and graphs as ntk_sites_pack() leaves them. */
static ntk_status run_forward(ntk_context *ctx, const ntk_network *network, const ntk_sites *sites, ntk_dtype dtype, int64_t n, const void *theta,
                              const void *x, void *f)
{
    ntk_status (*const at[2])(ntk_context *, const ntk_network *, const ntk_sites *, const void *, const void *, void *) = NTK_BOTH(ntk_finite_forward_at);
    ntk_status (*const plain[2])(ntk_context *, const ntk_network *, int64_t, const void *, const void *, void *) = NTK_BOTH(ntk_finite_forward);
    return sites->n_crops > 0 ? at[dtype](ctx, network, sites, theta, x, f) : plain[dtype](ctx, network, n, theta, x, f);
}

/* given: there is a place for a structure. */
static ntk_status forward(ntk_context *ctx, const ntk_network *network, const ntk_array *theta, const ntk_array *x, bool given, const ntk_structure *structure,
                          ntk_array *f)
{
    ntk_status status;
    borrowed t = {0}, b = {0};
    ntk_sites sites = {0};
    void *packed = NULL, *result = NULL;
    NTK_ENTER(ctx);
    NTK_REQUIRE(ctx, network);
    NTK_TRY(open_point(ctx, network, theta, x, &t, &b));
    NTK_TRY(ntk_check_output(ctx, "f", f, theta->dtype, NTK_SHAPE(x->shape[0], ntk_network_outputs(network))));
    if (given) NTK_TRY(ntk_sites_open(ctx, network, "x", x->shape[0], structure, &sites));
    NTK_TRY(ntk_finite_check_sites(ctx, network, &sites));
    if (sites.n_crops > 1) {
        NTK_TRY(ntk_copy_dense(ctx, x, &packed));
        ntk_sites_pack(&sites, theta->dtype, packed);
    }
    NTK_TRY(ntk_allocate_raw(ctx, ntk_array_size(f), ntk_dtype_size(theta->dtype), &result));
    NTK_TRY(run_forward(ctx, network, &sites, theta->dtype, x->shape[0], t.dense, packed ? packed : b.dense, result));
    ntk_store(f, result);
done:
    ntk_free(result);
    ntk_free(packed);
    ntk_sites_close(&sites);
    ntk_free(b.copy);
    ntk_free(t.copy);
    return status;
}

ntk_status ntk_network_forward(ntk_context *ctx, const ntk_network *network, const ntk_array *theta, const ntk_array *x, ntk_array *f)
{
    return forward(ctx, network, theta, x, false, NULL, f);
}

ntk_status ntk_network_forward_with(ntk_context *ctx, const ntk_network *network, const ntk_array *theta, const ntk_array *x, const ntk_structure *structure,
                                    ntk_array *f)
{
    return forward(ctx, network, theta, x, true, structure, f);
}
