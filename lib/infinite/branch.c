/*
 * Sums of branches at infinite width (docs/mathematics.md §2.4): K' = sum K_i, Theta' = sum Theta_i.
 *
 * Exact when the cross moments E[u_i v_j] vanish: all branches but at most one must end in weights of their own (zero mean,
 * independent of everything before).  In distance form, with shares r_i = alpha_i / alpha':
 *
 *     omega' = sum ½ (r_i - s_i)² + r_i s_i omega_i         (the same with 1 + rho for opposite inputs)
 */
#include "hot.h"

#if defined(NTK_HOT)

typedef struct sums {
    real omega[NTK_RUN], opposite[NTK_RUN], rho[NTK_RUN], theta[NTK_RUN];
} sums;

static void add_branch(const ntk_run *run, int column, state in, sums *t)
{
    real r = row_of(run, column);
    const real *s = column_of(run, column);
    NTK_RUN_LOOP(j, run)
    {
        real half = REAL(0.5) * (r - s[j]) * (r - s[j]), rs = r * s[j];
        t->omega[j] += half + rs * omega_of(in.rho[j], in.gap[j]);
        t->opposite[j] += half + rs * opposite_of(in.rho[j], in.gap[j]);
        t->rho[j] += rs * in.rho[j];
        t->theta[j] += in.theta[j];
    }
}

void NTK_HOT_NAME(sum_pairs)(const ntk_plan *plan, const ntk_run *run);
void NTK_HOT_NAME(sum_pairs)(const ntk_plan *plan, const ntk_run *run)
{
    sums t = {{0}, {0}, {0}, {0}};
    state out = state_of(run, plan->output_slot);
    for (int i = 0; i < plan->step->n_inputs; ++i) add_branch(run, plan->first_column + i, state_of(run, plan->input_slots[i]), &t);
    NTK_RUN_LOOP(j, run)
    {
        out.rho[j] = t.rho[j];
        out.gap[j] = t.rho[j] >= 0 ? t.omega[j] : t.opposite[j];
        out.theta[j] = t.theta[j];
    }
}

#else

#include <math.h>

NTK_VARIANTS(sum_pairs)

static ntk_status branch_plan(ntk_context *ctx, ntk_reading *reading, ntk_plan *plan)
{
    const ntk_step *s = plan->step;
    int not_fresh = 0;
    bool gaussian = true;
    for (int i = 0; i < s->n_inputs; ++i) {
        const ntk_nature *in = &reading->natures[s->inputs[i]];
        not_fresh += s->inputs[i] == s->entry || !in->fresh;
        gaussian = gaussian && in->gaussian;
    }
    if (not_fresh > 1)
        return ntk_fail(ctx, NTK_ERROR_NO_RULE,
                        "%s: %d branches of the sum do not end in a parametric layer of their own; their cross moments do not vanish, "
                        "and an exact rule is known for at most one such branch", s->layer->path, not_fresh);
    reading->natures[s->output].gaussian = gaussian;
    reading->natures[s->output].fresh = not_fresh == 0;
    plan->columns = s->n_inputs;
    return NTK_OK;
}

static void branch_norms(const ntk_plan *plan, int64_t n, double *table)
{
    double *out = table + plan->output_alpha * n;
    for (int64_t i = 0; i < n; ++i) out[i] = 0;
    for (int b = 0; b < plan->step->n_inputs; ++b)
        for (int64_t i = 0; i < n; ++i) out[i] = hypot(out[i], table[plan->input_alphas[b] * n + i]);
    for (int b = 0; b < plan->step->n_inputs; ++b)
        for (int64_t i = 0; i < n; ++i)
            table[(plan->first_column + b) * n + i] = out[i] > 0 ? table[plan->input_alphas[b] * n + i] / out[i] : 0;
}

static const ntk_pairs_variants *branch_pairs(const ntk_plan *plan)
{
    (void)plan;
    return &sum_pairs;
}

const ntk_infinite_op ntk_infinite_branch = {branch_plan, branch_norms, branch_pairs};

#endif
