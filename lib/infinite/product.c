/*
 * Products of branches at infinite width: K' = prod K_i, Theta' = sum_i Theta_i prod_{j != i} K_j (docs/mathematics.md §2.4).
 *
 * Exact when the branches are independent of each other: all but at most one must have weights of their own.
 *
 *     alpha' = prod alpha_i,    rho' = prod rho_i,    gap' = 1 - prod (1 - gap_i):   g := g + gap_i (1 - g), non-negative terms
 *
 * The NTK is built branch by branch: (K, Theta) := (K K_i, Theta K_i + K Theta_i), K = a b rho with the lengths so far.
 */
#include "hot.h"

#if defined(NTK_HOT)

typedef struct products {
    real k[NTK_RUN], rho[NTK_RUN], gap[NTK_RUN], theta[NTK_RUN];
} products;

static void multiply_branch(const ntk_plan *plan, const ntk_run *run, int branch, products *t)
{
    state in = state_of(run, plan->input_slots[branch]);
    real alpha = row_of(run, plan->input_alphas[branch]);
    const real *beta = column_of(run, plan->input_alphas[branch]);
    NTK_RUN_LOOP(j, run)
    {
        real k = alpha * beta[j] * in.rho[j];
        t->theta[j] = t->theta[j] * k + t->k[j] * in.theta[j];
        t->k[j] *= k;
        t->rho[j] *= in.rho[j];
        t->gap[j] += in.gap[j] * (1 - t->gap[j]);
    }
}

void NTK_HOT_NAME(product_pairs)(const ntk_plan *plan, const ntk_run *run);
void NTK_HOT_NAME(product_pairs)(const ntk_plan *plan, const ntk_run *run)
{
    products t;
    state out = state_of(run, plan->output_slot);
    NTK_RUN_LOOP(j, run) t.k[j] = t.rho[j] = 1;
    NTK_RUN_LOOP(j, run) t.gap[j] = t.theta[j] = 0;
    for (int i = 0; i < plan->step->n_inputs; ++i) multiply_branch(plan, run, i, &t);
    NTK_RUN_LOOP(j, run)
    {
        out.rho[j] = t.rho[j];
        out.gap[j] = t.gap[j];
        out.theta[j] = t.theta[j];
    }
}

#else

NTK_VARIANTS(product_pairs)

static ntk_status product_plan(ntk_context *ctx, ntk_reading *reading, ntk_plan *plan)
{
    const ntk_step *s = plan->step;
    ntk_branch_nature b = ntk_branch_nature_of(reading, s);
    if (b.dependent > 1)
        return ntk_fail(ctx, NTK_ERROR_NO_RULE,
                        "%s: %d branches of the product have no weights of their own, so they depend on each other, and no exact rule is known",
                        s->layer->path, b.dependent);
    reading->natures[s->output].gaussian = false;
    reading->natures[s->output].zero_mean = b.any_zero_mean;
    reading->natures[s->output].root = b.root;
    return NTK_OK;
}

static void product_norms(const ntk_plan *plan, int64_t n, double *table)
{
    double *out = table + plan->output_alpha * n;
    for (int64_t i = 0; i < n; ++i) out[i] = 1;
    for (int b = 0; b < plan->step->n_inputs; ++b)
        for (int64_t i = 0; i < n; ++i) out[i] *= table[plan->input_alphas[b] * n + i];
}

static const ntk_pairs_variants *pairs(const ntk_plan *plan)
{
    (void)plan;
    return &product_pairs;
}

const ntk_infinite_op ntk_infinite_product = {product_plan, product_norms, pairs, NULL};

#endif
