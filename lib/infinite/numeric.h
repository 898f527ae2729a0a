/*
 * numeric: activations without a closed form, by Hermite series (numeric.c).  A record needs phi, phi' and, if phi has a kink at
 * zero, the jumps of its derivatives there.
 */
#ifndef NTK_NUMERIC_H
#define NTK_NUMERIC_H

#include "infinite.h"

/** plan->k: how many jumps, then J_1, J_2, ...: phi^(r)(0+) - phi^(r)(0-).  No jumps: phi is smooth. */
enum { NTK_NUMERIC_JUMPS, NTK_NUMERIC_FIRST_JUMP, NTK_NUMERIC_MOST_JUMPS = 40 };

extern const ntk_pairs_variants ntk_numeric_smooth_pairs, ntk_numeric_kinked_pairs;
int ntk_numeric_smooth_columns(const double *p);
int ntk_numeric_kinked_columns(const double *p);
void ntk_numeric_smooth_constants(const double *p, double *k);
void ntk_numeric_norms(const ntk_plan *plan, int64_t n, double *table);

#endif
