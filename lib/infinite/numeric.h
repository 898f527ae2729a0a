/*
 * numeric: activations with a kink at zero and no closed form, by Hermite series (numeric.c; the coefficients: numeric_series.c).  A record needs phi, phi' and
 * the jumps of its derivatives there.  Smooth ones go by own.c.
 */
#ifndef NTK_NUMERIC_H
#define NTK_NUMERIC_H

#include "infinite.h"
#include "numeric_nodes.h"

/** plan->k: how many jumps, then J_1, J_2, ...: phi^(r)(0+) - phi^(r)(0-).  No jumps: phi is smooth. */
enum { NTK_NUMERIC_JUMPS, NTK_NUMERIC_FIRST_JUMP, NTK_NUMERIC_MOST_JUMPS = 40 };

/** Table columns: alpha/alpha', c_0/alpha', share of the even degrees, terms in use, then the d_k: even k, odd k. */
enum {
    NTK_NUMERIC_RATIO,
    NTK_NUMERIC_MEAN,
    NTK_NUMERIC_EVEN_SHARE,
    NTK_NUMERIC_EVEN_TERMS,
    NTK_NUMERIC_ODD_TERMS,
    NTK_NUMERIC_SERIES
};
#define NTK_NUMERIC_SMOOTH_TERMS 1280 /* tanh at variance 25 needs about 1100 */
#define NTK_NUMERIC_TAIL (NTK_NUMERIC_NODES * NTK_NUMERIC_OCTAVES)
#define NTK_NUMERIC_HALF (NTK_NUMERIC_TERMS / 2)
#define NTK_NUMERIC_KINKED_TERMS (NTK_NUMERIC_HALF + NTK_NUMERIC_TAIL) /* of one parity */

extern const ntk_pairs_variants ntk_numeric_kinked_pairs;
int ntk_numeric_kinked_columns(const double *p);
void ntk_numeric_norms(const ntk_plan *plan, int64_t n, double *table);

#endif
