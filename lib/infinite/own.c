/*
 * An activation of the program's own in the loop over pairs: the Hermite series of own_series.c, and, where the inputs are so near that
 * its terms do not end, the double integral of own_pair.c.
 */
#include "hot.h"
#include "pieces.h"

#if defined(NTK_HOT)

#include "numeric_terms.h"

/* Series of D_k in place of those of d_k for K; the sums of K. stay. */
static inline void take_jumps(const ntk_plan *plan, const ntk_run *run, pairs *p, sums *even, sums *odd)
{
    sums with_even, with_odd;
    int c = plan->first_column, column = c + NTK_OWN_JUMPS;
    clear(&with_even);
    clear(&with_odd);
    add_series(p, column, terms_of(run, c + NTK_NUMERIC_EVEN_TERMS), 0, NULL, &with_odd);
    add_series(p, column + NTK_NUMERIC_SMOOTH_TERMS / 2, terms_of(run, c + NTK_NUMERIC_ODD_TERMS), 1, NULL, &with_even);
    NTK_RUN_LOOP(j, run)
    {
        with_odd.dot[j] = odd->dot[j];
        with_even.dot[j] = even->dot[j];
    }
    *even = with_even;
    *odd = with_odd;
}

/* Pair j by the double integral. */
static void integrate(const ntk_plan *plan, const ntk_run *run, int64_t j, real rho, real gap, real theta)
{
    state out = state_of(run, plan->output_slot);
    real a = row_of(run, plan->output_alpha), b = column_of(run, plan->output_alpha)[j];
    ntk_own_pair pair = {.alpha = row_of(run, plan->input_alpha), .beta = column_of(run, plan->input_alpha)[j],
                         .inverse_a = a > 0 ? 1 / (double)a : 0, .inverse_b = b > 0 ? 1 / (double)b : 0, .rho = rho, .gap = gap};
    ntk_own_expect(plan->pieces, &pair);
    out.theta[j] = theta * REAL(pair.dot);
    out.rho[j] = REAL(pair.after > 0.5 ? 1 - pair.same : pair.after < -0.5 ? pair.opposite - 1 : pair.after);
    out.gap[j] = REAL(out.rho[j] >= 0 ? (pair.after > 0.5 ? pair.same : 1 - pair.after) : (pair.after < -0.5 ? pair.opposite : 1 + pair.after));
}

void NTK_HOT_NAME(own_pairs)(const ntk_plan *plan, const ntk_run *run);
void NTK_HOT_NAME(own_pairs)(const ntk_plan *plan, const ntk_run *run)
{
    int c = plan->first_column;
    state in = state_of(run, plan->input_slot), out = state_of(run, plan->output_slot);
    real near = row_of(run, c + NTK_OWN_NEAR), rho[NTK_RUN], theta[NTK_RUN];
    const real *nears = column_of(run, c + NTK_OWN_NEAR);
    pairs p;
    sums even, odd;
    open_pairs(plan, run, &p);
    find_brief(plan, run, &p);
    clear(&even);
    clear(&odd);
    add_series(&p, p.column, terms_of(run, c + NTK_NUMERIC_EVEN_TERMS), 0, NULL, &odd);
    add_series(&p, p.column + NTK_NUMERIC_SMOOTH_TERMS / 2, terms_of(run, c + NTK_NUMERIC_ODD_TERMS), 1, NULL, &even);
    if (plan->pieces->any_jump) take_jumps(plan, run, &p, &even, &odd);
    NTK_RUN_LOOP(j, run)
    {
        rho[j] = in.rho[j];
        theta[j] = in.theta[j];
    }
    finish(plan, &p, &even, &odd);
    for (int64_t j = 0; j < run->wanted; ++j) {
        real limit = near > nears[j] ? near : nears[j];
        if (p.gap[j] < limit) integrate(plan, run, j, rho[j], p.gap[j], theta[j]);
        else if (limit > 0) out.gap[j] = 1 - ntk_abs(out.rho[j]); /* the distance needs all terms, and here is not small */
    }
}

#else

#include "numeric.h"

NTK_VARIANTS(own_pairs)

_Static_assert((int)NTK_OWN_NEAR == (int)NTK_NUMERIC_SERIES + NTK_NUMERIC_SMOOTH_TERMS, "the columns of own.c follow those of a smooth series");

static void own_constants(const double *p, double *k)
{
    (void)p;
    k[NTK_NUMERIC_JUMPS] = 0;
}

ntk_status ntk_own_open(ntk_context *ctx, ntk_plan *plan)
{
    ntk_status status = ntk_pieces_create(ctx, plan->step->layer, &plan->pieces);
    if (status == NTK_OK) plan->columns = NTK_OWN_JUMPS + (plan->pieces->any_jump ? NTK_NUMERIC_SMOOTH_TERMS : 0);
    return status;
}

const ntk_dual ntk_own_dual = {0, NULL, own_constants, ntk_own_norms, &own_pairs};

#endif
