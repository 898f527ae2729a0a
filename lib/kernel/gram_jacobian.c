/*
 * The gram J D⁻¹ Jᵀ of a Jacobian, in its type: which way it is filled, and the handle.  The ways are in gram_ways.c, products without a matrix in
 * gram_products.c.
 */
#include "kernel.h"

const ntk_jacobian_gram_class *ntk_jacobian_gram_of(ntk_dtype dtype)
{
    static const ntk_jacobian_gram_class *const classes[2] = NTK_BOTH(ntk_jacobian_gram);
    return classes[dtype];
}

static double matrix_bytes(const ntk_gram *g)
{
    return (double)ntk_dtype_size(g->dtype) * (double)g->size * (double)g->size;
}

ntk_status ntk_gram_contract(ntk_context *ctx, const ntk_gram *gram, void *k)
{
    ntk_status status;
    ntk_way a = ntk_jacobian_gram_of(gram->dtype)->choose(ctx, gram);
    NTK_TRY(ntk_memory_require(ctx, "the gram", matrix_bytes(gram) + a.bytes));
    NTK_TRY(a.fill(ctx, gram, k));
    NTK_TRY(ntk_check_values(ctx, "an entry of J D^-1 J'", gram->dtype, gram->size, gram->size, k, gram->size));
done:
    return status;
}

/* ---- the handle ------------------------------------------------------------------------------------------------ */

static ntk_status check_algorithm(ntk_context *ctx, const ntk_jacobian *j, const ntk_optimizer *optimizer, ntk_algorithm algorithm)
{
    if (!ntk_algorithm_name(algorithm))
        return ntk_fail(ctx, NTK_ERROR_ARGUMENT, "algorithm is %d; expected auto, structured, contraction, products or mixed", (int)algorithm);
    if (algorithm != NTK_ALGORITHM_STRUCTURED) return NTK_OK;
    if (!j->network) return ntk_fail(ctx, NTK_ERROR_UNSUPPORTED, "structured needs the Jacobian of a network; this one is of %s", j->class->name);
    if (j->sites.n_crops > 0) return ntk_fail(ctx, NTK_ERROR_UNSUPPORTED, "structured takes no masks and graphs");
    return ntk_factors_check(ctx, j->network, optimizer);
}

/* Of a network without masks and graphs: the layers that go by factors of J. */
static ntk_status choose_layers(ntk_context *ctx, ntk_gram *g)
{
    ntk_status status;
    const ntk_jacobian *j = g->jacobian;
    bool all = g->algorithm == NTK_ALGORITHM_STRUCTURED;
    if (!j->network || j->sites.n_crops > 0 || g->algorithm == NTK_ALGORITHM_CONTRACTION) return NTK_OK;
    NTK_TRY(NTK_NEW(ctx, j->network->n_parametric, &g->factored));
    g->n_factored = all ? j->network->n_parametric : ntk_factors_choose(j->network, g->optimizer, NTK_OUTPUTS_FULL, g->factored);
    for (int64_t l = 0; all && l < g->n_factored; ++l) g->factored[l] = true;
done:
    return status;
}

static ntk_status fill(ntk_context *ctx, ntk_gram *g)
{
    ntk_status status;
    ntk_way a = ntk_jacobian_gram_of(g->dtype)->choose(ctx, g);
    NTK_TRY(ntk_memory_require(ctx, "the gram", matrix_bytes(g) + a.bytes));
    NTK_TRY(ntk_gram_new_matrix(ctx, g, NTK_KIND_NTK));
    NTK_TRY(ntk_gram_contract(ctx, g, g->owned[NTK_KIND_NTK]));
    g->algorithm = a.name;
done:
    return status;
}

ntk_status ntk_gram_from_jacobian_by(ntk_context *ctx, const ntk_jacobian *jacobian, const ntk_optimizer *optimizer, ntk_algorithm algorithm, ntk_gram **gram)
{
    ntk_status status;
    ntk_gram *g = NULL;
    NTK_ENTER_NEW(ctx, gram);
    NTK_REQUIRE(ctx, jacobian);
    NTK_TRY(ntk_optimizer_check(ctx, optimizer, jacobian->columns));
    NTK_TRY(check_algorithm(ctx, jacobian, optimizer, algorithm));
    NTK_TRY(NTK_NEW_HANDLE(ctx, &g));
    g->storage = &ntk_full_storage;
    g->jacobian = ntk_retain(jacobian);
    g->optimizer = ntk_retain(optimizer);
    g->dtype = jacobian->dtype;
    g->size = jacobian->rows;
    g->per_sample = jacobian->outputs;
    g->algorithm = algorithm;
    NTK_TRY(choose_layers(ctx, g));
    if (algorithm != NTK_ALGORITHM_PRODUCTS) NTK_TRY(fill(ctx, g));
    *gram = g;
    g = NULL;
done:
    ntk_gram_destroy(g);
    return status;
}

ntk_status ntk_gram_from_jacobian(ntk_context *ctx, const ntk_jacobian *jacobian, const ntk_optimizer *optimizer, ntk_gram **gram)
{
    return ntk_gram_from_jacobian_by(ctx, jacobian, optimizer, NTK_ALGORITHM_AUTO, gram);
}

ntk_algorithm ntk_gram_algorithm(const ntk_gram *gram)
{
    return gram ? gram->algorithm : NTK_ALGORITHM_AUTO;
}
