/*
 * solve: (K + ridge I) by Cholesky.
 *
 *   solver.c      the factor, solutions, log-determinant
 *   backward.c    how good a solution is
 */
#ifndef NTK_SOLVE_H
#define NTK_SOLVE_H

#include "duality.h"

struct ntk_solver {
    ntk_object object;
    ntk_gram *gram; /* alive for the backward error, and for its size and dtype */
    ntk_kind kind;
    double ridge;
    void *factor;   /* [N, N], lower triangle, of the gram's dtype */
};

/** b [N, m], dense, of the gram's dtype, becomes (K + ridge I)⁻¹ b. */
ntk_status ntk_solver_apply(ntk_context *ctx, const ntk_solver *solver, int64_t m, void *b);

#endif
